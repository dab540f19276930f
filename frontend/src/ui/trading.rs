//! The switch for new paper orders, with a question before it acts.

use leptos::html::Dialog;
use leptos::prelude::*;
use wire::ClientMessage;

use super::store::Store;
use crate::link::Freshness;

/// The switch. It shows what the box says, never what was asked for.
#[component]
pub(super) fn TradingSwitch() -> impl IntoView {
    let store = Store::of_page();
    let dialog = NodeRef::<Dialog>::new();
    let is_on = Memo::new(move |_| store.overview(|o| o.account.trading));
    let breaker_open = Memo::new(move |_| store.overview(|o| o.account.breaker_open).unwrap_or(false));
    let asked = RwSignal::new(None::<bool>);
    let is_waiting = move || asked.get().is_some_and(|wanted| is_on.get() != Some(wanted));
    let words = move || match is_on.get() {
        None => "Trading",
        Some(_) if breaker_open.get() => "Breaker open: trading stopped",
        Some(_) if is_waiting() => "Asking the box",
        Some(true) => "Trading on paper",
        Some(false) => "Not trading",
    };
    let is_running = move || is_on.get() == Some(true) && !breaker_open.get();
    // A breaker is closed by allowing trading again.
    let next = move || !is_running();
    let open = move |_| {
        if let Some(dialog) = dialog.get_untracked() {
            let _ = dialog.show_modal();
        }
    };
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let confirm = move |_| {
        let wanted = next();
        if store.send(ClientMessage::Trading { on: wanted }) {
            asked.set(Some(wanted));
            set_timeout(move || asked.set(None), std::time::Duration::from_secs(10));
        }
        close();
    };
    let question = move || if next() { "Allow paper trading?" } else { "Stop paper trading?" };
    let consequence = move || match (next(), breaker_open.get()) {
        (true, true) => {
            "This closes the breaker. The box may open new paper positions again; its limits stay in force."
        }
        (true, false) => "The box may open new paper positions again. No real money is involved.",
        (false, _) => {
            "The box opens no new paper positions until you allow it again. Open positions keep their stop-loss."
        }
    };
    view! {
        <button
            class="switch"
            class:on=is_running
            role="switch"
            aria-checked=move || if is_running() { "true" } else { "false" }
            data-testid="trading"
            disabled=move || store.freshness() != Freshness::Live
            on:click=open
        >
            <i aria-hidden="true"></i>
            {words}
        </button>
        <dialog node_ref=dialog aria-label=question data-testid="trading-dialog">
            <h2>{question}</h2>
            <p>{consequence}</p>
            <div class="actions">
                <button class="button" data-testid="trading-cancel" on:click=move |_| close()>"Leave it"</button>
                <button class="button primary" data-testid="trading-confirm" on:click=confirm>
                    {move || if next() { "Allow trading" } else { "Stop trading" }}
                </button>
            </div>
        </dialog>
    }
}
