//! What is not as it should be with the box, by name, with what to do about it. The dashboard, the lamp, `/healthz`, `/metrics`,
//! `tickerbox doctor` and messages tell the same ones.

use std::collections::BTreeMap;
use std::time::Duration;

use types::{Timestamp, Venue};
use wire::{Condition, Lamp};

use crate::appliance::Circumstances;
use crate::card::CardState;
use crate::machine;
use crate::notify::{Alert, Level, NotifyHealth, State};
use crate::update;
use crate::web::Health;

/// A processor that is this warm slows itself down soon (Raspberry Pi documentation, "Frequency management and thermal control").
const HOT_CELSIUS: f64 = 80.0;
/// It is told until it is this cool again.
const COOL_CELSIUS: f64 = 75.0;
/// Share of the memory that has to be free, and has to be free again.
const MEMORY_FREE: (f64, f64) = (0.05, 0.08);
/// What passes in an instant and matters nevertheless is told for so long.
const STICKY: Duration = Duration::from_hours(1);
/// A clock may need so long after a start.
const CLOCK_PATIENCE_S: u64 = 120;
/// Exchanges may be away for so long before `/healthz` says that the box is degraded.
const AWAY_MAX: Duration = Duration::from_secs(30);

/// What the conditions are found from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) health: Health,
    pub(crate) engine_is_silent: bool,
    pub(crate) cpu_celsius: Option<f64>,
    pub(crate) throttled: Option<wire::api::Throttled>,
    /// Memory that programs can still get, and all of it, bytes.
    pub(crate) memory_bytes: Option<(u64, u64)>,
    /// Errors that the file systems of the machine have counted.
    pub(crate) disk_errors: u64,
    pub(crate) circumstances: Circumstances,
    /// Why the lamp's pins cannot be used, if they cannot.
    pub(crate) panel_error: String,
    pub(crate) update: update::Shown,
}

/// All conditions that there can be, in the order in which they are told when they are equally grave.
pub(crate) const NAMES: [&str; 20] = [
    "engine", "store", "card", "disk", "data", "power", "heat", "memory", "clock", "breaker", "trading", "feeds",
    "model", "backup", "settings", "export", "kafka", "notify", "lamp", "update",
];

/// A condition as it was found.
struct Found {
    name: &'static str,
    lamp: Lamp,
    text: String,
    advice: &'static str,
}

/// Those of the machine alone, for a box that does not run.
pub(crate) fn of_this_machine(now: Timestamp) -> Vec<Condition> {
    let mut facts = Facts::default();
    facts.look();
    let mut conditions = Conditions::default();
    let found = conditions.of_machine(&facts, now);
    conditions.hold(found, now);
    conditions.held
}

impl Facts {
    /// Looks at the machine. Reads some small files of the system.
    pub(crate) fn look(&mut self) {
        let machine = machine::machine();
        self.memory_bytes = machine.memory_free_bytes.zip(machine.memory_bytes);
        (self.cpu_celsius, self.throttled) = (machine.cpu_celsius, machine.throttled);
        self.disk_errors = machine::disk_errors();
    }
}

/// The conditions that hold, with their beginning.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    held: Vec<Condition>,
    /// Until when what passes quickly is told.
    sticky: BTreeMap<&'static str, Timestamp>,
}

impl Conditions {
    /// Those that hold, the gravest first.
    pub(crate) fn held(&self) -> &[Condition] {
        &self.held
    }

    /// What the lamp shows of them.
    pub(crate) fn lamp(&self) -> Lamp {
        self.held.first().map_or(Lamp::Healthy, |condition| condition.lamp)
    }

