//! Backtests over made-up markets: what must come out of them is known beforehand.

use core::time::Duration;

use backtest::report::Report;
use backtest::source::{CandleMarket, Candles, Invented, JournalDays};
use backtest::trial::MakeAnswerer;
use backtest::what_if::Row;
use backtest::{AccountOutcome, Answerer, BacktestError, Dial, Ledger, Outcome, Plan, Source, Trial, peek};
use backtest::{dial, sweep};
use engine::Engine;
use engine::candle::Bar;
use serde_json::json;
use types::effect::InferRequest;
use types::fee::{Fee, FeeRows};
use types::input::{Answer, HorizonAnswer, ModelSeat, ModelSpec};
use types::settings::{BreakerSettings, EngineSettings, Rule};
use types::{Cash, Effect, Effects, Input, Ppm, Record, Stamped, Timeframe, Timestamp, Venue};

const START: Timestamp = Timestamp::from_date(2025, 3, 3);
const MINUTE_MS: i64 = 60_000;
const HORIZON: u16 = 30;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Between 0 and 1.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal: twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A walk without drift whose candles follow each other without gaps in price.
fn walk(count: i64, timeframe: Timeframe, deviation: f64, seed: u64) -> Vec<Bar> {
    let (mut random, mut price) = (Random(seed), 50_000.0f64);
    let step_ms = timeframe.minutes() * MINUTE_MS;
    (0..count)
        .map(|n| {
            let open = cents(price);
            price *= (random.normal() * deviation).exp();
            let close = cents(price);
            let wick = 1.0 + random.uniform() * deviation;
            Bar {
                open_time: Timestamp::from_millis(START.as_millis() + n * step_ms),
                open,
                high: cents(open.max(close) * wick),
                low: cents(open.min(close) / wick),
                close,
                volume: (random.uniform() * 1e6).round() / 1e4,
            }
        })
        .collect()
}

fn source_of(bars: Vec<Bar>) -> Source {
    source_with(bars, Invented::default())
}

fn source_with(bars: Vec<Bar>, invented: Invented) -> Source {
    let market = CandleMarket::of("test", bars, Venue::BinanceUs, "BTC", "USDT").expect("sound rows");
    Source::Candles(Candles::new(vec![market], invented).expect("a market"))
}

/// Nothing but the strategy decides: no limit stops it, and a fee of 10 basis points.
fn settings(rule: Rule) -> EngineSettings {
    let mut settings = EngineSettings::default();
    settings.signal.rule = rule;
    settings.signal.size_ppm = 200_000;
    settings.signal.size_max_ppm = 200_000;
    settings.signal.edge_min_cbps = 0;
    let risk = &mut settings.risk;
    (risk.daily_loss_max_ppm, risk.weekly_loss_max_ppm, risk.drawdown_max_ppm) = (1_000_000, 1_000_000, 1_000_000);
    (risk.stop_loss_ppm, risk.take_profit_ppm, risk.value_at_risk_max_ppm) = (0, 0, 1_000_000);
    (risk.correlated_max_ppm, risk.breakers) = (1_000_000, BreakerSettings::off());
    settings.fees.binance_us = FeeRows::always(Fee { maker_ppm: Ppm(1_000), taker_ppm: Ppm(1_000) }, true, "test");
    settings
}

fn seat() -> ModelSeat {
    let features = vec!["ret_1".to_owned()];
    let fingerprint = engine::feature::fingerprint(&features).expect("a known name");
    ModelSeat::alone(ModelSpec {
        id: "oracle".to_owned(),
        name: "oracle".to_owned(),
        features,
        fingerprint,
        rows: 1,
        horizons_min: vec![HORIZON],
    })
}

