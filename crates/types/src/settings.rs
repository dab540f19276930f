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
    /// Other ways to trade, beside the first: each with a sub-account of its own with the same start money. Buying and holding, and
    /// buying at random as often as the first, always run beside it too.
    pub rivals: Vec<Rival>,
    /// What it may never do.
    pub risk: RiskSettings,
    /// How the paper venue behaves.
    pub paper: PaperSettings,
    /// Price differences between exchanges.
    pub arbitrage: ArbitrageSettings,
    /// Fees by venue, each a list of dated rows, and of one date a row for each tier of volume. The newest date that has come counts,
    /// and before the first date the first. Rows given for a venue replace all its built-in ones, which are what is known:
    /// check yours.
    pub fees: Fees,
}

/// Another way to trade, with a sub-account of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rival {
    /// What its account is called. Another name is another account.
    pub name: String,
    /// When it wants to trade.
    pub signal: SignalSettings,
}

/// Most [`EngineSettings::rivals`].
pub const RIVALS_MAX: usize = 8;

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
    /// What the model says itself: it buys where buying is the likeliest of its three answers and covers the costs, and sells where
    /// selling is.
    Policy,
    /// Buys equal parts of everything once, and holds.
    Hold,
    /// Buys as often and as much as the first account, and holds as long, but what it buys and how much later is drawn.
    Random,
}

/// How large a position is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sizing {
    /// Always `size_ppm` of equity.
    #[default]
    Fixed,
    /// So much that its own fluctuation of a day is `volatility_ppm` of equity.
    Volatility,
    /// A part (`kelly_ppm`) of what Kelly's criterion says: expected net return over its variance (Thorp, "The Kelly criterion in
    /// blackjack, sports betting and the stock market", 1997).
    Kelly,
    /// What the model says itself, between nothing and `size_max_ppm`.
    Model,
    /// A part of a portfolio of everything that is forecast, in which each position carries the same risk, and whose own fluctuation of
    /// a day is `volatility_ppm` of equity (Maillard, Roncalli, Teiletche, "The properties of equally weighted risk contribution
    /// portfolios", 2010).
    Parity,
    /// A part of the portfolio with the best expected net return less its variance over twice `kelly_ppm`, within the limits of positions
    /// and cash (Markowitz, "Portfolio selection", 1952).
    MeanVariance,
}

/// When the box wants to trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalSettings {
    /// `off`, `forecast`, `reversion` or `policy`.
    pub rule: Rule,
    /// Horizon of the forecast that rule `forecast` acts on, minutes (5, 10 or 30).
    pub horizon_min: u16,
    /// What the forecast must promise beyond the round-trip cost, hundredths of a basis point.
    pub edge_min_cbps: u32,
    /// How large a position is: `fixed`, `volatility`, `kelly`, `model`, `parity` or `mean-variance`.
    pub sizing: Sizing,
    /// Share of equity to put into one position with sizing `fixed`, millionths.
    pub size_ppm: u32,
    /// Largest share of equity that any other sizing puts into one position, millionths.
    pub size_max_ppm: u32,
    /// Fluctuation in a day (one standard deviation) that sizing `volatility` aims at for a position and `parity` for all together,
    /// millionths of equity.
    pub volatility_ppm: u32,
    /// Part of the full Kelly size that sizings `kelly` and `mean-variance` take, millionths.
    pub kelly_ppm: u32,
    /// Longest time a position of rule `reversion` is held, minutes.
    pub hold_max_min: u16,
}

impl Default for SignalSettings {
    fn default() -> Self {
        Self {
            rule: Rule::Forecast,
            horizon_min: 30,
            edge_min_cbps: 100,
            sizing: Sizing::Fixed,
            size_ppm: 50_000,
            size_max_ppm: 250_000,
            volatility_ppm: 2_000,
            kelly_ppm: 250_000,
            hold_max_min: 60,
        }
    }
}

/// What paper trading may never do. Shares are of the equity of the sub-account concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskSettings {
    /// Whether new orders are allowed at start.
    pub trading: bool,
    /// Paper money at the first start, whole US dollars. It lies in equal parts at every exchange in every quote currency that is
    /// watched there.
    pub start_cash: u32,
    /// Largest share of equity in one order, millionths.
    pub order_max_ppm: u32,
    /// Largest share of equity in one position, millionths.
    pub position_max_ppm: u32,
    /// Largest share of equity in positions at one exchange, millionths.
    pub venue_max_ppm: u32,
    /// Share of equity that always stays cash, millionths.
    pub cash_reserve_ppm: u32,
    /// Loss of a position at which it is closed, millionths of its cost.
    pub stop_loss_ppm: u32,
    /// Gain of a position at which it is closed, millionths of its cost; 0 for never.
    pub take_profit_ppm: u32,
    /// Fall of a position's value from its highest at which it is closed, millionths; 0 for never.
    pub trailing_stop_ppm: u32,
    /// Longest time that a position is held whatever its rule says, minutes; 0 for any.
    pub age_max_min: u32,
    /// Fall of equity from its peak at which trading stops until the user allows it again, millionths.
    pub drawdown_max_ppm: u32,
    /// Loss since 00:00 UTC at which no new position is opened that day, millionths of equity.
    pub daily_loss_max_ppm: u32,
    /// Loss since Monday 00:00 UTC at which no new position is opened that week, millionths of equity.
    pub weekly_loss_max_ppm: u32,
    /// Correlation of five-minute returns over the last day from which on two positions count as one, millionths. What is not known for
    /// want of an hour of returns counts as correlated.
    pub correlation_max_ppm: u32,
    /// Largest share of equity in positions that count as one by their correlation, millionths.
    pub correlated_max_ppm: u32,
    /// Largest loss of a day that the positions surpass on one day in twenty, as the last day's five-minute returns tell it (95 % value
    /// at risk), millionths of equity.
    pub value_at_risk_max_ppm: u32,
    /// Most orders in a minute, over all instruments.
    pub orders_per_min_max: u16,
    /// What stops new positions for a while.
    pub breakers: BreakerSettings,
}

