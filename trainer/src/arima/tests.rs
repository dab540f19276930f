use engine::candle::Bar;
use types::{Date, Timestamp};

use super::*;

/// Volume of the Nile at Aswan, 1871 to 1970, in 10^8 m^3 (Cobb, *The problem of the Nile*, Biometrika 65, 1978).
const NILE: [u16; 100] = [
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969, 831,
    726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845,
    944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050, 918,
    986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
];

/// 120 values between -0.05 and 0.05 of the linear congruential generator of C's `rand`.
fn noise() -> Vec<f64> {
    let mut state = 1u64;
    let mut next = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        (state as f64 / f64::from(1u32 << 31) - 0.5) / 10.0
    };
    (0..120).map(|_| next()).collect()
}

/// Checks against what statsforecast 2.1.1 (`auto_arima_f(x, period=1, seasonal=False)`, `forecast_arima(model, 5, level=[95])`) gave for
/// the same values: its AICc, its first and fifth mean, and the low and high ends of its first interval.
#[track_caller]
fn check(history: &[f64], model: &str, aicc: f64, [first, fifth, low, high]: [f64; 4]) {
    let found = AutoArima.forecast(history, 5).expect("a model");
    assert_eq!(found.model, model);
    let close = |found: f64, expected: f64, what: &str| {
        let half = (high - low) / 2.0;
        assert!((found - expected).abs() < 0.02 * half, "{what} is {found}, not {expected}");
    };
    assert!((found.aicc.expect("it has one") - aicc).abs() < 0.05, "AICc is {:?}, not {aicc}", found.aicc);
    close(found.steps[0].mean, first, "the first mean");
    close(found.steps[4].mean, fifth, "the fifth mean");
    close(found.steps[0].low, low, "the low end");
    close(found.steps[0].high, high, "the high end");
}

#[test]
fn orders_criteria_and_forecasts_are_those_of_another_implementation() {
    let nile = NILE.map(f64::from);
    check(&nile, "ARIMA(1,1,1)", 1267.528_929, [815.740, 839.512, 537.263, 1094.217]);
    let mut sum = 0.0;
    let walk: Vec<f64> = noise()
        .iter()
        .map(|e| {
            sum += e + 0.02;
            sum
        })
        .collect();
    // Its criterion is that of the closed form; statsforecast's, from a filter with a diffuse beginning, is -506.326789.
    check(&walk, "ARIMA(0,1,0) with drift", -505.331_088, [2.625_434_4, 2.712_225_6, 2.569_427_1, 2.681_441_6]);
    let mut last = 4.0;
    let recalled: Vec<f64> = noise()
        .iter()
        .map(|e| {
            last = 4.0 + 0.6 * (last - 4.0) + e;
            last
        })
        .collect();
    check(&recalled, "ARIMA(1,0,0) with mean", -508.551_808, [4.059_289_1, 4.014_186_0, 4.003_418_9, 4.115_159_4]);
    let (mut level, mut before) = (10.0, 0.0);
    let smoothed: Vec<f64> = noise()
        .iter()
        .map(|e| {
            level += e + 0.7 * before;
            before = *e;
            level
        })
        .collect();
    check(&smoothed, "ARIMA(0,1,1)", -505.055_505, [10.346_670_4, 10.346_670_4, 10.290_732_8, 10.402_608_0]);
}

#[test]
fn simple_models_are_what_the_book_says() {
    let history = [1.0, 2.0, 4.0, 3.0, 5.0];
    let drift = Drift.forecast(&history, 4).expect("enough");
    // Moves 1, 2, -1, 2 with mean 1: residual variance (0 + 1 + 4 + 1) / 3.
    assert!((drift.steps[3].mean - 9.0).abs() < 1e-12);
    let half = 1.959_963_984_540_054 * (2.0f64 * 4.0 * 2.0).sqrt();
    assert!((drift.steps[3].high - 9.0 - half).abs() < 1e-9 && (9.0 - drift.steps[3].low - half).abs() < 1e-9);
    let naive = Naive.forecast(&history, 4).expect("enough");
    let half = 1.959_963_984_540_054 * (10.0f64 / 4.0 * 4.0).sqrt();
    assert!((naive.steps[3].mean - 5.0).abs() < 1e-12 && (naive.steps[3].high - 5.0 - half).abs() < 1e-9);
}

#[test]
fn too_little_falls_back_and_says_why() {
    let found = Daily.forecast(&[1.0, 2.0, 3.0, 3.0], 2).expect("drift");
    assert_eq!(found.model, "drift");
    assert!(found.fallback.expect("a reason").contains("10 observations"));
    assert_eq!(Daily.forecast(&[1.0, 2.0], 1).expect("naive").model, "naive");
    assert!(format!("{:#}", Daily.forecast(&[1.0], 1).expect_err("one day")).contains("too few"));
}

fn bar(hour: i64, close: f64) -> Bar {
    let open_time = Timestamp::from_secs(hour * 3_600);
    Bar { open_time, open: close, high: close, low: close, close, volume: 1.0 }
}

#[test]
fn a_days_close_is_its_last_price_and_a_day_without_any_begins_anew() {
    // Day 0 whole; day 1 missing; day 2 without its last hour; day 3 whole; day 4 not over.
    let hours = (0..24).chain(48..71).chain(72..96).chain(96..100);
    let bars: Vec<Bar> = hours.map(|hour| bar(hour, 100.0 + hour as f64)).collect();
    let closes = Closes::of(&bars).expect("whole days");
    assert_eq!(closes.first, "1970-01-03".parse::<Date>().expect("a date"));
    assert_eq!(closes.logs, [170f64.ln(), 195f64.ln()]);
    assert_eq!((closes.day(2).to_string().as_str(), closes.position(closes.day(5))), ("1970-01-05", 5));
    let odd: Vec<Bar> = (0..20).map(|n| bar(7 * n, 1.0)).collect();
    assert!(format!("{:#}", Closes::of(&odd).expect_err("7 hours")).contains("25200 s"));
    assert!(Closes::of(&bars[..10]).is_err());
}

#[test]
fn a_rolling_origin_finds_what_repeats() {
    // Every move is turned back by half: the search finds it, and it is worth something.
    let mut last = 0.0;
    let logs: Vec<f64> = noise()
        .iter()
        .scan(0.0, |sum, e| {
            last = -0.6 * last + e;
            *sum += last;
            Some(*sum)
        })
        .collect();
    let closes = Closes { first: Date::EPOCH, logs };
    let found = rolling(&AutoArima, &closes, 70);
    assert!(found.n == 70 && found.skill_lo > Some(0.0) && found.hit_rate > Some(0.6), "{found:?}");
    let naive = rolling(&Naive, &closes, 70);
    assert_eq!((naive.skill, naive.mae_bps), (Some(0.0), naive.naive_mae_bps));
    assert!(naive.coverage_95.is_some_and(|share| share > 0.8));
}
