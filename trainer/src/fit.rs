//! One fit: AdamW on the losses of all heads, stopped early by a validation tail.
//!
//! What each head is asked to do, in units of the window's volatility (see [`crate::scaling`]):
//!
//! - quantiles: the pinball loss (Koenker and Bassett 1978), so that each lies where it says;
//! - direction: cross-entropy of "the price is higher then";
//! - action: cross-entropy of what would have paid after costs at the longest horizon: *buy* when the return is above
//!   [`Settings::cost_bps`], *sell* when it is below minus that, *hold* between;
//! - size: what a bet on the side that the action head prefers should be to grow fastest, the mean-variance form of Kelly's
//!   rule ("A New Interpretation of Information Rate", 1956): the share `f` that makes `f g - (f g)² / 2` largest, `g` being
//!   the gain after costs; that is `(1 - f g)² / 2` smallest;
//! - risk: likelihood of a normal distribution around the median at the longest horizon.
//!
//! With the same seed, data and thread count a fit gives the same weights on the same kind of processor, interrupted
//! or not: order and weights come from our own generator, and each epoch ends with a checkpoint of everything.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use burn::module::Module as _;
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::{log_sigmoid, log_softmax, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Progress};
use crate::dataset::Dataset;
use crate::device::Backend;
use crate::net::heads::ACTIONS;
use crate::net::{Architecture, Net, Output, Shape};
use crate::random::Random;
use crate::scaling::Scalings;
use crate::split::{Fold, Span};
use crate::windows::{self, Window};

/// What action, size and risk weigh beside returns and directions: they must not bend the forecast.
const DECISION_WEIGHT: f32 = 0.1;
/// Outcomes are cut here, in units of volatility.
const OUTCOME_MAX: f32 = 8.0;
/// Windows of one forward pass without gradients.
const INFER_BATCH: usize = 256;

/// What shapes a fit. The digest of a bundle depends on all of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Kind of network.
    pub model: Architecture,
    /// Seed of weights and order.
    pub seed: u64,
    /// Rows of the window: candles of history.
    pub window: usize,
    /// Horizons in candles.
    pub horizons: Vec<u16>,
    /// What each horizon weighs in the loss; one for all when empty.
    pub horizon_weights: Vec<f32>,
    /// Levels of the quantiles; one half is among them.
    pub quantiles: Vec<f32>,
    /// What sell, hold and buy weigh in the loss.
    pub class_weights: [f32; ACTIONS],
    /// Return at which buying or selling pays, basis points: both fees, spread and slippage.
    pub cost_bps: f32,
    /// Width of a token, or of the memory.
    pub width: usize,
    /// Encoder blocks, or layers of the memory.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward part.
    pub hidden: usize,
    /// Rows of a patch; PatchTST only.
    pub patch: usize,
    /// Rows from one patch to the next; PatchTST only.
    pub patch_stride: usize,
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
    /// Every how many candles a window is taken; the next epoch takes the next candles.
    pub stride: usize,
    /// Walk-forward folds.
    pub folds: usize,
    /// What computes it.
    pub device: Backend,
    /// Weight products in bfloat16; refused where the device has none.
    pub bf16: bool,
}

impl Settings {
    /// The network's size for a number of features.
    pub fn shape(&self, features: usize) -> Shape {
        Shape {
            architecture: self.model,
            window: self.window,
            features,
            horizons: self.horizons.len(),
            quantiles: self.quantiles.len(),
            median: self.median().unwrap_or(0),
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            hidden: self.hidden,
            patch: self.patch,
            patch_stride: self.patch_stride,
        }
    }

