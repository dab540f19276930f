//! What the box does, one rule at a time.

mod common;

use common::{Driver, HORIZONS, asked, book, instrument, model, prediction, price, settings};
use engine::Engine;
use engine::book::Standing;
use engine::feature::Column;
use engine::forecast::Missing;
use engine::market::INSTRUMENTS_MAX;
use engine::rejection::Rejection;
use engine::seal::Chain;
use types::effect::Base;
use types::input::{Answer, Command, CurrencyMood, ModelSeat, Mood, Said};
use types::market::{Aggressor, Quote, StaleReason, Timeframe};
use types::order::{OrderEnd, Reason, Refusal};
use types::settings::{EngineSettings, Rival, Rule, SignalSettings, Sizing};
use types::{AccountId, Cash, Effect, Effects, Input, InstrumentId, Qty, Record, Side, Stamped, Timestamp};

const MID: i64 = 1_000_000;
const ID: InstrumentId = InstrumentId(0);

fn cheap() -> EngineSettings {
    settings(10)
}

/// A box that just bought because a forecast promised much.
fn bought(settings: EngineSettings) -> Driver {
    let mut driver = Driver::ready(settings);
    let effects = driver.warm(MID);
    driver.answer(asked(&effects).expect("asked"), 0.01);
    driver.wait_ms(1_000);
    driver.book(MID);
    assert_eq!(driver.fills().len(), 1, "{:?}", driver.effects);
    driver
}

fn last_order_reason(driver: &Driver) -> Reason {
    driver.orders().last().expect("an order").reason
}

#[track_caller]
fn rejected(driver: &mut Driver, input: Input, reason: Rejection) {
    let before = driver.engine.view().rejections().of(reason);
    let effects = driver.send(input);
    assert_eq!(driver.engine.view().rejections().of(reason), before + 1, "{:?}", driver.engine.view().rejections());
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Notice(_))), "{effects:?}");
}

#[test]
fn nothing_is_taken_before_the_first_start() {
    let mut driver = Driver::new();
    rejected(&mut driver, Input::Tick, Rejection::BeforeBoot);
    rejected(&mut driver, Input::Instrument(instrument(0)), Rejection::BeforeBoot);
    driver.boot(cheap());
    assert_eq!(driver.engine.view().portfolio().equity(), Cash::from_units(10_000));
}

#[test]
fn inputs_out_of_order_are_counted_and_change_nothing() {
    let mut driver = Driver::ready(cheap());
    let mut handle = |seq, at, reason| {
        let mut effects = Effects::new();
        driver.engine.handle(&Stamped { seq, at, input: Input::Book(book(0, MID, 3)) }, &mut effects);
        assert_eq!(driver.engine.view().rejections().of(reason), 1);
        assert_eq!(driver.engine.view().market(ID).expect("listed").book().standing(), Standing::Waiting);
    };
    handle(4, driver.at, Rejection::SeqNotIncreasing);
    handle(5, Timestamp::from_nanos(driver.at.as_nanos() - 1), Rejection::TimeBackwards);
    handle(5, Timestamp::MAX, Rejection::TimeImpossible);
}

#[test]
fn odd_market_data_is_rejected_with_its_reason() {
    let mut driver = Driver::ready(cheap());
    rejected(&mut driver, Input::Book(book(9, MID, 3)), Rejection::UnknownInstrument);
    let mut crossed = book(0, MID, 3);
    core::mem::swap(&mut crossed.bids, &mut crossed.asks);
    crossed.bids.sort_by_key(|level| core::cmp::Reverse(level.price));
    crossed.asks.sort_by_key(|level| level.price);
    rejected(&mut driver, Input::Book(crossed), Rejection::BookCrossed);
    let mut rescaled = instrument(0);
    rescaled.scale.price_decimals = 3;
    rejected(&mut driver, Input::Instrument(rescaled), Rejection::InstrumentChanged);
    let mut stepless = instrument(7);
    stepless.lot = 0;
    rejected(&mut driver, Input::Instrument(stepless), Rejection::InstrumentInvalid);
    let mut finer = instrument(0);
    finer.qty_min = Qty(1);
    driver.send(Input::Instrument(finer.clone()));
    assert_eq!(driver.engine.view().market(ID).expect("listed").instrument, finer);
}

#[test]
fn the_catalogue_is_bounded() {
    let mut driver = Driver::ready(cheap());
    for id in 1..INSTRUMENTS_MAX as u16 {
        driver.send(Input::Instrument(instrument(id)));
    }
    assert_eq!(driver.engine.view().markets().count(), INSTRUMENTS_MAX);
    rejected(&mut driver, Input::Instrument(instrument(INSTRUMENTS_MAX as u16)), Rejection::CatalogueFull);
}

