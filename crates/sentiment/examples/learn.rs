//! Makes `src/lexicon/learned.tsv` from the tuning part of a labelled CSV (columns `news`, `final_manual_labelling`):
//!
//! ```text
//! cargo run --release -p tickerbox-sentiment --example learn -- HEADLINES.csv > crates/sentiment/src/lexicon/learned.tsv
//! ```
//!
//! With `--search` it prints what ten-fold cross-validation inside the tuning part says of several settings and writes no table. The
//! held-out part is never read by it.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "a program, not the library")]

use sentiment::lexicon::learn::{Settings, learn};
use sentiment::measure::Confusion;
use sentiment::{Label, Lexicon, Part, content_hash, part_of};

const FOLDS: u8 = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which file?")?;
    let is_search = arguments.next().as_deref() == Some("--search");
    let mut samples: Vec<(String, Label)> = Vec::new();
    let mut reader = csv::Reader::from_path(&path)?;
    let header = reader.headers()?.clone();
    let column = |name| header.iter().position(|column| column == name).ok_or(format!("{path}: no column {name}"));
    let (text_at, label_at) = (column("news")?, column("final_manual_labelling")?);
    for row in reader.records() {
        let row = row?;
        let label = Label::parse(&row[label_at]).ok_or_else(|| format!("{path}: label {:?}", &row[label_at]))?;
        samples.push((row[text_at].to_owned(), label));
    }
    samples.retain(|(text, _)| part_of(text) == Part::Tuning);
    let samples: Vec<(&str, Label)> = samples.iter().map(|(text, label)| (text.as_str(), *label)).collect();
    if is_search {
        for ridge_terms in [2.0, 4.0, 8.0, 16.0, 32.0, 1e9] {
            for texts_min in [2, 3, 5] {
                let settings = Settings { ridge_terms, texts_min, ..Settings::default() };
                println!("{texts_min} texts, ridge {ridge_terms}: {}", validated(&samples, settings));
            }
        }
        return Ok(());
    }
    let settings = Settings::default();
    println!(
        "# What terms add to the logits of bad and of good news. Made by `cargo run -p tickerbox-sentiment --example learn`; do not edit."
    );
    println!("# {} labelled headlines of the tuning part of CryptoLin, {settings:?}", samples.len());
    println!("# Ten-fold cross-validation inside the tuning part: {}", validated(&samples, settings));
    print!("{}", learn(&samples, settings).to_table());
    Ok(())
}

/// Accuracy and macro-F1 where each text is scored by weights that have not seen it.
fn validated(samples: &[(&str, Label)], settings: Settings) -> String {
    let fold_of = |text: &str| content_hash(text).0[31] % FOLDS;
    let mut confusion = Confusion::default();
    for fold in 0..FOLDS {
        let (judged, learned): (Vec<_>, Vec<_>) = samples.iter().copied().partition(|(text, _)| fold_of(text) == fold);
        let scorer = Lexicon::with_weights(learn(&learned, settings));
        for (text, label) in judged {
            confusion.push(label, scorer.score(text).score().map(|score| score.label));
        }
    }
    let (accuracy, f1) = (confusion.accuracy().unwrap_or_default(), confusion.macro_f1().unwrap_or_default());
    format!("accuracy {accuracy:.3}, macro-F1 {f1:.3}, no opinion {}", confusion.no_opinion.iter().sum::<u64>())
}
