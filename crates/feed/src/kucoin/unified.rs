//! The unified feed (protocol section 3): its frames and its requests. Less is confirmed about it than about the classic
//! one, so numbers are accepted as numbers and as strings.

use serde::Deserialize;
use serde_json::value::RawValue;
use types::Timestamp;

use super::messages::{
    CandleData, CandleRow, ChangesData, LevelData, Message, PictureData, Pings, Refused, TickerData, TradeData,
    aggressor, named, nanos, request_id, whole,
};
use crate::decode::{DecodeError, from_json};
use crate::number::{Raw, Text};

#[derive(Deserialize)]
struct Envelope<'a> {
    /// Data: the channel, and what kind of book message it is.
    #[serde(borrow, default, rename = "T")]
    channel: Option<Text<'a>>,
    #[serde(borrow, default)]
    t: Option<Text<'a>>,
    #[serde(borrow, default, rename = "P")]
    pushed_at: Option<Raw<'a>>,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
    /// Answers.
    #[serde(borrow, default)]
    id: Option<Raw<'a>>,
    #[serde(default)]
    result: Option<bool>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    message: Option<Text<'a>>,
    #[serde(default, rename = "pingInterval")]
    ping_interval: Option<u64>,
    #[serde(default, rename = "pingTimeout")]
    ping_timeout: Option<u64>,
}

/// Reads one message.
///
/// # Errors
/// [`DecodeError`] when it is not one of the protocol.
pub(crate) fn decode(text: &str) -> Result<Message<'_>, DecodeError> {
    let envelope: Envelope<'_> = from_json(text)?;
    if let (Some(channel), Some(data)) = (&envelope.channel, envelope.d) {
        return decode_data(channel.as_str(), data.get(), &envelope);
    }
    let id = request_id(envelope.id);
    match (envelope.result, &envelope.kind, &envelope.message) {
        (Some(true), ..) => Ok(Message::Accepted { id }),
        (Some(false), ..) => Ok(Message::Refused(Refused { id, code: None, text: Text(text.into()) })),
        (None, Some(kind), _) if kind.as_str() == "pong" => Ok(Message::Pong),
        (None, _, Some(message)) if message.as_str() == "welcome" => {
            Ok(Message::Welcome { pings: Some(Pings::from_millis(envelope.ping_interval, envelope.ping_timeout)) })
        }
        _ => Err(DecodeError::unknown("a message with neither data nor answer")),
    }
}

fn decode_data<'a>(channel: &str, data: &'a str, envelope: &Envelope<'a>) -> Result<Message<'a>, DecodeError> {
    let pushed_at = envelope.pushed_at.map(nanos).transpose()?;
    match channel.split('.').next() {
        Some("obu") => book(data, envelope.t.as_ref().map(Text::as_str), pushed_at),
        Some("trade") => trade(data),
        Some("kline") => candle(data, pushed_at),
        Some("ticker") => ticker(data, pushed_at),
        _ => Err(DecodeError::unknown(format_args!("channel {channel:?}"))),
    }
}

fn book<'a>(data: &'a str, kind: Option<&str>, pushed_at: Option<Timestamp>) -> Result<Message<'a>, DecodeError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        s: Text<'a>,
        #[serde(borrow, default, rename = "O")]
        first: Option<Raw<'a>>,
        #[serde(borrow, rename = "C")]
        last: Raw<'a>,
        #[serde(borrow, default, rename = "M")]
        matched_at: Option<Raw<'a>>,
        #[serde(borrow)]
        a: Vec<LevelData<'a>>,
        #[serde(borrow)]
        b: Vec<LevelData<'a>>,
    }
    let Data { s: symbol, first, last, matched_at, a: asks, b: bids } = from_json(data)?;
    let last_id = whole("number", last)?;
    let venue_at = matched_at.map(nanos).transpose()?.or(pushed_at);
    match (kind, first) {
        (Some("snapshot"), _) => Ok(Message::Picture(PictureData { symbol, id: Some(last_id), bids, asks, venue_at })),
        (Some("delta"), Some(first)) => {
            let first_id = whole("number", first)?;
            if first_id > last_id {
                return Err(DecodeError::malformed(format_args!("changes from {first_id} to {last_id}")));
            }
            Ok(Message::Changes(ChangesData { symbol, first_id, last_id, bids, asks, venue_at }))
        }
        (kind, _) => Err(DecodeError::unknown(format_args!("a book message of kind {kind:?}"))),
    }
}

