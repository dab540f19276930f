//! Local times of files to UTC. The time zone database is part of the program.

use core::fmt;
use core::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use types::Timestamp;

/// The zone in which a file tells its times: an IANA name (`America/New_York`), an offset that holds all year (`-04:00`),
/// or `UTC`. Never guessed: files do not say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

/// A text that is neither the name of a time zone nor an offset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time zone: use an IANA name such as America/New_York, an offset such as -04:00, or UTC")]
pub struct NotAZone(String);

/// The order of numbers in dates such as `03/04/2022`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// Day, month, year.
    DayFirst,
    /// Month, day, year.
    MonthFirst,
}

/// A text that is not an order of dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not dmy or mdy")]
pub struct NotADateOrder;

/// Why a local time is not one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// Clocks went forward over it; it was read as if they had not.
    Gap,
    /// Clocks went back over it; the later of the two was taken, so that nothing is known too early.
    Fold,
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { zone: TimeZone::UTC, name: "UTC".to_owned() }
    }

    /// An IANA time zone that is known to exist.
    pub(crate) fn known(name: &'static str) -> Self {
        name.parse().expect("a zone of the database")
    }

    /// The moment of a local time; `None` outside the years that a [`Timestamp`] can tell.
    #[must_use]
    pub fn moment(&self, local: DateTime) -> Option<(Timestamp, Option<Shift>)> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let (moment, shift) = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => (ambiguous.compatible(), None),
            AmbiguousOffset::Gap { .. } => (ambiguous.compatible(), Some(Shift::Gap)),
            AmbiguousOffset::Fold { .. } => (ambiguous.later(), Some(Shift::Fold)),
        };
        Some((timestamp(moment.ok()?)?, shift))
    }

    /// The local time of a moment.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> DateTime {
        let at = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or_default();
        self.zone.to_datetime(at)
    }
}

/// A moment of the time library; `None` outside the years that a [`Timestamp`] can tell.
pub(crate) fn timestamp(moment: jiff::Timestamp) -> Option<Timestamp> {
    i64::try_from(moment.as_nanosecond()).ok().map(Timestamp::from_nanos)
}

/// Reads ISO 8601 with an offset or `Z`; `None` for a text that is no such time, one without a zone above all.
#[must_use]
pub fn instant(text: &str) -> Option<Timestamp> {
    timestamp(text.trim().parse().ok()?)
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Zone {
    type Err = NotAZone;

    fn from_str(text: &str) -> Result<Self, NotAZone> {
        let name = text.trim();
        if name.eq_ignore_ascii_case("utc") || name == "Z" {
            return Ok(Self::utc());
        }
        if let Some(offset) = offset(name) {
            return Ok(Self { zone: TimeZone::fixed(offset), name: name.to_owned() });
        }
        // Only the database inside the program: the same file gives the same times on every machine.
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) => Ok(Self { name: zone.iana_name().unwrap_or(name).to_owned(), zone }),
            Err(_) => Err(NotAZone(text.to_owned())),
        }
    }
}

/// `-04:00`, `+0530`, `-4`, with or without `UTC` before it.
fn offset(text: &str) -> Option<Offset> {
    let text = text.strip_prefix("UTC").unwrap_or(text);
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-" | "\u{2212}", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let number = |text: &str| -> Option<i32> {
        if text.is_empty() || text.len() > 2 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        text.parse().ok()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (3_600 * hours + 60 * minutes)).ok()
}

impl FromStr for DateOrder {
    type Err = NotADateOrder;
    fn from_str(text: &str) -> Result<Self, NotADateOrder> {
        match text {
            "dmy" => Ok(Self::DayFirst),
            "mdy" => Ok(Self::MonthFirst),
            _ => Err(NotADateOrder),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[track_caller]
    fn check(zone: &str, local: DateTime, utc: &str, shift: Option<Shift>) {
        let zone: Zone = zone.parse().expect("a zone");
        let (at, found) = zone.moment(local).expect("in range");
        assert_eq!((at.to_string().as_str(), found), (utc, shift), "{zone} {local}");
    }

    #[test]
    fn local_times_become_utc_across_the_change_of_clocks() {
        let new_york = "America/New_York";
        check(new_york, date(2022, 3, 10).at(8, 30, 0, 0), "2022-03-10T13:30:00.000Z", None);
        check(new_york, date(2022, 4, 12).at(8, 30, 0, 0), "2022-04-12T12:30:00.000Z", None);
        check(new_york, date(2022, 3, 13).at(2, 30, 0, 0), "2022-03-13T07:30:00.000Z", Some(Shift::Gap));
        check(new_york, date(2022, 11, 6).at(1, 30, 0, 0), "2022-11-06T06:30:00.000Z", Some(Shift::Fold));
        check("-04:00", date(2022, 1, 12).at(9, 30, 0, 0), "2022-01-12T13:30:00.000Z", None);
        check("+0530", date(2022, 1, 12).at(9, 30, 0, 0), "2022-01-12T04:00:00.000Z", None);
        check("UTC-4", date(2022, 1, 12).at(9, 30, 0, 0), "2022-01-12T13:30:00.000Z", None);
        check("utc", date(2022, 1, 12).at(9, 30, 0, 0), "2022-01-12T09:30:00.000Z", None);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for text in ["", "ET", "America/Nowhere", "+25:00", "-4:60", "04:00", "-", "+1:2:3", "−"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
        assert_eq!(Zone::utc().moment(date(9000, 1, 1).at(0, 0, 0, 0)), None);
    }

    #[test]
    fn moments_need_an_offset() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(instant(text).map(|at| at.to_string()).as_deref(), expected, "{text}");
        };
        check("2026-07-01T08:15:00-04:00", Some("2026-07-01T12:15:00.000Z"));
        check("2025-10-31T18:09:12.335Z", Some("2025-10-31T18:09:12.335Z"));
        check("2007-01-01T04:30:00+03:30", Some("2007-01-01T01:00:00.000Z"));
        check("2026-07-01T08:15:00", None);
        check("2026-07-01", None);
    }
}
