//! `tickerbox news export`: what is kept of news as rows for other programs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use ::news::{Content, Importance, Item};
use anyhow::Context;
use export::sheet::{Column, SheetWriter};
use sentiment::Lexicon;
use serde_json::{Map, Value};
use types::Timestamp;

use super::{WrongArguments, news_study, time};

/// Columns of the event layer. They are a contract: new ones come at the end.
const COLUMNS: [(&str, Column); 19] = [
    ("event_id", Column::Text),
    ("event_type", Column::Text),
    ("event_name", Column::Text),
    ("event_time_utc", Column::Time),
    // The beginning of its minute: what candles of a minute are joined by.
    ("minute_ms", Column::Whole),
    ("source", Column::Text),
    ("country", Column::Text),
    ("importance", Column::Text),
    ("actual", Column::Number),
    ("forecast", Column::Number),
    ("previous", Column::Number),
    ("surprise", Column::Number),
    ("text", Column::Text),
    ("sentiment_engine", Column::Text),
    ("sentiment_score", Column::Number),
    ("sentiment_label", Column::Text),
    ("is_economic", Column::Text),
    ("is_crypto", Column::Text),
    ("symbols", Column::Text),
];

/// Writes what is kept as an event layer: one row an event, with the minute that candles are joined by.
///
/// The name of the file says the form: `.jsonl` or `.parquet`. Columns: event_id, event_type (post, article, macro), event_name,
/// event_time_utc (when it could be known; of releases when they are due), minute_ms, source, country, importance, actual, forecast,
/// previous, surprise (actual less forecast), text, sentiment_engine, sentiment_score, sentiment_label, is_economic, is_crypto, symbols.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it goes.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where news.redb is.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only events from then on.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only events before then.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.file.display().to_string();
        let is_parquet = match self.file.extension().and_then(|ending| ending.to_str()) {
            Some("jsonl") => false,
            Some("parquet") => true,
            _ => return Err(WrongArguments(format!("{name}: the name must end in .jsonl or .parquet")).into()),
        };
        let items = news_study::items(&self.data_dir, self.since, self.until)?;
        let lexicon = Lexicon::new();
        let rows = items.iter().map(|item| row(item, &lexicon));
        let file = File::create(&self.file).with_context(|| format!("cannot write {name}"))?;
        let written = || format!("cannot write {name}");
        let mut out = BufWriter::new(file);
        if is_parquet {
            let columns = COLUMNS.iter().map(|(name, column)| ((*name).to_owned(), *column)).collect();
            let mut sheet = SheetWriter::new(&mut out, columns).with_context(written)?;
            for row in rows {
                sheet.push(row.iter().map(String::as_str)).with_context(written)?;
            }
            sheet.finish().with_context(written)?;
        } else {
            for row in rows {
                serde_json::to_writer(&mut out, &object(&row)).with_context(written)?;
                out.write_all(b"\n").with_context(written)?;
            }
        }
        out.into_inner().context("cannot write")?.sync_all().with_context(written)?;
        writeln!(std::io::stdout().lock(), "{name}: {} events", items.len())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The values of an event in the order of the columns; an empty text is a missing one.
fn row(item: &Item, lexicon: &Lexicon) -> [String; COLUMNS.len()] {
    let text = item.text();
    let mut at = item.usable_from();
    let mut name = String::new();
    let [mut country, mut importance] = [const { String::new() }; 2];
    let mut numbers = [const { None }; 3];
    match &item.content {
        Content::Article(article) => name.clone_from(&article.title),
        Content::Post(_) => "post".clone_into(&mut name),
        Content::Macro(event) => {
            name.clone_from(&event.full_name);
            country.clone_from(&event.country);
            at = event.scheduled_at;
            importance = event.importance.map_or("", word).to_owned();
            numbers = [&event.actual, &event.forecast, &event.previous]
                .map(|value| value.as_ref().and_then(::news::Value::amount));
        }
    }
    let [actual, forecast, previous] = numbers;
    let surprise = actual.zip(forecast).map(|(actual, forecast)| actual - forecast);
    let number = |number: Option<f64>| number.map_or_else(String::new, |number| number.to_string());
    let opinion = lexicon.score(&text);
    let score = opinion.score().filter(|_| !matches!(item.content, Content::Macro(_)));
    let flag = |is_so: bool| if is_so { "true" } else { "false" }.to_owned();
    let minute_ms = at.as_millis().div_euclid(60_000) * 60_000;
    [
        format!("{}:{}", item.source, item.id),
        item.kind().name().to_owned(),
        name,
        at.to_string(),
        minute_ms.to_string(),
        item.source.clone(),
        country,
        importance,
        number(actual),
        number(forecast),
        number(previous),
        number(surprise),
        text,
        score.map_or("", |_| "lexicon").to_owned(),
        number(score.map(|score| score.value)),
        score.map_or_else(String::new, |score| score.label.name().to_owned()),
        flag(item.marks.is_economic),
        flag(item.marks.is_crypto),
        item.marks.coins.tickers().collect::<Vec<_>>().join(","),
    ]
}

const fn word(importance: Importance) -> &'static str {
    match importance {
        Importance::Holiday => "holiday",
        Importance::Low => "low",
        Importance::Medium => "medium",
        Importance::High => "high",
    }
}

/// A row as a JSON object: numbers as numbers, what is missing as null.
fn object(row: &[String]) -> Map<String, Value> {
    let value = |column: Column, text: &String| match column {
        _ if text.is_empty() => Value::Null,
        Column::Number | Column::Whole => serde_json::from_str(text).unwrap_or(Value::Null),
        Column::Text | Column::Time => Value::String(text.clone()),
    };
    COLUMNS.iter().zip(row).map(|((name, column), text)| ((*name).to_owned(), value(*column, text))).collect()
}
