//! `controls`.

use std::path::PathBuf;

use clap::Args;
use engine::skill::{Scorecard, Verdict};

use crate::controls::{self, Judged, Question};
use crate::dataset::Dataset;
use crate::{import, run};

/// Score the forecasters that a model has to beat: no change, drift, last sign, seasonal naive, linear.
#[derive(Debug, Args)]
pub(super) struct Controls {
    /// Dataset made by `import`.
    #[arg(long, value_name = "FILE", required_unless_present = "candles", conflicts_with = "candles")]
    data: Option<PathBuf>,
    /// Candle file, gzipped or plain; may be given more than once.
    #[arg(long, value_name = "FILE.csv[.gz]")]
    candles: Vec<PathBuf>,
    /// Candles of history of the model they stand beside: they are asked about the same windows.
    #[arg(long, default_value_t = 60, value_name = "CANDLES")]
    window: usize,
    /// Horizons in candles.
    #[arg(long, default_values_t = [5, 10, 30], value_delimiter = ',', value_name = "CANDLES")]
    horizons: Vec<u16>,
    /// Walk-forward folds.
    #[arg(long, default_value_t = 3)]
    folds: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Controls {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let dataset = match &self.data {
            Some(path) => Dataset::load(path)?,
            None => import::dataset(&self.candles, &run::FEATURES.map(str::to_owned))?,
        };
        let question = Question { window: self.window, horizons: self.horizons, folds: self.folds };
        let mut judged = controls::judge(&dataset, &question)?;
        if self.json {
            println!("{}", serde_json::to_string(&judged)?);
            return Ok(());
        }
        // Stable: the parts stay in the order of time, the controls in theirs.
        judged.sort_by(|a, b| a.source.cmp(&b.source));
        for group in judged.chunk_by(|a, b| (&a.source, &a.part) == (&b.source, &b.part)) {
            println!("{}, {}", group[0].source, group[0].part);
            println!(
                "  {:>5}  {:14}  {:>6}  {:>27}  {:>20}  {:>8}  verdict",
                "ahead", "control", "n", "skill, % (95 %)", "right sign, %", "evidence"
            );
            let mut of_horizon: Vec<&Judged> = group.iter().collect();
            of_horizon.sort_by_key(|one| one.card.horizon_min);
            of_horizon.iter().for_each(|one| print(one.control.name(), &one.card));
        }
        Ok(())
    }
}

fn print(name: &str, card: &Scorecard) {
    let percent = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.2}", value * 100.0));
    let skill = format!("{} ({} to {})", percent(card.skill), percent(card.skill_lo), percent(card.skill_hi));
    let hit = format!("{} ({} to {})", percent(card.hit_rate), percent(card.hit_lo), percent(card.hit_hi));
    let evidence = card.evidence_better.max(card.evidence_worse);
    let evidence = if evidence < 1e5 { format!("{evidence:.1}") } else { format!("{evidence:.0e}") };
    let ahead = format!("+{}", card.horizon_min);
    println!("  {ahead:>5}  {name:14}  {:>6}  {skill:>27}  {hit:>20}  {evidence:>8}  {}", card.n, word(card.verdict));
}

/// The verdict as it is written everywhere.
pub(super) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "worse",
        Verdict::NotProven => "not proven",
        Verdict::Better => "better",
    }
}
