//! What is believed: implausible prices, repaired minutes, clocks that leap.

mod common;

use common::{Driver, book, instrument, price, settings};
use engine::quality::ClockStanding;
use engine::rejection::Rejection;
use proptest::prelude::*;
use types::effect::CandleRecord;
use types::market::{Aggressor, CandleSource, CandleState, StaleReason, Timeframe, TradesMissing, VenueCandle};
use types::quality::{GapReason, GapRecord, QuarantineReason, QuarantineRecord, Quarantined};
use types::settings::Rule;
use types::time::NS_PER_MIN;
use types::{
    BookTop, Candle, Effect, Input, InstrumentId, Level, Qty, QualityMinute, Record, Ticker, Timestamp, Trade, Venue,
};

const MID: i64 = 1_000_000;
const ID: InstrumentId = InstrumentId(0);

fn trade(id: u128, at: i64, venue_at: Timestamp) -> Trade {
    Trade { instrument: ID, id, price: price(at), qty: Qty(100), aggressor: Aggressor::Buy, fills: 1, venue_at }
}

fn told(open_time: Timestamp, [open, high, low, close]: [i64; 4], volume: u64, source: CandleSource) -> VenueCandle {
    let [open, high, low, close] = [open, high, low, close].map(price);
    let candle = Candle { open_time, open, high, low, close, volume: Qty(volume), trades: 1 };
    VenueCandle { instrument: ID, candle, state: CandleState::Final, source }
}

fn quarantined(driver: &Driver) -> Vec<&QuarantineRecord> {
    driver
        .records()
        .filter_map(|record| if let Record::Quarantine(record) = record { Some(&**record) } else { None })
        .collect()
}

fn gaps(driver: &Driver) -> Vec<&GapRecord> {
    driver.records().filter_map(|record| if let Record::Gap(gap) = record { Some(gap) } else { None }).collect()
}

/// One-minute candles as recorded, in order.
fn minutes(driver: &Driver) -> Vec<&CandleRecord> {
    let candles =
        driver.records().filter_map(|record| if let Record::Candle(candle) = record { Some(candle) } else { None });
    candles.filter(|candle| candle.timeframe == Timeframe::M1 && candle.instrument == ID).collect()
}

/// A box that has heard four quiet minutes at `MID`.
fn warm() -> Driver {
    let mut driver = Driver::ready(settings(10));
    driver.warm(MID);
    driver
}

#[track_caller]
fn refused(driver: &mut Driver, input: Input, reason: Rejection) {
    let before = driver.engine.view().rejections().of(reason);
    driver.send(input);
    assert_eq!(driver.engine.view().rejections().of(reason), before + 1, "{:?}", driver.engine.view().rejections());
}

mod implausible {
    use super::*;

    #[test]
    fn a_trade_a_hundred_times_off_is_set_aside_with_its_reason() {
        let mut driver = warm();
        let wild = trade(900, MID * 100, driver.at);
        refused(&mut driver, Input::Trade(wild.clone()), Rejection::TradeImplausible);
        let heard_at = driver.at;
        driver.minute(MID, MID);
        driver.minute(MID, MID);
        driver.minute(MID, MID);
        let record = QuarantineRecord {
            instrument: ID,
            at: heard_at,
            what: Quarantined::Trade(wild),
            reason: QuarantineReason::Price,
            trusted: Some(price(MID)),
        };
        assert_eq!(quarantined(&driver), [&record]);
        let market = driver.engine.view().market(ID).expect("listed");
        assert!(market.series().entries().all(|entry| entry.candle.high == price(MID)));
        assert!(market.trades().all(|trade| trade.price == price(MID)));
        let told: Vec<&str> = driver.notices().into_iter().filter(|text| text.contains("set aside")).collect();
        assert_eq!(
            told,
            [
                "Kraken BTC/USD: a trade at 1\u{2009}000\u{2009}000.00 was set aside: far from 10\u{2009}000.00, which is believed."
            ]
        );

        let minute = driver.at.floor_to(NS_PER_MIN);
        driver.send(Input::Quality(QualityMinute::new(ID, minute)));
        let row = driver.records().filter_map(|r| if let Record::Quality(row) = r { Some(row) } else { None }).last();
        assert_eq!(row.map(|row| (row.quarantined, row.refused)), Some((1, 1)));
    }

