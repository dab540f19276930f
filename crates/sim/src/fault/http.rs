//! Answers to requests that go wrong.

use std::time::Duration;

use serde_json::Value;
use types::Venue;

use super::edit::{lowered, other_last_digit};
use super::kind::OddAnswer;
use crate::frame::HttpAnswer;

/// How far an old book's number lies behind.
const OLD_BY: u64 = 1_000_000;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How much longer than usual it takes.
    pub after: Duration,
    /// The answer; `None` when there is none.
    pub answer: Option<HttpAnswer>,
}

impl Reply {
    pub(super) const NONE: Self = Self { after: Duration::ZERO, answer: None };

    pub(crate) const fn at_once(answer: HttpAnswer) -> Self {
        Self { after: Duration::ZERO, answer: Some(answer) }
    }
}

/// The venue's word for too many requests, for `retry_after_s` longer.
pub(super) fn limited(venue: Venue, status: u16, retry_after_s: Option<u32>) -> HttpAnswer {
    let mut answer = match (venue, status) {
        // A page of the network in front of the venue.
        (_, 403) => html(403),
        (Venue::Kraken, _) => HttpAnswer::json(200, r#"{"error":["EAPI:Rate limit exceeded"]}"#.to_owned()),
        (Venue::BinanceUs, _) => {
            let text = if status == 418 { "Way too many requests; IP banned." } else { "Too many requests." };
            HttpAnswer::json(status, format!(r#"{{"code":-1003,"msg":"{text}"}}"#))
        }
        (Venue::Coinbase, _) => HttpAnswer::json(status, r#"{"message":"Public rate limit exceeded"}"#.to_owned()),
        (Venue::Kucoin, _) => {
            let answer = HttpAnswer::json(status, r#"{"code":"429000","msg":"Too Many Requests"}"#.to_owned());
            match retry_after_s {
                Some(seconds) => answer.with_header("gw-ratelimit-reset", u64::from(seconds) * 1_000),
                None => answer,
            }
        }
    };
    // Kraken answers all the same, and KuCoin has a header of its own.
    if let Some(seconds) = retry_after_s.filter(|_| matches!(venue, Venue::BinanceUs | Venue::Coinbase)) {
        answer = answer.with_header("Retry-After", seconds);
    }
    answer
}

/// The venue's word for being closed.
pub(super) fn closed(venue: Venue) -> HttpAnswer {
    match venue {
        Venue::Kraken => HttpAnswer::json(200, r#"{"error":["EService:Unavailable"]}"#.to_owned()),
        Venue::Kucoin => {
            HttpAnswer::json(200, r#"{"code":"230003","msg":"The system is under maintenance."}"#.to_owned())
        }
        Venue::BinanceUs | Venue::Coinbase => html(503),
    }
}

/// The answer with something odd about it; `None` when it has nothing of the kind.
pub(super) fn odd(venue: Venue, answer: HttpAnswer, how: OddAnswer) -> Option<Reply> {
    let text = || String::from_utf8_lossy(&answer.body).into_owned();
    let with = |body: String| Reply::at_once(HttpAnswer { body: body.into_bytes(), ..answer.clone() });
    Some(match how {
        OddAnswer::Status(status) => Reply::at_once(HttpAnswer::json(status, failure(venue).to_owned())),
        OddAnswer::Html(status) => Reply::at_once(html(status)),
        OddAnswer::Cut => {
            let middle = answer.body.len() / 2;
            Reply::at_once(HttpAnswer { body: answer.body[..middle].to_vec(), ..answer })
        }
        OddAnswer::Slow(by) => Reply { after: by, answer: Some(answer) },
        OddAnswer::None => Reply::NONE,
        OddAnswer::Empty => with(String::new()),
        OddAnswer::Old => {
            let key = if venue == Venue::BinanceUs { r#""lastUpdateId":"# } else { r#""sequence":"# };
            with(lowered(&text(), key, OLD_BY)?)
        }
        OddAnswer::OtherVolume => with(other_volumes(venue, &text())?),
    })
}

const fn failure(venue: Venue) -> &'static str {
    match venue {
        Venue::Kraken => r#"{"error":["EService:Internal error"]}"#,
        Venue::BinanceUs => r#"{"code":-1000,"msg":"An unknown error occurred while processing the request."}"#,
        Venue::Coinbase => r#"{"message":"Internal server error"}"#,
        Venue::Kucoin => r#"{"code":"500000","msg":"Internal Server Error"}"#,
    }
}

fn html(status: u16) -> HttpAnswer {
    let body = format!("<!DOCTYPE html><html><head><title>{status}</title></head><body>Try again later.</body></html>");
    HttpAnswer {
        status,
        headers: vec![("Content-Type".to_owned(), "text/html; charset=UTF-8".to_owned())],
        body: body.into_bytes(),
    }
}

/// Rows of candles with another last digit in each volume.
fn other_volumes(venue: Venue, text: &str) -> Option<String> {
    let mut body: Value = serde_json::from_str(text).ok()?;
    let column = if venue == Venue::Kraken { 6 } else { 5 };
    let rows = match venue {
        Venue::BinanceUs | Venue::Coinbase => body.as_array_mut(),
        Venue::Kucoin => body.get_mut("data").and_then(Value::as_array_mut),
        Venue::Kraken => {
            let result = body.get_mut("result").and_then(Value::as_object_mut);
            result.and_then(|result| result.values_mut().find_map(Value::as_array_mut))
        }
    }?;
    for row in rows {
        let cell = row.get_mut(column)?;
        *cell = match &*cell {
            Value::String(volume) => Value::String(other_last_digit(volume)),
            Value::Number(volume) => serde_json::from_str(&other_last_digit(&volume.to_string())).ok()?,
            _ => return None,
        };
    }
    Some(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(reply: Option<Reply>) -> String {
        let answer = reply.and_then(|reply| reply.answer).expect("answered");
        String::from_utf8(answer.body).expect("text")
    }

    #[test]
    fn answers_turn_odd_in_the_venues_own_form() {
        let book = HttpAnswer::json(200, r#"{"lastUpdateId":5000000,"bids":[],"asks":[]}"#.to_owned());
        assert!(body(odd(Venue::BinanceUs, book.clone(), OddAnswer::Old)).starts_with(r#"{"lastUpdateId":4000000,"#));
        assert_eq!(body(odd(Venue::BinanceUs, book.clone(), OddAnswer::Cut)), r#"{"lastUpdateId":500000"#);
        assert_eq!(odd(Venue::Kraken, book, OddAnswer::Old), None);
        let rows = HttpAnswer::json(200, r#"[[1,"2","3","4","5","6.7","8"]]"#.to_owned());
        assert_eq!(body(odd(Venue::BinanceUs, rows, OddAnswer::OtherVolume)), r#"[[1,"2","3","4","5","6.8","8"]]"#);
    }

    #[test]
    fn limits_say_how_long_where_the_venue_does() {
        assert_eq!(limited(Venue::BinanceUs, 418, Some(9)).header("retry-after"), Some("9"));
        assert_eq!(limited(Venue::Kucoin, 429, Some(9)).header("gw-ratelimit-reset"), Some("9000"));
        assert_eq!(limited(Venue::Kraken, 429, None).status, 200);
        assert_eq!(limited(Venue::Coinbase, 403, None).header("content-type"), Some("text/html; charset=UTF-8"));
    }
}
