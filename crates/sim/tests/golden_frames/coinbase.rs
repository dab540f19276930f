//! Coinbase Exchange.

use serde_json::Value;
use sim::{Sim, SimSettings};
use types::Venue;

use crate::{check, check_answers, listen};

/// Recorded 2021-04-17 (`level2` then, the messages of `level2_batch`), the ticker with the sizes that were added since;
/// heartbeat, error and status are from the documentation.
const MESSAGES: [&str; 9] = [
    r#"{"type":"subscriptions","channels":[{"name":"level2","product_ids":["BAND-GBP","BAND-BTC"]},{"name":"ticker","product_ids":["YFI-BTC","NU-GBP"]}]}"#,
    r#"{"type":"snapshot","product_id":"NU-GBP","asks":[["0.4394","2000.000000"]],"bids":[["0.4385","4706.210420"]]}"#,
    r#"{"type":"l2update","product_id":"SKL-BTC","changes":[["sell","0.00001306","660.5"]],"time":"2021-04-17T16:43:37.075687Z"}"#,
    r#"{"type":"last_match","trade_id":563678,"maker_order_id":"a714a99e-e437-46dc-890e-a8bc12d3f306","taker_order_id":"3560b5fa-dbc1-48eb-b3a2-e29cdbd110e5","side":"sell","size":"70","price":"0.4394","product_id":"NU-GBP","sequence":108779525,"time":"2021-04-17T16:43:18.435588Z"}"#,
    r#"{"type":"match","trade_id":280232,"maker_order_id":"2a0da34e-61f7-4c36-88e5-c9dd15927b16","taker_order_id":"3c82abaa-c01e-4608-be59-6a1e69742891","side":"sell","size":"985","price":"0.00001305","product_id":"SKL-BTC","sequence":177100030,"time":"2021-04-17T16:43:37.089723Z"}"#,
    r#"{"type":"ticker","sequence":108779525,"product_id":"NU-GBP","price":"0.4394","open_24h":"0.4041","volume_24h":"2610781.38576400","low_24h":"0.4026","high_24h":"0.4395","volume_30d":"70067303.04764700","best_bid":"0.4385","best_bid_size":"1.0","best_ask":"0.4394","best_ask_size":"1.0","side":"buy","time":"2021-04-17T16:43:18.435588Z","trade_id":563678,"last_size":"70"}"#,
    r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#,
    r#"{"type":"status","products":[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","base_increment":"0.00000001","quote_increment":"0.01","display_name":"BTC-USD","status":"online","status_message":"","min_market_funds":"1","post_only":false,"limit_only":false,"cancel_only":false,"fx_stablecoin":false}],"currencies":[]}"#,
    r#"{"type":"error","message":"Failed to subscribe","reason":"level2, level3, and full channels now require authentication. ..."}"#,
];

/// Candles and ticker recorded 2024-03-13; products 2021-04-17, without the sizes that were removed and with the keys
/// added since; the rest is from the documentation.
const ANSWERS: [(&str, &str); 9] = [
    ("/time", r#"{"iso":"2015-01-07T23:47:25.201Z","epoch":1420674445.201}"#),
    (
        "/products",
        r#"[{"id":"SKL-EUR","base_currency":"SKL","quote_currency":"EUR","quote_increment":"0.0001","base_increment":"0.1","display_name":"SKL/EUR","min_market_funds":"5.0","margin_enabled":false,"post_only":false,"limit_only":false,"cancel_only":false,"trading_disabled":false,"status":"online","status_message":"","fx_stablecoin":false,"max_slippage_percentage":"0.02000000","auction_mode":false,"high_bid_limit_percentage":""}]"#,
    ),
    (
        "/products/BTC-USD/book?level=2",
        r#"{"bids":[["6247.58","6.3578146",2]],"asks":[["6251.52","2",1]],"sequence":13051505638,"auction_mode":false,"auction":null,"time":"2021-04-17T16:43:37.075687Z"}"#,
    ),
    (
        "/products/BTC-USD/book",
        r#"{"bids":[["6247.58","6.3578146",2]],"asks":[["6251.52","2",1]],"sequence":13051505638,"auction_mode":false,"auction":null,"time":"2021-04-17T16:43:37.075687Z"}"#,
    ),
    (
        "/products/ETH-USDT/trades?limit=10",
        r#"[{"time":"2020-03-20T00:36:59.860Z","trade_id":86327327,"price":"6225.32000000","size":"0.06469797","side":"sell"}]"#,
    ),
    ("/products/BTC-USDT/candles?granularity=3600", r"[[1710327600,73241.5,73402.47,73243.33,73370.65,1.56794406]]"),
    (
        "/products/BTC-USDT/ticker",
        r#"{"ask":"73369.19","bid":"73360.34","volume":"1207.50668151","trade_id":18502105,"price":"73367.8","size":"0.00730812","time":"2024-03-13T11:10:41.270099Z","rfq_volume":"7.669923"}"#,
    ),
    (
        "/products/BTC-USD/stats",
        r#"{"open":"6745.61","high":"7292.11","low":"6650.00","last":"6813.19","volume":"26185.51","volume_30day":"1019451.11"}"#,
    ),
    ("/products/NOPE-USD/trades", r#"{"message":"NotFound"}"#),
];

#[test]
fn messages_have_the_form_of_recorded_ones() {
    let mut sim = Sim::new(SimSettings::default());
    let channels = r#"["level2_batch","matches","ticker","ticker_batch","heartbeat","status"]"#;
    let subscribe = format!(r#"{{"type":"subscribe","product_ids":["ETH-USDT","BTC-USD"],"channels":{channels}}}"#);
    let refused = r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2"]}"#;
    let messages = listen(&mut sim, Venue::Coinbase, "/", &[&subscribe, refused]);
    check(&MESSAGES, &messages);
}

#[test]
fn answers_have_the_form_of_recorded_ones() {
    check_answers(Venue::Coinbase, &ANSWERS, |body: &mut Value| {
        // A candle row is of numbers, whole or not as it happens.
        for number in body.as_array_mut().into_iter().flatten().flat_map(|row| row.as_array_mut()).flatten().skip(1) {
            *number = 0.5.into();
        }
        if let Some(rows) = body.as_array_mut().filter(|rows| rows.iter().all(Value::is_array)) {
            for row in rows.iter_mut().filter_map(Value::as_array_mut) {
                assert_eq!(row.len(), 6);
                row[0] = 1_710_327_600.into();
            }
        }
    });
}
