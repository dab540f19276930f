//! The same coin in the other markets of the box.

use leptos::prelude::*;
use wire::{Instrument, Quote};

use super::super::panel::{Chip, Content, Panel};
use super::super::store::Store;
use crate::state::Part;
use crate::{address, format, sentence};

/// The table.
#[component]
pub(super) fn Elsewhere(instrument: Memo<Option<Instrument>>) -> impl IntoView {
    let store = Store::of_page();
    let others = Memo::new(move |_| {
        let here = instrument.get()?;
        store.read(Part::Catalogue, |state| {
            let is_other = |i: &&Instrument| i.id != here.id && base(&i.pair) == base(&here.pair);
            Some(state.catalogue.iter().filter(is_other).cloned().collect::<Vec<_>>())
        })
    });
    let content = Signal::derive(move || {
        others.with(|others| match others {
            None => Content::Loading,
            Some(others) if others.is_empty() => Content::Empty("No other market of this box trades it.".into()),
            Some(_) => Content::Ready,
        })
    });
    let title = move || match instrument.with(|i| i.as_ref().map(|i| base(&i.pair).to_owned())) {
        Some(base) => format!("{base} elsewhere"),
        None => "Elsewhere".into(),
    };
    let row = move |other: Instrument| {
        let (id, digits) = (other.id, other.price_decimals);
        let quote = move |id: u16| store.read(Part::Overview, |state| state.quote(id).copied());
        let mid_there = move || mid(quote(id)).map(|mid| mid / format::ten_to(digits));
        let mid_here = move || {
            let (id, digits) = instrument.with(|i| i.as_ref().map(|i| (i.id, i.price_decimals)))?;
            mid(quote(id)).map(|mid| mid / format::ten_to(digits))
        };
        let difference = move || Some((mid_there()? / mid_here()? - 1.0) * 1e4);
        let difference_text = move || difference().map_or_else(|| "–".into(), |d| format::signed_float(d, 1));
        let word = Signal::derive(move || match quote(id) {
            Some(quote) => {
                let (word, tone) = sentence::book_state(quote.state);
                (word.to_owned(), tone)
            }
            None => ("unknown".into(), sentence::Tone::Plain),
        });
        let price = move || {
            mid(quote(id)).map_or_else(|| "–".into(), |mid| format::rounded(mid.round() as i64, digits, digits.min(2)))
        };
        view! {
            <tr data-testid="elsewhere-row">
                <td><a href=address::market(&other)>{other.venue.clone()} " " <span class="secondary">{other.pair.clone()}</span></a></td>
                <td>{price}</td>
                <td class=move || format::sign_class(&difference_text())>
                    {difference_text}
                </td>
                <td><Chip word=word /></td>
            </tr>
        }
    };
    view! {
        <Panel kind="elsewhere" title=title note=view! { <span class="note">"difference in bps"</span> }.into_any() content=content>
            <table>
                <thead>
                    <tr>
                        <th>"Market"</th>
                        <th>"Mid"</th>
                        <th>"vs here"</th>
                        <th>"Book"</th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || others.get().unwrap_or_default() key=|i| i.id children=row />
                </tbody>
            </table>
        </Panel>
    }
}

fn base(pair: &str) -> &str {
    pair.split('/').next().unwrap_or(pair)
}

/// The mid in price units.
fn mid(quote: Option<Quote>) -> Option<f64> {
    quote?.best.map(|(bid, ask)| (bid as f64 + ask as f64) / 2.0)
}
