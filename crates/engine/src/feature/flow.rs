//! What aggressors do to the price.

use serde::{Deserialize, Serialize};

use super::book_shape::Flow;
use super::recent::{Recent, squares_around};
use super::row::Row;
use super::table::Column;

/// Bars that are looked at.
const BARS: usize = 30;

/// What the flow of an unbroken run of bars tells. A bar whose trades were not all heard begins it anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pressure {
    volumes: Recent,
    /// Bought less sold, and its size.
    signed: Recent,
    sizes: Recent,
    /// Bought less sold over both, and the return of the same bar in basis points.
    shares: Recent,
    changes: Recent,
}

impl Pressure {
    pub(super) fn new() -> Self {
        let recent = || Recent::new(BARS);
        Self { volumes: recent(), signed: recent(), sizes: recent(), shares: recent(), changes: recent() }
    }

    /// `change` is the bar's log-return, where there is a bar before it.
    pub(super) fn update(&mut self, flow: Option<&Flow>, change: Option<f64>, row: &mut Row) {
        let Some(flow) = flow else {
            *self = Self::new();
            return;
        };
        let (signed, volume) = (flow.bought - flow.sold, flow.bought + flow.sold);
        self.volumes.push(volume);
        self.signed.push(signed);
        self.sizes.push(signed.abs());
        row.set(Column::TradeCount1, Some(flow.trades));
        let (mut signs, mut volumes) = (self.signed.growing(), self.volumes.growing());
        row.set(Column::TradeFlow1, share(signs.sum(1), volumes.sum(1)));
        row.set(Column::TradeFlow5, share(signs.sum(5), volumes.sum(5)));
        row.set(Column::TradeFlow15, share(signs.sum(15), volumes.sum(15)));
        let all = volumes.sum(BARS);
        row.set(Column::TradeFlow30, share(signs.sum(BARS), all));
        row.set(Column::Vpin30, share(self.sizes.sum(BARS), all));
        let Some(change) = change else { return };
        self.shares.push(share(Some(signed), Some(volume)).unwrap_or(0.0));
        self.changes.push(change * 1e4);
        row.set(Column::Kyle30, self.slope());
    }

    /// Slope of the return on the share, by least squares; `None` while the share does not vary.
    fn slope(&self) -> Option<f64> {
        let (shares, changes) = (self.shares.last(BARS)?, self.changes.last(BARS)?);
        let (share, change) = (self.shares.mean(BARS)?, self.changes.mean(BARS)?);
        let own = squares_around(shares, share);
        let both: f64 = shares.iter().zip(changes).map(|(x, y)| (x - share) * (y - change)).sum();
        (own > 0.0).then(|| both / own)
    }
}

/// A part of a volume; of nothing, nothing.
fn share(part: Option<f64>, volume: Option<f64>) -> Option<f64> {
    let (part, volume) = part.zip(volume)?;
    Some(if volume > 0.0 { part / volume } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_buyers_do_to_the_price_is_found_again() {
        let mut pressure = Pressure::new();
        let mut row = Row::masked();
        for n in 0..31 {
            row.mask();
            let bought = f64::from(n % 7) + 0.5;
            let sold = 4.0 - bought / 2.0;
            let share = (bought - sold) / (bought + sold);
            let change = (n > 0).then_some((0.25 + 3.0 * share) / 1e4);
            pressure.update(Some(&Flow { bought, sold, trades: 1.0 }), change, &mut row);
            assert_eq!(row.get(Column::Kyle30).is_some(), n == 30, "{n}");
            assert_eq!(row.get(Column::Vpin30).is_some(), n >= 29, "{n}");
            assert_eq!(row.get(Column::TradeFlow15).is_some(), n >= 14, "{n}");
        }
        assert!((row.get(Column::Kyle30).unwrap() - 3.0).abs() < 1e-9);
        pressure.update(None, Some(0.0), &mut row);
        row.mask();
        pressure.update(Some(&Flow { bought: 1.0, sold: 0.0, trades: 1.0 }), Some(0.0), &mut row);
        assert_eq!(row.get(Column::Vpin30), None, "not all was heard");
    }

    #[test]
    fn without_trades_nothing_presses_and_the_slope_is_not_known() {
        let mut pressure = Pressure::new();
        let mut row = Row::masked();
        for _ in 0..40 {
            row.mask();
            pressure.update(Some(&Flow { bought: 0.0, sold: 0.0, trades: 0.0 }), Some(0.0), &mut row);
        }
        let values = [Column::Vpin30, Column::TradeFlow30, Column::Kyle30].map(|column| row.get(column));
        assert_eq!(values, [Some(0.0), Some(0.0), None]);
    }
}
