//! A program of the owner's, which gets JSON and can prove who sent it.
//!
//! The body is `{id, type, created_at, data, schema}`: `type` is `alert`, `digest` or `test`; `data` is `{alerts, more}`, and an alert is
//! `{key, level, state, title, text, at, times}`. Headers: `X-Tickerbox-Id`, the same when a message is sent again; `X-Tickerbox-Timestamp`,
//! Unix seconds of this try; `X-Tickerbox-Signature`, `v1=` and the hexadecimal HMAC-SHA256 of `timestamp.body` under the secret.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use types::Timestamp;

use super::{Http, HttpRequest, Unusable, Verdict, address, is_loopback, json as encode, json_headers, rfc3339};
use crate::message::{Kind, Message, Told};
use crate::secret::Secret;

/// Shortest secret, bytes.
pub const SECRET_BYTES_MIN: usize = 16;
/// Version of the body's format.
const SCHEMA: u32 = 1;

/// The receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub(super) url: Secret,
    pub(super) secret: Secret,
    may_be_private: bool,
}

impl Webhook {
    /// A receiver; `allow_private` lets it be one of the home network, also without TLS.
    ///
    /// # Errors
    /// An address that cannot be used, or a secret that is too short.
    pub fn new(url: &Secret, secret: &Secret, allow_private: bool) -> Result<Self, Unusable> {
        let url = address(url.expose(), "url", allow_private)?;
        if is_loopback(&url) && !allow_private {
            return Err(Unusable("url: is on this machine: set allow_private = true where that is meant".to_owned()));
        }
        if secret.expose().len() < SECRET_BYTES_MIN {
            return Err(Unusable(format!("secret: must have at least {SECRET_BYTES_MIN} characters")));
        }
        Ok(Self { url: Secret::new(url.as_str()), secret: secret.clone(), may_be_private: allow_private })
    }

    pub(super) fn write(&self, at: Timestamp, message: &Message) -> HttpRequest {
        let kind = match message.kind {
            Kind::Alert => "alert",
            Kind::Digest => "digest",
            Kind::Test => "test",
        };
        let alerts: Vec<Value> = message.alerts.iter().map(row).collect();
        let body = encode(&json!({
            "id": message.id,
            "type": kind,
            "created_at": rfc3339(message.made_at),
            "data": {"alerts": alerts, "more": message.more},
            "schema": SCHEMA,
        }));
        let time = at.as_secs().to_string();
        let mut headers = json_headers();
        headers.push(("x-tickerbox-id", Secret::new(&message.id)));
        headers.push(("x-tickerbox-signature", Secret::new(signature(&self.secret, &time, &body))));
        headers.push(("x-tickerbox-timestamp", Secret::new(time)));
        HttpRequest { url: self.url.clone(), headers, body, may_be_private: self.may_be_private }
    }
}

fn row(told: &Told) -> Value {
    let Told { alert, times } = told;
    json!({
        "key": alert.key, "level": alert.level.name(), "state": alert.state.name(), "title": alert.title, "text": alert.text,
        "at": rfc3339(alert.at), "times": times,
    })
}

/// `v1=` and the HMAC of `timestamp.body`.
fn signature(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}

pub(super) fn judge(answer: &Http<'_>) -> Verdict {
    match answer.status {
        410 => Verdict::Stop("the receiver wants no more messages (status 410)".to_owned()),
        401 | 403 => Verdict::Stop(format!("the receiver refuses us ({})", answer.told(None))),
        _ => answer.usual(None),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::tests::{http, noon};
    use super::super::{Answer, Endpoint};
    use super::*;
    use crate::message::samples::{message, told};

    fn webhook() -> Webhook {
        let secret = Secret::new("0123456789abcdef");
        Webhook::new(&Secret::new("https://x.org/hook"), &secret, false).expect("a receiver")
    }

    #[track_caller]
    fn check(answer: &Answer, expected: &Verdict) {
        assert_eq!(&Endpoint::Webhook(webhook()).judge(noon(), answer), expected);
    }

    #[test]
    fn the_signature_is_what_other_programs_compute() {
        // The key and words of RFC 4231, test case 2, with our dot behind them, by another program:
        let known = signature(&Secret::new("Jefe"), "what do ya want for nothing?", b"");
        // printf '%s' 'what do ya want for nothing?.' | openssl dgst -sha256 -hmac Jefe
        assert_eq!(known, "v1=38c6c848e5a2f57451f5095df6370d5c9b83175b99df46422b34960c28def6ae");
    }

    #[test]
    fn a_message_sent_again_has_another_time_and_the_same_id() {
        let message = message(vec![told("Kraken", "is away")], 2);
        let (first, again) =
            (webhook().write(noon(), &message), webhook().write(noon().plus(Duration::from_secs(90)), &message));
        let header = |request: &HttpRequest, name: &str| {
            let (_, value) = request.headers.iter().find(|(header, _)| *header == name).expect("a header");
            value.expose().to_owned()
        };
        assert_eq!(header(&first, "x-tickerbox-id"), header(&again, "x-tickerbox-id"));
        assert_eq!(
            (header(&first, "x-tickerbox-timestamp"), header(&again, "x-tickerbox-timestamp")),
            ("1767614400".to_owned(), "1767614490".to_owned())
        );
        assert_ne!(header(&first, "x-tickerbox-signature"), header(&again, "x-tickerbox-signature"));
        assert_eq!(first.body, again.body);
        let body: Value = serde_json::from_slice(&first.body).expect("JSON");
        assert_eq!(body["data"]["alerts"][0]["level"], "warning");
        assert_eq!(
            (&body["schema"], &body["data"]["more"], &body["created_at"]),
            (&json!(1), &json!(2), &json!("2026-01-02T03:04:05Z"))
        );
    }

    #[test]
    fn answers_mean_what_the_contract_says() {
        check(&http(200, &[], ""), &Verdict::SENT);
        check(&http(410, &[], ""), &Verdict::Stop("the receiver wants no more messages (status 410)".to_owned()));
        check(&http(429, &[("retry-after", "7")], ""), &Verdict::RetryAfter(Duration::from_secs(7)));
        check(
            &http(503, &[("retry-after", "Mon, 05 Jan 2026 12:01:00 GMT")], ""),
            &Verdict::RetryAfter(Duration::from_secs(60)),
        );
        check(&http(429, &[], ""), &Verdict::Retry("status 429".to_owned()));
        check(&http(404, &[], ""), &Verdict::Refused("status 404".to_owned()));
        check(&http(400, &[], ""), &Verdict::Refused("status 400".to_owned()));
        check(&http(502, &[], "<html>"), &Verdict::Retry("status 502, with a web page".to_owned()));
        assert!(matches!(Endpoint::Webhook(webhook()).judge(noon(), &http(401, &[], "")), Verdict::Stop(_)));
    }

    #[test]
    fn receivers_at_home_have_to_be_meant() {
        let secret = Secret::new("0123456789abcdef");
        let of = |url: &str, private| Webhook::new(&Secret::new(url), &secret, private).is_ok();
        assert!(of("https://x.org/", false) && of("http://nas.lan/", true) && of("http://127.0.0.1:9/", true));
        assert!(!of("http://nas.lan/", false) && !of("http://127.0.0.1:9/", false));
        assert!(Webhook::new(&Secret::new("https://x.org/"), &Secret::new("short"), false).is_err());
    }
}
