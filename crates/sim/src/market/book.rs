//! A limit order book: price levels, each a queue of orders, first come first served.

use std::collections::{BTreeMap, VecDeque};

use types::{Level, Price, Qty, Side};

/// Both sides of a book. Never crossed: [`Book::add`] wants a price that rests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    bids: BTreeMap<Price, Queue>,
    asks: BTreeMap<Price, Queue>,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    total: Qty,
    orders: VecDeque<Resting>,
}

#[derive(Clone, Copy, Debug)]
struct Resting {
    id: u64,
    qty: Qty,
}

/// The quantity of a level after something happened to it; zero when the level is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
}

/// A taker's meeting with one resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) maker: u64,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
}

/// What a taker wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take {
    pub(crate) taker: Side,
    pub(crate) qty: Qty,
    /// The worst price it accepts.
    pub(crate) limit: Price,
    /// Levels of the other side that are left alone, so that no side ever runs empty.
    pub(crate) levels_left: usize,
}

impl Book {
    /// The best price of a side.
    pub(crate) fn best(&self, side: Side) -> Option<Level> {
        match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        }
        .map(|(price, queue)| Level { price: *price, qty: queue.total })
    }

    /// The levels of a side, best first.
    pub(crate) fn levels(&self, side: Side) -> Box<dyn Iterator<Item = Level> + '_> {
        let level = |(price, queue): (&Price, &Queue)| Level { price: *price, qty: queue.total };
        match side {
            Side::Buy => Box::new(self.bids.iter().rev().map(level)),
            Side::Sell => Box::new(self.asks.iter().map(level)),
        }
    }

    /// The levels of a side that are worse than `price`, best first.
    pub(crate) fn levels_beyond(&self, side: Side, price: Price) -> Box<dyn Iterator<Item = Level> + '_> {
        use std::ops::Bound::{Excluded, Unbounded};
        let level = |(price, queue): (&Price, &Queue)| Level { price: *price, qty: queue.total };
        match side {
            Side::Buy => Box::new(self.bids.range(..price).rev().map(level)),
            Side::Sell => Box::new(self.asks.range((Excluded(price), Unbounded)).map(level)),
        }
    }

    /// Quantity resting at a price.
    pub(crate) fn qty_at(&self, side: Side, price: Price) -> Qty {
        self.side(side).get(&price).map_or(Qty::ZERO, |queue| queue.total)
    }

    /// Orders resting at a price.
    pub(crate) fn orders_at(&self, side: Side, price: Price) -> usize {
        self.side(side).get(&price).map_or(0, |queue| queue.orders.len())
    }

    /// Whether a side has a single level left.
    pub(crate) fn is_last_level(&self, side: Side) -> bool {
        self.side(side).len() == 1
    }

    /// Whether an order at `price` would trade at once.
    pub(crate) fn crosses(&self, side: Side, price: Price) -> bool {
        self.best(side.opposite()).is_some_and(|best| is_acceptable(side, price, best.price))
    }

    /// Quantity that a taker with this limit would find.
    pub(crate) fn qty_within(&self, taker: Side, limit: Price) -> Qty {
        self.levels(taker.opposite())
            .take_while(|level| is_acceptable(taker, limit, level.price))
            .fold(Qty::ZERO, |sum, level| sum.saturating_add(level.qty))
    }

    /// Lets an order rest at the end of its level's queue.
    pub(crate) fn add(&mut self, side: Side, price: Price, id: u64, qty: Qty) -> Change {
        debug_assert!(!self.crosses(side, price));
        let queue = self.side_mut(side).entry(price).or_default();
        queue.total = queue.total.saturating_add(qty);
        queue.orders.push_back(Resting { id, qty });
        Change { side, price, qty: queue.total }
    }

    /// Takes an order away; `None` when it is not there any more.
    pub(crate) fn cancel(&mut self, side: Side, price: Price, id: u64) -> Option<Change> {
        let levels = self.side_mut(side);
        let queue = levels.get_mut(&price)?;
        let place = queue.orders.iter().position(|order| order.id == id)?;
        let order = queue.orders.remove(place)?;
        queue.total = queue.total.saturating_sub(order.qty);
        let qty = queue.total;
        if queue.orders.is_empty() {
            levels.remove(&price);
        }
        Some(Change { side, price, qty })
    }

    /// Trades through the other side, best price first. Returns what was left of the wanted quantity.
    pub(crate) fn take(&mut self, take: Take, matches: &mut Vec<Match>, changes: &mut Vec<Change>) -> Qty {
        let side = take.taker.opposite();
        let mut wanted = take.qty;
        while !wanted.is_zero() && self.side(side).len() > take.levels_left {
            let Some(best) = self.best(side).filter(|best| is_acceptable(take.taker, take.limit, best.price)) else {
                break;
            };
            let levels = self.side_mut(side);
            let queue = levels.get_mut(&best.price).expect("the best level exists");
            wanted = queue.match_with(wanted, best.price, matches);
            let qty = queue.total;
            if queue.orders.is_empty() {
                levels.remove(&best.price);
            }
            changes.push(Change { side, price: best.price, qty });
        }
        wanted
    }

    fn side(&self, side: Side) -> &BTreeMap<Price, Queue> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Queue> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}

