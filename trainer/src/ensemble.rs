//! Several runs as one model: its answers are the mean of theirs.
//!
//! ```text
//! ensemble.json              which folders beside it are members
//! member-1/trained.json ...  what the release of a run needs, copied from it
//! ```
//!
//! `export` and `pack` take such a folder like a run's. Everything that is told is averaged as it is told: log-returns, each level
//! of the quantiles, probabilities, size, risk. The losses these are judged by (absolute error, pinball loss, log loss, Brier
//! score) are convex in what is told, so the loss of the mean is at most the mean of the members' losses (Jensen); logits have no such
//! promise for the Brier score. Means of rising quantiles rise, and those of probabilities that sum to one sum to one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bundle::{Decision, Probe, Search};
use serde::{Deserialize, Serialize};

use crate::net::Net;
use crate::run::{self, Trained};
use crate::runs::TRIALS_NAME;
use crate::tune::Summary;

/// The file that makes a folder an ensemble.
pub const ENSEMBLE_NAME: &str = "ensemble.json";
/// Most members: each takes its time on the box.
const MEMBERS_MAX: usize = 16;
/// What of a run is copied.
const COPIED: [&str; 2] = ["trained.json", "weights.bpk"];

/// A trained network, and the search its settings came from.
#[derive(Debug)]
pub struct Member {
    pub trained: Trained,
    pub net: Net,
    pub search: Option<Search>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ensemble {
    /// Folders beside the file.
    members: Vec<String>,
}

/// The networks of what lies in a folder: those of an ensemble, or the only one of a run.
///
/// # Errors
/// Neither of them, or a member that is damaged.
pub fn members(folder: &Path) -> anyhow::Result<Vec<Member>> {
    let path = folder.join(ENSEMBLE_NAME);
    if !path.is_file() {
        return Ok(vec![member(folder)?]);
    }
    let read = || -> anyhow::Result<Ensemble> { Ok(serde_json::from_slice(&fs::read(&path)?)?) };
    let Ensemble { members } = read().with_context(|| format!("{}", path.display()))?;
    members.iter().map(|name| member(&folder.join(name))).collect()
}

fn member(folder: &Path) -> anyhow::Result<Member> {
    let (trained, net) = run::load(folder)?;
    let path = folder.join(TRIALS_NAME);
    let read = || -> anyhow::Result<Summary> { Ok(serde_json::from_slice(&fs::read(&path)?)?) };
    let summary = if path.is_file() { Some(read().with_context(|| format!("{}", path.display()))?) } else { None };
    Ok(Member { trained, net, search: summary.as_ref().map(Search::from) })
}

/// Makes an ensemble of runs in a new folder.
///
/// # Errors
/// Runs that do not answer the same question over the same data, one that is given twice, or a folder that is not new.
pub fn gather(runs: &[PathBuf], out: &Path) -> anyhow::Result<Vec<Member>> {
    ensure!((2..=MEMBERS_MAX).contains(&runs.len()), "an ensemble has 2 to {MEMBERS_MAX} members, not {}", runs.len());
    let found: Vec<Member> = runs
        .iter()
        .map(|folder| {
            ensure!(!folder.join(ENSEMBLE_NAME).exists(), "{}: an ensemble itself", folder.display());
            member(folder)
        })
        .collect::<anyhow::Result<_>>()?;
    for (folder, other) in runs.iter().zip(&found) {
        check_alike(&found[0].trained, &other.trained)
            .with_context(|| format!("{} and {}", runs[0].display(), folder.display()))?;
    }
    for (index, (folder, mine)) in runs.iter().zip(&found).enumerate() {
        let has_twin = found[..index].iter().any(|other| other.trained.settings == mine.trained.settings);
        ensure!(!has_twin, "{}: has settings and seed of another member, so it is the same network", folder.display());
    }
    ensure!(!out.exists(), "{}: exists already", out.display());
    let names: Vec<String> = (1..=runs.len()).map(|number| format!("member-{number}")).collect();
    for (folder, name) in runs.iter().zip(&names) {
        let to = out.join(name);
        fs::create_dir_all(&to).with_context(|| format!("{}", to.display()))?;
        for file in COPIED.into_iter().chain([TRIALS_NAME]).filter(|file| folder.join(file).is_file()) {
            run::write(&to.join(file), &fs::read(folder.join(file))?)?;
        }
    }
    run::write(&out.join(ENSEMBLE_NAME), &serde_json::to_vec_pretty(&Ensemble { members: names })?)?;
    Ok(found)
}

/// Refuses networks whose answers cannot be averaged, or of which one learnt from what another is judged on.
fn check_alike(a: &Trained, b: &Trained) -> anyhow::Result<()> {
    let (mine, other) = (&a.settings, &b.settings);
    for (what, same) in [
        ("features", a.features == b.features && a.fingerprint == b.fingerprint),
        ("data", a.data == b.data),
        ("lengths of candle", a.scalings.keys().eq(b.scalings.keys())),
        ("held-out part", a.split.held_out == b.split.held_out && a.split.last == b.split.last),
        ("window", mine.window == other.window),
        ("horizons", mine.horizons == other.horizons),
        ("quantiles", mine.quantiles == other.quantiles),
    ] {
        ensure!(same, "not the same {what}");
    }
    Ok(())
}

/// The mean of the members' answers to the same windows; `each` has the answers of one member after the other.
pub fn mean(each: &[Vec<Probe>]) -> Vec<Probe> {
    let share = (each.len() as f32).recip();
    let of_window = |window: usize| {
        let over = |of: &dyn Fn(&Probe) -> Vec<f32>| -> Vec<f32> {
            let mut sums = vec![0f32; of(&each[0][window]).len()];
            for answers in each {
                sums.iter_mut().zip(of(&answers[window])).for_each(|(sum, value)| *sum += value);
            }
            sums.into_iter().map(|sum| sum * share).collect()
        };
        let first = &each[0][window];
        let decision = over(&|probe| probe.decision.map_or(Vec::new(), |decision| decision.values().to_vec()));
        Probe {
            window: first.window.clone(),
            log_return: over(&|probe| probe.log_return.clone()),
            p_up: over(&|probe| probe.p_up.clone()),
            quantiles: over(&|probe| probe.quantiles.clone()),
            decision: match decision[..] {
                [sell, hold, buy, size, risk] => Some(Decision { sell, hold, buy, size, risk }),
                _ => None,
            },
        }
    };
    (0..each.first().map_or(0, Vec::len)).map(of_window).collect()
}
