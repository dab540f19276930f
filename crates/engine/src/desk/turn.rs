//! One input's moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::account::AccountId;
use types::settings::EngineSettings;
use types::why::WhyForecast;
use types::{Effects, InstrumentId, OrderId, Timestamp};

use crate::arbitrage::{self, Scanner};
use crate::market::{Market, Markets};
use crate::notice::Notices;
use crate::paper::{self, Terms};
use crate::portfolio::Portfolio;
use crate::risk::breaker::Breakers;
use crate::risk::returns::Returns;

/// Order identifiers that one input can have.
const RANKS: u16 = 256;

/// Whether anything may be traded at all, for all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    /// New positions may be opened, as far as the user and the settings say.
    pub(crate) is_trading: bool,
    /// The clock may be believed.
    pub(crate) is_clock_set: bool,
}

/// What was last said of an instrument's return, and until when that counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Expectation {
    pub(crate) log_return: f32,
    pub(crate) until: Timestamp,
}

/// One input's moment: all that a desk may look at, and where it speaks.
pub(crate) struct Turn<'a> {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) settings: &'a EngineSettings,
    pub(crate) markets: &'a Markets,
    pub(crate) arbitrage: &'a Scanner,
    pub(crate) returns: &'a Returns,
    /// By instrument and horizon in minutes.
    pub(crate) expected: &'a BTreeMap<(InstrumentId, u16), Expectation>,
    pub(crate) breakers: &'a mut Breakers,
    pub(crate) permit: Permit,
    pub(crate) notices: &'a mut Notices,
    pub(crate) effects: &'a mut Effects,
    /// Tells of the forecast that is looked at, if one is.
    pub(crate) forecast: Option<&'a dyn Fn() -> WhyForecast>,
    /// Orders made so far by this input.
    pub(crate) rank: &'a mut u16,
}

impl Turn<'_> {
    /// What can be compared between exchanges.
    pub(crate) const fn exchanges(&self) -> arbitrage::Scene<'_> {
        let Self { at, settings, markets, permit, .. } = *self;
        arbitrage::Scene { at, settings, markets, is_clock_set: permit.is_clock_set }
    }

    /// Whether the same is traded elsewhere, and may be compared.
    pub(crate) fn is_compared(&self, instrument: InstrumentId) -> bool {
        self.arbitrage.compares(instrument, self.settings.arbitrage.usd_with_usdt)
    }

    /// What trading costs somebody who traded so much before.
    pub(crate) fn terms(&self, market: &Market, portfolio: &Portfolio) -> Terms {
        let venue = market.instrument.venue;
        Terms::new(&market.instrument, self.settings.fees.at(venue, self.at, portfolio.volume(venue, self.at)))
    }

    /// What the paper venue is for an instrument now.
    pub(crate) fn venue<'b>(&'b self, market: &'b Market, portfolio: &Portfolio) -> paper::Scene<'b> {
        let (instrument, book, settings) = (market.instrument.id, market.book(), &self.settings.paper);
        paper::Scene { instrument, book, terms: self.terms(market, portfolio), settings }
    }

    pub(crate) fn order_id(&mut self) -> Option<OrderId> {
        let rank = *self.rank;
        *self.rank = rank.saturating_add(1);
        (rank < RANKS).then(|| OrderId(self.seq.wrapping_mul(u64::from(RANKS)).wrapping_add(u64::from(rank))))
    }

    /// Opens the breaker of an account that lost too often in a row. True when that was so.
    pub(crate) fn judge_losses(&mut self, account: AccountId, losses: u16) -> bool {
        self.breakers.on_losses(account, losses, &self.settings.risk.breakers, self.at)
    }
}
