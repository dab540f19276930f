//! Orders that rest: the queue before them, and what shortens it.

use super::*;

const ASKS: [(i64, u64); 1] = [(10_000, 900)];

fn resting() -> Rig {
    Rig::buy(250, limit(9_990)).book(1_100, &[(9_990, 500), (9_980, 1)], &ASKS).time(1_200)
}

fn with_power(rig: Rig) -> Rig {
    rig.settings(|settings| (settings.queue, settings.queue_power) = (types::settings::QueueModel::Power, 1))
}

#[test]
fn a_buy_joins_a_level_of_100_and_a_trade_of_80_leaves_20_before_it() {
    let rig = Rig::buy(50, limit(9_990)).book(1_100, &[(9_990, 100)], &ASKS).sold(1_300, 9_990, 80);
    rig.gives(&[]);
    assert_eq!(rig.venue.orders()[0].queue().and_then(Queue::ahead), Some(Qty(20)));
    rig.sold(1_400, 9_990, 30).gives(&["first Maker 10 at 9990 fee 0.00999000"]);
}

#[test]
fn a_limit_order_takes_what_is_better_and_rests_with_the_rest() {
    Rig::buy(250, limit(10_010))
        .book(1_100, &[(9_990, 5)], &[(10_000, 100), (10_010, 50), (10_020, 900)])
        .time(1_200)
        .gives(&["first Taker 100 at 10000 fee 0.40000000", "Taker 50 at 10010 fee 0.20020000"]);
    let resting = || Rig::buy(250, limit(9_990)).book(1_100, &[(9_990, 5)], &ASKS);
    resting().time(59_999).gives(&[]);
    resting().time(60_000).gives(&["Expired"]);
    Rig::buy(250, limit(9_990)).time(60_000).gives(&["Expired"]);
}

#[test]
fn a_resting_order_waits_for_the_queue_before_it() {
    resting().sold(1_300, 9_990, 500).gives(&[]);
    resting()
        .sold(1_300, 9_990, 400)
        .trade(1_400, 9_990, 150, Aggressor::Unknown)
        .gives(&["first Maker 50 at 9990 fee 0.04995000"]);
    resting().sold(1_300, 9_990, 700).sold(1_400, 9_990, 700).gives(&[
        "first Maker 200 at 9990 fee 0.19980000",
        "Maker 50 at 9990 fee 0.04995000",
        "Filled",
    ]);
}

#[test]
fn what_others_cancel_stood_behind_us_until_the_level_holds_less() {
    // 500 before us; 200 newcomers behind us; 200 are cancelled: nothing is known of where.
    let cancelled = || resting().book(1_300, &[(9_990, 700)], &ASKS).book(1_400, &[(9_990, 500)], &ASKS);
    cancelled().sold(1_500, 9_990, 500).gives(&[]);
    // No more is before us than the level holds.
    let rig = resting().book(1_300, &[(9_990, 30)], &ASKS);
    rig.sold(1_400, 9_990, 40).gives(&["first Maker 10 at 9990 fee 0.00999000"]);
    // The power model, linear: 5/7 of what is cancelled stood before us, 143 of 200 less a rounding against us.
    let likely = with_power(resting()).book(1_300, &[(9_990, 700)], &ASKS).book(1_400, &[(9_990, 500)], &ASKS);
    assert_eq!(likely.venue.orders()[0].queue().and_then(Queue::ahead), Some(Qty(500 - 142)));
    // What was traded is no cancellation: 100 traded, 100 less displayed.
    let traded = with_power(resting()).sold(1_300, 9_990, 100).book(1_400, &[(9_990, 400)], &ASKS);
    assert_eq!(traded.venue.orders()[0].queue().and_then(Queue::ahead), Some(Qty(400)));
}

#[test]
fn a_trade_that_the_displayed_level_already_lacks_does_not_count_twice() {
    // The book of 1300 by the venue's time lacks the trade of 1290, which is told later.
    let shown = || resting().book_of(1_310, Some(1_300), &[(9_990, 400)], &ASKS);
    shown().trade_of(1_320, 1_290, 9_990, 100, Aggressor::Sell).sold(1_400, 9_990, 400).gives(&[]);
    shown()
        .trade_of(1_320, 1_301, 9_990, 100, Aggressor::Sell)
        .sold(1_400, 9_990, 310)
        .gives(&["first Maker 10 at 9990 fee 0.00999000"]);
}

