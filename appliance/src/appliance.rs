//! Puts the parts together and takes them apart.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use types::effect::Severity;
use types::input::Command;
use types::{AccountId, Input, Timestamp};

use crate::access::Access;
use crate::backup::Keeper;
use crate::card::Card;
use crate::clock::{self, Clock};
use crate::config::{Config, Layers};
use crate::engine_thread::{self, Cadence, EngineThread, Latencies, Message};
use crate::exporter::{Exporter, Exporting};
use crate::gauges::Gauges;
use crate::housekeeping::{Housekeeper, Housekeeping};
use crate::inference_thread::{self, Inference};
use crate::machine::Usage;
use crate::models::{Models, Past, Wanted};
use crate::monitor::Monitor;
use crate::newsroom::Newsroom;
use crate::notify::{Notifier, Places};
use crate::panel;
use crate::projection::{Curve, POINTS_MAX, Projection};
use crate::publisher::{self, Publisher};
use crate::recordings::Recordings;
use crate::recovery::{self, Recovered};
use crate::settings::Desk;
use crate::store_thread::{self, StoreThread};
use crate::supervisor::Supervisor;
use crate::update::{Launched, Needs, Updates};
use crate::venue::{Bans, Network, VenueStatus, VenueTask};
use crate::web::{self, Certificate, Site};

/// How often browsers are told what changed, real time.
const PROJECT_EVERY: Duration = Duration::from_millis(100);
/// Most models whose trouble waits to be heard.
const UNFIT_MAX: usize = 16;
/// How often the engine is told that time goes on, by its own clock.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// What a start needs besides the configuration.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The time of the box.
    pub clock: Clock,
    /// True on the built-in market.
    pub demo: bool,
    /// What the configuration came from.
    pub layers: Layers,
    /// Whether the program starts itself again when [`Running::restart_wish`] says so.
    pub can_restart: bool,
    /// Who wants to know that the box lives.
    pub supervisor: Supervisor,
    /// How the launcher chose this program, if it did.
    pub launched: Option<Launched>,
    /// What the engine and the user are told about this start.
    pub circumstances: Circumstances,
}

/// What is unusual about a start. Nothing, mostly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// It crashed again and again: no new paper orders until the owner allows them.
    pub is_safe: bool,
    /// What it keeps lies in memory.
    pub is_volatile: bool,
}

/// The box before it runs.
pub struct Appliance {
    recovered: Recovered,
}

impl Appliance {
    /// Opens the data directory and brings the engine to where it was.
    ///
    /// # Errors
    /// When another process uses the directory, or something in it cannot be read.
    pub fn recover(config: &Config) -> anyhow::Result<Self> {
        Ok(Self { recovered: recovery::recover(&config.store.data_dir)? })
    }

    /// When the last input before this start was received; the clock must not start before it.
    #[must_use]
    pub fn last_at(&self) -> Option<Timestamp> {
        self.recovered.last_at
    }

