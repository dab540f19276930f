//! What money of a currency is worth.

use types::money::divide;
use types::{Cash, Price, Rounding};

/// What a unit of a currency is worth in the account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As much: the currency itself, or a stablecoin without a book that says otherwise.
    Par,
    /// The middle of a proven book.
    Book {
        /// Price of one unit.
        price: Price,
        /// Fraction digits of the price.
        decimals: u8,
    },
}

impl Rate {
    /// An amount of the currency in the account's, rounded down.
    #[must_use]
    pub fn value(self, amount: Cash) -> Cash {
        match self {
            Self::Par => amount,
            Self::Book { price, decimals } => {
                let product = i128::from(amount.0) * i128::from(price.mantissa());
                clamp(divide(product, 10i128.pow(decimals.into()), Rounding::Floor))
            }
        }
    }

    /// How much of the currency an amount of the account's is worth, rounded down.
    #[must_use]
    pub fn amount(self, value: Cash) -> Cash {
        match self {
            Self::Par => value,
            Self::Book { price, decimals } => {
                let product = i128::from(value.0) * 10i128.pow(decimals.into());
                clamp(divide(product, price.mantissa().into(), Rounding::Floor))
            }
        }
    }
}

fn clamp(value: i128) -> Cash {
    Cash(value.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}