fn answer(request: &InferRequest, log_return: f32) -> Answer {
    Answer {
        instrument: request.instrument,
        open_time: request.open_time,
        model: request.model.clone(),
        horizons: vec![HorizonAnswer {
            horizon_min: HORIZON,
            log_return,
            p_up: if log_return > 0.0 { 0.6 } else { 0.4 },
            quantiles: Vec::new(),
        }],
        decision: None,
        attention: Vec::new(),
        took_us: 1,
    }
}

/// Says the true sign of the move until the horizon's end this often, from what the source holds; promises `size`.
fn oracle(source: &Source, share: f64, size: f32, seed: u64) -> impl FnMut(&InferRequest) -> Option<Answer> + use<> {
    let Source::Candles(candles) = source else { panic!("candles") };
    let closes: Vec<f64> = candles.markets()[0].candles().iter().map(|candle| candle.close.mantissa() as f64).collect();
    let first = candles.markets()[0].candles()[0].open_time;
    let mut random = Random(seed);
    move |request| {
        let place = ((request.open_time.as_millis() - first.as_millis()) / MINUTE_MS) as usize;
        let then = closes.get(place + usize::from(HORIZON)).copied().unwrap_or(closes[place]);
        let is_up = then > closes[place];
        let is_told = random.uniform() < share;
        Some(answer(request, if is_up == is_told { size } else { -size }))
    }
}

/// Answers twice an hour only: whoever changes his mind every minute pays for it.
fn half_hourly(mut told: impl FnMut(&InferRequest) -> Option<Answer>) -> impl FnMut(&InferRequest) -> Option<Answer> {
    move |request| if request.open_time.as_secs() / 60 % 30 == 29 { told(request) } else { None }
}

fn trial(settings: EngineSettings) -> Trial {
    Trial { seats: Some(vec![seat()]), ..Trial::new("test", settings) }
}

fn lead(outcome: &Outcome) -> &AccountOutcome {
    &outcome.accounts[0]
}

fn net(account: &AccountOutcome) -> i64 {
    account.equity.0 - account.start.0
}

/// Every candle of the given length that the engine closed.
fn rebuilt(source: &Source, timeframe: Timeframe) -> Vec<(Timestamp, [i64; 4], u64)> {
    let (mut engine, mut effects, mut seq, mut closed) = (Engine::new(), Effects::new(), 0, Vec::new());
    source
        .play(&mut |at, input| {
            seq += 1;
            engine.handle(&Stamped { seq, at, input }, &mut effects);
            for effect in effects.drain() {
                if let Effect::Record(Record::Candle(told)) = effect
                    && told.timeframe == timeframe
                {
                    let it = told.candle;
                    closed.push((it.open_time, [it.open, it.high, it.low, it.close].map(i64::from), it.volume.0));
                }
            }
            Ok(())
        })
        .expect("plays");
    assert_eq!(engine.view().rejections().total(), 0, "{:?}", engine.view().rejections());
    closed
}

#[test]
fn the_engine_rebuilds_every_candle_of_a_file_with_its_gaps() {
    for (timeframe, count) in [(Timeframe::M1, 400), (Timeframe::M5, 120), (Timeframe::H1, 40), (Timeframe::D1, 4)] {
        let mut bars = walk(count, timeframe, 0.002, 7);
        // Little and no volume, a still candle, a rise and a fall without wicks.
        let place = 2;
        bars[place].volume = 0.0;
        let still = bars[place - 1].close;
        (bars[place].open, bars[place].high, bars[place].low, bars[place].close) = (still, still, still, still);
        bars[0].volume = 0.002;
        if count > 20 {
            bars.drain(11..13);
            bars.remove(15);
        }
        let source = source_of(bars);
        let Source::Candles(candles) = &source else { panic!("candles") };
        let market = &candles.markets()[0];
        let expected: Vec<_> = market
            .candles()
            .iter()
            .map(|it| (it.open_time, [it.open, it.high, it.low, it.close].map(i64::from), it.volume.0))
            .collect();
        assert_eq!((market.timeframe(), market.raised()), (timeframe, 0));
        assert_eq!(rebuilt(&source, timeframe), expected, "{}", timeframe.name());
    }
}

