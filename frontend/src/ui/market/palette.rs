//! The chart's colours, taken from the style sheet.

use leptos::prelude::*;
use web_sys::HtmlElement;

/// Colours of one theme, as the browser writes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Palette {
    pub(super) text: String,
    pub(super) secondary: String,
    pub(super) line: String,
    pub(super) raised: String,
    pub(super) panel: String,
    pub(super) up: String,
    pub(super) down: String,
    pub(super) information: String,
    pub(super) warning: String,
    pub(super) accent: String,
    pub(super) open: String,
    pub(super) font: String,
}

impl Palette {
    /// Reads the colours through `probe`, a hidden element: the computed value of a custom property would be the unresolved
    /// `light-dark(..)`, that of a real colour is not.
    pub(super) fn read(probe: &HtmlElement) -> Self {
        let color = |name: &str| {
            let _ = probe.style().set_property("color", &format!("var(--{name})"));
            computed(probe, "color")
        };
        Self {
            text: color("text"),
            secondary: color("secondary"),
            line: color("line"),
            raised: color("raised"),
            panel: color("panel"),
            up: color("up"),
            down: color("down"),
            information: color("information"),
            warning: color("warning"),
            accent: color("accent"),
            open: color("open"),
            font: computed(probe, "font-family"),
        }
    }
}

fn computed(element: &HtmlElement, property: &str) -> String {
    let style = window().get_computed_style(element).ok().flatten();
    style.and_then(|style| style.get_property_value(property).ok()).unwrap_or_default()
}
