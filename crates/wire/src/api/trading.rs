//! Accounts, orders, and why they were made.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/accounts`: all accounts at a moment, and what stops them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Accounts {
    /// As of.
    pub at_ms: i64,
    /// The first one leads.
    pub accounts: Vec<Account>,
    /// Breakers that are open.
    pub breakers: Vec<OpenBreaker>,
}

/// A paper account. Amounts are dollars but where a currency is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Account {
    /// Its name; `lead` is the first.
    pub name: String,
    /// False once the settings do not name its strategy any more.
    pub active: bool,
    /// Money it started with.
    pub start: String,
    /// Money it has.
    pub cash: String,
    /// Money and positions at the middle of their books.
    pub equity: String,
    /// Fees paid since it began.
    pub fees: String,
    /// Gains and losses of what was sold, first in, first out.
    pub realised: String,
    /// Of what is held.
    pub unrealised: String,
    /// Bought and sold, over the start money.
    pub turnover: f64,
    /// What is held, over the equity.
    pub exposure: f64,
    /// Fall from the highest equity, over that.
    pub drawdown: f64,
    /// Whether the fall has stopped it.
    pub drawdown_breaker_open: bool,
    /// Trades that lost, since one gained.
    pub losses_in_row: u16,
    /// Of all finished trades.
    pub trades: TradeSum,
    /// Where its money lies.
    pub purses: Vec<Purse>,
    /// What it holds.
    pub positions: Vec<Position>,
    /// Finished trades by symbol.
    pub by_symbol: Vec<TradePart>,
    /// Finished trades by what opened them: a model's digest, or a rule.
    pub by_opener: Vec<TradePart>,
    /// Orders at the venues.
    pub orders_working: u32,
    /// How often risk control refused it an order, by reason.
    pub refused: Vec<(String, u64)>,
    /// Over the hours of the days that were asked for; null before three hours of them.
    pub performance: Option<Performance>,
}

/// How an account has done over equal periods.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Performance {
    /// Periods.
    pub periods: u32,
    /// Last equity over the first, less one.
    pub total_return: f64,
    /// The same as a rate a year, compounded.
    pub annual_return: f64,
    /// Standard deviation of the returns, for a year.
    pub annual_volatility: f64,
    /// Sharpe ratio of a year, without a risk-free rate.
    pub sharpe: Option<f64>,
    /// Sortino ratio of a year, with a target of zero.
    pub sortino: Option<f64>,
    /// Annual return over the largest drawdown.
    pub calmar: Option<f64>,
    /// Largest fall from a peak, over the peak.
    pub drawdown_max: f64,
    /// Most periods in a row below a peak.
    pub drawdown_periods_max: u32,
    /// Loss that one period in twenty met or surpassed.
    pub value_at_risk_95: f64,
    /// Mean loss of these.
    pub expected_shortfall_95: f64,
}

/// Money at a venue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Purse {
    /// The venue's short name.
    pub venue: String,
    /// The currency of the amounts.
    pub currency: String,
    /// What is there.
    pub cash: String,
    /// What was put there.
    pub deposited: String,
    /// Fees paid from it.
    pub fees: String,
    /// Gains and losses of what was sold.
    pub realised: String,
    /// What a unit is worth in dollars; null while nobody can say.
    pub rate: Option<f64>,
}

/// A position that is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Position {
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// The currency of the price.
    pub currency: String,
    /// How much.
    pub qty: String,
    /// Mean price it was bought at.
    pub entry: Option<String>,
    /// Worth in dollars.
    pub value: String,
    /// Gain or loss in dollars, entry fees included.
    pub pnl: String,
    /// Since when.
    pub opened_at_ms: i64,
}

/// Finished trades of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TradePart {
    /// Which.
    pub of: String,
    /// What they came to.
    pub trades: TradeSum,
}

/// What finished trades came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TradeSum {
    /// How many.
    pub n: u32,
    /// Share that gained; null without any.
    pub win_rate: Option<f64>,
    /// Gains over losses; null without losses.
    pub profit_factor: Option<f64>,
    /// Gains less losses, after fees, dollars.
    pub net: f64,
}

/// A breaker that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OpenBreaker {
    /// What opened it.
    pub cause: String,
    /// The symbol or the account that it stops.
    pub stops: String,
    /// Since when.
    pub since_ms: i64,
    /// When its cause was seen last.
    pub seen_at_ms: i64,
}

