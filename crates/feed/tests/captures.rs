//! Recorded files: what they show, against counts and books computed independently, and what damaged ones are told.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests read recordings and say when there are none"
)]

use std::collections::BTreeMap;
use std::path::Path;

use feed::capture::{Capture, CaptureError, CaptureReport, Heard, LINE_BYTES_MAX, TAPE_SCALE, Told};
use serde_json::Value;
use types::{Input, InstrumentId, Level, Venue};

const KRAKEN: &[u8] = include_bytes!("../fixtures/kraken_book10.jsonl");
const KRAKEN_FRAMES: &[u8] = include_bytes!("../fixtures/kraken_public_frames.jsonl");
const BINANCE_US: &[u8] = include_bytes!("../fixtures/binance_us_crvusdt.jsonl");
const COINBASE: &[u8] = include_bytes!("../fixtures/coinbase_nugbp.jsonl");
const KUCOIN: &[u8] = include_bytes!("../fixtures/kucoin_eqz.jsonl");
const KUCOIN_FRAMES: &[u8] = include_bytes!("../fixtures/kucoin_public_frames.jsonl");
const RECORDER: &[u8] = include_bytes!("../fixtures/binance_spot_recorder.txt");

fn analyse(venue: Venue, file: &[u8]) -> Result<CaptureReport, CaptureError> {
    let mut capture = Capture::new(venue);
    for (line, number) in file.split(|byte| *byte == b'\n').zip(1..) {
        capture.line(number, line)?;
    }
    capture.finish()
}

fn fixture(name: &str) -> Value {
    let path = Path::new("fixtures").join(name);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("fixtures are JSON")
}

/// Everything that the expectation names must be in the report, value for value.
#[track_caller]
fn assert_shows(report: &CaptureReport, expected: &Value) {
    let report = serde_json::to_value(report).expect("reports are JSON");
    for key in ["frames", "gaps", "checksums"].into_iter().filter(|key| expected.get(key).is_some()) {
        assert_eq!(report[key], expected[key], "{key}");
    }
    assert_eq!(report["rejected"], 0, "{:?}", report["rejections"]);
    assert_eq!(report["resyncs"], 0);
    let instruments = |value: &Value| value["instruments"].as_array().expect("a list").clone();
    assert_eq!(instruments(&report).len(), instruments(expected).len());
    for (shown, expected) in instruments(&report).iter().zip(instruments(expected)) {
        for (key, value) in expected.as_object().expect("an object") {
            assert_eq!(&shown[key], value, "{} of {}", key, expected["symbol"]);
        }
    }
}

#[track_caller]
fn check_recording(venue: Venue, path: &str, expected: &str) -> Option<CaptureReport> {
    let report = analyse(venue, &testdata::read(path)?).expect("a recording of this venue");
    assert_shows(&report, &fixture(expected));
    Some(report)
}

#[test]
fn kraken_recording_proves_every_checksum() {
    let path = "ws/kraken_v2_book10_BTCUSD_20260719.jsonl.gz";
    let expected = "expected_kraken_v2_book10_BTCUSD_20260719.json";
    if let Some(report) = check_recording(Venue::Kraken, path, expected) {
        assert_eq!((report.checksums.checked, report.checksums.matched), (1_254, 1_254));
        assert!(report.instruments[0].live);
    }
}

#[test]
fn binance_us_recordings_splice_every_book() {
    for (path, expected) in [
        ("ws/binance_us_20210417.jsonl.gz", "expected_binance_us_20210417.json"),
        ("ws/binance_us_20211011.jsonl.gz", "expected_binance_us_20211011.json"),
    ] {
        if let Some(report) = check_recording(Venue::BinanceUs, path, expected) {
            assert!(report.instruments.iter().all(|instrument| instrument.live && instrument.snapshots == 1));
        }
    }
}

#[test]
fn coinbase_recording_rebuilds_every_book_and_counts_every_trade_once() {
    let path = "ws/coinbase_exchange_20210417.jsonl.gz";
    let expected = "expected_coinbase_exchange_20210417.json";
    if let Some(report) = check_recording(Venue::Coinbase, path, expected) {
        assert!(report.instruments.iter().all(|instrument| instrument.live && instrument.snapshots == 1));
        let odd = report.instruments.iter().map(|i| (i.crossed, i.trade_gaps, i.duplicates));
        assert!(odd.clone().all(|counts| counts == (0, 0, 0)), "{:?}", odd.collect::<Vec<_>>());
        assert_eq!(report.instruments.iter().map(|i| i.trades).sum::<u64>(), 77, "six more came before the recording");
    }
}

