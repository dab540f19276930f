//! Which model answers: the configured one, else the starter that the program brings along.

use anyhow::{Context, ensure};
use bundle::{Bundle, PublicKey, TrustedKeys, VerifiedBundle};
use rust_embed::RustEmbed;
use types::input::ModelSpec;

use crate::config::ModelSection;
use crate::web::ModelHealth;

/// The starter bundle.
#[derive(RustEmbed)]
#[folder = "../models/starter"]
struct Starter;

/// A model that passed every check, or none by choice.
pub(crate) struct Ready {
    pub(crate) model: Option<infer::Model>,
    pub(crate) spec: Option<ModelSpec>,
    pub(crate) health: ModelHealth,
}

/// Loads the model of the configuration and runs its probes.
///
/// # Errors
/// When a key or the bundle is refused: a box must not run on another model than the one asked for.
pub(crate) fn load(section: &ModelSection) -> anyhow::Result<Ready> {
    if !section.enabled {
        return Ok(Ready { model: None, spec: None, health: ModelHealth::default() });
    }
    let bundle = match &section.bundle {
        Some(path) => {
            let keys = trusted_keys(section)?;
            bundle::load(path, &keys).with_context(|| format!("model.bundle: {}", path.display()))?
        }
        None => starter()?,
    };
    let timeframe = bundle.manifest().timeframe_min;
    ensure!(timeframe == 1, "model.bundle: it reads candles of {timeframe} minutes, the box has rows of one minute");
    let model = infer::Model::load(&bundle).context("the model")?;
    let spec = spec(&bundle);
    tracing::info!("model {} ({})", spec.name, spec.id);
    let health = ModelHealth { name: spec.name.clone(), id: spec.id.clone(), ..ModelHealth::default() };
    Ok(Ready { model: Some(model), spec: Some(spec), health })
}

/// The bundle that the program brings along.
pub(crate) fn starter() -> anyhow::Result<VerifiedBundle> {
    let files =
        Starter::iter().filter_map(|name| Some((name.to_string(), Starter::get(&name)?.data.into_owned()))).collect();
    Bundle::from_files(files).verify(&TrustedKeys::builtin()).context("the built-in starter model")
}

/// What the engine must know of a model.
pub(crate) fn spec(bundle: &VerifiedBundle) -> ModelSpec {
    let manifest = bundle.manifest();
    ModelSpec {
        id: bundle.digest().to_string(),
        name: format!("{} r{}", manifest.name, manifest.revision),
        features: manifest.features.clone(),
        fingerprint: manifest.fingerprint.clone(),
        window_min: manifest.rows() as u16,
        horizons_min: manifest.horizons_min.clone(),
    }
}

fn trusted_keys(section: &ModelSection) -> anyhow::Result<TrustedKeys> {
    let mut keys = TrustedKeys::builtin();
    for path in &section.trusted_keys {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("model.trusted_keys: cannot read {name}"))?;
        keys.trust(PublicKey::parse(&text).with_context(|| format!("model.trusted_keys: {name}"))?);
    }
    Ok(keys)
}
