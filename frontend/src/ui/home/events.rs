//! What happened.

use leptos::prelude::*;

use super::super::browser;
use super::super::panel::{Content, Panel};
use super::super::store::Store;

/// The list, newest first.
#[component]
pub(super) fn Events() -> impl IntoView {
    let store = Store::of_page();
    let events = Memo::new(move |_| store.overview(|o| o.events.clone()));
    let content = Signal::derive(move || {
        events.with(|events| match events {
            None => Content::Loading,
            Some(events) if events.is_empty() => Content::Empty("Nothing happened since the start.".into()),
            Some(_) => Content::Ready,
        })
    });
    let rows = move || {
        events
            .get()
            .unwrap_or_default()
            .into_iter()
            .map(|event| {
                let class = match event.severity {
                    0 => "",
                    1 => "warning",
                    _ => "alarm",
                };
                view! {
                    <li class=class data-testid="event">
                        <time>{browser::zone(event.at_ms).clock(event.at_ms)}</time>
                        <span>{event.text}</span>
                    </li>
                }
            })
            .collect::<Vec<_>>()
    };
    view! {
        <Panel kind="events" title="Latest" content=content>
            // It scrolls: the keyboard has to get there.
            <ul tabindex="0">{rows}</ul>
        </Panel>
    }
}
