//! The control that any trading is compared with: the same start money, bought in equal parts and held.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{Cash, InstrumentId, Qty, Rounding};

use crate::market::{Market, Markets};

/// Buy and hold without fees. When an instrument shows its first proven mid price, what the control is worth at that moment
/// is split anew in equal parts over all instruments with a price, each rounded down to a quantity unit; what is left over
/// stays cash. After the last instrument has joined nothing changes hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    cash: Cash,
    parts: BTreeMap<InstrumentId, Part>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    qty: Qty,
    /// What it was worth when it was bought, or when another version of the program wrote it down: counts until there is a
    /// price.
    worth: Cash,
}

impl Hold {
    pub(super) const fn new(start: Cash) -> Self {
        Self { cash: start, parts: BTreeMap::new() }
    }

    /// What was written down of it.
    pub(super) fn resumed(cash: Cash, parts: &[(InstrumentId, Qty, Cash)]) -> Self {
        Self { cash, parts: parts.iter().map(|(id, qty, worth)| (*id, Part { qty: *qty, worth: *worth })).collect() }
    }

    /// Its cash, and what it holds with what that is worth.
    pub(super) fn told(&self, markets: &Markets) -> (Cash, Vec<(InstrumentId, Qty, Cash)>) {
        (self.cash, self.parts.iter().map(|(id, part)| (*id, part.qty, part.value(*id, markets))).collect())
    }

    pub(super) fn join(&mut self, newcomer: InstrumentId, markets: &Markets) {
        if self.parts.contains_key(&newcomer) {
            return;
        }
        let mut rest = self.value(markets);
        self.parts.insert(newcomer, Part::default());
        let share = Cash(rest.0 / self.parts.len() as i64);
        for (id, part) in &mut self.parts {
            let Some((market, price)) = markets.get(*id).and_then(|market| Some((market, market.mark()?))) else {
                continue;
            };
            let qty = market.instrument.scale.affordable(share, price);
            let worth = market.instrument.scale.notional(price, qty, Rounding::Ceil);
            *part = Part { qty, worth };
            rest = rest.saturating_sub(worth);
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
        self.parts.iter().fold(self.cash, |sum, (id, part)| sum.saturating_add(part.value(*id, markets)))
    }
}

impl Part {
    fn value(&self, id: InstrumentId, markets: &Markets) -> Cash {
        let value = |market: &Market| Some(market.instrument.scale.notional(market.mark()?, self.qty, Rounding::Floor));
        markets.get(id).and_then(value).unwrap_or(self.worth)
    }
}
