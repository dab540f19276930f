//! The last trades, one by one.

use std::collections::VecDeque;

use types::Timestamp;

/// Trades that are remembered. Venues with sparse numbers tell the last hundred by REST, so those of them that were
/// heard are among the last few hundred.
const REMEMBERED: usize = 1_024;

/// Remembers the last trades, where nothing is known of the venue's numbers but that each is used once.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    recent: VecDeque<(u64, Timestamp)>,
    /// The latest time of a trade that was forgotten.
    forgotten_at: Option<Timestamp>,
}

impl Seen {
    pub(super) const fn new() -> Self {
        Self { recent: VecDeque::new(), forgotten_at: None }
    }

    /// True for a trade that was not seen before. One that is older than all that is remembered cannot be told from one
    /// seen before, and is not new.
    pub(super) fn is_new(&self, number: u64, venue_at: Timestamp) -> bool {
        self.forgotten_at.is_none_or(|forgotten| venue_at > forgotten)
            && !self.recent.iter().any(|(known, _)| *known == number)
    }

    pub(super) fn remember(&mut self, number: u64, venue_at: Timestamp) {
        if self.recent.len() == REMEMBERED
            && let Some((_, at)) = self.recent.pop_front()
        {
            self.forgotten_at = self.forgotten_at.max(Some(at));
        }
        self.recent.push_back((number, venue_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_may_have_been_forgotten_is_not_new() {
        let s = Timestamp::from_secs;
        let mut seen = Seen::new();
        for n in 0..(REMEMBERED as i64 + 10) {
            seen.remember(1_000 + n as u64, s(n));
        }
        assert_eq!(seen.recent.len(), REMEMBERED);
        assert!(!seen.is_new(1_003, s(3)), "forgotten, but too old");
        assert!(!seen.is_new(5, s(9)), "older than all that is remembered");
        assert!(!seen.is_new(1_020, s(20)), "remembered");
        assert!(seen.is_new(5, s(10)), "missed, and told later");
    }
}
