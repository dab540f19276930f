//! `tickerbox query`: what a box has kept, as a table or as data.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use store::history::Series;
use store::state::Listing;
use store::{History, Reader, Span, State, days};
use types::{Candle, Cash, Input, InstrumentId, Level, Scale, Timeframe, Timestamp};

use super::time;

/// Shows candles, trades, books, forecasts, orders and more that a box has kept.
///
/// Not while a box is writing to the folder. Trades and books come from the journal, the rest from the state file; `history`
/// is what was fetched or imported.
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
    /// Trades as they were received.
    Trades,
    /// Best levels of each book that was shown to the engine.
    Books,
    /// Forecasts with what came, once it is known.
    Forecasts,
    /// Paper orders and how they ended.
    Orders,
    /// Parts of paper orders that were filled.
    Fills,
    /// The paper account, minute by minute.
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
}

#[derive(Serialize)]
struct CandleRow {
    source: String,
    symbol: String,
    open_time: String,
    open: String,
    high: String,
    low: String,
    close: String,
    volume: String,
    trades: u32,
    revision: u16,
    made_by: &'static str,
}

#[derive(Serialize)]
struct TradeRow {
    venue: &'static str,
    symbol: String,
    received: String,
    venue_time: String,
    id: String,
    price: String,
    qty: String,
    taker: &'static str,
    fills: u32,
}

#[derive(Serialize)]
struct BookRow {
    venue: &'static str,
    symbol: String,
    received: String,
    venue_time: Option<String>,
    bid: Option<String>,
    bid_qty: Option<String>,
    ask: Option<String>,
    ask_qty: Option<String>,
    levels: usize,
}

#[derive(Serialize)]
struct ForecastRow {
    venue: &'static str,
    symbol: String,
    open_time: String,
    horizon_min: u16,
    model: String,
    log_return: f32,
    p_up: f32,
    outcome: Option<f32>,
}

#[derive(Serialize)]
struct OrderRow {
    venue: &'static str,
    symbol: String,
    at: String,
    id: String,
    side: &'static str,
    qty: String,
    kind: String,
    reason: String,
    end: Option<String>,
    ended: Option<String>,
}

#[derive(Serialize)]
struct FillRow {
    venue: &'static str,
    symbol: String,
    at: String,
    order: String,
    side: &'static str,
    price: String,
    qty: String,
    fee: String,
    liquidity: String,
}

#[derive(Serialize)]
struct EquityRow {
    at: String,
    cash: String,
    equity: String,
    hold: String,
    fees: String,
    positions: usize,
}

