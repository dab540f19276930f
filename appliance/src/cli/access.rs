//! `tickerbox access`: for people at the box who cannot come in.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::access;

/// Who may use a box that does not run.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Forget password, sessions, tokens and the guest link, and make a new claim code.
    Reset {
        /// The data directory of the box.
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Command::Reset { data_dir } = self.command;
        let code = access::reset(&data_dir)?;
        writeln!(std::io::stdout().lock(), "The box belongs to nobody now; claim it with the code {code}")?;
        Ok(ExitCode::SUCCESS)
    }
}
