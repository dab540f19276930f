//! Sentences for people, the newest few kept.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::decimal::Fixed;
use types::effect::{Notice, Severity};
use types::{Cash, Effect, Effects, Instrument, InstrumentId, Price, Qty, Timestamp};

/// Most notices kept; the oldest goes.
pub const NOTICES_MAX: usize = 100;

/// The newest notices, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notices(VecDeque<Notice>);

impl Notices {
    /// Keeps a notice and tells it.
    pub fn tell(
        &mut self,
        severity: Severity,
        at: Timestamp,
        instrument: Option<InstrumentId>,
        text: String,
        effects: &mut Effects,
    ) {
        let notice = Notice { severity, at, instrument, text };
        if self.0.len() == NOTICES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(notice.clone());
        effects.push(Effect::Notice(notice));
    }

    /// Newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Notice> {
        self.0.iter().rev()
    }
}

/// A number for people: thin spaces between thousands, a true minus sign, no zeros at the end of the fraction.
#[must_use]
pub fn number(fixed: Fixed) -> String {
    let spoken = grouped(fixed);
    if spoken.contains('.') { spoken.trim_end_matches('0').trim_end_matches('.').to_owned() } else { spoken }
}

/// A price down to its instrument's tick.
#[must_use]
pub fn price(instrument: &Instrument, price: Price) -> String {
    let mut fixed = instrument.scale.price(price);
    let mut tick = instrument.tick;
    while fixed.decimals > 0 && tick >= 10 && tick.is_multiple_of(10) && fixed.mantissa % 10 == 0 {
        fixed = Fixed { mantissa: fixed.mantissa / 10, decimals: fixed.decimals - 1 };
        tick /= 10;
    }
    grouped(fixed)
}

fn grouped(fixed: Fixed) -> String {
    let text = fixed.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("\u{2212}", digits));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut spoken = String::with_capacity(text.len() + 8);
    spoken.push_str(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index < whole && (whole - index).is_multiple_of(3) {
            spoken.push('\u{2009}');
        }
        spoken.push(digit);
    }
    spoken
}

/// A quantity with its currency.
#[must_use]
pub fn qty(instrument: &Instrument, qty: Qty) -> String {
    format!("{} {}", number(instrument.scale.qty(qty)), instrument.base)
}

/// Hundredths of a basis point as basis points with at most one fraction digit.
#[must_use]
pub fn bps(cbps: i32) -> String {
    let tenths = types::money::divide(i128::from(cbps), 10, types::Rounding::HalfEven);
    number(Fixed { mantissa: tenths, decimals: 1 })
}

/// Cash with two fraction digits, to the nearest.
#[must_use]
pub fn money(cash: Cash) -> String {
    let cents = types::money::divide(i128::from(cash.0), 1_000_000, types::Rounding::HalfEven);
    grouped(Fixed { mantissa: cents, decimals: 2 })
}

/// A difference of clocks with one fraction digit: `3.2 s ahead`, `0.6 s behind`.
#[must_use]
pub fn seconds(ahead_ns: i64) -> String {
    let tenths = types::money::divide(i128::from(ahead_ns.unsigned_abs()), 100_000_000, types::Rounding::HalfEven);
    let direction = if ahead_ns < 0 { "behind" } else { "ahead" };
    format!("{} s {direction}", grouped(Fixed { mantissa: tenths, decimals: 1 }))
}

/// Millionths as percent with at most two fraction digits.
#[must_use]
pub fn percent(ppm: u32) -> String {
    number(Fixed { mantissa: i128::from(ppm / 100), decimals: 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let check = |mantissa, decimals, expected: &str| assert_eq!(number(Fixed { mantissa, decimals }), expected);
        check(912_041, 1, "91\u{2009}204.1");
        check(2_100_000, 8, "0.021");
        check(-123_456_700, 2, "\u{2212}1\u{2009}234\u{2009}567");
        check(0, 2, "0");
        check(999, 0, "999");
        assert_eq!(bps(1_440), "14.4");
        assert_eq!(bps(-905), "\u{2212}9");
        assert_eq!(bps(14), "0.1");
        assert_eq!(seconds(-1_250_000_000), "1.2 s behind");
        assert_eq!(seconds(3_600_000_000_000), "3\u{2009}600.0 s ahead");
    }

    #[test]
    fn the_oldest_notice_goes() {
        let mut notices = Notices::default();
        let mut effects = Effects::new();
        for n in 0..=NOTICES_MAX {
            notices.tell(Severity::Info, Timestamp::from_secs(n as i64), None, n.to_string(), &mut effects);
        }
        assert_eq!(notices.newest_first().count(), NOTICES_MAX);
        assert_eq!(notices.newest_first().last().map(|notice| notice.text.as_str()), Some("1"));
        assert_eq!(effects.as_slice().len(), NOTICES_MAX + 1);
    }
}
