//! One venue's feed: its session, and around it what all venues have in common.

mod lane;
mod queue;

use types::Timestamp;

use crate::io::{FeedInput, FeedOutput, LinkId, ReconnectReason};
use crate::limiter::Limiter;
use crate::quality::Ledger;
use crate::session::{earliest, is_due};
use crate::settings::{FeedSettings, SettingsError};
use crate::status::FeedStatus;

use lane::Lane;
use queue::{Asker, Queue, SessionId};

/// One venue's protocol as a machine without I/O: everything enters through [`Feed::handle`]. A new feed is due at once
/// and asks for its connection itself.
///
/// ```text
/// active ── age limit near, or the venue says that it will close ──> standby: a second session on the other link
/// standby ── hears and proves all that active does ──> it is the active one; the old connection is closed
/// active ── lost ──> standby takes over if it hears everything; otherwise books are stale, and active connects anew
/// ```
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
    settings: FeedSettings,
    queue: Queue,
    active: Lane,
    /// The session that is prepared to go on.
    standby: Option<Lane>,
    /// The link that is not the active one is about to be closed.
    is_other_closing: bool,
    sessions: u32,
    ledger: Ledger,
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
            active: Lane::new(SessionId(0), &settings, LinkId::FIRST)?,
            standby: None,
            is_other_closing: false,
            sessions: 1,
            ledger: Ledger::new(settings.instruments.iter().map(|wanted| wanted.id)),
            settings,
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
            self.tell(at, asker.session, FeedInput::Failed { request: asker.request }, out);
        }
        self.poll_lanes(at, out);
        self.poll_standby(at, out);
        self.queue.poll(at, out);
        self.ledger.hear(at, &out[before..]);
    }

    fn take(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        match input {
            FeedInput::Connected(link) | FeedInput::Frame(link, _) | FeedInput::Pong(link) => {
                self.tell_link(at, link, input, out);
            }
            FeedInput::Disconnected(link) => self.disconnected(at, link, input, out),
            FeedInput::Refused { link, status, retry_after } => {
                self.queue.limiter.handshake_refused(at, status, retry_after);
                self.disconnected(at, link, input, out);
            }
            FeedInput::Response { request, status, retry_after, body } => {
                self.queue.limiter.answered(at, status, retry_after);
                if let Some(Asker { session, request }) = self.queue.take(request) {
                    self.tell(at, session, FeedInput::Response { request, status, retry_after, body }, out);
                }
            }
            FeedInput::Failed { request } => {
                if let Some(Asker { session, request }) = self.queue.take(request) {
                    self.tell(at, session, FeedInput::Failed { request }, out);
                }
            }
            FeedInput::Deadline => {
                self.tell(at, self.active.id, input, out);
                if let Some(standby) = &self.standby {
                    self.tell(at, standby.id, input, out);
                }
            }
        }
    }

    fn disconnected(&mut self, at: Timestamp, link: LinkId, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        if link != self.active.link {
            self.is_other_closing = false;
        } else if let Some(standby) = self.standby.take() {
            if standby.session.is_settled() && standby.up_since().is_some() {
                self.hand_over(standby, out);
                self.is_other_closing = false;
                return;
            }
            self.queue.forget(standby.id);
            self.is_other_closing = true;
            out.push(FeedOutput::Reconnect(standby.link, ReconnectReason::NotNeeded));
        }
        self.tell_link(at, link, input, out);
    }

    fn tell_link(&mut self, at: Timestamp, link: LinkId, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        let lane = [Some(&self.active), self.standby.as_ref()].into_iter().flatten().find(|lane| lane.link == link);
        if let Some(id) = lane.map(|lane| lane.id) {
            self.tell(at, id, input, out);
        }
    }

    /// Tells a session, if it is still there. Its requests join the queue, and what it learned reaches the limiter.
    fn tell(&mut self, at: Timestamp, id: SessionId, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        let Some(lane) = Self::lane(&mut self.active, &mut self.standby, id) else { return };
        let before = out.len();
        lane.note_input(at, &input);
        if matches!(input, FeedInput::Disconnected(_) | FeedInput::Refused { .. }) {
            self.queue.forget(id);
        }
        lane.session.handle(at, input, out);
        self.sort_out(at, id, before, out);
    }

    fn lane<'a>(active: &'a mut Lane, standby: &'a mut Option<Lane>, id: SessionId) -> Option<&'a mut Lane> {
        if active.id == id { Some(active) } else { standby.as_mut().filter(|standby| standby.id == id) }
    }

    /// Does with what a session has put out since `before` what is not the driver's business.
    fn sort_out(&mut self, at: Timestamp, id: SessionId, before: usize, out: &mut Vec<FeedOutput>) {
        let Some(lane) = Self::lane(&mut self.active, &mut self.standby, id) else { return };
        let advice = lane.session.advice();
        if advice.is_too_fast {
            self.queue.limiter.too_fast(at);
        }
        if let Some(weight) = advice.weight {
            self.queue.limiter.allow(weight);
        }
        let is_standby = id != self.active.id;
        let Some(lane) = Self::lane(&mut self.active, &mut self.standby, id) else { return };
        let mut refused = Vec::new();
        let taken = out.extract_if(before.., |output| match output {
            FeedOutput::Request(_) => true,
            FeedOutput::Event(_) => is_standby,
            other => !lane.note_output(at, other),
        });
        for output in taken {
            if let FeedOutput::Request(request) = output {
                refused.extend(self.queue.push(id, request));
            }
        }
        for Asker { session, request } in refused {
            self.tell(at, session, FeedInput::Failed { request }, out);
        }
    }

    /// Connects, and closes what does not answer.
    fn poll_lanes(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        for id in [Some(self.active.id), self.standby.as_ref().map(|lane| lane.id)].into_iter().flatten() {
            let Some(lane) = Self::lane(&mut self.active, &mut self.standby, id) else { continue };
            let before = out.len();
            lane.poll_health(at, out);
            if is_due(lane.dial_at(), at) && self.queue.limiter.connect_at() <= at {
                lane.dialled();
                self.queue.limiter.connect(at);
                lane.session.connect(at, out);
            }
            if out.len() > before {
                self.sort_out(at, id, before, out);
            }
        }
    }

    /// Prepares another connection when the present one has to end soon, and uses it when it is ready.
    fn poll_standby(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.standby.is_none() && is_due(self.standby_at(), at) {
            let [first, second] = LinkId::ALL;
            let other = if self.active.link == first { second } else { first };
            let id = SessionId(self.sessions);
            self.sessions += 1;
            if let Ok(mut lane) = Lane::new(id, &self.settings, other) {
                lane.hold();
                self.standby = Some(lane);
                self.poll_lanes(at, out);
            }
        }
        if let Some(standby) = self.standby.take_if(|standby| standby.can_replace(&self.active)) {
            let reason = match self.active.session.link().is_ending() {
                true => ReconnectReason::ServerShutdown,
                false => ReconnectReason::Age,
            };
            out.push(FeedOutput::Reconnect(self.active.link, reason));
            self.hand_over(standby, out);
            self.is_other_closing = true;
        }
    }

    /// When a standby is to be made.
    fn standby_at(&self) -> Option<Timestamp> {
        let since = self.active.up_since().filter(|_| self.standby.is_none() && !self.is_other_closing)?;
        if self.active.session.link().is_ending() {
            return Some(since);
        }
        self.settings.connection_age_max.map(|age| since.plus(age))
    }

    /// The standby is the active session from now on.
    fn hand_over(&mut self, mut standby: Lane, out: &mut Vec<FeedOutput>) {
        let before = self.active.session.status();
        standby.take_over(&self.active, out);
        self.queue.forget(self.active.id);
        self.active = standby;
        self.ledger.change_session(&before, &self.active.session.status());
    }

    /// When [`FeedInput::Deadline`] is wanted next, if nothing else happens before. May lie in the past.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let connect_at = self.queue.limiter.connect_at();
        let of_lane = |lane: &Lane| earliest([lane.dial_at().map(|due| due.max(connect_at)), lane.deadline()]);
        earliest([
            of_lane(&self.active),
            self.standby.as_ref().and_then(of_lane),
            self.standby_at(),
            self.queue.deadline(),
            self.ledger.deadline(),
        ])
    }

    /// How the feed is doing.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        FeedStatus { requests_blocked_until: self.queue.limiter.blocked_until(), ..self.active.session.status() }
    }
}
