//! One-minute candles of one instrument, built from trades and checked against the venue's own; longer ones by
//! aggregation.
//!
//! ```text
//! Trade ──────────► CandleBuilder ──► Closed{New | Confirmed | Revised | Filled}
//! VenueCandle ────►   │ minutes open     for every change of the series
//! time (close_due) ►  ▼
//!                   Series: the last 1500 minutes, a gap where nothing is known ──► 5m, 15m, 1h
//! ```

mod bars;
mod batch;
mod builder;
pub mod csv;
mod series;
#[cfg(test)]
mod tests;

pub use bars::{Bar, segments, step_of, tidy};
pub use batch::from_trades;
pub use builder::{CandleBuilder, Change, Closed, Counts, GRACE, TradeVerdict, VENUE_WAIT};
pub use series::{Entry, SERIES_MAX, Series, TradeFlow};
