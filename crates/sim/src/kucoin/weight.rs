//! Request weight in half a minute, counted from the first request of each.

use types::Timestamp;
use types::time::NS_PER_S;

use crate::request::Request;

const LIMIT: u32 = 2_000;
const WINDOW_NS: i64 = 30 * NS_PER_S;

/// The weight used by the one client there is.
#[derive(Debug)]
pub(super) struct Meter {
    ends_at: Timestamp,
    used: u32,
}

impl Default for Meter {
    fn default() -> Self {
        Self { ends_at: Timestamp::from_nanos(i64::MIN), used: 0 }
    }
}

/// What a request costs.
pub(super) fn of(request: &Request) -> u32 {
    let path = request.path.as_str();
    match path {
        "/api/v1/bullet-public" => 10,
        "/api/v1/market/orderbook/level1"
        | "/api/v1/market/orderbook/level2_20"
        | "/api/v1/market/orderbook/level2_100" => 2,
        _ if path.starts_with("/api/v2/symbols") => 4,
        _ => 3,
    }
}

impl Meter {
    /// Charges a request, if there is enough left.
    pub(super) fn charge(&mut self, at: Timestamp, weight: u32) -> bool {
        if at >= self.ends_at {
            (self.ends_at, self.used) = (Timestamp::from_nanos(at.as_nanos() + WINDOW_NS), 0);
        }
        let is_allowed = self.used + weight <= LIMIT;
        self.used += if is_allowed { weight } else { 0 };
        is_allowed
    }

    /// What is told with every answer: the limit, what is left, and the milliseconds until it is whole again.
    pub(super) fn headers(&self, at: Timestamp) -> [(&'static str, i64); 3] {
        let reset_ms = self.ends_at.since(at).as_millis() as i64;
        [
            ("gw-ratelimit-limit", LIMIT.into()),
            ("gw-ratelimit-remaining", (LIMIT - self.used).into()),
            ("gw-ratelimit-reset", reset_ms),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_begins_with_its_first_request() {
        let mut meter = Meter::default();
        let at = Timestamp::from_secs;
        assert!(meter.charge(at(10), 1_990));
        assert_eq!(meter.headers(at(11)).map(|(_, value)| value), [2_000, 10, 29_000]);
        assert!(!meter.charge(at(39), 11) && meter.charge(at(39), 10));
        assert!(meter.charge(at(40), 11));
    }
}
