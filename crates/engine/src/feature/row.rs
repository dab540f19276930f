//! A row of feature values.

use serde::{Deserialize, Serialize};

use super::table::{Column, DEFINITIONS};

/// One value per definition of the table, NaN where it is masked (not warm, or not known). Two rows are equal when their
/// bits are: a masked value equals a masked value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row(Vec<f64>);

impl Row {
    /// All masked.
    pub(super) fn masked() -> Self {
        Self(vec![f64::NAN; DEFINITIONS.len()])
    }

    /// All values in the order of the table.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// The value in a column, `None` where it is masked.
    #[must_use]
    pub fn get(&self, column: Column) -> Option<f64> {
        self.0.get(column as usize).copied().filter(|value| !value.is_nan())
    }

    /// Sets a value; what is not finite is masked, always with the same bits.
    pub(super) fn set(&mut self, column: Column, value: Option<f64>) {
        self.0[column as usize] = value.filter(|value| value.is_finite()).unwrap_or(f64::NAN);
    }

    pub(super) fn mask(&mut self) {
        self.0.fill(f64::NAN);
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|value| value.to_bits()).eq(other.0.iter().map(|value| value.to_bits()))
    }
}
