//! What is released: the networks of a run or of an ensemble, as the model of one length of candle.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bundle::manifest::{
    ACTION, ATTENTION, FORMAT, INPUT, LOG_RETURN, MetricsBySource, P_UP, Precision, QUANTILES, Quantisation, RISK,
    SIZE, SIZE_MAX,
};
use bundle::{
    Bundle, Decision, MODEL_NAME, Manifest, Probe, Search, SecretKey, Split, TensorSpec, Tolerance, Training,
    TrustedKeys,
};
use infer::{Answer, Model};

use super::PROBES;
use crate::dataset::Dataset;
use crate::ensemble::{self, Member};
use crate::fit::{self, Raw, Settings};
use crate::net::Architecture;
use crate::onnx::{self, Calibration};
use crate::run::{self, Trained};
use crate::scaling::Scaling;
use crate::score;
use crate::split::Span;
use crate::windows::{self, Window};

/// Training windows whose activations set the INT8 scales.
const CALIBRATION_WINDOWS: usize = 1_024;

/// At most `count` of them, evenly spread.
pub(super) fn spread(windows: &[Window], count: usize) -> Vec<Window> {
    let count = count.min(windows.len());
    (0..count).map(|i| windows[(2 * i + 1) * windows.len() / (2 * count)]).collect()
}

/// Networks that are asked about the same windows, as the model of one length of candle.
pub(super) struct Subject<'a> {
    members: &'a [Member],
    dataset: &'a Dataset,
    pub(super) timeframe_min: u16,
}

impl<'a> Subject<'a> {
    /// # Errors
    /// Another dataset than the members', or a length of candle they do not know.
    pub(super) fn new(members: &'a [Member], dataset: &'a Dataset, timeframe_min: Option<u16>) -> anyhow::Result<Self> {
        let first = &members.first().context("an ensemble without members")?.trained;
        for member in members {
            run::check_same_data(&member.trained, dataset)?;
        }
        Ok(Self { members, dataset, timeframe_min: first.timeframe(timeframe_min)? })
    }

