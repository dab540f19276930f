//! A card with a title that owns its states: loading, empty, stale, error.

use leptos::prelude::*;
use leptos::text_prop::TextProp;

use super::{browser, store::Store};
use crate::link::Freshness;
use crate::sentence::Tone;

/// Whether a panel has something to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing came yet.
    Loading,
    /// There is nothing: one sentence that says why.
    Empty(String),
    /// There is.
    Ready,
}

/// A view could not be made because the messages do not fit together.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ViewError(pub(super) String);

/// A card. Its room is reserved by the class `kind`, so nothing moves when it loads.
#[component]
pub(super) fn Panel(
    /// Class and test id.
    kind: &'static str,
    /// What is shown.
    #[prop(into)]
    title: TextProp,
    /// At the right of the title.
    #[prop(optional)]
    note: Option<AnyView>,
    /// Whether there is something to show.
    #[prop(into)]
    content: Signal<Content>,
    /// The body, made anew when `content` becomes ready.
    children: ChildrenFn,
) -> impl IntoView {
    let store = Store::of_page();
    let is_stale = Memo::new(move |_| store.freshness() == Freshness::Stale);
    let as_of = move || {
        is_stale.get().then(|| {
            let at_ms = store.peek(|state| state.overview.as_ref().map_or(0, |o| o.at_ms));
            let text = format!("as of {}", browser::zone(at_ms).clock_seconds(at_ms));
            view! { <span class="as-of" data-testid="as-of">{text}</span> }
        })
    };
    let content = Memo::new(move |_| content.get());
    let children = StoredValue::new(children);
    let body = move || match content.get() {
        Content::Loading => view! { <p class="quiet" data-testid="loading">"Loading"</p> }.into_any(),
        Content::Empty(why) => view! { <p class="quiet" data-testid="empty">{why}</p> }.into_any(),
        Content::Ready => children.with_value(|children| children()),
    };
    view! {
        <section class=format!("panel {kind}") class:stale=is_stale data-testid=kind>
            <header>
                <h2>{move || title.get()}</h2>
                {as_of}
                {note}
            </header>
            <ErrorBoundary fallback=|errors| {
                let text = move || {
                    errors.read().iter().map(|(_, error)| error.to_string()).collect::<Vec<_>>().join("; ")
                };
                view! { <p class="fault" role="alert" data-testid="fault">"Cannot be shown: " {text}</p> }
            }>{body}</ErrorBoundary>
        </section>
    }
}

/// A word in a rounded frame, coloured by what it means.
#[component]
pub(super) fn Chip(
    /// The word and its meaning.
    #[prop(into)]
    word: Signal<(String, Tone)>,
    /// Test id.
    #[prop(default = "chip")]
    testid: &'static str,
) -> impl IntoView {
    view! {
        <span class=move || format!("chip {}", word.read().1.class()) data-testid=testid>{move || word.get().0}</span>
    }
}
