//! From one connection to the next without a hole.

mod rig;

use std::time::Duration;

use feed::{BookState, FeedInput, LinkId, ReconnectReason};
use rig::Rig;
use types::Venue;
use types::market::{CandleState, StaleReason};

const FIRST: LinkId = LinkId(0);
const SECOND: LinkId = LinkId(1);
const SYMBOL: &str = "BTCUSDT";

const RULES: &str = r#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},{"filterType":"LOT_SIZE","stepSize":"0.0001","minQty":"0.0001"}]}]}"#;
const SHUTDOWN: &str = r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1800000000000}}"#;

fn depth(first: u64, last: u64, bid: &str) -> String {
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":NOW_MS,"s":"BTCUSDT","U":{first},"u":{last},"b":[["{bid}","1.00000000"]],"a":[]}}}}"#
    )
}

fn trade(id: u64) -> String {
    format!(
        r#"{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":1800000000000,"s":"BTCUSDT","a":{id},"p":"10.00000000","q":"1.00000000","f":{id},"l":{id},"T":1800000000000,"m":true,"M":true}}}}"#
    )
}

fn closed_minute(minute: i64) -> String {
    let open_ms = (30_000_000 + minute) * 60_000;
    let close_ms = open_ms + 59_999;
    format!(
        r#"{{"stream":"btcusdt@kline_1m","data":{{"e":"kline","E":{close_ms},"s":"BTCUSDT","k":{{"t":{open_ms},"T":{close_ms},"s":"BTCUSDT","i":"1m","f":1,"L":1,"o":"10.00000000","c":"10.00000000","h":"10.00000000","l":"10.00000000","v":"1.00000000","n":1,"x":true,"q":"10.0","V":"0","Q":"0","B":"0"}}}}}}"#
    )
}

const SNAPSHOT_REST: &str =
    r#""bids":[["10.00000000","1.00000000"],["9.00000000","2.00000000"]],"asks":[["11.00000000","1.50000000"]]}"#;

/// Answers the request whose path has `part`.
fn answer(rig: &mut Rig, part: &str, body: &str) {
    for _ in 0..100 {
        if let Some(request) = rig.requests().into_iter().find(|request| request.path.contains(part)) {
            rig.respond(&request, 200, body);
            return;
        }
        rig.pass(Duration::from_millis(50));
    }
    panic!("no request for {part}");
}

