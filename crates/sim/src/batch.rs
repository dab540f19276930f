//! Changes of a book gathered between two depth events.
//!
//! Every change of the book has one update identifier. An event tells the first (`U`) and the last (`u`) it contains, and
//! the quantities that its levels have in the end. `U` is one more than the `u` before.

use std::collections::BTreeSet;

use types::{Price, Qty, Side};

use crate::market::book::Change;
use crate::market::listing::Listing;

/// What changed since the last event.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    first_id: u64,
    bids: BTreeSet<Price>,
    asks: BTreeSet<Price>,
}

/// One depth event. Bids and asks begin with the best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DepthEvent {
    pub(super) first_id: u64,
    pub(super) last_id: u64,
    pub(super) bids: Vec<(Price, Qty)>,
    pub(super) asks: Vec<(Price, Qty)>,
}

impl Batch {
    /// Begins after the change `last_id`.
    pub(super) fn new(last_id: u64) -> Self {
        Self { first_id: last_id + 1, bids: BTreeSet::new(), asks: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, changes: &[Change]) {
        for change in changes {
            match change.side {
                Side::Buy => self.bids.insert(change.price),
                Side::Sell => self.asks.insert(change.price),
            };
        }
    }

    /// The event for what was gathered; `None` when nothing has changed.
    pub(super) fn take(&mut self, listing: &Listing) -> Option<DepthEvent> {
        if listing.update_id < self.first_id {
            return None;
        }
        let level = |side, price| (price, listing.book.qty_at(side, price));
        let event = DepthEvent {
            first_id: self.first_id,
            last_id: listing.update_id,
            bids: self.bids.iter().rev().map(|price| level(Side::Buy, *price)).collect(),
            asks: self.asks.iter().map(|price| level(Side::Sell, *price)).collect(),
        };
        *self = Self::new(listing.update_id);
        Some(event)
    }
}
