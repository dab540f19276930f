//! What was forecast, what came, and whether that is worth anything.

use wire::api::{FeatureEffect, Skill, Track, Verification, Why};

use super::plot::{self, Across, Mark, Source, draw};
use super::{
    Action, Block, Cell, Fact, Row, Said, Section, Sends, Table, bps, fact, market, moment, or_dash, percent, plain,
    signed_percent,
};
use crate::calendar::Zone;
use crate::format::{self, THIN_SPACE};
use crate::sentence::Tone;

/// Features that are listed.
const FEATURES: usize = 12;

fn verdict(word: &str) -> Said {
    let tone = match word {
        "better" => Tone::Good,
        "worse" => Tone::Bad,
        _ => Tone::Open,
    };
    Said::toned(word, tone)
}

/// Every model and horizon against "no change"; a row leads to its pictures.
#[must_use]
pub fn comparison(skill: &Skill, zone: Zone) -> Section {
    let section = Section::new("skill", &format!("Against no change · {}", market(&skill.symbol)))
        .wide()
        .note("a row shows its pictures");
    if skill.tracks.is_empty() {
        return section.say("No forecast is kept for this market yet.");
    }
    let row = |track: &Track| {
        let interval = track.interval.map(|(low, high)| {
            format!("{} to {}", format::signed_float(low * 100.0, 1), format::signed_float(high * 100.0, 1))
        });
        let name = if track.leads { format!("{} · leads", track.name) } else { track.name.clone() };
        let span = track.from_ms.zip(track.to_ms).map_or_else(String::new, |(from, to)| {
            format!("{} to {}; {} not scored yet", moment(zone, from), moment(zone, to), track.open)
        });
        Row::of(vec![
            Cell::from(name).hint(&track.model),
            format!("+{}{THIN_SPACE}min", track.horizon_min).into(),
            Cell::from(format::count(track.n.into())).hint(&span),
            Cell::from(verdict(&track.verdict)).chip(),
            or_dash(track.skill.map(|skill| signed_percent(skill, 1))).into(),
            or_dash(interval).into(),
            or_dash(
                track
                    .mae_bps
                    .zip(track.naive_mae_bps)
                    .map(|(own, naive)| format!("{} / {}", format::float(own, 2), format::float(naive, 2))),
            )
            .into(),
            or_dash(track.hit_rate.map(|rate| percent(rate, 1))).into(),
            or_dash(track.coverage_90.map(|share| percent(share, 1))).into(),
        ])
        .to(address(&skill.symbol, Some(track)))
    };
    section.with(Block::Table(Table {
        name: "skill",
        heads: vec![
            "Model",
            "In",
            "Scored",
            "Verdict",
            "Skill",
            "95 %",
            "Error / naive, bps",
            "Right sign",
            "In 90 % band",
        ],
        rows: skill.tracks.iter().map(row).collect(),
    }))
}

/// Where a market's or a track's pictures are.
#[must_use]
pub fn address(symbol: &str, track: Option<&Track>) -> String {
    match track {
        Some(track) => format!("/forecasts?symbol={symbol}&model={}&horizon={}", track.model, track.horizon_min),
        None => format!("/forecasts?symbol={symbol}"),
    }
}

/// The track that is looked at: the one that is named, or the first.
#[must_use]
pub fn chosen<'a>(skill: &'a Skill, model: &str, horizon_min: &str) -> Option<&'a Track> {
    let is_named = |track: &&Track| track.model == model && track.horizon_min.to_string() == horizon_min;
    skill.tracks.iter().find(is_named).or_else(|| skill.tracks.first())
}

