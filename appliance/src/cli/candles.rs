//! `tickerbox candles`: the candles that a list of trades makes.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use engine::candle::from_trades;
use serde::Serialize;
use types::{Candle, Scale, Venue};

use super::{input, print_json};

/// Builds one-minute candles from a venue's answer to a request for trades, as the running box does.
///
/// Only full minutes are shown: the minutes of the first and the last trade may lack trades outside the file. A minute
/// without trades is a flat row.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The REST answer: Kraken `Trades`; Binance.US `trades`, `historicalTrades` or `aggTrades`; Coinbase `trades`;
    /// gzipped or plain.
    #[arg(long, value_name = "FILE")]
    trades: PathBuf,
    /// Whose answer it is: kraken, binance-us, coinbase.
    #[arg(long)]
    venue: Venue,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    candles: Vec<Row>,
}

/// A candle with its numbers as decimal text, as venues write them.
#[derive(Debug, PartialEq, Serialize)]
struct Row {
    open_time_ms: i64,
    open: String,
    high: String,
    low: String,
    close: String,
    volume: String,
    trades: u32,
}

impl Row {
    fn of(candle: &Candle, scale: Scale) -> Self {
        let price = |price| scale.price(price).to_string();
        Self {
            open_time_ms: candle.open_time.as_millis(),
            open: price(candle.open),
            high: price(candle.high),
            low: price(candle.low),
            close: price(candle.close),
            volume: scale.qty(candle.volume).to_string(),
            trades: candle.trades,
        }
    }
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let body = input::read(&self.trades)?;
        let candles = rows(self.venue, &body).with_context(|| self.trades.display().to_string())?;
        if self.json {
            print_json(&Report { candles })?;
        } else {
            print(&candles)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(venue: Venue, body: &[u8]) -> Result<Vec<Row>, feed::rest::RestError> {
    let (scale, trades) = feed::rest::trades(venue, body)?;
    Ok(from_trades(&trades).iter().map(|candle| Row::of(candle, scale)).collect())
}

fn print(candles: &[Row]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for Row { open_time_ms, open, high, low, close, volume, trades } in candles {
        let time = types::Timestamp::from_millis(*open_time_ms);
        writeln!(out, "{time} {open:>12} {high:>12} {low:>12} {close:>12} {volume:>16} {trades:>6}")?;
    }
    writeln!(out, "{} full minutes", candles.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_minutes_are_told_as_the_venue_writes_them() {
        let body = br#"{"error":[],"result":{"XBTUSDT":[
            ["105433.60000","0.00027625",60.5,"b","l","",1],
            ["105410.10000","0.00005000",121.25,"b","m","",2],
            ["105400.00000","1.20000000",122.5,"s","m","",3],
            ["105383.80000","0.00012460",241.0,"s","l","",4]],"last":"241000000000"}}"#;
        let row = |minute: i64, open: &str, low: &str, volume: &str, trades| Row {
            open_time_ms: minute * 60_000,
            open: open.into(),
            high: open.into(),
            low: low.into(),
            close: low.into(),
            volume: volume.into(),
            trades,
        };
        let expected =
            [row(2, "105410.1", "105400.0", "1.20005000", 2), row(3, "105400.0", "105400.0", "0.00000000", 0)];
        assert_eq!(rows(Venue::Kraken, body).expect("an answer"), expected);
    }

    #[test]
    fn another_venues_answer_is_refused() {
        let error = rows(Venue::Kraken, br#"[{"id":1,"price":"1","qty":"1","time":1}]"#).expect_err("not Kraken's");
        assert!(error.to_string().starts_with("not a kraken answer of this kind"), "{error}");
        let error = rows(Venue::Kucoin, b"[]").expect_err("not KuCoin's");
        assert!(error.to_string().starts_with("not a kucoin answer of this kind"), "{error}");
    }
}
