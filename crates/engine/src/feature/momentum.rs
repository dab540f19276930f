//! How fast the price goes, and how far within its range.

use serde::{Deserialize, Serialize};

use super::average::{Macd, Rsi};
use super::past::Past;
use super::recent::Recent;
use super::row::Row;
use super::table::Column;
use crate::candle::Bar;

/// Bars of the stochastic's range, and of each of its two averages.
const STOCHASTIC: usize = 14;
const SMOOTH: usize = 3;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Momentum {
    fast: Recent,
    slow: Recent,
    rsi_14: Rsi<14>,
    rsi_21: Rsi<21>,
    macd: Macd,
}

impl Momentum {
    pub(super) fn new() -> Self {
        Self {
            fast: Recent::new(SMOOTH),
            slow: Recent::new(SMOOTH),
            rsi_14: Rsi::default(),
            rsi_21: Rsi::default(),
            macd: Macd::default(),
        }
    }

    pub(super) fn update(&mut self, bar: &Bar, past: &Past, row: &mut Row) {
        if let Some(before) = past.closes.ago(1) {
            row.set(Column::Rsi14, self.rsi_14.update(bar.close - before));
            row.set(Column::Rsi21, self.rsi_21.update(bar.close - before));
            row.set(Column::PriceChange, Some(bar.close / before - 1.0));
        }
        if let Some([macd, signal, histogram]) = self.macd.update(bar.close) {
            row.set(Column::Macd, Some(macd));
            row.set(Column::MacdSignal, Some(signal));
            row.set(Column::MacdHist, Some(histogram));
            row.set(Column::MacdHistBps, Some(histogram / bar.close * 1e4));
        }
        row.set(Column::Roc12, past.closes.ago(12).map(|before| (bar.close / before - 1.0) * 100.0));
        row.set(Column::Mom10, past.closes.ago(10).map(|before| bar.close - before));
        if let Some((low, high)) = past.lows.lowest(STOCHASTIC).zip(past.highs.highest(STOCHASTIC)) {
            let place = if high > low { (bar.close - low) / (high - low) * 100.0 } else { 0.0 };
            self.fast.push(place);
            if let Some(slow) = self.fast.mean(SMOOTH) {
                self.slow.push(slow);
                if let Some(slower) = self.slow.mean(SMOOTH) {
                    row.set(Column::StochK, Some(slow));
                    row.set(Column::StochD, Some(slower));
                }
            }
        }
        let middle = (bar.high + bar.low) / 2.0;
        row.set(Column::Hl2, Some(middle));
        row.set(Column::Hl2Bps, Some((bar.close - middle) / middle * 1e4));
    }
}
