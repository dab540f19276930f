//! Rules that clients have to keep: how they are counted, and the record of those that were broken.

use std::collections::VecDeque;

use types::time::NS_PER_S;
use types::{Timestamp, Venue};

use crate::frame::ConnectionId;

/// Broken limits kept; later ones are answered like these, but not recorded.
pub(crate) const BROKEN_MAX: usize = 1_000;

/// A client did what a venue forbids: too many messages, requests, connections or subscriptions, a subscription too late,
/// a token used twice. It was answered as the venue answers. A client that does not read or does not answer pings is
/// dropped as well, but that is not a limit broken: the network may be to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLimit {
    /// Whose limit.
    pub venue: Venue,
    /// When.
    pub at: Timestamp,
    /// Where; `None` for HTTP requests and refused handshakes.
    pub connection: Option<ConnectionId>,
    /// Which limit, in words.
    pub what: String,
}

/// Limits broken at one venue since they were last asked for.
#[derive(Debug, Default)]
pub(crate) struct Breaches(Vec<(Option<ConnectionId>, String)>);

impl Breaches {
    pub(crate) fn add(&mut self, connection: impl Into<Option<ConnectionId>>, what: impl Into<String>) {
        self.0.push((connection.into(), what.into()));
    }

    /// Moves all to the record, as far as there is room.
    pub(crate) fn drain_to(&mut self, venue: Venue, at: Timestamp, record: &mut Vec<BrokenLimit>) {
        let room = BROKEN_MAX - record.len().min(BROKEN_MAX);
        let breaches = self.0.drain(..).take(room);
        record.extend(breaches.map(|(connection, what)| BrokenLimit { venue, at, connection, what }));
    }
}

/// At most so many in any interval of a length.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    ns: i64,
    max: usize,
    admitted: VecDeque<Timestamp>,
}

impl Window {
    pub(crate) fn new(max: usize, seconds: i64) -> Self {
        Self { ns: seconds * NS_PER_S, max, admitted: VecDeque::new() }
    }

    /// Counts one more, if it is allowed.
    pub(crate) fn admit(&mut self, at: Timestamp) -> bool {
        while self.admitted.front().is_some_and(|first| at.as_nanos() - first.as_nanos() >= self.ns) {
            self.admitted.pop_front();
        }
        let is_allowed = self.admitted.len() < self.max;
        if is_allowed {
            self.admitted.push_back(at);
        }
        is_allowed
    }
}

/// A token bucket: full at the start, refilled at an even rate.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// What is left, as the time it takes to refill it.
    credit_ns: i64,
    full_ns: i64,
    /// What one costs.
    one_ns: i64,
    at: Timestamp,
}

impl Bucket {
    /// `burst` at once, then `per_s` a second.
    pub(crate) fn new(at: Timestamp, burst: u32, per_s: u32) -> Self {
        let one_ns = NS_PER_S / i64::from(per_s.max(1));
        let full_ns = i64::from(burst) * one_ns;
        Self { credit_ns: full_ns, full_ns, one_ns, at }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, at: Timestamp) -> bool {
        let elapsed = at.as_nanos() - self.at.as_nanos();
        self.credit_ns = self.credit_ns.saturating_add(elapsed).min(self.full_ns);
        self.at = at;
        let is_allowed = self.credit_ns >= self.one_ns;
        if is_allowed {
            self.credit_ns -= self.one_ns;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides_and_refused_ones_do_not_count() {
        let mut window = Window::new(2, 10);
        let admitted: Vec<bool> = [0, 1, 2, 9, 10, 10, 11].map(|s| window.admit(Timestamp::from_secs(s))).into();
        assert_eq!(admitted, [true, true, false, false, true, false, true]);
    }

    #[test]
    fn a_bucket_refills_up_to_its_burst() {
        let ms = Timestamp::from_millis;
        let mut bucket = Bucket::new(ms(0), 3, 10);
        let taken = |bucket: &mut Bucket, at| (0..5).filter(|_| bucket.take(ms(at))).count();
        assert_eq!([0, 99, 100, 350, 10_000].map(|at| taken(&mut bucket, at)), [3, 0, 1, 2, 3]);
    }

    #[test]
    fn the_record_is_bounded() {
        let (mut breaches, mut record) = (Breaches::default(), Vec::new());
        (0..BROKEN_MAX + 5).for_each(|n| breaches.add(ConnectionId(1), n.to_string()));
        breaches.drain_to(Venue::Kraken, Timestamp::EPOCH, &mut record);
        breaches.add(None, "one more");
        breaches.drain_to(Venue::Kraken, Timestamp::EPOCH, &mut record);
        assert_eq!(record.len(), BROKEN_MAX);
    }
}
