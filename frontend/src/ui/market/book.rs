//! The book ladder. Rows are rendered once; only what changed in a row is written.

use leptos::prelude::*;
use wire::{BookState, Instrument};

use super::super::panel::{Content, Panel};
use super::super::store::Store;
use crate::format;
use crate::ladder::{self, Ladder, ROWS, Row};
use crate::state::Part;

/// Whether the book is not behind.
pub(super) fn holds(store: Store) -> Memo<bool> {
    Memo::new(move |_| {
        store.read(Part::Book, |state| {
            let behind =
                |m: &crate::state::MarketState| matches!(m.book.state, BookState::Resyncing | BookState::Silent);
            !state.market.as_ref().is_some_and(behind)
        })
    })
}

/// The ladder: asks falling to the middle, bids falling from it.
#[component]
pub(super) fn BookPanel(instrument: Memo<Option<Instrument>>, content: Signal<Content>) -> impl IntoView {
    let store = Store::of_page();
    let ladder = Memo::new(move |_| {
        store.read(Part::Book, |state| state.market.as_ref().map(|m| ladder::ladder(&m.book)).unwrap_or_default())
    });
    let holds = holds(store);
    let note = view! { <span class="note">"price · size · sum"</span> }.into_any();
    view! {
        <Panel kind="book" title="Book" note=note content=content>
            <div class="ladder" class:behind=move || !holds.get()>
                <div class="levels asks">
                    {(0..ROWS).rev().map(|n| view! { <Level instrument ladder n is_ask=true /> }).collect::<Vec<_>>()}
                </div>
                <Middle instrument ladder holds />
                <div class="levels bids">
                    {(0..ROWS).map(|n| view! { <Level instrument ladder n is_ask=false /> }).collect::<Vec<_>>()}
                </div>
            </div>
        </Panel>
    }
}

#[component]
fn Level(instrument: Memo<Option<Instrument>>, ladder: Memo<Ladder>, n: usize, is_ask: bool) -> impl IntoView {
    let row = Memo::new(move |_| ladder.with(|l| if is_ask { l.asks.get(n) } else { l.bids.get(n) }.copied()));
    let text = move |write: fn(&Row, &Instrument) -> String| {
        instrument
            .with(|i| row.with(|row| row.as_ref().zip(i.as_ref()).map(|(row, i)| write(row, i)).unwrap_or_default()))
    };
    let price = Memo::new(move |_| text(|row, i| format::fixed(row.price, i.price_decimals)));
    let qty = Memo::new(move |_| text(|row, i| format::quantity(row.qty, i.qty_decimals)));
    let sum = Memo::new(move |_| text(|row, i| format::quantity(row.sum, i.qty_decimals)));
    let scale =
        Memo::new(move |_| format!("scaleX({})", format::plain(row.get().map_or(0.0, |row| f64::from(row.share)), 3)));
    view! {
        <div class="level" data-testid=if is_ask { "ask" } else { "bid" }>
            <i style:transform=scale aria-hidden="true"></i>
            <span>{price}</span>
            <span>{qty}</span>
            <span>{sum}</span>
        </div>
    }
}

#[component]
fn Middle(instrument: Memo<Option<Instrument>>, ladder: Memo<Ladder>, holds: Memo<bool>) -> impl IntoView {
    let digits = move || instrument.with(|i| i.as_ref().map_or(2, |i| i.price_decimals));
    let middle = Memo::new(move |_| ladder.with(|l| l.middle));
    let mid = move || {
        // Twice the mid has one binary digit more: five tenths of the smallest price unit.
        middle.get().map_or_else(
            || "–".into(),
            |m| match m.mid_doubled % 2 {
                0 => format::fixed(m.mid_doubled / 2, digits()),
                _ => format::fixed(m.mid_doubled.saturating_mul(5), digits() + 1),
            },
        )
    };
    let words = move || match (holds.get(), middle.get()) {
        (false, _) => "not live: last known levels".into(),
        (true, None) => "one side is empty".into(),
        (true, Some(m)) => format!(
            "spread {} · {} bps · imbalance {}",
            format::fixed(m.spread, digits()),
            format::float(m.spread_bps, 2),
            format::signed_float(m.imbalance, 2)
        ),
    };
    view! {
        <div class="middle">
            <b data-testid="mid">{mid}</b>
            <span>{words}</span>
        </div>
    }
}
