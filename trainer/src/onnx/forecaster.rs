//! The network as an ONNX graph, raw feature rows in, real units out.

use bundle::manifest::{ACTION, ATTENTION, INPUT, LOG_RETURN, P_UP, QUANTILES, RISK, SIZE, SIZE_MAX};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::graph::{Graph, Value};
use super::proto::Attribute;
use super::quantise::{Calibration, Int8Matrix, ZERO_POINT};
use crate::net::heads::{ACTIONS, RISK_MIN, ladder, widths};
use crate::net::{Body, NORM_EPSILON, Net, Shape, Site};
use crate::scaling::Scaling;

/// Number format of the weight products.
#[derive(Clone, Copy, Debug)]
pub enum Precision<'a> {
    /// 32-bit floats: the reference.
    Float,
    /// Bytes, with activations scaled as calibrated. The LSTM has only its weights in bytes.
    Int8(&'a Calibration),
}

/// A network and what it is written with.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    pub net: &'a Net,
    pub shape: &'a Shape,
    pub scaling: &'a Scaling,
    pub precision: Precision<'a>,
}

/// The ONNX file of a network, or of several that read the same window: each output is then the mean of theirs, the attention
/// that of the members which tell it. Batch one, all shapes fixed.
pub fn export(members: &[Member<'_>], metadata: &[(&str, String)]) -> Vec<u8> {
    let Shape { window, features, horizons, quantiles, .. } = *members.first().expect("a model has a network").shape;
    let mut graph = Graph::new();
    let raw = graph.input(INPUT, &[1, window, features]);
    let mut told = Vec::with_capacity(members.len());
    for member in members {
        let Member { net, shape, scaling, precision } = *member;
        let (next, answer) = Exporter { graph, net, shape, scaling, precision }.run(&raw);
        (graph, told) = (next, [told, vec![answer]].concat());
    }
    let outputs = [
        (LOG_RETURN, &[1, horizons][..]),
        (P_UP, &[1, horizons]),
        (QUANTILES, &[1, horizons, quantiles]),
        (ACTION, &[1, ACTIONS]),
        (SIZE, &[1, 1]),
        (RISK, &[1, 1]),
    ];
    for (index, (name, dims)) in outputs.into_iter().enumerate() {
        let values: Vec<&Value> = told.iter().map(|answer| &answer.heads[index]).collect();
        let mean = graph.mean(&values);
        graph.output(name, &mean, dims);
    }
    let looked: Vec<&Value> = told.iter().filter_map(|answer| answer.attention.as_ref()).collect();
    if !looked.is_empty() {
        let mean = graph.mean(&looked);
        graph.output(ATTENTION, &mean, &[1, window]);
    }
    graph.finish("forecaster", env!("CARGO_PKG_VERSION"), metadata)
}

/// What one network tells, in real units.
#[derive(Clone)]
struct Told {
    /// Log-returns, probabilities of a rise, quantiles, action, size, risk.
    heads: [Value; 6],
    attention: Option<Value>,
}

pub(super) struct Exporter<'a> {
    pub(super) graph: Graph,
    net: &'a Net,
    pub(super) shape: &'a Shape,
    scaling: &'a Scaling,
    pub(super) precision: Precision<'a>,
}

/// What several weight products read: the floats, and the bytes where wanted.
pub(super) struct Activation {
    floats: Value,
    bytes: Option<(Value, f32)>,
}

