//! One market: candles, book, trades, the same coin elsewhere.

mod book;
mod chart;
mod depth;
mod draw;
mod lines;
mod palette;
mod readout;
mod source;
mod tools;

use std::cmp::Ordering;
use std::rc::Rc;

use leptos::prelude::*;
use wire::Instrument;

use super::browser;
use super::choice::{Choice, Choosable};
use super::dom::live;
use super::panel::{Chip, Content};
use super::store::Store;
use super::way::Way;
use crate::chart::indicator::Chosen;
use crate::chart::level;
use crate::markup::Node;
use crate::pages::market::{self, Sight};
use crate::state::Part;
use crate::{address, format, sentence};

/// Names under which choices are remembered in the browser.
const TIMEFRAME_NAME: &str = "timeframe";
const INDICATORS_NAME: &str = "indicators";
const PAST_NAME: &str = "past-forecasts";

/// What the user looked at last.
#[derive(Clone, Copy)]
pub(super) struct MarketChoice {
    instrument: RwSignal<Option<u16>>,
    timeframe_min: RwSignal<u16>,
    indicators: RwSignal<Chosen>,
    /// Horizon of the past forecasts that are shown; 0 for none.
    past_min: RwSignal<u16>,
}

impl MarketChoice {
    pub(super) fn new() -> Self {
        let number = |name| browser::recall(name).and_then(|text| text.parse().ok());
        let timeframe_min = number(TIMEFRAME_NAME).filter(|minutes| !level::name(*minutes).is_empty()).unwrap_or(1);
        let indicators = browser::recall(INDICATORS_NAME).map(|text| Chosen::of(&text)).unwrap_or_default();
        Self {
            instrument: RwSignal::new(None),
            timeframe_min: RwSignal::new(timeframe_min),
            indicators: RwSignal::new(indicators),
            past_min: RwSignal::new(number(PAST_NAME).unwrap_or(0)),
        }
    }
}

/// The page.
#[component]
pub(super) fn MarketPage() -> impl IntoView {
    let store = Store::of_page();
    let choice = expect_context::<MarketChoice>();
    let way = Way::of_page();
    let instrument = Memo::new(move |_| {
        let (venue, pair) = way.read(|place| (place.part(1).to_owned(), place.part(2).to_owned()));
        store.read(Part::Catalogue, |state| match (venue.is_empty(), pair.is_empty()) {
            (false, false) => address::find(&state.catalogue, &venue, &pair).cloned(),
            _ => {
                choice.instrument.get().and_then(|id| state.instrument(id)).or_else(|| state.catalogue.first()).cloned()
            }
        })
    });
    Effect::new(move |_| {
        let Some(id) = instrument.with(|i| i.as_ref().map(|i| i.id)) else { return };
        choice.instrument.set(Some(id));
        store.watch(Some((id, level::live(choice.timeframe_min.get()))));
    });
    let content = Signal::derive(move || {
        let is_catalogue_here = store.read(Part::Catalogue, |state| !state.catalogue.is_empty());
        match (instrument.with(Option::is_some), is_catalogue_here) {
            (false, false) => Content::Loading,
            (false, true) => Content::Empty("There is no such market in this box.".into()),
            (true, _) if store.read(Part::Market, |state| state.market.is_none()) => Content::Loading,
            (true, _) => Content::Ready,
        }
    });
    view! {
        <MarketHead instrument />
        <div class="market-top">
            <chart::ChartPanel instrument content />
            <div class="market-side">
                <book::BookPanel instrument content />
                <depth::DepthPanel instrument content />
            </div>
        </div>
        {live("market-bottom", Box::new(move || below(store, instrument)), Rc::new(drop))}
    }
}

