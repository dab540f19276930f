//! The paper accounts in a form that outlives the program that wrote them.

use serde::{Deserialize, Serialize};

use crate::instrument::{InstrumentId, Venue};
use crate::money::{Cash, Qty};
use crate::order::OrderId;
use crate::settings::Rule;
use crate::time::Timestamp;

/// A sub-account: its own money in the same markets. Numbers are given once and never to another name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub u8);

impl AccountId {
    /// The account of [`EngineSettings::signal`](crate::settings::EngineSettings::signal): the one that is shown.
    pub const LEAD: Self = Self(0);
    /// The control that buys once and holds.
    pub const HOLD: Self = Self(1);
    /// The control that trades as often as the first account, at random.
    pub const RANDOM: Self = Self(2);
    /// The first one of a rival.
    pub const RIVAL: Self = Self(3);
    /// The one that tries differences between exchanges; no rival's number comes so far.
    pub const ARBITRAGE: Self = Self(255);

    /// Whether it is a rival's.
    #[must_use]
    pub fn is_rival(self) -> bool {
        (Self::RIVAL..Self::ARBITRAGE).contains(&self)
    }
}

/// In what equity and everything over several currencies is told.
pub const ACCOUNT_CURRENCY: &str = "USD";

/// All that an engine of another version must know to go on with an account: the engine's own state is for the version that
/// wrote it, this is for every later one. Amounts over several currencies are in [`ACCOUNT_CURRENCY`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Which.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// How often the program had started.
    pub boots: u64,
    /// Money it started with.
    pub start: Cash,
    /// Money that lies at no exchange yet.
    pub unassigned: Cash,
    /// Money by exchange and currency, in that order.
    pub purses: Vec<AccountPurse>,
    /// Cash and positions at the last proven mid prices.
    pub equity: Cash,
    /// Highest equity since the start or the last reset of the breaker.
    pub peak: Cash,
    /// What happened since 00:00 UTC.
    pub day: AccountDay,
    /// Equity when the week began, on Monday 00:00 UTC (or when the account did).
    pub week_start: Cash,
    /// True after the maximum drawdown was reached, until the user resets it.
    pub is_breaker_open: bool,
    /// True while the user allows no new positions.
    pub is_stopped_by_user: bool,
    /// Losing trades in a row.
    pub losses_in_row: u16,
    /// Open positions.
    pub positions: Vec<AccountPosition>,
    /// What finished trades amounted to, by instrument.
    pub by_instrument: Vec<(InstrumentId, Tally)>,
    /// The same by what opened them: a model's identifier, or a rule's name. Their fees and turnover are not told apart: zero.
    pub by_opener: Vec<(String, Tally)>,
    /// Orders that work at the paper venue.
    pub working: Vec<OrderId>,
    /// What was traded at each exchange on each of the last days, oldest first: fees go by it.
    pub volumes: Vec<DayVolume>,
}

/// What an account traded at an exchange on one UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayVolume {
    /// Days since the epoch.
    pub day: i32,
    /// Where.
    pub venue: Venue,
    /// How much was bought and sold, in [`ACCOUNT_CURRENCY`].
    pub value: Cash,
}

/// Money of one currency at one exchange; all in that currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPurse {
    /// Where.
    pub venue: Venue,
    /// Which currency.
    pub currency: String,
    /// What is there.
    pub cash: Cash,
    /// What was put in, less what was taken out for other purses.
    pub deposited: Cash,
    /// Fees paid since the start.
    pub fees: Cash,
    /// Profit or loss of what was sold, after its fees.
    pub realised: Cash,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPosition {
    /// Of what.
    pub instrument: InstrumentId,
    /// What it was bought in, the oldest first.
    pub lots: Vec<Lot>,
    /// Which rule opened it.
    pub rule: Rule,
    /// What opened it: a model's identifier, or the rule's name.
    pub opener: String,
    /// When its reason is over.
    pub exit_at: Timestamp,
    /// Its highest value since it was opened.
    pub value_max: Cash,
    /// Profit or loss of what was sold of it so far, after fees.
    pub gain: Cash,
}

/// What was bought at once and is still held: the first in is the first out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// How much is left of it; above zero.
    pub qty: Qty,
    /// What that cost, without fees.
    pub cost: Cash,
    /// Fees paid for it.
    pub fees: Cash,
    /// When it was bought.
    pub at: Timestamp,
}

/// What finished trades (from flat to flat) amounted to, in [`ACCOUNT_CURRENCY`], after fees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub trades: u32,
    /// How many ended with a profit.
    pub wins: u32,
    /// Sum of the profits.
    pub profit: Cash,
    /// Sum of the losses, zero or more.
    pub loss: Cash,
    /// Fees paid.
    pub fees: Cash,
    /// Bought and sold.
    pub turnover: Cash,
}

impl Tally {
    /// Adds a finished trade.
    pub fn add(&mut self, result: Cash) {
        self.trades = self.trades.saturating_add(1);
        self.wins = self.wins.saturating_add(u32::from(result > Cash::ZERO));
        self.profit = self.profit.saturating_add(result.max(Cash::ZERO));
        self.loss = self.loss.saturating_add((-result).max(Cash::ZERO));
    }

    /// Profits less losses.
    #[must_use]
    pub const fn net(&self) -> Cash {
        self.profit.saturating_sub(self.loss)
    }
}
