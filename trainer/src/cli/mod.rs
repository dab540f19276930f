//! The command line. Exit codes: 0 done, 1 refused or failed (one message on standard error), 2 wrong usage, or a
//! backtest that cannot be run.

mod arima;
mod backtest;
mod controls;
mod ensemble;
mod export;
mod html;
mod import;
mod keygen;
mod pack;
mod registry;
mod report;
mod requests;
mod runs;
mod train;
mod tune;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use bundle::{PublicKey, TrustedKeys};
use clap::{Args, Parser, Subcommand};

/// Trains, quantises, verifies and signs the models of Tickerbox.
#[derive(Debug, Parser)]
#[command(name = "tickerbox-trainer", version, after_help = "import -> train -> export -> pack -> verify, report")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Import),
    Train(train::Train),
    Ensemble(ensemble::Ensemble),
    Export(export::Export),
    Controls(controls::Controls),
    Arima(arima::Arima),
    Verify(verify::Verify),
    Pack(pack::Pack),
    Keygen(keygen::Keygen),
    Report(report::Report),
    Backtest(backtest::Backtest),
    Tune(tune::Tune),
    Runs(runs::Runs),
    Html(html::Html),
    Push(registry::Push),
    Pull(registry::Pull),
    Requests(requests::Requests),
}

/// Whose bundles are believed.
#[derive(Debug, Args)]
struct Trust {
    /// Public key file to trust besides the built-in ones; may be given more than once.
    #[arg(long = "trust", value_name = "FILE")]
    trust: Vec<PathBuf>,
}

impl Trust {
    fn keys(&self) -> anyhow::Result<TrustedKeys> {
        let mut keys = TrustedKeys::builtin();
        for path in &self.trust {
            let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
            keys.trust(PublicKey::parse(&text).with_context(|| format!("{}", path.display()))?);
        }
        Ok(keys)
    }
}

/// Runs the command the process was started with.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Import(import) => import.run(),
        Command::Train(train) => train.run(),
        Command::Ensemble(ensemble) => ensemble.run(),
        Command::Export(export) => export.run(),
        Command::Controls(controls) => controls.run(),
        Command::Arima(arima) => arima.run(),
        Command::Verify(verify) => verify.run(),
        Command::Pack(pack) => pack.run(),
        Command::Keygen(keygen) => keygen.run(),
        Command::Report(report) => report.run(),
        Command::Backtest(backtest) => backtest.run(),
        Command::Tune(tune) => tune.run(),
        Command::Runs(runs) => runs.run(),
        Command::Html(html) => html.run(),
        Command::Push(push) => push.run(),
        Command::Pull(pull) => pull.run(),
        Command::Requests(requests) => requests.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tickerbox-trainer: {error:#}");
            let is_bad_input = error.downcast_ref().is_some_and(::backtest::BacktestError::is_bad_input);
            if is_bad_input { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
