//! `tickerbox run`: the whole box on live exchanges.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::Environment;
use crate::appliance::{Appliance, Setup};
use crate::clock::Clock;
use crate::config::Config;
use crate::{cli, log};

/// Runs the box on live exchanges.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file; without one the defaults apply (see `tickerbox check-config --print-default`).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port of the dashboard, instead of `server.listen`.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where everything is kept, instead of `store.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        let mut config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(data_dir) = self.data_dir {
            config.store.data_dir = data_dir;
        }
        log::start(&config.log.level, environment.log_destination())?;
        cli::runtime()?.block_on(async {
            let setup = Setup { clock: Clock::wall(), demo: false };
            let running = Appliance::recover(&config)?.start(&config, setup).await?;
            cli::announce(running.door(), None)?;
            cli::until_stopped(running).await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