    /// Refuses sizes that make no network or no fit.
    pub fn check(&self) -> anyhow::Result<()> {
        let rising = self.horizons.is_sorted_by(|a, b| a < b) && self.horizons.first().is_some_and(|h| *h > 0);
        ensure!(rising && self.horizons.len() <= 16, "horizons must rise from 1 candle on, and be at most 16");
        let levels = &self.quantiles;
        let between = levels.len() <= 16 && levels.iter().all(|level| (0.001..=0.999).contains(level));
        ensure!(
            between && levels.is_sorted_by(|a, b| a < b),
            "quantiles must rise between 0.001 and 0.999, at most 16"
        );
        ensure!(self.median().is_some(), "the quantiles {levels:?} lack 0.5: it is the forecast");
        let weights = [&self.horizon_weights[..], &self.class_weights].concat();
        ensure!(weights.iter().all(|weight| (1e-3..=1e3).contains(weight)), "weights must be 0.001 to 1000");
        let (given, horizons) = (self.horizon_weights.len(), self.horizons.len());
        ensure!(given == 0 || given == horizons, "{given} horizon weights for {horizons} horizons");
        ensure!((0.0..=1e4).contains(&self.cost_bps), "costs must be 0 to 10000 basis points");
        let sizes = [self.width, self.layers, self.heads, self.hidden, self.patch, self.patch_stride];
        let counts = [self.epochs, self.batch, self.stride, self.folds];
        ensure!(
            [&sizes[..], &counts].concat().iter().all(|size| (1..=100_000).contains(size)),
            "sizes and counts must be at least 1"
        );
        ensure!((2..=1440).contains(&self.window), "the window must be 2 to 1440 candles");
        match self.model {
            Architecture::Lstm => {}
            Architecture::Transformer | Architecture::PatchTst => ensure!(
                self.width.is_multiple_of(self.heads),
                "width {} is not a multiple of {} heads",
                self.width,
                self.heads
            ),
        }
        let fits = self.model != Architecture::PatchTst || self.patch <= self.window;
        ensure!(fits, "a patch of {} candles is longer than the window of {}", self.patch, self.window);
        ensure!(
            self.learning_rate > 0.0 && self.weight_decay >= 0.0,
            "the learning rate must be positive, the decay not negative"
        );
        Ok(())
    }

    /// Where one half is among the quantiles.
    pub fn median(&self) -> Option<usize> {
        self.quantiles.iter().position(|level| *level == 0.5)
    }

    /// The longest horizon, candles.
    pub fn horizon_max(&self) -> u16 {
        self.horizons.iter().copied().max().unwrap_or(0)
    }
}

/// A finished fit.
#[derive(Debug)]
pub struct Fitted {
    /// The weights of the best epoch, on the CPU without gradients, all in 32 bits.
    pub net: Net,
    /// Which epochs there were.
    pub progress: Progress,
}

