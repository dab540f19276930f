//! The live candle chart: pointer, wheel, keys, and a frame whenever something changed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::html::{Canvas, I};
use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlElement, KeyboardEvent, PointerEvent, WheelEvent};
use wire::api::PastForecast;
use wire::{HorizonCard, Instrument};

use super::super::browser;
use super::super::panel::{Content, Panel, ViewError};
use super::super::store::Store;
use super::super::theme::Theme;
use super::MarketChoice;
use super::draw::{self, Scene};
use super::palette::Palette;
use super::readout::{Digits, Reading, Readout};
use super::source::{Asked, Series};
use super::tools::Tools;
use crate::address::slug;
use crate::calendar::MINUTE_MS;
use crate::chart::bars;
use crate::chart::fan::{self, Moment};
use crate::chart::indicator::{Chosen, Row};
use crate::chart::inertia::{Drag, Glide};
use crate::chart::layout::Layout;
use crate::chart::level;
use crate::chart::ring::{BLOCK, Sight};
use crate::chart::view::{Extent, View};
use crate::sentence;
use crate::state::{MarketState, Part, State};
use crate::{export, format};

/// The panel: length of candles, picture, readout.
#[component]
pub(super) fn ChartPanel(instrument: Memo<Option<Instrument>>, content: Signal<Content>) -> impl IntoView {
    let store = Store::of_page();
    let choice = expect_context::<MarketChoice>();
    let reading = RwSignal::new(None::<Reading>);
    let chart = StoredValue::new_local(Rc::new(Chart::new(store, choice, reading)));
    let name = move |ending: &str| {
        let of = instrument.with_untracked(|i| i.as_ref().map(|i| slug(&format!("{} {}", i.venue, i.pair))));
        format!("{}-{}.{ending}", of.unwrap_or_default(), level::name(choice.timeframe_min.get_untracked()))
    };
    let csv = move |()| {
        if let Some(text) = chart.with_value(|chart| chart.csv()) {
            let _ = browser::save(&name("csv"), "text/csv", &text);
        }
    };
    let png = move |()| {
        chart.with_value(|chart| {
            if let Some(surface) = chart.surface.borrow().as_ref() {
                let _ = browser::save_picture(&surface.canvas, name("png"));
            }
        });
    };
    let title = move || {
        instrument.with(|i| {
            i.as_ref().map_or_else(|| "Candles".into(), |i| format!("Candles, volume, forecast · {}", i.pair))
        })
    };
    let id = move || instrument.with(|i| i.as_ref().map(|i| i.id));
    let horizons = Memo::new(move |_| {
        let of = |state: &State| Some(state.forecasts(id()?)?.horizons.iter().map(|card| card.horizon_min).collect());
        store.read(Part::Overview, of).unwrap_or_default()
    });
    let note = view! { <Tools horizons on_csv=csv on_png=png /> }.into_any();
    let band = move || {
        let id = id()?;
        let source = store.read(Part::Overview, |state| {
            let shown = |card: &HorizonCard| card.forecast.filter(|f| f.band_90.is_some()).map(|f| f.bands_from);
            // The widest horizon is the last one to have enough errors.
            state.forecasts(id).map(|f| f.horizons.iter().rev().find_map(shown))
        })?;
        Some(sentence::bands(source))
    };
    view! {
        <Panel kind="chart" title=title note=note content=content>
            {candle_chart(instrument, chart)}
            <p class="readout">
                <Readout instrument reading />
                <span class="secondary wide-only">{band}</span>
            </p>
        </Panel>
    }
}

/// Width of a candle when the chart is opened, CSS pixels.
const SLOT_PX: f64 = 6.5;
/// How much one notch of the wheel or one key zooms.
const ZOOM_STEP: f64 = 1.2;
/// Of more time past forecasts are not shown: they are made every minute.
const FORECASTS_ACROSS_MS: i64 = 10_000 * MINUTE_MS;

