//! What a trial came to, read from the engine's effects and, at the end, from its accounts.

use std::collections::BTreeMap;

use engine::Engine;
use serde::Serialize;
use types::effect::EquityRecord;
use types::market::Quote;
use types::time::{NS_PER_DAY, NS_PER_MIN};
use types::{AccountId, AccountRecord, Cash, Effect, Fill, InstrumentId, OrderId, Record, Timestamp};

use crate::Cost;

const NS_PER_HOUR: i64 = 60 * NS_PER_MIN;

/// A trade from flat to flat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClosedTrade {
    /// Of what.
    pub instrument: InstrumentId,
    /// What opened it: a model's identifier, or the rule's name.
    pub opener: String,
    /// When the first part was bought.
    pub opened_at: Timestamp,
    /// When the last part was sold.
    pub closed_at: Timestamp,
    /// What it brought after all fees, dollars.
    pub result: Cash,
}

/// What one account came to. Money is in [`ACCOUNT_CURRENCY`](types::account::ACCOUNT_CURRENCY).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountOutcome {
    /// Which.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Money it started with.
    pub start: Cash,
    /// What it was worth at the end, open positions at the last proven mid prices.
    pub equity: Cash,
    /// Equity at each full hour, the start money first; where nothing was heard the value before is repeated.
    pub hourly: Vec<Cash>,
    /// The same at each midnight, UTC.
    pub daily: Vec<Cash>,
    /// Finished trades, in order of their end.
    pub trades: Vec<ClosedTrade>,
    /// Orders that went to the paper venue.
    pub orders: u64,
    /// Fills of them.
    pub fills: u64,
    /// Fees paid.
    pub fees: Cash,
    /// What its orders cost, dollars at the rates of their fills.
    pub cost: Cost,
    /// Bought and sold.
    pub turnover: Cash,
    /// Positions that were open at the end.
    pub open: usize,
    /// Orders that risk refused, by reason.
    pub refused: BTreeMap<String, u64>,
}

/// Equity at equal distances.
#[derive(Debug)]
struct Sampler {
    step: i64,
    next: i64,
    last: Cash,
    values: Vec<Cash>,
}

impl Sampler {
    fn new(step: i64, at: Timestamp, start: Cash) -> Self {
        Self { step, next: first_period(at, step).as_nanos() + step, last: start, values: vec![start] }
    }

    fn add(&mut self, at: Timestamp, equity: Cash) {
        let at = at.as_nanos();
        while self.next <= at {
            self.values.push(if self.next == at { equity } else { self.last });
            self.next += self.step;
        }
        self.last = equity;
    }
}

/// Start of the first period. The minute before a boundary belongs to the period after it: candles are played a little
/// before the first.
pub(crate) fn first_period(at: Timestamp, step: i64) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos() + NS_PER_MIN).floor_to(step)
}

/// What is known of one account so far.
#[derive(Debug)]
struct Gathered {
    hourly: Sampler,
    daily: Sampler,
    trades: Vec<ClosedTrade>,
    orders: u64,
    fills: u64,
    cost: Cost,
    refused: BTreeMap<String, u64>,
    /// Finished trades and what they came to, by instrument, as told last.
    finished: BTreeMap<InstrumentId, (u32, Cash)>,
    /// Open positions: what opened them, and when.
    open: BTreeMap<InstrumentId, (String, Timestamp)>,
}

