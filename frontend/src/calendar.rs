//! Dates and times of day from milliseconds UTC and the browser's offset.

/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// The zone times are shown in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Minutes to add to UTC.
    pub offset_min: i32,
}

impl Zone {
    /// `at_ms` shifted so that its UTC fields read as local ones.
    #[must_use]
    pub const fn local_ms(self, at_ms: i64) -> i64 {
        at_ms.saturating_add(self.offset_min as i64 * MINUTE_MS)
    }

    /// `22:41`.
    #[must_use]
    pub fn clock(self, at_ms: i64) -> String {
        let minutes = self.local_ms(at_ms).rem_euclid(DAY_MS) / MINUTE_MS;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// `22:41:07`.
    #[must_use]
    pub fn clock_seconds(self, at_ms: i64) -> String {
        format!("{}:{:02}", self.clock(at_ms), self.local_ms(at_ms).rem_euclid(MINUTE_MS) / 1_000)
    }

    /// `20 Nov`.
    #[must_use]
    pub fn date(self, at_ms: i64) -> String {
        let (_, month, day) = civil(self.local_ms(at_ms).div_euclid(DAY_MS));
        format!("{day} {}", MONTHS[month - 1])
    }

    /// `Fri 20 Nov`.
    #[must_use]
    pub fn weekday_date(self, at_ms: i64) -> String {
        let day = self.local_ms(at_ms).div_euclid(DAY_MS);
        format!("{} {}", WEEKDAYS[day.rem_euclid(7) as usize], self.date(at_ms))
    }

    /// `UTC`, `UTC+1`, `UTC−3:30`.
    #[must_use]
    pub fn name(self) -> String {
        let (hours, minutes) = (self.offset_min.unsigned_abs() / 60, self.offset_min.unsigned_abs() % 60);
        let sign = if self.offset_min < 0 { crate::format::MINUS } else { '+' };
        match (self.offset_min, minutes) {
            (0, _) => "UTC".into(),
            (_, 0) => format!("UTC{sign}{hours}"),
            _ => format!("UTC{sign}{hours}:{minutes:02}"),
        }
    }
}

/// Year, month (1 to 12) and day of month of a count of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last one (Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
#[must_use]
pub fn civil(days: i64) -> (i64, usize, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THURSDAY_MS: i64 = 1_763_674_867_000; // 2025-11-20T21:41:07Z

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_412), (2025, 11, 20));
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = civil(-200_000);
        for days in -199_999..200_000 {
            let day = civil(days);
            let next_day = (before.0, before.1, before.2 + 1);
            let next_month = (before.0, before.1 + 1, 1);
            let next_year = (before.0 + 1, 1, 1);
            assert!(day == next_day || day == next_month || day == next_year, "{before:?} then {day:?}");
            before = day;
        }
    }

    #[test]
    fn times_are_shown_in_the_zone() {
        let zone = Zone { offset_min: 60 };
        assert_eq!(zone.clock_seconds(THURSDAY_MS), "22:41:07");
        assert_eq!(Zone { offset_min: -210 }.clock(THURSDAY_MS), "18:11");
        assert_eq!(Zone { offset_min: 180 }.weekday_date(THURSDAY_MS), "Fri 21 Nov");
        assert_eq!(Zone::default().weekday_date(THURSDAY_MS), "Thu 20 Nov");
        assert_eq!(Zone::default().clock(-1), "23:59");
    }

    #[test]
    fn zones_have_names() {
        assert_eq!(Zone::default().name(), "UTC");
        assert_eq!(Zone { offset_min: 60 }.name(), "UTC+1");
        assert_eq!(Zone { offset_min: -210 }.name(), "UTC\u{2212}3:30");
    }
}