fn candle_chart(
    instrument: Memo<Option<Instrument>>,
    shared: StoredValue<Rc<Chart>, LocalStorage>,
) -> Result<impl IntoView, ViewError> {
    let store = Store::of_page();
    let theme = expect_context::<Theme>();
    let choice = expect_context::<MarketChoice>();
    let canvas = NodeRef::<Canvas>::new();
    let probe = NodeRef::<I>::new();
    let fault = RwSignal::new(None::<ViewError>);
    let label = move || {
        instrument.with(|i| {
            let name = i.as_ref().map(|i| format!("{} on {}", i.pair, i.venue)).unwrap_or_default();
            format!("Candles of {name}. Arrow keys move and zoom, Home fits.")
        })
    };
    Effect::new(move |_| {
        let (Some(canvas), Some(probe)) = (canvas.get(), probe.get()) else { return };
        let chart = shared.get_value();
        if let Err(error) = chart.attach(&canvas, &probe) {
            fault.set(Some(error));
        }
    });
    Effect::new(move |_| {
        theme.is_light.track();
        let chart = shared.get_value();
        chart.repaint();
    });
    Effect::new(move |_| {
        store.read(Part::Candles, |_| ());
        store.read(Part::Overview, |_| ());
        choice.timeframe_min.track();
        choice.indicators.track();
        choice.past_min.track();
        shared.get_value().touch();
    });
    on_cleanup(move || {
        let _ = shared.try_with_value(|chart| chart.detach());
    });
    let with = move |act: fn(&Rc<Chart>, &PointerEvent)| {
        move |event: PointerEvent| {
            let _ = shared.try_with_value(|chart| act(chart, &event));
        }
    };
    let wheel = move |event: WheelEvent| {
        event.prevent_default();
        let _ = shared.try_with_value(|chart| chart.wheel(&event));
    };
    let key = move |event: KeyboardEvent| {
        if shared.try_with_value(|chart| chart.key(&event.key())) == Some(true) {
            event.prevent_default();
        }
    };
    Ok(view! {
        {move || fault.get().map(Err::<(), _>)}
        <div class="plot" style:--panes=move || choice.indicators.get().panes().count().to_string()>
            <canvas
                node_ref=canvas
                tabindex="0"
                role="img"
                aria-label=label
                data-testid="candles"
                on:pointerdown=with(Chart::down)
                on:pointermove=with(Chart::moved)
                on:pointerup=with(Chart::up)
                on:pointercancel=with(Chart::up)
                on:pointerleave=with(Chart::leave)
                on:wheel=wheel
                on:dblclick=move |_| { let _ = shared.try_with_value(Chart::fit); }
                on:keydown=key
            ></canvas>
            <i node_ref=probe hidden></i>
        </div>
    })
}

/// The chart behind the canvas.
struct Chart {
    store: Store,
    choice: MarketChoice,
    reading: RwSignal<Option<Reading>>,
    past: Series<Row>,
    forecasts: Series<PastForecast>,
    surface: RefCell<Option<Surface>>,
    view: Cell<Option<Shown>>,
    /// Pressed pointers: identifier, x, y.
    pressed: RefCell<Vec<(i32, f64, f64)>>,
    hover: Cell<Option<(f64, f64)>>,
    drag: RefCell<Drag>,
    glide: Cell<Option<(Glide, f64)>>,
    frame_asked: Cell<bool>,
}

/// What the view was made for, what there was to see, and how wide the plot was.
#[derive(Clone, Copy)]
struct Shown {
    view: View,
    market: (u16, u16),
    extent: Extent,
    plot_width: f64,
}

/// The canvas with all that belongs to it in the page.
struct Surface {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    probe: HtmlElement,
    palette: Palette,
    width: f64,
    height: f64,
    device_ratio: f64,
    observer: web_sys::ResizeObserver,
    _resized: Closure<dyn FnMut()>,
}

