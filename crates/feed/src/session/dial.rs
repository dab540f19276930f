//! When to connect.

use std::time::Duration;

use types::Timestamp;

use crate::settings::FeedSettings;

/// Decides when a lost connection is tried again: after a random part of a time that doubles with each failure ("full
/// jitter"), so that many boxes do not come back at the same moment.
///
/// ```text
/// Waiting ──due──> Dialling ──connected──> Up
///    ^                │ failed              │ lost
///    └────────────────┴─────────────────────┘
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    first: Duration,
    max: Duration,
    healthy_after: Duration,
    random: u64,
    failures: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { due: Timestamp },
    Dialling,
    Up { since: Timestamp },
}

impl Dial {
    /// Due at once.
    pub(crate) fn new(settings: &FeedSettings) -> Self {
        Self {
            first: settings.backoff_first,
            max: settings.backoff_max,
            healthy_after: settings.healthy_after,
            random: settings.seed,
            failures: 0,
            state: State::Waiting { due: Timestamp::EPOCH },
        }
    }

    /// When to dial; `None` while that is under way or done.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { due } => Some(due),
            State::Dialling | State::Up { .. } => None,
        }
    }

    pub(crate) fn dialled(&mut self) {
        self.state = State::Dialling;
    }

    pub(crate) fn connected(&mut self, at: Timestamp) {
        self.state = State::Up { since: at };
    }

    /// The connection is gone or could not be made. Saying it again while waiting changes nothing.
    pub(crate) fn disconnected(&mut self, at: Timestamp) {
        match self.state {
            State::Waiting { .. } => return,
            State::Up { since } if at.since(since) >= self.healthy_after => self.failures = 0,
            State::Dialling | State::Up { .. } => {}
        }
        let longest = self.first.saturating_mul(1 << self.failures.min(16)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        let longest_ns = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        let wait_ns = (u128::from(self.next_random()) * u128::from(longest_ns)) >> 64;
        self.state = State::Waiting { due: at.plus(Duration::from_nanos(wait_ns as u64)) };
    }

    /// SplitMix64: every seed is as good as any other.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use types::Venue;

    use super::*;

    fn dial(seed: u64) -> Dial {
        Dial::new(&FeedSettings { seed, ..FeedSettings::new(Venue::Kraken, Vec::new()) })
    }

    /// Waits after `failures` failures in a row, seconds.
    fn waits(seed: u64, failures: usize) -> Vec<f64> {
        let mut dial = dial(seed);
        let mut at = Timestamp::from_secs(1_000);
        let mut waits = Vec::new();
        for _ in 0..failures {
            dial.dialled();
            assert_eq!(dial.due(), None);
            dial.disconnected(at);
            let due = dial.due().expect("waits");
            waits.push(due.since(at).as_secs_f64());
            at = due;
        }
        waits
    }

    #[test]
    fn waits_are_spread_over_a_doubling_time_up_to_the_limit() {
        let mut longest = [0f64; 10];
        let mut shortest = [f64::MAX; 10];
        for seed in 0..2_000 {
            for (n, wait) in waits(seed, 10).into_iter().enumerate() {
                longest[n] = longest[n].max(wait);
                shortest[n] = shortest[n].min(wait);
            }
        }
        for (n, limit) in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0].into_iter().enumerate() {
            assert!(longest[n] <= limit && longest[n] > limit * 0.98, "{n}: {}", longest[n]);
            assert!(shortest[n] < limit * 0.02, "{n}: {}", shortest[n]);
        }
        assert_eq!(waits(7, 5), waits(7, 5), "a seed tells all waits");
    }

    #[test]
    fn a_healthy_connection_ends_the_doubling_and_a_short_one_does_not() {
        let s = Timestamp::from_secs;
        let longest_after = |held_s: i64| {
            (0..500).map(move |seed| {
                let mut dial = dial(seed);
                for _ in 0..8 {
                    dial.dialled();
                    dial.disconnected(s(0));
                }
                dial.dialled();
                dial.connected(s(100));
                dial.disconnected(s(100 + held_s));
                dial.due().expect("waits").since(s(100 + held_s)).as_secs_f64()
            })
        };
        assert!(longest_after(60).all(|wait| wait <= 1.0));
        assert!(longest_after(59).any(|wait| wait > 30.0));
    }

    #[test]
    fn a_new_one_is_due_at_once_and_told_twice_is_told_once() {
        let mut dial = dial(0);
        assert_eq!(dial.due(), Some(Timestamp::EPOCH));
        dial.disconnected(Timestamp::from_secs(5));
        assert_eq!(dial.due(), Some(Timestamp::EPOCH), "nothing was lost");
    }
}
