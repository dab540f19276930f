//! `tickerbox news`: what the world said.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ::news::read::{Format, Reading, Seen};
use ::news::{Content, DateOrder, Item, Kind, Zone};
use anyhow::Context;
use serde::Serialize;
use store::News;
use store::news::{NewsEntry, Wanted};
use types::Timestamp;

use super::{WrongArguments, input, news_layer, news_model, news_score, news_study, print_json, time};
use crate::clock::wall_now;
use crate::import::news::import;

/// Takes news, posts and macro calendars of files over into news.redb of the data directory, shows what is there, and scores texts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Take over files.
    Import(ImportArgs),
    /// Show what is kept.
    List(ListArgs),
    /// Score the texts of a file, and compare with the labels that people gave.
    Score(news_score::Args),
    /// Compare what a market did around events with what it did at other times.
    Study(news_study::Args),
    /// Write what is kept as an event layer for other programs.
    Export(news_layer::Args),
    /// Bring the files of a FinBERT model into the data folder.
    DownloadModel(news_model::Args),
}

/// Takes over files of news, posts and macro calendars.
///
/// Kinds: newsapi, rss (Atom too), cryptocompare, posts-json, posts-csv, factbase, forexfactory, investing, calendar-json,
/// events-jsonl, headlines-csv, or auto where the bytes leave no doubt. Items that cannot be used are counted, told with place and
/// reason, and left out; nothing that is there is changed: an item that says something else now is one revision more, and
/// importing a file again adds nothing. Exit code 1 when items were set aside, 2 when a file cannot be used at all.
#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// What the files are.
    #[arg(value_name = "KIND", value_parser = kind)]
    kind: Chosen,
    /// The files, gzipped or plain.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where it is kept.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The zone of times that have none of their own: an IANA name (America/New_York), an offset that holds all year (-04:00)
    /// or UTC.
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    zone: Option<Zone>,
    /// The order of dates such as 03/04/2022: dmy or mdy.
    #[arg(long, value_name = "ORDER")]
    date_order: Option<DateOrder>,
    /// The year of dates that have none.
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i16).range(1970..=2261))]
    year: Option<i16>,
    /// Who told it, where that is not the kind or the feed's host: a-z, 0-9, `.`, `_`, `-`.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Whose posts these are, where the file does not say.
    #[arg(long, value_name = "ACCOUNT", default_value = "realDonaldTrump")]
    author: String,
    /// Archives do not say when their items could be seen: so many seconds after they were published is assumed.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, conflicts_with = "seen")]
    delay: u32,
    /// The files were fetched at that time, and what they hold was not known before.
    #[arg(long, value_name = "TIME", value_parser = time)]
    seen: Option<Timestamp>,
    /// Print one JSON object a file.
    #[arg(long)]
    json: bool,
}

/// Shows the newest of what is kept, oldest first.
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Where it is kept.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only article, post or macro.
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Usable from then on or later.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Usable before then.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// With items that another source told too.
    #[arg(long)]
    with_same: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// A format, or whatever the bytes are.
#[derive(Clone, Copy, Debug)]
enum Chosen {
    Auto,
    Format(Format),
}

fn kind(text: &str) -> Result<Chosen, String> {
    match text {
        "auto" => Ok(Chosen::Auto),
        _ => text.parse().map(Chosen::Format).map_err(|error| format!("{error}, auto")),
    }
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Import(args) => args.run(),
            What::List(args) => args.run(),
            What::Score(args) => args.run(),
            What::Study(args) => args.run(),
            What::Export(args) => args.run(),
            What::DownloadModel(args) => args.run(),
        }
    }
}

impl ImportArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        let now = wall_now();
        let delay = Duration::from_secs(self.delay.into());
        let how = Reading {
            source: self.source,
            seen: self.seen.map_or(Seen::Archive { at: now, delay }, Seen::At),
            zone: self.zone,
            date_order: self.date_order,
            year: self.year,
            charset: None,
            author: self.author,
        };
        let store = News::open(&self.data_dir)?;
        let mut is_clean = true;
        for file in &self.files {
            let name = file.display().to_string();
            let bytes = input::read(file)?;
            let format = match self.kind {
                Chosen::Format(format) => format,
                Chosen::Auto => ::news::read::detect(&bytes).ok_or_else(|| {
                    WrongArguments(format!("{name}: what it is cannot be told from its bytes; name the kind"))
                })?,
            };
            let report = import(&name, format, &bytes, &how, &store).with_context(|| name.clone())?;
            is_clean &= report.set_aside == 0;
            if self.json {
                print_json(&report)?;
                continue;
            }
            let mut out = std::io::stdout().lock();
            writeln!(out, "{name}: {report}")?;
            for set_aside in &report.told {
                writeln!(out, "  {set_aside}")?;
            }
        }
        Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl ListArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        let store = News::open_read(&self.data_dir)?;
        let wanted = Wanted {
            from: self.since.unwrap_or(Timestamp::from_nanos(i64::MIN)),
            to: self.until.unwrap_or(Timestamp::MAX),
            kind: self.kind.map(|kind| kind as u8),
            with_same: self.with_same,
            newest_first: true,
            limit: self.limit,
        };
        let mut entries = store.entries(&wanted)?;
        entries.reverse();
        let mut out = std::io::stdout().lock();
        for entry in entries {
            let item = Item::from_bytes(&entry.item)
                .with_context(|| format!("{}: the item {}", store.path().display(), entry.name))?;
            if self.json {
                serde_json::to_writer(&mut out, &Listed::of(&entry, &item)).map_err(std::io::Error::from)?;
                writeln!(out)?;
            } else {
                let text: String = item.text().replace('\n', " ").chars().take(120).collect();
                writeln!(out, "{}  {:7}  {}  {text}", entry.usable_from, item.kind(), item.source)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An item as it is shown. The keys are a contract.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    revision: u32,
    same_as: Option<&'a str>,
    kind: &'static str,
    source: &'a str,
    usable_from: String,
    published_at: String,
    seen_at: String,
    claimed_at: Option<String>,
    time: ::news::TimeNote,
    is_economic: bool,
    is_crypto: bool,
    is_low_information: bool,
    coins: Vec<&'static str>,
    sha256: String,
    content: &'a Content,
}

impl<'a> Listed<'a> {
    fn of(entry: &'a NewsEntry, item: &'a Item) -> Self {
        Self {
            name: &entry.name,
            revision: entry.revision,
            same_as: entry.same_as.as_deref(),
            kind: item.kind().name(),
            source: &item.source,
            usable_from: entry.usable_from.to_string(),
            published_at: item.published_at.to_string(),
            seen_at: item.seen_at.to_string(),
            claimed_at: item.claimed_at.map(|at| at.to_string()),
            time: item.time,
            is_economic: item.marks.is_economic,
            is_crypto: item.marks.is_crypto,
            is_low_information: item.marks.is_low_information,
            coins: item.marks.coins.tickers().collect(),
            sha256: item.raw_hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            content: &item.content,
        }
    }
}
