//! One venue's feed: the machine behind a closed enum.

use types::{Timestamp, Venue};

use crate::io::{FeedInput, FeedOutput};
use crate::settings::{FeedSettings, SettingsError};
use crate::status::FeedStatus;
use crate::{binance_us, kraken};

/// One venue's protocol as a machine without I/O: everything enters through [`Feed::handle`].
///
/// ```
/// use feed::{Feed, FeedInput, FeedOutput, FeedSettings, Wanted};
/// use types::{InstrumentId, Timestamp, Venue};
///
/// let wanted = vec![Wanted { id: InstrumentId(0), symbol: "BTC/USD".to_owned() }];
/// let mut feed = Feed::new(FeedSettings::new(Venue::Kraken, wanted))?;
/// let mut out = Vec::new();
/// feed.handle(Timestamp::from_secs(1_700_000_000), FeedInput::Connected, &mut out);
/// assert!(matches!(&out[0], FeedOutput::Send(text) if text.contains("instrument")));
/// # Ok::<(), feed::SettingsError>(())
/// ```
#[derive(Debug)]
pub struct Feed {
    session: Session,
}

#[derive(Debug)]
enum Session {
    Kraken(Box<kraken::Session>),
    BinanceUs(Box<binance_us::Session>),
}

impl Feed {
    /// A feed that has not connected yet.
    ///
    /// # Errors
    /// [`SettingsError`] when the settings cannot work.
    pub fn new(settings: FeedSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let session = match settings.venue {
            Venue::Kraken => Session::Kraken(Box::new(kraken::Session::new(settings))),
            Venue::BinanceUs => Session::BinanceUs(Box::new(binance_us::Session::new(settings))),
            venue @ (Venue::Coinbase | Venue::Kucoin) => return Err(SettingsError::UnspokenVenue { venue }),
        };
        Ok(Self { session })
    }

    /// Takes one input; appends to `out` what follows from it, in order. `at` is the time of the input and must not
    /// decrease between calls. Cannot fail: what is not understood comes out as [`FeedOutput::Rejected`].
    pub fn handle(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        match &mut self.session {
            Session::Kraken(session) => session.handle(at, input, out),
            Session::BinanceUs(session) => session.handle(at, input, out),
        }
    }

    /// When [`FeedInput::Deadline`] is wanted next, if nothing else happens before. May lie in the past.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.session {
            Session::Kraken(session) => session.deadline(),
            Session::BinanceUs(session) => session.deadline(),
        }
    }

    /// How the feed is doing.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        match &self.session {
            Session::Kraken(session) => session.status(),
            Session::BinanceUs(session) => session.status(),
        }
    }

    /// Path of the WebSocket on the venue's base, with the leading slash.
    #[must_use]
    pub fn socket_path(&self) -> String {
        match &self.session {
            Session::Kraken(_) => "/v2".to_owned(),
            Session::BinanceUs(_) => "/stream".to_owned(),
        }
    }
}
