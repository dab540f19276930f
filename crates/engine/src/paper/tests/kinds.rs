//! Kinds of orders, and the venue's own rules.

use super::*;

const BIDS: [(i64, u64); 2] = [(9_990, 100), (9_980, 900)];
const ASKS: [(i64, u64); 2] = [(10_000, 100), (10_010, 900)];

fn arrived(side: Side, qty: u64, ticket: Ticket) -> Rig {
    Rig::new().order(1_000, side, qty, OrderKind::Ticket(ticket)).book(1_100, &BIDS, &ASKS).time(1_200)
}

#[test]
fn immediate_or_cancel_takes_what_is_there_and_fill_or_kill_all_or_nothing() {
    let take = |qty, price, lives| arrived(Side::Buy, qty, ticket(price, lives));
    let hundred = "first Taker 100 at 10000 fee 0.40000000";
    take(150, Some(10_000), TimeInForce::Ioc).gives(&[hundred, "NotAtOnce"]);
    take(100, Some(10_000), TimeInForce::Ioc).gives(&[hundred, "Filled"]);
    take(150, Some(9_999), TimeInForce::Ioc).gives(&["NotAtOnce"]);
    take(150, Some(10_000), TimeInForce::Fok).gives(&["Killed"]);
    take(100, Some(10_000), TimeInForce::Fok).gives(&[hundred, "Filled"]);
    take(1_000, None, TimeInForce::Fok).gives(&[hundred, "Taker 900 at 10010 fee 3.60360000", "Filled"]);
    take(1_001, None, TimeInForce::Fok).gives(&["Killed"]);
}

#[test]
fn a_good_till_cancelled_order_has_no_end_of_its_own() {
    let rig = arrived(Side::Buy, 10, ticket(Some(9_990), TimeInForce::Gtc)).time(9_999_999_999);
    rig.gives(&[]);
    rig.cancel(10_000_000_000).time(10_000_000_151).gives(&["Cancelled"]);
}

#[test]
fn a_post_only_order_rests_or_is_refused() {
    let post = |price| arrived(Side::Buy, 10, Ticket { is_post_only: true, ..ticket(Some(price), TimeInForce::Gtc) });
    post(10_000).gives(&["Rejected(WouldTake)"]);
    post(9_999).sold(1_300, 9_990, 4).gives(&["first Maker 4 at 9999 fee 0.00399960"]);
}

#[test]
fn the_venue_refuses_what_breaks_its_rules() {
    let terms = Terms { tick: 10, lot: 5, qty_min: Qty(15), notional_min: Cash::from_units(20), ..TERMS };
    let check = |qty, kind, expected: &[&str]| {
        let mut rig = Rig::buy(qty, kind);
        rig.terms = terms;
        rig.book(1_100, &BIDS, &ASKS).time(1_200).gives(expected);
    };
    let gtc = |price| OrderKind::Ticket(ticket(Some(price), TimeInForce::Gtc));
    check(20, gtc(9_985), &["Rejected(PriceStep)"]);
    check(22, gtc(9_980), &["Rejected(QtyStep)"]);
    check(10, gtc(9_980), &["Rejected(QtyMinimum)"]);
    check(20, gtc(9_980), &["Rejected(NotionalMinimum)"]);
    check(15, OrderKind::Market, &["Rejected(NotionalMinimum)"]);
    check(20, OrderKind::Market, &["first Taker 20 at 10000 fee 0.08000000", "Filled"]);
    check(25, gtc(9_980), &[]);
    let stop =
        |price| Ticket { trigger: Some(Trigger::Stop(Price::new(price).unwrap())), ..ticket(None, TimeInForce::Ioc) };
    check(25, OrderKind::Ticket(stop(10_005)), &["Rejected(PriceStep)"]);
    let contradiction = ["Rejected(Contradiction)"];
    check(25, OrderKind::Ticket(ticket(None, TimeInForce::Gtc)), &contradiction);
    let post = Ticket { is_post_only: true, ..ticket(Some(9_980), TimeInForce::Ioc) };
    check(25, OrderKind::Ticket(post), &contradiction);
    let loose = Ticket { trigger: Some(Trigger::Trailing(0)), ..ticket(None, TimeInForce::Ioc) };
    check(25, OrderKind::Ticket(loose), &contradiction);
}

