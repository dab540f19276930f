//! Coinbase's session from the connection to a compared book, and through everything that can go wrong.

mod rig;

use std::time::Duration;

use feed::{BookState, FeedInput, LinkId, ReconnectReason, RejectReason, Request};
use rig::Rig;
use types::market::{CandleSource, CandleState, Proof, StaleReason};
use types::{Aggressor, InstrumentId, Timestamp, TradingStatus, Venue};

const STATUS: &str = r#"{"type":"subscribe","channels":["status"]}"#;
const CHANNELS: &str = r#"["level2_batch","matches","heartbeat","ticker"]"#;
/// All spellings of the book's channel that the venue may answer with.
const ALL_CHANNELS: [&str; 4] = ["level2", "matches", "heartbeat", "ticker"];

fn product(id: &str) -> String {
    let (base, quote) = id.split_once('-').expect("two currencies");
    format!(
        r#"{{"id":"{id}","base_currency":"{base}","quote_currency":"{quote}","quote_increment":"0.01","base_increment":"0.0001","min_market_funds":"1","status":"online","cancel_only":false,"post_only":false,"limit_only":false,"trading_disabled":false,"auction_mode":false}}"#
    )
}

fn products(ids: &[&str]) -> String {
    format!("[{}]", ids.iter().map(|id| product(id)).collect::<Vec<_>>().join(","))
}

