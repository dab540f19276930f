//! Hyper-parameter search: which settings give the smallest validation loss over the walk-forward folds.
//!
//! ```text
//! Space --Sampler.ask--> parameters --merged into base settings--> Trainee --epoch by epoch--> Pruner: go on?
//!    ^                                                                                           |
//!    +------ Sampler.tell <------------------ Journal: one line per trial <----------------------+
//! ```
//!
//! The tests of the folds and the held-out part are never looked at, but of many trials the best is lucky all the same: their number
//! belongs beside every result, and [`Summary`] carries it into the run that is trained with what was found.

mod folds;
mod journal;
mod pruner;
mod sampler;
mod space;
mod study;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use folds::Folds;
pub use journal::{Header, State, Trial};
pub use pruner::Pruner;
pub use sampler::Sampler;
pub use space::{Domain, Space};
pub use study::{Limits, Study, Summary};

/// Settings by name, as they are in a run's `trained.json`.
pub type Settings = Map<String, Value>;

/// What is tuned.
pub trait Trainee {
    /// Begins trial `number` with these settings, or goes on with it where it was interrupted.
    ///
    /// # Errors
    /// Settings that make no model: the trial counts as failed.
    fn begin(&self, number: usize, settings: &Settings) -> anyhow::Result<Box<dyn Training + '_>>;

    /// Trial `number` is over: what was kept for going on with it is not needed any more.
    ///
    /// # Errors
    /// What was kept cannot be removed.
    fn end(&self, number: usize) -> anyhow::Result<()>;
}

/// A trial under way.
pub trait Training {
    /// Trains one epoch in all folds that are not over. Gives the best loss of each fold so far, or `None` when all were over
    /// before.
    ///
    /// # Errors
    /// The trial cannot go on.
    fn epoch(&mut self) -> anyhow::Result<Option<Vec<f64>>>;
}
