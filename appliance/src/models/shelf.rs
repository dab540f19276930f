//! What models a box has, who sits where, and what became of them: the folder `models` of the data directory.
//!
//! | file | what |
//! |---|---|
//! | `DIGEST.tbx` | a bundle as it came |
//! | `registry.json` | places, versions, events, requests for training |

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bundle::Digest;
use engine::forecast::MODELS_MAX;
use serde::{Deserialize, Serialize};
use types::input::ModelRole;

const NAME: &str = "registry.json";
pub(crate) const FORMAT: u32 = 1;
/// Events and requests that are kept.
const EVENTS_MAX: usize = 500;
const REQUESTS_MAX: usize = 50;

/// Whether a file of this name lies on a shelf.
pub(crate) fn is_file_name(name: &str) -> bool {
    name == NAME || name.strip_suffix(".tbx").is_some_and(|digest| Digest::parse(digest).is_some())
}

/// A model's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The bundle's digest.
    pub(crate) model: String,
    pub(crate) role: ModelRole,
    /// Pairs (`BTC/USDT`) or venues' names (`kraken:BTC/USD`) that it answers for; empty for all.
    #[serde(default)]
    pub(crate) symbols: Vec<String>,
}

/// A bundle that the box has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    /// Its digest.
    pub(crate) model: String,
    pub(crate) name: String,
    pub(crate) revision: u32,
    pub(crate) architecture: String,
    /// Day it was made, as its maker says.
    pub(crate) created: String,
    pub(crate) timeframe_min: u16,
    pub(crate) horizons_min: Vec<u16>,
    /// When it came here.
    pub(crate) added_at: String,
    pub(crate) bytes: u64,
}

/// Something that happened to a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) at: String,
    /// The bundle's digest; empty where it is not known.
    pub(crate) model: String,
    pub(crate) what: What,
    /// Why, for people; empty where nothing is to be said.
    pub(crate) why: String,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    Added,
    Refused,
    Shadowed,
    Promoted,
    RolledBack,
    /// Taken from its place by the user.
    Unseated,
    /// Taken from its place because it does not do its work.
    Failed,
    /// Deleted to make room.
    Pruned,
    /// The scores say that it is worse than "no change".
    Alarm,
    /// The scores say that it is better than the one that leads.
    Overtook,
}

impl What {
    /// The name used in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Refused => "refused",
            Self::Shadowed => "shadowed",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled-back",
            Self::Unseated => "unseated",
            Self::Failed => "failed",
            Self::Pruned => "pruned",
            Self::Alarm => "alarm",
            Self::Overtook => "overtook",
        }
    }
}

/// A wish that a model be trained anew; trainers ask for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TrainingRequest)]
pub(crate) struct Request {
    /// Number.
    pub(crate) id: u64,
    /// When it was made, UTC.
    pub(crate) at: String,
    /// Why.
    pub(crate) why: String,
    /// Pairs that it is about; all where none is named.
    #[serde(default)]
    pub(crate) symbols: Vec<String>,
    /// The digest of the model that came for it.
    pub(crate) answered_by: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: u32,
    seats: Vec<Place>,
    /// The places before the last promotion.
    before: Vec<Place>,
    versions: Vec<Version>,
    events: VecDeque<Event>,
    requests: VecDeque<Request>,
}

impl Kept {
    /// A place of a model that is not here was that of the built-in model before an update: it belongs to the one of today.
    fn renew(&mut self, starter: &str) {
        for seats in [&mut self.seats, &mut self.before] {
            let mut renewed: Vec<Place> = Vec::new();
            for mut place in seats.drain(..) {
                if self.versions.iter().all(|version| version.model != place.model) {
                    starter.clone_into(&mut place.model);
                }
                if renewed.iter().all(|other| other.model != place.model) {
                    renewed.push(place);
                }
            }
            *seats = renewed;
        }
    }
}

/// The shelf. Every change is on the card when its method returns.
#[derive(Debug)]
pub(crate) struct Shelf {
    dir: PathBuf,
    kept: Kept,
    /// The built-in model: it needs no file and cannot be removed.
    starter: Version,
}

