//! The efficient price of each base asset, which all its listings follow.
//!
//! Log-prices move on a fixed grid of [`STEP_MS`]. Their volatility is an average times a slow and a fast log-normal
//! factor shared by all assets, so that calm and wild periods cluster; a small drift with a memory of under an hour gives
//! slight trends; now and then there is a jump. Moves of assets are correlated through one common shock.

use types::Timestamp;
use types::time::NS_PER_MS;

use super::random::Random;
use crate::settings::AssetSettings;

/// Length of the live price grid.
const STEP_MS: i64 = 200;
/// Length of a step while history is made.
pub(crate) const HISTORY_STEP_MS: i64 = 5_000;
/// How many steps a lagging listing can look back.
const LAG_STEPS_MAX: usize = 16;
/// Milliseconds of a year, for the annual volatility.
const MS_PER_YEAR: f64 = 365.25 * 86_400_000.0;

/// Memory and deviation of the slow volatility factor.
const SLOW: Reversion = Reversion { memory_ms: 3.0 * 3_600_000.0, deviation: 0.45 };
/// Memory and deviation of the fast volatility factor.
const FAST: Reversion = Reversion { memory_ms: 4.0 * 60_000.0, deviation: 0.40 };
/// Memory of the drift; its deviation is in units of the volatility of a minute, per minute.
const TREND: Reversion = Reversion { memory_ms: 40.0 * 60_000.0, deviation: 0.04 };
/// Jumps a day, and the deviation of their size.
const JUMPS_PER_DAY: f64 = 2.0;
const JUMP_DEVIATION: f64 = 0.002;
/// The log-price stays this close to its start, whatever the seed: prices keep a sane number of digits.
const LOG_RANGE: f64 = 2.5;

/// A value that is pulled back to zero and pushed about by noise (Ornstein-Uhlenbeck).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reversion {
    pub(crate) memory_ms: f64,
    pub(crate) deviation: f64,
}

impl Reversion {
    /// The value `dt_ms` after it was `value`.
    pub(crate) fn step(self, value: f64, dt_ms: f64, random: &mut Random) -> f64 {
        self.prepared(dt_ms).step(value, random)
    }

    fn prepared(self, dt_ms: f64) -> PreparedReversion {
        let keep = libm::exp(-dt_ms / self.memory_ms);
        PreparedReversion { keep, noise: self.deviation * (1.0 - keep * keep).sqrt() }
    }
}

#[derive(Clone, Copy, Debug)]
struct PreparedReversion {
    keep: f64,
    noise: f64,
}

impl PreparedReversion {
    fn step(self, value: f64, random: &mut Random) -> f64 {
        value * self.keep + self.noise * random.normal()
    }
}

/// Everything about a step that depends on its length alone.
#[derive(Clone, Copy, Debug)]
struct Stride {
    slow: PreparedReversion,
    fast: PreparedReversion,
    trend: PreparedReversion,
    root_years: f64,
    minutes: f64,
    jump_chance: f64,
}

impl Stride {
    fn new(step_ms: i64) -> Self {
        let ms = step_ms as f64;
        Self {
            slow: SLOW.prepared(ms),
            fast: FAST.prepared(ms),
            trend: TREND.prepared(ms),
            root_years: (ms / MS_PER_YEAR).sqrt(),
            minutes: ms / 60_000.0,
            jump_chance: JUMPS_PER_DAY * ms / 86_400_000.0,
        }
    }
}

/// The prices of all assets at one moment and a little before.
#[derive(Clone, Debug)]
pub(crate) struct Prices {
    at: Timestamp,
    common: Random,
    slow: f64,
    fast: f64,
    activity: f64,
    assets: Vec<Asset>,
    live: Stride,
    history: Stride,
}

#[derive(Clone, Debug)]
struct Asset {
    random: Random,
    volatility: f64,
    correlation: f64,
    log_start: f64,
    log_price: f64,
    trend: f64,
    /// Prices in dollars of the last steps, newest at `newest`.
    recent: [f64; LAG_STEPS_MAX],
    newest: usize,
}

impl Prices {
    pub(crate) fn new(seed: u64, at: Timestamp, assets: &[AssetSettings]) -> Self {
        let assets = assets.iter().enumerate().map(|(i, a)| Asset::new(seed, i, a)).collect();
        let mut common = Random::new(seed, 1);
        let (slow, fast) = (common.normal() * SLOW.deviation, common.normal() * FAST.deviation);
        let (live, history) = (Stride::new(STEP_MS), Stride::new(HISTORY_STEP_MS));
        Self { at, common, slow, fast, activity: 1.0, assets, live, history }
    }

