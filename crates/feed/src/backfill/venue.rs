//! What the venues differ in: paths, pages, rows, memory (section 6 or 7 of each protocol).

use types::{Candle, Instrument, InstrumentId, Timeframe, Timestamp, Trade, Venue};

use super::{Series, Span};
use crate::decode::DecodeError;
use crate::session::Call;
use crate::{binance_us, coinbase, kraken, kucoin};

/// Candles of each length that Kraken still has; the others give all since the listing.
pub(super) const REMEMBERED: i64 = 719;

/// All that a venue tells about its instruments.
pub(super) struct VenueRules {
    pub(super) instruments: Vec<Instrument>,
    /// Weight that it allows in its window, where it tells.
    pub(super) weight: Option<u32>,
}

/// An answer that is of no use.
pub(super) struct Unusable {
    pub(super) reason: String,
    pub(super) is_retryable: bool,
    pub(super) is_rate_limit: bool,
}

impl From<DecodeError> for Unusable {
    fn from(error: DecodeError) -> Self {
        Self { reason: error.to_string(), is_retryable: true, is_rate_limit: false }
    }
}

impl From<kraken::rest::AnswerError> for Unusable {
    fn from(error: kraken::rest::AnswerError) -> Self {
        let (is_retryable, is_rate_limit) = (error.is_retryable(), error.is_rate_limit());
        Self { reason: error.to_string(), is_retryable, is_rate_limit }
    }
}

impl From<kucoin::rest::AnswerError> for Unusable {
    fn from(error: kucoin::rest::AnswerError) -> Self {
        let (is_retryable, is_rate_limit) = (error.is_retryable(), error.is_rate_limit());
        Self { reason: error.to_string(), is_retryable, is_rate_limit }
    }
}

/// Asks for the rules of all instruments.
pub(super) fn rules(venue: Venue) -> Call {
    match venue {
        Venue::Kraken => kraken::rest::asset_pairs(),
        Venue::BinanceUs => binance_us::rest::exchange_info_of_all(),
        Venue::Coinbase => Call::get(coinbase::rest::PRODUCTS_PATH.to_owned(), 1),
        Venue::Kucoin => kucoin::rest::symbols(),
    }
}

/// The instruments of which rules can be read; a strange one does not hurt the others.
pub(super) fn read_rules(venue: Venue, body: &[u8]) -> Result<VenueRules, Unusable> {
    let id = InstrumentId(0);
    let mut weight = None;
    let instruments = match venue {
        Venue::Kraken => kraken::rest::instruments(body)?,
        Venue::BinanceUs => {
            let info = binance_us::instruments::ExchangeInfo::read(body)?;
            weight = info.weight_per_min();
            let symbols = info.find(|_| true).flatten();
            symbols.filter_map(|data| binance_us::instruments::instrument(id, &data).ok()).collect()
        }
        Venue::Coinbase => {
            let products = coinbase::instruments::Products::read(body)?;
            let data = products.find(|_| true).flatten();
            data.filter_map(|(product, _)| coinbase::instruments::instrument(id, &product).ok()).collect()
        }
        Venue::Kucoin => {
            let symbols = kucoin::instruments::Symbols::read(body)?;
            let data = symbols.names().filter_map(|(_, raw)| kucoin::instruments::SymbolData::read(raw).ok());
            data.filter_map(|data| kucoin::instruments::instrument(id, &data).ok()).collect()
        }
    };
    Ok(VenueRules { instruments, weight })
}

/// The oldest open time that can be had when `end` is that of the running candle; `None` where there is no bound.
pub(super) fn reach(venue: Venue, timeframe: Timeframe, end: Timestamp) -> Option<Timestamp> {
    let oldest = Timestamp::from_nanos(end.as_nanos() - REMEMBERED * timeframe.nanos());
    (venue == Venue::Kraken).then_some(oldest)
}

/// Most candles that one answer holds.
fn rows_max(venue: Venue) -> i64 {
    match venue {
        Venue::Kraken => REMEMBERED,
        Venue::BinanceUs => binance_us::rest::CANDLES_MAX as i64,
        Venue::Coinbase => coinbase::rest::CANDLES_MAX,
        // One less than there may be: whether the end is part of the range is not certain.
        Venue::Kucoin => kucoin::rest::CANDLES_MAX - 1,
    }
}

/// The beginning of `span` that one answer holds.
pub(super) fn first_page(venue: Venue, timeframe: Timeframe, span: Span) -> Span {
    let end = span.from.as_nanos() + rows_max(venue) * timeframe.nanos();
    Span { from: span.from, to: span.to.min(Timestamp::from_nanos(end)) }
}

/// Asks for the trades after a moment in nanoseconds; only of a venue that has a bound ([`reach`]).
pub(super) fn trades(series: &Series, since_ns: i64) -> Call {
    kraken::rest::trades_after(&series.instrument.symbol, since_ns)
}

/// Most trades that one answer holds.
pub(super) const TRADES_MAX: usize = kraken::rest::TRADES_MAX;

/// The trades of an answer, oldest first, each with its number, and where the next page begins.
pub(super) fn read_trades(series: &Series, body: &[u8]) -> Result<(Vec<(u64, Trade)>, i64), Unusable> {
    Ok(kraken::rest::trades_page(body, series.instrument.id, series.instrument.scale)?)
}

/// Asks for the candles of a page.
pub(super) fn candles(venue: Venue, series: &Series, page: Span) -> Call {
    let symbol = series.instrument.symbol.as_str();
    let last = Timestamp::from_nanos(page.to.as_nanos() - series.timeframe.nanos());
    match venue {
        Venue::Kraken => kraken::rest::candles_since(symbol, series.timeframe, page.from),
        Venue::BinanceUs => binance_us::rest::candles_between(symbol, series.timeframe, page.from, last),
        Venue::Coinbase => coinbase::rest::candles_between(symbol, series.timeframe, page.from, last),
        Venue::Kucoin => kucoin::rest::candles_between(symbol, series.timeframe, page.from, page.to),
    }
}

/// What a page costs.
pub(super) fn weight(venue: Venue) -> u32 {
    match venue {
        Venue::Kraken | Venue::Coinbase => 1,
        Venue::BinanceUs => 2,
        Venue::Kucoin => 3,
    }
}

/// The candles of a page that are over at `now`, oldest first, each once.
pub(super) fn read_candles(
    venue: Venue,
    series: &Series,
    page: Span,
    now: Timestamp,
    body: &[u8],
) -> Result<Vec<Candle>, Unusable> {
    let scale = series.instrument.scale;
    let last = Timestamp::from_nanos(page.to.as_nanos() - series.timeframe.nanos());
    let mut candles = match venue {
        Venue::Kraken => kraken::rest::candles(body, scale)?,
        Venue::BinanceUs => binance_us::rest::candles(body, scale, now)?,
        Venue::Coinbase => coinbase::rest::candles(body, scale, page.from, last)?,
        Venue::Kucoin => kucoin::rest::candles(body, scale, now)?.closed,
    };
    candles.retain(|candle| (page.from..=last).contains(&candle.open_time));
    candles.sort_by_key(|candle| candle.open_time);
    candles.dedup_by_key(|candle| candle.open_time);
    Ok(candles)
}
