//! When the box wants to trade: rules over forecasts and closed minutes. It wants; risk decides.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::effect::ForecastRecord;
use types::input::Decision;
use types::order::{OrderKind, Reason};
use types::settings::{RiskSettings, Rule, SignalSettings};
use types::{Cash, Ppm, Timestamp};

use crate::book::Book;
use crate::feature::{Column, Row};
use crate::portfolio::loss_ppm;

mod size;

pub use size::{Ground, size};

/// How long the entry order of rule `reversion` rests at the best bid.
const ENTRY_LIFE: Duration = Duration::from_secs(60);
const MINUTE: Duration = Duration::from_secs(60);

/// Something the rules want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Open a position.
    Enter {
        /// How.
        kind: OrderKind,
        /// Why.
        reason: Reason,
        /// How much: a share of equity.
        size: Ppm,
        /// When its reason is over.
        exit_at: Timestamp,
    },
    /// The reason of the open position was renewed.
    Extend {
        /// When it is over now.
        exit_at: Timestamp,
    },
    /// Close the position.
    Leave(Reason),
}

/// The open position's own rule, from the order that opened it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which rule opened it.
    pub rule: Rule,
    /// What opened it: a model's identifier, or the rule's name.
    pub opener: String,
    /// The share of equity that was wanted.
    pub size: Ppm,
    /// When its reason is over.
    pub exit_at: Timestamp,
    /// Why it is being closed; tried again until nothing is left.
    pub leaving: Option<Reason>,
    /// Not before this moment is the next try to close it.
    pub retry_at: Timestamp,
    /// Profit or loss of what was sold of it so far, after fees.
    pub gain: Cash,
    /// Its highest value so far.
    pub value_max: Cash,
}

impl Plan {
    /// Of a position that is opened now, without an end.
    pub(crate) const fn new(rule: Rule, opener: String) -> Self {
        let (exit_at, retry_at) = (Timestamp::MAX, Timestamp::EPOCH);
        let (size, gain, value_max) = (Ppm(0), Cash::ZERO, Cash::ZERO);
        Self { rule, opener, size, exit_at, leaving: None, retry_at, gain, value_max }
    }

    /// Of a position of which nobody knows why it was opened: it is closed.
    pub(crate) fn orphan(at: Timestamp) -> Self {
        Self { exit_at: at, retry_at: at, ..Self::new(Rule::Off, String::new()) }
    }
}

/// Where a minute closed within its Bollinger band.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Open time of the minute.
    pub open_time: Timestamp,
    /// Its close.
    pub close: f64,
    /// Lower band.
    pub lower: f64,
    /// Middle band.
    pub middle: f64,
    /// Upper band.
    pub upper: f64,
}

impl Band {
    /// From the feature row of the minute at `open_time`; `None` while the band is masked.
    #[must_use]
    pub fn of(row: &Row, open_time: Timestamp, close: f64) -> Option<Self> {
        let (lower, middle, upper) = (row.get(Column::BbLower)?, row.get(Column::BbMiddle)?, row.get(Column::BbUpper)?);
        Some(Self { open_time, close, lower, middle, upper })
    }

    /// Position of the close in the band, percent; 50 in a band without width.
    fn percent(&self) -> i32 {
        let width = self.upper - self.lower;
        if width > 0.0 { ((self.close - self.lower) / width * 100.0) as i32 } else { 50 }
    }
}

/// What a round trip costs: taker fee twice and the spread, in hundredths of a basis point (which are millionths).
#[must_use]
pub fn round_trip_cbps(taker_ppm: u32, book: &Book) -> Option<i32> {
    let cost = u64::from(taker_ppm) * 2 + u64::from(book.spread_ppm()?);
    Some(i32::try_from(cost).unwrap_or(i32::MAX))
}

/// A new forecast with what a decision about it rests on.
#[derive(Clone, Copy, Debug)]
pub struct Outlook<'a> {
    /// The forecast.
    pub forecast: &'a ForecastRecord,
    /// What the same model would do, if it says so.
    pub decision: Option<Decision>,
    /// What a round trip costs, hundredths of a basis point.
    pub cost_cbps: i32,
    /// Standard deviation of a minute's log-return, as the last hour tells it.
    pub minute_deviation: Option<f64>,
}

