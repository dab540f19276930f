//! How long Coinbase's largest message takes: a snapshot of 46 000 levels in one frame, as BTC-USD sends it.
//!
//! `cargo bench -p tickerbox-feed --bench large_snapshot`. The levels are made up, in the venue's own spelling; the best
//! of the runs counts. A `memcpy` of the frame stands beside it, and what reading the frame allocates.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads clocks, and prints")]

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use feed::{BookState, Feed, FeedInput, FeedOutput, FeedSettings, LinkId, Wanted};
use types::{InstrumentId, Timestamp, Venue};

const LEVELS: u32 = 46_000;
const RUNS: usize = 50;
const RULES: &[u8] = br#"[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.00000001","min_market_funds":"1","status":"online"}]"#;

fn main() {
    let frame = snapshot();
    let (mut best, mut copy) = (f64::INFINITY, f64::INFINITY);
    let mut allocated = 0;
    for _ in 0..RUNS {
        let (mut feed, mut out, at) = subscribed();
        let began = Instant::now();
        let info = allocation_counter::measure(|| feed.handle(at, FeedInput::Frame(LinkId::FIRST, &frame), &mut out));
        best = best.min(began.elapsed().as_secs_f64());
        allocated = info.bytes_total;
        assert!(matches!(feed.status().instruments[0].book, BookState::Live { .. }), "the book holds");
        let began = Instant::now();
        black_box(frame.clone());
        copy = copy.min(began.elapsed().as_secs_f64());
    }
    println!(
        "{LEVELS} levels, {} bytes: {:.2} ms, {:.0} ns a level; copying the frame takes {:.2} ms; {} bytes allocated",
        frame.len(),
        best * 1e3,
        best * 1e9 / f64::from(LEVELS),
        copy * 1e3,
        allocated,
    );
}

/// Dense near the best prices and sparse far away, as real books are; the venue sends the asks first.
fn snapshot() -> Vec<u8> {
    let side = |is_bid: bool| {
        let mut levels = String::new();
        let mut cents = 6_500_000i64;
        for n in 0..i64::from(LEVELS / 2) {
            let step = 1 + n / 200;
            cents += if is_bid { -step } else { step };
            let comma = if n == 0 { "" } else { "," };
            let (whole, rest) = (cents.max(1) / 100, cents.max(1) % 100);
            write!(levels, r#"{comma}["{whole}.{rest:02}","0.{:08}"]"#, 1 + n * 7_919 % 99_999_999)
                .expect("a string takes all");
        }
        levels
    };
    let (asks, bids) = (side(false), side(true));
    format!(r#"{{"type":"snapshot","product_id":"BTC-USD","asks":[{asks}],"bids":[{bids}]}}"#).into_bytes()
}

/// A feed that waits for its snapshot.
fn subscribed() -> (Feed, Vec<FeedOutput>, Timestamp) {
    let wanted = vec![Wanted { id: InstrumentId(0), symbol: "BTC-USD".to_owned() }];
    let mut settings = FeedSettings::new(Venue::Coinbase, wanted);
    settings.history_minutes = 0;
    let mut feed = Feed::new(settings).expect("settings that work");
    let at = Timestamp::from_secs(1_800_000_000);
    let mut out = Vec::new();
    feed.handle(at, FeedInput::Deadline, &mut out);
    feed.handle(at, FeedInput::Connected(LinkId::FIRST), &mut out);
    let asked = out.iter().find_map(|output| match output {
        FeedOutput::Request(request) => Some(request.id),
        _ => None,
    });
    let request = asked.expect("rules are asked for");
    feed.handle(at, FeedInput::Response { request, status: 200, retry_after: None, body: RULES }, &mut out);
    out.clear();
    (feed, out, at)
}