/// A track in sentences and figures.
#[must_use]
pub fn standing(track: &Track) -> Section {
    let section = Section::new("standing", &format!("{} in {}{THIN_SPACE}min", track.name, track.horizon_min));
    let Some(skill) = track.skill else {
        return section.say("Nothing scored yet: a forecast counts once its minutes are over.");
    };
    let magnitude = percent(skill.abs(), 1);
    let claim = match (track.verdict.as_str(), skill > 0.0) {
        ("better", _) => format!("{magnitude} better than no change, and that is proven."),
        ("worse", _) => format!("{magnitude} worse than no change, and that is proven."),
        (_, true) => format!("{magnitude} better than no change so far, which may be chance."),
        (_, false) => format!("{magnitude} worse than no change so far, which may be chance."),
    };
    let pair = |low_high: Option<(f64, f64)>| {
        low_high.map(|(low, high)| format!("{} to {}", percent(low, 1), percent(high, 1)))
    };
    let facts: Vec<Fact> = vec![
        fact(
            "Right sign",
            Said::plain(&or_dash(track.hit_rate.map(|rate| percent(rate, 1)))),
            "Share of forecasts whose sign was right",
        ),
        fact(
            "95 % of that",
            Said::plain(&or_dash(pair(track.hit_interval))),
            "Counting as many outcomes as do not overlap",
        ),
        fact(
            "Brier score",
            Said::plain(&or_dash(track.brier.map(|it| format::float(it, 4)))),
            "0.25 is what always saying one half gets",
        ),
        fact(
            "In the 50 % band",
            Said::plain(&or_dash(track.coverage_50.map(|it| percent(it, 1)))),
            "Half of all outcomes would be right",
        ),
        fact(
            "In the 90 % band",
            Said::plain(&or_dash(track.coverage_90.map(|it| percent(it, 1)))),
            "Nine of ten would be right",
        ),
        fact(
            "Its width",
            Said::plain(&or_dash(track.width_90_bps.map(|it| format!("{}{THIN_SPACE}bps", format::float(it, 1))))),
            "Mean width of the 90 % band",
        ),
    ];
    section.with(Block::Text(verdict_tone(&track.verdict, claim))).with(Block::Facts(facts))
}

fn verdict_tone(word: &str, text: String) -> Said {
    Said { text, tone: verdict(word).tone }
}

/// Predictions beside what came.
#[must_use]
pub fn outcomes(track: &Track, zone: Zone) -> Section {
    let section = Section::new("outcomes", "Forecast and what came").wide().note("log-return, bps · dots: what came");
    let line = |read: fn(&wire::api::Outcome) -> f64| {
        track.newest.iter().map(|one| (one.at_ms as f64, read(one))).collect::<Vec<_>>()
    };
    let sources = vec![
        Source { name: "what came", class: "dots", mark: Mark::Dots, points: line(|one| one.outcome_bps) },
        Source { name: "forecast", class: "line-information", mark: Mark::Line, points: line(|one| one.forecast_bps) },
    ];
    let name = format!("Forecasts of {} in {} minutes and what came", track.name, track.horizon_min);
    match draw(name, "bps", Across::Time(zone), Some((0.0, 0.0)), sources) {
        Some(plot) => section.with(Block::Plot(plot)),
        None => section.say("Nothing scored yet."),
    }
}

/// The error hour by hour.
#[must_use]
pub fn errors(track: &Track, zone: Zone) -> Section {
    let section = Section::new("errors", "Error over time")
        .wide()
        .note("mean absolute error by the hour, bps · dashed: no change");
    let line = |read: fn(&wire::api::ErrorHour) -> f64| {
        track.hours.iter().map(|hour| (hour.at_ms as f64, read(hour))).collect::<Vec<_>>()
    };
    let sources = vec![
        Source { name: "no change", class: "control", mark: Mark::Line, points: line(|hour| hour.naive_mae_bps) },
        Source { name: "forecast", class: "line-information", mark: Mark::Line, points: line(|hour| hour.mae_bps) },
    ];
    let name = format!("Error of {} in {} minutes", track.name, track.horizon_min);
    match draw(name, "bps", Across::Time(zone), Some((0.0, 0.0)), sources).filter(|_| track.hours.len() > 1) {
        Some(plot) => section.with(Block::Plot(plot)),
        None => section.say("It starts with the second hour."),
    }
}

