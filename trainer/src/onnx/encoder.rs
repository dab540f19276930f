//! Transformer blocks as a graph, and the two architectures made of them.

use super::forecaster::{Exporter, floats};
use super::graph::{Graph, Value};
use super::proto::Attribute;
use crate::net::encoder::{Block, Encoder};
use crate::net::patchtst::{SUMMARY, indices, patches, spread};
use crate::net::{PatchTst, Shape, Site, Transformer};

/// Tokens `[batch, rows, width]` on their way through an encoder.
#[derive(Clone, Copy)]
struct Tokens {
    batch: usize,
    rows: usize,
    /// Nothing but the last token is read in the end.
    last_only: bool,
}

impl Exporter<'_> {
    /// Normalised rows to the state and the attention `[1, window]`.
    pub(super) fn transformer(&mut self, body: &Transformer, normal: Value) -> (Value, Option<Value>) {
        let Shape { window, width, .. } = *self.shape;
        let activation = self.activation(normal, Site::Input);
        let tokens = self.linear(&activation, &body.input, None);
        let position = self.graph.floats(&[1, window, width], &floats(body.position.val()));
        let x = self.graph.node("Add", &[&tokens, &position], &[]);
        let (x, looked) = self.encoder(&body.encoder, x, Tokens { batch: 1, rows: window, last_only: true });
        (self.graph.reshape(&x, &[1, width as i64]), Some(looked))
    }

    /// The same for patches: every feature is a row of the batch.
    pub(super) fn patchtst(&mut self, body: &PatchTst, normal: &Value) -> (Value, Option<Value>) {
        let Shape { window, features, width, patch, patch_stride, .. } = *self.shape;
        let patches = patches(window, patch, patch_stride);
        let (batch, count) = (features as i64, patches.len());
        let rows: Vec<i64> = indices(&patches).into_iter().map(i64::from).collect();
        let channels = self.graph.transpose(normal, &[0, 2, 1]);
        let rows = self.graph.ints(&rows);
        let cut = self.graph.node("Gather", &[&channels, &rows], &[("axis", Attribute::Int(2))]);
        let cut = self.graph.reshape(&cut, &[batch, count as i64, patch as i64]);
        let activation = self.activation(cut, Site::Input);
        let tokens = self.linear(&activation, &body.input, None);
        let position = self.graph.floats(&[1, count, width], &floats(body.position.val()));
        let x = self.graph.node("Add", &[&tokens, &position], &[]);
        let (x, looked) = self.encoder(&body.encoder, x, Tokens { batch: features, rows: count, last_only: false });
        let normal = self.layer_norm(&x, &body.norm);
        let flat = self.graph.reshape(&normal, &[1, batch, (count * width) as i64]);
        let activation = self.activation(flat, Site::Summary);
        let summary = self.linear(&activation, &body.summary, None);
        let state = self.graph.reshape(&summary, &[1, batch * SUMMARY as i64]);
        let shares = self.graph.floats(&[count, window], &spread(&patches, window));
        (state, Some(self.graph.node("MatMul", &[&looked, &shares], &[])))
    }

    /// All blocks; gives the tokens (or the last one) and how much each was looked at `[1, rows]`: by the last one, or by all.
    fn encoder(&mut self, encoder: &Encoder, mut x: Value, tokens: Tokens) -> (Value, Value) {
        let layers = encoder.blocks.len();
        let mut attention: Option<Value> = None;
        for (layer, block) in encoder.blocks.iter().enumerate() {
            let (next, looked) = self.block(&x, block, layer, tokens);
            x = next;
            attention = Some(match attention {
                Some(sum) => self.graph.node("Add", &[&sum, &looked], &[]),
                None => looked,
            });
        }
        let share = self.graph.scalar(1.0 / layers as f32);
        let attention = attention.expect("a network has at least one block");
        let attention = self.graph.node("Mul", &[&attention, &share], &[]);
        (x, self.graph.reshape(&attention, &[1, tokens.rows as i64]))
    }

    /// One block. When only the last token is read, its query, output and feed-forward part are all that the last block
    /// computes.
    fn block(&mut self, x: &Value, block: &Block, layer: usize, tokens: Tokens) -> (Value, Value) {
        let is_last = tokens.last_only && layer + 1 == self.shape.layers;
        let normal = self.layer_norm(x, &block.norm_attention);
        let activation = self.activation(normal, Site::Qkv(layer));
        let width = self.shape.width;
        let [query, key, value] = if is_last {
            let query_side = self.last_token(&activation);
            let query = self.linear(&query_side, &block.qkv, Some(0..width));
            let both = self.linear(&activation, &block.qkv, Some(width..3 * width));
            let [key, value] = self.graph.split(&both, [width; 2]);
            [query, key, value]
        } else {
            let all = self.linear(&activation, &block.qkv, None);
            self.graph.split(&all, [width; 3])
        };
        let (mixed, looked) = self.attend([&query, &key, &value], tokens, is_last);
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

    /// Attention in floats; gives the mixed values and the weights, mean over heads and queries: the last query where only
    /// the last token is read.
    fn attend(&mut self, [query, key, value]: [&Value; 3], tokens: Tokens, is_last: bool) -> (Value, Value) {
        let Shape { width, heads, .. } = *self.shape;
        let Tokens { batch, rows, last_only } = tokens;
        let depth = width / heads;
        let queries = if is_last { 1 } else { rows };
        let graph = &mut self.graph;
        let split = |graph: &mut Graph, value: &Value, rows: usize, perm: &[i64]| {
            let apart = graph.reshape(value, &[batch as i64, rows as i64, heads as i64, depth as i64]);
            graph.transpose(&apart, perm)
        };
        let query = split(graph, query, queries, &[0, 2, 1, 3]);
        let key = split(graph, key, rows, &[0, 2, 3, 1]);
        let value = split(graph, value, rows, &[0, 2, 1, 3]);
        let products = graph.node("MatMul", &[&query, &key], &[]);
        let scale = graph.scalar((depth as f32).sqrt().recip());
        let products = graph.node("Mul", &[&products, &scale], &[]);
        let weights = graph.node("Softmax", &[&products], &[("axis", Attribute::Int(-1))]);
        let mixed = graph.node("MatMul", &[&weights, &value], &[]);
        let mixed = graph.transpose(&mixed, &[0, 2, 1, 3]);
        let mixed = graph.reshape(&mixed, &[batch as i64, queries as i64, width as i64]);
        let weights = if last_only && !is_last { graph.tail(&weights, 2, 1) } else { weights };
        let axes = graph.ints(&[0, 1, 2]);
        let looked = graph.node("ReduceMean", &[&weights, &axes], &[("keepdims", Attribute::Int(0))]);
        (mixed, looked)
    }
}
