//! A venue that says what was recorded.
//!
//! The venue's own server stands behind it: handshakes, tokens, answers to subscriptions, keep-alive, rules and limits are
//! as always, and so are the answers' numbers. Only what it says about the recorded instruments is replaced: messages come from
//! the recording, at the pace of the recording, and requests for books, trades and candles get the recorded answers or
//! none (503). A connection hears the recording from its beginning, from the moment on at which it is first told anything
//! of a recorded instrument.
//!
//! A recording has a JSON object a line:
//!
//! | line | meaning |
//! |---|---|
//! | `{"t":"recv","ts":"12.5","data":"<text>"}` | the venue says this |
//! | `{"t":"http","ts":"12.5","url":"https://..","data":"<body>"}` | the answer to this request |
//! | `{"t":"close","ts":"12.5","code":1012,"reason":".."}` | the venue closes |
//! | `{"t":"abort","ts":"12.5"}` | the line breaks |
//!
//! `ts` are seconds; a line without comes a tenth of a second after the one before. `connect` and `send` lines and messages
//! that answer subscriptions are left out. A scenario is such a file, written by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use types::time::NS_PER_S;
use types::{Timestamp, Venue};

use crate::fault::Channel;
use crate::fault::topic::{self, Topic, value};
use crate::frame::{ConnectionId, HttpAnswer, Refused, ServerFrame};
use crate::limits::Breaches;
use crate::market::listing::Step;
use crate::request::Request;
use crate::server::{Now, VenueServer};
use crate::settings::{AssetSettings, ListingSettings, SimSettings};

/// Between lines that do not tell their time.
const USUAL_STEP_NS: i64 = NS_PER_S / 10;
/// Most fraction digits of a listing ([`SimSettings`]).
const DECIMALS_MAX: u8 = 8;
/// Currencies that Binance.US writes behind a coin without a mark between.
const QUOTES: [&str; 7] = ["USDT", "BUSD", "USDC", "USD", "EUR", "BTC", "ETH"];

/// What one venue said, once.
#[derive(Clone, Debug)]
pub struct Recording {
    venue: Venue,
    /// When it was recorded, where it tells.
    start: Option<Timestamp>,
    /// What was said, and how long after the beginning.
    said: Vec<(Duration, Said)>,
    answers: Vec<Answer>,
    /// Spelled as in the messages.
    symbols: Vec<String>,
}

#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Close { code: u16, reason: String },
    Abort,
}

#[derive(Clone, Debug)]
struct Answer {
    request: Request,
    body: String,
}

/// Why a recording cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// A line is none of a recording.
    #[error("line {line}: {detail}")]
    Line {
        /// Its number.
        line: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// Nothing in it is about an instrument.
    #[error("no message is about an instrument of {0}")]
    NoInstrument(Venue),
}

#[derive(Deserialize)]
struct Line {
    t: String,
    #[serde(default)]
    ts: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    code: Option<u16>,
    #[serde(default)]
    reason: String,
}

