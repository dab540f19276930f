//! A bot of Telegram that writes into one chat.
//!
//! Texts go without `parse_mode`: nothing in them has a meaning. At most 4096 characters, counted in UTF-16 units, which are never fewer.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Http, HttpRequest, Unusable, Verdict, address, duration, is_loopback, json as encode, json_headers};
use crate::alert::Level;
use crate::message::Message;
use crate::secret::Secret;
use crate::text::{Unit, cut};

/// Telegram's own server.
pub const BASE: &str = "https://api.telegram.org";
/// Longest text, UTF-16 units.
pub const TEXT_MAX: usize = 4_096;

/// The bot and its chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    pub(super) base: String,
    pub(super) token: Secret,
    pub(super) chat: String,
    is_here: bool,
}

#[derive(Deserialize)]
struct Refusal {
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<f64>,
    migrate_to_chat_id: Option<i64>,
}

impl Telegram {
    /// The bot of a token, and a chat by its number or a channel's `@name`.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn new(base: &str, token: &Secret, chat: &str) -> Result<Self, Unusable> {
        let url = address(base, "base", false)?;
        // 123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11
        let is_token = token.expose().split_once(':').is_some_and(|(bot, key)| {
            let is_key = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            !bot.is_empty() && bot.bytes().all(|b| b.is_ascii_digit()) && !key.is_empty() && key.bytes().all(is_key)
        });
        if !is_token {
            return Err(Unusable("token: not one such as 123456:ABC-DEF".to_owned()));
        }
        let is_name = chat.strip_prefix('@').is_some_and(|name| {
            !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        });
        if !is_name && chat.parse::<i64>().is_err() {
            return Err(Unusable("chat: not a number, nor the @name of a channel".to_owned()));
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { is_here: is_loopback(&url), base, token: token.clone(), chat: chat.to_owned() })
    }

    pub(super) fn write(&self, message: &Message, link: Option<&str>) -> HttpRequest {
        let link = link.map(|link| format!("\n\n{link}")).unwrap_or_default();
        let room = TEXT_MAX.saturating_sub(Unit::Utf16.length(&link));
        let plain = if message.is_single() {
            message.plain(room, Unit::Utf16)
        } else {
            let title = message.title();
            let title = cut(&title, 512, Unit::Utf16);
            let rest = room.saturating_sub(Unit::Utf16.length(&title) + 2);
            format!("{title}\n\n{}", message.plain(rest, Unit::Utf16))
        };
        let chat = self.chat.parse::<i64>().map_or_else(|_| Value::from(self.chat.as_str()), Value::from);
        let body = json!({
            "chat_id": chat,
            "text": format!("{plain}{link}"),
            "disable_notification": message.weight() == Level::Info,
        });
        let url = Secret::new(format!("{}/bot{}/sendMessage", self.base, self.token.expose()));
        HttpRequest { url, headers: json_headers(), body: encode(&body), may_be_private: self.is_here }
    }
}

