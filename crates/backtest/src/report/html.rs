//! A report as one HTML file: plots drawn here as SVG, about one unit a pixel on a phone; no script, nothing from
//! elsewhere.

use std::fmt::Write as _;

use super::text::{COST_COLUMNS, VARIANT_COLUMNS, ahead, chosen, costs, figures, peek, percent, same_fills, variant};
use super::{Account, Bin, Report};
use crate::plan::Variant;

const STYLE: &str = include_str!("style.css");
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;

/// A line of a plot: name, class of its colour, points by time in seconds.
type Curve<'a> = (&'a str, &'static str, Vec<(f64, f64)>);

/// Text that is safe between tags and in attributes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(super) fn page(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut out, report);
    out
}

fn write_page(out: &mut String, report: &Report) -> std::fmt::Result {
    let name = escaped(&report.name);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>Backtest: {name}</title><style>{STYLE}</style>\
         </head><body><main>"
    )?;
    writeln!(out, "<h1>{name}</h1>")?;
    let verdict = report.ahead.iter().find(|ahead| ahead.of == "hold").map_or("not proven", |ahead| ahead.verdict());
    let class = match verdict {
        "better" => "v-better",
        "worse" => "v-worse",
        _ => "v-open",
    };
    let (net, trials) = (percent(report.lead.net_return), report.chosen.trials);
    let trials = if trials == 1 { "one trial has".to_owned() } else { format!("{trials} trials have") };
    writeln!(
        out,
        "<p class=\"lead\">{net} after all costs. Against buying and holding: <strong \
         class=\"{class}\">{verdict}</strong>. \
         Over this data {trials} been made.</p><p class=\"second\">{}<br>{} to {}</p>",
        escaped(&report.source),
        escaped(&report.from),
        escaped(&report.to)
    )?;
    if let Some(line) = peek(report) {
        let class =
            if report.peek.as_ref().is_some_and(|peek| peek.findings.is_empty()) { "second" } else { "v-worse" };
        writeln!(out, "<p class=\"{class}\">{}</p>", escaped(&line))?;
    }
    if !report.warnings.is_empty() {
        let items: String = report.warnings.iter().map(|text| format!("<li>{}</li>", escaped(text))).collect();
        writeln!(out, "<ul class=\"warnings\">{items}</ul>")?;
    }
    writeln!(out, "<div class=\"grid\">")?;
    let accounts: Vec<&Account> = core::iter::once(&report.lead).chain(&report.controls).collect();
    let classes = ["info", "plain", "open"];
    let equity: Vec<Curve<'_>> = accounts.iter().zip(classes).map(|(account, class)| equity(account, class)).collect();
    writeln!(out, "{}", lines("Equity", "Dollars, with the controls that hold and that trade at random.", &equity, 0))?;
    let falls: Vec<Curve<'_>> = equity.iter().map(|(name, class, points)| (*name, *class, drawdown(points))).collect();
    writeln!(out, "{}", lines("Drawdown", "Percent below the highest equity so far.", &falls, 1))?;
    writeln!(out, "{}", bars(&report.lead.histogram))?;
    writeln!(out, "</div>")?;

    writeln!(out, "<h2>Accounts</h2><div class=\"wide\"><table><thead><tr><th></th>")?;
    let accounts: Vec<&Account> = accounts.into_iter().chain(&report.rivals).collect();
    for account in &accounts {
        write!(out, "<th>{}</th>", escaped(&account.name))?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    let columns: Vec<_> = accounts.iter().map(|account| figures(account)).collect();
    for row in 0..columns[0].len() {
        let cells: String = columns.iter().map(|column| format!("<td>{}</td>", escaped(&column[row].1))).collect();
        writeln!(out, "<tr><td>{}</td>{cells}</tr>", columns[0][row].0)?;
    }
    writeln!(out, "</tbody></table></div>")?;
    if let Some(what_if) = &report.what_if {
        let rows = what_if.recorded.iter().chain(&what_if.rows).map(|row| (row.name.as_str(), costs(row)));
        writeln!(
            out,
            "<h2>What other costs would have done</h2><p class=\"sub\">Dollars. Each change by itself; not trials of a search.</p>"
        )?;
        table(out, &COST_COLUMNS, rows)?;
        let notes: String = same_fills(what_if)
            .iter()
            .chain(&what_if.reasons)
            .map(|line| format!("<p class=\"sub\">{}</p>", escaped(line)))
            .collect();
        writeln!(out, "{notes}")?;
    }
    if !report.variants.is_empty() {
        let mark = |of: &Variant| {
            if of.digest == report.trial_digest { format!("{} (shown here)", of.name) } else { of.name.clone() }
        };
        let rows: Vec<_> = report.variants.iter().map(|of| (mark(of), variant(of))).collect();
        writeln!(out, "<h2>Variants</h2><p class=\"sub\">All of this sweep, each counted.</p>")?;
        table(out, &VARIANT_COLUMNS, rows.iter().map(|(name, cells)| (name.as_str(), cells.clone())))?;
    }
    list(out, "Ahead of the controls", ahead(report))?;
    list(out, "What being chosen leaves of it", chosen(report))?;
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(reason, count)| (reason.clone(), count.to_string())).collect::<Vec<_>>()
    };
    list(out, "Orders refused", counts(&report.lead.refused))?;
    list(out, "Inputs not used", counts(&report.rejections))?;
    let facts = [
        ("data", report.source_digest.clone()),
        ("trial", report.trial_digest.clone()),
        ("inputs", report.inputs.to_string()),
        ("questions, answers", format!("{}, {}", report.questions, report.answers)),
    ];
    list(out, "Facts", facts)?;
    let notes: String = report.notes.iter().map(|note| format!("<p class=\"sub\">{}</p>", escaped(note))).collect();
    writeln!(out, "{notes}</main></body></html>")
}