impl Recording {
    /// Reads a recording or a scenario.
    ///
    /// # Errors
    /// [`RecordingError`] names the first line that is none, or says that there is nothing to play.
    pub fn read(venue: Venue, text: &str) -> Result<Self, RecordingError> {
        let mut recording = Self { venue, start: None, said: Vec::new(), answers: Vec::new(), symbols: Vec::new() };
        let mut at_ns = 0;
        for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
            let error = |detail: String| RecordingError::Line { line: number, detail };
            let line: Line = serde_json::from_str(line).map_err(|e| error(e.to_string()))?;
            if let Some(ts) = &line.ts {
                let ns = seconds(ts).ok_or_else(|| error(format!("ts {ts:?} are no seconds")))?;
                let start = *recording.start.get_or_insert(Timestamp::from_nanos(ns));
                at_ns = ns.saturating_sub(start.as_nanos());
            } else {
                at_ns = at_ns.saturating_add(USUAL_STEP_NS);
            }
            let after = Duration::from_nanos(u64::try_from(at_ns).unwrap_or(0));
            let data = || line.data.clone().ok_or_else(|| error(format!("a {} line without data", line.t)));
            match line.t.as_str() {
                "connect" | "send" => {}
                "recv" => recording.heard(after, data()?),
                "http" => {
                    let url = line.url.as_deref().ok_or_else(|| error("an http line without url".to_owned()))?;
                    let target = url.find("://").and_then(|i| url[i + 3..].find('/').map(|j| &url[i + 3 + j..]));
                    let request = Request::parse(target.unwrap_or(url));
                    recording.answers.push(Answer { request, body: data()? });
                }
                "close" => {
                    let said = Said::Close { code: line.code.unwrap_or(1_000), reason: line.reason };
                    recording.said.push((after, said));
                }
                "abort" => recording.said.push((after, Said::Abort)),
                other => return Err(error(format!("a line of unknown kind {other:?}"))),
            }
        }
        if recording.symbols.is_empty() {
            return Err(RecordingError::NoInstrument(venue));
        }
        recording.said.sort_by_key(|(after, _)| *after);
        Ok(recording)
    }

    fn heard(&mut self, after: Duration, text: String) {
        let Topic { channel, symbol, .. } = topic::of_frame(self.venue, &text);
        // A sign of life of the connection; those of instruments tell the venue's own trades.
        let is_heartbeat = channel == Channel::Heartbeat && self.venue == Venue::Kraken;
        if !is_told(channel) && !is_heartbeat {
            return;
        }
        if let Some(symbol) = symbol
            && !self.symbols.iter().any(|known| topic::is_same(known, symbol))
        {
            // A stream's name is in small letters.
            let symbol = if self.venue == Venue::BinanceUs { symbol.to_ascii_uppercase() } else { symbol.to_owned() };
            self.symbols.push(symbol);
        }
        self.said.push((after, Said::Text(text)));
    }

    /// Whose it is.
    #[must_use]
    pub const fn venue(&self) -> Venue {
        self.venue
    }

    /// The instruments it is about, in the venue's spelling.
    #[must_use]
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    /// How long it takes.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.said.last().map_or(Duration::ZERO, |(after, _)| *after)
    }

    /// A market in which the venue lists what was recorded, beginning when it was recorded. Digits are the finest that are
    /// told: eight, or as many as the messages have.
    #[must_use]
    pub fn settings(&self) -> SimSettings {
        let usual = SimSettings::default();
        let pattern = usual.listings.iter().find(|listing| listing.venue == self.venue).or(usual.listings.first());
        let pattern = pattern.expect("the default market has listings");
        let (mut assets, mut listings): (Vec<AssetSettings>, Vec<ListingSettings>) = (Vec::new(), Vec::new());
        for symbol in &self.symbols {
            let (base, quote) = currencies(symbol);
            if !assets.iter().any(|asset| asset.name == base) {
                assets.push(AssetSettings { name: base.clone(), ..usual.assets[0].clone() });
            }
            let (price_decimals, qty_decimals) = self.decimals(symbol);
            let listing = ListingSettings {
                symbol: symbol.clone(),
                base,
                quote,
                price_decimals,
                qty_decimals,
                tick: 1,
                lot: 1,
                qty_min: 1,
                ..pattern.clone()
            };
            listings.push(listing);
        }
        SimSettings { start: self.start.unwrap_or(usual.start), history_minutes: 0, assets, listings, ..usual }
    }

    /// Digits of prices and quantities. Only Kraken's matter: its checksum is over them.
    fn decimals(&self, symbol: &str) -> (u8, u8) {
        if self.venue != Venue::Kraken {
            return (DECIMALS_MAX, DECIMALS_MAX);
        }
        let of_symbol = |said: &&(Duration, Said)| match &said.1 {
            Said::Text(text) => topic::of_frame(self.venue, text).symbol == Some(symbol),
            _ => false,
        };
        let texts = self.said.iter().filter(of_symbol).filter_map(|(_, said)| match said {
            Said::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let (price, qty) = texts.fold((0, 0), |(price, qty), text| {
            (price.max(digits(text, "\"price\":")), qty.max(digits(text, "\"qty\":")))
        });
        (price.min(DECIMALS_MAX), qty.min(DECIMALS_MAX))
    }

    fn has(&self, symbol: &str) -> bool {
        self.symbols.iter().any(|known| topic::is_same(known, symbol))
    }

    /// The recorded answer to a request of this kind.
    fn answer(&self, asked: &Topic<'_>) -> Option<&Answer> {
        self.answers.iter().find(|answer| {
            let topic = topic::of_request(&answer.request);
            topic.channel == asked.channel
                && match (topic.symbol, asked.symbol) {
                    (Some(recorded), Some(asked)) => topic::is_same(recorded, asked),
                    (recorded, asked) => recorded == asked,
                }
        })
    }
}

/// Most digits behind the point of the numbers that follow `key`.
fn digits(text: &str, key: &str) -> u8 {
    let fraction = |number: &str| {
        let number = &number[..number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len())];
        number.split_once('.').map_or(0, |(_, fraction)| fraction.len())
    };
    text.split(key).skip(1).map(fraction).max().and_then(|most| u8::try_from(most).ok()).unwrap_or(0)
}

