//! What the newest forecast of a model rests on.

use bundle::manifest::Importance;
use serde::Serialize;
use types::Timestamp;

use crate::inference_thread::Newest;
use crate::kept::Known;

/// Answer of `GET /api/v1/why`. The keys are a contract.
#[derive(Debug, Serialize)]
pub(crate) struct Why {
    venue: &'static str,
    symbol: String,
    model: String,
    name: String,
    /// Open time of the last candle that it saw.
    open_time: String,
    forecast: Vec<Told>,
    /// How much it looked at each candle of its window, oldest first, summing to one; empty where it does not tell.
    attention: Vec<Look>,
    /// What each feature does to the forecast, the most first ([`infer::Model::weigh`]).
    features: Vec<Feature>,
}

#[derive(Debug, Serialize)]
struct Told {
    horizon_min: u16,
    log_return_bps: f64,
    p_up: f64,
    quantiles_bps: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Look {
    open_time: String,
    share: f64,
}

#[derive(Debug, Serialize)]
struct Feature {
    name: String,
    unit: &'static str,
    description: &'static str,
    /// In the newest row.
    value: f64,
    /// What the forecast is above the one without knowing it, horizon by horizon.
    effect_bps: Vec<f64>,
    /// What its maker measured of it on held-out days ([`bundle::manifest::Importance`]); null where nothing was.
    held_out: Option<Importance>,
}

impl Feature {
    fn most(&self) -> f64 {
        self.effect_bps.iter().fold(0.0, |most, effect| most.max(effect.abs()))
    }
}

impl Why {
    /// Asks the model some times more, on this thread: milliseconds for the starter, most of a second for a large model with many features.
    pub(super) fn of(newest: &Newest, known: &Known) -> anyhow::Result<Self> {
        let Newest { model, question, answer } = newest;
        let manifest = model.manifest();
        let weights = model.weigh(&question.window, answer)?;
        let last = &question.window[question.window.len() - manifest.features.len()..];
        let mut features = Vec::new();
        for (weight, value) in weights.into_iter().zip(last) {
            let definition = engine::feature::columns_of(&[&weight.feature])?[0].definition();
            features.push(Feature {
                held_out: manifest.importance.get(&weight.feature).copied(),
                name: weight.feature,
                unit: definition.unit,
                description: definition.description,
                value: f64::from(*value),
                effect_bps: weight.log_return.iter().map(|part| bps(*part)).collect(),
            });
        }
        features.sort_by(|a, b| b.most().total_cmp(&a.most()));
        let step = i64::from(manifest.timeframe_min) * types::time::NS_PER_MIN;
        let rows = answer.attention.len() as i64;
        let opened = |row: i64| Timestamp::from_nanos(question.open_time.as_nanos() - (rows - 1 - row) * step);
        let look = |(row, share): (i64, &f32)| Look { open_time: opened(row).to_string(), share: f64::from(*share) };
        let told = |horizon: &infer::HorizonAnswer| Told {
            horizon_min: horizon.horizon_min,
            log_return_bps: bps(horizon.log_return),
            p_up: f64::from(horizon.p_up),
            quantiles_bps: horizon.quantiles.iter().map(|quantile| bps(*quantile)).collect(),
        };
        Ok(Self {
            venue: known.venue,
            symbol: known.symbol.clone(),
            model: question.model.clone(),
            name: format!("{} r{}", manifest.name, manifest.revision),
            open_time: question.open_time.to_string(),
            forecast: answer.horizons.iter().map(told).collect(),
            attention: (0..).zip(&answer.attention).map(look).collect(),
            features,
        })
    }
}

fn bps(log_return: f32) -> f64 {
    f64::from(log_return) * 1e4
}
