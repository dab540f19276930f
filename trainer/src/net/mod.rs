//! The networks: a body for each architecture, and heads that all of them share.
//!
//! ```text
//! window [T, F] --normalise, clip--> body --> state [W] --> LayerNorm -> Linear -> heads
//! ```
//!
//! Returns are in units of the window's own volatility. Normalisation and the step back to real units belong to
//! [`crate::scaling`], the meaning of the heads to [`heads`].

pub mod encoder;
mod gelu;
pub mod heads;
pub mod lstm;
pub mod patchtst;
pub mod transformer;

use std::ops::Range;

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, FloatDType, Tensor, TensorData, module};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use heads::{Heads, Output};
pub use lstm::Lstm;
pub use patchtst::PatchTst;
pub use transformer::Transformer;

use crate::random::Random;

/// Stabiliser of the layer norms.
pub const NORM_EPSILON: f64 = 1e-5;

/// Kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Pre-norm Transformer encoder over the rows of the window.
    Transformer,
    /// Transformer encoder over patches of each feature, the same for all of them.
    #[value(name = "patchtst")]
    PatchTst,
    /// Stacked long short-term memory.
    Lstm,
}

/// Size of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub architecture: Architecture,
    /// Rows of the window.
    pub window: usize,
    /// Feature columns.
    pub features: usize,
    /// Horizons.
    pub horizons: usize,
    /// Quantiles of each horizon.
    pub quantiles: usize,
    /// Which of them is the median.
    pub median: usize,
    /// Width of a token, or of the memory.
    pub width: usize,
    /// Blocks, or layers of the memory.
    pub layers: usize,
    /// Attention heads; divides `width`. The LSTM has none.
    pub heads: usize,
    /// Width of the feed-forward part. The LSTM has none.
    pub hidden: usize,
    /// Rows of a patch; PatchTST only.
    pub patch: usize,
    /// Rows from the start of a patch to that of the next; PatchTST only.
    pub patch_stride: usize,
}

/// Where a weight product reads its input: what has to be calibrated for INT8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// The normalised window, or its patches.
    Input,
    /// Queries, keys and values of a block.
    Qkv(usize),
    /// Output projection of a block's attention.
    Out(usize),
    /// First feed-forward product of a block.
    Up(usize),
    /// Second feed-forward product of a block.
    Down(usize),
    /// All patches of a feature, before they become its summary.
    Summary,
}

/// Sees what enters each weight product.
pub type Observer<'a> = dyn FnMut(Site, &Tensor<3>) + 'a;

/// What an architecture makes of a batch.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// What the heads read, `[batch, state]`.
    pub state: Tensor<2>,
    /// How much each row was looked at, `[batch, window]`, summing to one; where the architecture can tell.
    pub attention: Option<Tensor<2>>,
}

/// The part of a network in which architectures differ.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one to a network")]
pub enum Body {
    Transformer(Transformer),
    PatchTst(PatchTst),
    Lstm(Lstm),
}

/// A network.
#[derive(Module, Debug)]
pub struct Net {
    pub body: Body,
    pub heads: Heads,
    /// Whether the weight products of the body are computed in bfloat16. Weights, sums between products and heads stay in
    /// 32 bits.
    #[module(skip)]
    pub bf16: bool,
}

impl Net {
    /// Fresh weights, drawn from our own generator: the device's is shared by all threads of a process.
    pub fn new(shape: &Shape, random: &mut Random, device: &Device) -> Self {
        let (body, state) = match shape.architecture {
            Architecture::Transformer => (Body::Transformer(Transformer::new(shape, random, device)), shape.width),
            Architecture::PatchTst => {
                (Body::PatchTst(PatchTst::new(shape, random, device)), shape.features * patchtst::SUMMARY)
            }
            Architecture::Lstm => (Body::Lstm(Lstm::new(shape, random, device)), shape.width),
        };
        Self { body, heads: Heads::new(shape, state, random, device), bf16: false }
    }

    /// The network on normalised windows `[batch, window, features]`.
    pub fn forward(&self, windows: Tensor<3>) -> Output {
        self.forward_observed(windows, &mut |_, _| {})
    }

    /// As [`Net::forward`], showing what enters each weight product.
    pub fn forward_observed(&self, windows: Tensor<3>, observe: &mut Observer<'_>) -> Output {
        let product = Product { bf16: self.bf16 };
        let Encoded { state, attention } = match &self.body {
            Body::Transformer(body) => body.forward(windows, product, observe),
            Body::PatchTst(body) => body.forward(windows, product, observe),
            Body::Lstm(body) => body.forward(windows, product),
        };
        self.heads.forward(state, attention)
    }
}

/// How weight products are computed.
#[derive(Clone, Copy, Debug)]
struct Product {
    bf16: bool,
}

impl Product {
    fn of(self, linear: &Linear, x: Tensor<3>) -> Tensor<3> {
        self.product(x, linear.weight.val(), bias(linear))
    }

    /// Only some columns of the result.
    fn of_columns(self, linear: &Linear, x: Tensor<3>, columns: Range<usize>) -> Tensor<3> {
        let weight = linear.weight.val();
        let rows = weight.dims()[0];
        self.product(x, weight.slice([0..rows, columns.clone()]), bias(linear).slice([columns]))
    }

    fn product(self, x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
        if !self.bf16 {
            return module::linear(x, weight, Some(bias));
        }
        let weight = weight.cast(FloatDType::BF16).unsqueeze::<3>();
        x.cast(FloatDType::BF16).matmul(weight).cast(FloatDType::F32) + bias.unsqueeze::<3>()
    }
}

fn bias(linear: &Linear) -> Tensor<1> {
    linear.bias.as_ref().expect("our products have a bias").val()
}

/// Uniform weights of variance `gain`² / rows, no bias.
fn linear(rows: usize, columns: usize, gain: f32, random: &mut Random, device: &Device) -> Linear {
    let bound = gain * (3.0 / rows as f32).sqrt();
    Linear {
        weight: uniform([rows, columns], bound, random, device),
        bias: Some(Param::from_data(TensorData::new(vec![0f32; columns], [columns]), device)),
    }
}

fn uniform(dims: [usize; 2], bound: f32, random: &mut Random, device: &Device) -> Param<Tensor<2>> {
    let values: Vec<f32> = (0..dims[0] * dims[1]).map(|_| random.uniform(-bound, bound)).collect();
    Param::from_data(TensorData::new(values, dims), device)
}

fn norm(width: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(width).with_epsilon(NORM_EPSILON).init(device)
}
