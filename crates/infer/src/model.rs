//! A loaded model.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use bundle::manifest::{ACTION, ATTENTION, LOG_RETURN, P_UP, QUANTILES, RISK, SIZE, SIZE_MAX};
use bundle::{Decision, Manifest, TensorSpec, VerifiedBundle};
use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::{InferError, Macs, ProbeReport, cost, ops, probe};

/// A model ready to answer, its probes answered as on the machine that made it.
pub struct Model {
    manifest: Manifest,
    graph: Arc<TypedRunnableModel>,
    /// Where each known output is among the graph's.
    outputs: Outputs,
    probes: ProbeReport,
}

#[derive(Clone, Copy)]
struct Outputs {
    log_return: usize,
    p_up: usize,
    quantiles: Option<usize>,
    /// Action, size and risk.
    decision: Option<[usize; 3]>,
    attention: Option<usize>,
}

/// A model's answer to one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// One per horizon, in the manifest's order.
    pub horizons: Vec<HorizonAnswer>,
    /// What it would do. `None` when it does not tell.
    pub decision: Option<Decision>,
    /// How much the model looked at each row of the window, oldest first, summing to one. Empty when it does not tell.
    pub attention: Vec<f32>,
}

/// A model's answer for one horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct HorizonAnswer {
    /// How far ahead, minutes.
    pub horizon_min: u16,
    /// Expected natural logarithm of price then over price now.
    pub log_return: f32,
    /// Probability that the price then is above the price now, 0 to 1.
    pub p_up: f32,
    /// Quantiles of that logarithm at the manifest's levels, never falling. Empty when the model gives none.
    pub quantiles: Vec<f32>,
}

impl Model {
    /// Loads a bundle's graph, checks it against the manifest and answers the probes. Takes tens of milliseconds on a PC.
    ///
    /// # Errors
    /// A graph that the engine cannot run, that is not what the manifest says, or that computes something else here.
    pub fn load(bundle: &VerifiedBundle) -> Result<Self, InferError> {
        let manifest = bundle.manifest().clone();
        let mut bytes = bundle.model();
        let onnx = tract_onnx::onnx();
        let proto = onnx.proto_model_for_read(&mut bytes).map_err(graph("reading"))?;
        let outputs = check_interface(&proto, &manifest)?;
        let input: Vec<usize> = manifest.inputs[0].shape.iter().map(|dim| *dim as usize).collect();
        let graph = onnx
            .parse(&proto, None)
            .map(|parsed| parsed.model)
            .map_err(graph("understanding"))?
            .with_input_fact(0, f32::fact(&input).into())
            .and_then(InferenceModelExt::into_typed)
            .and_then(ops::optimise)
            .map_err(graph("optimising"))?
            .into_runnable()
            .map_err(graph("planning"))?;
        let mut model = Self { manifest, graph, outputs, probes: ProbeReport::default() };
        model.probes = model.probe()?;
        Ok(model)
    }

    /// What the model is.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How closely the probes were met when the model was loaded.
    #[must_use]
    pub const fn probes(&self) -> ProbeReport {
        self.probes
    }

    /// The answer to a window: all rows of the manifest's features, row-major, oldest first.
    ///
    /// # Errors
    /// A window of another length or with a value that is no number, or an answer that is none.
    pub fn predict(&self, window: &[f32]) -> Result<Answer, InferError> {
        answer(&self.manifest, self.outputs, &self.graph, window)
    }

