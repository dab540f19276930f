//! Trying both sides of a difference between exchanges.
//!
//! ```text
//! opportunity began ─► what the account's money and coins allow ─► risk approves both ─► an order at each exchange at once
//!                                                                                          │ each arrives in its own time
//!   record ◄── nothing is left over ◄── what one side got and the other did not goes back ◄┘ and meets its own book
//! ```
//!
//! Both orders are immediate or cancel at the worst price that still paid, so neither chases a price that went away. The coins that are
//! sold are a stock, bought once with half of each purse; they are not moved between exchanges, and neither is money.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use types::effect::Record;
use types::order::{OrderKind, Reason, Ticket, TimeInForce};
use types::settings::Rule;
use types::{
    ArbitrageRecord, AttemptEnd, AttemptRecord, Cash, Fill, Instrument, InstrumentId, OrderId, Price, Qty, Rounding,
    Side,
};

use super::{Desk, Plan, Turn};
use crate::arbitrage::ledger::Pair;
use crate::arbitrage::{Means, Tender};
use crate::market::Market;
use crate::risk;

/// What is tried, and what stock was bought for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Legs {
    tries: Vec<Try>,
    stocked: BTreeSet<InstrumentId>,
}

/// An opportunity that is being tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Try {
    told: AttemptRecord,
    /// Orders that have not ended.
    working: u8,
    /// Money that came less money that went, where base is bought and where it is sold.
    flows: [Cash; 2],
    /// It is over as it is.
    is_cut_off: bool,
}

impl Try {
    fn has(&self, order: OrderId) -> bool {
        let AttemptRecord { buy_order, sell_order, even_order, .. } = self.told;
        [buy_order, sell_order, even_order].contains(&Some(order))
    }

    /// What one side got more than the other and did not give back, and where it lies (or is missing).
    fn excess(&self) -> Option<(Side, InstrumentId, Qty)> {
        let AttemptRecord { buy, sell, bought, sold, evened, .. } = self.told;
        let over = |more: Qty, less: Qty| more.saturating_sub(less).saturating_sub(evened);
        let (long, short) = (over(bought, sold), over(sold, bought));
        match (long.is_zero(), short.is_zero()) {
            (false, _) => Some((Side::Sell, buy, long)),
            (true, false) => Some((Side::Buy, sell, short)),
            (true, true) => None,
        }
    }

    fn end(&self) -> AttemptEnd {
        let AttemptRecord { qty, bought, sold, .. } = self.told;
        match (self.is_cut_off, bought == sold) {
            (true, _) => AttemptEnd::CutOff,
            (false, true) if bought.is_zero() => AttemptEnd::Gone,
            (false, true) if bought == qty => AttemptEnd::Caught,
            (false, true) => AttemptEnd::Part,
            (false, false) => AttemptEnd::OneSided,
        }
    }
}

impl Legs {
    /// The stock is given away: it may be bought again.
    pub(super) fn forget_stock(&mut self) {
        self.stocked.clear();
    }

    /// A fill was booked.
    pub(super) fn on_fill(&mut self, fill: &Fill, instrument: &Instrument) {
        let Some(tried) = self.tries.iter_mut().find(|tried| tried.has(fill.order)) else {
            if fill.side == Side::Buy {
                self.stocked.insert(fill.instrument);
            }
            return;
        };
        let told = &mut tried.told;
        let got = common(fill.qty, instrument, told.qty_decimals);
        let sum = if Some(fill.order) == told.even_order {
            &mut told.evened
        } else if fill.side == Side::Buy {
            &mut told.bought
        } else {
            &mut told.sold
        };
        *sum = sum.saturating_add(got);
        let notional = |rounding| instrument.scale.notional(fill.price, fill.qty, rounding);
        let flow = match fill.side {
            Side::Buy => -notional(Rounding::Ceil),
            Side::Sell => notional(Rounding::Floor),
        };
        let side = usize::from(fill.instrument == told.sell);
        tried.flows[side] = tried.flows[side].saturating_add(flow).saturating_sub(fill.fee);
    }

    /// An order ended. `is_cut_off` when nobody saw what became of it.
    pub(super) fn on_end(&mut self, order: OrderId, is_cut_off: bool) {
        if let Some(tried) = self.tries.iter_mut().find(|tried| tried.has(order)) {
            tried.working = tried.working.saturating_sub(1);
            tried.is_cut_off |= is_cut_off;
        }
    }
}

