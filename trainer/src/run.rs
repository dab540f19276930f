//! A training run: a folder that fills step by step and can be gone on with.
//!
//! ```text
//! fold-0.ckpt ...     fits of the walk-forward folds
//! last.ckpt           the fit that is released
//! trained.json        what came out, see `Trained`
//! weights.bpk         weights of the released fit
//! model-1min.onnx     written by `export` for each length of candle: what is shipped
//! model-1min-f32.onnx the same in 32-bit floats
//! export-1min.json    how far the two are from the network
//! ```

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bundle::manifest::{DataRange, MetricsBySource};
use burn::tensor::Device;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::calibrate::{self, Outcome};
use crate::checkpoint;
use crate::dataset::Dataset;
use crate::fit::{Fitted, Raw, Settings, Task, raw_outputs};
use crate::net::Net;
use crate::random::Random;
use crate::scaling::Scalings;
use crate::score;
use crate::split::{Fold, Split};
use crate::windows::{self, Window};

/// The features the models look at: from candles alone and without a price level, so that every instrument looks alike. The
/// time of day is left out: a few weeks hold too few days to learn it from.
pub const FEATURES: [&str; 16] = [
    "ret_1",
    "ret_5",
    "ret_15",
    "ret_30",
    "rsi_14",
    "macd_hist_bps",
    "bb_percent",
    "bb_width",
    "natr_14",
    "volatility_10",
    "volatility_30",
    "volatility_60",
    "range_bps",
    "body_bps",
    "vwap_60_bps",
    "volume_ratio_20",
];
/// The feature that is the unit of returns: steady enough not to make the forecasts jump.
pub const VOLATILITY: &str = "volatility_60";

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    pub settings: Settings,
    pub features: Vec<String>,
    pub fingerprint: String,
    pub data: Vec<DataRange>,
    /// All bounds in minutes since the epoch.
    pub split: Split,
    /// By length of candle in minutes.
    pub scalings: Scalings,
    /// Losses of the released fit, training and validation, per epoch.
    pub losses: Vec<(f32, f32)>,
    /// Its best epoch, from 0.
    pub best: usize,
    /// Walk-forward results with the shrinkage that was chosen on them.
    pub folds: Vec<MetricsBySource>,
}

/// Trains all folds and the final fit, or goes on with it.
pub fn train(dataset: &Dataset, settings: &Settings, folder: &Path, bars: &MultiProgress) -> anyhow::Result<Trained> {
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    let split = split(dataset, settings.folds, settings.window, settings.horizon_max())?;
    let mut walked = Vec::new();
    for (number, fold) in split.folds.iter().enumerate() {
        let path = folder.join(format!("fold-{number}.ckpt"));
        let bar = bars.add(bar(&format!("fold {} of {}", number + 1, split.folds.len())));
        let (fitted, scalings) = fit(dataset, settings, *fold, number as u64 + 1, &path, &bar)?;
        walked.push(walk(dataset, settings, *fold, &fitted.net, &scalings));
    }
    let bar = bars.add(bar("final fit"));
    let (fitted, mut scalings) = fit(dataset, settings, split.last, 0, &folder.join("last.ckpt"), &bar)?;
    shrink(dataset, &walked, settings, &mut scalings);
    let folds = walked.iter().map(|walk| walk.metrics(dataset, settings, &scalings)).collect();
    let trained = Trained {
        settings: settings.clone(),
        features: dataset.features.clone(),
        fingerprint: dataset.fingerprint.clone(),
        data: dataset.series.iter().map(data_range).collect(),
        split,
        scalings,
        losses: fitted.progress.losses.clone(),
        best: fitted.progress.best,
        folds,
    };
    write(&folder.join("weights.bpk"), &checkpoint::net_to_bytes(&fitted.net)?)?;
    write(&folder.join("trained.json"), &serde_json::to_vec_pretty(&trained)?)?;
    Ok(trained)
}

/// How the time of a dataset is cut for windows of so many candles that look so many ahead.
///
/// # Errors
/// Too little time, or an outlook that no number of minutes tells.
pub fn split(dataset: &Dataset, folds: usize, window: usize, horizon_max: u16) -> anyhow::Result<Split> {
    let longest = dataset.timeframes().last().copied().context("the dataset has no series")?;
    ensure!(horizon_max.checked_mul(longest).is_some(), "{horizon_max} candles of {longest} minutes are too far ahead");
    let rows = window as i64 + i64::from(horizon_max);
    Split::new(dataset.range(), folds, rows * i64::from(longest))
}

/// What a finished run left.
pub fn load(folder: &Path) -> anyhow::Result<(Trained, Net)> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).with_context(|| format!("{}: train first", path.display()))
    };
    let trained: Trained = serde_json::from_slice(&read("trained.json")?).context("trained.json")?;
    let shape = trained.settings.shape(trained.features.len());
    // Every weight is replaced by what was stored.
    let net = Net::new(&shape, &mut Random::new(0, 0), &Device::flex());
    let net = checkpoint::net_from_bytes(net, read("weights.bpk")?).context("weights.bpk")?;
    Ok((trained, net))
}

