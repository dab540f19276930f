//! A Transformer encoder over the rows of the window; the last row's token is the state.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use super::encoder::Encoder;
use super::{Encoded, Observer, Product, Shape, Site, linear, uniform};
use crate::random::Random;

/// `Linear -> + position -> blocks -> last row`.
#[derive(Module, Debug)]
pub struct Transformer {
    pub input: Linear,
    /// `[window, width]`.
    pub position: Param<Tensor<2>>,
    pub encoder: Encoder,
}

impl Transformer {
    pub(super) fn new(shape: &Shape, random: &mut Random, device: &Device) -> Self {
        Self {
            input: linear(shape.features, shape.width, 1.0, random, device),
            position: uniform([shape.window, shape.width], 0.05, random, device),
            encoder: Encoder::new(shape, random, device),
        }
    }

    pub(super) fn forward(&self, windows: Tensor<3>, product: Product, observe: &mut Observer<'_>) -> Encoded {
        let [batch, window, _] = windows.dims();
        observe(Site::Input, &windows);
        let x = product.of(&self.input, windows) + self.position.val().unsqueeze::<3>();
        let (x, attention) = self.encoder.forward(x, product, observe);
        let [_, _, width] = x.dims();
        let last = window - 1..window;
        Encoded {
            state: x.slice([0..batch, last.clone(), 0..width]).reshape([batch, width]),
            attention: Some(attention.slice([0..batch, last, 0..window]).reshape([batch, window])),
        }
    }
}
