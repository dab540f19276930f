//! Home: what the box says of itself, drawn anew with each word of it.

use std::rc::Rc;

use leptos::prelude::*;

use super::browser;
use super::dom::live;
use super::door;
use super::store::Store;
use crate::pages::Section;
use crate::pages::home::{self, Sight};
use crate::state::Part;

/// The page.
pub(super) fn home() -> AnyView {
    let store = Store::of_page();
    // Not when the market page goes: it is also taken down on the way from one market to the next.
    Effect::new(move |_| store.watch(None));
    let asked = RwSignal::new(String::new());
    let make = move || look(store, |sight| home::page(sight, &asked.read()));
    live("home", Box::new(make), Rc::new(move |key| asked.set(key)))
}

/// The card of what is between exchanges just now.
pub(super) fn between(store: Store) -> Vec<Section> {
    look(store, home::between_now)
}

/// Reads what is known, and tracks it.
fn look<T>(store: Store, read: impl FnOnce(Sight<'_>) -> T) -> T {
    let freshness = store.freshness.get();
    store.read(Part::Catalogue, |_| ());
    store.read(Part::Overview, |state| {
        let overview = state.overview.as_ref();
        let zone = browser::zone(overview.map_or(0, |told| told.at_ms));
        read(Sight { overview, catalogue: &state.catalogue, freshness, zone, may_control: door::may_control() })
    })
}