#[test]
fn a_book_that_cannot_be_true_makes_the_old_one_stale() {
    let mut driver = Driver::ready(cheap());
    driver.book(MID);
    let mut unsorted = book(0, MID, 3);
    unsorted.bids.reverse();
    rejected(&mut driver, Input::Book(unsorted), Rejection::BookUnsorted);
    assert!(!driver.engine.view().market(ID).expect("listed").book().is_proven());
}

#[test]
fn a_model_for_other_features_is_refused_with_a_notice() {
    let mut driver = Driver::ready(cheap());
    let mut other = model();
    other.fingerprint.replace_range(0..1, "x");
    rejected(
        &mut driver,
        Input::Models { seats: vec![ModelSeat::alone(other)], news: None },
        Rejection::ModelFingerprint,
    );
    assert!(driver.notices().last().is_some_and(|text| text.starts_with("Model test is not used")));
    assert_eq!(driver.engine.view().forecast_missing(ID), Some(Missing::ModelRefused));
    let effects = driver.warm(MID);
    assert_eq!(asked(&effects), None);
}

#[test]
fn a_question_is_asked_only_while_the_book_holds() {
    let mut driver = Driver::ready(cheap());
    assert_eq!(driver.engine.view().forecast_missing(ID), Some(Missing::BookNotProven));
    let effects = driver.warm(MID);
    assert!(asked(&effects).is_some());
    assert_eq!(driver.engine.view().forecast_missing(ID), Some(Missing::Waiting));
    driver.wait_ms(55_000);
    driver.stale(StaleReason::SequenceGap);
    driver.wait_ms(5_000);
    let effects = driver.send(Input::Tick);
    assert_eq!(asked(&effects), None);
    assert_eq!(driver.engine.view().forecast_missing(ID), Some(Missing::BookNotProven));
}

#[test]
fn answers_that_are_late_foreign_repeated_or_broken_are_counted_and_ignored() {
    let mut driver = Driver::ready(cheap());
    let effects = driver.warm(MID);
    let early = asked(&effects).expect("asked").clone();
    let effects = driver.minute(MID, MID);
    let now = asked(&effects).expect("asked").clone();
    let answer = prediction(&now, 0.0);
    rejected(&mut driver, Input::Answer(prediction(&early, 0.0)), Rejection::PredictionLate);
    assert_eq!(driver.engine.view().late_predictions(), 1);
    let foreign = Answer { model: "other".to_owned(), ..answer.clone() };
    rejected(&mut driver, Input::Answer(foreign), Rejection::PredictionModel);
    let elsewhere = Answer { instrument: InstrumentId(5), ..answer.clone() };
    rejected(&mut driver, Input::Answer(elsewhere), Rejection::UnknownInstrument);
    driver.send(Input::Answer(answer.clone()));
    assert_eq!(driver.engine.view().forecast_missing(ID), None);
    rejected(&mut driver, Input::Answer(answer), Rejection::PredictionUnasked);
    let effects = driver.minute(MID, MID);
    let mut broken = prediction(asked(&effects).expect("asked"), 0.0);
    broken.horizons[1].log_return = f32::NAN;
    rejected(&mut driver, Input::Answer(broken), Rejection::PredictionInvalid);
    let effects = driver.minute(MID, MID);
    let failed = Answer { horizons: Vec::new(), ..prediction(asked(&effects).expect("asked"), 0.0) };
    rejected(&mut driver, Input::Answer(failed), Rejection::PredictionFailed);
}

#[test]
fn a_forecast_is_kept_before_its_outcome_and_scored_after() {
    let mut driver = Driver::ready(settings(10_000));
    let effects = driver.warm(MID);
    let request = asked(&effects).expect("asked").clone();
    let made = driver.answer(&request, 0.002);
    let forecasts = made.iter().filter(|effect| matches!(effect, Effect::Record(Record::Forecast(_)))).count();
    assert_eq!(forecasts, HORIZONS.len());
    let base = Base::Quote(Quote { bid: price(MID - 1), ask: price(MID + 1) });
    assert_eq!(driver.engine.view().forecast(ID, HORIZONS[0]).map(|forecast| forecast.base), Some(base));
    let effects = driver.minute(MID, MID + 1_000);
    let scores: Vec<_> = effects
        .iter()
        .filter_map(|effect| if let Effect::Record(Record::Score(score)) = effect { Some(score) } else { None })
        .collect();
    assert_eq!(scores.len(), 1, "{effects:?}");
    let expected = libm::log(1.001) as f32;
    assert!((scores[0].outcome - expected).abs() < 1e-7 && scores[0].open_time == request.open_time);
    assert_eq!(driver.engine.view().skill(ID, HORIZONS[0]).n, 1);
}