    /// Starts all threads and tasks, and serves the dashboard on `config.server.listen`.
    ///
    /// # Errors
    /// When the address is in use, a model is refused, or the configuration does not describe a box.
    pub async fn start(self, config: &Config, setup: Setup) -> anyhow::Result<Running> {
        let listen = config.server.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let access = Access::open(&config.store.data_dir, &config.access)?;
        let certificate = config
            .server
            .tls
            .then(|| Certificate::open(&config.store.data_dir, address, &config.server.allowed_hosts))
            .transpose()?;
        let fingerprint = certificate.as_ref().map(|certificate| certificate.fingerprint.clone());
        if let Some(fingerprint) = &fingerprint {
            tracing::warn!("the SHA-256 fingerprint of the box's certificate is {fingerprint}");
        }
        let network = Network::new(&config.network)?;
        let bans = Bans::load(&config.store.data_dir);
        let data_dir = config.store.data_dir.clone();

        let Setup { clock, demo, layers, can_restart, supervisor, launched, circumstances } = setup;
        let settings = Arc::new(Desk::new(config, layers, can_restart));
        let restart = Arc::<Notify>::default();
        // Nights and waiting times are the owner's, also where the market's time runs faster.
        let owners_clock = if demo { Clock::wall() } else { clock.clone() };
        let places = Places::of(&config.notify);
        let (quiet, nights) = (places.settings.quiet.clone(), owners_clock.clone());
        let (notifier, office) = Notifier::open(places, &config.store.data_dir, &network, owners_clock)?;
        let Recovered { journal, state, engine, last_seq, last_at, repaired } = self.recovered;
        let card = Arc::new(Card::new(repaired));
        let feeds = config.feeds.resolve(&state)?;
        let equity = state.equity(AccountId::LEAD, store::Span::last(POINTS_MAX, Timestamp::MAX))?;
        let curve = Curve::from_records(&equity);

        let (to_engine, inbox) = mpsc::channel(engine_thread::QUEUE_MAX);
        let store_counters = Arc::new(store_thread::Counters::default());
        let state = Arc::new(state);
        let (to_store, store) = store_thread::start(
            config.store.data_dir.clone(),
            journal,
            state.clone(),
            store_counters.clone(),
            card.clone(),
        )?;
        let news = if config.news.enabled {
            Some(Newsroom::open(&config.store.data_dir, &config.news, &network, clock.clone()).context("news")?)
        } else {
            None
        };
        let (newsroom, news_tasks) = news.unzip();
        let backups = Arc::new(Keeper::new(
            &config.store.data_dir,
            config.store.backups(),
            config.store.backups_kept.into(),
            newsroom.as_ref().map(|room| room.store().clone()),
        ));
        let housekeeping = Housekeeper::new(
            config,
            state.clone(),
            clock.clone(),
            card.clone(),
            backups.clone(),
            newsroom.clone(),
            to_engine.clone(),
        )
        .start()?;
        let exporter = Exporter::new(config, state.clone(), clock.clone());
        let exports = exporter.shown();
        let exporting = exporter.start()?;
        let counters = Arc::new(inference_thread::Counters::default());
        let (to_models, unfit) = mpsc::channel(UNFIT_MAX);
        let budget = Duration::from_millis(u64::from(config.model.budget_ms));
        let (inference, _) = Inference::start(to_engine.clone(), counters.clone(), budget, to_models)?;
        let (wants, wanted) = watch::channel(Wanted::default());
        let (model_health, model_seen) = watch::channel(web::ModelHealth::default());
        let (models, seated) = Models::open(
            &config.store.data_dir,
            &config.model,
            state.clone(),
            clock.clone(),
            inference.clone(),
            to_engine.clone(),
            wants,
            model_health,
        )?;

        let updates = Updates::open(Needs {
            data_dir: &config.store.data_dir,
            section: &config.update,
            launched,
            can_restart,
            backups: backups.clone(),
            clock: clock.clone(),
            models: models.clone(),
            engine: to_engine.clone(),
            restart: restart.clone(),
        });

        let mut tasks = JoinSet::new();
        if let Some(office) = office {
            tasks.spawn(office.run());
        }
        let mut statuses = Vec::new();
        let mut venues = BTreeMap::new();
        for (settings, endpoint) in feeds {
            venues.insert(settings.venue, endpoint.rest_base.clone());
            let (status, seen) = watch::channel(VenueTask::initial_status(&settings)?);
            statuses.push(seen);
            let task = VenueTask {
                settings,
                endpoint,
                clock: clock.clone(),
                network: network.clone(),
                bans: bans.clone(),
                engine: to_engine.clone(),
                status,
            };
            tasks.spawn(task.run());
        }

        let panel_shown = Arc::<panel::Shown>::default();
        let latencies = Arc::<Latencies>::default();
        let gauges = Gauges {
            demo,
            dir: config.store.data_dir.clone(),
            clock: clock.clone(),
            usage: Usage::new(),
            engine: to_engine.clone(),
            latencies: latencies.clone(),
            inference: counters.clone(),
            store: store_counters.clone(),
            card: card.clone(),
            venues: statuses.clone(),
            panel: panel_shown.clone(),
        };
        let (engine_health, engine_seen) = watch::channel(web::EngineHealth::default());
        let (health, health_seen) = watch::channel(web::Health::starting(demo));
        let (projection, published) = Projection::new(statuses.clone(), health_seen.clone(), curve, clock.now());
        let start_at = last_at.unwrap_or_else(|| clock.now());
        let warning = settings_warning(&settings, &models);
        let unusual = circumstances.inputs(&models);
        let updated = updates.news();
        for input in first_inputs(config, &clock, seated).into_iter().chain(warning).chain(unusual).chain(updated) {
            to_engine.try_send(Message::Input(input)).context("the engine's queue holds the first inputs")?;
        }
        let engine = EngineThread {
            inbox,
            engine,
            clock: clock.clone(),
            cadence: Cadence {
                // A quarter of what may be lost is left for the writing itself.
                block: Duration::from_millis(750 * u64::from(config.store.block_interval_s)),
                checkpoint: Duration::from_secs(60 * u64::from(config.store.checkpoint_interval_min)),
            },
            last: (last_seq, start_at),
            store: to_store,
            written: store_counters.clone(),
            card: card.clone(),
            inference,
            projection,
            health: engine_health,
            latencies,
            pulse: supervisor.pulse(),
            notifier: notifier.clone(),
        }
        .start()?;

        let (believed, is_clock_believed) = watch::channel(clock.is_believed(false));
        tasks.spawn(tick(clock.clone(), statuses.clone(), to_engine.clone(), believed));
        if let Some(news_tasks) = news_tasks {
            news_tasks.start(&mut tasks, &data_dir, to_engine.clone(), is_clock_believed);
        }
        tasks.spawn(project(to_engine.clone()));
        tasks.spawn(models.clone().run(unfit));
        tasks.spawn(updates.clone().ask(network.clone()));
        tasks.spawn(updates.clone().look());
        let past = Past {
            dir: config.store.data_dir.clone(),
            state: state.clone(),
            network,
            bans,
            venues,
            clock: clock.clone(),
            engine: to_engine.clone(),
            wanted,
        };
        tasks.spawn(past.run());
        let recordings = Recordings::new(config.store.data_dir.clone(), to_engine.clone());
        let kafka = (!config.kafka.brokers.is_empty()).then(Arc::<publisher::Shown>::default);
        if let Some(shown) = &kafka {
            let (section, dir) = (config.kafka.clone(), config.store.data_dir.clone());
            let publisher =
                Publisher::new(section, dir, recordings.clone(), state.clone(), clock.clone(), shown.clone());
            tasks.spawn(publisher.run());
        }
        let monitor = Monitor {
            clock: clock.clone(),
            demo,
            venues: statuses,
            engine: engine_seen,
            store: store_counters.clone(),
            card,
            backups: backups.clone(),
            model: model_seen,
            inference: counters,
            kafka,
            exports: exporting.is_some().then_some(exports),
            newsroom: newsroom.clone(),
            settings: settings.clone(),
            circumstances,
            panel: panel_shown.clone(),
            notifier: notifier.clone(),
            updates: updates.clone(),
            health,
        };
        tasks.spawn(monitor.run());
        let is_quiet = move || quiet.as_ref().is_some_and(|quiet| quiet.is_quiet(nights.now()));
        let panel = panel::start(config.panel.clone(), panel_shown, health_seen.clone(), is_quiet)?;
        tasks.spawn(updates.clone().watch(health_seen.clone()));
        let (stop_web, web_stopped) = oneshot::channel::<()>();
        let site = Site::new(
            to_engine.clone(),
            published,
            state,
            recordings,
            backups,
            models,
            updates,
            access.clone(),
            fingerprint.clone(),
            clock,
            health_seen,
            newsroom.clone(),
            gauges,
            settings,
            notifier,
            restart.clone(),
            demo,
            config.server.allowed_hosts.clone(),
        );
        let connections_max = config.server.connections_max.into();
        tasks.spawn(async move {
            let stopped = async move {
                let _ = web_stopped.await;
            };
            web::serve(listener, site, connections_max, certificate, stopped).await;
        });
        supervisor.ready(&format!("the dashboard is at {address}"));
        Ok(Running {
            supervisor,
            door: Door { address, fingerprint, claim_code: access.claim_code() },
            to_engine,
            engine,
            store,
            store_counters,
            housekeeping,
            exporting,
            panel,
            tasks,
            restart,
            _stop_web: stop_web,
        })
    }
}

