//! Inner loops of the ops in [`crate::ops`], compiled for every processor and once more for x86-64 with AVX2, which is looked
//! for at run time. All integer sums are exact; every form of a loop gives the same bits.
#![allow(unsafe_code, reason = "vector instructions of a processor that has them")]

use std::fmt;

/// Columns that one step of a product makes.
const COLUMNS: usize = 16;
/// Rows that one step of a product makes.
const ROWS: usize = 4;
/// Neighbouring values of a row that one instruction multiplies and adds: `vpmaddwd` takes two, `smlal` one.
const GROUP: usize = if cfg!(target_arch = "x86_64") { 2 } else { 1 };
/// Independent sums of a row: float addition has an order, and one sum would wait for itself.
const LANES: usize = 8;

/// What answers on this processor, for people.
#[must_use]
pub fn engine() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return "tract with our ops (AVX2)";
    }
    "tract with our ops"
}

type Group = [i16; GROUP];
type Sums<const R: usize> = [[i32; COLUMNS]; R];

/// Defines a function that runs with AVX2 where there is AVX2.
macro_rules! vectorised {
    ($(#[$attribute:meta])* fn $name:ident($($argument:ident: $kind:ty),*) $body:block) => {
        $(#[$attribute])*
        pub(crate) fn $name($($argument: $kind),*) {
            #[inline(always)]
            fn portable($($argument: $kind),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $kind),*) {
                    portable($($argument),*);
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2.
                    return unsafe { avx2($($argument),*) };
                }
            }
            portable($($argument),*);
        }
    };
}

vectorised! {
    /// ONNX QuantizeLinear with one step: `bytes = round_half_even(floats * inverse_step) + zero`, saturated. What is no number
    /// becomes 0.
    fn quantise(floats: &[f32], inverse_step: f32, zero: u8, bytes: &mut [u8]) {
        let (low, high) = (-f32::from(zero), 255.0 - f32::from(zero));
        for (byte, float) in bytes.iter_mut().zip(floats) {
            let steps = float * inverse_step;
            let steps = if steps > low { steps } else { low };
            let steps = if steps < high { steps } else { high };
            *byte = rounded(steps).wrapping_add(u32::from(zero)) as u8;
        }
    }
}

vectorised! {
    /// Softmax of each row of `len` values, in place.
    fn softmax(values: &mut [f32], len: usize) {
        for row in values.chunks_exact_mut(len) {
            let max = max(row);
            for value in &mut *row {
                *value = exp(*value - max);
            }
            let inverse = sum(row, |value| value).recip();
            for value in row {
                *value *= inverse;
            }
        }
    }
}

vectorised! {
    /// ONNX LayerNormalization of each row as long as `gamma`, in place.
    fn layer_norm(values: &mut [f32], epsilon: f32, gamma: &[f32], beta: &[f32]) {
        let inverse_len = (gamma.len() as f32).recip();
        for row in values.chunks_exact_mut(gamma.len()) {
            let mean = sum(row, |value| value) * inverse_len;
            let variance = sum(row, |value| (value - mean) * (value - mean)) * inverse_len;
            let inverse_deviation = (variance + epsilon).sqrt().recip();
            for (value, (gamma, beta)) in row.iter_mut().zip(gamma.iter().zip(beta)) {
                *value = (*value - mean) * inverse_deviation * gamma + beta;
            }
        }
    }
}

#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += of(*value);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| of(*value)).sum::<f32>()
}

#[inline(always)]
fn max(values: &[f32]) -> f32 {
    let larger = |max: f32, value: &f32| if *value > max { *value } else { max };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, value);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, larger)
}

/// At this magnitude floats are whole numbers: adding it rounds half to even.
const WHOLE: f32 = 12_582_912.0;

/// The nearest whole number, in two's complement, of one between -2^22 and 2^22.
#[inline(always)]
fn rounded(x: f32) -> u32 {
    (x + WHOLE).to_bits().wrapping_sub(WHOLE.to_bits())
}

/// e to a power of at most zero, within 2e-7 of it; 1e-38 for what would be less, no number for what is none.
///
/// Cephes' `expf` (S. Moshier): the power of two apart, a polynomial for what remains.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // ln 2 in two parts: products with the first are exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < -87.0 { -87.0 } else { x };
    let twos = x * std::f32::consts::LOG2_E;
    let exponent = rounded(twos);
    let twos = twos + WHOLE - WHOLE;
    let rest = x - twos * LN2_HIGH - twos * LN2_LOW;
    let coefficients = [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let polynomial = coefficients.iter().fold(1.987_569_1e-4, |sum, coefficient| sum * rest + coefficient);
    let power = polynomial * rest * rest + rest + 1.0;
    power * f32::from_bits(exponent.wrapping_add(127) << 23)
}

