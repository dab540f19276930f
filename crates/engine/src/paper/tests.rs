use types::fee::Fee;
use types::market::{Aggressor, Proof, StaleReason};
use types::order::{OrderId, OrderKind, Reason, Ticket, TimeInForce, Trigger};
use types::{AccountId, BookTop, Level, Scale};

use super::*;
use crate::book::Book;
use crate::risk::approve_unchecked;

mod kinds;
mod resting;
mod taking;
mod travelling;

const ID: InstrumentId = InstrumentId(3);
/// Prices in cents, quantities in hundredths; 10 at 100.00 is worth 10 units of cash.
const TERMS: Terms = Terms {
    scale: Scale { price_decimals: 2, qty_decimals: 2 },
    tick: 1,
    lot: 1,
    qty_min: Qty(1),
    notional_min: Cash::ZERO,
    fee: Fee { maker_ppm: Ppm(1_000), taker_ppm: Ppm(4_000) },
};

fn levels(side: &[(i64, u64)]) -> Vec<Level> {
    side.iter().map(|&(price, qty)| Level { price: Price::new(price).unwrap(), qty: Qty(qty) }).collect()
}

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn price(price: i64) -> Price {
    Price::new(price).unwrap()
}

fn limit(at: i64) -> OrderKind {
    OrderKind::Limit { price: price(at), expires: ms(60_000) }
}

fn ticket(at: Option<i64>, lives: TimeInForce) -> Ticket {
    Ticket::new(at.map(price), lives)
}

/// A venue with orders made at 1000 ms, which arrive at 1150 ms, and a log of what happened to them.
struct Rig {
    venue: PaperVenue,
    book: Book,
    terms: Terms,
    settings: PaperSettings,
    orders: u64,
    log: Vec<String>,
}

impl Rig {
    fn new() -> Self {
        let (venue, book, settings) = (PaperVenue::default(), Book::new(ID), PaperSettings::constant(150));
        Self { venue, book, terms: TERMS, settings, orders: 0, log: Vec::new() }
    }

    fn buy(qty: u64, kind: OrderKind) -> Self {
        Self::new().order(1_000, Side::Buy, qty, kind)
    }

    fn sell(qty: u64, kind: OrderKind) -> Self {
        Self::new().order(1_000, Side::Sell, qty, kind)
    }

    fn settings(mut self, change: impl FnOnce(&mut PaperSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    fn order(self, at: i64, side: Side, qty: u64, kind: OrderKind) -> Self {
        let budget = if side == Side::Buy { Cash::from_units(1_000_000) } else { Cash::ZERO };
        self.order_with(at, side, qty, kind, budget)
    }

    fn order_with(mut self, at: i64, side: Side, qty: u64, kind: OrderKind, budget: Cash) -> Self {
        self.orders += 1;
        let (id, reason) = (OrderId(self.orders), Reason::User);
        let order =
            Order { id, account: AccountId::LEAD, instrument: ID, side, qty: Qty(qty), kind, reason, at: ms(at) };
        self.venue.accept(approve_unchecked(order, budget), &self.settings);
        self
    }

    fn with(mut self, at: i64, act: impl FnOnce(&mut PaperVenue, &Scene<'_>, &mut Vec<PaperEvent>)) -> Self {
        let mut out = Vec::new();
        let scene = Scene { instrument: ID, book: &self.book, terms: self.terms, settings: &self.settings };
        self.venue.pass(&scene, ms(at), &mut out);
        act(&mut self.venue, &scene, &mut out);
        self.note(out)
    }

    fn book(self, at: i64, bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Self {
        self.book_of(at, None, bids, asks)
    }

    fn book_of(self, at: i64, venue_at: Option<i64>, bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Self {
        let (bids, asks, venue_at) = (levels(bids), levels(asks), venue_at.map(ms));
        let mut rig = self.time(at);
        let top = BookTop { instrument: ID, bids, asks, proof: Proof::Sequence, venue_at };
        rig.book.replace(&top, ms(at)).expect("a sound book");
        rig.with(at, |venue, scene, out| venue.on_book(scene, ms(at), out))
    }

    fn stale(mut self, at: i64) -> Self {
        self = self.time(at);
        self.book.mark_stale(StaleReason::SequenceGap, ms(at));
        self
    }

    fn trade(self, at: i64, price: i64, qty: u64, aggressor: Aggressor) -> Self {
        self.trade_of(at, at, price, qty, aggressor)
    }

    fn trade_of(self, at: i64, venue_at: i64, at_price: i64, qty: u64, aggressor: Aggressor) -> Self {
        let (price, qty, venue_at) = (price(at_price), Qty(qty), ms(venue_at));
        let trade = Trade { instrument: ID, id: at as u128, price, qty, aggressor, fills: 1, venue_at };
        self.with(at, |venue, scene, out| venue.on_trade(&trade, scene, ms(at), out))
    }

    fn sold(self, at: i64, price: i64, qty: u64) -> Self {
        self.trade(at, price, qty, Aggressor::Sell)
    }

    fn bought(self, at: i64, price: i64, qty: u64) -> Self {
        self.trade(at, price, qty, Aggressor::Buy)
    }

    fn time(self, at: i64) -> Self {
        self.with(at, |_, _, _| {})
    }

    fn cancel(self, at: i64) -> Self {
        let settings = self.settings.clone();
        self.with(at, |venue, _, out| venue.cancel(|_| true, ms(at), &settings, out))
    }

    fn note(mut self, out: Vec<PaperEvent>) -> Self {
        let is_alone = self.orders == 1;
        self.log.extend(out.into_iter().map(|event| {
            let (order, text) = match event {
                PaperEvent::Fill { fill, is_first } => {
                    let first = if is_first { "first " } else { "" };
                    let (liquidity, qty, price, fee) = (fill.liquidity, fill.qty.0, fill.price.mantissa(), fill.fee);
                    (fill.order, format!("{first}{liquidity:?} {qty} at {price} fee {}", fee.fixed()))
                }
                PaperEvent::End { working, end, .. } => (working.order.id, format!("{end:?}")),
            };
            if is_alone { text } else { format!("{}: {text}", order.0) }
        }));
        self
    }

    #[track_caller]
    fn gives(&self, expected: &[&str]) {
        assert_eq!(self.log, expected);
    }
}
