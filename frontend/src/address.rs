//! Addresses of market pages: `/market/binance-us/btc-usdt`.

use wire::Instrument;

/// The path of an instrument's page.
#[must_use]
pub fn market(instrument: &Instrument) -> String {
    format!("/market/{}/{}", slug(&instrument.venue), slug(&instrument.pair))
}

/// The instrument a path names; `None` when there is none.
#[must_use]
pub fn find<'a>(catalogue: &'a [Instrument], venue: &str, pair: &str) -> Option<&'a Instrument> {
    catalogue.iter().find(|i| slug(&i.venue) == venue && slug(&i.pair) == pair)
}

/// A name in the letters an address may hold: small letters and digits, everything else a dash.
#[must_use]
pub fn slug(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_instrument() {
        let instrument = |id, venue: &str, pair: &str| Instrument {
            id,
            venue: venue.into(),
            pair: pair.into(),
            price_decimals: 2,
            qty_decimals: 8,
            tick: 1,
        };
        let catalogue = [instrument(0, "Kraken", "BTC/USD"), instrument(1, "Binance.US", "BTC/USDT")];
        assert_eq!(market(&catalogue[1]), "/market/binance-us/btc-usdt");
        assert_eq!(find(&catalogue, "binance-us", "btc-usdt"), Some(&catalogue[1]));
        assert_eq!(find(&catalogue, "kraken", "eth-usd"), None);
    }
}
