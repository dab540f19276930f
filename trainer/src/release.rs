//! From a finished run to a signed bundle.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bundle::manifest::{ATTENTION, FORMAT, INPUT, LOG_RETURN, MetricsBySource, P_UP, Precision, Quantisation};
use bundle::{
    Bundle, CARD_NAME, MODEL_NAME, Manifest, Probe, SecretKey, Split, TensorSpec, Tolerance, Training, TrustedKeys,
    VerifiedBundle,
};
use infer::{Answer, Model};
use serde::{Deserialize, Serialize};

use crate::card;
use crate::dataset::Dataset;
use crate::fit;
use crate::net::Net;
use crate::onnx::{self, Calibration};
use crate::run::{self, Trained};
use crate::score;
use crate::windows::{self, Window};

/// Training windows whose activations set the INT8 scales.
const CALIBRATION_WINDOWS: usize = 1_024;
/// Windows on which the INT8 file is compared with the network.
const COMPARED_WINDOWS: usize = 1_024;
/// Probes of a bundle.
const PROBES: usize = 3;
/// What INT8 may cost, as a share of the typical (root mean square) forecast return, on average.
const RETURN_ERROR_MAX: f64 = 0.15;
/// What INT8 may cost a probability, on average.
const P_UP_ERROR_MAX: f64 = 0.005;

/// Day, name and such: what does not come from the run.
#[derive(Clone, Debug)]
pub struct Release {
    pub name: String,
    /// Like `2026-01-31`.
    pub created: String,
    pub revision: u32,
    /// Revision of the source.
    pub source_revision: Option<String>,
}

/// How far the exported files are from the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// INT8 file in the inference engine, against the 32-bit network in the trainer.
    pub int8: Quantisation,
    /// 32-bit file likewise: what the export itself costs.
    pub float: Quantisation,
    /// Typical (root mean square) forecast return of the network, basis points.
    pub typical_bps: f64,
    /// Multiply-accumulates of one answer that are integer, as a share.
    pub integer_share: f64,
    /// Size of both files, bytes.
    pub int8_bytes: u64,
    pub float_bytes: u64,
}

/// A signed bundle, and the proof that the box will take it.
#[derive(Clone, Debug)]
pub struct Packed {
    pub bundle: Bundle,
    pub verified: VerifiedBundle,
}

/// Exports a run's network both ways, compares each file with the network through the box's own inference, and writes them.
///
/// # Errors
/// The INT8 file is too far from the network, or the inference engine refuses a file.
pub fn export(folder: &Path, dataset: &Dataset) -> anyhow::Result<Exported> {
    let (trained, net) = run::load(folder)?;
    run::check_same_data(&trained, dataset)?;
    let shape = trained.settings.shape(trained.features.len());
    let calibration = calibrate(&trained, &net, dataset);
    let int8 = onnx::export(&net, &shape, &trained.scaling, onnx::Precision::Int8(&calibration));
    let float = onnx::export(&net, &shape, &trained.scaling, onnx::Precision::Float);

    let compared = spread(&development(&trained, dataset), COMPARED_WINDOWS);
    let expected = reference(&trained, &net, dataset, &compared);
    let squares = expected.iter().flat_map(|probe| &probe.log_return).map(|r| f64::from(*r) * f64::from(*r));
    let count = (expected.len() * trained.settings.horizons_min.len()) as f64;
    let typical_bps = (squares.sum::<f64>() / count).sqrt() * 1e4;

    let mut model = draft(&trained, int8.clone(), &expected)?;
    let exported = Exported {
        int8: compare(&mut model, &expected)?,
        float: compare(&mut draft(&trained, float.clone(), &expected)?, &expected)?,
        typical_bps,
        integer_share: model.macs()?.integer_share(),
        int8_bytes: int8.len() as u64,
        float_bytes: float.len() as u64,
    };
    run::write(&folder.join("model-f32.onnx"), &float)?;
    run::write(&folder.join("export.json"), &serde_json::to_vec_pretty(&exported)?)?;
    let Quantisation { log_return_mean_bps, p_up_mean, .. } = exported.int8;
    ensure!(
        log_return_mean_bps <= RETURN_ERROR_MAX * typical_bps && p_up_mean <= P_UP_ERROR_MAX,
        "INT8 costs too much: on average {log_return_mean_bps:.5} bps of a typical {typical_bps:.5} bps, and {p_up_mean:.5} of a \
         probability (allowed are {RETURN_ERROR_MAX} of it and {P_UP_ERROR_MAX})"
    );
    run::write(&folder.join(MODEL_NAME), &int8)?;
    Ok(exported)
}

