//! The venue-depth book of one instrument.

mod ladder;
mod window;

pub(crate) use ladder::Ladder;

use types::market::StaleReason;

use ladder::Direction;

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
        match (self.bids.best_price(), self.asks.best_price()) {
            (Some(bid), Some(ask)) => bid >= ask,
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
        let is_shallow = |ladder: &Ladder| ladder.is_partial() && ladder.trusted().take(depth).count() < depth;
        is_shallow(&self.bids) || is_shallow(&self.asks)
    }

    /// No level of a side is trusted, though the venue has some.
    pub(crate) fn is_used_up(&self) -> bool {
        self.is_shallow(1)
    }

    /// True when the best `depth` levels of both books are the same, as far as both are trusted.
    pub(crate) fn agrees(&self, other: &Self, depth: usize) -> bool {
        let agree = |ours: &Ladder, theirs: &Ladder| {
            let (mut mine, mut other) = (ours.trusted().take(depth), theirs.trusted().take(depth));
            loop {
                match (mine.next(), other.next()) {
                    (None, None) => return true,
                    (Some(_), None) => return theirs.is_partial(),
                    (None, Some(_)) => return ours.is_partial(),
                    (Some(mine), Some(other)) if mine == other => {}
                    (Some(_), Some(_)) => return false,
                }
            }
        };
        agree(&self.bids, &other.bids) && agree(&self.asks, &other.asks)
    }
}

#[cfg(test)]
mod tests {
    use types::{Level, Price, Qty};

    use super::*;

    #[test]
    fn crossing_is_at_or_above() {
        let price = |mantissa| Price::new(mantissa).expect("positive");
        let mut book = Book::new();
        book.bids.set(price(5), Qty(1));
        assert!(!book.is_crossed());
        book.asks.set(price(6), Qty(1));
        assert!(!book.is_crossed());
        book.asks.set(price(5), Qty(1));
        assert!(book.is_crossed());
    }

    #[test]
    fn books_agree_as_far_as_both_are_trusted() {
        let book = |bids: &[(i64, u64)], is_partial| {
            let level =
                |(price, qty): &(i64, u64)| Level { price: Price::new(*price).expect("positive"), qty: Qty(*qty) };
            let mut book = Book::new();
            book.bids.load(&bids.iter().map(level).collect::<Vec<_>>(), is_partial);
            book
        };
        let whole = book(&[(9, 1), (8, 2), (7, 3)], false);
        let check = |other: &Book, depth, expected| {
            assert_eq!((whole.agrees(other, depth), other.agrees(&whole, depth)), (expected, expected), "{other:?}");
        };
        check(&whole, 9, true);
        check(&book(&[(9, 1), (8, 2)], true), 9, true);
        check(&book(&[(9, 1), (8, 2)], false), 9, false);
        check(&book(&[(9, 1), (8, 2)], false), 2, true);
        check(&book(&[(9, 1), (8, 5)], true), 9, false);
        let mut used_up = book(&[(9, 1), (8, 2)], true);
        for price in [9, 8] {
            used_up.bids.set(Price::new(price).expect("positive"), Qty(0));
        }
        assert!(used_up.is_used_up() && !whole.is_used_up());
        check(&used_up, 9, true);
    }
}
