//! Series, ledger and catalogue: upserts, ranges, numbers.

use store::disk::faulty::{Faults, FaultyDisk};
use store::{BlockBuilder, Entry, Pending, ScoredForecast, Span, State};
use tempfile::tempdir;
use types::arbitrage::{ArbitrageEnd, ArbitrageLeg};
use types::effect::{Base, CandleRecord, EquityRecord, ForecastRecord, Record, ScoreRecord, SealRecord};
use types::market::{CandleSource, Quote};
use types::order::{Liquidity, OrderEnd, OrderKind, Reason, Refusal};
use types::quality::{GapReason, GapRecord, QualityRecord, QuarantineReason, QuarantineRecord, Quarantined};
use types::why::{ArrivalRecord, Check, WhyForecast, WhyRecord};
use types::{
    AccountDay, AccountId, AccountPosition, AccountPurse, AccountRecord, ArbitrageEndReason, ArbitrageRecord,
    ArbitrageSize, AttemptEnd, AttemptRecord, BreakerCause, BreakerRecord, BreakerScope, Candle, Cash, DayVolume, Fill,
    Input, Instrument, InstrumentId, Level, Lot, Order, OrderId, Ppm, Price, Qty, QualityMinute, RulesRecord, Scale,
    Side, Stamped, StatusRecord, Tally, Timeframe, Timestamp, TradingStatus, Venue,
};

use crate::world::START;

const BTC: InstrumentId = InstrumentId(3);

fn minute(n: i64) -> Timestamp {
    Timestamp::from_secs(START.as_secs() + 60 * n)
}

fn price(mantissa: i64) -> Price {
    Price::new(mantissa).expect("positive")
}

fn entry(seq: u64, rank: u16, record: Record) -> Entry {
    Entry { seq, rank, record }
}

fn candle(n: i64, close: i64) -> CandleRecord {
    let candle = Candle::flat(minute(n), price(close));
    CandleRecord {
        instrument: BTC,
        timeframe: Timeframe::M1,
        candle,
        source: CandleSource::Built,
        agrees: None,
        revision: 0,
        is_clock_set: true,
        quote: None,
    }
}

fn order(id: u64, n: i64) -> Order {
    Order {
        id: OrderId(id),
        account: AccountId::LEAD,
        instrument: BTC,
        side: Side::Buy,
        qty: Qty(5),
        kind: OrderKind::Market,
        reason: Reason::User,
        at: minute(n),
    }
}

fn fill(order: u64, n: i64) -> Fill {
    Fill {
        order: OrderId(order),
        account: AccountId::LEAD,
        instrument: BTC,
        side: Side::Buy,
        price: price(100),
        qty: Qty(1),
        fee: Cash(3),
        liquidity: Liquidity::Maker,
        at: minute(n),
    }
}

fn open(dir: &std::path::Path) -> State {
    State::open(dir).expect("opens")
}

#[test]
fn candles_are_replaced_by_later_knowledge_and_found_by_time() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let mut entries: Vec<Entry> = (0..100).map(|n| entry(n as u64, 0, Record::Candle(candle(n, 1_000 + n)))).collect();
    let hourly = CandleRecord { timeframe: Timeframe::H1, ..candle(0, 5) };
    let other = CandleRecord { instrument: InstrumentId(4), ..candle(50, 7) };
    entries.push(entry(100, 0, Record::Candle(hourly.clone())));
    entries.push(entry(100, 1, Record::Candle(other)));
    state.write(&entries, 100).expect("writes");
    let corrected = CandleRecord { agrees: Some(true), ..candle(60, 4_242) };
    state.write(&[entry(101, 0, Record::Candle(corrected.clone()))], 101).expect("writes");

    let found = state.candles(BTC, Timeframe::M1, Span::between(minute(58), minute(63), 100)).expect("reads");
    assert_eq!(found, [candle(58, 1_058), candle(59, 1_059), corrected, candle(61, 1_061), candle(62, 1_062)]);
    let newest = state.candles(BTC, Timeframe::M1, Span::last(2, minute(50))).expect("reads");
    assert_eq!(newest, [candle(48, 1_048), candle(49, 1_049)]);
    assert_eq!(state.candles(BTC, Timeframe::H1, Span::last(9, Timestamp::MAX)).expect("reads"), [hourly]);
    assert_eq!(state.candles(BTC, Timeframe::M1, Span::between(minute(9), minute(3), 9)).expect("reads"), []);
    assert_eq!(state.candles(InstrumentId(9), Timeframe::M1, Span::last(9, Timestamp::MAX)).expect("reads"), []);
    drop(state);
    let state = open(dir.path());
    assert_eq!(state.applied().expect("reads"), 101);
    assert_eq!(state.candles(BTC, Timeframe::M1, Span::last(1_000, Timestamp::MAX)).expect("reads").len(), 100);
}

