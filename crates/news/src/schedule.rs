//! When to ask a source again, with what, and when to stop: decided from the answers, in whatever time it is told.
//!
//! ```text
//! due ── request ──► answered: 200, 304 ─────────► due after the interval, ttl and max-age, whichever is longest
//!                    301, 308 ───────────────────► due at once at the new address, five times in a row at most
//!                    429, 503 ───────────────────► due after Retry-After, or backing off
//!                    5xx, other 4xx, no answer ──► due, backing off: the interval doubled each time, six hours at most
//!                    410, a key that is refused ─► stopped until somebody acts
//! ```
//!
//! Whatever a source asks for, it is not asked more often than once in [`INTERVAL_MIN`] and within its budget of requests of a UTC
//! day. A [`Schedule`] is what has to be kept to go on after a restart as if there had been none.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;
use types::time::NS_PER_DAY;
use url::Url;

/// No source is asked more often.
pub const INTERVAL_MIN: Duration = Duration::from_secs(60);
/// Longest time that a source can ask to be left alone, or that failures add up to.
pub const WAIT_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Moves in a row after which a source is left alone for a while.
const MOVES_MAX: u32 = 5;

/// How often a source may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// From one request to the next when all goes well; [`INTERVAL_MIN`] where it is less.
    pub interval: Duration,
    /// Requests of a UTC day.
    pub daily_max: Option<u32>,
}

impl Pace {
    /// RSS and Atom: every 5 minutes.
    pub const FEED: Self = Self { interval: Duration::from_secs(300), daily_max: None };
    /// NewsAPI's developer plan: 100 requests a day; every 20 minutes they last for all of it.
    pub const NEWSAPI: Self = Self { interval: Duration::from_secs(1_200), daily_max: Some(100) };
    /// Archives of posts are tens of megabytes: every 10 minutes.
    pub const POSTS_ARCHIVE: Self = Self { interval: Duration::from_secs(600), daily_max: None };
    /// The calendar of a week: every 6 hours.
    pub const CALENDAR: Self = Self { interval: Duration::from_secs(6 * 3_600), daily_max: None };
}

/// One source: what is known of it between requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pace: Pace,
    address: String,
    etag: Option<String>,
    last_modified: Option<String>,
    due_at: Timestamp,
    /// Failures in a row.
    failures: u32,
    /// Moves in a row.
    moves: u32,
    /// The UTC day that is counted, and its requests.
    day: i32,
    requests: u32,
    stopped: Option<Stop>,
}

/// Why a source is not asked any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It says that it is gone for good.
    Gone,
    /// It refuses the key, in its own words.
    Refused(String),
}

/// What to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub address: String,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<String>,
}

/// What a source answered: its status, its headers as far as they matter here, and what was found in its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// `ETag`.
    pub etag: Option<&'a str>,
    /// `Last-Modified`.
    pub last_modified: Option<&'a str>,
    /// `Cache-Control`.
    pub cache_control: Option<&'a str>,
    /// `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// `Location`.
    pub location: Option<&'a str>,
    /// `<ttl>` of a feed.
    pub ttl: Option<Duration>,
    /// The body could not be read though the status is 200: a web page, half of it.
    pub is_unreadable: bool,
    /// The service's own error, where asking again cannot help before somebody acts.
    pub permanent_error: Option<&'a str>,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The body is new.
    Read,
    /// Nothing has changed.
    Unchanged,
    /// The source has another address now.
    Moved,
    /// Nothing came; it is asked again later.
    Wait,
    /// Nothing will come until somebody acts.
    Stopped,
}

impl Schedule {
    /// A source that is due at once.
    #[must_use]
    pub fn new(address: &str, pace: Pace, at: Timestamp) -> Self {
        Self {
            pace,
            address: address.to_owned(),
            etag: None,
            last_modified: None,
            due_at: at,
            failures: 0,
            moves: 0,
            day: at.day(),
            requests: 0,
            stopped: None,
        }
    }

