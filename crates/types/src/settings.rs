//! Settings that affect what the engine does. They live here, and not beside the code they configure, because they
//! are journalled: a replay must run under the settings of its day.

use serde::{Deserialize, Serialize};

use crate::fee::Fees;
use crate::money::Cash;

/// Everything that affects forecasts, paper trading and what is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// When the box wants to trade.
    pub signal: SignalSettings,
    /// What it may never do.
    pub risk: RiskSettings,
    /// How the paper venue behaves.
    pub paper: PaperSettings,
    /// Price differences between exchanges.
    pub arbitrage: ArbitrageSettings,
    /// Fees by venue, each a list of dated rows. The newest row whose date has come counts, and before the first date the
    /// first row. Rows given for a venue replace all its built-in ones, which are the lowest tier as far as it is known:
    /// check yours.
    pub fees: Fees,
}

/// What makes the box want to trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Never.
    Off,
    /// A forecast which promises more than fees and spread. With an unproven model this is rarely or never true.
    #[default]
    Forecast,
    /// A plain rule without a model: buy when the price comes back into its lower Bollinger band, sell at the middle
    /// or after the holding time.
    Reversion,
}

/// When the box wants to trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalSettings {
    /// `off`, `forecast` or `reversion`.
    pub rule: Rule,
    /// Horizon of the forecast that rule `forecast` acts on, minutes (5, 10 or 30).
    pub horizon_min: u16,
    /// What the forecast must promise beyond the round-trip cost, hundredths of a basis point.
    pub edge_min_cbps: u32,
    /// Share of equity to put into one position, millionths.
    pub size_ppm: u32,
    /// Longest time a position of rule `reversion` is held, minutes.
    pub hold_max_min: u16,
}

impl Default for SignalSettings {
    fn default() -> Self {
        Self { rule: Rule::Forecast, horizon_min: 30, edge_min_cbps: 100, size_ppm: 50_000, hold_max_min: 60 }
    }
}

/// What paper trading may never do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskSettings {
    /// Whether new orders are allowed at start.
    pub trading: bool,
    /// Paper money at the first start, whole units of quote currency.
    pub start_cash: u32,
    /// Largest share of equity in one position, millionths.
    pub position_max_ppm: u32,
    /// Loss of a position at which it is closed, millionths of its cost.
    pub stop_loss_ppm: u32,
    /// Fall of equity from its peak at which trading stops until the user allows it again, millionths.
    pub drawdown_max_ppm: u32,
    /// Loss since 00:00 UTC at which no new position is opened that day, millionths of equity.
    pub daily_loss_max_ppm: u32,
    /// Most orders in a minute, over all instruments.
    pub orders_per_min_max: u16,
}

impl Default for RiskSettings {
    fn default() -> Self {
        Self {
            trading: true,
            start_cash: 10_000,
            position_max_ppm: 200_000,
            stop_loss_ppm: 20_000,
            drawdown_max_ppm: 200_000,
            daily_loss_max_ppm: 50_000,
            orders_per_min_max: 6,
        }
    }
}

impl RiskSettings {
    /// The start money.
    #[must_use]
    pub fn start_cash(&self) -> Cash {
        Cash::from_units(i64::from(self.start_cash))
    }
}

/// How the paper venue behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaperSettings {
    /// Time from the decision to the order's arrival at the venue, milliseconds. So long a wish to cancel travels too.
    pub latency_ms: u32,
    /// Time from a fill to the moment we know of it, milliseconds.
    pub response_ms: u32,
    /// How far published books lag behind the venue's at most, milliseconds (see `publish_interval_ms` of the feeds). An order is matched so
    /// much later, so that the book it meets knows all that had happened when it arrived.
    pub book_lag_ms: u32,
    /// Recorded times from the decision to the arrival, microseconds. Where there are any one is drawn for each order, and
    /// `latency_ms` does not count.
    pub entry_us: Vec<u32>,
    /// Recorded times from a fill to the moment we know of it, microseconds. Where there are any one is drawn for each
    /// report, and `response_ms` does not count.
    pub answer_us: Vec<u32>,
    /// Seed of these draws. They are part of what is journalled: a replay draws the same.
    pub seed: u32,
    /// How a resting order moves up: `risk-averse` (only trades and what a level cannot hold any more) or `power` (of what
    /// others cancel, the likely part).
    pub queue: QueueModel,
    /// Exponent of the model `power`: the higher, the more of what is cancelled counts for the longer part of the queue,
    /// before us or behind us.
    pub queue_power: u8,
    /// Largest part of a level's displayed quantity that we take, millionths.
    pub depth_share_ppm: u32,
    /// Square-root impact: how much worse the price of an order is that takes as much as the book shows on its side,
    /// millionths; of a quarter of that, half as much. Zero for none.
    pub impact_ppm: u32,
}

impl PaperSettings {
    /// The venue as old journals knew it: a constant time to arrive, and nothing else.
    #[must_use]
    pub const fn constant(latency_ms: u32) -> Self {
        Self {
            latency_ms,
            response_ms: 0,
            book_lag_ms: 0,
            entry_us: Vec::new(),
            answer_us: Vec::new(),
            seed: 1,
            queue: QueueModel::RiskAverse,
            queue_power: 3,
            depth_share_ppm: 1_000_000,
            impact_ppm: 0,
        }
    }
}

impl Default for PaperSettings {
    fn default() -> Self {
        Self { book_lag_ms: 250, ..Self::constant(150) }
    }
}

/// How a resting order's place in the queue changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueModel {
    /// What others cancel stood behind us, unless the level holds less than we thought to be before us.
    #[default]
    RiskAverse,
    /// What others cancel stood before us with a probability that grows with the part of the level before us.
    Power,
}

/// When a price difference between two exchanges counts as an opportunity. Nothing is ever traded on one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArbitrageSettings {
    /// Whether the exchanges are compared.
    pub enabled: bool,
    /// What must be left at the best prices after both taker fees for an opportunity to begin, hundredths of a basis point.
    /// It goes on as long as anything is left.
    pub net_min_cbps: u32,
    /// A book whose last change was heard longer ago than this is not compared, milliseconds.
    pub book_age_max_ms: u32,
    /// An opportunity that is gone for no longer than this is the same one when it comes back, milliseconds.
    pub gap_max_ms: u32,
    /// Whether a pair in USD is compared with the same in USDT, at the rate of a proven USDT/USD book. One of the watched
    /// symbols must be such a book: without it nothing is compared.
    pub usd_with_usdt: bool,
}

impl Default for ArbitrageSettings {
    fn default() -> Self {
        Self { enabled: true, net_min_cbps: 100, book_age_max_ms: 5_000, gap_max_ms: 2_000, usd_with_usdt: false }
    }
}
