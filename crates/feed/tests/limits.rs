//! One limiter before everything that is asked of a venue: bans, restarts, priorities, missed trades.

mod rig;

use std::time::Duration;

use feed::limiter::Rate;
use feed::{FeedInput, LinkId};
use rig::{Rig, binance_us, kraken};
use types::{Timestamp, Venue};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_ban_from_before_the_start_holds_back_every_request_until_its_end() {
    let end = Timestamp::from_secs(1_800_000_000 + 7_200);
    let mut rig = Rig::new(Venue::BinanceUs, &["BTCUSDT"], |settings| settings.blocked_until = Some(end));
    rig.connect();
    for _ in 0..719 {
        rig.pass(seconds(10));
        rig.frame(r#"{"result":[],"id":1}"#);
    }
    assert_eq!((rig.requests(), rig.feed.status().requests_blocked_until), (vec![], Some(end)));
    rig.pass(seconds(10));
    assert_eq!(rig.requests().len(), 1);
}

#[test]
fn a_refusal_that_does_not_say_how_long_is_waited_out_longer_each_time() {
    let mut rig = binance_us::subscribed(&["BTCUSDT"]);
    rig.frame(&binance_us::depth("BTCUSDT", 100, 101, "", ""));
    let mut pauses = Vec::new();
    for status in [429, 403, 418] {
        let request = binance_us::request_of(&mut rig, "depth");
        rig.give(FeedInput::Response { request: request.id, status, retry_after: None, body: b"<html>" });
        let until = rig.feed.status().requests_blocked_until.expect("said");
        pauses.push(until.since(rig.at).as_secs());
        while rig.at < until {
            assert_eq!(rig.requests(), []);
            rig.pass(seconds(1));
            rig.frame(&binance_us::depth("BTCUSDT", 100, 101, "", ""));
        }
    }
    assert_eq!(pauses, [60, 120, 240]);
}

#[test]
fn a_refused_handshake_delays_the_next_one_as_long_as_the_venue_says() {
    let mut rig = Rig::new(Venue::Coinbase, &["BTC-USD"], |_| {});
    rig.give(FeedInput::Deadline);
    assert_eq!(rig.targets().len(), 1);
    let retry_after = Some(seconds(40));
    rig.give(FeedInput::Refused { link: LinkId::FIRST, status: 429, retry_after });
    rig.pass(seconds(39));
    assert_eq!(rig.targets(), []);
    rig.pass(seconds(1));
    assert_eq!(rig.targets().len(), 1);
}

#[test]
fn connections_are_attempted_no_more_often_than_the_venue_allows() {
    let mut rig = Rig::new(Venue::Kraken, &["BTC/USD"], |settings| {
        settings.backoff_first = Duration::ZERO;
        settings.limits.connects = Rate { most: 15, window: seconds(60) };
    });
    let start = rig.at;
    let mut attempts = 0;
    while rig.at < start.plus(seconds(60)) {
        rig.give(FeedInput::Deadline);
        attempts += rig.targets().len();
        rig.disconnect();
        rig.pass(Duration::from_millis(500));
    }
    assert_eq!(attempts, 15);
}

#[test]
fn missed_trades_of_kraken_come_by_rest_with_their_own_numbers_page_by_page() {
    let mut rig = kraken::live(&["BTC/USD"]);
    let frame = |ids: &[u64]| {
        let row = |id: &u64| {
            format!(
                r#"{{"symbol":"BTC/USD","side":"sell","price":45283.5,"qty":40.0,"ord_type":"market","trade_id":{id},"timestamp":"2023-09-25T07:49:37.708706Z"}}"#
            )
        };
        let rows: Vec<String> = ids.iter().map(row).collect();
        format!(r#"{{"channel":"trade","type":"update","data":[{}]}}"#, rows.join(","))
    };
    let answer = |ids: &[u64]| {
        let row = |id: &u64| format!(r#"["45283.50000","40.00000000",1695628177.7087061,"s","m","",{id}]"#);
        let rows: Vec<String> = ids.iter().map(row).collect();
        format!(r#"{{"error":[],"result":{{"XXBTZUSD":[{}],"last":"1"}}}}"#, rows.join(","))
    };
    rig.frame(&frame(&[7]));
    rig.frame(&frame(&[12]));
    rig.frame(&frame(&[10]));
    let ids = |rig: &mut Rig| rig.trades().iter().map(|trade| trade.id).collect::<Vec<_>>();
    assert_eq!(ids(&mut rig), [7, 12, 10]);
    rig.pass_with(1, kraken::HEARTBEAT);
    assert_eq!(rig.requests(), [], "they may only be late");
    rig.pass_with(2, kraken::HEARTBEAT);
    let first = rig.requests().pop().expect("asked for");
    assert_eq!(first.path, "/0/public/Trades?pair=XBTUSD&since=1695628177708705999&count=1000");
    rig.respond(&first, 200, &answer(&[6, 7, 8]));
    assert_eq!(ids(&mut rig), [8], "what was heard before is not given out again");
    rig.pass_with(2, kraken::HEARTBEAT);
    let second = rig.requests().pop().expect("the rest is asked for");
    rig.respond(&second, 200, &answer(&[8, 9, 10, 11, 12, 13]));
    assert_eq!(ids(&mut rig), [9, 11, 13]);
    rig.pass_with(30, kraken::HEARTBEAT);
    assert_eq!(rig.requests(), []);
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trades, counts.trades_repaired, counts.trades_lost, counts.trade_gaps), (7, 4, 0, 1));
}

#[test]
fn trades_that_cannot_be_had_any_more_are_counted() {
    let mut rig = binance_us::live(&["BTCUSDT"]);
    for id in [7, 20] {
        rig.frame(&format!(
            r#"{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":1800000000000,"s":"BTCUSDT","a":{id},"p":"10.00000000","q":"1.00000000","f":{id},"l":{id},"T":1800000000000,"m":true,"M":true}}}}"#
        ));
    }
    for _ in 0..3 {
        let request = binance_us::request_of(&mut rig, "aggTrades");
        assert_eq!(request.path, "/api/v3/aggTrades?symbol=BTCUSDT&fromId=8&limit=1000");
        rig.respond(&request, 200, "[]");
    }
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trades_repaired, counts.trades_lost), (0, 12));
}
