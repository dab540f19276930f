//! A client's view of a book: the best levels of each side, as the client must hold them after every message.
//!
//! A level that moves up into the depth is sent like a new one. A level that is pushed out by better ones is told as gone
//! by one venue, and is for the client to cut by itself at another.

use types::{Level, Price, Qty, Side};

use crate::market::book::{Book, Change};

/// What a client knows of one book.
#[derive(Clone, Debug)]
pub(crate) struct View {
    depth: usize,
    leaving: Leaving,
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
}

/// What becomes of levels that are pushed out of the depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// The client cuts.
    Silent,
    /// They are sent with a quantity of zero.
    Told,
}

/// The levels to send; a quantity of zero removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) bids: Vec<(Price, Qty)>,
    pub(crate) asks: Vec<(Price, Qty)>,
}

impl View {
    /// The best `depth` levels.
    pub(crate) fn new(book: &Book, depth: usize, leaving: Leaving) -> Self {
        let side = |side| book.levels(side).take(depth).collect();
        Self { depth, leaving, bids: side(Side::Buy), asks: side(Side::Sell) }
    }

    /// All of it, as if it were new.
    pub(crate) fn whole(&self) -> Delta {
        let levels = |levels: &[Level]| levels.iter().map(|l| (l.price, l.qty)).collect();
        Delta { bids: levels(&self.bids), asks: levels(&self.asks) }
    }

    /// Follows the book after `changes` and tells what the client has to hear; `None` when it is nothing.
    pub(crate) fn update(&mut self, book: &Book, changes: &[Change]) -> Option<Delta> {
        let rule = (self.depth, self.leaving);
        let delta = Delta {
            bids: update_side(&mut self.bids, rule, book, Side::Buy, changes),
            asks: update_side(&mut self.asks, rule, book, Side::Sell, changes),
        };
        (delta != Delta::default()).then_some(delta)
    }
}

fn update_side(
    view: &mut Vec<Level>,
    (depth, leaving): (usize, Leaving),
    book: &Book,
    side: Side,
    changes: &[Change],
) -> Vec<(Price, Qty)> {
    let mut touched: Vec<Price> = changes.iter().filter(|c| c.side == side).map(|c| c.price).collect();
    touched.sort_unstable();
    touched.dedup();
    let mut sent = Vec::new();
    for price in touched {
        let qty = book.qty_at(side, price);
        match (place(view, side, price), qty.is_zero()) {
            (Ok(index), true) => {
                view.remove(index);
                sent.push((price, Qty::ZERO));
            }
            (Ok(index), false) => {
                view[index].qty = qty;
                sent.push((price, qty));
            }
            (Err(index), false) if index < view.len() => {
                view.insert(index, Level { price, qty });
                sent.push((price, qty));
            }
            // Gone before it was seen, or beyond what is seen; then it comes in below, in its turn, where there is room.
            (Err(_), _) => {}
        }
    }
    let left: Vec<Price> = view.drain(depth.min(view.len())..).map(|level| level.price).collect();
    refill(view, depth, book, side, &mut sent);
    if !sent.is_empty() {
        let worst = view.last().map(|level| level.price);
        // What fell out of the depth again was never seen, or is cut by the client.
        sent.retain(|(price, qty)| qty.is_zero() || worst.is_some_and(|worst| !is_worse(side, *price, worst)));
    }
    if leaving == Leaving::Told {
        sent.extend(left.into_iter().map(|price| (price, Qty::ZERO)));
    }
    sent
}

/// Brings in levels from below where levels went away.
fn refill(view: &mut Vec<Level>, depth: usize, book: &Book, side: Side, sent: &mut Vec<(Price, Qty)>) {
    let missing = depth - view.len();
    if missing == 0 {
        return;
    }
    let below: Vec<Level> = match view.last() {
        Some(last) => book.levels_beyond(side, last.price).take(missing).collect(),
        None => book.levels(side).take(missing).collect(),
    };
    for level in below {
        sent.push((level.price, level.qty));
        view.push(level);
    }
}

fn place(view: &[Level], side: Side, price: Price) -> Result<usize, usize> {
    match side {
        Side::Buy => view.binary_search_by(|level| price.cmp(&level.price)),
        Side::Sell => view.binary_search_by(|level| level.price.cmp(&price)),
    }
}

fn is_worse(side: Side, price: Price, than: Price) -> bool {
    match side {
        Side::Buy => price < than,
        Side::Sell => price > than,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(mantissa: i64) -> Price {
        Price::new(mantissa).expect("positive")
    }

    /// Asks 1..=10 at depth 10; 2.5 comes and pushes 10 out for ever; 2.5 goes and 11 comes: 1..=9 and 11 for a client
    /// that cuts, while the book still has 10, so the server must bring 10 back by itself.
    #[test]
    fn levels_that_leave_the_depth_are_not_deleted_and_come_back_as_new() {
        let mut book = Book::default();
        for n in 1..=11 {
            book.add(Side::Sell, price(n * 10), n as u64, Qty(1));
        }
        let mut view = View::new(&book, 10, Leaving::Silent);
        let added = book.add(Side::Sell, price(25), 99, Qty(7));
        let delta = view.update(&book, &[added]).expect("a change within the depth");
        assert_eq!(delta.asks, [(price(25), Qty(7))]);
        let outside = book.cancel(Side::Sell, price(110), 11).expect("rests");
        assert_eq!(view.update(&book, &[outside]), None);
        let removed = book.cancel(Side::Sell, price(25), 99).expect("rests");
        let delta = view.update(&book, &[removed]).expect("a change within the depth");
        assert_eq!(delta.asks, [(price(25), Qty::ZERO), (price(100), Qty(1))]);
        assert_eq!(view.asks.len(), 10);
    }

    /// A view that is updated change by change is always the best levels of the book, and what was sent suffices for a
    /// client that applies everything, and cuts where it is not told what leaves.
    #[test]
    fn views_follow_any_changes() {
        let orders = proptest::collection::vec((1i64..40, 0u64..3, proptest::bool::ANY), 1..200);
        proptest::proptest!(|(orders in orders, depth in 1usize..12, batch in 1usize..5, is_told: bool)| {
            let mut book = Book::default();
            let leaving = if is_told { Leaving::Told } else { Leaving::Silent };
            let mut view = View::new(&book, depth, leaving);
            let mut client = std::collections::BTreeMap::new();
            for orders in orders.chunks(batch) {
                let mut changes = Vec::new();
                for (n, qty, is_bid) in orders {
                    let (side, at) = if *is_bid { (Side::Buy, price(*n)) } else { (Side::Sell, price(100 - n)) };
                    let id = *n as u64;
                    changes.extend(book.cancel(side, at, id));
                    if *qty > 0 {
                        changes.push(book.add(side, at, id, Qty(*qty)));
                    }
                }
                let delta = view.update(&book, &changes).unwrap_or_default();
                for (price, qty) in delta.asks {
                    if qty.is_zero() { client.remove(&price); } else { client.insert(price, qty); }
                }
                while !is_told && client.len() > depth {
                    client.pop_last();
                }
                let asks: Vec<Level> = book.levels(Side::Sell).take(depth).collect();
                let bids: Vec<Level> = book.levels(Side::Buy).take(depth).collect();
                proptest::prop_assert_eq!(&view.asks, &asks);
                proptest::prop_assert_eq!(&view.bids, &bids);
                let seen: Vec<Level> = client.iter().map(|(price, qty)| Level { price: *price, qty: *qty }).collect();
                proptest::prop_assert_eq!(seen, asks);
            }
        });
    }
}
