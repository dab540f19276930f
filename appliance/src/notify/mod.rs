//! Messages to the owner: `notify` decides, this carries.
//!
//! ```text
//! Notifier::raise ─► office: the outbox, notify.json ─┬─► a task for each channel ─► the service
//!                      ▲                              │            │
//!                      └── what came of it ◄──────────┴────────────┘
//! ```
//!
//! | module | what |
//! |---|---|
//! | `section` | the configuration |
//! | `places` | from the configuration and the files of secrets to the channels |
//! | `carrier` | sends a request or a mail, and tells what came of it |
//! | `smtp` | speaks with a mail server, encrypted or not at all |
//! | `office` | keeps the outbox and hands out what is due |

mod carrier;
mod office;
mod places;
pub(crate) mod section;
#[cfg(test)]
mod services;
mod smtp;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use notify::{Answer, Channel, Endpoint, Message, Verdict};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use types::effect::{Notice, Severity};
use wire::api::ChannelTest;

use crate::access::hex;
use crate::clock::Clock;
use crate::venue::Network;

pub(crate) use notify::{Alert, Level, State};

pub(crate) use carrier::Carrier;
pub(crate) use office::Office;
pub(crate) use places::Places;

/// Alerts on their way to the office; more are refused and counted.
const ALERTS_MAX: usize = 256;
/// Longest sentence that is a title.
const TITLE_CHARS_MAX: usize = 120;

/// What `/healthz` says about messages to the owner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct NotifyHealth {
    /// By channel.
    pub(crate) channels: BTreeMap<String, ChannelHealth>,
    /// Alerts since start that came faster than they could be taken in.
    pub(crate) refused: u64,
    /// Why what waits cannot be kept on the card, if it cannot.
    pub(crate) error: String,
}

/// What `/healthz` says about a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct ChannelHealth {
    /// Messages that have arrived.
    pub(crate) sent: u64,
    /// Alerts that wait to be told.
    pub(crate) waiting: u64,
    /// Alerts that were refused, or did not arrive in a day.
    pub(crate) dead: u64,
    /// Alerts that there was no room for.
    pub(crate) dropped: u64,
    /// Why the last message did not arrive; it is tried again.
    pub(crate) trouble: String,
    /// Why nothing arrives; empty while it works. It makes the box `degraded`.
    pub(crate) error: String,
}

impl NotifyHealth {
    /// Why the owner is not reached by a way that was meant; empty while he is.
    pub(crate) fn worst(&self) -> &str {
        let errors = self.channels.values().map(|channel| channel.error.as_str());
        std::iter::once(self.error.as_str()).chain(errors).find(|error| !error.is_empty()).unwrap_or_default()
    }
}

/// Takes alerts and tells how the channels do. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Notifier {
    shared: Arc<Shared>,
}

struct Shared {
    /// Nothing where no channel is configured.
    office: Option<mpsc::Sender<Order>>,
    refused: AtomicU64,
    shown: Mutex<NotifyHealth>,
    tester: Option<Tester>,
}

/// What the office is told.
#[derive(Debug)]
enum Order {
    Alert(Alert),
    Works(Channel),
}

/// Why no test was made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoTest {
    /// Another one runs.
    Busy,
    /// No such channel is configured.
    Unknown(String),
}

impl Notifier {
    /// Of a box whose owner wants no messages.
    pub(crate) fn silent() -> Self {
        let (refused, shown) = (AtomicU64::new(0), Mutex::default());
        Self { shared: Arc::new(Shared { office: None, refused, shown, tester: None }) }
    }

    /// Goes on with what `dir` keeps; the office has to [run](Office::run). There is none where nothing is configured.
    ///
    /// # Errors
    /// When the HTTP library refuses the settings of the network.
    pub(crate) fn open(
        places: Places,
        dir: &Path,
        network: &Network,
        clock: Clock,
    ) -> anyhow::Result<(Self, Option<Office>)> {
        if places.endpoints.is_empty() && places.broken.is_empty() {
            return Ok((Self::silent(), None));
        }
        for why in places.broken.values() {
            tracing::error!("messages to the owner: {why}");
        }
        let carrier = Arc::new(Carrier::new(network)?);
        let (orders, inbox) = mpsc::channel(ALERTS_MAX);
        let tester = Tester::new(&places, carrier.clone(), clock.clone());
        let shared =
            Shared { office: Some(orders), refused: AtomicU64::new(0), shown: Mutex::default(), tester: Some(tester) };
        let notifier = Self { shared: Arc::new(shared) };
        let office = Office::open(places, dir, carrier, clock, inbox, notifier.clone());
        Ok((notifier, Some(office)))
    }

