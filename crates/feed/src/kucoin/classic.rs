//! The classic feed (protocol section 2): its frames and its requests.

use serde::Deserialize;
use serde_json::value::RawValue;
use types::Timestamp;

use super::messages::{
    CandleData, CandleRow, ChangesData, LevelData, Message, PictureData, Refused, TickerData, TradeData, aggressor,
    millis, named, nanos, request_id, whole,
};
use super::quick;
use crate::decode::{DecodeError, from_json};
use crate::number::{Raw, Text};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    topic: Option<Text<'a>>,
    #[serde(borrow, default)]
    subject: Option<Text<'a>>,
    #[serde(borrow, default)]
    code: Option<Raw<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Reads one message.
///
/// # Errors
/// [`DecodeError`] when it is not one of the protocol.
pub(crate) fn decode(text: &str) -> Result<Message<'_>, DecodeError> {
    quick::read(text).map_or_else(|| decode_any(text), Ok)
}

/// The same by general JSON.
pub(super) fn decode_any(text: &str) -> Result<Message<'_>, DecodeError> {
    let envelope: Envelope<'_> = from_json(text)?;
    match envelope.kind.as_str() {
        "message" => decode_data(&envelope),
        "ack" => Ok(Message::Accepted { id: request_id(envelope.id) }),
        "welcome" => Ok(Message::Welcome { pings: None }),
        "pong" => Ok(Message::Pong),
        "error" => Ok(Message::Refused(Refused {
            id: request_id(envelope.id),
            code: envelope.code.and_then(|code| code.unquoted().parse().ok()),
            text: Text(envelope.data.map_or("", RawValue::get).into()),
        })),
        other => Err(DecodeError::unknown(format_args!("message of type {other:?}"))),
    }
}

fn decode_data<'a>(envelope: &Envelope<'a>) -> Result<Message<'a>, DecodeError> {
    let (Some(topic), Some(data)) = (&envelope.topic, envelope.data) else {
        return Err(DecodeError::malformed("a message without topic or data"));
    };
    let data = data.get();
    let (channel, symbol) = topic.as_str().split_once(':').unwrap_or((topic.as_str(), ""));
    match channel {
        "/market/level2" => changes(data),
        "/market/match" => trade(data),
        "/market/candles" => candle(symbol, data),
        "/spotMarket/level2Depth50" | "/spotMarket/level2Depth5" => picture(symbol, data),
        // Of all symbols at once the subject says which one it is.
        "/market/ticker" => match (symbol, &envelope.subject) {
            ("all", Some(subject)) => ticker(subject.as_str(), data),
            _ => ticker(symbol, data),
        },
        "/market/snapshot" | "/spotMarket/level1" => Ok(Message::Ignored),
        _ => Err(DecodeError::unknown(format_args!("topic {:?}", topic.as_str()))),
    }
}

fn owned<'a>(symbol: &str) -> Text<'a> {
    Text(symbol.to_owned().into())
}

fn changes(data: &str) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        #[serde(borrow)]
        symbol: Text<'a>,
        sequence_start: u64,
        sequence_end: u64,
        #[serde(borrow)]
        changes: Sides<'a>,
        #[serde(borrow, default)]
        time: Option<Raw<'a>>,
    }
    let Data { symbol, sequence_start: first_id, sequence_end: last_id, changes, time } = from_json(data)?;
    if first_id > last_id {
        return Err(DecodeError::malformed(format_args!("changes from {first_id} to {last_id}")));
    }
    let Sides { bids, asks } = changes;
    Ok(Message::Changes(ChangesData { symbol, first_id, last_id, bids, asks, venue_at: time.map(millis).transpose()? }))
}

#[derive(Deserialize)]
struct Sides<'a> {
    #[serde(borrow)]
    bids: Vec<LevelData<'a>>,
    #[serde(borrow)]
    asks: Vec<LevelData<'a>>,
}

fn picture<'a>(symbol: &str, data: &'a str) -> Result<Message<'a>, DecodeError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        bids: Vec<LevelData<'a>>,
        #[serde(borrow)]
        asks: Vec<LevelData<'a>>,
        #[serde(borrow, default)]
        timestamp: Option<Raw<'a>>,
    }
    let Data { bids, asks, timestamp } = from_json(data)?;
    let venue_at = timestamp.map(millis).transpose()?;
    Ok(Message::Picture(PictureData { symbol: owned(symbol), id: None, bids, asks, venue_at }))
}

fn trade(data: &str) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        #[serde(borrow)]
        symbol: Text<'a>,
        #[serde(borrow, default)]
        sequence: Option<Raw<'a>>,
        #[serde(borrow)]
        trade_id: Raw<'a>,
        #[serde(borrow)]
        side: Text<'a>,
        price: &'a str,
        size: &'a str,
        #[serde(borrow)]
        time: Raw<'a>,
    }
    let Data { symbol, sequence, trade_id, side, price, size: qty, time } = from_json(data)?;
    let id = named(trade_id.unquoted())?;
    Ok(Message::Trade(TradeData {
        symbol,
        number: whole("sequence", sequence.unwrap_or(trade_id))?,
        id,
        price,
        qty,
        aggressor: aggressor(side.as_str()),
        venue_at: nanos(time)?,
    }))
}

