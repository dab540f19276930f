//! The text of Coinbase's messages. Numbers are strings: book levels with every digit of the product's increments, prices and
//! sizes of trades without zeros at their end, volumes with eight fraction digits.

use std::collections::{BTreeMap, BTreeSet};

use types::{Level, Price, Qty, Side, Timestamp, Venue};

use super::request::Channel;
use crate::batch::BatchEvent;
use crate::market::Market;
use crate::market::listing::Listing;
use crate::market::random::Random;
use crate::market::tape::Fill;
use crate::server::Now;
use crate::text::{Rfc3339, list, padded, put, quoted, trimmed};

/// Fraction digits of volumes.
pub(super) const VOLUME_DIGITS: u8 = 8;

/// All subscriptions of the connection, whichever request they came with.
pub(super) fn subscriptions(market: &Market, subscriptions: &BTreeMap<Channel, BTreeSet<usize>>) -> String {
    let mut out = r#"{"type":"subscriptions","channels":["#.to_owned();
    list(&mut out, subscriptions, |out, (channel, products)| {
        put!(out, r#"{{"name":"{}","product_ids":["#, channel.name());
        list(out, products, |out, product| put!(out, r#""{}""#, market.listings[*product].settings.symbol));
        out.push_str("]}");
    });
    out.push_str("]}");
    out
}

pub(super) fn error(message: &str, reason: Option<&str>) -> String {
    let reason = reason.map(|reason| format!(r#","reason":{}"#, quoted(reason))).unwrap_or_default();
    format!(r#"{{"type":"error","message":{}{reason}}}"#, quoted(message))
}

pub(super) fn heartbeat(listing: &Listing, at: Timestamp) -> String {
    format!(
        r#"{{"type":"heartbeat","last_trade_id":{},"product_id":"{}","sequence":{},"time":"{}"}}"#,
        listing.last_fill,
        listing.settings.symbol,
        listing.sequence(),
        Rfc3339::Micros(at)
    )
}

/// The side told in matches: that of the resting order.
pub(super) fn maker_side(fill: &Fill) -> &'static str {
    side(fill.taker.opposite())
}

fn side(side: Side) -> &'static str {
    if side == Side::Buy { "buy" } else { "sell" }
}

/// `kind` is `match`, or `last_match` for the one before the subscription.
pub(super) fn matched(listing: &Listing, kind: &str, fill: &Fill) -> String {
    let scale = listing.scale();
    format!(
        r#"{{"type":"{kind}","trade_id":{},"maker_order_id":"{}","taker_order_id":"{}","side":"{}","size":"{}","price":"{}","product_id":"{}","sequence":{},"time":"{}"}}"#,
        fill.id,
        order_id(fill.maker_order),
        order_id(fill.taker_order),
        maker_side(fill),
        trimmed(scale.qty(fill.qty)),
        trimmed(scale.price(fill.price)),
        listing.settings.symbol,
        // Every fill counts, so that those of one moment have numbers of their own.
        listing.update_id + fill.id,
        Rfc3339::Micros(fill.at)
    )
}

/// Order identifiers are random UUIDs there; here they follow from the order's number.
fn order_id(order: u64) -> String {
    let mut random = Random::new(order, 0);
    let (a, b) = (random.bits(), random.bits());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xFFFF,
        a & 0xFFF,
        0x8000 | b >> 48 & 0x3FFF,
        b & 0xFFFF_FFFF_FFFF
    )
}

/// The last trade, the best prices and the rolling day. The side is the taker's here.
pub(super) fn ticker(listing: &Listing) -> String {
    let (scale, symbol) = (listing.scale(), &listing.settings.symbol);
    let (day, (bid, ask)) = (listing.tape.day().candle, listing.touch());
    let price = |price: Price| trimmed(scale.price(price));
    let volume = |qty: Qty| padded(qty.0.into(), scale.qty_decimals, VOLUME_DIGITS);
    let mut out = format!(
        r#"{{"type":"ticker","sequence":{},"product_id":"{symbol}","price":"{}","open_24h":"{}","volume_24h":"{}","low_24h":"{}","high_24h":"{}","volume_30d":"{}","best_bid":"{}","best_bid_size":"{}","best_ask":"{}","best_ask_size":"{}""#,
        listing.sequence(),
        price(listing.tape.last_price()),
        price(day.open),
        volume(day.volume),
        price(day.low),
        price(day.high),
        volume(listing.tape.volume_kept()),
        price(bid.price),
        volume(bid.qty),
        price(ask.price),
        volume(ask.qty)
    );
    if let Some(fill) = listing.tape.fills().back() {
        put!(
            out,
            r#","side":"{}","time":"{}","trade_id":{},"last_size":"{}""#,
            side(fill.taker),
            Rfc3339::Micros(fill.at),
            fill.id,
            trimmed(scale.qty(fill.qty))
        );
    }
    out.push('}');
    out
}

/// The whole book, whatever its size.
pub(super) fn snapshot(listing: &Listing) -> String {
    let scale = listing.scale();
    let mut out = format!(r#"{{"type":"snapshot","product_id":"{}""#, listing.settings.symbol);
    for (name, side) in [("asks", Side::Sell), ("bids", Side::Buy)] {
        put!(out, r#","{name}":["#);
        list(&mut out, listing.book.levels(side), |out, Level { price, qty }| {
            put!(out, r#"["{}","{}"]"#, scale.price(price), scale.qty(qty));
        });
        out.push(']');
    }
    out.push('}');
    out
}

pub(super) fn l2update(listing: &Listing, event: &BatchEvent) -> String {
    let scale = listing.scale();
    let mut out = format!(r#"{{"type":"l2update","product_id":"{}","changes":["#, listing.settings.symbol);
    let bids = event.bids.iter().map(|level| (Side::Buy, level));
    let asks = event.asks.iter().map(|level| (Side::Sell, level));
    list(&mut out, bids.chain(asks), |out, (of, (price, qty))| {
        put!(out, r#"["{}","{}","{}"]"#, side(of), scale.price(*price), scale.qty(*qty));
    });
    put!(out, r#"],"time":"{}"}}"#, Rfc3339::Micros(listing.changed_at));
    out
}

/// Everything about all products.
pub(super) fn status(now: Now<'_>) -> String {
    let mut out = r#"{"type":"status","products":["#.to_owned();
    list(&mut out, now.market.of_venue(Venue::Coinbase), |out, (_, listing)| {
        put!(out, "{{{}}}", Traits(listing));
    });
    out.push_str(r#"],"currencies":[]}"#);
    out
}

/// What the feed and the REST interface tell alike about a product: the inside of an object.
pub(super) struct Traits<'a>(pub(super) &'a Listing);

impl core::fmt::Display for Traits<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let settings = &self.0.settings;
        write!(
            f,
            r#""id":"{}","base_currency":"{}","quote_currency":"{}","base_increment":"{}","quote_increment":"{}","display_name":"{}","status":"online","status_message":"","min_market_funds":"{}","post_only":false,"limit_only":false,"cancel_only":false,"fx_stablecoin":false"#,
            settings.symbol,
            settings.base,
            settings.quote,
            trimmed(padded(settings.lot.into(), settings.qty_decimals, settings.qty_decimals)),
            trimmed(padded(settings.tick.into(), settings.price_decimals, settings.price_decimals)),
            settings.symbol,
            trimmed(padded(settings.value_min_cents.into(), 2, 2))
        )
    }
}
