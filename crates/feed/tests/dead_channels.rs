//! Channels that die while the connection lives, and connections that tell nothing but garbage.

mod rig;

use std::time::Duration;

use feed::{BookState, ReconnectReason};
use rig::{Rig, binance_us, kraken};
use types::market::StaleReason;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn kraken_trade(rig: &mut Rig, id: u64) {
    let time = rig.at;
    rig.frame(&format!(
        r#"{{"channel":"trade","type":"update","data":[{{"symbol":"BTC/USD","side":"sell","price":45283.5,"qty":40.0,"ord_type":"market","trade_id":{id},"timestamp":"{time}"}}]}}"#
    ));
}

fn binance_trade(rig: &mut Rig, id: u64) {
    let ms = rig.at.as_millis();
    rig.frame(&format!(
        r#"{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":{ms},"s":"BTCUSDT","a":{id},"p":"10.00000000","q":"1.00000000","f":{id},"l":{id},"T":{ms},"m":true,"M":true}}}}"#
    ));
}

/// A closed minute of Binance.US with a number of trades.
fn binance_minute(rig: &mut Rig, trades: u32) {
    let open_ms = rig.at.as_millis() / 60_000 * 60_000 - 60_000;
    let close_ms = open_ms + 59_999;
    rig.frame(&format!(
        r#"{{"stream":"btcusdt@kline_1m","data":{{"e":"kline","E":{close_ms},"s":"BTCUSDT","k":{{"t":{open_ms},"T":{close_ms},"s":"BTCUSDT","i":"1m","f":1,"L":1,"o":"10.00000000","c":"10.00000000","h":"10.00000000","l":"10.00000000","v":"1.00000000","n":{trades},"x":true,"q":"10.0","V":"0","Q":"0","B":"0"}}}}}}"#
    ));
}

#[test]
fn a_kraken_book_that_trades_do_not_move_is_stale_and_subscribed_anew() {
    let mut rig = kraken::live(&["BTC/USD"]);
    rig.pass_with(5, kraken::HEARTBEAT);
    kraken_trade(&mut rig, 7);
    rig.pass_with(9, kraken::HEARTBEAT);
    assert_eq!((rig.stale(), rig.sent()), (vec![], vec![]));
    rig.pass_with(1, kraken::HEARTBEAT);
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)]);
    rig.pass_with(1, kraken::HEARTBEAT);
    let sent = rig.sent();
    assert!(sent[0].contains(r#""method":"unsubscribe","params":{"channel":"book""#), "{sent:?}");
    assert!(sent[1].contains(r#""method":"subscribe","params":{"channel":"book""#), "{sent:?}");
    assert_eq!(rig.reconnects(), []);
    rig.forget();
    rig.frame(kraken::SNAPSHOT);
    assert!(matches!(rig.book_state(0), BookState::Live { .. }));
}

#[test]
fn a_kraken_book_of_which_nothing_is_heard_for_very_long_is_subscribed_anew() {
    let mut rig = kraken::live(&["BTC/USD"]);
    rig.pass_with(298, kraken::HEARTBEAT);
    assert_eq!(rig.stale(), []);
    rig.pass_with(2, kraken::HEARTBEAT);
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)]);
}

