//! What KuCoin says, whichever of its two feeds says it.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use types::decimal::Exponent;
use types::{Aggressor, Candle, InstrumentId, Level, Qty, Scale, Ticker, Timestamp, Trade};

use crate::decode::DecodeError;
use crate::io::RejectReason;
use crate::number::{NumberError, NumberFormat, Raw, Text};

/// A message of either feed.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// The connection may be used from now on. The unified feed tells here how it wants to be pinged; the classic one
    /// does with the token.
    Welcome { pings: Option<Pings> },
    /// The answer to our ping.
    Pong,
    /// Our request with this number was accepted.
    Accepted { id: Option<u64> },
    /// Our request was refused, or the connection is.
    Refused(Refused<'a>),
    /// A trade.
    Trade(TradeData<'a>),
    /// A candle: the whole minute so far.
    Candle(CandleData<'a>),
    /// Best prices and the last trade.
    Ticker(TickerData<'a>),
    /// Changed levels of a book.
    Changes(ChangesData<'a>),
    /// All levels of a book down to some depth.
    Picture(PictureData<'a>),
    /// A known message that nothing is done with.
    Ignored,
}

/// How a connection is kept alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pings {
    /// We ping so often.
    pub(crate) every: Duration,
    /// Without an answer for so long the connection is dead.
    pub(crate) answer_within: Duration,
}

impl Pings {
    /// What both feeds say today (section 2.1).
    pub(crate) const USUAL: Self = Self { every: Duration::from_secs(18), answer_within: Duration::from_secs(10) };

    /// As the venue says it, within reason.
    pub(crate) fn from_millis(interval: Option<u64>, timeout: Option<u64>) -> Self {
        let within = |told: Option<u64>, usual| told.map_or(usual, |ms| Duration::from_millis(ms.clamp(1_000, 60_000)));
        Self { every: within(interval, Self::USUAL.every), answer_within: within(timeout, Self::USUAL.answer_within) }
    }
}

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) id: Option<u64>,
    /// Classic only: 400 and 404 for a topic, 401 for a token, 509 for too many topics.
    pub(crate) code: Option<i64>,
    pub(crate) text: Text<'a>,
}

/// One trade.
///
/// The venue has two names for it. `sequence` was a number of the book's stream in 2021, when `tradeId` was hexadecimal
/// text; today both are the same long number. The REST history knows only `sequence`.
#[derive(Debug)]
pub(crate) struct TradeData<'a> {
    pub(crate) symbol: Text<'a>,
    /// By which it is recognised: `sequence`, or the name where there is none.
    pub(crate) number: u64,
    /// Its name: `tradeId`.
    pub(crate) id: u128,
    pub(crate) price: &'a str,
    pub(crate) qty: &'a str,
    pub(crate) aggressor: Aggressor,
    pub(crate) venue_at: Timestamp,
}

impl TradeData<'_> {
    pub(crate) fn trade(&self, instrument: InstrumentId, scale: Scale) -> Result<Trade, NumberError> {
        let format = number_format(scale);
        Ok(Trade {
            instrument,
            id: self.id,
            price: format.price(self.price)?,
            qty: quantity(format, self.qty)?,
            aggressor: self.aggressor,
            fills: 1,
            venue_at: self.venue_at,
        })
    }
}

/// The side of the taker.
pub(crate) fn aggressor(side: &str) -> Aggressor {
    match side {
        "buy" => Aggressor::Buy,
        "sell" => Aggressor::Sell,
        _ => Aggressor::Unknown,
    }
}

/// The name of a trade as a number. Names of 2021 are 24 hexadecimal digits, which may happen to be all decimal; those of today
/// are shorter and decimal.
pub(crate) fn named(text: &str) -> Result<u128, DecodeError> {
    let is_decimal = text.len() != 24 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = !text.starts_with('+');
    u128::from_str_radix(text, if is_decimal { 10 } else { 16 })
        .ok()
        .filter(|_| is_plain)
        .ok_or_else(|| DecodeError::malformed(format_args!("trade id {:?}", shortened(text))))
}

/// A candle of a minute, or of another length (`interval`).
#[derive(Debug)]
pub(crate) struct CandleData<'a> {
    pub(crate) symbol: Text<'a>,
    pub(crate) interval: Text<'a>,
    pub(crate) row: CandleRow<'a>,
    pub(crate) venue_at: Option<Timestamp>,
}

