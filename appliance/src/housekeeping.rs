//! What has to be done beside the box's work: measuring the card, files for other programs,
//! deleting what is too old, and a backup every night.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ::export::{ExportError, Folder, Format, Kind, Target, Wanted};
use anyhow::Context;
use store::{Day, State, StoreError, days};
use types::Timestamp;
use types::time::NS_PER_DAY;

use crate::backup::Keeper;
use crate::bucket::{Bucket, Place};
use crate::card::{Budget, Card, Measured, Thrift};
use crate::clock::Clock;
use crate::config::{Config, ExportSection};
use crate::engine_thread::Message;

/// How often the card is looked at.
const EVERY: Duration = Duration::from_secs(20);
/// The newest days of the journal are never deleted: a start needs them.
const DAYS_MIN: usize = 2;
/// What failed is tried again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// Days that are written as files, if they are not there.
const WEEK: i32 = 7;
/// A box that has just started has other things to do than a backup.
const BACKUP_AFTER: Duration = Duration::from_secs(600);

/// What is done, and with what.
pub(crate) struct Housekeeper {
    dir: PathBuf,
    state: Arc<State>,
    clock: Clock,
    card: Arc<Card>,
    budget: Budget,
    raw_days: i32,
    minute_days: i64,
    /// The day on which old rows were removed last.
    pruned: Option<i32>,
    backups: Arc<Keeper>,
    engine: tokio::sync::mpsc::Sender<Message>,
    /// Real time of the next try of a backup.
    backup_at: Instant,
    export: ExportSection,
    /// The way out for the bucket.
    proxy: Option<String>,
    /// The day on which files were written last.
    exported: Option<i32>,
    /// Real time of the next try of that.
    export_at: Instant,
}

/// The thread. It ends when this is dropped, after what it is doing.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong; nothing hangs on it.
            let _ = thread.join();
        }
    }
}

impl Housekeeper {
    pub(crate) fn new(
        config: &Config,
        state: Arc<State>,
        clock: Clock,
        card: Arc<Card>,
        backups: Arc<Keeper>,
        engine: tokio::sync::mpsc::Sender<Message>,
    ) -> Self {
        let store = &config.store;
        let mb = |mb: u32| u64::from(mb) << 20;
        Self {
            dir: store.data_dir.clone(),
            state,
            clock,
            card,
            budget: Budget { folder: mb(store.budget_mb), reserve: mb(store.reserve_mb) },
            raw_days: store.raw_days.into(),
            minute_days: store.minute_days.into(),
            pruned: None,
            backups,
            engine,
            backup_at: Instant::now() + BACKUP_AFTER,
            export: config.export.clone(),
            proxy: config.network.proxy.clone(),
            exported: None,
            export_at: Instant::now(),
        }
    }

