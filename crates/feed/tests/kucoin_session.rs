//! KuCoin's session from the token to a book that can be believed, and through everything that can go wrong.

mod rig;

use std::time::Duration;

use feed::{
    BookState, FeedInput, FeedSettings, KucoinBook, LinkId, Method, ReconnectReason, RejectReason, Request, Target,
};
use rig::Rig;
use types::market::{CandleSource, Proof, StaleReason};
use types::{Aggressor, Timestamp, Venue};

const WELCOME: &str = r#"{"id":"0-1","type":"welcome"}"#;
const PONG: &str = r#"{"id":"9","type":"pong"}"#;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn token(name: &str) -> String {
    format!(
        r#"{{"code":"200000","data":{{"token":"{name}","instanceServers":[{{"endpoint":"wss://one.example/","pingInterval":18000,"pingTimeout":10000}},{{"endpoint":"wss://two.example/endpoint","pingInterval":18000,"pingTimeout":10000}}]}}}}"#
    )
}

fn ok(data: &str) -> String {
    format!(r#"{{"code":"200000","data":{data}}}"#)
}

fn rules(symbols: &[(&str, &str)]) -> String {
    let rows: Vec<String> = symbols
        .iter()
        .map(|(symbol, name)| {
            let (base, quote) = symbol.split_once('-').expect("a pair");
            format!(
                r#"{{"symbol":"{symbol}","name":"{name}","baseCurrency":"{base}","quoteCurrency":"{quote}","priceIncrement":"0.01","baseIncrement":"0.0001","baseMinSize":"0.0001","minFunds":null,"enableTrading":true}}"#
            )
        })
        .collect();
    ok(&format!("[{}]", rows.join(",")))
}

fn listed(symbols: &[&str]) -> String {
    rules(&symbols.iter().map(|symbol| (*symbol, *symbol)).collect::<Vec<_>>())
}

fn picture(symbol: &str, at_ms: i64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"topic":"/spotMarket/level2Depth50:{symbol}","type":"message","subject":"level2","data":{{"bids":[{bids}],"asks":[{asks}],"timestamp":{at_ms}}}}}"#
    )
}

fn changes(symbol: &str, first: u64, last: u64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"topic":"/market/level2:{symbol}","type":"message","subject":"trade.l2update","data":{{"changes":{{"bids":[{bids}],"asks":[{asks}]}},"sequenceStart":{first},"sequenceEnd":{last},"symbol":"{symbol}","time":1800000000123}}}}"#
    )
}

