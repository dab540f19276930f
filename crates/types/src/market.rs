//! What venues say about their markets, in canonical form.

use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::instrument::InstrumentId;
use crate::money::{Price, Qty};
use crate::time::{NS_PER_MIN, Timestamp};

/// A direction of an order or of exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Wants base, pays quote.
    Buy,
    /// Gives base, wants quote.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// Who crossed the spread in a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Aggressor {
    /// A buyer took an ask.
    Buy,
    /// A seller took a bid.
    Sell,
    /// The venue does not tell.
    Unknown,
}

/// One price level of a book: the price and all quantity resting there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// Total resting quantity, above zero.
    pub qty: Qty,
}

/// The best prices of a book: the bid is below the ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quote {
    /// Best bid.
    pub bid: Price,
    /// Best ask.
    pub ask: Price,
}

/// Why a published book can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Proof {
    /// The venue's checksum over the best levels matched after the last change.
    Checksum,
    /// Every update since the snapshot arrived, in sequence.
    Sequence,
    /// The venue numbers nothing; the book was last compared with a fresh snapshot and agreed.
    Compared,
}

/// The best levels of a book that holds, as published by `feed` at its cadence.
///
/// Bids fall, asks rise, neither has doubled prices, and the best bid is below the best ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookTop {
    /// Whose book.
    pub instrument: InstrumentId,
    /// Best bids, highest first.
    pub bids: Vec<Level>,
    /// Best asks, lowest first.
    pub asks: Vec<Level>,
    /// Why it can be believed.
    pub proof: Proof,
    /// When the venue made the last change in it; `None` where the venue does not tell.
    pub venue_at: Option<Timestamp>,
}

/// Why a book does not hold any more. Fills and forecasts stop until the next [`BookTop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StaleReason {
    /// The connection is down.
    Disconnected,
    /// An update is missing from the sequence.
    SequenceGap,
    /// The checksum does not match.
    ChecksumMismatch,
    /// Best bid at or above best ask after a complete update.
    Crossed,
    /// Nothing was heard for longer than the venue's limit.
    Silent,
    /// The book differs from a fresh snapshot.
    CompareMismatch,
    /// A message for it could not be read.
    Malformed,
    /// The snapshot is being fetched again on our own wish.
    Resync,
    /// Its prices are far from all that is believed.
    Implausible,
    /// Orders are not matched: the instrument is halted or not listed any more, or the venue is in maintenance.
    Halted,
    /// The card is full: nothing from exchanges is taken in.
    CardFull,
}

impl StaleReason {
    /// Whether a book that went stale for this reason means that trades may have been missed too.
    #[must_use]
    pub const fn loses_trades(self) -> bool {
        match self {
            Self::Disconnected | Self::Silent | Self::Malformed | Self::Halted | Self::CardFull => true,
            Self::SequenceGap
            | Self::ChecksumMismatch
            | Self::Crossed
            | Self::CompareMismatch
            | Self::Implausible
            | Self::Resync => false,
        }
    }
}

/// Whether orders for an instrument are matched, as the venue tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TradingStatus {
    /// Orders are matched.
    #[default]
    Trading,
    /// It is listed, and orders are not matched: halted, in an auction, only to be cancelled.
    Halted,
    /// It is not listed (any more).
    NotListed,
}

/// A trade, or a venue's aggregate of the fills of one taker order at one price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// What was traded.
    pub instrument: InstrumentId,
    /// The venue's identifier: decimal ids as they are, hexadecimal ones as their value. Unique per instrument.
    pub id: u128,
    /// Price of the trade.
    pub price: Price,
    /// Traded quantity, above zero.
    pub qty: Qty,
    /// Who crossed the spread.
    pub aggressor: Aggressor,
    /// How many fills it stands for (1 where the venue sends single fills).
    pub fills: u32,
    /// When the venue says it happened. Candles are built by this time.
    pub venue_at: Timestamp,
}