/// A linear layer on bytes: `(x - zero) . weights` in 32-bit integers, then times a scale and plus a bias, one each a column.
#[derive(Clone, PartialEq)]
pub(crate) struct Int8Linear {
    inner: usize,
    columns: usize,
    zero: u8,
    /// For each [`COLUMNS`] columns and each group of inner values: the group of each column. Filled up with zeros.
    panels: Vec<[Group; COLUMNS]>,
    scale: Vec<f32>,
    bias: Vec<f32>,
}

// All floats are finite, see `new`.
impl Eq for Int8Linear {}

impl fmt::Debug for Int8Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Int8Linear({} x {}, zero {})", self.inner, self.columns, self.zero)
    }
}

impl Int8Linear {
    /// Of row-major weights `[inner, columns]`; nothing when the parts do not fit, a float is not finite or a sum could overflow.
    pub(crate) fn new(weights: &[i8], zero: u8, scale: &[f32], bias: &[f32]) -> Option<Self> {
        let columns = scale.len();
        let inner = weights.len().checked_div(columns)?;
        let fits = inner * columns == weights.len() && bias.len() == columns && inner > 0;
        let finite = scale.iter().chain(bias).all(|value| value.is_finite());
        let product_max = usize::from(zero.max(255 - zero)) * 128;
        if !fits || !finite || inner > i32::MAX as usize / product_max {
            return None;
        }
        let weight = |k: usize, column: usize| match k < inner && column < columns {
            true => i16::from(weights[k * columns + column]),
            false => 0,
        };
        let panels = (0..columns.div_ceil(COLUMNS)).flat_map(|panel| {
            (0..inner.div_ceil(GROUP)).map(move |group| {
                std::array::from_fn(|column| {
                    std::array::from_fn(|k| weight(group * GROUP + k, panel * COLUMNS + column))
                })
            })
        });
        Some(Self { inner, columns, zero, panels: panels.collect(), scale: scale.to_vec(), bias: bias.to_vec() })
    }

    /// Length of a row that is read.
    pub(crate) const fn inner(&self) -> usize {
        self.inner
    }

    /// Length of a row that is written.
    pub(crate) const fn columns(&self) -> usize {
        self.columns
    }

    /// Reads rows of [`Self::inner`] bytes, writes as many rows of [`Self::columns`] floats.
    pub(crate) fn run(&self, bytes: &[u8], floats: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { self.run_avx2(bytes, floats) };
        }
        self.run_portable(bytes, floats);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn run_avx2(&self, bytes: &[u8], floats: &mut [f32]) {
        self.run_with(bytes, floats, |rows, panel| avx2::sums(rows, panel), |rows, panel| avx2::sums(rows, panel));
    }

    fn run_portable(&self, bytes: &[u8], floats: &mut [f32]) {
        self.run_with(bytes, floats, sums, sums);
    }

    #[inline(always)]
    fn run_with(
        &self,
        bytes: &[u8],
        floats: &mut [f32],
        many: impl Fn([&[Group]; ROWS], &[[Group; COLUMNS]]) -> Sums<ROWS>,
        one: impl Fn([&[Group]; 1], &[[Group; COLUMNS]]) -> Sums<1>,
    ) {
        let groups = self.inner.div_ceil(GROUP);
        let centred = self.centred(bytes, groups);
        let panels = self.panels.chunks_exact(groups);
        let parts = self.scale.chunks(COLUMNS).zip(self.bias.chunks(COLUMNS));
        for (index, (panel, (scale, bias))) in panels.zip(parts).enumerate() {
            let write = |floats: &mut [f32], sums: &[[i32; COLUMNS]]| {
                for (row, sums) in floats.chunks_exact_mut(self.columns).zip(sums) {
                    let row = &mut row[index * COLUMNS..][..scale.len()];
                    for (value, (sum, (scale, bias))) in row.iter_mut().zip(sums.iter().zip(scale.iter().zip(bias))) {
                        *value = *sum as f32 * scale + bias;
                    }
                }
            };
            let mut blocks = centred.chunks_exact(ROWS * groups);
            let (full, rest) = floats.split_at_mut(blocks.len() * ROWS * self.columns);
            for (block, floats) in (&mut blocks).zip(full.chunks_exact_mut(ROWS * self.columns)) {
                write(floats, &many(std::array::from_fn(|row| &block[row * groups..][..groups]), panel));
            }
            for (row, floats) in blocks.remainder().chunks_exact(groups).zip(rest.chunks_exact_mut(self.columns)) {
                write(floats, &one([row], panel));
            }
        }
    }