    #[test]
    fn a_book_far_off_is_stale_and_fills_nothing() {
        let mut rule = settings(10);
        rule.signal.rule = Rule::Reversion;
        let mut driver = Driver::ready(rule);
        driver.warm(MID);
        refused(&mut driver, Input::Book(book(0, MID / 100, 5)), Rejection::BookImplausible);
        let market = driver.engine.view().market(ID).expect("listed");
        assert!(!market.book().is_proven());
        assert_eq!(market.mark(), Some(price(MID)), "a position keeps its value");
        assert_eq!(market.integrity().last_break().map(|last| last.reason), Some(StaleReason::Implausible));
        // A book in which nobody is: its middle is no price.
        let mut hollow = book(0, MID, 1);
        (hollow.bids[0].price, hollow.asks[0].price) = (price(1), price(MID * 1_000));
        refused(&mut driver, Input::Book(hollow), Rejection::BookImplausible);
        driver.book(MID);
        assert!(driver.engine.view().market(ID).expect("listed").book().is_proven());
        assert!(quarantined(&driver).iter().all(|record| matches!(record.what, Quarantined::Book { .. })));
    }

    #[test]
    fn candles_that_cannot_be_true_are_set_aside() {
        let mut driver = warm();
        let minute = |n: i64| Timestamp::from_nanos(driver.at.floor_to(NS_PER_MIN).as_nanos() + n * NS_PER_MIN);
        let (last, next) = (minute(-1), minute(5));
        let flat = [MID; 4];
        let far = told(last, [MID * 100; 4], 5_000, CandleSource::Rest);
        let wick = told(last, [MID, MID * 100, MID, MID], 5_000, CandleSource::Rest);
        let mut upside_down = told(last, flat, 5_000, CandleSource::Rest);
        (upside_down.candle.high, upside_down.candle.low) = (price(MID - 1), price(MID + 1));
        let shifted = told(last.plus(core::time::Duration::from_secs(1)), flat, 5_000, CandleSource::Rest);
        let future = told(next, flat, 5_000, CandleSource::Rest);
        let unfinished = told(minute(0), flat, 5_000, CandleSource::Stream);
        let cases = [
            (far, Rejection::CandleImplausible),
            (wick, Rejection::CandleImplausible),
            (upside_down, Rejection::CandleInvalid),
            (shifted, Rejection::CandleInvalid),
            (future, Rejection::CandleEarly),
            (unfinished, Rejection::CandleUnfinished),
        ];
        let before = minutes(&driver).len();
        for (candle, rejection) in cases {
            refused(&mut driver, Input::Candle(candle), rejection);
        }
        assert_eq!(minutes(&driver).len(), before);
        driver.minute(MID, MID);
        driver.minute(MID, MID);
        driver.minute(MID, MID);
        use QuarantineReason::{Contradictory, Future, Price, Unfinished};
        let reasons: Vec<_> = quarantined(&driver).iter().map(|record| record.reason).collect();
        assert_eq!(reasons, [Contradictory, Contradictory, Future, Unfinished, Price, Price]);
    }

    #[test]
    fn trades_of_nothing_and_from_the_future_are_set_aside_and_a_second_time_is_no_trade() {
        let mut driver = warm();
        let now = driver.at;
        refused(&mut driver, Input::Trade(Trade { qty: Qty(0), ..trade(901, MID, now) }), Rejection::TradeEmpty);
        let later = now.plus(core::time::Duration::from_secs(3_600));
        refused(&mut driver, Input::Trade(trade(902, MID, later)), Rejection::TradeEarly);
        driver.send(Input::Trade(trade(903, MID, now)));
        refused(&mut driver, Input::Trade(trade(903, MID, now)), Rejection::TradeDoubled);
        let reasons: Vec<_> = quarantined(&driver).iter().map(|record| record.reason).collect();
        assert_eq!(reasons, [QuarantineReason::Empty, QuarantineReason::Future]);
    }

