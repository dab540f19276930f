//! `tickerbox scoreboard`: what the kept forecasts were worth.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use store::State;
use types::Timestamp;

use super::{print_json, time};
use crate::kept::{Known, full_name, is_meant};
use crate::scoreboard::{self, Line, lines};

/// Shows what the kept forecasts were worth against "no change", by instrument, model and horizon.
///
/// Not while a box is writing to the folder (it answers GET /api/v1/scoreboard itself). Without --from the last seven days in which
/// there were forecasts are looked at. The verdict needs both: a 95 % interval of the skill that does not hold zero, and evidence of 20
/// or more, which stays honest however often one looks.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The box's data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only this instrument: as the venue names it (kraken:BTC/USD), or a pair on all venues (BTC/USD). May be repeated.
    #[arg(long, value_name = "SYMBOL")]
    symbol: Vec<String>,
    /// From this time on, UTC: 2026-07-19 or 2026-07-19T17:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let state = State::open_read(&self.data_dir)?;
        let listings = state.catalogue()?;
        for wanted in &self.symbol {
            let names = || listings.iter().map(full_name).collect::<Vec<_>>().join(", ");
            let is_known = listings.iter().any(|listing| is_meant(listing, wanted));
            anyhow::ensure!(is_known, "{}: no instrument {wanted:?}; known are {}", self.data_dir.display(), names());
        }
        let known = Known::all(&state, |listing| {
            self.symbol.is_empty() || self.symbol.iter().any(|wanted| is_meant(listing, wanted))
        })?;
        let to = self.to.unwrap_or(Timestamp::MAX);
        let mut found = Vec::new();
        for known in &known {
            found.extend(lines(&state, known, self.from, to)?);
        }
        if self.json {
            found.iter().try_for_each(print_json)?;
        } else {
            print(&found)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Characters of a model's identifier that are shown.
const MODEL_SHOWN: usize = 8;

fn print(lines: &[Line]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if lines.is_empty() {
        return writeln!(out, "no forecasts are kept");
    }
    writeln!(
        out,
        "{:<22} {:<8} {:>6} {:>6}  {:>8} {:>8}  {:>7} {:>17}  {:>5}  {:>6}  {:>6}  {:>9}  verdict",
        "instrument",
        "model",
        "min",
        "n",
        "error bp",
        "no ch.",
        "skill %",
        "95 %",
        "hit %",
        "90 % b.",
        "DM p",
        "evidence"
    )?;
    let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{:.1}", value * 100.0));
    let plain = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    for Line { venue, symbol, model, card, .. } in lines {
        let interval = card.skill_lo.zip(card.skill_hi);
        let interval =
            interval.map_or_else(|| "-".to_owned(), |(lo, hi)| format!("{:+.1} to {:+.1}", lo * 100.0, hi * 100.0));
        let model: String = model.chars().take(MODEL_SHOWN).collect();
        let verdict = scoreboard::word(card.verdict);
        writeln!(
            out,
            "{:<22} {model:<8} {:>6} {:>6}  {:>8} {:>8}  {:>7} {interval:>17}  {:>5}  {:>6}  {:>6}  {:>9.1}  {verdict}",
            format!("{venue}:{symbol}"),
            format!("+{}", card.horizon_min),
            card.n,
            plain(card.mae_bps),
            plain(card.naive_mae_bps),
            percent(card.skill),
            percent(card.hit_rate),
            percent(card.coverage_90),
            plain(card.dm_p),
            card.evidence_better.max(card.evidence_worse),
        )?;
    }
    Ok(())
}
