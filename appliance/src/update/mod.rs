//! Updates of the program: what the box does with them while it runs.
//!
//! ```text
//! POST /api/v1/update ─┐
//! inbox (USB, ssh) ────┼─► install ─► backup ─► slot ─► restart ─► launch ─► on trial ─► watch ─► kept
//! update.url ──────────┘                                  ▲                              │
//!                                                         └────────── taken back ◄───────┘
//! ```
//!
//! | module | what |
//! |---|---|
//! | `about` | what this program says of itself |
//! | `folder` | the files |
//! | `install` | from an update file to a program on trial |
//! | `launch` | which program runs |
//! | `source` | files that come over the network |

mod about;
mod folder;
mod install;
mod launch;
mod source;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;
use types::Input;
use types::effect::Severity;
use update::{Accepted, Event, Manifest, Slot, Slots, TrustedKeys, Verdict, Watch, What};
use wire::api::{UpdateEvent, UpdateFound, UpdateSlot, UpdateTrial};

use crate::backup::Keeper;
use crate::clock::{Clock, wall_now};
use crate::config::UpdateSection;
use crate::engine_thread::Message;
use crate::models::Models;
use crate::venue::Network;
use crate::web::Health;

pub(crate) use about::version;
pub(crate) use folder::{FOLDER, Folder};
pub(crate) use install::{Letter, Taken, check, look, take, trusted_keys};
pub(crate) use launch::Launch;
pub use launch::Launched;
pub(crate) use source::{Incoming, fetch};

/// How often the inbox and the state are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often the health of a program on trial is.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// A box that has just started has other things to do than to ask for updates.
const ASK_AFTER: Duration = Duration::from_mins(5);
/// What asking may take until nothing more comes.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
const READ_WITHIN: Duration = Duration::from_secs(60);
/// The answer goes out before the box stops.
const RESTART_AFTER: Duration = Duration::from_millis(200);
/// Most events that are told at a start.
const TOLD_MAX: usize = 5;

/// Updates of a box that runs. Clones share them.
#[derive(Clone)]
pub(crate) struct Updates {
    inner: Arc<Inner>,
}

struct Inner {
    folder: Folder,
    section: UpdateSection,
    launched: Option<Launched>,
    keys: Result<TrustedKeys, String>,
    can_restart: bool,
    backups: Arc<Keeper>,
    clock: Clock,
    models: Models,
    engine: mpsc::Sender<Message>,
    restart: Arc<Notify>,
    live: Mutex<Live>,
    /// Says to others that a box runs here.
    _running: Option<File>,
}

/// What changes.
#[derive(Debug, Default)]
struct Live {
    slots: Slots,
    /// What was wrong at the launch, or is with the folder.
    error: String,
    /// Why the configured address tells nothing.
    unanswered: String,
    installing: Option<String>,
    found: Option<UpdateFound>,
}

/// What the lamp and the list of what is wrong want to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing in particular.
    #[default]
    Quiet,
    /// A version is being installed.
    Installing(String),
    /// A version has to prove itself.
    Trial(String),
    /// Updates do not work.
    Trouble(String),
}

/// What the box is given for its updates.
pub(crate) struct Needs<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) section: &'a UpdateSection,
    pub(crate) launched: Option<Launched>,
    pub(crate) can_restart: bool,
    pub(crate) backups: Arc<Keeper>,
    pub(crate) clock: Clock,
    pub(crate) models: Models,
    pub(crate) engine: mpsc::Sender<Message>,
    pub(crate) restart: Arc<Notify>,
}

impl Updates {
    /// Opens the folder of updates. Nothing that is wrong with it keeps the box from running.
    pub(crate) fn open(needs: Needs<'_>) -> Self {
        let Needs { data_dir, section, launched, can_restart, backups, clock, models, engine, restart } = needs;
        let path = launched.as_ref().map_or_else(|| data_dir.join(FOLDER), |it| it.updates().to_owned());
        let folder = Folder::new(path);
        let mut live = Live::default();
        // A box that was not launched leaves no trace of updates.
        let mut running = None;
        if let Some(launched) = &launched {
            live.error = launched.trouble().to_owned();
            match folder.try_run() {
                Ok(lock) => running = lock,
                Err(error) => live.error = format!("{error:#}"),
            }
            Letter::clear(&folder);
        }
        match folder.slots() {
            Ok(slots) => live.slots = slots,
            Err(error) => live.error = format!("{error:#}"),
        }
        let inner = Inner {
            folder,
            keys: trusted_keys(&section.trusted_keys).map_err(|error| format!("{error:#}")),
            section: section.clone(),
            launched,
            can_restart,
            backups,
            clock,
            models,
            engine,
            restart,
            live: Mutex::new(live),
            _running: running,
        };
        Self { inner: Arc::new(inner) }
    }

