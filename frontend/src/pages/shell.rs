//! The frame around the pages: navigation, top line, connection state.

use wire::{Hello, Overview};

use super::Said;
use super::home::lamp_word;
use crate::calendar::Zone;
use crate::format;
use crate::link::Freshness;
use crate::markup::{Does, Node, node, text};
use crate::way::Place;

/// A page in the navigation.
struct Page {
    href: &'static str,
    name: &'static str,
    /// What is there, for the page that lists them.
    what: &'static str,
    sign: &'static str,
}

const fn at(href: &'static str, name: &'static str, what: &'static str, sign: &'static str) -> Page {
    Page { href, name, what, sign }
}

/// The pages, those of a phone's bar first.
static PAGES: [Page; 13] = [
    at("/", "Home", "", "M4 11.5 12 5l8 6.5M6.5 10v9h11v-9"),
    at("/market", "Market", "", "M8 4v3M8 16v4M5.5 7h5v9h-5zM16 3v5M16 15v3M13.5 8h5v7h-5z"),
    at("/forecasts", "Forecasts", "", "M4 17l5-6 4 3 7-8M15 6h5v5"),
    at("/trading", "Trading", "", "M7 5v14M7 5l-3 3M7 5l3 3M17 19V5M17 19l-3-3M17 19l3-3"),
    at("/risk", "Risk", "Limits, breakers, what moves together", "M12 4l7 3v5c0 4-3 7-7 8-4-1-7-4-7-8V7z"),
    at(
        "/arbitrage",
        "Arbitrage",
        "Between exchanges, and what came of it",
        "M4 8h13M14 5l3 3-3 3M20 16H7M10 13l-3 3 3 3",
    ),
    at(
        "/news",
        "News",
        "What was said, what is due, who scores it",
        "M5 5h11v14H5zM16 9h3v8c0 2-3 2-3 0M8 9h5M8 12h5M8 15h3",
    ),
    at(
        "/data",
        "Data",
        "How well it was heard, storage, backups",
        "M5 6c0-2 14-2 14 0v12c0 2-14 2-14 0zM5 6c0 2 14 2 14 0M5 12c0 2 14 2 14 0",
    ),
    at("/replay", "Replay", "A day again, compared event by event", "M5 12a7 7 0 1 0 2-5M5 4v4h4M12 8v4l3 2"),
    at("/models", "Models", "Versions, shadows, promotion, training", "M12 4l8 4-8 4-8-4zM4 12l8 4 8-4M4 16l8 4 8-4"),
    at("/system", "System", "Machine, room, how long it takes, log", "M4 6h16v10H4zM9 20h6M12 16v4M8 12l2-3 2 2 3-3"),
    at(
        "/settings",
        "Settings",
        "Every value, with what it does",
        "M5 7h8M17 7h2M5 12h2M11 12h8M5 17h6M15 17h4M13 5v4M7 10v4M11 15v4",
    ),
    at(
        "/access",
        "Access",
        "Password, browsers, tokens, guests, what was done",
        "M14 10a4 4 0 1 0-4 4M12 12l8 8M17 17l2-2M10 10h.01",
    ),
];
/// Pages in a phone's bar; the others are behind "More".
const BAR: usize = 4;
/// The page of a phone that leads to the others.
static MORE: Page = at("/more", "More", "", "M5 12h.01M12 12h.01M19 12h.01");

fn link(page: &Page, place: &Place) -> Node {
    let sign = node("svg", "").set("viewBox", "0 0 24 24").set("aria-hidden", "true");
    node("a", "")
        .set("href", page.href)
        .set("aria-current", if place.is_at(page.href) { "page" } else { "" })
        .with(sign.with(node("path", "").set("d", page.sign)))
        .say(page.name)
}

/// The navigation of wide screens; the dot shows the lamp's level.
#[must_use]
pub fn rail(place: &Place, hello: Option<&Hello>, overview: Option<&Overview>, freshness: Freshness) -> Node {
    let dot = node("i", &format!("dot {}", lamp_word(overview, freshness).tone.class())).set("aria-hidden", "true");
    let mut facts = node("div", "box-facts").id("box-facts");
    if let Some(told) = overview {
        let model = if told.model.is_empty() { "no model".to_owned() } else { format!("model {}", told.model) };
        facts = facts.with(text("span", "", &model));
    }
    if let Some(hello) = hello {
        facts = facts.with(text("span", "", &format!("Tickerbox {}", hello.version)));
    }
    if let Some(told) = overview {
        facts = facts.with(text("span", "", &format!("up {}", format::uptime(told.uptime_s))));
    }
    node("nav", "rail")
        .set("aria-label", "Pages")
        .with(node("span", "brand").with(dot).say("Tickerbox"))
        .with(node("div", "links").all(PAGES.iter().map(|page| link(page, place)).collect()))
        .with(facts)
}

/// The navigation of phones.
#[must_use]
pub fn bar(place: &Place) -> Node {
    let links = PAGES[..BAR].iter().chain([&MORE]).map(|page| link(page, place)).collect();
    node("nav", "bottom-bar").set("aria-label", "Pages").all(links)
}

