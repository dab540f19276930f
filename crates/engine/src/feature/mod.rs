//! The features: one definition, one implementation, one row per closed candle.
//!
//! ```text
//! Bar, Around ─► FeatureState::update ─► Row (all columns of the table, NaN = masked)
//!                                           └─► FeatureWindow (a model's columns, the last minutes) ─► f32 window
//! ```
//!
//! [`DEFINITIONS`] is the table. A missing bar starts everything afresh: no value ever reaches over a gap. Values that
//! look back a fixed number of bars are recomputed from those bars each time, so that they cannot drift; the recursive
//! ones (RSI, MACD, ATR, EMA) remember their first bars for ever, as their definition says. [`Live`] puts it together for
//! the running box.

mod around;
mod average;
mod book_shape;
mod flow;
mod live;
mod micro;
mod momentum;
mod past;
mod quotes;
mod recent;
mod row;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod trend;
mod variance;
mod volume;
mod window;

pub use around::{Around, Backdrop, Elsewhere, Stake, Talk};
pub use book_shape::{BookShape, Flow};
pub use live::{LONG_MAX, Live, Long};
pub(crate) use quotes::QuoteWatch;
pub use quotes::Quotes;
pub use row::Row;
pub use state::FeatureState;
pub use table::{Column, DEFINITIONS, Definition, Needs, UnknownFeature, columns_of, fingerprint, scale_free};
pub use window::FeatureWindow;
