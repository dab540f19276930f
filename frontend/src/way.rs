//! Addresses of the page, taken apart.

/// Path and query of an address of this page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// `/market/kraken/btc-usd`.
    pub path: String,
    /// `account=lead&order=7`, as it stands in the address.
    pub query: String,
}

impl Place {
    /// Of an address without its host; a fragment is left out.
    #[must_use]
    pub fn of(address: &str) -> Self {
        let address = address.split('#').next().unwrap_or_default();
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        Self { path: path.to_owned(), query: query.to_owned() }
    }

    /// The first, second and third part of the path; empty where there is none.
    #[must_use]
    pub fn part(&self, place: usize) -> &str {
        self.path.trim_matches('/').split('/').nth(place).unwrap_or_default()
    }

    /// A parameter of the query as it stands in the address; empty where there is none.
    #[must_use]
    pub fn parameter(&self, name: &str) -> &str {
        let named = |pair: &str| pair.split_once('=').is_some_and(|(key, _)| key == name);
        let pair = self.query.split('&').find(|pair| named(pair)).unwrap_or_default();
        pair.split_once('=').map(|(_, value)| value).unwrap_or_default()
    }

    /// Whether a link to `href` leads to where we are: the same page, or one above it.
    #[must_use]
    pub fn is_at(&self, href: &str) -> bool {
        let wanted = href.trim_matches('/');
        let here = self.path.trim_matches('/');
        here == wanted || (!wanted.is_empty() && here.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let place = Place::of("/market/binance-us/btc-usdt?account=lead&order=7#top");
        assert_eq!([0, 1, 2, 3].map(|part| place.part(part)), ["market", "binance-us", "btc-usdt", ""]);
        assert_eq!((place.parameter("order"), place.parameter("orde"), place.parameter("x")), ("7", "", ""));
        assert_eq!(Place::of("/").part(0), "");
    }

    #[test]
    fn a_page_knows_whether_a_link_leads_to_it() {
        let place = Place::of("/market/kraken/btc-usd");
        assert!(place.is_at("/market") && !place.is_at("/mark") && !place.is_at("/"));
        assert!(Place::of("/").is_at("/"));
    }
}
