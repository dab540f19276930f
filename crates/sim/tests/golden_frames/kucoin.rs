//! KuCoin.

use sim::{HttpMethod, HttpRequest, Sim, SimSettings};
use types::Venue;

use crate::{check, check_answers, listen};

/// The classic feed: recorded 2021-04-25, book changes with the time that was added since; a candle of 2026-09; `pong`,
/// `error`, best prices and depth are from the documentation.
const CLASSIC: [&str; 10] = [
    r#"{"id":"NSkIrWGB1s","type":"welcome"}"#,
    r#"{"id":"1","type":"ack"}"#,
    r#"{"id":"1545910590801","type":"pong"}"#,
    r#"{"id":"2","type":"error","code":404,"data":"topic /market/xyz is not found"}"#,
    r#"{"data":{"symbol":"DAPPT-BTC","sequence":"1612701563869","side":"buy","size":"81.8814","price":"0.0000001117","takerOrderId":"6085c097587c2000060cde57","time":"1619378327739050725","type":"match","makerOrderId":"6085c06144b3790006512a4d","tradeId":"6085c09769bc506996295e36"},"subject":"trade.l3match","topic":"/market/match:DAPPT-BTC","type":"message"}"#,
    r#"{"data":{"symbol":"DAPPT-BTC","candles":["1619378220","0.0000001116","0.0000001116","0.0000001116","0.0000001116","0","0"],"time":1619378328806000034},"subject":"trade.candles.add","topic":"/market/candles:DAPPT-BTC_1min","type":"message"}"#,
    r#"{"topic":"/market/candles:BTC-USDT_1min","type":"message","subject":"trade.candles.update","data":{"symbol":"BTC-USDT","candles":["1790274180","84410.2","84390.7","84410.2","84390.6","0.63004204","53174.0"],"time":1790274226100954919}}"#,
    r#"{"data":{"sequence":"1613277183873","bestAsk":"242.951","size":"0.08000012","bestBidSize":"0.68148185","price":"243.65","time":1619378326330,"bestAskSize":"4.51280965","bestBid":"242.654"},"subject":"trade.ticker","topic":"/market/ticker:BCHSV-USDT","type":"message"}"#,
    r#"{"topic":"/spotMarket/level2Depth5:BTC-USDT","type":"message","subject":"level2","data":{"asks":[["9989","8"]],"bids":[["9988","56"]],"timestamp":1586948108193}}"#,
    r#"{"data":{"sequenceStart":1613277183874,"symbol":"BCHSV-USDT","changes":{"asks":[["0","0","1613277183874"]],"bids":[]},"sequenceEnd":1613277183874,"time":1700000000000},"subject":"trade.l2update","topic":"/market/level2:BCHSV-USDT","type":"message"}"#,
];

const LEVEL1: [&str; 1] = [
    r#"{"topic":"/spotMarket/level1:BTC-USDT","type":"message","subject":"level1","data":{"asks":["68145.8","0.51987471"],"bids":["68145.7","1.29267802"],"timestamp":1729816058766}}"#,
];

/// The unified feed, from announcements and clients.
const UNIFIED: [&str; 7] = [
    r#"{"sessionId":"9e5b","message":"welcome","pingInterval":18000,"pingTimeout":10000}"#,
    r#"{"id":"1","result":true}"#,
    r#"{"id":"2","type":"pong","ts":1781683200123}"#,
    r#"{"T":"obu.SPOT","dp":"increment@10ms","t":"delta","P":1781683200123456789,"d":{"C":35866811943,"M":1781683200120000000,"O":35866811941,"a":[["78280.6","0.41"]],"b":[],"s":"BTC-USDT"}}"#,
    r#"{"T":"trade.SPOT","P":1781683200123456789,"d":{"E":1,"M":1781683200120000000,"S":"sell","p":"78313.6","q":"0.00001374","s":"BTC-USDT","ti":"24021490985222144"}}"#,
    r#"{"T":"ticker.SPOT","P":1781683200123456789,"d":{"A":"0.1","B":"0.2","E":1,"M":1781683200120000000,"a":"78313.7","b":"78313.6","l":"78313.6","q":"0.00001374","s":"BTC-USDT"}}"#,
    r#"{"T":"kline.SPOT","P":1781683200123456789,"d":{"s":"BTC-USDT","i":"1min","O":1781683200,"C":1781683260,"o":"1.0","h":"1.0","l":"1.0","c":"1.0","v":"1.0","a":"1.0","S":false}}"#,
];

