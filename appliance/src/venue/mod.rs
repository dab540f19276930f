//! The socket shell of one venue: carries bytes between a WebSocket, REST and the sans-IO [`Feed`].
//!
//! ```text
//!  WebSocket frames --+                       +--> events --> engine thread (waits when its queue is full,
//!  REST answers ------+--> Feed::handle(at) --+              so the venue's own TCP window holds back)
//!  deadlines ---------+                       +--> frames to send, requests, reconnects
//! ```

mod rest;
mod socket;

use std::time::Duration;

use feed::{Feed, FeedInput, FeedOutput, FeedSettings, FeedStatus, SettingsError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use types::{Timestamp, Venue};

use crate::clock::Clock;
use crate::engine_thread::Message;

use rest::{Answer, Rest};
use socket::{Event, Socket};

/// Waiting time before the first new attempt; doubles with each failure.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Longest waiting time between attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// A connection that held this long counts as healthy: the next failure starts from the shortest wait.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// Most REST requests of one venue under way at once. The venue's own limits are the feed's business.
const REQUESTS_MAX: usize = 4;
/// How often the status is published while nothing changes its sums.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// Where a venue is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// WebSocket base, `wss://host[:port]`, without a path.
    pub ws_base: String,
    /// REST base, `https://host[:port]`, without a path.
    pub rest_base: String,
}

/// What the rest of the box may know about a venue's connection.
#[derive(Clone, Debug)]
pub(crate) struct VenueStatus {
    /// Which venue.
    pub venue: Venue,
    /// The feed's own figures.
    pub feed: FeedStatus,
    /// Why the last connection ended or could not be made, for people; empty while all is well.
    pub trouble: String,
}

/// Everything one venue task needs.
pub(crate) struct VenueTask {
    pub(crate) settings: FeedSettings,
    pub(crate) endpoint: Endpoint,
    pub(crate) clock: Clock,
    pub(crate) engine: mpsc::Sender<Message>,
    pub(crate) status: watch::Sender<VenueStatus>,
}

/// Why the connection loop ended.
enum Ended {
    /// Try again after a pause.
    Lost(String),
    /// The engine thread is gone: the box is stopping.
    Stopping,
}

impl VenueTask {
    /// The status before anything happened.
    pub(crate) fn initial_status(settings: &FeedSettings) -> Result<VenueStatus, SettingsError> {
        Ok(VenueStatus { venue: settings.venue, feed: Feed::new(settings.clone())?.status(), trouble: String::new() })
    }

    /// Runs until the box stops (the task is aborted) or the engine thread is gone.
    pub(crate) async fn run(self) {
        let venue = self.settings.venue;
        let rest = match Rest::new(&self.endpoint.rest_base) {
            Ok(rest) => rest,
            Err(error) => {
                tracing::error!(%venue, "cannot make requests: {error:#}");
                return;
            }
        };
        let feed = match Feed::new(self.settings.clone()) {
            Ok(feed) => feed,
            Err(error) => {
                tracing::error!(%venue, "{error}");
                return;
            }
        };
        let mut session = Session { feed, rest, requests: JoinSet::new(), out: Vec::new(), task: self };
        let mut backoff = BACKOFF_FIRST;
        loop {
            let began = session.task.clock.now();
            match session.connect_and_carry().await {
                Ended::Stopping => return,
                Ended::Lost(reason) => {
                    tracing::warn!(%venue, "connection lost: {reason}");
                    session.publish(&reason);
                }
            }
            if session.task.clock.now().since(began) >= HEALTHY_AFTER {
                backoff = BACKOFF_FIRST;
            }
            // Full jitter, so that many boxes do not come back at the same moment.
            let wait = backoff.mul_f64(fastrand::f64());
            tokio::time::sleep(session.task.clock.real(wait)).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }
}

struct Session {
    task: VenueTask,
    feed: Feed,
    rest: Rest,
    requests: JoinSet<Answer>,
    out: Vec<FeedOutput>,
}

impl Session {
    async fn connect_and_carry(&mut self) -> Ended {
        let url = format!("{}{}", self.task.endpoint.ws_base, self.feed.socket_path());
        let mut socket = match Socket::connect(&url).await {
            Ok(socket) => socket,
            Err(error) => return Ended::Lost(format!("{url}: {error:#}")),
        };
        tracing::info!(venue = %self.task.settings.venue, "connected to {url}");
        let ended = self.carry(&mut socket).await;
        self.requests.abort_all();
        while self.requests.join_next().await.is_some() {}
        self.feed.handle(self.task.clock.now(), FeedInput::Disconnected, &mut self.out);
        match self.route(&mut socket).await {
            Err(Ended::Stopping) => Ended::Stopping,
            _ => ended,
        }
    }

    async fn carry(&mut self, socket: &mut Socket) -> Ended {
        self.feed.handle(self.task.clock.now(), FeedInput::Connected, &mut self.out);
        let mut status_timer = tokio::time::interval(STATUS_EVERY);
        loop {
            if let Err(ended) = self.route(socket).await {
                return ended;
            }
            let deadline = self.feed.deadline();
            let clock = &self.task.clock;
            tokio::select! {
                event = socket.next() => match event {
                    Event::Frame(text) => {
                        self.feed.handle(clock.now(), FeedInput::Frame(&text), &mut self.out);
                    }
                    Event::Control => {}
                    Event::Closed(reason) => return Ended::Lost(reason),
                },
                Some(answer) = self.requests.join_next(), if !self.requests.is_empty() => {
                    let at = clock.now();
                    match answer {
                        Ok(answer) => answer.hand_to(&mut self.feed, at, &mut self.out),
                        Err(error) => return Ended::Lost(format!("request task: {error}")),
                    }
                }
                () = sleep_until(clock, deadline) => {
                    self.feed.handle(clock.now(), FeedInput::Deadline, &mut self.out);
                }
                _ = status_timer.tick() => self.publish(""),
            }
        }
    }

    /// Carries out what the feed wants.
    async fn route(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        let mut lost = None;
        for output in self.out.drain(..) {
            match output {
                FeedOutput::Event(input) => {
                    self.task.engine.send(Message::Input(input)).await.map_err(|_| Ended::Stopping)?;
                }
                FeedOutput::Send(text) => {
                    if let Err(error) = socket.send(text).await {
                        lost = Some(format!("{error:#}"));
                    }
                }
                FeedOutput::Request(request) => {
                    if self.requests.len() < REQUESTS_MAX {
                        self.requests.spawn(self.rest.get(request));
                    } else {
                        self.requests.spawn(std::future::ready(Answer::failed(request.id)));
                    }
                }
                FeedOutput::Reconnect(reason) => lost = Some(format!("reconnecting: {reason}")),
                FeedOutput::Rejected(rejection) => {
                    tracing::debug!(venue = %self.task.settings.venue, "refused ({}): {}: {}", rejection.reason.name(), rejection.detail, rejection.sample);
                }
            }
        }
        lost.map_or(Ok(()), |reason| Err(Ended::Lost(reason)))
    }

    fn publish(&self, trouble: &str) {
        let feed = self.feed.status();
        self.task.status.send_modify(|status| {
            status.feed = feed;
            trouble.clone_into(&mut status.trouble);
        });
    }
}

async fn sleep_until(clock: &Clock, deadline: Option<Timestamp>) {
    match deadline {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
