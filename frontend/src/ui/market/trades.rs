//! Recent trades.

use leptos::prelude::*;
use wire::{Instrument, Trade};

use super::super::browser;
use super::super::panel::{Content, Panel};
use super::super::store::Store;
use crate::format;
use crate::state::Part;

/// Rows shown.
const ROWS: usize = 12;

/// The newest trades first.
#[component]
pub(super) fn Trades(instrument: Memo<Option<Instrument>>, content: Signal<Content>) -> impl IntoView {
    let store = Store::of_page();
    let trades = Memo::new(move |_| {
        store.read(Part::Trades, |state| {
            state.market.as_ref().map(|m| m.trades.iter().take(ROWS).copied().collect::<Vec<_>>()).unwrap_or_default()
        })
    });
    let content = Signal::derive(move || match content.get() {
        Content::Ready if trades.read().is_empty() => Content::Empty("No trade yet.".into()),
        other => other,
    });
    let row = move |(_, trade): (u64, Trade)| {
        let (price, qty) = instrument.with_untracked(|i| {
            let digits = i.as_ref().map_or((2, 8), |i| (i.price_decimals, i.qty_decimals));
            (format::fixed(trade.price, digits.0), format::quantity(trade.qty, digits.1))
        });
        let (class, mark, word) = match trade.side {
            1.. => ("up", "▴", "a buyer crossed the spread"),
            0 => ("", "·", "side unknown"),
            _ => ("down", "▾", "a seller crossed the spread"),
        };
        view! {
            <tr data-testid="trade">
                <td class=class title=word>{price} " " <span aria-hidden="true">{mark}</span></td>
                <td>{qty}</td>
                <td class="secondary">{browser::zone(trade.at_ms).clock_seconds(trade.at_ms)}</td>
            </tr>
        }
    };
    view! {
        <Panel kind="trades" title="Trades" note=view! { <span class="note">"price · size · time"</span> }.into_any() content=content>
            <table>
                <tbody>
                    <For each=move || trades.get() key=|(number, _)| *number children=row />
                </tbody>
            </table>
        </Panel>
    }
}
