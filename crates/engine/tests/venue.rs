//! The paper venue over random streams of books, marks and trades with orders of every kind: no fill that the market of that
//! moment would not have given, and every integer accounted for.

use std::collections::BTreeMap;

use engine::rehearsal::{Outcome, Rehearsal};
use proptest::prelude::*;
use types::fee::{Fee, Fees};
use types::market::{Aggressor, Proof, StaleReason};
use types::order::{Liquidity, OrderEnd, OrderId, OrderKind, Reason, Ticket, TimeInForce, Trigger};
use types::settings::{PaperSettings, QueueModel};
use types::{
    BookTop, Cash, Fill, Input, Instrument, InstrumentId, Level, Order, Ppm, Price, Qty, Rounding, Scale, Side,
    Timestamp, Trade, Venue,
};

const ID: InstrumentId = InstrumentId(0);
const MID: i64 = 1_000;

fn instrument() -> Instrument {
    Instrument {
        id: ID,
        venue: Venue::Kraken,
        symbol: "A/B".to_owned(),
        base: "A".to_owned(),
        quote: "B".to_owned(),
        // Odd on purpose: products are rounded.
        scale: Scale { price_decimals: 7, qty_decimals: 3 },
        tick: 1,
        lot: 1,
        qty_min: Qty(1),
        notional_min: Cash::ZERO,
    }
}

fn price(at: i64) -> Price {
    Price::new(at).expect("far above zero")
}

/// Each event lies a millisecond or more after the one before.
fn events() -> impl Strategy<Value = Vec<(Timestamp, Input)>> {
    let side = || prop::collection::btree_map(1i64..8, 1u64..60, 1..6);
    let book = (-3i64..=3, side(), side()).prop_map(|(shift, bids, asks)| {
        let level = |price_at: i64, qty: u64| Level { price: price(price_at), qty: Qty(qty) };
        Input::Book(BookTop {
            instrument: ID,
            bids: bids.into_iter().map(|(depth, qty)| level(MID + shift - depth, qty)).collect(),
            asks: asks.into_iter().map(|(depth, qty)| level(MID + shift + depth, qty)).collect(),
            proof: Proof::Sequence,
            venue_at: None,
        })
    });
    let aggressor = prop_oneof![Just(Aggressor::Buy), Just(Aggressor::Sell), Just(Aggressor::Unknown)];
    let trade = (-6i64..=6, 1u64..80, aggressor).prop_map(|(shift, qty, aggressor)| {
        let (price, qty, venue_at) = (price(MID + shift), Qty(qty), Timestamp::EPOCH);
        Input::Trade(Trade { instrument: ID, id: 1, price, qty, aggressor, fills: 1, venue_at })
    });
    let stale = Just(Input::BookStale { instrument: ID, reason: StaleReason::SequenceGap });
    let event = prop_oneof![10 => book, 8 => trade, 1 => stale];
    prop::collection::vec((1i64..40, event), 1..120).prop_map(|events| {
        let mut at = 0;
        let timed = events.into_iter().map(|(after, input)| {
            at += after;
            (Timestamp::from_millis(at), input)
        });
        timed.collect()
    })
}

fn ticket() -> impl Strategy<Value = Ticket> {
    let lives = prop_oneof![
        3 => Just(TimeInForce::Gtc),
        1 => (1i64..3_000).prop_map(|ms| TimeInForce::Gtd(Timestamp::from_millis(ms))),
        1 => Just(TimeInForce::Ioc),
        1 => Just(TimeInForce::Fok),
    ];
    let trigger = prop_oneof![
        6 => Just(None),
        1 => (-6i64..=6).prop_map(|shift| Some(Trigger::Stop(price(MID + shift)))),
        1 => (-6i64..=6).prop_map(|shift| Some(Trigger::TakeProfit(price(MID + shift)))),
        1 => (1u64..5).prop_map(|distance| Some(Trigger::Trailing(distance))),
    ];
    let limit = prop_oneof![1 => Just(None), 3 => (-6i64..=6).prop_map(|shift| Some(price(MID + shift)))];
    (limit, lives, trigger, any::<bool>(), prop::option::weighted(0.2, 0u64..2)).prop_map(
        |(price, lives, trigger, is_post_only, oco)| {
            let lives = if price.is_none() && lives != TimeInForce::Fok { TimeInForce::Ioc } else { lives };
            let is_post_only = is_post_only && !matches!(lives, TimeInForce::Ioc | TimeInForce::Fok);
            Ticket { price, lives, is_post_only, trigger, oco: oco.map(OrderId) }
        },
    )
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let order = (0i64..2_500, any::<bool>(), 1u64..100, ticket());
    prop::collection::vec(order, 1..25).prop_map(|orders| {
        let order = |(number, (ms, is_buy, qty, ticket)): (u64, (i64, bool, u64, Ticket))| Order {
            account: types::AccountId::LEAD,
            id: OrderId(number),
            instrument: ID,
            side: if is_buy { Side::Buy } else { Side::Sell },
            qty: Qty(qty),
            kind: OrderKind::Ticket(ticket),
            reason: Reason::User,
            // Between two milliseconds: no order arrives with an event.
            at: Timestamp::from_nanos(ms * 1_000_000 + 1),
        };
        (0u64..).zip(orders).map(order).collect()
    })
}

