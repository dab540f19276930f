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

use feed::{Feed, FeedInput, FeedOutput, FeedSettings, FeedStatus, LinkId, SettingsError};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use types::{Timestamp, Venue};

use crate::clock::Clock;
use crate::engine_thread::Message;

use rest::{Answer, Rest};
use socket::{Event, Socket};

/// Most REST requests of one venue under way at once. The venue's own limits are the feed's business.
const REQUESTS_MAX: usize = 4;
/// The one link that is used so far.
const LINK: LinkId = LinkId::FIRST;
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

/// The engine thread is gone: the box is stopping.
struct Stopping;

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
        let feed = match Feed::new(FeedSettings { seed: fastrand::u64(..), ..self.settings.clone() }) {
            Ok(feed) => feed,
            Err(error) => {
                tracing::error!(%venue, "{error}");
                return;
            }
        };
        let mut session =
            Session { feed, rest, requests: JoinSet::new(), link: Link::Down, out: Vec::new(), task: self };
        session.carry().await;
    }
}

struct Session {
    task: VenueTask,
    feed: Feed,
    rest: Rest,
    requests: JoinSet<Answer>,
    link: Link,
    out: Vec<FeedOutput>,
}

/// The place of the WebSocket connection.
enum Link {
    Down,
    Dialling(BoxFuture<'static, anyhow::Result<Socket>>),
    Up(Box<Socket>),
}

impl Link {
    /// Waits for the next thing. Cancelling loses nothing.
    async fn next(&mut self) -> Event {
        match self {
            Self::Down => std::future::pending().await,
            Self::Dialling(connecting) => match connecting.await {
                Ok(socket) => {
                    *self = Self::Up(Box::new(socket));
                    Event::Connected
                }
                Err(error) => Event::Closed(format!("{error:#}")),
            },
            Self::Up(socket) => socket.next().await,
        }
    }
}

impl Session {
    /// Runs until the engine thread is gone.
    async fn carry(&mut self) {
        let mut status_timer = tokio::time::interval(STATUS_EVERY);
        while self.route().await.is_ok() {
            let deadline = self.feed.deadline();
            let clock = &self.task.clock;
            tokio::select! {
                event = self.link.next() => self.event(event),
                Some(answer) = self.requests.join_next(), if !self.requests.is_empty() => {
                    match answer {
                        Ok(answer) => answer.hand_to(&mut self.feed, clock.now(), &mut self.out),
                        Err(error) => tracing::error!(venue = %self.task.settings.venue, "request task: {error}"),
                    }
                }
                () = sleep_until(clock, deadline) => {
                    self.feed.handle(clock.now(), FeedInput::Deadline, &mut self.out);
                }
                _ = status_timer.tick() => self.publish(None),
            }
        }
    }

    fn event(&mut self, event: Event) {
        let at = self.task.clock.now();
        match event {
            Event::Frame(bytes) => self.feed.handle(at, FeedInput::Frame(LINK, &bytes), &mut self.out),
            Event::Pong => self.feed.handle(at, FeedInput::Pong(LINK), &mut self.out),
            Event::Control => {}
            Event::Connected => {
                tracing::info!(venue = %self.task.settings.venue, "connected");
                self.feed.handle(at, FeedInput::Connected(LINK), &mut self.out);
                self.publish(Some(""));
            }
            Event::Closed(reason) => self.lost(&reason),
        }
    }

    /// The connection is over, or is to be.
    fn lost(&mut self, reason: &str) {
        tracing::warn!(venue = %self.task.settings.venue, "connection lost: {reason}");
        self.link = Link::Down;
        self.feed.handle(self.task.clock.now(), FeedInput::Disconnected(LINK), &mut self.out);
        self.publish(Some(reason));
    }

    /// Carries out what the feed wants.
    ///
    /// # Errors
    /// When the engine thread is gone.
    async fn route(&mut self) -> Result<(), Stopping> {
        // What is carried out may have consequences of its own: a write that fails ends the connection.
        while !self.out.is_empty() {
            for output in std::mem::take(&mut self.out) {
                self.carry_out(output).await?;
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, output: FeedOutput) -> Result<(), Stopping> {
        match output {
            FeedOutput::Event(input) => {
                self.task.engine.send(Message::Input(input)).await.map_err(|_| Stopping)?;
            }
            FeedOutput::Connect(_, target) => {
                let base = target.base.as_deref().unwrap_or(&self.task.endpoint.ws_base);
                tracing::debug!(venue = %self.task.settings.venue, "connecting to {target}");
                self.link = Link::Dialling(Box::pin(Socket::connect(format!("{base}{}", target.path))));
            }
            FeedOutput::Send(_, text) => {
                if let Link::Up(socket) = &mut self.link
                    && let Err(error) = socket.send(text).await
                {
                    self.lost(&format!("{error:#}"));
                }
            }
            FeedOutput::Ping(_) => {
                if let Link::Up(socket) = &mut self.link
                    && let Err(error) = socket.ping().await
                {
                    self.lost(&format!("{error:#}"));
                }
            }
            FeedOutput::Request(request) => {
                if self.requests.len() < REQUESTS_MAX {
                    self.requests.spawn(self.rest.ask(request));
                } else {
                    self.requests.spawn(std::future::ready(Answer::failed(request.id)));
                }
            }
            FeedOutput::Reconnect(_, reason) => self.lost(&reason.to_string()),
            FeedOutput::Rejected(rejection) => {
                tracing::debug!(venue = %self.task.settings.venue, "refused ({}): {}: {}", rejection.reason.name(), rejection.detail, rejection.sample);
            }
        }
        Ok(())
    }

    /// Shows how the feed is doing; `trouble` where that changed.
    fn publish(&self, trouble: Option<&str>) {
        let feed = self.feed.status();
        self.task.status.send_modify(|status| {
            status.feed = feed;
            if let Some(trouble) = trouble {
                trouble.clone_into(&mut status.trouble);
            }
        });
    }
}

async fn sleep_until(clock: &Clock, deadline: Option<Timestamp>) {
    match deadline {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
