//! The unified feed: `{"id":..,"action":"subscribe","channel":..,"symbol":..}` and messages with short keys. Times of messages
//! are nanoseconds.
//!
//! Less is known of it than of the classic feed: the keys of tickers and candles are those that clients read, and the text
//! of a refusal is our own.

use serde_json::Value;
use types::{Price, Timestamp, Venue};

use super::classic::{levels, side, turnover};
use super::session::{Obeyed, Wish};
use super::topic::Topic;
use crate::frame::ConnectionId;
use crate::market::listing::Listing;
use crate::market::tape::{Fill, Minute};
use crate::server::Now;
use crate::text::{put, quoted, trimmed};
use crate::view::Delta;

/// Reads a message and tells what it leads to. `room` is how many topics may be added.
pub(super) fn obey(now: Now<'_>, text: &str, room: usize) -> Obeyed {
    let message: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let field = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let id = quoted(field("id"));
    if field("type") == "ping" {
        let answer = format!(r#"{{"id":{id},"type":"pong","ts":{}}}"#, now.at.as_millis());
        return Obeyed { wish: Some(Wish::Ping), answer: Some(answer), breach: None };
    }
    let refuse = |reason: &str| Obeyed {
        wish: None,
        answer: Some(format!(r#"{{"id":{id},"result":false,"msg":{}}}"#, quoted(reason))),
        breach: None,
    };
    let is_subscribe = match field("action") {
        "subscribe" => true,
        "unsubscribe" => false,
        _ => return refuse("action is invalid"),
    };
    if field("tradeType") != "SPOT" {
        return refuse("tradeType is invalid");
    }
    let topic = match (field("channel"), field("depth"), field("interval")) {
        ("obu", "1", _) => Topic::UnifiedBook(1),
        ("obu", "5", _) => Topic::UnifiedBook(5),
        ("obu", "50", _) => Topic::UnifiedBook(50),
        ("obu", "increment@10ms", _) => Topic::UnifiedIncrements,
        ("obu", _, _) => return refuse("depth is invalid"),
        ("trade", _, _) => Topic::UnifiedTrade,
        ("ticker", _, _) => Topic::UnifiedTicker,
        ("kline", _, "1min") => Topic::UnifiedCandles,
        ("kline", _, _) => return refuse("interval is invalid"),
        _ => return refuse("channel is invalid"),
    };
    if is_subscribe && room == 0 {
        let breach = Some("more topics than a connection may have");
        return Obeyed { breach, ..refuse("too many topics") };
    }
    // A symbol that does not exist is accepted, and stays silent.
    let topics = now.market.find(Venue::Kucoin, field("symbol")).map(|index| (topic, index));
    let topics = topics.into_iter().collect();
    Obeyed {
        wish: Some(if is_subscribe { Wish::Add(topics) } else { Wish::Remove(topics) }),
        answer: Some(format!(r#"{{"id":{id},"result":true}}"#)),
        breach: None,
    }
}

pub(super) fn welcome(id: ConnectionId) -> String {
    format!(r#"{{"sessionId":"{id}","message":"welcome","pingInterval":18000,"pingTimeout":10000}}"#)
}

/// `kind` is `snapshot` or `delta`; `sequences` are the first and the last change in it.
pub(super) fn increments(
    listing: &Listing,
    kind: &str,
    (first, last): (u64, u64),
    delta: &Delta,
    at: Timestamp,
) -> String {
    let mut out = format!(
        r#"{{"T":"obu.SPOT","dp":"increment@10ms","t":"{kind}","P":{},"d":{{"C":{last},"M":{},"O":{first},"a":"#,
        at.as_nanos(),
        listing.changed_at.as_nanos()
    );
    levels(&mut out, listing, delta.asks.iter().copied());
    out.push_str(r#","b":"#);
    levels(&mut out, listing, delta.bids.iter().copied());
    put!(out, r#","s":"{}"}}}}"#, listing.settings.symbol);
    out
}

/// A complete picture of the best levels.
pub(super) fn book(listing: &Listing, depth: usize, at: Timestamp) -> String {
    let of = |side| listing.book.levels(side).take(depth).map(|level| (level.price, level.qty));
    let sequence = listing.sequence();
    let mut out = format!(
        r#"{{"T":"obu.SPOT","dp":"{depth}","t":"snapshot","P":{},"d":{{"C":{sequence},"M":{},"O":{sequence},"a":"#,
        at.as_nanos(),
        listing.changed_at.as_nanos()
    );
    levels(&mut out, listing, of(types::Side::Sell));
    out.push_str(r#","b":"#);
    levels(&mut out, listing, of(types::Side::Buy));
    put!(out, r#","s":"{}"}}}}"#, listing.settings.symbol);
    out
}

/// The side is the taker's.
pub(super) fn trade(listing: &Listing, fill: &Fill, at: Timestamp) -> String {
    let scale = listing.scale();
    format!(
        r#"{{"T":"trade.SPOT","P":{},"d":{{"E":{},"M":{},"S":"{}","p":"{}","q":"{}","s":"{}","ti":"{}"}}}}"#,
        at.as_nanos(),
        listing.sequence(),
        fill.at.as_nanos(),
        side(fill.taker),
        trimmed(scale.price(fill.price)),
        trimmed(scale.qty(fill.qty)),
        listing.settings.symbol,
        fill.id
    )
}

pub(super) fn ticker(listing: &Listing, at: Timestamp) -> String {
    let (scale, (bid, ask)) = (listing.scale(), listing.touch());
    let last_qty = listing.tape.fills().back().map_or(types::Qty::ZERO, |fill| fill.qty);
    format!(
        r#"{{"T":"ticker.SPOT","P":{},"d":{{"A":"{}","B":"{}","E":{},"M":{},"a":"{}","b":"{}","l":"{}","q":"{}","s":"{}"}}}}"#,
        at.as_nanos(),
        trimmed(scale.qty(ask.qty)),
        trimmed(scale.qty(bid.qty)),
        listing.sequence(),
        listing.changed_at.as_nanos(),
        trimmed(scale.price(ask.price)),
        trimmed(scale.price(bid.price)),
        trimmed(scale.price(listing.tape.last_price())),
        trimmed(scale.qty(last_qty)),
        listing.settings.symbol
    )
}

pub(super) fn candle(listing: &Listing, minute: &Minute, is_over: bool, at: Timestamp) -> String {
    let (scale, candle) = (listing.scale(), &minute.candle);
    let price = |price: Price| trimmed(scale.price(price));
    let start = candle.open_time.as_secs();
    format!(
        r#"{{"T":"kline.SPOT","P":{},"d":{{"s":"{}","i":"1min","O":{start},"C":{},"o":"{}","h":"{}","l":"{}","c":"{}","v":"{}","a":"{}","S":{is_over}}}}}"#,
        at.as_nanos(),
        listing.settings.symbol,
        start + 60,
        price(candle.open),
        price(candle.high),
        price(candle.low),
        price(candle.close),
        trimmed(scale.qty(candle.volume)),
        turnover(listing, minute)
    )
}
