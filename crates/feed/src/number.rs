//! Venue text to prices and quantities, and text of JSON taken without copying.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;
use types::decimal::{self, DECIMALS_MAX, DecimalError, Exponent};
use types::{Price, Qty, Scale};

use crate::io::RejectReason;

/// Most digits a [`Scale`] may have.
pub(crate) const SCALE_DECIMALS_MAX: u8 = 12;

/// How numbers of one instrument are written: the digits they may have and whether exponents are legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberFormat {
    pub(crate) scale: Scale,
    pub(crate) exponent: Exponent,
}

impl NumberFormat {
    pub(crate) fn price(self, text: &str) -> Result<Price, NumberError> {
        let mantissa =
            self.parse(text, self.scale.price_decimals).map_err(|error| NumberError::new("price", text, error))?;
        Price::new(mantissa).ok_or_else(|| NumberError::new("price", text, DecimalError::Malformed))
    }

    pub(crate) fn qty(self, text: &str) -> Result<Qty, NumberError> {
        let mantissa =
            self.parse(text, self.scale.qty_decimals).map_err(|error| NumberError::new("quantity", text, error))?;
        u64::try_from(mantissa).map(Qty).map_err(|_| NumberError::new("quantity", text, DecimalError::Malformed))
    }

    #[inline]
    fn parse(self, text: &str, decimals: u8) -> Result<i64, DecimalError> {
        match parse_plain(text.as_bytes(), decimals) {
            Some(mantissa) => Ok(mantissa),
            None => decimal::parse(text.as_bytes(), decimals, self.exponent),
        }
    }
}

/// Reads what venues nearly always send: digits, perhaps a point and digits, no more of them than fit without a check.
/// `None` says nothing about the number: the general reader decides.
#[inline]
fn parse_plain(text: &[u8], decimals: u8) -> Option<i64> {
    const POWERS: [i64; 19] = {
        let mut powers = [1; 19];
        let mut n = 1;
        while n < 19 {
            powers[n] = powers[n - 1] * 10;
            n += 1;
        }
        powers
    };
    // Eighteen digits are below 10^18 and so below the largest `i64`.
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    let mut mantissa: i64 = 0;
    let mut point = None;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + i64::from(byte - b'0'),
            b'.' if point.is_none() && index > 0 => point = Some(index),
            _ => return None,
        }
    }
    let fraction = point.map_or(0, |point| text.len() - point - 1);
    if point.is_some() && fraction == 0 {
        return None;
    }
    match usize::from(decimals).checked_sub(fraction) {
        Some(missing) => mantissa.checked_mul(*POWERS.get(missing)?),
        None => {
            let surplus = POWERS.get(fraction - usize::from(decimals))?;
            (mantissa % surplus == 0).then(|| mantissa / surplus)
        }
    }
}

/// A number that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?}: {source}")]
pub(crate) struct NumberError {
    what: &'static str,
    text: String,
    source: DecimalError,
}

impl NumberError {
    pub(crate) fn new(what: &'static str, text: &str, source: DecimalError) -> Self {
        Self { what, text: text.chars().take(48).collect(), source }
    }

    pub(crate) fn reason(&self) -> RejectReason {
        match self.source {
            DecimalError::TooPrecise => RejectReason::TooPrecise,
            DecimalError::Malformed | DecimalError::TooLarge => RejectReason::Number,
        }
    }
}

/// Digits behind the point that are needed to hold the number as it is written, trailing zeros included; `None` when
/// it is no number or needs more than [`DECIMALS_MAX`].
pub(crate) fn written_digits(text: &str) -> Option<u8> {
    let (plain, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i16>().ok()?),
        None => (text, 0),
    };
    let digits = i16::from(decimal::fraction_digits(plain.as_bytes())) - exponent.clamp(-99, 99);
    let digits = u8::try_from(digits.max(0)).ok().filter(|digits| *digits <= DECIMALS_MAX)?;
    decimal::parse(text.as_bytes(), digits, Exponent::Accept).ok().map(|_| digits)
}

/// Digits behind the point that are needed for the value: trailing zeros do not count.
pub(crate) fn needed_digits(text: &str) -> Option<u8> {
    let mut digits = written_digits(text)?;
    while digits > 0 && decimal::parse(text.as_bytes(), digits - 1, Exponent::Accept).is_ok() {
        digits -= 1;
    }
    Some(digits)
}

/// The smallest scale that holds all these prices and quantities exactly: trailing zeros do not count.
pub(crate) fn smallest_scale<'a>(numbers: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Scale, NumberError> {
    scale_by(needed_digits, numbers)
}