#[test]
fn kucoin_recording_splices_every_book_and_misses_no_number() {
    let path = "ws/kucoin_20210425.jsonl.gz";
    if let Some(report) = check_recording(Venue::Kucoin, path, "expected_kucoin_20210425.json") {
        assert!(report.instruments.iter().all(|instrument| instrument.live && instrument.snapshots == 1));
        assert_eq!(report.instruments.iter().map(|i| i.deltas).sum::<u64>(), 2_977, "2 971 of 2 971 pairs follow");
    }
}

#[test]
fn recorder_file_never_crosses() {
    let path = "l2/binance_spot_btcusdt_20240808.txt.gz";
    let expected = "expected_binance_spot_btcusdt_20240808.json";
    if let Some(report) = check_recording(Venue::BinanceUs, path, expected) {
        assert_eq!((report.instruments[0].crossed, report.instruments[0].trade_gaps), (0, 0));
    }
}

#[test]
fn trimmed_recordings_show_what_was_computed_from_them() {
    let check = |venue, file, expected| assert_shows(&analyse(venue, file).expect("readable"), &fixture(expected));
    check(Venue::Kraken, KRAKEN, "expected_kraken_book10.json");
    check(Venue::BinanceUs, BINANCE_US, "expected_binance_us_crvusdt.json");
    check(Venue::BinanceUs, RECORDER, "expected_binance_spot_recorder.json");
    check(Venue::Kucoin, KUCOIN, "expected_kucoin_eqz.json");
    check(Venue::Coinbase, COINBASE, "expected_coinbase_nugbp.json");
}

/// The message texts of a capture, one a line.
fn bare(capture: &[u8]) -> Vec<u8> {
    let mut bare = Vec::new();
    for line in capture.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_slice(line).expect("records are JSON");
        if record["t"] == "recv" {
            bare.extend_from_slice(record["data"].as_str().expect("text").as_bytes());
            bare.push(b'\n');
        }
    }
    bare
}

#[test]
fn bare_frames_show_the_same() {
    let report = analyse(Venue::Kraken, &bare(KRAKEN)).expect("readable");
    assert_shows(&report, &fixture("expected_kraken_book10.json"));
}

#[test]
fn kucoin_books_need_their_snapshot_and_a_lost_change_is_a_gap() {
    let report = analyse(Venue::Kucoin, &bare(KUCOIN)).expect("readable");
    let eqz = report.instruments.iter().find(|i| i.symbol == "EQZ-BTC").expect("recorded");
    assert_eq!((eqz.deltas, eqz.live, eqz.book.bids.len()), (42, false, 0), "no snapshot among the messages");

    let text = String::from_utf8(KUCOIN.to_vec()).expect("text");
    let is_change = |line: &&str| line.contains("/market/level2:EQZ-BTC");
    let lost = text.lines().filter(is_change).nth(30).expect("42 changes");
    let without: String = text.lines().filter(|line| *line != lost).map(|line| format!("{line}\n")).collect();
    let report = analyse(Venue::Kucoin, without.as_bytes()).expect("readable");
    let eqz = report.instruments.iter().find(|i| i.symbol == "EQZ-BTC").expect("recorded");
    assert_eq!((eqz.deltas, eqz.gaps, eqz.live), (41, 1, false));
}

#[test]
fn kucoin_frames_of_today_are_read() {
    let report = analyse(Venue::Kucoin, KUCOIN_FRAMES).expect("readable");
    let counts: Vec<_> = report.instruments.iter().map(|i| (i.symbol.as_str(), i.candles, i.live)).collect();
    assert_eq!((report.frames, report.rejected, counts), (1, 0, vec![("BTC-USDT", 1, false)]));
}

#[test]
fn kraken_depth_is_inferred_where_no_answer_to_the_subscription_was_recorded() {
    let text = String::from_utf8(bare(KRAKEN)).expect("text");
    let silent: String =
        text.lines().filter(|line| !line.contains("subscribe")).map(|line| format!("{line}\n")).collect();
    let report = analyse(Venue::Kraken, silent.as_bytes()).expect("readable");
    let expected = fixture("expected_kraken_book10.json");
    assert_eq!(serde_json::to_value(report.checksums).expect("JSON"), expected["checksums"]);
    assert_eq!(report.frames + 1, expected["frames"].as_u64().expect("a number"));
}

#[test]
fn single_frames_of_all_channels_are_read() {
    let report = analyse(Venue::Kraken, KRAKEN_FRAMES).expect("readable");
    assert_eq!((report.frames, report.rejected, report.refused), (10, 0, 2));
    let counts: Vec<_> = report.instruments.iter().map(|i| (i.symbol.as_str(), i.trades, i.candles, i.live)).collect();
    assert_eq!(counts, [("BTC/USD", 1, 1, false), ("BTC/USDT", 0, 10, false)]);
}

