//! Addresses without what only tracks readers.

use url::Url;

/// Longest address that is kept, bytes.
pub const URL_BYTES_MAX: usize = 2_048;

/// Parameters that say who sent the reader, and not what is read.
const TRACKING: [&str; 16] = [
    "fbclid", "gclid", "dclid", "msclkid", "twclid", "yclid", "igshid", "mc_cid", "mc_eid", "cmpid", "cmp", "ito",
    "ref", "ref_src", "ncid", "sref",
];

/// The address without fragment and tracking parameters; `None` for what is no web address.
#[must_use]
pub fn clean(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > URL_BYTES_MAX {
        return None;
    }
    let mut url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return None;
    }
    url.set_fragment(None);
    let is_tracking = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("utm_") || TRACKING.contains(&name.as_str())
    };
    if url.query_pairs().any(|(name, _)| is_tracking(&name)) {
        let kept: Vec<(String, String)> =
            url.query_pairs().filter(|(name, _)| !is_tracking(name)).map(|(n, v)| (n.into(), v.into())).collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    // Escapes make it longer.
    Some(String::from(url)).filter(|url| url.len() <= URL_BYTES_MAX)
}

/// What two addresses of the same page have in common: no scheme, no `www.`, no slash at the end.
#[must_use]
pub fn key(text: &str) -> Option<String> {
    let url = Url::parse(&clean(text)?).ok()?;
    let host = url.host_str()?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    let mut pairs: Vec<(String, String)> = url.query_pairs().map(|(n, v)| (n.into(), v.into())).collect();
    pairs.sort();
    let mut key = format!("{host}{}", url.path().trim_end_matches('/'));
    for (sign, (name, value)) in std::iter::once('?').chain(std::iter::repeat('&')).zip(pairs) {
        key.push(sign);
        key.push_str(&name);
        key.push('=');
        key.push_str(&value);
    }
    Some(key)
}

/// The host of an address without `www.`.
#[must_use]
pub fn host(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok()?;
    url.host_str().map(|host| host.strip_prefix("www.").unwrap_or(host).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracking_goes_and_the_rest_stays() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(clean(text).as_deref(), expected, "{text}");
        check("https://a.com/x?utm_source=rss&utm_medium=rss", Some("https://a.com/x"));
        check("https://a.com/?p=33464&fbclid=Z#top", Some("https://a.com/?p=33464"));
        check(" HTTPS://A.com/x ", Some("https://a.com/x"));
        check("https://a.com/x?a=%20b", Some("https://a.com/x?a=%20b"));
        check("javascript:alert(1)", None);
        check("nonsense", None);
        check(&format!("https://a.com/{}", "x".repeat(URL_BYTES_MAX)), None);
    }

    #[test]
    fn one_page_has_one_key() {
        let expected = Some("a.com/x?a=1&b=2".to_owned());
        for text in ["https://www.a.com/x/?b=2&a=1", "http://a.com/x?a=1&b=2&utm_campaign=z#f"] {
            assert_eq!(key(text), expected);
        }
        assert_ne!(key("https://a.com/?p=1"), key("https://a.com/?p=2"));
    }
}
