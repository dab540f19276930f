//! The venue-depth book of one instrument.

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

/// One side of a book.
///
/// The levels stand in one vector, worst first and best last: markets move at their best prices, so nearly every
/// insertion and removal shifts only the few levels behind it.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    direction: Direction,
    levels: Vec<Level>,
    /// Nothing complete is known about prices worse than this one.
    trusted_to: Option<Price>,
}

impl Ladder {
    const fn new(direction: Direction) -> Self {
        Self { direction, levels: Vec::new(), trusted_to: None }
    }

    fn clear(&mut self) {
        self.levels.clear();
        self.trusted_to = None;
    }

    pub(crate) fn len(&self) -> usize {
        self.levels.len()
    }

    pub(crate) fn best(&self) -> Option<Level> {
        self.levels.last().copied()
    }

    /// All levels, best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        self.levels.iter().rev().copied()
    }

    /// The levels that are completely known, best first.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = Level> + '_ {
        self.iter().take_while(|level| self.trusted_to.is_none_or(|limit| !self.is_worse(level.price, limit)))
    }

    /// Sets the whole quantity at a price; zero removes the level, also an absent one.
    pub(crate) fn set(&mut self, price: Price, qty: Qty) {
        let at = self.position(price);
        let is_present = self.levels.get(at).is_some_and(|level| level.price == price);
        match (is_present, qty.is_zero()) {
            (true, true) => {
                self.levels.remove(at);
            }
            (true, false) => self.levels[at].qty = qty,
            (false, true) => {}
            (false, false) => self.levels.insert(at, Level { price, qty }),
        }
    }

    /// Replaces everything by the levels of a snapshot in any order. Of a doubled price the last one counts.
    /// `is_partial`: the venue knows more levels, beyond the worst one here.
    pub(crate) fn load(&mut self, levels: &[Level], is_partial: bool) {
        self.levels.clear();
        self.levels.extend_from_slice(levels);
        let direction = self.direction;
        // The sort is stable: levels of one price keep their order of arrival, and the dedup below keeps the last.
        self.levels.sort_by_key(|level| rank(direction, level.price));
        self.levels.reverse();
        self.levels.dedup_by_key(|level| level.price);
        self.levels.reverse();
        self.trusted_to = self.levels.first().filter(|_| is_partial).map(|level| level.price);
        self.levels.retain(|level| !level.qty.is_zero());
    }

    fn cut(&mut self, depth: usize) {
        if let Some(surplus) = self.levels.len().checked_sub(depth) {
            self.levels.drain(..surplus);
        }
    }

    /// Where the price stands, or would stand. Looks at the best few levels first: that is where markets move.
    fn position(&self, price: Price) -> usize {
        const NEAR: usize = 8;
        let rank_wanted = rank(self.direction, price);
        let far = self.levels.len().saturating_sub(NEAR);
        for (offset, level) in self.levels[far..].iter().enumerate().rev() {
            if rank(self.direction, level.price) < rank_wanted {
                return far + offset + 1;
            }
        }
        self.levels[..far].partition_point(|level| rank(self.direction, level.price) < rank_wanted)
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
    use std::collections::BTreeMap;

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
            start in prop::collection::vec((1i64..60, 0u64..5), 0..40),
            steps in prop::collection::vec((1i64..60, 0u64..5, prop::option::of(1usize..30)), 0..300),
        ) {
            let mut book = Book::new();
            let levels: Vec<Level> = start.iter().map(|&(p, q)| level(p, q)).collect();
            book.bids.load(&levels, false);
            book.asks.load(&levels, false);
            let mut naive: BTreeMap<i64, u64> = start.iter().copied().collect();
            naive.retain(|_, qty| *qty > 0);
            let (mut naive_bids, mut naive_asks) = (naive.clone(), naive);
            for (p, q, cut) in steps {
                book.bids.set(price(p), Qty(q));
                book.asks.set(price(p), Qty(q));
                for side in [&mut naive_bids, &mut naive_asks] {
                    if q == 0 { side.remove(&p); } else { side.insert(p, q); }
                }
                if let Some(depth) = cut {
                    book.cut(depth);
                    while naive_bids.len() > depth { naive_bids.pop_first(); }
                    while naive_asks.len() > depth { naive_asks.pop_last(); }
                }
                let bids: Vec<_> = naive_bids.iter().rev().map(|(p, q)| level(*p, *q)).collect();
                let asks: Vec<_> = naive_asks.iter().map(|(p, q)| level(*p, *q)).collect();
                prop_assert_eq!(book.bids.iter().collect::<Vec<_>>(), bids);
                prop_assert_eq!(book.asks.iter().collect::<Vec<_>>(), asks);
            }
        }
    }
}