fn forecast(horizon_min: u16) -> ForecastRecord {
    let model = "m".to_owned();
    ForecastRecord {
        instrument: BTC,
        open_time: minute(1),
        model,
        horizon_min,
        base: Base::Close(price(9)),
        log_return: 0.5,
        p_up: 0.75,
        quantiles: Vec::new(),
    }
}

fn score() -> ScoreRecord {
    let model = "m".to_owned();
    ScoreRecord { instrument: BTC, open_time: minute(1), model, horizon_min: 5, log_return: 0.5, outcome: -0.25 }
}

#[test]
fn forecasts_are_found_by_time_and_keep_what_came_of_them() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let made = |n, model: &str, horizon_min| ForecastRecord {
        open_time: minute(n),
        model: model.to_owned(),
        ..forecast(horizon_min)
    };
    let mut all = Vec::new();
    for n in 0..5 {
        for (model, horizon_min) in [("b", 30), ("b", 5), ("a", 5)] {
            all.push(entry(1, 0, Record::Forecast(made(n, model, horizon_min))));
        }
    }
    let score = ScoreRecord { model: "b".to_owned(), horizon_min: 30, ..score() };
    let unknown = ScoreRecord { open_time: minute(77), ..score.clone() };
    all.extend([entry(2, 0, Record::Score(score)), entry(2, 1, Record::Score(unknown))]);
    state.write(&all, 2).expect("writes");
    // Written again after a start, as the journal tells it: what came stays.
    state.write(&[entry(1, 0, Record::Forecast(made(1, "b", 30)))], 2).expect("writes");
    let find = |span| {
        let found = state.forecasts(BTC, span).expect("reads");
        let short = |found: ScoredForecast| {
            let ScoredForecast { forecast, outcome } = found;
            (
                forecast.open_time.as_secs() / 60 - minute(0).as_secs() / 60,
                forecast.model,
                forecast.horizon_min,
                outcome,
            )
        };
        found.into_iter().map(short).collect::<Vec<_>>()
    };
    let row = |n, model: &str, horizon_min, outcome| (n, model.to_owned(), horizon_min, outcome);
    assert_eq!(
        find(Span::between(minute(1), minute(3), 5)),
        [
            row(1, "a", 5, None),
            row(1, "b", 5, None),
            row(1, "b", 30, Some(-0.25)),
            row(2, "a", 5, None),
            row(2, "b", 5, None)
        ]
    );
    assert_eq!(find(Span::last(2, minute(2))), [row(1, "b", 5, None), row(1, "b", 30, Some(-0.25))]);
    assert_eq!(find(Span::last(99, Timestamp::MAX)).len(), 15);
    assert_eq!(find(Span::between(minute(3), minute(3), 5)), []);
    assert_eq!(state.forecasts(InstrumentId(9), Span::last(9, Timestamp::MAX)).expect("reads"), []);
}

fn equity() -> EquityRecord {
    EquityRecord {
        account: AccountId::LEAD,
        at: minute(2),
        cash: Cash(1),
        equity: Cash(2),
        hold: Cash(3),
        fees: Cash(4),
        positions: vec![],
    }
}

/// Every kind of record, with what could be taken for doubles.
pub(crate) fn one_of_each() -> Vec<Entry> {
    vec![
        entry(1, 0, Record::Forecast(forecast(5))),
        entry(1, 1, Record::Forecast(forecast(10))),
        entry(2, 0, Record::Score(score())),
        entry(2, 1, Record::Candle(candle(2, 7))),
        entry(3, 0, Record::Order(order(768, 2))),
        entry(3, 1, Record::Refused { order: order(769, 2), refusal: Refusal::Cash }),
        // Alike in every value: two fills all the same.
        entry(4, 0, Record::Fill(fill(768, 2))),
        entry(4, 1, Record::Fill(fill(768, 2))),
        entry(5, 0, Record::OrderEnd { order: OrderId(768), end: OrderEnd::Filled, at: minute(2) }),
        entry(6, 0, Record::Equity(equity())),
    ]
}

/// The kinds of format 2.
pub(crate) fn kinds_of_format_2() -> Vec<Entry> {
    let corrected = CandleRecord { revision: 1, ..candle(2, 8) };
    let heard = QualityMinute { live_ms: 60_000, ..QualityMinute::new(BTC, minute(2)) };
    let row = QualityRecord { heard, refused: 1, quarantined: 2, is_clock_set: true };
    vec![
        entry(6, 1, Record::Candle(corrected)),
        entry(6, 2, Record::Quality(row)),
        entry(6, 3, Record::Gap(gap(BTC, 3, GapReason::NotHeard))),
        entry(6, 4, Record::Quarantine(Box::new(set_aside(0)))),
    ]
}

/// What came with format 4.
pub(crate) fn kinds_of_format_4() -> Vec<Entry> {
    let accounts = [account(0, 6), account(0, 7)].map(|account| Record::Account(Box::new(account)));
    let seals = (1..=3).map(|number| Record::Seal(seal(number)));
    accounts.into_iter().chain(seals).zip(5..).map(|(record, rank)| entry(6, rank, record)).collect()
}

