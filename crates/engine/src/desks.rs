//! All accounts: the first strategy's, those of its rivals, and the controls that every result is held against.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::effect::{ForecastRecord, Record, Severity};
use types::input::Decision;
use types::order::Liquidity;
use types::settings::EngineSettings;
use types::why::WhyForecast;
use types::{
    AccountId, AccountRecord, ArbitrageRecord, BreakerScope, Candle, Cash, Effects, Instrument, InstrumentId,
    Timestamp, Trade,
};

use crate::arbitrage::Scanner;
use crate::desk::mirror::Mirror;
use crate::desk::{Desk, Expectation, Mandate, Permit, Turn, deviation};
use crate::market::{Market, Markets};
use crate::notice::Notices;
use crate::portfolio::Portfolio;
use crate::risk::breaker::{Breakers, News};
use crate::risk::returns::Returns;
use crate::signal::{self, Outlook};
use crate::skill::SkillReport;

/// Most accounts there ever are, with those whose strategy is gone.
const ACCOUNTS_MAX: usize = 32;
const HOUR_NS: i64 = 3_600_000_000_000;

/// The moment of an input, as far as it is not the desks' own.
pub(crate) struct Here<'a> {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) settings: &'a EngineSettings,
    pub(crate) markets: &'a Markets,
    pub(crate) arbitrage: &'a Scanner,
    pub(crate) notices: &'a mut Notices,
    pub(crate) effects: &'a mut Effects,
}

/// Forecasts of a model that count, and what is known of them.
pub(crate) struct Made<'a> {
    pub(crate) forecasts: &'a [ForecastRecord],
    pub(crate) decision: Option<Decision>,
    /// From the end of the candle to the answer.
    pub(crate) took: Duration,
    /// The model's features in the last row it saw. Asked only for an order, as is the band.
    pub(crate) features: &'a dyn Fn() -> Vec<(String, f32)>,
    /// Half-width of the band around the forecast for so many minutes that holds nine of ten outcomes.
    pub(crate) band: &'a dyn Fn(u16) -> Option<f32>,
}

/// All accounts, and what they share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Desks {
    /// By number, which is not always the place.
    all: Vec<Desk>,
    pub(crate) is_trading: bool,
    pub(crate) is_clock_set: bool,
    /// The user's word outlives a restart.
    is_stopped_by_user: bool,
    returns: Returns,
    expected: BTreeMap<(InstrumentId, u16), Expectation>,
    breakers: Breakers,
    mirror: Mirror,
    /// The hour in which the skill of an instrument's forecast was looked at last.
    skill_hours: BTreeMap<InstrumentId, i64>,
    /// Orders made so far by this input.
    #[serde(skip)]
    rank: u16,
}

impl Desks {
    pub(crate) fn new() -> Self {
        let lead = Desk::open(AccountId::LEAD, "lead", Mandate::Lead, Cash::ZERO, Timestamp::EPOCH);
        Self {
            all: vec![lead],
            is_trading: false,
            is_clock_set: false,
            is_stopped_by_user: false,
            returns: Returns::default(),
            expected: BTreeMap::new(),
            breakers: Breakers::default(),
            mirror: Mirror::default(),
            skill_hours: BTreeMap::new(),
            rank: 0,
        }
    }

    /// The accounts as another version of the program left them.
    pub(crate) fn resumed(told: &[AccountRecord]) -> Self {
        let mut desks = Self::new();
        if let Some(lead) = told.iter().find(|told| told.account == AccountId::LEAD) {
            desks.is_stopped_by_user = lead.is_stopped_by_user;
            desks.all = told.iter().map(Desk::resumed).collect();
            desks.all.sort_by_key(|desk| desk.id);
        }
        desks
    }

    /// The first account.
    pub(crate) fn lead(&self) -> &Desk {
        &self.all[0]
    }

    /// All of them, by number.
    pub(crate) fn all(&self) -> &[Desk] {
        &self.all
    }

