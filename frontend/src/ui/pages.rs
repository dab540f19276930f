//! The pages that are data: what each asks the box for, and which sections it makes of that.

use std::rc::Rc;

use leptos::prelude::*;
use wire::api;

use super::ask::Desk;
use super::browser;
use super::choice::{Choice, Choosable};
use super::dom::{Choose, live};
use super::remote::Remote;
use super::store::Store;
use super::way::Way;
use crate::address;
use crate::calendar::Zone;
use crate::pages::{
    Section, access, arbitrage, data, day, draw, for_guests, forecasts, models, news, replay, risk, settings, shell,
    system, trading,
};
use crate::state::Part;

/// A page by the first part of its path.
pub(super) fn page_named(name: &str) -> AnyView {
    // These pages need no market.
    Store::of_page().watch(None);
    match name {
        "forecasts" => forecasts_page(),
        "trading" => trading_page(),
        "risk" => risk_page(),
        "arbitrage" => arbitrage_page(),
        "news" => news_page(),
        "data" => data_page(),
        "replay" => replay_page(),
        "models" => models_page(),
        "system" => system_page(),
        "settings" => settings_page(),
        "access" => access_page(),
        "more" => live("contents", Box::new(shell::more), Rc::new(drop)),
        _ => not_found(),
    }
}

fn not_found() -> AnyView {
    view! { <p class="quiet" data-testid="not-found">"There is no such page. " <a href="/">"To the overview"</a></p> }
        .into_any()
}

/// The title, what stands beside it, and sections that are made anew whenever something they read has changed.
fn page(
    title: &'static str,
    beside: AnyView,
    remotes: Vec<Remote>,
    make: Box<dyn Fn(Zone) -> Vec<Section>>,
) -> AnyView {
    page_with(title, beside, remotes, make, Rc::new(drop))
}

/// A [`page`] with something to choose in its sections.
fn page_with(
    title: &'static str,
    beside: AnyView,
    remotes: Vec<Remote>,
    make: Box<dyn Fn(Zone) -> Vec<Section>>,
    choose: Choose,
) -> AnyView {
    let store = Store::of_page();
    let trouble = move || {
        let (at_ms, error) = remotes.iter().find_map(|remote| remote.trouble())?;
        let text = format!("as of {}: {error}", browser::zone(at_ms).clock_seconds(at_ms));
        Some(view! { <span class="as-of" data-testid="as-of">{text}</span> })
    };
    let may_control = super::door::may_control();
    let make = move |zone| if may_control { make(zone) } else { for_guests(make(zone)) };
    let zone = move || browser::zone(store.peek(|state| state.overview.as_ref().map_or(0, |o| o.at_ms)));
    view! {
        <div class="page-head">
            <h1 class="page-title" data-testid="page">{title}</h1>
            {trouble}
            <span class="fill"></span>
            {beside}
        </div>
        {live("sections", Box::new(move || draw::sections(make(zone()))), choose)}
    }
    .into_any()
}

/// A parameter of the address.
fn query(name: &'static str) -> Memo<String> {
    Way::of_page().parameter(name)
}

fn trading_page() -> AnyView {
    let store = Store::of_page();
    let (asked, order) = (query("account"), query("order"));
    let account = Memo::new(move |_| if asked.read().is_empty() { "lead".to_owned() } else { asked.get() });
    let accounts = Remote::new(|| Some("/api/v1/accounts".into()), 5);
    let curve = Remote::new(move || Some(format!("/api/v1/curve?account={}", account.get())), 60);
    let latest = Remote::new(move || Some(format!("/api/v1/latest?account={}", account.get())), 5);
    let story = Remote::new(
        move || Some(order.get()).filter(|id| !id.is_empty()).map(|id| format!("/api/v1/order?id={id}")),
        30,
    );
    let is_trading = Memo::new(move |_| store.overview(|o| o.account.trading).unwrap_or(false));
    page(
        "Trading",
        ().into_any(),
        vec![accounts, curve, latest, story],
        Box::new(move |zone| {
            let name = account.get();
            let mut all = Vec::new();
            if !order.read().is_empty() {
                all.extend(story.sections("why", "Why", |told: api::OrderStory| trading::why(&told, zone)));
            }
            let mut parts = accounts.sections("accounts", "Accounts", |told: api::Accounts| {
                let mut parts = vec![trading::control(&told, is_trading.get(), zone)];
                if let Some(account) = told.accounts.iter().find(|account| account.name == name) {
                    parts.extend([
                        trading::figures(account),
                        trading::positions(account, zone),
                        trading::attribution("by-symbol", "Gain by market", "Market", &account.by_symbol),
                        trading::attribution("by-opener", "Gain by model or rule", "Opened by", &account.by_opener),
                        trading::purses(account),
                    ]);
                }
                parts.push(trading::accounts(&told));
                parts
            });
            let rest = parts.split_off(parts.len().min(2));
            all.extend(parts);
            all.extend(curve.sections("equity-curve", "Equity", |told: api::Curve| {
                vec![trading::equity(&told, zone), trading::drawdown(&told, zone)]
            }));
            all.extend(rest);
            all.extend(
                latest
                    .sections("orders", "Orders", |told: api::LatestOrders| vec![trading::orders(&told, &name, zone)]),
            );
            all
        }),
    )
}

