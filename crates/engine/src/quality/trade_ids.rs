//! Which trades of an instrument were taken.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Most runs of consecutive numbers remembered.
const RUNS_MAX: usize = 1_024;

/// Numbers of trades as runs without a hole: one run for a venue that numbers its trades one by one, a run per trade for one
/// that does not. Of the latter the newest 1 024 are remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TradeIds {
    /// First and last number of each run; ascending, not touching.
    runs: VecDeque<(u128, u128)>,
    /// Every number up to this one counts as taken: what is remembered has a bound.
    forgotten: Option<u128>,
}

impl TradeIds {
    /// Notes a number. False when it was noted before, or is too old to tell.
    pub(crate) fn take(&mut self, id: u128) -> bool {
        if self.forgotten >= Some(id) {
            return false;
        }
        // The first run that ends at or after the number; nearly always there is none, or it is the last one.
        let index = match self.runs.back() {
            Some((_, last)) if *last < id => self.runs.len(),
            _ => self.runs.partition_point(|(_, last)| *last < id),
        };
        if self.runs.get(index).is_some_and(|(first, _)| *first <= id) {
            return false;
        }
        let touches_next = self.runs.get(index).is_some_and(|(first, _)| *first - 1 == id);
        let touches_before = index > 0 && self.runs[index - 1].1 + 1 == id;
        match (touches_before, touches_next) {
            (true, true) => {
                self.runs[index - 1].1 = self.runs[index].1;
                self.runs.remove(index);
            }
            (true, false) => self.runs[index - 1].1 = id,
            (false, true) => self.runs[index].0 = id,
            (false, false) => self.runs.insert(index, (id, id)),
        }
        if self.runs.len() > RUNS_MAX {
            self.forgotten = self.runs.pop_front().map(|(_, last)| last);
        }
        true
    }

    /// The highest number taken.
    pub(crate) fn highest(&self) -> Option<u128> {
        self.runs.back().map(|(_, last)| *last)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_is_one_run_in_whatever_order_it_comes() {
        let mut ids = TradeIds::default();
        for id in [5, 6, 9, 7, 8, 1, u128::MAX] {
            assert!(ids.take(id), "{id}");
            assert!(!ids.take(id), "{id} again");
        }
        assert_eq!(ids.runs, [(1, 1), (5, 9), (u128::MAX, u128::MAX)]);
        assert_eq!(ids.highest(), Some(u128::MAX));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_is_not_taken() {
        let mut ids = TradeIds::default();
        for id in 0..10_000 {
            assert!(ids.take(id * 10));
        }
        assert_eq!(ids.runs.len(), RUNS_MAX);
        assert!(!ids.take(5), "too old to tell");
        assert!(ids.take(99_985));
    }

    proptest! {
        #[test]
        fn it_is_a_set(list in prop::collection::vec(0u128..60, 0..200)) {
            let (mut ids, mut set) = (TradeIds::default(), BTreeSet::new());
            for id in list {
                prop_assert_eq!(ids.take(id), set.insert(id));
                let runs: Vec<_> = ids.runs.iter().copied().collect();
                prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", runs);
            }
            prop_assert_eq!(ids.highest(), set.last().copied());
        }
    }
}