#[component]
fn MarketHead(instrument: Memo<Option<Instrument>>) -> impl IntoView {
    let store = Store::of_page();
    let way = Way::of_page();
    let go = move |target: Option<Instrument>| {
        if let Some(target) = target {
            way.go(&address::market(&target), false);
        }
    };
    let catalogue = Memo::new(move |_| store.read(Part::Catalogue, |state| state.catalogue.clone()));
    let pairs = Signal::derive(move || choosables(catalogue.read().iter().map(|i| &i.pair)));
    let venues = Signal::derive(move || {
        instrument.with(|here| {
            let pair = here.as_ref().map(|i| i.pair.as_str()).unwrap_or_default();
            choosables(catalogue.read().iter().filter(|i| i.pair == pair).map(|i| &i.venue))
        })
    });
    let pair = Signal::derive(move || instrument.with(|i| i.as_ref().map(|i| i.pair.clone()).unwrap_or_default()));
    let venue = Signal::derive(move || instrument.with(|i| i.as_ref().map(|i| i.venue.clone()).unwrap_or_default()));
    let choose_pair = move |pair: String| {
        let venue = venue.get_untracked();
        go(catalogue.with_untracked(|all| {
            let of_pair = || all.iter().filter(|i| i.pair == pair);
            of_pair().find(|i| i.venue == venue).or_else(|| of_pair().next()).cloned()
        }));
    };
    let choose_venue = move |venue: String| {
        let pair = pair.get_untracked();
        go(catalogue.with_untracked(|all| all.iter().find(|i| i.venue == venue && i.pair == pair).cloned()));
    };
    view! {
        <div class="market-head">
            <h1 class="visually-hidden">{move || format!("{} on {}", pair.get(), venue.get())}</h1>
            <Choice label="Pair" options=pairs value=pair on_choose=choose_pair />
            <Choice label="Venue" options=venues value=venue on_choose=choose_venue />
            <span class="fill"></span>
            <Price instrument />
        </div>
    }
}

fn choosables<'a>(names: impl Iterator<Item = &'a String>) -> Vec<Choosable> {
    let mut options: Vec<Choosable> = Vec::new();
    for name in names {
        if options.iter().all(|o| o.key != *name) {
            options.push(Choosable { key: name.clone(), label: name.clone() });
        }
    }
    options
}

#[component]
fn Price(instrument: Memo<Option<Instrument>>) -> impl IntoView {
    let store = Store::of_page();
    let quote = Memo::new(move |_| {
        let id = instrument.with(|i| i.as_ref().map(|i| i.id))?;
        store.read(Part::Overview, |state| state.quote(id).copied())
    });
    let last = Memo::new(move |_| {
        store.read(Part::Candles, |state| state.market.as_ref().and_then(|m| m.newest().map(|c| c.close)))
    });
    let digits = move || instrument.with(|i| i.as_ref().map_or(2, |i| i.price_decimals));
    let text = move || last.get().map_or_else(|| "–".into(), |price| format::fixed(price, digits()));
    let tint = Memo::new(move |before: Option<&(Option<i64>, &'static str)>| {
        let now = last.get();
        let class = match (before.and_then(|b| b.0), now) {
            (Some(old), Some(new)) => match new.cmp(&old) {
                Ordering::Greater => "up",
                Ordering::Less => "down",
                Ordering::Equal => "",
            },
            _ => "",
        };
        (now, class)
    });
    let change = move || {
        quote.get().and_then(|q| q.change).map(|c| {
            let over = format::duration(u64::from(c.minutes) * 60);
            let percent = format::signed_percent(f64::from(c.ppm), 2);
            let class = format!("side {}", format::sign_class(&percent));
            view! {
                <span class=class>
                    {percent} <span class="unit wide-only">" in " {over}</span>
                </span>
            }
        })
    };
    let word = Signal::derive(move || match quote.get() {
        Some(quote) => {
            let (word, tone) = sentence::book_state(quote.state);
            (format!("book {word}"), tone)
        }
        None => ("no book".into(), sentence::Tone::Plain),
    });
    view! {
        <div class="price">
            <b class=move || format!("tint {}", tint.read().1) data-testid="price">{text}</b>
            {change}
            <Chip word=word testid="book-state" />
        </div>
    }
}

/// What is below the chart, drawn anew with each word of the box about it.
fn below(store: Store, instrument: Memo<Option<Instrument>>) -> Vec<Node> {
    let freshness = store.freshness();
    store.read(Part::Catalogue, |_| ());
    store.read(Part::Trades, |_| ());
    store.read(Part::Overview, |state| {
        let zone = browser::zone(state.overview.as_ref().map_or(0, |told| told.at_ms));
        instrument.with(|here| market::below(Sight { here: here.as_ref(), state, freshness, zone }))
    })
}
