//! Money and amounts as integers.
//!
//! | type | unit | range |
//! |---|---|---|
//! | [`Price`] | quote per base, 10^-`price_decimals` of the instrument | 1 ..= `i64::MAX` |
//! | [`Qty`] | base, 10^-`qty_decimals` of the instrument | 0 ..= `u64::MAX` |
//! | [`Position`] | base, signed, same scale as [`Qty`] | all of `i64` |
//! | [`Cash`] | quote, 10^-8 whatever the instrument | all of `i64` |
//!
//! A price or quantity means nothing without its instrument's [`Scale`](crate::Scale), so neither prints itself.
//! Products go through `i128` and say how they round.

use core::ops::Neg;

use serde::{Deserialize, Serialize};

use crate::decimal::Fixed;

/// Fraction digits of [`Cash`].
pub const CASH_DECIMALS: u8 = 8;

/// A price in units of 10^-`price_decimals` of its instrument; never zero or negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Price(i64);

impl Price {
    /// `None` unless `mantissa` is positive.
    #[must_use]
    pub const fn new(mantissa: i64) -> Option<Self> {
        if mantissa > 0 { Some(Self(mantissa)) } else { None }
    }

    /// The scaled integer.
    #[must_use]
    pub const fn mantissa(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Price {
    type Error = &'static str;
    fn try_from(mantissa: i64) -> Result<Self, Self::Error> {
        Self::new(mantissa).ok_or("a price must be positive")
    }
}

impl From<Price> for i64 {
    fn from(price: Price) -> Self {
        price.0
    }
}

/// An amount of base currency in units of 10^-`qty_decimals` of its instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Qty(pub u64);

impl Qty {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// True for nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The smaller of two amounts.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Sum, capped at the largest amount.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference, never below zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// A signed amount of base currency, long above zero, at the scale of [`Qty`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub i64);

impl Position {
    /// No position.
    pub const FLAT: Self = Self(0);

    /// True without a position.
    #[must_use]
    pub const fn is_flat(self) -> bool {
        self.0 == 0
    }

    /// The amount without its sign.
    #[must_use]
    pub const fn qty(self) -> Qty {
        Qty(self.0.unsigned_abs())
    }
}

/// An amount of quote currency in units of 10^-8, whatever the instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cash(pub i64);

impl Cash {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whole units of quote currency; saturates.
    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        Self(units.saturating_mul(100_000_000))
    }

    /// Sum, capped at the ends of the range.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference, capped at the ends of the range.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `rate` of this amount, rounded as told.
    #[must_use]
    pub fn share(self, rate: Ppm, rounding: Rounding) -> Self {
        Self(clamp(divide(i128::from(self.0) * i128::from(rate.0), 1_000_000, rounding)))
    }

    /// As plain decimal text with eight fraction digits.
    #[must_use]
    pub fn fixed(self) -> Fixed {
        Fixed { mantissa: i128::from(self.0), decimals: CASH_DECIMALS }
    }
}

impl Neg for Cash {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// A rate in millionths (a fee of 0.40 % is 4000). Serialised as the bare integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ppm(pub u32);

/// Which way a product of money is rounded to the last digit kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Towards minus infinity.
    Floor,
    /// Towards plus infinity: what the account pays.
    Ceil,
    /// To the nearest, ties to the even digit: marks and averages.
    HalfEven,
}

/// `numerator / denominator` rounded as told. `denominator` must be positive.
#[must_use]
pub fn divide(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    debug_assert!(denominator > 0);
    let floor = numerator.div_euclid(denominator);
    let rest = numerator.rem_euclid(denominator);
    let up = match rounding {
        Rounding::Floor => false,
        Rounding::Ceil => rest > 0,
        Rounding::HalfEven => match (rest * 2).cmp(&denominator) {
            core::cmp::Ordering::Less => false,
            core::cmp::Ordering::Greater => true,
            core::cmp::Ordering::Equal => floor % 2 != 0,
        },
    };
    floor + i128::from(up)
}

pub(crate) fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_as_named() {
        let check = |n, d, floor, ceil, even| {
            assert_eq!(divide(n, d, Rounding::Floor), floor, "{n}/{d} floor");
            assert_eq!(divide(n, d, Rounding::Ceil), ceil, "{n}/{d} ceil");
            assert_eq!(divide(n, d, Rounding::HalfEven), even, "{n}/{d} half even");
        };
        check(7, 2, 3, 4, 4);
        check(5, 2, 2, 3, 2);
        check(-5, 2, -3, -2, -2);
        check(-7, 2, -4, -3, -4);
        check(6, 2, 3, 3, 3);
        check(1, 3, 0, 1, 0);
    }

    #[test]
    fn fees_round_against_the_account() {
        let notional = Cash(12_345_678_901);
        assert_eq!(notional.share(Ppm(4_000), Rounding::Ceil), Cash(49_382_716));
        assert_eq!(notional.share(Ppm(4_000), Rounding::Floor), Cash(49_382_715));
        assert_eq!(Cash::ZERO.share(Ppm(4_000), Rounding::Ceil), Cash::ZERO);
    }

    #[test]
    fn a_price_is_positive_even_when_decoded() {
        assert!(Price::new(0).is_none() && Price::new(-1).is_none());
        let bytes = postcard::to_allocvec(&0i64).expect("encodes");
        assert!(postcard::from_bytes::<Price>(&bytes).is_err());
    }
}
