//! What paper trading may never do. The only maker of [`Approved`].
//!
//! | check, in this order | opens a position | closes one |
//! |---|---|---|
//! | instrument known and with a price, clock set, book proven | yes | yes |
//! | no other order working, order rate, venue's minimums | yes | yes |
//! | strategy in the settings, trading allowed, venue's clock near ours | yes | no: what is open may always be closed |
//! | drawdown breaker closed, losses of day and week, no other breaker open | yes | no |
//! | limits of order, position, exchange, what moves together, value at risk | yes | no |
//! | cash with fee and slippage in the purse, and the part that must stay cash | yes | no |
//! | something to sell | no | yes |
//!
//! Limits are shares of the equity of the account whose order it is, and everything is valued in dollars.
//!
//! | module | what |
//! |---|---|
//! | [`breaker`] | what stops new positions for a while |
//! | [`returns`] | how prices moved together |

use core::time::Duration;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::order::{Liquidity, Refusal, Trigger};
use types::settings::RiskSettings;
use types::why::Check;
use types::{Cash, InstrumentId, Order, Ppm, Price, Qty, Rounding, Side, Timestamp};

use crate::market::{Market, Markets};
use crate::paper::Terms;
use crate::portfolio::{self, Portfolio, Rate};

pub mod breaker;
pub mod returns;

use breaker::Breakers;
use returns::Returns;

/// Over which time [`RiskSettings::orders_per_min_max`] counts.
const RATE_WINDOW: Duration = Duration::from_secs(60);
/// Cash set aside for a market order beyond its value at the best price, millionths. The order cannot spend more.
pub const SLIPPAGE_RESERVE: Ppm = Ppm(10_000);
/// Cash set aside because each fill rounds its value and fee up: two units for each of five thousand fills.
const ROUNDING_RESERVE: Cash = Cash(10_000);
/// Largest amount of base in one position, so that a signed position always holds it.
const QTY_MAX: Qty = Qty(i64::MAX as u64);

/// Something risk looked at and allowed. Cannot be made anywhere else, nor decoded.
#[derive(Debug, PartialEq, Eq)]
pub struct Approved<T> {
    inner: T,
    reserve: Cash,
    checks: Vec<Check>,
}

impl<T> Approved<T> {
    /// What was approved.
    pub const fn get(&self) -> &T {
        &self.inner
    }

    /// Cash it may spend, fees included.
    #[must_use]
    pub const fn reserve(&self) -> Cash {
        self.reserve
    }

    /// What it was held against.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What was approved, without the proof.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// What risk knows at the moment of a decision.
pub(crate) struct Scene<'a> {
    pub(crate) limits: &'a RiskSettings,
    pub(crate) is_clock_set: bool,
    pub(crate) is_trading: bool,
    /// The account's strategy is not in the settings any more.
    pub(crate) is_retired: bool,
    pub(crate) markets: &'a Markets,
    pub(crate) market: Option<&'a Market>,
    /// The venue's clock and ours are too far apart.
    pub(crate) is_venue_clock_wrong: bool,
    pub(crate) terms: Terms,
    pub(crate) portfolio: &'a Portfolio,
    /// `None` for an account that no breaker stops.
    pub(crate) breakers: Option<&'a Breakers>,
    pub(crate) returns: &'a Returns,
    /// An order of the account for this instrument is at the venue.
    pub(crate) is_working: bool,
    /// Cash of the purse that no working order may spend, in its currency.
    pub(crate) cash_free: Cash,
    /// What all working orders of the account may spend, dollars.
    pub(crate) reserved: Cash,
}

/// The memory of risk: when the newest approved orders were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    sent: VecDeque<Timestamp>,
}

impl Risk {
    /// Looks at an order. Its quantity is rounded down to whole lots.
    ///
    /// # Errors
    /// The first limit it would pass, with the order as it was looked at.
    pub(crate) fn assess(
        &mut self,
        mut order: Order,
        scene: &Scene<'_>,
    ) -> Result<Approved<Order>, Box<(Order, Refusal)>> {
        order.qty = Qty(order.qty.0 - order.qty.0 % scene.terms.lot.max(1));
        while self.sent.front().is_some_and(|sent| sent.plus(RATE_WINDOW) <= order.at) {
            self.sent.pop_front();
        }
        let mut checks = Vec::new();
        match self.check(&order, scene, &mut checks) {
            Ok(reserve) => {
                self.sent.push_back(order.at);
                Ok(Approved { inner: order, reserve, checks })
            }
            Err(refusal) => Err(Box::new((order, refusal))),
        }
    }

