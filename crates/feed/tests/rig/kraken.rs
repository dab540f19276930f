//! Kraken's side of a conversation.

use std::time::Duration;

use types::Venue;

use super::Rig;

pub(crate) const HEARTBEAT: &str = r#"{"channel":"heartbeat"}"#;
pub(crate) const SNAPSHOT: &str = include_str!("../../fixtures/kraken_guide_snapshot.json");
/// Adds bid 45284.0 x 0.50000000 to the guide's book.
pub(crate) const UPDATE: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":45284.0,"qty":0.50000000}],"asks":[],"checksum":1818405665,"timestamp":"2023-10-06T17:35:56.440295Z"}]}"#;
pub(crate) const WRONG: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":45284.0,"qty":0.4}],"asks":[],"checksum":1,"timestamp":"2023-10-06T17:35:56.440295Z"}]}"#;

pub(crate) fn pair(symbol: &str, price_precision: u8) -> String {
    let (base, quote) = symbol.split_once('/').expect("a pair");
    format!(
        r#"{{"symbol":"{symbol}","base":"{base}","quote":"{quote}","status":"online","qty_precision":8,"qty_increment":1e-8,"price_precision":{price_precision},"price_increment":0.1,"qty_min":0.00005,"cost_min":"0.5"}}"#
    )
}

pub(crate) fn rules(pairs: &[String]) -> String {
    let pairs = pairs.join(",");
    format!(r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":[{pairs}]}}}}"#)
}

/// Connected, rules learned, everything subscribed and answered, book of BTC/USD live.
pub(crate) fn live(symbols: &[&str]) -> Rig {
    let mut rig = Rig::new(Venue::Kraken, symbols, |settings| {
        settings.book_depth = 10;
        settings.history_minutes = 0;
    });
    rig.connect();
    let pairs: Vec<String> = symbols.iter().map(|symbol| pair(symbol, 1)).collect();
    rig.frame(&rules(&pairs));
    rig.pass(Duration::from_secs(1));
    for symbol in symbols {
        for channel in ["book", "trade", "ohlc"] {
            rig.frame(&format!(
                r#"{{"method":"subscribe","result":{{"channel":"{channel}","symbol":"{symbol}"}},"success":true,"req_id":1}}"#
            ));
        }
    }
    rig.frame(SNAPSHOT);
    rig.forget();
    rig
}
