//! Where the price goes: averages of many lengths, Bollinger's and Keltner's bands, Wilder's directional movement.

use serde::{Deserialize, Serialize};

use super::average::{Ema, Wilder};
use super::past::Past;
use super::recent::squares_around;
use super::row::Row;
use super::state::distance_bps;
use super::table::Column;
use crate::candle::Bar;

/// Bars of Bollinger's bands.
const BOLLINGER: usize = 20;
/// Bollinger's bands lie so many deviations, and Keltner's so many average true ranges, from their middle.
const REACH: f64 = 2.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Trend {
    ema_10: Ema<10>,
    ema_20: Ema<20>,
    ema_50: Ema<50>,
    ema_100: Ema<100>,
    ema_200: Ema<200>,
    directional: Directional,
    range_10: Wilder<10>,
    range_14: Wilder<14>,
}

impl Trend {
    pub(super) fn update(&mut self, bar: &Bar, past: &Past, row: &mut Row) {
        let close = bar.close;
        let mut average = |value: Option<f64>, column: Option<Column>, distance: Column| {
            if let Some(column) = column {
                row.set(column, value);
            }
            row.set(distance, value.map(|value| distance_bps(close, value)));
            value
        };
        average(self.ema_10.update(close), Some(Column::Ema10), Column::Ema10Bps);
        let ema = average(self.ema_20.update(close), Some(Column::Ema20), Column::Ema20Bps);
        average(self.ema_50.update(close), Some(Column::Ema50), Column::Ema50Bps);
        average(self.ema_100.update(close), Some(Column::Ema100), Column::Ema100Bps);
        average(self.ema_200.update(close), Some(Column::Ema200), Column::Ema200Bps);
        let mut closes = past.closes.growing();
        average(closes.mean(10), Some(Column::Sma10), Column::Sma10Bps);
        let sma = average(closes.mean(BOLLINGER), Some(Column::Sma20), Column::Sma20Bps);
        average(closes.mean(50), Some(Column::Sma50), Column::Sma50Bps);
        average(closes.mean(60), None, Column::Sma60Bps);
        average(closes.mean(100), Some(Column::Sma100), Column::Sma100Bps);
        average(closes.mean(200), Some(Column::Sma200), Column::Sma200Bps);
        if let Some((middle, closes)) = sma.zip(past.closes.last(BOLLINGER)) {
            let half = REACH * (squares_around(closes, middle) / BOLLINGER as f64).sqrt();
            let width =
                row.bands(close, middle, half, [Column::BbUpper, Column::BbMiddle, Column::BbLower], Column::BbPercent);
            row.set(Column::BbWidth, Some(width / middle));
        }
        let (Some(before), Some(range)) = (&past.before, past.true_range()) else { return };
        let atr = self.range_14.update(range);
        row.set(Column::Atr14, atr);
        row.set(Column::Natr14, atr.map(|atr| atr / close * 100.0));
        if let Some((middle, range)) = ema.zip(self.range_10.update(range)) {
            let columns = [Column::KeltnerUpper, Column::KeltnerMiddle, Column::KeltnerLower];
            row.bands(close, middle, REACH * range, columns, Column::KeltnerPercent);
        }
        let [plus, minus, adx] = self.directional.update(bar, before, range);
        row.set(Column::PlusDi14, plus);
        row.set(Column::MinusDi14, minus);
        row.set(Column::Adx14, adx);
    }
}

/// Wilder's directional movement over fourteen bars, seeded as TA-Lib's PLUS_DI, MINUS_DI and ADX: thirteen movements are summed, from
/// then on each sum loses a fourteenth of itself and gains the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Directional {
    seen: u16,
    plus: f64,
    minus: f64,
    range: f64,
    index: f64,
}

impl Directional {
    const PERIOD: u16 = 14;

    /// Plus and minus direction and their index of the next bar, whose true range is `range`.
    fn update(&mut self, bar: &Bar, before: &Bar, range: f64) -> [Option<f64>; 3] {
        /// What TA-Lib takes for zero.
        const EPSILON: f64 = 1e-14;
        let period = f64::from(Self::PERIOD);
        let (up, down) = (bar.high - before.high, before.low - bar.low);
        let plus = if up > 0.0 && up > down { up } else { 0.0 };
        let minus = if down > 0.0 && up < down { down } else { 0.0 };
        self.seen = self.seen.saturating_add(1);
        if self.seen < Self::PERIOD {
            self.plus += plus;
            self.minus += minus;
            self.range += range;
            return [None; 3];
        }
        self.plus = self.plus - self.plus / period + plus;
        self.minus = self.minus - self.minus / period + minus;
        self.range = self.range - self.range / period + range;
        let share = |movement: f64| if self.range < EPSILON { 0.0 } else { 100.0 * (movement / self.range) };
        let (plus, minus) = (share(self.plus), share(self.minus));
        let apart = if plus + minus < EPSILON { None } else { Some(100.0 * ((minus - plus).abs() / (plus + minus))) };
        let first = 2 * Self::PERIOD - 1;
        if self.seen <= first {
            self.index += apart.unwrap_or(0.0);
            if self.seen == first {
                self.index /= period;
            }
        } else if let Some(apart) = apart {
            self.index = (self.index * (period - 1.0) + apart) / period;
        }
        [Some(plus), Some(minus), (self.seen >= first).then_some(self.index)]
    }
}
