//! The socket shell of one venue: carries bytes between WebSockets, REST and the sans-IO [`Feed`].
//!
//! ```text
//!  WebSocket frames --+                       +--> events --> outlet --> engine thread
//!  REST answers ------+--> Feed::handle(at) --+
//!  deadlines ---------+                       +--> connections, frames to send, requests
//! ```
//!
//! | module | what |
//! |---|---|
//! | `network` | the way out: proxy, certificates |
//! | `socket` | one WebSocket connection |
//! | `rest` | requests |
//! | `outlet` | to the engine, also when it is slow |
//! | `bans` | until when venues do not want to be asked |

mod bans;
mod network;
mod outlet;
mod rest;
mod socket;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use feed::{Feed, FeedInput, FeedOutput, FeedSettings, FeedStatus, LinkId, SettingsError, Target};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use types::{Timestamp, Venue};

use crate::clock::Clock;
use crate::engine_thread::Message;

pub(crate) use bans::Bans;
pub(crate) use network::Network;
pub(crate) use outlet::WAITING_MAX;
use outlet::{Outlet, Stopping};
pub(crate) use rest::{Answer, Rest};
use socket::{Event, Socket};

/// REST requests of one venue under way at once. How many are made is the feed's business; a bound all the same.
const REQUESTS_MAX: usize = 16;
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
    /// Events that were replaced by newer ones because the engine was slow.
    pub replaced: u64,
    /// Events that wait because the engine's queue is full.
    pub waiting: usize,
}

/// Everything one venue task needs.
pub(crate) struct VenueTask {
    pub(crate) settings: FeedSettings,
    pub(crate) endpoint: Endpoint,
    pub(crate) clock: Clock,
    pub(crate) network: Network,
    pub(crate) bans: Bans,
    pub(crate) engine: mpsc::Sender<Message>,
    pub(crate) status: watch::Sender<VenueStatus>,
}

impl VenueTask {
    /// The status before anything happened.
    pub(crate) fn initial_status(settings: &FeedSettings) -> Result<VenueStatus, SettingsError> {
        let feed = Feed::new(settings.clone())?.status();
        Ok(VenueStatus { venue: settings.venue, feed, trouble: String::new(), replaced: 0, waiting: 0 })
    }

    /// Runs until the box stops (the task is aborted) or the engine thread is gone.
    pub(crate) async fn run(self) {
        let venue = self.settings.venue;
        let rest = match Rest::new(&self.network, &self.endpoint.rest_base) {
            Ok(rest) => rest,
            Err(error) => return tracing::error!(%venue, "cannot make requests: {error:#}"),
        };
        let blocked_until = self.bans.end(venue);
        let settings = FeedSettings { seed: fastrand::u64(..), blocked_until, ..self.settings.clone() };
        let feed = match Feed::new(settings) {
            Ok(feed) => feed,
            Err(error) => return tracing::error!(%venue, "{error}"),
        };
        let outlet = Outlet::new(self.engine.clone());
        let links = [Link::Down, Link::Down];
        let requests = JoinSet::new();
        let mut shell =
            Shell { feed, rest, requests, links, outlet, out: Vec::new(), received: Instant::now(), task: self };
        // The only way out is that the box is stopping.
        let Err(Stopping) = shell.carry().await;
    }
}

/// What stands between one feed and the world.
struct Shell {
    task: VenueTask,
    feed: Feed,
    rest: Rest,
    requests: JoinSet<Answer>,
    /// In the order of [`LinkId::ALL`].
    links: [Link; LinkId::ALL.len()],
    outlet: Outlet,
    out: Vec<FeedOutput>,
    /// When what is being carried out was read.
    received: Instant,
}

/// The place of a WebSocket connection.
enum Link {
    Down,
    Dialling(BoxFuture<'static, Result<Socket, Event>>),
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
                Err(event) => event,
            },
            Self::Up(socket) => socket.next().await,
        }
    }
}

impl Shell {
    /// Runs until the engine thread is gone.
    async fn carry(&mut self) -> Result<Infallible, Stopping> {
        let mut status_timer = tokio::time::interval(STATUS_EVERY);
        loop {
            self.route()?;
            let deadline = self.feed.deadline();
            let clock = &self.task.clock;
            let is_reading = !self.outlet.is_full();
            tokio::select! {
                (link, event) = next(&mut self.links), if is_reading => self.event(link, event),
                Some(answer) = self.requests.join_next(), if !self.requests.is_empty() => {
                    self.received = Instant::now();
                    match answer {
                        Ok(answer) => answer.hand_to(&mut self.feed, clock.now(), &mut self.out),
                        Err(error) => tracing::error!(venue = %self.task.settings.venue, "request task: {error}"),
                    }
                }
                drained = self.outlet.drain() => drained?,
                () = sleep_until(clock, deadline) => {
                    self.received = Instant::now();
                    self.feed.handle(clock.now(), FeedInput::Deadline, &mut self.out);
                }
                _ = status_timer.tick() => self.publish(None),
            }
        }
    }

