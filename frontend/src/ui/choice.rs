//! One of a few, on its own.

use std::rc::Rc;

use leptos::prelude::*;

use super::dom::live;
pub(super) use crate::pages::Choosable;
use crate::pages::draw::choice;

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
    let make = move || vec![choice(label, &options.read(), &value.read(), always_buttons)];
    live("contents", Box::new(make), Rc::new(move |key| on_choose.run(key)))
}
