//! The manifest: everything one may want to know about a model, `manifest.json`.
//!
//! JSON in the order of the fields below, two spaces of indent, one line end at the end. Unknown keys are refused. The
//! bundle's digest is the SHA-256 of the file as stored, so equal content gives an equal digest: nothing in it comes from
//! a clock or from the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BundleError, Digest, FILES_MAX, MODEL_NAME, container};

/// Newest format of the manifest.
pub const FORMAT: u32 = 1;
/// Name of the model's only input.
pub const INPUT: &str = "window";
/// Name of the output with expected log-returns, one per horizon.
pub const LOG_RETURN: &str = "log_return";
/// Name of the output with probabilities of a rise, one per horizon.
pub const P_UP: &str = "p_up";
/// Name of the output that says how much each minute of the window was looked at. A model may lack it.
pub const ATTENTION: &str = "attention";

/// Results by source and horizon (in minutes).
pub type MetricsBySource = BTreeMap<String, BTreeMap<u16, Metrics>>;

/// What a model is and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format number of this file; [`FORMAT`].
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
    /// Rows of the window: minutes of history.
    pub window_min: u16,
    /// Horizons in minutes, ascending.
    pub horizons_min: Vec<u16>,
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
    /// Difference of the INT8 file in the inference engine to the 32-bit model in the trainer.
    pub quantisation: Quantisation,
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
    pub purge_min: u16,
}

/// How far apart two forms of one model are, over the windows they were compared on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantisation {
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

/// How far a probe's answer may be off on another processor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// For log-returns, basis points.
    pub log_return_bps: f32,
    /// For probabilities.
    pub p_up: f32,
}

/// A window with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// `window_min` rows of features, row-major, oldest first. In the file: little-endian 32-bit floats in hexadecimal.
    #[serde(with = "hex_floats")]
    pub window: Vec<f32>,
    /// Expected log-returns, one per horizon.
    pub log_return: Vec<f32>,
    /// Expected probabilities, one per horizon.
    pub p_up: Vec<f32>,
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

    /// Values in one window.
    #[must_use]
    pub fn window_len(&self) -> usize {
        usize::from(self.window_min) * self.features.len()
    }

    /// Checks that the parts fit each other.
    ///
    /// # Errors
    /// [`BundleError::Field`] with the first part that does not.
    pub fn check(&self) -> Result<(), BundleError> {
        let ensure = |holds: bool, field: &'static str, what: &str| {
            if holds { Ok(()) } else { Err(BundleError::Field { field, what: what.to_owned() }) }
        };
        ensure(self.format == FORMAT, "format", "is not 1")?;
        ensure(is_line(&self.name, 64), "name", "is not one line of at most 64 characters")?;
        ensure(is_line(&self.architecture, 200), "architecture", "is not one line of at most 200 characters")?;
        ensure(is_date(&self.created), "created", "is not a day like 2026-01-31")?;
        ensure(is_line(&self.fingerprint, 128), "fingerprint", "is not one line of at most 128 characters")?;
        ensure((1..=256).contains(&self.features.len()), "features", "are not 1 to 256")?;
        ensure(self.features.iter().all(|name| is_line(name, 64)), "features", "hold an odd name")?;
        ensure(!has_twin(&self.features), "features", "name one twice")?;
        ensure((1..=1440).contains(&self.window_min), "window_min", "is not 1 to 1440")?;
        ensure((1..=16).contains(&self.horizons_min.len()), "horizons_min", "are not 1 to 16")?;
        ensure(
            self.horizons_min.is_sorted_by(|a, b| a < b) && self.horizons_min[0] > 0,
            "horizons_min",
            "do not rise",
        )?;
        self.check_tensors()?;
        self.check_files()?;
        self.check_probes()?;
        let known = self.metrics.values().flat_map(BTreeMap::keys).all(|horizon| self.horizons_min.contains(horizon));
        ensure(known, "metrics", "name a horizon that the model lacks")
    }

    fn check_tensors(&self) -> Result<(), BundleError> {
        let (window, horizons) = (u32::from(self.window_min), self.horizons_min.len() as u32);
        let spec = |name: &str, shape: &[u32]| TensorSpec { name: name.to_owned(), shape: shape.to_vec() };
        let input = spec(INPUT, &[1, window, self.features.len() as u32]);
        if self.inputs != [input.clone()] {
            return Err(BundleError::Field { field: "inputs", what: format!("are not exactly {input:?}") });
        }
        for needed in [spec(LOG_RETURN, &[1, horizons]), spec(P_UP, &[1, horizons])] {
            if !self.outputs.contains(&needed) {
                return Err(BundleError::Field { field: "outputs", what: format!("lack {needed:?}") });
            }
        }
        let attention = spec(ATTENTION, &[1, window]);
        match &self.outputs[..] {
            [_, _] => Ok(()),
            [_, _, third] if *third == attention => Ok(()),
            _ => Err(BundleError::Field { field: "outputs", what: "hold something unknown".to_owned() }),
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
            let horizons = self.horizons_min.len();
            if probe.window.len() != self.window_len()
                || probe.log_return.len() != horizons
                || probe.p_up.len() != horizons
            {
                return bad("do not have the model's shape");
            }
            if ![&probe.window, &probe.log_return, &probe.p_up].into_iter().flatten().all(|value| value.is_finite()) {
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