    fn check(&self, order: &Order, scene: &Scene<'_>, checks: &mut Vec<Check>) -> Result<Cash, Refusal> {
        let market = scene.market.ok_or(Refusal::NoPrice)?;
        refuse(!scene.is_clock_set, Refusal::ClockUnset)?;
        refuse(!market.book().is_proven(), Refusal::StaleBook)?;
        let best = market.book().facing(order.side).first().ok_or(Refusal::NoPrice)?.price;
        let price = worst_price(order, best);
        refuse(scene.is_working, Refusal::OrderWorking)?;
        let sent = self.sent.len() as i64 + 1;
        within(Refusal::OrderRate, sent, scene.limits.orders_per_min_max.into(), checks)?;
        let value = scene.terms.value(order.side, price, order.qty);
        let instrument = &market.instrument;
        let is_small = order.qty.is_zero() || order.qty < instrument.qty_min || value < instrument.notional_min;
        refuse(is_small, Refusal::BelowMinimum)?;
        let held = scene.portfolio.holding(order.instrument).map_or(Qty::ZERO, |holding| holding.qty);
        match order.side {
            Side::Buy => {
                check_standing(order, scene, checks)?;
                refuse(held.saturating_add(order.qty) > QTY_MAX, Refusal::PositionLimit)?;
                let rate = scene.markets.rate(&instrument.quote).ok_or(Refusal::NoRate)?;
                let after = scene.terms.value(Side::Buy, price, held.saturating_add(order.qty));
                check_shares(market, rate.value(value), rate.value(after), scene, checks)?;
                check_cash(order, value, rate, scene, checks)
            }
            Side::Sell => refuse(order.qty > held, Refusal::NoPosition).map(|()| Cash::ZERO),
        }
    }
}

const fn refuse(refused: bool, refusal: Refusal) -> Result<(), Refusal> {
    if refused { Err(refusal) } else { Ok(()) }
}

/// Holds a value against a limit that it may reach.
fn within(limit: Refusal, value: i64, max: i64, checks: &mut Vec<Check>) -> Result<(), Refusal> {
    checks.push(Check { limit, value, max });
    refuse(value > max, limit)
}

/// Whether any position may be opened now.
fn check_standing(order: &Order, scene: &Scene<'_>, checks: &mut Vec<Check>) -> Result<(), Refusal> {
    let (limits, portfolio) = (scene.limits, scene.portfolio);
    refuse(scene.is_retired, Refusal::Retired)?;
    refuse(!scene.is_trading, Refusal::TradingOff)?;
    refuse(scene.is_venue_clock_wrong, Refusal::VenueClock)?;
    let mut below = |limit, loss_ppm: u32, max_ppm: u32| {
        checks.push(Check { limit, value: loss_ppm.into(), max: max_ppm.into() });
        refuse(loss_ppm > 0 && loss_ppm >= max_ppm, limit)
    };
    // Once open it stays so, whatever the loss is now.
    refuse(portfolio.is_breaker_open(), Refusal::Drawdown)?;
    below(Refusal::Drawdown, portfolio.drawdown_ppm(), limits.drawdown_max_ppm)?;
    below(Refusal::DailyLoss, portfolio.day_loss_ppm(), limits.daily_loss_max_ppm)?;
    below(Refusal::WeeklyLoss, portfolio.week_loss_ppm(), limits.weekly_loss_max_ppm)?;
    let stopping = scene.breakers.and_then(|breakers| breakers.stopping(order));
    stopping.map_or(Ok(()), |cause| Err(breaker::refusal(cause)))
}

