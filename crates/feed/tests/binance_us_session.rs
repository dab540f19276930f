//! Binance.US's session from the connection to a proven book, and through everything that can go wrong.

mod rig;

use std::time::Duration;

use feed::{BookState, FeedInput, ReconnectReason, RejectReason};
use rig::Rig;
use rig::binance_us::{ANSWER, depth, info, live, request_of, snapshot, subscribed};
use types::market::{CandleSource, Proof, StaleReason};
use types::{Aggressor, InstrumentId, TradingStatus, Venue};

#[test]
fn rules_first_then_one_subscription_for_all_streams() {
    let mut rig = Rig::new(Venue::BinanceUs, &["BTCUSDT", "XMRUSDT"], |settings| settings.history_minutes = 60);
    assert_eq!(rig.connect().path, "/stream");
    let rules = rig.requests();
    assert_eq!(rules[0].path, "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22XMRUSDT%22%5D");
    rig.nothing_else();
    rig.respond(&rules[0], 400, r#"{"code":-1121,"msg":"Invalid symbol."}"#);
    let all = request_of(&mut rig, "exchangeInfo");
    assert_eq!(all.path, "/api/v3/exchangeInfo", "one unknown symbol spoils the question for some");
    rig.respond(&all, 200, &info(&["BTCUSDT", "ETHUSDT"]));
    let learned = rig.instruments();
    assert_eq!((learned.len(), learned[0].scale.price_decimals, learned[0].scale.qty_decimals), (1, 2, 4));
    assert_eq!(rig.statuses(), [(InstrumentId(0), TradingStatus::Trading)]);
    assert_eq!(rig.reasons(), [RejectReason::NotListed]);
    assert_eq!(
        rig.sent(),
        [r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@aggTrade","btcusdt@kline_1m"],"id":1}"#]
    );
    rig.frame(ANSWER);
    assert_eq!(request_of(&mut rig, "klines").path, "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=61");
    rig.nothing_else();
}

#[test]
fn what_is_listed_altogether_is_asked_for_once_and_late() {
    let mut rig = subscribed(&["BTCUSDT"]);
    rig.pass(Duration::from_secs(9));
    assert_eq!(rig.requests(), [], "books come first");
    assert_eq!(rig.feed.status().listed.len(), 0);
    rig.pass(Duration::from_secs(2));
    let all = request_of(&mut rig, "exchangeInfo");
    assert_eq!((all.path.as_str(), all.weight), ("/api/v3/exchangeInfo", 20));
    rig.respond(&all, 200, &info(&["BTCUSDT", "ETHUSDT"]));
    let listed = rig.feed.status().listed;
    let names: Vec<&str> = listed.iter().map(|listing| listing.symbol.as_str()).collect();
    assert_eq!(names, ["BTCUSDT", "ETHUSDT"]);
    rig.pass(Duration::from_secs(30));
    assert!(rig.requests().iter().all(|request| !request.path.contains("exchangeInfo")));
}

#[test]
fn many_streams_go_in_spaced_batches() {
    let symbols: Vec<String> = (0..80).map(|n| format!("C{n}USDT")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut rig = Rig::new(Venue::BinanceUs, &symbols, |settings| settings.history_minutes = 0);
    rig.connect();
    let request = rig.requests().pop().expect("rules are asked for");
    rig.respond(&request, 200, &info(&symbols));
    assert_eq!(rig.sent().len(), 1);
    rig.pass(Duration::from_millis(299));
    assert_eq!(rig.sent().len(), 0);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.sent().len(), 1);
    rig.pass(Duration::from_millis(300));
    assert_eq!(rig.sent().len(), 1, "240 streams in batches of 90");
}

#[test]
fn a_book_is_joined_from_kept_updates_and_a_snapshot() {
    let mut rig = subscribed(&["BTCUSDT"]);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.requests(), [], "the first update comes before the snapshot");
    rig.frame(&depth("BTCUSDT", 100, 101, r#"["10.00000000","7.00000000"]"#, ""));
    let request = request_of(&mut rig, "depth");
    assert_eq!((request.path.as_str(), request.weight), ("/api/v3/depth?symbol=BTCUSDT&limit=1000", 50));
    rig.frame(&depth("BTCUSDT", 102, 104, r#"["10.50000000","3.00000000"]"#, ""));
    assert_eq!(rig.books(), []);
    rig.respond(&request, 200, &snapshot(102));
    let books = rig.books();
    assert_eq!(books.len(), 1);
    let bids: Vec<_> = books[0].bids.iter().map(|level| (level.price.mantissa(), level.qty.0)).collect();
    assert_eq!(bids, [(1_050, 30_000), (1_000, 10_000), (900, 20_000)]);
    assert_eq!(books[0].proof, Proof::Sequence);
    rig.pass(Duration::from_millis(300));
    let told_at = rig.at;
    rig.frame(&depth("BTCUSDT", 105, 105, r#"["10.50000000","0.00000000"]"#, ""));
    let books = rig.books();
    assert_eq!(books[0].bids.len(), 2);
    assert_eq!(books[0].venue_at, Some(told_at));
    assert_eq!(rig.book_state(0), BookState::Live { proof: Proof::Sequence });
    rig.nothing_else();
}

#[test]
fn an_old_snapshot_is_asked_for_again_after_a_pause() {
    let mut rig = subscribed(&["BTCUSDT"]);
    rig.frame(&depth("BTCUSDT", 100, 101, "", ""));
    for _ in 0..3 {
        let request = request_of(&mut rig, "depth");
        rig.respond(&request, 200, &snapshot(50));
        rig.pass(Duration::from_millis(400));
        assert_eq!(rig.requests(), [], "half a second");
    }
    let request = request_of(&mut rig, "depth");
    rig.respond(&request, 200, &snapshot(100));
    assert_eq!(rig.books().len(), 1);
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.snapshots, counts.resyncs, counts.gaps), (1, 0, 0), "a first snapshot is no resync");
}

#[test]
fn a_gap_makes_that_book_stale_and_resyncs_it_alone() {
    let mut rig = live(&["BTCUSDT", "ETHUSDT"]);
    rig.frame(&depth("BTCUSDT", 104, 105, r#"["8.00000000","1.00000000"]"#, ""));
    assert_eq!(rig.stale(), [(0, StaleReason::SequenceGap)]);
    rig.frame(&depth("BTCUSDT", 106, 106, "", ""));
    let request = request_of(&mut rig, "depth?symbol=BTCUSDT");
    rig.respond(&request, 200, &snapshot(103));
    let books = rig.books();
    assert_eq!(books.len(), 1, "shown at once");
    assert_eq!(books[0].bids.len(), 3, "the update that showed the gap is in it");
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.gaps, counts.resyncs), (1, 1));
    assert_eq!(rig.book_state(1), BookState::Live { proof: Proof::Sequence });
    rig.frame(&depth("BTCUSDT", 105, 106, "", ""));
    assert_eq!(rig.instrument(0).counts.gaps, 1, "old updates are no gaps");
}

#[test]
fn a_crossed_book_is_tolerated_once() {
    let mut rig = live(&["BTCUSDT"]);
    rig.pass(Duration::from_secs(1));
    rig.frame(&depth("BTCUSDT", 102, 102, r#"["11.00000000","1.00000000"]"#, ""));
    rig.pass(Duration::from_secs(1));
    assert_eq!((rig.books(), rig.stale()), (vec![], vec![]), "neither shown nor stale");
    rig.frame(&depth("BTCUSDT", 103, 103, "", ""));
    assert_eq!(rig.stale(), [(0, StaleReason::Crossed)]);
    request_of(&mut rig, "depth");
    assert_eq!(rig.instrument(0).counts.crossed, 2);
}

#[test]
fn a_break_makes_all_books_stale_and_everything_starts_anew() {
    let mut rig = live(&["BTCUSDT", "ETHUSDT"]);
    let trade = |id: u64| {
        format!(
            r#"{{"e":"aggTrade","E":1800000000000,"s":"BTCUSDT","a":{id},"p":"10.50000000","q":"0.20000000","f":{},"l":{},"T":1800000000000,"m":true,"M":true}}"#,
            id * 3,
            id * 3 + 2
        )
    };
    rig.frame(&trade(5));
    let trades = rig.trades();
    assert_eq!((trades[0].id, trades[0].fills, trades[0].aggressor), (5, 3, Aggressor::Sell));
    rig.disconnect();
    assert_eq!(rig.stale(), [(0, StaleReason::Disconnected), (1, StaleReason::Disconnected)]);
    rig.pass(Duration::from_secs(30));
    assert_eq!(rig.targets().len(), 1, "a new connection, and nothing more");
    rig.nothing_else();
    rig.connected();
    assert_eq!(rig.sent().len(), 1, "the rules are known");
    rig.frame(r#"{"result":null,"id":2}"#);
    rig.frame(&depth("BTCUSDT", 500, 501, "", ""));
    let request = request_of(&mut rig, "depth?symbol=BTCUSDT");
    rig.respond(&request, 200, &snapshot(501));
    assert_eq!(rig.books().len(), 1);
    for id in [4, 5, 7] {
        rig.frame(&trade(id));
    }
    assert_eq!(rig.trades().len(), 1);
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trades, counts.duplicates, counts.trade_gaps, counts.resyncs), (2, 2, 1, 1));
}

#[test]
fn an_answer_from_before_the_break_is_not_used() {
    let mut rig = subscribed(&["BTCUSDT"]);
    rig.frame(&depth("BTCUSDT", 100, 101, "", ""));
    let request = request_of(&mut rig, "depth");
    rig.disconnect();
    rig.connect();
    rig.respond(&request, 200, &snapshot(101));
    assert_eq!(rig.books(), []);
    assert_eq!(rig.book_state(0), BookState::Waiting);
}

#[test]
fn a_429_stops_all_requests_until_the_venue_allows_them() {
    let mut rig = subscribed(&["BTCUSDT", "ETHUSDT"]);
    rig.frame(&depth("BTCUSDT", 100, 101, "", ""));
    rig.frame(&depth("ETHUSDT", 100, 101, "", ""));
    let request = request_of(&mut rig, "depth");
    rig.give(FeedInput::Response {
        request: request.id,
        status: 429,
        retry_after: Some(Duration::from_secs(30)),
        body: b"",
    });
    assert_eq!(rig.reasons(), [RejectReason::RequestFailed]);
    for _ in 0..29 {
        rig.pass(Duration::from_secs(1));
        rig.frame(&depth("BTCUSDT", 100, 101, "", ""));
    }
    assert_eq!(rig.requests(), []);
    request_of(&mut rig, "depth");
    assert!(rig.feed.status().requests_blocked_until.is_some_and(|until| until <= rig.at));
}

#[test]
fn failed_and_unanswered_requests_are_made_again() {
    let mut rig = subscribed(&["BTCUSDT"]);
    rig.frame(&depth("BTCUSDT", 100, 101, "", ""));
    let request = request_of(&mut rig, "depth");
    rig.give(FeedInput::Failed { request: request.id });
    let request = request_of(&mut rig, "depth");
    rig.respond(&request, 502, "<html>");
    let request = request_of(&mut rig, "depth");
    rig.respond(&request, 200, "<html>");
    let unanswered = request_of(&mut rig, "depth");
    rig.pass(Duration::from_secs(15));
    let request = request_of(&mut rig, "depth");
    assert_ne!(request.id, unanswered.id);
    rig.respond(&unanswered, 200, &snapshot(101));
    assert_eq!(rig.books(), [], "too late");
    rig.respond(&request, 200, &snapshot(101));
    assert_eq!(rig.books().len(), 1);
    assert_eq!(rig.reasons(), [RejectReason::RequestFailed; 4]);
}

#[test]
fn a_quiet_connection_is_asked_for_a_sign_of_life_and_given_up_without_one() {
    let mut rig = live(&["BTCUSDT"]);
    rig.pass(Duration::from_secs(20));
    let question = rig.sent();
    assert_eq!(question.len(), 1);
    assert!(question[0].starts_with(r#"{"method":"LIST_SUBSCRIPTIONS","id":"#));
    rig.frame(r#"{"result":["btcusdt@aggTrade"],"id":2}"#);
    rig.pass(Duration::from_secs(39));
    assert_eq!((rig.reconnects(), rig.stale()), (vec![], vec![]));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.reconnects(), [ReconnectReason::Silent]);
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)]);
}

#[test]
fn an_unanswered_subscription_wants_a_new_connection() {
    let mut rig = Rig::new(Venue::BinanceUs, &["BTCUSDT"], |_| {});
    rig.connect();
    let request = rig.requests().pop().expect("rules are asked for");
    rig.respond(&request, 200, &info(&["BTCUSDT"]));
    rig.pass(Duration::from_secs(20));
    assert_eq!(rig.reconnects(), [ReconnectReason::SubscribeTimeout]);
}

#[test]
fn a_refused_subscription_is_made_again() {
    let mut rig = Rig::new(Venue::BinanceUs, &["BTCUSDT"], |settings| settings.history_minutes = 0);
    rig.connect();
    let request = rig.requests().pop().expect("rules are asked for");
    rig.respond(&request, 200, &info(&["BTCUSDT"]));
    assert_eq!(rig.sent().len(), 1);
    rig.frame(r#"{"code":2,"msg":"Invalid request: too many"}"#);
    assert_eq!(rig.reasons(), [RejectReason::SubscribeRefused]);
    rig.pass(Duration::from_secs(6));
    assert!(rig.sent()[0].contains("btcusdt@depth@100ms"));
    rig.frame(r#"{"result":null,"id":2}"#);
    rig.frame(r#"{"code":2,"msg":"Invalid request"}"#);
    assert_eq!(rig.reasons(), [RejectReason::VenueError], "nothing waits for an answer");
}

#[test]
fn a_stream_that_was_accepted_and_never_speaks_is_told_once() {
    let mut rig = live(&["BTCUSDT"]);
    for _ in 0..40 {
        rig.pass(Duration::from_secs(10));
        rig.frame(r#"{"result":[],"id":9}"#);
    }
    let mut told = rig.rejections();
    told.retain(|rejection| rejection.reason == RejectReason::SilentSubscription);
    let samples: Vec<_> = told.iter().map(|rejection| rejection.sample.as_str()).collect();
    assert_eq!(samples, ["btcusdt@aggTrade", "btcusdt@kline_1m"]);
    assert!(!rig.requests().is_empty(), "a silent symbol's rules are looked at again");
}

#[test]
fn candles_are_final_when_the_venue_says_so() {
    let kline = |minute: i64, is_final: bool| {
        format!(
            r#"{{"e":"kline","E":1800000000000,"s":"BTCUSDT","k":{{"t":{},"T":{},"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"10.00000000","c":"11.00000000","h":"12.00000000","l":"9.00000000","v":"3.00000000","n":2,"x":{is_final},"q":"1","V":"1","Q":"1","B":"0"}}}}"#,
            minute * 60_000,
            minute * 60_000 + 59_999
        )
    };
    let mut rig = live(&["BTCUSDT"]);
    rig.frame(&kline(30_000_000, false));
    assert_eq!(rig.candles(), []);
    rig.frame(&kline(30_000_000, true));
    let candles = rig.candles();
    assert_eq!((candles[0].candle.high.mantissa(), candles[0].source), (1_200, CandleSource::Stream));
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.candles, counts.candles_final), (2, 1));
}

#[test]
fn a_break_is_filled_from_history_and_only_the_break() {
    let mut rig = Rig::new(Venue::BinanceUs, &["BTCUSDT"], |settings| settings.history_minutes = 60);
    rig.connect();
    let request = rig.requests().pop().expect("rules are asked for");
    rig.respond(&request, 200, &info(&["BTCUSDT"]));
    rig.frame(ANSWER);
    let minute = rig.at.as_secs() / 60;
    let row = |minute: i64| {
        let open = minute * 60_000;
        format!(
            r#"[{open},"10.00000000","10.00000000","10.00000000","10.00000000","1.00000000",{},"1",1,"1","1","0"]"#,
            open + 59_999
        )
    };
    let rows = |from: i64, to: i64| format!("[{}]", (from..=to).map(row).collect::<Vec<_>>().join(","));
    let request = request_of(&mut rig, "klines");
    rig.respond(&request, 200, &rows(minute - 60, minute));
    assert_eq!(rig.candles().len(), 60, "the running one is left out");
    rig.disconnect();
    rig.pass(Duration::from_secs(300));
    rig.connected();
    let request = request_of(&mut rig, "klines");
    assert!(request.path.ends_with("limit=8"), "{}", request.path);
    rig.respond(&request, 200, &rows(minute - 2, minute + 5));
    let starts: Vec<_> = rig.candles().iter().map(|candle| candle.candle.open_time.as_secs() / 60 - minute).collect();
    assert_eq!(starts, [0, 1, 2, 3, 4]);
}

#[test]
fn a_book_is_renewed_without_going_stale_and_a_wrong_one_is_told() {
    for (snapshot_body, mismatches) in [(snapshot(101), 0), (snapshot(101).replace("9.00", "8.00"), 1)] {
        let mut rig = live(&["BTCUSDT"]);
        for _ in 0..90 {
            rig.pass(Duration::from_millis(29_990));
            rig.frame(&depth("BTCUSDT", 1, 1, "", ""));
        }
        assert!(rig.requests().iter().all(|request| !request.path.contains("depth")), "not before 45 minutes");
        let request = request_of(&mut rig, "depth");
        rig.forget();
        rig.respond(&request, 200, &snapshot_body);
        let counts = rig.instrument(0).counts;
        assert_eq!((counts.renewals, counts.compare_mismatches, counts.resyncs), (1, mismatches, 0));
        assert_eq!(rig.stale().len() as u64, mismatches);
        assert_eq!(rig.books().len() as u64, mismatches, "shown at once only when it differs");
        assert_eq!(rig.book_state(0), BookState::Live { proof: Proof::Sequence });
    }
}

#[test]
fn a_number_with_more_digits_than_the_rules_is_refused_loudly() {
    let mut rig = live(&["BTCUSDT"]);
    rig.frame(&depth("BTCUSDT", 102, 102, r#"["10.00100000","1.00000000"]"#, ""));
    let rejections = rig.rejections();
    assert_eq!(rejections[0].reason, RejectReason::TooPrecise);
    assert!(rejections[0].detail.contains("10.00100000"));
    assert_eq!(rig.stale(), [(0, StaleReason::Malformed)]);
    rig.frame(&depth("BTCUSDT", 103, 103, r#"["1e-3","1.00000000"]"#, ""));
    assert_eq!(rig.reasons(), [RejectReason::Number]);
    rig.frame(&depth("XMRUSDT", 1, 1, "", ""));
    assert_eq!(rig.reasons(), [RejectReason::UnknownSymbol]);
}
