//! The network: a small pre-norm Transformer encoder over one window of feature rows.
//!
//! ```text
//! window [T, F] --normalise, clip--> Linear -> + position -> blocks -> last step -> LayerNorm -> Linear -> heads
//! block: x + attention(norm(x)); x + down(gelu(up(norm(x))))
//! ```
//!
//! The heads give, per horizon, a return in units of the window's own volatility and a logit of a rise. Normalisation
//! and the step back to real units belong to [`crate::scaling`].

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Stabiliser of the layer norms.
pub const NORM_EPSILON: f64 = 1e-5;

/// Size of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Rows of the window.
    pub window: usize,
    /// Feature columns.
    pub features: usize,
    /// Horizons.
    pub horizons: usize,
    /// Width of a token.
    pub width: usize,
    /// Encoder blocks.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Width of the feed-forward part.
    pub hidden: usize,
}

/// Where a weight product reads its input: what has to be calibrated for INT8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// The normalised window.
    Input,
    /// Queries, keys and values of a block.
    Qkv(usize),
    /// Output projection of a block's attention.
    Out(usize),
    /// First feed-forward product of a block.
    Up(usize),
    /// Second feed-forward product of a block.
    Down(usize),
}

/// One encoder block.
#[derive(Module, Debug)]
pub struct Block {
    pub norm_attention: LayerNorm,
    pub qkv: Linear,
    pub out: Linear,
    pub norm_feed: LayerNorm,
    pub up: Linear,
    pub down: Linear,
}

/// The network.
#[derive(Module, Debug)]
pub struct Net {
    pub input: Linear,
    pub position: Param<Tensor<2>>,
    pub blocks: Vec<Block>,
    pub norm: LayerNorm,
    pub head: Linear,
    #[module(skip)]
    heads: usize,
}

/// What the network gives for a batch.
#[derive(Clone, Debug)]
pub struct Output {
    /// Returns in units of volatility, `[batch, horizons]`.
    pub units: Tensor<2>,
    /// Logits of a rise, `[batch, horizons]`.
    pub logits: Tensor<2>,
    /// Attention of the last step, mean over heads and blocks, `[batch, window]`.
    pub attention: Tensor<2>,
}

/// Draws from our own generator, not the device's: its state is shared by all threads of a process.
fn linear(rows: usize, columns: usize, gain: f32, random: &mut Random, device: &Device) -> Linear {
    let bound = gain * (3.0 / rows as f32).sqrt();
    let weight: Vec<f32> = (0..rows * columns).map(|_| random.uniform(-bound, bound)).collect();
    Linear {
        weight: Param::from_data(TensorData::new(weight, [rows, columns]), device),
        bias: Some(Param::from_data(TensorData::new(vec![0f32; columns], [columns]), device)),
    }
}

impl Net {
    /// Fresh weights.
    pub fn new(shape: &Shape, random: &mut Random, device: &Device) -> Self {
        assert_eq!(shape.width % shape.heads, 0, "heads divide the width");
        let norm = || LayerNormConfig::new(shape.width).with_epsilon(NORM_EPSILON).init(device);
        let width = shape.width;
        // Residual branches start small so that a deep stack begins near the identity.
        let branch = 1.0 / (2.0 * shape.layers as f32).sqrt();
        let input = linear(shape.features, width, 1.0, random, device);
        let position: Vec<f32> = (0..shape.window * width).map(|_| random.uniform(-0.05, 0.05)).collect();
        let blocks = (0..shape.layers)
            .map(|_| Block {
                norm_attention: norm(),
                qkv: linear(width, 3 * width, 1.0, random, device),
                out: linear(width, width, branch, random, device),
                norm_feed: norm(),
                up: linear(width, shape.hidden, 1.0, random, device),
                down: linear(shape.hidden, width, branch, random, device),
            })
            .collect();
        Self {
            input,
            position: Param::from_data(TensorData::new(position, [shape.window, width]), device),
            blocks,
            norm: norm(),
            // Near zero: the fit starts from "no change".
            head: linear(width, 2 * shape.horizons, 0.05, random, device),
            heads: shape.heads,
        }
    }

    /// The network on normalised windows `[batch, window, features]`.
    pub fn forward(&self, windows: Tensor<3>) -> Output {
        self.forward_observed(windows, &mut |_, _| {})
    }

    /// As [`Net::forward`], showing what enters each weight product.
    pub fn forward_observed(&self, windows: Tensor<3>, observe: &mut dyn FnMut(Site, &Tensor<3>)) -> Output {
        let [batch, window, _] = windows.dims();
        observe(Site::Input, &windows);
        let mut x = self.input.forward(windows) + self.position.val().unsqueeze::<3>();
        let mut attention = None;
        for (layer, block) in self.blocks.iter().enumerate() {
            let normed = block.norm_attention.forward(x.clone());
            observe(Site::Qkv(layer), &normed);
            let (mixed, weights) = self.attend(block.qkv.forward(normed));
            observe(Site::Out(layer), &mixed);
            x = x + block.out.forward(mixed);
            let normed = block.norm_feed.forward(x.clone());
            observe(Site::Up(layer), &normed);
            let hidden = gelu(block.up.forward(normed));
            observe(Site::Down(layer), &hidden);
            x = x + block.down.forward(hidden);
            let last =
                weights.slice([0..batch, 0..self.heads, window - 1..window]).mean_dim(1).reshape([batch, window]);
            attention = Some(attention.map_or(last.clone(), |sum: Tensor<2>| sum + last));
        }
        let [_, _, width] = x.dims();
        let last = x.slice([0..batch, window - 1..window]).reshape([batch, width]);
        let heads = self.head.forward(self.norm.forward(last));
        let horizons = heads.dims()[1] / 2;
        Output {
            units: heads.clone().slice([0..batch, 0..horizons]),
            logits: heads.slice([0..batch, horizons..2 * horizons]),
            attention: attention.expect("a network has at least one block") / self.blocks.len() as f32,
        }
    }

    /// Scaled dot-product attention; gives the mixed values and the weights `[batch, heads, window, window]`.
    fn attend(&self, qkv: Tensor<3>) -> (Tensor<3>, Tensor<4>) {
        let [batch, window, triple] = qkv.dims();
        let (width, heads) = (triple / 3, self.heads);
        let part = |index: usize| {
            let part = qkv.clone().slice([0..batch, 0..window, index * width..(index + 1) * width]);
            part.reshape([batch, window, heads, width / heads]).swap_dims(1, 2)
        };
        let scale = ((width / heads) as f32).sqrt().recip();
        let weights = softmax(part(0).matmul(part(1).swap_dims(2, 3)) * scale, 3);
        let mixed = weights.clone().matmul(part(2)).swap_dims(1, 2).reshape([batch, window, width]);
        (mixed, weights)
    }

    /// Attention heads.
    pub fn heads(&self) -> usize {
        self.heads
    }
}
