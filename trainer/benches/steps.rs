//! Steps of a fit on the CPU: batch, forward, backward and optimiser of the Transformer with its usual size.
//!
//! `cargo bench -p tickerbox-trainer --bench steps -- [THREADS] [BATCH] [STEPS]` prints one JSON object: steps a second after a warm-up, by
//! the clock and by processor time (which a busy machine does not change), the largest resident memory of the process so far in MiB, and the last loss. `compare_pytorch.py` beside this file runs it
//! next to PyTorch.
#![allow(clippy::print_stdout, reason = "the result is what a bench is for")]

use std::time::Instant;

use bundle::Digest;
use trainer::dataset::{Dataset, Series};
use trainer::device::Backend;
use trainer::fit::{Settings, Task};
use trainer::net::Architecture;
use trainer::random::Random;
use trainer::split::Split;
use trainer::windows::{self, Window};
use trainer::{calibrate, run};

const CANDLES: usize = 6_000;
const WARM_UP: usize = 2;

fn main() {
    // Cargo adds `--bench`.
    let mut numbers = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let mut number = |usual: usize| numbers.next().map_or(usual, |arg| arg.parse().expect("a number"));
    let (threads, batch, steps) = (number(1), number(128), number(10));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("no other pool yet");

    let (dataset, settings) = (dataset(), settings(batch));
    let split = Split::new(dataset.range(), 1, 100).expect("enough minutes");
    let train = windows::labelled(&dataset, settings.window, &settings.horizons, split.last.train);
    let scalings = calibrate::scalings(&dataset, &train, &settings, run::VOLATILITY).expect("moving prices");
    let task = Task { dataset: &dataset, settings: &settings, scalings: &scalings, fold: split.last, number: 0 };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut run = task.start(&dir.path().join("none.ckpt")).expect("a beginning");

    let mut loss = 0.0;
    let mut take = |count: usize| {
        let began = Instant::now();
        for step in 0..count {
            let batch: Vec<Window> = (0..batch).map(|i| train[(step * batch + i) * 7 % train.len()]).collect();
            loss = task.step(&mut run, &batch, settings.learning_rate);
        }
        began.elapsed().as_secs_f64()
    };
    take(WARM_UP);
    let before = processor_s();
    let seconds = take(steps);
    let told = serde_json::json!({
        "steps_per_s": steps as f64 / seconds,
        "steps_per_cpu_s": processor_s().zip(before).map(|(after, before)| steps as f64 / (after - before)),
        "peak_mib": peak_mib(),
        "loss": loss,
    });
    println!("{told}");
}

/// The settings `train` has by itself.
fn settings(batch: usize) -> Settings {
    Settings {
        model: Architecture::Transformer,
        seed: 7,
        window: 60,
        horizons: vec![5, 10, 30],
        horizon_weights: Vec::new(),
        quantiles: vec![0.05, 0.25, 0.5, 0.75, 0.95],
        class_weights: [1.0; 3],
        cost_bps: 20.0,
        width: 128,
        layers: 4,
        heads: 4,
        hidden: 512,
        patch: 16,
        patch_stride: 8,
        epochs: 1,
        patience: 1,
        batch,
        learning_rate: 1e-3,
        weight_decay: 0.05,
        stride: 5,
        folds: 1,
        device: Backend::Flex,
        bf16: false,
    }
}

/// Noise: what is learnt does not change how long it takes.
fn dataset() -> Dataset {
    let mut random = Random::new(1, 1);
    let features: Vec<String> = run::FEATURES.map(str::to_owned).into();
    let mut price = 100.0;
    let mut next = || {
        price *= f64::from(random.uniform(-1e-3, 1e-3)).exp();
        price
    };
    let prices: Vec<f64> = (0..CANDLES).map(|_| next()).collect();
    let rows = (0..CANDLES * features.len()).map(|_| random.uniform(0.5, 1.5)).collect();
    let series = Series {
        source: "noise".to_owned(),
        sha256: Digest::of(b"noise"),
        timeframe_min: 1,
        minutes: (0..CANDLES as i64).collect(),
        closes: prices.clone(),
        prices,
        rows,
    };
    Dataset { features, fingerprint: String::new(), series: vec![series] }
}

/// Processor time of all threads so far, in steps of 10 ms; Linux only.
fn processor_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything, `utime` and `stime` are the 12th and 13th.
    let ticks = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Some(ticks.sum::<Result<f64, _>>().ok()? / 100.0)
}

/// The kernel's own count; Linux only.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}
