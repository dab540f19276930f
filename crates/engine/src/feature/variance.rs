//! How much the price moves, and how much of that in jumps.

use serde::{Deserialize, Serialize};

use super::recent::{Recent, sum};
use super::row::Row;
use super::table::Column;
use crate::candle::Bar;

/// Bars that are looked at.
const BARS: usize = 30;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Variance {
    before: Option<f64>,
    /// Squared returns, products of the sizes of neighbouring returns, squared ranges of the logarithm.
    squares: Recent,
    products: Recent,
    ranges: Recent,
}

impl Variance {
    pub(super) fn new() -> Self {
        Self { before: None, squares: Recent::new(BARS), products: Recent::new(BARS - 1), ranges: Recent::new(BARS) }
    }

    /// `change` is the bar's log-return, where there is a bar before it.
    pub(super) fn update(&mut self, bar: &Bar, change: Option<f64>, row: &mut Row) {
        let range = libm::log(bar.high / bar.low);
        self.ranges.push(range * range);
        let parkinson = |ranges: &[f64]| (sum(ranges) / (4.0 * core::f64::consts::LN_2 * BARS as f64)).sqrt();
        row.set(Column::Parkinson30, self.ranges.last(BARS).map(parkinson));
        let Some(change) = change else { return };
        self.squares.push(change * change);
        if let Some(before) = self.before.replace(change) {
            self.products.push((change * before).abs());
        }
        let Some((squares, products)) = self.squares.last(BARS).zip(self.products.last(BARS - 1)) else { return };
        let realised = sum(squares);
        // With n returns there are n - 1 products.
        let bipower = core::f64::consts::FRAC_PI_2 * sum(products) * BARS as f64 / (BARS - 1) as f64;
        row.set(Column::RealisedVol30, Some(realised.sqrt()));
        let jump = if realised > 0.0 { (1.0 - bipower / realised).max(0.0) } else { 0.0 };
        row.set(Column::Jump30, Some(jump));
    }
}
