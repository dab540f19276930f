//! Kraken's REST answers (protocol section 7).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use types::decimal::{self, Exponent};
use types::{Aggressor, Candle, Instrument, InstrumentId, Scale, Timeframe, Timestamp, Trade};

use super::instruments::{self, rest_pair};
use super::messages::{PairData, number_format};
use crate::decode::{DecodeError, from_json, text};
use crate::number::{Raw, Text, smallest_scale};
use crate::session::Call;

/// An answer without a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The venue's own errors, joined. HTTP says 200 all the same.
    #[error("{0}")]
    Venue(String),
    #[error(transparent)]
    Unreadable(#[from] DecodeError),
}

impl AnswerError {
    /// Asking again later may help; asking again for an unknown pair does not.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Venue(text) => !(text.contains("EQuery:") || text.contains("EGeneral:Invalid")),
            Self::Unreadable(_) => true,
        }
    }

    /// The venue wants fewer requests.
    pub(crate) fn is_rate_limit(&self) -> bool {
        matches!(self, Self::Venue(text) if ["Rate limit", "Too many requests", "Throttled"].iter().any(|t| text.contains(t)))
    }
}

/// The one-minute candles; the venue gives the newest 720 whatever is asked.
pub(crate) fn candles_of(symbol: &str) -> Call {
    Call::get(format!("/0/public/OHLC?pair={}&interval=1", rest_pair(symbol)), 1)
}

/// The candles from `first` on, the running one included; of those the venue has only the newest 720.
pub(crate) fn candles_since(symbol: &str, timeframe: Timeframe, first: Timestamp) -> Call {
    let (minutes, since) = (timeframe.minutes(), first.as_secs() - 1);
    Call::get(format!("/0/public/OHLC?pair={}&interval={minutes}&since={since}", rest_pair(symbol)), 1)
}

/// Rules of all pairs.
pub(crate) fn asset_pairs() -> Call {
    Call::get("/0/public/AssetPairs".to_owned(), 1)
}

/// The instruments of an `AssetPairs` answer, in their WebSocket names; dark pools have none and are left out, as are
/// pairs whose rules make no sense.
pub(crate) fn instruments(body: &[u8]) -> Result<Vec<Instrument>, AnswerError> {
    #[derive(Deserialize)]
    struct Pair<'a> {
        /// In the currencies' old names, for all that it is called so.
        #[serde(borrow)]
        wsname: Text<'a>,
        pair_decimals: u8,
        lot_decimals: u8,
        #[serde(borrow, default)]
        tick_size: Option<Raw<'a>>,
        #[serde(borrow, default)]
        ordermin: Option<Raw<'a>>,
        #[serde(borrow, default)]
        costmin: Option<Raw<'a>>,
    }
    let pairs = result(body)?;
    let read = |raw: &&RawValue| {
        let pair: Pair<'_> = from_json(raw.get()).ok()?;
        let (base, quote) = pair.wsname.as_str().split_once('/')?;
        let [base, quote] = [base, quote].map(instruments::canonical);
        let data = PairData {
            symbol: Text(format!("{base}/{quote}").into()),
            base: Text(base.into()),
            quote: Text(quote.into()),
            status: None,
            price_precision: pair.pair_decimals,
            qty_precision: pair.lot_decimals,
            price_increment: pair.tick_size,
            qty_increment: None,
            qty_min: pair.ordermin,
            cost_min: pair.costmin,
        };
        instruments::instrument(InstrumentId(0), &data).ok()
    };
    Ok(pairs.values().filter_map(read).collect())
}

/// Closed candles of an `OHLC` answer, oldest first. The last row of an answer is the running minute: left out.
pub(crate) fn candles(body: &[u8], scale: Scale) -> Result<Vec<Candle>, AnswerError> {
    #[derive(Deserialize)]
    struct Row<'a>(
        i64,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        u32,
    );
    let rows: Vec<Row<'_>> = rows(body)?;
    let format = number_format(scale);
    let closed = rows.len().saturating_sub(1);
    rows[..closed]
        .iter()
        .map(|Row(time_s, open, high, low, close, _vwap, volume, trades)| {
            Ok(Candle {
                open_time: Timestamp::from_secs(*time_s),
                open: format.price(open.as_str()).map_err(DecodeError::from)?,
                high: format.price(high.as_str()).map_err(DecodeError::from)?,
                low: format.price(low.as_str()).map_err(DecodeError::from)?,
                close: format.price(close.as_str()).map_err(DecodeError::from)?,
                volume: format.qty(volume.as_str()).map_err(DecodeError::from)?,
                trades: *trades,
            })
        })
        .collect()
}

