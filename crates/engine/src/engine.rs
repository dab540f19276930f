//! The loop: one input in, effects out.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::effect::Severity;
use types::input::{Answer, Command, ModelSeat, ModelSpec};
use types::market::{StaleReason, VenueCandle};
use types::quality::QuarantineRecord;
use types::settings::EngineSettings;
use types::{
    AccountRecord, BookTop, Cash, Effects, Input, Instrument, InstrumentId, Price, QualityMinute, Record, RulesRecord,
    Stamped, StatusRecord, Ticker, Timeframe, Timestamp, Trade, TradingStatus,
};

use crate::arbitrage::{Pen, Scanner, Scene};
use crate::candle::{Change, Closed};
use crate::desks::{Desks, Here, Made};
use crate::feature::Stake;
use crate::forecast::Forecasts;
use crate::market::{Market, Markets, Moment};
use crate::mood::Moods;
use crate::notice::{self, Notices};
use crate::quality::ClockStanding;
use crate::rejection::{Rejection, Rejections};
use crate::seal::Chain;
use crate::view::View;

/// Version of the [`Engine`]'s serialised form. A checkpoint of another version cannot be decoded.
pub const STATE_VERSION: u32 = 15;

/// No input can be later than this: 2200-01-01T00:00:00Z. Keeps all arithmetic on times away from the end of their range.
pub const TIME_MAX: Timestamp = Timestamp::from_date(2200, 1, 1);