#[test]
fn a_closed_minute_is_recorded_and_shown() {
    let mut driver = Driver::ready(cheap());
    driver.warm(MID);
    driver.minute(MID, MID + 50);
    let market = driver.engine.view().market(ID).expect("listed");
    let newest = market.candles(Timeframe::M1, 1)[0].candle;
    assert_eq!(newest.close, price(MID + 50));
    let kept = driver.records().filter(|record| matches!(record, Record::Candle(c) if c.candle == newest));
    assert_eq!(kept.count(), 1);
    assert_eq!(market.trades().next().map(|trade| trade.price), Some(price(MID + 50)));
    for _ in 0..10 {
        driver.minute(MID, MID);
    }
    let market = driver.engine.view().market(ID).expect("listed");
    let five = market.candles(Timeframe::M5, 10);
    assert!(
        five.len() >= 2 && five.windows(2).all(|pair| pair[0].candle.open_time < pair[1].candle.open_time),
        "{five:?}"
    );
    let recorded =
        driver.records().filter(|record| matches!(record, Record::Candle(c) if c.timeframe == Timeframe::M5));
    assert_eq!(recorded.count(), five.len());
}

#[test]
fn a_forecast_above_its_cost_buys_and_its_end_sells() {
    let mut driver = bought(cheap());
    let fill = driver.fills()[0].clone();
    assert_eq!((fill.side, fill.price), (Side::Buy, price(MID + 1)));
    let view = driver.engine.view();
    let position = view.positions().next().expect("a position");
    assert_eq!((position.qty, position.entry), (fill.qty, Some(price(MID + 1))));
    assert!(
        driver.notices()[0].starts_with("Bought 0.049 BTC at 10\u{2009}000.01 on Kraken. Expected 100 bps"),
        "{:?}",
        driver.notices()
    );
    driver.minute(MID, MID);
    driver.wait_ms(1_000);
    driver.book(MID);
    assert_eq!(last_order_reason(&driver), Reason::Expiry);
    assert_eq!(driver.engine.view().positions().count(), 0);
    assert!(
        driver.notices()[1].starts_with("Sold 0.049 BTC at 9\u{2009}999.99 on Kraken. Its holding time is over. Loss")
    );
    assert_eq!(driver.engine.view().portfolio().day().trades, 2);
}

#[test]
fn a_forecast_that_turns_sells_before_its_end() {
    let mut settings = cheap();
    settings.signal.horizon_min = HORIZONS[2];
    let mut driver = bought(settings);
    let effects = driver.minute(MID, MID);
    driver.answer(asked(&effects).expect("asked"), -0.001);
    assert!(
        matches!(last_order_reason(&driver), Reason::Forecast { edge_cbps, .. } if (999..=1_001).contains(&edge_cbps))
    );
    driver.wait_ms(1_000);
    driver.book(MID);
    assert_eq!(driver.engine.view().positions().count(), 0);
}

#[test]
fn a_loss_beyond_the_stop_closes_the_position() {
    let mut driver = bought(cheap());
    driver.wait_ms(1_000);
    driver.book(MID * 99 / 100);
    assert_eq!(driver.orders().len(), 1);
    driver.book(MID * 97 / 100);
    assert_eq!(last_order_reason(&driver), Reason::StopLoss);
    driver.wait_ms(1_000);
    driver.book(MID * 97 / 100);
    assert_eq!(driver.engine.view().positions().count(), 0);
}

#[test]
fn the_drawdown_breaker_closes_all_and_stays_open_until_reset() {
    let mut settings = cheap();
    settings.risk.drawdown_max_ppm = 1_000;
    settings.risk.stop_loss_ppm = 900_000;
    let mut driver = bought(settings);
    driver.wait_ms(1_000);
    driver.book(MID * 95 / 100);
    assert!(driver.engine.view().portfolio().is_breaker_open());
    assert_eq!(last_order_reason(&driver), Reason::Breaker);
    driver.wait_ms(1_000);
    driver.book(MID * 95 / 100);
    assert_eq!(driver.engine.view().positions().count(), 0);
    assert_eq!(driver.notices().iter().filter(|text| text.starts_with("Equity fell")).count(), 1);
    let effects = driver.minute(MID * 95 / 100, MID * 95 / 100);
    driver.answer(asked(&effects).expect("asked"), 0.01);
    assert_eq!(driver.engine.view().refusals().get(&Refusal::Drawdown), Some(&1));
    driver.command(Command::ResetBreaker);
    assert_eq!(driver.engine.view().portfolio().drawdown_ppm(), 0);
    let effects = driver.minute(MID * 95 / 100, MID * 95 / 100);
    driver.answer(asked(&effects).expect("asked"), 0.01);
    assert_eq!(driver.orders().last().map(|order| order.side), Some(Side::Buy));
}

/// A forecast that would buy, after `happened`, is refused.
#[track_caller]
fn refused(settings: EngineSettings, happened: impl FnOnce(&mut Driver), refusal: Refusal) {
    let mut driver = Driver::ready(settings);
    let effects = driver.warm(MID);
    happened(&mut driver);
    driver.answer(asked(&effects).expect("asked"), 0.01);
    assert_eq!(driver.orders().len(), 0);
    assert_eq!(driver.engine.view().refusals().get(&refusal), Some(&1), "{:?}", driver.engine.view().refusals());
}

