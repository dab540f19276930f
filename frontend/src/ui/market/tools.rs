//! What can be chosen above the chart, and its downloads.

use leptos::prelude::*;

use super::super::browser;
use super::super::choice::{Choice, Choosable};
use super::{INDICATORS_NAME, MarketChoice, PAST_NAME, TIMEFRAME_NAME};
use crate::chart::indicator::INDICATORS;
use crate::chart::level::LENGTHS;

/// Length of the candles, indicators, past forecasts, downloads.
#[component]
pub(super) fn Tools(
    /// Horizons that the market has forecasts for, minutes.
    horizons: Memo<Vec<u16>>,
    /// Saves the candles.
    #[prop(into)]
    on_csv: Callback<()>,
    /// Saves the picture.
    #[prop(into)]
    on_png: Callback<()>,
) -> impl IntoView {
    let choice = expect_context::<MarketChoice>();
    let options: Vec<_> =
        LENGTHS.iter().map(|(minutes, name)| Choosable { key: minutes.to_string(), label: (*name).into() }).collect();
    let timeframe = Signal::derive(move || choice.timeframe_min.get().to_string());
    let choose = move |key: String| {
        if let Ok(minutes) = key.parse() {
            choice.timeframe_min.set(minutes);
            browser::remember(TIMEFRAME_NAME, &key);
        }
    };
    let switch = move |index: usize| {
        choice.indicators.update(|chosen| *chosen = chosen.switched(index));
        browser::remember(INDICATORS_NAME, &choice.indicators.get_untracked().text());
    };
    let indicator = move |index: usize| {
        let is_on = move || choice.indicators.get().has(index);
        toggle(INDICATORS[index].label.into(), Memo::new(move |_| is_on()), Callback::new(move |()| switch(index)))
    };
    let show = move |horizon: u16| {
        choice.past_min.update(|shown| *shown = if *shown == horizon { 0 } else { horizon });
        browser::remember(PAST_NAME, &choice.past_min.get_untracked().to_string());
    };
    let past = move |horizon: u16| {
        let is_on = Memo::new(move |_| choice.past_min.get() == horizon);
        toggle(format!("{horizon} min ahead"), is_on, Callback::new(move |()| show(horizon)))
    };
    let count = Memo::new(move |_| {
        let count = choice.indicators.get().all().count() + usize::from(choice.past_min.get() > 0);
        if count == 0 { String::new() } else { format!(" · {count}") }
    });
    view! {
        <span class="chart-tools">
            <Choice label="Candles" options=options value=timeframe on_choose=choose always_buttons=true />
            <details class="picker" data-testid="indicators">
                <summary class="small-button">"Indicators" {count}</summary>
                <div class="picks">
                    <p class="secondary">"Of closed candles, as the models see them"</p>
                    <div>{(0..INDICATORS.len()).map(indicator).collect::<Vec<_>>()}</div>
                    <p class="secondary">"Past forecasts against what came"</p>
                    <div>{move || horizons.get().into_iter().map(past).collect::<Vec<_>>()}</div>
                </div>
            </details>
            <button class="small-button wide-only" title="Download these candles as CSV" data-testid="download" on:click=move |_| on_csv.run(())>
                "CSV"
            </button>
            <button class="small-button wide-only" title="Download the chart as a picture" data-testid="download-png" on:click=move |_| on_png.run(())>
                "PNG"
            </button>
        </span>
    }
}

fn toggle(label: String, is_on: Memo<bool>, switch: Callback<()>) -> AnyView {
    let pressed = move || if is_on.get() { "true" } else { "false" };
    view! { <button class="small-button" aria-pressed=pressed on:click=move |_| switch.run(())>{label}</button> }
        .into_any()
}