fn triggered(trigger: Trigger, limit: Option<i64>) -> Ticket {
    let lives = if limit.is_some() { TimeInForce::Gtc } else { TimeInForce::Ioc };
    Ticket { trigger: Some(trigger), ..ticket(limit, lives) }
}

#[test]
fn a_stop_sells_into_the_first_book_after_the_trade_that_triggers_it() {
    let stop = || arrived(Side::Sell, 50, triggered(Trigger::Stop(price(9_980)), None));
    // A displayed price triggers nothing, and neither does a trade above the stop.
    stop().book(1_300, &[(9_900, 900)], &ASKS).sold(1_400, 9_981, 1).gives(&[]);
    let hit = || stop().sold(1_300, 9_980, 1);
    hit().time(9_000).gives(&[]);
    let fill = ["first Taker 50 at 9970 fee 0.19940000", "Filled"];
    hit().book(1_400, &[(9_970, 900)], &ASKS).gives(&fill);
    hit().stale(1_350).time(9_000).book(9_100, &[(9_970, 900)], &ASKS).gives(&fill);
    // Told after the arrival, but it happened before.
    stop().trade_of(1_300, 1_100, 9_970, 1, Aggressor::Sell).book(1_400, &BIDS, &ASKS).gives(&[]);
}

#[test]
fn a_stop_limit_rests_at_its_limit_once_it_is_triggered() {
    let stop_limit = || arrived(Side::Sell, 50, triggered(Trigger::Stop(price(9_980)), Some(9_975)));
    let hit = || stop_limit().sold(1_300, 9_979, 1).book(1_400, &[(9_970, 900)], &ASKS);
    hit().gives(&[]);
    hit().bought(1_500, 9_976, 20).gives(&["first Maker 20 at 9975 fee 0.01995000"]);
}

#[test]
fn a_take_profit_and_a_trailing_stop_wait_for_their_trades() {
    let profit = arrived(Side::Sell, 50, triggered(Trigger::TakeProfit(price(10_020)), None));
    let profit = profit.bought(1_300, 10_019, 5).bought(1_310, 10_020, 5).book(1_400, &[(10_015, 900)], &[]);
    profit.gives(&["first Taker 50 at 10015 fee 0.20030000", "Filled"]);
    // From 10050 on it sells at 10030.
    let trailing = || arrived(Side::Sell, 50, triggered(Trigger::Trailing(20), None)).bought(1_300, 10_050, 5);
    trailing().sold(1_310, 10_031, 5).book(1_400, &BIDS, &ASKS).gives(&[]);
    trailing()
        .sold(1_310, 10_030, 5)
        .book(1_400, &BIDS, &ASKS)
        .gives(&["first Taker 50 at 9990 fee 0.19980000", "Filled"]);
    // Before any trade it counts from the bid it met.
    let from_bid = arrived(Side::Sell, 50, triggered(Trigger::Trailing(20), None));
    from_bid
        .sold(1_310, 9_970, 5)
        .book(1_400, &BIDS, &ASKS)
        .gives(&["first Taker 50 at 9990 fee 0.19980000", "Filled"]);
}

#[test]
fn one_cancels_the_other() {
    let pair = Some(OrderId(1));
    let legs = || {
        let profit = Ticket { oco: pair, ..ticket(Some(10_020), TimeInForce::Gtc) };
        let stop = Ticket { oco: pair, ..triggered(Trigger::Stop(price(9_980)), None) };
        let rig = Rig::new().order(1_000, Side::Sell, 50, OrderKind::Ticket(profit));
        rig.order(1_000, Side::Sell, 50, OrderKind::Ticket(stop)).book(1_100, &BIDS, &ASKS).time(1_200)
    };
    legs().gives(&[]);
    legs().bought(1_300, 10_021, 10).gives(&["1: first Maker 10 at 10020 fee 0.01002000", "2: OtherOfPair"]);
    legs().sold(1_300, 9_980, 10).book(1_400, &[(9_970, 900)], &ASKS).gives(&[
        "1: OtherOfPair",
        "2: first Taker 50 at 9970 fee 0.19940000",
        "2: Filled",
    ]);
}
