//! The models of a box: which there are, which answer, and what becomes of them.
//!
//! ```text
//! POST /api/v1/models ─► bundles (proof) ─► shelf (files, places) ─► inference thread, Input::Models ─► engine
//!            unfit ◄── inference thread      ▲ promote, shadow, roll back, unseat: user
//!                                            └ judge: once an hour, from what was sealed and scored
//! ```

mod bundles;
mod installed;
mod judge;
mod past;
mod shelf;
mod shown;
mod why;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bundle::{Bundle, TrustedKeys, container};
use engine::skill::EVIDENCE_MIN;
use infer::Model;
use store::State;
use tokio::sync::{mpsc, watch};
use types::effect::Severity;
use types::input::{ModelRole, ModelSeat, ModelSpec};
use types::{Input, InstrumentId, Timeframe, Timestamp};
use wire::api::{ModelShelf, Why};

use crate::clock::Clock;
use crate::config::ModelSection;
use crate::engine_thread::Message;
use crate::inference_thread::{Inference, Unfit};
use crate::kept::{Known, is_meant};
use crate::web::ModelHealth;

#[cfg(test)]
pub(crate) use bundles::starter;
pub(crate) use installed::{Installed, Search};
pub(crate) use past::{Past, Wanted};
pub(crate) use shelf::is_file_name;
use shelf::{Event, Place, Shelf, Version, What};
pub(crate) use shelf::{FORMAT, Request};

/// The shelf's folder in the data directory.
pub(crate) const FOLDER: &str = "models";
/// How often the scores are looked at.
const JUDGE_EVERY: Duration = Duration::from_secs(3_600);
/// Events that are shown.
const EVENTS_SHOWN: usize = 50;

/// The models. Clones share them.
#[derive(Clone)]
pub(crate) struct Models {
    inner: Arc<Inner>,
}

/// What was asked for last, by instrument and model, with the candle that its forecast saw last.
type Explained = BTreeMap<(InstrumentId, String), (Timestamp, Arc<Why>)>;

struct Inner {
    shelf: Mutex<Shelf>,
    keys: TrustedKeys,
    section: ModelSection,
    state: Arc<State>,
    clock: Clock,
    inference: Inference,
    engine: mpsc::Sender<Message>,
    wanted: watch::Sender<Wanted>,
    health: watch::Sender<ModelHealth>,
    explained: Mutex<Explained>,
}

/// Why something could not be done; nothing was changed.
pub(crate) type Refused = anyhow::Error;

impl Models {
    /// Opens the shelf of a box and seats the models that can answer; gives what the engine is told of
    /// them. A configured bundle leads at every start.
    ///
    /// # Errors
    /// When a key, the configured bundle or the registry is refused: a box must not run on another model than the one asked for.
    #[allow(clippy::too_many_arguments, reason = "all that models need of the box, once")]
    pub(crate) fn open(
        dir: &Path,
        section: &ModelSection,
        state: Arc<State>,
        clock: Clock,
        inference: Inference,
        engine: mpsc::Sender<Message>,
        wanted: watch::Sender<Wanted>,
        health: watch::Sender<ModelHealth>,
    ) -> anyhow::Result<(Self, Input)> {
        let keys = bundles::trusted_keys(section)?;
        let starter = bundles::version(&bundles::starter()?, String::new(), 0);
        let shelf = Shelf::open(dir.join(FOLDER), starter)?;
        let inner = Inner {
            shelf: Mutex::new(shelf),
            keys,
            section: section.clone(),
            state,
            clock,
            inference,
            engine,
            wanted,
            health,
            explained: Mutex::default(),
        };
        let models = Self { inner: Arc::new(inner) };
        if !section.enabled {
            return Ok((models, Input::Models { seats: Vec::new(), news: None }));
        }
        if let Some(path) = &section.bundle {
            let lead = || models.take_in(&mut models.shelf(), Bundle::read(path)?, true);
            lead().with_context(|| format!("model.bundle: {}", path.display()))?;
        }
        let told = models.seat_all(&[], None)?;
        Ok((models, told))
    }

    /// What there is.
    pub(crate) fn shown(&self) -> ModelShelf {
        let shelf = self.shelf();
        ModelShelf {
            seats: shelf.seats().iter().map(shown::seat).collect(),
            versions: shelf.versions().map(shown::version).collect(),
            events: shelf.events().take(EVENTS_SHOWN).map(shown::event).collect(),
            requests: shelf.requests().map(shown::wish).collect(),
        }
    }

