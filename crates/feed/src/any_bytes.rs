//! Whatever arrives, nothing panics: random bytes, real messages with damage, and sessions that are fed both.

use proptest::prelude::*;
use types::{InstrumentId, Scale, Timestamp, Venue};

use crate::capture::Capture;
use crate::io::{FeedInput, FeedOutput};
use crate::{Feed, FeedSettings, KucoinBook, LinkId, Wanted, binance_us, coinbase, decode, kraken, kucoin, rest};

/// Real messages and answers of every kind.
const REAL: &[&str] = &[
    include_str!("../fixtures/kraken_guide_snapshot.json"),
    include_str!("../fixtures/binance_us_kline.json"),
    include_str!("../fixtures/binance_us_exchange_info.json"),
    include_str!("../fixtures/kucoin_symbols.json"),
    include_str!("../fixtures/kucoin_bullet_public.json"),
    include_str!("../fixtures/kucoin_public_frames.jsonl"),
    r#"{"id":"0-1","type":"welcome","message":"welcome","pingInterval":18000}"#,
    r#"{"id":"1","type":"error","code":404,"data":"topic is not found","result":false}"#,
    r#"{"topic":"/spotMarket/level2Depth50:BTC-USDT","type":"message","data":{"bids":[["9988","56"]],"asks":[["9989","8"]],"timestamp":1586948108193}}"#,
    r#"{"topic":"/market/level2:BTC-USDT","type":"message","data":{"symbol":"BTC-USDT","sequenceStart":15,"sequenceEnd":17,"changes":{"asks":[["0","0","16"]],"bids":[["9988","5","17"]]},"time":1663747970273}}"#,
    r#"{"topic":"/market/match:BTC-USDT","type":"message","data":{"symbol":"BTC-USDT","sequence":"17","side":"buy","size":"0.5","price":"9989","time":"1619378327739050725","tradeId":"6085c09769bc506996295e36"}}"#,
    r#"{"T":"obu.SPOT","t":"snapshot","P":1781683200123456789,"d":{"C":16,"O":16,"a":[["9989","0.41"]],"b":[],"s":"BTC-USDT"}}"#,
    r#"{"T":"obu.SPOT","t":"delta","P":1781683200123456789,"d":{"C":17,"O":17,"a":[["9989","0.41"]],"b":[],"s":"BTC-USDT"}}"#,
    r#"{"code":"200000","data":{"sequence":"16","bids":[["9988","56"]],"asks":[["9989","8"]]}}"#,
    r#"{"code":"200000","data":[{"sequence":"17","price":"9989","size":"0.5","side":"buy","time":1619378327739050725}]}"#,
    r#"{"code":"200000","data":[["1619378220","9989","9988","9990","9980","1.5","14982"]]}"#,
    include_str!("../fixtures/coinbase_products.json"),
    r#"{"type":"subscriptions","channels":[{"name":"level2_batch","product_ids":["BTC-USD","ETH-USD"]},{"name":"heartbeat","product_ids":["BTC-USD"]}]}"#,
    r#"{"type":"error","message":"Failed to subscribe","reason":"level2, level3, and full channels now require authentication"}"#,
    r#"{"type":"snapshot","product_id":"BTC-USD","asks":[["10102.55","0.57753524"]],"bids":[["10101.10","0.45054140"]]}"#,
    r#"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","10101.80","0.162567"],["sell","10102.55","0.0"]],"time":"2021-04-17T16:43:37.077621Z"}"#,
    r#"{"type":"match","trade_id":10,"maker_order_id":"ac","taker_order_id":"13","side":"sell","size":"5.23","price":"400.23","product_id":"BTC-USD","sequence":50,"time":"2021-04-17T16:43:37.089723Z"}"#,
    r#"{"type":"last_match","trade_id":9,"side":"buy","size":"1","price":"400.2","product_id":"BTC-USD","sequence":5,"time":"2021-04-17T16:43:36Z"}"#,
    r#"{"type":"ticker","sequence":5,"product_id":"BTC-USD","price":"400.2","volume_24h":"7.4","best_bid":"400.1","best_bid_size":"1","best_ask":"400.3","best_ask_size":"2","side":"buy","time":"2021-04-17T16:43:36Z","trade_id":9,"last_size":"1"}"#,
    r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2021-04-17T16:43:38.464459Z"}"#,
    r#"{"type":"status","products":[{"id":"BTC-USD","base_increment":"0.00000001","quote_increment":"0.01","status":"online","cancel_only":true}],"currencies":[]}"#,
    r#"{"bids":[["10101.10","0.45054140",2]],"asks":[["10102.55","0.57753524",1]],"sequence":13,"auction_mode":false,"time":"2021-04-17T16:43:38Z"}"#,
    r#"[{"time":"2021-04-17T16:43:36Z","trade_id":8,"price":"400.20","size":"0.06469797","side":"sell"}]"#,
    "[[1618677780,0.32,4.2,0.35,4.2,12.3],[1618677720,0.32,4.2,0.35,4.2,1e-3]]",
    r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","price_precision":1,"qty_precision":8,"price_increment":0.1,"qty_increment":1e-8,"qty_min":0.0001,"cost_min":0.5}]}}"#,
    r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":0.5,"qty":40.0,"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}"#,
    r#"{"channel":"ohlc","type":"update","timestamp":"2023-10-04T16:26:30.524394914Z","data":[{"symbol":"BTC/USD","open":0.5,"high":0.5,"low":0.5,"close":0.5,"trades":12,"volume":30927.6,"vwap":0.5,"interval_begin":"2023-10-04T16:25:00.000000000Z","interval":1}]}"#,
    r#"{"method":"subscribe","error":"Currency pair not supported BTC/USD","success":false,"symbol":"BTC/USD","req_id":2}"#,
    r#"{"error":[],"result":{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1","3.39243896",23],[1688671260,"1.0","1.0","1.0","1.0","1.0","3.0",2]],"last":1688672160}}"#,
    r#"{"error":[],"result":{"X":[["105433.60000","0.00027625",1762795433.9717445,"b","l","",10218208]],"last":"1"}}"#,
    r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998275394,"s":"BTCUSDT","U":113129221,"u":113129222,"b":[["296.45000000","38.69742000"]],"a":[]}}"#,
    r#"{"e":"aggTrade","E":1672515782136,"s":"BTCUSDT","a":12345,"p":"0.01","q":"100","f":100,"l":105,"T":1672515782136,"m":true,"M":true}"#,
    r#"{"lastUpdateId":113129221,"bids":[["296.45000000","38.69742000"]],"asks":[["297.0","1.0"]]}"#,
];

