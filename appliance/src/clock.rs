//! The only place that reads the wall clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use types::Timestamp;

/// The time of the box. Never decreases, runs at `speed` times real time from its start.
///
/// Live, the speed is 1 and steps of the wall clock are followed forwards. The built-in market may run faster; all
/// waiting goes through this clock so that venue time limits keep their meaning.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    start: Timestamp,
    speed: f64,
    follows_wall: bool,
}

impl Clock {
    /// Real time.
    #[must_use]
    pub fn wall() -> Self {
        Self { started: Instant::now(), start: wall_now(), speed: 1.0, follows_wall: true }
    }

    /// Time that begins at `start` and runs at `speed` times real time.
    #[must_use]
    pub fn scaled(start: Timestamp, speed: f64) -> Self {
        Self { started: Instant::now(), start, speed, follows_wall: false }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        if self.follows_wall {
            return wall_now();
        }
        let elapsed_ns = self.started.elapsed().as_nanos() as f64 * self.speed;
        self.start.plus(Duration::from_nanos(elapsed_ns as u64))
    }

    /// How long to wait in real time for `duration` of this clock.
    #[must_use]
    pub fn real(&self, duration: Duration) -> Duration {
        if self.follows_wall { duration } else { duration.div_f64(self.speed) }
    }

    /// Waits until `at`; returns at once when it is past.
    pub async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(self.real(at.since(self.now()))).await;
    }

    /// Whether the time may be believed: a Pi has no clock battery and starts in the past. A wall clock before
    /// the release of this very program is certainly wrong.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        self.now() >= RELEASED
    }
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
    fn a_fast_clock_waits_shorter() {
        let clock = Clock::scaled(RELEASED, 20.0);
        assert_eq!(clock.real(Duration::from_secs(60)), Duration::from_secs(3));
        assert!(clock.now() >= RELEASED && clock.is_plausible());
        assert!(!Clock::scaled(Timestamp::EPOCH, 1.0).is_plausible());
    }
}
