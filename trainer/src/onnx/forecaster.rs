//! The network as an ONNX graph, raw feature rows in, real units out.

use bundle::manifest::{ATTENTION, INPUT, LOG_RETURN, P_UP};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::graph::{Graph, Value};
use super::proto::Attribute;
use super::quantise::{Calibration, Int8Matrix, ZERO_POINT};
use crate::net::{NORM_EPSILON, Net, Shape, Site};
use crate::scaling::Scaling;

/// Number format of the weight products.
#[derive(Clone, Copy, Debug)]
pub enum Precision<'a> {
    /// 32-bit floats: the reference.
    Float,
    /// Bytes, with activations scaled as calibrated.
    Int8(&'a Calibration),
}

/// The ONNX file of a network. Batch one, all shapes fixed.
pub fn export(net: &Net, shape: &Shape, scaling: &Scaling, precision: Precision<'_>) -> Vec<u8> {
    Exporter { graph: Graph::new(), net, shape, scaling, precision }.run()
}

struct Exporter<'a> {
    graph: Graph,
    net: &'a Net,
    shape: &'a Shape,
    scaling: &'a Scaling,
    precision: Precision<'a>,
}

/// What several weight products read: the floats, and the bytes where wanted.
struct Activation {
    floats: Value,
    bytes: Option<(Value, f32)>,
}