    #[test]
    fn a_wild_ticker_is_not_shown() {
        let mut driver = warm();
        let ticker = |last: i64| {
            let level = Level { price: price(last), qty: Qty(1) };
            let (bid, ask) = (Some(level), None);
            Ticker { instrument: ID, last: Some(price(last)), bid, ask, volume_24h: None, venue_at: None }
        };
        driver.send(Input::Ticker(ticker(MID + 5)));
        refused(&mut driver, Input::Ticker(ticker(MID * 3)), Rejection::TickerImplausible);
        let market = driver.engine.view().market(ID).expect("listed");
        assert_eq!(market.ticker().and_then(|ticker| ticker.last), Some(price(MID + 5)));
    }

    #[test]
    fn a_market_that_really_jumped_is_believed_within_a_second_and_nothing_is_lost() {
        let mut driver = warm();
        let low = MID * 6 / 10;
        let before = driver.engine.view().market(ID).expect("listed").trades().count();
        for _ in 0..3 {
            driver.wait_ms(100);
            driver.trade(low, 100, Aggressor::Sell);
        }
        assert_eq!(driver.engine.view().market(ID).expect("listed").trades().count(), before);
        driver.wait_ms(100);
        driver.book(low);
        let market = driver.engine.view().market(ID).expect("listed");
        assert!(market.book().is_proven());
        assert_eq!(market.trades().count(), before + 3, "what was held is released");
        driver.minute(low, low);
        driver.minute(low, low);
        let fell =
            minutes(&driver).iter().find(|minute| minute.candle.low == price(low)).expect("it is in its minute").candle;
        assert_eq!((fell.open, fell.trades), (price(low), 8), "three that were held, five of the minute");
        driver.minute(low, low);
        assert_eq!(quarantined(&driver).len(), 0);
    }

    #[test]
    fn another_venue_confirms_at_once() {
        let mut driver = warm();
        driver.send(Input::Instrument(instrument(1)));
        assert_ne!(instrument(0).venue, instrument(1).venue);
        driver.send(Input::Book(book(1, MID, 5)));
        for id in 1..=3 {
            driver.send(Input::Trade(Trade { instrument: InstrumentId(1), ..trade(id, MID * 2, driver.at) }));
        }
        driver.send(Input::Book(book(1, MID * 2, 5)));
        // The other one needs one trade only.
        driver.send(Input::Trade(trade(900, MID * 2, driver.at)));
        let market = driver.engine.view().market(ID).expect("listed");
        assert_eq!(market.trades().next().map(|trade| trade.price), Some(price(MID * 2)));
    }

    #[test]
    fn the_first_price_of_a_market_must_agree_with_others() {
        let mut driver = Driver::ready(settings(10));
        driver.send(Input::Instrument(instrument(1)));
        driver.send(Input::Book(book(1, MID, 5)));
        refused(&mut driver, Input::Book(book(0, MID * 50, 5)), Rejection::BookImplausible);
        driver.book(MID);
        assert!(driver.engine.view().market(ID).expect("listed").book().is_proven());
    }

    #[test]
    fn without_a_book_enough_trades_over_ten_seconds_are_believed() {
        let mut driver = Driver::ready(settings(10));
        driver.trade(MID, 100, Aggressor::Buy);
        for n in 1..=11 {
            driver.wait_ms(1_000);
            driver.trade(MID * 3, 100, Aggressor::Buy);
            let shown = driver.engine.view().market(ID).expect("listed").trades().count();
            assert_eq!(shown, if n <= 10 { 1 } else { 12 }, "after {n} seconds");
        }
    }

    #[test]
    fn wild_trades_among_good_ones_are_never_believed() {
        let mut driver = warm();
        for n in 0..200 {
            driver.wait_ms(300);
            let at = if n % 4 == 0 { MID } else { MID / 100 };
            driver.trade(at, 100, Aggressor::Sell);
        }
        driver.wait_ms(120_000);
        driver.send(Input::Tick);
        assert_eq!(quarantined(&driver).len(), 150);
        let market = driver.engine.view().market(ID).expect("listed");
        assert!(market.trades().all(|trade| trade.price == price(MID)));
    }