impl Gathered {
    fn new(at: Timestamp, start: Cash) -> Self {
        Self {
            hourly: Sampler::new(NS_PER_HOUR, at, start),
            daily: Sampler::new(NS_PER_DAY, at, start),
            trades: Vec::new(),
            orders: 0,
            fills: 0,
            cost: Cost::default(),
            refused: BTreeMap::new(),
            finished: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    fn on_account(&mut self, told: &AccountRecord) {
        for (instrument, tally) in &told.by_instrument {
            let (trades, net) = self.finished.get(instrument).copied().unwrap_or_default();
            if tally.trades == trades {
                continue;
            }
            let now = tally.net();
            self.finished.insert(*instrument, (tally.trades, now));
            let (opener, opened_at) = self.open.remove(instrument).unwrap_or_else(|| (String::new(), told.at));
            let (instrument, closed_at, result) = (*instrument, told.at, now.saturating_sub(net));
            self.trades.push(ClosedTrade { instrument, opener, opened_at, closed_at, result });
        }
        for position in &told.positions {
            self.open.entry(position.instrument).or_insert_with(|| {
                let opened_at = position.lots.first().map_or(told.at, |lot| lot.at);
                (position.opener.clone(), opened_at)
            });
        }
    }

    fn on_equity(&mut self, told: &EquityRecord) {
        self.hourly.add(told.at, told.equity);
        self.daily.add(told.at, told.equity);
    }
}

/// Reads the effects of a trial.
#[derive(Debug)]
pub(crate) struct Gatherer {
    at: Timestamp,
    start: Cash,
    accounts: BTreeMap<AccountId, Gathered>,
    /// What open orders met: the best prices at their decision and at their arrival.
    met: BTreeMap<OrderId, (Option<Quote>, Option<Quote>)>,
}

impl Gatherer {
    /// From the first input on, with the start money of the settings.
    pub(crate) const fn new(at: Timestamp, start: Cash) -> Self {
        Self { at, start, accounts: BTreeMap::new(), met: BTreeMap::new() }
    }

    /// From here on, with accounts that an engine has already: what they did before does not count.
    pub(crate) fn going_on(at: Timestamp, engine: &Engine) -> Self {
        let mut found = Self::new(at, Cash::ZERO);
        for account in engine.view().accounts() {
            let portfolio = account.portfolio();
            let mut gathered = Gathered::new(at, portfolio.equity());
            let tallies = portfolio.by_instrument().iter();
            gathered.finished = tallies.map(|(id, tally)| (*id, (tally.trades, tally.net()))).collect();
            found.accounts.insert(account.id(), gathered);
        }
        found
    }

    /// An effect, and the engine that had it.
    pub(crate) fn hear(&mut self, effect: &Effect, engine: &Engine) {
        let Effect::Record(record) = effect else { return };
        match record {
            Record::Equity(told) => self.of(told.account).on_equity(told),
            Record::Account(told) => self.of(told.account).on_account(told),
            Record::Order(order) => self.of(order.account).orders += 1,
            Record::Why(why) => {
                let quote = why.bids.first().zip(why.asks.first());
                let quote = quote.map(|(bid, ask)| Quote { bid: bid.price, ask: ask.price });
                self.met.insert(why.order, (quote, None));
            }
            Record::Arrival(arrival) => self.met.entry(arrival.order).or_default().1 = arrival.quote,
            Record::Fill(fill) => {
                let cost = self.cost(fill, engine);
                let account = self.of(fill.account);
                account.fills += 1;
                account.cost = account.cost.plus(cost);
            }
            Record::OrderEnd { order, .. } => drop(self.met.remove(order)),
            Record::Refused { order, refusal } => {
                // The enum's own spelling, which is what the settings and the box's pages use.
                let name = serde_json::to_value(refusal).ok().and_then(|name| name.as_str().map(str::to_owned));
                *self.of(order.account).refused.entry(name.unwrap_or_default()).or_insert(0) += 1;
            }
            _ => {}
        }
    }

    /// What a fill cost, dollars; where the currency has no rate it counts nothing, as in the account.
    fn cost(&self, fill: &Fill, engine: &Engine) -> Cost {
        let Some(market) = engine.view().market(fill.instrument) else { return Cost::default() };
        let (decided, arrived) = self.met.get(&fill.order).copied().unwrap_or_default();
        let cost = Cost::of(&market.instrument, decided, arrived, core::slice::from_ref(fill));
        let rate = engine.view().rate(&market.instrument.quote);
        cost.map(|part| rate.map_or(Cash::ZERO, |rate| rate.value(part)))
    }

    fn of(&mut self, account: AccountId) -> &mut Gathered {
        let (at, start) = (self.at, self.start);
        self.accounts.entry(account).or_insert_with(|| Gathered::new(at, start))
    }

    pub(crate) fn finish(mut self, engine: &Engine) -> Vec<AccountOutcome> {
        let view = engine.view();
        let outcome = |account: engine::view::AccountView<'_>| {
            let (at, start) = (self.at, self.start);
            let gathered = self.accounts.remove(&account.id()).unwrap_or_else(|| Gathered::new(at, start));
            let portfolio = account.portfolio();
            let turnover = portfolio.by_instrument().values().map(|tally| tally.turnover);
            AccountOutcome {
                account: account.id(),
                name: account.name().to_owned(),
                start: portfolio.start(),
                equity: portfolio.equity(),
                hourly: gathered.hourly.values,
                daily: gathered.daily.values,
                trades: gathered.trades,
                orders: gathered.orders,
                fills: gathered.fills,
                fees: portfolio.worth().fees,
                cost: gathered.cost,
                turnover: turnover.fold(Cash::ZERO, Cash::saturating_add),
                open: portfolio.holdings().len(),
                refused: gathered.refused,
            }
        };
        view.accounts().map(outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equity_is_sampled_at_equal_distances_and_repeated_where_nothing_was_heard() {
        let at = |minutes: i64| Timestamp::from_secs(minutes * 60);
        let mut sampler = Sampler::new(NS_PER_HOUR, at(90), Cash(10));
        for (minutes, equity) in [(91, 11), (119, 12), (120, 13), (121, 14), (305, 15), (360, 16)] {
            sampler.add(at(minutes), Cash(equity));
        }
        assert_eq!(sampler.values.iter().map(|value| value.0).collect::<Vec<_>>(), [10, 13, 14, 14, 14, 16]);
    }
}
