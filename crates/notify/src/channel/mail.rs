//! A message of e-mail, and what a server's reply to it means.
//!
//! A mail is plain text, encoded so that it is ASCII on the wire, with `Auto-Submitted` so that no absence note answers it. Its `Message-ID`
//! is made of the message's own, so a mail that is sent again can be known as the same.

use core::time::Duration;
use std::time::UNIX_EPOCH;

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Person, SinglePart};

use super::{Mail, Unusable, Verdict};
use crate::message::Message;
use crate::secret::Secret;
use crate::text::{Unit, cut, line};

/// Most people a mail goes to.
pub const TO_MAX: usize = 10;
/// Longest subject, characters.
const SUBJECT_CHARS_MAX: usize = 150;
/// Longest body, bytes before it is encoded.
const BODY_BYTES_MAX: usize = 64 << 10;
const FROM_NAME: &str = "Tickerbox";

/// How the connection is encrypted. There is no way without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It begins in clear and goes on encrypted, or not at all (port 587).
    Starttls,
    /// From its first byte on (port 465).
    Implicit,
}

/// Who takes the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name, as in its certificate.
    pub host: String,
    /// 587 or 465, mostly.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// Who sends there; empty where nobody has to say.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// From whom and to whom, and by which server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    from: Address,
    to: Vec<Address>,
    /// By which server.
    pub server: Server,
}

impl Mailbox {
    /// Checks the addresses.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn new(from: &str, to: &[String], server: Server) -> Result<Self, Unusable> {
        let from = address(from, "from")?;
        if to.is_empty() || to.len() > TO_MAX {
            return Err(Unusable(format!("to: must be 1 to {TO_MAX} addresses")));
        }
        let to = to.iter().map(|to| address(to, "to")).collect::<Result<_, _>>()?;
        let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':');
        if server.host.is_empty() || !server.host.bytes().all(is_host) {
            return Err(Unusable("host: not the name of a server".to_owned()));
        }
        if server.user.is_empty() != server.password.is_empty() {
            return Err(Unusable("user and password belong together".to_owned()));
        }
        Ok(Self { from, to, server })
    }

    pub(super) fn parts(&self) -> Vec<String> {
        let Server { host, port, tls: _, user, password } = &self.server;
        let mut parts =
            vec![host.clone(), port.to_string(), user.clone(), password.expose().to_owned(), self.from.to_string()];
        parts.extend(self.to.iter().map(ToString::to_string));
        parts
    }

    pub(super) fn write(&self, message: &Message, link: Option<&str>) -> Result<Mail, Unusable> {
        let unusable = |error: lettre::error::Error| Unusable(format!("the mail cannot be written: {error}"));
        let link = link.map(|link| format!("\n\n{link}")).unwrap_or_default();
        let body = message.plain(BODY_BYTES_MAX, Unit::Bytes);
        let made_at = UNIX_EPOCH + Duration::from_secs(message.made_at.as_secs().max(0).unsigned_abs());
        let id = line(&message.id).replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "");
        let subject = line(&message.title());
        let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut builder = lettre::Message::builder()
            .from(Person::new(Some(FROM_NAME.to_owned()), self.from.clone()))
            .date(made_at)
            .message_id(Some(format!("<{id}@{}>", self.from.domain())))
            .subject(cut(&subject, SUBJECT_CHARS_MAX, Unit::Chars))
            .raw_header(HeaderValue::new(auto, "auto-generated".to_owned()));
        for to in &self.to {
            builder = builder.to(Person::new(None, to.clone()));
        }
        let envelope = Envelope::new(Some(self.from.clone()), self.to.clone()).map_err(unusable)?;
        let text = format!("{body}{link}").replace('\n', "\r\n");
        let mail = builder.envelope(envelope.clone()).singlepart(SinglePart::plain(text)).map_err(unusable)?;
        Ok(Mail { envelope, bytes: mail.formatted() })
    }
}

