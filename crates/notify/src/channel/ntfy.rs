//! A topic of ntfy, by its JSON: titles and tags need no encoding then.
//!
//! Who knows the name of a topic reads it, so it is a secret too. A message of more than 4096 bytes would become a file.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::json;

use super::{Http, HttpRequest, Unusable, Verdict, address, is_loopback, json as encode, json_headers};
use crate::alert::Level;
use crate::message::Message;
use crate::secret::Secret;
use crate::text::{Unit, cut};

/// The public server.
pub const SERVER: &str = "https://ntfy.sh";
/// Longest message, bytes.
pub const MESSAGE_BYTES_MAX: usize = 4_096;
/// Longest title, bytes; phones show less.
pub const TITLE_BYTES_MAX: usize = 250;
/// Longest name of a topic.
const TOPIC_BYTES_MAX: usize = 64;

/// Who publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Anybody.
    None,
    /// `tk_..`.
    Token(Secret),
    /// A user of the server and the password.
    User(String, Secret),
}

/// The topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ntfy {
    server: String,
    topic: Secret,
    login: Login,
    may_be_private: bool,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
}

impl Ntfy {
    /// A topic of a server; `allow_private` lets the server be one of the home network, also without TLS.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn new(server: &str, topic: &Secret, login: Login, allow_private: bool) -> Result<Self, Unusable> {
        let url = address(server, "server", allow_private)?;
        if is_loopback(&url) && !allow_private {
            return Err(Unusable(
                "server: is on this machine: set allow_private = true where that is meant".to_owned(),
            ));
        }
        let name = topic.expose();
        let is_legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !(1..=TOPIC_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_legal) {
            return Err(Unusable(format!("topic: must be 1 to {TOPIC_BYTES_MAX} letters, digits, - and _")));
        }
        if matches!(&login, Login::User(user, _) if user.contains(':')) {
            return Err(Unusable("user: holds a colon".to_owned()));
        }
        Ok(Self { server: url.to_string(), topic: topic.clone(), login, may_be_private: allow_private })
    }

    pub(super) fn parts(&self) -> [&str; 4] {
        let (user, secret) = match &self.login {
            Login::None => ("", ""),
            Login::Token(token) => ("", token.expose()),
            Login::User(user, password) => (user.as_str(), password.expose()),
        };
        [&self.server, self.topic.expose(), user, secret]
    }

    pub(super) fn write(&self, message: &Message, link: Option<&str>) -> HttpRequest {
        let (priority, tag) = match message.weight() {
            Level::Info => (3, "information_source"),
            Level::Warning => (4, "warning"),
            Level::Urgent => (5, "rotating_light"),
        };
        let text = match message.alerts.as_slice() {
            // The title says the rest.
            [told] if message.is_single() && !told.alert.text.is_empty() => {
                cut(&told.alert.text, MESSAGE_BYTES_MAX, Unit::Bytes).into_owned()
            }
            _ => message.plain(MESSAGE_BYTES_MAX, Unit::Bytes),
        };
        let mut body = json!({
            "topic": self.topic.expose(),
            "title": cut(&message.title(), TITLE_BYTES_MAX, Unit::Bytes),
            "message": text,
            "priority": priority,
            "tags": [tag],
        });
        if let Some(link) = link {
            body["click"] = link.into();
        }
        let mut headers = json_headers();
        match &self.login {
            Login::None => {}
            Login::Token(token) => headers.push(("authorization", Secret::new(format!("Bearer {}", token.expose())))),
            Login::User(user, password) => {
                let basic = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
                headers.push(("authorization", Secret::new(format!("Basic {basic}"))));
            }
        }
        HttpRequest {
            url: Secret::new(&self.server),
            headers,
            body: encode(&body),
            may_be_private: self.may_be_private,
        }
    }
}

