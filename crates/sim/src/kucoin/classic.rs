//! The classic feed: `{"id":..,"type":"subscribe","topic":..}` and messages with topic, subject and data. Numbers of the
//! market are strings without zeros at their end.

use serde_json::Value;
use types::{Level, Price, Qty, Side, Timestamp, Venue};

use super::session::{Obeyed, Wish};
use super::topic::{BadTopic, Topic};
use crate::market::listing::{Listing, Step};
use crate::market::tape::{Fill, Minute};
use crate::server::Now;
use crate::text::{list, put, quoted, trimmed, value};

/// Symbols in one subscription.
const SYMBOLS_MAX: usize = 100;

/// Reads a message and tells what it leads to. `room` is how many topics may be added.
pub(super) fn obey(now: Now<'_>, text: &str, room: usize) -> Obeyed {
    let message: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let id = match message.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => String::new(),
    };
    let refuse = |code, data: &str| Obeyed { wish: None, answer: Some(error(&id, code, data)), breach: None };
    let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind == "ping" {
        let answer = Some(format!(r#"{{"id":{},"type":"pong"}}"#, quoted(&id)));
        return Obeyed { wish: Some(Wish::Ping), answer, breach: None };
    }
    let topic = message.get("topic").and_then(Value::as_str).unwrap_or_default();
    let topics = match (kind, topics(now, topic)) {
        ("subscribe" | "unsubscribe", Ok(topics)) => topics,
        ("subscribe" | "unsubscribe", Err(BadTopic::Invalid)) => {
            return refuse(400, &format!("topic {topic} is invalid"));
        }
        ("subscribe" | "unsubscribe", Err(BadTopic::NotFound)) => {
            return refuse(404, &format!("topic {topic} is not found"));
        }
        _ => return refuse(400, "type is invalid"),
    };
    if topics.len() > SYMBOLS_MAX {
        return Obeyed { breach: Some("more than 100 symbols in one subscription"), ..refuse(400, "too many symbols") };
    }
    if kind == "subscribe" && topics.len() > room {
        let breach = Some("more topics than a connection may have");
        return Obeyed { breach, ..refuse(509, "exceed max subscription count limitation of 400 per session") };
    }
    let is_answered = message.get("response").and_then(Value::as_bool).unwrap_or(false);
    Obeyed {
        wish: Some(if kind == "subscribe" { Wish::Add(topics) } else { Wish::Remove(topics) }),
        answer: is_answered.then(|| format!(r#"{{"id":{},"type":"ack"}}"#, quoted(&id))),
        breach: None,
    }
}

/// Symbols that do not exist are left out without a word, unless there is no other one.
fn topics(now: Now<'_>, text: &str) -> Result<Vec<(Topic, usize)>, BadTopic> {
    let (topic, symbols) = Topic::parse(text)?;
    if topic == Topic::AllTickers {
        return Ok(now.market.of_venue(Venue::Kucoin).map(|(index, _)| (topic, index)).collect());
    }
    let found = symbols.iter().filter_map(|symbol| now.market.find(Venue::Kucoin, symbol));
    let found: Vec<_> = found.map(|index| (topic, index)).collect();
    if found.is_empty() { Err(BadTopic::NotFound) } else { Ok(found) }
}

pub(super) fn welcome(connect_id: &str) -> String {
    format!(r#"{{"id":{},"type":"welcome"}}"#, quoted(connect_id))
}

pub(super) fn error(id: &str, code: u16, data: &str) -> String {
    format!(r#"{{"id":{},"type":"error","code":{code},"data":{}}}"#, quoted(id), quoted(data))
}

fn message(topic: &str, subject: &str, data: &str) -> String {
    format!(r#"{{"topic":"{topic}","type":"message","subject":"{subject}","data":{{{data}}}}}"#)
}

/// The digits that identify an order: ids are 24 hexadecimal ones.
fn order_id(order: u64) -> String {
    format!("{order:024x}")
}

pub(super) fn side(side: Side) -> &'static str {
    if side == Side::Buy { "buy" } else { "sell" }
}

/// The side is the taker's, the time in nanoseconds.
pub(super) fn matched(listing: &Listing, fill: &Fill) -> String {
    let (scale, symbol) = (listing.scale(), &listing.settings.symbol);
    let data = format!(
        r#""symbol":"{symbol}","sequence":"{}","side":"{}","size":"{}","price":"{}","takerOrderId":"{}","time":"{}","type":"match","makerOrderId":"{}","tradeId":"{}""#,
        fill.id,
        side(fill.taker),
        trimmed(scale.qty(fill.qty)),
        trimmed(scale.price(fill.price)),
        order_id(fill.taker_order),
        fill.at.as_nanos(),
        order_id(fill.maker_order),
        fill.id
    );
    message(&format!("/market/match:{symbol}"), "trade.l3match", &data)
}

/// `start, open, close, high, low, volume, turnover`: the fields of candles everywhere at KuCoin.
pub(super) fn candle_row(listing: &Listing, minute: &Minute) -> String {
    let (scale, candle) = (listing.scale(), &minute.candle);
    let price = |price: Price| trimmed(scale.price(price));
    format!(
        r#""{}","{}","{}","{}","{}","{}","{}""#,
        candle.open_time.as_secs(),
        price(candle.open),
        price(candle.close),
        price(candle.high),
        price(candle.low),
        trimmed(scale.qty(candle.volume)),
        turnover(listing, minute)
    )
}

/// Prices times quantities, with all their digits.
pub(super) fn turnover(listing: &Listing, minute: &Minute) -> types::decimal::Fixed {
    let scale = listing.scale();
    trimmed(value(minute.value, scale, scale.price_decimals + scale.qty_decimals))
}

/// `kind` is `add` or `update`.
pub(super) fn candle(listing: &Listing, kind: &str, minute: &Minute, at: Timestamp) -> String {
    let symbol = &listing.settings.symbol;
    let row = candle_row(listing, minute);
    let data = format!(r#""symbol":"{symbol}","candles":[{row}],"time":{}"#, at.as_nanos());
    message(&format!("/market/candles:{symbol}_1min"), &format!("trade.candles.{kind}"), &data)
}

/// The last trade and the best prices; the symbol stands in the topic, or in the subject of the topic of all.
pub(super) fn ticker(listing: &Listing, is_all: bool) -> String {
    let symbol = &listing.settings.symbol;
    let data = format!(r#"{},"time":{}"#, best(listing), listing.changed_at.as_millis());
    if is_all {
        message("/market/ticker:all", symbol, &data)
    } else {
        message(&format!("/market/ticker:{symbol}"), "trade.ticker", &data)
    }
}

/// What tickers of the feed and of the REST interface have in common.
pub(super) fn best(listing: &Listing) -> String {
    let (scale, (bid, ask)) = (listing.scale(), listing.touch());
    let last_qty = listing.tape.fills().back().map_or(Qty::ZERO, |fill| fill.qty);
    format!(
        r#""sequence":"{}","bestAsk":"{}","size":"{}","bestBidSize":"{}","price":"{}","bestAskSize":"{}","bestBid":"{}""#,
        listing.sequence(),
        trimmed(scale.price(ask.price)),
        trimmed(scale.qty(last_qty)),
        trimmed(scale.qty(bid.qty)),
        trimmed(scale.price(listing.tape.last_price())),
        trimmed(scale.qty(ask.qty)),
        trimmed(scale.price(bid.price))
    )
}

pub(super) fn level1(listing: &Listing) -> String {
    let (symbol, (bid, ask)) = (&listing.settings.symbol, listing.touch());
    let level = |level: Level| {
        let scale = listing.scale();
        format!(r#"["{}","{}"]"#, trimmed(scale.price(level.price)), trimmed(scale.qty(level.qty)))
    };
    let at = listing.changed_at.as_millis();
    let data = format!(r#""asks":{},"bids":{},"timestamp":{at}"#, level(ask), level(bid));
    message(&format!("/spotMarket/level1:{symbol}"), "level1", &data)
}

/// A complete picture of the best levels.
pub(super) fn depth(listing: &Listing, depth: usize) -> String {
    let symbol = &listing.settings.symbol;
    let data = format!("{},\"timestamp\":{}", sides(listing, depth), listing.changed_at.as_millis());
    message(&format!("/spotMarket/level2Depth{depth}:{symbol}"), "level2", &data)
}

/// `"asks":[["price","size"],..],"bids":[..]`.
pub(super) fn sides(listing: &Listing, depth: usize) -> String {
    let levels = |side| listing.book.levels(side).take(depth).map(|level| (level.price, level.qty));
    let mut out = r#""asks":"#.to_owned();
    self::levels(&mut out, listing, levels(Side::Sell));
    out.push_str(r#","bids":"#);
    self::levels(&mut out, listing, levels(Side::Buy));
    out
}

/// `[["price","size"],..]`.
pub(super) fn levels(out: &mut String, listing: &Listing, levels: impl Iterator<Item = (Price, Qty)>) {
    let scale = listing.scale();
    out.push('[');
    list(out, levels, |out, (price, qty)| {
        put!(out, r#"["{}","{}"]"#, trimmed(scale.price(price)), trimmed(scale.qty(qty)));
    });
    out.push(']');
}

/// Every change of a step with its own sequence number, from `first` on. Numbers that trades took change no level, which is
/// said by a price of zero.
pub(super) fn l2update(listing: &Listing, first: u64, step: &Step) -> String {
    let (scale, symbol, last) = (listing.scale(), &listing.settings.symbol, listing.sequence());
    let mut data = r#""changes":{"#.to_owned();
    for (name, side) in [("asks", Side::Sell), ("bids", Side::Buy)] {
        put!(data, r#""{name}":["#);
        let changes = (first..).zip(&step.changes).filter(|(_, change)| change.side == side);
        list(&mut data, changes, |out, (sequence, change)| {
            let (price, qty) = (trimmed(scale.price(change.price)), trimmed(scale.qty(change.qty)));
            put!(out, r#"["{price}","{qty}","{sequence}"]"#);
        });
        if side == Side::Sell && !step.fills.is_empty() {
            let comma = if data.ends_with('[') { "" } else { "," };
            put!(data, r#"{comma}["0","0","{last}"]"#);
        }
        data.push_str(if side == Side::Sell { "]," } else { "]}" });
    }
    put!(data, r#","sequenceEnd":{last},"sequenceStart":{first},"symbol":"{symbol}","time":{}"#, step.at.as_millis());
    message(&format!("/market/level2:{symbol}"), "trade.l2update", &data)
}
