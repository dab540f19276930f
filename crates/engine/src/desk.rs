//! The trading side: what signal wants goes through risk to the paper venue, what the venue fills is booked.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use types::effect::{EquityRecord, ForecastRecord, Record, Severity};
use types::order::{OrderEnd, OrderKind, Reason, Refusal};
use types::settings::EngineSettings;
use types::time::NS_PER_MIN;
use types::{
    AccountPosition, AccountRecord, Candle, Cash, Effects, Fill, InstrumentId, Order, OrderId, Ppm, Qty, Rounding,
    Side, Timestamp, Trade,
};

use crate::market::{Market, Markets};
use crate::notice::{self, Notices};
use crate::paper::{self, PaperEvent, PaperVenue, Terms, Working};
use crate::portfolio::{Holding, Portfolio};
use crate::quality::ClockStanding;
use crate::risk::{Risk, Scene};
use crate::signal::{self, Band, Intent, Plan};

mod story;

/// Newest fills kept, for the screen.
pub(crate) const FILLS_MAX: usize = 500;
/// Time between two tries to close a position.
const RETRY: Duration = Duration::from_secs(5);
/// Order identifiers that one input can have.
const RANKS: u16 = 256;

/// One input's moment: all that the desk may look at, and where it speaks.
pub(crate) struct Turn<'a> {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) settings: &'a EngineSettings,
    pub(crate) markets: &'a Markets,
    pub(crate) notices: &'a mut Notices,
    pub(crate) effects: &'a mut Effects,
    /// Orders made so far by this input.
    pub(crate) rank: u16,
}

impl Turn<'_> {
    fn terms(&self, market: &Market) -> Terms {
        Terms::new(&market.instrument, self.settings.fees.at(market.instrument.venue, self.at))
    }

    /// What the paper venue is for an instrument now.
    fn venue<'b>(&'b self, market: &'b Market) -> paper::Scene<'b> {
        let (instrument, book, settings) = (market.instrument.id, market.book(), &self.settings.paper);
        paper::Scene { instrument, book, terms: self.terms(market), settings }
    }

    fn order_id(&mut self) -> Option<OrderId> {
        let rank = self.rank;
        self.rank += 1;
        (rank < RANKS).then(|| OrderId(self.seq.wrapping_mul(u64::from(RANKS)).wrapping_add(u64::from(rank))))
    }
}

