//! Questions to the model, its answers, and how they turned out.
//!
//! ```text
//! closed minute ──window complete, book proven──► Effect::Infer ──► asked
//! Input::Prediction ──asked, this model, sound──► Record::Forecast, pending ──target minute closes──► Record::Score
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::effect::{Base, ForecastRecord, InferRequest, Record, ScoreRecord};
use types::input::{HorizonForecast, ModelSpec, Prediction};
use types::{Candle, Effect, Effects, InstrumentId, Timestamp};

use crate::feature::{self, Live};
use crate::market::{Market, Moment};
use crate::rejection::Rejection;
use crate::seal::Chain;
use crate::skill::{Pending, ScoreBook, SkillReport, Widths};

/// Most features of a model.
pub const FEATURES_MAX: usize = 256;
/// Most minutes in a model's window.
pub const WINDOW_MAX: u16 = 1_440;
/// Most horizons of a model.
pub const HORIZONS_MAX: usize = 8;
/// Longest horizon, minutes.
pub const HORIZON_MAX_MIN: u16 = 1_440;

/// Why there is no newer forecast just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No model is loaded.
    NoModel,
    /// The model was trained on other features and is not asked.
    ModelRefused,
    /// The book does not hold.
    BookNotProven,
    /// Not enough minutes without a gap.
    WindowIncomplete,
    /// The model was asked and has not answered.
    Waiting,
}

/// The model, what it was asked, what it said, and its record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forecasts {
    spec: Option<ModelSpec>,
    /// False for a model whose features are not ours.
    is_usable: bool,
    asked: BTreeMap<InstrumentId, Timestamp>,
    newest: BTreeMap<(InstrumentId, u16), ForecastRecord>,
    pending: Pending,
    scores: ScoreBook,
    chain: Chain,
    /// The model that `scores` belong to; outlives a restart.
    scored: String,
    /// Reused between inputs; always empty between them.
    #[serde(skip)]
    due: Vec<(ScoreRecord, Option<Widths>)>,
}

impl Forecasts {
    /// Another model answers from now on, or none.
    ///
    /// # Errors
    /// Why it is not asked; then there is none, except for a wrong fingerprint, where it is kept to be shown.
    pub(crate) fn set_model(&mut self, spec: Option<&ModelSpec>) -> Result<(), Rejection> {
        self.asked.clear();
        (self.spec, self.is_usable) = (None, false);
        let Some(spec) = spec else { return Ok(()) };
        check_spec(spec)?;
        self.spec = Some(spec.clone());
        if feature::fingerprint(&spec.features).ok().as_deref() != Some(spec.fingerprint.as_str()) {
            return Err(Rejection::ModelFingerprint);
        }
        self.is_usable = true;
        if self.scored != spec.id {
            self.scored.clone_from(&spec.id);
            self.scores.clear();
            self.newest.clear();
        }
        Ok(())
    }

    /// The model that may be asked.
    pub(crate) fn usable(&self) -> Option<&ModelSpec> {
        self.spec.as_ref().filter(|_| self.is_usable)
    }

    /// The model, whether or not it may be asked.
    pub(crate) const fn spec(&self) -> Option<&ModelSpec> {
        self.spec.as_ref()
    }

    /// Tells a market's features what the model wants to see.
    pub(crate) fn prepare(&self, live: &mut Live) {
        let Some(spec) = self.usable() else { return live.clear_model() };
        live.set_model(&spec.features, spec.window_min).expect("a usable model's features were found in the table");
    }

    /// A minute closed: scores what is due.
    pub(crate) fn score(&mut self, market: &Market, open_time: Timestamp, effects: &mut Effects) {
        let quote = market.series().get(open_time).and_then(|entry| entry.quote);
        self.pending.resolve(market.instrument.id, open_time, quote, &mut self.due);
        for (score, shown) in self.due.drain(..) {
            if score.model == self.scored {
                self.scores.push(&score, shown);
            }
            effects.record(Record::Score(score));
        }
    }

    /// The newest minute closed: asks the model if it can be asked. What was asked before is too late from now on.
    pub(crate) fn ask(&mut self, market: &Market, candle: &Candle, moment: Moment, effects: &mut Effects) {
        let instrument = market.instrument.id;
        self.asked.remove(&instrument);
        let Some(model) = self.usable().map(|spec| spec.id.clone()) else { return };
        if market.book().quote().is_none() || !moment.is_current(candle) {
            return;
        }
        let Some((open_time, window)) = market.live.window().filter(|(at, _)| *at == candle.open_time) else { return };
        self.asked.insert(instrument, open_time);
        effects.push(Effect::Infer(InferRequest { instrument, open_time, model, window }));
    }

