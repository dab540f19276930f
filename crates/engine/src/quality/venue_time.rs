//! What time it is at a venue: candles are cut by its clock, not by ours.
//!
//! Our clock may be wrong (a Pi has no battery for it: it starts in 1970 and leaps when the network tells the time) and so
//! may theirs. What a message says is `ahead`, its time minus ours when it was received, never above the true difference.
//! Rules:
//!
//! 1. Before the first message nothing is known. One that is within two seconds of a believed clock of ours counts at once.
//! 2. The largest `ahead` of the last one to two minutes counts, if it is within two seconds of what counted before.
//! 3. Another one counts once five messages in a row say it, over three seconds: one wild time must not close minutes that
//!    have not begun, and trades that were missed and are told at once tell of the past. A line that falls behind says
//!    nothing: messages come in their order, so their delay grows no faster than time goes by, and a clock that was set
//!    leaps. After one to two minutes nobody can tell the two apart.
//! 4. When our clock leaps, theirs does not, until a message tells which it was: a step of our clock, or time that really
//!    passed (a box that slept), in which nothing was heard. Without a message for a minute a believed clock is believed.
//! 5. The time told never decreases.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;
use types::time::{NS_PER_MIN, NS_PER_S};

use crate::TIME_MAX;

/// How far a message may be from what counts to be taken at once, nanoseconds.
const NEAR_NS: i64 = 2 * NS_PER_S;
/// Messages in a row that must agree when they say something new.
const AGREEING: u8 = 5;
/// Time over which they must.
const AGREEING_FOR: Duration = Duration::from_secs(3);
/// Inputs come every second: a longer pause is a leap of a clock that is believed.
const LEAP_MIN: Duration = Duration::from_secs(60);
/// The same for a clock that is not.
const LEAP_MIN_UNSET: Duration = Duration::from_secs(5);
/// How long a leap waits to be explained.
const LEAP_WAIT: Duration = Duration::from_secs(60);

/// The clock of one venue, as far as its messages show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VenueTime {
    /// Venue time minus ours, nanoseconds; `None` until told.
    ahead_ns: Option<i64>,
    window: Window,
    /// What the newest messages say that is not believed yet.
    doubt: Option<Doubt>,
    /// The newest message: when it came, and its `ahead`.
    last: Option<(Timestamp, i64)>,
    /// The quickest ones since the last leap of a message.
    quickest: Window,
    leap: Option<Leap>,
    /// Told last.
    latest: Timestamp,
}

/// What the newest messages say, how many of them, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Doubt {
    ahead_ns: i64,
    agreeing: u8,
    since: Timestamp,
}

/// A leap of our clock that is not understood yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Leap {
    ns: i64,
    at: Timestamp,
}

/// What a leap of our clock turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Explained {
    /// Our clock was set.
    Step,
    /// Time passed in which nothing was heard.
    Pause,
}

/// The largest `ahead` of this minute and of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    minute: i64,
    this: Option<i64>,
    before: Option<i64>,
}

impl Window {
    fn add(&mut self, at: Timestamp, ahead_ns: i64) -> i64 {
        let minute = at.as_nanos().div_euclid(NS_PER_MIN);
        if minute != self.minute {
            self.before = if minute == self.minute + 1 { self.this } else { None };
            self.this = None;
            self.minute = minute;
        }
        let this = self.this.map_or(ahead_ns, |largest| largest.max(ahead_ns));
        self.this = Some(this);
        self.before.map_or(this, |before| before.max(this))
    }
}

impl VenueTime {
    /// Forgets everything but the time told last: the program started anew.
    pub(crate) fn restart(&mut self) {
        *self = Self { latest: self.latest, ..Self::default() };
    }