    /// What all members share: question, data and split.
    fn trained(&self) -> &'a Trained {
        &self.members[0].trained
    }

    pub(super) fn horizons(&self) -> &'a [u16] {
        &self.trained().settings.horizons
    }

    fn scaling(&self, member: &'a Member) -> &'a Scaling {
        &member.trained.scalings[&self.timeframe_min]
    }

    /// Windows of a part of time, all outcomes inside it.
    fn windows(&self, span: Span) -> Vec<Window> {
        let settings = &self.trained().settings;
        let mut windows = windows::within(self.dataset, settings.window, settings.horizon_max(), span);
        windows.retain(|window| self.dataset.series[window.series].timeframe_min == self.timeframe_min);
        windows
    }

    pub(super) fn held_out(&self) -> Vec<Window> {
        self.windows(self.trained().split.held_out)
    }

    /// Windows before the held-out part.
    pub(super) fn development(&self) -> Vec<Window> {
        let split = &self.trained().split;
        self.windows((split.last.train.0, split.held_out.0))
    }

    /// The ONNX file: with integer weight products, or all in 32-bit floats.
    pub(super) fn onnx(&self, precision: Precision) -> Vec<u8> {
        let shape = |member: &Member| member.trained.settings.shape(member.trained.features.len());
        let shapes: Vec<_> = self.members.iter().map(shape).collect();
        let calibrations: Vec<Calibration> = match precision {
            Precision::Int8 => self.members.iter().map(|member| self.calibrate(member)).collect(),
            Precision::Float => Vec::new(),
        };
        let parts: Vec<onnx::Member<'_>> = self
            .members
            .iter()
            .zip(&shapes)
            .enumerate()
            .map(|(index, (member, shape))| onnx::Member {
                net: &member.net,
                shape,
                scaling: self.scaling(member),
                precision: calibrations.get(index).map_or(onnx::Precision::Float, onnx::Precision::Int8),
            })
            .collect();
        onnx::export(&parts, &self.metadata())
    }

    fn calibrate(&self, member: &Member) -> Calibration {
        let windows = spread(&self.windows(self.trained().split.last.train), CALIBRATION_WINDOWS);
        let Trained { settings, scalings, .. } = &member.trained;
        let mut calibration = Calibration::default();
        for batch in windows.chunks(128) {
            let inputs = fit::inputs(self.dataset, batch, settings.window, scalings, &burn::tensor::Device::flex());
            member.net.forward_observed(inputs, &mut |site, tensor| {
                let values = tensor.clone().into_data().try_to_vec::<f32>().expect("activations are 32-bit floats");
                calibration.observe(site, &values);
            });
        }
        calibration
    }

    /// The networks' own answers in real units: their mean.
    pub(super) fn reference(&self, of: &[Window]) -> Vec<Probe> {
        let each: Vec<Vec<Probe>> = self.members.iter().map(|member| self.answers(member, of)).collect();
        ensemble::mean(&each)
    }

    /// One network's answers in real units.
    fn answers(&self, member: &'a Member, of: &[Window]) -> Vec<Probe> {
        let (scaling, settings) = (self.scaling(member), &member.trained.settings);
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
        let outputs = fit::raw_outputs(&member.net, self.dataset, of, settings.window, &member.trained.scalings);
        of.iter().zip(outputs).map(probe).collect()
    }

    /// What the loaded file answers to some windows.
    pub(super) fn probes(&self, model: &mut Model, of: &[Window]) -> anyhow::Result<Vec<Probe>> {
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

    /// A file loaded as the box would, before there is a release. Its probes are the networks' answers, so that a file which
    /// computes something else altogether is refused here already.
    pub(super) fn draft(&self, onnx: Vec<u8>, expected: &[Probe]) -> anyhow::Result<Model> {
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
        let (trained, minutes) = (self.trained(), self.timeframe_min);
        let horizons: Vec<String> = self.horizons().iter().map(|h| (h * minutes).to_string()).collect();
        let mut metadata = vec![
            ("features", trained.features.join(" ")),
            ("fingerprint", trained.fingerprint.clone()),
            ("horizons_min", horizons.join(" ")),
            ("quantiles", list(&trained.settings.quantiles)),
            ("timeframe_min", minutes.to_string()),
        ];
        if self.members.len() > 1 {
            metadata.push(("members", self.members.len().to_string()));
        }
        metadata
    }

    /// What the networks alone say of a bundle.
    pub(super) fn manifest(&self, quantisation: Quantisation) -> Manifest {
        let (trained, timeframe_min) = (self.trained(), self.timeframe_min);
        let settings = &trained.settings;
        let (window, horizons) = (settings.window as u32, settings.horizons.len() as u32);
        let spec = |name: &str, shape: &[u32]| TensorSpec { name: name.to_owned(), shape: shape.to_vec() };
        let mut outputs = vec![
            spec(LOG_RETURN, &[1, horizons]),
            spec(P_UP, &[1, horizons]),
            spec(QUANTILES, &[1, horizons, settings.quantiles.len() as u32]),
            spec(ACTION, &[1, 3]),
            spec(SIZE, &[1, 1]),
            spec(RISK, &[1, 1]),
        ];
        if self.members.iter().any(|member| member.trained.settings.model != Architecture::Lstm) {
            outputs.push(spec(ATTENTION, &[1, window]));
        }
        Manifest {
            format: FORMAT,
            name: "draft".to_owned(),
            created: "1970-01-01".to_owned(),
            revision: 0,
            architecture: self.architecture(quantisation.precision),
            features: trained.features.clone(),
            fingerprint: trained.fingerprint.clone(),
            timeframe_min,
            window_min: window * u32::from(timeframe_min),
            horizons_min: settings.horizons.iter().map(|horizon| horizon * timeframe_min).collect(),
            quantiles: settings.quantiles.clone(),
            inputs: vec![spec(INPUT, &[1, window, trained.features.len() as u32])],
            outputs,
            files: Vec::new(),
            training: self.training(quantisation),
            metrics: MetricsBySource::new(),
            importance: BTreeMap::new(),
            tolerance: Tolerance { log_return_bps: 1.0, p_up: 0.1 },
            probes: Vec::new(),
        }
    }

    fn training(&self, quantisation: Quantisation) -> Training {
        let trained = self.trained();
        let settings = &trained.settings;
        let ms = |(from, to): Span| (from * 60_000, to * 60_000);
        let (settings_listed, folds, text) = match self.members {
            [only] => {
                let text = format!(
                    "Walk-forward folds ({}), each trained on all before its test, then a final fit; the last fifth of time is held out. \
                     Rows and outcomes of a window lie in one part.",
                    trained.split.folds.len()
                );
                (self.listed(only), trained.folds.clone(), text)
            }
            several => {
                let text = "Each member has walk-forward folds of its own and a final fit; nothing was fitted or chosen on their mean. The last \
                            fifth of time is held out. Rows and outcomes of a window lie in one part.";
                let listed = [("members".to_owned(), several.len().to_string())].into();
                (listed, Vec::new(), text.to_owned())
            }
        };
        Training {
            trainer: concat!("tickerbox-trainer ", env!("CARGO_PKG_VERSION")).to_owned(),
            source_revision: None,
            seed: settings.seed,
            settings: settings_listed,
            data: trained.data.clone(),
            split: Split {
                text,
                train_ms: ms(trained.split.last.train),
                validation_ms: ms(trained.split.last.validation),
                held_out_ms: ms(trained.split.held_out),
                purge_min: (u32::from(settings.horizon_max()) + settings.window as u32) * u32::from(self.timeframe_min),
            },
            folds,
            search: self.search(),
            members: Vec::new(),
            quantisation,
        }
    }

    /// All trials behind the members together.
    fn search(&self) -> Option<Search> {
        let add = |a: Search, b: Search| Search {
            trials: a.trials + b.trials,
            finished: a.finished + b.finished,
            pruned: a.pruned + b.pruned,
            failed: a.failed + b.failed,
        };
        self.members.iter().filter_map(|member| member.search).reduce(add)
    }

    /// What each member is and what it is worth by itself on some windows; nothing of a run, which has only itself.
    pub(super) fn told(&self, of: &[Window]) -> Vec<bundle::Member> {
        if self.members.len() == 1 {
            return Vec::new();
        }
        let told = |member: &'a Member| {
            let answers = self.answers(member, of);
            let returns: Vec<Vec<f32>> = answers.into_iter().map(|answer| answer.log_return).collect();
            bundle::Member {
                architecture: body(&member.trained.settings).0,
                seed: member.trained.settings.seed,
                settings: self.listed(member),
                search: member.search,
                folds: member.trained.folds.clone(),
                metrics: score::by_source(self.dataset, of, &returns, self.horizons()),
            }
        };
        self.members.iter().map(told).collect()
    }

    fn listed(&self, member: &'a Member) -> BTreeMap<String, String> {
        let (trained, scaling) = (&member.trained, self.scaling(member));
        let settings = &trained.settings;
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
            ("return_shrink", list(&scaling.return_shrink)),
            ("logit_shrink", list(&scaling.logit_shrink)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn architecture(&self, precision: Precision) -> String {
        let (what, int8) = match self.members {
            [only] => body(&only.trained.settings),
            several => {
                let names: Vec<&str> = several.iter().map(|member| name(member.trained.settings.model)).collect();
                let what = format!("mean of {} networks: {}", several.len(), names.join(", "));
                (what, "weight products INT8 (LSTM: weights), attention 32-bit")
            }
        };
        format!("{what}; {}", if precision == Precision::Int8 { int8 } else { "all 32-bit" })
    }
}

fn list(values: &[f32]) -> String {
    values.iter().map(f32::to_string).collect::<Vec<_>>().join(" ")
}

const fn name(model: Architecture) -> &'static str {
    match model {
        Architecture::Transformer => "Transformer",
        Architecture::PatchTst => "PatchTST",
        Architecture::Lstm => "LSTM",
    }
}

/// A network in words, and what INT8 means for it.
fn body(settings: &Settings) -> (String, &'static str) {
    let Settings { width, layers, heads, hidden, patch, patch_stride, .. } = settings;
    let encoder = format!("{layers} blocks of width {width}, {heads} heads, feed-forward {hidden}");
    match settings.model {
        Architecture::Transformer => {
            (format!("pre-norm Transformer encoder: {encoder}"), "weight products INT8, attention 32-bit")
        }
        Architecture::PatchTst => {
            let patches = format!("PatchTST: patches of {patch} candles every {patch_stride}");
            (format!("{patches}, {encoder}"), "weight products INT8, attention 32-bit")
        }
        Architecture::Lstm => (format!("LSTM: {layers} layers of width {width}"), "weights INT8, products 32-bit"),
    }
}
