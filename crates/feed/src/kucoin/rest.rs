//! KuCoin's REST requests and answers (protocol section 4).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use types::time::NS_PER_MIN;
use types::{Candle, InstrumentId, Scale, Timeframe, Timestamp, Trade};

use super::messages::{CandleRow, LevelData, PictureData, TradeData, aggressor, millis, named, nanos, whole};
use crate::decode::{DecodeError, from_json, text};
use crate::io::Method;
use crate::number::{Raw, Text, smallest_scale};
use crate::session::Call;

/// An answer without a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The venue's own code and text; HTTP may say 200 all the same.
    #[error("{text} ({code})")]
    Venue { code: String, text: String },
    #[error(transparent)]
    Unreadable(#[from] DecodeError),
}

impl AnswerError {
    /// Asking again later may help; asking again for an unknown symbol or with a bad parameter does not.
    pub(crate) fn is_retryable(&self) -> bool {
        !matches!(self, Self::Venue { code, .. } if matches!(code.as_str(), "900001" | "400100"))
    }

    /// The venue wants fewer requests.
    pub(crate) fn is_rate_limit(&self) -> bool {
        matches!(self, Self::Venue { code, .. } if matches!(code.as_str(), "429000" | "200002" | "1015"))
    }

    /// The venue wants a key (400001 to 400007 are all about its headers).
    pub(crate) fn is_key_wanted(&self) -> bool {
        matches!(self, Self::Venue { code, .. } if code.starts_with("40000"))
    }
}

/// Most candles in one answer.
pub(crate) const CANDLES_MAX: i64 = 1_500;

/// What the venue says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VenueState {
    Open,
    /// Orders can only be cancelled.
    CancelOnly,
    Closed,
}

pub(crate) fn token() -> Call {
    Call { method: Method::Post, path: "/api/v1/bullet-public".to_owned(), weight: 10 }
}

pub(crate) fn symbols() -> Call {
    Call::get("/api/v2/symbols".to_owned(), 4)
}

pub(crate) fn time() -> Call {
    Call::get("/api/v1/timestamp".to_owned(), 3)
}

pub(crate) fn state() -> Call {
    Call::get("/api/v1/status".to_owned(), 3)
}

/// The whole book; the venue wants a key for it.
pub(crate) fn whole_snapshot(symbol: &str) -> Call {
    Call::get(format!("/api/v3/market/orderbook/level2?symbol={symbol}"), 3)
}

/// A hundred levels of each side, for everybody.
pub(crate) fn snapshot(symbol: &str) -> Call {
    Call::get(format!("/api/v1/market/orderbook/level2_100?symbol={symbol}"), 2)
}

/// The last hundred trades.
pub(crate) fn trades_of(symbol: &str) -> Call {
    Call::get(format!("/api/v1/market/histories?symbol={symbol}"), 3)
}

/// One-minute candles from `start` on; the newest 1500 if there are more. No end is asked for: that means now.
pub(crate) fn candles_from(symbol: &str, start: Timestamp) -> Call {
    let start_s = start.floor_to(NS_PER_MIN).as_secs();
    Call::get(format!("/api/v1/market/candles?type=1min&symbol={symbol}&startAt={start_s}"), 3)
}

/// The candles from `start` on and before `end`, at most [`CANDLES_MAX`].
pub(crate) fn candles_between(symbol: &str, timeframe: Timeframe, start: Timestamp, end: Timestamp) -> Call {
    let kind = match timeframe {
        Timeframe::M1 => "1min",
        Timeframe::M5 => "5min",
        Timeframe::M15 => "15min",
        Timeframe::H1 => "1hour",
        Timeframe::D1 => "1day",
    };
    let (start_s, end_s) = (start.as_secs(), end.as_secs());
    Call::get(format!("/api/v1/market/candles?type={kind}&symbol={symbol}&startAt={start_s}&endAt={end_s}"), 3)
}

/// The data of an answer.
///
/// # Errors
/// [`AnswerError::Venue`] for every code but that of success.
pub(crate) fn data<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, AnswerError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        code: Text<'a>,
        #[serde(borrow, default)]
        msg: Option<Text<'a>>,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }
    let Envelope { code, msg, data } = from_json(text(body)?)?;
    if code.as_str() != "200000" {
        let text = msg.map_or_else(|| "no text".to_owned(), |msg| msg.as_str().chars().take(120).collect());
        return Err(AnswerError::Venue { code: code.as_str().chars().take(16).collect(), text });
    }
    let data = data.ok_or_else(|| DecodeError::malformed("neither error nor data"))?;
    Ok(from_json(data.get())?)
}

/// What time it is at the venue.
pub(crate) fn venue_time(body: &[u8]) -> Result<Timestamp, AnswerError> {
    let time: Raw<'_> = data(body)?;
    Ok(millis(time)?)
}

