//! The features of consecutive bars, one after the other.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::Timestamp;
use types::time::{NS_PER_DAY, NS_PER_MIN};

use super::around::Around;
use super::average::{Ema, Macd, Rsi, Wilder};
use super::book_shape::Flow;
use super::flow::Pressure;
use super::micro::Micro;
use super::momentum::Momentum;
use super::row::Row;
use super::table::Column;
use super::trend::Trend;
use super::variance::Variance;
use super::volume::Volume;
use crate::candle::Bar;

const NS_PER_WEEK: i64 = 7 * NS_PER_DAY;
/// 5 January 1970.
const FIRST_MONDAY: i64 = 4 * NS_PER_DAY;
/// Bars that the longest fixed look-back needs.
const BARS_MAX: usize = 61;
/// Bars whose flow is kept.
const FLOWS_MAX: usize = 5;

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
        let flow = around.flow.as_ref();
        self.memory.add(bar, flow);
        self.memory.averages(bar, &mut self.row);
        self.memory.looking_back(bar, &mut self.row);
        self.memory.families(bar, flow, &mut self.row);
        of_one_bar(bar, &mut self.row);
        self.memory.micro.update(&around.backdrop, &mut self.row);
        self.row.set(Column::TradeFlow1, self.memory.flow(1));
        self.row.set(Column::TradeFlow5, self.memory.flow(FLOWS_MAX));
        self.row.set(Column::TradeCount1, flow.map(|flow| flow.trades));
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
        self.memory.bars.back().map(|bar| bar.open_time)
    }
}

/// What is remembered of an unbroken run of bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Memory {
    bars: VecDeque<Bar>,
    /// Log-return of each bar over the one before; one fewer than bars.
    returns: VecDeque<f64>,
    flows: VecDeque<Option<Flow>>,
    rsi: Rsi,
    macd: Macd,
    true_range: Wilder,
    ema: Ema,
    session: Session,
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
            bars: VecDeque::new(),
            returns: VecDeque::new(),
            flows: VecDeque::new(),
            rsi: Rsi::new(14),
            macd: Macd::new(),
            true_range: Wilder::new(14),
            ema: Ema::new(20),
            session: Session::default(),
            trend: Trend::new(),
            momentum: Momentum::new(),
            volume: Volume::new(),
            variance: Variance::new(),
            pressure: Pressure::new(),
            micro: Micro::new(),
        }
    }

    fn add(&mut self, bar: &Bar, flow: Option<&Flow>) {
        if let Some(before) = self.bars.back() {
            push_bounded(&mut self.returns, libm::log(bar.close / before.close), BARS_MAX - 1);
        }
        push_bounded(&mut self.bars, *bar, BARS_MAX);
        push_bounded(&mut self.flows, flow.copied(), FLOWS_MAX);
    }

    /// Everything recursive.
    fn averages(&mut self, bar: &Bar, row: &mut Row) {
        row.set(Column::Rsi14, self.rsi.update(bar.close));
        if let Some([macd, signal, histogram]) = self.macd.update(bar.close) {
            row.set(Column::Macd, Some(macd));
            row.set(Column::MacdSignal, Some(signal));
            row.set(Column::MacdHist, Some(histogram));
            row.set(Column::MacdHistBps, Some(histogram / bar.close * 1e4));
        }
        let before = self.bars.iter().rev().nth(1).map(|before| before.close);
        let atr = before.and_then(|before| self.true_range.update(true_range(bar, before)));
        row.set(Column::Atr14, atr);
        row.set(Column::Natr14, atr.map(|atr| atr / bar.close * 100.0));
        row.set(Column::Ema20Bps, self.ema.update(bar.close).map(|ema| distance_bps(bar.close, ema)));
        row.set(Column::Vwap, self.session.update(bar));
    }

    /// Everything over a fixed number of bars, recomputed from them.
    fn looking_back(&self, bar: &Bar, row: &mut Row) {
        row.set(Column::Ret1, self.returned(1));
        row.set(Column::Ret5, self.returned(5));
        row.set(Column::Ret15, self.returned(15));
        row.set(Column::Ret30, self.returned(30));
        row.set(Column::Volatility10, self.volatility(10));
        row.set(Column::Volatility30, self.volatility(30));
        row.set(Column::Volatility60, self.volatility(60));
        if let Some(middle) = self.mean(20, |bar| bar.close) {
            let variance = self.mean(20, |bar| (bar.close - middle) * (bar.close - middle)).unwrap_or(0.0);
            let half = 2.0 * variance.sqrt();
            let (upper, lower) = (middle + half, middle - half);
            row.set(Column::BbUpper, Some(upper));
            row.set(Column::BbMiddle, Some(middle));
            row.set(Column::BbLower, Some(lower));
            row.set(Column::BbWidth, Some((upper - lower) / middle));
            let flat = upper <= lower;
            row.set(Column::BbPercent, Some(if flat { 0.5 } else { (bar.close - lower) / (upper - lower) }));
        }
        let vwap = self.vwap(60);
        row.set(Column::Vwap60, vwap);
        row.set(Column::Vwap60Bps, vwap.map(|vwap| distance_bps(bar.close, vwap)));
        let volume = self.mean(20, |bar| bar.volume);
        row.set(Column::VolumeRatio20, volume.map(|mean| volume_ratio(bar.volume, mean)));
        row.set(Column::Sma60Bps, self.mean(60, |bar| bar.close).map(|mean| distance_bps(bar.close, mean)));
    }

    fn families(&mut self, bar: &Bar, flow: Option<&Flow>, row: &mut Row) {
        let before = self.bars.iter().rev().nth(1);
        let change = before.and(self.returns.back()).copied();
        self.trend.update(bar, before, row);
        self.momentum.update(bar, row);
        self.volume.update(bar, before, row);
        self.variance.update(bar, change, row);
        self.pressure.update(flow, change, row);
    }

    /// The newest `count` bars, oldest first.
    fn last(&self, count: usize) -> Option<impl Iterator<Item = &Bar>> {
        Some(self.bars.range(self.bars.len().checked_sub(count)?..))
    }

    fn mean(&self, count: usize, value: impl Fn(&Bar) -> f64) -> Option<f64> {
        Some(self.last(count)?.map(value).sum::<f64>() / count as f64)
    }

    fn returned(&self, count: usize) -> Option<f64> {
        let before = self.last(count + 1)?.next()?;
        Some(libm::log(self.bars.back()?.close / before.close))
    }

    fn volatility(&self, count: usize) -> Option<f64> {
        let from = self.returns.len().checked_sub(count)?;
        let mean = self.returns.range(from..).sum::<f64>() / count as f64;
        let squares: f64 = self.returns.range(from..).map(|value| (value - mean) * (value - mean)).sum();
        Some((squares / (count - 1) as f64).sqrt())
    }

    fn vwap(&self, count: usize) -> Option<f64> {
        let volume: f64 = self.last(count)?.map(|bar| bar.volume).sum();
        if volume > 0.0 {
            Some(self.last(count)?.map(|bar| typical(bar) * bar.volume).sum::<f64>() / volume)
        } else {
            self.mean(count, typical)
        }
    }

    fn flow(&self, count: usize) -> Option<f64> {
        let from = self.flows.len().checked_sub(count)?;
        let (mut bought, mut sold) = (0.0, 0.0);
        for flow in self.flows.range(from..) {
            let flow = flow.as_ref()?;
            bought += flow.bought;
            sold += flow.sold;
        }
        Some(if bought + sold > 0.0 { (bought - sold) / (bought + sold) } else { 0.0 })
    }
}