    /// What the user was not told yet of what happened, for the engine.
    pub(crate) fn news(&self) -> Vec<Input> {
        if self.inner.launched.is_none() {
            return Vec::new();
        }
        let told = self.inner.folder.change(|slots| Ok((slots.untold(), slots.clone())));
        match told {
            Ok((events, slots)) => {
                self.live().slots = slots;
                let first = events.len().saturating_sub(TOLD_MAX);
                events[first..].iter().map(|event| self.notice(event)).collect()
            }
            Err(error) => {
                self.live().error = format!("{error:#}");
                Vec::new()
            }
        }
    }

    fn notice(&self, event: &Event) -> Input {
        let (severity, text) = sentence(event, self.inner.section.confirm_min);
        Input::Models { seats: self.inner.models.engine_seats(), news: Some((severity, text)) }
    }

    /// In one word.
    pub(crate) fn shown(&self) -> Shown {
        let live = self.live();
        if let Some(version) = &live.installing {
            return Shown::Installing(version.clone());
        }
        if let Some(trial) = live.slots.trial() {
            return Shown::Trial(live.slots.program(trial.slot).map(|it| it.version.to_string()).unwrap_or_default());
        }
        if !live.error.is_empty() {
            return Shown::Trouble(live.error.clone());
        }
        Shown::Quiet
    }

    /// All of it.
    pub(crate) fn told(&self) -> wire::api::Updates {
        let live = self.live();
        let slots = &live.slots;
        let slot = |slot: Slot| {
            let program = slots.program(slot);
            UpdateSlot {
                slot: slot.name().to_owned(),
                version: program.map(|it| it.version.to_string()),
                sha256: program.and_then(|it| it.sha256).map(|it| it.to_string()),
                since_ms: program.map(|it| it.since_s * 1_000),
            }
        };
        let trial = slots.trial().map(|trial| UpdateTrial {
            slot: trial.slot.name().to_owned(),
            version: slots.program(trial.slot).map(|it| it.version.to_string()).unwrap_or_default(),
            starts_left: trial.starts_left,
            confirm_min: self.inner.section.confirm_min,
            since_ms: trial.since_s * 1_000,
        });
        let event = |event: &Event| UpdateEvent {
            at_ms: event.at_s * 1_000,
            what: what_name(event.what).to_owned(),
            version: event.version.as_ref().map(ToString::to_string),
            why: event.why.clone(),
        };
        wire::api::Updates {
            version: version().to_string(),
            runs: self.inner.launched.as_ref().map(|it| it.slot().name().to_owned()).unwrap_or_default(),
            present: slots.present().name().to_owned(),
            previous: slots.previous().map(|it| it.name().to_owned()),
            slots: [Slot::Factory, Slot::A, Slot::B].map(slot).into(),
            trial,
            installing: live.installing.clone(),
            found: live.found.clone(),
            closed: self.closed().err().map(|error| error.to_string()).unwrap_or_default(),
            error: if live.error.is_empty() { live.unanswered.clone() } else { live.error.clone() },
            events: slots.events().map(event).collect(),
        }
    }

