//! A client's view of a book: the best levels of each side, as the client must hold them after every message.
//!
//! Kraken sends changes within the depth only. A level that is pushed out by better ones is *not* deleted in a message:
//! the client cuts by itself. A level that moves up into the depth is sent like a new one.

use types::{Level, Price, Qty, Scale, Side};

use crate::market::book::{Book, Change};
use crate::text::put;

/// Levels a side that the checksum covers.
const CHECKSUM_LEVELS: usize = 10;

/// What a client knows of one book.
#[derive(Clone, Debug)]
pub(super) struct View {
    depth: usize,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// The levels to send; a quantity of zero removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) bids: Vec<(Price, Qty)>,
    pub(super) asks: Vec<(Price, Qty)>,
}

impl View {
    /// The best `depth` levels.
    pub(super) fn new(book: &Book, depth: usize) -> Self {
        let side = |side| book.levels(side).take(depth).collect();
        Self { depth, bids: side(Side::Buy), asks: side(Side::Sell) }
    }

    pub(super) fn bids(&self) -> &[Level] {
        &self.bids
    }

    pub(super) fn asks(&self) -> &[Level] {
        &self.asks
    }

    /// Follows the book after `changes` and tells what the client has to hear; `None` when it is nothing.
    pub(super) fn update(&mut self, book: &Book, changes: &[Change]) -> Option<Delta> {
        let delta = Delta {
            bids: update_side(&mut self.bids, self.depth, book, Side::Buy, changes),
            asks: update_side(&mut self.asks, self.depth, book, Side::Sell, changes),
        };
        (delta != Delta::default()).then_some(delta)
    }

    /// CRC-32 of the digits of the ten best asks, then of the ten best bids. A price or quantity at its full precision
    /// without point and leading zeros is just its integer.
    pub(super) fn checksum(&self) -> u32 {
        let mut digits = String::with_capacity(400);
        for level in self.asks.iter().take(CHECKSUM_LEVELS).chain(self.bids.iter().take(CHECKSUM_LEVELS)) {
            put!(digits, "{}{}", level.price.mantissa(), level.qty.0);
        }
        crc32fast::hash(digits.as_bytes())
    }
}

fn update_side(view: &mut Vec<Level>, depth: usize, book: &Book, side: Side, changes: &[Change]) -> Vec<(Price, Qty)> {
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
    refill(view, depth, book, side, &mut sent);
    if !sent.is_empty() {
        let worst = view.last().map(|level| level.price);
        // What fell out of the depth again was never seen, or is cut by the client.
        sent.retain(|(price, qty)| qty.is_zero() || worst.is_some_and(|worst| !is_worse(side, *price, worst)));
    }
    sent
}

/// Cuts to the depth, and brings in levels from below where levels went away.
fn refill(view: &mut Vec<Level>, depth: usize, book: &Book, side: Side, sent: &mut Vec<(Price, Qty)>) {
    view.truncate(depth);
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

/// `{"price":45283.5,"qty":0.10000000}`: numbers, with every digit of their precision.
pub(super) fn level(out: &mut String, scale: Scale, (price, qty): (Price, Qty)) {
    put!(out, "{{\"price\":{},\"qty\":{}}}", scale.price(price), scale.qty(qty));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(mantissa: i64) -> Price {
        Price::new(mantissa).expect("positive")
    }

    /// The worked example of Kraken's checksum guide.
    #[test]
    fn checksum_is_that_of_the_guide() {
        let asks = "45285.2 0.00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 0.15890660 \
                    45291.8 1.54553491 45294.7 0.04454749 45296.1 0.35380000 45297.5 0.09945542 45299.5 0.18772827";
        let bids = "45283.5 0.10000000 45283.4 1.54582015 45282.1 0.10000000 45281.0 0.10000000 45280.3 1.54592586 \
                    45279.0 0.07990000 45277.6 0.03310103 45277.5 0.30000000 45277.3 1.54602737 45276.6 0.15445238";
        let levels = |text: &str| -> Vec<Level> {
            let integers: Vec<i64> =
                text.split_whitespace().map(|n| n.replace('.', "").parse().expect("digits")).collect();
            integers.chunks(2).map(|pair| Level { price: price(pair[0]), qty: Qty(pair[1] as u64) }).collect()
        };
        let view = View { depth: 10, bids: levels(bids), asks: levels(asks) };
        assert_eq!(view.checksum(), 3_310_070_434);
        let nine = View { depth: 10, bids: view.bids.clone(), asks: view.asks[1..].to_vec() };
        assert_ne!(nine.checksum(), view.checksum());
    }

    /// Asks 1..=10 at depth 10; 2.5 comes and pushes 10 out for ever; 2.5 goes and 11 comes: 1..=9 and 11 for a client
    /// that cuts, while the book still has 10, so the server must bring 10 back by itself.
    #[test]
    fn levels_that_leave_the_depth_are_not_deleted_and_come_back_as_new() {
        let mut book = Book::default();
        for n in 1..=11 {
            book.add(Side::Sell, price(n * 10), n as u64, Qty(1));
        }
        let mut view = View::new(&book, 10);
        let added = book.add(Side::Sell, price(25), 99, Qty(7));
        let delta = view.update(&book, &[added]).expect("a change within the depth");
        assert_eq!(delta.asks, [(price(25), Qty(7))]);
        let outside = book.cancel(Side::Sell, price(110), 11).expect("rests");
        assert_eq!(view.update(&book, &[outside]), None);
        let removed = book.cancel(Side::Sell, price(25), 99).expect("rests");
        let delta = view.update(&book, &[removed]).expect("a change within the depth");
        assert_eq!(delta.asks, [(price(25), Qty::ZERO), (price(100), Qty(1))]);
        assert_eq!(view.asks().len(), 10);
    }

    /// A view that is updated change by change is always the best levels of the book, and what was sent suffices for a
    /// client that applies everything and cuts.
    #[test]
    fn views_follow_any_changes() {
        let orders = proptest::collection::vec((1i64..40, 0u64..3, proptest::bool::ANY), 1..200);
        proptest::proptest!(|(orders in orders, depth in 1usize..12, batch in 1usize..5)| {
            let mut book = Book::default();
            let mut view = View::new(&book, depth);
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
                while client.len() > depth {
                    client.pop_last();
                }
                let asks: Vec<Level> = book.levels(Side::Sell).take(depth).collect();
                let bids: Vec<Level> = book.levels(Side::Buy).take(depth).collect();
                proptest::prop_assert_eq!(view.asks(), &asks[..]);
                proptest::prop_assert_eq!(view.bids(), &bids[..]);
                let seen: Vec<Level> = client.iter().map(|(price, qty)| Level { price: *price, qty: *qty }).collect();
                proptest::prop_assert_eq!(seen, asks);
            }
        });
    }
}
