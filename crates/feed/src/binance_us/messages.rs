//! Binance.US messages (protocol sections 3 and 4), decoded without copying.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;
use types::decimal::Exponent;
use types::{Aggressor, Candle, InstrumentId, Scale, Timestamp, Trade};

use crate::decode::{DecodeError, from_json};
use crate::level::LevelData;
use crate::number::{NumberFormat, Text};

/// A message of the venue, whether it came bare or in the wrapper of a combined stream.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// Changed levels of a book.
    Depth(DepthData<'a>),
    /// All levels of a book up to a limit: a REST body, or a line of some recorders.
    Snapshot(SnapshotData<'a>),
    /// A trade, or all fills of one taker order at one price.
    Trade(TradeData<'a>),
    /// A one-minute candle.
    Kline(KlineData<'a>),
    /// Our request with this number was accepted.
    Accepted { id: Option<u64> },
    /// Our request was refused; not all servers say which.
    Refused { id: Option<u64>, text: &'a str },
    /// The server is about to close the connection.
    ServerShutdown,
    /// A known message that nothing is done with (tickers, partial depth).
    Ignored,
}

/// Levels that changed between two update numbers.
#[derive(Debug, Deserialize)]
pub(crate) struct DepthData<'a> {
    #[serde(rename = "E")]
    event_ms: i64,
    #[serde(borrow, rename = "s")]
    pub(crate) symbol: Text<'a>,
    #[serde(rename = "U")]
    pub(crate) first_id: u64,
    #[serde(rename = "u")]
    pub(crate) last_id: u64,
    #[serde(borrow, rename = "b")]
    pub(crate) bids: Vec<LevelData<'a>>,
    #[serde(borrow, rename = "a")]
    pub(crate) asks: Vec<LevelData<'a>>,
}

impl DepthData<'_> {
    pub(crate) fn venue_at(&self) -> Timestamp {
        Timestamp::from_millis(self.event_ms)
    }
}

/// A book up to a limit; it does not say of which symbol.
#[derive(Debug, Deserialize)]
pub(crate) struct SnapshotData<'a> {
    #[serde(rename = "lastUpdateId")]
    pub(crate) last_id: u64,
    #[serde(borrow)]
    pub(crate) bids: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(crate) asks: Vec<LevelData<'a>>,
}

/// Which of the two trade streams a trade came from; their numbers have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TradeStream {
    /// Single fills.
    Fills,
    /// Aggregates.
    Aggregates,
}

#[derive(Debug)]
pub(crate) struct TradeData<'a> {
    pub(crate) stream: TradeStream,
    pub(crate) symbol: Text<'a>,
    pub(crate) id: u64,
    pub(crate) price: &'a str,
    pub(crate) qty: &'a str,
    fills: u32,
    trade_ms: i64,
    is_buyer_maker: bool,
}

impl TradeData<'_> {
    pub(crate) fn trade(&self, instrument: InstrumentId, scale: Scale) -> Result<Trade, DecodeError> {
        let format = number_format(scale);
        Ok(Trade {
            instrument,
            id: u128::from(self.id),
            price: format.price(self.price)?,
            qty: format.qty(self.qty)?,
            aggressor: aggressor(self.is_buyer_maker),
            fills: self.fills,
            venue_at: Timestamp::from_millis(self.trade_ms),
        })
    }
}

/// Where the buyer was the maker, the seller crossed the spread.
pub(crate) const fn aggressor(is_buyer_maker: bool) -> Aggressor {
    if is_buyer_maker { Aggressor::Sell } else { Aggressor::Buy }
}

#[derive(Debug, Deserialize)]
pub(crate) struct KlineData<'a> {
    #[serde(rename = "E")]
    event_ms: i64,
    #[serde(borrow, rename = "s")]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow, rename = "k")]
    pub(crate) kline: Kline<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Kline<'a> {
    #[serde(rename = "t")]
    open_ms: i64,
    #[serde(borrow, rename = "i")]
    pub(crate) interval: Text<'a>,
    #[serde(borrow, rename = "o")]
    open: &'a str,
    #[serde(borrow, rename = "h")]
    high: &'a str,
    #[serde(borrow, rename = "l")]
    low: &'a str,
    #[serde(borrow, rename = "c")]
    close: &'a str,
    #[serde(borrow, rename = "v")]
    volume: &'a str,
    #[serde(rename = "n")]
    trades: u32,
    #[serde(rename = "x")]
    pub(crate) is_final: bool,
}

