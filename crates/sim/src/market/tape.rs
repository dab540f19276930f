//! The record of one instrument: its trades and the minutes built from them.

use std::collections::VecDeque;

use types::money::divide;
use types::time::NS_PER_MIN;
use types::{Candle, Price, Qty, Rounding, Side, Timestamp};

use crate::truth::TradeDigest;

/// Minutes of the rolling day of the tickers, the running one included.
const DAY_MINUTES: usize = 1_440;

/// One taker order meeting one resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) at: Timestamp,
    /// One more than the fill before.
    pub(crate) id: u64,
    /// Shared by the fills of one taker order at one price; one more than the aggregate before.
    pub(crate) aggregate: u64,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
    pub(crate) taker: Side,
    pub(crate) kind: TakerKind,
    pub(crate) maker_order: u64,
    pub(crate) taker_order: u64,
}

/// How the taker's order was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakerKind {
    Market,
    Limit,
}

/// What happened in one minute, or in several that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) candle: Candle,
    /// Sum of price times quantity, at the product of both scales.
    pub(crate) value: i128,
    pub(crate) taker_buy_qty: Qty,
    pub(crate) taker_buy_value: i128,
    /// Identifiers of the first and the last fill, `None` in a minute without one.
    pub(crate) ids: Option<(u64, u64)>,
}

/// How much a tape keeps; what is older is forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) fills: usize,
    /// Closed minutes.
    pub(crate) minutes: usize,
}

/// Trades and minutes of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    kept: Kept,
    fills: VecDeque<Fill>,
    closed: VecDeque<Minute>,
    running: Minute,
    /// The closed minutes of the rolling day.
    day: Option<Minute>,
    /// Volume of the closed minutes that are kept.
    closed_volume: Qty,
    /// All fills since the live market opened, and all aggregates.
    pub(crate) fills_digest: TradeDigest,
    pub(crate) aggregates_digest: TradeDigest,
}

impl Minute {
    /// A minute in which nothing has traded yet.
    pub(crate) fn flat(open_time: Timestamp, close: Price) -> Self {
        Self {
            candle: Candle::flat(open_time, close),
            value: 0,
            taker_buy_qty: Qty::ZERO,
            taker_buy_value: 0,
            ids: None,
        }
    }

    fn add(&mut self, fill: &Fill) {
        let value = i128::from(fill.price.mantissa()) * i128::from(fill.qty.0);
        let once = Candle { open_time: self.candle.open_time, volume: fill.qty, trades: 1, ..flat_at(fill.price) };
        if self.candle.trades == 0 {
            self.candle = once;
        } else {
            self.candle.absorb(&once);
        }
        self.value += value;
        if fill.taker == Side::Buy {
            self.taker_buy_qty = self.taker_buy_qty.saturating_add(fill.qty);
            self.taker_buy_value += value;
        }
        self.ids = Some((self.ids.map_or(fill.id, |ids| ids.0), fill.id));
    }

    /// Adds a later minute. Prices of minutes in which nothing traded do not count once something has.
    fn absorb(&mut self, later: &Self) {
        if self.candle.trades == 0 {
            *self = Self { candle: Candle { open_time: self.candle.open_time, ..later.candle }, ..*later };
        } else if later.candle.trades > 0 {
            self.candle.absorb(&later.candle);
            self.value += later.value;
            self.taker_buy_qty = self.taker_buy_qty.saturating_add(later.taker_buy_qty);
            self.taker_buy_value += later.taker_buy_value;
            self.ids = self.ids.zip(later.ids).map(|(ids, more)| (ids.0, more.1));
        }
    }

    /// All given minutes as one, oldest first; `None` without any.
    fn over<'a>(minutes: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut minutes = minutes.into_iter();
        let mut sum = *minutes.next()?;
        minutes.for_each(|minute| sum.absorb(minute));
        Some(sum)
    }

    /// The mean price by volume, rounded to the price's own scale; `None` without volume.
    pub(crate) fn vwap(&self) -> Option<i128> {
        let volume = i128::from(self.candle.volume.0);
        (volume > 0).then(|| divide(self.value, volume, Rounding::HalfEven))
    }
}

fn flat_at(price: Price) -> Candle {
    Candle::flat(Timestamp::EPOCH, price)
}

impl Tape {
    /// Begins with `history` (oldest first, without a hole); the minute at `open_time` runs from here on.
    pub(crate) fn new(kept: Kept, history: Vec<Minute>, open_time: Timestamp, price: Price) -> Self {
        let last = history.last().map_or(price, |minute| minute.candle.close);
        let closed_volume = history.iter().fold(Qty::ZERO, |sum, minute| sum.saturating_add(minute.candle.volume));
        let mut tape = Self {
            kept,
            fills: VecDeque::new(),
            closed: history.into(),
            running: Minute::flat(open_time, last),
            day: None,
            closed_volume,
            fills_digest: TradeDigest::default(),
            aggregates_digest: TradeDigest::default(),
        };
        tape.trim();
        tape
    }

    /// Adds all fills of one taker order, in the running minute.
    pub(crate) fn add(&mut self, fills: &[Fill]) {
        for fill in fills {
            debug_assert_eq!(fill.at.floor_to(NS_PER_MIN), self.running.candle.open_time);
            self.running.add(fill);
            self.fills_digest.add(fill.id, fill.price, fill.qty, fill.taker, fill.at);
            if self.fills.len() >= self.kept.fills {
                self.fills.pop_front();
            }
            self.fills.push_back(*fill);
        }
        for part in fills.chunk_by(|a, b| a.aggregate == b.aggregate) {
            let qty = part.iter().fold(Qty::ZERO, |sum, fill| sum.saturating_add(fill.qty));
            self.aggregates_digest.add(part[0].aggregate, part[0].price, qty, part[0].taker, part[0].at);
        }
    }