#[test]
fn a_planted_edge_is_found_and_no_edge_pays_its_costs() {
    // Minutes that move by 60 basis points: 30 of them by about 260, of which being right in 60 % leaves 52; a round
    // trip costs 9.
    let wild = source_of(walk(20 * 1_440, Timeframe::M1, 0.006, 11));
    let mut cheap = settings(Rule::Forecast);
    cheap.fees.binance_us = FeeRows::always(Fee { maker_ppm: Ppm(200), taker_ppm: Ppm(200) }, true, "test");
    let skilled = trial(cheap).run(&wild, Some(&mut half_hourly(oracle(&wild, 0.6, 0.006, 1)))).expect("runs");
    let (own, hold) = (lead(&skilled), &skilled.accounts[1]);
    assert!(own.trades.len() > 100, "{}", own.trades.len());
    assert!(net(own) > 0 && net(own) > net(hold), "{} {}", net(own), net(hold));

    // A calm market, where the costs of 25 basis points stand out of the luck.
    let calm = source_of(walk(15 * 1_440, Timeframe::M1, 0.000_3, 12));
    let mut coin = half_hourly(oracle(&calm, 0.5, 0.006, 2));
    let blind = trial(settings(Rule::Forecast)).run(&calm, Some(&mut coin)).expect("runs");
    let own = lead(&blind);
    // Taker fees as booked, and half the spread of each order: 2.5 basis points of what was bought and sold.
    let costs = own.fees.0 + own.turnover.0 / 4_000;
    let lost = -net(own);
    assert!(own.trades.len() > 100 && lost > costs * 3 / 4 && lost < costs * 4 / 3, "lost {lost}, costs {costs}");
    let random = blind.accounts.iter().find(|account| account.name == "random").expect("a control");
    let (costs, lost) = (random.fees.0 + random.turnover.0 / 4_000, -net(random));
    assert!(random.trades.len() > 100 && lost > costs * 3 / 4 && lost < costs * 4 / 3, "lost {lost}, costs {costs}");
}

#[test]
fn equity_is_the_start_money_and_the_results() {
    let source = source_of(walk(3_000, Timeframe::M1, 0.001, 3));
    let mut oracle = oracle(&source, 0.5, 0.006, 4);
    // Bought in the first half only, so that nothing is open at the end.
    let outcome = trial(settings(Rule::Forecast)).run(
        &source,
        Some(&mut |request: &InferRequest| {
            let told = oracle(request);
            told.filter(|_| request.open_time < START.plus(Duration::from_secs(60 * 1_500)))
        }),
    );
    let outcome = outcome.expect("runs");
    for account in outcome.accounts.iter().filter(|account| account.open == 0) {
        let results: i64 = account.trades.iter().map(|trade| trade.result.0).sum();
        assert_eq!(account.equity.0, account.start.0 + results, "{}", account.name);
        assert!(account.trades.iter().all(|trade| trade.opened_at < trade.closed_at && trade.closed_at <= outcome.to));
    }
    assert!(lead(&outcome).open == 0 && lead(&outcome).trades.len() > 10);
    assert_eq!(lead(&outcome).trades[0].opener, "oracle");
    assert_eq!(*lead(&outcome).hourly.first().expect("a start"), Cash::from_units(10_000));
    assert_eq!((lead(&outcome).hourly.len(), lead(&outcome).daily.len()), (51, 3));
}

/// Flat at 100, and one candle that touches both stop (2 %) and target (4 %).
fn both(timeframe: Timeframe) -> Vec<Bar> {
    let step_ms = timeframe.minutes() * MINUTE_MS;
    (0..80)
        .map(|n| {
            let open_time = Timestamp::from_millis(START.as_millis() + n * step_ms);
            let (high, low) = if n == 70 { (105.0, 97.0) } else { (100.0, 100.0) };
            Bar { open_time, open: 100.0, high, low, close: 100.0, volume: 10_000.0 }
        })
        .collect()
}

