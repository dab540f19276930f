//! Now and then the price of one listing breaks away from the efficient one, by more than fees, and comes back within
//! minutes: what arbitrage lives on.
//!
//! An episode is a function of the seed, the listing and the absolute hour, like the efficient prices: whoever asks for a
//! moment gets the same, however long the market has been running.

use types::Timestamp;
use types::time::{NS_PER_MS, NS_PER_S};

use super::random::Random;

/// One episode may begin in each hour.
const HOUR_NS: i64 = 3_600 * NS_PER_S;
/// Its height: at least this, and the mean of what is added.
const HEIGHT_LEAST: f64 = 0.002;
const HEIGHT_MORE: f64 = 0.002;
/// How long it takes to come, and to fade to a third.
const RISE_MS: f64 = 4_000.0;
const FADE_MS: f64 = 45_000.0;
/// After so long nothing of it is left.
const LIFE_MS: f64 = 12.0 * FADE_MS;

/// The episodes of one listing.
#[derive(Clone, Debug)]
pub(crate) struct Breakaways {
    seed: u64,
    /// Chance of an hour.
    chance: f64,
    hour: i64,
    /// That of the hour before, and that of the hour.
    episodes: [Option<Episode>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Episode {
    began: Timestamp,
    /// With its sign.
    height: f64,
}

impl Breakaways {
    /// Those of the listing number `listing`.
    pub(crate) fn new(seed: u64, listing: usize, per_day_milli: u32) -> Self {
        let chance = f64::from(per_day_milli) / 24_000.0;
        let seed = Random::new(seed, 4_000 + listing as u64).bits();
        Self { seed, chance, hour: i64::MIN, episodes: [None, None] }
    }

    /// The relative deviation at a moment.
    pub(crate) fn at(&mut self, at: Timestamp) -> f64 {
        if self.chance <= 0.0 {
            return 0.0;
        }
        let hour = at.as_nanos().div_euclid(HOUR_NS);
        if hour != self.hour {
            self.hour = hour;
            self.episodes = [hour - 1, hour].map(|hour| self.of_hour(hour));
        }
        self.episodes.iter().flatten().map(|episode| episode.deviation(at)).sum()
    }

    fn of_hour(&self, hour: i64) -> Option<Episode> {
        let mut random = Random::new(self.seed, hour.cast_unsigned());
        if !random.chance(self.chance) {
            return None;
        }
        let offset_ns = (random.unit() * HOUR_NS as f64) as i64;
        let height = HEIGHT_LEAST + random.exponential(HEIGHT_MORE);
        let height = if random.chance(0.5) { height } else { -height };
        Some(Episode { began: Timestamp::from_nanos(hour * HOUR_NS + offset_ns), height })
    }
}

impl Episode {
    fn deviation(&self, at: Timestamp) -> f64 {
        let ms = (at.as_nanos() - self.began.as_nanos()) as f64 / NS_PER_MS as f64;
        if !(0.0..LIFE_MS).contains(&ms) {
            return 0.0;
        }
        let risen = (ms / RISE_MS).min(1.0);
        self.height * risen * libm::exp(-ms / FADE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn episodes_are_rare_higher_than_fees_and_the_same_whenever_asked() {
        let start = Timestamp::from_date(2026, 10, 1);
        let second = |s: i64| Timestamp::from_nanos(start.as_nanos() + s * NS_PER_S);
        let mut breakaways = Breakaways::new(7, 3, 6_000);
        let days = 60;
        let deviations: Vec<f64> = (0..days * 86_400).map(|s| breakaways.at(second(s)).abs()).collect();
        let episodes = deviations.windows(2).filter(|pair| pair[0] < 0.0015 && pair[1] >= 0.0015).count();
        assert!((days as usize * 4..days as usize * 8).contains(&episodes), "{episodes} in {days} days");
        let share = deviations.iter().filter(|d| **d > 0.002).count() as f64 / deviations.len() as f64;
        assert!((0.0005..0.01).contains(&share), "{share} of the time");
        let mut again = Breakaways::new(7, 3, 6_000);
        for s in (0..days * 86_400).rev().step_by(997) {
            assert_eq!(again.at(second(s)).abs().to_bits(), deviations[s as usize].to_bits());
        }
        assert!(Breakaways::new(7, 3, 0).at(start).abs() < f64::MIN_POSITIVE);
    }
}
