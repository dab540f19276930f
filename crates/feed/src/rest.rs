//! REST bodies that are read outside a live feed.

use types::{Scale, Trade, Venue};

use crate::decode::DecodeError;
use crate::{binance_us, coinbase, kraken, kucoin};

/// A REST body that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// Not JSON, or not of the shape the venue documents.
    #[error("not a {venue} answer of this kind: {detail}")]
    Malformed {
        /// Whose answer it should be.
        venue: Venue,
        /// Where and what.
        detail: String,
    },
    /// The venue answered with an error.
    #[error("{venue} answered with an error: {message}")]
    Venue {
        /// Who answered.
        venue: Venue,
        /// The venue's text.
        message: String,
    },
}

/// Reads the venue's answer to a request for trades: Kraken `Trades`; Binance.US `trades`, `historicalTrades` or
/// `aggTrades`; Coinbase `trades`; KuCoin `histories`. The scale is the smallest that holds every number exactly; all
/// trades carry instrument id 0.
///
/// # Errors
/// [`RestError`] says whose answer and what is wrong with it.
pub fn trades(venue: Venue, body: &[u8]) -> Result<(Scale, Vec<Trade>), RestError> {
    let malformed = |error: DecodeError| RestError::Malformed { venue, detail: error.detail };
    match venue {
        Venue::Kraken => kraken::rest::trades(body).map_err(|error| match error {
            kraken::rest::AnswerError::Venue(message) => RestError::Venue { venue, message },
            kraken::rest::AnswerError::Unreadable(error) => malformed(error),
        }),
        Venue::BinanceUs => binance_us::rest::trades(body).map_err(malformed),
        Venue::Coinbase => coinbase::rest::trades(body).map_err(malformed),
        Venue::Kucoin => kucoin::rest::trades(body).map_err(|error| match error {
            kucoin::rest::AnswerError::Unreadable(error) => malformed(error),
            told => RestError::Venue { venue, message: told.to_string() },
        }),
    }
}
