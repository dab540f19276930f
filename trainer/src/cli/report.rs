//! `report`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::ensure;
use bundle::{Manifest, Metrics, Verdict};
use clap::Args;
use infer::Model;
use serde_json::json;

use crate::dataset::Dataset;
use crate::score::{self, Forecast};
use crate::windows::{self, Window};
use crate::{card, import, importance};

/// Score a bundle on a candle file against "no change": one forecast a candle, no window spans a gap.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// Folder, manifest or `.tbx` file.
    #[arg(long, value_name = "PATH")]
    bundle: PathBuf,
    /// Candle file of the model's length of candle, gzipped or plain; of a doubled candle the last row counts.
    #[arg(long, value_name = "FILE.csv[.gz]")]
    candles: PathBuf,
    /// Only windows and outcomes in the part that was held out in training (for its own candle files).
    #[arg(long)]
    held_out: bool,
    /// Also tell which features the forecasts lean on: what becomes of them when one feature is that of other windows.
    #[arg(long)]
    importance: bool,
    #[command(flatten)]
    trust: super::Trust,
    /// Print JSON; with `--importance` an object of `skill` and `importance`.
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let bundle = bundle::load(&self.bundle, &self.trust.keys()?)?;
        let manifest = bundle.manifest();
        check_fingerprint(manifest)?;
        let model = Model::load(&bundle)?;
        let series = import::candle_file(&self.candles, &manifest.features)?;
        let (found, needed) = (series.timeframe_min, manifest.timeframe_min);
        ensure!(found == needed, "{}: candles of {found} minutes, the model reads those of {needed}", series.source);
        let dataset = Dataset {
            features: manifest.features.clone(),
            fingerprint: manifest.fingerprint.clone(),
            series: vec![series],
        };
        let windows = self.windows(&dataset, manifest);
        let forecasts = score::forecasts(&dataset, &model, &windows)?;
        let forecasts: Vec<Forecast> = windows
            .iter()
            .zip(forecasts)
            .map(|(window, log_returns)| Forecast { end: window.end, log_returns })
            .collect();
        let horizons: Vec<u16> = manifest.horizons_min.iter().map(|horizon| horizon / needed).collect();
        let report = score::report(&dataset.series[0], &forecasts, &horizons);
        let leans = match self.importance {
            true => Some(importance::importance(&dataset, &model, &windows)?),
            false => None,
        };
        if self.json {
            let told = match leans {
                Some(leans) => serde_json::to_string(&json!({ "skill": report, "importance": leans }))?,
                None => serde_json::to_string(&report)?,
            };
            println!("{told}");
        } else {
            let report = report.iter().map(|(horizon, skill)| (*horizon, score::metrics(skill))).collect();
            print(&dataset.series[0].source, &report);
            println!("{}", card::trials(manifest.training.search, &manifest.training.members));
            for (feature, one) in leans.iter().flat_map(card::by_importance) {
                let (moves, error) = (one.moves * 100.0, one.error * 100.0);
                println!(
                    "  {feature:16} moves the forecasts by {moves:5.1} % of their size, their error by {error:+.3} %"
                );
            }
        }
        Ok(())
    }

    fn windows(&self, dataset: &Dataset, manifest: &Manifest) -> Vec<Window> {
        let len = manifest.rows();
        if self.held_out {
            let (from, to) = manifest.training.split.held_out_ms;
            let longest = manifest.horizons_min.iter().copied().max().unwrap_or(0) / manifest.timeframe_min;
            return windows::within(dataset, len, longest, (from / 60_000, to / 60_000));
        }
        let ends = windows::ends(&dataset.series[0], dataset.features.len(), len);
        ends.into_iter().map(|end| Window { series: 0, end }).collect()
    }
}

/// Refuses a model whose features this program computes differently.
pub(super) fn check_fingerprint(manifest: &Manifest) -> anyhow::Result<()> {
    let ours = engine::feature::fingerprint(&manifest.features)?;
    ensure!(
        ours == manifest.fingerprint,
        "the model was trained on other feature definitions: its fingerprint is {}, ours {ours}",
        manifest.fingerprint
    );
    Ok(())
}

/// One line per horizon for people.
pub(super) fn print(title: &str, report: &BTreeMap<u16, Metrics>) {
    println!("{title}");
    for (horizon, m) in report {
        let percent = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.2}", value * 100.0));
        let verdict = word(m.verdict);
        println!(
            "  +{horizon:2} min: {} forecasts, {} % better than no change (95 %: {} to {}), {} % right sign ({} to {}): {verdict}",
            m.n,
            percent(m.skill),
            percent(m.skill_lo),
            percent(m.skill_hi),
            percent(m.hit_rate),
            percent(m.hit_lo),
            percent(m.hit_hi),
        );
    }
}

/// The verdict as it is written everywhere.
pub(super) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "worse",
        Verdict::NotProven => "not proven",
        Verdict::Better => "better",
    }
}
