//! The history is what a market that had been running would have seen: markets of one seed that start at different times
//! are held against each other where they overlap.

use sim::{Sim, SimSettings, Truth};
use types::time::NS_PER_MIN;
use types::{Candle, Timestamp};

const SEEDS: std::ops::Range<u64> = 0..4;

/// A new market runs its last five minutes before the start.
const WARM_UP_MINUTES: i64 = 5;

fn settings(seed: u64, minutes_later: i64) -> SimSettings {
    let settings = SimSettings { seed, ..SimSettings::default() };
    let start = Timestamp::from_nanos(settings.start.as_nanos() + minutes_later * NS_PER_MIN);
    SimSettings { start, ..settings }
}

/// A market that has run for `minutes`, and one of the same seed that was made then: what each knows of every listing.
fn lived_and_made(seed: u64, minutes: i64) -> Vec<(String, Truth, Truth)> {
    let mut lived = Sim::new(settings(seed, 0));
    let made = Sim::new(settings(seed, minutes));
    lived.advance(made.now());
    let truths = SimSettings::default().listings.into_iter().map(|listing| {
        let name = format!("seed {seed}: {} {}", listing.venue, listing.symbol);
        let [lived, made] = [&lived, &made].map(|sim| sim.truth(listing.venue, &listing.symbol).expect("listed"));
        (name, lived, made)
    });
    truths.collect()
}

/// Of the last `minutes`, those that `lived` ran and `made` only imagines.
fn overlap(lived: &Truth, made: &Truth, minutes: i64) -> [Vec<Candle>; 2] {
    let begin = SimSettings::default().start;
    let end = Timestamp::from_nanos(begin.as_nanos() + (minutes - WARM_UP_MINUTES) * NS_PER_MIN);
    [lived, made].map(|truth| {
        let candles: Vec<_> = truth.candles.iter().filter(|c| (begin..end).contains(&c.open_time)).copied().collect();
        assert_eq!(candles.len() as i64, minutes - WARM_UP_MINUTES);
        candles
    })
}

fn middle(truth: &Truth) -> f64 {
    (truth.bids[0].price.mantissa() + truth.asks[0].price.mantissa()) as f64 / 2.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What minutes look like: each figure's name and value.
fn look(minutes: &[Candle]) -> [(&'static str, f64); 4] {
    let of = |figure: fn(&Candle) -> f64| median(minutes.iter().map(figure).collect());
    let returns = minutes.windows(2).map(|p| p[1].close.mantissa() as f64 / p[0].close.mantissa() as f64 - 1.0);
    let volatility = (returns.map(|r| r * r).sum::<f64>() / (minutes.len() - 1) as f64).sqrt();
    [
        ("volume", of(|c| c.volume.0 as f64)),
        ("trades", of(|c| f64::from(c.trades))),
        ("range", of(|c| (c.high.mantissa() - c.low.mantissa()) as f64 / c.low.mantissa() as f64)),
        ("volatility", volatility),
    ]
}

#[track_caller]
fn check_alike(name: &str, history: &[Candle], live: &[Candle], factor: f64) {
    for ((figure, history), (_, live)) in look(history).into_iter().zip(look(live)) {
        let ratio = history / live;
        assert!((1.0 / factor..factor).contains(&ratio), "{name}: {figure} {history} in history, {live} live");
    }
}

/// An hour is too short: the median volume of a quiet listing's hour is itself uncertain by a third.
#[test]
fn history_looks_like_the_live_market_of_the_same_hours() {
    let mut pooled: Vec<(Vec<Candle>, Vec<Candle>)> = vec![Default::default(); SimSettings::default().listings.len()];
    for seed in SEEDS {
        for ((name, lived, made), pool) in lived_and_made(seed, 360).into_iter().zip(&mut pooled) {
            let [live, history] = overlap(&lived, &made, 360);
            check_alike(&name, &history, &live, 1.5);
            pool.0.extend(history);
            pool.1.extend(live);
        }
    }
    for (listing, (history, live)) in SimSettings::default().listings.iter().zip(pooled) {
        let name = format!("all seeds: {} {}", listing.venue, listing.symbol);
        check_alike(&name, &history, &live, 1.3);
    }
}

#[test]
fn a_later_start_continues_where_the_market_was() {
    for seed in SEEDS {
        for (name, lived, made) in lived_and_made(seed, 60) {
            assert_eq!(lived.at, made.at);
            let apart_bps = (middle(&lived) / middle(&made) - 1.0).abs() * 1e4;
            assert!(apart_bps < 30.0, "{name}: {apart_bps} bps apart");
            let [live, history] = overlap(&lived, &made, 60);
            for (live, history) in live.iter().zip(&history) {
                assert_eq!(live.open_time, history.open_time);
                let closes = [live, history].map(|c| c.close.mantissa() as f64);
                let apart_bps = (closes[0] / closes[1] - 1.0).abs() * 1e4;
                assert!(apart_bps < 30.0, "{name}: closes {apart_bps} bps apart: {live:?} {history:?}");
            }
        }
    }
}

#[test]
fn identifiers_of_trades_grow_from_start_to_start() {
    for (name, lived, made) in lived_and_made(1, 60) {
        let (last, first) = (lived.trades.last().expect("trades"), made.trades.first().expect("trades"));
        assert!(first.id > last.id, "{name}: {} after {}", first.id, last.id);
        assert!(first.aggregate > last.aggregate, "{name}: {} after {}", first.aggregate, last.aggregate);
    }
}

#[test]
fn years_apart_are_the_same_market() {
    for years in [-57, -10, 1, 4, 30] {
        let day = settings(7, years * 365 * 1_440);
        let sim = Sim::new(SimSettings { history_minutes: 60, ..day });
        let truth = sim.truth(types::Venue::Kraken, "BTC/USD").expect("listed");
        let dollars = middle(&truth) / 10.0;
        assert!((35_000.0..260_000.0).contains(&dollars), "{years} years: {dollars}");
    }
}
