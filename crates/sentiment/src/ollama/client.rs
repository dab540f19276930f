//! What is asked of the server, and when.
//!
//! ```text
//!            submit                 version, tags, show
//! Idle ---------------> Learning ------------------------> Ready <--> asking (one chat at a time)
//!                          |  ^                              |
//!                          |  +---- time comes --------------+-- refused 5 s .. 5 min, busy 2 .. 30 s, failed 5 s
//!                          +--> NoModel: looked for again every 5 min, never pulled
//! ```
//!
//! Time is an argument. The caller sends what [`Client::poll`] gives, tells what came of it to [`Client::handle`], and calls again at
//! [`Client::deadline`]. Nothing waits for an opinion: a server that is away costs the queue's oldest texts and no more.

use std::collections::VecDeque;
use std::time::Duration;

use types::Timestamp;

use super::answer::{self, AnswerError};
use super::prompt::{self, Asking};
use crate::{Engine, Identity, NoOpinion, Opinion, content_hash};

/// Waiting after a refused connection: at first, and at most.
const REFUSED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// Waiting while the server is busy: at first, and at most.
const BUSY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Waiting after a failure of the server.
const FAILED: Duration = Duration::from_secs(5);
/// How often a missing model is looked for.
const NO_MODEL: Duration = Duration::from_secs(300);
/// How long digest and capabilities are believed: an owner may pull a newer model under the same name.
const KNOWN: Duration = Duration::from_secs(600);
/// Time for questions that the server answers without the model.
const PATIENCE_SMALL: Duration = Duration::from_secs(10);
/// How often one text is tried.
const ATTEMPTS: u32 = 2;
/// How much more room the second try has after a cut.
const MORE_ROOM: u32 = 4;

/// How the model is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name as in `ollama list`.
    pub model: String,
    /// Texts that may wait.
    pub queue_max: usize,
    /// Patience for a model that has to be loaded first.
    pub patience_cold: Duration,
    /// Patience for a model that is loaded.
    pub patience_warm: Duration,
    /// How long the model stays in memory after an answer.
    pub keep_alive: Duration,
    /// Tokens of an answer.
    pub answer_tokens: u32,
    /// Tokens of question and answer.
    pub context_tokens: u32,
    /// Seed of the first try.
    pub seed: u64,
}

impl Config {
    /// For a model, with everything else as usual.
    #[must_use]
    pub fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            queue_max: 256,
            patience_cold: Duration::from_secs(300),
            patience_warm: Duration::from_secs(60),
            keep_alive: Duration::from_secs(600),
            answer_tokens: 200,
            context_tokens: 4_096,
            seed: 7,
        }
    }
}

/// A text to be rated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The caller's number for it.
    pub id: u64,
    /// The text, as it came.
    pub text: String,
    /// More urgent ones are asked first and dropped last.
    pub priority: u8,
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Without a body.
    Get,
    /// With one.
    Post,
}

/// Something to send to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Goes with its outcome.
    pub serial: u64,
    /// How.
    pub method: Method,
    /// Where, from the server's root.
    pub path: &'static str,
    /// JSON to send; empty for none.
    pub body: Vec<u8>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered, whatever it said.
    Answered {
        /// HTTP status.
        status: u16,
        /// What it said, complete.
        body: Vec<u8>,
    },
    /// No connection.
    Refused(String),
    /// The connection ended before the answer did.
    Broken(String),
    /// The answer is larger than [`answer::BODY_BYTES_MAX`].
    TooLarge,
}

/// What the caller has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this, and tell what came of it.
    Send(Request),
    /// Close the connection of this request: it took too long, and closing stops the model.
    Cancel(u64),
    /// A text is done with.
    Done {
        /// The caller's number.
        id: u64,
        /// What is known of it.
        opinion: Opinion,
        /// What the opinion is filed under. `None` where the server never said which model it has.
        identity: Option<Identity>,
    },
}

/// Where the client stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing was asked yet.
    #[default]
    Idle,
    /// Asking the server what it has.
    Learning,
    /// The model is there.
    Ready,
    /// The server has no such model. It is not pulled: that is gigabytes, and the owner's decision.
    NoModel,
    /// The server is not there, or not what it should be.
    Away(String),
    /// The server has too much to do.
    Busy,
}

