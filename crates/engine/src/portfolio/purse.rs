//! Money, by the exchange at which it lies and by currency.

use serde::{Deserialize, Serialize};
use types::money::divide;
use types::{AccountPurse, Cash, Price, Rounding, Venue};

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

/// Money of one currency at one exchange. For each purse and its positions, to the last integer: what is there is what was deposited
/// and realised, less what the open positions cost with their fees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    /// Where.
    pub venue: Venue,
    /// Which currency.
    pub currency: String,
    /// What is there.
    pub cash: Cash,
    /// What was put in, less what was taken out for other purses.
    pub deposited: Cash,
    /// Fees paid since the start.
    pub fees: Cash,
    /// Profit or loss of what was sold, after its fees.
    pub realised: Cash,
}

impl Purse {
    pub(super) fn new(venue: Venue, currency: &str, cash: Cash) -> Self {
        let zero = Cash::ZERO;
        Self { venue, currency: currency.to_owned(), cash, deposited: cash, fees: zero, realised: zero }
    }

    pub(super) fn resumed(told: &AccountPurse) -> Self {
        let AccountPurse { venue, currency, cash, deposited, fees, realised } = told.clone();
        Self { venue, currency, cash, deposited, fees, realised }
    }

    pub(super) fn told(&self) -> AccountPurse {
        let Self { venue, currency, cash, deposited, fees, realised } = self.clone();
        AccountPurse { venue, currency, cash, deposited, fees, realised }
    }

    pub(super) fn take(&mut self, amount: Cash) {
        self.cash = self.cash.saturating_sub(amount);
        self.deposited = self.deposited.saturating_sub(amount);
    }
}
