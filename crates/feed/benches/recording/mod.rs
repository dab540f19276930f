//! Real recordings, run through the live session as fast as it goes.

#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "a bench reads files and says what is missing")]

use std::time::Duration;

use feed::{BookState, Feed, FeedInput, FeedOutput, FeedSettings, KucoinBook, LinkId, RequestId, Wanted};
use serde_json::Value;
use types::{InstrumentId, Timestamp, Venue};

/// The recordings, under `TICKERBOX_DATA` (default `../shared/data`).
pub(crate) const FILES: [(Venue, &str); 6] = [
    (Venue::Kraken, "ws/kraken_v2_book10_BTCUSD_20260719.jsonl.gz"),
    (Venue::BinanceUs, "ws/binance_us_20210417.jsonl.gz"),
    (Venue::BinanceUs, "ws/binance_us_20211011.jsonl.gz"),
    (Venue::BinanceUs, "l2/binance_spot_btcusdt_20240808.txt.gz"),
    (Venue::Coinbase, "ws/coinbase_exchange_20210417.jsonl.gz"),
    (Venue::Kucoin, "ws/kucoin_20210425.jsonl.gz"),
];

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
/// KuCoin's first word.
const WELCOME: &[u8] = br#"{"id":"1","type":"welcome"}"#;

/// One recording, learned by heart.
pub(crate) struct Recording {
    pub(crate) venue: Venue,
    symbols: Vec<String>,
    /// By symbol.
    snapshots: Vec<Option<Vec<u8>>>,
    pub(crate) frames: Vec<Vec<u8>>,
    /// Levels changed by them.
    pub(crate) levels: u64,
}

/// Whether books are shown: what is shown is given away, and takes new memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// One frame in 25 shows the book of each instrument.
    Books,
    /// Only the first one of each instrument is shown.
    NoBooks,
}

/// A session that has heard nothing of the recording yet, and is told all that it asks for.
pub(crate) struct Listener<'r> {
    recording: &'r Recording,
    pub(crate) feed: Feed,
    pub(crate) at: Timestamp,
    step: Duration,
    /// What was told before the first frame: the rules.
    pub(crate) begun: Vec<FeedOutput>,
    out: Vec<FeedOutput>,
    asked: Vec<(RequestId, String)>,
}

impl<'r> Listener<'r> {
    /// Frames come faster in the session's time than they were recorded: it gives up a line that falls behind what the
    /// venue's clock says. But not so fast that it cannot ask for its books.
    pub(crate) fn new(recording: &'r Recording, shows: Shows) -> Self {
        let wanted = recording.symbols.iter().zip(0..);
        let wanted = wanted.map(|(symbol, id)| Wanted { id: InstrumentId(id), symbol: symbol.clone() });
        let mut settings = FeedSettings::new(recording.venue, wanted.collect());
        settings.book_depth = 10;
        settings.history_minutes = 0;
        settings.kucoin.book = KucoinBook::AllChanges;
        let step = Duration::from_millis(if recording.symbols.len() == 1 { 2 } else { 10 });
        settings.publish_every = match shows {
            Shows::Books => step * 25,
            Shows::NoBooks => Duration::from_secs(86_400),
        };
        // Nothing answers subscriptions and pings here, and the recordings are run faster than they were made.
        settings.subscribe_timeout = Duration::from_secs(86_400);
        settings.silent_after = Duration::from_secs(86_400);
        settings.keepalive_after = Duration::from_secs(86_400);
        let mut feed = Feed::new(settings).expect("settings that work");
        let (at, begun) = start(&mut feed, recording, START);
        Self { recording, feed, at, step, begun, out: Vec::new(), asked: Vec::new() }
    }

    /// Hands in one frame. What follows from it is in `events`, and what it asks for waits for [`Listener::answer`].
    pub(crate) fn hear(&mut self, frame: &[u8], mut events: impl FnMut(FeedOutput)) {
        self.at = self.at.plus(self.step);
        self.feed.handle(self.at, FeedInput::Frame(LinkId::FIRST, frame), &mut self.out);
        for output in self.out.drain(..) {
            match output {
                FeedOutput::Request(request) => self.asked.push((request.id, request.path)),
                output => events(output),
            }
        }
    }

