//! Daily closes of a candle file.

use std::path::Path;

use anyhow::{Context as _, ensure};
use engine::candle::{Bar, step_of};
use types::time::NS_PER_DAY;
use types::{Date, Timestamp};

use crate::import;

/// The last price of each UTC day, without a missing day.
#[derive(Clone, Debug, PartialEq)]
pub struct Closes {
    /// The first day.
    pub first: Date,
    /// Natural logarithms of the closes, day by day.
    pub logs: Vec<f64>,
}

impl Closes {
    /// Of a candle file of any length up to a day, gzipped or plain.
    ///
    /// # Errors
    /// The file cannot be read, or its candles do not make up days.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        import::bars(path).and_then(|(bars, _)| Self::of(&bars)).with_context(|| format!("{}", path.display()))
    }

    /// The closes after the last day without any candle. A day whose last candle does not end with it has its last price known; the
    /// last day of all counts only when it is over.
    ///
    /// # Errors
    /// Fewer than two candles, or candles that do not divide a day.
    pub fn of(bars: &[Bar]) -> anyhow::Result<Self> {
        let step = step_of(bars).context("fewer than two candles")?;
        ensure!(NS_PER_DAY % step == 0, "candles of {} s do not make up days", step / 1_000_000_000);
        let mut days: Vec<(i32, f64)> = Vec::new();
        for day in bars.chunk_by(|a, b| a.open_time.day() == b.open_time.day()) {
            let last = day[day.len() - 1];
            days.push((last.open_time.day(), last.close.ln()));
        }
        let newest = bars[bars.len() - 1].open_time.as_nanos();
        if (newest + step) % NS_PER_DAY != 0 {
            days.pop();
        }
        let whole = days.chunk_by(|a, b| a.0 + 1 == b.0).last().context("no day is whole")?;
        Ok(Self { first: date(whole[0].0.into()), logs: whole.iter().map(|(_, log)| *log).collect() })
    }

    /// The day at a position, which may lie after the last.
    pub fn day(&self, position: usize) -> Date {
        date(i64::from(self.first.start().day()) + position as i64)
    }

    /// Position of a day; negative before the first.
    pub fn position(&self, day: Date) -> i64 {
        i64::from(day.start().day()) - i64::from(self.first.start().day())
    }
}

fn date(day: i64) -> Date {
    Date::of(Timestamp::from_nanos(day * NS_PER_DAY))
}
