//! How numbers, times and strings are spelled in the venues' messages.

use core::fmt;

use types::decimal::Fixed;
use types::money::{Rounding, divide};
use types::{Scale, Timestamp};

/// `mantissa` at `decimals` as text with `digits` fraction digits (at least `decimals`: no digit is lost).
pub(crate) fn padded(mantissa: i128, decimals: u8, digits: u8) -> Fixed {
    Fixed { mantissa: rescale(mantissa, decimals, digits), decimals: digits }
}

/// `mantissa` at scale `from` expressed at scale `to`, to the nearest where digits are lost.
pub(crate) fn rescale(mantissa: i128, from: u8, to: u8) -> i128 {
    if to >= from {
        mantissa * 10i128.pow(u32::from(to - from))
    } else {
        divide(mantissa, 10i128.pow(u32::from(from - to)), Rounding::HalfEven)
    }
}

/// A number without the zeros at its end, and without a point when no fraction is left.
pub(crate) fn trimmed(number: Fixed) -> Fixed {
    let Fixed { mut mantissa, mut decimals } = number;
    while decimals > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        decimals -= 1;
    }
    Fixed { mantissa, decimals }
}

/// A sum of prices times quantities as text with `digits` fraction digits.
pub(crate) fn value(value: i128, scale: Scale, digits: u8) -> Fixed {
    padded(value, scale.price_decimals + scale.qty_decimals, digits)
}

/// RFC 3339 with six (`Micros`) or nine (`Nanos`) fraction digits, or none (`Seconds`).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rfc3339 {
    Seconds(Timestamp),
    Micros(Timestamp),
    Nanos(Timestamp),
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Seconds(at) | Self::Micros(at) | Self::Nanos(at)) = *self;
        let (year, month, day) = at.date();
        let second = at.as_secs().rem_euclid(86_400);
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}")?;
        let ns = at.as_nanos().rem_euclid(1_000_000_000);
        match self {
            Self::Seconds(_) => f.write_str("Z"),
            Self::Micros(_) => write!(f, ".{:06}Z", ns / 1_000),
            Self::Nanos(_) => write!(f, ".{ns:09}Z"),
        }
    }
}

/// RFC 1123 as Kraken writes it, `Tue, 11 Nov 25 00:17:04 +0000`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rfc1123(pub(crate) Timestamp);

impl fmt::Display for Rfc1123 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (year, month, day) = self.0.date();
        let second = self.0.as_secs().rem_euclid(86_400);
        let weekday = DAYS[self.0.day().rem_euclid(7) as usize];
        let month = MONTHS[usize::from(month) - 1];
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{weekday}, {day:02} {month} {:02} {h:02}:{m:02}:{s:02} +0000", year.rem_euclid(100))
    }
}

/// A JSON string with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes `items` with commas between them.
pub(crate) fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
}

/// `[item,item,..]`.
pub(crate) fn array<T>(items: impl IntoIterator<Item = T>, write: impl FnMut(&mut String, T)) -> String {
    let mut out = "[".to_owned();
    list(&mut out, items, write);
    out.push(']');
    out
}

/// `write!` to a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use core::fmt::Write as _;
        let _ = write!($out, $($arg)*);
    }};
}
pub(crate) use put;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_spelled_as_the_venues_do() {
        assert_eq!(padded(9_500_012, 2, 8).to_string(), "95000.12000000");
        let trim = |mantissa, decimals| trimmed(Fixed { mantissa, decimals }).to_string();
        assert_eq!(
            [trim(7_336_780, 2), trim(7_336_700, 2), trim(0, 8), trim(700, 0)],
            ["73367.8", "73367", "0", "700"]
        );
        let scale = Scale { price_decimals: 1, qty_decimals: 8 };
        assert_eq!(value(1_234_567_890, scale, 8).to_string(), "1.23456789");
        let at = Timestamp::from_nanos(1_762_820_224_123_456_789);
        assert_eq!(Rfc3339::Micros(at).to_string(), "2025-11-11T00:17:04.123456Z");
        assert_eq!(Rfc3339::Nanos(at).to_string(), "2025-11-11T00:17:04.123456789Z");
        assert_eq!(Rfc3339::Seconds(at).to_string(), "2025-11-11T00:17:04Z");
        assert_eq!(Rfc1123(at).to_string(), "Tue, 11 Nov 25 00:17:04 +0000");
        assert_eq!(quoted("a\"b\u{1}"), "\"a\\\"b\\u0001\"");
    }
}