#[test]
fn a_candle_that_touches_stop_and_target_books_the_stop() {
    for timeframe in [Timeframe::M1, Timeframe::M5] {
        let mut settings = settings(Rule::Forecast);
        (settings.risk.stop_loss_ppm, settings.risk.take_profit_ppm) = (20_000, 40_000);
        let source = source_of(both(timeframe));
        let seats = Some(vec![ModelSeat { timeframe, ..seat() }]);
        let mut asked = 0;
        let mut once = |request: &InferRequest| {
            asked += 1;
            (asked > 60 && asked < 69).then(|| answer(request, 0.01))
        };
        let trial = Trial { seats, ..trial(settings) };
        let outcome = trial.run(&source, Some(&mut once)).expect("runs");
        let trades = &lead(&outcome).trades;
        assert_eq!(trades.len(), 1, "{timeframe:?} {outcome:?}");
        // A fifth of 10 000 dollars loses at least the 2 % of the stop, and no more than the candle fell, with costs.
        let result = trades[0].result.0 as f64 / 1e8;
        assert!((-68.0..-40.0).contains(&result), "{timeframe:?}: {result}");
        let closes = trades[0].closed_at.as_millis() - START.as_millis();
        assert_eq!(closes / (timeframe.minutes() * MINUTE_MS), 70, "{timeframe:?}");
    }
}

#[test]
fn a_target_that_is_touched_for_a_glimpse_is_not_sold_at() {
    let mut settings = settings(Rule::Forecast);
    settings.risk.take_profit_ppm = 40_000;
    let mut bars = both(Timeframe::M1);
    bars[70].low = 100.0;
    let source = source_of(bars);
    let mut asked = 0;
    let mut once = |request: &InferRequest| {
        asked += 1;
        (asked > 60 && asked < 69).then(|| answer(request, 0.01))
    };
    let outcome = trial(settings).run(&source, Some(&mut once)).expect("runs");
    let trades = &lead(&outcome).trades;
    // Seen at 105, sold at the close of 100: fees and spread of 2 000 dollars are lost.
    assert_eq!(trades.len(), 1);
    let result = trades[0].result.0 as f64 / 1e8;
    assert!((-5.1..-4.9).contains(&result), "{result}");
}

#[test]
fn an_entry_is_filled_at_the_next_open_and_never_before() {
    // The close of candle 64 and the open of candle 65 are far apart.
    let mut bars = both(Timeframe::M1);
    for bar in &mut bars[65..] {
        (bar.open, bar.high, bar.low, bar.close) = (103.0, 103.0, 103.0, 103.0);
    }
    let source = source_of(bars);
    let decided = Timestamp::from_millis(START.as_millis() + 64 * MINUTE_MS);
    let mut at_64 = |request: &InferRequest| (request.open_time == decided).then(|| answer(request, 0.05));
    let outcome = trial(settings(Rule::Forecast)).run(&source, Some(&mut at_64)).expect("runs");
    let (own, turnover) = (lead(&outcome), lead(&outcome).turnover.0 as f64 / 1e8);
    assert!(own.fills >= 1);
    // Everything at 103 and the spread: had it been bought at 100, equity would be up by 60 dollars.
    assert!(net(own) < 0 && turnover > 1_900.0, "{} {turnover}", net(own));
}