impl Drop for Surface {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

impl Chart {
    fn new(store: Store, choice: MarketChoice, reading: RwSignal<Option<Reading>>) -> Self {
        Self {
            store,
            choice,
            reading,
            past: Series::default(),
            forecasts: Series::default(),
            surface: RefCell::new(None),
            view: Cell::new(None),
            pressed: RefCell::new(Vec::new()),
            hover: Cell::new(None),
            drag: RefCell::new(Drag::default()),
            glide: Cell::new(None),
            frame_asked: Cell::new(false),
        }
    }

    fn attach(self: &Rc<Self>, canvas: &HtmlCanvasElement, probe: &HtmlElement) -> Result<(), ViewError> {
        let refuse = |what: &str| ViewError(format!("this browser gives no {what}"));
        let context = canvas.get_context("2d").ok().flatten().ok_or_else(|| refuse("canvas"))?;
        let context = context.dyn_into::<CanvasRenderingContext2d>().map_err(|_| refuse("canvas"))?;
        let chart = Rc::downgrade(self);
        let resized = Closure::<dyn FnMut()>::new(move || {
            if let Some(chart) = chart.upgrade() {
                // A canvas of another size is empty: drawn at once, nobody sees it so.
                chart.resize();
                chart.frame();
            }
        });
        let observer =
            web_sys::ResizeObserver::new(resized.as_ref().unchecked_ref()).map_err(|_| refuse("ResizeObserver"))?;
        observer.observe(canvas);
        *self.surface.borrow_mut() = Some(Surface {
            canvas: canvas.clone(),
            context,
            probe: probe.clone(),
            palette: Palette::read(probe),
            width: 0.0,
            height: 0.0,
            device_ratio: 1.0,
            observer,
            _resized: resized,
        });
        self.resize();
        self.touch();
        Ok(())
    }

    fn detach(&self) {
        self.surface.borrow_mut().take();
    }

    fn resize(&self) {
        if let Some(surface) = self.surface.borrow_mut().as_mut() {
            surface.width = f64::from(surface.canvas.client_width());
            surface.height = f64::from(surface.canvas.client_height());
            surface.device_ratio = window().device_pixel_ratio().max(1.0);
            surface.canvas.set_width((surface.width * surface.device_ratio).round() as u32);
            surface.canvas.set_height((surface.height * surface.device_ratio).round() as u32);
        }
    }

    /// Reads the colours anew, after the theme changed.
    fn repaint(self: &Rc<Self>) {
        if let Some(surface) = self.surface.borrow_mut().as_mut() {
            surface.palette = Palette::read(&surface.probe);
        }
        self.touch();
    }

    /// Something changed: draw with the next frame.
    fn touch(self: &Rc<Self>) {
        if !self.frame_asked.replace(true) {
            let chart = Rc::downgrade(self);
            request_animation_frame(move || {
                if let Some(chart) = chart.upgrade() {
                    chart.frame_asked.set(false);
                    chart.frame();
                }
            });
        }
    }

    fn frame(self: &Rc<Self>) {
        let reading = {
            let surface = self.surface.borrow();
            let Some(surface) = surface.as_ref().filter(|s| s.width > 0.0 && s.height > 0.0) else { return };
            self.store.peek(|state| self.draw(surface, state))
        };
        if self.reading.with_untracked(|shown| *shown != reading) {
            self.reading.set(reading);
        }
        self.run_on();
    }