    /// The answers to many windows, in their order, on all cores.
    ///
    /// # Errors
    /// As [`Model::predict`]: that of the earliest window which has one.
    pub fn predict_all<W: AsRef<[f32]> + Sync>(&self, windows: &[W]) -> Result<Vec<Answer>, InferError> {
        let (manifest, graph, outputs) = (&self.manifest, &self.graph, self.outputs);
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let run = |share: &[W]| share.iter().map(|window| answer(manifest, outputs, graph, window.as_ref())).collect();
        let shares: Vec<Result<Vec<Answer>, InferError>> = thread::scope(|scope| {
            let shares = windows.chunks(windows.len().div_ceil(threads).max(1));
            let workers: Vec<_> = shares.map(|share| scope.spawn(move || run(share))).collect();
            workers.into_iter().map(|worker| worker.join().expect("an answer does not panic")).collect()
        });
        let mut answers = Vec::with_capacity(windows.len());
        for share in shares {
            answers.append(&mut share?);
        }
        Ok(answers)
    }

    /// Answers the manifest's probes.
    ///
    /// # Errors
    /// [`InferError::Probe`] at the first answer beyond the manifest's tolerance.
    pub fn probe(&self) -> Result<ProbeReport, InferError> {
        probe::run(self, &self.manifest.probes)
    }

    /// Multiply-accumulates of one answer as the engine will really do them, by number type.
    ///
    /// # Errors
    /// [`InferError::Graph`] when the engine cannot tell.
    pub fn macs(&self) -> Result<Macs, InferError> {
        cost::macs(self.graph.model()).map_err(graph("counting"))
    }
}

fn answer(
    manifest: &Manifest,
    outputs: Outputs,
    model: &Arc<TypedRunnableModel>,
    window: &[f32],
) -> Result<Answer, InferError> {
    check_window(manifest, window)?;
    let (rows, columns) = (manifest.rows(), manifest.features.len());
    let input = Tensor::from_shape(&[1, rows, columns], window).map_err(graph("reading the window"))?;
    // A new state for each window: a recurrent layer would go on from the memory of the window before.
    let mut state = model.spawn().map_err(graph("starting"))?;
    let results = state.run(tvec!(input.into())).map_err(graph("running"))?;
    let log_return = read(&results, outputs.log_return, LOG_RETURN, f32::is_finite)?;
    let p_up = read(&results, outputs.p_up, P_UP, |value| (0.0..=1.0).contains(&value))?;
    let attention = match outputs.attention {
        Some(index) => read(&results, index, ATTENTION, f32::is_finite)?.to_vec(),
        None => Vec::new(),
    };
    let levels = manifest.quantiles.len();
    let quantiles = match outputs.quantiles {
        Some(index) => read(&results, index, QUANTILES, f32::is_finite)?,
        None => &[],
    };
    let horizon = |(i, horizon_min): (usize, &u16)| {
        let quantiles = quantiles[i * levels..(i + 1) * levels].to_vec();
        if let Some(crossing) = quantiles.array_windows().find(|[low, high]| low > high) {
            return Err(InferError::Output { output: QUANTILES, value: crossing[1] });
        }
        Ok(HorizonAnswer { horizon_min: *horizon_min, log_return: log_return[i], p_up: p_up[i], quantiles })
    };
    Ok(Answer {
        horizons: manifest.horizons_min.iter().enumerate().map(horizon).collect::<Result<_, _>>()?,
        decision: outputs.decision.map(|indices| decision(&results, indices)).transpose()?,
        attention,
    })
}

/// How far from one the probabilities of an action may sum.
const SUM_ERROR_MAX: f32 = 1e-3;

fn decision(results: &[TValue], [action, size, risk]: [usize; 3]) -> Result<Decision, InferError> {
    let action = read(results, action, ACTION, |value| (0.0..=1.0).contains(&value))?;
    let size = read(results, size, SIZE, |value| (0.0..=SIZE_MAX).contains(&value))?;
    let risk = read(results, risk, RISK, |value| value >= 0.0 && value.is_finite())?;
    let sum: f32 = action.iter().sum();
    if (sum - 1.0).abs() > SUM_ERROR_MAX {
        return Err(InferError::Output { output: ACTION, value: sum });
    }
    Ok(Decision { sell: action[0], hold: action[1], buy: action[2], size: size[0], risk: risk[0] })
}