fn candle<'a>(topic: &str, data: &'a str) -> Result<Message<'a>, DecodeError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        symbol: Text<'a>,
        #[serde(borrow)]
        candles: CandleRow<'a>,
        #[serde(borrow, default)]
        time: Option<Raw<'a>>,
    }
    let Data { symbol, candles: row, time } = from_json(data)?;
    let interval = owned(topic.rsplit_once('_').map_or("", |(_, interval)| interval));
    Ok(Message::Candle(CandleData { symbol, interval, row, venue_at: time.map(nanos).transpose()? }))
}

fn ticker<'a>(symbol: &str, data: &'a str) -> Result<Message<'a>, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        price: &'a str,
        best_bid: &'a str,
        best_bid_size: &'a str,
        best_ask: &'a str,
        best_ask_size: &'a str,
        #[serde(borrow, default, alias = "Time")]
        time: Option<Raw<'a>>,
    }
    let data: Data<'_> = from_json(data)?;
    let level = |price, qty| LevelData { price, qty, id: None };
    let venue_at: Option<Timestamp> = data.time.map(millis).transpose()?;
    Ok(Message::Ticker(TickerData {
        symbol: owned(symbol),
        last: data.price,
        bid: level(data.best_bid, data.best_bid_size),
        ask: level(data.best_ask, data.best_ask_size),
        venue_at,
    }))
}