/// The numbers of a candle by name: the orders of the two feeds differ. Reads the classic one.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "ClassicRow<'de>")]
pub(crate) struct CandleRow<'a> {
    pub(crate) open_s: i64,
    pub(crate) open: &'a str,
    pub(crate) high: &'a str,
    pub(crate) low: &'a str,
    pub(crate) close: &'a str,
    pub(crate) volume: &'a str,
}

impl CandleRow<'_> {
    /// The candle. The venue does not count fills: one stands for at least one.
    pub(crate) fn candle(&self, scale: Scale) -> Result<Candle, NumberError> {
        let format = number_format(scale);
        let volume = quantity(format, self.volume)?;
        Ok(Candle {
            open_time: Timestamp::from_secs(self.open_s),
            open: format.price(self.open)?,
            high: format.price(self.high)?,
            low: format.price(self.low)?,
            close: format.price(self.close)?,
            volume,
            trades: u32::from(!volume.is_zero()),
        })
    }
}

/// `[start in seconds, open, close, high, low, volume, turnover]`, all strings: the order of classic frames and of REST.
#[derive(Deserialize)]
struct ClassicRow<'a>(#[serde(borrow)] Raw<'a>, &'a str, &'a str, &'a str, &'a str, &'a str, IgnoredAny);

impl<'a> TryFrom<ClassicRow<'a>> for CandleRow<'a> {
    type Error = DecodeError;
    fn try_from(ClassicRow(start, open, close, high, low, volume, _): ClassicRow<'a>) -> Result<Self, DecodeError> {
        Ok(Self { open_s: whole("start", start)?, open, high, low, close, volume })
    }
}

/// Best prices and the last trade; sizes where told.
#[derive(Debug)]
pub(crate) struct TickerData<'a> {
    pub(crate) symbol: Text<'a>,
    pub(crate) last: &'a str,
    pub(crate) bid: LevelData<'a>,
    pub(crate) ask: LevelData<'a>,
    pub(crate) venue_at: Option<Timestamp>,
}

impl TickerData<'_> {
    /// The summary. Clients disagree about which of the unified feed's prices is which (section 3), so a bid above the
    /// ask is refused. A price of zero stands for none.
    pub(crate) fn ticker(&self, instrument: InstrumentId, scale: Scale) -> Result<Ticker, DecodeError> {
        let format = number_format(scale);
        let best = |data: &LevelData<'_>| if data.is_nowhere() { Ok(None) } else { data.level(scale).map(Some) };
        let (bid, ask) = (best(&self.bid)?, best(&self.ask)?);
        if bid.zip(ask).is_some_and(|(bid, ask)| bid.price > ask.price) {
            return Err(DecodeError::malformed(format_args!("bid {} above ask {}", self.bid.price, self.ask.price)));
        }
        let last = if is_zero(self.last) { None } else { Some(format.price(self.last)?) };
        Ok(Ticker { instrument, last, bid, ask, volume_24h: None, venue_at: self.venue_at })
    }
}

/// Levels that changed between two numbers of the book's stream.
#[derive(Debug)]
pub(crate) struct ChangesData<'a> {
    pub(crate) symbol: Text<'a>,
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
    pub(crate) bids: Vec<LevelData<'a>>,
    pub(crate) asks: Vec<LevelData<'a>>,
    pub(crate) venue_at: Option<Timestamp>,
}

/// A book down to some depth.
#[derive(Debug)]
pub(crate) struct PictureData<'a> {
    pub(crate) symbol: Text<'a>,
    /// Its place in the stream of changes, where it has one.
    pub(crate) id: Option<u64>,
    pub(crate) bids: Vec<LevelData<'a>>,
    pub(crate) asks: Vec<LevelData<'a>>,
    pub(crate) venue_at: Option<Timestamp>,
}

/// `["price","size"]`, in classic changes followed by the change's own number.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "LevelRow<'de>")]
pub(crate) struct LevelData<'a> {
    pub(crate) price: &'a str,
    pub(crate) qty: &'a str,
    pub(crate) id: Option<u64>,
}

#[derive(Deserialize)]
struct LevelRow<'a>(&'a str, &'a str, #[serde(borrow, default)] Option<Raw<'a>>);

