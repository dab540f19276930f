//! `tune`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use indicatif::MultiProgress;
use serde_json::Value;

use crate::dataset::Dataset;
use crate::run;
use crate::runs::TRIALS_NAME;
use crate::tune::{Folds, Header, Limits, Pruner, Settings, Space, State, Study, Trial};

/// Search for settings: a tree-structured Parzen estimator over the validation losses of the walk-forward folds. Started again, it goes
/// on where it stopped.
#[derive(Debug, Args)]
pub(super) struct Tune {
    /// Dataset made by `import`.
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// Folder of the search: `study.jsonl`, `best.json` and checkpoints of the trial under way.
    #[arg(long, value_name = "DIR")]
    study: PathBuf,
    /// Where the settings come from that are not searched: `trained.json` of a run, or a file with the settings alone.
    #[arg(long, value_name = "FILE.json")]
    settings: PathBuf,
    /// What is searched, such as `{"learning_rate": {"log": [1e-4, 1e-2]}, "width": {"choice": [32, 64]}}`; without it the usual.
    #[arg(long, value_name = "FILE.json")]
    space: Option<PathBuf>,
    /// Trials in all.
    #[arg(long, default_value_t = 30)]
    trials: usize,
    /// Stop after so many minutes.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<u64>,
    /// Which trials are given up early.
    #[arg(long, value_enum, default_value_t = Rule::Median)]
    pruner: Rule,
    /// Seed of the search.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads. The same search is promised for the same number of threads only.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Then train a run with the best settings into this folder; it says of how many trials they were the best.
    #[arg(long, value_name = "DIR")]
    train: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rule {
    /// None.
    None,
    /// Worse than the median of others after as many epochs; the first five trials and epoch are free.
    Median,
    /// One of three goes on after 1, 3, 9, ... epochs.
    Halving,
}

impl Rule {
    const fn pruner(self) -> Pruner {
        match self {
            Self::None => Pruner::None,
            Self::Median => Pruner::Median { trials: 5, epochs: 2 },
            Self::Halving => Pruner::Halving { first: 1, keep: 3 },
        }
    }
}

impl Tune {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let dataset = Dataset::load(&self.dataset)?;
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global().context("threads")?;
        let settings = self.base()?;
        let space = match &self.space {
            None => Space::usual(&settings)?,
            Some(path) => Space::new(read(path)?, &settings).with_context(|| format!("{}", path.display()))?,
        };
        let data = dataset.series.iter().map(|series| series.sha256.to_string()).collect();
        fs::create_dir_all(&self.study).with_context(|| format!("{}", self.study.display()))?;
        let header = Header { format: 1, seed: self.seed, data, settings, space };
        let mut study = Study::open(&self.study.join("study.jsonl"), header)?;
        if !study.trials().is_empty() {
            println!("going on after {} trials", study.trials().len());
        }
        let limits =
            Limits { trials: self.trials, time: self.minutes.map(|minutes| Duration::from_secs(minutes * 60)) };
        study.run(&Folds::new(&dataset, &self.study), self.pruner.pruner(), limits, print)?;
        let best = study.summary()?;
        let settings = study.merged(&best.parameters);
        run::write(&self.study.join("best.json"), &serde_json::to_vec_pretty(&settings)?)?;
        println!("best of {} trials: number {}, loss {:.5}", best.trials, best.best, best.score);
        println!("{}", serde_json::to_string(&best.parameters)?);
        if let Some(folder) = &self.train {
            let settings = serde_json::from_value(Value::Object(settings))?;
            run::train(&dataset, &settings, folder, &MultiProgress::new())?;
            run::write(&folder.join(TRIALS_NAME), &serde_json::to_vec_pretty(&best)?)?;
            println!("{}: trained, of {} trials the best", folder.display(), best.trials);
        }
        Ok(())
    }

    fn base(&self) -> anyhow::Result<Settings> {
        let whole: Settings = read(&self.settings)?;
        Ok(match whole.get("settings") {
            Some(Value::Object(settings)) => settings.clone(),
            _ => whole,
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &PathBuf) -> anyhow::Result<T> {
    let read = || anyhow::Ok(serde_json::from_slice(&fs::read(path)?)?);
    read().with_context(|| format!("{}", path.display()))
}

fn print(trial: &Trial) {
    let outcome = match (trial.state, &trial.reason) {
        (State::Finished, _) => format!("loss {:.5}", trial.score()),
        (State::Pruned, reason) => format!("given up, {}", reason.as_deref().unwrap_or_default()),
        (State::Failed, reason) => format!("failed, {}", reason.as_deref().unwrap_or_default()),
    };
    let parameters = serde_json::to_string(&trial.parameters).expect("only strings as keys");
    println!(
        "trial {:3}, {} epochs, {:.0} s: {outcome}  {parameters}",
        trial.number,
        trial.epochs.len(),
        trial.seconds
    );
}