#[test]
fn the_same_trial_gives_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = source_of(walk(4_000, Timeframe::M1, 0.001, 5));
    let make: &MakeAnswerer<'_> = &|source| Ok(Box::new(oracle(source, 0.7, 0.006, 6)) as Box<dyn Answerer>);
    let dials = [Dial::of("signal.edge_min_cbps", [json!(0), json!(100), json!(5_000)])];
    let trials = dial::variants(&trial(settings(Rule::Forecast)), &dials).expect("settings");
    let run = |threads: usize, file: &str| {
        let mut ledger = Ledger::open(&dir.path().join(file)).expect("a list");
        let sweep = sweep::run(&source, &trials, Some(("oracle", make)), threads, Some(&mut ledger)).expect("runs");
        let reports: Vec<Report> = (0..trials.len()).map(|n| Report::of(&source, &sweep, n, Some(&ledger))).collect();
        reports.iter().map(|report| [report.json(), report.text(), report.html()].concat()).collect::<Vec<_>>()
    };
    let (one, two) = (run(1, "a"), run(2, "b"));
    assert_eq!(one, two);
    assert!(one[0] != one[2], "other settings, another result");
    // Again over the same list: the same trials are not counted twice, new ones are.
    assert_eq!(run(2, "a"), one);
    let mut ledger = Ledger::open(&dir.path().join("a")).expect("a list");
    let more = sweep::run(&source, &trials[..1], Some(("other", make)), 1, Some(&mut ledger)).expect("runs");
    assert_eq!((more.trials, more.outcomes.len()), (4, 1));
    let wide = source_with(walk(4_000, Timeframe::M1, 0.001, 5), Invented { spread_cbps: 900, ..Invented::default() });
    let wide = sweep::run(&wide, &trials[..1], Some(("other", make)), 1, Some(&mut ledger)).expect("runs");
    assert_eq!((wide.trials, &wide.source), (5, &more.source), "the same data with another book around it");
    assert!(Report::of(&source, &more, 0, Some(&ledger)).chosen.expected_best.expect("varies") > 0.0);
}

#[test]
fn whoever_looks_ahead_is_caught_and_who_does_not_is_not() {
    let source = source_of(walk(600, Timeframe::M1, 0.001, 9));
    let trial = trial(settings(Rule::Forecast));
    // One candle ahead of what was asked for.
    let cheat: &MakeAnswerer<'_> = &|source| {
        let Source::Candles(candles) = source else { panic!("candles") };
        let market = candles.markets()[0].clone();
        Ok(Box::new(move |request: &InferRequest| {
            let next = market.candles().partition_point(|candle| candle.open_time <= request.open_time);
            let now = market.candles()[next - 1].close;
            let then = market.candles().get(next).map_or(now, |candle| candle.close);
            Some(answer(request, if then > now { 0.01 } else { -0.01 }))
        }) as Box<dyn Answerer>)
    };
    let honest: &MakeAnswerer<'_> = &|_| {
        Ok(Box::new(|request: &InferRequest| Some(answer(request, if request.window[0] > 0.0 { 0.01 } else { -0.01 })))
            as Box<dyn Answerer>)
    };
    let found = peek::look(&trial, &source, Some(cheat), 12, 1).expect("runs");
    assert!(!found.findings.is_empty(), "{found:?}");
    assert!(found.findings.iter().any(|finding| finding.what == peek::Differs::Answer));
    let found = peek::look(&trial, &source, Some(honest), 12, 1).expect("runs");
    assert_eq!((found.findings.as_slice(), found.cuts), (&[][..], 12));
    assert!(found.compared > 1_000, "{}", found.compared);
}

#[test]
fn what_candles_cannot_tell_is_refused() {
    let hours = source_of(walk(30, Timeframe::H1, 0.001, 1));
    let minutes = source_of(walk(30, Timeframe::M1, 0.001, 1));
    let check = |source: &Source, trial: Trial, expected: &str| {
        let error = trial.run(source, None).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&hours, Trial::new("a", settings(Rule::Reversion)), "rule reversion of signal looks at minutes");
    check(&hours, trial(settings(Rule::Forecast)), "looks at candles of 1m, the source has candles of 1h");
    let mut late = trial(settings(Rule::Forecast));
    late.answer_after = Duration::from_secs(27);
    check(&minutes, late, "the low of the candle");
    let needs = engine::feature::DEFINITIONS.iter().find(|it| it.needs == engine::feature::Needs::Book).expect("some");
    let mut seats = vec![seat()];
    seats[0].spec.features = vec![needs.name.to_owned()];
    check(&minutes, Trial { seats: Some(seats), ..trial(settings(Rule::Forecast)) }, "which candles do not tell");
}

