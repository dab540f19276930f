//! The models of the box: which answer, which wait, what became of others.

use wire::api::{ModelEvent, ModelShelf, ModelVersion, TrainingWish};

use super::{Action, Ask, Block, Cell, Row, Said, Section, Sends, Table, moment, or_dash, ordered, short, size};
use crate::calendar::Zone;
use crate::sentence::Tone;

/// All models, the ones that answer first, with what can be done.
#[must_use]
pub fn versions(shelf: &ModelShelf, zone: Zone) -> Section {
    let role = |version: &ModelVersion| shelf.seats.iter().find(|seat| seat.model == version.model);
    let rank = |version: &&ModelVersion| match role(version).map(|seat| seat.role.as_str()) {
        Some("active") => 0,
        Some(_) => 1,
        None => 2,
    };
    let versions: Vec<&ModelVersion> = ordered(shelf.versions.iter().collect(), rank);
    let row = |version: &&ModelVersion| {
        let seat = role(version);
        let (word, tone) = match seat.map(|seat| seat.role.as_str()) {
            Some("active") => ("leads", Tone::Good),
            Some(_) => ("shadow", Tone::Open),
            None => ("waits", Tone::Plain),
        };
        let what = match seat {
            Some(seat) if !seat.symbols.is_empty() => seat.symbols.join(", "),
            Some(_) => "all markets".into(),
            None => "–".into(),
        };
        let horizons: Vec<String> = version.horizons_min.iter().map(|minutes| format!("+{minutes}")).collect();
        let added = version.added_at_ms.map(|at_ms| moment(zone, at_ms));
        Row::of(vec![
            Cell::from(format!("{} r{}", version.name, version.revision)).hint(&version.model),
            Cell::from(Said::toned(word, tone)).chip(),
            what.into(),
            Cell::from(version.architecture.split(':').next().unwrap_or_default()).hint(&version.architecture),
            format!("{} min, {} min candles", horizons.join(" "), version.timeframe_min).into(),
            Cell::from(or_dash(added)).hint(&format!("made {}", version.created)),
            if version.bytes == 0 { "built in".into() } else { size(version.bytes).into() },
        ])
        .to(format!("/models?model={}", version.model))
    };
    Section::new("versions", "Models").wide().note("a row shows what can be done").with(Block::Table(Table {
        name: "models",
        heads: vec!["Model", "Place", "For", "Kind", "Horizons", "Here since", "Size"],
        rows: versions.iter().map(row).collect(),
    }))
}

/// What can be done with a chosen model.
#[must_use]
pub fn chosen(shelf: &ModelShelf, model: &str) -> Option<Section> {
    let version = shelf.versions.iter().find(|version| version.model == model)?;
    let seat = shelf.seats.iter().find(|seat| seat.model == version.model);
    let name = format!("{} r{}", version.name, version.revision);
    let act = |id, label, question: String, consequence, verb: &str, asks, done| Action {
        id,
        label,
        question,
        consequence,
        method: "POST",
        path: format!("/api/v1/models/{}/{verb}", version.model),
        asks,
        sends: Sends::Address,
        done,
    };
    let promote = act(
        "promote",
        "Promote",
        format!("Let {name} lead?"),
        "Its forecasts are acted on and shown first. The one that leads now becomes a shadow; one step leads back.",
        "promote",
        vec![Ask::text("why", "Why (kept in the history)")],
        "It leads.",
    );
    let shadow = act(
        "shadow",
        "Watch as a shadow",
        format!("Let {name} forecast beside the one that leads?"),
        "It forecasts and is scored, and nothing is done on its word.",
        "shadow",
        Vec::new(),
        "It forecasts as a shadow.",
    );
    let unseat = act(
        "unseat",
        "Take from its place",
        format!("Take {name} from its place?"),
        "It forecasts no more. Its file stays.",
        "unseat",
        Vec::new(),
        "It was taken from its place.",
    );
    let actions = match seat.map(|seat| seat.role.as_str()) {
        Some("active") => Vec::new(),
        Some(_) => vec![promote, unseat],
        None => vec![promote, shadow],
    };
    let section =
        Section::new("chosen-model", &name).wide().with(Block::Text(Said::quiet(&format!("Digest {}", version.model))));
    Some(if actions.is_empty() { section.say("It leads.") } else { section.with(Block::Actions(actions)) })
}