    pub(crate) fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The recorded snapshot answers the session's request for it. It may be newer than the stream so far: then the book
    /// waits for the stream to catch up, as it does live. What follows from it is in `events`.
    pub(crate) fn answer(&mut self, events: impl FnMut(FeedOutput)) {
        for (id, path) in self.asked.drain(..) {
            answer(&mut self.feed, self.recording, self.at, id, &path, &mut self.out);
        }
        self.out.drain(..).for_each(events);
    }

    /// All books hold.
    pub(crate) fn check(&self) {
        let status = self.feed.status();
        let live = status.instruments.iter().filter(|i| matches!(i.book, BookState::Live { .. })).count();
        assert_eq!(live, self.recording.symbols.len(), "all books hold at the end: {:?}", status.instruments);
    }
}

/// Hands all frames to a new session, in batches of at most `batch`. `timed` makes the call it is given, and may measure
/// it; a batch ends early where the session asks for something, which is answered outside of it.
pub(crate) fn run(recording: &Recording, batch: usize, shows: Shows, mut timed: impl FnMut(&mut dyn FnMut())) {
    let mut listener = Listener::new(recording, shows);
    let mut frames = recording.frames.iter();
    while !frames.as_slice().is_empty() {
        timed(&mut || {
            for frame in frames.by_ref().take(batch) {
                listener.hear(frame, drop);
                if listener.is_asking() {
                    break;
                }
            }
        });
        listener.answer(drop);
    }
    listener.check();
}

/// Connects and teaches the rules, within ten seconds: not everything may be asked at once.
fn start(feed: &mut Feed, recording: &Recording, at: Timestamp) -> (Timestamp, Vec<FeedOutput>) {
    let (mut out, mut begun, mut now) = (Vec::new(), Vec::new(), at);
    for second in 0..10 {
        now = at.plus(Duration::from_secs(second));
        feed.handle(now, FeedInput::Deadline, &mut out);
        while !out.is_empty() {
            match out.remove(0) {
                FeedOutput::Connect(..) => {
                    feed.handle(now, FeedInput::Connected(LinkId::FIRST), &mut out);
                    let first = match recording.venue {
                        Venue::Kraken => recording.rules(),
                        Venue::Kucoin => WELCOME.to_vec(),
                        Venue::BinanceUs | Venue::Coinbase => continue,
                    };
                    feed.handle(now, FeedInput::Frame(LinkId::FIRST, &first), &mut out);
                }
                FeedOutput::Request(request) => answer(feed, recording, now, request.id, &request.path, &mut out),
                other => begun.push(other),
            }
        }
    }
    (now, begun)
}

fn answer(
    feed: &mut Feed,
    recording: &Recording,
    at: Timestamp,
    request: RequestId,
    path: &str,
    out: &mut Vec<FeedOutput>,
) {
    let body = recording.answer(path);
    feed.handle(at, FeedInput::Response { request, status: 200, retry_after: None, body: &body }, out);
}

/// `None`, and a line that says so, where the file is not there.
pub(crate) fn load(venue: Venue, path: &str) -> Option<Recording> {
    let text = testdata::text(path)?;
    let mut recording = Recording { venue, symbols: Vec::new(), snapshots: Vec::new(), frames: Vec::new(), levels: 0 };
    for line in text.lines() {
        recording.line(line);
    }
    Some(recording)
}

/// A snapshot with a level fewer than are asked for passes for the whole book: when the market has run past a part of one,
/// the session asks for another, and there is none in a recording. KuCoin's are whole.
fn as_whole(snapshot: &str) -> Vec<u8> {
    let mut book: Value = serde_json::from_str(snapshot).expect("snapshots are JSON");
    for side in ["bids", "asks"] {
        if let Some(levels) = book.get_mut(side).and_then(Value::as_array_mut) {
            levels.truncate(999);
        }
    }
    serde_json::to_vec(&book).expect("JSON")
}

