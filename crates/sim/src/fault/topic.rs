//! What a frame or a request is about, read as shallowly as possible.

use types::Venue;

use super::{Channel, Part};
use crate::request::Request;

/// What a frame or a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic<'a> {
    pub(crate) channel: Channel,
    pub(crate) part: Option<Part>,
    pub(crate) symbol: Option<&'a str>,
}

impl<'a> Topic<'a> {
    const fn new(channel: Channel, part: Option<Part>, symbol: Option<&'a str>) -> Self {
        Self { channel, part, symbol }
    }
}

/// What a message of a venue is about.
pub(crate) fn of_frame(venue: Venue, text: &str) -> Topic<'_> {
    match venue {
        Venue::Kraken => kraken(text),
        Venue::BinanceUs => binance_us(text),
        Venue::Coinbase => coinbase(text),
        Venue::Kucoin => kucoin(text),
    }
}

fn kraken(text: &str) -> Topic<'_> {
    let symbol = value(text, "symbol");
    if value(text, "method").is_some() || text.starts_with(r#"{"error""#) {
        return Topic::new(Channel::Control, None, symbol);
    }
    let channel = match value(text, "channel") {
        Some("book") => Channel::Book,
        Some("trade") => Channel::Trades,
        Some("ohlc") => Channel::Candles,
        Some("ticker") => Channel::Ticker,
        Some("heartbeat") => Channel::Heartbeat,
        Some("instrument") => Channel::Instruments,
        Some("status") => Channel::Control,
        _ => Channel::Other,
    };
    let part = match value(text, "type") {
        Some("snapshot") => Some(Part::Snapshot),
        Some("update") => Some(Part::Update),
        _ => None,
    };
    Topic::new(channel, part, symbol)
}

fn binance_us(text: &str) -> Topic<'_> {
    let Some(stream) = value(text, "stream") else { return Topic::new(Channel::Control, None, None) };
    let (symbol, name) = stream.split_once('@').unwrap_or(("", stream));
    let channel = if name.starts_with("depth") {
        Channel::Book
    } else if name == "aggTrade" || name == "trade" {
        Channel::Trades
    } else if name.starts_with("kline") {
        Channel::Candles
    } else {
        Channel::Ticker
    };
    Topic::new(channel, Some(Part::Update), Some(symbol))
}

fn coinbase(text: &str) -> Topic<'_> {
    let (channel, part) = match value(text, "type") {
        Some("snapshot") => (Channel::Book, Some(Part::Snapshot)),
        Some("l2update") => (Channel::Book, Some(Part::Update)),
        Some("last_match") => (Channel::Trades, Some(Part::Snapshot)),
        Some("match") => (Channel::Trades, Some(Part::Update)),
        Some("ticker") => (Channel::Ticker, Some(Part::Update)),
        Some("heartbeat") => (Channel::Heartbeat, None),
        Some("status") => (Channel::Instruments, Some(Part::Snapshot)),
        Some("subscriptions" | "error") => (Channel::Control, None),
        _ => (Channel::Other, None),
    };
    // Lists of subscriptions name many products.
    let symbol = if channel == Channel::Control { None } else { value(text, "product_id") };
    Topic::new(channel, part, symbol)
}

fn kucoin(text: &str) -> Topic<'_> {
    if let Some(topic) = value(text, "T") {
        let channel = match topic.split('.').next() {
            Some("obu") => Channel::Book,
            Some("trade") => Channel::Trades,
            Some("kline") => Channel::Candles,
            Some("ticker") => Channel::Ticker,
            _ => Channel::Other,
        };
        let part = if value(text, "t") == Some("snapshot") { Part::Snapshot } else { Part::Update };
        return Topic::new(channel, Some(part), value(text, "s"));
    }
    let Some(topic) = value(text, "topic") else {
        let is_pong = value(text, "type") == Some("pong");
        return Topic::new(if is_pong { Channel::Heartbeat } else { Channel::Control }, None, None);
    };
    let (path, symbol) = topic.rsplit_once(':').unwrap_or((topic, ""));
    let symbol = symbol.split('_').next().filter(|symbol| !symbol.is_empty());
    let (channel, part) = match path {
        "/market/match" => (Channel::Trades, Part::Update),
        "/market/candles" => (Channel::Candles, Part::Update),
        "/market/level2" => (Channel::Book, Part::Update),
        path if path.starts_with("/spotMarket/level2Depth") => (Channel::Book, Part::Snapshot),
        "/market/ticker" | "/spotMarket/level1" | "/market/snapshot" => (Channel::Ticker, Part::Update),
        _ => (Channel::Other, Part::Update),
    };
    Topic::new(channel, Some(part), symbol)
}

/// Parts of paths, and what a request with such a path is about; the first that fits counts.
const PATHS: [(&str, Channel); 20] = [
    ("/bullet-public", Channel::Token),
    ("/depth", Channel::Book),
    ("/Depth", Channel::Book),
    ("/orderbook/", Channel::Book),
    ("/book", Channel::Book),
    ("/klines", Channel::Candles),
    ("/OHLC", Channel::Candles),
    ("/candles", Channel::Candles),
    ("rades", Channel::Trades),
    ("/histories", Channel::Trades),
    ("/ticker", Channel::Ticker),
    ("/exchangeInfo", Channel::Instruments),
    ("/AssetPairs", Channel::Instruments),
    ("/symbols", Channel::Instruments),
    ("/products", Channel::Instruments),
    ("/time", Channel::Time),
    ("/Time", Channel::Time),
    ("/status", Channel::Control),
    ("/SystemStatus", Channel::Control),
    ("", Channel::Other),
];

