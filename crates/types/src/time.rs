//! Points in time: UTC nanoseconds since the Unix epoch.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds of a millisecond.
pub const NS_PER_MS: i64 = 1_000_000;
/// Nanoseconds of a second.
pub const NS_PER_S: i64 = 1_000_000_000;
/// Nanoseconds of a minute.
pub const NS_PER_MIN: i64 = 60 * NS_PER_S;
/// Nanoseconds of a UTC day (leap seconds do not exist in Unix time).
pub const NS_PER_DAY: i64 = 86_400 * NS_PER_S;

/// A point in time, in nanoseconds UTC since the Unix epoch. Covers the years 1678 to 2262.
///
/// Two clocks have two names everywhere: `at` is when this box received something and never
/// decreases; `venue_at` is when the venue says it happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// The latest point that can be told.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// From microseconds since the epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_micros(us: i64) -> Self {
        Self(us.saturating_mul(1_000))
    }

    /// From milliseconds since the epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(NS_PER_MS))
    }

    /// From seconds since the epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(NS_PER_S))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded towards the past.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(NS_PER_MS)
    }

    /// Whole seconds since the epoch, rounded towards the past.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(NS_PER_S)
    }

    /// The start of the interval of length `ns` which holds this point, intervals counted from the epoch.
    #[must_use]
    pub const fn floor_to(self, ns: i64) -> Self {
        Self(self.0.div_euclid(ns) * ns)
    }

    /// Days since the epoch (the UTC day that holds this point).
    #[must_use]
    pub const fn day(self) -> i32 {
        self.0.div_euclid(NS_PER_DAY) as i32
    }

    /// The UTC calendar date of this point as (year, month 1..=12, day 1..=31).
    ///
    /// Days-to-civil algorithm of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    #[must_use]
    pub const fn date(self) -> (i32, u8, u8) {
        let z = self.day() as i64 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u8;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u8;
        let year = (yoe + era * 400) as i32 + (month <= 2) as i32;
        (year, month, day)
    }

    /// Start of the given UTC calendar date, the inverse of [`Timestamp::date`]. The date is not checked.
    #[must_use]
    pub const fn from_date(year: i32, month: u8, day: u8) -> Self {
        let y = year as i64 - (month <= 2) as i64;
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let mp = (month as i64 + 9) % 12;
        let doy = (153 * mp + 2) / 5 + day as i64 - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        Self((era * 146_097 + doe - 719_468) * NS_PER_DAY)
    }

    /// Time from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let ns = self.0.saturating_sub(earlier.0);
        if ns <= 0 { Duration::ZERO } else { Duration::from_nanos(ns as u64) }
    }

    /// This point moved by `by` into the future, saturating.
    #[must_use]
    pub const fn plus(self, by: Duration) -> Self {
        let ns = by.as_nanos();
        let ns = if ns > i64::MAX as u128 { i64::MAX } else { ns as i64 };
        Self(self.0.saturating_add(ns))
    }

    /// This point moved by `by` into the past, saturating.
    #[must_use]
    pub const fn minus(self, by: Duration) -> Self {
        let ns = by.as_nanos();
        let ns = if ns > i64::MAX as u128 { i64::MAX } else { ns as i64 };
        Self(self.0.saturating_sub(ns))
    }

    /// Parses an RFC 3339 time in UTC (`2026-07-19T17:54:39.614696Z`, `+00:00` accepted), with up to nine
    /// fraction digits. `None` for anything else, offsets other than zero included.
    #[must_use]
    pub fn parse_rfc3339(text: &[u8]) -> Option<Self> {
        let digits = |from: usize, len: usize| -> Option<i64> {
            text.get(from..from + len)?
                .iter()
                .try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
        };
        let punct = |at: usize, set: &[u8]| text.get(at).is_some_and(|b| set.contains(b));
        if !(punct(4, b"-") && punct(7, b"-") && punct(10, b"Tt ") && punct(13, b":") && punct(16, b":")) {
            return None;
        }
        let (year, month, day) = (digits(0, 4)?, digits(5, 2)?, digits(8, 2)?);
        let (hour, minute, second) = (digits(11, 2)?, digits(14, 2)?, digits(17, 2)?);
        if !(1678..=2261).contains(&year) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let start = Self::from_date(year as i32, month as u8, day as u8);
        if start.date() != (year as i32, month as u8, day as u8) {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut fraction = 0i64;
        if let Some((b'.', tail)) = rest.split_first() {
            let len = tail.iter().take_while(|b| b.is_ascii_digit()).count();
            if len == 0 || len > 9 {
                return None;
            }
            fraction = tail[..len].iter().fold(0, |n, b| n * 10 + i64::from(b - b'0'));
            fraction *= 10i64.pow(9 - len as u32);
            rest = &tail[len..];
        }
        matches!(rest, b"Z" | b"z" | b"+00:00" | b"-00:00")
            .then(|| Self(start.0 + (hour * 3_600 + minute * 60 + second) * NS_PER_S + fraction))
    }
}

/// RFC 3339 in UTC with milliseconds, `2026-07-19T17:54:39.614Z`, or with nanoseconds as `{:.9}`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let ns = self.as_nanos().rem_euclid(NS_PER_DAY);
        let (s, ns) = (ns / NS_PER_S, ns % NS_PER_S);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.", s / 3_600, s / 60 % 60, s % 60)?;
        match f.precision() {
            Some(9) => write!(f, "{ns:09}Z"),
            _ => write!(f, "{:03}Z", ns / NS_PER_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_read_to_the_nanosecond() {
        let check = |text: &str, ns: Option<i64>| {
            assert_eq!(Timestamp::parse_rfc3339(text.as_bytes()).map(Timestamp::as_nanos), ns, "{text}");
        };
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-07-19T17:54:39.614696Z", Some(1_784_483_679_614_696_000));
        check("2023-10-04T16:26:30.524394914Z", Some(1_696_436_790_524_394_914));
        check("2024-02-29T00:00:00+00:00", Some(1_709_164_800_000_000_000));
        check("2023-02-29T00:00:00Z", None);
        check("2023-10-04T16:26:30.Z", None);
        check("2023-10-04T16:26:30+02:00", None);
        check("2023-10-04T24:00:00Z", None);
        check("", None);
        check("2023-10-04", None);
    }

    #[test]
    fn dates_agree_both_ways() {
        for day in (-50_000..50_000).step_by(37) {
            let start = Timestamp::from_nanos(day * NS_PER_DAY);
            let (y, m, d) = start.date();
            assert_eq!(Timestamp::from_date(y, m, d), start);
        }
        assert_eq!(Timestamp::from_millis(1_748_798_400_123).to_string(), "2025-06-01T17:20:00.123Z");
        assert_eq!(
            format!("{:.9}", Timestamp::from_nanos(1_748_798_400_000_000_042)),
            "2025-06-01T17:20:00.000000042Z"
        );
    }

    #[test]
    fn any_bytes_do_not_panic() {
        proptest::proptest!(|(bytes: Vec<u8>)| { let _ = Timestamp::parse_rfc3339(&bytes); });
    }
}
