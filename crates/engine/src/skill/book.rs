//! The record of a model's forecasts.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::effect::ScoreRecord;
use types::time::NS_PER_MIN;
use types::{InstrumentId, Timestamp};

use super::report::{Score, SkillReport, evaluate};

/// Days of scores that are kept.
pub const DAYS: u32 = 7;
/// One score a minute at most.
const SCORES_MAX: u32 = DAYS * 1_440;
/// Fewest errors for a quantile of them.
const ERRORS_MIN: usize = 100;

/// The scores of the last seven days of one model, by instrument and horizon. At most 10 080 scores of 12 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreBook {
    tracks: BTreeMap<(InstrumentId, u16), VecDeque<Score>>,
}

impl ScoreBook {
    /// Adds a score; scores of its instrument and horizon that are more than seven days older leave. A second score for a
    /// minute replaces the first. Ignored when it is not finite or older than what is kept.
    pub fn push(&mut self, record: &ScoreRecord) {
        let Ok(minute) = u32::try_from(record.open_time.as_nanos().div_euclid(NS_PER_MIN)) else { return };
        let score = Score { minute, forecast: record.log_return, outcome: record.outcome };
        if !(score.forecast.is_finite() && score.outcome.is_finite()) {
            return;
        }
        let track = self.tracks.entry((record.instrument, record.horizon_min)).or_default();
        let newest = track.back().map_or(minute, |newest| newest.minute.max(minute));
        let oldest = (newest + 1).saturating_sub(SCORES_MAX);
        if minute < oldest {
            return;
        }
        let index = track.partition_point(|kept| kept.minute < minute);
        match track.get_mut(index) {
            Some(kept) if kept.minute == minute => *kept = score,
            _ => track.insert(index, score),
        }
        while track.front().is_some_and(|kept| kept.minute < oldest) {
            track.pop_front();
        }
    }

    /// Skill on the kept scores. About a millisecond for seven days: ask once a minute, not once a frame.
    #[must_use]
    pub fn report(&self, instrument: InstrumentId, horizon_min: u16) -> SkillReport {
        let scores: Vec<Score> = self.track(instrument, horizon_min).copied().collect();
        evaluate(&scores, horizon_min)
    }

    /// Half-width (log-return) around a forecast that would have held `share` (0 to 1) of the past outcomes; `None` while
    /// there are fewer than a hundred, or too few for a share so large.
    ///
    /// It is the (n + 1) x `share`-th smallest error, which keeps the promise for the next outcome too.
    #[must_use]
    pub fn error_quantile(&self, instrument: InstrumentId, horizon_min: u16, share: f64) -> Option<f64> {
        let error = |score: &Score| f64::from(score.forecast - score.outcome).abs();
        let mut errors: Vec<f64> = self.track(instrument, horizon_min).map(error).collect();
        let rank = ((errors.len() + 1) as f64 * share).ceil() as usize;
        if errors.len() < ERRORS_MIN || !(1..=errors.len()).contains(&rank) {
            return None;
        }
        Some(*errors.select_nth_unstable_by(rank - 1, f64::total_cmp).1)
    }

    /// When the oldest kept forecast was made: open time of the last candle its model saw.
    #[must_use]
    pub fn since(&self, instrument: InstrumentId, horizon_min: u16) -> Option<Timestamp> {
        let oldest = self.track(instrument, horizon_min).next()?;
        Some(Timestamp::from_nanos(i64::from(oldest.minute) * NS_PER_MIN))
    }

    /// Forgets everything (another model).
    pub fn clear(&mut self) {
        self.tracks.clear();
    }

    fn track(&self, instrument: InstrumentId, horizon_min: u16) -> impl Iterator<Item = &Score> {
        self.tracks.get(&(instrument, horizon_min)).into_iter().flatten()
    }
}