/// Whether the order and the position `after` it, in dollars, keep the shares of equity that are allowed.
fn check_shares(
    market: &Market,
    value: Cash,
    after: Cash,
    scene: &Scene<'_>,
    checks: &mut Vec<Check>,
) -> Result<(), Refusal> {
    let (limits, portfolio, id) = (scene.limits, scene.portfolio, market.instrument.id);
    let mut share = |limit, value: Cash, max_ppm: u32| {
        let max = portfolio.equity().share(Ppm(max_ppm), Rounding::Floor);
        within(limit, value.0, max.0, checks)
    };
    share(Refusal::OrderLimit, value, limits.order_max_ppm)?;
    share(Refusal::PositionLimit, after, limits.position_max_ppm)?;
    let others = portfolio.holdings().iter().filter(|(other, _)| **other != id);
    let others: Vec<(InstrumentId, Cash)> =
        others.map(|(other, holding)| (*other, portfolio::value(*other, holding, scene.markets))).collect();
    let with = |counts: &dyn Fn(InstrumentId) -> bool| {
        let counted = others.iter().filter(|(other, _)| counts(*other));
        counted.fold(after, |sum, (_, value)| sum.saturating_add(*value))
    };
    let venue = market.instrument.venue;
    let is_there = |other| scene.markets.get(other).is_some_and(|other| other.instrument.venue == venue);
    share(Refusal::VenueLimit, with(&is_there), limits.venue_max_ppm)?;
    if limits.correlated_max_ppm < 1_000_000 {
        let limit = f64::from(limits.correlation_max_ppm) / 1e6;
        let moves_along = |other| scene.returns.correlation(id, other).is_none_or(|found| found > limit);
        share(Refusal::Correlation, with(&moves_along), limits.correlated_max_ppm)?;
    }
    if limits.value_at_risk_max_ppm < 1_000_000 {
        let mut positions: Vec<(InstrumentId, f64)> = others.iter().map(|(id, value)| (*id, value.0 as f64)).collect();
        positions.push((id, after.0 as f64));
        if let Some(at_risk) = scene.returns.value_at_risk(&positions) {
            share(Refusal::ValueAtRisk, Cash(at_risk as i64), limits.value_at_risk_max_ppm)?;
        }
    }
    Ok(())
}

/// Whether the purse holds what the order may spend, and enough stays cash. Tells what it may spend, in the purse's currency.
fn check_cash(
    order: &Order,
    value: Cash,
    rate: Rate,
    scene: &Scene<'_>,
    checks: &mut Vec<Check>,
) -> Result<Cash, Refusal> {
    let reserve = reserve(order, value, &scene.terms);
    within(Refusal::Cash, reserve.0, scene.cash_free.0, checks)?;
    // Without a part that must stay only the purse counts: what it is worth in dollars may be rounded.
    if scene.limits.cash_reserve_ppm > 0 {
        let portfolio = scene.portfolio;
        let stays = portfolio.equity().share(Ppm(scene.limits.cash_reserve_ppm), Rounding::Ceil);
        let most = portfolio.worth().cash.saturating_sub(scene.reserved).saturating_sub(stays);
        within(Refusal::CashReserve, rate.value(reserve).0, most.0, checks)?;
    }
    Ok(reserve)
}

/// The most of a purse that a market order can be worth at the best price, so that fee, slippage and rounding are covered.
pub(crate) fn spendable(cash: Cash, terms: &Terms) -> Cash {
    let cash = i128::from(cash.saturating_sub(ROUNDING_RESERVE).0.max(0));
    let fee = i128::from(terms.rate(Liquidity::Taker).max(terms.rate(Liquidity::Maker)).0);
    let (million, slippage) = (1_000_000, i128::from(SLIPPAGE_RESERVE.0));
    // Reserved is the value with slippage rounded up, and on that the fee rounded up.
    let worth = cash * million / (million + fee) * million / (million + slippage);
    Cash((worth - 2).max(0) as i64)
}

/// The price an order is valued at before it is filled: its limit, or for an order at any price the best one, or the one
/// that triggers it where that is worse.
fn worst_price(order: &Order, best: Price) -> Price {
    let ticket = order.kind.ticket();
    let triggered = match ticket.trigger {
        Some(Trigger::Stop(price) | Trigger::TakeProfit(price)) => price,
        Some(Trigger::Trailing(_)) | None => best,
    };
    ticket.price.unwrap_or(match order.side {
        Side::Buy => best.max(triggered),
        Side::Sell => best.min(triggered),
    })
}

/// Cash to set aside for a buy: its value, room for slippage of a market order, and the dearer fee.
fn reserve(order: &Order, value: Cash, terms: &Terms) -> Cash {
    let slippage = match order.kind.ticket().price {
        None => value.share(SLIPPAGE_RESERVE, Rounding::Ceil),
        Some(_) => Cash::ZERO,
    };
    let value = value.saturating_add(slippage);
    let fee = terms.fee(value, Liquidity::Taker).max(terms.fee(value, Liquidity::Maker));
    value.saturating_add(fee).saturating_add(ROUNDING_RESERVE)
}

/// An order of a rehearsal: its account holds plenty of both sides, and no account is at stake.
pub(crate) const fn approve_plenty(order: Order) -> Approved<Order> {
    let reserve = match order.side {
        Side::Buy => Cash(i64::MAX),
        Side::Sell => Cash::ZERO,
    };
    Approved { inner: order, reserve, checks: Vec::new() }
}

/// An approval without a look, for tests of what comes after it.
#[cfg(test)]
pub(crate) const fn approve_unchecked(order: Order, reserve: Cash) -> Approved<Order> {
    Approved { inner: order, reserve, checks: Vec::new() }
}
