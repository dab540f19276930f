//! Draws pages that are data.

use leptos::html::Div;
use leptos::prelude::*;

use super::ask::Desk;
use super::browser;
use crate::address::slug;
use crate::format::plain;
use crate::pages::plot::{HEIGHT, SHADES, WIDTH};
use crate::pages::{Action, Block, Cell, Fact, Heat, Limit, Plot, Row, Said, Section, Table};

/// All sections of a page.
pub(super) fn sections(all: Vec<Section>) -> AnyView {
    view! { <div class="sections">{all.into_iter().map(section).collect::<Vec<_>>()}</div> }.into_any()
}

fn section(section: Section) -> AnyView {
    let Section { kind, title, note, wide, blocks } = section;
    let class = if wide { format!("panel {kind} wide") } else { format!("panel {kind}") };
    view! {
        <section class=class data-testid=kind>
            <header>
                <h2>{title}</h2>
                <span class="note">{note}</span>
            </header>
            {blocks.into_iter().map(block).collect::<Vec<_>>()}
        </section>
    }
    .into_any()
}

fn block(block: Block) -> AnyView {
    match block {
        Block::Text(said) => view! { <p class=format!("said-{}", said.tone.class())>{said.text}</p> }.into_any(),
        Block::Facts(facts) => {
            view! { <dl class="facts">{facts.into_iter().map(fact).collect::<Vec<_>>()}</dl> }.into_any()
        }
        Block::Table(table) => self::table(table),
        Block::Limits(limits) => {
            view! { <div class="limits">{limits.into_iter().map(limit).collect::<Vec<_>>()}</div> }.into_any()
        }
        Block::Plot(plot) => self::plot(plot),
        Block::Heat(heat) => self::heat(heat),
        Block::Actions(actions) => {
            view! { <div class="actions">{actions.into_iter().map(action).collect::<Vec<_>>()}</div> }.into_any()
        }
    }
}

fn tone(said: &Said) -> String {
    format!("said-{}", said.tone.class())
}

fn fact(fact: Fact) -> AnyView {
    let class = tone(&fact.value);
    view! { <div title=fact.hint><dt>{fact.name}</dt><dd class=class>{fact.value.text}</dd></div> }.into_any()
}

fn limit(limit: Limit) -> AnyView {
    let share = limit.share.clamp(0.0, 1.0) * 100.0;
    let class = if share > 70.0 { "bar near" } else { "bar" };
    view! {
        <div class="limit">
            <span>{limit.name.clone()}</span>
            <span class="secondary">{limit.text}</span>
            <div class=class role="meter" aria-label=limit.name aria-valuemin="0" aria-valuemax="100" aria-valuenow=plain(share, 0)>
                <i style:width=format!("{}%", plain(share, 1))></i>
            </div>
        </div>
    }
    .into_any()
}

fn action(action: Action) -> AnyView {
    let desk = expect_context::<Desk>();
    let (id, label) = (action.id, action.label);
    view! { <button class="button" data-testid=id on:click=move |_| desk.ask(action.clone())>{label}</button> }
        .into_any()
}

