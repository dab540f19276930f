//! The box's memory, on redb: the journal of the day, and the series, ledger and catalogue derived from it.
//!
//! | module | what |
//! |---|---|
//! | [`block`] | consecutive inputs with the count and digest of what they caused |
//! | [`checkpoint`] | the engine's whole state at one place in the journal |
//! | [`disk`] | where the files lie: the operating system's disk, or one made up for tests |
//! | [`history`] | candles of the past as venues told them later, and what other programs kept |
//! | [`journal`] | writing: durable per call, one file per UTC day and the tail of the newest |
//! | [`news`] | news, posts and macro events with all their revisions |
//! | [`reader`] | reading day files with every check, without ever writing to them |
//! | [`repair`] | what is still whole in a damaged day file, in one that can be used again |
//! | [`replay`] | comparing a recorded day with what today's program makes of it |
//! | [`state`] | candles, forecasts, scores, orders, fills, equity; the catalogue of instruments |
//!
//! The bytes are told in `docs/formats.md`. Order of writing, for whoever owns the thread: the journal block first, then
//! the records of its inputs; and all records up to a checkpoint before that checkpoint. Then a start that loads the newest
//! checkpoint and applies what follows it writes again every record that may be missing.

pub mod block;
pub mod checkpoint;
mod copy;
mod digest;
pub mod disk;
mod error;
mod file;
pub mod history;
pub mod journal;
pub mod news;
mod overlay;
mod pack;
pub mod reader;
pub mod repair;
pub mod replay;
mod rewrite;
pub mod state;
mod tail;
mod verified;

pub use block::{Block, BlockBuilder, BlockHeader};
pub use checkpoint::Checkpoint;
pub use copy::{Snapshot, TableDigest};
pub use digest::{Digest, EffectDigest};
pub use disk::{Disk, SharedDisk, SystemDisk};
pub use error::StoreError;
pub use file::{TableSize, set_aside};
pub use history::History;
pub use journal::{Journal, Recovery};
pub use news::{Kept, News, NewsEntry, NewsRow, ScoreRow};
pub use reader::{Day, Reader, days};
pub use repair::{Repaired, repair_day, repair_day_on};
pub use replay::{Replay, Replayer};
pub use state::{Entry, Pending, ScoredForecast, Span, State};

/// Result of everything that touches a file.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The formats of the files, by name: the number that is written, and the lowest that is read. Of every past number there is a fixture.
pub const FORMATS: [(&str, u64, u64); 7] = [
    ("journal", journal::FORMAT, 1),
    ("block", block::BLOCK_FORMAT as u64, 1),
    ("pack", pack::PACK_FORMAT as u64, 1),
    ("checkpoint", checkpoint::CHECKPOINT_FORMAT as u64, 1),
    ("state", state::FORMAT, 1),
    ("history", history::FORMAT, 1),
    ("news", news::FORMAT, 1),
];
