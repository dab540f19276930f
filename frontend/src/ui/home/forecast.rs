//! What comes next: three forecasts for one instrument, each with its record.

use leptos::prelude::*;
use wire::{Forecasts, HorizonCard, Instrument};

use super::super::choice::{Choice, Choosable};
use super::super::panel::{Chip, Content, Panel};
use super::super::store::Store;
use crate::chart::{fan, shape};
use crate::format;
use crate::sentence;
use crate::state::Part;

/// The section.
#[component]
pub(super) fn WhatComesNext() -> impl IntoView {
    let store = Store::of_page();
    let options = Memo::new(move |_| options(store));
    let asked = RwSignal::new(None::<String>);
    let chosen = Memo::new(move |_| {
        let options = options.read();
        let still_there = asked.get().filter(|key| options.iter().any(|o| o.key == *key));
        still_there.or_else(|| options.first().map(|o| o.key.clone())).unwrap_or_default()
    });
    let instrument = Memo::new(move |_| chosen.read().parse().ok().and_then(|id| store.instrument(id)));
    let forecasts = Memo::new(move |_| {
        let id = instrument.read().as_ref()?.id;
        store.read(Part::Overview, |state| state.forecasts(id).cloned())
    });
    let horizons = Memo::new(move |_| {
        forecasts.with(|f| f.as_ref().map(|f| f.horizons.iter().map(|h| h.horizon_min).collect::<Vec<_>>()))
    });
    let at_ms = move || store.overview(|o| o.at_ms).unwrap_or(0);
    view! {
        <div class="section-head">
            <h2>"What comes next"</h2>
            <Choice label="Instrument" options=options value=chosen on_choose=move |key| asked.set(Some(key)) />
        </div>
        <div class="forecasts" data-testid="forecasts">
            <Show when=move || horizons.read().is_some() fallback=move || view! { <Placeholder store /> }>
                <For each=move || horizons.get().unwrap_or_default() key=|minutes| *minutes let:minutes>
                    <ForecastCard minutes instrument forecasts at_ms=Signal::derive(at_ms) />
                </For>
            </Show>
        </div>
    }
}

/// Three empty cards, so that nothing moves when the forecasts come.
#[component]
fn Placeholder(store: Store) -> impl IntoView {
    let content = Signal::derive(move || match store.overview(|o| o.model.is_empty()) {
        None => Content::Loading,
        Some(true) => Content::Empty("There is no model in the box.".into()),
        Some(false) => Content::Empty("No forecast yet: a full window of minutes has to come first.".into()),
    });
    [5, 10, 30].map(|minutes| {
        view! { <Panel kind="forecast" title=format!("In {minutes} min") content=content>""</Panel> }
    })
}

