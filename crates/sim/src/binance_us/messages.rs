//! The text of Binance.US's stream events. Prices and quantities are strings with eight fraction digits.

use types::time::{NS_PER_DAY, NS_PER_MIN, NS_PER_MS};
use types::{Price, Qty, Side, Timestamp};

use crate::batch::BatchEvent;
use crate::market::listing::Listing;
use crate::market::tape::{Fill, Minute};
use crate::text::{list, padded, put, value};

/// Fraction digits of every price and quantity.
pub(super) const DIGITS: u8 = 8;

/// Numbers of one listing in the venue's spelling.
#[derive(Clone, Copy)]
pub(super) struct Spelling(types::Scale);

impl Spelling {
    pub(super) fn of(listing: &Listing) -> Self {
        Self(listing.scale())
    }

    pub(super) fn price(self, price: Price) -> types::decimal::Fixed {
        padded(price.mantissa().into(), self.0.price_decimals, DIGITS)
    }

    pub(super) fn price_units(self, mantissa: i128) -> types::decimal::Fixed {
        padded(mantissa, self.0.price_decimals, DIGITS)
    }

    pub(super) fn qty(self, qty: Qty) -> types::decimal::Fixed {
        padded(qty.0.into(), self.0.qty_decimals, DIGITS)
    }

    /// A sum of prices times quantities.
    pub(super) fn value(self, sum: i128) -> types::decimal::Fixed {
        value(sum, self.0, DIGITS)
    }

