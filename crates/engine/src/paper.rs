//! The paper venue: what the market of that moment would have given an order.
//!
//! ```text
//! Approved<Order> ──latency──► travelling ──first proven book after arrival──► market: walks the book, the rest is cancelled
//!                                                                          └─► limit: takes what is better, the rest
//!                                                                              joins the queue ──later trades──► fills
//! ```
//!
//! Every rule errs against us:
//! - Only books and trades of strictly after the arrival count, so nothing is filled from what was on screen at the decision.
//! - A fill never has a better price than a published level; quantity beyond the published levels does not exist.
//! - A resting order waits behind all that was displayed at its price when it joined. Only trades at that price shorten the
//!   queue; quantity that is cancelled does not. A trade through the price fills at most its own quantity.
//! - While a book does not hold nothing fills: resting orders wait, market orders give up after [`MARKET_WAIT`].
//!
//! What it cannot show: our order does not move the market. The next book shows levels we "took" at full size again.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::fee::Fee;
use types::market::Side;
use types::order::{Liquidity, OrderEnd, OrderKind};
use types::{Cash, Fill, InstrumentId, Order, Ppm, Price, Qty, Scale, Timestamp, Trade};

use crate::book::Book;
use crate::risk::Approved;

mod queue;
mod take;

pub use queue::Queue;
use take::Depth;

/// How long a market order waits after its arrival for a proven book before it is cancelled.
pub const MARKET_WAIT: Duration = Duration::from_secs(30);

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
    /// Its place in the queue once it rests.
    pub queue: Option<Queue>,
}

impl Working {
    /// How much is not filled.
    #[must_use]
    pub const fn left(&self) -> Qty {
        self.order.qty.saturating_sub(self.filled)
    }

    fn limit(&self) -> Option<Price> {
        match self.order.kind {
            OrderKind::Market => None,
            OrderKind::Limit { price, .. } => Some(price),
        }
    }

    /// When and how it ends if nothing fills it.
    fn deadline(&self) -> (Timestamp, OrderEnd) {
        match self.order.kind {
            OrderKind::Market => (self.arrives_at.plus(MARKET_WAIT), OrderEnd::StaleBook),
            OrderKind::Limit { expires, .. } => (expires, OrderEnd::Expired),
        }
    }

    fn fill(&mut self, price: Price, qty: Qty, liquidity: Liquidity, terms: &Terms, at: Timestamp) -> Fill {
        let value = terms.value(self.order.side, price, qty);
        let fee = terms.fee(value, liquidity);
        self.filled = self.filled.saturating_add(qty);
        self.value = self.value.saturating_add(value);
        if self.order.side == Side::Buy {
            self.budget = self.budget.saturating_sub(value).saturating_sub(fee);
        }
        let Order { id, instrument, side, .. } = self.order;
        Fill { order: id, instrument, side, price, qty, fee, liquidity, at }
    }
}

/// What trading an instrument costs and how its integers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Digits.
    pub scale: Scale,
    /// Quantity step.
    pub lot: u64,
    /// Fees.
    pub fee: Fee,
}

/// A fee never exceeds the traded value.
pub(crate) const FEE_MAX: Ppm = Ppm(1_000_000);

impl Terms {
    /// What the account pays or gets for `qty` at `price`, rounded against it.
    #[must_use]
    pub fn value(&self, side: Side, price: Price, qty: Qty) -> Cash {
        use types::Rounding::{Ceil, Floor};
        self.scale.notional(price, qty, if side == Side::Buy { Ceil } else { Floor })
    }

    /// The fee on a traded value, rounded up.
    #[must_use]
    pub fn fee(&self, value: Cash, liquidity: Liquidity) -> Cash {
        value.share(self.rate(liquidity), types::Rounding::Ceil)
    }

    /// The fee rate, at most the whole value.
    #[must_use]
    pub fn rate(&self, liquidity: Liquidity) -> Ppm {
        let rate = match liquidity {
            Liquidity::Taker => self.fee.taker_ppm,
            Liquidity::Maker => self.fee.maker_ppm,
        };
        rate.min(FEE_MAX)
    }

    /// The most that `budget` buys at `price` with the fee, in whole lots.
    fn affordable(&self, budget: Cash, price: Price, liquidity: Liquidity) -> Qty {
        let rate = i128::from(self.rate(liquidity).0);
        let before_fee = i128::from(budget.0.max(0)) * 1_000_000 / (1_000_000 + rate);
        let qty = self.scale.affordable(Cash(before_fee as i64), price).0;
        Qty(qty - qty % self.lot.max(1))
    }
}

