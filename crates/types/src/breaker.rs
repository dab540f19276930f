//! What stops new positions for a while, and the record of when it did.

use serde::{Deserialize, Serialize};

use crate::{AccountId, InstrumentId, Timestamp};

/// What a breaker watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BreakerCause {
    /// The price of an instrument moved too far within a minute.
    Jump,
    /// The spread of a book is too wide.
    Spread,
    /// A side of a book holds too little.
    Depth,
    /// An account lost too often in a row.
    Losses,
    /// The forecast of an instrument has been worse than "no change".
    Skill,
    /// The model answered too late.
    Latency,
    /// Equity fell too far from its peak. It closes by the user's word alone.
    Drawdown,
}

/// What a breaker stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BreakerScope {
    /// New positions in an instrument, of every account.
    Instrument(InstrumentId),
    /// New positions of an account.
    Account(AccountId),
}

/// That a breaker opened or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerRecord {
    /// When.
    pub at: Timestamp,
    /// What it watches.
    pub cause: BreakerCause,
    /// What it stops.
    pub scope: BreakerScope,
    /// What was measured when it opened, and at which it opens, in the unit of its setting; `None` when it closed.
    pub opened: Option<(u32, u32)>,
}
