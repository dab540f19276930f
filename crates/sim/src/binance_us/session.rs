//! One connection: its streams, and the rules it has to keep.
//!
//! The server pings every 20 seconds and closes when a ping stays unanswered for a minute, when more than five messages
//! come within a second, and after 24 hours.

use std::collections::BTreeMap;

use types::Timestamp;
use types::time::{NS_PER_DAY, NS_PER_S};

use super::request::{Method, Refusal, Request as Control, Stream};
use crate::frame::{ConnectionId, Refused};
use crate::limits::{Breaches, Window};
use crate::outbox::Outbox;
use crate::request::Request;
use crate::server::Now;
use crate::text::{list, put, quoted};

const PING_EVERY_NS: i64 = 20 * NS_PER_S;
const PONG_WITHIN_NS: i64 = 60 * NS_PER_S;
const LIFE_MAX_NS: i64 = NS_PER_DAY;
/// Messages a client may send in a second, control frames included.
const MESSAGES_PER_S_MAX: usize = 5;
/// Streams on one connection.
const STREAMS_MAX: usize = 1_024;

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) outbox: Outbox,
    /// Subscribed names; `None` for those that do not exist and stay silent.
    streams: BTreeMap<String, Option<Stream>>,
    is_combined: bool,
    received: Window,
    ping_at: Timestamp,
    /// When the oldest unanswered ping was sent.
    unanswered_since: Option<Timestamp>,
    ends_at: Timestamp,
}

impl Session {
    /// Opens `/ws`, `/ws/<stream>`, `/stream` or `/stream?streams=<a>/<b>`.
    pub(super) fn open(now: Now<'_>, request: &Request) -> Result<Self, Refused> {
        let (names, is_combined) = match request.path.as_str() {
            "/stream" => (request.get("streams").unwrap_or_default(), true),
            "/ws" => ("", false),
            path => match path.strip_prefix("/ws/") {
                Some(names) => (names, false),
                None => return Err(Refused { status: 404, reason: format!("Binance.US has no WebSocket at {path}") }),
            },
        };
        let names: Vec<String> = names.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let mut session = Self {
            outbox: Outbox::new(now.at),
            streams: BTreeMap::new(),
            is_combined,
            received: Window::new(MESSAGES_PER_S_MAX, 1),
            ping_at: later(now.at, PING_EVERY_NS),
            unanswered_since: None,
            ends_at: later(now.at, LIFE_MAX_NS),
        };
        session.subscribe(now, names).map_err(|refusal| Refused { status: 400, reason: refusal.message })?;
        Ok(session)
    }

    /// Whether the client has subscribed this stream.
    pub(super) fn has(&self, stream: Stream) -> bool {
        self.streams.values().any(|subscribed| *subscribed == Some(stream))
    }

    /// Sends an event of a stream, wrapped on combined connections.
    pub(super) fn publish(&mut self, at: Timestamp, stream: Stream, payload: &str) {
        for (name, subscribed) in &self.streams {
            if *subscribed == Some(stream) {
                let text = if self.is_combined {
                    format!(r#"{{"stream":"{name}","data":{payload}}}"#)
                } else {
                    payload.to_owned()
                };
                self.outbox.text(at, text);
            }
        }
    }

    pub(super) fn receive(&mut self, now: Now<'_>, id: ConnectionId, text: &str, breaches: &mut Breaches) {
        if !self.count_message(now.at, id, breaches) {
            return;
        }
        let answer = match Control::parse(text).and_then(|control| self.obey(now, control)) {
            Ok(answer) => answer,
            Err(refusal) => {
                if refusal.is_limit {
                    breaches.add(id, refusal.message.as_str());
                }
                format!(r#"{{"code":{},"msg":{}}}"#, refusal.code, quoted(&refusal.message))
            }
        };
        self.outbox.text(now.at, answer);
    }

    pub(super) fn pong(&mut self, at: Timestamp, id: ConnectionId, breaches: &mut Breaches) {
        if self.count_message(at, id, breaches) {
            self.unanswered_since = None;
        }
    }

    fn obey(&mut self, now: Now<'_>, control: Control) -> Result<String, Refusal> {
        let result = match control.method {
            Method::Subscribe(names) => {
                self.subscribe(now, names)?;
                "null".to_owned()
            }
            Method::Unsubscribe(names) => {
                names.iter().for_each(|name| {
                    self.streams.remove(name);
                });
                "null".to_owned()
            }
            Method::ListSubscriptions => {
                let mut names = "[".to_owned();
                list(&mut names, self.streams.keys(), |out, name| put!(out, "{}", quoted(name)));
                names + "]"
            }
            Method::SetCombined(is_combined) => {
                self.is_combined = is_combined;
                "null".to_owned()
            }
            Method::GetCombined => self.is_combined.to_string(),
        };
        Ok(format!(r#"{{"result":{result},"id":{}}}"#, control.id))
    }

    fn subscribe(&mut self, now: Now<'_>, names: Vec<String>) -> Result<(), Refusal> {
        if self.streams.len() + names.len() > STREAMS_MAX {
            let message = format!("Invalid request: more than {STREAMS_MAX} streams");
            return Err(Refusal { code: 2, message, is_limit: true });
        }
        self.streams.extend(names.into_iter().map(|name| {
            let stream = Stream::parse(&name, now.market);
            (name, stream)
        }));
        Ok(())
    }

    /// Counts a message of the client; false when the connection is closed, or now is for it.
    fn count_message(&mut self, at: Timestamp, id: ConnectionId, breaches: &mut Breaches) -> bool {
        if !self.outbox.is_closed() && !self.received.admit(at) {
            breaches.add(id, "more than 5 messages in a second");
            self.outbox.close(1008, "Too many requests");
        }
        !self.outbox.is_closed()
    }

    pub(super) fn next_timer(&self) -> Timestamp {
        if self.outbox.is_closed() {
            return Timestamp::MAX;
        }
        let overdue_at = self.unanswered_since.map_or(Timestamp::MAX, |since| later(since, PONG_WITHIN_NS));
        self.ping_at.min(overdue_at).min(self.ends_at)
    }

    pub(super) fn on_timer(&mut self, at: Timestamp) {
        if self.ends_at <= at {
            self.outbox.close(1001, "connection is older than 24 hours");
        } else if self.unanswered_since.is_some_and(|since| later(since, PONG_WITHIN_NS) <= at) {
            self.outbox.close(1008, "Pong timeout");
        } else if self.ping_at <= at {
            self.outbox.ping(at, at.as_millis().to_string().into_bytes());
            self.unanswered_since = self.unanswered_since.or(Some(at));
            self.ping_at = later(self.ping_at, PING_EVERY_NS);
        }
    }
}

fn later(at: Timestamp, ns: i64) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos() + ns)
}

#[cfg(test)]
mod tests {
    use types::Venue;

    use super::*;

    #[test]
    fn stream_symbols_belong_to_this_venue() {
        let market = crate::market::Market::new(&crate::SimSettings { history_minutes: 0, ..Default::default() });
        let now = Now { at: Timestamp::from_secs(1), market: &market };
        let request = Request::parse("/stream?streams=btcusdt@trade/nothing@trade");
        let session = Session::open(now, &request).expect("opens");
        let (index, _) = market.of_venue(Venue::BinanceUs).next().expect("listed");
        assert!(session.has(Stream::Trade(index)) && !session.has(Stream::AggTrade(index)));
        assert_eq!(session.streams.len(), 2);
    }
}
