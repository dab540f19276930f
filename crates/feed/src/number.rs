//! Venue text to prices and quantities, and text of JSON taken without copying.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;
use types::decimal::{self, DECIMALS_MAX, DecimalError, Exponent};
use types::{Price, Qty, Scale};

use crate::digits::{Eight, POWERS};
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

/// Digits behind the point that numbers of one kind have, and that they are usually written with.
///
/// Reads `digits[.digits]` at the head of a text. What is written as usual is read without looking at every digit; all
/// else, but for exponents and numbers too large, costs more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimals {
    decimals: u8,
    written: usize,
    /// Written digits that count.
    kept: usize,
    unit: u64,
    kept_unit: u64,
}

impl Decimals {
    /// `decimals` is at most [`SCALE_DECIMALS_MAX`].
    pub(crate) fn new(decimals: u8, usually_written: u8) -> Self {
        // There is no point without a digit behind it.
        let written = usize::from(usually_written.clamp(1, 8));
        let kept = written.min(usize::from(decimals));
        Self {
            decimals,
            written,
            kept,
            unit: POWERS[usize::from(decimals)],
            kept_unit: POWERS[usize::from(decimals) - kept],
        }
    }

    /// The number at the head of the text, and its length; that nothing of it follows is the caller's to see. `None` says
    /// nothing: a general reader decides.
    #[inline]
    pub(crate) fn read(self, text: &[u8]) -> Option<(i64, usize)> {
        match self.read_usual(text) {
            Some(read) => Some(read),
            None => self.read_any(text),
        }
    }

    /// One to seven digits, the point, and as many digits as usual.
    #[inline]
    fn read_usual(self, text: &[u8]) -> Option<(i64, usize)> {
        let head: &[u8; 8] = text.first_chunk()?;
        // Looking for the point byte by byte is guessed right nearly always: numbers of one kind are of one size.
        let point = (1..8).find(|at| head[*at] == b'.')?;
        let len = point + 1 + self.written;
        let whole = Eight::of(head)?.first(point);
        let fraction = Eight::of(text.get(point + 1..)?)?;
        let is_usual = whole.are_digits()
            && fraction.first(self.written).are_digits()
            && fraction.is_zero_between(self.kept, self.written)
            && !text.get(len)?.is_ascii_digit()
            // No JSON: left to the general reader.
            && (head[0] != b'0' || point == 1);
        if !is_usual {
            return None;
        }
        let number = whole.number() * self.unit + fraction.first(self.kept).number() * self.kept_unit;
        Some((i64::try_from(number).ok()?, len))
    }

    #[inline(never)]
    fn read_any(self, text: &[u8]) -> Option<(i64, usize)> {
        let len = text.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.')).unwrap_or(text.len());
        let is_json = !(text.first() == Some(&b'0') && text.get(1).is_some_and(u8::is_ascii_digit));
        Some((parse_plain(&text[..len], self.decimals).filter(|_| is_json)?, len))
    }
}

/// Reads what venues nearly always send: digits, perhaps a point and digits, no more of them than fit without a check.
/// `None` says nothing about the number: the general reader decides.
#[inline]
fn parse_plain(text: &[u8], decimals: u8) -> Option<i64> {
    // Eighteen digits are below 10^18 and so below the largest `i64`.
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    let mut mantissa: u64 = 0;
    let mut point = None;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() && index > 0 => point = Some(index),
            _ => return None,
        }
    }
    let fraction = point.map_or(0, |point| text.len() - point - 1);
    if point.is_some() && fraction == 0 {
        return None;
    }
    let scaled = match usize::from(decimals).checked_sub(fraction) {
        Some(missing) => mantissa.checked_mul(*POWERS.get(missing)?)?,
        None => {
            let surplus = POWERS.get(fraction - usize::from(decimals))?;
            mantissa.is_multiple_of(*surplus).then(|| mantissa / surplus)?
        }
    };
    i64::try_from(scaled).ok()
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
    fn numbers_at_the_head_of_a_text_are_those_of_the_general_reader() {
        let check = |text: &str, behind: &str, decimals: u8, written: u8| {
            let read = Decimals::new(decimals, written).read([text, behind].concat().as_bytes());
            if let Some((number, len)) = read {
                assert_eq!(len, text.len(), "{text}");
                assert_eq!(decimal::parse(text.as_bytes(), decimals, Exponent::Refuse), Ok(number), "{text}");
                serde_json::from_str::<f64>(text).expect("JSON");
            }
            read.is_some()
        };
        for (decimals, written) in [(8, 8), (2, 8), (5, 8), (8, 5), (11, 2), (8, 0)] {
            for text in ["61837.63000000", "0.00000000", "61837.63", "7", "12345678.5"] {
                for behind in ["", "}", r#"","0.00012000"]]}}"#] {
                    assert!(check(text, behind, decimals, written), "{text} {decimals} {written}");
                }
            }
            for text in ["", ".", "1.", ".5", "-1", "01", "00.5", "9999999999999999999"] {
                assert!(!check(text, ",", decimals, written), "{text}");
            }
        }
        assert!(!check("61837.63000001", ",", 7, 8) && !check("1.23", ",", 1, 2), "too precise");
        assert!(!check("9999999.5", ",", 12, 1), "too large");
        proptest::proptest!(|(
            text in "[0-9]{0,12}\\.?[0-9]{0,12}", behind in "[^0-9.][^ ]{0,20}", decimals in 0u8..=12, written in 0u8..=12,
        )| { check(&text, &behind, decimals, written); });
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
