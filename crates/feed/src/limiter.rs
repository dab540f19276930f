//! How much is asked of a venue, and how often.

use std::collections::VecDeque;
use std::time::Duration;

use types::{Timestamp, Venue};

use crate::session::Retry;

/// Longest pause that is made without a venue asking for one.
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// A ban (418) begins with two minutes (Binance.US, section 6.1).
const BAN_MIN: Duration = Duration::from_secs(120);

/// What a venue tolerates from one address. The defaults leave about half of what the venues state to others in the
/// same home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Weight of requests.
    pub requests: Rate,
    /// Least time between two requests.
    pub spacing: Duration,
    /// Requests without an answer at once.
    pub concurrent: usize,
    /// Attempts to make a WebSocket connection.
    pub connects: Rate,
    /// Pause after a refusal that does not say how long; doubles with each in a row.
    pub pause: Duration,
}

/// At most so much in any window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How much.
    pub most: u32,
    /// In which time, wherever it begins. Within a window counted from a fixed start it is no more either.
    pub window: Duration,
}

impl Limits {
    /// The defaults of a venue.
    #[must_use]
    pub fn of(venue: Venue) -> Self {
        let per = |most, seconds| Rate { most, window: Duration::from_secs(seconds) };
        match venue {
            // About one call a second; 150 connections in ten minutes (sections 2 and 7).
            Venue::Kraken => Self {
                requests: per(55, 60),
                spacing: Duration::from_millis(1_100),
                concurrent: 2,
                connects: per(75, 600),
                pause: Duration::from_secs(5),
            },
            // Half of the budget before the venue says otherwise; 300 connections in five minutes (sections 2 and 6.1).
            Venue::BinanceUs => Self {
                requests: per(600, 60),
                spacing: Duration::from_millis(250),
                concurrent: 4,
                connects: per(150, 300),
                pause: Duration::from_secs(60),
            },
            // Ten a second with bursts of fifteen; eight connections a second (sections 2 and 6).
            Venue::Coinbase => Self {
                requests: per(6, 1),
                spacing: Duration::from_millis(150),
                concurrent: 4,
                connects: per(4, 1),
                pause: Duration::from_secs(1),
            },
            // 2000 in 30 seconds; thirty connections a minute (sections 2.4 and 4).
            Venue::Kucoin => Self {
                requests: per(1_000, 30),
                spacing: Duration::from_millis(100),
                concurrent: 4,
                connects: per(15, 60),
                pause: Duration::from_secs(30),
            },
        }
    }
}

/// One venue's patience with us, shared by everything that asks something of it.
///
/// ```text
/// request_at(weight) ── wait ── make the request ── spend(at, weight) ── answered(at, status, retry_after)
/// ```
#[derive(Clone, Debug)]
pub struct Limiter {
    limits: Limits,
    requests: Window,
    connects: Window,
    last_request_at: Option<Timestamp>,
    blocked_until: Option<Timestamp>,
    connects_blocked_until: Option<Timestamp>,
    refusals: Retry,
}

impl Limiter {
    /// Nothing spent yet. `blocked_until` is the end of a ban that was spoken before.
    #[must_use]
    pub fn new(limits: Limits, blocked_until: Option<Timestamp>) -> Self {
        Self {
            limits,
            requests: Window { rate: limits.requests, spent: VecDeque::new() },
            connects: Window { rate: limits.connects, spent: VecDeque::new() },
            last_request_at: None,
            blocked_until,
            connects_blocked_until: None,
            refusals: Retry::pause(limits.pause, PAUSE_MAX),
        }
    }

    /// What it keeps to.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// When a request of this weight may be made; a time that is past means now.
    #[must_use]
    pub fn request_at(&self, weight: u32) -> Timestamp {
        let spaced = self.last_request_at.map_or(Timestamp::EPOCH, |last| last.plus(self.limits.spacing));
        let blocked = self.blocked_until.unwrap_or(Timestamp::EPOCH);
        self.requests.free_at(weight).max(spaced).max(blocked)
    }

    /// A request of this weight is made at `at`.
    pub fn spend(&mut self, at: Timestamp, weight: u32) {
        self.last_request_at = Some(at);
        self.requests.spend(at, weight);
    }

    /// When a connection may be attempted; a time that is past means now.
    #[must_use]
    pub fn connect_at(&self) -> Timestamp {
        self.connects.free_at(1).max(self.connects_blocked_until.unwrap_or(Timestamp::EPOCH))
    }

    /// A connection is attempted at `at`.
    pub fn connect(&mut self, at: Timestamp) {
        self.connects.spend(at, 1);
    }

    /// The venue answered a request with an HTTP status and, perhaps, a time for which it wants to hear nothing.
    pub fn answered(&mut self, at: Timestamp, status: u16, retry_after: Option<Duration>) {
        match (status, retry_after) {
            (200..=299, _) => self.refusals.reset(),
            (_, Some(pause)) => self.block_until(at.plus(pause)),
            (418, None) => {
                let until = self.refusals.failed(at).max(at.plus(BAN_MIN));
                self.block_until(until);
            }
            (403 | 429, None) => self.too_fast(at),
            _ => {}
        }
    }

    /// The venue answered the handshake of a connection with an HTTP status. What it does not want then it does not
    /// want as a request either.
    pub fn handshake_refused(&mut self, at: Timestamp, status: u16, retry_after: Option<Duration>) {
        self.answered(at, status, retry_after);
        if retry_after.is_some() || matches!(status, 403 | 418 | 429) {
            self.connects_blocked_until = self.connects_blocked_until.max(self.blocked_until);
        }
    }

