//! Controls: forecasters without a network, over the same windows and scored by the same code as a model. A model that does not
//! beat all of them has learnt nothing that a line of arithmetic does not know.

mod ridge;

use engine::skill::{self, Scorecard, Sealed};
use engine::stats::special::normal_cdf;
use rayon::prelude::*;
use serde::Serialize;

use crate::dataset::{Dataset, Series};
use crate::run;
use crate::split::{Fold, Span, Split};
use crate::windows::{self, Window};
use ridge::Ridge;

/// Minutes after which a day repeats.
const DAY: i64 = 1_440;

/// A forecaster without a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The price stays.
    NoChange,
    /// The mean move of all minutes up to now goes on: a random walk with drift.
    Drift,
    /// The last move of the horizon's length, of which only the sign counts, times the size that errs least in training. The size is
    /// negative where moves turned back.
    LastSign,
    /// The move of the same minutes one day before; no change where they are not known.
    SeasonalNaive,
    /// Ridge regression of the return on the last feature row.
    Linear,
}

impl Control {
    /// All of them, the weakest first.
    pub const ALL: [Self; 5] = [Self::NoChange, Self::Drift, Self::LastSign, Self::SeasonalNaive, Self::Linear];

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoChange => "no change",
            Self::Drift => "drift",
            Self::LastSign => "last sign",
            Self::SeasonalNaive => "seasonal naive",
            Self::Linear => "linear",
        }
    }
}

/// What is asked of the controls: the same as of a model.
#[derive(Clone, Debug)]
pub struct Question {
    /// Rows that a model would see, one a candle; the controls are asked about the same windows.
    pub window: usize,
    /// Horizons, candles.
    pub horizons: Vec<u16>,
    /// Walk-forward folds.
    pub folds: usize,
}

/// One control on one part of one series at one horizon.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// `fold 1` and so on, or `held out`.
    pub part: String,
    /// The series.
    pub source: String,
    /// The control.
    pub control: Control,
    /// What its forecasts are worth.
    #[serde(flatten)]
    pub card: Scorecard,
}

/// Fits the controls in each fold, as a model is, and judges them on its test; then on the held-out part.
///
/// # Errors
/// Too few minutes for the folds, or no complete training window in one.
pub fn judge(dataset: &Dataset, question: &Question) -> anyhow::Result<Vec<Judged>> {
    let split = question.split(dataset)?;
    let mut judged = Vec::new();
    for (number, fold) in split.folds.iter().enumerate() {
        let controls = Controls::fit(dataset, question, *fold)?;
        judged.extend(controls.judge(dataset, &format!("fold {}", number + 1), &controls.windows(dataset, fold.test)));
    }
    judged.extend(held_out(dataset, question)?);
    Ok(judged)
}

/// Fits the controls where the released fit of a model is fitted, and judges them on the held-out part.
///
/// # Errors
/// As [`judge`].
pub fn held_out(dataset: &Dataset, question: &Question) -> anyhow::Result<Vec<Judged>> {
    let split = question.split(dataset)?;
    let controls = Controls::fit(dataset, question, split.last)?;
    Ok(controls.judge(dataset, "held out", &controls.windows(dataset, split.held_out)))
}

impl Question {
    fn split(&self, dataset: &Dataset) -> anyhow::Result<Split> {
        let longest = self.horizons.iter().copied().max().unwrap_or(0);
        run::split(dataset, self.folds, self.window, longest)
    }
}

/// The controls with what they learnt from one fold's training part.
#[derive(Clone, Debug)]
pub struct Controls {
    question: Question,
    /// Per horizon.
    fitted: Vec<Fitted>,
}

#[derive(Clone, Debug)]
struct Fitted {
    /// How far ahead, candles.
    horizon: u16,
    /// Size of the last sign, log-return.
    step: f64,
    linear: Ridge,
    /// Standard deviation of outcomes in training.
    deviation: f64,
}

