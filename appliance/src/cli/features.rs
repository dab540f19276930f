//! `tickerbox features`: the engine's feature rows for a candle file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use engine::candle::{Bar, csv, segments, step_of, tidy};
use engine::feature::{Around, DEFINITIONS, FeatureState};
use serde::Serialize;
use types::time::NS_PER_MIN;

use super::{input, print_json};

/// Computes the engine's own feature rows for a file of candles.
///
/// The file holds `open_time_ms,open,high,low,close,volume`, gzipped or plain. Rows are put in order of time, and of rows
/// for the same time the last counts. After a gap every feature starts afresh. A value that is not known yet, or that needs
/// more than candles, is an empty field. The length of a candle is the most common distance between rows.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The candle file.
    #[arg(long, value_name = "FILE")]
    candles: PathBuf,
    /// Where the rows go.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object about the work.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Report {
    /// Rows written.
    rows: usize,
    /// Rows left out because a later one told the same time.
    doubled: usize,
    /// Runs of rows without a gap.
    segments: usize,
    /// Length of a candle, minutes.
    step_min: u16,
    /// Names of the columns after the time.
    features: Vec<&'static str>,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.candles.display();
        let mut bars = csv::parse(&input::read(&self.candles)?).with_context(|| name.to_string())?;
        let doubled = tidy(&mut bars);
        let step_min = step_min(&bars).with_context(|| name.to_string())?;

        let out = self.out.display();
        let file = File::create(&self.out).with_context(|| format!("cannot write {out}"))?;
        write_rows(BufWriter::new(file), &bars, step_min).with_context(|| format!("cannot write {out}"))?;

        let report = Report {
            rows: bars.len(),
            doubled,
            segments: segments(&bars, i64::from(step_min) * NS_PER_MIN).count(),
            step_min,
            features: DEFINITIONS.iter().map(|definition| definition.name).collect(),
        };
        if self.json {
            print_json(&report)?;
        } else {
            let Report { rows, doubled, segments, .. } = report;
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{out}: {rows} rows in {segments} unbroken runs, {doubled} doubled rows left out")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Length of the candles in whole minutes; one where a single row tells nothing.
fn step_min(bars: &[Bar]) -> anyhow::Result<u16> {
    let Some(step) = step_of(bars) else { return Ok(1) };
    let whole = (step % NS_PER_MIN == 0).then_some(step / NS_PER_MIN);
    whole
        .and_then(|minutes| u16::try_from(minutes).ok())
        .with_context(|| format!("candles {} s apart: not a whole number of minutes below 45 days", step as f64 / 1e9))
}

fn write_rows(mut out: impl Write, bars: &[Bar], step_min: u16) -> io::Result<()> {
    write!(out, "open_time_ms")?;
    for definition in DEFINITIONS {
        write!(out, ",{}", definition.name)?;
    }
    writeln!(out)?;
    let mut state = FeatureState::new(step_min);
    for bar in bars {
        write!(out, "{}", bar.open_time.as_millis())?;
        for value in state.update(bar, &Around::default()).values() {
            if value.is_nan() { write!(out, ",")? } else { write!(out, ",{value}")? }
        }
        writeln!(out)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(minutes: impl Iterator<Item = i64>) -> Vec<Bar> {
        let rows = minutes.map(|minute| format!("{},{2},{2},{2},{2},{1}\n", minute * 60_000, 1, 100 + minute % 7));
        csv::parse(format!("{}\n{}", csv::HEADER, rows.collect::<String>()).as_bytes()).expect("sound rows")
    }

    #[test]
    fn masked_values_are_empty_fields_and_a_gap_masks_again() {
        let bars = bars((0..60).chain(61..120));
        let mut text = Vec::new();
        write_rows(&mut text, &bars, step_min(&bars).expect("minutes")).expect("memory does not fail");
        let text = String::from_utf8(text).expect("text");
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        let columns = [
            "open_time_ms",
            "rsi_14",
            "macd",
            "macd_signal",
            "macd_hist",
            "bb_upper",
            "bb_middle",
            "bb_lower",
            "atr_14",
        ];
        assert_eq!(rows[0][..9], columns);
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        let first_with = |column: usize, from: usize| (from..rows.len()).find(|row| !rows[*row][column].is_empty());
        assert_eq!((first_with(1, 1), first_with(2, 1), first_with(5, 1)), (Some(15), Some(34), Some(20)));
        assert_eq!((first_with(1, 61), first_with(2, 61), first_with(8, 61)), (Some(75), Some(94), Some(75)));
        assert_eq!(rows[61][0], "3660000");
    }

    #[test]
    fn the_length_of_a_candle_is_found() {
        assert_eq!(step_min(&bars([0, 5, 10, 20, 25].into_iter())).expect("five minutes"), 5);
        assert_eq!(step_min(&[]).expect("anything"), 1);
        let error = step_min(&bars([0, 1_000_000].into_iter())).expect_err("too long");
        assert!(error.to_string().contains("60000000 s apart"), "{error}");
    }
}