    /// The venue said in a way of its own that it was asked too often.
    pub fn too_fast(&mut self, at: Timestamp) {
        let until = self.refusals.failed(at);
        self.block_until(until);
    }

    /// Nothing is asked before `until`.
    pub fn block_until(&mut self, until: Timestamp) {
        self.blocked_until = self.blocked_until.max(Some(until));
    }

    /// The venue's own word on the weight that may be spent in its window.
    pub fn allow(&mut self, weight: u32) {
        self.requests.rate.most = weight;
    }

    /// Until when the venue wanted nothing to be asked, as last said; it may be past.
    #[must_use]
    pub const fn blocked_until(&self) -> Option<Timestamp> {
        self.blocked_until
    }
}

/// What was spent of a rate.
#[derive(Clone, Debug)]
struct Window {
    rate: Rate,
    /// Oldest first; bounded by the rate, as nothing costs less than one.
    spent: VecDeque<(Timestamp, u32)>,
}

impl Window {
    /// When the spending leaves room for `weight`; more than the whole rate must wait until nothing is spent.
    fn free_at(&self, weight: u32) -> Timestamp {
        let most = u64::from(self.rate.most);
        let mut total =
            self.spent.iter().map(|(_, spent)| u64::from(*spent)).sum::<u64>() + u64::from(weight).min(most);
        let mut free_at = Timestamp::EPOCH;
        for (spent_at, spent) in &self.spent {
            if total <= most {
                break;
            }
            total -= u64::from(*spent);
            free_at = spent_at.plus(self.rate.window);
        }
        free_at
    }

    fn spend(&mut self, at: Timestamp, weight: u32) {
        while self.spent.front().is_some_and(|(spent_at, _)| spent_at.plus(self.rate.window) <= at) {
            self.spent.pop_front();
        }
        self.spent.push_back((at, weight.max(1)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn limits() -> Limits {
        let requests = Rate { most: 100, window: Duration::from_secs(60) };
        Limits { requests, spacing: Duration::from_secs(1), ..Limits::of(Venue::BinanceUs) }
    }

    fn limiter() -> Limiter {
        Limiter::new(limits(), None)
    }

    #[test]
    fn requests_are_spaced_and_the_weight_of_a_window_is_kept() {
        let mut limiter = limiter();
        assert_eq!(limiter.request_at(50), Timestamp::EPOCH);
        limiter.spend(s(100), 50);
        assert_eq!(limiter.request_at(50), s(101), "spaced");
        limiter.spend(s(110), 50);
        assert_eq!(limiter.request_at(50), s(160), "the first fifty are free again after a minute");
        assert_eq!(limiter.request_at(51), s(170));
        assert_eq!(limiter.request_at(1_000), s(170), "never is no answer");
        limiter.allow(150);
        assert_eq!(limiter.request_at(50), s(111));
    }

    #[test]
    fn refusals_stop_everything_for_as_long_as_they_say_or_longer_each_time() {
        let mut limiter = limiter();
        limiter.answered(s(100), 429, Some(Duration::from_secs(30)));
        assert_eq!((limiter.request_at(1), limiter.blocked_until()), (s(130), Some(s(130))));
        limiter.answered(s(200), 429, None);
        assert_eq!(limiter.request_at(1), s(260));
        limiter.answered(s(260), 403, None);
        assert_eq!(limiter.request_at(1), s(380), "doubled");
        limiter.answered(s(380), 200, None);
        limiter.answered(s(381), 418, None);
        assert_eq!(limiter.request_at(1), s(501), "a ban lasts two minutes at least");
        limiter.answered(s(400), 500, None);
        assert_eq!(limiter.request_at(1), s(501));
        limiter.answered(s(400), 503, Some(Duration::from_secs(500)));
        assert_eq!(limiter.request_at(1), s(900));
        assert_eq!(limiter.connect_at(), Timestamp::EPOCH, "connections were not refused");
    }

    #[test]
    fn a_refused_handshake_holds_back_connections_and_requests() {
        let mut limiter = limiter();
        limiter.handshake_refused(s(100), 503, None);
        assert_eq!(limiter.connect_at(), Timestamp::EPOCH);
        limiter.handshake_refused(s(100), 429, Some(Duration::from_secs(40)));
        assert_eq!((limiter.connect_at(), limiter.request_at(1)), (s(140), s(140)));
    }

    #[test]
    fn a_ban_from_before_the_start_is_kept() {
        let limiter = Limiter::new(limits(), Some(s(500)));
        assert_eq!((limiter.request_at(1), limiter.blocked_until()), (s(500), Some(s(500))));
    }

    proptest! {
        /// Whoever waits for `request_at` stays within the rate in every window.
        #[test]
        fn no_window_holds_more_than_the_rate(steps in prop::collection::vec((1u32..60, 0i64..20_000), 1..80)) {
            let mut limiter = limiter();
            let mut at = s(1_000);
            let mut made: Vec<(Timestamp, u32)> = Vec::new();
            for (weight, pause_ms) in steps {
                at = Timestamp::from_millis(at.as_millis() + pause_ms).max(limiter.request_at(weight));
                limiter.spend(at, weight);
                made.push((at, weight));
            }
            for (start, _) in &made {
                let end = start.plus(limits().requests.window);
                let spent: u32 = made.iter().filter(|(at, _)| at >= start && *at < end).map(|(_, weight)| weight).sum();
                prop_assert!(spent <= limits().requests.most, "{spent} from {start}");
            }
            prop_assert!(limiter.requests.spent.len() <= 100);
        }
    }
}
