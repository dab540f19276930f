//! `tickerbox stats`: what lies in a data directory, and how much room it takes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use store::{History, News, Reader, Span, State, TableSize, days};
use types::{Timeframe, Timestamp};

use super::print_json;

/// Shows files, days, tables and series of a data directory: rows, spans, holes and bytes.
///
/// Not while a box is writing to the folder. Every block of the journal is checked on the way.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The box's data directory.
    #[arg(value_name = "DIR")]
    data_dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    bytes: u64,
    files: Vec<FileSize>,
    days: Vec<DayStats>,
    tables: Vec<Table>,
    series: Vec<SeriesStats>,
}

#[derive(Serialize)]
struct FileSize {
    name: String,
    bytes: u64,
}

/// A day of the journal.
#[derive(Serialize)]
struct DayStats {
    file: String,
    inputs: u64,
    effects: u64,
    blocks: u64,
    checkpoints: u64,
    from: Option<String>,
    to: Option<String>,
    block_bytes: u64,
}

#[derive(Serialize)]
struct Table {
    file: String,
    table: String,
    rows: u64,
    bytes: u64,
}

/// Candles of one instrument and length.
#[derive(Serialize)]
struct SeriesStats {
    file: &'static str,
    source: String,
    symbol: String,
    timeframe: Timeframe,
    candles: u64,
    from: Option<String>,
    to: Option<String>,
    /// Runs of intervals without a candle between the first and the last, and how many intervals they are.
    gaps: u64,
    missing: u64,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let report = report(&self.data_dir)?;
        if self.json {
            print_json(&report)?;
        } else {
            print(&report)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn report(dir: &Path) -> anyhow::Result<Report> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            files.push(FileSize { name: entry.file_name().to_string_lossy().into_owned(), bytes: metadata.len() });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut report = Report {
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        days: Vec::new(),
        tables: Vec::new(),
        series: Vec::new(),
    };
    for day in days(dir)? {
        let reader = Reader::open_day(&day.path)?;
        let file = day.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        report.day(file, &reader)?;
    }
    if dir.join("state.redb").exists() {
        report.state(&State::open_read(dir)?)?;
    }
    if dir.join("history.redb").exists() {
        report.history(&History::open_read(dir)?)?;
    }
    if dir.join("news.redb").exists() {
        report.tables("news.redb", News::open_read(dir)?.tables()?);
    }
    Ok(report)
}

impl Report {
    fn day(&mut self, file: String, reader: &Reader) -> anyhow::Result<()> {
        let headers = reader.headers()?;
        let tables = reader.tables()?;
        let of = |name: &str| tables.iter().find(|table| table.name == name);
        self.days.push(DayStats {
            inputs: headers.iter().map(|header| u64::from(header.inputs)).sum(),
            effects: headers.iter().map(|header| u64::from(header.effects)).sum(),
            blocks: headers.len() as u64,
            checkpoints: of("checkpoints").map_or(0, |table| table.rows),
            from: headers.first().map(|header| header.first_at.to_string()),
            to: headers.last().map(|header| header.last_at.to_string()),
            block_bytes: of("blocks").map_or(0, |table| table.stored_bytes),
            file: file.clone(),
        });
        self.tables(&file, tables);
        Ok(())
    }

    fn tables(&mut self, file: &str, tables: Vec<TableSize>) {
        let table = |table: TableSize| Table {
            file: file.to_owned(),
            table: table.name,
            rows: table.rows,
            bytes: table.file_bytes,
        };
        self.tables.extend(tables.into_iter().map(table));
    }

    fn state(&mut self, state: &State) -> anyhow::Result<()> {
        self.tables("state.redb", state.tables()?);
        for listing in state.catalogue()? {
            for timeframe in Timeframe::ALL {
                let candles = state.candles(listing.id, timeframe, Span::last(usize::MAX, Timestamp::MAX))?;
                let times = candles.iter().map(|record| record.candle.open_time);
                let source = listing.venue.slug().to_owned();
                self.series.extend(SeriesStats::of("state.redb", source, &listing.symbol, timeframe, times));
            }
        }
        Ok(())
    }