/// All markets, to choose one.
fn markets(store: Store) -> Memo<Vec<Choosable>> {
    Memo::new(move |_| {
        store.read(Part::Catalogue, |state| {
            let market = |it: &wire::Instrument| Choosable {
                key: format!("{}:{}", address::slug(&it.venue), it.pair),
                label: format!("{} {}", it.venue, it.pair),
            };
            state.catalogue.iter().map(market).collect::<Vec<_>>()
        })
    })
}

/// The market that the address asks for, or the first one.
fn chosen_market(markets: Memo<Vec<Choosable>>, asked: Memo<String>) -> Memo<Option<String>> {
    Memo::new(move |_| {
        let first = || markets.read().first().map(|market| market.key.clone());
        Some(asked.get()).filter(|symbol| !symbol.is_empty()).or_else(first)
    })
}

fn forecasts_page() -> AnyView {
    let store = Store::of_page();
    let desk = expect_context::<Desk>();
    let (asked, model, horizon) = (query("symbol"), query("model"), query("horizon"));
    let markets = markets(store);
    let symbol = chosen_market(markets, asked);
    // Looked at, not watched: every track is judged over all its days.
    let skill = Remote::new(move || Some(format!("/api/v1/skill?symbol={}", symbol.get()?)), 120);
    let why = Remote::new(
        move || {
            let model = model.get();
            let model = if model.is_empty() { String::new() } else { format!("&model={model}") };
            Some(format!("/api/v1/why?symbol={}{model}", symbol.get()?))
        },
        60,
    );
    let way = Way::of_page();
    let choose = move |key: String| way.go(&forecasts::address(&key, None), true);
    let value = Signal::derive(move || symbol.get().unwrap_or_default());
    let choice = view! { <Choice label="Market" options=markets value=value on_choose=choose /> }.into_any();
    page(
        "Forecasts",
        choice,
        vec![skill, why],
        Box::new(move |zone| {
            let mut all = skill.sections("skill", "Against no change", |told: api::Skill| {
                let mut parts = vec![forecasts::comparison(&told, zone)];
                if let Some(track) = forecasts::chosen(&told, &model.get(), &horizon.get()) {
                    parts.extend([
                        forecasts::standing(track),
                        forecasts::reliability(track),
                        forecasts::outcomes(track, zone),
                        forecasts::errors(track, zone),
                    ]);
                }
                parts
            });
            all.extend(why.sections("why-forecast", "The newest forecast", |told: api::Why| {
                let mut parts = vec![forecasts::newest(&told)];
                parts.extend(forecasts::why(&told, zone));
                parts
            }));
            all.push(forecasts::sealed());
            let verified = desk.answer("verify");
            all.extend(
                verified.and_then(|bytes| wire::decode_owned(&bytes).ok()).map(|told| forecasts::verified(&told)),
            );
            all
        }),
    )
}

fn risk_page() -> AnyView {
    let risk = Remote::new(|| Some("/api/v1/risk".into()), 5);
    page(
        "Risk",
        ().into_any(),
        vec![risk],
        Box::new(move |zone| {
            risk.sections("limits", "Limits", |told: api::Risk| {
                vec![
                    risk::limits(&told),
                    risk::breakers(&told, zone),
                    risk::opened(&told, zone),
                    risk::correlation(&told),
                    risk::refused(&told, zone),
                ]
            })
        }),
    )
}

fn arbitrage_page() -> AnyView {
    let told = Remote::new(|| Some("/api/v1/arbitrage?limit=50".into()), 10);
    let store = Store::of_page();
    page(
        "Arbitrage",
        ().into_any(),
        vec![told],
        Box::new(move |zone| {
            let mut all = told.sections("opportunities", "Newest opportunities", |told: api::Opportunities| {
                vec![arbitrage::verdict(&told), arbitrage::newest(&told, zone), arbitrage::days(&told)]
            });
            all.extend(super::home::between(store));
            all
        }),
    )
}