/// When the time that a forecast speaks of is over.
pub(crate) fn exit_at(forecast: &ForecastRecord) -> Timestamp {
    forecast.open_time.plus(MINUTE * (u32::from(forecast.horizon_min) + 1))
}

/// What rules `forecast` and `policy` make of a new forecast; `plan` is that of the open position. Neither buys where the forecast does
/// not cover the round trip and what it must promise beyond. `weigh` tells the position's weight in a portfolio.
#[must_use]
pub fn on_forecast(
    settings: &SignalSettings,
    outlook: &Outlook<'_>,
    plan: Option<&Plan>,
    weigh: impl FnOnce() -> Option<f64>,
) -> Option<Intent> {
    let Outlook { forecast, decision, cost_cbps, minute_deviation } = *outlook;
    let horizon_min = forecast.horizon_min;
    if !matches!(settings.rule, Rule::Forecast | Rule::Policy) || horizon_min != settings.horizon_min {
        return None;
    }
    let move_cbps = (f64::from(forecast.log_return) * 1e6) as i32;
    let exit_at = exit_at(forecast);
    let is_worth_it = i64::from(move_cbps) - i64::from(cost_cbps) > i64::from(settings.edge_min_cbps);
    let (buys, sells, policy) = match (settings.rule, decision) {
        (Rule::Forecast, _) => (true, move_cbps < 0, None),
        (_, None) => return None,
        (_, Some(d)) => (d.buy > d.hold.max(d.sell), d.sell > d.hold.max(d.buy), Some(d)),
    };
    let reason = |edge_cbps, cost_cbps, probability: fn(Decision) -> f32| match policy {
        None => Reason::Forecast { horizon_min, edge_cbps, cost_cbps },
        Some(d) => Reason::Policy { probability_ppm: (probability(d) * 1e6) as u32, edge_cbps, cost_cbps },
    };
    match plan {
        Some(plan) if plan.rule == settings.rule && sells => {
            Some(Intent::Leave(reason(move_cbps.saturating_neg(), cost_cbps / 2, |d| d.sell)))
        }
        Some(plan) if plan.rule == settings.rule && buys && is_worth_it => Some(Intent::Extend { exit_at }),
        None if buys && is_worth_it => {
            let net_return = Some(f64::from(move_cbps.saturating_sub(cost_cbps)) / 1e6);
            let size = size(settings, &Ground { net_return, horizon_min, minute_deviation, decision }, weigh);
            let reason = reason(move_cbps, cost_cbps, |d| d.buy);
            (size > Ppm(0)).then_some(Intent::Enter { kind: OrderKind::Market, reason, size, exit_at })
        }
        _ => None,
    }
}

/// A closed minute as rule `reversion` sees it.
#[derive(Clone, Copy, Debug)]
pub struct Minute<'a> {
    /// The minute before it.
    pub before: Option<&'a Band>,
    /// Itself.
    pub now: &'a Band,
    /// Standard deviation of a minute's log-return, as the last hour tells it.
    pub deviation: Option<f64>,
}

/// What rule `reversion` makes of a closed minute.
#[must_use]
pub fn on_minute(
    settings: &SignalSettings,
    minute: &Minute<'_>,
    book: &Book,
    plan: Option<&Plan>,
    at: Timestamp,
    weigh: impl FnOnce() -> Option<f64>,
) -> Option<Intent> {
    let Minute { before, now, deviation: minute_deviation } = *minute;
    let reason = Reason::Reversion { band_percent: now.percent() };
    if let Some(plan) = plan {
        return (plan.rule == Rule::Reversion && now.close >= now.middle).then_some(Intent::Leave(reason));
    }
    let before = before.filter(|band| band.open_time.plus(MINUTE) == now.open_time)?;
    let came_back = before.close < before.lower && now.close >= now.lower && now.close < now.middle;
    if settings.rule != Rule::Reversion || !came_back {
        return None;
    }
    let price = book.bids().first()?.price;
    let kind = OrderKind::Limit { price, expires: at.plus(ENTRY_LIFE) };
    let exit_at = at.plus(MINUTE * u32::from(settings.hold_max_min));
    let size = size(settings, &Ground { minute_deviation, ..Ground::default() }, weigh);
    (size > Ppm(0)).then_some(Intent::Enter { kind, reason, size, exit_at })
}

