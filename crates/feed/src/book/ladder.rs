//! One side of a book.

use std::collections::BTreeMap;
use std::ops::Bound;

use types::{Level, Price, Qty};

use super::window::{Place, Window};

/// Levels of a side that are kept at most; the worst goes first. Real books have some ten thousand.
const LEVELS_MAX: usize = 1 << 16;
/// The window is laid anew when so many more levels were set outside of it than twice those there are.
const STRAYS_MAX: usize = 64;

/// Which way a ladder gets better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The highest price is best.
    Bids,
    /// The lowest price is best.
    Asks,
}

impl Direction {
    /// Grows with the quality of a price.
    fn rank(self, price: Price) -> i64 {
        match self {
            Self::Bids => price.mantissa(),
            Self::Asks => -price.mantissa(),
        }
    }
}

/// One side of a book.
///
/// The levels around the best one stand in a [`Window`], where setting one takes no search, however many there are: a
/// venue that sends its whole book changes thousands of levels, most of them far from the best. The few that lie outside
/// of the window stand in a map. When they have become too many, because the market has moved, the window is laid anew.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    direction: Direction,
    /// By rank, as far as it reaches.
    window: Window,
    /// By rank: those outside of the window.
    far: BTreeMap<i64, Qty>,
    /// How many of those are better than all of the window.
    better: usize,
    len: usize,
    /// Levels set outside of the window since it was laid.
    strays: usize,
    /// The rank below which nothing complete is known.
    trusted_to: Option<i64>,
}

impl Ladder {
    pub(super) const fn new(direction: Direction) -> Self {
        Self { direction, window: Window::new(), far: BTreeMap::new(), better: 0, len: 0, strays: 0, trusted_to: None }
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.far.clear();
        (self.better, self.len, self.strays) = (0, 0, 0);
        self.trusted_to = None;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The venue has more levels than are completely known here.
    pub(super) const fn is_partial(&self) -> bool {
        self.trusted_to.is_some()
    }

    /// The rank of the last level that is completely known; `None` while all are.
    pub(crate) const fn trusted_to(&self) -> Option<i64> {
        self.trusted_to
    }

    /// The quantity at a price as far as it is completely known: zero where no level is, `None` beyond what is trusted.
    pub(crate) fn trusted_at(&self, price: Price) -> Option<Qty> {
        let rank = self.direction.rank(price);
        if self.trusted_to.is_some_and(|limit| rank < limit) {
            return None;
        }
        Some(match self.window.place(rank) {
            Place::Tick(tick) => Qty(self.window.get(tick)),
            _ => self.far.get(&rank).copied().unwrap_or(Qty::ZERO),
        })
    }

    pub(crate) fn best(&self) -> Option<Level> {
        match self.window.below(None).next() {
            Some((tick, qty)) if self.better == 0 => Some(level((self.window.number(tick), Qty(qty)))),
            _ => self.far.last_key_value().map(|(rank, qty)| level((*rank, *qty))),
        }
    }

    /// The price of the best level.
    #[inline]
    pub(super) fn best_price(&self) -> Option<Price> {
        match self.window.highest() {
            Some(tick) if self.better == 0 => Some(price(self.window.number(tick))),
            _ => self.far.last_key_value().map(|(rank, _)| price(*rank)),
        }
    }

    /// All levels, best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        self.ranks().map(level)
    }

