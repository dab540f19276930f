//! The features of consecutive bars, one after the other.

use serde::{Deserialize, Serialize};
use types::Timestamp;
use types::time::{NS_PER_DAY, NS_PER_MIN};

use super::around::Around;
use super::flow::Pressure;
use super::micro::Micro;
use super::momentum::Momentum;
use super::past::Past;
use super::row::Row;
use super::table::Column;
use super::trend::Trend;
use super::variance::Variance;
use super::volume::Volume;
use crate::candle::Bar;

const NS_PER_WEEK: i64 = 7 * NS_PER_DAY;
/// 5 January 1970.
const FIRST_MONDAY: i64 = 4 * NS_PER_DAY;

/// State of all features after some bars. Feed it every bar in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureState {
    step_ns: i64,
    row: Row,
    memory: Memory,
}

impl FeatureState {
    /// Before the first bar. Bars follow each other by `step_min` minutes.
    #[must_use]
    pub fn new(step_min: u16) -> Self {
        Self { step_ns: i64::from(step_min) * NS_PER_MIN, row: Row::masked(), memory: Memory::new() }
    }

    /// The row of the next bar. A bar that does not start exactly one step after the one before starts afresh: nothing
    /// reaches over a gap.
    pub fn update(&mut self, bar: &Bar, around: &Around) -> &Row {
        let expected = self.open_time().map(|before| before.as_nanos().saturating_add(self.step_ns));
        if expected.is_some_and(|expected| expected != bar.open_time.as_nanos()) {
            self.memory = Memory::new();
        }
        self.row.mask();
        self.memory.update(bar, around, &mut self.row);
        of_one_bar(bar, &mut self.row);
        &self.row
    }

    /// The newest row; all masked before the first bar.
    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Start of the newest bar.
    #[must_use]
    pub fn open_time(&self) -> Option<Timestamp> {
        self.memory.past.newest.map(|bar| bar.open_time)
    }
}

/// What is remembered of an unbroken run of bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Memory {
    past: Past,
    trend: Trend,
    momentum: Momentum,
    volume: Volume,
    variance: Variance,
    pressure: Pressure,
    micro: Micro,
}

impl Memory {
    fn new() -> Self {
        Self {
            past: Past::new(),
            trend: Trend::default(),
            momentum: Momentum::new(),
            volume: Volume::new(),
            variance: Variance::new(),
            pressure: Pressure::new(),
            micro: Micro::new(),
        }
    }

    fn update(&mut self, bar: &Bar, around: &Around, row: &mut Row) {
        self.past.add(bar);
        self.trend.update(bar, &self.past, row);
        self.momentum.update(bar, &self.past, row);
        self.volume.update(bar, &self.past, row);
        self.variance.update(bar, &self.past, row);
        self.pressure.update(around.flow.as_ref(), self.past.change(), row);
        self.micro.update(&around.backdrop, row);
    }
}

fn of_one_bar(bar: &Bar, row: &mut Row) {
    row.set(Column::RangeBps, Some((bar.high - bar.low) / bar.close * 1e4));
    row.set(Column::BodyBps, Some((bar.close - bar.open) / bar.open * 1e4));
    let (sin, cos) = libm::sincos(turn(bar.open_time.as_nanos(), NS_PER_DAY));
    row.set(Column::MinuteSin, Some(sin));
    row.set(Column::MinuteCos, Some(cos));
    let (sin, cos) = libm::sincos(turn(bar.open_time.as_nanos() - FIRST_MONDAY, NS_PER_WEEK));
    row.set(Column::WeekSin, Some(sin));
    row.set(Column::WeekCos, Some(cos));
}

/// How far a cycle has turned, radians.
fn turn(at: i64, cycle: i64) -> f64 {
    at.rem_euclid(cycle) as f64 / cycle as f64 * core::f64::consts::TAU
}

pub(super) fn typical(bar: &Bar) -> f64 {
    (bar.high + bar.low + bar.close) / 3.0
}

pub(super) fn distance_bps(value: f64, base: f64) -> f64 {
    (value - base) / base * 1e4
}
