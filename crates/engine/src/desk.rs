//! One account with all that acts on it: what signal wants goes through risk to the paper venue, what the venue fills is booked.
//!
//! Each account has a paper venue of its own: it meets the same market as the others and never takes anything from them.

use core::time::Duration;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use types::effect::{EquityRecord, Record, Severity};
use types::order::{OrderEnd, OrderKind, Reason, Refusal};
use types::settings::{EngineSettings, RiskSettings, Rule, SignalSettings};
use types::time::NS_PER_MIN;
use types::why::{WHY_LEVELS, WhyRecord};
use types::{
    AccountId, AccountPosition, AccountPurse, AccountRecord, BreakerCause, BreakerRecord, BreakerScope, Candle, Cash,
    Fill, Instrument, InstrumentId, Level, Order, OrderId, Ppm, Qty, Rounding, Side, Timestamp, Trade,
};

use crate::feature::Column;
use crate::market::Market;
use crate::notice;
use crate::paper::{PaperEvent, PaperVenue, Terms, Working};
use crate::portfolio::Portfolio;
use crate::quality::ClockStanding;
use crate::risk::{self, Approved, Risk, Scene};
use crate::signal::{self, Band, Intent, Outlook, Plan};

mod legs;
pub(crate) mod mirror;
mod story;
mod turn;
mod weight;

use legs::Legs;
use mirror::{Done, Step};
pub(crate) use turn::{Expectation, Permit, Turn};

/// Newest fills kept, for the screen.
pub(crate) const FILLS_MAX: usize = 500;
/// Time between two tries to close a position.
const RETRY: Duration = Duration::from_secs(5);
/// What is bought to be held waits so long, until the box knows what is traded.
const SETTLED_AFTER: Duration = Duration::from_secs(120);

/// Whose wishes an account follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mandate {
    /// The first strategy of the settings.
    Lead,
    /// Buys once and holds.
    Hold,
    /// Does what the first one does, at random.
    Random,
    /// A rival of the settings, by its name.
    Rival,
    /// Opportunities between exchanges, each of which it tries once.
    Arbitrage,
    /// None any more.
    Retired,
}

/// A paper account with everything that acts on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) mandate: Mandate,
    pub(crate) portfolio: Portfolio,
    pub(crate) venue: PaperVenue,
    pub(crate) refusals: BTreeMap<Refusal, u64>,
    pub(crate) fills: VecDeque<Fill>,
    opened_at: Timestamp,
    risk: Risk,
    plans: BTreeMap<InstrumentId, Plan>,
    bands: BTreeMap<InstrumentId, Band>,
    /// The minute whose equity was recorded last.
    equity_minute: Timestamp,
    /// Orders that another version of the program left at work. The next start ends them.
    left: Vec<OrderId>,
    legs: Legs,
    /// Reused between inputs; always empty between them.
    #[serde(skip)]
    events: Vec<PaperEvent>,
    /// The ledger changed with this input; always false between them.
    #[serde(skip)]
    is_changed: bool,
    /// What it did with this input; always empty between them.
    #[serde(skip)]
    done: Vec<Done>,
}

impl Desk {
    /// A new account with the start money.
    pub(crate) fn open(id: AccountId, name: &str, mandate: Mandate, start: Cash, at: Timestamp) -> Self {
        Self {
            id,
            name: name.to_owned(),
            mandate,
            portfolio: Portfolio::new(start, at),
            venue: PaperVenue::default(),
            refusals: BTreeMap::new(),
            fills: VecDeque::new(),
            opened_at: at,
            risk: Risk::default(),
            plans: BTreeMap::new(),
            bands: BTreeMap::new(),
            equity_minute: at.floor_to(NS_PER_MIN),
            left: Vec::new(),
            legs: Legs::default(),
            events: Vec::new(),
            is_changed: false,
            done: Vec::new(),
        }
    }

