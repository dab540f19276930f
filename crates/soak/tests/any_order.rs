//! Frames doubled, lost and swapped, and connections broken, in any order at any moment: books, trades and candles end as
//! they were, and no wrong book is shown on the way.

#![allow(clippy::print_stdout, reason = "what a run came to belongs to its test")]

use std::time::Duration;

use sim::SimSettings;
use sim::fault::{Channel, Fault, Kind, Scope, When};
use soak::judge::Knowable;
use soak::{Settings, World};
use types::Venue;

/// Faults in a run, and the time in which they happen.
const FAULTS: u32 = 40;
const TIME: Duration = Duration::from_secs(10 * 60);

fn fault(random: &mut fastrand::Rng, at: types::Timestamp, venue: Venue, symbols: &[String]) -> Fault {
    let kind = match random.u32(..8) {
        0 | 1 => Kind::Duplicate { copies: random.u32(1..4) },
        2 | 3 => Kind::Drop { frames: random.u32(1..4) },
        4 | 5 => Kind::Swap { behind: random.u32(1..6) },
        6 => Kind::Late { by: Duration::from_millis(random.u64(1..3_000)) },
        _ => Kind::Abort,
    };
    let channel = [Channel::Book, Channel::Trades, Channel::Candles, Channel::Control][random.usize(..4)];
    let scope = match random.u32(..4) {
        0 => Scope::of(venue),
        1 => Scope::of(venue).channel(channel),
        _ => Scope::of(venue).channel(channel).symbol(&symbols[random.usize(..symbols.len())]),
    };
    Fault::new(When::At(at), scope, kind)
}

fn check(venue: Venue, seed: u64) {
    let mut sim = SimSettings { seed, history_minutes: 60, ..SimSettings::default() };
    sim.listings = sim.listings.into_iter().filter(|listing| listing.venue == venue).take(2).collect();
    let mut world = World::new(&Settings::new(sim, [venue])).expect("valid");
    let symbols: Vec<String> = world.followed().iter().map(|followed| followed.symbol.clone()).collect();
    world.run_for(Duration::from_secs(95));
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..FAULTS {
        let at = world.now().plus(Duration::from_nanos(random.u64(..TIME.as_nanos() as u64)));
        world.sim.fault(fault(&mut random, at, venue, &symbols));
    }
    world.run_for(TIME);
    world.sim.stop_faults();
    world.run_for(Duration::from_secs(5 * 60).max(Knowable::of(venue).unseen));
    let report = world.report();
    let command = format!("SOAK_SEED={seed} cargo nextest run -p tickerbox-soak --test any_order");
    assert!(report.faults_injected > 10, "{venue}, seed {seed}: {report}");
    assert!(report.is_good(), "{venue}, seed {seed}; to repeat: {command}\n{report}");
}

#[allow(clippy::disallowed_methods, reason = "the seed of a test is not part of the middle")]
/// Five seeds and a fresh one; `SOAK_SEED` runs another one alone.
fn seeds() -> Vec<u64> {
    match std::env::var("SOAK_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=5).chain([fastrand::u64(..)]).collect(),
    }
}

fn check_all(venue: Venue) {
    for seed in seeds() {
        println!("{venue}, seed {seed}");
        check(venue, seed);
    }
}

#[test]
fn kraken_gets_over_faults_in_any_order() {
    check_all(Venue::Kraken);
}

#[test]
fn binance_us_gets_over_faults_in_any_order() {
    check_all(Venue::BinanceUs);
}

#[test]
fn coinbase_gets_over_faults_in_any_order() {
    check_all(Venue::Coinbase);
}

#[test]
fn kucoin_gets_over_faults_in_any_order() {
    if feed::SPOKEN.contains(&Venue::Kucoin) {
        check_all(Venue::Kucoin);
    }
}