    /// Starts the thread, which begins at once.
    pub(crate) fn start(mut self) -> std::io::Result<Housekeeping> {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("housekeeping".to_owned()).spawn(move || {
            loop {
                self.once();
                match stopped.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Housekeeping { stop: Some(stop), thread: Some(thread) })
    }

    /// One round. Whatever fails is told and tried again in the next.
    fn once(&mut self) {
        self.measure();
        for task in [Self::export, Self::delete_days, Self::prune, Self::back_up] {
            if let Err(error) = task(self) {
                tracing::warn!("housekeeping: {error:#}");
            }
        }
    }

    fn measure(&self) -> Option<Measured> {
        match Measured::of(&self.dir) {
            Ok(found) => {
                if self.card.measured(found, self.budget) {
                    let health = self.card.health();
                    let (used, may_use) = (health.used_mb, health.may_use_mb);
                    tracing::warn!("{used} MB of {may_use} MB used: {}", health.keeps.text());
                }
                Some(found)
            }
            Err(error) => {
                tracing::warn!("housekeeping: {}: cannot be measured: {error}", self.dir.display());
                None
            }
        }
    }

    /// Deletes journals that are too old, and while the card is tight the oldest ones.
    fn delete_days(&mut self) -> anyhow::Result<()> {
        let mut all = days(&self.dir)?;
        let today = self.clock.now().day();
        while all.len() > DAYS_MIN {
            let is_old = all[0].day + self.raw_days <= today;
            if !is_old && !self.measure().is_some_and(|found| found.is_tight(self.budget)) {
                break;
            }
            let Day { path, .. } = all.remove(0);
            std::fs::remove_file(&path)?;
            let why = if is_old { "it is older than raw_days" } else { "the card is filling up" };
            tracing::warn!("deleted {}: {why}", path.display());
        }
        Ok(())
    }

    /// Writes the days that are over as files: those of the last week that are not there yet, and the last two again, for what
    /// came of their last forecasts was not known at midnight.
    fn export(&mut self) -> anyhow::Result<()> {
        let today = self.clock.now().day();
        let is_due = self.exported != Some(today) && Instant::now() >= self.export_at;
        if !is_due {
            return Ok(());
        }
        self.export_at = Instant::now() + AGAIN_AFTER;
        // One place that cannot be reached keeps nothing from the other.
        let folder = self.export.dir.clone().map(Folder);
        let written = folder.map(|folder| self.export_to(&folder, today)).transpose();
        if let Some(url) = self.export.bucket.clone() {
            let bucket = Bucket::new(&self.bucket(url)).context("export.bucket")?;
            self.export_to(&bucket, today)?;
        }
        written?;
        self.exported = Some(today);
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

    /// A backup a day, the first one some time after a start, and none while the card is nearly full.
    fn back_up(&mut self) -> anyhow::Result<()> {
        let now = self.clock.now();
        if Instant::now() < self.backup_at || !self.backups.is_due(now) || self.card.thrift() != Thrift::Everything {
            return Ok(());
        }
        self.backup_at = Instant::now() + AGAIN_AFTER;
        let (reply, moment) = tokio::sync::oneshot::channel();
        if self.engine.try_send(Message::Backup(reply)).is_err() {
            return Ok(());
        }
        let moment = moment.blocking_recv().context("no backup: the store does not answer")?;
        let proven = self.backups.run(&moment, now).context("backup")?;
        tracing::info!("backup {} of {} rows, restored and proven", proven.file, proven.rows);
        Ok(())
    }

    /// Removes short candles and forecasts that are too old.
    fn prune(&mut self) -> anyhow::Result<()> {
        let now = self.clock.now();
        if self.pruned == Some(now.day()) {
            return Ok(());
        }
        let before = Timestamp::from_nanos(now.as_nanos() - self.minute_days * NS_PER_DAY);
        let mut removed = 0;
        loop {
            let rows = self.state.prune(before)?;
            removed += rows;
            if rows == 0 {
                break;
            }
        }
        self.pruned = Some(now.day());
        if removed > 0 {
            tracing::info!("removed {removed} rows older than minute_days");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::effect::{CandleRecord, ForecastRecord, RulesRecord, ScoreRecord};
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
            }));
            let (instrument, horizon_min, log_return) = (INSTRUMENT, 5, 0.5);
            let forecast = ForecastRecord {
                instrument,
                open_time,
                model: model.clone(),
                horizon_min,
                price,
                log_return,
                p_up: 0.6,
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
        let keeper = Arc::new(Keeper::new(dir.path(), dir.path().join("backups"), 0));
        let (engine, _inbox) = tokio::sync::mpsc::channel(1);
        let (clock, card) = (Clock::scaled(NOW, 1.0), Arc::new(Card::default()));
        let mut keeper = Housekeeper::new(&config, Arc::new(state(dir.path())), clock, card, keeper, engine);
        keeper.export().unwrap();
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
        keeper.export().unwrap();
        assert!(!out.path().join("predictions.csv").exists());
    }
}
