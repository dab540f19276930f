//! What the page keeps of a long series: one stretch without holes, which grows by blocks at either end and is bounded.

/// Most rows kept; those furthest from what is looked at go first.
pub const ROWS_MAX: usize = 20_000;
/// Rows that are asked for at once.
pub const BLOCK: i64 = 2_000;
/// Least rows beyond either edge of the screen that are fetched before they are seen.
const MARGIN_MIN: i64 = 300;

/// Something with a time.
pub trait Timed {
    /// Its time.
    fn at_ms(&self) -> i64;
}

/// A stretch of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring<T> {
    /// By rising time.
    rows: Vec<T>,
    /// All that there is from the first time up to, not including, the second is in `rows`; `None` before the first block.
    covered: Option<(i64, i64)>,
    has_older: bool,
    /// When the series begins, once that was found.
    begins_ms: Option<i64>,
}

/// What is to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Only rows before this time.
    pub before_ms: i64,
    /// At most so many.
    pub limit: i64,
}

/// What is looked at, and what is known elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The time at the left edge.
    pub left_ms: i64,
    /// The time at the right edge.
    pub right_ms: i64,
    /// Up to here the ring has to reach, if that is looked at.
    pub need_ms: i64,
    /// Up to here the box can know something.
    pub end_ms: i64,
    /// Distance of two rows.
    pub step_ms: i64,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Block<T> {
    /// All from this time on is told.
    pub from_ms: i64,
    /// Up to this time, exclusive.
    pub to_ms: i64,
    /// Whether there is something before.
    pub has_older: bool,
    /// By rising time.
    pub rows: Vec<T>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), covered: None, has_older: true, begins_ms: None }
    }
}

impl<T: Timed> Ring<T> {
    /// All rows, by rising time.
    #[must_use]
    pub fn rows(&self) -> &[T] {
        &self.rows
    }

    /// The rows of a stretch of time.
    #[must_use]
    pub fn between(&self, from_ms: i64, to_ms: i64) -> &[T] {
        let first = self.rows.partition_point(|row| row.at_ms() < from_ms);
        let last = self.rows.partition_point(|row| row.at_ms() < to_ms);
        &self.rows[first.min(last)..last]
    }

    /// From when to when everything is here; `None` before the first block.
    #[must_use]
    pub fn covered(&self) -> Option<(i64, i64)> {
        self.covered
    }

    /// When the series begins, once that was found.
    #[must_use]
    pub fn begins_ms(&self) -> Option<i64> {
        self.begins_ms
    }

    /// What is to be asked for next: before an edge of what is here is seen.
    #[must_use]
    pub fn wish(&self, sight: Sight) -> Option<Wish> {
        let Sight { left_ms, right_ms, need_ms, end_ms, step_ms } = sight;
        let margin_ms = ((right_ms - left_ms) / 2).max(MARGIN_MIN * step_ms);
        let whole = |at_ms: i64| at_ms.div_euclid(step_ms) * step_ms;
        let (wanted_from, wanted_to) = (left_ms - margin_ms, whole(right_ms + margin_ms).min(end_ms));
        let newest = Wish { before_ms: wanted_to, limit: BLOCK };
        let Some((from_ms, to_ms)) = self.covered else { return Some(newest) };
        let block_ms = BLOCK * step_ms;
        if to_ms < wanted_to.min(need_ms) {
            return Some(match wanted_to - to_ms {
                gap if gap <= block_ms => Wish { limit: (gap + step_ms - 1) / step_ms, ..newest },
                _ if left_ms > to_ms + block_ms => newest,
                _ => Wish { before_ms: to_ms + block_ms, ..newest },
            });
        }
        let is_far = from_ms > wanted_to + block_ms;
        let before_ms = if is_far { wanted_to } else { from_ms };
        (self.has_older && from_ms > wanted_from).then_some(Wish { before_ms, limit: BLOCK })
    }

    /// Takes an answer to `wish`. One that does not touch what is here takes its place.
    pub fn insert(&mut self, wish: Wish, block: Block<T>, sight: Sight) {
        let Block { from_ms, to_ms, has_older, mut rows } = block;
        // What the box has not kept yet may still come; what is older than that never will.
        let to_ms = if wish.before_ms < sight.end_ms { wish.before_ms } else { to_ms.min(wish.before_ms) };
        let from_ms = from_ms.min(to_ms);
        if !has_older {
            self.begins_ms = Some(from_ms);
        }
        match self.covered {
            Some((old_from, old_to)) if from_ms <= old_to && to_ms >= old_from => {
                let before = self.rows.partition_point(|row| row.at_ms() < from_ms);
                let after = self.rows.partition_point(|row| row.at_ms() < to_ms);
                self.rows.splice(before..after, rows);
                self.has_older = if from_ms <= old_from { has_older } else { self.has_older };
                self.covered = Some((from_ms.min(old_from), to_ms.max(old_to)));
            }
            _ => {
                std::mem::swap(&mut self.rows, &mut rows);
                (self.covered, self.has_older) = (Some((from_ms, to_ms)), has_older);
            }
        }
        self.trim(sight);
    }

