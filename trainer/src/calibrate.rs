//! The constants around the network: what is fitted by counting and not by gradients.

use anyhow::{Context as _, ensure};

use crate::dataset::Dataset;
use crate::fit::Settings;
use crate::scaling::{Scaling, Scalings};
use crate::windows::{self, Window};

/// Normalised features are cut at this many standard deviations.
const CLIP: f32 = 5.0;
/// Shrinkages that are tried. Zero is not among them: a model that never says anything cannot be judged.
const SHRINK: [f32; 12] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0];

/// A scaling for each length of candle, see [`Scaling::fit`].
///
/// # Errors
/// A length without a complete training window: its candles are too few, or lie in another part of time.
pub fn scalings(
    dataset: &Dataset,
    train: &[Window],
    settings: &Settings,
    volatility: &str,
) -> anyhow::Result<Scalings> {
    let of_timeframe = |timeframe: u16| {
        let is_mine = |window: &&Window| dataset.series[window.series].timeframe_min == timeframe;
        let mine: Vec<Window> = train.iter().filter(is_mine).copied().collect();
        let scaling = Scaling::fit(dataset, &mine, settings, volatility);
        Ok((timeframe, scaling.with_context(|| format!("candles of {timeframe} minutes"))?))
    };
    dataset.timeframes().into_iter().map(of_timeframe).collect()
}

impl Scaling {
    /// Normalisation and units from training windows; no shrinkage yet. `volatility` names the feature that is the unit of
    /// returns.
    pub fn fit(dataset: &Dataset, train: &[Window], settings: &Settings, volatility: &str) -> anyhow::Result<Self> {
        ensure!(
            !train.is_empty(),
            "no complete training window: too few candles, too many gaps, or all of another time than the training part"
        );
        let columns = dataset.features.len();
        let volatility_column =
            dataset.column(volatility).with_context(|| format!("the dataset lacks {volatility}"))?;
        let (mut sum, mut square) = (vec![0f64; columns], vec![0f64; columns]);
        let mut levels = Vec::with_capacity(train.len());
        let mut moves = vec![0f64; settings.horizons.len()];
        for window in train {
            // Last rows only: neighbouring windows share all the others.
            let row = windows::values(dataset, *window, 1);
            for (column, value) in row.iter().enumerate() {
                sum[column] += f64::from(*value);
                square[column] += f64::from(*value) * f64::from(*value);
            }
            levels.push(row[volatility_column]);
            for (total, horizon) in moves.iter_mut().zip(&settings.horizons) {
                *total += dataset.series[window.series].log_return(window.end, *horizon).map_or(0.0, f64::abs);
            }
        }
        let n = train.len() as f64;
        let mean: Vec<f64> = sum.iter().map(|sum| sum / n).collect();
        let std = square.iter().zip(&mean).map(|(square, mean)| (square / n - mean * mean).max(0.0).sqrt());
        let level = levels.iter().map(|level| f64::from(*level)).sum::<f64>() / n;
        ensure!(level > 0.0, "{volatility} is never above zero");
        levels.sort_unstable_by(f32::total_cmp);
        let ones = vec![1.0; settings.horizons.len()];
        Ok(Self {
            std: std.map(|std| if std > 1e-12 { std as f32 } else { 1.0 }).collect(),
            mean: mean.iter().map(|mean| *mean as f32).collect(),
            clip: CLIP,
            volatility_column,
            // Half of what is calm already.
            volatility_floor: (levels[levels.len() / 20] * 0.5).max(level as f32 * 1e-3),
            // A mean absolute move of a normal variable is 0.8 standard deviations.
            horizon_units: moves.iter().map(|total| (total / n / level / 0.8) as f32).collect(),
            return_shrink: ones.clone(),
            logit_shrink: ones,
        })
    }
}

/// A forecast of a network beside what came, for one horizon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Forecast log-return without shrinkage.
    pub log_return: f32,
    /// Logit of a rise without shrinkage.
    pub logit: f32,
    /// Log-return that came.
    pub came: f32,
}

/// The return shrinkage with the smallest absolute error.
pub fn return_shrink(outcomes: &[Outcome]) -> f32 {
    best(|shrink| outcomes.iter().map(|o| f64::from((o.log_return * shrink - o.came).abs())).sum())
}

/// The logit shrinkage with the smallest cross-entropy.
pub fn logit_shrink(outcomes: &[Outcome]) -> f32 {
    let moved = || outcomes.iter().filter(|outcome| outcome.came != 0.0);
    best(|shrink| {
        moved()
            .map(|outcome| {
                let against = f64::from(-outcome.logit * shrink * outcome.came.signum());
                against.exp().ln_1p()
            })
            .sum()
    })
}

fn best(cost: impl Fn(f32) -> f64) -> f32 {
    let mut costs = SHRINK.map(|shrink| (cost(shrink), shrink));
    costs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    costs[0].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(gain: f32) -> Vec<Outcome> {
        let of = |i: i32| {
            let forecast = (i % 21 - 10) as f32;
            Outcome { log_return: forecast, logit: forecast, came: forecast * gain }
        };
        (0..1_000).map(of).collect()
    }

    #[test]
    fn forecasts_that_are_too_large_are_shrunk_by_as_much() {
        assert_eq!(return_shrink(&outcomes(0.25)), 0.25);
        assert_eq!(return_shrink(&outcomes(2.0)), 1.0);
        assert_eq!(return_shrink(&outcomes(-1.0)), 0.05);
    }

    #[test]
    fn a_direction_that_is_always_wrong_is_trusted_least() {
        assert_eq!(logit_shrink(&outcomes(1.0)), 1.0);
        assert_eq!(logit_shrink(&outcomes(-1.0)), 0.05);
    }
}