/// What a fit is about.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub dataset: &'a Dataset,
    pub settings: &'a Settings,
    pub scalings: &'a Scalings,
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
        let mut net = run.state.best.valid().to_device(&Device::flex());
        net.bf16 = false;
        Ok(Fitted { net, progress: run.state.progress })
    }

    /// Where the fit stands: at the checkpoint, or at its beginning.
    pub fn start(&self, path: &Path) -> anyhow::Result<Run> {
        let settings = self.settings;
        let train = self.windows(self.fold.train);
        let validation = self.windows(self.fold.validation).into_iter().step_by(settings.stride).collect();
        let steps = train.len().div_ceil(settings.stride).div_ceil(settings.batch);
        let device = settings.device.open(settings.bf16)?.autodiff();
        let state = self.state(path, &device)?;
        Ok(Run { path: path.to_owned(), train, validation, steps, device, state })
    }

    /// One epoch more, and its checkpoint.
    pub fn advance(&self, run: &mut Run, bar: &ProgressBar) -> anyhow::Result<()> {
        let epoch = run.state.progress.epochs();
        let loss = self.epoch(run, epoch, bar);
        let judged = self.loss_over(&run.state.net, &run.validation, run.device.clone().inner());
        if run.state.progress.note(loss as f32, judged as f32) {
            run.state.best = run.state.net.clone();
        }
        bar.set_message(format!("epoch {} loss {loss:.4} validation {judged:.4}", epoch + 1));
        run.state.save(&run.path, &self.identity()).with_context(|| format!("checkpoint {}", run.path.display()))
    }

    fn windows(&self, span: Span) -> Vec<Window> {
        windows::labelled(self.dataset, self.settings.window, &self.settings.horizons, span)
    }

    /// Two tasks with the same identity give the same weights.
    fn identity(&self) -> String {
        let data: Vec<String> = self.dataset.series.iter().map(|series| series.sha256.to_string()).collect();
        let parts = (self.settings, self.scalings, self.fold, self.number, &self.dataset.fingerprint, data);
        bundle::Digest::of(&serde_json::to_vec(&parts).expect("plain values")).to_string()
    }

    fn state(&self, path: &Path, device: &Device) -> anyhow::Result<State> {
        let settings = self.settings;
        let shape = settings.shape(self.dataset.features.len());
        let mut net = Net::new(&shape, &mut Random::new(settings.seed, self.number << 32), device);
        net.bf16 = settings.bf16;
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
        let mut order: Vec<Window> =
            run.train.iter().copied().skip(epoch % settings.stride).step_by(settings.stride).collect();
        Random::new(settings.seed, self.number << 32 | (epoch as u64 + 1)).shuffle(&mut order);
        let (before, steps) = (epoch * run.steps, settings.epochs * run.steps);
        let mut sum = 0.0;
        for (step, batch) in order.chunks(settings.batch).enumerate() {
            sum += self.step(run, batch, learning_rate(settings, before + step, steps)) * batch.len() as f64;
            bar.inc(1);
        }
        sum / order.len().max(1) as f64
    }

    /// One step of the optimiser on these windows; gives their mean loss before it.
    pub fn step(&self, run: &mut Run, batch: &[Window], rate: f64) -> f64 {
        let Run { state, device, .. } = run;
        let (inputs, targets) = self.batch(batch, device);
        let loss = loss(state.net.forward(inputs), &targets, &self.settings.quantiles);
        let told = f64::from(loss.clone().into_scalar::<f32>());
        let gradients = GradientsParams::from_grads(loss.backward(), &state.net);
        state.net = state.optimiser.step(rate, state.net.clone(), gradients);
        told
    }

    /// Mean loss without gradients.
    fn loss_over(&self, net: &Net, of: &[Window], device: Device) -> f64 {
        let net = net.valid();
        let mut sum = 0.0;
        for batch in of.chunks(INFER_BATCH) {
            let (inputs, targets) = self.batch(batch, &device);
            let loss = loss(net.forward(inputs), &targets, &self.settings.quantiles);
            sum += f64::from(loss.into_scalar::<f32>()) * batch.len() as f64;
        }
        sum / of.len().max(1) as f64
    }

    fn batch(&self, of: &[Window], device: &Device) -> (Tensor<3>, Targets) {
        let (dataset, settings) = (self.dataset, self.settings);
        let horizons = settings.horizons.len();
        let mut units = Vec::with_capacity(of.len() * horizons);
        let mut costs = Vec::with_capacity(of.len());
        for window in of {
            let series = &dataset.series[window.series];
            let scaling = &self.scalings[&series.timeframe_min];
            let volatility = scaling.volatility(windows::values(dataset, *window, 1));
            for (horizon, unit) in settings.horizons.iter().zip(&scaling.horizon_units) {
                let outcome = series.log_return(window.end, *horizon).expect("labelled windows have outcomes") as f32;
                units.push((outcome / (volatility * unit)).clamp(-OUTCOME_MAX, OUTCOME_MAX));
            }
            costs.push(settings.cost_bps * 1e-4 / (volatility * scaling.horizon_units[horizons - 1]));
        }
        let rises: Vec<f32> =
            units.iter().map(|unit| 0.5 + 0.5 * if *unit == 0.0 { 0.0 } else { unit.signum() }).collect();
        let outcomes = units.chunks_exact(horizons).map(|units| units[horizons - 1]);
        let actions = outcomes.zip(&costs).flat_map(|(outcome, cost)| {
            let right = if outcome > *cost {
                2
            } else if outcome < -cost {
                0
            } else {
                1
            };
            std::array::from_fn::<f32, ACTIONS, _>(
                |action| if action == right { settings.class_weights[action] } else { 0.0 },
            )
        });
        let weights = match &settings.horizon_weights[..] {
            [] => vec![1.0; horizons],
            weights => {
                let mean = weights.iter().sum::<f32>() / horizons as f32;
                weights.iter().map(|weight| weight / mean).collect()
            }
        };
        let tensor = |values: Vec<f32>| {
            let columns = values.len() / of.len();
            Tensor::<2>::from_data(TensorData::new(values, [of.len(), columns]), device)
        };
        let targets = Targets {
            actions: tensor(actions.collect()),
            units: tensor(units),
            rises: tensor(rises),
            costs: tensor(costs),
            weights: Tensor::from_data(TensorData::new(weights, [1, horizons]), device),
        };
        (inputs(dataset, of, settings.window, self.scalings, device), targets)
    }
}

