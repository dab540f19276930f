//! The one WebSocket: opened, watched, opened again.
//!
//! ```text
//! connecting --open--> live --close, error, 15 s of silence--> waiting --time is up, network is back, page is shown--> connecting
//! ```

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{BinaryType, MessageEvent, WebSocket};
use wire::{ClientMessage, SOCKET_PATH};

use super::{browser, store::Store};
use crate::backoff;
use crate::link::{LOST_MS, Link};

/// Handle to the connection.
#[derive(Clone, Copy)]
pub(super) struct Socket {
    connection: StoredValue<Option<Connection>, LocalStorage>,
    /// Attempts since the last message.
    attempts: StoredValue<u32>,
}

/// An open or opening socket with its callbacks. Dropped, it is closed and calls nothing any more.
struct Connection {
    socket: WebSocket,
    _open: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

impl Socket {
    pub(super) fn new() -> Self {
        Self { connection: StoredValue::new_local(None), attempts: StoredValue::new(0) }
    }

    /// Connects, and from then on once a second looks whether there is something to do.
    pub(super) fn keep_open(self, store: Store) {
        self.open(store);
        set_interval(move || self.look(store), Duration::from_secs(1));
        for event in ["online", "visibilitychange"] {
            // Both mean that waiting longer is no use; `visibilitychange` bubbles up to the window.
            let handle = window_event_listener_untyped(event, move |_| self.retry_now(store));
            on_cleanup(move || handle.remove());
        }
    }

    /// Sends a message; false when there is no open connection.
    pub(super) fn send(self, message: ClientMessage) -> bool {
        self.connection.with_value(|connection| {
            connection.as_ref().is_some_and(|connection| {
                connection.socket.ready_state() == WebSocket::OPEN
                    && connection.socket.send_with_u8_array(&wire::encode(&message)).is_ok()
            })
        })
    }

    fn open(self, store: Store) {
        store.link.set(Link::Connecting);
        match self.connection(store) {
            Some(connection) => self.connection.set_value(Some(connection)),
            None => self.wait(store),
        }
    }

    fn connection(self, store: Store) -> Option<Connection> {
        let location = window().location();
        let scheme = if location.protocol().is_ok_and(|p| p == "https:") { "wss" } else { "ws" };
        let socket = WebSocket::new(&format!("{scheme}://{}{SOCKET_PATH}", location.host().ok()?)).ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let open = Closure::<dyn FnMut()>::new(move || {
            store.heard_ms.set_value(browser::now_ms());
            store.link.set(Link::Live);
            store.send(store.wish());
        });
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| self.take(store, &event));
        let close = Closure::<dyn FnMut()>::new(move || self.wait(store));
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        Some(Connection { socket, _open: open, _message: message, _close: close })
    }

    fn take(self, store: Store, event: &MessageEvent) {
        let Ok(buffer) = event.data().dyn_into::<js_sys::ArrayBuffer>() else { return };
        match wire::decode(&js_sys::Uint8Array::new(&buffer).to_vec()) {
            Ok(message) => {
                self.attempts.set_value(0);
                store.apply(message);
            }
            // After a foreign Hello this is expected; otherwise the box and the page disagree, and a reload is the cure too.
            Err(_) => store.link.set(Link::OutOfDate),
        }
    }

    fn wait(self, store: Store) {
        if store.link.get_untracked() == Link::OutOfDate {
            return;
        }
        let attempt = self.attempts.try_update_value(|n| std::mem::replace(n, n.saturating_add(1))).unwrap_or(0);
        let wait = f64::from(backoff::wait_ms(attempt, js_sys::Math::random()));
        store.link.set(Link::Waiting { until_ms: browser::now_ms() + wait });
        set_timeout(move || self.look(store), Duration::from_millis(wait as u64 + 1));
    }

    fn look(self, store: Store) {
        let now = browser::now_ms();
        store.now_ms.set(now);
        match store.link.get_untracked() {
            Link::Waiting { until_ms } if until_ms <= now => self.open(store),
            Link::Live if now - store.heard_ms.get_value() > LOST_MS => {
                self.connection.set_value(None);
                self.wait(store);
            }
            _ => {}
        }
    }

    fn retry_now(self, store: Store) {
        if matches!(store.link.get_untracked(), Link::Waiting { .. }) && !document().hidden() {
            self.open(store);
        }
    }
}
