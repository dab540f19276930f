//! How good forecasts are against "no change", with an interval that keeps its promise.

use serde::{Deserialize, Serialize};
use types::effect::{ForecastRecord, ScoreRecord};
use types::{InstrumentId, Price, Timestamp};

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

/// Skill over a list of scores. Serialises to the keys of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkillReport {
    /// Scored forecasts.
    pub n: usize,
    /// Mean absolute error, basis points.
    pub mae_bps: Option<f64>,
    /// Mean absolute error of "no change", basis points.
    pub naive_mae_bps: Option<f64>,
    /// 1 - mae / naive mae.
    pub skill: Option<f64>,
    /// Lower end of its 95 % interval.
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

/// Skill of forecasts at one horizon. `scores` in time order, one a minute at most.
#[must_use]
pub fn evaluate(scores: &[Score], horizon_min: u16) -> SkillReport {
    let _ = (scores, horizon_min);
    todo!()
}

/// The scores of the last seven days, per instrument and horizon, of one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreBook {}

impl ScoreBook {
    /// Adds a score; scores more than seven days older than it leave.
    pub fn push(&mut self, record: &ScoreRecord) {
        let _ = record;
        todo!()
    }
    /// Skill on the kept scores. About a millisecond for seven days: ask once a minute.
    #[must_use]
    pub fn report(&self, instrument: InstrumentId, horizon_min: u16) -> SkillReport {
        let _ = (instrument, horizon_min);
        todo!()
    }
    /// Half-widths (log-return) that held `share` (0.5, 0.9) of the past errors; `None` while too few.
    #[must_use]
    pub fn error_quantile(&self, instrument: InstrumentId, horizon_min: u16, share: f64) -> Option<f64> {
        let _ = (instrument, horizon_min, share);
        todo!()
    }
    /// When the oldest kept score's forecast was made (open time of the last candle seen).
    #[must_use]
    pub fn since(&self, instrument: InstrumentId, horizon_min: u16) -> Option<Timestamp> {
        let _ = (instrument, horizon_min);
        todo!()
    }
    /// Forgets everything (another model).
    pub fn clear(&mut self) {
        todo!()
    }
}

/// Forecasts that wait for their outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pending {}

impl Pending {
    /// Adds a forecast. One for the same instrument, minute and horizon is replaced.
    pub fn push(&mut self, forecast: ForecastRecord) {
        let _ = forecast;
        todo!()
    }
    /// The minute at `open_time` of `instrument` closed at `close`: gives the scores due; forecasts whose target minute
    /// was passed over are dropped and counted.
    pub fn resolve(&mut self, instrument: InstrumentId, open_time: Timestamp, close: Price, out: &mut Vec<ScoreRecord>) {
        let _ = (instrument, open_time, close, out);
        todo!()
    }
}