fn trade(data: &str) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        s: Text<'a>,
        #[serde(borrow)]
        ti: Raw<'a>,
        #[serde(borrow, rename = "S")]
        side: Text<'a>,
        p: &'a str,
        q: &'a str,
        #[serde(borrow, rename = "M")]
        matched_at: Raw<'a>,
    }
    let Data { s: symbol, ti, side, p: price, q: qty, matched_at } = from_json(data)?;
    Ok(Message::Trade(TradeData {
        symbol,
        number: whole("trade id", ti)?,
        id: named(ti.unquoted())?,
        price,
        qty,
        aggressor: aggressor(&side.as_str().to_ascii_lowercase()),
        venue_at: nanos(matched_at)?,
    }))
}

/// The closing flag `S` is not relied on: its meaning is not confirmed.
fn candle(data: &str, pushed_at: Option<Timestamp>) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        s: Text<'a>,
        #[serde(borrow)]
        i: Text<'a>,
        #[serde(borrow, rename = "O")]
        start: Raw<'a>,
        o: &'a str,
        h: &'a str,
        l: &'a str,
        c: &'a str,
        v: &'a str,
    }
    let Data { s: symbol, i: interval, start, o: open, h: high, l: low, c: close, v: volume } = from_json(data)?;
    let row = CandleRow { open_s: whole("start", start)?, open, high, low, close, volume };
    Ok(Message::Candle(CandleData { symbol, interval, row, venue_at: pushed_at }))
}

fn ticker(data: &str, pushed_at: Option<Timestamp>) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        s: Text<'a>,
        a: &'a str,
        #[serde(rename = "A")]
        ask_qty: &'a str,
        b: &'a str,
        #[serde(rename = "B")]
        bid_qty: &'a str,
        l: &'a str,
    }
    let Data { s: symbol, a, ask_qty, b, bid_qty, l: last } = from_json(data)?;
    let level = |price, qty| LevelData { price, qty, id: None };
    Ok(Message::Ticker(TickerData {
        symbol,
        last,
        bid: level(b, bid_qty),
        ask: level(a, ask_qty),
        venue_at: pushed_at,
    }))
}

