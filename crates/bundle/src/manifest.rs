//! The manifest: everything one may want to know about a model, `manifest.json`.
//!
//! JSON in the order of the fields below, two spaces of indent, one line end at the end. Unknown keys are refused. The
//! bundle's digest is the SHA-256 of the file as stored, so equal content gives an equal digest: nothing in it comes from
//! a clock or from the machine.
//!
//! Format 2 added the timeframe, the quantiles and the outputs for a decision. A manifest of format 1 has none of them and
//! reads rows of one minute. What a manifest may lack (search, members, precision, importance) is left out where there is none, so
//! that a bundle without it keeps its bytes and its digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BundleError, Digest, FILES_MAX, MODEL_NAME, container};

/// Newest format of the manifest.
pub const FORMAT: u32 = 2;
/// Minutes of the candles a model may read.
pub const TIMEFRAMES_MIN: [u16; 5] = [1, 5, 15, 60, 1440];
/// Name of the model's only input.
pub const INPUT: &str = "window";
/// Name of the output with expected log-returns, one per horizon.
pub const LOG_RETURN: &str = "log_return";
/// Name of the output with probabilities of a rise, one per horizon.
pub const P_UP: &str = "p_up";
/// Name of the output with quantiles of the log-return, `[1, horizons, quantiles]`, never falling along the last axis. It is
/// there exactly when the manifest names [`Manifest::quantiles`].
pub const QUANTILES: &str = "quantiles";
/// Name of the output with the probabilities of sell, hold and buy, `[1, 3]`. Has [`SIZE`] and [`RISK`] beside it, or is
/// missing with them.
pub const ACTION: &str = "action";
/// Name of the output with the share of equity to put in, `[1, 1]`, 0 to [`SIZE_MAX`].
pub const SIZE: &str = "size";
/// Name of the output with the expected standard deviation of the log-return at the longest horizon, `[1, 1]`.
pub const RISK: &str = "risk";
/// Name of the output that says how much each row of the window was looked at, `[1, rows]`. A model may lack it.
pub const ATTENTION: &str = "attention";
/// Largest share of equity a model may ask for.
pub const SIZE_MAX: f32 = 0.25;

/// Results by source and horizon (in minutes).
pub type MetricsBySource = BTreeMap<String, BTreeMap<u16, Metrics>>;

/// What a model is and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format number of this file, 1 to [`FORMAT`].
    pub format: u32,
    /// Name for people (`starter`).
    pub name: String,
    /// Day it was made, `2026-01-31`. Told by the maker, not read from a clock.
    pub created: String,
    /// Grows with each release under the same name.
    pub revision: u32,
    /// What kind of model, one line for people.
    pub architecture: String,
    /// Names of the feature columns in order.
    pub features: Vec<String>,
    /// Fingerprint of their definitions. A box whose own definitions differ refuses the model.
    pub fingerprint: String,
    /// Minutes of one row's candle, one of [`TIMEFRAMES_MIN`].
    #[serde(default = "minute", skip_serializing_if = "is_minute")]
    pub timeframe_min: u16,
    /// Minutes the window covers: its rows times the timeframe.
    pub window_min: u32,
    /// Horizons in minutes, ascending, each a multiple of the timeframe.
    pub horizons_min: Vec<u16>,
    /// Levels of the quantiles it gives at each horizon, rising, between 0 and 1. Empty when it gives none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f32>,
    /// The graph's inputs.
    pub inputs: Vec<TensorSpec>,
    /// The graph's outputs.
    pub outputs: Vec<TensorSpec>,
    /// All files besides manifest and signature, by name.
    pub files: Vec<FileEntry>,
    /// How it was made.
    pub training: Training,
    /// Result on data that nothing was fitted or chosen on, by source and horizon (in minutes).
    pub metrics: MetricsBySource,
    /// What it leans on, by feature; measured on the same data. Empty where it was not measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub importance: BTreeMap<String, Importance>,
    /// Largest difference between the probes' answers here and on the machine that made them.
    pub tolerance: Tolerance,
    /// Windows with the answers that the exported model gave to its maker.
    pub probes: Vec<Probe>,
}

