//! What limits the first account, and how far it is from it.

use std::collections::BTreeMap;

use engine::view::View;
use store::{Span, State};
use types::settings::{BreakerSettings, RiskSettings};
use types::{AccountId, BreakerCause, BreakerScope, Cash, InstrumentId, Timestamp};
use wire::api::{LimitUse, PastBreaker, RefusedOrder, Risk};

use crate::accounts::{breakers, symbol, words};
use crate::kept::{LEAD, side_name};

/// Breakers that opened that are listed.
const OPENED: usize = 50;
/// Refused orders that are listed.
const REFUSED: usize = 50;

/// As the engine has it; what was refused is added by [`look_back`].
pub(crate) fn told(view: View<'_>, at: Timestamp) -> Risk {
    let limits = &view.settings().risk;
    let symbols: Vec<InstrumentId> = view.markets().map(|market| market.instrument.id).collect();
    let together = |a: InstrumentId, b: InstrumentId| if a == b { Some(1.0) } else { view.returns().correlation(a, b) };
    Risk {
        at_ms: at.as_millis(),
        trading: view.is_trading(),
        limits: uses(view, limits),
        exits: exits(limits),
        breakers: breakers(view),
        opened: Vec::new(),
        watched: watched(&limits.breakers),
        symbols: symbols.iter().map(|id| symbol(view, *id)).collect(),
        correlation: symbols.iter().map(|a| symbols.iter().map(|b| together(*a, *b)).collect()).collect(),
        refused: Vec::new(),
        refusals: view.refusals().iter().map(|(refusal, n)| (words(&format!("{refusal:?}")), *n)).collect(),
    }
}

/// Adds the newest orders that risk refused the first account, and the breakers that opened lately.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn look_back(risk: &mut Risk, state: &State) -> store::Result<()> {
    let names: Vec<(InstrumentId, String)> =
        state.catalogue()?.iter().map(|listing| (listing.id, crate::kept::full_name(listing))).collect();
    let name = |id: InstrumentId| names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
    risk.opened = opened(state, &name)?;
    let refused = state.refusals(Some(AccountId::LEAD), Span::last(REFUSED, Timestamp::MAX))?;
    risk.refused = refused
        .iter()
        .rev()
        .map(|(order, refusal)| RefusedOrder {
            at_ms: order.at.as_millis(),
            symbol: name(order.instrument).unwrap_or_default(),
            side: side_name(order.side).to_owned(),
            reason: words(&format!("{refusal:?}")),
        })
        .collect();
    Ok(())
}

/// Openings of breakers with their ends, newest first.
fn opened(state: &State, name: &dyn Fn(InstrumentId) -> Option<String>) -> store::Result<Vec<PastBreaker>> {
    let accounts = state.accounts()?;
    let stops = |scope: BreakerScope| match scope {
        BreakerScope::Instrument(id) => name(id).unwrap_or_default(),
        BreakerScope::Account(id) => {
            let told = accounts.iter().find(|account| account.account == id);
            told.map_or_else(|| LEAD.to_owned(), |account| account.name.clone())
        }
    };
    let (mut closed, mut told) = (BTreeMap::new(), Vec::new());
    for record in state.breakers(Span::last(2 * OPENED, Timestamp::MAX))?.iter().rev() {
        let Some((value, limit)) = record.opened else {
            closed.insert((record.cause, record.scope), record.at);
            continue;
        };
        told.push(PastBreaker {
            cause: words(&format!("{:?}", record.cause)),
            stops: stops(record.scope),
            from_ms: record.at.as_millis(),
            to_ms: closed.remove(&(record.cause, record.scope)).map(Timestamp::as_millis),
            measured: measured(record.cause, value, limit),
        });
    }
    told.truncate(OPENED);
    Ok(told)
}

/// A measure and its limit in the unit that people read.
fn measured(cause: BreakerCause, value: u32, limit: u32) -> String {
    let percent = |ppm: u32| format!("{:.2} %", f64::from(ppm) / 1e4);
    match cause {
        BreakerCause::Jump | BreakerCause::Drawdown => format!("{} of {}", percent(value), percent(limit)),
        BreakerCause::Spread => format!("{:.1} bps of {:.1} bps", f64::from(value) / 100.0, f64::from(limit) / 100.0),
        // The limit over what was there: 2 is half of it.
        BreakerCause::Depth => format!("{:.0} % of what must be there", 1e8 / f64::from(value.max(1))),
        BreakerCause::Losses => format!("{value} of {limit} in a row"),
        BreakerCause::Skill => {
            format!(
                "{} of {} worse than no change",
                percent(value.saturating_mul(100)),
                percent(limit.saturating_mul(100))
            )
        }
        BreakerCause::Latency => format!("{:.1} s of {:.1} s", f64::from(value) / 1e3, f64::from(limit) / 1e3),
    }
}

