//! Time of one prediction after warm-up, one thread, with our ops and as tract does it without them, turn by turn; and of a round
//! of 25 windows.
//!
//! `cargo bench -p tickerbox-infer --bench predict [-- BUNDLE|FILE.onnx]`; prints one JSON object. A file that is no bundle has
//! the starter's inputs and outputs. `compare_onnxruntime.py` beside this file runs it next to onnxruntime on the same file.
#![allow(clippy::print_stdout, reason = "the result is what a bench is for")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use bundle::{Bundle, MODEL_NAME, SecretKey, TrustedKeys, VerifiedBundle};
use infer::{Latency, Model};
use tract_onnx::prelude::*;

const STARTER: &str = "../../models/starter";
const TURNS: usize = 5;
const RUNS: usize = 400;
/// Without our ops an answer can take a sixth of a second.
const RUNS_WITHOUT: usize = 20;
const ROUND: usize = 25;

fn main() {
    // Cargo adds `--bench`.
    let path =
        std::env::args().skip(1).find(|arg| !arg.starts_with("--")).map_or_else(|| STARTER.into(), PathBuf::from);
    let bundle = if path.extension().is_some_and(|extension| extension == "onnx") {
        unsigned(&path)
    } else {
        bundle::load(&path, &TrustedKeys::builtin()).expect("a bundle signed by a built-in key")
    };
    let started = Instant::now();
    let model = Model::load(&bundle).expect("a model this program can run");
    let load_ms = started.elapsed().as_secs_f64() * 1e3;
    let window = model.manifest().probes[0].window.clone();
    let answer = model.predict(&window).expect("the probes were answered before");
    let mut without = without_our_ops(&bundle);
    let shape: Vec<usize> = model.manifest().inputs[0].shape.iter().map(|len| *len as usize).collect();
    let input = Tensor::from_shape(&shape, &window).expect("a whole window");

    let windows = vec![window; ROUND];
    let (mut ours, mut theirs, mut rounds, mut spread) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(model.latency(RUNS).expect("as before"));
        theirs.push(times(RUNS_WITHOUT, || without.run(tvec!(input.clone().into())).expect("an answer")));
        let one_by_one = || windows.iter().map(|w| model.predict(w).expect("as before")).collect::<Vec<_>>();
        rounds.push(times(RUNS / ROUND, one_by_one));
        spread.push(times(RUNS / ROUND, || model.predict_all(&windows).expect("as before")));
    }
    let macs = model.macs().expect("the engine counts its products");
    let ours = middle(ours);
    println!(
        "{{\"engine\":\"{}\",\"median_us\":{:.1},\"p99_us\":{:.1},\"load_ms\":{load_ms:.1},\"without_our_ops_us\":{:.1},\
         \"round_us\":{:.1},\"round_on_all_cores_us\":{:.1},\"integer_macs\":{},\"float_macs\":{},\"log_return\":{:?},\"p_up\":{:?}}}",
        infer::engine(),
        ours.median_us,
        ours.p99_us,
        middle(theirs).median_us,
        middle(rounds).median_us,
        middle(spread).median_us,
        macs.integer,
        macs.float,
        answer.horizons.iter().map(|horizon| horizon.log_return).collect::<Vec<_>>(),
        answer.horizons.iter().map(|horizon| horizon.p_up).collect::<Vec<_>>(),
    );
}

fn times<T>(runs: usize, mut run: impl FnMut() -> T) -> Latency {
    let time = |_| {
        let began = Instant::now();
        std::hint::black_box(run());
        began.elapsed().as_secs_f64() * 1e6
    };
    Latency::of((0..runs).map(time).collect()).expect("some runs")
}

/// The turn with the middle median.
fn middle(mut turns: Vec<Latency>) -> Latency {
    turns.sort_unstable_by(|a, b| a.median_us.total_cmp(&b.median_us));
    turns[turns.len() / 2]
}

fn without_our_ops(bundle: &VerifiedBundle) -> TypedSimpleState {
    let shape: Vec<usize> = bundle.manifest().inputs[0].shape.iter().map(|len| *len as usize).collect();
    tract_onnx::onnx()
        .model_for_read(&mut bundle.model())
        .and_then(|model| model.with_input_fact(0, f32::fact(&shape).into()))
        .and_then(InferenceModelExt::into_optimized)
        .and_then(TypedModel::into_runnable)
        .and_then(|graph| graph.spawn())
        .expect("a model that tract can run")
}

/// A file by itself as a bundle that any answer satisfies.
fn unsigned(path: &Path) -> VerifiedBundle {
    let starter = bundle::load(Path::new(STARTER), &TrustedKeys::builtin()).expect("the starter");
    let mut manifest = starter.manifest().clone();
    manifest.probes.truncate(1);
    manifest.probes[0].p_up.fill(0.5);
    (manifest.tolerance.p_up, manifest.tolerance.log_return_bps) = (0.49, 1e9);
    let model = std::fs::read(path).expect("a readable file");
    let key = SecretKey::from_bytes(&[7; 32]);
    let packed = Bundle::pack(manifest, [(MODEL_NAME.to_owned(), model)].into(), &key).expect("a sound manifest");
    packed.verify(&TrustedKeys::only(&[key.public()])).expect("signed by this key")
}
