//! Binance.US REST requests and answers (protocol section 6).

use serde::Deserialize;
use serde::de::IgnoredAny;
use types::{Candle, InstrumentId, Scale, Timeframe, Timestamp, Trade};

use super::messages::{TradeStream, fills, number_format};
use crate::decode::{DecodeError, from_json, text};
use crate::number::{Text, smallest_scale};
use crate::session::Call;

/// Levels of each side asked for in a snapshot.
pub(crate) const SNAPSHOT_LIMIT: usize = 1_000;

/// Most rows of candles in one answer.
pub(crate) const CANDLES_MAX: u64 = 1_000;

/// Most trades in one answer.
const TRADES_MAX: u64 = 1_000;

pub(crate) fn snapshot(symbol: &str) -> Call {
    Call::get(format!("/api/v3/depth?symbol={symbol}&limit={SNAPSHOT_LIMIT}"), 50)
}

/// The newest `rows` one-minute candles, the running one included. No times are asked for: ours may be wrong.
pub(crate) fn candles_of(symbol: &str, rows: u64) -> Call {
    Call::get(format!("/api/v3/klines?symbol={symbol}&interval=1m&limit={}", rows.clamp(1, CANDLES_MAX)), 2)
}

/// The candles that start at `first`, at `last` or in between; of more than [`CANDLES_MAX`] the oldest.
pub(crate) fn candles_between(symbol: &str, timeframe: Timeframe, first: Timestamp, last: Timestamp) -> Call {
    let (interval, first, last) = (timeframe.name(), first.as_millis(), last.as_millis());
    let range = format!("startTime={first}&endTime={last}&limit={CANDLES_MAX}");
    Call::get(format!("/api/v3/klines?symbol={symbol}&interval={interval}&{range}"), 2)
}

/// Trades numbered `first` and above, at most [`TRADES_MAX`], of the kind the stream tells.
pub(crate) fn trades_from(symbol: &str, stream: TradeStream, first: u64) -> Call {
    let (name, weight) = match stream {
        TradeStream::Aggregates => ("aggTrades", 4),
        TradeStream::Fills => ("historicalTrades", 25),
    };
    Call::get(format!("/api/v3/{name}?symbol={symbol}&fromId={first}&limit={TRADES_MAX}"), weight)
}

/// Rules of some symbols; the whole answer is an error if one of them is unknown.
pub(crate) fn exchange_info<'a>(symbols: impl Iterator<Item = &'a str>) -> Call {
    let quoted: Vec<String> = symbols.map(|symbol| format!("%22{symbol}%22")).collect();
    Call::get(format!("/api/v3/exchangeInfo?symbols=%5B{}%5D", quoted.join(",")), 20)
}

/// Rules of all symbols.
pub(crate) fn exchange_info_of_all() -> Call {
    Call::get("/api/v3/exchangeInfo".to_owned(), 20)
}

/// What an error body says, shortened.
pub(crate) fn error_text(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct ErrorData {
        code: i64,
        msg: String,
    }
    match serde_json::from_slice::<ErrorData>(body) {
        Ok(error) => format!("{} ({})", error.msg.chars().take(120).collect::<String>(), error.code),
        Err(_) => "no error text".to_owned(),
    }
}

/// Closed candles of a `klines` answer, oldest first. The last row is left out unless its minute is over by the
/// venue's time `now`.
pub(crate) fn candles(body: &[u8], scale: Scale, now: Timestamp) -> Result<Vec<Candle>, DecodeError> {
    #[derive(Deserialize)]
    struct Row<'a>(
        i64,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
        i64,
        IgnoredAny,
        u32,
        IgnoredAny,
        IgnoredAny,
        IgnoredAny,
    );
    let mut rows: Vec<Row<'_>> = from_json(text(body)?)?;
    if rows.last().is_some_and(|last| Timestamp::from_millis(last.6) >= now) {
        rows.pop();
    }
    let format = number_format(scale);
    rows.iter()
        .map(|row| {
            Ok(Candle {
                open_time: Timestamp::from_millis(row.0),
                open: format.price(row.1.as_str())?,
                high: format.price(row.2.as_str())?,
                low: format.price(row.3.as_str())?,
                close: format.price(row.4.as_str())?,
                volume: format.qty(row.5.as_str())?,
                trades: row.8,
            })
        })
        .collect()
}

/// Trades of a `trades`, `historicalTrades` or `aggTrades` answer, oldest first, at the smallest scale that holds
/// them all.
pub(crate) fn trades(body: &[u8]) -> Result<(Scale, Vec<Trade>), DecodeError> {
    let rows: Vec<TradeRow<'_>> = from_json(text(body)?)?;
    let scale = smallest_scale(rows.iter().map(TradeRow::price_and_qty))?;
    let trades: Result<_, _> = rows.iter().map(|row| Ok(row.trade(InstrumentId(0), scale)?.1)).collect();
    trades.map(|trades| (scale, trades))
}

