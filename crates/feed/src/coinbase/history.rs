//! Which of the venue's candles are to be fetched, and what follows from them (protocol section 6.1).
//!
//! The venue's history is the only thing that is final here. It is asked for what is missing after a connect, once more
//! when the minute of the connect is over (nobody heard that one from its start), after trades were missed, and every
//! hour again for the minutes since the last hour, for what was built from trades may differ. A candle that was given
//! out before with the same values is not given out again.
//!
//! Minutes without trades are absent from answers. One that lies between two others is therefore known to have had
//! none, and is given out as such; one behind the last row is not known yet.

use std::collections::BTreeMap;
use std::time::Duration;

use types::market::CandleSource;
use types::{Candle, Timestamp};

use super::minutes::{minute_of, start_of};
use super::rest::CANDLES_MAX;
use crate::session::{Retry, earliest};

/// How often what was built is compared with the venue's history.
const CHECK_EVERY: Duration = Duration::from_secs(3_600);
/// How long after its end a minute is asked for.
const SETTLES_AFTER: Duration = Duration::from_secs(5);
/// A minute that was to be there and is not is asked for again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(20);
/// Times that is done: in a quiet market it will never be there.
const AGAIN_MAX: u32 = 2;
/// Minutes before the first one not asked for that are asked for again: they may have been incomplete.
const OVERLAP: i64 = 2;
/// Candles that are remembered, to know the same when it comes again.
const GIVEN_MAX: usize = 200;
/// Answers that cannot be used before the next hour is waited for.
const TRIES_MAX: u32 = 5;

/// The history of one product.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// The earliest minute that was not asked for; `None` before the first answer.
    next: Option<i64>,
    /// Where `next` is set back to when the hour is over.
    checked_to: Option<i64>,
    checked_at: Option<Timestamp>,
    /// First and last minute of the request under way.
    asked: Option<(i64, i64)>,
    due_at: Option<Timestamp>,
    /// The minute that runs is to be asked for when it is over.
    is_running_wanted: bool,
    /// One more time after this one.
    again_at: Option<Timestamp>,
    agains: u32,
    retry: Retry,
    /// The newest candles given out, none missing from the first on.
    given: BTreeMap<i64, Candle>,
}

impl History {
    pub(crate) const fn new() -> Self {
        Self {
            next: None,
            checked_to: None,
            checked_at: None,
            asked: None,
            due_at: None,
            is_running_wanted: false,
            again_at: None,
            agains: 0,
            retry: Retry::refusal(),
            given: BTreeMap::new(),
        }
    }

    /// Something may be missing up to the running minute: asked for at once, and again when that minute is over.
    pub(crate) fn missed(&mut self, at: Timestamp) {
        self.due_at = earliest([self.due_at, Some(at)]);
        self.is_running_wanted = true;
    }

    /// Something may be missing in the running minute, or was missing in one that is over.
    pub(crate) fn missed_lately(&mut self, at: Timestamp, venue_now: Timestamp) {
        self.agains = 0;
        self.due_at = earliest([self.due_at, Some(end_of_minute(at, venue_now))]);
    }

    /// The connection is gone: no answer will come.
    pub(crate) fn disconnected(&mut self) {
        self.asked = None;
        self.due_at = None;
        self.is_running_wanted = false;
        self.again_at = None;
    }