    /// The bytes less their zero point, rows filled up with zeros to whole groups.
    #[inline(always)]
    fn centred(&self, bytes: &[u8], groups: usize) -> Vec<Group> {
        let zero = i16::from(self.zero);
        let mut centred = Vec::with_capacity(bytes.len() / self.inner * groups);
        for row in bytes.chunks_exact(self.inner) {
            let (whole, rest) = row.as_chunks::<GROUP>();
            centred.extend(whole.iter().map(|group| group.map(|byte| i16::from(byte) - zero)));
            if !rest.is_empty() {
                centred.push(std::array::from_fn(|k| rest.get(k).map_or(0, |byte| i16::from(*byte) - zero)));
            }
        }
        centred
    }
}

/// Products of `R` rows with the columns of a panel.
#[inline(always)]
fn sums<const R: usize>(rows: [&[Group]; R], panel: &[[Group; COLUMNS]]) -> Sums<R> {
    let mut sums = [[0; COLUMNS]; R];
    for (k, columns) in panel.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(rows) {
            for (sum, column) in sums.iter_mut().zip(columns) {
                for (x, weight) in row[k].iter().zip(column) {
                    *sum += i32::from(*x) * i32::from(*weight);
                }
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm256_storeu_si256,
    };

    use super::{COLUMNS, Group, Sums};

    /// [`super::sums`], 16 products an instruction. The compiler does not find `vpmaddwd` by itself.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn sums<const R: usize>(rows: [&[Group]; R], panel: &[[Group; COLUMNS]]) -> Sums<R> {
        let mut sums = [[_mm256_setzero_si256(); 2]; R];
        assert!(rows.iter().all(|row| row.len() == panel.len()), "rows as long as the panel is high");
        for (k, columns) in panel.iter().enumerate() {
            let halves = load(columns);
            for (sums, row) in sums.iter_mut().zip(rows) {
                // SAFETY: a row has as many groups as the panel.
                let [x, y] = *unsafe { row.get_unchecked(k) };
                let both = _mm256_set1_epi32(i32::from(x as u16) | i32::from(y) << 16);
                for (sum, half) in sums.iter_mut().zip(halves) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(both, half));
                }
            }
        }
        sums.map(|halves| store(halves))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(columns: &[Group; COLUMNS]) -> [__m256i; 2] {
        let start = columns.as_ptr().cast::<__m256i>();
        // SAFETY: 16 columns of two 16-bit numbers are 64 bytes, both loads lie in them and need no alignment.
        unsafe { [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))] }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store([low, high]: [__m256i; 2]) -> [i32; COLUMNS] {
        let mut sums = [0; COLUMNS];
        let start = sums.as_mut_ptr().cast::<__m256i>();
        // SAFETY: 16 32-bit numbers are 64 bytes, both stores lie in them and need no alignment.
        unsafe {
            _mm256_storeu_si256(start, low);
            _mm256_storeu_si256(start.add(1), high);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any byte, the outermost ones often.
    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![Just(0), Just(127), Just(128), Just(255), any::<u8>()]
    }

    /// Inner values, columns, rows, weights and input of a layer.
    fn layer() -> impl Strategy<Value = (usize, usize, usize, Vec<u8>, Vec<u8>)> {
        (1..70_usize, 1..40_usize, 0..11_usize).prop_flat_map(|(inner, columns, rows)| {
            let of = |len| prop::collection::vec(byte(), len);
            (Just(inner), Just(columns), Just(rows), of(inner * columns), of(inner * rows))
        })
    }

    proptest! {
        #[test]
        fn products_are_exact((inner, columns, rows, weights, bytes) in layer(), zero in byte(), shift in any::<u8>()) {
            let weights: Vec<i8> = weights.iter().map(|byte| *byte as i8).collect();
            let scale: Vec<f32> = (0..columns).map(|column| (column + 1) as f32 * 1e-3).collect();
            let bias: Vec<f32> = (0..columns).map(|column| column as f32 - f32::from(shift)).collect();
            let layer = Int8Linear::new(&weights, zero, &scale, &bias).expect("parts that fit");
            let expected: Vec<f32> = (0..rows * columns).map(|i| {
                let (row, column) = (i / columns, i % columns);
                let product = |k| (i64::from(bytes[row * inner + k]) - i64::from(zero)) * i64::from(weights[k * columns + column]);
                (0..inner).map(product).sum::<i64>() as f32 * scale[column] + bias[column]
            }).collect();
            let mut found = vec![f32::NAN; rows * columns];
            layer.run(&bytes, &mut found);
            prop_assert_eq!(&found, &expected);
            found.fill(f32::NAN);
            layer.run_portable(&bytes, &mut found);
            prop_assert_eq!(&found, &expected);
        }

        #[test]
        fn quantising_is_what_onnx_says(floats in prop::collection::vec(any::<f32>(), 0..70), step in 1e-6..1e3_f32, zero in byte()) {
            let mut bytes = vec![1; floats.len()];
            quantise(&floats, step.recip(), zero, &mut bytes);
            for (float, byte) in floats.iter().zip(bytes) {
                let steps = (float * step.recip()).round_ties_even();
                prop_assert_eq!(byte, (steps as i32).saturating_add(zero.into()).clamp(0, 255) as u8, "{}", float);
            }
        }

        #[test]
        fn softmax_is_near_its_definition(rows in 1..4_usize, values in prop::collection::vec(-90.0..90.0_f32, 1..70)) {
            let mut found: Vec<f32> = values.repeat(rows);
            softmax(&mut found, values.len());
            // The difference to the largest value is rounded before its power is taken.
            let powers: Vec<f64> = values.iter().map(|value| f64::from(*value).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (found, power) in found.iter().zip(powers.iter().cycle()) {
                prop_assert!((f64::from(*found) - power / sum).abs() < 1e-5 * (power / sum) + 1e-37, "{} {}", found, power / sum);
            }
        }

        #[test]
        fn layer_norm_is_near_its_definition(values in prop::collection::vec(-1e3..1e3_f32, 2..70)) {
            let len = values.len();
            let gamma: Vec<f32> = (0..len).map(|i| 1.0 + i as f32 * 0.01).collect();
            let beta: Vec<f32> = (0..len).map(|i| i as f32 * 0.1).collect();
            let mut found = values.repeat(2);
            layer_norm(&mut found, 1e-5, &gamma, &beta);
            let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / len as f64;
            let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / len as f64;
            for (i, found) in found.iter().enumerate() {
                let normal = (f64::from(values[i % len]) - mean) / (variance + 1e-5).sqrt();
                let expected = normal * f64::from(gamma[i % len]) + f64::from(beta[i % len]);
                prop_assert!((f64::from(*found) - expected).abs() < 1e-3, "{} {}", found, expected);
            }
        }
    }

    #[test]
    fn powers_of_e_are_near() {
        for step in 0..87_000 {
            let x = -(step as f32) / 1e3;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 2e-7, "{x}");
        }
        assert!(exp(-1e30) < 2e-38);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let mut row = [0.0, f32::NAN, 1.0];
        softmax(&mut row, 3);
        assert!(row.iter().all(|value| value.is_nan()));
        row = [0.0, f32::INFINITY, 1.0];
        layer_norm(&mut row, 1e-5, &[1.0; 3], &[0.0; 3]);
        assert!(row.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn layers_that_do_not_fit_or_could_overflow_are_refused() {
        assert!(Int8Linear::new(&[1, 2, 3], 128, &[1.0; 2], &[0.0; 2]).is_none(), "not whole rows");
        assert!(Int8Linear::new(&[1, 2], 128, &[1.0; 2], &[0.0]).is_none(), "too few biases");
        assert!(Int8Linear::new(&[], 128, &[], &[]).is_none(), "nothing");
        assert!(Int8Linear::new(&[1], 128, &[f32::NAN], &[0.0]).is_none(), "no number");
        let long = vec![-128; 131_072];
        assert!(Int8Linear::new(&long[1..], 128, &[1.0], &[0.0]).is_some());
        assert!(Int8Linear::new(&long, 128, &[1.0], &[0.0]).is_none());
    }
}