    #[test]
    fn a_spike_that_the_venues_own_candle_shows_was_real() {
        let mut driver = warm();
        driver.wait_ms(5_000);
        let spike = MID * 7 / 10;
        let venue_at = driver.at;
        driver.send(Input::Trade(trade(900, spike, venue_at)));
        assert_eq!(driver.engine.view().rejections().of(Rejection::TradeImplausible), 1);
        driver.minute(MID, MID);
        let minute = venue_at.floor_to(NS_PER_MIN);
        let market = driver.engine.view().market(ID).expect("listed");
        let built = market.series().get(minute).expect("closed").candle;
        assert_eq!(built.low, price(MID));
        let volume = built.volume.0 + 100;
        driver.send(Input::Candle(told(minute, [spike, MID, spike, MID], volume, CandleSource::Stream)));
        let market = driver.engine.view().market(ID).expect("listed");
        let entry = market.series().get(minute).expect("closed");
        assert_eq!((entry.candle.low, entry.agrees, entry.revision), (price(spike), Some(true), 1));
    }

    /// Moves of a market, in hundredths of a percent per step, and how often something wild is said of it.
    fn moves() -> impl Strategy<Value = Vec<(i64, Option<i64>)>> {
        let wild = prop::option::weighted(0.1, prop_oneof![300i64..100_000, 1i64..30]);
        prop::collection::vec((-30i64..=30, wild), 20..200)
    }

    proptest! {
        /// Prices three times off and more, among real ones: none gets into candles or trades, and no real one is lost.
        #[test]
        fn no_wild_price_gets_through_and_no_real_one_is_lost(moves in moves()) {
            let mut driver = Driver::ready(settings(10));
            let (mut mid, mut real) = (MID, Vec::new());
            driver.book(mid);
            driver.trade(mid, 100, Aggressor::Buy);
            real.push(mid);
            for (bps, wild_percent) in moves {
                mid += mid * bps / 10_000;
                driver.wait_ms(400);
                if let Some(percent) = wild_percent {
                    driver.trade(mid * percent / 100, 100, Aggressor::Sell);
                    driver.book(mid * percent / 100);
                }
                driver.book(mid);
                driver.trade(mid, 100, Aggressor::Buy);
                real.push(mid);
            }
            driver.wait_ms(30_000);
            driver.send(Input::Tick);
            let market = driver.engine.view().market(ID).expect("listed");
            let mut shown: Vec<i64> = market.trades().map(|trade| trade.price.mantissa()).collect();
            shown.reverse();
            let newest = real.len().saturating_sub(engine::market::TRADES_MAX);
            prop_assert_eq!(&shown, &real[newest..]);
            let (low, high) = (real.iter().min().copied(), real.iter().max().copied());
            for minute in minutes(&driver) {
                prop_assert!(Some(minute.candle.low.mantissa()) >= low && Some(minute.candle.high.mantissa()) <= high);
            }
        }

        /// However far and often a market really jumps: it is believed after eleven seconds at the latest.
        #[test]
        fn no_real_jump_is_kept_out_for_ever(jumps in prop::collection::vec(1i64..1_000, 1..8), with_books: bool) {
            let mut driver = Driver::ready(settings(10));
            driver.trade(MID, 100, Aggressor::Buy);
            for percent in jumps {
                let mid = (MID * percent / 100).max(100);
                for _ in 0..11 {
                    driver.wait_ms(1_000);
                    driver.trade(mid, 100, Aggressor::Buy);
                    if with_books {
                        driver.book(mid);
                    }
                }
                let market = driver.engine.view().market(ID).expect("listed");
                prop_assert_eq!(market.trades().next().map(|trade| trade.price), Some(price(mid)));
                prop_assert!(!with_books || market.book().is_proven());
            }
        }
    }
}

mod minutes_and_gaps {
    use super::*;