impl Desk {
    /// Buys the stock of an instrument, once (what of it is filled): an equal part of half of its purse.
    pub(super) fn stock_up(&mut self, market: &Market, turn: &mut Turn<'_>) {
        let instrument = &market.instrument;
        let is_done = self.legs.stocked.contains(&instrument.id) || self.venue.is_working(instrument.id);
        if is_done || !turn.is_compared(instrument.id) || !turn.permit.is_trading {
            return;
        }
        // Another version of the program may have bought it.
        if self.portfolio.holding(instrument.id).is_some() {
            self.legs.stocked.insert(instrument.id);
            return;
        }
        let Some(purse) = self.portfolio.purse(instrument) else { return };
        let paid_here = turn.markets.iter().map(|market| &market.instrument).filter(|other| {
            (other.venue, &other.quote) == (instrument.venue, &instrument.quote) && turn.is_compared(other.id)
        });
        let spend = Cash(purse.deposited.0 / 2 / paid_here.count().max(1) as i64).min(self.cash_free(purse, turn));
        if self.buy_for(market, spend, Reason::Stock, turn) {
            self.plans.insert(instrument.id, Plan::new(Rule::Hold, "arbitrage".to_owned()));
        }
    }

    /// Tries both sides of an opportunity that began.
    pub(crate) fn seize(&mut self, known: &ArbitrageRecord, turn: &mut Turn<'_>) {
        let (buy, sell) = (turn.markets.get(known.buy.instrument), turn.markets.get(known.sell.instrument));
        let Some((buy, sell)) = buy.zip(sell).filter(|_| turn.permit.is_trading) else { return };
        let mut told = AttemptRecord {
            seq: known.seq,
            at: known.opened_at,
            buy: known.buy.instrument,
            sell: known.sell.instrument,
            qty_decimals: known.qty_decimals,
            currency: known.currency.clone(),
            qty: Qty::ZERO,
            expected: Cash::ZERO,
            buy_order: None,
            sell_order: None,
            even_order: None,
            bought: Qty::ZERO,
            sold: Qty::ZERO,
            evened: Qty::ZERO,
            result: Cash::ZERO,
            ended_at: turn.at,
            end: AttemptEnd::Busy,
        };
        match self.order_both(buy, sell, known.first.net_cbps, &mut told, turn) {
            Ok(()) => self.legs.tries.push(Try { told, working: 2, flows: [Cash::ZERO; 2], is_cut_off: false }),
            Err(end) => turn.effects.record(Record::Attempt(Box::new(AttemptRecord { end, ..told }))),
        }
    }

    fn order_both(
        &mut self,
        buy: &Market,
        sell: &Market,
        net_cbps: u32,
        told: &mut AttemptRecord,
        turn: &mut Turn<'_>,
    ) -> Result<(), AttemptEnd> {
        if self.venue.is_working(told.buy) || self.venue.is_working(told.sell) {
            return Err(AttemptEnd::Busy);
        }
        let means = self.means(buy, sell, turn)?;
        let pair = Pair { buy: told.buy, sell: told.sell };
        let Tender { qty, buy: (buy_qty, buy_price), sell: (sell_qty, sell_price), profit } =
            turn.arbitrage.tender(pair, means, turn.exchanges()).ok_or(AttemptEnd::TooSmall)?;
        let reason = Reason::Arbitrage { net_cbps };
        let refused = AttemptEnd::Refused;
        let bid = self.approve(buy, Side::Buy, buy_qty, at_once(buy_price), reason, turn).map_err(refused)?;
        let offer = self.approve(sell, Side::Sell, sell_qty, at_once(sell_price), reason, turn).map_err(refused)?;
        (told.qty, told.expected) = (qty, profit);
        (told.buy_order, told.sell_order) = (Some(bid.get().id), Some(offer.get().id));
        self.submit(bid, buy, turn);
        self.submit(offer, sell, turn);
        Ok(())
    }

