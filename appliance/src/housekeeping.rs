//! What has to be done beside the box's work: measuring the card, deleting what is too old, of news too, and a backup every night.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use store::{Day, State, days};
use types::Timestamp;
use types::time::NS_PER_DAY;

use crate::backup::Keeper;
use crate::card::{Budget, Card, Measured, Thrift};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine_thread::Message;
use crate::newsroom::Newsroom;

/// How often the card is looked at.
const EVERY: Duration = Duration::from_secs(20);
/// The newest days of the journal are never deleted: a start needs them.
const DAYS_MIN: usize = 2;
/// What failed is tried again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
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
    newsroom: Option<Newsroom>,
    /// The day on which news were removed last.
    news_pruned: Option<i32>,
    engine: tokio::sync::mpsc::Sender<Message>,
    /// Real time of the next try of a backup.
    backup_at: Instant,
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
        newsroom: Option<Newsroom>,
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
            newsroom,
            news_pruned: None,
            engine,
            backup_at: Instant::now() + BACKUP_AFTER,
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
        for task in [Self::delete_days, Self::prune, Self::prune_news, Self::back_up] {
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

    /// Removes news that are too old, or too many.
    fn prune_news(&mut self) -> anyhow::Result<()> {
        let Some(newsroom) = &self.newsroom else { return Ok(()) };
        let now = self.clock.now();
        if self.news_pruned == Some(now.day()) {
            return Ok(());
        }
        let removed = newsroom.prune(now).context("news")?;
        self.news_pruned = Some(now.day());
        if removed > 0 {
            tracing::info!("removed {removed} items of news");
        }
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
