//! `train`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use indicatif::MultiProgress;

use crate::dataset::Dataset;
use crate::device::Backend;
use crate::fit::Settings;
use crate::net::Architecture;
use crate::run;

/// Train walk-forward folds and the final fit. Started again, it goes on where it stopped.
#[derive(Debug, Args)]
pub(super) struct Train {
    /// Dataset made by `import`.
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// Folder of the run: checkpoints and results.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Kind of network.
    #[arg(long, value_enum, default_value = "transformer")]
    model: Architecture,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Candles of history the model looks at.
    #[arg(long, default_value_t = 60, value_name = "CANDLES")]
    window: usize,
    /// Horizons in candles.
    #[arg(long, default_values_t = [5, 10, 30], value_delimiter = ',', value_name = "CANDLES")]
    horizons: Vec<u16>,
    /// What each horizon weighs in the loss; all the same when left out.
    #[arg(long, value_delimiter = ',', value_name = "WEIGHTS")]
    horizon_weights: Vec<f32>,
    /// Levels of the quantiles; 0.5 is among them.
    #[arg(long, default_values_t = [0.05, 0.25, 0.5, 0.75, 0.95], value_delimiter = ',', value_name = "LEVELS")]
    quantiles: Vec<f32>,
    /// What sell, hold and buy weigh in the loss.
    #[arg(long, default_values_t = [1.0, 1.0, 1.0], value_delimiter = ',', value_name = "WEIGHTS")]
    class_weights: Vec<f32>,
    /// Move at which buying or selling pays: both fees, spread and slippage.
    #[arg(long, default_value_t = 20.0, value_name = "BPS")]
    cost: f32,
    /// Width of a token, a multiple of the heads, or of the LSTM's memory. Default 128, LSTM 64.
    #[arg(long)]
    width: Option<usize>,
    /// Encoder blocks, or layers of the LSTM. Default 4, PatchTST 3, LSTM 2.
    #[arg(long)]
    layers: Option<usize>,
    /// Attention heads.
    #[arg(long, default_value_t = 4)]
    heads: usize,
    /// Width of the feed-forward part. Default four times the width, PatchTST twice.
    #[arg(long)]
    hidden: Option<usize>,
    /// Candles of a patch; PatchTST only.
    #[arg(long, default_value_t = 16, value_name = "CANDLES")]
    patch: usize,
    /// Candles from one patch to the next; PatchTST only.
    #[arg(long, default_value_t = 8, value_name = "CANDLES")]
    patch_stride: usize,
    /// Most epochs of a fit.
    #[arg(long, default_value_t = 12)]
    epochs: usize,
    /// Epochs without a better validation loss before a fit stops.
    #[arg(long, default_value_t = 3)]
    patience: usize,
    /// Windows of a step.
    #[arg(long, default_value_t = 128)]
    batch: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// Weight decay.
    #[arg(long, default_value_t = 0.05)]
    weight_decay: f32,
    /// Take a window every so many candles; each epoch takes others.
    #[arg(long, default_value_t = 5, value_name = "CANDLES")]
    stride: usize,
    /// Walk-forward folds.
    #[arg(long, default_value_t = 3)]
    folds: usize,
    /// What computes; all but `flex` (the CPU) must be built in.
    #[arg(long, value_enum, default_value = "flex")]
    device: Backend,
    /// Weight products in bfloat16, where the device has it.
    #[arg(long)]
    bf16: bool,
    /// Threads. The same weights are promised for the same number of threads only.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

impl Train {
    fn settings(&self) -> anyhow::Result<Settings> {
        let (width, layers, widening) = match self.model {
            Architecture::Transformer => (128, 4, 4),
            Architecture::PatchTst => (128, 3, 2),
            Architecture::Lstm => (64, 2, 1),
        };
        let width = self.width.unwrap_or(width);
        let class_weights = self.class_weights.clone().try_into();
        let settings = Settings {
            model: self.model,
            seed: self.seed,
            window: self.window,
            horizons: self.horizons.clone(),
            horizon_weights: self.horizon_weights.clone(),
            quantiles: self.quantiles.clone(),
            class_weights: class_weights.ok().context("--class-weights: three are needed, for sell, hold and buy")?,
            cost_bps: self.cost,
            width,
            layers: self.layers.unwrap_or(layers),
            heads: self.heads,
            hidden: self.hidden.unwrap_or(widening * width),
            patch: self.patch,
            patch_stride: self.patch_stride,
            epochs: self.epochs,
            patience: self.patience,
            batch: self.batch,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            stride: self.stride,
            folds: self.folds,
            device: self.device,
            bf16: self.bf16,
        };
        settings.check()?;
        Ok(settings)
    }

    pub(super) fn run(self) -> anyhow::Result<()> {
        let settings = self.settings()?;
        let dataset = Dataset::load(&self.dataset)?;
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global().context("threads")?;
        let trained = run::train(&dataset, &settings, &self.run, &MultiProgress::new())?;
        for (number, fold) in trained.folds.iter().enumerate() {
            for (source, report) in fold {
                super::report::print(&format!("fold {}, {source}", number + 1), report);
            }
        }
        for (minutes, scaling) in &trained.scalings {
            let (returns, logits) = (&scaling.return_shrink, &scaling.logit_shrink);
            println!("candles of {minutes} min: shrinkage of returns {returns:?}, of logits {logits:?}");
        }
        Ok(())
    }
}
