//! A row of feature values.

use serde::{Deserialize, Serialize};

use super::table::{Column, DEFINITIONS};

/// One value per definition of the table, NaN where it is masked (not warm, or not known). Two rows are equal when their
/// bits are: a masked value equals a masked value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Row(Box<[f64; DEFINITIONS.len()]>);

impl TryFrom<Vec<f64>> for Row {
    type Error = String;

    fn try_from(values: Vec<f64>) -> Result<Self, String> {
        let found = values.len();
        let values =
            values.try_into().map_err(|_| format!("a row of {found} features instead of {}", DEFINITIONS.len()))?;
        Ok(Self(values))
    }
}

impl From<Row> for Vec<f64> {
    fn from(row: Row) -> Self {
        row.0.to_vec()
    }
}

impl Row {
    /// All masked.
    pub(super) fn masked() -> Self {
        Self(Box::new([f64::NAN; DEFINITIONS.len()]))
    }

    /// All values in the order of the table.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &*self.0
    }

    /// The value in a column, `None` where it is masked.
    #[must_use]
    pub fn get(&self, column: Column) -> Option<f64> {
        Some(self.0[column as usize]).filter(|value| !value.is_nan())
    }

    /// Sets a value; what is not finite is masked, always with the same bits.
    pub(super) fn set(&mut self, column: Column, value: Option<f64>) {
        self.0[column as usize] = value.filter(|value| value.is_finite()).unwrap_or(f64::NAN);
    }

    /// Sets a band of `half` to both sides of `middle` (columns upper, middle, lower) and the place of `value` between lower (0) and
    /// upper (1) line, 0.5 where they fall together; gives its width.
    pub(super) fn bands(&mut self, value: f64, middle: f64, half: f64, columns: [Column; 3], place: Column) -> f64 {
        let (upper, lower) = (middle + half, middle - half);
        for (column, line) in columns.into_iter().zip([upper, middle, lower]) {
            self.set(column, Some(line));
        }
        let width = upper - lower;
        self.set(place, Some(if width > 0.0 { (value - lower) / width } else { 0.5 }));
        width
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