impl<'a> TryFrom<LevelRow<'a>> for LevelData<'a> {
    type Error = DecodeError;
    fn try_from(LevelRow(price, qty, id): LevelRow<'a>) -> Result<Self, DecodeError> {
        Ok(Self { price, qty, id: id.map(|id| whole("number of a change", id)).transpose()? })
    }
}

impl LevelData<'_> {
    pub(crate) fn level(&self, scale: Scale) -> Result<Level, NumberError> {
        let format = number_format(scale);
        Ok(Level { price: format.price(self.price)?, qty: quantity(format, self.qty)? })
    }

    /// A price of zero stands for a change that has no level (section 2.6).
    pub(crate) fn is_nowhere(&self) -> bool {
        is_zero(self.price)
    }
}

fn is_zero(text: &str) -> bool {
    text.starts_with('0') && text.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

/// Numbers are plain decimal strings; an exponent is refused loudly.
pub(crate) const fn number_format(scale: Scale) -> NumberFormat {
    NumberFormat { scale, exponent: Exponent::Refuse }
}

/// A quantity. Orders from before a change of the rules rest in real books with more digits than the rules allow now
/// (recorded: `2287.04744145` where the lot is `0.01`), and what they leave below the lot cannot be traded: it is cut.
fn quantity(format: NumberFormat, text: &str) -> Result<Qty, NumberError> {
    let exact = format.qty(text);
    let is_too_precise = exact.as_ref().is_err_and(|error| error.reason() == RejectReason::TooPrecise);
    let Some((whole, fraction)) = text.split_once('.').filter(|_| is_too_precise) else { return exact };
    let digits = usize::from(format.scale.qty_decimals);
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return exact;
    }
    format.qty(if digits == 0 { whole } else { &text[..whole.len() + 1 + digits] })
}

/// A whole number that is sent as a number or as a string.
pub(crate) fn whole<T: core::str::FromStr>(what: &str, raw: Raw<'_>) -> Result<T, DecodeError> {
    raw.unquoted().parse().map_err(|_| DecodeError::malformed(format_args!("{what} {}", shortened(raw.0))))
}

/// A time in nanoseconds, as a number or as a string.
pub(crate) fn nanos(raw: Raw<'_>) -> Result<Timestamp, DecodeError> {
    whole("time", raw).map(Timestamp::from_nanos)
}

/// A time in milliseconds, as a number or as a string.
pub(crate) fn millis(raw: Raw<'_>) -> Result<Timestamp, DecodeError> {
    whole("time", raw).map(Timestamp::from_millis)
}

/// The number of one of our requests: sent as a string, answered as a string, whatever else was sent.
pub(crate) fn request_id(raw: Option<Raw<'_>>) -> Option<u64> {
    raw?.unquoted().parse().ok()
}

fn shortened(text: &str) -> String {
    text.chars().take(48).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_the_lot_is_cut_from_quantities_and_never_from_prices() {
        let scale = |qty_decimals| Scale { price_decimals: 2, qty_decimals };
        let level = |price, qty, decimals| LevelData { price, qty, id: None }.level(scale(decimals));
        let qty = |qty, decimals| level("1", qty, decimals).map(|level| level.qty.0);
        assert_eq!(qty("2287.04744145", 2), Ok(228_704));
        assert_eq!(qty("0.00019434546", 8), Ok(19_434));
        assert_eq!((qty("17.9", 0), qty("0.009", 2), qty("5", 2)), (Ok(17), Ok(0), Ok(500)));
        for odd in ["1.2x", "1.2345x", "1e-9", "-1.234", "1.234.5", ".5", ""] {
            assert!(qty(odd, 2).is_err(), "{odd}");
        }
        assert!(level("1.001", "1", 2).is_err(), "a price with more digits is another price");
    }

    #[test]
    fn names_of_trades_are_decimal_or_hexadecimal_by_their_length() {
        assert_eq!(named("11067996711960577"), Ok(11_067_996_711_960_577));
        assert_eq!(named("6085c09769bc506996295e36"), Ok(0x6085_c097_69bc_5069_9629_5e36));
        assert_eq!(named("608510977691506996295136"), Ok(0x6085_1097_7691_5069_9629_5136));
        assert_eq!(named("6085c0"), Ok(0x6085c0));
        for odd in ["", "-1", "+1", "x", "1.5", &"f".repeat(33), &"9".repeat(40)] {
            assert!(named(odd).is_err(), "{odd}");
        }
    }
}