/// The paper account with everything that acts on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(crate) portfolio: Portfolio,
    pub(crate) venue: PaperVenue,
    pub(crate) refusals: BTreeMap<Refusal, u64>,
    pub(crate) fills: VecDeque<Fill>,
    pub(crate) is_trading: bool,
    pub(crate) is_clock_set: bool,
    /// The user's word outlives a restart.
    is_stopped_by_user: bool,
    risk: Risk,
    plans: BTreeMap<InstrumentId, Plan>,
    bands: BTreeMap<InstrumentId, Band>,
    /// The minute whose equity was recorded last.
    equity_minute: Timestamp,
    /// Orders that another version of the program left at work. The next start ends them.
    left: Vec<OrderId>,
    /// Reused between inputs; always empty between them.
    #[serde(skip)]
    events: Vec<PaperEvent>,
    /// The ledger changed with this input; always false between them.
    #[serde(skip)]
    is_changed: bool,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            portfolio: Portfolio::new(Cash::ZERO, Timestamp::EPOCH),
            venue: PaperVenue::default(),
            refusals: BTreeMap::new(),
            fills: VecDeque::new(),
            is_trading: false,
            is_clock_set: false,
            is_stopped_by_user: false,
            risk: Risk::default(),
            plans: BTreeMap::new(),
            bands: BTreeMap::new(),
            equity_minute: Timestamp::EPOCH,
            left: Vec::new(),
            events: Vec::new(),
            is_changed: false,
        }
    }

    /// The very first start: the account gets its money.
    pub(crate) fn open_account(&mut self, settings: &EngineSettings, at: Timestamp) {
        self.portfolio = Portfolio::new(settings.risk.start_cash(), at);
        self.equity_minute = at.floor_to(NS_PER_MIN);
    }

    /// The account as another version of the program left it.
    pub(crate) fn resumed(account: &AccountRecord) -> Self {
        let plan = |position: &AccountPosition| {
            let AccountPosition { instrument, rule, exit_at, gain, .. } = *position;
            (instrument, Plan { rule, exit_at, leaving: None, retry_at: account.at, gain })
        };
        Self {
            portfolio: Portfolio::resumed(account),
            is_stopped_by_user: account.is_stopped_by_user,
            plans: account.positions.iter().map(plan).collect(),
            equity_minute: account.at.floor_to(NS_PER_MIN),
            left: account.working.clone(),
            ..Self::new()
        }
    }

    /// All that another version of the program must know of the account, where it changed or a minute is over.
    pub(crate) fn tell_account(&mut self, at: Timestamp, boots: u64, markets: &Markets, effects: &mut Effects) {
        if !core::mem::take(&mut self.is_changed) {
            return;
        }
        let portfolio = &self.portfolio;
        let position = |(id, holding): (&InstrumentId, &Holding)| {
            let plan = self.plans.get(id).copied().unwrap_or_else(|| Plan::orphan(at));
            let Holding { qty, cost, fees, opened_at } = *holding;
            let Plan { rule, exit_at, gain, .. } = plan;
            AccountPosition { instrument: *id, qty, cost, fees, opened_at, rule, exit_at, gain }
        };
        let (hold_cash, hold) = portfolio.hold_told(markets);
        effects.record(Record::Account(Box::new(AccountRecord {
            at,
            boots,
            start: portfolio.start(),
            cash: portfolio.cash(),
            fees: portfolio.fees(),
            realised: portfolio.realised(),
            equity: portfolio.equity(),
            peak: portfolio.peak(),
            day: *portfolio.day(),
            is_breaker_open: portfolio.is_breaker_open(),
            is_stopped_by_user: self.is_stopped_by_user,
            positions: portfolio.holdings().iter().map(position).collect(),
            working: self.venue.orders().iter().map(|working| working.order.id).collect(),
            hold_cash,
            hold,
        })));
    }

    /// Every start: nothing from before is at the venue any more.
    pub(crate) fn on_boot(&mut self, turn: &mut Turn<'_>) {
        let lost = self.left.len() + self.venue.orders().len();
        for order in self.left.drain(..) {
            turn.effects.record(Record::OrderEnd { order, end: OrderEnd::Unknown, at: turn.at });
        }
        self.is_changed = true;
        self.is_clock_set = false;
        self.is_trading = turn.settings.risk.trading && !self.is_stopped_by_user;
        self.venue.abandon(OrderEnd::Unknown, turn.at, &mut self.events);
        self.settle(turn);
        if lost > 0 {
            let orders = if lost == 1 { "A paper order was" } else { "Paper orders were" };
            let text = format!(
                "{orders} at work when the box stopped ({lost}). What is not filled is cancelled as unknown: nobody saw what \
                 the market did meanwhile."
            );
            turn.notices.tell(Severity::Info, turn.at, None, text, turn.effects);
        }
        // The limit may have been set below what was lost already.
        self.watch_drawdown(turn);
    }

    /// The user allows or stops new positions. What is open may always be closed.
    pub(crate) fn on_trading(&mut self, on: bool, turn: &mut Turn<'_>) {
        (self.is_trading, self.is_stopped_by_user) = (on, !on);
        self.is_changed = true;
        if !on {
            self.cancel(|order| order.side == Side::Buy, turn);
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

    /// Time went on, before the input of this moment is looked at. `was_away` when nobody saw the market meanwhile.
    pub(crate) fn on_time(&mut self, was_away: bool, turn: &mut Turn<'_>) {
        let minute = turn.at.floor_to(NS_PER_MIN);
        // Without a clock no minute and no day can be told.
        if minute > self.equity_minute && self.is_clock_set {
            self.equity_minute = minute;
            turn.effects.record(Record::Equity(self.equity_record(minute, turn.markets)));
            self.portfolio.roll_day(turn.at);
            self.is_changed = true;
        }
        if was_away || self.venue.is_idle() {
            return;
        }
        let at_work: BTreeSet<InstrumentId> =
            self.venue.orders().iter().map(|working| working.order.instrument).collect();
        for market in at_work.into_iter().filter_map(|id| turn.markets.get(id)) {
            self.venue.pass(&turn.venue(market), turn.at, &mut self.events);
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
        self.venue.on_book(&turn.venue(market), turn.at, &mut self.events);
        self.settle(turn);
        if !self.portfolio.hold().holds(instrument) && market.mark().is_some() {
            self.portfolio.hold_joins(instrument, turn.markets);
        }
        if self.portfolio.holding(instrument).is_some() {
            self.portfolio.mark(turn.markets);
            self.watch_drawdown(turn);
            self.guard(instrument, turn);
        }
    }

    /// A trade happened.
    pub(crate) fn on_trade(&mut self, market: &Market, trade: &Trade, turn: &mut Turn<'_>) {
        self.venue.on_trade(trade, &turn.venue(market), turn.at, &mut self.events);
        self.settle(turn);
    }

    /// A forecast was made.
    pub(crate) fn on_forecast(&mut self, market: &Market, forecast: &ForecastRecord, turn: &mut Turn<'_>) {
        let taker = turn.terms(market).rate(types::order::Liquidity::Taker);
        let Some(cost_cbps) = signal::round_trip_cbps(taker.0, market.book()) else { return };
        let plan = self.plan(market);
        let intent = signal::on_forecast(&turn.settings.signal, forecast, cost_cbps, plan.as_ref());
        self.act(market, intent, turn);
    }

    /// A minute closed just now.
    pub(crate) fn on_minute(&mut self, market: &Market, candle: &Candle, turn: &mut Turn<'_>) {
        let close = market.instrument.scale.price_f64(candle.close);
        let row = market.row().filter(|(open_time, _)| *open_time == candle.open_time);
        let band = row.and_then(|(open_time, row)| Band::of(row, open_time, close));
        let before = match band {
            Some(band) => self.bands.insert(market.instrument.id, band),
            None => self.bands.remove(&market.instrument.id),
        };
        let Some(band) = band else { return };
        let plan = self.plan(market);
        let settings = &turn.settings.signal;
        let intent = signal::on_minute(settings, before.as_ref(), &band, market.book(), plan.as_ref(), turn.at);
        self.act(market, intent, turn);
    }

    /// Closes the breaker; the peak starts again from now.
    pub(crate) fn reset_breaker(&mut self, markets: &Markets) {
        self.portfolio.mark(markets);
        self.portfolio.reset_breaker();
        self.is_changed = true;
    }

    /// The account as it is kept for ever.
    fn equity_record(&self, at: Timestamp, markets: &Markets) -> EquityRecord {
        let portfolio = &self.portfolio;
        let positions = portfolio.holdings().iter().map(|(id, holding)| (*id, holding.position())).collect();
        EquityRecord {
            at,
            cash: portfolio.cash(),
            equity: portfolio.equity(),
            hold: portfolio.hold().value(markets),
            fees: portfolio.fees(),
            positions,
        }
    }

    /// The plan of an open position that is worth closing. What is too small to sell counts as no position.
    fn plan(&self, market: &Market) -> Option<Plan> {
        self.sellable(market)?;
        self.plans.get(&market.instrument.id).copied()
    }

    fn sellable(&self, market: &Market) -> Option<Qty> {
        let instrument = &market.instrument;
        let qty = self.portfolio.holding(instrument.id)?.qty;
        let value = instrument.scale.notional(market.mark()?, qty, Rounding::Floor);
        (qty >= instrument.qty_min && qty.0 >= instrument.lot && value >= instrument.notional_min).then_some(qty)
    }

    fn act(&mut self, market: &Market, intent: Option<Intent>, turn: &mut Turn<'_>) {
        let instrument = market.instrument.id;
        match intent {
            None => {}
            Some(Intent::Enter { kind, reason, exit_at }) => self.enter(market, kind, reason, exit_at, turn),
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

    fn enter(&mut self, market: &Market, kind: OrderKind, reason: Reason, exit_at: Timestamp, turn: &mut Turn<'_>) {
        let best = || market.book().asks().first().map(|level| level.price);
        let Some(price) = kind.ticket().price.or_else(best) else { return };
        let size = self.portfolio.equity().share(Ppm(turn.settings.signal.size_ppm), Rounding::Floor);
        let qty = market.instrument.scale.affordable(size, price);
        if self.send(market, Side::Buy, qty, kind, reason, turn) {
            let rule = turn.settings.signal.rule;
            let plan = Plan { rule, exit_at, leaving: None, retry_at: turn.at, gain: Cash::ZERO };
            self.plans.insert(market.instrument.id, plan);
        }
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
        let Some(market) = turn.markets.get(instrument) else { return };
        let (Some(qty), Some(price)) = (self.sellable(market), market.mark()) else { return };
        let Some(holding) = self.portfolio.holding(instrument).copied() else { return };
        let plan = *self.plans.entry(instrument).or_insert_with(|| Plan::orphan(turn.at));
        let value = holding.value(market.instrument.scale, price);
        let must = signal::must_leave(&plan, holding.cost, value, turn.settings.risk.stop_loss_ppm, turn.at);
        let reason = if self.portfolio.is_breaker_open() { Some(Reason::Breaker) } else { plan.leaving.or(must) };
        let Some(reason) = reason else { return };
        self.leave(instrument, reason);
        if turn.at < plan.retry_at || !market.book().is_proven() || !self.is_clock_set {
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
        let Some(id) = turn.order_id() else { return false };
        let instrument = market.instrument.id;
        let order = Order { id, instrument, side, qty, kind, reason, at: turn.at };
        let scene = Scene {
            limits: &turn.settings.risk,
            is_clock_set: self.is_clock_set,
            is_trading: self.is_trading,
            market: Some(market),
            is_venue_clock_wrong: turn.markets.clock(market.instrument.venue) == ClockStanding::Wrong,
            terms: turn.terms(market),
            portfolio: &self.portfolio,
            is_working: self.venue.is_working(instrument),
            cash_free: self.portfolio.cash().saturating_sub(self.venue.reserved()),
        };
        match self.risk.assess(order, &scene) {
            Ok(approved) => {
                self.is_changed = true;
                turn.effects.record(Record::Order(approved.get().clone()));
                self.venue.accept(approved, &turn.settings.paper);
                true
            }
            Err((order, refusal)) => {
                *self.refusals.entry(refusal).or_insert(0) += 1;
                turn.effects.record(Record::Refused { order, refusal });
                false
            }
        }
    }

    /// Books what happened at the venue.
    fn settle(&mut self, turn: &mut Turn<'_>) {
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
    }

    fn book(&mut self, fill: Fill, is_first: bool, turn: &mut Turn<'_>) {
        let Some(market) = turn.markets.get(fill.instrument) else { return };
        let gain = self.portfolio.book(&fill, market.instrument.scale, is_first);
        if let Some(plan) = self.plans.get_mut(&fill.instrument) {
            plan.gain = plan.gain.saturating_add(gain);
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
        if let Some(market) = turn.markets.get(instrument).filter(|_| !working.filled.is_zero()) {
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
        if self.portfolio.is_breaker_open() || drawdown == 0 || drawdown < limit {
            return;
        }
        self.portfolio.open_breaker();
        self.is_changed = true;
        let text = format!(
            "Equity fell {} % from its peak, the limit is {} %. Paper trading has stopped and positions are being closed \
             until you reset the breaker.",
            notice::percent(drawdown),
            notice::percent(limit)
        );
        turn.notices.tell(Severity::Alarm, turn.at, None, text, turn.effects);
        self.cancel(|order| order.side == Side::Buy, turn);
        self.on_tick(turn);
    }
}