    /// The keys, or why no update can be installed.
    fn closed(&self) -> anyhow::Result<&TrustedKeys> {
        ensure!(
            self.inner.launched.is_some() && self.inner.can_restart,
            "this box was not started with `tickerbox launch`, so its program is changed by who started it"
        );
        ensure!(about::arch().is_some(), "no updates are made for {}", std::env::consts::ARCH);
        self.inner.keys.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// Installs what is read, and has the box started again with it. Waits for the card and for a backup.
    ///
    /// # Errors
    /// Why it is not installed.
    pub(crate) fn install(&self, from: &mut impl Read, accepted: Accepted) -> anyhow::Result<Taken> {
        let keys = self.closed()?;
        let reading = |version: &update::Version| self.live().installing = Some(version.to_string());
        let taken = take(&self.inner.folder, keys, from, accepted, reading, || self.back_up().map(Some));
        self.live().installing = None;
        self.refresh();
        if taken.is_ok() {
            self.restart();
        }
        taken
    }

    fn back_up(&self) -> anyhow::Result<String> {
        let (reply, moment) = oneshot::channel();
        let asked = self.inner.engine.try_send(Message::Backup(reply));
        asked.map_err(|_| anyhow!("the box is too busy: try again later"))?;
        let moment = moment.blocking_recv().context("the store does not answer")?;
        Ok(self.inner.backups.run(&moment, self.inner.clock.now())?.file)
    }

    /// The owner wants the program of before.
    ///
    /// # Errors
    /// When there is none, or it could not go on with what was written since.
    pub(crate) fn go_back(&self, why: &str) -> anyhow::Result<()> {
        self.closed()?;
        self.inner.folder.change(|slots| Ok(slots.go_back(why, wall_now().as_secs())?))?;
        self.refresh();
        self.restart();
        Ok(())
    }

    fn restart(&self) {
        let restart = self.inner.restart.clone();
        std::thread::spawn(move || {
            std::thread::sleep(RESTART_AFTER);
            restart.notify_one();
        });
    }

    fn refresh(&self) {
        match self.inner.folder.slots() {
            Ok(slots) => self.live().slots = slots,
            Err(error) => self.live().error = format!("{error:#}"),
        }
    }

    /// Looks at what is brought and what others changed, until the box stops.
    pub(crate) async fn look(self) {
        if self.inner.launched.is_none() {
            return;
        }
        let mut timer = tokio::time::interval(LOOK_EVERY);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let updates = self.clone();
            let looked = tokio::task::spawn_blocking(move || {
                updates.refresh();
                match Letter::next(&updates.inner.folder) {
                    Ok(Some(letter)) => {
                        let taken = letter.open().and_then(|mut file| updates.install(&mut file, letter.accepted()));
                        letter.answer(&taken);
                    }
                    Ok(None) => {}
                    Err(error) => updates.live().error = format!("{error:#}"),
                }
            });
            if let Err(error) = looked.await {
                tracing::error!("the inbox of updates: {error}");
            }
        }
    }

    /// Sees whether a program on trial proves itself; returns when that is known.
    pub(crate) async fn watch(self, health: watch::Receiver<Health>) {
        let Some(launched) = &self.inner.launched else { return };
        if self.live().slots.trial().is_none_or(|trial| trial.slot != launched.slot()) {
            return;
        }
        let minutes = self.inner.section.confirm_min;
        let mut watch = Watch::new(Duration::from_mins(minutes.into()));
        let (started, mut timer) = (Instant::now(), tokio::time::interval(WATCH_EVERY));
        loop {
            timer.tick().await;
            let is_well = health.borrow().status != "failing";
            let verdict = watch.see(started.elapsed(), is_well);
            if verdict == Verdict::Wait {
                continue;
            }
            let updates = self.clone();
            match tokio::task::spawn_blocking(move || updates.judged(verdict, is_well)).await {
                Ok(Ok(news)) => {
                    for input in news {
                        // An engine that is gone hears nothing any more.
                        let _ = self.inner.engine.send(Message::Input(input)).await;
                    }
                    return;
                }
                // A card that takes no writes now may do so later.
                Ok(Err(error)) => self.live().error = format!("{error:#}"),
                Err(error) => self.live().error = error.to_string(),
            }
        }
    }

    fn judged(&self, verdict: Verdict, is_well: bool) -> anyhow::Result<Vec<Input>> {
        let slot = self.inner.launched.as_ref().map(Launched::slot);
        let minutes = self.inner.section.confirm_min;
        let (events, slots) = self.inner.folder.change(|slots| {
            let now_s = wall_now().as_secs();
            let is_ours = slots.trial().is_some_and(|trial| Some(trial.slot) == slot);
            match verdict {
                Verdict::Confirm if is_ours => drop(slots.confirmed(now_s)),
                Verdict::TakeBack if is_ours => {
                    let why = if is_well {
                        "it was never well for long enough".to_owned()
                    } else {
                        format!("it was failing for {minutes} minutes")
                    };
                    slots.failed(&why, now_s);
                }
                _ => {}
            }
            // What is taken back is told by the program that runs after it.
            let events = if verdict == Verdict::Confirm { slots.untold() } else { Vec::new() };
            Ok((events, slots.clone()))
        })?;
        self.live().slots = slots;
        if verdict == Verdict::TakeBack {
            tracing::error!("this program is taken back");
            self.restart();
        }
        Ok(events.iter().map(|event| self.notice(event)).collect())
    }

