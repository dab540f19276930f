//! All faults, the wires they happen to, and the log.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use types::{Timestamp, Venue};

use super::entry::{Caught, Entry};
use super::http::{self, Reply};
use super::kind::{Concern, Kind, OddCandle, RuleChange};
use super::topic::{self, Topic};
use super::wire::Wire;
use super::{Channel, Fault, Injected, Scope, When, edit, malform, rules};
use crate::frame::{Arrived, ConnectionId, HttpAnswer, Refused, ServerFrame};
use crate::request::Request;

/// Faults kept in the log, the newest ones.
const LOG_MAX: usize = 20_000;
/// Frames kept to be replayed.
const RECENT_MAX: usize = 20_000;

/// What stands between the venues and their clients.
#[derive(Debug, Default)]
pub(crate) struct Injector {
    seed: u64,
    entries: Vec<Entry>,
    wires: BTreeMap<ConnectionId, Line>,
    /// When a fault begins or ends next.
    due_at: Option<Timestamp>,
    log: VecDeque<Injected>,
    total: u64,
    recent: VecDeque<Recent>,
    /// Whose connections are slow, how slow, and until when.
    slow_lines: Vec<(Scope, u32, Timestamp)>,
    /// The rules of all instruments, as venues push them that do.
    pushed_rules: Vec<(Venue, String)>,
}

/// A connection's wire, and since when it stands.
#[derive(Debug)]
struct Line {
    wire: Wire,
    opened_at: Timestamp,
}

#[derive(Debug)]
struct Recent {
    at: Timestamp,
    venue: Venue,
    frame: ServerFrame,
}

impl Injector {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Whether there is anything that could go wrong.
    pub(crate) fn is_used(&self) -> bool {
        !self.entries.is_empty()
    }

    pub(crate) fn add(&mut self, now: Timestamp, fault: Fault) {
        let index = self.entries.len();
        self.entries.push(Entry::new(fault, self.seed, index, now));
        self.on_time(now);
    }

    /// The message in which a venue pushes the rules of its instruments.
    pub(crate) fn learn_rules(&mut self, venue: Venue, rules: String) {
        self.pushed_rules.retain(|(of, _)| *of != venue);
        self.pushed_rules.push((venue, rules));
    }

    /// No new fault begins; what has begun goes on to its end.
    pub(crate) fn stop(&mut self) {
        self.entries.iter_mut().for_each(Entry::stop);
        self.look_ahead();
    }

    /// The newest faults that have happened, oldest first.
    pub(crate) fn log(&self) -> &VecDeque<Injected> {
        &self.log
    }

    /// How many have happened.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// When something happens by time alone.
    pub(crate) fn next_at(&self) -> Timestamp {
        let wires = self.wires.values().map(|line| line.wire.next_at());
        self.due_at().min(wires.min().unwrap_or(Timestamp::MAX))
    }

    /// When a fault begins or ends.
    pub(crate) fn due_at(&self) -> Timestamp {
        self.due_at.unwrap_or(Timestamp::MAX)
    }

    fn look_ahead(&mut self) {
        self.due_at = self.entries.iter().map(Entry::next_at).min();
    }

    /// Begins and ends what is due.
    pub(crate) fn on_time(&mut self, now: Timestamp) {
        for index in 0..self.entries.len() {
            if self.entries[index].come_to_end(now) {
                self.end(now, index);
            }
            if self.entries[index].come_due(now) {
                self.begin(now, index);
            }
        }
        self.look_ahead();
    }

