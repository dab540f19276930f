//! A report as one HTML file: plots drawn here, no script, nothing from elsewhere.

mod chart;
mod leans;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bundle::Importance;
use bundle::manifest::MetricsBySource;
use engine::skill::{Scorecard, Sealed, Verdict};
use engine::stats::probability::wilson;

use crate::controls::{Control, Judged};
use chart::{Curve, Point, Row, Title, escaped, number};

const STYLE: &str = include_str!("style.css");
/// Groups of forecasts by size.
const GROUPS: usize = 10;

/// All that a page tells.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Name of the model.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// What was held out, in words.
    pub span: String,
    /// The model on the held-out part, per source and horizon.
    pub held_out: Vec<Held>,
    /// The controls on the held-out part.
    pub controls: Vec<Judged>,
    /// The model on the tests of the walk-forward folds.
    pub folds: Vec<MetricsBySource>,
    /// Training and validation loss per epoch, where they are known.
    pub losses: Vec<(f32, f32)>,
    /// Of how many trials the settings were the best; `None` where no search is known.
    pub trials: Option<usize>,
    /// What the forecasts lean on, by feature; empty where it was not measured.
    pub importance: BTreeMap<String, Importance>,
    /// Facts by name: data, settings, digest.
    pub facts: Vec<(String, String)>,
}

/// Forecasts of one series at one horizon.
#[derive(Clone, Debug)]
pub struct Held {
    /// The series.
    pub source: String,
    /// The forecasts with what came, in order of time.
    pub sealed: Vec<Sealed>,
    /// What they are worth.
    pub card: Scorecard,
}

/// The page.
pub fn page(contents: &Contents) -> String {
    let names = Names::of(contents);
    let sections = [
        section(
            "Skill on the held-out part",
            "Error against the error of \u{201c}no change\u{201d}: to the right of zero is better. Bars are 95 % intervals. The controls are fitted \
             and scored as the model is, over the same windows.",
            &contents.held_out.iter().map(|held| skill(contents, &names, held)).collect::<String>(),
        ),
        section(
            "Walk-forward folds",
            "The same on the tests of the folds, oldest first. The shrinkage of the forecasts was chosen on these, so they flatter a little.",
            &folds(contents, &names),
        ),
        section(
            "Forecast against outcome",
            "Forecasts in ten groups by size: mean forecast of a group against the mean of what came, with its 95 % interval. On the dashed \
             line forecasts are as large as what they foresee.",
            &contents.held_out.iter().map(|held| outcomes(&names, held)).collect::<String>(),
        ),
        section(
            "Reliability",
            "Forecasts in ten groups by the probability of a rise that was said: its mean against the share that rose, with 95 % intervals that allow \
             for overlap.",
            &contents.held_out.iter().map(|held| rises(&names, held)).collect::<String>(),
        ),
        section(
            "What it leans on",
            "One feature at a time is that of other windows of the held-out part. A feature that moves the forecasts without a change of their error \
             is listened to in vain.",
            &leans::figures(&contents.importance),
        ),
        section("Intervals and training", "", &(bands(contents, &names) + &training(contents))),
    ];
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{name}: report</title><style>{STYLE}</style></head><body><main><header><h1>{name}</h1>\
         <p class=\"lead\">{}</p><p class=\"second\">{}</p></header>{}{}{}</main></body></html>\n",
        lead(contents),
        escaped(&contents.about),
        sections.concat(),
        table(contents, &names),
        facts(contents),
        name = escaped(&contents.name),
    )
}

/// What a page calls the series: what tells their names apart.
struct Names {
    prefix: usize,
    suffix: usize,
}

impl Names {
    fn of(contents: &Contents) -> Self {
        let mut sources: Vec<&str> = contents.held_out.iter().map(|held| held.source.as_str()).collect();
        sources.dedup();
        let first = sources.first().copied().unwrap_or_default();
        if sources.iter().all(|source| *source == first) {
            return Self { prefix: 0, suffix: 0 };
        }
        let shared = |of: &dyn Fn(&str, usize) -> Option<char>| {
            (0..)
                .take_while(|at| {
                    of(first, *at).is_some() && sources.iter().all(|other| of(other, *at) == of(first, *at))
                })
                .count()
        };
        Self {
            prefix: shared(&|text, at| text.chars().nth(at)),
            suffix: shared(&|text, at| text.chars().rev().nth(at)),
        }
    }

