//! Which instruments compare with which: the same base, on another venue, in the same quote currency or in USD and USDT.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{Instrument, InstrumentId};

use crate::market::Markets;

/// In what the value of pairs of different quote currencies is told.
pub const DOLLAR: &str = "USD";
/// The only other quote currency that may be compared with [`DOLLAR`].
pub const TETHER: &str = "USDT";

/// An instrument that compares with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partner {
    /// Which.
    pub id: InstrumentId,
    /// Whether a rate is needed: one is in USD, the other in USDT.
    pub needs_rate: bool,
}

/// Partners by instrument, and the books that tell what USDT is worth in USD. Follows from the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    partners: BTreeMap<InstrumentId, Vec<Partner>>,
    rates: Vec<InstrumentId>,
}

impl Routes {
    /// Adds an instrument that was just put into the catalogue. Its base and quote never change.
    pub(crate) fn add(&mut self, id: InstrumentId, markets: &Markets) {
        let Some(market) = markets.get(id) else { return };
        let new = &market.instrument;
        if new.base == TETHER && new.quote == DOLLAR {
            insert(&mut self.rates, id);
        }
        for other in markets.iter().map(|market| &market.instrument) {
            if let Some(needs_rate) = compare(new, other) {
                insert(self.partners.entry(id).or_default(), Partner { id: other.id, needs_rate });
                insert(self.partners.entry(other.id).or_default(), Partner { id, needs_rate });
            }
        }
    }

    /// What an instrument compares with.
    #[must_use]
    pub fn of(&self, id: InstrumentId) -> &[Partner] {
        self.partners.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The books of USDT in USD, by number.
    #[must_use]
    pub fn rates(&self) -> &[InstrumentId] {
        &self.rates
    }

    /// Every pair of instruments that compare, once.
    pub fn pairs(&self) -> impl Iterator<Item = (InstrumentId, Partner)> {
        let all = self.partners.iter().flat_map(|(id, partners)| partners.iter().map(|partner| (*id, *partner)));
        all.filter(|(id, partner)| *id < partner.id)
    }
}

/// Whether two instruments compare, and whether they need a rate for it.
fn compare(a: &Instrument, b: &Instrument) -> Option<bool> {
    if a.base != b.base || a.venue == b.venue {
        return None;
    }
    match (a.quote.as_str(), b.quote.as_str()) {
        (DOLLAR, TETHER) | (TETHER, DOLLAR) => Some(true),
        (a, b) if a == b => Some(false),
        _ => None,
    }
}

/// Adds to a sorted list what is not in it.
fn insert<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(place) = list.binary_search(&item) {
        list.insert(place, item);
    }
}
