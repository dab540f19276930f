//! Settings that affect what the engine does. They live here, and not beside the code they configure, because they
//! are journalled: a replay must run under the settings of its day.

use serde::{Deserialize, Serialize};

use crate::instrument::Venue;
use crate::money::{Cash, Ppm};

/// Everything that affects forecasts and paper trading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// When the box wants to trade.
    pub signal: SignalSettings,
    /// What it may never do.
    pub risk: RiskSettings,
    /// How the paper venue behaves.
    pub paper: PaperSettings,
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
    /// Time from the decision to the order's arrival at the venue, milliseconds. Fills use books from after it.
    pub latency_ms: u32,
    /// Fees by venue.
    pub fees: Fees,
}

impl Default for PaperSettings {
    fn default() -> Self {
        Self { latency_ms: 150, fees: Fees::default() }
    }
}

/// Maker and taker fee of one venue, millionths of the traded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// For resting orders.
    pub maker_ppm: Ppm,
    /// For orders that cross the spread.
    pub taker_ppm: Ppm,
}

/// Fees by venue, lowest tier. Venues change them: check yours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fees {
    /// Kraken (`AssetPairs` of November 2025).
    pub kraken: Fee,
    /// Binance.US (not confirmed by the venue).
    pub binance_us: Fee,
    /// Coinbase Exchange.
    pub coinbase: Fee,
    /// KuCoin.
    pub kucoin: Fee,
}

impl Default for Fees {
    fn default() -> Self {
        let fee = |maker, taker| Fee { maker_ppm: Ppm(maker), taker_ppm: Ppm(taker) };
        Self {
            kraken: fee(2_500, 4_000),
            binance_us: fee(1_000, 1_000),
            coinbase: fee(4_000, 6_000),
            kucoin: fee(1_000, 1_000),
        }
    }
}

impl Fees {
    /// The fees of a venue.
    #[must_use]
    pub const fn of(&self, venue: Venue) -> Fee {
        match venue {
            Venue::Kraken => self.kraken,
            Venue::BinanceUs => self.binance_us,
            Venue::Coinbase => self.coinbase,
            Venue::Kucoin => self.kucoin,
        }
    }
}
