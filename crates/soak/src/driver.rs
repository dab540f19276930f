//! One venue's feed with its connections and requests: what the venue task of the appliance does, in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use feed::{Feed, FeedInput, FeedOutput, FeedSettings, FeedStatus, LinkId, Method, Request, RequestId, SettingsError};
use sim::{Arrived, ConnectionId, HttpAnswer, HttpMethod, HttpRequest, Refused, ServerFrame, Sim};
use types::{Input, Timestamp, Venue};

use crate::diary::{Diary, What};
use crate::judge::{Knowable, Offer, in_answer, in_message};
use crate::network::Network;

/// Largest message that the appliance's socket takes; a longer one ends the connection.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// Longest time for one request, as in the appliance.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest time for a handshake, as in the appliance.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const NEVER: Timestamp = Timestamp::MAX;

/// A feed and everything that is on its way to and from it.
#[derive(Debug)]
pub struct Driver {
    venue: Venue,
    feed: Feed,
    network: Network,
    lines: [Line; 2],
    requests: Vec<Exchange>,
    out: Vec<FeedOutput>,
    arrived: Vec<Arrived>,
    /// The box's clock minus the simulator's, nanoseconds.
    skew_ns: i64,
    /// The newest time that the feed was told.
    told_at: Timestamp,
    /// When the newest frame that the feed has seen was sent: what happened later it need not know.
    known_at: Timestamp,
    /// The venue wants nothing asked before.
    banned_until: Option<Timestamp>,
    /// Requests made all the same.
    pub(crate) asked_while_banned: u64,
    /// Trades that came within reach, where the venue does not give all of them to who asks.
    pub(crate) offers: Vec<Offer>,
    rejected: u64,
}

/// One of the two places for a connection.
#[derive(Debug, Default)]
struct Line {
    state: LineState,
    arriving: VecDeque<(Timestamp, Arrived)>,
    leaving: VecDeque<(Timestamp, Leaving)>,
}

#[derive(Debug, Default)]
enum LineState {
    #[default]
    Down,
    /// The handshake reaches the venue at this time.
    Dialling {
        arrives_at: Timestamp,
        path: String,
    },
    /// The venue's answer reaches the box at this time.
    Answered {
        arrives_at: Timestamp,
        answer: Result<ConnectionId, Refused>,
    },
    Up(ConnectionId),
}

#[derive(Debug)]
enum Leaving {
    Text(String),
    Ping,
    Pong,
}

/// A request on its way there, and later its answer on its way back.
#[derive(Debug)]
struct Exchange {
    id: RequestId,
    asked_at: Timestamp,
    path: String,
    state: ExchangeState,
}

#[derive(Debug)]
enum ExchangeState {
    Asking { arrives_at: Timestamp, method: Method },
    Answering { arrives_at: Timestamp, answer: Option<HttpAnswer> },
}

/// What the feed told, and up to which moment it could know.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) input: Input,
    pub(crate) known_at: Timestamp,
}

impl Driver {
    /// A feed that has not connected yet.
    ///
    /// # Errors
    /// As [`Feed::new`].
    pub fn new(settings: FeedSettings, network: Network) -> Result<Self, SettingsError> {
        Ok(Self {
            venue: settings.venue,
            feed: Feed::new(settings)?,
            network,
            lines: Default::default(),
            requests: Vec::new(),
            out: Vec::new(),
            arrived: Vec::new(),
            skew_ns: 0,
            told_at: Timestamp::EPOCH,
            known_at: Timestamp::EPOCH,
            banned_until: None,
            asked_while_banned: 0,
            offers: Vec::new(),
            rejected: 0,
        })
    }

    /// Whose feed it is.
    #[must_use]
    pub fn venue(&self) -> Venue {
        self.venue
    }

