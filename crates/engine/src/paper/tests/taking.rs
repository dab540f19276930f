//! Orders that take: what the book at their arrival gives.

use super::*;

/// Asks 100.00 x 0.5, 100.10 x 1.0, 100.30 x 2.0.
const ASKS: [(i64, u64); 3] = [(10_000, 50), (10_010, 100), (10_030, 200)];
const BIDS: [(i64, u64); 1] = [(9_990, 900)];

#[test]
fn a_buy_of_1_2_costs_120_07() {
    let rig = Rig::buy(120, OrderKind::Market).book(1_000, &BIDS, &ASKS).time(1_151);
    rig.gives(&["first Taker 50 at 10000 fee 0.20000000", "Taker 70 at 10010 fee 0.28028000", "Filled"]);
    let value = |price_mantissa, qty| TERMS.value(Side::Buy, price(price_mantissa), Qty(qty));
    assert_eq!(value(10_000, 50).saturating_add(value(10_010, 70)), Cash(12_007_000_000));
}

#[test]
fn an_order_meets_the_book_that_stands_when_it_arrives() {
    // It arrives at 1150: what came before or with that moment counts, what came later does not.
    let rig = Rig::buy(50, OrderKind::Market).book(1_100, &BIDS, &[(10_000, 900)]);
    rig.book(1_150, &BIDS, &[(10_020, 900)])
        .book(1_151, &BIDS, &[(10_010, 900)])
        .gives(&["first Taker 50 at 10020 fee 0.20040000", "Filled"]);
    Rig::buy(50, OrderKind::Market).book(1_100, &BIDS, &ASKS).time(1_150).gives(&[]);
    Rig::sell(150, OrderKind::Market).book(1_100, &[(9_990, 100), (9_980, 900)], &[(10_000, 1)]).time(1_200).gives(&[
        "first Taker 100 at 9990 fee 0.39960000",
        "Taker 50 at 9980 fee 0.19960000",
        "Filled",
    ]);
}

#[test]
fn what_the_published_levels_do_not_hold_is_cancelled() {
    Rig::buy(250, OrderKind::Market)
        .book(1_000, &[(9_990, 1)], &[(10_000, 100)])
        .time(1_200)
        .gives(&["first Taker 100 at 10000 fee 0.40000000", "NoDepth"]);
    Rig::buy(250, OrderKind::Market).book(1_000, &[(9_990, 1)], &[]).time(1_200).gives(&["NoDepth"]);
}

#[test]
fn a_stale_book_fills_nothing() {
    Rig::buy(250, OrderKind::Market).time(1_200).gives(&["StaleBook"]);
    let stale = |kind| Rig::buy(10, kind).book(1_000, &BIDS, &ASKS).stale(1_100).time(1_200);
    stale(OrderKind::Market).book(1_300, &BIDS, &ASKS).gives(&["StaleBook"]);
    stale(OrderKind::Ticket(ticket(Some(10_000), TimeInForce::Ioc))).gives(&["StaleBook"]);
    stale(OrderKind::Ticket(ticket(Some(10_000), TimeInForce::Fok))).gives(&["StaleBook"]);
    // What may rest waits, and meets the first book that holds.
    stale(limit(10_000)).gives(&[]);
    stale(limit(10_000)).book(1_300, &BIDS, &ASKS).gives(&["first Taker 10 at 10000 fee 0.04000000", "Filled"]);
    let resting = || Rig::buy(10, limit(9_990)).book(1_000, &[(9_980, 1)], &ASKS).time(1_200).stale(1_300);
    resting().sold(1_400, 9_980, 50).gives(&[]);
}

#[test]
fn an_order_never_spends_more_than_its_budget() {
    // 1.00 at 100.00 costs 100 and a fee of 0.40.
    let rig = |budget| {
        let rig = Rig::new().order_with(1_000, Side::Buy, 250, OrderKind::Market, Cash(budget));
        rig.book(1_100, &BIDS, &[(10_000, 900)]).time(1_200)
    };
    rig(10_040_000_000).gives(&["first Taker 100 at 10000 fee 0.40000000", "NoDepth"]);
    rig(10_039_999_999).gives(&["first Taker 99 at 10000 fee 0.39600000", "NoDepth"]);
}

