//! What paper trading may never do. The only maker of [`Approved`].
//!
//! | check, in this order | opens a position | closes one |
//! |---|---|---|
//! | instrument known and with a price, clock set, book proven | yes | yes |
//! | no other order working, order rate, venue's minimums | yes | yes |
//! | trading allowed, venue's clock near ours, drawdown breaker closed, day's loss | yes | no: what is open may always be closed |
//! | position limit, cash with fee and slippage | yes | no |
//! | something to sell | no | yes |

use core::time::Duration;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::order::{Liquidity, Refusal, Trigger};
use types::settings::RiskSettings;
use types::{Cash, Order, Ppm, Price, Qty, Rounding, Side, Timestamp};

use crate::market::Market;
use crate::paper::Terms;
use crate::portfolio::Portfolio;

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
    pub(crate) market: Option<&'a Market>,
    /// The venue's clock and ours are too far apart.
    pub(crate) is_venue_clock_wrong: bool,
    pub(crate) terms: Terms,
    pub(crate) portfolio: &'a Portfolio,
    /// An order for this instrument is at the venue.
    pub(crate) is_working: bool,
    /// Cash that no working order may spend.
    pub(crate) cash_free: Cash,
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
    pub(crate) fn assess(&mut self, mut order: Order, scene: &Scene<'_>) -> Result<Approved<Order>, (Order, Refusal)> {
        order.qty = Qty(order.qty.0 - order.qty.0 % scene.terms.lot.max(1));
        while self.sent.front().is_some_and(|sent| sent.plus(RATE_WINDOW) <= order.at) {
            self.sent.pop_front();
        }
        match self.check(&order, scene) {
            Ok(reserve) => {
                self.sent.push_back(order.at);
                Ok(Approved { inner: order, reserve })
            }
            Err(refusal) => Err((order, refusal)),
        }
    }

    fn check(&self, order: &Order, scene: &Scene<'_>) -> Result<Cash, Refusal> {
        let refuse = |refused: bool, refusal: Refusal| if refused { Err(refusal) } else { Ok(()) };
        let market = scene.market.ok_or(Refusal::NoPrice)?;
        refuse(!scene.is_clock_set, Refusal::ClockUnset)?;
        refuse(!market.book().is_proven(), Refusal::StaleBook)?;
        let best = market.book().facing(order.side).first().ok_or(Refusal::NoPrice)?.price;
        let price = worst_price(order, best);
        refuse(scene.is_working, Refusal::OrderWorking)?;
        refuse(self.sent.len() >= usize::from(scene.limits.orders_per_min_max), Refusal::OrderRate)?;
        let value = scene.terms.value(order.side, price, order.qty);
        let instrument = &market.instrument;
        let is_small = order.qty.is_zero() || order.qty < instrument.qty_min || value < instrument.notional_min;
        refuse(is_small, Refusal::BelowMinimum)?;
        let held = scene.portfolio.holding(order.instrument).map_or(Qty::ZERO, |holding| holding.qty);
        match order.side {
            Side::Buy => check_buy(order, price, value, held, scene),
            Side::Sell => refuse(order.qty > held, Refusal::NoPosition).map(|()| Cash::ZERO),
        }
    }
}

fn check_buy(order: &Order, price: Price, value: Cash, held: Qty, scene: &Scene<'_>) -> Result<Cash, Refusal> {
    let (limits, portfolio) = (scene.limits, scene.portfolio);
    if !scene.is_trading {
        return Err(Refusal::TradingOff);
    }
    if scene.is_venue_clock_wrong {
        return Err(Refusal::VenueClock);
    }
    if portfolio.is_breaker_open() {
        return Err(Refusal::Drawdown);
    }
    if portfolio.day_loss_ppm() > 0 && portfolio.day_loss_ppm() >= limits.daily_loss_max_ppm {
        return Err(Refusal::DailyLoss);
    }
    let after = held.saturating_add(order.qty);
    let position_max = portfolio.equity().share(Ppm(limits.position_max_ppm), Rounding::Floor);
    if after > QTY_MAX || scene.terms.value(Side::Buy, price, after) > position_max {
        return Err(Refusal::PositionLimit);
    }
    let reserve = reserve(order, value, &scene.terms);
    if reserve > scene.cash_free { Err(Refusal::Cash) } else { Ok(reserve) }
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
    Approved { inner: order, reserve }
}

/// An approval without a look, for tests of what comes after it.
#[cfg(test)]
pub(crate) const fn approve_unchecked(order: Order, reserve: Cash) -> Approved<Order> {
    Approved { inner: order, reserve }
}