impl Recording {
    /// The rules of all instruments, as the venue tells them.
    fn rules(&self) -> Vec<u8> {
        let rule = |symbol: &String| match self.venue {
            Venue::Kraken => {
                format!(r#"{{"symbol":"{symbol}","base":"A","quote":"B","price_precision":1,"qty_precision":8}}"#)
            }
            Venue::BinanceUs => format!(r#"{{"symbol":"{symbol}","baseAsset":"A","quoteAsset":"B","filters":[]}}"#),
            Venue::Coinbase => {
                let steps = r#""base_increment":"0.00000001","quote_increment":"0.00000001""#;
                format!(r#"{{"id":"{symbol}","base_currency":"A","quote_currency":"B",{steps}}}"#)
            }
            Venue::Kucoin => {
                let steps = r#""baseIncrement":"0.00000001","priceIncrement":"0.0000000001""#;
                let names = format!(r#""symbol":"{symbol}","name":"{symbol}","baseCurrency":"A","quoteCurrency":"B""#);
                format!(r#"{{{names},{steps},"enableTrading":true}}"#)
            }
        };
        let rules = self.symbols.iter().map(rule).collect::<Vec<_>>().join(",");
        let text = match self.venue {
            Venue::Kraken => {
                format!(r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":[{rules}]}}}}"#)
            }
            Venue::BinanceUs => format!(r#"{{"symbols":[{rules}]}}"#),
            Venue::Coinbase => format!("[{rules}]"),
            Venue::Kucoin => format!(r#"{{"code":"200000","data":[{rules}]}}"#),
        };
        text.into_bytes()
    }

    /// What the venue answers: the recorded snapshot, leave to connect, or the rules.
    fn answer(&self, path: &str) -> Vec<u8> {
        let is_meant = |symbol: &&String| {
            path.ends_with(&format!("symbol={symbol}")) || path.contains(&format!("symbol={symbol}&"))
        };
        match self.symbols.iter().position(|symbol| is_meant(&symbol)) {
            Some(index) => self.snapshots[index].clone().expect("every book has a snapshot"),
            None if path.contains("bullet") => {
                br#"{"code":"200000","data":{"token":"t","instanceServers":[{"endpoint":"wss://a/endpoint"}]}}"#
                    .to_vec()
            }
            None if path.contains("timestamp") => br#"{"code":"200000","data":1800000000000}"#.to_vec(),
            None if path.contains("status") => br#"{"code":"200000","data":{"status":"open"}}"#.to_vec(),
            None => self.rules(),
        }
    }

    fn line(&mut self, line: &str) {
        match line.split_once(' ').filter(|(time, _)| time.bytes().all(|byte| byte.is_ascii_digit())) {
            Some((_, json)) if json.starts_with(r#"{"lastUpdateId"#) => {
                let index = self.index("BTCUSDT");
                self.snapshots[index] = Some(as_whole(json));
            }
            Some((_, json)) => self.frame(json),
            None => {
                let record: Value = serde_json::from_str(line).expect("records are JSON");
                let data = record["data"].as_str().unwrap_or_default();
                match (record["t"].as_str(), record["url"].as_str()) {
                    (Some("recv"), _) => self.frame(data),
                    (Some("http"), Some(url)) => {
                        let symbol = url.split("symbol=").nth(1).and_then(|rest| rest.split('&').next());
                        let index = self.index(symbol.expect("snapshots name their symbol"));
                        self.snapshots[index] = Some(as_whole(data));
                    }
                    _ => {}
                }
            }
        }
    }

    fn frame(&mut self, json: &str) {
        let message: Value = serde_json::from_str(json).expect("messages are JSON");
        // The session did not subscribe to other streams.
        if json.contains("bookTicker") || message["channel"] == "status" {
            return;
        }
        let count = |value: &Value| value.as_array().map_or(0, |levels| levels.len() as u64);
        if let Some(data) = message["data"].as_array() {
            for book in data {
                self.levels += count(&book["bids"]) + count(&book["asks"]);
                if let Some(symbol) = book["symbol"].as_str() {
                    self.index(symbol);
                }
            }
        }
        self.levels += count(&message["changes"]) + count(&message["bids"]) + count(&message["asks"]);
        if let Some(symbol) = message["product_id"].as_str() {
            self.index(symbol);
        }
        let data = &message["data"];
        let changes = &data["changes"];
        self.levels += count(&data["b"]) + count(&data["a"]) + count(&changes["bids"]) + count(&changes["asks"]);
        if let Some(symbol) = data["s"].as_str().or(data["symbol"].as_str()) {
            self.index(symbol);
        }
        self.frames.push(json.as_bytes().to_vec());
    }

    fn index(&mut self, symbol: &str) -> usize {
        match self.symbols.iter().position(|known| known == symbol) {
            Some(index) => index,
            None => {
                self.symbols.push(symbol.to_owned());
                self.snapshots.push(None);
                self.symbols.len() - 1
            }
        }
    }
}