    fn begin(&mut self, now: Timestamp, index: usize) {
        let Fault { scope, kind, .. } = self.entries[index].fault.clone();
        if kind.lasts().is_some() {
            self.note(now, index, None, 0, None);
        }
        match &kind {
            Kind::Rules { change, .. } => self.push_rules(now, &scope, Some(*change)),
            Kind::Maintenance { .. } => self.tell_maintenance(now, index, true),
            kind if kind.concerns() == Concern::Connection && !scope.is_narrow() => {
                self.entries[index].disarm();
                if let Kind::Slow { bytes_per_s, lasts } = kind {
                    self.slow_lines.push((scope.clone(), *bytes_per_s, now.plus(*lasts)));
                }
                let ids: Vec<ConnectionId> = self.wires.keys().copied().collect();
                for id in ids {
                    if let Some(line) = self.wires.get_mut(&id)
                        && scope.has_connection(line.wire.venue, id)
                        && line.wire.is_open()
                    {
                        happen_to(&mut line.wire, now, kind);
                        let frame = line.wire.sent;
                        self.note(now, index, Some(id), frame, None);
                    }
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, now: Timestamp, index: usize) {
        let Fault { scope, kind, .. } = self.entries[index].fault.clone();
        match kind {
            Kind::Rules { .. } => self.push_rules(now, &scope, None),
            Kind::Maintenance { .. } => self.tell_maintenance(now, index, false),
            _ => {}
        }
    }

    /// Venues that push their rules tell those that change.
    fn push_rules(&mut self, now: Timestamp, scope: &Scope, change: Option<RuleChange>) {
        let symbol = scope.symbol.as_deref();
        for (venue, list) in self.pushed_rules.iter().filter(|(venue, _)| scope.has_venue(*venue)) {
            let told = match change {
                Some(change) => rules::changed(*venue, list, symbol, change),
                None => Some(list.clone()),
            };
            let Some(update) = told.and_then(|told| rules::update(&told, symbol)) else { continue };
            for line in self.wires.values_mut().filter(|line| line.wire.venue == *venue) {
                line.wire.push(now, ServerFrame::Text(update.clone()));
            }
        }
    }

    /// Kraken says so and keeps its connections, KuCoin falls silent, the others close.
    fn tell_maintenance(&mut self, now: Timestamp, index: usize, begins: bool) {
        let scope = &self.entries[index].fault.scope;
        for line in self.wires.values_mut().filter(|line| scope.has_venue(line.wire.venue)) {
            let system = if begins { "maintenance" } else { "online" };
            match line.wire.venue {
                Venue::Kraken => line.wire.push(now, ServerFrame::Text(kraken_status(system))),
                Venue::Kucoin => {}
                Venue::BinanceUs | Venue::Coinbase if begins => {
                    let reason = "service restart".to_owned();
                    line.wire.end(now, ServerFrame::Close { code: 1012, reason });
                }
                Venue::BinanceUs | Venue::Coinbase => {}
            }
        }
    }

    /// A client wants to connect: why it cannot.
    pub(crate) fn handshake(&mut self, now: Timestamp, venue: Venue) -> Option<Refused> {
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if !entry.fault.scope.has_venue(venue) {
                continue;
            }
            let status = match entry.fault.kind {
                Kind::Refuse { status, .. } => status,
                Kind::Unreachable { .. } => 0,
                Kind::Maintenance { .. } if matches!(venue, Venue::BinanceUs | Venue::Coinbase) => 503,
                _ => continue,
            };
            match entry.catch(now) {
                Caught::No => continue,
                Caught::Again => {}
                Caught::New => self.note(now, index, None, 0, None),
            }
            return Some(Refused { status, reason: "by the fault plan".to_owned() });
        }
        None
    }

    pub(crate) fn connected(&mut self, now: Timestamp, venue: Venue, id: ConnectionId) {
        let mut wire = Wire::new(venue);
        // A line does not get faster by another connection.
        self.slow_lines.retain(|(_, _, until)| *until > now);
        for (_, bytes_per_s, until) in self.slow_lines.iter().filter(|(scope, _, _)| scope.has_connection(venue, id)) {
            wire.slow_down(*bytes_per_s, *until);
        }
        self.wires.insert(id, Line { wire, opened_at: now });
    }

    pub(crate) fn disconnected(&mut self, id: ConnectionId) {
        self.wires.remove(&id);
    }

    /// The server answers a ping.
    pub(crate) fn pong(&mut self, now: Timestamp, id: ConnectionId) {
        if let Some(line) = self.wires.get_mut(&id) {
            line.wire.push(now, ServerFrame::Pong);
        }
    }

    /// Whether nothing of the client comes through.
    pub(crate) fn is_deaf(&self, id: ConnectionId) -> bool {
        self.wires.get(&id).is_some_and(|line| line.wire.is_deaf)
    }

    /// Moves what has arrived to the end of `out`.
    pub(crate) fn poll(&mut self, now: Timestamp, id: ConnectionId, out: &mut Vec<Arrived>) {
        if let Some(line) = self.wires.get_mut(&id) {
            line.wire.poll(now, out);
        }
    }

    /// The server sends a frame.
    pub(crate) fn frame(&mut self, now: Timestamp, id: ConnectionId, frame: ServerFrame) {
        let Some(line) = self.wires.get_mut(&id) else { return };
        line.wire.sent += 1;
        if !line.wire.is_open() {
            return;
        }
        let venue = line.wire.venue;
        let text = match &frame {
            ServerFrame::Text(text) => text.as_str(),
            ServerFrame::Binary(bytes) => core::str::from_utf8(bytes).unwrap_or_default(),
            ServerFrame::Ping(_) | ServerFrame::Pong | ServerFrame::Close { .. } | ServerFrame::Abort => {
                return line.wire.push(now, frame);
            }
        };
        if !self.entries.iter().any(|entry| entry.is_ready(now) || entry.fault.keeps_frames()) {
            return line.wire.push(now, frame);
        }
        let topic = topic::of_frame(venue, text);
        let owned = (topic.channel, topic.symbol.map(str::to_owned));
        let opened_at = line.opened_at;
        let mut hits = Vec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let is_its = entry.fault.scope.has_connection(venue, id)
                && entry.fault.concerns_frame(&topic)
                && !(matches!(entry.fault.kind, Kind::Replay { .. }) && opened_at < entry.armed_at);
            let caught = if is_its { entry.catch(now) } else { Caught::No };
            if caught != Caught::No {
                hits.push((index, caught));
            }
        }
        let is_kept = self.entries.iter().any(|entry| entry.fault.keeps_frames() && entry.fault.concerns_frame(&topic));
        if is_kept {
            self.recent.push_back(Recent { at: now, venue, frame: frame.clone() });
            if self.recent.len() > RECENT_MAX {
                self.recent.pop_front();
            }
        }
        let mut passing = vec![frame];
        for (index, caught) in hits {
            let happened = self.happen(now, id, index, &mut passing);
            match (happened, caught) {
                (true, Caught::New) => {
                    let frame = self.wires.get(&id).map_or(0, |line| line.wire.sent);
                    self.note(now, index, Some(id), frame, Some(&owned));
                }
                (false, Caught::New) => self.entries[index].missed(),
                _ => {}
            }
        }
        let Some(line) = self.wires.get_mut(&id) else { return };
        for frame in passing {
            let overtaking = line.wire.is_holding().then(|| frame.clone());
            line.wire.push(now, frame);
            if let Some(ServerFrame::Text(text)) = overtaking {
                line.wire.passed(now, &topic::of_frame(venue, &text));
            }
        }
    }

    /// Lets a fault happen to the frames that pass; false when there is nothing in them for it.
    fn happen(&mut self, now: Timestamp, id: ConnectionId, index: usize, passing: &mut Vec<ServerFrame>) -> bool {
        let Some(line) = self.wires.get_mut(&id) else { return false };
        let (wire, fault) = (&mut line.wire, &self.entries[index].fault);
        let venue = wire.venue;
        match &fault.kind {
            Kind::Drop { .. } | Kind::Silence { .. } => passing.clear(),
            Kind::Maintenance { .. } => be_in_maintenance(venue, passing),
            Kind::Rules { change, .. } => return change_rules(venue, fault, *change, passing),
            Kind::Duplicate { copies } | Kind::Burst { copies, .. } => {
                let once = passing.clone();
                (0..*copies).for_each(|_| passing.extend(once.iter().cloned()));
            }
            Kind::Swap { behind } => {
                passing.drain(..).for_each(|frame| wire.hold_back(now, frame, fault.scope.clone(), *behind));
            }
            Kind::Late { by } => passing.drain(..).for_each(|frame| wire.push_late(now, now.plus(*by), frame)),
            Kind::Replay { back } => replay(&self.recent, venue, line.opened_at, *back, passing),
            Kind::Say { text } => passing.insert(0, ServerFrame::Text(text.clone())),
            Kind::WrongValue => return edited(passing, |text| edit::other_value(venue, text)),
            Kind::WrongChecksum => return edited(passing, edit::other_checksum),
            Kind::Level(odd) => return edited(passing, |text| edit::with_level(venue, text, *odd)),
            Kind::Ack(odd) => return edited(passing, |text| edit::odd_ack(venue, text, *odd)),
            Kind::Candle(OddCandle::NoFinalMark) => return edited(passing, edit::without_final_mark),
            Kind::Candle(OddCandle::Corrected { after }) => {
                let right = passing.clone();
                if !edited(passing, |text| edit::other_volume(venue, text)) {
                    return false;
                }
                right.into_iter().for_each(|frame| wire.push_late(now, now.plus(*after), frame));
            }
            Kind::Malform(how) => {
                let Some(ServerFrame::Text(text)) = passing.first() else { return false };
                let Some(spoilt) = malform::malformed(text, *how) else { return false };
                *passing = spoilt;
            }
            kind => {
                happen_to(wire, now, kind);
                if !wire.is_open() {
                    passing.clear();
                }
            }
        }
        true
    }

    /// A client asks for something; `answer` is what it would get.
    pub(crate) fn reply(
        &mut self,
        now: Timestamp,
        venue: Venue,
        request: &Request,
        answer: impl FnOnce() -> HttpAnswer,
    ) -> Reply {
        let topic = topic::of_request(request);
        let mut reply = None;
        let mut answer = Some(answer);
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            let scope = &entry.fault.scope;
            let is_its = scope.has_venue(venue) && entry.fault.concerns_request(&topic);
            let caught = if is_its { entry.catch(now) } else { Caught::No };
            if caught == Caught::No {
                continue;
            }
            let fault = entry.fault.clone();
            // Who does not get through does not use up what the venue allows either.
            let is_turned_away =
                matches!(fault.kind, Kind::Limit { .. } | Kind::Unreachable { .. } | Kind::Maintenance { .. });
            let before = match (reply.take(), is_turned_away) {
                (Some(reply), _) => reply,
                (None, true) => Reply::NONE,
                (None, false) => answer.take().map_or(Reply::NONE, |answer| Reply::at_once(answer())),
            };
            match spoil(venue, &fault, before.clone()) {
                Some(spoilt) => {
                    if caught == Caught::New {
                        let about = (topic.channel, topic.symbol.map(str::to_owned));
                        self.note(now, index, None, 0, Some(&about));
                    }
                    reply = Some(spoilt);
                }
                None => {
                    if caught == Caught::New {
                        self.entries[index].missed();
                    }
                    reply = Some(before);
                }
            }
        }
        match (reply, answer) {
            (Some(reply), _) => reply,
            (None, answer) => answer.map_or(Reply::NONE, |answer| Reply::at_once(answer())),
        }
    }

