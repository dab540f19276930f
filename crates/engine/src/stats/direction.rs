//! Whether a forecaster foresees the sign.

use super::special::normal_cdf;

/// What the test of directions says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Direction {
    /// Share of right signs.
    pub hit_rate: f64,
    /// The share that signs as frequent as these would get if they had nothing to do with each other.
    pub by_chance: f64,
    /// Standard normal where signs are not foreseen; above zero where they are.
    pub statistic: f64,
    /// Probability of a statistic so high without foresight (one-sided).
    pub p_value: f64,
}

/// Pesaran and Timmermann's test (*A simple nonparametric test of predictive performance*, Journal of Business & Economic Statistics 10,
/// 1992) over pairs (forecast is up, outcome is up) that are independent of each other: of forecasts that overlap take every h-th. `None`
/// where one side never varies, or with fewer than two pairs.
#[must_use]
pub fn pesaran_timmermann(signs: &[(bool, bool)]) -> Option<Direction> {
    let n = signs.len() as f64;
    let share = |which: fn(&(bool, bool)) -> bool| signs.iter().filter(|pair| which(pair)).count() as f64 / n;
    if signs.len() < 2 {
        return None;
    }
    let (hit_rate, said, came) = (share(|(s, c)| s == c), share(|(s, _)| *s), share(|(_, c)| *c));
    let by_chance = said * came + (1.0 - said) * (1.0 - came);
    let of_hits = by_chance * (1.0 - by_chance) / n;
    let (of_said, of_came) = (said * (1.0 - said), came * (1.0 - came));
    let twice = |p: f64| (2.0 * p - 1.0) * (2.0 * p - 1.0);
    let of_chance = twice(came) * of_said / n + twice(said) * of_came / n + 4.0 * of_said * of_came / (n * n);
    let variance = of_hits - of_chance;
    if variance.is_nan() || variance <= 0.0 {
        return None;
    }
    let statistic = (hit_rate - by_chance) / variance.sqrt();
    Some(Direction { hit_rate, by_chance, statistic, p_value: normal_cdf(-statistic) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(up_up: usize, up_down: usize, down_up: usize, down_down: usize) -> Vec<(bool, bool)> {
        let cells =
            [((true, true), up_up), ((true, false), up_down), ((false, true), down_up), ((false, false), down_down)];
        cells.into_iter().flat_map(|(pair, count)| std::iter::repeat_n(pair, count)).collect()
    }

    #[test]
    fn a_table_by_hand() {
        // 60 of 100 right, both sides up half the time: by chance 0.5, and the variance is 1/(4n) - 1/(4n^2).
        let found = pesaran_timmermann(&table(30, 20, 20, 30)).expect("varies");
        assert_eq!((found.hit_rate, found.by_chance), (0.6, 0.5));
        let expected = 0.1 / (0.25f64 / 100.0 - 0.25 / 10_000.0).sqrt();
        assert!((found.statistic - expected).abs() < 1e-12 && (found.p_value - normal_cdf(-expected)).abs() < 1e-15);
    }

    #[test]
    fn always_saying_up_in_a_rising_market_foresees_nothing() {
        assert_eq!(pesaran_timmermann(&table(80, 20, 0, 0)), None);
        // Nearly always: many hits, as many as by chance.
        let found = pesaran_timmermann(&table(72, 18, 8, 2)).expect("varies");
        assert!((found.hit_rate - found.by_chance).abs() < 1e-12 && found.p_value > 0.49, "{found:?}");
        let against = pesaran_timmermann(&table(20, 30, 30, 20)).expect("varies");
        assert!(against.statistic < -1.9 && against.p_value > 0.97);
        assert_eq!((pesaran_timmermann(&[]), pesaran_timmermann(&table(1, 0, 0, 0))), (None, None));
    }
}