/// A tensor at the edge of the graph. 32-bit floats always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Name in the graph.
    pub name: String,
    /// Fixed length of each axis.
    pub shape: Vec<u32>,
}

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// A plain name without folders.
    pub name: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256 of its content.
    pub sha256: Digest,
}

/// How a model was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Program and version.
    pub trainer: String,
    /// Revision of the source, when told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_revision: Option<String>,
    /// Seed of everything random.
    pub seed: u64,
    /// Settings of the fit, by name.
    pub settings: BTreeMap<String, String>,
    /// What it learned from.
    pub data: Vec<DataRange>,
    /// How time was cut.
    pub split: Split,
    /// The same for each walk-forward fold, in the order of time. The shrinkage was chosen on these.
    pub folds: Vec<MetricsBySource>,
    /// The search that the settings came from. `None` where none was made: one trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// The networks whose mean the answers are. Empty where there is only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// Difference of the shipped file in the inference engine to the 32-bit model in the trainer.
    pub quantisation: Quantisation,
}

/// How many settings were tried before some were taken: the best of many is lucky, so their number belongs beside every result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Trials in all, each with fits of its own in every walk-forward fold.
    pub trials: u64,
    /// Of these trained to the end.
    pub finished: u64,
    /// Given up early.
    pub pruned: u64,
    /// Whose settings made no model.
    pub failed: u64,
}

impl Search {
    /// Whether every trial ended in one way.
    fn adds_up(&self) -> bool {
        let ends = [self.finished, self.pruned, self.failed].into_iter().try_fold(0, u64::checked_add);
        self.trials > 0 && ends == Some(self.trials)
    }
}

/// One of several networks whose answers are averaged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// What kind of network, one line for people.
    pub architecture: String,
    /// Seed of everything random in it.
    pub seed: u64,
    /// Settings of its fit, by name.
    pub settings: BTreeMap<String, String>,
    /// The search that its settings came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// Its own walk-forward folds.
    pub folds: Vec<MetricsBySource>,
    /// Its own result where [`Manifest::metrics`] were measured: of the 32-bit network, which is not shipped by itself.
    pub metrics: MetricsBySource,
}

/// A series of candles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRange {
    /// What it was called (a file name, without folders).
    pub source: String,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Minutes in it.
    pub minutes: u64,
    /// Open time of the first, milliseconds UTC.
    pub first_ms: i64,
    /// Open time of the last, milliseconds UTC.
    pub last_ms: i64,
}

/// How time was cut. All bounds are open times in milliseconds UTC, the second one exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// In words.
    pub text: String,
    /// What the final weights were fitted on.
    pub train_ms: (i64, i64),
    /// What stopped the fit and chose its shrinkage.
    pub validation_ms: (i64, i64),
    /// What [`Manifest::metrics`] were measured on, once.
    pub held_out_ms: (i64, i64),
    /// Minutes left out between parts, so that no label of one reaches into the next.
    pub purge_min: u32,
}

/// Number format of the weight products in the shipped file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Bytes.
    #[default]
    Int8,
    /// 32-bit floats, because bytes cost too much.
    Float,
}

impl Precision {
    const fn is_int8(&self) -> bool {
        matches!(self, Self::Int8)
    }
}

/// How far apart two forms of one model are, over the windows they were compared on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantisation {
    /// What was shipped.
    #[serde(default, skip_serializing_if = "Precision::is_int8")]
    pub precision: Precision,
    /// Windows compared.
    pub windows: u64,
    /// Largest difference of a log-return, basis points.
    pub log_return_max_bps: f64,
    /// Mean difference of a log-return, basis points.
    pub log_return_mean_bps: f64,
    /// Largest difference of a probability.
    pub p_up_max: f64,
    /// Mean difference of a probability.
    pub p_up_mean: f64,
    /// The same for the other outputs, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, Difference>,
}

/// How far apart two forms of one output are; quantiles and risk in basis points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
}

