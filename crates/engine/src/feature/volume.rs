//! Where the volume goes, and at what price.

use serde::{Deserialize, Serialize};
use types::time::NS_PER_DAY;

use super::past::Past;
use super::recent::Recent;
use super::row::Row;
use super::state::{distance_bps, typical};
use super::table::Column;
use crate::candle::Bar;

/// Bars of the shares.
const SHARE: usize = 20;
/// Bars of the money flow index.
const MONEY: usize = 14;
/// Bars of the price weighted with volume.
const VWAP: usize = 60;
/// Below so much money TA-Lib's index is zero.
const MONEY_MIN: f64 = 1.0;
/// Typical prices closer than this share are the same: their decimals are, but for rounding.
const SAME: f64 = 1e-12;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Volume {
    session: Session,
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
            session: Session::default(),
            signed: Recent::new(SHARE),
            weighted: Recent::new(SHARE),
            inflow: Recent::new(MONEY),
            outflow: Recent::new(MONEY),
            balance: 0.0,
            trend: 0.0,
        }
    }

    pub(super) fn update(&mut self, bar: &Bar, past: &Past, row: &mut Row) {
        row.set(Column::Vwap, self.session.update(bar));
        let mut volumes = past.volumes.growing();
        let (of_share, of_vwap) = (volumes.sum(SHARE), volumes.sum(VWAP));
        let vwap = of_vwap.and_then(|volume| {
            if volume > 0.0 { past.money.sum(VWAP).map(|money| money / volume) } else { past.typicals.mean(VWAP) }
        });
        row.set(Column::Vwap60, vwap);
        row.set(Column::Vwap60Bps, vwap.map(|vwap| distance_bps(bar.close, vwap)));
        row.set(Column::VolumeRatio20, of_share.map(|volume| volume_ratio(bar.volume, volume / SHARE as f64)));
        let range = bar.high - bar.low;
        let place = if range > 0.0 { ((bar.close - bar.low) - (bar.high - bar.close)) / range } else { 0.0 };
        self.weighted.push(place * bar.volume);
        let share = |part: &Recent| {
            let (part, volume) = (part.sum(SHARE)?, of_share?);
            Some(if volume > 0.0 { part / volume } else { 0.0 })
        };
        row.set(Column::Cmf20, share(&self.weighted));
        let Some(before) = &past.before else {
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
        row.set(Column::ObvShare20, share(&self.signed));
        row.set(Column::Vpt, Some(self.trend));
        let change = (before.volume > 0.0).then(|| bar.volume / before.volume - 1.0);
        row.set(Column::VolumeChange, change);
        row.set(Column::Mfi14, self.money_flow(typical(bar), typical(before), bar.volume));
    }

    /// Money flow index of the next typical price.
    fn money_flow(&mut self, now: f64, then: f64, volume: f64) -> Option<f64> {
        let (money, step) = (now * volume, now - then);
        self.inflow.push(if step > now * SAME { money } else { 0.0 });
        self.outflow.push(if step < -now * SAME { money } else { 0.0 });
        let (inflow, outflow) = (self.inflow.sum(MONEY)?, self.outflow.sum(MONEY)?);
        let both = inflow + outflow;
        Some(if both < MONEY_MIN { 0.0 } else { 100.0 * (inflow / both) })
    }
}

/// Sums since 00:00 UTC of a day whose first bar was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Session {
    open: bool,
    value: f64,
    volume: f64,
}

impl Session {
    fn update(&mut self, bar: &Bar) -> Option<f64> {
        if bar.open_time.as_nanos().rem_euclid(NS_PER_DAY) == 0 {
            *self = Self { open: true, value: 0.0, volume: 0.0 };
        }
        self.value += typical(bar) * bar.volume;
        self.volume += bar.volume;
        (self.open && self.volume > 0.0).then(|| self.value / self.volume)
    }
}

/// The floor keeps a minute without volume finite (about -4.6) and near zero where volume is usual.
fn volume_ratio(volume: f64, mean: f64) -> f64 {
    let ratio = if mean > 0.0 { volume / mean } else { 1.0 };
    libm::log((ratio + 0.01) / 1.01)
}
