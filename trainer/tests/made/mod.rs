//! Small made-up data and settings for whole runs.
#![allow(dead_code, reason = "each test takes what it needs")]

use bundle::Digest;
use engine::candle::Bar;
use indicatif::{MultiProgress, ProgressDrawTarget};
use trainer::dataset::{Dataset, Series};
use trainer::device::Backend;
use trainer::fit::Settings;
use trainer::net::Architecture;
use trainer::random::Random;
use trainer::release::Release;
use trainer::{import, run};
use types::Timestamp;

pub fn settings(model: Architecture) -> Settings {
    Settings {
        model,
        seed: 7,
        window: 8,
        horizons: vec![1, 2],
        horizon_weights: Vec::new(),
        quantiles: vec![0.1, 0.5, 0.9],
        class_weights: [1.0; 3],
        cost_bps: 5.0,
        width: 8,
        layers: 2,
        heads: 2,
        hidden: 16,
        patch: 4,
        patch_stride: 2,
        epochs: 3,
        patience: 3,
        batch: 32,
        learning_rate: 3e-3,
        weight_decay: 0.01,
        stride: 2,
        folds: 1,
        device: Backend::Flex,
        bf16: false,
    }
}

/// Candles of `step` minutes whose returns follow the one before by `memory`.
pub fn bars(count: i64, step: i64, memory: f64, seed: u64) -> Vec<Bar> {
    let mut random = Random::new(seed, 1);
    let (mut close, mut last) = (100.0f64, 0.0f64);
    let mut bar = |minute: i64| {
        let noise: f64 = (0..4).map(|_| f64::from(random.uniform(-1.0, 1.0))).sum();
        last = memory * last + 3e-4 * noise;
        let open = close;
        close *= last.exp();
        let edge = 1.0 + f64::from(random.uniform(0.0, 1e-4));
        Bar {
            open_time: Timestamp::from_secs((28_999_440 + minute * step) * 60),
            open,
            high: open.max(close) * edge,
            low: open.min(close) / edge,
            close,
            volume: f64::from(random.uniform(1.0, 5.0)),
        }
    };
    (0..count).map(&mut bar).collect()
}

pub fn features() -> Vec<String> {
    run::FEATURES.map(str::to_owned).into()
}

pub fn series(count: i64, step: i64, memory: f64, seed: u64) -> Series {
    let name = format!("walk-{step}.csv");
    let bars = bars(count, step, memory, seed);
    import::series(name, Digest::of(b"walk"), &bars, step as u16, &features()).expect("known features")
}

pub fn dataset(series: Vec<Series>) -> Dataset {
    let fingerprint = engine::feature::fingerprint(&features()).expect("known features");
    Dataset { features: features(), fingerprint, series }
}

pub fn quiet() -> MultiProgress {
    MultiProgress::with_draw_target(ProgressDrawTarget::hidden())
}

pub fn release() -> Release {
    Release {
        name: "tiny".to_owned(),
        created: "2026-01-31".to_owned(),
        revision: 1,
        source_revision: None,
        timeframe_min: None,
    }
}
