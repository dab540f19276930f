//! Whether markets move when something is said: event studies against matched placebo times.
//!
//! After MacKinlay, "Event Studies in Economics and Finance" (Journal of Economic Literature 35, 1997), with times in place of
//! abnormal-return models: what followed an event is compared with what followed the same minute of the week in other weeks in which
//! nothing of the kind happened nearby. So the day's and the week's own rhythm of prices and volume is no effect.
//!
//! ```text
//! events of a kind --> thinned (one per burst) --> each with its placebos, the same minute of other weeks
//! difference of event and placebos, for each measure --> mean
//!   interval: bootstrap of whole days (what happens on one day is not independent)
//!   p-value: for each day the event week and the placebo weeks are exchanged; Holm over all measures of all kinds
//! ```

mod bars;
mod chance;
mod measure;
mod report;

pub use bars::{Bar, Bars};
pub use measure::Measure;
pub use report::{Kind, Offset, Report, Row, Verdict};

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use chance::Compared;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// From when it could be known.
    pub at: Timestamp,
    /// What it is one of.
    pub kind: String,
    /// The direction that it speaks for, above or below zero; nothing where it speaks for none.
    pub sign: Option<f64>,
}

/// How events are studied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Minutes before an event that are looked at.
    pub before_min: u32,
    /// Minutes after it at which measures are taken; the last one is how far is looked at.
    pub horizons_min: Vec<u32>,
    /// An event so soon after another of its kind belongs to the same burst, minutes.
    pub apart_min: u32,
    /// Weeks before and after in which placebos are looked for.
    pub weeks: u32,
    /// Fewest placebos that an event needs.
    pub placebos_min: usize,
    /// Fewest events that a kind needs.
    pub events_min: usize,
    /// Draws for intervals and p-values.
    pub draws: u32,
    /// Share of intervals that hold the true mean.
    pub level: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            before_min: 30,
            horizons_min: vec![5, 15, 30, 60, 120],
            apart_min: 30,
            weeks: 8,
            placebos_min: 2,
            events_min: 10,
            draws: 2_000,
            level: 0.95,
            seed: 1,
        }
    }
}

/// What keeps a study from its work.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StudyError {
    /// The plan cannot be followed.
    #[error("{0}")]
    Plan(String),
    /// There are no candles.
    #[error("there are no candles to look at")]
    NoBars,
}

impl Plan {
    fn check(&self) -> Result<(), StudyError> {
        let wrong = |text: &str| Err(StudyError::Plan(text.to_owned()));
        if self.horizons_min.is_empty() || self.horizons_min.len() > 16 {
            return wrong("horizons_min: must be 1 to 16 horizons");
        }
        if !self.horizons_min.is_sorted_by(|a, b| a < b) || self.horizons_min.iter().any(|it| !(1..=1_440).contains(it))
        {
            return wrong("horizons_min: must be minutes from 1 to 1440, each greater than the one before");
        }
        if self.before_min > 1_440 || self.apart_min > 10_080 {
            return wrong("before_min: must be at most 1440, and apart_min at most 10080");
        }
        if !(1..=52).contains(&self.weeks) || self.placebos_min == 0 || self.events_min < 2 {
            return wrong("weeks: must be 1 to 52, placebos_min at least 1 and events_min at least 2");
        }
        if !(100..=100_000).contains(&self.draws) || !(0.5..1.0).contains(&self.level) {
            return wrong("draws: must be 100 to 100000, and level from 0.5 to below 1");
        }
        Ok(())
    }

    fn reach(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.horizons_min.last().copied().unwrap_or_default()))
    }

    fn before(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.before_min))
    }
}

/// Studies all kinds of events over one market.
///
/// # Errors
/// When the plan cannot be followed, or there are no candles.
pub fn study(bars: &Bars, happenings: &[Happening], plan: &Plan) -> Result<Report, StudyError> {
    plan.check()?;
    if bars.is_empty() {
        return Err(StudyError::NoBars);
    }
    let mut by_kind: BTreeMap<&str, Vec<&Happening>> = BTreeMap::new();
    for happening in happenings {
        by_kind.entry(&happening.kind).or_default().push(happening);
    }
    let mut kinds: Vec<Kind> = by_kind.into_iter().map(|(kind, all)| one_kind(bars, kind, all, plan)).collect();
    let tests = report::correct(&mut kinds, 1.0 - plan.level);
    Ok(Report { step_min: bars.step_min(), tests, plan: plan.clone(), kinds })
}

fn one_kind(bars: &Bars, kind: &str, mut all: Vec<&Happening>, plan: &Plan) -> Kind {
    all.sort_by_key(|happening| happening.at);
    let times: Vec<Timestamp> = all.iter().map(|happening| happening.at).collect();
    let apart = Duration::from_secs(60 * u64::from(plan.apart_min));
    let mut told = Kind { kind: kind.to_owned(), events: all.len(), ..Kind::default() };
    let mut last: Option<Timestamp> = None;
    let mut studied = Vec::new();
    for happening in all {
        if last.is_some_and(|last| happening.at.since(last) < apart) {
            told.in_bursts += 1;
            continue;
        }
        last = Some(happening.at);
        let is_covered = |at: Timestamp| bars.covers(at.minus(plan.before()), at.plus(plan.reach()));
        if !is_covered(happening.at) {
            told.without_candles += 1;
            continue;
        }
        let placebos: Vec<(i32, Timestamp)> = weeks(plan.weeks)
            .filter_map(|week| Some((week, shifted(happening.at, week)?)))
            .filter(|(_, at)| is_covered(*at) && !happens_near(&times, *at, plan))
            .collect();
        if placebos.len() < plan.placebos_min {
            told.without_placebos += 1;
            continue;
        }
        studied.push((happening, placebos));
    }
    told.studied = studied.len();
    if studied.len() < plan.events_min {
        return told;
    }
    told.path = report::path(bars, &studied, plan);
    for measure in Measure::all(plan) {
        let compared: Vec<Compared> = studied
            .iter()
            .filter_map(|(happening, placebos)| {
                let value = |at| measure.of(bars, at, happening.sign);
                let others = placebos.iter().filter_map(|(week, at)| Some((*week, value(*at)?))).collect();
                Compared::new(happening.at, value(happening.at)?, others)
            })
            .collect();
        if compared.len() >= plan.events_min {
            told.rows.push(chance::judge(measure, &compared, plan));
        }
    }
    told
}

/// The weeks around the own one, the near ones first.
fn weeks(most: u32) -> impl Iterator<Item = i32> {
    (1..=most as i32).flat_map(|week| [-week, week])
}

fn shifted(at: Timestamp, weeks: i32) -> Option<Timestamp> {
    let week = Duration::from_secs(7 * 86_400 * u64::from(weeks.unsigned_abs()));
    let moved = if weeks < 0 { at.minus(week) } else { at.plus(week) };
    (moved > Timestamp::EPOCH).then_some(moved)
}

/// Whether something of the kind happened so near that a placebo would show its effect. `times` in their order.
fn happens_near(times: &[Timestamp], at: Timestamp, plan: &Plan) -> bool {
    let (from, to) = (at.minus(plan.reach()), at.plus(plan.reach()));
    let first = times.partition_point(|time| *time < from);
    times.get(first).is_some_and(|time| *time <= to)
}

#[cfg(test)]
mod tests;
