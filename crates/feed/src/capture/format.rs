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

    /// What a line of this format says.
    pub(super) fn read(self, line: &str) -> Result<Record<'_>, DecodeError> {
        match self {
            Self::Capture => from_json::<CaptureRecord<'_>>(line)?.record(),
            Self::Recorder => recorded(line)
                .map(|text| Record::Received(Text(text.into())))
                .ok_or_else(|| DecodeError::malformed("not a time and a JSON text, as the lines before")),
            Self::Bare => Ok(Record::Received(Text(line.into()))),
        }
    }
}

/// The JSON text of a recorder's line.
fn recorded(line: &str) -> Option<&str> {
    let (time, text) = line.split_once(' ')?;
    let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    (is_time && text.starts_with(['{', '['])).then_some(text)
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
