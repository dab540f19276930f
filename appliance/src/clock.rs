//! The only place that reads the wall clock.

mod synchrony;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use types::Timestamp;

pub(crate) use synchrony::is_near;

/// The time of the box. Never decreases, runs at `speed` times real time from its start.
///
/// Live, the speed is 1. A step of the wall clock forwards is followed at once; one back is absorbed: the time goes on at
/// half speed until the wall clock has caught up. The built-in market may run faster; all waiting goes through this clock
/// so that venue time limits keep their meaning.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// All clones tell the same time, so what was told last is shared.
    Wall(Arc<Mutex<Told>>),
    Scaled {
        started: Instant,
        start: Timestamp,
        speed: f64,
    },
}

/// What was told last, and when by the clock that never steps.
#[derive(Clone, Copy, Debug)]
struct Told {
    time: Timestamp,
    at: Instant,
}

impl Clock {
    /// Real time.
    #[must_use]
    pub fn wall() -> Self {
        Self(Kind::Wall(Arc::new(Mutex::new(Told { time: wall_now(), at: Instant::now() }))))
    }

    /// Time that begins at `start` and runs at `speed` times real time.
    #[must_use]
    pub fn scaled(start: Timestamp, speed: f64) -> Self {
        Self(Kind::Scaled { started: Instant::now(), start, speed })
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Wall(told) => {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let at = Instant::now();
                *told = Told { time: next(told.time, at.saturating_duration_since(told.at), wall_now()), at };
                told.time
            }
            Kind::Scaled { started, start, speed } => {
                let elapsed_ns = started.elapsed().as_nanos() as f64 * speed;
                start.plus(Duration::from_nanos(elapsed_ns as u64))
            }
        }
    }

    /// How long to wait in real time for `duration` of this clock.
    #[must_use]
    pub fn real(&self, duration: Duration) -> Duration {
        match &self.0 {
            Kind::Wall(_) => duration,
            Kind::Scaled { speed, .. } => duration.div_f64(*speed),
        }
    }

    /// Waits until `at`; returns at once when it is past.
    pub async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(self.real(at.since(self.now()))).await;
    }

    /// Whether the time may be believed. `a_venue_agrees`: the messages of an exchange say so. A wall clock before the
    /// release of this very program is certainly wrong.
    #[must_use]
    pub fn is_believed(&self, a_venue_agrees: bool) -> bool {
        let is_set = match self.0 {
            Kind::Wall(_) => a_venue_agrees || synchrony::is_set(),
            // The built-in market keeps this very time.
            Kind::Scaled { .. } => true,
        };
        is_set && self.now() >= RELEASED
    }
}

/// The time to tell `passed` after `told` was, when the wall clock shows `wall`.
fn next(told: Timestamp, passed: Duration, wall: Timestamp) -> Timestamp {
    wall.max(told.plus(passed / 2))
}

/// Built no earlier than this; moved forward with releases.
const RELEASED: Timestamp = Timestamp::from_date(2026, 11, 1);

/// The wall clock.
#[must_use]
pub(crate) fn wall_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.plus(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_waits_shorter_and_is_believed() {
        let clock = Clock::scaled(RELEASED, 20.0);
        assert_eq!(clock.real(Duration::from_secs(60)), Duration::from_secs(3));
        assert!(clock.now() >= RELEASED && clock.is_believed(false));
        assert!(!Clock::scaled(Timestamp::EPOCH, 1.0).is_believed(true), "before this program was made");
    }

    #[test]
    fn a_step_forward_is_followed_and_one_back_is_absorbed_at_half_speed() {
        let s = Timestamp::from_secs;
        let second = Duration::from_secs(1);
        assert_eq!(next(s(100), second, s(101)), s(101));
        assert_eq!(next(s(100), second, s(1_800_000_000)), s(1_800_000_000), "1970 is over");
        // Ten seconds back: after twenty the wall clock has caught up.
        let mut told = s(1_000);
        for n in 1..=30 {
            let wall = s(990 + n);
            let now = next(told, second, wall);
            assert!(now > told, "it never stands");
            assert_eq!(now == wall, n >= 20, "after {n} seconds");
            told = now;
        }
    }

    /// However the wall clock steps, the time told never decreases and is never behind it.
    #[test]
    fn the_time_told_never_decreases() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut wall_ms, mut told) = (1_800_000_000_000i64, Timestamp::from_millis(1_800_000_000_000));
        for _ in 0..100_000 {
            let passed_ms = random.u64(0..5_000);
            let step_ms = if random.u8(0..10) == 0 { random.i64(-10_000_000..10_000_000) } else { 0 };
            wall_ms += passed_ms as i64 + step_ms;
            let wall = Timestamp::from_millis(wall_ms);
            let now = next(told, Duration::from_millis(passed_ms), wall);
            assert!(now >= told && now >= wall);
            told = now;
        }
    }
}
