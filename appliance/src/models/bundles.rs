//! From a bundle's bytes to a model that may answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bundle::{Bundle, PublicKey, TrustedKeys, VerifiedBundle};
use infer::Model;
use rust_embed::RustEmbed;
use types::Timeframe;
use types::input::ModelSpec;

use super::shelf::Version;
use crate::config::ModelSection;

/// How often a model is asked its first probe before it may answer: the median must keep the budget.
const TRIALS: usize = 9;

/// The starter bundle.
#[derive(RustEmbed)]
#[folder = "../models/starter"]
struct Starter;

/// The bundle that the program brings along.
pub(crate) fn starter() -> anyhow::Result<VerifiedBundle> {
    let files =
        Starter::iter().filter_map(|name| Some((name.to_string(), Starter::get(&name)?.data.into_owned()))).collect();
    Bundle::from_files(files).verify(&TrustedKeys::builtin()).context("the built-in starter model")
}

/// The keys whose bundles are taken.
pub(super) fn trusted_keys(section: &ModelSection) -> anyhow::Result<TrustedKeys> {
    let mut keys = TrustedKeys::builtin();
    for path in &section.trusted_keys {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("model.trusted_keys: cannot read {name}"))?;
        keys.trust(PublicKey::parse(&text).with_context(|| format!("model.trusted_keys: {name}"))?);
    }
    Ok(keys)
}

/// What the engine must know of a model, and the length of its candles.
pub(super) fn spec(bundle: &VerifiedBundle) -> anyhow::Result<(ModelSpec, Timeframe)> {
    let minutes = bundle.manifest().timeframe_min;
    infer::seat(bundle).with_context(|| format!("candles of {minutes} minutes are not made here"))
}

/// What the shelf must know of a bundle.
pub(super) fn version(bundle: &VerifiedBundle, added_at: String, bytes: u64) -> Version {
    let manifest = bundle.manifest();
    Version {
        model: bundle.digest().to_string(),
        name: manifest.name.clone(),
        revision: manifest.revision,
        architecture: manifest.architecture.clone(),
        created: manifest.created.clone(),
        timeframe_min: manifest.timeframe_min,
        horizons_min: manifest.horizons_min.clone(),
        added_at,
        bytes,
    }
}

/// Loads a bundle's model and proves that it can do its work here: features as this program computes them, probes answered as on the
/// machine that made it, and in time.
///
/// # Errors
/// Why it may not answer.
pub(super) fn load(bundle: &VerifiedBundle, budget: Duration) -> anyhow::Result<Model> {
    let (spec, timeframe) = spec(bundle)?;
    let ours = engine::feature::fingerprint(&spec.features)?;
    ensure!(
        ours == spec.fingerprint,
        "it was trained on other feature definitions: its fingerprint is {}, this program's {ours}",
        spec.fingerprint
    );
    engine::forecast::check(&spec, timeframe).map_err(|what| anyhow::anyhow!("the box cannot ask it: {what}"))?;
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let model = Model::load(bundle)?;
        let window = bundle.manifest().probes.first().map(|probe| probe.window.clone()).unwrap_or_default();
        let mut times = Vec::with_capacity(TRIALS);
        for _ in 0..TRIALS {
            let began = Instant::now();
            model.predict(&window)?;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        anyhow::Ok((model, times[TRIALS / 2]))
    }));
    let Ok(tried) = tried else { bail!("it crashes the inference engine") };
    let (model, median) = tried?;
    ensure!(
        median <= budget,
        "it takes {} ms for an answer, more than the {} ms of model.budget_ms",
        median.as_millis(),
        budget.as_millis()
    );
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_slower_than_its_budget_is_refused() {
        let starter = starter().unwrap();
        assert!(load(&starter, Duration::from_secs(60)).is_ok());
        let error = load(&starter, Duration::ZERO).err().expect("refused").to_string();
        assert!(error.ends_with("more than the 0 ms of model.budget_ms"), "{error}");
    }
}