/// One of the three words for a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The whole interval of the skill is below zero.
    #[serde(rename = "worse")]
    Worse,
    /// The interval holds zero.
    #[serde(rename = "not proven")]
    NotProven,
    /// The whole interval is above zero.
    #[serde(rename = "better")]
    Better,
}

/// Forecasts of one horizon against "no change". A value is missing where there was too little to tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Forecasts.
    pub n: u64,
    /// Mean absolute error, basis points.
    pub mae_bps: Option<f64>,
    /// The same for "no change".
    pub naive_mae_bps: Option<f64>,
    /// One minus their ratio.
    pub skill: Option<f64>,
    /// Lower end of its 95 % interval.
    pub skill_lo: Option<f64>,
    /// Upper end of its 95 % interval.
    pub skill_hi: Option<f64>,
    /// Share of forecasts with the right sign.
    pub hit_rate: Option<f64>,
    /// Lower end of its 95 % interval.
    pub hit_lo: Option<f64>,
    /// Upper end of its 95 % interval.
    pub hit_hi: Option<f64>,
    /// What that means.
    pub verdict: Verdict,
}

/// What becomes of a model's forecasts when one feature is that of other windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importance {
    /// How far the forecasts move, as a share of their own mean size: whether the model listens to it.
    pub moves: f64,
    /// How much their mean absolute error grows, as a share of it: what that is worth.
    pub error: f64,
}

/// How far a probe's answer may be off on another processor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// For log-returns, their quantiles and the risk, basis points.
    pub log_return_bps: f32,
    /// For probabilities and shares.
    pub p_up: f32,
}

/// A window with its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// All rows of features, row-major, oldest first. In the file: little-endian 32-bit floats in hexadecimal.
    #[serde(with = "hex_floats")]
    pub window: Vec<f32>,
    /// Expected log-returns, one per horizon.
    pub log_return: Vec<f32>,
    /// Expected probabilities, one per horizon.
    pub p_up: Vec<f32>,
    /// Expected quantiles, horizon by horizon; empty where the model gives none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f32>,
    /// Expected decision, where the model gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What a model would do now, and how far the price may go meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Probability that selling pays at the longest horizon; the three sum to one.
    pub sell: f32,
    /// Probability that neither pays.
    pub hold: f32,
    /// Probability that buying pays.
    pub buy: f32,
    /// Share of equity to put in, 0 to [`SIZE_MAX`].
    pub size: f32,
    /// Expected standard deviation of the log-return at the longest horizon.
    pub risk: f32,
}

impl Decision {
    /// All five values in the order of the fields.
    #[must_use]
    pub const fn values(&self) -> [f32; 5] {
        [self.sell, self.hold, self.buy, self.size, self.risk]
    }
}

const fn minute() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_minute(timeframe_min: &u16) -> bool {
    *timeframe_min == 1
}

mod hex_floats {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::hex;

    pub(super) fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        serializer.serialize_str(&hex::encode(&bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(&text).ok_or_else(|| de::Error::custom("not hexadecimal"))?;
        let (values, []) = bytes.as_chunks::<4>() else { return Err(de::Error::custom("not whole 32-bit floats")) };
        Ok(values.iter().map(|&value| f32::from_le_bytes(value)).collect())
    }
}

/// Only the first thing to look at.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Manifest {
    /// Reads a manifest and checks that its parts fit each other.
    ///
    /// # Errors
    /// Not JSON, a newer format, unknown or missing keys, or values that make no sense together.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let Format { format } = serde_json::from_slice(bytes).map_err(BundleError::Manifest)?;
        if format > FORMAT {
            return Err(BundleError::NewerFormat { name: crate::MANIFEST_NAME, found: format, known: FORMAT });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(BundleError::Manifest)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest as stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has only strings as keys");
        bytes.push(b'\n');
        bytes
    }

    /// Rows of one window.
    #[must_use]
    pub const fn rows(&self) -> usize {
        (self.window_min / self.timeframe_min as u32) as usize
    }