/// What the venue says of itself.
pub(crate) fn venue_state(body: &[u8]) -> Result<VenueState, AnswerError> {
    #[derive(Deserialize)]
    struct State<'a> {
        #[serde(borrow)]
        status: Text<'a>,
    }
    let State { status } = data(body)?;
    match status.as_str() {
        "open" => Ok(VenueState::Open),
        "cancelonly" => Ok(VenueState::CancelOnly),
        "close" => Ok(VenueState::Closed),
        other => Err(DecodeError::malformed(format_args!("venue status {other:?}")).into()),
    }
}

/// A book of any of the snapshot requests, which does not say of which symbol it is.
pub(crate) fn book<'a>(symbol: &'a str, body: &'a [u8]) -> Result<PictureData<'a>, AnswerError> {
    #[derive(Deserialize)]
    struct Book<'a> {
        #[serde(borrow)]
        sequence: Raw<'a>,
        #[serde(borrow, default)]
        time: Option<Raw<'a>>,
        #[serde(borrow)]
        bids: Vec<LevelData<'a>>,
        #[serde(borrow)]
        asks: Vec<LevelData<'a>>,
    }
    let Book { sequence, time, bids, asks } = data(body)?;
    Ok(PictureData {
        symbol: Text(Cow::Borrowed(symbol)),
        id: Some(whole("sequence", sequence)?),
        bids,
        asks,
        venue_at: time.map(millis).transpose()?,
    })
}

/// Candles of an answer, oldest first, each minute once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Minutes {
    pub(crate) closed: Vec<Candle>,
    /// The newest one, where its minute is not over by the venue's time.
    pub(crate) running: Option<Candle>,
}

/// Candles of an answer, whose order is newest first; minutes without trades may be missing. `now` is the venue's time.
pub(crate) fn candles(body: &[u8], scale: Scale, now: Timestamp) -> Result<Minutes, AnswerError> {
    let rows: Vec<CandleRow<'_>> = data(body)?;
    let candles: Result<Vec<Candle>, _> = rows.iter().map(|row| row.candle(scale)).collect();
    let mut closed = candles.map_err(DecodeError::from)?;
    closed.sort_by_key(|candle| candle.open_time);
    closed.dedup_by_key(|candle| candle.open_time);
    let is_running = |candle: &mut Candle| candle.open_time.as_nanos().saturating_add(NS_PER_MIN) > now.as_nanos();
    let running = closed.pop_if(is_running);
    Ok(Minutes { closed, running })
}

/// Trades of a `histories` answer, oldest first.
pub(crate) fn histories<'a>(symbol: &'a str, body: &'a [u8]) -> Result<Vec<TradeData<'a>>, AnswerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row<'a> {
        #[serde(borrow)]
        sequence: Raw<'a>,
        #[serde(borrow, default)]
        trade_id: Option<Raw<'a>>,
        price: &'a str,
        size: &'a str,
        #[serde(borrow)]
        side: Text<'a>,
        #[serde(borrow)]
        time: Raw<'a>,
    }
    let rows: Vec<Row<'a>> = data(body)?;
    let trades: Result<Vec<TradeData<'a>>, DecodeError> = rows
        .into_iter()
        .map(|row| {
            Ok(TradeData {
                symbol: Text(Cow::Borrowed(symbol)),
                number: whole("sequence", row.sequence)?,
                id: named(row.trade_id.unwrap_or(row.sequence).unquoted())?,
                price: row.price,
                qty: row.size,
                aggressor: aggressor(row.side.as_str()),
                venue_at: nanos(row.time)?,
            })
        })
        .collect();
    let mut trades = trades?;
    trades.sort_by_key(|trade| (trade.venue_at, trade.number));
    Ok(trades)
}

/// Trades of a `histories` answer, oldest first, at the smallest scale that holds them all.
pub(crate) fn trades(body: &[u8]) -> Result<(Scale, Vec<Trade>), AnswerError> {
    let rows = histories("", body)?;
    let scale = smallest_scale(rows.iter().map(|row| (row.price, row.qty))).map_err(DecodeError::from)?;
    let trades: Result<Vec<Trade>, _> = rows.iter().map(|row| row.trade(InstrumentId(0), scale)).collect();
    Ok((scale, trades.map_err(DecodeError::from)?))
}

#[cfg(test)]
mod tests {
    use types::Aggressor;

    use super::*;

    const SCALE: Scale = Scale { price_decimals: 1, qty_decimals: 8 };