impl Exporter<'_> {
    fn run(mut self, raw: &Value) -> (Graph, Told) {
        let Shape { horizons, quantiles, .. } = *self.shape;
        let normal = self.normalise(raw);
        let (state, attention) = match &self.net.body {
            Body::Transformer(body) => self.transformer(body, normal),
            Body::PatchTst(body) => self.patchtst(body, &normal),
            Body::Lstm(body) => (self.lstm(body, &normal), None),
        };
        let heads = self.heads(raw, &state, [horizons, quantiles]);
        (self.graph, Told { heads, attention })
    }

    /// Raw rows to what the network reads.
    fn normalise(&mut self, raw: &Value) -> Value {
        let mean = self.graph.floats(&[self.scaling.mean.len()], &self.scaling.mean);
        let inverse: Vec<f32> = self.scaling.std.iter().map(|std| std.recip()).collect();
        let inverse = self.graph.floats(&[inverse.len()], &inverse);
        let centred = self.graph.node("Sub", &[raw, &mean], &[]);
        let scaled = self.graph.node("Mul", &[&centred, &inverse], &[]);
        let (low, high) = (self.graph.scalar(-self.scaling.clip), self.graph.scalar(self.scaling.clip));
        self.graph.node("Clip", &[&scaled, &low, &high], &[])
    }

    /// All heads from the state `[1, n]`, in real units: a return is a multiple of the window's own last volatility.
    fn heads(&mut self, raw: &Value, state: &Value, [horizons, quantiles]: [usize; 2]) -> [Value; 6] {
        let (heads, scaling, median) = (&self.net.heads, self.scaling, self.shape.median);
        let normal = self.layer_norm(state, &heads.norm);
        let (rows, weight, bias) = parts(&heads.linear);
        let graph = &mut self.graph;
        let (weight, bias) = (graph.floats(&[rows, bias.len()], &weight), graph.floats(&[bias.len()], &bias));
        let all = graph.node("MatMul", &[&normal, &weight], &[]);
        let all = graph.node("Add", &[&all, &bias], &[]);
        let [ladder_steps, logits, action, size, risk] = graph.split(&all, widths(horizons, quantiles));

        let column = scaling.volatility_column as i64;
        let row = graph.tail(raw, 1, 1);
        let volatility = graph.slice(&row, 2, column, column + 1);
        let volatility = graph.reshape(&volatility, &[1, 1]);
        let floor = graph.scalar(scaling.volatility_floor);
        let volatility = graph.node("Max", &[&volatility, &floor], &[]);
        let units = graph.floats(&[1, horizons], &scaling.horizon_units);
        let unit = graph.node("Mul", &[&volatility, &units], &[]);

        let steps = graph.reshape(&ladder_steps, &[1, horizons as i64, quantiles as i64]);
        let place = |graph: &mut Graph, from: usize, to: usize| graph.slice(&steps, 2, from as i64, to as i64);
        let centre = place(graph, median, median + 1);
        let shrink = graph.floats(&[1, horizons, 1], &scaling.return_shrink);
        let centre = graph.node("Mul", &[&centre, &shrink], &[]);
        let softplus = |graph: &mut Graph, from: usize, to: usize| {
            (from < to).then(|| {
                let steps = place(graph, from, to);
                graph.node("Softplus", &[&steps], &[])
            })
        };
        let (below, above) = (softplus(graph, 0, median), softplus(graph, median + 1, quantiles));
        let rungs: Vec<&Value> = [below.as_ref(), Some(&centre), above.as_ref()].into_iter().flatten().collect();
        let rungs = graph.node("Concat", &rungs, &[("axis", Attribute::Int(2))]);
        let climb = graph.floats(&[quantiles, quantiles], &ladder(quantiles, median));
        let levels = graph.node("MatMul", &[&rungs, &climb], &[]);
        let each = graph.reshape(&unit, &[1, horizons as i64, 1]);
        let levels = graph.node("Mul", &[&levels, &each], &[]);
        let centre = graph.reshape(&centre, &[1, horizons as i64]);
        let log_return = graph.node("Mul", &[&centre, &unit], &[]);

        let sharpness = graph.floats(&[1, horizons], &scaling.logit_shrink);
        let logits = graph.node("Mul", &[&logits, &sharpness], &[]);
        let p_up = graph.node("Sigmoid", &[&logits], &[]);
        let action = graph.node("Softmax", &[&action], &[("axis", Attribute::Int(-1))]);
        let (size, most) = (graph.node("Sigmoid", &[&size], &[]), graph.scalar(SIZE_MAX));
        let size = graph.node("Mul", &[&size, &most], &[]);
        let (risk, least) = (graph.node("Softplus", &[&risk], &[]), graph.scalar(RISK_MIN));
        let risk = graph.node("Add", &[&risk, &least], &[]);
        let longest = graph.tail(&unit, 1, 1);
        let risk = graph.node("Mul", &[&risk, &longest], &[]);
        [log_return, p_up, levels, action, size, risk]
    }

    pub(super) fn layer_norm(&mut self, x: &Value, norm: &LayerNorm) -> Value {
        let gamma = floats(norm.gamma.val());
        let beta = floats(norm.beta.as_ref().expect("our norms have a bias").val());
        let width = gamma.len();
        let (gamma, beta) = (self.graph.floats(&[width], &gamma), self.graph.floats(&[width], &beta));
        let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(NORM_EPSILON as f32))];
        self.graph.node("LayerNormalization", &[x, &gamma, &beta], &attributes)
    }

    /// One QuantizeLinear per tensor, however many products read it.
    pub(super) fn activation(&mut self, floats: Value, site: Site) -> Activation {
        let Precision::Int8(calibration) = self.precision else { return Activation { floats, bytes: None } };
        let scale = calibration.scale(site);
        let (step, zero) = (self.graph.scalar(scale), self.graph.uint8_scalar(ZERO_POINT));
        let bytes = self.graph.node("QuantizeLinear", &[&floats, &step, &zero], &[]);
        Activation { floats, bytes: Some((bytes, scale)) }
    }

    pub(super) fn last_token(&mut self, activation: &Activation) -> Activation {
        let floats = self.graph.tail(&activation.floats, 1, 1);
        let bytes = activation.bytes.as_ref().map(|(bytes, scale)| (self.graph.tail(bytes, 1, 1), *scale));
        Activation { floats, bytes }
    }

    /// A weight product, of all columns or some. The zero points must be scalars of rank 0: engines refuse others.
    pub(super) fn linear(&mut self, x: &Activation, linear: &Linear, columns: Option<std::ops::Range<usize>>) -> Value {
        let (rows, weight, bias) = parts(linear);
        let all = bias.len();
        let columns = columns.unwrap_or(0..all);
        let weight: Vec<f32> = weight.chunks_exact(all).flat_map(|row| row[columns.clone()].to_vec()).collect();
        let bias = &bias[columns.clone()];
        let product = match &x.bytes {
            None => {
                let weight = self.graph.floats(&[rows, columns.len()], &weight);
                self.graph.node("MatMul", &[&x.floats, &weight], &[])
            }
            Some((bytes, scale)) => {
                let matrix = Int8Matrix::of(&weight, columns.len());
                let weight = self.graph.int8(&[rows, columns.len()], &matrix.values);
                let (zero_x, zero_w) = (self.graph.uint8_scalar(ZERO_POINT), self.graph.int8(&[], &[0]));
                let sums = self.graph.node("MatMulInteger", &[bytes, &weight, &zero_x, &zero_w], &[]);
                let sums = self.graph.node("Cast", &[&sums], &[("to", Attribute::Int(1))]);
                let scales: Vec<f32> = matrix.scales.iter().map(|column| column * scale).collect();
                let scales = self.graph.floats(&[scales.len()], &scales);
                self.graph.node("Mul", &[&sums, &scales], &[])
            }
        };
        let bias = self.graph.floats(&[bias.len()], bias);
        self.graph.node("Add", &[&product, &bias], &[])
    }
}

pub(super) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("weights are 32-bit floats")
}

/// Rows, weights `[rows, columns]` and bias of a linear layer.
pub(super) fn parts(linear: &Linear) -> (usize, Vec<f32>, Vec<f32>) {
    let bias = linear.bias.as_ref().expect("our products have a bias");
    (linear.weight.dims()[0], floats(linear.weight.val()), floats(bias.val()))
}
