//! Forecasts against what came, through the engine's own skill.

use std::collections::BTreeMap;

use bundle::{Metrics, Verdict};
use engine::skill::{self, Score, SkillReport};

use crate::dataset::{Dataset, Series};
use crate::windows::{self, Window};

/// Result by horizon in minutes.
pub type Report = BTreeMap<u16, Metrics>;

/// Forecast log-returns after one candle, per horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Position of the last row in the series.
    pub end: usize,
    /// One per horizon.
    pub log_returns: Vec<f32>,
}

/// Skill by horizon in minutes over forecasts in time order; `horizons` in candles. A forecast whose target candle is missing
/// does not count for that horizon.
pub fn report(series: &Series, forecasts: &[Forecast], horizons: &[u16]) -> BTreeMap<u16, SkillReport> {
    let step = i64::from(series.timeframe_min);
    let of_horizon = |(position, horizon): (usize, &u16)| {
        let score = |forecast: &Forecast| {
            Some(Score {
                // The skill counts candles: how many lie between two forecasts says whether they overlap.
                minute: (series.minutes[forecast.end] / step) as u32,
                forecast: forecast.log_returns[position],
                outcome: series.log_return(forecast.end, *horizon)? as f32,
            })
        };
        let scores: Vec<Score> = forecasts.iter().filter_map(score).collect();
        (horizon * series.timeframe_min, skill::judge(&scores, *horizon))
    };
    horizons.iter().enumerate().map(of_horizon).collect()
}

/// The same as the manifest keeps it.
pub fn metrics(report: &SkillReport) -> Metrics {
    Metrics {
        n: report.n as u64,
        mae_bps: report.mae_bps,
        naive_mae_bps: report.naive_mae_bps,
        skill: report.skill,
        skill_lo: report.skill_lo,
        skill_hi: report.skill_hi,
        hit_rate: report.hit_rate,
        hit_lo: report.hit_lo,
        hit_hi: report.hit_hi,
        verdict: match report.verdict {
            skill::Verdict::Worse => Verdict::Worse,
            skill::Verdict::NotProven => Verdict::NotProven,
            skill::Verdict::Better => Verdict::Better,
        },
    }
}

/// Scores per series of forecasts of `windows`, in the manifest's form.
pub fn by_source(
    dataset: &Dataset,
    windows: &[Window],
    log_returns: &[Vec<f32>],
    horizons: &[u16],
) -> BTreeMap<String, Report> {
    let of_series = |(position, series): (usize, &Series)| {
        let mine = windows.iter().zip(log_returns).filter(|(window, _)| window.series == position);
        let forecasts: Vec<Forecast> =
            mine.map(|(window, returns)| Forecast { end: window.end, log_returns: returns.clone() }).collect();
        if forecasts.is_empty() {
            return None;
        }
        let report = report(series, &forecasts, horizons);
        Some((series.source.clone(), report.iter().map(|(horizon, skill)| (*horizon, metrics(skill))).collect()))
    };
    dataset.series.iter().enumerate().filter_map(of_series).collect()
}

/// The model's forecasts of `windows`, on all cores.
pub fn forecasts(dataset: &Dataset, model: &infer::Model, of: &[Window]) -> Result<Vec<Vec<f32>>, infer::InferError> {
    let len = model.manifest().rows();
    let values: Vec<&[f32]> = of.iter().map(|window| windows::values(dataset, *window, len)).collect();
    let answers = model.predict_all(&values)?;
    Ok(answers.iter().map(|answer| answer.horizons.iter().map(|horizon| horizon.log_return).collect()).collect())
}
