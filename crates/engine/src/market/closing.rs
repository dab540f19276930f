//! What follows when minutes of an instrument close.

use core::time::Duration;

use types::effect::{CandleRecord, Record};
use types::market::Timeframe;
use types::quality::{GapRecord, QuarantineReason, QuarantineRecord, Quarantined};
use types::{Candle, Effects};

use super::{Market, Moment};
use crate::candle::{Bucket, Change, Closed, Gap};
use crate::feature::{Backdrop, BookShape, Elsewhere, Stake, Talk};
use crate::notice;

/// How often the user is told of something set aside, for one instrument.
const TELL_EVERY: Duration = Duration::from_secs(3_600);
/// Minutes whose ranges tell how much is usual.
const RANGES_MAX: usize = 30;

impl Market {
    /// Works off what closed since the last call: records it and feeds the features. Minutes that had no values before are
    /// added to `fresh` in the order they came. `elsewhere`, `stake` and `talk`: what else was known when they closed.
    pub(crate) fn settle(
        &mut self,
        moment: Moment,
        elsewhere: Option<Elsewhere>,
        stake: Option<Stake>,
        talk: Option<Talk>,
        effects: &mut Effects,
        fresh: &mut Vec<Closed>,
    ) {
        if self.news.is_empty() {
            return;
        }
        let mut news = core::mem::take(&mut self.news);
        let (instrument, is_clock_set) = (self.instrument.id, moment.is_clock_set);
        for Gap { from, to, reason } in news.gaps.drain(..) {
            effects.record(Record::Gap(GapRecord { instrument, from, to, reason, is_clock_set }));
        }
        let closed_now = news.closed.iter().filter(|closed| closed.change == Change::New).count();
        let quotes = if closed_now > 0 { self.quotes.take() } else { None };
        for closed in &news.closed {
            match closed.change {
                Change::New if moment.is_current(&closed.candle) => {
                    // Of minutes that closed together nobody can say which books were whose.
                    let quotes = quotes.filter(|_| closed_now == 1);
                    let backdrop = Backdrop { book: self.shape(), quotes, elsewhere, stake, talk };
                    let quote = self.book.quote();
                    self.candles.series_mut().set_backdrop(closed.candle.open_time, backdrop, quote);
                }
                Change::Revised | Change::Filled => self.live.invalidate(),
                Change::New | Change::Confirmed => {}
            }
            self.record(closed, is_clock_set, effects);
        }
        // Once every new minute has its book: minutes that closed together are caught up with in one go.
        if news.closed.iter().any(|closed| closed.change == Change::New) {
            self.live.advance(self.candles.series(), self.instrument.scale);
            self.measure();
        }
        for (timeframe, long) in &mut self.longs {
            let longer = |closed: &Closed| self.candles.series().bucket(*timeframe, closed.candle.open_time);
            news.closed.iter().filter_map(longer).for_each(|bucket| long.put(bucket.candle));
            long.advance(self.instrument.scale);
        }
        for told in news.unfinished.drain(..) {
            self.set_aside(moment.at, Quarantined::Candle(told), QuarantineReason::Unfinished);
        }
        fresh.extend(news.closed.drain(..).filter(|closed| matches!(closed.change, Change::New | Change::Filled)));
        self.news = news;
    }

    /// True when something closed since the last [`settle`](Self::settle).
    pub(crate) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// What was set aside since the last call.
    pub(crate) fn take_aside(&mut self) -> impl Iterator<Item = QuarantineRecord> + '_ {
        self.aside.drain(..)
    }

    /// The sentence about something set aside; `None` while the user was told of another one lately.
    pub(crate) fn tell_aside(&mut self, record: &QuarantineRecord) -> Option<String> {
        if self.aside_told_at.is_some_and(|told| record.at.since(told) < TELL_EVERY) {
            return None;
        }
        self.aside_told_at = Some(record.at);
        let instrument = &self.instrument;
        let what = match &record.what {
            Quarantined::Trade(trade) => format!("a trade at {}", notice::price(instrument, trade.price)),
            Quarantined::Candle(told) => {
                format!("a candle that closed at {}", notice::price(instrument, told.candle.close))
            }
            Quarantined::Book { .. } => "a book".to_owned(),
            Quarantined::Ticker(_) => "a summary".to_owned(),
        };
        let why = match (record.reason, record.trusted) {
            (QuarantineReason::Price, Some(price)) => {
                format!("far from {}, which is believed", notice::price(instrument, price))
            }
            (QuarantineReason::Price, None) => "far from what other exchanges say".to_owned(),
            (QuarantineReason::Empty, _) => "nothing was traded".to_owned(),
            (QuarantineReason::Contradictory, _) => "it contradicts itself".to_owned(),
            (QuarantineReason::Unfinished, _) => "it was called final and was not".to_owned(),
            (QuarantineReason::Future, _) => "its time lies in the future".to_owned(),
        };
        Some(format!("{} {}: {what} was set aside: {why}.", instrument.venue.name(), instrument.pair()))
    }

    fn record(&self, closed: &Closed, is_clock_set: bool, effects: &mut Effects) {
        let (instrument, source) = (self.instrument.id, closed.source);
        let mut record = |Bucket { timeframe, candle, agrees, revision }, quote| {
            let record = CandleRecord { instrument, timeframe, candle, source, agrees, revision, is_clock_set, quote };
            effects.record(Record::Candle(record));
        };
        let Closed { candle, agrees, revision, .. } = *closed;
        let quote = self.series().get(candle.open_time).and_then(|entry| entry.quote);
        record(Bucket { timeframe: Timeframe::M1, candle, agrees, revision }, quote);
        self.series().longer(candle.open_time).for_each(|longer| record(longer, None));
    }

    fn shape(&self) -> Option<BookShape> {
        if self.book.is_proven() { BookShape::of(self.book.top(), self.instrument.scale) } else { None }
    }

    /// How much the price moves in a minute, for the judgement of what comes.
    fn measure(&mut self) {
        let newest = self.candles.series().entries().rev().take(RANGES_MAX);
        let mut ranges: Vec<u32> = newest.map(|entry| range_ppm(&entry.candle)).collect();
        self.guard.set_range(&mut ranges);
    }
}

/// High above low, millionths of the low.
fn range_ppm(candle: &Candle) -> u32 {
    let (low, high) = (i128::from(candle.low.mantissa()), i128::from(candle.high.mantissa()));
    u32::try_from((high - low) * 1_000_000 / low).unwrap_or(u32::MAX)
}
