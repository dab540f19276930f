//! Kraken.

use serde_json::Value;
use sim::{Sim, SimSettings};
use types::Venue;

use crate::{check, check_answers, listen};

/// Kraken WebSocket v2: recorded 2026-07-19, 2026-09-10 and 2026-09-25, except `pong`, the trade with all its order kinds,
/// book and instrument snapshots, which are from the documentation.
const MESSAGES: [&str; 13] = [
    r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":16174536464690282295,"upcoming_maintenance":[],"emergency":[]}]}"#,
    r#"{"channel":"heartbeat"}"#,
    r#"{"method":"pong","req_id":101,"time_in":"2023-09-24T14:10:23.799685Z","time_out":"2023-09-24T14:10:23.799703Z"}"#,
    r#"{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"2026-07-19T17:54:39.614696Z","time_out":"2026-07-19T17:54:39.614741Z"}"#,
    r#"{"method":"subscribe","result":{"channel":"ohlc","interval":1,"snapshot":true,"symbol":"BTC/USDT","warnings":["timestamp is deprecated, use interval_begin"]},"success":true,"time_in":"2026-09-10T17:44:43.105193Z","time_out":"2026-09-10T17:44:43.105248Z"}"#,
    r#"{"error":"Currency pair not supported XBT/USDT","method":"subscribe","success":false,"symbol":"XBT/USDT","time_in":"2026-09-10T17:44:44.609516Z","time_out":"2026-09-10T17:44:44.609555Z"}"#,
    r#"{"error":"Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com","method":"subscribe","success":false,"time_in":"2026-09-25T17:58:01.484193Z","time_out":"2026-09-25T17:58:01.484212Z"}"#,
    r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":45283.5,"qty":0.10000000}],"asks":[{"price":45285.2,"qty":0.00100000}],"checksum":3310070434,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#,
    r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":64524.0,"qty":0.00000000},{"price":64521.2,"qty":0.00200000}],"asks":[],"checksum":3906264065,"timestamp":"2026-07-19T17:54:39.799885Z"}]}"#,
    r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":83744.3,"qty":0.00044780,"ord_type":"limit","trade_id":109116693,"timestamp":"2026-09-25T17:48:26.844359Z"}]}"#,
    r#"{"channel":"ohlc","type":"snapshot","timestamp":"2026-09-10T17:44:43.105760475Z","data":[{"symbol":"BTC/USDT","open":77400.0,"high":77445.8,"low":77400.0,"close":77416.3,"trades":15,"volume":0.25302078,"vwap":77416.2,"interval_begin":"2026-09-10T17:32:00.000000000Z","interval":1,"timestamp":"2026-09-10T17:33:00.000000Z"}]}"#,
    r#"{"channel":"ohlc","type":"update","timestamp":"2026-09-25T17:48:26.844359566Z","data":[{"symbol":"BTC/USD","open":83729.5,"high":83745.2,"low":83729.4,"close":83744.3,"trades":33,"volume":0.21155628,"vwap":83736.4,"interval_begin":"2026-09-25T17:48:00.000000000Z","interval":1,"timestamp":"2026-09-25T17:49:00.000000Z"}]}"#,
    r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}"#,
];

/// `Trades` and `OHLC` recorded 2025-11-11, `AssetPairs` 2021-04-17 with the keys added since.
const ANSWERS: [(&str, &str); 9] = [
    (
        "/0/public/OHLC?pair=XBTUSD&interval=1",
        r#"{"error":[],"result":{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1","3.39243896",23]],"last":1688672160}}"#,
    ),
    (
        "/0/public/Trades?pair=XBTUSDT",
        r#"{"error":[],"result":{"XBTUSDT":[["105433.60000","0.00027625",1762795433.9717445,"b","l","",10218208]],"last":"1762820035982277754"}}"#,
    ),
    (
        "/0/public/Depth?pair=ETHUSD&count=10",
        r#"{"error":[],"result":{"XETHZUSD":{"asks":[["105944.30000","0.136",1762820248]],"bids":[["105944.30000","0.136",1762820248]]}}}"#,
    ),
    ("/0/public/Time", r#"{"error":[],"result":{"unixtime":1762820224,"rfc1123":"Tue, 11 Nov 25 00:17:04 +0000"}}"#),
    ("/0/public/SystemStatus", r#"{"error":[],"result":{"status":"online","timestamp":"2024-05-03T11:23:45Z"}}"#),
    (
        "/0/public/Assets?asset=XBT",
        r#"{"error":[],"result":{"XXBT":{"aclass":"currency","altname":"XBT","decimals":10,"display_decimals":5,"status":"enabled"}}}"#,
    ),
    (
        "/0/public/AssetPairs?pair=XBTUSDT",
        r#"{"error":[],"result":{"XBTUSDT":{"altname":"XBTUSDT","wsname":"XBT/USDT","aclass_base":"currency","base":"XXBT","aclass_quote":"currency","quote":"USDT","lot":"unit","cost_decimals":5,"pair_decimals":1,"lot_decimals":8,"lot_multiplier":1,"leverage_buy":[],"leverage_sell":[],"fees":[[0,0.26]],"fees_maker":[[0,0.16]],"fee_volume_currency":"ZUSD","margin_call":80,"margin_stop":40,"ordermin":"0.0002","costmin":"0.5","tick_size":"0.1","status":"online"}}}"#,
    ),
    (
        "/0/public/Ticker?pair=ETHUSDT",
        r#"{"error":[],"result":{"ETHUSDT":{"a":["1.0","1","1.000"],"b":["1.0","1","1.000"],"c":["1.0","0.1"],"v":["1.0","2.0"],"p":["1.0","2.0"],"t":[1,2],"l":["1.0","2.0"],"h":["1.0","2.0"],"o":"1.0"}}}"#,
    ),
    ("/0/public/OHLC?pair=NOPE", r#"{"error":["EQuery:Unknown asset pair"]}"#),
];

#[test]
fn messages_have_the_form_of_recorded_ones() {
    let mut sim = Sim::new(SimSettings::default());
    let messages = listen(
        &mut sim,
        Venue::Kraken,
        "/v2",
        &[
            r#"{"method":"ping","req_id":101}"#,
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["ETH/USDT","XBT/USDT"],"depth":10}}"#,
            r#"{"method":"subscribe","params":{"channel":"ohlc","symbol":["ETH/USDT"]}}"#,
            r#"{"method":"subscribe","params":{"channel":"executions"}}"#,
        ],
    );
    let (samples, rest): (Vec<&str>, Vec<&str>) = MESSAGES
        .iter()
        .partition(|text| !text.contains(r#""channel":"trade""#) && !text.contains(r#""channel":"ticker""#));
    check(&samples, &messages);
    let more = listen(
        &mut sim,
        Venue::Kraken,
        "/v2",
        &[
            r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#,
            r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"event_trigger":"bbo","snapshot":false}}"#,
        ],
    );
    let data: Vec<String> = more.into_iter().filter(|t| t.starts_with(r#"{"channel":"t"#)).collect();
    check(&rest, &data);
}

#[test]
fn answers_have_the_form_of_recorded_ones() {
    check_answers(Venue::Kraken, &ANSWERS, |body: &mut Value| {
        // Fee steps are pairs of an integer and a decimal but for round ones.
        for fees in ["/result/XBTUSDT/fees", "/result/XBTUSDT/fees_maker"] {
            if let Some(fees) = body.pointer_mut(fees) {
                fees.as_array_mut().expect("steps").truncate(1);
            }
        }
    });
}
