//! Charts as inline SVG, drawn 380 units wide: about one unit a pixel on a phone, three beside each other on a desk. Each has a title
//! that says what is drawn, and its data as a file.

use std::fmt::Write as _;

/// A figure's text around the drawing.
pub(super) struct Title<'a> {
    /// What is drawn.
    pub(super) title: &'a str,
    /// Units and how to read it.
    pub(super) sub: &'a str,
    /// The reading in words, below; may hold markup.
    pub(super) says: &'a str,
}

/// A row of a [`forest`].
pub(super) struct Row {
    pub(super) name: String,
    pub(super) value: Option<f64>,
    pub(super) interval: Option<(f64, f64)>,
    /// Class of its colour.
    pub(super) class: &'static str,
    /// The one that matters.
    pub(super) is_strong: bool,
}

/// A line of a [`lines`] chart.
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 380.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 38.0;

/// Text that is safe between tags and in attributes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number with a true minus sign.
pub(super) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    if is_zero { text.replace('-', "") } else { text.replace('-', "\u{2212}") }
}

/// Where values stand along a side.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Two to seven round values, and how many decimals tell them apart.
    fn ticks(&self) -> (Vec<f64>, usize) {
        let rough = (self.high - self.low) / 5.0;
        let magnitude = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|m| m * magnitude)
            .into_iter()
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(rough);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        let decimals = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
        ((first..=last).map(|n| n as f64 * step).collect(), decimals)
    }
}

/// A span that holds all values and some room; around `low..high` when there are none.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match (low.is_finite(), high - low) {
        (false, _) => (0.0, 1.0),
        (true, width) if width <= 0.0 => (low - 0.5 * low.abs().max(1e-9), low + 0.5 * low.abs().max(1e-9)),
        (true, width) => (low - 0.06 * width, high + 0.06 * width),
    }
}

fn figure(title: &Title<'_>, height: f64, drawing: &str, columns: &str, rows: &[String]) -> String {
    let Title { title, sub, says } = title;
    let says = if says.is_empty() { String::new() } else { format!("<p>{says}</p>") };
    let plain = escaped(title);
    let name: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let data = format!("{columns}\n{}\n", rows.join("\n"))
        .replace('%', "%25")
        .replace('\n', "%0A")
        .replace(' ', "%20")
        .replace('#', "%23");
    format!(
        "<figure><figcaption><h3>{plain}</h3><div class=\"sub\">{}</div></figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{plain}\">{drawing}</svg>{says}\
         <a class=\"data\" download=\"{name}.csv\" href=\"data:text/csv,{}\">Data of this chart</a></figure>\n",
        escaped(sub),
        escaped(&data)
    )
}

/// Axes with ticks; gives the scales of both sides.
fn axes(out: &mut String, x: (f64, f64), y: (f64, f64), height: f64, names: (&str, &str)) -> (Scale, Scale) {
    let x = Scale { low: x.0, high: x.1, from: LEFT, to: WIDTH - RIGHT };
    let y = Scale { low: y.0, high: y.1, from: height - BOTTOM, to: TOP };
    let (ticks, decimals) = y.ticks();
    for tick in ticks {
        let at = y.at(tick);
        put(
            out,
            format_args!("<line class=\"axis\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>", WIDTH - RIGHT),
        );
        put(
            out,
            format_args!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                number(tick, decimals)
            ),
        );
    }
    x_axis(out, &x, height, names.0);
    put(out, format_args!("<text x=\"0\" y=\"12\">{}</text>", escaped(names.1)));
    (x, y)
}

fn x_axis(out: &mut String, x: &Scale, height: f64, name: &str) {
    let (ticks, decimals) = x.ticks();
    for tick in ticks {
        let at = x.at(tick);
        put(
            out,
            format_args!(
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                height - BOTTOM + 16.0,
                number(tick, decimals)
            ),
        );
    }
    put(
        out,
        format_args!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            height - 4.0,
            escaped(name)
        ),
    );
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

/// Names of curves, right of the top corner.
fn legend(out: &mut String, curves: &[Curve<'_>]) {
    let mut x = WIDTH - RIGHT;
    for curve in curves.iter().rev() {
        put(out, format_args!("<text x=\"{x:.0}\" y=\"12\" text-anchor=\"end\">{}</text>", escaped(curve.name)));
        x -= 7.0 * curve.name.chars().count() as f64 + 8.0;
        put(out, format_args!("<circle class=\"dot {}\" cx=\"{x:.0}\" cy=\"8\" r=\"4\"/>", curve.class));
        x -= 14.0;
    }
}

/// Curves over the same axis; `marked` is a place on it that a vertical line tells of.
pub(super) fn lines(title: &Title<'_>, names: (&str, &str), curves: &[Curve<'_>], marked: Option<f64>) -> String {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let (height, mut out) = (230.0, String::new());
    let (x, y) = axes(&mut out, span(all().map(|p| p.0)), span(all().map(|p| p.1)), height, names);
    if let Some(marked) = marked {
        let at = x.at(marked);
        put(
            &mut out,
            format_args!(
                "<line class=\"ideal\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{}\"/>",
                height - BOTTOM
            ),
        );
    }
    let mut rows = Vec::new();
    for curve in curves {
        let points: Vec<String> =
            curve.points.iter().map(|(px, py)| format!("{:.1},{:.1}", x.at(*px), y.at(*py))).collect();
        put(&mut out, format_args!("<polyline class=\"curve {}\" points=\"{}\"/>", curve.class, points.join(" ")));
        rows.extend(curve.points.iter().map(|(px, py)| format!("{},{px},{py}", curve.name)));
    }
    legend(&mut out, curves);
    figure(title, height, &out, &format!("curve,{},{}", names.0, names.1), &rows)
}