    /// Closes the running minute and begins the next.
    pub(crate) fn close_minute(&mut self) {
        let next = Timestamp::from_nanos(self.running.candle.open_time.as_nanos() + NS_PER_MIN);
        let close = self.running.candle.close;
        let closed = std::mem::replace(&mut self.running, Minute::flat(next, close));
        self.closed_volume = self.closed_volume.saturating_add(closed.candle.volume);
        self.closed.push_back(closed);
        self.trim();
    }

    fn trim(&mut self) {
        while self.closed.len() > self.kept.minutes {
            let forgotten = self.closed.pop_front().map_or(Qty::ZERO, |minute| minute.candle.volume);
            self.closed_volume = self.closed_volume.saturating_sub(forgotten);
        }
        let day_start = self.closed.len().saturating_sub(DAY_MINUTES - 1);
        self.day = Minute::over(self.closed.range(day_start..));
    }

    /// The kept fills, oldest first.
    pub(crate) fn fills(&self) -> &VecDeque<Fill> {
        &self.fills
    }

    /// The kept minutes, oldest first, the running one last.
    pub(crate) fn minutes(&self) -> impl DoubleEndedIterator<Item = &Minute> + '_ {
        self.closed.iter().chain(std::iter::once(&self.running))
    }

    /// The kept minutes that are over, oldest first.
    pub(crate) fn closed(&self) -> impl DoubleEndedIterator<Item = &Minute> + '_ {
        self.closed.iter()
    }

    /// The minute that is running.
    pub(crate) fn running(&self) -> &Minute {
        &self.running
    }

    /// The minute that closed last.
    pub(crate) fn last_closed(&self) -> Option<&Minute> {
        self.closed.back()
    }

    /// The last price traded at.
    pub(crate) fn last_price(&self) -> Price {
        self.running.candle.close
    }

    /// Volume of everything that is kept.
    pub(crate) fn volume_kept(&self) -> Qty {
        self.closed_volume.saturating_add(self.running.candle.volume)
    }

    /// The rolling 24 hours, at the resolution of minutes.
    pub(crate) fn day(&self) -> Minute {
        let mut day = self.day.unwrap_or(self.running);
        if self.day.is_some() {
            day.absorb(&self.running);
        }
        day
    }

    /// The kept minutes as intervals of `minutes` each, oldest first, the running one last. Intervals are counted from
    /// the epoch.
    pub(crate) fn intervals(&self, minutes: i64) -> Vec<Minute> {
        let mut rows: Vec<Minute> = Vec::new();
        for minute in self.minutes() {
            let open_time = minute.candle.open_time.floor_to(minutes * NS_PER_MIN);
            match rows.last_mut().filter(|row| row.candle.open_time == open_time) {
                Some(row) => row.absorb(minute),
                None => rows.push(Minute { candle: Candle { open_time, ..minute.candle }, ..*minute }),
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(second: i64, id: u64, price: i64, qty: u64, taker: Side) -> Fill {
        Fill {
            at: Timestamp::from_secs(second),
            id,
            aggregate: id,
            price: Price::new(price).expect("positive"),
            qty: Qty(qty),
            taker,
            kind: TakerKind::Market,
            maker_order: 0,
            taker_order: 0,
        }
    }

    fn prices(minute: &Minute) -> [i64; 4] {
        let candle = &minute.candle;
        [candle.open, candle.high, candle.low, candle.close].map(Price::mantissa)
    }

    #[test]
    fn minutes_intervals_and_the_day_are_sums_of_fills() {
        let kept = Kept { fills: 2, minutes: 10 };
        let mut tape = Tape::new(kept, Vec::new(), Timestamp::EPOCH, Price::new(90).expect("positive"));
        assert_eq!(prices(tape.running()), [90; 4]);
        tape.close_minute();
        tape.add(&[fill(60, 1, 100, 5, Side::Buy)]);
        tape.add(&[fill(61, 2, 98, 3, Side::Sell)]);
        tape.close_minute();
        tape.close_minute();
        tape.add(&[fill(180, 3, 103, 2, Side::Buy)]);
        let rows: Vec<_> = tape.minutes().map(|m| (prices(m), m.candle.volume.0, m.ids)).collect();
        assert_eq!(rows[0], ([90; 4], 0, None));
        assert_eq!(rows[1], ([100, 100, 98, 98], 8, Some((1, 2))));
        assert_eq!(rows[2], ([98; 4], 0, None));
        assert_eq!(rows[3], ([103; 4], 2, Some((3, 3))));
        let day = tape.day();
        assert_eq!((prices(&day), day.candle.volume.0, day.ids), ([100, 103, 98, 103], 10, Some((1, 3))));
        assert_eq!((day.value, day.taker_buy_value, day.vwap()), (1_000, 706, Some(100)));
        let halves: Vec<_> = tape.intervals(2).iter().map(prices).collect();
        assert_eq!(halves, [[100, 100, 98, 98], [103; 4]]);
        assert_eq!((tape.fills().len(), tape.fills_digest.count, tape.volume_kept()), (2, 3, Qty(10)));
        (0..20).for_each(|_| tape.close_minute());
        assert_eq!((tape.minutes().count(), tape.volume_kept()), (11, Qty::ZERO));
    }
}
