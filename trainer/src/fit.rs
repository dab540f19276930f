//! One fit: AdamW on Huber and cross-entropy losses, stopped early by a validation tail.
//!
//! With the same seed, data and thread count a fit gives the same weights on the same kind of processor, interrupted
//! or not: order and weights come from our own generator, and each epoch ends with a checkpoint of everything.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use burn::module::Module as _;
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Progress};
use crate::dataset::Dataset;
use crate::net::{Net, Output, Shape};
use crate::random::Random;
use crate::scaling::Scaling;
use crate::split::Fold;
use crate::windows::{self, Window};

/// Where the Huber loss turns from square to straight, in units of volatility. Small: the score is an absolute error.
const HUBER: f32 = 0.5;
/// Outcomes are cut here, in units of volatility.
const OUTCOME_MAX: f32 = 8.0;
/// Windows of one forward pass without gradients.
const INFER_BATCH: usize = 256;

/// What shapes a fit. The digest of a bundle depends on all of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seed of weights and order.
    pub seed: u64,
    /// Minutes of history.
    pub window: usize,
    /// Horizons, minutes.
    pub horizons_min: Vec<u16>,
    /// Width of a token.
    pub width: usize,
    /// Encoder blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward part.
    pub hidden: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better validation loss before it stops.
    pub patience: usize,
    /// Windows of a step.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Decay of AdamW.
    pub weight_decay: f32,
    /// Every how many minutes a window is taken; the next epoch takes the next minutes.
    pub stride: usize,
    /// Walk-forward folds.
    pub folds: usize,
}

impl Settings {
    /// The network's size for a number of features.
    pub fn shape(&self, features: usize) -> Shape {
        Shape {
            window: self.window,
            features,
            horizons: self.horizons_min.len(),
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            hidden: self.hidden,
        }
    }

    /// Refuses sizes that make no network or no fit.
    pub fn check(&self) -> anyhow::Result<()> {
        let rising = self.horizons_min.is_sorted_by(|a, b| a < b) && self.horizons_min.first().is_some_and(|h| *h > 0);
        ensure!(rising, "horizons must rise from 1 minute on");
        let sizes =
            [self.width, self.layers, self.heads, self.hidden, self.epochs, self.batch, self.stride, self.folds];
        ensure!(sizes.iter().all(|size| (1..=100_000).contains(size)), "sizes and counts must be at least 1");
        ensure!((2..=1440).contains(&self.window), "the window must be 2 to 1440 minutes");
        ensure!(
            self.width.is_multiple_of(self.heads),
            "width {} is not a multiple of {} heads",
            self.width,
            self.heads
        );
        ensure!(
            self.learning_rate > 0.0 && self.weight_decay >= 0.0,
            "the learning rate must be positive, the decay not negative"
        );
        Ok(())
    }

    /// The longest horizon.
    pub fn horizon_max(&self) -> u16 {
        self.horizons_min.iter().copied().max().unwrap_or(0)
    }
}

/// A finished fit.
#[derive(Debug)]
pub struct Fitted {
    /// The weights of the best epoch, on a device without gradients.
    pub net: Net,
    /// Which epochs there were.
    pub progress: Progress,
}

/// What a fit is about.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub dataset: &'a Dataset,
    pub settings: &'a Settings,
    pub scaling: &'a Scaling,
    pub fold: Fold,
    /// Keeps the random streams of several fits apart.
    pub number: u64,
}

