//! The builder of one instrument's one-minute candles.
//!
//! A minute is *whole* when trades were heard without a break from before its start until it closes, and none of them is
//! known to be missing. What a minute's candle is, and when it closes:
//!
//! 1. Whole, and the venue's final candle is here and has the same prices and volume: ours, at once; it *agrees*.
//! 2. Whole, and the venue's final candle differs: trades may still be on their way, so it closes at its end plus
//!    [`GRACE`]. If it differs still, the venue's values count, and it *disagrees*. A final candle of the stream with less
//!    volume than the trades is unfinished: it is put aside, and ours counts.
//! 3. Whole, without the venue's final candle: ours, at its end plus [`GRACE`]; a flat one when nothing traded.
//! 4. Not whole: the venue's final candle, as soon as it is here; at its end plus [`GRACE`] also one the venue has not
//!    called final. Without either until its end plus [`VENUE_WAIT`] it is a gap. Nothing is made up.
//!
//! Afterwards what comes late decides again by the same rules, for [`REPAIR_MINUTES`]: see `repair.rs`. All times are the
//! venue's.

use core::time::Duration;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::market::{CandleSource, CandleState, VenueCandle};
use types::quality::GapReason;
use types::time::NS_PER_MIN;
use types::{Candle, Timestamp, Trade};

use super::known::{CandleVerdict, Known, is_final, is_unfinished, same_values};
use super::repair::Missing;
use super::series::{Entry, SERIES_MAX, Series, TradeFlow, minute_of};
use crate::feature::Backdrop;

/// How long after a minute's end trades of it may still arrive: it closes then, unless the venue closed it before.
pub const GRACE: Duration = Duration::from_secs(2);

/// How long after its end a minute whose trades were not all heard waits for the venue's candle before it is a gap.
pub const VENUE_WAIT: Duration = Duration::from_secs(45);

/// How far ahead of time a trade or a candle may be before it is refused. With [`VENUE_WAIT`] it bounds the number of open
/// minutes to four.
pub const EARLY_MAX: Duration = Duration::from_secs(60);

/// How long after it closed a minute takes late trades.
pub const REPAIR_MINUTES: i64 = 60;

/// What a [`Closed`] does to the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A minute closed; it is the newest.
    New,
    /// The venue told its candle of a closed minute and it has the same values.
    Confirmed,
    /// The closed minute has other values from now on.
    Revised,
    /// A minute before the newest, so far a gap or before the start, got its values.
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
    /// How often the minute got other values: 0 at first, 1 at first for one that had been a gap.
    pub revision: u16,
}

/// Minutes without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Start of the first.
    pub from: Timestamp,
    /// End of the last.
    pub to: Timestamp,
    /// Why nothing is known of them.
    pub reason: GapReason,
}

/// What followed from an input. Reused between inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// Closed candles and news about them, in the order of their becoming known.
    pub closed: Vec<Closed>,
    /// Minutes that ended without data.
    pub gaps: Vec<Gap>,
    /// Candles that were called final and turned out not to be.
    pub unfinished: Vec<VenueCandle>,
}

impl News {
    /// True when nothing followed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.gaps.is_empty() && self.unfinished.is_empty()
    }
}

/// What became of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeVerdict {
    /// It is in its minute, open or closed.
    Accepted,
    /// Its minute closed too long ago; the venue's candle may correct it.
    Late,
    /// Its minute lies in the future.
    Early,
}

/// What was odd so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Trades for a minute that closed too long ago.
    pub late: u64,
    /// Trades for a closed minute that still were in time.
    pub repaired: u64,
    /// Trades or candles from the future.
    pub early: u64,
    /// Venue candles that do not start on a minute.
    pub misaligned: u64,
    /// Venue candles that were called final and were not.
    pub unfinished: u64,
    /// Minutes in which the venue's final candle had the same values as ours.
    pub agreed: u64,
    /// Minutes in which it had others.
    pub disagreed: u64,
    /// Minutes that closed without data.
    pub gaps: u64,
    /// Closed minutes that got other values.
    pub revised: u64,
}

/// Builds the candles of one instrument; the rules stand at the top of this module's source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CandleBuilder {
    pub(super) series: Series,
    pub(super) counts: Counts,
    /// The minute that was open at the first call: nothing before it was ever a gap.
    pub(super) first: Option<i64>,
    /// The earliest minute that is not closed; `None` until the first call.
    pub(super) next: Option<i64>,
    /// Minutes of which something is known, in order: open ones, and closed ones for [`REPAIR_MINUTES`].
    pub(super) known: VecDeque<Known>,
    /// Since when every trade is heard.
    live_since: Option<Timestamp>,
    /// Trades known to be missing.
    pub(super) missing: VecDeque<Missing>,
}

