//! Several models side by side, and models of longer candles.

mod common;

use common::{Driver, HORIZONS, START, asked, model, prediction, price, settings};
use engine::candle::Bar;
use engine::feature::{Around, FeatureState, FeatureWindow, fingerprint};
use engine::rejection::Rejection;
use types::effect::{ForecastRecord, InferRequest};
use types::input::{
    Answer, Decision, History, HorizonAnswer, HorizonForecast, ModelRole, ModelSeat, ModelSpec, Prediction,
};
use types::market::{CandleSource, CandleState, VenueCandle};
use types::settings::Rule;
use types::time::NS_PER_MIN;
use types::{Candle, Effect, Input, InstrumentId, Qty, Record, Timeframe, Timestamp};

const ID: InstrumentId = InstrumentId(0);
const MID: i64 = 100_000;

fn seat(id: &str, role: ModelRole) -> ModelSeat {
    ModelSeat { role, ..ModelSeat::alone(ModelSpec { id: id.to_owned(), ..model() }) }
}

fn questions(effects: &[Effect]) -> Vec<&InferRequest> {
    effects.iter().filter_map(|effect| if let Effect::Infer(request) = effect { Some(request) } else { None }).collect()
}

fn forecasts(effects: &[Effect]) -> Vec<&ForecastRecord> {
    let made =
        effects.iter().filter_map(|effect| if let Effect::Record(record) = effect { Some(record) } else { None });
    made.filter_map(|record| if let Record::Forecast(made) = record { Some(made) } else { None }).collect()
}

fn seals(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Record(Record::Seal(_)))).count()
}

/// Trades on forecasts that promise much.
fn driver(seats: Vec<ModelSeat>) -> Driver {
    let mut settings = settings(0);
    settings.signal.rule = Rule::Forecast;
    let mut driver = Driver::ready(settings);
    driver.send(Input::Models { seats, news: None });
    driver
}

#[test]
fn shadows_are_sealed_and_scored_and_nothing_hangs_on_them() {
    let mut driver = driver(vec![seat("shadow", ModelRole::Shadow), seat("lead", ModelRole::Active)]);
    let effects = driver.warm(MID);
    let asked: Vec<InferRequest> = questions(&effects).into_iter().cloned().collect();
    assert_eq!(asked.iter().map(|asked| asked.model.as_str()).collect::<Vec<_>>(), ["shadow", "lead"]);
    assert_eq!(asked[0].window, asked[1].window);

    let said = driver.answer(&asked[0], 0.05);
    assert_eq!((forecasts(&said).len(), seals(&said), driver.orders().len()), (HORIZONS.len(), 1, 0));
    assert_eq!(driver.engine.view().forecast(ID, HORIZONS[0]), None, "nobody who counts has spoken");
    driver.answer(&asked[1], 0.05);
    assert_eq!(driver.orders().len(), 1);
    let lead = |driver: &Driver| driver.engine.view().forecast(ID, HORIZONS[0]).map(|made| made.model.clone());
    assert_eq!(lead(&driver), Some("lead".to_owned()));

    driver.minute(MID, MID + 10);
    let count = |driver: &Driver, id: &str| driver.engine.view().scores_of(id).map(|s| s.report(ID, HORIZONS[0]).n);
    assert_eq!((count(&driver, "shadow"), count(&driver, "lead")), (Some(1), Some(1)));

    // Changed places: the records stay, only who leads is another one.
    driver.send(Input::Models {
        seats: vec![seat("shadow", ModelRole::Active), seat("lead", ModelRole::Shadow)],
        news: None,
    });
    assert_eq!(lead(&driver), Some("shadow".to_owned()));
    assert_eq!(driver.engine.view().skill(ID, HORIZONS[0]).n, 1);
    driver.send(Input::Models { seats: vec![seat("shadow", ModelRole::Active)], news: None });
    assert_eq!((count(&driver, "shadow"), count(&driver, "lead")), (Some(1), None), "whoever leaves is forgotten");
}

