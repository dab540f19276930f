//! What trading an instrument costs, and what the venue refuses.

use serde::{Deserialize, Serialize};
use types::fee::Fee;
use types::order::{Liquidity, TimeInForce, Trigger, VenueReject};
use types::{Cash, Instrument, Order, Ppm, Price, Qty, Rounding, Scale, Side};

/// A fee never exceeds the traded value.
pub(crate) const FEE_MAX: Ppm = Ppm(1_000_000);

/// What trading an instrument costs, how its integers read, and which orders the venue takes, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Digits.
    pub scale: Scale,
    /// Price step, price units.
    pub tick: u64,
    /// Quantity step, quantity units.
    pub lot: u64,
    /// Smallest quantity of an order.
    pub qty_min: Qty,
    /// Smallest value of an order.
    pub notional_min: Cash,
    /// Fees.
    pub fee: Fee,
}

impl Terms {
    /// The rules of an instrument as they are known, with the fees of the moment.
    #[must_use]
    pub const fn new(instrument: &Instrument, fee: Fee) -> Self {
        let Instrument { scale, tick, lot, qty_min, notional_min, .. } = *instrument;
        Self { scale, tick, lot, qty_min, notional_min, fee }
    }

    /// What the account pays or gets for `qty` at `price`, rounded against it.
    #[must_use]
    pub fn value(&self, side: Side, price: Price, qty: Qty) -> Cash {
        self.scale.notional(price, qty, if side == Side::Buy { Rounding::Ceil } else { Rounding::Floor })
    }

    /// The fee on a traded value, rounded up.
    #[must_use]
    pub fn fee(&self, value: Cash, liquidity: Liquidity) -> Cash {
        value.share(self.rate(liquidity), Rounding::Ceil)
    }

    /// The fee rate, at most the whole value.
    #[must_use]
    pub fn rate(&self, liquidity: Liquidity) -> Ppm {
        let rate = match liquidity {
            Liquidity::Taker => self.fee.taker_ppm,
            Liquidity::Maker => self.fee.maker_ppm,
        };
        rate.min(FEE_MAX)
    }

    /// The most that `budget` buys at `price` with the fee, in whole lots.
    pub(super) fn affordable(&self, budget: Cash, price: Price, liquidity: Liquidity) -> Qty {
        let rate = i128::from(self.rate(liquidity).0);
        let before_fee = i128::from(budget.0.max(0)) * 1_000_000 / (1_000_000 + rate);
        self.whole_lots(self.scale.affordable(Cash(before_fee as i64), price))
    }

    /// `qty` without what is less than a lot.
    pub(crate) const fn whole_lots(&self, qty: Qty) -> Qty {
        let lot = if self.lot == 0 { 1 } else { self.lot };
        Qty(qty.0 - qty.0 % lot)
    }

    /// Whether the venue takes an order, by its rules of the moment. `best` is the best price it would meet, which values an
    /// order without a price of its own; without one such an order is not valued.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn admit(&self, order: &Order, best: Option<Price>) -> Result<(), VenueReject> {
        let refuse = |refused: bool, reason| if refused { Err(reason) } else { Ok(()) };
        let ticket = order.kind.ticket();
        let is_at_once = matches!(ticket.lives, TimeInForce::Ioc | TimeInForce::Fok);
        let is_aimless = ticket.price.is_none() && !is_at_once;
        let is_loose = ticket.trigger == Some(Trigger::Trailing(0));
        refuse(is_aimless || (ticket.is_post_only && is_at_once) || is_loose, VenueReject::Contradiction)?;
        let trigger = match ticket.trigger {
            Some(Trigger::Stop(price) | Trigger::TakeProfit(price)) => Some(price),
            Some(Trigger::Trailing(_)) | None => None,
        };
        let is_between = |price: Price| !price.mantissa().unsigned_abs().is_multiple_of(self.tick.max(1));
        refuse([ticket.price, trigger].into_iter().flatten().any(is_between), VenueReject::PriceStep)?;
        refuse(self.whole_lots(order.qty) != order.qty, VenueReject::QtyStep)?;
        refuse(order.qty.is_zero() || order.qty < self.qty_min, VenueReject::QtyMinimum)?;
        let value = ticket.price.or(trigger).or(best).map(|price| self.value(order.side, price, order.qty));
        refuse(value.is_some_and(|value| value < self.notional_min), VenueReject::NotionalMinimum)
    }
}
