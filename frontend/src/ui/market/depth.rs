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
    // One kind of text, so that the page holds the code for it once.
    let text = move |write: fn(&depth::Depth, &Instrument) -> String| {
        Memo::new(move |_| depth.with(|d| instrument.with(|i| i.as_ref().map(|i| write(d, i)).unwrap_or_default())))
    };
    let low = text(|d, i| price(d.prices.0, i));
    let high = text(|d, i| price(d.prices.1, i));
    let bid = text(|d, i| format!("▴ {} bid", sum(d.bid_sum, i)));
    let ask = text(|d, i| format!("{} asked ▾", sum(d.ask_sum, i)));
    let words = text(|d, i| {
        let (low, high) = (price(d.prices.0, i), price(d.prices.1, i));
        format!("{} bid down to {low}, {} asked up to {high}", sum(d.bid_sum, i), sum(d.ask_sum, i))
    });
    let bids = text(|d, _| d.bids.clone());
    let asks = text(|d, _| d.asks.clone());
    let note =
        Memo::new(
            move |_| {
                if holds.get() { "sum from the mid".to_owned() } else { "not live: last known levels".to_owned() }
            },
        );
    view! {
        <Panel kind="depth" title="Depth" note=view! { <span class="note">{note}</span> }.into_any() content=content>
            <div class="ladder" class:behind=move || !holds.get()>
                <p class="ends">
                    <span>{bid}</span>
                    <span>{ask}</span>
                </p>
                <svg class="level-sums" viewBox=format!("0 0 {} {}", format::plain(SIZE.0, 0), format::plain(SIZE.1, 0)) preserveAspectRatio="none" role="img" aria-label=words>
                    <path class="bid-side" d=bids />
                    <path class="ask-side" d=asks />
                </svg>
                <p class="ends secondary">
                    <span data-testid="depth-low">{low}</span>
                    <span>{high}</span>
                </p>
            </div>
        </Panel>
    }
}

fn price(price: i64, of: &Instrument) -> String {
    format::rounded(price, of.price_decimals, of.price_decimals.min(2))
}

fn sum(qty: u64, of: &Instrument) -> String {
    let base = of.pair.split('/').next().unwrap_or_default();
    format!("{} {base}", format::quantity(qty, of.qty_decimals))
}