/// Judges the exported file on the held-out part, asks it the probes, and packs and signs all.
pub fn pack(folder: &Path, dataset: &Dataset, release: &Release, key: &SecretKey) -> anyhow::Result<Packed> {
    let (trained, net) = run::load(folder)?;
    run::check_same_data(&trained, dataset)?;
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).with_context(|| format!("{}: export first", path.display()))
    };
    let exported: Exported = serde_json::from_slice(&read("export.json")?).context("export.json")?;
    let onnx = read(MODEL_NAME)?;

    let held_out = held_out(&trained, dataset);
    let asked = spread(&development(&trained, dataset), PROBES);
    let mut model = draft(&trained, onnx.clone(), &reference(&trained, &net, dataset, &asked))?;
    let forecasts = score::forecasts(dataset, &model, &held_out)?;
    let mut manifest = manifest(&trained);
    manifest.name = release.name.clone();
    manifest.created = release.created.clone();
    manifest.revision = release.revision;
    manifest.training.source_revision = release.source_revision.clone();
    manifest.training.quantisation = exported.int8.clone();
    manifest.metrics = score::by_source(dataset, &held_out, &forecasts, &trained.settings.horizons_min);
    manifest.probes = probes(&mut model, dataset, &asked)?;
    manifest.tolerance = Tolerance {
        // A byte that rounds the other way on another processor moves an answer by a fraction of what INT8 itself costs.
        log_return_bps: exported.int8.log_return_max_bps.max(1e-6) as f32,
        p_up: exported.int8.p_up_max.max(1e-6) as f32,
    };
    let card = card::text(&manifest, &trained, &exported);
    let files = [(MODEL_NAME.to_owned(), onnx), (CARD_NAME.to_owned(), card.into_bytes())].into();
    let bundle = Bundle::pack(manifest, files, key)?;
    let verified = bundle.clone().verify(&TrustedKeys::only(&[key.public()]))?;
    Model::load(&verified)?;
    Ok(Packed { bundle, verified })
}

/// Windows of the held-out part, all outcomes inside it.
pub fn held_out(trained: &Trained, dataset: &Dataset) -> Vec<Window> {
    let (from, to) = trained.split.held_out;
    windows::within(dataset, trained.settings.window, trained.settings.horizon_max(), from, to)
}

/// Windows before the held-out part.
fn development(trained: &Trained, dataset: &Dataset) -> Vec<Window> {
    let (from, to) = (trained.split.last.train.0, trained.split.held_out.0);
    windows::within(dataset, trained.settings.window, trained.settings.horizon_max(), from, to)
}

/// At most `count` of them, evenly spread.
fn spread(windows: &[Window], count: usize) -> Vec<Window> {
    let count = count.min(windows.len());
    (0..count).map(|i| windows[(2 * i + 1) * windows.len() / (2 * count)]).collect()
}

fn calibrate(trained: &Trained, net: &Net, dataset: &Dataset) -> Calibration {
    let (from, to) = trained.split.last.train;
    let len = trained.settings.window;
    let windows = spread(&windows::within(dataset, len, trained.settings.horizon_max(), from, to), CALIBRATION_WINDOWS);
    let mut calibration = Calibration::default();
    for batch in windows.chunks(128) {
        let inputs = fit::inputs(dataset, batch, len, &trained.scaling, &burn::tensor::Device::flex());
        net.forward_observed(inputs, &mut |site, tensor| {
            let values = tensor.clone().into_data().try_to_vec::<f32>().expect("activations are 32-bit floats");
            calibration.observe(site, &values);
        });
    }
    calibration
}

/// The network's own answers in real units.
fn reference(trained: &Trained, net: &Net, dataset: &Dataset, of: &[Window]) -> Vec<Probe> {
    let (scaling, len) = (&trained.scaling, trained.settings.window);
    let outputs = fit::raw_outputs(net, dataset, of, len, scaling);
    let probe = |(window, (units, logits)): (&Window, (Vec<f32>, Vec<f32>))| {
        let volatility = scaling.volatility(windows::values(dataset, *window, 1));
        let real = units.iter().zip(scaling.return_units()).map(|(unit, size)| unit * size * volatility);
        let p_up =
            logits.iter().zip(&scaling.logit_shrink).map(|(logit, shrink)| 1.0 / (1.0 + (-logit * shrink).exp()));
        let window = windows::values(dataset, *window, len).to_vec();
        Probe { window, log_return: real.collect(), p_up: p_up.collect(), ..Probe::default() }
    };
    of.iter().zip(outputs).map(probe).collect()
}

fn probes(model: &mut Model, dataset: &Dataset, of: &[Window]) -> anyhow::Result<Vec<Probe>> {
    let len = model.manifest().rows();
    of.iter()
        .map(|window| {
            let window = windows::values(dataset, *window, len).to_vec();
            let Answer { horizons, .. } = model.predict(&window)?;
            let log_return = horizons.iter().map(|horizon| horizon.log_return).collect();
            let p_up = horizons.iter().map(|horizon| horizon.p_up).collect();
            Ok(Probe { window, log_return, p_up, ..Probe::default() })
        })
        .collect()
}

