//! `tickerbox backfill`: candles of the past, from the venues' own history.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use futures_util::future::join_all;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use store::History;
use types::{Timeframe, Timestamp, Venue};

use super::{print_json, runtime, stop_signal, time};
use crate::backfill::{self, Fetched, Job, Reach};
use crate::clock::Clock;
use crate::config::Config;
use crate::venue::{Bans, Network};

/// Coins that are watched together more often than others: `--symbols seeds` means each of them against USDT.
const SEEDS: [&str; 25] = [
    "BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "AVAX", "DOGE", "LINK", "LTC", "UNI", "SHIB", "ETC", "AAVE", "ATOM",
    "NEAR", "ICP", "FIL", "APT", "ARB", "OP", "SUI", "PEPE", "MATIC", "XMR",
];

/// Fetches candles of the past by REST, within the venues' limits, into history.redb of the data directory.
///
/// What is there is not asked for again: a run that was broken off goes on where it stopped. It can run beside the box, in the
/// same folder. Exit code 1 when something of a listed pair could not be had.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose candles; may be given more than once. All venues without it.
    #[arg(long, value_name = "VENUE", value_parser = venue)]
    venue: Vec<Venue>,
    /// Pairs, separated by commas (BTC/USDT,ETH/USD), or `seeds` for 25 well-known coins against USDT.
    #[arg(long, value_name = "LIST", value_parser = pairs)]
    symbols: Pairs,
    /// Lengths, separated by commas: 1m, 5m, 15m, 1h, 1d.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1m")]
    timeframes: Vec<Timeframe>,
    /// From this day or time on (2026-01-31 or 2026-01-31T12:00:00Z).
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "candles")]
    since: Option<Timestamp>,
    /// So many of the newest candles of each length.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    candles: u32,
    /// Kraken remembers the newest 719 candles of each length: build those before them from its trades, a thousand trades a
    /// request and about one request a second.
    #[arg(long)]
    from_trades: bool,
    /// Configuration file, for addresses and the folder; without one the defaults apply.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where it is kept, instead of `store.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Report {
    venues: Vec<Fetched>,
}

fn venue(text: &str) -> Result<Venue, String> {
    let spoken = || feed::SPOKEN.map(Venue::slug).join(", ");
    let found = feed::SPOKEN.into_iter().find(|venue| venue.slug() == text);
    found.ok_or_else(|| format!("not a venue; there are {}", spoken()))
}

/// Base and quote, each pair once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pairs(Vec<(String, String)>);

fn pairs(text: &str) -> Result<Pairs, String> {
    if text == "seeds" {
        return Ok(Pairs(SEEDS.map(|coin| (coin.to_owned(), "USDT".to_owned())).into()));
    }
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let mut pairs: Vec<(String, String)> = Vec::new();
    for name in text.split(',').map(str::trim) {
        let pair = name.split_once('/').filter(|(base, quote)| is_name(base) && is_name(quote));
        let (base, quote) = pair.ok_or_else(|| format!("{name:?} is not a pair like BTC/USDT"))?;
        let pair = (base.to_owned(), quote.to_owned());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    Ok(Pairs(pairs))
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        let venues = if self.venue.is_empty() { feed::SPOKEN.to_vec() } else { self.venue.clone() };
        let dir = self.data_dir.clone().unwrap_or_else(|| config.store.data_dir.clone());
        let history = History::open(&dir)?;
        let (network, bans) = (Network::new(&config.network)?, Bans::load(&dir));
        let jobs = venues.into_iter().map(|venue| Job {
            venue,
            rest_base: config.feeds.of(venue).rest_base.clone(),
            network: network.clone(),
            bans: bans.clone(),
            pairs: self.symbols.0.clone(),
            timeframes: self.timeframes.clone(),
            reach: self.since.map_or(Reach::Candles(self.candles), Reach::Since),
            from_trades: self.from_trades,
            clock: Clock::wall(),
        });
        let jobs: Vec<Job> = jobs.collect();
        let bars = MultiProgress::new();
        if self.json || !std::io::stderr().is_terminal() {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let fetched = runtime()?.block_on(async {
            tokio::select! {
                fetched = join_all(jobs.iter().map(|job| fetch(job, &history, &bars))) => fetched.into_iter().collect(),
                signal = stop_signal() => signal.and_then(|()| anyhow::bail!("stopped; what has come is kept, run it again to go on")),
            }
        });
        let report = Report { venues: fetched? };
        let has_holes = report.venues.iter().any(Fetched::has_holes);
        if self.json {
            print_json(&report)?;
        } else {
            let mut out = std::io::stdout().lock();
            for line in report.venues.iter().flat_map(Fetched::lines) {
                writeln!(out, "{line}")?;
            }
        }
        Ok(if has_holes { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

async fn fetch(job: &Job, history: &History, bars: &MultiProgress) -> anyhow::Result<Fetched> {
    let style = ProgressStyle::with_template("{prefix:>10} {bar:40} {pos}/{len} intervals, {eta} left")
        .expect("a sound template");
    let bar = bars.add(ProgressBar::new(0).with_style(style).with_prefix(job.venue.slug()));
    let fetched = backfill::run(job, history, |settled, total| {
        bar.set_length(total);
        bar.set_position(settled);
    });
    let fetched = fetched.await;
    bar.finish();
    fetched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_once_each_and_odd_ones_named() {
        let names = |text: &str| {
            let Pairs(pairs) = pairs(text).expect("sound");
            pairs.iter().map(|(base, quote)| format!("{base}/{quote}")).collect::<Vec<_>>()
        };
        assert_eq!(names("BTC/USDT, ETH/USD,BTC/USDT"), ["BTC/USDT", "ETH/USD"]);
        let seeds = names("seeds");
        assert_eq!((seeds.len(), seeds[0].as_str(), seeds[24].as_str()), (25, "BTC/USDT", "XMR/USDT"));
        for odd in ["BTCUSDT", "BTC/", "btc/usdt", "", "BTC/USDT,,ETH/USDT"] {
            let error = pairs(odd).expect_err("not pairs");
            assert!(error.contains("is not a pair"), "{error}");
        }
    }

    #[test]
    fn days_and_times_are_read() {
        assert_eq!(time("2026-01-31"), Ok(Timestamp::from_date(2026, 1, 31)));
        assert_eq!(
            time("2026-01-31T00:01:00Z").map(Timestamp::as_secs),
            Ok(Timestamp::from_date(2026, 1, 31).as_secs() + 60)
        );
        assert!(time("yesterday").is_err() && "2m".parse::<Timeframe>().is_err() && venue("nyse").is_err());
    }
}
