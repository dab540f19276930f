//! `tickerbox sim --hours`: feeds and engine live through a simulated time, and are judged by what really happened.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use ::soak::judge::Knowable;
use ::soak::{Report, Row, Score, Settings, World, plan};
use anyhow::{Context, bail};
use serde::Serialize;
use sim::SimSettings;
use types::Venue;

use super::print_json;

/// One fault of each row and venue about so often.
const EVERY: Duration = Duration::from_secs(20 * 60);
/// Quiet at the end, so that what was broken last can heal.
const QUIET: Duration = Duration::from_secs(15 * 60);
/// The box's clock is set right or wrong by at most so much, once an hour.
const CLOCK_STEP_MS: i64 = 2_000;
/// Trades that the simulator keeps of each listing for its answers; the judge looks at each one soon after it happened.
const TRADES_KEPT: u32 = 6_000;
/// Minutes that are judged in the end, beside those of the hours asked for.
const MINUTES_MORE: u32 = 120;
const HOUR: Duration = Duration::from_secs(3_600);

/// What to live through.
pub(super) struct Soak {
    pub(super) seed: u64,
    pub(super) hours: u32,
    pub(super) venues: Vec<Venue>,
    pub(super) rows: Vec<Row>,
    pub(super) json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Outcome {
    seed: u64,
    hours: u32,
    faults_injected: u64,
    venues: Vec<&'static str>,
    books: Part,
    trades: Part,
    candles: Part,
    wrong_live: u64,
    wrong_trades: u64,
    limits_broken: u64,
    out_of_reach: u64,
    unknowable: u64,
    books_checked: u64,
    rss_mb: Memory,
    seconds: f64,
}

#[derive(Serialize)]
struct Part {
    truth: u64,
    equal: u64,
}

/// Resident memory, megabytes.
#[derive(Serialize)]
struct Memory {
    start: f64,
    end: f64,
    /// After each hour.
    hourly: Vec<f64>,
}

/// All venues, or those of a list.
pub(super) fn venues(text: &str) -> Result<Vec<Venue>, String> {
    let of = |name: &str| {
        let found = feed::SPOKEN.into_iter().find(|venue| venue.slug() == name);
        found.ok_or_else(|| format!("{name:?} is not a venue; there are {}", feed::SPOKEN.map(Venue::slug).join(", ")))
    };
    if text == "all" { Ok(feed::SPOKEN.to_vec()) } else { text.split(',').map(str::trim).map(of).collect() }
}

/// All rows of the fault table, those of a list, or none.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, String> {
    let of = |name: &str| {
        let found = Row::of_name(name);
        found.ok_or_else(|| format!("{name:?} is not a fault; there are {}", Row::ALL.map(Row::name).join(", ")))
    };
    match text {
        "all" => Ok(Row::ALL.to_vec()),
        "none" => Ok(Vec::new()),
        list => list.split(',').map(str::trim).map(of).collect(),
    }
}