/// A catalogued instrument whose rules are known.
struct Known {
    id: InstrumentId,
    venue: &'static str,
    symbol: String,
    scale: Scale,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let out = BufWriter::new(std::io::stdout().lock());
        let from = self.from.unwrap_or(Timestamp::EPOCH);
        let span = Span::between(from, self.to.unwrap_or(Timestamp::MAX), usize::MAX);
        if self.kind == Kind::History {
            write_rows(self.format, self.history(span)?, out)?;
            return Ok(ExitCode::SUCCESS);
        }
        let state = State::open_read(&self.data_dir)?;
        let known = self.known(&state)?;
        match self.kind {
            Kind::Candles => write_rows(self.format, self.candles(&state, &known, span), out),
            Kind::Trades => write_rows(self.format, self.trades(&known, span)?, out),
            Kind::Books => write_rows(self.format, self.books(&known, span)?, out),
            Kind::Forecasts => write_rows(self.format, forecasts(&state, &known, span), out),
            Kind::Orders => write_rows(self.format, orders(&state, &known, span)?, out),
            Kind::Fills => write_rows(self.format, fills(&state, &known, span)?, out),
            Kind::Equity => write_rows(self.format, equity(&state, span)?, out),
            Kind::History => unreachable!("done above"),
        }?;
        Ok(ExitCode::SUCCESS)
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
        let known = listings.into_iter().filter(is_wanted).filter_map(|listing| {
            let scale = listing.instrument.as_ref()?.scale;
            Some(Known { id: listing.id, venue: listing.venue.slug(), symbol: listing.symbol, scale })
        });
        Ok(known.collect())
    }

    fn candles<'a>(
        &'a self,
        state: &'a State,
        known: &'a [Known],
        span: Span,
    ) -> impl Iterator<Item = anyhow::Result<CandleRow>> + 'a {
        let of = move |known: &'a Known| -> anyhow::Result<Vec<CandleRow>> {
            let records = state.candles(known.id, self.timeframe, span)?;
            let row = |record: &types::effect::CandleRecord| CandleRow {
                revision: record.revision,
                made_by: source_name(record.source),
                ..candle_row(known.venue, &known.symbol, known.scale, &record.candle)
            };
            Ok(records.iter().map(row).collect())
        };
        known.iter().flat_map(move |known| flattened(of(known)))
    }

    fn history(&self, span: Span) -> anyhow::Result<impl Iterator<Item = anyhow::Result<CandleRow>>> {
        let history = History::open_read(&self.data_dir)?;
        let series = history.series()?;
        let name = |series: &Series| format!("{}:{}", series.source, series.symbol);
        for wanted in &self.symbol {
            let known = || series.iter().map(name).collect::<Vec<_>>().join(", ");
            let is_known = series.iter().any(|series| name(series) == *wanted || series.symbol == *wanted);
            anyhow::ensure!(is_known, "{}: no candles of {wanted:?}; there are {}", self.data_dir.display(), known());
        }
        let timeframe = self.timeframe;
        let symbols = self.symbol.clone();
        let is_wanted = move |series: &Series| {
            let is_meant = |wanted: &String| name(series) == *wanted || series.symbol == *wanted;
            series.timeframe == timeframe && (symbols.is_empty() || symbols.iter().any(is_meant))
        };
        let of = move |series: Series| -> anyhow::Result<Vec<CandleRow>> {
            let rows = history.candles(&series, span.from..span.to)?;
            Ok(rows.iter().map(|(scale, candle)| candle_row(&series.source, &series.symbol, *scale, candle)).collect())
        };
        Ok(series.into_iter().filter(is_wanted).flat_map(move |series| flattened(of(series))))
    }

    fn trades<'a>(
        &self,
        known: &'a [Known],
        span: Span,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<TradeRow>> + 'a> {
        journal(&self.data_dir, span, move |at, input| {
            let Input::Trade(trade) = input else { return None };
            let known = known.iter().find(|known| known.id == trade.instrument)?;
            Some(TradeRow {
                venue: known.venue,
                symbol: known.symbol.clone(),
                received: at.to_string(),
                venue_time: trade.venue_at.to_string(),
                id: trade.id.to_string(),
                price: known.scale.price(trade.price).to_string(),
                qty: known.scale.qty(trade.qty).to_string(),
                taker: match trade.aggressor {
                    types::Aggressor::Buy => "buy",
                    types::Aggressor::Sell => "sell",
                    types::Aggressor::Unknown => "unknown",
                },
                fills: trade.fills,
            })
        })
    }

    fn books<'a>(
        &self,
        known: &'a [Known],
        span: Span,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<BookRow>> + 'a> {
        journal(&self.data_dir, span, move |at, input| {
            let Input::Book(book) = input else { return None };
            let known = known.iter().find(|known| known.id == book.instrument)?;
            let price = |level: Option<&Level>| level.map(|level| known.scale.price(level.price).to_string());
            let qty = |level: Option<&Level>| level.map(|level| known.scale.qty(level.qty).to_string());
            Some(BookRow {
                venue: known.venue,
                symbol: known.symbol.clone(),
                received: at.to_string(),
                venue_time: book.venue_at.map(|at| at.to_string()),
                bid: price(book.bids.first()),
                bid_qty: qty(book.bids.first()),
                ask: price(book.asks.first()),
                ask_qty: qty(book.asks.first()),
                levels: book.bids.len() + book.asks.len(),
            })
        })
    }
}

fn full_name(listing: &Listing) -> String {
    format!("{}:{}", listing.venue, listing.symbol)
}

/// By the venue's own name, or by the canonical pair.
fn is_meant(listing: &Listing, wanted: &str) -> bool {
    full_name(listing) == *wanted || listing.instrument.as_ref().is_some_and(|instrument| instrument.pair() == wanted)
}

fn candle_row(source: &str, symbol: &str, scale: Scale, candle: &Candle) -> CandleRow {
    let price = |price| scale.price(price).to_string();
    CandleRow {
        source: source.to_owned(),
        symbol: symbol.to_owned(),
        open_time: candle.open_time.to_string(),
        open: price(candle.open),
        high: price(candle.high),
        low: price(candle.low),
        close: price(candle.close),
        volume: scale.qty(candle.volume).to_string(),
        trades: candle.trades,
        revision: 0,
        made_by: "history",
    }
}

const fn source_name(source: types::market::CandleSource) -> &'static str {
    match source {
        types::market::CandleSource::Stream => "stream",
        types::market::CandleSource::Rest => "rest",
        types::market::CandleSource::Built => "built",
        types::market::CandleSource::Filled => "filled",
    }
}

const fn side_name(side: types::Side) -> &'static str {
    match side {
        types::Side::Buy => "buy",
        types::Side::Sell => "sell",
    }
}

