//! How often an engine agrees with people.

use serde::Serialize;

use crate::Label;

/// Ends of an interval.
pub type Interval = (f64, f64);

/// Two-sided 95 %: the standard normal quantile of 0.975.
const Z_95: f64 = 1.959_963_984_540_054;

/// Answers counted against the labels that people gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// `counts[given][answered]`, both in the order of [`Label::ALL`].
    pub counts: [[u64; 3]; 3],
    /// Texts without an opinion, by the label given. They count as wrong.
    pub no_opinion: [u64; 3],
}

impl Confusion {
    /// Counts all pairs of the label given and the one answered.
    #[must_use]
    pub fn of(pairs: &[(Label, Option<Label>)]) -> Self {
        let mut confusion = Self::default();
        pairs.iter().for_each(|(given, answered)| confusion.push(*given, *answered));
        confusion
    }

    /// Counts one text.
    pub fn push(&mut self, given: Label, answered: Option<Label>) {
        match answered {
            Some(answered) => self.counts[given.index()][answered.index()] += 1,
            None => self.no_opinion[given.index()] += 1,
        }
    }

    /// Texts.
    #[must_use]
    pub fn texts(&self) -> u64 {
        self.counts.iter().flatten().chain(&self.no_opinion).sum()
    }

    /// Texts that were answered as people did.
    #[must_use]
    pub fn hits(&self) -> u64 {
        (0..3).map(|i| self.counts[i][i]).sum()
    }

    /// Share of texts answered as people did. `None` without texts.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.hits(), self.texts())
    }

    /// Of the texts answered with a label, the share that people gave it. `None` where none was answered so.
    #[must_use]
    pub fn precision(&self, label: Label) -> Option<f64> {
        let i = label.index();
        ratio(self.counts[i][i], self.counts.iter().map(|row| row[i]).sum())
    }

    /// Of the texts that people gave a label, the share answered with it. `None` where none was given it.
    #[must_use]
    pub fn recall(&self, label: Label) -> Option<f64> {
        let i = label.index();
        ratio(self.counts[i][i], self.counts[i].iter().sum::<u64>() + self.no_opinion[i])
    }

    /// Harmonic mean of precision and recall: zero where a label was given and never hit. `None` where it was neither given nor answered.
    #[must_use]
    pub fn f1(&self, label: Label) -> Option<f64> {
        let i = label.index();
        let given = self.counts[i].iter().sum::<u64>() + self.no_opinion[i];
        let answered: u64 = self.counts.iter().map(|row| row[i]).sum();
        ratio(2 * self.counts[i][i], given + answered)
    }

    /// Mean of the F1 of the labels that occur: all count alike, the rare ones too. `None` without texts.
    #[must_use]
    pub fn macro_f1(&self) -> Option<f64> {
        let (sum, count) =
            Label::ALL.iter().filter_map(|label| self.f1(*label)).fold((0.0, 0), |a, f| (a.0 + f, a.1 + 1));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// Interval that holds the true accuracy with 95 % (Wilson, *Probable inference, the law of succession, and statistical inference*,
    /// JASA 22, 1927). `None` without texts.
    #[must_use]
    pub fn accuracy_interval(&self) -> Option<Interval> {
        let (count, share) = (self.texts() as f64, self.accuracy()?);
        let z2 = Z_95 * Z_95;
        let centre = (share + z2 / (2.0 * count)) / (1.0 + z2 / count);
        let half = Z_95 / (1.0 + z2 / count) * (share * (1.0 - share) / count + z2 / (4.0 * count * count)).sqrt();
        Some(((centre - half).max(0.0), (centre + half).min(1.0)))
    }
}

/// The 95 % interval of the macro-F1 by drawing the texts again with replacement (Efron's percentile interval), `draws` times from
/// `seed`. `None` without texts or draws. Cost: draws x texts.
#[must_use]
pub fn macro_f1_interval(pairs: &[(Label, Option<Label>)], draws: usize, seed: u64) -> Option<Interval> {
    if pairs.is_empty() || draws == 0 {
        return None;
    }
    let mut random = SplitMix(seed);
    let mut found: Vec<f64> = (0..draws)
        .filter_map(|_| {
            let mut confusion = Confusion::default();
            for _ in 0..pairs.len() {
                let (given, answered) = pairs[random.below(pairs.len() as u64) as usize];
                confusion.push(given, answered);
            }
            confusion.macro_f1()
        })
        .collect();
    found.sort_by(f64::total_cmp);
    let at = |share: f64| found[((share * found.len() as f64) as usize).min(found.len() - 1)];
    Some((at(0.025), at(0.975)))
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Steele, Lea and Flood's SplitMix64: the same draws from the same seed everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((u128::from(z) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Label::{Negative, Neutral, Positive};

    #[track_caller]
    fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 5e-7), "{found:?} is not {expected}");
    }

    /// The figures are scikit-learn's `f1_score`, `precision_score`, `recall_score` and Wilson's formula with SciPy's quantile.
    #[test]
    fn figures_are_those_of_others() {
        let mut pairs = vec![(Negative, Some(Negative)); 7];
        pairs.extend([(Negative, Some(Neutral)); 2]);
        pairs.extend([(Negative, Some(Positive)); 1]);
        pairs.extend([(Neutral, Some(Neutral)); 11]);
        pairs.extend([(Neutral, Some(Positive)); 4]);
        pairs.extend([(Positive, Some(Positive)); 20]);
        pairs.extend([(Positive, Some(Negative)); 5]);
        let confusion = Confusion::of(&pairs);
        assert_eq!((confusion.texts(), confusion.hits()), (50, 38));
        close(confusion.accuracy(), 0.76);
        close(confusion.precision(Negative), 7.0 / 12.0);
        close(confusion.recall(Negative), 0.7);
        close(confusion.f1(Neutral), 22.0 / 28.0);
        close(confusion.macro_f1(), (14.0 / 22.0 + 22.0 / 28.0 + 0.8) / 3.0);
        let (low, high) = confusion.accuracy_interval().unwrap();
        close(Some(low), 0.625_873_2);
        close(Some(high), 0.857_026_1);
        let (low, high) = macro_f1_interval(&pairs, 500, 1).unwrap();
        let middle = confusion.macro_f1().unwrap();
        assert!(low < middle && middle < high && high - low > 0.1, "{low} {middle} {high}");
        assert_eq!(macro_f1_interval(&pairs, 500, 1), Some((low, high)));
    }

    #[test]
    fn what_was_not_answered_counts_as_wrong() {
        let confusion = Confusion::of(&[(Positive, None), (Positive, Some(Positive))]);
        close(confusion.accuracy(), 0.5);
        close(confusion.recall(Positive), 0.5);
        close(confusion.precision(Positive), 1.0);
        assert_eq!(Confusion::default().accuracy(), None);
        assert_eq!(Confusion::default().macro_f1(), None);
        assert_eq!(macro_f1_interval(&[], 10, 1), None);
    }
}
