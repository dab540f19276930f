//! One of a few: buttons in a row on wide screens, the system's own list on phones.

use leptos::prelude::*;

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choosable {
    /// What tells it apart.
    pub(super) key: String,
    /// What is read.
    pub(super) label: String,
}

/// The control.
#[component]
pub(super) fn Choice(
    /// What is chosen, for screen readers; also the test id.
    label: &'static str,
    /// The options.
    #[prop(into)]
    options: Signal<Vec<Choosable>>,
    /// Key of the chosen one.
    #[prop(into)]
    value: Signal<String>,
    /// Called with the key of another one.
    #[prop(into)]
    on_choose: Callback<String>,
    /// Buttons on every screen: for few and short options.
    #[prop(optional)]
    always_buttons: bool,
) -> impl IntoView {
    let options = Memo::new(move |_| options.get());
    let button = move |option: Choosable| {
        let key = StoredValue::new(option.key);
        let is_chosen = Memo::new(move |_| value.with(|value| key.with_value(|key| key == value)));
        view! {
            <button
                aria-pressed=move || if is_chosen.get() { "true" } else { "false" }
                on:click=move |_| on_choose.run(key.get_value())
            >
                {option.label}
            </button>
        }
    };
    let list = move |option: Choosable| {
        let key = option.key.clone();
        let is_chosen = move || value.with(|value| *value == key);
        view! { <option value=option.key.clone() selected=is_chosen>{option.label}</option> }
    };
    let few = move || options.read().len() <= 5;
    view! {
        <div class="choice" class:always=always_buttons class:few=few role="group" aria-label=label data-testid=label>
            <div class="buttons">
                <For each=move || options.get() key=|option| (option.key.clone(), option.label.clone()) children=button />
            </div>
            <Show when=move || !always_buttons>
                <select
                    aria-label=label
                    prop:value=move || value.get()
                    on:change=move |event| on_choose.run(event_target_value(&event))
                >
                    <For each=move || options.get() key=|option| (option.key.clone(), option.label.clone()) children=list />
                </select>
            </Show>
        </div>
    }
}