impl KlineData<'_> {
    pub(crate) fn venue_at(&self) -> Timestamp {
        Timestamp::from_millis(self.event_ms)
    }

    pub(crate) fn candle(&self, scale: Scale) -> Result<Candle, DecodeError> {
        let format = number_format(scale);
        let kline = &self.kline;
        Ok(Candle {
            open_time: Timestamp::from_millis(kline.open_ms),
            open: format.price(kline.open)?,
            high: format.price(kline.high)?,
            low: format.price(kline.low)?,
            close: format.price(kline.close)?,
            volume: format.qty(kline.volume)?,
            trades: kline.trades,
        })
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    /// Combined streams: the payload and the stream it came from.
    #[serde(borrow, default)]
    stream: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    /// Answers to control messages.
    #[serde(default)]
    id: Option<u64>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    code: Option<i64>,
    #[serde(borrow, default)]
    msg: Option<&'a RawValue>,
    /// Bare payloads.
    #[serde(borrow, default)]
    e: Option<Text<'a>>,
    #[serde(borrow, default, rename = "lastUpdateId")]
    last_update_id: Option<&'a RawValue>,
    /// Best prices come without a name of the event.
    #[serde(borrow, default, rename = "B")]
    best_bid_qty: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "A")]
    best_ask_qty: Option<&'a RawValue>,
}

/// Tells `"result":null` from no result at all.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one message.
///
/// # Errors
/// [`DecodeError`] when it is not one of the protocol.
pub(crate) fn decode(text: &str) -> Result<Message<'_>, DecodeError> {
    let envelope: Envelope<'_> = from_json(text)?;
    match (&envelope.stream, envelope.data) {
        (Some(stream), Some(data)) => decode_combined(stream.as_str(), data.get()),
        _ => decode_bare(text, &envelope),
    }
}

fn decode_combined<'a>(stream: &str, data: &'a str) -> Result<Message<'a>, DecodeError> {
    // Streams of all symbols at once (`!ticker@arr`) are lists, with nothing of ours.
    if stream.starts_with('!') && stream.contains('@') {
        return Ok(Message::Ignored);
    }
    let payload: Envelope<'_> = from_json(data)?;
    // Partial depth looks like a snapshot from REST, but is a new one each time and not spliced into anything.
    if payload.e.is_none() && stream.contains("@depth") {
        return Ok(Message::Ignored);
    }
    decode_bare(data, &payload)
}

fn decode_bare<'a>(text: &'a str, envelope: &Envelope<'a>) -> Result<Message<'a>, DecodeError> {
    match envelope.e.as_ref().map(Text::as_str) {
        Some("depthUpdate") => Ok(Message::Depth(from_json(text)?)),
        Some("aggTrade") => aggregate(text),
        Some("trade") => fill(text),
        Some("kline") => Ok(Message::Kline(from_json(text)?)),
        Some("serverShutdown") => Ok(Message::ServerShutdown),
        Some("bookTicker" | "24hrTicker" | "24hrMiniTicker") => Ok(Message::Ignored),
        Some(other) => Err(DecodeError::unknown(format_args!("event {other:?}"))),
        None if envelope.last_update_id.is_some() => Ok(Message::Snapshot(from_json(text)?)),
        None if envelope.best_bid_qty.is_some() && envelope.best_ask_qty.is_some() => Ok(Message::Ignored),
        None => decode_answer(envelope),
    }
}

fn decode_answer<'a>(envelope: &Envelope<'a>) -> Result<Message<'a>, DecodeError> {
    #[derive(Deserialize)]
    struct ErrorData {
        #[serde(rename = "code")]
        _code: i64,
    }
    let id = envelope.id;
    if let (Some(_), Some(msg)) = (envelope.code, envelope.msg) {
        return Ok(Message::Refused { id, text: msg.get() });
    }
    // Newer servers wrap the error (section 3); an error of another shape is another protocol's.
    if let Some(error) = envelope.error.filter(|error| from_json::<ErrorData>(error.get()).is_ok()) {
        return Ok(Message::Refused { id, text: error.get() });
    }
    match envelope.result {
        Some(result) if id.is_some() && !result.get().starts_with('{') => Ok(Message::Accepted { id }),
        _ => Err(DecodeError::unknown("a message with neither event nor answer")),
    }
}

fn aggregate(text: &str) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    struct Aggregate<'a> {
        #[serde(borrow)]
        s: Text<'a>,
        a: u64,
        #[serde(borrow)]
        p: &'a str,
        #[serde(borrow)]
        q: &'a str,
        f: i64,
        l: i64,
        #[serde(rename = "T")]
        trade_ms: i64,
        m: bool,
    }
    let Aggregate { s, a, p, q, f, l, trade_ms, m } = from_json(text)?;
    Ok(Message::Trade(TradeData {
        stream: TradeStream::Aggregates,
        symbol: s,
        id: a,
        price: p,
        qty: q,
        fills: fills(f, l),
        trade_ms,
        is_buyer_maker: m,
    }))
}