fn settings() -> impl Strategy<Value = PaperSettings> {
    let times = || prop::collection::vec(0u32..90, 0..5).prop_map(|ms| ms.into_iter().map(|ms| ms * 1_000).collect());
    let queue = prop_oneof![Just(QueueModel::RiskAverse), Just(QueueModel::Power)];
    (0u32..60, 0u32..60, times(), times(), any::<u32>(), queue, 1u8..9, 100_000u32..=1_000_000).prop_map(
        |(latency_ms, response_ms, entry_us, answer_us, seed, queue, queue_power, depth_share_ppm)| PaperSettings {
            response_ms,
            entry_us,
            answer_us,
            seed,
            queue,
            queue_power,
            depth_share_ppm,
            ..PaperSettings::constant(latency_ms)
        },
    )
}

fn fees() -> Fees {
    let fee = Fee { maker_ppm: Ppm(1_601), taker_ppm: Ppm(2_603) };
    let rows = types::fee::FeeRows::always(fee, false, "test");
    Fees { kraken: rows, ..Fees::default() }
}

fn rehearse(orders: &[Order], events: &[(Timestamp, Input)], settings: &PaperSettings) -> Outcome {
    let mut rehearsal = Rehearsal::new(instrument(), settings.clone(), fees(), orders.to_vec());
    for (at, input) in events {
        rehearsal.hear(*at, input).expect("sound books");
    }
    rehearsal.finish()
}

/// The same with each book told as what changed since the one before, where that one held, and with time going on in steps.
fn rehearse_changes(orders: &[Order], events: &[(Timestamp, Input)], settings: &PaperSettings) -> Outcome {
    let mut rehearsal = Rehearsal::new(instrument(), settings.clone(), fees(), orders.to_vec());
    let changes = |before: &[Level], now: &[Level]| -> Vec<Level> {
        let is_gone = |level: &&Level| now.iter().all(|other| other.price != level.price);
        let gone = before.iter().filter(is_gone).map(|level| Level { qty: Qty::ZERO, ..*level });
        gone.chain(now.iter().filter(|level| !before.contains(level)).copied()).collect()
    };
    let mut before: Option<&BookTop> = None;
    for (at, input) in events {
        rehearsal.pass(Timestamp::from_nanos(at.as_nanos() - 500_000));
        match (input, before) {
            (Input::Book(top), Some(before)) => {
                rehearsal.change(*at, &changes(&before.bids, &top.bids), &changes(&before.asks, &top.asks))
            }
            _ => rehearsal.hear(*at, input),
        }
        .expect("sound books");
        match input {
            Input::Book(top) => before = Some(top),
            Input::BookStale { .. } => before = None,
            _ => {}
        }
    }
    rehearsal.finish()
}

/// Whether `better` is at least as good a price for an order of `side` as `other`.
fn is_as_good(side: Side, better: Price, other: Price) -> bool {
    if side == Side::Buy { better <= other } else { better >= other }
}

/// The market as it stood at a moment, and what happened in it then.
struct Moment<'a> {
    book: Option<&'a BookTop>,
    now: Option<&'a Input>,
}

fn moment(events: &[(Timestamp, Input)], at: Timestamp) -> Moment<'_> {
    let mut found = Moment { book: None, now: None };
    for (heard_at, input) in events.iter().take_while(|(heard_at, _)| *heard_at <= at) {
        match input {
            Input::Book(top) => found.book = Some(top),
            Input::BookStale { .. } => found.book = None,
            _ => {}
        }
        found.now = (*heard_at == at).then_some(input);
    }
    found
}

fn facing(top: &BookTop, side: Side) -> &[Level] {
    if side == Side::Buy { &top.asks } else { &top.bids }
}

