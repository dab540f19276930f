//! What a feed did, for tests that assert a reaction.

use feed::{ReconnectReason, RejectReason};
use types::market::StaleReason;
use types::{InstrumentId, Timestamp, TradingStatus, Venue};

/// Entries kept; a test that runs longer looks at the beginning.
const ENTRIES_MAX: usize = 500_000;

/// Everything that was noted, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Diary {
    entries: Vec<Entry>,
    is_off: bool,
}

/// One thing that happened, in the simulator's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// At which venue.
    pub venue: Venue,
    /// About which instrument.
    pub instrument: Option<InstrumentId>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The feed asked for a connection.
    Dialled,
    /// It stands.
    Connected,
    /// It could not be made, or is gone.
    Lost,
    /// The feed gave it up.
    GaveUp(ReconnectReason),
    /// The feed sent a message.
    Sent(String),
    /// The feed made a request.
    Requested(String),
    /// A book was marked.
    Stale(StaleReason),
    /// A book was published after it had been marked, or for the first time.
    Live,
    /// A trade with an identifier below one that was known came in.
    Repaired,
    /// The feed told rules of an instrument.
    Rules,
    /// The feed told whether orders of an instrument are matched.
    Status(TradingStatus),
    /// The feed did not use something it received.
    Rejected(RejectReason),
}

impl Diary {
    /// A diary in which nothing is written.
    #[must_use]
    pub fn off() -> Self {
        Self { entries: Vec::new(), is_off: true }
    }

    pub(crate) fn note(&mut self, at: Timestamp, venue: Venue, instrument: Option<InstrumentId>, what: What) {
        if !self.is_off && self.entries.len() < ENTRIES_MAX {
            self.entries.push(Entry { at, venue, instrument, what });
        }
    }

    /// All entries from `since` on, oldest first.
    pub fn since(&self, since: Timestamp) -> impl Iterator<Item = &Entry> {
        let first = self.entries.partition_point(|entry| entry.at < since);
        self.entries[first..].iter()
    }

    /// The first entry from `since` on that `is_meant`.
    pub fn first(&self, since: Timestamp, is_meant: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        self.since(since).find(|entry| is_meant(entry))
    }
}