    /// How the feed is doing.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        self.feed.status()
    }

    /// The open connections.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.lines.iter().filter_map(Line::connection)
    }

    /// Sets the box's clock, as far as this feed sees it, so far ahead of the simulator's, or behind it.
    pub fn set_skew_ns(&mut self, skew_ns: i64) {
        self.skew_ns = skew_ns;
    }

    /// When something is due.
    pub(crate) fn next_at(&self) -> Timestamp {
        let lines = self.lines.iter().map(Line::next_at);
        let requests = self.requests.iter().map(Exchange::next_at);
        let deadline = self.feed.deadline().map_or(NEVER, |at| moved(at, -self.skew_ns));
        lines.chain(requests).fold(deadline, Timestamp::min)
    }

    /// Does all that is due by the simulator's now.
    pub(crate) fn turn(&mut self, sim: &mut Sim, told: &mut Vec<Told>, diary: &mut Diary) {
        self.deliver(sim);
        self.collect(sim);
        self.hear(sim, told, diary);
        let is_due = self.feed.deadline().is_some_and(|at| at <= self.now(sim));
        if is_due {
            self.tell(sim, FeedInput::Deadline, told, diary);
        }
    }

    /// What reaches the venue by now.
    fn deliver(&mut self, sim: &mut Sim) {
        let now = sim.now();
        for line in &mut self.lines {
            if let LineState::Dialling { arrives_at, path } = &line.state
                && *arrives_at <= now
            {
                let answer = sim.connect(self.venue, path);
                // Who gets no answer waits for it as long as the appliance does.
                let back = if matches!(&answer, Err(refused) if refused.status == 0) {
                    CONNECT_TIMEOUT
                } else {
                    self.network.way()
                };
                line.state = LineState::Answered { arrives_at: now.plus(back), answer };
            }
            while let Some((_, leaving)) = line.leaving.pop_front_if(|(arrives_at, _)| *arrives_at <= now) {
                let LineState::Up(id) = line.state else { continue };
                match leaving {
                    Leaving::Text(text) => sim.receive(id, &text),
                    Leaving::Ping => sim.ping(id),
                    Leaving::Pong => sim.pong(id),
                }
            }
        }
        for exchange in &mut self.requests {
            let ExchangeState::Asking { arrives_at, method } = &exchange.state else { continue };
            if *arrives_at > now {
                continue;
            }
            let method = match method {
                Method::Get => HttpMethod::Get,
                Method::Post => HttpMethod::Post,
            };
            let reply = sim.exchange(self.venue, &HttpRequest::new(method, &exchange.path));
            let arrives_at = now.plus(self.network.way() + reply.after);
            exchange.state = ExchangeState::Answering { arrives_at, answer: reply.answer };
        }
    }

    /// Takes what the venue has sent; it arrives some time later, in order.
    fn collect(&mut self, sim: &mut Sim) {
        for line in &mut self.lines {
            let Some(id) = line.connection() else { continue };
            sim.poll_arrived(id, &mut self.arrived);
            for arrived in self.arrived.drain(..) {
                let opens_at =
                    if let LineState::Answered { arrives_at, .. } = line.state { arrives_at } else { sim.now() };
                let before = line.arriving.back().map_or(opens_at, |(arrives_at, _)| *arrives_at);
                let arrives_at = before.max(sim.now().plus(self.network.way()));
                line.arriving.push_back((arrives_at, arrived));
            }
        }
    }

    /// What reaches the box by now.
    fn hear(&mut self, sim: &mut Sim, told: &mut Vec<Told>, diary: &mut Diary) {
        let now = sim.now();
        for link in LinkId::ALL {
            let index = usize::from(link.0);
            if matches!(self.lines[index].state, LineState::Answered { arrives_at, .. } if arrives_at <= now) {
                self.hear_handshake(sim, link, told, diary);
            }
            while matches!(self.lines[index].state, LineState::Up(_))
                && let Some((_, arrived)) =
                    self.lines[index].arriving.pop_front_if(|(arrives_at, _)| *arrives_at <= now)
            {
                self.hear_frame(sim, link, arrived, told, diary);
            }
        }
        while let Some(index) = self.requests.iter().position(|exchange| exchange.is_over(now)) {
            let exchange = self.requests.remove(index);
            self.hear_answer(sim, exchange, told, diary);
        }
    }

    fn hear_handshake(&mut self, sim: &mut Sim, link: LinkId, told: &mut Vec<Told>, diary: &mut Diary) {
        let line = &mut self.lines[usize::from(link.0)];
        let LineState::Answered { answer, .. } = std::mem::take(&mut line.state) else { return };
        let input = match answer {
            Ok(id) => {
                line.state = LineState::Up(id);
                FeedInput::Connected(link)
            }
            Err(refused) if refused.status == 0 => FeedInput::Disconnected(link),
            Err(refused) => FeedInput::Refused { link, status: refused.status, retry_after: None },
        };
        let what = if matches!(input, FeedInput::Connected(_)) { What::Connected } else { What::Lost };
        diary.note(sim.now(), self.venue, None, what);
        self.tell(sim, input, told, diary);
    }

    fn hear_frame(&mut self, sim: &mut Sim, link: LinkId, arrived: Arrived, told: &mut Vec<Told>, diary: &mut Diary) {
        self.known_at = self.known_at.max(arrived.sent_at);
        let line = &mut self.lines[usize::from(link.0)];
        match arrived.frame {
            ServerFrame::Text(text) if text.len() > MESSAGE_BYTES_MAX => self.lose(sim, link, told, diary),
            ServerFrame::Binary(bytes) if bytes.len() > MESSAGE_BYTES_MAX => self.lose(sim, link, told, diary),
            ServerFrame::Text(text) => self.hear_message(sim, link, text.as_bytes(), told, diary),
            ServerFrame::Binary(bytes) => self.hear_message(sim, link, &bytes, told, diary),
            ServerFrame::Ping(_) => line.leaving.push_back((sim.now().plus(self.network.way()), Leaving::Pong)),
            ServerFrame::Pong => self.tell(sim, FeedInput::Pong(link), told, diary),
            ServerFrame::Close { .. } | ServerFrame::Abort => self.lose(sim, link, told, diary),
        }
    }

    fn hear_message(&mut self, sim: &mut Sim, link: LinkId, bytes: &[u8], told: &mut Vec<Told>, diary: &mut Diary) {
        let rejected = self.rejected;
        self.tell(sim, FeedInput::Frame(link, bytes), told, diary);
        if !Knowable::of(self.venue).all_trades && self.rejected == rejected {
            self.offers.extend(std::str::from_utf8(bytes).ok().and_then(in_message));
        }
    }

    fn hear_answer(&mut self, sim: &mut Sim, exchange: Exchange, told: &mut Vec<Told>, diary: &mut Diary) {
        let (id, is_late) = (exchange.id, exchange.asked_at.plus(REQUEST_TIMEOUT) <= sim.now());
        let answer = match exchange.state {
            ExchangeState::Answering { answer: Some(answer), .. } if !is_late => answer,
            _ => return self.tell(sim, FeedInput::Failed { request: id }, told, diary),
        };
        if !Knowable::of(self.venue).all_trades && answer.status == 200 {
            self.offers.extend(in_answer(&exchange.path, &answer.body));
        }
        let retry_after = retry_after(&answer);
        if let Some(pause) = retry_after {
            self.banned_until = self.banned_until.max(Some(sim.now().plus(pause)));
        }
        let (status, body) = (answer.status, &answer.body[..]);
        self.tell(sim, FeedInput::Response { request: id, status, retry_after, body }, told, diary);
    }

    /// The connection of `link`, or the attempt to make one, is over.
    fn lose(&mut self, sim: &mut Sim, link: LinkId, told: &mut Vec<Told>, diary: &mut Diary) {
        let line = &mut self.lines[usize::from(link.0)];
        if let Some(id) = line.connection() {
            sim.disconnect(id);
        }
        *line = Line::default();
        diary.note(sim.now(), self.venue, None, What::Lost);
        self.tell(sim, FeedInput::Disconnected(link), told, diary);
    }

    fn tell(&mut self, sim: &mut Sim, input: FeedInput<'_>, told: &mut Vec<Told>, diary: &mut Diary) {
        // The appliance's clock never goes back, whatever the system's does.
        self.told_at = self.told_at.max(self.now(sim));
        let mut out = std::mem::take(&mut self.out);
        self.feed.handle(self.told_at, input, &mut out);
        let mut given_up = Vec::new();
        for output in out.drain(..) {
            match output {
                FeedOutput::Event(input) => told.push(Told { input, known_at: self.known_at }),
                FeedOutput::Connect(link, target) => {
                    diary.note(sim.now(), self.venue, None, What::Dialled);
                    let arrives_at = sim.now().plus(self.network.dial());
                    let line = &mut self.lines[usize::from(link.0)];
                    *line = Line { state: LineState::Dialling { arrives_at, path: target.path }, ..Line::default() };
                }
                FeedOutput::Send(link, text) => {
                    diary.note(sim.now(), self.venue, None, What::Sent(text.clone()));
                    self.leave(sim, link, Leaving::Text(text));
                }
                FeedOutput::Ping(link) => self.leave(sim, link, Leaving::Ping),
                FeedOutput::Request(request) => self.ask(sim, request, diary),
                FeedOutput::Reconnect(link, reason) => {
                    diary.note(sim.now(), self.venue, None, What::GaveUp(reason));
                    given_up.push(link);
                }
                FeedOutput::Rejected(rejection) => {
                    self.rejected += 1;
                    let what = What::Rejected(rejection.reason);
                    diary.note(sim.now(), self.venue, rejection.instrument, what);
                }
            }
        }
        self.out = out;
        given_up.into_iter().for_each(|link| self.lose(sim, link, told, diary));
    }

    fn leave(&mut self, sim: &Sim, link: LinkId, leaving: Leaving) {
        let line = &mut self.lines[usize::from(link.0)];
        let before = line.leaving.back().map_or(sim.now(), |(arrives_at, _)| *arrives_at);
        line.leaving.push_back((before.max(sim.now().plus(self.network.way())), leaving));
    }

    fn ask(&mut self, sim: &Sim, request: Request, diary: &mut Diary) {
        let now = sim.now();
        diary.note(now, self.venue, None, What::Requested(request.path.clone()));
        self.asked_while_banned += u64::from(self.banned_until.is_some_and(|until| now < until));
        let arrives_at = now.plus(self.network.way());
        let state = ExchangeState::Asking { arrives_at, method: request.method };
        self.requests.push(Exchange { id: request.id, asked_at: now, path: request.path, state });
    }

    /// The box's time.
    fn now(&self, sim: &Sim) -> Timestamp {
        moved(sim.now(), self.skew_ns)
    }
}