/// What each level offered since it last appeared: what it showed first and all it grew by, up to a moment.
fn offered(events: &[(Timestamp, Input)], side: Side, at_price: Price, from: Timestamp, to: Timestamp) -> u64 {
    let (mut offered, mut before) = (0, 0);
    for (heard_at, input) in events.iter().take_while(|(heard_at, _)| *heard_at <= to) {
        if let Input::Book(top) = input {
            let shown = facing(top, side).iter().find(|level| level.price == at_price).map_or(0, |level| level.qty.0);
            let grew = shown.saturating_sub(before);
            // The book that stands at `from` offers all that it shows.
            offered = if *heard_at <= from { shown } else { offered + grew };
            before = shown;
        }
    }
    offered
}

fn check_fill(fill: &Fill, order: &Order, events: &[(Timestamp, Input)]) {
    let Moment { book, now } = moment(events, fill.at);
    let top = book.expect("nothing fills on a book that does not hold");
    let ticket = order.kind.ticket();
    assert!(ticket.price.is_none_or(|limit| is_as_good(fill.side, fill.price, limit)), "worse than its limit");
    match (fill.liquidity, now) {
        (Liquidity::Taker, _) => {
            let level = facing(top, fill.side).iter().find(|level| level.price == fill.price);
            assert!(level.is_some_and(|level| fill.qty <= level.qty), "a price or quantity that was not there");
            assert!(!ticket.is_post_only, "a post-only order took");
        }
        (Liquidity::Maker, Some(Input::Trade(trade))) => {
            assert!(Some(fill.price) == ticket.price && is_as_good(fill.side, trade.price, fill.price));
            let is_at = trade.price == fill.price;
            let own = if fill.side == Side::Buy { Aggressor::Buy } else { Aggressor::Sell };
            assert!(!is_at || trade.aggressor != own, "a trade of the other side at our price");
        }
        (Liquidity::Maker, Some(Input::Book(_))) => {
            let is_met = facing(top, fill.side).iter().any(|level| is_as_good(fill.side, level.price, fill.price));
            assert!(Some(fill.price) == ticket.price && is_met, "nobody offered that");
        }
        (Liquidity::Maker, other) => panic!("a maker's fill from {other:?}"),
    }
    if matches!(ticket.lives, TimeInForce::Ioc | TimeInForce::Fok) {
        assert_eq!(fill.liquidity, Liquidity::Taker);
    }
}

/// At one moment no more than was traded or shown; at one level no more than was ever offered.
fn check_amounts(outcome: &Outcome, events: &[(Timestamp, Input)]) {
    let mut at_once: BTreeMap<(Timestamp, Side, bool), u64> = BTreeMap::new();
    for fill in &outcome.fills {
        *at_once.entry((fill.at, fill.side, fill.liquidity == Liquidity::Maker)).or_default() += fill.qty.0;
    }
    for ((at, side, is_maker), filled) in at_once {
        let Moment { book, now } = moment(events, at);
        let shown: u64 = book.map_or(0, |top| facing(top, side).iter().map(|level| level.qty.0).sum());
        let most = match now {
            Some(Input::Trade(trade)) if is_maker => trade.qty.0,
            _ => shown,
        };
        assert!(filled <= most, "{filled} filled at {at} where {most} were traded or shown");
    }
    let takers = || outcome.fills.iter().filter(|fill| fill.liquidity == Liquidity::Taker);
    for first in takers() {
        let same = |fill: &&Fill| fill.side == first.side && fill.price == first.price && fill.at >= first.at;
        let mut taken = 0;
        let mut later: Vec<&Fill> = takers().filter(same).collect();
        later.sort_by_key(|fill| fill.at);
        for fill in later {
            taken += fill.qty.0;
            let most = offered(events, fill.side, fill.price, first.at, fill.at);
            assert!(taken <= most, "{taken} taken of a level that offered {most}");
        }
    }
}

