//! One request to a source: its headers, and of a body no more than it may have.

use anyhow::{Context, bail, ensure};
use news::schedule;
use reqwest::header::{
    self, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED,
    LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Url};

/// How often one request is sent elsewhere for the moment. For good is decided by the schedule.
const DETOURS_MAX: usize = 3;
/// Most of an error's body that is looked at, bytes.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// A header with the owner's key.
pub(super) type Key = (HeaderName, HeaderValue);

/// What came.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    pub(super) status: u16,
    headers: HeaderMap,
    /// The body of a 200, and the beginning of a refusal's.
    pub(super) body: Vec<u8>,
}

impl Fetched {
    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The charset that the header names.
    pub(super) fn charset(&self) -> Option<String> {
        let kind = self.text(&CONTENT_TYPE)?;
        let named = kind.split(';').skip(1).find_map(|part| part.trim().strip_prefix("charset="))?;
        Some(named.trim_matches('"').chars().take(40).collect())
    }

    /// The answer as the schedule wants it told.
    pub(super) fn answer(&self) -> schedule::Answer<'_> {
        schedule::Answer {
            status: self.status,
            etag: self.text(&ETAG),
            last_modified: self.text(&LAST_MODIFIED),
            cache_control: self.text(&CACHE_CONTROL),
            retry_after: self.text(&RETRY_AFTER),
            location: self.text(&LOCATION),
            ..schedule::Answer::default()
        }
    }
}

/// The header in which a source of that kind wants a key.
pub(super) fn key(format: news::read::Format, secret: &str) -> anyhow::Result<Key> {
    let secret = secret.trim();
    ensure!(!secret.is_empty(), "is empty");
    let (name, value) = match format {
        news::read::Format::NewsApi => (HeaderName::from_static("x-api-key"), secret.to_owned()),
        news::read::Format::CryptoCompare => (AUTHORIZATION, format!("Apikey {secret}")),
        _ => (AUTHORIZATION, format!("Bearer {secret}")),
    };
    let mut value = HeaderValue::from_str(&value).ok().context("holds what no header takes")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Asks. Addresses of the moment (302, 303, 307) are followed, but never from an encrypted one to one that is not, and the key goes to
/// nobody else.
///
/// # Errors
/// In words, without the address: no connection, a body that is too large or broke off, too many detours.
pub(super) async fn fetch(
    client: &Client,
    request: &schedule::Request,
    key: Option<&Key>,
    bytes_max: usize,
) -> anyhow::Result<Fetched> {
    let first: Url = request.address.parse().context("not an address")?;
    let mut url = first.clone();
    for _ in 0..=DETOURS_MAX {
        let mut call = client.get(url.clone());
        if let Some(etag) = &request.if_none_match {
            call = call.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(modified) = &request.if_modified_since {
            call = call.header(header::IF_MODIFIED_SINCE, modified);
        }
        if let Some((name, value)) = key.filter(|_| url.origin() == first.origin()) {
            call = call.header(name, value);
        }
        let mut response = call.send().await.map_err(reqwest::Error::without_url).context("no answer")?;
        let mut fetched =
            Fetched { status: response.status().as_u16(), headers: response.headers().clone(), body: Vec::new() };
        match fetched.status {
            302 | 303 | 307 => {
                let next = fetched.text(&LOCATION).and_then(|location| url.join(location).ok());
                let next = next.context("it sends elsewhere and does not say where")?;
                let is_safe = next.scheme() == "https" || (next.scheme() == "http" && url.scheme() == "http");
                ensure!(is_safe, "it sends from an encrypted address to {}://", next.scheme());
                url = next;
            }
            200 => {
                let told = response.content_length().unwrap_or(0);
                ensure!(told <= bytes_max as u64, "{told} bytes are more than {bytes_max}");
                while let Some(bytes) =
                    response.chunk().await.map_err(reqwest::Error::without_url).context("broke off")?
                {
                    ensure!(fetched.body.len() + bytes.len() <= bytes_max, "more than {bytes_max} bytes");
                    fetched.body.extend_from_slice(&bytes);
                }
                return Ok(fetched);
            }
            400.. => {
                while let Ok(Some(bytes)) = response.chunk().await {
                    let room = ERROR_BYTES_MAX - fetched.body.len();
                    fetched.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                    if fetched.body.len() == ERROR_BYTES_MAX {
                        break;
                    }
                }
                return Ok(fetched);
            }
            _ => return Ok(fetched),
        }
    }
    bail!("it sends elsewhere more than {DETOURS_MAX} times")
}

#[cfg(test)]
mod tests {
    use news::read::Format;

    use super::*;

    #[test]
    fn a_key_has_the_header_of_its_service_and_is_never_shown() {
        let (name, value) = key(Format::NewsApi, " abc\n").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-api-key", "abc"));
        assert_eq!(format!("{value:?}"), "Sensitive");
        assert_eq!(key(Format::CryptoCompare, "abc").unwrap().1.to_str().unwrap(), "Apikey abc");
        assert_eq!(key(Format::Feed, "abc").unwrap().1.to_str().unwrap(), "Bearer abc");
        assert!(key(Format::Feed, " ").is_err() && key(Format::Feed, "a\u{7}b").is_err());
    }
}
