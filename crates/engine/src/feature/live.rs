//! The features of one instrument in the running box.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::{Candle, Scale, Timeframe, Timestamp};

use super::around::Around;
use super::book_shape::Flow;
use super::row::Row;
use super::state::FeatureState;
use super::table::UnknownFeature;
use super::window::FeatureWindow;
use crate::candle::{Bar, Entry, Series};

/// Most longer candles kept of a time frame: a model's window and what its features need before it.
pub const LONG_MAX: usize = 600;

/// Rows of one time frame and the models' windows over them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rows {
    timeframe: Timeframe,
    state: FeatureState,
    /// By the model's seat.
    windows: BTreeMap<usize, FeatureWindow>,
    stale: bool,
}

impl Rows {
    fn new(timeframe: Timeframe) -> Self {
        Self { timeframe, state: Self::fresh(timeframe), windows: BTreeMap::new(), stale: true }
    }

    fn fresh(timeframe: Timeframe) -> FeatureState {
        FeatureState::new(timeframe.minutes() as u16)
    }

    fn set_model<S: AsRef<str>>(&mut self, seat: usize, features: &[S], rows: u16) -> Result<(), UnknownFeature> {
        self.windows.insert(seat, FeatureWindow::new(features, rows)?);
        self.stale = true;
        Ok(())
    }

    /// Begins anew where earlier candles changed; gives the open time of the last candle that is in already.
    fn begin(&mut self) -> Option<Timestamp> {
        if core::mem::take(&mut self.stale) {
            self.state = Self::fresh(self.timeframe);
            self.forget_windows();
        }
        self.state.open_time()
    }

    fn add(&mut self, bar: &Bar, around: &Around) {
        let expected = self.state.open_time().map(|before| before.as_nanos() + self.timeframe.nanos());
        if expected.is_some_and(|expected| expected != bar.open_time.as_nanos()) {
            self.forget_windows();
        }
        let row = self.state.update(bar, around);
        for window in self.windows.values_mut() {
            window.push(row);
        }
    }

    fn window(&self, seat: usize) -> Option<(Timestamp, Vec<f32>)> {
        let window = self.windows.get(&seat).filter(|_| !self.stale)?;
        Some((self.state.open_time()?, window.values()?))
    }

    fn forget_windows(&mut self) {
        self.windows.values_mut().for_each(FeatureWindow::clear);
    }
}

/// Follows a [`Series`]: one row per closed minute, the models' windows, and a fresh start from the series whenever earlier
/// minutes got other values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    rows: Rows,
}

impl Default for Live {
    fn default() -> Self {
        Self { rows: Rows::new(Timeframe::M1) }
    }
}

impl Live {
    /// Before the first minute, without a model.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the columns and the number of rows of the model in a seat. Its first window is there after the next
    /// [`advance`](Self::advance).
    ///
    /// # Errors
    /// A feature name that is not in the table; nothing changes then.
    pub fn set_model<S: AsRef<str>>(&mut self, seat: usize, features: &[S], rows: u16) -> Result<(), UnknownFeature> {
        self.rows.set_model(seat, features, rows)
    }

    /// No model answers any more.
    pub fn clear_models(&mut self) {
        self.rows.windows.clear();
    }

    /// Earlier minutes changed ([`Change::Revised`](crate::candle::Change::Revised) or `Filled`): the next
    /// [`advance`](Self::advance) starts afresh from the series. About a millisecond of work.
    pub fn invalidate(&mut self) {
        self.rows.stale = true;
    }

    /// The newest minute of the series closed ([`Change::New`](crate::candle::Change::New)) and its book is set: gives its
    /// row. Minutes that closed together are caught up with. `None` when the newest slot is a gap; asking twice gives the
    /// same row.
    pub fn advance(&mut self, series: &Series, scale: Scale) -> Option<&Row> {
        series.newest()?;
        let done = self.rows.begin();
        for entry in series.tail_after(done) {
            self.rows.add(&Bar::of(&entry.candle, scale), &around(entry, scale));
        }
        Some(self.rows.state.row())
    }

    /// The newest row and the start of its minute.
    #[must_use]
    pub fn row(&self) -> Option<(Timestamp, &Row)> {
        Some((self.rows.state.open_time()?, self.rows.state.row()))
    }

    /// The start of the newest row's minute and a model's window that ends there (row-major, oldest first), when every value of
    /// it is there.
    #[must_use]
    pub fn window(&self, seat: usize) -> Option<(Timestamp, Vec<f32>)> {
        self.rows.window(seat)
    }
}

fn around(entry: &Entry, scale: Scale) -> Around {
    let flow = entry.flow.map(|flow| Flow {
        bought: scale.qty_f64(flow.bought),
        sold: scale.qty_f64(flow.sold),
        trades: f64::from(entry.candle.trades),
    });
    Around { flow, backdrop: entry.backdrop }
}

/// Longer candles of one time frame and their features: those told of the past, and those made of the minutes here. Only what candles
/// alone tell is known of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Long {
    rows: Rows,
    /// By open time; at most [`LONG_MAX`].
    candles: VecDeque<Candle>,
}

impl Long {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(timeframe: Timeframe) -> Self {
        Self { rows: Rows::new(timeframe), candles: VecDeque::new() }
    }

    /// As [`Live::set_model`].
    ///
    /// # Errors
    /// A feature name that is not in the table; nothing changes then.
    pub fn set_model<S: AsRef<str>>(&mut self, seat: usize, features: &[S], rows: u16) -> Result<(), UnknownFeature> {
        self.rows.set_model(seat, features, rows)
    }

    /// No model answers any more.
    pub fn clear_models(&mut self) {
        self.rows.windows.clear();
    }

    /// A candle that was made of minutes here: it counts more than what was told.
    pub fn put(&mut self, candle: Candle) {
        match self.find(candle.open_time) {
            Ok(at) if self.candles[at] == candle => return,
            Ok(at) => self.candles[at] = candle,
            Err(at) => self.insert(at, candle),
        }
        let is_newest = self.candles.back().is_some_and(|newest| newest.open_time == candle.open_time);
        let is_done = self.rows.state.open_time().is_some_and(|done| done >= candle.open_time);
        self.rows.stale |= is_done || !is_newest;
    }

    /// A candle of the past, told by another source: it fills a hole and replaces nothing.
    pub fn tell(&mut self, candle: Candle) {
        if let Err(at) = self.find(candle.open_time) {
            self.insert(at, candle);
            self.rows.stale = true;
        }
    }

    /// Works off the unbroken run of candles that ends with the newest one.
    pub fn advance(&mut self, scale: Scale) {
        let done = self.rows.begin();
        for candle in self.candles.iter().filter(|candle| done.is_none_or(|done| candle.open_time > done)) {
            self.rows.add(&Bar::of(candle, scale), &Around::default());
        }
    }

    /// As [`Live::window`], by the open time of the newest candle.
    #[must_use]
    pub fn window(&self, seat: usize) -> Option<(Timestamp, Vec<f32>)> {
        self.rows.window(seat)
    }

    /// The candles that are known, oldest first.
    #[must_use]
    pub const fn candles(&self) -> &VecDeque<Candle> {
        &self.candles
    }

    fn find(&self, open_time: Timestamp) -> Result<usize, usize> {
        self.candles.binary_search_by_key(&open_time, |candle| candle.open_time)
    }

    fn insert(&mut self, at: usize, candle: Candle) {
        self.candles.insert(at, candle);
        if self.candles.len() > LONG_MAX {
            self.candles.pop_front();
        }
    }
}
