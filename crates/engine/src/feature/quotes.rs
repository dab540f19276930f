//! How the best prices moved while a bar lasted.

use serde::{Deserialize, Serialize};
use types::{BookTop, Level};

/// What the best prices did during one bar, book by book. All values are finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quotes {
    /// Order-flow imbalance at the best prices (Cont, Kukanov and Stoikov 2014) over the mean quantity that stood there: above zero
    /// where bids were added or asks went.
    pub order_flow: f64,
    /// Mean spread over mid, basis points.
    pub spread_mean_bps: f64,
    /// Widest spread over mid, basis points.
    pub spread_max_bps: f64,
    /// Root of the sum of the squared changes of the mid's logarithm, basis points.
    pub mid_volatility_bps: f64,
    /// Books that were seen.
    pub books: u32,
}

/// Best prices and what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Best {
    bid: Level,
    ask: Level,
}

/// Follows the best prices of one instrument from one bar's end to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct QuoteWatch {
    last: Option<Best>,
    /// False from a break on until the bar is over: what happened meanwhile is not known.
    is_whole: bool,
    books: u32,
    flow: f64,
    depth: f64,
    spread: f64,
    widest: f64,
    squares: f64,
}

impl QuoteWatch {
    /// A book that holds.
    pub(crate) fn on_book(&mut self, book: &BookTop) {
        let (Some(bid), Some(ask)) = (book.bids.first(), book.asks.first()) else {
            return self.on_break();
        };
        let now = Best { bid: *bid, ask: *ask };
        let spread = now.spread_bps();
        self.books = self.books.saturating_add(1);
        self.spread += spread;
        self.widest = self.widest.max(spread);
        self.depth += (bid.qty.0 as f64 + ask.qty.0 as f64) / 2.0;
        if let Some(before) = self.last.replace(now) {
            self.flow += now.flow_since(&before);
            let change = libm::log(now.mid() / before.mid()) * 1e4;
            self.squares += change * change;
        }
    }

    /// The book does not hold any more.
    pub(crate) fn on_break(&mut self) {
        *self = Self::default();
    }

    /// The bar is over: what it saw, where it saw all of it.
    pub(crate) fn take(&mut self) -> Option<Quotes> {
        let whole =
            core::mem::replace(self, Self { last: self.last, is_whole: self.last.is_some(), ..Self::default() });
        if !whole.is_whole || whole.books == 0 {
            return None;
        }
        let books = f64::from(whole.books);
        let depth = whole.depth / books;
        Some(Quotes {
            order_flow: if depth > 0.0 { whole.flow / depth } else { 0.0 },
            spread_mean_bps: whole.spread / books,
            spread_max_bps: whole.widest,
            mid_volatility_bps: whole.squares.sqrt(),
            books: whole.books,
        })
    }
}

impl Best {
    fn mid(&self) -> f64 {
        (self.bid.price.mantissa() as f64 + self.ask.price.mantissa() as f64) / 2.0
    }

    fn spread_bps(&self) -> f64 {
        (self.ask.price.mantissa() as f64 - self.bid.price.mantissa() as f64) / self.mid() * 1e4
    }

    /// What was added to the bid and taken from the ask since the book before.
    fn flow_since(&self, before: &Self) -> f64 {
        let qty = |counts: bool, level: &Level| if counts { level.qty.0 as f64 } else { 0.0 };
        let (bid, was_bid, ask, was_ask) = (self.bid.price, before.bid.price, self.ask.price, before.ask.price);
        qty(bid >= was_bid, &self.bid) - qty(bid <= was_bid, &before.bid) - qty(ask <= was_ask, &self.ask)
            + qty(ask >= was_ask, &before.ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::market::Proof;
    use types::{InstrumentId, Price, Qty};

    fn book(bid: (i64, u64), ask: (i64, u64)) -> BookTop {
        let level = |(price, qty)| vec![Level { price: Price::new(price).unwrap(), qty: Qty(qty) }];
        BookTop {
            instrument: InstrumentId(0),
            bids: level(bid),
            asks: level(ask),
            proof: Proof::Sequence,
            venue_at: None,
        }
    }

    #[test]
    fn a_bar_that_was_heard_from_its_start_is_told() {
        let mut watch = QuoteWatch::default();
        watch.on_book(&book((9_999, 10), (10_001, 10)));
        assert_eq!(watch.take(), None, "the first bar was not heard from its start");
        // Five join the bid, the ask loses three, then the bid rises with 4, then the ask rises to 2.
        watch.on_book(&book((9_999, 15), (10_001, 10)));
        watch.on_book(&book((9_999, 15), (10_001, 7)));
        watch.on_book(&book((10_000, 4), (10_001, 7)));
        watch.on_book(&book((10_000, 4), (10_003, 2)));
        let quotes = watch.take().expect("whole");
        let depth = (12.5 + 11.0 + 5.5 + 3.0) / 4.0;
        assert!((quotes.order_flow - (5.0 + 3.0 + 4.0 + 7.0) / depth).abs() < 1e-12, "{quotes:?}");
        assert_eq!((quotes.books, quotes.spread_max_bps > 2.9), (4, true));
        assert!(quotes.spread_mean_bps > 1.9 && quotes.spread_mean_bps < quotes.spread_max_bps);
        let moves = [libm::log(10_000.5 / 10_000.0), libm::log(10_001.5 / 10_000.5)];
        let expected = (moves[0] * moves[0] + moves[1] * moves[1]).sqrt() * 1e4;
        assert!((quotes.mid_volatility_bps - expected).abs() < 1e-12);
        assert_eq!(watch.take(), None, "nothing was heard since");
    }

    #[test]
    fn a_break_makes_the_bar_unknown_and_the_next_one_that_begins_with_a_book_known() {
        let mut watch = QuoteWatch::default();
        watch.on_book(&book((1, 1), (2, 1)));
        watch.take();
        watch.on_book(&book((1, 1), (2, 1)));
        watch.on_break();
        watch.on_book(&book((1, 1), (2, 1)));
        assert_eq!(watch.take(), None);
        watch.on_book(&book((1, 1), (2, 1)));
        assert_eq!(watch.take().map(|quotes| quotes.books), Some(1));
    }
}