    #[test]
    fn without_trades_without_data_and_repaired_are_three_things() {
        let mut driver = warm();
        // Without trades.
        for _ in 0..6 {
            driver.wait_ms(10_000);
            driver.book(MID);
        }
        driver.send(Input::Tick);
        let quiet = (*minutes(&driver).last().expect("closed")).clone();
        assert_eq!((quiet.candle.trades, quiet.source, quiet.revision), (0, CandleSource::Filled, 0));
        // Without data.
        driver.stale(StaleReason::Disconnected);
        for _ in 0..7 {
            driver.wait_ms(20_000);
            driver.send(Input::Tick);
        }
        let from = Timestamp::from_nanos(quiet.candle.open_time.as_nanos() + NS_PER_MIN);
        let to = Timestamp::from_nanos(from.as_nanos() + NS_PER_MIN);
        let gap = GapRecord { instrument: ID, from, to, reason: GapReason::NotHeard, is_clock_set: true };
        // The minute in which the box began is the first one.
        assert_eq!(gaps(&driver)[1], &gap);
        assert!(minutes(&driver).iter().all(|minute| minute.candle.open_time != from));
        assert_eq!(driver.engine.view().market(ID).expect("listed").series().tail().count(), 0, "features are masked");
        // Repaired later.
        driver.send(Input::Candle(told(from, [MID, MID + 9, MID, MID + 9], 7, CandleSource::Rest)));
        let repaired = *minutes(&driver).last().expect("recorded");
        assert_eq!((repaired.candle.open_time, repaired.revision, repaired.source), (from, 1, CandleSource::Rest));
    }

    #[test]
    fn a_history_that_comes_in_pages_before_anything_else_is_heard_leaves_no_gap() {
        let mut driver = Driver::ready(settings(10));
        let minute = |ago: i64| driver.at.floor_to(NS_PER_MIN).as_nanos() - ago * NS_PER_MIN;
        let page = |from: i64, to: i64| -> Vec<Input> {
            let row = |ago| told(Timestamp::from_nanos(minute(ago)), [MID; 4], 5, CandleSource::Rest);
            (to..=from).rev().map(|ago| Input::Candle(row(ago))).collect()
        };
        let pages = [page(90, 61), page(60, 31), page(30, 1)];
        for (index, page) in pages.into_iter().enumerate() {
            page.into_iter().for_each(|input| drop(driver.send(input)));
            driver.wait_ms(200);
            if index == 0 {
                driver.trade(MID, 5, Aggressor::Buy);
                driver.send(Input::Tick);
            }
        }
        assert_eq!((gaps(&driver), minutes(&driver).len()), (vec![], 90));
    }

    #[test]
    fn missing_trades_leave_a_gap_until_they_come() {
        let mut driver = warm();
        let minute = driver.at.floor_to(NS_PER_MIN);
        let second = |n: u64| minute.plus(core::time::Duration::from_secs(n));
        driver.wait_ms(20_000);
        driver.send(Input::Trade(trade(1_000, MID, second(20))));
        driver.wait_ms(10_000);
        driver.send(Input::Trade(trade(1_003, MID + 3, second(30))));
        driver.send(Input::TradesMissing(TradesMissing {
            instrument: ID,
            after: 1_000,
            before: 1_003,
            from: second(20),
            to: second(30),
        }));
        for _ in 0..4 {
            driver.wait_ms(20_000);
            driver.book(MID);
            driver.send(Input::Tick);
        }
        assert_eq!(gaps(&driver).last().map(|gap| (gap.from, gap.reason)), Some((minute, GapReason::TradesMissing)));
        driver.send(Input::Trade(trade(1_002, MID + 2, second(25))));
        driver.send(Input::Trade(trade(1_001, MID - 1, second(22))));
        let repaired = minutes(&driver).into_iter().find(|record| record.candle.open_time == minute).expect("repaired");
        assert_eq!((repaired.revision, repaired.source), (1, CandleSource::Built));
        assert_eq!(
            (repaired.candle.low, repaired.candle.close, repaired.candle.trades),
            (price(MID - 1), price(MID + 3), 4)
        );
        let ids: Vec<u128> =
            driver.engine.view().market(ID).expect("listed").trades().map(|trade| trade.id).take(4).collect();
        assert_eq!(ids, [1_003, 1_002, 1_001, 1_000], "by number, each once");
    }

