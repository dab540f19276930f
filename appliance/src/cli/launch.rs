//! `tickerbox launch`: what systemd starts in the image.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use super::Environment;
use crate::update::Launch;

/// Becomes the program that is to run: that of an update which has proven itself, one on trial, or this one.
///
/// The arguments after `--` are the program's own. Whatever is wrong with the folder of updates is told on standard error, and leads to
/// this program.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of updates: `updates` in the data directory.
    #[arg(long, value_name = "DIR")]
    updates: PathBuf,
    /// Where this file exists, this program runs, whatever updates there are.
    #[arg(long, value_name = "FILE")]
    factory_when: Option<PathBuf>,
    /// Command and arguments of the program.
    #[arg(last = true, required = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

impl Args {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        let launcher = environment.program.clone().context("the system does not tell where this program lies")?;
        let Self { updates, factory_when, arguments } = self;
        Err(Launch { launcher, updates, factory_when, arguments }.run())
    }
}
