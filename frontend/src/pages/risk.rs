//! What limits the account, and what stopped it.

use wire::api::{LimitUse, PastBreaker, RefusedOrder, Risk};

use super::plot::heat;
use super::{Block, Cell, Heat, Limit, Row, Said, Section, Table, fact, market, moment, or_dash, ordered, percent};
use crate::calendar::Zone;
use crate::format;
use crate::sentence::Tone;

/// Limits as gauges.
#[must_use]
pub fn limits(risk: &Risk) -> Section {
    let limit = |it: &LimitUse| Limit {
        name: it.name.clone(),
        share: it.used.unwrap_or(0.0) / it.max.max(1e-9),
        text: match it.used {
            Some(used) => format!("{} of {}", percent(used, 1), percent(it.max, 0)),
            None => format!("not known of {}", percent(it.max, 0)),
        },
    };
    let exits = risk.exits.iter().map(|(name, share)| {
        fact(name, Said::plain(&share.map_or_else(|| "off".into(), |share| percent(share, 1))), "Closes a position")
    });
    Section::new("limits", "Limits")
        .note("shares of equity, first account")
        .with(Block::Limits(risk.limits.iter().map(limit).collect()))
        .with(Block::Facts(exits.collect()))
}

/// Breakers: what each watches for, and which are open.
#[must_use]
pub fn breakers(risk: &Risk, zone: Zone) -> Section {
    let row = |(name, limit): &(String, String)| {
        let open: Vec<_> = risk.breakers.iter().filter(|breaker| breaker.cause == *name).collect();
        let state = match open.first() {
            None if limit == "off" => Cell::from(Said::quiet("off")),
            None => Cell::from(Said::toned("closed", Tone::Good)),
            Some(first) => {
                let stops: Vec<String> = open.iter().map(|breaker| market(&breaker.stops)).collect();
                Cell::from(Said::toned(&format!("open since {}", moment(zone, first.since_ms)), Tone::Warning))
                    .hint(&stops.join(", "))
            }
        };
        let stops: Vec<String> = open.iter().map(|breaker| market(&breaker.stops)).collect();
        Row::of(vec![
            name.clone().into(),
            limit.clone().into(),
            state.chip(),
            if stops.is_empty() { "–".into() } else { stops.join(", ").into() },
        ])
    };
    Section::new("breakers", "Breakers").note("stop new positions, never the way out").with(Block::Table(Table {
        name: "breakers",
        heads: vec!["Watches", "Opens at", "State", "Stops"],
        rows: risk.watched.iter().map(row).collect(),
    }))
}

/// When breakers opened, and for how long.
#[must_use]
pub fn opened(risk: &Risk, zone: Zone) -> Section {
    let section = Section::new("breaker-history", "Breakers that opened").wide().note("newest first");
    if risk.opened.is_empty() {
        return section.say("None has opened.");
    }
    let row = |it: &PastBreaker| {
        let lasted = match it.to_ms {
            None => Said::toned("still open", Tone::Warning),
            Some(to_ms) => Said::plain(&format::age((to_ms - it.from_ms).max(0) as u64)),
        };
        Row::of(vec![
            moment(zone, it.from_ms).into(),
            it.cause.clone().into(),
            market(&it.stops).into(),
            it.measured.clone().into(),
            lasted.into(),
        ])
    };
    section.with(Block::Table(Table {
        name: "breakers that opened",
        heads: vec!["When", "Watches", "Stops", "Measured", "Lasted"],
        rows: risk.opened.iter().map(row).collect(),
    }))
}

/// How prices move together.
#[must_use]
pub fn correlation(risk: &Risk) -> Section {
    let section = Section::new("correlation", "Moving together")
        .wide()
        .note("correlation of five-minute returns over the last day");
    let known = risk
        .correlation
        .iter()
        .enumerate()
        .any(|(place, row)| row.iter().enumerate().any(|(other, value)| other != place && value.is_some()));
    if !known {
        return section.say("It needs an hour of prices. Until then everything counts as moving together.");
    }
    let rows = risk.symbols.iter().zip(&risk.correlation);
    // One hue: the sign stands in the table below for those who need it.
    let rows = rows.map(|(name, row)| (market(name), row.iter().map(|value| value.map(f64::abs)).collect()));
    let heat = heat("Correlation of five-minute returns".into(), rows.collect(), Vec::new(), ("none", "moves as one"));
    section.with(Block::Heat(Heat { aspect: 2, ..heat })).with(Block::Table(strongest(risk)))
}

