//! The life of opportunities between exchanges, one rule at a time.
#![allow(clippy::inconsistent_digit_grouping, reason = "cents are set apart: 101_00 is 101.00")]

mod common;

use core::time::Duration;

use common::{Driver, START, price, settings};
use engine::arbitrage::ledger::OPEN_MAX;
use engine::market::INSTRUMENTS_MAX;
use types::arbitrage::ArbitrageEnd;
use types::fee::{FeeRow, FeeRows};
use types::input::Command;
use types::market::{Proof, StaleReason};
use types::settings::EngineSettings;
use types::{
    AccountId, Aggressor, ArbitrageEndReason, ArbitrageRecord, AttemptEnd, AttemptRecord, BookTop, Cash, Date, Effect,
    Input, Instrument, InstrumentId, Level, Ppm, Qty, Record, Timestamp, Venue,
};

const KRAKEN: u16 = 0;
const COINBASE: u16 = 1;
const BINANCE: u16 = 2;
const RATE: u16 = 3;

fn instrument(id: u16, venue: Venue, base: &str, quote: &str) -> Instrument {
    let (base, quote, symbol) = (base.to_owned(), quote.to_owned(), format!("{base}{quote}"));
    let notional_min = Cash::from_units(1);
    Instrument { venue, base, quote, symbol, lot: 1, qty_min: Qty(1), notional_min, ..common::instrument(id) }
}

/// Four venues' books: two in USD, one in USDT, and the rate. A fee of `fee_ppm` everywhere.
fn market(fee_ppm: u32, change: impl FnOnce(&mut EngineSettings)) -> Driver {
    let mut settings = settings(fee_ppm);
    change(&mut settings);
    let mut driver = Driver::new();
    driver.boot(settings);
    driver.send(Input::Clock { synchronised: true });
    for (id, venue, base, quote) in [
        (KRAKEN, Venue::Kraken, "BTC", "USD"),
        (COINBASE, Venue::Coinbase, "BTC", "USD"),
        (BINANCE, Venue::BinanceUs, "BTC", "USDT"),
        (RATE, Venue::Kraken, "USDT", "USD"),
    ] {
        driver.send(Input::Instrument(instrument(id, venue, base, quote)));
    }
    driver
}

/// A book with one unit on each of three levels a side, in cents and apart by one, around its best prices.
fn book(driver: &mut Driver, id: u16, bid: i64, ask: i64) -> Vec<ArbitrageRecord> {
    let level = |at| Level { price: price(at), qty: Qty(10_000) };
    let (bids, asks) = ((0..3).map(|n| level(bid - n)).collect(), (0..3).map(|n| level(ask + n)).collect());
    let effects = driver.send(Input::Book(BookTop {
        instrument: InstrumentId(id),
        bids,
        asks,
        proof: Proof::Checksum,
        venue_at: None,
    }));
    told(effects)
}

fn told(effects: Vec<Effect>) -> Vec<ArbitrageRecord> {
    let told = |effect| if let Effect::Record(Record::Arbitrage(known)) = effect { Some(*known) } else { None };
    effects.into_iter().filter_map(told).collect()
}

fn tick(driver: &mut Driver) -> Vec<ArbitrageRecord> {
    told(driver.send(Input::Tick))
}

/// Kraken asks 100.00, Coinbase bids 101.00: one percent before fees.
fn crossed(driver: &mut Driver) -> ArbitrageRecord {
    assert_eq!(book(driver, KRAKEN, 99_90, 100_00), []);
    let began = book(driver, COINBASE, 101_00, 101_10);
    assert_eq!(began.len(), 1, "{began:?}");
    began[0].clone()
}

#[track_caller]
fn ended(told: &[ArbitrageRecord], reason: ArbitrageEndReason, at: Timestamp) {
    assert_eq!(told.iter().map(|known| known.end).collect::<Vec<_>>(), [Some(ArbitrageEnd { at, reason })]);
}

fn open(driver: &Driver) -> usize {
    driver.engine.view().arbitrage().open().count()
}

