//! Records that readers see and a pulled plug would take out of the state file, so that it is not synced for each block.

use std::time::Duration;

use types::{Record, Timestamp};

use super::{Entry, State};
use crate::{BlockHeader, Result};

/// How long a record waits at most to be durable, in the time of the inputs: most pages are written once in that time
/// instead of once a minute.
const WAIT: Duration = Duration::from_secs(300);

/// Records of blocks that are in the journal and not durably in the state file. A start makes them again from the journal, so
/// that a pulled plug costs none.
#[derive(Debug, Default)]
pub struct Pending {
    entries: Vec<Entry>,
    /// How many of them readers see.
    seen: usize,
    /// The last input whose records are here.
    seq: u64,
    /// When the first of them was caused.
    since: Option<Timestamp>,
    /// Without what there is to trade, the rest means nothing.
    has_rules: bool,
}

impl Pending {
    /// Takes the records that a block caused.
    pub fn hold(&mut self, header: &BlockHeader, records: Vec<Entry>) {
        if !records.is_empty() {
            self.since = self.since.or(Some(header.first_at));
            self.has_rules |= records.iter().any(|entry| matches!(entry.record, Record::Rules(_)));
            self.seq = header.last_seq;
            self.entries.extend(records);
        }
    }

    /// Shows all of them to readers, and makes them durable when they have waited long enough. The journal has to hold their
    /// blocks.
    ///
    /// # Errors
    /// As [`State::write`]; they are kept then, and after [`State::reopen`] and [`again`](Self::again) this may be tried again.
    pub fn write(&mut self, state: &State, now: Timestamp) -> Result<()> {
        if self.has_rules || self.since.is_some_and(|since| now.since(since) >= WAIT) {
            return self.sync(state);
        }
        if self.seen < self.entries.len() {
            state.write_unsynced(&self.entries[self.seen..], self.seq)?;
            self.seen = self.entries.len();
        }
        Ok(())
    }

    /// Makes all of them durable.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn sync(&mut self, state: &State) -> Result<()> {
        if !self.entries.is_empty() {
            state.write(&self.entries[self.seen..], self.seq)?;
            *self = Self::default();
        }
        Ok(())
    }

    /// The state file was opened again: what was not durable may have gone away.
    pub const fn again(&mut self) {
        self.seen = 0;
    }
}