/// The whole state of the middle. Encode it with postcard for a checkpoint.
///
/// Two engines that took the same inputs are equal and give the same effects from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) boots: u64,
    pub(crate) booted_at: Timestamp,
    pub(crate) version: String,
    pub(crate) settings: EngineSettings,
    pub(crate) markets: Markets,
    pub(crate) forecasts: Forecasts,
    pub(crate) desks: Desks,
    pub(crate) arbitrage: Scanner,
    moods: Moods,
    pub(crate) notices: Notices,
    pub(crate) rejections: Rejections,
    /// Another version of the program left only the account, and nothing was said of it yet.
    is_resumed: bool,
    /// What was last said of the clock since the start.
    is_clock_told: Option<bool>,
    /// Reused between inputs; always empty between them.
    #[serde(skip)]
    fresh: Vec<Closed>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine that was never started: it takes nothing but [`Input::Boot`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            seq: 0,
            at: Timestamp::EPOCH,
            boots: 0,
            booted_at: Timestamp::EPOCH,
            version: String::new(),
            settings: EngineSettings::default(),
            markets: Markets::default(),
            forecasts: Forecasts::default(),
            desks: Desks::new(),
            arbitrage: Scanner::default(),
            moods: Moods::default(),
            notices: Notices::default(),
            rejections: Rejections::default(),
            is_resumed: false,
            is_clock_told: None,
            fresh: Vec::new(),
        }
    }

    /// An engine that goes on with the accounts and the chain of forecasts that another version of the program left, and with
    /// nothing else: markets, indicators and scores begin anew.
    #[must_use]
    pub fn resumed(accounts: &[AccountRecord], chain: Chain) -> Self {
        let mut forecasts = Forecasts::default();
        forecasts.resume(chain);
        let boots = accounts.iter().map(|account| account.boots).max().unwrap_or(0).max(1);
        Self { boots, is_resumed: true, desks: Desks::resumed(accounts), forecasts, ..Self::new() }
    }

    /// Takes one input and adds what follows from it to `effects`. Never fails: what cannot be used is counted by reason.
    ///
    /// Sequence numbers rise from 1 and times never fall; see [`Stamped`].
    pub fn handle(&mut self, input: &Stamped<Input>, effects: &mut Effects) {
        self.desks.begin();
        let outcome = self.admit(input).and_then(|()| {
            self.pass_time(matches!(input.input, Input::Boot { .. }), effects);
            self.apply(&input.input, effects)
        });
        let instrument = instrument_of(&input.input);
        if let Err(reason) = outcome {
            self.refuse(reason, instrument);
        }
        if let Some(instrument) = instrument {
            self.set_aside(instrument, effects);
        }
        self.seize(effects);
        self.desks.tell_accounts(self.at, self.boots, effects);
    }

    fn refuse(&mut self, reason: Rejection, instrument: Option<InstrumentId>) {
        self.rejections.count(reason, self.at, instrument);
        if let Some(market) = instrument.and_then(|instrument| self.markets.get_mut(instrument).ok()) {
            market.quality.on_refused();
        }
    }

    /// What the screen may read.
    #[must_use]
    pub const fn view(&self) -> View<'_> {
        View::new(self)
    }

    fn admit(&mut self, input: &Stamped<Input>) -> Result<(), Rejection> {
        if input.seq <= self.seq {
            return Err(Rejection::SeqNotIncreasing);
        }
        if !(Timestamp::EPOCH..=TIME_MAX).contains(&input.at) {
            return Err(Rejection::TimeImpossible);
        }
        if input.at < self.at {
            return Err(Rejection::TimeBackwards);
        }
        let is_boot = matches!(input.input, Input::Boot { .. });
        if !is_boot {
            self.markets.pass(input.at, input.at.since(self.at), self.desks.is_clock_set);
        }
        (self.seq, self.at) = (input.seq, input.at);
        if self.boots == 0 && !is_boot { Err(Rejection::BeforeBoot) } else { Ok(()) }
    }

    fn pass_time(&mut self, was_away: bool, effects: &mut Effects) {
        if self.boots > 0 {
            let (desks, mut here) = self.here(effects);
            desks.on_time(was_away, &mut here);
        }
    }

    fn apply(&mut self, input: &Input, effects: &mut Effects) -> Result<(), Rejection> {
        match input {
            Input::Boot { version, settings } => self.boot(version, settings, effects),
            Input::Instrument(instrument) => return self.instrument(instrument, effects),
            Input::Model(spec) => {
                let alone: Vec<ModelSeat> = spec.iter().cloned().map(ModelSeat::alone).collect();
                return self.models(&alone, effects);
            }
            Input::Clock { synchronised } => self.clock(*synchronised, effects),
            Input::Book(top) => return self.book(top, effects),
            Input::BookStale { instrument, reason } => return self.book_stale(*instrument, *reason, effects),
            Input::Trade(trade) => return self.trade(trade, effects),
            Input::Candle(candle) => return self.candle(candle, effects),
            Input::Prediction(prediction) => return self.answer(&prediction.clone().into(), effects),
            Input::Tick => self.tick(effects),
            Input::Command(command) => self.command(*command, effects),
            Input::Ticker(ticker) => return self.ticker(ticker),
            Input::Quality(minute) => return self.quality(minute, effects),
            Input::TradesMissing(missing) => self.markets.get_mut(missing.instrument)?.on_missing(missing),
            Input::Status { instrument, status } => return self.status(*instrument, *status, effects),
            Input::Models { seats, news } => {
                if let Some((severity, text)) = news {
                    self.notices.tell(*severity, self.at, None, text.clone(), effects);
                }
                return self.models(seats, effects);
            }
            Input::Answer(answer) => return self.answer(answer, effects),
            Input::History(told) => return self.markets.get_mut(told.instrument)?.on_history(told, self.at),
            Input::Mood(mood) => return self.moods.on_mood(mood, self.at),
        }
        Ok(())
    }

    /// Goes on with other settings, as if they had always been there: for a replay that asks "what if".
    pub fn set_settings(&mut self, settings: &EngineSettings) {
        self.settings.clone_from(settings);
    }

    fn boot(&mut self, version: &str, settings: &EngineSettings, effects: &mut Effects) {
        self.boots += 1;
        self.booted_at = self.at;
        version.clone_into(&mut self.version);
        self.settings.clone_from(settings);
        let is_first = self.boots == 1;
        self.is_clock_told = None;
        self.markets.restart_times();
        for market in self.markets.iter_mut() {
            market.on_stale(StaleReason::Disconnected, self.at);
        }
        // Nothing is loaded before the box says so; without a model nothing can be wrong with it.
        self.set_models(&[], |_, _| {});
        let (desks, mut here) = self.here(effects);
        desks.on_boot(is_first, &mut here);
        let (arbitrage, _, mut pen) = self.scan(effects);
        arbitrage.on_boot(&mut pen);
        if core::mem::take(&mut self.is_resumed) {
            let text = "This is another version of the program: the account goes on as it was, indicators and the live \
                        scores begin anew.";
            self.notices.tell(Severity::Info, self.at, None, text.to_owned(), effects);
        }
    }

    fn clock(&mut self, synchronised: bool, effects: &mut Effects) {
        let was_told = self.is_clock_told.replace(synchronised);
        let (desks, mut here) = self.here(effects);
        desks.on_clock(synchronised, &mut here);
        let text = match (was_told, synchronised) {
            (None | Some(true), false) => {
                Some("The clock is not set yet: recording, not trading. What is recorded is marked.")
            }
            (Some(false), true) => Some("The clock is set."),
            _ => None,
        };
        if let Some(text) = text {
            let severity = if synchronised { Severity::Info } else { Severity::Warning };
            self.notices.tell(severity, self.at, None, text.to_owned(), effects);
        }
        let (arbitrage, scene, mut pen) = self.scan(effects);
        arbitrage.on_time(scene, &mut pen);
    }

    /// Tries what began between exchanges with this input.
    fn seize(&mut self, effects: &mut Effects) {
        for known in self.arbitrage.take_begun() {
            let (desks, mut here) = self.here(effects);
            desks.on_opportunity(&known, &mut here);
        }
    }

    fn instrument(&mut self, instrument: &Instrument, effects: &mut Effects) -> Result<(), Rejection> {
        let known = self.markets.get(instrument.id).map(|market| &market.instrument);
        let (is_new, is_news) = (known.is_none(), known != Some(instrument));
        let market = self.markets.put(instrument)?;
        if is_new {
            self.forecasts.prepare(market);
            self.arbitrage.on_instrument(instrument.id, &self.markets);
        }
        if is_news {
            effects.record(Record::Rules(Box::new(RulesRecord { at: self.at, instrument: instrument.clone() })));
        }
        let (desks, mut here) = self.here(effects);
        desks.on_instrument(instrument, &mut here);
        Ok(())
    }

    fn status(
        &mut self,
        instrument: InstrumentId,
        status: TradingStatus,
        effects: &mut Effects,
    ) -> Result<(), Rejection> {
        let market = self.markets.get_mut(instrument)?;
        let before = market.status.replace(status);
        if before == Some(status) {
            return Ok(());
        }
        effects.record(Record::Status(StatusRecord { instrument, at: self.at, status }));
        let name = format!("{} on {}", market.instrument.pair(), market.instrument.venue.name());
        let text = match (before, status) {
            (None, TradingStatus::Trading) => None,
            (_, TradingStatus::Trading) => Some(format!("{name} is traded again.")),
            (_, TradingStatus::Halted) => {
                Some(format!("{name} is not traded at the moment: the exchange has halted it."))
            }
            (_, TradingStatus::NotListed) => Some(format!("{name} is not listed any more.")),
        };
        if let Some(text) = text {
            let severity = if status == TradingStatus::Trading { Severity::Info } else { Severity::Warning };
            self.notices.tell(severity, self.at, Some(instrument), text, effects);
        }
        Ok(())
    }

    fn models(&mut self, seats: &[ModelSeat], effects: &mut Effects) -> Result<(), Rejection> {
        let mut refused = Vec::new();
        self.set_models(seats, |spec, reason| refused.push((spec.name.clone(), reason)));
        for (name, reason) in &refused {
            let text = match reason {
                Rejection::ModelFingerprint => format!(
                    "Model {name} is not used: it was trained on other features than this version computes. Train or fetch one \
                     for this version."
                ),
                _ => format!("Model {name} is not used: its description makes no sense."),
            };
            self.notices.tell(Severity::Warning, self.at, None, text, effects);
        }
        refused.first().map_or(Ok(()), |(_, reason)| Err(*reason))
    }

    fn set_models(&mut self, seats: &[ModelSeat], refused: impl FnMut(&ModelSpec, Rejection)) {
        self.forecasts.set_models(seats, refused);
        for market in self.markets.iter_mut() {
            self.forecasts.prepare(market);
        }
    }

    fn book(&mut self, top: &BookTop, effects: &mut Effects) -> Result<(), Rejection> {
        let id = top.instrument;
        if let Some(venue_at) = top.venue_at {
            self.markets.hear_time(id, self.at, venue_at, self.desks.is_clock_set);
        }
        let moment = self.moment(id);
        let elsewhere = self.elsewhere(id, |market| market.doubts_book(top, moment.at));
        let taken = self.markets.get_mut(id)?.on_book(top, moment, &elsewhere);
        if taken.is_err() {
            self.book_lost(id, effects);
            return taken;
        }
        let (desks, mut here) = self.here(effects);
        if let Some(market) = here.markets.get(id) {
            desks.on_book(market, &mut here);
        }
        let (arbitrage, scene, mut pen) = self.scan(effects);
        arbitrage.on_book(id, scene, &mut pen);
        // A book may have confirmed trades that were held.
        self.close(id, effects)
    }

    fn book_stale(
        &mut self,
        instrument: InstrumentId,
        reason: StaleReason,
        effects: &mut Effects,
    ) -> Result<(), Rejection> {
        self.markets.get_mut(instrument)?.on_stale(reason, self.at);
        self.book_lost(instrument, effects);
        Ok(())
    }

    fn book_lost(&mut self, instrument: InstrumentId, effects: &mut Effects) {
        let (arbitrage, scene, mut pen) = self.scan(effects);
        arbitrage.on_lost(instrument, scene, &mut pen);
    }

    fn trade(&mut self, trade: &Trade, effects: &mut Effects) -> Result<(), Rejection> {
        let id = trade.instrument;
        // Only the newest trade tells the time: others were fetched afterwards.
        let is_newest = self.markets.get(id).is_some_and(|market| market.newest_trade() < Some(trade.id));
        if is_newest {
            self.markets.hear_time(id, self.at, trade.venue_at, self.desks.is_clock_set);
        }
        let moment = self.moment(id);
        let elsewhere = self.elsewhere(id, |market| market.doubts(trade.price, moment.at));
        let outcome = self.markets.get_mut(id)?.on_trade(trade, moment, &elsewhere);
        if outcome.is_ok() {
            let (desks, mut here) = self.here(effects);
            if let Some(market) = here.markets.get(id) {
                desks.on_trade(market, trade, &mut here);
            }
        }
        self.close(id, effects)?;
        outcome
    }

    fn candle(&mut self, told: &VenueCandle, effects: &mut Effects) -> Result<(), Rejection> {
        let id = told.instrument;
        let moment = self.moment(id);
        let elsewhere = self.elsewhere(id, |market| market.doubts(told.candle.close, moment.at));
        let outcome = self.markets.get_mut(id)?.on_candle(told, moment, &elsewhere);
        self.close(id, effects)?;
        outcome
    }

    fn ticker(&mut self, ticker: &Ticker) -> Result<(), Rejection> {
        let at = self.at;
        self.markets.get_mut(ticker.instrument)?.on_ticker(ticker, at)
    }

    fn moment(&mut self, instrument: InstrumentId) -> Moment {
        self.markets.moment(instrument, self.at, self.desks.is_clock_set)
    }

    /// Where other venues trade the same, if the instrument wants to know.
    fn elsewhere(&self, instrument: InstrumentId, wants: impl FnOnce(&Market) -> bool) -> Vec<Price> {
        let is_wanted = self.markets.get(instrument).is_some_and(wants);
        if is_wanted { self.markets.elsewhere(instrument, self.at) } else { Vec::new() }
    }

    fn quality(&mut self, minute: &QualityMinute, effects: &mut Effects) -> Result<(), Rejection> {
        let market = self.markets.get_mut(minute.instrument)?;
        let record = market.quality.on_minute(minute, self.desks.is_clock_set)?;
        effects.record(Record::Quality(record));
        Ok(())
    }

    fn answer(&mut self, answer: &Answer, effects: &mut Effects) -> Result<(), Rejection> {
        let market = self.markets.get(answer.instrument).ok_or(Rejection::UnknownInstrument)?;
        let made = self.forecasts.answer(market, answer, self.at, effects)?;
        if made.is_empty() {
            return Ok(());
        }
        let candle_ns = self.forecasts.timeframe(&answer.model).map_or(0, Timeframe::nanos);
        let ended_ns = answer.open_time.as_nanos() + candle_ns;
        let took = Duration::from_nanos(self.at.as_nanos().saturating_sub(ended_ns).max(0) as u64);
        let Self { seq, at, settings, markets, arbitrage, notices, forecasts, .. } = self;
        let (settings, markets, forecasts) = (&*settings, &*markets, &*forecasts);
        let mut here = Here { seq: *seq, at: *at, settings, markets, arbitrage, notices, effects };
        let horizon_min = settings.signal.horizon_min;
        let skill = || forecasts.report(answer.instrument, horizon_min);
        let band = |horizon_min| {
            Some(forecasts.scores(answer.instrument, horizon_min)?.widths(answer.instrument, horizon_min)?[1])
        };
        if let Some(market) = markets.get(answer.instrument) {
            let features = || forecasts.features(market, answer);
            let made = Made { forecasts: &made, decision: answer.decision, took, features: &features, band: &band };
            self.desks.on_forecasts(market, made, skill, &mut here);
        }
        Ok(())
    }

    fn tick(&mut self, effects: &mut Effects) {
        let all: Vec<InstrumentId> = self.markets.iter().map(|market| market.instrument.id).collect();
        for instrument in all {
            let moment = self.moment(instrument);
            if let Ok(market) = self.markets.get_mut(instrument) {
                market.on_tick(moment);
            }
            // The instrument is one of our own list.
            let _ = self.close(instrument, effects);
            self.set_aside(instrument, effects);
        }
        self.watch_clocks(effects);
        let (desks, mut here) = self.here(effects);
        desks.on_tick(&mut here);
        let (arbitrage, scene, mut pen) = self.scan(effects);
        arbitrage.on_time(scene, &mut pen);
    }

    fn watch_clocks(&mut self, effects: &mut Effects) {
        for (venue, standing, ahead_ns) in self.markets.watch_clocks(self.at, self.desks.is_clock_set) {
            let name = venue.name();
            let apart = notice::seconds(ahead_ns);
            let (severity, text) = match standing {
                ClockStanding::Good => (Severity::Info, format!("The clocks of {name} and of this box agree again.")),
                ClockStanding::Off => (Severity::Warning, format!("The clock of {name} is {apart} of this box's.")),
                ClockStanding::Wrong => (
                    Severity::Alarm,
                    format!("The clock of {name} is {apart} of this box's: nothing is bought there until they agree."),
                ),
            };
            self.notices.tell(severity, self.at, None, text, effects);
        }
    }

    /// Works off the minutes that an input closed: records, scores, and for the newest one the model and the rules. Minutes
    /// of the past (history, a gap filled) are recorded and scored only.
    fn close(&mut self, instrument: InstrumentId, effects: &mut Effects) -> Result<(), Rejection> {
        let mut fresh = core::mem::take(&mut self.fresh);
        let moment = self.moment(instrument);
        if self.markets.get(instrument).is_some_and(Market::has_news) {
            let elsewhere = self.markets.around(instrument, self.at);
            let stake = self.stake(instrument);
            let market = self.markets.get_mut(instrument)?;
            let talk = self.moods.of(&market.instrument.base, self.at);
            market.settle(moment, elsewhere, stake, talk, effects, &mut fresh);
        }
        for closed in &fresh {
            if let Some(market) = self.markets.get(instrument) {
                self.forecasts.score(market, closed.candle.open_time, effects);
            }
        }
        let newest = fresh.iter().rfind(|closed| closed.change == Change::New).map(|closed| &closed.candle);
        if let (Some(candle), Some(market)) = (newest, self.markets.get(instrument)) {
            self.forecasts.ask(market, candle, moment, effects);
            if moment.is_current(candle) {
                let (desks, mut here) = self.here(effects);
                if let Some(market) = here.markets.get(instrument) {
                    desks.on_minute(market, candle, &mut here);
                }
            }
        }
        fresh.clear();
        self.fresh = fresh;
        Ok(())
    }

    /// What the paper account holds of an instrument; `None` while nobody knows what that is worth.
    fn stake(&self, instrument: InstrumentId) -> Option<Stake> {
        let portfolio = &self.desks.lead().portfolio;
        let Some(holding) = portfolio.holding(instrument) else { return Some(Stake::default()) };
        let market = self.markets.get(instrument)?;
        let price = market.mark()?;
        let over = |part: Cash, whole: Cash| if whole.0 > 0 { part.0 as f64 / whole.0 as f64 } else { 0.0 };
        let (scale, rate) = (market.instrument.scale, self.markets.rate(&market.instrument.quote)?);
        Some(Stake {
            share: over(rate.value(holding.value(scale, price)), portfolio.equity()),
            pnl_bps: over(holding.pnl(scale, price), holding.cost) * 1e4,
            age_min: self.at.since(holding.opened_at).as_secs_f64() / 60.0,
        })
    }

    /// Records what an instrument set aside, and tells the user now and then.
    fn set_aside(&mut self, instrument: InstrumentId, effects: &mut Effects) {
        let Ok(market) = self.markets.get_mut(instrument) else { return };
        let records: Vec<QuarantineRecord> = market.take_aside().collect();
        let Some(newest) = records.last() else { return };
        let told = market.tell_aside(newest);
        for record in records {
            effects.record(Record::Quarantine(Box::new(record)));
        }
        if let Some(text) = told {
            self.notices.tell(Severity::Warning, self.at, Some(instrument), text, effects);
        }
    }

    fn command(&mut self, command: Command, effects: &mut Effects) {
        match command {
            Command::Trading { on } => {
                let (desks, mut here) = self.here(effects);
                desks.on_trading(on, &mut here);
                let text = if on {
                    "Paper trading is on."
                } else {
                    "Paper trading is off. Open positions are still closed by their own rules."
                };
                self.notices.tell(Severity::Info, self.at, None, text.to_owned(), effects);
            }
            Command::ResetBreaker => {
                let (desks, mut here) = self.here(effects);
                if desks.reset_breakers(&mut here) {
                    let text = "The breakers are closed again; the peak counts from now.".to_owned();
                    self.notices.tell(Severity::Info, self.at, None, text, effects);
                }
            }
            Command::Flatten => {
                let text = "All positions are being closed, and paper trading is off.".to_owned();
                self.notices.tell(Severity::Info, self.at, None, text, effects);
                let (desks, mut here) = self.here(effects);
                desks.flatten(&mut here);
            }
        }
    }

    fn here<'a>(&'a mut self, effects: &'a mut Effects) -> (&'a mut Desks, Here<'a>) {
        let Self { seq, at, settings, markets, arbitrage, notices, .. } = self;
        (&mut self.desks, Here { seq: *seq, at: *at, settings, markets, arbitrage, notices, effects })
    }

    fn scan<'a>(&'a mut self, effects: &'a mut Effects) -> (&'a mut Scanner, Scene<'a>, Pen<'a>) {
        let (seq, at, settings, markets) = (self.seq, self.at, &self.settings, &self.markets);
        let scene = Scene { at, settings, markets, is_clock_set: self.desks.is_clock_set };
        (&mut self.arbitrage, scene, Pen { seq, at, settings: &settings.arbitrage, effects })
    }
}

fn instrument_of(input: &Input) -> Option<InstrumentId> {
    match input {
        Input::Instrument(instrument) => Some(instrument.id),
        Input::Book(top) => Some(top.instrument),
        Input::BookStale { instrument, .. } => Some(*instrument),
        Input::Trade(trade) => Some(trade.instrument),
        Input::Candle(candle) => Some(candle.instrument),
        Input::Prediction(prediction) => Some(prediction.instrument),
        Input::Ticker(ticker) => Some(ticker.instrument),
        Input::Quality(minute) => Some(minute.instrument),
        Input::TradesMissing(missing) => Some(missing.instrument),
        Input::Status { instrument, .. } => Some(*instrument),
        Input::Answer(answer) => Some(answer.instrument),
        Input::History(told) => Some(told.instrument),
        Input::Boot { .. }
        | Input::Model(_)
        | Input::Models { .. }
        | Input::Clock { .. }
        | Input::Tick
        | Input::Mood(_)
        | Input::Command(_) => None,
    }
}