impl Default for RiskSettings {
    fn default() -> Self {
        Self {
            trading: true,
            start_cash: 10_000,
            order_max_ppm: 250_000,
            position_max_ppm: 200_000,
            venue_max_ppm: 600_000,
            cash_reserve_ppm: 50_000,
            stop_loss_ppm: 20_000,
            take_profit_ppm: 40_000,
            trailing_stop_ppm: 0,
            age_max_min: 0,
            drawdown_max_ppm: 200_000,
            daily_loss_max_ppm: 50_000,
            weekly_loss_max_ppm: 100_000,
            correlation_max_ppm: 700_000,
            correlated_max_ppm: 400_000,
            value_at_risk_max_ppm: 50_000,
            orders_per_min_max: 6,
            breakers: BreakerSettings::default(),
        }
    }
}

/// When new positions are not opened for a while. A breaker that has opened closes again when its cause has been gone for the time to
/// cool down: a measure is gone when it is below `release_ppm` of its limit (above the inverse of that for what must not be too small).
/// What is open may always be closed. Zero switches a breaker off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Time without its cause before a breaker closes, seconds.
    pub cool_down_s: u32,
    /// Part of its limit below which a cause counts as gone, millionths.
    pub release_ppm: u32,
    /// Move of an instrument's price within a minute, millionths.
    pub jump_ppm: u32,
    /// Spread of a book, hundredths of a basis point.
    pub spread_max_cbps: u32,
    /// Least value that the published levels of each side of a book hold, whole US dollars.
    pub depth_min: u32,
    /// Losing trades in a row of an account.
    pub losses_max: u16,
    /// Least skill of the forecast that the account acts on, over the last seven days and at least a hundred forecasts, hundredths of a
    /// percent below "no change": 100 for one percent worse.
    pub skill_below_max: u32,
    /// Longest time from the end of a minute to the model's answer, milliseconds.
    pub answer_max_ms: u32,
}

impl BreakerSettings {
    /// No breaker at all.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            cool_down_s: 0,
            release_ppm: 1_000_000,
            jump_ppm: 0,
            spread_max_cbps: 0,
            depth_min: 0,
            losses_max: 0,
            skill_below_max: 0,
            answer_max_ms: 0,
        }
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            cool_down_s: 600,
            release_ppm: 700_000,
            jump_ppm: 20_000,
            spread_max_cbps: 3_000,
            depth_min: 1_000,
            losses_max: 6,
            skill_below_max: 200,
            answer_max_ms: 20_000,
        }
    }
}

impl RiskSettings {
    /// Every limit open: for what trades without being guarded, and for journals of before there were limits.
    #[must_use]
    pub const fn open() -> Self {
        Self {
            trading: true,
            start_cash: 0,
            order_max_ppm: 1_000_000,
            position_max_ppm: 1_000_000,
            venue_max_ppm: 1_000_000,
            cash_reserve_ppm: 0,
            stop_loss_ppm: 0,
            take_profit_ppm: 0,
            trailing_stop_ppm: 0,
            age_max_min: 0,
            drawdown_max_ppm: 1_000_000,
            daily_loss_max_ppm: 1_000_000,
            weekly_loss_max_ppm: 1_000_000,
            correlation_max_ppm: 1_000_000,
            correlated_max_ppm: 1_000_000,
            value_at_risk_max_ppm: 1_000_000,
            orders_per_min_max: u16::MAX,
            breakers: BreakerSettings::off(),
        }
    }

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
    /// Whether both sides of each opportunity are tried on paper, by an account of its own that holds money and coins everywhere.
    pub trade: bool,
}

impl Default for ArbitrageSettings {
    fn default() -> Self {
        let (net_min_cbps, book_age_max_ms, gap_max_ms) = (100, 5_000, 2_000);
        Self { enabled: true, net_min_cbps, book_age_max_ms, gap_max_ms, usd_with_usdt: false, trade: true }
    }
}