/// Base and quote of a venue's symbol.
fn currencies(symbol: &str) -> (String, String) {
    let joined = || QUOTES.iter().find_map(|quote| symbol.strip_suffix(quote).map(|base| (base, *quote)));
    let (base, quote) = symbol.split_once(['/', '-']).or_else(joined).unwrap_or((symbol, "USD"));
    (base.to_owned(), quote.to_owned())
}

/// Whether a recording tells messages of this channel; of the others the venue's own server knows better.
fn is_told(channel: Channel) -> bool {
    matches!(channel, Channel::Book | Channel::Trades | Channel::Candles | Channel::Ticker)
}

/// Seconds with a fraction as nanoseconds.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanos: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    whole.parse::<i64>().ok()?.checked_mul(NS_PER_S)?.checked_add(nanos.parse().ok()?)
}

/// The venue's own server, and the recording before it.
#[derive(Debug)]
pub(crate) struct Server {
    inner: Box<dyn VenueServer>,
    recording: Recording,
    playing: BTreeMap<ConnectionId, Playing>,
    now: Timestamp,
    scratch: Vec<ServerFrame>,
}

/// How far a connection has heard the recording.
#[derive(Debug)]
struct Playing {
    started_at: Timestamp,
    /// What has happened by now.
    released: usize,
    sent: usize,
    /// Coinbase: the newest trade that was told of each product.
    last_trades: BTreeMap<String, String>,
}

impl Server {
    pub(crate) fn new(inner: Box<dyn VenueServer>, recording: Recording) -> Self {
        Self { inner, recording, playing: BTreeMap::new(), now: Timestamp::EPOCH, scratch: Vec::new() }
    }

    /// Lets happen what is due.
    fn release(&mut self) {
        for playing in self.playing.values_mut() {
            let said = &self.recording.said;
            while said.get(playing.released).is_some_and(|(after, _)| playing.started_at.plus(*after) <= self.now) {
                playing.released += 1;
            }
        }
    }

    /// The venue's own message; `None` when the recording speaks in its place.
    fn own(&mut self, id: ConnectionId, text: String) -> Option<String> {
        let Topic { channel, symbol, .. } = topic::of_frame(self.recording.venue, &text);
        let symbol = symbol.filter(|symbol| self.recording.has(symbol))?.to_owned();
        if is_told(channel) {
            let first = Playing { started_at: self.now, released: 0, sent: 0, last_trades: BTreeMap::new() };
            self.playing.entry(id).or_insert(first);
            return None;
        }
        if channel != Channel::Heartbeat {
            return Some(text);
        }
        // A heartbeat tells the newest trade: that of the recording.
        let last = self.playing.get(&id)?.last_trades.get(&symbol)?;
        let (before, rest) = text.split_once("\"last_trade_id\":")?;
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        Some(format!("{before}\"last_trade_id\":{last}{}", &rest[end..]))
    }

