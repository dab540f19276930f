//! When the box wants to trade: rules over forecasts and closed minutes. It wants; risk decides.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::effect::ForecastRecord;
use types::order::{OrderKind, Reason};
use types::settings::{Rule, SignalSettings};
use types::{Cash, Timestamp};

use crate::book::Book;
use crate::feature::{Column, Row};
use crate::portfolio::loss_ppm;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which rule opened it.
    pub rule: Rule,
    /// When its reason is over.
    pub exit_at: Timestamp,
    /// Why it is being closed; tried again until nothing is left.
    pub leaving: Option<Reason>,
    /// Not before this moment is the next try to close it.
    pub retry_at: Timestamp,
    /// Profit or loss of what was sold of it so far, after fees.
    pub gain: Cash,
}

impl Plan {
    /// Of a position of which nobody knows why it was opened: it is closed.
    pub(crate) fn orphan(at: Timestamp) -> Self {
        Self { rule: Rule::Off, exit_at: at, leaving: None, retry_at: at, gain: Cash::ZERO }
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

/// What rule `forecast` makes of a new forecast. `cost_cbps` is the round trip's, `plan` that of the open position.
#[must_use]
pub fn on_forecast(
    settings: &SignalSettings,
    forecast: &ForecastRecord,
    cost_cbps: i32,
    plan: Option<&Plan>,
) -> Option<Intent> {
    let horizon_min = forecast.horizon_min;
    if settings.rule != Rule::Forecast || horizon_min != settings.horizon_min {
        return None;
    }
    let move_cbps = (f64::from(forecast.log_return) * 1e6) as i32;
    let exit_at = forecast.open_time.plus(MINUTE * (u32::from(horizon_min) + 1));
    let reason = |edge_cbps, cost_cbps| Reason::Forecast { horizon_min, edge_cbps, cost_cbps };
    let is_worth_it = i64::from(move_cbps) - i64::from(cost_cbps) > i64::from(settings.edge_min_cbps);
    match plan {
        Some(plan) if plan.rule == Rule::Forecast && move_cbps < 0 => {
            Some(Intent::Leave(reason(move_cbps.saturating_neg(), cost_cbps / 2)))
        }
        Some(plan) if plan.rule == Rule::Forecast && is_worth_it => Some(Intent::Extend { exit_at }),
        Some(_) => None,
        None if is_worth_it => {
            Some(Intent::Enter { kind: OrderKind::Market, reason: reason(move_cbps, cost_cbps), exit_at })
        }
        None => None,
    }
}

/// What rule `reversion` makes of a closed minute, given the minute before.
#[must_use]
pub fn on_minute(
    settings: &SignalSettings,
    before: Option<&Band>,
    now: &Band,
    book: &Book,
    plan: Option<&Plan>,
    at: Timestamp,
) -> Option<Intent> {
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
    Some(Intent::Enter { kind, reason, exit_at })
}

/// Why an open position must be closed now, whatever its rule thinks: `cost` and `value` without fees.
#[must_use]
pub fn must_leave(plan: &Plan, cost: Cash, value: Cash, stop_loss_ppm: u32, at: Timestamp) -> Option<Reason> {
    let loss = loss_ppm(cost, value);
    if loss > 0 && loss >= stop_loss_ppm {
        Some(Reason::StopLoss)
    } else if plan.exit_at <= at {
        Some(Reason::Expiry)
    } else {
        None
    }
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
        let (exit_at, retry_at) = (Timestamp::from_secs(9_999), Timestamp::EPOCH);
        Plan { rule, exit_at, leaving: None, retry_at, gain: Cash::ZERO }
    }

    #[track_caller]
    fn check_forecast(log_return: f32, plan: Option<&Plan>, expected: &str) {
        let settings = SignalSettings { rule: Rule::Forecast, edge_min_cbps: 100, ..SignalSettings::default() };
        let intent = on_forecast(&settings, &forecast(log_return), 1_000, plan);
        let name = match intent {
            None => "nothing",
            Some(Intent::Enter { .. }) => "enter",
            Some(Intent::Extend { .. }) => "extend",
            Some(Intent::Leave(_)) => "leave",
        };
        assert_eq!(name, expected, "{log_return}");
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
        let Some(Intent::Enter { exit_at, .. }) = on_forecast(&settings, &forecast(0.1), 0, None) else {
            panic!("enters")
        };
        assert_eq!(exit_at, Timestamp::from_secs(600 + 31 * 60));
    }

    #[test]
    fn loss_and_time_close_a_position() {
        let check = |value, at, expected| {
            let leave = must_leave(&plan(Rule::Forecast), Cash(1_000), Cash(value), 20_000, Timestamp::from_secs(at));
            assert_eq!(leave, expected, "{value} at {at}");
        };
        check(981, 0, None);
        check(980, 0, Some(Reason::StopLoss));
        check(2_000, 0, None);
        check(2_000, 9_999, Some(Reason::Expiry));
        check(0, 9_999, Some(Reason::StopLoss));
    }
}