#[test]
fn no_position_is_opened_while_something_forbids_it() {
    refused(cheap(), |driver| drop(driver.command(Command::Trading { on: false })), Refusal::TradingOff);
    refused(cheap(), |driver| drop(driver.send(Input::Clock { synchronised: false })), Refusal::ClockUnset);
    refused(cheap(), |driver| driver.stale(StaleReason::ChecksumMismatch), Refusal::StaleBook);
}

#[test]
fn no_position_is_opened_beyond_a_limit() {
    let check = |limit: fn(&mut EngineSettings), refusal| {
        let mut settings = cheap();
        limit(&mut settings);
        refused(settings, |_| (), refusal);
    };
    check(|settings| settings.risk.trading = false, Refusal::TradingOff);
    check(|settings| settings.risk.position_max_ppm = 49_000, Refusal::PositionLimit);
    check(|settings| settings.risk.orders_per_min_max = 0, Refusal::OrderRate);
    check(|settings| settings.signal.size_ppm = 100, Refusal::BelowMinimum);
    check(|settings| settings.risk.order_max_ppm = 49_000, Refusal::OrderLimit);
    check(|settings| settings.risk.venue_max_ppm = 49_000, Refusal::VenueLimit);
    check(|settings| settings.risk.cash_reserve_ppm = 960_000, Refusal::CashReserve);
    check(|settings| settings.risk.breakers.depth_min = 1_000_000, Refusal::ThinBook);
    check(|settings| settings.risk.breakers.spread_max_cbps = 1, Refusal::WideSpread);
    check(|settings| settings.risk.breakers.answer_max_ms = 1_000, Refusal::Latency);
}

#[test]
fn what_moves_together_counts_as_one_position() {
    let mut settings = cheap();
    settings.risk.correlated_max_ppm = 90_000;
    settings.signal.horizon_min = HORIZONS[2];
    let mut driver = Driver::ready(settings);
    driver.send(Input::Instrument(instrument(1)));
    let effects = driver.warm(MID);
    let asked_first = asked(&effects).expect("asked").clone();
    driver.answer(&asked_first, 0.01);
    driver.wait_ms(1_000);
    driver.book(MID);
    assert_eq!(driver.fills().len(), 1, "five hundredths of equity");
    let of_other = |effects: &[Effect]| {
        let mut asked = effects.iter().filter_map(|it| if let Effect::Infer(asked) = it { Some(asked) } else { None });
        asked.find(|asked| asked.instrument == InstrumentId(1)).cloned()
    };
    let mut seconds = 0..330;
    let found = seconds.find_map(|second| {
        driver.wait_ms(1_000);
        driver.book(MID);
        driver.send(Input::Book(book(1, MID, 5)));
        if second % 10 == 0 {
            driver.trade(MID, 100, Aggressor::Buy);
            driver.trade_of(1, MID, 100, Aggressor::Buy);
        }
        of_other(&driver.send(Input::Tick))
    });
    driver.answer(&found.expect("asked"), 0.01);
    let refusals = driver.engine.view().refusals();
    assert_eq!(
        refusals.get(&Refusal::Correlation),
        Some(&1),
        "nobody knows yet whether they move together: {refusals:?}"
    );
}

#[test]
fn rivals_trade_beside_the_first_account_with_their_own_money() {
    let mut settings = cheap();
    let bold = SignalSettings { size_ppm: 150_000, ..settings.signal.clone() };
    settings.rivals = vec![Rival { name: "bold".to_owned(), signal: bold }];
    let mut driver = bought(settings.clone());
    let rival = AccountId::RIVAL;
    let bought = |driver: &Driver, account| {
        let fills = driver
            .records_of(account)
            .filter_map(|it| if let Record::Fill(fill) = it { Some(fill.qty.0) } else { None });
        fills.sum::<u64>()
    };
    let (lead, bold) = (bought(&driver, AccountId::LEAD), bought(&driver, rival));
    assert!(bold.abs_diff(3 * lead) <= 30, "three times as much of the same money: {lead} {bold}");
    let names = |driver: &Driver| {
        driver.engine.view().accounts().map(|it| (it.name().to_owned(), it.is_active())).collect::<Vec<_>>()
    };
    let all = ["lead", "hold", "random", "bold", "arbitrage"].map(|name| (name.to_owned(), true));
    assert_eq!(names(&driver), all);
    // A name that the settings do not have any more: its position is closed, nothing new is opened, and its number stays its own.
    settings.rivals = vec![Rival { name: "timid".to_owned(), signal: settings.signal.clone() }];
    driver.engine = Engine::resumed(&driver.accounts_left(), Chain::default());
    driver.boot(settings);
    driver.send(Input::Instrument(instrument(0)));
    driver.send(Input::Clock { synchronised: true });
    driver.book(MID);
    driver.wait_ms(6_000);
    driver.book(MID);
    driver.wait_ms(1_000);
    driver.book(MID);
    let account = |id| driver.engine.view().accounts().find(|it| it.id() == id).expect("there");
    assert_eq!((account(rival).is_active(), account(rival).positions().count()), (false, 0));
    assert_eq!((account(AccountId(4)).name(), account(AccountId::LEAD).positions().count()), ("timid", 1));
}

