//! Request weight a minute: 429 when it is used up, 418 for who goes on regardless.

use types::Timestamp;
use types::time::{NS_PER_MIN, NS_PER_S};

use crate::frame::HttpAnswer;

/// Requests answered with 429 in a row before the ban.
const PATIENCE: u32 = 10;
/// The first ban, seconds; each further one is twice as long, up to the longest.
const BAN_FIRST_S: i64 = 120;
const BAN_LONGEST_S: i64 = 3 * 86_400;

/// The weight used in the current minute by the one client there is.
#[derive(Debug)]
pub(super) struct Meter {
    limit: u32,
    minute: Timestamp,
    used: u32,
    refused: u32,
    ban_s: i64,
    banned_until: Timestamp,
}

/// A request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    SlowDown { limit: u32, retry_after_s: i64 },
    Banned { until: Timestamp, retry_after_s: i64 },
}

impl Meter {
    pub(super) fn new(limit: u32) -> Self {
        let banned_until = Timestamp::from_nanos(i64::MIN);
        Self { limit, minute: Timestamp::EPOCH, used: 0, refused: 0, ban_s: BAN_FIRST_S, banned_until }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Charges a request; tells the weight used in this minute.
    pub(super) fn charge(&mut self, at: Timestamp, weight: u32) -> Result<u32, Limited> {
        let minute = at.floor_to(NS_PER_MIN);
        if minute != self.minute {
            (self.minute, self.used, self.refused) = (minute, 0, 0);
        }
        if at < self.banned_until {
            return Err(self.banned(at));
        }
        if self.used.saturating_add(weight) <= self.limit {
            self.used += weight;
            return Ok(self.used);
        }
        self.refused += 1;
        if self.refused > PATIENCE {
            self.banned_until = Timestamp::from_nanos(at.as_nanos() + self.ban_s * NS_PER_S);
            self.ban_s = (self.ban_s * 2).min(BAN_LONGEST_S);
            return Err(self.banned(at));
        }
        let minute_end = Timestamp::from_nanos(minute.as_nanos() + NS_PER_MIN);
        Err(Limited::SlowDown { limit: self.limit, retry_after_s: seconds_until(at, minute_end) })
    }

    fn banned(&self, at: Timestamp) -> Limited {
        Limited::Banned { until: self.banned_until, retry_after_s: seconds_until(at, self.banned_until) }
    }
}

/// Whole seconds, rounded up.
fn seconds_until(at: Timestamp, end: Timestamp) -> i64 {
    (end.as_nanos() - at.as_nanos() + NS_PER_S - 1) / NS_PER_S
}

impl Limited {
    pub(super) fn answer(self) -> HttpAnswer {
        let (status, retry_after_s, message) = match self {
            Self::SlowDown { limit, retry_after_s } => (
                429,
                retry_after_s,
                format!("Too many requests; current limit is {limit} request weight per 1 MINUTE."),
            ),
            Self::Banned { until, retry_after_s } => {
                (418, retry_after_s, format!("Way too many requests; IP banned until {}.", until.as_millis()))
            }
        };
        HttpAnswer::json(status, format!(r#"{{"code":-1003,"msg":"{message}"}}"#))
            .with_header("Retry-After", retry_after_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_a_minutes_and_abuse_is_banned() {
        let mut meter = Meter::new(10);
        let at = Timestamp::from_secs;
        assert_eq!(meter.charge(at(61), 6), Ok(6));
        assert_eq!(meter.charge(at(62), 4), Ok(10));
        assert_eq!(meter.charge(at(63), 1), Err(Limited::SlowDown { limit: 10, retry_after_s: 57 }));
        assert_eq!(meter.charge(at(120), 1), Ok(1));
        for _ in 0..PATIENCE {
            assert!(matches!(meter.charge(at(121), 10), Err(Limited::SlowDown { .. })));
        }
        assert!(matches!(meter.charge(at(121), 10), Err(Limited::Banned { retry_after_s: 120, .. })));
        assert!(matches!(meter.charge(at(240), 1), Err(Limited::Banned { retry_after_s: 1, .. })));
        assert_eq!(meter.charge(at(241), 1), Ok(1));
    }
}
