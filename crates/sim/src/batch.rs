//! Changes of a book gathered between two messages, for venues that do not tell every change by itself.
//!
//! A message tells the first and the last change it contains, and the quantities that its levels have in the end. Its first
//! is one more than the last of the message before.

use std::collections::BTreeSet;

use types::{Price, Qty, Side};

use crate::market::book::Change;
use crate::market::listing::Listing;

/// What changed since the last message.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    first_id: u64,
    bids: BTreeSet<Price>,
    asks: BTreeSet<Price>,
}

/// What one message tells. Bids and asks begin with the best; a quantity of zero removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BatchEvent {
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
    pub(crate) bids: Vec<(Price, Qty)>,
    pub(crate) asks: Vec<(Price, Qty)>,
}

impl Batch {
    /// Begins after the change `last_id`.
    pub(crate) fn new(last_id: u64) -> Self {
        Self { first_id: last_id + 1, bids: BTreeSet::new(), asks: BTreeSet::new() }
    }

    pub(crate) fn add(&mut self, changes: &[Change]) {
        for change in changes {
            match change.side {
                Side::Buy => self.bids.insert(change.price),
                Side::Sell => self.asks.insert(change.price),
            };
        }
    }

    /// The message for what was gathered up to the change `last_id`; `None` when nothing has changed.
    pub(crate) fn take(&mut self, listing: &Listing, last_id: u64) -> Option<BatchEvent> {
        if last_id < self.first_id {
            return None;
        }
        let level = |side, price| (price, listing.book.qty_at(side, price));
        let event = BatchEvent {
            first_id: self.first_id,
            last_id,
            bids: self.bids.iter().rev().map(|price| level(Side::Buy, *price)).collect(),
            asks: self.asks.iter().map(|price| level(Side::Sell, *price)).collect(),
        };
        *self = Self::new(last_id);
        Some(event)
    }
}