#[test]
fn the_random_control_trades_as_often_and_as_long() {
    let mut driver = bought(cheap());
    for _ in 0..70 {
        driver.minute(MID, MID);
    }
    let orders = |driver: &Driver, account| {
        let orders =
            driver.records_of(account).filter_map(|it| if let Record::Order(order) = it { Some(order) } else { None });
        orders.map(|order| (order.side, order.reason)).collect::<Vec<_>>()
    };
    assert_eq!(driver.orders().len(), 2, "bought and sold");
    let random = orders(&driver, AccountId::RANDOM);
    assert_eq!(random, [(Side::Buy, Reason::Random), (Side::Sell, Reason::Random)]);
    let hold = orders(&driver, AccountId::HOLD);
    assert_eq!(hold, [(Side::Buy, Reason::Hold)]);
}

#[test]
fn every_order_says_why_and_what_it_met() {
    let driver = bought(cheap());
    let order = driver.orders()[0].clone();
    let why = driver.records().find_map(|it| if let Record::Why(why) = it { Some(why) } else { None }).expect("told");
    assert_eq!(
        (why.order, why.account, why.at, why.equity),
        (order.id, AccountId::LEAD, order.at, Cash::from_units(10_000))
    );
    let forecast = why.forecast.as_ref().expect("it rests on one");
    assert_eq!((forecast.model.as_str(), forecast.horizon_min, forecast.log_return), ("abc", HORIZONS[0], 0.01));
    assert_eq!(forecast.features, [("ret_1".to_owned(), 0.0)]);
    assert_eq!((why.bids[0].price, why.asks[0].price, why.asks.len()), (price(MID - 1), price(MID + 1), 3));
    let held_against: Vec<Refusal> = why.checks.iter().map(|check| check.limit).collect();
    let limits = [Refusal::OrderRate, Refusal::Drawdown, Refusal::DailyLoss, Refusal::WeeklyLoss, Refusal::OrderLimit];
    assert_eq!(held_against[..5], limits);
    assert!(why.checks.iter().all(|check| check.value <= check.max), "{:?}", why.checks);
    let met =
        driver.records().find_map(|it| if let Record::Arrival(met) = it { Some(met) } else { None }).expect("told");
    assert_eq!((met.order, met.quote), (order.id, Some(Quote { bid: price(MID - 1), ask: price(MID + 1) })));
}

#[test]
fn flatten_closes_everything_and_stops() {
    let mut driver = bought(cheap());
    driver.command(Command::Flatten);
    driver.wait_ms(1_000);
    driver.book(MID);
    let view = driver.engine.view();
    assert_eq!((view.positions().count(), view.is_trading()), (0, false));
    assert_eq!(last_order_reason(&driver), Reason::User);
}

#[test]
fn the_days_loss_stops_new_positions_until_midnight() {
    let mut settings = cheap();
    settings.risk.daily_loss_max_ppm = 100;
    let mut driver = bought(settings);
    driver.wait_ms(1_000);
    driver.book(MID * 97 / 100);
    driver.wait_ms(1_000);
    driver.book(MID * 97 / 100);
    let effects = driver.minute(MID * 97 / 100, MID * 97 / 100);
    driver.answer(asked(&effects).expect("asked"), 0.01);
    assert_eq!(driver.engine.view().refusals().get(&Refusal::DailyLoss), Some(&1));
    let day = *driver.engine.view().portfolio().day();
    assert!(day.trades == 2 && day.fees > Cash::ZERO);
    driver.wait_ms(24 * 3_600_000);
    driver.send(Input::Tick);
    let day = *driver.engine.view().portfolio().day();
    assert_eq!((day.trades, day.fees, driver.engine.view().portfolio().day_loss_ppm()), (0, Cash::ZERO, 0));
}