/// `bullet-public` and its refusal recorded 2026-09-02, symbols 2021-04-25 with the keys added since, the book 2021-04-25;
/// the rest is from the documentation.
const ANSWERS: [(&str, &str); 13] = [
    (
        "POST /api/v1/bullet-public",
        r#"{"code":"200000","data":{"token":"2neAiuYvAU61...","instanceServers":[{"endpoint":"wss://ws-api-spot.kucoin.com/","encrypt":true,"protocol":"websocket","pingInterval":18000,"pingTimeout":10000}]}}"#,
    ),
    ("/api/v1/bullet-public", r#"{"msg":"Method Not Allowed","code":"405000"}"#),
    ("/api/v1/timestamp", r#"{"code":"200000","data":1546837113087}"#),
    ("/api/v1/status", r#"{"code":"200000","data":{"status":"open","msg":"upgrade match engine"}}"#),
    (
        "/api/v2/symbols",
        r#"{"code":"200000","data":[{"symbol":"REQ-ETH","name":"REQ-ETH","baseCurrency":"REQ","quoteCurrency":"ETH","feeCurrency":"ETH","market":"ALTS","baseMinSize":"1","quoteMinSize":"0.0001","baseMaxSize":"10000000000","quoteMaxSize":"99999999","baseIncrement":"0.0001","quoteIncrement":"0.0000001","priceIncrement":"0.0000001","priceLimitRate":"0.1","minFunds":"0.1","isMarginEnabled":false,"enableTrading":true,"feeCategory":1,"makerFeeCoefficient":"1.00","takerFeeCoefficient":"1.00","st":false,"callauctionIsEnabled":false}]}"#,
    ),
    (
        "/api/v1/market/candles?type=1min&symbol=BTC-USDT",
        r#"{"code":"200000","data":[["1545904980","0.058","0.049","0.058","0.049","0.018","0.000945"]]}"#,
    ),
    (
        "/api/v1/market/histories?symbol=ETH-USDT",
        r#"{"code":"200000","data":[{"sequence":"1545896668571","price":"0.07","size":"0.004","side":"buy","time":1545904567062140823}]}"#,
    ),
    (
        "/api/v1/market/orderbook/level1?symbol=BTC-USDT",
        r#"{"code":"200000","data":{"time":1729172965609,"sequence":"14609309753","price":"67269","size":"0.000025","bestBid":"67267.8","bestBidSize":"0.000025","bestAsk":"67267.9","bestAskSize":"1.24808993"}}"#,
    ),
    (
        "/api/v1/market/orderbook/level2_20?symbol=BTC-USDT",
        r#"{"code":"200000","data":{"time":1619378326628,"sequence":"1613277183892","bids":[["242.649","5"]],"asks":[["242.951","4.5"]]}}"#,
    ),
    (
        "/api/v1/market/orderbook/level2_100?symbol=ETH-USDT",
        r#"{"code":"200000","data":{"time":1619378326628,"sequence":"1613277183892","bids":[["242.649","5"]],"asks":[["242.951","4.5"]]}}"#,
    ),
    ("/api/v3/market/orderbook/level2?symbol=BTC-USDT", r#"{"code":"400001","msg":".."}"#),
    ("/api/v1/market/histories", r#"{"code":"400100","msg":".."}"#),
    ("/api/v1/market/histories?symbol=NOPE-USDT", r#"{"code":"900001","msg":".."}"#),
];

fn classic_path(sim: &mut Sim) -> String {
    let answer = sim.request(Venue::Kucoin, &HttpRequest::new(HttpMethod::Post, "/api/v1/bullet-public"));
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    format!("/?token={}&connectId=here", body["data"]["token"].as_str().expect("a token"))
}

fn subscribe(topic: &str) -> String {
    format!(r#"{{"id":1,"type":"subscribe","topic":"{topic}","privateChannel":false,"response":true}}"#)
}

#[test]
fn classic_messages_have_the_form_of_recorded_ones() {
    let mut sim = Sim::new(SimSettings::default());
    let path = classic_path(&mut sim);
    let topics = [
        "/market/match:BTC-USDT,ETH-USDT",
        "/market/candles:BTC-USDT_1min",
        "/market/ticker:ETH-USDT",
        "/spotMarket/level2Depth5:BTC-USDT",
        "/market/level2:BTC-USDT",
        "/market/xyz",
    ];
    let ping = r#"{"id":"7","type":"ping"}"#;
    let send: Vec<String> = topics.iter().map(|topic| subscribe(topic)).chain([ping.to_owned()]).collect();
    let send: Vec<&str> = send.iter().map(String::as_str).collect();
    check(&CLASSIC, &listen(&mut sim, Venue::Kucoin, &path, &send));
    let path = classic_path(&mut sim);
    let more = listen(&mut sim, Venue::Kucoin, &path, &[&subscribe("/spotMarket/level1:BTC-USDT"), ping]);
    check(&LEVEL1, &more.into_iter().filter(|text| text.contains("level1")).collect::<Vec<_>>());
}

#[test]
fn unified_messages_have_the_form_of_known_ones() {
    let mut sim = Sim::new(SimSettings::default());
    let subscribe = |parameters: &str| {
        format!(r#"{{"id":"1","action":"subscribe","tradeType":"SPOT","symbol":"BTC-USDT",{parameters}}}"#)
    };
    let send = [
        subscribe(r#""channel":"obu","depth":"increment@10ms","rpiFilter":0"#),
        subscribe(r#""channel":"obu","depth":"5""#),
        subscribe(r#""channel":"trade""#),
        subscribe(r#""channel":"ticker""#),
        subscribe(r#""channel":"kline","interval":"1min""#),
        r#"{"id":"2","type":"ping"}"#.to_owned(),
    ];
    let send: Vec<&str> = send.iter().map(String::as_str).collect();
    check(&UNIFIED, &listen(&mut sim, Venue::Kucoin, "/", &send));
}

#[test]
fn answers_have_the_form_of_recorded_ones() {
    check_answers(Venue::Kucoin, &ANSWERS, |_| ());
}
