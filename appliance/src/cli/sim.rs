//! `tickerbox sim`: the built-in market alone.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use ::soak::Row;
use anyhow::Context;
use sim::{AssetSettings, Recording, SimSettings};
use types::Venue;

use super::soak::{self, Soak};
use super::{Environment, input};
use crate::clock::{Clock, wall_now};
use crate::market_server::{MarketServer, MarketSettings, Way};
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
    /// A venue that says what was recorded, VENUE=FILE; the form is told in docs/formats.md. May be given for several
    /// venues. The market's clock then begins when the first of them was recorded.
    #[arg(long, value_name = "VENUE=FILE", value_parser = recording, conflicts_with_all = ["hours", "wide"])]
    recording: Vec<Recorded>,
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

#[derive(Clone, Debug)]
struct Recorded {
    venue: Venue,
    file: PathBuf,
}

fn recording(text: &str) -> Result<Recorded, String> {
    let (venue, file) = text.split_once('=').ok_or("not VENUE=FILE")?;
    let venue = Venue::ALL.into_iter().find(|known| known.slug() == venue).ok_or_else(|| {
        let known = Venue::ALL.map(Venue::slug).join(", ");
        format!("{venue:?} is not a venue; there are {known}")
    })?;
    Ok(Recorded { venue, file: file.into() })
}

/// The generated market, with the recorded venues in place of theirs.
fn with_recordings(mut settings: MarketSettings, recorded: &[Recorded]) -> anyhow::Result<MarketSettings> {
    for Recorded { venue, file } in recorded {
        let text = String::from_utf8(input::read(file)?).with_context(|| format!("{}: not text", file.display()))?;
        let recording = Recording::read(*venue, &text).with_context(|| file.display().to_string())?;
        anyhow::ensure!(
            settings.recordings.iter().all(|other| other.venue() != *venue),
            "{}: there is a recording of {venue} already",
            file.display()
        );
        let SimSettings { start, assets, listings, .. } = recording.settings();
        let sim = &mut settings.sim;
        sim.listings.retain(|listing| listing.venue != *venue);
        sim.listings.extend(listings);
        let is_new = |asset: &AssetSettings| sim.assets.iter().all(|known| known.name != asset.name);
        let new: Vec<_> = assets.into_iter().filter(is_new).collect();
        sim.assets.extend(new);
        if settings.recordings.is_empty() {
            sim.start = start;
        }
        settings.recordings.push(recording);
    }
    Ok(settings)
}

impl Args {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        if let Some(hours) = self.hours {
            let Self { seed, venues, faults: rows, json, .. } = self;
            return Soak { seed, hours, venues, rows, json }.run();
        }
        log::start("info", environment.log_destination())?;
        cli::runtime()?.block_on(async {
            let settings = if self.wide { SimSettings::wide() } else { SimSettings::default() };
            let way = if self.rough { Way::Rough } else { Way::Smooth };
            let sim = SimSettings { seed: self.seed, ..settings };
            let settings = MarketSettings { sim, way, ..MarketSettings::default() };
            let settings = with_recordings(settings, &self.recording)?;
            let start = if settings.recordings.is_empty() { wall_now() } else { settings.sim.start };
            let mut market = MarketServer::start(settings, Clock::scaled(start, 1.0), self.port).await?;
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
