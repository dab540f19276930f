//! The last minutes of one instrument, gaps included.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::market::{CandleSource, Quote, Timeframe};
use types::time::NS_PER_MIN;
use types::{Candle, Qty, Timestamp};

use crate::feature::Backdrop;

/// Most minutes kept per instrument; older ones leave.
pub const SERIES_MAX: usize = 1_500;

/// What aggressors bought and sold in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeFlow {
    /// Quantity taken from asks.
    pub bought: Qty,
    /// Quantity taken from bids.
    pub sold: Qty,
}

/// A closed minute with what is known of it besides its prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The values that count.
    pub candle: Candle,
    /// Where they came from.
    pub source: CandleSource,
    /// Whether the venue's candle and the one built here had the same prices and volume; `None` without both.
    pub agrees: Option<bool>,
    /// Who crossed the spread; only where every trade of the minute was heard.
    pub flow: Option<TradeFlow>,
    /// What the market showed when the minute closed.
    pub backdrop: Backdrop,
    /// Best prices of the proven book then.
    pub quote: Option<Quote>,
    /// How often it got other values; 1 at first for a minute that had been a gap.
    pub revision: u16,
}

impl Entry {
    /// True for what was made here, false for what the venue told.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self.source, CandleSource::Built | CandleSource::Filled)
    }
}

/// A candle of whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its length.
    pub timeframe: Timeframe,
    /// Its values.
    pub candle: Candle,
    /// Whether the venue agreed with all its minutes.
    pub agrees: Option<bool>,
    /// The sum of its minutes' revisions.
    pub revision: u16,
}

impl Bucket {
    fn absorb(&mut self, later: &Entry) {
        self.candle.absorb(&later.candle);
        self.revision = self.revision.saturating_add(later.revision);
        self.agrees = match (self.agrees, later.agrees) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
    }
}

/// Closed minutes in order without holes in the numbering: a minute without data is an empty slot, never a made-up row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Number (minutes since the epoch) of the first slot.
    first: i64,
    slots: VecDeque<Option<Entry>>,
}

impl Series {
    /// The entry of the minute that starts at `open_time`; `None` for a gap or outside what is kept.
    #[must_use]
    pub fn get(&self, open_time: Timestamp) -> Option<&Entry> {
        self.at(minute_of(open_time))
    }

    /// The newest slot that is no gap.
    #[must_use]
    pub fn last(&self) -> Option<&Entry> {
        self.slots.iter().rev().find_map(Option::as_ref)
    }

    /// The newest slot, unless it is a gap.
    #[must_use]
    pub fn newest(&self) -> Option<&Entry> {
        self.slots.back()?.as_ref()
    }

    /// All entries, oldest first, gaps left out.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    /// The unbroken run of minutes that ends with the newest slot, oldest first; empty when that slot is a gap.
    pub fn tail(&self) -> impl Iterator<Item = &Entry> {
        self.tail_after(None)
    }

    /// Those of the [`tail`](Self::tail) that start after `open_time`, if one is given. Costs as much as there are minutes since.
    pub fn tail_after(&self, open_time: Option<Timestamp>) -> impl Iterator<Item = &Entry> {
        let next = open_time.map_or(self.first, |open_time| minute_of(open_time) + 1);
        let next = next.saturating_sub(self.first).clamp(0, self.slots.len() as i64) as usize;
        let gap = self.slots.range(next..).rposition(Option::is_none).map_or(next, |index| next + index + 1);
        self.slots.range(gap..).flatten()
    }

    /// Slots without data between the oldest and the newest one.
    #[must_use]
    pub fn gaps(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_none()).count()
    }

    /// Notes what the market showed when the minute at `open_time` closed. Ignored for a gap.
    pub fn set_backdrop(&mut self, open_time: Timestamp, backdrop: Backdrop, quote: Option<Quote>) {
        if let Some(entry) = self.at_mut(minute_of(open_time)) {
            (entry.backdrop, entry.quote) = (backdrop, quote);
        }
    }

    /// The candle of `timeframe` that holds `moment`; `None` unless every minute of it is there.
    #[must_use]
    pub fn bucket(&self, timeframe: Timeframe, moment: Timestamp) -> Option<Bucket> {
        let open_time = moment.floor_to(timeframe.nanos());
        let first = minute_of(open_time);
        // The newest bucket is asked for each minute, and nearly always only its end is missing.
        self.at(first + timeframe.minutes() - 1)?;
        let Entry { candle, agrees, revision, .. } = *self.at(first)?;
        let mut bucket = Bucket { timeframe, candle, agrees, revision };
        for minute in first + 1..first + timeframe.minutes() {
            bucket.absorb(self.at(minute)?);
        }
        Some(bucket)
    }

    /// The complete longer candles that hold the minute at `open_time`, shortest first: call it after every
    /// [`Closed`](super::Closed) which changed values.
    pub fn longer(&self, open_time: Timestamp) -> impl Iterator<Item = Bucket> + '_ {
        Timeframe::ALL[1..].iter().filter_map(move |timeframe| self.bucket(*timeframe, open_time))
    }

    pub(super) fn at(&self, minute: i64) -> Option<&Entry> {
        self.slots.get(self.index(minute)?)?.as_ref()
    }

    pub(super) fn at_mut(&mut self, minute: i64) -> Option<&mut Entry> {
        let index = self.index(minute)?;
        self.slots.get_mut(index)?.as_mut()
    }

    /// Puts an entry into its slot, making room with gaps on either side. False when it is older than what is kept.
    pub(super) fn put(&mut self, minute: i64, entry: Entry) -> bool {
        let len = self.slots.len() as i64;
        if self.slots.is_empty() || minute >= self.first + len + SERIES_MAX as i64 {
            self.slots.clear();
            self.first = minute;
            self.slots.push_back(Some(entry));
        } else if minute >= self.first + len {
            self.slots.resize((minute - self.first) as usize, None);
            self.slots.push_back(Some(entry));
        } else if minute >= self.first {
            self.slots[(minute - self.first) as usize] = Some(entry);
        } else {
            if len + self.first - minute > SERIES_MAX as i64 {
                return false;
            }
            while self.first > minute + 1 {
                self.slots.push_front(None);
                self.first -= 1;
            }
            self.slots.push_front(Some(entry));
            self.first = minute;
        }
        self.trim();
        true
    }

    /// Marks the slots up to and with `minute` as gaps, unless something is there. Nothing before the first entry is one.
    pub(super) fn mark_gap(&mut self, minute: i64) {
        if self.slots.is_empty() {
            return;
        }
        let wanted = minute - self.first + 1;
        if wanted > self.slots.len() as i64 + SERIES_MAX as i64 {
            self.slots.clear();
        } else if wanted > self.slots.len() as i64 {
            self.slots.resize(wanted as usize, None);
            self.trim();
        }
    }

    fn trim(&mut self) {
        let extra = self.slots.len().saturating_sub(SERIES_MAX);
        self.slots.drain(..extra);
        self.first += extra as i64;
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    fn index(&self, minute: i64) -> Option<usize> {
        usize::try_from(minute.checked_sub(self.first)?).ok()
    }
}

/// Minutes since the epoch of the minute that holds `moment`.
pub(super) const fn minute_of(moment: Timestamp) -> i64 {
    moment.as_nanos().div_euclid(NS_PER_MIN)
}
