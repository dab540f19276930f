//! What the world said, what the engines say of it, and what is due.

use wire::api::{Calendar, CalendarEvent, News, NewsEngine, NewsHealth, NewsItem, NewsScore, NewsSource, NewsTried};

use super::{Action, Ask, Block, Cell, Row, Said, Section, Sends, Table, moment, or_dash};
use crate::calendar::Zone;
use crate::format;
use crate::sentence::Tone;

/// Rows of the calendar: what is due next, and what came last.
const EVENTS: usize = 12;

/// The newest articles and posts.
#[must_use]
pub fn items(told: &News, zone: Zone) -> Section {
    let section = Section::new("news", "What was said").wide().english().note("newest first");
    if !told.is_read {
        return section.say("The box reads no news. The settings switch it on and name its sources.");
    }
    if told.items.is_empty() {
        return section.say("Nothing was heard yet.");
    }
    let row = |item: &NewsItem| {
        let text = if item.title.is_empty() { &item.text } else { &item.title };
        let about = if item.coins.is_empty() { mark(item).to_owned() } else { item.coins.join(", ") };
        let mut scores = item.scores.iter().map(score);
        let first = scores.next().unwrap_or_else(|| Said::quiet("not scored yet").into());
        Row::of(vec![
            Cell::from(text.as_str()).hint(&item.text).above(Said::quiet(&item.source).into()),
            moment(zone, item.usable_from_ms).into(),
            about.into(),
            scores.next().map_or(first.clone(), |second| first.above(second)),
        ])
        .to(item.url.clone().unwrap_or_default())
    };
    let heads = vec!["Text", "Known from", "About", "Score"];
    section.with(Block::Table(Table { name: "news", heads, rows: told.items.iter().map(row).collect() }))
}

const fn mark(item: &NewsItem) -> &'static str {
    match (item.is_crypto, item.is_economic) {
        (true, _) => "crypto",
        (false, true) => "economy",
        _ => "",
    }
}

/// A score in its colour, with who says it.
fn score(it: &NewsScore) -> Cell {
    match it.value {
        None => Cell::from(Said::quiet("no opinion")).hint(&it.why_none),
        Some(value) => {
            let said = Said::signed(&format::signed_float(value, 2));
            Cell::from(Said { text: format!("{} {}", said.text, it.engine), tone: said.tone }).hint(&it.model)
        }
    }
}

/// What is due and what came.
#[must_use]
pub fn calendar(told: &Calendar, now_ms: i64, zone: Zone) -> Vec<Section> {
    if !told.is_read {
        return Vec::new();
    }
    let coming = told.events.iter().filter(|event| event.at_ms >= now_ms && event.importance != "low").take(EVENTS);
    let came = told.events.iter().rev().filter(|event| event.at_ms < now_ms && event.actual.is_some()).take(EVENTS);
    let value = |value: &Option<String>| Cell::from(or_dash(value.clone()));
    let name = |event: &CalendarEvent| {
        let tone = if event.importance == "high" { Tone::Warning } else { Tone::Plain };
        let below = Said::quiet(&format!("{} {}", event.country, event.importance));
        Cell::from(Said::toned(&event.name, tone)).above(below.into())
    };
    let at = |event: &CalendarEvent| {
        if event.is_time_known { moment(zone, event.at_ms) } else { zone.date(event.at_ms) }
    };
    let due = |event: &CalendarEvent| {
        let wait = format::uptime((event.at_ms - now_ms) as u64 / 1_000);
        Row::of(vec![
            name(event),
            at(event).into(),
            if event.is_time_known { wait } else { String::new() }.into(),
            value(&event.consensus),
            value(&event.previous),
        ])
    };
    let past = |event: &CalendarEvent| {
        let surprise = event.surprise.map(|surprise| Said::signed(&format::signed_float(surprise, 2)));
        Row::of(vec![
            name(event),
            at(event).into(),
            value(&event.actual),
            value(&event.consensus),
            surprise.unwrap_or_else(|| Said::quiet("–")).into(),
        ])
    };
    let section = |kind, title, rows: Vec<Row>, heads: &[&'static str]| {
        let section = Section::new(kind, title).wide().english();
        if rows.is_empty() { section.say("No calendar tells of any.") } else { section.table(kind, heads, rows) }
    };
    vec![
        section("due", "What is due", coming.map(due).collect(), &["Event", "When", "In", "Expected", "Before"]),
        section("came", "What came", came.map(past).collect(), &["Event", "When", "Came", "Expected", "Surprise"]),
    ]
}