    /// The account as another version of the program left it. Whose wishes it follows is found out at the next start.
    pub(crate) fn resumed(told: &AccountRecord) -> Self {
        let plan = |position: &AccountPosition| {
            let AccountPosition { rule, ref opener, exit_at, value_max, gain, .. } = *position;
            let plan = Plan::new(rule, opener.clone());
            (position.instrument, Plan { exit_at, value_max, gain, retry_at: told.at, ..plan })
        };
        Self {
            portfolio: Portfolio::resumed(told),
            plans: told.positions.iter().map(plan).collect(),
            left: told.working.clone(),
            ..Self::open(told.account, &told.name, Mandate::Retired, told.start, told.at)
        }
    }

    /// All that another version of the program must know of the account; `None` where nothing changed with this input.
    pub(crate) fn told(&mut self, at: Timestamp, boots: u64, is_stopped_by_user: bool) -> Option<AccountRecord> {
        if !core::mem::take(&mut self.is_changed) {
            return None;
        }
        let position = |(id, holding): (&InstrumentId, &crate::portfolio::Holding)| {
            let orphan = || Plan::orphan(at);
            let Plan { rule, opener, exit_at, value_max, gain, .. } =
                self.plans.get(id).cloned().unwrap_or_else(orphan);
            let lots = holding.lots().copied().collect();
            AccountPosition { instrument: *id, lots, rule, opener, exit_at, value_max, gain }
        };
        Some(self.portfolio.told(AccountRecord {
            account: self.id,
            name: self.name.clone(),
            at,
            boots,
            start: Cash::ZERO,
            unassigned: Cash::ZERO,
            purses: Vec::new(),
            equity: Cash::ZERO,
            peak: Cash::ZERO,
            day: *self.portfolio.day(),
            week_start: Cash::ZERO,
            is_breaker_open: false,
            is_stopped_by_user,
            losses_in_row: 0,
            positions: self.portfolio.holdings().iter().map(position).collect(),
            by_instrument: Vec::new(),
            by_opener: Vec::new(),
            working: self.venue.orders().iter().map(|working| working.order.id).collect(),
            volumes: Vec::new(),
        }))
    }

