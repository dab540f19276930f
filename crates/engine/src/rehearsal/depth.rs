//! A book that changes level by level.

use types::{Level, Side, Timestamp};

use crate::book::{Displayed, LEVELS_MAX, check_crossing, check_levels};
use crate::rejection::Rejection;

/// Most levels of a side.
const DEPTH_MAX: usize = 1 << 16;
/// Room made before the best level when there is none left, levels.
const ROOM: usize = 256;

/// A book of any depth, of which the best [`LEVELS_MAX`] levels a side are displayed: what the book of the box would show that was
/// told all of it after each change.
#[derive(Clone, Debug)]
pub(super) struct Depth {
    bids: Rungs,
    asks: Rungs,
    holds: bool,
}

impl Depth {
    pub(super) const fn new() -> Self {
        Self { bids: Rungs::new(Side::Buy), asks: Rungs::new(Side::Sell), holds: false }
    }

    /// Takes other levels instead of all there were, best first. If they are no book it does not hold any more, and the levels
    /// before stay.
    pub(super) fn replace(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), Rejection> {
        let checked = check_levels(bids, asks, DEPTH_MAX);
        self.holds = checked.is_ok();
        if self.holds {
            self.bids.load(bids);
            self.asks.load(asks);
        }
        checked
    }

    /// Sets the whole quantities at some prices, in order; zero removes a level. Leaves a book aside that does not hold.
    pub(super) fn change(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), Rejection> {
        if !self.holds {
            return Ok(());
        }
        bids.iter().for_each(|level| self.bids.set(*level));
        asks.iter().for_each(|level| self.asks.set(*level));
        let is_too_deep = self.bids.levels().len() > DEPTH_MAX || self.asks.levels().len() > DEPTH_MAX;
        let checked = check_crossing(self.bids.levels(), self.asks.levels());
        let checked = if is_too_deep { Err(Rejection::BookTooDeep) } else { checked };
        self.holds = checked.is_ok();
        checked
    }

    /// It does not hold until other levels replace it.
    pub(super) const fn mark_stale(&mut self) {
        self.holds = false;
    }
}

impl Displayed for Depth {
    fn bids(&self) -> &[Level] {
        self.bids.displayed()
    }

    fn asks(&self) -> &[Level] {
        self.asks.displayed()
    }

    fn is_proven(&self) -> bool {
        self.holds
    }

    /// Unknown: a recording's own clock counts.
    fn venue_at(&self) -> Option<Timestamp> {
        None
    }
}

/// One side, best level first in one piece. Nearly all that changes lies close to the best level, so there is room before it: what
/// has to move is the shorter part of the side.
#[derive(Clone, Debug)]
struct Rungs {
    side: Side,
    /// Anything, then the levels.
    room: Vec<Level>,
    /// Where the levels begin.
    first: usize,
}

impl Rungs {
    const fn new(side: Side) -> Self {
        Self { side, room: Vec::new(), first: 0 }
    }

    fn levels(&self) -> &[Level] {
        &self.room[self.first..]
    }

    fn displayed(&self) -> &[Level] {
        let levels = self.levels();
        &levels[..levels.len().min(LEVELS_MAX)]
    }

    fn load(&mut self, levels: &[Level]) {
        self.room.clear();
        self.room.extend_from_slice(levels);
        self.first = 0;
    }

    fn set(&mut self, level: Level) {
        let place = match self.side {
            Side::Buy => self.levels().binary_search_by(|known| level.price.cmp(&known.price)),
            Side::Sell => self.levels().binary_search_by(|known| known.price.cmp(&level.price)),
        };
        match place {
            Ok(index) if level.qty.is_zero() => self.remove(index),
            Ok(index) => self.room[self.first + index].qty = level.qty,
            Err(_) if level.qty.is_zero() => {}
            Err(index) => self.insert(index, level),
        }
    }

    fn insert(&mut self, index: usize, level: Level) {
        if index > self.levels().len() / 2 {
            return self.room.insert(self.first + index, level);
        }
        if self.first == 0 {
            self.room.splice(..0, core::iter::repeat_n(level, ROOM));
            self.first = ROOM;
        }
        self.room.copy_within(self.first..self.first + index, self.first - 1);
        self.first -= 1;
        self.room[self.first + index] = level;
    }

    fn remove(&mut self, index: usize) {
        if index > self.levels().len() / 2 {
            self.room.remove(self.first + index);
        } else {
            self.room.copy_within(self.first..self.first + index, self.first + 1);
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use types::{Price, Qty};

    use super::*;

    fn level(price: i64, qty: u64) -> Level {
        Level { price: Price::new(price).expect("positive"), qty: Qty(qty) }
    }

    proptest! {
        #[test]
        fn a_side_is_a_sorted_map(
            start in prop::collection::btree_map(1i64..400, 1u64..9, 0..40),
            steps in prop::collection::vec((1i64..400, 0u64..4), 0..900),
        ) {
            for side in [Side::Buy, Side::Sell] {
                let mut naive = start.clone();
                let sorted = |naive: &BTreeMap<i64, u64>| {
                    let mut levels: Vec<Level> = naive.iter().map(|(price, qty)| level(*price, *qty)).collect();
                    if side == Side::Buy {
                        levels.reverse();
                    }
                    levels
                };
                let mut rungs = Rungs::new(side);
                rungs.load(&sorted(&naive));
                for (price, qty) in &steps {
                    rungs.set(level(*price, *qty));
                    if *qty == 0 { naive.remove(price) } else { naive.insert(*price, *qty) };
                    prop_assert_eq!(rungs.levels(), sorted(&naive));
                }
            }
        }
    }

    #[test]
    fn the_best_thousand_levels_are_displayed_and_the_next_one_moves_up() {
        let asks: Vec<Level> = (1..=1_500).map(|price| level(price, 1)).collect();
        let mut depth = Depth::new();
        depth.replace(&[], &asks).expect("a book");
        assert_eq!(depth.asks(), &asks[..LEVELS_MAX]);
        depth.change(&[], &[level(3, 0)]).expect("a book");
        assert_eq!((depth.asks().len(), depth.asks().last()), (LEVELS_MAX, Some(&level(1_001, 1))));
    }

    #[test]
    fn what_crosses_or_is_no_book_does_not_hold_until_another_is_told() {
        let mut depth = Depth::new();
        depth.change(&[level(99, 1)], &[]).expect("left aside");
        assert!(depth.bids().is_empty() && !depth.is_proven());
        depth.replace(&[level(99, 1)], &[level(101, 1)]).expect("a book");
        assert_eq!(depth.change(&[level(101, 2)], &[]), Err(Rejection::BookCrossed));
        depth.change(&[level(101, 0)], &[]).expect("left aside");
        assert!(!depth.is_proven());
        assert_eq!(depth.replace(&[level(98, 1), level(99, 1)], &[]), Err(Rejection::BookUnsorted));
        depth.replace(&[level(99, 1)], &[level(101, 1)]).expect("a book");
        assert!(depth.is_proven());
    }
}
