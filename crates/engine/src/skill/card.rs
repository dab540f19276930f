//! All there is to say about scored forecasts of one model, instrument and horizon.

use std::collections::VecDeque;

use serde::Serialize;
use types::effect::QUANTILES;

use super::bands::{BANDS, Bands, Widths};
use super::report::{Score, SkillReport, Verdict, evaluate, step_min};
use crate::stats::sequential::Evidence;
use crate::stats::{bootstrap, compare, direction, error, probability, quantile};

/// Blocks of the bootstrap reach over so many horizons, and at least so many minutes: as the interval's lag does.
const BLOCK_HORIZONS: usize = 3;
const BLOCK_MIN: usize = 30;
/// Draws of the bootstrap.
const DRAWS: usize = 1_000;
/// Probabilities count as at least this far from certain.
const FLOOR: f64 = 1e-6;
/// A forecast that met its outcome, as it was sealed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sealed {
    /// Minute (since the epoch) of the last candle the model saw.
    pub minute: u32,
    /// Forecast log-return.
    pub forecast: f32,
    /// Probability that was given to a rise.
    pub p_up: f32,
    /// Log-return that came.
    pub outcome: f32,
}

/// What a model's forecasts at one horizon are worth. Everything is against "no change"; what is not defined is `None`. The keys are a
/// contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Scored forecasts.
    pub n: usize,
    /// Mean absolute error, basis points of log-return.
    pub mae_bps: Option<f64>,
    /// The same of "no change".
    pub naive_mae_bps: Option<f64>,
    /// Root mean squared error, basis points.
    pub rmse_bps: Option<f64>,
    /// Mean absolute percentage error of the price, percent.
    pub mape_pct: Option<f64>,
    /// 1 - mae / naive mae.
    pub skill: Option<f64>,
    /// Its 95 % interval by long-run variance.
    pub skill_lo: Option<f64>,
    /// Upper end.
    pub skill_hi: Option<f64>,
    /// Its 95 % interval by the moving-block bootstrap.
    pub boot_lo: Option<f64>,
    /// Upper end.
    pub boot_hi: Option<f64>,
    /// Share of right signs.
    pub hit_rate: Option<f64>,
    /// Its 95 % interval by Wilson over as many outcomes as do not overlap.
    pub hit_lo: Option<f64>,
    /// Upper end.
    pub hit_hi: Option<f64>,
    /// Brier score of the probabilities of a rise; 0.25 is what always saying one half gets.
    pub brier: Option<f64>,
    /// Log loss of the same; 0.693 is what always saying one half gets.
    pub log_loss: Option<f64>,
    /// Weighted interval score of forecast and bands together, basis points: what stands for the continuous ranked probability
    /// score where only some quantiles are told.
    pub wis_bps: Option<f64>,
    /// The same of "no change" with bands from the sizes of the moves before, made in the same way.
    pub naive_wis_bps: Option<f64>,
    /// Share of outcomes within the 50 % band.
    pub coverage_50: Option<f64>,
    /// Share of outcomes within the 90 % band.
    pub coverage_90: Option<f64>,
    /// Mean width of the 90 % band, basis points.
    pub width_90_bps: Option<f64>,
    /// Diebold and Mariano's statistic on squared errors; below zero for the model.
    pub dm: Option<f64>,
    /// Its two-sided probability.
    pub dm_p: Option<f64>,
    /// One-sided probability of so many right signs by chance (Pesaran and Timmermann), over outcomes that do not overlap.
    pub pt_p: Option<f64>,
    /// Evidence for "better" that may be looked at every minute; 20 is enough.
    pub evidence_better: f64,
    /// The same for "worse".
    pub evidence_worse: f64,
    /// One of three words.
    pub verdict: Verdict,
}