pub(super) fn judge(answer: &Http<'_>) -> Verdict {
    let refusal: Option<Refusal> = answer.json();
    let words = refusal.as_ref().and_then(|refusal| refusal.error.as_deref());
    match answer.status {
        401 | 403 => Verdict::Stop(format!("the server refuses us ({})", answer.told(words))),
        404 if !answer.is_page() => Verdict::Stop(format!("there is no ntfy at this address ({})", answer.told(words))),
        _ => answer.usual(words),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::tests::{http, noon};
    use super::super::{Answer, Endpoint};
    use super::*;
    use crate::message::samples::{message, told};

    fn ntfy(login: Login) -> Ntfy {
        Ntfy::new(SERVER, &Secret::new("box_7f3a"), login, false).expect("a topic")
    }

    fn body(message: &Message) -> Value {
        serde_json::from_slice(&ntfy(Login::None).write(message, Some("http://box.local")).body).expect("JSON")
    }

    #[track_caller]
    fn check(answer: &Answer, expected: &Verdict) {
        assert_eq!(&Endpoint::Ntfy(ntfy(Login::None)).judge(noon(), answer), expected);
    }

    #[test]
    fn a_message_says_how_much_it_matters() {
        let mut one = message(vec![told("Kraken ist weg ☹", "Seit 30 s.")], 0);
        let told = body(&one);
        assert_eq!((&told["title"], &told["message"]), (&"Kraken ist weg ☹".into(), &"Seit 30 s.".into()));
        assert_eq!((&told["priority"], &told["tags"]), (&4.into(), &json!(["warning"])));
        assert_eq!((&told["topic"], &told["click"]), (&"box_7f3a".into(), &"http://box.local".into()));
        one.alerts[0].alert.level = Level::Urgent;
        assert_eq!(body(&one)["priority"], 5);
        one.alerts[0].alert.state = crate::State::Ends;
        assert_eq!((&body(&one)["priority"], &body(&one)["title"]), (&3.into(), &"Over: Kraken ist weg ☹".into()));
    }

    #[test]
    fn who_publishes_is_told_as_the_server_wants_it() {
        let header = |login| {
            let request = ntfy(login).write(&message(vec![told("a", "")], 0), None);
            request
                .headers
                .into_iter()
                .find(|(name, _)| *name == "authorization")
                .map(|(_, value)| value.expose().to_owned())
        };
        assert_eq!(header(Login::None), None);
        assert_eq!(header(Login::Token(Secret::new("tk_1"))).as_deref(), Some("Bearer tk_1"));
        assert_eq!(header(Login::User("me".to_owned(), Secret::new("pä"))).as_deref(), Some("Basic bWU6cMOk"));
    }

    #[test]
    fn answers_and_places_mean_what_the_documentation_says() {
        check(&http(200, &[], r#"{"id":"x","event":"message"}"#), &Verdict::SENT);
        check(&http(429, &[("retry-after", "5")], ""), &Verdict::RetryAfter(Duration::from_secs(5)));
        let busy = r#"{"code":42901,"http":429,"error":"limit reached: too many requests"}"#;
        check(&http(429, &[], busy), &Verdict::Retry("status 429: limit reached: too many requests".to_owned()));
        check(
            &http(403, &[], r#"{"error":"forbidden"}"#),
            &Verdict::Stop("the server refuses us (status 403: forbidden)".to_owned()),
        );
        check(&http(413, &[], ""), &Verdict::Refused("status 413".to_owned()));
        assert!(matches!(Endpoint::Ntfy(ntfy(Login::None)).judge(noon(), &http(404, &[], "")), Verdict::Stop(_)));
        let of =
            |server: &str, topic: &str, private| Ntfy::new(server, &Secret::new(topic), Login::None, private).is_ok();
        assert!(of("http://192.168.1.5:2586", "a", true) && !of("http://192.168.1.5:2586", "a", false));
        assert!(!of(SERVER, "", false) && !of(SERVER, "a/b", false) && !of(SERVER, &"a".repeat(65), false));
    }

    proptest! {
        #[test]
        fn no_text_becomes_a_file(texts in prop::collection::vec(("[a-zé🚀]{1,300}", "[a-zé🚀 ]{0,3000}"), 1..6), more in 0u32..9) {
            let body = body(&message(texts.iter().map(|(title, text)| told(title, text)).collect(), more));
            prop_assert!(body["message"].as_str().is_some_and(|text| !text.is_empty() && text.len() <= MESSAGE_BYTES_MAX));
            prop_assert!(body["title"].as_str().is_some_and(|text| text.len() <= TITLE_BYTES_MAX));
        }
    }
}
