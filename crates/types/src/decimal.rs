//! Exact conversion between a venue's decimal text and scaled integers.

use core::fmt;

/// Most fraction digits a scale may have; 10^18 is the largest power of ten in an `i64`.
pub const DECIMALS_MAX: u8 = 18;

/// Why a text is not a number at the asked scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not `[-]digits[.digits]`, or an exponent where none is allowed.
    #[error("not a decimal number")]
    Malformed,
    /// Has non-zero digits beyond the scale: taking it would change the value.
    #[error("more fraction digits than the instrument's scale")]
    TooPrecise,
    /// Does not fit an `i64` at this scale.
    #[error("number too large")]
    TooLarge,
}

/// Whether scientific notation (`1e-8`) is a legal spelling for the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exponent {
    /// Reject it (Binance.US never sends it).
    Refuse,
    /// Read it (Kraken sends JSON numbers).
    Accept,
}

/// Reads decimal `text` as an integer in units of 10^-`decimals`, exactly.
///
/// # Errors
/// [`DecimalError`] says what is wrong; trailing zeros beyond the scale are not an error.
pub fn parse(text: &[u8], decimals: u8, exponent: Exponent) -> Result<i64, DecimalError> {
    debug_assert!(decimals <= DECIMALS_MAX);
    let (negative, body) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let mut mantissa: u64 = 0;
    let mut shift = i32::from(decimals);
    let mut seen_digit = false;
    let mut seen_point = false;
    let mut index = 0;
    while let Some(&byte) = body.get(index) {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                let digit = u64::from(byte - b'0');
                if seen_point && shift == 0 && exponent == Exponent::Refuse {
                    if digit != 0 {
                        return Err(DecimalError::TooPrecise);
                    }
                } else {
                    mantissa =
                        mantissa.checked_mul(10).and_then(|m| m.checked_add(digit)).ok_or(DecimalError::TooLarge)?;
                    shift -= i32::from(seen_point);
                }
            }
            b'.' if !seen_point && seen_digit => seen_point = true,
            b'e' | b'E' if exponent == Exponent::Accept && seen_digit => {
                shift += parse_exponent(&body[index + 1..])?;
                break;
            }
            _ => return Err(DecimalError::Malformed),
        }
        index += 1;
    }
    if !seen_digit || body.last() == Some(&b'.') {
        return Err(DecimalError::Malformed);
    }
    let scaled = rescale(mantissa, shift)?;
    let value = i64::try_from(scaled).map_err(|_| DecimalError::TooLarge)?;
    Ok(if negative { -value } else { value })
}

fn parse_exponent(text: &[u8]) -> Result<i32, DecimalError> {
    let (sign, digits) = match text.split_first() {
        Some((b'-', rest)) => (-1, rest),
        Some((b'+', rest)) => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::Malformed);
    }
    Ok(sign * digits.iter().fold(0, |n, b| n * 10 + i32::from(b - b'0')))
}

fn rescale(mantissa: u64, shift: i32) -> Result<u64, DecimalError> {
    if mantissa == 0 {
        return Ok(0);
    }
    let power = |n: u32| 10u64.checked_pow(n);
    if shift >= 0 {
        power(shift as u32).and_then(|p| mantissa.checked_mul(p)).ok_or(DecimalError::TooLarge)
    } else {
        let divisor = power(shift.unsigned_abs()).ok_or(DecimalError::TooPrecise)?;
        if mantissa.is_multiple_of(divisor) { Ok(mantissa / divisor) } else { Err(DecimalError::TooPrecise) }
    }
}

/// Number of digits after the point of a plain decimal text (`64525.0` has one), `0` without a point.
#[must_use]
pub fn fraction_digits(text: &[u8]) -> u8 {
    text.iter()
        .position(|b| *b == b'.')
        .map_or(0, |point| text[point + 1..].iter().take_while(|b| b.is_ascii_digit()).count().min(255) as u8)
}

/// Shows `mantissa` x 10^-`decimals` as plain decimal text with exactly `decimals` fraction digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The scaled integer.
    pub mantissa: i128,
    /// How many of its digits stand behind the point.
    pub decimals: u8,
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let magnitude = self.mantissa.unsigned_abs();
        let power = 10u128.pow(u32::from(self.decimals));
        if self.decimals == 0 {
            write!(f, "{sign}{magnitude}")
        } else {
            let width = usize::from(self.decimals);
            write!(f, "{sign}{}.{:0width$}", magnitude / power, magnitude % power)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, decimals: u8, expected: Result<i64, DecimalError>) {
        assert_eq!(parse(text.as_bytes(), decimals, Exponent::Accept), expected, "{text} (exponent accepted)");
        if !text.contains(['e', 'E']) {
            assert_eq!(parse(text.as_bytes(), decimals, Exponent::Refuse), expected, "{text} (exponent refused)");
        }
    }

    #[test]
    fn venue_spellings_are_read_exactly() {
        check("64525.0", 1, Ok(645_250));
        check("0.77490540", 8, Ok(77_490_540));
        check("61837.63000000", 8, Ok(6_183_763_000_000));
        check("0", 8, Ok(0));
        check("0.0", 1, Ok(0));
        check("0.00000000", 8, Ok(0));
        check("0.00000000", 2, Ok(0));
        check("-1.5", 1, Ok(-15));
        check("12", 3, Ok(12_000));
        check("1e-8", 8, Ok(1));
        check("1.5E+2", 0, Ok(150));
        check("2.50e0", 1, Ok(25));
    }

    #[test]
    fn what_would_change_the_value_is_refused() {
        check("0.15", 1, Err(DecimalError::TooPrecise));
        check("1e-9", 8, Err(DecimalError::TooPrecise));
        check("99999999999999999999", 0, Err(DecimalError::TooLarge));
        check("9223372036854775808", 0, Err(DecimalError::TooLarge));
        check("1e40", 0, Err(DecimalError::TooLarge));
        for text in ["", "-", ".", "1.", ".5", "1..2", "+1", "1,5", "0x1", "NaN", "1e", "1e+", " 1", "1 ", "--1"] {
            check(text, 2, Err(DecimalError::Malformed));
        }
        assert_eq!(parse(b"1e-8", 8, Exponent::Refuse), Err(DecimalError::Malformed));
    }

    #[test]
    fn text_and_integer_agree_both_ways() {
        proptest::proptest!(|(value in -(1i64 << 62)..(1i64 << 62), decimals in 0u8..=18)| {
            let text = Fixed { mantissa: i128::from(value), decimals }.to_string();
            proptest::prop_assert_eq!(parse(text.as_bytes(), decimals, Exponent::Refuse), Ok(value));
            proptest::prop_assert_eq!(fraction_digits(text.as_bytes()), decimals);
        });
        proptest::proptest!(|(bytes: Vec<u8>, decimals in 0u8..=18)| {
            let _ = parse(&bytes, decimals, Exponent::Accept);
            let _ = fraction_digits(&bytes);
        });
    }
}
