//! The bars that the features look back on.

use serde::{Deserialize, Serialize};

use super::recent::Recent;
use super::state::typical;
use crate::candle::Bar;

/// An unbroken run of bars, as far back as any feature of a fixed look-back reaches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Past {
    pub(super) newest: Option<Bar>,
    /// The one before the newest.
    pub(super) before: Option<Bar>,
    pub(super) closes: Recent,
    pub(super) highs: Recent,
    pub(super) lows: Recent,
    pub(super) volumes: Recent,
    /// Typical price, and that times the volume.
    pub(super) typicals: Recent,
    pub(super) money: Recent,
    /// Log-return of each bar over the one before; one fewer than bars.
    pub(super) returns: Recent,
}

impl Past {
    pub(super) fn new() -> Self {
        Self {
            newest: None,
            before: None,
            closes: Recent::new(200),
            highs: Recent::new(14),
            lows: Recent::new(14),
            volumes: Recent::new(60),
            typicals: Recent::new(60),
            money: Recent::new(60),
            returns: Recent::new(60),
        }
    }

    pub(super) fn add(&mut self, bar: &Bar) {
        self.before = self.newest.replace(*bar);
        if let Some(before) = &self.before {
            self.returns.push(libm::log(bar.close / before.close));
        }
        self.closes.push(bar.close);
        self.highs.push(bar.high);
        self.lows.push(bar.low);
        self.volumes.push(bar.volume);
        let typical = typical(bar);
        self.typicals.push(typical);
        self.money.push(typical * bar.volume);
    }

    /// The newest log-return.
    pub(super) fn change(&self) -> Option<f64> {
        self.returns.ago(0)
    }

    /// The greatest of the newest bar's range and the distances of its ends from the close before (Wilder 1978).
    pub(super) fn true_range(&self) -> Option<f64> {
        let (bar, before) = (self.newest?, self.before?.close);
        Some((bar.high - bar.low).max((before - bar.high).abs()).max((before - bar.low).abs()))
    }
}
