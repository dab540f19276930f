//! Binance.US's side of a conversation.

use std::time::Duration;

use feed::Request;
use types::Venue;

use super::Rig;

pub(crate) const ANSWER: &str = r#"{"result":null,"id":1}"#;

pub(crate) fn info(symbols: &[&str]) -> String {
    let rows: Vec<String> = symbols
        .iter()
        .map(|symbol| {
            format!(
                r#"{{"symbol":"{symbol}","status":"TRADING","baseAsset":"{}","quoteAsset":"USDT","filters":[{{"filterType":"PRICE_FILTER","tickSize":"0.01000000"}},{{"filterType":"LOT_SIZE","stepSize":"0.00010000","minQty":"0.00010000"}}]}}"#,
                symbol.trim_end_matches("USDT")
            )
        })
        .collect();
    format!(
        r#"{{"serverTime":1,"rateLimits":[{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}}],"symbols":[{}]}}"#,
        rows.join(",")
    )
}

pub(crate) fn depth(symbol: &str, first: u64, last: u64, bids: &str, asks: &str) -> String {
    let stream = symbol.to_lowercase();
    format!(
        r#"{{"stream":"{stream}@depth@100ms","data":{{"e":"depthUpdate","E":NOW_MS,"s":"{symbol}","U":{first},"u":{last},"b":[{bids}],"a":[{asks}]}}}}"#
    )
}

pub(crate) fn snapshot(last: u64) -> String {
    format!(
        r#"{{"lastUpdateId":{last},"bids":[["10.00000000","1.00000000"],["9.00000000","2.00000000"]],"asks":[["11.00000000","1.50000000"]]}}"#
    )
}

/// Connected, rules learned, streams subscribed and accepted.
pub(crate) fn subscribed(symbols: &[&str]) -> Rig {
    let mut rig = Rig::new(Venue::BinanceUs, symbols, |settings| settings.history_minutes = 0);
    rig.connect();
    let request = rig.requests().pop().expect("rules are asked for");
    rig.respond(&request, 200, &info(symbols));
    rig.frame(ANSWER);
    rig.forget();
    rig
}

pub(crate) fn request_of(rig: &mut Rig, part: &str) -> Request {
    for _ in 0..300 {
        if let Some(request) = rig.requests().into_iter().find(|request| request.path.contains(part)) {
            return request;
        }
        rig.pass(Duration::from_millis(100));
    }
    panic!("no request for {part}");
}

pub(crate) fn live(symbols: &[&str]) -> Rig {
    let mut rig = subscribed(symbols);
    for symbol in symbols {
        rig.frame(&depth(symbol, 100, 101, "", ""));
        let request = request_of(&mut rig, &format!("depth?symbol={symbol}"));
        rig.respond(&request, 200, &snapshot(101));
    }
    rig.forget();
    rig
}
