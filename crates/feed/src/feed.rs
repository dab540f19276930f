//! One venue's feed: the machine behind a closed enum.

use types::{Timestamp, Venue};

use crate::io::{FeedInput, FeedOutput, LinkId};
use crate::session::{Dial, earliest, is_due};
use crate::settings::{FeedSettings, SettingsError};
use crate::status::FeedStatus;
use crate::{binance_us, kraken};

/// One venue's protocol as a machine without I/O: everything enters through [`Feed::handle`]. A new feed is due at once
/// and asks for its connection itself.
///
/// ```
/// use feed::{Feed, FeedInput, FeedOutput, FeedSettings, LinkId, Wanted};
/// use types::{InstrumentId, Timestamp, Venue};
///
/// let wanted = vec![Wanted { id: InstrumentId(0), symbol: "BTC/USD".to_owned() }];
/// let mut feed = Feed::new(FeedSettings::new(Venue::Kraken, wanted))?;
/// let mut out = Vec::new();
/// let at = Timestamp::from_secs(1_700_000_000);
/// assert!(feed.deadline() <= Some(at));
/// feed.handle(at, FeedInput::Deadline, &mut out);
/// assert!(matches!(&out[0], FeedOutput::Connect(link, target) if *link == LinkId::FIRST && target.path == "/v2"));
/// feed.handle(at, FeedInput::Connected(LinkId::FIRST), &mut out);
/// assert!(matches!(&out[1], FeedOutput::Send(_, text) if text.contains("instrument")));
/// # Ok::<(), feed::SettingsError>(())
/// ```
#[derive(Debug)]
pub struct Feed {
    dial: Dial,
    session: Session,
}

#[derive(Debug)]
enum Session {
    Kraken(Box<kraken::Session>),
    BinanceUs(Box<binance_us::Session>),
}

/// Calls a method that the sessions of all venues have.
macro_rules! each {
    ($session:expr, $name:ident => $call:expr) => {
        match $session {
            Session::Kraken($name) => $call,
            Session::BinanceUs($name) => $call,
        }
    };
}

impl Session {
    fn new(settings: FeedSettings, link: LinkId) -> Result<Self, SettingsError> {
        match settings.venue {
            Venue::Kraken => Ok(Self::Kraken(Box::new(kraken::Session::new(settings, link)))),
            Venue::BinanceUs => Ok(Self::BinanceUs(Box::new(binance_us::Session::new(settings, link)))),
            venue @ (Venue::Coinbase | Venue::Kucoin) => Err(SettingsError::UnspokenVenue { venue }),
        }
    }
}

impl Feed {
    /// A feed that has not connected yet.
    ///
    /// # Errors
    /// [`SettingsError`] when the settings cannot work.
    pub fn new(settings: FeedSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self { dial: Dial::new(&settings), session: Session::new(settings, LinkId::FIRST)? })
    }

    /// Takes one input; appends to `out` what follows from it, in order. `at` is the time of the input and must not
    /// decrease between calls. Cannot fail: what is not understood comes out as [`FeedOutput::Rejected`].
    pub fn handle(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        match input {
            FeedInput::Connected(_) => self.dial.connected(at),
            FeedInput::Disconnected(_) => self.dial.disconnected(at),
            _ => {}
        }
        each!(&mut self.session, session => session.handle(at, input, out));
        if is_due(self.dial.due(), at) {
            self.dial.dialled();
            each!(&mut self.session, session => session.connect(at, out));
        }
    }

    /// When [`FeedInput::Deadline`] is wanted next, if nothing else happens before. May lie in the past.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        earliest([self.dial.due(), each!(&self.session, session => session.deadline())])
    }

    /// How the feed is doing.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        each!(&self.session, session => session.status())
    }
}
