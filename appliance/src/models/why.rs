//! What the newest forecast of a model rests on.

use types::Timestamp;
use wire::api::{FeatureEffect, Look, Why, WhyHorizon};

use crate::inference_thread::Newest;
use crate::kept::Known;

fn most(feature: &FeatureEffect) -> f64 {
    feature.effect_bps.iter().fold(0.0, |most, effect| most.max(effect.abs()))
}

/// Asks the model some times more, on this thread: milliseconds for the starter, most of a second for a large model with many features.
pub(super) fn why(newest: &Newest, known: &Known) -> anyhow::Result<Why> {
    let Newest { model, question, answer } = newest;
    let manifest = model.manifest();
    let weights = model.weigh(&question.window, answer)?;
    let last = &question.window[question.window.len() - manifest.features.len()..];
    let mut features = Vec::new();
    for (weight, value) in weights.into_iter().zip(last) {
        let definition = engine::feature::columns_of(&[&weight.feature])?[0].definition();
        let measured = manifest.importance.get(&weight.feature).copied();
        features.push(FeatureEffect {
            name: weight.feature,
            unit: definition.unit.to_owned(),
            description: definition.description.to_owned(),
            value: f64::from(*value),
            effect_bps: weight.log_return.iter().map(|part| bps(*part)).collect(),
            moves: measured.map(|it| it.moves),
            error: measured.map(|it| it.error),
        });
    }
    features.sort_by(|a, b| most(b).total_cmp(&most(a)));
    let step = i64::from(manifest.timeframe_min) * types::time::NS_PER_MIN;
    let rows = answer.attention.len() as i64;
    let opened = |row: i64| Timestamp::from_nanos(question.open_time.as_nanos() - (rows - 1 - row) * step);
    let look = |(row, share): (i64, &f32)| Look { open_time_ms: opened(row).as_millis(), share: f64::from(*share) };
    let told = |horizon: &infer::HorizonAnswer| WhyHorizon {
        horizon_min: horizon.horizon_min,
        log_return_bps: bps(horizon.log_return),
        p_up: f64::from(horizon.p_up),
        quantiles_bps: horizon.quantiles.iter().map(|quantile| bps(*quantile)).collect(),
    };
    Ok(Why {
        venue: known.venue.to_owned(),
        symbol: known.symbol.clone(),
        model: question.model.clone(),
        name: format!("{} r{}", manifest.name, manifest.revision),
        open_time_ms: question.open_time.as_millis(),
        forecast: answer.horizons.iter().map(told).collect(),
        attention: (0..).zip(&answer.attention).map(look).collect(),
        features,
    })
}

fn bps(log_return: f32) -> f64 {
    f64::from(log_return) * 1e4
}
