//! The first set-up, in front of the dashboard of a box that was just claimed.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wire::api::{SettingChanges, Setup, Standing};

use super::ask::{Desk, field};
use super::dom::live;
use super::remote;
use super::store::Store;
use crate::markup::Node;
use crate::pages::welcome::{BACK, Choice, LATER, NEXT, STEPS, draw, later, waiting};

/// How often the box is asked what its venues list.
const EVERY: Duration = Duration::from_secs(2);
/// The box needs so long to stop before it can start again.
const STOPS: Duration = Duration::from_secs(3);

#[derive(Clone, Copy)]
struct Welcome {
    was_utc: bool,
    told: RwSignal<Option<Arc<Setup>>>,
    choice: RwSignal<Choice>,
    step: RwSignal<usize>,
    begins: RwSignal<String>,
    /// What the box is doing, or what it said.
    state: RwSignal<State>,
}

#[derive(Clone, PartialEq, Eq)]
enum State {
    Choosing,
    Storing,
    Restarting,
    Failed(String),
}

/// True where the owner has not been asked yet.
pub(super) fn is_due(standing: &Standing) -> bool {
    standing.mode == "owner" && standing.who == "owner" && !standing.set_up
}

/// The page.
pub(super) fn welcome(standing: &Standing) -> AnyView {
    provide_context(Store::new());
    provide_context(Desk::new());
    let page = Welcome {
        was_utc: standing.clock == "utc",
        told: RwSignal::new(None),
        choice: RwSignal::new(Choice::default()),
        step: RwSignal::new(0),
        begins: RwSignal::new(String::new()),
        state: RwSignal::new(State::Choosing),
    };
    page.ask();
    if let Ok(timer) = set_interval_with_handle(move || page.ask(), EVERY) {
        on_cleanup(move || timer.clear());
    }
    let search = move || {
        let is_here = page.step.get() == 0 && page.told.with(Option::is_some) && page.is_choosing();
        let write = move |text| page.begins.set(text);
        is_here.then(|| field("A coin that is not shown, by its letters", false, "off", "coin-search", Box::new(write)))
    };
    view! {
        <main class="door welcome" data-testid="welcome">
            <span class="brand"><i class="dot" aria-hidden="true"></i>"Tickerbox"</span>
            <section class="panel">
                {live("contents", Box::new(move || page.draw()), Rc::new(move |key| page.choose(&key)))}
                {search}
            </section>
        </main>
    }
    .into_any()
}

impl Welcome {
    /// Asks what there is to choose from; again, because venues tell one after the other what they list.
    fn ask(self) {
        if !matches!(self.state.get_untracked(), State::Choosing | State::Failed(_)) {
            return;
        }
        spawn_local(async move {
            let answer = remote::ask("GET", "/api/v1/setup", None).await;
            let answer =
                answer.and_then(|bytes| wire::decode_owned::<Setup>(&bytes).map_err(|error| error.to_string()));
            match answer {
                Ok(told) => {
                    let is_first = self.told.with_untracked(Option::is_none);
                    if is_first {
                        self.choice.set(Choice::of(&told, self.was_utc));
                    }
                    if self.told.with_untracked(|known| known.as_deref() != Some(&told)) {
                        self.told.set(Some(Arc::new(told)));
                    }
                }
                Err(why) => self.state.set(State::Failed(why)),
            }
        });
    }

    fn is_choosing(self) -> bool {
        self.state.with(|state| matches!(state, State::Choosing | State::Failed(_)))
    }

    fn draw(self) -> Vec<Node> {
        let told = self.told.get();
        let fault = match self.state.get() {
            State::Storing => return vec![waiting("The box stores what you chose.")],
            State::Restarting => {
                return vec![waiting("The box starts again with what you chose. The first chart comes by itself.")];
            }
            State::Choosing => String::new(),
            State::Failed(why) => why,
        };
        let Some(told) = told else { return vec![waiting("Asking the box what there is to choose from.")] };
        self.choice.with(|choice| draw(&told, choice, &self.begins.get(), self.step.get(), &fault))
    }

    fn choose(self, key: &str) {
        let Some(told) = self.told.get_untracked() else { return };
        match key {
            NEXT if self.step.get_untracked() + 1 < STEPS.len() => self.step.update(|step| *step += 1),
            NEXT => {
                let (changes, needs_restart) = self.choice.with_untracked(|choice| choice.changes(&told, self.was_utc));
                self.store(changes, needs_restart && told.can_restart);
            }
            BACK => self.step.update(|step| *step = step.saturating_sub(1)),
            LATER => self.store(later(), false),
            other => self.choice.update(|choice| choice.turn(other)),
        }
    }

    fn store(self, changes: SettingChanges, restarts: bool) {
        self.state.set(State::Storing);
        spawn_local(async move {
            let stored = remote::ask("POST", "/api/v1/settings", Some(&changes.to_string())).await;
            let done = match stored {
                Ok(_) if restarts => remote::ask("POST", "/api/v1/restart", None).await.map(|_| true),
                Ok(_) => Ok(false),
                Err(why) => Err(why),
            };
            match done {
                Ok(true) => {
                    self.state.set(State::Restarting);
                    set_timeout(move || self.wait(), STOPS);
                }
                // The page may speak another language now.
                Ok(false) => drop(window().location().reload()),
                Err(why) => self.state.set(State::Failed(why)),
            }
        });
    }

    /// Until the box answers again.
    fn wait(self) {
        spawn_local(async move {
            match remote::ask("GET", "/api/v1/access", None).await {
                Ok(_) => drop(window().location().assign("/market")),
                Err(_) => set_timeout(move || self.wait(), EVERY),
            }
        });
    }
}