#[test]
fn rows_that_cannot_be_played_are_named() {
    let check = |bars: Vec<Bar>, expected: &str| {
        let error = CandleMarket::of("x.csv", bars, Venue::Kraken, "BTC", "USD").expect_err(expected).to_string();
        assert!(error.starts_with("x.csv: ") && error.contains(expected), "{error}");
    };
    let bars = walk(3, Timeframe::M1, 0.001, 1);
    check(bars[..1].to_vec(), "1 rows: two are needed");
    let apart = |ms: i64| -> Vec<Bar> {
        let bars = bars.iter().enumerate();
        bars.map(|(n, bar)| Bar { open_time: Timestamp::from_millis(START.as_millis() + n as i64 * ms), ..*bar })
            .collect()
    };
    check(apart(7_000), "rows are 7 s apart");
    let mut shifted = bars.clone();
    shifted.iter_mut().for_each(|bar| bar.open_time = bar.open_time.plus(Duration::from_secs(1)));
    check(shifted, "does not start where a candle of 1m does");
    let mut tiny = bars;
    tiny[1].low = 1e-7;
    check(tiny, "no book can be made up");
}

/// A recorded box: the played candles as a journal of two days, under these settings.
fn recorded(source: &Source, settings: &EngineSettings, dir: &std::path::Path) {
    let (mut engine, mut effects, mut seq) = (Engine::new(), Effects::new(), 0);
    let (mut journal, _) = store::Journal::open(dir).expect("a journal");
    let mut builder = store::BlockBuilder::new();
    let checkpoint = |engine: &Engine, seq: u64, at: Timestamp| store::Checkpoint {
        seq,
        at,
        state_version: engine::STATE_VERSION,
        state: postcard::to_allocvec(engine).expect("encodes"),
    };
    source
        .play(&mut |at, input| {
            if seq == 0 {
                journal.write(&[], Some(checkpoint(&engine, 0, at))).expect("written");
            }
            if !builder.fits(at) {
                let block = builder.finish().expect("a block");
                let checkpoint = checkpoint(&engine, seq, at);
                journal.write(&[block], Some(checkpoint)).expect("written");
            }
            seq += 1;
            let input = match input {
                Input::Models { .. } => Input::Models { seats: vec![seat()], news: None },
                Input::Boot { version, .. } => Input::Boot { version, settings: Box::new(settings.clone()) },
                input => input,
            };
            let stamped = Stamped { seq, at, input };
            engine.handle(&stamped, &mut effects);
            builder.push(&stamped, effects.as_slice()).expect("fits");
            effects.clear();
            Ok(())
        })
        .expect("plays");
    journal.write(&[builder.finish().expect("a block")], None).expect("written");
}