/// Random bytes, or a real message with a part cut out and random bytes put in.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (0..REAL.len(), any::<prop::sample::Index>(), 0usize..12, prop::collection::vec(any::<u8>(), 0..6));
    let damaged = damaged.prop_map(|(which, at, cut, put)| {
        let mut message = REAL[which].as_bytes().to_vec();
        let start = at.index(message.len());
        let end = (start + cut).min(message.len());
        message.splice(start..end, put);
        message
    });
    let digits = (0..REAL.len(), any::<prop::sample::Index>(), "[0-9eE.+-]{1,24}").prop_map(|(which, at, digits)| {
        let message = REAL[which];
        let numbers: Vec<usize> = message.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(i, _)| i).collect();
        let start = numbers[at.index(numbers.len())];
        [&message[..start], &digits, &message[start + 1..]].concat().into_bytes()
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), damaged, digits]
}

fn settings(venue: Venue) -> FeedSettings {
    let symbol = match venue {
        Venue::Kraken => "BTC/USD",
        Venue::BinanceUs => "BTCUSDT",
        Venue::Coinbase => "BTC-USD",
        Venue::Kucoin => "BTC-USDT",
    };
    FeedSettings::new(venue, vec![Wanted { id: InstrumentId(0), symbol: symbol.to_owned() }])
}

