//! The overview: is it alive, what do I own, what comes next, what happened.

mod account;
mod between;
mod events;
mod feeds;
mod forecast;

use leptos::prelude::*;

use super::browser;
use super::panel::Content;
use super::store::Store;
use super::trading::TradingSwitch;
use crate::link::Freshness;

pub(super) use forecast::HorizonRow;

/// The page.
#[component]
pub(super) fn Home() -> impl IntoView {
    let store = Store::of_page();
    let sentence = Memo::new(move |_| {
        store.overview(|o| o.sentence.clone()).unwrap_or_else(|| "Waiting for the first word from the box.".into())
    });
    let detail = Memo::new(move |_| {
        let said = store.overview(|o| (o.detail.clone(), o.at_ms));
        match (said, store.freshness()) {
            (Some((_, at_ms)), Freshness::Stale) => {
                format!(
                    "So it was at {}. What has happened since is not known here.",
                    browser::zone(at_ms).clock_seconds(at_ms)
                )
            }
            (said, _) => said.map(|said| said.0).unwrap_or_default(),
        }
    });
    // Not when the market page goes: it is also taken down on the way from one market to the next.
    Effect::new(move |_| store.watch(None));
    let is_stale = Memo::new(move |_| store.freshness() == Freshness::Stale);
    let is_healthy = Memo::new(move |_| store.overview(|o| o.healthy).unwrap_or(true));
    view! {
        <div class="state-line" class:stale=is_stale>
            <div>
                <h1 class:warning=move || !is_healthy.get() data-testid="sentence">{move || sentence.get()}</h1>
                <p class="detail" data-testid="detail">{move || detail.get()}</p>
            </div>
            <TradingSwitch />
        </div>
        <account::Cards />
        <forecast::WhatComesNext />
        <div class="home-bottom">
            <feeds::Feeds />
            <events::Events />
            <between::Between />
        </div>
    }
}

/// The card of what is between exchanges just now.
pub(super) fn between() -> AnyView {
    view! { <between::Between /> }.into_any()
}

/// A panel that shows parts of the overview is ready once that came.
fn when_known(store: Store) -> Signal<Content> {
    Signal::derive(move || if store.overview(|_| ()).is_some() { Content::Ready } else { Content::Loading })
}
