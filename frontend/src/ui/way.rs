//! Where the page is: its address, and links that change it without loading the page anew.

use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Element, HtmlAnchorElement, MouseEvent};

use crate::way::Place;

/// The address; copied freely.
#[derive(Clone, Copy)]
pub(super) struct Way {
    place: RwSignal<Place>,
}

impl Way {
    /// The address that the browser has, kept up to date from here on.
    pub(super) fn new() -> Self {
        let way = Self { place: RwSignal::new(here()) };
        let back = window_event_listener_untyped("popstate", move |_| way.place.set(here()));
        let click = window_event_listener(leptos::ev::click, move |event| way.follow(&event));
        on_cleanup(move || {
            back.remove();
            click.remove();
        });
        way
    }

    /// The address of this page.
    pub(super) fn of_page() -> Self {
        expect_context()
    }

    /// The address, tracked.
    pub(super) fn read<T>(self, read: impl FnOnce(&Place) -> T) -> T {
        self.place.with(read)
    }

    /// A parameter of the address, decoded.
    pub(super) fn parameter(self, name: &'static str) -> Memo<String> {
        Memo::new(move |_| {
            let text = self.place.with(|place| place.parameter(name).to_owned());
            js_sys::decode_uri_component(&text).map(String::from).unwrap_or(text)
        })
    }

    /// Goes to another page; `is_new` begins at its top.
    pub(super) fn go(self, address: &str, is_new: bool) {
        if let Ok(history) = window().history() {
            let _ = history.push_state_with_url(&JsValue::NULL, "", Some(address));
        }
        let place = Place::of(address);
        let is_other = self.place.with_untracked(|before| before.path != place.path);
        self.place.set(place);
        if is_new && is_other {
            window().scroll_to_with_x_and_y(0.0, 0.0);
        }
    }

    /// Follows a link to another page of ours; others, and those that are opened elsewhere, are the browser's.
    fn follow(self, event: &MouseEvent) {
        let is_special = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
        if event.default_prevented() || event.button() != 0 || is_special {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let Some(link) = target.and_then(|target| target.closest("a[href]").ok().flatten()) else { return };
        let Ok(link) = link.dyn_into::<HtmlAnchorElement>() else { return };
        let address = link.get_attribute("href").unwrap_or_default();
        if !address.starts_with('/') || link.has_attribute("download") || !link.target().is_empty() {
            return;
        }
        event.prevent_default();
        self.go(&address, true);
    }
}

fn here() -> Place {
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    Place::of(&format!("{path}{}", location.search().unwrap_or_default()))
}