/// What the engine hears first after every start.
fn first_inputs(config: &Config, clock: &Clock, seated: Input) -> [Input; 3] {
    [
        Input::Boot { version: env!("CARGO_PKG_VERSION").to_owned(), settings: Box::new(config.engine.clone()) },
        Input::Clock { synchronised: clock.is_believed(false) },
        seated,
    ]
}

impl Circumstances {
    fn inputs(self, models: &Models) -> Vec<Input> {
        let notice =
            |text: &str| Input::Models { seats: models.engine_seats(), news: Some((Severity::Alarm, text.to_owned())) };
        let mut inputs = Vec::new();
        if self.is_safe {
            inputs.push(Input::Command(Command::Trading { on: false }));
            inputs.push(notice(
                "The box crashed again and again, so it started with paper trading paused. It records and shows as always; \
                 resume trading when you know why.",
            ));
        }
        if self.is_volatile {
            inputs.push(notice(
                "The data partition cannot be used: what is recorded lies in memory, and is lost with the power.",
            ));
        }
        inputs
    }
}

/// The user is told when the changed settings cannot be used, as of everything else that happens: by a notice.
fn settings_warning(settings: &Desk, models: &Models) -> Option<Input> {
    let error = settings.error();
    if error.is_empty() {
        return None;
    }
    tracing::error!("started without the changed settings: {error}");
    let text = format!("The settings that were changed on the box are damaged, so it runs without them. {error}");
    Some(Input::Models { seats: models.engine_seats(), news: Some((Severity::Alarm, text)) })
}

