//! The text of Kraken's WebSocket v2 messages. Numbers are JSON numbers that keep every digit of their precision.

use types::time::NS_PER_MIN;
use types::{Side, Timestamp};

use super::book;
use crate::market::listing::Listing;
use crate::market::tape::{Fill, Minute, TakerKind};
use crate::text::{Rfc3339, list, padded, put, quoted, rescale};
use crate::view::{Delta, View};

/// Time the server takes for a request, as told by `time_in` and `time_out`: 45 us, as in recorded answers.
const SERVICE_NS: i64 = 45_000;

pub(super) const HEARTBEAT: &str = r#"{"channel":"heartbeat"}"#;

/// The answer to one request too many.
pub(super) const TOO_MANY: &str = r#"{"Error":"Exceeded msg rate"}"#;

/// The first message of a connection.
pub(super) fn status(connection: u64) -> String {
    format!(
        r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"online","api_version":"v2","connection_id":{connection},"upcoming_maintenance":[],"emergency":[]}}]}}"#
    )
}

/// The end every answer to a request has: the client's number, and when it was served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served<'a> {
    pub(super) at: Timestamp,
    pub(super) req_id: Option<&'a serde_json::Number>,
}

impl core::fmt::Display for Served<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let out = Timestamp::from_nanos(self.at.as_nanos() + SERVICE_NS);
        let (time_in, time_out) = (Rfc3339::Micros(self.at), Rfc3339::Micros(out));
        write!(f, r#""time_in":"{time_in}","time_out":"{time_out}""#)?;
        self.req_id.map_or(Ok(()), |req_id| write!(f, r#","req_id":{req_id}"#))
    }
}

pub(super) fn pong(served: Served<'_>) -> String {
    format!(r#"{{"method":"pong",{served}}}"#)
}

/// A request was done; `result` is the inside of the result object.
pub(super) fn ack(method: &str, result: &str, served: Served<'_>) -> String {
    format!(r#"{{"method":"{method}","result":{{{result}}},"success":true,{served}}}"#)
}

/// A request, or the part of it that concerns `symbol`, was refused.
pub(super) fn refusal(method: &str, error: &str, symbol: Option<&str>, served: Served<'_>) -> String {
    let symbol = symbol.map(|symbol| format!(r#""symbol":{},"#, quoted(symbol))).unwrap_or_default();
    format!(r#"{{"error":{},"method":{},"success":false,{symbol}{served}}}"#, quoted(error), quoted(method))
}

pub(super) fn book_snapshot(listing: &Listing, view: &View) -> String {
    book_message(listing, "snapshot", &view.whole(), book::checksum(view), listing.changed_at)
}

pub(super) fn book_update(listing: &Listing, delta: &Delta, checksum: u32, at: Timestamp) -> String {
    book_message(listing, "update", delta, checksum, at)
}

fn book_message(listing: &Listing, kind: &str, delta: &Delta, checksum: u32, at: Timestamp) -> String {
    let scale = listing.scale();
    let mut out = String::with_capacity(160 + 40 * (delta.bids.len() + delta.asks.len()));
    put!(out, r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{}","bids":["#, listing.settings.symbol);
    list(&mut out, delta.bids.iter().copied(), |out, level| book::level(out, scale, level));
    out.push_str(r#"],"asks":["#);
    list(&mut out, delta.asks.iter().copied(), |out, level| book::level(out, scale, level));
    put!(out, r#"],"checksum":{checksum},"timestamp":"{}"}}]}}"#, Rfc3339::Micros(at));
    out
}

/// `kind` is `snapshot` or `update`.
pub(super) fn trades<'a>(listing: &Listing, kind: &str, fills: impl Iterator<Item = &'a Fill>) -> String {
    let scale = listing.scale();
    let mut out = format!(r#"{{"channel":"trade","type":"{kind}","data":["#);
    list(&mut out, fills, |out, fill| {
        let side = if fill.taker == Side::Buy { "buy" } else { "sell" };
        let ord_type = if fill.kind == TakerKind::Market { "market" } else { "limit" };
        put!(
            out,
            r#"{{"symbol":"{}","side":"{side}","price":{},"qty":{},"ord_type":"{ord_type}","trade_id":{},"timestamp":"{}"}}"#,
            listing.settings.symbol,
            scale.price(fill.price),
            scale.qty(fill.qty),
            fill.id,
            Rfc3339::Micros(fill.at)
        );
    });
    out.push_str("]}");
    out
}

/// `kind` is `snapshot` or `update`; minutes without trades are the caller's to leave out.
pub(super) fn candles<'a>(
    listing: &Listing,
    kind: &str,
    minutes: impl Iterator<Item = &'a Minute>,
    at: Timestamp,
) -> String {
    let scale = listing.scale();
    let mut out = format!(r#"{{"channel":"ohlc","type":"{kind}","timestamp":"{}","data":["#, Rfc3339::Nanos(at));
    list(&mut out, minutes, |out, minute| {
        let candle = &minute.candle;
        let end = Timestamp::from_nanos(candle.open_time.as_nanos() + NS_PER_MIN);
        put!(
            out,
            r#"{{"symbol":"{}","open":{},"high":{},"low":{},"close":{},"trades":{},"volume":{},"vwap":{},"interval_begin":"{}","interval":1,"timestamp":"{}"}}"#,
            listing.settings.symbol,
            scale.price(candle.open),
            scale.price(candle.high),
            scale.price(candle.low),
            scale.price(candle.close),
            candle.trades,
            scale.qty(candle.volume),
            padded(minute.vwap().unwrap_or(0), scale.price_decimals, scale.price_decimals),
            Rfc3339::Nanos(candle.open_time),
            Rfc3339::Micros(end)
        );
    });
    out.push_str("]}");
    out
}

/// `kind` is `snapshot` or `update`.
pub(super) fn ticker(listing: &Listing, kind: &str) -> String {
    let scale = listing.scale();
    let day = listing.tape.day();
    let (bid, ask) = listing.touch();
    let last = listing.tape.last_price();
    let price = |mantissa: i128| padded(mantissa, scale.price_decimals, scale.price_decimals);
    let open = i128::from(day.candle.open.mantissa());
    let change = i128::from(last.mantissa()) - open;
    let change_percent = padded(types::money::divide(change * 10_000, open, types::Rounding::HalfEven), 2, 2);
    format!(
        r#"{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{}","bid":{},"bid_qty":{},"ask":{},"ask_qty":{},"last":{},"volume":{},"vwap":{},"low":{},"high":{},"change":{},"change_pct":{change_percent},"trades":{},"timestamp":"{}"}}]}}"#,
        listing.settings.symbol,
        scale.price(bid.price),
        scale.qty(bid.qty),
        scale.price(ask.price),
        scale.qty(ask.qty),
        scale.price(last),
        scale.qty(day.candle.volume),
        price(day.vwap().unwrap_or(i128::from(last.mantissa()))),
        scale.price(day.candle.low),
        scale.price(day.candle.high),
        price(change),
        day.candle.trades,
        Rfc3339::Micros(listing.changed_at)
    )
}

/// All currencies and pairs with their precisions.
pub(super) fn instruments<'a>(listings: impl Iterator<Item = &'a Listing> + Clone) -> String {
    let mut assets: Vec<(&str, u8)> = Vec::new();
    for listing in listings.clone() {
        let settings = &listing.settings;
        for (name, precision) in [(&settings.base, settings.qty_decimals), (&settings.quote, 8)] {
            if !assets.iter().any(|asset| asset.0 == name) {
                assets.push((name, precision));
            }
        }
    }
    let mut out = r#"{"channel":"instrument","type":"snapshot","data":{"assets":["#.to_owned();
    list(&mut out, assets, |out, (name, precision)| {
        put!(
            out,
            r#"{{"id":"{name}","status":"enabled","precision":{precision},"precision_display":5,"borrowable":false,"collateral_value":0.00}}"#
        );
    });
    out.push_str(r#"],"pairs":["#);
    list(&mut out, listings, pair);
    out.push_str("]}}");
    out
}

fn pair(out: &mut String, listing: &Listing) {
    let settings = &listing.settings;
    let (price_digits, qty_digits) = (settings.price_decimals, settings.qty_decimals);
    let tick = padded(i128::from(settings.tick), price_digits, price_digits);
    put!(
        out,
        r#"{{"symbol":"{}","base":"{}","quote":"{}","status":"online","qty_precision":{qty_digits},"qty_increment":{},"price_precision":{price_digits},"cost_precision":5,"marginable":false,"has_index":true,"cost_min":{},"tick_size":{tick},"price_increment":{tick},"qty_min":{}}}"#,
        settings.symbol,
        settings.base,
        settings.quote,
        padded(i128::from(settings.lot), qty_digits, qty_digits),
        padded(rescale(i128::from(settings.value_min_cents), 2, 5), 5, 5),
        padded(i128::from(settings.qty_min), qty_digits, qty_digits),
    );
}
