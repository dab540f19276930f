//! The paper venue: what the market of that moment would have given an order.
//!
//! ```text
//! Approved<Order> ──entry latency──► arrival: the venue's rules ──► rejected, with its reason
//!                                       │
//!              trigger? ──► armed ──a trade at its price──► blind ──first proven book after it──┐
//!                 │ none                                    (also: arrived while no book held)  │
//!                 ▼                                                                             ▼
//!              active: walks the proven book as it stands ◄─────────────────────────────────────┘
//!                 │ left over: cancelled (market, IOC), or nothing was taken at all (FOK), or
//!                 ▼
//!              resting: queue at its price ──trades, the other side crossing it──► maker fills
//!                                                                                       │
//!              fills and ends ──response latency──► PaperEvent ◄────────────────────────┘
//! ```
//!
//! An order meets the book that stands at its arrival: everything received up to and with that moment, nothing after it. The
//! caller passes time with [`PaperVenue::pass`] *before* it changes a book.
//!
//! Every rule errs against us:
//! - A fill never has a better price than a published level; quantity beyond the published levels does not exist. A market
//!   order's rest is cancelled, a limit order's rests.
//! - What we took of a level is gone for us until the market refreshes it (see `used`), for all our orders.
//! - A resting order waits behind all that was displayed at its price when it joined (see [`Queue`]). A trade gives it at most
//!   its own quantity, less what stood before it; a trade through its price, all of that.
//! - When the other side is displayed at its price or better, whoever put that there would have met us first: it is filled, at
//!   its own price, by at most what is displayed, which is used up then.
//! - While a book does not hold nothing fills: what must be filled at once is cancelled, what may rest waits, and so does what
//!   was triggered. It acts on the first book that holds.
//! - A stop acts on the first book after the trade that triggered it: the one before still shows what that trade took.
//!
//! What it cannot show: the market does not react to us, apart from an optional square-root impact on what we take.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::market::Quote;
use types::order::{Liquidity, OrderEnd, TimeInForce, VenueReject};
use types::settings::PaperSettings;
use types::{ArrivalRecord, Cash, InstrumentId, Level, Order, Ppm, Price, Qty, Side, Timestamp, Trade};

use crate::book::Displayed;
use crate::risk::Approved;

mod latency;
mod queue;
mod report;
mod take;
mod terms;
mod trigger;
mod used;
mod working;

pub use queue::Queue;
pub use report::PaperEvent;
pub(crate) use terms::FEE_MAX;
pub use terms::Terms;
pub use trigger::Armed;
pub use working::{Stage, Working};

use latency::Draws;
use report::{Reports, spent};
use used::Used;
use working::Due;

/// What the venue is for one instrument at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Whose.
    pub instrument: InstrumentId,
    /// Its book as it stands.
    pub book: &'a dyn Displayed,
    /// Its rules and fees.
    pub terms: Terms,
    /// How the venue behaves.
    pub settings: &'a PaperSettings,
}

/// All orders at the paper venue, oldest first. Risk lets in one per instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperVenue {
    orders: Vec<Working>,
    used: BTreeMap<InstrumentId, Used>,
    draws: Draws,
    reports: Reports,
    /// What orders met when they became active; taken out with the input that brought them there.
    #[serde(skip)]
    arrivals: Vec<ArrivalRecord>,
}

impl PaperVenue {
    /// Sends an order on its way.
    pub fn accept(&mut self, approved: Approved<Order>, settings: &PaperSettings) {
        let budget = approved.reserve();
        let order = approved.into_inner();
        let arrives_at = order.at.plus(self.draws.entry(settings));
        let (filled, value, stage) = (Qty::ZERO, Cash::ZERO, Stage::Travelling);
        let (cancel_at, ended) = (None, None);
        self.orders.push(Working { order, arrives_at, budget, filled, value, stage, cancel_at, ended });
    }

    /// All orders, oldest first, without those whose end is not heard of yet.
    #[must_use]
    pub fn orders(&self) -> &[Working] {
        &self.orders
    }

    /// True while an order for `instrument` works, as far as we know.
    #[must_use]
    pub fn is_working(&self, instrument: InstrumentId) -> bool {
        self.has_orders(instrument) || self.reports.concern(instrument)
    }

