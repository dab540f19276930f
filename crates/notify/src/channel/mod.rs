//! Where messages go: how each channel wants them written, and what its answers mean.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`discord`] | incoming webhooks | discord.com/developers/docs/resources/webhook, and topics/rate-limits |
//! | [`webhook`] | programs of the owner's own, signed | docs/notifications.md |
//! | [`ntfy`] | topics of ntfy.sh or a server at home | docs.ntfy.sh/publish |
//! | [`telegram`] | `sendMessage` of a bot | core.telegram.org/bots/api |
//! | [`mail`] | messages of e-mail; the sending itself is the shell's | RFC 5322, RFC 5321 section 4.2 for the replies |

pub mod discord;
pub mod mail;
pub mod ntfy;
pub mod telegram;
pub mod webhook;

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use types::Timestamp;
use url::{Host, Url};

use crate::message::Message;
use crate::secret::Secret;
use crate::text::{self, Unit};

/// Longest time that a service can ask to be left alone.
pub const REST_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Longest reason that is kept, characters.
const REASON_CHARS_MAX: usize = 300;

/// The ways to the owner, one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// An incoming webhook of Discord.
    Discord,
    /// A program of the owner's.
    Webhook,
    /// A topic of ntfy.
    Ntfy,
    /// A bot of Telegram.
    Telegram,
    /// E-mail.
    Mail,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Discord, Self::Webhook, Self::Ntfy, Self::Telegram, Self::Mail];

    /// What the configuration calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discord => "discord",
            Self::Webhook => "webhook",
            Self::Ntfy => "ntfy",
            Self::Telegram => "telegram",
            Self::Mail => "mail",
        }
    }

    /// The channel of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where messages of a channel go, and who sends them there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// See [`discord`].
    Discord(discord::Discord),
    /// See [`webhook`].
    Webhook(webhook::Webhook),
    /// See [`ntfy`].
    Ntfy(ntfy::Ntfy),
    /// See [`telegram`].
    Telegram(telegram::Telegram),
    /// See [`mail`].
    Mail(mail::Mailbox),
}

/// A place or a name that cannot be used. Tells no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// By HTTP, always `POST`.
    Http(HttpRequest),
    /// By SMTP.
    Mail(Mail),
}

/// A `POST` request.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Where; often a secret.
    pub url: Secret,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, Secret)>,
    /// JSON.
    pub body: Vec<u8>,
    /// Whether the address may be one of a home network or of this machine.
    pub may_be_private: bool,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let body = self.body.len();
        f.debug_struct("HttpRequest").field("headers", &headers).field("body_bytes", &body).finish_non_exhaustive()
    }
}

/// A message of e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// From whom and to whom, for the server.
    pub envelope: lettre::address::Envelope,
    /// Head and body, ASCII alone.
    pub bytes: Vec<u8>,
}

/// What came of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A server answered over HTTP.
    Http {
        /// Its status.
        status: u16,
        /// Names in lower case, and values.
        headers: Vec<(String, String)>,
        /// As much of the body as was read.
        body: Vec<u8>,
    },
    /// A server answered over SMTP: the last reply.
    Smtp {
        /// 250 when it took the message.
        code: u16,
        /// Its words.
        text: String,
    },
    /// None came, or the connection was not good enough; why, without secrets.
    Nothing(String),
    /// It must not be sent like this; why, without secrets.
    Forbidden(String),
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has arrived. The channel is left alone for a while where it asks for that.
    Sent {
        /// How long.
        rest: Duration,
    },
    /// The service is busy: again after this time.
    RetryAfter(Duration),
    /// Again later, backing off; why.
    Retry(String),
    /// This message will never be taken; why.
    Refused(String),
    /// No message will be taken before somebody acts; why.
    Stop(String),
    /// The chat has another number now: again at once.
    Moved(i64),
}

impl Verdict {
    const SENT: Self = Self::Sent { rest: Duration::ZERO };
}