fn news_page() -> AnyView {
    let desk = expect_context::<Desk>();
    let items = Remote::new(|| Some("/api/v1/news?limit=50".into()), 30);
    let calendar = Remote::new(|| Some("/api/v1/calendar".into()), 60);
    let health = Remote::new(|| Some("/api/v1/news/health".into()), 30);
    page(
        "News",
        ().into_any(),
        vec![items, calendar, health],
        Box::new(move |zone| {
            let mut all = items.sections("news", "What was said", |told: api::News| vec![news::items(&told, zone)]);
            all.extend(calendar.sections("due", "What is due", |told: api::Calendar| {
                news::calendar(&told, browser::now_ms() as i64, zone)
            }));
            all.extend(health.sections("sources", "Sources", |told: api::NewsHealth| news::health(&told, zone)));
            let tried = desk.answer("news-try");
            all.extend(tried.and_then(|bytes| wire::decode_owned(&bytes).ok()).map(|told| news::tried(&told)));
            all
        }),
    )
}

fn data_page() -> AnyView {
    let quality = Remote::new(|| Some("/api/v1/quality".into()), 60);
    let storage = Remote::new(|| Some("/api/v1/storage".into()), 15);
    page(
        "Data",
        ().into_any(),
        vec![quality, storage],
        Box::new(move |zone| {
            let mut all = quality.sections("quality", "How well it was heard", |told: api::Quality| {
                let mut parts = vec![data::calendar(&told, zone), data::ledger(&told)];
                parts.extend(data::holes(&told, zone));
                parts
            });
            all.extend(storage.sections("card", "The card", |told: api::Storage| {
                let mut parts = vec![data::card(&told), data::backups(&told, zone)];
                parts.extend(data::records(&told, zone));
                parts
            }));
            all
        }),
    )
}

fn replay_page() -> AnyView {
    let asked = query("day");
    let markets = markets(Store::of_page());
    let symbol = chosen_market(markets, query("symbol"));
    let storage = Remote::new(|| Some("/api/v1/storage".into()), 60);
    let replays = Remote::new(|| Some("/api/v1/replays".into()), 2);
    let course = Remote::new(move || Some(replay::course(&asked.get(), &symbol.get()?)), 60);
    // Of a day that was not gone through yet its end is shown.
    let place = RwSignal::new(usize::MAX);
    let way = Way::of_page();
    let choose = move |key: String| way.go(&replay::address(&asked.get_untracked(), &key), true);
    let value = Signal::derive(move || symbol.get().unwrap_or_default());
    let choice = view! { <Choice label="Market" options=markets value=value on_choose=choose /> }.into_any();
    page_with(
        "Replay",
        choice,
        vec![storage, replays, course],
        Box::new(move |zone| {
            let mut all = course.sections("course", "The day, minute by minute", |told: api::Day| {
                day::course(&told, place.get(), zone)
            });
            all.extend(storage.sections("days", "Recorded days", |days: api::Storage| {
                let day = replay::chosen(&days, &asked.get());
                let mut parts = replays.sections("replay", "Replay", |told: api::Replays| {
                    vec![replay::replay(&told, day.as_deref(), zone)]
                });
                parts.push(replay::days(&days, &day.unwrap_or_default(), &value.get()));
                parts
            }));
            all
        }),
        Rc::new(move |at| place.set(at.parse().unwrap_or(usize::MAX))),
    )
}

fn models_page() -> AnyView {
    let model = query("model");
    let shelf = Remote::new(|| Some("/api/v1/models".into()), 10);
    page(
        "Models",
        ().into_any(),
        vec![shelf],
        Box::new(move |zone| {
            shelf.sections("versions", "Models", |told: api::ModelShelf| {
                let mut parts = Vec::new();
                parts.extend(models::chosen(&told, &model.get()));
                parts.extend([
                    models::versions(&told, zone),
                    models::history(&told, zone),
                    models::wishes(&told, zone),
                ]);
                parts
            })
        }),
    )
}