fn cash(cash: Cash) -> String {
    cash.fixed().to_string()
}

fn forecasts<'a>(
    state: &'a State,
    known: &'a [Known],
    span: Span,
) -> impl Iterator<Item = anyhow::Result<ForecastRow>> + 'a {
    let of = move |known: &'a Known| -> anyhow::Result<Vec<ForecastRow>> {
        let scores = state.scores(known.id, span)?;
        let key = |open_time: Timestamp, horizon: u16, model: &str| (open_time, horizon, model.to_owned());
        let outcomes: std::collections::HashMap<_, f32> =
            scores.iter().map(|score| (key(score.open_time, score.horizon_min, &score.model), score.outcome)).collect();
        let row = |forecast: types::effect::ForecastRecord| ForecastRow {
            venue: known.venue,
            symbol: known.symbol.clone(),
            open_time: forecast.open_time.to_string(),
            horizon_min: forecast.horizon_min,
            log_return: forecast.log_return,
            p_up: forecast.p_up,
            outcome: outcomes.get(&key(forecast.open_time, forecast.horizon_min, &forecast.model)).copied(),
            model: forecast.model,
        };
        Ok(state.forecasts(known.id, span)?.into_iter().map(row).collect())
    };
    known.iter().flat_map(move |known| flattened(of(known)))
}

fn orders<'a>(
    state: &'a State,
    known: &'a [Known],
    span: Span,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<OrderRow>> + 'a> {
    let rows = state.orders(span)?.into_iter().filter_map(move |order| {
        let known = known.iter().find(|known| known.id == order.instrument)?;
        Some((order, known))
    });
    Ok(rows.map(|(order, known)| {
        let end = state.order_end(order.id)?;
        Ok(OrderRow {
            venue: known.venue,
            symbol: known.symbol.clone(),
            at: order.at.to_string(),
            id: order.id.0.to_string(),
            side: side_name(order.side),
            qty: known.scale.qty(order.qty).to_string(),
            kind: match order.kind {
                types::order::OrderKind::Market => "market".to_owned(),
                types::order::OrderKind::Limit { price, .. } => format!("limit {}", known.scale.price(price)),
            },
            reason: format!("{:?}", order.reason),
            end: end.map(|(end, _)| format!("{end:?}")),
            ended: end.map(|(_, at)| at.to_string()),
        })
    }))
}

fn fills<'a>(
    state: &State,
    known: &'a [Known],
    span: Span,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<FillRow>> + 'a> {
    Ok(state.fills(span)?.into_iter().filter_map(move |fill| {
        let known = known.iter().find(|known| known.id == fill.instrument)?;
        Some(Ok(FillRow {
            venue: known.venue,
            symbol: known.symbol.clone(),
            at: fill.at.to_string(),
            order: fill.order.0.to_string(),
            side: side_name(fill.side),
            price: known.scale.price(fill.price).to_string(),
            qty: known.scale.qty(fill.qty).to_string(),
            fee: cash(fill.fee),
            liquidity: format!("{:?}", fill.liquidity).to_lowercase(),
        }))
    }))
}

fn equity(state: &State, span: Span) -> anyhow::Result<impl Iterator<Item = anyhow::Result<EquityRow>>> {
    Ok(state.equity(span)?.into_iter().map(|record| {
        Ok(EquityRow {
            at: record.at.to_string(),
            cash: cash(record.cash),
            equity: cash(record.equity),
            hold: cash(record.hold),
            fees: cash(record.fees),
            positions: record.positions.len(),
        })
    }))
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
    pick: impl Fn(Timestamp, &Input) -> Option<T> + Copy + 'a,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<T>> + 'a> {
    let days: Vec<_> = days(dir)?
        .into_iter()
        .filter(|day| {
            let start = Timestamp::from_secs(i64::from(day.day) * 86_400);
            start < span.to && Timestamp::from_secs((i64::from(day.day) + 1) * 86_400) > span.from
        })
        .collect();
    Ok(days.into_iter().flat_map(move |day| {
        let read = || -> anyhow::Result<Vec<T>> {
            let reader = Reader::open_day(&day.path)?;
            let mut found = Vec::new();
            for input in reader.inputs()? {
                let input = input?;
                if input.at >= span.to {
                    break;
                }
                if input.at >= span.from {
                    found.extend(pick(input.at, &input.input));
                }
            }
            Ok(found)
        };
        flattened(read())
    }))
}

fn write_rows<T: Serialize>(
    format: Format,
    rows: impl Iterator<Item = anyhow::Result<T>>,
    mut out: impl Write,
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