    pub(crate) const fn breakers(&self) -> &Breakers {
        &self.breakers
    }

    pub(crate) const fn returns(&self) -> &Returns {
        &self.returns
    }

    /// What the control that buys and holds is worth.
    pub(crate) fn hold(&self) -> Option<&Portfolio> {
        self.all.iter().find(|desk| desk.mandate == Mandate::Hold).map(|desk| &desk.portfolio)
    }

    /// An input begins.
    pub(crate) const fn begin(&mut self) {
        self.rank = 0;
    }

    /// All that another version of the program must know.
    pub(crate) fn tell_accounts(&mut self, at: Timestamp, boots: u64, effects: &mut Effects) {
        let is_stopped_by_user = self.is_stopped_by_user;
        for told in self.all.iter_mut().filter_map(|desk| desk.told(at, boots, is_stopped_by_user)) {
            effects.record(Record::Account(Box::new(told)));
        }
    }

    /// Every start: the accounts that the settings want.
    pub(crate) fn on_boot(&mut self, is_first: bool, here: &mut Here<'_>) {
        self.is_clock_set = false;
        self.is_trading = here.settings.risk.trading && !self.is_stopped_by_user;
        for name in self.seat(is_first, here.settings, here.at) {
            let text = format!(
                "Rival {name} gets no account: there have been {ACCOUNTS_MAX} already, and none is ever given away."
            );
            here.notices.tell(Severity::Warning, here.at, None, text, here.effects);
        }
        let mut lost = 0;
        self.each(here, |desk, turn| {
            lost += desk.on_boot(turn);
            for market in turn.markets.iter() {
                desk.on_instrument(&market.instrument, turn);
            }
        });
        if lost > 0 {
            let orders = if lost == 1 { "A paper order was" } else { "Paper orders were" };
            let text = format!(
                "{orders} at work when the box stopped ({lost}). What is not filled is cancelled as unknown: nobody saw what \
                 the market did meanwhile."
            );
            here.notices.tell(Severity::Info, here.at, None, text, here.effects);
        }
    }