impl Line {
    fn connection(&self) -> Option<ConnectionId> {
        match self.state {
            LineState::Up(id) | LineState::Answered { answer: Ok(id), .. } => Some(id),
            _ => None,
        }
    }

    fn next_at(&self) -> Timestamp {
        let state = match self.state {
            LineState::Dialling { arrives_at, .. } | LineState::Answered { arrives_at, .. } => arrives_at,
            LineState::Down | LineState::Up(_) => NEVER,
        };
        let arriving = self.arriving.front().map_or(NEVER, |(arrives_at, _)| *arrives_at);
        let leaving = self.leaving.front().map_or(NEVER, |(arrives_at, _)| *arrives_at);
        state.min(arriving).min(leaving)
    }
}

impl Exchange {
    fn next_at(&self) -> Timestamp {
        let timeout = self.asked_at.plus(REQUEST_TIMEOUT);
        match self.state {
            ExchangeState::Asking { arrives_at, .. } | ExchangeState::Answering { arrives_at, .. } => {
                arrives_at.min(timeout)
            }
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let has_answer = matches!(self.state, ExchangeState::Answering { arrives_at, .. } if arrives_at <= now);
        has_answer || self.asked_at.plus(REQUEST_TIMEOUT) <= now
    }
}

/// How long the venue wants nothing to be asked, read as the appliance does.
fn retry_after(answer: &HttpAnswer) -> Option<Duration> {
    let number = |name: &str| answer.header(name)?.trim().parse::<u64>().ok();
    let seconds = number("Retry-After").map(Duration::from_secs);
    let reset = || number("gw-ratelimit-reset").filter(|_| answer.status == 429).map(Duration::from_millis);
    seconds.or_else(reset)
}

const fn moved(at: Timestamp, by_ns: i64) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos().saturating_add(by_ns))
}
