//! Where the volume goes.

use serde::{Deserialize, Serialize};

use super::recent::{Recent, sum};
use super::row::Row;
use super::state::typical;
use super::table::Column;
use crate::candle::Bar;

/// Bars of the shares.
const SHARE: usize = 20;
/// Bars of the money flow index.
const MONEY: usize = 14;
/// Below so much money TA-Lib's index is zero.
const MONEY_MIN: f64 = 1.0;
/// Typical prices closer than this share are the same: their decimals are, but for rounding.
const SAME: f64 = 1e-12;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Volume {
    volumes: Recent,
    /// Volume of bars that closed higher, less that of bars that closed lower.
    signed: Recent,
    /// Volume times the place of the close in the bar's range, -1 to 1.
    weighted: Recent,
    /// Money of bars whose typical price rose, and of those where it fell.
    inflow: Recent,
    outflow: Recent,
    balance: f64,
    trend: f64,
}

impl Volume {
    pub(super) fn new() -> Self {
        Self {
            volumes: Recent::new(SHARE),
            signed: Recent::new(SHARE),
            weighted: Recent::new(SHARE),
            inflow: Recent::new(MONEY),
            outflow: Recent::new(MONEY),
            balance: 0.0,
            trend: 0.0,
        }
    }

    pub(super) fn update(&mut self, bar: &Bar, before: Option<&Bar>, row: &mut Row) {
        self.volumes.push(bar.volume);
        let range = bar.high - bar.low;
        let place = if range > 0.0 { ((bar.close - bar.low) - (bar.high - bar.close)) / range } else { 0.0 };
        self.weighted.push(place * bar.volume);
        let volume = self.volumes.last(SHARE).map(sum);
        let share = |part: Option<&[f64]>| {
            let (part, volume) = (sum(part?), volume?);
            Some(if volume > 0.0 { part / volume } else { 0.0 })
        };
        row.set(Column::Cmf20, share(self.weighted.last(SHARE)));
        let Some(before) = before else {
            // As TA-Lib's OBV begins.
            self.balance = bar.volume;
            row.set(Column::Obv, Some(self.balance));
            return;
        };
        let direction = if bar.close > before.close { 1.0 } else { -f64::from(u8::from(bar.close < before.close)) };
        self.signed.push(direction * bar.volume);
        self.balance += direction * bar.volume;
        self.trend += bar.volume * (bar.close / before.close - 1.0);
        row.set(Column::Obv, Some(self.balance));
        row.set(Column::ObvShare20, share(self.signed.last(SHARE)));
        row.set(Column::Vpt, Some(self.trend));
        let change = (before.volume > 0.0).then(|| bar.volume / before.volume - 1.0);
        row.set(Column::VolumeChange, change);

        let (now, then) = (typical(bar), typical(before));
        let (money, step) = (now * bar.volume, now - then);
        self.inflow.push(if step > now * SAME { money } else { 0.0 });
        self.outflow.push(if step < -now * SAME { money } else { 0.0 });
        let index = self.inflow.last(MONEY).zip(self.outflow.last(MONEY)).map(|(inflow, outflow)| {
            let (inflow, both) = (sum(inflow), sum(inflow) + sum(outflow));
            if both < MONEY_MIN { 0.0 } else { 100.0 * (inflow / both) }
        });
        row.set(Column::Mfi14, index);
    }
}