/// Most trades in an answer.
pub(crate) const TRADES_MAX: usize = 1_000;

/// The trades at and after a time, at most a thousand.
pub(crate) fn trades_since(symbol: &str, since: Timestamp) -> Call {
    trades_after(symbol, since.as_nanos().saturating_sub(1))
}

/// The trades after a time in nanoseconds, at most a thousand.
pub(crate) fn trades_after(symbol: &str, since_ns: i64) -> Call {
    Call::get(format!("/0/public/Trades?pair={}&since={since_ns}&count={TRADES_MAX}", rest_pair(symbol)), 1)
}

/// Trades of a `Trades` answer, oldest first, at the smallest scale that holds them all.
pub(crate) fn trades(body: &[u8]) -> Result<(Scale, Vec<Trade>), AnswerError> {
    let rows: Vec<TradeRow<'_>> = rows(body)?;
    let scale = smallest_scale(rows.iter().map(|row| (row.0.as_str(), row.1.as_str()))).map_err(DecodeError::from)?;
    let trades: Result<_, DecodeError> = rows.iter().map(|row| Ok(row.trade(InstrumentId(0), scale)?.1)).collect();
    Ok((scale, trades?))
}

/// The same at a known scale, each with its number.
pub(crate) fn trades_of(body: &[u8], instrument: InstrumentId, scale: Scale) -> Result<Vec<(u64, Trade)>, AnswerError> {
    let rows: Vec<TradeRow<'_>> = rows(body)?;
    let trades: Result<_, DecodeError> = rows.iter().map(|row| row.trade(instrument, scale)).collect();
    Ok(trades?)
}

/// The same, with where the next page begins, in nanoseconds.
pub(crate) fn trades_page(
    body: &[u8],
    instrument: InstrumentId,
    scale: Scale,
) -> Result<(Vec<(u64, Trade)>, i64), AnswerError> {
    let last = result(body)?.get("last").map(|raw| raw.get().trim_matches('"').parse());
    let Some(Ok(next)) = last else { return Err(DecodeError::malformed("no readable `last`").into()) };
    Ok((trades_of(body, instrument, scale)?, next))
}

/// Price, quantity, time, side, kind of order, something more, number.
#[derive(Deserialize)]
struct TradeRow<'a>(
    #[serde(borrow)] Text<'a>,
    #[serde(borrow)] Text<'a>,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] Text<'a>,
    IgnoredAny,
    IgnoredAny,
    u64,
);

impl TradeRow<'_> {
    fn trade(&self, instrument: InstrumentId, scale: Scale) -> Result<(u64, Trade), DecodeError> {
        let Self(price, qty, time_s, side, _kind, _misc, id) = self;
        let format = number_format(scale);
        let trade = Trade {
            instrument,
            id: u128::from(*id),
            price: format.price(price.as_str())?,
            qty: format.qty(qty.as_str())?,
            aggressor: match side.as_str() {
                "b" => Aggressor::Buy,
                "s" => Aggressor::Sell,
                _ => Aggressor::Unknown,
            },
            fills: 1,
            venue_at: seconds(time_s.get())?,
        };
        Ok((*id, trade))
    }
}

/// A time in seconds with a fraction.
fn seconds(text: &str) -> Result<Timestamp, DecodeError> {
    decimal::parse(text.as_bytes(), 9, Exponent::Accept)
        .map(Timestamp::from_nanos)
        .map_err(|error| DecodeError::malformed(format_args!("time {text}: {error}")))
}

/// The rows under the only key of the result that is not `last`: its name is not the one that was asked for.
fn rows<'a, R: Deserialize<'a>>(body: &'a [u8]) -> Result<Vec<R>, AnswerError> {
    let result = result(body)?;
    let mut pairs = result.iter().filter(|(key, _)| *key != "last");
    match (pairs.next(), pairs.next()) {
        (Some((_, rows)), None) => Ok(from_json(rows.get())?),
        _ => Err(DecodeError::malformed("not exactly one pair in the result").into()),
    }
}

