//! The control that any trading is compared with: the same start money, bought in equal parts and held.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{Cash, InstrumentId, Qty, Rounding};

use crate::market::Markets;

/// Buy and hold without fees. When an instrument shows its first proven mid price, what the control is worth at that moment
/// is split anew in equal parts over all instruments with a price, each rounded down to a quantity unit; what is left over
/// stays cash. After the last instrument has joined nothing changes hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    cash: Cash,
    parts: BTreeMap<InstrumentId, Qty>,
}

impl Hold {
    pub(super) const fn new(start: Cash) -> Self {
        Self { cash: start, parts: BTreeMap::new() }
    }

    pub(super) fn join(&mut self, newcomer: InstrumentId, markets: &Markets) {
        if self.parts.contains_key(&newcomer) {
            return;
        }
        let mut rest = self.value(markets);
        self.parts.insert(newcomer, Qty::ZERO);
        let share = Cash(rest.0 / self.parts.len() as i64);
        for (id, qty) in &mut self.parts {
            let Some((market, price)) = markets.get(*id).and_then(|market| Some((market, market.mark()?))) else {
                continue;
            };
            *qty = market.instrument.scale.affordable(share, price);
            rest = rest.saturating_sub(market.instrument.scale.notional(price, *qty, Rounding::Ceil));
        }
        self.cash = rest;
    }

    /// True once the instrument has its part.
    #[must_use]
    pub fn holds(&self, instrument: InstrumentId) -> bool {
        self.parts.contains_key(&instrument)
    }

    /// What it is worth at the last proven mid prices.
    #[must_use]
    pub fn value(&self, markets: &Markets) -> Cash {
        self.parts.iter().fold(self.cash, |sum, (id, qty)| {
            let worth = markets
                .get(*id)
                .and_then(|market| Some(market.instrument.scale.notional(market.mark()?, *qty, Rounding::Floor)));
            sum.saturating_add(worth.unwrap_or(Cash::ZERO))
        })
    }
}
