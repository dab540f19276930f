//! Where the price goes: averages of many lengths, Wilder's directional movement, Keltner's channel.

use serde::{Deserialize, Serialize};

use super::average::{Ema, Wilder};
use super::recent::Recent;
use super::row::Row;
use super::state::{distance_bps, true_range};
use super::table::Column;
use crate::candle::Bar;

/// Lengths of the averages, with their columns: mean, distance from it, exponential average, distance from that.
const AVERAGES: [(u16, Column, Column, Column, Option<Column>); 5] = [
    (10, Column::Sma10, Column::Sma10Bps, Column::Ema10, Some(Column::Ema10Bps)),
    // The distance from the exponential average of twenty bars is older than the others, and computed where it always was.
    (20, Column::Sma20, Column::Sma20Bps, Column::Ema20, None),
    (50, Column::Sma50, Column::Sma50Bps, Column::Ema50, Some(Column::Ema50Bps)),
    (100, Column::Sma100, Column::Sma100Bps, Column::Ema100, Some(Column::Ema100Bps)),
    (200, Column::Sma200, Column::Sma200Bps, Column::Ema200, Some(Column::Ema200Bps)),
];
/// Keltner's channel reaches so many average true ranges to both sides.
const KELTNER_RANGES: f64 = 2.0;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Trend {
    closes: Recent,
    averages: [Ema; AVERAGES.len()],
    directional: Directional,
    range: Wilder,
}

impl Trend {
    pub(super) fn new() -> Self {
        Self {
            closes: Recent::new(200),
            averages: AVERAGES.map(|(period, ..)| Ema::new(period)),
            directional: Directional::default(),
            range: Wilder::new(10),
        }
    }

    pub(super) fn update(&mut self, bar: &Bar, before: Option<&Bar>, row: &mut Row) {
        self.closes.push(bar.close);
        let mut middle = None;
        for ((period, sma, sma_bps, ema, ema_bps), average) in AVERAGES.iter().zip(&mut self.averages) {
            let mean = self.closes.mean(usize::from(*period));
            row.set(*sma, mean);
            row.set(*sma_bps, mean.map(|mean| distance_bps(bar.close, mean)));
            let exponential = average.update(bar.close);
            row.set(*ema, exponential);
            if let Some(ema_bps) = ema_bps {
                row.set(*ema_bps, exponential.map(|mean| distance_bps(bar.close, mean)));
            }
            if *period == 20 {
                middle = exponential;
            }
        }
        let Some(before) = before else { return };
        let range = self.range.update(true_range(bar, before.close));
        if let (Some(middle), Some(range)) = (middle, range) {
            let half = KELTNER_RANGES * range;
            let (upper, lower) = (middle + half, middle - half);
            row.set(Column::KeltnerUpper, Some(upper));
            row.set(Column::KeltnerMiddle, Some(middle));
            row.set(Column::KeltnerLower, Some(lower));
            let is_flat = upper <= lower;
            let percent = if is_flat { 0.5 } else { (bar.close - lower) / (upper - lower) };
            row.set(Column::KeltnerPercent, Some(percent));
        }
        let [plus, minus, adx] = self.directional.update(bar, before);
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

    /// Plus and minus direction and their index of the next bar.
    fn update(&mut self, bar: &Bar, before: &Bar) -> [Option<f64>; 3] {
        /// What TA-Lib takes for zero.
        const EPSILON: f64 = 1e-14;
        let period = f64::from(Self::PERIOD);
        let (up, down) = (bar.high - before.high, before.low - bar.low);
        let plus = if up > 0.0 && up > down { up } else { 0.0 };
        let minus = if down > 0.0 && up < down { down } else { 0.0 };
        let range = true_range(bar, before.close);
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