    /// The model answered. Gives its horizons as records after keeping them.
    ///
    /// # Errors
    /// Why the answer is not used.
    pub(crate) fn answer(
        &mut self,
        market: &Market,
        prediction: &Prediction,
        at: Timestamp,
        effects: &mut Effects,
    ) -> Result<Vec<ForecastRecord>, Rejection> {
        let instrument = market.instrument.id;
        let spec = self.usable().filter(|spec| spec.id == prediction.model).ok_or(Rejection::PredictionModel)?;
        let newest = market.series().last();
        let quote = match newest.map(|last| (last.candle.open_time, last.quote)) {
            Some((_, Some(quote))) if self.asked.get(&instrument) == Some(&prediction.open_time) => quote,
            Some((newest, _)) if prediction.open_time < newest => return Err(Rejection::PredictionLate),
            _ => return Err(Rejection::PredictionUnasked),
        };
        let checked = check_answer(spec, prediction);
        self.asked.remove(&instrument);
        checked?;
        let (open_time, model, base) = (prediction.open_time, &prediction.model, Base::Quote(quote));
        let record = |horizon: &HorizonForecast| ForecastRecord {
            instrument,
            open_time,
            model: model.clone(),
            horizon_min: horizon.horizon_min,
            base,
            log_return: horizon.log_return,
            p_up: horizon.p_up,
            quantiles: Vec::new(),
        };
        let made: Vec<ForecastRecord> = prediction.horizons.iter().map(record).collect();
        for forecast in &made {
            self.newest.insert((instrument, forecast.horizon_min), forecast.clone());
            let shown = self.scores.widths(instrument, forecast.horizon_min);
            self.pending.push(forecast.clone(), shown);
            effects.record(Record::Forecast(forecast.clone()));
        }
        if let Some(seal) = self.chain.seal(at, &market.instrument, &made) {
            effects.record(Record::Seal(seal));
        }
        Ok(made)
    }

    /// Goes on with the chain that another version of the program left.
    pub(crate) const fn resume(&mut self, chain: Chain) {
        self.chain = chain;
    }

    pub(crate) fn newest(&self, instrument: InstrumentId, horizon_min: u16) -> Option<&ForecastRecord> {
        self.newest.get(&(instrument, horizon_min))
    }

    pub(crate) fn report(&self, instrument: InstrumentId, horizon_min: u16) -> SkillReport {
        self.scores.report(instrument, horizon_min)
    }

    pub(crate) const fn scores(&self) -> &ScoreBook {
        &self.scores
    }

    /// Why there is no forecast for the newest minute; `None` when there is one.
    pub(crate) fn missing(&self, market: &Market) -> Option<Missing> {
        let instrument = market.instrument.id;
        let Some(spec) = &self.spec else { return Some(Missing::NoModel) };
        if !self.is_usable {
            return Some(Missing::ModelRefused);
        }
        let last = market.series().last().map(|entry| entry.candle.open_time);
        let newest = spec.horizons_min.first().and_then(|horizon| self.newest(instrument, *horizon));
        if last.is_some() && newest.map(|forecast| forecast.open_time) == last {
            None
        } else if market.book().quote().is_none() {
            Some(Missing::BookNotProven)
        } else if self.asked.contains_key(&instrument) {
            Some(Missing::Waiting)
        } else {
            Some(Missing::WindowIncomplete)
        }
    }
}

fn check_spec(spec: &ModelSpec) -> Result<(), Rejection> {
    let horizons = &spec.horizons_min;
    let is_sound = (1..=FEATURES_MAX).contains(&spec.features.len())
        && (1..=WINDOW_MAX).contains(&spec.window_min)
        && (1..=HORIZONS_MAX).contains(&horizons.len())
        && horizons.iter().all(|horizon| (1..=HORIZON_MAX_MIN).contains(horizon))
        && horizons.windows(2).all(|pair| pair[0] < pair[1]);
    if is_sound { Ok(()) } else { Err(Rejection::ModelInvalid) }
}

fn check_answer(spec: &ModelSpec, prediction: &Prediction) -> Result<(), Rejection> {
    if prediction.horizons.is_empty() {
        return Err(Rejection::PredictionFailed);
    }
    let told = prediction.horizons.iter().map(|horizon| horizon.horizon_min);
    let is_sound = |h: &HorizonForecast| h.log_return.is_finite() && (0.0..=1.0).contains(&h.p_up);
    if told.eq(spec.horizons_min.iter().copied()) && prediction.horizons.iter().all(is_sound) {
        Ok(())
    } else {
        Err(Rejection::PredictionInvalid)
    }
}
