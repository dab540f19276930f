//! What is known of each instrument: its book, candles, features and newest trades.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::effect::{CandleRecord, Record};
use types::market::{StaleReason, Timeframe, TradesMissing, VenueCandle};
use types::quality::GapRecord;
use types::time::NS_PER_MIN;
use types::{BookTop, Candle, Effects, Instrument, InstrumentId, Price, Qty, Ticker, Timestamp, Trade};

use crate::book::Book;
use crate::candle::{Bucket, CandleBuilder, CandleVerdict, Change, Closed, Gap, News, Series, TradeVerdict};
use crate::feature::{BookShape, Live, Row};
use crate::quality::{Integrity, TradeIds};
use crate::rejection::Rejection;

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
    pub(crate) quality: Integrity,
    ticker: Option<Ticker>,
    candles: CandleBuilder,
    /// Newest trades, by number.
    trades: VecDeque<Trade>,
    taken: TradeIds,
    /// Reused between inputs; always empty between them.
    #[serde(skip)]
    news: News,
}

impl Market {
    fn new(instrument: Instrument) -> Self {
        let book = Book::new(instrument.id);
        Self {
            instrument,
            book,
            live: Live::new(),
            quality: Integrity::default(),
            ticker: None,
            candles: CandleBuilder::new(),
            trades: VecDeque::new(),
            taken: TradeIds::default(),
            news: News::default(),
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

    /// How far the book could be trusted during the last day.
    #[must_use]
    pub const fn integrity(&self) -> &Integrity {
        &self.quality
    }

    /// Newest trades, newest first.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.trades.iter().rev()
    }

    /// The newest `limit` closed candles of a time frame, oldest first. Longer candles need all their minutes.
    #[must_use]
    pub fn candles(&self, timeframe: Timeframe, limit: usize) -> Vec<Candle> {
        let series = self.series();
        let mut candles: Vec<Candle> = if timeframe == Timeframe::M1 {
            series.entries().rev().take(limit).map(|entry| entry.candle).collect()
        } else {
            let ends = series.entries().rev().map(|entry| entry.candle.open_time);
            let ends = ends.filter(|open_time| is_last_minute(*open_time, timeframe));
            ends.filter_map(|open_time| Some(series.bucket(timeframe, open_time)?.candle)).take(limit).collect()
        };
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

    /// Takes a book. While books come, every trade is heard too: they share the connection.
    pub(crate) fn on_book(&mut self, top: &BookTop, at: Timestamp) -> Result<(), Rejection> {
        let taken = self.book.replace(top, at);
        if taken.is_ok() {
            self.candles.feed_live(at);
        }
        taken
    }

    pub(crate) fn on_stale(&mut self, reason: StaleReason, at: Timestamp) {
        if self.book.is_proven() {
            self.quality.on_break(reason, at);
        }
        self.book.mark_stale(reason, at);
        if loses_trades(reason) {
            self.candles.feed_lost();
        }
    }

    pub(crate) fn on_trade(&mut self, trade: &Trade, at: Timestamp) -> Result<(), Rejection> {
        if trade.qty.is_zero() {
            return Err(Rejection::TradeEmpty);
        }
        if trade.venue_at < Timestamp::EPOCH {
            return Err(Rejection::TradeLate);
        }
        if !self.taken.take(trade.id) {
            return Err(Rejection::TradeDoubled);
        }
        match self.candles.on_trade(at, trade, &mut self.news) {
            TradeVerdict::Accepted => {
                self.keep(trade);
                Ok(())
            }
            TradeVerdict::Late => Err(Rejection::TradeLate),
            TradeVerdict::Early => Err(Rejection::TradeEarly),
        }
    }

    /// Keeps a trade among the newest, in the order of numbers.
    fn keep(&mut self, trade: &Trade) {
        let index = self.trades.partition_point(|kept| kept.id < trade.id);
        if self.trades.len() < TRADES_MAX {
            self.trades.insert(index, trade.clone());
        } else if index > 0 {
            self.trades.pop_front();
            self.trades.insert(index - 1, trade.clone());
        }
    }

    /// Trades are known to be missing.
    pub(crate) fn on_missing(&mut self, missing: &TradesMissing) {
        self.candles.on_missing(missing);
    }

    pub(crate) fn on_candle(&mut self, told: &VenueCandle, at: Timestamp) -> Result<(), Rejection> {
        let candle = &told.candle;
        if candle.open_time < Timestamp::EPOCH {
            return Err(Rejection::CandleInvalid);
        }
        let prices = [candle.open, candle.close];
        let is_sound = prices.iter().all(|price| (candle.low..=candle.high).contains(price));
        let is_whole_minute = candle.open_time.floor_to(NS_PER_MIN) == candle.open_time;
        if !(is_sound && is_whole_minute) {
            return Err(Rejection::CandleInvalid);
        }
        match self.candles.on_venue_candle(at, told, &mut self.news) {
            CandleVerdict::Taken | CandleVerdict::Ignored => Ok(()),
            CandleVerdict::Misaligned => Err(Rejection::CandleInvalid),
            CandleVerdict::Early => Err(Rejection::CandleEarly),
            CandleVerdict::Unfinished => Err(Rejection::CandleUnfinished),
        }
    }

    pub(crate) fn on_ticker(&mut self, ticker: &Ticker) {
        self.ticker = Some(ticker.clone());
    }

    pub(crate) fn on_tick(&mut self, at: Timestamp) {
        self.candles.close_due(at, &mut self.news);
    }

    /// Works off what closed since the last call: records it and feeds the features. Minutes that had no values before are
    /// added to `fresh` in the order they came.
    pub(crate) fn settle(&mut self, at: Timestamp, is_clock_set: bool, effects: &mut Effects, fresh: &mut Vec<Closed>) {
        if self.news.is_empty() {
            return;
        }
        let mut news = core::mem::take(&mut self.news);
        let instrument = self.instrument.id;
        for gap in news.gaps.drain(..) {
            let Gap { from, to, reason } = gap;
            effects.record(Record::Gap(GapRecord { instrument, from, to, reason, is_clock_set }));
        }
        for closed in &news.closed {
            self.record(closed, is_clock_set, effects);
            match closed.change {
                Change::New => {
                    let shape = if is_current(&closed.candle, at) { self.shape() } else { None };
                    self.candles.series_mut().set_book(closed.candle.open_time, shape);
                }
                Change::Revised | Change::Filled => self.live.invalidate(),
                Change::Confirmed => {}
            }
        }
        // Once every new minute has its book: minutes that closed together are caught up with in one go.
        if news.closed.iter().any(|closed| closed.change == Change::New) {
            self.live.advance(self.candles.series(), self.instrument.scale);
        }
        fresh.extend(news.closed.drain(..).filter(|closed| matches!(closed.change, Change::New | Change::Filled)));
        news.unfinished.clear();
        self.news = news;
    }

    fn record(&self, closed: &Closed, is_clock_set: bool, effects: &mut Effects) {
        let (instrument, source) = (self.instrument.id, closed.source);
        let mut record = |Bucket { timeframe, candle, agrees, revision }| {
            let record = CandleRecord { instrument, timeframe, candle, source, agrees, revision, is_clock_set };
            effects.record(Record::Candle(record));
        };
        let Closed { candle, agrees, revision, .. } = *closed;
        record(Bucket { timeframe: Timeframe::M1, candle, agrees, revision });
        self.series().longer(candle.open_time).for_each(record);
    }

    fn shape(&self) -> Option<BookShape> {
        if self.book.is_proven() { BookShape::of(self.book.top()) } else { None }
    }
}

/// True while no later minute can have closed: the minute ended less than a minute before `at`.
#[must_use]
pub(crate) fn is_current(candle: &Candle, at: Timestamp) -> bool {
    at.as_nanos().saturating_sub(candle.open_time.as_nanos()) < 2 * NS_PER_MIN
}

fn is_last_minute(open_time: Timestamp, timeframe: Timeframe) -> bool {
    (open_time.as_nanos() + NS_PER_MIN).rem_euclid(timeframe.nanos()) == 0
}

/// Whether a book that went stale for this reason means that trades may have been missed too.
const fn loses_trades(reason: StaleReason) -> bool {
    match reason {
        StaleReason::Disconnected | StaleReason::Silent | StaleReason::Malformed => true,
        StaleReason::SequenceGap
        | StaleReason::ChecksumMismatch
        | StaleReason::Crossed
        | StaleReason::CompareMismatch
        | StaleReason::Resync => false,
    }
}

/// All instruments of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Markets(BTreeMap<InstrumentId, Market>);

impl Markets {
    /// One market.
    #[must_use]
    pub fn get(&self, instrument: InstrumentId) -> Option<&Market> {
        self.0.get(&instrument)
    }

    /// All markets by id.
    pub fn iter(&self) -> impl Iterator<Item = &Market> {
        self.0.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Market> {
        self.0.values_mut()
    }

    pub(crate) fn get_mut(&mut self, instrument: InstrumentId) -> Result<&mut Market, Rejection> {
        self.0.get_mut(&instrument).ok_or(Rejection::UnknownInstrument)
    }

    /// Adds an instrument, or takes over its changed steps and minimums. A scale or name never changes under an id: what
    /// is kept under it would change its meaning.
    pub(crate) fn put(&mut self, instrument: &Instrument) -> Result<&mut Market, Rejection> {
        if !is_sound(instrument) {
            return Err(Rejection::InstrumentInvalid);
        }
        if let Some(market) = self.0.get(&instrument.id) {
            if !is_same(&market.instrument, instrument) {
                return Err(Rejection::InstrumentChanged);
            }
        } else if self.0.len() == INSTRUMENTS_MAX {
            return Err(Rejection::CatalogueFull);
        }
        let market = self.0.entry(instrument.id).or_insert_with(|| Market::new(instrument.clone()));
        market.instrument.clone_from(instrument);
        Ok(market)
    }
}

fn is_sound(instrument: &Instrument) -> bool {
    let scale = instrument.scale;
    instrument.tick > 0
        && instrument.lot > 0
        && instrument.notional_min >= types::Cash::ZERO
        && instrument.qty_min <= Qty(i64::MAX as u64)
        && scale.price_decimals <= DECIMALS_MAX
        && scale.qty_decimals <= DECIMALS_MAX
}

fn is_same(old: &Instrument, new: &Instrument) -> bool {
    (old.venue, old.scale) == (new.venue, new.scale)
        && old.symbol == new.symbol
        && old.base == new.base
        && old.quote == new.quote
}
