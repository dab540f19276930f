//! A recorded day, gone through minute by minute.

use wire::api::{Day, DayMinute};

use super::plot::{Across, Mark, Source, draw};
use super::{Block, Cell, Row, Said, Section, Slider, Table, bps, fact, market, or_dash, percent, plain};
use crate::calendar::Zone;
use crate::format;
use crate::sentence::Tone;

/// Orders that are shown, the newest of those up to the moment.
const ORDERS: usize = 6;

/// The day up to one of its minutes, which is at `place` among them: what was known then, and fainter what came later.
#[must_use]
pub fn course(day: &Day, place: usize, zone: Zone) -> Vec<Section> {
    let section = Section::new("course", "The day, minute by minute").wide().note(&market(&day.symbol));
    let place = place.min(day.minutes.len().saturating_sub(1));
    let Some(minute) = day.minutes.get(place) else {
        return vec![section.say("Of this day nothing is kept of this market.")];
    };
    let scale = format::ten_to(day.price_decimals);
    let prices = |minutes: &[DayMinute]| {
        let point = |minute: &DayMinute| Some((minute.at_ms as f64, minute.close? as f64 / scale));
        minutes.iter().filter_map(point).collect::<Vec<_>>()
    };
    let sources = vec![
        Source { name: "later", class: "control", mark: Mark::Line, points: prices(&day.minutes[place..]) },
        Source { name: "so far", class: "line-accent", mark: Mark::Line, points: prices(&day.minutes[..=place]) },
    ];
    let at = zone.clock(minute.at_ms);
    let slider = Slider {
        id: "moment",
        label: "Minute of the day",
        most: day.minutes.len() - 1,
        value: place,
        read: format!("{} {at}", zone.date(minute.at_ms)),
    };
    let plot = draw(format!("Price on {}", day.day), "price", Across::Time(zone), None, sources);
    let section = match plot.filter(|_| day.minutes.len() > 1) {
        Some(plot) => section.with(Block::Plot(plot)),
        None => section,
    };
    vec![section.with(Block::Slider(slider)).facts(facts(day, minute)), orders(day, minute.at_ms, zone)]
}

fn facts(day: &Day, minute: &DayMinute) -> Vec<super::Fact> {
    let price = |close: i64| format::fixed(close, day.price_decimals);
    let first = day.minutes.iter().find_map(|minute| minute.close);
    let change = minute.close.zip(first).filter(|(_, first)| *first != 0);
    let change = change.map(|(now, first)| format::signed_percent((now as f64 / first as f64 - 1.0) * 1e6, 2));
    let mut facts = vec![
        plain("Price", &or_dash(minute.close.map(price)), ""),
        fact("Since the day began", Said::signed(&or_dash(change)), ""),
    ];
    if let Some((equity, hold)) = minute.equity {
        facts.push(plain("Equity", &format::cash(equity), "Of the account, at the middle of the books"));
        facts.push(plain("Buy and hold", &format::cash(hold), "What the account would have been worth"));
    }
    if let Some(held) = minute.held {
        facts.push(plain("Held", &format::rounded(held, day.qty_decimals, 4), "Of this market's coin"));
    }
    if let Some(forecast) = minute.forecast {
        let came = forecast.came_bps.map_or_else(|| Said::quiet("not known"), |came| Said::signed(&bps(came)));
        facts.push(fact("Forecast then", Said::signed(&bps(forecast.expected_bps)), "For five minutes later"));
        facts.push(plain("Probability of a rise", &percent(forecast.p_up, 0), "As the model said it then"));
        facts.push(fact("What came", came, "Five minutes later"));
    }
    facts
}

