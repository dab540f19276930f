//! `tickerbox query`: what a box has kept, as a table or as data.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::export::sheet::{Column, SheetWriter};
use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use store::history::{Foreign, ForeignBook, ForeignForecast, Series};
use store::state::Listing;
use store::{History, Reader, Span, State, days};
use types::market::Level;
use types::{Input, Stamped, Timeframe, Timestamp};

use super::time;
use crate::kept::{self, Accounts, CandleRow, Known, candle_row, full_name, is_meant};

/// Shows candles, trades, books, forecasts, orders and more that a box has kept.
///
/// Not while a box is writing to the folder. Trades and books come from the journal, the rest from the state file; `history`,
/// `history-books` and `history-forecasts` are what was fetched or imported.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to show.
    #[arg(value_enum)]
    kind: Kind,
    /// The box's data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only this instrument: as the venue names it (kraken:BTC/USD), or a pair on all venues (BTC/USD). May be repeated.
    #[arg(long, value_name = "SYMBOL")]
    symbol: Vec<String>,
    /// Length of the candles: 1m, 5m, 15m, 1h, 1d.
    #[arg(long, value_name = "LENGTH", default_value = "1m")]
    timeframe: Timeframe,
    /// Only this account of orders, fills and equity; `all` for all.
    #[arg(long, value_name = "NAME", default_value = kept::LEAD)]
    account: String,
    /// From this time on, UTC: 2026-07-19 or 2026-07-19T17:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// How.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Candles that the box built or heard, in their last revision.
    Candles,
    /// Candles that were fetched or imported.
    History,
    /// Books that were imported: what another program took for a book.
    HistoryBooks,
    /// Forecasts that were imported.
    HistoryForecasts,
    /// Trades as they were received.
    Trades,
    /// Best levels of each book that was shown to the engine.
    Books,
    /// Forecasts with what came, once it is known.
    Forecasts,
    /// Paper orders and how they ended.
    Orders,
    /// What paper orders cost: delay, spread, impact and fees.
    Costs,
    /// Parts of paper orders that were filled.
    Fills,
    /// A paper account, minute by minute.
    Equity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns.
    Table,
    /// Comma-separated, with a header.
    Csv,
    /// One JSON array.
    Json,
    /// A Parquet file: numbers as 64-bit floats, times in microseconds.
    Parquet,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let stdout = std::io::stdout();
        anyhow::ensure!(
            self.format != Format::Parquet || !stdout.is_terminal(),
            "a Parquet file is nothing for a terminal: write it to a file, as in > trades.parquet"
        );
        let out = BufWriter::new(stdout);
        let from = self.from.unwrap_or(Timestamp::EPOCH);
        let span = Span::between(from, self.to.unwrap_or(Timestamp::MAX), usize::MAX);
        match self.kind {
            Kind::History => write_rows(self.format, self.history(span)?, out),
            Kind::HistoryBooks => write_rows(self.format, self.foreign(span, foreign_book)?, out),
            Kind::HistoryForecasts => write_rows(self.format, self.foreign(span, foreign_forecasts)?, out),
            Kind::Candles => {
                let (state, known) = self.opened()?;
                let rows = known.iter().flat_map(|known| told(kept::candles(&state, known, self.timeframe, span)));
                write_rows(self.format, rows, out)
            }
            Kind::Trades => {
                let (_, known) = self.opened()?;
                write_rows(self.format, journal(&self.data_dir, span, |input| kept::trade(&known, input))?, out)
            }
            Kind::Books => {
                let (_, known) = self.opened()?;
                write_rows(self.format, journal(&self.data_dir, span, |input| kept::book(&known, input))?, out)
            }
            Kind::Forecasts => {
                let (state, known) = self.opened()?;
                let rows = known.iter().flat_map(|known| told(kept::forecasts(&state, known, span)));
                write_rows(self.format, rows, out)
            }
            Kind::Orders => {
                let (state, known) = self.opened()?;
                write_rows(self.format, told(kept::orders(&state, &self.accounts(&state)?, &known, span)), out)
            }
            Kind::Costs => {
                let (state, known) = self.opened()?;
                write_rows(self.format, told(kept::costs(&state, &self.accounts(&state)?, &known, span)), out)
            }
            Kind::Fills => {
                let (state, known) = self.opened()?;
                write_rows(self.format, told(kept::fills(&state, &self.accounts(&state)?, &known, span)), out)
            }
            Kind::Equity => {
                let (state, _) = self.opened()?;
                write_rows(self.format, told(kept::equity(&state, &self.accounts(&state)?, span)), out)
            }
        }?;
        Ok(ExitCode::SUCCESS)
    }

    fn accounts(&self, state: &State) -> anyhow::Result<Accounts> {
        Accounts::named(state, &self.account)?.map_err(|why| anyhow::anyhow!("--account: {why}"))
    }

    /// The state file and the chosen instruments.
    fn opened(&self) -> anyhow::Result<(State, Vec<Known>)> {
        let state = State::open_read(&self.data_dir)?;
        let known = self.known(&state)?;
        Ok((state, known))
    }

    /// The chosen instruments.
    fn known(&self, state: &State) -> anyhow::Result<Vec<Known>> {
        let listings = state.catalogue()?;
        for wanted in &self.symbol {
            let known = || listings.iter().map(full_name).collect::<Vec<_>>().join(", ");
            let is_known = listings.iter().any(|listing| is_meant(listing, wanted));
            anyhow::ensure!(is_known, "{}: no instrument {wanted:?}; known are {}", self.data_dir.display(), known());
        }
        let is_wanted =
            |listing: &Listing| self.symbol.is_empty() || self.symbol.iter().any(|wanted| is_meant(listing, wanted));
        Ok(Known::all(state, is_wanted)?)
    }

    fn history(&self, span: Span) -> anyhow::Result<impl Iterator<Item = anyhow::Result<CandleRow>>> {
        let history = History::open_read(&self.data_dir)?;
        let mut series = history.series()?;
        self.choose(&mut series, |series| (&series.source, &series.symbol))?;
        let timeframe = self.timeframe;
        series.retain(|series| series.timeframe == timeframe);
        let of = move |series: Series| -> anyhow::Result<Vec<CandleRow>> {
            let rows = history.candles(&series, span.from..span.to)?;
            Ok(rows.iter().map(|(scale, candle)| candle_row(&series.source, &series.symbol, *scale, candle)).collect())
        };
        Ok(series.into_iter().flat_map(move |series| flattened(of(series))))
    }

    /// What another program kept.
    fn foreign<T: Foreign, R: 'static>(
        &self,
        span: Span,
        rows: impl Fn(&str, &str, Timestamp, &T) -> Vec<R>,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<R>>> {
        let history = History::open_read(&self.data_dir)?;
        let mut names = history.foreign_names::<T>()?;
        self.choose(&mut names, |(source, symbol)| (source, symbol))?;
        Ok(names.into_iter().flat_map(move |(source, symbol)| {
            let read = || -> anyhow::Result<Vec<R>> {
                let kept = history.foreign::<T>(&source, &symbol, span.from..span.to)?;
                Ok(kept.iter().flat_map(|(at, row)| rows(&source, &symbol, *at, row)).collect())
            };
            flattened(read())
        }))
    }

    /// Leaves what `--symbol` asks for: by `source:symbol`, or by the symbol alone.
    fn choose<T>(&self, there: &mut Vec<T>, name: impl Fn(&T) -> (&String, &String)) -> anyhow::Result<()> {
        let full = |one: &T| format!("{}:{}", name(one).0, name(one).1);
        let is_meant = |one: &T, wanted: &String| full(one) == *wanted || name(one).1 == wanted;
        for wanted in &self.symbol {
            let known = || there.iter().map(full).collect::<Vec<_>>().join(", ");
            let is_known = there.iter().any(|one| is_meant(one, wanted));
            anyhow::ensure!(is_known, "{}: nothing of {wanted:?}; there are {}", self.data_dir.display(), known());
        }
        there.retain(|one| self.symbol.is_empty() || self.symbol.iter().any(|wanted| is_meant(one, wanted)));
        Ok(())
    }
}

