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

    fn toggle(self) {
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

/// The button that changes it.
#[component]
pub(super) fn ThemeButton() -> impl IntoView {
    let theme = expect_context::<Theme>();
    let label = move || if theme.is_light.get() { "Dark theme" } else { "Light theme" };
    view! {
        <button class="icon-button" data-testid="theme" title=label aria-label=label on:click=move |_| theme.toggle()>
            <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
                <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.6" />
                <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
            </svg>
        </button>
    }
}
