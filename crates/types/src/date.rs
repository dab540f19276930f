//! Calendar dates in UTC.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::{NS_PER_DAY, Timestamp};

/// A UTC calendar date. Reads and shows itself as `2025-11-01`, in files too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(i32);

/// A text that is not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date such as 2025-11-01")]
pub struct NotADate;

impl Date {
    /// 1970-01-01.
    pub const EPOCH: Self = Self(0);

    /// The date of a moment.
    #[must_use]
    pub const fn of(at: Timestamp) -> Self {
        Self(at.day())
    }

    /// The given date, which is not checked.
    #[must_use]
    pub const fn new(year: i32, month: u8, day: u8) -> Self {
        Self::of(Timestamp::from_date(year, month, day))
    }

    /// 00:00 UTC of the date.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp::from_nanos(self.0 as i64 * NS_PER_DAY)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.start().date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = NotADate;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 10 {
            return Err(NotADate);
        }
        let mut moment = [0; 20];
        moment[..10].copy_from_slice(text.as_bytes());
        moment[10..].copy_from_slice(b"T00:00:00Z");
        Timestamp::parse_rfc3339(&moment).map(Self::of).ok_or(NotADate)
    }
}

impl TryFrom<String> for Date {
    type Error = NotADate;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_shown() {
        for text in ["1970-01-01", "2025-11-01", "2024-02-29"] {
            assert_eq!(text.parse::<Date>().expect("a date").to_string(), text);
        }
        for text in ["", "2025-11-1", "2025-13-01", "2023-02-29", "2025/11/01", "2025-11-01T", "æ025-11-0"] {
            assert_eq!(text.parse::<Date>(), Err(NotADate), "{text}");
        }
        assert_eq!(Date::new(2025, 11, 1).start(), Timestamp::from_secs(1_761_955_200));
        assert_eq!(Date::of(Timestamp::from_nanos(-1)).to_string(), "1969-12-31");
    }
}
