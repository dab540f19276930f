use types::market::{Aggressor, Proof};
use types::order::{OrderKind, Reason, Ticket, TimeInForce};
use types::{AccountId, BookTop, Cash, Price, Scale, Venue};

use types::InstrumentId;

use super::*;

const ID: InstrumentId = InstrumentId(0);

fn instrument() -> Instrument {
    Instrument {
        id: ID,
        venue: Venue::BinanceUs,
        symbol: "BTCUSDT".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        scale: Scale { price_decimals: 2, qty_decimals: 1 },
        tick: 1,
        lot: 1,
        qty_min: Qty(1),
        notional_min: Cash::ZERO,
    }
}

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn order(id: u64, at: i64, side: Side, qty: u64, kind: OrderKind) -> Order {
    Order {
        id: OrderId(id),
        account: AccountId::LEAD,
        instrument: ID,
        side,
        qty: Qty(qty),
        kind,
        reason: Reason::User,
        at: ms(at),
    }
}

fn book(bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Input {
    let side = |levels: &[(i64, u64)]| {
        levels.iter().map(|&(price, qty)| Level { price: Price::new(price).unwrap(), qty: Qty(qty) }).collect()
    };
    // The venue's clock is a day ahead: it does not count.
    let venue_at = Some(Timestamp::from_secs(86_400));
    Input::Book(BookTop { instrument: ID, bids: side(bids), asks: side(asks), proof: Proof::Sequence, venue_at })
}

fn sold(price: i64, qty: u64) -> Input {
    let (price, qty, aggressor) = (Price::new(price).unwrap(), Qty(qty), Aggressor::Sell);
    Input::Trade(Trade { instrument: ID, id: 1, price, qty, aggressor, fills: 1, venue_at: Timestamp::EPOCH })
}

fn rehearse(orders: Vec<Order>, heard: &[(i64, Input)]) -> Outcome {
    let mut rehearsal = Rehearsal::new(instrument(), PaperSettings::constant(100), Fees::default(), orders);
    for (at, input) in heard {
        rehearsal.hear(ms(*at), input).expect("sound books");
    }
    rehearsal.finish()
}

const ASKS: [(i64, u64); 3] = [(10_000, 5), (10_010, 10), (10_030, 20)];

#[test]
fn a_buy_of_1_2_costs_120_07_and_the_fee() {
    let outcome = rehearse(
        vec![order(1, 1_000, Side::Buy, 12, OrderKind::Market)],
        &[(1_000, book(&[(9_990, 10)], &ASKS)), (2_000, book(&[(9_990, 11)], &ASKS))],
    );
    let fills: Vec<_> = outcome.fills.iter().map(|fill| (fill.price.mantissa(), fill.qty.0, fill.at)).collect();
    assert_eq!(fills, [(10_000, 5, ms(1_100)), (10_010, 7, ms(1_100))]);
    let fees: i128 = outcome.fills.iter().map(|fill| i128::from(fill.fee.0)).sum();
    assert_eq!(fees, 12_007_000, "0.1 % of 120.07");
    assert_eq!((outcome.cash, outcome.position), (-12_007_000_000 - fees, 12));
    assert_eq!((outcome.ended[0].end, outcome.ended[0].left), (OrderEnd::Filled, Qty::ZERO));
    assert_eq!(outcome.open, []);
}

#[test]
fn a_level_of_100_a_trade_of_80_and_one_of_30() {
    let gtc = OrderKind::Ticket(Ticket::new(Price::new(9_990), TimeInForce::Gtc));
    let heard = [
        (1_000, book(&[(9_990, 100)], &ASKS)),
        (2_000, sold(9_990, 80)),
        (2_100, book(&[(9_990, 20)], &ASKS)),
        (3_000, sold(9_990, 30)),
    ];
    let outcome = rehearse(vec![order(7, 1_500, Side::Buy, 50, gtc)], &heard);
    let fills: Vec<_> = outcome.fills.iter().map(|fill| (fill.price.mantissa(), fill.qty.0, fill.at)).collect();
    assert_eq!(fills, [(9_990, 10, ms(3_000))]);
    assert_eq!(outcome.open, [(OrderId(7), Qty(40))]);
    assert_eq!(outcome.position, 10);
}

#[test]
fn after_the_last_word_the_book_is_believed_for_a_while() {
    let market = |id, at| order(id, at, Side::Buy, 1, OrderKind::Market);
    let orders = vec![market(2, 30_950), market(3, 40_000), market(1, 25_000), market(4, 50_000)];
    let outcome = rehearse(orders, &[(1_000, book(&[(9_990, 10)], &ASKS))]);
    assert_eq!(outcome.fills.len(), 1);
    let ends: Vec<_> = outcome.ended.iter().map(|ended| (ended.order.0, ended.end)).collect();
    let stale = |id| (id, OrderEnd::StaleBook);
    assert_eq!(ends, [(1, OrderEnd::Filled), stale(2), stale(3), stale(4)]);
}

#[test]
fn what_is_of_another_instrument_does_not_count() {
    let mut other = sold(9_980, 100);
    if let Input::Trade(trade) = &mut other {
        trade.instrument = InstrumentId(1);
    }
    let gtc = OrderKind::Ticket(Ticket::new(Price::new(9_990), TimeInForce::Gtc));
    let outcome =
        rehearse(vec![order(1, 1_100, Side::Buy, 50, gtc)], &[(1_000, book(&[(9_980, 100)], &ASKS)), (2_000, other)]);
    assert_eq!((outcome.fills.len(), outcome.open.len()), (0, 1));
}