fn options(store: Store) -> Vec<Choosable> {
    let ids = store.overview(|o| o.forecasts.iter().map(|f| f.instrument).collect::<Vec<_>>()).unwrap_or_default();
    let known: Vec<Instrument> = ids.into_iter().filter_map(|id| store.instrument(id)).collect();
    let label = |i: &Instrument| {
        let is_alone = known.iter().filter(|other| other.pair == i.pair).count() == 1;
        if is_alone { i.pair.clone() } else { format!("{} {}", i.pair, i.venue) }
    };
    known.iter().map(|i| Choosable { key: i.id.to_string(), label: label(i) }).collect()
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 96.0;

/// Path data of the small picture.
#[derive(Clone, Debug, Default, PartialEq)]
struct Picture {
    past: String,
    expected: String,
    band_50: String,
    band_90: String,
    now: (f64, f64),
}

/// Past closes, then the fan of one horizon, both on one scale of time.
fn picture(forecasts: &Forecasts, card: &HorizonCard) -> Picture {
    let moments = fan::fan(std::iter::once(card));
    let closes: Vec<f64> = forecasts.closes.iter().map(|close| *close as f64).collect();
    let outer =
        moments.iter().flat_map(|m| [m.price, m.band_90.map_or(m.price, |b| b.0), m.band_90.map_or(m.price, |b| b.1)]);
    let Some(range) = shape::extent(closes.iter().copied().chain(outer)) else { return Picture::default() };
    let y = shape::upright(range, HEIGHT, 4.0);
    let ahead = if moments.is_empty() { 0.0 } else { f64::from(card.horizon_min) };
    let behind = closes.len().saturating_sub(1).max(1) as f64;
    let step = WIDTH / (behind + ahead);
    let now_x = behind * step;
    let start_ms = moments.first().map_or(0, |m| m.at_ms);
    let x = |at_ms: i64| now_x + (at_ms - start_ms) as f64 / 60_000.0 * step;
    let band = |pick: fn(&fan::Moment) -> Option<(f64, f64)>| {
        let side = |upper: bool| {
            let points =
                moments.iter().filter_map(|m| pick(m).map(|b| (x(m.at_ms), y.at(if upper { b.1 } else { b.0 }))));
            points.collect::<Vec<_>>()
        };
        shape::area(&side(true), &side(false))
    };
    Picture {
        past: shape::line(closes.iter().enumerate().map(|(n, close)| (n as f64 * step, y.at(*close)))),
        expected: shape::line(moments.iter().map(|m| (x(m.at_ms), y.at(m.price)))),
        band_50: band(|m| m.band_50),
        band_90: band(|m| m.band_90),
        now: (now_x, y.at(closes.last().copied().unwrap_or(range.0))),
    }
}

#[component]
fn ForecastCard(
    minutes: u16,
    instrument: Memo<Option<Instrument>>,
    forecasts: Memo<Option<Forecasts>>,
    at_ms: Signal<i64>,
) -> impl IntoView {
    let card =
        Memo::new(move |_| forecasts.with(|f| f.as_ref()?.horizons.iter().find(|h| h.horizon_min == minutes).cloned()));
    let base =
        move || instrument.with(|i| i.as_ref().map_or("", |i| i.pair.split('/').next().unwrap_or("")).to_owned());
    let title = move || format!("{} in {minutes}{}min", base(), format::THIN_SPACE);
    let verdict = Signal::derive(move || {
        let (word, tone) = sentence::verdict(card.with(|c| c.as_ref().map_or(wire::Verdict::NotProven, |c| c.verdict)));
        (word.to_owned(), tone)
    });
    let forecast = Memo::new(move |_| card.with(|c| c.as_ref().and_then(|c| c.forecast)));
    let bps = move || forecast.get().map(|f| f64::from(f.log_return) * 1e4);
    let missing = move || {
        forecasts.with(|f| match f {
            Some(f) if !f.missing.is_empty() => f.missing.clone(),
            _ => "No forecast just now.".into(),
        })
    };
    let band = move || forecast.get().map_or_else(missing, |f| sentence::band(&f));
    let picture = Memo::new(move |_| {
        forecasts.with(|f| card.with(|c| f.as_ref().zip(c.as_ref()).map(|(f, c)| picture(f, c)).unwrap_or_default()))
    });
    let skill =
        Memo::new(move |_| card.with(|c| c.as_ref().map(|c| sentence::skill(c, at_ms.get())).unwrap_or_default()));
    let note = view! { <Chip word=verdict testid="verdict" /> }.into_any();
    view! {
        <Panel kind="forecast" title=title note=note content=Content::Ready>
            <div class="forecast-head">
                <div>
                    <p class="figure">
                        <b data-testid="forecast-bps">{move || bps().map_or_else(|| "–".into(), |v| format::signed_float(v, 1))}</b>
                        <span class="unit">" bps"</span>
                    </p>
                    <p class="secondary">{band}</p>
                </div>
                <Gauge p_up=Signal::derive(move || forecast.get().map(|f| f.p_up)) />
            </div>
            <svg class="picture" viewBox="0 0 300 96" preserveAspectRatio="none" role="img" aria-label=move || format!("Closes of the last hour and the bands for {minutes} minutes ahead: 50 and 90 percent")>
                <path class="band-90" d=move || picture.read().band_90.clone() />
                <path class="band-50" d=move || picture.read().band_50.clone() />
                <path class="past" d=move || picture.read().past.clone() />
                <path class="expected" d=move || picture.read().expected.clone() />
                <path class="now" d=move || { let (x, y) = picture.read().now; format!("M{} {}h0", format::plain(x, 1), format::plain(y, 1)) } />
            </svg>
            <p class="skill" data-testid="skill">
                {move || skill.get().lead} " " <b>{move || skill.get().claim}</b> " " {move || skill.get().rest}
            </p>
        </Panel>
    }
}

/// A probability on a half circle; the filled part runs from one half to the value.
#[component]
fn Gauge(p_up: Signal<Option<f32>>) -> impl IntoView {
    let arc = move || p_up.get().map(|p| shape::half_arc(33.0, 34.0, 28.0, 0.5, f64::from(p))).unwrap_or_default();
    let tilt = move || p_up.get().map_or(0.0, |p| f64::from(p) - 0.5);
    let text = move || {
        p_up.get().map_or_else(
            || "–".into(),
            |p| format!("{}{}%", format::float(f64::from(p) * 100.0, 0), format::THIN_SPACE),
        )
    };
    let label = move || format!("Probability of a rise: {}", text());
    view! {
        <svg class="gauge" viewBox="0 0 66 50" role="img" aria-label=label>
            <path class="track" d=shape::half_arc(33.0, 34.0, 28.0, 0.0, 1.0) />
            <path class=move || format!("value {}", format::sign_class(&format::signed_float(tilt(), 2))) d=arc />
            <path class="half" d="M33 2v8" />
            <text x="33" y="35">{text}</text>
            <text class="what" x="33" y="48">"rise"</text>
        </svg>
    }
}

/// One horizon as a table row, for the market page.
#[component]
pub(in crate::ui) fn HorizonRow(
    /// Horizon and forecast.
    card: HorizonCard,
) -> impl IntoView {
    let (word, tone) = sentence::verdict(card.verdict);
    let word = Signal::stored((word.to_owned(), tone));
    let bps = |value: f32, digits| format::signed_float(f64::from(value) * 1e4, digits);
    let expected = card.forecast.map_or_else(|| "–".into(), |f| bps(f.log_return, 1));
    let class = format::sign_class(&expected);
    let p_up = card.forecast.map_or_else(|| "–".into(), |f| format::percent(f64::from(f.p_up) * 1e6, 0));
    let band = card
        .forecast
        .and_then(|f| f.band_90.map(|h| format!("{} to {}", bps(f.log_return - h, 0), bps(f.log_return + h, 0))));
    view! {
        <tr data-testid="horizon">
            <td>{card.horizon_min} <span class="unit">" min"</span></td>
            <td class=class>{expected}</td>
            <td class="secondary">{band.unwrap_or_else(|| "–".into())}</td>
            <td>{p_up}</td>
            <td><Chip word=word testid="verdict" /></td>
        </tr>
    }
}
