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

    /// True when the trusted best `depth` levels of both books are the same.
    pub(crate) fn agrees(&self, other: &Self, depth: usize) -> bool {
        self.bids.trusted().take(depth).eq(other.bids.trusted().take(depth))
            && self.asks.trusted().take(depth).eq(other.asks.trusted().take(depth))
    }
}

#[cfg(test)]
mod tests {
    use types::{Price, Qty};

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
}
