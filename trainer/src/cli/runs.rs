//! `runs`.

use std::path::PathBuf;

use bundle::Metrics;
use bundle::manifest::MetricsBySource;
use clap::Args;

use crate::runs::{self, Experiment};

/// Put experiments side by side: run folders and bundles, and what lies below the named folders.
#[derive(Debug, Args)]
pub(super) struct Runs {
    /// Folders to look into.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Runs {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let experiments = runs::find(&self.folders)?;
        if self.json {
            println!("{}", serde_json::to_string(&experiments)?);
            return Ok(());
        }
        let rows = rows(&experiments);
        let columns = experiments.len() + 1;
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("{}", cells.join("  ").trim_end());
        }
        Ok(())
    }
}

/// One column per experiment, a name before them.
fn rows(experiments: &[Experiment]) -> Vec<Vec<String>> {
    let row = |name: String, of: &dyn Fn(&Experiment) -> Option<String>| {
        let cells = experiments.iter().map(|experiment| of(experiment).unwrap_or_else(|| "-".to_owned()));
        std::iter::once(name).chain(cells).collect::<Vec<_>>()
    };
    let mut rows = vec![
        row(String::new(), &|e| Some(e.path.display().to_string())),
        row("model".to_owned(), &|e| Some(e.model.clone())),
        row("data".to_owned(), &|e| Some(e.data.join(", "))),
        row("trials".to_owned(), &|e| e.trials.map(|trials| trials.to_string())),
    ];
    for name in runs::differing(experiments) {
        rows.push(row(name.clone(), &|e| e.settings.get(&name).cloned()));
    }
    let folds = experiments.iter().map(|e| e.folds.len()).max().unwrap_or(0);
    for fold in 0..folds {
        results(&mut rows, experiments, &format!("fold {}", fold + 1), &|e| e.folds.get(fold));
    }
    results(&mut rows, experiments, "held out", &|e| e.held_out.as_ref());
    rows
}

fn results<'a>(
    rows: &mut Vec<Vec<String>>,
    experiments: &'a [Experiment],
    part: &str,
    of: &dyn Fn(&'a Experiment) -> Option<&'a MetricsBySource>,
) {
    let all = experiments.iter().filter_map(of).flat_map(|by_source| {
        by_source.iter().flat_map(|(source, report)| report.keys().map(|horizon| (source.clone(), *horizon)))
    });
    let keys: std::collections::BTreeSet<(String, u16)> = all.collect();
    for (source, horizon) in keys {
        let cell =
            |e: &'a Experiment| of(e).and_then(|all| all.get(&source)?.get(&horizon)).map_or("-".to_owned(), skill);
        let cells = experiments.iter().map(cell);
        rows.push(std::iter::once(format!("{part}, {source}, +{horizon} min")).chain(cells).collect());
    }
}

/// Skill in percent with its interval, and the verdict.
fn skill(m: &Metrics) -> String {
    let percent = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:+.2}", value * 100.0));
    let verdict = super::report::word(m.verdict);
    format!("{} % ({} to {}) {verdict}", percent(m.skill), percent(m.skill_lo), percent(m.skill_hi))
}