    /// Asks the configured address for a newer version now and then, until the box stops.
    pub(crate) async fn ask(self, network: Network) {
        let Some(url) = self.inner.section.url.clone() else { return };
        let every = Duration::from_hours(self.inner.section.every_h.into());
        let client =
            network.http().and_then(|it| Ok(it.connect_timeout(CONNECT_WITHIN).read_timeout(READ_WITHIN).build()?));
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                self.live().unanswered = format!("update.url: {error:#}");
                return;
            }
        };
        let mut timer = tokio::time::interval_at(Instant::now() + ASK_AFTER, every);
        loop {
            timer.tick().await;
            let asked = self.ask_once(&client, &url).await;
            if let Err(error) = &asked {
                tracing::warn!("no newer version found: {error:#}");
            }
            self.live().unanswered = asked.err().map(|error| format!("update.url: {error:#}")).unwrap_or_default();
        }
    }

    /// The head of the file says it all; the rest is read only where it is wanted.
    async fn ask_once(&self, client: &reqwest::Client, url: &str) -> anyhow::Result<()> {
        let read = |work: Reading| async {
            let (to, mut from) = Incoming::pair();
            let reader = tokio::task::spawn_blocking(move || work(&mut from));
            let (fetched, read) = tokio::join!(fetch(client, url, to), reader);
            // Who reads hears of a connection that broke; the other way round it is no error.
            read.map_err(anyhow::Error::from).and_then(|read| read).map_err(|error| fetched.err().unwrap_or(error))
        };
        let updates = self.clone();
        let manifest = read(Box::new(move |from| Ok(Some(look(from, updates.closed()?)?)))).await?;
        let manifest = manifest.context("nothing was read")?;
        let refused = check(&self.live().slots, &manifest, Accepted::default());
        let is_news = manifest.version.cmp_precedence(version()).is_gt();
        self.live().found = is_news.then(|| UpdateFound {
            version: manifest.version.to_string(),
            signed_at_ms: manifest.signed_at_s * 1_000,
            refused: refused.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default(),
        });
        if is_news && refused.is_ok() && self.inner.section.auto {
            let updates = self.clone();
            read(Box::new(move |from| updates.install(from, Accepted::default()).map(|_| None))).await?;
        }
        Ok(())
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.inner.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is done with what comes from an address.
type Reading = Box<dyn FnOnce(&mut Incoming) -> anyhow::Result<Option<Manifest>> + Send>;

impl Launched {
    /// The box ended because it was told to: a trial does not pay for that.
    pub(crate) fn ended_in_order(&self) {
        let ended = Folder::new(self.updates().to_owned()).change(|slots| {
            let is_ours = slots.trial().is_some_and(|trial| trial.slot == self.slot());
            Ok(is_ours && slots.ended_in_order())
        });
        if let Err(error) = ended {
            tracing::warn!("this start of a program on trial counts as failed: {error:#}");
        }
    }
}

pub(crate) const fn what_name(what: What) -> &'static str {
    match what {
        What::Installed => "installed",
        What::Confirmed => "confirmed",
        What::TakenBack => "taken-back",
        What::WentBack => "went-back",
        What::Refused => "refused",
        What::Damaged => "damaged",
    }
}

/// An event as a sentence, and how much it matters.
fn sentence(event: &Event, confirm_min: u16) -> (Severity, String) {
    let version = event.version.as_ref().map_or_else(|| "an update".to_owned(), |it| format!("version {it}"));
    let why = if event.why.is_empty() { String::new() } else { format!(": {}", event.why) };
    match event.what {
        What::Installed => {
            let text = format!("Updated to {version}. It is kept once it has been well for {confirm_min} minutes.");
            (Severity::Info, text)
        }
        What::Confirmed => (Severity::Info, format!("The update to {version} has proven itself and is kept.")),
        What::TakenBack => {
            (Severity::Alarm, format!("The update to {version} was taken back{why}. The program of before runs again."))
        }
        What::WentBack => (Severity::Info, format!("Went back from {version}{why}.")),
        What::Refused => (Severity::Warning, format!("The update to {version} was not installed{why}.")),
        What::Damaged => {
            (Severity::Alarm, format!("The program of {version} does not run any more{why}. Another one runs."))
        }
    }
}
