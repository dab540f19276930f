//! Time of one prediction, after warm-up, one thread: median and 99th percentile.
//!
//! `cargo bench -p tickerbox-infer [-- BUNDLE]`; prints one JSON object. `compare_onnxruntime.py` beside this file runs it
//! next to onnxruntime on the same model.

use std::path::PathBuf;
use std::time::Instant;

use bundle::TrustedKeys;
use infer::Model;

const WARM_UP: usize = 200;
const RUNS: usize = 3_000;

#[allow(clippy::print_stdout, reason = "the result is what a bench is for")]
fn main() {
    let starter = || PathBuf::from("../../models/starter");
    // Cargo adds `--bench`.
    let path = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).map_or_else(starter, PathBuf::from);
    let bundle = bundle::load(&path, &TrustedKeys::builtin()).expect("a bundle signed by a built-in key");
    let started = Instant::now();
    let mut model = Model::load(&bundle).expect("a model this program can run");
    let load_ms = started.elapsed().as_secs_f64() * 1e3;
    let window = model.manifest().probes[0].window.clone();
    let mut times: Vec<f64> = (0..WARM_UP + RUNS)
        .map(|_| {
            let started = Instant::now();
            let answer = model.predict(&window).expect("the probes were answered before");
            std::hint::black_box(answer);
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.drain(..WARM_UP);
    times.sort_unstable_by(f64::total_cmp);
    let macs = model.macs().expect("the engine counts its products");
    println!(
        "{{\"engine\":\"tract\",\"digest\":\"{}\",\"runs\":{RUNS},\"median_us\":{:.1},\"p99_us\":{:.1},\"load_ms\":{load_ms:.1},\
         \"integer_macs\":{},\"float_macs\":{}}}",
        bundle.digest(),
        times[RUNS / 2],
        times[RUNS * 99 / 100],
        macs.integer,
        macs.float,
    );
}
