//! Coinbase's REST requests and answers (protocol section 6).

use serde::Deserialize;
use types::decimal::Exponent;
use types::time::NS_PER_MIN;
use types::{Candle, InstrumentId, Scale, Timeframe, Timestamp, Trade};

use super::messages::{aggressor, number_format};
use crate::decode::{DecodeError, from_json, text};
use crate::level::LevelData;
use crate::number::{NumberFormat, Raw, Text, smallest_scale};
use crate::session::Call;

/// Most rows of trades in one answer.
pub(crate) const TRADES_MAX: u64 = 1_000;
/// Most rows of candles in one answer; a wider range is refused as a whole.
pub(crate) const CANDLES_MAX: i64 = 300;

pub(crate) const PRODUCTS_PATH: &str = "/products";

/// Path of the whole book, added up by price.
pub(crate) fn book_path(product_id: &str) -> String {
    format!("/products/{product_id}/book?level=2")
}

/// Path of the newest `rows` trades with numbers below `after`.
pub(crate) fn trades_path(product_id: &str, after: u64, rows: u64) -> String {
    format!("/products/{product_id}/trades?limit={}&after={after}", rows.clamp(1, TRADES_MAX))
}

/// Asks for the candles that start at `first`, at `last` or in between: at most [`CANDLES_MAX`].
pub(crate) fn candles_between(product_id: &str, timeframe: Timeframe, first: Timestamp, last: Timestamp) -> Call {
    let iso = |time: Timestamp| time.to_string().replace(".000Z", "Z");
    let (seconds, first, last) = (timeframe.minutes() * 60, iso(first), iso(last));
    Call::get(format!("/products/{product_id}/candles?granularity={seconds}&start={first}&end={last}"), 1)
}

/// What an error body says, shortened.
pub(crate) fn error_text(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct ErrorData {
        message: String,
    }
    match serde_json::from_slice::<ErrorData>(body) {
        Ok(error) => error.message.chars().take(120).collect(),
        Err(_) => "no error text".to_owned(),
    }
}

/// A book by REST, best levels first.
#[derive(Debug, Deserialize)]
pub(crate) struct BookBody<'a> {
    #[serde(borrow)]
    pub(crate) bids: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(crate) asks: Vec<LevelData<'a>>,
    #[serde(borrow, default)]
    time: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) auction_mode: Option<bool>,
}

impl<'a> BookBody<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, DecodeError> {
        from_json(text(body)?)
    }

    pub(crate) fn venue_at(&self) -> Option<Timestamp> {
        self.time.as_ref().and_then(|time| Timestamp::parse_rfc3339(time.as_str().as_bytes()))
    }
}

/// A trade as REST tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct TradeRow<'a> {
    /// A number, or a number in quotes.
    #[serde(borrow)]
    trade_id: Raw<'a>,
    /// Of the maker.
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    size: Text<'a>,
    #[serde(borrow)]
    price: Text<'a>,
    #[serde(borrow)]
    time: Text<'a>,
}

impl TradeRow<'_> {
    pub(crate) fn number(&self) -> Result<u64, DecodeError> {
        let text = self.trade_id.unquoted();
        text.parse().map_err(|_| DecodeError::malformed(format_args!("trade_id {}", self.trade_id.0)))
    }

    pub(crate) fn trade(&self, instrument: InstrumentId, scale: Scale) -> Result<Trade, DecodeError> {
        let format = number_format(scale);
        let venue_at = Timestamp::parse_rfc3339(self.time.as_str().as_bytes());
        Ok(Trade {
            instrument,
            id: u128::from(self.number()?),
            price: format.price(self.price.as_str())?,
            qty: format.qty(self.size.as_str())?,
            aggressor: aggressor(self.side.as_str()),
            fills: 1,
            venue_at: venue_at
                .ok_or_else(|| DecodeError::malformed(format_args!("trade time {:?}", self.time.as_str())))?,
        })
    }
}