#[test]
fn a_start_cancels_orders_marks_books_stale_and_keeps_the_account() {
    let mut driver = bought(cheap());
    let effects = driver.minute(MID, MID);
    assert!(asked(&effects).is_some());
    assert_eq!(driver.engine.view().orders().len(), 1, "the expiry's sale is on its way");
    let cash = driver.engine.view().portfolio().worth().cash;
    driver.boot(cheap());
    let cancelled = driver.records().filter(|r| matches!(r, Record::OrderEnd { end: OrderEnd::Unknown, .. })).count();
    assert_eq!((cancelled, driver.engine.view().orders().len()), (1, 0));
    assert!(driver.notices().iter().any(|text| text.contains("cancelled as unknown")), "{:?}", driver.notices());
    let view = driver.engine.view();
    assert_eq!((view.portfolio().worth().cash, view.positions().count(), view.boots()), (cash, 1, 2));
    assert!(!view.market(ID).expect("listed").book().is_proven() && !view.is_clock_set() && view.model().is_none());
    driver.send(Input::Clock { synchronised: true });
    driver.wait_ms(6_000);
    driver.book(MID);
    driver.wait_ms(1_000);
    driver.book(MID);
    assert_eq!(driver.engine.view().positions().count(), 0, "what was to be closed is closed after the start");
}

#[test]
fn a_row_tells_what_books_here_and_elsewhere_did() {
    let mut driver = Driver::ready(cheap());
    driver.send(Input::Instrument(instrument(1)));
    driver.warm(MID);
    let value = |driver: &Driver, column: Column| {
        let (_, row) = driver.engine.view().market(ID).expect("listed").row().expect("minutes closed");
        row.get(column)
    };
    assert_eq!((value(&driver, Column::PremiumBps), value(&driver, Column::PositionShare)), (None, Some(0.0)));
    assert_eq!(value(&driver, Column::OrderFlow1), Some(0.0), "nothing moved");
    let minute = |driver: &mut Driver, elsewhere: i64| {
        for _ in 0..5 {
            driver.wait_ms(10_000);
            driver.book(MID);
            driver.send(Input::Book(book(1, elsewhere, 5)));
        }
        driver.wait_ms(10_000);
        driver.send(Input::Tick);
    };
    minute(&mut driver, MID);
    assert_eq!((value(&driver, Column::PremiumBps), value(&driver, Column::LeadBps)), (Some(0.0), None));
    minute(&mut driver, MID * 101 / 100);
    let lead = value(&driver, Column::LeadBps).expect("two minutes with both");
    assert!((lead - libm::log(1.01) * 1e4).abs() < 1e-9, "{lead}");
    let premium = value(&driver, Column::PremiumBps).expect("heard just now");
    assert!((premium + 100.0 / 1.01).abs() < 1e-9, "{premium}");
    // Bought here at the ask, sold there at the bid.
    let edge = value(&driver, Column::CrossEdgeBps).expect("heard just now");
    assert!((edge - 99.98).abs() < 1e-9, "{edge}");
    assert_eq!(value(&driver, Column::SpreadMaxBps), Some(0.02));
    driver.wait_ms(60_000);
    driver.book(MID);
    driver.wait_ms(1_000);
    driver.send(Input::Tick);
    assert_eq!(value(&driver, Column::PremiumBps), None, "what was heard a minute ago is old");
}

#[test]
fn another_version_goes_on_with_the_account_and_nothing_else() {
    let mut driver = bought(cheap());
    assert!(asked(&driver.minute(MID, MID)).is_some());
    let [working] = driver.engine.view().orders() else { panic!("the expiry's sale is on its way") };
    let working = working.order.id;
    let (before, hold) = (driver.engine.view().portfolio().clone(), driver.engine.view().hold_value());
    driver.engine = Engine::resumed(&driver.accounts_left(), Chain::default());
    let effects = driver.send(Input::Boot { version: "next".to_owned(), settings: Box::new(cheap()) });
    let is_end = |effect: &Effect| matches!(effect, Effect::Record(Record::OrderEnd { order, end: OrderEnd::Unknown, .. }) if *order == working);
    assert_eq!(effects.iter().filter(|effect| is_end(effect)).count(), 1, "{effects:?}");
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Notice(notice) if notice.text.contains("another version")))
    );
    let view = driver.engine.view();
    let resumed = view.portfolio();
    assert_eq!((resumed.purses(), resumed.holdings()), (before.purses(), before.holdings()));
    assert_eq!((resumed.start(), resumed.peak(), resumed.day()), (before.start(), before.peak(), before.day()));
    assert_eq!((view.boots(), view.orders().len(), view.hold_value()), (2, 0, hold));
    // Without a price what is held counts with what it cost: nothing looks lost.
    driver.send(Input::Clock { synchronised: true });
    driver.wait_ms(61_000);
    driver.send(Input::Tick);
    assert!(!driver.engine.view().portfolio().is_breaker_open());
    driver.send(Input::Instrument(instrument(0)));
    driver.book(MID);
    driver.wait_ms(1_000);
    driver.book(MID);
    driver.wait_ms(1_000);
    driver.book(MID);
    assert_eq!(driver.engine.view().positions().count(), 0, "what was to be closed is closed");
    let ends = driver.accounts_left().swap_remove(0);
    assert_eq!(
        (ends.purses[0].cash, ends.positions.len(), ends.working.len()),
        (driver.engine.view().portfolio().worth().cash, 0, 0)
    );
    // The next start is as any other.
    let boot = driver.send(Input::Boot { version: "next".to_owned(), settings: Box::new(cheap()) });
    assert!(!boot.iter().any(is_end));
}

