//! The queues: what is told, when, how often, and what came of it.
//!
//! ```text
//! Begins ─► settling ──────────► waiting ─► in flight ─► sent
//!              │ Ends before       │  ▲        │  │
//!              ▼ it was told       │  │        │  └ 24 hours, refused ─► dead, counted
//!           settled, counted       │  └ again ─┘
//!                                  └ full ─► the least is dropped, counted
//! ```
//!
//! Each channel has a queue of its own and at most one message in flight. What is gathered into a message is decided when it is put
//! together: alerts of one class, at most one message of a class in [`Settings::gather`]; after quiet hours everything that waited, as one
//! digest. A message has a number that does not change however often it is sent. A [`Kept`] is what has to be kept to go on after a
//! restart: nothing is lost then, and what was in flight is sent again under its number, because nobody knows whether it arrived.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::alert::{Alert, Level, State};
use crate::channel::{Answer, Channel, Endpoint, Outgoing, REST_MAX, Verdict};
use crate::message::{ALERTS_MAX, Kind, Message, Told};
use crate::quiet::Quiet;
use crate::text::{self, Unit};

/// Version of what is kept.
pub const FORMAT: u32 = 1;
/// Most alerts that wait in one queue.
pub const WAITING_MAX: usize = 128;
/// Most conditions of a channel that were told and are not over.
const STANDING_MAX: usize = 256;
/// Most classes whose last message is remembered.
const CLASSES_MAX: usize = 128;
/// A message that did not arrive in this time is dead.
pub const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Whoever sends has so long to say what came of it.
const ANSWER_MAX: Duration = Duration::from_secs(180);
/// A condition that was told so long ago and begins again is told again, also when nobody said that it was over.
const REMIND_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// From one mail to the next.
const MAIL_EVERY: Duration = Duration::from_secs(15 * 60);
/// Waits of mails, minutes; the last one stays.
const MAIL_WAITS_MIN: [u64; 3] = [5, 15, 60];
/// Longest wait of other messages.
const WAIT_MAX: Duration = Duration::from_secs(3_600);
/// Answers "busy" in a row whose waiting times are believed as they are.
const BUSY_BELIEVED: u32 = 5;
/// What the class of an alert about a channel itself is.
const OWN_CLASS: &str = "notify";

/// How the owner wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A condition that is over within this time is not told.
    pub settle: Duration,
    /// One message of a class in this time.
    pub gather: Duration,
    /// When only what is urgent is told.
    pub quiet: Option<Quiet>,
    /// Where the dashboard is, for messages that can have a link.
    pub link: Option<String>,
}

/// What can happen to an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Something that the owner may want to know.
    Alert(Alert),
    /// Somebody has seen that a channel works: it goes on if it was stopped.
    Works(Channel),
}

/// What is worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A message of so many alerts has arrived.
    Sent(Channel, u32),
    /// It did not arrive, and will be sent again then; why.
    Again(Channel, Timestamp, String),
    /// So many alerts will never arrive; why.
    Dead(Channel, u32, String),
    /// Nothing will arrive before somebody acts; why.
    Stopped(Channel, String),
}

/// What became of the alerts of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Alerts for the channel.
    pub taken: u64,
    /// They were told already, or wait to be told.
    pub repeated: u64,
    /// They were over before they were told, and so were their ends.
    pub settled: u64,
    /// They have arrived.
    pub sent: u64,
    /// Messages that have arrived.
    pub messages: u64,
    /// They did not arrive in time, or were refused.
    pub dead: u64,
    /// There was no room for them.
    pub dropped: u64,
}

/// What has to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    format: u32,
    /// What the numbers of messages begin with; no other box has it.
    name: String,
    queues: BTreeMap<Channel, Queue>,
}

/// Why something kept cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has format {0}; this program knows format {FORMAT}")]
pub struct OtherFormat(u32);

