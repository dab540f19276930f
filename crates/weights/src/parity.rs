use crate::Covariance;

/// Most rounds over all positions. A round costs the square of their number.
const ROUNDS_MAX: usize = 1_000;
/// Relative change of a weight in a round below which it is done.
const SETTLED: f64 = 1e-12;

/// Weights that sum to one and of which each carries the same part of the portfolio's risk: `w_i (C w)_i` is the same for all.
///
/// There is exactly one such portfolio without short positions. Found by cyclical coordinate descent on `x C x / 2 - sum ln x_i / n`
/// (Spinu, "An algorithm for computing risk parity weights", 2013; Griveau-Billion, Richard, Roncalli, "A fast algorithm for computing
/// high-dimensional risk parity portfolios", 2013).
///
/// `None` for no position, or where it does not settle.
#[must_use]
pub fn parity(covariance: &Covariance) -> Option<Vec<f64>> {
    let size = covariance.size();
    let budget = 1.0 / size as f64;
    let mut weights: Vec<f64> = (0..size).map(|row| (budget / covariance.at(row, row)).sqrt()).collect();
    for _ in 0..ROUNDS_MAX {
        let mut change = 0.0f64;
        for row in 0..size {
            let own = covariance.at(row, row);
            let others = covariance.with(row, &weights) - own * weights[row];
            let next = ((others * others + 4.0 * own * budget).sqrt() - others) / (2.0 * own);
            change = change.max((next - weights[row]).abs() / next);
            weights[row] = next;
        }
        if change < SETTLED {
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            return (size > 0 && sum.is_finite()).then_some(weights);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Independent positions weigh as the inverse of their deviation; two positions always do (Maillard, Roncalli, Teiletche 2010,
    /// section 2.3).
    #[test]
    fn known_portfolios() {
        let check = |size, values: &[f64], expected: &[f64]| {
            let weights = parity(&Covariance::new(size, values.to_vec()).unwrap()).unwrap();
            let is_near = weights.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9);
            assert!(is_near, "{weights:?} is not {expected:?}");
        };
        check(1, &[0.04], &[1.0]);
        check(2, &[0.01, 0.0, 0.0, 0.04], &[2.0 / 3.0, 1.0 / 3.0]);
        check(2, &[0.01, 0.015, 0.015, 0.04], &[2.0 / 3.0, 1.0 / 3.0]);
        check(3, &[1.0, 0.5, 0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 1.0], &[1.0 / 3.0; 3]);
        assert_eq!(Covariance::new(2, vec![1.0, 0.5, 0.4, 1.0]), None, "not symmetric");
        assert_eq!(Covariance::new(1, vec![0.0]), None, "does not move");
        assert_eq!(parity(&Covariance::new(0, Vec::new()).unwrap()), None);
    }

    /// The example of Maillard, Roncalli and Teiletche (2010), section 3: deviations of 10, 20, 30 and 40 %, with correlations of 0.8
    /// between the first two, -0.5 between the last two and none else; weights of 38.4, 19.2, 24.3 and 18.2 %.
    #[test]
    fn a_published_portfolio() {
        let deviations = [0.1, 0.2, 0.3, 0.4];
        let correlation = |a: usize, b: usize| match (a.min(b), a.max(b)) {
            (0, 1) => 0.8,
            (2, 3) => -0.5,
            (a, b) if a == b => 1.0,
            _ => 0.0,
        };
        let values =
            (0..16).map(|n| correlation(n / 4, n % 4) * deviations[n / 4] * deviations[n % 4]).collect::<Vec<_>>();
        let weights = parity(&Covariance::new(4, values).unwrap()).unwrap();
        let percent: Vec<f64> = weights.iter().map(|weight| (weight * 1000.0).round() / 10.0).collect();
        assert_eq!(percent, [38.4, 19.2, 24.3, 18.2]);
    }

    proptest! {
        #[test]
        fn every_position_carries_the_same_risk(returns in prop::collection::vec(prop::collection::vec(-0.1f64..0.1, 30), 1..12)) {
            let covariance = Covariance::of_returns(&returns).expect("they move");
            let weights = parity(&covariance).expect("settles");
            let risks: Vec<f64> = (0..weights.len()).map(|row| weights[row] * covariance.with(row, &weights)).collect();
            let part = covariance.variance(&weights) / weights.len() as f64;
            prop_assert!(risks.iter().all(|risk| (risk - part).abs() < 1e-6 * part), "{risks:?}");
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12 && weights.iter().all(|weight| *weight > 0.0));
        }
    }
}
