//! Below a market's chart: the same coin elsewhere, the newest trades, and the forecasts.

use wire::{HorizonCard, Instrument, Trade};

use super::draw::{card, chip};
use super::{Said, Section};
use crate::calendar::Zone;
use crate::format::{self, THIN_SPACE};
use crate::markup::{Node, node, text};
use crate::sentence;
use crate::state::State;
use crate::{address, link::Freshness};

/// Trades that are shown.
const TRADES: usize = 12;

/// What is known.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The market; `None` before the box told its markets.
    pub here: Option<&'a Instrument>,
    /// All that the box told.
    pub state: &'a State,
    /// Whether that is the present.
    pub freshness: Freshness,
    /// The zone that times are read in.
    pub zone: Zone,
}

/// The three cards.
#[must_use]
pub fn below(sight: Sight<'_>) -> Vec<Node> {
    let overview = sight.state.overview.as_ref();
    let as_of = overview.filter(|_| sight.freshness == Freshness::Stale);
    let as_of = as_of.map(|told| format!("as of {}", sight.zone.clock_seconds(told.at_ms))).unwrap_or_default();
    let dated = |(section, inner): (Section, Vec<Node>)| card(Section { as_of: as_of.clone(), ..section }, inner);
    vec![dated(elsewhere(sight)), dated(trades(sight)), dated(forecasts(sight))]
}

/// The mid of an instrument, units of its quote currency.
fn mid(sight: Sight<'_>, of: &Instrument) -> Option<f64> {
    let (bid, ask) = sight.state.quote(of.id)?.best?;
    Some((bid as f64 + ask as f64) / 2.0 / format::ten_to(of.price_decimals))
}

fn base(pair: &str) -> &str {
    pair.split('/').next().unwrap_or(pair)
}

fn elsewhere(sight: Sight<'_>) -> (Section, Vec<Node>) {
    let Some(here) = sight.here else { return (Section::new("elsewhere", "Elsewhere").say("Loading"), Vec::new()) };
    let section = Section::new("elsewhere", &format!("{} elsewhere", base(&here.pair))).note("difference in bps");
    let is_other = |it: &&Instrument| it.id != here.id && base(&it.pair) == base(&here.pair);
    let mut rows = vec![heads(&["Market", "Mid", "vs here", "Book"])];
    for other in sight.state.catalogue.iter().filter(is_other) {
        let there = mid(sight, other);
        let price = there.map(|mid| format::float(mid, other.price_decimals.min(2)));
        let difference = there.zip(mid(sight, here)).map(|(there, here)| (there / here - 1.0) * 1e4);
        let difference = difference.map_or_else(|| "–".into(), |bps| format::signed_float(bps, 1));
        let (word, tone) = match sight.state.quote(other.id) {
            Some(quote) => sentence::book_state(quote.state),
            None => ("unknown", sentence::Tone::Plain),
        };
        let name = node("a", "").set("href", &address::market(other)).say(&other.venue).say(" ");
        rows.push(
            node("tr", "")
                .key(&other.id.to_string())
                .id("elsewhere-row")
                .with(node("td", "").with(name.with(text("span", "secondary", &other.pair))))
                .with(text("td", "", price.as_deref().unwrap_or("–")))
                .with(text("td", format::sign_class(&difference), &difference))
                .with(node("td", "").with(chip(&Said::toned(word, tone)))),
        );
    }
    if rows.len() == 1 {
        return (section.say("No other market of this box trades it."), Vec::new());
    }
    (section, vec![node("table", "").with(node("tbody", "").all(rows))])
}

fn heads(names: &[&str]) -> Node {
    node("tr", "").key("heads").all(names.iter().map(|name| text("th", "", name).set("scope", "col")).collect())
}

fn trades(sight: Sight<'_>) -> (Section, Vec<Node>) {
    let section = Section::new("trades", "Trades").note("price · size · time");
    let Some((market, here)) = sight.state.market.as_ref().zip(sight.here) else {
        return (section.say("Loading"), Vec::new());
    };
    if market.trades.is_empty() {
        return (section.say("No trade yet."), Vec::new());
    }
    let row = |(number, trade): &(u64, Trade)| {
        let (class, mark, word) = match trade.side {
            1.. => ("up", "▴", "a buyer crossed the spread"),
            0 => ("", "·", "side unknown"),
            _ => ("down", "▾", "a seller crossed the spread"),
        };
        let price = text("td", class, &format::fixed(trade.price, here.price_decimals)).set("title", word).say(" ");
        node("tr", "")
            .key(&number.to_string())
            .id("trade")
            .with(price.with(text("span", "", mark).set("aria-hidden", "true")))
            .with(text("td", "", &format::quantity(trade.qty, here.qty_decimals)))
            .with(text("td", "secondary", &sight.zone.clock_seconds(trade.at_ms)))
    };
    let rows = market.trades.iter().take(TRADES).map(row).collect();
    (section, vec![node("table", "").with(node("tbody", "").all(rows))])
}

