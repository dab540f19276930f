//! Everything the simulator says has the form of what the real venues said: the same keys, and numbers or strings where
//! they have them. Samples are recorded frames (trimmed) where there are some, else samples of the venues' documentation.

use serde_json::Value;
use sim::{ServerFrame, Sim, SimSettings};
use types::time::NS_PER_S;
use types::{Timestamp, Venue};

/// Kraken WebSocket v2: recorded 2026-07-19, 2026-09-10 and 2026-09-25, except `pong`, the trade with all its order kinds,
/// book and instrument snapshots, which are from the documentation.
const KRAKEN: [&str; 13] = [
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

/// Binance.US streams: recorded 2021-10-11, except `trade`, the tickers and partial depth, which are from the
/// documentation.
const BINANCE_US: [&str; 8] = [
    r#"{"stream":"compusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998275394,"s":"COMPUSDT","U":113129221,"u":113129222,"b":[["296.45000000","38.69742000"],["296.17000000","0.00000000"]],"a":[]}}"#,
    r#"{"stream":"omgbusd@bookTicker","data":{"u":77819472,"s":"OMGBUSD","b":"13.76640000","B":"30.28000000","a":"13.79520000","A":"31.57000000"}}"#,
    r#"{"stream":"omgbusd@aggTrade","data":{"e":"aggTrade","E":1633998288468,"s":"OMGBUSD","a":425085,"p":"13.80480000","q":"2.10000000","f":439577,"l":439577,"T":1633998288467,"m":false,"M":true}}"#,
    r#"{"stream":"omgbusd@kline_1m","data":{"e":"kline","E":1633998288469,"s":"OMGBUSD","k":{"t":1633998240000,"T":1633998299999,"s":"OMGBUSD","i":"1m","f":439572,"L":439577,"o":"13.72120000","c":"13.80480000","h":"13.80480000","l":"13.72120000","v":"183.49000000","n":6,"x":false,"q":"2519.85628300","V":"125.78000000","Q":"1726.63719800","B":"0"}}}"#,
    r#"{"stream":"bnbbtc@trade","data":{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","b":88,"a":50,"T":1672515782136,"m":true,"M":true}}"#,
    r#"{"stream":"bnbbtc@miniTicker","data":{"e":"24hrMiniTicker","E":1672515782136,"s":"BNBBTC","c":"0.0025","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18"}}"#,
    r#"{"stream":"bnbbtc@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015","P":"250.00","w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","O":0,"C":86400000,"F":0,"L":18150,"n":18151}}"#,
    r#"{"stream":"bnbbtc@depth10@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}}"#,
];

/// Paths and answers. Kraken: `Trades` and `OHLC` recorded 2025-11-11, `AssetPairs` 2021-04-17 with the keys added since.
/// Binance.US: `exchangeInfo` recorded 2021-10-11.
const REST: [(Venue, &str, &str); 17] = [
    (
        Venue::Kraken,
        "/0/public/OHLC?pair=XBTUSD&interval=1",
        r#"{"error":[],"result":{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1","3.39243896",23]],"last":1688672160}}"#,
    ),
    (
        Venue::Kraken,
        "/0/public/Trades?pair=XBTUSDT",
        r#"{"error":[],"result":{"XBTUSDT":[["105433.60000","0.00027625",1762795433.9717445,"b","l","",10218208]],"last":"1762820035982277754"}}"#,
    ),
    (
        Venue::Kraken,
        "/0/public/Depth?pair=ETHUSD&count=10",
        r#"{"error":[],"result":{"XETHZUSD":{"asks":[["105944.30000","0.136",1762820248]],"bids":[["105944.30000","0.136",1762820248]]}}}"#,
    ),
    (
        Venue::Kraken,
        "/0/public/Time",
        r#"{"error":[],"result":{"unixtime":1762820224,"rfc1123":"Tue, 11 Nov 25 00:17:04 +0000"}}"#,
    ),
    (
        Venue::Kraken,
        "/0/public/SystemStatus",
        r#"{"error":[],"result":{"status":"online","timestamp":"2024-05-03T11:23:45Z"}}"#,
    ),
    (
        Venue::Kraken,
        "/0/public/AssetPairs?pair=XBTUSDT",
        r#"{"error":[],"result":{"XBTUSDT":{"altname":"XBTUSDT","wsname":"XBT/USDT","aclass_base":"currency","base":"XXBT","aclass_quote":"currency","quote":"USDT","lot":"unit","cost_decimals":5,"pair_decimals":1,"lot_decimals":8,"lot_multiplier":1,"leverage_buy":[],"leverage_sell":[],"fees":[[0,0.26]],"fees_maker":[[0,0.16]],"fee_volume_currency":"ZUSD","margin_call":80,"margin_stop":40,"ordermin":"0.0002","costmin":"0.5","tick_size":"0.1","status":"online"}}}"#,
    ),
    (
        Venue::Kraken,
        "/0/public/Ticker?pair=ETHUSDT",
        r#"{"error":[],"result":{"ETHUSDT":{"a":["1.0","1","1.000"],"b":["1.0","1","1.000"],"c":["1.0","0.1"],"v":["1.0","2.0"],"p":["1.0","2.0"],"t":[1,2],"l":["1.0","2.0"],"h":["1.0","2.0"],"o":"1.0"}}}"#,
    ),
    (Venue::Kraken, "/0/public/OHLC?pair=NOPE", r#"{"error":["EQuery:Unknown asset pair"]}"#),
    (Venue::BinanceUs, "/api/v3/time", r#"{"serverTime":1499827319559}"#),
    (
        Venue::BinanceUs,
        "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D",
        r#"{"timezone":"UTC","serverTime":1633998274562,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}],"exchangeFilters":[],"symbols":[{"symbol":"BTCUSD","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USD","quotePrecision":4,"quoteAssetPrecision":4,"baseCommissionPrecision":8,"quoteCommissionPrecision":2,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS_LIMIT","TAKE_PROFIT_LIMIT"],"icebergAllowed":true,"ocoAllowed":true,"quoteOrderQtyMarketAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":false,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.0100","maxPrice":"100000.0000","tickSize":"0.0100"},{"filterType":"PERCENT_PRICE","multiplierUp":"5","multiplierDown":"0.2","avgPriceMins":5},{"filterType":"LOT_SIZE","minQty":"0.00000100","maxQty":"9000.00000000","stepSize":"0.00000100"},{"filterType":"MIN_NOTIONAL","minNotional":"10.0000","applyToMarket":true,"avgPriceMins":5},{"filterType":"ICEBERG_PARTS","limit":10},{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"3200.00000000","stepSize":"0.00000000"},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5}],"permissions":["SPOT"]}]}"#,
    ),
    (
        Venue::BinanceUs,
        "/api/v3/depth?symbol=BTCUSDT&limit=1000",
        r#"{"lastUpdateId":113129219,"bids":[["296.58000000","1.40000000"]],"asks":[["296.58000000","1.40000000"]]}"#,
    ),
    (
        Venue::BinanceUs,
        "/api/v3/klines?symbol=BTCUSDT&interval=1m",
        r#"[[1499040000000,"0.01","0.80","0.01","0.01","148976.1",1499644799999,"2434.1",308,"1756.8","28.4","0"]]"#,
    ),
    (
        Venue::BinanceUs,
        "/api/v3/aggTrades?symbol=ETHUSDT",
        r#"[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true}]"#,
    ),
    (
        Venue::BinanceUs,
        "/api/v3/trades?symbol=ETHUSDT&limit=5",
        r#"[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.0","time":1499865549590,"isBuyerMaker":true,"isBestMatch":true}]"#,
    ),
    (
        Venue::BinanceUs,
        "/api/v3/ticker/24hr?symbol=ETHUSDT",
        r#"{"symbol":"BNBBTC","priceChange":"-94.9","priceChangePercent":"-95.9","weightedAvgPrice":"0.2","prevClosePrice":"0.1","lastPrice":"4.0","lastQty":"200.0","bidPrice":"4.0","bidQty":"100.0","askPrice":"4.0","askQty":"100.0","openPrice":"99.0","highPrice":"100.0","lowPrice":"0.1","volume":"8913.3","quoteVolume":"15.3","openTime":1499783499040,"closeTime":1499869899040,"firstId":28385,"lastId":28460,"count":76}"#,
    ),
    (
        Venue::BinanceUs,
        "/api/v3/ticker/bookTicker",
        r#"[{"symbol":"LTCBTC","bidPrice":"4.0","bidQty":"431.0","askPrice":"4.0","askQty":"9.0"}]"#,
    ),
    (Venue::BinanceUs, "/api/v3/depth?symbol=NOPE", r#"{"code":-1121,"msg":"Invalid symbol."}"#),
];

/// Whether two values have the same form; otherwise where they differ.
fn compare(sample: &Value, emitted: &Value, at: &str) -> Result<(), String> {
    let differ = || Err(format!("{at}: {sample} against {emitted}"));
    match (sample, emitted) {
        (Value::Object(a), Value::Object(b)) => {
            if !a.keys().all(|key| b.contains_key(key)) || a.len() != b.len() {
                return Err(format!("{at}: keys {:?} against {:?}", a.keys(), b.keys()));
            }
            a.iter().try_for_each(|(key, value)| compare(value, &b[key], &format!("{at}.{key}")))
        }
        (Value::Array(a), Value::Array(b)) if a.is_empty() || b.is_empty() => Ok(()),
        (Value::Array(a), Value::Array(b)) => {
            let is_list = a.iter().all(|item| item.is_array() || item.is_object())
                && a.iter().all(|item| compare(&a[0], item, "").is_ok());
            if !is_list && a.len() != b.len() {
                return differ();
            }
            b.iter().enumerate().try_for_each(|(index, item)| {
                compare(&a[if is_list { 0 } else { index }], item, &format!("{at}[{index}]"))
            })
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() == b.is_f64() => Ok(()),
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) | (Value::Null, Value::Null) => Ok(()),
        _ => differ(),
    }
}

/// What tells one kind of message from another.
fn kind(message: &Value) -> String {
    let text = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let stream = text("/stream").split('@').nth(1).unwrap_or_default().trim_end_matches(char::is_numeric).to_owned();
    let has_symbol = message.get("symbol").is_some();
    [text("/method"), text("/channel"), text("/type"), text("/result/channel"), stream, has_symbol.to_string()]
        .join("|")
}

/// Every message has the form of the sample of its kind, and every sample's kind was heard.
fn check(samples: &[&str], messages: &[String]) {
    let samples: Vec<Value> = samples.iter().map(|text| serde_json::from_str(text).expect("a sample")).collect();
    let mut heard = vec![0; samples.len()];
    for text in messages {
        let message: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let Some(index) = samples.iter().position(|sample| kind(sample) == kind(&message)) else {
            panic!("no sample for {} {text}", kind(&message));
        };
        heard[index] += 1;
        if let Err(difference) = compare(&samples[index], &message, "") {
            panic!("{difference}\nin {text}");
        }
    }
    for (sample, heard) in samples.iter().zip(heard) {
        assert!(heard > 0, "never heard: {sample}");
    }
}

fn listen(sim: &mut Sim, venue: Venue, path: &str, send: &[&str]) -> Vec<String> {
    let connection = sim.connect(venue, path).expect("accepted");
    let mut frames = Vec::new();
    send.iter().for_each(|text| sim.receive(connection, text));
    for _ in 0..3_000 {
        let to = Timestamp::from_nanos(sim.now().as_nanos() + NS_PER_S / 5);
        sim.advance(to);
        let first = frames.len();
        sim.poll(connection, &mut frames);
        if frames[first..].iter().any(|frame| matches!(frame, ServerFrame::Ping(_))) {
            sim.pong(connection);
        }
    }
    frames.into_iter().filter_map(|frame| if let ServerFrame::Text(text) = frame { Some(text) } else { None }).collect()
}

#[test]
fn kraken_messages_have_the_form_of_recorded_ones() {
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
    let (samples, rest): (Vec<&str>, Vec<&str>) = KRAKEN
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
fn binance_us_messages_have_the_form_of_recorded_ones() {
    let mut sim = Sim::new(SimSettings::default());
    let streams =
        ["depth@100ms", "bookTicker", "aggTrade", "kline_1m", "trade", "miniTicker", "ticker", "depth10@100ms"];
    let names: Vec<String> = streams.iter().map(|stream| format!("btcusdt@{stream}")).collect();
    let messages = listen(&mut sim, Venue::BinanceUs, &format!("/stream?streams={}", names.join("/")), &[]);
    // Plain and partial depth begin with the same letters; the partial one is told by its number.
    let (partial, others): (Vec<String>, Vec<String>) = messages.into_iter().partition(|t| t.contains("@depth10@"));
    check(&BINANCE_US[..7], &others);
    check(&BINANCE_US[7..], &partial);
}

#[test]
fn rest_answers_have_the_form_of_recorded_ones() {
    let mut sim = Sim::new(SimSettings::default());
    for (venue, path, sample) in REST {
        let to = Timestamp::from_nanos(sim.now().as_nanos() + 5 * NS_PER_S);
        sim.advance(to);
        let answer = sim.http(venue, path);
        let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}"));
        // Fee steps are pairs of an integer and a decimal but for round ones, and rate limits are a list of any length.
        if let Some(fees) = body.pointer_mut("/result/XBTUSDT/fees") {
            fees.as_array_mut().expect("steps").truncate(1);
        }
        if let Some(fees) = body.pointer_mut("/result/XBTUSDT/fees_maker") {
            fees.as_array_mut().expect("steps").truncate(1);
        }
        if let Err(difference) = compare(&serde_json::from_str(sample).expect("a sample"), &body, "") {
            panic!("{path}: {difference}");
        }
    }
}