/// The pairs that move together most.
fn strongest(risk: &Risk) -> Table {
    let mut pairs = Vec::new();
    for (place, row) in risk.correlation.iter().enumerate() {
        for (other, value) in row.iter().enumerate().skip(place + 1) {
            pairs.extend(value.map(|value| (value, place, other)));
        }
    }
    let pairs = ordered(pairs, |(value, _, _)| -(value.abs() * 1e6) as i64);
    let name = |place: usize| risk.symbols.get(place).map(|symbol| market(symbol)).unwrap_or_default();
    let row = |(value, place, other): &(f64, usize, usize)| {
        Row::of(vec![name(*place).into(), name(*other).into(), format::signed_float(*value, 2).into()])
    };
    let rows = pairs.iter().take(8).map(row).collect();
    Table { name: "correlation", heads: vec!["One", "Other", "Correlation"], rows }
}

/// What risk refused.
#[must_use]
pub fn refused(risk: &Risk, zone: Zone) -> Section {
    let section = Section::new("held-back", "Held back").wide().note("orders that a limit or a breaker held back");
    let section = if risk.refusals.is_empty() {
        section
    } else {
        let counts = ordered(risk.refusals.clone(), |(_, n)| -(*n as i64));
        let facts =
            counts.iter().map(|(reason, n)| fact(reason, Said::plain(&format::count(*n)), "Since the account began"));
        section.with(Block::Facts(facts.collect()))
    };
    if risk.refused.is_empty() {
        return section.say("No order was refused.");
    }
    let row = |order: &RefusedOrder| {
        Row::of(vec![
            moment(zone, order.at_ms).into(),
            market(&order.symbol).into(),
            order.side.clone().into(),
            order.reason.clone().into(),
        ])
    };
    section.with(Block::Table(Table {
        name: "refused",
        heads: vec!["When", "Market", "Side", "Why"],
        rows: risk.refused.iter().map(row).collect(),
    }))
}

/// `VaR 95 %, a day: 1.2 %`, for a heading.
#[must_use]
pub fn at_risk(risk: &Risk) -> String {
    let limit = risk.limits.iter().find(|limit| limit.name.starts_with("Value at risk"));
    or_dash(limit.and_then(|limit| limit.used).map(|used| percent(used, 2)))
}

#[cfg(test)]
mod tests {
    use wire::api::OpenBreaker;

    use super::*;

    fn risk() -> Risk {
        Risk {
            at_ms: 0,
            trading: true,
            limits: vec![
                LimitUse { name: "Drawdown".into(), used: Some(0.018), max: 0.2 },
                LimitUse { name: "Value at risk, a day".into(), used: None, max: 0.05 },
            ],
            exits: vec![("Stop-loss".into(), Some(0.02)), ("Trailing stop".into(), None)],
            opened: vec![PastBreaker {
                cause: "spread".into(),
                stops: "kraken:BTC/USD".into(),
                from_ms: 0,
                to_ms: Some(90_000),
                measured: "12.0 bps of 10.0 bps".into(),
            }],
            breakers: vec![OpenBreaker {
                cause: "spread".into(),
                stops: "kraken:BTC/USD".into(),
                since_ms: 0,
                seen_at_ms: 0,
            }],
            watched: vec![("jump".into(), "2 % within a minute".into()), ("spread".into(), "above 30 bps".into())],
            symbols: vec!["kraken:BTC/USD".into(), "coinbase:BTC-USD".into()],
            correlation: vec![vec![Some(1.0), Some(-0.93)], vec![Some(-0.93), Some(1.0)]],
            refused: Vec::new(),
            refusals: vec![("thin book".into(), 2), ("order rate".into(), 5)],
        }
    }

    #[test]
    fn limits_tell_what_is_used_of_them() {
        let Block::Limits(limits) = &limits(&risk()).blocks[0] else { panic!("limits") };
        assert_eq!(limits[0].text, "1.8\u{202f}% of 20\u{202f}%");
        assert!((limits[0].share - 0.09).abs() < 1e-9);
        assert_eq!(limits[1].text, "not known of 5\u{202f}%");
        assert_eq!(at_risk(&risk()), "–");
    }

    #[test]
    fn an_open_breaker_says_what_it_stops() {
        let Block::Table(table) = &breakers(&risk(), Zone::default()).blocks[0] else { panic!("a table") };
        assert_eq!(table.rows[0].cells[2].said.text, "closed");
        assert_eq!(table.rows[1].cells[3].said.text, "Kraken BTC/USD");
        assert!(table.rows[1].cells[2].said.text.starts_with("open since"));
    }

    #[test]
    fn the_sign_of_a_correlation_is_told_beside_the_picture() {
        let section = correlation(&risk());
        let Block::Table(table) = &section.blocks[1] else { panic!("a table") };
        assert_eq!(table.rows[0].cells[2].said.text, "\u{2212}0.93");
        let unknown = Risk { correlation: vec![vec![Some(1.0), None], vec![None, Some(1.0)]], ..risk() };
        assert!(matches!(correlation(&unknown).blocks[0], Block::Text(_)));
        assert!(format!("{:?}", refused(&risk(), Zone::default())).contains("order rate"));
    }
}