    /// When the source is to be asked; `None` once it is stopped.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        if self.stopped.is_some() {
            return None;
        }
        let is_spent = self.pace.daily_max.is_some_and(|max| self.requests >= max);
        let next_day = Timestamp::from_nanos((i64::from(self.day) + 1).saturating_mul(NS_PER_DAY));
        Some(if is_spent { self.due_at.max(next_day) } else { self.due_at })
    }

    /// Why the source is not asked any more.
    #[must_use]
    pub const fn stopped(&self) -> Option<&Stop> {
        self.stopped.as_ref()
    }

    /// Where the source is now.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Somebody has acted: a stopped source is due again.
    pub fn resume(&mut self, at: Timestamp) {
        if self.stopped.take().is_some() {
            (self.due_at, self.failures, self.moves) = (at, 0, 0);
        }
    }

    /// What to ask now; `None` while the source is not due. It counts as asked, and is due again after its interval should no answer
    /// ever be told.
    pub fn request(&mut self, at: Timestamp) -> Option<Request> {
        // A clock that goes back gives no new budget.
        if at.day() > self.day {
            (self.day, self.requests) = (at.day(), 0);
        }
        if self.due_at().is_none_or(|due_at| due_at > at) {
            return None;
        }
        self.requests += 1;
        self.due_at = at.plus(self.interval());
        Some(Request {
            address: self.address.clone(),
            if_none_match: self.etag.clone(),
            if_modified_since: self.last_modified.clone(),
        })
    }

    /// Takes an answer in.
    pub fn answered(&mut self, at: Timestamp, answer: &Answer<'_>) -> Outcome {
        if let Some(words) = answer.permanent_error {
            self.stopped = Some(Stop::Refused(words.chars().take(300).collect()));
            return Outcome::Stopped;
        }
        match answer.status {
            200 if answer.is_unreadable => self.back_off(at, None),
            200 | 304 => {
                if answer.status == 200 {
                    let short = |text: &str| Some(text.to_owned()).filter(|text| text.len() <= 1_024);
                    self.etag = answer.etag.and_then(short);
                    self.last_modified = answer.last_modified.and_then(short);
                }
                (self.failures, self.moves) = (0, 0);
                let asked = answer.ttl.into_iter().chain(answer.cache_control.and_then(max_age)).max();
                let wait = self.interval().max(asked.unwrap_or_default().min(WAIT_MAX));
                self.due_at = at.plus(wait);
                if answer.status == 200 { Outcome::Read } else { Outcome::Unchanged }
            }
            301 | 308 => self.moved(at, answer.location),
            410 => {
                self.stopped = Some(Stop::Gone);
                Outcome::Stopped
            }
            429 | 503 => self.back_off(at, answer.retry_after.and_then(|text| retry_after(text, at))),
            _ => self.back_off(at, None),
        }
    }

    /// No answer came.
    pub fn failed(&mut self, at: Timestamp) -> Outcome {
        self.back_off(at, None)
    }

    fn interval(&self) -> Duration {
        self.pace.interval.max(INTERVAL_MIN)
    }

    fn back_off(&mut self, at: Timestamp, told: Option<Duration>) -> Outcome {
        self.failures = self.failures.saturating_add(1);
        let doubled = self.interval().saturating_mul(1 << self.failures.min(10));
        let wait = told.unwrap_or(doubled).min(WAIT_MAX).max(self.interval());
        self.due_at = at.plus(wait);
        Outcome::Wait
    }

    /// A source that moves is asked at its new place at once; one that only sends around is left alone for a while. From an encrypted
    /// address it is not followed to one that is not.
    fn moved(&mut self, at: Timestamp, location: Option<&str>) -> Outcome {
        let old = Url::parse(&self.address).ok();
        let new = location.and_then(|location| match &old {
            Some(old) => old.join(location).ok(),
            None => Url::parse(location).ok(),
        });
        let was_encrypted = old.as_ref().is_some_and(|old| old.scheme() == "https");
        let is_usable = |new: &Url| {
            let scheme = new.scheme();
            new.as_str().len() <= crate::link::URL_BYTES_MAX
                && (scheme == "https" || (scheme == "http" && !was_encrypted))
        };
        self.moves += 1;
        match new.filter(is_usable) {
            Some(new) if self.moves <= MOVES_MAX => {
                self.address = new.into();
                (self.etag, self.last_modified, self.due_at) = (None, None, at);
                Outcome::Moved
            }
            _ => {
                self.moves = 0;
                self.back_off(at, None)
            }
        }
    }
}

