//! Venues and the instruments they list.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

use crate::decimal::Fixed;
use crate::money::{self, Cash, Price, Qty, Rounding};

/// An exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Venue {
    /// Kraken spot.
    Kraken,
    /// Binance.US spot (Binance.com speaks the same protocol).
    BinanceUs,
    /// Coinbase Exchange.
    Coinbase,
    /// KuCoin spot.
    Kucoin,
}

impl Venue {
    /// All venues in their fixed order.
    pub const ALL: [Self; 4] = [Self::Kraken, Self::BinanceUs, Self::Coinbase, Self::Kucoin];

    /// The name used on the command line, in the configuration and in JSON.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Kraken => "kraken",
            Self::BinanceUs => "binance-us",
            Self::Coinbase => "coinbase",
            Self::Kucoin => "kucoin",
        }
    }

    /// The name people know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kraken => "Kraken",
            Self::BinanceUs => "Binance.US",
            Self::Coinbase => "Coinbase",
            Self::Kucoin => "KuCoin",
        }
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// A venue name that is not in [`Venue::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown venue; known are kraken, binance-us, coinbase, kucoin")]
pub struct UnknownVenue;

impl FromStr for Venue {
    type Err = UnknownVenue;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|v| v.slug() == text).ok_or(UnknownVenue)
    }
}

/// Dense index of an instrument (one pair on one venue) in this box's catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstrumentId(pub u16);

impl InstrumentId {
    /// As an index into a table of instruments.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How many fraction digits an instrument's integers carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scale {
    /// Fraction digits of a [`Price`], at most 12.
    pub price_decimals: u8,
    /// Fraction digits of a [`Qty`], at most 12.
    pub qty_decimals: u8,
}

impl Scale {
    /// What `qty` at `price` is worth, in cash, rounded as told; capped at the range of [`Cash`].
    #[must_use]
    pub fn notional(self, price: Price, qty: Qty, rounding: Rounding) -> Cash {
        let product = i128::from(price.mantissa()) * i128::from(qty.0);
        let decimals = i32::from(self.price_decimals) + i32::from(self.qty_decimals);
        let shift = decimals - i32::from(money::CASH_DECIMALS);
        let cash = if shift <= 0 {
            product.saturating_mul(10i128.pow(shift.unsigned_abs()))
        } else {
            money::divide(product, 10i128.pow(shift as u32), rounding)
        };
        Cash(money::clamp(cash))
    }

    /// How much base `cash` buys at `price`, rounded down.
    #[must_use]
    pub fn affordable(self, cash: Cash, price: Price) -> Qty {
        if cash.0 <= 0 {
            return Qty::ZERO;
        }
        let decimals = i32::from(self.price_decimals) + i32::from(self.qty_decimals);
        let shift = decimals - i32::from(money::CASH_DECIMALS);
        let qty = if shift >= 0 {
            i128::from(cash.0).saturating_mul(10i128.pow(shift as u32)) / i128::from(price.mantissa())
        } else {
            i128::from(cash.0) / (i128::from(price.mantissa()) * 10i128.pow(shift.unsigned_abs()))
        };
        Qty(qty.clamp(0, i128::from(u64::MAX)) as u64)
    }

    /// The price as decimal text with the instrument's digits.
    #[must_use]
    pub fn price(self, price: Price) -> Fixed {
        Fixed { mantissa: i128::from(price.mantissa()), decimals: self.price_decimals }
    }

    /// The quantity as decimal text with the instrument's digits.
    #[must_use]
    pub fn qty(self, qty: Qty) -> Fixed {
        Fixed { mantissa: i128::from(qty.0), decimals: self.qty_decimals }
    }

    /// The price as a float, for features and pictures only.
    #[must_use]
    pub fn price_f64(self, price: Price) -> f64 {
        price.mantissa() as f64 / POWERS[usize::from(self.price_decimals)]
    }

    /// The quantity as a float, for features and pictures only.
    #[must_use]
    pub fn qty_f64(self, qty: Qty) -> f64 {
        qty.0 as f64 / POWERS[usize::from(self.qty_decimals)]
    }
}

/// Powers of ten that are exact in an `f64`; division by them rounds once, the same everywhere.
const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

/// One pair on one venue, with the rules its orders obey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Index in the catalogue.
    pub id: InstrumentId,
    /// Where it is listed.
    pub venue: Venue,
    /// The venue's own name for it (`BTC/USD`, `BTCUSDT`).
    pub symbol: String,
    /// Base currency in canonical spelling (`BTC`, never `XBT`).
    pub base: String,
    /// Quote currency in canonical spelling.
    pub quote: String,
    /// Digits of its integers.
    pub scale: Scale,
    /// Smallest price step, in price units; at least 1.
    pub tick: u64,
    /// Smallest quantity step, in quantity units; at least 1.
    pub lot: u64,
    /// Smallest order quantity.
    pub qty_min: Qty,
    /// Smallest order value.
    pub notional_min: Cash,
}

impl Instrument {
    /// The pair in canonical spelling, `BTC/USDT`.
    #[must_use]
    pub fn pair(&self) -> String {
        format!("{}/{}", self.base, self.quote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BTC: Scale = Scale { price_decimals: 1, qty_decimals: 8 };

    #[test]
    fn notional_and_affordable_are_inverse_within_a_step() {
        let price = Price::new(645_251).expect("positive");
        assert_eq!(BTC.notional(price, Qty(100_000_000), Rounding::Floor), Cash(6_452_510_000_000));
        assert_eq!(BTC.notional(price, Qty(1), Rounding::Floor), Cash(64_525));
        assert_eq!(BTC.notional(price, Qty(1), Rounding::Ceil), Cash(64_526));
        assert_eq!(BTC.affordable(Cash(64_526), price), Qty(1));
        assert_eq!(BTC.affordable(Cash(64_525), price), Qty(0));
        assert_eq!(BTC.affordable(Cash(-5), price), Qty::ZERO);
        let coarse = Scale { price_decimals: 0, qty_decimals: 0 };
        assert_eq!(coarse.notional(Price::new(3).expect("positive"), Qty(2), Rounding::Floor), Cash::from_units(6));
        assert_eq!(coarse.affordable(Cash::from_units(7), Price::new(3).expect("positive")), Qty(2));
    }

    #[test]
    fn prices_print_with_the_instruments_digits() {
        assert_eq!(BTC.price(Price::new(645_250).expect("positive")).to_string(), "64525.0");
        assert_eq!(BTC.qty(Qty(77_490_540)).to_string(), "0.77490540");
    }

    #[test]
    fn venue_names_are_read_back() {
        for venue in Venue::ALL {
            assert_eq!(venue.slug().parse(), Ok(venue));
        }
        assert_eq!("Kraken".parse::<Venue>(), Err(UnknownVenue));
    }
}