    fn event(&mut self, link: LinkId, event: Event) {
        let at = self.task.clock.now();
        self.received = Instant::now();
        match event {
            Event::Frame(bytes) => self.feed.handle(at, FeedInput::Frame(link, &bytes), &mut self.out),
            Event::Pong => self.feed.handle(at, FeedInput::Pong(link), &mut self.out),
            Event::Control => {}
            Event::Connected => {
                tracing::info!(venue = %self.task.settings.venue, "connected");
                self.feed.handle(at, FeedInput::Connected(link), &mut self.out);
                self.publish(Some(""));
            }
            Event::Refused { status, retry_after } => {
                let input = FeedInput::Refused { link, status, retry_after };
                self.lost(link, input, &format!("the venue refused the connection with HTTP status {status}"));
            }
            Event::Closed(reason) => self.lost(link, FeedInput::Disconnected(link), &reason),
        }
    }

    /// A connection is over, or could not be made.
    fn lost(&mut self, link: LinkId, input: FeedInput<'_>, reason: &str) {
        tracing::warn!(venue = %self.task.settings.venue, "connection lost: {reason}");
        *self.link(link) = Link::Down;
        self.feed.handle(self.task.clock.now(), input, &mut self.out);
        // While another connection is in use, nothing is the matter.
        let is_connected = self.feed.status().is_connected;
        self.publish(Some(if is_connected { "" } else { reason }));
    }

    fn link(&mut self, link: LinkId) -> &mut Link {
        &mut self.links[usize::from(link.0)]
    }

    /// Carries out what the feed wants.
    ///
    /// # Errors
    /// When the engine thread is gone.
    fn route(&mut self) -> Result<(), Stopping> {
        // What is carried out may have consequences of its own: a write that fails ends the connection.
        while !self.out.is_empty() {
            for output in std::mem::take(&mut self.out) {
                self.carry_out(output)?;
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, output: FeedOutput) -> Result<(), Stopping> {
        let venue = self.task.settings.venue;
        match output {
            FeedOutput::Event(input) => self.outlet.push(input, self.received)?,
            FeedOutput::Connect(link, target) => {
                tracing::debug!(%venue, "connecting to {target}");
                *self.link(link) = self.dial(&target);
            }
            FeedOutput::Send(link, text) => self.write(link, |socket| socket.send(text)),
            FeedOutput::Ping(link) => self.write(link, Socket::ping),
            FeedOutput::Request(request) => {
                if self.requests.len() < REQUESTS_MAX {
                    self.requests.spawn(self.rest.ask(request));
                } else {
                    self.requests.spawn(std::future::ready(Answer::failed(request.id)));
                }
            }
            FeedOutput::Reconnect(link, reason) => {
                self.lost(link, FeedInput::Disconnected(link), &reason.to_string());
            }
            FeedOutput::Rejected(rejection) => {
                let reason = rejection.reason.name();
                tracing::debug!(%venue, "refused ({reason}): {}: {}", rejection.detail, rejection.sample);
            }
        }
        Ok(())
    }

    fn dial(&self, target: &Target) -> Link {
        let base = target.base.as_deref().unwrap_or(&self.task.endpoint.ws_base);
        // A base that a venue names may end like the path begins.
        let url = format!("{}{}", base.trim_end_matches('/'), target.path);
        Link::Dialling(Box::pin(Socket::connect(self.task.network.clone(), url)))
    }

    fn write(&mut self, link: LinkId, write: impl FnOnce(&Socket) -> anyhow::Result<()>) {
        if let Link::Up(socket) = self.link(link)
            && let Err(error) = write(socket)
        {
            self.lost(link, FeedInput::Disconnected(link), &format!("{error:#}"));
        }
    }

    /// Shows how the feed is doing; `trouble` where that changed.
    fn publish(&self, trouble: Option<&str>) {
        let feed = self.feed.status();
        if let Some(until) = feed.requests_blocked_until {
            self.task.bans.note(feed.venue, until);
        }
        self.task.status.send_modify(|status| {
            status.feed = feed;
            status.replaced = self.outlet.replaced();
            status.waiting = self.outlet.waiting();
            if let Some(trouble) = trouble {
                trouble.clone_into(&mut status.trouble);
            }
        });
    }
}

/// Waits for the next thing on either link. Cancelling loses nothing.
async fn next([first, second]: &mut [Link; LinkId::ALL.len()]) -> (LinkId, Event) {
    let [first_id, second_id] = LinkId::ALL;
    tokio::select! {
        event = first.next() => (first_id, event),
        event = second.next() => (second_id, event),
    }
}

async fn sleep_until(clock: &Clock, deadline: Option<Timestamp>) {
    match deadline {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
