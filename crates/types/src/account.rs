//! The paper account in a form that outlives the program that wrote it.

use serde::{Deserialize, Serialize};

use crate::instrument::InstrumentId;
use crate::money::{Cash, Qty};
use crate::order::OrderId;
use crate::settings::Rule;
use crate::time::Timestamp;

/// All that an engine of another version must know to go on with the account: the engine's own state is for the version that
/// wrote it, this is for every later one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// When.
    pub at: Timestamp,
    /// How often the program had started.
    pub boots: u64,
    /// Money it started with.
    pub start: Cash,
    /// Cash not in positions.
    pub cash: Cash,
    /// Fees paid since the start.
    pub fees: Cash,
    /// Profit or loss of what was sold, after its fees.
    pub realised: Cash,
    /// Cash and positions at the last proven mid prices.
    pub equity: Cash,
    /// Highest equity since the start or the last reset of the breaker.
    pub peak: Cash,
    /// What happened since 00:00 UTC.
    pub day: AccountDay,
    /// True after the maximum drawdown was reached, until the user resets it.
    pub is_breaker_open: bool,
    /// True while the user allows no new positions.
    pub is_stopped_by_user: bool,
    /// Open positions.
    pub positions: Vec<AccountPosition>,
    /// Orders that work at the paper venue.
    pub working: Vec<OrderId>,
    /// Cash of the buy-and-hold control.
    pub hold_cash: Cash,
    /// What the buy-and-hold control holds, and what that was worth.
    pub hold: Vec<(InstrumentId, Qty, Cash)>,
}

/// What happened since 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDay {
    /// Days since the epoch.
    pub day: i32,
    /// Equity when it began (or when the account did).
    pub equity_start: Cash,
    /// Orders with at least one fill.
    pub trades: u32,
    /// Fees paid.
    pub fees: Cash,
}

/// An open position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPosition {
    /// Of what.
    pub instrument: InstrumentId,
    /// How much is held; above zero.
    pub qty: Qty,
    /// What it cost, without fees.
    pub cost: Cash,
    /// Fees paid to buy it.
    pub fees: Cash,
    /// When its first part was bought.
    pub opened_at: Timestamp,
    /// Which rule opened it.
    pub rule: Rule,
    /// When its reason is over.
    pub exit_at: Timestamp,
    /// Profit or loss of what was sold of it so far, after fees.
    pub gain: Cash,
}
