//! Many settings over one source, each counted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::stats::sharpe::Track;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use types::settings::EngineSettings;

use crate::ledger::Entry;
use crate::report::Period;
use crate::trial::MakeAnswerer;
use crate::{AccountOutcome, BacktestError, Ledger, Outcome, Result, Source, Trial};

/// Most trials of one sweep.
pub const TRIALS_MAX: usize = 10_000;

/// One setting and the values it is to have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Where in the settings, keys joined by dots, places in lists by their number: `signal.edge_min_cbps`,
    /// `rivals.0.signal.rule`.
    pub path: String,
    /// What it is to be, as the settings are written in JSON.
    pub values: Vec<Value>,
}

/// What a sweep came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Digest of the data.
    pub source: String,
    /// One for each trial, in their order.
    pub outcomes: Vec<Outcome>,
    /// Distinct trials that are known over this data: these and those of earlier sweeps.
    pub trials: usize,
}

/// All combinations of the patches' values on top of `base`, the last patch changing quickest. Each is named by its
/// values. Without a patch it is `base` alone.
///
/// # Errors A path that is not in the settings, a value that does not fit there, a patch without values, more than
/// [`TRIALS_MAX`] combinations.
pub fn variants(base: &Trial, patches: &[Patch]) -> Result<Vec<Trial>> {
    let refuse = |path: &str, what: String| BacktestError::Patch { path: path.to_owned(), what };
    let count = patches.iter().try_fold(1usize, |count, patch| match patch.values.len() {
        0 => Err(refuse(&patch.path, "has no values".to_owned())),
        values => Ok(count.saturating_mul(values)),
    })?;
    if let Some(patch) = patches.first().filter(|_| count > TRIALS_MAX) {
        return Err(refuse(&patch.path, format!("{count} combinations, at most {TRIALS_MAX} are tried at once")));
    }
    let plain = serde_json::to_value(&base.settings).expect("settings are plain values");
    let mut trials = Vec::with_capacity(count);
    for number in 0..count {
        let (mut value, mut rest, mut names) = (plain.clone(), number, Vec::new());
        let mut chosen: Vec<(&Patch, &Value)> = Vec::with_capacity(patches.len());
        for patch in patches.iter().rev() {
            chosen.push((patch, &patch.values[rest % patch.values.len()]));
            rest /= patch.values.len();
        }
        for (patch, new) in chosen.into_iter().rev() {
            put(&mut value, &patch.path, new)?;
            // Each by itself, so that the error names its path.
            let _: EngineSettings =
                serde_json::from_value(value.clone()).map_err(|error| refuse(&patch.path, error.to_string()))?;
            names.push(format!("{}={}", patch.path, text(new)));
        }
        let last = patches.last().map_or("", |patch| patch.path.as_str());
        let settings = serde_json::from_value(value).map_err(|error| refuse(last, error.to_string()))?;
        let name = if names.is_empty() { base.name.clone() } else { names.join(" ") };
        trials.push(Trial { name, settings, ..base.clone() });
    }
    Ok(trials)
}