    /// When [`History::ask`] has something to ask for.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        self.due_at.filter(|_| self.asked.is_none())
    }

    /// Starts of the first and the last minute to ask for now; `most` minutes of the past are wanted at most.
    pub(crate) fn ask(&mut self, at: Timestamp, venue_now: Timestamp, most: u16) -> Option<(Timestamp, Timestamp)> {
        if self.checked_at.is_some_and(|checked| checked.plus(CHECK_EVERY) <= at) {
            self.next = self.next.min(self.checked_to);
            self.checked_at = None;
        }
        if std::mem::take(&mut self.is_running_wanted) {
            self.again_at = Some(end_of_minute(at, venue_now));
            self.agains = 0;
        }
        let newest = minute_of(venue_now.minus(SETTLES_AFTER)) - 1;
        let oldest = newest + 1 - i64::from(most);
        let first = match self.next.map(|next| next - OVERLAP) {
            Some(first) if first >= oldest => first,
            _ => {
                // What was given out before lies beyond a hole.
                self.given.clear();
                oldest
            }
        };
        if first > newest {
            self.rest(at);
            return None;
        }
        let last = newest.min(first + CANDLES_MAX - 1);
        self.asked = Some((first, last));
        self.due_at = None;
        Some((start_of(first), start_of(last)))
    }

    /// The bounds of the request under way.
    pub(crate) fn asked(&self) -> Option<(Timestamp, Timestamp)> {
        self.asked.map(|(first, last)| (start_of(first), start_of(last)))
    }

    /// Takes the rows of an answer, oldest first. Gives what is new in them or differs from before.
    pub(crate) fn answered(
        &mut self,
        at: Timestamp,
        venue_now: Timestamp,
        rows: &[Candle],
    ) -> Vec<(Candle, CandleSource)> {
        let Some((_, last)) = self.asked.take() else { return Vec::new() };
        self.retry.reset();
        let mut fresh = Vec::new();
        for row in rows {
            let minute = minute_of(row.open_time);
            let before = self.given.range(..minute).next_back().map(|(before, candle)| (*before, candle.close));
            if let Some((before, close)) = before {
                for empty in before + 1..minute {
                    self.give(empty, Candle::flat(start_of(empty), close), CandleSource::Filled, &mut fresh);
                }
            }
            self.give(minute, *row, CandleSource::Rest, &mut fresh);
        }
        while self.given.len() > GIVEN_MAX {
            self.given.pop_first();
        }
        self.next = Some(last + 1);
        let newest = minute_of(venue_now.minus(SETTLES_AFTER)) - 1;
        if last < newest {
            self.due_at = Some(at);
        } else {
            let is_complete = rows.last().is_some_and(|row| minute_of(row.open_time) == last);
            if !is_complete && self.again_at.is_none() && self.agains < AGAIN_MAX {
                self.agains += 1;
                self.again_at = Some(at.plus(AGAIN_AFTER));
            }
            self.rest(at);
        }
        fresh
    }

    /// No answer, or one that cannot be used.
    pub(crate) fn failed(&mut self, at: Timestamp) {
        self.asked = None;
        let again_at = self.retry.failed(at);
        if self.retry.failures() < TRIES_MAX {
            self.due_at = Some(again_at);
        } else {
            self.retry.reset();
            self.rest(at);
        }
    }

    /// All is there for the moment.
    fn rest(&mut self, at: Timestamp) {
        let checked_at = *self.checked_at.get_or_insert_with(|| {
            self.checked_to = self.next;
            at
        });
        self.due_at = self.again_at.take().or(Some(checked_at.plus(CHECK_EVERY)));
    }

    fn give(&mut self, minute: i64, candle: Candle, source: CandleSource, fresh: &mut Vec<(Candle, CandleSource)>) {
        if self.given.insert(minute, candle) != Some(candle) {
            fresh.push((candle, source));
        }
    }
}

/// When the minute that runs at `venue_now` is over and settled, by our time.
fn end_of_minute(at: Timestamp, venue_now: Timestamp) -> Timestamp {
    let end = start_of(minute_of(venue_now) + 1);
    at.plus(end.since(venue_now)).plus(SETTLES_AFTER)
}

#[cfg(test)]
mod tests {
    use types::{Price, Qty};

    use super::*;

    /// Second of a day that begins with minute 100 000; our clock is right.
    fn s(second: i64) -> Timestamp {
        Timestamp::from_secs(100_000 * 60 + second)
    }

    fn row(minute: i64, close: i64) -> Candle {
        let flat = Candle::flat(start_of(100_000 + minute), Price::new(close).expect("positive"));
        Candle { volume: Qty(1), trades: 1, ..flat }
    }

    /// First and last minute asked for.
    fn ask(history: &mut History, at: Timestamp) -> Option<(i64, i64)> {
        assert!(history.due_at().is_some_and(|due| due <= at), "{:?}", history.due_at());
        let (first, last) = history.ask(at, at, 720)?;
        assert_eq!(history.asked(), Some((first, last)));
        Some((minute_of(first) - 100_000, minute_of(last) - 100_000))
    }