/// The state holds the links of [`kinds_of_format_4`].
#[track_caller]
pub(crate) fn check_format_4(state: &State) {
    assert_eq!(state.seals(2, 9).expect("reads"), [seal(2), seal(3)]);
    assert_eq!(state.last_seal().expect("reads"), Some(seal(3)));
}

/// The state holds the one account that formats 4 and 5 had: 7 of cash, a position that cost 40, and a control with 50 of cash and
/// something worth 51.
#[track_caller]
pub(crate) fn check_account_of_format_4(state: &State) {
    let accounts = state.accounts().expect("reads");
    let [lead, hold] = accounts.as_slice() else { panic!("one account, and its control: {accounts:?}") };
    assert_eq!((lead.name.as_str(), lead.start, lead.unassigned, lead.equity), ("lead", Cash(100), Cash(7), Cash(99)));
    assert_eq!(
        (lead.peak, lead.boots, lead.is_stopped_by_user, lead.working.as_slice()),
        (Cash(101), 2, true, &[OrderId(5)][..])
    );
    let lot = Lot { qty: Qty(3), cost: Cash(40), fees: Cash(1), at: minute(2) };
    assert_eq!((lead.positions[0].lots.as_slice(), lead.positions[0].exit_at), (&[lot][..], minute(9)));
    assert_eq!((hold.name.as_str(), hold.unassigned, hold.equity), ("hold", Cash(50), Cash(101)));
    assert_eq!((hold.positions[0].lots[0].qty, hold.positions[0].lots[0].cost), (Qty(4), Cash(51)));
}

/// What came with format 6: accounts beside the first.
pub(crate) fn kinds_of_format_6() -> Vec<Entry> {
    let of_control = EquityRecord { account: AccountId::HOLD, equity: Cash(9), ..equity() };
    vec![
        entry(6, 13, Record::Account(Box::new(account(1, 8)))),
        entry(6, 14, Record::Equity(of_control)),
        entry(6, 15, Record::Order(Order { account: AccountId::HOLD, ..order(770, 3) })),
        entry(6, 16, Record::Fill(Fill { account: AccountId::HOLD, ..fill(770, 3) })),
        entry(6, 17, Record::Why(Box::new(why()))),
        entry(6, 18, Record::Arrival(arrival())),
    ]
}

/// What came with format 7: what was traded where, and differences between exchanges that were tried.
pub(crate) fn kinds_of_format_7() -> Vec<Entry> {
    vec![
        entry(6, 19, Record::Account(Box::new(with_volume()))),
        entry(6, 20, Record::Attempt(Box::new(attempt(7, 1)))),
        entry(6, 21, Record::Attempt(Box::new(attempt(8, 1)))),
    ]
}

fn with_volume() -> AccountRecord {
    let volumes = vec![DayVolume { day: minute(4).day(), venue: Venue::Kraken, value: Cash(12) }];
    AccountRecord { volumes, ..account(2, 9) }
}

fn attempt(seq: u64, n: i64) -> AttemptRecord {
    AttemptRecord {
        seq,
        at: minute(n),
        buy: InstrumentId(1),
        sell: InstrumentId(2),
        qty_decimals: 8,
        currency: "USD".to_owned(),
        qty: Qty(5),
        expected: Cash(6),
        buy_order: Some(OrderId(770)),
        sell_order: Some(OrderId(771)),
        even_order: None,
        bought: Qty(4),
        sold: Qty(4),
        evened: Qty::ZERO,
        result: Cash(-3),
        ended_at: minute(n),
        end: AttemptEnd::Refused(Refusal::PositionLimit),
    }
}

/// The state holds [`kinds_of_format_7`].
#[track_caller]
pub(crate) fn check_format_7(state: &State) {
    assert_eq!(state.accounts().expect("reads")[2], with_volume());
    assert_eq!(state.attempts(Span::between(minute(1), minute(2), 9)).expect("reads"), [attempt(7, 1), attempt(8, 1)]);
    assert_eq!(state.attempts(Span::between(minute(2), minute(9), 9)).expect("reads"), []);
}

#[test]
fn breakers_are_told_by_when_they_opened_and_closed() {
    let dir = tempdir().expect("temporary folder");
    let state = State::open(dir.path()).expect("opens");
    let breaker = |at, opened| BreakerRecord {
        at: minute(at),
        cause: BreakerCause::Spread,
        scope: BreakerScope::Instrument(BTC),
        opened,
    };
    let told = [breaker(1, Some((12, 10))), breaker(2, None), breaker(2, Some((11, 10)))];
    let entries: Vec<Entry> = told.iter().zip(0..).map(|(it, rank)| entry(7, rank, Record::Breaker(*it))).collect();
    state.write(&entries, 7).expect("writes");
    state.write(&entries, 7).expect("writes what is there already");
    assert_eq!(state.breakers(Span::between(minute(0), minute(9), 9)).expect("reads"), told);
    assert_eq!(state.breakers(Span::last(1, minute(9))).expect("reads"), [told[2]]);
    assert_eq!(state.breakers(Span::between(minute(2), minute(9), 9)).expect("reads"), told[1..]);
}