/// The orders that had been decided by then, the newest first.
fn orders(day: &Day, at_ms: i64, zone: Zone) -> Section {
    let section =
        Section::new("course-orders", "Orders until then").wide().note("with what each came to; a row tells why");
    let made: Vec<_> = day.orders.iter().filter(|order| order.at_ms < at_ms).collect();
    if made.is_empty() {
        return section.say("None until then.");
    }
    let row = |order: &&wire::api::OrderRow| {
        let tone = if order.side == "buy" { Tone::Good } else { Tone::Bad };
        Row::of(vec![
            zone.clock_seconds(order.at_ms).into(),
            market(&order.symbol).into(),
            Said::toned(&order.side, tone).into(),
            format!("{} of {}", format::trimmed(&order.filled), format::trimmed(&order.qty)).into(),
            or_dash(order.price.as_deref().map(format::decimal)).into(),
            Cell::from(order.reason.clone()),
        ])
        .to(format!("/trading?account={}&order={}", day.account, order.id))
    };
    let rows = made.iter().rev().take(ORDERS).map(row).collect();
    let heads = vec!["Decided", "Market", "Side", "Filled", "Price", "For"];
    let first = if day.has_more_orders { "first " } else { "" };
    let count = Said::quiet(&format!("{} of the day's {first}{}", made.len(), day.orders.len()));
    section.with(Block::Table(Table { name: "orders until then", heads, rows })).with(Block::Text(count))
}

#[cfg(test)]
mod tests {
    use wire::api::{DayForecast, OrderRow};

    use super::*;
    use crate::markup::{Node, node};

    fn day() -> Day {
        let minute = |n: i64| DayMinute {
            at_ms: 1_763_596_800_000 + (n + 1) * 60_000,
            close: Some(600_000 + 60 * n),
            equity: Some(((10_000 + n) * 100_000_000, 10_001 * 100_000_000)),
            held: Some(25_000_000),
            forecast: (n == 5).then_some(DayForecast { expected_bps: 1.25, p_up: 0.56, came_bps: Some(-2.0) }),
        };
        let order = |n: i64| OrderRow {
            id: n.to_string(),
            account: "lead".into(),
            symbol: "kraken:BTC/USD".into(),
            at_ms: 1_763_596_800_000 + n * 60_000 + 30_000,
            side: "buy".into(),
            qty: "0.5".into(),
            filled: "0.5".into(),
            price: Some("60000.0".into()),
            kind: "market".into(),
            reason: "forecast".into(),
            end: Some("filled".into()),
            cost: "0.1".into(),
        };
        Day {
            day: "2025-11-20".into(),
            symbol: "kraken:BTC/USD".into(),
            account: "lead".into(),
            price_decimals: 1,
            qty_decimals: 8,
            has_more_orders: false,
            minutes: (0..100).map(minute).collect(),
            orders: vec![order(3), order(50)],
        }
    }

    fn drawn(day: &Day, place: usize) -> Node {
        node("main", "").all(super::super::draw::sections(course(day, place, Zone::default())))
    }

    #[test]
    fn a_moment_tells_what_was_known_then_and_nothing_of_later() {
        let page = drawn(&day(), 5);
        let course = page.find("course").expect("drawn").read();
        assert!(course.contains("20 Nov 00:06") && course.contains("60\u{202f}030.0"), "{course}");
        assert!(course.contains("$10\u{202f}005") && course.contains("+1.3") && course.contains("56"), "{course}");
        let orders = page.find("course-orders").expect("drawn").read();
        assert!(orders.contains("00:03:30") && !orders.contains("00:50:30"), "{orders}");
        assert!(drawn(&day(), 0).read().contains("None until then."));
        assert!(drawn(&day(), 99).read().contains("2 of the day's 2"));
        let more = Day { has_more_orders: true, ..day() };
        assert!(drawn(&more, 99).read().contains("2 of the day's first 2"));
    }

    #[test]
    fn a_place_beyond_the_day_is_its_last_minute() {
        assert_eq!(drawn(&day(), 5_000), drawn(&day(), 99));
        let empty = Day { minutes: Vec::new(), ..day() };
        assert!(drawn(&empty, 7).read().contains("nothing is kept"));
    }
}
