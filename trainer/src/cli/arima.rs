//! `arima`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use types::Date;

use super::controls::word;
use crate::arima::{self, AutoArima, Closes, Daily, Forecaster, Outlook, Rolling, Step};

/// Forecast daily closes with auto-ARIMA, beside the naive forecast.
#[derive(Debug, Args)]
pub(super) struct Arima {
    /// Candle file of any length up to a day, gzipped or plain.
    #[arg(long, value_name = "FILE.csv[.gz]")]
    candles: PathBuf,
    /// Forecast the day after the last close. This is also what happens without a range.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    next_day: bool,
    /// First day of a range to forecast: from the closes before it, as one forecast of many steps.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    from: Option<Date>,
    /// Last day of the range.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    to: Option<Date>,
    /// Judge forecasts of the next day over so many of the last days; 0 leaves it out.
    #[arg(long, default_value_t = 90, value_name = "DAYS")]
    rolling: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Longest range, days.
const RANGE_MAX: i64 = 366;

#[derive(Serialize)]
struct Answer {
    /// First and last close that the model saw.
    history: (Date, Date),
    closes: usize,
    #[serde(flatten)]
    outlook: Outlook,
    /// How long fit and forecast took.
    fit_ms: f64,
    days: Vec<Day>,
    rolling: Option<Rolling>,
}

/// One day forecast; prices in the file's currency.
#[derive(Serialize)]
struct Day {
    day: Date,
    forecast: f64,
    low_95: f64,
    high_95: f64,
    /// The last close of the history.
    naive: f64,
    actual: Option<f64>,
    absolute_error: Option<f64>,
    /// Absolute percentage error.
    ape_pct: Option<f64>,
    naive_absolute_error: Option<f64>,
}

impl Arima {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let closes = Closes::read(&self.candles)?;
        let known = closes.logs.len();
        let (origin, skipped, to) = match self.from.zip(self.to) {
            None => (known, 0, known as i64),
            Some((from, to)) => {
                ensure!(from <= to, "the range ends on {to}, before it begins on {from}");
                let first = closes.position(from);
                ensure!(first > 0, "no close before {from}: the closes without a gap begin on {}", closes.first);
                let origin = known.min(first as usize);
                (origin, first as usize - origin, closes.position(to))
            }
        };
        let count = to - origin as i64 + 1;
        ensure!(
            count <= RANGE_MAX,
            "the range ends {count} days after the last close before it, at most {RANGE_MAX} are forecast"
        );
        let history = &closes.logs[..origin];
        let began = Instant::now();
        let outlook = Daily.forecast(history, count as usize)?;
        let fit_ms = began.elapsed().as_secs_f64() * 1e3;
        let day = |(ahead, step): (usize, &Step)| {
            let actual = closes.logs.get(origin + ahead).map(|log| log.exp());
            let (forecast, naive) = (step.mean.exp(), history[origin - 1].exp());
            let error = actual.map(|actual| (forecast - actual).abs());
            Day {
                day: closes.day(origin + ahead),
                forecast,
                low_95: step.low.exp(),
                high_95: step.high.exp(),
                naive,
                actual,
                absolute_error: error,
                ape_pct: error.zip(actual).map(|(error, actual)| error / actual * 100.0),
                naive_absolute_error: actual.map(|actual| (naive - actual).abs()),
            }
        };
        let days = outlook.steps.iter().enumerate().skip(skipped).map(day).collect();
        let rolling = (self.rolling > 0).then(|| arima::rolling(&AutoArima, &closes, self.rolling));
        let answer =
            Answer { history: (closes.first, closes.day(origin - 1)), closes: origin, outlook, fit_ms, days, rolling };
        if self.json {
            println!("{}", serde_json::to_string(&answer)?);
        } else {
            answer.print();
        }
        Ok(())
    }
}

impl Answer {
    fn print(&self) {
        let aicc = self.outlook.aicc.map_or(String::new(), |aicc| format!(", AICc {aicc:.2} on log prices"));
        println!("{} closes, {} to {}: {}{aicc}", self.closes, self.history.0, self.history.1, self.outlook.model);
        if let Some(reason) = &self.outlook.fallback {
            println!("auto-ARIMA found no model: {reason}");
        }
        let price = |value: f64| if value < 1.0 { format!("{value:.8}") } else { format!("{value:.2}") };
        let known = |value: Option<f64>| value.map_or("-".to_owned(), price);
        println!(
            "  {:10}  {:>12}  {:>28}  {:>12}  {:>12}  {:>7}  {:>12}",
            "day", "forecast", "95 %", "actual", "error", "APE, %", "naive error"
        );
        for d in &self.days {
            let band = format!("{} to {}", price(d.low_95), price(d.high_95));
            let ape = d.ape_pct.map_or("-".to_owned(), |ape| format!("{ape:.2}"));
            println!(
                "  {:10}  {:>12}  {band:>28}  {:>12}  {:>12}  {ape:>7}  {:>12}",
                d.day.to_string(),
                price(d.forecast),
                known(d.actual),
                known(d.absolute_error),
                known(d.naive_absolute_error)
            );
        }
        let Some(r) = &self.rolling else { return };
        let percent = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.2}", value * 100.0));
        println!(
            "next day, last {} days: {} % better than naive (95 %: {} to {}), {} % right sign, {} % of closes in the 95 % interval: {}",
            r.n,
            percent(r.skill),
            percent(r.skill_lo),
            percent(r.skill_hi),
            percent(r.hit_rate),
            percent(r.coverage_95),
            word(r.verdict)
        );
    }
}
