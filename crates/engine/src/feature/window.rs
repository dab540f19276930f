//! The last rows of a model's features.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::row::Row;
use super::table::{UnknownFeature, columns_of};

/// Keeps the last rows of some columns, as long as each follows the one before and has all its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureWindow {
    columns: Vec<u16>,
    rows: usize,
    /// Row-major, oldest first; at most `rows` rows.
    values: VecDeque<f32>,
}

impl FeatureWindow {
    /// An empty window of `rows` rows of the named features.
    ///
    /// # Errors
    /// A name that is not in the table.
    pub fn new<S: AsRef<str>>(features: &[S], rows: u16) -> Result<Self, UnknownFeature> {
        let columns = columns_of(features)?.into_iter().map(|column| column as u16).collect();
        Ok(Self { columns, rows: rows.into(), values: VecDeque::new() })
    }

    /// Adds the next bar's row. A row in which one of the columns is masked empties the window.
    pub fn push(&mut self, row: &Row) {
        if self.values.len() >= self.rows * self.columns.len() {
            self.values.drain(..self.columns.len().min(self.values.len()));
        }
        for column in &self.columns {
            let value = row.values()[usize::from(*column)] as f32;
            if !value.is_finite() {
                self.values.clear();
                return;
            }
            self.values.push_back(value);
        }
    }

    /// A bar is missing: what was is no part of a window any more.
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// All values, row-major, oldest row first, once the window is full.
    #[must_use]
    pub fn values(&self) -> Option<Vec<f32>> {
        self.is_full().then(|| self.values.iter().copied().collect())
    }

    /// Whether every value of every row is there.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.values.is_empty() && self.values.len() == self.rows * self.columns.len()
    }
}