    fn short(&self, source: &str) -> String {
        let count = source.chars().count().saturating_sub(self.prefix + self.suffix);
        let short: String = source.chars().skip(self.prefix).take(count).collect();
        if short.is_empty() {
            source.to_owned()
        } else {
            short.trim_end_matches(".gz").trim_end_matches(".csv").to_owned()
        }
    }
}

fn section(title: &str, text: &str, figures: &str) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let text = if text.is_empty() { String::new() } else { format!("<p class=\"second\">{text}</p>") };
    format!("<section><h2>{title}</h2>{text}<div class=\"grid\">{figures}</div></section>\n")
}

/// The result in sentences, without adjectives.
fn lead(contents: &Contents) -> String {
    let count = |verdict: Verdict| contents.held_out.iter().filter(|held| held.card.verdict == verdict).count();
    let (better, open, worse) = (count(Verdict::Better), count(Verdict::NotProven), count(Verdict::Worse));
    let beaten = contents.held_out.iter().filter(|held| {
        let mine = held.card.mae_bps;
        controls_of(contents, held).any(|control| control.card.mae_bps < mine)
    });
    let trials = match contents.trials {
        None => "No search for its settings is recorded.".to_owned(),
        Some(trials) => format!(
            "Its settings are the best of {trials} trials; the search saw neither the tests of the folds nor the held-out part."
        ),
    };
    format!(
        "On the held-out part ({}), of {} results {better} are <span class=\"v-better\">better</span> than no change, {open} are \
         <span class=\"v-open\">not proven</span> and {worse} are <span class=\"v-worse\">worse</span>. In {} of them a control has the smaller \
         error. {trials}",
        escaped(&contents.span),
        contents.held_out.len(),
        beaten.count()
    )
}

fn controls_of<'a>(contents: &'a Contents, held: &'a Held) -> impl Iterator<Item = &'a Judged> {
    let is_beside =
        |judged: &&Judged| (&judged.source, judged.card.horizon_min) == (&held.source, held.card.horizon_min);
    contents.controls.iter().filter(is_beside)
}

const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "up",
        Verdict::NotProven => "open",
        Verdict::Worse => "down",
    }
}

fn word(verdict: Verdict) -> String {
    let (class, word) = match verdict {
        Verdict::Better => ("better", "better"),
        Verdict::NotProven => ("open", "not proven"),
        Verdict::Worse => ("worse", "worse"),
    };
    format!("<span class=\"v-{class}\">{word}</span>")
}

fn percent(value: Option<f64>) -> Option<f64> {
    value.map(|value| value * 100.0)
}

fn shown(value: Option<f64>, decimals: usize) -> String {
    value.map_or("\u{2013}".to_owned(), |value| number(value, decimals))
}

/// The skill in a sentence.
fn sentence(card: &Scorecard) -> String {
    let Some(skill) = percent(card.skill) else { return "Nothing moved: no skill can be told.".to_owned() };
    let side = if skill < 0.0 { "worse" } else { "better" };
    let interval = match (percent(card.skill_lo), percent(card.skill_hi)) {
        (Some(low), Some(high)) => format!(" (95\u{a0}%: {} to {})", number(low, 2), number(high, 2)),
        _ => String::new(),
    };
    format!(
        "{} forecasts: {}\u{a0}% {side} than no change{interval}: {}.",
        card.n,
        number(skill.abs(), 2),
        word(card.verdict)
    )
}

fn row(name: &str, card: &Scorecard, is_strong: bool) -> Row {
    Row {
        name: name.to_owned(),
        value: percent(card.skill),
        interval: percent(card.skill_lo).zip(percent(card.skill_hi)),
        class: if is_strong { class(card.verdict) } else { "plain" },
        is_strong,
    }
}

