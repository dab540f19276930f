//! What time it is at the venue.

use std::time::Duration;

use types::Timestamp;
use types::time::{NS_PER_MIN, NS_PER_S};

/// A message is late when it comes so much later after it was said than the quickest one.
const LATE_NS: i64 = 15 * NS_PER_S;
/// Without any message, what was said so long ago has come: a line that is slower is given up.
const QUIET: Duration = Duration::from_secs(30);
/// How long every message must have been late.
const LATE_FOR: Duration = Duration::from_secs(10);

/// Estimates the venue's time from the times in its messages.
///
/// A message stamped `v` by the venue and received at `a` says that the venue's clock is at least `v - a` ahead of
/// ours (the way here took time). The largest such difference of the last one to two minutes is kept: it forgets, so
/// that a step of our own clock heals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VenueClock {
    minute: i64,
    this_ns: Option<i64>,
    last_ns: Option<i64>,
    delay: Delay,
    /// The latest time of a message of the stream.
    told_at: Option<Timestamp>,
}

/// How much later than the quickest one the messages of a connection come.
///
/// They come in their order, so their delay grows no faster than time goes by; where it does, a clock was set, or a message
/// tells of something older.
#[derive(Clone, Copy, Debug, Default)]
struct Delay {
    quickest_ns: i64,
    /// When the last one came, and what it said.
    last: Option<(Timestamp, i64)>,
    late_since: Option<Timestamp>,
}

impl VenueClock {
    /// A message of the stream with the venue's time was received.
    pub(crate) fn observe(&mut self, at: Timestamp, venue_at: Timestamp) {
        self.delay.observe(at, venue_at.as_nanos().saturating_sub(at.as_nanos()));
        self.told_at = self.told_at.max(Some(venue_at));
        self.learn(at, venue_at);
    }

    /// An answer told the venue's time.
    pub(crate) fn learn(&mut self, at: Timestamp, venue_at: Timestamp) {
        let minute = at.as_nanos().div_euclid(NS_PER_MIN);
        if minute != self.minute {
            self.last_ns = if minute == self.minute + 1 { self.this_ns } else { None };
            self.this_ns = None;
            self.minute = minute;
        }
        let ahead = venue_at.as_nanos().saturating_sub(at.as_nanos());
        self.this_ns = Some(self.this_ns.map_or(ahead, |best| best.max(ahead)));
    }

    /// How much later than the quickest message of the connection the newest one came, as far as no clock was set.
    pub(crate) fn delay(&self) -> Duration {
        let newest_ns = self.delay.last.map_or(self.delay.quickest_ns, |(_, ahead_ns)| ahead_ns);
        Duration::from_nanos(self.delay.quickest_ns.saturating_sub(newest_ns).max(0).unsigned_abs())
    }

    /// Everything that the stream has said up to this time of the venue has been received: messages come in their order.
    pub(crate) fn told_to(&self, at: Timestamp) -> Timestamp {
        let quiet = self.now(at).minus(QUIET);
        self.told_at.map_or(quiet, |told| told.max(quiet))
    }

    /// Our time when that is so for `venue_at` even if nothing more is heard.
    pub(crate) fn told_by(&self, venue_at: Timestamp) -> Timestamp {
        self.when(venue_at.plus(QUIET))
    }

    /// The line does not carry what the venue says: for some time everything that came has been late.
    pub(crate) fn is_late(&self, at: Timestamp) -> bool {
        self.delay.late_since.is_some_and(|since| at.since(since) >= LATE_FOR)
    }

    /// Venue time minus our time, never above the true difference; `None` before the first observation.
    pub(crate) fn ahead_ns(&self) -> Option<i64> {
        self.this_ns.max(self.last_ns)
    }

    /// The venue's time when ours is `at`.
    pub(crate) fn now(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_nanos(at.as_nanos().saturating_add(self.ahead_ns().unwrap_or(0)))
    }

    /// Our time when the venue's is `venue_at`.
    pub(crate) fn when(&self, venue_at: Timestamp) -> Timestamp {
        Timestamp::from_nanos(venue_at.as_nanos().saturating_sub(self.ahead_ns().unwrap_or(0)))
    }
}

impl Delay {
    fn observe(&mut self, at: Timestamp, ahead_ns: i64) {
        if let Some((last_at, last_ns)) = self.last.replace((at, ahead_ns)) {
            let grown_ns = last_ns.saturating_sub(ahead_ns);
            let passed_ns = at.as_nanos().saturating_sub(last_at.as_nanos()).max(0);
            if grown_ns > passed_ns.saturating_add(NS_PER_S) {
                self.quickest_ns = self.quickest_ns.saturating_sub(grown_ns);
            }
            self.quickest_ns = self.quickest_ns.max(ahead_ns);
        } else {
            self.quickest_ns = ahead_ns;
        }
        if self.quickest_ns.saturating_sub(ahead_ns) > LATE_NS {
            self.late_since.get_or_insert(at);
        } else {
            self.late_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_falls_behind_is_late_and_a_clock_that_was_set_is_not() {
        let ms = Timestamp::from_millis;
        // Half a second of the market comes every second, from the tenth on.
        let mut clock = VenueClock::default();
        let mut late_at = None;
        for n in 0..100 {
            clock.observe(ms(n * 1_000), ms(n.min(10) * 1_000 + (n - 10).max(0) * 500));
            if clock.is_late(ms(n * 1_000)) {
                late_at.get_or_insert(n);
            }
        }
        assert_eq!(late_at, Some(51), "more than fifteen seconds behind after forty, and for ten");

        let mut clock = VenueClock::default();
        for n in 0..200 {
            let set_back = if n < 50 { 0 } else { 3_600_000 };
            // Now and then something is told that happened before.
            let old = if n % 7 == 0 { 30_000 } else { 0 };
            clock.observe(ms(n * 1_000), ms(n * 1_000 - set_back - old));
            assert!(!clock.is_late(ms(n * 1_000)), "{n}");
        }
    }

    #[test]
    fn the_fastest_message_tells_the_difference_and_a_clock_step_is_forgotten() {
        let s = Timestamp::from_secs;
        let mut clock = VenueClock::default();
        assert_eq!(clock.now(s(100)), s(100));
        clock.observe(s(120), s(129));
        clock.observe(s(121), s(131));
        clock.observe(s(122), s(130));
        assert_eq!(clock.ahead_ns(), Some(10_000_000_000));
        assert_eq!(clock.now(s(150)), s(160));
        assert_eq!(clock.when(s(160)), s(150));
        clock.observe(s(181), s(181));
        assert_eq!(clock.now(s(182)), s(192), "the minute before still counts");
        clock.observe(s(241), s(241));
        assert_eq!(clock.now(s(242)), s(242));
    }
}
