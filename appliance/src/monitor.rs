//! Puts together `/healthz` from what each part says about itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use feed::BookState;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::appliance::Circumstances;
use crate::backup::Keeper;
use crate::card::Card;
use crate::clock::Clock;
use crate::conditions::{Conditions, Facts};
use crate::newsroom::Newsroom;
use crate::notify::Notifier;
use crate::settings::Desk;
use crate::update::Updates;
use crate::venue::VenueStatus;
use crate::web::{EngineHealth, FeedHealth, Health, ModelHealth, NewsSummary, SettingsHealth, StoreHealth};
use crate::{exporter, inference_thread, panel, publisher, store_thread};

/// How often it is put together.
const EVERY: Duration = Duration::from_millis(200);
/// An engine that has not spoken for so long is failing.
const ENGINE_SILENT_AFTER: Duration = Duration::from_secs(10);
/// How often the machine is looked at, in rounds: its files are read then.
const MACHINE_EVERY: u32 = 25;

/// What the monitor watches.
pub(crate) struct Monitor {
    pub(crate) clock: Clock,
    pub(crate) demo: bool,
    pub(crate) venues: Vec<watch::Receiver<VenueStatus>>,
    pub(crate) engine: watch::Receiver<EngineHealth>,
    pub(crate) store: Arc<store_thread::Counters>,
    pub(crate) card: Arc<Card>,
    pub(crate) backups: Arc<Keeper>,
    pub(crate) model: watch::Receiver<ModelHealth>,
    pub(crate) inference: Arc<inference_thread::Counters>,
    pub(crate) kafka: Option<Arc<publisher::Shown>>,
    pub(crate) exports: Option<Arc<exporter::Shown>>,
    pub(crate) newsroom: Option<Newsroom>,
    pub(crate) settings: Arc<Desk>,
    pub(crate) circumstances: Circumstances,
    pub(crate) panel: Arc<panel::Shown>,
    pub(crate) notifier: Notifier,
    pub(crate) updates: Updates,
    pub(crate) health: watch::Sender<Health>,
}

impl Monitor {
    /// Runs until the box stops.
    pub(crate) async fn run(mut self) {
        let started = Instant::now();
        let mut engine_spoke = started;
        let mut facts = Facts { circumstances: self.circumstances, ..Facts::default() };
        let mut conditions = Conditions::default();
        let mut timer = tokio::time::interval(EVERY);
        for round in 0_u32.. {
            timer.tick().await;
            if self.engine.has_changed().unwrap_or(false) {
                self.engine.mark_unchanged();
                engine_spoke = Instant::now();
            }
            if round.is_multiple_of(MACHINE_EVERY) {
                facts.look();
            }
            facts.engine_is_silent = engine_spoke.elapsed() > ENGINE_SILENT_AFTER;
            facts.update = self.updates.shown();
            facts.panel_error = self.panel.told().error;
            facts.health = self.collect(started.elapsed().as_secs());
            let now = self.clock.now();
            for alert in conditions.find(&facts, now) {
                self.notifier.raise(alert);
            }
            self.health.send_replace(Health {
                status: conditions.status(now),
                lamp: conditions.lamp(),
                conditions: conditions.held().to_vec(),
                ..facts.health.clone()
            });
        }
    }

    fn collect(&self, uptime_s: u64) -> Health {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Health {
            uptime_s,
            feeds: self.feeds(),
            engine: self.engine.borrow().clone(),
            store: StoreHealth {
                committed_seq: count(&self.store.committed_seq),
                commits: count(&self.store.commits),
                bytes: count(&self.store.bytes),
                error: self.store.error(),
            },
            card: self.card.health(),
            backup: self.backups.health(),
            model: ModelHealth {
                answers: count(&self.inference.answers),
                dropped: count(&self.inference.dropped),
                took_us: self.inference.took_us(),
                ..self.model.borrow().clone()
            },
            settings: SettingsHealth { error: self.settings.error() },
            kafka: self.kafka.as_ref().map(|shown| shown.health()),
            export: self.exports.as_ref().map(|shown| shown.health()),
            news: self.newsroom.as_ref().map(|room| NewsSummary::of(&room.sources())),
            notify: self.notifier.health(),
            ..Health::starting(self.demo)
        }
    }

    fn feeds(&self) -> BTreeMap<String, FeedHealth> {
        let now = self.clock.now();
        let one = |status: &VenueStatus| FeedHealth {
            connected: status.feed.is_connected,
            books_live: status.feed.instruments.iter().filter(|i| matches!(i.book, BookState::Live { .. })).count()
                as u16,
            books: status.feed.instruments.iter().filter(|i| i.book != BookState::NotListed).count() as u16,
            frames: status.feed.frames,
            rejected: status.feed.rejected.total(),
            resyncs: status.feed.instruments.iter().map(|i| i.counts.resyncs).sum(),
            age_ms: status.feed.last_frame_at.map(|at| now.since(at).as_millis() as u64),
            trouble: status.trouble.clone(),
        };
        self.venues
            .iter()
            .map(|venue| {
                let status = venue.borrow();
                (status.venue.slug().to_owned(), one(&status))
            })
            .collect()
    }
}