    /// True while there is nothing to do and nothing to hear.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.orders.is_empty() && self.reports.is_empty()
    }

    /// Cash set aside for the orders of some instruments, and what they have spent that we do not know of yet.
    #[must_use]
    pub fn reserved(&self, which: impl Fn(InstrumentId) -> bool) -> Cash {
        let orders = self.orders.iter().filter(|working| which(working.order.instrument));
        orders.fold(self.reports.spent(&which), |sum, working| sum.saturating_add(working.budget))
    }

    fn has_orders(&self, instrument: InstrumentId) -> bool {
        self.orders.iter().any(|working| working.order.instrument == instrument)
    }

    /// Time goes on to `to` with the book as it stands: orders and wishes to cancel that arrive before it, and orders whose
    /// time is over by then.
    pub fn pass(&mut self, scene: &Scene<'_>, to: Timestamp, out: &mut Vec<PaperEvent>) {
        while let Some((at, due, index)) = self.next_due(scene.instrument, to) {
            match due {
                Due::Expiry => self.orders[index].end(OrderEnd::Expired, at),
                Due::Cancel => self.orders[index].end(OrderEnd::Cancelled, at),
                Due::Arrival => self.arrive(index, scene, at),
            }
            self.sweep(scene.settings);
        }
        self.tell(to, out);
    }

    /// Hands out what is heard up to and with `to`.
    pub fn tell(&mut self, to: Timestamp, out: &mut Vec<PaperEvent>) {
        self.reports.tell(to, out);
    }

    fn next_due(&self, instrument: InstrumentId, to: Timestamp) -> Option<(Timestamp, Due, usize)> {
        let of_instrument =
            self.orders.iter().enumerate().filter(|(_, working)| working.order.instrument == instrument);
        of_instrument.filter_map(|(index, working)| working.due(to).map(|(at, due)| (at, due, index))).min()
    }

    fn arrive(&mut self, index: usize, scene: &Scene<'_>, at: Timestamp) {
        let working = &mut self.orders[index];
        let ticket = working.ticket();
        let best = scene.book.facing(working.order.side).first().map(|level| level.price);
        if let Err(reject) = scene.terms.admit(&working.order, best) {
            working.end(OrderEnd::Rejected(reject), at);
        } else if ticket.trigger.is_some() {
            working.stage = Stage::Armed(Armed::new(working.order.side, scene.book));
        } else if scene.book.is_proven() {
            self.activate(index, scene, at);
        } else if ticket.may_rest() {
            working.stage = Stage::Blind;
        } else {
            working.end(OrderEnd::StaleBook, at);
        }
    }

    /// What orders met that became active since it was asked last. Nobody knows of it then: it is for the books.
    pub fn arrivals(&mut self) -> impl Iterator<Item = ArrivalRecord> + '_ {
        self.arrivals.drain(..)
    }

    /// An order meets a proven book.
    fn activate(&mut self, index: usize, scene: &Scene<'_>, at: Timestamp) {
        let (ticket, side) = (self.orders[index].ticket(), self.orders[index].order.side);
        let best = |levels: &[Level]| levels.first().map(|level| level.price);
        let quote = best(scene.book.bids()).zip(best(scene.book.asks())).map(|(bid, ask)| Quote { bid, ask });
        self.arrivals.push(ArrivalRecord { order: self.orders[index].order.id, at, quote, ahead: None });
        let untouched = Used::default();
        let used = self.used.get(&scene.instrument).unwrap_or(&untouched);
        let parts = take::walk(&self.orders[index], used, scene);
        if ticket.is_post_only && !parts.is_empty() {
            return self.orders[index].end(OrderEnd::Rejected(VenueReject::WouldTake), at);
        }
        for part in &parts {
            self.used.entry(scene.instrument).or_default().take(side, part.level, part.qty);
            self.fill(index, part.price, part.qty, Liquidity::Taker, scene, at);
        }
        let working = &mut self.orders[index];
        match (ticket.price, ticket.lives) {
            (_, TimeInForce::Fok) => working.end(OrderEnd::Killed, at),
            (None, _) => working.end(OrderEnd::NoDepth, at),
            (Some(_), TimeInForce::Ioc) => working.end(OrderEnd::NotAtOnce, at),
            (Some(price), TimeInForce::Gtc | TimeInForce::Gtd(_)) => {
                let queue = Queue::join(price, side, scene.book, at, scene.settings);
                if let Some(arrival) = self.arrivals.last_mut() {
                    arrival.ahead = queue.ahead();
                }
                working.stage = Stage::Resting(queue);
            }
        }
    }

    /// A proven book stands from `at` on. Time was passed to `at` before.
    pub fn on_book(&mut self, scene: &Scene<'_>, at: Timestamp, out: &mut Vec<PaperEvent>) {
        let id = scene.instrument;
        if !scene.book.is_proven() {
            return;
        }
        if let Some(used) = self.used.get_mut(&id) {
            used.refresh(scene.book);
            if used.is_empty() {
                self.used.remove(&id);
            }
        }
        if !self.has_orders(id) {
            return;
        }
        for working in self.orders.iter_mut().filter(|working| working.order.instrument == id) {
            if let Stage::Resting(queue) = &mut working.stage {
                queue.look(scene.book, scene.settings);
            }
        }
        for side in [Side::Buy, Side::Sell] {
            let best = scene.book.facing(side).first().map(|level| level.price);
            for index in best.map(|best| self.resting(id, side, |price| meets(side, price, best))).unwrap_or_default() {
                self.cross(index, scene, at);
            }
        }
        for index in 0..self.orders.len() {
            let working = &self.orders[index];
            if working.order.instrument == id && working.stage == Stage::Blind && working.ended.is_none() {
                self.activate(index, scene, at);
            }
        }
        self.sweep(scene.settings);
        self.tell(at, out);
    }

    /// The other side is displayed at the price of a resting order or better: it would have met that order.
    fn cross(&mut self, index: usize, scene: &Scene<'_>, at: Timestamp) {
        let side = self.orders[index].order.side;
        let Some(price) = self.orders[index].queue().map(Queue::price) else { return };
        for level in scene.book.facing(side).iter().take_while(|level| meets(side, price, level.price)) {
            let used = self.used.get(&scene.instrument);
            let shown = used.map_or(level.qty, |used| used.left(side, *level, Ppm(1_000_000)));
            let qty = self.fillable(index, price, shown, &scene.terms);
            if !qty.is_zero() {
                self.used.entry(scene.instrument).or_default().take(side, level.price, qty);
                self.fill(index, price, qty, Liquidity::Maker, scene, at);
            }
        }
    }

    /// A trade happened, with the book as it stands. Time was passed to `at` before.
    pub fn on_trade(&mut self, trade: &Trade, scene: &Scene<'_>, at: Timestamp, out: &mut Vec<PaperEvent>) {
        if !self.has_orders(scene.instrument) {
            return;
        }
        if scene.book.is_proven() {
            let mut left = trade.qty;
            for side in [Side::Buy, Side::Sell] {
                for index in self.resting(scene.instrument, side, |price| meets(side, price, trade.price)) {
                    left = self.give(index, trade, left, scene, at);
                }
            }
        }
        for index in 0..self.orders.len() {
            self.trigger(index, trade, scene, at);
        }
        self.sweep(scene.settings);
        self.tell(at, out);
    }

    /// Gives a resting order its part of what is left of a trade; tells what is left then.
    fn give(&mut self, index: usize, trade: &Trade, left: Qty, scene: &Scene<'_>, at: Timestamp) -> Qty {
        let working = &mut self.orders[index];
        if trade.venue_at <= working.arrives_at || working.ended.is_some() {
            return left;
        }
        let Stage::Resting(queue) = &mut working.stage else { return left };
        let (given, price) = (queue.give(trade, at, left), queue.price());
        let qty = self.fillable(index, price, given, &scene.terms);
        if qty.is_zero() {
            return left;
        }
        self.fill(index, price, qty, Liquidity::Maker, scene, at);
        left.saturating_sub(qty)
    }

    fn trigger(&mut self, index: usize, trade: &Trade, scene: &Scene<'_>, at: Timestamp) {
        let working = &mut self.orders[index];
        let is_later = at > working.arrives_at && trade.venue_at > working.arrives_at;
        if working.order.instrument != scene.instrument || working.ended.is_some() || !is_later {
            return;
        }
        let (Stage::Armed(armed), Some(trigger)) = (&mut working.stage, working.order.kind.ticket().trigger) else {
            return;
        };
        if armed.hear(trigger, working.order.side, trade.price) {
            working.stage = Stage::Blind;
            self.end_others_of_pair(index, at);
        }
    }

    /// Resting orders of a side whose price is wanted, as they stand at the venue: the best price first, then the oldest.
    fn resting(&self, instrument: InstrumentId, side: Side, wants: impl Fn(Price) -> bool) -> Vec<usize> {
        let resting = |(index, working): (usize, &Working)| {
            let is_meant = working.order.instrument == instrument && working.order.side == side;
            let price = working.queue().filter(|_| is_meant && working.ended.is_none()).map(Queue::price)?;
            wants(price).then_some((price, index))
        };
        let mut found: Vec<(Price, usize)> = self.orders.iter().enumerate().filter_map(resting).collect();
        found.sort_by_key(|(price, index)| {
            let rank = if side == Side::Buy { -price.mantissa() } else { price.mantissa() };
            (rank, self.orders[*index].arrives_at, *index)
        });
        found.into_iter().map(|(_, index)| index).collect()
    }

    /// How much of `offered` an order can take as a maker.
    fn fillable(&self, index: usize, price: Price, offered: Qty, terms: &Terms) -> Qty {
        let working = &self.orders[index];
        let qty = offered.min(working.left());
        match working.order.side {
            _ if working.ended.is_some() => Qty::ZERO,
            Side::Buy => qty.min(terms.affordable(working.budget, price, Liquidity::Maker)),
            Side::Sell => qty,
        }
    }

    fn fill(&mut self, index: usize, price: Price, qty: Qty, liquidity: Liquidity, scene: &Scene<'_>, at: Timestamp) {
        let working = &mut self.orders[index];
        let (is_first, before) = (working.filled.is_zero(), working.value);
        let fill = working.fill(price, qty, liquidity, &scene.terms, at);
        let value = working.value.saturating_sub(before);
        self.report(PaperEvent::Fill { fill: fill.clone(), is_first }, spent(&fill, value), scene.settings);
        if is_first {
            self.end_others_of_pair(index, at);
        }
    }

    /// One cancels the other.
    fn end_others_of_pair(&mut self, index: usize, at: Timestamp) {
        let (id, instrument) = (self.orders[index].order.id, self.orders[index].order.instrument);
        let Some(pair) = self.orders[index].ticket().oco else { return };
        let is_other = |working: &&mut Working| {
            working.order.id != id && working.order.instrument == instrument && working.ticket().oco == Some(pair)
        };
        self.orders.iter_mut().filter(is_other).for_each(|working| working.end(OrderEnd::OtherOfPair, at));
    }

    fn report(&mut self, event: PaperEvent, spent: Cash, settings: &PaperSettings) {
        let heard_at = event.at().plus(self.draws.answer(settings));
        self.reports.push(event, heard_at, spent);
    }

    /// Asks the venue to cancel the orders that `which` names: they may still be filled until the wish arrives.
    pub fn cancel(
        &mut self,
        which: impl Fn(&Order) -> bool,
        at: Timestamp,
        settings: &PaperSettings,
        out: &mut Vec<PaperEvent>,
    ) {
        for working in self.orders.iter_mut().filter(|working| working.cancel_at.is_none() && which(&working.order)) {
            let travels = self.draws.request(settings);
            if travels.is_zero() {
                working.end(OrderEnd::Cancelled, at);
            } else {
                working.cancel_at = Some(at.plus(travels));
            }
        }
        self.sweep(settings);
        self.tell(at, out);
    }

    /// Takes all orders away at once, and hands out all that is not heard yet: the connection to the venue is gone, or the
    /// time cannot be told any more.
    pub fn abandon(&mut self, end: OrderEnd, at: Timestamp, out: &mut Vec<PaperEvent>) {
        self.reports.tell(Timestamp::MAX, out);
        out.extend(self.orders.drain(..).map(|working| PaperEvent::End { working: Box::new(working), end, at }));
    }

    fn sweep(&mut self, settings: &PaperSettings) {
        if self.orders.iter().all(|working| working.ended.is_none()) {
            return;
        }
        let gone: Vec<Working> = self.orders.extract_if(.., |working| working.ended.is_some()).collect();
        for mut working in gone {
            if let Some((end, at)) = working.ended.take() {
                self.report(PaperEvent::End { working: Box::new(working), end, at }, Cash::ZERO, settings);
            }
        }
    }
}

/// Whether a price of the other side meets an order of `side` at `price`.
fn meets(side: Side, price: Price, other: Price) -> bool {
    if side == Side::Buy { other <= price } else { other >= price }
}

#[cfg(test)]
mod tests;