/// How a minute is decided.
pub(super) struct Settled {
    pub(super) entry: Entry,
    /// The venue's candle turned out to be unfinished and is put aside.
    pub(super) is_told_unfinished: bool,
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
    pub fn on_trade(&mut self, at: Timestamp, trade: &Trade, out: &mut News) -> TradeVerdict {
        let next = self.advance(at, out);
        let minute = minute_of(trade.venue_at);
        if trade.venue_at > at.plus(EARLY_MAX) {
            self.counts.early += 1;
            return TradeVerdict::Early;
        }
        let whole_again = self.found(trade);
        let verdict = if minute < next {
            self.repair(minute, trade, out)
        } else {
            self.known_mut(minute).add(trade);
            self.close_settled(out);
            TradeVerdict::Accepted
        };
        if let Some(minutes) = whole_again {
            self.decide_all_again(minutes, out);
        }
        verdict
    }

    /// Takes a venue's candle heard at `at`, which must never decrease.
    pub fn on_venue_candle(&mut self, at: Timestamp, told: &VenueCandle, out: &mut News) -> CandleVerdict {
        let next = self.advance(at, out);
        let minute = minute_of(told.candle.open_time);
        let verdict = if told.candle.open_time != start_of(minute) {
            CandleVerdict::Misaligned
        } else if told.candle.open_time > at.plus(EARLY_MAX) {
            CandleVerdict::Early
        } else if is_final(told) && end_of(minute) > at.plus(GRACE) {
            CandleVerdict::Unfinished
        } else if minute >= next {
            let verdict = self.known_mut(minute).tell(told);
            self.close_settled(out);
            verdict
        } else {
            self.correct(minute, told, out)
        };
        match verdict {
            CandleVerdict::Misaligned => self.counts.misaligned += 1,
            CandleVerdict::Early => self.counts.early += 1,
            CandleVerdict::Unfinished => self.counts.unfinished += 1,
            CandleVerdict::Taken | CandleVerdict::Ignored => {}
        }
        verdict
    }

    /// Closes the minutes that are due at `at`, which must never decrease.
    pub fn close_due(&mut self, at: Timestamp, out: &mut News) {
        self.advance(at, out);
    }