fn table(table: Table) -> AnyView {
    let Table { name, heads, rows } = table;
    let head = heads.iter().map(|head| view! { <th scope="col">{*head}</th> }.into_any()).collect::<Vec<_>>();
    let rows = rows.into_iter().map(|row| self::row(&heads, row)).collect::<Vec<_>>();
    view! {
        <table class="stacks" aria-label=name>
            <thead><tr>{head}</tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn row(heads: &[&'static str], row: Row) -> AnyView {
    let Row { cells, link } = row;
    let class = if link.is_empty() { "" } else { "leads" };
    let cells = cells.into_iter().zip(heads).enumerate().map(|(place, (cell, head))| {
        let link = if place == 0 { link.as_str() } else { "" };
        self::cell(cell, head, link)
    });
    view! { <tr class=class>{cells.collect::<Vec<_>>()}</tr> }.into_any()
}

fn cell(cell: Cell, head: &'static str, link: &str) -> AnyView {
    let Cell { said, hint, is_chip } = cell;
    let class = if is_chip { format!("chip {}", said.tone.class()) } else { tone(&said) };
    let text = view! { <span class=class>{said.text}</span> }.into_any();
    let inner = match link {
        "" => text,
        // A file, and no page of ours.
        file if file.starts_with("/api/") => view! { <a href=file.to_owned() download="">{text}</a> }.into_any(),
        page => view! { <a href=page.to_owned()>{text}</a> }.into_any(),
    };
    view! { <td data-label=head title=hint>{inner}</td> }.into_any()
}

fn plot(plot: Plot) -> AnyView {
    let left = |x: f64| format!("{}%", plain(x / WIDTH * 100.0, 2));
    let top = |y: f64| format!("{}%", plain(y / HEIGHT * 100.0, 2));
    let lines = plot.rows.iter().map(|(y, _)| format!("M58 {}H720", plain(*y, 1))).collect::<String>();
    let rows = plot
        .rows
        .iter()
        .map(|(y, text)| view! { <span class="row-mark" style:top=top(*y)>{text.clone()}</span> }.into_any());
    let columns = plot
        .columns
        .iter()
        .map(|(x, text)| view! { <span class="column-mark" style:left=left(*x)>{text.clone()}</span> }.into_any());
    let paths = plot.series.iter().map(|series| view! { <path class=series.class d=series.path.clone() /> }.into_any());
    let legend = plot
        .series
        .iter()
        .map(|series| view! { <span><i class=series.class></i>{series.name.clone()}</span> }.into_any());
    let (rows, columns, paths, legend) =
        (rows.collect::<Vec<_>>(), columns.collect::<Vec<_>>(), paths.collect::<Vec<_>>(), legend.collect::<Vec<_>>());
    let at = RwSignal::new(None::<(f64, String)>);
    let area = NodeRef::<Div>::new();
    let plot = StoredValue::new(plot);
    let label = plot.with_value(|plot| format!("{}, {}", plot.name, plot.unit));
    let look = move |event: web_sys::PointerEvent| {
        if let Some(area) = area.get_untracked() {
            let place = area.get_bounding_client_rect();
            let share = (f64::from(event.client_x()) - place.left()) / place.width().max(1.0);
            at.set(plot.with_value(|plot| plot.at(share)));
        }
    };
    let save = move |_| {
        plot.with_value(|plot| {
            let _ = browser::save(&format!("{}.csv", slug(&plot.name)), "text/csv", &plot.csv());
        });
    };
    let cross =
        move || at.get().map(|(x, _)| view! { <i class="cross" style:left=format!("{}%", plain(x * 100.0, 2))></i> });
    let readout = move || at.get().map(|(_, text)| text);
    view! {
        <div class="plot-frame">
            <div class="drawn" node_ref=area on:pointermove=look on:pointerleave=move |_| at.set(None)>
                <svg viewBox="0 0 720 220" preserveAspectRatio="none" role="img" aria-label=label>
                    <path class="grid" d=lines />
                    {paths}
                </svg>
                {rows}
                {columns}
                {cross}
            </div>
            <p class="legend">
                {legend}
                <span class="fill">{readout}</span>
                <button class="small-button" title="Download these points as CSV" on:click=save>"CSV"</button>
            </p>
        </div>
    }
    .into_any()
}

fn heat(heat: Heat) -> AnyView {
    let Heat { name, rows, columns, marks, paths, ends, aspect } = heat;
    let high = rows.len().max(1);
    let paths = paths.into_iter().enumerate().map(|(shade, path)| {
        let share = (shade as f64 + 1.0) / SHADES as f64;
        view! { <path class="shade" d=path style:fill-opacity=plain(share, 3) /> }.into_any()
    });
    let paths = paths.collect::<Vec<_>>();
    let names = rows.iter().map(|name| view! { <span>{name.clone()}</span> }.into_any()).collect::<Vec<_>>();
    let is_named = rows.iter().any(|name| !name.is_empty());
    let marks = marks.into_iter().map(|(column, text)| {
        let place = column as f64 / columns.max(1) as f64 * 100.0;
        view! { <span class="column-mark" style:left=format!("{}%", plain(place, 2))>{text}</span> }.into_any()
    });
    let marks = marks.collect::<Vec<_>>();
    let height = format!("{}px", high * if aspect >= 4 { 44 } else { 22 });
    view! {
        <div class="heat" class:named=is_named>
            <div class="heat-names" style:height=height.clone()>{names}</div>
            <div class="heat-area">
                <svg viewBox=format!("0 0 {columns} {high}") preserveAspectRatio="none" role="img" aria-label=name style:height=height>
                    {paths}
                </svg>
                <div class="heat-marks">{marks}</div>
            </div>
            <p class="legend heat-legend"><span>{ends.0}</span><i class="ramp" aria-hidden="true"></i><span>{ends.1}</span></p>
        </div>
    }
    .into_any()
}
