//! Stacked long short-term memory (Hochreiter, Schmidhuber 1997, with forget gates); the last memory output is the state.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};

use super::{Encoded, Product, Shape, linear};
use crate::random::Random;

/// One layer. The gates lie side by side in ONNX's order: input, output, forget, cell.
#[derive(Module, Debug)]
pub struct Layer {
    /// `[in, 4 * width]`.
    pub input: Linear,
    /// `[width, 4 * width]`.
    pub hidden: Linear,
}

/// Layers, each reading the outputs of the one before.
#[derive(Module, Debug)]
pub struct Lstm {
    pub layers: Vec<Layer>,
}

impl Lstm {
    pub(super) fn new(shape: &Shape, random: &mut Random, device: &Device) -> Self {
        let width = shape.width;
        let layer = |layer: usize| {
            let columns = if layer == 0 { shape.features } else { width };
            let mut input = linear(columns, 4 * width, 1.0, random, device);
            // A memory that begins by remembering (Jozefowicz, Zaremba, Sutskever 2015).
            let bias = (0..4 * width).map(|i| if i / width == 2 { 1f32 } else { 0.0 }).collect::<Vec<_>>();
            input.bias = Some(Param::from_data(TensorData::new(bias, [4 * width]), device));
            Layer { input, hidden: linear(width, 4 * width, 1.0, random, device) }
        };
        Self { layers: (0..shape.layers).map(layer).collect() }
    }

    pub(super) fn forward(&self, windows: Tensor<3>, product: Product) -> Encoded {
        let mut x = windows;
        for layer in &self.layers {
            x = layer.forward(x, product);
        }
        let [batch, window, width] = x.dims();
        let state = x.slice([0..batch, window - 1..window, 0..width]).reshape([batch, width]);
        Encoded { state, attention: None }
    }
}

impl Layer {
    fn forward(&self, x: Tensor<3>, product: Product) -> Tensor<3> {
        let [batch, window, _] = x.dims();
        let [width, quad] = self.hidden.weight.dims();
        let inputs = product.of(&self.input, x);
        let mut output = Tensor::<3>::zeros([batch, 1, width], &inputs.device());
        let mut cell = output.clone();
        let mut outputs = Vec::with_capacity(window);
        for row in 0..window {
            let now = inputs.clone().slice([0..batch, row..row + 1, 0..quad]);
            let gates = now + product.of(&self.hidden, output);
            let gate = |index: usize| gates.clone().slice([0..batch, 0..1, index * width..(index + 1) * width]);
            cell = sigmoid(gate(2)) * cell + sigmoid(gate(0)) * gate(3).tanh();
            output = sigmoid(gate(1)) * cell.clone().tanh();
            outputs.push(output.clone());
        }
        Tensor::cat(outputs, 1)
    }
}
