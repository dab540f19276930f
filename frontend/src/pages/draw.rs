//! Elements of pages that are data.

use std::sync::Arc;

use super::plot::{HEIGHT, SHADES, WIDTH};
use super::{
    Action, Block, Cell, Choosable, Fact, Figure, Gauge, Heat, Limit, Line, Picture, Plot, Row, Said, Section, Slider,
    Table,
};
use crate::chart::shape;
use crate::format::{self, THIN_SPACE, plain};
use crate::markup::{Does, Node, node, text};

/// Sections one after the other, each an element that stays itself as long as its kind is there.
#[must_use]
pub fn sections(all: Vec<Section>) -> Vec<Node> {
    all.into_iter().map(section).collect()
}

fn section(section: Section) -> Node {
    card(section, Vec::new())
}

/// A section with elements of its own at its end.
#[must_use]
pub fn card(section: Section, more: Vec<Node>) -> Node {
    let Section { kind, title, note, chip, as_of, wide, english, blocks } = section;
    let wide = if wide { " wide" } else { "" };
    let stale = if as_of.is_empty() { "" } else { " stale" };
    let mut header = node("header", "").with(text("h2", "", &title));
    if !as_of.is_empty() {
        header = header.with(text("span", "as-of", &as_of).id("as-of"));
    }
    if !note.is_empty() {
        header = header.with(text("span", "note", &note));
    }
    if let Some((word, id)) = chip {
        header = header.with(self::chip(&word).id(id));
    }
    let blocks = blocks.into_iter().map(block).collect();
    let section = node("section", &format!("panel {kind}{wide}{stale}")).set("lang", if english { "en" } else { "" });
    section.key(kind).id(kind).with(header).all(blocks).all(more)
}

fn block(block: Block) -> Node {
    match block {
        Block::Text(said) => text("p", tone(&said), &said.text),
        Block::Facts(facts) => node("dl", "facts").all(facts.into_iter().map(fact).collect()),
        Block::Table(table) => self::table(table),
        Block::Limits(limits) => node("div", "limits").all(limits.into_iter().map(limit).collect()),
        Block::Plot(plot) => self::plot(plot),
        Block::Heat(heat) => self::heat(heat),
        Block::Actions(actions) => node("div", "actions").all(actions.into_iter().map(action).collect()),
        Block::Figure(figure) => self::figure(*figure),
        Block::Picture(picture) => self::picture(picture),
        Block::Slider(slider) => self::slider(slider),
        Block::Words(line) => self::line("p", "words", line),
        Block::Lines(lines) => {
            let line = |line: Line| self::line("li", line.tone.class(), line);
            // A long one scrolls: the keyboard has to get there.
            let list = if lines.len() > 5 { node("ul", "").set("tabindex", "0") } else { node("ul", "") };
            list.all(lines.into_iter().map(line).collect())
        }
    }
}

/// The class of what is said.
const fn tone(said: &Said) -> &'static str {
    use crate::sentence::Tone::{Bad, Good, Open, Plain, Warning};
    match said.tone {
        Good => "said-good",
        Warning => "said-warning",
        Bad => "said-bad",
        Open => "said-open",
        Plain => "said-plain",
    }
}

/// A word in a rounded frame, coloured by what it means.
#[must_use]
pub fn chip(word: &Said) -> Node {
    text("span", &format!("chip {}", word.tone.class()), &word.text)
}

fn fact(fact: Fact) -> Node {
    let name = text("dt", "", &fact.name);
    node("div", "").set("title", fact.hint).with(name).with(text("dd", tone(&fact.value), &fact.value.text))
}

fn limit(limit: Limit) -> Node {
    let share = limit.share.clamp(0.0, 1.0) * 100.0;
    let filled = node("i", "").set("style", &format!("width:{}%", plain(share, 1)));
    let bar = node("div", if share > 70.0 { "bar near" } else { "bar" })
        .set("role", "meter")
        .set("aria-label", &limit.name)
        .set("aria-valuemin", "0")
        .set("aria-valuemax", "100")
        .set("aria-valuenow", &plain(share, 0))
        .with(filled);
    let name = text("span", "", &limit.name);
    node("div", "limit").with(name).with(text("span", "secondary", &limit.text)).with(bar)
}

