//! Dark, light, or as the system says.

use leptos::prelude::*;

use super::browser;

/// Name under which the choice is remembered; `theme.js` reads it before the first paint.
const NAME: &str = "theme";

/// The theme on screen. Charts redraw when it changes.
#[derive(Clone, Copy)]
pub(super) struct Theme {
    /// True while the page is light.
    pub(super) is_light: RwSignal<bool>,
}

impl Theme {
    /// The theme the page was opened with; follows the system until the user chooses.
    pub(super) fn new() -> Self {
        let theme = Self { is_light: RwSignal::new(is_light()) };
        if let Ok(Some(query)) = window().match_media("(prefers-color-scheme: light)") {
            let listener = wasm_bindgen::closure::Closure::<dyn FnMut()>::new(move || theme.is_light.set(is_light()));
            query.set_onchange(Some(wasm_bindgen::JsCast::unchecked_ref(listener.as_ref())));
            // Lives as long as the page does.
            listener.forget();
        }
        theme
    }

    /// Changes between dark and light, and remembers it.
    pub(super) fn toggle(self) {
        let name = if self.is_light.get_untracked() { "dark" } else { "light" };
        browser::remember(NAME, name);
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", name);
        }
        self.is_light.set(is_light());
    }
}

fn is_light() -> bool {
    let chosen = document().document_element().and_then(|root| root.get_attribute("data-theme"));
    match chosen.as_deref() {
        Some("light") => true,
        Some("dark") => false,
        _ => window().match_media("(prefers-color-scheme: light)").ok().flatten().is_some_and(|query| query.matches()),
    }
}
