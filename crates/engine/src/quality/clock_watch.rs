//! How far a venue's clock and ours are apart, and when that matters.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;
use types::time::NS_PER_MS;

/// A larger difference is told (protocol reference, section 2).
const OFF_NS: u64 = 500 * NS_PER_MS as u64;
/// With a larger one nothing is bought there: ages and latencies mean nothing any more.
const WRONG_NS: u64 = 5_000 * NS_PER_MS as u64;
/// How long a difference must last to count.
const LASTS: Duration = Duration::from_secs(60);

/// What is thought of a difference of clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ClockStanding {
    /// Small enough.
    #[default]
    Good,
    /// Half a second and more.
    Off,
    /// Five seconds and more.
    Wrong,
}

/// Watches one venue's clock: a standing changes once it has lasted for a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockWatch {
    standing: ClockStanding,
    /// Another standing, and since when.
    next: Option<(ClockStanding, Timestamp)>,
}

impl ClockWatch {
    /// What counts.
    pub(crate) const fn standing(&self) -> ClockStanding {
        self.standing
    }

    /// Looks at the difference at `at`; `None` where nothing tells it. Gives a standing that is new.
    pub(crate) fn look(&mut self, at: Timestamp, ahead_ns: Option<i64>) -> Option<ClockStanding> {
        let seen = match ahead_ns.map_or(0, i64::unsigned_abs) {
            WRONG_NS.. => ClockStanding::Wrong,
            OFF_NS.. => ClockStanding::Off,
            _ => ClockStanding::Good,
        };
        let since = self.next.filter(|(next, _)| *next == seen).map_or(at, |(_, since)| since);
        self.next = (seen != self.standing).then_some((seen, since));
        if self.next.is_none() || at.since(since) < LASTS {
            return None;
        }
        self.next = None;
        self.standing = seen;
        Some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_once_it_has_lasted_for_a_minute() {
        let mut watch = ClockWatch::default();
        let mut look =
            |second: i64, ahead_ms: i64| watch.look(Timestamp::from_secs(second), Some(ahead_ms * NS_PER_MS));
        assert_eq!(look(0, -499), None);
        assert_eq!(look(10, -500), None);
        assert_eq!(look(40, 4_999), None);
        assert_eq!(look(69, 700), None);
        assert_eq!(look(70, 700), Some(ClockStanding::Off));
        assert_eq!(look(80, -5_000), None);
        assert_eq!(look(100, 100), None, "another one begins anew");
        assert_eq!(look(130, 6_000), None);
        assert_eq!(look(190, 6_000), Some(ClockStanding::Wrong));
        assert_eq!(look(191, 6_000), None, "told once");
        assert_eq!(look(200, 0), None);
        assert_eq!(look(260, 0), Some(ClockStanding::Good));
    }
}
