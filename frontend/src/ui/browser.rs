//! Small edges of the browser: clocks, storage, files.

use std::cell::Cell;

use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};

use crate::calendar::Zone;

/// The page's clock, milliseconds since it was opened; never decreases.
pub(super) fn now_ms() -> f64 {
    window().performance().map_or(0.0, |p| p.now())
}

/// Marks a moment in the browser's performance time line.
pub(super) fn mark(name: &str) {
    if let Some(performance) = window().performance() {
        let _ = performance.mark(name);
    }
}

thread_local! {
    /// Whether the owner wants times in UTC.
    static IN_UTC: Cell<bool> = const { Cell::new(false) };
}

/// Tells times in UTC from here on, or in the browser's zone.
pub(super) fn tell_utc(in_utc: bool) {
    IN_UTC.set(in_utc);
}

/// The zone of times that are shown, at a moment: the browser's may change with the season, so it is asked for each picture.
pub(super) fn zone(at_ms: i64) -> Zone {
    if IN_UTC.get() {
        return Zone { offset_min: 0 };
    }
    let offset = js_sys::Date::new(&JsValue::from_f64(at_ms as f64)).get_timezone_offset();
    Zone { offset_min: -(offset as i32) }
}

/// Reads what this browser remembers under a name.
pub(super) fn recall(name: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(name).ok().flatten()
}

/// Remembers a value in this browser, where it allows that.
pub(super) fn remember(name: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(name, value);
    }
}

/// True when the user asked for little motion.
pub(super) fn prefers_stillness() -> bool {
    window().match_media("(prefers-reduced-motion: reduce)").ok().flatten().is_some_and(|query| query.matches())
}

/// Offers a text as a file to save.
pub(super) fn save(name: &str, kind: &str, text: &str) -> Result<(), JsValue> {
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(kind);
    let parts = js_sys::Array::of1(&JsValue::from_str(text));
    save_blob(name, &web_sys::Blob::new_with_str_sequence_and_options(&parts, &options)?)
}

/// Offers what is drawn on a canvas as a PNG file.
pub(super) fn save_picture(canvas: &web_sys::HtmlCanvasElement, name: String) -> Result<(), JsValue> {
    let made = Closure::once_into_js(move |blob: Option<web_sys::Blob>| {
        if let Some(blob) = blob {
            let _ = save_blob(&name, &blob);
        }
    });
    canvas.to_blob(made.unchecked_ref())
}

fn save_blob(name: &str, blob: &web_sys::Blob) -> Result<(), JsValue> {
    let address = web_sys::Url::create_object_url_with_blob(blob)?;
    let link: web_sys::HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&address);
    link.set_download(name);
    link.click();
    web_sys::Url::revoke_object_url(&address)
}

/// Tells the user when the page itself fails; a silent page would look alive.
pub(super) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&JsValue::from_str(&panic.to_string()));
        let Some(body) = document().body() else { return };
        if let Ok(notice) = document().create_element("p") {
            notice.set_class_name("stopped");
            let _ = notice.set_attribute("role", "alert");
            notice.set_text_content(Some("The page stopped because of a fault in it. Please reload it."));
            let _ = body.append_child(&notice);
        }
    }));
}
