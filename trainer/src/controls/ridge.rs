//! Linear regression with a penalty on large weights (Hoerl and Kennard, *Ridge regression: biased estimation for nonorthogonal
//! problems*, Technometrics 12, 1970).

/// Penalties that are tried, as a share of the number of rows.
const PENALTIES: [f64; 6] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];
/// Features are cut at so many standard deviations: one wild minute must not decide a forecast.
const CLIP: f64 = 5.0;

/// A fitted regression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ridge {
    mean: Vec<f64>,
    /// Zero for a column that never varies.
    scale: Vec<f64>,
    intercept: f64,
    weights: Vec<f64>,
}

impl Ridge {
    /// Fits rows to outcomes with the penalty whose absolute error is smallest on the checked rows; without these the largest.
    pub(super) fn fit(rows: &[&[f32]], outcomes: &[f64], checked: &[&[f32]], checked_outcomes: &[f64]) -> Self {
        let columns = rows.first().map_or(0, |row| row.len());
        let n = rows.len() as f64;
        let mut mean = vec![0.0; columns];
        let mut scale = vec![0.0; columns];
        for row in rows {
            for (column, value) in row.iter().enumerate() {
                mean[column] += f64::from(*value) / n;
            }
        }
        for row in rows {
            for (column, value) in row.iter().enumerate() {
                scale[column] += (f64::from(*value) - mean[column]).powi(2) / n;
            }
        }
        scale.iter_mut().for_each(|scale| *scale = if *scale > 1e-24 { scale.sqrt().recip() } else { 0.0 });
        let intercept = outcomes.iter().sum::<f64>() / n;
        let empty = Self { mean, scale, intercept, weights: vec![0.0; columns] };

        let (mut products, mut sums) = (vec![0.0; columns * columns], vec![0.0; columns]);
        let mut normalised = vec![0.0; columns];
        for (row, outcome) in rows.iter().zip(outcomes) {
            empty.normalise(row, &mut normalised);
            for (i, value) in normalised.iter().enumerate() {
                sums[i] += value * (outcome - intercept);
                for (product, other) in products[i * columns..].iter_mut().zip(&normalised) {
                    *product += value * other;
                }
            }
        }
        let with = |penalty: &f64| {
            let mut penalised = products.clone();
            (0..columns).for_each(|i| penalised[i * columns + i] += penalty * n);
            Self { weights: solve(penalised, sums.clone()), ..empty.clone() }
        };
        let error = |ridge: &Self| {
            let pairs = checked.iter().zip(checked_outcomes);
            pairs.map(|(row, outcome)| (ridge.predict(row) - outcome).abs()).sum::<f64>()
        };
        // Of equal errors the larger penalty counts.
        PENALTIES.iter().rev().map(with).min_by(|a, b| error(a).total_cmp(&error(b))).expect("there are penalties")
    }

    /// The expected outcome of a row.
    pub(super) fn predict(&self, row: &[f32]) -> f64 {
        let mut normalised = vec![0.0; self.mean.len()];
        self.normalise(row, &mut normalised);
        self.intercept + normalised.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum::<f64>()
    }

    fn normalise(&self, row: &[f32], out: &mut [f64]) {
        for (column, value) in row.iter().enumerate() {
            out[column] = ((f64::from(*value) - self.mean[column]) * self.scale[column]).clamp(-CLIP, CLIP);
        }
    }
}

/// Solves a symmetric positive definite system, row-major, by Cholesky's decomposition.
fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for i in 0..n {
        for j in 0..=i {
            let sum = matrix[i * n + j] - (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum::<f64>();
            matrix[i * n + j] = if i == j { sum.sqrt() } else { sum / matrix[j * n + j] };
        }
    }
    for i in 0..n {
        right[i] = (right[i] - (0..i).map(|k| matrix[i * n + k] * right[k]).sum::<f64>()) / matrix[i * n + i];
    }
    for i in (0..n).rev() {
        right[i] = (right[i] - (i + 1..n).map(|k| matrix[k * n + i] * right[k]).sum::<f64>()) / matrix[i * n + i];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_small_system_by_hand() {
        // 4x + 2y = 8 and 2x + 3y = 8.
        let found = solve(vec![4.0, 2.0, 2.0, 3.0], vec![8.0, 8.0]);
        assert!((found[0] - 1.0).abs() < 1e-12 && (found[1] - 2.0).abs() < 1e-12, "{found:?}");
    }

    fn sample(signal: f64, seed: u64) -> (Vec<[f32; 3]>, Vec<f64>) {
        let mut random = Random::new(seed, 1);
        let mut row = || {
            let row = [random.uniform(-1.0, 1.0), random.uniform(99.0, 101.0), 7.0];
            let came = signal * f64::from(2.0 * row[0] - (row[1] - 100.0)) + f64::from(random.uniform(-1.0, 1.0));
            (row, came)
        };
        (0..2_000).map(|_| row()).unzip()
    }

    fn fit(signal: f64) -> Ridge {
        let ((rows, came), (checked, checked_came)) = (sample(signal, 1), sample(signal, 2));
        Ridge::fit(&slices(&rows), &came, &slices(&checked), &checked_came)
    }

    fn slices(rows: &[[f32; 3]]) -> Vec<&[f32]> {
        rows.iter().map(<[f32; 3]>::as_slice).collect()
    }

    #[test]
    fn a_line_is_found_and_a_constant_column_is_left_alone() {
        let found = fit(1.0);
        let slope = |from: [f32; 3], to: [f32; 3]| found.predict(&to) - found.predict(&from);
        assert!((slope([0.0, 100.0, 7.0], [0.5, 100.0, 7.0]) - 1.0).abs() < 0.1);
        assert!((slope([0.0, 100.0, 7.0], [0.0, 100.5, 7.0]) + 0.5).abs() < 0.1);
        assert_eq!(slope([0.0, 100.0, 7.0], [0.0, 100.0, 9.0]), 0.0);
    }

    #[test]
    fn noise_gets_the_largest_penalty() {
        let found = fit(0.0);
        assert!(found.weights.iter().all(|weight| weight.abs() < 0.01), "{found:?}");
    }
}