    fn trim(&mut self, sight: Sight) {
        let excess = self.rows.len().saturating_sub(ROWS_MAX);
        let (Some((from_ms, to_ms)), 1..) = (self.covered, excess) else { return };
        let middle_ms = sight.left_ms.midpoint(sight.right_ms);
        if to_ms - middle_ms > middle_ms - from_ms {
            self.rows.truncate(ROWS_MAX);
            let end_ms = self.rows.last().map_or(to_ms, |row| row.at_ms() + sight.step_ms);
            self.covered = Some((from_ms, end_ms));
        } else {
            self.rows.drain(..excess);
            self.covered = Some((self.rows.first().map_or(from_ms, Timed::at_ms), to_ms));
            self.has_older = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Timed for i64 {
        fn at_ms(&self) -> i64 {
            *self
        }
    }

    /// A box with rows at 1 000 000, 1 000 001, .. below `end`.
    fn answer(wish: Wish, end: i64) -> Block<i64> {
        let first = 1_000_000;
        let to = wish.before_ms.min(end);
        let from = (to - wish.limit).max(first);
        Block { from_ms: from, to_ms: to, has_older: from > first, rows: (from..to).collect() }
    }

    fn sight(left: i64, right: i64) -> Sight {
        Sight { left_ms: left, right_ms: right, need_ms: 1_498_500, end_ms: 1_500_000, step_ms: 1 }
    }

    /// Asks until nothing is wished any more; gives how often.
    #[track_caller]
    fn settle(ring: &mut Ring<i64>, sight: Sight) -> usize {
        for asked in 0..30 {
            let Some(wish) = ring.wish(sight) else {
                assert!(ring.rows().windows(2).all(|pair| pair[1] == pair[0] + 1), "no hole, nothing twice");
                assert!(ring.rows().len() <= ROWS_MAX);
                return asked;
            };
            assert!(wish.limit > 0 && wish.limit <= BLOCK && wish.before_ms <= sight.end_ms, "{wish:?}");
            ring.insert(wish, answer(wish, sight.end_ms), sight);
        }
        panic!("it never has enough: {:?}", ring.wish(sight));
    }

    #[test]
    fn the_past_is_there_before_it_is_seen() {
        let mut ring = Ring::default();
        assert_eq!(settle(&mut ring, sight(1_499_800, 1_500_030)), 1);
        let mut left = 1_499_800;
        while left > 1_490_000 {
            left -= 150;
            settle(&mut ring, sight(left, left + 230));
            assert!(ring.covered().is_some_and(|(from, _)| from <= left - MARGIN_MIN), "seen at {left}");
        }
    }

    #[test]
    fn a_long_way_back_stays_bounded_and_the_way_home_is_found() {
        let mut ring = Ring::default();
        let back: Vec<i64> = (1_000_000..1_496_000).rev().step_by(1_300).collect();
        for &left in back.iter().chain(back.iter().rev()) {
            settle(&mut ring, sight(left, left + 2_000));
            let seen = ring.between(left, (left + 2_000).min(1_498_500));
            assert_eq!(seen.len() as i64, (left + 2_000).min(1_498_500) - left, "at {left}");
        }
        assert_eq!(ring.begins_ms(), Some(1_000_000));
    }

    #[test]
    fn a_leap_asks_for_where_it_leads_and_not_for_all_between() {
        let mut ring = Ring::default();
        settle(&mut ring, sight(1_499_000, 1_500_000));
        assert!(settle(&mut ring, sight(1_100_000, 1_101_000)) <= 3);
        assert_eq!(ring.between(1_100_000, 1_101_000).len(), 1_000);
        assert!(settle(&mut ring, sight(1_499_000, 1_500_000)) <= 3);
        assert!(ring.rows().last() >= Some(&1_498_499));
    }

    #[test]
    fn the_newest_rows_are_asked_for_alone_and_once_they_are_kept() {
        let mut ring = Ring::default();
        let before = Sight { need_ms: 1_500_000, ..sight(1_499_000, 1_500_010) };
        settle(&mut ring, before);
        let after = Sight { need_ms: 1_500_003, end_ms: 1_500_003, ..before };
        let wish = ring.wish(after);
        assert_eq!(wish, Some(Wish { before_ms: 1_500_003, limit: 3 }));
        // The box has kept one of the three.
        ring.insert(wish.unwrap(), answer(wish.unwrap(), 1_500_001), after);
        assert_eq!(ring.wish(after), Some(Wish { before_ms: 1_500_003, limit: 2 }));
    }

    #[test]
    fn where_nothing_is_nothing_is_asked_for_again() {
        let mut ring = Ring::<i64>::default();
        let all = sight(1_400_000, 1_400_100);
        let wish = ring.wish(all).unwrap();
        ring.insert(
            wish,
            Block { from_ms: wish.before_ms, to_ms: wish.before_ms, has_older: false, rows: Vec::new() },
            all,
        );
        assert_eq!(ring.wish(all), None);
        // An answer that stops short, in the middle of the past: there was a gap.
        let mut ring = Ring::<i64>::default();
        ring.insert(
            wish,
            Block { from_ms: 1_399_000, to_ms: 1_399_500, has_older: true, rows: (1_399_000..1_399_500).collect() },
            all,
        );
        assert_eq!(ring.covered(), Some((1_399_000, wish.before_ms)));
    }
}
