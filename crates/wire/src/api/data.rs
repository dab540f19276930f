//! What the box keeps: how well it heard the venues, backups, replays.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/quality`: how well each instrument was heard, hour by hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Quality {
    /// Start of the first hour.
    pub from_ms: i64,
    /// End of the last one.
    pub to_ms: i64,
    /// One per instrument.
    pub ledgers: Vec<Ledger>,
    /// What was set aside as implausible, newest first.
    pub set_aside: Vec<SetAside>,
}

/// How well an instrument was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Ledger {
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// From [`Quality::from_ms`] on; null for an hour of which nothing is kept.
    pub hours: Vec<Option<LedgerHour>>,
    /// Minutes without data: when they began, how many, why.
    pub gaps: Vec<LedgerGap>,
}

/// An hour of an instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LedgerHour {
    /// Minutes of which something is kept.
    pub minutes: u32,
    /// Share of them in which the book was proven, millionths.
    pub proven_ppm: u32,
    /// Sequence numbers that were missing.
    pub gaps: u32,
    /// Books fetched again.
    pub resyncs: u32,
    /// Checksums that did not match.
    pub checksum_failures: u32,
    /// Messages that came twice and were dropped.
    pub duplicates: u32,
    /// Messages refused.
    pub rejected: u32,
    /// Longest silence, milliseconds.
    pub silence_max_ms: u32,
}

/// Minutes without data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LedgerGap {
    /// Start of the first one.
    pub from_ms: i64,
    /// End of the last one.
    pub to_ms: i64,
    /// Why.
    pub reason: String,
    /// Minutes of them that got a candle later.
    pub repaired: u32,
}

/// Something implausible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SetAside {
    /// When.
    pub at_ms: i64,
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// Why it is not believed.
    pub reason: String,
    /// What was said.
    pub what: String,
}

/// Answer of `GET /api/v1/storage`: what lies on the card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Storage {
    /// `ok`, or what is wrong, in a word.
    pub card: String,
    /// What is kept now.
    pub keeps: String,
    /// Room that the data folder takes, MB.
    pub used_mb: u64,
    /// Room that it may take, MB.
    pub may_use_mb: u64,
    /// Free room of the card, MB.
    pub free_mb: u64,
    /// Why the last write failed; empty while writing works.
    pub error: String,
    /// Damage of the last start, and what became of it.
    pub repaired: Vec<String>,
    /// Recorded days, newest first.
    pub days: Vec<RecordedDay>,
    /// Backups, newest first.
    pub backups: Vec<String>,
    /// The last backup that was restored and compared.
    pub proven: Option<ProvenBackup>,
    /// Why the last backup failed; empty when it did not.
    pub backup_error: String,
    /// Files for other programs; null where none are configured.
    pub export: Option<ExportState>,
    /// Kafka; null where no broker is configured.
    pub kafka: Option<KafkaState>,
}

/// A day of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecordedDay {
    /// `2026-01-05`.
    pub day: String,
    /// Its size.
    pub bytes: u64,
    /// Whether it is over.
    pub is_over: bool,
}

/// A backup that was restored beside and compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProvenBackup {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub made_at_ms: i64,
    /// When it was restored.
    pub proven_at_ms: i64,
    /// Its size.
    pub bytes: u64,
    /// Rows of all its tables, each table with the digest that it had.
    pub rows: u64,
}

/// Files for other programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExportState {
    /// When all days that are over were written last; null before the first time since start.
    pub written_at_ms: Option<i64>,
    /// What is wrong; empty while it works.
    pub error: String,
}

/// Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct KafkaState {
    /// Whether the last request was answered.
    pub connected: bool,
    /// Trades that the broker has taken since start.
    pub trades: u64,
    /// Candles that it has taken.
    pub candles: u64,
    /// Age of the oldest input that is not published yet, seconds.
    pub behind_s: u64,
    /// What is wrong; empty while it works.
    pub error: String,
}

/// Answer of `GET /api/v1/replays`: does the engine make of what was recorded what it made of it then?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Replays {
    /// The one that runs.
    pub running: Option<ReplayGoing>,
    /// The last one.
    pub last: Option<ReplayEnded>,
}

/// A replay that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReplayGoing {
    /// Start of the time that is replayed.
    pub from_ms: i64,
    /// Its end.
    pub to_ms: i64,
    /// Inputs so far.
    pub inputs: u64,
}

/// A replay that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReplayEnded {
    /// Start of the time that was replayed.
    pub from_ms: i64,
    /// Its end.
    pub to_ms: i64,
    /// How long it took.
    pub took_ms: u64,
    /// What it found.
    pub found: Option<ReplayFound>,
    /// Why it found nothing.
    pub error: Option<String>,
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReplayFound {
    /// Inputs that were applied again.
    pub inputs: u64,
    /// Effects that came out.
    pub effects: u64,
    /// Effects that differ from what was recorded.
    pub differs: u64,
    /// SHA-256 over all effects.
    pub digest: String,
    /// Journal days that were read.
    pub days: u64,
    /// Orders among the effects.
    pub orders: u64,
    /// Fills among them.
    pub fills: u64,
    /// Equity at the end, dollars.
    pub equity: Option<String>,
    /// The first difference, in words.
    pub first_difference: Option<String>,
}
