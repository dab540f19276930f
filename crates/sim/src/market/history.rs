//! The minutes before the live market: the same efficient prices, without a book.
//!
//! A live minute costs thousands of orders; here it is drawn as a whole, from what the live market does on average:
//!
//! - Trades are those of market orders, whose number follows the activity, and those of limit orders that meet resting ones
//!   because the fair price has moved past them. Of the latter there are the more, the further the price moves within the
//!   minute, measured in spreads; the venue's own deviation moves it too.
//! - Prices follow the fair price at a distance: resting orders near the touch give way only once it has moved past them.
//!
//! The constants are fitted to live minutes of many seeds and all default listings; `tests/history.rs` holds both against
//! each other.

use std::cmp::Ordering;

use types::time::{NS_PER_MIN, NS_PER_MS};
use types::{Candle, Price, Qty, Timestamp};

use super::breakaway::Breakaways;
use super::flow::{ACTIVITY_RANGE, EXCITEMENT_OFFSPRING};
use super::listing::Shape;
use super::path::{STEP_MS, STEPS};
use super::random::Random;
use super::reversion::PreparedReversion;
use super::tape::Minute;

/// Resting orders that one market order meets.
const FILLS_PER_TAKER: f64 = 1.44;
/// Share of the limit orders of a minute that end in a trade when the price moves without end.
const SWEPT_SHARE: f64 = 0.89;
/// Move of a minute at which half of that is reached, in spreads, for a spread of one basis point; falls with the root of
/// the spread.
const SWEPT_HALF: f64 = 18.0;
/// Weight of the venue's own squared deviation beside the squared move of the price.
const NOISE_WEIGHT: f64 = 0.55;
/// Mean value of a fill in units of the listing's order value: of market orders, and of swept orders where the spread is
/// one basis point.
const TAKER_FILL_VALUE: f64 = 1.9;
const SWEPT_FILL_VALUE: f64 = 9.0;
/// How the latter grows with the spread.
const SWEPT_FILL_EXPONENT: f64 = 0.15;
/// Squared deviation of a fill's value, relative to its mean.
const FILL_VARIANCE: f64 = 16.0;
/// Squared deviation of the logarithm of a minute's own busyness.
const BUSYNESS_VARIANCE: f64 = 0.25;
/// Fills come in clumps: so many times the variance of independent ones is added to theirs.
const CLUMPING: f64 = 6.0;
/// Trades in a minute are at most this many; the live market stays below, too.
const TRADES_MAX: f64 = 2_000.0;
/// How far the fair price goes before the touch follows, in spreads.
const SLACK: f64 = 0.8;
/// The venue's own deviation is taken anew after this many steps of the grid.
const NOISE_STEPS: usize = 5;

/// Makes the minutes of one listing, one after the other.
#[derive(Debug)]
pub(crate) struct HistoryMaker {
    random: Random,
    /// Identifier of the last fill that is imagined behind the minutes.
    pub(crate) last_id: u64,
    close: Option<Price>,
    noise: PreparedReversion,
    noise_now: f64,
    pub(crate) breakaways: Breakaways,
    /// The middle of the imagined book in dollars.
    middle: Option<f64>,
    pub(crate) minutes: Vec<Minute>,
}

/// What is expected of a minute.
#[derive(Clone, Copy, Debug)]
struct Expected {
    fills: f64,
    /// Mean value of a fill, in units of the quote.
    fill_value: f64,
}

impl HistoryMaker {
    pub(crate) fn new(random: Random, breakaways: Breakaways, first_id: u64, shape: &Shape) -> Self {
        let noise = shape.noise.prepared(STEP_MS as f64 * NOISE_STEPS as f64);
        let (close, middle, minutes) = (None, None, Vec::new());
        Self { random, last_id: first_id, close, noise, noise_now: 0.0, breakaways, middle, minutes }
    }

