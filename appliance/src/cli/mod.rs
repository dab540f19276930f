//! The command line: one file per command, each with its arguments and a `run` that gives the exit code.
//!
//! Exit codes: 0 done, 1 failed (one message on standard error says what and where), 2 the arguments or a file's
//! content are wrong.

mod access;
mod arbitrage;
mod backfill;
mod backtest;
mod backup;
mod candles;
mod check_config;
mod demo;
mod doctor;
mod export;
mod features;
mod feed;
mod first_boot;
mod import;
mod input;
mod lamp;
mod launch;
mod news;
mod news_layer;
mod news_model;
mod news_score;
mod news_study;
mod notify;
mod paper;
pub(crate) mod predict;
mod quality;
mod query;
mod repair;
mod replay;
mod run;
mod scoreboard;
mod sim;
mod soak;
mod stats;
mod status;
mod update;
mod verify;

pub(crate) use self::input::read as read_input;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use types::Timestamp;

use crate::appliance::{Door, Running};
use crate::config::ConfigError;
use crate::log::Destination;
use crate::supervisor::Supervisor;
use crate::update::Launched;

/// What `main` found in the environment.
#[derive(Clone, Debug)]
pub struct Environment {
    /// True when standard error is connected to the system's journal.
    pub runs_under_journal: bool,
    /// This program; `None` where the system does not tell.
    pub program: Option<PathBuf>,
    /// What it was called with, its own name left out.
    pub arguments: Vec<OsString>,
    /// Who started it as a service, if anybody did.
    pub supervisor: Supervisor,
    /// How the launcher chose this program, if it did.
    pub launched: Option<Launched>,
}

impl Environment {
    fn log_destination(&self) -> Destination {
        if self.runs_under_journal { Destination::Journal } else { Destination::Terminal }
    }

    /// Whether [`follow`](Self::follow) can start the program again.
    fn can_restart(&self) -> bool {
        self.program.is_some()
    }

    /// Ends as the box ended. For a restart the program takes its own place: the process stays the same, so whoever started it (systemd, a
    /// terminal) sees nothing; all files and sockets are closed on the way. One that was launched is launched again: there may be another
    /// program to run.
    fn follow(&self, ending: Ending) -> anyhow::Result<ExitCode> {
        use std::os::unix::process::CommandExt;
        if let Some(launched) = &self.launched {
            launched.ended_in_order();
        }
        let mut next = match (ending, &self.launched, &self.program) {
            (Ending::Restart, Some(launched), _) => launched.again(&self.arguments),
            (Ending::Restart, None, Some(program)) => {
                let mut next = std::process::Command::new(program);
                next.args(&self.arguments);
                next
            }
            _ => return Ok(ExitCode::SUCCESS),
        };
        let error = next.exec();
        Err(error).with_context(|| format!("cannot start {} again", next.get_program().display()))
    }
}

/// A crypto market appliance for the home: watches, keeps, forecasts and trades on paper.
#[derive(Debug, Parser)]
#[command(name = "tickerbox", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the box on live exchanges.
    Run(run::Args),
    /// Run the box on the built-in market; needs no internet.
    Demo(demo::Args),
    /// Serve the built-in market alone, in the venues' own wire formats, on the loopback interface.
    Sim(sim::Args),
    /// Check a configuration file, or print the default one.
    CheckConfig(check_config::Args),
    /// Rebuild the books of a recording and check every checksum and sequence number.
    Feed(feed::Args),
    /// Run given orders against a recording, by the box's own paper venue.
    Paper(paper::Args),
    /// Fetch candles of the past from the venues.
    Backfill(backfill::Args),
    /// Take over candles of files.
    Import(import::Args),
    /// Take over news, posts and calendars of files, show what is kept of them, and score texts.
    News(news::Args),
    /// Build candles from a venue's trades.
    Candles(candles::Args),
    /// Compute the feature rows of a candle file.
    Features(features::Args),
    /// Forecasts of a model for a file of candles.
    Predict(predict::Args),
    /// Show how well each instrument was heard, minute by minute.
    Quality(quality::Args),
    /// Show what lies in a data directory, and how much room it takes.
    Stats(stats::Args),
    /// Show what a box has kept.
    Query(query::Args),
    /// Write what a box has kept as CSV and Parquet files.
    Export(export::Args),
    /// Write a backup of a box to one file.
    Backup(backup::BackupArgs),
    /// Bring a backup into an empty data directory.
    Restore(backup::RestoreArgs),
    /// Check the journal, and repair days that are damaged.
    Repair(repair::Args),
    /// Replay journal days and compare with what was recorded.
    Replay(replay::Args),
    /// What trading would have come to, over recorded days or candle files.
    Backtest(backtest::Args),
    /// Recompute the chain of forecasts and every outcome.
    Verify(verify::Args),
    /// Show what the kept forecasts were worth.
    Scoreboard(scoreboard::Args),
    /// List opportunities between exchanges that a box has kept.
    Arbitrage(arbitrage::Args),
    /// Make of Raspberry Pi Imager's files what the image needs; done by the image itself.
    FirstBoot(first_boot::Args),
    /// Find out whether messages reach the owner.
    Notify(notify::Args),
    /// Become the program that is to run; done by the image itself.
    Launch(launch::Args),
    /// Install an update of the program, show what there is, or go back.
    Update(update::Args),
    /// Ask a running box how it is.
    Status(status::Args),
    /// Look at everything that a box needs, whether it runs or not.
    Doctor(doctor::Args),
    /// Try out the lamp, the buzzer and the button that are wired to the pins.
    Lamp(lamp::Args),
    /// Forget password, sessions and tokens of a box that does not run.
    Access(access::Args),
}