    /// What the account can spend on both sides.
    fn means(&self, buy: &Market, sell: &Market, turn: &Turn<'_>) -> Result<Means, AttemptEnd> {
        let (buy_terms, sell_terms) = (self.terms(buy, turn), self.terms(sell, turn));
        let taker = types::order::Liquidity::Taker;
        let best = buy.book().asks().first().map(|level| level.price).ok_or(AttemptEnd::TooSmall)?;
        let rate = turn.markets.rate(&buy.instrument.quote);
        let (purse, rate) = self.portfolio.purse(&buy.instrument).zip(rate).ok_or(AttemptEnd::NoMoney)?;
        let most = self.portfolio.equity().share(types::Ppm(turn.settings.risk.order_max_ppm), Rounding::Floor);
        let spend = risk::spendable(self.cash_free(purse, turn), &buy_terms).min(rate.amount(most));
        let buy_max = buy_terms.whole_lots(buy.instrument.scale.affordable(spend, best));
        if buy_max.is_zero() || buy_max < buy.instrument.qty_min || spend < buy.instrument.notional_min {
            return Err(AttemptEnd::NoMoney);
        }
        let sell_max = self.sellable(sell).ok_or(AttemptEnd::NoCoins)?;
        Ok(Means { buy_max, buy_taker: buy_terms.rate(taker), sell_max, sell_taker: sell_terms.rate(taker) })
    }

    /// Tries whose orders have ended: what only one side got goes back, and then they are told.
    pub(super) fn finish_tries(&mut self, turn: &mut Turn<'_>) {
        if self.legs.tries.iter().all(|tried| tried.working > 0) {
            return;
        }
        let (mut over, under_way): (Vec<Try>, Vec<Try>) =
            core::mem::take(&mut self.legs.tries).into_iter().partition(|tried| tried.working == 0);
        self.legs.tries = under_way;
        for mut tried in over.drain(..) {
            if self.even_out(&mut tried, turn) {
                self.legs.tries.push(tried);
            } else {
                turn.effects.record(Record::Attempt(Box::new(self.told_try(tried, turn))));
            }
        }
    }

    /// Sends an order for what only one side got. False where there is none, or it cannot be sent.
    fn even_out(&mut self, tried: &mut Try, turn: &mut Turn<'_>) -> bool {
        let is_done = tried.is_cut_off || tried.told.even_order.is_some();
        let Some((side, instrument, qty)) = tried.excess().filter(|_| !is_done) else { return false };
        let Some(market) = turn.markets.get(instrument) else { return false };
        let qty = own(qty, &market.instrument, tried.told.qty_decimals);
        let Ok(approved) = self.approve(market, side, qty, OrderKind::Market, Reason::Even, turn) else { return false };
        tried.told.even_order = Some(approved.get().id);
        tried.working = 1;
        self.submit(approved, market, turn);
        true
    }

    /// What came of a try: its money, and what could not go back at the middle of the book, in its currency.
    fn told_try(&self, tried: Try, turn: &Turn<'_>) -> AttemptRecord {
        let (end, excess) = (tried.end(), tried.excess());
        let Try { mut told, mut flows, .. } = tried;
        let left = excess.and_then(|(side, id, qty)| {
            let market = turn.markets.get(id)?;
            let qty = own(qty, &market.instrument, told.qty_decimals);
            let value = |rounding| Some(market.instrument.scale.notional(market.mark()?, qty, rounding));
            let worth = match side {
                Side::Sell => value(Rounding::Floor)?,
                Side::Buy => -value(Rounding::Ceil)?,
            };
            Some((usize::from(id == told.sell), worth))
        });
        if let Some((place, value)) = left {
            flows[place] = flows[place].saturating_add(value);
        }
        let quote = |id| turn.markets.get(id).map_or("", |market| market.instrument.quote.as_str());
        let in_currency = |flow: Cash, quote: &str| {
            let is_same = quote == told.currency;
            if is_same { flow } else { turn.markets.rate(quote).map_or(Cash::ZERO, |rate| rate.value(flow)) }
        };
        told.result = in_currency(flows[0], quote(told.buy)).saturating_add(in_currency(flows[1], quote(told.sell)));
        (told.end, told.ended_at) = (end, turn.at);
        told
    }
}

/// As much as is there at this price or better, at once.
const fn at_once(price: Price) -> OrderKind {
    OrderKind::Ticket(Ticket::new(Some(price), TimeInForce::Ioc))
}

/// A quantity of an instrument in units of 10^-`decimals`, which are not fewer digits than its own.
const fn common(qty: Qty, instrument: &Instrument, decimals: u8) -> Qty {
    Qty(qty.0.saturating_mul(10u64.pow(decimals.saturating_sub(instrument.scale.qty_decimals) as u32)))
}

/// The same the other way, rounded down.
const fn own(qty: Qty, instrument: &Instrument, decimals: u8) -> Qty {
    Qty(qty.0 / 10u64.pow(decimals.saturating_sub(instrument.scale.qty_decimals) as u32))
}