impl Task<'_> {
    /// Fits, going on from the checkpoint at `path` if there is one for this very task.
    pub fn fit(&self, path: &Path, bar: &ProgressBar) -> anyhow::Result<Fitted> {
        let mut run = self.start(path)?;
        bar.set_length((self.settings.epochs * run.steps) as u64);
        while !run.state.progress.is_over(self.settings) {
            bar.set_position((run.state.progress.epochs() * run.steps) as u64);
            self.advance(&mut run, bar)?;
        }
        bar.finish();
        Ok(Fitted { net: run.state.best.valid(), progress: run.state.progress })
    }

    /// Where the fit stands: at the checkpoint, or at its beginning.
    pub fn start(&self, path: &Path) -> anyhow::Result<Run> {
        let settings = self.settings;
        let train = self.windows(self.fold.train);
        let validation = self.windows(self.fold.validation).into_iter().step_by(settings.stride).collect();
        let steps = train.len().div_ceil(settings.stride).div_ceil(settings.batch);
        let device = Device::flex().autodiff();
        let state = self.state(path, &device)?;
        Ok(Run { path: path.to_owned(), train, validation, steps, device, state })
    }

    /// One epoch more, and its checkpoint.
    pub fn advance(&self, run: &mut Run, bar: &ProgressBar) -> anyhow::Result<()> {
        let epoch = run.state.progress.epochs();
        let loss = self.epoch(run, epoch, bar);
        let judged = self.loss_over(&run.state.net, &run.validation);
        if run.state.progress.note(loss as f32, judged as f32) {
            run.state.best = run.state.net.clone();
        }
        bar.set_message(format!("epoch {} loss {loss:.4} validation {judged:.4}", epoch + 1));
        run.state.save(&run.path, &self.identity()).with_context(|| format!("checkpoint {}", run.path.display()))
    }

    fn windows(&self, (from, to): (i64, i64)) -> Vec<Window> {
        windows::labelled(self.dataset, self.settings.window, &self.settings.horizons_min, from, to)
    }

    /// Two tasks with the same identity give the same weights.
    fn identity(&self) -> String {
        let data: Vec<String> = self.dataset.series.iter().map(|series| series.sha256.to_string()).collect();
        let parts = (self.settings, self.scaling, self.fold, self.number, &self.dataset.fingerprint, data);
        bundle::Digest::of(&serde_json::to_vec(&parts).expect("plain values")).to_string()
    }

    fn state(&self, path: &Path, device: &Device) -> anyhow::Result<State> {
        let settings = self.settings;
        let shape = settings.shape(self.dataset.features.len());
        let net = Net::new(&shape, &mut Random::new(settings.seed, self.number << 32), device);
        let optimiser = AdamWConfig::new()
            .with_weight_decay(settings.weight_decay)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
            .init();
        let state = State { best: net.clone(), net, optimiser, progress: Progress::default() };
        match Checkpoint::load(path).with_context(|| format!("checkpoint {}", path.display()))? {
            None => Ok(state),
            Some(checkpoint) => state.resume(checkpoint, &self.identity()),
        }
    }

    /// One pass over a part of the windows; gives the mean loss.
    fn epoch(&self, run: &mut Run, epoch: usize, bar: &ProgressBar) -> f64 {
        let settings = self.settings;
        let Run { train, state, steps, device, .. } = run;
        let mut order: Vec<Window> =
            train.iter().copied().skip(epoch % settings.stride).step_by(settings.stride).collect();
        Random::new(settings.seed, self.number << 32 | (epoch as u64 + 1)).shuffle(&mut order);
        let mut sum = 0.0;
        for (step, batch) in order.chunks(settings.batch).enumerate() {
            let (inputs, targets) = self.batch(batch, device);
            let loss = loss(state.net.forward(inputs), &targets);
            sum += f64::from(loss.clone().into_scalar::<f32>()) * batch.len() as f64;
            let gradients = GradientsParams::from_grads(loss.backward(), &state.net);
            let rate = learning_rate(settings, epoch * *steps + step, settings.epochs * *steps);
            state.net = state.optimiser.step(rate, state.net.clone(), gradients);
            bar.inc(1);
        }
        sum / order.len().max(1) as f64
    }

    /// Mean loss without gradients.
    fn loss_over(&self, net: &Net, of: &[Window]) -> f64 {
        let (net, device) = (net.valid(), Device::flex());
        let mut sum = 0.0;
        for batch in of.chunks(INFER_BATCH) {
            let (inputs, targets) = self.batch(batch, &device);
            sum += f64::from(loss(net.forward(inputs), &targets).into_scalar::<f32>()) * batch.len() as f64;
        }
        sum / of.len().max(1) as f64
    }

    fn batch(&self, of: &[Window], device: &Device) -> (Tensor<3>, Targets) {
        let (dataset, settings) = (self.dataset, self.settings);
        let horizons = settings.horizons_min.len();
        let mut units = Vec::with_capacity(of.len() * horizons);
        for window in of {
            let series = &dataset.series[window.series];
            let last = windows::values(dataset, *window, 1);
            let volatility = self.scaling.volatility(last);
            for (horizon, unit) in settings.horizons_min.iter().zip(&self.scaling.horizon_units) {
                let outcome = series.log_return(window.end, *horizon).expect("labelled windows have outcomes") as f32;
                units.push((outcome / (volatility * unit)).clamp(-OUTCOME_MAX, OUTCOME_MAX));
            }
        }
        let rises =
            units.iter().map(|unit| 0.5 + 0.5 * if *unit == 0.0 { 0.0 } else { unit.signum() }).collect::<Vec<f32>>();
        let shape = [of.len(), horizons];
        let targets = Targets {
            units: Tensor::from_data(TensorData::new(units, shape), device),
            rises: Tensor::from_data(TensorData::new(rises, shape), device),
        };
        (inputs(dataset, of, settings.window, self.scaling, device), targets)
    }
}