    #[test]
    fn a_longer_candle_is_revised_with_its_minutes() {
        let mut driver = Driver::ready(settings(10));
        driver.wait_ms(3_000);
        driver.book(MID);
        driver.trade(MID, 100, Aggressor::Buy);
        for _ in 0..11 {
            driver.minute(MID, MID);
        }
        let five = |driver: &Driver| {
            let pick = |record: &Record| match record {
                Record::Candle(candle) if candle.timeframe == Timeframe::M5 => Some(candle.clone()),
                _ => None,
            };
            driver.records().filter_map(pick).last().expect("a whole five minutes")
        };
        let before = five(&driver);
        assert_eq!(before.revision, 0);
        let minute = before.candle.open_time;
        let volume =
            driver.engine.view().market(ID).expect("listed").series().get(minute).expect("closed").candle.volume.0;
        driver.send(Input::Candle(told(minute, [MID, MID + 50, MID, MID], volume + 1, CandleSource::Rest)));
        let after = five(&driver);
        assert_eq!((after.candle.open_time, after.revision, after.candle.high), (minute, 1, price(MID + 50)));
    }
}

mod clocks {
    use super::*;

    /// 2026-01-05T00:00:03Z at the venue.
    const VENUE_START: i64 = 1_767_571_203;

    /// A book and a trade with the venue's time, as every second brings them.
    fn hear(driver: &mut Driver, venue_s: i64, id: u128) -> Vec<Effect> {
        let venue_at = Timestamp::from_secs(venue_s);
        let mut effects = driver.send(Input::Book(BookTop { venue_at: Some(venue_at), ..book(0, MID, 5) }));
        effects.extend(driver.send(Input::Trade(trade(id, MID, venue_at))));
        effects.extend(driver.send(Input::Tick));
        effects
    }

    /// Our clock and the venue's: how far both are after each second.
    fn run(driver: &mut Driver, ours: impl Fn(i64) -> i64, seconds: core::ops::Range<i64>) {
        for n in seconds {
            driver.at = Timestamp::from_secs(ours(n));
            hear(driver, VENUE_START + n, n as u128 + 1);
        }
    }

    /// Minutes that closed, by their start in seconds after the venue's start of the first.
    fn closed(driver: &Driver) -> Vec<(i64, bool)> {
        let first = VENUE_START - 3;
        minutes(driver).iter().map(|m| ((m.candle.open_time.as_secs() - first) / 60, m.is_clock_set)).collect()
    }

    fn started(at: i64, synchronised: bool) -> Driver {
        let mut driver = Driver::new();
        driver.at = Timestamp::from_secs(at);
        driver.boot(settings(10));
        driver.send(Input::Clock { synchronised });
        driver.send(Input::Instrument(instrument(0)));
        driver.send(Input::Models { seats: vec![types::input::ModelSeat::alone(common::model())], news: None });
        driver
    }

    #[test]
    fn a_start_in_1970_records_marks_and_does_not_trade_until_the_network_tells_the_time() {
        let mut driver = started(20, false);
        run(&mut driver, |n| 20 + n, 0..300);
        assert_eq!(
            closed(&driver),
            [(1, false), (2, false), (3, false), (4, false)],
            "by the venue's minutes, and marked"
        );
        assert!(minutes(&driver).iter().all(|minute| minute.candle.trades == 60));
        // A forecast that promises the moon buys nothing.
        let asked = driver
            .effects
            .iter()
            .rev()
            .find_map(|e| if let Effect::Infer(asked) = e { Some(asked.clone()) } else { None });
        driver.answer(&asked.expect("asked"), 0.05);
        assert_eq!((driver.orders().len(), driver.engine.view().is_clock_set()), (0, false));
        assert_eq!(driver.engine.view().refusals().get(&types::order::Refusal::ClockUnset), Some(&1));
        let equities = |driver: &Driver| driver.records().filter(|record| matches!(record, Record::Equity(_))).count();
        assert_eq!(equities(&driver), 0, "a minute of 1970 is no minute of the account");

        // The network tells the time: ours leaps by 56 years, and then the box is told that it may be believed.
        run(&mut driver, |n| VENUE_START + n, 300..301);
        driver.send(Input::Clock { synchronised: true });
        run(&mut driver, |n| VENUE_START + n, 301..480);
        let expected: Vec<_> = (1..=6).map(|minute| (minute, minute > 4)).collect();
        assert_eq!(closed(&driver)[..6], expected, "no minute is missing, doubled or cut");
        assert!(gaps(&driver).iter().all(|gap| gap.from.as_secs() < VENUE_START), "only the one before the start");
        assert!(minutes(&driver).iter().all(|minute| minute.candle.trades == 60));
        assert!(equities(&driver) >= 2);
        let told = driver.notices();
        assert_eq!(told[0], "The clock is not set yet: recording, not trading. What is recorded is marked.");
        assert!(told.contains(&"The clock is set."));
    }