/// The rows of a `trades` answer, as they come: newest first.
pub(crate) fn trade_rows(body: &[u8]) -> Result<Vec<TradeRow<'_>>, DecodeError> {
    from_json(text(body)?)
}

/// Trades of a `trades` answer, oldest first, at the smallest scale that holds them all.
pub(crate) fn trades(body: &[u8]) -> Result<(Scale, Vec<Trade>), DecodeError> {
    let rows = trade_rows(body)?;
    let scale = smallest_scale(rows.iter().map(|row| (row.price.as_str(), row.size.as_str())))?;
    let trades: Result<Vec<Trade>, DecodeError> = rows.iter().map(|row| row.trade(InstrumentId(0), scale)).collect();
    let mut trades = trades?;
    trades.sort_by_key(|trade| trade.id);
    Ok((scale, trades))
}

/// Candles of a `candles` answer that start between `first` and `last`, both included, oldest first and each once.
///
/// The venue does not tell the number of fills: 1 stands for some. Minutes without trades are absent.
pub(crate) fn candles(
    body: &[u8],
    scale: Scale,
    first: Timestamp,
    last: Timestamp,
) -> Result<Vec<Candle>, DecodeError> {
    /// Its numbers are JSON numbers.
    #[derive(Deserialize)]
    struct Row<'a> {
        time_s: i64,
        #[serde(borrow)]
        low: Raw<'a>,
        #[serde(borrow)]
        high: Raw<'a>,
        #[serde(borrow)]
        open: Raw<'a>,
        #[serde(borrow)]
        close: Raw<'a>,
        #[serde(borrow)]
        volume: Raw<'a>,
    }
    let rows: Vec<Row<'_>> = from_json(text(body)?)?;
    let format = NumberFormat { scale, exponent: Exponent::Accept };
    let candles: Result<Vec<Candle>, DecodeError> = rows
        .iter()
        .filter(|row| (first.as_secs()..=last.as_secs()).contains(&row.time_s))
        .map(|row| {
            let volume = format.qty(row.volume.0)?;
            Ok(Candle {
                open_time: Timestamp::from_secs(row.time_s).floor_to(NS_PER_MIN),
                open: format.price(row.open.0)?,
                high: format.price(row.high.0)?,
                low: format.price(row.low.0)?,
                close: format.price(row.close.0)?,
                volume,
                trades: u32::from(!volume.is_zero()),
            })
        })
        .collect();
    let mut candles = candles?;
    candles.sort_by_key(|candle| candle.open_time);
    candles.dedup_by_key(|candle| candle.open_time);
    Ok(candles)
}

#[cfg(test)]
mod tests {
    use types::Aggressor;

    use super::*;

    const ALL: (Timestamp, Timestamp) = (Timestamp::EPOCH, Timestamp::MAX);

    fn read(body: &str, price_decimals: u8) -> Result<Vec<Candle>, DecodeError> {
        candles(body.as_bytes(), Scale { price_decimals, qty_decimals: 8 }, ALL.0, ALL.1)
    }

    #[test]
    fn a_row_is_time_low_high_open_close_volume_and_the_newest_comes_first() {
        let rows = read("[[1415398740, 0.33, 4.3, 0.36, 4.1, 1e-3],[1415398680, 0.32, 4.2, 0.35, 4.2, 12.3]]", 2);
        let rows = rows.expect("readable");
        assert_eq!(rows.iter().map(|row| row.open_time.as_secs()).collect::<Vec<_>>(), [1_415_398_680, 1_415_398_740]);
        let prices = [rows[0].open, rows[0].high, rows[0].low, rows[0].close].map(types::Price::mantissa);
        assert_eq!((prices, rows[0].volume.0, rows[0].trades), ([35, 420, 32, 420], 1_230_000_000, 1));
        assert_eq!(rows[1].volume.0, 100_000);
    }