fn put(settings: &mut Value, path: &str, new: &Value) -> Result<()> {
    let refuse = |key: &str| BacktestError::Patch { path: path.to_owned(), what: format!("there is no {key:?}") };
    let mut place = settings;
    for key in path.split('.') {
        let found = match place {
            Value::Object(map) => map.get_mut(key),
            Value::Array(list) => key.parse().ok().and_then(|index: usize| list.get_mut(index)),
            _ => None,
        };
        place = found.ok_or_else(|| refuse(key))?;
    }
    place.clone_from(new);
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Runs trials on so many threads, each reading the source by itself, and adds them to the list of trials: before
/// anybody has seen a result. `label` names what answers, where something does; the same settings with another model
/// are another trial.
///
/// # Errors
/// The first error of any trial, in their order; what cannot be read or written. Nothing is added to the list then.
pub fn run(
    source: &Source,
    trials: &[Trial],
    answerer: Option<(&str, &MakeAnswerer<'_>)>,
    threads: usize,
    ledger: Option<&mut Ledger>,
) -> Result<Sweep> {
    let digest = source.digest()?;
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Result<Outcome>)>> = Mutex::new(Vec::with_capacity(trials.len()));
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(trial) = trials.get(place) else { return };
            let outcome = match answerer {
                None => trial.run(source, None),
                Some((_, make)) => make(source).and_then(|mut answerer| trial.run(source, Some(&mut *answerer))),
            };
            if outcome.is_err() {
                // Nobody waits for the others then.
                next.store(trials.len(), Ordering::Relaxed);
            }
            found.lock().expect("no thread panics while it holds this").push((place, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, trials.len().max(1)) {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().expect("no thread panics while it holds this");
    found.sort_by_key(|(place, _)| *place);
    let outcomes: Vec<Outcome> = found.into_iter().map(|(_, outcome)| outcome).collect::<Result<_>>()?;
    let label = answerer.map_or("", |(label, _)| label);
    let entries: Vec<Entry> = outcomes.iter().map(|outcome| entry(&digest, outcome, label)).collect();
    let trials = match ledger {
        Some(ledger) => {
            ledger.add(entries)?;
            ledger.of(&digest).count()
        }
        None => {
            let mut keys: Vec<String> = entries.into_iter().map(|entry| entry.trial).collect();
            keys.sort_unstable();
            keys.dedup();
            keys.len()
        }
    };
    Ok(Sweep { source: digest, outcomes, trials })
}

fn entry(source: &str, outcome: &Outcome, label: &str) -> Entry {
    let told = format!("{} {label}", outcome.digest);
    let trial = Sha256::digest(told).iter().map(|byte| format!("{byte:02x}")).collect();
    let period = Period::of(outcome);
    let lead = outcome.accounts.first();
    let sharpe = lead.and_then(|lead| Track::of(&returns(lead, period))).map(|track| track.sharpe);
    Entry { source: source.to_owned(), trial, period_s: period.seconds(), sharpe }
}

/// Returns of an account, one a period.
pub(crate) fn returns(account: &AccountOutcome, period: Period) -> Vec<f64> {
    let equity = period.equity(account);
    equity.windows(2).map(|pair| if pair[0] > 0.0 { pair[1] / pair[0] - 1.0 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use types::settings::Rule;

    fn patch(path: &str, values: Value) -> Patch {
        Patch { path: path.to_owned(), values: values.as_array().unwrap().clone() }
    }

    #[test]
    fn patches_multiply_and_the_last_changes_quickest() {
        let base = Trial::new("base", EngineSettings::default());
        let patches = [
            patch("signal.rule", json!(["forecast", "reversion"])),
            patch("risk.stop_loss_ppm", json!([1_000, 2_000, 3_000])),
        ];
        let found = variants(&base, &patches).unwrap();
        let told: Vec<(Rule, u32)> =
            found.iter().map(|trial| (trial.settings.signal.rule, trial.settings.risk.stop_loss_ppm)).collect();
        let (forecast, reversion) = (Rule::Forecast, Rule::Reversion);
        let expected = [1_000, 2_000, 3_000].map(|ppm| (forecast, ppm)).into_iter();
        assert_eq!(told, expected.chain([1_000, 2_000, 3_000].map(|ppm| (reversion, ppm))).collect::<Vec<_>>());
        assert_eq!(found[3].name, "signal.rule=reversion risk.stop_loss_ppm=1000");
        assert_eq!(variants(&base, &[]).unwrap(), [base]);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_path() {
        let base = Trial::new("base", EngineSettings::default());
        let check = |path: &str, values: Value, expected: &str| {
            let error = variants(&base, &[patch(path, values)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("settings at {path:?}: ")) && error.contains(expected), "{error}");
        };
        check("signal.edge", json!([1]), "there is no \"edge\"");
        check("rivals.0.name", json!(["a"]), "there is no \"0\"");
        check("signal.rule.x", json!([1]), "there is no \"x\"");
        check("signal.rule", json!(["forecast", "hope"]), "unknown variant `hope`");
        check("risk.stop_loss_ppm", json!([-1]), "invalid value: integer `-1`");
        check("signal", json!([{"rule": "off", "edge": 1}]), "unknown field `edge`");
        check("risk.stop_loss_ppm", json!([]), "has no values");
        check("risk.stop_loss_ppm", Value::Array(vec![json!(1); TRIALS_MAX + 1]), "10001 combinations");
    }
}
