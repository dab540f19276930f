//! The live candle chart: pointer, wheel, keys, and a frame whenever something changed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::html::{Canvas, I};
use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlElement, KeyboardEvent, PointerEvent, WheelEvent};
use wire::{Candle, HorizonCard, Instrument};

use super::super::browser;
use super::super::choice::{Choice, Choosable};
use super::super::panel::{Content, Panel, ViewError};
use super::super::store::Store;
use super::super::theme::Theme;
use super::draw::{self, Scene};
use super::palette::Palette;
use super::{MarketChoice, TIMEFRAME_NAME, TIMEFRAMES};
use crate::chart::bars;
use crate::chart::fan::{self, Moment};
use crate::chart::inertia::{Drag, Glide};
use crate::chart::layout::Layout;
use crate::chart::view::{Extent, View};
use crate::sentence;
use crate::state::{MarketState, Part};
use crate::{export, format};

/// The panel: length of candles, picture, readout.
#[component]
pub(super) fn ChartPanel(instrument: Memo<Option<Instrument>>, content: Signal<Content>) -> impl IntoView {
    let store = Store::of_page();
    let choice = expect_context::<MarketChoice>();
    let readout = RwSignal::new(None::<Candle>);
    let options: Vec<_> = TIMEFRAMES
        .iter()
        .map(|(minutes, name)| Choosable { key: minutes.to_string(), label: (*name).into() })
        .collect();
    let timeframe = Signal::derive(move || choice.timeframe_min.get().to_string());
    let choose = move |key: String| {
        if let Ok(minutes) = key.parse() {
            choice.timeframe_min.set(minutes);
            browser::remember(TIMEFRAME_NAME, &key);
        }
    };
    let save = move |_| {
        let text = store.peek(|state| {
            let market = state.market.as_ref()?;
            let instrument = state.instrument(market.instrument)?;
            let candles = market.candles.iter().chain(market.running.as_ref());
            let name = format!(
                "{}-{}m.csv",
                crate::address::slug(&format!("{} {}", instrument.venue, instrument.pair)),
                market.timeframe_min
            );
            Some((name, export::csv(instrument, candles)))
        });
        if let Some((name, text)) = text {
            let _ = browser::save(&name, "text/csv", &text);
        }
    };
    let title = move || {
        instrument.with(|i| {
            i.as_ref().map_or_else(|| "Candles".into(), |i| format!("Candles, volume, forecast · {}", i.pair))
        })
    };
    let note = view! {
        <span class="chart-tools">
            <Choice label="Candles" options=options value=timeframe on_choose=choose always_buttons=true />
            <button class="small-button wide-only" title="Download these candles as CSV" data-testid="download" on:click=save>"CSV"</button>
        </span>
    }
    .into_any();
    let band = move || {
        let id = instrument.with(|i| i.as_ref().map(|i| i.id))?;
        let source = store.read(Part::Overview, |state| {
            let shown = |card: &HorizonCard| card.forecast.filter(|f| f.band_90.is_some()).map(|f| f.bands_from);
            // The widest horizon is the last one to have enough errors.
            state.forecasts(id).map(|f| f.horizons.iter().rev().find_map(shown))
        })?;
        Some(sentence::bands(source))
    };
    view! {
        <Panel kind="chart" title=title note=note content=content>
            {candle_chart(instrument, readout)}
            <p class="readout">
                <Readout instrument readout />
                <span class="secondary wide-only">{band}</span>
            </p>
        </Panel>
    }
}

#[component]
fn Readout(instrument: Memo<Option<Instrument>>, readout: RwSignal<Option<Candle>>) -> impl IntoView {
    move || {
        let candle = readout.get()?;
        let (price, qty) = instrument.with(|i| i.as_ref().map_or((2, 8), |i| (i.price_decimals, i.qty_decimals)));
        let change = if candle.open == 0 { 0.0 } else { (candle.close as f64 / candle.open as f64 - 1.0) * 1e6 };
        let change = format::signed_percent(change, 2);
        let class = format::sign_class(&change);
        let value = move |name: &'static str, text: String| view! { <span class="pair"><i>{name}</i>{text}</span> };
        Some(view! {
            <span class="values" data-testid="readout">
                <span class="secondary">{browser::zone(candle.open_time_ms).clock(candle.open_time_ms)}</span>
                {value("O", format::fixed(candle.open, price))}
                {value("H", format::fixed(candle.high, price))}
                {value("L", format::fixed(candle.low, price))}
                {value("C", format::fixed(candle.close, price))}
                {value("V", format::quantity(candle.volume, qty))}
                <span class=class>{change}</span>
            </span>
        })
    }
}

/// Width of a candle when the chart is opened, CSS pixels.
const SLOT_PX: f64 = 6.5;
/// How much one notch of the wheel or one key zooms.
const ZOOM_STEP: f64 = 1.2;

