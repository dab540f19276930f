//! From a finished run, or an ensemble of some, to a signed bundle.

mod gate;
mod subject;

use std::path::Path;

use anyhow::Context as _;
use bundle::manifest::{ACTION, Precision, QUANTILES, Quantisation, RISK, SIZE};
use bundle::{Bundle, CARD_NAME, MODEL_NAME, SecretKey, Tolerance, TrustedKeys, VerifiedBundle};
use infer::Model;

pub use gate::Exported;
use subject::{Subject, spread};

use crate::dataset::Dataset;
use crate::{card, ensemble, importance, run, score};

/// Windows on which the INT8 file is compared with the network.
const COMPARED_WINDOWS: usize = 1_024;
/// Probes of a bundle.
const PROBES: usize = 3;

/// Day, name and such: what does not come from the run.
#[derive(Clone, Debug)]
pub struct Release {
    pub name: String,
    /// Like `2026-01-31`.
    pub created: String,
    pub revision: u32,
    /// Revision of the source.
    pub source_revision: Option<String>,
    /// Length of candle, minutes; may be left out when the run knows only one.
    pub timeframe_min: Option<u16>,
}

/// A signed bundle, and the proof that the box will take it.
#[derive(Clone, Debug)]
pub struct Packed {
    pub bundle: Bundle,
    pub verified: VerifiedBundle,
}

/// Exports a run's network, or an ensemble's, both ways for a length of candle, compares each file with the network through the box's own
/// inference, and writes them. What is shipped is INT8, or 32-bit floats where a head of the INT8 file is too far from the
/// network's.
///
/// # Errors
/// The inference engine refuses a file.
pub fn export(folder: &Path, dataset: &Dataset, timeframe_min: Option<u16>) -> anyhow::Result<Exported> {
    let members = ensemble::members(folder)?;
    let subject = Subject::new(&members, dataset, timeframe_min)?;
    let (int8, float) = (subject.onnx(Precision::Int8), subject.onnx(Precision::Float));

    let compared = spread(&subject.development(), COMPARED_WINDOWS);
    let expected = subject.reference(&compared);
    let mean = |sum: f64, count: usize| sum / count.max(1) as f64;
    let returns = || expected.iter().flat_map(|probe| &probe.log_return).map(|value| f64::from(*value));
    let risks = expected.iter().filter_map(|probe| Some(f64::from(probe.decision?.risk)));

    let mut model = subject.draft(int8.clone(), &expected)?;
    let mut exported = Exported {
        int8_refused: None,
        int8: gate::compare(&mut model, &expected, Precision::Int8)?,
        float: gate::compare(&mut subject.draft(float.clone(), &expected)?, &expected, Precision::Float)?,
        typical_bps: mean(returns().map(|value| value * value).sum(), returns().count()).sqrt() * 1e4,
        risk_bps: mean(risks.sum(), expected.len()) * 1e4,
        integer_share: model.macs()?.integer_share(),
        int8_bytes: int8.len() as u64,
        float_bytes: float.len() as u64,
    };
    exported.int8_refused = exported.refusal();
    let minutes = subject.timeframe_min;
    run::write(&folder.join(format!("model-{minutes}min-f32.onnx")), &float)?;
    let shipped = if exported.int8_refused.is_some() { &float } else { &int8 };
    run::write(&folder.join(format!("model-{minutes}min.onnx")), shipped)?;
    run::write(&folder.join(format!("export-{minutes}min.json")), &serde_json::to_vec_pretty(&exported)?)?;
    Ok(exported)
}

/// Judges the exported file on the held-out part, asks it the probes, and packs and signs all.
pub fn pack(folder: &Path, dataset: &Dataset, release: &Release, key: &SecretKey) -> anyhow::Result<Packed> {
    let members = ensemble::members(folder)?;
    let subject = Subject::new(&members, dataset, release.timeframe_min)?;
    let read = |name: String| {
        let path = folder.join(name);
        std::fs::read(&path).with_context(|| format!("{}: export first", path.display()))
    };
    let minutes = subject.timeframe_min;
    let exported: Exported = serde_json::from_slice(&read(format!("export-{minutes}min.json"))?).context("export")?;
    let onnx = read(format!("model-{minutes}min.onnx"))?;

    let held_out = subject.held_out();
    let asked = spread(&subject.development(), PROBES);
    let mut model = subject.draft(onnx.clone(), &subject.reference(&asked))?;
    let forecasts = score::forecasts(dataset, &model, &held_out)?;
    let mut manifest = subject.manifest(exported.shipped().clone());
    manifest.name = release.name.clone();
    manifest.created = release.created.clone();
    manifest.revision = release.revision;
    manifest.training.source_revision = release.source_revision.clone();
    manifest.training.members = subject.told(&held_out);
    manifest.metrics = score::by_source(dataset, &held_out, &forecasts, subject.horizons());
    manifest.importance = importance::importance(dataset, &model, &held_out)?;
    manifest.probes = subject.probes(&mut model, &asked)?;
    manifest.tolerance = tolerance(exported.shipped());
    let card = card::text(&manifest, &members, &exported);
    let files = [(MODEL_NAME.to_owned(), onnx), (CARD_NAME.to_owned(), card.into_bytes())].into();
    let bundle = Bundle::pack(manifest, files, key)?;
    let verified = bundle.clone().verify(&TrustedKeys::only(&[key.public()]))?;
    Model::load(&verified)?;
    Ok(Packed { bundle, verified })
}

/// What the box may differ by. A byte that rounds the other way on another processor, or in another engine, moves an answer about as much as
/// INT8 itself costs; sums of floats in another order differ about as much as the inference engine does from the trainer.
fn tolerance(shipped: &Quantisation) -> Tolerance {
    let other = |name: &str| shipped.others.get(name).map_or(0.0, |difference| difference.max);
    let bps = [shipped.log_return_max_bps, other(QUANTILES), other(RISK)].into_iter().fold(0.0, f64::max);
    let share = [shipped.p_up_max, other(ACTION), other(SIZE)].into_iter().fold(0.0, f64::max);
    let factor = if shipped.precision == Precision::Int8 { 3.0 } else { 10.0 };
    Tolerance { log_return_bps: (bps * factor).max(1e-4) as f32, p_up: (share * factor).clamp(1e-6, 0.49) as f32 }
}
