//! A fault and when it is due.

use std::time::Duration;

use types::Timestamp;

use super::kind::Kind;
use super::{Fault, When};
use crate::market::random::Random;

/// Streams of random numbers above this one belong to faults.
const RANDOM_STREAM: u64 = 9_000;

/// A fault with its state.
///
/// ```text
/// due ──► once:  armed ──► caught by the next thing in its scope
///     └─► lasts: on until its end
/// ```
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) fault: Fault,
    random: Random,
    due: Timestamp,
    /// Things in the scope that it still happens to.
    armed: u32,
    pub(super) armed_at: Timestamp,
    /// It is on before this time.
    until: Timestamp,
}

const NEVER: Timestamp = Timestamp::MAX;
const LONG_AGO: Timestamp = Timestamp::from_nanos(i64::MIN);

impl Entry {
    pub(super) fn new(fault: Fault, seed: u64, index: usize, now: Timestamp) -> Self {
        let mut random = Random::new(seed, RANDOM_STREAM + index as u64);
        let due = match fault.when {
            When::At(at) => at.max(now),
            When::Every { first, .. } => first.max(now),
            When::About { every } => now.plus(about(&mut random, every)),
            When::Chance { .. } => NEVER,
        };
        Self { fault, random, due, armed: 0, armed_at: LONG_AGO, until: LONG_AGO }
    }

    /// When something happens by time alone.
    pub(super) fn next_at(&self) -> Timestamp {
        if self.until == LONG_AGO { self.due } else { self.due.min(self.until) }
    }

    /// True when it is due by `now`; arms it.
    pub(super) fn come_due(&mut self, now: Timestamp) -> bool {
        if self.due > now {
            return false;
        }
        self.due = match self.fault.when {
            When::At(_) | When::Chance { .. } => NEVER,
            When::Every { every, .. } => self.due.plus(every.max(Duration::from_millis(1))),
            When::About { every } => now.plus(about(&mut self.random, every)),
        };
        self.arm(now);
        true
    }

    fn arm(&mut self, now: Timestamp) {
        self.armed_at = now;
        match (self.fault.kind.lasts(), &self.fault.kind) {
            (Some(lasts), _) => self.until = now.plus(lasts),
            (None, Kind::Drop { frames }) => self.armed = *frames,
            (None, _) => self.armed = 1,
        }
    }

    /// What was armed and has not been caught is forgotten.
    pub(super) fn disarm(&mut self) {
        self.armed = 0;
    }

    /// True when it has just ended.
    pub(super) fn come_to_end(&mut self, now: Timestamp) -> bool {
        let has_ended = self.until != LONG_AGO && self.until <= now;
        if has_ended {
            self.until = LONG_AGO;
        }
        has_ended
    }

    /// It comes no more.
    pub(super) fn stop(&mut self) {
        self.due = NEVER;
        self.armed = 0;
        self.fault.when = When::At(NEVER);
    }

    pub(super) fn is_on(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Whether it could happen to something now.
    pub(super) fn is_ready(&self, now: Timestamp) -> bool {
        self.armed > 0 || self.is_on(now) || matches!(self.fault.when, When::Chance { .. })
    }

    /// A thing in its scope comes along: whether it happens to it, and whether that is a new fault for the log.
    pub(super) fn catch(&mut self, now: Timestamp) -> Caught {
        if self.is_on(now) {
            return Caught::Again;
        }
        if self.armed == 0 {
            match self.fault.when {
                When::Chance { ppm } if self.random.chance(f64::from(ppm) / 1e6) => self.arm(now),
                _ => return Caught::No,
            }
        }
        self.armed = self.armed.saturating_sub(1);
        Caught::New
    }

    /// It could not happen to what it caught: there was nothing of the kind in it.
    pub(super) fn missed(&mut self) {
        if !matches!(self.fault.when, When::Chance { .. }) {
            self.armed += 1;
        }
    }
}

/// Whether a fault happens to a thing in its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caught {
    /// No.
    No,
    /// Yes, and it belongs to one that has been logged.
    Again,
    /// Yes.
    New,
}

/// A random distance with this mean.
fn about(random: &mut Random, mean: Duration) -> Duration {
    Duration::from_nanos(random.exponential(mean.as_nanos() as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::*;

    fn entry(when: When, kind: Kind) -> Entry {
        Entry::new(Fault::new(when, Scope::default(), kind), 1, 0, Timestamp::from_secs(100))
    }

    #[test]
    fn once_is_once_and_again_is_again() {
        let s = Timestamp::from_secs;
        let mut once = entry(When::At(s(5)), Kind::Drop { frames: 2 });
        assert_eq!(once.next_at(), s(100), "a time that has passed means now");
        assert!(once.come_due(s(100)) && !once.come_due(s(1_000)));
        let caught: Vec<Caught> = (0..3).map(|_| once.catch(s(101))).collect();
        assert_eq!(caught, [Caught::New, Caught::New, Caught::No]);
        let every = When::Every { first: s(200), every: Duration::from_secs(50) };
        let mut again = entry(every, Kind::Silence { lasts: Duration::from_secs(10) });
        assert!(again.come_due(s(200)) && again.is_on(s(209)) && !again.is_on(s(210)));
        assert_eq!(again.next_at(), s(210));
        assert!(again.come_to_end(s(210)) && !again.come_to_end(s(211)));
        assert_eq!(again.next_at(), s(250));
        again.stop();
        assert_eq!(again.next_at(), NEVER);
    }

    #[test]
    fn chance_and_random_distances_have_their_means() {
        let s = Timestamp::from_secs;
        let mut chance = entry(When::Chance { ppm: 250_000 }, Kind::Drop { frames: 1 });
        let hits = (0..10_000).filter(|_| chance.catch(s(101)) == Caught::New).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        let mut about = entry(When::About { every: Duration::from_secs(10) }, Kind::Abort);
        let mut times = 0;
        while about.next_at() < s(100_100) {
            about.come_due(about.next_at());
            times += 1;
        }
        assert!((9_500..10_500).contains(&times), "{times}");
    }
}
