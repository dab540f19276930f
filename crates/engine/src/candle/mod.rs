//! One-minute candles of one instrument, built from trades and checked against the venue's own; longer ones by
//! aggregation.
//!
//! ```text
//! Trade ──────────► CandleBuilder ──► Closed{New | Confirmed | Revised | Filled}
//! VenueCandle ────►   │ minutes open     for every change of the series
//! time (close_due) ►  ▼
//!                   Series: the last 1500 minutes, a gap where nothing is known ──► 5m, 15m, 1h
//! ```

mod batch;
mod builder;
pub mod csv;
mod series;

use serde::{Deserialize, Serialize};
use types::{Candle, Scale, Timestamp};

pub use batch::from_trades;
pub use builder::{CandleBuilder, Change, Closed, Counts, GRACE, TradeVerdict, VENUE_WAIT};
pub use series::{Entry, SERIES_MAX, Series, TradeFlow};

/// A candle as floating-point numbers: what features are computed from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Start of the interval.
    pub open_time: Timestamp,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Base volume.
    pub volume: f64,
}

impl Bar {
    /// The candle's values at the instrument's digits.
    #[must_use]
    pub fn of(candle: &Candle, scale: Scale) -> Self {
        Self {
            open_time: candle.open_time,
            open: scale.price_f64(candle.open),
            high: scale.price_f64(candle.high),
            low: scale.price_f64(candle.low),
            close: scale.price_f64(candle.close),
            volume: scale.qty_f64(candle.volume),
        }
    }
}