fn forecasts(sight: Sight<'_>) -> (Section, Vec<Node>) {
    let section = Section::new("horizons", "Forecasts here").note("bps");
    let Some(told) = sight.here.and_then(|here| sight.state.forecasts(here.id)) else {
        let why = if sight.state.overview.is_some() { "No forecasts are made for this market." } else { "Loading" };
        return (section.say(why), Vec::new());
    };
    let row = |card: &HorizonCard| {
        let bps = |value: f32, digits| format::signed_float(f64::from(value) * 1e4, digits);
        let made = card.forecast.as_ref();
        let expected = made.map_or_else(|| "–".into(), |it| bps(it.log_return, 1));
        let band = made.and_then(|it| Some((it.log_return, it.band_90?)));
        let band = band.map(|(middle, half)| format!("{} to {}", bps(middle - half, 0), bps(middle + half, 0)));
        let rise = made.map_or_else(|| "–".into(), |it| format::percent(f64::from(it.p_up) * 1e6, 0));
        let (word, tone) = sentence::verdict(card.verdict);
        let unit = text("span", "unit", &format!("{THIN_SPACE}min"));
        node("tr", "")
            .id("horizon")
            .with(text("td", "", &card.horizon_min.to_string()).with(unit))
            .with(text("td", format::sign_class(&expected), &expected))
            .with(text("td", "secondary", band.as_deref().unwrap_or("–")))
            .with(text("td", "", &rise))
            .with(node("td", "").with(chip(&Said::toned(word, tone)).id("verdict")))
    };
    let mut rows = vec![heads(&["In", "Move", &format!("90{THIN_SPACE}%"), "Rise", "Record"])];
    rows.extend(told.horizons.iter().map(row));
    let table = node("table", "").with(node("tbody", "").all(rows));
    (section, vec![table, text("p", "secondary", &told.missing)])
}

#[cfg(test)]
mod tests {
    use wire::{BookState, Quote};

    use super::super::home::well;
    use super::*;
    use crate::state;

    fn state() -> State {
        let (mut overview, catalogue) = well();
        let mut other = catalogue[0].clone();
        (other.id, other.venue) = (9, "Coinbase".into());
        let quote = |instrument, mid: i64| Quote {
            instrument,
            state: BookState::ProvenSequence,
            best: Some((mid - 50, mid + 50)),
            change: None,
        };
        overview.quotes = vec![quote(0, 10_000_000), quote(9, 10_001_000)];
        let mut state = State { overview: Some(overview), catalogue, ..State::default() };
        state.catalogue.push(other);
        state
    }

    fn drawn(state: &State, here: Option<u16>, freshness: Freshness) -> Node {
        let here = here.and_then(|id| state.instrument(id));
        node("main", "").all(below(Sight { here, state, freshness, zone: Zone::default() }))
    }

    #[track_caller]
    fn says(page: &Node, id: &str, text: &str) {
        let read = page.find(id).expect("drawn").read();
        assert!(read.contains(text), "{id}: {read}");
    }

    #[test]
    fn the_same_coin_elsewhere_is_told_with_its_difference() {
        let page = drawn(&state(), Some(0), Freshness::Live);
        says(&page, "elsewhere", "BTC elsewhere");
        says(&page, "elsewhere-row", "Coinbase BTC/USD100\u{202f}010.00+1.0proven");
        assert!(page.find("as-of").is_none());
        says(&drawn(&state(), Some(0), Freshness::Stale), "as-of", "as of ");
        let mut alone = state();
        alone.catalogue.truncate(1);
        says(&drawn(&alone, Some(0), Freshness::Live), "elsewhere", "No other market");
        says(&drawn(&state(), None, Freshness::Live), "elsewhere", "Loading");
    }

    #[test]
    fn forecasts_tell_their_record_and_why_there_is_none() {
        let page = drawn(&state(), Some(0), Freshness::Live);
        says(&page, "horizon", "5\u{202f}min+1.2\u{2212}7 to +953\u{202f}%not proven");
        says(&drawn(&state(), Some(9), Freshness::Live), "horizons", "No forecasts are made for this market.");
        let silent = State { overview: None, ..state() };
        says(&drawn(&silent, Some(0), Freshness::Live), "horizons", "Loading");
    }

    #[test]
    fn trades_are_told_newest_first_and_stay_themselves() {
        let mut state = state();
        says(&drawn(&state, Some(0), Freshness::Live), "trades", "Loading");
        state.watch(Some((0, 1)));
        let trade = |side, price| Trade { price, qty: 25_000, side, at_ms: 1_763_678_460_000 };
        let book = wire::Book { state: BookState::ProvenSequence, bids: Vec::new(), asks: Vec::new() };
        let market = |trades| {
            let (candles, fills) = (Vec::new(), Vec::new());
            let market = wire::Market {
                instrument: 0,
                timeframe_min: 1,
                at_ms: 1,
                candles,
                running: None,
                book: book.clone(),
                trades,
                fills,
            };
            wire::ServerMessage::Market(market)
        };
        state::apply(&mut state, market(Vec::new()));
        says(&drawn(&state, Some(0), Freshness::Live), "trades", "No trade yet.");
        state::apply(&mut state, market(vec![trade(1, 10_000_100), trade(-1, 10_000_000)]));
        let page = drawn(&state, Some(0), Freshness::Live);
        says(&page, "trades", "100\u{202f}001.00 ▴2.5000");
        says(&page, "trades", "100\u{202f}000.00 ▾");
        let keys = |page: &Node| page.find("trade").map(|row| row.key.clone());
        assert_eq!(keys(&page), keys(&drawn(&state, Some(0), Freshness::Stale)));
    }
}
