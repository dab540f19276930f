//! What the screen may read of the engine. Nothing here changes anything.

use std::collections::BTreeMap;

use types::effect::{ForecastRecord, Notice};
use types::input::{Decision, ModelRole, ModelSeat, ModelSpec};
use types::order::Refusal;
use types::settings::EngineSettings;
use types::{AccountId, Cash, Fill, Instrument, InstrumentId, Price, Qty, Timestamp, Venue};

use crate::Engine;
use crate::arbitrage::ledger::Ledger;
use crate::arbitrage::{Outlook, Scene};
use crate::desk::{Desk, Mandate};
use crate::forecast::Missing;
use crate::market::Market;
use crate::paper::Working;
use crate::portfolio::{Portfolio, Rate};
use crate::quality::ClockStanding;
use crate::rejection::{Rejection, Rejections};
use crate::risk::breaker::Breakers;
use crate::risk::returns::Returns;
use crate::skill::{ScoreBook, SkillReport};

/// Read access to an [`Engine`].
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a Engine);

/// An open position as the screen shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionView<'a> {
    /// What is held.
    pub instrument: &'a Instrument,
    /// How much.
    pub qty: Qty,
    /// Average entry price without fees.
    pub entry: Option<Price>,
    /// What it is worth at the last proven mid price.
    pub value: Cash,
    /// Profit or loss at that price after entry fees.
    pub pnl: Cash,
    /// When its first part was bought.
    pub opened_at: Timestamp,
}

/// Read access to one account.
#[derive(Clone, Copy, Debug)]
pub struct AccountView<'a> {
    view: View<'a>,
    desk: &'a Desk,
}

impl<'a> AccountView<'a> {
    /// Its number.
    #[must_use]
    pub const fn id(self) -> AccountId {
        self.desk.id
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'a str {
        &self.desk.name
    }

    /// Its money and positions.
    #[must_use]
    pub const fn portfolio(self) -> &'a Portfolio {
        &self.desk.portfolio
    }

    /// Its open positions by instrument.
    pub fn positions(self) -> impl Iterator<Item = PositionView<'a>> {
        self.view.positions_of(self.portfolio())
    }

    /// Its orders at the paper venue or on their way, oldest first.
    #[must_use]
    pub fn orders(self) -> &'a [Working] {
        self.desk.venue.orders()
    }

    /// Its orders that risk refused, by reason.
    #[must_use]
    pub const fn refusals(self) -> &'a BTreeMap<Refusal, u64> {
        &self.desk.refusals
    }

    /// False once the settings do not name its strategy any more.
    #[must_use]
    pub fn is_active(self) -> bool {
        self.desk.mandate != Mandate::Retired
    }
}

impl<'a> View<'a> {
    pub(crate) const fn new(engine: &'a Engine) -> Self {
        Self(engine)
    }

    /// Sequence number of the last input that was in order.
    #[must_use]
    pub const fn seq(self) -> u64 {
        self.0.seq
    }

    /// Time of that input.
    #[must_use]
    pub const fn at(self) -> Timestamp {
        self.0.at
    }

    /// How often the program started.
    #[must_use]
    pub const fn boots(self) -> u64 {
        self.0.boots
    }

    /// When it started last.
    #[must_use]
    pub const fn booted_at(self) -> Timestamp {
        self.0.booted_at
    }