impl Cli {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What kept the command from its work, for standard error.
    pub fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Run(args) => args.run(environment),
            Command::Demo(args) => args.run(environment),
            Command::Sim(args) => args.run(environment),
            Command::CheckConfig(args) => args.run(),
            Command::Feed(args) => args.run(),
            Command::Paper(args) => args.run(),
            Command::Backfill(args) => args.run(),
            Command::Import(args) => args.run(),
            Command::News(args) => args.run(),
            Command::Candles(args) => args.run(),
            Command::Features(args) => args.run(),
            Command::Predict(args) => args.run(),
            Command::Quality(args) => args.run(),
            Command::Stats(args) => args.run(),
            Command::Query(args) => args.run(),
            Command::Export(args) => args.run(),
            Command::Backup(args) => args.run(),
            Command::Restore(args) => args.run(),
            Command::Repair(args) => args.run(),
            Command::Replay(args) => args.run(),
            Command::Backtest(args) => args.run(),
            Command::Verify(args) => args.run(),
            Command::Scoreboard(args) => args.run(),
            Command::Arbitrage(args) => args.run(),
            Command::FirstBoot(args) => args.run(),
            Command::Notify(args) => args.run(),
            Command::Launch(args) => args.run(environment),
            Command::Update(args) => args.run(),
            Command::Status(args) => args.run(),
            Command::Doctor(args) => args.run(),
            Command::Lamp(args) => args.run(),
            Command::Access(args) => args.run(),
        }
    }
}

/// Arguments that cannot be followed, though each by itself could: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongArguments(pub(crate) String);

/// Whether an error is about what was given, and not about the program or the disk: exit code 2.
#[must_use]
pub fn is_bad_input(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ConfigError::Content { .. }))
        || error.is::<WrongArguments>()
        || error.is::<::news::read::ReadError>()
        || error.downcast_ref::<::update::UpdateError>().is_some_and(|error| !error.is_io())
        || error.is::<::update::Refusal>()
        || error.downcast_ref().is_some_and(::backtest::BacktestError::is_bad_input)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// Says where the dashboard is, the first line on standard output, and what one needs to come in.
fn announce(door: &Door, what: Option<&str>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let scheme = if door.fingerprint.is_some() { "https" } else { "http" };
    let address = door.address;
    match what {
        Some(what) => writeln!(out, "Tickerbox shows {what} at {scheme}://{address}")?,
        None => writeln!(out, "Tickerbox is at {scheme}://{address}")?,
    }
    if let Some(code) = &door.claim_code {
        writeln!(out, "It belongs to nobody yet; claim it there with the code {code}")?;
    }
    if let Some(fingerprint) = &door.fingerprint {
        writeln!(out, "The SHA-256 fingerprint of its certificate is {fingerprint}")?;
    }
    Ok(out.flush()?)
}

/// Why the box ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The user or the system wanted that.
    Stop,
    /// It is to start again.
    Restart,
}

/// Waits for Ctrl-C, SIGTERM, a wish to restart, or a failure of the box, and ends it in order.
async fn until_stopped(mut running: Running) -> anyhow::Result<Ending> {
    let asked = running.restart_wish();
    tokio::select! {
        failure = running.failed() => {
            running.stop().await?;
            Err(failure)
        }
        signal = stop_signal() => {
            signal?;
            running.stop().await.map(|()| Ending::Stop)
        }
        () = asked => running.stop().await.map(|()| Ending::Restart),
    }
}

async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => Ok(result?),
        _ = terminate.recv() => Ok(()),
    }
}

/// A UTC day or moment as an argument.
fn time(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Timestamp::parse_rfc3339(whole.as_bytes())
        .ok_or_else(|| "must be a UTC date, or a time such as 2026-07-19T17:00:00Z".to_owned())
}

/// Prints `value` as one JSON object on standard output.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}