    /// Draws what is known, asks for what is missing, and tells what is under the pointer.
    fn draw(self: &Rc<Self>, surface: &Surface, state: &State) -> Option<Reading> {
        let market = state.market.as_ref()?;
        let (chosen_min, chosen) = (self.choice.timeframe_min.get_untracked(), self.choice.indicators.get_untracked());
        if market.timeframe_min != level::live(chosen_min) {
            return None;
        }
        let instrument = state.instrument(market.instrument)?;
        let symbol = format!("{}:{}", slug(&instrument.venue), instrument.pair);
        let newest = market.newest()?;
        let digits = Digits { price: instrument.price_decimals };
        let fan = state.forecasts(market.instrument).map(|f| fan::fan(f.horizons.iter())).unwrap_or_default();
        surface.context.set_font(&format!("12px {}", surface.palette.font));
        // At the chart's font a price is never wider than its digits, however many the axis shows.
        let label = draw::text_width(&surface.context, &format::fixed(newest.close.max(newest.high), digits.price));
        let layout = Layout::new(surface.width, surface.height, label.max(40.0) + 4.0, chosen.panes().count());
        let extent = self.extent(market, &symbol, chosen_min, &fan)?;
        let view = self.current_view((market.instrument, chosen_min), extent, layout.plot_width);
        self.fetch(market, &symbol, view, chosen_min);
        let reading = self.past.read(|of, ring| {
            // Until the first block of another length is there, the one before stays on screen.
            let is_ours = of.symbol == symbol && of.minutes >= chosen_min;
            let drawn_min = if is_ours { of.minutes } else { level::drawn(chosen_min, view.span) };
            let covered = ring.covered().filter(|_| is_ours);
            let older = if is_ours { ring.rows() } else { &[] };
            let live = level::sums(market.candles.iter().chain(&market.running), drawn_min);
            let after = covered.map_or(i64::MIN, |(_, to_ms)| to_ms);
            let recent: Vec<Row> =
                live.into_iter().filter(|candle| candle.open_time_ms >= after).map(Row::bare).collect();
            let slots = f64::from(drawn_min) / f64::from(chosen_min);
            let (left, right) = [view.left() - slots, view.right].map(|slot| bars::time_ms(slot, chosen_min)).into();
            let is_loading = self.past.is_asking() && covered.is_none_or(|(from_ms, _)| left < from_ms);
            let edge = match self.past.fault() {
                Some(fault) => Some(fault),
                None => is_loading.then(|| "Loading".to_owned()),
            };
            let past_min = self.choice.past_min.get_untracked();
            let told = |of: &Asked| of.symbol == symbol && of.minutes == past_min && past_min > 0;
            self.forecasts.read(|of_forecasts, forecasts| {
                let met = if told(of_forecasts) { forecasts.between(left, right) } else { &[] };
                let scene = Scene {
                    layout,
                    view,
                    timeframe_min: chosen_min,
                    slots,
                    older: visible(older, left, right),
                    recent: visible(&recent, left, right),
                    newest,
                    chosen: if is_ours { of.chosen } else { Chosen::default() },
                    fills: &market.fills,
                    fan: &fan,
                    met,
                    edge: edge.map(|text| (covered.map_or(newest.open_time_ms, |(from_ms, _)| from_ms), text)),
                    pointer: self.hover.get(),
                    price_decimals: digits.price,
                    zone: browser::zone(newest.open_time_ms),
                    palette: &surface.palette,
                    device_ratio: surface.device_ratio,
                };
                let bars = draw::draw(&surface.context, &scene);
                let shown = format!("{left} {right} {} {bars} {} {}", level::name(drawn_min), older.len(), met.len());
                let _ = surface.canvas.set_attribute("data-shown", &shown);
                self.reading(&scene, drawn_min, chosen, digits)
            })
        });
        Some(reading)
    }