    fn answer(history: &mut History, at: Timestamp, rows: &[Candle]) -> Vec<(i64, bool)> {
        let fresh = history.answered(at, at, rows);
        let minute = |candle: &Candle| minute_of(candle.open_time) - 100_000;
        fresh.iter().map(|(candle, source)| (minute(candle), *source == CandleSource::Rest)).collect()
    }

    #[test]
    fn the_past_comes_in_pages_and_the_minute_of_the_connect_when_it_is_over() {
        let mut history = History::new();
        history.missed(s(30));
        assert_eq!(ask(&mut history, s(30)), Some((-720, -421)));
        assert_eq!(answer(&mut history, s(30), &[row(-720, 5), row(-421, 5)]).len(), 300);
        assert_eq!(ask(&mut history, s(30)), Some((-422, -123)));
        answer(&mut history, s(30), &[row(-422, 5), row(-123, 5)]);
        assert_eq!(ask(&mut history, s(30)), Some((-124, -1)));
        answer(&mut history, s(30), &[row(-2, 5), row(-1, 5)]);
        assert_eq!(history.due_at(), Some(s(65)), "five seconds after the end of the minute");
        assert_eq!(ask(&mut history, s(65)), Some((-2, 0)));
        assert_eq!(answer(&mut history, s(65), &[row(-2, 5), row(-1, 5), row(0, 6)]), [(0, true)], "only what is new");
        assert_eq!(history.due_at(), Some(s(30 + 3_600)));
    }

    #[test]
    fn minutes_between_two_rows_had_no_trades_and_those_behind_the_last_are_not_known() {
        let mut history = History::new();
        history.missed(s(5));
        assert_eq!(ask(&mut history, s(5)), Some((-720, -421)));
        assert_eq!(
            answer(&mut history, s(5), &[row(-500, 7), row(-498, 8)]),
            [(-500, true), (-499, false), (-498, true)]
        );
        assert_eq!(ask(&mut history, s(5)), Some((-422, -123)));
        let filled = answer(&mut history, s(5), &[row(-130, 8)]);
        assert_eq!((filled.first(), filled.len()), (Some(&(-497, false)), 368), "from the row of the page before");
    }

    #[test]
    fn a_missing_newest_row_is_asked_for_twice_more_and_a_corrected_one_is_given_out_again() {
        let mut history = History::new();
        history.missed(s(0));
        for _ in 0..3 {
            ask(&mut history, s(0));
            answer(&mut history, s(0), &[row(-2, 5)]);
        }
        assert_eq!(history.due_at(), Some(s(65)));
        for due in [65, 85, 105] {
            assert_eq!(history.due_at(), Some(s(due)));
            ask(&mut history, s(due));
            answer(&mut history, s(due), &[]);
        }
        assert_eq!(history.due_at(), Some(s(3_600)));
        assert_eq!(ask(&mut history, s(3_600)), Some((-3, 58)), "the whole hour once more");
        assert_eq!(answer(&mut history, s(3_600), &[row(-2, 9), row(-1, 5)]), [(-2, true), (-1, true)]);
    }

    #[test]
    fn after_a_break_only_the_break_is_asked_for_and_after_a_long_one_the_newest() {
        let mut history = History::new();
        history.missed(s(0));
        for _ in 0..3 {
            ask(&mut history, s(0));
            answer(&mut history, s(0), &[row(-2, 5)]);
        }
        history.disconnected();
        assert_eq!(history.due_at(), None);
        history.missed(s(600));
        assert_eq!(ask(&mut history, s(600)), Some((-3, 8)));
        assert_eq!(history.due_at(), None, "asked already");
        history.disconnected();
        history.missed(s(90_000));
        assert_eq!(ask(&mut history, s(90_000)), Some((779, 1_078)));
        assert_eq!(answer(&mut history, s(90_000), &[row(900, 6)]), [(900, true)], "what lies between is not known");
    }

    #[test]
    fn failures_are_tried_again_and_then_left_to_the_next_hour() {
        let mut history = History::new();
        history.missed(s(0));
        let mut at = s(0);
        for _ in 0..TRIES_MAX {
            at = history.due_at().expect("due");
            ask(&mut history, at);
            history.failed(at);
        }
        assert!(at.since(s(0)) > Duration::from_secs(30));
        assert_eq!(history.due_at(), Some(s(65)), "the minute of the connect");
        assert_eq!(answer(&mut history, at, &[row(1, 1)]), [], "nobody asked");
    }
}