/// The card of forecasts in order of time, at most one a minute. What is not finite is left out.
///
/// The errors of a day are looked through for each forecast: ask for it when somebody wants to see it, not every minute.
#[must_use]
pub fn scorecard(sealed: &[Sealed], horizon_min: u16) -> Scorecard {
    let is_finite = |s: &&Sealed| s.forecast.is_finite() && s.outcome.is_finite() && s.p_up.is_finite();
    let sealed: Vec<Sealed> = sealed.iter().filter(is_finite).copied().collect();
    let scores: Vec<Score> =
        sealed.iter().map(|s| Score { minute: s.minute, forecast: s.forecast, outcome: s.outcome }).collect();
    let report = evaluate(&scores, horizon_min);
    let step = step_min(sealed.iter().map(|s| s.minute));
    let horizon = usize::from(horizon_min.max(1)).div_ceil(step as usize);
    let pairs: Vec<(f64, f64)> = sealed.iter().map(|s| (f64::from(s.forecast), f64::from(s.outcome))).collect();
    let prices: Vec<(f64, f64)> = pairs.iter().map(|(f, o)| (libm::exp(*f), libm::exp(*o))).collect();
    let errors: Vec<(f64, f64)> = pairs.iter().map(|(f, o)| ((f - o).abs(), o.abs())).collect();
    let squares: Vec<(f64, f64)> = errors.iter().map(|(error, naive)| (error * error, naive * naive)).collect();
    let block = (BLOCK_HORIZONS * horizon).max(BLOCK_MIN.div_ceil(step as usize));
    // A price that did not change has not risen, nor fallen.
    let chances: Vec<(f64, bool)> =
        sealed.iter().filter(|s| s.outcome != 0.0).map(|s| (f64::from(s.p_up), s.outcome > 0.0)).collect();
    let apart = apart(&sealed, horizon_min);
    let signs: Vec<(bool, bool)> = apart
        .iter()
        .filter(|s| s.forecast != 0.0 && s.outcome != 0.0)
        .map(|s| (s.forecast > 0.0, s.outcome > 0.0))
        .collect();
    // All forecasts tell the share; how sure it is, as many as do not overlap.
    let alone = signs.len() as f64;
    let wilson = report.hit_rate.and_then(|rate| probability::wilson(rate * alone, alone, 0.95));
    let boot = bootstrap::skill_interval(&errors, block, DRAWS, 0.95, u64::from(horizon_min));
    let dm = compare::diebold_mariano(&squares, horizon);
    let evidence = evidence(&sealed, horizon_min);
    let bands = Banded::of(&sealed, horizon_min);
    let still: Vec<Sealed> = sealed.iter().map(|one| Sealed { forecast: 0.0, ..*one }).collect();
    let naive = Banded::of(&still, horizon_min);
    let bps = |value: Option<f64>| value.map(|value| value * 1e4);
    Scorecard {
        horizon_min,
        n: report.n,
        mae_bps: report.mae_bps,
        naive_mae_bps: report.naive_mae_bps,
        rmse_bps: bps(error::rmse(&pairs)),
        mape_pct: error::mape(&prices).map(|share| share * 100.0),
        skill: report.skill,
        skill_lo: report.skill_lo,
        skill_hi: report.skill_hi,
        boot_lo: boot.map(|(lo, _)| lo),
        boot_hi: boot.map(|(_, hi)| hi),
        hit_rate: report.hit_rate,
        hit_lo: wilson.map(|(lo, _)| lo),
        hit_hi: wilson.map(|(_, hi)| hi),
        brier: probability::brier(&chances),
        log_loss: probability::log_loss(&chances, FLOOR),
        wis_bps: bps(bands.weighted_interval_score()),
        naive_wis_bps: bps(naive.weighted_interval_score()),
        coverage_50: quantile::coverage(&bands.intervals[0]).map(|(share, _)| share),
        coverage_90: quantile::coverage(&bands.intervals[1]).map(|(share, _)| share),
        width_90_bps: bps(quantile::coverage(&bands.intervals[1]).map(|(_, width)| width)),
        dm: dm.map(|dm| dm.statistic),
        dm_p: dm.map(|dm| dm.p_value),
        pt_p: direction::pesaran_timmermann(&signs).map(|pt| pt.p_value),
        evidence_better: evidence.better(),
        evidence_worse: evidence.worse(),
        verdict: report.verdict.with(&evidence),
    }
}

/// What the quantiles are worth that a model tells itself, beside the bands that the box makes of its errors. The keys are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct QuantileCard {
    /// Scored forecasts with quantiles.
    pub n: usize,
    /// Their weighted interval score, basis points of log-return; as [`Scorecard::wis_bps`].
    pub wis_bps: f64,
    /// Share of outcomes between the quartiles; half of them would be right.
    pub coverage_50: f64,
    /// Share of outcomes between the 5 % and the 95 % quantile; 0.9 would be right.
    pub coverage_90: f64,
    /// Mean distance of these two, basis points.
    pub width_90_bps: f64,
}

/// The card of (quantiles at [`QUANTILES`], outcome), log-returns; `None` without any. What is not finite is left out.
#[must_use]
pub fn quantile_card(told: &[([f32; QUANTILES.len()], f32)]) -> Option<QuantileCard> {
    let is_finite = |(told, outcome): &&([f32; QUANTILES.len()], f32)| {
        outcome.is_finite() && told.iter().all(|quantile| quantile.is_finite())
    };
    let told: Vec<_> =
        told.iter().filter(is_finite).map(|(told, outcome)| (told.map(f64::from), f64::from(*outcome))).collect();
    let score = |(told, outcome): &([f64; QUANTILES.len()], f64)| {
        let levels = QUANTILES.map(f64::from);
        let quantiles: Vec<(f64, f64)> = levels.into_iter().zip(*told).collect();
        quantile::weighted_interval_score(&quantiles, *outcome).unwrap_or(0.0)
    };
    let wis = crate::stats::mean(told.iter().map(score))?;
    let between = |low: usize, high: usize| -> Vec<(f64, f64, f64)> {
        told.iter().map(|(told, outcome)| (told[low], told[high], *outcome)).collect()
    };
    let (coverage_50, _) = quantile::coverage(&between(1, 3))?;
    let (coverage_90, width) = quantile::coverage(&between(0, 4))?;
    Some(QuantileCard { n: told.len(), wis_bps: wis * 1e4, coverage_50, coverage_90, width_90_bps: width * 1e4 })
}

