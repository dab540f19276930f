//! `tickerbox import`: what people have in files.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use ::export::sheet::parquet_as_csv;
use anyhow::Context;
use store::History;
use store::history::Series;
use types::Timeframe;

use super::{input, print_json};
use crate::clock::wall_now;
use crate::import::{self, Quarantined, sqlite};

/// A Parquet file begins so.
const PARQUET: &[u8] = b"PAR1";

/// Takes candles of CSV and Parquet files, and candles, books and forecasts of TickerML's SQLite databases (tables ohlcv, order_books,
/// predictions), over into history.redb of the data directory.
///
/// The columns time, open, high, low, close and volume are found by their names, in any order; times are seconds, milliseconds,
/// microseconds or nanoseconds since 1970, or UTC text. Rows that are told twice, unfinished, implausible or other than what
/// is there are counted and left out; nothing that is there is changed, so importing a file again adds nothing. Exit code 1
/// when rows were set aside.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Candle files (CSV, gzipped or plain, or Parquet), and SQLite databases.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where it is kept.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Who told the candles, where the files' names (SOURCE_SYMBOL_LENGTH.csv) do not say.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The instrument as the source calls it, where the files' names do not say.
    #[arg(long, value_name = "NAME")]
    symbol: Option<String>,
    /// Length of the candles (1m, 5m, 15m, 1h, 1d), where the files' names do not say.
    #[arg(long, value_name = "LENGTH")]
    timeframe: Option<Timeframe>,
    /// Print one JSON object a file.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let of_file = |file: &PathBuf| {
            if sqlite::is_database(file) { Ok(None) } else { self.series(file).map(Some) }
        };
        let series: Vec<Option<Series>> = self.files.iter().map(of_file).collect::<anyhow::Result<_>>()?;
        let history = History::open(&self.data_dir)?;
        let mut is_clean = true;
        for (file, series) in self.files.iter().zip(series) {
            let name = || file.display().to_string();
            let Some(series) = series else {
                is_clean &= self.database(file, &history).with_context(name)?;
                continue;
            };
            let bytes = input::read(file)?;
            let text = if bytes.starts_with(PARQUET) {
                parquet_as_csv(bytes).with_context(name)?
            } else {
                String::from_utf8(bytes).with_context(|| format!("{}: not text", name()))?
            };
            let report = import::import(&text, series, &history, wall_now()).with_context(name)?;
            is_clean &= report.quarantined == 0;
            if self.json {
                print_json(&report)?;
            } else {
                print(&name(), &report, &report.quarantine)?;
            }
        }
        Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Imports a database; true when no row was set aside.
    fn database(&self, file: &std::path::Path, history: &History) -> anyhow::Result<bool> {
        let found = sqlite::read(file)?;
        let source = self.source.as_deref().unwrap_or("tickerml");
        let (reports, others) = import::import_database(&found, source, history, wall_now())?;
        for report in &reports {
            if self.json {
                print_json(report)?;
            } else {
                print(&file.display().to_string(), report, &report.quarantine)?;
            }
        }
        for report in &others {
            if self.json {
                print_json(report)?;
            } else {
                print(&file.display().to_string(), report, &report.quarantine)?;
            }
        }
        if self.json {
            print_json(&serde_json::json!({
                "file": file.display().to_string(), "other_lengths": found.other_lengths, "left_out": found.left_out
            }))?;
        } else {
            let mut out = std::io::stdout().lock();
            for (what, rows) in &found.left_out {
                writeln!(out, "{}: {rows} rows of {what} left out", file.display())?;
            }
            for (length, rows) in &found.other_lengths {
                writeln!(out, "{}: {rows} candles of {length:?} left out", file.display())?;
            }
        }
        let set_aside =
            reports.iter().map(|report| report.quarantined).chain(others.iter().map(|report| report.quarantined));
        Ok(set_aside.sum::<u64>() == 0 && found.other_lengths.is_empty())
    }

    fn series(&self, file: &std::path::Path) -> anyhow::Result<Series> {
        let named = import::named(file);
        let unknown = |what: &str| format!("{}: the name does not tell the {what}; use --{what}", file.display());
        Ok(Series {
            source: self.source.clone().or(named.source).unwrap_or_else(|| "import".to_owned()),
            symbol: self.symbol.clone().or(named.symbol).with_context(|| unknown("symbol"))?,
            timeframe: self.timeframe.or(named.timeframe).with_context(|| unknown("timeframe"))?,
        })
    }
}

fn print(name: &str, report: &impl Display, set_aside: &[Quarantined]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name}: {report}")?;
    for row in set_aside {
        writeln!(out, "  line {}: {}", row.line, row.reason)?;
    }
    Ok(())
}
