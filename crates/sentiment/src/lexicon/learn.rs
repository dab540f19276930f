//! The learned weights: multinomial logistic regression with a ridge, over the addends and terms of a text.
//!
//! Every label weighs the same in sum, so the rare bad news counts as much as the frequent good news. The loss is convex and the steps
//! are fixed: the same texts give the same table.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::tokens;
use super::{ADDENDS, Lexicon, Text, Weights};
use crate::{Label, normalise};

/// Names that say who and not what: learned, they would be the fame of 2021 and not the news.
const NAMES: &str = include_str!("names.txt");

/// How the weights are learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// A term is learned when it is in so many texts.
    pub texts_min: usize,
    /// Penalty on the square of a term's weight, in units of one text's loss.
    pub ridge_terms: f64,
    /// The same for the rules' addends, which are few and known to mean something.
    pub ridge_addends: f64,
    /// Weights that are smaller than this to both sides are left out.
    pub weight_min: f64,
    /// Steps of the descent.
    pub steps: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { texts_min: 2, ridge_terms: 8.0, ridge_addends: 0.5, weight_min: 0.03, steps: 400 }
    }
}

/// Learns weights from labelled texts.
#[must_use]
pub fn learn(samples: &[(&str, Label)], settings: Settings) -> Weights {
    let reader = Lexicon::with_weights(Weights::default());
    let texts: Vec<(Text, Label)> =
        samples.iter().map(|(text, label)| (reader.read(&normalise(text)), *label)).collect();
    let columns = columns(&texts, settings.texts_min);
    let rows: Vec<Row> = texts.iter().map(|(text, label)| Row::of(text, *label, &columns)).collect();
    let mut counts = [0.0_f64; 3];
    rows.iter().for_each(|row| counts[row.label] += 1.0);
    let share = counts.map(|count| rows.len() as f64 / (3.0 * count.max(1.0)));
    let width = ADDENDS.len() + columns.len();
    let weights = descend(&rows, share, width, settings);
    let names = ADDENDS.iter().map(|name| (*name).to_owned()).chain(columns.into_keys());
    let round = |weight: f64| libm::round(weight * 1_000.0) / 1_000.0;
    let is_kept = |(at, weight): (usize, [f64; 2])| {
        at < ADDENDS.len() || weight.iter().any(|weight| weight.abs() >= settings.weight_min)
    };
    let table = names.zip(weights).enumerate().filter(|(at, (_, weight))| is_kept((*at, *weight)));
    Weights(table.map(|(_, (name, weight))| (name, weight.map(round))).collect())
}

/// The terms to learn, each with its column.
fn columns(texts: &[(Text, Label)], texts_min: usize) -> BTreeMap<String, usize> {
    let names: BTreeSet<String> = tokens(NAMES, usize::MAX).into_iter().map(|name| name.stem).collect();
    let is_name = |term: &str| term.split(' ').any(|word| names.contains(word));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for term in texts.iter().flat_map(|(text, _)| &text.terms) {
        *counts.entry(term).or_default() += 1;
    }
    let frequent = counts.into_iter().filter(|(term, count)| *count >= texts_min && !is_name(term));
    (ADDENDS.len()..).zip(frequent).map(|(column, (term, _))| (term.to_owned(), column)).collect()
}

struct Row {
    values: Vec<(usize, f64)>,
    label: usize,
}

impl Row {
    fn of(text: &Text, label: Label, columns: &BTreeMap<String, usize>) -> Self {
        let addends = text.addends.iter().copied().enumerate();
        let terms = text.terms.iter().filter_map(|term| columns.get(term)).map(|column| (*column, 1.0));
        Self { values: addends.chain(terms).collect(), label: label.index() }
    }