    /// Wishes for training, as trainers read them.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shelf().requests().cloned().collect()
    }

    /// Takes a bundle (a container) from outside and seats it as a shadow. Gives its digest.
    ///
    /// # Errors
    /// Why it is refused; the user is told, the others go on.
    pub(crate) fn add(&self, container: &[u8], symbols: Vec<String>, request: Option<u64>) -> Result<String, Refused> {
        let mut name = "a bundle".to_owned();
        let mut take = || -> anyhow::Result<String> {
            let bundle = Bundle::from_files(container::read(container)?);
            let proven = bundle.clone().verify(&self.inner.keys)?;
            name = bundles::spec(&proven)?.0.name;
            let model = proven.digest().to_string();
            self.check_symbols(&symbols)?;
            let mut shelf = self.shelf();
            if let Some(id) = request {
                anyhow::ensure!(shelf.requests().any(|request| request.id == id), "no request {id}");
            }
            self.take_in(&mut shelf, bundle, false)?;
            shelf.shadow(&self.now(), &model, symbols.clone())?;
            if let Some(id) = request {
                shelf.answer(id, &model)?;
            }
            Ok(model)
        };
        match take() {
            Ok(model) => {
                self.change(Severity::Info, format!("Model {name} has come and is watched beside the others."))?;
                Ok(model)
            }
            Err(refused) => {
                let why = format!("{refused:#}");
                self.shelf().tell(&self.now(), "", What::Refused, &format!("{name}: {why}"))?;
                self.tell(Severity::Warning, format!("Model {name} was refused: {why}"));
                Err(refused)
            }
        }
    }

    /// A version leads from now on.
    ///
    /// # Errors
    /// When it is not there, leads already, or cannot answer.
    pub(crate) fn promote(&self, model: &str, why: &str) -> Result<(), Refused> {
        let name = self.place(model, |shelf, at, model| shelf.promote(at, model, why))?;
        self.change(Severity::Info, format!("Model {name} leads now{}.", because(why)))
    }

    /// A version is watched beside the others.
    ///
    /// # Errors
    /// When it is not there, has a place, or cannot answer.
    pub(crate) fn shadow(&self, model: &str, symbols: Vec<String>) -> Result<(), Refused> {
        self.check_symbols(&symbols)?;
        let name = self.place(model, |shelf, at, model| shelf.shadow(at, model, symbols))?;
        self.change(Severity::Info, format!("Model {name} is watched beside the others."))
    }

    /// Takes a model from its place.
    ///
    /// # Errors
    /// When it has none, or nobody could take it.
    pub(crate) fn unseat(&self, model: &str) -> Result<(), Refused> {
        let name = {
            let mut shelf = self.shelf();
            let version = shelf.version(model)?.clone();
            shelf.unseat(&self.now(), &version.model, What::Unseated, "")?;
            title(&version)
        };
        self.change(Severity::Info, format!("Model {name} does not answer any more."))
    }

    /// Everybody sits where they sat before the last promotion.
    ///
    /// # Errors
    /// When nothing was promoted.
    pub(crate) fn roll_back(&self, why: &str) -> Result<(), Refused> {
        self.shelf().roll_back(&self.now(), why)?;
        self.change(Severity::Warning, format!("The models sit as before the last promotion{}.", because(why)))
    }

    /// Asks trainers for a model; gives the number of the request.
    ///
    /// # Errors
    /// For an instrument that the box does not have, and when it cannot be written.
    pub(crate) fn request(&self, why: &str, symbols: Vec<String>) -> Result<u64, Refused> {
        self.check_symbols(&symbols)?;
        self.shelf().request(&self.now(), why, symbols)
    }

    /// The model that leads, or another one by its digest, to be asked outside of the box's own round.
    ///
    /// # Errors
    /// When it is not there or cannot answer.
    pub(crate) fn borrow(&self, model: Option<&str>) -> anyhow::Result<Model> {
        let shelf = self.shelf();
        let model = match model {
            Some(model) => shelf.version(model)?.model.clone(),
            None => shelf.seats().first().context("no model has a place")?.model.clone(),
        };
        Ok(self.load(&shelf, &model)?.0)
    }

    /// What the newest forecast for an instrument rests on: of the model that leads there, or of another one by its digest. It is found
    /// once for each forecast, and for one at a time.
    ///
    /// # Errors
    /// When there is no such model, it has told nothing yet, or it cannot answer.
    pub(crate) fn why(&self, known: &Known, model: Option<&str>) -> anyhow::Result<Arc<Why>> {
        let seats = self.engine_seats();
        let leads = |seat: &&ModelSeat| {
            seat.role == ModelRole::Active && (seat.instruments.is_empty() || seat.instruments.contains(&known.id))
        };
        let model = match model {
            Some(model) => self.shelf().version(model)?.model.clone(),
            None => seats.iter().find(leads).context("no model leads there")?.spec.id.clone(),
        };
        let mut explained = self.inner.explained.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = self.inner.inference.newest(known.id, &model);
        let newest =
            newest.with_context(|| format!("{}:{}: no forecast since the start", known.venue, known.symbol))?;
        let (key, at) = ((known.id, model), newest.question.open_time);
        if let Some((_, why)) = explained.get(&key).filter(|(of, _)| *of == at) {
            return Ok(why.clone());
        }
        let why = Arc::new(why::why(&newest, known)?);
        explained.retain(|(_, model), _| seats.iter().any(|seat| seat.spec.id == *model));
        explained.insert(key, (at, why.clone()));
        Ok(why)
    }

    /// Waits for models that do not do their work, and looks at the scores once an hour. Ends with the box.
    pub(crate) async fn run(self, mut unfit: mpsc::Receiver<Unfit>) {
        let mut hourly = tokio::time::interval(self.inner.clock.real(JUDGE_EVERY));
        hourly.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let models = self.clone();
            let work: Box<dyn FnOnce() -> anyhow::Result<()> + Send> = tokio::select! {
                told = unfit.recv() => match told {
                    Some(Unfit { model, why }) => Box::new(move || models.remove_unfit(&model, &why)),
                    None => return,
                },
                _ = hourly.tick() => Box::new(move || models.judge()),
            };
            // Cards and models take their time.
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("models: {error:#}"),
                Err(error) => tracing::error!("models: {error}"),
            }
        }
    }

    /// Gives a place to a version, and its title. Whoever cannot answer must not push out who can.
    fn place(
        &self,
        model: &str,
        give: impl FnOnce(&mut Shelf, &str, &str) -> anyhow::Result<()>,
    ) -> anyhow::Result<String> {
        let mut shelf = self.shelf();
        let version = shelf.version(model)?.clone();
        self.load(&shelf, &version.model)?;
        give(&mut shelf, &self.now(), &version.model)?;
        Ok(title(&version))
    }

    fn remove_unfit(&self, model: &str, why: &str) -> anyhow::Result<()> {
        let name = title(self.shelf().version(model)?);
        if let Err(error) = self.shelf().unseat(&self.now(), model, What::Failed, why) {
            // Nobody can take its place: the box goes on without forecasts, and says so.
            self.inner.health.send_modify(|health| health.error = format!("{name}: {why}"));
            return Err(error);
        }
        self.change(Severity::Warning, taken_away(&name, why))
    }

    /// Acts on the scores as the configuration says.
    fn judge(&self) -> anyhow::Result<()> {
        let (places, versions): (Vec<Place>, Vec<Version>) = {
            let shelf = self.shelf();
            (shelf.seats().to_vec(), shelf.versions().cloned().collect())
        };
        let frame = |model: &str| versions.iter().find(|v| v.model == model).map(|version| version.timeframe_min);
        for lead in places.iter().filter(|place| place.role == ModelRole::Active) {
            let beside = |place: &&Place| place.role == ModelRole::Shadow && frame(&place.model) == frame(&lead.model);
            let others: Vec<String> = places.iter().filter(beside).map(|place| place.model.clone()).collect();
            let found = judge::judge(&self.inner.state, &lead.model, &others, self.inner.clock.now())?;
            let best = found.overtakes.iter().max_by(|a, b| a.1.total_cmp(b.1));
            if let Some((model, evidence)) = best.filter(|(_, evidence)| **evidence >= EVIDENCE_MIN) {
                let why = format!("its forecasts were better than those of the leading one (evidence {evidence:.0})");
                if self.inner.section.auto_promote {
                    self.promote(model, &why)?;
                    continue;
                }
                self.once_a_day(model, What::Overtook, &why)?;
            }
            let worse = found.worse.get(&lead.model).copied().unwrap_or_default();
            if worse >= EVIDENCE_MIN {
                self.alarm(lead, worse)?;
            }
        }
        let keep = u64::from(self.inner.section.keep_mb) * 1_000_000;
        self.shelf().prune(&self.now(), keep)
    }

    fn alarm(&self, lead: &Place, evidence: f64) -> anyhow::Result<()> {
        let why = format!("its forecasts were worse than \"no change\" (evidence {evidence:.0})");
        if self.once_a_day(&lead.model, What::Alarm, &why)? && self.inner.section.retrain_on_alarm {
            self.request(&why, lead.symbols.clone())?;
        }
        if self.inner.section.auto_rollback && self.shelf().roll_back(&self.now(), &why).is_ok() {
            self.change(Severity::Warning, format!("The models sit as before the last promotion{}.", because(&why)))?;
        }
        Ok(())
    }

    /// Notes and tells something unless that was done today; true when it was done now.
    fn once_a_day(&self, model: &str, what: What, why: &str) -> anyhow::Result<bool> {
        let now = self.now();
        let name = {
            let mut shelf = self.shelf();
            let is_today = |event: &Event| event.model == model && event.what == what && event.at[..10] == now[..10];
            if shelf.events().any(is_today) {
                return Ok(false);
            }
            shelf.tell(&now, model, what, why)?;
            title(shelf.version(model)?)
        };
        self.tell(Severity::Warning, format!("Model {name}: {why}."));
        Ok(true)
    }

    /// Proves a bundle and puts it on the shelf.
    fn take_in(&self, shelf: &mut Shelf, bundle: Bundle, is_to_lead: bool) -> anyhow::Result<()> {
        let container = bundle.to_container();
        let bundle = bundle.verify(&self.inner.keys)?;
        bundles::load(&bundle, self.budget())?;
        let version = bundles::version(&bundle, self.now(), container.len() as u64);
        let model = version.model.clone();
        shelf.add(version, &container)?;
        let leads = shelf.seats().first().is_some_and(|place| place.model == model);
        if is_to_lead && !leads {
            shelf.promote(&self.now(), &model, "model.bundle of the configuration")?;
        }
        Ok(())
    }

    /// Seats everybody anew, and tells the engine.
    fn change(&self, severity: Severity, text: String) -> anyhow::Result<()> {
        let news = Some((severity, text));
        let is_enabled = self.inner.section.enabled;
        self.send(if is_enabled {
            self.seat_all(&self.known(), news)?
        } else {
            Input::Models { seats: Vec::new(), news }
        });
        Ok(())
    }

    /// Tells the user, and changes nothing.
    fn tell(&self, severity: Severity, text: String) {
        let seats = self.engine_seats();
        self.send(Input::Models { seats, news: Some((severity, text)) });
    }

    fn send(&self, input: Input) {
        // Fails only while the box stops.
        let _ = self.inner.engine.blocking_send(Message::Input(input));
    }

    /// Digests of the models that the inference thread has.
    fn known(&self) -> Vec<String> {
        self.inner.wanted.borrow().seats.iter().map(|seat| seat.spec.id.clone()).collect()
    }

    pub(crate) fn engine_seats(&self) -> Vec<ModelSeat> {
        self.inner.wanted.borrow().seats.clone()
    }

    /// Loads those that have a place and are not among `known`, and gives what the engine is to be told: the seats, and `news`. Whoever
    /// cannot answer loses the place, and the news say so.
    fn seat_all(&self, known: &[String], news: Option<(Severity, String)>) -> anyhow::Result<Input> {
        let (mut new, mut failed) = (Vec::new(), Vec::new());
        let mut ready = BTreeMap::new();
        let mut shelf = self.shelf();
        // Whoever loses a place may give it to somebody else, and change who leads.
        while let Some(place) = shelf.seats().iter().find(|place| !ready.contains_key(&place.model)) {
            let model = place.model.clone();
            let seated = self.engine_seats().into_iter().find(|seat| seat.spec.id == model && known.contains(&model));
            if let Some(seat) = seated {
                ready.insert(model, (seat.spec, seat.timeframe));
                continue;
            }
            match self.load(&shelf, &model) {
                Ok((loaded, spec, timeframe)) => {
                    new.push((model.clone(), loaded));
                    ready.insert(model, (spec, timeframe));
                }
                Err(error) => {
                    let (why, name) = (format!("{error:#}"), title(shelf.version(&model)?));
                    tracing::error!("model {name}: {why}");
                    shelf.unseat(&self.now(), &model, What::Failed, &why)?;
                    failed.push(taken_away(&name, &why));
                }
            }
        }
        let mut seats = Vec::new();
        for place in shelf.seats() {
            let (spec, timeframe) = ready[&place.model].clone();
            let instruments = self.instruments(&place.symbols)?;
            seats.push(ModelSeat { spec, timeframe, role: place.role, instruments });
        }
        let lead = seats.iter().find(|seat| seat.role == ModelRole::Active);
        self.inner.health.send_modify(|health| {
            health.error.clear();
            (health.name, health.id) =
                lead.map(|seat| (seat.spec.name.clone(), seat.spec.id.clone())).unwrap_or_default();
        });
        let keep = seats.iter().map(|seat| seat.spec.id.clone()).filter(|id| known.contains(id)).collect();
        self.inner.inference.install(new, keep);
        self.inner.wanted.send_replace(Wanted { seats: seats.clone() });
        let news = if failed.is_empty() {
            news
        } else {
            failed.extend(news.map(|(_, text)| text));
            Some((Severity::Warning, failed.join(" ")))
        };
        Ok(Input::Models { seats, news })
    }

    fn load(&self, shelf: &Shelf, model: &str) -> anyhow::Result<(Model, ModelSpec, Timeframe)> {
        let path = shelf.path(model);
        let bundle = match bundles::starter()? {
            starter if starter.digest().to_string() == model => starter,
            _ => bundle::load(&path, &self.inner.keys)?,
        };
        anyhow::ensure!(bundle.digest().to_string() == model, "{} holds another model", path.display());
        let (spec, timeframe) = bundles::spec(&bundle)?;
        Ok((bundles::load(&bundle, self.budget())?, spec, timeframe))
    }

    /// Instruments by name; none for all.
    fn instruments(&self, symbols: &[String]) -> anyhow::Result<Vec<InstrumentId>> {
        let catalogue = self.inner.state.catalogue()?;
        let mut found: BTreeMap<InstrumentId, ()> = BTreeMap::new();
        for symbol in symbols {
            let meant = catalogue.iter().filter(|listing| is_meant(listing, symbol)).map(|listing| (listing.id, ()));
            found.extend(meant);
        }
        anyhow::ensure!(symbols.is_empty() || !found.is_empty(), "the box has none of {}", symbols.join(", "));
        Ok(found.into_keys().collect())
    }

    fn check_symbols(&self, symbols: &[String]) -> anyhow::Result<()> {
        symbols.iter().try_for_each(|symbol| self.instruments(std::slice::from_ref(symbol)).map(drop))
    }

    fn budget(&self) -> Duration {
        Duration::from_millis(u64::from(self.inner.section.budget_ms))
    }

    fn now(&self) -> String {
        self.inner.clock.now().to_string()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.inner.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn title(version: &Version) -> String {
    format!("{} r{}", version.name, version.revision)
}

fn taken_away(name: &str, why: &str) -> String {
    format!("Model {name} was taken from its place: {why}.")
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_cannot_answer_at_a_start_loses_its_place_and_that_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let starter = bundles::version(&bundles::starter().unwrap(), String::new(), 0);
        let mut shelf = Shelf::open(dir.path().join(FOLDER), starter.clone()).unwrap();
        let bad = Version { model: "bad".to_owned(), name: "home".to_owned(), revision: 2, ..starter.clone() };
        shelf.add(bad, b"no bundle").unwrap();
        shelf.promote("2026-01-31T00:00:00Z", "bad", "").unwrap();
        let (engine, _inputs) = mpsc::channel(4);
        let (unfit, _) = mpsc::channel(4);
        let (inference, _) =
            Inference::start(engine.clone(), Arc::default(), Duration::from_secs(60), unfit).expect("a thread");
        let (wanted, _) = watch::channel(Wanted::default());
        let (health, shown) = watch::channel(ModelHealth::default());
        let state = Arc::new(State::open(dir.path()).unwrap());
        let section = ModelSection { budget_ms: 5_000, ..ModelSection::default() };
        let (_, told) =
            Models::open(dir.path(), &section, state, Clock::wall(), inference, engine, wanted, health).unwrap();
        let Input::Models { seats, news: Some((Severity::Warning, text)) } = told else { panic!("{told:?}") };
        assert!(text.starts_with("Model home r2 was taken from its place: "), "{text}");
        let seated: Vec<&str> = seats.iter().map(|seat| seat.spec.id.as_str()).collect();
        assert_eq!((seated, shown.borrow().id.as_str()), (vec![starter.model.as_str()], starter.model.as_str()));
    }
}
