//! Scores, and the lack of one.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ContentHash;

/// Who scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Rules and weighted words.
    Lexicon,
    /// A BERT classifier trained on financial text.
    Finbert,
    /// A language model behind Ollama.
    Ollama,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lexicon, Self::Finbert, Self::Ollama];

    /// Its name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lexicon => "lexicon",
            Self::Finbert => "finbert",
            Self::Ollama => "ollama",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The side a text is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Bad news for the market.
    Negative,
    /// Neither.
    Neutral,
    /// Good news for the market.
    Positive,
}

impl Label {
    /// All of them, in the order of every table here.
    pub const ALL: [Self; 3] = [Self::Negative, Self::Neutral, Self::Positive];

    /// Position in [`Label::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Negative => 0,
            Self::Neutral => 1,
            Self::Positive => 2,
        }
    }

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        }
    }

    /// A label as people write it: `-1`, `0`, `1`, or negative/bearish, neutral, positive/bullish in any case. `None` for all else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "-1" | "-1.0" | "negative" | "bearish" => Some(Self::Negative),
            "0" | "0.0" | "neutral" => Some(Self::Neutral),
            "1" | "+1" | "1.0" | "positive" | "bullish" => Some(Self::Positive),
            _ => None,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How likely each label is; they sum to one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probabilities {
    /// Of bad news.
    pub negative: f64,
    /// Of neither.
    pub neutral: f64,
    /// Of good news.
    pub positive: f64,
}

impl Probabilities {
    /// The probabilities of three logits in the order of [`Label::ALL`] (softmax). `None` when one of them is no finite number.
    #[must_use]
    pub fn of_logits(logits: [f64; 3]) -> Option<Self> {
        if !logits.iter().all(|logit| logit.is_finite()) {
            return None;
        }
        let top = logits.iter().fold(f64::MIN, |top, logit| top.max(*logit));
        let [negative, neutral, positive] = logits.map(|logit| libm::exp(logit - top));
        let sum = negative + neutral + positive;
        Some(Self { negative: negative / sum, neutral: neutral / sum, positive: positive / sum })
    }

    /// In the order of [`Label::ALL`].
    #[must_use]
    pub const fn to_array(self) -> [f64; 3] {
        [self.negative, self.neutral, self.positive]
    }

    /// The most likely label; between equals, neutral first.
    #[must_use]
    pub fn label(self) -> Label {
        if self.neutral >= self.positive && self.neutral >= self.negative {
            Label::Neutral
        } else if self.positive >= self.negative {
            Label::Positive
        } else {
            Label::Negative
        }
    }
}

/// What an engine says of a text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Who says it.
    pub engine: Engine,
    /// From -1 (bad news) to 1 (good news).
    pub value: f64,
    /// How likely each label is. `None` for engines that do not tell.
    pub probabilities: Option<Probabilities>,
    /// How sure the engine is of the label, 0 to 1, by its own account: not comparable between engines.
    pub confidence: f64,
    /// The side.
    pub label: Label,
}

impl Score {
    /// The score that follows from probabilities: their difference, the most likely label and its probability.
    #[must_use]
    pub fn of_probabilities(engine: Engine, probabilities: Probabilities) -> Self {
        let label = probabilities.label();
        Self {
            engine,
            value: (probabilities.positive - probabilities.negative).clamp(-1.0, 1.0),
            probabilities: Some(probabilities),
            confidence: probabilities.to_array()[label.index()].clamp(0.0, 1.0),
            label,
        }
    }
}

/// A score, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// The engine has spoken.
    Scored(Score),
    /// The engine cannot tell. Never to be read as neutral.
    NoOpinion(NoOpinion),
}

impl Opinion {
    /// The score, if there is one.
    #[must_use]
    pub const fn score(&self) -> Option<&Score> {
        match self {
            Self::Scored(score) => Some(score),
            Self::NoOpinion(_) => None,
        }
    }
}

/// Why an engine has no opinion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NoOpinion {
    /// The text has no letters or digits.
    #[error("the text is empty")]
    EmptyText,
    /// No word of it is known to the engine: another language, or a name alone.
    #[error("no word of the text is known")]
    NothingKnown,
    /// The model's answer was cut off, also with more room.
    #[error("the answer was cut off")]
    CutOff,
    /// The model's answer is not what was asked for, also after a second try.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// The server failed on this text.
    #[error("the server failed: {0}")]
    Failed(String),
    /// The server did not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// Newer or more urgent texts took its place in the queue.
    #[error("dropped from a full queue")]
    Dropped,
}

/// What was scored by whom: two scorings with the same identity are one, and the second may be answered from memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Who scored.
    pub engine: Engine,
    /// Digest of the model or of the word tables, as the engine names it.
    pub model: String,
    /// Version of the prompt or of the rules.
    pub version: String,
    /// Of the normalised text.
    pub content: ContentHash,
}

impl Identity {
    /// The identity as one hash, for a table of scores.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // Lengths first: no two different identities have the same bytes.
        for part in [self.engine.name(), &self.model, &self.version] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(self.content.0);
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content_hash;

    #[test]
    fn probabilities_sum_to_one_and_equal_ones_are_neutral() {
        let even = Probabilities::of_logits([0.0; 3]).unwrap();
        assert_eq!(even.label(), Label::Neutral);
        let far = Probabilities::of_logits([-900.0, 0.0, 900.0]).unwrap();
        assert!((far.positive - 1.0).abs() < 1e-12 && far.label() == Label::Positive);
        assert_eq!(Probabilities::of_logits([0.0, f64::NAN, 0.0]), None);
    }

    #[test]
    fn identities_differ_where_any_part_does() {
        let one = Identity {
            engine: Engine::Ollama,
            model: "ab".to_owned(),
            version: "c".to_owned(),
            content: content_hash("text"),
        };
        let shifted = Identity { model: "a".to_owned(), version: "bc".to_owned(), ..one.clone() };
        let other = Identity { content: content_hash("texts"), ..one.clone() };
        assert_eq!(one.key(), one.clone().key());
        assert_ne!(one.key(), shifted.key());
        assert_ne!(one.key(), other.key());
    }

    #[test]
    fn labels_are_read_as_people_write_them() {
        for (text, label) in [("-1", Label::Negative), (" Bullish ", Label::Positive), ("0", Label::Neutral)] {
            assert_eq!(Label::parse(text), Some(label));
        }
        assert_eq!(Label::parse("2"), None);
    }
}