    /// The levels that are completely known, best first.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = Level> + '_ {
        let limit = self.trusted_to.unwrap_or(i64::MIN);
        self.ranks().take_while(move |(rank, _)| *rank >= limit).map(level)
    }

    /// The levels worse than a price, best first.
    pub(crate) fn behind(&self, price: Price) -> impl Iterator<Item = Level> + '_ {
        self.ranks_below(Some(self.direction.rank(price))).map(level)
    }

    fn ranks(&self) -> impl Iterator<Item = (i64, Qty)> + '_ {
        self.ranks_below(None)
    }

    fn ranks_below(&self, limit: Option<i64>) -> impl Iterator<Item = (i64, Qty)> + '_ {
        let first = self.window.first();
        let end = limit.map_or(Bound::Unbounded, |limit| Bound::Excluded(limit.max(first)));
        let worse_end = limit.map_or(first, |limit| limit.min(first));
        let far = |ranks: (Bound<i64>, Bound<i64>)| self.far.range(ranks).rev().map(|(rank, qty)| (*rank, *qty));
        let near = self.window.below(limit).map(|(tick, qty)| (self.window.number(tick), Qty(qty)));
        far((Bound::Included(first), end)).chain(near).chain(far((Bound::Unbounded, Bound::Excluded(worse_end))))
    }

    /// Sets the whole quantity at a price; zero removes the level, also an absent one. Gives the quantity that was there.
    #[inline]
    pub(crate) fn set(&mut self, price: Price, qty: Qty) -> Qty {
        let rank = self.direction.rank(price);
        let before = match self.window.place(rank) {
            Place::Tick(tick) => Qty(self.window.set(tick, qty.0)),
            place => self.set_far(rank, qty, place),
        };
        self.len = self.len + usize::from(!qty.is_zero()) - usize::from(!before.is_zero());
        if self.len > LEVELS_MAX {
            self.forget_worst();
        }
        before
    }

    /// Sets the quantity at a rank that is no tick of the window.
    #[inline(never)]
    fn set_far(&mut self, rank: i64, qty: Qty, place: Place) -> Qty {
        if qty.is_zero() {
            return self.remove_far(rank);
        }
        let before = self.far.insert(rank, qty);
        self.better += usize::from(before.is_none() && rank >= self.window.first());
        self.strays += 1;
        if place == Place::Between || self.strays > STRAYS_MAX + 2 * self.len {
            self.lay();
        }
        before.unwrap_or(Qty::ZERO)
    }

    fn remove_far(&mut self, rank: i64) -> Qty {
        let before = self.far.remove(&rank);
        self.better -= usize::from(before.is_some() && rank >= self.window.first());
        before.unwrap_or(Qty::ZERO)
    }

    /// Lays the window around the best level, with a step that all prices are multiples of.
    fn lay(&mut self) {
        let levels: Vec<(i64, Qty)> = self.ranks().collect();
        self.window.lay_for(levels.iter().map(|(rank, _)| *rank));
        self.far.clear();
        (self.better, self.strays) = (0, 0);
        for (rank, qty) in levels {
            match self.window.place(rank) {
                Place::Tick(tick) => drop(self.window.set(tick, qty.0)),
                _ => {
                    self.far.insert(rank, qty);
                    self.better += usize::from(rank >= self.window.first());
                }
            }
        }
    }

    /// Replaces everything by the levels of a snapshot in any order. Of a doubled price the last one counts.
    /// `is_partial`: the venue knows more levels, beyond the worst one here.
    pub(crate) fn load(&mut self, levels: &[Level], is_partial: bool) {
        self.clear();
        let ranks = levels.iter().map(|level| self.direction.rank(level.price));
        let worst = ranks.clone().min();
        self.window.lay_for(ranks);
        for level in levels {
            self.set(level.price, level.qty);
        }
        self.trusted_to = self.trusted_to.max(worst.filter(|_| is_partial));
    }

    /// Forgets all but the best `depth` levels.
    #[inline]
    pub(super) fn cut(&mut self, depth: usize) {
        while self.len > depth {
            self.remove_worst();
        }
    }

    fn remove_worst(&mut self) {
        let Some(rank) = self.worst_rank() else { return };
        match self.window.place(rank) {
            Place::Tick(tick) => drop(self.window.set(tick, 0)),
            _ => drop(self.remove_far(rank)),
        }
        self.len -= 1;
    }

    /// Makes room: what is forgotten is not known any more.
    #[cold]
    fn forget_worst(&mut self) {
        self.remove_worst();
        self.trusted_to = self.trusted_to.max(self.worst_rank());
    }

    fn worst_rank(&self) -> Option<i64> {
        let near = || self.window.lowest().map(|tick| self.window.number(tick));
        let far = || self.far.first_key_value().map(|(rank, _)| *rank);
        if self.far.len() > self.better { far() } else { near().or_else(far) }
    }
}

fn level((rank, qty): (i64, Qty)) -> Level {
    Level { price: price(rank), qty }
}