    /// Version of the program that started last.
    #[must_use]
    pub fn version(self) -> &'a str {
        &self.0.version
    }

    /// Settings of the last start.
    #[must_use]
    pub const fn settings(self) -> &'a EngineSettings {
        &self.0.settings
    }

    /// All instruments with what was heard of them, by id.
    pub fn markets(self) -> impl Iterator<Item = &'a Market> {
        self.0.markets.iter()
    }

    /// One instrument with what was heard of it.
    #[must_use]
    pub fn market(self, instrument: InstrumentId) -> Option<&'a Market> {
        self.0.markets.get(instrument)
    }

    /// The first account.
    #[must_use]
    pub fn portfolio(self) -> &'a Portfolio {
        &self.0.desks.lead().portfolio
    }

    /// All accounts, the first one first.
    pub fn accounts(self) -> impl Iterator<Item = AccountView<'a>> {
        self.0.desks.all().iter().map(move |desk| AccountView { view: self, desk })
    }

    /// What a unit of a currency is worth in dollars.
    #[must_use]
    pub fn rate(self, currency: &str) -> Option<Rate> {
        self.0.markets.rate(currency)
    }

    /// Breakers that are open, but for those of drawdowns, which accounts know themselves.
    #[must_use]
    pub const fn breakers(self) -> &'a Breakers {
        self.0.desks.breakers()
    }

    /// How prices moved together over the last day.
    #[must_use]
    pub const fn returns(self) -> &'a Returns {
        self.0.desks.returns()
    }

    /// Open positions of the first account by instrument.
    pub fn positions(self) -> impl Iterator<Item = PositionView<'a>> {
        self.positions_of(self.portfolio())
    }

    fn positions_of(self, portfolio: &'a Portfolio) -> impl Iterator<Item = PositionView<'a>> {
        portfolio.holdings().iter().filter_map(move |(id, holding)| {
            let market = self.market(*id)?;
            let (instrument, scale) = (&market.instrument, market.instrument.scale);
            let price = market.mark()?;
            Some(PositionView {
                instrument,
                qty: holding.qty,
                entry: holding.entry(scale),
                value: holding.value(scale, price),
                pnl: holding.pnl(scale, price),
                opened_at: holding.opened_at,
            })
        })
    }

    /// What the account that buys once and holds is worth, as of the last minute.
    #[must_use]
    pub fn hold_value(self) -> Cash {
        self.0.desks.hold().map_or(Cash::ZERO, Portfolio::equity)
    }

    /// Orders of the first account at the paper venue or on their way, oldest first.
    #[must_use]
    pub fn orders(self) -> &'a [Working] {
        self.0.desks.lead().venue.orders()
    }

    /// Newest fills of the first account, newest first.
    pub fn fills(self) -> impl Iterator<Item = &'a Fill> {
        self.0.desks.lead().fills.iter().rev()
    }

    /// True when new positions may be opened, as far as the user and the settings say.
    #[must_use]
    pub const fn is_trading(self) -> bool {
        self.0.desks.is_trading
    }

    /// True when the clock may be believed.
    #[must_use]
    pub const fn is_clock_set(self) -> bool {
        self.0.desks.is_clock_set
    }

    /// A venue's time minus ours, nanoseconds, as far as its messages tell; `None` before enough of them.
    #[must_use]
    pub fn venue_ahead_ns(self, venue: Venue) -> Option<i64> {
        self.0.markets.ahead_ns(venue)
    }

    /// What is thought of a venue's clock.
    #[must_use]
    pub fn venue_clock(self, venue: Venue) -> ClockStanding {
        self.0.markets.clock(venue)
    }

    /// Orders of the first account that risk refused, by reason.
    #[must_use]
    pub fn refusals(self) -> &'a BTreeMap<Refusal, u64> {
        &self.0.desks.lead().refusals
    }

    /// Inputs that were not used, by reason.
    #[must_use]
    pub const fn rejections(self) -> &'a Rejections {
        &self.0.rejections
    }

    /// Forecasts that came after the next minute had closed.
    #[must_use]
    pub fn late_predictions(self) -> u64 {
        self.rejections().of(Rejection::PredictionLate)
    }

    /// The models, and whether each has features that are ours.
    pub fn models(self) -> impl Iterator<Item = (&'a ModelSeat, bool)> {
        self.0.forecasts.seats()
    }

    /// The first active model, whether or not it may be asked.
    #[must_use]
    pub fn model(self) -> Option<&'a ModelSpec> {
        self.models().find(|(seat, _)| seat.role == ModelRole::Active).map(|(seat, _)| &seat.spec)
    }

    /// The active model that tells a horizon for an instrument; of several the first one.
    #[must_use]
    pub fn lead(self, instrument: InstrumentId, horizon_min: u16) -> Option<&'a ModelSeat> {
        self.0.forecasts.lead(instrument, horizon_min)
    }

    /// All horizons that some active model tells for an instrument, the shortest first.
    #[must_use]
    pub fn horizons(self, instrument: InstrumentId) -> Vec<u16> {
        let active = self.models().filter(|(seat, _)| seat.role == ModelRole::Active && seat.covers(instrument));
        let mut horizons: Vec<u16> = active.flat_map(|(seat, _)| seat.spec.horizons_min.iter().copied()).collect();
        horizons.sort_unstable();
        horizons.dedup();
        horizons
    }

    /// What a model would do with an instrument, and the last minute it saw for that.
    #[must_use]
    pub fn decision(self, model: &str, instrument: InstrumentId) -> Option<(Timestamp, Decision)> {
        self.0.forecasts.decision(model, instrument)
    }

    /// The newest forecast of an instrument and horizon.
    #[must_use]
    pub fn forecast(self, instrument: InstrumentId, horizon_min: u16) -> Option<&'a ForecastRecord> {
        self.0.forecasts.newest(instrument, horizon_min)
    }

    /// Why an instrument's newest minute has no forecast; `None` when it has one, or for an unknown instrument.
    #[must_use]
    pub fn forecast_missing(self, instrument: InstrumentId) -> Option<Missing> {
        self.0.forecasts.missing(self.market(instrument)?)
    }

    /// Skill of the model that leads at a horizon, over the last seven days. About a millisecond: ask once a minute.
    #[must_use]
    pub fn skill(self, instrument: InstrumentId, horizon_min: u16) -> SkillReport {
        self.0.forecasts.report(instrument, horizon_min)
    }

    /// The record of the model that leads at a horizon; `None` before its first forecast.
    #[must_use]
    pub fn scores(self, instrument: InstrumentId, horizon_min: u16) -> Option<&'a ScoreBook> {
        self.0.forecasts.scores(instrument, horizon_min)
    }

    /// The record of a model, leading or not; `None` before its first forecast.
    #[must_use]
    pub fn scores_of(self, model: &str) -> Option<&'a ScoreBook> {
        self.0.forecasts.scores_of(model)
    }

    /// Open time of the oldest forecast in [`View::skill`].
    #[must_use]
    pub fn skill_since(self, instrument: InstrumentId, horizon_min: u16) -> Option<Timestamp> {
        self.scores(instrument, horizon_min)?.since(instrument, horizon_min)
    }

    /// Opportunities between exchanges.
    #[must_use]
    pub const fn arbitrage(self) -> &'a Ledger {
        self.0.arbitrage.ledger()
    }

    /// What can be compared between exchanges just now. Looks at every pair of books: ask a few times a second.
    #[must_use]
    pub fn arbitrage_outlook(self) -> Outlook {
        let (at, settings, markets) = (self.0.at, &self.0.settings, &self.0.markets);
        self.0.arbitrage.outlook(Scene { at, settings, markets, is_clock_set: self.is_clock_set() })
    }

    /// Newest notices, newest first.
    pub fn notices(self) -> impl Iterator<Item = &'a Notice> {
        self.0.notices.newest_first()
    }
}
