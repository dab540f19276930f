//! How long things take between a box and its venues.

use std::time::Duration;

/// Seeded latencies. One way takes `way` and up to `jitter` more.
#[derive(Clone, Debug)]
pub struct Network {
    random: fastrand::Rng,
    settings: NetworkSettings,
}

/// The ranges of a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// The shortest one-way time.
    pub way: Duration,
    /// How much longer it takes at most.
    pub jitter: Duration,
}

impl Default for NetworkSettings {
    /// A venue on the other coast, over a good line.
    fn default() -> Self {
        Self { way: Duration::from_millis(20), jitter: Duration::from_millis(30) }
    }
}

impl Network {
    /// Same seed, same latencies.
    #[must_use]
    pub fn new(settings: NetworkSettings, seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), settings }
    }

    /// One way.
    pub(crate) fn way(&mut self) -> Duration {
        let jitter = u64::try_from(self.settings.jitter.as_nanos()).unwrap_or(u64::MAX);
        self.settings.way + Duration::from_nanos(self.random.u64(0..=jitter))
    }

    /// From the wish for a connection until the venue has the handshake: TCP and TLS there and back before it.
    pub(crate) fn dial(&mut self) -> Duration {
        (0..5).map(|_| self.way()).sum()
    }
}