/// ASCII alone: others need what not every server speaks.
fn address(text: &str, what: &str) -> Result<Address, Unusable> {
    text.parse()
        .ok()
        .filter(|_| text.is_ascii() && !text.contains(char::is_control))
        .ok_or_else(|| Unusable(format!("{what}: {text:?} is not an address such as me@example.org")))
}

/// RFC 5321, section 4.2: 2 is good, 4 may be good later, 5 never is. Who does not let us in never will, before somebody acts.
pub(super) fn judge(code: u16, text: &str) -> Verdict {
    let told = format!("reply {code}: {text}");
    match code {
        250 | 251 => Verdict::SENT,
        // 530 authentication required, 534 and 535 wrong, 538 not without encryption.
        530 | 534 | 535 | 538 => Verdict::Stop(format!("the server refuses us ({told})")),
        500..600 => Verdict::Refused(told),
        _ => Verdict::Retry(told),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::samples::{message, told};

    fn server() -> Server {
        Server {
            host: "smtp.x.org".to_owned(),
            port: 587,
            tls: Tls::Starttls,
            user: String::new(),
            password: Secret::default(),
        }
    }

    fn mailbox() -> Mailbox {
        Mailbox::new("box@x.org", &["me@x.org".to_owned(), "you@y.org".to_owned()], server()).expect("addresses")
    }

    fn written(message: &Message) -> String {
        String::from_utf8(mailbox().write(message, Some("http://box.local")).expect("a mail").bytes).expect("ASCII")
    }

    #[test]
    fn a_mail_is_as_servers_want_it() {
        let mail = written(&message(vec![told("Kraken is away", "For 30 s.\n.\nSee there.")], 0));
        assert_eq!(
            mail,
            "From: Tickerbox <box@x.org>\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <box-discord-1@x.org>\r\n\
             Subject: Kraken is away\r\nAuto-Submitted: auto-generated\r\nTo: me@x.org, you@y.org\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             Kraken is away\r\nFor 30 s.\r\n.\r\nSee there.\r\n\r\nhttp://box.local\r\n"
        );
    }

    #[test]
    fn addresses_are_checked() {
        let of = |from: &str, to: &[&str]| {
            Mailbox::new(from, &to.iter().map(|to| (*to).to_owned()).collect::<Vec<_>>(), server()).is_ok()
        };
        assert!(of("a@x.org", &["b@x.org"]));
        assert!(!of("a", &["b@x.org"]) && !of("a@x.org", &[]) && !of("a@x.org", &["b@x.org\r\nBcc: c@x.org"]));
        assert!(!of("ä@x.org", &["b@x.org"]) && !of("a@x.org", &["b@x.org"; TO_MAX + 1]));
        let half = Server { user: "me".to_owned(), ..server() };
        assert!(Mailbox::new("a@x.org", &["b@x.org".to_owned()], half).is_err());
    }

    #[test]
    fn replies_mean_what_the_standard_says() {
        assert_eq!(judge(250, "queued"), Verdict::SENT);
        assert!(matches!(judge(421, "later"), Verdict::Retry(_)) && matches!(judge(451, ""), Verdict::Retry(_)));
        assert_eq!(judge(535, "no"), Verdict::Stop("the server refuses us (reply 535: no)".to_owned()));
        assert!([550, 552, 553, 554].iter().all(|code| matches!(judge(*code, ""), Verdict::Refused(_))));
    }

    proptest! {
        /// Whatever a venue wrote: the headers are ours, all of it is ASCII, and no line is longer than a server takes.
        #[test]
        fn no_text_adds_a_header(title in any::<String>(), text in any::<String>(), id in any::<String>(), more in 0u32..3) {
            let mut message = message(vec![told(&title, &text)], more);
            message.id = id;
            let mail = written(&message);
            prop_assert!(mail.is_ascii());
            prop_assert!(mail.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
            let (head, _) = mail.split_once("\r\n\r\n").expect("a head");
            let names: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().expect("a name")).collect();
            prop_assert_eq!(names, ["From", "Date", "Message-ID", "Subject", "Auto-Submitted", "To", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]);
        }
    }
}