fn uses(view: View<'_>, limits: &RiskSettings) -> Vec<LimitUse> {
    let portfolio = view.portfolio();
    let equity = portfolio.equity();
    let part = |ppm: u32| f64::from(ppm) / 1e6;
    let share = |value: Cash| (equity.0 > 0).then(|| value.0 as f64 / equity.0 as f64);
    let held: Vec<_> = view.positions().map(|position| (position.instrument, position.value)).collect();
    let largest = held.iter().map(|(_, value)| *value).max().unwrap_or(Cash::ZERO);
    let venue = |wanted| {
        let there = held.iter().filter(|(instrument, _)| instrument.venue == wanted);
        there.fold(Cash::ZERO, |sum, (_, value)| sum.saturating_add(*value))
    };
    let fullest = held.iter().map(|(instrument, _)| venue(instrument.venue)).max().unwrap_or(Cash::ZERO);
    let all = held.iter().fold(Cash::ZERO, |sum, (_, value)| sum.saturating_add(*value));
    let limit = |name: &str, used: Option<f64>, max: f64| LimitUse { name: name.to_owned(), used, max };
    let positions: Vec<(InstrumentId, f64)> =
        held.iter().map(|(instrument, value)| (instrument.id, value.0 as f64)).collect();
    let at_risk = if positions.is_empty() { Some(0.0) } else { view.returns().value_at_risk(&positions) };
    vec![
        limit("Drawdown", Some(part(portfolio.drawdown_ppm())), part(limits.drawdown_max_ppm)),
        limit("Loss of the day", Some(part(portfolio.day_loss_ppm())), part(limits.daily_loss_max_ppm)),
        limit("Loss of the week", Some(part(portfolio.week_loss_ppm())), part(limits.weekly_loss_max_ppm)),
        limit(
            "Value at risk, a day",
            at_risk.and_then(|value| share(Cash(value as i64))),
            part(limits.value_at_risk_max_ppm),
        ),
        limit("Largest position", share(largest), part(limits.position_max_ppm)),
        limit("At one exchange", share(fullest), part(limits.venue_max_ppm)),
        limit("In positions at all", share(all), 1.0 - part(limits.cash_reserve_ppm)),
    ]
}

fn exits(limits: &RiskSettings) -> Vec<(String, Option<f64>)> {
    let exit = |name: &str, ppm: u32| (name.to_owned(), (ppm > 0).then(|| f64::from(ppm) / 1e6));
    vec![
        exit("Stop-loss", limits.stop_loss_ppm),
        exit("Take-profit", limits.take_profit_ppm),
        exit("Trailing stop", limits.trailing_stop_ppm),
    ]
}

fn watched(limits: &BreakerSettings) -> Vec<(String, String)> {
    let mut told = Vec::new();
    let mut watch = |name: &str, is_on: bool, text: String| {
        told.push((name.to_owned(), if is_on { text } else { "off".to_owned() }));
    };
    watch("jump", limits.jump_ppm > 0, format!("{} % within a minute", f64::from(limits.jump_ppm) / 1e4));
    watch("spread", limits.spread_max_cbps > 0, format!("above {} bps", f64::from(limits.spread_max_cbps) / 1e2));
    watch("depth", limits.depth_min > 0, format!("below {} USD on a side", limits.depth_min));
    watch("losses", limits.losses_max > 0, format!("{} in a row", limits.losses_max));
    watch(
        "skill",
        limits.skill_below_max > 0,
        format!("{} % worse than no change", f64::from(limits.skill_below_max) / 1e2),
    );
    watch("latency", limits.answer_max_ms > 0, format!("an answer after {} s", f64::from(limits.answer_max_ms) / 1e3));
    told
}

#[cfg(test)]
mod tests {
    use engine::Engine;
    use store::Entry;
    use types::settings::EngineSettings;
    use types::{BreakerRecord, Effects, Input, Record, Stamped};

    use super::*;

    #[test]
    fn an_account_without_positions_uses_nothing_of_its_limits() {
        let mut engine = Engine::default();
        let boot = Input::Boot { version: "test".to_owned(), settings: Box::new(EngineSettings::default()) };
        let at = Timestamp::from_secs(1_800_000_000);
        engine.handle(&Stamped { seq: 1, at, input: boot }, &mut Effects::default());
        let risk = told(engine.view(), at);
        let max: Vec<f64> = risk.limits.iter().map(|limit| limit.max).collect();
        assert_eq!(max, [0.2, 0.05, 0.1, 0.05, 0.2, 0.6, 0.95]);
        assert!(risk.limits.iter().all(|limit| limit.used == Some(0.0)), "{:?}", risk.limits);
        assert_eq!(risk.exits[2], ("Trailing stop".to_owned(), None));
        assert_eq!(risk.watched[0], ("jump".to_owned(), "2 % within a minute".to_owned()));
    }

    #[test]
    fn an_opening_is_told_with_its_end_and_the_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let at = |second| Timestamp::from_secs(1_800_000_000 + second);
        let market = |id| BreakerScope::Instrument(InstrumentId(id));
        let lead = BreakerScope::Account(AccountId::LEAD);
        let told = [
            (0, BreakerCause::Spread, market(0), Some((1_200, 1_000))),
            (10, BreakerCause::Spread, market(1), Some((1_300, 1_000))),
            (60, BreakerCause::Spread, market(0), None),
            (70, BreakerCause::Drawdown, lead, Some((210_000, 200_000))),
            (80, BreakerCause::Spread, market(0), Some((1_500, 1_000))),
        ];
        let entries: Vec<Entry> = told
            .into_iter()
            .zip(0..)
            .map(|((second, cause, scope, opened), rank)| {
                let record = Record::Breaker(BreakerRecord { at: at(second), cause, scope, opened });
                Entry { seq: 1, rank, record }
            })
            .collect();
        state.write(&entries, 1).unwrap();
        let opened = opened(&state, &|id| Some(format!("market {}", id.0))).unwrap();
        let told: Vec<_> =
            opened.iter().map(|it| (it.stops.as_str(), it.from_ms, it.to_ms, it.measured.as_str())).collect();
        let ms = |second: i64| at(second).as_millis();
        assert_eq!(
            told,
            [
                ("market 0", ms(80), None, "15.0 bps of 10.0 bps"),
                ("lead", ms(70), None, "21.00 % of 20.00 %"),
                ("market 1", ms(10), None, "13.0 bps of 10.0 bps"),
                ("market 0", ms(0), Some(ms(60)), "12.0 bps of 10.0 bps"),
            ]
        );
    }
}