impl Exporter<'_> {
    fn run(mut self) -> Vec<u8> {
        let Shape { window, features, horizons, layers, .. } = *self.shape;
        let raw = self.graph.input(INPUT, &[1, window, features]);
        let mut x = self.embed(&raw);
        let mut attention: Option<Value> = None;
        for layer in 0..layers {
            let (next, looked) = self.block(&x, layer);
            x = next;
            attention = Some(match attention {
                Some(sum) => self.graph.node("Add", &[&sum, &looked], &[]),
                None => looked,
            });
        }
        let (log_return, p_up) = self.heads(&raw, &x);
        let share = self.graph.scalar(1.0 / layers as f32);
        let attention = attention.expect("a network has at least one block");
        let attention = self.graph.node("Mul", &[&attention, &share], &[]);
        self.graph.output(LOG_RETURN, &log_return, &[1, horizons]);
        self.graph.output(P_UP, &p_up, &[1, horizons]);
        self.graph.output(ATTENTION, &attention, &[1, window]);
        self.graph.finish("forecaster", env!("CARGO_PKG_VERSION"))
    }

    /// Raw rows to tokens.
    fn embed(&mut self, raw: &Value) -> Value {
        let Shape { window, width, .. } = *self.shape;
        let mean = self.graph.floats(&[self.scaling.mean.len()], &self.scaling.mean);
        let inverse: Vec<f32> = self.scaling.std.iter().map(|std| std.recip()).collect();
        let inverse = self.graph.floats(&[inverse.len()], &inverse);
        let centred = self.graph.node("Sub", &[raw, &mean], &[]);
        let scaled = self.graph.node("Mul", &[&centred, &inverse], &[]);
        let (low, high) = (self.graph.scalar(-self.scaling.clip), self.graph.scalar(self.scaling.clip));
        let normal = self.graph.node("Clip", &[&scaled, &low, &high], &[]);
        let activation = self.activation(normal, Site::Input);
        let tokens = self.linear(&activation, &self.net.input, None);
        let position = self.graph.floats(&[1, window, width], &floats(self.net.position.val()));
        self.graph.node("Add", &[&tokens, &position], &[])
    }

    /// One encoder block; gives the tokens and how much the last one looked at each. Of the last block nothing but the
    /// last token is needed, so only its query, output and feed-forward part are computed.
    fn block(&mut self, x: &Value, layer: usize) -> (Value, Value) {
        let net = self.net;
        let block = &net.blocks[layer];
        let is_last = layer + 1 == self.shape.layers;
        let normal = self.layer_norm(x, &block.norm_attention);
        let activation = self.activation(normal, Site::Qkv(layer));
        let width = self.shape.width;
        let (query, key, value) = if is_last {
            let query_side = self.last_token(&activation);
            let query = self.linear(&query_side, &block.qkv, Some(0..width));
            let both = self.linear(&activation, &block.qkv, Some(width..3 * width));
            let mut parts = self.graph.split(&both, 2, width).into_iter();
            (query, parts.next().expect("two parts"), parts.next().expect("two parts"))
        } else {
            let all = self.linear(&activation, &block.qkv, None);
            let mut parts = self.graph.split(&all, 3, width).into_iter();
            let mut next = || parts.next().expect("three parts");
            (next(), next(), next())
        };
        let (mixed, looked) = self.attend(&query, &key, &value, is_last);
        let residual = if is_last { self.graph.tail(x, 1, 1) } else { x.clone() };
        let activation = self.activation(mixed, Site::Out(layer));
        let projected = self.linear(&activation, &block.out, None);
        let x = self.graph.node("Add", &[&residual, &projected], &[]);
        let normal = self.layer_norm(&x, &block.norm_feed);
        let activation = self.activation(normal, Site::Up(layer));
        let hidden = self.linear(&activation, &block.up, None);
        let hidden = self.graph.node("Gelu", &[&hidden], &[]);
        let activation = self.activation(hidden, Site::Down(layer));
        let projected = self.linear(&activation, &block.down, None);
        (self.graph.node("Add", &[&x, &projected], &[]), looked)
    }

    /// Attention in floats; gives the mixed values and the last query's weights, mean over heads, `[1, window]`.
    fn attend(&mut self, query: &Value, key: &Value, value: &Value, is_last: bool) -> (Value, Value) {
        let Shape { window, width, heads, .. } = *self.shape;
        let depth = width / heads;
        let queries = if is_last { 1 } else { window };
        let graph = &mut self.graph;
        let split = |graph: &mut Graph, value: &Value, rows: usize, perm: &[i64]| {
            let apart = graph.reshape(value, &[1, rows as i64, heads as i64, depth as i64]);
            graph.transpose(&apart, perm)
        };
        let query = split(graph, query, queries, &[0, 2, 1, 3]);
        let key = split(graph, key, window, &[0, 2, 3, 1]);
        let value = split(graph, value, window, &[0, 2, 1, 3]);
        let products = graph.node("MatMul", &[&query, &key], &[]);
        let scale = graph.scalar((depth as f32).sqrt().recip());
        let products = graph.node("Mul", &[&products, &scale], &[]);
        let weights = graph.node("Softmax", &[&products], &[("axis", Attribute::Int(-1))]);
        let mixed = graph.node("MatMul", &[&weights, &value], &[]);
        let mixed = graph.transpose(&mixed, &[0, 2, 1, 3]);
        let mixed = graph.reshape(&mixed, &[1, queries as i64, width as i64]);
        let last = if is_last { weights } else { graph.tail(&weights, 2, 1) };
        let axes = graph.ints(&[1, 2]);
        let looked = graph.node("ReduceMean", &[&last, &axes], &[("keepdims", Attribute::Int(0))]);
        (mixed, looked)
    }

    /// Real units: the return is a multiple of the window's own last volatility.
    fn heads(&mut self, raw: &Value, x: &Value) -> (Value, Value) {
        let horizons = self.shape.horizons;
        let normal = self.layer_norm(x, &self.net.norm);
        let (rows, weight, bias) = parts(&self.net.head);
        let weight = self.graph.floats(&[rows, 2 * horizons], &weight);
        let bias = self.graph.floats(&[2 * horizons], &bias);
        let both = self.graph.node("MatMul", &[&normal, &weight], &[]);
        let both = self.graph.node("Add", &[&both, &bias], &[]);
        let both = self.graph.reshape(&both, &[1, 2 * horizons as i64]);
        let mut both = self.graph.split(&both, 2, horizons).into_iter();
        let (units, logits) = (both.next().expect("two parts"), both.next().expect("two parts"));

        let column = self.scaling.volatility_column as i64;
        let row = self.graph.tail(raw, 1, 1);
        let volatility = self.graph.slice(&row, 2, column, column + 1);
        let volatility = self.graph.reshape(&volatility, &[1, 1]);
        let floor = self.graph.scalar(self.scaling.volatility_floor);
        let volatility = self.graph.node("Max", &[&volatility, &floor], &[]);
        let unit = self.graph.floats(&[1, horizons], &self.scaling.return_units());
        let unit = self.graph.node("Mul", &[&volatility, &unit], &[]);
        let log_return = self.graph.node("Mul", &[&units, &unit], &[]);
        let sharpness = self.graph.floats(&[1, horizons], &self.scaling.logit_shrink);
        let logits = self.graph.node("Mul", &[&logits, &sharpness], &[]);
        let p_up = self.graph.node("Sigmoid", &[&logits], &[]);
        (log_return, p_up)
    }

    fn layer_norm(&mut self, x: &Value, norm: &LayerNorm) -> Value {
        let gamma = floats(norm.gamma.val());
        let beta = floats(norm.beta.as_ref().expect("our norms have a bias").val());
        let width = gamma.len();
        let (gamma, beta) = (self.graph.floats(&[width], &gamma), self.graph.floats(&[width], &beta));
        let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(NORM_EPSILON as f32))];
        self.graph.node("LayerNormalization", &[x, &gamma, &beta], &attributes)
    }

    /// One QuantizeLinear per tensor, however many products read it.
    fn activation(&mut self, floats: Value, site: Site) -> Activation {
        let Precision::Int8(calibration) = self.precision else { return Activation { floats, bytes: None } };
        let scale = calibration.scale(site);
        let (step, zero) = (self.graph.scalar(scale), self.graph.uint8_scalar(ZERO_POINT));
        let bytes = self.graph.node("QuantizeLinear", &[&floats, &step, &zero], &[]);
        Activation { floats, bytes: Some((bytes, scale)) }
    }

    fn last_token(&mut self, activation: &Activation) -> Activation {
        let floats = self.graph.tail(&activation.floats, 1, 1);
        let bytes = activation.bytes.as_ref().map(|(bytes, scale)| (self.graph.tail(bytes, 1, 1), *scale));
        Activation { floats, bytes }
    }

    /// A weight product, of all columns or some. The zero points must be scalars of rank 0: engines refuse others.
    fn linear(&mut self, x: &Activation, linear: &Linear, columns: Option<std::ops::Range<usize>>) -> Value {
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

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("weights are 32-bit floats")
}

/// Rows, weights `[rows, columns]` and bias of a linear layer.
fn parts(linear: &Linear) -> (usize, Vec<f32>, Vec<f32>) {
    let bias = linear.bias.as_ref().expect("our products have a bias");
    (linear.weight.dims()[0], floats(linear.weight.val()), floats(bias.val()))
}
