//! Pre-norm Transformer blocks: `x + attention(norm(x))`, then `x + down(gelu(up(norm(x))))`.

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use super::gelu::gelu;
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

    /// All blocks. Gives the tokens, and how much each token was looked at `[batch, tokens]`, mean over heads, blocks and the
    /// queries that are read.
    ///
    /// With `last_only` nothing but the last token is read: the last block computes no query, projection or feed-forward part
    /// of the others, and gives it alone.
    pub(super) fn forward(
        &self,
        mut x: Tensor<3>,
        last_only: bool,
        product: Product,
        observe: &mut Observer<'_>,
    ) -> (Tensor<3>, Tensor<2>) {
        let mut looked: Option<Tensor<2>> = None;
        for (layer, block) in self.blocks.iter().enumerate() {
            let is_last = last_only && layer + 1 == self.blocks.len();
            let normed = block.norm_attention.forward(x.clone());
            observe(Site::Qkv(layer), &normed);
            let [query, key, value] = block.parts(normed, is_last, product);
            let (mixed, weights) = self.attend(query, key, value);
            observe(Site::Out(layer), &mixed);
            let residual = if is_last { last(x) } else { x };
            x = residual + product.of(&block.out, mixed);
            let normed = block.norm_feed.forward(x.clone());
            observe(Site::Up(layer), &normed);
            let hidden = gelu(product.of(&block.up, normed));
            observe(Site::Down(layer), &hidden);
            x = x + product.of(&block.down, hidden);
            let weights = share(weights, last_only);
            looked = Some(looked.map_or(weights.clone(), |sum| sum + weights));
        }
        (x, looked.expect("a network has at least one block") / self.blocks.len() as f32)
    }

    /// Scaled dot-product attention; gives the mixed values and the weights `[batch, heads, queries, tokens]`.
    fn attend(&self, query: Tensor<3>, key: Tensor<3>, value: Tensor<3>) -> (Tensor<3>, Tensor<4>) {
        let [batch, queries, width] = query.dims();
        let depth = width / self.heads;
        let apart = |part: Tensor<3>| {
            let tokens = part.dims()[1];
            part.reshape([batch, tokens, self.heads, depth]).swap_dims(1, 2)
        };
        let scale = (depth as f32).sqrt().recip();
        let weights = softmax(apart(query).matmul(apart(key).swap_dims(2, 3)) * scale, 3);
        let mixed = weights.clone().matmul(apart(value)).swap_dims(1, 2).reshape([batch, queries, width]);
        (mixed, weights)
    }
}

impl Block {
    /// Queries, keys and values `[batch, tokens, width]`; with `is_last` the query of the last token alone.
    fn parts(&self, normed: Tensor<3>, is_last: bool, product: Product) -> [Tensor<3>; 3] {
        let width = self.out.weight.dims()[0];
        let [batch, tokens, _] = normed.dims();
        let cut = |of: &Tensor<3>, from: usize| of.clone().slice([0..batch, 0..tokens, from..from + width]);
        if is_last {
            let query = product.of_columns(&self.qkv, last(normed.clone()), 0..width);
            let both = product.of_columns(&self.qkv, normed, width..3 * width);
            return [query, cut(&both, 0), cut(&both, width)];
        }
        let all = product.of(&self.qkv, normed);
        [0, width, 2 * width].map(|from| cut(&all, from))
    }
}

/// The last token, `[batch, 1, width]`.
fn last(x: Tensor<3>) -> Tensor<3> {
    let [batch, tokens, width] = x.dims();
    x.slice([0..batch, tokens - 1..tokens, 0..width])
}

/// How much each token was looked at, `[batch, tokens]`: by the last query, or by all. No loss reads it.
fn share(weights: Tensor<4>, last_only: bool) -> Tensor<2> {
    let [batch, heads, queries, tokens] = weights.dims();
    let weights = weights.detach();
    let read = if last_only { weights.slice([0..batch, 0..heads, queries - 1..queries, 0..tokens]) } else { weights };
    read.mean_dim(2).mean_dim(1).reshape([batch, tokens])
}
