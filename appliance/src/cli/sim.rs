//! `tickerbox sim`: the built-in market alone.

use std::io::Write;
use std::process::ExitCode;

use ::soak::Row;
use sim::SimSettings;
use types::Venue;

use super::Environment;
use super::soak::{self, Soak};
use crate::clock::{Clock, wall_now};
use crate::market_server::{MarketServer, Way};
use crate::{cli, log};

/// Serves the built-in market alone on the loopback interface, each venue on a port of its own. Ends with 1 when a client
/// broke a venue's limit.
///
/// With --hours nothing is served: the box's own feeds and engine live through that much virtual time, with everything that
/// exchanges do to their clients, and the end is compared with the truth. Ends with 1, and tells how to repeat it, when
/// anything is not as it was.
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
    /// Messages in fragments with control frames between them, and bytes one by one: all that the protocols allow a server.
    #[arg(long, conflicts_with = "hours")]
    rough: bool,
    /// Live through so many virtual hours, with six symbols on each venue.
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    hours: Option<u32>,
    /// Which venues: a list, or `all`.
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = soak::venues, requires = "hours")]
    venues: Venues,
    /// Which faults: a list of rows of the fault table, `all` or `none`.
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = soak::rows, requires = "hours")]
    faults: Faults,
    /// Print one JSON object.
    #[arg(long, requires = "hours")]
    json: bool,
}

// One value that is a list; a plain `Vec` would be an argument that may come several times.
type Venues = Vec<Venue>;
type Faults = Vec<Row>;

impl Args {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        if let Some(hours) = self.hours {
            let Self { seed, venues, faults: rows, json, .. } = self;
            return Soak { seed, hours, venues, rows, json }.run();
        }
        log::start("info", environment.log_destination())?;
        cli::runtime()?.block_on(async {
            let settings = if self.wide { SimSettings::wide() } else { SimSettings::default() };
            let settings = SimSettings { seed: self.seed, ..settings };
            let way = if self.rough { Way::Rough } else { Way::Smooth };
            let mut market = MarketServer::start(settings, Clock::scaled(wall_now(), 1.0), self.port, way).await?;
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
