//! `tickerbox demo`: the whole box on the built-in market.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use sim::SimSettings;

use super::Environment;
use crate::appliance::{Appliance, Circumstances, Setup};
use crate::clock::{Clock, wall_now};
use crate::config::{Layers, Mode};
use crate::market_server::{MarketServer, MarketSettings};
use crate::{cli, log};

/// Runs the box on a built-in market in which all venues speak their own wire formats. Needs no internet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address and port of the dashboard; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where everything is kept. A second run in the same folder goes on where the first ended.
    #[arg(long, value_name = "DIR", default_value = "data/demo")]
    data_dir: PathBuf,
    /// Configuration for everything but the venues' addresses and what is given here.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ask for the owner's password, as `tickerbox run` does; without it everybody may do everything.
    #[arg(long)]
    login: bool,
    /// Same seed, same market.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many times faster than real time the market runs, 0.1 to 60.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// How much to log: error, warn, info, debug.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: String,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=60.0).contains(&speed) => Ok(speed),
        _ => Err("must be a number from 0.1 to 60".to_owned()),
    }
}

impl Args {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        log::start(&self.log, environment.log_destination())?;
        let ending = cli::runtime()?.block_on(async {
            // An unproven model promises less than the fees, so its rule would show an idle trader.
            let base = toml::toml! { engine.signal.rule = "reversion" };
            let (mut layers, mut config) = Layers::load(self.config.as_deref(), base, Some(&self.data_dir))?;
            layers.fix("server.listen", "the demo listens where --listen says");
            layers.fix("store.data_dir", "the demo keeps everything where --data-dir says");
            layers.fix("log.level", "the demo logs what --log says");
            config.server.listen = self.listen;
            config.access.mode = if self.login { Mode::Owner } else { Mode::Open };
            layers.fix("access.mode", "the demo asks for a password with --login only");
            config.store.data_dir.clone_from(&self.data_dir);
            environment.supervisor.starting();
            let appliance = Appliance::recover(&config)?;
            // A faster market has run ahead of the wall clock: the next run goes on from there.
            let start = appliance.last_at().map_or_else(wall_now, |last| last.max(wall_now()));
            let clock = Clock::scaled(start, self.speed);
            let sim = SimSettings { seed: self.seed, ..SimSettings::default() };
            let settings = MarketSettings { sim, ..MarketSettings::default() };
            let market = MarketServer::start(settings, clock.clone(), 0).await?;
            for (venue, endpoint) in market.endpoints() {
                config.feeds.of_mut(*venue).reach_at(endpoint);
                for key in ["ws_base", "rest_base"] {
                    layers.fix(format!("feeds.{}.{key}", venue.slug()), "the demo's exchange is built in");
                }
            }
            let setup = Setup {
                clock,
                demo: true,
                layers,
                can_restart: environment.can_restart(),
                supervisor: environment.supervisor.clone(),
                launched: environment.launched.clone(),
                circumstances: Circumstances::default(),
            };
            let running = appliance.start(&config, setup).await?;
            cli::announce(running.door(), Some("the built-in market"))?;
            let ending = cli::until_stopped(running).await;
            drop(market);
            ending
        });
        environment.follow(ending?)
    }
}
