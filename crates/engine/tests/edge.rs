//! A planted edge is found, and no edge yields no profit: the whole chain from closed minute to equity, on synthetic markets.
#![allow(clippy::print_stdout, reason = "a randomised test prints its figures")]

mod common;

use common::random::Rng;
use common::{Driver, HORIZONS, asked, prediction, settings};
use types::effect::InferRequest;
use types::settings::EngineSettings;
use types::time::NS_PER_MIN;
use types::{Cash, Timestamp};

const MINUTES: usize = 1_000;
const HORIZON: usize = 5;
const MID: i64 = 1_000_000;

/// Minute closes: `drift_bps` up or down for half an hour each, in turns that the seed decides, with noise of `noise_bps`.
fn path(seed: u64, drift_bps: i64, noise_bps: i64) -> Vec<i64> {
    let mut rng = Rng(seed);
    let (mut price, mut drift) = (MID, drift_bps);
    (0..MINUTES + HORIZON + 8)
        .map(|minute| {
            if minute % 30 == 0 {
                drift = if rng.one_in(2) { drift_bps } else { -drift_bps };
            }
            price += price * (drift + rng.between(-noise_bps, noise_bps)) / 10_000;
            price
        })
        .collect()
}

fn horizon_settings(fee_ppm: u32) -> EngineSettings {
    let mut settings = settings(fee_ppm);
    settings.signal.horizon_min = HORIZONS[2];
    settings.signal.size_ppm = 200_000;
    settings.risk.position_max_ppm = 300_000;
    settings.risk.drawdown_max_ppm = 1_000_000;
    settings.risk.daily_loss_max_ppm = 1_000_000;
    settings.paper.latency_ms = 150;
    settings
}

/// Runs a market along `path`; `foretell` gives the forecast for the minutes after number `minute`, of which the closes are
/// at hand.
fn trade(path: &[i64], settings: EngineSettings, mut foretell: impl FnMut(usize) -> f32) -> Driver {
    let mut driver = Driver::ready(settings);
    driver.warm(path[0]);
    let first = driver.at;
    let minute_of =
        |open_time: Timestamp| ((open_time.as_nanos() - first.as_nanos()).div_euclid(NS_PER_MIN) + 1) as usize;
    for minute in 1..=MINUTES {
        let effects = driver.minute(path[minute - 1], path[minute]);
        let request: InferRequest = asked(&effects).expect("a question every minute").clone();
        assert_eq!(minute_of(request.open_time) + 1, minute, "the question is about the minute that closed");
        driver.send(types::Input::Answer(prediction(&request, foretell(minute))));
    }
    driver
}

fn gain(driver: &Driver) -> i64 {
    let portfolio = driver.engine.view().portfolio();
    portfolio.equity().saturating_sub(portfolio.start()).0
}

#[test]
fn perfect_foresight_on_a_trending_market_with_low_fees_earns_money() {
    for seed in 0..3 {
        let path = path(seed, 8, 3);
        let driver = trade(&path, horizon_settings(50), |minute| {
            libm::log(path[minute + HORIZON] as f64 / path[minute] as f64) as f32
        });
        let (view, start) = (driver.engine.view(), driver.engine.view().portfolio().start());
        println!("seed {seed}: gain {}, fills {}", Cash(gain(&driver)).fixed(), driver.fills().len());
        assert!(gain(&driver) > start.0 / 50, "seed {seed}: the edge was not found");
        assert!(view.portfolio().equity() > view.hold_value(), "seed {seed}: no better than holding");
        let report = view.skill(types::InstrumentId(0), HORIZONS[2]);
        assert!(report.skill.is_some_and(|skill| skill > 0.9), "seed {seed}: {report:?}");
    }
}

#[test]
fn random_forecasts_on_a_driftless_market_lose_the_fees() {
    for seed in 0..5 {
        let path = path(seed, 0, 6);
        let mut rng = Rng(seed ^ 0xdead);
        let driver = trade(&path, horizon_settings(1_000), |_| rng.between(-100, 100) as f32 * 1e-4);
        let fees = driver.engine.view().portfolio().worth().fees.0;
        println!(
            "seed {seed}: gain {}, fees {}, fills {}",
            Cash(gain(&driver)).fixed(),
            Cash(fees).fixed(),
            driver.fills().len()
        );
        assert!(driver.fills().len() > 100, "seed {seed}: too few trades to tell");
        assert!(gain(&driver) < -fees / 2, "seed {seed}: profit without an edge");
    }
}
