//! One-minute candles of one instrument, built from trades and checked against the venue's own; longer ones by
//! aggregation.
//!
//! ```text
//! Trade ──────────► CandleBuilder ──► Closed{New | Confirmed | Revised | Filled}, Gap
//! VenueCandle ────►   │ minutes open     for every change of the series
//! time (close_due) ►  ▼ and lately closed
//!                   Series: the last 1500 minutes, a gap where nothing is known ──► 5m, 15m, 1h
//! ```

mod bars;
mod batch;
mod builder;
mod building;
pub mod csv;
mod known;
mod repair;
mod series;
#[cfg(test)]
mod tests;

pub use bars::{Bar, segments, step_of, tidy};
pub use batch::from_trades;
pub use builder::{
    CandleBuilder, Change, Closed, Counts, EARLY_MAX, GRACE, Gap, News, REPAIR_MINUTES, TradeVerdict, VENUE_WAIT,
};
pub use known::CandleVerdict;
pub use series::{Bucket, Entry, SERIES_MAX, Series, TradeFlow};
