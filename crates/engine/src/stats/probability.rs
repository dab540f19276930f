//! Forecasts of probabilities, and shares.

use super::mean;
use super::special::normal_quantile;

/// Interval of a share of `hits` in `count` independent trials that holds the true one with probability `confidence` (Wilson,
/// *Probable inference, the law of succession, and statistical inference*, JASA 22, 1927). `None` without trials.
///
/// Hits of forecasts that overlap are not independent: give the number of outcomes that are, or use the interval of
/// [`SkillReport`](crate::skill::SkillReport), which knows.
#[must_use]
pub fn wilson(hits: f64, count: f64, confidence: f64) -> Option<(f64, f64)> {
    if !(count > 0.0 && (0.0..=count).contains(&hits) && confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, confidence));
    let (share, z2) = (hits / count, z * z);
    let centre = (share + z2 / (2.0 * count)) / (1.0 + z2 / count);
    let half = z / (1.0 + z2 / count) * (share * (1.0 - share) / count + z2 / (4.0 * count * count)).sqrt();
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

/// Mean squared distance of probability and outcome (Brier, *Verification of forecasts expressed in terms of probability*, Monthly
/// Weather Review 78, 1950): 0 is best, 0.25 is what always saying one half gets.
#[must_use]
pub fn brier(pairs: &[(f64, bool)]) -> Option<f64> {
    mean(pairs.iter().map(|(p, came)| (p - f64::from(u8::from(*came))) * (p - f64::from(u8::from(*came)))))
}

/// Mean negative logarithm of the probability given to what came. Probabilities are kept `floor` away from 0 and 1: one certain
/// mistake would otherwise outweigh everything.
#[must_use]
pub fn log_loss(pairs: &[(f64, bool)], floor: f64) -> Option<f64> {
    let loss = |(p, came): &(f64, bool)| {
        let p = p.clamp(floor, 1.0 - floor);
        -libm::log(if *came { p } else { 1.0 - p })
    };
    mean(pairs.iter().map(loss))
}

/// Forecasts that said about the same, and what came of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// How many.
    pub count: usize,
    /// Their mean probability.
    pub said: f64,
    /// The share of them that came true.
    pub came: f64,
}

/// Brier's score in parts (Murphy, *A new vector partition of the probability score*, Journal of Applied Meteorology 12, 1973).
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// Bins that hold something, from low to high.
    pub bins: Vec<Bin>,
    /// How far what was said is from what came: 0 is best.
    pub reliability: f64,
    /// How far what came varies with what was said: more is better.
    pub resolution: f64,
    /// What always saying the mean would get.
    pub uncertainty: f64,
}

/// Sorts forecasts into `bins` of equal width. `None` without forecasts or bins.
#[must_use]
pub fn reliability(pairs: &[(f64, bool)], bins: usize) -> Option<Reliability> {
    let count = pairs.len() as f64;
    let base = mean(pairs.iter().map(|(_, came)| f64::from(u8::from(*came))))?;
    let mut sums = vec![(0usize, 0.0, 0.0); bins];
    for (p, came) in pairs {
        let sum = sums.get_mut(((p * bins as f64) as usize).min(bins.checked_sub(1)?))?;
        *sum = (sum.0 + 1, sum.1 + p, sum.2 + f64::from(u8::from(*came)));
    }
    let filled = sums.into_iter().filter(|(count, ..)| *count > 0);
    let bins: Vec<Bin> =
        filled.map(|(count, said, came)| Bin { count, said: said / count as f64, came: came / count as f64 }).collect();
    let over =
        |value: fn(&Bin, f64) -> f64| bins.iter().map(|bin| bin.count as f64 * value(bin, base)).sum::<f64>() / count;
    let reliability = over(|bin, _| (bin.said - bin.came) * (bin.said - bin.came));
    let resolution = over(|bin, base| (bin.came - base) * (bin.came - base));
    Some(Reliability { reliability, resolution, uncertainty: base * (1.0 - base), bins })
}

#[cfg(test)]
mod tests {
    use super::super::close;
    use super::*;

    #[test]
    fn wilsons_interval_is_the_published_one() {
        let (low, high) = wilson(150.0, 288.0, 0.95).expect("trials");
        assert_eq!((format!("{:.1}", low * 100.0), format!("{:.1}", high * 100.0)), ("46.3".into(), "57.8".into()));
        // Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17, 1998, table I, method 3.
        for (hits, count, expected) in [
            (81.0, 263.0, (0.2553, 0.3662)),
            (15.0, 148.0, (0.0624, 0.1605)),
            (0.0, 20.0, (0.0, 0.1611)),
            (1.0, 29.0, (0.0061, 0.1718)),
        ] {
            let (low, high) = wilson(hits, count, 0.95).expect("trials");
            close(low, expected.0, 5e-5);
            close(high, expected.1, 5e-5);
        }
        assert_eq!((wilson(0.0, 0.0, 0.95), wilson(3.0, 2.0, 0.95), wilson(1.0, 2.0, 1.0)), (None, None, None));
    }

    #[test]
    fn brier_and_log_loss_of_a_small_case() {
        let pairs = [(0.8, true), (0.6, false), (0.1, false), (1.0, true)];
        close(brier(&pairs).unwrap(), (0.04 + 0.36 + 0.01) / 4.0, 1e-15);
        let expected = -(libm::log(0.8) + libm::log(0.4) + libm::log(0.9) + libm::log(1.0 - 1e-3)) / 4.0;
        close(log_loss(&pairs, 1e-3).unwrap(), expected, 1e-15);
        assert_eq!((brier(&[]), log_loss(&[], 0.1)), (None, None));
    }

    #[test]
    fn the_parts_make_up_the_score() {
        // Probabilities that are the same within each bin: Murphy's identity is exact.
        let said = [0.05, 0.25, 0.55, 0.95];
        let pairs: Vec<(f64, bool)> = (0..400).map(|n| (said[n % 4], (n * 7) % 10 < 1 + 3 * (n % 4))).collect();
        let parts = reliability(&pairs, 10).expect("forecasts");
        assert_eq!(parts.bins.len(), 4);
        assert_eq!(parts.bins.iter().map(|bin| bin.count).sum::<usize>(), 400);
        close(parts.reliability - parts.resolution + parts.uncertainty, brier(&pairs).unwrap(), 1e-12);
        assert_eq!(reliability(&[(1.0, true)], 10).expect("one").bins.len(), 1, "certainty is in the last bin");
        assert!(reliability(&[], 10).is_none() && reliability(&pairs, 0).is_none());
    }
}
