//! The paper accounts as they are: where their money lies, what they hold, what brought what, and how they have done.

use engine::risk::breaker::Scope;
use engine::stats::performance::Performance;
use engine::view::{AccountView, PositionView, View};
use serde::Serialize;
use store::{Span, State};
use types::time::NS_PER_MIN;
use types::{AccountId, AccountPurse, Cash, InstrumentId, Tally, Timestamp};

/// Minutes of an hour: equity is looked at by the hour.
const HOUR_NS: i64 = 60 * NS_PER_MIN;
const HOURS_A_YEAR: f64 = 8_760.0;

/// All accounts at a moment, and what stops them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) accounts: Vec<Account>,
    pub(crate) breakers: Vec<Breaker>,
}

/// An account. Amounts are dollars but where a currency is named.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Account {
    #[serde(skip)]
    pub(crate) id: AccountId,
    name: String,
    /// False once the settings do not name its strategy any more.
    active: bool,
    start: String,
    cash: String,
    equity: String,
    fees: String,
    realised: String,
    unrealised: String,
    /// Bought and sold, over the start money.
    turnover: f64,
    exposure: f64,
    drawdown: f64,
    drawdown_breaker_open: bool,
    losses_in_row: u16,
    trades: Trades,
    purses: Vec<Purse>,
    positions: Vec<Position>,
    by_symbol: Vec<Part>,
    by_opener: Vec<Part>,
    orders_working: usize,
    refused: Vec<(String, u64)>,
    /// Over hours of the last days that were asked for; missing before three hours of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    performance: Option<Performance>,
}

#[derive(Clone, Debug, Serialize)]
struct Purse {
    venue: &'static str,
    currency: String,
    cash: String,
    deposited: String,
    fees: String,
    realised: String,
    /// What a unit is worth in dollars.
    rate: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
struct Position {
    symbol: String,
    currency: String,
    qty: String,
    entry: Option<String>,
    value: String,
    pnl: String,
    opened_at: String,
}

/// What finished trades of a kind amounted to.
#[derive(Clone, Debug, Serialize)]
struct Part {
    of: String,
    #[serde(flatten)]
    trades: Trades,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Trades {
    n: u32,
    win_rate: Option<f64>,
    profit_factor: Option<f64>,
    /// Profits less losses, after fees, dollars.
    net: f64,
}

/// A breaker that is open.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Breaker {
    cause: String,
    /// A symbol, or an account's name.
    stops: String,
    since: String,
    seen_at: String,
}

/// All accounts as the engine has them.
pub(crate) fn told(view: View<'_>) -> Told {
    let accounts: Vec<Account> = view.accounts().map(|account| of(view, account)).collect();
    let breakers = view.breakers().open().iter().map(|((cause, scope), open)| Breaker {
        cause: format!("{cause:?}").to_lowercase(),
        stops: match scope {
            Scope::Instrument(id) => symbol(view, *id),
            Scope::Account(id) => {
                accounts.iter().find(|known| known.id == *id).map(|it| it.name.clone()).unwrap_or_default()
            }
        },
        since: open.since.to_string(),
        seen_at: open.seen_at.to_string(),
    });
    Told { breakers: breakers.collect(), accounts }
}

fn of(view: View<'_>, account: AccountView<'_>) -> Account {
    let (portfolio, worth) = (account.portfolio(), account.portfolio().worth());
    let all = portfolio.by_instrument().values().fold(Tally::default(), |sum, tally| Tally {
        trades: sum.trades + tally.trades,
        wins: sum.wins + tally.wins,
        profit: sum.profit.saturating_add(tally.profit),
        loss: sum.loss.saturating_add(tally.loss),
        fees: sum.fees.saturating_add(tally.fees),
        turnover: sum.turnover.saturating_add(tally.turnover),
    });
    let over = |part: Cash, whole: Cash| if whole.0 > 0 { part.0 as f64 / whole.0 as f64 } else { 0.0 };
    let unrealised = worth.equity.saturating_sub(portfolio.start()).saturating_sub(worth.realised);
    Account {
        id: account.id(),
        name: account.name().to_owned(),
        active: account.is_active(),
        start: text(portfolio.start()),
        cash: text(worth.cash),
        equity: text(worth.equity),
        fees: text(worth.fees),
        realised: text(worth.realised),
        unrealised: text(unrealised),
        turnover: over(all.turnover, portfolio.start()),
        exposure: over(worth.equity.saturating_sub(worth.cash), worth.equity),
        drawdown: f64::from(portfolio.drawdown_ppm()) / 1e6,
        drawdown_breaker_open: portfolio.is_breaker_open(),
        losses_in_row: portfolio.losses_in_row(),
        trades: trades(&all),
        purses: portfolio.purses().iter().map(|purse| self::purse(view, purse)).collect(),
        positions: account.positions().map(position).collect(),
        by_symbol: portfolio.by_instrument().iter().map(|(id, tally)| part(symbol(view, *id), tally)).collect(),
        by_opener: portfolio.by_opener().iter().map(|(opener, tally)| part(opener.clone(), tally)).collect(),
        orders_working: account.orders().len(),
        refused: account.refusals().iter().map(|(refusal, count)| (format!("{refusal:?}"), *count)).collect(),
        performance: None,
    }
}

fn purse(view: View<'_>, purse: &AccountPurse) -> Purse {
    Purse {
        venue: purse.venue.slug(),
        currency: purse.currency.clone(),
        cash: text(purse.cash),
        deposited: text(purse.deposited),
        fees: text(purse.fees),
        realised: text(purse.realised),
        rate: view.rate(&purse.currency).map(|rate| rate.value(Cash::from_units(1)).0 as f64 / 1e8),
    }
}

fn position(position: PositionView<'_>) -> Position {
    let (instrument, scale) = (position.instrument, position.instrument.scale);
    Position {
        symbol: format!("{}:{}", instrument.venue, instrument.symbol),
        currency: instrument.quote.clone(),
        qty: scale.qty(position.qty).to_string(),
        entry: position.entry.map(|price| scale.price(price).to_string()),
        value: text(position.value),
        pnl: text(position.pnl),
        opened_at: position.opened_at.to_string(),
    }
}

fn part(of: String, tally: &Tally) -> Part {
    Part { of, trades: trades(tally) }
}

fn trades(tally: &Tally) -> Trades {
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    Trades {
        n: tally.trades,
        win_rate: share(tally.wins.into(), tally.trades.into()),
        profit_factor: share(tally.profit.0 as f64, tally.loss.0 as f64),
        net: tally.net().0 as f64 / 1e8,
    }
}

fn symbol(view: View<'_>, id: InstrumentId) -> String {
    let instrument = view.market(id).map(|market| &market.instrument);
    instrument.map(|it| format!("{}:{}", it.venue, it.symbol)).unwrap_or_default()
}

fn text(cash: Cash) -> String {
    cash.fixed().to_string()
}

impl Account {
    /// Adds how it has done since a time, from what was kept of its equity at full hours.
    pub(crate) fn look_back(&mut self, state: &State, since: Timestamp) -> store::Result<()> {
        let kept = state.equity(self.id, Span::between(since, Timestamp::MAX, usize::MAX))?;
        let hours = kept.iter().filter(|record| record.at.as_nanos() % HOUR_NS == 0);
        let equity: Vec<f64> = hours.map(|record| record.equity.0 as f64 / 1e8).collect();
        self.performance = Performance::of(&equity, HOURS_A_YEAR);
        Ok(())
    }
}
