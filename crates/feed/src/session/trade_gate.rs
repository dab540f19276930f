//! Which trades are new, and which are missing.

use std::collections::VecDeque;
use std::time::Duration;

use types::Timestamp;

use super::seen::Seen;

/// Ranges of missing numbers that are remembered; with one more the oldest is given up.
const GAPS_MAX: usize = 64;
/// A trade with a low number that happened so long after the one with the highest is not an old one heard again: the
/// venue has begun to count anew.
const RENUMBERED_AFTER: Duration = Duration::from_secs(60);

/// Lets every trade pass once, in whatever order they come. Venues number the trades of an instrument upwards, so the
/// highest number seen and the ranges missing below it are all that has to be remembered; of sparse numbers, for which
/// nothing is missing, the last ones are remembered one by one.
///
/// ```text
/// seen 1 2 3 . . 6 . . . 10     highest 10, missing 4-5 and 7-9
/// ```
#[derive(Clone, Debug)]
pub(crate) struct TradeGate {
    numbering: Numbering,
    highest: Option<Mark>,
    /// Venue time of the first one.
    began_at: Option<Timestamp>,
    /// Ascending, not touching each other.
    missing: VecDeque<Gap>,
    /// The stream was interrupted: trades above the highest may have happened unseen.
    is_in_doubt: bool,
    lost: u64,
    /// Of sparse numbers.
    seen: Seen,
}

/// How a venue numbers the trades of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// One by one: a number left out is a trade missed.
    Dense,
    /// Rising: a number left out says nothing.
    Sparse,
}

/// Numbers that were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The lowest.
    pub(crate) first: u64,
    /// The highest; `u64::MAX` for all there are.
    pub(crate) last: u64,
    /// Venue time of the trade before them.
    pub(crate) since: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    number: u64,
    venue_at: Timestamp,
}

/// What the gate says about a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// New, and the next in sequence (or the first).
    Next,
    /// New, but numbers before it are missing.
    AfterGap,
    /// New, with a lower number than one heard before it.
    Late,
    /// Seen before, or given up: not to be used.
    Doubled,
}

impl Passed {
    /// The trade is to be used.
    pub(crate) fn is_new(self) -> bool {
        self != Self::Doubled
    }
}

impl Gap {
    /// The gap is everything after `since`.
    pub(crate) fn is_open(&self) -> bool {
        self.last == u64::MAX
    }
}

impl Default for TradeGate {
    fn default() -> Self {
        Self::new(Numbering::Dense)
    }
}

impl TradeGate {
    pub(crate) const fn new(numbering: Numbering) -> Self {
        Self {
            numbering,
            highest: None,
            began_at: None,
            missing: VecDeque::new(),
            is_in_doubt: false,
            lost: 0,
            seen: Seen::new(),
        }
    }

    pub(crate) const fn numbering(&self) -> Numbering {
        self.numbering
    }

    pub(crate) fn pass(&mut self, number: u64, venue_at: Timestamp) -> Passed {
        let mark = Mark { number, venue_at };
        let is_sparse = self.numbering == Numbering::Sparse;
        let is_low = self.highest.is_some_and(|highest| number <= highest.number);
        if is_sparse && is_low && !self.seen.is_new(number, venue_at) {
            return Passed::Doubled;
        }
        let passed = self.place(mark);
        if is_sparse && passed.is_new() {
            self.seen.remember(number, venue_at);
        }
        passed
    }

    fn place(&mut self, mark: Mark) -> Passed {
        let Mark { number, venue_at } = mark;
        self.began_at.get_or_insert(venue_at);
        let Some(highest) = self.highest else {
            self.highest = Some(mark);
            return Passed::Next;
        };
        if number <= highest.number {
            if self.fill(mark) {
                // Told before it was heard: its time was not known then.
                self.highest = Some(Mark { venue_at: highest.venue_at.max(venue_at), ..highest });
                return Passed::Late;
            }
            if venue_at.since(highest.venue_at) > RENUMBERED_AFTER {
                *self = Self { lost: self.lost, highest: Some(mark), ..Self::new(self.numbering) };
                return Passed::Next;
            }
            // Of sparse numbers those that were heard are known.
            return if self.numbering == Numbering::Sparse { Passed::Late } else { Passed::Doubled };
        }
        self.highest = Some(mark);
        let is_gap = number - highest.number > 1 && (self.numbering == Numbering::Dense || self.is_in_doubt);
        self.is_in_doubt = false;
        if !is_gap {
            return Passed::Next;
        }
        self.miss(Gap { first: highest.number + 1, last: number - 1, since: highest.venue_at });
        Passed::AfterGap
    }