    /// Moves to the last grid point at or before `to`.
    pub(crate) fn advance(&mut self, to: Timestamp) {
        while to.as_nanos() - self.at.as_nanos() >= STEP_MS * NS_PER_MS {
            self.at = Timestamp::from_nanos(self.at.as_nanos() + STEP_MS * NS_PER_MS);
            self.step(self.live);
        }
    }

    /// Moves by [`HISTORY_STEP_MS`].
    pub(crate) fn advance_history(&mut self) {
        self.at = Timestamp::from_nanos(self.at.as_nanos() + HISTORY_STEP_MS * NS_PER_MS);
        self.step(self.history);
    }

    /// Dollars for one unit of an asset, as known `lag_ms` later.
    pub(crate) fn dollars(&self, asset: usize, lag_ms: u32) -> f64 {
        let asset = &self.assets[asset];
        let back = (i64::from(lag_ms) / STEP_MS).clamp(0, LAG_STEPS_MAX as i64 - 1) as usize;
        asset.recent[(asset.newest + LAG_STEPS_MAX - back) % LAG_STEPS_MAX]
    }

    /// How busy the markets are, 1 on average; follows the volatility.
    pub(crate) fn activity(&self) -> f64 {
        self.activity
    }

    fn step(&mut self, stride: Stride) {
        self.slow = stride.slow.step(self.slow, &mut self.common);
        self.fast = stride.fast.step(self.fast, &mut self.common);
        // The mean of the squared factor is 1, so that the average variance is the configured one.
        let variance = SLOW.deviation * SLOW.deviation + FAST.deviation * FAST.deviation;
        let factor = libm::exp(self.slow + self.fast - variance);
        self.activity = factor / libm::exp(-0.5 * variance);
        let shock = self.common.normal();
        let jump = if self.common.chance(stride.jump_chance) { self.common.normal() * JUMP_DEVIATION } else { 0.0 };
        for asset in &mut self.assets {
            asset.step(stride, factor, shock, jump);
        }
    }
}

impl Asset {
    fn new(seed: u64, index: usize, settings: &AssetSettings) -> Self {
        let dollars = settings.price_cents as f64 / 100.0;
        let log_price = libm::log(dollars);
        Self {
            random: Random::new(seed, 100 + index as u64),
            volatility: f64::from(settings.volatility_ppm) / 1e6,
            correlation: (f64::from(settings.correlation_ppm) / 1e6).min(1.0),
            log_start: log_price,
            log_price,
            trend: 0.0,
            recent: [dollars; LAG_STEPS_MAX],
            newest: 0,
        }
    }

    fn step(&mut self, stride: Stride, factor: f64, shock: f64, common_jump: f64) {
        let own = (1.0 - self.correlation * self.correlation).sqrt();
        let mixed = self.correlation * shock + own * self.random.normal();
        let diffusion = self.volatility * factor * stride.root_years * mixed;
        self.trend = stride.trend.step(self.trend, &mut self.random);
        let minute_volatility = self.volatility * (60_000.0 / MS_PER_YEAR).sqrt();
        let drift = self.trend * minute_volatility * stride.minutes;
        let own_jump = if self.random.chance(stride.jump_chance) { self.random.normal() * JUMP_DEVIATION } else { 0.0 };
        let moved = self.log_price + diffusion + drift + self.correlation * common_jump + own * own_jump;
        self.log_price = moved.clamp(self.log_start - LOG_RANGE, self.log_start + LOG_RANGE);
        self.newest = (self.newest + 1) % LAG_STEPS_MAX;
        self.recent[self.newest] = libm::exp(self.log_price);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SimSettings;

    #[test]
    fn volatility_and_correlation_are_as_set() {
        let settings = SimSettings::default();
        let (mut squares, mut products, mut count) = ([0.0; 2], 0.0, 0.0);
        for seed in 0..12 {
            let mut prices = Prices::new(seed, Timestamp::EPOCH, &settings.assets);
            let mut last = [prices.dollars(0, 0), prices.dollars(1, 0)];
            for _ in 0..3 * 24 * 60 {
                (0..60_000 / HISTORY_STEP_MS).for_each(|_| prices.advance_history());
                let now = [prices.dollars(0, 0), prices.dollars(1, 0)];
                let returns = [0, 1].map(|i| libm::log(now[i] / last[i]));
                (0..2).for_each(|i| squares[i] += returns[i] * returns[i]);
                products += returns[0] * returns[1];
                count += 1.0;
                last = now;
            }
        }
        let annual = |square: f64| (square / count * MS_PER_YEAR / 60_000.0).sqrt();
        assert!((0.40..0.65).contains(&annual(squares[0])), "BTC {}", annual(squares[0]));
        assert!((0.55..0.90).contains(&annual(squares[1])), "ETH {}", annual(squares[1]));
        let correlation = products / (squares[0] * squares[1]).sqrt();
        assert!((0.7..0.9).contains(&correlation), "{correlation}");
    }
}
