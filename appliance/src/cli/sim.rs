//! `tickerbox sim`: the built-in market alone.

use std::io::Write;
use std::process::ExitCode;

use sim::SimSettings;

use super::Environment;
use crate::clock::{Clock, wall_now};
use crate::market_server::MarketServer;
use crate::{cli, log};

/// Serves the built-in market alone on the loopback interface, each venue on a port of its own. Ends with 1 when a client
/// broke a venue's limit.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Port of the first venue; the next venue gets the next one. 0 lets the system choose.
    #[arg(long, value_name = "PORT", default_value_t = 9100)]
    port: u16,
    /// Same seed, same market.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Six symbols on each venue instead of Bitcoin and Ether alone.
    #[arg(long)]
    wide: bool,
}

impl Args {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        log::start("info", environment.log_destination())?;
        cli::runtime()?.block_on(async {
            let settings = if self.wide { SimSettings::wide() } else { SimSettings::default() };
            let settings = SimSettings { seed: self.seed, ..settings };
            let mut market = MarketServer::start(settings, Clock::scaled(wall_now(), 1.0), self.port).await?;
            for (venue, endpoint) in market.endpoints() {
                writeln!(std::io::stdout(), "{venue}: {} and {}", endpoint.ws_base, endpoint.rest_base)?;
            }
            tokio::select! {
                () = market.wait() => anyhow::bail!("the market ended"),
                signal = cli::stop_signal() => signal?,
            }
            let broken = market.limits_broken();
            for limit in &broken {
                writeln!(std::io::stdout(), "{}: {} at {}", limit.venue, limit.what, limit.at)?;
            }
            Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    }
}
