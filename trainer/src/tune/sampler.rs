//! Which settings to try next: the tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl, *Algorithms for
//! hyper-parameter optimization*, NeurIPS 2011), of crate `tpe`, one estimator per setting.

use std::convert::Infallible;

use anyhow::Context as _;
use tpe::density_estimation::DefaultEstimatorBuilder;
use tpe::{TpeOptimizer, histogram_estimator, parzen_estimator, range};

use super::{Domain, Settings, Space};
use crate::random::Random;

/// Trials drawn evenly before the estimator has something to estimate from.
const EVENLY: usize = 10;
/// Keeps the draws apart from other uses of a seed.
const PURPOSE: u64 = 0x7475_6e65;

/// Proposes settings. With the same seed and the same told trials it proposes the same.
pub struct Sampler {
    seed: u64,
    told: usize,
    estimators: Vec<(String, Domain, TpeOptimizer<DefaultEstimatorBuilder>)>,
}

impl Sampler {
    /// Before the first trial.
    ///
    /// # Errors
    /// A domain that cannot be searched.
    pub fn new(space: &Space, seed: u64) -> anyhow::Result<Self> {
        let estimator = |(name, domain): (&str, &Domain)| -> anyhow::Result<_> {
            let (low, high) = domain.inner();
            let range = range(low, high).with_context(|| format!("setting {name:?}"))?;
            let builder = match domain {
                Domain::Choice(_) => histogram_estimator(),
                _ => parzen_estimator(),
            };
            Ok((name.to_owned(), domain.clone(), TpeOptimizer::new(builder, range)))
        };
        Ok(Self { seed, told: 0, estimators: space.domains().map(estimator).collect::<Result<_, _>>()? })
    }

    /// Values for the next trial.
    ///
    /// # Errors
    /// The estimator refuses what it was told.
    pub fn ask(&mut self) -> anyhow::Result<Settings> {
        // From the number of the trial and not from a stream: a search that goes on proposes what it would have.
        let mut random = Random::new(self.seed ^ PURPOSE, self.told as u64);
        let mut asked = Settings::new();
        for (name, domain, estimator) in &mut self.estimators {
            let (low, high) = domain.inner();
            let at = if self.told < EVENLY {
                low + (high - low) * ((random.bits() >> 11) as f64 / (1u64 << 53) as f64)
            } else {
                estimator.ask(&mut random).with_context(|| format!("setting {name:?}"))?
            };
            asked.insert(name.clone(), domain.value(at));
        }
        Ok(asked)
    }

    /// What a trial came to; lower is better, infinity for one that failed.
    ///
    /// # Errors
    /// A value that is not of the space.
    pub fn tell(&mut self, parameters: &Settings, score: f64) -> anyhow::Result<()> {
        for (name, domain, estimator) in &mut self.estimators {
            let value = parameters.get(name).with_context(|| format!("a trial lacks setting {name:?}"))?;
            let place = domain.place(value).with_context(|| format!("{value} is not a value of setting {name:?}"))?;
            estimator.tell(place, score).with_context(|| format!("setting {name:?}"))?;
        }
        self.told += 1;
        Ok(())
    }
}

/// What `tpe` draws with.
impl rand::TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.bits() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
