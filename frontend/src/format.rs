//! Numbers as people read them: thin spaces between thousands, a true minus sign, fixed digits.

/// Between thousands, and between a number and its unit (U+202F, narrow and never broken).
pub const THIN_SPACE: char = '\u{202f}';
/// The true minus sign (U+2212), as wide as a plus.
pub const MINUS: char = '\u{2212}';
/// Digits of [`wire`] cash: 10^-8 of quote currency.
pub const CASH_DECIMALS: u8 = 8;

/// `mantissa` x 10^-`decimals` with exactly `decimals` fraction digits: `−91 204.10`.
#[must_use]
pub fn fixed(mantissa: i64, decimals: u8) -> String {
    let digits = format!("{:0width$}", mantissa.unsigned_abs(), width = usize::from(decimals) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let mut text = String::with_capacity(digits.len() * 2);
    if mantissa < 0 {
        text.push(MINUS);
    }
    push_grouped(&mut text, whole);
    if decimals > 0 {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Like [`fixed`], rounded half away from zero to at most `shown` fraction digits.
#[must_use]
pub fn rounded(mantissa: i64, decimals: u8, shown: u8) -> String {
    if shown >= decimals {
        return fixed(mantissa, decimals);
    }
    let divisor = 10i128.pow(u32::from(decimals - shown));
    let value = i128::from(mantissa);
    let half = if value < 0 { -divisor / 2 } else { divisor / 2 };
    fixed(((value + half) / divisor) as i64, shown)
}

/// A quantity with as many digits as carry meaning on a narrow row: six significant ones, never more than it has.
#[must_use]
pub fn quantity(mantissa: u64, decimals: u8) -> String {
    let value = i64::try_from(mantissa).unwrap_or(i64::MAX);
    let whole_digits = magnitude((value as f64 / ten_to(decimals)).max(1.0)) as u8 + 1;
    rounded(value, decimals, 5u8.saturating_sub(whole_digits.saturating_sub(1)).min(decimals))
}

/// A float with a fixed count of fraction digits: `−3.4`. Not finite: a dash. Zero carries no sign.
#[must_use]
pub fn float(value: f64, decimals: u8) -> String {
    let scaled = (value * ten_to(decimals)).round();
    if !scaled.is_finite() || scaled.abs() > 9e18 {
        return "–".into();
    }
    fixed(scaled as i64, decimals)
}

/// A float for style sheets, path data and files: an ASCII minus, nothing between thousands. Not finite: 0.
///
/// By whole numbers: the standard library's exact conversion of floats is a tenth of what a browser would have to fetch for it.
#[must_use]
pub fn plain(value: f64, decimals: u8) -> String {
    let scaled = (value * ten_to(decimals)).round();
    let scaled = if scaled.is_finite() && scaled.abs() < 9e18 { scaled as i64 } else { 0 };
    let digits = format!("{:0width$}", scaled.unsigned_abs(), width = usize::from(decimals) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let sign = if scaled < 0 { "-" } else { "" };
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The power of ten at or below a number above zero: 2 for 100 to 999.
#[must_use]
pub fn magnitude(value: f64) -> i32 {
    let (mut value, mut power) = (value, 0);
    while value >= 10.0 && power < 308 {
        value /= 10.0;
        power += 1;
    }
    while value > 0.0 && value < 1.0 && power > -308 {
        value *= 10.0;
        power -= 1;
    }
    power
}

/// Like [`float`] with a plus in front of what is above zero.
#[must_use]
pub fn signed_float(value: f64, decimals: u8) -> String {
    let text = float(value, decimals);
    let is_positive = value > 0.0 && text.contains(|c: char| matches!(c, '1'..='9'));
    if is_positive { format!("+{text}") } else { text }
}

/// Decimal text as cash: what cannot be read is zero, what is finer than cash is cut off.
#[must_use]
pub fn parse_cash(text: &str) -> i64 {
    let (digits, is_negative) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(usize::from(CASH_DECIMALS)).collect();
    let value = format!("{whole}{kept}").parse::<i64>().unwrap_or(0);
    if is_negative { -value } else { value }
}

/// A decimal text with thin spaces between thousands and a true minus: `91 204.10`.
#[must_use]
pub fn decimal(text: &str) -> String {
    let (digits, sign) = text.strip_prefix('-').map_or((text, ""), |rest| (rest, "\u{2212}"));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut grouped = sign.to_owned();
    push_grouped(&mut grouped, whole);
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// Like [`decimal`], without zeros at the end.
#[must_use]
pub fn trimmed(text: &str) -> String {
    let text = decimal(text);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Cash in whole cents with its sign before the currency: `$10 214.36`, `−$1.27`.
#[must_use]
pub fn cash(amount: i64) -> String {
    money(amount, false)
}

/// Like [`cash`], with a plus in front of a gain: `+$18.42`.
#[must_use]
pub fn signed_cash(amount: i64) -> String {
    money(amount, true)
}

fn money(amount: i64, plus: bool) -> String {
    let cents = rounded(amount, CASH_DECIMALS, 2);
    let is_zero = !cents.contains(|c: char| matches!(c, '1'..='9'));
    let body = cents.strip_prefix(MINUS).unwrap_or(&cents);
    match (is_zero, amount < 0, plus) {
        (false, true, _) => format!("{MINUS}${body}"),
        (false, false, true) => format!("+${body}"),
        _ => format!("${body}"),
    }
}

/// Parts per million as percent with a sign: `+2.14 %`.
#[must_use]
pub fn signed_percent(ppm: f64, decimals: u8) -> String {
    format!("{}{THIN_SPACE}%", signed_float(ppm / 1e4, decimals))
}

/// Parts per million as percent: `1.8 %`.
#[must_use]
pub fn percent(ppm: f64, decimals: u8) -> String {
    format!("{}{THIN_SPACE}%", float(ppm / 1e4, decimals))
}

/// The class that colours a signed number as it is read: a value that rounds to zero has no sign and no colour.
#[must_use]
pub fn sign_class(text: &str) -> &'static str {
    match text.chars().next() {
        Some('+') => "up",
        Some(MINUS) => "down",
        _ => "",
    }
}

/// A count with thin spaces: `2 016`.
#[must_use]
pub fn count(n: u64) -> String {
    fixed(i64::try_from(n).unwrap_or(i64::MAX), 0)
}

/// An age in the unit that fits: `84 ms`, `4.2 s`, `3 min`, `2 h`, `5 d`.
#[must_use]
pub fn age(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}{THIN_SPACE}ms"),
        1_000..10_000 => format!("{}{THIN_SPACE}s", float(ms as f64 / 1e3, 1)),
        _ => duration(ms / 1_000),
    }
}

/// A whole duration in its largest unit: `40 s`, `3 min`, `5 h`, `7 days`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}{THIN_SPACE}s"),
        120..7_200 => format!("{}{THIN_SPACE}min", seconds / 60),
        7_200..172_800 => format!("{}{THIN_SPACE}h", seconds / 3_600),
        _ => format!("{}{THIN_SPACE}days", seconds / 86_400),
    }
}

/// Like [`duration`], rounded to the nearest whole unit instead of down.
#[must_use]
pub fn duration_rounded(seconds: u64) -> String {
    let half_unit = match seconds {
        0..120 => 0,
        120..7_200 => 30,
        7_200..172_800 => 1_800,
        _ => 43_200,
    };
    duration(seconds + half_unit)
}

/// A running time in its two largest units: `12 d 4 h`, `4 h 5 min`, `5 min`.
#[must_use]
pub fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) if minutes == 0 => format!("{seconds}{THIN_SPACE}s"),
        (0, 0) => format!("{minutes}{THIN_SPACE}min"),
        (0, _) => format!("{hours}{THIN_SPACE}h {minutes}{THIN_SPACE}min"),
        _ => format!("{days}{THIN_SPACE}d {hours}{THIN_SPACE}h"),
    }
}