/// Pages that the bar of a phone has no room for.
#[must_use]
pub fn more() -> Vec<Node> {
    let page = |page: &Page| {
        node("a", "").set("href", page.href).with(text("b", "", page.name)).with(text("span", "secondary", page.what))
    };
    let links = PAGES[BAR..].iter().map(page).collect();
    vec![text("h1", "page-title", "More"), node("nav", "more panel").set("aria-label", "More pages").all(links)]
}

/// What the top line says.
#[derive(Clone, Debug)]
pub struct Top<'a> {
    /// The box's name in the network.
    pub host: String,
    /// Whether the market is simulated.
    pub is_demo: bool,
    /// How the page stands with the box, in words.
    pub words: String,
    /// Whether what is shown is the present.
    pub freshness: Freshness,
    /// Whether only a reload helps.
    pub is_out_of_date: bool,
    /// The box's time, and the zone that it is read in.
    pub at: Option<(i64, Zone)>,
    /// Whether the page is light.
    pub is_light: bool,
    /// Why the last request was refused.
    pub refused: Option<&'a str>,
}

/// The top line, and below it what was refused.
#[must_use]
pub fn top(top: &Top<'_>) -> Vec<Node> {
    let mut line = node("header", "top-line").with(text("span", "host", &top.host));
    if top.is_demo {
        let tag = text("span", "tag", "built-in market").id("demo");
        line = line.with(tag.set("title", "The market is simulated inside this box"));
    }
    let class = match top.freshness {
        Freshness::Live => "link-state live",
        Freshness::Loading => "link-state",
        Freshness::Stale => "link-state lost",
    };
    line = line.with(text("span", class, &top.words).key("link").set("role", "status").id("link"));
    if top.is_out_of_date {
        line = line.with(text("button", "small-button", "Reload").on("click", Does::Reload));
    }
    line = line.with(node("span", "fill"));
    if let Some((at_ms, zone)) = top.at {
        let date = text("span", "wide-only", &format!("{}, ", zone.weekday_date(at_ms)));
        let time = node("time", "").id("clock").with(date).say(&zone.clock_seconds(at_ms));
        line = line.with(time.with(text("span", "quiet", &format!(" {}", zone.name()))));
    }
    let label = if top.is_light { "Dark theme" } else { "Light theme" };
    let circle = node("circle", "").set("cx", "10").set("cy", "10").set("r", "7").set("fill", "none");
    let circle = circle.set("stroke", "currentColor").set("stroke-width", "1.6");
    let sign = node("svg", "").set("viewBox", "0 0 20 20").set("width", "18").set("height", "18");
    let sign = sign.set("aria-hidden", "true").with(circle);
    let sign = sign.with(node("path", "").set("d", "M10 3a7 7 0 0 1 0 14z").set("fill", "currentColor"));
    let theme = node("button", "icon-button").key("theme").id("theme").set("title", label).set("aria-label", label);
    let mut all = vec![line.with(theme.on("click", Does::Theme).with(sign))];
    all.extend(top.refused.map(|reason| refusal(&Said::plain(reason))));
    all
}

fn refusal(reason: &Said) -> Node {
    let close = text("button", "small-button", "Close").on("click", Does::Dismiss);
    text("p", "refusal", &reason.text).set("role", "alert").id("refusal").with(close)
}

#[cfg(test)]
mod tests {
    use super::super::home::well;
    use super::*;

    #[test]
    fn the_navigation_knows_where_one_is_and_how_the_box_stands() {
        let (told, _) = well();
        let drawn = rail(&Place::of("/models?model=a"), None, Some(&told), Freshness::Live);
        let current: Vec<_> =
            drawn.children[1].children.iter().filter(|link| !link.get("aria-current").is_empty()).collect();
        assert_eq!(current.iter().map(|link| link.read()).collect::<Vec<_>>(), ["Models"]);
        assert_eq!(drawn.children[0].children[0].get("class"), "dot good");
        assert_eq!(drawn.find("box-facts").expect("facts").read(), "model starterup 2\u{202f}h 0\u{202f}min");
        assert_eq!(bar(&Place::default()).children.len(), BAR + 1);
        let listed = more().remove(1).children;
        assert!(listed.iter().all(|page| !page.children[1].read().is_empty()), "each says what is there");
    }

    #[test]
    fn the_top_line_says_what_is_wrong() {
        let quiet = Top {
            host: "box".into(),
            is_demo: false,
            words: "Live".into(),
            freshness: Freshness::Live,
            is_out_of_date: false,
            at: Some((0, Zone::default())),
            is_light: false,
            refused: None,
        };
        let drawn = top(&quiet);
        assert_eq!((drawn.len(), drawn[0].read().as_str()), (1, "boxLiveThu 1 Jan, 00:00:00 UTC"));
        let loud = Top { is_demo: true, is_out_of_date: true, refused: Some("No."), at: None, ..quiet };
        let drawn = top(&loud);
        assert_eq!(drawn[0].read(), "boxbuilt-in marketLiveReload");
        assert_eq!(drawn[1].find("refusal").map(Node::read), Some("No.Close".into()));
    }
}