    /// Takes a number out of the missing ones; false when it is not among them.
    fn fill(&mut self, mark: Mark) -> bool {
        let Some(index) = self.missing.iter().position(|gap| (gap.first..=gap.last).contains(&mark.number)) else {
            return false;
        };
        let Gap { first, last, since } = self.missing[index];
        let below = (first < mark.number).then(|| Gap { first, last: mark.number - 1, since });
        let above = (mark.number < last).then(|| Gap { first: mark.number + 1, last, since: mark.venue_at });
        match (below, above) {
            (Some(below), Some(above)) => {
                self.missing[index] = below;
                self.missing.insert(index + 1, above);
                if self.missing.len() > GAPS_MAX {
                    self.give_up();
                }
            }
            (Some(rest), None) | (None, Some(rest)) => self.missing[index] = rest,
            (None, None) => drop(self.missing.remove(index)),
        }
        true
    }

    /// The first thing known is the number of a trade before all that will be heard: it is not to be used. False when
    /// something was heard before.
    pub(crate) fn begin(&mut self, number: u64, venue_at: Timestamp) -> bool {
        let is_first = self.highest.is_none();
        if is_first {
            self.highest = Some(Mark { number, venue_at });
        }
        is_first
    }

    /// The venue's last trade has this number: what is not known up to it is missing, and above it nothing is. True
    /// when numbers are missing by that.
    pub(crate) fn told(&mut self, last: u64) -> bool {
        let Some(highest) = self.highest.filter(|highest| highest.number <= last) else { return false };
        self.is_in_doubt = false;
        if highest.number == last {
            return false;
        }
        self.miss(Gap { first: highest.number + 1, last, since: highest.venue_at });
        self.highest = Some(Mark { number: last, ..highest });
        true
    }

    fn miss(&mut self, gap: Gap) {
        if self.missing.len() == GAPS_MAX {
            self.give_up();
        }
        self.missing.push_back(gap);
    }

    /// What happened before, nobody has missed: the venue's time of the first trade.
    pub(crate) fn began_at(&self) -> Option<Timestamp> {
        self.began_at
    }

