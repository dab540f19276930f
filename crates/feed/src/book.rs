//! The venue-depth book of one instrument.

use std::collections::BTreeMap;

use types::market::StaleReason;
use types::{Level, Price, Qty};

/// All known levels of both sides, and how far they can be trusted.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) bids: Ladder,
    pub(crate) asks: Ladder,
}

/// What a message did to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The book was built anew and holds.
    Rebuilt,
    /// The book was changed and holds.
    Held,
    /// The book was changed, holds by the venue's proof, but best bid and best ask cross: not to be shown.
    Crossed,
    /// The message was kept until a snapshot comes, or waits for one.
    Waiting,
    /// The message was old or doubled.
    Old,
    /// A snapshot that does not reach the updates kept: another one is needed.
    SnapshotTooOld,
    /// The book does not hold and was dropped.
    Broken(StaleReason),
}

impl Book {
    pub(crate) const fn new() -> Self {
        Self { bids: Ladder::new(Direction::Bids), asks: Ladder::new(Direction::Asks) }
    }

    pub(crate) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Best bid at or above best ask.
    pub(crate) fn is_crossed(&self) -> bool {
        match (self.bids.best(), self.asks.best()) {
            (Some(bid), Some(ask)) => bid.price >= ask.price,
            _ => false,
        }
    }

    /// Forgets all but the best `depth` levels of each side.
    pub(crate) fn cut(&mut self, depth: usize) {
        self.bids.cut(depth);
        self.asks.cut(depth);
    }

    /// Fewer than `depth` levels of a side are trusted, though the venue has more: the market has moved to the edge of
    /// the last snapshot.
    pub(crate) fn is_shallow(&self, depth: usize) -> bool {
        let is_shallow = |ladder: &Ladder| ladder.trusted_to.is_some() && ladder.trusted().take(depth).count() < depth;
        is_shallow(&self.bids) || is_shallow(&self.asks)
    }

    /// True when the trusted best `depth` levels of both books are the same.
    pub(crate) fn agrees(&self, other: &Self, depth: usize) -> bool {
        self.bids.trusted().take(depth).eq(other.bids.trusted().take(depth))
            && self.asks.trusted().take(depth).eq(other.asks.trusted().take(depth))
    }
}

/// Which way a ladder gets better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// The highest price is best.
    Bids,
    /// The lowest price is best.
    Asks,
}

/// Levels that stand in the vector of the best ones, at most; half of them are moved when there are more.
const NEAR_MAX: usize = 64;
/// Levels of a side that are kept at most; the worst goes first. Real books have some ten thousand.
const LEVELS_MAX: usize = 1 << 16;
/// When fewer are left in the vector, it is filled up again.
const NEAR_MIN: usize = 8;

/// One side of a book.
///
/// The best levels stand in a vector, worst first and best last: markets move at their best prices, so nearly every
/// insertion and removal shifts only the few levels behind it. The others stand in a map: thousands of levels far away
/// come and go too, and shifting all that is better for each of them would be most of the work.
///
/// Every level in the vector is better than every level in the map, and the vector is empty only with the map.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    direction: Direction,
    near: Vec<Level>,
    /// By rank.
    far: BTreeMap<i64, Level>,
    /// Nothing complete is known about prices worse than this one.
    trusted_to: Option<Price>,
}

impl Ladder {
    const fn new(direction: Direction) -> Self {
        Self { direction, near: Vec::new(), far: BTreeMap::new(), trusted_to: None }
    }

    fn clear(&mut self) {
        self.near.clear();
        self.far.clear();
        self.trusted_to = None;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.near.is_empty()
    }

    fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    pub(crate) fn best(&self) -> Option<Level> {
        self.near.last().copied()
    }

