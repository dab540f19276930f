//! An order at the venue or on its way there.

use serde::{Deserialize, Serialize};
use types::order::{Liquidity, OrderEnd, Ticket, TimeInForce};
use types::{Cash, Fill, Order, Price, Qty, Side, Timestamp};

use super::{Armed, Queue, Terms};

/// An order at the paper venue or on its way there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Working {
    /// The order.
    pub order: Order,
    /// When it reaches the venue.
    pub arrives_at: Timestamp,
    /// Cash set aside that it may still spend; zero for a sale.
    pub budget: Cash,
    /// How much is filled.
    pub filled: Qty,
    /// What the filled part is worth at its prices.
    pub value: Cash,
    /// What it is doing.
    pub stage: Stage,
    /// When the wish to cancel it reaches the venue.
    pub cancel_at: Option<Timestamp>,
    /// How it ended, between its end and its being told; `None` between inputs.
    #[serde(skip)]
    pub(super) ended: Option<(OrderEnd, Timestamp)>,
}

/// What an order is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// On its way to the venue.
    Travelling,
    /// At the venue, waits for its trigger.
    Armed(Armed),
    /// At the venue and active, waits for a proven book: nobody could see what it met.
    Blind,
    /// In the queue at its price.
    Resting(Queue),
}

/// Something that happens to an order by time alone. In this order where several do at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Expiry,
    Arrival,
    Cancel,
}

impl Working {
    /// How much is not filled.
    #[must_use]
    pub const fn left(&self) -> Qty {
        self.order.qty.saturating_sub(self.filled)
    }

    /// Its place in the queue once it rests.
    #[must_use]
    pub const fn queue(&self) -> Option<&Queue> {
        match &self.stage {
            Stage::Resting(queue) => Some(queue),
            Stage::Travelling | Stage::Armed(_) | Stage::Blind => None,
        }
    }

    pub(super) const fn ticket(&self) -> Ticket {
        self.order.kind.ticket()
    }

    /// What happens to it next by time alone: expiry up to and with `to`, all else before `to`.
    pub(super) fn due(&self, to: Timestamp) -> Option<(Timestamp, Due)> {
        if self.ended.is_some() {
            return None;
        }
        let expiry = match self.ticket().lives {
            TimeInForce::Gtd(expires) if expires <= to => Some((expires, Due::Expiry)),
            _ => None,
        };
        let is_travelling = self.stage == Stage::Travelling;
        let arrival = (is_travelling && self.arrives_at < to).then_some((self.arrives_at, Due::Arrival));
        // A wish to cancel does not overtake its order.
        let cancel = self.cancel_at.map(|at| at.max(self.arrives_at)).filter(|at| *at < to);
        [expiry, arrival, cancel.map(|at| (at, Due::Cancel))].into_iter().flatten().min()
    }

    pub(super) fn end(&mut self, end: OrderEnd, at: Timestamp) {
        if self.ended.is_none() {
            self.ended = Some((end, at));
        }
    }

    pub(super) fn fill(&mut self, price: Price, qty: Qty, liquidity: Liquidity, terms: &Terms, at: Timestamp) -> Fill {
        let value = terms.value(self.order.side, price, qty);
        let fee = terms.fee(value, liquidity);
        self.filled = self.filled.saturating_add(qty);
        self.value = self.value.saturating_add(value);
        if self.order.side == Side::Buy {
            self.budget = self.budget.saturating_sub(value).saturating_sub(fee);
        }
        if self.left().is_zero() {
            self.end(OrderEnd::Filled, at);
        }
        let Order { id, account, instrument, side, .. } = self.order;
        Fill { order: id, account, instrument, side, price, qty, fee, liquidity, at }
    }
}