/// Trades that are known to have happened, for the venue numbers them one by one, and were not heard.
///
/// Those that come afterwards are ordinary trades with a number below the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradesMissing {
    /// Whose trades.
    pub instrument: InstrumentId,
    /// Number of the trade before the first missing one.
    pub after: u128,
    /// Number of the trade after the last missing one.
    pub before: u128,
    /// When the trade before them happened, by the venue.
    pub from: Timestamp,
    /// When the trade after them happened, by the venue.
    pub to: Timestamp,
}

/// A venue's own summary of a market: for the screen and to compare with, never the base of a fill or a candle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticker {
    /// Whose summary.
    pub instrument: InstrumentId,
    /// Price of the last trade, where told.
    pub last: Option<Price>,
    /// Best bid, where told.
    pub bid: Option<Level>,
    /// Best ask, where told.
    pub ask: Option<Level>,
    /// Base volume of the last 24 hours, where told.
    pub volume_24h: Option<Qty>,
    /// When the venue says it was so, where told.
    pub venue_at: Option<Timestamp>,
}

/// Length of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timeframe {
    /// One minute.
    #[serde(rename = "1m")]
    M1,
    /// Five minutes.
    #[serde(rename = "5m")]
    M5,
    /// A quarter of an hour.
    #[serde(rename = "15m")]
    M15,
    /// One hour.
    #[serde(rename = "1h")]
    H1,
    /// A day, UTC.
    #[serde(rename = "1d")]
    D1,
}

impl Timeframe {
    /// All time frames, shortest first.
    pub const ALL: [Self; 5] = [Self::M1, Self::M5, Self::M15, Self::H1, Self::D1];

    /// Length in minutes.
    #[must_use]
    pub const fn minutes(self) -> i64 {
        match self {
            Self::M1 => 1,
            Self::M5 => 5,
            Self::M15 => 15,
            Self::H1 => 60,
            Self::D1 => 1_440,
        }
    }

    /// A number of one byte for keys in files: the minutes, and 255 for a day.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::D1 => u8::MAX,
            _ => self.minutes() as u8,
        }
    }

    /// Length in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.minutes() * NS_PER_MIN
    }

    /// The name used in files and on screen (`1m`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::H1 => "1h",
            Self::D1 => "1d",
        }
    }
}

/// A length that candles do not have here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a length of candles; there are 1m, 5m, 15m, 1h, 1d")]
pub struct UnknownTimeframe;

impl FromStr for Timeframe {
    type Err = UnknownTimeframe;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|timeframe| timeframe.name() == text).ok_or(UnknownTimeframe)
    }
}

/// Open, high, low, close and volume of one interval that starts at `open_time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candle {
    /// Start of the interval.
    pub open_time: Timestamp,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Base volume.
    pub volume: Qty,
    /// Number of fills; zero for an interval in which nothing traded (prices repeat the previous close).
    pub trades: u32,
}

impl Candle {
    /// The candle of an interval without trades after one that closed at `close`.
    #[must_use]
    pub const fn flat(open_time: Timestamp, close: Price) -> Self {
        Self { open_time, open: close, high: close, low: close, close, volume: Qty::ZERO, trades: 0 }
    }

    /// Adds what happened later in the same interval.
    pub fn absorb(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = self.volume.saturating_add(later.volume);
        self.trades = self.trades.saturating_add(later.trades);
    }
}

/// How sure a venue's candle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CandleState {
    /// The interval is not over.
    Running,
    /// The interval is over by the clock, but the venue has not said so.
    Provisional,
    /// The venue closed it, or a later one has begun.
    Final,
}

/// Where a candle came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CandleSource {
    /// The venue's WebSocket channel.
    Stream,
    /// The venue's REST history.
    Rest,
    /// Built here from trades.
    Built,
    /// A minute of which every trade would have been heard, and there was none: the close before it, repeated.
    Filled,
}

/// A one-minute candle as a venue tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueCandle {
    /// Whose candle.
    pub instrument: InstrumentId,
    /// The values.
    pub candle: Candle,
    /// How sure they are.
    pub state: CandleState,
    /// Which way they came.
    pub source: CandleSource,
}
