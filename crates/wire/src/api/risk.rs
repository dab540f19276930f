//! Limits and how much of them is used up.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::OpenBreaker;

/// Answer of `GET /api/v1/risk`: what limits the first account, and how far it is from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Risk {
    /// As of.
    pub at_ms: i64,
    /// Whether new positions are wanted.
    pub trading: bool,
    /// Limits with what is used of them.
    pub limits: Vec<LimitUse>,
    /// What closes a position: (name, share of its cost or value; null when it is switched off).
    pub exits: Vec<(String, Option<f64>)>,
    /// Breakers that are open, of any account.
    pub breakers: Vec<OpenBreaker>,
    /// Breakers that opened lately, of any account, newest first.
    pub opened: Vec<PastBreaker>,
    /// What each breaker watches for: (name, limit in words).
    pub watched: Vec<(String, String)>,
    /// `kraken:BTC/USD`, in the order of the matrix.
    pub symbols: Vec<String>,
    /// Correlation of five-minute returns over the last day, row by row; null where too little is known.
    pub correlation: Vec<Vec<Option<f64>>>,
    /// Orders that risk refused lately, newest first.
    pub refused: Vec<RefusedOrder>,
    /// How often it refused, by reason, since the account began.
    pub refusals: Vec<(String, u64)>,
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LimitUse {
    /// What is limited.
    pub name: String,
    /// What there is now, a share of equity; null where it cannot be told.
    pub used: Option<f64>,
    /// The limit.
    pub max: f64,
}

/// A breaker that opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PastBreaker {
    /// What it watches.
    pub cause: String,
    /// The market or the account that it stopped.
    pub stops: String,
    /// When it opened.
    pub from_ms: i64,
    /// When it closed; null while it is open.
    pub to_ms: Option<i64>,
    /// What was measured when it opened, and at which it opens, in words.
    pub measured: String,
}

/// An order that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RefusedOrder {
    /// When.
    pub at_ms: i64,
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// `buy` or `sell`.
    pub side: String,
    /// Why.
    pub reason: String,
}
