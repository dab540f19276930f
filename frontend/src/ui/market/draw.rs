//! One frame of the candle chart on a canvas. One path for each colour.

use web_sys::CanvasRenderingContext2d as Canvas;
use wire::api::PastForecast;
use wire::{Candle, FillMark};

use super::super::language::say;
use super::palette::Palette;
use crate::calendar::Zone;
use crate::chart::bars::{self, Bar};
use crate::chart::fan::{Band, Moment};
use crate::chart::indicator::{Chosen, Row};
use crate::chart::layout::Layout;
use crate::chart::scale::{self, Linear};
use crate::chart::view::View;
use crate::format;

/// Everything a frame shows.
pub(super) struct Scene<'a> {
    pub(super) layout: Layout,
    pub(super) view: View,
    /// Length of a slot.
    pub(super) timeframe_min: u16,
    /// Slots that a candle takes.
    pub(super) slots: f64,
    /// Candles that may be on screen: those of the past, and after them those of now.
    pub(super) older: &'a [Row],
    pub(super) recent: &'a [Row],
    /// The newest candle, on screen or not.
    pub(super) newest: &'a Candle,
    /// Indicators that are drawn.
    pub(super) chosen: Chosen,
    pub(super) fills: &'a [FillMark],
    pub(super) fan: &'a [Moment],
    /// Forecasts that met their outcome.
    pub(super) met: &'a [PastForecast],
    /// Where the known past begins, and why no more of it is there.
    pub(super) edge: Option<(i64, String)>,
    /// The pointer, CSS pixels.
    pub(super) pointer: Option<(f64, f64)>,
    pub(super) price_decimals: u8,
    pub(super) zone: Zone,
    pub(super) palette: &'a Palette,
    /// Device pixels in a CSS pixel.
    pub(super) device_ratio: f64,
}

/// Least room between two price labels, CSS pixels.
const PRICE_LABEL_ROOM: f64 = 44.0;
/// Least room between two time labels.
const TIME_LABEL_ROOM: f64 = 84.0;

/// Draws the frame and tells how many candles are on it. Nothing visible: an empty canvas.
pub(super) fn draw(canvas: &Canvas, scene: &Scene<'_>) -> usize {
    let Layout { width, height, .. } = scene.layout;
    let ratio = scene.device_ratio;
    let _ = canvas.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
    // A picture that is saved needs its ground.
    canvas.set_fill_style_str(&scene.palette.panel);
    canvas.fill_rect(0.0, 0.0, width, height);
    let candles = scene.rows().map(|row| &row.candle);
    let visible = bars::bars(candles, scene.timeframe_min, scene.slots, scene.view, scene.layout.plot_width, ratio);
    let ahead = scene.fan.iter().filter(|m| scene.x(m.at_ms) <= scene.layout.plot_width);
    let outer = ahead.flat_map(|m| {
        let (low, high) = m.band_90.unwrap_or((m.price, m.price));
        [low, high]
    });
    let Some((low, high)) = bars::price_range(&visible, outer) else {
        scene.edge(canvas);
        return 0;
    };
    let prices = Linear { domain: (low, high), range: (scene.layout.prices.1, scene.layout.prices.0) };
    scene.axes(canvas, prices);
    canvas.save();
    canvas.begin_path();
    canvas.rect(0.0, 0.0, scene.layout.plot_width, height);
    canvas.clip();
    scene.volume(canvas, &visible);
    scene.ribbon(canvas, prices);
    scene.fan(canvas, prices);
    scene.bars(canvas, &visible, prices);
    scene.price_lines(canvas, prices);
    scene.outcomes(canvas, prices);
    scene.fills(canvas, prices);
    scene.panes(canvas);
    scene.edge(canvas);
    canvas.restore();
    scene.price_tag(canvas, prices);
    scene.crosshair(canvas, prices);
    scene.older.len() + scene.recent.len()
}

