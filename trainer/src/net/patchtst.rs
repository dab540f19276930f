//! PatchTST (Nie, Nguyen, Sinthong, Kalagnanam: "A Time Series is Worth 64 Words", arXiv 2211.14730).
//!
//! As in the paper, every feature is a channel of its own, its window is cut into overlapping patches, each patch becomes a
//! token, and one encoder with the same weights reads all channels. What differs:
//!
//! - The paper forecasts each channel from itself. We forecast one series that all features are views on, so the flattened
//!   tokens of a channel become a short summary (the same weights for all channels), and the heads read all summaries.
//! - Patches end with the last row, and the oldest rows that fill no patch are left out; the paper repeats the last value.
//! - Layer norm before each part instead of batch norm after it, no dropout, and the features are normalised by
//!   [`crate::scaling`] instead of by each window (RevIN).

use std::ops::Range;

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::encoder::Encoder;
use super::{Encoded, Observer, Product, Shape, Site, linear, norm, uniform};
use crate::random::Random;

/// Numbers that a channel's tokens are summarised in.
pub const SUMMARY: usize = 8;

/// `patches -> Linear -> + position -> blocks -> LayerNorm -> flatten -> Linear`, for each feature.
#[derive(Module, Debug)]
pub struct PatchTst {
    pub input: Linear,
    /// `[patches, width]`.
    pub position: Param<Tensor<2>>,
    pub encoder: Encoder,
    pub norm: LayerNorm,
    pub summary: Linear,
    #[module(skip)]
    patch: usize,
    #[module(skip)]
    patch_stride: usize,
}

impl PatchTst {
    pub(super) fn new(shape: &Shape, random: &mut Random, device: &Device) -> Self {
        let count = patches(shape.window, shape.patch, shape.patch_stride).len();
        Self {
            input: linear(shape.patch, shape.width, 1.0, random, device),
            position: uniform([count, shape.width], 0.05, random, device),
            encoder: Encoder::new(shape, random, device),
            norm: norm(shape.width, device),
            summary: linear(count * shape.width, SUMMARY, 1.0, random, device),
            patch: shape.patch,
            patch_stride: shape.patch_stride,
        }
    }

    pub(super) fn forward(&self, windows: Tensor<3>, product: Product, observe: &mut Observer<'_>) -> Encoded {
        let [batch, window, features] = windows.dims();
        let patches = patches(window, self.patch, self.patch_stride);
        let (count, device) = (patches.len(), windows.device());
        let rows = Tensor::<1, Int>::from_ints(indices(&patches).as_slice(), &device);
        let cut = windows.swap_dims(1, 2).select(2, rows).reshape([batch * features, count, self.patch]);
        observe(Site::Input, &cut);
        let x = product.of(&self.input, cut) + self.position.val().unsqueeze::<3>();
        let (x, looked) = self.encoder.forward(x, false, product, observe);
        let flat = self.norm.forward(x).reshape([batch as i32, features as i32, -1]);
        observe(Site::Summary, &flat);
        let state = product.of(&self.summary, flat).reshape([batch, features * SUMMARY]);
        // How much each patch was looked at by any patch of any channel.
        let looked = looked.reshape([batch, features, count]).mean_dim(1).reshape([batch, count]);
        let spread = Tensor::<2>::from_data(TensorData::new(spread(&patches, window), [count, window]), &device);
        Encoded { state, attention: Some(looked.matmul(spread)) }
    }
}

/// The rows of each patch, oldest first; the last one ends with the window.
pub fn patches(window: usize, patch: usize, stride: usize) -> Vec<Range<usize>> {
    let mut ends: Vec<usize> = (patch..=window).rev().step_by(stride).collect();
    ends.reverse();
    ends.into_iter().map(|end| end - patch..end).collect()
}

/// The rows of all patches, one patch after the other.
pub fn indices(patches: &[Range<usize>]) -> Vec<i32> {
    patches.iter().cloned().flatten().map(|row| row as i32).collect()
}

/// From shares of patches to shares of rows, `[patches, window]`: each patch gives every row of it the same.
pub fn spread(patches: &[Range<usize>], window: usize) -> Vec<f32> {
    let share = |patch: &Range<usize>, row: usize| if patch.contains(&row) { 1.0 / patch.len() as f32 } else { 0.0 };
    patches.iter().flat_map(|patch| (0..window).map(move |row| share(patch, row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_end_with_the_window() {
        assert_eq!(patches(10, 4, 2), [0..4, 2..6, 4..8, 6..10]);
        assert_eq!(patches(9, 4, 3), [2..6, 5..9]);
        assert_eq!(patches(4, 4, 1), vec![0..4]);
        assert_eq!(spread(&patches(5, 3, 2), 5)[..5], [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
    }
}
