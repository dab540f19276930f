//! Answers of the box that are asked for: again and again while their page is open, and after everything that was done.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};
use wire::api::POSTCARD_TYPE;

use super::ask::Desk;
use super::store::Store;
use crate::pages::Section;
use crate::sentence::Tone;

/// When what could not be had is asked for again.
const AGAIN: Duration = Duration::from_secs(3);

/// An answer that is kept up to date.
#[derive(Clone, Copy)]
pub(super) struct Remote {
    got: RwSignal<Got>,
}

#[derive(Clone, Default)]
struct Got {
    /// The newest answer, which stays when a later one fails.
    bytes: Option<Arc<Vec<u8>>>,
    /// When it came, milliseconds UTC.
    at_ms: i64,
    /// Why the last request failed.
    error: Option<String>,
}

/// What there is to show.
pub(super) enum Shown<T> {
    Loading,
    Failed(String),
    Here(T),
}

impl Remote {
    /// Asks for what `path` names, as often as it changes and every so many seconds while the page is looked at. Nothing is asked
    /// for while there is no path.
    pub(super) fn new(path: impl Fn() -> Option<String> + Send + Sync + 'static, every_s: u64) -> Self {
        Self::of(Box::new(path), every_s)
    }

    /// Once for all closures: each copy would be sent to every browser.
    fn of(path: Box<dyn Fn() -> Option<String> + Send + Sync>, every_s: u64) -> Self {
        let (store, desk) = (Store::of_page(), expect_context::<Desk>());
        let got = RwSignal::new(Got::default());
        let (turn, tick) = (StoredValue::new(0u32), RwSignal::new(0u32));
        let asked = StoredValue::new(None::<String>);
        Effect::new(move |_| {
            tick.track();
            desk.done.track();
            let Some(path) = path() else { return };
            if asked.with_value(|before| before.as_ref() != Some(&path)) {
                asked.set_value(Some(path.clone()));
                got.set(Got::default());
            }
            let mine = turn.try_update_value(|turn| {
                *turn = turn.wrapping_add(1);
                *turn
            });
            spawn_local(async move {
                let answer = ask("GET", &path, None).await;
                // Another one was asked for meanwhile, or the page is gone.
                if turn.try_get_value() != mine {
                    return;
                }
                let at_ms = store.peek(|state| state.overview.as_ref().map_or(0, |o| o.at_ms));
                let is_missing = got.try_update(|got| {
                    match answer {
                        Ok(bytes) => *got = Got { bytes: Some(Arc::new(bytes)), at_ms, error: None },
                        Err(error) => got.error = Some(error),
                    }
                    got.bytes.is_none()
                });
                if is_missing == Some(true) {
                    // A box that has just started knows more soon.
                    let again = move || {
                        tick.try_update(|n| *n = n.wrapping_add(1));
                    };
                    set_timeout(again, AGAIN);
                }
            });
        });
        let timer = set_interval_with_handle(
            move || {
                if !document().hidden() {
                    tick.update(|n| *n = n.wrapping_add(1));
                }
            },
            Duration::from_secs(every_s),
        );
        if let Ok(timer) = timer {
            on_cleanup(move || timer.clear());
        }
        Self { got }
    }

    /// The newest answer.
    pub(super) fn read<T: DeserializeOwned>(self) -> Shown<T> {
        let got = self.got.get();
        match (&got.bytes, got.error) {
            (Some(bytes), _) => match wire::decode_owned::<T>(bytes) {
                Ok(value) => Shown::Here(value),
                Err(_) => Shown::Failed("The box is of another version than this page: reload it.".into()),
            },
            (None, Some(error)) => Shown::Failed(error),
            (None, None) => Shown::Loading,
        }
    }

    /// Sections of the newest answer; while there is none, one that says so.
    pub(super) fn sections<T: DeserializeOwned>(
        self,
        kind: &'static str,
        title: &str,
        make: impl FnOnce(T) -> Vec<Section>,
    ) -> Vec<Section> {
        match self.read() {
            Shown::Here(value) => make(value),
            Shown::Loading => vec![Section::new(kind, title).wide().say("Loading")],
            Shown::Failed(error) => vec![Section::new(kind, title).wide().tell(&error, Tone::Warning)],
        }
    }

    /// When the shown answer came, where a later request failed, and why that did.
    pub(super) fn trouble(self) -> Option<(i64, String)> {
        self.got.with(|got| Some((got.bytes.is_some().then_some(got.at_ms)?, got.error.clone()?)))
    }
}

/// Sends a request and gives the body of its answer.
///
/// # Errors
/// One sentence: the box's own, or that it does not answer.
pub(super) async fn ask(method: &str, path: &str, body: Option<&str>) -> Result<Vec<u8>, String> {
    let silent = |_: JsValue| "The box does not answer.".to_owned();
    let options = RequestInit::new();
    options.set_method(method);
    if let Some(body) = body {
        options.set_body(&JsValue::from_str(body));
    }
    let request = Request::new_with_str_and_init(path, &options).map_err(silent)?;
    let _ = request.headers().set("accept", POSTCARD_TYPE);
    let answer = JsFuture::from(window().fetch_with_request(&request)).await.map_err(silent)?;
    let answer: Response = answer.dyn_into().map_err(silent)?;
    if answer.ok() {
        let buffer = JsFuture::from(answer.array_buffer().map_err(silent)?).await.map_err(silent)?;
        return Ok(js_sys::Uint8Array::new(&buffer).to_vec());
    }
    if answer.status() == 401 && !path.ends_with("/login") && !path.ends_with("/claim") {
        // The session is over: the page begins anew, with the question for the password.
        let _ = window().location().reload();
    }
    let text = JsFuture::from(answer.text().map_err(silent)?).await.map_err(silent)?;
    let text = text.as_string().unwrap_or_default();
    let error = js_sys::JSON::parse(&text)
        .ok()
        .and_then(|json| js_sys::Reflect::get(&json, &JsValue::from_str("error")).ok()?.as_string());
    Err(error.unwrap_or_else(|| format!("The box answered {}: {}", answer.status(), text.trim())))
}
