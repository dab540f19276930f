//! Time of one feature row: `cargo bench -p tickerbox-engine --bench feature`.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use engine::candle::Bar;
use engine::feature::{Around, DEFINITIONS, FeatureState};
use types::Timestamp;

const ROWS: i64 = 200_000;
const RUNS: usize = 7;

/// A walk that never stops moving, so that no feature is masked after its warm-up.
fn bars() -> Vec<Bar> {
    let mut seed = 1u64;
    let mut step = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / f64::from(1u32 << 24) - 0.5
    };
    let mut close = 100_000.0;
    (0..ROWS)
        .map(|minute| {
            let open = close;
            close += 20.0 * step();
            let (low, high) = (open.min(close) - 5.0, open.max(close) + 5.0);
            let volume = 2.0 + step();
            Bar { open_time: Timestamp::from_secs(minute * 60), open, high, low, close, volume }
        })
        .collect()
}

fn main() {
    let bars = bars();
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let mut state = FeatureState::new(1);
            let began = Instant::now();
            for bar in &bars {
                black_box(state.update(bar, &Around::default()));
            }
            began.elapsed().as_secs_f64() * 1e6 / ROWS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("one row of {} features: {:.2} microseconds (median of {RUNS})", DEFINITIONS.len(), times[RUNS / 2]);
}