    /// What is under the pointer, or the newest candle.
    fn reading(&self, scene: &Scene<'_>, drawn_min: u16, chosen: Chosen, digits: Digits) -> Reading {
        let chosen_min = scene.timeframe_min;
        let pointed =
            self.hover.get().map(|(x, _)| bars::time_ms(scene.view.slot(x, scene.layout.plot_width), chosen_min));
        let row = |at_ms: i64| {
            let opens = level::opens(at_ms, drawn_min);
            scene.rows().find(|row| row.candle.open_time_ms == opens).copied()
        };
        let newest = || Row::bare(*scene.newest);
        let (is_pointed, row) = match pointed.and_then(row) {
            Some(row) => (true, row),
            // The running candle has no indicators yet: those of the one before are the newest.
            None => (
                false,
                scene
                    .rows()
                    .rfind(|row| row.values.iter().any(|v| !v.is_nan()))
                    .map_or_else(newest, |row| Row { candle: *scene.newest, ..*row }),
            ),
        };
        let forecast = pointed.and_then(|at_ms| {
            let ahead = scene.fan.iter().find(|moment| moment.at_ms >= at_ms).filter(|_| !is_pointed);
            let step = i64::from(chosen_min) * MINUTE_MS;
            let met = || scene.met.iter().rfind(|it| (at_ms - step..=at_ms).contains(&it.at_ms));
            match ahead {
                Some(moment) => Some(digits.expected(moment)),
                None => met().map(|it| digits.met(it, self.choice.past_min.get_untracked())),
            }
        });
        let length = if drawn_min == chosen_min { "" } else { level::name(drawn_min) };
        Reading::new(&row, length, chosen, digits, forecast)
    }

    /// Asks for the past that will be seen next.
    fn fetch(self: &Rc<Self>, market: &MarketState, symbol: &str, view: View, chosen_min: u16) {
        let Some(newest) = market.newest() else { return };
        let first_ms = market.candles.first().unwrap_or(newest).open_time_ms;
        let (left_ms, right_ms) = (bars::time_ms(view.left(), chosen_min), bars::time_ms(view.right, chosen_min));
        let minutes = level::drawn(chosen_min, view.span);
        let (step_ms, chosen) = (i64::from(minutes) * MINUTE_MS, self.choice.indicators.get_untracked());
        let end_ms = level::opens(newest.open_time_ms, minutes);
        // The first live candle of this length that has all of its minutes; indicators come from the box alone.
        let whole_ms = level::opens(first_ms + step_ms - 1, minutes);
        let need_ms = if chosen == Chosen::default() { whole_ms.min(end_ms) } else { end_ms };
        let of = Asked { symbol: symbol.to_owned(), minutes, chosen };
        let chart = Rc::downgrade(self);
        self.past.want(&of, Sight { left_ms, right_ms, need_ms, end_ms, step_ms }, move |take| {
            if let Some(chart) = chart.upgrade() {
                take(&chart.past);
                chart.touch();
            }
        });
        let past_min = self.choice.past_min.get_untracked();
        if past_min == 0 || right_ms - left_ms > FORECASTS_ACROSS_MS {
            return;
        }
        let end_ms = level::opens(market.at_ms, 1);
        let of = Asked { symbol: symbol.to_owned(), minutes: past_min, chosen: Chosen::default() };
        let sight = Sight { left_ms, right_ms, need_ms: end_ms, end_ms, step_ms: MINUTE_MS };
        let chart = Rc::downgrade(self);
        self.forecasts.want(&of, sight, move |take| {
            if let Some(chart) = chart.upgrade() {
                take(&chart.forecasts);
                chart.touch();
            }
        });
    }

    /// What there is to see; beyond what is here already, as far as the next blocks reach.
    fn extent(&self, market: &MarketState, symbol: &str, chosen_min: u16, fan: &[Moment]) -> Option<Extent> {
        let newest_ms = level::opens(market.newest()?.open_time_ms, chosen_min);
        let slot = |at_ms: i64| bars::slot(at_ms, chosen_min);
        let newest = slot(newest_ms);
        let live_ms = market.candles.first().map_or(newest_ms, |candle| candle.open_time_ms);
        let first_ms = self.past.read(|of, ring| {
            let reach = |minutes: u16| BLOCK * i64::from(minutes) * MINUTE_MS;
            match ring.covered().filter(|_| of.symbol == symbol) {
                Some((from_ms, _)) => ring.begins_ms().unwrap_or(from_ms - 2 * reach(of.minutes)).min(live_ms),
                None => live_ms - reach(chosen_min),
            }
        });
        let end = fan.last().map_or(newest, |moment| slot(moment.at_ms));
        Some(Extent { first: slot(first_ms), newest, ahead: (end - newest - 1.0).max(0.0) + 2.0 })
    }

