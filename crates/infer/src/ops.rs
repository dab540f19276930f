//! Our own ops for what the engine is slow at, and the rules that put them into a graph.
//!
//! ```text
//! QuantizeLinear                            --> Quantise
//! MatMulInteger -> Cast -> Mul -> Add       --> Int8Linear
//! Softmax over the last axis                --> Softmax
//! LayerNormalization over the last axis     --> LayerNorm
//! ```
//!
//! What matches no rule stays with the engine. Why: `docs/decisions/int8.md`.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::Cost;
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{self, Reduce, Reducer, RmsNorm, SoftmaxKind};
use tract_onnx::tract_core::ops::quant::QuantizeLinearU8;
use tract_onnx::tract_hir::internal::*;

use crate::kernel;

/// Optimises a graph, with our ops where they fit.
pub(crate) fn optimise(mut model: TypedModel) -> TractResult<TypedModel> {
    check_constants(&model)?;
    // Before the engine takes its integer products apart.
    model.prop_consts()?;
    Rewriter::default()
        .with_rule_for("quantise", quantise)
        .with_rule_for("int8-linear", int8_linear)
        .rewrite(&(), &mut model)?;
    let mut model = model.into_decluttered()?;
    Rewriter::default()
        .with_rule_for("softmax", softmax)
        .with_rule_for("layer-norm", layer_norm)
        .rewrite(&(), &mut model)?;
    model.into_optimized()
}

/// What is no number would be rounded to a byte like any other.
fn check_constants(model: &TypedModel) -> TractResult<()> {
    for node in model.nodes() {
        let Some(value) = node.outputs.first().and_then(|output| output.fact.konst.as_ref()) else { continue };
        if value.datum_type() == f32::datum_type() {
            let numbers = value.try_as_plain_ram()?.as_slice::<f32>()?.iter().all(|value| !value.is_nan());
            ensure!(numbers, "the constant {} holds a value that is not a number", node.name);
        }
    }
    Ok(())
}

type Patch = TractResult<Option<TypedModelPatch>>;

fn quantise(_: &(), model: &TypedModel, node: &TypedNode, _: &str, op: &ElementWiseOp) -> Patch {
    rule_if_some!(op = op.0.downcast_ref::<QuantizeLinearU8>());
    rule_if!(model.outlet_fact(node.inputs[0])?.datum_type == f32::datum_type());
    let op = ElementWiseOp(Box::new(Quantise { inverse_step: op.scale, zero: op.zero_point }), None);
    TypedModelPatch::replace_single_op(model, node, &node.inputs, op).map(Some)
}

fn int8_linear(_: &(), model: &TypedModel, node: &TypedNode, name: &str, op: &EinSum) -> Patch {
    // What MatMulInteger becomes: x, weights, bias, then zero point and scale of x, weights and result.
    let [x, weights, bias, zero_x, scale_x, zero_w, scale_w, zero_y, scale_y] = node.inputs[..] else {
        return Ok(None);
    };
    rule_if!(op.q_params == Some(i32::datum_type()) && model.outlet_fact(x)?.datum_type == u8::datum_type());
    let is = |outlet, number| scalar(model, outlet) == Some(number);
    rule_if!([bias, zero_w, zero_y].into_iter().all(|outlet| is(outlet, 0.0)));
    rule_if!([scale_x, scale_w, scale_y].into_iter().all(|outlet| is(outlet, 1.0)));
    rule_if_some!(zero = scalar(model, zero_x));
    rule_if_some!(weights = model.outlet_fact(weights)?.konst.clone());
    rule_if!(weights.datum_type() == i8::datum_type());
    let (rank, shape) = (weights.rank(), weights.shape());
    rule_if!(rank >= 2 && shape[..rank - 2].iter().all(|len| *len == 1));
    rule_if!(is_row_times_matrix(op, rank));
    rule_if_some!(cast = model.linear_succ(node.id)?);
    rule_if!(cast.op_as::<Cast>().is_some_and(|cast| cast.to == f32::datum_type()));
    rule_if_some!((scaled, scale) = then_row::<math::Mul>(model, cast, shape[rank - 1])?);
    rule_if_some!((last, bias) = then_row::<math::Add>(model, scaled, shape[rank - 1])?);
    let weights = weights.try_as_plain_ram()?;
    rule_if_some!(layer = kernel::Int8Linear::new(weights.as_slice::<i8>()?, zero as u8, &scale, &bias));
    let op = Int8Linear(Arc::new(layer));
    let wire = |patch: &mut TypedModelPatch, x: &[OutletId]| patch.wire_node(name, op.clone(), x);
    TypedModelPatch::rewire(model, &[x], &[last.id.into()], &wire).map(Some)
}

fn softmax(_: &(), model: &TypedModel, node: &TypedNode, _: &str, op: &nn::Softmax) -> Patch {
    let fact = model.outlet_fact(node.inputs[0])?;
    rule_if!(fact.datum_type == f32::datum_type() && op.kind == SoftmaxKind::Softmax && op.quant_output_dt.is_none());
    rule_if!(op.axes.len() == 1 && op.axes[0] + 1 == fact.rank() && is_known(&fact.shape[op.axes[0]]));
    TypedModelPatch::replace_single_op(model, node, &node.inputs, Softmax).map(Some)
}

