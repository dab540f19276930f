//! `tickerbox run`: the whole box on live exchanges.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::Environment;
use crate::appliance::{Appliance, Circumstances, Setup};
use crate::clock::Clock;
use crate::config::Layers;
use crate::{cli, log};

/// Runs the box on live exchanges.
///
/// Settings that were changed on the box itself lie in `settings.toml` in the data folder and count instead of those of the
/// configuration file. When they cannot be used the box starts without them and says so.
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
    /// Start with paper trading paused, as after a crash that came back; the dashboard resumes it.
    #[arg(long)]
    safe: bool,
    /// Tell the user that the data folder lies in memory, because there is no better one.
    #[arg(long)]
    volatile: bool,
}

impl Args {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        let (mut layers, mut config) =
            Layers::load(self.config.as_deref(), toml::Table::new(), self.data_dir.as_deref())?;
        if let Some(listen) = self.listen {
            config.server.listen = listen;
            layers.fix("server.listen", "it was given with --listen");
        }
        if let Some(data_dir) = self.data_dir {
            config.store.data_dir = data_dir;
            layers.fix("store.data_dir", "it was given with --data-dir");
        }
        log::start(&config.log.level, environment.log_destination())?;
        let can_restart = environment.can_restart();
        let supervisor = environment.supervisor.clone();
        let launched = environment.launched.clone();
        let circumstances = Circumstances { is_safe: self.safe, is_volatile: self.volatile };
        let ending = cli::runtime()?.block_on(async {
            supervisor.starting();
            let clock = Clock::wall();
            let setup = Setup { clock, demo: false, layers, can_restart, supervisor, launched, circumstances };
            let running = Appliance::recover(&config)?.start(&config, setup).await?;
            cli::announce(running.door(), None)?;
            cli::until_stopped(running).await
        });
        environment.follow(ending?)
    }
}
