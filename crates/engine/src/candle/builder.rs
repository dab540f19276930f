//! The builder of one instrument's one-minute candles.
//!
//! A minute is *whole* when trades were heard without a break from before its start until it closes. What a minute's
//! candle is, and when it closes:
//!
//! 1. Whole, and the venue's final candle is here and has the same prices and volume: ours, at once; it *agrees*.
//! 2. Whole, and the venue's final candle differs: trades may still be on their way, so it closes at its end plus
//!    [`GRACE`]. If it differs still, the venue's values count, and it *disagrees*.
//! 3. Whole, without the venue's final candle: ours, at its end plus [`GRACE`]; a flat one when nothing traded.
//! 4. Not whole: the venue's final candle, as soon as it is here; at its end plus [`GRACE`] also one the venue has not
//!    called final. Without either until its end plus [`VENUE_WAIT`] it is a gap. Nothing is made up.
//!
//! Afterwards trades for it are late: counted, not used. A final candle of the venue still confirms it or corrects it, for
//! the venue's history is what everybody else sees, and it fills gaps and the time before the start.

use core::time::Duration;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::market::{CandleSource, CandleState, VenueCandle};
use types::time::NS_PER_MIN;
use types::{Aggressor, Candle, Timestamp, Trade};

use super::series::{Entry, SERIES_MAX, Series, TradeFlow, minute_of};

/// How long after a minute's end trades of it may still arrive: it closes then, unless the venue closed it before.
pub const GRACE: Duration = Duration::from_secs(2);

/// How long after its end a minute whose trades were not all heard waits for the venue's candle before it is a gap.
pub const VENUE_WAIT: Duration = Duration::from_secs(45);

/// How far ahead of this box's clock a venue's clock may be before what it says is refused. With [`VENUE_WAIT`] it bounds the
/// number of open minutes to four.
const EARLY_MAX: Duration = Duration::from_secs(60);

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

/// Builds the candles of one instrument; the rules stand at the top of this module's source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CandleBuilder {
    series: Series,
    counts: Counts,
    /// The earliest minute that is not closed; `None` until the first call.
    next: Option<i64>,
    /// Open minutes of which something was heard, in order.
    pub(super) open: VecDeque<OpenMinute>,
    /// Since when every trade is heard.
    live_since: Option<Timestamp>,
}

/// What is known of a minute that is not closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenMinute {
    minute: i64,
    built: Option<Building>,
    told: Option<VenueCandle>,
}

/// A candle under construction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Building {
    pub(super) candle: Candle,
    /// When the trades behind open and close happened: trades may come out of order.
    open_at: Timestamp,
    close_at: Timestamp,
    /// `None` once a trade did not tell who crossed the spread.
    flow: Option<TradeFlow>,
}

impl Building {
    /// The candle of the minute that holds `trade`, with it as its first trade.
    pub(super) fn start(trade: &Trade) -> Self {
        let candle = Candle {
            volume: trade.qty,
            trades: trade.fills,
            ..Candle::flat(trade.venue_at.floor_to(NS_PER_MIN), trade.price)
        };
        let mut start =
            Self { candle, open_at: trade.venue_at, close_at: trade.venue_at, flow: Some(TradeFlow::default()) };
        start.add_flow(trade);
        start
    }

    /// Adds another trade of the same minute. Of trades at the same instant the one heard first is the earlier.
    pub(super) fn add(&mut self, trade: &Trade) {
        let candle = &mut self.candle;
        if trade.venue_at < self.open_at {
            (self.open_at, candle.open) = (trade.venue_at, trade.price);
        }
        if trade.venue_at >= self.close_at {
            (self.close_at, candle.close) = (trade.venue_at, trade.price);
        }
        candle.high = candle.high.max(trade.price);
        candle.low = candle.low.min(trade.price);
        candle.volume = candle.volume.saturating_add(trade.qty);
        candle.trades = candle.trades.saturating_add(trade.fills);
        self.add_flow(trade);
    }

    fn add_flow(&mut self, trade: &Trade) {
        match (trade.aggressor, &mut self.flow) {
            (Aggressor::Buy, Some(flow)) => flow.bought = flow.bought.saturating_add(trade.qty),
            (Aggressor::Sell, Some(flow)) => flow.sold = flow.sold.saturating_add(trade.qty),
            (Aggressor::Unknown, flow) => *flow = None,
            (_, None) => {}
        }
    }
}