#[derive(Debug, Serialize)]
struct ForeignBookRow {
    source: String,
    symbol: String,
    at: String,
    bid: Option<String>,
    bid_qty: Option<String>,
    ask: Option<String>,
    ask_qty: Option<String>,
    levels: usize,
}

fn foreign_book(source: &str, symbol: &str, at: Timestamp, book: &ForeignBook) -> Vec<ForeignBookRow> {
    let price = |side: &[Level]| side.first().map(|level| book.scale.price(level.price).to_string());
    let qty = |side: &[Level]| side.first().map(|level| book.scale.qty(level.qty).to_string());
    vec![ForeignBookRow {
        source: source.to_owned(),
        symbol: symbol.to_owned(),
        at: at.to_string(),
        bid: price(&book.bids),
        bid_qty: qty(&book.bids),
        ask: price(&book.asks),
        ask_qty: qty(&book.asks),
        levels: book.bids.len() + book.asks.len(),
    }]
}

#[derive(Debug, Serialize)]
struct ForeignForecastRow {
    source: String,
    symbol: String,
    at: String,
    model: String,
    horizon_min: u16,
    value: f64,
    p_up: f64,
}

fn foreign_forecasts(source: &str, symbol: &str, at: Timestamp, made: &ForeignForecast) -> Vec<ForeignForecastRow> {
    let row = |(horizon_min, value): &(u16, f64)| ForeignForecastRow {
        source: source.to_owned(),
        symbol: symbol.to_owned(),
        at: at.to_string(),
        model: made.model.clone(),
        horizon_min: *horizon_min,
        value: *value,
        p_up: made.p_up,
    };
    made.values.iter().map(row).collect()
}

/// Rows without their times.
fn told<T: 'static>(rows: kept::Rows<T>) -> Box<dyn Iterator<Item = anyhow::Result<T>>> {
    flattened(rows.map(|rows| rows.into_iter().map(|(_, row)| row).collect()).map_err(Into::into))
}

