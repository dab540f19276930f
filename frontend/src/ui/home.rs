//! Home: what the box says of itself, drawn anew with each word of it.

use std::rc::Rc;

use leptos::prelude::*;
use wire::HorizonCard;

use super::browser;
use super::dom::live;
use super::panel::Chip;
use super::store::Store;
use crate::format;
use crate::pages::Section;
use crate::pages::home::{self, Sight};
use crate::sentence;
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
        read(Sight { overview, catalogue: &state.catalogue, freshness, zone })
    })
}

/// One horizon as a table row, for the market page.
#[component]
pub(super) fn HorizonRow(
    /// Horizon and forecast.
    card: HorizonCard,
) -> impl IntoView {
    let (word, tone) = sentence::verdict(card.verdict);
    let word = Signal::stored((word.to_owned(), tone));
    let bps = |value: f32, digits| format::signed_float(f64::from(value) * 1e4, digits);
    let expected = card.forecast.map_or_else(|| "–".into(), |f| bps(f.log_return, 1));
    let class = format::sign_class(&expected);
    let p_up = card.forecast.map_or_else(|| "–".into(), |f| format::percent(f64::from(f.p_up) * 1e6, 0));
    let band = card
        .forecast
        .and_then(|f| f.band_90.map(|h| format!("{} to {}", bps(f.log_return - h, 0), bps(f.log_return + h, 0))));
    view! {
        <tr data-testid="horizon">
            <td>{card.horizon_min} <span class="unit">" min"</span></td>
            <td class=class>{expected}</td>
            <td class="secondary">{band.unwrap_or_else(|| "–".into())}</td>
            <td>{p_up}</td>
            <td><Chip word=word testid="verdict" /></td>
        </tr>
    }
}