/// What happened to orders, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaperEvent {
    /// A part was filled.
    Fill {
        /// The fill.
        fill: Fill,
        /// True for the first fill of its order.
        is_first: bool,
    },
    /// An order left the venue.
    End {
        /// As it was when it left.
        working: Working,
        /// How it ended.
        end: OrderEnd,
    },
}

/// All orders at the paper venue, oldest first. Risk lets in one per instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperVenue {
    orders: Vec<Working>,
}

impl PaperVenue {
    /// Sends an order on its way.
    pub fn accept(&mut self, approved: Approved<Order>, latency: Duration) {
        let budget = approved.reserve();
        let order = approved.into_inner();
        let arrives_at = order.at.plus(latency);
        let (filled, value, queue) = (Qty::ZERO, Cash::ZERO, None);
        self.orders.push(Working { order, arrives_at, budget, filled, value, queue });
    }

    /// All orders, oldest first.
    #[must_use]
    pub fn orders(&self) -> &[Working] {
        &self.orders
    }

    /// True while an order for `instrument` works.
    #[must_use]
    pub fn is_working(&self, instrument: InstrumentId) -> bool {
        self.orders.iter().any(|working| working.order.instrument == instrument)
    }

    /// Cash set aside for all orders.
    #[must_use]
    pub fn reserved(&self) -> Cash {
        self.orders.iter().fold(Cash::ZERO, |sum, working| sum.saturating_add(working.budget))
    }

    /// A proven book of `instrument` came.
    pub fn on_book(
        &mut self,
        instrument: InstrumentId,
        book: &Book,
        terms: &Terms,
        at: Timestamp,
        out: &mut Vec<PaperEvent>,
    ) {
        if !book.is_proven() || !self.is_working(instrument) {
            return;
        }
        let mut depth = Depth::new(book);
        for working in self.orders.iter_mut().filter(|working| working.order.instrument == instrument) {
            if let Some(queue) = &mut working.queue {
                queue.look(book.own(working.order.side));
            } else if at > working.arrives_at {
                depth.take(working, terms, at, out);
                if let Some(price) = working.limit() {
                    working.queue = Some(Queue::join(price, working.order.side, book, at));
                }
            }
        }
        self.sweep(out, |working| {
            let arrived = at > working.arrives_at && working.order.instrument == instrument;
            if working.left().is_zero() {
                Some(OrderEnd::Filled)
            } else if arrived && working.order.kind == OrderKind::Market {
                Some(OrderEnd::NoDepth)
            } else {
                None
            }
        });
    }

    /// A trade happened while the instrument's book held.
    pub fn on_trade(&mut self, trade: &Trade, terms: &Terms, at: Timestamp, out: &mut Vec<PaperEvent>) {
        let mut left = trade.qty;
        for working in self.orders.iter_mut().filter(|working| working.order.instrument == trade.instrument) {
            if trade.venue_at <= working.arrives_at {
                continue;
            }
            let (wanted, side) = (working.left(), working.order.side);
            let Some(queue) = &mut working.queue else { continue };
            let given = queue.give(trade, side, at, left).min(wanted);
            let price = queue.price();
            let qty = match side {
                Side::Buy => given.min(terms.affordable(working.budget, price, Liquidity::Maker)),
                Side::Sell => given,
            };
            if qty.is_zero() {
                continue;
            }
            left = left.saturating_sub(qty);
            let is_first = working.filled.is_zero();
            out.push(PaperEvent::Fill { fill: working.fill(price, qty, Liquidity::Maker, terms, at), is_first });
        }
        self.sweep(out, |working| working.left().is_zero().then_some(OrderEnd::Filled));
    }

    /// Time went on: ends what is over.
    pub fn on_time(&mut self, at: Timestamp, out: &mut Vec<PaperEvent>) {
        self.sweep(out, |working| {
            let (deadline, end) = working.deadline();
            (deadline <= at).then_some(end)
        });
    }

    /// Cancels the orders that `which` names.
    pub fn cancel(&mut self, which: impl Fn(&Order) -> bool, out: &mut Vec<PaperEvent>) {
        self.sweep(out, |working| which(&working.order).then_some(OrderEnd::Cancelled));
    }

    fn sweep(&mut self, out: &mut Vec<PaperEvent>, end_of: impl Fn(&Working) -> Option<OrderEnd>) {
        self.orders.retain(|working| match end_of(working) {
            Some(end) => {
                out.push(PaperEvent::End { working: working.clone(), end });
                false
            }
            None => true,
        });
    }
}

#[cfg(test)]
mod tests;