#[test]
fn a_difference_above_both_fees_is_told_with_its_size() {
    let mut driver = market(1_000, |_| {});
    let began = crossed(&mut driver);
    assert_eq!((began.buy.venue, began.sell.venue), (Venue::Kraken, Venue::Coinbase));
    assert_eq!((began.buy.taker_ppm, began.sell.taker_ppm), (Ppm(1_000), Ppm(1_000)));
    assert_eq!((began.base.as_str(), began.currency.as_str(), began.qty_decimals), ("BTC", "USD", 4));
    assert_eq!((began.opened_at, began.end, began.returns, began.rate), (driver.at, None, 0, None));
    // Bought at 100.00, 100.01 and 100.02 with a thousandth, sold at 101.00, 100.99 and 100.98 less a thousandth.
    assert_eq!((began.first.qty, began.first.cost), (Qty(30_000), Cash(300_33_003_000)));
    assert_eq!(began.first.profit, Cash(302_66_703_000 - 300_33_003_000));
    // 100.899 over 100.1.
    assert_eq!((began.first.net_cbps, began.peak_cbps), (7_982, 7_982));
    assert_eq!(began.first, began.best);
    let outlook = driver.engine.view().arbitrage_outlook();
    assert_eq!((outlook.compared, outlook.waiting), (1, 0));
    assert_eq!(outlook.nearest.map(|nearest| nearest.net_cbps), Some(7_982));
}

#[test]
fn the_other_direction_is_found_as_well() {
    let mut driver = market(1_000, |_| {});
    book(&mut driver, COINBASE, 99_90, 100_00);
    let began = book(&mut driver, KRAKEN, 101_00, 101_10);
    assert_eq!((began[0].buy.venue, began[0].sell.venue), (Venue::Coinbase, Venue::Kraken));
    assert_eq!(began[0].first.profit, Cash(2_33_700_000));
}

#[test]
fn what_fees_eat_is_nothing_but_told_as_nearest() {
    let mut driver = market(5_000, |_| {});
    book(&mut driver, KRAKEN, 99_90, 100_00);
    assert_eq!(book(&mut driver, COINBASE, 101_00, 101_10), []);
    let outlook = driver.engine.view().arbitrage_outlook();
    // 100.495 over 100.5.
    let nearest = outlook.nearest.expect("compared");
    assert_eq!((nearest.net_cbps, nearest.pair.buy, nearest.pair.sell), (-50, InstrumentId(0), InstrumentId(1)));
}

#[test]
fn what_is_left_must_be_enough_to_begin_but_may_shrink() {
    let mut driver = market(0, |settings| settings.arbitrage.net_min_cbps = 10_001);
    book(&mut driver, KRAKEN, 99_90, 100_00);
    assert_eq!(book(&mut driver, COINBASE, 101_00, 101_10), [], "one percent is not enough");
    assert_eq!(book(&mut driver, COINBASE, 101_01, 101_10).len(), 1);
    assert_eq!(book(&mut driver, COINBASE, 100_01, 101_10), [], "the least difference is enough to go on");
    assert_eq!(open(&driver), 1);
    assert_eq!(driver.engine.view().arbitrage().open().next().map(|open| open.now().net_cbps), Some(100));
}

#[test]
fn a_difference_that_is_gone_ended_when_it_went() {
    let mut driver = market(1_000, |_| {});
    crossed(&mut driver);
    driver.wait_ms(1_500);
    book(&mut driver, KRAKEN, 99_90, 100_00);
    driver.wait_ms(500);
    let gone_at = driver.at;
    assert_eq!(book(&mut driver, COINBASE, 100_00, 100_10), [], "it may come back");
    driver.wait_ms(2_000);
    assert_eq!(tick(&mut driver), []);
    driver.wait_ms(1);
    let told = tick(&mut driver);
    ended(&told, ArbitrageEndReason::PricesMoved, gone_at);
    assert_eq!(told[0].duration(driver.at), Duration::from_secs(2));
    assert_eq!(open(&driver), 0);
    let ledger = driver.engine.view().arbitrage();
    assert_eq!(ledger.ended().next(), Some(&told[0]));
    let tally = ledger.today()[&(Venue::Kraken, Venue::Coinbase)];
    assert_eq!(
        (tally.count, tally.lasted, tally.longest, tally.peak_cbps),
        (1, Duration::from_secs(2), Duration::from_secs(2), 7_982)
    );
}

