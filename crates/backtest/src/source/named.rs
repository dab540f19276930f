//! Candle files as they are named on a command line.

use std::ops::Range;
use std::path::PathBuf;

use types::{Timestamp, Venue};

use super::{CandleMarket, Candles, Invented, Source};
use crate::{BacktestError, Result};

/// Quote currencies by which a pair without a separator is told apart, longer ones first.
const QUOTES: [&str; 9] = ["FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD", "EUR", "BTC", "ETH"];

/// A candle file and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandleFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Whose fees are paid.
    pub venue: Venue,
    /// What is traded.
    pub base: String,
    /// What it is paid with.
    pub quote: String,
}

impl CandleFile {
    /// Reads `VENUE:BASE/QUOTE=PATH`, or a path alone whose name is `VENUE_SYMBOL_...` (`coinbase_BTC-USD_5m.csv.gz`,
    /// `binance_BTCUSDT_1m.csv`). Candles of Binance pay the fees of Binance.US: of Binance itself none are known here.
    ///
    /// # Errors
    /// What cannot be told, with the way to tell it.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |name: &str, what: String| BacktestError::Candles { name: name.to_owned(), what };
        let how = "write VENUE:BASE/QUOTE=FILE, such as kraken:BTC/USD=FILE";
        let (told, path) = match text.split_once('=') {
            Some((told, path)) if told.contains(':') => (Some(told), path),
            _ => (None, text),
        };
        let name = PathBuf::from(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let parts = match told {
            Some(told) => told.split_once(':'),
            None => {
                let mut parts = name.split('_');
                parts.next().zip(parts.next())
            }
        };
        let Some((venue, symbol)) = parts else {
            return Err(refuse(path, format!("the name does not tell venue and pair: {how}")));
        };
        Self::of(path, venue, symbol, how)
    }

    fn of(path: &str, venue: &str, symbol: &str, how: &str) -> Result<Self> {
        let refuse = |what: String| BacktestError::Candles { name: path.to_owned(), what };
        let slug = if venue == "binance" { "binance-us" } else { venue };
        let known = || Venue::ALL.map(Venue::slug).join(", ");
        let found: Venue =
            slug.parse().map_err(|_| refuse(format!("no venue {venue:?} (known: {}): {how}", known())))?;
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        let parted = symbol
            .split_once(['/', '-'])
            .or_else(|| QUOTES.iter().find_map(|quote| Some((symbol.strip_suffix(quote)?, *quote))));
        let Some((base, quote)) = parted.filter(|(base, quote)| is_name(base) && is_name(quote)) else {
            return Err(refuse(format!("{symbol:?} is no pair: {how}")));
        };
        let (base, quote) = (base.to_owned(), quote.to_owned());
        Ok(Self { path: PathBuf::from(path), venue: found, base, quote })
    }
}

/// Candle files as a source: of each the candles that begin in `span`.
///
/// # Errors
/// What is wrong with which file; a span without candles.
pub fn candles(files: &[CandleFile], span: &Range<Timestamp>, invented: Invented) -> Result<Source> {
    let read = |file: &CandleFile| CandleMarket::read(&file.path, span, file.venue, &file.base, &file.quote);
    let markets = files.iter().map(read).collect::<Result<_>>()?;
    Ok(Source::Candles(Candles::new(markets, invented)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_name_or_by_what_is_told() {
        let check = |text: &str, expected: (&str, Venue, &str, &str)| {
            let found = CandleFile::parse(text).unwrap();
            let (path, venue, base, quote) = expected;
            let expected = CandleFile { path: path.into(), venue, base: base.into(), quote: quote.into() };
            assert_eq!(found, expected, "{text}");
        };
        check(
            "a/coinbase_BTC-USD_5m_2026.csv.gz",
            ("a/coinbase_BTC-USD_5m_2026.csv.gz", Venue::Coinbase, "BTC", "USD"),
        );
        check("binance_ETHBTC_1h.csv", ("binance_ETHBTC_1h.csv", Venue::BinanceUs, "ETH", "BTC"));
        check("binance_1000SATSUSDT_1d.csv", ("binance_1000SATSUSDT_1d.csv", Venue::BinanceUs, "1000SATS", "USDT"));
        check("kraken:BTC/USD=x=y.csv", ("x=y.csv", Venue::Kraken, "BTC", "USD"));
        check("kucoin:BTC-USDT=../a_b.csv", ("../a_b.csv", Venue::Kucoin, "BTC", "USDT"));
    }

    #[test]
    fn what_cannot_be_told_is_asked_for() {
        let check = |text: &str, expected: &str| {
            let error = CandleFile::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("VENUE:BASE/QUOTE=FILE"), "{text:?}: {error}");
        };
        check("candles.csv", "candles.csv: the name does not tell venue and pair");
        check("bitfinex_BTCUSD_1m.csv", "no venue \"bitfinex\" (known: kraken, ");
        check("kraken_NOTHING_1m.csv", "\"NOTHING\" is no pair");
        check("kraken:BTC=a.csv", "\"BTC\" is no pair");
        check("kraken:/USD=a.csv", "\"/USD\" is no pair");
        check("", "the name does not tell");
    }
}
