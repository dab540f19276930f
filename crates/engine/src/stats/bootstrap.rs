//! Intervals by drawing stretches of the sample again.

/// Interval of the skill 1 - mean(error) / mean(naive error) by the moving-block bootstrap (Künsch, *The jackknife and the bootstrap for
/// general stationary observations*, Annals of Statistics 17, 1989).
///
/// `errors` are pairs (error, error of "no change"), not negative, in time order; blocks of `block` neighbours are drawn with
/// replacement until they are as many as the sample, `draws` times, from `seed`. Gives the ends that hold the share `confidence` of the
/// drawn skills, or `None` where the sample is shorter than two blocks, or the naive error is zero in a draw.
///
/// A block should reach over what hangs together: forecasts `h` steps ahead share their outcome for `h` steps, so at least `h`, and
/// some more for spells of volatility. Cost: draws x length / block.
#[must_use]
pub fn skill_interval(
    errors: &[(f64, f64)],
    block: usize,
    draws: usize,
    confidence: f64,
    seed: u64,
) -> Option<(f64, f64)> {
    let is_sound = block > 0 && draws > 0 && confidence > 0.0 && confidence < 1.0 && errors.len() >= 2 * block;
    if !is_sound {
        return None;
    }
    // Sums up to each place: a block is one difference.
    let mut sums = vec![(0.0, 0.0)];
    for (error, naive) in errors {
        let (error_before, naive_before) = sums[sums.len() - 1];
        sums.push((error_before + error, naive_before + naive));
    }
    let (starts, blocks) = ((errors.len() - block + 1) as u64, errors.len() / block);
    let mut random = SplitMix(seed);
    let mut skills = Vec::with_capacity(draws);
    for _ in 0..draws {
        let (mut error, mut naive) = (0.0, 0.0);
        for _ in 0..blocks {
            let from = random.below(starts) as usize;
            error += sums[from + block].0 - sums[from].0;
            naive += sums[from + block].1 - sums[from].1;
        }
        if naive.is_nan() || naive <= 0.0 {
            return None;
        }
        skills.push(1.0 - error / naive);
    }
    skills.sort_by(f64::total_cmp);
    let at = |share: f64| skills[((share * draws as f64) as usize).min(draws - 1)];
    let tail = (1.0 - confidence) / 2.0;
    Some((at(tail), at(1.0 - tail)))
}

/// Steele, Lea and Flood's SplitMix64: the same draws from the same seed everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`; the bias is less than bound / 2^64.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors of a forecaster without skill: both errors have the same distribution, in spells that last about twenty steps.
    fn without_skill(seed: u64, count: usize) -> Vec<(f64, f64)> {
        let mut random = SplitMix(seed);
        let mut uniform = || random.next() as f64 / u64::MAX as f64;
        let (mut level, mut own, mut other) = (0.0, 0.5, 0.5);
        (0..count)
            .map(|_| {
                level = 0.95 * level + 0.3 * (uniform() - 0.5);
                own = 0.8 * own + 0.2 * uniform();
                other = 0.8 * other + 0.2 * uniform();
                let scale = libm::exp(level);
                (scale * own, scale * other)
            })
            .collect()
    }

    #[test]
    fn the_interval_holds_no_skill_about_as_often_as_it_says() {
        let runs = 400;
        let holds = |block: usize| {
            let inside = (0..runs).filter(|seed| {
                let (low, high) =
                    skill_interval(&without_skill(*seed, 1_500), block, 400, 0.95, *seed).expect("enough");
                low <= 0.0 && 0.0 <= high
            });
            inside.count() as f64 / runs as f64
        };
        let coverage = holds(40);
        assert!((0.91..=0.98).contains(&coverage), "{coverage}");
        let careless = holds(1);
        assert!(careless < 0.75, "errors that hang together, drawn one by one: {careless}");
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_too_little_gives_none() {
        let errors = without_skill(3, 300);
        let better: Vec<(f64, f64)> = errors.iter().map(|(error, naive)| (error / 2.0, *naive)).collect();
        let (low, high) = skill_interval(&better, 20, 500, 0.95, 7).expect("enough");
        assert!(low > 0.3 && high < 0.7 && low < high, "{low} {high}");
        assert_eq!(skill_interval(&better, 20, 500, 0.95, 7), Some((low, high)));
        assert_ne!(skill_interval(&better, 20, 500, 0.95, 8), Some((low, high)));
        assert_eq!(skill_interval(&better[..39], 20, 500, 0.95, 7), None);
        assert_eq!(skill_interval(&[(1.0, 0.0); 100], 5, 10, 0.95, 7), None);
        assert_eq!((skill_interval(&better, 0, 9, 0.95, 7), skill_interval(&better, 9, 9, 1.0, 7)), (None, None));
    }
}
