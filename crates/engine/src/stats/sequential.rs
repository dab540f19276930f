//! Evidence that may be looked at every minute.
//!
//! An ordinary test may be looked at once. Looked at every minute until it says what one hopes, it nearly always will. Here a gambler
//! bets against "this forecaster is never better than no change": his capital grows only while that is false, and by Ville's
//! inequality it reaches `1 / alpha` with probability at most `alpha` if it is true, however often one looks.

use serde::{Deserialize, Serialize};

/// Largest share of the capital on one outcome: what is left after the worst is never zero.
const STAKE_MAX: f64 = 0.5;
/// Sum of squared payoffs that is taken for seen before any was: the first bets are small.
const PRIOR_SQUARES: f64 = 1.0;

/// A gambler on one stream of payoffs between -1 and 1 whose mean, given all before, is at most zero if the null holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Gambler {
    log_capital: f64,
    log_highest: f64,
    sum: f64,
    squares: f64,
}

impl Gambler {
    const fn new() -> Self {
        Self { log_capital: 0.0, log_highest: 0.0, sum: 0.0, squares: PRIOR_SQUARES }
    }

    /// Bets with what was known before, then learns.
    fn bet(&mut self, payoff: f64) {
        // About the stake that would have grown fastest so far (Waudby-Smith and Ramdas 2024, the approximate GRAPA bet): mean over
        // mean square.
        let stake = (self.sum / self.squares).clamp(0.0, STAKE_MAX);
        self.log_capital += libm::log1p(stake * payoff);
        self.log_highest = self.log_highest.max(self.log_capital);
        self.sum += payoff;
        self.squares += payoff * payoff;
    }

    /// Evidence that stays: of the highest capital H the adjuster sqrt(H) / 2 counts, whose expectation is at most one at any time and
    /// together with others (Shafer, Shen, Vereshchagin and Vovk, *Test martingales, Bayes factors and p-values*, Statistical Science 26,
    /// 2011).
    fn kept(&self) -> f64 {
        libm::exp(self.log_highest / 2.0) / 2.0
    }
}

/// Evidence for "better than no change" and for "worse", of forecasts `horizon` steps ahead that are made at every step.
///
/// What a forecast gains over "no change" is |outcome| - |outcome - forecast|, which lies between -|forecast| and |forecast|. Over
/// |forecast|, which is known beforehand, it is a payoff between -1 and 1. Forecasts that overlap know nothing of each other's outcome: each
/// of `horizon` gamblers takes every `horizon`-th of them (Henzi and Ziegel, *Valid sequential inference on probability forecast
/// performance*, Biometrika 109, 2022), and what they keep is averaged, which needs no independence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    better: Vec<Gambler>,
    worse: Vec<Gambler>,
}

impl Evidence {
    /// Before the first outcome. At least one step ahead.
    #[must_use]
    pub fn new(horizon: u16) -> Self {
        let gamblers = vec![Gambler::new(); usize::from(horizon.max(1))];
        Self { better: gamblers.clone(), worse: gamblers }
    }

    /// A forecast made at `step` met its outcome. Forecasts of "no change" and what is not finite say nothing.
    pub fn push(&mut self, step: u32, forecast: f64, outcome: f64) {
        let payoff = (outcome.abs() - (outcome - forecast).abs()) / forecast.abs();
        if !payoff.is_finite() {
            return;
        }
        let turn = step as usize % self.better.len();
        self.better[turn].bet(payoff.clamp(-1.0, 1.0));
        self.worse[turn].bet((-payoff).clamp(-1.0, 1.0));
    }

    /// Evidence that the forecaster is better: 20 and more is what "95 %" means, at whatever moment one looks.
    #[must_use]
    pub fn better(&self) -> f64 {
        average(&self.better)
    }

    /// Evidence that it is worse.
    #[must_use]
    pub fn worse(&self) -> f64 {
        average(&self.worse)
    }
}

fn average(gamblers: &[Gambler]) -> f64 {
    gamblers.iter().map(Gambler::kept).sum::<f64>() / gamblers.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A market of `count` steps, seen `horizon` steps ahead by a forecaster whose sign is right with probability `hit` for each single
    /// step: at 0.5 his gain is negative on average, so the null of "better" holds.
    fn run(seed: u64, count: usize, horizon: usize, hit: f64, size: f64) -> (f64, f64, Evidence) {
        let mut seed = seed.wrapping_mul(7_919).wrapping_add(13);
        let moves: Vec<f64> = (0..count + horizon).map(|_| uniform(&mut seed) - 0.5).collect();
        let mut evidence = Evidence::new(horizon as u16);
        let (mut better, mut worse) = (0.0f64, 0.0f64);
        for step in 0..count {
            let outcome: f64 = moves[step..step + horizon].iter().sum();
            let sign = if uniform(&mut seed) < hit { outcome.signum() } else { -outcome.signum() };
            evidence.push(step as u32, sign * size, outcome);
            (better, worse) = (better.max(evidence.better()), worse.max(evidence.worse()));
        }
        (better, worse, evidence)
    }

    #[test]
    fn looked_at_every_minute_a_forecaster_without_skill_is_hardly_ever_called_better() {
        for (horizon, size) in [(1, 0.01), (5, 0.05)] {
            let runs = 400;
            let called = (0..runs).filter(|seed| run(*seed, 2_000, horizon, 0.5, size).0 >= 20.0).count();
            assert!(called <= runs as usize / 20, "{called} of {runs} at {horizon}");
        }
    }

    #[test]
    fn a_real_edge_is_found_and_a_harmful_one_is_called_worse() {
        let (better, worse, _) = run(1, 3_000, 1, 0.6, 0.05);
        assert!(better > 20.0 && worse < 20.0, "{better} {worse}");
        let (better, worse, _) = run(1, 3_000, 1, 0.4, 0.05);
        assert!(worse > 20.0 && better < 20.0, "{better} {worse}");
        let (better, ..) = run(2, 20_000, 5, 0.6, 0.05);
        assert!(better > 20.0, "{better}");
    }

    #[test]
    fn what_says_nothing_changes_nothing_and_the_state_survives_storage() {
        let (_, _, mut evidence) = run(3, 500, 5, 0.55, 0.05);
        let before = evidence.clone();
        evidence.push(1, 0.0, 0.3);
        evidence.push(1, f64::NAN, 0.3);
        evidence.push(1, 0.1, f64::INFINITY);
        assert_eq!(evidence, before);
        let bytes = postcard::to_allocvec(&evidence).expect("encodes");
        assert_eq!(postcard::from_bytes::<Evidence>(&bytes).expect("decodes"), evidence);
        assert_eq!((Evidence::new(0).better(), Evidence::new(3).worse()), (0.5, 0.5));
    }
}