pub(super) fn judge(answer: &Http<'_>) -> Verdict {
    let refusal: Option<Refusal> = answer.json();
    let words = refusal.as_ref().and_then(|refusal| refusal.description.as_deref());
    let parameters = refusal.as_ref().and_then(|refusal| refusal.parameters.as_ref());
    if answer.status >= 400
        && let Some(chat) = parameters.and_then(|parameters| parameters.migrate_to_chat_id)
    {
        return Verdict::Moved(chat);
    }
    match answer.status {
        429 => {
            let told = parameters.and_then(|parameters| duration(parameters.retry_after?));
            let wait = told.or_else(|| answer.retry_after());
            wait.map_or_else(|| Verdict::Retry(answer.told(words)), Verdict::RetryAfter)
        }
        // Something on the way answered, not Telegram.
        401 | 403 | 404 if answer.is_page() => Verdict::Retry(answer.told(None)),
        401 | 404 => Verdict::Stop(format!("the token is wrong ({})", answer.told(words))),
        403 => Verdict::Stop(format!("the bot may not write there ({})", answer.told(words))),
        400 if words.is_some_and(|words| words.contains("chat not found")) => {
            Verdict::Stop(format!("there is no such chat ({})", answer.told(words)))
        }
        _ => answer.usual(words),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::super::tests::{http, noon};
    use super::super::{Answer, Endpoint};
    use super::*;
    use crate::message::samples::{message, told};

    fn telegram(chat: &str) -> Telegram {
        Telegram::new(BASE, &Secret::new("12:aB-c_d"), chat).expect("a bot")
    }

    fn body(message: &Message, chat: &str, link: Option<&str>) -> Value {
        serde_json::from_slice(&telegram(chat).write(message, link).body).expect("JSON")
    }

    #[track_caller]
    fn check(answer: &Answer, expected: &Verdict) {
        assert_eq!(&Endpoint::Telegram(telegram("5")).judge(noon(), answer), expected);
    }

    #[test]
    fn texts_have_no_markup_and_chats_are_numbers_or_names() {
        let one = message(vec![told("1.5 % - *lost*", "on_Kraken.")], 0);
        let told = body(&one, "-100123", Some("http://box.local"));
        assert_eq!(
            told,
            json!({"chat_id": -100_123, "text": "1.5 % - *lost*\non_Kraken.\n\nhttp://box.local", "disable_notification": false})
        );
        assert_eq!(body(&one, "@my_channel", None)["chat_id"], "@my_channel");
        assert_eq!(telegram("5").write(&one, None).url.expose(), "https://api.telegram.org/bot12:aB-c_d/sendMessage");
        let of = |token: &str, chat: &str| Telegram::new(BASE, &Secret::new(token), chat).is_ok();
        assert!(
            !of("", "5")
                && !of("12", "5")
                && !of("12:a/b", "5")
                && !of("12:a", "")
                && !of("12:a", "@")
                && !of("12:a", "me")
        );
    }

    #[test]
    fn answers_mean_what_the_documentation_says() {
        check(&http(200, &[], r#"{"ok":true,"result":{"message_id":1}}"#), &Verdict::SENT);
        let busy = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}"#;
        check(&http(429, &[], busy), &Verdict::RetryAfter(Duration::from_secs(5)));
        let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded","parameters":{"migrate_to_chat_id":-1001}}"#;
        check(&http(400, &[], moved), &Verdict::Moved(-1_001));
        let lost = r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#;
        check(
            &http(400, &[], lost),
            &Verdict::Stop("there is no such chat (status 400: Bad Request: chat not found)".to_owned()),
        );
        check(
            &http(400, &[], r#"{"description":"Bad Request: message is too long"}"#),
            &Verdict::Refused("status 400: Bad Request: message is too long".to_owned()),
        );
        check(
            &http(401, &[], r#"{"description":"Unauthorized"}"#),
            &Verdict::Stop("the token is wrong (status 401: Unauthorized)".to_owned()),
        );
        check(
            &http(403, &[], r#"{"description":"Forbidden: bot was blocked by the user"}"#),
            &Verdict::Stop(
                "the bot may not write there (status 403: Forbidden: bot was blocked by the user)".to_owned(),
            ),
        );
        check(&http(502, &[], "<html>"), &Verdict::Retry("status 502, with a web page".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_is_too_long(texts in prop::collection::vec(("[a-zé🚀]{1,300}", "[a-zé🚀 ]{0,3000}"), 1..8), more in 0u32..9, link: bool) {
            let message = message(texts.iter().map(|(title, text)| told(title, text)).collect(), more);
            let body = body(&message, "5", link.then_some("http://box.local/market"));
            let text = body["text"].as_str().expect("a text");
            prop_assert!((1..=TEXT_MAX).contains(&text.encode_utf16().count()));
            prop_assert!(!link || text.ends_with("http://box.local/market"));
        }
    }
}