#[test]
fn flicker_is_one_opportunity() {
    let mut driver = market(1_000, |_| {});
    let began = crossed(&mut driver);
    for _ in 0..5 {
        driver.wait_ms(1_000);
        assert_eq!(book(&mut driver, KRAKEN, 99_90, 101_00), []);
        driver.wait_ms(1_000);
        assert_eq!(book(&mut driver, KRAKEN, 99_90, 100_00), []);
        book(&mut driver, COINBASE, 101_00, 101_10);
    }
    driver.wait_ms(500);
    driver.stale(StaleReason::SequenceGap);
    let last = driver.engine.view().arbitrage().ended().next().expect("ended").clone();
    assert_eq!((last.seq, last.opened_at, last.returns), (began.seq, began.opened_at, 5));
    assert_eq!(last.duration(driver.at), Duration::from_millis(10_500));
    assert_eq!(driver.engine.view().arbitrage().today()[&(Venue::Kraken, Venue::Coinbase)].count, 1);
}

#[test]
fn what_comes_back_after_the_gap_is_another_one() {
    let mut driver = market(1_000, |_| {});
    let began = crossed(&mut driver);
    driver.wait_ms(1_000);
    let gone_at = driver.at;
    book(&mut driver, KRAKEN, 99_90, 101_00);
    driver.wait_ms(2_001);
    book(&mut driver, COINBASE, 101_00, 101_10);
    let told = book(&mut driver, KRAKEN, 99_90, 100_00);
    assert_eq!(told.len(), 1, "the first was ended by the look before: {told:?}");
    assert!(told[0].seq > began.seq && told[0].end.is_none());
    assert_eq!(
        driver.engine.view().arbitrage().ended().next().and_then(|known| known.end).map(|end| end.at),
        Some(gone_at)
    );
}

#[test]
fn a_stale_book_ends_it_at_once() {
    let mut driver = market(1_000, |_| {});
    crossed(&mut driver);
    driver.wait_ms(700);
    let instrument = InstrumentId(COINBASE);
    let told = told(driver.send(Input::BookStale { instrument, reason: StaleReason::ChecksumMismatch }));
    ended(&told, ArbitrageEndReason::BookStale, driver.at);
    assert_eq!(book(&mut driver, KRAKEN, 99_90, 100_00), [], "the other book is not compared with a stale one");
    assert_eq!(driver.engine.view().arbitrage_outlook().compared, 0);
    assert_eq!(book(&mut driver, COINBASE, 101_00, 101_10).len(), 1);
}

#[test]
fn a_book_that_cannot_be_true_ends_it_at_once() {
    let mut driver = market(1_000, |_| {});
    crossed(&mut driver);
    let told = book(&mut driver, COINBASE, 101_00, 100_90);
    ended(&told, ArbitrageEndReason::BookStale, driver.at);
}

#[test]
fn a_book_of_long_ago_ends_it_when_it_became_too_old() {
    let mut driver = market(1_000, |_| {});
    crossed(&mut driver);
    let heard_at = driver.at;
    driver.wait_ms(4_000);
    book(&mut driver, COINBASE, 101_00, 101_10);
    driver.wait_ms(1_000);
    assert_eq!(tick(&mut driver), []);
    driver.wait_ms(1_000);
    let told = tick(&mut driver);
    ended(&told, ArbitrageEndReason::BookOld, heard_at.plus(Duration::from_secs(5)));
    assert_eq!(book(&mut driver, COINBASE, 101_00, 101_10), []);
    assert_eq!(book(&mut driver, KRAKEN, 99_90, 100_00).len(), 1);
}

#[test]
fn without_a_clock_nothing_is_found() {
    let mut driver = market(1_000, |_| {});
    crossed(&mut driver);
    let told = told(driver.send(Input::Clock { synchronised: false }));
    ended(&told, ArbitrageEndReason::ClockUnset, driver.at);
    assert_eq!(book(&mut driver, COINBASE, 101_00, 101_10), []);
    driver.send(Input::Clock { synchronised: true });
    assert_eq!(book(&mut driver, COINBASE, 101_00, 101_10).len(), 1);
}

#[test]
fn a_start_ends_it_when_it_was_last_seen() {
    let mut driver = market(1_000, |_| {});
    crossed(&mut driver);
    driver.wait_ms(300);
    let seen_at = driver.at;
    book(&mut driver, KRAKEN, 99_90, 100_00);
    driver.wait_ms(3_600_000);
    let boot = Input::Boot { version: "test".to_owned(), settings: Box::new(settings(1_000)) };
    let told = told(driver.send(boot));
    ended(&told, ArbitrageEndReason::Restart, seen_at);
}