/// The scale at which these prices and quantities are written: trailing zeros count.
pub(crate) fn written_scale<'a>(numbers: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Scale, NumberError> {
    scale_by(written_digits, numbers)
}

fn scale_by<'a>(
    count: fn(&str) -> Option<u8>,
    numbers: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Scale, NumberError> {
    let mut scale = Scale { price_decimals: 0, qty_decimals: 0 };
    let digits = |what, text| {
        count(text)
            .filter(|digits| *digits <= SCALE_DECIMALS_MAX)
            .ok_or_else(|| NumberError::new(what, text, DecimalError::Malformed))
    };
    for (price, qty) in numbers {
        scale.price_decimals = scale.price_decimals.max(digits("price", price)?);
        scale.qty_decimals = scale.qty_decimals.max(digits("quantity", qty)?);
    }
    Ok(scale)
}

/// A JSON number (or any other value) exactly as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(pub(crate) &'a str);

impl<'a> Raw<'a> {
    /// The text without the quotes, for fields that are numbers in one version of a protocol and strings in another.
    pub(crate) fn unquoted(self) -> &'a str {
        self.0.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Raw(raw.get()))
    }
}

/// A JSON string, borrowed unless it holds escapes (`BTC\/USD`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BTC: NumberFormat =
        NumberFormat { scale: Scale { price_decimals: 1, qty_decimals: 8 }, exponent: Exponent::Accept };

    #[test]
    fn every_spelling_of_nothing_is_nothing() {
        for text in ["0", "0.0", "0.00", "0.00000000", "0e0", "0E-8", "-0", "0.0000000000"] {
            assert_eq!(BTC.qty(text), Ok(Qty::ZERO), "{text}");
            assert!(BTC.price(text).is_err(), "a price is positive: {text}");
        }
    }

    #[test]
    fn what_is_not_exact_is_refused_with_its_reason() {
        assert_eq!(BTC.price("64525.05").unwrap_err().reason(), RejectReason::TooPrecise);
        assert_eq!(BTC.price("-1").unwrap_err().reason(), RejectReason::Number);
        assert_eq!(BTC.qty("-0.1").unwrap_err().reason(), RejectReason::Number);
        assert_eq!(BTC.qty("\"1\"").unwrap_err().reason(), RejectReason::Number);
        assert_eq!(BTC.qty("1e-8"), Ok(Qty(1)));
        let plain = NumberFormat { exponent: Exponent::Refuse, ..BTC };
        assert_eq!(plain.qty("1e-8").unwrap_err().to_string(), "quantity \"1e-8\": not a decimal number");
    }

    #[test]
    fn digits_are_counted_as_written_and_as_needed() {
        let check = |text, written, needed| {
            assert_eq!((written_digits(text), needed_digits(text)), (written, needed), "{text}");
        };
        check("64525.0", Some(1), Some(0));
        check("105433.60000", Some(5), Some(1));
        check("0.77490540", Some(8), Some(7));
        check("12", Some(0), Some(0));
        check("1e-8", Some(8), Some(8));
        check("1.50e-2", Some(4), Some(3));
        check("1.5e3", Some(0), Some(0));
        check("0.0000000000000000001", None, None);
        check("abc", None, None);
        check("1e", None, None);
    }

    #[test]
    fn the_quick_reader_agrees_with_the_general_one() {
        let check = |text: &str, decimals| {
            if let Some(mantissa) = parse_plain(text.as_bytes(), decimals) {
                assert_eq!(decimal::parse(text.as_bytes(), decimals, Exponent::Refuse), Ok(mantissa), "{text}");
                return true;
            }
            false
        };
        for text in ["61837.63000000", "0.00000000", "64525.0", "1", "999999999999999999", "0.00000001"] {
            assert!(check(text, 8) || text.len() > 17, "{text} is read quickly");
        }
        for text in ["", ".", "1.", ".5", "1.2.3", "-1", "1e3", "0.000000001", "9999999999999999999"] {
            assert!(!check(text, 8), "{text}");
        }
        proptest::proptest!(|(text in "[0-9]{0,20}\\.?[0-9]{0,20}", decimals in 0u8..=12)| { check(&text, decimals); });
    }

    #[test]
    fn any_text_is_counted_without_panic() {
        proptest::proptest!(|(text: String)| {
            let _ = (written_digits(&text), needed_digits(&text), BTC.price(&text), BTC.qty(&text));
        });
        proptest::proptest!(|(text in "-?[0-9]{0,25}\\.?[0-9]{0,25}([eE][+-]?[0-9]{0,4})?")| {
            let _ = (written_digits(&text), needed_digits(&text), BTC.price(&text), BTC.qty(&text));
        });
    }
}