    /// Adds the minute at `open_time`; `dollars` are the efficient prices within it.
    pub(crate) fn add(&mut self, open_time: Timestamp, shape: &Shape, dollars: &[f64; STEPS], activity: f64) {
        let expected = Expected::new(shape, dollars, activity);
        let clumped = BUSYNESS_VARIANCE + libm::log(1.0 + CLUMPING / expected.fills.max(1.0));
        let count = expected.fills * self.log_normal_of_mean_one(clumped);
        let count = self.random.poisson(count.min(TRADES_MAX));
        let prices = self.trade_prices(open_time, shape, dollars, count);
        let (Some(&open), Some(&close)) = (prices.first(), prices.last()) else {
            let price = self.close.unwrap_or_else(|| shape.price(dollars[STEPS - 1]));
            self.close = Some(price);
            self.minutes.push(Minute::flat(open_time, price));
            return;
        };
        let (high, low) = prices.iter().fold((open, open), |(high, low), p| (high.max(*p), low.min(*p)));
        // The mean of `count` values, log-normal like each of them.
        let variance = libm::log(1.0 + FILL_VARIANCE / f64::from(count));
        let luck = self.log_normal_of_mean_one(variance);
        let volume = shape.qty(f64::from(count) * expected.fill_value * luck, dollars[0]);
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

    fn log_normal_of_mean_one(&mut self, variance: f64) -> f64 {
        self.random.log_normal(variance.sqrt()) * libm::exp(-0.5 * variance)
    }

    /// The prices at those steps of the grid at which one of `count` trades happens.
    fn trade_prices(&mut self, open_time: Timestamp, shape: &Shape, dollars: &[f64; STEPS], count: u32) -> Vec<Price> {
        let mut prices = Vec::new();
        if count == 0 {
            return prices;
        }
        let chance = f64::from(count) / STEPS as f64;
        let (slack, half) = (SLACK * shape.spread, 0.5 * shape.spread);
        let mut middle = self.middle.unwrap_or(dollars[0]);
        let mut broken_away = 0.0;
        for (step, dollars) in dollars.iter().enumerate() {
            if step % NOISE_STEPS == 0 {
                self.noise_now = self.noise.step(self.noise_now, &mut self.random);
                let at = Timestamp::from_nanos(open_time.as_nanos() + step as i64 * STEP_MS * NS_PER_MS);
                broken_away = self.breakaways.at(at);
            }
            let fair = dollars * (1.0 + self.noise_now + broken_away);
            let followed = middle.clamp(fair * (1.0 - slack), fair * (1.0 + slack));
            let is_up = match followed.total_cmp(&middle) {
                Ordering::Less => false,
                Ordering::Equal => self.random.chance(0.5),
                Ordering::Greater => true,
            };
            middle = followed;
            if self.random.chance(chance) {
                prices.push(shape.price(middle * if is_up { 1.0 + half } else { 1.0 - half }));
            }
        }
        self.middle = Some(middle);
        if prices.is_empty() {
            prices.push(shape.price(middle));
        }
        prices
    }
}

impl Expected {
    fn new(shape: &Shape, dollars: &[f64; STEPS], activity: f64) -> Self {
        let factor = activity.clamp(ACTIVITY_RANGE.0, ACTIVITY_RANGE.1);
        let moved: f64 = dollars.windows(2).map(|pair| (pair[1] / pair[0] - 1.0) * (pair[1] / pair[0] - 1.0)).sum();
        let noise = NOISE_WEIGHT * shape.noise.deviation * shape.noise.deviation;
        let spread = shape.spread.max(1e-6);
        let (moved, spread_bps) = ((moved + noise).sqrt() / spread, spread * 1e4);
        let swept_share = SWEPT_SHARE * moved / (moved + SWEPT_HALF / spread_bps.sqrt());
        let swept = 60.0 * shape.orders_per_s * factor * swept_share;
        let taken = 60.0 * shape.takers_per_s * factor / (1.0 - EXCITEMENT_OFFSPRING) * FILLS_PER_TAKER;
        let fills = swept + taken;
        let swept_value = SWEPT_FILL_VALUE * libm::pow(spread_bps, SWEPT_FILL_EXPONENT);
        let value = shape.order_value * (swept * swept_value + taken * TAKER_FILL_VALUE);
        Self { fills, fill_value: if fills > 0.0 { value / fills } else { 0.0 } }
    }
}

/// The open times of `count` minutes before `end`.
pub(crate) fn open_times(end: Timestamp, count: u32) -> impl Iterator<Item = Timestamp> {
    (0..i64::from(count)).rev().map(move |back| Timestamp::from_nanos(end.as_nanos() - (back + 1) * NS_PER_MIN))
}