/// Sums since 00:00 UTC of a day whose first bar was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Session {
    open: bool,
    value: f64,
    volume: f64,
}

impl Session {
    fn update(&mut self, bar: &Bar) -> Option<f64> {
        if bar.open_time.as_nanos().rem_euclid(NS_PER_DAY) == 0 {
            *self = Self { open: true, value: 0.0, volume: 0.0 };
        }
        self.value += typical(bar) * bar.volume;
        self.volume += bar.volume;
        (self.open && self.volume > 0.0).then(|| self.value / self.volume)
    }
}

fn of_one_bar(bar: &Bar, row: &mut Row) {
    row.set(Column::RangeBps, Some((bar.high - bar.low) / bar.close * 1e4));
    row.set(Column::BodyBps, Some((bar.close - bar.open) / bar.open * 1e4));
    let angle = turn(bar.open_time.as_nanos(), NS_PER_DAY);
    row.set(Column::MinuteSin, Some(libm::sin(angle)));
    row.set(Column::MinuteCos, Some(libm::cos(angle)));
    let angle = turn(bar.open_time.as_nanos() - FIRST_MONDAY, NS_PER_WEEK);
    row.set(Column::WeekSin, Some(libm::sin(angle)));
    row.set(Column::WeekCos, Some(libm::cos(angle)));
}

/// How far a cycle has turned, radians.
fn turn(at: i64, cycle: i64) -> f64 {
    at.rem_euclid(cycle) as f64 / cycle as f64 * core::f64::consts::TAU
}

/// The greatest of today's range and the distances of its ends from the close before.
pub(super) fn true_range(bar: &Bar, before: f64) -> f64 {
    (bar.high - bar.low).max((before - bar.high).abs()).max((before - bar.low).abs())
}

pub(super) fn typical(bar: &Bar) -> f64 {
    (bar.high + bar.low + bar.close) / 3.0
}

pub(super) fn distance_bps(value: f64, base: f64) -> f64 {
    (value - base) / base * 1e4
}

/// The floor keeps a minute without volume finite (about -4.6) and near zero where volume is usual.
fn volume_ratio(volume: f64, mean: f64) -> f64 {
    let ratio = if mean > 0.0 { volume / mean } else { 1.0 };
    libm::log((ratio + 0.01) / 1.01)
}

fn push_bounded<T>(queue: &mut VecDeque<T>, value: T, len_max: usize) {
    if queue.len() == len_max {
        queue.pop_front();
    }
    queue.push_back(value);
}
