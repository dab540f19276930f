//! Writes every day that is over as files for other programs, into a folder and into a bucket.
//!
//! On a thread of its own: a slow or silent server keeps nothing else from being done.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ::export::{ExportError, Folder, Format, Kind, Target, Wanted};
use anyhow::Context;
use serde::Serialize;
use store::{State, StoreError};
use types::Timestamp;
use types::time::NS_PER_DAY;

use crate::bucket::{Bucket, Place};
use crate::clock::Clock;
use crate::config::{Config, ExportSection};

/// How often it is looked whether a day is over.
const EVERY: Duration = Duration::from_secs(20);
/// What failed is tried again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// Days that are written as files, if they are not there.
const WEEK: i32 = 7;
/// How long a stop waits for what is under way: a broken export goes on where it was the next time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `/healthz` says about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct ExportHealth {
    /// When all days that are over were written last, milliseconds; nothing before the first time since start.
    pub(crate) written_at_ms: Option<i64>,
    /// What is wrong; empty while it works.
    pub(crate) error: String,
}

/// Shared with `/healthz`.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<ExportHealth>);

impl Shown {
    pub(crate) fn health(&self) -> ExportHealth {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ExportHealth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is written, and where.
pub(crate) struct Exporter {
    dir: PathBuf,
    state: Arc<State>,
    clock: Clock,
    export: ExportSection,
    /// The way out for the bucket.
    proxy: Option<String>,
    /// The day on which files were written last.
    exported: Option<i32>,
    /// Real time of the next try.
    export_at: Instant,
    shown: Arc<Shown>,
}

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Exporting {
    stop: Option<mpsc::Sender<()>>,
    thread: JoinHandle<()>,
}

impl Drop for Exporting {
    fn drop(&mut self) {
        drop(self.stop.take());
        let began = Instant::now();
        while !self.thread.is_finished() && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Exporter {
    pub(crate) fn new(config: &Config, state: Arc<State>, clock: Clock) -> Self {
        Self {
            dir: config.store.data_dir.clone(),
            state,
            clock,
            export: config.export.clone(),
            proxy: config.network.proxy.clone(),
            exported: None,
            export_at: Instant::now(),
            shown: Arc::default(),
        }
    }

    pub(crate) fn shown(&self) -> Arc<Shown> {
        self.shown.clone()
    }

    /// Starts the thread, which begins at once; `None` where nothing is to be written.
    pub(crate) fn start(mut self) -> std::io::Result<Option<Exporting>> {
        if self.export.dir.is_none() && self.export.bucket.is_none() {
            return Ok(None);
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("export".to_owned()).spawn(move || {
            loop {
                if let Err(error) = self.export() {
                    tracing::warn!("export: {error:#}");
                    self.shown.lock().error = format!("{error:#}");
                }
                match stopped.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Some(Exporting { stop: Some(stop), thread }))
    }

    /// Writes the days that are over as files: those of the last week that are not there yet, and the last two again, for what
    /// came of their last forecasts was not known at midnight.
    fn export(&mut self) -> anyhow::Result<()> {
        let today = self.clock.now().day();
        if self.exported == Some(today) || Instant::now() < self.export_at {
            return Ok(());
        }
        self.export_at = Instant::now() + AGAIN_AFTER;
        // One place that cannot be reached keeps nothing from the other.
        let to_folder = self.export.dir.clone().map_or(Ok(()), |dir| self.export_to(&Folder(dir), today));
        let to_bucket = self.export.bucket.clone().map_or(Ok(()), |url| {
            let bucket = Bucket::new(&self.bucket(url)).context("export.bucket")?;
            self.export_to(&bucket, today)
        });
        match (to_folder, to_bucket) {
            (Ok(()), Ok(())) => {}
            (Err(error), Ok(())) | (Ok(()), Err(error)) => return Err(error),
            (Err(folder), Err(bucket)) => anyhow::bail!("{folder:#}; {bucket:#}"),
        }
        self.exported = Some(today);
        *self.shown.lock() = ExportHealth { written_at_ms: Some(self.clock.now().as_millis()), error: String::new() };
        Ok(())
    }

    fn bucket(&self, url: String) -> Place {
        let ExportSection { endpoint, region, credentials_file: credentials, .. } = self.export.clone();
        Place { url, endpoint, region, credentials, proxy: self.proxy.clone() }
    }

    fn export_to(&self, out: &dyn Target, today: i32) -> anyhow::Result<()> {
        let formats = [(self.export.csv, Format::Csv), (self.export.parquet, Format::Parquet)];
        let formats: Vec<Format> = formats.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, f)| f).collect();
        let there = ::export::days_exported(out)?;
        let name = |day: i32| Timestamp::from_nanos(i64::from(day) * NS_PER_DAY).to_string()[..10].to_owned();
        for day in today - WEEK..today {
            if day < today - 2 && there.contains(&name(day)) {
                continue;
            }
            let (days, kinds) = (day..day + 1, Kind::ALL.to_vec());
            let wanted = Wanted { kinds, days, formats: formats.clone() };
            match ::export::export(&self.state, &self.dir, out, &wanted, self.clock.now(), |_| {}) {
                Ok(found) if found.written > 0 => {
                    let (day, place) = (name(day), out.name());
                    tracing::info!("exported {day} to {place}: {} files of {} rows", found.written, found.rows);
                }
                Ok(_) => {}
                // A damaged day is told about once a day and keeps none of the others from being written.
                Err(ExportError::Store(error @ StoreError::Corrupt { .. })) => {
                    tracing::warn!("{} is not exported: {error}", name(day));
                }
                Err(error) => return Err(error.into()),
            }
        }
        ::export::predictions(&self.state, out, today - WEEK..today + 1)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::effect::{Base, CandleRecord, ForecastRecord, RulesRecord, ScoreRecord};
    use types::market::CandleSource;
    use types::{Candle, Cash, Instrument, InstrumentId, Price, Qty, Record, Scale, Timeframe, Venue};

    use super::*;

    /// Shortly after midnight.
    const NOW: Timestamp = Timestamp::from_secs(1_800_057_600 + 40);
    const INSTRUMENT: InstrumentId = InstrumentId(0);

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_nanos(NOW.as_nanos() - NOW.as_nanos().rem_euclid(NS_PER_DAY) + n * 60_000_000_000)
    }

    fn state(dir: &std::path::Path) -> State {
        let state = State::open(dir).unwrap();
        let instrument = Instrument {
            id: state.resolve(Venue::Kraken, "BTC/USD").unwrap(),
            venue: Venue::Kraken,
            symbol: "BTC/USD".to_owned(),
            base: "BTC".to_owned(),
            quote: "USD".to_owned(),
            scale: Scale { price_decimals: 1, qty_decimals: 8 },
            tick: 1,
            lot: 1,
            qty_min: Qty(1),
            notional_min: Cash(0),
        };
        let mut records = vec![Record::Rules(Box::new(RulesRecord { at: minute(-9_999), instrument }))];
        // A minute of yesterday, one of three days ago, and one of today, which is not over.
        for n in [-5, -3 * 1_440, 1] {
            let (open_time, model) = (minute(n), "m".to_owned());
            let price = Price::new(1_000).unwrap();
            records.push(Record::Candle(CandleRecord {
                instrument: INSTRUMENT,
                timeframe: Timeframe::M1,
                candle: Candle::flat(open_time, price),
                source: CandleSource::Built,
                agrees: None,
                revision: 0,
                is_clock_set: true,
                quote: None,
            }));
            let (instrument, horizon_min, log_return) = (INSTRUMENT, 5, 0.5);
            let forecast = ForecastRecord {
                instrument,
                open_time,
                model: model.clone(),
                horizon_min,
                base: Base::Close(price),
                log_return,
                p_up: 0.6,
                quantiles: Vec::new(),
            };
            records.push(Record::Forecast(forecast));
            if n < 0 {
                let score = ScoreRecord { instrument, open_time, model, horizon_min, log_return, outcome: -0.25 };
                records.push(Record::Score(score));
            }
        }
        let entries: Vec<Entry> = (1..).zip(records).map(|(seq, record)| Entry { seq, rank: 0, record }).collect();
        state.write(&entries, 99).unwrap();
        state
    }

    #[test]
    fn days_that_are_over_become_files_once_a_day() {
        let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut config = Config::default();
        config.store.data_dir = dir.path().to_owned();
        config.export.dir = Some(out.path().to_owned());
        config.export.parquet = false;
        let mut exporter = Exporter::new(&config, Arc::new(state(dir.path())), Clock::scaled(NOW, 1.0));
        exporter.export().unwrap();
        assert_eq!(exporter.shown().health().written_at_ms.map(|ms| ms / 60_000), Some(NOW.as_millis() / 60_000));
        let days: Vec<String> = ::export::days_exported(&Folder(out.path().to_owned())).unwrap().into_iter().collect();
        assert_eq!(days, ["2027-01-13", "2027-01-15"], "{NOW}");
        let text = std::fs::read_to_string(out.path().join("predictions.csv")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..2],
            [
                "open_time,venue,symbol,model,horizon_min,log_return,p_up,outcome,abs_error,abs_error_no_change",
                "2027-01-13T00:00:00.000Z,kraken,BTC/USD,m,5,0.5,0.6,-0.25,0.75,0.25"
            ]
        );
        assert!(lines.len() == 4 && lines[3].ends_with(",0.5,0.6,,,"), "{text}");
        // Not again on the same day, whatever happens to the files.
        std::fs::remove_file(out.path().join("predictions.csv")).unwrap();
        exporter.export().unwrap();
        assert!(!out.path().join("predictions.csv").exists());
    }
}
