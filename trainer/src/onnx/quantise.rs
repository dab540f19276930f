//! From 32-bit weights and activations to bytes.

use crate::net::Site;

/// Zero point of every quantised activation: unsigned bytes around the middle.
pub const ZERO_POINT: u8 = 128;

/// Largest magnitude seen at the input of each weight product, over a set of windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    max_abs: std::collections::BTreeMap<Site, f32>,
}

impl Calibration {
    /// Notes values seen at a site.
    pub fn observe(&mut self, site: Site, values: &[f32]) {
        let seen = self.max_abs.entry(site).or_default();
        *seen = values.iter().fold(*seen, |max, value| max.max(value.abs()));
    }

    /// The step between two byte values at a site; never zero.
    pub fn scale(&self, site: Site) -> f32 {
        self.max_abs.get(&site).copied().unwrap_or(0.0).max(1e-6) / 127.0
    }
}

/// A weight matrix `[rows, columns]` as signed bytes with one scale per column, symmetric.
#[derive(Clone, Debug, PartialEq)]
pub struct Int8Matrix {
    pub values: Vec<i8>,
    pub scales: Vec<f32>,
}

impl Int8Matrix {
    /// Rounds to the nearest byte, -127 to 127.
    pub fn of(weights: &[f32], columns: usize) -> Self {
        let mut max_abs = vec![1e-12f32; columns];
        for row in weights.chunks_exact(columns) {
            for (max, value) in max_abs.iter_mut().zip(row) {
                *max = max.max(value.abs());
            }
        }
        let scales: Vec<f32> = max_abs.iter().map(|max| max / 127.0).collect();
        let byte = |(value, scale): (&f32, &f32)| (value / scale).round().clamp(-127.0, 127.0) as i8;
        let values = weights.chunks_exact(columns).flat_map(|row| row.iter().zip(&scales).map(byte)).collect();
        Self { values, scales }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_scaled_by_themselves() {
        let matrix = Int8Matrix::of(&[1.0, 100.0, -0.5, 50.0, 0.25, -100.0], 2);
        assert_eq!(matrix.values, [127, 127, -64, 64, 32, -127]);
        assert_eq!(matrix.scales, [1.0 / 127.0, 100.0 / 127.0]);
    }

    #[test]
    fn a_column_of_zeros_stays_zero() {
        assert_eq!(Int8Matrix::of(&[0.0, 0.0], 1).values, [0, 0]);
    }
}
