//! The skill of a list of scored forecasts.

use serde::{Deserialize, Serialize};

use crate::stats::sequential::Evidence;

/// Three words for a skill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The whole interval lies below zero.
    #[serde(rename = "worse")]
    Worse,
    /// The interval holds zero, or there is too little to tell.
    #[serde(rename = "not proven")]
    NotProven,
    /// The whole interval lies above zero.
    #[serde(rename = "better")]
    Better,
}

/// Evidence from which on a verdict may be given, however often one looks: what 95 % mean (Ville's inequality).
pub const EVIDENCE_MIN: f64 = 20.0;

impl Verdict {
    /// The same, where the evidence that may be watched bears it out.
    pub(super) fn with(self, evidence: &Evidence) -> Self {
        let weight = match self {
            Self::Better => evidence.better(),
            Self::Worse => evidence.worse(),
            Self::NotProven => return self,
        };
        if weight >= EVIDENCE_MIN { self } else { Self::NotProven }
    }
}

/// A scored forecast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Minute (since the epoch) of the last candle the model saw.
    pub minute: u32,
    /// Forecast log-return.
    pub forecast: f32,
    /// Log-return that came.
    pub outcome: f32,
}

impl Score {
    fn error(&self) -> f64 {
        (f64::from(self.forecast) - f64::from(self.outcome)).abs()
    }

    fn naive_error(&self) -> f64 {
        f64::from(self.outcome).abs()
    }

    /// Whether the sign was right; `None` when the forecast has none or the price did not change.
    fn hit(&self) -> Option<bool> {
        (self.forecast != 0.0 && self.outcome != 0.0).then_some((self.forecast > 0.0) == (self.outcome > 0.0))
    }
}

/// Skill over a list of scores. It serialises to the keys of the report that the command line prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkillReport {
    /// Scored forecasts.
    pub n: usize,
    /// Mean absolute error, basis points; `None` without scores.
    pub mae_bps: Option<f64>,
    /// Mean absolute error of "no change", basis points.
    pub naive_mae_bps: Option<f64>,
    /// 1 - mae / naive mae; `None` while the price never moved.
    pub skill: Option<f64>,
    /// Lower end of its 95 % interval; `None` while there are too few scores to tell.
    pub skill_lo: Option<f64>,
    /// Upper end.
    pub skill_hi: Option<f64>,
    /// Share of forecasts with the right sign, among those with a sign and a move.
    pub hit_rate: Option<f64>,
    /// Lower end of its 95 % interval.
    pub hit_lo: Option<f64>,
    /// Upper end.
    pub hit_hi: Option<f64>,
    /// The verdict over the skill's interval.
    pub verdict: Verdict,
}

/// Fewest stretches of one horizon's length for an interval: with fewer independent outcomes it would not keep its promise.
const OUTCOMES_MIN: usize = 30;
/// Lag of the long-run variance in horizons. Overlap alone reaches over one; volatility that comes in spells, and forecasts
/// that change slowly, reach further.
const LAG_HORIZONS: u32 = 3;
/// Shortest lag, minutes: how fast forecasts and volatility change does not depend on the horizon.
const LAG_MIN: u32 = 30;

