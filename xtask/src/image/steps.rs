//! What was tried, how it went and how long it took, as a table.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// What was tried so far.
#[derive(Default)]
pub(super) struct Steps(Vec<Step>);

struct Step {
    name: String,
    took: Duration,
    /// What was found, or why not.
    outcome: Result<String, String>,
}

impl Steps {
    /// Tries one thing. A failure is kept for the table; whether more can be tried is the caller's affair.
    pub(super) fn take<T>(&mut self, name: &str, step: impl FnOnce() -> Result<(String, T)>) -> Option<T> {
        eprintln!("- {name}");
        let started = Instant::now();
        let (outcome, found) = match step() {
            Ok((text, found)) => (Ok(text), Some(found)),
            Err(error) => (Err(format!("{error:#}")), None),
        };
        let took = started.elapsed();
        let (Ok(text) | Err(text)) = &outcome;
        eprintln!("  {} s: {}{text}", took.as_secs(), if outcome.is_ok() { "" } else { "FAILED: " });
        self.0.push(Step { name: name.to_owned(), took, outcome });
        found
    }

    /// Tries one thing that gives nothing to what follows.
    pub(super) fn check(&mut self, name: &str, step: impl FnOnce() -> Result<String>) -> bool {
        self.take(name, || step().map(|text| (text, ()))).is_some()
    }

    /// The table; an error when a step failed.
    pub(super) fn finish(self) -> Result<()> {
        println!("{:>6}  {:6}  {:<44}  found", "s", "", "step");
        for Step { name, took, outcome } in &self.0 {
            let (word, text) = match outcome {
                Ok(text) => ("ok", text),
                Err(text) => ("FAILED", text),
            };
            println!("{:>6.0}  {word:6}  {name:<44}  {}", took.as_secs_f64(), text.lines().next().unwrap_or_default());
        }
        let failed = self.0.iter().filter(|step| step.outcome.is_err()).count();
        ensure!(failed == 0, "{failed} of {} steps failed", self.0.len());
        Ok(())
    }
}