fn why() -> WhyRecord {
    let forecast = WhyForecast {
        model: "abc".to_owned(),
        open_time: minute(1),
        horizon_min: 30,
        log_return: 0.25,
        p_up: 0.75,
        band_90: Some(0.5),
        decision: None,
        features: vec![("ret_1".to_owned(), -0.125)],
    };
    WhyRecord {
        order: OrderId(770),
        account: AccountId::HOLD,
        instrument: BTC,
        at: minute(3),
        forecast: Some(forecast),
        value: Cash(6),
        equity: Cash(99),
        checks: vec![Check { limit: Refusal::PositionLimit, value: 6, max: 20 }],
        bids: vec![Level { price: price(6), qty: Qty(1) }],
        asks: vec![Level { price: price(8), qty: Qty(2) }],
    }
}

fn arrival() -> ArrivalRecord {
    let quote = Some(Quote { bid: price(6), ask: price(8) });
    ArrivalRecord { order: OrderId(770), at: minute(3), quote, ahead: Some(Qty(4)) }
}

/// The state holds [`kinds_of_format_6`].
#[track_caller]
pub(crate) fn check_format_6(state: &State) {
    let all = Span::last(100, Timestamp::MAX);
    assert_eq!(state.accounts().expect("reads")[..2], [account(0, 7), account(1, 8)], "the newest of each");
    assert_eq!(state.equity(AccountId::HOLD, all).expect("reads")[0].equity, Cash(9));
    let orders =
        |account| state.orders(account, all).expect("reads").iter().map(|order| order.id.0).collect::<Vec<_>>();
    assert_eq!((orders(None), orders(Some(AccountId::HOLD))), (vec![768, 770], vec![770]));
    assert_eq!(state.why(OrderId(770)).expect("reads"), Some(why()));
    assert_eq!(state.arrival(OrderId(770)).expect("reads"), Some(arrival()));
    assert_eq!((state.why(OrderId(768)).expect("reads"), state.arrival(OrderId(768)).expect("reads")), (None, None));
    let newest = Span::last(1, Timestamp::MAX);
    assert_eq!(state.fills(Some(AccountId::LEAD), newest).expect("reads"), [fill(768, 2)], "others do not count");
}

/// What came with format 5: the book at a minute's close, and forecasts that count from it.
pub(crate) fn kinds_of_format_5() -> Vec<Entry> {
    vec![
        entry(6, 10, Record::Candle(quoted_candle())),
        entry(6, 11, Record::Forecast(quoted_forecast(5))),
        entry(6, 12, Record::Forecast(quoted_forecast(10))),
    ]
}

/// The state holds [`kinds_of_format_5`].
#[track_caller]
pub(crate) fn check_format_5(state: &State) {
    let span = Span::between(minute(20), minute(21), 9);
    assert_eq!(state.candles(BTC, Timeframe::M1, span).expect("reads"), [quoted_candle()]);
    let made = [5, 10].map(|horizon_min| ScoredForecast { forecast: quoted_forecast(horizon_min), outcome: None });
    assert_eq!(state.forecasts(BTC, span).expect("reads"), made);
}

fn quoted_candle() -> CandleRecord {
    CandleRecord { quote: Some(Quote { bid: price(6), ask: price(8) }), ..candle(20, 7) }
}

fn quoted_forecast(horizon_min: u16) -> ForecastRecord {
    let base = Base::Quote(Quote { bid: price(6), ask: price(8) });
    ForecastRecord { open_time: minute(20), base, quantiles: vec![-0.5, 0.0, 0.5], ..forecast(horizon_min) }
}

fn seal(number: u64) -> SealRecord {
    let open_time = minute(number as i64);
    SealRecord { number, at: open_time, instrument: BTC, open_time, link: [number as u8; 32] }
}

#[test]
fn links_of_forecasts_that_are_gone_go_too_but_for_the_last() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let state = State::open(dir.path()).expect("creates");
    let seals: Vec<Entry> = (1..=9).map(|number| entry(6, number as u16, Record::Seal(seal(number)))).collect();
    state.write(&seals, 6).expect("writes");
    assert_eq!(state.prune(minute(5)).expect("prunes"), 3);
    assert_eq!(state.prune(minute(5)).expect("prunes"), 0);
    let numbers: Vec<u64> = state.seals(0, 99).expect("reads").iter().map(|seal| seal.number).collect();
    assert_eq!(numbers, [4, 5, 6, 7, 8, 9]);
    assert_eq!(state.prune(minute(99)).expect("prunes"), 5);
    assert_eq!(state.last_seal().expect("reads"), Some(seal(9)), "the chain goes on from it");
}

