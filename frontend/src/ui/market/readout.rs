//! The line below the chart: what is under the pointer, or the newest candle.

use leptos::prelude::*;
use wire::api::PastForecast;
use wire::{Candle, Instrument};

use super::super::browser;
use crate::chart::fan::Moment;
use crate::chart::indicator::{Chosen, Row};
use crate::format;

/// What the line tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    candle: Candle,
    /// Length of the candle, where it is another than the chosen one.
    length: &'static str,
    lines: Vec<(&'static str, String)>,
    forecast: Option<String>,
}

/// Digits of the instrument.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    pub(super) price: u8,
}

impl Digits {
    fn price(self, price: f64) -> String {
        format::fixed(price.round() as i64, self.price)
    }

    fn band(self, band: Option<(f64, f64)>) -> String {
        let ends = |(low, high)| format!(" (90\u{202f}%: {} to {})", self.price(low), self.price(high));
        band.map(ends).unwrap_or_default()
    }

    /// A forecast that is open.
    pub(super) fn expected(self, moment: &Moment) -> String {
        format!("{}{}", self.price(moment.price), self.band(moment.band_90))
    }

    /// One that met its outcome.
    pub(super) fn met(self, it: &PastForecast, horizon_min: u16) -> String {
        let how = match it.band_90 {
            Some((low, high)) if (low..=high).contains(&it.came) => ", inside",
            Some(_) => ", outside",
            None => "",
        };
        let band = self.band(it.band_90.map(|(low, high)| (low as f64, high as f64)));
        let (said, came) = (self.price(it.price as f64), self.price(it.came as f64));
        format!("{said}{band}, said {horizon_min} min before; came {came}{how}")
    }
}

impl Reading {
    pub(super) fn new(
        row: &Row,
        length: &'static str,
        chosen: Chosen,
        digits: Digits,
        forecast: Option<String>,
    ) -> Self {
        let lines = chosen.all().map(|it| {
            let values = it.lines().map(|line| match row.values[line] {
                value if value.is_nan() => "–".to_owned(),
                value => format::float(value, digits.price.max(1)),
            });
            (it.label, values.collect::<Vec<_>>().join(" / "))
        });
        Self { candle: row.candle, length, lines: lines.collect(), forecast }
    }
}

/// The line.
#[component]
pub(super) fn Readout(instrument: Memo<Option<Instrument>>, reading: RwSignal<Option<Reading>>) -> impl IntoView {
    move || {
        let Reading { candle, length, lines, forecast } = reading.get()?;
        let (price, qty) = instrument.with(|i| i.as_ref().map_or((2, 8), |i| (i.price_decimals, i.qty_decimals)));
        let change = if candle.open == 0 { 0.0 } else { (candle.close as f64 / candle.open as f64 - 1.0) * 1e6 };
        let change = format::signed_percent(change, 2);
        let class = format::sign_class(&change);
        let value = move |name: &'static str, text: String| view! { <span class="pair"><i>{name}</i>{text}</span> };
        let zone = browser::zone(candle.open_time_ms);
        let at = format!("{} {}", zone.date(candle.open_time_ms), zone.clock(candle.open_time_ms));
        let missing = (candle.kind == wire::CandleKind::Partial).then_some("minutes missing");
        Some(view! {
            <span class="values" data-testid="readout">
                <span class="secondary">{at} " " {length}</span>
                {value("O", format::fixed(candle.open, price))}
                {value("H", format::fixed(candle.high, price))}
                {value("L", format::fixed(candle.low, price))}
                {value("C", format::fixed(candle.close, price))}
                {value("V", format::quantity(candle.volume, qty))}
                <span class=class>{change}</span>
                <span class="secondary">{missing}</span>
                {lines.into_iter().map(|(name, text)| value(name, text)).collect::<Vec<_>>()}
                {forecast.map(|text| value("Forecast", text))}
            </span>
        })
    }
}