fn skill(contents: &Contents, names: &Names, held: &Held) -> String {
    let controls = controls_of(contents, held).filter(|judged| judged.control != Control::NoChange);
    let mut rows = vec![row("this model", &held.card, true)];
    rows.extend(controls.map(|judged| row(judged.control.name(), &judged.card, false)));
    let title = title(names, held);
    chart::forest(
        &Title { title: &title, sub: "skill against no change, %", says: &sentence(&held.card) },
        "skill, %",
        &rows,
    )
}

fn title(names: &Names, held: &Held) -> String {
    format!("{}, +{} min", names.short(&held.source), held.card.horizon_min)
}

fn folds(contents: &Contents, names: &Names) -> String {
    let horizons: std::collections::BTreeSet<u16> =
        contents.folds.iter().flat_map(|fold| fold.values().flat_map(|report| report.keys().copied())).collect();
    let of_horizon = |horizon: u16| {
        let mut rows = Vec::new();
        for (number, fold) in contents.folds.iter().enumerate() {
            for (source, report) in fold {
                let Some(m) = report.get(&horizon) else { continue };
                rows.push(Row {
                    name: format!("{} {}", number + 1, names.short(source)),
                    value: percent(m.skill),
                    interval: percent(m.skill_lo).zip(percent(m.skill_hi)),
                    class: match m.verdict {
                        bundle::Verdict::Better => "up",
                        bundle::Verdict::NotProven => "open",
                        bundle::Verdict::Worse => "down",
                    },
                    is_strong: true,
                });
            }
        }
        chart::forest(
            &Title {
                title: &format!("Folds, +{horizon} min"),
                sub: "skill of the model on each fold's test, %",
                says: "",
            },
            "skill, %",
            &rows,
        )
    };
    horizons.into_iter().map(of_horizon).collect()
}

fn outcomes(names: &Names, held: &Held) -> String {
    let mut sorted: Vec<&Sealed> = held.sealed.iter().collect();
    sorted.sort_unstable_by(|a, b| a.forecast.total_cmp(&b.forecast));
    let size = sorted.len().div_ceil(GROUPS).max(1);
    let point = |group: &[&Sealed]| {
        let n = group.len() as f64;
        let mean = |of: &dyn Fn(&Sealed) -> f64| group.iter().map(|one| of(one)).sum::<f64>() / n;
        let (said, came) = (mean(&|one| f64::from(one.forecast)) * 1e4, mean(&|one| f64::from(one.outcome)) * 1e4);
        let variance = mean(&|one| (f64::from(one.outcome) * 1e4 - came).powi(2));
        // As many as do not overlap, at least one.
        let alone = (n / f64::from(held.card.horizon_min)).max(1.0);
        let half = 1.96 * (variance / alone).sqrt();
        Point { said, came, interval: (came - half, came + half) }
    };
    let points: Vec<Point> = sorted.chunks(size).map(point).collect();
    let title = title(names, held);
    let title = Title { title: &title, sub: "means of ten groups of forecasts, basis points of log-return", says: "" };
    chart::against(&title, ("forecast, bps", "came, bps"), &points)
}

fn rises(names: &Names, held: &Held) -> String {
    let mut moved: Vec<&Sealed> = held.sealed.iter().filter(|one| one.outcome != 0.0).collect();
    moved.sort_unstable_by(|a, b| a.p_up.total_cmp(&b.p_up));
    let size = moved.len().div_ceil(GROUPS).max(1);
    let point = |group: &[&Sealed]| {
        let n = group.len() as f64;
        let said = group.iter().map(|one| f64::from(one.p_up)).sum::<f64>() / n;
        let came = group.iter().filter(|one| one.outcome > 0.0).count() as f64 / n;
        let alone = (n / f64::from(held.card.horizon_min)).max(1.0);
        let interval = wilson(came * alone, alone, 0.95).unwrap_or((0.0, 1.0));
        Point { said: said * 100.0, came: came * 100.0, interval: (interval.0 * 100.0, interval.1 * 100.0) }
    };
    let points: Vec<Point> = moved.chunks(size).map(point).collect();
    let says = format!(
        "Brier score {} (0.2500 is what one half always gets), log loss {}.",
        shown(held.card.brier, 4),
        shown(held.card.log_loss, 4)
    );
    let title = title(names, held);
    chart::against(
        &Title { title: &title, sub: "probability of a rise, %", says: &says },
        ("said, %", "rose, %"),
        &points,
    )
}