fn account(id: u8, cash: i64) -> AccountRecord {
    let position = AccountPosition {
        instrument: BTC,
        lots: vec![Lot { qty: Qty(3), cost: Cash(40), fees: Cash(1), at: minute(2) }],
        rule: types::settings::Rule::Reversion,
        opener: "reversion".to_owned(),
        exit_at: minute(9),
        value_max: Cash(41),
        gain: Cash(-2),
    };
    let purse = AccountPurse {
        venue: Venue::Kraken,
        currency: "USD".to_owned(),
        cash: Cash(cash),
        deposited: Cash(90),
        fees: Cash(1),
        realised: Cash(-2),
    };
    AccountRecord {
        account: AccountId(id),
        name: format!("number {id}"),
        at: minute(4),
        boots: 2,
        start: Cash(100),
        unassigned: Cash(10),
        purses: vec![purse],
        equity: Cash(99),
        peak: Cash(101),
        day: AccountDay { day: minute(4).day(), equity_start: Cash(98), trades: 1, fees: Cash(1) },
        week_start: Cash(97),
        is_breaker_open: false,
        is_stopped_by_user: true,
        losses_in_row: 2,
        positions: vec![position],
        by_instrument: vec![(BTC, Tally { trades: 3, ..Tally::default() })],
        by_opener: vec![("reversion".to_owned(), Tally { trades: 3, ..Tally::default() })],
        working: vec![OrderId(5)],
        volumes: Vec::new(),
    }
}

#[test]
fn an_account_is_one_row_and_a_file_without_any_says_so() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let state = State::open(dir.path()).expect("creates");
    assert_eq!(state.accounts().expect("reads"), []);
    state.write(&one_of_each(), 6).expect("writes");
    state.write(&kinds_of_format_4(), 6).expect("writes");
    check_format_4(&state);
    state.write(&kinds_of_format_5(), 6).expect("writes");
    check_format_5(&state);
    state.write(&kinds_of_format_6(), 6).expect("writes");
    check_format_6(&state);
    state.write(&kinds_of_format_7(), 6).expect("writes");
    check_format_7(&state);
    let tables = state.tables().expect("reads");
    assert_eq!(tables.iter().find(|table| table.name == "accounts").expect("there").rows, 3);
}

/// The state holds [`kinds_of_format_2`] beside [`one_of_each`].
#[track_caller]
pub(crate) fn check_format_2(state: &State) {
    let all = Span::last(100, Timestamp::MAX);
    check_forecasts(state);
    let revisions = state.revisions(BTC, Timeframe::M1, minute(2)).expect("reads");
    assert_eq!(revisions, [candle(2, 7), CandleRecord { revision: 1, ..candle(2, 8) }]);
    assert_eq!(state.quality(BTC, all).expect("reads").len(), 1);
    assert_eq!(state.gaps(BTC, all).expect("reads"), [gap(BTC, 3, GapReason::NotHeard)]);
    assert_eq!(state.quarantine(all).expect("reads"), [set_aside(0)]);
}

#[track_caller]
fn check_forecasts(state: &State) {
    let scored = |horizon_min, outcome| ScoredForecast { forecast: forecast(horizon_min), outcome };
    let found = state.forecasts(BTC, Span::last(100, Timestamp::MAX)).expect("reads");
    assert_eq!(found, [scored(5, Some(-0.25)), scored(10, None)]);
}

#[test]
fn what_waits_is_seen_at_once_and_outlives_a_disk_that_loses_it() {
    let disk = FaultyDisk::new(3);
    let dir = std::path::Path::new("/box");
    let mut state = Some(State::open_on(&disk, dir).expect("creates"));
    let mut pending = Pending::default();
    let block = |seq: u64, n: i64| {
        let mut builder = BlockBuilder::new();
        builder.push(&Stamped { seq, at: minute(n), input: Input::Tick }, &[]).expect("the first");
        builder.finish().expect("not empty").header().clone()
    };
    let applied = |state: &Option<State>| state.as_ref().expect("open").applied().expect("reads");
    pending.hold(&block(1, 1), vec![entry(1, 0, Record::Candle(candle(1, 7)))]);
    pending.write(state.as_ref().expect("open"), minute(1)).expect("writes");
    assert_eq!(applied(&state), 1, "readers see it");
    // A power cut before it was synced.
    disk.set_faults(Faults { power_cut_in: Some(1), ..Faults::default() });
    pending.hold(&block(2, 2), vec![entry(2, 0, Record::Candle(candle(2, 7)))]);
    assert!(pending.sync(state.as_ref().expect("open")).is_err());
    drop(state.take());
    disk.restart();
    state = Some(State::open_on(&disk, dir).expect("opens"));
    assert_eq!(applied(&state), 0);
    // A card that failed and is there again: nothing of what the journal has may be missing.
    pending.again();
    pending.write(state.as_ref().expect("open"), minute(2)).expect("writes");
    assert_eq!(applied(&state), 2);
    // After some minutes it is synced by itself.
    pending.write(state.as_ref().expect("open"), minute(6)).expect("writes");
    disk.set_faults(Faults { power_cut_in: Some(1), ..Faults::default() });
    drop(state.take());
    disk.restart();
    state = Some(State::open_on(&disk, dir).expect("opens"));
    let found = state.as_ref().expect("open").candles(BTC, Timeframe::M1, Span::last(9, Timestamp::MAX));
    assert_eq!(found.expect("reads").len(), 2);
}