fn snapshot(id: u64) -> String {
    ok(&format!(r#"{{"sequence":"{id}","time":1800000000100,"bids":[["10","1"],["9","2"]],"asks":[["11","1.5"]]}}"#))
}

fn trade(number: u64, at_s: i64) -> String {
    format!(
        r#"{{"topic":"/market/match:BTC-USDT","type":"message","subject":"trade.l3match","data":{{"symbol":"BTC-USDT","sequence":"{number}","tradeId":"{number}","side":"sell","size":"0.2","price":"10.5","time":"{at_s}000000000","type":"match"}}}}"#
    )
}

fn unified(kind: &str, first: u64, last: u64, bids: &str) -> String {
    format!(
        r#"{{"T":"obu.SPOT","dp":"increment@10ms","t":"{kind}","P":1800000000123456789,"d":{{"O":{first},"C":{last},"M":1800000000120000000,"s":"BTC-USDT","b":[{bids}],"a":[["11","1.5"]]}}}}"#
    )
}

/// Answers what every session asks for now and then, and accepts what it wants; gives back the requests that are left.
fn serve(rig: &mut Rig) -> Vec<Request> {
    for text in rig.sent() {
        accept(rig, &text);
    }
    let mut left = Vec::new();
    for request in rig.requests() {
        match request.path.as_str() {
            "/api/v1/timestamp" => rig.respond(&request, 200, &ok(&rig.at.as_millis().to_string())),
            "/api/v1/status" => rig.respond(&request, 200, &ok(r#"{"status":"open","msg":""}"#)),
            _ => left.push(request),
        }
    }
    left
}

/// Says yes to what was sent.
fn accept(rig: &mut Rig, sent: &str) {
    let id = sent.split('"').nth(3).expect("an id");
    match sent.contains(r#""type":"ping""#) {
        true => rig.frame(PONG),
        false => rig.frame(&format!(r#"{{"id":"{id}","type":"ack","result":true}}"#)),
    }
}

/// The next request for this.
fn request_of(rig: &mut Rig, part: &str) -> Request {
    for _ in 0..1_000 {
        if let Some(request) = serve(rig).into_iter().find(|request| request.path.contains(part)) {
            return request;
        }
        rig.pass(Duration::from_millis(100));
    }
    panic!("no request for {part}");
}

/// Lets seconds pass with a polite venue; gives back the requests it did not answer.
fn pass(rig: &mut Rig, time: u64) -> Vec<Request> {
    let mut left = Vec::new();
    for _ in 0..time {
        rig.pass(seconds(1));
        left.extend(serve(rig));
    }
    left
}

/// The next message, within ten milliseconds.
fn next_sent(rig: &mut Rig) -> String {
    for _ in 0..6_000 {
        if let Some(text) = rig.sent().pop() {
            return text;
        }
        rig.pass(Duration::from_millis(10));
    }
    panic!("nothing was sent in a minute");
}

/// Accepts subscriptions until none comes any more; says what was sent.
fn accept_all(rig: &mut Rig) -> Vec<String> {
    let mut all = Vec::new();
    let mut quiet = 0;
    while quiet < 3 {
        let sent = rig.sent();
        quiet = if sent.is_empty() { quiet + 1 } else { 0 };
        for text in sent {
            accept(rig, &text);
            all.push(text);
        }
        rig.pass(Duration::from_millis(120));
    }
    all
}

/// Asks for a token, gets it, connects.
fn connect(rig: &mut Rig) -> Target {
    let request = request_of(rig, "bullet-public");
    assert_eq!((request.method, request.path.as_str(), request.weight), (Method::Post, "/api/v1/bullet-public", 10));
    rig.respond(&request, 200, &token("se/cret="));
    let target = rig.targets().pop().expect("the token says where");
    rig.connected();
    target
}

/// Connected, welcomed, rules learned, everything subscribed and accepted.
fn subscribed(source: KucoinBook, symbols: &[&str], change: impl FnOnce(&mut FeedSettings)) -> Rig {
    let mut rig = Rig::new(Venue::Kucoin, symbols, |settings| {
        settings.history_minutes = 0;
        settings.kucoin.book = source;
        settings.book_quiet_after = seconds(86_400);
        change(settings);
    });
    if source == KucoinBook::Unified {
        rig.connect();
        rig.frame(r#"{"sessionId":"x","message":"welcome","pingInterval":18000,"pingTimeout":10000}"#);
    } else {
        connect(&mut rig);
        rig.frame(WELCOME);
    }
    let request = request_of(&mut rig, "/api/v2/symbols");
    rig.respond(&request, 200, &listed(symbols));
    accept_all(&mut rig);
    serve(&mut rig);
    rig.forget();
    rig
}

fn live(source: KucoinBook) -> Rig {
    let mut rig = subscribed(source, &["BTC-USDT"], |_| {});
    match source {
        KucoinBook::Pictures => {
            rig.frame(&picture("BTC-USDT", 1_800_000_000_100, r#"["10","1"],["9","2"]"#, r#"["11","1.5"]"#));
        }
        KucoinBook::Changes | KucoinBook::AllChanges => {
            rig.frame(&changes("BTC-USDT", 100, 101, "", ""));
            let request = request_of(&mut rig, "orderbook");
            rig.respond(&request, 200, &snapshot(101));
        }
        KucoinBook::Unified => rig.frame(&unified("snapshot", 0, 101, r#"["10","1"],["9","2"]"#)),
    }
    assert_eq!(rig.books().len(), 1, "{source:?}");
    rig.forget();
    rig
}

#[test]
fn a_token_then_a_welcome_then_rules_then_everything_in_batches() {
    let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT", "ETH-USDT", "BTC-USD"], |s| s.history_minutes = 60);
    let target = connect(&mut rig);
    assert_eq!(target.base.as_deref(), Some("wss://one.example"));
    assert_eq!(target.path, "/?token=se%2Fcret%3D&connectId=0-1");
    assert!(!format!("{target} {target:?}").contains("cret"), "tokens are not for logs");
    rig.nothing_else();
    rig.frame(WELCOME);
    let rules = request_of(&mut rig, "/api/v2/symbols");
    assert_eq!(rig.sent(), Vec::<String>::new(), "what is listed comes first");
    rig.respond(&rules, 200, &listed(&["BTC-USDT", "ETH-USDT", "XRP-USDT"]));
    assert_eq!(rig.reasons(), [RejectReason::NotListed]);
    assert_eq!(rig.book_state(2), BookState::NotListed);
    let learned = rig.instruments();
    assert_eq!((learned.len(), learned[0].scale.price_decimals, learned[0].scale.qty_decimals), (2, 2, 4));
    let sent = accept_all(&mut rig);
    let topics: Vec<&str> = sent.iter().filter_map(|text| text.split('"').nth(11)).collect();
    assert_eq!(
        topics,
        [
            "/spotMarket/level2Depth50:BTC-USDT",
            "/spotMarket/level2Depth50:ETH-USDT",
            "/market/match:BTC-USDT,ETH-USDT",
            "/market/candles:BTC-USDT_1min",
            "/market/candles:ETH-USDT_1min",
            "/market/ticker:BTC-USDT,ETH-USDT",
        ]
    );
    assert!(sent[0].ends_with(r#","privateChannel":false,"response":true}"#), "{}", sent[0]);
    let candles = request_of(&mut rig, "candles");
    let start = (rig.at.as_secs() / 60 - 62) * 60;
    assert_eq!(candles.path, format!("/api/v1/market/candles?type=1min&symbol=BTC-USDT&startAt={start}"));
}

#[test]
fn nothing_is_sent_before_the_welcome_and_a_missing_one_is_a_failure() {
    let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT"], |_| {});
    let first = connect(&mut rig);
    rig.pass(seconds(19));
    assert_eq!((rig.sent(), rig.requests()), (vec![], vec![]));
    rig.pass(seconds(1));
    assert_eq!(rig.reconnects(), [ReconnectReason::Handshake]);
    rig.disconnect();
    let second = connect(&mut rig);
    assert_eq!((first.base.as_deref(), second.base.as_deref()), (Some("wss://one.example"), Some("wss://two.example")));
    assert!(second.path.starts_with("/endpoint?token="), "{}", second.path);
}

#[test]
fn each_connection_has_a_token_of_its_own_and_no_answer_is_a_failed_connection() {
    let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT"], |_| {});
    for (status, body) in [
        (200, r#"{"code":"405000","msg":"Method Not Allowed"}"#),
        (502, "<html>SECRET"),
        (200, "{\"token\":\"SECRET\"}"),
    ] {
        let request = request_of(&mut rig, "bullet-public");
        rig.respond(&request, status, body);
        let rejections = rig.rejections();
        assert_eq!(rejections[0].reason, RejectReason::RequestFailed);
        assert!(!format!("{rejections:?}").contains("SECRET"), "{rejections:?}");
        assert_eq!(rig.reconnects(), [ReconnectReason::Handshake]);
        rig.disconnect();
    }
    connect(&mut rig);
    rig.disconnect();
    connect(&mut rig);
    rig.frame(r#"{"id":"x","type":"error","code":401,"data":"token is invalid"}"#);
    assert_eq!((rig.reasons(), rig.reconnects()), (vec![RejectReason::VenueError], vec![ReconnectReason::Handshake]));
}

#[test]
fn pings_follow_the_handshake_and_a_missing_pong_ends_the_connection() {
    let mut rig = live(KucoinBook::Pictures);
    next_sent(&mut rig);
    rig.frame(PONG);
    let ponged_at = rig.at;
    let ping = next_sent(&mut rig);
    assert!(rig.at.since(ponged_at) >= Duration::from_millis(17_900), "every eighteen seconds");
    assert!(ping.starts_with(r#"{"id":""#) && ping.ends_with(r#"","type":"ping"}"#), "{ping}");
    rig.pass(Duration::from_millis(9_980));
    assert_eq!((rig.reconnects(), rig.stale()), (vec![], vec![]));
    rig.pass(Duration::from_millis(20));
    assert_eq!((rig.reconnects(), rig.stale()), (vec![ReconnectReason::NoPong], vec![(0, StaleReason::Silent)]));
}

#[test]
fn a_renamed_symbol_is_asked_for_by_its_permanent_code() {
    let mut rig = Rig::new(Venue::Kucoin, &["BSV-USDT"], |settings| settings.history_minutes = 0);
    connect(&mut rig);
    rig.frame(WELCOME);
    let request = request_of(&mut rig, "/api/v2/symbols");
    rig.respond(&request, 200, &rules(&[("BCHSV-USDT", "BSV-USDT"), ("BCHSV-BTC", "BSV-BTC")]));
    let learned = rig.instruments();
    assert_eq!((learned[0].symbol.as_str(), learned[0].pair()), ("BCHSV-USDT", "BSV/USDT".to_owned()));
    assert!(accept_all(&mut rig)[0].contains("level2Depth50:BCHSV-USDT"));
    rig.frame(&picture("BCHSV-USDT", rig.at.as_millis(), r#"["10","1"]"#, ""));
    assert_eq!(rig.books().len(), 1);
}

#[test]
fn messages_and_topics_keep_to_the_limits() {
    let symbols: Vec<String> = (0..120).map(|n| format!("C{n}-USDT")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut rig = Rig::new(Venue::Kucoin, &symbols, |settings| {
        settings.history_minutes = 0;
        settings.kucoin.book = KucoinBook::Changes;
        settings.kucoin.topics_max = 440;
    });
    connect(&mut rig);
    rig.frame(WELCOME);
    let request = request_of(&mut rig, "/api/v2/symbols");
    let began = rig.at;
    rig.respond(&request, 200, &listed(&symbols));
    let reasons = rig.reasons();
    assert_eq!(reasons, [RejectReason::SubscribeRefused; 10], "four topics each, for 110 of 120");
    let sent = accept_all(&mut rig);
    let lists: Vec<usize> = sent[..4].iter().map(|text| text.matches("-USDT").count()).collect();
    assert_eq!((lists, sent.len()), (vec![100, 10, 100, 10], 4 + 110 + 2));
    assert!(rig.at.since(began) >= Duration::from_millis(120 * 115), "a hundred messages in ten seconds at most");
    assert_eq!(rig.rejections(), [], "told once");
}

#[test]
fn a_wrong_symbol_spoils_its_list_and_not_its_neighbours() {
    let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT", "ETH-USDT"], |settings| {
        settings.history_minutes = 0;
        settings.kucoin.book = KucoinBook::Changes;
    });
    connect(&mut rig);
    rig.frame(WELCOME);
    let request = request_of(&mut rig, "/api/v2/symbols");
    rig.respond(&request, 200, &listed(&["BTC-USDT", "ETH-USDT"]));
    let id = |text: &str| text.split('"').nth(3).expect("an id").to_owned();
    let sent = rig.sent();
    assert!(sent[0].contains("/market/level2:BTC-USDT,ETH-USDT"));
    rig.frame(&format!(r#"{{"id":"{}","type":"error","code":404,"data":"topic is not found"}}"#, id(&sent[0])));
    let rejections = rig.rejections();
    let refused: Vec<_> = rejections.iter().map(|r| (r.reason, r.instrument.map(|id| id.0))).collect();
    assert_eq!(refused, [(RejectReason::SubscribeRefused, Some(0)), (RejectReason::SubscribeRefused, Some(1))]);
    let mut alone = Vec::new();
    while alone.len() < 2 {
        rig.pass(Duration::from_millis(120));
        for text in rig.sent() {
            let is_book = text.contains("/market/level2:");
            let wrong = text.contains("level2:ETH-USDT");
            let kind = if wrong { r#""error","code":404,"data":"topic is not found""# } else { r#""ack""# };
            rig.frame(&format!(r#"{{"id":"{}","type":{kind}}}"#, id(&text)));
            alone.extend(is_book.then_some(text));
        }
    }
    assert!(alone[0].contains("level2:BTC-USDT\"") && alone[1].contains("level2:ETH-USDT\""), "{alone:?}");
    assert_eq!(rig.rejections()[0].instrument.map(|id| id.0), Some(1));
    accept_all(&mut rig);
    pass(&mut rig, 6);
    rig.frame(&changes("BTC-USDT", 1, 1, "", ""));
    request_of(&mut rig, "level2_100?symbol=BTC-USDT");
    assert_eq!((rig.reconnects(), rig.book_state(1)), (vec![], BookState::Waiting));
}

#[test]
fn too_many_topics_are_tried_again_later_and_an_unanswered_one_ends_the_connection() {
    let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT"], |settings| settings.history_minutes = 0);
    connect(&mut rig);
    rig.frame(WELCOME);
    let request = request_of(&mut rig, "/api/v2/symbols");
    rig.respond(&request, 200, &listed(&["BTC-USDT"]));
    assert_eq!(rig.sent().len(), 1);
    rig.frame(r#"{"id":"1","type":"error","code":509,"data":"exceed max subscription count"}"#);
    assert_eq!(rig.reasons(), [RejectReason::SubscribeRefused]);
    let refused_at = rig.at;
    assert_eq!(accept_all(&mut rig).len(), 3, "the other channels");
    assert!(next_sent(&mut rig).contains("level2Depth50:BTC-USDT"));
    assert!(rig.at.since(refused_at) >= seconds(5));
    pass(&mut rig, 19);
    assert_eq!(rig.reconnects(), []);
    pass(&mut rig, 2);
    assert_eq!(rig.reconnects(), [ReconnectReason::SubscribeTimeout]);
}

#[test]
fn an_answer_that_was_lost_is_not_missed_where_data_came() {
    let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT"], |settings| settings.history_minutes = 0);
    connect(&mut rig);
    rig.frame(WELCOME);
    let request = request_of(&mut rig, "/api/v2/symbols");
    rig.respond(&request, 200, &listed(&["BTC-USDT"]));
    rig.sent();
    rig.frame(&picture("BTC-USDT", rig.at.as_millis(), r#"["10","1"]"#, ""));
    pass(&mut rig, 30);
    assert_eq!(rig.reconnects(), []);
}

#[test]
fn a_channel_that_was_accepted_and_never_speaks_is_told_once() {
    let mut rig = live(KucoinBook::Pictures);
    pass(&mut rig, 290);
    assert_eq!(rig.rejections(), []);
    let asked = pass(&mut rig, 20);
    let samples: Vec<_> = rig.rejections().into_iter().map(|told| (told.reason, told.sample)).collect();
    let silent = |name: &str| (RejectReason::SilentSubscription, name.to_owned());
    assert_eq!(samples, ["trades", "candles", "tickers"].map(|channel| silent(&format!("{channel} of BTC-USDT"))));
    assert!(asked.iter().any(|request| request.path == "/api/v2/symbols"), "the rules are looked at again");
}

#[test]
fn pictures_are_books_and_the_next_one_heals() {
    let mut rig = live(KucoinBook::Pictures);
    assert_eq!(rig.book_state(0), BookState::Live { proof: Proof::Compared });
    rig.pass(seconds(1));
    let ms = rig.at.as_millis();
    rig.frame(&picture("BTC-USDT", ms, r#"["10.5","1"]"#, r#"["11","1"]"#));
    let books = rig.books();
    assert_eq!((books[0].bids.len(), books[0].proof), (1, Proof::Compared));
    assert_eq!(books[0].venue_at, Some(Timestamp::from_millis(ms)));
    rig.pass(seconds(1));
    rig.frame(&picture("BTC-USDT", ms - 50, r#"["10.1","1"]"#, ""));
    assert_eq!((rig.books(), rig.instrument(0).counts.duplicates), (vec![], 1), "late");
    rig.frame(&picture("BTC-USDT", ms + 300, r#"["11","1"]"#, r#"["11","1"]"#));
    rig.pass(seconds(1));
    assert_eq!((rig.books(), rig.stale()), (vec![], vec![]), "crossed: neither shown nor stale");
    rig.frame(&picture("BTC-USDT", ms + 400, r#"["11","1"]"#, r#"["11","1"]"#));
    assert_eq!(rig.stale(), [(0, StaleReason::Crossed)]);
    rig.frame(&picture("BTC-USDT", ms + 500, r#"["10","1"]"#, r#"["11","1"]"#));
    assert_eq!(rig.books().len(), 1);
    rig.frame(&picture("BTC-USDT", ms + 600, r#"["10.001","1"]"#, ""));
    assert_eq!((rig.reasons(), rig.stale()), (vec![RejectReason::TooPrecise], vec![(0, StaleReason::Malformed)]));
    let ms = rig.at.as_millis();
    rig.frame(&picture("BTC-USDT", ms, r#"["10","1"]"#, ""));
    rig.frame(&picture("BTC-USDT", ms - 4_000, r#"["9","1"]"#, ""));
    assert_eq!((rig.books().len(), rig.stale()), (1, vec![(0, StaleReason::Silent)]), "it was long on its way");
}

#[test]
fn changes_join_a_public_snapshot_and_a_gap_resyncs_that_symbol_alone() {
    let mut rig = subscribed(KucoinBook::Changes, &["BTC-USDT", "ETH-USDT"], |_| {});
    rig.pass(seconds(1));
    assert_eq!(rig.requests(), [], "the first change comes before the snapshot");
    for symbol in ["BTC-USDT", "ETH-USDT"] {
        rig.frame(&changes(symbol, 100, 101, r#"["10","7","101"]"#, ""));
        let request = request_of(&mut rig, &format!("level2_100?symbol={symbol}"));
        assert_eq!(request.weight, 2);
        rig.frame(&changes(symbol, 102, 104, r#"["10.5","3","103"],["0","0","104"]"#, ""));
        rig.respond(&request, 200, &snapshot(102));
        let books = rig.books();
        let bids: Vec<_> = books[0].bids.iter().map(|level| (level.price.mantissa(), level.qty.0)).collect();
        assert_eq!((bids, books[0].proof), (vec![(1_050, 30_000), (1_000, 10_000), (900, 20_000)], Proof::Sequence));
    }
    rig.frame(&changes("BTC-USDT", 106, 106, "", ""));
    assert_eq!(rig.stale(), [(0, StaleReason::SequenceGap)]);
    assert_eq!(rig.book_state(1), BookState::Live { proof: Proof::Sequence });
    let request = request_of(&mut rig, "level2_100?symbol=BTC-USDT");
    rig.respond(&request, 200, &snapshot(50));
    let request = request_of(&mut rig, "level2_100?symbol=BTC-USDT");
    rig.respond(&request, 200, &snapshot(106));
    assert_eq!(rig.books().len(), 1, "shown at once");
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.gaps, counts.resyncs, counts.snapshots, counts.deltas), (1, 1, 2, 3));
    assert_eq!(rig.rejections(), []);
}

#[test]
fn a_book_on_a_public_snapshot_is_renewed_without_going_stale() {
    for (body, mismatches) in [(snapshot(101), 0), (snapshot(101).replace("\"9\"", "\"8\""), 1)] {
        let mut rig = live(KucoinBook::Changes);
        let asked = pass(&mut rig, 290);
        assert!(asked.iter().all(|request| !request.path.contains("orderbook")), "not before five minutes");
        let request = request_of(&mut rig, "level2_100");
        rig.forget();
        rig.respond(&request, 200, &body);
        let counts = rig.instrument(0).counts;
        assert_eq!((counts.renewals, counts.compare_mismatches, counts.resyncs), (1, mismatches, 0));
        assert_eq!((rig.stale().len() as u64, rig.books().len() as u64), (mismatches, mismatches));
        assert_eq!(rig.book_state(0), BookState::Live { proof: Proof::Sequence });
    }
}

#[test]
fn a_book_whose_numbers_do_not_meet_the_snapshots_any_more_is_not_believed() {
    let mut rig = live(KucoinBook::Changes);
    pass(&mut rig, 290);
    for n in 0..5 {
        assert_eq!(rig.stale(), [], "{n}");
        let request = request_of(&mut rig, "level2_100");
        rig.respond(&request, 200, &snapshot(5));
    }
    assert_eq!(rig.stale(), [(0, StaleReason::Resync)]);
    rig.frame(&changes("BTC-USDT", 6, 6, "", ""));
    let request = request_of(&mut rig, "level2_100");
    rig.respond(&request, 200, &snapshot(6));
    assert_eq!(rig.books().len(), 1, "the venue counts anew");
}

#[test]
fn whole_books_are_taken_where_they_are_given_and_public_ones_where_not() {
    let mut rig = live(KucoinBook::AllChanges);
    let asked = pass(&mut rig, 600);
    assert!(asked.iter().all(|request| !request.path.contains("orderbook")));
    assert_eq!(rig.book_state(0), BookState::Live { proof: Proof::Sequence });

    let mut rig = subscribed(KucoinBook::AllChanges, &["BTC-USDT"], |_| {});
    rig.frame(&changes("BTC-USDT", 100, 101, "", ""));
    let request = request_of(&mut rig, "orderbook");
    assert_eq!(request.path, "/api/v3/market/orderbook/level2?symbol=BTC-USDT");
    rig.respond(&request, 401, r#"{"code":"400001","msg":"Please check the header of your request for KC-API-KEY"}"#);
    assert_eq!(rig.reasons(), [RejectReason::RequestFailed, RejectReason::VenueError], "told");
    let request = request_of(&mut rig, "orderbook");
    assert_eq!(request.path, "/api/v1/market/orderbook/level2_100?symbol=BTC-USDT");
    rig.respond(&request, 200, &snapshot(101));
    assert_eq!(rig.books().len(), 1);
}

#[test]
fn the_unified_feed_needs_no_token_and_carries_everything() {
    let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT"], |settings| {
        settings.history_minutes = 0;
        settings.kucoin.book = KucoinBook::Unified;
    });
    let target = rig.connect();
    assert_eq!((target.base, target.path.as_str()), (None, "/"));
    rig.frame(r#"{"sessionId":"x","message":"welcome","pingInterval":30000,"pingTimeout":5000}"#);
    let request = request_of(&mut rig, "/api/v2/symbols");
    rig.respond(&request, 200, &listed(&["BTC-USDT"]));
    let sent = accept_all(&mut rig);
    assert_eq!(
        sent[0],
        r#"{"id":"1","action":"subscribe","channel":"obu","tradeType":"SPOT","symbol":"BTC-USDT","depth":"increment@10ms","rpiFilter":0}"#
    );
    for (text, channel) in sent[1..].iter().zip(["trade", "kline", "ticker"]) {
        assert!(text.contains(&format!(r#""channel":"{channel}","tradeType":"SPOT","symbol":"BTC-USDT""#)), "{text}");
    }
    rig.frame(&unified("snapshot", 0, 100, r#"["10","1"]"#));
    assert_eq!(rig.books()[0].proof, Proof::Sequence);
    rig.pass(seconds(1));
    // JSON comes in binary frames too: the socket hands in bytes either way.
    rig.give(FeedInput::Frame(LinkId::FIRST, unified("delta", 101, 102, r#"["10.5","1"]"#).as_bytes()));
    assert_eq!(rig.books()[0].bids.len(), 2);
    rig.frame(r#"{"T":"trade.SPOT","P":1800000000123456789,"d":{"E":1,"M":"1800000000120000000","S":"buy","p":"10.6","q":"0.5","s":"BTC-USDT","ti":"24021490985222144"}}"#);
    assert_eq!(rig.trades()[0].aggressor, Aggressor::Buy);
    rig.frame(&unified("delta", 104, 104, ""));
    assert_eq!(rig.stale(), [(0, StaleReason::SequenceGap)]);
    pass(&mut rig, 1);
    rig.frame(&unified("snapshot", 0, 200, r#"["10","1"]"#));
    assert_eq!(rig.books().len(), 1);
    assert!(next_sent(&mut rig).contains(r#""type":"ping""#));
    rig.pass(Duration::from_millis(4_980));
    assert_eq!(rig.reconnects(), []);
    rig.pass(Duration::from_millis(20));
    assert_eq!(rig.reconnects(), [ReconnectReason::NoPong], "as the welcome says");
}

#[test]
fn a_gap_of_the_unified_book_subscribes_it_anew() {
    let mut rig = live(KucoinBook::Unified);
    rig.frame(&unified("delta", 104, 104, ""));
    assert_eq!(rig.stale(), [(0, StaleReason::SequenceGap)]);
    rig.pass(seconds(1));
    let sent = rig.sent();
    assert!(sent[0].contains(r#""action":"unsubscribe","channel":"obu""#), "{sent:?}");
    assert!(sent[1].contains(r#""action":"subscribe","channel":"obu""#), "{sent:?}");
}

#[test]
fn a_unified_feed_that_does_not_do_is_replaced_for_an_hour_and_that_is_told() {
    let silent = |rig: &mut Rig| {
        rig.connect();
        rig.frame(r#"{"message":"welcome"}"#);
        let request = request_of(rig, "/api/v2/symbols");
        rig.respond(&request, 200, &listed(&["BTC-USDT"]));
        pass(rig, 60);
        assert_eq!(rig.reconnects(), [ReconnectReason::SubscribeTimeout], "accepted, and no books");
        rig.disconnect();
    };
    let refused = |rig: &mut Rig| {
        for _ in 0..3 {
            let due = rig.feed.deadline().expect("tries again");
            rig.pass(due.since(rig.at));
            assert_eq!(rig.targets().len(), 1);
            rig.give(FeedInput::Refused { link: LinkId::FIRST, status: 502, retry_after: None });
        }
    };
    for make_it_fail in [&silent as &dyn Fn(&mut Rig), &refused] {
        let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT"], |settings| {
            settings.history_minutes = 0;
            settings.kucoin.book = KucoinBook::Unified;
        });
        make_it_fail(&mut rig);
        assert_eq!(rig.reasons(), [RejectReason::VenueError], "told");
        connect(&mut rig);
        rig.frame(WELCOME);
        for request in pass(&mut rig, 2) {
            rig.respond(&request, 200, &listed(&["BTC-USDT"]));
        }
        pass(&mut rig, 2);
        rig.frame(&picture("BTC-USDT", rig.at.as_millis(), r#"["10","1"]"#, ""));
        assert_eq!(rig.book_state(0), BookState::Live { proof: Proof::Compared });
        pass(&mut rig, 3_600);
        rig.forget();
        rig.disconnect();
        assert_eq!(rig.connect().base, None, "tried again after an hour");
    }
}

#[test]
fn trades_pass_once_in_whatever_order_they_come() {
    let mut rig = live(KucoinBook::Pictures);
    let s = rig.at.as_secs();
    for number in [7_000, 9_000, 7_000, 8_000, 9_000] {
        rig.frame(&trade(number, s));
    }
    let trades = rig.trades();
    assert_eq!(trades.iter().map(|trade| trade.id).collect::<Vec<_>>(), [7_000, 9_000, 8_000]);
    assert_eq!((trades[0].aggressor, trades[0].venue_at), (Aggressor::Sell, Timestamp::from_secs(s)));
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trades, counts.duplicates, counts.trade_gaps), (3, 2, 0), "numbers are no count");
    let asked = pass(&mut rig, 10);
    assert!(asked.iter().all(|request| !request.path.contains("histories")), "and no gaps");
}

#[test]
fn the_history_after_a_break_gives_what_was_missed_and_nothing_else() {
    let row = |number: u64, at_s: i64| {
        format!(r#"{{"sequence":"{number}","price":"10.5","size":"0.2","side":"buy","time":{at_s}000000000}}"#)
    };
    let after_break = |rows: &[String]| {
        let mut rig = live(KucoinBook::Pictures);
        let s = rig.at.as_secs();
        rig.frame(&trade(9_000, s));
        assert_eq!(rig.trades().len(), 1);
        rig.disconnect();
        connect(&mut rig);
        rig.frame(WELCOME);
        accept_all(&mut rig);
        rig.frame(&trade(9_300, s + 30));
        assert_eq!(rig.trades().len(), 1);
        let request = request_of(&mut rig, "histories");
        assert_eq!(request.path, "/api/v1/market/histories?symbol=BTC-USDT");
        let body = ok(&format!("[{}]", rows.join(",")));
        rig.respond(&request, 200, &body);
        rig
    };
    let s = live(KucoinBook::Pictures).at.as_secs();
    // Newest first: one that came after the break, two missed ones, the last before the break, one before that.
    let rows = [row(9_300, s + 30), row(9_200, s + 20), row(9_100, s), row(9_000, s), row(8_000, s - 1)];
    let mut rig = after_break(&rows);
    assert_eq!(rig.trades().iter().map(|trade| trade.id).collect::<Vec<_>>(), [9_100, 9_200]);
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trades, counts.trades_repaired, counts.trade_gaps), (4, 2, 1));
    let asked = pass(&mut rig, 30);
    assert!(asked.iter().all(|request| !request.path.contains("histories")), "one answer is all there is");

    let other = [row(300, s + 30), row(200, s + 20)];
    let mut rig = after_break(&other);
    assert_eq!((rig.trades(), rig.reasons()), (vec![], vec![RejectReason::RequestFailed]), "other numbers");
}

#[test]
fn candles_are_final_by_a_later_one_or_by_the_venues_clock() {
    let candle = |minute: i64, close: &str, at_s: i64, subject: &str| {
        format!(
            r#"{{"topic":"/market/candles:BTC-USDT_1min","type":"message","subject":"trade.candles.{subject}","data":{{"symbol":"BTC-USDT","candles":["{}","10","{close}","12","9","3","30"],"time":{at_s}000000000}}}}"#,
            minute * 60
        )
    };
    let mut rig = live(KucoinBook::Pictures);
    let minute = rig.at.as_secs() / 60;
    rig.frame(&candle(minute, "10.5", minute * 60 + 1, "add"));
    rig.frame(&candle(minute, "11", minute * 60 + 1, "update"));
    assert_eq!(rig.candles(), []);
    pass(&mut rig, 60);
    rig.frame(&candle(minute + 1, "11", minute * 60 + 60, "add"));
    let closed = rig.candles();
    assert_eq!((closed[0].candle.close.mantissa(), closed[0].candle.high.mantissa()), (1_100, 1_200));
    assert_eq!((closed[0].candle.volume.0, closed[0].source), (30_000, CandleSource::Stream));
    let wait = Timestamp::from_secs((minute + 2) * 60).since(rig.at).as_secs();
    pass(&mut rig, wait + 1);
    assert_eq!(rig.candles(), []);
    pass(&mut rig, 30);
    assert_eq!(rig.candles(), [], "what was said of it may still come");
    pass(&mut rig, 3);
    assert_eq!(rig.candles().len(), 1, "33 seconds after its end");
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.candles, counts.candles_final), (3, 2));
}

#[test]
fn history_fills_the_break_and_the_minute_that_runs() {
    let mut rig = Rig::new(Venue::Kucoin, &["BTC-USDT"], |settings| settings.history_minutes = 60);
    connect(&mut rig);
    rig.frame(WELCOME);
    let request = request_of(&mut rig, "/api/v2/symbols");
    rig.respond(&request, 200, &listed(&["BTC-USDT"]));
    let row = |minute: i64| format!(r#"["{}","10","10","10","10","1","10"]"#, minute * 60);
    let rows = |from: i64, to: i64| ok(&format!("[{}]", (from..=to).rev().map(row).collect::<Vec<_>>().join(",")));
    let minute = rig.at.as_secs() / 60;
    let request = request_of(&mut rig, "candles");
    rig.respond(&request, 200, &rows(minute - 62, minute));
    let starts = |rig: &mut Rig| -> Vec<i64> {
        rig.candles().iter().map(|candle| candle.candle.open_time.as_secs() / 60 - minute).collect()
    };
    assert_eq!(starts(&mut rig), (-60..0).collect::<Vec<_>>(), "sixty, and the running one is not over");
    accept_all(&mut rig);
    let request = request_of(&mut rig, "candles");
    let asked_at_s = rig.at.as_secs() - minute * 60;
    assert!((60..70).contains(&asked_at_s), "{asked_at_s} s: once more when the minute that ran is over");
    rig.respond(&request, 200, &rows(minute - 2, minute));
    assert_eq!(starts(&mut rig), [0], "and nothing that was told before");
    pass(&mut rig, 100);
    let told = starts(&mut rig);
    assert_eq!(told, [0], "nothing traded any more, and it closed by what the history had of it: the same");
    rig.disconnect();
    let outage_until = rig.at.plus(seconds(300));
    while rig.at < outage_until {
        let request = request_of(&mut rig, "bullet-public");
        rig.respond(&request, 502, "<html>");
        rig.disconnect();
        rig.pass(seconds(5));
    }
    connect(&mut rig);
    rig.frame(WELCOME);
    let request = request_of(&mut rig, "candles");
    let now = rig.at.as_secs() / 60;
    let start: i64 = request.path.rsplit('=').next().and_then(|start| start.parse().ok()).expect("a time");
    assert!((minute - 2..=minute).contains(&(start / 60)), "only the break: {}", request.path);
    rig.respond(&request, 200, &rows(start / 60, now));
    assert_eq!(starts(&mut rig), (1..now - minute).collect::<Vec<_>>());
}

#[test]
fn summaries_come_once_a_second_and_one_that_makes_no_sense_is_refused() {
    let ticker = |price: &str, bid: &str, ask: &str| {
        format!(
            r#"{{"topic":"/market/ticker:BTC-USDT","type":"message","subject":"trade.ticker","data":{{"sequence":"1","price":"{price}","size":"1","bestBid":"{bid}","bestBidSize":"2","bestAsk":"{ask}","bestAskSize":"3","time":1800000000123}}}}"#
        )
    };
    let mut rig = live(KucoinBook::Pictures);
    for price in ["10.1", "10.2", "10.3"] {
        rig.frame(&ticker(price, "10", "11"));
    }
    pass(&mut rig, 2);
    let tickers = rig.tickers();
    let last: Vec<_> = tickers.iter().filter_map(|ticker| ticker.last).map(types::Price::mantissa).collect();
    assert_eq!(last, [1_010, 1_030]);
    let best = tickers[1].bid.zip(tickers[1].ask).map(|(bid, ask)| (bid.price.mantissa(), ask.price.mantissa()));
    assert_eq!((best, tickers[1].venue_at), (Some((1_000, 1_100)), Some(Timestamp::from_millis(1_800_000_000_123))));
    rig.frame(&ticker("0", "0", "11"));
    assert_eq!(rig.tickers().pop().map(|ticker| (ticker.last, ticker.bid)), Some((None, None)), "nothing is no price");
    rig.frame(&ticker("10.1", "11", "10"));
    assert_eq!(rig.reasons(), [RejectReason::Malformed], "bid above ask");
}

#[test]
fn errors_and_limits_hold_requests_back() {
    let mut rig = subscribed(KucoinBook::Changes, &["BTC-USDT"], |_| {});
    rig.frame(&changes("BTC-USDT", 100, 101, "", ""));
    let request = request_of(&mut rig, "orderbook");
    rig.respond(&request, 200, r#"{"code":"429000","msg":"too many requests"}"#);
    assert_eq!(rig.reasons(), [RejectReason::RequestFailed]);
    let blocked_at = rig.at;
    assert_eq!(rig.feed.status().requests_blocked_until, Some(blocked_at.plus(seconds(30))), "HTTP said 200");
    assert_eq!(pass(&mut rig, 29), []);
    let request = request_of(&mut rig, "orderbook");
    let retry_after = Some(Duration::from_millis(2_500));
    let body = br#"{"code":"429000","msg":"too many requests"}"#;
    rig.give(FeedInput::Response { request: request.id, status: 429, retry_after, body });
    let blocked_at = rig.at;
    assert_eq!(rig.feed.status().requests_blocked_until, Some(blocked_at.plus(Duration::from_millis(2_500))));
    let request = request_of(&mut rig, "orderbook");
    rig.respond(&request, 200, "<html>");
    let request = request_of(&mut rig, "orderbook");
    rig.give(FeedInput::Failed { request: request.id });
    let request = request_of(&mut rig, "orderbook");
    rig.respond(&request, 200, &snapshot(101));
    assert_eq!(rig.books().len(), 1);
}

#[test]
fn maintenance_is_told_books_are_not_believed_and_the_venue_is_asked_now_and_then() {
    let mut rig = live(KucoinBook::Pictures);
    let state = |rig: &mut Rig, text: &str| {
        let request = loop {
            rig.pass(seconds(1));
            for text in rig.sent() {
                accept(rig, &text);
            }
            if let Some(request) = rig.requests().into_iter().find(|request| request.path == "/api/v1/status") {
                break request;
            }
        };
        rig.respond(&request, 200, &ok(&format!(r#"{{"status":"{text}","msg":"upgrade"}}"#)));
    };
    state(&mut rig, "close");
    assert!(!rig.feed.status().is_venue_online);
    assert_eq!(rig.stale(), [(0, StaleReason::Halted)]);
    let closed_at = rig.at;
    state(&mut rig, "cancelonly");
    let asked_after = rig.at.since(closed_at);
    assert!(asked_after >= seconds(60) && asked_after <= seconds(62), "{asked_after:?}");
    assert_eq!(rig.reconnects(), [], "no storm");
    assert!(!rig.feed.status().is_venue_online);
    state(&mut rig, "open");
    assert!(rig.feed.status().is_venue_online);
    rig.frame(&picture("BTC-USDT", rig.at.as_millis(), r#"["10","1"]"#, ""));
    assert_eq!(rig.book_state(0), BookState::Live { proof: Proof::Compared });
}

#[test]
fn a_book_that_is_dead_while_trades_live_is_stale_and_subscribed_anew() {
    let mut rig = live(KucoinBook::Pictures);
    pass(&mut rig, 5);
    let s = rig.at.as_secs();
    rig.frame(&trade(1, s));
    pass(&mut rig, 5);
    rig.frame(&picture("BTC-USDT", s * 1_000 + 4_900, r#"["10","1"]"#, ""));
    rig.frame(&trade(2, s + 5));
    pass(&mut rig, 30);
    assert_eq!(rig.stale(), [], "its picture came just before it");
    rig.frame(&trade(3, s + 35));
    pass(&mut rig, 9);
    assert_eq!(rig.stale(), []);
    let sent: Vec<String> = [(); 3].map(|()| next_sent(&mut rig)).into();
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)]);
    for action in ["unsubscribe", "subscribe"] {
        let wanted = format!(r#""type":"{action}","topic":"/spotMarket/level2Depth50:BTC-USDT""#);
        assert!(sent.iter().any(|text| text.contains(&wanted)), "{sent:?}");
    }
}

#[test]
fn a_break_makes_all_books_stale_and_what_is_not_understood_harms_nothing() {
    for source in [KucoinBook::Pictures, KucoinBook::Changes, KucoinBook::AllChanges, KucoinBook::Unified] {
        let mut rig = live(source);
        for (text, reason) in [
            ("{", RejectReason::Malformed),
            (r#"{"type":"message","topic":"/market/news:BTC-USDT","data":{}}"#, RejectReason::UnknownMessage),
            ("\u{7f}", RejectReason::Malformed),
        ] {
            rig.frame(text);
            let told = rig.reasons();
            assert!(told == [reason] || told == [RejectReason::UnknownMessage], "{source:?}: {told:?}");
        }
        assert!(matches!(rig.book_state(0), BookState::Live { .. }));
        rig.disconnect();
        assert_eq!(rig.stale(), [(0, StaleReason::Disconnected)]);
    }
}
