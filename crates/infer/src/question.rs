//! A model as the engine knows it: its questions, and the answers in its words.

use std::sync::Arc;

use bundle::VerifiedBundle;
use types::effect::{InferRequest, QUANTILES};
use types::input::{Answer, Decision, HorizonAnswer, ModelSpec};
use types::{InstrumentId, Timeframe, Timestamp};

use crate::{InferError, Model};

/// What the engine must know of a model, and the length of its candles; `None` where candles of that length are not made here.
#[must_use]
pub fn seat(bundle: &VerifiedBundle) -> Option<(ModelSpec, Timeframe)> {
    let manifest = bundle.manifest();
    let minutes = i64::from(manifest.timeframe_min);
    let timeframe = Timeframe::ALL.into_iter().find(|timeframe| timeframe.minutes() == minutes)?;
    let spec = ModelSpec {
        id: bundle.digest().to_string(),
        name: format!("{} r{}", manifest.name, manifest.revision),
        features: manifest.features.clone(),
        fingerprint: manifest.fingerprint.clone(),
        rows: manifest.rows() as u16,
        horizons_min: manifest.horizons_min.clone(),
    };
    Some((spec, timeframe))
}

/// A model that is asked by the engine. Clones share it.
#[derive(Clone)]
pub struct Respondent {
    model: Arc<Model>,
    /// Places of the engine's levels among the model's own; empty where it lacks one.
    quantiles: Arc<[usize]>,
}

impl Respondent {
    /// Of a loaded model.
    #[must_use]
    pub fn new(model: Model) -> Self {
        let levels = &model.manifest().quantiles;
        let place = |level: &f32| levels.iter().position(|known| (known - level).abs() < 1e-6);
        let quantiles: Vec<usize> = QUANTILES.iter().map(place).collect::<Option<_>>().unwrap_or_default();
        Self { model: Arc::new(model), quantiles: quantiles.into() }
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// What it says to a window.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn ask(&self, window: &[f32]) -> Result<crate::Answer, InferError> {
        self.model.predict(window)
    }

    /// That in the engine's words; `None` of a run that failed is an answer without horizons. How long it took is for the caller to say.
    #[must_use]
    pub fn told(&self, question: &InferRequest, told: Option<&crate::Answer>) -> Answer {
        let (instrument, open_time): (InstrumentId, Timestamp) = (question.instrument, question.open_time);
        let decides =
            |d: bundle::Decision| Decision { sell: d.sell, hold: d.hold, buy: d.buy, size: d.size, risk: d.risk };
        let horizons = told.iter().flat_map(|told| &told.horizons).map(|horizon| HorizonAnswer {
            horizon_min: horizon.horizon_min,
            log_return: horizon.log_return,
            p_up: horizon.p_up,
            quantiles: self.quantiles.iter().map(|place| horizon.quantiles[*place]).collect(),
        });
        Answer {
            instrument,
            open_time,
            model: question.model.clone(),
            horizons: horizons.collect(),
            decision: told.and_then(|told| told.decision).map(decides),
            attention: told.map_or_else(Vec::new, |told| told.attention.clone()),
            took_us: 0,
        }
    }
}