/// What is shown of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// The model's digest.
    pub digest: Option<String>,
    /// The server's version.
    pub version: Option<String>,
    /// Texts that wait.
    pub queued: usize,
    /// Texts that lost their place.
    pub dropped: u64,
    /// Texts that got a score.
    pub scored: u64,
    /// Texts that got none, dropped ones left out.
    pub unscored: u64,
    /// Requests that came to nothing: refused, broken, timed out, errors.
    pub failures: u64,
    /// The newest failure, in words.
    pub last_failure: Option<String>,
}

impl Status {
    /// What a score of the model that is there would be filed under; `None` before the server has said what it has.
    #[must_use]
    pub fn identity(&self, text: &str) -> Option<Identity> {
        identity(self.digest.as_deref(), self.version.as_deref(), text)
    }
}

fn identity(digest: Option<&str>, version: Option<&str>, text: &str) -> Option<Identity> {
    Some(Identity {
        engine: Engine::Ollama,
        model: digest?.to_owned(),
        version: format!("{} ollama-{}", prompt::VERSION, version.unwrap_or("unknown")),
        content: content_hash(text),
    })
}

/// The state machine.
#[derive(Debug)]
pub struct Client {
    config: Config,
    queue: VecDeque<Waiting>,
    flight: Option<Flight>,
    serial: u64,
    server: Server,
    /// Nothing is sent before.
    not_before: Timestamp,
    wait_refused: Duration,
    wait_busy: Duration,
    /// Until then the model is in memory.
    warm_until: Timestamp,
    outputs: VecDeque<Output>,
    status: Status,
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    attempt: u32,
    answer_tokens: u32,
}

#[derive(Debug)]
struct Flight {
    serial: u64,
    deadline: Timestamp,
    ask: Ask,
}

#[derive(Debug)]
enum Ask {
    Version,
    Tags,
    Show,
    Chat(Waiting),
}

/// What the server has said of itself.
#[derive(Debug, Default)]
struct Server {
    version: Option<String>,
    digest: Option<String>,
    /// `None`: not asked. `Some(None)`: too old to tell.
    can_think: Option<Option<bool>>,
    learned_at: Timestamp,
}