    /// `/healthz` in a word: `failing` when nothing is recorded, `degraded` when somebody has to look, `ok` else.
    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        let is = |name: &str| self.held.iter().any(|condition| condition.name == name);
        let needs_somebody = |condition: &Condition| match condition.lamp {
            Lamp::NeedsYou => true,
            Lamp::Unproven | Lamp::NoMarket => now.since(Timestamp::from_millis(condition.since_ms)) >= AWAY_MAX,
            Lamp::Healthy | Lamp::Updating | Lamp::Paused | Lamp::Breaker => false,
        };
        if is("engine") || is("store") {
            "failing"
        } else if self.held.iter().any(needs_somebody) {
            "degraded"
        } else {
            "ok"
        }
    }

    /// Finds what holds now. Gives what began and what ended, for who is told of it.
    pub(crate) fn find(&mut self, facts: &Facts, now: Timestamp) -> Vec<Alert> {
        let before = self.held.clone();
        let mut found = self.of_machine(facts, now);
        found.extend(of_program(facts));
        found.extend(of_parts(facts));
        found.extend(feeds(&facts.health));
        found.extend(updating(&facts.update));
        self.hold(found, now);
        let is_new = |condition: &&Condition| !before.iter().any(|it| it.name == condition.name);
        let began = self.held.iter().filter(is_new).filter_map(|condition| alert(condition, State::Begins, now));
        let is_over = |condition: &&Condition| !self.holds(&condition.name);
        let ended = before.iter().filter(is_over).filter_map(|condition| alert(condition, State::Ends, now));
        began.chain(ended).collect()
    }

    /// These hold now, and no others.
    fn hold(&mut self, mut found: Vec<Found>, now: Timestamp) {
        found.sort_by_key(|condition| {
            (std::cmp::Reverse(condition.lamp), NAMES.iter().position(|name| *name == condition.name))
        });
        let since = |name: &str| self.held.iter().find(|held| held.name == name).map(|held| held.since_ms);
        self.held = found
            .into_iter()
            .map(|Found { name, lamp, text, advice }| Condition {
                name: name.to_owned(),
                lamp,
                since_ms: since(name).unwrap_or_else(|| now.as_millis()),
                text,
                advice: advice.to_owned(),
            })
            .collect();
    }

    fn holds(&self, name: &str) -> bool {
        self.held.iter().any(|condition| condition.name == name)
    }

    fn of_machine(&mut self, facts: &Facts, now: Timestamp) -> Vec<Found> {
        let mut found = Vec::new();
        let throttled = facts.throttled.unwrap_or_default();
        if throttled.under_voltage {
            self.sticky.insert("power", now.plus(STICKY));
        }
        if self.sticky.get("power").is_some_and(|until| now < *until) {
            let text = if throttled.under_voltage {
                "The power supply is too weak."
            } else {
                "The power supply was too weak within the last hour."
            };
            found.push(needs_you("power", text, "Use the supply that is made for this board, and a short cable."));
        }
        let hot = if self.holds("heat") { COOL_CELSIUS } else { HOT_CELSIUS };
        if let Some(warm) = facts.cpu_celsius.filter(|warm| *warm >= hot) {
            let slow = if throttled.throttled { " and is slowed down" } else { "" };
            let text = format!("The processor has {warm:.0} °C{slow}.");
            found.push(needs_you("heat", text, "Give the box air, or a cooler."));
        }
        let least = if self.holds("memory") { MEMORY_FREE.1 } else { MEMORY_FREE.0 };
        if let Some((free, all)) = facts.memory_bytes.filter(|(free, all)| (*free as f64) < *all as f64 * least) {
            let text = format!("Only {} MB of {} MB of memory are free.", free >> 20, all >> 20);
            found.push(needs_you("memory", text, "Close other programs on this machine, or follow fewer markets."));
        }
        if facts.disk_errors > 0 {
            let text = format!("The file system has counted {} errors.", facts.disk_errors);
            found.push(needs_you("disk", text, "Make a backup and replace the card; cards fail so."));
        }
        found
    }
}

/// What the owner is told of a condition; nothing of what he does himself.
fn alert(condition: &Condition, state: State, at: Timestamp) -> Option<Alert> {
    let level = match condition.lamp {
        Lamp::Healthy | Lamp::Updating | Lamp::Paused => return None,
        Lamp::Unproven => Level::Info,
        Lamp::NeedsYou => Level::Warning,
        Lamp::NoMarket | Lamp::Breaker => Level::Urgent,
    };
    let (key, title) = (format!("condition:{}", condition.name), condition.text.clone());
    Some(Alert { key, level, state, title, text: condition.advice.clone(), at })
}

fn needs_you(name: &'static str, text: impl Into<String>, advice: &'static str) -> Found {
    Found { name, lamp: Lamp::NeedsYou, text: text.into(), advice }
}

/// A part that works or says why not.
fn error(name: &'static str, what: &str, error: &str, advice: &'static str) -> Option<Found> {
    (!error.is_empty()).then(|| needs_you(name, format!("{what}: {error}"), advice))
}

