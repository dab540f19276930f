//! The frame around the pages: navigation, top line, connection state.

use std::rc::Rc;

use leptos::prelude::*;
use wire::api::Standing;

use super::ask::{Desk, DeskView};
use super::browser;
use super::dom::live;
use super::door::{self, Entry};
use super::home;
use super::market::{MarketChoice, MarketPage};
use super::pages;
use super::store::Store;
use super::theme::Theme;
use super::way::Way;
use super::welcome;
use crate::link::Link;
use crate::markup::Node;
use crate::pages::shell::{self, Top};
use crate::state::Part;

/// The whole page, once the visitor may see it.
#[component]
pub(super) fn App() -> impl IntoView {
    let entry = RwSignal::new(Entry::Asking);
    provide_context(Theme::new());
    door::knock(entry);
    let standing = Memo::new(move |_| match entry.get() {
        Entry::Open(standing) => Some(standing),
        _ => None,
    });
    move || match standing.get() {
        Some(standing) if welcome::is_due(&standing) => welcome::welcome(&standing),
        Some(standing) => inside(standing),
        None => door::door(entry),
    }
}

fn inside(standing: Standing) -> AnyView {
    browser::tell_utc(standing.clock == "utc");
    let store = Store::new();
    provide_context(store);
    provide_context(MarketChoice::new());
    provide_context(Desk::new());
    provide_context(standing);
    let (way, theme) = (Way::new(), expect_context::<Theme>());
    provide_context(way);
    let name = Memo::new(move |_| way.read(|place| place.part(0).to_owned()));
    let page = move || match name.get().as_str() {
        "" => home::home(),
        "market" => view! { <MarketPage /> }.into_any(),
        other => pages::page_named(other),
    };
    store.connect();
    mark_first_data(store);
    view! {
        <div class="frame">
            {live("contents", Box::new(move || vec![rail(store, way)]), Rc::new(drop))}
            <div class="content">
                {live("contents", Box::new(move || top(store, theme)), Rc::new(drop))}
                <main>
                    <DeskView />
                    {page}
                </main>
            </div>
            {live("contents", Box::new(move || vec![way.read(shell::bar)]), Rc::new(drop))}
        </div>
    }
    .into_any()
}

/// Notes in the browser's time line when the first data was drawn: measurements and browser tests wait for it.
fn mark_first_data(store: Store) {
    let has_data = Memo::new(move |_| store.overview(|_| ()).is_some());
    Effect::new(move |is_marked: Option<bool>| {
        let has_data = has_data.get();
        if has_data && is_marked != Some(true) {
            // The frame after this one starts when this one is drawn.
            request_animation_frame(|| request_animation_frame(|| browser::mark("first-data")));
        }
        has_data
    });
}

fn rail(store: Store, way: Way) -> Node {
    let freshness = store.freshness();
    store.read(Part::Hello, |_| ());
    store.read(Part::Overview, |state| {
        way.read(|place| shell::rail(place, state.hello.as_ref(), state.overview.as_ref(), freshness))
    })
}

fn top(store: Store, theme: Theme) -> Vec<Node> {
    let host = window().location().host().unwrap_or_default();
    let (link, silent_ms) = (store.link.get(), store.silent_ms());
    let words = link.words(store.now_ms.get(), silent_ms);
    let (freshness, is_light) = (store.freshness(), theme.is_light.get());
    for part in [Part::Hello, Part::Refused] {
        store.read(part, |_| ());
    }
    store.read(Part::Overview, |state| {
        shell::top(&Top {
            host,
            is_demo: state.hello.as_ref().is_some_and(|hello| hello.demo),
            words,
            freshness,
            is_out_of_date: link == Link::OutOfDate,
            at: state.overview.as_ref().map(|told| (told.at_ms, browser::zone(told.at_ms))),
            is_light,
            refused: state.refused.as_deref(),
        })
    })
}
