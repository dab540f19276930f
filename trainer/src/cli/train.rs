//! `train`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use indicatif::MultiProgress;

use crate::dataset::Dataset;
use crate::fit::Settings;
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
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Minutes of history the model looks at.
    #[arg(long, default_value_t = 60, value_name = "MINUTES")]
    window: usize,
    /// Horizons in minutes.
    #[arg(long, default_values_t = [5, 10, 30], value_delimiter = ',', value_name = "MINUTES")]
    horizons: Vec<u16>,
    /// Width of a token; a multiple of the heads.
    #[arg(long, default_value_t = 32)]
    width: usize,
    /// Encoder blocks.
    #[arg(long, default_value_t = 2)]
    layers: usize,
    /// Attention heads.
    #[arg(long, default_value_t = 4)]
    heads: usize,
    /// Width of the feed-forward part.
    #[arg(long, default_value_t = 128)]
    hidden: usize,
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
    /// Take a window every so many minutes; each epoch takes others.
    #[arg(long, default_value_t = 5, value_name = "MINUTES")]
    stride: usize,
    /// Walk-forward folds.
    #[arg(long, default_value_t = 3)]
    folds: usize,
    /// Threads. The same weights are promised for the same number of threads only.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

impl Train {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let dataset = Dataset::load(&self.dataset)?;
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global().context("threads")?;
        let settings = Settings {
            seed: self.seed,
            window: self.window,
            horizons_min: self.horizons,
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            hidden: self.hidden,
            epochs: self.epochs,
            patience: self.patience,
            batch: self.batch,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            stride: self.stride,
            folds: self.folds,
        };
        settings.check()?;
        let trained = run::train(&dataset, &settings, &self.run, &MultiProgress::new())?;
        for (number, fold) in trained.folds.iter().enumerate() {
            for (source, report) in fold {
                super::report::print(&format!("fold {}, {source}", number + 1), report);
            }
        }
        println!(
            "shrinkage of returns {:?}, of logits {:?}",
            trained.scaling.return_shrink, trained.scaling.logit_shrink
        );
        Ok(())
    }
}
