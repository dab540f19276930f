use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus};

use crate::{Covariance, Limits};

/// The weights with the highest `expected . w - aversion / 2 * w C w` within limits.
///
/// With an `aversion` of one that is the portfolio that grows fastest (Kelly) to second order; of four, a quarter of it where no limit
/// binds. Source: Markowitz, "Portfolio selection", 1952. Solved by an interior-point method to a relative gap of 1e-9.
///
/// `None` where the sizes differ, something is not finite, no weights keep the limits, or the solver does not settle.
#[must_use]
pub fn mean_variance(expected: &[f64], covariance: &Covariance, aversion: f64, limits: &Limits) -> Option<Vec<f64>> {
    let size = covariance.size();
    let is_fit = expected.len() == size && expected.iter().all(|value| value.is_finite()) && limits.are_fit(size);
    if !is_fit || size == 0 || !aversion.is_finite() || aversion <= 0.0 {
        return None;
    }
    // Returns of minutes squared are tiny: the objective is told in units of the largest variance.
    let unit = (0..size).map(|row| aversion * covariance.at(row, row)).fold(0.0, f64::max);
    let objective = upper_triangle(size, |row, column| aversion * covariance.at(row, column) / unit);
    let linear: Vec<f64> = expected.iter().map(|value| -value / unit).collect();
    let (rows, bounds) = constraints(limits);
    let cones = [NonnegativeConeT(bounds.len())];
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .tol_gap_abs(1e-9)
        .tol_gap_rel(1e-9)
        .tol_feas(1e-9)
        .max_threads(1)
        .build()
        .ok()?;
    let mut solver = DefaultSolver::new(&objective, &linear, &rows, &bounds, &cones, settings).ok()?;
    solver.solve();
    let is_solved = matches!(solver.solution.status, SolverStatus::Solved | SolverStatus::AlmostSolved);
    let within = |(weight, (low, high)): (&f64, &(f64, f64))| weight.clamp(*low, *high);
    is_solved.then(|| solver.solution.x.iter().zip(&limits.each).map(within).collect())
}

/// Rows `A w <= b`: at least and at most so much of each, of all, of groups.
fn constraints(limits: &Limits) -> (CscMatrix<f64>, Vec<f64>) {
    let size = limits.each.len();
    let mut bounds: Vec<f64> = limits.each.iter().map(|(low, _)| -low).collect();
    bounds.extend(limits.each.iter().map(|(_, high)| high));
    bounds.push(limits.sum_max);
    bounds.extend(limits.groups.iter().map(|group| group.max));
    let mut columns = Columns::default();
    for place in 0..size {
        columns.put(place, -1.0);
        columns.put(size + place, 1.0);
        columns.put(2 * size, 1.0);
        for (number, group) in limits.groups.iter().enumerate() {
            if group.members.contains(&place) {
                columns.put(2 * size + 1 + number, 1.0);
            }
        }
        columns.end();
    }
    (columns.matrix(bounds.len(), size), bounds)
}

fn upper_triangle(size: usize, value: impl Fn(usize, usize) -> f64) -> CscMatrix<f64> {
    let mut columns = Columns::default();
    for column in 0..size {
        for row in 0..=column {
            columns.put(row, value(row, column));
        }
        columns.end();
    }
    columns.matrix(size, size)
}

/// A sparse matrix, column by column.
#[derive(Default)]
struct Columns {
    starts: Vec<usize>,
    rows: Vec<usize>,
    values: Vec<f64>,
}

impl Columns {
    fn put(&mut self, row: usize, value: f64) {
        self.rows.push(row);
        self.values.push(value);
    }

    fn end(&mut self) {
        self.starts.push(self.rows.len());
    }

