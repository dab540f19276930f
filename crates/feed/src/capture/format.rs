//! The formats of recorded files.
//!
//! | format | a line |
//! |---|---|
//! | capture | `{"t":"recv","conn":..,"ts":..,"data":"<text>"}`; `t` is `connect`, `send`, `recv` or `http` (with `url`) |
//! | recorder | `<local time ns> <JSON text>` |
//! | bare | `<JSON text>` |
//!
//! The first line decides.

use serde::Deserialize;
use types::Timestamp;
use types::decimal::{self, Exponent};

use crate::decode::{DecodeError, from_json};
use crate::number::Text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Capture,
    Recorder,
    Bare,
}

/// What a line of a recording says.
#[derive(Debug)]
pub(super) enum Record<'a> {
    /// A connection was made.
    Connect { conn: Text<'a> },
    /// A message was received.
    Received(Text<'a>),
    /// A REST answer was received.
    Http { url: Text<'a>, body: Text<'a> },
    /// Something was sent.
    Sent,
}

impl Format {
    /// The format of a file with this first line.
    ///
    /// # Errors
    /// What the line is instead.
    pub(super) fn detect(line: &str) -> Result<Self, String> {
        match line.as_bytes() {
            [b'{', ..] if from_json::<CaptureRecord<'_>>(line).is_ok() => Ok(Self::Capture),
            [b'{', ..] if from_json::<KrakenAnswer>(line).is_ok() || from_json::<KucoinAnswer<'_>>(line).is_ok() => {
                Err("this is a REST answer, not a recording of messages".to_owned())
            }
            // A capture that is cut off in its only line is told by the reading of that line.
            [b'{', ..] if line.starts_with(r#"{"t":"#) => Ok(Self::Capture),
            [b'{', ..] => Ok(Self::Bare),
            [b'[', ..] => Err("a JSON array: REST answers and version 1 messages are not read".to_owned()),
            [b'0'..=b'9', ..] if recorded(line).is_some() => Ok(Self::Recorder),
            _ => Err("neither a capture record, nor a time and a JSON text, nor a JSON text".to_owned()),
        }
    }

    /// What a line of this format says, and when it was received where that is told.
    pub(super) fn read(self, line: &str) -> Result<(Option<Timestamp>, Record<'_>), DecodeError> {
        match self {
            Self::Capture => {
                let record = from_json::<CaptureRecord<'_>>(line)?;
                Ok((record.at()?, record.record()?))
            }
            Self::Recorder => {
                let missing = || DecodeError::malformed("not a time and a JSON text, as the lines before");
                let (time, text) = recorded(line).ok_or_else(missing)?;
                let at = time.parse().map_err(|_| DecodeError::malformed("a time that is none, nanoseconds"))?;
                Ok((Some(Timestamp::from_nanos(at)), Record::Received(Text(text.into()))))
            }
            Self::Bare => Ok((None, Record::Received(Text(line.into())))),
        }
    }
}

/// The time and the JSON text of a recorder's line.
fn recorded(line: &str) -> Option<(&str, &str)> {
    let (time, text) = line.split_once(' ')?;
    let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    (is_time && text.starts_with(['{', '['])).then_some((time, text))
}

#[derive(Deserialize)]
struct CaptureRecord<'a> {
    #[serde(borrow)]
    t: Text<'a>,
    #[serde(borrow, default)]
    conn: Option<Text<'a>>,
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
    /// The receiver's clock, seconds.
    #[serde(borrow, default)]
    ts: Option<Stamp<'a>>,
}

/// A time as text or as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stamp<'a> {
    Text(#[serde(borrow)] Text<'a>),
    Number(f64),
}

/// Kraken's REST envelope.
#[derive(Deserialize)]
struct KrakenAnswer {
    #[serde(rename = "error")]
    _error: Vec<String>,
}

/// KuCoin's REST envelope: in its messages codes are numbers.
#[derive(Deserialize)]
struct KucoinAnswer<'a> {
    #[serde(borrow, rename = "code")]
    _code: Text<'a>,
}

impl<'a> CaptureRecord<'a> {
    /// When it was received, where that is told.
    fn at(&self) -> Result<Option<Timestamp>, DecodeError> {
        let none = |what: &dyn std::fmt::Display| DecodeError::malformed(format_args!("ts {what} is no time, seconds"));
        match &self.ts {
            None => Ok(None),
            Some(Stamp::Text(text)) => {
                let text = text.as_str();
                // Clocks that tell more than nanoseconds are cut there.
                let end = text.find('.').map_or(text.len(), |dot| text.len().min(dot + 10));
                let nanos = text.get(..end).and_then(|text| decimal::parse(text.as_bytes(), 9, Exponent::Refuse).ok());
                nanos.map(|nanos| Some(Timestamp::from_nanos(nanos))).ok_or_else(|| none(&text))
            }
            // A double of today's seconds holds a quarter of a microsecond.
            Some(Stamp::Number(seconds)) if (0.0..9e9).contains(seconds) => {
                Ok(Some(Timestamp::from_micros((seconds * 1e6).round() as i64)))
            }
            Some(Stamp::Number(seconds)) => Err(none(seconds)),
        }
    }

    fn record(self) -> Result<Record<'a>, DecodeError> {
        let missing = |field| DecodeError::malformed(format_args!("a {} record without {field}", self.t.as_str()));
        match self.t.as_str() {
            "connect" => Ok(Record::Connect { conn: self.conn.unwrap_or(Text("".into())) }),
            "send" => Ok(Record::Sent),
            "recv" => self.data.ok_or_else(|| missing("data")).map(Record::Received),
            "http" => match (self.url, self.data) {
                (Some(url), Some(body)) => Ok(Record::Http { url, body }),
                _ => Err(missing("url or data")),
            },
            other => Err(DecodeError::malformed(format_args!("a record of unknown kind {other:?}"))),
        }
    }
}