impl Endpoint {
    /// Whose it is.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Discord(_) => Channel::Discord,
            Self::Webhook(_) => Channel::Webhook,
            Self::Ntfy(_) => Channel::Ntfy,
            Self::Telegram(_) => Channel::Telegram,
            Self::Mail(_) => Channel::Mail,
        }
    }

    /// Writes a message as the channel wants it, to be sent at `at`. `link` is where the dashboard is.
    ///
    /// # Errors
    /// What keeps the message from being written; another one may do.
    pub fn write(&self, at: Timestamp, message: &Message, link: Option<&str>) -> Result<Outgoing, Unusable> {
        match self {
            Self::Discord(discord) => Ok(Outgoing::Http(discord.write(message, link))),
            Self::Webhook(webhook) => Ok(Outgoing::Http(webhook.write(at, message))),
            Self::Ntfy(ntfy) => Ok(Outgoing::Http(ntfy.write(message, link))),
            Self::Telegram(telegram) => Ok(Outgoing::Http(telegram.write(message, link))),
            Self::Mail(mailbox) => mailbox.write(message, link).map(Outgoing::Mail),
        }
    }

    /// What an answer that came at `at` means.
    #[must_use]
    pub fn judge(&self, at: Timestamp, answer: &Answer) -> Verdict {
        let verdict = match (self, answer) {
            (_, Answer::Nothing(why)) => Verdict::Retry(why.clone()),
            (_, Answer::Forbidden(why)) => Verdict::Stop(why.clone()),
            (Self::Mail(_), Answer::Smtp { code, text }) => mail::judge(*code, text),
            (Self::Mail(_), Answer::Http { .. }) | (_, Answer::Smtp { .. }) => {
                Verdict::Retry("an answer of another protocol".to_owned())
            }
            (_, Answer::Http { status, headers, body }) => {
                let answer = Http { at, status: *status, headers, body };
                match self {
                    Self::Discord(_) => discord::judge(&answer),
                    Self::Webhook(_) => webhook::judge(&answer),
                    Self::Ntfy(_) => ntfy::judge(&answer),
                    Self::Telegram(_) | Self::Mail(_) => telegram::judge(&answer),
                }
            }
        };
        let short = |why: String| text::cut(&text::line(&why), REASON_CHARS_MAX, Unit::Chars).into_owned();
        match verdict {
            Verdict::Sent { rest } => Verdict::Sent { rest: rest.min(REST_MAX) },
            Verdict::RetryAfter(wait) => Verdict::RetryAfter(wait.min(REST_MAX)),
            Verdict::Retry(why) => Verdict::Retry(short(why)),
            Verdict::Refused(why) => Verdict::Refused(short(why)),
            Verdict::Stop(why) => Verdict::Stop(short(why)),
            Verdict::Moved(chat) => Verdict::Moved(chat),
        }
    }

    /// Tells one place from another without telling anything of it: a stopped channel goes on when somebody configures another place.
    #[must_use]
    pub fn trace(&self) -> u32 {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        };
        match self {
            Self::Discord(it) => add(it.url.expose()),
            Self::Webhook(it) => [it.url.expose(), it.secret.expose()].into_iter().for_each(add),
            Self::Ntfy(it) => it.parts().iter().for_each(|part| add(part)),
            Self::Telegram(it) => [&it.base, it.token.expose(), &it.chat].into_iter().for_each(add),
            Self::Mail(it) => it.parts().iter().for_each(|part| add(part)),
        }
        let bytes: [u8; 32] = digest.finalize().into();
        // Too short to find a password by.
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// The place moved, as it said itself.
    pub(crate) fn move_to(&mut self, chat: i64) {
        if let Self::Telegram(telegram) = self {
            telegram.chat = chat.to_string();
        }
    }
}

/// An answer over HTTP.
pub(crate) struct Http<'a> {
    at: Timestamp,
    status: u16,
    headers: &'a [(String, String)],
    body: &'a [u8],
}

impl Http<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.trim())
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        self.header(name)?.parse().ok().and_then(duration)
    }

    /// `Retry-After`: seconds, or a date.
    fn retry_after(&self) -> Option<Duration> {
        let of_date = || {
            let date = jiff::fmt::rfc2822::parse(self.header("retry-after")?).ok()?.timestamp();
            let date = i64::try_from(date.as_nanosecond()).ok()?;
            Some(Timestamp::from_nanos(date).since(self.at))
        };
        self.seconds("retry-after").or_else(of_date)
    }

    /// Whether the body is a web page: then something before the service answered.
    fn is_page(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
            || self.body.trim_ascii_start().starts_with(b"<")
    }

    fn json<'de, T: Deserialize<'de>>(&'de self) -> Option<T> {
        serde_json::from_slice(self.body).ok()
    }

    /// For people: the status, and the service's own words where it said some.
    fn told(&self, words: Option<&str>) -> String {
        match words.filter(|words| !words.is_empty()) {
            Some(words) => format!("status {}: {words}", self.status),
            None if self.is_page() => format!("status {}, with a web page", self.status),
            None => format!("status {}", self.status),
        }
    }

    /// What statuses mean that mean the same everywhere.
    fn usual(&self, words: Option<&str>) -> Verdict {
        let told = self.told(words);
        match self.status {
            200..300 => Verdict::SENT,
            429 | 503 => match self.retry_after() {
                Some(wait) => Verdict::RetryAfter(wait),
                None => Verdict::Retry(told),
            },
            300..400 => Verdict::Refused(format!("{told}: it wants to be asked elsewhere")),
            408 | 425 | 500.. => Verdict::Retry(told),
            _ => Verdict::Refused(told),
        }
    }
}