#[test]
fn what_is_left_below_a_minimum_is_nothing() {
    let mut driver = market(1_000, |_| {});
    crossed(&mut driver);
    let mut strict = instrument(COINBASE, Venue::Coinbase, "BTC", "USD");
    strict.qty_min = Qty(40_000);
    driver.send(Input::Instrument(strict));
    let gone_at = driver.at;
    book(&mut driver, COINBASE, 101_00, 101_10);
    driver.wait_ms(2_001);
    ended(&tick(&mut driver), ArbitrageEndReason::TooSmall, gone_at);
}

#[test]
fn usd_and_usdt_are_compared_only_when_allowed_and_at_the_observed_rate() {
    let mut never = market(0, |_| {});
    book(&mut never, RATE, 99, 100);
    book(&mut never, BINANCE, 120_00, 120_10);
    assert_eq!(book(&mut never, KRAKEN, 99_90, 100_00), []);

    let mut driver = market(0, |settings| settings.arbitrage.usd_with_usdt = true);
    book(&mut driver, KRAKEN, 99_90, 100_00);
    assert_eq!(book(&mut driver, BINANCE, 102_00, 102_10), [], "no rate is known");
    book(&mut driver, RATE, 97, 98);
    assert_eq!(book(&mut driver, BINANCE, 102_00, 102_10), [], "102 USDT are 98.94 USD");
    assert_eq!(book(&mut driver, RATE, 99, 100), [], "a rate begins nothing by itself");
    let began = book(&mut driver, BINANCE, 102_00, 102_10);
    // Received USDT are sold at the bid: 102 x 0.99 = 100.98.
    assert_eq!(began[0].first.net_cbps, 9_800);
    assert_eq!(began[0].currency, "USD");
    assert_eq!(began[0].rate.map(|rate| (rate.instrument.0, rate.price)), Some((RATE, price(99))));
    driver.wait_ms(100);
    let told = told(driver.send(Input::BookStale { instrument: InstrumentId(RATE), reason: StaleReason::SequenceGap }));
    ended(&told, ArbitrageEndReason::NoRate, driver.at);

    let mut driver = market(0, |settings| settings.arbitrage.usd_with_usdt = true);
    book(&mut driver, RATE, 99, 101);
    book(&mut driver, BINANCE, 98_90, 99_00);
    let began = book(&mut driver, KRAKEN, 101_00, 101_10);
    // Paid USDT are bought at the ask: 99 x 1.01 = 99.99.
    assert_eq!((began[0].buy.venue, began[0].first.net_cbps), (Venue::BinanceUs, 10_101));
    assert_eq!(began[0].rate.map(|rate| rate.price), Some(price(101)));
}

#[test]
fn a_rate_that_moves_ends_what_it_valued() {
    let mut driver = market(0, |settings| settings.arbitrage.usd_with_usdt = true);
    book(&mut driver, RATE, 99, 100);
    book(&mut driver, KRAKEN, 99_90, 100_00);
    assert_eq!(book(&mut driver, BINANCE, 102_00, 102_10).len(), 1);
    driver.wait_ms(100);
    let gone_at = driver.at;
    book(&mut driver, RATE, 97, 98);
    driver.wait_ms(2_001);
    ended(&tick(&mut driver), ArbitrageEndReason::PricesMoved, gone_at);
}

#[test]
fn fees_are_those_of_the_time() {
    let row = |valid_from, taker| FeeRow {
        volume_min: 0,
        valid_from,
        maker_ppm: Ppm(0),
        taker_ppm: Ppm(taker),
        confirmed: true,
        source: "test".to_owned(),
    };
    let tomorrow = Date::of(START.plus(Duration::from_secs(86_400)));
    let rows = FeeRows::try_from(vec![row(Date::EPOCH, 1_000), row(tomorrow, 20_000)]).expect("in order");
    let mut driver = market(1_000, |settings| settings.fees.kraken = rows);
    driver.wait_ms(86_399_000);
    let began = crossed(&mut driver);
    assert_eq!(began.buy.taker_ppm, Ppm(1_000));
    driver.wait_ms(1_000);
    book(&mut driver, KRAKEN, 99_90, 100_00);
    driver.wait_ms(2_001);
    ended(&tick(&mut driver), ArbitrageEndReason::PricesMoved, tomorrow.start());
}

