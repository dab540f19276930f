//! Many settings over one source, each counted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::stats::sharpe::Track;
use sha2::{Digest, Sha256};

use crate::ledger::Entry;
use crate::report::Period;
use crate::trial::MakeAnswerer;
use crate::{AccountOutcome, Ledger, Outcome, Result, Source, Trial};

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
    let outcomes = outcomes(source, trials, answerer, threads)?;
    let label = format!("{} {}", source.assumed(), answerer.map_or("", |(label, _)| label));
    let entries: Vec<Entry> = outcomes.iter().map(|outcome| entry(&digest, outcome, &label)).collect();
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

/// The outcomes of trials, in their order, on so many threads.
pub(crate) fn outcomes(
    source: &Source,
    trials: &[Trial],
    answerer: Option<(&str, &MakeAnswerer<'_>)>,
    threads: usize,
) -> Result<Vec<Outcome>> {
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
    found.into_iter().map(|(_, outcome)| outcome).collect()
}

fn entry(source: &str, outcome: &Outcome, label: &str) -> Entry {
    let told = format!("{} {label}", outcome.digest);
    let trial = Sha256::digest(told).iter().map(|byte| format!("{byte:02x}")).collect();
    Entry { source: source.to_owned(), trial, period_s: Period::of(outcome).seconds(), sharpe: sharpe(outcome) }
}

/// Mean return of the first account over its standard deviation, per period; `None` where returns do not vary.
pub(crate) fn sharpe(outcome: &Outcome) -> Option<f64> {
    let lead = outcome.accounts.first()?;
    Track::of(&returns(lead, Period::of(outcome))).map(|track| track.sharpe)
}

/// Returns of an account, one a period.
pub(crate) fn returns(account: &AccountOutcome, period: Period) -> Vec<f64> {
    let equity = period.equity(account);
    equity.windows(2).map(|pair| if pair[0] > 0.0 { pair[1] / pair[0] - 1.0 } else { 0.0 }).collect()
}
