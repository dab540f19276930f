//! The page. Everything in here needs a browser; what can be decided without one lives beside it.

#![allow(unreachable_pub, reason = "the component macro writes `pub` where a component is private")]

mod ask;
mod browser;
mod choice;
mod dom;
mod door;
mod home;
mod language;
mod market;
mod pages;
mod panel;
mod remote;
mod shell;
mod socket;
mod store;
mod theme;
mod way;
mod welcome;

use leptos::prelude::*;

/// Puts the dashboard in place of the static shell.
pub fn start() {
    browser::report_panics();
    // Before anything is mounted there is no executor of the page's own.
    wasm_bindgen_futures::spawn_local(async {
        language::learn().await;
        if let Some(shell) = document().get_element_by_id("shell") {
            shell.remove();
        }
        mount_to_body(shell::App);
    });
}