    /// What it did since it was asked last.
    pub(crate) fn done(&mut self) -> impl Iterator<Item = Done> + '_ {
        self.done.drain(..)
    }

    /// Whether a minute is over whose equity was not recorded.
    pub(crate) fn is_minute_over(&self, at: Timestamp) -> bool {
        at.floor_to(NS_PER_MIN) > self.equity_minute
    }

    /// The strategy that it follows; `None` for one that has no rule of the settings.
    fn signal<'s>(&self, settings: &'s EngineSettings) -> Option<&'s SignalSettings> {
        match self.mandate {
            Mandate::Lead => Some(&settings.signal),
            Mandate::Rival => settings.rivals.iter().find(|rival| rival.name == self.name).map(|rival| &rival.signal),
            Mandate::Hold | Mandate::Random | Mandate::Arbitrage | Mandate::Retired => None,
        }
    }

    /// What limits it: the control that buys and holds is not guarded, for nobody would guard that, and neither is a stock of coins.
    fn limits<'s>(&self, settings: &'s EngineSettings) -> Cow<'s, RiskSettings> {
        const OPEN: &RiskSettings = &RiskSettings::open();
        match self.mandate {
            Mandate::Hold => Cow::Borrowed(OPEN),
            Mandate::Arbitrage => {
                Cow::Owned(RiskSettings { order_max_ppm: settings.risk.order_max_ppm, ..RiskSettings::open() })
            }
            Mandate::Lead | Mandate::Random | Mandate::Rival | Mandate::Retired => Cow::Borrowed(&settings.risk),
        }
    }

    /// Nobody closes its positions for what they lose.
    const fn is_unguarded(&self) -> bool {
        matches!(self.mandate, Mandate::Hold | Mandate::Arbitrage)
    }

    /// Neither the user nor a breaker stops it.
    const fn is_unstoppable(&self) -> bool {
        matches!(self.mandate, Mandate::Hold)
    }

    fn terms(&self, market: &Market, turn: &Turn<'_>) -> Terms {
        turn.terms(market, &self.portfolio)
    }

    /// Every start: nothing from before is at the venue any more. Tells how many orders that ended.
    pub(crate) fn on_boot(&mut self, turn: &mut Turn<'_>) -> usize {
        let lost = self.left.len() + self.venue.orders().len();
        for order in self.left.drain(..) {
            turn.effects.record(Record::OrderEnd { order, end: OrderEnd::Unknown, at: turn.at });
        }
        self.is_changed = true;
        self.venue.abandon(OrderEnd::Unknown, turn.at, &mut self.events);
        self.settle(turn);
        if self.mandate == Mandate::Retired {
            self.legs.forget_stock();
            self.plans.values_mut().for_each(|plan| plan.exit_at = plan.exit_at.min(turn.at));
        }
        // The limit may have been set below what was lost already.
        self.watch_drawdown(turn);
        lost
    }

    /// An instrument appeared in the catalogue, or was heard of again.
    pub(crate) fn on_instrument(&mut self, instrument: &Instrument, turn: &Turn<'_>) {
        let venue = &self.venue;
        let pays_for = |purse: &AccountPurse, id: InstrumentId| {
            let instrument = turn.markets.get(id).map(|market| &market.instrument);
            instrument.is_some_and(|it| it.venue == purse.venue && it.quote == purse.currency)
        };
        let reserved = |purse: &AccountPurse| venue.reserved(|id| pays_for(purse, id));
        if self.portfolio.open_purse(instrument, turn.markets, reserved) {
            self.portfolio.mark(turn.markets);
            self.is_changed = true;
        }
    }

    /// New positions are not wanted any more: those on their way are cancelled.
    pub(crate) fn on_stop(&mut self, turn: &mut Turn<'_>) {
        self.is_changed = true;
        self.cancel(|order| order.side == Side::Buy, turn);
    }

    /// The user wants everything closed.
    pub(crate) fn flatten(&mut self, turn: &mut Turn<'_>) {
        let held: Vec<InstrumentId> = self.portfolio.holdings().keys().copied().collect();
        for instrument in held {
            self.plans.entry(instrument).or_insert_with(|| Plan::orphan(turn.at));
            self.leave(instrument, Reason::User);
            self.guard(instrument, turn);
        }
    }

    /// Asks the venue to cancel orders; they may be filled until it hears of that.
    fn cancel(&mut self, which: impl Fn(&Order) -> bool, turn: &mut Turn<'_>) {
        self.venue.cancel(which, turn.at, &turn.settings.paper, &mut self.events);
        self.settle(turn);
    }

    /// The clock cannot be believed any more: nothing trades.
    pub(crate) fn on_clock_lost(&mut self, turn: &mut Turn<'_>) {
        self.venue.abandon(OrderEnd::Cancelled, turn.at, &mut self.events);
        self.settle(turn);
    }

    /// Time went on, before the input of this moment is looked at. `was_away` when nobody saw the market meanwhile, `hold` is what the
    /// control that buys and holds is worth.
    pub(crate) fn on_time(&mut self, was_away: bool, hold: Cash, turn: &mut Turn<'_>) {
        // Without a clock no minute and no day can be told.
        if self.is_minute_over(turn.at) && turn.permit.is_clock_set {
            let minute = turn.at.floor_to(NS_PER_MIN);
            self.equity_minute = minute;
            self.portfolio.mark(turn.markets);
            turn.effects.record(Record::Equity(self.equity_record(minute, hold)));
            self.portfolio.roll_day(turn.at);
            self.is_changed = true;
        }
        if was_away || self.venue.is_idle() {
            return;
        }
        let at_work: BTreeSet<InstrumentId> =
            self.venue.orders().iter().map(|working| working.order.instrument).collect();
        for market in at_work.into_iter().filter_map(|id| turn.markets.get(id)) {
            self.venue.pass(&turn.venue(market, &self.portfolio), turn.at, &mut self.events);
        }
        self.venue.tell(turn.at, &mut self.events);
        self.settle(turn);
    }

    /// Once a second: positions whose time is over, and tries that failed.
    pub(crate) fn on_tick(&mut self, turn: &mut Turn<'_>) {
        let held: Vec<InstrumentId> = self.portfolio.holdings().keys().copied().collect();
        for instrument in held {
            self.guard(instrument, turn);
        }
    }

    /// A proven book came.
    pub(crate) fn on_book(&mut self, market: &Market, turn: &mut Turn<'_>) {
        let instrument = market.instrument.id;
        self.venue.on_book(&turn.venue(market, &self.portfolio), turn.at, &mut self.events);
        self.settle(turn);
        // What nothing guards is valued once a minute.
        if !self.is_unguarded() && self.portfolio.holding(instrument).is_some() {
            self.portfolio.mark(turn.markets);
            self.watch_drawdown(turn);
            self.guard(instrument, turn);
        }
    }

    /// A trade happened.
    pub(crate) fn on_trade(&mut self, market: &Market, trade: &Trade, turn: &mut Turn<'_>) {
        self.venue.on_trade(trade, &turn.venue(market, &self.portfolio), turn.at, &mut self.events);
        self.settle(turn);
    }

    /// A forecast was made that counts.
    pub(crate) fn on_forecast(&mut self, market: &Market, outlook: &Outlook<'_>, turn: &mut Turn<'_>) {
        let Some(settings) = self.signal(turn.settings) else { return };
        let plan = self.plan(market);
        let intent = signal::on_forecast(settings, outlook, plan.as_ref(), || self.weigh(market, settings, turn));
        self.act(market, intent, settings.rule, &outlook.forecast.model, turn);
    }

    /// A minute closed just now.
    pub(crate) fn on_minute(&mut self, market: &Market, candle: &Candle, turn: &mut Turn<'_>) {
        match self.mandate {
            Mandate::Hold => return self.buy_and_hold(market, turn),
            Mandate::Arbitrage => return self.stock_up(market, turn),
            Mandate::Lead | Mandate::Random | Mandate::Rival | Mandate::Retired => {}
        }
        let close = market.instrument.scale.price_f64(candle.close);
        let row = market.row().filter(|(open_time, _)| *open_time == candle.open_time);
        let band = row.and_then(|(open_time, row)| Band::of(row, open_time, close));
        let before = match band {
            Some(band) => self.bands.insert(market.instrument.id, band),
            None => self.bands.remove(&market.instrument.id),
        };
        let (Some(band), Some(settings)) = (band, self.signal(turn.settings)) else { return };
        let plan = self.plan(market);
        let minute = signal::Minute { before: before.as_ref(), now: &band, deviation: deviation(market) };
        let weigh = || self.weigh(market, settings, turn);
        let intent = signal::on_minute(settings, &minute, market.book(), plan.as_ref(), turn.at, weigh);
        self.act(market, intent, settings.rule, "reversion", turn);
    }

    /// The control that buys and holds: an equal part of each purse into everything it pays for.
    fn buy_and_hold(&mut self, market: &Market, turn: &mut Turn<'_>) {
        let instrument = &market.instrument;
        let is_bought = self.portfolio.holding(instrument.id).is_some() || self.venue.is_working(instrument.id);
        let Some(purse) = self.portfolio.purse(instrument) else { return };
        let waits = turn.markets.iter().map(|market| &market.instrument).filter(|other| {
            other.venue == instrument.venue
                && other.quote == instrument.quote
                && self.portfolio.holding(other.id).is_none()
                && !self.venue.is_working(other.id)
        });
        let spend = Cash(self.cash_free(purse, turn).0 / waits.count().max(1) as i64);
        if !is_bought && self.buy_for(market, spend, Reason::Hold, turn) {
            self.plans.insert(instrument.id, Plan::new(Rule::Hold, "hold".to_owned()));
        }
    }

    /// Buys for so much of a purse, fees included. Asked for every minute until it did, so nothing is wanted that must be refused.
    fn buy_for(&mut self, market: &Market, spend: Cash, reason: Reason, turn: &mut Turn<'_>) -> bool {
        let (instrument, terms) = (&market.instrument, self.terms(market, turn));
        let Some(best) = market.book().asks().first().map(|level| level.price) else { return false };
        let spend = risk::spendable(spend, &terms);
        let qty = terms.whole_lots(instrument.scale.affordable(spend, best));
        let is_small = qty.is_zero() || qty < instrument.qty_min || spend < instrument.notional_min;
        let is_early = self.opened_at.plus(SETTLED_AFTER) > turn.at;
        if is_early || is_small || !market.book().is_proven() || !turn.permit.is_clock_set {
            return false;
        }
        self.send(market, Side::Buy, qty, OrderKind::Market, reason, turn)
    }

    /// The control that does what the first account did, at random.
    pub(crate) fn take_step(&mut self, step: Step, turn: &mut Turn<'_>) {
        match step {
            Step::Enter { instrument, size } => {
                let Some(market) = turn.markets.get(instrument) else { return };
                if self.portfolio.holding(instrument).is_none() {
                    let (kind, exit_at) = (OrderKind::Market, Timestamp::MAX);
                    let enter = Intent::Enter { kind, reason: Reason::Random, size, exit_at };
                    self.act(market, Some(enter), Rule::Random, "random", turn);
                }
            }
            Step::Leave { instrument } => {
                self.leave(instrument, Reason::Random);
                self.guard(instrument, turn);
            }
        }
    }

    /// Closes the breaker of the drawdown; the peak starts again from now.
    pub(crate) fn reset_breaker(&mut self, turn: &mut Turn<'_>) {
        turn.effects.record(Record::Breaker(self.drawdown_breaker(turn.at, None)));
        self.portfolio.mark(turn.markets);
        self.portfolio.reset_breaker();
        self.is_changed = true;
    }

    const fn drawdown_breaker(&self, at: Timestamp, opened: Option<(u32, u32)>) -> BreakerRecord {
        BreakerRecord { at, cause: BreakerCause::Drawdown, scope: BreakerScope::Account(self.id), opened }
    }

    /// The account as it is kept for ever.
    fn equity_record(&self, at: Timestamp, hold: Cash) -> EquityRecord {
        let portfolio = &self.portfolio;
        let positions = portfolio.holdings().iter().map(|(id, holding)| (*id, holding.position())).collect();
        let worth = portfolio.worth();
        EquityRecord { account: self.id, at, cash: worth.cash, equity: worth.equity, hold, fees: worth.fees, positions }
    }

    /// The plan of an open position that is worth closing. What is too small to sell counts as no position.
    fn plan(&self, market: &Market) -> Option<Plan> {
        self.sellable(market)?;
        self.plans.get(&market.instrument.id).cloned()
    }

    fn sellable(&self, market: &Market) -> Option<Qty> {
        let instrument = &market.instrument;
        let qty = self.portfolio.holding(instrument.id)?.qty;
        let value = instrument.scale.notional(market.mark()?, qty, Rounding::Floor);
        (qty >= instrument.qty_min && qty.0 >= instrument.lot && value >= instrument.notional_min).then_some(qty)
    }

    fn act(&mut self, market: &Market, intent: Option<Intent>, rule: Rule, opener: &str, turn: &mut Turn<'_>) {
        let instrument = market.instrument.id;
        match intent {
            None => {}
            Some(Intent::Enter { kind, reason, size, exit_at }) => {
                let is_sent = self.enter(market, kind, reason, size, turn);
                if is_sent {
                    let plan = Plan::new(rule, opener.to_owned());
                    self.plans.insert(instrument, Plan { size, exit_at, retry_at: turn.at, ..plan });
                }
            }
            Some(Intent::Extend { exit_at }) => {
                if let Some(plan) = self.plans.get_mut(&instrument) {
                    plan.exit_at = exit_at;
                }
            }
            Some(Intent::Leave(reason)) => {
                self.leave(instrument, reason);
                self.guard(instrument, turn);
            }
        }
    }

    /// Buys for a share of equity, or for what the purse holds where that is less.
    fn enter(&mut self, market: &Market, kind: OrderKind, reason: Reason, size: Ppm, turn: &mut Turn<'_>) -> bool {
        let instrument = &market.instrument;
        let best = || market.book().asks().first().map(|level| level.price);
        let Some(price) = kind.ticket().price.or_else(best) else { return false };
        let share = self.portfolio.equity().share(size, Rounding::Floor);
        let wanted = turn.markets.rate(&instrument.quote).map_or(Cash::ZERO, |rate| rate.amount(share));
        let free = self.portfolio.purse(instrument).map_or(Cash::ZERO, |purse| self.cash_free(purse, turn));
        let spend = wanted.min(risk::spendable(free, &self.terms(market, turn)));
        let qty = instrument.scale.affordable(spend, price);
        self.send(market, Side::Buy, qty, kind, reason, turn)
    }

    /// Cash of a purse that no working order may spend.
    fn cash_free(&self, purse: &AccountPurse, turn: &Turn<'_>) -> Cash {
        let is_paid_here = |id: InstrumentId| {
            let market = turn.markets.get(id);
            market.is_some_and(|it| it.instrument.venue == purse.venue && it.instrument.quote == purse.currency)
        };
        purse.cash.saturating_sub(self.venue.reserved(is_paid_here))
    }

    /// Decides that a position is closed. The first reason stands, but a breaker outranks it.
    fn leave(&mut self, instrument: InstrumentId, reason: Reason) {
        if let Some(plan) = self.plans.get_mut(&instrument)
            && (plan.leaving.is_none() || reason == Reason::Breaker)
        {
            plan.leaving = Some(reason);
        }
    }

    /// Looks after one open position: decides whether it must be closed, and tries to where that was decided.
    fn guard(&mut self, instrument: InstrumentId, turn: &mut Turn<'_>) {
        if self.mandate == Mandate::Arbitrage {
            return;
        }
        let Some(market) = turn.markets.get(instrument) else { return };
        let (Some(qty), Some(price)) = (self.sellable(market), market.mark()) else { return };
        let Some(holding) = self.portfolio.holding(instrument) else { return };
        let (cost, opened_at) = (holding.cost, holding.opened_at);
        let value = holding.value(market.instrument.scale, price);
        let limits = self.limits(turn.settings);
        let plan = self.plans.entry(instrument).or_insert_with(|| Plan::orphan(turn.at));
        plan.value_max = plan.value_max.max(value);
        let must = signal::must_leave(plan, signal::Standing { cost, value, opened_at }, &limits, turn.at);
        let reason = if self.portfolio.is_breaker_open() { Some(Reason::Breaker) } else { plan.leaving.or(must) };
        let (Some(reason), retry_at) = (reason, plan.retry_at) else { return };
        self.leave(instrument, reason);
        if turn.at < retry_at || !market.book().is_proven() || !turn.permit.is_clock_set {
            return;
        }
        if self.venue.is_working(instrument) {
            self.cancel(|order| order.instrument == instrument && order.side == Side::Buy, turn);
        }
        if !self.venue.is_working(instrument) {
            if let Some(plan) = self.plans.get_mut(&instrument) {
                plan.retry_at = turn.at.plus(RETRY);
            }
            self.send(market, Side::Sell, qty, OrderKind::Market, reason, turn);
        }
    }

    /// Asks risk, and sends what it approves. True when it did.
    fn send(
        &mut self,
        market: &Market,
        side: Side,
        qty: Qty,
        kind: OrderKind,
        reason: Reason,
        turn: &mut Turn<'_>,
    ) -> bool {
        let approved = self.approve(market, side, qty, kind, reason, turn);
        approved.map(|approved| self.submit(approved, market, turn)).is_ok()
    }

    /// Asks risk. What it refuses is told.
    fn approve(
        &mut self,
        market: &Market,
        side: Side,
        qty: Qty,
        kind: OrderKind,
        reason: Reason,
        turn: &mut Turn<'_>,
    ) -> Result<Approved<Order>, Refusal> {
        let id = turn.order_id().ok_or(Refusal::OrderRate)?;
        let instrument = market.instrument.id;
        let order = Order { id, account: self.id, instrument, side, qty, kind, reason, at: turn.at };
        let purse = self.portfolio.purse(&market.instrument);
        let scene = Scene {
            limits: &self.limits(turn.settings),
            is_clock_set: turn.permit.is_clock_set,
            // What nobody may stop is the measure of what may be.
            is_trading: turn.permit.is_trading || self.is_unstoppable(),
            is_retired: self.mandate == Mandate::Retired,
            markets: turn.markets,
            market: Some(market),
            is_venue_clock_wrong: turn.markets.clock(market.instrument.venue) == ClockStanding::Wrong,
            terms: self.terms(market, turn),
            portfolio: &self.portfolio,
            breakers: (!self.is_unstoppable()).then_some(turn.breakers),
            returns: turn.returns,
            is_working: self.venue.is_working(instrument),
            cash_free: purse.map_or(Cash::ZERO, |purse| self.cash_free(purse, turn)),
            reserved: self.reserved(turn),
        };
        self.risk.assess(order, &scene).map_err(|refused| {
            let (order, refusal) = *refused;
            *self.refusals.entry(refusal).or_insert(0) += 1;
            turn.effects.record(Record::Refused { order, refusal });
            refusal
        })
    }

    /// Sends what risk approved, and tells why it was wanted.
    fn submit(&mut self, approved: Approved<Order>, market: &Market, turn: &mut Turn<'_>) {
        self.is_changed = true;
        turn.effects.record(Record::Order(approved.get().clone()));
        turn.effects.record(Record::Why(Box::new(self.why(&approved, market, turn))));
        self.venue.accept(approved, &turn.settings.paper);
    }

    /// What was known when risk approved an order.
    fn why(&self, approved: &Approved<Order>, market: &Market, turn: &Turn<'_>) -> WhyRecord {
        let &Order { id, account, instrument, side, reason, .. } = approved.get();
        let rests_on_it = matches!(reason, Reason::Forecast { .. } | Reason::Policy { .. });
        let levels = |levels: &[Level]| levels.iter().take(WHY_LEVELS).copied().collect();
        WhyRecord {
            order: id,
            account,
            instrument,
            at: turn.at,
            forecast: turn.forecast.filter(|_| rests_on_it).map(|tell| tell()),
            value: match side {
                Side::Buy => approved.reserve(),
                Side::Sell => Cash::ZERO,
            },
            equity: self.portfolio.equity(),
            checks: approved.checks().to_vec(),
            bids: levels(market.book().bids()),
            asks: levels(market.book().asks()),
        }
    }

    /// What all working orders may spend, dollars.
    fn reserved(&self, turn: &Turn<'_>) -> Cash {
        let purses = self.portfolio.purses().iter();
        let in_dollars = |purse: &AccountPurse| {
            let reserved = purse.cash.saturating_sub(self.cash_free(purse, turn));
            turn.markets.rate(&purse.currency).map_or(Cash::ZERO, |rate| rate.value(reserved))
        };
        purses.map(in_dollars).fold(Cash::ZERO, Cash::saturating_add)
    }

    /// Books what happened at the venue.
    fn settle(&mut self, turn: &mut Turn<'_>) {
        for arrival in self.venue.arrivals() {
            turn.effects.record(Record::Arrival(arrival));
        }
        if self.events.is_empty() {
            return;
        }
        self.is_changed = true;
        let mut events = core::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                PaperEvent::Fill { fill, is_first } => self.book(fill, is_first, turn),
                PaperEvent::End { working, end, at } => self.end(&working, end, at, turn),
            }
        }
        self.events = events;
        self.portfolio.mark(turn.markets);
        self.watch_drawdown(turn);
        self.finish_tries(turn);
    }

    fn book(&mut self, fill: Fill, is_first: bool, turn: &mut Turn<'_>) {
        let Some(market) = turn.markets.get(fill.instrument) else { return };
        let rate = turn.markets.rate(&market.instrument.quote);
        let was_held = self.portfolio.holding(fill.instrument).is_some();
        let gain = self.portfolio.book(&fill, &market.instrument, is_first, rate);
        if let Some(plan) = self.plans.get_mut(&fill.instrument) {
            plan.gain = plan.gain.saturating_add(gain);
        }
        match (was_held, self.portfolio.holding(fill.instrument).is_some()) {
            (false, true) => {
                let size = self.plans.get(&fill.instrument).map_or(Ppm(0), |plan| plan.size);
                self.done.push(Done::Opened { instrument: fill.instrument, size });
            }
            (true, false) => {
                let plan = self.plans.get(&fill.instrument);
                let (opener, result) = plan.map_or(("", gain), |plan| (plan.opener.as_str(), plan.gain));
                let result = rate.map_or(Cash::ZERO, |rate| rate.value(result));
                self.portfolio.finish(fill.instrument, opener, result);
                self.done.push(Done::Closed { instrument: fill.instrument });
                if turn.judge_losses(self.id, self.portfolio.losses_in_row()) {
                    self.portfolio.forget_losses();
                }
            }
            _ => {}
        }
        if self.mandate == Mandate::Arbitrage {
            self.legs.on_fill(&fill, &market.instrument);
        }
        turn.effects.record(Record::Fill(fill.clone()));
        if self.fills.len() == FILLS_MAX {
            self.fills.pop_front();
        }
        self.fills.push_back(fill);
    }

    fn end(&mut self, working: &Working, end: OrderEnd, at: Timestamp, turn: &mut Turn<'_>) {
        let instrument = working.order.instrument;
        turn.effects.record(Record::OrderEnd { order: working.order.id, end, at });
        self.legs.on_end(working.order.id, end == OrderEnd::Unknown || !turn.permit.is_clock_set);
        let is_told = self.mandate == Mandate::Lead && !working.filled.is_zero();
        if let Some(market) = turn.markets.get(instrument).filter(|_| is_told) {
            let gain = self.plans.get(&instrument).map_or(Cash::ZERO, |plan| plan.gain);
            let text = story::of_order(&market.instrument, working, gain);
            turn.notices.tell(Severity::Info, turn.at, Some(instrument), text, turn.effects);
        }
        if self.portfolio.holding(instrument).is_none() {
            self.plans.remove(&instrument);
        }
    }

    fn watch_drawdown(&mut self, turn: &mut Turn<'_>) {
        let (drawdown, limit) = (self.portfolio.drawdown_ppm(), turn.settings.risk.drawdown_max_ppm);
        if self.is_unguarded() || self.portfolio.is_breaker_open() || drawdown == 0 || drawdown < limit {
            return;
        }
        self.portfolio.open_breaker();
        self.is_changed = true;
        turn.effects.record(Record::Breaker(self.drawdown_breaker(turn.at, Some((drawdown, limit)))));
        let whose = if self.mandate == Mandate::Lead { String::new() } else { format!(" of account {}", self.name) };
        let text = format!(
            "Equity{whose} fell {} % from its peak, the limit is {} %. Its paper trading has stopped and positions are being \
             closed until you reset the breaker.",
            notice::percent(drawdown),
            notice::percent(limit)
        );
        let severity = if self.mandate == Mandate::Lead { Severity::Alarm } else { Severity::Info };
        turn.notices.tell(severity, turn.at, None, text, turn.effects);
        self.cancel(|order| order.side == Side::Buy, turn);
        self.on_tick(turn);
    }
}

/// Standard deviation of a minute's log-return over the last hour.
pub(crate) fn deviation(market: &Market) -> Option<f64> {
    market.row().and_then(|(_, row)| row.get(Column::Volatility60))
}
