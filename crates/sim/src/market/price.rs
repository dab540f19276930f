//! Where the efficient prices are now, and where they were a moment ago for venues that lag behind.

use types::Timestamp;
use types::time::{NS_PER_MIN, NS_PER_MS};

use super::path::{MinutePath, Path, STEP_MS, STEPS};
use crate::settings::AssetSettings;

const STEP_NS: i64 = STEP_MS * NS_PER_MS;

/// The prices of all assets at one moment and a little before.
#[derive(Clone, Debug)]
pub(crate) struct Prices {
    path: Path,
    /// Minutes since 1970, and the step within.
    minute: i64,
    step: usize,
    last: MinutePath,
    running: MinutePath,
}

impl Prices {
    pub(crate) fn new(seed: u64, at: Timestamp, assets: &[AssetSettings]) -> Self {
        let mut path = Path::new(seed, assets);
        let minute = at.as_nanos().div_euclid(NS_PER_MIN);
        let (last, running) = (path.minute(minute - 1), path.minute(minute));
        Self { path, minute, step: step_of(at), last, running }
    }

    /// Moves to the last grid point at or before `to`; prices do not go back in time.
    pub(crate) fn advance(&mut self, to: Timestamp) {
        let minute = to.as_nanos().div_euclid(NS_PER_MIN);
        while self.minute < minute {
            self.minute += 1;
            let next = self.path.minute(self.minute);
            self.last = std::mem::replace(&mut self.running, next);
        }
        self.step = step_of(to);
    }

    /// Dollars for one unit of an asset, as known `lag_ms` later. A lag is at most a minute.
    pub(crate) fn dollars(&self, asset: usize, lag_ms: u32) -> f64 {
        let back = ((i64::from(lag_ms) / STEP_MS) as usize).min(STEPS);
        match self.step.checked_sub(back) {
            Some(step) => self.running.dollars[asset][step],
            None => self.last.dollars[asset][self.step + STEPS - back],
        }
    }

    /// How busy the markets are, 1 on average; follows the volatility.
    pub(crate) fn activity(&self) -> f64 {
        self.running.activity
    }

    /// The whole minute that is running.
    pub(crate) fn running(&self) -> &MinutePath {
        &self.running
    }
}

fn step_of(at: Timestamp) -> usize {
    (at.as_nanos().rem_euclid(NS_PER_MIN) / STEP_NS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SimSettings;

    #[test]
    fn a_lag_looks_back_across_the_minute() {
        let assets = SimSettings::default().assets;
        let at = |ms| Timestamp::from_nanos(Timestamp::from_date(2026, 10, 1).as_nanos() + ms * NS_PER_MS);
        let mut prices = Prices::new(3, at(-61_000), &assets);
        for ms in (-61_000..61_000).step_by(1_700) {
            prices.advance(at(ms));
            for lag_ms in [0, 200, 450, 3_000, 60_000] {
                let then = Prices::new(3, at(ms - i64::from(lag_ms) / STEP_MS * STEP_MS), &assets);
                assert_eq!(prices.dollars(1, lag_ms).to_bits(), then.dollars(1, 0).to_bits(), "{lag_ms} ms at {ms} ms");
            }
        }
    }
}
