//! One venue's feed: its session, and around it what all venues have in common.

mod queue;

use types::{Timestamp, Venue};

use crate::io::{FeedInput, FeedOutput, LinkId};
use crate::limiter::Limiter;
use crate::quality::Ledger;
use crate::session::{Dial, VenueSession, earliest, is_due};
use crate::settings::{FeedSettings, SettingsError};
use crate::status::FeedStatus;
use crate::{binance_us, kraken};

use queue::{Asker, Queue, SessionId};

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
    queue: Queue,
    dial: Dial,
    active: Lane,
    ledger: Ledger,
}

/// A session and its name.
#[derive(Debug)]
struct Lane {
    id: SessionId,
    session: Box<dyn VenueSession>,
}

impl Lane {
    fn new(id: SessionId, settings: FeedSettings, link: LinkId) -> Result<Self, SettingsError> {
        let session: Box<dyn VenueSession> = match settings.venue {
            Venue::Kraken => Box::new(kraken::Session::new(settings, link)),
            Venue::BinanceUs => Box::new(binance_us::Session::new(settings, link)),
            venue @ (Venue::Coinbase | Venue::Kucoin) => return Err(SettingsError::UnspokenVenue { venue }),
        };
        Ok(Self { id, session })
    }
}

impl Feed {
    /// A feed that has not connected yet.
    ///
    /// # Errors
    /// [`SettingsError`] when the settings cannot work.
    pub fn new(settings: FeedSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let limiter = Limiter::new(settings.limits, settings.blocked_until);
        Ok(Self {
            queue: Queue::new(limiter, settings.request_timeout),
            dial: Dial::new(&settings),
            ledger: Ledger::new(settings.instruments.iter().map(|wanted| wanted.id)),
            active: Lane::new(SessionId(0), settings, LinkId::FIRST)?,
        })
    }

    /// Takes one input; appends to `out` what follows from it, in order. `at` is the time of the input and must not
    /// decrease between calls. Cannot fail: what is not understood comes out as [`FeedOutput::Rejected`].
    pub fn handle(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        if is_due(self.ledger.deadline(), at) {
            self.ledger.close(at, &self.status(), out);
        }
        let before = out.len();
        self.take(at, input, out);
        while let Some(asker) = self.queue.take_timed_out(at) {
            self.tell_failed(at, asker, out);
        }
        if is_due(self.dial_at(), at) {
            self.dial.dialled();
            self.queue.limiter.connect(at);
            self.with_session(at, out, |session, out| session.connect(at, out));
        }
        self.queue.poll(at, out);
        self.ledger.hear(at, &out[before..]);
    }

    fn take(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        match input {
            FeedInput::Connected(_) => self.dial.connected(at),
            FeedInput::Disconnected(_) => self.dial.disconnected(at),
            FeedInput::Refused { status, retry_after, .. } => {
                self.queue.limiter.handshake_refused(at, status, retry_after);
                self.dial.disconnected(at);
            }
            FeedInput::Response { request, status, retry_after, body } => {
                self.queue.limiter.answered(at, status, retry_after);
                if let Some(Asker { request, .. }) = self.queue.take(request) {
                    self.tell(at, FeedInput::Response { request, status, retry_after, body }, out);
                }
                return;
            }
            FeedInput::Failed { request } => {
                if let Some(asker) = self.queue.take(request) {
                    self.tell_failed(at, asker, out);
                }
                return;
            }
            FeedInput::Frame(..) | FeedInput::Pong(_) | FeedInput::Deadline => {}
        }
        if matches!(input, FeedInput::Disconnected(_) | FeedInput::Refused { .. }) {
            self.queue.forget(self.active.id);
        }
        self.tell(at, input, out);
    }

    fn tell(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        self.with_session(at, out, |session, out| session.handle(at, input, out));
    }

    fn tell_failed(&mut self, at: Timestamp, asker: Asker, out: &mut Vec<FeedOutput>) {
        if asker.session == self.active.id {
            self.tell(at, FeedInput::Failed { request: asker.request }, out);
        }
    }

    /// Lets the session act; its requests join the queue, and what it learned reaches the limiter.
    fn with_session(
        &mut self,
        at: Timestamp,
        out: &mut Vec<FeedOutput>,
        act: impl FnOnce(&mut dyn VenueSession, &mut Vec<FeedOutput>),
    ) {
        let before = out.len();
        act(self.active.session.as_mut(), out);
        let advice = self.active.session.advice();
        if advice.is_too_fast {
            self.queue.limiter.too_fast(at);
        }
        if let Some(weight) = advice.weight {
            self.queue.limiter.allow(weight);
        }
        let is_request = |output: &mut FeedOutput| matches!(output, FeedOutput::Request(_));
        let requests: Vec<FeedOutput> = out.extract_if(before.., is_request).collect();
        let mut refused = Vec::new();
        for output in requests {
            if let FeedOutput::Request(request) = output {
                refused.extend(self.queue.push(self.active.id, request));
            }
        }
        for asker in refused {
            self.tell_failed(at, asker, out);
        }
    }

    /// When to connect.
    fn dial_at(&self) -> Option<Timestamp> {
        self.dial.due().map(|due| due.max(self.queue.limiter.connect_at()))
    }

    /// When [`FeedInput::Deadline`] is wanted next, if nothing else happens before. May lie in the past.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        earliest([self.dial_at(), self.queue.deadline(), self.ledger.deadline(), self.active.session.deadline()])
    }

    /// How the feed is doing.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        FeedStatus { requests_blocked_until: self.queue.limiter.blocked_until(), ..self.active.session.status() }
    }
}