/// Tells the engine once a second that time goes on, and once that the clock may be believed.
async fn tick(
    clock: Clock,
    venues: Vec<watch::Receiver<VenueStatus>>,
    engine: mpsc::Sender<Message>,
    believed: watch::Sender<bool>,
) {
    let mut timer = tokio::time::interval(clock.real(TICK_EVERY));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut is_believed = clock.is_believed(false);
    loop {
        timer.tick().await;
        if !is_believed {
            let a_venue_agrees = venues.iter().any(|venue| clock::is_near(venue.borrow().feed.venue_ahead_ns));
            is_believed = clock.is_believed(a_venue_agrees);
            believed.send_replace(is_believed);
            let input = Input::Clock { synchronised: true };
            if is_believed && engine.send(Message::Input(input)).await.is_err() {
                return;
            }
        }
        if engine.send(Message::Input(Input::Tick)).await.is_err() {
            return;
        }
    }
}

async fn project(engine: mpsc::Sender<Message>) {
    let mut timer = tokio::time::interval(PROJECT_EVERY);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        timer.tick().await;
        if engine.send(Message::Project).await.is_err() {
            return;
        }
    }
}

/// How to come into a box that runs.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where the dashboard is served.
    pub address: SocketAddr,
    /// SHA-256 of the certificate, `AB:CD:..`; nothing where the box speaks HTTP.
    pub fingerprint: Option<String>,
    /// What claims the box; nothing where it belongs to somebody or to everybody.
    pub claim_code: Option<String>,
}

/// A box that runs. Dropping it stops its tasks; [`Running::stop`] also waits until everything is written.
#[derive(Debug)]
pub struct Running {
    supervisor: Supervisor,
    door: Door,
    to_engine: mpsc::Sender<Message>,
    engine: JoinHandle<()>,
    store: StoreThread,
    store_counters: Arc<store_thread::Counters>,
    housekeeping: Housekeeping,
    exporting: Option<Exporting>,
    panel: panel::Running,
    tasks: JoinSet<()>,
    restart: Arc<Notify>,
    _stop_web: oneshot::Sender<()>,
}

impl Running {
    /// How to come in.
    #[must_use]
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Waits until the box cannot go on, and says why.
    pub async fn failed(&mut self) -> anyhow::Error {
        self.to_engine.closed().await;
        match self.store_counters.error() {
            error if error.is_empty() => anyhow::anyhow!("the engine thread ended"),
            error => anyhow::anyhow!("cannot write: {error}"),
        }
    }

    /// Is done when somebody asks for a restart over the API.
    pub fn restart_wish(&self) -> impl Future<Output = ()> + use<> {
        let restart = self.restart.clone();
        async move { restart.notified().await }
    }

    /// Ends the box in order: no new inputs, then the open block and a checkpoint are written.
    ///
    /// # Errors
    /// When the last writes failed.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.supervisor.stopping();
        self.tasks.shutdown().await;
        self.store_counters.stop_waiting();
        // A full queue empties because nobody fills it any more; a closed one means that the engine ended by itself.
        let _ = self.to_engine.send(Message::Stop).await;
        let Self { engine, store, housekeeping, exporting, panel, .. } = self;
        tokio::task::spawn_blocking(move || {
            drop(panel);
            drop(housekeeping);
            engine.join().map_err(|_| anyhow::anyhow!("the engine thread panicked"))?;
            let stored = store.join().map_err(|_| anyhow::anyhow!("the store thread panicked"))?;
            drop(exporting);
            Ok(stored?)
        })
        .await?
    }
}
