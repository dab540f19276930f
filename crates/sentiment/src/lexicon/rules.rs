//! VADER's rules over words of the market.
//!
//! The rules and their constants are those of Hutto and Gilbert, *VADER: a parsimonious rule-based model for sentiment analysis of
//! social media text* (ICWSM 2014), section 3.3: a booster or a damper before a word, words in capitals, negation within three words
//! before, "but", exclamation and question marks. The words are ours (`market.tsv`), and phrases are one unit.

use std::collections::BTreeMap;

use super::tokens::{Token, tokens};

/// Longest phrase, in words.
const PHRASE_WORDS_MAX: usize = 5;
/// What a booster adds to the word after it, and a damper takes.
const BOOST: f64 = 0.293;
/// What capitals add.
const CAPITALS: f64 = 0.733;
/// What a negation makes of a valence.
const NEGATION: f64 = -0.74;
/// How much less a booster does one and two words further away.
const DISTANCE: [f64; 3] = [1.0, 0.95, 0.9];
/// What one exclamation mark adds, and how many count.
const EXCLAMATION: (f64, usize) = (0.292, 4);
/// What is before and after "but" is multiplied by.
const BUT: (f64, f64) = (0.5, 1.5);

const BOOSTERS: [&str; 30] = [
    "absolutely",
    "amazingly",
    "completely",
    "considerably",
    "deeply",
    "drastically",
    "dramatically",
    "enormously",
    "entirely",
    "especially",
    "exceptionally",
    "extremely",
    "fully",
    "greatly",
    "heavily",
    "highly",
    "hugely",
    "incredibly",
    "intensely",
    "massive",
    "massively",
    "major",
    "more",
    "most",
    "particularly",
    "really",
    "sharply",
    "steeply",
    "totally",
    "very",
];
const DAMPERS: [&str; 14] = [
    "almost",
    "barely",
    "hardly",
    "kinda",
    "less",
    "little",
    "marginally",
    "mildly",
    "modestly",
    "partly",
    "scarcely",
    "slightly",
    "somewhat",
    "nearly",
];
const NEGATIONS: [&str; 40] = [
    "aint", "ain't", "arent", "aren't", "cannot", "cant", "can't", "couldnt", "couldn't", "didnt", "didn't", "doesnt",
    "doesn't", "dont", "don't", "hasnt", "hasn't", "havent", "haven't", "isnt", "isn't", "neither", "never", "no",
    "nobody", "none", "nor", "not", "nothing", "wasnt", "wasn't", "werent", "weren't", "without", "wont", "won't",
    "wouldnt", "wouldn't", "despite", "rarely",
];
const CONTRASTS: [&str; 3] = ["but", "however", "though"];

/// Valences of words and phrases.
#[derive(Clone, Debug)]
pub(super) struct Valences {
    phrases: BTreeMap<String, f64>,
}

/// The good and the bad of a text, each on VADER's scale and not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub good: f64,
    pub bad: f64,
    /// Words and phrases found.
    pub found: usize,
}

impl Valences {
    /// Reads a table: `valence <tab> term, term, ...`; lines that begin with `#` are remarks.
    ///
    /// # Errors
    /// The line that cannot be read, and why.
    pub(super) fn parse(table: &str) -> Result<Self, String> {
        let mut phrases = BTreeMap::new();
        for (number, line) in (1..).zip(table.lines()) {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let (valence, terms) = line.split_once('\t').ok_or_else(|| format!("line {number}: no tab"))?;
            let valence: f64 = valence.parse().map_err(|_| format!("line {number}: {valence:?} is no number"))?;
            if !(-4.0..=4.0).contains(&valence) {
                return Err(format!("line {number}: {valence} is not within -4 and 4"));
            }
            for term in terms.split(',') {
                let words = tokens(term, usize::MAX);
                if words.is_empty() || words.len() > PHRASE_WORDS_MAX {
                    return Err(format!("line {number}: {term:?} has {} words", words.len()));
                }
                phrases.entry(join(&words)).or_insert(valence);
            }
        }
        Ok(Self { phrases })
    }

