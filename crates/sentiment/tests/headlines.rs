//! The lexicon against headlines that people labelled (CryptoLin), and against VADER.

#![allow(clippy::print_stderr, reason = "measurements are shown")]

use sentiment::measure::{Confusion, macro_f1_interval};
use sentiment::{Label, Lexicon, Part, part_of};

const FILE: &str = "news/cryptolin_headlines_labelled.csv";

fn headlines() -> Option<Vec<(String, Label)>> {
    let text = testdata::text(FILE)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.records().map(|row| {
        let row = row.expect("a row of the file");
        (row[2].to_owned(), Label::parse(&row[3]).expect("a label"))
    });
    Some(rows.collect())
}

#[test]
fn headlines_that_it_has_not_seen_are_scored_better_than_by_vader() {
    let Some(headlines) = headlines() else { return };
    assert_eq!(headlines.len(), 1788);
    let lexicon = Lexicon::new();
    let held_out: Vec<_> = headlines.iter().filter(|(text, _)| part_of(text) == Part::HeldOut).collect();
    let scored = |text: &str| lexicon.score(text).score().map(|score| score.label);
    let ours: Vec<_> = held_out.iter().map(|(text, label)| (*label, scored(text))).collect();
    let vader: Vec<_> = held_out.iter().map(|(text, label)| (*label, Some(lexicon.vader_label(text)))).collect();
    let (found, bar) = (Confusion::of(&ours), Confusion::of(&vader));
    let f1 = macro_f1_interval(&ours, 2_000, 20_261_123).unwrap();
    // Shown and not judged: the weights have seen it.
    let tuning = headlines.iter().filter(|(text, _)| part_of(text) == Part::Tuning);
    let tuning = Confusion::of(&tuning.map(|(text, label)| (*label, scored(text))).collect::<Vec<_>>());
    eprintln!("tuning part: accuracy {:?}, macro-F1 {:?}", tuning.accuracy(), tuning.macro_f1());
    let vader_f1 = macro_f1_interval(&vader, 2_000, 20_261_123);
    eprintln!("VADER in {:?} and {vader_f1:?}", bar.accuracy_interval());
    eprintln!("{} held out; {found:?}", held_out.len());
    eprintln!("accuracy {:?} in {:?}, VADER {:?}", found.accuracy(), found.accuracy_interval(), bar.accuracy());
    eprintln!("macro-F1 {:?} in {f1:?}, VADER {:?}", found.macro_f1(), bar.macro_f1());
    // The whole interval is above what VADER gets, by both figures.
    assert!(found.accuracy_interval().unwrap().0 > bar.accuracy().unwrap() + 0.05);
    assert!(f1.0 > bar.macro_f1().unwrap() + 0.05);
}

/// Compound values of the Python package vaderSentiment 3.3.2 over all headlines, summed in file order: the crate computes the same.
#[test]
fn vader_is_the_published_one() {
    let Some(headlines) = headlines() else { return };
    let lexicon = Lexicon::new();
    let sum: f64 = headlines.iter().map(|(text, _)| lexicon.vader(text)).sum();
    let weighted: f64 = (1_u32..).zip(&headlines).map(|(i, (text, _))| f64::from(i % 97) * lexicon.vader(text)).sum();
    assert!((sum - SUM).abs() < 1e-6 && (weighted - WEIGHTED).abs() < 1e-6, "{sum} {weighted}");
}

const SUM: f64 = 113.9664;
const WEIGHTED: f64 = 4607.1869;

proptest::proptest! {
    #[test]
    fn any_text_is_survived_and_values_are_in_range(text in ".{0,300}", words in "([A-Za-z]{1,9}[ !?,.'%$-]{1,2}){0,40}") {
        thread_local!(static LEXICON: Lexicon = Lexicon::new());
        for text in [text, words] {
            let opinion = LEXICON.with(|lexicon| lexicon.score(&text));
            if let Some(score) = opinion.score() {
                let sum: f64 = score.probabilities.unwrap().to_array().iter().sum();
                proptest::prop_assert!((-1.0..=1.0).contains(&score.value) && (sum - 1.0).abs() < 1e-9);
                proptest::prop_assert!((1.0 / 3.0 - 1e-9..=1.0).contains(&score.confidence));
            }
        }
    }
}

#[test]
fn what_cannot_be_told_is_not_neutral() {
    use sentiment::{NoOpinion, Opinion};
    let lexicon = Lexicon::new();
    assert_eq!(lexicon.score(" \u{200b}?!"), Opinion::NoOpinion(NoOpinion::EmptyText));
    assert_eq!(lexicon.score("比特币 上涨"), Opinion::NoOpinion(NoOpinion::NothingKnown));
    let long = "Bitcoin crashes as exchange is hacked. ".repeat(50_000);
    assert_eq!(lexicon.score(&long).score().map(|score| score.label), Some(Label::Negative));
}

/// Headlines of our own, of another time than the labelled ones.
#[test]
fn plain_news_is_on_the_side_that_it_says() {
    let lexicon = Lexicon::new();
    for (text, label) in [
        ("SEC sues exchange over unregistered securities", Label::Negative),
        ("Hackers drain $40 million from DeFi bridge", Label::Negative),
        ("Bitcoin plunges below $50,000 amid liquidations", Label::Negative),
        ("China bans crypto mining again", Label::Negative),
        ("Lender files for bankruptcy and halts withdrawals", Label::Negative),
        ("Bitcoin soars to new all-time high", Label::Positive),
        ("Spot bitcoin ETF approved", Label::Positive),
        ("Short squeeze sends ether surging 12%", Label::Positive),
        ("Startup raises $30 million in series B funding", Label::Positive),
    ] {
        let value = lexicon.score(text).score().unwrap().value;
        let why = &lexicon.explain(text)[..5];
        let towards = if label == Label::Positive { value } else { -value };
        assert!(towards > 0.2, "{text}: {value} {why:?}");
    }
}
