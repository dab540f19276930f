//! How fast the price goes, and how far within its range.

use serde::{Deserialize, Serialize};

use super::average::Rsi;
use super::recent::Recent;
use super::row::Row;
use super::table::Column;
use crate::candle::Bar;

/// Bars of the stochastic's range, and of each of its two averages.
const STOCHASTIC: usize = 14;
const SMOOTH: usize = 3;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Momentum {
    closes: Recent,
    highs: Recent,
    lows: Recent,
    fast: Recent,
    slow: Recent,
    rsi: Rsi,
}

impl Momentum {
    pub(super) fn new() -> Self {
        Self {
            closes: Recent::new(13),
            highs: Recent::new(STOCHASTIC),
            lows: Recent::new(STOCHASTIC),
            fast: Recent::new(SMOOTH),
            slow: Recent::new(SMOOTH),
            rsi: Rsi::new(21),
        }
    }

    pub(super) fn update(&mut self, bar: &Bar, row: &mut Row) {
        self.closes.push(bar.close);
        self.highs.push(bar.high);
        self.lows.push(bar.low);
        row.set(Column::Rsi21, self.rsi.update(bar.close));
        row.set(Column::Roc12, self.closes.ago(12).map(|before| (bar.close / before - 1.0) * 100.0));
        row.set(Column::Mom10, self.closes.ago(10).map(|before| bar.close - before));
        row.set(Column::PriceChange, self.closes.ago(1).map(|before| bar.close / before - 1.0));
        if let (Some((low, _)), Some((_, high))) = (self.lows.range(STOCHASTIC), self.highs.range(STOCHASTIC)) {
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