#[test]
fn whether_an_instrument_is_traded_is_kept_with_its_time() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let row = |instrument, n, status| StatusRecord { instrument, at: minute(n), status };
    let rows = [
        row(BTC, 1, TradingStatus::Trading),
        row(InstrumentId(4), 1, TradingStatus::NotListed),
        row(BTC, 5, TradingStatus::Halted),
    ];
    let entries: Vec<Entry> = (1..).zip(rows).map(|(seq, row)| entry(seq, 0, Record::Status(row))).collect();
    state.write(&entries, 3).expect("written");
    state.write(&entries, 3).expect("written again");
    let found = state.statuses(BTC, Span::last(9, Timestamp::MAX)).expect("reads");
    assert_eq!(found, [rows[0], rows[2]]);
    assert_eq!(state.statuses(InstrumentId(4), Span::between(minute(2), minute(9), 9)).expect("reads"), []);
}

fn gap(instrument: InstrumentId, n: i64, reason: GapReason) -> GapRecord {
    GapRecord { instrument, from: minute(n), to: minute(n + 1), reason, is_clock_set: true }
}

fn set_aside(n: i64) -> QuarantineRecord {
    QuarantineRecord {
        instrument: BTC,
        at: Timestamp::from_nanos(START.as_nanos() + n),
        what: Quarantined::Book { bid: None, ask: None },
        reason: QuarantineReason::Price,
        trusted: Some(price(100)),
    }
}

/// The state holds [`one_of_each`], once.
#[track_caller]
pub(crate) fn check_all(state: &State) {
    let all = Span::last(100, Timestamp::MAX);
    assert_eq!(state.applied().expect("reads"), 6);
    assert_eq!(state.candles(BTC, Timeframe::M1, all).expect("reads"), [candle(2, 7)]);
    check_forecasts(state);
    assert_eq!(state.orders(None, all).expect("reads"), [order(768, 2)]);
    assert_eq!(state.refusals(None, all).expect("reads"), [(order(769, 2), Refusal::Cash)]);
    assert_eq!(state.fills(None, all).expect("reads"), [fill(768, 2), fill(768, 2)]);
    assert_eq!(state.order_end(OrderId(768)).expect("reads"), Some((OrderEnd::Filled, minute(2))));
    assert_eq!(state.order_end(OrderId(1)).expect("reads"), None);
    assert_eq!(state.equity(AccountId::LEAD, all).expect("reads"), [equity()]);
    assert_eq!(state.equity(AccountId::LEAD, Span::between(minute(0), minute(2), 9)).expect("reads"), []);
}

#[test]
fn writing_twice_is_writing_once() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    for _ in 0..2 {
        state.write(&one_of_each(), 6).expect("writes");
        check_all(&state);
    }
}

#[test]
fn quality_rows_are_found_by_instrument_and_minute() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let row = |instrument, n, gaps| {
        let heard = QualityMinute { live_ms: 60_000, gaps, ..QualityMinute::new(instrument, minute(n)) };
        QualityRecord { heard, refused: 1, quarantined: 2, is_clock_set: true }
    };
    let other = InstrumentId(4);
    let rows = [row(BTC, 1, 0), row(other, 1, 5), row(BTC, 2, 1), row(BTC, 4, 2)];
    let entries: Vec<Entry> = rows.iter().map(|row| entry(1, 0, Record::Quality(row.clone()))).collect();
    for _ in 0..2 {
        state.write(&entries, 1).expect("writes");
    }
    let found = state.quality(BTC, Span::between(minute(2), minute(9), 9)).expect("reads");
    assert_eq!(found, [row(BTC, 2, 1), row(BTC, 4, 2)]);
    assert_eq!(state.quality(other, Span::last(9, Timestamp::MAX)).expect("reads"), [row(other, 1, 5)]);
}

#[test]
fn a_correction_is_a_revision_beside_the_first_in_whatever_order_they_are_written() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let revision = |revision, close| CandleRecord { revision, ..candle(7, close) };
    let confirmed = CandleRecord { agrees: Some(true), ..revision(1, 20) };
    let all = [revision(0, 10), revision(1, 20), confirmed.clone(), revision(2, 30)];
    let entries: Vec<Entry> = (1..).zip(&all).map(|(seq, c)| entry(seq, 0, Record::Candle(c.clone()))).collect();
    // The second time as after a pulled plug.
    for _ in 0..2 {
        state.write(&entries, 4).expect("writes");
        let kept = state.revisions(BTC, Timeframe::M1, minute(7)).expect("reads");
        assert_eq!(kept, [revision(0, 10), confirmed.clone(), revision(2, 30)]);
    }
    let counts = state.candles(BTC, Timeframe::M1, Span::last(9, Timestamp::MAX)).expect("reads");
    assert_eq!(counts, [revision(2, 30)]);
    assert_eq!(state.revisions(BTC, Timeframe::M1, minute(8)).expect("reads"), []);
}

