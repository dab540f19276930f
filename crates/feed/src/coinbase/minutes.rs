//! Minutes built from trades, and when one is complete (protocol section 6.1).
//!
//! The venue has no channel of candles. A minute is complete when a trade of a later minute was heard, or a heartbeat
//! two seconds after its end that tells no trade we have not; and no trade may be missing. Such a candle is
//! provisional: only the venue's history is final. It is what the engine falls back on for a minute of which it did not
//! hear every trade at its time.

use std::collections::BTreeMap;
use std::time::Duration;

use types::time::NS_PER_MIN;
use types::{Candle, Price, Timestamp, Trade};

/// A heartbeat this long after the end of a minute closes it.
pub(crate) const HEARTBEAT_AFTER: Duration = Duration::from_secs(2);
/// Minutes that are told late at most; whoever waited for an earlier one has given up.
const LATE_MAX: i64 = 5;
/// Minutes under construction at most. Trades come from about now; a wild time must not cost memory.
const OPEN_MAX: usize = 8;

/// The minutes of one product.
#[derive(Clone, Debug, Default)]
pub(crate) struct Minutes {
    open: BTreeMap<i64, Building>,
    /// The earliest minute of which every trade is heard; `None` before anything was.
    whole_from: Option<i64>,
    /// The earliest minute that was not told.
    next: i64,
    /// Price of the last trade before that minute.
    close: Option<Price>,
}

/// A candle with the numbers of its first and last trade: trades may come in any order.
#[derive(Clone, Copy, Debug)]
struct Building {
    candle: Candle,
    first: u128,
    last: u128,
}

impl Minutes {
    /// The first trade that is known of the product: every later one will be heard.
    pub(crate) fn begin(&mut self, trade: &Trade) {
        if self.whole_from.is_none() {
            self.close = Some(trade.price);
            self.start_after(minute_of(trade.venue_at));
        }
    }

    /// Trades were missed for good: the minutes up to the newest trade's will never be complete.
    pub(crate) fn lost(&mut self) {
        let newest = self.open.last_key_value().map_or(self.next, |(minute, _)| *minute);
        self.start_after(newest);
    }

    fn start_after(&mut self, minute: i64) {
        self.whole_from = self.whole_from.max(Some(minute.saturating_add(1)));
        self.next = self.next.max(minute);
    }

    /// Takes a new trade.
    pub(crate) fn trade(&mut self, trade: &Trade) {
        self.begin(trade);
        let minute = minute_of(trade.venue_at);
        if minute < self.next || (self.open.len() >= OPEN_MAX && !self.open.contains_key(&minute)) {
            return;
        }
        match self.open.get_mut(&minute) {
            Some(building) => building.add(trade),
            None => {
                self.open.insert(minute, Building::start(trade));
            }
        }
    }

    /// The minutes that end at or before `venue_at` are over, and no trade up to then is missing: gives those out that
    /// were not told yet, oldest first.
    pub(crate) fn over(&mut self, venue_at: Timestamp) -> Vec<Candle> {
        let running = minute_of(venue_at);
        let Some(whole_from) = self.whole_from.filter(|_| self.next < running) else { return Vec::new() };
        let mut candles = Vec::new();
        // Minutes long past are passed over, with their last price.
        let mut minute = self.next.max(running - LATE_MAX);
        let told_from = minute.max(whole_from);
        while let Some(entry) = self.open.first_entry().filter(|entry| *entry.key() < minute) {
            self.close = Some(entry.remove().candle.close);
        }
        while minute < running {
            let built = self.open.remove(&minute).map(|building| building.candle);
            let candle = built.or_else(|| Some(Candle::flat(start_of(minute), self.close?)));
            self.close = candle.map(|candle| candle.close);
            candles.extend(candle.filter(|_| minute >= told_from));
            minute += 1;
        }
        self.next = running;
        candles
    }
}

impl Building {
    fn start(trade: &Trade) -> Self {
        let flat = Candle::flat(trade.venue_at.floor_to(NS_PER_MIN), trade.price);
        Self { candle: Candle { volume: trade.qty, trades: trade.fills, ..flat }, first: trade.id, last: trade.id }
    }

