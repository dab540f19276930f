//! How long orders and reports travel.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::settings::PaperSettings;

/// Draws travelling times: constant ones, or with equal chances from a list of recorded ones.
///
/// The generator is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Its place in the
/// sequence is part of the engine's state, so a replay draws what was drawn. Another seed in the settings starts anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Draws {
    state: u64,
    seed: Option<u32>,
}

impl Draws {
    /// From the decision to the arrival, with the lag of published books.
    pub(super) fn entry(&mut self, settings: &PaperSettings) -> Duration {
        self.request(settings) + Duration::from_millis(settings.book_lag_ms.into())
    }

    /// From the wish to cancel to its arrival.
    pub(super) fn request(&mut self, settings: &PaperSettings) -> Duration {
        self.draw(settings.seed, &settings.entry_us, settings.latency_ms)
    }

    /// From a fill to its report's arrival.
    pub(super) fn answer(&mut self, settings: &PaperSettings) -> Duration {
        self.draw(settings.seed, &settings.answer_us, settings.response_ms)
    }

    fn draw(&mut self, seed: u32, recorded_us: &[u32], constant_ms: u32) -> Duration {
        if recorded_us.is_empty() {
            return Duration::from_millis(constant_ms.into());
        }
        if self.seed != Some(seed) {
            *self = Self { state: seed.into(), seed: Some(seed) };
        }
        let index = (u128::from(self.next()) * recorded_us.len() as u128) >> 64;
        Duration::from_micros(recorded_us[index as usize].into())
    }

    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_recorded_times_everywhere() {
        let recorded = vec![1_000, 2_000, 40_000, 90_000];
        let settings = PaperSettings { entry_us: recorded.clone(), seed: 7, ..PaperSettings::constant(150) };
        let draw = |settings: &PaperSettings| {
            let mut draws = Draws::default();
            (0..1_000).map(|_| draws.entry(settings).as_micros() as u32).collect::<Vec<_>>()
        };
        let drawn = draw(&settings);
        assert_eq!(drawn, draw(&settings));
        assert_ne!(drawn, draw(&PaperSettings { seed: 8, ..settings }));
        for time in recorded {
            let times = drawn.iter().filter(|drawn| **drawn == time).count();
            assert!((200..300).contains(&times), "{time} was drawn {times} times of a thousand");
        }
    }

    #[test]
    fn without_recorded_times_the_constant_counts_and_nothing_is_drawn() {
        let settings = PaperSettings { book_lag_ms: 250, response_ms: 20, ..PaperSettings::constant(150) };
        let mut draws = Draws::default();
        assert_eq!(draws.entry(&settings), Duration::from_millis(400));
        assert_eq!(draws.request(&settings), Duration::from_millis(150));
        assert_eq!(draws.answer(&settings), Duration::from_millis(20));
        assert_eq!(draws, Draws::default());
    }
}
