//! The overview: is it alive, what do I own, what comes next, what happened.

mod account;
mod events;
mod feeds;
mod forecast;

use leptos::prelude::*;

use super::panel::Content;
use super::store::Store;
use super::trading::TradingSwitch;

pub(super) use forecast::HorizonRow;

/// The page.
#[component]
pub(super) fn Home() -> impl IntoView {
    let store = Store::of_page();
    let sentence = Memo::new(move |_| {
        store.overview(|o| o.sentence.clone()).unwrap_or_else(|| "Waiting for the first word from the box.".into())
    });
    let detail = Memo::new(move |_| store.overview(|o| o.detail.clone()).unwrap_or_default());
    let is_healthy = Memo::new(move |_| store.overview(|o| o.healthy).unwrap_or(true));
    view! {
        <div class="state-line">
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
        </div>
    }
}

/// A panel that shows parts of the overview is ready once that came.
fn when_known(store: Store) -> Signal<Content> {
    Signal::derive(move || if store.overview(|_| ()).is_some() { Content::Ready } else { Content::Loading })
}