/// Every venue, and every way in which KuCoin's books can be made.
fn all_settings() -> impl Iterator<Item = FeedSettings> {
    let kucoin = [KucoinBook::Changes, KucoinBook::AllChanges, KucoinBook::Unified].map(|book| {
        let mut settings = settings(Venue::Kucoin);
        settings.kucoin.book = book;
        settings
    });
    Venue::ALL.map(settings).into_iter().chain(kucoin)
}

/// Answers the question for Coinbase's products: without their rules nothing else of it would be reached.
fn teach_coinbase(feed: &mut Feed, at: Timestamp, out: &mut Vec<FeedOutput>) {
    let asked = out.iter().find_map(|output| match output {
        FeedOutput::Request(request) if request.path == coinbase::rest::PRODUCTS_PATH => Some(request.id),
        _ => None,
    });
    if let Some(request) = asked {
        let body = include_bytes!("../fixtures/coinbase_products.json");
        feed.handle(at, FeedInput::Response { request, status: 200, retry_after: None, body }, out);
    }
}

proptest! {
    #[test]
    fn decoders(bytes in bytes()) {
        let scale = Scale { price_decimals: 12, qty_decimals: 12 };
        if let Ok(text) = decode::text(&bytes) {
            let _ = kraken::messages::decode(text);
            let _ = binance_us::messages::decode(text);
            let _ = coinbase::messages::decode(text);
            for book in [KucoinBook::Pictures, KucoinBook::Unified] {
                let _ = kucoin::Wire::of(book).decode(text);
            }
        }
        let _ = kraken::rest::candles(&bytes, scale);
        let _ = binance_us::rest::candles(&bytes, scale, Timestamp::EPOCH);
        let _ = coinbase::rest::candles(&bytes, scale, Timestamp::EPOCH, Timestamp::MAX);
        let _ = coinbase::rest::BookBody::read(&bytes);
        let _ = kucoin::rest::candles(&bytes, scale, Timestamp::EPOCH);
        for venue in Venue::ALL {
            let _ = rest::trades(venue, &bytes);
        }
    }

    #[test]
    fn recordings(lines in prop::collection::vec(bytes(), 0..12)) {
        for venue in Venue::ALL {
            let mut capture = Capture::new(venue);
            let read = lines.iter().zip(1..).try_for_each(|(line, number)| capture.line(number, line));
            if read.is_ok() {
                let _ = capture.finish();
            }
        }
    }

    /// Frames, answers to whatever is asked, breaks and deadlines in any order.
    #[test]
    fn sessions(steps in prop::collection::vec((bytes(), 0u8..12, 0i64..20_000), 1..60)) {
        for settings in all_settings() {
            let mut feed = Feed::new(settings).expect("settings that work");
            let mut out = Vec::new();
            let mut at = Timestamp::from_secs(1_700_000_000);
            feed.handle(at, FeedInput::Connected(LinkId::FIRST), &mut out);
            teach_coinbase(&mut feed, at, &mut out);
            for (bytes, kind, wait_ms) in &steps {
                at = Timestamp::from_millis(at.as_millis() + wait_ms);
                let asked = out.iter().rev().find_map(|output| match output {
                    FeedOutput::Request(request) => Some(request.id),
                    _ => None,
                });
                match (kind, asked) {
                    (0, _) => feed.handle(at, FeedInput::Disconnected(LinkId::FIRST), &mut out),
                    (1, _) => feed.handle(at, FeedInput::Connected(LinkId::FIRST), &mut out),
                    (2..=4, Some(request)) => {
                        let input = FeedInput::Response { request, status: 200, retry_after: None, body: bytes };
                        feed.handle(at, input, &mut out);
                    }
                    (5, Some(request)) => feed.handle(at, FeedInput::Failed { request }, &mut out),
                    (6, _) => feed.handle(at, FeedInput::Deadline, &mut out),
                    _ => feed.handle(at, FeedInput::Frame(LinkId::FIRST, bytes), &mut out),
                }
                let _ = (feed.deadline(), feed.status());
            }
        }
    }
}
