//! What is drawn over and below the candles: indicators, and past forecasts against what came.

use web_sys::CanvasRenderingContext2d as Canvas;

use super::draw::{Scene, write};
use crate::chart::bars;
use crate::chart::indicator::{self, Indicator, Place};
use crate::chart::scale::Linear;
use crate::format;
use crate::pages::ordered;

/// Names of lines at the right edge lie at least so far apart, CSS pixels.
const NAME_ROOM: f64 = 13.0;
/// Marks of outcomes inside their bands are drawn where a forecast has at least so much room.
const MARK_ROOM: f64 = 5.0;

impl Scene<'_> {
    /// Colour, dash and width of a line.
    fn style(&self, line: usize) -> (&str, f64, f64) {
        let palette = self.palette;
        match line {
            0 => (&palette.warning, 0.0, 1.5),
            1 => (&palette.accent, 0.0, 1.5),
            2 => (&palette.open, 0.0, 1.5),
            3 => (&palette.warning, 5.0, 1.5),
            4 => (&palette.accent, 5.0, 1.5),
            5 => (&palette.open, 5.0, 1.5),
            7 => (&palette.secondary, 3.0, 1.0),
            9 => (&palette.text, 1.5, 1.5),
            12 => (&palette.warning, 4.0, 1.2),
            10 | 11 | 14 => (&palette.information, 0.0, 1.4),
            _ => (&palette.secondary, 0.0, 1.0),
        }
    }

    /// Middle of a candle and a value that belongs to it, for each that is not warm a gap.
    fn values(&self, line: usize) -> Vec<(f64, f64)> {
        let half = self.slots / 2.0;
        let x = |at_ms: i64| self.view.x(bars::slot(at_ms, self.timeframe_min) + half, self.layout.plot_width);
        let values = self.rows().map(|row| (x(row.candle.open_time_ms), row.values[line]));
        indicator::points(values, self.device_ratio)
    }

    fn stroke(&self, canvas: &Canvas, line: usize, points: &[(f64, f64)], y: impl Fn(f64) -> f64) {
        let (color, dash, width) = self.style(line);
        canvas.set_stroke_style_str(color);
        canvas.set_line_width(width);
        if dash > 0.0 {
            let _ = canvas.set_line_dash(&js_sys::Array::of2(&dash.into(), &dash.max(3.0).into()));
        }
        canvas.begin_path();
        let mut is_down = false;
        for (x, value) in points {
            if value.is_nan() {
                is_down = false;
            } else if is_down {
                canvas.line_to(*x, y(*value));
            } else {
                canvas.move_to(*x, y(*value));
                is_down = true;
            }
        }
        canvas.stroke();
        let _ = canvas.set_line_dash(&js_sys::Array::new());
    }

    /// Indicators over the candles, each with its name at its newest value.
    pub(super) fn price_lines(&self, canvas: &Canvas, prices: Linear) {
        let units = format::ten_to(self.price_decimals);
        let y = |value: f64| prices.at(value * units);
        let mut names: Vec<(f64, &Indicator)> = Vec::new();
        for it in self.chosen.all().filter(|it| it.place == Place::Prices) {
            for line in it.lines() {
                let points = self.values(line);
                self.stroke(canvas, line, &points, y);
                if line == it.first {
                    names.extend(points.iter().rfind(|(_, value)| !value.is_nan()).map(|(_, value)| (y(*value), it)));
                }
            }
        }
        names.retain(|(y, _)| (self.layout.prices.0..self.layout.prices.1).contains(y));
        let names = ordered(names, |(y, _)| (y * 100.0) as i64);
        let mut marks: Vec<f64> = names.iter().map(|(y, _)| *y).collect();
        indicator::spread(&mut marks, NAME_ROOM);
        canvas.set_text_align("right");
        canvas.set_text_baseline("middle");
        for (y, (_, it)) in marks.into_iter().zip(names) {
            canvas.set_fill_style_str(self.style(it.first).0);
            write(canvas, it.label, self.layout.plot_width - 4.0, y);
        }
    }

    /// Indicators with a scale of their own, one below the other.
    pub(super) fn panes(&self, canvas: &Canvas) {
        for (n, it) in self.chosen.panes().take(self.layout.panes).enumerate() {
            let (top, bottom) = self.layout.pane(n);
            let lines: Vec<_> = it.lines().map(|line| (line, self.values(line))).collect();
            let known = lines.iter().flat_map(|(_, points)| points.iter().map(|point| point.1));
            let (low, high) = crate::chart::shape::extent(known).unwrap_or((0.0, 1.0));
            let most = low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
            let (domain, marks) = match it.place {
                Place::Percent => ((0.0, 100.0), vec![30.0, 70.0]),
                Place::Around => ((-most, most), vec![0.0]),
                _ => ((0.0, most * 1.1), vec![most]),
            };
            let scale = Linear { domain, range: (bottom, top) };
            canvas.set_stroke_style_str(&self.palette.line);
            canvas.set_line_width(self.hair());
            let floor = self.sharp(bottom);
            canvas.begin_path();
            canvas.move_to(0.0, floor);
            canvas.line_to(self.layout.plot_width, floor);
            canvas.stroke();
            for mark in &marks {
                let y = self.sharp(scale.at(*mark));
                self.dashed(canvas, (0.0, y), (self.layout.plot_width, y));
            }
            for (line, points) in &lines {
                if it.place == Place::Around && *line == it.first + it.count - 1 {
                    self.columns(canvas, points, scale);
                } else {
                    self.stroke(canvas, *line, points, |value| scale.at(value));
                }
            }
            canvas.set_fill_style_str(&self.palette.secondary);
            canvas.set_text_align("left");
            canvas.set_text_baseline("top");
            write(canvas, it.label, 4.0, top);
            canvas.set_text_align("right");
            canvas.set_text_baseline("middle");
            for mark in marks {
                let digits = if it.place == Place::Alone { self.price_decimals.min(2) } else { 0 };
                write(canvas, &format::float(mark, digits), self.layout.plot_width - 4.0, scale.at(mark));
            }
        }
    }

    /// A line as columns from zero.
    fn columns(&self, canvas: &Canvas, points: &[(f64, f64)], scale: Linear) {
        let (zero, width) = (scale.at(0.0), self.body_width());
        canvas.set_global_alpha(0.55);
        for (is_up, color) in [(true, &self.palette.up), (false, &self.palette.down)] {
            canvas.set_fill_style_str(color);
            canvas.begin_path();
            for (x, value) in points.iter().filter(|(_, value)| !value.is_nan() && (*value >= 0.0) == is_up) {
                let y = scale.at(*value);
                canvas.rect(x - width / 2.0, zero.min(y), width, (zero - y).abs().max(self.hair()));
            }
            canvas.fill();
        }
        canvas.set_global_alpha(1.0);
    }

    /// The bands of past forecasts, where they were to come true.
    pub(super) fn ribbon(&self, canvas: &Canvas, prices: Linear) {
        let width = (self.layout.plot_width / self.view.span / f64::from(self.timeframe_min)).max(self.hair());
        canvas.set_fill_style_str(&self.palette.information);
        canvas.set_global_alpha(0.16);
        canvas.begin_path();
        let mut drawn = f64::NEG_INFINITY;
        for it in self.met {
            let x = self.x(it.at_ms);
            if let Some((low, high)) = it.band_90.filter(|_| x - drawn >= self.hair()) {
                let (top, bottom) = (prices.at(high as f64), prices.at(low as f64));
                canvas.rect(x - width / 2.0, top, width, bottom - top);
                drawn = x;
            }
        }
        canvas.fill();
        canvas.set_global_alpha(1.0);
    }

    /// What came of them: a dot inside the band, a cross outside. Where there is no room for dots, the crosses alone.
    pub(super) fn outcomes(&self, canvas: &Canvas, prices: Linear) {
        let room = self.layout.plot_width / self.view.span / f64::from(self.timeframe_min);
        canvas.set_fill_style_str(&self.palette.information);
        canvas.set_stroke_style_str(&self.palette.warning);
        canvas.set_line_width(1.5);
        for is_outside in [false, true] {
            canvas.begin_path();
            let mut drawn = f64::NEG_INFINITY;
            for it in self.met {
                let Some((low, high)) = it.band_90 else { continue };
                let (x, y) = (self.x(it.at_ms), prices.at(it.came as f64));
                if (low..=high).contains(&it.came) == is_outside || x - drawn < 2.0 {
                    continue;
                }
                drawn = x;
                if is_outside {
                    for (from, to) in [(-3.0, 3.0), (3.0, -3.0)] {
                        canvas.move_to(x + from, y - 3.0);
                        canvas.line_to(x + to, y + 3.0);
                    }
                } else if room >= MARK_ROOM {
                    canvas.rect(x - 1.5, y - 1.5, 3.0, 3.0);
                }
            }
            if is_outside { canvas.stroke() } else { canvas.fill() }
        }
    }

    /// Where the known past begins while more of it is on its way.
    pub(super) fn edge(&self, canvas: &Canvas) {
        let Some((at_ms, text)) = &self.edge else { return };
        let x = self.x(*at_ms).clamp(0.0, self.layout.plot_width);
        canvas.set_fill_style_str(&self.palette.secondary);
        canvas.set_text_baseline("top");
        canvas.set_text_align(if x > 120.0 { "right" } else { "left" });
        write(canvas, text, if x > 120.0 { x - 8.0 } else { 8.0 }, self.layout.prices.0);
    }
}