/// A file loaded as the box would, before there is a release. Its probes are the network's answers, so that a file which
/// computes something else altogether is refused here already.
fn draft(trained: &Trained, onnx: Vec<u8>, expected: &[Probe]) -> anyhow::Result<Model> {
    let key = SecretKey::from_bytes(&[1; 32]);
    let mut manifest = manifest(trained);
    manifest.probes = expected.iter().take(PROBES).cloned().collect();
    let bundle = Bundle::pack(manifest, [(MODEL_NAME.to_owned(), onnx)].into(), &key)?;
    Ok(Model::load(&bundle.verify(&TrustedKeys::only(&[key.public()]))?)?)
}

fn compare(model: &mut Model, expected: &[Probe]) -> anyhow::Result<Quantisation> {
    let mut result = Quantisation {
        precision: Precision::Int8,
        windows: expected.len() as u64,
        log_return_max_bps: 0.0,
        log_return_mean_bps: 0.0,
        p_up_max: 0.0,
        p_up_mean: 0.0,
        others: BTreeMap::new(),
    };
    for probe in expected {
        let answer = model.predict(&probe.window)?;
        for (horizon, (log_return, p_up)) in answer.horizons.iter().zip(probe.log_return.iter().zip(&probe.p_up)) {
            let bps = (f64::from(horizon.log_return) - f64::from(*log_return)).abs() * 1e4;
            let share = (f64::from(horizon.p_up) - f64::from(*p_up)).abs();
            result.log_return_max_bps = result.log_return_max_bps.max(bps);
            result.log_return_mean_bps += bps;
            result.p_up_max = result.p_up_max.max(share);
            result.p_up_mean += share;
        }
    }
    let count = (expected.len() * model.manifest().horizons_min.len()).max(1) as f64;
    result.log_return_mean_bps /= count;
    result.p_up_mean /= count;
    Ok(result)
}

/// What the run alone says of a bundle.
fn manifest(trained: &Trained) -> Manifest {
    let settings = &trained.settings;
    let (window, horizons) = (settings.window as u32, settings.horizons_min.len() as u32);
    let spec = |name: &str, shape: &[u32]| TensorSpec { name: name.to_owned(), shape: shape.to_vec() };
    let ms = |(from, to): (i64, i64)| (from * 60_000, to * 60_000);
    let text = format!(
        "Walk-forward folds ({}), each trained on all before its test, then a final fit; the last fifth of time is held out. Rows and \
         outcomes of a window lie in one part.",
        trained.split.folds.len()
    );
    Manifest {
        format: FORMAT,
        name: "draft".to_owned(),
        created: "1970-01-01".to_owned(),
        revision: 0,
        architecture: format!(
            "pre-norm Transformer encoder: {} blocks of width {}, {} heads, feed-forward {}; weight products INT8, attention 32-bit",
            settings.layers, settings.width, settings.heads, settings.hidden
        ),
        features: trained.features.clone(),
        fingerprint: trained.fingerprint.clone(),
        timeframe_min: 1,
        window_min: settings.window as u32,
        horizons_min: settings.horizons_min.clone(),
        quantiles: Vec::new(),
        inputs: vec![spec(INPUT, &[1, window, trained.features.len() as u32])],
        outputs: vec![spec(LOG_RETURN, &[1, horizons]), spec(P_UP, &[1, horizons]), spec(ATTENTION, &[1, window])],
        files: Vec::new(),
        training: Training {
            trainer: concat!("tickerbox-trainer ", env!("CARGO_PKG_VERSION")).to_owned(),
            source_revision: None,
            seed: settings.seed,
            settings: listed(trained),
            data: trained.data.clone(),
            split: Split {
                text,
                train_ms: ms(trained.split.last.train),
                validation_ms: ms(trained.split.last.validation),
                held_out_ms: ms(trained.split.held_out),
                purge_min: u32::from(settings.horizon_max()) + settings.window as u32,
            },
            folds: trained.folds.clone(),
            quantisation: Quantisation {
                precision: Precision::Int8,
                windows: 0,
                log_return_max_bps: 0.0,
                log_return_mean_bps: 0.0,
                p_up_max: 0.0,
                p_up_mean: 0.0,
                others: BTreeMap::new(),
            },
        },
        metrics: MetricsBySource::new(),
        tolerance: Tolerance { log_return_bps: 1.0, p_up: 0.1 },
        probes: Vec::new(),
    }
}

fn listed(trained: &Trained) -> BTreeMap<String, String> {
    let settings = &trained.settings;
    let list = |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>().join(" ");
    [
        ("batch", settings.batch.to_string()),
        ("epochs_max", settings.epochs.to_string()),
        ("epochs_done", trained.losses.len().to_string()),
        ("epoch_best", (trained.best + 1).to_string()),
        ("patience", settings.patience.to_string()),
        ("learning_rate", settings.learning_rate.to_string()),
        ("weight_decay", settings.weight_decay.to_string()),
        ("stride_min", settings.stride.to_string()),
        ("return_shrink", list(&trained.scaling.return_shrink)),
        ("logit_shrink", list(&trained.scaling.logit_shrink)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