#[test]
fn gaps_are_found_by_instrument_and_time() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let gaps = [
        gap(BTC, 3, GapReason::NotHeard),
        gap(InstrumentId(4), 3, GapReason::NotHeard),
        gap(BTC, 5, GapReason::TradesMissing),
    ];
    let entries: Vec<Entry> = gaps.iter().map(|gap| entry(1, 0, Record::Gap(*gap))).collect();
    state.write(&entries, 1).expect("writes");
    let found = state.gaps(BTC, Span::last(9, Timestamp::MAX)).expect("reads");
    assert_eq!(found, [gaps[0], gaps[2]]);
    assert_eq!(state.gaps(BTC, Span::between(minute(4), minute(9), 9)).expect("reads"), [gaps[2]]);
}

#[test]
fn what_was_set_aside_is_kept_up_to_a_bound() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let max = store::state::QUARANTINE_MAX as i64;
    let entries: Vec<Entry> =
        (0..max + 5).map(|n| entry(n as u64, 0, Record::Quarantine(Box::new(set_aside(n))))).collect();
    state.write(&entries, 1).expect("writes");
    let found = state.quarantine(Span::last(usize::MAX, Timestamp::MAX)).expect("reads");
    assert_eq!((found.len() as i64, &found[0]), (max, &set_aside(5)));
}

fn opportunity(seq: u64, n: i64, end: Option<ArbitrageEnd>) -> ArbitrageRecord {
    let leg = |id, venue| ArbitrageLeg { instrument: InstrumentId(id), venue, taker_ppm: Ppm(1_000) };
    let size = ArbitrageSize { at: minute(n), qty: Qty(1), cost: Cash(2), profit: Cash(3), net_cbps: 4 };
    ArbitrageRecord {
        seq,
        opened_at: minute(n),
        buy: leg(1, Venue::Kraken),
        sell: leg(2, Venue::Coinbase),
        base: "BTC".to_owned(),
        currency: "USD".to_owned(),
        qty_decimals: 8,
        rate: None,
        first: size,
        best: size,
        peak_cbps: 4,
        returns: 0,
        end,
    }
}

#[test]
fn what_is_known_of_an_opportunity_replaces_what_was() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let end = ArbitrageEnd { at: minute(2), reason: ArbitrageEndReason::PricesMoved };
    let entries: Vec<Entry> = [opportunity(7, 1, None), opportunity(8, 1, None), opportunity(7, 1, Some(end))]
        .map(|known| entry(1, 0, Record::Arbitrage(Box::new(known))))
        .to_vec();
    for _ in 0..2 {
        state.write(&entries, 1).expect("writes");
    }
    let expected = [opportunity(7, 1, Some(end)), opportunity(8, 1, None)];
    assert_eq!(state.arbitrage(Span::between(minute(1), minute(2), 9)).expect("reads"), expected);
    assert_eq!(state.arbitrage(Span::between(minute(2), minute(9), 9)).expect("reads"), []);
    drop(state);
    let state = State::open_read(dir.path()).expect("opens for looking");
    assert_eq!(state.arbitrage(Span::last(1, Timestamp::MAX)).expect("reads"), expected[1..]);
}

#[test]
fn instrument_numbers_are_given_once_and_for_all() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    let id = |state: &State, venue, symbol| state.resolve(venue, symbol).expect("resolves").0;
    assert_eq!(id(&state, Venue::Kraken, "BTC/USD"), 0);
    assert_eq!(id(&state, Venue::BinanceUs, "BTCUSDT"), 1);
    assert_eq!(id(&state, Venue::Kraken, "BTC/USD"), 0);
    drop(state);
    let state = open(dir.path());
    assert_eq!(id(&state, Venue::Kraken, "ETH/USD"), 2);
    assert_eq!(id(&state, Venue::BinanceUs, "BTCUSDT"), 1);
    let rules = Instrument {
        id: InstrumentId(1),
        venue: Venue::BinanceUs,
        symbol: "BTCUSDT".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        scale: Scale { price_decimals: 2, qty_decimals: 5 },
        tick: 1,
        lot: 1,
        qty_min: Qty(1),
        notional_min: Cash(0),
    };
    let put = |instrument: &Instrument, n: i64| {
        let record = RulesRecord { at: minute(n), instrument: instrument.clone() };
        state.write(&[entry(1, 0, Record::Rules(Box::new(record)))], 1).expect("writes");
    };
    put(&rules, 1);
    put(&Instrument { symbol: "ETHUSDT".to_owned(), ..rules.clone() }, 2);
    put(&Instrument { id: InstrumentId(9), ..rules.clone() }, 2);
    let adopted = Instrument { id: InstrumentId(7), symbol: "SOLUSDT".to_owned(), ..rules.clone() };
    put(&adopted, 3);
    let new_tick = Instrument { tick: 5, ..adopted.clone() };
    put(&new_tick, 4);
    let told = state.rules(InstrumentId(7), Span::last(9, Timestamp::MAX)).expect("reads");
    assert_eq!(told.iter().map(|row| row.instrument.tick).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(id(&state, Venue::BinanceUs, "SOLUSDT"), 7);
    assert_eq!(id(&state, Venue::BinanceUs, "XRPUSDT"), 8);
    let catalogue = state.catalogue().expect("reads");
    assert_eq!(catalogue.iter().map(|l| l.id.0).collect::<Vec<_>>(), [0, 1, 2, 7, 8]);
    assert_eq!(catalogue[1].instrument.as_ref(), Some(&rules), "a number does not move, a symbol has one number");
    assert_eq!(catalogue[3].instrument.as_ref(), Some(&new_tick));
    assert_eq!((catalogue[2].venue, catalogue[2].symbol.as_str()), (Venue::Kraken, "ETH/USD"));
}

