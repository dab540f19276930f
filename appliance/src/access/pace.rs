//! How often something may happen.

use std::time::{Duration, Instant};

/// So many at once, and one more after each interval (the generic cell rate algorithm: one moment is all that is remembered).
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    burst: u32,
    every: Duration,
    /// When all are allowed again.
    full_at: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, full_at: None }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long to wait for the next one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.unwrap_or(now).max(now);
        let wait = full_at.duration_since(now).saturating_sub(self.every * (self.burst - 1));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.full_at = Some(full_at + self.every);
        Ok(())
    }

    /// Gives one back.
    pub(super) fn give_back(&mut self) {
        self.full_at = self.full_at.and_then(|at| at.checked_sub(self.every));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_after_each_interval() {
        let (start, every) = (Instant::now(), Duration::from_secs(10));
        let mut pace = Pace::new(3, every);
        assert!((0..3).all(|_| pace.take(start).is_ok()));
        assert_eq!(pace.take(start), Err(every));
        assert_eq!(pace.take(start + every / 2), Err(every / 2));
        assert_eq!(pace.take(start + every), Ok(()));
        assert_eq!(pace.take(start + every), Err(every));
        pace.give_back();
        assert_eq!(pace.take(start + every), Ok(()));
        let later = start + every * 1_000;
        assert_eq!((0..9).filter(|_| pace.take(later).is_ok()).count(), 3, "never more than the burst");
    }
}