    /// All levels, best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        self.near.iter().rev().copied().chain(self.far.values().rev().copied())
    }

    /// The levels that are completely known, best first.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = Level> + '_ {
        self.iter().take_while(|level| self.trusted_to.is_none_or(|limit| !self.is_worse(level.price, limit)))
    }

    /// Sets the whole quantity at a price; zero removes the level, also an absent one. Gives the quantity that was there.
    pub(crate) fn set(&mut self, price: Price, qty: Qty) -> Qty {
        let worst_near = self.near.first().filter(|_| !self.far.is_empty());
        if worst_near.is_some_and(|worst| self.is_worse(price, worst.price)) {
            self.set_far(price, qty)
        } else {
            self.set_near(price, qty)
        }
    }

    fn set_far(&mut self, price: Price, qty: Qty) -> Qty {
        let key = rank(self.direction, price);
        let before = if qty.is_zero() {
            self.far.remove(&key)
        } else {
            let before = self.far.insert(key, Level { price, qty });
            if self.far.len() > LEVELS_MAX {
                self.far.pop_first();
                // What is forgotten is not known any more.
                let worst = self.far.first_key_value().map(|(_, level)| level.price);
                self.trusted_to =
                    [self.trusted_to, worst].into_iter().flatten().max_by_key(|price| rank(self.direction, *price));
            }
            before
        };
        before.map_or(Qty::ZERO, |level| level.qty)
    }

    fn set_near(&mut self, price: Price, qty: Qty) -> Qty {
        let at = self.position(price);
        let present = self.near.get_mut(at).filter(|level| level.price == price);
        match (present, qty.is_zero()) {
            (Some(_), true) => {
                let before = self.near.remove(at).qty;
                self.fill_up();
                before
            }
            (Some(level), false) => std::mem::replace(&mut level.qty, qty),
            (None, true) => Qty::ZERO,
            (None, false) => {
                self.near.insert(at, Level { price, qty });
                self.move_surplus();
                Qty::ZERO
            }
        }
    }

    /// Moves the worse half of a vector that is full to the map.
    fn move_surplus(&mut self) {
        if self.near.len() > NEAR_MAX {
            let direction = self.direction;
            let surplus = self.near.drain(..NEAR_MAX / 2);
            self.far.extend(surplus.map(|level| (rank(direction, level.price), level)));
        }
    }

    /// Moves the best of the map to a vector that runs out.
    fn fill_up(&mut self) {
        if self.near.len() < NEAR_MIN && !self.far.is_empty() {
            let better = std::mem::take(&mut self.near);
            let moved = std::iter::from_fn(|| self.far.pop_last().map(|(_, level)| level));
            self.near.extend(moved.take(NEAR_MAX / 2));
            self.near.reverse();
            self.near.extend(better);
        }
    }

    /// Replaces everything by the levels of a snapshot in any order. Of a doubled price the last one counts.
    /// `is_partial`: the venue knows more levels, beyond the worst one here.
    pub(crate) fn load(&mut self, levels: &[Level], is_partial: bool) {
        self.clear();
        let direction = self.direction;
        self.far.extend(levels.iter().map(|level| (rank(direction, level.price), *level)));
        self.trusted_to = self.far.values().next().filter(|_| is_partial).map(|level| level.price);
        self.far.retain(|_, level| !level.qty.is_zero());
        self.fill_up();
    }

    fn cut(&mut self, depth: usize) {
        while self.len() > depth && self.far.pop_first().is_some() {}
        if let Some(surplus) = self.near.len().checked_sub(depth) {
            self.near.drain(..surplus);
        }
    }

    /// Where the price stands in the vector, or would stand. Looks from the best one on: that is where markets move.
    fn position(&self, price: Price) -> usize {
        let wanted = rank(self.direction, price);
        let worse = self.near.iter().rposition(|level| rank(self.direction, level.price) < wanted);
        worse.map_or(0, |at| at + 1)
    }

    fn is_worse(&self, price: Price, than: Price) -> bool {
        rank(self.direction, price) < rank(self.direction, than)
    }
}