impl Shelf {
    /// Opens the folder, which is made where it lacks. The starter leads a box that has no registry.
    ///
    /// # Errors
    /// When it cannot be read, or the registry is not one of this version: it is named, and nothing is changed.
    pub(crate) fn open(dir: PathBuf, starter: Version) -> anyhow::Result<Self> {
        let path = dir.join(NAME);
        let named = || path.display().to_string();
        let mut kept: Kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(named)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept {
                format: FORMAT,
                seats: vec![Place { model: starter.model.clone(), role: ModelRole::Active, symbols: Vec::new() }],
                ..Kept::default()
            },
            Err(error) => return Err(error).with_context(named),
        };
        ensure!(kept.format == FORMAT, "{} has format {}, this program knows {FORMAT}", path.display(), kept.format);
        kept.renew(&starter.model);
        Ok(Self { dir, kept, starter })
    }

    /// Places, the first one first.
    pub(crate) fn seats(&self) -> &[Place] {
        &self.kept.seats
    }

    /// All versions, the built-in one first.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.starter).chain(&self.kept.versions)
    }

    /// A version by its digest or a unique beginning of it.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub(crate) fn version(&self, model: &str) -> anyhow::Result<&Version> {
        let mut found = self.versions().filter(|version| !model.is_empty() && version.model.starts_with(model));
        let first = found.next().with_context(|| format!("no model {model:?}"))?;
        ensure!(found.next().is_none(), "more than one model begins with {model:?}");
        Ok(first)
    }

    /// The newest events first.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.kept.events.iter().rev()
    }

    /// The newest requests first.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.kept.requests.iter().rev()
    }

    /// Where the file of a version lies.
    pub(crate) fn path(&self, model: &str) -> PathBuf {
        self.dir.join(format!("{model}.tbx"))
    }

    /// Puts a verified bundle on the shelf. One that is there already is left as it is.
    ///
    /// # Errors
    /// A revision that is not newer than what the box has of that name; a card that takes no writes.
    pub(crate) fn add(&mut self, version: Version, container: &[u8]) -> anyhow::Result<()> {
        if self.versions().any(|known| known.model == version.model) {
            return Ok(());
        }
        let newest = self.versions().filter(|known| known.name == version.name).map(|known| known.revision).max();
        if let Some(newest) = newest.filter(|newest| *newest >= version.revision) {
            bail!("{} r{} is older than r{newest}, which is here", version.name, version.revision);
        }
        fs::create_dir_all(&self.dir).with_context(|| self.dir.display().to_string())?;
        write(&self.path(&version.model), container)?;
        let (at, model) = (version.added_at.clone(), version.model.clone());
        self.kept.versions.push(version);
        self.note(&at, &model, What::Added, "");
        self.save()
    }

    /// Seats a version as a shadow, last.
    ///
    /// # Errors
    /// When it is not there, sits already, or there is no seat.
    pub(crate) fn shadow(&mut self, at: &str, model: &str, symbols: Vec<String>) -> anyhow::Result<()> {
        let model = self.version(model)?.model.clone();
        ensure!(self.kept.seats.iter().all(|place| place.model != model), "it has a place already");
        ensure!(self.kept.seats.len() < MODELS_MAX, "all {MODELS_MAX} places are taken");
        self.kept.seats.push(Place { model: model.clone(), role: ModelRole::Shadow, symbols });
        self.note(at, &model, What::Shadowed, "");
        self.save()
    }

    /// A version leads from now on. Active ones of the same time frame become shadows; where no place is left, the last shadow goes.
    ///
    /// # Errors
    /// When it is not there or leads already.
    pub(crate) fn promote(&mut self, at: &str, model: &str, why: &str) -> anyhow::Result<()> {
        let Version { model, timeframe_min, .. } = self.version(model)?.clone();
        let leads = |place: &Place| place.model == model && place.role == ModelRole::Active;
        ensure!(!self.kept.seats.first().is_some_and(leads), "it leads already");
        let before = self.kept.seats.clone();
        let symbols = before.iter().find(|place| place.model == model).map(|place| place.symbols.clone());
        let mut seats: Vec<Place> = before.iter().filter(|place| place.model != model).cloned().collect();
        for place in &mut seats {
            if self.version(&place.model).is_ok_and(|other| other.timeframe_min == timeframe_min) {
                place.role = ModelRole::Shadow;
            }
        }
        if seats.len() == MODELS_MAX {
            let last = seats.iter().rposition(|place| place.role == ModelRole::Shadow);
            seats.remove(last.context("all places are taken by active models")?);
        }
        let symbols = symbols.unwrap_or_default();
        seats.insert(0, Place { model: model.clone(), role: ModelRole::Active, symbols });
        (self.kept.seats, self.kept.before) = (seats, before);
        self.note(at, &model, What::Promoted, why);
        self.save()
    }

    /// Everybody sits where they sat before the last promotion; asking again undoes that.
    ///
    /// # Errors
    /// When nothing was promoted.
    pub(crate) fn roll_back(&mut self, at: &str, why: &str) -> anyhow::Result<()> {
        ensure!(!self.kept.before.is_empty(), "nothing was promoted: there is nothing to go back to");
        std::mem::swap(&mut self.kept.seats, &mut self.kept.before);
        let model = self.kept.seats.first().map(|place| place.model.clone()).unwrap_or_default();
        self.note(at, &model, What::RolledBack, why);
        self.save()
    }

    /// Takes a model from its place. When nobody leads any more, those of before the last promotion do, or the starter.
    ///
    /// # Errors
    /// When it has no place, or is the last one.
    pub(crate) fn unseat(&mut self, at: &str, model: &str, what: What, why: &str) -> anyhow::Result<()> {
        let model = self.version(model)?.model.clone();
        let count = self.kept.seats.len();
        let without = |seats: &[Place]| seats.iter().filter(|place| place.model != model).cloned().collect::<Vec<_>>();
        let leads = |seats: &[Place]| seats.iter().any(|place| place.role == ModelRole::Active);
        let (mut seats, before) = (without(&self.kept.seats), without(&self.kept.before));
        ensure!(seats.len() < count, "it has no place");
        if !leads(&seats) {
            seats = if leads(&before) { before.clone() } else { Vec::new() };
        }
        if seats.is_empty() {
            ensure!(self.starter.model != model, "the built-in model has nobody to take its place");
            let starter = self.starter.model.clone();
            seats.push(Place { model: starter, role: ModelRole::Active, symbols: Vec::new() });
        }
        (self.kept.seats, self.kept.before) = (seats, before);
        self.note(at, &model, what, why);
        self.save()
    }

    /// Notes an event that changes nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn tell(&mut self, at: &str, model: &str, what: What, why: &str) -> anyhow::Result<()> {
        self.note(at, model, what, why);
        self.save()
    }

    /// Asks for a model; gives the number of the request. One like it that waits is not doubled.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn request(&mut self, at: &str, why: &str, symbols: Vec<String>) -> anyhow::Result<u64> {
        let same = |request: &&Request| request.answered_by.is_none() && request.symbols == symbols;
        if let Some(waiting) = self.kept.requests.iter().find(same) {
            return Ok(waiting.id);
        }
        let id = self.kept.requests.back().map_or(1, |last| last.id + 1);
        let (at, why) = (at.to_owned(), why.to_owned());
        self.kept.requests.push_back(Request { id, at, why, symbols, answered_by: None });
        while self.kept.requests.len() > REQUESTS_MAX {
            self.kept.requests.pop_front();
        }
        self.save()?;
        Ok(id)
    }

    /// A model came for a request.
    ///
    /// # Errors
    /// When there is no such request.
    pub(crate) fn answer(&mut self, id: u64, model: &str) -> anyhow::Result<()> {
        let request = self.kept.requests.iter_mut().find(|request| request.id == id);
        request.with_context(|| format!("no request {id}"))?.answered_by = Some(model.to_owned());
        self.save()
    }

    /// Deletes the oldest versions that have no place, now or before the last promotion, until the files have at most `bytes_max`.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub(crate) fn prune(&mut self, at: &str, bytes_max: u64) -> anyhow::Result<()> {
        let total = |kept: &Kept| kept.versions.iter().map(|version| version.bytes).sum::<u64>();
        while total(&self.kept) > bytes_max {
            let sits = |version: &Version| {
                self.kept.seats.iter().chain(&self.kept.before).any(|place| place.model == version.model)
            };
            let Some(oldest) = self.kept.versions.iter().position(|version| !sits(version)) else { break };
            let version = self.kept.versions.remove(oldest);
            match fs::remove_file(self.path(&version.model)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => self.note(at, &version.model, What::Pruned, ""),
            }
            self.save()?;
        }
        Ok(())
    }

    fn note(&mut self, at: &str, model: &str, what: What, why: &str) {
        let (at, model, why) = (at.to_owned(), model.to_owned(), why.to_owned());
        self.kept.events.push_back(Event { at, model, what, why });
        while self.kept.events.len() > EVENTS_MAX {
            self.kept.events.pop_front();
        }
    }

    fn save(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.dir).with_context(|| self.dir.display().to_string())?;
        let mut text = serde_json::to_vec_pretty(&self.kept)?;
        text.push(b'\n');
        write(&self.dir.join(NAME), &text)
    }
}

/// Whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let scratch = path.with_extension("new");
    let written = fs::write(&scratch, bytes)
        .and_then(|()| fs::File::open(&scratch)?.sync_all())
        .and_then(|()| fs::rename(&scratch, path));
    written.with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-01-31T00:00:00Z";

    fn version(model: &str, revision: u32, timeframe_min: u16) -> Version {
        Version {
            model: model.to_owned(),
            name: format!("of-{timeframe_min}"),
            revision,
            architecture: "test".to_owned(),
            created: "2026-01-30".to_owned(),
            timeframe_min,
            horizons_min: vec![5],
            added_at: AT.to_owned(),
            bytes: 10,
        }
    }

    fn shelf(dir: &Path) -> Shelf {
        Shelf::open(dir.join("models"), version("starter", 1, 1)).unwrap()
    }

    fn seats(shelf: &Shelf) -> Vec<(&str, ModelRole)> {
        shelf.seats().iter().map(|place| (place.model.as_str(), place.role)).collect()
    }

    #[test]
    fn who_leads_is_kept_and_can_be_undone() {
        use ModelRole::{Active, Shadow};
        let dir = tempfile::tempdir().unwrap();
        let mut it = shelf(dir.path());
        assert_eq!(seats(&it), [("starter", Active)]);
        it.add(version("aaaa", 2, 1), b"bundle").unwrap();
        it.add(version("long", 1, 15), b"bundle").unwrap();
        it.shadow(AT, "aa", vec!["BTC/USDT".to_owned()]).unwrap();
        it.promote(AT, "long", "").unwrap();
        assert_eq!(seats(&it), [("long", Active), ("starter", Active), ("aaaa", Shadow)], "other time frames stay");
        it.promote(AT, "aaaa", "better").unwrap();
        assert_eq!(seats(&it), [("aaaa", Active), ("long", Active), ("starter", Shadow)]);
        assert_eq!(it.seats()[0].symbols, ["BTC/USDT"]);
        let again = shelf(dir.path());
        assert_eq!(again.kept, it.kept, "it is on the card");
        it.roll_back(AT, "it was not").unwrap();
        assert_eq!(seats(&it), [("long", Active), ("starter", Active), ("aaaa", Shadow)]);
        it.unseat(AT, "long", What::Failed, "slow").unwrap();
        it.unseat(AT, "starter", What::Failed, "slow").unwrap();
        assert_eq!(seats(&it), [("aaaa", Active)], "whoever led before does again");
        it.unseat(AT, "aaaa", What::Failed, "slow").unwrap();
        assert_eq!(seats(&it), [("starter", Active)]);
        let told: Vec<What> = it.events().map(|event| event.what).take(4).collect();
        assert_eq!(told, [What::Failed, What::Failed, What::Failed, What::RolledBack]);
    }

    #[test]
    fn an_update_with_another_built_in_model_gives_it_the_place_of_the_old_one() {
        use ModelRole::{Active, Shadow};
        let dir = tempfile::tempdir().unwrap();
        let mut it = shelf(dir.path());
        it.add(version("aaaa", 2, 1), b"bundle").unwrap();
        it.promote(AT, "aaaa", "").unwrap();
        let mut it = Shelf::open(dir.path().join("models"), version("newer", 2, 1)).unwrap();
        assert_eq!(seats(&it), [("aaaa", Active), ("newer", Shadow)]);
        it.roll_back(AT, "").unwrap();
        assert_eq!(seats(&it), [("newer", Active)]);
        let again = Shelf::open(dir.path().join("models"), version("newest", 3, 1)).unwrap();
        assert_eq!(seats(&again), [("newest", Active)]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut it = shelf(dir.path());
        it.add(version("aaaa", 2, 1), b"bundle").unwrap();
        it.add(version("aabb", 3, 1), b"bundle").unwrap();
        let before = it.kept.clone();
        let error = |result: anyhow::Result<()>| result.unwrap_err().to_string();
        assert_eq!(error(it.add(version("cccc", 3, 1), b"x")), "of-1 r3 is older than r3, which is here");
        assert_eq!(error(it.promote(AT, "aa", "")), "more than one model begins with \"aa\"");
        assert_eq!(error(it.promote(AT, "", "")), "no model \"\"");
        assert_eq!(error(it.promote(AT, "starter", "")), "it leads already");
        assert_eq!(error(it.roll_back(AT, "")), "nothing was promoted: there is nothing to go back to");
        assert_eq!(error(it.unseat(AT, "aabb", What::Unseated, "")), "it has no place");
        assert!(error(it.unseat(AT, "starter", What::Unseated, "")).starts_with("the built-in model"));
        assert_eq!(error(it.answer(1, "aaaa")), "no request 1");
        assert_eq!(it.kept, before);
        fs::write(dir.path().join("models").join(NAME), "{").unwrap();
        let error = Shelf::open(dir.path().join("models"), version("starter", 1, 1)).unwrap_err();
        assert!(error.to_string().ends_with(NAME), "{error:#}");
    }

    #[test]
    fn old_versions_make_room_unless_they_sit() {
        let dir = tempfile::tempdir().unwrap();
        let mut it = shelf(dir.path());
        for (revision, model) in ["a", "b", "c", "d"].iter().enumerate() {
            it.add(version(model, 2 + revision as u32, 1), b"0123456789").unwrap();
        }
        it.promote(AT, "a", "").unwrap();
        it.prune(AT, 25).unwrap();
        let left: Vec<&str> = it.versions().map(|version| version.model.as_str()).collect();
        assert_eq!(left, ["starter", "a", "d"]);
        assert!(it.path("a").exists() && !it.path("b").exists());
        it.prune(AT, 0).unwrap();
        assert_eq!(it.versions().count(), 2);
    }

    #[test]
    fn a_request_waits_until_a_model_comes_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut it = shelf(dir.path());
        let all = || vec!["BTC/USDT".to_owned()];
        assert_eq!(it.request(AT, "worse than no change", all()).unwrap(), 1);
        assert_eq!(it.request(AT, "still", all()).unwrap(), 1, "not doubled");
        it.answer(1, "starter").unwrap();
        assert_eq!(it.request(AT, "again", all()).unwrap(), 2);
        let open: Vec<u64> = it.requests().filter(|r| r.answered_by.is_none()).map(|request| request.id).collect();
        assert_eq!(open, [2]);
    }
}