fn access_page() -> AnyView {
    let desk = expect_context::<Desk>();
    let here = expect_context::<api::Standing>();
    let token = query("token");
    let is_owner = here.who == "owner";
    let asked = move |path: &'static str| move || is_owner.then(|| path.to_owned());
    let sessions = Remote::new(asked("/api/v1/sessions"), 30);
    let tokens = Remote::new(asked("/api/v1/tokens"), 30);
    let guest = Remote::new(asked("/api/v1/guest"), 30);
    let audit = Remote::new(asked("/api/v1/audit?limit=100"), 30);
    // Who logged out begins at the door.
    Effect::new(move |_| {
        if desk.answer("logout").is_some() || desk.answer("sessions-end").is_some() {
            let _ = window().location().reload();
        }
    });
    page(
        "Access",
        ().into_any(),
        vec![sessions, tokens, guest, audit],
        Box::new(move |_| {
            let mut all = Vec::new();
            let made = |id| desk.answer(id);
            let token_made = ["token-read", "token-control", "token-models"].into_iter().find_map(made);
            let told = token_made.and_then(|bytes| wire::decode_owned::<api::NewToken>(&bytes).ok());
            all.extend(told.map(|told| access::secret(&format!("The token {}", told.name), &told.token)));
            let link = made("guest-make").and_then(|bytes| wire::decode_owned::<api::NewGuest>(&bytes).ok());
            let origin = window().location().origin().unwrap_or_default();
            all.extend(link.map(|link| access::secret("The guest link", &format!("{origin}{}", link.path))));
            all.push(access::standing(&here));
            if !is_owner {
                return all;
            }
            all.extend(
                guest.sections("guest", "A tablet on the wall", |told: api::GuestState| vec![access::guest(&told)]),
            );
            all.extend(tokens.sections("tokens", "Tokens for programs", |told: api::Tokens| {
                let mut parts = vec![access::tokens(&told)];
                parts.extend(access::chosen(&told, &token.get()));
                parts
            }));
            all.extend(sessions.sections("sessions", "Browsers that are logged in", |told: api::Sessions| {
                vec![access::sessions(&told)]
            }));
            all.extend(audit.sections("audit", "What was done", |told: api::Audit| vec![access::audit(&told)]));
            all
        }),
    )
}

fn system_page() -> AnyView {
    let (level, contains) = (RwSignal::new("info".to_owned()), RwSignal::new(String::new()));
    let told = Remote::new(|| Some("/api/v1/system".into()), 5);
    let log = Remote::new(
        move || {
            let contains = String::from(js_sys::encode_uri_component(&contains.get()));
            Some(format!("/api/v1/logs?limit=100&level={}&contains={contains}", level.get()))
        },
        3,
    );
    let levels = ["error", "warn", "info", "debug"].map(|key| Choosable { key: key.into(), label: key.into() });
    let search =
        super::ask::field("Lines with", false, "off", "log-contains", Box::new(move |text| contains.set(text)));
    let beside = view! {
        {search}
        <Choice label="Level" options=levels.to_vec() value=level on_choose=move |key| level.set(key) always_buttons=true />
    };
    page(
        "System",
        beside.into_any(),
        vec![told, log],
        Box::new(move |zone| {
            let mut all = told.sections("machine", "The machine", |told: api::System| {
                let mut parts = vec![system::machine(&told), system::room(&told), system::stages(&told)];
                parts.extend(system::queues(&told));
                parts.extend([system::threads(&told), system::panel(&told)]);
                parts
            });
            all.extend(log.sections("log", "Log", |told: api::Logs| vec![system::support(), system::log(&told, zone)]));
            all
        }),
    )
}

fn settings_page() -> AnyView {
    let (asked, key) = (query("section"), query("key"));
    let told = Remote::new(|| Some("/api/v1/settings".into()), 30);
    let sections = Memo::new(move |_| match told.read::<api::Settings>() {
        super::remote::Shown::Here(told) => told
            .sections
            .iter()
            .filter(|section| told.settings.iter().any(|setting| setting.section == section.name))
            .map(|section| Choosable { key: section.name.clone(), label: section.name.clone() })
            .collect(),
        _ => Vec::new(),
    });
    let section = Memo::new(move |_| match asked.get() {
        none if none.is_empty() => sections.read().first().map(|first| first.key.clone()).unwrap_or_default(),
        some => some,
    });
    let way = Way::of_page();
    let choose = move |key: String| way.go(&format!("/settings?section={key}"), true);
    let choice = view! { <Choice label="Section" options=sections value=section on_choose=choose /> }.into_any();
    page(
        "Settings",
        choice,
        vec![told],
        Box::new(move |_| {
            told.sections("settings-state", "Settings", |told: api::Settings| {
                let mut parts = Vec::new();
                parts.extend(settings::chosen(&told, &key.get()));
                parts.extend([settings::section(&told, &section.get()), settings::standing(&told)]);
                parts
            })
        }),
    )
}