/// Who tells, who scores, and a text to try.
#[must_use]
pub fn health(told: &NewsHealth, zone: Zone) -> Vec<Section> {
    if !told.is_read {
        return Vec::new();
    }
    let source = |source: &NewsSource| {
        let (text, tone) = match (source.stopped.as_str(), source.error.as_str()) {
            ("", "") if source.last_success_ms.is_none() => ("waits", Tone::Open),
            ("", "") => ("well", Tone::Good),
            ("", error) => (error, Tone::Warning),
            (stopped, _) => (stopped, Tone::Bad),
        };
        Row::of(vec![
            Cell::from(source.name.as_str()).hint(&source.address),
            or_dash(source.last_success_ms.map(|at| moment(zone, at))).into(),
            format::count(source.new).into(),
            format::count(source.set_aside).into(),
            Said::toned(text, tone).into(),
        ])
    };
    let engine = |engine: &NewsEngine| {
        let (text, tone) = match (engine.is_on, engine.error.as_str()) {
            (false, _) => ("off", Tone::Open),
            (_, "") => (engine.state.as_str(), Tone::Good),
            (_, error) => (error, Tone::Warning),
        };
        Row::of(vec![
            Cell::from(engine.engine.as_str()).hint(&engine.model),
            format::count(engine.scored).into(),
            format::count(engine.from_memory).into(),
            format::count(engine.queued).into(),
            Said::toned(text, tone).into(),
        ])
    };
    let sources = Section::new("sources", "Sources").wide().english();
    let sources = if told.sources.is_empty() {
        sources.say("None is named in the settings.")
    } else {
        let heads = ["Source", "Read last", "New", "Set aside", "State"];
        sources.table("sources", &heads, told.sources.iter().map(source).collect())
    };
    let heads = ["Engine", "Scored", "Known before", "Waiting", "State"];
    let engines = Section::new("engines", "Who scores").wide();
    let engines = engines.table("engines", &heads, told.engines.iter().map(engine).collect());
    vec![
        sources,
        engines.with(Block::Actions(vec![Action {
            id: "news-try",
            label: "Try a text",
            question: "What do the engines say of a text?".into(),
            consequence: "It is scored and not kept.",
            method: "POST",
            path: "/api/v1/news/try".into(),
            asks: vec![Ask::text("text", "The text")],
            sends: Sends::Json(""),
            done: "It was scored.",
        }])),
    ]
}

/// What the engines said of a text that was tried.
#[must_use]
pub fn tried(told: &NewsTried) -> Section {
    let rows = told.scores.iter().map(|it| Row::of(vec![it.engine.as_str().into(), score(it)])).collect();
    let reasons = told.reasons.iter().map(|it| it.term.as_str()).collect::<Vec<_>>().join(", ");
    let section = Section::new("tried", "The text that was tried").table("tried", &["Engine", "Score"], rows);
    if reasons.is_empty() { section } else { section.say(&format!("The lexicon heard: {reasons}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn item() -> NewsItem {
        NewsItem {
            name: "article:x:1".into(),
            revision: 0,
            kind: "article".into(),
            source: "paper".into(),
            usable_from_ms: NOW,
            published_at_ms: NOW,
            is_time_doubtful: false,
            title: "Bitcoin falls".into(),
            text: "Bitcoin falls by a lot".into(),
            author: None,
            url: Some("https://paper.example/1".into()),
            coins: vec!["BTC".into()],
            is_crypto: true,
            is_economic: false,
            scores: vec![NewsScore {
                engine: "lexicon".into(),
                value: Some(-0.5),
                label: "negative".into(),
                confidence: None,
                why_none: String::new(),
                model: "m".into(),
            }],
        }
    }

    fn read(section: Section) -> String {
        super::super::draw::sections(vec![section]).iter().map(crate::markup::Node::read).collect()
    }

    #[test]
    fn an_item_says_who_told_it_what_about_and_its_score() {
        let news = |is_read, items| News { is_read, items, next: None };
        let text = read(items(&news(true, vec![item()]), Zone::default()));
        for word in ["Bitcoin falls", "paper", "BTC", "0.50 lexicon"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        let none = NewsScore { value: None, why_none: "too short".into(), ..item().scores[0].clone() };
        let unscored = NewsItem { scores: vec![none], coins: vec![], ..item() };
        let text = read(items(&news(true, vec![unscored, NewsItem { scores: vec![], ..item() }]), Zone::default()));
        assert!(text.contains("no opinion") && text.contains("not scored yet") && text.contains("crypto"), "{text}");
        assert!(read(items(&news(false, vec![]), Zone::default())).contains("reads no news"));
    }

    #[test]
    fn what_is_due_counts_down_and_what_came_tells_its_surprise() {
        let event = |at_ms, actual: Option<&str>| CalendarEvent {
            source: "calendar".into(),
            at_ms,
            is_time_known: true,
            country: "US".into(),
            name: "CPI m/m".into(),
            importance: "high".into(),
            actual: actual.map(Into::into),
            consensus: Some("0.3%".into()),
            previous: None,
            surprise: actual.map(|_| 0.1),
            actual_from_ms: None,
        };
        let events = vec![event(NOW - 60_000, Some("0.4%")), event(NOW + 3_600_000, None)];
        let told = Calendar { is_read: true, from_ms: 0, to_ms: NOW * 2, events };
        let [due, came] = calendar(&told, NOW, Zone::default()).try_into().unwrap();
        let (due, came) = (read(due), read(came));
        assert!(due.contains("CPI m/m") && due.contains("1\u{202f}h") && due.contains("0.3%"), "{due}");
        assert!(came.contains("0.4%") && came.contains("+0.10"), "{came}");
        let none = calendar(&Calendar { events: vec![], ..told }, NOW, Zone::default());
        assert!(none.into_iter().map(read).all(|text| text.contains("No calendar tells")));
    }
}