impl Soak {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let began = std::time::Instant::now();
        // As many minutes before the start as are kept: the market's memory is full from the beginning.
        let minutes = self.hours * 60 + MINUTES_MORE;
        let sim = SimSettings {
            seed: self.seed,
            trades_kept: TRADES_KEPT,
            history_minutes: minutes,
            minutes_kept: minutes,
            ..SimSettings::wide()
        };
        let settings = Settings { keeps_diary: false, ..Settings::new(sim, &self.venues) };
        let mut world = World::new(&settings)?;
        self.plan(&mut world);
        let mut hourly = Vec::new();
        for hour in 0..self.hours {
            if self.rows.contains(&Row::Clock) {
                self.step_clocks(&mut world, hour);
            }
            world.run_for(HOUR);
            hourly.push(resident_mb()?);
            self.say(&format!("{} of {} hours, {} faults", hour + 1, self.hours, world.sim.faults_injected()));
        }
        world.sim.stop_faults();
        let unseen = self.venues.iter().map(|venue| Knowable::of(*venue).unseen).max().unwrap_or_default();
        world.run_for(QUIET.max(unseen));
        let report = world.report();
        self.say("");
        let (Some(start), Some(end)) = (hourly.first().copied(), hourly.last().copied()) else {
            bail!("at least an hour");
        };
        self.print(&report, Memory { start, end, hourly }, began.elapsed())?;
        if report.is_good() {
            return Ok(ExitCode::SUCCESS);
        }
        let mut err = std::io::stderr().lock();
        for finding in &report.findings {
            writeln!(err, "{finding}")?;
        }
        writeln!(err, "seed {}; to repeat: {}", self.seed, self.command())?;
        Ok(ExitCode::FAILURE)
    }

    fn plan(&self, world: &mut World) {
        for venue in &self.venues {
            let symbols: Vec<String> =
                world.followed().iter().filter(|of| of.venue == *venue).map(|of| of.symbol.clone()).collect();
            let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
            for fault in self.rows.iter().flat_map(|row| row.faults(*venue, &symbols, EVERY)) {
                world.sim.fault(fault);
            }
        }
        if self.rows.contains(&Row::Disconnect) {
            world.sim.fault(plan::all_at_once(6 * HOUR));
        }
    }

    /// Another second or two between the box and each venue.
    fn step_clocks(&self, world: &mut World, hour: u32) {
        let mut random = fastrand::Rng::with_seed(self.seed.wrapping_add(u64::from(hour)));
        for venue in &self.venues {
            if let Some(driver) = world.driver_mut(*venue) {
                driver.set_skew_ns(random.i64(-CLOCK_STEP_MS..=CLOCK_STEP_MS) * types::time::NS_PER_MS);
            }
        }
    }

    /// A line for who is there to see it.
    fn say(&self, text: &str) {
        if std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\r{text:<60}\r");
        }
    }

    fn command(&self) -> String {
        let list =
            |names: Vec<&'static str>, all: usize| if names.len() == all { "all".to_owned() } else { names.join(",") };
        let venues = list(self.venues.iter().map(|venue| venue.slug()).collect(), feed::SPOKEN.len());
        let faults = match self.rows.as_slice() {
            [] => "none".to_owned(),
            rows => list(rows.iter().map(|row| row.name()).collect(), Row::ALL.len()),
        };
        format!(
            "cargo xtask sim --seed {} --hours {} --venues {venues} --faults {faults} --json",
            self.seed, self.hours
        )
    }

    fn print(&self, report: &Report, memory: Memory, took: Duration) -> anyhow::Result<()> {
        let part = |score: Score| Part { truth: score.truth, equal: score.equal };
        if self.json {
            return print_json(&Outcome {
                seed: self.seed,
                hours: self.hours,
                faults_injected: report.faults_injected,
                venues: report.venues.iter().map(|venue| venue.slug()).collect(),
                books: part(report.books),
                trades: part(report.trades),
                candles: part(report.candles),
                wrong_live: report.wrong_live,
                wrong_trades: report.wrong_trades,
                limits_broken: report.limits_broken,
                out_of_reach: report.out_of_reach,
                unknowable: report.unknowable,
                books_checked: report.books_checked,
                rss_mb: memory,
                seconds: took.as_secs_f64(),
            });
        }
        let mut out = std::io::stdout().lock();
        write!(out, "{report}")?;
        writeln!(out, "memory            {:.1} MB after an hour, {:.1} MB at the end", memory.start, memory.end)?;
        Ok(writeln!(out, "seed              {}, {} hours in {:.0} s", self.seed, self.hours, took.as_secs_f64())?)
    }
}

/// Resident memory of this process, megabytes.
fn resident_mb() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS in /proc/self/status")?;
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS in /proc/self/status")?;
    Ok(kb / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_odd_names_told() {
        assert_eq!(venues("all").map(|venues| venues.len()), Ok(feed::SPOKEN.len()));
        assert_eq!(venues("kraken, kucoin"), Ok(vec![Venue::Kraken, Venue::Kucoin]));
        assert!(venues("nyse").is_err_and(|error| error.contains("kraken")));
        assert_eq!(rows("none"), Ok(Vec::new()));
        assert_eq!(rows("gap,stale"), Ok(vec![Row::Gap, Row::Stale]));
        assert!(rows("gaps").is_err_and(|error| error.contains("half-open")));
    }
}
