//! Intervals that keep their promise, whatever the market does.

use serde::{Deserialize, Serialize};

/// Adaptive conformal inference (Gibbs and Candès, *Adaptive conformal inference under distribution shift*, NeurIPS 2021).
///
/// The half-width around a forecast is a quantile of the last errors; which one is moved after every outcome, up when one was missed and
/// down when one was held. After `T` outcomes the share that was missed is off the wanted one by at most (max(a, 1 - a) + g) / (g T),
/// where `a` is the wanted share and `g` the speed: for any sequence of outcomes, not only for friendly ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conformal {
    /// Share of outcomes that may be missed.
    target: f64,
    speed: f64,
    /// Level in use: of what it may miss.
    level: f64,
    outcomes: u64,
    missed: u64,
}

impl Conformal {
    /// Intervals that should hold the share `nominal` (0 to 1, both out) of outcomes. `None` for anything else. A usual speed is 0.005 for thousands of outcomes, 0.05 for a hundred.
    #[must_use]
    pub fn new(nominal: f64, speed: f64) -> Option<Self> {
        let is_sound = nominal > 0.0 && nominal < 1.0 && speed > 0.0 && speed.is_finite();
        let target = 1.0 - nominal;
        is_sound.then_some(Self { target, speed, level: target, outcomes: 0, missed: 0 })
    }

    /// Half-width of the next interval, from the sizes of the last errors, which are put into another order: infinite where nothing less
    /// would do, zero where anything would, and infinite without errors.
    #[must_use]
    pub fn half_width(&self, errors: &mut [f64]) -> f64 {
        let held = 1.0 - self.level;
        if held <= 0.0 {
            return 0.0;
        }
        // The smallest error with so many at or below it, the next outcome's own counted.
        let rank = (held * (errors.len() + 1) as f64).ceil();
        if rank > errors.len() as f64 {
            return f64::INFINITY;
        }
        *errors.select_nth_unstable_by(rank as usize - 1, f64::total_cmp).1
    }

    /// An outcome came, `error` away from its forecast, when the interval's half-width was `shown`. What is not finite is left out.
    pub fn push(&mut self, error: f64, shown: f64) {
        let error = error.abs();
        if !error.is_finite() || shown.is_nan() {
            return;
        }
        let is_missed = error > shown;
        self.outcomes += 1;
        self.missed += u64::from(is_missed);
        self.level += self.speed * (self.target - f64::from(u8::from(is_missed)));
    }

    /// Share of outcomes that should be held.
    #[must_use]
    pub fn nominal(&self) -> f64 {
        1.0 - self.target
    }

    /// Share of outcomes that were held, and how many there were; `None` before the first.
    #[must_use]
    pub fn achieved(&self) -> Option<(f64, u64)> {
        (self.outcomes > 0).then(|| (1.0 - self.missed as f64 / self.outcomes as f64, self.outcomes))
    }

    /// The largest possible distance of achieved and nominal share after `outcomes` (Gibbs and Candès 2021, proposition 4.1).
    #[must_use]
    pub fn bound(&self, outcomes: u64) -> f64 {
        (self.target.max(1.0 - self.target) + self.speed) / (self.speed * outcomes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bound_is_the_published_one() {
        let conformal = Conformal::new(0.9, 0.005).expect("sound");
        // (0.9 + 0.005) / (0.005 T)
        assert!((conformal.bound(1_000) - 0.181).abs() < 1e-12);
        assert!((conformal.bound(18_100) - 0.01).abs() < 1e-12);
        for (nominal, speed) in [(0.0, 0.1), (1.0, 0.1), (0.9, 0.0), (f64::NAN, 0.1), (0.9, f64::INFINITY)] {
            assert_eq!(Conformal::new(nominal, speed), None);
        }
    }

    #[test]
    fn a_market_that_turns_wild_is_held_again_soon() {
        let mut conformal = Conformal::new(0.9, 0.02).expect("sound");
        let mut errors: Vec<f64> = Vec::new();
        let mut seed = 5u64;
        let mut uniform = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut held, mut naive) = (0, 0);
        let mut fixed = 0.0;
        for n in 0..6_000 {
            let size = if n < 3_000 { 1.0 } else { 4.0 };
            let error = size * uniform();
            let shown = conformal.half_width(&mut errors.iter().rev().take(300).copied().collect::<Vec<_>>());
            errors.push(error);
            if n == 2_999 {
                fixed = shown;
            }
            conformal.push(error, shown);
            if n >= 3_300 {
                held += u32::from(error <= shown);
                naive += u32::from(error <= fixed);
            }
        }
        let (held, naive) = (f64::from(held) / 2_700.0, f64::from(naive) / 2_700.0);
        assert!((held - 0.9).abs() < 0.02, "{held}");
        assert!(naive < 0.4, "what held before does not hold now: {naive}");
    }

    proptest! {
        /// Whatever comes, in whatever order.
        #[test]
        fn the_promise_is_kept_for_any_outcomes(
            errors in prop::collection::vec(0.0f64..1e6, 1..400), nominal in 0.5f64..0.99, speed in 0.005f64..0.2, memory in 1usize..100,
        ) {
            let mut conformal = Conformal::new(nominal, speed).expect("sound");
            for (n, error) in errors.iter().enumerate() {
                let shown = conformal.half_width(&mut errors[n.saturating_sub(memory)..n].to_vec());
                conformal.push(*error, shown);
            }
            let (achieved, outcomes) = conformal.achieved().expect("outcomes");
            prop_assert_eq!(outcomes, errors.len() as u64);
            prop_assert!((achieved - nominal).abs() <= conformal.bound(outcomes) + 1e-12);
            let bytes = postcard::to_allocvec(&conformal).expect("encodes");
            prop_assert_eq!(postcard::from_bytes::<Conformal>(&bytes).expect("decodes"), conformal);
        }
    }

    #[test]
    fn nothing_known_holds_everything_and_nonsense_is_left_out() {
        let mut conformal = Conformal::new(0.5, 0.1).expect("sound");
        assert_eq!((conformal.half_width(&mut []), conformal.achieved()), (f64::INFINITY, None));
        let before = conformal;
        conformal.push(f64::NAN, 1.0);
        conformal.push(1.0, f64::NAN);
        conformal.push(f64::INFINITY, 1.0);
        assert_eq!(conformal, before);
        // Half of four errors and the next: the third by size.
        assert!((conformal.half_width(&mut [4.0, 1.0, 3.0, 2.0]) - 3.0).abs() < 1e-15);
        for error in [3.0, 1.0, 2.0, 9.0] {
            conformal.push(-error, f64::INFINITY);
        }
        assert_eq!(conformal.achieved(), Some((1.0, 4)));
    }
}