    fn history(&mut self, history: &History) -> anyhow::Result<()> {
        self.tables("history.redb", history.tables()?);
        for series in history.series()? {
            let rows = history.candles(&series, Timestamp::from_nanos(i64::MIN)..Timestamp::MAX)?;
            let times = rows.iter().map(|(_, candle)| candle.open_time);
            self.series.extend(SeriesStats::of("history.redb", series.source, &series.symbol, series.timeframe, times));
        }
        Ok(())
    }
}

impl SeriesStats {
    /// Of open times in order; `None` without any.
    fn of(
        file: &'static str,
        source: String,
        symbol: &str,
        timeframe: Timeframe,
        times: impl Iterator<Item = Timestamp>,
    ) -> Option<Self> {
        let (mut candles, mut gaps, mut missing) = (0, 0, 0);
        let mut ends: Option<(Timestamp, Timestamp)> = None;
        for time in times {
            if let Some((_, last)) = ends {
                let absent = (time.as_nanos() - last.as_nanos()) / timeframe.nanos() - 1;
                gaps += u64::from(absent > 0);
                missing += absent.max(0).unsigned_abs();
            }
            ends = Some((ends.map_or(time, |(first, _)| first), time));
            candles += 1;
        }
        let (from, to) = ends?;
        Some(Self {
            file,
            source,
            symbol: symbol.to_owned(),
            timeframe,
            candles,
            from: Some(from.to_string()),
            to: Some(to.to_string()),
            gaps,
            missing,
        })
    }
}

fn print(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<28} {:>14}", "file", "bytes")?;
    for file in &report.files {
        writeln!(out, "{:<28} {:>14}", file.name, file.bytes)?;
    }
    writeln!(out, "{:<28} {:>14}", "together", report.bytes)?;
    if !report.days.is_empty() {
        writeln!(
            out,
            "\n{:<24} {:>12} {:>8} {:>10} {:>12}  from and to",
            "day", "inputs", "blocks", "effects", "bytes"
        )?;
    }
    for day in &report.days {
        writeln!(
            out,
            "{:<24} {:>12} {:>8} {:>10} {:>12}  {} {}",
            day.file,
            day.inputs,
            day.blocks,
            day.effects,
            day.block_bytes,
            day.from.as_deref().unwrap_or("-"),
            day.to.as_deref().unwrap_or("-"),
        )?;
    }
    writeln!(out, "\n{:<24} {:<14} {:>12} {:>14}", "file", "table", "rows", "bytes")?;
    for table in report.tables.iter().filter(|table| table.rows > 0) {
        writeln!(out, "{:<24} {:<14} {:>12} {:>14}", table.file, table.table, table.rows, table.bytes)?;
    }
    if !report.series.is_empty() {
        writeln!(
            out,
            "\n{:<14} {:<12} {:<14} {:>4} {:>10} {:>6} {:>8}  from and to",
            "file", "source", "symbol", "", "candles", "gaps", "missing"
        )?;
    }
    for series in &report.series {
        writeln!(
            out,
            "{:<14} {:<12} {:<14} {:>4} {:>10} {:>6} {:>8}  {} {}",
            series.file,
            series.source,
            series.symbol,
            series.timeframe.name(),
            series.candles,
            series.gaps,
            series.missing,
            series.from.as_deref().unwrap_or("-"),
            series.to.as_deref().unwrap_or("-"),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_in_a_series_are_counted() {
        let times = [0, 60, 240, 300, 420].map(Timestamp::from_secs);
        let stats = SeriesStats::of("history.redb", "a".to_owned(), "B", Timeframe::M1, times.into_iter()).unwrap();
        assert_eq!((stats.candles, stats.gaps, stats.missing), (5, 2, 3));
        assert_eq!(stats.to.as_deref(), Some("1970-01-01T00:07:00.000Z"));
        let none = std::iter::empty();
        assert!(SeriesStats::of("history.redb", "a".to_owned(), "B", Timeframe::M1, none).is_none());
    }

    #[test]
    fn a_folder_without_a_box_has_files_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.txt"), "seven..").unwrap();
        let found = report(dir.path()).unwrap();
        assert_eq!((found.bytes, found.files.len(), found.days.len(), found.series.len()), (7, 1, 0, 0));
        let error = report(&dir.path().join("none")).err().unwrap();
        assert!(format!("{error:#}").contains("none"), "{error:#}");
    }
}
