//! How good forecasts of the next day were, each made with what was known the day before.

use engine::skill::{self, Sealed, Verdict};
use engine::stats::special::{normal_cdf, normal_quantile};
use rayon::prelude::*;
use serde::Serialize;

use super::{Closes, Forecaster, LEVEL};

/// Forecasts of the next close from a rolling origin, against "no change", which is the naive forecast.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rolling {
    /// Days that were forecast.
    pub n: usize,
    /// Mean absolute error, basis points of log-return.
    pub mae_bps: Option<f64>,
    /// The same of the naive forecast.
    pub naive_mae_bps: Option<f64>,
    /// Mean absolute percentage error of the price, percent.
    pub mape_pct: Option<f64>,
    /// 1 - mae / naive mae.
    pub skill: Option<f64>,
    /// Lower end of its 95 % interval.
    pub skill_lo: Option<f64>,
    /// Upper end.
    pub skill_hi: Option<f64>,
    /// Share of right signs.
    pub hit_rate: Option<f64>,
    /// Two-sided probability of Diebold and Mariano's statistic on squared errors.
    pub dm_p: Option<f64>,
    /// Share of closes within the 95 % interval.
    pub coverage_95: Option<f64>,
    /// Evidence for "better" that may be looked at every day; 20 is enough.
    pub evidence_better: f64,
    /// The same for "worse".
    pub evidence_worse: f64,
    /// One of three words.
    pub verdict: Verdict,
}

/// Forecasts each of the last `days` closes with all before it, on all cores. Days without a forecast are left out.
pub fn rolling(forecaster: &impl Forecaster, closes: &Closes, days: usize) -> Rolling {
    let from = closes.logs.len().saturating_sub(days).max(1);
    let one = |position: usize| {
        let step = *forecaster.forecast(&closes.logs[..position], 1).ok()?.steps.first()?;
        let (last, came) = (closes.logs[position - 1], closes.logs[position]);
        let deviation = (step.high - step.low) / 2.0 / normal_quantile(f64::midpoint(1.0, LEVEL));
        let sealed = Sealed {
            // The engine counts steps of whatever length.
            minute: position as u32,
            forecast: (step.mean - last) as f32,
            p_up: if deviation > 0.0 { normal_cdf((step.mean - last) / deviation) as f32 } else { 0.5 },
            outcome: (came - last) as f32,
        };
        Some((sealed, (step.low..=step.high).contains(&came)))
    };
    let (sealed, held): (Vec<Sealed>, Vec<bool>) =
        (from..closes.logs.len()).into_par_iter().filter_map(one).collect::<Vec<_>>().into_iter().unzip();
    let card = skill::scorecard(&sealed, 1);
    let inside = held.iter().filter(|held| **held).count();
    Rolling {
        n: card.n,
        mae_bps: card.mae_bps,
        naive_mae_bps: card.naive_mae_bps,
        mape_pct: card.mape_pct,
        skill: card.skill,
        skill_lo: card.skill_lo,
        skill_hi: card.skill_hi,
        hit_rate: card.hit_rate,
        dm_p: card.dm_p,
        coverage_95: (!held.is_empty()).then(|| inside as f64 / held.len() as f64),
        evidence_better: card.evidence_better,
        evidence_worse: card.evidence_worse,
        verdict: card.verdict,
    }
}