    fn is_about_recorded(&self, text: &str) -> bool {
        let Topic { channel, symbol, .. } = topic::of_frame(self.recording.venue, text);
        (is_told(channel) || channel == Channel::Heartbeat) && symbol.is_some_and(|symbol| self.recording.has(symbol))
    }
}

impl Playing {
    fn note_trade(&mut self, text: &str) {
        let id = text.split_once("\"trade_id\":").map(|(_, rest)| rest);
        let id = id.map(|rest| &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())]);
        if let (Some(product), Some(id)) = (value(text, "product_id"), id) {
            self.last_trades.insert(product.to_owned(), id.to_owned());
        }
    }
}

impl VenueServer for Server {
    fn connect(&mut self, now: Now<'_>, id: ConnectionId, request: &Request) -> Result<(), Refused> {
        self.now = now.at;
        self.inner.connect(now, id, request)
    }

    fn receive(&mut self, now: Now<'_>, id: ConnectionId, text: &str) {
        self.now = now.at;
        self.inner.receive(now, id, text);
    }

    fn pong(&mut self, now: Now<'_>, id: ConnectionId) {
        self.inner.pong(now, id);
    }

    fn disconnect(&mut self, id: ConnectionId) {
        self.playing.remove(&id);
        self.inner.disconnect(id);
    }

    fn poll(&mut self, id: ConnectionId, out: &mut Vec<ServerFrame>) -> bool {
        let mut own = std::mem::take(&mut self.scratch);
        let mut is_closed = self.inner.poll(id, &mut own);
        for frame in own.drain(..) {
            match frame {
                ServerFrame::Text(text) if self.is_about_recorded(&text) => {
                    out.extend(self.own(id, text).map(ServerFrame::Text));
                }
                other => out.push(other),
            }
        }
        self.scratch = own;
        self.release();
        if let Some(playing) = self.playing.get_mut(&id) {
            for (_, said) in &self.recording.said[playing.sent..playing.released] {
                out.push(match said {
                    Said::Text(text) => {
                        playing.note_trade(text);
                        ServerFrame::Text(text.clone())
                    }
                    Said::Close { code, reason } => ServerFrame::Close { code: *code, reason: reason.clone() },
                    Said::Abort => ServerFrame::Abort,
                });
            }
            is_closed |= self.recording.said[playing.sent..playing.released]
                .iter()
                .any(|(_, said)| !matches!(said, Said::Text(_)));
            playing.sent = playing.released;
        }
        is_closed
    }

    fn http(&mut self, now: Now<'_>, request: &Request) -> HttpAnswer {
        self.now = now.at;
        let topic = topic::of_request(request);
        let is_recorded = topic.symbol.is_some_and(|symbol| self.recording.has(symbol));
        // The venue's server counts the request in any case.
        let own = self.inner.http(now, request);
        match self.recording.answer(&topic) {
            _ if matches!(own.status, 418 | 429) => own,
            Some(answer) => HttpAnswer::json(200, answer.body.clone()),
            None if is_recorded && is_told(topic.channel) => HttpAnswer::json(503, "{}".to_owned()),
            None => own,
        }
    }

    fn on_step(&mut self, now: Now<'_>, listing: usize, step: &Step) {
        self.now = now.at;
        self.inner.on_step(now, listing, step);
    }

    fn on_minute(&mut self, now: Now<'_>) {
        self.now = now.at;
        self.inner.on_minute(now);
    }

    fn pushed_rules(&self, now: Now<'_>) -> Option<String> {
        self.inner.pushed_rules(now)
    }

    fn next_timer(&self) -> Timestamp {
        let next = |playing: &Playing| {
            let (after, _) = self.recording.said.get(playing.released)?;
            Some(playing.started_at.plus(*after))
        };
        self.playing.values().filter_map(next).fold(self.inner.next_timer(), Timestamp::min)
    }

    fn on_timer(&mut self, now: Now<'_>) {
        self.now = now.at;
        if self.inner.next_timer() <= now.at {
            self.inner.on_timer(now);
        }
        self.release();
    }

    fn breaches(&mut self) -> &mut Breaches {
        self.inner.breaches()
    }
}