#[test]
fn a_trade_through_the_price_fills_at_most_its_own_quantity_at_our_price() {
    resting().sold(1_300, 9_989, 30).gives(&["first Maker 30 at 9990 fee 0.02997000"]);
    Rig::sell(250, limit(10_010))
        .book(1_100, &[(9_990, 5)], &[(10_000, 900), (10_010, 900)])
        .bought(1_300, 10_011, 300)
        .gives(&["first Maker 250 at 10010 fee 0.25025000", "Filled"]);
}

#[test]
fn trades_on_the_other_side_elsewhere_or_before_we_arrived_do_not_count() {
    resting().bought(1_300, 9_990, 900).gives(&[]);
    resting().sold(1_300, 9_991, 900).gives(&[]);
    // Told afterwards, but it happened before the arrival.
    resting().trade_of(1_300, 1_150, 9_980, 900, Aggressor::Sell).gives(&[]);
    resting()
        .trade_of(1_300, 1_151, 9_980, 900, Aggressor::Sell)
        .gives(&["first Maker 250 at 9990 fee 0.24975000", "Filled"]);
    Rig::buy(250, limit(9_990)).book(1_100, &[(9_980, 5)], &ASKS).sold(1_150, 9_980, 900).gives(&[]);
}

#[test]
fn whoever_offers_at_our_price_would_have_met_us_first() {
    // 40 are offered at our price and 30 below it: they give 70, once.
    let crossed = || resting().book(1_300, &[(9_970, 1)], &[(9_980, 30), (9_990, 40), (10_000, 900)]);
    let fills = ["first Maker 30 at 9990 fee 0.02997000", "Maker 40 at 9990 fee 0.03996000"];
    crossed().gives(&fills);
    crossed().book(1_400, &[(9_970, 1)], &[(9_980, 30), (9_990, 40), (10_000, 900)]).gives(&fills);
    let more = crossed().book(1_400, &[(9_970, 1)], &[(9_990, 55)]);
    more.gives(&[fills[0], fills[1], "Maker 15 at 9990 fee 0.01498500"]);
    Rig::sell(20, limit(10_010))
        .book(1_100, &[(9_990, 5)], &ASKS)
        .book(1_300, &[(10_020, 900)], &[(10_030, 1)])
        .gives(&["first Maker 20 at 10010 fee 0.02002000", "Filled"]);
    // What an order left behind as a taker it does not get as a maker.
    Rig::buy(250, limit(10_000))
        .book(1_100, &[(9_990, 1)], &[(10_000, 100)])
        .book(1_300, &[(9_990, 1)], &[(10_000, 100)])
        .gives(&["first Taker 100 at 10000 fee 0.40000000"]);
}

#[test]
fn a_price_deeper_than_the_published_levels_has_an_unknown_queue() {
    let deep = || Rig::buy(250, limit(9_900)).book(1_100, &[(9_990, 5)], &ASKS).time(1_200);
    deep().sold(1_300, 9_900, 900).gives(&[]);
    deep().sold(1_300, 9_899, 100).gives(&["first Maker 100 at 9900 fee 0.09900000"]);
    deep()
        .book(1_300, &[(9_910, 5), (9_890, 5)], &ASKS)
        .sold(1_400, 9_900, 100)
        .gives(&["first Maker 100 at 9900 fee 0.09900000"]);
}

#[test]
fn one_trade_is_shared_by_the_best_price_and_then_by_the_oldest() {
    let book = [(9_990, 100), (9_980, 1)];
    let rig =
        Rig::buy(20, limit(9_990)).order(1_000, Side::Buy, 30, limit(9_991)).order(1_001, Side::Buy, 5, limit(9_990));
    rig.book(1_100, &book, &ASKS).sold(1_300, 9_990, 152).gives(&[
        "2: first Maker 30 at 9991 fee 0.02997300",
        "1: first Maker 20 at 9990 fee 0.01998000",
        "3: first Maker 2 at 9990 fee 0.00199800",
        "1: Filled",
        "2: Filled",
    ]);
}
