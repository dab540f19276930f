//! The study's journal: text, one JSON object a line. The first is a [`Header`], each other one a [`Trial`] that is over.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Settings, Space};

/// What a study is about. A journal is gone on with only by the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Format of the journal, 1.
    pub format: u32,
    /// Seed of the search.
    pub seed: u64,
    /// SHA-256 of each series of the data.
    pub data: Vec<String>,
    /// Settings that are not searched.
    pub settings: Settings,
    /// What is searched.
    pub space: Space,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Trained to its end.
    Finished,
    /// Given up by the pruner.
    Pruned,
    /// Its settings make no model.
    Failed,
}

/// A trial that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// From 0.
    pub number: usize,
    /// The searched settings.
    pub parameters: Settings,
    /// Seed of its weights and order, where the settings have one.
    pub seed: Option<u64>,
    /// Mean over the folds of the best validation loss, after each epoch.
    pub epochs: Vec<f64>,
    /// Best validation loss of each fold.
    pub folds: Vec<f64>,
    /// How it ended.
    pub state: State,
    /// Why, where it did not finish.
    pub reason: Option<String>,
    /// How long it took since it was last begun.
    pub seconds: f64,
}

impl Trial {
    /// The mean of the folds; infinity for a trial that failed. Lower is better.
    pub fn score(&self) -> f64 {
        self.epochs.last().copied().filter(|_| self.state != State::Failed).unwrap_or(f64::INFINITY)
    }
}

/// Reads the trials of a journal, or begins one. A last line that was not written to its end is dropped.
pub(super) fn open(path: &Path, header: &Header) -> anyhow::Result<Vec<Trial>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            append(path, header)?;
            return Ok(Vec::new());
        }
        text => text?,
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    if whole.len() < text.len() {
        OpenOptions::new().write(true).open(path)?.set_len(whole.len() as u64)?;
    }
    let mut lines = whole.lines();
    let Some(first) = lines.next() else {
        append(path, header)?;
        return Ok(Vec::new());
    };
    // As text: a number that was read is not always the number that was written.
    let is_same = first == serde_json::to_string(header)?;
    ensure!(is_same, "the study was begun with other settings, data, space or seed: choose another folder");
    let mut trials: Vec<Trial> = Vec::new();
    for (index, line) in lines.enumerate() {
        let trial: Trial = serde_json::from_str(line).with_context(|| format!("line {}", index + 2))?;
        ensure!(trial.number == index, "line {}: trial {} where {index} should be", index + 2, trial.number);
        trials.push(trial);
    }
    Ok(trials)
}

/// Appends a line and waits until it is on the disk. Gives the line as it will be read: `serde_json` may miss the last bit of a number,
/// and a search that goes on must know the same numbers as one that never stopped.
pub(super) fn append<T: Serialize + DeserializeOwned>(path: &Path, line: &T) -> anyhow::Result<T> {
    let mut bytes = serde_json::to_vec(line)?;
    let read = serde_json::from_slice(&bytes)?;
    bytes.push(b'\n');
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok(read)
}
