//! What comes after a minute closed: late trades, late candles, trades that were known to be missing.
//!
//! A closed minute is decided again by the rules of the open one. If that gives other values it is a new revision, never an
//! overwrite; if it gives the same, the minute is confirmed; if the minute was a gap, it is filled. The minutes without
//! trades behind it repeat its close and follow.

use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use types::Trade;
use types::market::{CandleSource, TradesMissing, VenueCandle};

use super::builder::{CandleBuilder, Change, Closed, News, TradeVerdict, of_venue};
use super::known::{CandleVerdict, is_final, same_values};
use super::series::{Entry, minute_of};

/// Most ranges of missing trades remembered; the oldest goes, and its minutes count as whole again.
const MISSING_MAX: usize = 64;

/// Trades known to be missing, and the minutes they may lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Missing {
    after: u128,
    before: u128,
    /// How many of them have not come.
    left: u128,
    first: i64,
    pub(super) last: i64,
}

impl CandleBuilder {
    /// Trades with numbers between two that were heard are missing. Until they come, the minutes between need the venue's
    /// candle.
    pub fn on_missing(&mut self, told: &TradesMissing) {
        let left = told.before.saturating_sub(told.after).saturating_sub(1);
        let (first, last) = (minute_of(told.from), minute_of(told.to));
        let is_known = self.missing.iter().any(|known| known.after <= told.after && told.before <= known.before);
        if left == 0 || last < first || is_known {
            return;
        }
        if self.missing.len() == MISSING_MAX {
            self.missing.pop_front();
        }
        self.missing.push_back(Missing { after: told.after, before: told.before, left, first, last });
    }

    pub(super) fn lacks_trades(&self, minute: i64) -> bool {
        self.missing.iter().any(|missing| (missing.first..=missing.last).contains(&minute))
    }

    /// A trade came: it may be one that was missing. Tells the minutes that lack nothing any more.
    pub(super) fn found(&mut self, trade: &Trade) -> Option<RangeInclusive<i64>> {
        let index = self.missing.iter().position(|missing| missing.after < trade.id && trade.id < missing.before)?;
        self.missing[index].left -= 1;
        if self.missing[index].left > 0 {
            return None;
        }
        self.missing.remove(index).map(|missing| missing.first..=missing.last)
    }

    /// Adds a trade to a closed minute.
    pub(super) fn repair(&mut self, minute: i64, trade: &Trade, out: &mut News) -> TradeVerdict {
        let Ok(index) = self.known.binary_search_by_key(&minute, |known| known.minute) else {
            self.counts.late += 1;
            return TradeVerdict::Late;
        };
        self.known[index].add(trade);
        self.counts.repaired += 1;
        self.decide_again(minute, out);
        TradeVerdict::Accepted
    }

    /// Applies the venue's candle to a minute that is over.
    pub(super) fn correct(&mut self, minute: i64, told: &VenueCandle, out: &mut News) -> CandleVerdict {
        if !is_final(told) {
            return CandleVerdict::Ignored;
        }
        if let Ok(index) = self.known.binary_search_by_key(&minute, |known| known.minute) {
            let verdict = self.known[index].tell(told);
            if verdict == CandleVerdict::Taken {
                self.decide_again(minute, out);
            }
            return verdict;
        }
        // Only the candle itself is left of this minute, or it was before the start.
        let entry = match self.series.at(minute) {
            None => of_venue(told, None),
            Some(entry) if entry.source == CandleSource::Rest && told.source == CandleSource::Stream => {
                return CandleVerdict::Ignored;
            }
            Some(entry) if !same_values(&entry.candle, &told.candle) => {
                of_venue(told, (entry.is_own() || entry.agrees.is_some()).then_some(false))
            }
            Some(entry) if entry.is_own() => Entry { agrees: Some(true), ..entry.clone() },
            Some(_) => return CandleVerdict::Ignored,
        };
        let before = out.closed.len();
        self.change(minute, entry, out);
        if out.closed.len() > before { CandleVerdict::Taken } else { CandleVerdict::Ignored }
    }

    /// Decides closed minutes again, because they lack nothing any more.
    pub(super) fn decide_all_again(&mut self, minutes: RangeInclusive<i64>, out: &mut News) {
        let known = self.known.iter().map(|known| known.minute);
        let known: Vec<i64> = known.filter(|minute| minutes.contains(minute)).collect();
        known.into_iter().for_each(|minute| self.decide_again(minute, out));
    }

    /// Decides a closed minute again, and the minutes without trades behind it.
    fn decide_again(&mut self, minute: i64, out: &mut News) {
        let mut minute = minute;
        while self.next.is_some_and(|next| minute < next)
            && let Some(settled) = self.settle(minute, true)
        {
            let has_changed = self.change(minute, settled.entry, out);
            if settled.is_told_unfinished {
                self.put_aside(minute, out);
            }
            minute += 1;
            let repeats = self.known(minute).is_some_and(|known| known.built.is_none());
            if !(has_changed && repeats) {
                break;
            }
        }
    }

    /// Puts a new decision in the place of the old one. True when the minute has other values now.
    fn change(&mut self, minute: i64, mut entry: Entry, out: &mut News) -> bool {
        let Some(before) = self.series.at_mut(minute) else {
            // A minute that was walked over was told as a gap.
            entry.revision = u16::from(self.first.is_some_and(|first| minute >= first));
            let closed = Closed::of(&entry, Change::Filled);
            let is_kept = self.series.put(minute, entry);
            out.closed.extend(is_kept.then_some(closed));
            return is_kept;
        };
        let is_same = same_values(&before.candle, &entry.candle);
        if is_same && before.agrees == entry.agrees {
            return false;
        }
        let agreed = (before.agrees != entry.agrees).then_some(entry.agrees).flatten();
        (entry.backdrop, entry.quote) = (core::mem::take(&mut before.backdrop), before.quote);
        entry.revision = before.revision.saturating_add(u16::from(!is_same));
        *before = entry;
        let closed = Closed::of(before, if is_same { Change::Confirmed } else { Change::Revised });
        out.closed.push(closed);
        self.counts.revised += u64::from(!is_same);
        self.count(agreed);
        !is_same
    }
}
