//! What travels: orders, wishes to cancel, reports; and what a restart does.

use super::*;

const BIDS: [(i64, u64); 1] = [(9_990, 100)];
const ASKS: [(i64, u64); 1] = [(10_000, 900)];

fn resting() -> Rig {
    Rig::buy(50, limit(9_990)).book(1_100, &[(9_980, 1)], &ASKS).time(1_200)
}

#[test]
fn an_order_may_be_filled_until_the_wish_to_cancel_it_arrives() {
    resting()
        .cancel(2_000)
        .sold(2_150, 9_990, 20)
        .time(2_151)
        .gives(&["first Maker 20 at 9990 fee 0.01998000", "Cancelled"]);
    resting().cancel(2_000).cancel(2_100).time(2_151).sold(2_152, 9_990, 20).gives(&["Cancelled"]);
    resting().settings(|settings| settings.latency_ms = 0).cancel(2_000).gives(&["Cancelled"]);
    // Not before the order itself: that arrives at 1150.
    Rig::buy(50, OrderKind::Market)
        .settings(|settings| settings.latency_ms = 1)
        .book(1_001, &BIDS, &ASKS)
        .cancel(1_100)
        .time(1_200)
        .gives(&["first Taker 50 at 10000 fee 0.20000000", "Filled"]);
}

#[test]
fn a_published_book_lags_and_the_order_waits_for_it() {
    let lagging =
        Rig::new().settings(|settings| settings.book_lag_ms = 250).order(1_000, Side::Buy, 50, OrderKind::Market);
    let rig = lagging.book(1_100, &BIDS, &ASKS).book(1_300, &BIDS, &[(10_050, 50)]).time(1_401);
    rig.gives(&["first Taker 50 at 10050 fee 0.20100000", "Filled"]);
}

#[test]
fn we_hear_of_a_fill_after_the_response_latency_and_the_money_is_bound_until_then() {
    let rig = Rig::new().settings(|settings| settings.response_ms = 100);
    let rig = rig.order_with(1_000, Side::Buy, 50, OrderKind::Market, Cash(6_000_000_000)).book(1_100, &BIDS, &ASKS);
    let rig = rig.time(1_249);
    rig.gives(&[]);
    assert!(rig.venue.orders().is_empty() && rig.venue.is_working(ID) && !rig.venue.is_idle());
    assert_eq!(rig.venue.reserved(|_| true), Cash(5_020_000_000), "50 and a fee of 0.20");
    let rig = rig.time(1_250);
    rig.gives(&["first Taker 50 at 10000 fee 0.20000000", "Filled"]);
    assert!(!rig.venue.is_working(ID) && rig.venue.is_idle());
    assert_eq!(rig.venue.reserved(|_| true), Cash::ZERO);
}

#[test]
fn after_a_restart_what_had_happened_is_told_and_the_rest_is_unknown() {
    let rig = resting().settings(|settings| settings.response_ms = 500).sold(1_300, 9_990, 20);
    rig.gives(&[]);
    let rig = rig.with(1_400, |venue, _, out| venue.abandon(OrderEnd::Unknown, ms(1_400), out));
    rig.gives(&["first Maker 20 at 9990 fee 0.01998000", "Unknown"]);
    assert_eq!(rig.venue.reserved(|_| true), Cash::ZERO);
    rig.sold(1_500, 9_990, 50).gives(&["first Maker 20 at 9990 fee 0.01998000", "Unknown"]);
}
