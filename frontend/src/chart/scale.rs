//! Scales and their ticks.

use crate::calendar::{DAY_MS, MINUTE_MS, Zone};

/// A straight map from values to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// First and last value.
    pub domain: (f64, f64),
    /// Pixels of the first and of the last value.
    pub range: (f64, f64),
}

impl Linear {
    /// The pixel of a value. An empty domain maps to the middle.
    #[must_use]
    pub fn at(self, value: f64) -> f64 {
        let (from, to) = self.domain;
        let share = (value - from) / (to - from);
        let share = if share.is_finite() { share } else { 0.5 };
        self.range.0 + share * (self.range.1 - self.range.0)
    }

    /// The value at a pixel.
    #[must_use]
    pub fn value(self, pixel: f64) -> f64 {
        let (from, to) = self.range;
        let share = (pixel - from) / (to - from);
        let share = if share.is_finite() { share } else { 0.5 };
        self.domain.0 + share * (self.domain.1 - self.domain.0)
    }
}

/// The smallest of 1, 2, 5 x 10^n that cuts `span` in at most `count` steps.
#[must_use]
pub fn nice_step(span: f64, count: usize) -> f64 {
    let raw = span / count.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return 1.0;
    }
    let magnitude = 10f64.powi(crate::format::magnitude(raw));
    // The tolerance keeps 2.0000000001 from becoming 5.
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|n| n * magnitude)
        .find(|step| *step >= raw * (1.0 - 1e-9))
        .unwrap_or(10.0 * magnitude)
}

/// Round values between `low` and `high`, at most about `count`, never closer than `step_min`.
#[must_use]
pub fn ticks(low: f64, high: f64, count: usize, step_min: f64) -> Vec<f64> {
    if !(high > low && low.is_finite() && high.is_finite()) {
        return Vec::new();
    }
    let step = nice_step(high - low, count).max(step_min);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).take(count + 2).map(|n| n as f64 * step).collect()
}

/// A mark on the time axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeTick {
    /// When.
    pub at_ms: i64,
    /// True at local midnight, where the date is told instead of the time.
    pub is_day: bool,
}

/// Steps of the time axis, minutes.
const TIME_STEPS_MIN: [i64; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1_440, 2_880];

/// Round local times between two moments, at most `count`.
#[must_use]
pub fn time_ticks(from_ms: i64, to_ms: i64, count: usize, zone: Zone) -> Vec<TimeTick> {
    let span_ms = to_ms.saturating_sub(from_ms);
    if span_ms <= 0 || count == 0 {
        return Vec::new();
    }
    let fits = |step: &&i64| span_ms / (**step * MINUTE_MS) < count as i64;
    let widest = span_ms / count as i64 / DAY_MS + 1;
    let step_ms = TIME_STEPS_MIN.iter().find(fits).map_or(widest * DAY_MS, |step| step * MINUTE_MS);
    let offset_ms = zone.local_ms(0);
    let first = (from_ms + offset_ms).div_euclid(step_ms) + 1;
    let last = (to_ms + offset_ms).div_euclid(step_ms);
    let tick = |n: i64| TimeTick { at_ms: n * step_ms - offset_ms, is_day: (n * step_ms).rem_euclid(DAY_MS) == 0 };
    (first..=last).map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_map_both_ways() {
        let scale = Linear { domain: (100.0, 200.0), range: (50.0, 0.0) };
        assert!((scale.at(150.0) - 25.0).abs() < 1e-12);
        assert!((scale.value(scale.at(173.0)) - 173.0).abs() < 1e-9);
        let empty = Linear { domain: (7.0, 7.0), range: (0.0, 10.0) };
        assert!((empty.at(7.0) - 5.0).abs() < 1e-12);
    }

    #[track_caller]
    fn check(low: f64, high: f64, count: usize, step_min: f64, expected: &[f64]) {
        let got = ticks(low, high, count, step_min);
        assert_eq!(got.len(), expected.len(), "{got:?}");
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{got:?}");
    }

    #[test]
    fn ticks_are_round_and_within() {
        check(91.0, 109.0, 5, 0.0, &[95.0, 100.0, 105.0]);
        check(0.0, 1.0, 5, 0.0, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        check(10.2, 13.9, 20, 1.0, &[11.0, 12.0, 13.0]);
        check(-3.0, 3.0, 3, 0.0, &[-2.0, 0.0, 2.0]);
        check(5.0, 5.0, 5, 0.0, &[]);
        check(f64::NAN, 5.0, 5, 0.0, &[]);
        check(f64::NEG_INFINITY, 5.0, 5, 0.0, &[]);
    }

    #[test]
    fn ticks_are_never_more_than_asked_for() {
        for n in 1..2_000 {
            let (low, high) = (f64::from(n) * 0.37, f64::from(n) * 0.37 + f64::from(n * n) * 1e-3);
            assert!(ticks(low, high, 6, 0.0).len() <= 7, "{low} to {high}");
        }
    }

    #[test]
    fn times_are_round_in_the_zone() {
        let zone = Zone { offset_min: 330 };
        let ticks = time_ticks(0, 6 * 3_600_000, 8, zone);
        assert_eq!(
            ticks.iter().map(|t| zone.clock(t.at_ms)).collect::<Vec<_>>(),
            ["06:00", "07:00", "08:00", "09:00", "10:00", "11:00"]
        );
        let midnight = time_ticks(17 * 3_600_000, 20 * 3_600_000, 4, zone);
        assert_eq!(
            midnight.iter().map(|t| (zone.clock(t.at_ms), t.is_day)).collect::<Vec<_>>()[1],
            ("00:00".into(), true)
        );
    }

    #[test]
    fn time_ticks_are_bounded() {
        assert_eq!(time_ticks(5, 5, 8, Zone::default()), []);
        assert_eq!(time_ticks(0, 1, 0, Zone::default()), []);
        for days in 1..900 {
            let count = time_ticks(0, days * DAY_MS, 6, Zone::default()).len();
            assert!((1..=7).contains(&count), "{days} days gave {count}");
        }
    }
}