#[test]
fn the_users_stop_and_an_open_breaker_outlive_another_version() {
    let mut driver = Driver::ready(cheap());
    driver.command(Command::Trading { on: false });
    driver.engine = Engine::resumed(&driver.accounts_left(), Chain::default());
    driver.boot(cheap());
    assert!(!driver.engine.view().is_trading());
}

#[test]
fn the_users_stop_outlives_a_restart() {
    let mut driver = Driver::ready(cheap());
    driver.command(Command::Trading { on: false });
    driver.boot(cheap());
    assert!(!driver.engine.view().is_trading());
    driver.command(Command::Trading { on: true });
    driver.boot(cheap());
    assert!(driver.engine.view().is_trading());
}

#[test]
fn equity_is_recorded_every_minute_with_its_control() {
    let mut driver = Driver::ready(cheap());
    driver.warm(MID);
    driver.minute(MID, MID * 6 / 5);
    let equities: Vec<_> =
        driver.records().filter_map(|r| if let Record::Equity(equity) = r { Some(equity) } else { None }).collect();
    assert_eq!(equities.len(), 5);
    assert!(equities.windows(2).all(|pair| pair[1].at.as_nanos() - pair[0].at.as_nanos() == 60_000_000_000));
    assert_eq!(equities[0].hold, Cash::from_units(10_000));
    // Bought after two minutes, with what fee and slippage leave; worth 12 000 less that now.
    driver.minute(MID * 6 / 5, MID * 6 / 5);
    let hold = driver.engine.view().hold_value();
    assert!(hold > Cash::from_units(11_900) && hold < Cash::from_units(12_000), "{hold:?}");
    assert_eq!(
        driver.engine.view().accounts().map(engine::view::AccountView::name).collect::<Vec<_>>(),
        ["lead", "hold", "random", "arbitrage"]
    );
}

/// A box whose rule `reversion` just joined the bid.
fn resting() -> Driver {
    let mut settings = cheap();
    settings.signal.rule = Rule::Reversion;
    let mut driver = Driver::ready(settings);
    driver.warm(MID);
    for minute in 0..22 {
        let wiggle = if minute % 2 == 0 { 100 } else { -100 };
        driver.minute(MID, MID + wiggle);
    }
    driver.minute(MID, MID - 3_000);
    assert_eq!(driver.orders().len(), 0, "below its band");
    driver.minute(MID - 3_000, MID - 900);
    driver.wait_ms(1_000);
    driver.book(MID - 900);
    driver.wait_ms(1_000);
    assert_eq!((driver.orders().len(), driver.fills().len()), (1, 0), "it rests");
    driver
}

#[test]
fn rule_reversion_joins_the_bid_after_the_price_came_back_into_its_band() {
    let mut driver = resting();
    assert!(
        matches!(last_order_reason(&driver), Reason::Reversion { band_percent } if (0..50).contains(&band_percent)),
        "{:?}",
        driver.orders()
    );
    driver.trade(MID - 1_000, 100_000, Aggressor::Sell);
    assert_eq!(driver.engine.view().positions().count(), 1);
    driver.minute(MID - 900, MID + 50);
    driver.wait_ms(1_000);
    driver.book(MID + 50);
    assert_eq!(driver.engine.view().positions().count(), 0, "sold at the middle");
    assert!(driver.engine.view().portfolio().worth().realised > Cash::ZERO);
}

#[test]
fn a_resting_order_is_not_filled_while_the_book_is_stale() {
    let mut driver = resting();
    driver.stale(StaleReason::ChecksumMismatch);
    driver.trade(MID - 1_000, 100_000, Aggressor::Sell);
    assert_eq!(driver.fills().len(), 0);
    driver.book(MID - 900);
    driver.trade(MID - 1_000, 100_000, Aggressor::Sell);
    assert_eq!(driver.fills().len(), 1);
}

#[test]
fn a_minute_that_closes_late_does_not_see_the_book_of_now() {
    let mut driver = Driver::ready(cheap());
    driver.warm(MID);
    for ms in [58_000, 59_000, 3_000] {
        driver.wait_ms(ms);
        driver.send(Input::Tick);
    }
    let series = driver.engine.view().market(ID).expect("listed").series();
    let has_book: Vec<bool> = series.entries().rev().take(3).map(|entry| entry.backdrop.book.is_some()).collect();
    assert_eq!(has_book, [true, false, true], "the one before the last closed a minute late");
}