    #[test]
    fn small_steps_back_are_absorbed() {
        let mut driver = started(VENUE_START, true);
        // Every hundred seconds our clock is set back by four: it runs at half speed until the time has come again.
        let ours = |n: i64| VENUE_START + n - (n / 100) * 4 + (4 - (n % 100).min(8) / 2).max(0) * i64::from(n >= 100);
        let mut last = i64::MIN;
        for n in 0..600 {
            assert!(ours(n) >= last, "time never decreases");
            last = ours(n);
        }
        run(&mut driver, ours, 0..600);
        let expected: Vec<_> = (1..=8).map(|minute| (minute, true)).collect();
        assert_eq!(closed(&driver)[..8], expected);
        assert!(minutes(&driver).iter().all(|minute| minute.candle.trades == 60 && minute.revision == 0));
    }

    #[test]
    fn a_venue_an_hour_ahead_or_behind_is_cut_by_its_own_clock_told_and_not_traded_on() {
        for skew in [3_600, -3_600, 7] {
            let mut driver = started(VENUE_START - skew, true);
            run(&mut driver, |n| VENUE_START + n - skew, 0..400);
            let whole: Vec<_> = minutes(&driver).into_iter().filter(|minute| minute.candle.trades == 60).collect();
            assert_eq!(whole.len(), 5, "skew {skew}: {:?}", closed(&driver));
            assert_eq!(driver.engine.view().venue_clock(Venue::Kraken), ClockStanding::Wrong);
            assert_eq!(driver.engine.view().venue_ahead_ns(Venue::Kraken), Some(skew * 1_000_000_000));
            let direction = if skew > 0 { "ahead" } else { "behind" };
            let told = driver.notices();
            let alarm =
                told.iter().filter(|text| text.contains(&format!("s {direction} of this box's: nothing is bought")));
            assert_eq!(alarm.count(), 1, "{told:?}");
            let asked = driver
                .effects
                .iter()
                .rev()
                .find_map(|e| if let Effect::Infer(asked) = e { Some(asked.clone()) } else { None });
            driver.answer(&asked.expect("asked"), 0.05);
            assert_eq!(driver.engine.view().refusals().get(&types::order::Refusal::VenueClock), Some(&1));
        }
    }

    #[test]
    fn a_box_that_slept_has_a_gap_and_no_flat_minutes() {
        let mut driver = started(VENUE_START, true);
        run(&mut driver, |n| VENUE_START + n, 0..180);
        run(&mut driver, |n| VENUE_START + n, 1_800..2_000);
        let lost: i64 = gaps(&driver)
            .iter()
            .filter(|gap| gap.from.as_secs() >= VENUE_START)
            .map(|gap| (gap.to.as_nanos() - gap.from.as_nanos()) / NS_PER_MIN)
            .sum();
        assert_eq!(lost, 28, "from the minute it fell asleep in to the one it woke up in");
        assert!(minutes(&driver).iter().all(|minute| minute.candle.trades == 60));
    }

    #[test]
    fn a_wrong_step_of_a_believed_clock_makes_no_minutes() {
        let mut driver = started(VENUE_START, true);
        run(&mut driver, |n| VENUE_START + n, 0..180);
        // An hour forward for nothing.
        run(&mut driver, |n| VENUE_START + n + 3_600, 180..400);
        let expected: Vec<_> = (1..=5).map(|minute| (minute, true)).collect();
        assert_eq!(closed(&driver)[..5], expected);
        assert!(minutes(&driver).iter().all(|minute| minute.candle.trades == 60));
        assert!(gaps(&driver).iter().all(|gap| gap.from.as_secs() < VENUE_START));
    }
}
