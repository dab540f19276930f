//! Real recordings, run through the live session as fast as it goes.

#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "a bench reads files and says what is missing")]

use std::time::Duration;

use feed::{BookState, Feed, FeedInput, FeedOutput, FeedSettings, LinkId, RequestId, Wanted};
use serde_json::Value;
use types::{InstrumentId, Timestamp, Venue};

/// The recordings, under `TICKERBOX_DATA` (default `../shared/data`).
pub(crate) const FILES: [(Venue, &str); 5] = [
    (Venue::Kraken, "ws/kraken_v2_book10_BTCUSD_20260719.jsonl.gz"),
    (Venue::BinanceUs, "ws/binance_us_20210417.jsonl.gz"),
    (Venue::BinanceUs, "ws/binance_us_20211011.jsonl.gz"),
    (Venue::BinanceUs, "l2/binance_spot_btcusdt_20240808.txt.gz"),
    (Venue::Coinbase, "ws/coinbase_exchange_20210417.jsonl.gz"),
];

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

/// Hands all frames to a new session, in batches of at most `batch`. `timed` makes the call it is given, and may measure
/// it; a batch ends early where the session asks for something, which is answered outside of it.
///
/// Frames come faster in the session's time than they were recorded: it gives up a line that falls behind what the venue's
/// clock says. But not so fast that it cannot ask for its books. One frame in 25 shows a book.
pub(crate) fn run(recording: &Recording, batch: usize, mut timed: impl FnMut(&mut dyn FnMut())) {
    let wanted =
        recording.symbols.iter().zip(0..).map(|(symbol, id)| Wanted { id: InstrumentId(id), symbol: symbol.clone() });
    let mut settings = FeedSettings::new(recording.venue, wanted.collect());
    settings.book_depth = 10;
    settings.history_minutes = 0;
    let step = Duration::from_millis(if recording.symbols.len() == 1 { 2 } else { 10 });
    settings.publish_every = step * 25;
    // Nothing answers subscriptions and pings here, and the recordings are run faster than they were made.
    settings.subscribe_timeout = Duration::from_secs(86_400);
    settings.silent_after = Duration::from_secs(86_400);
    settings.keepalive_after = Duration::from_secs(86_400);
    let mut feed = Feed::new(settings).expect("settings that work");
    let (mut out, mut asked) = (Vec::new(), Vec::new());
    let mut at = Timestamp::from_secs(1_800_000_000);
    start(&mut feed, recording, at, &mut out);
    out.clear();
    let mut frames = recording.frames.iter();
    while !frames.as_slice().is_empty() {
        timed(&mut || {
            for text in frames.by_ref().take(batch) {
                at = at.plus(step);
                feed.handle(at, FeedInput::Frame(LinkId::FIRST, text), &mut out);
                asked.extend(out.drain(..).filter_map(request));
                if !asked.is_empty() {
                    break;
                }
            }
        });
        // The recorded snapshot answers the session's request for it. It may be newer than the stream so far: then the
        // book waits for the stream to catch up, as it does live.
        for (id, path) in asked.drain(..) {
            let is_meant = |symbol: &&String| path.contains(&format!("symbol={symbol}&"));
            let index = recording.symbols.iter().position(|symbol| is_meant(&symbol)).expect("a snapshot is asked for");
            let body = recording.snapshots[index].as_deref().expect("every book has a snapshot");
            let input = FeedInput::Response { request: id, status: 200, retry_after: None, body };
            feed.handle(at, input, &mut out);
        }
        out.clear();
    }
    let status = feed.status();
    let live = status.instruments.iter().filter(|i| matches!(i.book, BookState::Live { .. })).count();
    assert_eq!(live, recording.symbols.len(), "all books hold at the end");
}

fn request(output: FeedOutput) -> Option<(RequestId, String)> {
    match output {
        FeedOutput::Request(request) => Some((request.id, request.path)),
        _ => None,
    }
}

/// Connects and teaches the rules.
fn start(feed: &mut Feed, recording: &Recording, at: Timestamp, out: &mut Vec<FeedOutput>) {
    feed.handle(at, FeedInput::Deadline, out);
    feed.handle(at, FeedInput::Connected(LinkId::FIRST), out);
    let rules: Vec<String> = recording
        .symbols
        .iter()
        .map(|symbol| match recording.venue {
            Venue::Kraken => {
                format!(r#"{{"symbol":"{symbol}","base":"A","quote":"B","price_precision":1,"qty_precision":8}}"#)
            }
            Venue::Coinbase => {
                let steps = r#""base_increment":"0.00000001","quote_increment":"0.00000001""#;
                format!(r#"{{"id":"{symbol}","base_currency":"A","quote_currency":"B",{steps}}}"#)
            }
            _ => format!(r#"{{"symbol":"{symbol}","baseAsset":"A","quoteAsset":"B","filters":[]}}"#),
        })
        .collect();
    let rules = rules.join(",");
    let asked = out.drain(..).find_map(request).map(|(id, _)| id);
    match asked {
        Some(request) => {
            let body = match recording.venue {
                Venue::Coinbase => format!("[{rules}]"),
                _ => format!(r#"{{"symbols":[{rules}]}}"#),
            };
            let input = FeedInput::Response { request, status: 200, retry_after: None, body: body.as_bytes() };
            feed.handle(at, input, out);
        }
        None => {
            let frame =
                format!(r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":[{rules}]}}}}"#);
            feed.handle(at, FeedInput::Frame(LinkId::FIRST, frame.as_bytes()), out);
        }
    }
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
/// the session asks for another, and there is none in a recording.
fn as_whole(snapshot: &str) -> Vec<u8> {
    let mut book: Value = serde_json::from_str(snapshot).expect("snapshots are JSON");
    for side in ["bids", "asks"] {
        book[side].as_array_mut().expect("levels").truncate(999);
    }
    serde_json::to_vec(&book).expect("JSON")
}

impl Recording {
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
        self.levels += count(&data["b"]) + count(&data["a"]);
        if let Some(symbol) = data["s"].as_str() {
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