#[test]
fn of_active_models_the_first_that_tells_a_horizon_leads_it() {
    let mut elsewhere = seat("elsewhere", ModelRole::Active);
    elsewhere.instruments = vec![InstrumentId(7)];
    let mut long = seat("long", ModelRole::Active);
    long.spec.horizons_min = vec![2, 30];
    let driver = driver(vec![elsewhere, seat("first", ModelRole::Active), long]);
    let view = driver.engine.view();
    let leads = [1, 2, 5, 30, 60].map(|horizon| view.lead(ID, horizon).map(|seat| seat.spec.id.as_str()));
    assert_eq!(leads, [Some("first"), Some("first"), Some("first"), Some("long"), None]);
    assert_eq!(view.horizons(ID), [1, 2, 5, 30]);
    assert_eq!(view.lead(InstrumentId(7), 1).map(|seat| seat.spec.id.as_str()), Some("elsewhere"));
}

#[test]
fn odd_seats_are_refused_by_name_and_the_others_sit() {
    let mut other = seat("other", ModelRole::Active);
    other.spec.fingerprint = "another".to_owned();
    let mut long = seat("long", ModelRole::Active);
    long.timeframe = Timeframe::M5;
    let mut book = seat("book", ModelRole::Active);
    (book.spec.features, book.timeframe) = (vec!["spread_bps".to_owned()], Timeframe::M15);
    book.spec.horizons_min = vec![15];
    let twin = seat("good", ModelRole::Shadow);
    let driver = driver(vec![other, long, book, seat("good", ModelRole::Active), twin]);
    let sits: Vec<(&str, bool)> = driver.engine.view().models().map(|(seat, ok)| (seat.spec.id.as_str(), ok)).collect();
    assert_eq!(sits, [("other", false), ("good", true)]);
    assert_eq!(driver.engine.view().rejections().of(Rejection::ModelFingerprint), 1, "the first reason is counted");
    assert_eq!(driver.notices().iter().filter(|text| text.starts_with("Model test is not used")).count(), 4);
}

#[test]
fn what_a_model_would_do_is_kept_and_nonsense_refused() {
    let mut driver = driver(vec![seat("lead", ModelRole::Active)]);
    let decision = Decision { sell: 0.1, hold: 0.2, buy: 0.7, size: 0.25, risk: 0.01 };
    let quantiles = vec![-0.02, -0.01, 0.0, 0.01, 0.02];
    let told = |asked: &InferRequest, decision, quantiles: &[f32]| {
        let mut answer = prediction(asked, 0.0);
        answer.decision = Some(decision);
        answer.horizons.iter_mut().for_each(|horizon| horizon.quantiles = quantiles.to_vec());
        answer
    };
    let effects = driver.warm(MID);
    let asked = asked(&effects).expect("asked").clone();
    let said = driver.send(Input::Answer(told(&asked, decision, &quantiles)));
    assert!(forecasts(&said).iter().all(|made| made.quantiles == quantiles));
    assert_eq!(driver.engine.view().decision("lead", ID), Some((asked.open_time, decision)));
    let greedy = Decision { size: 0.3, ..decision };
    let mut crossing = quantiles.clone();
    crossing.swap(1, 2);
    for (decision, quantiles) in [(greedy, &quantiles), (decision, &crossing), (decision, &vec![0.0])] {
        let effects = driver.minute(MID, MID);
        let asked = common::asked(&effects).expect("asked").clone();
        driver.send(Input::Answer(told(&asked, decision, quantiles)));
    }
    assert_eq!(driver.engine.view().rejections().of(Rejection::PredictionInvalid), 3);
}

#[test]
fn journals_of_before_there_were_several_models_mean_the_same() {
    let run = |old: bool| {
        let mut driver = driver(Vec::new());
        driver.send(if old {
            Input::Model(Some(model()))
        } else {
            Input::Models { seats: vec![ModelSeat::alone(model())], news: None }
        });
        let effects = driver.warm(MID);
        let Answer { instrument, open_time, model, horizons, attention, .. } =
            prediction(asked(&effects).expect("asked"), 0.01);
        let horizon =
            |HorizonAnswer { horizon_min, log_return, p_up, .. }| HorizonForecast { horizon_min, log_return, p_up };
        let old_horizons = horizons.clone().into_iter().map(horizon).collect();
        driver.send(if old {
            Input::Prediction(Prediction { instrument, open_time, model, horizons: old_horizons, attention })
        } else {
            Input::Answer(Answer { instrument, open_time, model, horizons, decision: None, attention, took_us: 7 })
        });
        driver.minute(MID, MID + 5);
        driver.effects
    };
    assert_eq!(run(true), run(false));
}

