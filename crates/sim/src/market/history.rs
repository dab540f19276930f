//! The minutes before the live market: the same price process, without a book.

use types::time::NS_PER_MIN;
use types::{Candle, Price, Qty, Timestamp};

use super::listing::Shape;
use super::price::HISTORY_STEP_MS;
use super::random::Random;
use super::tape::Minute;

/// Price steps in a minute of history.
pub(crate) const STEPS: usize = (60_000 / HISTORY_STEP_MS) as usize;

/// Makes the minutes of one listing, one after the other.
#[derive(Debug)]
pub(crate) struct HistoryMaker {
    random: Random,
    /// Identifier of the last fill that is imagined behind the minutes.
    pub(crate) last_id: u64,
    close: Option<Price>,
    pub(crate) minutes: Vec<Minute>,
}

impl HistoryMaker {
    pub(crate) fn new(random: Random, first_id: u64) -> Self {
        Self { random, last_id: first_id, close: None, minutes: Vec::new() }
    }

    /// Adds the minute at `open_time`; `dollars` are the efficient prices within it.
    pub(crate) fn add(&mut self, open_time: Timestamp, shape: &Shape, dollars: &[f64; STEPS], activity: f64) {
        let rate = shape.fills_per_minute * activity * self.random.log_normal(0.7);
        let count = self.random.poisson(rate.min(600.0));
        let prices: Vec<Price> = self.trade_prices(shape, dollars, count);
        let (Some(&open), Some(&close)) = (prices.first(), prices.last()) else {
            let price = self.close.unwrap_or_else(|| shape.price(dollars[STEPS - 1]));
            self.close = Some(price);
            self.minutes.push(Minute::flat(open_time, price));
            return;
        };
        let (high, low) = prices.iter().fold((open, open), |(high, low), p| (high.max(*p), low.min(*p)));
        let volume = shape.qty(f64::from(count) * shape.fill_value * self.random.log_normal(0.5), dollars[0]);
        let taker_buy_qty = Qty((volume.0 as f64 * self.random.unit()) as u64 / shape.lot * shape.lot);
        // The mean of the prices lies between low and high, as a volume-weighted mean does.
        let mean = prices.iter().map(|p| i128::from(p.mantissa())).sum::<i128>() / prices.len() as i128;
        let candle = Candle { open_time, open, high, low, close, volume, trades: count };
        self.minutes.push(Minute {
            candle,
            value: mean * i128::from(volume.0),
            taker_buy_qty,
            taker_buy_value: mean * i128::from(taker_buy_qty.0),
            ids: Some((self.last_id + 1, self.last_id + u64::from(count))),
        });
        self.last_id += u64::from(count);
        self.close = Some(close);
    }

    fn trade_prices(&mut self, shape: &Shape, dollars: &[f64; STEPS], count: u32) -> Vec<Price> {
        let seen = (count as usize).min(STEPS);
        let first = STEPS - seen;
        dollars[first..]
            .iter()
            .map(|fair| {
                let sign = if self.random.chance(0.5) { 1.0 } else { -1.0 };
                shape.price(fair * (1.0 + sign * 0.5 * shape.spread))
            })
            .collect()
    }
}

/// The open times of `count` minutes before `end`.
pub(crate) fn open_times(end: Timestamp, count: u32) -> impl Iterator<Item = Timestamp> {
    (0..i64::from(count)).rev().map(move |back| Timestamp::from_nanos(end.as_nanos() - (back + 1) * NS_PER_MIN))
}
