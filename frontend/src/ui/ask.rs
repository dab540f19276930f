//! What the user may have done: a question first, then the request, then what came of it.

use std::sync::Arc;

use leptos::html::Dialog;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::remote;
use crate::pages::{Action, Ask, Said};
use crate::sentence::Tone;

/// The id of an action, and what the box answered.
type Answer = (&'static str, Arc<Vec<u8>>);

/// What is asked, what was said, and how often something was done.
#[derive(Clone, Copy)]
pub(super) struct Desk {
    asked: RwSignal<Option<Action>>,
    said: RwSignal<Option<Said>>,
    busy: RwSignal<bool>,
    /// Rises with everything that was done: what is shown may have changed.
    pub(super) done: RwSignal<u32>,
    /// The newest answer, with the id of its action.
    answer: RwSignal<Option<Answer>>,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            asked: RwSignal::new(None),
            said: RwSignal::new(None),
            busy: RwSignal::new(false),
            done: RwSignal::new(0),
            answer: RwSignal::new(None),
        }
    }

    /// Asks the user.
    pub(super) fn ask(self, action: Action) {
        self.asked.set(Some(action));
    }

    /// What an action of this id brought last.
    pub(super) fn answer(self, id: &str) -> Option<Arc<Vec<u8>>> {
        self.answer.with(|answer| answer.as_ref().filter(|(of, _)| *of == id).map(|(_, bytes)| bytes.clone()))
    }

    fn carry_out(self, action: Action, texts: &[String]) {
        let encode = |text: &str| String::from(js_sys::encode_uri_component(text));
        let (path, body) = match action.request(texts, encode) {
            Ok(request) => request,
            Err(why) => return self.said.set(Some(Said::toned(&why, Tone::Warning))),
        };
        self.busy.set(true);
        spawn_local(async move {
            let answer = remote::ask(action.method, &path, body.as_deref()).await;
            self.busy.set(false);
            self.said.set(Some(match answer {
                Ok(bytes) => {
                    self.answer.set(Some((action.id, Arc::new(bytes))));
                    Said::toned(action.done, Tone::Good)
                }
                Err(error) => Said::toned(&error, Tone::Warning),
            }));
            self.done.update(|n| *n = n.wrapping_add(1));
        });
    }
}

/// A line to write into.
pub(super) fn field(
    label: &'static str,
    is_secret: bool,
    complete: &'static str,
    testid: &'static str,
    write: Box<dyn Fn(String)>,
) -> AnyView {
    view! {
        <label class="field">
            <span>{label}</span>
            <input
                type=if is_secret { "password" } else { "text" }
                maxlength="256"
                autocomplete=complete
                data-testid=testid
                on:input=move |event| write(event_target_value(&event))
            />
        </label>
    }
    .into_any()
}

/// The question, and what came of the last one.
#[component]
pub(super) fn DeskView() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let dialog = NodeRef::<Dialog>::new();
    let texts = RwSignal::new(Vec::<String>::new());
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        match desk.asked.with(Option::is_some) {
            true if !dialog.open() => {
                let count = desk.asked.with_untracked(|asked| asked.as_ref().map_or(0, |action| action.asks.len()));
                texts.set(vec![String::new(); count]);
                let _ = dialog.show_modal();
            }
            false => dialog.close(),
            true => {}
        }
    });
    let close = move |_| desk.asked.set(None);
    let confirm = move |_| {
        if let Some(action) = desk.asked.get_untracked() {
            desk.carry_out(action, &texts.get_untracked());
        }
        desk.asked.set(None);
    };
    let part = move |read: fn(&Action) -> String| move || desk.asked.with(|a| a.as_ref().map(read).unwrap_or_default());
    let fields = move || {
        let asks = desk.asked.with(|asked| asked.as_ref().map(|action| action.asks.clone()).unwrap_or_default());
        let field = |(place, ask): (usize, Ask)| {
            let write = move |text| texts.update(|texts| texts[place] = text);
            field(ask.label, ask.is_secret, if ask.is_secret { "off" } else { "on" }, "ask-text", Box::new(write))
        };
        asks.into_iter().enumerate().map(field).collect::<Vec<_>>()
    };
    let said = move || {
        let text = match (desk.busy.get(), desk.said.get()) {
            (true, _) => Said::quiet("Asking the box"),
            (false, Some(said)) => said,
            (false, None) => return None,
        };
        Some(view! {
            <p class=format!("said {}", text.tone.class()) role="status" data-testid="said">
                {text.text}
                <button class="small-button" on:click=move |_| desk.said.set(None)>"Close"</button>
            </p>
        })
    };
    view! {
        {said}
        <dialog node_ref=dialog data-testid="ask" aria-label=part(|a| a.question.clone()) on:close=move |_| desk.asked.set(None)>
            <h2>{part(|a| a.question.clone())}</h2>
            <p>{part(|a| a.consequence.into())}</p>
            {fields}
            <div class="actions">
                <button class="button" data-testid="ask-cancel" on:click=close>"Leave it"</button>
                <button class="button primary" data-testid="ask-confirm" on:click=confirm>{part(|a| a.label.into())}</button>
            </div>
        </dialog>
    }
}