    /// Values in one window.
    #[must_use]
    pub const fn window_len(&self) -> usize {
        self.rows() * self.features.len()
    }

    /// Whether the model has an output of this name.
    #[must_use]
    pub fn gives(&self, output: &str) -> bool {
        self.outputs.iter().any(|spec| spec.name == output)
    }

    /// Checks that the parts fit each other.
    ///
    /// # Errors
    /// [`BundleError::Field`] with the first part that does not.
    pub fn check(&self) -> Result<(), BundleError> {
        let ensure = |holds: bool, field: &'static str, what: &str| {
            if holds { Ok(()) } else { Err(BundleError::Field { field, what: what.to_owned() }) }
        };
        ensure((1..=FORMAT).contains(&self.format), "format", "is not 1 or 2")?;
        ensure(is_line(&self.name, 64), "name", "is not one line of at most 64 characters")?;
        ensure(is_line(&self.architecture, 200), "architecture", "is not one line of at most 200 characters")?;
        ensure(is_date(&self.created), "created", "is not a day like 2026-01-31")?;
        ensure(is_line(&self.fingerprint, 128), "fingerprint", "is not one line of at most 128 characters")?;
        ensure((1..=256).contains(&self.features.len()), "features", "are not 1 to 256")?;
        ensure(self.features.iter().all(|name| is_line(name, 64)), "features", "hold an odd name")?;
        ensure(!has_twin(&self.features), "features", "name one twice")?;
        let timeframe = self.timeframe_min;
        ensure(TIMEFRAMES_MIN.contains(&timeframe), "timeframe_min", "is not 1, 5, 15, 60 or 1440")?;
        ensure(self.window_min.is_multiple_of(timeframe.into()), "window_min", "is not a multiple of the timeframe")?;
        ensure((2..=1440).contains(&self.rows()), "window_min", "is not 2 to 1440 rows")?;
        ensure((1..=16).contains(&self.horizons_min.len()), "horizons_min", "are not 1 to 16")?;
        ensure(
            self.horizons_min.is_sorted_by(|a, b| a < b) && self.horizons_min[0] > 0,
            "horizons_min",
            "do not rise",
        )?;
        let on_candles = self.horizons_min.iter().all(|horizon| horizon.is_multiple_of(timeframe));
        ensure(on_candles, "horizons_min", "are not multiples of the timeframe")?;
        let levels = &self.quantiles;
        let between = levels.len() <= 16 && levels.iter().all(|level| (f32::EPSILON..1.0).contains(level));
        ensure(
            between && levels.is_sorted_by(|a, b| a < b),
            "quantiles",
            "are not at most 16 that rise between 0 and 1",
        )?;
        let is_first = timeframe == 1 && levels.is_empty() && !self.gives(ACTION);
        ensure(
            self.format > 1 || is_first,
            "format",
            "is 1, which knows neither timeframes nor quantiles nor decisions",
        )?;
        let Training { search, members, .. } = &self.training;
        let mut searches = members.iter().filter_map(|member| member.search.as_ref()).chain(search);
        ensure(searches.all(Search::adds_up), "search", "counts other trials than there were")?;
        ensure(members.is_empty() || (2..=16).contains(&members.len()), "members", "are one, or more than 16")?;
        let lines = members.iter().all(|member| is_line(&member.architecture, 200));
        ensure(lines, "members", "are not told in one line of at most 200 characters")?;
        self.check_tensors()?;
        self.check_files()?;
        self.check_probes()?;
        let known = self.metrics.values().flat_map(BTreeMap::keys).all(|horizon| self.horizons_min.contains(horizon));
        ensure(known, "metrics", "name a horizon that the model lacks")?;
        let known = self.importance.keys().all(|name| self.features.contains(name));
        ensure(known, "importance", "names a feature that the model lacks")?;
        let numbers = self.importance.values().all(|one| one.moves.is_finite() && one.error.is_finite());
        ensure(numbers, "importance", "holds a value that is not a number")
    }

    fn check_tensors(&self) -> Result<(), BundleError> {
        let (rows, horizons) = (self.rows() as u32, self.horizons_min.len() as u32);
        let spec = |name: &str, shape: &[u32]| TensorSpec { name: name.to_owned(), shape: shape.to_vec() };
        let input = spec(INPUT, &[1, rows, self.features.len() as u32]);
        if self.inputs != [input.clone()] {
            return Err(BundleError::Field { field: "inputs", what: format!("are not exactly {input:?}") });
        }
        let mut expected = vec![spec(LOG_RETURN, &[1, horizons]), spec(P_UP, &[1, horizons])];
        if !self.quantiles.is_empty() {
            expected.push(spec(QUANTILES, &[1, horizons, self.quantiles.len() as u32]));
        }
        if self.gives(ACTION) {
            expected.extend([spec(ACTION, &[1, 3]), spec(SIZE, &[1, 1]), spec(RISK, &[1, 1])]);
        }
        if self.gives(ATTENTION) {
            expected.push(spec(ATTENTION, &[1, rows]));
        }
        if let Some(missing) = expected.iter().find(|spec| !self.outputs.contains(spec)) {
            return Err(BundleError::Field { field: "outputs", what: format!("lack {missing:?}") });
        }
        if self.outputs.len() == expected.len() {
            Ok(())
        } else {
            Err(BundleError::Field { field: "outputs", what: "hold something unknown".to_owned() })
        }
    }

    fn check_files(&self) -> Result<(), BundleError> {
        let bad = |what: &str| Err(BundleError::Field { field: "files", what: what.to_owned() });
        if self.files.len() > FILES_MAX {
            return bad("are too many");
        }
        for file in &self.files {
            container::check_name(&file.name)?;
            if [crate::MANIFEST_NAME, crate::SIGNATURE_NAME].contains(&file.name.as_str()) {
                return bad("list the manifest or the signature");
            }
            if file.bytes > crate::FILE_BYTES_MAX {
                let (name, bytes, limit) = (file.name.clone(), file.bytes, crate::FILE_BYTES_MAX);
                return Err(BundleError::TooLarge { name, bytes, limit });
            }
        }
        if has_twin(&self.files.iter().map(|file| &file.name).collect::<Vec<_>>()) {
            return bad("list one twice");
        }
        if self.file(MODEL_NAME).is_none() { bad("lack model.onnx") } else { Ok(()) }
    }

    fn check_probes(&self) -> Result<(), BundleError> {
        let bad = |what: &str| Err(BundleError::Field { field: "probes", what: what.to_owned() });
        if !(1..=16).contains(&self.probes.len()) {
            return bad("are not 1 to 16");
        }
        for probe in &self.probes {
            let Probe { window, log_return, p_up, quantiles, decision } = probe;
            let horizons = self.horizons_min.len();
            let lengths = [window, log_return, p_up, quantiles].map(Vec::len);
            if lengths != [self.window_len(), horizons, horizons, horizons * self.quantiles.len()]
                || decision.is_some() != self.gives(ACTION)
            {
                return bad("do not have the model's shape");
            }
            let decision = decision.iter().flat_map(Decision::values);
            let values = [window, log_return, p_up, quantiles].into_iter().flatten().copied().chain(decision);
            if !values.into_iter().all(f32::is_finite) {
                return bad("hold a value that is not a number");
            }
        }
        let Tolerance { log_return_bps, p_up } = self.tolerance;
        if !(log_return_bps >= 0.0 && log_return_bps.is_finite() && (0.0..0.5).contains(&p_up)) {
            return Err(BundleError::Field { field: "tolerance", what: "is not a small positive number".to_owned() });
        }
        Ok(())
    }

    /// The entry of a listed file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn is_line(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= chars_max && !text.contains(char::is_control)
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() })
        && ("01"..="12").contains(&&text[5..7])
        && ("01"..="31").contains(&&text[8..10])
}

fn has_twin<T: PartialEq>(items: &[T]) -> bool {
    items.iter().enumerate().any(|(i, item)| items[..i].contains(item))
}
