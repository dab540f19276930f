//! From a finished run to a signed bundle.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use bundle::manifest::{
    ACTION, ATTENTION, Difference, FORMAT, INPUT, LOG_RETURN, MetricsBySource, P_UP, Precision, QUANTILES,
    Quantisation, RISK, SIZE, SIZE_MAX,
};
use bundle::{
    Bundle, CARD_NAME, Decision, MODEL_NAME, Manifest, Probe, SecretKey, Split, TensorSpec, Tolerance, Training,
    TrustedKeys, VerifiedBundle,
};
use infer::{Answer, HorizonAnswer, Model};
use serde::{Deserialize, Serialize};

use crate::card;
use crate::dataset::Dataset;
use crate::fit::{self, Raw, Settings};
use crate::net::{Architecture, Net};
use crate::onnx::{self, Calibration};
use crate::run::{self, Trained};
use crate::scaling::{Scaling, Scalings};
use crate::score;
use crate::split::Span;
use crate::windows::{self, Window};

/// Training windows whose activations set the INT8 scales.
const CALIBRATION_WINDOWS: usize = 1_024;
/// Windows on which the INT8 file is compared with the network.
const COMPARED_WINDOWS: usize = 1_024;
/// Probes of a bundle.
const PROBES: usize = 3;
/// What INT8 may cost a return, as a share of the typical (root mean square) forecast return, on average.
const RETURN_ERROR_MAX: f64 = 0.15;
/// What INT8 may cost quantiles and risk, as a share of the typical risk, on average.
const RISK_ERROR_MAX: f64 = 0.02;
/// What INT8 may cost a probability or a size, on average.
const SHARE_ERROR_MAX: f64 = 0.005;

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

/// How far the exported files are from the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// Why INT8 is not shipped, if it is not.
    pub int8_refused: Option<String>,
    /// INT8 file in the inference engine, against the 32-bit network in the trainer.
    pub int8: Quantisation,
    /// 32-bit file likewise: what the export itself costs.
    pub float: Quantisation,
    /// Typical (root mean square) forecast return of the network, basis points.
    pub typical_bps: f64,
    /// Its mean risk, basis points.
    pub risk_bps: f64,
    /// Multiply-accumulates of one answer that are integer, as a share; in the INT8 file.
    pub integer_share: f64,
    /// Size of both files, bytes.
    pub int8_bytes: u64,
    pub float_bytes: u64,
}

impl Exported {
    /// How far the shipped file is.
    pub const fn shipped(&self) -> &Quantisation {
        if self.int8_refused.is_some() { &self.float } else { &self.int8 }
    }

    /// The first head for which INT8 costs too much.
    fn refusal(&self) -> Option<String> {
        let Quantisation { log_return_mean_bps, p_up_mean, others, .. } = &self.int8;
        let other = |name: &str| others.get(name).map_or(0.0, |difference| difference.mean);
        [
            (LOG_RETURN, *log_return_mean_bps, RETURN_ERROR_MAX * self.typical_bps, "bps"),
            (QUANTILES, other(QUANTILES), RISK_ERROR_MAX * self.risk_bps, "bps"),
            (RISK, other(RISK), RISK_ERROR_MAX * self.risk_bps, "bps"),
            (P_UP, *p_up_mean, SHARE_ERROR_MAX, "of one"),
            (ACTION, other(ACTION), SHARE_ERROR_MAX, "of one"),
            (SIZE, other(SIZE), SHARE_ERROR_MAX, "of one"),
        ]
        .into_iter()
        .find(|(_, mean, allowed, _)| mean > allowed)
        .map(|(head, mean, allowed, unit)| {
            format!("INT8 moves {head} by {mean:.5} {unit} on average, {allowed:.5} are allowed")
        })
    }
}

/// A signed bundle, and the proof that the box will take it.
#[derive(Clone, Debug)]
pub struct Packed {
    pub bundle: Bundle,
    pub verified: VerifiedBundle,
}

