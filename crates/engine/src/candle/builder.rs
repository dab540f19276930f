//! The builder of one instrument's one-minute candles.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::market::{CandleSource, VenueCandle};
use types::{Candle, Timestamp, Trade};

use super::series::Series;

/// How long after a minute's end trades of it may still arrive: it closes then, unless the venue closed it before.
pub const GRACE: Duration = Duration::from_secs(2);

/// How long after its end a minute whose trades were not all heard waits for the venue's candle before it is a gap.
pub const VENUE_WAIT: Duration = Duration::from_secs(45);

/// What a [`Closed`] does to the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A minute closed; it is the newest.
    New,
    /// The venue told its candle of a closed minute and it has the same values.
    Confirmed,
    /// The venue told other values than the closed minute had; the venue's count from now on.
    Revised,
    /// A minute before the newest, so far a gap or before the start, got its values (history).
    Filled,
}

/// A closed candle, or news about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// What it does to the series.
    pub change: Change,
    /// The values that count now.
    pub candle: Candle,
    /// Where they came from.
    pub source: CandleSource,
    /// Whether venue and own candle had the same prices and volume; `None` without both.
    pub agrees: Option<bool>,
}

/// What became of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeVerdict {
    /// It is in its minute.
    Accepted,
    /// Its minute is closed; the venue's candle will correct it.
    Late,
    /// Its minute lies in the future by this box's clock.
    Early,
}

/// What was odd so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Trades for a closed minute.
    pub late: u64,
    /// Trades or candles from the future.
    pub early: u64,
    /// Venue candles that do not start on a minute.
    pub misaligned: u64,
    /// Minutes in which the venue's final candle had the same values as ours.
    pub agreed: u64,
    /// Minutes in which it had others.
    pub disagreed: u64,
    /// Minutes that closed without data.
    pub gaps: u64,
}

/// Builds the candles of one instrument. See the module's documentation for the rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CandleBuilder {
    series: Series,
    counts: Counts,
}

impl CandleBuilder {
    /// Nothing heard yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From `at` on every trade is heard. Without effect while that is already so.
    pub fn feed_live(&mut self, at: Timestamp) {
        let _ = at;
        todo!()
    }

    /// Trades may be missing from now on: every open minute needs the venue's candle, or is a gap.
    pub fn feed_lost(&mut self) {
        todo!()
    }

    /// Takes a trade heard at `at`; each trade must be given once.
    pub fn on_trade(&mut self, at: Timestamp, trade: &Trade, out: &mut Vec<Closed>) -> TradeVerdict {
        let _ = (at, trade, out);
        todo!()
    }

    /// Takes a venue's candle heard at `at`.
    pub fn on_venue_candle(&mut self, at: Timestamp, told: &VenueCandle, out: &mut Vec<Closed>) {
        let _ = (at, told, out);
        todo!()
    }

    /// Closes the minutes that are due at `at`.
    pub fn close_due(&mut self, at: Timestamp, out: &mut Vec<Closed>) {
        let _ = (at, out);
        todo!()
    }

    /// The newest minute that is not closed, as far as it is known (for the screen).
    #[must_use]
    pub fn running(&self) -> Option<Candle> {
        todo!()
    }

    /// The closed minutes.
    #[must_use]
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The closed minutes, to add the book to one.
    pub fn series_mut(&mut self) -> &mut Series {
        &mut self.series
    }

    /// What was odd.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