/// A candle of five minutes that ends `back` of them before [`START`].
fn five(back: i64) -> Candle {
    let open_time = Timestamp::from_nanos(START.as_nanos() - (back + 1) * 5 * NS_PER_MIN);
    let (open, close) = (MID + back * 7 % 50, MID + (back + 3) * 7 % 50);
    Candle {
        open: price(open),
        high: price(open.max(close) + 9),
        low: price(open.min(close) - 9),
        close: price(close),
        volume: Qty(1_000 + back.unsigned_abs()),
        ..Candle::flat(open_time, price(open))
    }
}

#[test]
fn a_model_of_longer_candles_is_asked_when_one_is_over_and_scored_at_its_horizon() {
    let features = ["ret_1", "rsi_14"].map(str::to_owned).to_vec();
    let mut long = seat("long", ModelRole::Active);
    long.timeframe = Timeframe::M5;
    long.spec.fingerprint = fingerprint(&features).expect("known features");
    (long.spec.features, long.spec.rows, long.spec.horizons_min) = (features.clone(), 4, vec![5]);
    let mut driver = driver(vec![long]);
    // Newer and older halves come apart, as from two sources; the second tells some twice.
    let candles: Vec<Candle> = (0..40).rev().map(five).collect();
    let told = |candles: &[Candle]| {
        Input::History(History { instrument: ID, timeframe: Timeframe::M5, candles: candles.to_vec() })
    };
    driver.send(told(&candles[18..]));
    driver.send(told(&candles[..20]));
    driver.wait_ms(3_000);
    driver.book(MID);
    let mut asked = Vec::new();
    for minute in 0..17 {
        let effects = driver.minute(MID, MID + minute);
        if minute == 0 {
            // It was not heard from its start; the venue tells it.
            let candle = Candle::flat(START, price(MID));
            let (state, source) = (CandleState::Final, CandleSource::Rest);
            driver.send(Input::Candle(VenueCandle { instrument: ID, candle, state, source }));
        }
        for question in questions(&effects) {
            asked.push((minute, question.clone()));
            driver.answer_longest(question, 0.001);
        }
    }
    let minutes: Vec<i64> = asked.iter().map(|(minute, _)| *minute).collect();
    assert_eq!(minutes, [4, 9, 14], "{:?}", driver.notices());
    let market = driver.engine.view().market(ID).expect("listed");
    let (_, known) = market.longs().next().expect("wanted");
    assert_eq!(known.len(), 43);
    let (mut state, mut window) = (FeatureState::new(5), FeatureWindow::new(&features, 4).expect("known"));
    for candle in known {
        window.push(state.update(&Bar::of(candle, market.instrument.scale), &Around::default()));
    }
    assert_eq!(window.values().as_ref(), Some(&asked[2].1.window), "as computed from all candles at once");
    let at = Timestamp::from_nanos(START.as_nanos() + 14 * NS_PER_MIN);
    assert_eq!(asked[2].1.open_time, at, "the last minute of the candle");
    assert_eq!(driver.engine.view().skill(ID, 5).n, 2);
}

#[test]
fn history_that_cannot_be_is_refused() {
    let mut driver = driver(vec![seat("lead", ModelRole::Active)]);
    let mut send = |candles: Vec<Candle>| {
        driver.send(Input::History(History { instrument: ID, timeframe: Timeframe::M5, candles }));
        driver.engine.view().rejections().of(Rejection::CandleInvalid)
    };
    assert_eq!(send(vec![five(3), five(2)]), 0, "nobody wants it, and it is sound");
    assert_eq!(send(vec![five(2), five(3)]), 1, "falling");
    assert_eq!(send(vec![five(-1)]), 2, "not over");
    assert_eq!(send(vec![Candle { high: price(1), ..five(1) }]), 3);
    assert_eq!(send(vec![Candle { open_time: START.minus(core::time::Duration::from_secs(360)), ..five(1) }]), 4);
    let mut many: Vec<Candle> = (0..601).rev().map(five).collect();
    assert_eq!(send(many.clone()), 5, "too many");
    many.remove(0);
    assert_eq!(send(many), 5);
}
