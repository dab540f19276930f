//! The engines of `sentiment` with what they need of the world: a server to ask, model files to read.
//!
//! Nothing here is waited for by the engine thread: Ollama is asked by a task of its own with bounded queues, and FinBERT runs where its
//! caller is, which is never that thread.

mod download;
mod finbert;
mod ollama;
#[cfg(test)]
mod tests;

pub(crate) use download::{bring, current};
pub(crate) use finbert::Finbert;
pub(crate) use ollama::Rater;
