//! The search itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{Header, Pruner, Sampler, Settings, State, Trainee, Trial, journal};

/// When a search ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Trials, those of earlier calls included.
    pub trials: usize,
    /// Time of this call. The trial under way is left where it is and gone on with by the next call.
    pub time: Option<Duration>,
}

/// A search that can be gone on with.
pub struct Study {
    path: PathBuf,
    header: Header,
    sampler: Sampler,
    trials: Vec<Trial>,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Trials, the failed and pruned ones included: of so many the best was taken.
    pub trials: usize,
    /// Of these trained to the end.
    pub finished: usize,
    /// Given up.
    pub pruned: usize,
    /// Without a model.
    pub failed: usize,
    /// Number of the best.
    pub best: usize,
    /// Its mean best validation loss over the folds.
    pub score: f64,
    /// What it was tried with.
    pub parameters: Settings,
}

impl From<&Summary> for bundle::Search {
    fn from(summary: &Summary) -> Self {
        let Summary { trials, finished, pruned, failed, .. } = *summary;
        let [trials, finished, pruned, failed] = [trials, finished, pruned, failed].map(|count| count as u64);
        Self { trials, finished, pruned, failed }
    }
}

impl Study {
    /// Opens or begins the journal at `path`.
    ///
    /// # Errors
    /// It cannot be read, or belongs to another study.
    pub fn open(path: &Path, header: Header) -> anyhow::Result<Self> {
        let trials = journal::open(path, &header).with_context(|| format!("{}", path.display()))?;
        let mut sampler = Sampler::new(&header.space, header.seed)?;
        for trial in &trials {
            sampler.tell(&trial.parameters, trial.score()).with_context(|| format!("trial {}", trial.number))?;
        }
        Ok(Self { path: path.to_owned(), header, sampler, trials })
    }

    /// The trials that are over.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Runs trials until a limit is reached, telling each when it is over.
    ///
    /// # Errors
    /// The journal cannot be written, or a trial cannot be trained although its settings are sound.
    pub fn run(
        &mut self,
        trainee: &dyn Trainee,
        pruner: Pruner,
        limits: Limits,
        mut tell: impl FnMut(&Trial),
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let is_late = || limits.time.is_some_and(|time| began.elapsed() >= time);
        while self.trials.len() < limits.trials && !is_late() {
            let Some(trial) = self.trial(trainee, pruner, &is_late)? else { return Ok(()) };
            let trial = journal::append(&self.path, &trial).with_context(|| format!("{}", self.path.display()))?;
            trainee.end(trial.number)?;
            self.sampler.tell(&trial.parameters, trial.score())?;
            tell(&trial);
            self.trials.push(trial);
        }
        Ok(())
    }

    /// One trial; `None` when time was up before its end.
    fn trial(
        &mut self,
        trainee: &dyn Trainee,
        pruner: Pruner,
        is_late: &dyn Fn() -> bool,
    ) -> anyhow::Result<Option<Trial>> {
        let began = Instant::now();
        let parameters = self.sampler.ask()?;
        let settings = self.merged(&parameters);
        let mut trial = Trial {
            number: self.trials.len(),
            seed: settings.get("seed").and_then(serde_json::Value::as_u64),
            parameters,
            epochs: Vec::new(),
            folds: Vec::new(),
            state: State::Finished,
            reason: None,
            seconds: 0.0,
        };
        match trainee.begin(trial.number, &settings) {
            Err(error) => (trial.state, trial.reason) = (State::Failed, Some(format!("{error:#}"))),
            Ok(mut training) => {
                while let Some(folds) = training.epoch().with_context(|| format!("trial {}", trial.number))? {
                    let mean = folds.iter().sum::<f64>() / folds.len() as f64;
                    trial.folds = folds;
                    if !mean.is_finite() {
                        (trial.state, trial.reason) = (State::Failed, Some("the loss is not finite".to_owned()));
                        break;
                    }
                    trial.epochs.push(mean);
                    if let Some(reason) = pruner.reason(&self.trials, &trial.epochs) {
                        (trial.state, trial.reason) = (State::Pruned, Some(reason));
                        break;
                    }
                    if is_late() {
                        return Ok(None);
                    }
                }
            }
        }
        // JSON has no word for what is not finite.
        trial.folds.retain(|fold| fold.is_finite());
        trial.seconds = began.elapsed().as_secs_f64();
        Ok(Some(trial))
    }

    /// The study's settings with a trial's in their place.
    pub fn merged(&self, parameters: &Settings) -> Settings {
        let mut settings = self.header.settings.clone();
        settings.extend(parameters.clone());
        settings
    }

    /// The best finished trial and what it was the best of.
    ///
    /// # Errors
    /// No trial finished.
    pub fn summary(&self) -> anyhow::Result<Summary> {
        let count = |state: State| self.trials.iter().filter(|trial| trial.state == state).count();
        let finished = self.trials.iter().filter(|trial| trial.state == State::Finished && !trial.epochs.is_empty());
        let best =
            finished.min_by(|a, b| a.score().total_cmp(&b.score())).context("no trial was trained to its end")?;
        Ok(Summary {
            trials: self.trials.len(),
            finished: count(State::Finished),
            pruned: count(State::Pruned),
            failed: count(State::Failed),
            best: best.number,
            score: best.score(),
            parameters: best.parameters.clone(),
        })
    }
}
