//! How far the price went, how much it moves, and how much of that in jumps.

use serde::{Deserialize, Serialize};

use super::past::Past;
use super::recent::{Recent, squares_around};
use super::row::Row;
use super::table::Column;
use crate::candle::Bar;

/// Bars of the realised measures.
const BARS: usize = 30;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Variance {
    /// Squared returns, products of the sizes of neighbouring returns, squared ranges of the logarithm.
    squares: Recent,
    products: Recent,
    ranges: Recent,
}

impl Variance {
    pub(super) fn new() -> Self {
        Self { squares: Recent::new(BARS), products: Recent::new(BARS - 1), ranges: Recent::new(BARS) }
    }

    pub(super) fn update(&mut self, bar: &Bar, past: &Past, row: &mut Row) {
        let range = libm::log(bar.high / bar.low);
        self.ranges.push(range * range);
        let parkinson = |ranges: f64| (ranges / (4.0 * core::f64::consts::LN_2 * BARS as f64)).sqrt();
        row.set(Column::Parkinson30, self.ranges.sum(BARS).map(parkinson));
        returns(past, row);
        let Some(change) = past.change() else { return };
        self.squares.push(change * change);
        if let Some(before) = past.returns.ago(1) {
            self.products.push((change * before).abs());
        }
        let Some((realised, products)) = self.squares.sum(BARS).zip(self.products.sum(BARS - 1)) else { return };
        // With n returns there are n - 1 products.
        let bipower = core::f64::consts::FRAC_PI_2 * products * BARS as f64 / (BARS - 1) as f64;
        row.set(Column::RealisedVol30, Some(realised.sqrt()));
        let jump = if realised > 0.0 { (1.0 - bipower / realised).max(0.0) } else { 0.0 };
        row.set(Column::Jump30, Some(jump));
    }
}

/// Log-returns over several bars are sums of those over one; and how far these lie apart.
fn returns(past: &Past, row: &mut Row) {
    let mut returns = past.returns.growing();
    row.set(Column::Ret1, returns.sum(1));
    row.set(Column::Ret5, returns.sum(5));
    row.set(Column::Volatility10, deviation(&past.returns, returns.mean(10), 10));
    row.set(Column::Ret15, returns.sum(15));
    let sum = returns.sum(30);
    row.set(Column::Ret30, sum);
    row.set(Column::Volatility30, deviation(&past.returns, sum.map(|sum| sum / 30.0), 30));
    row.set(Column::Volatility60, deviation(&past.returns, returns.mean(60), 60));
}

/// Sample standard deviation of the newest `count` values around their mean.
#[inline(always)]
fn deviation(values: &Recent, mean: Option<f64>, count: usize) -> Option<f64> {
    let squares = squares_around(values.last(count)?, mean?);
    Some((squares / (count - 1) as f64).sqrt())
}
