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
        observe(Site::Input, &windows);
        let x = product.of(&self.input, windows) + self.position.val().unsqueeze::<3>();
        let (x, attention) = self.encoder.forward(x, true, product, observe);
        let [batch, _, width] = x.dims();
        Encoded { state: x.reshape([batch, width]), attention: Some(attention) }
    }
}