#[test]
fn a_journal_gives_what_its_source_gave_and_a_span_begins_with_its_catalogue() {
    let dir = tempfile::tempdir().expect("a folder");
    let candles = source_of(walk(2_000, Timeframe::M1, 0.001, 21));
    recorded(&candles, &EngineSettings::default(), dir.path());
    let open = |from: Timestamp, to: Timestamp| Source::Journal(JournalDays::open(dir.path(), from..to).expect("days"));
    let whole = open(Timestamp::EPOCH, Timestamp::MAX);
    let trial = trial(settings(Rule::Forecast));
    let direct = trial.run(&candles, Some(&mut oracle(&candles, 0.7, 0.006, 2))).expect("runs");
    let read = trial.run(&whole, Some(&mut oracle(&candles, 0.7, 0.006, 2))).expect("runs");
    assert_eq!(read, direct);
    assert!(lead(&read).trades.len() > 5);

    // The second day alone: the instrument and the model were told on the first.
    let noon = START.plus(Duration::from_secs(86_400 + 3_600));
    let part = Trial { seats: None, ..trial.clone() };
    let part = part.run(&open(noon, Timestamp::MAX), Some(&mut oracle(&candles, 0.7, 0.006, 2))).expect("runs");
    assert_eq!(part.from.floor_to(60_000_000_000), noon);
    assert!(part.questions > 300 && lead(&part).orders > 0, "{part:?}");

    // Without the first day the oldest state tells them.
    let first = store::days(dir.path()).expect("days").remove(0);
    std::fs::remove_file(first.path).expect("removed");
    let state = trial.run(&open(noon, Timestamp::MAX), Some(&mut oracle(&candles, 0.7, 0.006, 2))).expect("runs");
    assert_eq!(state, part_named(&part, &state));
    let nothing = JournalDays::open(dir.path(), Timestamp::EPOCH..START);
    assert!(matches!(nothing, Err(BacktestError::Empty(_))), "{nothing:?}");
}

/// The outcome with the digest of another trial: what is asked of it is the same otherwise.
fn part_named(outcome: &Outcome, like: &Outcome) -> Outcome {
    Outcome { digest: like.digest.clone(), ..outcome.clone() }
}

#[test]
fn real_candles_are_played_and_reported() {
    let Some(path) = testdata::path("candles/coinbase_BTC-USD_5m_20260126-20260228.csv.gz") else { return };
    let market = CandleMarket::read(&path, &(Timestamp::EPOCH..Timestamp::MAX), Venue::Coinbase, "BTC", "USD")
        .expect("a candle file");
    assert!(market.candles().len() > 5_000);
    let source = Source::Candles(Candles::new(vec![market], Invented::default()).expect("a market"));
    let sweep = sweep::run(&source, &[Trial::new("off", settings(Rule::Off))], None, 1, None).expect("runs");
    let report = Report::of(&source, &sweep, 0, None);
    let off = (report.lead.net_return, report.lead.orders);
    assert!(off.0.abs() < 1e-12 && off.1 == 0, "who does nothing stays where it is");
    assert!(report.controls[0].fills > 0 && report.controls[0].net_return.abs() > 0.001);
    assert!(report.rejections.is_empty(), "{:?}", report.rejections);
}

#[test]
fn unchanged_costs_give_the_recorded_fills_and_other_costs_are_told_beside_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = settings(Rule::Reversion);
    recorded(&source_of(walk(2_500, Timeframe::M1, 0.001, 31)), &settings, dir.path());
    let open = |from: Timestamp| JournalDays::open(dir.path(), from..Timestamp::MAX).expect("days");
    let survey = open(Timestamp::EPOCH).survey().expect("it reads");
    assert_eq!((&survey.settings, survey.others, survey.instruments.len()), (&settings, 0, 1));
    let ask = |from: Timestamp, settings: EngineSettings| {
        let source = Source::Journal(open(from));
        let plan = Plan {
            source: &source,
            base: Trial::new("box", settings),
            dials: Vec::new(),
            answerer: None,
            made_until: Vec::new(),
            threads: 2,
            cuts: 0,
            what_if: true,
        };
        let mut ledger = Ledger::open(&dir.path().join("trials.jsonl")).expect("a list");
        plan.run(&mut ledger).expect("runs")
    };
    let report = ask(Timestamp::EPOCH, settings.clone());
    assert_eq!((report.chosen.trials, report.variants.len()), (1, 0), "other costs are no trials");
    let found = report.what_if.as_ref().expect("asked");
    let fills = found.fills.expect("a journal");
    assert!(fills.is_exact() && fills.recorded > 20, "{fills:?}");
    assert_eq!(found.reasons, [""; 0]);
    let recorded = found.recorded.as_ref().expect("a journal");
    assert_eq!(Row { name: "as set".to_owned(), ..recorded.clone() }, found.rows[0]);
    let row = |name: &str| found.rows.iter().find(|row| row.name == name).expect(name);
    for row in &found.rows {
        let sum = row.net + row.fees + row.spread + row.impact + row.delay;
        assert!((sum - row.before_costs).abs() < 1e-6, "{row:?}");
    }
    let (own, free, dear) = (row("as set"), row("fees x 0"), row("fees x 2"));
    assert!(own.fees > 1.0 && free.fees.abs() < 1e-9, "{own:?} {free:?}");
    // The rule does not look at fees: the same trades, and only what they cost is another.
    assert_eq!((free.trades, dear.trades), (own.trades, own.trades));
    assert!((dear.fees / own.fees - 2.0).abs() < 0.02 && free.net > own.net && own.net > dear.net, "{found:?}");
    assert!((row("size x 0.5").fees / own.fees - 0.5).abs() < 0.02, "{found:?}");
    assert!(report.html().contains("What other costs would have done") && report.text().contains("latency + 500 ms"));

    // From the middle on the box had an account with a past, and the backtest begins with none; and with other settings.
    let mut other = settings;
    other.signal.hold_max_min = 5;
    let report = ask(START.plus(Duration::from_secs(86_400 + 3_600)), other);
    let found = report.what_if.expect("asked");
    assert_eq!(found.reasons.len(), 2, "{:?}", found.reasons);
    assert_eq!(found.reasons[0], "Other settings than those of the box: engine.signal.");
    assert!(found.reasons[1].contains("older than the span"));
    let fills = found.fills.expect("a journal");
    assert!(!fills.is_exact() && fills.recorded > 5, "{fills:?}");
}

