//! The depth of the book beside its ladder.

use leptos::prelude::*;
use wire::Instrument;

use super::super::panel::{Content, Panel};
use super::super::store::Store;
use super::book;
use crate::chart::depth::{self, SIZE};
use crate::format;
use crate::state::Part;

/// What rests up to each price on both sides of the mid.
#[component]
pub(super) fn DepthPanel(instrument: Memo<Option<Instrument>>, content: Signal<Content>) -> impl IntoView {
    let store = Store::of_page();
    let holds = book::holds(store);
    let depth = Memo::new(move |_| {
        store.read(Part::Book, |state| state.market.as_ref().and_then(|m| depth::depth(&m.book)).unwrap_or_default())
    });
    let price = move |pick: fn((i64, i64)) -> i64| {
        let digits = instrument.with(|i| i.as_ref().map_or(2, |i| i.price_decimals));
        depth.with(|d| format::rounded(pick(d.prices), digits, digits.min(2)))
    };
    let sum = move |pick: fn(&depth::Depth) -> u64| {
        instrument.with(|i| {
            let (digits, pair) = i.as_ref().map_or((8, ""), |i| (i.qty_decimals, i.pair.as_str()));
            let base = pair.split('/').next().unwrap_or_default();
            format!("{} {base}", depth.with(|d| format::quantity(pick(d), digits)))
        })
    };
    let note = move || if holds.get() { "sum from the mid" } else { "not live: last known levels" };
    let words = move || {
        let (bids, asks) = (sum(|d| d.bid_sum), sum(|d| d.ask_sum));
        format!("{bids} bid down to {}, {asks} asked up to {}", price(|p| p.0), price(|p| p.1))
    };
    view! {
        <Panel kind="depth" title="Depth" note=view! { <span class="note">{note}</span> }.into_any() content=content>
            <div class="ladder" class:behind=move || !holds.get()>
                <p class="ends">
                    <span>"▴ " {move || sum(|d| d.bid_sum)} " bid"</span>
                    <span>{move || sum(|d| d.ask_sum)} " asked ▾"</span>
                </p>
                <svg class="level-sums" viewBox=format!("0 0 {} {}", SIZE.0, SIZE.1) preserveAspectRatio="none" role="img" aria-label=words>
                    <path class="bid-side" d=move || depth.with(|d| d.bids.clone()) />
                    <path class="ask-side" d=move || depth.with(|d| d.asks.clone()) />
                </svg>
                <p class="ends secondary">
                    <span data-testid="depth-low">{move || price(|p| p.0)}</span>
                    <span>{move || price(|p| p.1)}</span>
                </p>
            </div>
        </Panel>
    }
}
