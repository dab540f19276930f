//! The share of the last day in which a book was proven, and why it last was not.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::market::StaleReason;
use types::quality::QualityRecord;
use types::time::{NS_PER_DAY, NS_PER_MIN};
use types::{QualityMinute, Timestamp};

use crate::rejection::Rejection;

/// Minutes that are looked back on.
const MINUTES_MAX: i64 = NS_PER_DAY / NS_PER_MIN;
/// Milliseconds of a minute.
const MINUTE_MS: u32 = 60_000;

/// The last time a book stopped to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: StaleReason,
}

/// What the quality rows of one instrument say, the newest day of them, and what was refused since the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integrity {
    /// How long the book held in each minute that has a row, milliseconds, oldest first. Minutes nobody listened in have none.
    live: VecDeque<(Timestamp, u32)>,
    /// The first minute that ever had a row.
    since: Option<Timestamp>,
    last_break: Option<Break>,
    refused: u32,
    quarantined: u32,
}

impl Integrity {
    /// The share of the last 24 hours in which the book held, millionths; of the time since the first row while that is
    /// less. Minutes without a row count as time in which it did not. `None` before the first row.
    #[must_use]
    pub fn proven_ppm(&self) -> Option<u32> {
        let end = self.live.back()?.0.as_nanos() + NS_PER_MIN;
        let start = self.since?.as_nanos().max(end - NS_PER_DAY);
        let live_ms: u64 = self.live.iter().map(|(_, ms)| u64::from(*ms)).sum();
        let all_ms = ((end - start) / 1_000_000) as u64;
        Some((live_ms * 1_000_000 / all_ms) as u32)
    }

    /// When and why the book last stopped to hold; `None` if it never did.
    #[must_use]
    pub const fn last_break(&self) -> Option<Break> {
        self.last_break
    }

    pub(crate) fn on_break(&mut self, reason: StaleReason, at: Timestamp) {
        self.last_break = Some(Break { at, reason });
    }

    pub(crate) const fn on_refused(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    pub(crate) const fn on_quarantined(&mut self) {
        self.quarantined = self.quarantined.saturating_add(1);
    }

    /// Takes a row and gives what is to be kept of it.
    ///
    /// # Errors
    /// [`Rejection::QualityInvalid`] for a row that is no minute of its own after the one before.
    pub(crate) fn on_minute(&mut self, heard: &QualityMinute, is_clock_set: bool) -> Result<QualityRecord, Rejection> {
        let is_whole = heard.minute == heard.minute.floor_to(NS_PER_MIN) && heard.minute >= Timestamp::EPOCH;
        let is_next = self.live.back().is_none_or(|(last, _)| *last < heard.minute);
        if !(is_whole && is_next && heard.live_ms <= heard.watched_ms && heard.watched_ms <= MINUTE_MS) {
            return Err(Rejection::QualityInvalid);
        }
        self.since.get_or_insert(heard.minute);
        self.live.push_back((heard.minute, heard.live_ms));
        let first = heard.minute.as_nanos() - (MINUTES_MAX - 1) * NS_PER_MIN;
        while self.live.front().is_some_and(|(minute, _)| minute.as_nanos() < first) {
            self.live.pop_front();
        }
        let record =
            QualityRecord { heard: heard.clone(), refused: self.refused, quarantined: self.quarantined, is_clock_set };
        (self.refused, self.quarantined) = (0, 0);
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use types::InstrumentId;

    use super::*;

    fn row(minute: i64, live_ms: u32) -> QualityMinute {
        let start = Timestamp::from_secs(60 * minute);
        QualityMinute { watched_ms: MINUTE_MS, live_ms, ..QualityMinute::new(InstrumentId(0), start) }
    }

    #[track_caller]
    fn check(rows: impl IntoIterator<Item = QualityMinute>, expected: Option<u32>) {
        let mut integrity = Integrity::default();
        for row in rows {
            integrity.on_minute(&row, true).expect("in order");
        }
        assert_eq!(integrity.proven_ppm(), expected);
        assert!(integrity.live.len() <= 1_440);
    }

    #[test]
    fn the_share_is_of_the_last_day_or_of_what_there_is() {
        check([], None);
        check([row(5, 60_000)], Some(1_000_000));
        check([row(5, 60_000), row(6, 30_000)], Some(750_000));
        check([row(5, 60_000), row(8, 60_000)], Some(500_000));
        check((0..1_440).map(|n| row(n, 0)).chain((1_440..2_880).map(|n| row(n, 60_000))), Some(1_000_000));
        check((0..1_440).map(|n| row(n, 60_000)).chain([row(1_440 + 719, 60_000)]), Some(500_694));
        check([row(0, 60_000), row(100_000_000, 60_000)], Some(694));
    }

    #[test]
    fn a_row_out_of_order_or_out_of_bounds_is_refused() {
        let mut integrity = Integrity::default();
        integrity.on_refused();
        let kept = integrity.on_minute(&row(5, 60_000), false).expect("the first");
        assert_eq!((kept.refused, kept.is_clock_set), (1, false));
        let shifted = QualityMinute { minute: Timestamp::from_millis(360_001), ..row(6, 1) };
        let long = QualityMinute { watched_ms: 60_001, ..row(6, 1) };
        let more = QualityMinute { watched_ms: 1, ..row(6, 2) };
        let before_1970 = QualityMinute { minute: Timestamp::from_secs(-60), ..row(6, 2) };
        for odd in [row(5, 60_000), row(4, 1), shifted, long, more, before_1970] {
            assert_eq!(integrity.on_minute(&odd, true), Err(Rejection::QualityInvalid), "{odd:?}");
        }
        assert_eq!(integrity.on_minute(&row(6, 0), true).expect("the next").refused, 0, "counted once");
    }
}