#[test]
fn a_sweep_shows_its_best_and_tells_all_of_its_variants() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = source_of(walk(3_000, Timeframe::M1, 0.001, 41));
    let plan = |dials: Vec<Dial>, what_if: bool| Plan {
        source: &source,
        base: Trial::new("base", settings(Rule::Reversion)),
        dials,
        answerer: None,
        made_until: vec![
            ("m r1".to_owned(), START.plus(Duration::from_secs(600))),
            ("m r2".to_owned(), Timestamp::EPOCH),
        ],
        threads: 2,
        cuts: 3,
        what_if,
    };
    let dials = vec![Dial::fees(&[0, 1_000]), Dial::parse("engine.signal.hold_max_min=10,60").expect("a dial")];
    let mut ledger = Ledger::open(&dir.path().join("trials.jsonl")).expect("a list");
    let report = plan(dials.clone(), false).run(&mut ledger).expect("runs");
    let best = report.variants.iter().max_by(|a, b| a.sharpe.partial_cmp(&b.sharpe).expect("numbers")).expect("some");
    assert_eq!((report.variants.len(), report.chosen.trials, &report.name), (4, 4, &best.name));
    assert!(report.name.starts_with("fee_ppm=0 signal.hold_max_min="), "{}", report.name);
    assert!(report.peek.as_ref().is_some_and(|peek| peek.cuts == 3 && peek.findings.is_empty()));
    let warned = report.warnings.iter().filter(|text| text.contains("was made from data up to")).count();
    assert_eq!(warned, 1, "{:?}", report.warnings);
    assert!(report.text().contains("<- shown above") && report.html().contains("(shown here)"));
    let error = plan(dials, true).run(&mut ledger).expect_err("one set of settings only").to_string();
    assert!(error.contains("4 variants"), "{error}");

    let page = dir.path().join("a.html");
    let json = report.write(&page).expect("written");
    assert_eq!(json, dir.path().join("a.json"));
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(json).expect("there")).expect("JSON");
    assert_eq!(told["variants"][0]["name"], "fee_ppm=0 signal.hold_max_min=10");
    assert!(report.write(&dir.path().join("a.json")).is_err(), "the page would be lost");
    assert!(report.write(&dir.path().join("no/a.html")).expect_err("no folder").to_string().contains("no/a.html"));
}
