//! How well instruments were heard: one row per instrument and minute.

use serde::{Deserialize, Serialize};

use crate::instrument::InstrumentId;
use crate::market::{Level, StaleReason, Ticker, Trade, VenueCandle};
use crate::money::Price;
use crate::time::Timestamp;

/// How well one instrument was heard in one minute, as its feed counted it.
///
/// A minute without a row is one in which nobody listened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityMinute {
    /// Whose minute.
    pub instrument: InstrumentId,
    /// Its start by this box's clock: counted is what was *received* in it.
    pub minute: Timestamp,
    /// How long the feed was at work in it, milliseconds: 60 000 but for the minutes of a start and an end.
    pub watched_ms: u32,
    /// How long the book held, milliseconds; never more than `watched_ms`.
    pub live_ms: u32,
    /// Longest time in which nothing was heard about it, milliseconds; may have begun in an earlier minute.
    pub silence_max_ms: u32,
    /// Breaks in the stream of book updates: missing numbers, or a checksum that does not match.
    pub gaps: u32,
    /// Books built anew after one that held.
    pub resyncs: u32,
    /// Checksums that did not match.
    pub checksum_failures: u32,
    /// Updates after which the best bid was at or above the best ask.
    pub crossed: u32,
    /// Trades and book updates received a second time and dropped.
    pub duplicates: u32,
    /// Trades given out.
    pub trades: u32,
    /// Of these, those fetched afterwards because they were missing.
    pub trades_repaired: u32,
    /// Breaks in the sequence of trade numbers.
    pub trade_gaps: u32,
    /// Messages about it that were not used.
    pub rejected: u32,
    /// Connections made to its venue.
    pub connections: u32,
    /// Venue time minus our time at the end of the minute, nanoseconds, never above the true difference; `None` where no
    /// message told.
    pub venue_ahead_ns: Option<i64>,
    /// Why the book broke last in this minute, if it did.
    pub broke: Option<StaleReason>,
}

impl QualityMinute {
    /// A minute of which nothing was counted yet.
    #[must_use]
    pub const fn new(instrument: InstrumentId, minute: Timestamp) -> Self {
        Self {
            instrument,
            minute,
            watched_ms: 0,
            live_ms: 0,
            silence_max_ms: 0,
            gaps: 0,
            resyncs: 0,
            checksum_failures: 0,
            crossed: 0,
            duplicates: 0,
            trades: 0,
            trades_repaired: 0,
            trade_gaps: 0,
            rejected: 0,
            connections: 0,
            venue_ahead_ns: None,
            broke: None,
        }
    }
}

/// A minute of the data-quality ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityRecord {
    /// What the feed counted.
    pub heard: QualityMinute,
    /// Inputs about the instrument that the engine refused since the row before.
    pub refused: u32,
    /// Inputs about it that were set aside as implausible since the row before.
    pub quarantined: u32,
    /// Whether the clock was believed when the minute ended.
    pub is_clock_set: bool,
}

/// Minutes without data: no candle was made of them. A candle for one of them that comes later is a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapRecord {
    /// Whose minutes.
    pub instrument: InstrumentId,
    /// Start of the first.
    pub from: Timestamp,
    /// End of the last.
    pub to: Timestamp,
    /// Why nothing is known of them.
    pub reason: GapReason,
    /// Whether the clock was believed.
    pub is_clock_set: bool,
}

/// Why a minute is without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapReason {
    /// Nobody listened for all of it, and the venue told no candle.
    NotHeard,
    /// Trades of it are known to be missing, and the venue told no candle.
    TradesMissing,
    /// Nothing was traded, and the price before it is not known either.
    NoPrice,
}

/// Something implausible that was set aside: no candle, feature or fill ever saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRecord {
    /// Whose.
    pub instrument: InstrumentId,
    /// When it was received.
    pub at: Timestamp,
    /// What it was.
    pub what: Quarantined,
    /// Why it was not believed.
    pub reason: QuarantineReason,
    /// The price that was believed then, where there was one.
    pub trusted: Option<Price>,
}

/// What can be set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quarantined {
    /// A trade.
    Trade(Trade),
    /// A venue's candle.
    Candle(VenueCandle),
    /// A book, by its best levels.
    Book {
        /// Best bid.
        bid: Option<Level>,
        /// Best ask.
        ask: Option<Level>,
    },
    /// A venue's summary.
    Ticker(Ticker),
}

/// Why something was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuarantineReason {
    /// Its price is far from all that is believed, and nothing confirmed it.
    Price,
    /// A trade of nothing.
    Empty,
    /// A candle that contradicts itself (high below low, a close outside of both, no start of a minute).
    Contradictory,
    /// A candle that is called final and is not.
    Unfinished,
    /// Its time lies in the future.
    Future,
}
