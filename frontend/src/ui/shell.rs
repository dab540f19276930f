//! The frame around the pages: navigation, top line, connection state.

use leptos::prelude::*;
use wire::api::Standing;

use super::ask::{Desk, DeskView};
use super::browser;
use super::door::{self, Entry};
use super::home::Home;
use super::market::{MarketChoice, MarketPage};
use super::pages;
use super::store::Store;
use super::theme::{Theme, ThemeButton};
use super::way::Way;
use crate::format;
use crate::link::{Freshness, Link};
use crate::state::Part;

/// The whole page, once the visitor may see it.
#[component]
pub(super) fn App() -> impl IntoView {
    let entry = RwSignal::new(Entry::Asking);
    provide_context(Theme::new());
    door::knock(entry);
    let standing = Memo::new(move |_| match entry.get() {
        Entry::Open(standing) => Some(standing),
        _ => None,
    });
    move || match standing.get() {
        Some(standing) => inside(standing),
        None => door::door(entry),
    }
}

fn inside(standing: Standing) -> AnyView {
    let store = Store::new();
    provide_context(store);
    provide_context(MarketChoice::new());
    provide_context(Desk::new());
    provide_context(standing);
    let way = Way::new();
    provide_context(way);
    let name = Memo::new(move |_| way.read(|place| place.part(0).to_owned()));
    let page = move || match name.get().as_str() {
        "" => view! { <Home /> }.into_any(),
        "market" => view! { <MarketPage /> }.into_any(),
        other => pages::page_named(other),
    };
    store.connect();
    mark_first_data(store);
    view! {
        <div class="frame">
            <Rail />
            <div class="content">
                <TopLine />
                <Refusal />
                <main>
                    <DeskView />
                    {page}
                </main>
            </div>
            <BottomBar />
        </div>
    }
    .into_any()
}

/// Notes in the browser's time line when the first data was drawn: measurements and browser tests wait for it.
fn mark_first_data(store: Store) {
    let has_data = Memo::new(move |_| store.overview(|_| ()).is_some());
    Effect::new(move |is_marked: Option<bool>| {
        let has_data = has_data.get();
        if has_data && is_marked != Some(true) {
            // The frame after this one starts when this one is drawn.
            request_animation_frame(|| request_animation_frame(|| browser::mark("first-data")));
        }
        has_data
    });
}

#[component]
fn Brand() -> impl IntoView {
    let store = Store::of_page();
    let class = move || match (store.freshness(), store.overview(|o| o.healthy)) {
        (Freshness::Live, Some(true)) => "dot good",
        (Freshness::Live, _) => "dot warning",
        _ => "dot",
    };
    view! { <span class="brand"><i class=class aria-hidden="true"></i>"Tickerbox"</span> }
}

/// A page in the navigation: its path, its name, and its sign.
struct Page {
    href: &'static str,
    name: &'static str,
    sign: &'static str,
}

/// The pages, those of a phone's bar first.
static PAGES: [Page; 12] = [
    Page { href: "/", name: "Home", sign: "M4 11.5 12 5l8 6.5M6.5 10v9h11v-9" },
    Page { href: "/market", name: "Market", sign: "M8 4v3M8 16v4M5.5 7h5v9h-5zM16 3v5M16 15v3M13.5 8h5v7h-5z" },
    Page { href: "/forecasts", name: "Forecasts", sign: "M4 17l5-6 4 3 7-8M15 6h5v5" },
    Page { href: "/trading", name: "Trading", sign: "M7 5v14M7 5l-3 3M7 5l3 3M17 19V5M17 19l-3-3M17 19l3-3" },
    Page { href: "/risk", name: "Risk", sign: "M12 4l7 3v5c0 4-3 7-7 8-4-1-7-4-7-8V7z" },
    Page { href: "/arbitrage", name: "Arbitrage", sign: "M4 8h13M14 5l3 3-3 3M20 16H7M10 13l-3 3 3 3" },
    Page {
        href: "/data",
        name: "Data",
        sign: "M5 6c0-2 14-2 14 0v12c0 2-14 2-14 0zM5 6c0 2 14 2 14 0M5 12c0 2 14 2 14 0",
    },
    Page { href: "/replay", name: "Replay", sign: "M5 12a7 7 0 1 0 2-5M5 4v4h4M12 8v4l3 2" },
    Page { href: "/models", name: "Models", sign: "M12 4l8 4-8 4-8-4zM4 12l8 4 8-4M4 16l8 4 8-4" },
    Page { href: "/system", name: "System", sign: "M4 6h16v10H4zM9 20h6M12 16v4M8 12l2-3 2 2 3-3" },
    Page {
        href: "/settings",
        name: "Settings",
        sign: "M5 7h8M17 7h2M5 12h2M11 12h8M5 17h6M15 17h4M13 5v4M7 10v4M11 15v4",
    },
    Page { href: "/access", name: "Access", sign: "M14 10a4 4 0 1 0-4 4M12 12l8 8M17 17l2-2M10 10h.01" },
];
/// Pages in a phone's bar; the others are behind "More".
const BAR: usize = 4;
/// The page of a phone that leads to the others.
static MORE: Page = Page { href: "/more", name: "More", sign: "M5 12h.01M12 12h.01M19 12h.01" };

