//! Kraken's names: `BTC` is `XBT`, old currencies carry an `X` or a `Z`, and REST answers under yet another key.

use crate::market::listing::Listing;

/// The names of one pair on the REST interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PairNames {
    /// Key of REST answers, `XXBTZUSD` or `XBTUSDT`.
    pub(super) key: String,
    /// What requests use, `XBTUSD`.
    pub(super) altname: String,
    /// WebSocket v1 name, `XBT/USD`.
    pub(super) wsname: String,
    /// Asset keys, `XXBT` and `ZUSD`.
    pub(super) base: String,
    pub(super) quote: String,
}

impl PairNames {
    pub(super) fn of(listing: &Listing) -> Self {
        let (base, quote) = (spelling(&listing.settings.base), spelling(&listing.settings.quote));
        let (base_key, quote_key) = (asset_key(base), asset_key(quote));
        let altname = format!("{base}{quote}");
        // The long key is used only where both currencies are old ones.
        let is_old = base_key.len() == 4 && base_key != base && quote_key != quote;
        let key = if is_old { format!("{base_key}{quote_key}") } else { altname.clone() };
        Self { key, altname, wsname: format!("{base}/{quote}"), base: base_key, quote: quote_key }
    }

    /// Whether a request's `pair` means this pair.
    pub(super) fn is_called(&self, pair: &str) -> bool {
        [&self.key, &self.altname, &self.wsname].into_iter().any(|name| name == pair)
    }
}

fn spelling(currency: &str) -> &str {
    match currency {
        "BTC" => "XBT",
        "DOGE" => "XDG",
        other => other,
    }
}

/// Key of a currency in Kraken's asset list, as in the `AssetPairs` answer of April 2021.
fn asset_key(currency: &str) -> String {
    match currency {
        "XBT" | "XDG" | "ETH" | "ETC" | "LTC" | "XLM" | "XMR" | "XRP" | "ZEC" => format!("X{currency}"),
        "USD" | "EUR" | "GBP" | "CAD" | "JPY" | "AUD" => format!("Z{currency}"),
        _ => currency.to_owned(),
    }
}
