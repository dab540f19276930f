//! How long to wait before trying again.

use std::time::Duration;

use types::Timestamp;

/// Lets the first tries go at `first_wait`, then waits longer and longer while they keep failing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    quick_tries: u32,
    first_wait: Duration,
    slow_wait: Duration,
    slowest_wait: Duration,
    failures: u32,
    next_at: Option<Timestamp>,
}

impl Retry {
    /// For books whose checksum failed: three at once, then 5 s to 60 s (Kraken protocol, section 5).
    pub(crate) const fn checksum() -> Self {
        Self::new(3, Duration::ZERO, Duration::from_secs(5), Duration::from_secs(60))
    }

    /// For snapshots that are too old or missing: five at half a second, then 2 s to 60 s (Binance.US, section 9.12).
    pub(crate) const fn snapshot() -> Self {
        Self::new(5, Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(60))
    }

    /// For requests and subscriptions that were refused: 5 s to 10 min.
    pub(crate) const fn refusal() -> Self {
        Self::new(0, Duration::ZERO, Duration::from_secs(5), Duration::from_secs(600))
    }

    /// For subscriptions that were not answered: 5 s to 40 s.
    pub(crate) const fn silence() -> Self {
        Self::new(0, Duration::ZERO, Duration::from_secs(5), Duration::from_secs(40))
    }

    /// For requests that were too many: from `first` to `longest`.
    pub(crate) const fn pause(first: Duration, longest: Duration) -> Self {
        Self::new(0, Duration::ZERO, first, longest)
    }

    const fn new(quick_tries: u32, first_wait: Duration, slow_wait: Duration, slowest_wait: Duration) -> Self {
        Self { quick_tries, first_wait, slow_wait, slowest_wait, failures: 0, next_at: None }
    }

    /// A try failed: when to make the next one. A minute of success after the last try starts from the beginning.
    pub(crate) fn failed(&mut self, at: Timestamp) -> Timestamp {
        if self.next_at.is_some_and(|last| at.since(last) > Duration::from_secs(60)) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let wait = match self.failures.checked_sub(self.quick_tries + 1) {
            None => self.first_wait,
            Some(doublings) => self.slow_wait.saturating_mul(1 << doublings.min(16)).min(self.slowest_wait),
        };
        let next = at.plus(wait);
        self.next_at = Some(next);
        next
    }

    /// Failures in a row.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// It worked for good: the next failure is the first one.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
        self.next_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_success_forgets_them() {
        let s = Timestamp::from_secs;
        let mut retry = Retry::checksum();
        let mut at = s(1_000);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let next = retry.failed(at);
            waits.push(next.since(at).as_secs());
            at = next;
        }
        assert_eq!(waits, [0, 0, 0, 5, 10, 20, 40, 60, 60]);
        let later = at.plus(Duration::from_secs(61));
        assert_eq!(retry.failed(later), later);
        assert_eq!(retry.failures(), 1);
    }
}