/// Values with intervals, one below the other, around zero; in `unit`. The scale follows the strong rows: what is far away stands at the
/// edge with its number.
pub(super) fn forest(title: &Title<'_>, unit: &str, rows: &[Row]) -> String {
    const ROW: f64 = 28.0;
    let ends = |row: &Row| row.interval.map_or([row.value, row.value], |(low, high)| [Some(low), Some(high)]);
    let strong = rows.iter().filter(|row| row.is_strong).flat_map(ends).flatten().map(f64::abs).fold(0.0, f64::max);
    let limit = if strong > 0.0 { 2.5 * strong } else { f64::INFINITY };
    let near = rows.iter().flat_map(ends).flatten().map(|value| value.clamp(-limit, limit));
    let (low, high) = span(near.chain([0.0]));
    let height = TOP + ROW * rows.len() as f64 + BOTTOM;
    let x = Scale { low, high, from: 112.0, to: WIDTH - 62.0 };
    let mut out = String::new();
    x_axis(&mut out, &x, height, unit);
    let zero = x.at(0.0);
    put(
        &mut out,
        format_args!(
            "<line class=\"zero\" x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"{}\" y2=\"{}\"/>",
            TOP - 8.0,
            height - BOTTOM
        ),
    );
    put(
        &mut out,
        format_args!(
            "<text x=\"{:.1}\" y=\"10\" text-anchor=\"end\">worse</text><text x=\"{:.1}\" y=\"10\">better</text>",
            zero - 8.0,
            zero + 8.0
        ),
    );
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + ROW * (index as f64 + 0.5);
        let (class, weight) = (row.class, if row.is_strong { " strong" } else { "" });
        put(
            &mut out,
            format_args!(
                "<text class=\"{}\" x=\"0\" y=\"{:.1}\">{}</text>",
                weight.trim(),
                y + 4.0,
                escaped(&row.name)
            ),
        );
        let Some(value) = row.value else {
            put(&mut out, format_args!("<text x=\"{WIDTH}\" y=\"{:.1}\" text-anchor=\"end\">too few</text>", y + 4.0));
            continue;
        };
        let inside = |value: f64| x.at(value.clamp(x.low, x.high));
        if let Some((low, high)) = row.interval {
            put(
                &mut out,
                format_args!(
                    "<line class=\"bar{weight} {class}\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                    inside(low),
                    inside(high)
                ),
            );
        }
        let at = inside(value);
        if (x.low..=x.high).contains(&value) {
            put(
                &mut out,
                format_args!(
                    "<circle class=\"dot {class}\" cx=\"{at:.1}\" cy=\"{y:.1}\" r=\"{}\"/>",
                    if row.is_strong { 6 } else { 4 }
                ),
            );
        } else {
            let tip = if value < x.low { at - 7.0 } else { at + 7.0 };
            put(
                &mut out,
                format_args!(
                    "<path class=\"dot {class}\" d=\"M{tip:.1} {y:.1}L{at:.1} {:.1}V{:.1}Z\"/>",
                    y - 5.0,
                    y + 5.0
                ),
            );
        }
        put(
            &mut out,
            format_args!(
                "<text class=\"{}\" x=\"{WIDTH}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                weight.trim(),
                y + 4.0,
                number(value, 2)
            ),
        );
    }
    let text = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let csv = |row: &Row| {
        format!(
            "{},{},{},{}",
            row.name,
            text(row.value),
            text(row.interval.map(|i| i.0)),
            text(row.interval.map(|i| i.1))
        )
    };
    figure(title, height, &out, &format!("who,{unit},low,high"), &rows.iter().map(csv).collect::<Vec<_>>())
}

/// A point of an [`against`] chart.
pub(super) struct Point {
    pub(super) said: f64,
    pub(super) came: f64,
    /// Interval of what came.
    pub(super) interval: (f64, f64),
}

