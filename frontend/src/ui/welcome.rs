//! The first set-up, in front of the dashboard of a box that was just claimed.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wire::api::{SettingChanges, Setup, Standing};

use super::ask::field;
use super::door::{Entry, knock};
use super::remote;
use crate::pages::welcome::{Choice, Watched, later};

/// How often the box is asked what its venues list.
const EVERY: Duration = Duration::from_secs(2);
/// The box needs so long to stop before it can start again.
const STOPS: Duration = Duration::from_secs(3);

/// The steps, by their titles.
const STEPS: [&str; 3] = ["What it watches", "How it trades on paper", "How it tells times"];

#[derive(Clone, Copy)]
struct Welcome {
    entry: RwSignal<Entry>,
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
pub(super) fn welcome(entry: RwSignal<Entry>, standing: &Standing) -> AnyView {
    let was_utc = standing.clock == "utc";
    let page = Welcome {
        entry,
        was_utc,
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
    let body = move || match (page.state.get(), page.told.get()) {
        (State::Storing, _) => waiting("The box stores what you chose."),
        (State::Restarting, _) => waiting("The box starts again with what you chose. The first chart comes by itself."),
        (_, None) => waiting("Asking the box what there is to choose from."),
        (state, Some(told)) => page.steps(&told, state),
    };
    view! {
        <main class="door welcome" data-testid="welcome">
            <span class="brand"><i class="dot" aria-hidden="true"></i>"Tickerbox"</span>
            {body}
        </main>
    }
    .into_any()
}

fn waiting(text: &'static str) -> AnyView {
    view! { <section class="panel"><p class="secondary" role="status">{text}</p></section> }.into_any()
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

    fn steps(self, told: &Arc<Setup>, state: State) -> AnyView {
        let step = self.step.get();
        let inner = match step {
            0 => self.markets(told),
            1 => self.profiles(told),
            _ => self.times(),
        };
        let trouble = self.choice.with(|choice| choice.trouble(told));
        let fault = match (&state, trouble) {
            (State::Failed(why), _) => Some(why.clone()),
            (_, why) => why.map(str::to_owned),
        };
        let fault = fault.map(|why| view! { <p class="fault" role="alert" data-testid="welcome-fault">{why}</p> });
        let is_last = step + 1 == STEPS.len();
        let told = told.clone();
        let forth = move |_| {
            if is_last {
                let (changes, needs_restart) = self.choice.with_untracked(|choice| choice.changes(&told, self.was_utc));
                self.store(changes, needs_restart, told.can_restart);
            } else {
                self.step.set(step + 1);
            }
        };
        let back = (step > 0).then(|| {
            view! { <button class="button" data-testid="welcome-back" on:click=move |_| self.step.set(step - 1)>"Back"</button> }
        });
        view! {
            <section class="panel">
                <p class="secondary" data-testid="welcome-step">{format!("Step {} of {}", step + 1, STEPS.len())}</p>
                <h1 class="page-title">{STEPS[step]}</h1>
                {inner}
                {fault}
                <div class="actions">
                    <button class="small-button" data-testid="welcome-later" on:click=move |_| self.store(later(), false, false)>
                        "Not now"
                    </button>
                    {back}
                    <button class="button primary" data-testid="welcome-next" disabled=trouble.is_some() on:click=forth>
                        {if is_last { "Begin" } else { "Next" }}
                    </button>
                </div>
            </section>
        }
        .into_any()
    }

    fn markets(self, told: &Arc<Setup>) -> AnyView {
        let choice = self.choice.get();
        let coins = choice.coins(told, &self.begins.get()).into_iter().map(|coin| {
            let is_on = choice.coins.contains(&coin);
            let turn = coin.clone();
            let act = move || self.choice.update(|choice| choice.turn_coin(&turn));
            pick(coin, String::new(), is_on, "pick-coin", Box::new(act))
        });
        let coins = coins.collect::<Vec<_>>();
        let venues = told.venues.iter().map(|venue| {
            let is_on = choice.venues.contains(&venue.section);
            let section = venue.section.clone();
            let act = move || self.choice.update(|choice| choice.turn_venue(&section));
            pick(venue.venue.clone(), String::new(), is_on, "pick-venue", Box::new(act))
        });
        let venues = venues.collect::<Vec<_>>();
        let watched = choice.watched(told);
        let count: usize = watched.iter().map(|venue| venue.symbols.len()).sum();
        let row = |Watched { venue, symbols, note }: Watched| {
            view! {
                <tr data-testid="watched">
                    <td>{venue}</td>
                    <td>{symbols.join(", ")} " " <span class="secondary">{note}</span></td>
                </tr>
            }
            .into_any()
        };
        let rows = watched.into_iter().map(row).collect::<Vec<_>>();
        let begins = self.begins;
        view! {
            <p class="secondary">"Coins and exchanges can be changed at any time in the settings. Each market costs room and work: a handful is a good beginning."</p>
            <h2>"Coins"</h2>
            <div class="picks" role="group" aria-label="Coins">{coins}</div>
            {field("Another coin, by its letters", false, "off", "coin-search", Box::new(move |text| begins.set(text)))}
            <h2>"Exchanges"</h2>
            <div class="picks" role="group" aria-label="Exchanges">{venues}</div>
            <h2>{format!("{count} markets")}</h2>
            <table><tbody>{rows}</tbody></table>
        }
        .into_any()
    }

    fn profiles(self, told: &Arc<Setup>) -> AnyView {
        let choice = self.choice.get();
        let picks = told.profiles.iter().map(|profile| {
            let name = profile.name.clone();
            let act = move || self.choice.update(|choice| choice.profile.clone_from(&name));
            let is_on = choice.profile == profile.name;
            pick(profile.name.clone(), profile.text.clone(), is_on, "pick-profile", Box::new(act))
        });
        let picks = picks.collect::<Vec<_>>();
        view! {
            <p class="secondary">"The account is of paper: no real money is involved, and none can be. Every limit can be changed in the settings."</p>
            <div class="picks tall" role="group" aria-label="Ways to trade">{picks}</div>
        }
        .into_any()
    }

    fn times(self) -> AnyView {
        let is_utc = self.choice.with(|choice| choice.is_utc);
        let set = move |is_utc: bool| -> Box<dyn Fn()> {
            Box::new(move || self.choice.update(|choice| choice.is_utc = is_utc))
        };
        let here = "The time zone of each browser that looks at the box".to_owned();
        view! {
            <p class="secondary">"Days of the account begin at 00:00 UTC either way. Money is counted in US dollars, in which these markets are quoted."</p>
            <div class="picks tall" role="group" aria-label="Times">
                {pick("Local time".into(), here, !is_utc, "pick-clock", set(false))}
                {pick("UTC".into(), "The same everywhere, as in the records".into(), is_utc, "pick-clock", set(true))}
            </div>
        }
        .into_any()
    }

    fn store(self, changes: SettingChanges, needs_restart: bool, can_restart: bool) {
        self.state.set(State::Storing);
        spawn_local(async move {
            let stored = remote::ask("POST", "/api/v1/settings", Some(&changes.to_string())).await;
            let done = match stored {
                Ok(_) if needs_restart && can_restart => {
                    remote::ask("POST", "/api/v1/restart", None).await.map(|_| true)
                }
                Ok(_) => Ok(false),
                Err(why) => Err(why),
            };
            match done {
                Ok(true) => {
                    self.state.set(State::Restarting);
                    set_timeout(move || self.wait(), STOPS);
                }
                Ok(false) => knock(self.entry),
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

/// Something to take or leave.
fn pick(label: String, text: String, is_on: bool, testid: &'static str, act: Box<dyn Fn()>) -> AnyView {
    let text = (!text.is_empty()).then(|| view! { <span class="secondary">{text}</span> });
    view! {
        <button
            class="pick"
            aria-pressed=if is_on { "true" } else { "false" }
            data-testid=testid
            on:click=move |_| act()
        >
            <b>{label}</b>
            {text}
        </button>
    }
    .into_any()
}