impl Queue {
    fn match_with(&mut self, mut wanted: Qty, price: Price, matches: &mut Vec<Match>) -> Qty {
        while let Some(first) = self.orders.front_mut().filter(|_| !wanted.is_zero()) {
            let qty = wanted.min(first.qty);
            matches.push(Match { maker: first.id, price, qty });
            first.qty = first.qty.saturating_sub(qty);
            self.total = self.total.saturating_sub(qty);
            wanted = wanted.saturating_sub(qty);
            if first.qty.is_zero() {
                self.orders.pop_front();
            }
        }
        wanted
    }
}

/// Whether a taker of side `taker` with this limit accepts `price`.
fn is_acceptable(taker: Side, limit: Price, price: Price) -> bool {
    match taker {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(mantissa: i64) -> Price {
        Price::new(mantissa).expect("positive")
    }

    fn book() -> Book {
        let mut book = Book::default();
        for (id, (p, q)) in [(101, 5), (101, 3), (102, 4), (105, 9)].into_iter().enumerate() {
            book.add(Side::Sell, price(p), id as u64, Qty(q));
        }
        book.add(Side::Buy, price(99), 10, Qty(2));
        book
    }

    #[test]
    fn a_taker_meets_orders_by_price_then_time() {
        let mut book = book();
        let (mut matches, mut changes) = (Vec::new(), Vec::new());
        let take = Take { taker: Side::Buy, qty: Qty(10), limit: price(103), levels_left: 0 };
        assert_eq!(book.take(take, &mut matches, &mut changes), Qty::ZERO);
        let met: Vec<_> = matches.iter().map(|m| (m.maker, m.price.mantissa(), m.qty.0)).collect();
        assert_eq!(met, [(0, 101, 5), (1, 101, 3), (2, 102, 2)]);
        let left: Vec<_> = changes.iter().map(|c| (c.price.mantissa(), c.qty.0)).collect();
        assert_eq!(left, [(101, 0), (102, 2)]);
        assert_eq!(book.best(Side::Sell), Some(Level { price: price(102), qty: Qty(2) }));
    }

    #[test]
    fn a_taker_stops_at_its_limit_and_at_the_last_levels() {
        let mut book = book();
        let (mut matches, mut changes) = (Vec::new(), Vec::new());
        let take = Take { taker: Side::Buy, qty: Qty(100), limit: price(104), levels_left: 0 };
        assert_eq!(book.take(take, &mut matches, &mut changes), Qty(88));
        let take = Take { taker: Side::Buy, qty: Qty(100), limit: price(200), levels_left: 1 };
        assert_eq!(book.take(take, &mut matches, &mut changes), Qty(100));
        assert_eq!(book.best(Side::Sell).map(|l| l.price), Some(price(105)));
    }

    #[test]
    fn cancelling_tells_what_is_left() {
        let mut book = book();
        assert_eq!(
            book.cancel(Side::Sell, price(101), 0),
            Some(Change { side: Side::Sell, price: price(101), qty: Qty(3) })
        );
        assert_eq!(book.cancel(Side::Sell, price(101), 0), None);
        assert_eq!(book.cancel(Side::Sell, price(101), 1).map(|c| c.qty), Some(Qty::ZERO));
        assert_eq!(book.qty_at(Side::Sell, price(101)), Qty::ZERO);
        assert_eq!([101, 102].map(|p| book.orders_at(Side::Sell, price(p))), [0, 1]);
        assert!(book.crosses(Side::Buy, price(102)) && !book.crosses(Side::Buy, price(101)));
        assert_eq!(book.qty_within(Side::Buy, price(104)), Qty(4));
        assert_eq!(book.levels_beyond(Side::Sell, price(102)).count(), 1);
    }
}