    fn note(
        &mut self,
        at: Timestamp,
        index: usize,
        connection: Option<ConnectionId>,
        frame: u64,
        about: Option<&(Channel, Option<String>)>,
    ) {
        if matches!(self.entries[index].fault.when, When::Chance { .. }) {
            self.look_ahead();
        }
        let fault = &self.entries[index].fault;
        let wire = connection.and_then(|id| self.wires.get(&id));
        if self.log.len() == LOG_MAX {
            self.log.pop_front();
        }
        self.total += 1;
        self.log.push_back(Injected {
            at,
            fault: index,
            kind: fault.kind.name(),
            venue: wire.map(|line| line.wire.venue).or(fault.scope.venue),
            connection,
            frame,
            channel: about.map(|about| about.0).or(fault.scope.channel),
            symbol: about.map_or_else(|| fault.scope.symbol.clone(), |about| about.1.clone()),
        });
    }
}

impl Fault {
    /// Whether a frame about `topic` can be caught.
    fn concerns_frame(&self, topic: &Topic<'_>) -> bool {
        let is_data = matches!(topic.channel, Channel::Book | Channel::Trades | Channel::Candles | Channel::Ticker);
        match (&self.kind, self.kind.concerns()) {
            (Kind::Maintenance { .. }, _) => {
                (is_data || topic.channel == Channel::Control) && self.scope.has_topic(topic)
            }
            // Lists of instruments tell more than one.
            (Kind::Rules { .. }, _) if topic.channel == Channel::Instruments => true,
            (Kind::Rules { change, .. }, _) => is_data && *change != RuleChange::Tick && self.scope.has_topic(topic),
            (_, Concern::Frame) => self.scope.has_topic(topic),
            (_, Concern::Connection) => self.scope.is_narrow() && self.scope.has_topic(topic),
            _ => false,
        }
    }