impl Trained {
    /// The length of candle to release for: as told, or the only one there is.
    ///
    /// # Errors
    /// One that the run was not trained on, or none told of several.
    pub fn timeframe(&self, told: Option<u16>) -> anyhow::Result<u16> {
        let known: Vec<u16> = self.scalings.keys().copied().collect();
        match (told, &known[..]) {
            (None, [only]) => Ok(*only),
            (Some(told), known) if known.contains(&told) => Ok(told),
            _ => {
                anyhow::bail!("choose the length of candle with --timeframe: the run was trained on {known:?} minutes")
            }
        }
    }
}

/// Refuses a dataset that a run was not made from.
pub fn check_same_data(trained: &Trained, dataset: &Dataset) -> anyhow::Result<()> {
    let same = trained.fingerprint == dataset.fingerprint
        && trained.features == dataset.features
        && trained.data == dataset.series.iter().map(data_range).collect::<Vec<_>>();
    ensure!(same, "the dataset is not the one this run was trained on");
    Ok(())
}

fn fit(
    dataset: &Dataset,
    settings: &Settings,
    fold: Fold,
    number: u64,
    path: &Path,
    bar: &ProgressBar,
) -> anyhow::Result<(Fitted, Scalings)> {
    let train = windows::labelled(dataset, settings.window, &settings.horizons, fold.train);
    let scalings = calibrate::scalings(dataset, &train, settings, VOLATILITY)?;
    let fitted = Task { dataset, settings, scalings: &scalings, fold, number }.fit(path, bar)?;
    Ok((fitted, scalings))
}

/// A fold's unshrunk forecasts for its test part.
struct Walk {
    windows: Vec<Window>,
    /// By window; by horizon in it.
    outcomes: Vec<Vec<Outcome>>,
}

fn walk(dataset: &Dataset, settings: &Settings, fold: Fold, net: &Net, scalings: &Scalings) -> Walk {
    let windows = windows::labelled(dataset, settings.window, &settings.horizons, fold.test);
    let outputs = raw_outputs(net, dataset, &windows, settings.window, scalings);
    let outcomes = |(window, Raw { units, logits, .. }): (&Window, &Raw)| {
        let series = &dataset.series[window.series];
        let scaling = &scalings[&series.timeframe_min];
        let volatility = scaling.volatility(windows::values(dataset, *window, 1));
        let outcome = |(position, horizon): (usize, &u16)| Outcome {
            log_return: units[position] * scaling.horizon_units[position] * volatility,
            logit: logits[position],
            came: series.log_return(window.end, *horizon).expect("labelled windows have outcomes") as f32,
        };
        settings.horizons.iter().enumerate().map(outcome).collect()
    };
    let outcomes = windows.iter().zip(&outputs).map(outcomes).collect();
    Walk { windows, outcomes }
}

impl Walk {
    fn metrics(&self, dataset: &Dataset, settings: &Settings, scalings: &Scalings) -> MetricsBySource {
        let shrunk = |(window, outcomes): (&Window, &Vec<Outcome>)| {
            let shrink = &scalings[&dataset.series[window.series].timeframe_min].return_shrink;
            outcomes.iter().zip(shrink).map(|(outcome, shrink)| outcome.log_return * shrink).collect()
        };
        let log_returns: Vec<Vec<f32>> = self.windows.iter().zip(&self.outcomes).map(shrunk).collect();
        score::by_source(dataset, &self.windows, &log_returns, &settings.horizons)
    }
}

/// Chooses the shrinkage on all walk-forward tests together: forecasts of weights that had not seen them.
fn shrink(dataset: &Dataset, walked: &[Walk], settings: &Settings, scalings: &mut Scalings) {
    let all = || walked.iter().flat_map(|walk| walk.windows.iter().zip(&walk.outcomes));
    for (timeframe, scaling) in scalings {
        let mine = || all().filter(|(window, _)| dataset.series[window.series].timeframe_min == *timeframe);
        for position in 0..settings.horizons.len() {
            let outcomes: Vec<Outcome> = mine().map(|(_, outcomes)| outcomes[position]).collect();
            scaling.return_shrink[position] = calibrate::return_shrink(&outcomes);
            scaling.logit_shrink[position] = calibrate::logit_shrink(&outcomes);
        }
    }
}

fn data_range(series: &crate::dataset::Series) -> DataRange {
    let ms = |minute: Option<&i64>| minute.map_or(0, |minute| minute * 60_000);
    DataRange {
        source: series.source.clone(),
        sha256: series.sha256,
        minutes: series.minutes.len() as u64,
        first_ms: ms(series.minutes.first()),
        last_ms: ms(series.minutes.last()),
    }
}

/// Writes a file aside and puts it into place when it is whole.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let put = || -> anyhow::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut scratch = tempfile::Builder::new().permissions(plain()).tempfile_in(folder)?;
        scratch.write_all(bytes)?;
        scratch.persist(path)?;
        Ok(())
    };
    put().with_context(|| format!("{}", path.display()))
}

/// Scratch files are private by default; what comes out of a run is for everybody.
fn plain() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:12} {bar:32} {pos}/{len} steps, {elapsed}, {eta} left  {msg}")
        .expect("a sound template");
    ProgressBar::no_length().with_style(style).with_prefix(name.to_owned())
}
