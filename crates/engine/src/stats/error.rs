//! Errors of point forecasts. All are means over pairs of forecast and outcome, `None` where they are not defined.

use super::mean;

/// Mean absolute error.
#[must_use]
pub fn mae(pairs: &[(f64, f64)]) -> Option<f64> {
    mean(pairs.iter().map(|(forecast, outcome)| (forecast - outcome).abs()))
}

/// Root of the mean squared error.
#[must_use]
pub fn rmse(pairs: &[(f64, f64)]) -> Option<f64> {
    mean(pairs.iter().map(|(forecast, outcome)| (forecast - outcome) * (forecast - outcome))).map(f64::sqrt)
}

/// Mean absolute percentage error, a ratio; for prices, never for returns: `None` where an outcome is zero.
#[must_use]
pub fn mape(pairs: &[(f64, f64)]) -> Option<f64> {
    let is_defined = pairs.iter().all(|(_, outcome)| *outcome != 0.0);
    is_defined.then(|| mean(pairs.iter().map(|(forecast, outcome)| ((forecast - outcome) / outcome).abs())))?
}

/// Mean absolute error over that of `scale`, the mean absolute error of the naive forecast in the sample that the model was fitted to
/// (Hyndman and Koehler, *Another look at measures of forecast accuracy*, International Journal of Forecasting 22, 2006).
#[must_use]
pub fn mase(pairs: &[(f64, f64)], scale: f64) -> Option<f64> {
    (scale > 0.0).then(|| mae(pairs).map(|mae| mae / scale))?
}

/// Mean absolute change over `season` steps: what [`mase`] measures on.
#[must_use]
pub fn naive_scale(values: &[f64], season: usize) -> Option<f64> {
    let pairs = values.iter().zip(values.get(season.max(1)..)?);
    mean(pairs.map(|(before, now)| (now - before).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_case_by_hand() {
        let pairs = [(102.0, 100.0), (99.0, 100.0), (105.0, 101.0)];
        let close = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?}");
        close(mae(&pairs), 7.0 / 3.0);
        close(rmse(&pairs), 7.0f64.sqrt());
        close(mape(&pairs), (0.02 + 0.01 + 4.0 / 101.0) / 3.0);
        let fitted = [10.0, 12.0, 11.0, 14.0];
        close(naive_scale(&fitted, 1), 2.0);
        close(naive_scale(&fitted, 2), 1.5);
        close(mase(&pairs, 2.0), 7.0 / 6.0);
        assert_eq!(
            (mae(&[]), mape(&[(1.0, 0.0)]), mase(&pairs, 0.0), naive_scale(&[1.0], 1)),
            (None, None, None, None)
        );
    }
}