/// Probabilities against how often it rose.
#[must_use]
pub fn reliability(track: &Track) -> Section {
    let section = Section::new("reliability", "Said and came").note("share of rises · dashed: right");
    let points: Vec<(f64, f64)> = track.reliability.iter().map(|it| (it.said, it.came * 100.0)).collect();
    if points.is_empty() {
        return section.say("Nothing scored yet.");
    }
    let few = track.reliability.iter().map(|it| it.n).sum::<u32>();
    let sources = vec![
        Source { name: "right", class: "control", mark: Mark::Line, points: vec![(0.0, 0.0), (1.0, 100.0)] },
        Source { name: "came", class: "line-information", mark: Mark::Line, points: points.clone() },
        Source { name: "groups", class: "dots", mark: Mark::Dots, points },
    ];
    let name = format!("Probability of a rise that {} said, and how often it came", track.name);
    match draw(name, "percent", Across::Share, Some((0.0, 100.0)), sources) {
        Some(plot) => section
            .with(Block::Plot(plot))
            .say(&format!("{} forecasts, in tenths of probability.", format::count(few.into()))),
        None => section.say("Nothing scored yet."),
    }
}

/// Where the model looked, and what moved it.
#[must_use]
pub fn why(why: &Why, zone: Zone) -> Vec<Section> {
    let attention = Section::new("attention", "What the model looked at")
        .note(&format!("attention over {} candles", why.attention.len()));
    let attention = match why.attention.iter().map(|look| look.share).fold(0.0, f64::max) {
        most if most > 0.0 => {
            let shares = why.attention.iter().map(|look| Some(look.share / most)).collect();
            let last = why.attention.len().saturating_sub(1);
            let marks = [0, last / 2, last].map(|place| (place, zone.clock(why.attention[place].open_time_ms)));
            let heat = plot::heat(
                format!("Attention of {} over its window", why.name),
                vec![(String::new(), shares)],
                marks.to_vec(),
                ("least", "most"),
            );
            attention.with(Block::Heat(plot::Heat { aspect: 4, ..heat }))
        }
        _ => attention.say("This model does not tell."),
    };
    let section = Section::new("importance", "What moved the newest forecast")
        .english()
        .note("bps, with and without the feature");
    let horizons: Vec<u16> = why.forecast.iter().map(|it| it.horizon_min).collect();
    let row = |feature: &FeatureEffect| {
        let effect = feature.effect_bps.first().copied().unwrap_or(f64::NAN);
        let all: Vec<String> = horizons
            .iter()
            .zip(&feature.effect_bps)
            .map(|(horizon, effect)| format!("+{horizon} min: {}", format::signed_float(*effect, 2)))
            .collect();
        Row::of(vec![
            Cell::from(feature.name.replace('_', " ")).hint(&feature.description),
            format!("{} {}", format::float(feature.value, 3), feature.unit).into(),
            Cell::from(Said::signed(&format::signed_float(effect, 2))).hint(&all.join(", ")),
            or_dash(feature.error.map(|error| signed_percent(error, 2))).into(),
        ])
    };
    let rows: Vec<Row> = why.features.iter().take(FEATURES).map(row).collect();
    let section = if rows.is_empty() {
        section.say("This model has no features that can be left out.")
    } else {
        let heads = vec!["Feature", "Now", "Effect", "Error without it"];
        section.with(Block::Table(Table { name: "importance", heads, rows }))
    };
    vec![attention, section]
}

