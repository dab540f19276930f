//! The place of a resting order in the queue at its price.

use serde::{Deserialize, Serialize};
use types::market::Aggressor;
use types::{Level, Price, Qty, Side, Timestamp, Trade};

use crate::book::Book;

/// Where a resting order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    price: Price,
    side: Side,
    joined_at: Timestamp,
    /// Quantity before us; unknown while the price lies deeper than the published levels.
    ahead: Option<Qty>,
}

impl Queue {
    pub(super) fn join(price: Price, side: Side, book: &Book, at: Timestamp) -> Self {
        let mut queue = Self { price, side, joined_at: at, ahead: None };
        queue.look(book.own(side));
        queue
    }

    /// The price it rests at.
    #[must_use]
    pub const fn price(&self) -> Price {
        self.price
    }

    /// Quantity before it; `None` while unknown.
    #[must_use]
    pub const fn ahead(&self) -> Option<Qty> {
        self.ahead
    }

    /// Learns the queue's length the first time a published book reaches as deep as the price. It never gets shorter by
    /// looking.
    pub(super) fn look(&mut self, own_side: &[Level]) {
        let Some(deepest) = own_side.last() else { return };
        let reaches = match self.side {
            Side::Buy => deepest.price <= self.price,
            Side::Sell => deepest.price >= self.price,
        };
        if self.ahead.is_none() && reaches {
            let here = own_side.iter().find(|level| level.price == self.price);
            self.ahead = Some(here.map_or(Qty::ZERO, |level| level.qty));
        }
    }

    /// How much of a trade comes to us, of the `left` of it which no order before took.
    pub(super) fn give(&mut self, trade: &Trade, side: Side, at: Timestamp, left: Qty) -> Qty {
        if at <= self.joined_at {
            return Qty::ZERO;
        }
        let is_through = match side {
            Side::Buy => trade.price < self.price,
            Side::Sell => trade.price > self.price,
        };
        if is_through {
            return left;
        }
        let is_against_us = match side {
            Side::Buy => trade.aggressor != Aggressor::Buy,
            Side::Sell => trade.aggressor != Aggressor::Sell,
        };
        let Some(ahead) = self.ahead.filter(|_| trade.price == self.price && is_against_us) else { return Qty::ZERO };
        self.ahead = Some(ahead.saturating_sub(left));
        left.saturating_sub(ahead)
    }
}
