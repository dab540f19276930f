//! `tickerbox replay`: does today's program make of recorded days what was made of them then?

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use engine::Engine;
use serde::Serialize;
use store::replay::{Replay, Replayer, replay_span};
use store::{Day, Reader, days};
use types::settings::EngineSettings;
use types::{Cash, Effect, Effects, Input, Record, Stamped, Timestamp};

use super::{print_json, time};
use crate::config::Config;

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

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    inputs: u64,
    effects: u64,
    digest: String,
    differs: u64,
    days: u64,
    blocks: u64,
    checkpoints: u64,
    skipped: u64,
    orders: u64,
    fills: u64,
    equity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_difference: Option<String>,
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
        let mut replayer = EngineReplayer { settings, ..EngineReplayer::default() };
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
        self.print(found, &replayer)?;
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

    fn print(&self, found: Replay, replayer: &EngineReplayer) -> anyhow::Result<()> {
        let Replay { days, blocks, inputs, effects, checkpoints, skipped, differs, digest, first_difference } = found;
        let (orders, fills) = (replayer.orders, replayer.fills);
        let equity = replayer.equity.map(|equity| equity.fixed().to_string());
        if self.json {
            let digest = digest.to_string();
            return print_json(&Report {
                inputs,
                effects,
                digest,
                differs,
                days,
                blocks,
                checkpoints,
                skipped,
                orders,
                fills,
                equity,
                first_difference,
            });
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{inputs} inputs of {days} days in {blocks} blocks, {checkpoints} saved states compared")?;
        writeln!(out, "{differs} of {effects} effects differ, digest {digest}")?;
        if let Some(equity) = equity {
            writeln!(out, "{orders} orders, {fills} fills, {equity} in the paper account at the end")?;
        }
        if skipped > 0 {
            writeln!(out, "{skipped} inputs behind damage were passed over")?;
        }
        if let Some(first) = first_difference {
            writeln!(out, "first difference: {first}")?;
        }
        Ok(())
    }
}

/// The engine as the store sees it.
#[derive(Default)]
struct EngineReplayer {
    engine: Engine,
    /// Instead of the recorded ones.
    settings: Option<EngineSettings>,
    orders: u64,
    fills: u64,
    equity: Option<Cash>,
}

impl Replayer for EngineReplayer {
    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        if state_version != engine::STATE_VERSION {
            return Err(format!(
                "the state has version {state_version}, this program knows {}: replay it with the program of its day",
                engine::STATE_VERSION
            ));
        }
        self.engine = postcard::from_bytes(state).map_err(|e| format!("the state cannot be read: {e}"))?;
        if let Some(settings) = &self.settings {
            self.engine.set_settings(settings);
        }
        Ok(())
    }

    fn apply(&mut self, input: &Stamped<Input>, effects: &mut Effects) {
        match (&self.settings, &input.input) {
            (Some(settings), Input::Boot { version, .. }) => {
                let boot = Input::Boot { version: version.clone(), settings: Box::new(settings.clone()) };
                self.engine.handle(&Stamped { input: boot, ..*input }, effects);
            }
            _ => self.engine.handle(input, effects),
        }
        for effect in effects.as_slice() {
            match effect {
                Effect::Record(Record::Order(_)) => self.orders += 1,
                Effect::Record(Record::Fill(_)) => self.fills += 1,
                Effect::Record(Record::Equity(equity)) => self.equity = Some(equity.equity),
                _ => {}
            }
        }
    }

    fn state(&self) -> (u32, Vec<u8>) {
        let state = postcard::to_allocvec(&self.engine).expect("the engine's state has no sequences of unknown length");
        (engine::STATE_VERSION, state)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use store::replay::replay;
    use store::{BlockBuilder, Checkpoint, Journal};

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
