//! Noise with a memory.

use super::random::Random;

/// A value that is pulled back to zero and pushed about by noise (Ornstein-Uhlenbeck).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reversion {
    pub(crate) memory_ms: f64,
    pub(crate) deviation: f64,
}

impl Reversion {
    /// The value `dt_ms` after it was `value`.
    pub(crate) fn step(self, value: f64, dt_ms: f64, random: &mut Random) -> f64 {
        self.prepared(dt_ms).step(value, random)
    }

    /// The same for many steps of one length.
    pub(crate) fn prepared(self, dt_ms: f64) -> PreparedReversion {
        let keep = libm::exp(-dt_ms / self.memory_ms);
        PreparedReversion { keep, noise: self.deviation * (1.0 - keep * keep).sqrt() }
    }
}

/// A [`Reversion`] with its step length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreparedReversion {
    keep: f64,
    noise: f64,
}

impl PreparedReversion {
    /// The value one step after it was `value`.
    pub(crate) fn step(self, value: f64, random: &mut Random) -> f64 {
        value * self.keep + self.noise * random.normal()
    }
}
