//! The features: one definition, one implementation, one row per closed one-minute candle.

use serde::{Deserialize, Serialize};
use types::{BookTop, Scale, Timestamp};

use crate::candle::{Bar, Series};

/// The shape of a book at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookShape {
    /// Spread over mid, basis points.
    pub spread_bps: f64,
    /// (bid quantity - ask quantity) / sum at the best level, -1 ..= 1.
    pub imbalance_1: f64,
    /// The same over the ten best levels.
    pub imbalance_10: f64,
    /// Microprice minus mid over mid, basis points.
    pub microprice_bps: f64,
}

impl BookShape {
    /// The shape of a book that holds; `None` when a side is empty.
    #[must_use]
    pub fn of(book: &BookTop) -> Option<Self> {
        let _ = book;
        todo!()
    }
}

/// Who crossed the spread in a bar, as shares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Base quantity bought by aggressors.
    pub bought: f64,
    /// Base quantity sold by aggressors.
    pub sold: f64,
    /// Fills.
    pub trades: f64,
}

/// One row: a value per definition, NaN where it is masked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row(Vec<f64>);

impl Row {
    /// Value of the feature in a column of the table.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }
    /// Value by name, `None` for an unknown name or a masked value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        let _ = name;
        todo!()
    }
}

/// A feature name that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no feature is called `{0}`")]
pub struct UnknownFeature(pub String);

/// SHA-256 in hexadecimal over the definitions of the named features in this order.
///
/// # Errors
/// A name that is not in the table.
pub fn fingerprint<S: AsRef<str>>(names: &[S]) -> Result<String, UnknownFeature> {
    let _ = names;
    todo!()
}

/// Features of one instrument in the running box: rows, model window, repair after a revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {}

impl Live {
    /// For the minutes of one instrument. `features` and `window_min` are the model's, none without a model.
    ///
    /// # Errors
    /// A feature name that is not in the table.
    pub fn new<S: AsRef<str>>(features: &[S], window_min: u16) -> Result<Self, UnknownFeature> {
        let _ = (features, window_min);
        todo!()
    }

    /// Another model: rebuilds the window from the series.
    ///
    /// # Errors
    /// A feature name that is not in the table; nothing changes then.
    pub fn set_model<S: AsRef<str>>(&mut self, features: &[S], window_min: u16) -> Result<(), UnknownFeature> {
        let _ = (features, window_min);
        todo!()
    }

    /// Earlier minutes changed (`Change::Revised` or `Change::Filled`): the next [`Live::advance`] starts afresh from the series.
    pub fn invalidate(&mut self) {
        todo!()
    }

    /// The newest minute of the series closed (`Change::New`, its book already set): its row.
    pub fn advance(&mut self, series: &Series, scale: Scale) -> Option<&Row> {
        let _ = (series, scale);
        todo!()
    }

    /// The newest row.
    #[must_use]
    pub fn row(&self) -> Option<&Row> {
        todo!()
    }

    /// Open time of the newest row's minute and the window (row-major, oldest first) if every value of it is there.
    #[must_use]
    pub fn window(&self) -> Option<(Timestamp, Vec<f32>)> {
        todo!()
    }
}

/// Streaming state of all features over consecutive bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureState {}

impl FeatureState {
    /// The row of the next bar; anything but the next bar starts afresh.
    pub fn update(&mut self, bar: &Bar, book: Option<&BookShape>, flow: Option<&Flow>) -> &Row {
        let _ = (bar, book, flow);
        todo!()
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|v| v.to_bits()).eq(other.0.iter().map(|v| v.to_bits()))
    }
}
