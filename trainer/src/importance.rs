//! Which features a model leans on: what becomes of its forecasts when one feature is that of other windows.
//!
//! Permutation importance (Breiman, "Random Forests", 2001): all rows of a feature are taken from another window of the same series,
//! everything else stays. How far the forecasts move tells what the model listens to, whether or not it should; how much
//! their error grows tells what that is worth.

use std::collections::BTreeMap;

use bundle::Importance;
use infer::{Answer, InferError, Model};

use crate::dataset::Dataset;
use crate::random::Random;
use crate::windows::{self, Window};

/// Windows that are asked about, evenly spread.
const WINDOWS_MAX: usize = 500;
/// Seed of the order in which windows lend each other a feature.
const SEED: u64 = 1;

/// By feature, over windows with known outcomes; means over all horizons. Empty where there are fewer than two windows or the
/// model forecasts nothing.
///
/// # Errors
/// The model refuses a window.
pub fn importance(
    dataset: &Dataset,
    model: &Model,
    held_out: &[Window],
) -> Result<BTreeMap<String, Importance>, InferError> {
    let manifest = model.manifest();
    let (rows, columns) = (manifest.rows(), manifest.features.len());
    let asked = spread(dataset, held_out, &horizons(model));
    let plain: Vec<Vec<f32>> = asked.iter().map(|window| windows::values(dataset, *window, rows).to_vec()).collect();
    let told = forecasts(&model.predict_all(&plain)?);
    let came = outcomes(dataset, model, &asked);
    let (size, error) = (mean_distance(&told, None), mean_distance(&told, Some(&came)));
    if asked.len() < 2 || size == 0.0 || error == 0.0 {
        return Ok(BTreeMap::new());
    }
    let lenders = lenders(&asked);
    let of_feature = |column: usize| {
        let mut mixed = plain.clone();
        for (window, lender) in mixed.iter_mut().zip(&lenders) {
            for row in 0..rows {
                window[row * columns + column] = plain[*lender][row * columns + column];
            }
        }
        let mixed = forecasts(&model.predict_all(&mixed)?);
        let moves = mean_distance(&mixed, Some(&told)) / size;
        let error = mean_distance(&mixed, Some(&came)) / error - 1.0;
        Ok((manifest.features[column].clone(), Importance { moves, error }))
    };
    (0..columns).map(of_feature).collect()
}

/// Candles ahead.
fn horizons(model: &Model) -> Vec<u16> {
    let manifest = model.manifest();
    manifest.horizons_min.iter().map(|horizon| horizon / manifest.timeframe_min).collect()
}

/// At most [`WINDOWS_MAX`] of the windows whose outcomes are all known.
fn spread(dataset: &Dataset, of: &[Window], horizons: &[u16]) -> Vec<Window> {
    let is_known = |window: &&Window| {
        let series = &dataset.series[window.series];
        horizons.iter().all(|horizon| series.log_return(window.end, *horizon).is_some())
    };
    let known: Vec<Window> = of.iter().filter(is_known).copied().collect();
    let count = known.len().min(WINDOWS_MAX);
    (0..count).map(|i| known[i * known.len() / count]).collect()
}

fn forecasts(answers: &[Answer]) -> Vec<f32> {
    answers.iter().flat_map(|answer| answer.horizons.iter().map(|horizon| horizon.log_return)).collect()
}

fn outcomes(dataset: &Dataset, model: &Model, of: &[Window]) -> Vec<f32> {
    let of_window = |window: &Window| {
        let series = &dataset.series[window.series];
        let came = |horizon: u16| series.log_return(window.end, horizon).expect("only known outcomes are asked for");
        horizons(model).into_iter().map(|horizon| came(horizon) as f32).collect::<Vec<f32>>()
    };
    of.iter().flat_map(of_window).collect()
}

/// Mean distance of forecasts from others, or from zero.
fn mean_distance(a: &[f32], b: Option<&[f32]>) -> f64 {
    let other = |index: usize| b.map_or(0.0, |b| b[index]);
    let sum: f64 = a.iter().enumerate().map(|(index, value)| f64::from((value - other(index)).abs())).sum();
    sum / a.len().max(1) as f64
}

/// For each window the one it takes a feature from: a shuffle of the windows of each series.
fn lenders(asked: &[Window]) -> Vec<usize> {
    let mut by_series: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, window) in asked.iter().enumerate() {
        by_series.entry(window.series).or_default().push(index);
    }
    let mut lenders = vec![0; asked.len()];
    for mine in by_series.into_values() {
        let mut shuffled = mine.clone();
        Random::new(SEED, mine.len() as u64).shuffle(&mut shuffled);
        mine.into_iter().zip(shuffled).for_each(|(window, lender)| lenders[window] = lender);
    }
    lenders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_lend_within_their_series_and_each_once() {
        let asked: Vec<Window> = (0..40).map(|end| Window { series: end % 2, end }).collect();
        let lenders = lenders(&asked);
        assert!(asked.iter().zip(&lenders).all(|(window, lender)| asked[*lender].series == window.series));
        let mut sorted = lenders.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..40).collect::<Vec<_>>());
        assert!(lenders.iter().enumerate().filter(|(own, lender)| own == *lender).count() < 10, "{lenders:?}");
    }
}