    /// Tells the owner something, by all channels that are for it. Never waits: what comes faster than it can be taken in is counted.
    pub(crate) fn raise(&self, alert: Alert) {
        if let Some(office) = &self.shared.office
            && let Err(mpsc::error::TrySendError::Full(_)) = office.try_send(Order::Alert(alert))
        {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells the owner what the engine says, where it needs him.
    pub(crate) fn notice(&self, notice: &Notice) {
        if notice.severity == Severity::Alarm && self.shared.office.is_some() {
            let sentence = &notice.text;
            let is_short = sentence.chars().count() <= TITLE_CHARS_MAX;
            let (title, text) =
                if is_short { (sentence.as_str(), "") } else { ("The box needs you", sentence.as_str()) };
            self.raise(Alert {
                key: format!("engine:{sentence}"),
                level: Level::Warning,
                state: State::Happened,
                title: title.to_owned(),
                text: text.to_owned(),
                at: notice.at,
            });
        }
    }

    /// How the channels do; nothing where none is configured.
    pub(crate) fn health(&self) -> Option<NotifyHealth> {
        self.shared.office.as_ref()?;
        Some(NotifyHealth { refused: self.shared.refused.load(Ordering::Relaxed), ..self.shown().clone() })
    }

    /// Sends a test message by one channel or all, past every queue, and tells what the services answered. A channel that was stopped and
    /// works goes on.
    pub(crate) async fn test(&self, channel: Option<&str>) -> Result<Vec<ChannelTest>, NoTest> {
        let none = || NoTest::Unknown("no channel is configured: see [notify] in the configuration".to_owned());
        let tester = self.shared.tester.as_ref().ok_or_else(none)?;
        let results = tester.test(channel).await?;
        for result in results.iter().filter(|result| result.arrived) {
            if let (Some(office), Some(channel)) = (&self.shared.office, Channel::of(&result.channel)) {
                // Who is too busy to hear it hears the next test.
                let _ = office.try_send(Order::Works(channel));
            }
        }
        Ok(results)
    }

    fn shown(&self) -> MutexGuard<'_, NotifyHealth> {
        self.shared.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends test messages.
pub(crate) struct Tester {
    endpoints: Vec<Endpoint>,
    broken: BTreeMap<Channel, String>,
    link: Option<String>,
    carrier: Arc<Carrier>,
    clock: Clock,
    turn: Semaphore,
}

impl Tester {
    pub(crate) fn new(places: &Places, carrier: Arc<Carrier>, clock: Clock) -> Self {
        Self {
            endpoints: places.endpoints.iter().map(|(endpoint, _)| endpoint.clone()).collect(),
            broken: places.broken.clone(),
            link: places.settings.link.clone(),
            carrier,
            clock,
            turn: Semaphore::new(1),
        }
    }

    /// See [`Notifier::test`].
    pub(crate) async fn test(&self, channel: Option<&str>) -> Result<Vec<ChannelTest>, NoTest> {
        let is_meant = |it: Channel| channel.is_none_or(|name| it.name() == name);
        let endpoints: Vec<&Endpoint> = self.endpoints.iter().filter(|it| is_meant(it.channel())).collect();
        let broken = self.broken.iter().filter(|(it, _)| is_meant(**it));
        let broken: Vec<ChannelTest> = broken.map(|(it, why)| result(*it, false, why.clone())).collect();
        if endpoints.is_empty() && broken.is_empty() {
            let of = self.endpoints.iter().map(|it| it.channel().name());
            let known: Vec<&str> = of.chain(self.broken.keys().map(|it| it.name())).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let asked = channel.map(|name| format!("no channel {name:?} is configured")).unwrap_or_default();
            return Err(NoTest::Unknown(format!("{asked}; configured: {known}").trim_start_matches("; ").to_owned()));
        }
        let Ok(_turn) = self.turn.try_acquire() else { return Err(NoTest::Busy) };
        let mut results = join_all(endpoints.into_iter().map(|endpoint| self.one(endpoint))).await;
        results.extend(broken);
        results.sort_by(|a, b| a.channel.cmp(&b.channel));
        Ok(results)
    }

    async fn one(&self, endpoint: &Endpoint) -> ChannelTest {
        let channel = endpoint.channel();
        let at = self.clock.now();
        let message = Message::test(format!("test-{}", random_name()), at);
        let outgoing = match endpoint.write(at, &message, self.link.as_deref()) {
            Ok(outgoing) => outgoing,
            Err(error) => return result(channel, false, error.to_string()),
        };
        let answer = self.carrier.send(endpoint, outgoing).await;
        let verdict = endpoint.judge(self.clock.now(), &answer);
        match verdict {
            Verdict::Sent { .. } => result(channel, true, answered(&answer)),
            Verdict::RetryAfter(wait) => {
                result(channel, false, format!("{}; it wants {} s of rest", answered(&answer), wait.as_secs_f64()))
            }
            Verdict::Moved(chat) => {
                result(channel, false, format!("the chat has another number now: set notify.telegram.chat = '{chat}'"))
            }
            Verdict::Retry(why) | Verdict::Refused(why) | Verdict::Stop(why) => result(channel, false, why),
        }
    }
}

fn result(channel: Channel, arrived: bool, told: String) -> ChannelTest {
    ChannelTest { channel: channel.name().to_owned(), arrived, told }
}

/// In a few words.
fn answered(answer: &Answer) -> String {
    match answer {
        Answer::Http { status, .. } => format!("status {status}"),
        Answer::Smtp { code, text } => format!("reply {code}: {text}"),
        Answer::Nothing(why) | Answer::Forbidden(why) => why.clone(),
    }
}

/// 64 random bits.
fn random_name() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    hex(&bytes)
}