fn check_window(manifest: &Manifest, window: &[f32]) -> Result<(), InferError> {
    let expected = manifest.window_len();
    if window.len() != expected {
        return Err(InferError::WindowLength { expected, found: window.len() });
    }
    let Some(index) = window.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let columns = manifest.features.len();
    let feature = manifest.features[index % columns].clone();
    Err(InferError::WindowValue { index, row: index / columns, feature, value: window[index] })
}

fn graph(stage: &'static str) -> impl Fn(TractError) -> InferError {
    move |error| InferError::Graph { stage, reason: format!("{error:#}") }
}

/// One output, every value of which passes `is_sound`.
fn read<'a>(
    results: &'a [TValue],
    index: usize,
    output: &'static str,
    is_sound: impl Fn(f32) -> bool,
) -> Result<&'a [f32], InferError> {
    let view = results[index].try_as_plain_ram().map_err(graph("reading an output"))?;
    let values = view.as_slice::<f32>().map_err(graph("reading an output"))?;
    match values.iter().find(|value| !is_sound(**value)) {
        Some(value) => Err(InferError::Output { output, value: *value }),
        None => Ok(values),
    }
}

/// Finds the outputs by name; names, types and shapes must be the manifest's.
fn check_interface(proto: &pb::ModelProto, manifest: &Manifest) -> Result<Outputs, InferError> {
    let graph = proto.graph.as_ref().ok_or_else(|| InferError::Mismatch("it has no graph".to_owned()))?;
    let constants: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let inputs: Vec<_> = graph.input.iter().filter(|input| !constants.contains(&input.name.as_str())).collect();
    let [input] = inputs[..] else {
        return Err(InferError::Mismatch(format!("it has {} inputs instead of one", inputs.len())));
    };
    check_tensor(input, &manifest.inputs[0])?;
    if graph.output.len() != manifest.outputs.len() {
        let (found, expected) = (graph.output.len(), manifest.outputs.len());
        return Err(InferError::Mismatch(format!("it has {found} outputs instead of {expected}")));
    }
    for spec in &manifest.outputs {
        let output = graph.output.iter().find(|output| output.name == spec.name);
        let output = output.ok_or_else(|| InferError::Mismatch(format!("it lacks the output {}", spec.name)))?;
        check_tensor(output, spec)?;
    }
    let index = |name: &str| graph.output.iter().position(|output| output.name == name);
    let known = |name: &str| index(name).ok_or_else(|| InferError::Mismatch(format!("it lacks the output {name}")));
    let decision = if manifest.gives(ACTION) { Some([known(ACTION)?, known(SIZE)?, known(RISK)?]) } else { None };
    Ok(Outputs {
        log_return: known(LOG_RETURN)?,
        p_up: known(P_UP)?,
        quantiles: index(QUANTILES),
        decision,
        attention: index(ATTENTION),
    })
}

fn check_tensor(info: &pb::ValueInfoProto, spec: &TensorSpec) -> Result<(), InferError> {
    use pb::tensor_shape_proto::dimension::Value::DimValue;
    use pb::type_proto::Value::TensorType;

    let Some(TensorType(tensor)) = info.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return Err(InferError::Mismatch(format!("{} is not a tensor", info.name)));
    };
    let dims: Option<Vec<i64>> = tensor.shape.as_ref().and_then(|shape| {
        shape.dim.iter().map(|dim| if let Some(DimValue(len)) = dim.value { Some(len) } else { None }).collect()
    });
    let expected: Vec<i64> = spec.shape.iter().map(|dim| i64::from(*dim)).collect();
    let is_float = tensor.elem_type == pb::tensor_proto::DataType::Float as i32;
    if is_float && info.name == spec.name && dims.as_ref() == Some(&expected) {
        return Ok(());
    }
    let what = format!("{} is {dims:?}, the manifest says {} {expected:?} of 32-bit floats", info.name, spec.name);
    Err(InferError::Mismatch(what))
}