/// A number of seconds that a service told; nothing where it is no time.
fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(REST_MAX))
}

/// An address for requests: `https`, or `http` where that is the owner's wish and no stranger can listen.
fn address(text: &str, what: &str, may_be_plain: bool) -> Result<Url, Unusable> {
    // The address itself may be a secret: it is not repeated.
    let url = Url::parse(text).map_err(|error| Unusable(format!("{what}: not an address: {error}")))?;
    let is_plain = url.scheme() == "http";
    if url.scheme() != "https" && !is_plain {
        return Err(Unusable(format!("{what}: must begin with https://")));
    }
    if !url.has_host() {
        return Err(Unusable(format!("{what}: names no host")));
    }
    if is_plain && !may_be_plain && !is_loopback(&url) {
        return Err(Unusable(format!("{what}: must begin with https://, so that nobody on the way can read it")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Unusable(format!("{what}: holds a name or a password before the host")));
    }
    Ok(url)
}

/// Whether an address is literally one of this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

fn json_headers() -> Vec<(&'static str, Secret)> {
    vec![("content-type", Secret::new("application/json"))]
}

fn json(value: &serde_json::Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// RFC 3339, to the second.
fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_secs()).unwrap_or_default().to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An answer with a body, and headers as `name: value`.
    pub(crate) fn http(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer::Http { status, headers, body: body.as_bytes().to_vec() }
    }

    pub(crate) fn noon() -> Timestamp {
        Timestamp::parse_rfc3339(b"2026-01-05T12:00:00Z").expect("a time")
    }

    #[test]
    fn addresses_that_strangers_could_read_on_the_way_are_none() {
        let of = |text: &str, plain| address(text, "url", plain).map(drop).map_err(|error| error.0);
        assert_eq!(of("https://x.org/a", false), Ok(()));
        assert_eq!(of("http://127.0.0.1:80/a", false), Ok(()));
        assert_eq!(of("http://10.0.0.1/a", true), Ok(()));
        for (wrong, why) in [
            ("http://x.org/SECRET", "so that nobody on the way"),
            ("SECRET", "not an address"),
            ("ftp://x.org/SECRET", "must begin with https://"),
            ("https://me:SECRET@x.org/", "before the host"),
        ] {
            let error = of(wrong, false).unwrap_err();
            assert!(error.starts_with("url: ") && error.contains(why) && !error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let discord =
            discord::Discord::new(&Secret::new("https://discord.com/api/webhooks/1/SECRET")).expect("it is one");
        let webhook =
            webhook::Webhook::new(&Secret::new("https://x.org/SECRET"), &Secret::new("SECRET-SECRET-SECRET"), false);
        let telegram = telegram::Telegram::new(telegram::BASE, &Secret::new("1:SECRET"), "5").expect("it is one");
        let ntfy =
            ntfy::Ntfy::new(ntfy::SERVER, &Secret::new("SECRET"), ntfy::Login::Token(Secret::new("tk_SECRET")), false);
        let mailbox = mail::Mailbox::new(
            "a@x.org",
            &["b@x.org".to_owned()],
            mail::Server {
                host: "smtp.x.org".to_owned(),
                port: 587,
                tls: mail::Tls::Starttls,
                user: "a".to_owned(),
                password: Secret::new("SECRET"),
            },
        )
        .expect("it is one");
        let endpoints = [
            Endpoint::Discord(discord),
            Endpoint::Webhook(webhook.expect("it is one")),
            Endpoint::Telegram(telegram),
            Endpoint::Ntfy(ntfy.expect("it is one")),
            Endpoint::Mail(mailbox),
        ];
        let message = Message::test("1".to_owned(), noon());
        for endpoint in &endpoints {
            let shown = format!("{endpoint:?} {:?}", endpoint.write(noon(), &message, None));
            assert!(!shown.contains("SECRET"), "{shown}");
        }
        let traces: std::collections::BTreeSet<u32> = endpoints.iter().map(Endpoint::trace).collect();
        assert_eq!(traces.len(), 5);
    }

    #[test]
    fn nobody_waits_for_ever_and_odd_times_are_none() {
        for (header, expected) in [
            ("7", Some(7.0)),
            ("0.3", Some(0.3)),
            ("Mon, 05 Jan 2026 12:00:30 GMT", Some(30.0)),
            ("Mon, 05 Jan 2026 11:00:30 GMT", Some(0.0)),
            ("99999999999999999999", None),
            ("1e9", Some(REST_MAX.as_secs_f64())),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = [("retry-after".to_owned(), header.to_owned())];
            let answer = Http { at: noon(), status: 429, headers: &headers, body: b"" };
            assert_eq!(answer.retry_after(), expected.map(Duration::from_secs_f64), "{header}");
        }
    }
}