fn table<'a, const N: usize>(
    out: &mut String,
    columns: &[&str; N],
    rows: impl Iterator<Item = (&'a str, [String; N])>,
) -> std::fmt::Result {
    let head: String = columns.iter().map(|name| format!("<th>{name}</th>")).collect();
    writeln!(out, "<div class=\"wide\"><table class=\"cards\"><thead><tr><th></th>{head}</tr></thead><tbody>")?;
    for (name, cells) in rows {
        // On a phone each row is a card, and each cell has its column's name before it.
        let cell = |(column, cell): (&&str, &String)| format!("<td data-of=\"{column}\">{}</td>", escaped(cell));
        let cells: String = columns.iter().zip(&cells).map(cell).collect();
        writeln!(out, "<tr><td>{}</td>{cells}</tr>", escaped(name))?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn list<N: AsRef<str>>(out: &mut String, title: &str, rows: impl IntoIterator<Item = (N, String)>) -> std::fmt::Result {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "<h2>{title}</h2><dl>")?;
    for (name, value) in rows {
        writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name.as_ref()), escaped(&value))?;
    }
    writeln!(out, "</dl>")
}

fn equity<'a>(account: &'a Account, class: &'static str) -> Curve<'a> {
    let points = account.curve.iter().map(|(second, value)| (*second as f64, *value)).collect();
    (&account.name, class, points)
}

fn drawdown(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut peak = f64::MIN;
    let fall = |(at, value): &(f64, f64)| {
        peak = peak.max(*value);
        (*at, if peak > 0.0 { (value / peak - 1.0) * 100.0 } else { 0.0 })
    };
    points.iter().map(fall).collect()
}

/// Values between `low` and `high` as places between `from` and `to`.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        // What does not vary gets a scale too.
        let room = if high > low { 0.0 } else { high.abs().max(1.0) * 0.01 };
        Self { low: low - room, high: high + room, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// A few round values, and how many decimals tell them apart.
    fn ticks(&self) -> (Vec<f64>, usize) {
        let rough = (self.high - self.low) / 4.0;
        let magnitude = 10f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(rough);
        let (first, last) = ((self.low / step - 1e-9).ceil() as i64, (self.high / step + 1e-9).floor() as i64);
        let decimals = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
        ((first..=last).map(|n| n as f64 * step).collect(), decimals)
    }
}

