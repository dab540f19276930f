//! Before anything is shown: whose box it is, and whether this browser may come in.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wire::api::{SettingValue, Standing};

use super::ask::field;
use super::remote;

/// What is known of the visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The box was asked.
    Asking,
    /// It does not answer, or oddly.
    Silent(String),
    /// Nobody owns it yet.
    Unclaimed,
    /// The password is asked for.
    Closed,
    /// Come in.
    Open(Standing),
}

impl Entry {
    fn of(standing: Standing) -> Self {
        match (standing.claimed, standing.scopes.is_empty()) {
            (_, false) => Self::Open(standing),
            (false, true) => Self::Unclaimed,
            (true, true) => Self::Closed,
        }
    }
}

/// Whether who looks may change anything.
pub(super) fn may_control() -> bool {
    expect_context::<Standing>().scopes.iter().any(|scope| scope == "control")
}

/// Asks the box who this visitor is; again, until it answers.
pub(super) fn knock(entry: RwSignal<Entry>) {
    spawn_local(async move {
        let answer = remote::ask("GET", "/api/v1/access", None).await;
        let known = answer.and_then(|bytes| {
            wire::decode_owned(&bytes)
                .map_err(|_| "The box is of another version than this page: reload it.".to_owned())
        });
        match known {
            Ok(standing) => entry.set(Entry::of(standing)),
            Err(error) => {
                entry.set(Entry::Silent(error));
                set_timeout(move || knock(entry), std::time::Duration::from_secs(3));
            }
        }
    });
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    SettingValue::Text(text.to_owned()).to_string()
}

/// The page in front of the door.
pub(super) fn door(entry: RwSignal<Entry>) -> AnyView {
    match entry.get() {
        Entry::Asking | Entry::Open(_) => frame("Tickerbox", "Asking the box who you are.", ().into_any()),
        Entry::Silent(error) => {
            frame("Tickerbox", "The box does not answer.", view! { <p class="fault">{error}</p> }.into_any())
        }
        Entry::Unclaimed => frame(
            "This box is new",
            "It belongs to whoever has its claim code: the box printed it at its start, its log has it, and it lies in \
             claim-code.txt in the data folder.",
            form(entry, true),
        ),
        Entry::Closed => frame("Tickerbox", "Who looks at this box needs its password.", form(entry, false)),
    }
}

fn frame(title: &'static str, text: &'static str, more: AnyView) -> AnyView {
    view! {
        <main class="door" data-testid="door">
            <span class="brand"><i class="dot" aria-hidden="true"></i>"Tickerbox"</span>
            <section class="panel">
                <h1 class="page-title">{title}</h1>
                <p class="secondary">{text}</p>
                {more}
            </section>
        </main>
    }
    .into_any()
}

fn form(entry: RwSignal<Entry>, is_new: bool) -> AnyView {
    let (code, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (error, busy) = (RwSignal::new(None::<String>), RwSignal::new(false));
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let password = quoted(&password.get_untracked());
            let (path, body) = if is_new {
                let code = quoted(code.get_untracked().trim());
                ("/api/v1/claim", format!("{{\"code\":{code},\"password\":{password}}}"))
            } else {
                ("/api/v1/login", format!("{{\"password\":{password}}}"))
            };
            let answer = remote::ask("POST", path, Some(&body)).await;
            busy.set(false);
            match answer {
                Ok(_) => knock(entry),
                Err(why) => error.set(Some(why)),
            }
        });
    };
    let code_field =
        is_new.then(|| field("Claim code", false, "one-time-code", "door-code", Box::new(move |text| code.set(text))));
    let label = if is_new { "A password of yours, 8 letters at least" } else { "Password" };
    let complete = if is_new { "new-password" } else { "current-password" };
    let fault =
        move || error.get().map(|why| view! { <p class="fault" role="alert" data-testid="door-fault">{why}</p> });
    view! {
        <form on:submit=send>
            {code_field}
            {field(label, true, complete, "door-password", Box::new(move |text| password.set(text)))}
            {fault}
            <div class="actions">
                <button class="button primary" type="submit" data-testid="door-enter" disabled=move || busy.get()>
                    {if is_new { "Take the box" } else { "Come in" }}
                </button>
            </div>
        </form>
    }
    .into_any()
}
