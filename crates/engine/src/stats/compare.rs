//! Whether one forecaster is better than another.

use super::special::student_cdf;

/// What the test of two forecasters says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Mean of the loss differences: below zero where the first forecaster loses less.
    pub difference: f64,
    /// The statistic, corrected; below zero for the first.
    pub statistic: f64,
    /// Probability of a statistic as far from zero if both were equally good (two-sided).
    pub p_value: f64,
}

/// Diebold and Mariano's test of equal accuracy of forecasts `horizon` steps ahead, made at every step (*Comparing Predictive Accuracy*,
/// Journal of Business & Economic Statistics 13, 1995), with the small-sample correction and Student's distribution of Harvey, Leybourne
/// and Newbold (*Testing the equality of prediction mean squared errors*, International Journal of Forecasting 13, 1997).
///
/// `losses` are pairs (first, second) in time order. The long-run variance is that of a moving average of order `horizon` - 1: rectangular
/// weights, as in both papers; where these give a negative variance, Bartlett's. `None` with fewer than two losses, fewer than
/// `horizon`, or no variance.
#[must_use]
pub fn diebold_mariano(losses: &[(f64, f64)], horizon: usize) -> Option<Comparison> {
    let count = losses.len();
    if count < 2 || horizon == 0 || horizon > count {
        return None;
    }
    let n = count as f64;
    let difference = losses.iter().map(|(first, second)| first - second).sum::<f64>() / n;
    let deviations: Vec<f64> = losses.iter().map(|(first, second)| first - second - difference).collect();
    let covariance = |lag: usize| deviations.iter().zip(&deviations[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
    let long_run = |weight: &dyn Fn(usize) -> f64| {
        covariance(0) + 2.0 * (1..horizon).map(|lag| weight(lag) * covariance(lag)).sum::<f64>()
    };
    let mut variance = long_run(&|_| 1.0);
    if variance <= 0.0 {
        variance = long_run(&|lag| 1.0 - lag as f64 / horizon as f64);
    }
    if variance.is_nan() || variance <= 0.0 {
        return None;
    }
    let statistic = difference / (variance / n).sqrt() * small_sample_factor(count, horizon)?;
    let p_value = 2.0 * student_cdf(-statistic.abs(), n - 1.0);
    Some(Comparison { difference, statistic, p_value })
}

/// Harvey, Leybourne and Newbold's factor on the statistic; `None` where it is not defined.
#[must_use]
pub fn small_sample_factor(count: usize, horizon: usize) -> Option<f64> {
    let (n, h) = (count as f64, horizon as f64);
    let squared = (n + 1.0 - 2.0 * h + h * (h - 1.0) / n) / n;
    (count > 0 && squared > 0.0).then(|| squared.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_is_the_published_one() {
        // Harvey, Leybourne and Newbold (1997), at T = 100 and h = 5.
        assert!((small_sample_factor(100, 5).unwrap() - 0.954_987).abs() < 5e-7);
        assert_eq!(
            (small_sample_factor(0, 1), small_sample_factor(100, 1).map(|f| (f * f * 100.0).round())),
            (None, Some(99.0))
        );
    }

    #[test]
    fn one_step_ahead_it_is_students_test_of_the_mean() {
        // With h = 1 the corrected statistic is exactly the t statistic of the differences.
        let losses = [(1.0, 2.0), (2.0, 2.5), (3.0, 2.0), (1.0, 4.0), (0.5, 1.0)];
        let found = diebold_mariano(&losses, 1).expect("varies");
        let d: Vec<f64> = losses.iter().map(|(a, b)| a - b).collect();
        let mean = d.iter().sum::<f64>() / 5.0;
        let deviation = (d.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 4.0).sqrt();
        assert!((found.statistic - mean / (deviation / 5f64.sqrt())).abs() < 1e-12, "{found:?}");
        assert!((found.p_value - 2.0 * student_cdf(found.statistic, 4.0)).abs() < 1e-12);
        let swapped: Vec<(f64, f64)> = losses.iter().map(|(a, b)| (*b, *a)).collect();
        assert_eq!(
            diebold_mariano(&swapped, 1).map(|c| (-c.statistic, c.p_value)),
            Some((found.statistic, found.p_value))
        );
    }

    #[test]
    fn overlap_is_counted_and_nonsense_is_not_tested() {
        // Each difference told three times in a row: no more is known than from each once.
        let once: Vec<(f64, f64)> =
            (0..60).map(|n| (f64::from((n * 37) % 11), f64::from((n * 17) % 7) + 3.5)).collect();
        let thrice: Vec<(f64, f64)> = once.iter().flat_map(|pair| [*pair; 3]).collect();
        let (alone, naive) = (diebold_mariano(&once, 1).unwrap(), diebold_mariano(&thrice, 1).unwrap());
        let aware = diebold_mariano(&thrice, 3).unwrap();
        assert!(
            naive.p_value < alone.p_value / 2.0 && aware.p_value > naive.p_value * 2.0,
            "{alone:?} {naive:?} {aware:?}"
        );
        assert_eq!(diebold_mariano(&[(1.0, 1.0); 9], 1), None, "no difference has no variance");
        assert_eq!(
            (diebold_mariano(&once[..1], 1), diebold_mariano(&once, 0), diebold_mariano(&once, 61)),
            (None, None, None)
        );
        assert_eq!(diebold_mariano(&[(f64::NAN, 1.0); 9], 1), None);
    }
}