/// The result of an answer by its keys.
fn result(body: &[u8]) -> Result<BTreeMap<String, &RawValue>, AnswerError> {
    #[derive(Deserialize)]
    struct Envelope<'e> {
        error: Vec<String>,
        #[serde(borrow, default)]
        result: Option<BTreeMap<String, &'e RawValue>>,
    }
    let envelope: Envelope<'_> = from_json(text(body)?)?;
    // Strings that start with W are warnings.
    let errors: Vec<String> = envelope.error.into_iter().filter(|text| !text.starts_with('W')).collect();
    if !errors.is_empty() {
        return Err(AnswerError::Venue(errors.join(", ")));
    }
    Ok(envelope.result.ok_or_else(|| DecodeError::malformed("neither error nor result"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { price_decimals: 1, qty_decimals: 8 };

    #[test]
    fn candles_are_read_but_for_the_running_one() {
        let body = br#"{"error":[],"result":{"XXBTZUSD":[
            [1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1","3.39243896",23],
            [1762777020,"106038.2","106038.2","106038.2","106038.2","0.0","0.00000000",0],
            [1762777080,"1.0","1.0","1.0","1.0","1.0","1.00000000",1]],"last":1688672160}}"#;
        let candles = candles(body, SCALE).expect("readable");
        assert_eq!(candles.len(), 2);
        assert_eq!(candles[0].open_time, Timestamp::from_secs(1_688_671_200));
        assert_eq!(candles[0].low.mantissa(), 303_057);
        assert_eq!((candles[0].volume.0, candles[0].trades), (339_243_896, 23));
        assert_eq!(candles[1], Candle::flat(Timestamp::from_secs(1_762_777_020), candles[1].close));
    }

    #[test]
    fn rules_of_pairs_are_told_in_websocket_names() {
        let body = br#"{"error":[],"result":{
            "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8,"tick_size":"0.1","ordermin":"0.0001","costmin":"0.5"},
            "XDGUSDT":{"altname":"XDGUSDT","wsname":"XDG/USDT","pair_decimals":7,"lot_decimals":8,"ordermin":"50"},
            "XETHXXBT.d":{"altname":"ETHXBT.d","pair_decimals":5,"lot_decimals":8},
            "ODD":{"wsname":"ODD/USD","pair_decimals":99,"lot_decimals":8}}}"#;
        let mut instruments = instruments(body).expect("readable");
        instruments.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let names: Vec<_> = instruments.iter().map(|i| (i.symbol.as_str(), i.base.as_str(), i.qty_min.0)).collect();
        assert_eq!(names, [("BTC/USD", "BTC", 10_000), ("DOGE/USDT", "DOGE", 5_000_000_000)]);
        let call = candles_since("BTC/USD", Timeframe::M15, Timestamp::from_secs(1_800));
        assert_eq!(call.path, "/0/public/OHLC?pair=XBTUSD&interval=15&since=1799");
    }

    #[test]
    fn errors_come_with_status_200() {
        let limit = candles(br#"{"error":["EAPI:Rate limit exceeded"]}"#, SCALE).unwrap_err();
        assert!(limit.is_rate_limit() && limit.is_retryable());
        let pair = candles(br#"{"error":["EQuery:Unknown asset pair"]}"#, SCALE).unwrap_err();
        assert!(!pair.is_rate_limit() && !pair.is_retryable());
        assert_eq!(pair.to_string(), "EQuery:Unknown asset pair");
        let html = candles(b"<html>520</html>", SCALE).unwrap_err();
        assert!(html.is_retryable() && !html.is_rate_limit());
        assert_eq!(candles(br#"{"error":["WGeneral:Old"],"result":{"X":[],"last":0}}"#, SCALE), Ok(Vec::new()));
        assert!(candles(br#"{"error":[],"result":{"X":[],"Y":[]}}"#, SCALE).is_err());
    }

    #[test]
    fn trades_get_the_smallest_scale_that_holds_them() {
        let body = br#"{"error":[],"result":{"XBTUSDT":[
            ["105433.60000","0.00027625",1762795433.9717445,"b","l","",10218208],
            ["105433.00000","1.00000000",1762795434.5,"s","m","",10218209]],"last":"1762820000000000000"}}"#;
        let (scale, trades) = trades(body).expect("readable");
        assert_eq!(scale, SCALE);
        assert_eq!(trades[0].price.mantissa(), 1_054_336);
        assert_eq!(trades[0].qty.0, 27_625);
        assert_eq!(trades[0].venue_at.as_nanos(), 1_762_795_433_971_744_500);
        assert_eq!((trades[0].aggressor, trades[1].aggressor), (Aggressor::Buy, Aggressor::Sell));
        assert_eq!(trades[1].id, 10_218_209);
    }
}