/// 10^`decimals` as a float, exact up to 22.
#[must_use]
pub fn ten_to(decimals: u8) -> f64 {
    10f64.powi(i32::from(decimals))
}

fn push_grouped(text: &mut String, whole: &str) {
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(THIN_SPACE);
        }
        text.push(digit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with thin spaces written as `_` and the minus sign as `-`, so that a wrong space shows.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert!(!text.contains(['_', '-']), "{text:?} holds a plain stand-in");
        assert_eq!(text.replace(THIN_SPACE, "_").replace(MINUS, "-"), expected);
    }

    #[test]
    fn prices_carry_exactly_their_digits() {
        check(&fixed(912_116, 1), "91_211.6");
        check(&fixed(5, 8), "0.00000005");
        check(&fixed(-1_234_567, 0), "-1_234_567");
        check(&fixed(123, 0), "123");
        check(&fixed(i64::MIN, 2), "-92_233_720_368_547_758.08");
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        check(&rounded(12_345, 4, 2), "1.23");
        check(&rounded(12_350, 4, 2), "1.24");
        check(&rounded(-12_350, 4, 2), "-1.24");
        check(&rounded(12_345, 4, 9), "1.2345");
        check(&rounded(i64::MAX, 18, 0), "9");
    }

    #[test]
    fn quantities_keep_six_significant_digits() {
        check(&quantity(77_490_540, 8), "0.77491");
        check(&quantity(1_200_000_000, 8), "12.0000");
        check(&quantity(123_456_789_012_345, 8), "1_234_568");
        check(&quantity(7, 0), "7");
        check(&quantity(0, 8), "0.00000");
        check(&quantity(u64::MAX, 8), "92_233_720_369");
    }

    #[test]
    fn money_puts_its_sign_first_and_zero_has_none() {
        check(&cash(1_021_436_000_000), "$10_214.36");
        check(&signed_cash(1_842_000_000), "+$18.42");
        check(&signed_cash(-127_000_000), "-$1.27");
        check(&signed_cash(-100), "$0.00");
        check(&signed_cash(0), "$0.00");
    }

    #[test]
    fn numbers_for_machines_are_plain() {
        assert_eq!(
            (plain(1234.5678, 2).as_str(), plain(-0.05, 1).as_str(), plain(3.0, 0).as_str()),
            ("1234.57", "-0.1", "3")
        );
        assert_eq!((plain(f64::NAN, 1).as_str(), plain(-0.004, 2).as_str()), ("0.0", "0.00"));
        assert_eq!([0.02, 1.0, 9.99, 10.0, 123_456.0].map(magnitude), [-2, 0, 0, 1, 5]);
    }

    #[test]
    fn decimal_texts_are_read_and_grouped() {
        assert_eq!(parse_cash("10214.36"), 1_021_436_000_000);
        assert_eq!(parse_cash("-0.000000019"), -1);
        assert_eq!((parse_cash("7"), parse_cash("odd")), (700_000_000, 0));
        check(&decimal("-1234567.50"), "-1_234_567.50");
        check(&trimmed("0.02100000"), "0.021");
        check(&trimmed("12000"), "12_000");
        check(&trimmed("3.000"), "3");
    }

    #[test]
    fn floats_are_signed_only_when_a_digit_shows() {
        check(&signed_float(1.24, 1), "+1.2");
        check(&signed_float(-3.44, 1), "-3.4");
        check(&signed_float(0.04, 1), "0.0");
        check(&signed_float(-0.04, 1), "0.0");
        check(&float(f64::NAN, 1), "–");
        check(&float(f64::INFINITY, 1), "–");
        check(&float(1e300, 1), "–");
        check(&signed_percent(21_400.0, 2), "+2.14_%");
        check(&percent(200_000.0, 0), "20_%");
        assert_eq!([0.06, -0.06, 0.04, -0.04].map(|v| sign_class(&signed_float(v, 1))), ["up", "down", "", ""]);
        assert_eq!(sign_class(&signed_cash(-127_000_000)), "down");
    }

    #[test]
    fn times_use_the_unit_that_fits() {
        check(&age(84), "84_ms");
        check(&age(4_230), "4.2_s");
        check(&age(61_000), "61_s");
        check(&age(240_000), "4_min");
        check(&duration(7 * 86_400), "7_days");
        check(&duration_rounded(7 * 86_400 - 300), "7_days");
        check(&duration_rounded(7_199), "2_h");
        check(&uptime(12 * 86_400 + 4 * 3_600 + 59), "12_d 4_h");
        check(&uptime(3_600 * 4 + 300), "4_h 5_min");
        check(&uptime(7), "7_s");
        check(&count(2_016), "2_016");
    }
}