/// The sealed log, and the button that recomputes it.
#[must_use]
pub fn sealed() -> Section {
    Section::new("sealed", "The sealed log")
        .wide()
        .say("Every forecast is bound into a chain before its outcome exists. The box can compute the chain and every outcome again.")
        .with(Block::Actions(vec![Action {
            id: "verify",
            label: "Verify now",
            question: "Compute the chain of forecasts and every outcome again?".into(),
            consequence: "It takes seconds to minutes and changes nothing.",
            method: "POST",
            path: "/api/v1/verify".into(),
            asks: Vec::new(),
            sends: Sends::Address,
            done: "The chain was computed again.",
        }]))
}

/// What a verification found.
#[must_use]
pub fn verified(told: &Verification) -> Section {
    let found = &told.found;
    let section = Section::new("verified", "Verified").wide();
    let said = if told.is_sound {
        Said::toned("Sound: nothing was changed, left out or added.", Tone::Good)
    } else {
        Said::toned("Not sound.", Tone::Bad)
    };
    let number = |name: &str, n: u64, hint| fact(name, Said::plain(&format::count(n)), hint);
    let mut facts = vec![
        number("Links", found.sealed, "Recomputed and as they should be"),
        number("Outcomes", found.scored, "Computed again from the kept candles, and the same"),
        number("Broken", found.broken, "Links that are not what the kept forecasts give"),
        number("Late", found.late, "Sealed when their outcome could be known"),
        number("Unsealed", found.unsealed, "Forecasts that no link covers"),
        number("Differ", found.differ, "Outcomes that are other ones without a reason"),
    ];
    if let Some((place, link)) = &found.head {
        facts.push(fact(
            "Head",
            Said::plain(&format!("{} {}", format::count(*place), super::short(link))),
            "Place and link: note it, and nothing before it can change unseen",
        ));
    }
    let section = section.with(Block::Text(said)).with(Block::Facts(facts));
    found.findings.iter().fold(section, |section, finding| section.with(Block::Text(Said::toned(finding, Tone::Bad))))
}

/// `+1.2 bps in 5 min, 53 % for a rise`.
#[must_use]
pub fn newest(why: &Why) -> Section {
    let section = Section::new("newest", "The newest forecast").note(&why.name);
    let facts = why.forecast.iter().flat_map(|it| {
        [
            fact(
                &format!("In {}{THIN_SPACE}min", it.horizon_min),
                Said::signed(&bps(it.log_return_bps)),
                "Expected log-return",
            ),
            plain("Rise", &percent(it.p_up, 1), "Probability that it says"),
        ]
    });
    section.with(Block::Facts(facts.collect()))
}

#[cfg(test)]
mod tests {
    use wire::api::{ChainFound, ErrorHour, Look, Outcome, Reliability, WhyHorizon};

    use super::*;

    fn track(verdict: &str, skill: f64) -> Track {
        Track {
            model: "aaaa".into(),
            name: "starter r3".into(),
            horizon_min: 5,
            leads: true,
            from_ms: Some(0),
            to_ms: Some(3_600_000),
            open: 3,
            n: 2_016,
            mae_bps: Some(5.12),
            naive_mae_bps: Some(5.2),
            skill: Some(skill),
            interval: Some((-0.004, 0.01)),
            hit_rate: Some(0.52),
            hit_interval: Some((0.49, 0.55)),
            brier: Some(0.25),
            coverage_50: Some(0.5),
            coverage_90: Some(0.896),
            width_90_bps: Some(16.0),
            verdict: verdict.into(),
            reliability: vec![Reliability { said: 0.53, came: 0.5, n: 2_000 }],
            hours: vec![
                ErrorHour { at_ms: 0, n: 60, mae_bps: 5.0, naive_mae_bps: 5.1 },
                ErrorHour { at_ms: 3_600_000, n: 60, mae_bps: 5.2, naive_mae_bps: 5.1 },
            ],
            newest: vec![
                Outcome { at_ms: 0, forecast_bps: 1.0, outcome_bps: -4.0 },
                Outcome { at_ms: 60_000, forecast_bps: 1.5, outcome_bps: 3.0 },
            ],
        }
    }

