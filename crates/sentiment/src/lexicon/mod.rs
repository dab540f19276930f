//! Rules and weighted words: no network, no model file, microseconds.
//!
//! Three sources are added up, all of them tables that can be read:
//!
//! 1. VADER as published (Hutto and Gilbert 2014; crate `vader-parity`, equal to the Python original): how people speak in general.
//! 2. `market.tsv`: valences of words and phrases of the field, written by hand, under VADER's rules (the private module `rules`).
//! 3. `learned.tsv`: for words and pairs of words, how much they lean to bad and to good news beyond that, learned with strong
//!    regularisation from headlines that people labelled ([`learn`], remade by `cargo run -p tickerbox-sentiment --example learn`).
//!
//! The sums are two logits against neutral, so every score can be explained as a list of addends ([`Lexicon::explain`]).

pub mod learn;
mod rules;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use vader_parity::SentimentIntensityAnalyzer;

use crate::{Engine, Identity, Label, NoOpinion, Opinion, Probabilities, Score, content_hash, normalise};
use rules::Valences;
use tokens::{Token, tokens};

/// The valences of the field.
const MARKET: &str = include_str!("market.tsv");
/// The learned weights.
const LEARNED: &str = include_str!("learned.tsv");
/// Version of rules and VADER: goes with the tables' digest into the identity of a score.
const VERSION: &str = "rules-1 vader-3.3.2";
/// Words of a text that are looked at: news says it early, and posts are short.
const WORDS_MAX: usize = 400;
/// Bytes of a text that are looked at, for the same reason.
const BYTES_MAX: usize = 8_000;
/// VADER's constant that maps a sum of valences to -1 to 1: s / sqrt(s^2 + 15).
const ALPHA: f64 = 15.0;

/// Names of the addends that are no words, in the order of [`Text::addends`].
const ADDENDS: [&str; 8] = [
    "@bias",
    "@market_good",
    "@market_bad",
    "@market_balance",
    "@vader_good",
    "@vader_bad",
    "@vader_compound",
    "@question",
];

/// The scorer. Making one reads about 11 000 lines (tens of milliseconds); keep it.
pub struct Lexicon {
    vader: SentimentIntensityAnalyzer,
    market: Valences,
    weights: Weights,
    digest: String,
}

/// How much each addend and term leans to bad and to good news, against neutral.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(BTreeMap<String, [f64; 2]>);

/// A text as the weights see it.
struct Text {
    addends: [f64; ADDENDS.len()],
    terms: BTreeSet<String>,
    is_known: bool,
}

/// One reason of a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The word, pair of words, or the rule (with an @).
    pub term: String,
    /// What it adds to bad news.
    pub negative: f64,
    /// What it adds to good news.
    pub positive: f64,
}

impl Default for Lexicon {
    fn default() -> Self {
        Self::new()
    }
}

impl Lexicon {
    /// With the tables of this program.
    #[must_use]
    pub fn new() -> Self {
        let weights = Weights::parse(LEARNED).expect("the table is checked by a test");
        Self::with_weights(weights)
    }

