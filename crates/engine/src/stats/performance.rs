//! What a curve of equity and a list of finished trades amount to.

use serde::Serialize;

use super::exceedance::historical;

/// Confidence of value at risk and expected shortfall.
const CONFIDENCE: f64 = 0.95;

/// What a curve of equity amounts to. Shares, not percent; what is not defined is `None`. The keys are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Performance {
    /// Periods.
    pub periods: usize,
    /// Last equity over the first, less one.
    pub total_return: f64,
    /// The same as a rate a year, compounded.
    pub annual_return: f64,
    /// Standard deviation of the returns, for a year.
    pub annual_volatility: f64,
    /// Mean return over its standard deviation, for a year, without a risk-free rate (Sharpe 1994).
    pub sharpe: Option<f64>,
    /// Mean return over the root of the mean square of losses, for a year, with a target of zero (Sortino and Price 1994).
    pub sortino: Option<f64>,
    /// Annual return over the largest drawdown (Young 1991).
    pub calmar: Option<f64>,
    /// Largest fall from a peak, as a share of the peak.
    pub drawdown_max: f64,
    /// Most periods in a row that ended below a peak.
    pub drawdown_periods_max: usize,
    /// Loss that one period in twenty surpassed or met ([`historical`]).
    pub value_at_risk_95: f64,
    /// Mean loss of these.
    pub expected_shortfall_95: f64,
}

impl Performance {
    /// Of equity at the ends of equal periods, the first one before any trade. `periods_a_year` is 365 for days, 525 600 for minutes: these
    /// markets never close. `None` for fewer than three values, and where one is not above zero.
    #[must_use]
    pub fn of(equity: &[f64], periods_a_year: f64) -> Option<Self> {
        let is_sound = equity.len() > 2 && equity.iter().all(|value| *value > 0.0 && value.is_finite());
        if !is_sound {
            return None;
        }
        let returns: Vec<f64> = equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
        let (count, periods) = (returns.len() as f64, returns.len());
        let mean = returns.iter().sum::<f64>() / count;
        let squares = returns.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        let deviation = (squares / (count - 1.0)).sqrt();
        let losses = returns.iter().map(|value| value.min(0.0)).map(|loss| loss * loss).sum::<f64>();
        let downside = (losses / count).sqrt();
        let (first, last) = (equity[0], equity[periods]);
        let annual_return = libm::exp(libm::log(last / first) * periods_a_year / count) - 1.0;
        let (drawdown_max, drawdown_periods_max) = drawdown(equity);
        let root = periods_a_year.sqrt();
        let over = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let (value_at_risk_95, expected_shortfall_95) = historical(&returns, CONFIDENCE)?;
        Some(Self {
            periods,
            total_return: last / first - 1.0,
            annual_return,
            annual_volatility: deviation * root,
            sharpe: over(mean * root, deviation),
            sortino: over(mean * root, downside),
            calmar: over(annual_return, drawdown_max),
            drawdown_max,
            drawdown_periods_max,
            value_at_risk_95,
            expected_shortfall_95,
        })
    }
}

/// Depth of the deepest drawdown and length of the longest one.
fn drawdown(equity: &[f64]) -> (f64, usize) {
    let (mut peak, mut since, mut deepest, mut longest) = (equity[0], 0, 0.0f64, 0);
    for (period, value) in equity.iter().enumerate() {
        if *value >= peak {
            (peak, since) = (*value, period);
        }
        deepest = deepest.max(1.0 - value / peak);
        longest = longest.max(period - since);
    }
    (deepest, longest)
}

/// What finished trades amount to. The keys are a contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Trades {
    /// How many.
    pub n: usize,
    /// Share of them with a profit after all costs.
    pub win_rate: Option<f64>,
    /// Sum of the profits over the sum of the losses; `None` without a loss.
    pub profit_factor: Option<f64>,
    /// Mean result.
    pub expectancy: Option<f64>,
    /// Most losses in a row.
    pub losing_streak_max: usize,
}

impl Trades {
    /// Of the results of finished trades in order of time, after all costs.
    #[must_use]
    pub fn of(results: &[f64]) -> Self {
        let n = results.len();
        let share = |part: f64| (n > 0).then(|| part / n as f64);
        let profits: f64 = results.iter().map(|result| result.max(0.0)).sum();
        let losses: f64 = results.iter().map(|result| (-result).max(0.0)).sum();
        let (mut streak, mut longest) = (0, 0);
        for result in results {
            streak = if *result < 0.0 { streak + 1 } else { 0 };
            longest = longest.max(streak);
        }
        Self {
            n,
            win_rate: share(results.iter().filter(|result| **result > 0.0).count() as f64),
            profit_factor: (losses > 0.0).then(|| profits / losses),
            expectancy: share(results.iter().sum()),
            losing_streak_max: longest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::close;
    use super::*;

    #[test]
    fn a_curve_by_hand() {
        // Returns 10 %, -50 %, 100 %, 0: up, half lost, back at the peak after two periods, still there.
        let found = Performance::of(&[100.0, 110.0, 55.0, 110.0, 110.0], 4.0).unwrap();
        close(found.total_return, 0.1, 1e-12);
        close(found.annual_return, 0.1, 1e-12);
        let deviation = ((0.05f64.powi(2) + 0.65f64.powi(2) + 0.85f64.powi(2) + 0.15f64.powi(2)) / 3.0).sqrt();
        close(found.annual_volatility, 2.0 * deviation, 1e-12);
        close(found.sharpe.unwrap(), 0.15 / deviation * 2.0, 1e-12);
        close(found.sortino.unwrap(), 0.15 / 0.25 * 2.0, 1e-12);
        close(found.drawdown_max, 0.5, 1e-12);
        close(found.calmar.unwrap(), 0.2, 1e-12);
        assert_eq!((found.periods, found.drawdown_periods_max), (4, 1));
        close(found.value_at_risk_95, 0.5, 1e-12);
        close(found.expected_shortfall_95, 0.5, 1e-12);
    }

    #[test]
    fn a_flat_curve_has_no_ratios_and_a_broken_one_nothing() {
        let flat = Performance::of(&[5.0; 10], 365.0).unwrap();
        assert_eq!((flat.sharpe, flat.sortino, flat.calmar, flat.annual_return), (None, None, None, 0.0));
        for broken in [&[1.0, 2.0][..], &[1.0, 0.0, 1.0], &[1.0, f64::NAN, 1.0]] {
            assert_eq!(Performance::of(broken, 365.0), None);
        }
    }

    #[test]
    fn trades_by_hand() {
        let trades = Trades::of(&[3.0, -1.0, -1.0, 0.0, 1.0, -2.0]);
        assert_eq!((trades.n, trades.win_rate, trades.profit_factor), (6, Some(2.0 / 6.0), Some(1.0)));
        assert_eq!((trades.expectancy, trades.losing_streak_max), (Some(0.0), 2));
        assert_eq!(Trades::of(&[]), Trades::default());
        assert_eq!(Trades::of(&[1.0]).profit_factor, None, "nothing was lost");
    }
}