    fn add(&mut self, trade: &Trade) {
        let candle = &mut self.candle;
        if trade.id < self.first {
            (self.first, candle.open) = (trade.id, trade.price);
        }
        if trade.id > self.last {
            (self.last, candle.close) = (trade.id, trade.price);
        }
        candle.high = candle.high.max(trade.price);
        candle.low = candle.low.min(trade.price);
        candle.volume = candle.volume.saturating_add(trade.qty);
        candle.trades = candle.trades.saturating_add(trade.fills);
    }
}

/// Minutes since the epoch of the one that holds `venue_at`.
pub(crate) const fn minute_of(venue_at: Timestamp) -> i64 {
    venue_at.as_nanos().div_euclid(NS_PER_MIN)
}

/// Start of a minute counted from the epoch.
pub(crate) const fn start_of(minute: i64) -> Timestamp {
    Timestamp::from_nanos(minute.saturating_mul(NS_PER_MIN))
}

#[cfg(test)]
mod tests {
    use types::{Aggressor, InstrumentId, Qty};

    use super::*;

    fn trade(id: u128, second: i64, price: i64) -> Trade {
        Trade {
            instrument: InstrumentId(0),
            id,
            price: Price::new(price).expect("positive"),
            qty: Qty(2),
            aggressor: Aggressor::Buy,
            fills: 1,
            venue_at: Timestamp::from_secs(second),
        }
    }

    /// Minute, open, high, low, close and trades of what is over.
    fn over(minutes: &mut Minutes, second: i64) -> Vec<(i64, [i64; 4], u32)> {
        let row = |candle: Candle| {
            let prices = [candle.open, candle.high, candle.low, candle.close].map(Price::mantissa);
            assert_eq!(candle.volume, Qty(2 * u64::from(candle.trades)));
            (candle.open_time.as_secs() / 60, prices, candle.trades)
        };
        minutes.over(Timestamp::from_secs(second)).into_iter().map(row).collect()
    }

    #[test]
    fn minutes_after_the_first_known_trade_are_told_once() {
        let mut minutes = Minutes::default();
        assert_eq!(over(&mut minutes, 100), []);
        minutes.begin(&trade(7, 630, 50));
        for late in [trade(9, 662, 53), trade(8, 661, 51), trade(11, 719, 52), trade(10, 700, 54)] {
            minutes.trade(&late);
        }
        assert_eq!(over(&mut minutes, 719), [], "minute 10 was not heard from its start");
        assert_eq!(over(&mut minutes, 720), [(11, [51, 54, 51, 52], 4)]);
        assert_eq!(over(&mut minutes, 720), []);
        minutes.trade(&trade(12, 715, 99));
        assert_eq!(over(&mut minutes, 841), [(12, [52; 4], 0), (13, [52; 4], 0)], "too late, and nothing traded");
    }

    #[test]
    fn minutes_with_missing_trades_are_never_told() {
        let mut minutes = Minutes::default();
        minutes.trade(&trade(1, 600, 50));
        minutes.trade(&trade(9, 670, 60));
        minutes.trade(&trade(11, 725, 61));
        minutes.lost();
        minutes.trade(&trade(20, 730, 70));
        minutes.trade(&trade(21, 790, 80));
        assert_eq!(over(&mut minutes, 900), [(13, [80; 4], 1), (14, [80; 4], 0)]);
    }

    #[test]
    fn after_a_long_time_only_the_newest_minutes_are_told_and_wild_times_cost_nothing() {
        let mut minutes = Minutes::default();
        minutes.begin(&trade(1, 0, 50));
        minutes.trade(&trade(2, 70, 55));
        let told = over(&mut minutes, 60_000);
        assert_eq!(told.len(), LATE_MAX as usize);
        assert_eq!(told[0], (995, [55; 4], 0));
        for n in 0..100 {
            minutes.trade(&trade(10 + n, 60_000 + 6_000 * n as i64, 60));
        }
        assert_eq!(minutes.open.len(), OPEN_MAX);
        assert_eq!(minutes.over(Timestamp::MAX).len(), LATE_MAX as usize);
        minutes.trade(&trade(999, i64::MIN, 60));
        minutes.lost();
    }
}