/// Connected and subscribed; nothing of the book yet.
fn subscribe(rig: &mut Rig, link: LinkId) {
    rig.give(FeedInput::Connected(link));
    answer(rig, "exchangeInfo", RULES);
    rig.frame_on(link, r#"{"result":null,"id":1}"#);
}

/// The book as of `last`.
fn join(rig: &mut Rig, link: LinkId, last: u64) {
    rig.frame_on(link, &depth(last, last, "10.00000000"));
    answer(rig, "depth", &format!(r#"{{"lastUpdateId":{last},{SNAPSHOT_REST}"#));
}

fn live() -> Rig {
    let mut rig = Rig::new(Venue::BinanceUs, &[SYMBOL], |settings| settings.history_minutes = 0);
    rig.give(FeedInput::Deadline);
    assert_eq!(rig.connects().len(), 1);
    subscribe(&mut rig, FIRST);
    join(&mut rig, FIRST, 100);
    rig.frame(&trade(1));
    rig.forget();
    rig
}

fn ids(rig: &mut Rig) -> Vec<u128> {
    rig.trades().iter().map(|trade| trade.id).collect()
}

#[test]
fn a_standby_takes_over_when_it_hears_and_proves_everything_and_nothing_is_missing_or_doubled() {
    let mut rig = live();
    rig.frame(SHUTDOWN);
    let connects = rig.connects();
    assert_eq!(connects.iter().map(|(link, _)| *link).collect::<Vec<_>>(), [SECOND]);
    assert_eq!(rig.closes(), [], "the first one is still heard");
    subscribe(&mut rig, SECOND);
    rig.frame_on(FIRST, &trade(2));
    rig.frame_on(SECOND, &trade(2));
    rig.frame_on(FIRST, &closed_minute(0));
    rig.frame_on(SECOND, &closed_minute(0));
    // The second connection is ahead of the first.
    rig.frame_on(SECOND, &trade(3));
    rig.frame_on(SECOND, &closed_minute(1));
    assert_eq!(ids(&mut rig), [2]);
    assert_eq!(rig.candles().len(), 1);
    assert_eq!(rig.closes(), [], "the book is not proven there");

    join(&mut rig, SECOND, 120);
    assert_eq!(rig.closes(), [(FIRST, ReconnectReason::ServerShutdown)]);
    assert_eq!(ids(&mut rig), [3]);
    let minutes = rig.candles();
    assert_eq!((minutes.len(), minutes[0].state), (1, CandleState::Final));
    assert_eq!((rig.stale(), rig.instruments().len()), (vec![], 0));
    assert!(matches!(rig.book_state(0), BookState::Live { .. }));

    rig.frame_on(FIRST, &trade(4));
    rig.give(FeedInput::Disconnected(FIRST));
    assert_eq!((ids(&mut rig), rig.stale()), (vec![], vec![]), "nobody listens there any more");
    rig.frame_on(SECOND, &trade(4));
    rig.frame_on(SECOND, &depth(121, 121, "10.50000000"));
    rig.pass(Duration::from_millis(250));
    assert_eq!(ids(&mut rig), [4]);
    assert_eq!(rig.books().last().map(|book| book.bids[0].price.mantissa()), Some(1_050));
    let status = rig.feed.status();
    assert_eq!((status.connections, status.is_connected), (2, true));
    let counts = status.instruments[0].counts;
    assert_eq!((counts.trades, counts.trade_gaps, counts.duplicates, counts.candles_final), (4, 0, 0, 2));

    // The other way round next time.
    rig.frame_on(SECOND, SHUTDOWN);
    assert_eq!(rig.connects()[0].0, FIRST);
}

#[test]
fn an_old_connection_is_replaced_before_the_venue_cuts_it() {
    let mut rig = live();
    for _ in 0..23 * 120 - 1 {
        rig.pass(Duration::from_secs(30));
        rig.frame(&depth(1, 1, "10.00000000"));
        rig.forget();
    }
    rig.pass(Duration::from_secs(29));
    assert_eq!(rig.connects(), []);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.connects().len(), 1);
    subscribe(&mut rig, SECOND);
    join(&mut rig, SECOND, 100);
    assert_eq!(rig.closes(), [(FIRST, ReconnectReason::Age)]);
    assert_eq!(rig.stale(), []);
}

#[test]
fn a_first_connection_that_is_lost_early_is_followed_by_a_second_that_hears_everything() {
    let mut rig = live();
    rig.frame(SHUTDOWN);
    subscribe(&mut rig, SECOND);
    rig.frame_on(SECOND, &trade(2));
    rig.give(FeedInput::Disconnected(FIRST));
    assert_eq!(ids(&mut rig), [2]);
    assert_eq!(rig.stale(), [(0, StaleReason::Resync)], "its book is not proven yet");
    rig.forget();
    join(&mut rig, SECOND, 130);
    assert_eq!(rig.books().len(), 1);
    assert_eq!(rig.feed.status().connections, 2);
}

#[test]
fn a_second_connection_that_does_not_hear_everything_yet_is_dropped_with_the_first() {
    let mut rig = live();
    rig.frame(SHUTDOWN);
    rig.give(FeedInput::Connected(SECOND));
    rig.forget();
    rig.give(FeedInput::Disconnected(FIRST));
    assert_eq!(rig.closes(), [(SECOND, ReconnectReason::NotNeeded)]);
    assert_eq!(rig.stale(), [(0, StaleReason::Disconnected)]);
    rig.give(FeedInput::Disconnected(SECOND));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.connects().iter().map(|(link, _)| *link).collect::<Vec<_>>(), [FIRST]);
}

#[test]
fn a_second_connection_that_fails_is_tried_again_while_the_first_one_works() {
    let mut rig = live();
    rig.frame(SHUTDOWN);
    rig.forget();
    rig.give(FeedInput::Disconnected(SECOND));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.connects().iter().map(|(link, _)| *link).collect::<Vec<_>>(), [SECOND]);
    assert_eq!((rig.stale(), rig.closes()), (vec![], vec![]));
}

#[test]
fn more_trades_than_the_buffer_holds_are_asked_for() {
    let mut rig = live();
    rig.frame(SHUTDOWN);
    subscribe(&mut rig, SECOND);
    for id in 2..=5_000 {
        rig.frame_on(SECOND, &trade(id));
    }
    join(&mut rig, SECOND, 100);
    let held = ids(&mut rig);
    assert_eq!((held.len(), held[0]), (4_096, 905));
    rig.pass(Duration::from_secs(2));
    let request = rig.requests().pop().expect("the others are asked for");
    assert_eq!(request.path, "/api/v3/aggTrades?symbol=BTCUSDT&fromId=2&limit=1000");
    let row = |id: u64| {
        format!(
            r#"{{"a":{id},"p":"10.00000000","q":"1.00000000","f":{id},"l":{id},"T":1800000000000,"m":true,"M":true}}"#
        )
    };
    let rows: Vec<String> = (2..1_002).map(row).collect();
    rig.respond(&request, 200, &format!("[{}]", rows.join(",")));
    assert_eq!(ids(&mut rig), (2..905).collect::<Vec<u128>>(), "each once");
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trades, counts.trades_repaired, counts.trades_lost), (5_000, 903, 0));
}
