//! Binance.US.

use sim::{Sim, SimSettings};
use types::Venue;

use crate::{check, check_answers, listen};

/// Binance.US streams: recorded 2021-10-11, except `trade`, the tickers and partial depth, which are from the
/// documentation.
const MESSAGES: [&str; 8] = [
    r#"{"stream":"compusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998275394,"s":"COMPUSDT","U":113129221,"u":113129222,"b":[["296.45000000","38.69742000"],["296.17000000","0.00000000"]],"a":[]}}"#,
    r#"{"stream":"omgbusd@bookTicker","data":{"u":77819472,"s":"OMGBUSD","b":"13.76640000","B":"30.28000000","a":"13.79520000","A":"31.57000000"}}"#,
    r#"{"stream":"omgbusd@aggTrade","data":{"e":"aggTrade","E":1633998288468,"s":"OMGBUSD","a":425085,"p":"13.80480000","q":"2.10000000","f":439577,"l":439577,"T":1633998288467,"m":false,"M":true}}"#,
    r#"{"stream":"omgbusd@kline_1m","data":{"e":"kline","E":1633998288469,"s":"OMGBUSD","k":{"t":1633998240000,"T":1633998299999,"s":"OMGBUSD","i":"1m","f":439572,"L":439577,"o":"13.72120000","c":"13.80480000","h":"13.80480000","l":"13.72120000","v":"183.49000000","n":6,"x":false,"q":"2519.85628300","V":"125.78000000","Q":"1726.63719800","B":"0"}}}"#,
    r#"{"stream":"bnbbtc@trade","data":{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","b":88,"a":50,"T":1672515782136,"m":true,"M":true}}"#,
    r#"{"stream":"bnbbtc@miniTicker","data":{"e":"24hrMiniTicker","E":1672515782136,"s":"BNBBTC","c":"0.0025","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18"}}"#,
    r#"{"stream":"bnbbtc@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015","P":"250.00","w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","O":0,"C":86400000,"F":0,"L":18150,"n":18151}}"#,
    r#"{"stream":"bnbbtc@depth10@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}}"#,
];

/// `exchangeInfo` recorded 2021-10-11.
const ANSWERS: [(&str, &str); 9] = [
    ("/api/v3/time", r#"{"serverTime":1499827319559}"#),
    (
        "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D",
        r#"{"timezone":"UTC","serverTime":1633998274562,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}],"exchangeFilters":[],"symbols":[{"symbol":"BTCUSD","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USD","quotePrecision":4,"quoteAssetPrecision":4,"baseCommissionPrecision":8,"quoteCommissionPrecision":2,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS_LIMIT","TAKE_PROFIT_LIMIT"],"icebergAllowed":true,"ocoAllowed":true,"quoteOrderQtyMarketAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":false,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.0100","maxPrice":"100000.0000","tickSize":"0.0100"},{"filterType":"PERCENT_PRICE","multiplierUp":"5","multiplierDown":"0.2","avgPriceMins":5},{"filterType":"LOT_SIZE","minQty":"0.00000100","maxQty":"9000.00000000","stepSize":"0.00000100"},{"filterType":"MIN_NOTIONAL","minNotional":"10.0000","applyToMarket":true,"avgPriceMins":5},{"filterType":"ICEBERG_PARTS","limit":10},{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"3200.00000000","stepSize":"0.00000000"},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5}],"permissions":["SPOT"]}]}"#,
    ),
    (
        "/api/v3/depth?symbol=BTCUSDT&limit=1000",
        r#"{"lastUpdateId":113129219,"bids":[["296.58000000","1.40000000"]],"asks":[["296.58000000","1.40000000"]]}"#,
    ),
    (
        "/api/v3/klines?symbol=BTCUSDT&interval=1m",
        r#"[[1499040000000,"0.01","0.80","0.01","0.01","148976.1",1499644799999,"2434.1",308,"1756.8","28.4","0"]]"#,
    ),
    (
        "/api/v3/aggTrades?symbol=ETHUSDT",
        r#"[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true}]"#,
    ),
    (
        "/api/v3/trades?symbol=ETHUSDT&limit=5",
        r#"[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.0","time":1499865549590,"isBuyerMaker":true,"isBestMatch":true}]"#,
    ),
    (
        "/api/v3/ticker/24hr?symbol=ETHUSDT",
        r#"{"symbol":"BNBBTC","priceChange":"-94.9","priceChangePercent":"-95.9","weightedAvgPrice":"0.2","prevClosePrice":"0.1","lastPrice":"4.0","lastQty":"200.0","bidPrice":"4.0","bidQty":"100.0","askPrice":"4.0","askQty":"100.0","openPrice":"99.0","highPrice":"100.0","lowPrice":"0.1","volume":"8913.3","quoteVolume":"15.3","openTime":1499783499040,"closeTime":1499869899040,"firstId":28385,"lastId":28460,"count":76}"#,
    ),
    (
        "/api/v3/ticker/bookTicker",
        r#"[{"symbol":"LTCBTC","bidPrice":"4.0","bidQty":"431.0","askPrice":"4.0","askQty":"9.0"}]"#,
    ),
    ("/api/v3/depth?symbol=NOPE", r#"{"code":-1121,"msg":"Invalid symbol."}"#),
];

#[test]
fn messages_have_the_form_of_recorded_ones() {
    let mut sim = Sim::new(SimSettings::default());
    let streams =
        ["depth@100ms", "bookTicker", "aggTrade", "kline_1m", "trade", "miniTicker", "ticker", "depth10@100ms"];
    let names: Vec<String> = streams.iter().map(|stream| format!("btcusdt@{stream}")).collect();
    let messages = listen(&mut sim, Venue::BinanceUs, &format!("/stream?streams={}", names.join("/")), &[]);
    // Plain and partial depth begin with the same letters; the partial one is told by its number.
    let (partial, others): (Vec<String>, Vec<String>) = messages.into_iter().partition(|t| t.contains("@depth10@"));
    check(&MESSAGES[..7], &others);
    check(&MESSAGES[7..], &partial);
}

#[test]
fn answers_have_the_form_of_recorded_ones() {
    check_answers(Venue::BinanceUs, &ANSWERS, |_| ());
}