/// The engine, what it writes to, and whether it trades.
fn of_program(facts: &Facts) -> Vec<Found> {
    let Facts { health, circumstances, .. } = facts;
    let mut found = Vec::new();
    let trouble = match health.card.state {
        CardState::Ok => None,
        state => Some(state.told(health.card.keeps)),
    };
    if let Some((text, advice)) = trouble {
        found.push(needs_you("card", text, advice));
    }
    let writing = if health.store.error.is_empty() { &health.card.error } else { &health.store.error };
    found.extend(error("store", "Nothing can be written", writing, "The box tries again and goes on when it works."));
    // An engine that waits for its store is told by what the store says.
    if facts.engine_is_silent && writing.is_empty() {
        let text = "The engine does not answer.";
        found.push(needs_you("engine", text, "Restart the box; if it comes back, send a support bundle."));
    }
    if circumstances.is_volatile {
        let text = "The data partition cannot be used: what is recorded lies in memory and is lost with the power.";
        found.push(needs_you("data", text, "Flash the card anew, or another one; then restore a backup."));
    }
    if !health.engine.is_clock_set && health.uptime_s >= CLOCK_PATIENCE_S {
        let text = "The time is not known: what is recorded is marked, and nothing is traded.";
        found.push(needs_you("clock", text, "Let the box reach the internet; it asks for the time by itself."));
    }
    if health.engine.is_breaker_open {
        let text = "A breaker stopped trading because a limit was reached.".to_owned();
        let advice = "Look at what happened before you allow trading again.";
        found.push(Found { name: "breaker", lamp: Lamp::Breaker, text, advice });
    } else if !health.engine.is_trading && health.engine.seq > 0 {
        let (text, advice) = if circumstances.is_safe {
            (
                "The box crashed again and again, so it started with paper trading paused.",
                "Resume trading when you know why it crashed; a support bundle tells.",
            )
        } else {
            ("Paper trading is paused.", "Allow it again when you want to.")
        };
        let lamp = if circumstances.is_safe { Lamp::NeedsYou } else { Lamp::Paused };
        found.push(Found { name: "trading", lamp, text: text.to_owned(), advice });
    }
    found
}

/// The parts that the engine can do without.
fn of_parts(facts: &Facts) -> impl Iterator<Item = Found> {
    let Health { model, backup, settings, export, kafka, notify, .. } = &facts.health;
    let export = export.as_ref().map_or("", |export| &export.error);
    let kafka = kafka.as_ref().map_or("", |kafka| &kafka.error);
    let notify = notify.as_ref().map_or("", NotifyHealth::worst);
    [
        error(
            "notify",
            "Messages do not reach you",
            notify,
            "Look at the channel's settings; `tickerbox notify test` tries it.",
        ),
        error("model", "No forecasts are made", &model.error, "Look at the models; the starter can lead again."),
        error("backup", "The last backup failed", &backup.error, "Look at the folder of backups and its room."),
        error(
            "settings",
            "The changed settings are not used",
            &settings.error,
            "Change one setting to write them anew.",
        ),
        error("export", "Files cannot be written", export, "Look at the folder or bucket of exports."),
        error("lamp", "The lamp cannot be switched", &facts.panel_error, "Look at the panel's settings and its pins."),
        error("kafka", "The broker does not take what is sent", kafka, "Look at the broker and its address."),
    ]
    .into_iter()
    .flatten()
}

fn updating(update: &update::Shown) -> Option<Found> {
    let (text, advice) = match update {
        update::Shown::Quiet => return None,
        update::Shown::Trouble(why) => {
            return Some(needs_you(
                "update",
                format!("Updates do not work: {why}"),
                "Look at the settings of updates.",
            ));
        }
        update::Shown::Installing(version) => (format!("Version {version} is being installed."), "Leave the power on."),
        update::Shown::Trial(version) => {
            (format!("Version {version} runs on trial."), "It is taken back by itself if it does not work.")
        }
    };
    Some(Found { name: "update", lamp: Lamp::Updating, text, advice })
}