    #[test]
    fn not_proven_is_never_said_as_a_fact() {
        let said = |track: &Track| match &standing(track).blocks[0] {
            Block::Text(said) => said.clone(),
            other => panic!("{other:?}"),
        };
        let open = said(&track("not proven", 0.003));
        assert!(open.text.ends_with("may be chance.") && open.tone == Tone::Open, "{open:?}");
        assert_eq!(said(&track("better", 0.009)).tone, Tone::Good);
        assert!(said(&track("worse", -0.011)).text.starts_with("1.1\u{202f}% worse"));
        let none = Track { skill: None, ..track("not proven", 0.0) };
        assert!(said(&none).text.contains("Nothing scored yet"));
    }

    #[test]
    fn every_track_is_compared_and_leads_to_its_pictures() {
        let other = Track { model: "bbbb".into(), leads: false, horizon_min: 10, ..track("worse", -0.02) };
        let skill = Skill { symbol: "kraken:BTC/USD".into(), tracks: vec![track("better", 0.01), other] };
        let Block::Table(table) = &comparison(&skill, Zone::default()).blocks[0] else { panic!("a table") };
        assert_eq!(table.rows[1].link, "/forecasts?symbol=kraken:BTC/USD&model=bbbb&horizon=10");
        assert!(table.rows.iter().all(|row| row.cells.len() == table.heads.len()));
        assert_eq!(table.rows[0].cells[3].said, Said::toned("better", Tone::Good));
        assert_eq!(chosen(&skill, "bbbb", "10").map(|track| track.horizon_min), Some(10));
        assert_eq!(chosen(&skill, "", "").map(|track| track.model.as_str()), Some("aaaa"));
        for section in [
            outcomes(&skill.tracks[0], Zone::default()),
            errors(&skill.tracks[0], Zone::default()),
            reliability(&skill.tracks[0]),
        ] {
            assert!(matches!(section.blocks[0], Block::Plot(_)), "{section:?}");
        }
    }

    #[test]
    fn attention_is_drawn_where_a_model_tells_it() {
        let look = |place: i64, share| Look { open_time_ms: place * 60_000, share };
        let told = Why {
            venue: "kraken".into(),
            symbol: "BTC/USD".into(),
            model: "aaaa".into(),
            name: "starter r3".into(),
            open_time_ms: 0,
            forecast: vec![WhyHorizon { horizon_min: 5, log_return_bps: 1.2, p_up: 0.53, quantiles_bps: Vec::new() }],
            attention: vec![look(0, 0.25), look(1, 0.75)],
            features: Vec::new(),
        };
        let sections = why(&told, Zone::default());
        let Block::Heat(heat) = &sections[0].blocks[0] else { panic!("{sections:?}") };
        assert_eq!((heat.columns, heat.marks[2].1.as_str()), (2, "00:01"));
        let silent = Why { attention: Vec::new(), ..told };
        assert!(matches!(why(&silent, Zone::default())[0].blocks[0], Block::Text(_)));
        assert!(format!("{:?}", newest(&silent)).contains("+1.2"));
    }

    #[test]
    fn what_is_not_sound_says_what_is_wrong() {
        let mut found = ChainFound {
            sealed: 8,
            first: Some(1),
            head: Some((8, "abcdef012345".into())),
            pruned: 0,
            broken: 1,
            late: 0,
            unsealed: 0,
            scored: 3,
            revised: 0,
            differ: 0,
            without_candle: 0,
            findings: vec!["link 4 is not what the forecasts give".into()],
        };
        let said = format!("{:?}", verified(&Verification { is_sound: false, found: found.clone() }));
        assert!(said.contains("Not sound") && said.contains("link 4"), "{said}");
        found.findings.clear();
        assert!(format!("{:?}", verified(&Verification { is_sound: true, found })).contains("abcdef01"));
    }
}