    /// Gives everybody an account whom the settings name; tells the rivals for whom there is none.
    fn seat<'s>(&mut self, is_first: bool, settings: &'s EngineSettings, at: Timestamp) -> Vec<&'s str> {
        let mut left_out = Vec::new();
        let start = settings.risk.start_cash();
        if is_first {
            self.all.clear();
        }
        let is_tried = settings.arbitrage.enabled && settings.arbitrage.trade;
        let own = [
            (AccountId::LEAD, "lead", Some(Mandate::Lead)),
            (AccountId::HOLD, "hold", Some(Mandate::Hold)),
            (AccountId::RANDOM, "random", Some(Mandate::Random)),
            (AccountId::ARBITRAGE, "arbitrage", is_tried.then_some(Mandate::Arbitrage)),
        ];
        for (id, name, mandate) in own {
            match (self.all.iter_mut().find(|desk| desk.id == id), mandate) {
                (Some(desk), mandate) => desk.mandate = mandate.unwrap_or(Mandate::Retired),
                (None, Some(mandate)) => self.all.push(Desk::open(id, name, mandate, start, at)),
                (None, None) => {}
            }
        }
        for desk in self.all.iter_mut().filter(|desk| desk.id.is_rival()) {
            let is_wanted = settings.rivals.iter().any(|rival| rival.name == desk.name);
            desk.mandate = if is_wanted { Mandate::Rival } else { Mandate::Retired };
        }
        for rival in &settings.rivals {
            let is_known = self.all.iter().any(|desk| desk.id.is_rival() && desk.name == rival.name);
            if is_known {
                continue;
            }
            if self.all.len() == ACCOUNTS_MAX {
                left_out.push(rival.name.as_str());
                continue;
            }
            let taken = self.all.iter().map(|desk| desk.id).filter(|id| *id != AccountId::ARBITRAGE).max();
            let id = taken.map_or(AccountId::RIVAL, |last| AccountId(last.0 + 1));
            self.all.push(Desk::open(id, &rival.name, Mandate::Rival, start, at));
        }
        self.all.sort_by_key(|desk| desk.id);
        left_out
    }

    /// An instrument appeared in the catalogue, or was heard of again.
    pub(crate) fn on_instrument(&mut self, instrument: &Instrument, here: &mut Here<'_>) {
        self.each(here, |desk, turn| desk.on_instrument(instrument, turn));
    }

    /// The user allows or stops new positions. What is open may always be closed.
    pub(crate) fn on_trading(&mut self, on: bool, here: &mut Here<'_>) {
        (self.is_trading, self.is_stopped_by_user) = (on, !on);
        self.each(here, |desk, turn| {
            if !on && desk.mandate != Mandate::Hold {
                desk.on_stop(turn);
            }
        });
    }

    /// The user wants no positions: those of all strategies are closed, and no new ones are opened. The controls and the stock for
    /// differences between exchanges stay.
    pub(crate) fn flatten(&mut self, here: &mut Here<'_>) {
        self.on_trading(false, here);
        self.each(here, |desk, turn| {
            if matches!(desk.mandate, Mandate::Lead | Mandate::Rival | Mandate::Retired) {
                desk.flatten(turn);
            }
        });
    }

    /// Closes all breakers. False when none was open: a peak that may be forgotten at any time would make the limit worthless.
    pub(crate) fn reset_breakers(&mut self, here: &mut Here<'_>) -> bool {
        let mut is_reset = !self.breakers.open().is_empty();
        self.breakers.reset(here.at);
        self.each(here, |desk, turn| {
            if desk.portfolio.is_breaker_open() {
                desk.reset_breaker(turn);
                is_reset = true;
            }
        });
        is_reset
    }

    /// Whether the clock may be believed. While it may not nothing trades.
    pub(crate) fn on_clock(&mut self, is_set: bool, here: &mut Here<'_>) {
        self.is_clock_set = is_set;
        if !is_set {
            self.each(here, Desk::on_clock_lost);
        }
    }

    /// Time went on, before the input of this moment is looked at. `was_away` when nobody saw the market meanwhile.
    pub(crate) fn on_time(&mut self, was_away: bool, here: &mut Here<'_>) {
        let hold = self.all.iter_mut().find(|desk| desk.mandate == Mandate::Hold);
        let hold = hold.map_or(Cash::ZERO, |desk| {
            if desk.is_minute_over(here.at) {
                desk.portfolio.mark(here.markets);
            }
            desk.portfolio.equity()
        });
        self.each(here, |desk, turn| desk.on_time(was_away, hold, turn));
    }

    /// Once a second: positions whose time is over, tries that failed, breakers that may close, and what was drawn for now.
    pub(crate) fn on_tick(&mut self, here: &mut Here<'_>) {
        self.returns.roll(here.at, here.markets);
        self.breakers.on_time(&here.settings.risk.breakers, here.at);
        self.each(here, Desk::on_tick);
        while let Some(step) = self.mirror.next(here.at) {
            self.each(here, |desk, turn| {
                if desk.mandate == Mandate::Random {
                    desk.take_step(step, turn);
                }
            });
        }
    }

    /// A proven book came.
    pub(crate) fn on_book(&mut self, market: &Market, here: &mut Here<'_>) {
        let (instrument, settings) = (&market.instrument, &here.settings.risk.breakers);
        self.breakers.on_book(instrument, market.book(), here.markets.rate(&instrument.quote), settings, here.at);
        self.each(here, |desk, turn| desk.on_book(market, turn));
    }

    /// An opportunity between exchanges began.
    pub(crate) fn on_opportunity(&mut self, known: &ArbitrageRecord, here: &mut Here<'_>) {
        self.each(here, |desk, turn| {
            if desk.mandate == Mandate::Arbitrage {
                desk.seize(known, turn);
            }
        });
    }

    /// A trade happened.
    pub(crate) fn on_trade(&mut self, market: &Market, trade: &Trade, here: &mut Here<'_>) {
        self.each(here, |desk, turn| desk.on_trade(market, trade, turn));
    }

    /// Forecasts were made that count. `skill` tells how good such forecasts have been, which takes a while: it is asked once an hour.
    pub(crate) fn on_forecasts(
        &mut self,
        market: &Market,
        made: Made<'_>,
        skill: impl FnOnce() -> SkillReport,
        here: &mut Here<'_>,
    ) {
        let Made { forecasts, decision, took, features, band } = made;
        let (instrument, breakers) = (&market.instrument, &here.settings.risk.breakers);
        self.breakers.on_answer(instrument, took, breakers, here.at);
        let hour = here.at.as_nanos().div_euclid(HOUR_NS);
        if breakers.skill_below_max > 0 && self.skill_hours.insert(instrument.id, hour) != Some(hour) {
            let report = skill();
            self.breakers.on_skill(instrument, report.skill.unwrap_or(0.0), report.n, breakers, here.at);
        }
        let minute_deviation = deviation(market);
        for forecast in forecasts {
            let until = signal::exit_at(forecast);
            let expectation = Expectation { log_return: forecast.log_return, until };
            self.expected.insert((instrument.id, forecast.horizon_min), expectation);
            let why = || WhyForecast {
                model: forecast.model.clone(),
                open_time: forecast.open_time,
                horizon_min: forecast.horizon_min,
                log_return: forecast.log_return,
                p_up: forecast.p_up,
                band_90: band(forecast.horizon_min),
                decision,
                features: features(),
            };
            self.each_on(here, Some(&why), |desk, turn| {
                let taker = turn.terms(market, &desk.portfolio).rate(Liquidity::Taker);
                // Without a price nothing can be bought.
                if let Some(cost_cbps) = signal::round_trip_cbps(taker.0, market.book()) {
                    let outlook = Outlook { forecast, decision, cost_cbps, minute_deviation };
                    desk.on_forecast(market, &outlook, turn);
                }
            });
        }
    }

    /// A minute closed just now.
    pub(crate) fn on_minute(&mut self, market: &Market, candle: &Candle, here: &mut Here<'_>) {
        self.each(here, |desk, turn| desk.on_minute(market, candle, turn));
    }

    fn each(&mut self, here: &mut Here<'_>, act: impl FnMut(&mut Desk, &mut Turn<'_>)) {
        self.each_on(here, None, act);
    }

    fn each_on(
        &mut self,
        here: &mut Here<'_>,
        forecast: Option<&dyn Fn() -> WhyForecast>,
        mut act: impl FnMut(&mut Desk, &mut Turn<'_>),
    ) {
        let permit = Permit { is_trading: self.is_trading, is_clock_set: self.is_clock_set };
        let Self { all, returns, expected, breakers, mirror, rank, .. } = self;
        for desk in all {
            let mut turn = Turn {
                seq: here.seq,
                at: here.at,
                settings: here.settings,
                markets: here.markets,
                arbitrage: here.arbitrage,
                returns,
                expected,
                breakers,
                permit,
                notices: here.notices,
                effects: here.effects,
                forecast,
                rank,
            };
            act(desk, &mut turn);
            let is_lead = desk.mandate == Mandate::Lead;
            for done in desk.done().filter(|_| is_lead) {
                mirror.hear(done, here.markets, here.at);
            }
        }
        for News { record, text } in breakers.news() {
            here.effects.record(Record::Breaker(record));
            let (instrument, severity) = match record.scope {
                _ if text.is_empty() => continue,
                BreakerScope::Instrument(instrument) => (Some(instrument), Severity::Info),
                BreakerScope::Account(AccountId::LEAD) => (None, Severity::Warning),
                BreakerScope::Account(_) => continue,
            };
            here.notices.tell(severity, here.at, instrument, text, here.effects);
        }
    }
}