#[test]
fn a_state_file_has_one_owner() {
    let dir = tempdir().expect("temporary directory");
    let _state = open(dir.path());
    let second = State::open(dir.path()).err().expect("refused");
    assert!(second.is_in_use(), "{second}");
}

#[test]
fn old_minutes_go_and_hours_and_the_ledger_stay() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    // Only instruments of the catalogue have anything.
    for symbol in ["A", "B", "C", "BTC/USD"] {
        state.resolve(Venue::Kraken, symbol).expect("resolves");
    }
    let mut entries = Vec::new();
    for n in 0..30_000i64 {
        let seq = n as u64 + 1;
        entries.push(entry(seq, 0, Record::Candle(candle(n, 1_000))));
        if n % 60 == 0 {
            let hourly = CandleRecord { timeframe: Timeframe::H1, ..candle(n, 1_000) };
            entries.push(entry(seq, 1, Record::Candle(hourly)));
            entries.push(entry(seq, 2, Record::Fill(fill(seq, n))));
            entries.push(entry(seq, 3, Record::Gap(gap(BTC, n, GapReason::NotHeard))));
            let made = ForecastRecord { instrument: BTC, open_time: minute(n), ..forecast(5) };
            entries.push(entry(seq, 4, Record::Forecast(made)));
        }
    }
    state.write(&entries, 30_000).expect("writes");
    let all = Span::last(usize::MAX, Timestamp::MAX);
    let count = |timeframe| state.candles(BTC, timeframe, all).expect("reads").len();
    let mut rounds = Vec::new();
    loop {
        rounds.push(state.prune(minute(24_000)).expect("removes"));
        if rounds.last() == Some(&0) {
            break;
        }
    }
    assert_eq!(rounds, [20_000, 4_800, 0], "not all at once");
    assert_eq!((count(Timeframe::M1), count(Timeframe::H1)), (6_000, 500));
    assert_eq!(state.candles(BTC, Timeframe::M1, all).expect("reads")[0].candle.open_time, minute(24_000));
    assert_eq!(state.fills(None, all).expect("reads").len(), 500);
    assert_eq!(state.forecasts(BTC, all).expect("reads").len(), 100);
    assert_eq!(state.gaps(BTC, all).expect("reads").len(), 100);
}

#[test]
fn a_copy_has_every_row_of_every_table_and_none_that_came_later() {
    let dir = tempdir().expect("temporary directory");
    let state = open(dir.path());
    state.resolve(Venue::Kraken, "BTC/USD").expect("resolves");
    state.write(&one_of_each(), 6).expect("writes");
    state.write(&kinds_of_format_2(), 6).expect("writes");
    let snapshot = state.snapshot().expect("begins");
    let before = state.snapshot().and_then(|snapshot| snapshot.digests()).expect("reads");
    state.write(&[entry(9, 0, Record::Fill(fill(9, 9)))], 9).expect("goes on");
    let copy = tempdir().expect("temporary directory");
    assert_eq!(snapshot.write_to(&copy.path().join("state.redb")).expect("copies"), before);
    let copied = open(copy.path());
    assert_eq!(copied.snapshot().and_then(|snapshot| snapshot.digests()).expect("reads"), before);
    assert_eq!((copied.applied().expect("reads"), state.applied().expect("reads")), (6, 9));
    // Every table that the file has is one that is copied.
    let names = |found: Vec<String>| {
        let mut found = found;
        found.sort();
        found
    };
    let tables = state.tables().expect("reads").into_iter().map(|table| table.name).collect();
    assert_eq!(names(before.iter().map(|table| table.table.clone()).collect()), names(tables));
    let changed = state.snapshot().and_then(|snapshot| snapshot.digests()).expect("reads");
    let differing: Vec<&str> =
        before.iter().zip(&changed).filter(|(a, b)| a != b).map(|(a, _)| a.table.as_str()).collect();
    assert_eq!(differing, ["meta", "fills"]);
}
