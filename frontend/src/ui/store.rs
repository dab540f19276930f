//! The page's state for its components: one reducer state, one revision signal for each part of it.

use leptos::prelude::*;
use wire::{ClientMessage, Overview, ServerMessage};

use super::{browser, socket::Socket};
use crate::link::{Freshness, Link};
use crate::state::{self, Part, State};

/// How many [`Part`]s there are.
const PARTS: usize = Part::Refused as usize + 1;

/// Handle to the page's state; copied freely.
#[derive(Clone, Copy)]
pub(super) struct Store {
    state: StoredValue<State>,
    revisions: [RwSignal<u32>; PARTS],
    /// The connection.
    pub(super) link: RwSignal<Link>,
    /// The page's clock, once a second.
    pub(super) now_ms: RwSignal<f64>,
    /// When the last message came, page's clock.
    pub(super) heard_ms: StoredValue<f64>,
    /// Whether what is shown can be taken for the present.
    pub(super) freshness: Memo<Freshness>,
    socket: Socket,
}

impl Store {
    /// An empty store; the socket is opened by [`Socket::keep_open`].
    pub(super) fn new() -> Self {
        let state = StoredValue::new(State::default());
        let revisions: [_; PARTS] = std::array::from_fn(|_| RwSignal::new(0));
        let (link, now_ms) = (RwSignal::new(Link::default()), RwSignal::new(browser::now_ms()));
        let heard_ms = StoredValue::new(browser::now_ms());
        let freshness = Memo::new(move |_| {
            revisions[Part::Overview as usize].track();
            let has_data = state.with_value(|state| state.overview.is_some());
            link.get().freshness(has_data, silent_ms(now_ms, heard_ms))
        });
        Self { state, revisions, link, now_ms, heard_ms, freshness, socket: Socket::new() }
    }

    /// The store of this page.
    pub(super) fn of_page() -> Self {
        expect_context()
    }

    /// Opens the socket and keeps it open.
    pub(super) fn connect(self) {
        self.socket.keep_open(self);
    }

    /// Applies a message of the box.
    pub(super) fn apply(self, message: ServerMessage) {
        self.heard_ms.set_value(browser::now_ms());
        let parts = self.state.try_update_value(|state| state::apply(state, message)).unwrap_or_default();
        if self.state.with_value(State::is_out_of_date) {
            self.link.set(Link::OutOfDate);
        }
        self.changed(&parts);
    }

    /// Reads the state and tracks the part that is read.
    pub(super) fn read<T>(self, part: Part, read: impl FnOnce(&State) -> T) -> T {
        self.revisions[part as usize].track();
        self.state.with_value(read)
    }

    /// Reads the state without tracking anything.
    pub(super) fn peek<T>(self, read: impl FnOnce(&State) -> T) -> T {
        self.state.with_value(read)
    }

    /// Reads the overview and tracks it.
    pub(super) fn overview<T>(self, read: impl FnOnce(&Overview) -> T) -> Option<T> {
        self.read(Part::Overview, |state| state.overview.as_ref().map(read))
    }

    /// Asks for a market, or for none.
    pub(super) fn watch(self, wanted: Option<(u16, u16)>) {
        if self.peek(|state| state.watched == wanted) {
            return;
        }
        self.state.update_value(|state| state.watch(wanted));
        self.changed(&[Part::Market, Part::Candles, Part::Book, Part::Trades]);
        self.send(self.wish());
    }

    /// What the page wants to be sent: repeated on each new connection.
    pub(super) fn wish(self) -> ClientMessage {
        self.peek(|state| match state.watched {
            Some((instrument, timeframe_min)) => ClientMessage::Watch { instrument, timeframe_min },
            None => ClientMessage::Unwatch,
        })
    }

    /// Sends a request, when there is a connection; false when there is none.
    pub(super) fn send(self, message: ClientMessage) -> bool {
        self.socket.send(message)
    }

    /// Puts a refusal away.
    pub(super) fn dismiss(self) {
        self.state.update_value(|state| state.refused = None);
        self.changed(&[Part::Refused]);
    }

    /// Time since the last message, milliseconds; tracks the clock.
    pub(super) fn silent_ms(self) -> f64 {
        silent_ms(self.now_ms, self.heard_ms)
    }

    /// Whether what is shown can be taken for the present.
    pub(super) fn freshness(self) -> Freshness {
        self.freshness.get()
    }

    fn changed(self, parts: &[Part]) {
        for part in parts {
            self.revisions[*part as usize].update(|revision| *revision = revision.wrapping_add(1));
        }
    }
}

fn silent_ms(now_ms: RwSignal<f64>, heard_ms: StoredValue<f64>) -> f64 {
    (now_ms.get() - heard_ms.get_value()).max(0.0)
}
