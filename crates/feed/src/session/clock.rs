//! What time it is at the venue.

use types::Timestamp;
use types::time::NS_PER_MIN;

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
}

impl VenueClock {
    /// A message with the venue's time was received.
    pub(crate) fn observe(&mut self, at: Timestamp, venue_at: Timestamp) {
        let minute = at.as_nanos().div_euclid(NS_PER_MIN);
        if minute != self.minute {
            self.last_ns = if minute == self.minute + 1 { self.this_ns } else { None };
            self.this_ns = None;
            self.minute = minute;
        }
        let ahead = venue_at.as_nanos().saturating_sub(at.as_nanos());
        self.this_ns = Some(self.this_ns.map_or(ahead, |best| best.max(ahead)));
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

#[cfg(test)]
mod tests {
    use super::*;

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
