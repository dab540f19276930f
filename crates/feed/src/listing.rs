//! What a venue lists altogether, for those who choose what to watch.

use std::sync::Arc;

/// A pair that is traded at a venue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listing {
    /// The venue's own name of it, by which it is wanted.
    pub symbol: String,
    /// Base currency in canonical spelling.
    pub base: String,
    /// Quote currency in canonical spelling.
    pub quote: String,
}

/// All pairs of a venue that were traded when it told them last, by their names; empty before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listings(Arc<[Listing]>);

impl Listings {
    /// Takes over what the venue told.
    pub(crate) fn learn(&mut self, told: impl Iterator<Item = Listing>) {
        let mut told: Vec<Listing> = told.collect();
        told.sort_unstable();
        if *told != *self.0 {
            self.0 = told.into();
        }
    }

    pub(crate) fn all(&self) -> Arc<[Listing]> {
        self.0.clone()
    }
}