    /// Whether a request about `topic` can be caught.
    fn concerns_request(&self, topic: &Topic<'_>) -> bool {
        match (&self.kind, self.kind.concerns()) {
            // Lists of instruments tell more than one.
            (Kind::Rules { .. }, _) => topic.channel == Channel::Instruments,
            (_, Concern::Request | Concern::Venue) => self.scope.has_topic(topic),
            _ => false,
        }
    }

    fn keeps_frames(&self) -> bool {
        matches!(self.kind, Kind::Replay { .. })
    }
}

/// What concerns a connection as a whole.
fn happen_to(wire: &mut Wire, now: Timestamp, kind: &Kind) {
    match kind {
        Kind::Close { code } => {
            wire.end(now, ServerFrame::Close { code: *code, reason: "by the fault plan".to_owned() });
        }
        Kind::Abort => wire.end(now, ServerFrame::Abort),
        Kind::HalfOpen(direction) => wire.half_open(*direction),
        Kind::Say { text } => wire.push(now, ServerFrame::Text(text.clone())),
        Kind::Hold { by } => wire.delay(now.plus(*by)),
        Kind::Slow { bytes_per_s, lasts } => wire.slow_down(*bytes_per_s, now.plus(*lasts)),
        Kind::Stall { lasts, queue } => wire.stall(now.plus(*lasts), *queue),
        _ => {}
    }
}