#[test]
fn a_level_we_emptied_does_not_fill_us_twice() {
    let again = |rig: Rig| rig.order(2_000, Side::Buy, 30, OrderKind::Market).time(2_200);
    let emptied = || Rig::buy(50, OrderKind::Market).book(1_000, &BIDS, &ASKS).time(1_200);
    emptied().gives(&["first Taker 50 at 10000 fee 0.20000000", "Filled"]);
    let check = |rig: Rig, expected: &[&str]| assert_eq!(rig.log[2..], *expected);
    let second = ["2: first Taker 30 at 10010 fee 0.12012000", "2: Filled"];
    // The market still shows it, again and again, or shows less of it.
    check(again(emptied()), &second);
    check(again(emptied().book(1_300, &BIDS, &ASKS).book(1_400, &BIDS, &ASKS)), &second);
    check(again(emptied().book(1_300, &BIDS, &[(10_000, 40), (10_010, 100)])), &second);
    // It grew by 10, which are new; after it had shrunk to 40, by 20.
    let grown = |qty| [(10_000, qty), (10_010, 100)];
    let ten = ["2: first Taker 10 at 10000 fee 0.04000000", "2: Taker 20 at 10010 fee 0.08008000", "2: Filled"];
    check(again(emptied().book(1_300, &BIDS, &grown(60))), &ten);
    let twenty = ["2: first Taker 20 at 10000 fee 0.08000000", "2: Taker 10 at 10010 fee 0.04004000", "2: Filled"];
    check(again(emptied().book(1_300, &BIDS, &grown(40)).book(1_400, &BIDS, &grown(60))), &twenty);
    // It went and came back: all of it is new.
    let back = emptied().book(1_300, &BIDS, &[(10_010, 100)]).book(1_400, &BIDS, &grown(50));
    check(again(back), &["2: first Taker 30 at 10000 fee 0.12000000", "2: Filled"]);
    // It lay beyond the published depth for a while: nobody saw it change.
    let hidden = emptied().book(1_300, &BIDS, &[(9_995, 1)]).book(1_400, &BIDS, &grown(50));
    check(again(hidden), &second);
}

#[test]
fn orders_of_one_moment_share_one_book() {
    Rig::buy(100, OrderKind::Market)
        .order(1_000, Side::Buy, 100, OrderKind::Market)
        .book(1_100, &BIDS, &[(10_000, 150)])
        .time(1_200)
        .gives(&[
            "1: first Taker 100 at 10000 fee 0.40000000",
            "1: Filled",
            "2: first Taker 50 at 10000 fee 0.20000000",
            "2: NoDepth",
        ]);
}

#[test]
fn we_take_our_share_of_what_is_displayed_and_no_more() {
    Rig::buy(250, OrderKind::Market)
        .settings(|settings| settings.depth_share_ppm = 300_000)
        .book(1_100, &BIDS, &ASKS)
        .time(1_200)
        .gives(&[
            "first Taker 15 at 10000 fee 0.06000000",
            "Taker 30 at 10010 fee 0.12012000",
            "Taker 60 at 10030 fee 0.24072000",
            "NoDepth",
        ]);
}

#[test]
fn an_order_moves_the_price_against_itself_by_the_square_root_of_its_part() {
    let asks = [(10_000, 200), (10_500, 200)];
    let impact = |qty, kind| {
        let rig = Rig::buy(qty, kind).settings(|settings| settings.impact_ppm = 10_000);
        rig.book(1_100, &BIDS, &asks).time(1_200)
    };
    // A quarter of what is shown: half of one percent.
    impact(100, OrderKind::Market).gives(&["first Taker 100 at 10050 fee 0.40200000", "Filled"]);
    impact(1, OrderKind::Market).gives(&["first Taker 1 at 10005 fee 0.00400200", "Filled"]);
    let ioc = |price| OrderKind::Ticket(ticket(Some(price), TimeInForce::Ioc));
    impact(100, ioc(10_049)).gives(&["NotAtOnce"]);
    Rig::sell(1, OrderKind::Market)
        .settings(|settings| settings.impact_ppm = 1_000_000)
        .book(1_100, &[(9_990, 1)], &[])
        .time(1_200)
        .gives(&["first Taker 1 at 1 fee 0.00000040", "Filled"]);
}
