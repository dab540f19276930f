//! The paper accounts as they are: where their money lies, what they hold, what brought what, and how they have done.

use engine::stats::performance::Performance;
use engine::view::{AccountView, PositionView, View};
use store::{Span, State};
use types::effect::EquityRecord;
use types::time::NS_PER_MIN;
use types::{AccountId, AccountPurse, BreakerScope, Cash, InstrumentId, Tally, Timestamp};
use wire::api::{Account, Accounts, CurvePoint, OpenBreaker, Position, Purse, TradePart, TradeSum};

/// Minutes of an hour: equity is looked at by the hour.
const HOUR_NS: i64 = 60 * NS_PER_MIN;
const HOURS_A_YEAR: f64 = 8_760.0;

/// All accounts at a moment, with their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) ids: Vec<AccountId>,
    pub(crate) accounts: Accounts,
}

/// All accounts as the engine has them.
pub(crate) fn told(view: View<'_>, at: Timestamp) -> Told {
    let (ids, accounts): (Vec<AccountId>, Vec<Account>) =
        view.accounts().map(|account| (account.id(), of(view, account))).unzip();
    Told { accounts: Accounts { at_ms: at.as_millis(), accounts, breakers: breakers(view) }, ids }
}

/// Breakers that are open, of any account.
pub(crate) fn breakers(view: View<'_>) -> Vec<OpenBreaker> {
    let name =
        |wanted: AccountId| view.accounts().find(|account| account.id() == wanted).map(|it| it.name().to_owned());
    let told = view.breakers().open().iter().map(|((cause, scope), open)| OpenBreaker {
        cause: words(&format!("{cause:?}")),
        stops: match scope {
            BreakerScope::Instrument(id) => symbol(view, *id),
            BreakerScope::Account(id) => name(*id).unwrap_or_default(),
        },
        since_ms: open.since.as_millis(),
        seen_at_ms: open.seen_at.as_millis(),
    });
    told.collect()
}

/// `WideSpread` as people read it: `wide spread`.
pub(crate) fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for (place, letter) in name.chars().enumerate() {
        if place > 0 && letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
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
        orders_working: account.orders().len() as u32,
        refused: account.refusals().iter().map(|(refusal, count)| (words(&format!("{refusal:?}")), *count)).collect(),
        performance: None,
    }
}

fn purse(view: View<'_>, purse: &AccountPurse) -> Purse {
    Purse {
        venue: purse.venue.slug().to_owned(),
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
        opened_at_ms: position.opened_at.as_millis(),
    }
}

fn part(of: String, tally: &Tally) -> TradePart {
    TradePart { of, trades: trades(tally) }
}

fn trades(tally: &Tally) -> TradeSum {
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    TradeSum {
        n: tally.trades,
        win_rate: share(tally.wins.into(), tally.trades.into()),
        profit_factor: share(tally.profit.0 as f64, tally.loss.0 as f64),
        net: tally.net().0 as f64 / 1e8,
    }
}

pub(crate) fn symbol(view: View<'_>, id: InstrumentId) -> String {
    let instrument = view.market(id).map(|market| &market.instrument);
    instrument.map(|it| format!("{}:{}", it.venue, it.symbol)).unwrap_or_default()
}

fn text(cash: Cash) -> String {
    cash.fixed().to_string()
}

impl Told {
    /// Adds how all have done since a time, from what was kept of their equity at full hours.
    pub(crate) fn look_back(&mut self, state: &State, since: Timestamp) -> store::Result<()> {
        for (id, account) in self.ids.iter().zip(&mut self.accounts.accounts) {
            let kept = state.equity(*id, Span::between(since, Timestamp::MAX, usize::MAX))?;
            let hours = kept.iter().filter(|record| record.at.as_nanos() % HOUR_NS == 0);
            let equity: Vec<f64> = hours.map(|record| record.equity.0 as f64 / 1e8).collect();
            account.performance = Performance::of(&equity, HOURS_A_YEAR).map(performance);
        }
        Ok(())
    }
}

fn performance(of: Performance) -> wire::api::Performance {
    wire::api::Performance {
        periods: of.periods as u32,
        total_return: of.total_return,
        annual_return: of.annual_return,
        annual_volatility: of.annual_volatility,
        sharpe: of.sharpe,
        sortino: of.sortino,
        calmar: of.calmar,
        drawdown_max: of.drawdown_max,
        drawdown_periods_max: of.drawdown_periods_max as u32,
        value_at_risk_95: of.value_at_risk_95,
        expected_shortfall_95: of.expected_shortfall_95,
    }
}

/// The equity of an account since a time, at most so many points: every minute of it, every hour, or every so many.
pub(crate) fn curve(
    state: &State,
    id: AccountId,
    since: Timestamp,
    points_max: usize,
) -> store::Result<Vec<CurvePoint>> {
    let kept = state.equity(id, Span::between(since, Timestamp::MAX, usize::MAX))?;
    let step = kept.len().div_ceil(points_max.max(1)).max(1);
    let dollars = |cash: Cash| cash.0 as f64 / 1e8;
    let point = |record: &EquityRecord| CurvePoint {
        at_ms: record.at.as_millis(),
        equity: dollars(record.equity),
        hold: dollars(record.hold),
    };
    // Counted from the newest, which is always among them.
    let mut points: Vec<CurvePoint> = kept.iter().rev().step_by(step).map(point).collect();
    points.reverse();
    Ok(points)
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::Record;

    use super::*;

    #[test]
    fn names_are_read_as_words() {
        assert_eq!((words("WideSpread").as_str(), words("DailyLoss").as_str()), ("wide spread", "daily loss"));
    }

    #[test]
    fn a_curve_is_thinned_and_ends_with_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let minute = |n: i64| Timestamp::from_secs(1_800_000_000 + 60 * n);
        let record = |n: i64| {
            let (cash, hold) = (Cash(n * 100_000_000), Cash(500_000_000));
            let fees = Cash::ZERO;
            Record::Equity(EquityRecord {
                account: AccountId::LEAD,
                at: minute(n),
                cash,
                equity: cash,
                hold,
                fees,
                positions: Vec::new(),
            })
        };
        let entries: Vec<Entry> = (0..100).map(|n| Entry { seq: n as u64 + 1, rank: 0, record: record(n) }).collect();
        state.write(&entries, 100).unwrap();
        let points = curve(&state, AccountId::LEAD, minute(10), 20).unwrap();
        assert!(points.len() <= 20 && points.len() > 15, "{}", points.len());
        let last = points.last().unwrap();
        assert_eq!((last.at_ms, last.equity as i64, last.hold as i64), (minute(99).as_millis(), 99, 5));
        assert!(
            points.is_sorted_by(|before, after| before.at_ms < after.at_ms)
                && points[0].at_ms >= minute(10).as_millis()
        );
    }
}