fn edited(passing: &mut [ServerFrame], edit: impl Fn(&str) -> Option<String>) -> bool {
    let Some(ServerFrame::Text(text)) = passing.first_mut() else { return false };
    match edit(text) {
        Some(other) => {
            *text = other;
            true
        }
        None => false,
    }
}

/// Lists of instruments tell other rules; of an instrument that is not traded nothing else is heard.
fn change_rules(venue: Venue, fault: &Fault, change: RuleChange, passing: &mut Vec<ServerFrame>) -> bool {
    let symbol = fault.scope.symbol.as_deref();
    let is_list = matches!(&passing[..], [ServerFrame::Text(text)]
        if topic::of_frame(venue, text).channel == Channel::Instruments);
    if is_list {
        return edited(passing, |text| rules::changed(venue, text, symbol, change));
    }
    passing.clear();
    true
}

/// The newest frames of the connections before this one, and then the new frame.
fn replay(
    recent: &VecDeque<Recent>,
    venue: Venue,
    opened_at: Timestamp,
    back: Duration,
    passing: &mut Vec<ServerFrame>,
) {
    let before = || recent.iter().filter(|frame| frame.venue == venue && frame.at < opened_at);
    let Some(newest) = before().map(|frame| frame.at).max() else { return };
    let again = before().filter(|frame| newest.since(frame.at) <= back).map(|frame| frame.frame.clone());
    passing.splice(0..0, again);
}

/// The reply with the fault in it; `None` when there is nothing in it for the fault.
fn spoil(venue: Venue, fault: &Fault, reply: Reply) -> Option<Reply> {
    let Kind::Answer(how) = &fault.kind else {
        return match &fault.kind {
            Kind::Limit { status, retry_after_s, .. } => {
                Some(Reply::at_once(http::limited(venue, *status, *retry_after_s)))
            }
            Kind::Unreachable { .. } => Some(Reply::NONE),
            Kind::Maintenance { .. } => Some(Reply::at_once(http::closed(venue))),
            Kind::Rules { change, .. } => {
                let answer = reply.answer?;
                let text = String::from_utf8_lossy(&answer.body);
                let body = rules::changed(venue, &text, fault.scope.symbol.as_deref(), *change)?.into_bytes();
                Some(Reply::at_once(HttpAnswer { body, ..answer }))
            }
            _ => None,
        };
    };
    let answer = reply.answer?;
    let spoilt = http::odd(venue, answer, *how)?;
    Some(Reply { after: reply.after + spoilt.after, ..spoilt })
}

/// There is no data. Kraken's heartbeat goes on, and its status says so to whoever connects.
fn be_in_maintenance(venue: Venue, passing: &mut Vec<ServerFrame>) {
    for frame in passing.iter_mut() {
        let ServerFrame::Text(text) = frame else { continue };
        if topic::of_frame(venue, text).channel == Channel::Control {
            *text = text.replace(r#""system":"online""#, r#""system":"maintenance""#);
        } else {
            *text = if venue == Venue::Kraken { KRAKEN_HEARTBEAT.to_owned() } else { String::new() };
        }
    }
    passing.retain(|frame| !matches!(frame, ServerFrame::Text(text) if text.is_empty()));
}

const KRAKEN_HEARTBEAT: &str = r#"{"channel":"heartbeat"}"#;

fn kraken_status(system: &str) -> String {
    format!(
        r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"{system}","api_version":"v2","connection_id":1,"upcoming_maintenance":[],"emergency":[]}}]}}"#
    )
}