    /// Our time went on by `passed` in one go and is `at` now.
    pub(crate) fn pass(&mut self, at: Timestamp, passed: Duration, is_clock_set: bool) -> Option<Explained> {
        let min = if is_clock_set { LEAP_MIN } else { LEAP_MIN_UNSET };
        if passed > min {
            let ns = i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX);
            let before = self.leap.map_or(0, |leap| leap.ns);
            self.leap = Some(Leap { ns: before.saturating_add(ns), at });
            return None;
        }
        let leap = self.leap.filter(|leap| at.since(leap.at) >= LEAP_WAIT)?;
        let explained = if is_clock_set { Explained::Pause } else { Explained::Step };
        self.explain(leap, explained);
        Some(explained)
    }

    /// A message with the venue's time was received. Tells what a leap of our clock was, where that shows it.
    pub(crate) fn observe(&mut self, at: Timestamp, venue_at: Timestamp, is_clock_set: bool) -> Option<Explained> {
        let ahead_ns = venue_at.as_nanos().saturating_sub(at.as_nanos());
        let is_delayed = self.is_delayed(at, ahead_ns);
        let believed_ns = self.believed_ns(is_clock_set);
        let explained = self.leap.zip(believed_ns).map(|(leap, believed_ns)| {
            let stepped_ns = believed_ns.saturating_sub(leap.ns);
            let is_step = ahead_ns.abs_diff(stepped_ns) < ahead_ns.abs_diff(believed_ns);
            let explained = if is_step { Explained::Step } else { Explained::Pause };
            self.explain(leap, explained);
            explained
        });
        if self.believed_ns(is_clock_set).is_some_and(|believed| is_near(ahead_ns, believed)) {
            self.doubt = None;
            self.ahead_ns = Some(self.window.add(at, ahead_ns));
            return explained;
        }
        if is_delayed {
            self.doubt = None;
            return explained;
        }
        let before = self.doubt.filter(|doubt| is_near(ahead_ns, doubt.ahead_ns));
        let doubt = Doubt {
            ahead_ns: before.map_or(ahead_ns, |doubt| doubt.ahead_ns),
            agreeing: before.map_or(1, |doubt| doubt.agreeing.saturating_add(1)),
            since: before.map_or(at, |doubt| doubt.since),
        };
        self.doubt = Some(doubt);
        if doubt.agreeing >= AGREEING && at.since(doubt.since) >= AGREEING_FOR {
            self.doubt = None;
            self.window = Window::default();
            self.ahead_ns = Some(self.window.add(at, ahead_ns));
        }
        explained
    }

    /// Whether a message was on its way for longer than the quickest of late, and no clock was set since.
    fn is_delayed(&mut self, at: Timestamp, ahead_ns: i64) -> bool {
        if let Some((last_at, last_ns)) = self.last.replace((at, ahead_ns)) {
            let passed_ns = at.as_nanos().saturating_sub(last_at.as_nanos()).max(0);
            if last_ns.saturating_sub(ahead_ns) > passed_ns.saturating_add(NS_PER_S) {
                self.quickest = Window::default();
            }
        }
        self.quickest.add(at, ahead_ns).saturating_sub(ahead_ns) > NEAR_NS
    }

    /// The venue's time when ours is `at`; `None` while nothing tells it.
    pub(crate) fn now(&mut self, at: Timestamp) -> Option<Timestamp> {
        let ahead_ns = self.ahead_ns?;
        let leap_ns = self.leap.map_or(0, |leap| leap.ns);
        let now_ns = at.as_nanos().saturating_add(ahead_ns).saturating_sub(leap_ns);
        self.latest = self.latest.max(Timestamp::from_nanos(now_ns)).min(TIME_MAX);
        Some(self.latest)
    }

    /// Venue time minus ours, nanoseconds, as far as messages tell; `None` before enough of them.
    pub(crate) const fn ahead_ns(&self) -> Option<i64> {
        self.ahead_ns
    }

    fn believed_ns(&self, is_clock_set: bool) -> Option<i64> {
        self.ahead_ns.or(is_clock_set.then_some(0))
    }

    fn explain(&mut self, leap: Leap, explained: Explained) {
        self.leap = None;
        self.doubt = None;
        if explained == Explained::Step {
            self.window = Window::default();
            self.ahead_ns = Some(self.ahead_ns.unwrap_or(0).saturating_sub(leap.ns));
        }
    }
}