fn without(file: &[u8], is_out: impl Fn(usize, &str) -> bool) -> Vec<u8> {
    let text = std::str::from_utf8(file).expect("text");
    let kept = text.lines().enumerate().filter(|(index, line)| !is_out(*index, line));
    kept.map(|(_, line)| format!("{line}\n")).collect::<String>().into_bytes()
}

#[test]
fn a_lost_kraken_update_is_seen_by_the_checksum_and_healed_by_the_next_snapshot() {
    let updates: Vec<usize> = std::str::from_utf8(KRAKEN)
        .expect("text")
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(r#"\"update\""#) && line.contains("checksum"))
        .map(|(index, _)| index)
        .collect();
    let lost = without(KRAKEN, |index, _| index == updates[5]);
    let report = analyse(Venue::Kraken, &lost).expect("readable");
    assert_eq!((report.gaps, report.resyncs), (1, 0));
    assert_eq!(report.checksums.checked, report.checksums.matched + 1);
    assert!(!report.instruments[0].live && report.instruments[0].book.bids.is_empty());

    let healed = [lost, KRAKEN.to_vec()].concat();
    let report = analyse(Venue::Kraken, &healed).expect("readable");
    assert_eq!((report.gaps, report.resyncs), (1, 1));
    let expected = fixture("expected_kraken_book10.json");
    let book = serde_json::to_value(&report.instruments[0].book).expect("JSON");
    assert_eq!(book, expected["instruments"][0]["book"]);
}

#[test]
fn a_lost_binance_update_is_a_gap_and_needs_a_new_snapshot() {
    let is_depth = |line: &str| line.contains("depthUpdate");
    let depths: Vec<usize> = std::str::from_utf8(BINANCE_US)
        .expect("text")
        .lines()
        .enumerate()
        .filter(|(_, line)| is_depth(line))
        .map(|(index, _)| index)
        .collect();
    let lost = without(BINANCE_US, |index, _| index == depths[depths.len() / 2]);
    let report = analyse(Venue::BinanceUs, &lost).expect("readable");
    assert_eq!((report.gaps, report.resyncs, report.rejected), (1, 0, 0));
    assert!(!report.instruments[0].live);

    let doubled = std::str::from_utf8(BINANCE_US).expect("text");
    let doubled: String = doubled
        .lines()
        .map(|line| if is_depth(line) { format!("{line}\n{line}\n") } else { format!("{line}\n") })
        .collect();
    let report = analyse(Venue::BinanceUs, doubled.as_bytes()).expect("readable");
    assert_eq!(report.gaps, 0, "doubled updates are old, not gaps");
    let expected = fixture("expected_binance_us_crvusdt.json");
    assert_eq!(serde_json::to_value(&report.instruments[0].book).expect("JSON"), expected["instruments"][0]["book"]);
}

/// Trades told on both channels: the match names the maker, the ticker the taker.
#[test]
fn coinbase_matches_and_tickers_name_opposite_sides() {
    let mut sides = std::collections::BTreeMap::new();
    let mut pairs = 0;
    for line in bare(COINBASE).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message: Value = serde_json::from_slice(line).expect("messages are JSON");
        let key = (message["product_id"].to_string(), message["trade_id"].to_string());
        if let (Some("match" | "last_match" | "ticker"), Some(side)) =
            (message["type"].as_str(), message["side"].as_str())
            && let Some(other) = sides.insert(key, side.to_owned())
        {
            assert_ne!(other, side, "{message}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 11);
}

#[test]
fn lost_reordered_and_repeated_coinbase_messages_are_told_as_far_as_they_show() {
    let is_match = |line: &str| line.contains(r#"\"match\""#) && line.contains("SKL-BTC");
    let matches: Vec<usize> = std::str::from_utf8(COINBASE)
        .expect("text")
        .lines()
        .enumerate()
        .filter(|(_, line)| is_match(line))
        .map(|(index, _)| index)
        .collect();
    let lost = without(COINBASE, |index, _| index == matches[2]);
    let report = analyse(Venue::Coinbase, &lost).expect("readable");
    assert_eq!((report.instruments[1].trade_gaps, report.instruments[1].trades), (1, 7));

    let again = [COINBASE.to_vec(), COINBASE.to_vec()].concat();
    let report = analyse(Venue::Coinbase, &again).expect("readable");
    let (book, trades) = (&report.instruments[0], &report.instruments[1]);
    assert_eq!((trades.trades, trades.duplicates, trades.trade_gaps), (8, 9, 0), "the last match counts neither time");
    assert_eq!((book.snapshots, book.resyncs, book.live), (2, 1, true), "a new connection has a new book");
    let expected = fixture("expected_coinbase_nugbp.json");
    assert_eq!(serde_json::to_value(&book.book).expect("JSON"), expected["instruments"][0]["book"]);

    // Without the second connection and snapshot the old updates step back in time.
    let updates = without(COINBASE, |_, line| !line.contains("l2update"));
    let report = analyse(Venue::Coinbase, &[COINBASE.to_vec(), updates].concat()).expect("readable");
    assert_eq!((report.gaps, report.instruments[0].live), (1, false));
}

#[test]
fn a_malformed_message_is_counted_and_the_rest_is_used() {
    let mut file = b"{\"channel\":\"book\",\"type\":\"update\"}\n{\"channel\":7}\nnull\n".to_vec();
    file.extend_from_slice(&bare(KRAKEN));
    let report = analyse(Venue::Kraken, &file).expect("readable");
    assert_eq!(report.rejected, 3);
    assert_eq!(report.rejections[0].line, 1);
    assert_eq!(report.checksums.checked, report.checksums.matched);
}

#[test]
fn files_that_cannot_be_used_get_one_clear_message() {
    let message = |venue, file: &[u8]| analyse(venue, file).expect_err("not usable").to_string();
    assert_eq!(message(Venue::Kraken, b""), "the file is empty");
    assert_eq!(message(Venue::Kraken, b"\n \r\n"), "the file is empty");
    assert_eq!(message(Venue::Kraken, &[0, 159, 146, 150]), "line 1: not text, but binary data");
    assert_eq!(message(Venue::Kraken, b"{\"channel\":\"heartbeat\"}\n\xff\xfe"), "line 2: not text, but binary data");
    assert_eq!(
        message(Venue::Kraken, b"open_time_ms,open,high\n1,2,3"),
        "line 1: neither a capture record, nor a time and a JSON text, nor a JSON text"
    );
    assert_eq!(
        message(Venue::Kraken, b"{\"error\":[],\"result\":{}}"),
        "line 1: this is a REST answer, not a recording of messages"
    );
    assert!(message(Venue::BinanceUs, b"[[1,\"2\"]]").starts_with("line 1: a JSON array"));
    assert_eq!(
        message(Venue::Kucoin, br#"{"code":"200000","data":[]}"#),
        "line 1: this is a REST answer, not a recording of messages"
    );
    let wrong = message(Venue::Kucoin, KRAKEN);
    assert!(wrong.starts_with("nothing in the file can be read as kucoin data; all 60 messages"), "{wrong}");
    let wrong = message(Venue::BinanceUs, KRAKEN);
    assert!(wrong.starts_with("nothing in the file can be read as binance-us data; all 60 messages"), "{wrong}");
    let wrong = message(Venue::Kraken, BINANCE_US);
    assert!(wrong.starts_with("nothing in the file can be read as kraken data"), "{wrong}");
    let wrong = message(Venue::Kraken, RECORDER);
    assert!(wrong.starts_with("nothing in the file can be read as kraken data"), "{wrong}");
    let long = vec![b' '; LINE_BYTES_MAX + 1];
    assert_eq!(message(Venue::Kraken, &long), format!("line 1: longer than {LINE_BYTES_MAX} bytes"));
    let connect_only = br#"{"t":"connect","conn":"x","addr":"wss://x"}"#;
    assert_eq!(message(Venue::Kraken, connect_only), "the file holds no message received from kraken");
    let mixed = [br#"{"t":"send","data":"x"}"#.as_slice(), b"\n{\"channel\":\"heartbeat\"}"].concat();
    assert!(message(Venue::Kraken, &mixed).starts_with("line 2: missing field `t`"));
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_told_or_read_to_its_last_whole_line() {
    for (venue, file) in [
        (Venue::Kraken, KRAKEN.to_vec()),
        (Venue::Kraken, bare(KRAKEN)),
        (Venue::BinanceUs, BINANCE_US.to_vec()),
        (Venue::BinanceUs, RECORDER.to_vec()),
        (Venue::Coinbase, COINBASE.to_vec()),
        (Venue::Coinbase, bare(COINBASE)),
    ] {
        for end in (1..file.len()).step_by(97) {
            let is_whole = file[end] == b'\n' || file[end - 1] == b'\n';
            let lines = file[..end].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            match analyse(venue, &file[..end]) {
                Ok(_) => assert!(is_whole, "cut at byte {end}"),
                Err(CaptureError::CutOff { line } | CaptureError::Line { line, .. }) => assert_eq!(line, lines),
                Err(CaptureError::NothingRecorded { .. }) => assert!(is_whole),
                Err(error) => panic!("cut at byte {end}: {error}"),
            }
        }
    }
}

/// All that a recording tells as the engine hears it.
fn play(venue: Venue, file: &[u8]) -> (CaptureReport, Vec<Heard>) {
    let mut capture = Capture::with_tape(venue);
    let mut heard = Vec::new();
    for (number, line) in (1..).zip(file.split(|byte| *byte == b'\n')) {
        capture.line(number, line).expect("a line of the recording");
        heard.extend(capture.take_heard());
    }
    (capture.finish().expect("readable"), heard)
}

#[test]
fn a_tape_tells_every_trade_and_ends_with_the_books_of_the_report() {
    for (venue, file) in
        [(Venue::Kraken, KRAKEN), (Venue::BinanceUs, BINANCE_US), (Venue::Coinbase, COINBASE), (Venue::Kucoin, KUCOIN)]
    {
        let (report, heard) = play(venue, file);
        assert!(heard.is_sorted_by_key(|heard| heard.at), "{venue}");
        let is_trade = |heard: &&Heard| matches!(heard.told, Told::Input(Input::Trade(_)));
        let trades = heard.iter().filter(is_trade).count() as u64;
        assert_eq!(trades, report.instruments.iter().map(|instrument| instrument.trades).sum::<u64>(), "{venue}");
        let mut bids: BTreeMap<InstrumentId, BTreeMap<i64, u64>> = BTreeMap::new();
        let units = |level: &Level| (level.price.mantissa(), level.qty.0);
        for heard in &heard {
            match &heard.told {
                Told::Book(depth) => drop(bids.insert(depth.instrument, depth.bids.iter().map(units).collect())),
                Told::Change(depth) => {
                    let known = bids.get_mut(&depth.instrument).expect("a book that holds");
                    known.extend(depth.bids.iter().map(units));
                    known.retain(|_, qty| *qty > 0);
                }
                Told::Input(Input::BookStale { instrument, .. }) => drop(bids.remove(instrument)),
                Told::Input(_) => {}
            }
        }
        let live: Vec<_> = report.instruments.iter().filter(|instrument| instrument.live).collect();
        assert_eq!(bids.len(), live.len(), "{venue}");
        let number = |text: &str, decimals| {
            types::decimal::parse(text.as_bytes(), decimals, types::decimal::Exponent::Refuse).expect("a decimal")
        };
        for instrument in live {
            let best = &instrument.book.bids[0];
            let (price, qty) = (number(&best.0, TAPE_SCALE.price_decimals), number(&best.1, TAPE_SCALE.qty_decimals));
            let told = |bids: &BTreeMap<i64, u64>| bids.last_key_value() == Some((&price, &(qty as u64)));
            assert!(bids.values().any(told), "{venue}: {best:?} of {}", instrument.symbol);
        }
    }
}

#[test]
fn a_tape_has_the_receivers_times_and_marks_what_does_not_hold() {
    let frame = |ts: &str, data: &str| format!(r#"{{"t":"recv","conn":"a","ts":{ts},"data":{}}}"#, Value::from(data));
    let depth = |first: u64, bid: &str| {
        format!(r#"{{"e":"depthUpdate","E":5,"s":"X","U":{first},"u":{first},"b":[["{bid}","1"]],"a":[["9","2"]]}}"#)
    };
    let snapshot = r#"{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}"#;
    let file = [
        frame(r#""100.5""#, &depth(1, "7")),
        format!(r#"{{"t":"http","url":"/api/v3/depth?symbol=X","ts":"100.6","data":"{snapshot}"}}"#),
        frame("101.25", &depth(2, "8")),
        frame(r#""102.000000001""#, &depth(4, "8")),
    ];
    let (_, heard) = play(Venue::BinanceUs, file.join("\n").as_bytes());
    let told: Vec<String> = heard
        .iter()
        .map(|heard| {
            let what = match &heard.told {
                Told::Book(depth) => format!("{} bids", depth.bids.len()),
                Told::Change(depth) => format!("{} changed bids", depth.bids.len()),
                Told::Input(input) => format!("{input:?}"),
            };
            format!("{} {what}", heard.at.as_nanos())
        })
        .collect();
    let stale = "BookStale { instrument: InstrumentId(0), reason: SequenceGap }";
    assert_eq!(told, ["100600000000 0 bids", "101250000000 1 changed bids", &format!("102000000001 {stale}")]);
}
