//! Taking from a book.

use types::order::Liquidity;
use types::{Price, Qty, Side, Timestamp};

use super::{PaperEvent, Terms, Working};
use crate::book::Book;

/// What is left of one book after our own orders of the same moment took their part.
pub(super) struct Depth<'a> {
    book: &'a Book,
    taken: Vec<(Side, Price, Qty)>,
}

impl<'a> Depth<'a> {
    pub(super) const fn new(book: &'a Book) -> Self {
        Self { book, taken: Vec::new() }
    }

    /// Walks the levels from the best one on, as far as the order's limit, quantity and budget go.
    pub(super) fn take(&mut self, working: &mut Working, terms: &Terms, at: Timestamp, out: &mut Vec<PaperEvent>) {
        let side = working.order.side;
        for level in self.book.facing(side) {
            let is_worse = |limit: Price| match side {
                Side::Buy => level.price > limit,
                Side::Sell => level.price < limit,
            };
            if working.left().is_zero() || working.limit().is_some_and(is_worse) {
                return;
            }
            let mut qty = working.left().min(self.left(side, level.price, level.qty));
            if side == Side::Buy {
                qty = qty.min(terms.affordable(working.budget, level.price, Liquidity::Taker));
            }
            if qty.is_zero() {
                continue;
            }
            self.taken.push((side, level.price, qty));
            let is_first = working.filled.is_zero();
            let fill = working.fill(level.price, qty, Liquidity::Taker, terms, at);
            out.push(PaperEvent::Fill { fill, is_first });
        }
    }

    fn left(&self, side: Side, price: Price, displayed: Qty) -> Qty {
        let ours = self.taken.iter().filter(|taken| (taken.0, taken.1) == (side, price));
        ours.fold(displayed, |left, taken| left.saturating_sub(taken.2))
    }
}
