//! Scores of many texts as one figure: by hour, and fading with time.
//!
//! Streaming and bounded: each score is added once when it is known, in any order; what is kept is one row per hour, symbol and engine
//! for the last hours, and one fading mean per symbol and engine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::Timestamp;
use types::time::NS_PER_S;

use crate::{Engine, Label, Score};

/// Nanoseconds of an hour.
const NS_PER_HOUR: i64 = 3_600 * NS_PER_S;

/// How scores are put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// After so many seconds a score counts half.
    pub half_life_s: f64,
    /// Hours that are kept.
    pub hours_max: usize,
    /// Symbols that are kept; scores of further ones are counted and left out.
    pub symbols_max: usize,
    /// Texts, faded ones in part, that a regime needs to be told at all.
    pub regime_texts_min: f64,
    /// From this mean on the mood is good, and from its opposite on bad.
    pub regime_at: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { half_life_s: 6.0 * 3_600.0, hours_max: 24 * 8, symbols_max: 256, regime_texts_min: 5.0, regime_at: 0.15 }
    }
}

/// What a row is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Start of the hour.
    pub hour: Timestamp,
    /// What the texts are about.
    pub symbol: String,
    /// Who scored them.
    pub engine: Engine,
}

/// The scores of one hour, or of another span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hour {
    /// Texts by label, in the order of [`Label::ALL`].
    pub labels: [u64; 3],
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Hour {
    /// Texts.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.labels.iter().sum()
    }

    /// Mean value; `None` without texts.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count() > 0).then_some(self.mean)
    }

    /// Standard deviation of the values; `None` for fewer than two.
    #[must_use]
    pub fn dispersion(&self) -> Option<f64> {
        (self.count() > 1).then(|| (self.squares / (self.count() - 1) as f64).sqrt())
    }

    /// Adds a score. Welford's update: exact to rounding in any order.
    pub fn push(&mut self, value: f64, label: Label) {
        self.labels[label.index()] += 1;
        let before = value - self.mean;
        self.mean += before / self.count() as f64;
        self.squares += before * (value - self.mean);
    }
}

/// A mean in which older scores count less.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Fading {
    at: Timestamp,
    /// Sum of weights and of weighted values, as of `at`.
    weight: f64,
    sum: f64,
}

/// The mood of the news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Too few texts to tell.
    Unknown,
    /// Mostly bad news.
    RiskOff,
    /// Both, or none.
    Mixed,
    /// Mostly good news.
    RiskOn,
}

/// All that is kept.
#[derive(Clone, Debug)]
pub struct Aggregate {
    settings: Settings,
    hours: BTreeMap<Key, Hour>,
    fading: BTreeMap<(String, Engine), Fading>,
    /// Scores that were left out: too old, or of too many symbols.
    left_out: u64,
    newest: Timestamp,
}

impl Aggregate {
    /// With nothing in it.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings, hours: BTreeMap::new(), fading: BTreeMap::new(), left_out: 0, newest: Timestamp::EPOCH }
    }

    /// Adds a score of a text about `symbol` that could be known from `at` on: the later of when it was published and when it was seen.
    pub fn push(&mut self, at: Timestamp, symbol: &str, score: &Score) {
        if !score.value.is_finite() {
            self.left_out += 1;
            return;
        }
        let hour = at.floor_to(NS_PER_HOUR);
        let newest = self.newest.max(at);
        let oldest = newest.as_nanos().saturating_sub(NS_PER_HOUR.saturating_mul(self.settings.hours_max as i64));
        let pair = (symbol.to_owned(), score.engine);
        let symbols = self.fading.len() / Engine::ALL.len();
        let has_room = self.fading.contains_key(&pair) || symbols < self.settings.symbols_max;
        if hour.as_nanos() < oldest || !has_room {
            self.left_out += 1;
            return;
        }
        self.newest = newest;
        let fading = self.fading.entry(pair).or_insert(Fading { at, weight: 0.0, sum: 0.0 });
        fading.push(at, score.value, self.settings.half_life_s);
        let key = Key { hour, symbol: symbol.to_owned(), engine: score.engine };
        self.hours.entry(key).or_default().push(score.value, score.label);
        self.hours.retain(|key, _| key.hour.as_nanos() >= oldest);
    }

    /// The hours that are kept, oldest first.
    pub fn hours(&self) -> impl Iterator<Item = (&Key, &Hour)> {
        self.hours.iter()
    }

    /// The fading mean of a symbol's scores by one engine, and how many texts it rests on. `None` without any.
    #[must_use]
    pub fn value(&self, at: Timestamp, symbol: &str, engine: Engine) -> Option<(f64, f64)> {
        let fading = self.fading.get(&(symbol.to_owned(), engine))?;
        let (weight, sum) = fading.as_of(at, self.settings.half_life_s);
        (weight > 0.0).then(|| (sum / weight, weight))
    }

    /// The mood over all symbols by one engine.
    #[must_use]
    pub fn regime(&self, at: Timestamp, engine: Engine) -> Regime {
        let all = self.fading.iter().filter(|((_, by), _)| *by == engine);
        let (weight, sum) = all.fold((0.0, 0.0), |(weight, sum), (_, fading)| {
            let (more_weight, more) = fading.as_of(at, self.settings.half_life_s);
            (weight + more_weight, sum + more)
        });
        if weight < self.settings.regime_texts_min {
            return Regime::Unknown;
        }
        match sum / weight {
            mean if mean >= self.settings.regime_at => Regime::RiskOn,
            mean if mean <= -self.settings.regime_at => Regime::RiskOff,
            _ => Regime::Mixed,
        }
    }

    /// Scores that were left out.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl Fading {
    fn push(&mut self, at: Timestamp, value: f64, half_life_s: f64) {
        if at > self.at {
            let share = fade(self.at, at, half_life_s);
            *self = Self { at, weight: self.weight * share + 1.0, sum: self.sum * share + value };
        } else {
            // A text that became known late counts as little as if it had come in time.
            let share = fade(at, self.at, half_life_s);
            self.weight += share;
            self.sum += share * value;
        }
    }

    fn as_of(&self, at: Timestamp, half_life_s: f64) -> (f64, f64) {
        let share = if at > self.at { fade(self.at, at, half_life_s) } else { 1.0 };
        (self.weight * share, self.sum * share)
    }
}

