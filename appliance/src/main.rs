//! The command line of Tickerbox. The only place that reads the environment.

use std::process::ExitCode;

use clap::Parser;
use tickerbox::cli::{Cli, Environment, is_bad_input};
use tickerbox::{Launched, Supervisor};

fn main() -> ExitCode {
    let (socket, watchdog) = (std::env::var_os("NOTIFY_SOCKET"), std::env::var_os("WATCHDOG_USEC"));
    let supervisor = match Supervisor::new(socket.as_deref(), watchdog.as_deref()) {
        Ok(supervisor) => supervisor,
        Err(error) => {
            eprintln!("tickerbox: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let environment = Environment {
        // systemd sets this for services whose output goes to the journal.
        runs_under_journal: std::env::var_os("JOURNAL_STREAM").is_some(),
        // Asked before an update can put another file in its place: the path is the same then, and starts the new one.
        program: std::env::current_exe().ok(),
        arguments: std::env::args_os().skip(1).collect(),
        supervisor,
        launched: Launched::from_environment(|name| std::env::var_os(name)),
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