#[test]
fn one_venue_is_not_compared_with_itself_nor_one_base_with_another() {
    let mut driver = market(0, |_| {});
    driver.send(Input::Instrument(instrument(7, Venue::Kraken, "BTC", "USD")));
    driver.send(Input::Instrument(instrument(8, Venue::Coinbase, "ETH", "USD")));
    driver.send(Input::Instrument(instrument(9, Venue::Coinbase, "BTC", "EUR")));
    book(&mut driver, KRAKEN, 99_90, 100_00);
    for other in [7, 8, 9] {
        assert_eq!(book(&mut driver, other, 200_00, 200_10), [], "{other}");
    }
}

#[test]
fn switched_off_nothing_is_compared() {
    let mut driver = market(0, |settings| settings.arbitrage.enabled = false);
    book(&mut driver, KRAKEN, 99_90, 100_00);
    assert_eq!(book(&mut driver, COINBASE, 101_00, 101_10), []);
    assert_eq!(driver.engine.view().arbitrage_outlook(), Default::default());
}

#[test]
fn growth_is_recorded_now_and_then_under_the_same_key() {
    let mut driver = market(1_000, |_| {});
    let began = crossed(&mut driver);
    let mut told = Vec::new();
    for step in 1..=100 {
        driver.wait_ms(250);
        told.extend(book(&mut driver, KRAKEN, 99_90, 100_00));
        told.extend(book(&mut driver, COINBASE, 101_00 + step, 110_00));
    }
    assert_eq!(told.len(), 2, "25 seconds of growth");
    assert!(
        told.iter().all(|known| (known.seq, known.opened_at, known.first) == (began.seq, began.opened_at, began.first))
    );
    assert!(told[1].best.profit > told[0].best.profit && told[0].best.profit > began.best.profit);
}

#[test]
fn opportunities_are_bounded() {
    let mut driver = market(0, |_| {});
    for id in 4..INSTRUMENTS_MAX as u16 {
        driver.send(Input::Instrument(instrument(id, Venue::ALL[usize::from(id) % 4], "SOL", "USD")));
    }
    for id in 4..INSTRUMENTS_MAX as u16 {
        let bid = if id % 2 == 0 { 99_90 } else { 101_00 };
        book(&mut driver, id, bid, bid + 10);
    }
    let ledger = driver.engine.view().arbitrage();
    assert_eq!(ledger.open().count(), OPEN_MAX);
    assert!(ledger.crowded_out() > 0);
}

/// A market whose account between exchanges has bought its stock: half of each of its purses. Orders travel 100 ms.
fn stocked(fee_ppm: u32, change: impl FnOnce(&mut EngineSettings)) -> Driver {
    let mut driver = market(fee_ppm, |settings| {
        settings.paper.latency_ms = 100;
        settings.arbitrage.book_age_max_ms = 600_000;
        change(settings);
    });
    for step in 0..40 {
        driver.at = START.plus(Duration::from_secs(3 + 10 * step));
        for id in [KRAKEN, COINBASE] {
            book(&mut driver, id, 99_99, 100_09);
            driver.trade_of(id, 100_09, 10, Aggressor::Buy);
        }
        driver.send(Input::Tick);
    }
    driver.wait_ms(1_000);
    driver
}

/// The difference goes away, and what was taken is there again.
fn calm(driver: &mut Driver) {
    driver.wait_ms(10_000);
    book(driver, KRAKEN, 99_99, 100_09);
    book(driver, COINBASE, 99_99, 100_09);
    driver.wait_ms(10_000);
    driver.send(Input::Tick);
}

fn held(driver: &Driver, id: u16) -> Qty {
    let view = driver.engine.view();
    let account = view.accounts().find(|account| account.id() == AccountId::ARBITRAGE).expect("an account");
    account.portfolio().holding(InstrumentId(id)).map_or(Qty::ZERO, |holding| holding.qty)
}

fn tried(effects: &[Effect]) -> Vec<AttemptRecord> {
    let told = |effect: &Effect| {
        if let Effect::Record(Record::Attempt(told)) = effect { Some((**told).clone()) } else { None }
    };
    effects.iter().filter_map(told).collect()
}

