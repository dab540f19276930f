//! What a feed listens to and how patient it is.

use std::time::Duration;

use types::{InstrumentId, Timestamp, Venue};

use crate::kucoin::KucoinSettings;
use crate::limiter::Limits;

/// Book depths Kraken offers for its `book` channel (protocol section 3).
pub const KRAKEN_DEPTHS: [u16; 5] = [10, 25, 100, 500, 1000];

/// Everything a [`Feed`](crate::Feed) needs to know beforehand. Make one with [`FeedSettings::new`] and change fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedSettings {
    /// Whose protocol is spoken.
    pub venue: Venue,
    /// The instruments wanted from it.
    pub instruments: Vec<Wanted>,
    /// Levels of each side that Kraken is asked for; one of [`KRAKEN_DEPTHS`]. Binance.US sends all levels.
    pub book_depth: u16,
    /// Levels of each side in a published book; of KuCoin at most fifty.
    pub publish_depth: u16,
    /// Least time between two published books of one instrument.
    pub publish_every: Duration,
    /// One-minute candles of history fetched by REST after each connect; zero for none. Kraken gives at most 719,
    /// Binance.US at most 999.
    pub history_minutes: u16,
    /// Nothing heard on the connection for so long: the venue is asked for a sign of life.
    pub keepalive_after: Duration,
    /// Nothing heard on the connection for so long: all books are stale and a new connection is wanted.
    pub silent_after: Duration,
    /// A subscription without an answer for so long makes the feed want a new connection.
    pub subscribe_timeout: Duration,
    /// A subscription that was accepted but never spoke for so long is reported.
    pub subscription_silent_after: Duration,
    /// Trades are told, but nothing of the book they must have changed: after so long the book's channel is dead.
    pub book_silent_after: Duration,
    /// Nothing at all is told of a book for so long, or for ten times as long as usual but half a minute at least: it is
    /// proven anew, by a fresh snapshot, or stale.
    pub book_quiet_after: Duration,
    /// A request without an answer for so long counts as failed.
    pub request_timeout: Duration,
    /// What the venue tolerates.
    pub limits: Limits,
    /// A connection that is lost or refused is tried again after a random time below this, doubled with each failure.
    pub backoff_first: Duration,
    /// The doubling ends here.
    pub backoff_max: Duration,
    /// A connection that held for so long ends the doubling: the next failure counts as the first.
    pub healthy_after: Duration,
    /// Seed of the random part of waiting times.
    pub seed: u64,
    /// Not one request goes out before (a ban that the venue spoke before a restart).
    pub blocked_until: Option<Timestamp>,
    /// Age at which a connection is replaced by a new one, prepared beside it, where the venue cuts old ones (Binance.US
    /// at 24 h, KuCoin when its token is as old).
    pub connection_age_max: Option<Duration>,
    /// A ping without an answer for so long makes the feed want a new connection.
    pub pong_timeout: Duration,
    /// Age at which a book is compared with a fresh snapshot without going stale: Binance.US's is replaced by it,
    /// Coinbase's goes stale when it differs twice.
    pub snapshot_age_max: Duration,
    /// Age at which the venue's instrument rules are asked for again (Binance.US; Kraken pushes them).
    pub instruments_age_max: Duration,
    /// How long after its end, by the venue's own time, a minute counts as closed where the venue does not say so
    /// (Kraken).
    pub candle_grace: Duration,
    /// What can be chosen about KuCoin.
    pub kucoin: KucoinSettings,
}