fn check_orders(outcome: &Outcome, orders: &[Order], events: &[(Timestamp, Input)], settings: &PaperSettings) {
    let fastest_us = settings.entry_us.iter().min().copied().unwrap_or(settings.latency_ms * 1_000);
    for order in orders {
        let fills: Vec<&Fill> = outcome.fills.iter().filter(|fill| fill.order == order.id).collect();
        let filled: u64 = fills.iter().map(|fill| fill.qty.0).sum();
        let ends: Vec<_> = outcome.ended.iter().filter(|ended| ended.order == order.id).collect();
        let open: Vec<Qty> = outcome.open.iter().filter(|(id, _)| *id == order.id).map(|(_, left)| *left).collect();
        assert_eq!(ends.len() + open.len(), 1, "an order is over or open, once");
        let left = ends.first().map_or_else(|| open[0], |ended| ended.left);
        assert_eq!(filled + left.0, order.qty.0);
        assert_eq!(ends.first().is_some_and(|ended| ended.end == OrderEnd::Filled), filled == order.qty.0);
        for fill in &fills {
            assert!(fill.at.as_nanos() >= order.at.as_nanos() + i64::from(fastest_us) * 1_000, "filled before arrival");
            check_fill(fill, order, events);
        }
        let ticket = order.kind.ticket();
        if ticket.lives == TimeInForce::Fok {
            assert!(filled == 0 || filled == order.qty.0, "part of a fill-or-kill order");
        }
        if let TimeInForce::Gtd(expires) = ticket.lives {
            assert!(fills.iter().all(|fill| fill.at < expires), "filled after it expired");
        }
        if let Some(pair) = ticket.oco.filter(|_| filled > 0) {
            let is_other = |other: &&Order| other.id != order.id && other.kind.ticket().oco == Some(pair);
            for other in orders.iter().filter(is_other) {
                let is_at_work = |fill: &&Fill| fill.order == other.id && fill.at > fills[0].at;
                // One that arrives afterwards is a new order of its own.
                let came_later = |fill: &Fill| moment_of_arrival(other, settings) > fill.at;
                let late = outcome.fills.iter().filter(is_at_work).any(|_| !came_later(fills[0]));
                assert!(!late, "both orders of a pair were filled");
            }
        }
    }
}

/// The latest at which an order can have arrived.
fn moment_of_arrival(order: &Order, settings: &PaperSettings) -> Timestamp {
    let slowest_us = settings.entry_us.iter().max().copied().unwrap_or(settings.latency_ms * 1_000);
    Timestamp::from_nanos(order.at.as_nanos() + i64::from(slowest_us) * 1_000)
}

fn check_money(outcome: &Outcome) {
    let (mut cash, mut position) = (0i128, 0i128);
    for fill in &outcome.fills {
        let rounding = if fill.side == Side::Buy { Rounding::Ceil } else { Rounding::Floor };
        let value = instrument().scale.notional(fill.price, fill.qty, rounding);
        let rate = fees().kraken.at(fill.at, Cash::ZERO).fee();
        let rate = if fill.liquidity == Liquidity::Taker { rate.taker_ppm } else { rate.maker_ppm };
        assert_eq!(fill.fee, value.share(rate, Rounding::Ceil));
        let sign = if fill.side == Side::Buy { -1 } else { 1 };
        cash += sign * i128::from(value.0) - i128::from(fill.fee.0);
        position -= sign * i128::from(fill.qty.0);
    }
    assert_eq!((outcome.cash, outcome.position), (cash, position), "to the last integer");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_market_of_that_moment_would_have_given_every_fill(
        orders in orders(), events in events(), settings in settings(),
    ) {
        let outcome = rehearse(&orders, &events, &settings);
        check_orders(&outcome, &orders, &events, &settings);
        check_amounts(&outcome, &events);
        check_money(&outcome);
        let again = rehearse(&orders, &events, &settings);
        prop_assert_eq!(format!("{outcome:?}"), format!("{again:?}"), "the same twice, byte for byte");
        prop_assert_eq!(&outcome, &rehearse_changes(&orders, &events, &settings), "whole books at once, or what changed of them step by step");
    }
}

/// What the property is worth: the random streams reach every way to be filled and to end.
#[test]
fn random_streams_reach_every_kind_of_fill_and_end() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut fills, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..300 {
        let case = (orders(), events(), settings()).new_tree(&mut runner).expect("a case").current();
        let outcome = rehearse(&case.0, &case.1, &case.2);
        for fill in &outcome.fills {
            let by = match (fill.liquidity, moment(&case.1, fill.at).now) {
                (Liquidity::Taker, _) => "taker",
                (Liquidity::Maker, Some(Input::Trade(_))) => "trade",
                (Liquidity::Maker, _) => "crossed",
            };
            *fills.entry(by).or_insert(0) += 1;
        }
        outcome.ended.iter().for_each(|ended| *ends.entry(ended.end.name()).or_insert(0) += 1);
    }
    assert!(fills.len() == 3 && fills.values().all(|count| *count > 100), "{fills:?}");
    let all = ["expired", "filled", "killed", "no-depth", "not-at-once", "other-of-pair", "rejected", "stale-book"];
    assert!(all.iter().all(|end| ends.contains_key(end)), "{ends:?}");
}