fn layer_norm(_: &(), model: &TypedModel, node: &TypedNode, name: &str, op: &RmsNorm) -> Patch {
    // What LayerNormalization becomes: (x - mean) -> RmsNorm -> Mul -> Add.
    let fact = model.outlet_fact(node.inputs[0])?;
    rule_if!(fact.datum_type == f32::datum_type() && op.axis + 1 == fact.rank());
    rule_if!(is_known(&fact.shape[op.axis]));
    let centred = model.node(node.inputs[0].node);
    rule_if!(is_binary::<math::Sub>(centred));
    let [x, mean] = centred.inputs[..] else { return Ok(None) };
    let mean = model.node(mean.node);
    rule_if!(is_binary::<math::Mul>(mean));
    let [sum, inverse_len] = mean.inputs[..] else { return Ok(None) };
    let row = fact.shape[op.axis].to_usize()?;
    rule_if!(scalar(model, inverse_len) == Some((row as f32).recip()));
    let sum = model.node(sum.node);
    let sums_up = |sum: &Reduce| sum.reducer == Reducer::Sum && sum.axes[..] == [op.axis];
    rule_if!(sum.inputs[0] == x && sum.op_as::<Reduce>().is_some_and(sums_up));
    let (scaled, gamma) = then_row::<math::Mul>(model, node, row)?.unwrap_or((node, vec![1.0; row]));
    let (last, beta) = then_row::<math::Add>(model, scaled, row)?.unwrap_or((scaled, vec![0.0; row]));
    let op = LayerNorm { epsilon: op.eps.cast_to_scalar::<f32>()?, gamma, beta };
    let wire = |patch: &mut TypedModelPatch, x: &[OutletId]| patch.wire_node(name, op.clone(), x);
    TypedModelPatch::rewire(model, &[x], &[last.id.into()], &wire).map(Some)
}

/// Whether a product takes the last axis of the first input and the last but one of the second, all else being the first's.
fn is_row_times_matrix(op: &EinSum, rank: usize) -> bool {
    let axis = |slot: InOut, position: usize| op.axes.axis((slot, position)).map(|axis| axis.repr).ok();
    let kept = |position| axis(InOut::In(0), position).is_some_and(|kept| Some(kept) == axis(InOut::Out(0), position));
    axis(InOut::In(0), rank - 1) == axis(InOut::In(1), rank - 2)
        && axis(InOut::In(1), rank - 1) == axis(InOut::Out(0), rank - 1)
        && (0..rank - 1).all(kept)
}

/// Whether a row has a length, and is not empty.
fn is_known(len: &TDim) -> bool {
    len.as_i64().is_some_and(|len| len > 0)
}

fn scalar(model: &TypedModel, outlet: OutletId) -> Option<f32> {
    let value = model.outlet_fact(outlet).ok()?.konst.clone()?;
    if value.len() == 1 { value.cast_to::<f32>().ok()?.to_scalar_tensor().ok()?.cast_to_scalar().ok() } else { None }
}

fn is_binary<B: BinMiniOp>(node: &TypedNode) -> bool {
    node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<B>())
}

/// The only reader of a node, when it combines each row with a constant one: that reader and the row.
fn then_row<'a, B: BinMiniOp>(
    model: &'a TypedModel,
    node: &TypedNode,
    len: usize,
) -> TractResult<Option<(&'a TypedNode, Vec<f32>)>> {
    rule_if!(!model.outputs.contains(&node.id.into()));
    rule_if_some!(next = model.single_succ(node.id)?);
    rule_if!(is_binary::<B>(next));
    rule_if_some!(other = next.inputs.iter().find(|input| input.node != node.id));
    let fact = model.outlet_fact(*other)?;
    rule_if!(fact.datum_type == f32::datum_type() && fact.shape.last() == Some(&len.to_dim()));
    rule_if_some!(row = &fact.konst);
    rule_if!(row.len() == len);
    Ok(Some((next, row.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())))
}

/// ONNX QuantizeLinear to unsigned bytes.
#[derive(Clone, Debug, PartialEq)]
struct Quantise {
    inverse_step: f32,
    zero: u8,
}

// The step is a finite constant.
impl Eq for Quantise {}

impl ElementWiseMiniOp for Quantise {
    fn name(&self) -> String {
        "Quantise".to_owned()
    }

    fn output_type(&self, _: DatumType) -> Option<DatumType> {
        Some(u8::datum_type())
    }

    fn eval_out_of_place(&self, floats: &Tensor, _: Option<DatumType>) -> TractResult<Tensor> {
        let mut bytes = Tensor::zero::<u8>(floats.shape())?;
        let floats = floats.try_as_plain_ram()?;
        let mut plain = bytes.try_as_plain_ram_mut()?;
        kernel::quantise(floats.as_slice()?, self.inverse_step, self.zero, plain.as_slice_mut()?);
        Ok(bytes)
    }
}

