//! An incoming webhook of Discord.
//!
//! Limits, in characters: a title 256, a description 4096, ten embeds of 6000 altogether, `content` 2000. No text can call anybody:
//! `allowed_mentions` is always empty. Waiting times are the service's own: `retry_after` of the body, `Retry-After`,
//! `X-RateLimit-Reset-After`.

use core::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Http, HttpRequest, Unusable, Verdict, address, duration, is_loopback, json as encode, json_headers, rfc3339,
};
use crate::alert::{Level, State};
use crate::message::{Message, Told};
use crate::secret::Secret;
use crate::text::{Unit, cut};

/// Longest `content`.
pub const CONTENT_CHARS_MAX: usize = 2_000;
/// Most embeds.
pub const EMBEDS_MAX: usize = 10;
/// Longest title of an embed.
pub const TITLE_CHARS_MAX: usize = 256;
/// Longest description of an embed.
pub const DESCRIPTION_CHARS_MAX: usize = 4_096;
/// Most characters of all embeds.
pub const ALL_CHARS_MAX: usize = 6_000;

/// The webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discord {
    pub(super) url: Secret,
    is_here: bool,
}

/// What it says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    message: Option<String>,
    retry_after: Option<f64>,
}

impl Discord {
    /// A webhook by the address that Discord shows.
    ///
    /// # Errors
    /// When it is not the address of a webhook.
    pub fn new(url: &Secret) -> Result<Self, Unusable> {
        let mut url = address(url.expose(), "webhook", false)?;
        let path: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
        let is_webhook = match path.as_slice() {
            ["api", "webhooks", id, token] | ["api", _, "webhooks", id, token] => {
                !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && !token.is_empty()
            }
            _ => false,
        };
        if !is_webhook {
            return Err(Unusable(
                "webhook: not an address such as https://discord.com/api/webhooks/ID/TOKEN".to_owned(),
            ));
        }
        if !url.query_pairs().any(|(name, _)| name == "wait") {
            // The answer tells then whether it was taken.
            url.query_pairs_mut().append_pair("wait", "true");
        }
        Ok(Self { is_here: is_loopback(&url), url: Secret::new(url.as_str()) })
    }

    pub(super) fn write(&self, message: &Message, link: Option<&str>) -> HttpRequest {
        let mut embeds: Vec<Value> = Vec::new();
        let mut room = ALL_CHARS_MAX;
        for told in message.alerts.iter().take(EMBEDS_MAX) {
            let Some((embed, used)) = embed(told, room, link) else { break };
            room -= used;
            embeds.push(embed);
        }
        let left_out = message.count() - u32::try_from(embeds.len()).unwrap_or(0);
        let content = match (message.is_single(), left_out) {
            (true, 0) => String::new(),
            (_, 0) => message.title(),
            (_, count) => format!("{}\n{count} of them have no room here", message.title()),
        };
        let mut body = json!({"username": "Tickerbox", "allowed_mentions": {"parse": []}, "embeds": embeds});
        if !content.is_empty() {
            body["content"] = cut(&content, CONTENT_CHARS_MAX, Unit::Chars).into();
        }
        HttpRequest {
            url: self.url.clone(),
            headers: json_headers(),
            body: encode(&body),
            may_be_private: self.is_here,
        }
    }
}

/// An alert within what is left of the room, and how much it takes.
fn embed(told: &Told, room: usize, link: Option<&str>) -> Option<(Value, usize)> {
    let headline = told.headline();
    let title = cut(&headline, TITLE_CHARS_MAX.min(room), Unit::Chars);
    // An embed without a title says nothing.
    let used = Unit::Chars.length(&title);
    if title.is_empty() || (room < TITLE_CHARS_MAX && used < Unit::Chars.length(&headline)) {
        return None;
    }
    let text = cut(&told.alert.text, DESCRIPTION_CHARS_MAX.min(room - used), Unit::Chars);
    let mut embed = json!({"title": title, "color": color(told), "timestamp": rfc3339(told.alert.at)});
    if !text.is_empty() {
        embed["description"] = text.as_ref().into();
    }
    if let Some(link) = link {
        embed["url"] = link.into();
    }
    Some((embed, used + Unit::Chars.length(&text)))
}

/// Red, orange, blue; green for what is over.
fn color(told: &Told) -> u32 {
    match (told.alert.state, told.alert.level) {
        (State::Ends, _) => 0x2e_cc_71,
        (_, Level::Urgent) => 0xe7_4c_3c,
        (_, Level::Warning) => 0xe6_7e_22,
        (_, Level::Info) => 0x34_98_db,
    }
}