/// `max-age` of a `Cache-Control` header.
fn max_age(header: &str) -> Option<Duration> {
    let told = header.split(',').find_map(|part| part.trim().strip_prefix("max-age="))?;
    told.trim_matches('"').parse().ok().map(Duration::from_secs)
}

/// `Retry-After`: seconds, or a date.
fn retry_after(header: &str, at: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let of_date = || {
        let date = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
        crate::zone::timestamp(date).map(|date| date.since(at))
    };
    header.parse().ok().map(Duration::from_secs).or_else(of_date)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Timestamp {
        Timestamp::parse_rfc3339(b"2026-01-05T10:00:00Z").expect("a time")
    }

    fn after(seconds: u64) -> Timestamp {
        start().plus(Duration::from_secs(seconds))
    }

    fn ok<'a>() -> Answer<'a> {
        Answer { status: 200, ..Answer::default() }
    }

    #[track_caller]
    fn due(schedule: &Schedule, seconds: u64) {
        assert_eq!(schedule.due_at(), Some(after(seconds)));
    }

    #[test]
    fn a_feed_is_asked_with_what_it_said_last() {
        let mut feed = Schedule::new("https://x.org/feed", Pace::FEED, start());
        let request = feed.request(start()).expect("due");
        assert_eq!((request.if_none_match, request.if_modified_since), (None, None));
        assert_eq!(feed.request(start()), None, "asked already");
        let date = "Mon, 05 Jan 2026 09:00:00 GMT";
        let answer =
            Answer { etag: Some("\"1\""), last_modified: Some(date), ttl: Some(Duration::from_secs(900)), ..ok() };
        assert_eq!(feed.answered(after(1), &answer), Outcome::Read);
        due(&feed, 901);
        let request = feed.request(after(901)).expect("due");
        assert_eq!(
            (request.if_none_match.as_deref(), request.if_modified_since.as_deref()),
            (Some("\"1\""), Some(date))
        );
        assert_eq!(feed.answered(after(902), &Answer { status: 304, ..ok() }), Outcome::Unchanged);
        due(&feed, 1_202);
        let cached = Answer { cache_control: Some("public, max-age=1800"), ..ok() };
        assert_eq!(feed.answered(after(1_202), &cached), Outcome::Read);
        due(&feed, 3_002);
        let forever = Answer { cache_control: Some("max-age=99999999999"), ..ok() };
        feed.answered(after(3_002), &forever);
        due(&feed, 3_002 + WAIT_MAX.as_secs());
    }

    #[test]
    fn who_asks_to_wait_is_left_alone() {
        let mut feed = Schedule::new("https://x.org/feed", Pace::FEED, start());
        let busy = |retry_after| Answer { status: 429, retry_after, ..Answer::default() };
        assert_eq!(feed.answered(start(), &busy(Some("1200"))), Outcome::Wait);
        due(&feed, 1_200);
        feed.answered(start(), &busy(Some("1")));
        due(&feed, 300);
        feed.answered(start(), &busy(Some("Mon, 05 Jan 2026 10:30:00 GMT")));
        due(&feed, 1_800);
        feed.answered(start(), &ok());
        let waits: Vec<u64> = (0..9)
            .map(|_| {
                feed.answered(start(), &busy(None));
                feed.due_at().expect("not stopped").since(start()).as_secs()
            })
            .collect();
        assert_eq!(waits, [600, 1_200, 2_400, 4_800, 9_600, 19_200, 21_600, 21_600, 21_600]);
        feed.answered(start(), &ok());
        due(&feed, 300);
        assert_eq!(feed.answered(start(), &Answer { is_unreadable: true, ..ok() }), Outcome::Wait);
        due(&feed, 600);
        assert_eq!(feed.failed(start()), Outcome::Wait);
        due(&feed, 1_200);
    }

    #[test]
    fn moves_are_followed_and_circles_are_not() {
        let mut feed = Schedule::new("https://x.org/feed", Pace::FEED, start());
        let moved = |location| Answer { status: 301, location: Some(location), ..Answer::default() };
        feed.answered(start(), &Answer { etag: Some("1"), ..ok() });
        assert_eq!(feed.answered(start(), &moved("/new")), Outcome::Moved);
        assert_eq!((feed.address(), feed.due_at()), ("https://x.org/new", Some(start())));
        assert_eq!(feed.request(start()).expect("due").if_none_match, None, "another place has other tags");
        assert_eq!(feed.answered(start(), &moved("http://x.org/plain")), Outcome::Wait);
        assert_eq!(feed.answered(start(), &moved("file:///etc/passwd")), Outcome::Wait);
        assert_eq!(feed.address(), "https://x.org/new");
        feed.answered(start(), &ok());
        let outcomes: Vec<Outcome> = (0..6).map(|_| feed.answered(start(), &moved("/round"))).collect();
        assert_eq!(outcomes[4..], [Outcome::Moved, Outcome::Wait]);
        assert_eq!(feed.answered(start(), &Answer { status: 410, ..ok() }), Outcome::Stopped);
        assert_eq!(feed.request(after(99_999)), None);
        assert_eq!((feed.due_at(), feed.stopped()), (None, Some(&Stop::Gone)));
        feed.resume(after(5));
        due(&feed, 5);
    }

    #[test]
    fn a_refused_key_stops_and_the_budget_outlives_a_restart() {
        let mut api = Schedule::new("https://newsapi.org/v2/everything", Pace::NEWSAPI, start());
        let mut asked = 0;
        let mut at = start();
        // Fourteen hours are left of the day; a request every minute would spend the budget before.
        api.pace.interval = INTERVAL_MIN;
        while at.day() == start().day() {
            if api.request(at).is_some() {
                asked += 1;
                api.answered(at, &ok());
                let kept = postcard::to_allocvec(&api).expect("it encodes");
                api = postcard::from_bytes(&kept).expect("own bytes");
            }
            at = at.plus(Duration::from_secs(30));
        }
        assert_eq!(asked, 100);
        let midnight = Timestamp::parse_rfc3339(b"2026-01-06T00:00:00Z").expect("a time");
        assert_eq!(api.due_at(), Some(midnight));
        assert!(api.request(midnight).is_some());
        assert!(api.request(start()).is_none(), "a clock that goes back gives no new budget");
        let refused = Answer { status: 401, permanent_error: Some("apiKeyInvalid: no such key"), ..Answer::default() };
        assert_eq!(api.answered(midnight, &refused), Outcome::Stopped);
        assert_eq!(api.stopped(), Some(&Stop::Refused("apiKeyInvalid: no such key".to_owned())));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever a source answers: never more than its budget in a day, and but for moves never sooner than the shortest interval.
        #[test]
        fn no_answer_makes_it_hurry(answers in prop::collection::vec((prop::sample::select(vec![200u16, 304, 301, 308, 302, 404, 429, 503, 500, 0]), ".{0,8}", 0u64..100), 1..60)) {
            let mut source = Schedule::new("https://x.org/", Pace { interval: Duration::ZERO, daily_max: Some(20) }, start());
            let (mut last, mut of_day, mut was_moved) = (None::<Timestamp>, 0, false);
            for (status, header, number) in &answers {
                let Some(at) = source.due_at() else { break };
                let before = last.map_or(i32::MIN, Timestamp::day);
                prop_assert!(source.request(at).is_some());
                of_day = if at.day() == before { of_day + 1 } else { 1 };
                prop_assert!(of_day <= 20);
                if let Some(last) = last.filter(|_| !was_moved) {
                    prop_assert!(at.since(last) >= INTERVAL_MIN);
                }
                last = Some(at);
                let seconds = number.to_string();
                let answer = Answer { status: *status, location: Some(header), retry_after: Some(&seconds), cache_control: Some(header), ..Answer::default() };
                was_moved = source.answered(at, &answer) == Outcome::Moved;
            }
        }
    }
}
