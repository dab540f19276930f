//! One link of a feed: a session, when it connects, and whether its connection is alive at all.

use std::time::Duration;

use types::{Timestamp, Venue};

use super::queue::SessionId;
use crate::io::{FeedInput, FeedOutput, LinkId, ReconnectReason};
use crate::session::{Dial, Market, VenueSession, earliest, is_due};
use crate::settings::{FeedSettings, SettingsError};
use crate::{binance_us, coinbase, kraken, kucoin};

/// A session and its connection.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: SessionId,
    pub(super) link: LinkId,
    pub(super) session: Box<dyn VenueSession>,
    dial: Dial,
    pong_timeout: Duration,
    pong_due: Option<Timestamp>,
    /// A disconnection was asked for and not told yet.
    is_closing: bool,
}

impl Lane {
    pub(super) fn new(id: SessionId, settings: &FeedSettings, link: LinkId) -> Result<Self, SettingsError> {
        let seed = settings.seed.wrapping_add(u64::from(id.0));
        let settings = FeedSettings { seed, ..settings.clone() };
        let dial = Dial::new(&settings);
        let pong_timeout = settings.pong_timeout;
        let session: Box<dyn VenueSession> = match settings.venue {
            Venue::Kraken => Box::new(kraken::Session::new(settings, link)),
            Venue::BinanceUs => Box::new(binance_us::Session::new(settings, link)),
            Venue::Coinbase => Box::new(coinbase::Session::new(settings, link)),
            Venue::Kucoin => Box::new(kucoin::Session::new(settings, link)),
        };
        Ok(Self { id, link, session, dial, pong_timeout, pong_due: None, is_closing: false })
    }

    /// Notes what an input says about the connection.
    pub(super) fn note_input(&mut self, at: Timestamp, input: &FeedInput<'_>) {
        match input {
            FeedInput::Connected(_) => {
                self.dial.connected(at);
                self.pong_due = None;
            }
            FeedInput::Disconnected(_) | FeedInput::Refused { .. } => {
                self.dial.disconnected(at);
                self.pong_due = None;
                self.is_closing = false;
            }
            FeedInput::Pong(_) => self.pong_due = None,
            _ => {}
        }
    }

    /// Notes what the session wants of the connection; false for what was wanted already.
    pub(super) fn note_output(&mut self, at: Timestamp, output: &FeedOutput) -> bool {
        match output {
            FeedOutput::Ping(_) => {
                self.pong_due.get_or_insert(at.plus(self.pong_timeout));
                true
            }
            FeedOutput::Reconnect(..) => !std::mem::replace(&mut self.is_closing, true),
            _ => true,
        }
    }

    /// Wants the connection closed when a ping was not answered, or when it tells nothing but garbage.
    pub(super) fn poll_health(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        if self.session.link().is_garbled() {
            self.session.link_mut().reconnect(ReconnectReason::Garbled, out);
        }
        if self.session.link().clock.is_late(at) {
            self.session.link_mut().reconnect(ReconnectReason::Late, out);
        }
        if is_due(self.pong_due, at) {
            self.pong_due = None;
            self.session.link_mut().reconnect(ReconnectReason::NoPong, out);
        }
    }

    /// When to connect, as far as back-off is concerned.
    pub(super) fn dial_at(&self) -> Option<Timestamp> {
        self.dial.due()
    }

    pub(super) fn dialled(&mut self) {
        self.dial.dialled();
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        earliest([self.pong_due, self.session.deadline()])
    }

    /// Since when the connection stands.
    pub(super) fn up_since(&self) -> Option<Timestamp> {
        self.session.link().connected_at.filter(|_| !self.is_closing)
    }

    /// Its markets give nothing out until it takes over.
    pub(super) fn hold(&mut self) {
        self.session.markets_mut().into_iter().for_each(Market::hold);
    }

    /// It hears everything that `active` hears, and every book that holds there holds here.
    pub(super) fn can_replace(&self, active: &Self) -> bool {
        let books = active.session.markets().into_iter().zip(self.session.markets());
        self.up_since().is_some()
            && self.session.is_settled()
            && books.into_iter().all(|(old, new)| !old.publisher.is_live() || new.publisher.is_live())
    }

    /// Goes on where `old` stands.
    pub(super) fn take_over(&mut self, old: &Self, out: &mut Vec<FeedOutput>) {
        self.session.link_mut().take_over(old.session.link());
        for (new, old) in self.session.markets_mut().into_iter().zip(old.session.markets()) {
            new.take_over(old, out);
        }
    }
}