/// Normalised windows as a tensor.
pub fn inputs(dataset: &Dataset, of: &[Window], len: usize, scalings: &Scalings, device: &Device) -> Tensor<3> {
    let mut values = Vec::with_capacity(of.len() * len * dataset.features.len());
    for window in of {
        let scaling = &scalings[&dataset.series[window.series].timeframe_min];
        windows::normalised(dataset, *window, len, scaling, &mut values);
    }
    Tensor::from_data(TensorData::new(values, [of.len(), len, dataset.features.len()]), device)
}

/// What the network gives for one window; returns and risk in units of volatility.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw {
    /// Median return by horizon.
    pub units: Vec<f32>,
    /// Quantiles of the return, horizon by horizon.
    pub quantiles: Vec<f32>,
    /// Logit of a rise by horizon.
    pub logits: Vec<f32>,
    /// Probabilities of sell, hold and buy.
    pub action: Vec<f32>,
    /// Share of the largest size.
    pub size: f32,
    /// Standard deviation of the return at the longest horizon.
    pub risk: f32,
}

/// What the network gives for each window, in order.
pub fn raw_outputs(net: &Net, dataset: &Dataset, of: &[Window], len: usize, scalings: &Scalings) -> Vec<Raw> {
    let device = Device::flex();
    let mut all = Vec::with_capacity(of.len());
    for batch in of.chunks(INFER_BATCH) {
        let output = net.forward(inputs(dataset, batch, len, scalings, &device));
        let action = softmax(output.action, 1);
        let (units, quantiles, logits) = (rows(output.units), rows(output.quantiles), rows(output.logits));
        let (action, size, risk) = (rows(action), rows(output.size), rows(output.risk));
        all.extend((0..batch.len()).map(|i| Raw {
            units: units[i].clone(),
            quantiles: quantiles[i].clone(),
            logits: logits[i].clone(),
            action: action[i].clone(),
            size: size[i][0],
            risk: risk[i][0],
        }));
    }
    all
}

/// The values for each window of a batch.
fn rows<const D: usize>(tensor: Tensor<D>) -> Vec<Vec<f32>> {
    let batch = tensor.dims()[0];
    let values = tensor.into_data().try_to_vec::<f32>().expect("outputs are 32-bit floats");
    values.chunks(values.len() / batch).map(<[f32]>::to_vec).collect()
}

struct Targets {
    /// Returns in units of volatility, `[batch, horizons]`.
    units: Tensor<2>,
    /// One for a rise, zero for a fall, `[batch, horizons]`.
    rises: Tensor<2>,
    /// The weight of the right action in its place, `[batch, 3]`.
    actions: Tensor<2>,
    /// Costs in units of volatility at the longest horizon, `[batch, 1]`.
    costs: Tensor<2>,
    /// What each horizon weighs, one on average, `[1, horizons]`.
    weights: Tensor<2>,
}

/// All losses together, see the module.
fn loss(output: Output, targets: &Targets, levels: &[f32]) -> Tensor<1> {
    let [batch, horizons, count] = output.quantiles.dims();
    let levels = Tensor::<3>::from_data(TensorData::new(levels.to_vec(), [1, 1, count]), &targets.units.device());
    let error = targets.units.clone().unsqueeze_dim::<3>(2) - output.quantiles;
    let pinball = (error.clone() * levels.clone()).max_pair(error * (levels - 1.0));
    let returns = pinball.mean_dim(2).reshape([batch, horizons]) * targets.weights.clone();
    let up = log_sigmoid(output.logits.clone()) * targets.rises.clone();
    let down = log_sigmoid(-output.logits) * (targets.rises.clone() * -1.0 + 1.0);
    let directions = (up + down) * targets.weights.clone();

    let longest = [0..batch, horizons - 1..horizons];
    let outcome = targets.units.clone().slice(longest.clone());
    let off = (outcome.clone() - output.units.slice(longest).detach()) / output.risk.clone();
    let risk = output.risk.log() + off.powi_scalar(2) * 0.5;
    let chances = log_softmax(output.action, 1);
    let column = |action: usize| chances.clone().detach().slice([0..batch, action..action + 1]);
    let gain = outcome * (column(2) - column(0)).sign() - targets.costs.clone();
    let size = (output.size * gain - 1.0).powi_scalar(2) * 0.5;
    let action = chances * targets.actions.clone() * -(ACTIONS as f32);
    // A pinball loss at the median is half an absolute error.
    returns.mean() * 2.0 - directions.mean() + (action.mean() + size.mean() + risk.mean()) * DECISION_WEIGHT
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
