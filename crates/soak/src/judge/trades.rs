//! Trades of one instrument: every true one once, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sim::Sim;
use types::{Aggressor, InstrumentId, Qty, Side, Timestamp, Trade, Venue};

use super::{Followed, Knowable};

/// True trades that were not told yet; with more missing than this the box has lost sight of the market.
const PENDING_MAX: usize = 1_000_000;

/// Where a venue gives only its newest trades, those with so many newer ones are out of reach for good.
const REACH: u128 = 10_000;

/// What is still missing, and what was wrong.
#[derive(Clone, Debug)]
pub(crate) struct Trades {
    instrument: InstrumentId,
    /// Trades that happened before are nobody's.
    since: Timestamp,
    /// The newest true fill that was looked at.
    last_fill: u64,
    /// The newest identifier that was looked at.
    newest: u128,
    pending: BTreeMap<u128, Trade>,
    /// Of these, where the venue does not give all its trades, those that came within reach.
    offered: BTreeSet<u128>,
    needs_offer: bool,
    /// Trades that were out of reach for good, and are forgotten.
    forgotten: u64,
    /// True trades.
    pub(crate) truth: u64,
    /// Of these, those that were told.
    pub(crate) equal: u64,
    /// Trades that were told twice, or that did not happen.
    pub(crate) wrong: u64,
    /// The first of them, for people.
    pub(crate) first_wrong: Option<String>,
}

impl Trades {
    pub(crate) fn new(instrument: InstrumentId, venue: Venue, since: Timestamp) -> Self {
        Self {
            instrument,
            since,
            last_fill: 0,
            newest: 0,
            pending: BTreeMap::new(),
            offered: BTreeSet::new(),
            needs_offer: !Knowable::of(venue).all_trades,
            forgotten: 0,
            truth: 0,
            equal: 0,
            wrong: 0,
            first_wrong: None,
        }
    }

    /// A trade came within reach.
    pub(crate) fn offered(&mut self, sim: &Sim, followed: &Followed, id: u128) {
        self.look(sim, followed);
        if self.pending.contains_key(&id) && self.offered.insert(id) {
            self.truth += 1;
        }
    }

    /// A trade was told. Tells whether a newer one had been told before.
    pub(crate) fn told(&mut self, sim: &Sim, followed: &Followed, trade: &Trade) -> bool {
        self.look(sim, followed);
        if trade.venue_at <= self.since {
            return false;
        }
        self.offered.remove(&trade.id);
        match self.pending.remove(&trade.id) {
            Some(happened) if happened == *trade => self.equal += 1,
            happened => {
                self.wrong += 1;
                let text = || {
                    format!(
                        "{} {} at {}: {trade:?} instead of {happened:?}",
                        followed.venue,
                        followed.symbol,
                        sim.now()
                    )
                };
                self.first_wrong.get_or_insert_with(text);
            }
        }
        let is_repaired = trade.id < self.newest;
        self.newest = self.newest.max(trade.id);
        is_repaired
    }

    /// Takes over what has happened at the market since the last look.
    pub(crate) fn look(&mut self, sim: &Sim, followed: &Followed) {
        let before = self.pending.len();
        for fill in sim.trades_after(followed.venue, &followed.symbol, self.last_fill) {
            self.last_fill = fill.id;
            if fill.at <= self.since {
                continue;
            }
            let id = u128::from(if followed.venue == Venue::BinanceUs { fill.aggregate } else { fill.id });
            let aggressor = if fill.taker == Side::Buy { Aggressor::Buy } else { Aggressor::Sell };
            let trade = self.pending.entry(id).or_insert(Trade {
                instrument: self.instrument,
                id,
                price: fill.price,
                qty: Qty::ZERO,
                aggressor,
                fills: 0,
                venue_at: fill.at,
            });
            trade.qty = trade.qty.saturating_add(fill.qty);
            trade.fills += 1;
        }
        if !self.needs_offer {
            self.truth += (self.pending.len() - before) as u64;
        }
        if self.needs_offer {
            let lost = u128::from(self.last_fill).saturating_sub(REACH);
            while let Some(oldest) = self.pending.first_entry().filter(|entry| *entry.key() < lost) {
                if self.offered.contains(oldest.key()) {
                    break;
                }
                oldest.remove();
                self.forgotten += 1;
            }
        }
        while self.pending.len() > PENDING_MAX {
            self.pending.pop_first();
        }
    }

    /// Leaves those out that happened less than `within` ago: they may be on their way.
    pub(crate) fn settle(&mut self, now: Timestamp, within: Duration) {
        let is_fresh = |trade: &&Trade| trade.venue_at > now.minus(within);
        self.truth -= self.missing().filter(is_fresh).count() as u64;
    }

    /// True trades that could have been told and never were, the oldest first.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &Trade> {
        self.pending.values().filter(|trade| !self.needs_offer || self.offered.contains(&trade.id))
    }

    /// True trades that never came within reach.
    pub(crate) fn out_of_reach(&self) -> u64 {
        if self.needs_offer { self.forgotten + (self.pending.len() - self.offered.len()) as u64 } else { 0 }
    }
}
