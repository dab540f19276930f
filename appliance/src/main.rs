//! The command line of Tickerbox. The only place that reads the environment.

use std::process::ExitCode;

use clap::Parser;
use tickerbox::cli::{Cli, Environment, is_bad_input};

fn main() -> ExitCode {
    let environment = Environment {
        // systemd sets this for services whose output goes to the journal.
        runs_under_journal: std::env::var_os("JOURNAL_STREAM").is_some(),
        // Asked before an update can put another file in its place: the path is the same then, and starts the new one.
        program: std::env::current_exe().ok(),
        arguments: std::env::args_os().skip(1).collect(),
    };
    match Cli::parse().run(&environment) {
        Ok(code) => code,
        Err(error) => {
            // A reader that went away (`| head`) is not our error.
            if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
                return ExitCode::SUCCESS;
            }
            eprintln!("tickerbox: {error:#}");
            ExitCode::from(if is_bad_input(&error) { 2 } else { 1 })
        }
    }
}