    /// The newest minute that is not closed, as far as it is known (for the screen).
    #[must_use]
    pub fn running(&self) -> Option<Candle> {
        let open = self.known.back().filter(|known| self.next.is_some_and(|next| known.minute >= next))?;
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
    pub(super) fn advance(&mut self, at: Timestamp, out: &mut News) -> i64 {
        let mut next = *self.next.get_or_insert(minute_of(at.minus(GRACE)));
        self.first.get_or_insert(next);
        // After a long time without any call the minutes beyond what is kept are not worth walking over.
        let oldest = minute_of(at) - SERIES_MAX as i64;
        if next < oldest {
            self.pass(oldest - 1, out);
            next = oldest;
        }
        // The first condition follows from the second except where time saturates.
        while next < minute_of(at) && end_of(next).plus(GRACE) <= at {
            match self.settle(next, true) {
                Some(settled) => self.close(next, settled, out),
                None if end_of(next).plus(VENUE_WAIT) <= at => self.pass(next, out),
                None => break,
            }
            next += 1;
        }
        next
    }

    /// Closes minutes that need not wait until they are due.
    pub(super) fn close_settled(&mut self, out: &mut News) {
        while let Some(next) = self.next
            && let Some(settled) = self.settle(next, false)
        {
            self.close(next, settled, out);
        }
    }

    /// How a minute is decided, or `None` while it must wait. `due`: its end and the grace are over.
    pub(super) fn settle(&self, minute: i64, due: bool) -> Option<Settled> {
        let told = self.known(minute).and_then(|known| known.told.as_ref());
        let settled = |entry| Some(Settled { entry, is_told_unfinished: false });
        match (self.own(minute), told) {
            (Some(own), Some(told)) if is_final(told) => {
                if same_values(&own.candle, &told.candle) {
                    settled(Entry { agrees: Some(true), ..own })
                } else if !due {
                    None
                } else if is_unfinished(told, &own.candle) {
                    Some(Settled { entry: own, is_told_unfinished: true })
                } else {
                    settled(of_venue(told, Some(false)))
                }
            }
            (Some(own), _) if due => settled(own),
            (None, Some(told)) if is_final(told) || (due && told.state == CandleState::Provisional) => {
                settled(of_venue(told, None))
            }
            _ => None,
        }
    }

    /// What the trades say of a minute, if they were all heard.
    pub(super) fn own(&self, minute: i64) -> Option<Entry> {
        if !self.is_whole(minute) {
            return None;
        }
        let built = self.known(minute).and_then(|known| known.built.as_ref());
        let (candle, source, flow) = match built {
            Some(building) => (building.candle, CandleSource::Built, building.flow),
            // What a minute without trades repeats is known only if the minute before it is.
            None => {
                let close = self.series.at(minute - 1)?.candle.close;
                (Candle::flat(start_of(minute), close), CandleSource::Filled, Some(TradeFlow::default()))
            }
        };
        Some(Entry { candle, source, agrees: None, flow, backdrop: Backdrop::default(), quote: None, revision: 0 })
    }

    /// Whether every trade of a minute was heard. For a minute that is over, as it was decided then.
    fn is_whole(&self, minute: i64) -> bool {
        let is_closed = self.next.is_some_and(|next| minute < next);
        let is_heard =
            if is_closed { self.known(minute).is_some_and(|known| known.was_heard) } else { self.is_heard(minute) };
        is_heard && !self.lacks_trades(minute)
    }

    /// The venue's clock may be behind ours, so being heard just before the start is not enough.
    fn is_heard(&self, minute: i64) -> bool {
        self.live_since.is_some_and(|since| since.plus(GRACE) <= start_of(minute))
    }

    fn close(&mut self, minute: i64, settled: Settled, out: &mut News) {
        let entry = settled.entry;
        self.count(entry.agrees);
        self.end(minute);
        if settled.is_told_unfinished {
            self.put_aside(minute, out);
        }
        out.closed.push(Closed::of(&entry, Change::New));
        self.series.put(minute, entry);
    }

    /// Goes on without data for the minutes up to and with this one.
    fn pass(&mut self, minute: i64, out: &mut News) {
        let next = self.next.unwrap_or(minute);
        self.counts.gaps += (minute + 1 - next).unsigned_abs();
        let reason = if !self.is_heard(minute) {
            GapReason::NotHeard
        } else if self.lacks_trades(minute) {
            GapReason::TradesMissing
        } else {
            GapReason::NoPrice
        };
        out.gaps.push(Gap { from: start_of(next), to: end_of(minute), reason });
        self.series.mark_gap(minute);
        self.end(minute);
    }

    /// The minutes up to and with this one are over; what is known of the newest of them is kept for a while.
    fn end(&mut self, minute: i64) {
        let was_heard = self.is_heard(minute);
        self.known_mut(minute).was_heard = was_heard;
        self.next = Some(minute + 1);
        let oldest = minute - REPAIR_MINUTES;
        while self.known.front().is_some_and(|known| known.minute <= oldest) {
            self.known.pop_front();
        }
        self.missing.retain(|missing| missing.last > oldest);
    }

    /// Forgets the venue's candle of a minute: it was called final and is not.
    pub(super) fn put_aside(&mut self, minute: i64, out: &mut News) {
        self.counts.unfinished += 1;
        out.unfinished.extend(self.known_mut(minute).told.take());
    }

    pub(super) fn count(&mut self, agrees: Option<bool>) {
        self.counts.agreed += u64::from(agrees == Some(true));
        self.counts.disagreed += u64::from(agrees == Some(false));
    }

    pub(super) fn known(&self, minute: i64) -> Option<&Known> {
        let index = self.known.binary_search_by_key(&minute, |known| known.minute).ok()?;
        self.known.get(index)
    }

    pub(super) fn known_mut(&mut self, minute: i64) -> &mut Known {
        let index = self.known.partition_point(|known| known.minute < minute);
        if self.known.get(index).is_none_or(|known| known.minute != minute) {
            self.known.insert(index, Known::new(minute));
        }
        &mut self.known[index]
    }
}

impl Closed {
    pub(super) fn of(entry: &Entry, change: Change) -> Self {
        let Entry { candle, source, agrees, revision, .. } = *entry;
        Self { change, candle, source, agrees, revision }
    }
}

pub(super) fn of_venue(told: &VenueCandle, agrees: Option<bool>) -> Entry {
    let (candle, source, backdrop) = (told.candle, told.source, Backdrop::default());
    Entry { candle, source, agrees, flow: None, backdrop, quote: None, revision: 0 }
}

pub(super) const fn start_of(minute: i64) -> Timestamp {
    Timestamp::from_nanos(minute.saturating_mul(NS_PER_MIN))
}

pub(super) const fn end_of(minute: i64) -> Timestamp {
    start_of(minute + 1)
}
