//! The LSTM as a graph: one `LSTM` operator for each layer, in floats; engines have a fused cell for it.

use super::forecaster::{Exporter, Precision, floats};
use super::graph::Value;
use super::proto::Attribute;
use super::quantise::Int8Matrix;
use crate::net::{Lstm, Shape};

impl Exporter<'_> {
    /// Normalised rows `[1, window, features]` to the state.
    pub(super) fn lstm(&mut self, body: &Lstm, normal: &Value) -> Value {
        let Shape { window, features, width, layers, .. } = *self.shape;
        let mut x = self.graph.reshape(normal, &[window as i64, 1, features as i64]);
        for (index, layer) in body.layers.iter().enumerate() {
            let weights =
                [&layer.input, &layer.hidden].map(|linear| self.weights(floats(linear.weight.val()), 4 * width));
            let biases = [&layer.input, &layer.hidden]
                .map(|linear| floats(linear.bias.as_ref().expect("our products have a bias").val()));
            let bias = self.graph.floats(&[1, 8 * width], &biases.concat());
            let inputs = [&x, &weights[0], &weights[1], &bias];
            let hidden = [("hidden_size", Attribute::Int(width as i64))];
            x = if index + 1 == layers {
                self.graph.node_n("LSTM", &inputs, &hidden, 2).remove(1)
            } else {
                let all = self.graph.node("LSTM", &inputs, &hidden);
                self.graph.reshape(&all, &[window as i64, 1, width as i64])
            };
        }
        self.graph.reshape(&x, &[1, width as i64])
    }

    /// Weights `[rows, columns]` as the operator wants them, `[1, columns, rows]`.
    fn weights(&mut self, weights: Vec<f32>, columns: usize) -> Value {
        let rows = weights.len() / columns;
        match self.precision {
            Precision::Float => {
                let turned = transposed(&weights, columns);
                self.graph.floats(&[1, columns, rows], &turned)
            }
            Precision::Int8(_) => {
                let matrix = Int8Matrix::of(&weights, columns);
                let bytes = self.graph.int8(&[1, columns, rows], &transposed(&matrix.values, columns));
                let scales = self.graph.floats(&[columns], &matrix.scales);
                self.graph.node("DequantizeLinear", &[&bytes, &scales], &[("axis", Attribute::Int(1))])
            }
        }
    }
}

fn transposed<T: Copy>(values: &[T], columns: usize) -> Vec<T> {
    (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns).copied()).collect()
}
