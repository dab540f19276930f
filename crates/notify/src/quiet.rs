//! The hours in which only what is urgent is told.

use core::time::Duration;

use jiff::civil::Time;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use types::Timestamp;
use types::time::{NS_PER_MIN, NS_PER_S};

const MIN_PER_DAY: u16 = 24 * 60;

/// From one time of the day to another, by the clocks on the owner's wall; over midnight where the first is later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    zone: TimeZone,
    /// Minutes after midnight.
    from: u16,
    to: u16,
}

/// Why hours or a zone cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotQuiet {
    /// Not a time of the day.
    #[error("`{0}` is not a time of the day such as 22:30")]
    Time(String),
    /// No such zone.
    #[error("`{0}` is no time zone: use an IANA name such as Europe/Berlin, or UTC")]
    Zone(String),
}

impl Quiet {
    /// Hours such as `22:30` to `07:00` in a zone such as `Europe/Berlin`.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn parse(from: &str, to: &str, zone: &str) -> Result<Self, NotQuiet> {
        Ok(Self { zone: time_zone(zone)?, from: minute(from)?, to: minute(to)? })
    }

    /// Whether it is quiet then. Hours that begin when they end are none.
    #[must_use]
    pub fn is_quiet(&self, at: Timestamp) -> bool {
        let now = self.minute_of(at);
        if self.from <= self.to { (self.from..self.to).contains(&now) } else { now >= self.from || now < self.to }
    }

    /// When it is not quiet any more: `at` itself where it is not quiet then. On a night in which clocks are changed the walls are
    /// right again.
    #[must_use]
    pub fn ends_at(&self, at: Timestamp) -> Timestamp {
        let mut at = at;
        // Twice where clocks go back or forward meanwhile; a third look is never needed.
        for _ in 0..4 {
            if !self.is_quiet(at) {
                break;
            }
            let left = (self.to + MIN_PER_DAY - self.minute_of(at)) % MIN_PER_DAY;
            // A step of clocks is at most the time that is left: half of it first where the end itself would be passed over.
            let end = at.floor_to(NS_PER_MIN).plus(Duration::from_secs(60 * u64::from(left.max(1))));
            let before = end.minus(Duration::from_secs(60));
            at = if self.is_quiet(before) { end } else { self.first_loud(at, end) };
        }
        at
    }

    /// Clocks went forward: the first minute after `from` that is not quiet.
    fn first_loud(&self, from: Timestamp, to: Timestamp) -> Timestamp {
        let minutes = to.since(from).as_secs() / 60 + 1;
        let start = from.floor_to(NS_PER_MIN);
        (1..=minutes)
            .map(|minute| start.plus(Duration::from_secs(60 * minute)))
            .find(|at| !self.is_quiet(*at))
            .unwrap_or(to)
    }

    fn minute_of(&self, at: Timestamp) -> u16 {
        let at = jiff::Timestamp::from_second(at.as_nanos().div_euclid(NS_PER_S)).unwrap_or_default();
        let local = self.zone.to_datetime(at);
        local.hour() as u16 * 60 + local.minute() as u16
    }
}

/// Minutes after midnight of `22:30`.
///
/// # Errors
/// A text that is no such time.
pub fn minute(text: &str) -> Result<u16, NotQuiet> {
    let is_shaped =
        text.len() == 5 && text.bytes().enumerate().all(|(n, b)| if n == 2 { b == b':' } else { b.is_ascii_digit() });
    let time = Time::strptime("%H:%M", text).ok().filter(|_| is_shaped);
    let time = time.ok_or_else(|| NotQuiet::Time(text.to_owned()))?;
    Ok(time.hour() as u16 * 60 + time.minute() as u16)
}

/// A zone of the database inside the program: the same everywhere.
///
/// # Errors
/// A name that the database lacks.
pub fn time_zone(name: &str) -> Result<TimeZone, NotQuiet> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZoneDatabase::bundled().get(name).map_err(|_| NotQuiet::Zone(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text.as_bytes()).expect("a time")
    }

    #[track_caller]
    fn check(quiet: &Quiet, now: &str, ends: &str) {
        assert_eq!(quiet.ends_at(at(now)), at(ends), "{now}");
        assert_eq!(quiet.is_quiet(at(now)), now != ends, "{now}");
    }

    #[test]
    fn nights_end_by_the_clocks_on_the_wall() {
        let night = Quiet::parse("22:30", "07:00", "Europe/Berlin").expect("hours");
        check(&night, "2026-01-05T12:00:00Z", "2026-01-05T12:00:00Z");
        check(&night, "2026-01-05T21:29:59Z", "2026-01-05T21:29:59Z");
        check(&night, "2026-01-05T21:30:00Z", "2026-01-06T06:00:00Z");
        check(&night, "2026-01-06T05:59:59Z", "2026-01-06T06:00:00Z");
        check(&night, "2026-07-05T21:00:00Z", "2026-07-06T05:00:00Z");
        // Clocks go forward on 29 March, back on 25 October.
        check(&night, "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z");
        check(&night, "2026-10-24T22:00:00Z", "2026-10-25T06:00:00Z");
        let noon = Quiet::parse("12:00", "14:00", "UTC").expect("hours");
        check(&noon, "2026-01-05T13:59:00Z", "2026-01-05T14:00:00Z");
        let never = Quiet::parse("12:00", "12:00", "UTC").expect("hours");
        check(&never, "2026-01-05T12:00:00Z", "2026-01-05T12:00:00Z");
        // An end in the hour that is left out.
        let gap = Quiet::parse("22:00", "02:30", "Europe/Berlin").expect("hours");
        check(&gap, "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z");
    }

    #[test]
    fn what_is_no_time_and_no_zone_is_told() {
        for wrong in ["", "7:00", "24:00", "12:60", "12-30", "12:30:00", "+1:30", " 1:30"] {
            assert_eq!(minute(wrong), Err(NotQuiet::Time(wrong.to_owned())), "{wrong}");
        }
        assert_eq!(Quiet::parse("22:00", "07:00", "Mars/Base").map(drop), Err(NotQuiet::Zone("Mars/Base".to_owned())));
    }

    proptest! {
        #[test]
        fn quiet_always_ends_within_a_day_and_is_over_then(
            from in 0u16..1_440, to in 0u16..1_440, at in 1_700_000_000i64..1_900_000_000,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
        ) {
            let quiet = Quiet { zone: time_zone(zone).expect("a zone"), from, to };
            let at = Timestamp::from_secs(at);
            let end = quiet.ends_at(at);
            prop_assert!(!quiet.is_quiet(end), "{at:?} to {end:?}");
            prop_assert!(end.since(at) <= Duration::from_secs(25 * 3_600 + 60));
            prop_assert!(end >= at);
            if end > at {
                prop_assert!(quiet.is_quiet(end.minus(Duration::from_secs(1))) );
            }
        }
    }
}
