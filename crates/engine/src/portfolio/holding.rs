//! One open position: the lots it was bought in. What was bought first is sold first.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::money::divide;
use types::{Cash, Lot, Position, Price, Qty, Rounding, Scale, Timestamp};

use super::average_price;

/// Most lots of a position; what is bought beyond joins the newest one.
const LOTS_MAX: usize = 1_000;

/// An open position, in the quote currency of its instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// How much is held; above zero.
    pub qty: Qty,
    /// What it cost, without fees.
    pub cost: Cash,
    /// Fees paid to buy it.
    pub fees: Cash,
    /// When its first part was bought.
    pub opened_at: Timestamp,
    lots: VecDeque<Lot>,
}

/// What a sale takes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sold {
    pub(super) qty: Qty,
    pub(super) cost: Cash,
    pub(super) fees: Cash,
}

impl Holding {
    /// Nothing yet.
    pub(super) const fn new(opened_at: Timestamp) -> Self {
        Self { qty: Qty::ZERO, cost: Cash::ZERO, fees: Cash::ZERO, opened_at, lots: VecDeque::new() }
    }

    pub(super) fn resumed(lots: &[Lot]) -> Option<Self> {
        let mut holding = Self::new(lots.first()?.at);
        lots.iter().filter(|lot| !lot.qty.is_zero()).for_each(|lot| holding.buy(*lot));
        (!holding.qty.is_zero()).then_some(holding)
    }

    /// What it was bought in, the oldest first.
    pub fn lots(&self) -> impl ExactSizeIterator<Item = &Lot> {
        self.lots.iter()
    }

    /// Average price paid, without fees.
    #[must_use]
    pub fn entry(&self, scale: Scale) -> Option<Price> {
        average_price(scale, self.cost, self.qty)
    }

    /// What it is worth at `price`.
    #[must_use]
    pub fn value(&self, scale: Scale, price: Price) -> Cash {
        scale.notional(price, self.qty, Rounding::Floor)
    }

    /// Profit or loss at `price`, after the fees paid so far.
    #[must_use]
    pub fn pnl(&self, scale: Scale, price: Price) -> Cash {
        self.value(scale, price).saturating_sub(self.cost).saturating_sub(self.fees)
    }

    /// As a signed position.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(i64::try_from(self.qty.0).unwrap_or(i64::MAX))
    }

    pub(super) fn buy(&mut self, lot: Lot) {
        let is_full = self.lots.len() == LOTS_MAX;
        self.qty = self.qty.saturating_add(lot.qty);
        self.cost = self.cost.saturating_add(lot.cost);
        self.fees = self.fees.saturating_add(lot.fees);
        // Parts of one order at the same moment are one purchase.
        let joins = |newest: &&mut Lot| newest.at == lot.at || is_full;
        match self.lots.back_mut().filter(joins) {
            Some(newest) => {
                newest.qty = newest.qty.saturating_add(lot.qty);
                newest.cost = newest.cost.saturating_add(lot.cost);
                newest.fees = newest.fees.saturating_add(lot.fees);
            }
            None => self.lots.push_back(lot),
        }
    }

    /// Takes the oldest `qty`, or all where it is less.
    pub(super) fn sell(&mut self, qty: Qty) -> Sold {
        let mut sold = Sold::default();
        while let Some(oldest) = self.lots.front_mut() {
            let taken = qty.saturating_sub(sold.qty).min(oldest.qty);
            if taken.is_zero() {
                break;
            }
            let (cost, fees) = (part(oldest.cost, taken, oldest.qty), part(oldest.fees, taken, oldest.qty));
            oldest.qty = oldest.qty.saturating_sub(taken);
            oldest.cost = oldest.cost.saturating_sub(cost);
            oldest.fees = oldest.fees.saturating_sub(fees);
            if oldest.qty.is_zero() {
                self.lots.pop_front();
            }
            sold.qty = sold.qty.saturating_add(taken);
            sold.cost = sold.cost.saturating_add(cost);
            sold.fees = sold.fees.saturating_add(fees);
        }
        self.qty = self.qty.saturating_sub(sold.qty);
        self.cost = self.cost.saturating_sub(sold.cost);
        self.fees = self.fees.saturating_sub(sold.fees);
        sold
    }
}

/// The share `qty` of `whole` of an amount; all of it when `qty` is the whole.
fn part(amount: Cash, qty: Qty, whole: Qty) -> Cash {
    if qty == whole || whole.is_zero() {
        return amount;
    }
    let share = divide(i128::from(amount.0) * i128::from(qty.0), i128::from(whole.0), Rounding::HalfEven);
    Cash(i64::try_from(share).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(qty: u64, cost: i64, fees: i64, second: i64) -> Lot {
        Lot { qty: Qty(qty), cost: Cash(cost), fees: Cash(fees), at: Timestamp::from_secs(second) }
    }

    #[test]
    fn the_first_in_is_the_first_out() {
        let mut holding = Holding::new(Timestamp::from_secs(1));
        holding.buy(lot(10, 1_000, 10, 1));
        holding.buy(lot(10, 2_000, 20, 2));
        assert_eq!(holding.sell(Qty(15)), Sold { qty: Qty(15), cost: Cash(2_000), fees: Cash(20) });
        assert_eq!((holding.qty, holding.cost, holding.fees), (Qty(5), Cash(1_000), Cash(10)));
        assert_eq!(holding.lots().copied().collect::<Vec<_>>(), [lot(5, 1_000, 10, 2)]);
        assert_eq!(
            holding.sell(Qty(9)),
            Sold { qty: Qty(5), cost: Cash(1_000), fees: Cash(10) },
            "no more than is there"
        );
        assert_eq!(holding.sell(Qty(9)), Sold::default());
    }

    #[test]
    fn parts_of_a_moment_are_one_lot_and_the_last_lot_takes_what_is_too_many() {
        let mut holding = Holding::new(Timestamp::EPOCH);
        holding.buy(lot(1, 5, 0, 1));
        holding.buy(lot(2, 11, 1, 1));
        assert_eq!(holding.lots().copied().collect::<Vec<_>>(), [lot(3, 16, 1, 1)]);
        for second in 2..2_000 {
            holding.buy(lot(1, 5, 0, second));
        }
        assert_eq!((holding.lots().len(), holding.qty, holding.cost), (LOTS_MAX, Qty(2_001), Cash(16 + 1_998 * 5)));
    }
}