fn slider(slider: Slider) -> Node {
    let Slider { id, label, most, value, read } = slider;
    let input = node("input", "")
        .id(id)
        .set("type", "range")
        .set("min", "0")
        .set("max", &most.to_string())
        .set("value", &value.to_string())
        .set("aria-label", label)
        .set("aria-valuetext", &read)
        .on("input", Does::Pick);
    node("div", "slider").with(input).with(text("b", "", &read).id("slider-read"))
}

/// A button that asks before it does something.
#[must_use]
pub fn action(action: Action) -> Node {
    let (id, label) = (action.id, action.label);
    text("button", "button", label).id(id).on("click", Does::Ask(Box::new(action)))
}

fn table(table: Table) -> Node {
    let Table { name, heads, rows } = table;
    let head = heads.iter().map(|head| text("th", "", head).set("scope", "col")).collect();
    let rows = rows.into_iter().map(|row| self::row(&heads, row)).collect();
    node("table", "stacks")
        .set("aria-label", name)
        .with(node("thead", "").with(node("tr", "").all(head)))
        .with(node("tbody", "").all(rows))
}

fn row(heads: &[&'static str], row: Row) -> Node {
    let Row { cells, link, id } = row;
    let cells = cells.into_iter().zip(heads).enumerate().map(|(place, (cell, head))| {
        let link = if place == 0 { link.as_str() } else { "" };
        self::cell(cell, head, link)
    });
    node("tr", if link.is_empty() { "" } else { "leads" }).id(id).key(&link).all(cells.collect())
}

fn cell(cell: Cell, head: &'static str, link: &str) -> Node {
    let Cell { said, hint, is_chip, below } = cell;
    let inner = if is_chip { chip(&said) } else { text("span", tone(&said), &said.text) };
    let inner = match link {
        "" => inner,
        // A file, and no page of ours.
        file if file.starts_with("/api/") => node("a", "").set("href", file).flag("download", true).with(inner),
        page => node("a", "").set("href", page).with(inner),
    };
    let td = node("td", "").set("data-label", head).set("title", &hint).with(inner);
    match below {
        Some(below) => td.with(text("small", tone(&below.said), &below.said.text).set("title", &below.hint)),
        None => td,
    }
}

fn figure(figure: Figure) -> Node {
    let Figure { id, value, unit, beside, below, gauge } = figure;
    let mut number = node("p", "figure").with(text("b", tone(&value), &value.text).id(id));
    if !unit.is_empty() {
        number = number.with(text("span", "unit", &unit));
    }
    let (beside, what) = beside;
    if !beside.text.is_empty() {
        let side = text("span", &format!("side {}", tone(&beside)), &beside.text);
        number = number.with(side.with(text("span", "unit", what)));
    }
    if gauge.is_none() && below.is_empty() {
        return number;
    }
    let words = node("div", "").with(number).with(text("p", "secondary", &below));
    node("div", "figure-head").with(words).all(gauge.map(self::gauge).into_iter().collect())
}

/// A probability on a half circle; the filled part runs from one half to the value.
fn gauge(gauge: Gauge) -> Node {
    let Gauge { of, share } = gauge;
    let arc = |from, to| shape::half_arc(33.0, 34.0, 28.0, from, to);
    let read = share.map_or_else(|| "–".into(), |share| format!("{}{THIN_SPACE}%", format::float(share * 100.0, 0)));
    let side = format::sign_class(&format::signed_float(share.map_or(0.0, |share| share - 0.5), 2));
    let at = |class, y: &str, word: &str| text("text", class, word).set("x", "33").set("y", y);
    drawing("gauge", (66, 50), &format!("Probability of a {of}: {read}"))
        .with(path("track", &arc(0.0, 1.0)))
        .with(path(&format!("value {side}"), &share.map(|share| arc(0.5, share)).unwrap_or_default()))
        .with(path("half", "M33 2v8"))
        .with(at("", "35", &read))
        .with(at("what", "48", of))
}

fn drawing(class: &str, size: (u32, u32), name: &str) -> Node {
    let plane = format!("0 0 {} {}", size.0, size.1);
    node("svg", class).set("viewBox", &plane).set("role", "img").set("aria-label", name)
}

fn path(class: &str, data: &str) -> Node {
    node("path", class).set("d", data)
}

fn picture(picture: Picture) -> Node {
    let Picture { class, name, size, paths } = picture;
    let paths = paths.iter().map(|(class, data)| path(class, data)).collect();
    drawing(class, size, &name).set("preserveAspectRatio", "none").all(paths)
}

/// A line stays itself while it says the same, wherever it goes.
fn line(tag: &'static str, class: &str, line: Line) -> Node {
    let key: String =
        if tag == "li" { line.parts.iter().map(|said| said.text.as_str()).collect() } else { String::new() };
    let mut drawn = node(tag, class).id(line.id).key(&key);
    for (place, part) in line.parts.iter().enumerate() {
        drawn = drawn.say(if place == 0 { "" } else { " " }).with(text("span", tone(part), &part.text));
    }
    drawn
}

/// One of a few: buttons in a row on wide screens, the system's own list on phones.
#[must_use]
pub fn choice(label: &'static str, options: &[Choosable], chosen: &str, always_buttons: bool) -> Node {
    let few = if options.len() <= 5 { " few" } else { "" };
    let always = if always_buttons { " always" } else { "" };
    let button = |it: &Choosable| {
        let pressed = if it.key == chosen { "true" } else { "false" };
        let does = Does::Choose(it.key.clone());
        text("button", "", &it.label).key(&it.key).set("aria-pressed", pressed).on("click", does)
    };
    let option = |it: &Choosable| {
        text("option", "", &it.label).key(&it.key).set("value", &it.key).flag("selected", it.key == chosen)
    };
    let buttons = node("div", "buttons").all(options.iter().map(button).collect());
    let choice = node("div", &format!("choice{few}{always}")).set("role", "group").set("aria-label", label).id(label);
    let choice = choice.with(buttons);
    if always_buttons {
        return choice;
    }
    let list = node("select", "").set("aria-label", label).on("change", Does::Pick).set("value", chosen);
    choice.with(list.all(options.iter().map(option).collect()))
}

fn plot(plot: Plot) -> Node {
    let left = |x: f64| format!("left:{}%", plain(x / WIDTH * 100.0, 2));
    let top = |y: f64| format!("top:{}%", plain(y / HEIGHT * 100.0, 2));
    let lines = plot.rows.iter().map(|(y, _)| format!("M58 {}H720", plain(*y, 1))).collect::<String>();
    let rows = plot.rows.iter().map(|(y, mark)| text("span", "row-mark", mark).set("style", &top(*y))).collect();
    let columns =
        plot.columns.iter().map(|(x, mark)| text("span", "column-mark", mark).set("style", &left(*x))).collect();
    let paths = plot.series.iter().map(|series| path(series.class, &series.path)).collect();
    let legend =
        plot.series.iter().map(|series| node("span", "").with(node("i", series.class)).say(&series.name)).collect();
    let svg = drawing("", (WIDTH as u32, HEIGHT as u32), &format!("{}, {}", plot.name, plot.unit));
    let svg = svg.set("preserveAspectRatio", "none").with(path("grid", &lines)).all(paths);
    let plot = Arc::new(plot);
    let drawn = node("div", "drawn").on("pointermove", Does::Look(plot.clone())).on("pointerleave", Does::Leave);
    let save = text("button", "small-button", "CSV").set("title", "Download these points as CSV");
    let legend = node("p", "legend").all(legend).with(node("span", "fill readout-here"));
    node("div", "plot-frame")
        .with(drawn.with(svg).all(rows).all(columns).with(node("i", "cross")))
        .with(legend.with(save.on("click", Does::Save(plot))))
}

fn heat(heat: Heat) -> Node {
    let Heat { name, rows, columns, marks, paths, ends, aspect } = heat;
    let high = rows.len().max(1);
    let shade = |(shade, data): (usize, &String)| {
        let share = (shade as f64 + 1.0) / SHADES as f64;
        path("shade", data).set("style", &format!("fill-opacity:{}", plain(share, 3)))
    };
    let paths = paths.iter().enumerate().map(shade).collect();
    let is_named = rows.iter().any(|name| !name.is_empty());
    let names = rows.iter().map(|name| text("span", "", name)).collect();
    let mark = |(column, mark): &(usize, String)| {
        let place = *column as f64 / columns.max(1) as f64 * 100.0;
        text("span", "column-mark", mark).set("style", &format!("left:{}%", plain(place, 2)))
    };
    let marks = marks.iter().map(mark).collect();
    let height = format!("height:{}px", high * if aspect >= 4 { 44 } else { 22 });
    let svg = drawing("", (columns as u32, high as u32), &name);
    let svg = svg.set("preserveAspectRatio", "none").set("style", &height).all(paths);
    let legend = node("p", "legend heat-legend").with(text("span", "", &ends.0));
    let legend = legend.with(node("i", "ramp").set("aria-hidden", "true")).with(text("span", "", &ends.1));
    node("div", if is_named { "heat named" } else { "heat" })
        .with(node("div", "heat-names").set("style", &height).all(names))
        .with(node("div", "heat-area").with(svg).with(node("div", "heat-marks").all(marks)))
        .with(legend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::Tone;

    fn shown(block: Block) -> Node {
        sections(vec![Section::new("it", "It").with(block)]).remove(0)
    }

    #[test]
    fn a_section_says_what_it_is_and_of_when() {
        let mut section = Section::new("it", "It").note("a note").wide();
        assert_eq!(sections(vec![section.clone()])[0].get("class"), "panel it wide");
        section.as_of = "as of 12:00:00".into();
        section.chip = Some((Said::toned("not proven", Tone::Open), "verdict"));
        let drawn = sections(vec![section]).remove(0);
        assert_eq!((drawn.get("class"), drawn.key.as_str()), ("panel it wide stale", "it"));
        assert_eq!(drawn.read(), "Itas of 12:00:00a notenot proven");
        assert_eq!(drawn.find("verdict").expect("a chip").get("class"), "chip open");
    }

    #[test]
    fn a_bar_tells_how_far_it_is() {
        let drawn = |share| shown(Block::Limits(vec![Limit { name: "Fall".into(), share, text: String::new() }]));
        let bar = |share| drawn(share).children[1].children[0].children[2].clone();
        assert_eq!((bar(0.5).get("class"), bar(0.5).get("aria-valuenow")), ("bar", "50"));
        assert_eq!((bar(7.0).get("class"), bar(7.0).children[0].get("style")), ("bar near", "width:100.0%"));
    }

    #[test]
    fn a_row_that_leads_somewhere_stays_itself() {
        let rows = vec![Row::of(vec!["a".into(), "b".into()]).to("/there".into())];
        let drawn = shown(Block::Table(Table { name: "rows", heads: vec!["A", "B"], rows }));
        let row = &drawn.children[1].children[1].children[0];
        assert_eq!((row.key.as_str(), row.get("class")), ("/there", "leads"));
        assert_eq!((row.children[0].children[0].get("href"), row.children[1].get("data-label")), ("/there", "B"));
        let rows = vec![Row::of(vec!["a".into()]).to("/api/v1/file".into())];
        let drawn = shown(Block::Table(Table { name: "rows", heads: vec!["A"], rows }));
        let link = &drawn.children[1].children[1].children[0].children[0].children[0];
        assert!(link.attributes.iter().any(|(name, _)| *name == "download"), "{link:?}");
    }

    #[test]
    fn a_gauge_tells_its_probability_to_who_cannot_see_it() {
        let drawn = |share| gauge(Gauge { of: "rise", share });
        let label = drawn(Some(0.532)).get("aria-label").replace(THIN_SPACE, " ");
        assert_eq!(label, "Probability of a rise: 53 %");
        assert_eq!(drawn(Some(0.4)).children[1].get("class"), "value down");
        assert_eq!(drawn(None).get("aria-label"), "Probability of a rise: –");
    }

    #[test]
    fn a_choice_knows_what_is_chosen() {
        let option = |key: &str| Choosable { key: key.into(), label: key.to_uppercase() };
        let drawn = choice("Market", &[option("a"), option("b")], "b", false);
        assert_eq!(drawn.get("class"), "choice few");
        let pressed: Vec<_> = drawn.children[0].children.iter().map(|button| button.get("aria-pressed")).collect();
        assert_eq!((pressed, drawn.children[1].get("value")), (vec!["false", "true"], "b"));
        assert_eq!(drawn.children[0].children[0].does[0].1, Does::Choose("a".into()));
        assert_eq!(choice("Market", &[], "", true).children.len(), 1);
    }
}