#[test]
fn a_fresh_engine_is_the_same_everywhere() {
    assert_eq!(Engine::new(), Engine::default());
    let bytes = postcard::to_allocvec(&Engine::new()).expect("encodes");
    assert_eq!(postcard::from_bytes::<Engine>(&bytes).expect("decodes"), Engine::new());
}

/// What the first account wants of equity, and the net return it was promised, after the price went up and down by so many thousandths
/// every five minutes for six hours.
fn wanted(sizing: Sizing, thousandths: i64, log_return: f32) -> Option<(f64, f64)> {
    let mut settings = cheap();
    settings.signal.sizing = sizing;
    settings.signal.size_max_ppm = 150_000;
    settings.risk.value_at_risk_max_ppm = 1_000_000;
    let mut driver = Driver::ready(settings);
    driver.warm(MID);
    let mut effects = Vec::new();
    for slot in 0..72 {
        let mid = MID + MID * thousandths / 1_000 * (slot % 2);
        for _ in 0..5 {
            effects = driver.minute(mid, mid);
        }
    }
    driver.answer(asked(&effects).expect("asked"), log_return);
    let order = driver.orders().pop()?.clone();
    let Reason::Forecast { edge_cbps, cost_cbps, .. } = order.reason else { panic!("{:?}", order.reason) };
    let ask = driver.engine.view().market(order.instrument).expect("listed").book().asks()[0].price;
    let value = instrument(0).scale.notional(ask, order.qty, types::Rounding::Floor);
    let lead = driver.engine.view().accounts().next().expect("the first").portfolio().equity();
    Some((value.0 as f64 / lead.0 as f64, f64::from(edge_cbps - cost_cbps) / 1e6))
}

#[test]
fn a_portfolio_tells_how_much() {
    let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.03, "{found} is not {expected}");
    // Five minutes deviate by a thousandth: of all that there is, two thousandths a day are wanted.
    let (share, _) = wanted(Sizing::Parity, 1, 0.01).expect("buys");
    near(share, 0.002 / (0.001 * 288f64.sqrt()));
    assert_eq!(wanted(Sizing::Parity, 0, 0.01), None, "nothing moves, so nothing is known of its risk");
    // A quarter of net return over the variance of the one minute that is forecast.
    let (share, net) = wanted(Sizing::MeanVariance, 50, 0.000_2).expect("buys");
    // The logarithm of 1.05.
    let deviation = 0.048_790_164;
    near(share, net / (4.0 * deviation * deviation / 5.0));
    let (share, _) = wanted(Sizing::MeanVariance, 50, 0.01).expect("buys");
    near(share, 0.15);
}

/// What was written of BTC up to now.
fn mood(driver: &Driver, items: u32, mean: f32) -> Input {
    let said = |items: u32| Said { items, scored: items.min(1), mean: (items > 0).then_some(mean), dispersion: None };
    let of = CurrencyMood { currency: "BTC".to_owned(), hour: said(items), day: said(items + 1) };
    Input::Mood(Mood { as_of: driver.at, scorer: "lexicon".to_owned(), currencies: vec![of] })
}

#[test]
fn what_was_written_is_a_feature_until_nobody_reads_news_any_more() {
    let mut driver = Driver::ready(cheap());
    driver.warm(MID);
    let seats = [Column::Sentiment1h, Column::Sentiment24h, Column::NewsCount1h];
    let row = |driver: &Driver| {
        let (_, row) = driver.engine.view().market(ID).expect("known").row().expect("a row");
        seats.map(|seat| row.get(seat))
    };
    assert_eq!(row(&driver), [None; 3], "nobody reads news");
    driver.send(mood(&driver, 0, 0.0));
    driver.minute(MID, MID);
    assert_eq!(row(&driver), [None, Some(0.0), Some(0.0)], "no news of the hour has no mood");
    driver.send(mood(&driver, 4, -0.5));
    driver.minute(MID, MID);
    assert_eq!(row(&driver), [Some(-0.5), Some(-0.5), Some(4.0)]);
    (0..18).for_each(|_| drop(driver.minute(MID, MID)));
    assert_eq!(row(&driver), [Some(-0.5), Some(-0.5), Some(4.0)], "the mood holds for twenty minutes");
    driver.minute(MID, MID);
    driver.minute(MID, MID);
    assert_eq!(row(&driver), [None; 3], "and no longer");
    // The past of a feature is what was known then, also when the rows are made anew.
    let bytes = postcard::to_allocvec(&driver.engine).expect("plain data");
    assert_eq!(postcard::from_bytes::<Engine>(&bytes).expect("as written"), driver.engine);
    let late = Input::Mood(Mood {
        as_of: driver.at.plus(core::time::Duration::from_secs(1)),
        scorer: "lexicon".to_owned(),
        currencies: Vec::new(),
    });
    rejected(&mut driver, late, Rejection::MoodInvalid);
}
