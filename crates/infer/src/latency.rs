//! How long an answer takes.

use std::time::Instant;

use crate::{InferError, Model};

/// Answers before the first one that counts: caches fill, and the processor wakes up.
const WARM_UP: usize = 50;

/// Time of one answer, microseconds of the clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Half of the answers take no longer.
    pub median_us: f64,
    /// 99 of 100 answers take no longer.
    pub p99_us: f64,
}

impl Latency {
    /// Of times in microseconds; `None` of none.
    #[must_use]
    pub fn of(mut times_us: Vec<f64>) -> Option<Self> {
        times_us.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| times_us.get(times_us.len().saturating_sub(1) * percent / 100).copied();
        Some(Self { median_us: at(50)?, p99_us: at(99)? })
    }
}

impl Model {
    /// Answers the first probe's window again and again, at least once, on this thread.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn latency(&self, runs: usize) -> Result<Latency, InferError> {
        let window = self.manifest().probes[0].window.clone();
        for _ in 0..WARM_UP {
            self.predict(&window)?;
        }
        let runs = runs.max(1);
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let began = Instant::now();
            self.predict(&window)?;
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        Ok(Latency::of(times).expect("at least one run"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_counted_from_below() {
        let times = (0..=100).rev().map(f64::from).collect();
        assert_eq!(Latency::of(times), Some(Latency { median_us: 50.0, p99_us: 99.0 }));
        assert_eq!(Latency::of(vec![7.0]), Some(Latency { median_us: 7.0, p99_us: 7.0 }));
        assert_eq!(Latency::of(Vec::new()), None);
    }
}