impl Client {
    /// A client that has asked nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            queue: VecDeque::new(),
            flight: None,
            serial: 0,
            server: Server::default(),
            not_before: Timestamp::EPOCH,
            wait_refused: REFUSED.0,
            wait_busy: BUSY.0,
            warm_until: Timestamp::EPOCH,
            outputs: VecDeque::new(),
            status: Status::default(),
        }
    }

    /// Takes a text. Where the queue is full, the oldest of the least urgent texts loses its place, be it this one; that is told by an
    /// [`Output::Done`] without an opinion.
    pub fn submit(&mut self, job: Job) {
        self.queue.push_back(Waiting { job, attempt: 0, answer_tokens: self.config.answer_tokens });
        if self.queue.len() > self.config.queue_max.max(1) {
            // The first of the least: the queue is in order of arrival.
            let least = self.queue.iter().enumerate().min_by_key(|(_, waiting)| waiting.job.priority);
            let dropped = least.map(|(at, _)| at).and_then(|at| self.queue.remove(at));
            if let Some(waiting) = dropped {
                self.status.dropped += 1;
                self.done(&waiting.job, Opinion::NoOpinion(NoOpinion::Dropped));
            }
        }
    }

    /// What to do next; `None` until something comes or [`Client::deadline`] is reached. Call it until it gives `None`.
    pub fn poll(&mut self, at: Timestamp) -> Option<Output> {
        if self.flight.as_ref().is_some_and(|flight| at >= flight.deadline) {
            self.timed_out(at);
        }
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.flight.is_some() || self.queue.is_empty() || at < self.not_before {
            return None;
        }
        Some(Output::Send(self.next(at)))
    }

    /// When to call [`Client::poll`] again though nothing came.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.flight {
            Some(flight) => Some(flight.deadline),
            None => (!self.queue.is_empty()).then_some(self.not_before),
        }
    }

    /// What came of a request. An outcome of one that was cancelled is ignored.
    pub fn handle(&mut self, at: Timestamp, serial: u64, outcome: Outcome) {
        let Some(Flight { ask, .. }) = self.flight.take_if(|flight| flight.serial == serial) else { return };
        match (outcome, ask) {
            (Outcome::Answered { status: 200, body }, ask) => self.answered(at, &body, ask),
            (Outcome::Answered { status, body }, ask) => self.answered_badly(at, status, &body, ask),
            (Outcome::Refused(reason), ask) => {
                self.put_back(ask);
                self.away(at, reason);
            }
            (Outcome::Broken(reason), ask) => self.failed(at, &format!("the connection broke: {reason}"), ask),
            (Outcome::TooLarge, ask) => {
                let reason = format!("an answer of more than {} bytes", answer::BODY_BYTES_MAX);
                self.failed(at, &reason, ask);
            }
        }
    }

    /// What is shown.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            queued: self.queue.len() + usize::from(matches!(&self.flight, Some(Flight { ask: Ask::Chat(_), .. }))),
            digest: self.server.digest.clone(),
            version: self.server.version.clone(),
            ..self.status.clone()
        }
    }

    /// What an opinion on a text would be filed under now. `None` until the server has said which model it has.
    #[must_use]
    pub fn identity(&self, text: &str) -> Option<Identity> {
        identity(self.server.digest.as_deref(), self.server.version.as_deref(), text)
    }

    fn next(&mut self, at: Timestamp) -> Request {
        if at.since(self.server.learned_at) > KNOWN {
            self.server = Server { learned_at: at, ..Server::default() };
        }
        let model = serde_json::json!({"model": self.config.model}).to_string().into_bytes();
        let server = &self.server;
        let (ask, method, path, body, patience) = if server.version.is_none() {
            self.status.state = State::Learning;
            (Ask::Version, Method::Get, "/api/version", Vec::new(), PATIENCE_SMALL)
        } else if server.digest.is_none() {
            (Ask::Tags, Method::Get, "/api/tags", Vec::new(), PATIENCE_SMALL)
        } else if server.can_think.is_none() {
            (Ask::Show, Method::Post, "/api/show", model, PATIENCE_SMALL)
        } else {
            self.status.state = State::Ready;
            let waiting = self.most_urgent().expect("poll has seen that the queue is not empty");
            let asking = Asking {
                model: &self.config.model,
                keep_alive_s: self.config.keep_alive.as_secs(),
                is_told_not_to_think: self.server.can_think == Some(Some(true)),
                seed: self.config.seed.wrapping_add(u64::from(waiting.attempt)),
                answer_tokens: waiting.answer_tokens,
                context_tokens: self.config.context_tokens,
            };
            let body = prompt::chat(&asking, &waiting.job.text).to_string().into_bytes();
            let patience = if at < self.warm_until { self.config.patience_warm } else { self.config.patience_cold };
            (Ask::Chat(waiting), Method::Post, "/api/chat", body, patience)
        };
        self.serial += 1;
        self.flight = Some(Flight { serial: self.serial, deadline: at.plus(patience), ask });
        Request { serial: self.serial, method, path, body }
    }

    fn most_urgent(&mut self) -> Option<Waiting> {
        // `max_by_key` gives the last of equals: reversed, that is the one that waits longest.
        let (at, _) = self.queue.iter().enumerate().rev().max_by_key(|(_, waiting)| waiting.job.priority)?;
        self.queue.remove(at)
    }

    fn answered(&mut self, at: Timestamp, body: &[u8], ask: Ask) {
        let learned = match &ask {
            Ask::Version => answer::version(body).map(|version| self.server.version = Some(version)),
            Ask::Tags => answer::digest(body, &self.config.model).map(|digest| match digest {
                Some(digest) => self.server.digest = Some(digest),
                None => self.no_model(at),
            }),
            Ask::Show => answer::can_think(body).map(|can_think| self.server.can_think = Some(can_think)),
            Ask::Chat(_) => Ok(()),
        };
        if let Err(reason) = learned {
            // Something answers there that is not Ollama.
            return self.away(at, reason);
        }
        self.wait_refused = REFUSED.0;
        let Ask::Chat(mut waiting) = ask else { return };
        self.wait_busy = BUSY.0;
        self.warm_until = at.plus(self.config.keep_alive);
        let is_last = waiting.attempt + 1 >= ATTEMPTS;
        match answer::read(body) {
            Ok(score) => self.done(&waiting.job, Opinion::Scored(score)),
            Err(AnswerError::CutOff) if is_last => self.none(&waiting.job, NoOpinion::CutOff, "cut off"),
            Err(AnswerError::CutOff) => {
                waiting.answer_tokens =
                    waiting.answer_tokens.saturating_mul(MORE_ROOM).min(self.config.context_tokens / 2);
                self.again(waiting);
            }
            Err(AnswerError::Unreadable(reason)) if is_last => {
                self.none(&waiting.job, NoOpinion::Unreadable(reason.clone()), &reason);
            }
            Err(AnswerError::Unreadable(_)) => self.again(waiting),
            Err(AnswerError::Server(reason)) => self.failed(at, &reason, Ask::Chat(waiting)),
        }
    }

    fn answered_badly(&mut self, at: Timestamp, status: u16, body: &[u8], ask: Ask) {
        let reason = answer::error_text(body);
        match (status, ask) {
            (429 | 503, ask) => {
                self.put_back(ask);
                self.fail(format!("{status} {reason}"));
                self.status.state = State::Busy;
                self.not_before = at.plus(self.wait_busy);
                self.wait_busy = (self.wait_busy * 2).min(BUSY.1);
            }
            (404, ask @ (Ask::Chat(_) | Ask::Show)) => {
                self.put_back(ask);
                self.fail(reason);
                self.no_model(at);
            }
            // A server of before `/api/version`, or without capabilities: no reason to give up.
            (404 | 405, Ask::Version) => self.server.version = Some("unknown".to_owned()),
            (400, Ask::Chat(waiting)) if reason.contains("think") && self.server.can_think != Some(Some(false)) => {
                self.fail(reason);
                self.server.can_think = Some(Some(false));
                self.queue.push_front(waiting);
            }
            (400..=499, Ask::Chat(waiting)) => {
                self.fail(format!("{status} {reason}"));
                self.none(&waiting.job, NoOpinion::Failed(format!("{status} {reason}")), &reason);
            }
            (_, ask) => self.failed(at, &format!("{status} {reason}"), ask),
        }
    }

    /// A failure that may be this text's: it is tried again once, and others come first.
    fn failed(&mut self, at: Timestamp, reason: &str, ask: Ask) {
        let Ask::Chat(waiting) = ask else { return self.away(at, reason.to_owned()) };
        self.fail(reason.to_owned());
        self.not_before = at.plus(FAILED);
        if waiting.attempt + 1 >= ATTEMPTS {
            self.none(&waiting.job, NoOpinion::Failed(reason.to_owned()), reason);
        } else {
            self.again(waiting);
        }
    }

    fn timed_out(&mut self, at: Timestamp) {
        let Some(Flight { serial, ask, .. }) = self.flight.take() else { return };
        self.outputs.push_back(Output::Cancel(serial));
        match ask {
            // A second try would take as long again, and whatever made it slow is still there.
            Ask::Chat(waiting) => {
                self.fail("no answer in time".to_owned());
                self.warm_until = at;
                self.not_before = at.plus(FAILED);
                self.none(&waiting.job, NoOpinion::TimedOut, "no answer in time");
            }
            _ => self.away(at, "no answer in time".to_owned()),
        }
    }

    fn away(&mut self, at: Timestamp, reason: String) {
        self.fail(reason.clone());
        self.status.state = State::Away(reason);
        // Whoever comes back may be another version with other models.
        self.server = Server { learned_at: at, ..Server::default() };
        self.warm_until = at;
        self.not_before = at.plus(self.wait_refused);
        self.wait_refused = (self.wait_refused * 2).min(REFUSED.1);
    }

    fn no_model(&mut self, at: Timestamp) {
        self.status.state = State::NoModel;
        self.server.digest = None;
        self.server.can_think = None;
        self.not_before = at.plus(NO_MODEL);
    }

    fn fail(&mut self, reason: String) {
        self.status.failures += 1;
        self.status.last_failure = Some(reason);
    }

    fn put_back(&mut self, ask: Ask) {
        if let Ask::Chat(waiting) = ask {
            self.queue.push_front(waiting);
        }
    }

    fn again(&mut self, waiting: Waiting) {
        self.queue.push_front(Waiting { attempt: waiting.attempt + 1, ..waiting });
    }

    fn none(&mut self, job: &Job, reason: NoOpinion, words: &str) {
        self.status.unscored += 1;
        self.status.last_failure = Some(words.to_owned());
        self.done(job, Opinion::NoOpinion(reason));
    }

    fn done(&mut self, job: &Job, opinion: Opinion) {
        self.status.scored += u64::from(opinion.score().is_some());
        let identity = self.identity(&job.text);
        self.outputs.push_back(Output::Done { id: job.id, opinion, identity });
    }
}