fn candle_chart(
    instrument: Memo<Option<Instrument>>,
    readout: RwSignal<Option<Candle>>,
) -> Result<impl IntoView, ViewError> {
    let store = Store::of_page();
    let theme = expect_context::<Theme>();
    let canvas = NodeRef::<Canvas>::new();
    let probe = NodeRef::<I>::new();
    let chart = Rc::new(Chart::new(store, readout));
    let shared = StoredValue::new_local(Rc::clone(&chart));
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
        <div class="plot">
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
    readout: RwSignal<Option<Candle>>,
    surface: RefCell<Option<Surface>>,
    view: Cell<Option<Shown>>,
    /// Pressed pointers: identifier, x, y.
    pressed: RefCell<Vec<(i32, f64, f64)>>,
    hover: Cell<Option<(f64, f64)>>,
    drag: RefCell<Drag>,
    glide: Cell<Option<(Glide, f64)>>,
    frame_asked: Cell<bool>,
}

/// What the view was made for, and where its newest candle was.
#[derive(Clone, Copy)]
struct Shown {
    view: View,
    market: (u16, u16),
    newest: f64,
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
    fn new(store: Store, readout: RwSignal<Option<Candle>>) -> Self {
        Self {
            store,
            readout,
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
                chart.resize();
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
        Ok(())
    }

    fn detach(&self) {
        self.surface.borrow_mut().take();
    }

    fn resize(self: &Rc<Self>) {
        if let Some(surface) = self.surface.borrow_mut().as_mut() {
            surface.width = f64::from(surface.canvas.client_width());
            surface.height = f64::from(surface.canvas.client_height());
            surface.device_ratio = window().device_pixel_ratio().max(1.0);
            surface.canvas.set_width((surface.width * surface.device_ratio).round() as u32);
            surface.canvas.set_height((surface.height * surface.device_ratio).round() as u32);
        }
        self.touch();
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
        let surface = self.surface.borrow();
        let Some(surface) = surface.as_ref().filter(|s| s.width > 0.0 && s.height > 0.0) else { return };
        let under = self.store.peek(|state| {
            let market = state.market.as_ref()?;
            let digits = state.instrument(market.instrument)?.price_decimals;
            let fan = state.forecasts(market.instrument).map(|f| fan::fan(f.horizons.iter())).unwrap_or_default();
            let newest = market.newest()?;
            // At the chart's font a price is never wider than its digits, however many the axis shows.
            let label = draw::text_width(&surface.context, &format::fixed(newest.close.max(newest.high), digits));
            let layout = Layout::new(surface.width, surface.height, label.max(40.0) + 4.0);
            let view = self.current_view(market, &fan, layout)?;
            let scene = Scene {
                layout,
                view,
                timeframe_min: market.timeframe_min,
                candles: &market.candles,
                running: market.running.as_ref(),
                fills: &market.fills,
                fan: &fan,
                pointer: self.hover.get(),
                price_decimals: digits,
                zone: browser::zone(newest.open_time_ms),
                palette: &surface.palette,
                device_ratio: surface.device_ratio,
            };
            draw::draw(&surface.context, &scene);
            let pointed = self.hover.get().and_then(|(x, _)| {
                let at_ms = bars::time_ms(view.slot(x, layout.plot_width), market.timeframe_min);
                bars::under(&market.candles, market.running, market.timeframe_min, at_ms)
            });
            pointed.or(Some(*newest))
        });
        if self.readout.get_untracked() != under {
            self.readout.set(under);
        }
        self.run_on();
    }

    /// The view, moved along with the newest candle; a fresh one for another market.
    fn current_view(&self, market: &MarketState, fan: &[Moment], layout: Layout) -> Option<View> {
        let key = (market.instrument, market.timeframe_min);
        let extent = extent(market, fan)?;
        let view = match self.view.get() {
            Some(shown) if shown.market == key => shown.view.advance(shown.newest, extent),
            _ => View::fit(extent, layout.plot_width, SLOT_PX),
        };
        self.view.set(Some(Shown { view, market: key, newest: extent.newest }));
        Some(view)
    }

    /// Changes the view by `change`, which is given the view, what there is to see, and the width of the plot.
    fn change_view(self: &Rc<Self>, change: impl FnOnce(View, Extent, f64) -> View) {
        let Some(shown) = self.view.get() else { return };
        let Some(width) = self.surface.borrow().as_ref().map(|s| (s.width - 72.0).max(1.0)) else { return };
        let extent = self.store.peek(|state| {
            let market = state.market.as_ref()?;
            let fan = state.forecasts(market.instrument).map(|f| fan::fan(f.horizons.iter())).unwrap_or_default();
            extent(market, &fan)
        });
        let Some(extent) = extent else { return };
        self.view.set(Some(Shown { view: change(shown.view, extent, width), ..shown }));
        self.touch();
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

/// What there is to see of a market; `None` without a candle.
fn extent(market: &MarketState, fan: &[Moment]) -> Option<Extent> {
    let newest = bars::slot(market.newest()?.open_time_ms, market.timeframe_min);
    let first = market.candles.first().map_or(newest, |c| bars::slot(c.open_time_ms, market.timeframe_min));
    let end = fan.last().map_or(newest, |m| bars::slot(m.at_ms, market.timeframe_min));
    Some(Extent { first, newest, ahead: (end - newest - 1.0).max(0.0) + 2.0 })
}

fn place(event: &PointerEvent) -> (f64, f64) {
    (f64::from(event.offset_x()), f64::from(event.offset_y()))
}
