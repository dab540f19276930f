//! One side of a comparison: a book's levels at what they cost or bring after the taker fee.

use types::money::divide;
use types::{Instrument, Level, Ppm, Price, Qty, Rounding, Side};

use crate::market::DECIMALS_MAX;
use crate::paper::FEE_MAX;

/// Fraction digits of a net price: those of any price, and six of the fee. So books of different digits compare as integers,
/// nothing is rounded, and any price fits.
pub const NET_DECIMALS: u8 = DECIMALS_MAX + 6;

/// What one unit of one currency is worth in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The rate.
    pub price: Price,
    /// Its fraction digits.
    pub decimals: u8,
}

/// The side of a book that an order of `side` would take, best level first.
#[derive(Clone, Copy, Debug)]
pub struct Leg<'a> {
    /// What is done here.
    pub side: Side,
    /// Whose book.
    pub instrument: &'a Instrument,
    /// The levels.
    pub levels: &'a [Level],
    /// No more than this is taken, in the instrument's own units.
    pub qty_max: Qty,
    /// Taker fee of the venue.
    pub taker: Ppm,
    /// What the quote currency is worth where cost and profit are told in another.
    pub rate: Option<Rate>,
}

impl Leg<'_> {
    /// What one unit of base costs with the fee (bought) or brings after it (sold), in units of 10^-[`NET_DECIMALS`].
    /// A rate rounds against us. `None` where a rate makes it larger than can be told.
    #[must_use]
    pub fn net(&self, price: Price) -> Option<i128> {
        let fee = i128::from(self.taker.min(FEE_MAX).0);
        let (share, rounding) = match self.side {
            Side::Buy => (1_000_000 + fee, Rounding::Ceil),
            Side::Sell => (1_000_000 - fee, Rounding::Floor),
        };
        let digits = DECIMALS_MAX.saturating_sub(self.instrument.scale.price_decimals);
        let own = i128::from(price.mantissa()) * 10i128.pow(digits.into()) * share;
        match self.rate {
            None => Some(own),
            Some(rate) => {
                let valued = own.checked_mul(rate.price.mantissa().into())?;
                Some(divide(valued, 10i128.pow(rate.decimals.into()), rounding))
            }
        }
    }

    /// [`Self::net`] of the best level.
    #[must_use]
    pub fn best(&self) -> Option<i128> {
        self.net(self.levels.first()?.price)
    }

    /// The worst price that is met by so much, in the instrument's own units; `None` where the book holds less.
    #[must_use]
    pub fn worst(&self, qty: Qty) -> Option<Price> {
        let mut left = qty;
        self.levels.iter().find_map(|level| {
            left = left.saturating_sub(level.qty);
            left.is_zero().then_some(level.price)
        })
    }

    /// The smallest quantity that the venue takes as one order at these levels, in its own units; `None` where the book
    /// holds less.
    #[must_use]
    pub fn qty_min(&self) -> Option<i128> {
        let Instrument { scale, qty_min, notional_min, .. } = self.instrument;
        // Value in units of price times quantity: exact, and below 10^35.
        let decimals = scale.price_decimals + scale.qty_decimals;
        let value = i128::from(notional_min.0);
        let mut missing = match decimals.checked_sub(types::money::CASH_DECIMALS) {
            Some(digits) => value * 10i128.pow(digits.into()),
            None => divide(value, 10i128.pow((types::money::CASH_DECIMALS - decimals).into()), Rounding::Ceil),
        };
        let mut qty = 0;
        for level in self.levels {
            if missing <= 0 {
                break;
            }
            let price = i128::from(level.price.mantissa());
            let taken = divide(missing, price, Rounding::Ceil).min(level.qty.0.into());
            qty += taken;
            missing -= taken * price;
        }
        (missing <= 0).then_some(qty.max(qty_min.0.into()))
    }
}
