//! GELU on the CPU: `x Φ(x)`, `Φ` being the normal distribution (Hendrycks, Gimpel, arXiv 1606.08415).
//!
//! The library takes each value through a scalar `erff`, forward and once more backward: a fifth of a step. Here value and slope come
//! from one power of e in one pass that the compiler makes vectors of. The graph of the gradient then needs no more than
//! `x · slope + (value - x · slope)`, both taken as constants: that is the value, and its derivative is the slope.

use std::f32::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E};

use burn::tensor::{Device, Tensor, TensorData, activation};
use rayon::prelude::*;

/// Values that one thread takes at a time.
const CHUNK: usize = 1 << 16;

/// `x Φ(x)`, to be learnt through.
pub(super) fn gelu(x: Tensor<3>) -> Tensor<3> {
    let device = x.device();
    if device.clone().inner() != Device::flex() {
        return activation::gelu(x);
    }
    let dims = x.dims();
    let mut values = x.clone().into_data().try_to_vec::<f32>().expect("activations are 32-bit floats");
    let constant = |values: Vec<f32>| Tensor::<3>::from_data(TensorData::new(values, dims), &device);
    if !device.is_autodiff() {
        values.par_chunks_mut(CHUNK).for_each(|chunk| chunk.iter_mut().for_each(|x| *x *= normal(*x).0));
        return constant(values);
    }
    let mut slopes = vec![0f32; values.len()];
    values.par_chunks_mut(CHUNK).zip(slopes.par_chunks_mut(CHUNK)).for_each(|(values, slopes)| {
        for (value, slope) in values.iter_mut().zip(slopes) {
            let x = *value;
            let (below, density) = normal(x);
            *slope = below + x * density;
            *value = x * below - x * *slope;
        }
    });
    x * constant(slopes) + constant(values)
}

/// The normal distribution: the probability of less than `x` within 2e-7, and the density.
///
/// Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26 and 26.2.1.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    /// One over the square root of two pi.
    const HEIGHT: f32 = 0.398_942_3;
    let z = x.abs() * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let polynomial = ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6) * t;
    let power = exp(-z * z);
    let beyond = 0.5 * polynomial * power;
    (if x < 0.0 { beyond } else { 1.0 - beyond }, HEIGHT * power)
}

/// e to a power of at most zero: the power of two apart, a Taylor polynomial for what remains. Within 2e-7 of it; 1e-38 for what
/// would be less.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// At this magnitude floats are whole numbers: adding it rounds.
    const WHOLE: f32 = 12_582_912.0;
    /// [`LN_2`] in two parts: products with the first are exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    const { assert!(HIGH + LOW - LN_2 < 1e-7 && LN_2 - HIGH - LOW < 1e-7) };
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * LOG2_E + WHOLE;
    let twos = shifted - WHOLE;
    let rest = x - twos * HIGH - twos * LOW;
    let coefficients = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let polynomial = coefficients.iter().fold(1.0 / 720.0, |sum, coefficient| sum * rest + coefficient);
    polynomial * f32::from_bits(shifted.to_bits().wrapping_sub(WHOLE.to_bits()).wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Vec<f32> {
        (-6_000..6_000).map(|step| step as f32 / 500.0).collect()
    }

    #[test]
    fn it_is_the_librarys_function_and_so_is_its_gradient() {
        let line = line();
        let of = |function: fn(Tensor<3>) -> Tensor<3>| {
            let data = TensorData::new(line.clone(), [2, 3, line.len() / 6]);
            let x = Tensor::<3>::from_data(data, &Device::flex().autodiff()).require_grad();
            let y = function(x.clone());
            let gradients = (y.clone() * 3.0).sum().backward();
            let slope = x.grad(&gradients).expect("x is tracked");
            [y.into_data(), slope.into_data()].map(|data| data.try_to_vec::<f32>().expect("32-bit floats"))
        };
        let ([ours, our_slopes], [theirs, their_slopes]) = (of(gelu), of(activation::gelu));
        for (index, x) in line.iter().enumerate() {
            assert!(
                (ours[index] - theirs[index]).abs() < 1e-6 * x.abs().max(1.0),
                "{x}: {} {}",
                ours[index],
                theirs[index]
            );
            assert!(
                (our_slopes[index] - their_slopes[index]).abs() < 4e-6,
                "{x}: {} {}",
                our_slopes[index],
                their_slopes[index]
            );
        }
    }

    #[test]
    fn without_gradients_it_is_the_same() {
        let data = || TensorData::new(line(), [1, 1, line().len()]);
        let [plain, tracked] = [Device::flex(), Device::flex().autodiff()].map(|device| {
            gelu(Tensor::from_data(data(), &device)).into_data().try_to_vec::<f32>().expect("32-bit floats")
        });
        for ((x, plain), tracked) in line().iter().zip(&plain).zip(&tracked) {
            assert!((plain - tracked).abs() < 1e-6 * x.abs().max(1.0), "{x}: {plain} {tracked}");
        }
    }
}