/// Our request for one channel of one symbol, or for its end.
pub(crate) fn request(id: u64, action: &str, channel: &str, symbol: &str, parameters: &str) -> String {
    format!(
        r#"{{"id":"{id}","action":"{action}","channel":"{channel}","tradeType":"SPOT","symbol":"{symbol}"{parameters}}}"#
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use types::{Aggressor, InstrumentId, Scale};

    use super::*;

    const SCALE: Scale = Scale { price_decimals: 4, qty_decimals: 8 };

    #[test]
    fn book_messages_of_section_3() {
        let delta = r#"{"T":"obu.SPOT","dp":"increment@10ms","t":"delta","P":1781683200123456789,"d":{"C":35866811943,"M":1781683200120000000,"O":35866811941,"a":[["78280.6","0.41"]],"b":[],"s":"BTC-USDT"}}"#;
        let as_texts = delta
            .replace("\"C\":35866811943", "\"C\":\"35866811943\"")
            .replace("1781683200120000000", "\"1781683200120000000\"");
        for text in [delta, as_texts.as_str()] {
            let Ok(Message::Changes(data)) = decode(text) else { panic!("no changes: {text}") };
            assert_eq!(
                (data.symbol.as_str(), data.first_id, data.last_id),
                ("BTC-USDT", 35_866_811_941, 35_866_811_943)
            );
            assert_eq!((data.asks[0].price, data.asks[0].qty, data.asks[0].id), ("78280.6", "0.41", None));
            assert_eq!(data.venue_at.map(Timestamp::as_nanos), Some(1_781_683_200_120_000_000));
        }
        let snapshot = delta.replace("delta", "snapshot");
        let Ok(Message::Picture(data)) = decode(&snapshot) else { panic!("no picture") };
        assert_eq!((data.id, data.asks.len()), (Some(35_866_811_943), 1));
        for odd in
            [delta.replace("delta", "news"), delta.replace("\"O\":3", "\"O\":9"), delta.replace("\"O\"", "\"x\"")]
        {
            assert!(decode(&odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn the_trade_of_section_3() {
        let text = r#"{"T":"trade.SPOT","P":1781683200123456789,"d":{"E":1,"M":1781683200120000000,"S":"sell","p":"78313.6","q":"0.00001374","s":"BTC-USDT","ti":"24021490985222144"}}"#;
        let Ok(Message::Trade(data)) = decode(text) else { panic!("no trade") };
        let trade = data.trade(InstrumentId(0), SCALE).expect("readable");
        assert_eq!((data.number, trade.id), (24_021_490_985_222_144, 24_021_490_985_222_144));
        assert_eq!((trade.aggressor, trade.price.mantissa(), trade.qty.0), (Aggressor::Sell, 783_136_000, 1_374));
    }

    #[test]
    fn candles_and_tickers_by_name() {
        let candle = r#"{"T":"kline.SPOT","P":"1781683200123456789","d":{"s":"BTC-USDT","i":"1min","O":1781683140,"C":1781683200,"o":"1","h":"4","l":"0.5","c":"2","v":"3","a":"6","S":false}}"#;
        let Ok(Message::Candle(data)) = decode(candle) else { panic!("no candle") };
        let read = data.row.candle(SCALE).expect("readable");
        let prices = [read.open, read.high, read.low, read.close].map(types::Price::mantissa);
        assert_eq!((prices, read.open_time), ([10_000, 40_000, 5_000, 20_000], Timestamp::from_secs(1_781_683_140)));
        assert_eq!((data.interval.as_str(), data.venue_at.is_some()), ("1min", true));
        let ticker = r#"{"T":"ticker.SPOT","P":1781683200123456789,"d":{"s":"BTC-USDT","a":"11","A":"1","b":"10","B":"2","l":"10.5","q":"3","E":9}}"#;
        let Ok(Message::Ticker(data)) = decode(ticker) else { panic!("no ticker") };
        assert_eq!((data.bid.price, data.bid.qty, data.ask.price, data.last), ("10", "2", "11", "10.5"));
    }

    #[test]
    fn answers_of_section_3() {
        let welcome = r#"{"sessionId":"x","message":"welcome","pingInterval":30000,"pingTimeout":10000}"#;
        let pings = Pings { every: Duration::from_secs(30), answer_within: Duration::from_secs(10) };
        assert!(matches!(decode(welcome), Ok(Message::Welcome { pings: Some(told) }) if told == pings));
        assert!(matches!(decode(r#"{"message":"welcome"}"#), Ok(Message::Welcome { pings: Some(Pings::USUAL) })));
        assert!(matches!(decode(r#"{"id":"1","result":true}"#), Ok(Message::Accepted { id: Some(1) })));
        let refused = r#"{"id":"1","result":false,"reason":"symbol does not exist"}"#;
        let Ok(Message::Refused(told)) = decode(refused) else { panic!("not refused") };
        assert_eq!((told.id, told.code, told.text.as_str()), (Some(1), None, refused));
        assert!(matches!(decode(r#"{"id":"2","type":"pong","ts":1781683200123}"#), Ok(Message::Pong)));
        for text in ["{}", "[]", "7", "", r#"{"T":"news.SPOT","d":{}}"#, r#"{"id":"1"}"#] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_request_of_section_3() {
        assert_eq!(
            request(1, "subscribe", "obu", "BTC-USDT", r#","depth":"increment@10ms","rpiFilter":0"#),
            r#"{"id":"1","action":"subscribe","channel":"obu","tradeType":"SPOT","symbol":"BTC-USDT","depth":"increment@10ms","rpiFilter":0}"#
        );
    }
}
