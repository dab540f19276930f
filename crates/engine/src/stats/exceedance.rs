//! What may be lost, and whether what was promised about it held.

use super::special::normal_cdf;

/// Value at risk and expected shortfall of past returns at `confidence` (0 to 1, both out): the loss that a share 1 - `confidence` of periods
/// surpassed or met, and the mean loss of these. Losses are above zero; a gain in the worst periods is a loss below zero. The tail holds the
/// worst (1 - `confidence`) n periods, rounded up. `None` without returns.
#[must_use]
pub fn historical(returns: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = returns.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    // What a product of decimals is above a whole number is rounding.
    let share = (1.0 - confidence) * sorted.len() as f64;
    let count = ((share - 1e-9).ceil() as usize).clamp(1, sorted.len().max(1));
    let tail = sorted.get(..count)?;
    Some((-tail[count - 1], -super::mean(tail.iter().copied())?))
}

/// Kupiec's test of the share of periods that were worse than a value at risk (*Techniques for verifying the accuracy of risk measurement
/// models*, Journal of Derivatives 3, 1995).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kupiec {
    /// Likelihood ratio; chi-squared with one degree of freedom when the promise is right.
    pub statistic: f64,
    /// Probability of one as large or larger.
    pub p_value: f64,
}

/// Tests `exceeded` of `periods` against the promised share `rate` (0 to 1, both out). `None` without periods or for a rate that is none.
#[must_use]
pub fn kupiec(exceeded: usize, periods: usize, rate: f64) -> Option<Kupiec> {
    if periods == 0 || exceeded > periods || !(rate > 0.0 && rate < 1.0) {
        return None;
    }
    let (hit, all) = (exceeded as f64, periods as f64);
    let likelihood = |rate: f64| part(all - hit, 1.0 - rate) + part(hit, rate);
    let statistic = (2.0 * (likelihood(hit / all) - likelihood(rate))).max(0.0);
    Some(Kupiec { statistic, p_value: 2.0 * (1.0 - normal_cdf(statistic.sqrt())) })
}

/// Logarithm of `share` to the power of `count`; one where nothing is counted.
fn part(count: f64, share: f64) -> f64 {
    if count > 0.0 { count * libm::log(share) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::close;
    use super::*;

    #[test]
    fn the_bank_of_the_textbook_is_just_refused() {
        // Jorion, Value at Risk, third edition, chapter 6: J.P. Morgan 1998, 20 exceptions in 252 days at 95 %, LR = 3.91.
        let test = kupiec(20, 252, 0.05).unwrap();
        close(test.statistic, 3.91, 5e-3);
        assert!(test.p_value < 0.05 && test.p_value > 0.04, "{test:?}");
        // Kupiec 1995, table of non-rejection regions: at 5 % and 255 days 7 to 20 failures pass, 6 and 21 do not.
        let passes = |exceeded: usize| kupiec(exceeded, 255, 0.05).unwrap().statistic < 3.841_459;
        assert_eq!([6, 7, 20, 21].map(passes), [false, true, true, false]);
        close(kupiec(5, 100, 0.05).unwrap().p_value, 1.0, 1e-9);
        assert!(kupiec(0, 100, 0.05).unwrap().statistic > 10.0);
        assert_eq!((kupiec(0, 0, 0.05), kupiec(2, 1, 0.05), kupiec(1, 2, 1.0)), (None, None, None));
    }

    #[test]
    fn the_tail_is_counted_from_below() {
        let returns: Vec<f64> = (1..=100).map(|n| f64::from(n) - 20.0).collect();
        // The five worst are -19 to -15.
        assert_eq!(historical(&returns, 0.95), Some((15.0, 17.0)));
        assert_eq!(historical(&returns, 0.999), Some((19.0, 19.0)));
        assert_eq!(historical(&[0.5, f64::NAN], 0.95), Some((-0.5, -0.5)));
        assert_eq!(historical(&[], 0.95), None);
    }
}
