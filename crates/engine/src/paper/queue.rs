//! The place of a resting order in the queue at its price.
//!
//! Known is what a level displays; unknown is how it is divided into orders before and behind ours. The rules are those of
//! hftbacktest (`docs/order_fill.rst`, `models/queue.rs`) and of its sources: Rigtorp, "Estimating order queue position" (2013).
//!
//! | event at our price | risk-averse | power |
//! |---|---|---|
//! | a trade against our side | shortens the queue by its quantity | the same |
//! | the level grows | nothing: newcomers stand behind us | the same |
//! | the level shrinks by more than was traded | nothing, but no more is before us than it shows | the part `(1 - p)` of it was before us |
//!
//! with `p = back^n / (back^n + front^n)`: the larger the part of the level behind us, the likelier a cancellation is there.

use serde::{Deserialize, Serialize};
use types::market::Aggressor;
use types::settings::{PaperSettings, QueueModel};
use types::{Level, Price, Qty, Side, Timestamp, Trade};

use crate::book::Displayed;

/// Where a resting order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    price: Price,
    side: Side,
    joined_at: Timestamp,
    /// Quantity before us; unknown while the price lies deeper than the published levels.
    ahead: Option<Qty>,
    /// What the level showed last.
    shown: Qty,
    /// What was traded against it since.
    traded: Qty,
    /// The venue's time of the book that showed it: trades from before are in what it shows.
    shown_at: Option<Timestamp>,
}

impl Queue {
    pub(super) fn join(
        price: Price,
        side: Side,
        book: &dyn Displayed,
        at: Timestamp,
        settings: &PaperSettings,
    ) -> Self {
        let (shown, traded) = (Qty::ZERO, Qty::ZERO);
        let mut queue = Self { price, side, joined_at: at, ahead: None, shown, traded, shown_at: None };
        queue.look(book, settings);
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

    /// Compares with a proven book. Learns the queue's length the first time one reaches as deep as the price.
    pub(super) fn look(&mut self, book: &dyn Displayed, settings: &PaperSettings) {
        let levels = book.own(self.side);
        let Some(deepest) = levels.last() else { return };
        let reaches = match self.side {
            Side::Buy => deepest.price <= self.price,
            Side::Sell => deepest.price >= self.price,
        };
        if !reaches {
            return;
        }
        let shown = shown(levels, self.side, self.price);
        self.ahead = Some(match (self.ahead, settings.queue) {
            (None, _) => shown,
            (Some(ahead), QueueModel::RiskAverse) => ahead.min(shown),
            (Some(ahead), QueueModel::Power) => {
                let cancelled = self.shown.saturating_sub(self.traded).saturating_sub(shown);
                let back = self.shown.saturating_sub(ahead);
                moved_up(ahead, back, cancelled, settings.queue_power).min(shown)
            }
        });
        (self.shown, self.traded, self.shown_at) = (shown, Qty::ZERO, book.venue_at());
    }

    /// How much of a trade comes to us, of the `left` of it which no order before took.
    pub(super) fn give(&mut self, trade: &Trade, at: Timestamp, left: Qty) -> Qty {
        if at <= self.joined_at {
            return Qty::ZERO;
        }
        let is_through = match self.side {
            Side::Buy => trade.price < self.price,
            Side::Sell => trade.price > self.price,
        };
        if is_through {
            return left;
        }
        let is_against_us = match self.side {
            Side::Buy => trade.aggressor != Aggressor::Buy,
            Side::Sell => trade.aggressor != Aggressor::Sell,
        };
        let is_shown = self.shown_at.is_some_and(|shown_at| trade.venue_at < shown_at);
        let counts = trade.price == self.price && is_against_us && !is_shown;
        let Some(ahead) = self.ahead.filter(|_| counts) else { return Qty::ZERO };
        self.ahead = Some(ahead.saturating_sub(left));
        self.traded = self.traded.saturating_add(left);
        left.saturating_sub(ahead)
    }
}

/// The quantity at a price of a side, best level first.
fn shown(levels: &[Level], side: Side, price: Price) -> Qty {
    let place = match side {
        Side::Buy => levels.binary_search_by(|level| price.cmp(&level.price)),
        Side::Sell => levels.binary_search_by(|level| level.price.cmp(&price)),
    };
    place.map_or(Qty::ZERO, |index| levels[index].qty)
}

/// One in the fixed point of probabilities.
const ONE: u128 = 1 << 32;

/// What is left before us when `cancelled` went from a level with `front` before and `back` behind us. In integers, so that
/// it is the same on every machine; rounded against us.
fn moved_up(front: Qty, back: Qty, cancelled: Qty, power: u8) -> Qty {
    let (front_units, back_units) = (u128::from(front.0), u128::from(back.0));
    let longer = front_units.max(back_units);
    if longer == 0 || cancelled.is_zero() {
        return front;
    }
    let ratio = (front_units.min(back_units) * ONE) / longer;
    let shorter_part = (0..power).fold(ONE, |product, _| product * ratio / ONE);
    // Of `shorter^n + longer^n`, in units of `longer^n`.
    let whole = ONE + shorter_part;
    let front_part = if front_units < back_units { shorter_part } else { ONE };
    let from_front = u128::from(cancelled.0) * front_part / whole;
    // More than stands behind us cannot have gone from there.
    let from_front = from_front.max(u128::from(cancelled.0).saturating_sub(back_units));
    Qty(front_units.saturating_sub(from_front) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cancelled_is_divided_by_the_power_of_the_parts() {
        let check = |front, back, cancelled, power, expected| {
            assert_eq!(moved_up(Qty(front), Qty(back), Qty(cancelled), power), Qty(expected), "{front} {back}");
        };
        check(500, 500, 100, 3, 450);
        // 200^2 / (200^2 + 600^2) = 0.1 of it stood before us.
        check(200, 600, 100, 2, 191);
        check(600, 200, 100, 2, 510);
        check(100, 0, 40, 3, 60);
        check(0, 100, 40, 3, 0);
        check(0, 0, 0, 3, 0);
        // Only 10 can have gone from behind.
        check(990, 10, 500, 1, 500 - 5);
        check(u64::MAX, 1, u64::MAX, 8, 0);
    }
}
