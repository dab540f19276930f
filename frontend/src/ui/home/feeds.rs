//! The venues and how their books stand.

use leptos::prelude::*;
use wire::{BookState, FeedBadge};

use super::super::panel::{Chip, Panel};
use super::super::store::Store;
use super::when_known;
use crate::format;
use crate::sentence;

/// The table.
#[component]
pub(super) fn Feeds() -> impl IntoView {
    let store = Store::of_page();
    let venues = Memo::new(move |_| {
        store.overview(|o| o.feeds.iter().map(|f| f.venue.clone()).collect::<Vec<_>>()).unwrap_or_default()
    });
    let note =
        view! { <span class="note wide-only">"proven by checksum or sequence, or compared by REST"</span> }.into_any();
    view! {
        <Panel kind="feeds" title="Markets" note=note content=when_known(store)>
            <table>
                <thead>
                    <tr>
                        <th>"Venue"</th>
                        <th>"Books"</th>
                        <th class="wide-only">"Resyncs"</th>
                        <th>"Age"</th>
                        <th>"State"</th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || venues.get() key=String::clone children=move |venue| row(store, venue) />
                </tbody>
            </table>
        </Panel>
    }
}

fn row(store: Store, venue: String) -> impl IntoView {
    let name = venue.clone();
    let badge = Memo::new(move |_| store.overview(|o| o.feeds.iter().find(|f| f.venue == venue).cloned()).flatten());
    let read = move |read: fn(&FeedBadge) -> String| badge.with(|b| b.as_ref().map(read).unwrap_or_default());
    let word = Signal::derive(move || {
        badge
            .with(|badge| {
                let badge = badge.as_ref()?;
                Some(sentence::feed(badge, &behind(store, &badge.venue)))
            })
            .unwrap_or_else(|| (String::new(), sentence::Tone::Plain))
    });
    let rejected = move || badge.with(|b| b.as_ref().map_or(0, |b| b.rejected));
    let proven = move || {
        let now_ms = store.overview(|o| o.at_ms).unwrap_or_default();
        badge.with(|badge| badge.as_ref().and_then(|badge| sentence::integrity(badge, now_ms))).unwrap_or_default()
    };
    let rejected_title = move || format!("{} messages could not be read", format::count(rejected()));
    view! {
        <tr data-testid="feed">
            <td>
                {name}
                <Show when=move || { rejected() > 0 }>
                    <span class="refused" title=rejected_title>{move || format::count(rejected())} " rejected"</span>
                </Show>
            </td>
            <td>
                {move || read(|b| format!("{} of {}", b.books_live, b.books))}
                <span class="proven" data-testid="feed-proven" title=move || proven().1>
                    {move || proven().0}
                </span>
            </td>
            <td class="wide-only">{move || read(|b| format::count(b.resyncs))}</td>
            <td>{move || read(|b| b.age_ms.map_or_else(|| "–".into(), |ms| format::age(u64::from(ms))))}</td>
            <td><Chip word=word testid="feed-state" /></td>
        </tr>
    }
}

/// Pairs of a venue whose book does not hold.
fn behind(store: Store, venue: &str) -> Vec<String> {
    let is_behind = |state| matches!(state, BookState::Resyncing | BookState::Silent);
    let ids =
        store.overview(|o| o.quotes.iter().filter(|q| is_behind(q.state)).map(|q| q.instrument).collect::<Vec<_>>());
    let instruments = ids.unwrap_or_default().into_iter().filter_map(|id| store.instrument(id));
    instruments.filter(|i| i.venue == venue).map(|i| i.pair).collect()
}