fn bands(contents: &Contents, names: &Names) -> String {
    let row = |held: &Held| (title(names, held), [held.card.coverage_50, held.card.coverage_90]);
    let rows: Vec<_> = contents.held_out.iter().map(row).filter(|(_, held)| held.iter().any(Option::is_some)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let title =
        Title { title: "Interval coverage", sub: "bands as the box would have shown them, held-out part", says: "" };
    chart::coverage(&title, &rows)
}

fn training(contents: &Contents) -> String {
    let Some(best) = contents.losses.iter().map(|(_, validation)| *validation).min_by(f32::total_cmp) else {
        return String::new();
    };
    let at = contents.losses.iter().position(|(_, validation)| *validation == best).unwrap_or(0);
    let curve = |name, class, of: &dyn Fn(&(f32, f32)) -> f32| Curve {
        name,
        class,
        points: contents
            .losses
            .iter()
            .enumerate()
            .map(|(epoch, loss)| ((epoch + 1) as f64, f64::from(of(loss))))
            .collect(),
    };
    let curves = [curve("training", "plain", &|loss| loss.0), curve("validation", "info", &|loss| loss.1)];
    let says = format!("Best epoch {}, validation loss {}.", at + 1, number(f64::from(best), 4));
    let title = Title {
        title: "Loss of the final fit",
        sub: "per epoch; the dashed line is the epoch that was kept",
        says: &says,
    };
    chart::lines(&title, ("epoch", "loss"), &curves, Some((at + 1) as f64))
}

fn table(contents: &Contents, names: &Names) -> String {
    let mut rows = String::new();
    for held in &contents.held_out {
        rows += &line(&title(names, held), "this model", &held.card, " class=\"model\"");
        for judged in controls_of(contents, held) {
            rows += &line("", judged.control.name(), &judged.card, "");
        }
    }
    let head = [
        "held out",
        "who",
        "n",
        "error, bps",
        "skill, %",
        "95 %",
        "bootstrap",
        "right sign, %",
        "Brier",
        "score of bands, bps",
        "held by 90 %",
        "DM p",
        "PT p",
        "evidence +",
        "evidence \u{2212}",
        "verdict",
    ];
    let head: String = head.iter().map(|name| format!("<th>{name}</th>")).collect();
    format!(
        "<section><h2>All numbers</h2><div class=\"wide\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>\n"
    )
}

fn line(place: &str, who: &str, card: &Scorecard, class: &str) -> String {
    let range = |low: Option<f64>, high: Option<f64>, decimals| {
        format!("{} to {}", shown(percent(low), decimals), shown(percent(high), decimals))
    };
    let cells = [
        escaped(place),
        who.to_owned(),
        card.n.to_string(),
        shown(card.mae_bps, 3),
        shown(percent(card.skill), 2),
        range(card.skill_lo, card.skill_hi, 2),
        range(card.boot_lo, card.boot_hi, 2),
        shown(percent(card.hit_rate), 1),
        shown(card.brier, 4),
        shown(card.wis_bps, 3),
        shown(percent(card.coverage_90), 1),
        shown(card.dm_p, 3),
        shown(card.pt_p, 3),
        number(card.evidence_better, 1),
        number(card.evidence_worse, 1),
        word(card.verdict),
    ];
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr{class}>{cells}</tr>")
}

fn facts(contents: &Contents) -> String {
    let rows: String = contents
        .facts
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value)))
        .collect();
    format!("<section><h2>What it was made of</h2><div class=\"card\"><dl>{rows}</dl></div></section>")
}
