//! How long each part of the way of an event takes: bounded histograms over the last minutes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use wire::api::{STAGE_MINUTES, Stage};

/// Buckets of each doubling: what is told is within an eighth of what was.
const PARTS: usize = 8;
/// Doublings from one nanosecond on: the last bucket begins beyond half an hour.
const DOUBLINGS: usize = 42;
const BUCKETS: usize = PARTS * DOUBLINGS;
const WINDOW: Duration = Duration::from_secs(60);

/// How long one thing took, over the last minutes. A note costs a lock that hardly anybody else wants.
#[derive(Debug)]
pub(crate) struct Latency(Mutex<Windows>);

#[derive(Debug)]
struct Windows {
    /// The running one and those before it, each in the place of its number modulo their count.
    windows: Box<[Window; STAGE_MINUTES]>,
    /// Number of the running one.
    running: u64,
    began: Instant,
    count: u64,
    sum_ns: u128,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    counts: [u32; BUCKETS],
    max_ns: u64,
}

const EMPTY: Window = Window { counts: [0; BUCKETS], max_ns: 0 };

/// What a [`Latency`] tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// Notes of the last minutes.
    pub(crate) recent: u64,
    /// Median of these, nanoseconds.
    pub(crate) p50_ns: u64,
    /// Their 99th percentile, nanoseconds.
    pub(crate) p99_ns: u64,
    /// The longest of them, nanoseconds.
    pub(crate) max_ns: u64,
    /// Notes since the start.
    pub(crate) count: u64,
    /// All of them together, seconds.
    pub(crate) sum_s: f64,
}

impl Default for Latency {
    fn default() -> Self {
        let windows = Box::new([EMPTY; STAGE_MINUTES]);
        Self(Mutex::new(Windows { windows, running: 0, began: Instant::now(), count: 0, sum_ns: 0 }))
    }
}

impl Latency {
    /// It took so long.
    pub(crate) fn note(&self, took: Duration) {
        self.note_at(Instant::now(), took);
    }

    fn note_at(&self, now: Instant, took: Duration) {
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.turn(now);
        all.count += 1;
        all.sum_ns += u128::from(took_ns);
        let window = all.running_mut();
        window.counts[bucket(took_ns)] = window.counts[bucket(took_ns)].saturating_add(1);
        window.max_ns = window.max_ns.max(took_ns);
    }

    pub(crate) fn told(&self) -> Told {
        self.told_at(Instant::now())
    }

    fn told_at(&self, now: Instant) -> Told {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.turn(now);
        let mut counts = [0u64; BUCKETS];
        for window in &*all.windows {
            for (sum, count) in counts.iter_mut().zip(window.counts) {
                *sum += u64::from(count);
            }
        }
        let recent = counts.iter().sum();
        let max_ns = all.windows.iter().map(|window| window.max_ns).max().unwrap_or(0);
        let quantile = |per_cent: u64| quantile(&counts, recent, per_cent).min(max_ns);
        Told {
            recent,
            p50_ns: quantile(50),
            p99_ns: quantile(99),
            max_ns,
            count: all.count,
            sum_s: all.sum_ns as f64 / 1e9,
        }
    }
}

impl Windows {
    /// Empties the windows that are too old.
    fn turn(&mut self, now: Instant) {
        let number = now.saturating_duration_since(self.began).as_secs() / WINDOW.as_secs();
        let passed = number.saturating_sub(self.running).min(STAGE_MINUTES as u64);
        for n in 1..=passed {
            self.windows[((self.running + n) % STAGE_MINUTES as u64) as usize] = EMPTY;
        }
        if passed == STAGE_MINUTES as u64 {
            *self.windows = [EMPTY; STAGE_MINUTES];
        }
        self.running = self.running.max(number);
    }

    fn running_mut(&mut self) -> &mut Window {
        &mut self.windows[(self.running % STAGE_MINUTES as u64) as usize]
    }
}

impl Told {
    /// For people.
    pub(crate) fn stage(self, name: &str, from: &str, to: &str) -> Stage {
        let us = |ns: u64| (self.recent > 0).then_some(ns as f64 / 1e3);
        Stage {
            name: name.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            count: self.recent,
            p50_us: us(self.p50_ns),
            p99_us: us(self.p99_ns),
            max_us: us(self.max_ns),
        }
    }
}

/// The bucket of a time: [`PARTS`] equal parts of each doubling.
fn bucket(ns: u64) -> usize {
    let doubling = ns.max(1).ilog2() as usize;
    let within = ((u128::from(ns.max(1)) - (1 << doubling)) * PARTS as u128) >> doubling;
    (doubling * PARTS + within as usize).min(BUCKETS - 1)
}

/// Where a bucket ends.
fn end(bucket: usize) -> u64 {
    let (doubling, within) = (bucket / PARTS, bucket % PARTS);
    (1u64 << doubling) + (((within as u64 + 1) << doubling) / PARTS as u64)
}

fn quantile(counts: &[u64; BUCKETS], all: u64, per_cent: u64) -> u64 {
    let wanted = (all * per_cent).div_ceil(100);
    let mut so_far = 0;
    let found = counts.iter().position(|count| {
        so_far += count;
        so_far >= wanted && all > 0
    });
    found.map_or(0, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_an_eighth_of_the_true_ones() {
        let latency = Latency::default();
        let now = Instant::now();
        let mut random = fastrand::Rng::with_seed(3);
        let mut times: Vec<u64> = (0..5_000).map(|n| random.u64(0..=1 << (n % 36))).collect();
        times.iter().for_each(|ns| latency.note_at(now, Duration::from_nanos(*ns)));
        times.sort_unstable();
        let told = latency.told_at(now);
        assert_eq!((told.recent, told.count, told.max_ns), (5_000, 5_000, *times.last().unwrap()));
        for (per_cent, found) in [(50, told.p50_ns), (99, told.p99_ns)] {
            let exact = times[times.len() * per_cent / 100 - 1];
            assert!(found >= exact && found <= exact + exact / 8 + 1, "{per_cent} %: {found} of {exact}");
        }
        let sum: u64 = times.iter().sum();
        assert!((told.sum_s - sum as f64 / 1e9).abs() < 1e-9);
    }

    #[test]
    fn what_is_older_than_the_last_minutes_is_forgotten() {
        let latency = Latency::default();
        let start = Instant::now();
        let minute = |n: u64| start + Duration::from_secs(60 * n + 1);
        assert_eq!(latency.told().recent, 0);
        assert_eq!(latency.told().stage("", "", "").p50_us, None);
        for n in 0..3 {
            latency.note_at(minute(n), Duration::from_millis(10 - n));
        }
        let told = |n: u64| (latency.told_at(minute(n)).recent, latency.told_at(minute(n)).max_ns / 1_000_000);
        assert_eq!((told(4), told(5), told(6), told(7)), ((3, 10), (2, 9), (1, 8), (0, 0)));
        latency.note_at(minute(1_000), Duration::from_secs(100_000));
        let told = latency.told_at(minute(1_000));
        assert_eq!((told.recent, told.count, told.max_ns), (1, 4, 100_000_000_000_000), "the longest is exact");
    }
}