/// Normalised windows as a tensor.
pub fn inputs(dataset: &Dataset, of: &[Window], len: usize, scaling: &Scaling, device: &Device) -> Tensor<3> {
    let mut values = Vec::with_capacity(of.len() * len * dataset.features.len());
    for window in of {
        windows::normalised(dataset, *window, len, scaling, &mut values);
    }
    Tensor::from_data(TensorData::new(values, [of.len(), len, dataset.features.len()]), device)
}

/// What the network gives for each window, in order: units of volatility and logits, per horizon.
pub fn raw_outputs(
    net: &Net,
    dataset: &Dataset,
    of: &[Window],
    len: usize,
    scaling: &Scaling,
) -> Vec<(Vec<f32>, Vec<f32>)> {
    let device = Device::flex();
    let mut all = Vec::with_capacity(of.len());
    for batch in of.chunks(INFER_BATCH) {
        let output = net.forward(inputs(dataset, batch, len, scaling, &device));
        let horizons = output.units.dims()[1];
        let vec = |tensor: Tensor<2>| tensor.into_data().try_to_vec::<f32>().expect("outputs are 32-bit floats");
        let (units, logits) = (vec(output.units), vec(output.logits));
        all.extend(units.chunks(horizons).map(<[f32]>::to_vec).zip(logits.chunks(horizons).map(<[f32]>::to_vec)));
    }
    all
}

struct Targets {
    units: Tensor<2>,
    rises: Tensor<2>,
}

/// Huber loss of the returns plus cross-entropy of the directions.
fn loss(output: Output, targets: &Targets) -> Tensor<1> {
    let error = (output.units - targets.units.clone()).abs();
    let square = error.clone().clamp_max(HUBER);
    let huber = square.clone() * (error - square * 0.5);
    let up = log_sigmoid(output.logits.clone()) * targets.rises.clone();
    let down = log_sigmoid(-output.logits) * (targets.rises.clone() * -1.0 + 1.0);
    huber.mean() - (up + down).mean()
}

/// A short linear warm-up, then half a cosine down to a twentieth.
fn learning_rate(settings: &Settings, step: usize, steps: usize) -> f64 {
    let warm_up = (steps / 20).max(1);
    if step < warm_up {
        return settings.learning_rate * (step + 1) as f64 / warm_up as f64;
    }
    let share = (step - warm_up) as f64 / (steps - warm_up).max(1) as f64;
    settings.learning_rate * (0.05 + 0.95 * 0.5 * (1.0 + (std::f64::consts::PI * share).cos()))
}

/// A fit between two epochs.
pub struct Run {
    path: PathBuf,
    train: Vec<Window>,
    validation: Vec<Window>,
    /// Steps of an epoch.
    steps: usize,
    device: Device,
    state: State,
}

impl Run {
    /// The epochs so far.
    pub fn progress(&self) -> &Progress {
        &self.state.progress
    }
}

/// Everything a fit carries from one epoch to the next.
pub(crate) struct State {
    pub(crate) net: Net,
    pub(crate) best: Net,
    pub(crate) optimiser: ModuleOptimizer,
    pub(crate) progress: Progress,
}
