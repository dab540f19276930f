//! What a product's ticker is good for beside being given out: an alarm for its book (protocol section 5, rule e).

use std::time::Duration;

use types::{Price, Timestamp};

use crate::book::Book;
pub(crate) use crate::session::TickerPace;

/// How long the ticker and the book may differ.
const DIFFERS_FOR_MAX: Duration = Duration::from_secs(2);

/// Compares the best prices of the ticker with those of the book.
///
/// The ticker tells the best prices right after a trade, the book follows up to 50 ms later and may by then have gone on:
/// so one ticker that the book never agreed with says little, and is a reason to compare with REST. The alarm is a
/// second one more than two seconds later, without a moment of agreement in between. The first ticker of a subscription
/// is as old as the last trade and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TickerCheck {
    was_heard: bool,
    differing: Option<Differing>,
}

#[derive(Clone, Copy, Debug)]
struct Differing {
    best: (Price, Price),
    since: Timestamp,
    is_told: bool,
}

impl TickerCheck {
    /// Takes a ticker with the best bid and ask. True for an alarm: the book is wrong.
    pub(crate) fn ticker(&mut self, at: Timestamp, best: (Price, Price), book: &Book) -> bool {
        if !std::mem::replace(&mut self.was_heard, true) || best_of(book) == Some(best) {
            self.differing = None;
            return false;
        }
        let differing = self.differing.get_or_insert(Differing { best, since: at, is_told: false });
        differing.best = best;
        at.since(differing.since) > DIFFERS_FOR_MAX
    }

    /// The book changed.
    pub(crate) fn book_changed(&mut self, book: &Book) {
        if self.differing.is_some_and(|differing| best_of(book) == Some(differing.best)) {
            self.differing = None;
        }
    }

    /// The book was found to be right, or begins anew.
    pub(crate) fn settle(&mut self) {
        self.differing = None;
    }

    /// The ticker was subscribed anew.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// When the book is to be compared because of the ticker.
    pub(crate) fn doubt_at(&self) -> Option<Timestamp> {
        self.differing.filter(|differing| !differing.is_told).map(|differing| differing.since.plus(DIFFERS_FOR_MAX))
    }

    /// The comparison was arranged.
    pub(crate) fn told(&mut self) {
        if let Some(differing) = &mut self.differing {
            differing.is_told = true;
        }
    }
}

fn best_of(book: &Book) -> Option<(Price, Price)> {
    Some((book.bids.best()?.price, book.asks.best()?.price))
}

#[cfg(test)]
mod tests {
    use types::Qty;

    use super::*;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn price(mantissa: i64) -> Price {
        Price::new(mantissa).expect("positive")
    }

    fn book(bid: i64, ask: i64) -> Book {
        let mut book = Book::new();
        book.bids.set(price(bid), Qty(1));
        book.asks.set(price(ask), Qty(1));
        book
    }

    #[test]
    fn the_alarm_needs_two_tickers_and_no_agreement_between_them() {
        let old = book(10, 11);
        let mut check = TickerCheck::default();
        let best = |bid, ask| (price(bid), price(ask));
        assert!(!check.ticker(ms(0), best(1, 2), &old));
        assert_eq!(check.doubt_at(), None, "the first is as old as its trade");
        assert!(!check.ticker(ms(1_000), best(10, 12), &old));
        assert_eq!(check.doubt_at(), Some(ms(3_000)));
        check.book_changed(&book(10, 13));
        assert!(!check.ticker(ms(3_000), best(10, 14), &old), "two seconds are allowed");
        assert_eq!(check.doubt_at(), Some(ms(3_000)));
        check.told();
        assert_eq!(check.doubt_at(), None);
        assert!(check.ticker(ms(3_001), best(10, 15), &old));
        check.book_changed(&book(10, 15));
        assert!(!check.ticker(ms(9_000), best(10, 16), &old), "it agreed in between");
        assert!(!check.ticker(ms(12_000), best(10, 11), &old));
        assert!(!check.ticker(ms(15_000), best(10, 12), &old));
        check.restart();
        assert!(!check.ticker(ms(20_000), best(10, 12), &old));
    }
}
