//! `tickerbox news study`: whether what was said moved a market.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ::news::{Content, Importance, Item, Schedule};
use anyhow::Context;
use engine::candle::{csv, step_of, tidy};
use sentiment::{Label, Lexicon};
use store::News;
use store::news::Wanted;
use study::{Bar, Bars, Happening, Kind, Measure, Plan, Report, Verdict};
use types::Timestamp;
use types::time::NS_PER_MIN;

use super::{WrongArguments, input, print_json, time};

/// An hour of news is a burst when it has so many standard deviations more than the hours of the week before, and so many at least.
const BURST: (f64, usize) = (3.0, 5);
const HOUR: Duration = Duration::from_hours(1);
const WEEK_HOURS: usize = 7 * 24;

/// Compares what a market did around posts, releases and bursts of news with what it did at the same minute of other weeks.
///
/// For each kind of event: mean return, its size whichever way, and volume after 5, 15, 30, 60 and 120 minutes against placebo times, with
/// intervals (bootstrap of whole days) and p-values corrected for every test made (Holm). Posts and news speak for the direction
/// that the lexicon reads in them, releases for that of their surprise. It says what was so in the past of one market, not what will be.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where news.redb is.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Candles of the market: `open_time_ms,open,high,low,close,volume`, gzipped or plain.
    #[arg(long, value_name = "FILE")]
    candles: PathBuf,
    /// Only events from then on.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only events before then.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Minutes after events at which it is measured.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "5,15,30,60,120")]
    horizons: Vec<u32>,
    /// Weeks before and after in which placebos are looked for.
    #[arg(long, value_name = "N", default_value_t = 8)]
    weeks: u32,
    /// Draws for intervals and p-values.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    draws: u32,
    /// Seed of the draws.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.candles.display();
        let mut candles = csv::parse(&input::read(&self.candles)?).with_context(|| name.to_string())?;
        tidy(&mut candles);
        let step_ns = step_of(&candles).unwrap_or(NS_PER_MIN);
        let step = Duration::from_nanos(u64::try_from(step_ns)?);
        let rows = candles.iter().map(|bar| Bar { open_time: bar.open_time, close: bar.close, volume: bar.volume });
        let bars = Bars::new(step, rows);
        let items = items(&self.data_dir, self.since, self.until)?;
        let happenings = happenings(&items);
        let plan = Plan {
            horizons_min: self.horizons,
            weeks: self.weeks,
            draws: self.draws,
            seed: self.seed,
            ..Plan::default()
        };
        let report = study::study(&bars, &happenings, &plan).map_err(|error| WrongArguments(error.to_string()))?;
        if self.json {
            print_json(&report)?;
        } else {
            print(&report, std::io::stdout().lock())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What is kept and was not told before by another source, in the order of time.
pub(super) fn items(
    data_dir: &std::path::Path,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> anyhow::Result<Vec<Item>> {
    let store = News::open_read(data_dir)?;
    let wanted = Wanted {
        from: since.unwrap_or(Timestamp::from_nanos(i64::MIN)),
        to: until.unwrap_or(Timestamp::MAX),
        kind: None,
        with_same: false,
        newest_first: false,
        limit: usize::MAX,
    };
    let read = |entry: store::news::NewsEntry| {
        Item::from_bytes(&entry.item).with_context(|| format!("{}: the item {}", store.path().display(), entry.name))
    };
    store.entries(&wanted)?.into_iter().map(read).collect()
}

/// The events that items are, each in every kind that it belongs to.
fn happenings(items: &[Item]) -> Vec<Happening> {
    let lexicon = Lexicon::new();
    let mut all = Vec::new();
    let mut articles = Vec::new();
    for item in items {
        let sign = || {
            let opinion = lexicon.score(&item.text());
            opinion.score().filter(|score| score.label != Label::Neutral).map(|score| score.value)
        };
        let mut add =
            |kind: &str, at: Timestamp, sign: Option<f64>| all.push(Happening { at, kind: kind.to_owned(), sign });
        match &item.content {
            Content::Post(post) if post.is_repost || item.marks.is_low_information => {
                add("posts without words", item.usable_from(), None);
            }
            Content::Post(_) => {
                let (at, sign) = (item.usable_from(), sign());
                add("posts", at, sign);
                if item.marks.is_economic {
                    add("posts on the economy", at, sign);
                }
                if item.marks.is_crypto {
                    add("posts on crypto", at, sign);
                }
            }
            Content::Article(_) => articles.push(item.usable_from()),
            Content::Macro(event) if event.schedule == Schedule::Exact => {
                let kind = match event.importance {
                    Some(Importance::High) => "releases, high",
                    Some(Importance::Medium) => "releases, medium",
                    Some(Importance::Low) => "releases, low",
                    Some(Importance::Holiday) => continue,
                    None => "releases",
                };
                let surprise = event.actual.as_ref().zip(event.forecast.as_ref());
                let surprise = surprise.and_then(|(actual, forecast)| Some(actual.amount()? - forecast.amount()?));
                add(kind, event.scheduled_at, surprise.filter(|surprise| *surprise != 0.0));
            }
            Content::Macro(_) => {}
        }
    }
    all.extend(bursts(&mut articles).into_iter().map(|at| Happening {
        at,
        kind: "bursts of news".to_owned(),
        sign: None,
    }));
    all
}

/// The ends of hours in which much more was written than in those of the week before. An hour after a burst is part of it.
fn bursts(articles: &mut [Timestamp]) -> Vec<Timestamp> {
    articles.sort_unstable();
    let (Some(first), Some(last)) = (articles.first().copied(), articles.last().copied()) else { return Vec::new() };
    let place = |at: Timestamp| (at.since(first).as_secs() / HOUR.as_secs()) as usize;
    let mut counts = vec![0_usize; place(last) + 1];
    for at in articles.iter() {
        counts[place(*at)] += 1;
    }
    let mut found = Vec::new();
    let mut is_in_one = false;
    for (hour, count) in counts.iter().enumerate().skip(WEEK_HOURS) {
        let before = &counts[hour - WEEK_HOURS..hour];
        let mean = before.iter().sum::<usize>() as f64 / WEEK_HOURS as f64;
        let variance = before.iter().map(|n| (*n as f64 - mean).powi(2)).sum::<f64>() / WEEK_HOURS as f64;
        let is_burst = *count >= BURST.1 && *count as f64 > mean + BURST.0 * variance.sqrt();
        if is_burst && !is_in_one {
            found.push(first.plus(HOUR * (hour as u32 + 1)));
        }
        is_in_one = is_burst;
    }
    found
}

fn print(report: &Report, mut out: impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{} tests; candles of {} min; intervals at {:.0} %; p corrected for all tests (Holm)",
        report.tests,
        report.step_min,
        100.0 * report.plan.level
    )?;
    for kind in &report.kinds {
        let Kind { events, studied, in_bursts, without_candles, without_placebos, .. } = kind;
        writeln!(out)?;
        writeln!(
            out,
            "{}: {studied} of {events} studied ({in_bursts} follow another, {without_candles} without candles, \
             {without_placebos} without placebos)",
            kind.kind
        )?;
        if kind.rows.is_empty() {
            writeln!(out, "  too few to say anything")?;
            continue;
        }
        writeln!(
            out,
            "  {:<26} {:>5} {:>9} {:>9} {:>27} {:>8}  verdict",
            "", "n", "mean", "placebo", "difference", "p"
        )?;
        for row in &kind.rows {
            let what = words(row.measure);
            let verdict = match row.verdict {
                Verdict::NotProven => "chance explains it",
                Verdict::More => "more",
                Verdict::Less => "less",
            };
            let difference = format!("{:+.2} ({:+.2} to {:+.2})", row.difference, row.interval.0, row.interval.1);
            writeln!(
                out,
                "  {what:<26} {:>5} {:>9.2} {:>9.2} {difference:>27} {:>8.4}  {verdict}",
                row.events, row.mean, row.placebo, row.p_holm
            )?;
        }
    }
    Ok(())
}

/// A measure in words, with the unit of its numbers.
fn words(measure: Measure) -> String {
    match measure {
        Measure::Before(minutes) => format!("size, {minutes} min before, bps"),
        Measure::Return(minutes) => format!("return, {minutes} min, bps"),
        Measure::Signed(minutes) => format!("as said, {minutes} min, bps"),
        Measure::Magnitude(minutes) => format!("size, {minutes} min, bps"),
        Measure::Volume(minutes) => format!("volume, {minutes} min, ln"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_with_much_more_than_usual_is_a_burst_once() {
        let at = |hour: u64, minute: u64| Timestamp::from_secs((1_800_000_000 + hour * 3_600 + minute * 60) as i64);
        let mut articles: Vec<Timestamp> = (0..400).map(|hour| at(hour, 0)).collect();
        for hour in [300, 301, 350] {
            articles.extend((1..=20).map(|minute| at(hour, minute)));
        }
        // Busy, but in the first week: nobody knows what is usual yet.
        articles.extend((1..=20).map(|minute| at(100, minute)));
        assert_eq!(bursts(&mut articles), [at(301, 0), at(351, 0)]);
        assert_eq!(bursts(&mut []), []);
    }
}
