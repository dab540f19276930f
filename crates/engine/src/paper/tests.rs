use types::market::{Aggressor, Proof};
use types::order::{OrderId, Reason};
use types::{BookTop, Level};

use super::*;
use crate::risk::approve_unchecked;

const ID: InstrumentId = InstrumentId(3);
/// Prices in cents, quantities in hundredths; 10 at 100.00 is worth 10 units of cash.
const SCALE: Scale = Scale { price_decimals: 2, qty_decimals: 2 };
const TERMS: Terms = Terms { scale: SCALE, lot: 1, fee: Fee { maker_ppm: Ppm(1_000), taker_ppm: Ppm(4_000) } };
const LATENCY: Duration = Duration::from_millis(150);

fn levels(side: &[(i64, u64)]) -> Vec<Level> {
    side.iter().map(|&(price, qty)| Level { price: Price::new(price).unwrap(), qty: Qty(qty) }).collect()
}

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn limit(price: i64) -> OrderKind {
    OrderKind::Limit { price: Price::new(price).unwrap(), expires: ms(60_000) }
}

/// A venue with one order made at 1000 ms, which arrives at 1150 ms, and a log of what happened to it.
struct Desk {
    venue: PaperVenue,
    book: Book,
    log: Vec<String>,
}

impl Desk {
    fn new(side: Side, qty: u64, kind: OrderKind, budget: Cash) -> Self {
        let order =
            Order { id: OrderId(1), instrument: ID, side, qty: Qty(qty), kind, reason: Reason::User, at: ms(1_000) };
        let mut venue = PaperVenue::default();
        venue.accept(approve_unchecked(order, budget), LATENCY);
        Self { venue, book: Book::new(ID), log: Vec::new() }
    }

    fn buy(qty: u64, kind: OrderKind) -> Self {
        Self::new(Side::Buy, qty, kind, Cash::from_units(1_000_000))
    }

    fn sell(qty: u64, kind: OrderKind) -> Self {
        Self::new(Side::Sell, qty, kind, Cash::ZERO)
    }

