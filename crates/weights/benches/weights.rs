//! How long a portfolio takes: `cargo bench -p tickerbox-weights`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark prints times")]

use std::time::{Duration, Instant};

use weights::{Covariance, Limits, mean_variance, parity};

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[10]
}

fn main() {
    for size in [8, 25, 100] {
        // SplitMix64, for returns of a day of five minutes.
        let mut state = 7u64;
        let mut draw = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = state;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let common: Vec<f64> = (0..288).map(|_| draw() * 0.004).collect();
        let returns: Vec<Vec<f64>> =
            (0..size).map(|_| common.iter().map(|common| common + draw() * 0.002).collect()).collect();
        let expected: Vec<f64> = (0..size).map(|_| draw() * 0.001).collect();
        let covariance = Covariance::of_returns(&returns).expect("they move");
        let limits = Limits { each: vec![(0.0, 0.2); size], sum_max: 0.95, groups: Vec::new() };
        let learn = median(|| drop(Covariance::of_returns(&returns)));
        let even = median(|| drop(parity(&covariance)));
        let best = median(|| drop(mean_variance(&expected, &covariance, 4.0, &limits)));
        println!("{size:>4} positions: covariance {learn:?}, risk parity {even:?}, mean-variance {best:?}");
    }
}