    /// With other weights: for learning them.
    #[must_use]
    pub fn with_weights(weights: Weights) -> Self {
        let mut digest = Sha256::new();
        digest.update(MARKET);
        digest.update(weights.to_table());
        let digest = digest.finalize();
        Self {
            vader: SentimentIntensityAnalyzer::new(),
            market: Valences::parse(MARKET).expect("the table is checked by a test"),
            weights,
            digest: digest[..8].iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// What a text says. The same bits on every machine.
    #[must_use]
    pub fn score(&self, text: &str) -> Opinion {
        let normal = normalise(text);
        if !normal.chars().any(char::is_alphanumeric) {
            return Opinion::NoOpinion(NoOpinion::EmptyText);
        }
        let text = self.read(&normal);
        if !text.is_known {
            return Opinion::NoOpinion(NoOpinion::NothingKnown);
        }
        let [negative, positive] = self.weights.logits(&text);
        let probabilities = Probabilities::of_logits([negative, 0.0, positive]);
        match probabilities {
            Some(probabilities) => Opinion::Scored(Score::of_probabilities(Engine::Lexicon, probabilities)),
            None => Opinion::NoOpinion(NoOpinion::Unreadable("weights without a finite sum".to_owned())),
        }
    }

    /// Why a text is scored as it is: what each rule and term adds, strongest first.
    #[must_use]
    pub fn explain(&self, text: &str) -> Vec<Reason> {
        let text = self.read(&normalise(text));
        let addends = ADDENDS.iter().zip(text.addends).map(|(name, value)| (*name, value));
        let terms = text.terms.iter().map(|term| (term.as_str(), 1.0));
        let mut reasons: Vec<Reason> = addends
            .chain(terms)
            .filter_map(|(name, value)| {
                let [negative, positive] = self.weights.0.get(name)?;
                Some(Reason { term: name.to_owned(), negative: negative * value, positive: positive * value })
            })
            .collect();
        let strength = |reason: &Reason| reason.negative.abs().max(reason.positive.abs());
        reasons.sort_by(|a, b| strength(b).total_cmp(&strength(a)).then_with(|| a.term.cmp(&b.term)));
        reasons
    }

    /// VADER's compound value of a text, as published, -1 to 1: the bar to beat.
    #[must_use]
    pub fn vader(&self, text: &str) -> f64 {
        self.vader.polarity_scores(text).compound
    }

    /// VADER's label of a text, by the thresholds of its authors.
    #[must_use]
    pub fn vader_label(&self, text: &str) -> Label {
        match self.vader(text) {
            compound if compound >= 0.05 => Label::Positive,
            compound if compound <= -0.05 => Label::Negative,
            _ => Label::Neutral,
        }
    }

    /// What a score of this scorer is filed under.
    #[must_use]
    pub fn identity(&self, text: &str) -> Identity {
        Identity {
            engine: Engine::Lexicon,
            model: self.digest.clone(),
            version: VERSION.to_owned(),
            content: content_hash(text),
        }
    }

    /// Words and phrases of the field, and learned weights.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        (self.market.len(), self.weights.0.len())
    }

    fn read(&self, text: &str) -> Text {
        let text = beginning(text);
        let words = tokens(text, WORDS_MAX);
        let sums = self.market.sums(text, &words);
        let vader = self.vader.polarity_scores(text);
        let squash = |sum: f64| sum / (sum * sum + ALPHA).sqrt();
        let question = if text.contains('?') { 1.0 } else { 0.0 };
        let addends = [
            1.0,
            squash(sums.good),
            squash(sums.bad),
            squash(sums.good - sums.bad),
            vader.pos,
            vader.neg,
            vader.compound,
            question,
        ];
        let terms = terms(&words);
        let is_known =
            sums.found > 0 || vader.compound.abs() > 0.0 || terms.iter().any(|t| self.weights.0.contains_key(t));
        Text { addends, terms, is_known }
    }
}

/// Single words and pairs of neighbours.
fn terms(words: &[Token]) -> BTreeSet<String> {
    let singles = words.iter().map(|word| word.stem.clone());
    let pairs = words.array_windows().map(|[a, b]| format!("{} {}", a.stem, b.stem));
    singles.chain(pairs).collect()
}

/// The part of a text that is looked at, cut between characters.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(BYTES_MAX)]
}

impl Weights {
    /// Reads a table: `term <tab> to bad <tab> to good`; lines that begin with `#` are remarks.
    ///
    /// # Errors
    /// The line that cannot be read.
    pub fn parse(table: &str) -> Result<Self, String> {
        let mut weights = BTreeMap::new();
        for (number, line) in (1..).zip(table.lines()) {
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let mut columns = line.split('\t');
            let term = columns.next().unwrap_or_default();
            let mut weight = || columns.next().and_then(|w| w.parse::<f64>().ok()).filter(|w| w.is_finite());
            let (Some(negative), Some(positive)) = (weight(), weight()) else {
                return Err(format!("line {number}: {term:?} has not two weights"));
            };
            if weights.insert(term.to_owned(), [negative, positive]).is_some() {
                return Err(format!("line {number}: {term:?} stands twice"));
            }
        }
        Ok(Self(weights))
    }

    /// The table that [`Weights::parse`] reads, in the order of the terms.
    #[must_use]
    pub fn to_table(&self) -> String {
        let line =
            |(term, [negative, positive]): (&String, &[f64; 2])| format!("{term}\t{negative:.3}\t{positive:.3}\n");
        self.0.iter().map(line).collect()
    }

    fn logits(&self, text: &Text) -> [f64; 2] {
        let addends = ADDENDS.iter().zip(text.addends).map(|(name, value)| (*name, value));
        let terms = text.terms.iter().map(|term| (term.as_str(), 1.0));
        addends.chain(terms).fold([0.0, 0.0], |[negative, positive], (name, value)| match self.0.get(name) {
            Some([to_bad, to_good]) => [negative + to_bad * value, positive + to_good * value],
            None => [negative, positive],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_tables_can_be_read_and_are_as_written() {
        let weights = Weights::parse(LEARNED).unwrap();
        assert_eq!(Weights::parse(&weights.to_table()).unwrap(), weights);
        assert!(ADDENDS.iter().all(|name| weights.0.contains_key(*name)), "an addend has no weight");
        assert!(Valences::parse(MARKET).unwrap().len() > 500);
    }

    #[test]
    fn tables_of_weights_say_where_they_are_wrong() {
        assert_eq!(Weights::parse("a\t1\t2\na\t1\t2"), Err("line 2: \"a\" stands twice".to_owned()));
        assert_eq!(Weights::parse("a\t1"), Err("line 1: \"a\" has not two weights".to_owned()));
        assert_eq!(Weights::parse("a\t1\tinf"), Err("line 1: \"a\" has not two weights".to_owned()));
    }
}