/// What happened, and the way back.
#[must_use]
pub fn history(shelf: &ModelShelf, zone: Zone) -> Section {
    let section = Section::new("model-history", "What happened").wide();
    let was_promoted = shelf.events.iter().any(|event| event.what == "promoted");
    let row = |event: &ModelEvent| {
        let tone = match event.what.as_str() {
            "refused" | "failed" | "alarm" => Tone::Warning,
            "promoted" | "overtook" => Tone::Good,
            _ => Tone::Plain,
        };
        let name = shelf.versions.iter().find(|version| version.model == event.model);
        let name =
            name.map_or_else(|| short(&event.model), |version| format!("{} r{}", version.name, version.revision));
        Row::of(vec![
            moment(zone, event.at_ms).into(),
            Cell::from(if name.is_empty() { "–".into() } else { name }).hint(&event.model),
            Cell::from(Said::toned(&event.what.replace('-', " "), tone)).chip(),
            event.why.clone().into(),
        ])
    };
    let section = if shelf.events.is_empty() {
        section.say("Nothing yet: the built-in model leads since the first start.")
    } else {
        let rows = shelf.events.iter().map(row).collect();
        section.with(Block::Table(Table { name: "model-history", heads: vec!["When", "Model", "What", "Why"], rows }))
    };
    if !was_promoted {
        return section;
    }
    section.with(Block::Actions(vec![Action {
        id: "rollback",
        label: "Undo the last promotion",
        question: "Undo the last promotion?".into(),
        consequence: "The models take the places they had before it.",
        method: "POST",
        path: "/api/v1/models/rollback".into(),
        asks: vec![Ask::text("why", "Why (kept in the history)")],
        sends: Sends::Address,
        done: "The places before the last promotion are back.",
    }]))
}

/// Wishes for training.
#[must_use]
pub fn wishes(shelf: &ModelShelf, zone: Zone) -> Section {
    let row = |wish: &TrainingWish| {
        let symbols = if wish.symbols.is_empty() { "all markets".to_owned() } else { wish.symbols.join(", ") };
        let answer = match &wish.answered_by {
            Some(model) => Said::toned(&format!("answered by {}", short(model)), Tone::Good),
            None => Said::toned("waits for a trainer", Tone::Open),
        };
        Row::of(vec![
            moment(zone, wish.at_ms).into(),
            symbols.into(),
            wish.why.clone().into(),
            Cell::from(answer).chip(),
        ])
    };
    let section = Section::new("wishes", "Wishes for training").wide().note("tickerbox-trainer requests reads them");
    let section = if shelf.requests.is_empty() {
        section.say("None. A trainer on a PC asks for them and answers with a model.")
    } else {
        let rows = shelf.requests.iter().map(row).collect();
        section.with(Block::Table(Table { name: "wishes", heads: vec!["When", "For", "Why", "Answer"], rows }))
    };
    section.with(Block::Actions(vec![Action {
        id: "retrain",
        label: "Ask for training",
        question: "Ask for a model to be trained anew?".into(),
        consequence: "A trainer in the home network takes the wish up when it asks next. Nothing changes until its model comes.",
        method: "POST",
        path: "/api/v1/retrain".into(),
        asks: vec![Ask::text("why", "Why")],
            sends: Sends::Address,
        done: "The wish is kept until a trainer answers it.",
    }]))
}

#[cfg(test)]
mod tests {
    use wire::api::Seat;

    use super::*;

    fn version(model: &str, name: &str) -> ModelVersion {
        ModelVersion {
            model: model.into(),
            name: name.into(),
            revision: 2,
            architecture: "transformer".into(),
            created: "2026-11-01".into(),
            timeframe_min: 1,
            horizons_min: vec![5, 10, 30],
            added_at_ms: Some(0),
            bytes: 1_000_000,
        }
    }

    fn shelf() -> ModelShelf {
        let seat = |model: &str, role: &str| Seat { model: model.into(), role: role.into(), symbols: Vec::new() };
        ModelShelf {
            seats: vec![seat("bbbb", "shadow"), seat("aaaa", "active")],
            versions: vec![version("cccc", "old"), version("bbbb", "new"), version("aaaa", "starter")],
            events: Vec::new(),
            requests: Vec::new(),
        }
    }

    #[test]
    fn the_model_that_leads_comes_first_and_has_nothing_to_be_done() {
        let shelf = shelf();
        let Block::Table(table) = &versions(&shelf, Zone::default()).blocks[0] else { panic!("a table") };
        let names: Vec<&str> = table.rows.iter().map(|row| row.cells[0].said.text.as_str()).collect();
        assert_eq!(names, ["starter r2", "new r2", "old r2"]);
        let ids = |model: &str| match chosen(&shelf, model).expect("known").blocks.pop() {
            Some(Block::Actions(actions)) => actions.into_iter().map(|action| action.path).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!(ids("aaaa"), Vec::<String>::new());
        assert_eq!(ids("bbbb"), ["/api/v1/models/bbbb/promote", "/api/v1/models/bbbb/unseat"]);
        assert_eq!(ids("cccc"), ["/api/v1/models/cccc/promote", "/api/v1/models/cccc/shadow"]);
        assert_eq!(chosen(&shelf, "dddd"), None);
    }

    #[test]
    fn there_is_a_way_back_only_after_a_promotion() {
        let mut shelf = shelf();
        assert!(!format!("{:?}", history(&shelf, Zone::default())).contains("rollback"));
        shelf.events.push(ModelEvent { at_ms: 0, model: "aaaa".into(), what: "promoted".into(), why: String::new() });
        assert!(format!("{:?}", history(&shelf, Zone::default())).contains("rollback"));
        assert!(format!("{:?}", wishes(&shelf, Zone::default())).contains("/api/v1/retrain"));
    }
}
