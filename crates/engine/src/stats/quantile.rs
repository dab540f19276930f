//! Forecasts of quantiles and of whole distributions (Gneiting and Raftery, *Strictly proper scoring rules, prediction, and estimation*,
//! JASA 102, 2007).

use super::special::{normal_cdf, normal_density};

/// Loss of a forecast of the quantile at `level` (0 to 1): the outcome's distance, weighted with the level above and with its rest below.
#[must_use]
pub fn pinball(level: f64, forecast: f64, outcome: f64) -> f64 {
    let distance = outcome - forecast;
    if distance >= 0.0 { level * distance } else { (level - 1.0) * distance }
}

/// Continuous ranked probability score of a normal forecast, in the outcome's units; 0 is best. With no deviation it is the absolute
/// error.
#[must_use]
pub fn crps_normal(mean: f64, deviation: f64, outcome: f64) -> f64 {
    if deviation <= 0.0 {
        return (outcome - mean).abs();
    }
    let z = (outcome - mean) / deviation;
    let one_over_root_pi = 1.0 / core::f64::consts::PI.sqrt();
    deviation * (z * (2.0 * normal_cdf(z) - 1.0) + 2.0 * normal_density(z) - one_over_root_pi)
}

/// Score of a forecast of quantiles (level, value): twice their mean pinball loss. For a median and central intervals it is the weighted
/// interval score (Bracher, Ray, Gneiting and Reich, *Evaluating epidemic forecasts in an interval format*, PLOS Computational Biology
/// 17, 2021), which comes near the continuous ranked probability score as levels that are evenly spread grow many. `None` without
/// quantiles.
#[must_use]
pub fn weighted_interval_score(quantiles: &[(f64, f64)], outcome: f64) -> Option<f64> {
    super::mean(quantiles.iter().map(|(level, value)| 2.0 * pinball(*level, *value, outcome)))
}

/// Score of a central interval that should hold the outcome with probability `nominal`: its width, and a fine for what it missed (Winkler,
/// *A decision-theoretic approach to interval estimation*, JASA 67, 1972). Lower is better.
#[must_use]
pub fn interval_score(low: f64, high: f64, outcome: f64, nominal: f64) -> f64 {
    let missed = (low - outcome).max(0.0) + (outcome - high).max(0.0);
    (high - low) + 2.0 / (1.0 - nominal) * missed
}

/// Share of outcomes inside their intervals, and the intervals' mean width. `None` without intervals.
#[must_use]
pub fn coverage(intervals: &[(f64, f64, f64)]) -> Option<(f64, f64)> {
    let inside = |(low, high, outcome): &(f64, f64, f64)| f64::from(u8::from((low..=high).contains(&outcome)));
    let share = super::mean(intervals.iter().map(inside))?;
    Some((share, super::mean(intervals.iter().map(|(low, high, _)| high - low))?))
}

#[cfg(test)]
mod tests {
    use super::super::close;
    use super::*;

    #[test]
    fn the_score_of_a_normal_forecast_is_the_published_one() {
        // Gneiting and Raftery (2007), section 4.2, at the mean of the standard normal: 2 / sqrt(2 pi) - 1 / sqrt(pi).
        close(crps_normal(0.0, 1.0, 0.0), 0.233_695, 5e-7);
        close(crps_normal(3.0, 2.0, 3.0), 2.0 * 0.233_695, 1e-6);
        close(crps_normal(1.0, 0.0, -2.0), 3.0, 0.0);
        // Far away it is the distance less the expected one of two draws.
        close(crps_normal(0.0, 1.0, 50.0), 50.0 - 0.564_189_583_547_756, 1e-12);
    }

    #[test]
    fn many_quantiles_come_near_the_score_of_their_distribution() {
        let quantile = |n: u32| {
            (f64::from(2 * n + 1) / 2_000.0, super::super::special::normal_quantile(f64::from(2 * n + 1) / 2_000.0))
        };
        let quantiles: Vec<(f64, f64)> = (0..1_000).map(quantile).collect();
        for outcome in [-2.0, 0.0, 0.7] {
            close(weighted_interval_score(&quantiles, outcome).unwrap(), crps_normal(0.0, 1.0, outcome), 2e-4);
        }
        assert_eq!(weighted_interval_score(&[], 1.0), None);
    }

    #[test]
    fn pinball_interval_and_coverage_by_hand() {
        assert_eq!((pinball(0.9, 1.0, 3.0), pinball(0.9, 3.0, 1.0)), (1.8, 0.199_999_999_999_999_96));
        close(pinball(0.5, 1.0, 3.0), 1.0, 0.0);
        close(interval_score(-1.0, 1.0, 0.5, 0.9), 2.0, 0.0);
        close(interval_score(-1.0, 1.0, 1.5, 0.9), 2.0 + 20.0 * 0.5, 1e-12);
        assert_eq!(coverage(&[(0.0, 1.0, 0.5), (0.0, 2.0, 3.0)]), Some((0.5, 1.5)));
        assert_eq!(coverage(&[]), None);
    }
}