/// What a request is about.
pub(crate) fn of_request(request: &Request) -> Topic<'_> {
    let path = request.path.as_str();
    let channel = PATHS.iter().find(|(part, _)| path.contains(part)).map_or(Channel::Other, |(_, channel)| *channel);
    let product = path.strip_prefix("/products/").and_then(|rest| rest.split('/').next());
    let symbol = request.get("symbol").or_else(|| request.get("pair")).or(product);
    Topic::new(channel, None, symbol)
}

/// Whether two spellings name the same instrument: case and punctuation do not count, and Kraken's REST interface calls
/// BTC by its other name.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    canonical(a).eq(canonical(b))
}

fn canonical(symbol: &str) -> impl Iterator<Item = char> + '_ {
    let (head, tail) = match symbol.strip_prefix("XBT") {
        Some(tail) => ("BTC", tail),
        None => ("", symbol),
    };
    head.chars().chain(tail.chars()).filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase())
}

/// The first string stored under a key. The simulator writes no spaces and escapes nothing in what is looked for.
pub(crate) fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let start = rest.find(key)? + key.len();
        let before = &rest[..start - key.len()];
        rest = &rest[start..];
        if before.ends_with('"')
            && let Some(string) = rest.strip_prefix("\":\"")
        {
            return string.split('"').next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(venue: Venue, text: &str, channel: Channel, part: Option<Part>, symbol: Option<&str>) {
        assert_eq!(of_frame(venue, text), Topic { channel, part, symbol }, "{text}");
    }

    #[test]
    fn frames_are_known_by_channel_part_and_symbol() {
        use {Channel as C, Venue as V};
        let (snapshot, update) = (Some(Part::Snapshot), Some(Part::Update));
        let text = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[]"#;
        check(V::Kraken, text, C::Book, update, Some("BTC/USD"));
        check(V::Kraken, r#"{"channel":"heartbeat"}"#, C::Heartbeat, None, None);
        let text = r#"{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true}"#;
        check(V::Kraken, text, C::Control, None, Some("BTC/USD"));
        let text = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}"#;
        check(V::BinanceUs, text, C::Book, update, Some("btcusdt"));
        check(V::BinanceUs, r#"{"result":null,"id":1}"#, C::Control, None, None);
        let text = r#"{"type":"l2update","product_id":"BTC-USD","changes":[]}"#;
        check(V::Coinbase, text, C::Book, update, Some("BTC-USD"));
        let text = r#"{"type":"subscriptions","channels":[{"name":"heartbeat","product_ids":["BTC-USD"]}]}"#;
        check(V::Coinbase, text, C::Control, None, None);
        let text = r#"{"topic":"/market/candles:BTC-USDT_1min","type":"message"}"#;
        check(V::Kucoin, text, C::Candles, update, Some("BTC-USDT"));
        let text = r#"{"T":"obu.SPOT","dp":"increment@10ms","t":"snapshot","d":{"s":"BTC-USDT"}}"#;
        check(V::Kucoin, text, C::Book, snapshot, Some("BTC-USDT"));
        check(V::Kucoin, r#"{"id":"1","type":"pong"}"#, C::Heartbeat, None, None);
    }

    #[test]
    fn requests_are_known_by_their_path() {
        let check = |target: &str, channel: Channel, symbol: Option<&str>| {
            let request = Request::parse(target);
            let topic = of_request(&request);
            assert_eq!((topic.channel, topic.symbol), (channel, symbol), "{target}");
        };
        check("/0/public/OHLC?pair=XBTUSD&interval=1", Channel::Candles, Some("XBTUSD"));
        check("/api/v3/aggTrades?symbol=BTCUSDT&fromId=1", Channel::Trades, Some("BTCUSDT"));
        check("/api/v3/exchangeInfo", Channel::Instruments, None);
        check("/products/BTC-USD/book?level=2", Channel::Book, Some("BTC-USD"));
        check("/products", Channel::Instruments, None);
        check("/api/v1/bullet-public", Channel::Token, None);
        check("/api/v1/timestamp", Channel::Time, None);
        check("/api/v1/market/orderbook/level2_100?symbol=BTC-USDT", Channel::Book, Some("BTC-USDT"));
    }

    #[test]
    fn spellings_of_one_instrument_are_the_same() {
        assert!(is_same("btcusdt", "BTC-USDT") && is_same("XBTUSD", "BTC/USD"));
        assert!(!is_same("BTCUSD", "BTCUSDT"));
    }

    #[test]
    fn any_text_has_a_topic() {
        proptest::proptest!(|(text: String, target: String)| {
            for venue in [Venue::Kraken, Venue::BinanceUs, Venue::Coinbase, Venue::Kucoin] {
                of_frame(venue, &text);
            }
            of_request(&Request::parse(&target));
        });
    }
}