impl CandleBuilder {
    /// Nothing heard yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From `at` on every trade is heard. Without effect while that is already so.
    pub fn feed_live(&mut self, at: Timestamp) {
        self.live_since.get_or_insert(at);
    }

    /// Trades may be missing from now on: every open minute needs the venue's candle, or is a gap.
    pub fn feed_lost(&mut self) {
        self.live_since = None;
    }

    /// Takes a trade heard at `at`, which must never decrease; each trade must be given once.
    pub fn on_trade(&mut self, at: Timestamp, trade: &Trade, out: &mut Vec<Closed>) -> TradeVerdict {
        let next = self.advance(at, out);
        let minute = minute_of(trade.venue_at);
        if trade.venue_at > at.plus(EARLY_MAX) {
            self.counts.early += 1;
            return TradeVerdict::Early;
        }
        if minute < next {
            self.counts.late += 1;
            return TradeVerdict::Late;
        }
        match &mut self.open_mut(minute).built {
            Some(building) => building.add(trade),
            empty => *empty = Some(Building::start(trade)),
        }
        self.close_settled(out);
        TradeVerdict::Accepted
    }

    /// Takes a venue's candle heard at `at`, which must never decrease.
    pub fn on_venue_candle(&mut self, at: Timestamp, told: &VenueCandle, out: &mut Vec<Closed>) {
        let next = self.advance(at, out);
        let open_time = told.candle.open_time;
        let minute = minute_of(open_time);
        if open_time != open_time.floor_to(NS_PER_MIN) {
            self.counts.misaligned += 1;
        } else if open_time > at.plus(EARLY_MAX) {
            self.counts.early += 1;
        } else if minute >= next {
            let known = &mut self.open_mut(minute).told;
            if told.state == CandleState::Final || known.as_ref().is_none_or(|k| k.state != CandleState::Final) {
                *known = Some(told.clone());
            }
            self.close_settled(out);
        } else if told.state == CandleState::Final {
            out.extend(self.correct(minute, told));
        }
    }

    /// Closes the minutes that are due at `at`, which must never decrease.
    pub fn close_due(&mut self, at: Timestamp, out: &mut Vec<Closed>) {
        self.advance(at, out);
    }

