//! The features of one instrument in the running box.

use serde::{Deserialize, Serialize};
use types::time::NS_PER_MIN;
use types::{Scale, Timestamp};

use super::around::Around;
use super::book_shape::Flow;
use super::row::Row;
use super::state::FeatureState;
use super::table::UnknownFeature;
use super::window::FeatureWindow;
use crate::candle::{Bar, Entry, Series};

/// Follows a [`Series`]: one row per closed minute, a model's window, and a fresh start from the series whenever earlier
/// minutes got other values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    state: FeatureState,
    window: Option<FeatureWindow>,
    stale: bool,
}

impl Default for Live {
    fn default() -> Self {
        Self { state: FeatureState::new(1), window: None, stale: true }
    }
}

impl Live {
    /// Before the first minute, without a model.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a model's columns and minutes of history. Its first window is there after the next [`advance`](Self::advance).
    ///
    /// # Errors
    /// A feature name that is not in the table; nothing changes then.
    pub fn set_model<S: AsRef<str>>(&mut self, features: &[S], window_min: u16) -> Result<(), UnknownFeature> {
        self.window = Some(FeatureWindow::new(features, window_min)?);
        self.stale = true;
        Ok(())
    }

    /// No model answers any more.
    pub fn clear_model(&mut self) {
        self.window = None;
    }

    /// Earlier minutes changed ([`Change::Revised`](crate::candle::Change::Revised) or `Filled`): the next
    /// [`advance`](Self::advance) starts afresh from the series. About a millisecond of work.
    pub fn invalidate(&mut self) {
        self.stale = true;
    }

    /// The newest minute of the series closed ([`Change::New`](crate::candle::Change::New)) and its book is set: gives its
    /// row. Minutes that closed together are caught up with. `None` when the newest slot is a gap; asking twice gives the
    /// same row.
    pub fn advance(&mut self, series: &Series, scale: Scale) -> Option<&Row> {
        series.newest()?;
        if self.stale {
            self.stale = false;
            self.state = FeatureState::new(1);
            self.forget_window();
        }
        let done = self.state.open_time();
        for entry in series.tail().filter(|entry| done.is_none_or(|done| entry.candle.open_time > done)) {
            self.add(entry, scale);
        }
        Some(self.state.row())
    }

    /// The newest row and the start of its minute.
    #[must_use]
    pub fn row(&self) -> Option<(Timestamp, &Row)> {
        Some((self.state.open_time()?, self.state.row()))
    }

    /// The start of the newest row's minute and the window that ends there (row-major, oldest first), when every value of
    /// it is there.
    #[must_use]
    pub fn window(&self) -> Option<(Timestamp, Vec<f32>)> {
        let window = self.window.as_ref().filter(|_| !self.stale)?;
        Some((self.state.open_time()?, window.values()?))
    }

    fn add(&mut self, entry: &Entry, scale: Scale) {
        let candle = &entry.candle;
        if self.state.open_time().is_some_and(|before| before.as_nanos() + NS_PER_MIN != candle.open_time.as_nanos()) {
            self.forget_window();
        }
        let flow = entry.flow.map(|flow| Flow {
            bought: scale.qty_f64(flow.bought),
            sold: scale.qty_f64(flow.sold),
            trades: f64::from(candle.trades),
        });
        let row = self.state.update(&Bar::of(candle, scale), &Around { flow, backdrop: entry.backdrop });
        if let Some(window) = &mut self.window {
            window.push(row);
        }
    }

    fn forget_window(&mut self) {
        if let Some(window) = &mut self.window {
            window.clear();
        }
    }
}