    /// The highest number that was heard or told.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest.map(|highest| highest.number)
    }

    /// Nothing is missing that happened up to now, as far as was told.
    pub(crate) fn is_whole(&self) -> bool {
        self.missing.is_empty() && !self.is_in_doubt
    }

    /// The stream was interrupted.
    pub(crate) fn doubt(&mut self) {
        self.is_in_doubt = self.highest.is_some();
    }

    /// What to ask for next: the oldest missing range, or everything above the highest while that is in doubt.
    pub(crate) fn gap(&self) -> Option<Gap> {
        let in_doubt = || {
            let highest = self.highest.filter(|_| self.is_in_doubt)?;
            Some(Gap { first: highest.number.checked_add(1)?, last: u64::MAX, since: highest.venue_at })
        };
        self.missing.front().copied().or_else(in_doubt)
    }

    /// The numbers left out last, where a number left out is a trade missed.
    pub(crate) fn newest_gap(&self) -> Option<Gap> {
        self.missing.back().copied().filter(|_| self.numbering == Numbering::Dense)
    }

    /// Does not wait any longer for what [`TradeGate::gap`] names; of sparse numbers, for none at all.
    pub(crate) fn give_up(&mut self) {
        if self.numbering == Numbering::Sparse {
            self.missing.clear();
        }
        match self.missing.pop_front() {
            Some(gap) => self.lost = self.lost.saturating_add((gap.last - gap.first).saturating_add(1)),
            None => self.is_in_doubt = false,
        }
    }

    /// Trades that were given up.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Passed::{AfterGap, Doubled, Late, Next};
    use super::*;

    fn dense() -> TradeGate {
        TradeGate::default()
    }

    fn pass(gate: &mut TradeGate, numbers: &[u64]) -> Vec<Passed> {
        numbers.iter().map(|number| gate.pass(*number, Timestamp::EPOCH)).collect()
    }

    fn missing(gate: &TradeGate) -> Vec<(u64, u64)> {
        gate.missing.iter().map(|gap| (gap.first, gap.last)).collect()
    }

    #[test]
    fn each_trade_passes_once_also_when_it_is_late() {
        let mut gate = dense();
        assert_eq!(
            pass(&mut gate, &[7, 8, 8, 12, 10, 10, 9, 12, 3, 11, 13]),
            [Next, Next, Doubled, AfterGap, Late, Doubled, Late, Doubled, Doubled, Late, Next]
        );
        assert_eq!((missing(&gate), gate.gap(), gate.lost()), (vec![], None, 0));
        assert_eq!(gate.pass(u64::MAX, Timestamp::EPOCH), AfterGap);
    }

    #[test]
    fn a_trade_that_was_told_of_before_it_was_heard_passes_once_however_quiet_the_market_was() {
        let s = Timestamp::from_secs;
        let mut gate = dense();
        assert_eq!(gate.pass(7, s(0)), Next);
        assert!(gate.told(8));
        assert_eq!((gate.pass(8, s(500)), gate.pass(8, s(500))), (Late, Doubled));
        assert_eq!(gate.pass(8, s(600)), Next, "with another time the venue has begun to count anew");
    }

    #[test]
    fn a_gap_is_split_by_what_fills_its_middle_and_keeps_the_time_before_each_part() {
        let s = Timestamp::from_secs;
        let mut gate = dense();
        gate.pass(1, s(10));
        gate.pass(9, s(90));
        gate.pass(5, s(50));
        assert_eq!(missing(&gate), [(2, 4), (6, 8)]);
        assert_eq!(gate.gap(), Some(Gap { first: 2, last: 4, since: s(10) }));
        gate.give_up();
        assert_eq!(gate.gap(), Some(Gap { first: 6, last: 8, since: s(50) }));
        assert_eq!((gate.lost(), gate.pass(3, s(30))), (3, Doubled));
    }

    #[test]
    fn after_a_break_everything_above_is_in_doubt_until_something_is_heard_or_it_is_given_up() {
        let mut gate = dense();
        gate.doubt();
        assert_eq!(gate.gap(), None, "nothing was heard that could have an end");
        pass(&mut gate, &[5]);
        gate.doubt();
        assert_eq!(gate.gap().map(|gap| (gap.first, gap.is_open())), Some((6, true)));
        assert_eq!(pass(&mut gate, &[6]), [Next]);
        assert_eq!(gate.gap(), None);
        gate.doubt();
        assert_eq!(pass(&mut gate, &[9]), [AfterGap]);
        assert_eq!(gate.gap().map(|gap| (gap.first, gap.last)), Some((7, 8)));
        pass(&mut gate, &[7, 8]);
        gate.doubt();
        gate.give_up();
        assert_eq!((gate.gap(), gate.lost()), (None, 0));
    }

    #[test]
    fn the_venues_word_on_its_last_trade_shows_what_is_missing_and_that_nothing_is() {
        let mut gate = dense();
        assert!(!gate.told(7) && gate.is_whole(), "without a beginning nothing is missing");
        assert!(gate.begin(7, Timestamp::EPOCH) && !gate.begin(9, Timestamp::EPOCH));
        assert_eq!(pass(&mut gate, &[7, 8]), [Doubled, Next]);
        gate.doubt();
        assert!(!gate.told(7) && !gate.is_whole(), "said before it was heard");
        assert!(!gate.told(8) && gate.is_whole());
        gate.doubt();
        assert!(gate.told(11) && !gate.told(11));
        assert_eq!((missing(&gate), gate.highest()), (vec![(9, 11)], Some(11)));
        assert_eq!(pass(&mut gate, &[10, 12, 9, 11]), [Late, Next, Late, Late]);
        assert!(gate.is_whole());
        assert!(gate.told(u64::MAX) && !gate.told(u64::MAX));
    }

    #[test]
    fn sparse_numbers_have_gaps_only_after_a_break() {
        let mut gate = TradeGate::new(Numbering::Sparse);
        assert_eq!(pass(&mut gate, &[10, 20, 15, 10, 15]), [Next, Next, Late, Doubled, Doubled]);
        gate.doubt();
        assert_eq!(pass(&mut gate, &[90, 120, 40, 40]), [AfterGap, Next, Late, Doubled]);
        assert_eq!(missing(&gate), [(21, 39), (41, 89)]);
        gate.give_up();
        assert_eq!((gate.gap(), gate.lost()), (None, 0), "nobody knows whether there was anything");
    }

    #[test]
    fn a_venue_that_counts_anew_is_followed_once_its_trades_are_clearly_newer() {
        let s = Timestamp::from_secs;
        let mut gate = dense();
        gate.pass(1_000_000, s(100));
        assert_eq!(gate.pass(1, s(160)), Doubled);
        assert_eq!(gate.pass(2, s(161)), Next);
        assert_eq!(gate.pass(3, s(162)), Next);
    }

    #[test]
    fn the_number_of_gaps_is_bounded() {
        let mut gate = dense();
        let odd: Vec<u64> = (0..200).map(|n| 2 * n + 1).collect();
        pass(&mut gate, &odd);
        assert_eq!((gate.missing.len(), gate.lost()), (GAPS_MAX, 199 - GAPS_MAX as u64));
        pass(&mut gate, &[1_000]);
        pass(&mut gate, &(0..200).map(|n| 500 + 2 * n).collect::<Vec<_>>());
        assert_eq!(gate.missing.len(), GAPS_MAX);
    }

    proptest! {
        /// Whatever the order, what passed is what was said, each once, and what is neither is still missing.
        #[test]
        fn passed_and_missing_are_all_there_is(numbers in prop::collection::vec(1u64..60, 1..80)) {
            let mut gate = dense();
            let mut used = std::collections::BTreeSet::new();
            for number in &numbers {
                if gate.pass(*number, Timestamp::EPOCH).is_new() {
                    prop_assert!(used.insert(*number), "{number} passed twice");
                }
            }
            let open: Vec<u64> = gate.missing.iter().flat_map(|gap| gap.first..=gap.last).collect();
            let first = numbers[0];
            let highest = *numbers.iter().max().expect("not empty");
            let expected: Vec<u64> = (first..=highest).filter(|n| !numbers.contains(n)).collect();
            prop_assert_eq!(open, expected);
            prop_assert!(numbers.iter().filter(|n| **n >= first).all(|n| used.contains(n)));
        }
    }
}
