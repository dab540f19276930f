//! The record of a model's forecasts.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use types::effect::ScoreRecord;
use types::time::NS_PER_MIN;
use types::{InstrumentId, Timestamp};

use super::bands::{BANDS, Bands, Widths};
use super::report::{Score, SkillReport, Verdict, evaluate};
use crate::stats::sequential::Evidence;

/// Days of scores that are kept.
pub const DAYS: u32 = 7;
/// Horizons of scores that are kept where seven days hold fewer: twice what an interval needs.
const HORIZONS_KEPT: u32 = 60;

/// The scores of one model, by instrument and horizon: of the last seven days, of sixty horizons where that is longer. Of a model of
/// minutes these are 10 080 scores of 12 bytes each. Evidence and bands know all since the model began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreBook {
    /// Minutes from one forecast to the next.
    step_min: u16,
    tracks: BTreeMap<(InstrumentId, u16), Track>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Track {
    scores: VecDeque<Score>,
    evidence: Evidence,
    bands: Bands,
}

impl Track {
    fn new(horizon_min: u16, step_min: u16) -> Self {
        let evidence = Evidence::new(horizon_min.div_ceil(step_min));
        Self { scores: VecDeque::new(), evidence, bands: Bands::new() }
    }
}

impl Default for ScoreBook {
    fn default() -> Self {
        Self::new(1)
    }
}

impl ScoreBook {
    /// Nothing is scored yet, of a model that forecasts every `step_min` minutes, at least one.
    #[must_use]
    pub fn new(step_min: u16) -> Self {
        Self { step_min: step_min.max(1), tracks: BTreeMap::new() }
    }

    /// Adds a score, and learns from whether the bands `shown` around its forecast held; scores of its instrument and horizon that
    /// are too much older leave. A second score for a minute replaces the first. Ignored when it is not finite or
    /// older than what is kept.
    pub fn push(&mut self, record: &ScoreRecord, shown: Option<Widths>) {
        let Ok(minute) = u32::try_from(record.open_time.as_nanos().div_euclid(NS_PER_MIN)) else { return };
        let score = Score { minute, forecast: record.log_return, outcome: record.outcome };
        if !(score.forecast.is_finite() && score.outcome.is_finite()) {
            return;
        }
        let key = (record.instrument, record.horizon_min);
        let Track { scores: track, evidence, bands } =
            self.tracks.entry(key).or_insert_with(|| Track::new(record.horizon_min, self.step_min));
        let newest = track.back().map_or(minute, |newest| newest.minute.max(minute));
        let kept_min = (DAYS * 1_440).max(HORIZONS_KEPT * u32::from(record.horizon_min));
        let oldest = (newest + 1).saturating_sub(kept_min);
        if minute < oldest {
            return;
        }
        let index = track.partition_point(|kept| kept.minute < minute);
        match track.get_mut(index) {
            // Told again: what was learned from it is learned.
            Some(kept) if kept.minute == minute => *kept = score,
            _ => {
                // A bet must be made before its outcome is known, and before any later one is.
                if index == track.len() {
                    evidence.push(
                        minute / u32::from(self.step_min),
                        f64::from(score.forecast),
                        f64::from(score.outcome),
                    );
                }
                track.insert(index, score);
                bands.push(f64::from(score.forecast) - f64::from(score.outcome), shown);
            }
        }
        while track.front().is_some_and(|kept| kept.minute < oldest) {
            track.pop_front();
        }
    }

    /// Skill on the kept scores. About a millisecond for seven days of minutes: ask once a minute, not once a frame.
    ///
    /// The verdict is looked at every minute until it says something: beside the interval it needs evidence that may be watched, at
    /// least [`EVIDENCE_MIN`](super::EVIDENCE_MIN) since the model began.
    #[must_use]
    pub fn report(&self, instrument: InstrumentId, horizon_min: u16) -> SkillReport {
        let scores: Vec<Score> = self.track(instrument, horizon_min).copied().collect();
        let report = evaluate(&scores, horizon_min);
        let evidence = self.evidence(instrument, horizon_min);
        let verdict = evidence.map_or(Verdict::NotProven, |evidence| report.verdict.with(evidence));
        SkillReport { verdict, ..report }
    }

    /// Evidence for and against the model since it began; `None` before its first score.
    #[must_use]
    pub fn evidence(&self, instrument: InstrumentId, horizon_min: u16) -> Option<&Evidence> {
        self.tracks.get(&(instrument, horizon_min)).map(|track| &track.evidence)
    }

    /// Half-widths of the bands around the next forecast; `None` while there are fewer than a hundred errors.
    #[must_use]
    pub fn widths(&self, instrument: InstrumentId, horizon_min: u16) -> Option<Widths> {
        let track = self.tracks.get(&(instrument, horizon_min))?;
        let error = |score: &Score| (f64::from(score.forecast) - f64::from(score.outcome)).abs();
        track.bands.widths(track.scores.iter().rev().map(error))
    }

    /// For each band the share of outcomes that it held, and how many there were; `None` before the first outcome of a
    /// forecast with bands.
    #[must_use]
    pub fn coverage(&self, instrument: InstrumentId, horizon_min: u16) -> Option<[(f64, u64); BANDS.len()]> {
        self.tracks.get(&(instrument, horizon_min))?.bands.achieved()
    }

    /// When the oldest kept forecast was made: open time of the last candle its model saw.
    #[must_use]
    pub fn since(&self, instrument: InstrumentId, horizon_min: u16) -> Option<Timestamp> {
        let oldest = self.track(instrument, horizon_min).next()?;
        Some(Timestamp::from_nanos(i64::from(oldest.minute) * NS_PER_MIN))
    }

    fn track(&self, instrument: InstrumentId, horizon_min: u16) -> impl Iterator<Item = &Score> {
        self.tracks.get(&(instrument, horizon_min)).into_iter().flat_map(|track| &track.scores)
    }
}
