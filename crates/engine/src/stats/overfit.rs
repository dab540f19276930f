//! Whether choosing the best of many strategies on the past chooses anything at all.

use core::cmp::Ordering;

/// What choosing on one half of the past gave on the other, over all ways to halve it.
#[derive(Clone, Debug, PartialEq)]
pub struct Overfit {
    /// Share of halvings in which the best on one half is no better than the median on the other: 0.5 by chance.
    pub probability: f64,
    /// For each halving the logit of the relative rank that the chosen strategy has on the other half; above zero it is better than the
    /// median.
    pub logits: Vec<f64>,
}

/// Most blocks: 12 870 ways to halve them.
pub const BLOCKS_MAX: usize = 16;

/// The probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey, Borwein, López de Prado and Zhu, *The
/// probability of backtest overfitting*, Journal of Computational Finance 20, 2016). `returns` holds the returns of each strategy tried, over
/// the same periods; time is cut into `blocks` equal pieces (an even number, at most [`BLOCKS_MAX`]; what is left over at the end is not
/// used), and strategies are compared by their Sharpe ratios.
///
/// `None` for fewer than two strategies, odd or too many blocks, fewer than two periods a block, lengths that differ.
#[must_use]
pub fn overfitting(returns: &[Vec<f64>], blocks: usize) -> Option<Overfit> {
    let periods = returns.first()?.len();
    let size = periods.checked_div(blocks)?;
    let is_sound = returns.len() > 1
        && blocks.is_multiple_of(2)
        && blocks <= BLOCKS_MAX
        && size > 1
        && returns.iter().all(|one| one.len() == periods);
    if !is_sound {
        return None;
    }
    let sums: Vec<Vec<Sums>> =
        returns.iter().map(|one| one.chunks_exact(size).take(blocks).map(Sums::of).collect()).collect();
    let halves = (0u32..1 << blocks).filter(|half| half.count_ones() as usize == blocks / 2);
    let logits: Vec<f64> = halves.map(|half| logit(&sums, half)).collect();
    let missed = logits.iter().filter(|logit| **logit <= 0.0).count();
    Some(Overfit { probability: missed as f64 / logits.len() as f64, logits })
}

/// The best strategy on the blocks in `half` is looked for among all on the others.
fn logit(sums: &[Vec<Sums>], half: u32) -> f64 {
    let sharpe = |one: &[Sums], is_chosen: bool| {
        let blocks = one.iter().enumerate().filter(|(block, _)| (half >> block & 1 == 1) == is_chosen);
        blocks.fold(Sums::default(), |all, (_, block)| all.with(block)).sharpe()
    };
    let inside = sums.iter().map(|one| sharpe(one, true));
    let Some((best, _)) = inside.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else { return 0.0 };
    let outside: Vec<f64> = sums.iter().map(|one| sharpe(one, false)).collect();
    let own = outside[best];
    let below = outside.iter().filter(|other| **other < own).count() as f64;
    let same = outside.iter().filter(|other| other.partial_cmp(&&own).is_some_and(Ordering::is_eq)).count() as f64;
    // The middle of those that share its rank, which begins with one.
    let rank = (below + (same + 1.0) / 2.0) / (outside.len() + 1) as f64;
    libm::log(rank / (1.0 - rank))
}

/// What a Sharpe ratio needs of some periods.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn of(returns: &[f64]) -> Self {
        let add = |sums: Self, value: &f64| sums.with(&Self { count: 1.0, sum: *value, squares: value * value });
        returns.iter().fold(Self::default(), add)
    }

    fn with(self, other: &Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum + other.sum, squares: self.squares + other.squares }
    }

    /// Zero where returns do not vary: who never trades has no ratio, and earns nothing.
    fn sharpe(&self) -> f64 {
        let mean = self.sum / self.count;
        let variance = self.squares / self.count - mean * mean;
        if variance > 0.0 { mean / variance.sqrt() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform between -0.5 and 0.5.
    fn noise(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }

    fn market(strategies: usize, seed: u64, edge: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
        let mut seed = seed;
        (0..strategies).map(|one| (0..640).map(|period| noise(&mut seed) + edge(one, period)).collect()).collect()
    }

    #[test]
    fn the_best_of_noise_is_the_median_and_real_skill_is_found_again() {
        let found: Vec<f64> =
            (0..20).map(|seed| overfitting(&market(20, seed, |_, _| 0.0), 8).unwrap().probability).collect();
        let mean = found.iter().sum::<f64>() / 20.0;
        assert!((0.4..0.6).contains(&mean), "{mean}: {found:?}");
        let skilled = overfitting(&market(20, 1, |one, _| if one == 7 { 0.2 } else { 0.0 }), 16).unwrap();
        assert_eq!((skilled.probability, skilled.logits.len()), (0.0, 12_870));
        // Twentieth of twenty: ln(20 / 1).
        assert!(skilled.logits.iter().all(|logit| (logit - libm::log(20.0)).abs() < 1e-12));
    }

    #[test]
    fn who_was_best_because_of_one_half_is_the_worst_on_the_other() {
        // Two strategies whose returns are each other's opposite, and change sign in the middle.
        let one: Vec<f64> =
            (0..40).map(|n| if n < 20 { 1.0 } else { -1.0 } + if n % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let other: Vec<f64> = one.iter().map(|value| -value).collect();
        let found = overfitting(&[one, other], 2).unwrap();
        assert_eq!(found.logits.iter().filter(|logit| **logit < 0.0).count(), 2, "{found:?}");
        assert!(found.logits.iter().all(|logit| (logit + libm::log(2.0)).abs() < 1e-12), "{:?}", found.logits);
    }

    #[test]
    fn what_cannot_be_halved_is_refused() {
        let returns = market(3, 1, |_, _| 0.0);
        for blocks in [0, 3, 18, 640] {
            assert_eq!(overfitting(&returns, blocks), None, "{blocks}");
        }
        assert_eq!(overfitting(&returns[..1], 8), None);
        assert_eq!(overfitting(&[], 8), None);
        assert_eq!(overfitting(&[returns[0].clone(), vec![0.0; 8]], 8), None);
        let still = overfitting(&[vec![0.0; 40], vec![0.0; 40]], 4).unwrap();
        assert_eq!((still.probability, still.logits.as_slice()), (1.0, &[0.0; 6][..]), "nobody is better");
    }
}