impl Scene<'_> {
    /// The candles that may be on screen, by rising time.
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = &Row> + Clone {
        self.older.iter().chain(self.recent)
    }

    pub(super) fn x(&self, at_ms: i64) -> f64 {
        self.view.x(bars::slot(at_ms, self.timeframe_min), self.layout.plot_width)
    }

    /// The nearest place where a line of one device pixel is sharp.
    pub(super) fn sharp(&self, value: f64) -> f64 {
        ((value * self.device_ratio).floor() + 0.5) / self.device_ratio
    }

    pub(super) fn hair(&self) -> f64 {
        1.0 / self.device_ratio
    }

    fn axes(&self, canvas: &Canvas, prices: Linear) {
        let (top, bottom) = self.layout.prices;
        let count = ((bottom - top) / PRICE_LABEL_ROOM).max(1.0) as usize;
        let ticks = scale::ticks(prices.domain.0, prices.domain.1, count, 1.0);
        canvas.set_stroke_style_str(&self.palette.line);
        canvas.set_line_width(self.hair());
        canvas.begin_path();
        for tick in &ticks {
            let y = self.sharp(prices.at(*tick));
            canvas.move_to(0.0, y);
            canvas.line_to(self.layout.plot_width, y);
        }
        let floor = self.sharp(self.layout.volume.1);
        canvas.move_to(0.0, floor);
        canvas.line_to(self.layout.plot_width, floor);
        canvas.stroke();
        canvas.set_fill_style_str(&self.palette.secondary);
        canvas.set_text_align("left");
        canvas.set_text_baseline("middle");
        for tick in &ticks {
            write(canvas, &self.price(*tick), self.layout.plot_width + 8.0, prices.at(*tick));
        }
        self.times(canvas);
    }

    fn times(&self, canvas: &Canvas) {
        let from = bars::time_ms(self.view.left(), self.timeframe_min);
        let to = bars::time_ms(self.view.right, self.timeframe_min);
        let count = (self.layout.plot_width / TIME_LABEL_ROOM).max(1.0) as usize;
        canvas.set_text_align("center");
        for tick in scale::time_ticks(from, to, count, self.zone) {
            let x = self.x(tick.at_ms);
            if (20.0..=self.layout.plot_width - 20.0).contains(&x) {
                let text = if tick.is_day { self.zone.date(tick.at_ms) } else { self.zone.clock(tick.at_ms) };
                write(canvas, &text, x, self.layout.bottom() + 14.0);
            }
        }
    }

    /// Width of a candle's body, CSS pixels.
    pub(super) fn body_width(&self) -> f64 {
        let slot = self.layout.plot_width / self.view.span * self.slots;
        let gap = if slot > 6.0 { slot * 0.28 } else { slot * 0.2 };
        (slot - gap).max(self.hair())
    }

    fn volume(&self, canvas: &Canvas, visible: &[Bar]) {
        let most = visible.iter().map(|bar| bar.volume).fold(0.0, f64::max);
        if most <= 0.0 {
            return;
        }
        let (top, bottom) = self.layout.volume;
        let width = self.body_width();
        canvas.set_global_alpha(0.42);
        for (rises, color) in [(true, &self.palette.up), (false, &self.palette.down)] {
            canvas.set_fill_style_str(color);
            canvas.begin_path();
            for bar in visible.iter().filter(|bar| bar.rises() == rises) {
                let height = (bar.volume / most * (bottom - top)).max(self.hair());
                canvas.rect(bar.x - width / 2.0, bottom - height, width, height);
            }
            canvas.fill();
        }
        canvas.set_global_alpha(1.0);
    }

    fn bars(&self, canvas: &Canvas, visible: &[Bar], prices: Linear) {
        let width = self.body_width();
        for (rises, color) in [(true, &self.palette.up), (false, &self.palette.down)] {
            canvas.set_fill_style_str(color);
            canvas.begin_path();
            for bar in visible.iter().filter(|bar| bar.rises() == rises) {
                let wick = self.hair().max(width / 10.0);
                let (high, low) = (prices.at(bar.high), prices.at(bar.low));
                canvas.rect(bar.x - wick / 2.0, high, wick, (low - high).max(self.hair()));
                let (top, bottom) = (prices.at(bar.open.max(bar.close)), prices.at(bar.open.min(bar.close)));
                canvas.rect(bar.x - width / 2.0, top, width, (bottom - top).max(self.hair()));
            }
            canvas.fill();
        }
    }

    fn fan(&self, canvas: &Canvas, prices: Linear) {
        let bands: [fn(&Moment) -> Band; 2] = [|m| m.band_90, |m| m.band_50];
        canvas.set_fill_style_str(&self.palette.information);
        canvas.set_global_alpha(0.2);
        for band in bands {
            let sides: Vec<_> = self.fan.iter().filter_map(|m| band(m).map(|b| (self.x(m.at_ms), b))).collect();
            if sides.len() < 2 {
                continue;
            }
            canvas.begin_path();
            for (x, (_, high)) in &sides {
                canvas.line_to(*x, prices.at(*high));
            }
            for (x, (low, _)) in sides.iter().rev() {
                canvas.line_to(*x, prices.at(*low));
            }
            canvas.fill();
        }
        canvas.set_global_alpha(1.0);
        canvas.set_stroke_style_str(&self.palette.information);
        canvas.set_line_width(1.5);
        canvas.begin_path();
        for moment in self.fan {
            canvas.line_to(self.x(moment.at_ms), prices.at(moment.price));
        }
        canvas.stroke();
    }

    /// Bought: a triangle that points up below the price. Sold: one that points down above it.
    fn fills(&self, canvas: &Canvas, prices: Linear) {
        for (side, color) in [(1, &self.palette.up), (-1, &self.palette.down)] {
            canvas.set_fill_style_str(color);
            canvas.set_stroke_style_str(&self.palette.panel);
            canvas.set_line_width(2.0);
            canvas.begin_path();
            for fill in self.fills.iter().filter(|fill| fill.side == side) {
                let (x, tip) = (self.x(fill.at_ms), prices.at(fill.price as f64) + 3.0 * f64::from(side));
                canvas.move_to(x, tip);
                canvas.line_to(x - 5.0, tip + 8.0 * f64::from(side));
                canvas.line_to(x + 5.0, tip + 8.0 * f64::from(side));
                canvas.close_path();
            }
            canvas.stroke();
            canvas.fill();
        }
    }

    fn price_tag(&self, canvas: &Canvas, prices: Linear) {
        let newest = self.newest;
        let y = prices.at(newest.close as f64);
        if !(self.layout.prices.0..=self.layout.prices.1).contains(&y) {
            return;
        }
        let color = if newest.close >= newest.open { &self.palette.up } else { &self.palette.down };
        canvas.set_stroke_style_str(color);
        canvas.set_line_width(self.hair());
        self.dashed(canvas, (0.0, self.sharp(y)), (self.layout.plot_width, self.sharp(y)));
        self.tag(canvas, y, &self.price(newest.close as f64), color, &self.palette.panel);
    }

    fn crosshair(&self, canvas: &Canvas, prices: Linear) {
        let Some((x, y)) = self.pointer.filter(|(x, _)| *x <= self.layout.plot_width) else { return };
        let slot = (self.view.slot(x, self.layout.plot_width) / self.slots).floor() * self.slots;
        let middle = self.sharp(self.view.x(slot + self.slots / 2.0, self.layout.plot_width));
        canvas.set_stroke_style_str(&self.palette.secondary);
        canvas.set_line_width(self.hair());
        self.dashed(canvas, (middle, 0.0), (middle, self.layout.bottom()));
        if (self.layout.prices.0..=self.layout.prices.1).contains(&y) {
            self.dashed(canvas, (0.0, self.sharp(y)), (self.layout.plot_width, self.sharp(y)));
            self.tag(canvas, y, &self.price(prices.value(y)), &self.palette.raised, &self.palette.text);
        }
        let at_ms = bars::time_ms(slot, self.timeframe_min);
        let text = format!("{} {}", self.zone.date(at_ms), self.zone.clock(at_ms));
        let half = text_width(canvas, &text) / 2.0 + 6.0;
        let x = middle.clamp(half, (self.layout.plot_width - half).max(half));
        canvas.set_fill_style_str(&self.palette.raised);
        canvas.fill_rect(x - half, self.layout.bottom() + 3.0, half * 2.0, 20.0);
        canvas.set_fill_style_str(&self.palette.text);
        canvas.set_text_align("center");
        canvas.set_text_baseline("middle");
        write(canvas, &text, x, self.layout.bottom() + 14.0);
    }

    pub(super) fn dashed(&self, canvas: &Canvas, from: (f64, f64), to: (f64, f64)) {
        let _ = canvas.set_line_dash(&js_sys::Array::of2(&3.0.into(), &4.0.into()));
        canvas.begin_path();
        canvas.move_to(from.0, from.1);
        canvas.line_to(to.0, to.1);
        canvas.stroke();
        let _ = canvas.set_line_dash(&js_sys::Array::new());
    }

    fn tag(&self, canvas: &Canvas, y: f64, text: &str, fill: &str, ink: &str) {
        let left = self.layout.plot_width + 2.0;
        canvas.set_fill_style_str(fill);
        canvas.fill_rect(left, y - 10.0, self.layout.width - left, 20.0);
        canvas.set_fill_style_str(ink);
        canvas.set_text_align("left");
        canvas.set_text_baseline("middle");
        write(canvas, text, left + 6.0, y);
    }

    fn price(&self, value: f64) -> String {
        format::fixed(value.round() as i64, self.price_decimals)
    }
}

/// Writes a text in the page's language.
pub(super) fn write(canvas: &Canvas, text: &str, x: f64, y: f64) {
    let _ = canvas.fill_text(&say(text), x, y);
}

/// How wide a text is, CSS pixels.
pub(super) fn text_width(canvas: &Canvas, text: &str) -> f64 {
    canvas.measure_text(text).map_or(0.0, |metrics| metrics.width())
}