impl FeedSettings {
    /// The defaults for a venue.
    #[must_use]
    pub fn new(venue: Venue, instruments: Vec<Wanted>) -> Self {
        let (keepalive_s, silent_s) = match venue {
            // Kraken sends a heartbeat every second; five seconds of silence mean a dead connection (section 2).
            Venue::Kraken => (30, 5),
            // Quiet markets are silent for seconds (section 9.7): judged by the answer to a question of our own.
            Venue::BinanceUs => (20, 40),
            // The heartbeat channel speaks every second.
            Venue::Coinbase => (25, 5),
            // The client pings every 18 seconds or as the token's answer says.
            Venue::Kucoin => (18, 30),
        };
        Self {
            venue,
            instruments,
            book_depth: 100,
            publish_depth: 20,
            publish_every: Duration::from_millis(250),
            history_minutes: 720,
            keepalive_after: Duration::from_secs(keepalive_s),
            silent_after: Duration::from_secs(silent_s),
            subscribe_timeout: Duration::from_secs(20),
            subscription_silent_after: Duration::from_secs(300),
            book_silent_after: Duration::from_secs(10),
            book_quiet_after: Duration::from_secs(300),
            request_timeout: Duration::from_secs(15),
            limits: Limits::of(venue),
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            healthy_after: Duration::from_secs(60),
            seed: 0,
            blocked_until: None,
            connection_age_max: match venue {
                Venue::BinanceUs | Venue::Kucoin => Some(Duration::from_secs(23 * 3_600)),
                Venue::Kraken | Venue::Coinbase => None,
            },
            pong_timeout: Duration::from_secs(10),
            snapshot_age_max: match venue {
                // Nothing else shows that an update of a book was lost (section 5).
                Venue::Coinbase => Duration::from_secs(5 * 60),
                _ => Duration::from_secs(45 * 60),
            },
            instruments_age_max: Duration::from_secs(6 * 3_600),
            candle_grace: Duration::from_secs(3),
            kucoin: KucoinSettings::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if self.venue == Venue::Kraken && !KRAKEN_DEPTHS.contains(&self.book_depth) {
            return Err(SettingsError::Depth { depth: self.book_depth });
        }
        for (index, wanted) in self.instruments.iter().enumerate() {
            if !is_symbol(&wanted.symbol) {
                return Err(SettingsError::Symbol { symbol: wanted.symbol.clone() });
            }
            let before = &self.instruments[..index];
            if before.iter().any(|other| other.symbol == wanted.symbol || other.id == wanted.id) {
                return Err(SettingsError::Doubled { symbol: wanted.symbol.clone() });
            }
        }
        Ok(())
    }
}

/// Symbols are put into messages and paths as they are, so only what venues use is allowed.
fn is_symbol(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'/' | b'-' | b'.' | b'_'))
}

/// An instrument that the box wants to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its index in the box's catalogue.
    pub id: InstrumentId,
    /// The venue's own name: `BTC/USD` (Kraken WebSocket v2), `BTCUSDT` (Binance.US), `BTC-USD` (Coinbase), `BTC-USDT`
    /// (KuCoin, the permanent code or today's name).
    pub symbol: String,
}

/// Settings that no feed can be made from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Kraken does not offer this depth.
    #[error("kraken offers book depths 10, 25, 100, 500 and 1000, not {depth}")]
    Depth {
        /// The depth asked for.
        depth: u16,
    },
    /// A symbol with characters no venue uses (lower case included).
    #[error("{symbol:?} is not a venue symbol")]
    Symbol {
        /// The text.
        symbol: String,
    },
    /// The same symbol or the same id twice.
    #[error("{symbol:?} or its id is wanted twice")]
    Doubled {
        /// The second one's symbol.
        symbol: String,
    },
}

/// Where a venue is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bases {
    /// WebSocket base, without a path.
    pub ws: &'static str,
    /// REST base, without a path.
    pub rest: &'static str,
}

/// The public addresses of a venue, to be overridden by configuration. The WebSocket address of KuCoin's classic feed is
/// handed out with a token by its REST interface; `ws` is that of its unified feed.
#[must_use]
pub const fn default_bases(venue: Venue) -> Bases {
    match venue {
        Venue::Kraken => Bases { ws: "wss://ws.kraken.com", rest: "https://api.kraken.com" },
        Venue::BinanceUs => Bases { ws: "wss://stream.binance.us:9443", rest: "https://api.binance.us" },
        Venue::Coinbase => {
            Bases { ws: "wss://ws-feed.exchange.coinbase.com", rest: "https://api.exchange.coinbase.com" }
        }
        Venue::Kucoin => Bases { ws: "wss://x-push-spot.kucoin.com", rest: "https://api.kucoin.com" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let wanted = |id, symbol: &str| Wanted { id: InstrumentId(id), symbol: symbol.to_owned() };
        let good = FeedSettings::new(Venue::Kraken, vec![wanted(0, "BTC/USD"), wanted(1, "ETH/USD")]);
        assert_eq!(good.check(), Ok(()));
        let mut depth = good.clone();
        depth.book_depth = 20;
        assert_eq!(depth.check(), Err(SettingsError::Depth { depth: 20 }));
        for symbol in ["", "btcusdt", "BTC\"USD", "BTC USD", "A&B"] {
            let settings = FeedSettings::new(Venue::BinanceUs, vec![wanted(0, symbol)]);
            assert_eq!(settings.check(), Err(SettingsError::Symbol { symbol: symbol.to_owned() }));
        }
        for second in [wanted(1, "BTC/USD"), wanted(0, "ETH/USD")] {
            let settings = FeedSettings::new(Venue::Kraken, vec![wanted(0, "BTC/USD"), second.clone()]);
            assert_eq!(settings.check(), Err(SettingsError::Doubled { symbol: second.symbol }));
        }
        for venue in Venue::ALL {
            assert_eq!(FeedSettings::new(venue, vec![wanted(0, "BTC-USDT")]).check(), Ok(()));
        }
    }
}
