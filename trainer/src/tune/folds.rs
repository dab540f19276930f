//! The walk-forward folds of a training run as a trainee.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::ProgressBar;
use serde_json::Value;

use super::{Settings, Trainee, Training};
use crate::calibrate;
use crate::dataset::Dataset;
use crate::fit::{self, Run, Task};
use crate::run;
use crate::scaling::Scalings;
use crate::split::Fold;
use crate::windows;

/// Fits every fold of a dataset, side by side.
pub struct Folds<'a> {
    dataset: &'a Dataset,
    dir: PathBuf,
}

impl<'a> Folds<'a> {
    /// Checkpoints of the trial under way lie in `dir`.
    pub fn new(dataset: &'a Dataset, dir: &Path) -> Self {
        Self { dataset, dir: dir.to_owned() }
    }

    fn trial_dir(&self, number: usize) -> PathBuf {
        self.dir.join(format!("trial-{number}"))
    }
}

impl Trainee for Folds<'_> {
    fn begin(&self, number: usize, settings: &Settings) -> anyhow::Result<Box<dyn Training + '_>> {
        let settings: fit::Settings = serde_json::from_value(Value::Object(settings.clone())).context("settings")?;
        settings.check()?;
        let dir = self.trial_dir(number);
        fs::create_dir_all(&dir).with_context(|| format!("{}", dir.display()))?;
        let split = run::split(self.dataset, settings.folds, settings.window, settings.horizon_max())?;
        let mut fits = Fits { dataset: self.dataset, settings, folds: Vec::new(), epoch: 0 };
        for (number, fold) in split.folds.into_iter().enumerate() {
            let (window, horizons) = (fits.settings.window, &fits.settings.horizons);
            let train = windows::labelled(self.dataset, window, horizons, fold.train);
            let scalings = calibrate::scalings(self.dataset, &train, &fits.settings, run::VOLATILITY)?;
            let run = fits.task(fold, &scalings, number).start(&dir.join(format!("fold-{number}.ckpt")))?;
            fits.folds.push((fold, scalings, run));
        }
        Ok(Box::new(fits))
    }

    fn end(&self, number: usize) -> anyhow::Result<()> {
        let dir = self.trial_dir(number);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{}", dir.display()))
            }
            _ => Ok(()),
        }
    }
}

struct Fits<'a> {
    dataset: &'a Dataset,
    settings: fit::Settings,
    folds: Vec<(Fold, Scalings, Run)>,
    /// The next one.
    epoch: usize,
}

impl Fits<'_> {
    fn task<'b>(&'b self, fold: Fold, scalings: &'b Scalings, number: usize) -> Task<'b> {
        Task { dataset: self.dataset, settings: &self.settings, scalings, fold, number: number as u64 + 1 }
    }
}

impl Training for Fits<'_> {
    /// Epochs that a checkpoint holds already are told again and not trained again.
    fn epoch(&mut self) -> anyhow::Result<Option<Vec<f64>>> {
        let mut folds = std::mem::take(&mut self.folds);
        let mut best = Vec::with_capacity(folds.len());
        let mut has_news = false;
        for (number, (fold, scalings, run)) in folds.iter_mut().enumerate() {
            if run.progress().epochs() <= self.epoch && !run.progress().is_over(&self.settings) {
                self.task(*fold, scalings, number).advance(run, &ProgressBar::hidden())?;
            }
            let losses = &run.progress().losses;
            has_news |= losses.len() > self.epoch;
            let so_far = losses.iter().take(self.epoch + 1).map(|(_, validation)| f64::from(*validation));
            best.push(so_far.fold(f64::INFINITY, f64::min));
        }
        self.folds = folds;
        self.epoch += 1;
        Ok(has_news.then_some(best))
    }
}