fn link(page: &'static Page) -> AnyView {
    let way = Way::of_page();
    let current = move || way.read(|place| place.is_at(page.href)).then_some("page");
    view! {
        <a href=page.href aria-current=current>
            <svg viewBox="0 0 24 24" aria-hidden="true"><path d=page.sign /></svg>
            {page.name}
        </a>
    }
    .into_any()
}

#[component]
fn Rail() -> impl IntoView {
    let store = Store::of_page();
    let version = move || store.read(Part::Hello, |s| s.hello.as_ref().map(|h| format!("Tickerbox {}", h.version)));
    let uptime = move || store.overview(|o| format!("up {}", format::uptime(o.uptime_s)));
    let model =
        move || store.overview(|o| if o.model.is_empty() { "no model".into() } else { format!("model {}", o.model) });
    view! {
        <nav class="rail" aria-label="Pages">
            <Brand />
            <div class="links">{PAGES.iter().map(link).collect::<Vec<_>>()}</div>
            <div class="box-facts" data-testid="box-facts">
                <span>{model}</span>
                <span>{version}</span>
                <span>{uptime}</span>
            </div>
        </nav>
    }
}

#[component]
fn BottomBar() -> impl IntoView {
    view! {
        <nav class="bottom-bar" aria-label="Pages">
            {PAGES[..BAR].iter().chain([&MORE]).map(link).collect::<Vec<_>>()}
        </nav>
    }
}

#[component]
fn TopLine() -> impl IntoView {
    let store = Store::of_page();
    let host = window().location().host().unwrap_or_default();
    let is_demo = Memo::new(move |_| store.read(Part::Hello, |s| s.hello.as_ref().is_some_and(|h| h.demo)));
    let clock = move || {
        store.overview(|o| {
            let zone = browser::zone(o.at_ms);
            view! {
                <time data-testid="clock">
                    <span class="wide-only">{zone.weekday_date(o.at_ms)} ", "</span>
                    {zone.clock_seconds(o.at_ms)}
                    <span class="quiet">" " {zone.name()}</span>
                </time>
            }
        })
    };
    view! {
        <header class="top-line">
            <span class="host">{host}</span>
            <Show when=move || is_demo.get()>
                <span class="tag" data-testid="demo" title="The market is simulated inside this box">"built-in market"</span>
            </Show>
            <LinkState />
            <span class="fill"></span>
            {clock}
            <ThemeButton />
        </header>
    }
}

#[component]
fn LinkState() -> impl IntoView {
    let store = Store::of_page();
    let words = Memo::new(move |_| store.link.get().words(store.now_ms.get(), store.silent_ms()));
    let class = move || match store.freshness() {
        Freshness::Live => "link-state live",
        Freshness::Loading => "link-state",
        Freshness::Stale => "link-state lost",
    };
    let reload = move || {
        (store.link.get() == Link::OutOfDate).then(|| {
            let reload = |_| {
                let _ = window().location().reload();
            };
            view! { <button class="small-button" on:click=reload>"Reload"</button> }
        })
    };
    view! {
        <span class=class role="status" data-testid="link">{move || words.get()}</span>
        {reload}
    }
}

#[component]
fn Refusal() -> impl IntoView {
    let store = Store::of_page();
    move || {
        store.read(Part::Refused, |state| state.refused.clone()).map(|reason| {
            view! {
                <p class="refusal" role="alert" data-testid="refusal">
                    {reason}
                    <button class="small-button" on:click=move |_| store.dismiss()>"Close"</button>
                </p>
            }
        })
    }
}