/// The one attempt that ended with what came after `from` effects.
#[track_caller]
fn the_attempt(driver: &Driver, from: usize) -> AttemptRecord {
    let told = tried(&driver.effects[from..]);
    assert_eq!(told.len(), 1, "{told:?}");
    told[0].clone()
}

#[test]
fn what_is_still_there_at_arrival_is_caught_on_both_sides() {
    let mut driver = stocked(1_000, |_| {});
    let (before, from) = ([KRAKEN, COINBASE].map(|id| held(&driver, id)), driver.effects.len());
    assert!(before.iter().all(|held| held.0 > 10_000), "no stock: {before:?}");
    crossed(&mut driver);
    assert_eq!(tried(&driver.effects[from..]), [], "under way");
    driver.wait_ms(101);
    driver.send(Input::Tick);
    let told = the_attempt(&driver, from);
    assert_eq!((told.end, told.bought, told.sold, told.evened), (AttemptEnd::Caught, told.qty, told.qty, Qty::ZERO));
    // As the books said, but for what each fill rounds against us.
    assert!(told.expected.0 - told.result.0 < 10 && told.result > Cash::ZERO, "{told:?}");
    assert_eq!((told.even_order, told.currency.as_str(), told.ended_at), (None, "USD", driver.at));
    let after = [KRAKEN, COINBASE].map(|id| held(&driver, id));
    assert_eq!(after, [Qty(before[0].0 + told.qty.0), Qty(before[1].0 - told.qty.0)]);
}

#[test]
fn what_is_gone_at_arrival_costs_nothing() {
    let mut driver = stocked(1_000, |_| {});
    let from = driver.effects.len();
    crossed(&mut driver);
    driver.wait_ms(50);
    book(&mut driver, KRAKEN, 100_95, 101_05);
    book(&mut driver, COINBASE, 99_90, 101_10);
    driver.wait_ms(51);
    driver.send(Input::Tick);
    let told = the_attempt(&driver, from);
    assert_eq!((told.end, told.bought, told.sold, told.result), (AttemptEnd::Gone, Qty::ZERO, Qty::ZERO, Cash::ZERO));
    assert!(told.expected > Cash::ZERO && !told.qty.is_zero());
}

#[test]
fn what_only_one_side_got_goes_back_and_that_is_counted() {
    let mut driver = stocked(1_000, |_| {});
    let (before, from) = (held(&driver, KRAKEN), driver.effects.len());
    crossed(&mut driver);
    driver.wait_ms(50);
    // The buyer is gone before the coins can be sold to him.
    book(&mut driver, COINBASE, 99_90, 100_10);
    driver.wait_ms(51);
    driver.send(Input::Tick);
    assert_eq!(tried(&driver.effects[from..]), [], "what was bought goes back first");
    driver.wait_ms(101);
    driver.send(Input::Tick);
    let told = the_attempt(&driver, from);
    assert_eq!((told.end, told.bought, told.sold, told.evened), (AttemptEnd::OneSided, told.qty, Qty::ZERO, told.qty));
    // Bought at 100.00 and above, sold at 99.90 and below, with both fees.
    assert!(told.result < -told.expected.share(Ppm(100_000), types::Rounding::Floor), "{told:?}");
    assert_eq!(held(&driver, KRAKEN), before);
}

#[test]
fn nobody_sells_what_is_not_there() {
    let mut driver = stocked(1_000, |settings| settings.risk.order_max_ppm = 1_000_000);
    let mut ends = Vec::new();
    for _ in 0..20 {
        let from = driver.effects.len();
        crossed(&mut driver);
        driver.wait_ms(101);
        driver.send(Input::Tick);
        ends.push(the_attempt(&driver, from).end);
        calm(&mut driver);
    }
    assert_eq!(ends[0], AttemptEnd::Caught);
    assert!(matches!(ends.last(), Some(AttemptEnd::NoCoins | AttemptEnd::NoMoney)), "{ends:?}");
}