/// What was said against what came, with the line where both are equal.
pub(super) fn against(title: &Title<'_>, names: (&str, &str), points: &[Point]) -> String {
    let (height, mut out) = (260.0, String::new());
    let came = points.iter().flat_map(|point| [point.interval.0, point.interval.1, point.came]);
    let (x, y) = axes(&mut out, span(points.iter().map(|point| point.said)), span(came), height, names);
    let (from, to) = (x.low.max(y.low), x.high.min(y.high));
    if from < to {
        put(
            &mut out,
            format_args!(
                "<path class=\"ideal\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
                x.at(from),
                y.at(from),
                x.at(to),
                y.at(to)
            ),
        );
    }
    let mut rows = Vec::new();
    for Point { said, came, interval: (low, high) } in points {
        let at = x.at(*said);
        put(
            &mut out,
            format_args!(
                "<line class=\"bar info\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                y.at(*low),
                y.at(*high)
            ),
        );
        put(&mut out, format_args!("<circle class=\"dot info\" cx=\"{at:.1}\" cy=\"{:.1}\" r=\"4\"/>", y.at(*came)));
        rows.push(format!("{said},{came},{low},{high}"));
    }
    figure(title, height, &out, &format!("{},{},low,high", names.0, names.1), &rows)
}

/// Shares that bands held, in percent, beside what they should hold.
pub(super) fn coverage(title: &Title<'_>, rows: &[(String, [Option<f64>; 2])]) -> String {
    const ROW: f64 = 28.0;
    const NOMINAL: [f64; 2] = [50.0, 90.0];
    let height = TOP + ROW * rows.len() as f64 + BOTTOM;
    let x = Scale { low: 30.0, high: 100.0, from: 112.0, to: WIDTH - 40.0 };
    let mut out = String::new();
    x_axis(&mut out, &x, height, "outcomes held, %");
    for nominal in NOMINAL {
        let at = x.at(nominal);
        put(
            &mut out,
            format_args!(
                "<line class=\"ideal\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{}\" y2=\"{}\"/>",
                TOP - 8.0,
                height - BOTTOM
            ),
        );
        put(&mut out, format_args!("<text x=\"{at:.1}\" y=\"10\" text-anchor=\"middle\">{nominal} % band</text>"));
    }
    let mut data = Vec::new();
    for (index, (name, achieved)) in rows.iter().enumerate() {
        let y = TOP + ROW * (index as f64 + 0.5);
        put(&mut out, format_args!("<text x=\"0\" y=\"{:.1}\">{}</text>", y + 4.0, escaped(name)));
        for (share, nominal) in achieved.iter().zip(NOMINAL) {
            let Some(share) = share.map(|share| share * 100.0) else { continue };
            let (from, to) = (x.at(nominal), x.at(share.clamp(x.low, x.high)));
            put(
                &mut out,
                format_args!("<line class=\"bar info\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"),
            );
            put(&mut out, format_args!("<circle class=\"dot info\" cx=\"{to:.1}\" cy=\"{y:.1}\" r=\"5\"/>"));
            put(
                &mut out,
                format_args!("<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", to.max(from) + 9.0, y + 4.0, number(share, 1)),
            );
            data.push(format!("{name},{nominal},{share}"));
        }
    }
    figure(title, height, &out, "what,nominal,achieved", &data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (low, high) in [(0.0, 1.0), (-0.013, 0.0021), (3.0, 1_000.0), (0.6912, 0.6935)] {
            let (ticks, decimals) = Scale { low, high, from: 0.0, to: 1.0 }.ticks();
            assert!((2..=7).contains(&ticks.len()), "{low} {high} {ticks:?}");
            assert!(ticks.iter().all(|tick| (low..=high).contains(tick)));
            let texts: std::collections::BTreeSet<String> = ticks.iter().map(|tick| number(*tick, decimals)).collect();
            assert_eq!(texts.len(), ticks.len(), "{texts:?}");
        }
    }

    #[test]
    fn what_comes_from_outside_stays_text() {
        let title = Title { title: "<b>\"a\" & b</b>", sub: "", says: "" };
        let rows = [Row { name: "<script>".to_owned(), value: None, interval: None, class: "plain", is_strong: false }];
        let drawn = forest(&title, "%", &rows);
        assert!(!drawn.contains("<script>") && !drawn.contains("<b>") && drawn.contains("too few"));
    }

    #[test]
    fn numbers_have_a_true_minus_and_no_negative_zero() {
        assert_eq!(
            (number(-1.25, 1), number(-0.001, 2), number(2.0, 0)),
            ("\u{2212}1.2".to_owned(), "0.00".to_owned(), "2".to_owned())
        );
    }

    #[test]
    fn values_far_away_do_not_flatten_the_one_that_matters() {
        let row = |name: &str, value: f64, is_strong| Row {
            name: name.to_owned(),
            value: Some(value),
            interval: Some((value - 0.5, value + 0.5)),
            class: "info",
            is_strong,
        };
        let drawn =
            forest(&Title { title: "t", sub: "", says: "" }, "%", &[row("model", 0.1, true), row("far", -40.0, false)]);
        assert!(drawn.contains("<path class=\"dot info\"") && drawn.contains("\u{2212}40.00"));
    }
}