fn price(rank: i64) -> Price {
    Price::new(rank.abs()).expect("a rank is a price or its negative")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::book::Book;

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
        assert_eq!(book.bids.len, 4);
        assert_eq!(book.bids.trusted().map(|l| l.price.mantissa()).collect::<Vec<_>>(), [6, 5, 4]);
        let known = [7, 6, 4, 3].map(|at| book.bids.trusted_at(price(at)));
        assert_eq!(known, [Some(Qty(0)), Some(Qty(1)), Some(Qty(1)), None]);
    }

    #[test]
    fn a_flood_of_levels_is_bounded_and_what_was_forgotten_is_not_trusted() {
        for step in [1, 1 << 20] {
            let mut book = Book::new();
            let most = LEVELS_MAX as i64;
            for n in 0..most + 100 {
                book.asks.set(price(1 + n * step), Qty(1));
            }
            assert_eq!(book.asks.len, LEVELS_MAX);
            assert_eq!(book.asks.best(), Some(level(1, 1)));
            let forgotten = price(1 + (most + 100) * step);
            book.asks.set(forgotten, Qty(1));
            assert!(book.asks.trusted().all(|level| level.price < forgotten));
        }
    }

    #[test]
    fn a_market_that_moves_takes_the_window_along() {
        let mut ladder = Book::new().bids;
        let mut best = 6_183_763;
        ladder.load(&[level(best, 1)], false);
        let mut outside = 0;
        for _ in 0..10_000 {
            best += 100;
            ladder.set(price(best), Qty(1));
            ladder.set(price(best - 2_000), Qty(0));
            outside += usize::from(ladder.better > 0);
        }
        assert_eq!((ladder.best(), ladder.len), (Some(level(best, 1)), 20));
        assert!(outside < 2_000, "{outside} of 10 000 times the best level lay outside");
    }

    /// Prices of all sizes: in one window, in none, between its ticks.
    fn prices() -> impl Strategy<Value = i64> {
        (0usize..6, 1i64..60).prop_map(|(size, n)| n * [1, 1, 7, 1_000, 1 << 21, 1 << 45][size])
    }

    proptest! {
        #[test]
        fn a_ladder_is_a_sorted_map(
            start in prop::collection::vec((prices(), 0u64..5), 0..300),
            steps in prop::collection::vec((prices(), 0u64..3, prop::option::weighted(0.1, 0usize..100)), 0..600),
        ) {
            let mut book = Book::new();
            let levels: Vec<Level> = start.iter().map(|&(p, q)| level(p, q)).collect();
            book.bids.load(&levels, false);
            book.asks.load(&levels, false);
            let mut naive: BTreeMap<i64, u64> = start.iter().copied().collect();
            naive.retain(|_, qty| *qty > 0);
            let (mut naive_bids, mut naive_asks) = (naive.clone(), naive);
            for (p, q, cut) in steps {
                for (side, ladder) in [(&mut naive_bids, &mut book.bids), (&mut naive_asks, &mut book.asks)] {
                    let before = if q == 0 { side.remove(&p) } else { side.insert(p, q) };
                    prop_assert_eq!(ladder.set(price(p), Qty(q)), Qty(before.unwrap_or(0)));
                    prop_assert_eq!(ladder.trusted_at(price(p)), Some(Qty(q)));
                }
                if let Some(depth) = cut {
                    book.cut(depth);
                    while naive_bids.len() > depth { naive_bids.pop_first(); }
                    while naive_asks.len() > depth { naive_asks.pop_last(); }
                }
                let bids: Vec<_> = naive_bids.iter().rev().map(|(p, q)| level(*p, *q)).collect();
                let asks: Vec<_> = naive_asks.iter().map(|(p, q)| level(*p, *q)).collect();
                for (ladder, naive) in [(&book.bids, bids), (&book.asks, asks)] {
                    prop_assert_eq!((ladder.len, ladder.best()), (naive.len(), naive.first().copied()));
                    prop_assert_eq!(ladder.best_price(), naive.first().map(|level| level.price));
                    prop_assert_eq!(ladder.iter().collect::<Vec<_>>(), &naive[..]);
                    let rank = ladder.direction.rank(price(p));
                    let behind = naive.into_iter().filter(|level| ladder.direction.rank(level.price) < rank);
                    prop_assert!(ladder.behind(price(p)).eq(behind));
                }
            }
        }
    }
}