    fn ok(data: &str) -> Vec<u8> {
        format!(r#"{{"code":"200000","data":{data}}}"#).into_bytes()
    }

    #[test]
    fn every_code_but_that_of_success_is_an_error_whatever_http_says() {
        let error = |body: &str| data::<Vec<u8>>(body.as_bytes()).expect_err("an error");
        let unknown = error(r#"{"code":"900001","msg":"symbol not exists"}"#);
        assert_eq!(unknown.to_string(), "symbol not exists (900001)");
        assert!(!unknown.is_retryable() && !unknown.is_rate_limit());
        let parameter = error(r#"{"code":"400100","msg":"bad"}"#);
        assert!(!parameter.is_retryable() && !parameter.is_key_wanted());
        for code in ["429000", "200002"] {
            let limit = error(&format!(r#"{{"code":"{code}","msg":"too many"}}"#));
            assert!(limit.is_rate_limit() && limit.is_retryable());
        }
        assert!(
            error(r#"{"code":"400001","msg":"Please check the header of your request for KC-API-KEY"}"#)
                .is_key_wanted()
        );
        assert!(error(r#"{"msg":"Method Not Allowed","code":"405000"}"#).is_retryable());
        for odd in ["<html>1015</html>", "{}", r#"{"code":200000,"data":[]}"#, r#"{"code":"200000"}"#, "[]", ""] {
            assert!(matches!(error(odd), AnswerError::Unreadable(_)), "{odd}");
        }
        assert_eq!(data::<Vec<u8>>(&ok("[1,2]")), Ok(vec![1, 2]));
    }

    #[test]
    fn candles_come_newest_first_and_go_oldest_first_each_minute_once() {
        let row = |minute: i64| format!(r#"["{}","10.5","10.7","11","10","0.5","5.3"]"#, minute * 60);
        // 101 is missing: nothing traded. 99 stands twice: pages overlap.
        let body = ok(&format!("[{}]", [103, 102, 100, 99, 99].map(row).join(",")));
        let minutes = |now_s| candles(&body, SCALE, Timestamp::from_secs(now_s)).expect("readable");
        let starts = |minutes: &Minutes| -> Vec<i64> {
            minutes.closed.iter().map(|candle| candle.open_time.as_secs() / 60).collect()
        };
        let before = minutes(103 * 60 + 59);
        assert_eq!(starts(&before), [99, 100, 102]);
        assert_eq!(before.running.map(|candle| candle.open_time.as_secs()), Some(103 * 60));
        let after = minutes(104 * 60);
        assert_eq!((starts(&after), after.running), (vec![99, 100, 102, 103], None));
        let candle = after.closed[0];
        let prices = [candle.open, candle.high, candle.low, candle.close].map(types::Price::mantissa);
        assert_eq!((prices, candle.volume.0, candle.trades), ([105, 110, 100, 107], 50_000_000, 1));
        assert_eq!(candles(&ok("[]"), SCALE, Timestamp::EPOCH), Ok(Minutes::default()));
        assert!(candles(&ok(r#"[["x","1","1","1","1","1","1"]]"#), SCALE, Timestamp::EPOCH).is_err());
    }

    #[test]
    fn trades_of_the_history_in_any_order() {
        let body = ok(r#"[
            {"sequence":"11067996711960577","price":"67123.4","size":"0.000025","side":"buy","time":1729177117877000000},
            {"sequence":"11067996711960001","price":"67122","size":"0.5","side":"sell","time":1729177117000000000}]"#);
        let rows = histories("BTC-USDT", &body).expect("readable");
        assert_eq!(
            rows.iter().map(|row| row.number).collect::<Vec<_>>(),
            [11_067_996_711_960_001, 11_067_996_711_960_577]
        );
        let (scale, trades) = trades(&body).expect("readable");
        assert_eq!(scale, Scale { price_decimals: 1, qty_decimals: 6 });
        assert_eq!((trades[0].aggressor, trades[1].aggressor), (Aggressor::Sell, Aggressor::Buy));
        assert_eq!((trades[1].id, trades[1].price.mantissa(), trades[1].qty.0), (11_067_996_711_960_577, 671_234, 25));
        assert!(histories("X", &ok(r#"[{"sequence":"x"}]"#)).is_err());
    }

    #[test]
    fn what_the_venue_says_of_itself() {
        let state = |text: &str| venue_state(&ok(&format!(r#"{{"status":"{text}","msg":"upgrade"}}"#)));
        assert_eq!(state("open"), Ok(VenueState::Open));
        assert_eq!(state("close"), Ok(VenueState::Closed));
        assert_eq!(state("cancelonly"), Ok(VenueState::CancelOnly));
        assert!(state("asleep").is_err());
        assert_eq!(venue_time(&ok("1729177117877")), Ok(Timestamp::from_millis(1_729_177_117_877)));
    }

    #[test]
    fn paths_are_those_of_section_4() {
        assert_eq!((token().method, token().path.as_str()), (Method::Post, "/api/v1/bullet-public"));
        let start = Timestamp::from_secs(1_700_000_075);
        assert_eq!(
            candles_from("BTC-USDT", start).path,
            "/api/v1/market/candles?type=1min&symbol=BTC-USDT&startAt=1700000040"
        );
        assert_eq!(snapshot("BTC-USDT").path, "/api/v1/market/orderbook/level2_100?symbol=BTC-USDT");
        assert_eq!(whole_snapshot("BTC-USDT").path, "/api/v3/market/orderbook/level2?symbol=BTC-USDT");
    }
}