/// Skill of forecasts of one instrument at one horizon, `scores` in time order, at most one a minute (or every so many minutes).
/// Missing ones are fine. Scores that are not finite are left out.
///
/// Cost: length x three horizons, about a millisecond for seven days at +30 minutes.
#[must_use]
pub fn evaluate(scores: &[Score], horizon_min: u16) -> SkillReport {
    let scores: Vec<Score> =
        scores.iter().filter(|s| s.forecast.is_finite() && s.outcome.is_finite()).copied().collect();
    let mae = mean(scores.iter().map(Score::error));
    let naive = mean(scores.iter().map(Score::naive_error));
    let ratio = mae.zip(naive).filter(|(_, naive)| *naive > 0.0).map(|(mae, naive)| mae / naive);
    let skill = ratio.map(|ratio| 1.0 - ratio);
    // Delta method: the ratio's error is, to first order, the mean of (error - ratio x naive error) over naive mae.
    let interval = ratio.zip(naive).and_then(|(ratio, naive)| {
        let terms = scores.iter().map(|s| (s.minute, (s.error() - ratio * s.naive_error()) / naive)).collect();
        interval_of_mean(1.0 - ratio, terms, horizon_min)
    });
    let hits: Vec<(u32, f64)> = scores.iter().filter_map(|s| Some((s.minute, f64::from(u8::from(s.hit()?))))).collect();
    let hit_rate = mean(hits.iter().map(|(_, hit)| *hit));
    let hit_interval = hit_rate.and_then(|rate| {
        let terms = hits.iter().map(|(minute, hit)| (*minute, hit - rate)).collect();
        interval_of_mean(rate, terms, horizon_min).map(|(lo, hi)| (lo.max(0.0), hi.min(1.0)))
    });
    SkillReport {
        n: scores.len(),
        mae_bps: mae.map(|mae| mae * 1e4),
        naive_mae_bps: naive.map(|naive| naive * 1e4),
        skill,
        skill_lo: interval.map(|(lo, _)| lo),
        skill_hi: interval.map(|(_, hi)| hi),
        hit_rate,
        hit_lo: hit_interval.map(|(lo, _)| lo),
        hit_hi: hit_interval.map(|(_, hi)| hi),
        verdict: match interval {
            Some((lo, _)) if lo > 0.0 => Verdict::Better,
            Some((_, hi)) if hi < 0.0 => Verdict::Worse,
            _ => Verdict::NotProven,
        },
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

/// 95 % interval around `centre` of a mean whose terms (minute, deviation) are autocorrelated.
fn interval_of_mean(centre: f64, terms: Vec<(u32, f64)>, horizon_min: u16) -> Option<(f64, f64)> {
    let horizon = u32::from(horizon_min.max(1));
    let step = step_min(terms.iter().map(|(minute, _)| *minute));
    if terms.len() * (step as usize) < OUTCOMES_MIN * horizon as usize {
        return None;
    }
    let lag = (LAG_HORIZONS * horizon).max(LAG_MIN);
    let half = critical_value(f64::from(lag / step + 1) / terms.len() as f64) * standard_error(&terms, lag);
    half.is_finite().then_some((centre - half, centre + half))
}

/// Minutes from one forecast to the next: the shortest that there are.
pub(super) fn step_min(minutes: impl Iterator<Item = u32> + Clone) -> u32 {
    let pairs = minutes.clone().zip(minutes.skip(1));
    pairs.map(|(before, after)| after.saturating_sub(before)).filter(|step| *step > 0).min().unwrap_or(1)
}

/// Standard error of the mean of the terms: Newey and West's estimator with Bartlett weights over distances in time, so
/// that missing minutes do not pull apart neighbours together.
fn standard_error(terms: &[(u32, f64)], lag: u32) -> f64 {
    let mut sum = 0.0;
    for (index, (minute, term)) in terms.iter().enumerate() {
        let mut shared = term / 2.0;
        for (later, other) in &terms[index + 1..] {
            let distance = later.abs_diff(*minute);
            if distance > lag {
                break;
            }
            shared += (1.0 - f64::from(distance) / f64::from(lag + 1)) * other;
        }
        sum += 2.0 * term * shared;
    }
    sum.max(0.0).sqrt() / terms.len() as f64
}

/// How many standard errors hold 95 %, when the lag is the share `b` of the sample: 1.96 where `b` vanishes. Kiefer and
/// Vogelsang (2005), table 1, Bartlett kernel, 97.5 %.
fn critical_value(b: f64) -> f64 {
    let b = b.min(1.0);
    1.96 + b * (2.969_4 + b * (0.416_0 - b * 0.532_4))
}
