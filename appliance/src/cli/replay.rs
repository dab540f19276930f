//! `tickerbox replay`: does today's program make of recorded days what was made of them then?

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use store::replay::replay_span;
use store::{Day, Reader, days};
use types::Timestamp;

use super::{print_json, time};
use crate::config::Config;
use crate::replay::{EngineReplayer, Report};

/// Replays journal days and compares every effect and every saved state with the recording.
///
/// Nothing is written. Exit code 0: nothing differs; 1: something differs, or the journal cannot be read. With --config it
/// shows what the engine would have done with other settings on the same inputs, and a difference is no failure.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A data directory, or one `journal-YYYYMMDD.redb` file.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// From this time on, UTC: 2026-07-19 or 2026-07-19T17:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Replay with the [engine] section of another configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Inputs between two signs of life on a terminal.
const PROGRESS_INPUTS: u64 = 100_000;

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let days = self.days()?;
        let mut shown = 0;
        let is_watched = std::io::stderr().is_terminal();
        let span = self.from.unwrap_or(Timestamp::from_nanos(i64::MIN))..self.to.unwrap_or(Timestamp::MAX);
        let settings = self.config.as_deref().map(Config::load).transpose()?.map(|config| config.engine);
        let mut replayer = EngineReplayer::with(settings);
        let found = replay_span(&days, span, &mut replayer, |so_far| {
            if is_watched && so_far.inputs >= shown + PROGRESS_INPUTS {
                shown = so_far.inputs;
                // Progress is for whoever is there to see it: a closed terminal is no reason to stop.
                let _ = write!(std::io::stderr(), "\r{} inputs", so_far.inputs);
            }
        })?;
        if shown > 0 {
            let _ = write!(std::io::stderr(), "\r");
        }
        anyhow::ensure!(found.blocks > 0, "{}: nothing was recorded in that time", self.dir.display());
        let is_good = found.differs == 0 || self.config.is_some();
        let code = if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        self.print(&Report::of(found, &replayer))?;
        Ok(code)
    }

    fn days(&self) -> anyhow::Result<Vec<Day>> {
        let name = self.dir.display();
        if self.dir.is_file() {
            let day = Reader::open_day(&self.dir)?.day();
            return Ok(vec![Day { day, path: self.dir.clone() }]);
        }
        let days = days(&self.dir)?;
        anyhow::ensure!(!days.is_empty(), "{name}: no journal here (no file named journal-YYYYMMDD.redb)");
        Ok(days)
    }

    fn print(&self, report: &Report) -> anyhow::Result<()> {
        if self.json {
            return print_json(report);
        }
        let Report { days, blocks, inputs, effects, checkpoints, skipped, differs, digest, orders, fills, .. } = report;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{inputs} inputs of {days} days in {blocks} blocks, {checkpoints} saved states compared")?;
        writeln!(out, "{differs} of {effects} effects differ, digest {digest}")?;
        if let Some(equity) = &report.equity {
            writeln!(out, "{orders} orders, {fills} fills, {equity} in the paper account at the end")?;
        }
        if *skipped > 0 {
            writeln!(out, "{skipped} inputs behind damage, or before an update of the program, were passed over")?;
        }
        if let Some(first) = &report.first_difference {
            writeln!(out, "first difference: {first}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use store::replay::replay;
    use store::{BlockBuilder, Checkpoint, Journal, Replayer};
    use types::{Effects, Input, Stamped};

    use super::*;

    /// A journal of one block of ticks, as the engine answers them.
    fn record(dir: &Path) {
        let mut recorder = EngineReplayer::default();
        let start = Timestamp::from_secs(1_761_955_200);
        let saved = |recorder: &EngineReplayer, seq, at| {
            let (state_version, state) = recorder.state();
            Checkpoint { seq, at, state_version, state }
        };
        let first = saved(&recorder, 0, start);
        let mut block = BlockBuilder::new();
        let mut effects = Effects::new();
        for seq in 1..=200 {
            let at = Timestamp::from_secs(start.as_secs() + seq as i64);
            let stamped = Stamped { seq, at, input: Input::Tick };
            effects.clear();
            recorder.apply(&stamped, &mut effects);
            block.push(&stamped, effects.as_slice()).unwrap();
        }
        let block = block.finish().unwrap();
        let last = saved(&recorder, 200, block.header().last_at);
        let (mut journal, _) = Journal::open(dir).unwrap();
        journal.write(&[block], Some(first)).unwrap();
        journal.write(&[], Some(last)).unwrap();
    }

    fn args(dir: &Path) -> Args {
        Args { dir: dir.to_owned(), from: None, to: None, config: None, json: true }
    }

    #[test]
    fn the_engine_agrees_with_its_own_recording() {
        let dir = tempfile::tempdir().unwrap();
        record(dir.path());
        let days = args(dir.path()).days().unwrap();
        let found = replay(&days, &mut EngineReplayer::default(), |_| {}).unwrap();
        assert_eq!((found.inputs, found.checkpoints, found.differs), (200, 1, 0), "{:?}", found.first_difference);
        let one = args(&days[0].path).days().unwrap();
        assert_eq!(replay(&one, &mut EngineReplayer::default(), |_| {}).unwrap(), found);
    }

    #[test]
    fn where_nothing_can_be_replayed_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let message = |path: &Path| args(path).run().unwrap_err().to_string();
        assert!(message(&dir.path().join("none")).contains("none: no such directory"));
        assert!(message(dir.path()).contains("no journal here"));
        let day = dir.path().join("journal-20251101.redb");
        std::fs::write(&day, b"").unwrap();
        assert!(message(dir.path()).contains("journal-20251101.redb: corrupt: the file is cut short"));
        assert!(message(&day).contains("journal-20251101.redb: corrupt: the file is cut short"));
    }
}
