//! When a trial is given up.

use super::Trial;

/// A rule for giving up trials that will hardly become the best. Values are losses: lower is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruner {
    /// Every trial is trained to its end.
    None,
    /// A trial that is worse than the median of earlier ones after as many epochs (Golovin and others, *Google Vizier: a service for
    /// black-box optimization*, KDD 2017).
    Median {
        /// Trials before the first is given up.
        trials: usize,
        /// Epochs that each trial gets.
        epochs: usize,
    },
    /// After `first`, `first` x `keep`, ... epochs one of `keep` trials goes on (Li and others, *A system for massively parallel
    /// hyperparameter tuning*, MLSys 2020, where trials come one by one).
    Halving {
        /// Epochs of the first rung.
        first: usize,
        /// One of how many goes on; at least 2.
        keep: usize,
    },
}

impl Pruner {
    /// Why a trial with this loss after each epoch should be given up now, beside the trials before it.
    pub fn reason(self, before: &[Trial], epochs: &[f64]) -> Option<String> {
        let (done, last) = (epochs.len(), *epochs.last()?);
        let mut others: Vec<f64> = before.iter().filter_map(|trial| trial.epochs.get(done - 1)).copied().collect();
        others.sort_unstable_by(f64::total_cmp);
        match self {
            Self::None => None,
            Self::Median { trials, epochs } => {
                let is_warm = others.len() >= trials.max(1) && done >= epochs;
                let median = *others.get(others.len() / 2).filter(|_| is_warm)?;
                (last > median).then(|| format!("worse than the median {median:.5} after {done} epochs"))
            }
            Self::Halving { first, keep } => {
                let is_rung =
                    std::iter::successors(Some(first), |rung| rung.checked_mul(keep)).take(64).any(|rung| rung == done);
                let go_on = (others.len() + 1) / keep;
                let bound = *others.get(go_on.checked_sub(1)?).filter(|_| is_rung)?;
                (last > bound)
                    .then(|| format!("not among the best {go_on} of {} after {done} epochs", others.len() + 1))
            }
        }
    }
}
