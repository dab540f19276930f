//! What the program logs.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/logs?level=info&contains=..&after=SEQ&limit=200`: the newest lines, oldest first.
///
/// A page that shows them live asks again with `after` = [`next`](Self::next). The box keeps the newest 2 000 lines, and of them at most
/// 1 MiB; a gap between `after` and the first `seq` means that lines in between do not match or were dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Logs {
    /// The newest that match.
    pub lines: Vec<LogLine>,
    /// Number of the newest line there is, whether it matches or not: what to ask `after` next.
    pub next: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Its number since the program started, from 1.
    pub seq: u64,
    /// When, by the machine's clock.
    pub at_ms: i64,
    /// How grave it is.
    pub level: LogLevel,
    /// The module that says so: `tickerbox::venue`.
    pub target: String,
    /// What it says; more than 2 000 bytes are cut off.
    pub text: String,
}

/// How grave a line is; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something does not work.
    Error,
    /// Something is odd.
    Warn,
    /// What happens.
    Info,
    /// For developers.
    Debug,
    /// Everything.
    Trace,
}