/// Evidence for and against forecasts in order of time.
#[must_use]
pub fn evidence(sealed: &[Sealed], horizon_min: u16) -> Evidence {
    bets(sealed.iter().map(|s| (s.minute, f64::from(s.forecast), f64::from(s.outcome))), horizon_min)
}

/// Evidence that `other` is better than `lead`, or worse, over the minutes for which both made a forecast; both in order of time.
///
/// What a forecast gains over another one is bounded by what lies between them, as a forecast's gain over "no change" is by its size: the same
/// bets hold, with the leading forecast in the place of "no change".
#[must_use]
pub fn versus(lead: &[Sealed], other: &[Sealed], horizon_min: u16) -> Evidence {
    let both = other.iter().filter_map(|other| {
        let lead = &lead[lead.binary_search_by_key(&other.minute, |lead| lead.minute).ok()?];
        let from = f64::from(lead.forecast);
        Some((other.minute, f64::from(other.forecast) - from, f64::from(other.outcome) - from))
    });
    bets(both, horizon_min)
}

/// Skill over scores in order of time that are looked at once, when all are there: as [`evaluate`], and a verdict needs evidence too.
#[must_use]
pub fn judge(scores: &[Score], horizon_min: u16) -> SkillReport {
    let report = evaluate(scores, horizon_min);
    let finite = scores.iter().filter(|s| s.forecast.is_finite() && s.outcome.is_finite());
    let made = finite.map(|s| (s.minute, f64::from(s.forecast), f64::from(s.outcome)));
    SkillReport { verdict: report.verdict.with(&bets(made, horizon_min)), ..report }
}

/// (minute, forecast, outcome) in order of time.
fn bets(made: impl Iterator<Item = (u32, f64, f64)> + Clone, horizon_min: u16) -> Evidence {
    let step = step_min(made.clone().map(|(minute, ..)| minute));
    let mut evidence = Evidence::new(horizon_min.div_ceil(step as u16));
    for (minute, forecast, outcome) in made {
        evidence.push(minute / step, forecast, outcome);
    }
    evidence
}

/// Forecasts whose outcomes do not overlap: each begins when the one before it has met its own.
fn apart(sealed: &[Sealed], horizon_min: u16) -> Vec<Sealed> {
    let mut free_from = 0;
    let mut kept = Vec::new();
    for one in sealed {
        if one.minute >= free_from {
            free_from = one.minute.saturating_add(u32::from(horizon_min));
            kept.push(*one);
        }
    }
    kept
}

/// The half-widths of the bands that a box which began with the first of these forecasts would have shown around each: at each forecast
/// only errors of those that had met their outcome are known.
#[must_use]
pub fn widths(sealed: &[Sealed], horizon_min: u16) -> Vec<Option<Widths>> {
    let (mut bands, mut errors) = (Bands::new(), Vec::new());
    let mut waiting = VecDeque::<(Sealed, Option<Widths>)>::new();
    let mut found = Vec::with_capacity(sealed.len());
    for one in sealed {
        let is_over = |(made, _): &(Sealed, _)| made.minute.saturating_add(u32::from(horizon_min)) <= one.minute;
        while let Some((met, shown)) = waiting.pop_front_if(|made| is_over(made)) {
            let error = (f64::from(met.forecast) - f64::from(met.outcome)).abs();
            bands.push(error, shown);
            errors.push(error);
        }
        let shown = bands.widths(errors.iter().rev().copied());
        waiting.push_back((*one, shown));
        found.push(shown);
    }
    found
}

/// Forecasts with the bands that the box would have shown around them.
#[derive(Default)]
struct Banded {
    /// (low, high, outcome) of each band.
    intervals: [Vec<(f64, f64, f64)>; BANDS.len()],
    /// (forecast, half-widths, outcome).
    made: Vec<(f64, [f64; BANDS.len()], f64)>,
}

impl Banded {
    fn of(sealed: &[Sealed], horizon_min: u16) -> Self {
        let mut found = Self::default();
        for (one, shown) in sealed.iter().zip(widths(sealed, horizon_min)) {
            if let Some(shown) = shown.map(|shown| shown.map(f64::from)) {
                let (forecast, outcome) = (f64::from(one.forecast), f64::from(one.outcome));
                for (intervals, width) in found.intervals.iter_mut().zip(shown) {
                    intervals.push((forecast - width, forecast + width, outcome));
                }
                found.made.push((forecast, shown, outcome));
            }
        }
        found
    }

    /// Mean score of the five quantiles that forecast and bands tell.
    fn weighted_interval_score(&self) -> Option<f64> {
        let score = |(forecast, [half, most], outcome): &(f64, [f64; BANDS.len()], f64)| {
            let quantiles = [
                (0.05, forecast - most),
                (0.25, forecast - half),
                (0.5, *forecast),
                (0.75, forecast + half),
                (0.95, forecast + most),
            ];
            quantile::weighted_interval_score(&quantiles, *outcome).unwrap_or(0.0)
        };
        let count = self.made.len();
        (count > 0).then(|| self.made.iter().map(score).sum::<f64>() / count as f64)
    }
}
