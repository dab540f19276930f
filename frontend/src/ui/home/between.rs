//! Price differences between exchanges.

use leptos::prelude::*;

use super::super::panel::Panel;
use super::super::store::Store;
use super::when_known;
use crate::between::{self, Row};
use crate::state::Part;

/// The card: what is there, or what comes nearest, and what was today.
#[component]
pub(super) fn Between() -> impl IntoView {
    let store = Store::of_page();
    let rows = Memo::new(move |_| rows(store));
    let more = Memo::new(move |_| {
        store.overview(|o| o.arbitrage.open_count.saturating_sub(o.arbitrage.open.len() as u32)).unwrap_or(0)
    });
    let nothing = Memo::new(move |_| {
        store.read(Part::Catalogue, |_| ());
        store.read(Part::Overview, |state| {
            state.overview.as_ref().map(|o| between::nothing(&o.arbitrage, &state.catalogue)).unwrap_or_default()
        })
    });
    let today = Memo::new(move |_| store.overview(|o| between::today(&o.arbitrage.today)).unwrap_or_default());
    let note = view! { <span class="note wide-only">{between::BEFORE}</span> }.into_any();
    view! {
        <Panel kind="between" title="Between exchanges" note=note content=when_known(store)>
            <Show
                when=move || !rows.read().is_empty()
                fallback=move || view! { <p data-testid="between-nothing">{move || nothing.get()}</p> }
            >
                <ul>{move || rows.get().into_iter().map(line).collect::<Vec<_>>()}</ul>
                <Show when=move || { more.get() > 0 }>
                    <p class="secondary">"and " {move || more.get()} " more"</p>
                </Show>
            </Show>
            <p class="secondary" data-testid="between-today">{move || today.get()}</p>
            <p class="secondary narrow-only">"Figures are " {between::BEFORE} "."</p>
        </Panel>
    }
}

fn rows(store: Store) -> Vec<Row> {
    store.read(Part::Catalogue, |_| ());
    store.read(Part::Overview, |state| {
        let overview = state.overview.as_ref();
        let open = overview.map(|o| (o.arbitrage.open.iter(), o.at_ms));
        open.map(|(open, at_ms)| open.filter_map(|open| between::row(open, &state.catalogue, at_ms)).collect())
            .unwrap_or_default()
    })
}

fn line(row: Row) -> impl IntoView {
    view! {
        <li data-testid="between-row">
            <span>{row.route}</span>
            <b class="up">{row.net}</b>
            <span class="secondary">{row.size}</span>
            <span class="up">{row.profit}</span>
            <span class="secondary">{row.age}</span>
        </li>
    }
}