pub(super) fn judge(answer: &Http<'_>) -> Verdict {
    let refusal: Option<Refusal> = answer.json();
    let words = refusal.as_ref().and_then(|refusal| refusal.message.as_deref());
    match answer.status {
        200..300 => {
            let is_spent = answer.header("x-ratelimit-remaining") == Some("0");
            let rest = answer.seconds("x-ratelimit-reset-after").filter(|_| is_spent);
            Verdict::Sent { rest: rest.unwrap_or(Duration::ZERO) }
        }
        429 => {
            let told = refusal.as_ref().and_then(|refusal| duration(refusal.retry_after?));
            let wait = told.or_else(|| answer.retry_after()).or_else(|| answer.seconds("x-ratelimit-reset-after"));
            wait.map_or_else(|| Verdict::Retry(answer.told(words)), Verdict::RetryAfter)
        }
        // Pages come from the network in front of Discord, which also says 403 and 404 while it is ill.
        401 | 403 | 404 if answer.is_page() => Verdict::Retry(answer.told(None)),
        404 => Verdict::Stop(format!("the webhook is deleted ({})", answer.told(words))),
        401 | 403 => Verdict::Stop(format!("the webhook is refused ({})", answer.told(words))),
        _ => answer.usual(words),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{http, noon};
    use super::super::{Answer, Endpoint};
    use super::*;
    use crate::message::Kind;
    use crate::message::samples::{message, told};

    fn discord() -> Discord {
        Discord::new(&Secret::new("https://discord.com/api/webhooks/12/to-ken?thread_id=7")).expect("a webhook")
    }

    fn body(message: &Message) -> Value {
        serde_json::from_slice(&discord().write(message, None).body).expect("JSON")
    }

    #[track_caller]
    fn check(answer: &Answer, expected: &Verdict) {
        assert_eq!(&Endpoint::Discord(discord()).judge(noon(), answer), expected);
    }

    #[test]
    fn addresses_that_are_no_webhooks_are_refused() {
        assert_eq!(discord().url.expose(), "https://discord.com/api/webhooks/12/to-ken?thread_id=7&wait=true");
        assert!(Discord::new(&Secret::new("https://discord.com/api/v10/webhooks/12/t")).is_ok());
        for wrong in [
            "https://discord.com/api/webhooks/12",
            "https://discord.com/api/webhooks/x/t",
            "https://discord.com/",
            "https://x.org/api/webhooks//t",
        ] {
            assert!(Discord::new(&Secret::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_is_called_and_what_is_left_out_is_counted() {
        let one = body(&message(vec![told("@everyone", "Kraken")], 0));
        assert_eq!(one["allowed_mentions"], json!({"parse": []}));
        assert_eq!(one.get("content"), None);
        assert_eq!(one["embeds"][0]["timestamp"], "2026-01-02T03:04:05Z");
        let many = body(&message((0..14).map(|n| told(&n.to_string(), "x")).collect(), 12));
        assert_eq!(many["embeds"].as_array().map(Vec::len), Some(10));
        assert_eq!(many["content"], "0, and 25 more\n16 of them have no room here");
    }

    #[test]
    fn answers_mean_what_the_documentation_says() {
        let second = Duration::from_secs(1);
        check(&http(204, &[], ""), &Verdict::Sent { rest: Duration::ZERO });
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "1.000")];
        check(&http(200, &spent, "{}"), &Verdict::Sent { rest: second });
        check(
            &http(200, &[("x-ratelimit-remaining", "4"), ("x-ratelimit-reset-after", "1")], "{}"),
            &Verdict::Sent { rest: Duration::ZERO },
        );
        let limited = r#"{"message":"You are being rate limited.","retry_after":0.3,"global":false}"#;
        check(&http(429, &[("retry-after", "9")], limited), &Verdict::RetryAfter(Duration::from_millis(300)));
        check(&http(429, &[("retry-after", "1")], ""), &Verdict::RetryAfter(second));
        check(&http(429, &[("x-ratelimit-reset-after", "1")], ""), &Verdict::RetryAfter(second));
        check(
            &http(429, &[("content-type", "text/html")], "<html>"),
            &Verdict::Retry("status 429, with a web page".to_owned()),
        );
        check(
            &http(404, &[], r#"{"message":"Unknown Webhook","code":10015}"#),
            &Verdict::Stop("the webhook is deleted (status 404: Unknown Webhook)".to_owned()),
        );
        check(&http(401, &[], ""), &Verdict::Stop("the webhook is refused (status 401)".to_owned()));
        check(&http(403, &[], ""), &Verdict::Stop("the webhook is refused (status 403)".to_owned()));
        check(
            &http(400, &[], r#"{"message":"Invalid Form Body"}"#),
            &Verdict::Refused("status 400: Invalid Form Body".to_owned()),
        );
        check(&http(500, &[], ""), &Verdict::Retry("status 500".to_owned()));
        check(&http(503, &[], " <!DOCTYPE html>"), &Verdict::Retry("status 503, with a web page".to_owned()));
        check(&http(404, &[], "<html>"), &Verdict::Retry("status 404, with a web page".to_owned()));
        check(&http(301, &[], ""), &Verdict::Refused("status 301: it wants to be asked elsewhere".to_owned()));
        check(&Answer::Nothing("cut".to_owned()), &Verdict::Retry("cut".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_limit(texts in prop::collection::vec((".{1,300}", "[a-z🚀@]{0,5000}"), 1..12), more in 0u32..100, is_digest: bool) {
            let mut message = message(texts.iter().map(|(title, text)| told(title, text)).collect(), more);
            message.kind = if is_digest { Kind::Digest } else { Kind::Alert };
            let body = body(&message);
            let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
            let embeds = body["embeds"].as_array().expect("a list");
            prop_assert!((1..=EMBEDS_MAX).contains(&embeds.len()));
            prop_assert!(length(&body["content"]) <= CONTENT_CHARS_MAX);
            let mut all = 0;
            for embed in embeds {
                let [title, text] = ["title", "description"].map(|key| length(&embed[key]));
                prop_assert!((1..=TITLE_CHARS_MAX).contains(&title) && text <= DESCRIPTION_CHARS_MAX);
                all += title + text;
            }
            prop_assert!(all <= ALL_CHARS_MAX, "{all}");
            let left_out = message.count() as usize - embeds.len();
            let counted = format!("\n{left_out} of them have no room here");
            prop_assert!(left_out == 0 || body["content"].as_str().is_some_and(|text| text.ends_with(&counted)));
        }
    }
}