    fn matrix(mut self, rows: usize, columns: usize) -> CscMatrix<f64> {
        self.starts.insert(0, 0);
        CscMatrix::new(rows, columns, self.starts, self.rows, self.values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Group;

    fn free(size: usize) -> Limits {
        Limits { each: vec![(0.0, 1.0); size], sum_max: 1.0, groups: Vec::new() }
    }

    #[track_caller]
    fn check(expected: &[f64], values: &[f64], aversion: f64, limits: &Limits, wanted: &[f64]) {
        let covariance = Covariance::new(expected.len(), values.to_vec()).unwrap();
        let weights = mean_variance(expected, &covariance, aversion, limits).unwrap();
        let is_near = weights.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-6);
        assert!(is_near, "{weights:?} is not {wanted:?}");
    }

    #[test]
    fn portfolios_by_hand() {
        // Kelly of one position: mean over variance, a quarter of it with an aversion of four, and never beyond a limit.
        check(&[0.01], &[0.04], 1.0, &free(1), &[0.25]);
        check(&[0.01], &[0.04], 4.0, &free(1), &[0.0625]);
        check(&[0.10], &[0.04], 1.0, &free(1), &[1.0]);
        check(&[-0.01], &[0.04], 1.0, &free(1), &[0.0]);
        // Independent ones do not care for each other.
        check(&[0.01, 0.01], &[0.04, 0.0, 0.0, 0.08], 1.0, &free(2), &[0.25, 0.125]);
        // Minutes: a ten-thousandth of variance.
        check(&[1e-6], &[4e-6], 1.0, &free(1), &[0.25]);
        // Two of the same: only the better one.
        check(&[0.01, 0.008], &[0.04, 0.04, 0.04, 0.0400001], 1.0, &free(2), &[0.25, 0.0]);
        // A group, and one that stays as it is and hedges: (0.01 + 0.02 x 0.1) / 0.04.
        let together = Limits { groups: vec![Group { members: vec![0, 1], max: 0.3 }], ..free(2) };
        check(&[0.01, 0.01], &[0.04, 0.0, 0.0, 0.04], 1.0, &together, &[0.15, 0.15]);
        let held = Limits { each: vec![(0.0, 1.0), (0.1, 0.1)], ..free(2) };
        check(&[0.01, 0.0], &[0.04, -0.02, -0.02, 0.04], 1.0, &held, &[0.3, 0.1]);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let covariance = Covariance::new(1, vec![0.04]).unwrap();
        let none = |expected: &[f64], aversion, limits: &Limits| {
            assert_eq!(mean_variance(expected, &covariance, aversion, limits), None);
        };
        none(&[0.01, 0.02], 1.0, &free(1));
        none(&[f64::NAN], 1.0, &free(1));
        none(&[0.01], 0.0, &free(1));
        none(&[0.01], 1.0, &free(2));
        none(&[0.01], 1.0, &Limits { each: vec![(0.5, 1.0)], sum_max: 0.2, groups: Vec::new() });
        none(&[0.01], 1.0, &Limits { each: vec![(1.0, 0.5)], ..free(1) });
        none(&[0.01], 1.0, &Limits { each: vec![(f64::NAN, f64::NAN)], ..free(1) });
        none(&[0.01], 1.0, &Limits { sum_max: f64::NAN, ..free(1) });
    }

    proptest! {
        /// No better weights are found nearby, nor anywhere at random.
        #[test]
        fn nothing_within_the_limits_is_better(
            returns in prop::collection::vec(prop::collection::vec(-0.02f64..0.02, 40), 1..8),
            expected in prop::collection::vec(-0.001f64..0.002, 8),
            aversion in 0.5f64..20.0,
            most in 0.1f64..0.6,
            tries in prop::collection::vec(prop::collection::vec(0.0f64..1.0, 8), 50),
        ) {
            let size = returns.len();
            let covariance = Covariance::of_returns(&returns).expect("they move");
            let groups = vec![Group { members: (0..size).step_by(2).collect(), max: 0.5 }];
            let limits = Limits { each: vec![(0.0, most); size], sum_max: 0.9, groups };
            let weights = mean_variance(&expected[..size], &covariance, aversion, &limits).expect("settles");
            prop_assert!(limits.hold(&weights, 1e-6), "{weights:?}");
            let worth = |weights: &[f64]| {
                let gain: f64 = weights.iter().zip(&expected).map(|(weight, expected)| weight * expected).sum();
                gain - aversion / 2.0 * covariance.variance(weights)
            };
            for other in tries {
                // A step from what was found towards something at random that keeps the limits.
                let sum: f64 = other[..size].iter().sum();
                let other: Vec<f64> = other[..size].iter().map(|weight| (weight / sum.max(1.0) * 0.5).min(most)).collect();
                for step in [0.01, 0.3, 1.0] {
                    let mixed: Vec<f64> = weights.iter().zip(&other).map(|(a, b)| a + step * (b - a)).collect();
                    prop_assert!(worth(&mixed) <= worth(&weights) + 1e-9, "{mixed:?} beats {weights:?}");
                }
            }
            let again = mean_variance(&expected[..size], &covariance, aversion, &limits).expect("settles");
            prop_assert!(again.iter().zip(&weights).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
