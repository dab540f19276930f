//! Pre-norm Transformer blocks: `x + attention(norm(x))`, then `x + down(gelu(up(norm(x))))`.

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor};

use super::{Observer, Product, Shape, Site, linear, norm};
use crate::random::Random;

/// One block.
#[derive(Module, Debug)]
pub struct Block {
    pub norm_attention: LayerNorm,
    pub qkv: Linear,
    pub out: Linear,
    pub norm_feed: LayerNorm,
    pub up: Linear,
    pub down: Linear,
}

/// A stack of blocks.
#[derive(Module, Debug)]
pub struct Encoder {
    pub blocks: Vec<Block>,
    #[module(skip)]
    heads: usize,
}

impl Encoder {
    pub(super) fn new(shape: &Shape, random: &mut Random, device: &Device) -> Self {
        assert_eq!(shape.width % shape.heads, 0, "heads divide the width");
        let width = shape.width;
        // Residual branches start small so that a deep stack begins near the identity.
        let branch = 1.0 / (2.0 * shape.layers as f32).sqrt();
        let blocks = (0..shape.layers)
            .map(|_| Block {
                norm_attention: norm(width, device),
                qkv: linear(width, 3 * width, 1.0, random, device),
                out: linear(width, width, branch, random, device),
                norm_feed: norm(width, device),
                up: linear(width, shape.hidden, 1.0, random, device),
                down: linear(shape.hidden, width, branch, random, device),
            })
            .collect();
        Self { blocks, heads: shape.heads }
    }

    /// Tokens `[batch, tokens, width]` and the attention weights `[batch, tokens, tokens]`, mean over heads and blocks.
    pub(super) fn forward(
        &self,
        mut x: Tensor<3>,
        product: Product,
        observe: &mut Observer<'_>,
    ) -> (Tensor<3>, Tensor<3>) {
        let mut looked: Option<Tensor<3>> = None;
        for (layer, block) in self.blocks.iter().enumerate() {
            let normed = block.norm_attention.forward(x.clone());
            observe(Site::Qkv(layer), &normed);
            let (mixed, weights) = self.attend(product.of(&block.qkv, normed));
            observe(Site::Out(layer), &mixed);
            x = x + product.of(&block.out, mixed);
            let normed = block.norm_feed.forward(x.clone());
            observe(Site::Up(layer), &normed);
            let hidden = gelu(product.of(&block.up, normed));
            observe(Site::Down(layer), &hidden);
            x = x + product.of(&block.down, hidden);
            // No loss reads the attention.
            let weights = weights.detach().mean_dim(1).squeeze_dim::<3>(1);
            looked = Some(looked.map_or(weights.clone(), |sum| sum + weights));
        }
        (x, looked.expect("a network has at least one block") / self.blocks.len() as f32)
    }

    /// Scaled dot-product attention; gives the mixed values and the weights `[batch, heads, tokens, tokens]`.
    fn attend(&self, qkv: Tensor<3>) -> (Tensor<3>, Tensor<4>) {
        let [batch, tokens, triple] = qkv.dims();
        let (width, heads) = (triple / 3, self.heads);
        let part = |index: usize| {
            let part = qkv.clone().slice([0..batch, 0..tokens, index * width..(index + 1) * width]);
            part.reshape([batch, tokens, heads, width / heads]).swap_dims(1, 2)
        };
        let scale = ((width / heads) as f32).sqrt().recip();
        let weights = softmax(part(0).matmul(part(1).swap_dims(2, 3)) * scale, 3);
        let mixed = weights.clone().matmul(part(2)).swap_dims(1, 2).reshape([batch, tokens, width]);
        (mixed, weights)
    }
}