fn feeds(health: &Health) -> Option<Found> {
    if health.feeds.is_empty() {
        let text = "No exchange is switched on.".to_owned();
        return Some(Found { name: "feeds", lamp: Lamp::NoMarket, text, advice: "Choose exchanges in the settings." });
    }
    let troubles: Vec<String> = health
        .feeds
        .iter()
        .filter(|(_, feed)| !feed.connected || feed.books_live < feed.books)
        .map(|(slug, feed)| {
            let name = slug.parse::<Venue>().map_or_else(|_| slug.clone(), |venue| venue.name().to_owned());
            format!("{name} {}/{}", if feed.connected { feed.books_live } else { 0 }, feed.books)
        })
        .collect();
    if troubles.is_empty() {
        return None;
    }
    let some_hold = health.feeds.values().any(|feed| feed.connected && feed.books_live > 0);
    Some(Found {
        name: "feeds",
        lamp: if some_hold { Lamp::Unproven } else { Lamp::NoMarket },
        text: format!("Not all books hold: {}.", troubles.join(", ")),
        advice: "The box tries again by itself; fills and forecasts of these markets wait until their books hold.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::ChannelHealth;
    use crate::web::FeedHealth;

    fn well() -> Facts {
        let feed = |books_live| FeedHealth { connected: true, books_live, books: 4, ..FeedHealth::default() };
        let mut facts = Facts::default();
        facts.health.feeds = [("coinbase".to_owned(), feed(4)), ("kraken".to_owned(), feed(4))].into();
        let engine = &mut facts.health.engine;
        (engine.seq, engine.is_clock_set, engine.is_trading) = (1, true, true);
        facts.health.uptime_s = 1_000;
        facts.cpu_celsius = Some(50.0);
        facts.memory_bytes = Some((1 << 30, 4 << 30));
        facts
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + s)
    }

    /// The conditions of a box that was well a second before.
    fn after(change: impl Fn(&mut Facts)) -> Conditions {
        let mut conditions = Conditions::default();
        let mut facts = well();
        conditions.find(&facts, at(0));
        assert_eq!((conditions.held(), conditions.lamp(), conditions.status(at(0))), (&[][..], Lamp::Healthy, "ok"));
        change(&mut facts);
        conditions.find(&facts, at(1));
        conditions
    }

    #[track_caller]
    fn check(change: impl Fn(&mut Facts), name: &str, lamp: Lamp, status: &str, words: &str) {
        let conditions = after(change);
        let [condition] = conditions.held() else { panic!("not one: {:?}", conditions.held()) };
        assert_eq!((condition.name.as_str(), conditions.lamp()), (name, lamp));
        assert_eq!(conditions.status(at(40)), status);
        assert_eq!(condition.since_ms, at(1).as_millis());
        assert!(condition.text.contains(words), "{condition:?}");
        assert!(NAMES.contains(&name), "{name} is not among those that are told");
        assert!(condition.text.ends_with('.') || words.contains(": "), "{condition:?}");
        assert!(condition.advice.ends_with('.'), "{condition:?}");
    }

    #[test]
    fn each_matter_is_told_with_what_to_do() {
        use Lamp::{Breaker, NeedsYou, NoMarket, Paused, Unproven};
        check(|it| it.health.engine.is_breaker_open = true, "breaker", Breaker, "ok", "limit");
        check(|it| it.health.engine.is_trading = false, "trading", Paused, "ok", "paused");
        let crashed = |it: &mut Facts| {
            it.health.engine.is_trading = false;
            it.circumstances.is_safe = true;
        };
        check(crashed, "trading", NeedsYou, "degraded", "again and again");
        check(|it| it.circumstances.is_volatile = true, "data", NeedsYou, "degraded", "in memory");
        check(|it| it.health.engine.is_clock_set = false, "clock", NeedsYou, "degraded", "time");
        check(|it| it.engine_is_silent = true, "engine", NeedsYou, "failing", "engine");
        check(|it| it.disk_errors = 3, "disk", NeedsYou, "degraded", "3 errors");
        check(|it| it.health.card.state = CardState::NearlyFull, "card", NeedsYou, "degraded", "nearly full");
        check(|it| it.health.model.error = "no such file".into(), "model", NeedsYou, "degraded", ": no such");
        check(|it| it.health.backup.error = "no room".into(), "backup", NeedsYou, "degraded", ": no room");
        check(|it| it.health.settings.error = "line 3".into(), "settings", NeedsYou, "degraded", ": line 3");
        let deaf = |it: &mut Facts| {
            let channel = ChannelHealth { error: "the webhook is gone".into(), ..ChannelHealth::default() };
            it.health.notify =
                Some(NotifyHealth { channels: [("discord".to_owned(), channel)].into(), ..NotifyHealth::default() });
        };
        check(deaf, "notify", NeedsYou, "degraded", ": the webhook is gone");
        check(|it| it.update = update::Shown::Trial("0.2.0".into()), "update", Lamp::Updating, "ok", "0.2.0 runs");
        check(|it| it.update = update::Shown::Trouble("x".into()), "update", NeedsYou, "degraded", ": x");
        check(|it| it.panel_error = "busy".into(), "lamp", NeedsYou, "degraded", ": busy");
        check(|it| it.health.feeds.clear(), "feeds", NoMarket, "degraded", "No exchange");
        let lost = |it: &mut Facts| it.health.feeds.get_mut("kraken").unwrap().connected = false;
        check(lost, "feeds", Unproven, "degraded", "hold: Kraken 0/4.");
        let all = |it: &mut Facts| it.health.feeds.values_mut().for_each(|feed| feed.books_live = 0);
        check(all, "feeds", NoMarket, "degraded", "Coinbase 0/4, Kraken 0/4.");
        check(|it| it.memory_bytes = Some((100 << 20, 4 << 30)), "memory", NeedsYou, "degraded", "100 MB of 4096");
        check(|it| it.cpu_celsius = Some(81.2), "heat", NeedsYou, "degraded", "81 °C.");
    }

    #[test]
    fn an_engine_that_waits_for_its_card_is_not_blamed() {
        let conditions = after(|it| {
            it.engine_is_silent = true;
            it.health.card.error = "no room".into();
            it.health.card.state = CardState::Full;
        });
        let names: Vec<_> = conditions.held().iter().map(|condition| condition.name.as_str()).collect();
        assert_eq!((names.as_slice(), conditions.status(at(1))), (&["store", "card"][..], "failing"));
    }

    #[test]
    fn the_gravest_is_told_first_and_keeps_its_beginning() {
        let mut conditions = Conditions::default();
        let mut facts = well();
        facts.health.backup.error = "no room".into();
        conditions.find(&facts, at(0));
        facts.health.engine.is_breaker_open = true;
        facts.health.engine.is_trading = false;
        conditions.find(&facts, at(60));
        let told: Vec<_> = conditions.held().iter().map(|it| (it.name.as_str(), it.since_ms)).collect();
        assert_eq!(told, [("breaker", at(60).as_millis()), ("backup", at(0).as_millis())]);
        assert_eq!(conditions.lamp(), Lamp::Breaker);
    }

    #[test]
    fn who_is_told_hears_of_the_beginning_and_of_the_end() {
        let mut conditions = Conditions::default();
        let mut facts = well();
        let mut told = |paused: bool, error: &str, s: i64| {
            facts.health.engine.is_trading = !paused;
            error.clone_into(&mut facts.health.backup.error);
            let alerts = conditions.find(&facts, at(s));
            alerts.into_iter().map(|it| (it.key, it.level, it.state)).collect::<Vec<_>>()
        };
        let backup = |state| vec![("condition:backup".to_owned(), Level::Warning, state)];
        assert_eq!(told(false, "no room", 0), backup(State::Begins));
        assert_eq!(told(true, "no room", 1), [], "that he pauses trading he knows");
        assert_eq!(told(true, "still no room", 2), []);
        assert_eq!(told(false, "", 3), backup(State::Ends));
    }

    #[test]
    fn what_wavers_around_a_limit_is_told_once() {
        let mut conditions = Conditions::default();
        let mut facts = well();
        let mut told = |celsius: f64| {
            facts.cpu_celsius = Some(celsius);
            conditions.find(&facts, at(0));
            !conditions.held().is_empty()
        };
        assert_eq!([79.9, 80.0, 77.0, 75.0, 74.9, 79.0].map(&mut told), [false, true, true, true, false, false]);
    }

    #[test]
    fn a_moment_without_enough_power_is_told_for_an_hour() {
        let mut conditions = Conditions::default();
        let mut facts = well();
        let mut told = |under_voltage: bool, s: i64| {
            facts.throttled = Some(wire::api::Throttled { under_voltage, ..Default::default() });
            conditions.find(&facts, at(s));
            conditions.held().first().map(|condition| condition.text.contains(" was "))
        };
        assert_eq!(told(true, 0), Some(false));
        assert_eq!(told(false, 10), Some(true));
        assert_eq!(told(false, 3_599), Some(true));
        assert_eq!(told(false, 3_600), None);
    }

    #[test]
    fn exchanges_may_be_away_for_a_moment() {
        let conditions = after(|it| it.health.feeds.get_mut("kraken").unwrap().connected = false);
        assert_eq!(conditions.status(at(30)), "ok");
        assert_eq!(conditions.status(at(31)), "degraded");
    }
}
