//! How time is cut: walk-forward folds, the final fit, and a last part that nothing is fitted or chosen on.
//!
//! ```text
//! |------------------- development ------------------|--- held out ---|
//! |--- train ---|- val -|-- test --|                                     fold 0
//! |-------- train --------|- val -|-- test --|                           fold 1 ...
//! |------------------ train -----------------|- val -|                   final fit
//! ```
//!
//! A window belongs to a part only when all of its rows and all of its outcomes lie in it. So neighbouring parts share
//! neither a row (embargo: the window's length) nor a label (purge: the longest horizon).

use anyhow::ensure;
use serde::{Deserialize, Serialize};

/// A span of minutes, the second one exclusive.
pub type Span = (i64, i64);

/// One fit: what it learns from, what stops it, and what it is judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    pub train: Span,
    pub validation: Span,
    /// Empty for the final fit.
    pub test: Span,
}

/// All parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Walk-forward folds, oldest test first.
    pub folds: Vec<Fold>,
    /// The fit that is released.
    pub last: Fold,
    /// Nothing is fitted or chosen on it.
    pub held_out: Span,
}

/// Share of all time that is held out.
const HELD_OUT: f64 = 0.2;
/// Share of a fold's past that stops its fit.
const VALIDATION: f64 = 0.15;
/// Where the tests of the folds begin, as a share of the development time.
const TESTS_FROM: f64 = 0.4;

impl Split {
    /// Cuts a span of minutes. Each part must be longer than `shortest` minutes, so that a window with its outcomes fits.
    pub fn new(range: Span, folds: usize, shortest: i64) -> anyhow::Result<Self> {
        let at = |from: i64, to: i64, share: f64| from + ((to - from) as f64 * share) as i64;
        let (first, end) = range;
        let held_from = at(first, end, 1.0 - HELD_OUT);
        let fold = |past: i64, test: Span| {
            let validation_from = at(first, past, 1.0 - VALIDATION);
            Fold { train: (first, validation_from), validation: (validation_from, past), test }
        };
        let bound = |index: usize| {
            let share = TESTS_FROM + (1.0 - TESTS_FROM) * index as f64 / folds.max(1) as f64;
            at(first, held_from, share)
        };
        let folds: Vec<Fold> = (0..folds).map(|i| fold(bound(i), (bound(i), bound(i + 1)))).collect();
        let split = Self { folds, last: fold(held_from, (held_from, held_from)), held_out: (held_from, end) };
        let spans = split.folds.iter().flat_map(|fold| [fold.train, fold.validation, fold.test]);
        let spans = spans.chain([split.last.train, split.last.validation, split.held_out]);
        for (from, to) in spans {
            ensure!(to - from > shortest, "{} minutes are too few: a part of them must hold {shortest}", end - first);
        }
        Ok(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_learns_from_its_future_or_from_the_held_out_part() {
        let split = Split::new((1_000, 34_520), 3, 90).expect("enough minutes");
        assert_eq!(split.held_out.1, 34_520);
        let mut tested_to = None;
        for fold in &split.folds {
            assert_eq!((fold.train.1, fold.validation.1), (fold.validation.0, fold.test.0));
            assert!(tested_to.is_none_or(|to| to == fold.test.0), "tests follow each other");
            tested_to = Some(fold.test.1);
        }
        assert_eq!(tested_to, Some(split.held_out.0));
        assert_eq!(split.last.validation.1, split.held_out.0);
        assert!(Split::new((0, 500), 3, 90).is_err());
    }
}