/// Fills from the first to the last trade number of an aggregate.
pub(crate) fn fills(first: i64, last: i64) -> u32 {
    u32::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(1).max(1)
}

fn fill(text: &str) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    struct Fill<'a> {
        #[serde(borrow)]
        s: Text<'a>,
        t: u64,
        #[serde(borrow)]
        p: &'a str,
        #[serde(borrow)]
        q: &'a str,
        #[serde(rename = "T")]
        trade_ms: i64,
        m: bool,
    }
    let Fill { s, t, p, q, trade_ms, m } = from_json(text)?;
    Ok(Message::Trade(TradeData {
        stream: TradeStream::Fills,
        symbol: s,
        id: t,
        price: p,
        qty: q,
        fills: 1,
        trade_ms,
        is_buyer_maker: m,
    }))
}

/// Numbers are plain decimal strings: an exponent is refused loudly (section 9.9).
pub(crate) const fn number_format(scale: Scale) -> NumberFormat {
    NumberFormat { scale, exponent: Exponent::Refuse }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { price_decimals: 8, qty_decimals: 8 };

    #[test]
    fn bare_and_combined_payloads_are_the_same() {
        let bare = r#"{"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.001","q":"100","f":100,"l":105,"T":1672515782136,"m":true,"M":true}"#;
        let combined = format!(r#"{{"stream":"bnbbtc@aggTrade","data":{bare}}}"#);
        for text in [bare, &combined] {
            let Ok(Message::Trade(data)) = decode(text) else { panic!("no trade: {text}") };
            let trade = data.trade(InstrumentId(1), SCALE).expect("readable");
            assert_eq!((trade.id, trade.fills, trade.aggressor), (12_345, 6, Aggressor::Sell));
            assert_eq!((trade.price.mantissa(), trade.qty.0), (100_000, 10_000_000_000));
        }
        let fill = r#"{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","b":88,"a":50,"T":1672515782136,"m":false,"M":true}"#;
        let Ok(Message::Trade(data)) = decode(fill) else { panic!("no trade") };
        assert_eq!(data.stream, TradeStream::Fills);
        assert_eq!(data.trade(InstrumentId(1), SCALE).map(|trade| trade.aggressor), Ok(Aggressor::Buy));
    }

    #[test]
    fn the_recorded_candle_of_section_4_2() {
        let text = include_str!("../../fixtures/binance_us_kline.json");
        let Ok(Message::Kline(data)) = decode(text) else { panic!("no candle") };
        assert!(!data.kline.is_final);
        let candle = data.candle(SCALE).expect("readable");
        assert_eq!(candle.open_time, Timestamp::from_millis(1_633_998_240_000));
        assert_eq!((candle.low.mantissa(), candle.volume.0, candle.trades), (1_372_120_000, 18_349_000_000, 6));
    }

    #[test]
    fn answers_are_told_from_other_protocols() {
        assert!(matches!(decode(r#"{"result":null,"id":1}"#), Ok(Message::Accepted { id: Some(1) })));
        assert!(matches!(decode(r#"{"result":["btcusdt@aggTrade"],"id":3}"#), Ok(Message::Accepted { id: Some(3) })));
        let refused = [
            r#"{"code":2,"msg":"Invalid request: unknown variant"}"#,
            r#"{"code":3,"msg":"Invalid JSON","id":7}"#,
            r#"{"error":{"code":2,"msg":"Invalid request"},"id":7}"#,
        ];
        for text in refused {
            assert!(matches!(decode(text), Ok(Message::Refused { .. })), "{text}");
        }
        let shutdowns = [
            r#"{"e":"serverShutdown","E":1772515782136}"#,
            r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1772515782136}}"#,
        ];
        for text in shutdowns {
            assert!(matches!(decode(text), Ok(Message::ServerShutdown)), "{text}");
        }
        let foreign = [
            r#"{"channel":"heartbeat"}"#,
            r#"{"method":"subscribe","result":{"channel":"book"},"success":true,"req_id":1}"#,
            r#"{"error":"Currency pair not supported","method":"subscribe","success":false}"#,
            r#"{"type":"l2update","product_id":"BTC-USD","changes":[]}"#,
            r#"{"type":"message","topic":"/market/level2:BTC-USDT","data":{}}"#,
            "{}",
            "[]",
            "7",
            "",
        ];
        for text in foreign {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
