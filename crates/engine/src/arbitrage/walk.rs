//! The most profitable quantity between two books.
//!
//! Both ladders are walked level by level. What the next unit costs never falls and what it brings never rises, so profit
//! over quantity is a concave line with a corner at each level: it is highest where the next unit stops paying. Orders are
//! whole lots of both venues, so the highest point is the last whole lot before that corner or the first after it; and where
//! a venue's minimum lies further on, the minimum. Sums are exact integers; only the result is rounded, against us.

use types::money::{CASH_DECIMALS, divide};
use types::{ArbitrageEndReason, Cash, Instrument, Qty, Rounding};

use super::leg::{Leg, NET_DECIMALS};

/// A quantity that can be bought on one side and sold on the other with a profit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// How much base, in units of 10^-`qty_decimals`.
    pub qty: Qty,
    /// Fraction digits of the quantity: the finer of the two instruments'.
    pub qty_decimals: u8,
    /// What it costs, fee included, rounded up.
    pub cost: Cash,
    /// What selling it brings after the fee, less the cost, rounded down; above zero.
    pub profit: Cash,
}

/// The quantity with the highest profit after both fees that both venues take as one order.
///
/// # Errors
/// [`ArbitrageEndReason::PricesMoved`] where not even the best levels pay, [`ArbitrageEndReason::TooSmall`] where only less
/// than the venues take would.
pub fn most_profitable(buy: &Leg<'_>, sell: &Leg<'_>) -> Result<Found, ArbitrageEndReason> {
    let pays = buy.best().zip(sell.best()).is_some_and(|(cost, proceeds)| proceeds > cost);
    if !pays {
        return Err(ArbitrageEndReason::PricesMoved);
    }
    search(buy, sell).ok_or(ArbitrageEndReason::TooSmall)
}

fn search(buy: &Leg<'_>, sell: &Leg<'_>) -> Option<Found> {
    let units = Units::common(buy.instrument, sell.instrument)?;
    let paying: i128 = units.steps(buy, sell).take_while(|step| step.proceeds > step.cost).map(|step| step.qty).sum();
    let paying = paying.min(u64::MAX.into());
    let before = paying - paying % units.lot;
    let least = units.lots_up(units.buy * buy.qty_min()?)?.max(units.lots_up(units.sell * sell.qty_min()?)?);
    let candidates = [Some(before), units.lots_up(before + 1)];
    let totals = candidates.into_iter().flatten().filter_map(|qty| units.total(buy, sell, qty.max(least)));
    let best = totals.reduce(|best, other| if other.profit() > best.profit() { other } else { best })?;
    units.found(&best)
}

/// One unit of quantity for two instruments.
#[derive(Clone, Copy, Debug)]
struct Units {
    decimals: u8,
    /// Units in one of the instrument's where base is bought, and where it is sold.
    buy: i128,
    sell: i128,
    /// The smallest step that is whole lots of both.
    lot: i128,
}

/// Quantity bought and sold at one pair of prices.
#[derive(Clone, Copy, Debug)]
struct Step {
    qty: i128,
    /// Net prices.
    cost: i128,
    proceeds: i128,
}

/// Exact sums in units of 10^-([`NET_DECIMALS`] + digits of the quantity).
#[derive(Clone, Copy, Debug)]
struct Total {
    qty: i128,
    cost: i128,
    proceeds: i128,
}

impl Total {
    const fn profit(&self) -> i128 {
        self.proceeds - self.cost
    }
}

impl Units {
    /// `None` where the lots have no common multiple within reason.
    fn common(buy: &Instrument, sell: &Instrument) -> Option<Self> {
        let decimals = buy.scale.qty_decimals.max(sell.scale.qty_decimals);
        let factor = |instrument: &Instrument| 10i128.pow((decimals - instrument.scale.qty_decimals).into());
        let (buy_factor, sell_factor) = (factor(buy), factor(sell));
        let lots = (buy_factor * i128::from(buy.lot.max(1)), sell_factor * i128::from(sell.lot.max(1)));
        let lot = (lots.0 / common_divisor(lots.0, lots.1)).checked_mul(lots.1)?;
        (lot <= i128::from(u64::MAX)).then_some(Self { decimals, buy: buy_factor, sell: sell_factor, lot })
    }

    /// The smallest quantity in whole lots that is not below `qty`, and at least one lot; `None` beyond what a [`Qty`] holds.
    fn lots_up(&self, qty: i128) -> Option<i128> {
        let lots = divide(qty, self.lot, Rounding::Ceil).max(1).checked_mul(self.lot)?;
        (lots <= i128::from(u64::MAX)).then_some(lots)
    }

    /// Both ladders, cut where either changes its level.
    fn steps<'a>(&self, buy: &'a Leg<'a>, sell: &'a Leg<'a>) -> Steps<'a> {
        Steps { buy: Cursor::new(buy, self.buy), sell: Cursor::new(sell, self.sell) }
    }

    /// What exactly `qty` costs and brings; `None` where the books do not hold as much or the sums cannot be told.
    fn total(&self, buy: &Leg<'_>, sell: &Leg<'_>, qty: i128) -> Option<Total> {
        let mut total = Total { qty: 0, cost: 0, proceeds: 0 };
        for step in self.steps(buy, sell) {
            let part = step.qty.min(qty - total.qty);
            total.cost = total.cost.checked_add(step.cost.checked_mul(part)?)?;
            total.proceeds = total.proceeds.checked_add(step.proceeds.checked_mul(part)?)?;
            total.qty += part;
            if total.qty == qty {
                return Some(total);
            }
        }
        None
    }

    fn found(&self, total: &Total) -> Option<Found> {
        let unit = 10i128.pow((NET_DECIMALS + self.decimals - CASH_DECIMALS).into());
        let cost = i64::try_from(divide(total.cost, unit, Rounding::Ceil)).ok()?;
        let profit = i64::try_from(divide(total.profit(), unit, Rounding::Floor)).ok()?;
        let qty = Qty(u64::try_from(total.qty).ok()?);
        (profit > 0).then_some(Found { qty, qty_decimals: self.decimals, cost: Cash(cost), profit: Cash(profit) })
    }
}

/// Where a ladder is being walked.
struct Cursor<'a> {
    leg: &'a Leg<'a>,
    factor: i128,
    level: usize,
    /// Taken from the level so far.
    taken: i128,
    /// What may still be taken of all.
    left: i128,
}

impl<'a> Cursor<'a> {
    const fn new(leg: &'a Leg<'a>, factor: i128) -> Self {
        Self { leg, factor, level: 0, taken: 0, left: leg.qty_max.0 as i128 * factor }
    }

    /// What may be taken of the present level, and its net price; `None` at the end of the ladder.
    fn present(&self) -> Option<(i128, i128)> {
        let level = self.leg.levels.get(self.level).filter(|_| self.left > 0)?;
        let there = i128::from(level.qty.0) * self.factor - self.taken;
        Some((there.min(self.left), self.leg.net(level.price)?))
    }

    fn take(&mut self, qty: i128, left: i128) {
        self.left -= qty;
        self.taken += qty;
        if qty == left {
            (self.level, self.taken) = (self.level + 1, 0);
        }
    }
}

struct Steps<'a> {
    buy: Cursor<'a>,
    sell: Cursor<'a>,
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let ((asked, cost), (wanted, proceeds)) = (self.buy.present()?, self.sell.present()?);
        let qty = asked.min(wanted);
        self.buy.take(qty, asked);
        self.sell.take(qty, wanted);
        Some(Step { qty, cost, proceeds })
    }
}

/// The largest number that divides both, which are above zero (Euclid).
const fn common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