    /// Applies the rules.
    pub(super) fn sums(&self, text: &str, words: &[Token]) -> Sums {
        let has_small = words.iter().any(|word| !word.is_shouted && word.word.chars().any(char::is_alphabetic));
        let mut found: Vec<(usize, f64)> = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let Some((length, valence)) = self.longest(&words[at..]) else {
                at += 1;
                continue;
            };
            if valence.abs() > f64::EPSILON {
                let is_shouted = has_small && words[at..at + length].iter().any(|word| word.is_shouted);
                found.push((at, in_context(valence, is_shouted, &words[..at])));
            }
            at += length;
        }
        if let Some(but) = words.iter().position(|word| CONTRASTS.contains(&word.word.as_str())) {
            for (at, valence) in &mut found {
                *valence *= if *at < but { BUT.0 } else { BUT.1 };
            }
        }
        let mut sums = Sums { found: found.len(), ..Sums::default() };
        for (_, valence) in found {
            if valence > 0.0 {
                sums.good += valence;
            } else {
                sums.bad -= valence;
            }
        }
        emphasise(&mut sums, text);
        sums
    }

    /// The longest phrase at the beginning of some words, and its valence.
    fn longest(&self, words: &[Token]) -> Option<(usize, f64)> {
        (1..=PHRASE_WORDS_MAX.min(words.len()))
            .rev()
            .find_map(|length| self.phrases.get(&join(&words[..length])).map(|valence| (length, *valence)))
    }

    /// How many words and phrases there are.
    pub(super) fn len(&self) -> usize {
        self.phrases.len()
    }
}

fn join(words: &[Token]) -> String {
    let stems: Vec<&str> = words.iter().map(|word| word.stem.as_str()).collect();
    stems.join(" ")
}

/// A valence after boosters, capitals and negation.
fn in_context(valence: f64, is_shouted: bool, before: &[Token]) -> f64 {
    let sign = valence.signum();
    let mut valence = valence + if is_shouted { sign * CAPITALS } else { 0.0 };
    let near = before.iter().rev().zip(DISTANCE);
    let mut is_negated = false;
    for (word, weight) in near {
        let word = word.word.as_str();
        if BOOSTERS.contains(&word) {
            valence += sign * BOOST * weight;
        } else if DAMPERS.contains(&word) {
            valence -= sign * BOOST * weight;
        } else if NEGATIONS.contains(&word) {
            is_negated = true;
        }
    }
    if is_negated { valence * NEGATION } else { valence }
}

/// Exclamation and question marks make the stronger side stronger.
fn emphasise(sums: &mut Sums, text: &str) {
    let count = |mark: char| text.chars().filter(|c| *c == mark).count();
    let questions = match count('?') {
        0 | 1 => 0.0,
        few @ 2..=3 => few as f64 * 0.18,
        _ => 0.96,
    };
    let extra = count('!').min(EXCLAMATION.1) as f64 * EXCLAMATION.0 + questions;
    if sums.good > sums.bad {
        sums.good += extra;
    } else if sums.bad > sums.good {
        sums.bad += extra;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(text: &str) -> Sums {
        let table = "# a remark\n2\tsurge, lift ban\n-3\tban, fall\n0\tfall in love\n";
        Valences::parse(table).unwrap().sums(text, &tokens(text, 100))
    }

    #[track_caller]
    fn check(text: &str, good: f64, bad: f64) {
        let found = sums(text);
        assert!((found.good - good).abs() < 1e-9 && (found.bad - bad).abs() < 1e-9, "{text}: {found:?}");
    }

    #[test]
    fn rules_are_those_of_the_paper() {
        check("ether surges", 2.0, 0.0);
        check("ether surges!", 2.292, 0.0);
        check("ether surges!!!!!!", 2.0 + 4.0 * 0.292, 0.0);
        check("ether surges??", 2.36, 0.0);
        check("ether SURGES today", 2.733, 0.0);
        check("ETHER SURGES", 2.0, 0.0);
        check("ether sharply surges", 2.293, 0.0);
        check("ether slightly falls", 0.0, 3.0 - 0.293);
        check("ether will not surge", 0.0, 1.48);
        check("no surge of the ether, said nobody", 0.0, 1.48);
        check("ether falls, but bitcoin surges", 3.0, 1.5);
    }

    #[test]
    fn the_longest_phrase_wins_and_zero_takes_words_out() {
        check("China lifts ban", 2.0, 0.0);
        check("people fall in love with ether", 0.0, 0.0);
        assert_eq!(sums("people fall in love").found, 0);
    }

    #[test]
    fn tables_that_cannot_be_read_say_where() {
        for (table, reason) in [
            ("1\tgood\nbad", "line 2: no tab"),
            ("x\tgood", "line 1: \"x\" is no number"),
            ("9\tgood", "line 1: 9 is not within -4 and 4"),
            ("1\tgood,,", "line 1: \"\" has 0 words"),
        ] {
            assert_eq!(Valences::parse(table).map(|table| table.len()), Err(reason.to_owned()));
        }
    }
}
