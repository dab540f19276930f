//! What lay between exchanges, and what came of trying it.

use wire::api::{Opportunities, OpportunityDay, OpportunityRow};

use super::{Block, Cell, Row, Said, Section, Table, bps, venue};
use crate::calendar::Zone;
use crate::format;
use crate::sentence::Tone;

/// The newest opportunities.
#[must_use]
pub fn newest(told: &Opportunities, zone: Zone) -> Section {
    let section = Section::new("opportunities", "Newest opportunities").wide().note(crate::between::BEFORE);
    if told.opportunities.is_empty() {
        return section.say("No difference between exchanges has paid both fees yet.");
    }
    let row = |row: &OpportunityRow| {
        let tried = match &row.tried {
            None => Cell::from(Said::quiet("not tried")),
            Some(tried) => {
                let tone = match tried.end.as_str() {
                    "caught" | "caught in part" => Tone::Good,
                    "gone by arrival" | "one side only" => Tone::Warning,
                    _ => Tone::Plain,
                };
                let sums = format!("{} of {} {}", money(&tried.result), money(&tried.expected), row.currency);
                let text = if tried.orders.is_empty() { tried.end.clone() } else { format!("{}: {sums}", tried.end) };
                Cell::from(Said::toned(&text, tone))
            }
        };
        Row::of(vec![
            format!("{} {}", zone.date(row.opened_at_ms), zone.clock_seconds(row.opened_at_ms)).into(),
            format!("{} {} → {}", row.base, venue(&row.buy), venue(&row.sell)).into(),
            format::age(row.duration_ms).into(),
            peak(&row.peak_net_bps).into(),
            format!("{} for {} {}", format::trimmed(&row.first.qty), money(&row.first.cost), row.currency).into(),
            Cell::from(format!("{} {}", money(&row.first.profit), row.currency)),
            tried,
        ])
    };
    section.with(Block::Table(Table {
        name: "opportunities",
        heads: vec!["Began", "Route", "Lasted", "Peak", "Size", "Left", "On paper"],
        rows: told.opportunities.iter().rev().map(row).collect(),
    }))
}

/// All of the last days.
#[must_use]
pub fn days(told: &Opportunities) -> Section {
    let section = Section::new("opportunity-days", "By day and route").wide();
    if told.summary.is_empty() {
        return section.say("Nothing to count yet.");
    }
    let row = |day: &OpportunityDay| {
        let sent = day.caught + day.part + day.one_sided + day.gone + day.cut_off;
        let tried = match sent {
            0 => Cell::from(Said::quiet("none sent")),
            n => Cell::from(format!("{} of {n} caught", day.caught + day.part)).hint(&format!(
                "{} caught, {} in part, {} on one side only, {} gone, {} cut off; not sent: {} for want of money, {} of coins, {} others",
                day.caught, day.part, day.one_sided, day.gone, day.cut_off, day.no_money, day.no_coins, day.not_sent
            )),
        };
        let brought = Said::signed(&format!("{} {}", signed_money(&day.result), day.currency));
        Row::of(vec![
            day.day.clone().into(),
            format!("{} → {}", venue(&day.buy), venue(&day.sell)).into(),
            format::count(day.count).into(),
            format::age(day.longest_ms).into(),
            peak(&day.peak_net_bps).into(),
            tried,
            format!("{} {}", money(&day.expected), day.currency).into(),
            brought.into(),
        ])
    };
    section.with(Block::Table(Table {
        name: "opportunity-days",
        heads: vec!["Day", "Route", "Began", "Longest", "Peak", "Tried", "Promised", "Brought"],
        rows: told.summary.iter().rev().map(row).collect(),
    }))
}

/// What all attempts together came to, as a sentence.
#[must_use]
pub fn verdict(told: &Opportunities) -> Section {
    let section = Section::new("arbitrage-verdict", "What it came to").wide();
    let sum = |read: fn(&OpportunityDay) -> u64| told.summary.iter().map(read).sum::<u64>();
    let sent = sum(|day| day.caught + day.part + day.one_sided + day.gone + day.cut_off);
    let began = sum(|day| day.count);
    if sent == 0 {
        return section.say(&format!(
            "{} began, none was tried: an attempt needs money where base is bought and base where it is sold.",
            format::count(began)
        ));
    }
    let whole = sum(|day| day.caught);
    let text = format!(
        "Began: {}. Tried on paper, with an order on each side and each side's latency: {}, of which {} got both sides whole.",
        format::count(began),
        format::count(sent),
        super::percent(whole as f64 / sent as f64, 0),
    );
    section
        .with(Block::Text(Said::plain(&text)))
        .say("An opportunity on the screen is not one that is still there when an order arrives.")
}

fn peak(text: &str) -> String {
    bps(format::parse_cash(text) as f64 / format::ten_to(format::CASH_DECIMALS))
}

fn money(text: &str) -> String {
    format::rounded(format::parse_cash(text), format::CASH_DECIMALS, 2)
}

fn signed_money(text: &str) -> String {
    let cents = money(text);
    let is_gain = !cents.starts_with(format::MINUS) && cents.contains(|c: char| matches!(c, '1'..='9'));
    if is_gain { format!("+{cents}") } else { cents }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> OpportunityDay {
        OpportunityDay {
            day: "2026-01-05".into(),
            buy: "kraken".into(),
            sell: "binance-us".into(),
            currency: "USD".into(),
            count: 3,
            duration_ms: 8_000,
            longest_ms: 7_000,
            peak_net_bps: "3.10".into(),
            best_profit: "1".into(),
            best_cost: "100".into(),
            first_profit: "0.6".into(),
            first_cost: "200".into(),
            caught: 1,
            part: 0,
            one_sided: 0,
            gone: 1,
            cut_off: 0,
            no_money: 0,
            no_coins: 1,
            not_sent: 0,
            expected: "0.5".into(),
            result: "-0.41".into(),
        }
    }

    #[test]
    fn what_was_promised_and_what_was_caught_stand_side_by_side() {
        let told = Opportunities { opportunities: Vec::new(), summary: vec![day()] };
        let Block::Table(table) = &days(&told).blocks[0] else { panic!("a table") };
        let cells: Vec<&str> = table.rows[0].cells.iter().map(|cell| cell.said.text.as_str()).collect();
        assert_eq!(cells[1], "Kraken → Binance.US");
        assert_eq!((cells[5], cells[6], cells[7]), ("1 of 2 caught", "0.50 USD", "\u{2212}0.41 USD"));
        assert_eq!(cells.len(), table.heads.len());
        assert!(format!("{:?}", verdict(&told)).contains("50\\u{202f}%"));
        assert!(format!("{:?}", newest(&told, Zone::default())).contains("paid both fees yet"));
    }
}
