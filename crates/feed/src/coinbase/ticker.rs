//! What a product's ticker is good for beside being given out: an alarm for its book (protocol section 5, rule e).

use std::time::Duration;

use types::{Level, Price, Timestamp};

use crate::book::Book;
pub(crate) use crate::session::TickerPace;

/// How long the ticker and the book may differ.
const DIFFERS_FOR_MAX: Duration = Duration::from_secs(2);

/// Compares the best prices of the ticker with those of the book.
///
/// The ticker tells the best prices right after a trade, the book follows up to 50 ms later and may by then have gone on:
/// so one ticker that the book never agreed with says little, and is a reason to compare with REST. The alarm is a best
/// level that stands untouched while two tickers more than two seconds apart contradict it: levels that trades lead past
/// are not at rest. The first ticker of a subscription is as old as the last trade and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TickerCheck {
    was_heard: bool,
    differing: Option<Differing>,
    /// The best bid and the best ask that a ticker contradicted, and since when.
    contradicted: [Option<(Level, Timestamp)>; 2],
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
        if !std::mem::replace(&mut self.was_heard, true) {
            return false;
        }
        if best_of(book) == Some(best) {
            self.settle();
            return false;
        }
        self.differing.get_or_insert(Differing { best, since: at, is_told: false }).best = best;
        let mut is_alarm = false;
        for ((told, ours), contradicted) in [best.0, best.1].into_iter().zip(tops(book)).zip(&mut self.contradicted) {
            *contradicted = match (ours.filter(|ours| ours.price != told), *contradicted) {
                (Some(ours), Some((level, since))) if level == ours => Some((level, since)),
                (ours, _) => ours.map(|ours| (ours, at)),
            };
            is_alarm |= contradicted.is_some_and(|(_, since)| at.since(since) > DIFFERS_FOR_MAX);
        }
        is_alarm
    }

    /// The book changed.
    pub(crate) fn book_changed(&mut self, book: &Book) {
        if self.differing.is_some_and(|differing| best_of(book) == Some(differing.best)) {
            self.settle();
        }
        for (ours, contradicted) in tops(book).into_iter().zip(&mut self.contradicted) {
            contradicted.take_if(|(level, _)| ours != Some(*level));
        }
    }

    /// The book was found to be right, or begins anew.
    pub(crate) fn settle(&mut self) {
        self.differing = None;
        self.contradicted = [None; 2];
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

fn tops(book: &Book) -> [Option<Level>; 2] {
    [book.bids.best(), book.asks.best()]
}

fn best_of(book: &Book) -> Option<(Price, Price)> {
    let [bid, ask] = tops(book);
    Some((bid?.price, ask?.price))
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
    fn one_ticker_that_the_book_never_agrees_with_is_a_reason_to_doubt() {
        let old = book(10, 11);
        let mut check = TickerCheck::default();
        let best = |bid, ask| (price(bid), price(ask));
        assert!(!check.ticker(ms(0), best(1, 2), &old));
        assert_eq!(check.doubt_at(), None, "the first is as old as its trade");
        assert!(!check.ticker(ms(1_000), best(10, 12), &old));
        assert_eq!(check.doubt_at(), Some(ms(3_000)));
        check.book_changed(&book(10, 13));
        assert_eq!(check.doubt_at(), Some(ms(3_000)));
        check.told();
        assert_eq!(check.doubt_at(), None);
        check.book_changed(&book(10, 12));
        assert!(!check.ticker(ms(9_000), best(10, 16), &book(10, 12)));
        assert_eq!(check.doubt_at(), Some(ms(11_000)), "it agreed in between");
    }

    #[test]
    fn the_alarm_is_a_level_that_stands_while_two_tickers_contradict_it() {
        let best = |bid, ask| (price(bid), price(ask));
        let heard = || {
            let mut check = TickerCheck::default();
            assert!(!check.ticker(ms(0), best(1, 2), &book(10, 11)));
            check
        };
        let mut check = heard();
        assert!(!check.ticker(ms(1_000), best(10, 12), &book(10, 11)));
        check.book_changed(&book(9, 11));
        assert!(!check.ticker(ms(3_000), best(10, 14), &book(9, 11)), "two seconds are allowed");
        assert!(check.ticker(ms(3_001), best(9, 15), &book(9, 11)), "the ask stood all the time");

        let mut check = heard();
        assert!(!check.ticker(ms(1_000), best(10, 12), &book(10, 11)));
        check.book_changed(&book(10, 13));
        check.book_changed(&book(10, 11));
        assert!(!check.ticker(ms(9_000), best(10, 12), &book(10, 11)), "it moved in between");
        assert!(!check.ticker(ms(9_500), best(10, 11), &book(10, 11)));
        assert!(!check.ticker(ms(12_000), best(10, 12), &book(10, 11)), "it agreed in between");
        check.restart();
        assert!(!check.ticker(ms(20_000), best(10, 12), &book(10, 11)));
    }
}