/// What is left of a weight after some time.
fn fade(from: Timestamp, to: Timestamp, half_life_s: f64) -> f64 {
    let seconds = (to.as_nanos().saturating_sub(from.as_nanos())) as f64 / NS_PER_S as f64;
    libm::exp2(-seconds / half_life_s.max(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(value: f64) -> Score {
        let label = if value > 0.1 { Label::Positive } else { Label::Neutral };
        Score { engine: Engine::Lexicon, value, probabilities: None, confidence: 1.0, label }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn an_hour_has_count_mean_and_dispersion() {
        let mut all = Aggregate::new(Settings::default());
        for (seconds, value) in [(0, 0.2), (10, 0.4), (20, 0.9), (3_600, -1.0)] {
            all.push(at(seconds), "BTC", &score(value));
        }
        let hours: Vec<_> = all.hours().map(|(key, hour)| (key.hour, *hour)).collect();
        assert_eq!((hours.len(), hours[0].1.count(), hours[0].1.labels), (2, 3, [0, 0, 3]));
        assert!((hours[0].1.mean().unwrap() - 0.5).abs() < 1e-12);
        assert!((hours[0].1.dispersion().unwrap() - 0.13_f64.sqrt()).abs() < 1e-12);
        assert_eq!(hours[1].1.dispersion(), None);
    }

    #[test]
    fn a_score_counts_half_after_its_half_life() {
        let mut all = Aggregate::new(Settings { half_life_s: 100.0, ..Settings::default() });
        all.push(at(0), "BTC", &score(1.0));
        all.push(at(100), "BTC", &score(-1.0));
        let (mean, texts) = all.value(at(100), "BTC", Engine::Lexicon).unwrap();
        assert!((mean + 1.0 / 3.0).abs() < 1e-12 && (texts - 1.5).abs() < 1e-12);
        let (later, fewer) = all.value(at(200), "BTC", Engine::Lexicon).unwrap();
        assert!(
            (later - mean).abs() < 1e-12 && (fewer - 0.75).abs() < 1e-12,
            "silence changes the weight, not the mean"
        );
        assert_eq!(all.value(at(100), "BTC", Engine::Ollama), None);
        assert_eq!(all.value(at(100), "ETH", Engine::Lexicon), None);
    }

    #[test]
    fn a_regime_needs_texts_and_a_side() {
        let mut all = Aggregate::new(Settings::default());
        assert_eq!(all.regime(at(0), Engine::Lexicon), Regime::Unknown);
        for n in 0..6 {
            all.push(at(n), "BTC", &score(0.5));
        }
        assert_eq!(all.regime(at(10), Engine::Lexicon), Regime::RiskOn);
        for n in 0..6 {
            all.push(at(n), "ETH", &score(-0.5));
        }
        assert_eq!(all.regime(at(10), Engine::Lexicon), Regime::Mixed);
        for n in 0..12 {
            all.push(at(n), "ETH", &score(-0.5));
        }
        assert_eq!(all.regime(at(10), Engine::Lexicon), Regime::RiskOff);
        assert_eq!(all.regime(at(86_400), Engine::Lexicon), Regime::Unknown, "old news is no news");
    }

    #[test]
    fn hours_and_symbols_are_bounded() {
        let mut all = Aggregate::new(Settings { hours_max: 2, symbols_max: 1, ..Settings::default() });
        for hour in 0..50 {
            all.push(at(hour * 3_600), "BTC", &score(0.5));
        }
        assert!(all.hours().count() <= 3);
        all.push(at(0), "BTC", &score(0.5));
        assert_eq!(all.left_out(), 1);
        for n in 0..50 {
            all.push(at(50 * 3_600), &format!("S{n}"), &score(0.5));
        }
        assert_eq!(all.left_out(), 1 + 48, "three pairs of symbol and engine have room");
    }

    proptest! {
        #[test]
        fn order_does_not_matter(mut scores in proptest::collection::vec((0_i64..7_200, -1.0..1.0_f64), 1..40)) {
            let end = at(8_000);
            let of = |scores: &[(i64, f64)]| {
                let mut all = Aggregate::new(Settings::default());
                scores.iter().for_each(|(seconds, value)| all.push(at(*seconds), "BTC", &score(*value)));
                let hours: Vec<(u64, f64)> = all.hours().map(|(_, hour)| (hour.count(), hour.mean().unwrap())).collect();
                (hours, all.value(end, "BTC", Engine::Lexicon).unwrap())
            };
            let (hours, (mean, texts)) = of(&scores);
            scores.reverse();
            let (other_hours, (other_mean, other_texts)) = of(&scores);
            prop_assert!((mean - other_mean).abs() < 1e-9 && (texts - other_texts).abs() < 1e-9);
            for (one, other) in hours.iter().zip(&other_hours) {
                prop_assert!(one.0 == other.0 && (one.1 - other.1).abs() < 1e-9);
            }
        }
    }
}
