//! Books, trades and candles compared with the truth.

mod books;
mod candles;
mod offers;
mod trades;

use std::time::Duration;

use sim::fault::Injected;
use types::{Input, Venue};

pub(crate) use books::Books;
pub(crate) use candles::candles;
pub(crate) use offers::{Offer, in_answer, in_message};
pub(crate) use trades::Trades;

/// Levels of each side that are compared: as many as are published.
pub(crate) const DEPTH: usize = 20;
/// How long true books are remembered.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(120);

/// One followed instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Where.
    pub venue: Venue,
    /// The venue's name for it.
    pub symbol: String,
}

/// What a venue's protocol lets a client know; nothing more can be asked of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knowable {
    /// How many levels of each side are proven. A change lost below them stays unseen until the level comes up.
    pub depth: usize,
    /// A lost change stays unseen for so long: the interval at which the book is compared with a fresh one.
    pub unseen: Duration,
    /// A live book may be so old: no longer silence goes unmarked.
    pub silent_max: Duration,
    /// Whether all its trades can be asked for afterwards. If not, those that never came within reach cannot be known.
    pub all_trades: bool,
}

impl Knowable {
    /// What can be known at a venue.
    #[must_use]
    pub fn of(venue: Venue) -> Self {
        match venue {
            // CRC-32 over the ten best levels (protocol section 5).
            Venue::Kraken => Self { depth: 10, unseen: Duration::ZERO, silent_max: SILENT_MAX, all_trades: true },
            // Every change is numbered.
            Venue::BinanceUs => Self { depth: DEPTH, unseen: Duration::ZERO, silent_max: SILENT_MAX, all_trades: true },
            // The newest hundred trades, and no more (protocol section 4). A lost picture shows with the next one, which in a
            // quiet market may be long in coming.
            Venue::Kucoin => {
                Self { depth: DEPTH, unseen: Duration::ZERO, silent_max: QUIET_AT_KUCOIN, all_trades: false }
            }
            // Nothing is numbered (protocol section 5).
            Venue::Coinbase => {
                Self { depth: DEPTH, unseen: UNSEEN_AT_COINBASE, silent_max: SILENT_MAX, all_trades: true }
            }
        }
    }

    /// How long what this fault does to a book stays unseen.
    pub(crate) fn unseen_of(self, venue: Venue, fault: &Injected) -> Duration {
        let least = match (venue, fault.kind) {
            (_, "late") => HELD_BACK_MAX,
            (Venue::Kucoin, "level") => PICTURE_MAX,
            _ => Duration::ZERO,
        };
        self.unseen.max(least)
    }
}

/// A snapshot that is held back while nothing else of its book is told looks like any other, until the next update.
const HELD_BACK_MAX: Duration = Duration::from_secs(5);
/// A picture with one level too many looks like any other, until the next one.
const PICTURE_MAX: Duration = Duration::from_secs(1);
/// What is unusual shows after half a minute at the earliest, and is proven or marked half a minute later.
const SILENT_MAX: Duration = Duration::from_secs(100);
/// The longest silence that may be usual.
const QUIET_AT_KUCOIN: Duration = Duration::from_secs(5 * 60 + 5);
/// The feed compares Coinbase's books every ten minutes, and a difference must show twice.
const UNSEEN_AT_COINBASE: Duration = Duration::from_secs(15 * 60);

/// Whose input it is.
pub(crate) fn instrument_of(input: &Input) -> Option<types::InstrumentId> {
    match input {
        Input::Book(book) => Some(book.instrument),
        Input::BookStale { instrument, .. } => Some(*instrument),
        Input::Trade(trade) => Some(trade.instrument),
        Input::Candle(candle) => Some(candle.instrument),
        Input::Instrument(instrument) => Some(instrument.id),
        Input::Status { instrument, .. } => Some(*instrument),
        _ => None,
    }
}