    /// Probabilities in the order of the labels; neutral is the reference.
    fn probabilities(&self, weights: &[[f64; 2]]) -> [f64; 3] {
        let [negative, positive] = self.values.iter().fold([0.0; 2], |[negative, positive], (column, value)| {
            [negative + weights[*column][0] * value, positive + weights[*column][1] * value]
        });
        let top = negative.max(positive).max(0.0);
        let odds = [libm::exp(negative - top), libm::exp(-top), libm::exp(positive - top)];
        let sum: f64 = odds.iter().sum();
        odds.map(|odd| odd / sum)
    }
}

/// Full-batch descent with Nesterov's momentum, each column with a step by its own curvature (Böhning's bound: the curvature of a softmax
/// is at most half of the values' squares).
fn descend(rows: &[Row], share: [f64; 3], width: usize, settings: Settings) -> Vec<[f64; 2]> {
    let ridge = |column: usize| if column < ADDENDS.len() { settings.ridge_addends } else { settings.ridge_terms };
    // A bound on all columns together: the sum of absolute values of a row stands for its length.
    let mut curvature = vec![0.0; width];
    for row in rows {
        let length: f64 = row.values.iter().map(|(_, value)| value.abs()).sum();
        for (column, value) in &row.values {
            curvature[*column] += 0.5 * share[row.label] * value.abs() * length;
        }
    }
    let step: Vec<f64> =
        curvature.iter().enumerate().map(|(column, curvature)| 1.0 / (curvature + ridge(column))).collect();
    let mut weights = vec![[0.0; 2]; width];
    let mut before = weights.clone();
    for turn in 0..settings.steps {
        let momentum = turn as f64 / (turn as f64 + 3.0);
        let ahead: Vec<[f64; 2]> = weights
            .iter()
            .zip(&before)
            .map(|(now, old)| [now[0] + momentum * (now[0] - old[0]), now[1] + momentum * (now[1] - old[1])])
            .collect();
        let mut slope: Vec<[f64; 2]> =
            ahead.iter().enumerate().map(|(column, weight)| weight.map(|weight| weight * ridge(column))).collect();
        // The bias has no penalty: it only sets the level.
        slope[0] = [0.0; 2];
        for row in rows {
            let mut error = row.probabilities(&ahead);
            error[row.label] -= 1.0;
            for (column, value) in &row.values {
                slope[*column][0] += share[row.label] * error[0] * value;
                slope[*column][1] += share[row.label] * error[2] * value;
            }
        }
        before = weights;
        weights =
            (0..width).map(|c| [ahead[c][0] - step[c] * slope[c][0], ahead[c][1] - step[c] * slope[c][1]]).collect();
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_word_is_found_and_noise_is_not() {
        let filler = ["ether", "miner", "wallet", "token", "paper"];
        let mut samples = Vec::new();
        for i in 0..60 {
            let other = filler[i % filler.len()];
            samples.push((format!("zorbs the {other}"), Label::Positive));
            samples.push((format!("quimps the {other}"), Label::Negative));
            samples.push((format!("sees the {other}"), Label::Neutral));
        }
        let samples: Vec<(&str, Label)> = samples.iter().map(|(text, label)| (text.as_str(), *label)).collect();
        let weights = learn(&samples, Settings::default());
        assert_eq!(learn(&samples, Settings::default()), weights);
        let scorer = Lexicon::with_weights(weights.clone());
        let label = |text| scorer.score(text).score().map(|score| score.label);
        assert_eq!(label("zorbs a bicycle"), Some(Label::Positive));
        assert_eq!(label("quimps a bicycle"), Some(Label::Negative));
        assert_eq!(label("sees a bicycle"), Some(Label::Neutral));
        let [zorb, quimp] = ["zorb", "quimp"].map(|term| weights.0[term]);
        assert!(zorb[1] > 0.5 && quimp[0] > 0.5, "{zorb:?} {quimp:?}");
        let noise = |term: &str| weights.0.get(term).map_or(0.0, |weight| weight[0].abs().max(weight[1].abs()));
        assert!(filler.iter().all(|term| noise(term) < 0.1));
    }
}
