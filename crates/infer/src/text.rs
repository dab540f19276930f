//! Classifiers of text: tokens to logits. What the tokens are and what the logits mean is told in `sentiment::finbert`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::{InferError, ops};

/// Largest model that is loaded: twice BERT-base in f32.
pub const TEXT_MODEL_BYTES_MAX: usize = 900 << 20;
/// Nodes that a graph may have: BERT-base has about 1 500.
const NODES_MAX: usize = 50_000;
/// Lengths that plans are made for, in tokens: a text is filled up to the next one. A plan of an open length would be slower, one for each
/// length would fill the memory.
const LENGTHS: [usize; 5] = [32, 64, 128, 256, 512];
/// Plans that are kept at a time. Each holds its own copy of the weights, in the order in which the processor wants them.
const PLANS_MAX: usize = 2;
/// The inputs, in the order of [`TextModel::logits`]' arguments. The last one may be missing (DistilBERT).
const INPUTS: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];
/// The output.
const LOGITS: &str = "logits";

/// A classifier that is ready to run. May be shared by threads: answers are given one after the other.
pub struct TextModel {
    graph: InferenceModel,
    /// Which of [`INPUTS`] each input of the graph is.
    inputs: Vec<usize>,
    /// Newest use last.
    plans: Mutex<Vec<(usize, Arc<TypedRunnableModel>)>>,
}

impl TextModel {
    /// Reads an ONNX file whose inputs are `input_ids`, `attention_mask` and, perhaps, `token_type_ids` (whole numbers, one row) and whose
    /// output is `logits`; makes the plan for short texts and runs it once.
    ///
    /// # Errors
    /// A file that is too large, keeps weights in other files, has another shape, or that the engine cannot run.
    pub fn load(bytes: &[u8]) -> Result<Self, InferError> {
        if bytes.len() > TEXT_MODEL_BYTES_MAX {
            return Err(mismatch(format!("it has {} bytes, at most {TEXT_MODEL_BYTES_MAX} are allowed", bytes.len())));
        }
        let onnx = tract_onnx::onnx();
        let mut reader = bytes;
        let proto = onnx.proto_model_for_read(&mut reader).map_err(failed("reading"))?;
        let inputs = check_interface(&proto)?;
        let parsed = onnx.parse(&proto, None).map_err(failed("understanding"))?;
        let model = Self { graph: parsed.model, inputs, plans: Mutex::new(Vec::new()) };
        model.logits(&[0; 4], &[1; 4], &[0; 4])?;
        Ok(model)
    }

    /// The logits of a text. All arguments have one entry for each token.
    ///
    /// # Errors
    /// No tokens or more than 512, arguments of different lengths, tokens that the network does not know, or an answer that is none.
    pub fn logits(&self, ids: &[i64], mask: &[i64], types: &[i64]) -> Result<Vec<f32>, InferError> {
        let count = ids.len();
        if mask.len() != count || types.len() != count {
            return Err(mismatch(format!("{count} tokens, {} of the mask, {} types", mask.len(), types.len())));
        }
        let length = LENGTHS.iter().copied().find(|length| count > 0 && *length >= count);
        let length = length.ok_or_else(|| mismatch(format!("{count} tokens, 1 to 512 can be read")))?;
        let plan = self.plan(length)?;
        let given = [ids, mask, types];
        let values = self.inputs.iter().map(|input| {
            let mut filled = given[*input].to_vec();
            filled.resize(length, 0);
            Tensor::from_shape(&[1, length], &filled).map(TValue::from).map_err(failed("reading the tokens"))
        });
        let values = values.collect::<Result<TVec<TValue>, _>>()?;
        let mut state = plan.spawn().map_err(failed("starting"))?;
        // The engine panics where a token is beyond the network's table. The state is not used again.
        let run = catch_unwind(AssertUnwindSafe(|| state.run(values)));
        let results = run
            .map_err(|_| mismatch("the network cannot be run on these tokens; does it know them?".to_owned()))?
            .map_err(failed("running"))?;
        let view = results[0].try_as_plain_ram().map_err(failed("reading the logits"))?;
        let logits = view.as_slice::<f32>().map_err(failed("reading the logits"))?;
        match logits.iter().find(|logit| !logit.is_finite()) {
            Some(logit) => Err(InferError::Output { output: LOGITS, value: *logit }),
            None => Ok(logits.to_vec()),
        }
    }

    fn plan(&self, length: usize) -> Result<Arc<TypedRunnableModel>, InferError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = match plans.iter().position(|(known, _)| *known == length) {
            Some(at) => plans.remove(at).1,
            None => self.make_plan(length)?,
        };
        if plans.len() >= PLANS_MAX {
            plans.remove(0);
        }
        plans.push((length, Arc::clone(&plan)));
        Ok(plan)
    }

    fn make_plan(&self, length: usize) -> Result<Arc<TypedRunnableModel>, InferError> {
        let mut graph = self.graph.clone();
        for input in 0..self.inputs.len() {
            graph.set_input_fact(input, i64::fact([1, length]).into()).map_err(failed("setting the length"))?;
        }
        graph
            .into_typed()
            .and_then(ops::optimise)
            .map_err(failed("optimising"))?
            .into_runnable()
            .map_err(failed("planning"))
    }
}

/// Which of [`INPUTS`] each input of the graph is.
fn check_interface(proto: &pb::ModelProto) -> Result<Vec<usize>, InferError> {
    let graph = proto.graph.as_ref().ok_or_else(|| mismatch("it has no graph".to_owned()))?;
    if graph.node.len() > NODES_MAX {
        return Err(mismatch(format!("it has {} nodes, at most {NODES_MAX} are allowed", graph.node.len())));
    }
    if let Some(tensor) = graph.initializer.iter().find(|tensor| !tensor.external_data.is_empty()) {
        return Err(mismatch(format!("{} lies in another file; export it as one file", tensor.name)));
    }
    let constants: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let names = graph.input.iter().map(|input| input.name.as_str()).filter(|name| !constants.contains(name));
    let inputs: Vec<usize> = names
        .map(|name| {
            let known = INPUTS.iter().position(|input| *input == name);
            known.ok_or_else(|| mismatch(format!("it wants {name}, known are {}", INPUTS.join(", "))))
        })
        .collect::<Result<_, _>>()?;
    if !(inputs.contains(&0) && inputs.contains(&1)) {
        return Err(mismatch(format!("it lacks an input; {} and {} are needed", INPUTS[0], INPUTS[1])));
    }
    match &graph.output[..] {
        [output] if output.name == LOGITS => Ok(inputs),
        outputs => {
            let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
            Err(mismatch(format!("it gives {names:?} instead of {LOGITS}")))
        }
    }
}

const fn mismatch(reason: String) -> InferError {
    InferError::Text(reason)
}

fn failed(stage: &'static str) -> impl Fn(TractError) -> InferError {
    move |error| InferError::Graph { stage, reason: format!("{error:#}") }
}
