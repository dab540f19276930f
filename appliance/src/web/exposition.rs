//! Prometheus' text format, version 0.0.4 (Prometheus documentation, "Exposition formats").
//!
//! The figures are snapshots of what the box shows elsewhere, not live counters. `prometheus-client` keeps live ones and writes OpenMetrics,
//! whose counters have another name in their type line than in their samples; a page of text is less than an adapter to it.

use std::fmt::Write;

/// The media type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, from zero at each start of the program.
    Counter,
    /// Quantiles over a time, with the sum and the count since the start.
    Summary,
}

/// A page of families that comes together.
#[derive(Debug, Default)]
pub(super) struct Page(String);

/// The samples of one family. A family without a sample is not told.
pub(super) struct Family<'p> {
    page: &'p mut Page,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    is_told: bool,
}

impl Page {
    /// Begins a family. Each name once, with its unit: `_seconds`, `_bytes`, `_ratio`; counters end in `_total`.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        Family { page: self, name, kind, help, is_told: false }
    }

    /// A gauge without labels; nothing where it is not known.
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.family(name, Kind::Gauge, help).sample(&[], value);
        }
    }

    /// A counter without labels; nothing where it is not known.
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.family(name, Kind::Counter, help).sample(&[], value);
        }
    }

    /// One sample for each state, 1 for the one that is and 0 for the others.
    pub(super) fn state(&mut self, name: &'static str, help: &'static str, states: &[&str], state: &str) {
        let mut family = self.family(name, Kind::Gauge, help);
        for known in states {
            family.sample(&[("state", known)], f64::from(u8::from(*known == state)));
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// A sample with its labels.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.write("", labels, value);
    }

    /// What a summary has since the start.
    pub(super) fn sum_and_count(&mut self, labels: &[(&str, &str)], sum: f64, count: u64) {
        self.write("_sum", labels, sum);
        self.write("_count", labels, count as f64);
    }

    fn write(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let (name, out) = (self.name, &mut self.page.0);
        if !self.is_told {
            self.is_told = true;
            let kind = match self.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
                Kind::Summary => "summary",
            };
            let help = self.help.replace('\\', "\\\\").replace('\n', "\\n");
            // Writing to a text cannot fail.
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        }
        let _ = write!(out, "{name}{suffix}");
        for (place, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(out, "{}{label}=\"{text}\"", if place == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = match value {
            value if value.is_nan() => writeln!(out, "{end} NaN"),
            f64::INFINITY => writeln!(out, "{end} +Inf"),
            f64::NEG_INFINITY => writeln!(out, "{end} -Inf"),
            value => writeln!(out, "{end} {value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_the_format_wants_it() {
        let mut page = Page::default();
        page.gauge("box_load_ratio", "How busy.", 0.25);
        page.gauge("box_unknown", "Not told.", None);
        page.state("box_card_state", "A \\ and\na line.", &["ok", "full"], "full");
        let mut family = page.family("box_took_seconds", Kind::Summary, "Took.");
        family.sample(&[("stage", "a\"b\\"), ("quantile", "0.5")], 1e-7);
        family.sum_and_count(&[("stage", "x")], 12.0, 3);
        page.counter("box_inputs_total", "Inputs.", 12_345_678_901.0);
        page.gauge("box_nothing", "Nothing.", f64::INFINITY);
        let expected = "\
# HELP box_load_ratio How busy.
# TYPE box_load_ratio gauge
box_load_ratio 0.25
# HELP box_card_state A \\\\ and\\na line.
# TYPE box_card_state gauge
box_card_state{state=\"ok\"} 0
box_card_state{state=\"full\"} 1
# HELP box_took_seconds Took.
# TYPE box_took_seconds summary
box_took_seconds{stage=\"a\\\"b\\\\\",quantile=\"0.5\"} 0.0000001
box_took_seconds_sum{stage=\"x\"} 12
box_took_seconds_count{stage=\"x\"} 3
# HELP box_inputs_total Inputs.
# TYPE box_inputs_total counter
box_inputs_total 12345678901
# HELP box_nothing Nothing.
# TYPE box_nothing gauge
box_nothing +Inf
";
        assert_eq!(page.into_text(), expected);
    }
}