    /// `[["price","qty"],..]`.
    pub(super) fn levels(self, out: &mut String, levels: impl Iterator<Item = (Price, Qty)>) {
        out.push('[');
        list(out, levels, |out, (price, qty)| put!(out, r#"["{}","{}"]"#, self.price(price), self.qty(qty)));
        out.push(']');
    }
}

pub(super) fn trade(listing: &Listing, fill: &Fill, at: Timestamp) -> String {
    let is_buy = fill.taker == Side::Buy;
    let (buyer, seller) =
        if is_buy { (fill.taker_order, fill.maker_order) } else { (fill.maker_order, fill.taker_order) };
    let spell = Spelling::of(listing);
    format!(
        r#"{{"e":"trade","E":{},"s":"{}","t":{},"p":"{}","q":"{}","b":{buyer},"a":{seller},"T":{},"m":{},"M":true}}"#,
        at.as_millis(),
        listing.settings.symbol,
        fill.id,
        spell.price(fill.price),
        spell.qty(fill.qty),
        fill.at.as_millis(),
        !is_buy
    )
}

/// Fills of one taker order at one price; never empty.
pub(super) fn agg_trade(listing: &Listing, fills: &[Fill], at: Timestamp) -> String {
    let sum = Aggregate::of(fills);
    format!(
        r#"{{"e":"aggTrade","E":{},"s":"{}",{sum_inside}}}"#,
        at.as_millis(),
        listing.settings.symbol,
        sum_inside = sum.inside(Spelling::of(listing))
    )
}

/// An aggregate trade, in events and in REST rows.
pub(super) struct Aggregate {
    first: Fill,
    last_id: u64,
    qty: Qty,
}

impl Aggregate {
    /// Of fills that share their aggregate identifier.
    pub(super) fn of(fills: &[Fill]) -> Self {
        let qty = fills.iter().fold(Qty::ZERO, |sum, fill| sum.saturating_add(fill.qty));
        Self { first: fills[0], last_id: fills[fills.len() - 1].id, qty }
    }

    pub(super) fn inside(&self, spell: Spelling) -> String {
        format!(
            r#""a":{},"p":"{}","q":"{}","f":{},"l":{},"T":{},"m":{},"M":true"#,
            self.first.aggregate,
            spell.price(self.first.price),
            spell.qty(self.qty),
            self.first.id,
            self.last_id,
            self.first.at.as_millis(),
            self.first.taker == Side::Sell
        )
    }
}

pub(super) fn kline(listing: &Listing, minute: &Minute, is_final: bool, at: Timestamp) -> String {
    let (spell, candle, symbol) = (Spelling::of(listing), &minute.candle, &listing.settings.symbol);
    let open_ms = candle.open_time.as_millis();
    // A minute without trades has no identifiers to tell.
    let (first, last) = minute.ids.map_or((-1, -1), |ids| (ids.0 as i64, ids.1 as i64));
    format!(
        r#"{{"e":"kline","E":{},"s":"{symbol}","k":{{"t":{open_ms},"T":{},"s":"{symbol}","i":"1m","f":{first},"L":{last},"o":"{}","c":"{}","h":"{}","l":"{}","v":"{}","n":{},"x":{is_final},"q":"{}","V":"{}","Q":"{}","B":"0"}}}}"#,
        at.as_millis(),
        open_ms + NS_PER_MIN / NS_PER_MS - 1,
        spell.price(candle.open),
        spell.price(candle.close),
        spell.price(candle.high),
        spell.price(candle.low),
        spell.qty(candle.volume),
        candle.trades,
        spell.value(minute.value),
        spell.qty(minute.taker_buy_qty),
        spell.value(minute.taker_buy_value)
    )
}

pub(super) fn depth_update(listing: &Listing, event: &BatchEvent, at: Timestamp) -> String {
    let spell = Spelling::of(listing);
    let mut out = format!(
        r#"{{"e":"depthUpdate","E":{},"s":"{}","U":{},"u":{},"b":"#,
        at.as_millis(),
        listing.settings.symbol,
        event.first_id,
        event.last_id
    );
    spell.levels(&mut out, event.bids.iter().copied());
    out.push_str(r#","a":"#);
    spell.levels(&mut out, event.asks.iter().copied());
    out.push('}');
    out
}

/// The best levels, as partial depth events and REST snapshots show them.
pub(super) fn depth(listing: &Listing, limit: usize) -> String {
    let spell = Spelling::of(listing);
    let mut out = format!(r#"{{"lastUpdateId":{},"bids":"#, listing.update_id);
    let levels = |side| listing.book.levels(side).take(limit).map(|level| (level.price, level.qty));
    spell.levels(&mut out, levels(Side::Buy));
    out.push_str(r#","asks":"#);
    spell.levels(&mut out, levels(Side::Sell));
    out.push('}');
    out
}

pub(super) fn book_ticker(listing: &Listing) -> String {
    let spell = Spelling::of(listing);
    let (bid, ask) = listing.touch();
    format!(
        r#"{{"u":{},"s":"{}","b":"{}","B":"{}","a":"{}","A":"{}"}}"#,
        listing.update_id,
        listing.settings.symbol,
        spell.price(bid.price),
        spell.qty(bid.qty),
        spell.price(ask.price),
        spell.qty(ask.qty)
    )
}

pub(super) fn mini_ticker(listing: &Listing, at: Timestamp) -> String {
    let (spell, day) = (Spelling::of(listing), listing.tape.day());
    format!(
        r#"{{"e":"24hrMiniTicker","E":{},"s":"{}","c":"{}","o":"{}","h":"{}","l":"{}","v":"{}","q":"{}"}}"#,
        at.as_millis(),
        listing.settings.symbol,
        spell.price(day.candle.close),
        spell.price(day.candle.open),
        spell.price(day.candle.high),
        spell.price(day.candle.low),
        spell.qty(day.candle.volume),
        spell.value(day.value)
    )
}

pub(super) fn ticker(listing: &Listing, at: Timestamp) -> String {
    let keys = ["p", "P", "w", "x", "c", "Q", "b", "B", "a", "A", "o", "h", "l", "v", "q", "O", "C", "F", "L", "n"];
    let mut out = format!(r#"{{"e":"24hrTicker","E":{},"s":"{}","#, at.as_millis(), listing.settings.symbol);
    day_fields(&mut out, listing, at, keys);
    out.push('}');
    out
}

/// The fields of the rolling day under the given keys: change and per cent, mean and previous close, last price and
/// quantity, best bid and ask with quantities, open, high, low, volumes, window, identifiers and count.
pub(super) fn day_fields(out: &mut String, listing: &Listing, at: Timestamp, keys: [&str; 20]) {
    let (spell, day) = (Spelling::of(listing), listing.tape.day());
    let candle = &day.candle;
    let (bid, ask) = listing.touch();
    let open = i128::from(candle.open.mantissa());
    let change = i128::from(candle.close.mantissa()) - open;
    let percent = types::money::divide(change * 100_000, open, types::Rounding::HalfEven);
    let mean = day.vwap().unwrap_or(i128::from(candle.close.mantissa()));
    let last_qty = listing.tape.fills().back().map_or(Qty::ZERO, |fill| fill.qty);
    let texts = [
        spell.price_units(change),
        padded(percent, 3, 3),
        spell.price_units(mean),
        spell.price(candle.open),
        spell.price(candle.close),
        spell.qty(last_qty),
        spell.price(bid.price),
        spell.qty(bid.qty),
        spell.price(ask.price),
        spell.qty(ask.qty),
        spell.price(candle.open),
        spell.price(candle.high),
        spell.price(candle.low),
        spell.qty(candle.volume),
        spell.value(day.value),
    ];
    list(out, texts.iter().zip(keys), |out, (text, key)| put!(out, r#""{key}":"{text}""#));
    let (first, last) = day.ids.map_or((-1, -1), |ids| (ids.0 as i64, ids.1 as i64));
    let open_ms = at.as_millis() - NS_PER_DAY / NS_PER_MS;
    let numbers = [open_ms, at.as_millis(), first, last, i64::from(candle.trades)];
    for (key, number) in keys[texts.len()..].iter().zip(numbers) {
        put!(out, r#","{key}":{number}"#);
    }
}