impl Controls {
    /// Learns from the training part of a fold; its validation part chooses the penalty of the regression.
    ///
    /// # Errors
    /// The training part holds no complete window with outcomes.
    pub fn fit(dataset: &Dataset, question: &Question, fold: Fold) -> anyhow::Result<Self> {
        let labelled = |span: Span| windows::labelled(dataset, question.window, &question.horizons, span);
        let (train, validation) = (labelled(fold.train), labelled(fold.validation));
        anyhow::ensure!(!train.is_empty(), "no complete training window: too few minutes, or too many gaps");
        let of_horizon = |horizon: &u16| {
            let came = |of: &[Window]| -> Vec<f64> { of.iter().map(|w| outcome(dataset, *w, *horizon)).collect() };
            let (learnt, checked) = (came(&train), came(&validation));
            let signed = train.iter().zip(&learnt).filter_map(|(window, came)| {
                let sign = last_sign(&dataset.series[window.series], window.end, *horizon);
                (sign != 0.0).then_some(sign * came)
            });
            Fitted {
                horizon: *horizon,
                step: median(signed.collect()),
                linear: Ridge::fit(&rows(dataset, &train), &learnt, &rows(dataset, &validation), &checked),
                deviation: (learnt.iter().map(|came| came * came).sum::<f64>() / learnt.len() as f64).sqrt(),
            }
        };
        let fitted = question.horizons.par_iter().map(of_horizon).collect();
        Ok(Self { question: question.clone(), fitted })
    }

    /// The windows of a part that a model would be judged on.
    pub fn windows(&self, dataset: &Dataset, span: Span) -> Vec<Window> {
        windows::labelled(dataset, self.question.window, &self.question.horizons, span)
    }

    /// A card for each control, series and horizon over these windows, which must have outcomes.
    pub fn judge(&self, dataset: &Dataset, part: &str, of: &[Window]) -> Vec<Judged> {
        let mut asked = Vec::new();
        for (position, series) in dataset.series.iter().enumerate() {
            asked.extend(
                self.fitted.iter().flat_map(|fitted| Control::ALL.map(|control| (position, series, fitted, control))),
            );
        }
        let card = |(position, series, fitted, control): &(usize, &Series, &Fitted, Control)| {
            let mine = of.iter().filter(|window| window.series == *position);
            let sealed: Vec<Sealed> = mine.map(|window| fitted.sealed(dataset, *window, *control)).collect();
            let card = skill::scorecard(&sealed, series.last_min(fitted.horizon) as u16);
            Judged { part: part.to_owned(), source: series.source.clone(), control: *control, card }
        };
        asked.par_iter().map(card).collect()
    }
}

impl Fitted {
    /// Expected log-return after a window.
    fn forecast(&self, dataset: &Dataset, window: Window, control: Control) -> f64 {
        let (series, end) = (&dataset.series[window.series], window.end);
        match control {
            Control::NoChange => 0.0,
            Control::Drift => {
                let minutes = series.minutes[end] - series.minutes[0];
                let so_far = (series.closes[end] / series.closes[0]).ln();
                if minutes > 0 { so_far / minutes as f64 * series.last_min(self.horizon) as f64 } else { 0.0 }
            }
            Control::LastSign => last_sign(series, end, self.horizon) * self.step,
            Control::SeasonalNaive => {
                let before = series.index_of(series.minutes[end] - DAY);
                before.and_then(|index| series.log_return(index, self.horizon)).unwrap_or(0.0)
            }
            Control::Linear => self.linear.predict(windows::values(dataset, window, 1)),
        }
    }

    fn sealed(&self, dataset: &Dataset, window: Window, control: Control) -> Sealed {
        let forecast = self.forecast(dataset, window, control);
        Sealed {
            minute: dataset.series[window.series].minutes[window.end] as u32,
            forecast: forecast as f32,
            // As if outcomes lay around the forecast as those of training lay around zero.
            p_up: if self.deviation > 0.0 { normal_cdf(forecast / self.deviation) as f32 } else { 0.5 },
            outcome: outcome(dataset, window, self.horizon) as f32,
        }
    }
}

fn outcome(dataset: &Dataset, window: Window, horizon: u16) -> f64 {
    dataset.series[window.series].log_return(window.end, horizon).expect("labelled windows have outcomes")
}

/// -1, 0 or 1: where the price went in the last `horizon` candles; 0 where that is not known.
fn last_sign(series: &Series, end: usize, horizon: u16) -> f64 {
    let before = series.index_of(series.minutes[end] - series.last_min(horizon));
    before.map_or(0.0, |before| {
        let moved = series.closes[end] - series.closes[before];
        if moved == 0.0 { 0.0 } else { moved.signum() }
    })
}

/// What is nearest to all of them in absolute distance; 0 without any.
fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn rows<'a>(dataset: &'a Dataset, of: &[Window]) -> Vec<&'a [f32]> {
    of.iter().map(|window| windows::values(dataset, *window, 1)).collect()
}

#[cfg(test)]
mod tests;