/// Grows with the quality of a price on its side.
fn rank(direction: Direction, price: Price) -> i64 {
    match direction {
        Direction::Bids => price.mantissa(),
        Direction::Asks => -price.mantissa(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(mantissa: i64) -> Price {
        Price::new(mantissa).expect("positive")
    }

    fn level(mantissa: i64, qty: u64) -> Level {
        Level { price: price(mantissa), qty: Qty(qty) }
    }

    #[test]
    fn a_snapshot_is_taken_in_any_order_and_the_last_of_a_doubled_price_counts() {
        let mut book = Book::new();
        book.bids.load(&[level(1, 1), level(3, 3), level(2, 9), level(2, 2), level(4, 0)], false);
        assert_eq!(book.bids.iter().collect::<Vec<_>>(), [level(3, 3), level(2, 2), level(1, 1)]);
        book.asks.load(&[level(9, 1), level(7, 3), level(8, 2), level(8, 0)], true);
        assert_eq!(book.asks.iter().collect::<Vec<_>>(), [level(7, 3), level(9, 1)]);
    }

    #[test]
    fn levels_beyond_a_partial_snapshot_are_kept_but_not_trusted() {
        let mut book = Book::new();
        book.bids.load(&[level(5, 1), level(4, 1)], true);
        book.bids.set(price(3), Qty(1));
        book.bids.set(price(6), Qty(1));
        assert_eq!(book.bids.len(), 4);
        assert_eq!(book.bids.trusted().map(|l| l.price.mantissa()).collect::<Vec<_>>(), [6, 5, 4]);
    }

    #[test]
    fn a_flood_of_levels_is_bounded_and_what_was_forgotten_is_not_trusted() {
        let mut book = Book::new();
        let most = (LEVELS_MAX + NEAR_MAX) as i64;
        for n in 0..most + 100 {
            book.asks.set(price(1 + n), Qty(1));
        }
        assert!(book.asks.len() <= most as usize);
        assert_eq!(book.asks.best(), Some(level(1, 1)));
        let forgotten = price(most + 100);
        book.asks.set(forgotten, Qty(1));
        assert!(book.asks.trusted().all(|level| level.price < forgotten));
    }

    #[test]
    fn crossing_is_at_or_above() {
        let mut book = Book::new();
        book.bids.set(price(5), Qty(1));
        assert!(!book.is_crossed());
        book.asks.set(price(6), Qty(1));
        assert!(!book.is_crossed());
        book.asks.set(price(5), Qty(1));
        assert!(book.is_crossed());
    }

    proptest! {
        #[test]
        fn a_ladder_is_a_sorted_map(
            start in prop::collection::vec((1i64..400, 0u64..5), 0..300),
            steps in prop::collection::vec(
                (1i64..400, 0u64..3, prop::option::weighted(0.1, 0usize..200)),
                0..400,
            ),
        ) {
            let mut book = Book::new();
            let levels: Vec<Level> = start.iter().map(|&(p, q)| level(p, q)).collect();
            book.bids.load(&levels, false);
            book.asks.load(&levels, false);
            let mut naive: BTreeMap<i64, u64> = start.iter().copied().collect();
            naive.retain(|_, qty| *qty > 0);
            let (mut naive_bids, mut naive_asks) = (naive.clone(), naive);
            for (p, q, cut) in steps {
                let before = [book.bids.set(price(p), Qty(q)), book.asks.set(price(p), Qty(q))];
                for (side, before) in [&mut naive_bids, &mut naive_asks].into_iter().zip(before) {
                    let expected = if q == 0 { side.remove(&p) } else { side.insert(p, q) };
                    prop_assert_eq!(before, Qty(expected.unwrap_or(0)));
                }
                if let Some(depth) = cut {
                    book.cut(depth);
                    while naive_bids.len() > depth { naive_bids.pop_first(); }
                    while naive_asks.len() > depth { naive_asks.pop_last(); }
                }
                let bids: Vec<_> = naive_bids.iter().rev().map(|(p, q)| level(*p, *q)).collect();
                let asks: Vec<_> = naive_asks.iter().map(|(p, q)| level(*p, *q)).collect();
                prop_assert_eq!((book.bids.len(), book.bids.best()), (bids.len(), bids.first().copied()));
                prop_assert_eq!(book.bids.iter().collect::<Vec<_>>(), bids);
                prop_assert_eq!(book.asks.iter().collect::<Vec<_>>(), asks);
            }
        }
    }
}