fn listed(ids: &[&str]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    let row = |channel: &&str| format!(r#"{{"name":"{channel}","product_ids":[{}]}}"#, ids.join(","));
    let rows: Vec<String> = ALL_CHANNELS.iter().rev().map(row).collect();
    format!(r#"{{"type":"subscriptions","channels":[{{"name":"status","product_ids":[]}},{}]}}"#, rows.join(","))
}

fn snapshot(id: &str) -> String {
    format!(
        r#"{{"type":"snapshot","product_id":"{id}","asks":[["11.00","1.5"],["12.00","2"]],"bids":[["10.00","1.0"],["9.00","2.0"]]}}"#
    )
}

fn update(id: &str, at: Timestamp, changes: &str) -> String {
    format!(r#"{{"type":"l2update","product_id":"{id}","changes":[{changes}],"time":"{at}"}}"#)
}

fn trade(kind: &str, id: &str, number: u64, side: &str, at: Timestamp) -> String {
    format!(
        r#"{{"type":"{kind}","trade_id":{number},"maker_order_id":"m","taker_order_id":"t","side":"{side}","size":"0.5","price":"10.50","product_id":"{id}","sequence":{number},"time":"{at}"}}"#
    )
}

fn heartbeat(id: &str, last: u64, at: Timestamp) -> String {
    format!(r#"{{"type":"heartbeat","sequence":90,"last_trade_id":{last},"product_id":"{id}","time":"{at}"}}"#)
}

fn ticker(id: &str, bid: &str, ask: &str) -> String {
    format!(
        r#"{{"type":"ticker","sequence":1,"product_id":"{id}","price":"10.50","volume_24h":"5.0","best_bid":"{bid}","best_bid_size":"1","best_ask":"{ask}","best_ask_size":"1","side":"buy"}}"#
    )
}

/// The book of [`snapshot`] as REST tells it, with another quantity at the best bid.
fn rest_book(best_bid_qty: &str, at: Timestamp) -> String {
    format!(
        r#"{{"bids":[["10.00","{best_bid_qty}",1],["9","2",1]],"asks":[["11","1.5000",2],["12.00","2.0",1]],"sequence":1,"auction_mode":false,"time":"{at}"}}"#
    )
}

impl Rig {
    fn request_of(&mut self, part: &str) -> Request {
        for _ in 0..300 {
            if let Some(request) = self.requests().into_iter().find(|request| request.path.contains(part)) {
                return request;
            }
            self.pass(Duration::from_millis(100));
        }
        panic!("no request for {part}");
    }

    /// Lets time pass with the heartbeats of all these products, no new trades.
    fn beat(&mut self, ids: &[&str], seconds: u64) {
        for _ in 0..seconds {
            self.pass(Duration::from_secs(1));
            for id in ids {
                self.frame(&heartbeat(id, 20, self.at));
            }
        }
    }

    /// Waits with heartbeats for a request, and answers it.
    fn answer(&mut self, ids: &[&str], part: &str, status: u16, body: impl Fn(Timestamp) -> String) {
        for _ in 0..2_000 {
            if let Some(request) = self.requests().into_iter().find(|request| request.path.contains(part)) {
                let body = body(self.at);
                self.respond(&request, status, &body);
                return;
            }
            self.beat(ids, 1);
        }
        panic!("no request for {part}");
    }
}

/// Connected and rules learned.
fn subscribed(ids: &[&str]) -> Rig {
    let mut rig = Rig::new(Venue::Coinbase, ids, |settings| settings.history_minutes = 0);
    rig.connect();
    let request = rig.request_of("/products");
    rig.respond(&request, 200, &products(ids));
    rig.pass(Duration::from_millis(150));
    rig.forget();
    rig
}

/// All answered; every book stands, and the last trade was number 20.
fn live(ids: &[&str]) -> Rig {
    let mut rig = subscribed(ids);
    rig.frame(&listed(ids));
    for id in ids {
        rig.frame(&snapshot(id));
        rig.frame(&trade("last_match", id, 20, "sell", rig.at));
        rig.frame(&ticker(id, "10.00", "11.00"));
        rig.frame(&heartbeat(id, 20, rig.at));
    }
    rig.forget();
    rig
}

const LIVE: BookState = BookState::Live { proof: Proof::Compared };
const BTC: &str = "BTC-USD";
const ETH: &str = "ETH-USD";

#[test]
fn something_is_subscribed_at_once_and_listed_products_when_their_rules_are_known() {
    let mut rig = Rig::new(Venue::Coinbase, &[BTC, "XMR-USD", ETH], |settings| settings.history_minutes = 0);
    assert_eq!(rig.connect().path, "/");
    assert_eq!(rig.sent(), [STATUS], "the venue waits five seconds");
    let request = rig.requests().pop().expect("rules are asked for");
    assert_eq!(request.path, "/products");
    rig.pass(Duration::from_secs(4));
    rig.respond(&request, 200, &products(&[BTC, "SKL-USD", ETH]));
    let learned = rig.instruments();
    assert_eq!((learned.len(), learned[0].scale.price_decimals, learned[0].scale.qty_decimals), (2, 2, 4));
    assert!(rig.statuses().iter().all(|(_, status)| *status == TradingStatus::Trading));
    let missing = rig.rejections();
    assert_eq!((missing.len(), missing[0].reason), (1, RejectReason::NotListed));
    assert_eq!(rig.book_state(1), BookState::NotListed);
    let all = format!(r#"{{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channels":{CHANNELS}}}"#);
    assert_eq!(rig.sent(), [all]);
    rig.nothing_else();
}

#[test]
fn a_book_is_a_snapshot_and_the_updates_after_it() {
    let mut rig = subscribed(&[BTC]);
    let at = rig.at;
    rig.frame(&update(BTC, at, r#"["buy","10.50","9"]"#));
    assert_eq!(rig.books(), [], "nothing to change yet");
    rig.frame(&snapshot(BTC));
    let books = rig.books();
    let bids: Vec<_> = books[0].bids.iter().map(|level| (level.price.mantissa(), level.qty.0)).collect();
    assert_eq!((bids, books[0].proof), (vec![(1_000, 10_000), (900, 20_000)], Proof::Compared));
    rig.pass(Duration::from_millis(300));
    rig.frame(&update(BTC, rig.at, r#"["buy","10.50","3"],["sell","11","0.00000000"],["buy","9.000","0"]"#));
    let books = rig.books();
    let levels = |levels: &[types::Level]| -> Vec<_> { levels.iter().map(|level| level.price.mantissa()).collect() };
    assert_eq!((levels(&books[0].bids), levels(&books[0].asks)), (vec![1_050, 1_000], vec![1_200]));
    assert_eq!(books[0].venue_at, Some(rig.at));
    rig.pass(Duration::from_millis(300));
    rig.frame(&snapshot(BTC));
    assert_eq!(levels(&rig.books()[0].bids), [1_000, 900], "a second snapshot replaces the book");
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.deltas, counts.snapshots), (2, 2));
    assert_eq!((rig.book_state(0), rig.stale()), (LIVE, vec![]));
}

#[test]
fn answers_are_compared_with_what_is_wanted_in_any_order_and_data_is_an_answer_too() {
    let mut rig = subscribed(&[BTC, ETH]);
    rig.frame(r#"{"type":"subscriptions","channels":[{"name":"status"}]}"#);
    rig.frame(&listed(&[ETH]));
    rig.frame(&snapshot(ETH));
    rig.frame(&snapshot(BTC));
    for (kind, last) in [("last_match", 20), ("match", 21)] {
        rig.frame(&trade(kind, BTC, last, "buy", rig.at));
    }
    rig.forget();
    for _ in 0..19 {
        rig.pass(Duration::from_secs(1));
        rig.frame(&heartbeat(ETH, 20, rig.at));
    }
    assert_eq!((rig.sent(), rig.reasons()), (vec![], vec![]));
    rig.pass(Duration::from_secs(1));
    let told = rig.rejections();
    let samples: Vec<_> = told.iter().map(|rejection| rejection.sample.as_str()).collect();
    assert_eq!(samples, ["heartbeat", "ticker"], "never answered for BTC-USD");
    assert_eq!(told[0].reason, RejectReason::SilentSubscription);
    for _ in 0..6 {
        rig.pass(Duration::from_secs(1));
        rig.frame(&heartbeat(ETH, 20, rig.at));
    }
    let again = |channel: &str| format!(r#"{{"type":"subscribe","product_ids":["BTC-USD"],"channels":["{channel}"]}}"#);
    assert_eq!(rig.sent(), [again("heartbeat"), again("ticker")]);
    assert_eq!((rig.reconnects(), rig.stale()), (vec![], vec![]));
}

#[test]
fn a_refused_subscription_is_split_until_the_bad_part_is_found() {
    let mut rig = subscribed(&[BTC, ETH]);
    rig.frame(r#"{"type":"subscriptions","channels":[{"name":"status","product_ids":[]}]}"#);
    let error = r#"{"type":"error","message":"Failed to subscribe","reason":"ETH-USD is not a valid product"}"#;
    rig.frame(error);
    assert_eq!(rig.reasons(), [RejectReason::SubscribeRefused]);
    rig.pass(Duration::from_millis(300));
    let of =
        |id: &str, channels: &str| format!(r#"{{"type":"subscribe","product_ids":["{id}"],"channels":{channels}}}"#);
    assert_eq!(rig.sent(), [of(BTC, CHANNELS), of(ETH, CHANNELS)]);
    rig.frame(&listed(&[BTC]));
    rig.frame(&snapshot(BTC));
    rig.frame(error);
    let refused = rig.rejections();
    assert_eq!(refused[0].instrument.map(|id| id.0), Some(1));
    assert!(refused[0].detail.contains("not a valid product"));
    for _ in 0..4 {
        rig.frame(error);
    }
    rig.forget();
    rig.beat(&[BTC], 4);
    assert_eq!(rig.sent().len(), 4, "each channel alone");
    rig.beat(&[BTC], 3);
    assert!(rig.sent().contains(&of(ETH, r#"["matches"]"#)), "and again after a pause");
    assert_eq!(rig.book_state(0), LIVE);
}

#[test]
fn without_any_answer_a_new_connection_is_wanted() {
    let mut rig = subscribed(&[BTC]);
    rig.pass(Duration::from_secs(4));
    rig.frame(r#"{"type":"news"}"#);
    assert_eq!(rig.reasons(), [RejectReason::UnknownMessage], "counted, and no harm");
    for _ in 0..5 {
        rig.pass(Duration::from_secs(3));
        rig.frame(r#"{"type":"news"}"#);
    }
    rig.pass(Duration::from_millis(900));
    assert_eq!(rig.reconnects(), [ReconnectReason::SubscribeTimeout]);
}

#[test]
fn a_book_without_a_snapshot_is_subscribed_anew_and_nothing_else() {
    let mut rig = subscribed(&[BTC, ETH]);
    rig.frame(&listed(&[BTC, ETH]));
    rig.frame(&snapshot(ETH));
    rig.forget();
    rig.beat(&[BTC, ETH], 20);
    assert_eq!(rig.reasons(), [RejectReason::SilentSubscription]);
    rig.beat(&[BTC, ETH], 6);
    let of = |kind: &str| format!(r#"{{"type":"{kind}","product_ids":["BTC-USD"],"channels":["level2_batch"]}}"#);
    assert_eq!(rig.sent(), [of("unsubscribe"), of("subscribe")]);
    rig.frame(&snapshot(BTC));
    assert_eq!((rig.book_state(0), rig.book_state(1)), (LIVE, LIVE));
}

#[test]
fn trades_name_the_taker_and_the_one_before_the_subscription_is_none() {
    let mut rig = subscribed(&[BTC]);
    let at = rig.at;
    rig.frame(&trade("last_match", BTC, 20, "sell", at));
    assert_eq!(rig.trades(), []);
    rig.frame(&trade("match", BTC, 21, "sell", at));
    rig.frame(&trade("match", BTC, 22, "buy", at));
    rig.frame(&trade("match", BTC, 22, "buy", at));
    let trades = rig.trades();
    assert_eq!((trades[0].id, trades[0].aggressor, trades[0].qty.0), (21, Aggressor::Buy, 5_000));
    assert_eq!((trades[1].id, trades[1].aggressor, trades[1].price.mantissa()), (22, Aggressor::Sell, 1_050));
    let counts = rig.instrument(0).counts;
    assert_eq!((trades.len(), counts.trades, counts.duplicates, counts.trade_gaps), (2, 2, 1, 0));
}

fn rows(numbers: impl DoubleEndedIterator<Item = u64>, at: Timestamp) -> String {
    let row = |number: u64| {
        format!(r#"{{"time":"{at}","trade_id":{number},"price":"10.50000000","size":"0.50000000","side":"buy"}}"#)
    };
    format!("[{}]", numbers.rev().map(row).collect::<Vec<_>>().join(","))
}

#[test]
fn a_hole_in_the_numbers_is_fetched_page_by_page() {
    let mut rig = live(&[BTC]);
    let at = rig.at;
    rig.frame(&trade("match", BTC, 1_523, "sell", at));
    assert_eq!(rig.trades().len(), 1, "given out at once");
    rig.frame(&trade("match", BTC, 1_521, "sell", at));
    assert_eq!(rig.trades().len(), 1, "late, but there");
    let request = rig.request_of("/trades");
    assert_eq!(request.path, "/products/BTC-USD/trades?limit=1000&after=1521");
    rig.respond(&request, 200, &rows(521..=1_520, at));
    assert_eq!(rig.trades().len(), 1_000);
    let request = rig.request_of("/trades");
    assert_eq!(request.path, "/products/BTC-USD/trades?limit=500&after=521");
    rig.respond(&request, 200, &rows(15..=520, at));
    let older = rig.trades();
    assert_eq!((older.len(), older[0].id, older[0].aggressor), (500, 21, Aggressor::Sell));
    let request = rig.request_of("/trades");
    assert_eq!(request.path, "/products/BTC-USD/trades?limit=1&after=1523");
    rig.respond(&request, 200, &rows(1_522..=1_522, at));
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.trades, counts.trades_repaired, counts.trades_lost, counts.trade_gaps), (1_503, 1_501, 0, 1));
    rig.beat(&[BTC], 4);
    assert_eq!(rig.requests(), []);
}

#[test]
fn a_heartbeat_that_knows_more_trades_starts_the_repair_after_a_grace() {
    let mut rig = live(&[BTC]);
    rig.frame(&heartbeat(BTC, 21, rig.at));
    rig.pass(Duration::from_secs(1));
    rig.frame(&trade("match", BTC, 21, "sell", rig.at));
    rig.frame(&heartbeat(BTC, 21, rig.at));
    rig.pass(Duration::from_secs(4));
    assert_eq!((rig.requests(), rig.instrument(0).counts.trade_gaps), (vec![], 0), "it was only on its way");
    rig.frame(&heartbeat(BTC, 23, rig.at));
    rig.pass(Duration::from_millis(1_499));
    assert_eq!(rig.requests(), []);
    rig.pass(Duration::from_millis(1));
    let request = rig.request_of("/trades");
    assert_eq!(request.path, "/products/BTC-USD/trades?limit=2&after=24");
    rig.respond(&request, 200, &rows(20..=23, rig.at));
    assert_eq!(rig.trades().iter().map(|trade| trade.id).collect::<Vec<_>>(), [21, 22, 23]);
    assert_eq!(rig.instrument(0).counts.trade_gaps, 1);
}

#[test]
fn after_a_break_the_last_match_tells_what_was_missed() {
    let mut rig = live(&[BTC]);
    rig.frame(&trade("match", BTC, 21, "sell", rig.at));
    rig.disconnect();
    assert_eq!(rig.stale(), [(0, StaleReason::Disconnected)]);
    rig.connect();
    rig.pass(Duration::from_millis(150));
    assert_eq!(rig.sent().len(), 2, "the rules are known");
    rig.frame(&listed(&[BTC]));
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.requests(), [], "the venue tells soon what is missing");
    rig.forget();
    rig.frame(&trade("last_match", BTC, 24, "sell", rig.at));
    assert_eq!(rig.trades().len(), 1, "new, and behind a gap");
    let request = rig.request_of("/trades");
    assert_eq!(request.path, "/products/BTC-USD/trades?limit=2&after=24");
    rig.respond(&request, 200, &rows(22..=23, rig.at));
    rig.forget();
    rig.disconnect();
    rig.connect();
    rig.frame(&trade("last_match", BTC, 24, "sell", rig.at));
    rig.pass(Duration::from_secs(4));
    assert_eq!((rig.trades(), rig.instrument(0).counts.duplicates), (vec![], 1), "nothing was missed this time");
    assert!(rig.requests().is_empty());
}

#[test]
fn silence_of_all_wants_a_new_connection_and_silence_of_one_that_product_anew() {
    let mut rig = live(&[BTC, ETH]);
    for _ in 0..4 {
        rig.beat(&[ETH], 1);
        rig.frame(&update(BTC, rig.at, ""));
    }
    assert_eq!(rig.stale(), []);
    rig.beat(&[ETH], 1);
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)], "updates are no heartbeats");
    rig.beat(&[ETH], 1);
    let of = |kind: &str| format!(r#"{{"type":"{kind}","product_ids":["BTC-USD"],"channels":{CHANNELS}}}"#);
    assert_eq!(rig.sent(), [of("unsubscribe"), of("subscribe")]);
    assert_eq!((rig.reconnects(), rig.book_state(1)), (vec![], LIVE));
    rig.frame(&listed(&[BTC, ETH]));
    rig.frame(&snapshot(BTC));
    assert_eq!(rig.book_state(0), LIVE);

    let mut rig = live(&[BTC, ETH]);
    for second in 0..5 {
        rig.pass(Duration::from_secs(1));
        if second < 4 {
            rig.frame(&update(BTC, rig.at, ""));
        }
    }
    assert_eq!(rig.reconnects(), [ReconnectReason::Silent]);
    assert_eq!(rig.stale(), [(0, StaleReason::Silent), (1, StaleReason::Silent)]);
}

#[test]
fn a_book_that_trades_do_not_change_is_dead() {
    let mut rig = live(&[BTC, ETH]);
    rig.beat(&[BTC, ETH], 5);
    rig.frame(&trade("match", BTC, 21, "sell", rig.at));
    rig.frame(&trade("match", ETH, 21, "sell", rig.at));
    rig.frame(&update(ETH, rig.at, r#"["sell","11.00","1"]"#));
    for _ in 0..9 {
        rig.pass(Duration::from_secs(1));
        [BTC, ETH].iter().for_each(|id| rig.frame(&heartbeat(id, 21, rig.at)));
    }
    assert_eq!(rig.stale(), []);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.stale(), [(0, StaleReason::Silent)], "the other one is only quiet");
    rig.pass(Duration::from_millis(150));
    let of = |kind: &str| format!(r#"{{"type":"{kind}","product_ids":["BTC-USD"],"channels":["level2_batch"]}}"#);
    assert_eq!(rig.sent(), [of("unsubscribe"), of("subscribe")]);
}

#[test]
fn a_crossed_book_is_not_shown_and_breaks_after_two_messages_or_a_second() {
    let cross = |rig: &Rig| update(BTC, rig.at, r#"["buy","11.00","1"]"#);
    let mut rig = live(&[BTC, ETH]);
    rig.pass(Duration::from_millis(500));
    for _ in 0..2 {
        rig.frame(&cross(&rig));
        assert_eq!((rig.books(), rig.stale()), (vec![], vec![]));
    }
    rig.frame(&cross(&rig));
    assert_eq!(rig.stale(), [(0, StaleReason::Crossed)]);
    assert_eq!(rig.instrument(0).counts.crossed, 3);

    let mut rig = live(&[BTC]);
    rig.frame(&cross(&rig));
    rig.pass(Duration::from_millis(999));
    assert_eq!(rig.stale(), []);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.stale(), [(0, StaleReason::Crossed)]);
    rig.pass(Duration::from_millis(150));
    let of = |kind: &str| format!(r#"{{"type":"{kind}","product_ids":["BTC-USD"],"channels":["level2_batch"]}}"#);
    assert_eq!(rig.sent(), [of("unsubscribe"), of("subscribe")]);
    rig.frame(&update(BTC, rig.at, r#"["buy","10.75","1"]"#));
    rig.frame(&snapshot(BTC));
    assert_eq!(rig.books()[0].bids.len(), 2, "the update before the snapshot is not in it");
    assert_eq!(rig.instrument(0).counts.resyncs, 1);
}

#[test]
fn an_auction_may_cross_the_book() {
    let mut rig = live(&[BTC]);
    rig.frame(
        r#"{"type":"status","products":[{"id":"BTC-USD","status":"online","cancel_only":true}],"currencies":[]}"#,
    );
    assert!(!rig.feed.status().is_venue_online);
    for _ in 0..5 {
        rig.frame(&update(BTC, rig.at, r#"["buy","11.50","1"]"#));
    }
    rig.beat(&[BTC], 4);
    assert_eq!(rig.stale(), [(0, StaleReason::Halted)], "nobody is to take the old book for the present one");
    assert!(rig.sent().is_empty());
    rig.frame(&update(BTC, rig.at, r#"["buy","11.50","0"]"#));
    assert!(rig.books().is_empty(), "orders are not matched");
    rig.frame(r#"{"type":"status","products":[{"id":"BTC-USD","status":"online","cancel_only":false}]}"#);
    assert!(rig.feed.status().is_venue_online);
    rig.pass(Duration::from_secs(2));
    assert!(rig.sent().iter().any(|text| text.contains(r#""subscribe""#)), "nobody knows what was not told");
    rig.frame(&snapshot(BTC));
    assert_eq!(rig.books().len(), 1, "shown at once");
}

/// Of an auction only the book's REST answer may tell.
#[test]
fn an_auction_that_the_book_tells_halts_it() {
    let mut rig = live(&[BTC]);
    rig.beat(&[BTC], 60);
    rig.forget();
    let auction = |at| rest_book("1.0", at).replace(r#""auction_mode":false"#, r#""auction_mode":true"#);
    rig.frame(&update(BTC, rig.at.minus(Duration::from_millis(500)), r#"["buy","9.50","1"]"#));
    rig.frame(&update(BTC, rig.at.minus(Duration::from_millis(900)), r#"["buy","9.50","0"]"#));
    rig.answer(&[BTC], "/book", 200, auction);
    assert_eq!(rig.stale(), [(0, StaleReason::Halted)]);
    assert_eq!(rig.statuses(), [(InstrumentId(0), TradingStatus::Halted)]);
}

#[test]
fn time_that_steps_back_breaks_the_book_and_a_little_step_compares_it() {
    let mut rig = live(&[BTC]);
    rig.beat(&[BTC], 60);
    rig.forget();
    let back = |rig: &Rig, ms: u64| update(BTC, rig.at.minus(Duration::from_millis(ms)), r#"["buy","9.50","1"]"#);
    rig.frame(&back(&rig, 0));
    rig.frame(&back(&rig, 1_000));
    assert_eq!(rig.stale(), []);
    rig.answer(&[BTC], "/book", 200, |at| {
        rest_book("1.0", at).replace(r#"["9","2",1]"#, r#"["9.5","1",1],["9","2",1]"#)
    });
    rig.beat(&[BTC], 3);
    assert_eq!((rig.instrument(0).counts.comparisons, rig.stale()), (1, vec![]));
    rig.frame(&back(&rig, 0));
    rig.frame(&back(&rig, 1_001));
    assert_eq!(rig.stale(), [(0, StaleReason::SequenceGap)]);
    assert_eq!(rig.instrument(0).counts.gaps, 1);
}

#[test]
fn a_book_is_compared_every_five_minutes_and_two_differences_break_it() {
    let mut rig = live(&[BTC]);
    rig.beat(&[BTC], 299);
    assert_eq!(rig.requests(), []);
    rig.answer(&[BTC], "/book", 200, |at| rest_book("1.0", at));
    rig.beat(&[BTC], 3);
    assert_eq!(rig.instrument(0).counts.comparisons, 1);
    rig.beat(&[BTC], 290);
    rig.answer(&[BTC], "/products/BTC-USD/book?level=2", 200, |at| rest_book("7.0", at));
    rig.beat(&[BTC], 2);
    assert_eq!((rig.stale(), rig.book_state(0)), (vec![], LIVE), "the first difference may be chance");
    rig.answer(&[BTC], "/book", 200, |at| rest_book("7.0", at));
    rig.forget();
    rig.beat(&[BTC], 2);
    assert_eq!(rig.stale(), [(0, StaleReason::CompareMismatch)]);
    let told = rig.rejections();
    assert_eq!((told[0].reason, told[0].instrument.is_some()), (RejectReason::Contradicted, true));
    assert_eq!(told[0].detail, "Bids at 10.00: 1.0000 here, 7.0000 there");
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.comparisons, counts.compare_mismatches), (3, 1));
    assert!(rig.sent().iter().all(|text| text.contains(r#"["BTC-USD"],"channels":["level2_batch"]"#)));
}

#[test]
fn a_difference_that_is_gone_at_the_second_look_is_none() {
    let mut rig = live(&[BTC]);
    for qty in ["7.0", "1.0", "7.0", "1.0"] {
        rig.answer(&[BTC], "/book", 200, |at| rest_book(qty, at));
        rig.beat(&[BTC], 4);
    }
    assert_eq!((rig.stale(), rig.instrument(0).counts.comparisons), (vec![], 4));
}

#[test]
fn what_changed_around_the_answer_is_not_held_against_the_book() {
    let mut rig = live(&[BTC]);
    rig.beat(&[BTC], 300);
    let request = rig.request_of("/book");
    let moment = rig.at;
    rig.frame(&update(BTC, rig.at, r#"["buy","10.00","7.0"]"#));
    rig.respond(&request, 200, &rest_book("1.0", moment));
    rig.beat(&[BTC], 1);
    rig.frame(&update(BTC, rig.at, r#"["buy","9.00","4.0"],["sell","10.80","1"]"#));
    rig.beat(&[BTC], 3);
    let counts = rig.instrument(0).counts;
    assert_eq!((counts.comparisons, counts.compare_mismatches, rig.stale()), (1, 0, vec![]));
}

#[test]
fn a_book_that_cannot_be_compared_is_subscribed_anew() {
    let mut rig = live(&[BTC]);
    for _ in 0..15 {
        rig.answer(&[BTC], "/book", 503, |_| "<html>".to_owned());
        assert_eq!(rig.stale(), []);
        rig.beat(&[BTC], 1);
    }
    rig.beat(&[BTC], 300);
    assert_eq!(rig.stale(), [(0, StaleReason::Resync)], "after three times the usual");
    rig.frame(&snapshot(BTC));
    assert_eq!(rig.book_state(0), LIVE);
}

#[test]
fn a_ticker_that_the_book_never_agrees_with_breaks_it() {
    let mut rig = live(&[BTC]);
    rig.beat(&[BTC], 60);
    rig.forget();
    rig.frame(&ticker(BTC, "10.00", "11.50"));
    rig.beat(&[BTC], 2);
    assert_eq!(rig.stale(), []);
    rig.beat(&[BTC], 2);
    assert!(rig.requests()[0].path.ends_with("book?level=2"), "one ticker is a reason to compare");
    rig.frame(&ticker(BTC, "10.00", "11.75"));
    assert_eq!(rig.stale(), [(0, StaleReason::CompareMismatch)]);

    let mut rig = live(&[BTC]);
    for second in 0..20 {
        rig.frame(&ticker(BTC, "10.50", "11.00"));
        rig.frame(&update(BTC, rig.at, r#"["buy","10.50","1"]"#));
        rig.frame(&update(BTC, rig.at, r#"["buy","10.50","0"]"#));
        rig.beat(&[BTC], 1);
        assert_eq!(rig.stale(), [], "{second}: the book followed each time");
    }
}

#[test]
fn summaries_are_given_out_once_a_second() {
    let mut rig = live(&[BTC]);
    rig.pass(Duration::from_secs(2));
    for _ in 0..10 {
        rig.frame(&ticker(BTC, "10.00", "11.00"));
        rig.pass(Duration::from_millis(100));
    }
    let told = rig.tickers();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].bid.map(|bid| (bid.price.mantissa(), bid.qty.0)), Some((1_000, 10_000)));
    assert_eq!((told[0].volume_24h.map(|volume| volume.0), told[0].venue_at), (Some(50_000), None));
}

#[test]
fn books_are_not_all_subscribed_anew_at_once() {
    let ids = ["A-USD", "B-USD", "C-USD", "D-USD"];
    let mut rig = live(&ids);
    rig.pass(Duration::from_secs(1));
    for id in ids {
        rig.frame(&update(id, rig.at, r#"["buy","x","1"]"#));
    }
    assert_eq!(rig.stale().len(), 4);
    assert_eq!(rig.reasons(), [RejectReason::Number; 4]);
    for end_ms in [499, 999, 1_499, 1_999] {
        rig.pass(Duration::from_millis(if end_ms == 499 { 499 } else { 500 }));
        assert_eq!(rig.sent().len(), 2, "an end and a beginning, up to {end_ms} ms");
    }
    // A book that breaks again and again is left alone for longer each time.
    let mut subscribed = 0;
    for second in 0..60 {
        rig.frame(&snapshot("A-USD"));
        rig.frame(&update("A-USD", rig.at, r#"["buy","x","1"]"#));
        rig.beat(&ids, 1);
        subscribed += rig.sent().iter().filter(|text| text.contains("unsubscribe")).count();
        assert!(second < 3 || subscribed <= 8, "{subscribed} in {second} s");
    }
}

#[test]
fn more_digits_than_the_rules_are_refused_and_the_rules_looked_at() {
    let mut rig = live(&[BTC]);
    rig.beat(&[BTC], 200);
    rig.frame(&trade("match", BTC, 21, "sell", rig.at).replace("10.50", "10.505"));
    assert_eq!((rig.reasons(), rig.trades()), (vec![RejectReason::TooPrecise], vec![]));
    assert_eq!(rig.requests(), [], "the rules are new");
    rig.beat(&[BTC], 100);
    rig.forget();
    rig.frame(&update(BTC, rig.at, r#"["buy","10.001","1"]"#));
    assert_eq!(rig.stale(), [(0, StaleReason::Malformed)]);
    let refused = rig.rejections();
    assert_eq!(refused[0].reason, RejectReason::TooPrecise);
    assert!(refused[0].detail.contains("10.001"));
    let request = rig.request_of("/products");
    assert_eq!(request.path, "/products");
    rig.respond(&request, 200, &products(&[BTC]).replace("0.01", "0.001"));
    assert_eq!(rig.instruments()[0].scale.price_decimals, 3);
    rig.pass(Duration::from_millis(300));
    rig.frame(&snapshot(BTC));
    assert_eq!(rig.books()[0].bids[0].price.mantissa(), 10_000);
}

#[test]
fn changed_steps_are_seen_in_the_states_and_a_delisted_product_is_not_subscribed() {
    let mut rig = live(&[BTC]);
    rig.beat(&[BTC], 300);
    rig.forget();
    rig.frame(r#"{"type":"status","products":[{"id":"BTC-USD","status":"online","quote_increment":"0.010"}]}"#);
    rig.pass(Duration::from_millis(500));
    assert!(rig.requests().iter().all(|request| request.path != "/products"));
    rig.frame(r#"{"type":"status","products":[{"id":"BTC-USD","status":"online","quote_increment":"0.1"}]}"#);
    assert_eq!(rig.request_of("/products").path, "/products");

    let mut rig = Rig::new(Venue::Coinbase, &[BTC], |settings| settings.history_minutes = 0);
    rig.connect();
    let request = rig.request_of("/products");
    rig.respond(&request, 200, &products(&[BTC]).replace("online", "delisted"));
    rig.pass(Duration::from_secs(1));
    assert_eq!((rig.reasons(), rig.sent()), (vec![RejectReason::NotListed], vec![STATUS.to_owned()]));
}

#[test]
fn a_minute_is_told_when_a_later_trade_or_a_heartbeat_says_that_it_is_complete() {
    let mut rig = live(&[BTC]);
    let start = rig.at.floor_to(60_000_000_000);
    let second = |second: u64| start.plus(Duration::from_secs(second));
    rig.frame(&trade("match", BTC, 21, "sell", second(59)));
    rig.frame(&trade("match", BTC, 22, "sell", second(61)));
    rig.frame(&trade("match", BTC, 23, "sell", second(119)));
    assert_eq!(rig.candles(), [], "nobody heard the first minute from its start");
    rig.frame(&heartbeat(BTC, 23, second(121)));
    assert_eq!(rig.candles(), []);
    rig.frame(&heartbeat(BTC, 23, second(122)));
    let told = rig.candles();
    let candle = &told[0];
    assert_eq!((candle.state, candle.source), (CandleState::Provisional, CandleSource::Built));
    assert_eq!((candle.candle.open_time, candle.candle.trades, candle.candle.volume.0), (second(60), 2, 10_000));
    rig.frame(&trade("match", BTC, 24, "sell", second(241)));
    let empty = rig.candles();
    assert_eq!((empty.len(), empty[0].source, empty[0].candle.trades), (2, CandleSource::Filled, 0));

    rig.frame(&trade("match", BTC, 26, "sell", second(301)));
    rig.frame(&heartbeat(BTC, 26, second(370)));
    assert_eq!(rig.candles(), [], "a trade is missing");
    let request = rig.request_of("/trades");
    rig.respond(&request, 200, &rows(25..=25, second(242)));
    rig.frame(&heartbeat(BTC, 26, second(370)));
    let minutes: Vec<_> = rig.candles().iter().map(|candle| candle.candle.trades).collect();
    assert_eq!(minutes, [2, 1], "the repaired trade is in its minute");
}

#[test]
fn only_history_is_final_and_it_is_fetched_once() {
    let mut rig = Rig::new(Venue::Coinbase, &[BTC], |settings| settings.history_minutes = 400);
    rig.connect();
    let request = rig.request_of("/products");
    rig.respond(&request, 200, &products(&[BTC]));
    rig.frame(&snapshot(BTC));
    rig.pass(Duration::from_secs(1));
    assert!(rig.requests().is_empty(), "the venue's time is not known yet");
    rig.frame(&heartbeat(BTC, 20, rig.at));
    let minute = rig.at.as_secs() / 60;
    let rows = |from: i64, to: i64| {
        let row = |minute: i64| format!("[{},9.5,12,10,11,0.25]", minute * 60);
        format!("[{}]", (from..=to).rev().map(row).collect::<Vec<_>>().join(","))
    };
    let iso = |minute: i64| Timestamp::from_secs(minute * 60).to_string().replace(".000Z", "Z");
    let request = rig.request_of("/candles");
    let range = format!("granularity=60&start={}&end={}", iso(minute - 401), iso(minute - 102));
    assert_eq!(request.path, format!("/products/BTC-USD/candles?{range}"));
    rig.respond(&request, 200, &rows(minute - 402, minute - 102));
    let candles = rig.candles();
    assert_eq!((candles.len(), candles[0].state, candles[0].source), (300, CandleState::Final, CandleSource::Rest));
    let prices = [candles[0].candle.open, candles[0].candle.high, candles[0].candle.low, candles[0].candle.close];
    assert_eq!(prices.map(types::Price::mantissa), [1_000, 1_200, 950, 1_100]);
    let request = rig.request_of("/candles");
    assert!(request.path.ends_with(&format!("end={}", iso(minute - 2))), "{}", request.path);
    rig.respond(&request, 200, &rows(minute - 103, minute));
    assert_eq!(rig.candles().len(), 100, "what was told before is not told again, and the running minute is none");
    rig.answer(&[BTC], "/candles", 200, |_| rows(minute - 3, minute));
    assert_eq!(rig.candles().len(), 2, "and once more when the minute of the connect is over");
    assert_eq!(rig.instrument(0).counts.candles_final, 402);
    rig.disconnect();
    rig.connect();
    rig.frame(&heartbeat(BTC, 20, rig.at));
    let request = rig.request_of("/candles");
    assert!(request.path.contains(&format!("start={}", iso(minute - 1))), "{}", request.path);
}

#[test]
fn failed_requests_are_told_and_made_again_and_a_refusal_stops_all_of_them() {
    let mut rig = Rig::new(Venue::Coinbase, &[BTC], |settings| settings.history_minutes = 0);
    rig.connect();
    rig.frame(&listed(&[]));
    let request = rig.request_of("/products");
    rig.respond(&request, 503, "<html>");
    let request = rig.request_of("/products");
    rig.respond(&request, 200, r#"{"message":"NotFound"}"#);
    let request = rig.request_of("/products");
    let retry_after = Some(Duration::from_secs(30));
    let body = br#"{"message":"Public rate limit exceeded"}"#;
    rig.give(FeedInput::Response { request: request.id, status: 429, retry_after, body });
    assert!(rig.rejections().last().is_some_and(|last| last.detail.contains("Public rate limit exceeded")));
    assert_eq!(rig.reasons(), []);
    rig.pass(Duration::from_secs(29));
    assert_eq!(rig.requests(), []);
    let request = rig.request_of("/products");
    rig.respond(&request, 200, &products(&[BTC]));
    rig.pass(Duration::from_millis(150));
    assert_eq!(rig.sent().len(), 2);
}

#[test]
fn a_second_connection_takes_over_without_a_hole() {
    let mut rig = Rig::new(Venue::Coinbase, &[BTC], |settings| {
        settings.history_minutes = 0;
        settings.connection_age_max = Some(Duration::from_secs(100));
    });
    rig.connect();
    let request = rig.request_of("/products");
    rig.respond(&request, 200, &products(&[BTC]));
    let on = |rig: &mut Rig, link: LinkId, texts: &[String]| texts.iter().for_each(|text| rig.frame_on(link, text));
    let begin = |rig: &Rig, last: u64| {
        vec![listed(&[BTC]), snapshot(BTC), trade("last_match", BTC, last, "sell", rig.at), ticker(BTC, "10", "11")]
    };
    let first = begin(&rig, 20);
    on(&mut rig, LinkId::FIRST, &first);
    rig.beat(&[BTC], 90);
    rig.frame(&trade("match", BTC, 21, "sell", rig.at));
    while rig.targets().is_empty() {
        rig.pass(Duration::from_secs(1));
        rig.frame(&heartbeat(BTC, 21, rig.at));
    }
    rig.forget();
    let second = LinkId(1);
    rig.give(FeedInput::Connected(second));
    let request = rig.request_of("/products");
    rig.respond(&request, 200, &products(&[BTC]));
    let beginning = begin(&rig, 21);
    on(&mut rig, second, &beginning[1..3]);
    let (next, beat) = (trade("match", BTC, 22, "sell", rig.at), heartbeat(BTC, 22, rig.at));
    on(&mut rig, second, &[next.clone(), beat.clone()]);
    on(&mut rig, LinkId::FIRST, &[next, beat]);
    let unseen = trade("match", BTC, 23, "buy", rig.at);
    on(&mut rig, second, &[unseen, beginning[0].clone(), beginning[3].clone()]);
    assert_eq!(rig.reconnects(), [ReconnectReason::Age]);
    assert_eq!(rig.trades().iter().map(|trade| trade.id).collect::<Vec<_>>(), [22, 23], "each once");
    assert_eq!(rig.stale(), []);
    let later = heartbeat(BTC, 23, rig.at);
    on(&mut rig, second, &[later]);
    rig.pass(Duration::from_secs(3));
    assert_eq!((rig.requests(), rig.instrument(0).counts.trade_gaps), (vec![], 0));
}
