//! Experiments side by side: run folders and bundles.
//!
//! Only what is compared is read, so that experiments of earlier and later versions can stand beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bundle::MANIFEST_NAME;
use bundle::manifest::MetricsBySource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tune::Summary;

/// Of how many trials a run's settings were the best; written by `tune --train`.
pub const TRIALS_NAME: &str = "trials.json";
const TRAINED_NAME: &str = "trained.json";
/// Folders below the named ones that are looked into.
const DEPTH: usize = 3;

/// A run or a bundle.
#[derive(Clone, Debug, Serialize)]
pub struct Experiment {
    /// Where it lies.
    pub path: PathBuf,
    /// What kind of model, in a line.
    pub model: String,
    /// What it was trained with, by name.
    pub settings: BTreeMap<String, String>,
    /// Name of each series.
    pub data: Vec<String>,
    /// Result on the test of each walk-forward fold, oldest first.
    pub folds: Vec<MetricsBySource>,
    /// Result on the held-out part; a bundle has it.
    pub held_out: Option<MetricsBySource>,
    /// Of how many trials its settings were the best; `None` where nothing was searched.
    pub trials: Option<usize>,
}

#[derive(Deserialize)]
struct Range {
    source: String,
}

#[derive(Deserialize)]
struct Trained {
    settings: BTreeMap<String, Value>,
    data: Vec<Range>,
    #[serde(default)]
    folds: Vec<MetricsBySource>,
    #[serde(default)]
    search: Option<Searched>,
}

#[derive(Deserialize)]
struct Searched {
    trials: usize,
}

#[derive(Deserialize)]
struct Packed {
    name: String,
    revision: u32,
    architecture: String,
    training: Trained,
    metrics: MetricsBySource,
}

/// All experiments in these folders and below, in the order of their paths.
///
/// # Errors
/// A folder without any, or a file that is not what its name says.
pub fn find(folders: &[PathBuf]) -> anyhow::Result<Vec<Experiment>> {
    let mut found = Vec::new();
    for folder in folders {
        let before = found.len();
        walk(folder, DEPTH, &mut found)?;
        ensure!(
            found.len() > before,
            "{}: neither a run ({TRAINED_NAME}) nor a bundle ({MANIFEST_NAME}) here or below",
            folder.display()
        );
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<Experiment>) -> anyhow::Result<()> {
    let run = folder.join(TRAINED_NAME);
    let bundle = folder.join(MANIFEST_NAME);
    if run.is_file() {
        let trained: Trained = read(&run)?;
        let trials = folder.join(TRIALS_NAME);
        let trials = if trials.is_file() { Some(read::<Summary>(&trials)?.trials) } else { None };
        found.push(experiment(folder, kind(&trained.settings), trained, None, trials));
    } else if bundle.is_file() {
        let Packed { name, revision, architecture, training, metrics } = read(&bundle)?;
        let model = format!("{name}/{revision}: {architecture}");
        let trials = training.search.as_ref().map(|search| search.trials);
        found.push(experiment(folder, model, training, Some(metrics), trials));
    }
    if depth == 0 {
        return Ok(());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, depth - 1, found)?;
        }
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let read = || anyhow::Ok(serde_json::from_slice(&fs::read(path)?)?);
    read().with_context(|| format!("{}", path.display()))
}

fn experiment(
    path: &Path,
    model: String,
    training: Trained,
    held_out: Option<MetricsBySource>,
    trials: Option<usize>,
) -> Experiment {
    Experiment {
        path: path.to_owned(),
        model,
        settings: training.settings.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        data: training.data.into_iter().map(|range| range.source).collect(),
        folds: training.folds,
        held_out,
        trials,
    }
}

fn kind(settings: &BTreeMap<String, Value>) -> String {
    settings.get("model").map_or_else(|| "Transformer".to_owned(), text)
}

/// A JSON value without quotes around a text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The settings that are not the same in all of them; what one lacks counts as another value.
pub fn differing(experiments: &[Experiment]) -> Vec<String> {
    let names: BTreeSet<&String> = experiments.iter().flat_map(|experiment| experiment.settings.keys()).collect();
    let differs = |name: &&String| {
        experiments.iter().any(|other| other.settings.get(*name) != experiments[0].settings.get(*name))
    };
    names.into_iter().filter(differs).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn write(folder: &Path, name: &str, value: &Value) {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join(name), serde_json::to_vec(value).expect("plain values")).expect("room on the disk");
    }

    fn trained(rate: f64, extra: Option<(&str, Value)>) -> Value {
        let metrics = json!({"n": 9, "mae_bps": 1.0, "naive_mae_bps": 1.0, "skill": 0.01, "skill_lo": -0.1, "skill_hi": 0.1,
            "hit_rate": 0.5, "hit_lo": 0.4, "hit_hi": 0.6, "verdict": "not proven"});
        let mut settings = json!({"learning_rate": rate, "layers": 2});
        if let Some((name, value)) = extra {
            settings[name] = value;
        }
        json!({"settings": settings, "data": [{"source": "a.csv", "minutes": 3}], "folds": [{"a.csv": {"5": metrics}}], "later": 1})
    }

    #[test]
    fn runs_and_bundles_are_found_below_and_differ_where_they_do() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (a, b) = (dir.path().join("a"), dir.path().join("more/b"));
        write(&a, TRAINED_NAME, &trained(0.001, None));
        write(&b, TRAINED_NAME, &trained(0.002, Some(("model", json!("lstm")))));
        let summary = Summary {
            trials: 30,
            finished: 20,
            pruned: 9,
            failed: 1,
            best: 4,
            score: 0.5,
            parameters: Default::default(),
        };
        write(&b, TRIALS_NAME, &serde_json::to_value(summary).expect("plain values"));
        let mut manifest = json!({"name": "n", "revision": 3, "architecture": "small", "metrics": {}});
        manifest["training"] = trained(0.001, None);
        manifest["training"]["search"] = json!({"trials": 12, "finished": 12, "pruned": 0, "failed": 0});
        write(&dir.path().join("bundle"), MANIFEST_NAME, &manifest);
        let found = find(&[dir.path().to_owned(), a.clone()]).expect("three of them");
        let models: Vec<&str> = found.iter().map(|experiment| experiment.model.as_str()).collect();
        assert_eq!(models, ["Transformer", "n/3: small", "lstm"]);
        assert_eq!([0, 1, 2].map(|index: usize| found[index].trials), [None, Some(12), Some(30)]);
        assert_eq!(found[0].folds[0]["a.csv"][&5].n, 9);
        assert_eq!(differing(&found), ["learning_rate", "model"]);
        assert_eq!(differing(&found[..2]), [""; 0]);
    }

    #[test]
    fn a_folder_without_any_and_a_damaged_one_are_refused_in_words() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert!(format!("{:#}", find(&[dir.path().to_owned()]).expect_err("empty")).contains("neither a run"));
        fs::write(dir.path().join(TRAINED_NAME), b"{\"settings\": 1}").expect("room on the disk");
        let error = format!("{:#}", find(&[dir.path().to_owned()]).expect_err("damaged"));
        assert!(error.contains(TRAINED_NAME) && error.contains("expected a map"), "{error}");
    }
}