#[test]
fn a_binance_us_book_that_trades_do_not_move_is_stale_and_its_stream_subscribed_anew() {
    let mut rig = binance_us::live(&["BTCUSDT", "ETHUSDT"]);
    rig.pass(seconds(5));
    binance_trade(&mut rig, 7);
    rig.pass(seconds(10));
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)], "the other one is as good as before");
    rig.pass(seconds(1));
    let sent = rig.sent();
    assert!(sent[0].starts_with(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@depth@100ms"],"id":"#), "{sent:?}");
    assert!(sent[1].starts_with(r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":"#), "{sent:?}");
    rig.forget();
    rig.frame(&binance_us::depth("BTCUSDT", 900, 901, "", ""));
    let request = binance_us::request_of(&mut rig, "depth?symbol=BTCUSDT");
    rig.respond(&request, 200, &binance_us::snapshot(901));
    assert!(matches!(rig.book_state(0), BookState::Live { .. }));
}

/// Lets time pass with a word every ten seconds that is of no stream.
fn pass_connected(rig: &mut Rig, count: u64) {
    for _ in 0..count / 10 {
        rig.pass(seconds(10));
        rig.frame(r#"{"result":[],"id":9}"#);
    }
}

#[test]
fn a_binance_us_book_of_which_nothing_is_heard_for_very_long_is_proven_by_a_snapshot() {
    let mut rig = binance_us::live(&["BTCUSDT"]);
    pass_connected(&mut rig, 310);
    let request = binance_us::request_of(&mut rig, "depth");
    rig.respond(&request, 200, &binance_us::snapshot(101));
    assert_eq!((rig.stale(), rig.instrument(0).counts.renewals), (vec![], 1), "the market is quiet");
    pass_connected(&mut rig, 290);
    let request = binance_us::request_of(&mut rig, "depth");
    rig.respond(&request, 200, &binance_us::snapshot(150));
    assert_eq!(rig.stale(), [], "the stream may only be behind");
    rig.forget();
    pass_connected(&mut rig, 10);
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)]);
    rig.pass(seconds(1));
    assert!(rig.sent().iter().any(|text| text.contains("UNSUBSCRIBE") && text.contains("btcusdt@depth@100ms")));
}

#[test]
fn a_minute_with_more_trades_than_were_told_shows_that_their_stream_is_dead() {
    let mut rig = binance_us::live(&["BTCUSDT"]);
    binance_trade(&mut rig, 7);
    pass_connected(&mut rig, 60);
    binance_trade(&mut rig, 8);
    rig.frame(&binance_us::depth("BTCUSDT", 102, 103, "", ""));
    pass_connected(&mut rig, 60);
    binance_minute(&mut rig, 1);
    rig.pass(seconds(5));
    assert_eq!((rig.instrument(0).counts.trade_gaps, rig.trades().len()), (0, 2), "all were told");
    pass_connected(&mut rig, 50);
    rig.pass(seconds(5));
    binance_minute(&mut rig, 3);
    rig.forget();
    rig.pass(seconds(5));
    let sent = rig.sent();
    assert!(sent[0].starts_with(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@aggTrade"],"id":"#), "{sent:?}");
    assert!(sent[1].starts_with(r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":"#), "{sent:?}");
    let request = binance_us::request_of(&mut rig, "aggTrades");
    assert_eq!(request.path, "/api/v3/aggTrades?symbol=BTCUSDT&fromId=9&limit=1000");
    let ms = rig.at.as_millis();
    let row = |id: u64| format!(r#"{{"a":{id},"p":"10.0","q":"1.0","f":{id},"l":{id},"T":{ms},"m":true,"M":true}}"#);
    rig.respond(&request, 200, &format!("[{},{}]", row(9), row(10)));
    assert_eq!(rig.trades().iter().map(|trade| trade.id).collect::<Vec<_>>(), [9, 10]);
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trade_gaps, counts.trades_repaired, counts.trades_lost), (1, 2, 0));
}

#[test]
fn a_connection_that_tells_mostly_garbage_is_given_up_and_a_little_garbage_is_borne() {
    let mut rig = kraken::live(&["BTC/USD"]);
    for _ in 0..150 {
        rig.frame("{");
        rig.frame(kraken::HEARTBEAT);
        rig.frame(kraken::HEARTBEAT);
    }
    assert_eq!(rig.reconnects(), []);
    for _ in 0..150 {
        rig.frame("{");
    }
    assert_eq!(rig.reconnects(), [], "less than half of this minute's");
    rig.pass_with(60, kraken::HEARTBEAT);
    for _ in 0..200 {
        rig.frame("{");
    }
    assert_eq!(rig.reconnects(), [ReconnectReason::Garbled], "said once");
}