    fn book(mut self, at: i64, bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Self {
        let (bids, asks) = (levels(bids), levels(asks));
        let top = BookTop { instrument: ID, bids, asks, proof: Proof::Sequence, venue_at: None };
        self.book.replace(&top, ms(at)).expect("a sound book");
        let mut out = Vec::new();
        self.venue.on_book(ID, &self.book, &TERMS, ms(at), &mut out);
        self.note(out)
    }

    fn trade(mut self, at: i64, price: i64, qty: u64, aggressor: Aggressor) -> Self {
        let (price, qty) = (Price::new(price).unwrap(), Qty(qty));
        let trade = Trade { instrument: ID, id: at as u128, price, qty, aggressor, fills: 1, venue_at: ms(at) };
        let mut out = Vec::new();
        self.venue.on_trade(&trade, &TERMS, ms(at), &mut out);
        self.note(out)
    }

    fn time(mut self, at: i64) -> Self {
        let mut out = Vec::new();
        self.venue.on_time(ms(at), &mut out);
        self.note(out)
    }

    fn note(mut self, out: Vec<PaperEvent>) -> Self {
        self.log.extend(out.into_iter().map(|event| match event {
            PaperEvent::Fill { fill, is_first } => {
                let first = if is_first { "first " } else { "" };
                format!(
                    "{first}{:?} {} at {} fee {}",
                    fill.liquidity,
                    fill.qty.0,
                    fill.price.mantissa(),
                    fill.fee.fixed()
                )
            }
            PaperEvent::End { end, .. } => format!("{end:?}"),
        }));
        self
    }

    #[track_caller]
    fn gives(&self, expected: &[&str]) {
        assert_eq!(self.log, expected);
    }
}

#[test]
fn a_market_order_walks_the_levels_of_the_first_book_after_its_arrival() {
    Desk::buy(250, OrderKind::Market).book(1_100, &[(9_990, 900)], &[(10_000, 900)]).gives(&[]);
    Desk::buy(250, OrderKind::Market).book(1_150, &[(9_990, 900)], &[(10_000, 900)]).gives(&[]);
    Desk::buy(250, OrderKind::Market)
        .book(1_151, &[(9_990, 900)], &[(10_010, 100), (10_020, 100), (10_030, 900)])
        .book(1_500, &[(9_990, 900)], &[(10_000, 900)])
        .gives(&[
            "first Taker 100 at 10010 fee 0.40040000",
            "Taker 100 at 10020 fee 0.40080000",
            "Taker 50 at 10030 fee 0.20060000",
            "Filled",
        ]);
    Desk::sell(150, OrderKind::Market).book(1_200, &[(9_990, 100), (9_980, 900)], &[(10_000, 1)]).gives(&[
        "first Taker 100 at 9990 fee 0.39960000",
        "Taker 50 at 9980 fee 0.19960000",
        "Filled",
    ]);
}

#[test]
fn what_the_published_levels_do_not_hold_is_cancelled() {
    Desk::buy(250, OrderKind::Market)
        .book(1_200, &[(9_990, 1)], &[(10_000, 100)])
        .gives(&["first Taker 100 at 10000 fee 0.40000000", "NoDepth"]);
    Desk::buy(250, OrderKind::Market).book(1_200, &[(9_990, 1)], &[]).gives(&["NoDepth"]);
}

#[test]
fn a_market_order_gives_up_when_no_book_comes() {
    Desk::buy(250, OrderKind::Market).time(31_149).gives(&[]);
    Desk::buy(250, OrderKind::Market).time(31_150).gives(&["StaleBook"]);
}

#[test]
fn a_stale_book_fills_nothing() {
    let mut desk = Desk::buy(250, OrderKind::Market).book(1_000, &[(9_990, 1)], &[(10_000, 900)]);
    desk.book.mark_stale(types::market::StaleReason::SequenceGap, ms(1_100));
    let mut out = Vec::new();
    desk.venue.on_book(ID, &desk.book, &TERMS, ms(1_200), &mut out);
    assert_eq!(out, []);
}

#[test]
fn an_order_never_spends_more_than_its_budget() {
    // 1.00 at 100.00 costs 100 and a fee of 0.40.
    Desk::new(Side::Buy, 250, OrderKind::Market, Cash(10_040_000_000))
        .book(1_200, &[(9_990, 1)], &[(10_000, 900)])
        .gives(&["first Taker 100 at 10000 fee 0.40000000", "NoDepth"]);
    Desk::new(Side::Buy, 250, OrderKind::Market, Cash(10_039_999_999))
        .book(1_200, &[(9_990, 1)], &[(10_000, 900)])
        .gives(&["first Taker 99 at 10000 fee 0.39600000", "NoDepth"]);
}

#[test]
fn a_limit_order_takes_what_is_better_and_rests_with_the_rest() {
    Desk::buy(250, limit(10_010))
        .book(1_200, &[(9_990, 5)], &[(10_000, 100), (10_010, 50), (10_020, 900)])
        .gives(&["first Taker 100 at 10000 fee 0.40000000", "Taker 50 at 10010 fee 0.20020000"]);
    Desk::buy(250, limit(9_990)).book(1_200, &[(9_990, 5)], &[(10_000, 900)]).time(59_999).gives(&[]);
    Desk::buy(250, limit(9_990)).book(1_200, &[(9_990, 5)], &[(10_000, 900)]).time(60_000).gives(&["Expired"]);
    Desk::buy(250, limit(9_990)).time(60_000).gives(&["Expired"]);
}

fn resting() -> Desk {
    Desk::buy(250, limit(9_990)).book(1_200, &[(9_990, 500), (9_980, 1)], &[(10_000, 900)])
}

#[test]
fn a_resting_order_waits_for_the_queue_before_it() {
    resting().trade(1_300, 9_990, 500, Aggressor::Sell).gives(&[]);
    resting()
        .trade(1_300, 9_990, 400, Aggressor::Sell)
        .trade(1_400, 9_990, 150, Aggressor::Unknown)
        .gives(&["first Maker 50 at 9990 fee 0.04995000"]);
    resting().trade(1_300, 9_990, 700, Aggressor::Sell).trade(1_400, 9_990, 700, Aggressor::Sell).gives(&[
        "first Maker 200 at 9990 fee 0.19980000",
        "Maker 50 at 9990 fee 0.04995000",
        "Filled",
    ]);
}

#[test]
fn cancelled_quantity_does_not_help_us() {
    resting().book(1_300, &[(9_990, 1)], &[(10_000, 900)]).trade(1_400, 9_990, 500, Aggressor::Sell).gives(&[]);
}

#[test]
fn a_trade_through_the_price_fills_at_most_its_own_quantity_at_our_price() {
    resting().trade(1_300, 9_989, 30, Aggressor::Sell).gives(&["first Maker 30 at 9990 fee 0.02997000"]);
    Desk::sell(250, limit(10_010))
        .book(1_200, &[(9_990, 5)], &[(10_000, 900), (10_010, 900)])
        .trade(1_300, 10_011, 300, Aggressor::Buy)
        .gives(&["first Maker 250 at 10010 fee 0.25025000", "Filled"]);
}

#[test]
fn trades_on_the_other_side_elsewhere_or_before_we_joined_do_not_count() {
    resting().trade(1_300, 9_990, 900, Aggressor::Buy).gives(&[]);
    resting().trade(1_300, 9_991, 900, Aggressor::Sell).gives(&[]);
    resting().trade(1_200, 9_980, 900, Aggressor::Sell).gives(&[]);
    Desk::buy(250, limit(9_990)).trade(1_300, 9_980, 900, Aggressor::Sell).gives(&[]);
}

#[test]
fn a_price_deeper_than_the_published_levels_has_an_unknown_queue() {
    let deep = || Desk::buy(250, limit(9_900)).book(1_200, &[(9_990, 5)], &[(10_000, 900)]);
    deep().trade(1_300, 9_900, 900, Aggressor::Sell).gives(&[]);
    deep().trade(1_300, 9_899, 100, Aggressor::Sell).gives(&["first Maker 100 at 9900 fee 0.09900000"]);
    deep()
        .book(1_300, &[(9_910, 5), (9_890, 5)], &[(10_000, 900)])
        .trade(1_400, 9_900, 100, Aggressor::Sell)
        .gives(&["first Maker 100 at 9900 fee 0.09900000"]);
}

#[test]
fn two_orders_share_one_book_and_one_trade() {
    let mut desk = Desk::buy(100, OrderKind::Market);
    let order = Order { id: OrderId(2), ..desk.venue.orders()[0].order.clone() };
    desk.venue.accept(approve_unchecked(order, Cash::from_units(1_000)), LATENCY);
    desk.book(1_200, &[(9_990, 1)], &[(10_000, 150)]).gives(&[
        "first Taker 100 at 10000 fee 0.40000000",
        "first Taker 50 at 10000 fee 0.20000000",
        "Filled",
        "NoDepth",
    ]);
}
