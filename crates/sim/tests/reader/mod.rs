//! A small client that believes nothing but frames: maps of texts read digit by digit. It shares no code with `crates/feed`
//! or the simulator, so that what both get wrong alike would still show.

use std::collections::BTreeMap;

use serde_json::Value;
use sim::{ConnectionId, ServerFrame, Sim, Truth};
use types::time::{NS_PER_MIN, NS_PER_MS};
use types::{Level, Price, Qty, Side, Timestamp};

/// Fraction digits of every number here.
const DIGITS: usize = 8;

/// Decimal text as an integer of eight fraction digits.
pub(crate) fn units(value: &Value) -> i128 {
    let text = value.as_str().unwrap_or_else(|| panic!("not a string: {value}"));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= DIGITS, "{text}");
    format!("{whole}{fraction:0<DIGITS$}").parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

/// One trade as a client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeenTrade {
    pub(crate) price: i128,
    pub(crate) qty: i128,
    pub(crate) is_buy: bool,
    /// Nanoseconds.
    pub(crate) at: i64,
}

/// Open, high, low, close, volume.
pub(crate) type SeenCandle = [i128; 5];

/// What a client knows of one instrument.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) bids: BTreeMap<i128, i128>,
    pub(crate) asks: BTreeMap<i128, i128>,
    pub(crate) updates: usize,
    pub(crate) trades: BTreeMap<u64, SeenTrade>,
}

impl Seen {
    /// Sets a level; a quantity of zero removes it, if it is there.
    pub(crate) fn set(&mut self, is_bid: bool, price: i128, qty: i128) {
        let side = if is_bid { &mut self.bids } else { &mut self.asks };
        if qty == 0 {
            side.remove(&price);
        } else {
            side.insert(price, qty);
        }
    }

    /// Replaces the whole book.
    pub(crate) fn replace(&mut self, bids: &Value, asks: &Value) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            let levels = levels.as_array().expect("levels").iter();
            *side = levels.map(|level| (units(&level[0]), units(&level[1]))).collect();
        }
    }

    pub(crate) fn add_trade(&mut self, id: u64, trade: SeenTrade) {
        assert!(self.trades.insert(id, trade).is_none(), "trade {id} twice");
    }

    pub(crate) fn is_crossed(&self) -> bool {
        let best = (self.bids.last_key_value(), self.asks.first_key_value());
        matches!(best, (Some(bid), Some(ask)) if bid.0 >= ask.0)
    }

    /// The best `depth` levels are the true ones.
    pub(crate) fn assert_book(&self, truth: &Truth, depth: usize, name: &str) {
        let flat = |levels: &[Level]| -> Vec<(i128, i128)> {
            levels.iter().take(depth).map(|l| (true_price(truth, l.price), true_qty(truth, l.qty))).collect()
        };
        let pair = |(price, qty): (&i128, &i128)| (*price, *qty);
        let bids: Vec<_> = self.bids.iter().rev().map(pair).take(depth).collect();
        let asks: Vec<_> = self.asks.iter().map(pair).take(depth).collect();
        assert_eq!((bids, asks), (flat(&truth.bids), flat(&truth.asks)), "{name} after {} updates", self.updates);
    }

    /// The trades are those that happened after `start`, all of them, and the minutes built from them are the true ones.
    pub(crate) fn assert_record(&self, truth: &Truth, start: Timestamp, name: &str) {
        let since = truth.trades.iter().filter(|t| t.at > start);
        let happened: BTreeMap<u64, SeenTrade> = since
            .map(|t| {
                let (price, qty) = (true_price(truth, t.price), true_qty(truth, t.qty));
                (t.id, SeenTrade { price, qty, is_buy: t.taker == Side::Buy, at: t.at.as_nanos() })
            })
            .collect();
        assert!(happened.len() > 50, "{name}: only {} trades", happened.len());
        assert_eq!(self.trades, happened, "{name} trades");
        let built = self.built();
        // The minute in which we began had begun before.
        let candles = truth.candles.iter().filter(|c| c.open_time > start && c.trades > 0);
        for candle in candles.clone() {
            let expected = true_candle(truth, candle);
            assert_eq!(built.get(&candle.open_time.as_nanos()), Some(&expected), "{name} at {}", candle.open_time);
        }
        assert!(candles.count() > 10, "{name}: too few minutes");
    }

    fn built(&self) -> BTreeMap<i64, SeenCandle> {
        let mut minutes: BTreeMap<i64, SeenCandle> = BTreeMap::new();
        for &SeenTrade { price, qty, at, .. } in self.trades.values() {
            let minute = minutes.entry(at.div_euclid(NS_PER_MIN) * NS_PER_MIN);
            let [_, high, low, close, volume] = minute.or_insert([price, price, price, price, 0]);
            (*high, *low, *close, *volume) = ((*high).max(price), (*low).min(price), price, *volume + qty);
        }
        minutes
    }
}

/// A true price as a client writes it.
pub(crate) fn true_price(truth: &Truth, price: Price) -> i128 {
    i128::from(price.mantissa()) * 10i128.pow(DIGITS as u32 - u32::from(truth.price_decimals))
}

/// A true quantity as a client writes it.
pub(crate) fn true_qty(truth: &Truth, qty: Qty) -> i128 {
    i128::from(qty.0) * 10i128.pow(DIGITS as u32 - u32::from(truth.qty_decimals))
}

/// A true candle as a client writes it.
pub(crate) fn true_candle(truth: &Truth, candle: &types::Candle) -> SeenCandle {
    let [open, high, low, close] =
        [candle.open, candle.high, candle.low, candle.close].map(|price| true_price(truth, price));
    [open, high, low, close, true_qty(truth, candle.volume)]
}

/// Lets `ms` milliseconds pass.
pub(crate) fn wait(sim: &mut Sim, ms: i64) {
    let to = Timestamp::from_nanos(sim.now().as_nanos() + ms * NS_PER_MS);
    sim.advance(to);
}

/// All frames that have come.
pub(crate) fn frames(sim: &mut Sim, connection: ConnectionId) -> Vec<ServerFrame> {
    let mut frames = Vec::new();
    sim.poll(connection, &mut frames);
    frames
}

/// All messages that have come; anything else is an error.
pub(crate) fn messages(sim: &mut Sim, connection: ConnectionId) -> Vec<Value> {
    let message = |frame| match frame {
        ServerFrame::Text(text) => serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")),
        other => panic!("{other:?}"),
    };
    frames(sim, connection).into_iter().map(message).collect()
}
