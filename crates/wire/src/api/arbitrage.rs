//! Opportunities between exchanges, and what came of trying them.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/arbitrage`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Opportunities {
    /// The newest, oldest first.
    pub opportunities: Vec<OpportunityRow>,
    /// All, by day, venues and currency.
    pub summary: Vec<OpportunityDay>,
}

/// One opportunity. Quantities in base, money in `currency`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OpportunityRow {
    /// When it began.
    pub opened_at_ms: i64,
    /// When it was there for the last time; of one without an end, as far as is kept.
    pub last_at_ms: i64,
    /// How long it was there.
    pub duration_ms: u64,
    /// Why it ended, in words; null for one without an end.
    pub ended: Option<String>,
    /// What is bought and sold.
    pub base: String,
    /// What it is paid in.
    pub currency: String,
    /// Short name of the venue where it is bought.
    pub buy: String,
    /// Short name of the venue where it is sold.
    pub sell: String,
    /// Taker fee where it is bought, millionths.
    pub buy_taker_ppm: u32,
    /// Taker fee where it is sold, millionths.
    pub sell_taker_ppm: u32,
    /// Most that was left at the best prices after both fees, basis points.
    pub peak_net_bps: String,
    /// When it began.
    pub first: OpportunitySize,
    /// When the expected profit was largest.
    pub best: OpportunitySize,
    /// How often it was gone for a moment and came back.
    pub returns: u32,
    /// What one USDT was worth in USD, where one side is in USDT.
    pub usdt_usd: Option<String>,
    /// What came of trying it on paper; null where nobody did.
    pub tried: Option<Attempt>,
}

/// What came of trying an opportunity. Quantities in base, money in the opportunity's currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// How it ended, in words.
    pub end: String,
    /// When.
    pub ended_at_ms: i64,
    /// Ordered on each side.
    pub qty: String,
    /// What the books would have left of that when it was ordered.
    pub expected: String,
    /// What was bought.
    pub bought: String,
    /// What was sold.
    pub sold: String,
    /// What only one side got and went back.
    pub evened: String,
    /// All money that came, less all that went.
    pub result: String,
    /// Numbers of the orders: to buy, to sell, to take back.
    pub orders: Vec<String>,
}

/// The most profitable quantity at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OpportunitySize {
    /// When.
    pub at_ms: i64,
    /// How much.
    pub qty: String,
    /// What it costs, fee included.
    pub cost: String,
    /// What is left of selling it after the fee.
    pub profit: String,
    /// That over the cost, basis points.
    pub net_bps: String,
}

/// What began on one UTC day between one pair of venues, in one currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OpportunityDay {
    /// `2026-01-05`.
    pub day: String,
    /// Where base was bought.
    pub buy: String,
    /// Where it was sold.
    pub sell: String,
    /// The currency of the amounts.
    pub currency: String,
    /// How many began.
    pub count: u64,
    /// How long they lasted together.
    pub duration_ms: u64,
    /// How long the longest did.
    pub longest_ms: u64,
    /// Most that was left at the best prices, basis points.
    pub peak_net_bps: String,
    /// The largest expected profit of one.
    pub best_profit: String,
    /// What that cost.
    pub best_cost: String,
    /// What all would have brought, each taken once when it began.
    pub first_profit: String,
    /// What that would have cost.
    pub first_cost: String,
    /// Attempts that got both sides whole.
    pub caught: u64,
    /// Attempts that got both sides in part.
    pub part: u64,
    /// Attempts that got one side more than the other.
    pub one_sided: u64,
    /// Attempts that got nothing.
    pub gone: u64,
    /// Attempts that nobody saw the end of.
    pub cut_off: u64,
    /// Not sent for want of money where base is bought.
    pub no_money: u64,
    /// Not sent for want of base where it is sold.
    pub no_coins: u64,
    /// Not sent for another reason.
    pub not_sent: u64,
    /// What the books would have left of all that was ordered.
    pub expected: String,
    /// What it brought.
    pub result: String,
}
