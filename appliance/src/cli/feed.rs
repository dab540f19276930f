//! `tickerbox feed`: what a recording of a venue holds, through the very machines that run live.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use feed::capture::{Capture, CaptureReport};
use types::Venue;

use super::{input, print_json};

/// Rebuilds the books of a recorded file, checks every checksum and sequence number, and shows the final books.
///
/// Taken are capture files (one JSON record a line), recorder files (`<nanoseconds> <JSON>`), and bare frames (one JSON
/// text a line), gzipped or plain.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose protocol it is: kraken, binance-us, coinbase.
    #[arg(long)]
    venue: Venue,
    /// The recording.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.file.display();
        let mut capture = Capture::new(self.venue);
        input::for_each_line(&self.file, |number, line| Ok(capture.line(number, line)?))?;
        let report = capture.finish().with_context(|| name.to_string())?;
        if self.json {
            print_json(&report)?;
        } else {
            print(&report)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(report: &CaptureReport) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let checksums = report.checksums;
    writeln!(
        out,
        "{}: {} frames, {} rejected, {} of {} checksums matched, {} gaps, {} resyncs",
        report.venue, report.frames, report.rejected, checksums.matched, checksums.checked, report.gaps, report.resyncs
    )?;
    for instrument in &report.instruments {
        writeln!(
            out,
            "{}: {} book updates, {} trades, {} candles, crossed {} times",
            instrument.symbol, instrument.deltas, instrument.trades, instrument.candles, instrument.crossed
        )?;
        for (bid, ask) in instrument.book.bids.iter().zip(&instrument.book.asks) {
            writeln!(out, "  {:>18} {:>14} | {:<14} {:<18}", bid.1, bid.0, ask.0, ask.1)?;
        }
    }
    Ok(())
}
