//! The models of a box.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/models`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelShelf {
    /// Which models answer.
    pub seats: Vec<Seat>,
    /// All that are here.
    pub versions: Vec<ModelVersion>,
    /// What happened, newest first.
    pub events: Vec<ModelEvent>,
    /// Wishes for training.
    pub requests: Vec<TrainingWish>,
}

/// A model that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Seat {
    /// Digest.
    pub model: String,
    /// `active` or `shadow`.
    pub role: String,
    /// Pairs or venues' names that it answers for; empty for all.
    pub symbols: Vec<String>,
}

/// A model that is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelVersion {
    /// Digest.
    pub model: String,
    /// Its name.
    pub name: String,
    /// Of that name.
    pub revision: u32,
    /// `transformer`.
    pub architecture: String,
    /// Day it was made, as its maker says.
    pub created: String,
    /// Length of the candles that it sees, minutes.
    pub timeframe_min: u16,
    /// Minutes ahead.
    pub horizons_min: Vec<u16>,
    /// When it came here; null for the built-in one.
    pub added_at_ms: Option<i64>,
    /// Size of its file; 0 for the built-in one.
    pub bytes: u64,
}

/// Something that happened to a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelEvent {
    /// When.
    pub at_ms: i64,
    /// Digest; empty where it is not known.
    pub model: String,
    /// `added`, `promoted`, `rolled-back` and so on.
    pub what: String,
    /// Why; empty where nothing is to be said.
    pub why: String,
}

/// A wish that a model be trained anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TrainingWish {
    /// Its number.
    pub id: u64,
    /// When.
    pub at_ms: i64,
    /// Why.
    pub why: String,
    /// For what; empty for all.
    pub symbols: Vec<String>,
    /// Digest of the model that came for it.
    pub answered_by: Option<String>,
}