/// The same at a known scale, each with its number.
pub(crate) fn trades_of(body: &[u8], instrument: InstrumentId, scale: Scale) -> Result<Vec<(u64, Trade)>, DecodeError> {
    let rows: Vec<TradeRow<'_>> = from_json(text(body)?)?;
    rows.iter().map(|row| row.trade(instrument, scale)).collect()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TradeRow<'a> {
    Aggregate {
        a: u64,
        #[serde(borrow)]
        p: Text<'a>,
        #[serde(borrow)]
        q: Text<'a>,
        f: i64,
        l: i64,
        #[serde(rename = "T")]
        time_ms: i64,
        m: bool,
    },
    #[serde(rename_all = "camelCase")]
    Fill {
        id: u64,
        #[serde(borrow)]
        price: Text<'a>,
        #[serde(borrow)]
        qty: Text<'a>,
        time: i64,
        is_buyer_maker: bool,
    },
}

impl TradeRow<'_> {
    fn price_and_qty(&self) -> (&str, &str) {
        match self {
            Self::Aggregate { p, q, .. } => (p.as_str(), q.as_str()),
            Self::Fill { price, qty, .. } => (price.as_str(), qty.as_str()),
        }
    }

    fn trade(&self, instrument: InstrumentId, scale: Scale) -> Result<(u64, Trade), DecodeError> {
        let (id, fills, time_ms, is_buyer_maker) = match self {
            Self::Aggregate { a, f, l, time_ms, m, .. } => (*a, fills(*f, *l), *time_ms, *m),
            Self::Fill { id, time, is_buyer_maker, .. } => (*id, 1, *time, *is_buyer_maker),
        };
        let format = number_format(scale);
        let (price, qty) = self.price_and_qty();
        let trade = Trade {
            instrument,
            id: u128::from(id),
            price: format.price(price)?,
            qty: format.qty(qty)?,
            aggressor: super::messages::aggressor(is_buyer_maker),
            fills,
            venue_at: Timestamp::from_millis(time_ms),
        };
        Ok((id, trade))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Aggressor;

    const ROWS: &str = r#"[
        [1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499040059999,"2434.19",308,"1756.8","28.4","0"],
        [1499040060000,"0.01577100","0.01577100","0.01577100","0.01577100","0.00000000",1499040119999,"0.0",0,"0.0","0.0","0"]]"#;
    const SCALE: Scale = Scale { price_decimals: 8, qty_decimals: 8 };

    #[test]
    fn the_running_minute_is_left_out_and_a_closed_last_one_is_not() {
        let rows = |now_ms| candles(ROWS.as_bytes(), SCALE, Timestamp::from_millis(now_ms)).expect("readable");
        assert_eq!(rows(1_499_040_070_000).len(), 1);
        let both = rows(1_499_040_120_000);
        assert_eq!(both[0].volume.0, 14_897_611_427_815);
        assert_eq!(both[1], Candle::flat(Timestamp::from_millis(1_499_040_060_000), both[0].close));
        assert!(candles(br#"{"code":-1121,"msg":"Invalid symbol."}"#, SCALE, Timestamp::EPOCH).is_err());
    }

    #[test]
    fn trades_of_both_kinds() {
        let aggregates = br#"[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27783,"T":1498793709153,"m":true,"M":true}]"#;
        let (scale, rows) = trades(aggregates).expect("readable");
        assert_eq!(scale, SCALE);
        assert_eq!((rows[0].fills, rows[0].aggressor), (3, Aggressor::Sell));
        let fills = br#"[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.0","time":1499865549590,"isBuyerMaker":false,"isBestMatch":true}]"#;
        let (scale, rows) = trades(fills).expect("readable");
        assert_eq!(scale, Scale { price_decimals: 6, qty_decimals: 0 });
        assert_eq!((rows[0].id, rows[0].qty.0, rows[0].aggressor), (28_457, 12, Aggressor::Buy));
        assert!(trades(br#"[{"id":1}]"#).is_err());
    }

    #[test]
    fn paths_are_percent_encoded() {
        assert_eq!(
            exchange_info(["BTCUSDT", "ETHUSDT"].into_iter()).path,
            "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D"
        );
        assert_eq!(candles_of("BTCUSDT", 5_000).path, "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1000");
        assert_eq!(error_text(br#"{"code":-1121,"msg":"Invalid symbol."}"#), "Invalid symbol. (-1121)");
    }
}
