//! Sharpe ratios that know how they were found (Bailey and López de Prado, *The Sharpe ratio efficient frontier*, Journal of Risk 15, 2012;
//! *The deflated Sharpe ratio*, Journal of Portfolio Management 40, 2014). All ratios are per period of the returns, not a year's.

use super::special::{normal_cdf, normal_quantile};

/// Euler and Mascheroni's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// What a Sharpe ratio was computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Track {
    /// Periods.
    pub n: usize,
    /// Mean return over the standard deviation of returns.
    pub sharpe: f64,
    /// Skewness of the returns; 0 for a normal distribution.
    pub skewness: f64,
    /// Kurtosis of the returns; 3 for a normal distribution.
    pub kurtosis: f64,
}

impl Track {
    /// Of returns over the risk-free rate, one a period. `None` for fewer than two, for returns that do not vary and for what is not finite.
    #[must_use]
    pub fn of(returns: &[f64]) -> Option<Self> {
        let count = returns.len() as f64;
        let mean = super::mean(returns.iter().copied())?;
        let moment = |of: fn(f64) -> f64| returns.iter().map(|value| of(value - mean)).sum::<f64>() / count;
        let variance = moment(|apart| apart * apart);
        let deviation = (variance * count / (count - 1.0)).sqrt();
        let is_sound = returns.len() > 1 && deviation > 0.0 && deviation.is_finite();
        // Skewness and kurtosis are those of the sample, without a correction for its size, as in the papers.
        is_sound.then(|| Self {
            n: returns.len(),
            sharpe: mean / deviation,
            skewness: moment(|apart| apart * apart * apart) / (variance * variance.sqrt()),
            kurtosis: moment(|apart| apart * apart * apart * apart) / (variance * variance),
        })
    }

    /// Variance of the estimated ratio times the periods less one (Mertens 2002).
    fn spread(&self) -> f64 {
        1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe * self.sharpe
    }

    /// Probability that the true ratio is above `benchmark` (the probabilistic Sharpe ratio).
    #[must_use]
    pub fn probability_above(&self, benchmark: f64) -> f64 {
        let root = (self.n.saturating_sub(1) as f64).sqrt();
        normal_cdf((self.sharpe - benchmark) * root / self.spread().sqrt())
    }

    /// Probability that the true ratio is above zero although it is the best of `trials`, whose ratios have this `variance` among
    /// themselves (the deflated Sharpe ratio).
    #[must_use]
    pub fn deflated(&self, trials: usize, variance: f64) -> f64 {
        self.probability_above(expected_best(trials, variance))
    }

    /// Periods that it takes to say with `confidence` (0 to 1) that the true ratio is above `benchmark` (the minimum track record length).
    /// `None` where the ratio is not above it.
    #[must_use]
    pub fn periods_needed(&self, benchmark: f64, confidence: f64) -> Option<f64> {
        let ahead = self.sharpe - benchmark;
        (ahead > 0.0).then(|| {
            let far = normal_quantile(confidence) / ahead;
            1.0 + self.spread() * far * far
        })
    }
}

/// The ratio that the best of `trials` without any skill is expected to show, when their ratios have this `variance`. Zero for fewer than
/// two trials: nothing was chosen.
#[must_use]
pub fn expected_best(trials: usize, variance: f64) -> f64 {
    if trials < 2 {
        return 0.0;
    }
    let trials = trials as f64;
    let first = normal_quantile(1.0 - 1.0 / trials);
    let second = normal_quantile(1.0 - 1.0 / (trials * core::f64::consts::E));
    variance.max(0.0).sqrt() * ((1.0 - EULER) * first + EULER * second)
}

#[cfg(test)]
mod tests {
    use super::super::close;
    use super::*;

    #[test]
    fn the_fund_of_the_paper_is_less_sure_than_a_normal_one() {
        // Bailey and López de Prado 2012, section on the probabilistic Sharpe ratio: two years of months, 1.59 a year.
        let fund = Track { n: 24, sharpe: 0.458, skewness: -2.448, kurtosis: 10.164 };
        close(fund.probability_above(0.0), 0.913, 1e-3);
        close(Track { skewness: 0.0, kurtosis: 3.0, ..fund }.probability_above(0.0), 0.982, 1e-3);
    }

    #[test]
    fn a_track_record_must_be_as_long_as_published() {
        // The same paper: years until a yearly ratio of 2 is proven to be above 1, by days, weeks and months of normal returns.
        for (periods, years) in [(250.0, 2.73), (52.0, 2.83), (12.0, 3.24f64)] {
            let root = f64::sqrt(periods);
            let track = Track { n: 10, sharpe: 2.0 / root, skewness: 0.0, kurtosis: 3.0 };
            close(track.periods_needed(1.0 / root, 0.95).unwrap() / periods, years, 5e-3);
            assert_eq!(track.periods_needed(2.0 / root, 0.95), None);
        }
    }

    #[test]
    fn the_best_of_a_hundred_trials_is_deflated_as_published() {
        // Bailey and López de Prado 2014, numerical example: a yearly 2.5 over 1 250 days, variance of the trials a half a year.
        let track = Track { n: 1_250, sharpe: 2.5 / 250f64.sqrt(), skewness: -3.0, kurtosis: 10.0 };
        close(expected_best(100, 0.5 / 250.0), 0.1132, 1e-4);
        close(track.deflated(100, 0.5 / 250.0), 0.9004, 5e-4);
        // The same paper: after 46 trials it would still have been significant.
        close(track.deflated(46, 0.5 / 250.0), 0.9505, 5e-4);
        assert!(track.deflated(1, 0.5) > 0.999);
    }

    #[test]
    fn moments_are_those_of_the_sample() {
        let track = Track::of(&[1.0, 2.0, 3.0, 6.0]).unwrap();
        // Mean 3, sum of squares 14, of cubes 18, of fourth powers 98.
        close(track.sharpe, 3.0 / (14.0f64 / 3.0).sqrt(), 1e-12);
        close(track.skewness, 4.5 / (3.5 * 3.5f64.sqrt()), 1e-12);
        close(track.kurtosis, 24.5 / 12.25, 1e-12);
        assert_eq!((Track::of(&[1.0]), Track::of(&[1.0, 1.0]), Track::of(&[1.0, f64::NAN])), (None, None, None));
    }
}
