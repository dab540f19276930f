//! A price level as most venues write it: `["price","quantity"]`.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use types::decimal::Exponent;
use types::{Level, Price, Qty, Scale};

use crate::number::{Decimals, NumberError, NumberFormat};
use crate::scan::Scan;

/// `["price","quantity"]`; what some interfaces add behind them is left aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelData<'a> {
    pub(crate) price: &'a str,
    pub(crate) qty: &'a str,
}

impl LevelData<'_> {
    /// The level at the instrument's digits; exponents are no legal spelling here.
    pub(crate) fn level(&self, scale: Scale) -> Result<Level, NumberError> {
        let format = NumberFormat { scale, exponent: Exponent::Refuse };
        Ok(Level { price: format.price(self.price)?, qty: format.qty(self.qty)? })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LevelData<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LevelVisitor;
        impl<'de> Visitor<'de> for LevelVisitor {
            type Value = LevelData<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a level [\"price\",\"quantity\"]")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let price = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let qty = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LevelData { price, qty })
            }
        }
        deserializer.deserialize_seq(LevelVisitor)
    }
}

/// A level of exactly two strings, with its brackets.
pub(crate) fn scan_level<'a>(scan: &mut Scan<'a>) -> Option<LevelData<'a>> {
    scan.literal(r#"[""#)?;
    let price = scan.string_end()?;
    scan.literal(r#",""#)?;
    let qty = scan.string_end()?;
    scan.literal("]")?;
    Some(LevelData { price, qty })
}

/// Levels of a message at the instrument's digits, in the message's order. Their room is used again for the next message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Levels {
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
}

impl Levels {
    pub(crate) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }
}

/// How levels of an instrument are read without a detour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LevelReader {
    price: Decimals,
    qty: Decimals,
}

impl LevelReader {
    /// For levels at this scale; `written` are the digits that the venue usually writes behind the point.
    pub(crate) fn new(scale: Scale, written: Scale) -> Self {
        Self {
            price: Decimals::new(scale.price_decimals, written.price_decimals),
            qty: Decimals::new(scale.qty_decimals, written.qty_decimals),
        }
    }

    #[inline]
    pub(crate) fn price(self, scan: &mut Scan<'_>) -> Option<Price> {
        Price::new(scan.decimal(self.price)?)
    }

    #[inline]
    pub(crate) fn qty(self, scan: &mut Scan<'_>) -> Option<Qty> {
        u64::try_from(scan.decimal(self.qty)?).ok().map(Qty)
    }

    /// Levels of exactly two strings: `["price","quantity"],...]`, after the opening bracket of their list.
    #[inline]
    pub(crate) fn pairs_end(self, scan: &mut Scan<'_>, levels: &mut Vec<Level>) -> Option<()> {
        scan.each_end(|scan| {
            scan.literal(r#"[""#)?;
            let price = self.price(scan)?;
            scan.literal(r#"",""#)?;
            let qty = self.qty(scan)?;
            scan.literal(r#""]"#)?;
            levels.push(Level { price, qty });
            Some(())
        })
    }
}

/// All levels at the instrument's digits.
pub(crate) fn read_all(levels: &[LevelData<'_>], scale: Scale) -> Result<Vec<Level>, NumberError> {
    levels.iter().map(|level| level.level(scale)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponent_is_refused_and_what_stands_behind_a_level_is_left_aside() {
        let scale = Scale { price_decimals: 8, qty_decimals: 8 };
        assert!(LevelData { price: "1e-3", qty: "1" }.level(scale).is_err());
        let third: LevelData<'_> = serde_json::from_str(r#"["1.5","2",[7]]"#).expect("a level");
        assert_eq!(third, LevelData { price: "1.5", qty: "2" });
        for text in [r#"["1"]"#, "[]", r#"[1.5,"2"]"#, r#"{"price":"1"}"#] {
            assert!(serde_json::from_str::<LevelData<'_>>(text).is_err(), "{text}");
        }
    }
}