#[test]
fn who_stops_trading_stops_attempts() {
    let mut driver = stocked(1_000, |_| {});
    let orders = |driver: &Driver| {
        driver.records_of(AccountId::ARBITRAGE).filter(|record| matches!(record, Record::Order(_))).count()
    };
    let (before, from) = (orders(&driver), driver.effects.len());
    driver.send(Input::Command(Command::Trading { on: false }));
    crossed(&mut driver);
    assert_eq!((orders(&driver), tried(&driver.effects[from..])), (before, vec![]), "not wanted");
}

#[test]
fn who_traded_more_pays_less() {
    let mut driver = stocked(1_000, |settings| {
        let row = |volume_min, taker| FeeRow {
            valid_from: Date::EPOCH,
            volume_min,
            maker_ppm: Ppm(0),
            taker_ppm: Ppm(taker),
            confirmed: true,
            source: "test".to_owned(),
        };
        settings.fees.kraken = FeeRows::try_from(vec![row(0, 1_000), row(200, 100)]).expect("in order");
    });
    let fees = |driver: &Driver| -> Vec<i64> {
        let fills = driver.effects.iter().filter_map(|effect| match effect {
            Effect::Record(Record::Fill(fill)) => Some(fill),
            _ => None,
        });
        let ours = fills.filter(|fill| (fill.account, fill.instrument) == (AccountId::ARBITRAGE, InstrumentId(KRAKEN)));
        let ppm = |fill: &types::Fill| {
            let value = common::instrument(0).scale.notional(fill.price, fill.qty, types::Rounding::Ceil);
            // To the nearest: fees round up.
            (fill.fee.0 * 1_000_000 + value.0 / 2) / value.0
        };
        ours.map(ppm).collect()
    };
    for _ in 0..8 {
        crossed(&mut driver);
        driver.wait_ms(101);
        driver.send(Input::Tick);
        calm(&mut driver);
    }
    let fees = fees(&driver);
    assert_eq!((fees.first(), fees.last()), (Some(&1_000), Some(&100)), "{fees:?}");
    assert!(fees.is_sorted_by(|before, after| before >= after), "{fees:?}");
}

#[test]
fn switched_off_its_stock_is_sold() {
    let mut driver = stocked(1_000, |_| {});
    assert!(!held(&driver, KRAKEN).is_zero() && !held(&driver, COINBASE).is_zero());
    let mut off = settings(1_000);
    off.arbitrage.trade = false;
    driver.boot(off);
    driver.send(Input::Clock { synchronised: true });
    for _ in 0..4 {
        book(&mut driver, KRAKEN, 99_99, 100_09);
        book(&mut driver, COINBASE, 99_99, 100_09);
        driver.wait_ms(6_000);
        driver.send(Input::Tick);
    }
    assert_eq!([KRAKEN, COINBASE].map(|id| held(&driver, id)), [Qty::ZERO; 2]);
    let view = driver.engine.view();
    let account = view.accounts().find(|account| account.id() == AccountId::ARBITRAGE).expect("stays known");
    assert!(!account.is_active());
    driver.boot(settings(1_000));
    calm_minutes(&mut driver);
    assert!(!held(&driver, KRAKEN).is_zero() && !held(&driver, COINBASE).is_zero(), "bought again");
}

/// Four quiet minutes after a start. What was taken is there again: somebody is at another price in between.
fn calm_minutes(driver: &mut Driver) {
    driver.send(Input::Clock { synchronised: true });
    for _ in 0..24 {
        for id in [KRAKEN, COINBASE] {
            book(driver, id, 99_94, 100_14);
            book(driver, id, 99_99, 100_09);
            driver.trade_of(id, 100_09, 10, Aggressor::Buy);
        }
        driver.wait_ms(10_000);
        driver.send(Input::Tick);
    }
}

#[test]
fn another_version_of_the_program_does_not_buy_the_stock_again() {
    let mut driver = stocked(1_000, |_| {});
    let before = [KRAKEN, COINBASE].map(|id| held(&driver, id));
    driver.engine = engine::Engine::resumed(&driver.accounts_left(), engine::seal::Chain::default());
    driver.boot(settings(1_000));
    for (id, venue) in [(KRAKEN, Venue::Kraken), (COINBASE, Venue::Coinbase)] {
        driver.send(Input::Instrument(instrument(id, venue, "BTC", "USD")));
    }
    calm_minutes(&mut driver);
    assert_eq!([KRAKEN, COINBASE].map(|id| held(&driver, id)), before);
}