const fn is_near(a_ns: i64, b_ns: i64) -> bool {
    a_ns.abs_diff(b_ns) <= NEAR_NS as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-05.
    const TRUE: i64 = 1_767_571_200;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    /// Hears a message a second for `seconds`, our clock beginning at `ours` and theirs at `theirs`.
    fn hear(time: &mut VenueTime, ours: i64, theirs: i64, seconds: i64, is_clock_set: bool) {
        for n in 0..seconds {
            time.pass(s(ours + n), Duration::from_secs(1), is_clock_set);
            time.observe(s(ours + n), s(theirs + n), is_clock_set);
        }
    }

    #[test]
    fn a_believed_clock_counts_until_messages_agree_on_something_else() {
        let mut time = VenueTime::default();
        assert_eq!(time.now(s(TRUE)), None);
        hear(&mut time, TRUE, TRUE + 1, 3, true);
        assert_eq!(time.now(s(TRUE + 3)), Some(s(TRUE + 4)));
        // One wild time changes nothing, five that agree do.
        time.observe(s(TRUE + 4), s(TRUE + 4_000), true);
        assert_eq!(time.now(s(TRUE + 4)), Some(s(TRUE + 5)));
        hear(&mut time, TRUE + 5, TRUE + 3_605, 4, true);
        assert_eq!(time.now(s(TRUE + 8)), Some(s(TRUE + 9)));
        hear(&mut time, TRUE + 9, TRUE + 3_609, 1, true);
        assert_eq!(time.now(s(TRUE + 9)), Some(s(TRUE + 3_609)));
        // Trades of the past, told at once.
        for n in 0..100 {
            time.observe(s(TRUE + 10), s(TRUE + 3_000 + n / 50), true);
        }
        assert_eq!(time.now(s(TRUE + 10)), Some(s(TRUE + 3_610)));
        // Back again: the time stands until theirs has come so far.
        hear(&mut time, TRUE + 11, TRUE + 11, 9, true);
        assert_eq!(time.ahead_ns(), Some(0));
        assert_eq!(time.now(s(TRUE + 20)), Some(s(TRUE + 3_610)));
    }

    #[test]
    fn a_line_that_falls_behind_is_not_a_clock() {
        let mut time = VenueTime::default();
        hear(&mut time, TRUE, TRUE, 10, true);
        // Nine tenths of a second of the market come every second, for a minute.
        for n in 0..60 {
            time.observe(s(TRUE + 10 + n), s(TRUE + 10 + n * 9 / 10), true);
        }
        assert_eq!(time.now(s(TRUE + 70)), Some(s(TRUE + 70)));
        // It stays behind: now nobody knows better.
        hear(&mut time, TRUE + 70, TRUE + 63, 120, true);
        assert_eq!(time.ahead_ns(), Some(-7 * NS_PER_S));
    }

    #[test]
    fn an_unset_clock_learns_the_time_from_the_venue_and_its_setting_changes_nothing() {
        let mut time = VenueTime::default();
        hear(&mut time, 100, TRUE, 4, false);
        assert_eq!(time.now(s(103)), None, "not enough messages agree");
        hear(&mut time, 104, TRUE + 4, 1, false);
        assert_eq!(time.now(s(104)), Some(s(TRUE + 4)));
        // The network tells the time: our clock leaps by decades.
        let leap = Duration::from_secs((TRUE + 6 - 104) as u64);
        assert_eq!(time.pass(s(TRUE + 6), leap, false), None);
        assert_eq!(time.now(s(TRUE + 6)), Some(s(TRUE + 4)), "not understood yet");
        assert_eq!(time.observe(s(TRUE + 6), s(TRUE + 6), true), Some(Explained::Step));
        hear(&mut time, TRUE + 7, TRUE + 7, 1, true);
        assert_eq!(time.now(s(TRUE + 7)), Some(s(TRUE + 7)));
    }

    #[test]
    fn a_box_that_slept_knows_it_from_the_first_message() {
        let mut time = VenueTime::default();
        hear(&mut time, TRUE, TRUE, 10, true);
        time.pass(s(TRUE + 3_610), Duration::from_secs(3_600), true);
        assert_eq!(time.now(s(TRUE + 3_610)), Some(s(TRUE + 10)));
        assert_eq!(time.observe(s(TRUE + 3_611), s(TRUE + 3_611), true), Some(Explained::Pause));
        assert_eq!(time.now(s(TRUE + 3_611)), Some(s(TRUE + 3_611)));
    }

    #[test]
    fn without_a_message_a_leap_is_explained_by_what_is_believed() {
        for (is_clock_set, explained, now) in
            [(true, Explained::Pause, TRUE + 3_670), (false, Explained::Step, TRUE + 69)]
        {
            let mut time = VenueTime::default();
            hear(&mut time, TRUE, TRUE, 10, is_clock_set);
            time.pass(s(TRUE + 3_610), Duration::from_secs(3_601), is_clock_set);
            for n in 1..60 {
                assert_eq!(time.pass(s(TRUE + 3_610 + n), Duration::from_secs(1), is_clock_set), None);
            }
            assert_eq!(time.pass(s(TRUE + 3_670), Duration::from_secs(1), is_clock_set), Some(explained));
            assert_eq!(time.now(s(TRUE + 3_670)), Some(s(now)));
        }
    }

    proptest::proptest! {
        /// Whatever is said and however clocks leap: the time told never decreases and stays in range.
        #[test]
        fn the_time_told_never_decreases(steps in proptest::collection::vec((0i64..100_000, proptest::num::i64::ANY, 0u8..4, proptest::bool::ANY), 1..200)) {
            let (mut time, mut at, mut latest) = (VenueTime::default(), TRUE * NS_PER_S, Timestamp::EPOCH);
            for (wait_ms, said, kind, is_set) in steps {
                let passed = Duration::from_millis(wait_ms as u64);
                at += wait_ms * 1_000_000;
                let now = Timestamp::from_nanos(at);
                time.pass(now, passed, is_set);
                match kind {
                    0 => { time.observe(now, Timestamp::from_nanos(said), is_set); }
                    1 => { time.observe(now, Timestamp::from_nanos(at.saturating_add(said % 10_000_000_000)), is_set); }
                    2 => time.restart(),
                    _ => {}
                }
                if let Some(told) = time.now(now) {
                    proptest::prop_assert!(told >= latest && told <= TIME_MAX);
                    latest = told;
                }
            }
        }
    }
}