/// Our request for topics, or for an end of them. There is no space behind the colon: the venue refuses one.
pub(crate) fn request(id: u64, action: &str, topic: &str) -> String {
    format!(r#"{{"id":"{id}","type":"{action}","topic":"{topic}","privateChannel":false,"response":true}}"#)
}

#[cfg(test)]
mod tests {
    use types::{Aggressor, InstrumentId, Scale};

    use super::*;

    const SCALE: Scale = Scale { price_decimals: 12, qty_decimals: 8 };

    #[test]
    fn the_recorded_trade_of_section_2_5() {
        let text = r#"{"data":{"symbol":"DAPPT-BTC","sequence":"1612701563869","side":"buy","size":"81.8814","price":"0.0000001117","takerOrderId":"6085...","time":"1619378327739050725","type":"match","makerOrderId":"6085...","tradeId":"6085c09769bc506996295e36"},"subject":"trade.l3match","topic":"/market/match:DAPPT-BTC","type":"message"}"#;
        let Ok(Message::Trade(data)) = decode(text) else { panic!("no trade") };
        assert_eq!((data.symbol.as_str(), data.number), ("DAPPT-BTC", 1_612_701_563_869));
        let trade = data.trade(InstrumentId(1), SCALE).expect("readable");
        assert_eq!(trade.id, 0x6085_c097_69bc_5069_9629_5e36, "names of 2021 are hexadecimal");
        assert_eq!((trade.price.mantissa(), trade.qty.0, trade.fills), (111_700, 8_188_140_000, 1));
        assert_eq!((trade.aggressor, trade.venue_at.as_nanos()), (Aggressor::Buy, 1_619_378_327_739_050_725));

        let today = text.replace("6085c09769bc506996295e36", "11067996711960577");
        let today = today.replace(r#""sequence":"1612701563869","#, "");
        let Ok(Message::Trade(data)) = decode(&today) else { panic!() };
        assert_eq!((data.number, data.id), (11_067_996_711_960_577, 11_067_996_711_960_577));
        for odd in [text.replace("e36\"", "e3g\""), text.replace("1612701563869", "-1"), text.replace("tradeId", "id")]
        {
            assert!(decode(&odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn the_recorded_candle_of_section_2_5_is_open_close_high_low() {
        let text = r#"{"data":{"symbol":"DAPPT-BTC","candles":["1619378220","0.0000001116","0.0000001116","0.0000001116","0.0000001116","0","0"],"time":1619378328806000034},"subject":"trade.candles.add","topic":"/market/candles:DAPPT-BTC_1min","type":"message"}"#;
        let Ok(Message::Candle(data)) = decode(text) else { panic!("no candle") };
        assert_eq!((data.symbol.as_str(), data.interval.as_str()), ("DAPPT-BTC", "1min"));
        assert_eq!(data.venue_at.map(Timestamp::as_nanos), Some(1_619_378_328_806_000_034));
        let candle = data.row.candle(SCALE).expect("readable");
        assert_eq!(candle, types::Candle::flat(Timestamp::from_secs(1_619_378_220), candle.close));

        let text = include_str!("../../fixtures/kucoin_public_frames.jsonl");
        let Ok(Message::Candle(data)) = decode(text.trim()) else { panic!("no candle") };
        let candle = data.row.candle(SCALE).expect("readable");
        let prices =
            [candle.open, candle.high, candle.low, candle.close].map(|price| price.mantissa() / 100_000_000_000);
        assert_eq!(prices, [844_102, 844_102, 843_906, 843_907]);
        assert_eq!((candle.volume.0, candle.trades), (63_004_204, 1), "at least one fill");
    }

    #[test]
    fn the_recorded_ticker_of_section_2_5_has_its_symbol_in_the_topic_or_in_the_subject() {
        let data = r#"{"sequence":"1612844051653","bestAsk":"0.00028717","size":"0.01745248","bestBidSize":"3.70422021","price":"0.00028676","time":1619378326323,"bestAskSize":"14.04274325","bestBid":"0.00028678"}"#;
        for (topic, subject) in [("BCHSV-USDT", "trade.ticker"), ("all", "BCHSV-USDT")] {
            let text =
                format!(r#"{{"topic":"/market/ticker:{topic}","subject":"{subject}","type":"message","data":{data}}}"#);
            let Ok(Message::Ticker(data)) = decode(&text) else { panic!("no ticker") };
            assert_eq!((data.symbol.as_str(), data.last), ("BCHSV-USDT", "0.00028676"));
            assert_eq!((data.bid.price, data.ask.qty), ("0.00028678", "14.04274325"));
            assert_eq!(data.venue_at, Some(Timestamp::from_millis(1_619_378_326_323)));
        }
    }

    #[test]
    fn the_recorded_change_of_section_2_5_is_at_no_price() {
        let text = r#"{"data":{"sequenceStart":1613277183874,"symbol":"BCHSV-USDT","changes":{"asks":[["0","0","1613277183874"]],"bids":[]},"sequenceEnd":1613277183874},"subject":"trade.l2update","topic":"/market/level2:BCHSV-USDT","type":"message"}"#;
        let Ok(Message::Changes(data)) = decode(text) else { panic!("no changes") };
        assert_eq!((data.first_id, data.last_id, data.venue_at), (1_613_277_183_874, 1_613_277_183_874, None));
        assert_eq!(data.asks[0].id, Some(1_613_277_183_874));
        assert!(data.asks[0].is_nowhere() && data.bids.is_empty());
        let today = text.replace(r#""symbol":"#, r#""time":1663747970273,"symbol":"#);
        let Ok(Message::Changes(data)) = decode(&today) else { panic!("no changes") };
        assert_eq!(data.venue_at, Some(Timestamp::from_millis(1_663_747_970_273)));
        assert!(decode(&text.replace("sequenceStart\":16", "sequenceStart\":96")).is_err(), "backwards");
    }

    #[test]
    fn pictures_have_their_symbol_in_the_topic() {
        let text = r#"{"type":"message","topic":"/spotMarket/level2Depth50:BTC-USDT","subject":"level2","data":{"asks":[["9989","8"]],"bids":[["9988","56"]],"timestamp":1586948108193}}"#;
        let Ok(Message::Picture(data)) = decode(text) else { panic!("no picture") };
        assert_eq!((data.symbol.as_str(), data.id), ("BTC-USDT", None));
        assert_eq!((data.bids[0].price, data.asks[0].qty), ("9988", "8"));
        assert_eq!(data.venue_at, Some(Timestamp::from_millis(1_586_948_108_193)));
        let best = r#"{"type":"message","topic":"/spotMarket/level1:BTC-USDT","subject":"level1","data":{"asks":["68145.8","0.51987471"],"bids":[],"timestamp":1}}"#;
        assert!(matches!(decode(best), Ok(Message::Ignored)));
    }

    #[test]
    fn answers_of_sections_2_1_to_2_3() {
        assert!(matches!(decode(r#"{"id":"box-1","type":"welcome"}"#), Ok(Message::Welcome { pings: None })));
        assert!(matches!(decode(r#"{"id":"1545910590801","type":"pong"}"#), Ok(Message::Pong)));
        for text in [r#"{"id":"1","type":"ack"}"#, r#"{"id":1,"type":"ack"}"#] {
            assert!(matches!(decode(text), Ok(Message::Accepted { id: Some(1) })), "{text}");
        }
        assert!(matches!(decode(r#"{"id":"hello","type":"ack"}"#), Ok(Message::Accepted { id: None })));
        for (code, text) in [
            (404, r#"{"id":"2","type":"error","code":404,"data":"topic /market/xyz is not found"}"#),
            (401, r#"{"id":"2","type":"error","code":401,"data":"token is invalid"}"#),
            (509, r#"{"id":"2","type":"error","code":"509","data":"exceed max subscription count"}"#),
        ] {
            let Ok(Message::Refused(refused)) = decode(text) else { panic!("not refused: {text}") };
            assert_eq!((refused.id, refused.code), (Some(2), Some(code)));
        }
        for text in ["{}", "[]", "7", "", r#"{"type":"news"}"#, r#"{"type":"message","topic":"/x:y","data":{}}"#] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_space_stands_behind_the_colon() {
        assert_eq!(
            request(1, "subscribe", "/market/match:BTC-USDT,ETH-USDT"),
            r#"{"id":"1","type":"subscribe","topic":"/market/match:BTC-USDT,ETH-USDT","privateChannel":false,"response":true}"#
        );
    }
}
