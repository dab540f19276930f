//! What a study found.

use std::time::Duration;

use serde::Serialize;
use types::Timestamp;

use crate::{Bars, Happening, Measure, Plan};

/// What a study found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Length of the candles, minutes: effects that are shorter cannot be seen.
    pub step_min: f64,
    /// How many measures were tested, over all kinds: what the p-values are corrected for.
    pub tests: usize,
    /// How it was done.
    pub plan: Plan,
    /// By kind of event.
    pub kinds: Vec<Kind>,
}

/// What was found of one kind of events.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Kind {
    /// Its name.
    pub kind: String,
    /// Events that there were.
    pub events: usize,
    /// Left out because another one was just before.
    pub in_bursts: usize,
    /// Left out because candles around them are missing.
    pub without_candles: usize,
    /// Left out because the kind happens at that minute in nearly every week.
    pub without_placebos: usize,
    /// Events that were studied; below the fewest that are needed nothing is told of them.
    pub studied: usize,
    /// The mean way of the price around them.
    pub path: Vec<Offset>,
    /// Measures.
    pub rows: Vec<Row>,
}

/// The mean way of the price at an offset from the events.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Offset {
    /// Minutes after the event; below zero before it.
    pub minutes: f64,
    /// Mean return since the event, basis points.
    pub mean_bps: f64,
    /// The same of placebos.
    pub placebo_bps: f64,
    /// Mean of returns without their sign.
    pub magnitude_bps: f64,
    /// The same of placebos.
    pub placebo_magnitude_bps: f64,
}

/// A measure of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was measured, and over which minutes.
    #[serde(flatten)]
    pub measure: Measure,
    /// Events that it could be measured for.
    pub events: usize,
    /// Mean over the events.
    pub mean: f64,
    /// Mean over their placebos.
    pub placebo: f64,
    /// The first less the second.
    pub difference: f64,
    /// Between these the true difference lies.
    pub interval: (f64, f64),
    /// How often chance alone gives as large a difference.
    pub p: f64,
    /// The same, corrected for all measures that were tested (Holm 1979).
    pub p_holm: f64,
    /// In a word.
    pub verdict: Verdict,
}

/// What a difference comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Chance explains it.
    NotProven,
    /// It is more than chance, with all other tests counted.
    More,
    /// It is less than chance, with all other tests counted.
    Less,
}

/// Corrects the p-values of all measures of all kinds. Gives how many there are.
pub(crate) fn correct(kinds: &mut [Kind], alpha: f64) -> usize {
    let mut rows: Vec<&mut Row> = kinds.iter_mut().flat_map(|kind| kind.rows.iter_mut()).collect();
    rows.sort_by(|a, b| a.p.total_cmp(&b.p));
    let tests = rows.len();
    let mut least = 0.0_f64;
    for (rank, row) in rows.into_iter().enumerate() {
        least = least.max((row.p * (tests - rank) as f64).min(1.0));
        row.p_holm = least;
        row.verdict = match () {
            () if least >= alpha => Verdict::NotProven,
            () if row.difference > 0.0 => Verdict::More,
            () => Verdict::Less,
        };
    }
    tests
}

/// The mean way of the price around events and placebos, candle by candle.
pub(crate) fn path(bars: &Bars, studied: &[(&Happening, Vec<(i32, Timestamp)>)], plan: &Plan) -> Vec<Offset> {
    let steps = |span: Duration| (span.as_nanos() / bars.step().as_nanos()) as i32;
    let moved = |at: Timestamp, step: i32| {
        let span = bars.step() * step.unsigned_abs();
        let then = if step < 0 { at.minus(span) } else { at.plus(span) };
        Some(1e4 * (bars.close(then)? / bars.close(at)?).ln())
    };
    let means = |values: &[f64]| {
        let count = values.len().max(1) as f64;
        (values.iter().sum::<f64>() / count, values.iter().map(|value| value.abs()).sum::<f64>() / count)
    };
    (-steps(plan.before())..=steps(plan.reach()))
        .map(|step| {
            let of_events: Vec<f64> = studied.iter().filter_map(|(event, _)| moved(event.at, step)).collect();
            let of_placebos: Vec<f64> = studied
                .iter()
                .flat_map(|(_, placebos)| placebos.iter().filter_map(|(_, at)| moved(*at, step)))
                .collect();
            let ((mean_bps, magnitude_bps), (placebo_bps, placebo_magnitude_bps)) =
                (means(&of_events), means(&of_placebos));
            let minutes = f64::from(step) * bars.step_min();
            Offset { minutes, mean_bps, placebo_bps, magnitude_bps, placebo_magnitude_bps }
        })
        .collect()
}