    /// The view, moved along with the newest candle; a fresh one for another market.
    fn current_view(&self, market: (u16, u16), extent: Extent, plot_width: f64) -> View {
        let view = match self.view.get() {
            Some(shown) if shown.market == market => shown.view.advance(shown.extent.newest, extent),
            _ => View::fit(extent, plot_width, SLOT_PX),
        };
        self.view.set(Some(Shown { view, market, extent, plot_width }));
        view
    }

    /// Changes the view by `change`, which is given the view, what there is to see, and the width of the plot.
    fn change_view(self: &Rc<Self>, change: impl FnOnce(View, Extent, f64) -> View) {
        let Some(shown) = self.view.get() else { return };
        self.view.set(Some(Shown { view: change(shown.view, shown.extent, shown.plot_width), ..shown }));
        self.touch();
    }

    /// The candles that are here, as a file.
    fn csv(&self) -> Option<String> {
        self.store.peek(|state| {
            let market = state.market.as_ref()?;
            let instrument = state.instrument(market.instrument)?;
            let chosen_min = self.choice.timeframe_min.get_untracked();
            let symbol = format!("{}:{}", slug(&instrument.venue), instrument.pair);
            let live = level::sums(market.candles.iter().chain(&market.running), chosen_min);
            self.past.read(|of, ring| {
                let is_ours = of.symbol == symbol && of.minutes == chosen_min;
                let older = if is_ours { ring.rows() } else { &[] };
                let after = ring.covered().filter(|_| is_ours).map_or(i64::MIN, |(_, to_ms)| to_ms);
                let recent = live.iter().filter(|candle| candle.open_time_ms >= after);
                Some(export::csv(instrument, older.iter().map(|row| &row.candle).chain(recent)))
            })
        })
    }

    fn fit(self: &Rc<Self>) {
        self.glide.set(None);
        self.change_view(|_, extent, width| View::fit(extent, width, SLOT_PX));
    }

    fn down(self: &Rc<Self>, event: &PointerEvent) {
        let (x, y) = place(event);
        if let Some(surface) = self.surface.borrow().as_ref() {
            let _ = surface.canvas.set_pointer_capture(event.pointer_id());
        }
        self.pressed.borrow_mut().push((event.pointer_id(), x, y));
        self.glide.set(None);
        *self.drag.borrow_mut() = Drag::default();
        self.drag.borrow_mut().note(browser::now_ms(), x);
        self.hover.set(Some((x, y)));
        self.touch();
    }

    fn moved(self: &Rc<Self>, event: &PointerEvent) {
        let (x, y) = place(event);
        self.hover.set(Some((x, y)));
        let before = self.pressed.borrow().clone();
        if let Some(pointer) = self.pressed.borrow_mut().iter_mut().find(|p| p.0 == event.pointer_id()) {
            (pointer.1, pointer.2) = (x, y);
        }
        let after = self.pressed.borrow().clone();
        match (before.as_slice(), after.as_slice()) {
            ([was], [is]) => {
                self.drag.borrow_mut().note(browser::now_ms(), x);
                let pixels = is.1 - was.1;
                self.change_view(|view, extent, width| view.pan(-pixels / width * view.span, extent));
            }
            ([a0, b0, ..], [a1, b1, ..]) => {
                let apart = |a: &(i32, f64, f64), b: &(i32, f64, f64)| (a.1 - b.1).hypot(a.2 - b.2).max(8.0);
                let middle = |a: &(i32, f64, f64), b: &(i32, f64, f64)| (a.1 + b.1) / 2.0;
                let (factor, anchor) = (apart(a0, b0) / apart(a1, b1), middle(a1, b1));
                let pixels = anchor - middle(a0, b0);
                self.change_view(|view, extent, width| {
                    view.pan(-pixels / width * view.span, extent).zoom(factor, anchor / width, extent)
                });
            }
            _ => self.touch(),
        }
    }