impl Kept {
    /// Of a box that never told anything; `name` is random.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self { format: FORMAT, name, queues: BTreeMap::new() }
    }

    /// The same, when this program knows its format.
    ///
    /// # Errors
    /// When it does not.
    pub fn checked(self) -> Result<Self, OtherFormat> {
        if self.format == FORMAT { Ok(self) } else { Err(OtherFormat(self.format)) }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Queue {
    /// Which place it is about.
    trace: u32,
    serial: u64,
    waiting: Vec<Waiting>,
    /// Dropped since the last message.
    missed: u32,
    flight: Option<Flight>,
    /// Conditions that were told and are not over, oldest first.
    standing: Vec<(String, Timestamp)>,
    /// When a message of a class was put together last.
    classes: BTreeMap<String, Timestamp>,
    /// The service wants to be left alone until then.
    rest_until: Timestamp,
    stopped: Option<String>,
    chat: Option<i64>,
    counts: Counts,
    /// Why the last message did not arrive, and since when none does.
    trouble: Option<(Timestamp, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    told: Told,
    due_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flight {
    message: Message,
    /// Alerts of the queue in it, those that are only counted too.
    alerts: u32,
    /// Conditions that begin with it.
    begins: Vec<String>,
    first_at: Timestamp,
    due_at: Timestamp,
    tries: u32,
    busy: u32,
    /// It is being sent.
    #[serde(skip)]
    until: Option<Timestamp>,
}

/// How a channel does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What became of its alerts.
    pub counts: Counts,
    /// Alerts that wait or are being sent.
    pub waiting: u64,
    /// Why nothing will arrive before somebody acts.
    pub stopped: Option<String>,
    /// Why the last message did not arrive, and since when none does.
    pub trouble: Option<(Timestamp, String)>,
}

/// The queues and where they lead.
#[derive(Clone, Debug)]
pub struct Outbox {
    settings: Settings,
    places: BTreeMap<Channel, Place>,
    kept: Kept,
}

#[derive(Clone, Debug)]
struct Place {
    endpoint: Endpoint,
    /// What matters less is not told there.
    level: Level,
}

impl Outbox {
    /// Goes on at `at` with what was kept. Queues of channels that are gone are forgotten; one that was stopped goes on when its place is
    /// another. Times that a clock told which was wrong then keep nothing waiting.
    #[must_use]
    pub fn new(at: Timestamp, settings: Settings, endpoints: Vec<(Endpoint, Level)>, mut kept: Kept) -> Self {
        let mut places = BTreeMap::new();
        for (endpoint, level) in endpoints {
            places.insert(endpoint.channel(), Place { endpoint, level });
        }
        kept.queues.retain(|channel, _| places.contains_key(channel));
        for (channel, place) in &mut places {
            let queue = kept.queues.entry(*channel).or_default();
            let trace = place.endpoint.trace();
            if queue.trace != trace {
                (queue.trace, queue.stopped, queue.trouble, queue.chat) = (trace, None, None, None);
                queue.rest_until = Timestamp::EPOCH;
            }
            if let Some(chat) = queue.chat {
                place.endpoint.move_to(chat);
            }
            queue.begin_at(at, settings.settle);
        }
        Self { settings, places, kept }
    }

    /// What has to be kept.
    #[must_use]
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// How each channel does.
    #[must_use]
    pub fn status(&self) -> BTreeMap<Channel, Status> {
        let one = |queue: &Queue| Status {
            counts: queue.counts,
            waiting: queue.waiting.len() as u64 + queue.flight.as_ref().map_or(0, |flight| u64::from(flight.alerts)),
            stopped: queue.stopped.clone(),
            trouble: queue.trouble.clone(),
        };
        self.kept.queues.iter().map(|(channel, queue)| (*channel, one(queue))).collect()
    }

    /// Takes something in.
    pub fn handle(&mut self, at: Timestamp, input: Input) {
        match input {
            Input::Alert(alert) => {
                let alert = alert.bounded();
                for (channel, place) in &self.places {
                    if let Some(queue) = self.kept.queues.get_mut(channel) {
                        queue.take(at, alert.clone(), place.level, self.settings.settle);
                    }
                }
            }
            Input::Works(channel) => {
                if let Some(queue) = self.kept.queues.get_mut(&channel) {
                    (queue.stopped, queue.trouble) = (None, None);
                }
            }
        }
    }

    /// When [`request`](Self::request) will have something, seen from `at`; `None` where nothing waits.
    #[must_use]
    pub fn due_at(&self, at: Timestamp) -> Option<Timestamp> {
        let due =
            |(channel, queue): (&Channel, &Queue)| queue.due_at(at, self.pace(*channel), self.settings.quiet.as_ref());
        self.kept.queues.iter().filter_map(due).min()
    }

    /// The next message that is to be sent now, with its number; it counts as being sent until [`answered`](Self::answered), or for
    /// three minutes.
    pub fn request(&mut self, at: Timestamp) -> Option<(Channel, Outgoing)> {
        for (channel, place) in &self.places {
            let pace = self.pace(*channel);
            let Some(queue) = self.kept.queues.get_mut(channel) else { continue };
            if queue.due_at(at, pace, self.settings.quiet.as_ref()).is_none_or(|due_at| due_at > at) {
                continue;
            }
            if queue.flight.is_none() {
                queue.put_together(at, pace, self.settings.quiet.as_ref(), &self.kept.name, *channel);
            }
            let Some(flight) = &mut queue.flight else { continue };
            flight.tries = flight.tries.saturating_add(1);
            flight.until = Some(at.plus(ANSWER_MAX));
            match place.endpoint.write(at, &flight.message, self.settings.link.as_deref()) {
                Ok(outgoing) => return Some((*channel, outgoing)),
                Err(error) => {
                    queue.trouble = Some((at, error.0.clone()));
                    queue.bury(error.0);
                }
            }
        }
        None
    }

    /// Takes in what came of sending.
    pub fn answered(&mut self, at: Timestamp, channel: Channel, answer: &Answer) -> Vec<Effect> {
        let (Some(place), Some(queue)) = (self.places.get_mut(&channel), self.kept.queues.get_mut(&channel)) else {
            return Vec::new();
        };
        if queue.flight.is_none() {
            return Vec::new();
        }
        match place.endpoint.judge(at, answer) {
            Verdict::Sent { rest } => vec![queue.arrived(at, channel, rest)],
            Verdict::RetryAfter(wait) => vec![queue.again(at, channel, Some(wait), "the service is busy".to_owned())],
            Verdict::Retry(why) => vec![queue.again(at, channel, None, why)],
            Verdict::Refused(why) => {
                queue.trouble = Some((at, why.clone()));
                let count = queue.bury(why.clone());
                vec![Effect::Dead(channel, count, why)]
            }
            Verdict::Moved(chat) => {
                queue.chat = Some(chat);
                place.endpoint.move_to(chat);
                let effect = queue.again(at, channel, Some(Duration::ZERO), "the chat has another number".to_owned());
                vec![effect]
            }
            Verdict::Stop(why) => {
                let count = queue.stop(why.clone());
                // The other channels tell it, and one that is stopped itself takes nothing.
                let alert = Alert {
                    key: format!("{OWN_CLASS}:{channel}"),
                    level: Level::Warning,
                    state: State::Happened,
                    title: format!("No more messages by {channel}"),
                    text: format!("It is stopped until its settings are changed or a test message arrives: {why}."),
                    at,
                };
                self.handle(at, Input::Alert(alert));
                vec![Effect::Dead(channel, count, why.clone()), Effect::Stopped(channel, why)]
            }
        }
    }

    /// From one message of a class to the next.
    fn pace(&self, channel: Channel) -> Pace {
        match channel {
            Channel::Mail => Pace { gather: self.settings.gather.max(MAIL_EVERY), is_one_class: true },
            _ => Pace { gather: self.settings.gather, is_one_class: false },
        }
    }
}

/// How messages of a channel are gathered.
#[derive(Clone, Copy)]
struct Pace {
    gather: Duration,
    /// Whether all classes go into one message.
    is_one_class: bool,
}

impl Pace {
    /// What an alert is gathered by. What is urgent does not wait for what is not.
    fn class(self, alert: &Alert) -> String {
        let urgent = if alert.level == Level::Urgent { "!" } else { "" };
        format!("{urgent}{}", if self.is_one_class { "" } else { alert.class() })
    }
}

impl Queue {
    /// No time lies further ahead than it can.
    fn begin_at(&mut self, at: Timestamp, settle: Duration) {
        let within = |time: &mut Timestamp, most: Duration| *time = (*time).min(at.plus(most));
        within(&mut self.rest_until, REST_MAX);
        self.waiting.iter_mut().for_each(|waiting| within(&mut waiting.due_at, settle));
        self.classes.values_mut().for_each(|last| within(last, Duration::ZERO));
        self.standing.iter_mut().for_each(|(_, told_at)| within(told_at, Duration::ZERO));
        if let Some(flight) = &mut self.flight {
            within(&mut flight.due_at, REST_MAX);
            within(&mut flight.first_at, Duration::ZERO);
        }
    }

    fn take(&mut self, at: Timestamp, alert: Alert, level: Level, settle: Duration) {
        let is_standing = self.standing.iter().position(|(key, _)| *key == alert.key);
        let flies = self.flight.as_ref().is_some_and(|flight| flight.begins.contains(&alert.key));
        let same = |state: State| {
            self.waiting
                .iter()
                .position(|waiting| waiting.told.alert.state == state && waiting.told.alert.key == alert.key)
        };
        let (begins, ends, happened) = (same(State::Begins), same(State::Ends), same(State::Happened));
        if alert.state == State::Ends {
            // The end of what was never told is no news here, whatever its level.
            if let Some(place) = begins {
                self.counts.taken += 1;
                self.counts.settled += 2;
                self.waiting.remove(place);
                return;
            }
            if is_standing.is_none() && !flies {
                return;
            }
            self.counts.taken += 1;
            if ends.is_some() {
                self.counts.repeated += 1;
                return;
            }
            self.push(Waiting { told: Told { alert, times: 1 }, due_at: at });
            return;
        }
        if alert.level < level || self.stopped.is_some() {
            return;
        }
        self.counts.taken += 1;
        match (alert.state, begins.or(happened)) {
            (State::Begins, _) => {
                if let Some(place) = ends {
                    // It is not over after all: nobody has to be told either.
                    self.waiting.remove(place);
                    self.counts.settled += 2;
                    return;
                }
                let is_old = is_standing.is_some_and(|place| at.since(self.standing[place].1) >= REMIND_AFTER);
                if begins.is_some() || flies || (is_standing.is_some() && !is_old) {
                    self.counts.repeated += 1;
                    return;
                }
                self.push(Waiting { told: Told { alert, times: 1 }, due_at: at.plus(settle) });
            }
            (_, Some(place)) if happened == Some(place) => {
                self.counts.repeated += 1;
                let told = &mut self.waiting[place].told;
                *told = Told { alert, times: told.times.saturating_add(1) };
            }
            _ => self.push(Waiting { told: Told { alert, times: 1 }, due_at: at }),
        }
    }

    fn push(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
        if self.waiting.len() > WAITING_MAX {
            let least = (0..self.waiting.len()).min_by_key(|place| self.waiting[*place].told.alert.level);
            self.waiting.remove(least.unwrap_or_default());
            self.counts.dropped += 1;
            self.missed = self.missed.saturating_add(1);
        }
    }

    fn due_at(&self, at: Timestamp, pace: Pace, quiet: Option<&Quiet>) -> Option<Timestamp> {
        let loud = |due_at: Timestamp, level: Level| match quiet {
            Some(quiet) if level < Level::Urgent => quiet.ends_at(due_at.max(at)),
            _ => due_at,
        };
        if self.stopped.is_some() {
            return None;
        }
        match &self.flight {
            Some(flight) => Some(loud(flight.until.unwrap_or(flight.due_at), flight.message.level())),
            None => {
                let one = |waiting: &Waiting| loud(self.free_at(waiting, pace), waiting.told.alert.level);
                self.waiting.iter().map(one).min()
            }
        }
    }

    /// When it may be told, quiet hours apart.
    fn free_at(&self, waiting: &Waiting, pace: Pace) -> Timestamp {
        let class = self.classes.get(&pace.class(&waiting.told.alert));
        let gathered = class.map_or(Timestamp::EPOCH, |last| last.plus(pace.gather));
        waiting.due_at.max(gathered).max(self.rest_until)
    }

    fn put_together(&mut self, at: Timestamp, pace: Pace, quiet: Option<&Quiet>, name: &str, channel: Channel) {
        let is_loud = |level: Level| level == Level::Urgent || quiet.is_none_or(|quiet| !quiet.is_quiet(at));
        let ready: Vec<bool> = self
            .waiting
            .iter()
            .map(|waiting| self.free_at(waiting, pace) <= at && is_loud(waiting.told.alert.level))
            .collect();
        let was_held = |waiting: &Waiting| {
            waiting.told.alert.level < Level::Urgent && quiet.is_some_and(|quiet| quiet.is_quiet(waiting.due_at))
        };
        let of_ready = || self.waiting.iter().zip(&ready).filter(|(_, ready)| **ready).map(|(waiting, _)| waiting);
        // What is urgent goes alone and first.
        let urgency = |waiting: &&Waiting| (waiting.told.alert.level < Level::Urgent, waiting.due_at);
        let Some(first) = of_ready().min_by_key(urgency) else {
            return;
        };
        let class = pace.class(&first.told.alert);
        let is_digest = first.told.alert.level < Level::Urgent && of_ready().any(was_held);
        let goes: Vec<bool> = self
            .waiting
            .iter()
            .zip(&ready)
            .map(|(waiting, ready)| {
                let is_of_it = if is_digest { was_held(waiting) } else { pace.class(&waiting.told.alert) == class };
                *ready && is_of_it
            })
            .collect();
        let mut going = Vec::new();
        let mut staying = Vec::new();
        for (waiting, goes) in self.waiting.drain(..).zip(goes) {
            if goes { going.push(waiting) } else { staying.push(waiting) }
        }
        self.waiting = staying;
        for waiting in &going {
            self.classes.insert(pace.class(&waiting.told.alert), at);
        }
        self.classes.retain(|_, last| at.since(*last) < pace.gather);
        while self.classes.len() > CLASSES_MAX {
            let oldest = self.classes.iter().min_by_key(|(_, last)| **last).map(|(class, _)| class.clone());
            oldest.map(|class| self.classes.remove(&class));
        }
        let alerts = u32::try_from(going.len()).unwrap_or(u32::MAX);
        let of_state = |state: State| move |waiting: &&Waiting| waiting.told.alert.state == state;
        let begins =
            going.iter().filter(of_state(State::Begins)).map(|waiting| waiting.told.alert.key.clone()).collect();
        let ends: Vec<&str> =
            going.iter().filter(of_state(State::Ends)).map(|waiting| waiting.told.alert.key.as_str()).collect();
        self.standing.retain(|(key, _)| !ends.contains(&key.as_str()));
        // The gravest are shown, in the order in which they came.
        let mut order: Vec<usize> = (0..going.len()).collect();
        order.sort_by_key(|place| core::cmp::Reverse(going[*place].told.weight()));
        order.truncate(ALERTS_MAX);
        order.sort_unstable();
        let shown: Vec<Told> = order.into_iter().map(|place| going[place].told.clone()).collect();
        self.serial += 1;
        let message = Message {
            id: format!("{name}-{channel}-{}", self.serial),
            made_at: at,
            kind: if is_digest { Kind::Digest } else { Kind::Alert },
            more: alerts - u32::try_from(shown.len()).unwrap_or(alerts) + core::mem::take(&mut self.missed),
            alerts: shown,
        };
        self.flight =
            Some(Flight { message, alerts, begins, first_at: at, due_at: at, tries: 0, busy: 0, until: None });
    }

    fn arrived(&mut self, at: Timestamp, channel: Channel, rest: Duration) -> Effect {
        let flight = self.flight.take();
        let count = flight.as_ref().map_or(0, |flight| flight.alerts);
        for key in flight.into_iter().flat_map(|flight| flight.begins) {
            self.standing.retain(|(standing, _)| *standing != key);
            self.standing.push((key, at));
        }
        let surplus = self.standing.len().saturating_sub(STANDING_MAX);
        self.standing.drain(..surplus);
        self.counts.sent += u64::from(count);
        self.counts.messages += 1;
        self.rest_until = at.plus(rest);
        self.trouble = None;
        Effect::Sent(channel, count)
    }

    fn again(&mut self, at: Timestamp, channel: Channel, told: Option<Duration>, why: String) -> Effect {
        let since = self.trouble.as_ref().map_or(at, |(since, _)| *since);
        self.trouble = Some((since, why.clone()));
        let Some(flight) = &mut self.flight else { return Effect::Dead(channel, 0, why) };
        if at.since(flight.first_at) >= AGE_MAX {
            let why = format!("it did not arrive in {} hours: {why}", AGE_MAX.as_secs() / 3_600);
            let count = self.bury(why.clone());
            return Effect::Dead(channel, count, why);
        }
        flight.busy = if told.is_some() { flight.busy.saturating_add(1) } else { 0 };
        let wait = match told {
            Some(told) if flight.busy <= BUSY_BELIEVED => told,
            // Who says "in a moment" again and again is left alone for longer.
            Some(told) => told.max(wait(channel, flight.busy - BUSY_BELIEVED)),
            None => wait(channel, flight.tries),
        };
        flight.due_at = at.plus(wait);
        flight.until = None;
        Effect::Again(channel, flight.due_at, why)
    }

    /// The message in flight will never arrive. Conditions in it were not told, so their ends are no news.
    fn bury(&mut self, why: String) -> u32 {
        let count = self.flight.take().map_or(0, |flight| flight.alerts);
        self.counts.dead += u64::from(count);
        let since = self.trouble.as_ref().map(|(since, _)| *since);
        if let Some(since) = since {
            self.trouble = Some((since, text::cut(&why, 300, Unit::Chars).into_owned()));
        }
        count
    }

    /// Nothing more goes out. What waits is dead: it would be old news when somebody has acted.
    fn stop(&mut self, why: String) -> u32 {
        let count = self.bury(why.clone()) + u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.counts.dead += self.waiting.len() as u64;
        self.waiting.clear();
        self.standing.clear();
        self.missed = 0;
        self.stopped = Some(why);
        count
    }
}

/// How long to wait after so many tries, the first being 1.
fn wait(channel: Channel, tries: u32) -> Duration {
    let before = tries.saturating_sub(1);
    match channel {
        Channel::Mail => {
            let place = usize::try_from(before).unwrap_or(usize::MAX).min(MAIL_WAITS_MIN.len() - 1);
            Duration::from_secs(60 * MAIL_WAITS_MIN[place])
        }
        _ => Duration::from_secs(1 << before.min(12)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests;
