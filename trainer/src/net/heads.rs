//! What is told: the same heads for all architectures.
//!
//! One product of the normalised state gives all numbers; what they mean:
//!
//! - *quantiles* of the log-return at each horizon: the median is one number, the others go up and down from it by softplus
//!   steps, so they never cross. The median is the expected log-return.
//! - *direction*: the logit of a rise at each horizon.
//! - *action*: logits of sell, hold and buy, see [`crate::fit`] for when an action was right.
//! - *size*: the logistic function of one number, as a share of [`bundle::manifest::SIZE_MAX`].
//! - *risk*: softplus of one number, the standard deviation of the log-return at the longest horizon.

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::activation::{sigmoid, softplus};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Shape, linear, norm};
use crate::random::Random;

/// Actions: sell, hold, buy.
pub const ACTIONS: usize = 3;
/// Smallest risk, in units of volatility: keeps its likelihood finite.
pub const RISK_MIN: f32 = 1e-2;

/// Norm and product of the state.
#[derive(Module, Debug)]
pub struct Heads {
    pub norm: LayerNorm,
    pub linear: Linear,
    #[module(skip)]
    horizons: usize,
    #[module(skip)]
    quantiles: usize,
    #[module(skip)]
    median: usize,
}

/// What a network gives for a batch. Returns and risk are in units of volatility.
#[derive(Clone, Debug)]
pub struct Output {
    /// Quantiles of the return, `[batch, horizons, quantiles]`, never falling along the last axis.
    pub quantiles: Tensor<3>,
    /// The median among them, `[batch, horizons]`.
    pub units: Tensor<2>,
    /// Logits of a rise, `[batch, horizons]`.
    pub logits: Tensor<2>,
    /// Logits of sell, hold and buy, `[batch, 3]`.
    pub action: Tensor<2>,
    /// Share of the largest size, 0 to 1, `[batch, 1]`.
    pub size: Tensor<2>,
    /// Standard deviation of the return at the longest horizon, `[batch, 1]`.
    pub risk: Tensor<2>,
    /// How much each row was looked at, `[batch, window]`, where the architecture can tell.
    pub attention: Option<Tensor<2>>,
}

impl Heads {
    pub(super) fn new(shape: &Shape, state: usize, random: &mut Random, device: &Device) -> Self {
        let Shape { horizons, quantiles, median, .. } = *shape;
        Self {
            norm: norm(state, device),
            // Near zero: the fit starts from "no change".
            linear: linear(state, widths(horizons, quantiles).iter().sum(), 0.05, random, device),
            horizons,
            quantiles,
            median,
        }
    }

    pub(super) fn forward(&self, state: Tensor<2>, attention: Option<Tensor<2>>) -> Output {
        let Self { horizons, quantiles, median, .. } = *self;
        let all = self.linear.forward(self.norm.forward(state));
        let (batch, device) = (all.dims()[0], all.device());
        let mut from = 0;
        let [raw, logits, action, size, risk] = widths(horizons, quantiles).map(|width| {
            from += width;
            all.clone().slice([0..batch, from - width..from])
        });
        let raw = raw.reshape([batch, horizons, quantiles]);
        let place = |at: std::ops::Range<usize>| raw.clone().slice([0..batch, 0..horizons, at]);
        let units = place(median..median + 1);
        let mut steps = vec![units.clone()];
        if median > 0 {
            steps.insert(0, softplus(place(0..median), 1.0));
        }
        if median + 1 < quantiles {
            steps.push(softplus(place(median + 1..quantiles), 1.0));
        }
        let ladder = TensorData::new(ladder(quantiles, median), [quantiles, quantiles]);
        let ladder = Tensor::<2>::from_data(ladder, &device).unsqueeze::<3>();
        Output {
            quantiles: Tensor::cat(steps, 2).matmul(ladder),
            units: units.reshape([batch, horizons]),
            logits,
            action,
            size: sigmoid(size),
            risk: softplus(risk, 1.0) + RISK_MIN,
            attention,
        }
    }
}

/// Numbers of each head, in the order of the product's columns: quantiles by horizon, directions, actions, size, risk.
pub const fn widths(horizons: usize, quantiles: usize) -> [usize; 5] {
    [horizons * quantiles, horizons, ACTIONS, 1, 1]
}

/// From the median and the steps around it to quantiles, `[quantiles, quantiles]`: a quantile above the median adds the
/// steps up to it, one below takes them off.
pub fn ladder(quantiles: usize, median: usize) -> Vec<f32> {
    let entry = |step: usize, quantile: usize| {
        if step == median || (median < step && step <= quantile) {
            1.0
        } else if quantile <= step && step < median {
            -1.0
        } else {
            0.0
        }
    };
    (0..quantiles).flat_map(|step| (0..quantiles).map(move |quantile| entry(step, quantile))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_goes_up_and_down_from_the_median() {
        let steps = [0.5f32, 0.25, 10.0, 1.0, 2.0];
        let ladder = ladder(5, 2);
        let quantile = |q: usize| (0..5).map(|step| steps[step] * ladder[step * 5 + q]).sum::<f32>();
        assert_eq!([0, 1, 2, 3, 4].map(quantile), [9.25, 9.75, 10.0, 11.0, 13.0]);
    }
}
