//! Asks an Ollama server, as `sentiment::ollama` says.
//!
//! The requests go through reqwest and not through the crate `ollama-rs` (looked at in version 0.3.6), which cannot carry any of them:
//! its errors hold no HTTP status, so a busy server (503) cannot be told from a missing model (404); its chat answer has no `done_reason`,
//! so a cut answer looks whole; a body is read without a limit; streamed lines that hold an error, or that end within a UTF-8 character,
//! are skipped; its list of models has no digest. It would bring a second reqwest, too.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use sentiment::ollama::answer::BODY_BYTES_MAX;
use sentiment::ollama::{Client, Config, Job, Method, Outcome, Output, Request, Status};
use sentiment::{Identity, Opinion};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::NetworkSection;
use crate::venue::Network;

/// Longest wait for a connection. The server is on this machine or in the same house.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Texts on their way to the task, beside its own queue.
const WAY_IN: usize = 64;
/// Opinions on their way out; a reader that is slower makes the task wait, and then texts are dropped by the queue's rule.
const WAY_OUT: usize = 256;

/// What became of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rated {
    pub(crate) id: u64,
    pub(crate) opinion: Opinion,
    /// What the opinion is filed under.
    pub(crate) identity: Option<Identity>,
}

/// A task that rates texts. It ends, with its connection, when this is dropped.
#[derive(Debug)]
pub(crate) struct Rater {
    jobs: mpsc::Sender<Job>,
    /// Every text that was taken comes out here once.
    pub(crate) rated: mpsc::Receiver<Rated>,
    status: Arc<Mutex<Status>>,
    task: JoinHandle<()>,
}

impl Drop for Rater {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Rater {
    /// Starts the task for a server such as `http://127.0.0.1:11434`. Whether it is there shows when the first text comes.
    ///
    /// # Errors
    /// An address that is none.
    pub(crate) fn start(base: &str, config: Config, clock: Clock) -> anyhow::Result<Self> {
        let url: reqwest::Url = base.parse().with_context(|| format!("{base}: not an address"))?;
        ensure!(matches!(url.scheme(), "http" | "https"), "{base}: must begin with http:// or https://");
        // No proxy: the server is in the house. No redirects: nobody else is to get the texts.
        let client = Network::new(&NetworkSection::default())?
            .http()?
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("HTTP client")?;
        let (jobs, way_in) = mpsc::channel(WAY_IN);
        let (way_out, rated) = mpsc::channel(WAY_OUT);
        let status = Arc::new(Mutex::new(Status::default()));
        let server = Server { client, base: base.trim_end_matches('/').to_owned() };
        let task = Task { server, clock, asker: Client::new(config), status: status.clone(), way_out };
        Ok(Self { jobs, rated, status, task: tokio::spawn(task.run(way_in)) })
    }

    /// Hands a text over without waiting; gives it back where the task cannot keep up.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Job> {
        self.jobs.try_send(job).map_err(mpsc::error::TrySendError::into_inner)
    }

    /// How it goes.
    pub(crate) fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Server {
    client: reqwest::Client,
    base: String,
}

struct Task {
    server: Server,
    clock: Clock,
    asker: Client,
    status: Arc<Mutex<Status>>,
    way_out: mpsc::Sender<Rated>,
}

/// A request on its way. Dropping it closes the connection.
type Flight = (u64, Pin<Box<dyn Future<Output = Outcome> + Send>>);

impl Task {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut flight: Option<Flight> = None;
        loop {
            while let Some(output) = self.asker.poll(self.clock.now()) {
                match output {
                    Output::Send(request) => flight = Some((request.serial, Box::pin(self.server.send(request)))),
                    Output::Cancel(serial) => drop(flight.take_if(|(flying, _)| *flying == serial)),
                    Output::Done { id, opinion, identity } => {
                        if self.way_out.send(Rated { id, opinion, identity }).await.is_err() {
                            return;
                        }
                    }
                }
            }
            *self.status.lock().unwrap_or_else(PoisonError::into_inner) = self.asker.status();
            let deadline = self.asker.deadline();
            let landed = async {
                match &mut flight {
                    Some((serial, flight)) => (*serial, flight.await),
                    None => pending().await,
                }
            };
            let time = async {
                match deadline {
                    Some(deadline) => self.clock.sleep_until(deadline).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => self.asker.submit(job),
                    None => return,
                },
                (serial, outcome) = landed => {
                    flight = None;
                    self.asker.handle(self.clock.now(), serial, outcome);
                }
                () = time => {}
            }
        }
    }
}

impl Server {
    fn send(&self, request: Request) -> impl Future<Output = Outcome> + Send + 'static {
        let url = format!("{}{}", self.base, request.path);
        let call = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url).header("content-type", "application/json").body(request.body),
        };
        async move {
            let mut response = match call.send().await {
                Ok(response) => response,
                Err(error) if error.is_connect() || error.is_timeout() => return Outcome::Refused(words(error)),
                Err(error) => return Outcome::Broken(words(error)),
            };
            let status = response.status().as_u16();
            let mut body = Vec::new();
            loop {
                match response.chunk().await {
                    Ok(Some(bytes)) if body.len() + bytes.len() > BODY_BYTES_MAX => return Outcome::TooLarge,
                    Ok(Some(bytes)) => body.extend_from_slice(&bytes),
                    Ok(None) => return Outcome::Answered { status, body },
                    Err(error) => return Outcome::Broken(words(error)),
                }
            }
        }
    }
}

/// An error with its reasons, on one line.
fn words(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::from(error.without_url()))
}
