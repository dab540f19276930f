//! The page in another language than English.
//!
//! Everything on the page is written in English first, by the page or by the box. Where the page was asked for in another language, it names a word list, and
//! what is written anywhere is put into that language before the browser draws it. In English nothing of this runs.

use std::cell::RefCell;

use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{Element, MutationObserver, MutationObserverInit, MutationRecord, Node};
use words::Words;

use super::{browser, remote};

/// Attributes that people read or hear.
const READ: [&str; 5] = ["aria-label", "title", "placeholder", "alt", "data-label"];

thread_local! {
    /// The words of the page's language; none for English.
    static WORDS: RefCell<Option<Words>> = const { RefCell::new(None) };
}

/// A text in the page's language, for what is drawn as a picture.
pub(super) fn say(text: &str) -> String {
    WORDS.with_borrow(|words| words.as_ref().map_or_else(|| text.to_owned(), |words| words.say(text)))
}

/// Reads the word list that the page names, if it does, and keeps all that is written in its language from here on.
pub(super) async fn learn() {
    let list = document().get_element_by_id("words").and_then(|link| link.get_attribute("href"));
    let Some(list) = list else { return };
    // Without its words the page is still a page.
    let Ok(text) = remote::ask("GET", &list, None).await else { return };
    let Ok(text) = String::from_utf8(text) else { return };
    WORDS.set(Some(Words::unpacked(&text)));
    let changed = Closure::<dyn FnMut(js_sys::Array, MutationObserver)>::new(
        |records: js_sys::Array, observer: MutationObserver| {
            for record in records {
                let record: MutationRecord = record.unchecked_into();
                // What was there before has been told.
                let added = record.added_nodes();
                (0..added.length()).filter_map(|place| added.item(place)).for_each(|node| tell(&node));
                if let (Some(node), true) = (record.target(), record.type_() != "childList") {
                    tell_one(&node);
                }
            }
            // What was just written is not to be told again.
            observer.take_records();
        },
    );
    let options = MutationObserverInit::new();
    options.set_child_list(true);
    options.set_character_data(true);
    options.set_subtree(true);
    options.set_attribute_filter(&READ.into_iter().map(JsValue::from_str).collect::<js_sys::Array>());
    let observer = MutationObserver::new(changed.as_ref().unchecked_ref());
    if let (Ok(observer), Some(body)) = (observer, document().body()) {
        let _ = observer.observe_with_options(&body, &options);
        browser::mark("words");
    }
    // Lives as long as the page does.
    changed.forget();
}

/// Puts a node and all that is in it into the language.
fn tell(node: &Node) {
    tell_one(node);
    let mut child = node.first_child();
    while let Some(node) = child {
        tell(&node);
        child = node.next_sibling();
    }
}

/// Puts a text, or what is read of an element, into the language.
fn tell_one(node: &Node) {
    if let Some(element) = node.dyn_ref::<Element>() {
        for name in READ {
            if let Some(text) = element.get_attribute(name) {
                let said = say(&text);
                if said != text {
                    let _ = element.set_attribute(name, &said);
                }
            }
        }
    } else if let Some(text) = node.node_value() {
        let said = say(&text);
        if said != text {
            node.set_node_value(Some(&said));
        }
    }
}