    #[test]
    fn recorded_row_of_2024() {
        let body = "[[1710327600,73241.5,73402.47,73243.33,73370.65,1.56794406]]";
        let row = read(body, 2).expect("readable")[0];
        let prices = [row.open, row.high, row.low, row.close].map(types::Price::mantissa);
        assert_eq!((prices, row.volume.0), ([7_324_333, 7_340_247, 7_324_150, 7_337_065], 156_794_406));
        assert_eq!(read(body, 1).expect_err("two digits").reason, crate::RejectReason::TooPrecise);
        assert!(read(r#"{"message":"NotFound"}"#, 2).is_err());
        assert!(read(r#"[["1710327600",1,1,1,1,1]]"#, 2).is_err());
    }

    #[test]
    fn rows_outside_what_was_asked_and_doubled_ones_are_left_out() {
        let body = "[[240,1,1,1,1,1],[180,1,1,1,1,1],[180,1,1,1,1,1],[120,1,1,1,1,1],[60,1,1,1,1,1]]";
        let scale = Scale { price_decimals: 0, qty_decimals: 0 };
        let rows = candles(body.as_bytes(), scale, Timestamp::from_secs(120), Timestamp::from_secs(180));
        let starts: Vec<_> = rows.expect("readable").iter().map(|row| row.open_time.as_secs()).collect();
        assert_eq!(starts, [120, 180]);
    }

    #[test]
    fn recorded_trades_name_the_maker_and_their_numbers_may_be_quoted() {
        let quoted = r#"[{"trade_id":"18502034","side":"sell","size":"0.00007448","price":"73271.63000000","time":"2024-03-13T11:00:17.710679Z"}]"#;
        let (scale, rows) = trades(quoted.as_bytes()).expect("readable");
        assert_eq!(scale, Scale { price_decimals: 2, qty_decimals: 8 });
        assert_eq!((rows[0].id, rows[0].aggressor, rows[0].qty.0), (18_502_034, Aggressor::Buy, 7_448));
        let two = r#"[{"time":"2020-03-20T00:36:59.860Z","trade_id":86327327,"price":"6225.32000000","size":"0.06469797","side":"sell"},
            {"time":"2020-03-20T00:36:59Z","trade_id":86327326,"price":"6225.3","size":"1","side":"buy"}]"#;
        let (_, rows) = trades(two.as_bytes()).expect("readable");
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [86_327_326, 86_327_327], "oldest first");
        assert_eq!((rows[0].aggressor, rows[0].venue_at.as_secs()), (Aggressor::Sell, 1_584_664_619));
        for bad in ["[{}]", &two.replace("86327327", "-1"), &two.replace("6225.3\"", "1e3\""), r#"{"message":"x"}"#] {
            assert!(trades(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_book_is_read_without_its_order_counts() {
        let body = br#"{"bids":[["6247.58","6.3578146",2]],"asks":[["6251.52","2",1]],"sequence":13051505638,"auction_mode":false,"auction":null,"time":"2026-01-01T00:00:00.5Z"}"#;
        let book = BookBody::read(body).expect("readable");
        assert_eq!((book.bids[0].qty, book.asks[0].price, book.auction_mode), ("6.3578146", "6251.52", Some(false)));
        assert_eq!(book.venue_at().map(Timestamp::as_millis), Some(1_767_225_600_500));
        assert!(BookBody::read(br#"{"message":"NotFound"}"#).is_err());
    }

    #[test]
    fn paths() {
        let (first, last) = (Timestamp::from_secs(1_767_225_600), Timestamp::from_secs(1_767_243_540));
        assert_eq!(
            candles_between("BTC-USD", Timeframe::M1, first, last).path,
            "/products/BTC-USD/candles?granularity=60&start=2026-01-01T00:00:00Z&end=2026-01-01T04:59:00Z"
        );
        assert_eq!(trades_path("BTC-USD", 10, 5_000), "/products/BTC-USD/trades?limit=1000&after=10");
        assert_eq!(book_path("BTC-USD"), "/products/BTC-USD/book?level=2");
        assert_eq!(error_text(br#"{"message":"NotFound"}"#), "NotFound");
        assert_eq!(error_text(b"<html>"), "no error text");
    }
}