    fn up(self: &Rc<Self>, event: &PointerEvent) {
        self.pressed.borrow_mut().retain(|p| p.0 != event.pointer_id());
        if event.pointer_type() == "touch" {
            self.hover.set(None);
        }
        if self.pressed.borrow().is_empty() && !browser::prefers_stillness() {
            let now = browser::now_ms();
            self.glide.set(Glide::new(self.drag.borrow().speed(now)).map(|glide| (glide, now)));
        }
        self.touch();
    }

    fn leave(self: &Rc<Self>, _: &PointerEvent) {
        self.hover.set(None);
        self.touch();
    }

    /// One step of the glide after a drag, when there is one.
    fn run_on(self: &Rc<Self>) {
        let Some((glide, before_ms)) = self.glide.get() else { return };
        let now = browser::now_ms();
        let (pixels, next) = glide.step((now - before_ms).clamp(0.0, 100.0));
        self.glide.set(next.map(|glide| (glide, now)));
        // The surface is borrowed while a frame is drawn; the next step belongs to the next frame anyway.
        let chart = Rc::downgrade(self);
        request_animation_frame(move || {
            if let Some(chart) = chart.upgrade() {
                chart.change_view(|view, extent, width| view.pan(-pixels / width * view.span, extent));
            }
        });
    }

    fn wheel(self: &Rc<Self>, event: &WheelEvent) {
        let x = f64::from(event.offset_x());
        let notches = match event.delta_mode() {
            WheelEvent::DOM_DELTA_PIXEL => 100.0,
            WheelEvent::DOM_DELTA_LINE => 3.0,
            _ => 1.0,
        };
        let (across, along) = (event.delta_x() / notches, event.delta_y() / notches);
        self.change_view(|view, extent, width| {
            if across.abs() > along.abs() {
                view.pan(across * view.span * 0.1, extent)
            } else {
                view.zoom(ZOOM_STEP.powf(along.clamp(-3.0, 3.0)), (x / width).clamp(0.0, 1.0), extent)
            }
        });
    }

    /// Acts on a key; false when it means nothing here.
    fn key(self: &Rc<Self>, key: &str) -> bool {
        let pan = |share: f64| move |view: View, extent: Extent, _: f64| view.pan(view.span * share, extent);
        let zoom = |factor: f64| move |view: View, extent: Extent, _: f64| view.zoom(factor, 0.5, extent);
        match key {
            "ArrowLeft" => self.change_view(pan(-0.1)),
            "ArrowRight" => self.change_view(pan(0.1)),
            "PageUp" => self.change_view(pan(-0.8)),
            "PageDown" => self.change_view(pan(0.8)),
            "ArrowUp" | "+" => self.change_view(zoom(1.0 / ZOOM_STEP)),
            "ArrowDown" | "-" => self.change_view(zoom(ZOOM_STEP)),
            "Home" | "End" => self.fit(),
            _ => return false,
        }
        true
    }
}

/// Those that may be on screen.
fn visible(rows: &[Row], left_ms: i64, right_ms: i64) -> &[Row] {
    let first = rows.partition_point(|row| row.candle.open_time_ms < left_ms);
    let last = rows.partition_point(|row| row.candle.open_time_ms <= right_ms);
    &rows[first.min(last)..last]
}

fn place(event: &PointerEvent) -> (f64, f64) {
    (f64::from(event.offset_x()), f64::from(event.offset_y()))
}