/// [`kernel::Int8Linear`] over the last axis.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Int8Linear(Arc<kernel::Int8Linear>);

impl Op for Int8Linear {
    fn name(&self) -> StaticName {
        "Int8Linear".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Int8Linear {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let bytes = args_1!(inputs);
        let mut shape: TVec<usize> = bytes.shape().into();
        *shape.last_mut().context("a row of bytes has an axis")? = self.0.columns();
        let mut floats = Tensor::zero::<f32>(&shape)?;
        self.0.run(bytes.try_as_plain_ram()?.as_slice()?, floats.try_as_plain_ram_mut()?.as_slice_mut()?);
        Ok(tvec!(floats.into_tvalue()))
    }
}

impl TypedOp for Int8Linear {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.clone();
        ensure!(inputs[0].datum_type == u8::datum_type() && shape.last() == Some(&self.0.inner().to_dim()));
        shape.set(shape.rank() - 1, self.0.columns().to_dim());
        Ok(tvec!(f32::fact(shape)))
    }

    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        Ok(tvec!((Cost::FMA(i32::datum_type()), inputs[0].shape.volume() * self.0.columns())))
    }

    as_op!();
}

/// Softmax over the last axis.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Softmax;

impl Op for Softmax {
    fn name(&self) -> StaticName {
        "RowSoftmax".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Softmax {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut values = args_1!(inputs).into_tensor();
        let len = *values.shape().last().context("a row has an axis")?;
        kernel::softmax(values.try_as_plain_ram_mut()?.as_slice_mut()?, len);
        Ok(tvec!(values.into_tvalue()))
    }
}

impl TypedOp for Softmax {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    // The power of e, ten of them, and its share.
    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        Ok(tvec!((Cost::FMA(f32::datum_type()), inputs[0].shape.volume() * 11)))
    }

    as_op!();
}

/// ONNX LayerNormalization over the last axis.
#[derive(Clone, Debug, PartialEq)]
struct LayerNorm {
    epsilon: f32,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

// Only to compare graphs: a weight that is no number makes a norm unequal to itself, and nothing depends on that.
impl Eq for LayerNorm {}

impl Op for LayerNorm {
    fn name(&self) -> StaticName {
        "LayerNorm".into()
    }

    op_as_typed_op!();
}

impl EvalOp for LayerNorm {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut values = args_1!(inputs).into_tensor();
        kernel::layer_norm(values.try_as_plain_ram_mut()?.as_slice_mut()?, self.epsilon, &self.gamma, &self.beta);
        Ok(tvec!(values.into_tvalue()))
    }
}

impl TypedOp for LayerNorm {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    // The square, the deviation, scale and shift.
    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        Ok(tvec!((Cost::FMA(f32::datum_type()), inputs[0].shape.volume() * 3)))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starter() -> TypedModel {
        tract_onnx::onnx()
            .model_for_path("../../models/starter/model.onnx")
            .and_then(|model| model.with_input_fact(0, f32::fact([1, 60, 16]).into()))
            .and_then(InferenceModelExt::into_typed)
            .expect("the starter is a sound graph")
    }

    fn count(model: &TypedModel, op: &str) -> usize {
        model.nodes().iter().filter(|node| node.op.name() == op).count()
    }

    #[test]
    fn a_transformer_gets_all_of_our_ops() {
        let model = optimise(starter()).expect("the starter runs");
        let counts = ["Quantise", "Int8Linear", "RowSoftmax", "LayerNorm"].map(|op| count(&model, op));
        // Of two blocks: input, both attentions and both feed-forward parts; the last query's own product; what it would do;
        // the last norm.
        assert_eq!(counts, [9, 10, 3, 5]);
        let others = ["QuantizeLinearU8", "Softmax", "RmsNorm", "Cast"].map(|op| count(&model, op));
        assert_eq!(others, [0; 4]);
    }

    #[test]
    fn our_ops_answer_as_the_engines_own() {
        let plain = starter().into_optimized().and_then(TypedModel::into_runnable).expect("the starter runs");
        let ours = optimise(starter()).and_then(TypedModel::into_runnable).expect("the starter runs");
        for seed in 0..20_u32 {
            let value = |i: u32| ((i * 7919 + seed * 104_729) % 2_003) as f32 / 500.0 - 2.0;
            let window: Vec<f32> = (0..960).map(value).collect();
            let window = Tensor::from_shape(&[1, 60, 16], &window).expect("as many values");
            let [plain, ours] =
                [&plain, &ours].map(|model| model.run(tvec!(window.clone().into())).expect("the starter answers"));
            // Floats are rounded in another order, and a value near the middle between two bytes may become the other one:
            // less than half of what the starter's manifest allows.
            for ((plain, ours), allowed) in plain.iter().zip(&ours).zip([2.5e-5, 5e-3, 1e-3]) {
                plain.close_enough(ours, Approximation::Custom(allowed, 0.0, 0.0)).expect("nearly the same");
            }
        }
    }
}
