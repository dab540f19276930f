//! Kraken's session from the connection to a proven book, and through everything that can go wrong.

mod rig;

use std::time::Duration;

use feed::{BookState, FeedInput, ReconnectReason, RejectReason};
use rig::Rig;
use rig::kraken::{HEARTBEAT, SNAPSHOT, UPDATE, WRONG, live, pair, rules};
use types::market::{CandleSource, CandleState, Proof, StaleReason};
use types::{Aggressor, InstrumentId, Timestamp, TradingStatus, Venue};

#[test]
fn rules_first_then_the_data_of_listed_symbols() {
    let mut rig = Rig::new(Venue::Kraken, &["BTC/USD", "ETH/USD", "NO/SUCH"], |_| {});
    assert_eq!(rig.connect().path, "/v2");
    assert_eq!(rig.sent(), [r#"{"method":"subscribe","params":{"channel":"instrument","snapshot":true},"req_id":1}"#]);
    rig.frame(&rules(&[pair("ETH/USD", 2), pair("XMR/USD", 2), pair("BTC/USD", 1)]));
    let learned: Vec<_> =
        rig.instruments().iter().map(|i| (i.id.0, i.symbol.clone(), i.scale.price_decimals)).collect();
    assert_eq!(learned, [(1, "ETH/USD".to_owned(), 2), (0, "BTC/USD".to_owned(), 1)]);
    let trading = |id| (InstrumentId(id), TradingStatus::Trading);
    assert_eq!(rig.statuses(), [trading(1), trading(0)]);
    assert_eq!(rig.reasons(), [RejectReason::NotListed]);
    assert_eq!(rig.book_state(2), BookState::NotListed);
    let listed = rig.feed.status().listed;
    let names: Vec<&str> = listed.iter().map(|listing| listing.symbol.as_str()).collect();
    assert_eq!(names, ["BTC/USD", "ETH/USD", "XMR/USD"], "others than the wanted ones too");
    rig.pass(Duration::from_secs(1));
    assert_eq!(
        rig.sent(),
        [
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":100,"snapshot":true},"req_id":2}"#,
            r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","ETH/USD"],"snapshot":false},"req_id":3}"#,
            r#"{"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD","ETH/USD"],"interval":1,"snapshot":true},"req_id":4}"#,
        ]
    );
    let requests = rig.requests();
    assert_eq!(requests.len(), 1, "one at a time, one a second");
    assert_eq!(requests[0].path, "/0/public/OHLC?pair=XBTUSD&interval=1");
    rig.nothing_else();
}

#[test]
fn a_book_is_proven_published_at_its_cadence_and_only_when_changed() {
    let mut rig = live(&["BTC/USD"]);
    rig.pass(Duration::from_millis(10));
    rig.frame(UPDATE);
    assert_eq!(rig.books(), [], "the snapshot was shown a moment ago");
    rig.pass(Duration::from_millis(300));
    let books = rig.books();
    assert_eq!(books.len(), 1);
    assert_eq!((books[0].bids.len(), books[0].asks.len()), (10, 10));
    assert_eq!(books[0].bids[0].price.mantissa(), 452_840);
    assert_eq!(books[0].proof, Proof::Checksum);
    assert_eq!(books[0].venue_at, Timestamp::parse_rfc3339(b"2023-10-06T17:35:56.440295Z"));
    rig.frame(UPDATE);
    rig.pass(Duration::from_millis(600));
    assert_eq!(rig.books(), [], "the same again");
    let status = rig.instrument(0);
    assert_eq!(status.book, BookState::Live { proof: Proof::Checksum });
    assert_eq!((status.counts.checksums_checked, status.counts.checksums_matched, status.counts.deltas), (3, 3, 2));
    rig.nothing_else();
}

#[test]
fn a_wrong_checksum_resyncs_that_symbol_only_and_slows_down() {
    let mut rig = live(&["BTC/USD", "ETH/USD"]);
    let mut waits = Vec::new();
    for _ in 0..5 {
        rig.frame(WRONG);
        assert_eq!(rig.stale(), [(0, StaleReason::ChecksumMismatch)]);
        let broken_at = rig.at;
        while !rig
            .sent()
            .iter()
            .any(|text| text.contains(r#""subscribe","params":{"channel":"book","symbol":["BTC/USD"]"#))
        {
            rig.pass(Duration::from_millis(250));
            rig.frame(HEARTBEAT);
            assert!(rig.at.since(broken_at) < Duration::from_secs(60), "never subscribed again");
        }
        waits.push(rig.at.since(broken_at).as_secs());
        rig.frame(SNAPSHOT);
        assert_eq!(rig.books().len(), 1, "shown at once");
        rig.frame(&rules(&[pair("BTC/USD", 1), pair("ETH/USD", 1)]));
    }
    assert_eq!(waits.iter().map(|s| s / 5).collect::<Vec<_>>(), [0, 0, 0, 1, 2], "{waits:?}");
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.gaps, counts.resyncs, counts.snapshots), (5, 5, 6));
    assert_eq!(rig.instrument(1).counts.gaps, 0);
}

#[test]
fn two_wrong_checksums_in_a_row_fetch_the_rules_again_and_new_digits_are_learned() {
    let mut rig = live(&["BTC/USD"]);
    rig.pass_with(60, HEARTBEAT);
    rig.forget();
    rig.frame(WRONG);
    rig.pass(Duration::from_secs(1));
    assert!(rig.sent().iter().all(|text| !text.contains("instrument")));
    rig.frame(SNAPSHOT);
    rig.frame(WRONG);
    rig.pass(Duration::from_secs(2));
    let sent = rig.sent();
    assert!(sent.iter().any(|text| text.contains(r#""subscribe","params":{"channel":"instrument""#)), "{sent:?}");
    rig.forget();
    rig.frame(&rules(&[pair("BTC/USD", 2)]));
    assert_eq!(rig.instruments()[0].scale.price_decimals, 2);
    rig.pass(Duration::from_secs(2));
    assert!(rig.sent().iter().any(|text| text.contains(r#""subscribe","params":{"channel":"book""#)));
}

#[test]
fn a_refused_symbol_leaves_its_neighbours_alone_and_is_tried_again() {
    let mut rig = Rig::new(Venue::Kraken, &["BTC/USD", "ETH/USD"], |settings| settings.book_depth = 10);
    rig.connect();
    rig.frame(&rules(&[pair("BTC/USD", 1), pair("ETH/USD", 2)]));
    rig.pass(Duration::from_secs(1));
    rig.forget();
    for req_id in [2, 3, 4] {
        rig.frame(&format!(
            r#"{{"error":"Currency pair not supported ETH/USD","method":"subscribe","success":false,"symbol":"ETH/USD","req_id":{req_id}}}"#
        ));
    }
    let rejections = rig.rejections();
    assert_eq!(rejections.len(), 3);
    assert_eq!(rejections[0].reason, RejectReason::SubscribeRefused);
    assert_eq!(rejections[0].instrument.map(|id| id.0), Some(1));
    rig.frame(SNAPSHOT);
    assert_eq!(rig.books().len(), 1);
    rig.pass_with(4, HEARTBEAT);
    assert_eq!(rig.sent(), [""; 0]);
    rig.pass_with(4, HEARTBEAT);
    let again = rig.sent();
    assert_eq!(again.len(), 3);
    assert!(again.iter().all(|text| text.contains(r#"["ETH/USD"]"#)));
}

#[test]
fn an_already_standing_subscription_is_success() {
    let mut rig = Rig::new(Venue::Kraken, &["BTC/USD"], |settings| settings.history_minutes = 0);
    rig.connect();
    rig.frame(&rules(&[pair("BTC/USD", 1)]));
    for req_id in [3, 4] {
        rig.frame(&format!(
            r#"{{"error":"Already subscribed to one or more of the symbols","method":"subscribe","success":false,"symbol":"BTC/USD","req_id":{req_id}}}"#
        ));
    }
    rig.frame(&SNAPSHOT.replace("BTC\\/USD", "BTC/USD"));
    rig.pass_with(30, HEARTBEAT);
    assert_eq!((rig.reasons(), rig.reconnects()), (vec![], vec![]));
}

#[test]
fn unanswered_subscriptions_and_silence_want_a_new_connection() {
    let mut rig = Rig::new(Venue::Kraken, &["BTC/USD"], |_| {});
    rig.connect();
    rig.pass(Duration::from_secs(19));
    assert_eq!(rig.reconnects(), []);
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.reconnects(), [ReconnectReason::SubscribeTimeout]);
    rig.pass(Duration::from_secs(100));
    assert_eq!(rig.reconnects(), [], "said once");

    let mut rig = live(&["BTC/USD"]);
    rig.pass_with(20, HEARTBEAT);
    assert_eq!(rig.reconnects(), []);
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.reconnects(), [ReconnectReason::Silent]);
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)]);
    rig.disconnect();
    assert_eq!(rig.stale(), [], "it was stale before");
}

#[test]
fn pings_go_out_and_pongs_tell_the_venues_clock() {
    let mut rig = live(&["BTC/USD"]);
    rig.pass_with(31, HEARTBEAT);
    let pings: Vec<String> = rig.sent();
    assert_eq!(pings.len(), 1);
    assert!(pings[0].starts_with(r#"{"method":"ping","req_id":"#), "{pings:?}");
    let venue_at = rig.at.plus(Duration::from_secs(2));
    rig.frame(&format!(r#"{{"method":"pong","req_id":5,"time_in":"{venue_at}","time_out":"{venue_at}"}}"#));
    assert_eq!(rig.feed.status().venue_ahead_ns, Some(2_000_000_000));
}

#[test]
fn after_a_break_everything_is_stale_and_is_subscribed_anew_and_old_trades_are_dropped() {
    let trade = |id: u64| {
        format!(
            r#"{{"symbol":"BTC/USD","side":"sell","price":45283.5,"qty":40.0,"ord_type":"market","trade_id":{id},"timestamp":"2023-09-25T07:49:37.708706Z"}}"#
        )
    };
    let trades = |kind: &str, ids: &[u64]| {
        let rows: Vec<String> = ids.iter().map(|id| trade(*id)).collect();
        format!(r#"{{"channel":"trade","type":"{kind}","data":[{}]}}"#, rows.join(","))
    };
    let mut rig = live(&["BTC/USD"]);
    rig.frame(&trades("update", &[7, 8]));
    let first = rig.trades();
    assert_eq!(first.iter().map(|trade| trade.id).collect::<Vec<_>>(), [7, 8]);
    assert_eq!((first[0].aggressor, first[0].qty.0, first[0].fills), (Aggressor::Sell, 4_000_000_000, 1));

    rig.disconnect();
    assert_eq!(rig.stale(), [(0, StaleReason::Disconnected)]);
    assert_eq!(rig.book_state(0), BookState::Resyncing { reason: StaleReason::Disconnected });
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.targets().len(), 1, "a new connection, and nothing more");
    rig.nothing_else();
    rig.connected();
    rig.frame(&rules(&[pair("BTC/USD", 1)]));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.instruments(), [], "nothing new");
    assert!(rig.sent().iter().any(|text| text.contains(r#""channel":"trade","symbol":["BTC/USD"],"snapshot":true"#)));
    rig.frame(UPDATE);
    assert_eq!(rig.books(), [], "an update proves nothing without a snapshot");
    rig.frame(&SNAPSHOT.replace("2023-10-06T", "2023-10-07T"));
    assert_eq!(rig.books().len(), 1);
    rig.frame(&trades("snapshot", &[10, 9, 8, 7]));
    assert_eq!(rig.trades().iter().map(|trade| trade.id).collect::<Vec<_>>(), [9, 10], "oldest first, each once");
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trades, counts.duplicates, counts.resyncs, counts.trade_gaps), (4, 2, 1, 0));
}

#[test]
fn a_crossed_book_with_a_right_checksum_is_not_shown_and_not_resynced() {
    let mut rig = live(&["BTC/USD"]);
    // The guide's book with a bid of 1 at 45285.2 on top, and then without it.
    let digits = "45285210000045286415457195345286615457110945289615456091145290215890660452918154553491452947445474945296135380000452975994554245299518772827";
    let bids = "452835100000004528341545820154528211000000045281010000000452803154592586452790799000045277633101034527753000000045277315460273745276615445238";
    let crossed = crc32fast::hash(format!("{digits}452852100000000{}", &bids[..bids.len() - 14]).as_bytes());
    let update = |qty: &str, checksum: u32| {
        format!(
            r#"{{"channel":"book","type":"update","data":[{{"symbol":"BTC/USD","bids":[{{"price":45285.2,"qty":{qty}}}],"asks":[],"checksum":{checksum}}}]}}"#
        )
    };
    rig.frame(&update("1.00000000", crossed));
    assert_eq!(rig.stale(), [(0, StaleReason::Crossed)]);
    // The tenth bid fell out for ever.
    let nine = crc32fast::hash(format!("{digits}{}", &bids[..bids.len() - 14]).as_bytes());
    rig.pass(Duration::from_secs(1));
    assert_eq!((rig.books(), rig.sent()), (vec![], vec![]));
    rig.frame(&update("0", nine));
    assert_eq!(rig.books().len(), 1);
    assert_eq!((rig.instrument(0).counts.crossed, rig.instrument(0).counts.gaps), (1, 0));
}

#[test]
fn candles_become_final_by_a_later_one_or_by_the_venues_clock() {
    let row = |begin: &str, close: &str| {
        format!(
            r#"{{"symbol":"BTC/USD","open":5.1,"high":9.9,"low":5.1,"close":{close},"trades":12,"volume":30927.68066226,"vwap":0.5626,"interval_begin":"{begin}","interval":1,"timestamp":"2023-10-04T16:30:00.000000Z"}}"#
        )
    };
    let ohlc = |kind: &str, rows: &[String], at: &str| {
        let rows = rows.join(",");
        format!(r#"{{"channel":"ohlc","type":"{kind}","timestamp":"{at}","data":[{rows}]}}"#)
    };
    let mut rig = live(&["BTC/USD"]);
    let minute = |n: u32| format!("2027-01-15T08:{n:02}:00.000000000Z");
    rig.at = Timestamp::parse_rfc3339(b"2027-01-15T08:02:10Z").expect("time");
    // The venue's clock is ten seconds ahead of ours.
    rig.frame(&ohlc("snapshot", &[row(&minute(0), "5.5"), row(&minute(2), "6.5")], "2027-01-15T08:02:20Z"));
    let closed = rig.candles();
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].state, closed[0].source), (CandleState::Final, CandleSource::Stream));
    assert_eq!((closed[0].candle.close.mantissa(), closed[0].candle.trades), (55, 12));
    rig.frame(&ohlc("update", &[row(&minute(2), "7.5")], "2027-01-15T08:02:20Z"));
    rig.pass_with(72, HEARTBEAT);
    assert_eq!(rig.candles(), [], "08:03:32 at the venue, and what it said of the minute may still come");
    rig.pass_with(1, HEARTBEAT);
    assert_eq!(rig.candles()[0].candle.close.mantissa(), 75);
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.candles, counts.candles_final), (3, 2));
}

#[test]
fn history_comes_by_rest_and_errors_slow_it_down() {
    let mut rig = Rig::new(Venue::Kraken, &["BTC/USD"], |settings| settings.history_minutes = 2);
    rig.connect();
    rig.frame(&rules(&[pair("BTC/USD", 1)]));
    let request = rig.requests().pop().expect("history is asked for");
    rig.respond(&request, 200, r#"{"error":["EAPI:Rate limit exceeded"]}"#);
    assert_eq!(rig.reasons(), [RejectReason::RequestFailed]);
    assert!(rig.feed.status().requests_blocked_until.is_some());
    rig.pass(Duration::from_secs(4));
    assert_eq!(rig.requests(), []);
    rig.pass(Duration::from_secs(2));
    let request = rig.requests().pop().expect("asked again after five seconds");
    let row =
        |minute: u32, close: &str| format!(r#"[{},"1.0","9.0","1.0","{close}","1.0","2.50000000",3]"#, 60 * minute);
    let rows = [row(1, "1.0"), row(2, "2.0"), row(3, "3.0"), row(4, "4.0")].join(",");
    rig.respond(&request, 200, &format!(r#"{{"error":[],"result":{{"XXBTZUSD":[{rows}],"last":180}}}}"#));
    let candles = rig.candles();
    let closes: Vec<_> = candles.iter().map(|candle| candle.candle.close.mantissa()).collect();
    assert_eq!(closes, [20, 30], "the newest two closed ones");
    assert!(candles.iter().all(|candle| candle.source == CandleSource::Rest && candle.state == CandleState::Final));
    rig.respond(&request, 200, "{}");
    assert_eq!(rig.reasons(), [], "an answer counts once");
}

#[test]
fn what_is_not_understood_is_counted_and_harms_nothing() {
    let mut rig = live(&["BTC/USD"]);
    let check = |rig: &mut Rig, bytes: &[u8], reason| {
        rig.give(FeedInput::Frame(feed::LinkId::FIRST, bytes));
        let rejections = rig.rejections();
        assert_eq!(rejections.iter().map(|r| r.reason).collect::<Vec<_>>(), [reason], "{rejections:?}");
    };
    check(&mut rig, b"", RejectReason::Malformed);
    check(&mut rig, b"\xff\xfe", RejectReason::Malformed);
    check(&mut rig, b"[1664,{\"as\":[]},\"book-1000\",\"WAVES/EUR\"]", RejectReason::Malformed);
    check(&mut rig, br#"{"channel":"weather"}"#, RejectReason::UnknownMessage);
    check(&mut rig, br#"{"Error":"Exceeded msg rate"}"#, RejectReason::VenueError);
    check(&mut rig, SNAPSHOT.replace("BTC/USD", "XMR/USD").as_bytes(), RejectReason::UnknownSymbol);
    let trade = br#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":1.23,"qty":1,"trade_id":1,"timestamp":"2023-09-25T07:49:37.708706Z"}]}"#;
    check(&mut rig, trade, RejectReason::TooPrecise);
    assert_eq!(rig.book_state(0), BookState::Live { proof: Proof::Checksum });
    check(&mut rig, UPDATE.replace("45284.0", "45284.05").as_bytes(), RejectReason::TooPrecise);
    assert_eq!(rig.stale(), [(0, StaleReason::Malformed)]);
    assert_eq!(rig.feed.status().rejected.total(), 8);
    let long = format!(r#"{{"channel":"{}"}}"#, "ü".repeat(10_000));
    rig.frame(&long);
    assert!(rig.rejections()[0].sample.len() <= 260);
}

#[test]
fn maintenance_is_told_in_the_status() {
    let mut rig = live(&["BTC/USD"]);
    let status = |system: &str| {
        format!(
            r#"{{"channel":"status","type":"update","data":[{{"api_version":"v2","connection_id":13834774380200032777,"system":"{system}","version":"2.0.0"}}]}}"#
        )
    };
    assert!(rig.feed.status().is_venue_online);
    rig.frame(&status("maintenance"));
    assert!(!rig.feed.status().is_venue_online);
    assert_eq!(rig.stale(), [(0, StaleReason::Halted)]);
    rig.frame(&status("online"));
    assert!(rig.feed.status().is_venue_online);
    rig.pass(Duration::from_secs(1));
    let again = r#""subscribe","params":{"channel":"book","symbol":["BTC/USD"]"#;
    assert!(rig.sent().iter().any(|text| text.contains(again)), "the book is built anew");
}