fn flattened<T>(rows: anyhow::Result<Vec<T>>) -> Box<dyn Iterator<Item = anyhow::Result<T>>>
where
    T: 'static,
{
    match rows {
        Ok(rows) => Box::new(rows.into_iter().map(Ok)),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

/// What `pick` makes of the inputs that were received in the span, day file by day file.
fn journal<'a, T: 'static>(
    dir: &Path,
    span: Span,
    pick: impl Fn(&Stamped<Input>) -> Option<T> + Copy + 'a,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<T>> + 'a> {
    let mut days = days(dir)?;
    days.retain(|day| day.is_in(&(span.from..span.to)));
    Ok(days.into_iter().flat_map(move |day| {
        let read = || -> anyhow::Result<Vec<T>> {
            let reader = Reader::open_day(&day.path)?;
            let mut found = Vec::new();
            for input in reader.inputs_from(span.from)? {
                let input = input?;
                if input.at >= span.to {
                    break;
                }
                found.extend(pick(&input));
            }
            Ok(found)
        };
        flattened(read())
    }))
}

fn write_rows<T: Serialize>(
    format: Format,
    rows: impl Iterator<Item = anyhow::Result<T>>,
    mut out: impl Write + Send,
) -> anyhow::Result<()> {
    match format {
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(out);
            for row in rows {
                writer.serialize(row?).map_err(std::io::Error::from)?;
            }
            writer.flush()?;
        }
        Format::Json => {
            out.write_all(b"[")?;
            for (index, row) in rows.enumerate() {
                out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut out, &row?).map_err(std::io::Error::from)?;
            }
            out.write_all(b"\n]\n")?;
            out.flush()?;
        }
        Format::Parquet => parquet(rows, out)?.flush()?,
        Format::Table => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in rows {
                writer.serialize(row?).map_err(std::io::Error::from)?;
            }
            let text = writer.into_inner().context("cannot make the table")?;
            table(&text, &mut out)?;
            out.flush()?;
        }
    }
    Ok(())
}

/// Rows that become text together.
const CHUNK_ROWS: usize = 10_000;

fn parquet<T: Serialize, W: Write + Send>(rows: impl Iterator<Item = anyhow::Result<T>>, out: W) -> anyhow::Result<W> {
    let mut rows = rows.peekable();
    anyhow::ensure!(rows.peek().is_some(), "nothing is kept of that");
    let (mut sheet, mut out) = (None, Some(out));
    while rows.peek().is_some() {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows.by_ref().take(CHUNK_ROWS) {
            writer.serialize(row?)?;
        }
        let text = writer.into_inner().context("cannot make the rows")?;
        let mut reader = csv::Reader::from_reader(text.as_slice());
        if let Some(out) = out.take() {
            let columns = reader.headers()?.iter().map(|name| (name.to_owned(), column(name)));
            sheet = Some(SheetWriter::new(out, columns.collect())?);
        }
        let sheet = sheet.as_mut().context("begun with the first rows")?;
        for record in reader.records() {
            sheet.push(&record?)?;
        }
    }
    Ok(sheet.context("there were rows")?.finish()?)
}

/// What a column of a row holds.
fn column(name: &str) -> Column {
    match name {
        "open_time" | "received" | "venue_time" | "at" | "ended" => Column::Time,
        "open" | "high" | "low" | "close" | "volume" | "price" | "qty" | "bid" | "bid_qty" | "ask" | "ask_qty"
        | "fee" | "value" | "filled" | "delay" | "spread" | "impact" | "total" | "log_return" | "p_up" | "outcome"
        | "cash" | "equity" | "hold" | "fees" => Column::Number,
        "trades" | "revision" | "fills" | "levels" | "horizon_min" | "positions" => Column::Whole,
        _ => Column::Text,
    }
}

/// Comma-separated text with aligned columns.
fn table(text: &[u8], out: &mut impl Write) -> anyhow::Result<()> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    let Some(first) = rows.first() else {
        writeln!(out, "nothing is kept of that")?;
        return Ok(());
    };
    let widths: Vec<usize> = (0..first.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|field| field.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(field, width)| format!("{field:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        price: Option<u32>,
    }

    fn written(format: Format, rows: Vec<Row>) -> String {
        let mut out = Vec::new();
        write_rows(format, rows.into_iter().map(Ok), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_are_told_in_each_format() {
        let rows = || vec![Row { name: "a, b", price: Some(7) }, Row { name: "long name", price: None }];
        assert_eq!(written(Format::Csv, rows()), "name,price\n\"a, b\",7\nlong name,\n");
        assert_eq!(
            written(Format::Json, rows()),
            "[\n{\"name\":\"a, b\",\"price\":7},\n{\"name\":\"long name\",\"price\":null}\n]\n"
        );
        assert_eq!(written(Format::Table, rows()), "name       price\na, b       7\nlong name\n");
        assert_eq!(written(Format::Json, Vec::new()), "[\n]\n");
        assert_eq!(written(Format::Table, Vec::new()), "nothing is kept of that\n");
    }
}
