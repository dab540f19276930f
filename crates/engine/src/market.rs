//! What is known of each instrument: its book, candles, features and newest trades.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::market::Timeframe;
use types::quality::QuarantineRecord;
use types::time::NS_PER_MIN;
use types::{Candle, Instrument, Price, Ticker, Timestamp, Trade, TradingStatus};

use crate::book::Book;
use crate::candle::{Bucket, CandleBuilder, News, Series};
use crate::feature::{Live, Long, QuoteWatch, Row};
use crate::quality::{Guard, Integrity, TradeIds};

mod catalogue;
mod closing;
mod intake;

pub use catalogue::Markets;

/// A book older than this says nothing about the price at another venue.
const FRESH: Duration = Duration::from_secs(30);
/// Most instruments in the catalogue.
pub const INSTRUMENTS_MAX: usize = 256;
/// Newest trades kept per instrument, for the screen.
pub const TRADES_MAX: usize = 100;
/// Most fraction digits of an instrument's price or quantity.
pub(crate) const DECIMALS_MAX: u8 = 12;

/// One instrument and all that was heard of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Market {
    /// Its rules.
    pub instrument: Instrument,
    /// Its newest book.
    pub(crate) book: Book,
    pub(crate) live: Live,
    /// Longer candles that some model wants to see.
    pub(crate) longs: BTreeMap<Timeframe, Long>,
    pub(crate) quotes: QuoteWatch,
    pub(crate) quality: Integrity,
    ticker: Option<Ticker>,
    /// Whether orders are matched; `None` before the venue has told.
    pub(crate) status: Option<TradingStatus>,
    candles: CandleBuilder,
    /// Newest trades, by number.
    trades: VecDeque<Trade>,
    taken: TradeIds,
    guard: Guard,
    /// When the user was last told of something set aside.
    aside_told_at: Option<Timestamp>,
    /// Reused between inputs; always empty between them.
    #[serde(skip)]
    news: News,
    /// The same: what was set aside.
    #[serde(skip)]
    aside: Vec<QuarantineRecord>,
}

impl Market {
    fn new(instrument: Instrument) -> Self {
        let book = Book::new(instrument.id);
        Self {
            instrument,
            book,
            live: Live::new(),
            longs: BTreeMap::new(),
            quotes: QuoteWatch::default(),
            quality: Integrity::default(),
            ticker: None,
            status: None,
            candles: CandleBuilder::new(),
            trades: VecDeque::new(),
            taken: TradeIds::default(),
            guard: Guard::default(),
            aside_told_at: None,
            news: News::default(),
            aside: Vec::new(),
        }
    }

    /// The newest book, proven or marked.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The last proven mid price: what a position is valued at.
    #[must_use]
    pub const fn mark(&self) -> Option<Price> {
        self.book.mid()
    }

    /// Whether the book holds and was heard just now.
    pub(crate) fn is_fresh(&self, at: Timestamp) -> bool {
        self.book.is_proven() && self.book.at().is_some_and(|heard| at.since(heard) <= FRESH)
    }

    /// The closed minutes.
    #[must_use]
    pub fn series(&self) -> &Series {
        self.candles.series()
    }

    /// What was odd about trades and candles.
    #[must_use]
    pub fn counts(&self) -> crate::candle::Counts {
        self.candles.counts()
    }

    /// The newest feature row and the start of its minute.
    #[must_use]
    pub fn row(&self) -> Option<(Timestamp, &Row)> {
        self.live.row()
    }

    /// The venue's own newest summary.
    #[must_use]
    pub const fn ticker(&self) -> Option<&Ticker> {
        self.ticker.as_ref()
    }

    /// Whether the venue matches orders; `None` before it has told.
    #[must_use]
    pub const fn status(&self) -> Option<TradingStatus> {
        self.status
    }

    /// How far the book could be trusted during the last day.
    #[must_use]
    pub const fn integrity(&self) -> &Integrity {
        &self.quality
    }

    /// Newest trades, newest first.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.trades.iter().rev()
    }

    /// The time frames of longer candles that some model wants to see, with the candles that are known.
    pub fn longs(&self) -> impl Iterator<Item = (Timeframe, &VecDeque<Candle>)> {
        self.longs.iter().map(|(timeframe, long)| (*timeframe, long.candles()))
    }

    /// The newest `limit` closed candles of a time frame, oldest first. Longer candles need all their minutes.
    #[must_use]
    pub fn candles(&self, timeframe: Timeframe, limit: usize) -> Vec<Bucket> {
        let series = self.series();
        let ends = series.entries().rev().map(|entry| entry.candle.open_time);
        let ends = ends.filter(|open_time| is_last_minute(*open_time, timeframe));
        let mut candles: Vec<Bucket> =
            ends.filter_map(|open_time| series.bucket(timeframe, open_time)).take(limit).collect();
        candles.reverse();
        candles
    }

    /// The candle of a time frame that is not closed yet, from the minutes known so far.
    #[must_use]
    pub fn running(&self, timeframe: Timeframe) -> Option<Candle> {
        let minute = self.candles.running();
        let newest = minute.map(|candle| candle.open_time).or_else(|| Some(self.series().last()?.candle.open_time))?;
        let open_time = newest.floor_to(timeframe.nanos());
        let closed = self.series().entries().rev().map(|entry| entry.candle);
        let mut parts: Vec<Candle> = closed.take_while(|candle| candle.open_time >= open_time).collect();
        parts.reverse();
        if parts.len() as i64 == timeframe.minutes() {
            return None;
        }
        parts.extend(minute);
        let (first, later) = parts.split_first()?;
        let mut candle = Candle { open_time, ..*first };
        for part in later {
            candle.absorb(part);
        }
        Some(candle)
    }
}

/// When something happens, by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Ours.
    pub(crate) at: Timestamp,
    /// The venue's; `None` while nothing tells it.
    pub(crate) venue_now: Option<Timestamp>,
    /// Whether ours is believed.
    pub(crate) is_clock_set: bool,
}

impl Moment {
    /// True while no minute after this one can have closed: it ended less than a minute ago.
    pub(crate) fn is_current(&self, candle: &Candle) -> bool {
        let age_ns = |now: Timestamp| now.as_nanos().saturating_sub(candle.open_time.as_nanos());
        self.venue_now.is_some_and(|now| age_ns(now) < 2 * NS_PER_MIN)
    }
}

fn is_last_minute(open_time: Timestamp, timeframe: Timeframe) -> bool {
    (open_time.as_nanos() + NS_PER_MIN).rem_euclid(timeframe.nanos()) == 0
}