/// Answer of `GET /api/v1/curve`: the equity of an account, thinned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Curve {
    /// Whose.
    pub account: String,
    /// Oldest first.
    pub points: Vec<CurvePoint>,
}

/// An account's worth at a moment, dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CurvePoint {
    /// When.
    pub at_ms: i64,
    /// What it was worth.
    pub equity: f64,
    /// What the start money would have been worth, bought once and held.
    pub hold: f64,
}

/// Answer of `GET /api/v1/latest`: the newest orders of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LatestOrders {
    /// Newest first.
    pub orders: Vec<OrderRow>,
}

/// A paper order and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OrderRow {
    /// Its number, as text: it may not fit into a float.
    pub id: String,
    /// Whose.
    pub account: String,
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// When it was decided.
    pub at_ms: i64,
    /// `buy` or `sell`.
    pub side: String,
    /// What was ordered.
    pub qty: String,
    /// What was filled.
    pub filled: String,
    /// Mean price of that.
    pub price: Option<String>,
    /// `market`, `limit 9.5`.
    pub kind: String,
    /// What for.
    pub reason: String,
    /// How it ended; null while it works.
    pub end: Option<String>,
    /// What it cost in the currency of the price; below zero what it gained.
    pub cost: String,
}

/// Answer of `GET /api/v1/order`: everything that was kept of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OrderStory {
    /// Its number.
    pub order: String,
    /// Whose.
    pub account: String,
    /// `kraken:BTC/USD`.
    pub symbol: String,
    /// `buy` or `sell`.
    pub side: String,
    /// What was ordered.
    pub qty: String,
    /// When it was decided.
    pub at_ms: i64,
    /// What for.
    pub reason: String,
    /// The forecast it rests on.
    pub forecast: Option<OrderForecast>,
    /// The account's worth then.
    pub equity: Option<String>,
    /// Limits it was held against.
    pub checks: Vec<LimitCheck>,
    /// The best prices when it was decided.
    pub decided: Option<BestPrices>,
    /// When it reached the venue.
    pub arrived_at_ms: Option<i64>,
    /// The best prices then.
    pub arrived: Option<BestPrices>,
    /// What stood before it at its price.
    pub queue_ahead: Option<String>,
    /// Its fills, oldest first.
    pub fills: Vec<OrderFill>,
    /// How it ended; null while it works.
    pub end: Option<String>,
    /// When.
    pub ended_at_ms: Option<i64>,
    /// What it cost.
    pub cost: OrderCost,
}

/// The forecast behind an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OrderForecast {
    /// Digest of the model; empty for a rule that needs none.
    pub model: String,
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Expected log-return, basis points.
    pub expected_bps: f64,
    /// Its 90 % interval, basis points; null where none was told.
    pub interval_bps: Option<(f64, f64)>,
    /// Probability of a rise.
    pub p_up: f64,
    /// Expected move in our favour, basis points; null where the order was not made for that.
    pub edge_bps: Option<f64>,
    /// What going in and out was expected to cost, basis points.
    pub cost_bps: Option<f64>,
    /// What the model's features were in the last row it saw.
    pub features: Vec<(String, f64)>,
}

/// A limit, and what the order came to under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LimitCheck {
    /// Which.
    pub limit: String,
    /// What it came to, in the unit of the limit.
    pub value: i64,
    /// What is allowed.
    pub max: i64,
}

/// Best bid and best ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BestPrices {
    /// Highest price that somebody pays.
    pub bid: String,
    /// Lowest price that somebody sells for.
    pub ask: String,
}

/// A fill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OrderFill {
    /// When.
    pub at_ms: i64,
    /// Price.
    pub price: String,
    /// Quantity.
    pub qty: String,
    /// Fee, in the currency of the price.
    pub fee: String,
    /// `maker` or `taker`.
    pub liquidity: String,
}

/// What an order cost, in the currency of the price; below zero what it gained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OrderCost {
    /// The currency.
    pub currency: String,
    /// The market moved while it travelled.
    pub delay: String,
    /// Half the spread.
    pub spread: String,
    /// It walked the book.
    pub impact: String,
    /// Fees.
    pub fee: String,
    /// All of it.
    pub total: String,
}