/// An open position as the limits see it: `cost` and `value` without fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it cost.
    pub cost: Cash,
    /// What it is worth.
    pub value: Cash,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// Why an open position must be closed now, whatever its rule thinks.
#[must_use]
pub fn must_leave(plan: &Plan, standing: Standing, limits: &RiskSettings, at: Timestamp) -> Option<Reason> {
    let Standing { cost, value, opened_at } = standing;
    let reaches = |change_ppm: u32, limit_ppm: u32| limit_ppm > 0 && change_ppm >= limit_ppm;
    let age_max = MINUTE * limits.age_max_min;
    let reasons = [
        (reaches(loss_ppm(cost, value), limits.stop_loss_ppm), Reason::StopLoss),
        (reaches(gain_ppm(cost, value), limits.take_profit_ppm), Reason::TakeProfit),
        (reaches(loss_ppm(plan.value_max, value), limits.trailing_stop_ppm), Reason::TrailingStop),
        (limits.age_max_min > 0 && opened_at.plus(age_max) <= at, Reason::TooOld),
        (plan.exit_at <= at, Reason::Expiry),
    ];
    reasons.into_iter().find_map(|(is_true, reason)| is_true.then_some(reason))
}

/// Rise from `before` to `now` in millionths of `before`, rounded down; zero where nothing was gained or there was nothing.
fn gain_ppm(before: Cash, now: Cash) -> u32 {
    let gained = i128::from(now.0) - i128::from(before.0);
    if gained <= 0 || before.0 <= 0 {
        return 0;
    }
    (gained * 1_000_000 / i128::from(before.0)).min(u32::MAX.into()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::effect::Base;
    use types::{InstrumentId, Price};

    const OPEN: Timestamp = Timestamp::from_secs(600);

    fn forecast(log_return: f32) -> ForecastRecord {
        let base = Base::Close(Price::new(1_000).unwrap());
        let (instrument, model, quantiles) = (InstrumentId(0), String::new(), Vec::new());
        ForecastRecord { instrument, open_time: OPEN, model, horizon_min: 30, base, log_return, p_up: 0.5, quantiles }
    }

    fn plan(rule: Rule) -> Plan {
        Plan { exit_at: Timestamp::from_secs(9_999), value_max: Cash(2_000), ..Plan::new(rule, String::new()) }
    }

    fn intent(
        settings: &SignalSettings,
        log_return: f32,
        plan: Option<&Plan>,
        decision: Option<Decision>,
    ) -> Option<Intent> {
        let forecast = forecast(log_return);
        let outlook = Outlook { forecast: &forecast, decision, cost_cbps: 1_000, minute_deviation: None };
        on_forecast(settings, &outlook, plan, || None)
    }

    #[track_caller]
    fn check_forecast(log_return: f32, plan: Option<&Plan>, expected: &str) {
        let settings = SignalSettings { rule: Rule::Forecast, edge_min_cbps: 100, ..SignalSettings::default() };
        assert_eq!(name(intent(&settings, log_return, plan, None)), expected, "{log_return}");
    }

    fn name(intent: Option<Intent>) -> &'static str {
        match intent {
            None => "nothing",
            Some(Intent::Enter { .. }) => "enter",
            Some(Intent::Extend { .. }) => "extend",
            Some(Intent::Leave(_)) => "leave",
        }
    }

    #[test]
    fn a_policy_is_followed_where_it_covers_its_costs() {
        let settings = SignalSettings { rule: Rule::Policy, edge_min_cbps: 100, ..SignalSettings::default() };
        let check = |sell, hold, buy, log_return, plan: Option<&Plan>, expected: &str| {
            let decision = Some(Decision { sell, hold, buy, size: 0.1, risk: 0.01 });
            assert_eq!(
                name(intent(&settings, log_return, plan, decision)),
                expected,
                "{sell} {hold} {buy} {log_return}"
            );
        };
        let open = plan(Rule::Policy);
        check(0.1, 0.2, 0.7, 0.01, None, "enter");
        check(0.1, 0.2, 0.7, 0.001, None, "nothing");
        check(0.1, 0.6, 0.3, 0.01, None, "nothing");
        check(0.1, 0.2, 0.7, 0.01, Some(&open), "extend");
        check(0.7, 0.2, 0.1, 0.01, Some(&open), "leave");
        check(0.1, 0.8, 0.1, -0.01, Some(&open), "nothing");
        check(0.7, 0.2, 0.1, 0.01, Some(&plan(Rule::Forecast)), "nothing");
        assert_eq!(name(intent(&settings, 0.01, None, None)), "nothing", "a model that says nothing of it");
    }

    #[test]
    fn a_forecast_must_promise_more_than_cost_and_edge() {
        check_forecast(0.001_099, None, "nothing");
        check_forecast(0.001_102, None, "enter");
        check_forecast(-0.01, None, "nothing");
        check_forecast(f32::INFINITY, None, "enter");
        check_forecast(f32::NAN, None, "nothing");
        check_forecast(0.01, Some(&plan(Rule::Forecast)), "extend");
        check_forecast(0.000_5, Some(&plan(Rule::Forecast)), "nothing");
        check_forecast(-0.000_5, Some(&plan(Rule::Forecast)), "leave");
        check_forecast(-0.000_5, Some(&plan(Rule::Reversion)), "nothing");
    }

    #[test]
    fn a_position_of_a_forecast_ends_with_its_horizon() {
        let settings = SignalSettings::default();
        let Some(Intent::Enter { exit_at, .. }) = intent(&settings, 0.1, None, None) else { panic!("enters") };
        assert_eq!(exit_at, Timestamp::from_secs(600 + 31 * 60));
    }

    #[test]
    fn loss_gain_and_time_close_a_position() {
        let limits = RiskSettings {
            stop_loss_ppm: 20_000,
            take_profit_ppm: 40_000,
            trailing_stop_ppm: 500_000,
            age_max_min: 60,
            ..RiskSettings::default()
        };
        let check = |value, at, expected| {
            let standing = Standing { cost: Cash(1_000), value: Cash(value), opened_at: Timestamp::EPOCH };
            let at = Timestamp::from_secs(at);
            assert_eq!(must_leave(&plan(Rule::Forecast), standing, &limits, at), expected, "{value} at {at:?}");
            let nothing = must_leave(&plan(Rule::Forecast), standing, &RiskSettings::open(), Timestamp::EPOCH);
            assert_eq!(nothing, None, "what is open is no limit");
        };
        check(1_001, 0, None);
        check(980, 0, Some(Reason::StopLoss));
        check(1_039, 0, None);
        check(1_040, 0, Some(Reason::TakeProfit));
        check(1_001, 3_599, None);
        check(1_001, 3_600, Some(Reason::TooOld));
        check(0, 9_999, Some(Reason::StopLoss));
        let late = RiskSettings { trailing_stop_ppm: 499_500, ..RiskSettings::open() };
        let standing = Standing { cost: Cash(1_000), value: Cash(1_001), opened_at: Timestamp::EPOCH };
        let leave = |at| must_leave(&plan(Rule::Forecast), standing, &late, Timestamp::from_secs(at));
        assert_eq!(leave(0), Some(Reason::TrailingStop), "2 000 was its highest");
        assert_eq!(
            must_leave(&plan(Rule::Forecast), standing, &RiskSettings::open(), Timestamp::from_secs(9_999)),
            Some(Reason::Expiry)
        );
    }
}