    /// The newest minute that is not closed, as far as it is known (for the screen).
    #[must_use]
    pub fn running(&self) -> Option<Candle> {
        let open = self.open.back()?;
        let built = open.built.as_ref().map(|building| building.candle);
        let told = open.told.as_ref().map(|told| told.candle);
        if self.is_whole(open.minute) { built.or(told) } else { told.or(built) }
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

    /// Closes what is due and tells the earliest minute that is still open.
    fn advance(&mut self, at: Timestamp, out: &mut Vec<Closed>) -> i64 {
        let mut next = *self.next.get_or_insert(minute_of(at.minus(GRACE)));
        // After a long time without any call the minutes beyond what is kept are not worth walking over.
        let oldest = minute_of(at) - SERIES_MAX as i64;
        if next < oldest {
            self.pass(oldest - 1);
            next = oldest;
        }
        // The first condition follows from the second except where time saturates.
        while next < minute_of(at) && end_of(next).plus(GRACE) <= at {
            match self.settle(next, true) {
                Some(entry) => self.close(next, entry, out),
                None if end_of(next).plus(VENUE_WAIT) <= at => self.pass(next),
                None => break,
            }
            next += 1;
        }
        next
    }

    /// Closes minutes that need not wait until they are due.
    fn close_settled(&mut self, out: &mut Vec<Closed>) {
        while let Some(next) = self.next
            && let Some(entry) = self.settle(next, false)
        {
            self.close(next, entry, out);
        }
    }

    /// The entry of an open minute, or `None` while it must wait. `due`: its end and the grace are over.
    fn settle(&self, minute: i64, due: bool) -> Option<Entry> {
        let told = self.open.front().filter(|open| open.minute == minute).and_then(|open| open.told.as_ref());
        let of_venue = |told: &VenueCandle, agrees| Entry {
            candle: told.candle,
            source: told.source,
            agrees,
            flow: None,
            book: None,
        };
        let is_final = told.is_some_and(|told| told.state == CandleState::Final);
        match (self.own(minute), told) {
            (Some(own), Some(told)) if is_final => {
                if same_values(&own.candle, &told.candle) {
                    Some(Entry { agrees: Some(true), ..own })
                } else {
                    due.then(|| of_venue(told, Some(false)))
                }
            }
            (Some(own), _) => due.then_some(own),
            (None, Some(told)) if is_final || (due && told.state == CandleState::Provisional) => {
                Some(of_venue(told, None))
            }
            (None, _) => None,
        }
    }

    /// What the trades say of a minute, if they were all heard.
    fn own(&self, minute: i64) -> Option<Entry> {
        if !self.is_whole(minute) {
            return None;
        }
        let built = self.open.front().filter(|open| open.minute == minute).and_then(|open| open.built.as_ref());
        let (candle, flow) = match built {
            Some(building) => (building.candle, building.flow),
            // What a minute without trades repeats is known only if the minute before it is.
            None => {
                let close = self.series.at(minute - 1)?.candle.close;
                (Candle::flat(start_of(minute), close), Some(TradeFlow::default()))
            }
        };
        Some(Entry { candle, source: CandleSource::Built, agrees: None, flow, book: None })
    }

    /// The venue's clock may be behind ours, so being heard just before the start is not enough.
    fn is_whole(&self, minute: i64) -> bool {
        self.live_since.is_some_and(|since| since.plus(GRACE) <= start_of(minute))
    }

    fn close(&mut self, minute: i64, entry: Entry, out: &mut Vec<Closed>) {
        self.count(entry.agrees);
        out.push(Closed::of(&entry, Change::New));
        self.series.put(minute, entry);
        self.forget_open(minute);
    }

    /// Goes on without data for the minutes up to and with this one.
    fn pass(&mut self, minute: i64) {
        self.counts.gaps += self.next.map_or(0, |next| (minute + 1 - next).unsigned_abs());
        self.series.mark_gap(minute);
        self.forget_open(minute);
    }

    fn forget_open(&mut self, minute: i64) {
        self.open.retain(|open| open.minute > minute);
        self.next = Some(minute + 1);
    }

    /// Applies the venue's final candle to a minute that is over.
    fn correct(&mut self, minute: i64, told: &VenueCandle) -> Option<Closed> {
        let Some(entry) = self.series.at_mut(minute) else {
            let VenueCandle { candle, source, .. } = *told;
            let entry = Entry { candle, source, agrees: None, flow: None, book: None };
            let closed = Closed::of(&entry, Change::Filled);
            return self.series.put(minute, entry).then_some(closed);
        };
        let same = same_values(&entry.candle, &told.candle);
        let first_check = entry.source == CandleSource::Built && entry.agrees.is_none();
        if same && !first_check {
            return None;
        }
        if first_check {
            entry.agrees = Some(same);
        }
        if !same {
            if entry.source == CandleSource::Built {
                entry.agrees = Some(false);
            }
            (entry.candle, entry.source, entry.flow) = (told.candle, told.source, None);
        }
        let change = if same { Change::Confirmed } else { Change::Revised };
        let closed = Closed::of(entry, change);
        if first_check {
            self.count(Some(same));
        }
        Some(closed)
    }

    fn count(&mut self, agrees: Option<bool>) {
        self.counts.agreed += u64::from(agrees == Some(true));
        self.counts.disagreed += u64::from(agrees == Some(false));
    }

    fn open_mut(&mut self, minute: i64) -> &mut OpenMinute {
        let index = self.open.partition_point(|open| open.minute < minute);
        if self.open.get(index).is_none_or(|open| open.minute != minute) {
            self.open.insert(index, OpenMinute { minute, built: None, told: None });
        }
        &mut self.open[index]
    }
}

impl Closed {
    fn of(entry: &Entry, change: Change) -> Self {
        Self { change, candle: entry.candle, source: entry.source, agrees: entry.agrees }
    }
}

/// The number of fills is not compared: venues count them in different ways.
fn same_values(a: &Candle, b: &Candle) -> bool {
    (a.open, a.high, a.low, a.close, a.volume) == (b.open, b.high, b.low, b.close, b.volume)
}

const fn start_of(minute: i64) -> Timestamp {
    Timestamp::from_nanos(minute.saturating_mul(NS_PER_MIN))
}

const fn end_of(minute: i64) -> Timestamp {
    start_of(minute + 1)
}