/// Exports a run's network both ways for a length of candle, compares each file with the network through the box's own
/// inference, and writes them. What is shipped is INT8, or 32-bit floats where a head of the INT8 file is too far from the
/// network's.
///
/// # Errors
/// The inference engine refuses a file.
pub fn export(folder: &Path, dataset: &Dataset, timeframe_min: Option<u16>) -> anyhow::Result<Exported> {
    let (trained, net) = run::load(folder)?;
    run::check_same_data(&trained, dataset)?;
    let subject = Subject::new(&trained, dataset, timeframe_min)?;
    let shape = trained.settings.shape(trained.features.len());
    let calibration = subject.calibrate(&net);
    let write = |precision| onnx::export(&net, &shape, subject.scaling, precision, &subject.metadata());
    let (int8, float) = (write(onnx::Precision::Int8(&calibration)), write(onnx::Precision::Float));

    let compared = spread(&subject.development(), COMPARED_WINDOWS);
    let expected = subject.reference(&net, &compared);
    let mean = |sum: f64, count: usize| sum / count.max(1) as f64;
    let returns = || expected.iter().flat_map(|probe| &probe.log_return).map(|value| f64::from(*value));
    let risks = expected.iter().filter_map(|probe| Some(f64::from(probe.decision?.risk)));

    let mut model = subject.draft(int8.clone(), &expected)?;
    let mut exported = Exported {
        int8_refused: None,
        int8: compare(&mut model, &expected, Precision::Int8)?,
        float: compare(&mut subject.draft(float.clone(), &expected)?, &expected, Precision::Float)?,
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
    let (trained, net) = run::load(folder)?;
    run::check_same_data(&trained, dataset)?;
    let subject = Subject::new(&trained, dataset, release.timeframe_min)?;
    let read = |name: String| {
        let path = folder.join(name);
        std::fs::read(&path).with_context(|| format!("{}: export first", path.display()))
    };
    let minutes = subject.timeframe_min;
    let exported: Exported = serde_json::from_slice(&read(format!("export-{minutes}min.json"))?).context("export")?;
    let onnx = read(format!("model-{minutes}min.onnx"))?;

    let held_out = subject.held_out();
    let asked = spread(&subject.development(), PROBES);
    let mut model = subject.draft(onnx.clone(), &subject.reference(&net, &asked))?;
    let forecasts = score::forecasts(dataset, &model, &held_out)?;
    let mut manifest = subject.manifest(exported.shipped().clone());
    manifest.name = release.name.clone();
    manifest.created = release.created.clone();
    manifest.revision = release.revision;
    manifest.training.source_revision = release.source_revision.clone();
    manifest.metrics = score::by_source(dataset, &held_out, &forecasts, &trained.settings.horizons);
    manifest.probes = subject.probes(&mut model, &asked)?;
    manifest.tolerance = tolerance(exported.shipped());
    let card = card::text(&manifest, &trained, &exported);
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

/// At most `count` of them, evenly spread.
fn spread(windows: &[Window], count: usize) -> Vec<Window> {
    let count = count.min(windows.len());
    (0..count).map(|i| windows[(2 * i + 1) * windows.len() / (2 * count)]).collect()
}

/// A run, seen as the model of one length of candle.
struct Subject<'a> {
    trained: &'a Trained,
    dataset: &'a Dataset,
    timeframe_min: u16,
    scaling: &'a Scaling,
    scalings: &'a Scalings,
}

impl<'a> Subject<'a> {
    fn new(trained: &'a Trained, dataset: &'a Dataset, timeframe_min: Option<u16>) -> anyhow::Result<Self> {
        let timeframe_min = trained.timeframe(timeframe_min)?;
        let scalings = &trained.scalings;
        Ok(Self { trained, dataset, timeframe_min, scaling: &scalings[&timeframe_min], scalings })
    }

    /// Windows of a part of time, all outcomes inside it.
    fn windows(&self, span: Span) -> Vec<Window> {
        let settings = &self.trained.settings;
        let mut windows = windows::within(self.dataset, settings.window, settings.horizon_max(), span);
        windows.retain(|window| self.dataset.series[window.series].timeframe_min == self.timeframe_min);
        windows
    }

    fn held_out(&self) -> Vec<Window> {
        self.windows(self.trained.split.held_out)
    }

    /// Windows before the held-out part.
    fn development(&self) -> Vec<Window> {
        self.windows((self.trained.split.last.train.0, self.trained.split.held_out.0))
    }

    fn calibrate(&self, net: &Net) -> Calibration {
        let windows = spread(&self.windows(self.trained.split.last.train), CALIBRATION_WINDOWS);
        let len = self.trained.settings.window;
        let mut calibration = Calibration::default();
        for batch in windows.chunks(128) {
            let inputs = fit::inputs(self.dataset, batch, len, self.scalings, &burn::tensor::Device::flex());
            net.forward_observed(inputs, &mut |site, tensor| {
                let values = tensor.clone().into_data().try_to_vec::<f32>().expect("activations are 32-bit floats");
                calibration.observe(site, &values);
            });
        }
        calibration
    }

    /// The network's own answers in real units.
    fn reference(&self, net: &Net, of: &[Window]) -> Vec<Probe> {
        let (scaling, settings) = (self.scaling, &self.trained.settings);
        let levels = settings.quantiles.len();
        let probe = |(window, raw): (&Window, Raw)| {
            let volatility = scaling.volatility(windows::values(self.dataset, *window, 1));
            let real = |position: usize, unit: f32| unit * (volatility * scaling.horizon_units[position]);
            let centre = |position: usize| raw.units[position] * scaling.return_shrink[position];
            let quantile = |(index, unit): (usize, &f32)| {
                let position = index / levels;
                real(position, centre(position) + (unit - raw.units[position]))
            };
            let p_up = |(logit, shrink): (&f32, &f32)| 1.0 / (1.0 + (-logit * shrink).exp());
            let horizons = settings.horizons.len();
            Probe {
                window: windows::values(self.dataset, *window, settings.window).to_vec(),
                log_return: (0..horizons).map(|position| real(position, centre(position))).collect(),
                p_up: raw.logits.iter().zip(&scaling.logit_shrink).map(p_up).collect(),
                quantiles: raw.quantiles.iter().enumerate().map(quantile).collect(),
                decision: Some(Decision {
                    sell: raw.action[0],
                    hold: raw.action[1],
                    buy: raw.action[2],
                    size: raw.size * SIZE_MAX,
                    risk: real(horizons - 1, raw.risk),
                }),
            }
        };
        let outputs = fit::raw_outputs(net, self.dataset, of, settings.window, self.scalings);
        of.iter().zip(outputs).map(probe).collect()
    }

    fn probes(&self, model: &mut Model, of: &[Window]) -> anyhow::Result<Vec<Probe>> {
        let rows = model.manifest().rows();
        of.iter()
            .map(|window| {
                let window = windows::values(self.dataset, *window, rows).to_vec();
                let Answer { horizons, decision, .. } = model.predict(&window)?;
                Ok(Probe {
                    window,
                    log_return: horizons.iter().map(|horizon| horizon.log_return).collect(),
                    p_up: horizons.iter().map(|horizon| horizon.p_up).collect(),
                    quantiles: horizons.into_iter().flat_map(|horizon| horizon.quantiles).collect(),
                    decision,
                })
            })
            .collect()
    }

    /// A file loaded as the box would, before there is a release. Its probes are the network's answers, so that a file which
    /// computes something else altogether is refused here already.
    fn draft(&self, onnx: Vec<u8>, expected: &[Probe]) -> anyhow::Result<Model> {
        let key = SecretKey::from_bytes(&[1; 32]);
        let mut manifest = self.manifest(Quantisation::default());
        let risk = expected.iter().filter_map(|probe| probe.decision).map(|decision| decision.risk).fold(0.0, f32::max);
        manifest.tolerance = Tolerance { log_return_bps: (risk * 1e4).max(1.0), p_up: 0.1 };
        manifest.probes = expected.iter().take(PROBES).cloned().collect();
        let bundle = Bundle::pack(manifest, [(MODEL_NAME.to_owned(), onnx)].into(), &key)?;
        Ok(Model::load(&bundle.verify(&TrustedKeys::only(&[key.public()]))?)?)
    }

    /// What the file itself says of the model.
    fn metadata(&self) -> Vec<(&'static str, String)> {
        let (trained, minutes) = (self.trained, self.timeframe_min);
        let horizons: Vec<String> = trained.settings.horizons.iter().map(|h| (h * minutes).to_string()).collect();
        vec![
            ("features", trained.features.join(" ")),
            ("fingerprint", trained.fingerprint.clone()),
            ("horizons_min", horizons.join(" ")),
            ("quantiles", list(&trained.settings.quantiles)),
            ("timeframe_min", minutes.to_string()),
        ]
    }

    /// What the run alone says of a bundle.
    fn manifest(&self, quantisation: Quantisation) -> Manifest {
        let (trained, settings, timeframe_min) = (self.trained, &self.trained.settings, self.timeframe_min);
        let (window, horizons) = (settings.window as u32, settings.horizons.len() as u32);
        let spec = |name: &str, shape: &[u32]| TensorSpec { name: name.to_owned(), shape: shape.to_vec() };
        let ms = |(from, to): Span| (from * 60_000, to * 60_000);
        let text = format!(
            "Walk-forward folds ({}), each trained on all before its test, then a final fit; the last fifth of time is held out. Rows and \
             outcomes of a window lie in one part.",
            trained.split.folds.len()
        );
        let mut outputs = vec![
            spec(LOG_RETURN, &[1, horizons]),
            spec(P_UP, &[1, horizons]),
            spec(QUANTILES, &[1, horizons, settings.quantiles.len() as u32]),
            spec(ACTION, &[1, 3]),
            spec(SIZE, &[1, 1]),
            spec(RISK, &[1, 1]),
        ];
        if settings.model != Architecture::Lstm {
            outputs.push(spec(ATTENTION, &[1, window]));
        }
        Manifest {
            format: FORMAT,
            name: "draft".to_owned(),
            created: "1970-01-01".to_owned(),
            revision: 0,
            architecture: architecture(settings, quantisation.precision),
            features: trained.features.clone(),
            fingerprint: trained.fingerprint.clone(),
            timeframe_min,
            window_min: window * u32::from(timeframe_min),
            horizons_min: settings.horizons.iter().map(|horizon| horizon * timeframe_min).collect(),
            quantiles: settings.quantiles.clone(),
            inputs: vec![spec(INPUT, &[1, window, trained.features.len() as u32])],
            outputs,
            files: Vec::new(),
            training: Training {
                trainer: concat!("tickerbox-trainer ", env!("CARGO_PKG_VERSION")).to_owned(),
                source_revision: None,
                seed: settings.seed,
                settings: self.listed(),
                data: trained.data.clone(),
                split: Split {
                    text,
                    train_ms: ms(trained.split.last.train),
                    validation_ms: ms(trained.split.last.validation),
                    held_out_ms: ms(trained.split.held_out),
                    purge_min: (u32::from(settings.horizon_max()) + window) * u32::from(timeframe_min),
                },
                folds: trained.folds.clone(),
                quantisation,
            },
            metrics: MetricsBySource::new(),
            tolerance: Tolerance { log_return_bps: 1.0, p_up: 0.1 },
            probes: Vec::new(),
        }
    }

    fn listed(&self) -> BTreeMap<String, String> {
        let (trained, settings) = (self.trained, &self.trained.settings);
        [
            ("batch", settings.batch.to_string()),
            ("bf16", settings.bf16.to_string()),
            ("class_weights", list(&settings.class_weights)),
            ("cost_bps", settings.cost_bps.to_string()),
            ("device", format!("{:?}", settings.device).to_lowercase()),
            ("epochs_max", settings.epochs.to_string()),
            ("epochs_done", trained.losses.len().to_string()),
            ("epoch_best", (trained.best + 1).to_string()),
            ("horizon_weights", list(&settings.horizon_weights)),
            ("patience", settings.patience.to_string()),
            ("learning_rate", settings.learning_rate.to_string()),
            ("weight_decay", settings.weight_decay.to_string()),
            ("stride", settings.stride.to_string()),
            ("timeframes_min", list(&trained.scalings.keys().copied().map(f32::from).collect::<Vec<_>>())),
            ("return_shrink", list(&self.scaling.return_shrink)),
            ("logit_shrink", list(&self.scaling.logit_shrink)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

fn list(values: &[f32]) -> String {
    values.iter().map(f32::to_string).collect::<Vec<_>>().join(" ")
}

fn architecture(settings: &Settings, precision: Precision) -> String {
    let Settings { width, layers, heads, hidden, patch, patch_stride, .. } = settings;
    let encoder = format!("{layers} blocks of width {width}, {heads} heads, feed-forward {hidden}");
    let (what, int8) = match settings.model {
        Architecture::Transformer => {
            (format!("pre-norm Transformer encoder: {encoder}"), "weight products INT8, attention 32-bit")
        }
        Architecture::PatchTst => {
            let patches = format!("PatchTST: patches of {patch} candles every {patch_stride}");
            (format!("{patches}, {encoder}"), "weight products INT8, attention 32-bit")
        }
        Architecture::Lstm => (format!("LSTM: {layers} layers of width {width}"), "weights INT8, products 32-bit"),
    };
    format!("{what}; {}", if precision == Precision::Int8 { int8 } else { "all 32-bit" })
}

/// How far a model's answers are from the network's.
fn compare(model: &mut Model, expected: &[Probe], precision: Precision) -> anyhow::Result<Quantisation> {
    let mut sums: BTreeMap<&str, (Difference, usize)> = BTreeMap::new();
    let mut note = |name, ours: &[f32], theirs: &[f32], unit: f64| {
        let (Difference { max, mean }, count) = sums.entry(name).or_default();
        for (ours, theirs) in ours.iter().zip(theirs) {
            let apart = (f64::from(*ours) - f64::from(*theirs)).abs() * unit;
            *max = max.max(apart);
            *mean += apart;
            *count += 1;
        }
    };
    for probe in expected {
        let Answer { horizons, decision, .. } = model.predict(&probe.window)?;
        let ours = |of: fn(&HorizonAnswer) -> f32| horizons.iter().map(of).collect::<Vec<f32>>();
        note(LOG_RETURN, &ours(|horizon| horizon.log_return), &probe.log_return, 1e4);
        note(P_UP, &ours(|horizon| horizon.p_up), &probe.p_up, 1.0);
        let quantiles: Vec<f32> = horizons.iter().flat_map(|horizon| horizon.quantiles.clone()).collect();
        note(QUANTILES, &quantiles, &probe.quantiles, 1e4);
        if let (Some(ours), Some(theirs)) = (decision, probe.decision) {
            let (ours, theirs) = (ours.values(), theirs.values());
            note(ACTION, &ours[..3], &theirs[..3], 1.0);
            note(SIZE, &ours[3..4], &theirs[3..4], 1.0);
            note(RISK, &ours[4..], &theirs[4..], 1e4);
        }
    }
    let mean =
        |(Difference { max, mean }, count): (Difference, usize)| Difference { max, mean: mean / count.max(1) as f64 };
    let mut others: BTreeMap<String, Difference> =
        sums.into_iter().map(|(name, sum)| (name.to_owned(), mean(sum))).collect();
    let mut take = |name| others.remove(name).unwrap_or_default();
    let (log_return, p_up) = (take(LOG_RETURN), take(P_UP));
    Ok(Quantisation {
        precision,
        windows: expected.len() as u64,
        log_return_max_bps: log_return.max,
        log_return_mean_bps: log_return.mean,
        p_up_max: p_up.max,
        p_up_mean: p_up.mean,
        others,
    })
}