fn axis(out: &mut String, y: &Scale, decimals_min: usize, is_count: bool) {
    let (ticks, decimals) = y.ticks();
    let decimals = if is_count { 0 } else { decimals };
    for tick in ticks.into_iter().filter(|tick| !is_count || (tick - tick.round()).abs() < 1e-9) {
        let (at, decimals) = (y.at(tick), decimals.max(decimals_min));
        // A minus in front of zero says nothing.
        let tick = if tick.abs() < 1e-12 { 0.0 } else { tick };
        let _ = write!(
            out,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{tick:.decimals$}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }
}

fn figure(title: &str, sub: &str, legend: &str, drawing: &str) -> String {
    let drawing = match drawing {
        "" => String::new(),
        drawing => format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">{drawing}</svg>"),
    };
    format!("<figure><figcaption><h3>{title}</h3><div class=\"sub\">{sub}</div>{legend}</figcaption>{drawing}</figure>")
}

fn lines(title: &str, sub: &str, curves: &[Curve<'_>], decimals: usize) -> String {
    let all = || curves.iter().flat_map(|(_, _, points)| points.iter().copied());
    if all().count() == 0 {
        return figure(title, "Nothing was recorded.", "", "");
    }
    let x = Scale::of(all().map(|(at, _)| at), LEFT, WIDTH - RIGHT);
    let y = Scale::of(all().map(|(_, value)| value), HEIGHT - BOTTOM, TOP);
    let mut drawing = String::new();
    axis(&mut drawing, &y, decimals, false);
    let date = |second: f64| {
        let (year, month, day) = types::Timestamp::from_secs(second as i64).date();
        format!("{year}-{month:02}-{day:02}")
    };
    let first = all().map(|(at, _)| at).fold(f64::MAX, f64::min);
    let last = all().map(|(at, _)| at).fold(f64::MIN, f64::max);
    let _ = write!(
        drawing,
        "<text x=\"{LEFT}\" y=\"{0}\">{1}</text><text x=\"{2}\" y=\"{0}\" text-anchor=\"end\">{3}</text>",
        HEIGHT - 8.0,
        date(first),
        WIDTH - RIGHT,
        date(last)
    );
    // The first curve is drawn last: it is the one that matters.
    for (_, class, points) in curves.iter().rev() {
        let points: Vec<String> =
            points.iter().map(|(at, value)| format!("{:.1},{:.1}", x.at(*at), y.at(*value))).collect();
        let _ = write!(drawing, "<polyline class=\"curve {class}\" points=\"{}\"/>", points.join(" "));
    }
    let key = |(name, class, _): &Curve<'_>| format!("<span class=\"key k-{class}\">{}</span>", escaped(name));
    let legend: String = curves.iter().map(key).collect();
    figure(title, sub, &format!("<div class=\"keys\">{legend}</div>"), &drawing)
}

fn bars(bins: &[Bin]) -> String {
    let title = "Finished trades by result";
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else {
        return figure(title, "No trade was finished.", "", "");
    };
    let x = Scale { low: first.from, high: last.to, from: LEFT, to: WIDTH - RIGHT };
    let most = bins.iter().map(|bin| bin.n).max().unwrap_or(1).max(1) as f64;
    let y = Scale { low: 0.0, high: most, from: HEIGHT - BOTTOM, to: TOP };
    let mut drawing = String::new();
    axis(&mut drawing, &y, 0, true);
    for bin in bins {
        let (from, to, top) = (x.at(bin.from), x.at(bin.to), y.at(bin.n as f64));
        let class = if bin.from < 0.0 { "down" } else { "up" };
        let _ = write!(
            drawing,
            "<rect class=\"b-{class}\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>{:.2} to {:.2}: \
             {}</title></rect>",
            from + 0.5,
            (to - from - 1.0).max(0.5),
            (HEIGHT - BOTTOM - top).max(0.0),
            bin.from,
            bin.to,
            bin.n
        );
    }
    let _ = write!(
        drawing,
        "<text x=\"{LEFT}\" y=\"{0}\">{1:.2}</text><text x=\"{2}\" y=\"{0}\" text-anchor=\"end\">{3:.2}</text>",
        HEIGHT - 8.0,
        first.from,
        WIDTH - RIGHT,
        last.to
    );
    figure(title, "Dollars after all fees, and how many.", "", &drawing)
}
