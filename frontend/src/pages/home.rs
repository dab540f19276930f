//! Home: is it alive, what do I own, what comes next, what happened.

use wire::{Account, BookState, FeedBadge, Forecasts, HorizonCard, Instrument, Lamp, Overview, PositionRow};

use super::draw::{self, choice};
use super::lamp;
use super::{Block, Cell, Choosable, Figure, Gauge, Limit, Line, Picture, Row, Said, Section, Table};
use crate::between;
use crate::calendar::Zone;
use crate::chart::{fan, shape};
use crate::format::{self, THIN_SPACE};
use crate::link::Freshness;
use crate::markup::{Does, Node, node, text};
use crate::sentence::{self, Tone};

/// What is known when the page is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The box at a glance; `None` before it spoke.
    pub overview: Option<&'a Overview>,
    /// All instruments.
    pub catalogue: &'a [Instrument],
    /// Whether that is the present.
    pub freshness: Freshness,
    /// The zone that times are read in.
    pub zone: Zone,
    /// Whether the visitor may change anything.
    pub may_control: bool,
}

/// The page; `asked` is the instrument that the user chose for the forecasts.
#[must_use]
pub fn page(sight: Sight<'_>, asked: &str) -> Vec<Node> {
    let group = |class: &str, all: Vec<Section>| node("div", class).key(class).all(draw::sections(dated(sight, all)));
    let options = options(sight);
    let chosen = options.iter().find(|it| it.key == asked).or(options.first()).map_or("", |it| it.key.as_str());
    let next = node("div", "section-head").key("next").with(text("h2", "", "What comes next"));
    vec![
        state(sight),
        group("cards", account(sight)),
        next.with(choice("Instrument", &options, chosen, false)),
        group("forecasts", forecasts(sight, chosen)).id("forecasts"),
        group("home-bottom", vec![feeds(sight), events(sight), between(sight)]),
    ]
}

/// What is between exchanges just now, for a page of sections.
#[must_use]
pub fn between_now(sight: Sight<'_>) -> Vec<Section> {
    dated(sight, vec![between(sight).wide()])
}

/// Sections that say of which time they are, where that is not the present.
fn dated(sight: Sight<'_>, mut all: Vec<Section>) -> Vec<Section> {
    if let (Some(overview), Freshness::Stale) = (sight.overview, sight.freshness) {
        let text = format!("as of {}", sight.zone.clock_seconds(overview.at_ms));
        for section in &mut all {
            section.as_of.clone_from(&text);
        }
    }
    all
}

/// A section that waits for the first word of the box.
fn loading(kind: &'static str, title: &str) -> Section {
    Section::new(kind, title).say("Loading")
}

/// The sentence of state, the lamp, and the switch for new orders.
fn state(sight: Sight<'_>) -> Node {
    let (sentence, detail) = match (sight.overview, sight.freshness) {
        (None, _) => ("Waiting for the first word from the box.", String::new()),
        (Some(told), Freshness::Stale) => {
            let at = sight.zone.clock_seconds(told.at_ms);
            (&*told.sentence, format!("So it was at {at}. What has happened since is not known here."))
        }
        (Some(told), _) if told.conditions.is_empty() => (&*told.sentence, "Nothing needs you.".to_owned()),
        (Some(told), _) => (&*told.sentence, String::new()),
    };
    let is_stale = sight.freshness == Freshness::Stale;
    let is_well = sight.overview.is_none_or(|told| told.lamp <= Lamp::Paused);
    let mut words = node("div", "").with(text("h1", if is_well { "" } else { "warning" }, sentence).id("sentence"));
    if let Some(told) = sight.overview.filter(|told| detail.is_empty() && !told.conditions.is_empty()) {
        words = words.with(lamp::conditions(&told.conditions));
    } else {
        words = words.with(text("p", "detail", &detail).id("detail"));
    }
    let side = node("div", "state-side").with(lamp_shown(sight)).all(switch(sight));
    node("div", if is_stale { "state-line stale" } else { "state-line" }).key("state").with(words).with(side)
}

/// The lamp with its word.
fn lamp_shown(sight: Sight<'_>) -> Node {
    let word = lamp_word(sight.overview, sight.freshness);
    let dot = node("i", &format!("dot {}", word.tone.class())).set("aria-hidden", "true");
    node("span", "lamp").id("lamp").set("title", "What the lamp of the box shows").with(dot).say(&word.text)
}

/// The lamp's level in words; that it is not known where the box is silent.
#[must_use]
pub fn lamp_word(overview: Option<&Overview>, freshness: Freshness) -> Said {
    match (overview, freshness) {
        (Some(told), Freshness::Live) => lamp::word(told.lamp),
        (Some(_), _) => Said::quiet("Not known"),
        (None, _) => Said::quiet("Waiting"),
    }
}

/// The switch shows what the box says, never what was asked for; its dialog asks before it acts.
fn switch(sight: Sight<'_>) -> Vec<Node> {
    const DIALOG: &str = "trading-dialog";
    let account = sight.overview.map(|told| &told.account);
    let is_broken = account.is_some_and(|it| it.breaker_open);
    let is_running = account.is_some_and(|it| it.trading) && !is_broken;
    let words = match account {
        None => "Trading",
        Some(_) if is_broken => "Breaker open: trading stopped",
        Some(_) if is_running => "Trading on paper",
        Some(_) => "Not trading",
    };
    let (question, confirm) =
        if is_running { ("Stop paper trading?", "Stop trading") } else { ("Allow paper trading?", "Allow trading") };
    let consequence = match (is_running, is_broken) {
        (false, true) => {
            "This closes the breaker. The box may open new paper positions again; its limits stay in force."
        }
        (false, false) => "The box may open new paper positions again. No real money is involved.",
        (true, _) => {
            "The box opens no new paper positions until you allow it again. Open positions keep their stop-loss."
        }
    };
    let button = node("button", if is_running { "switch on" } else { "switch" })
        .id("trading")
        .set("role", "switch")
        .set("aria-checked", if is_running { "true" } else { "false" })
        .flag("disabled", sight.freshness != Freshness::Live || !sight.may_control)
        .on("click", Does::Show(DIALOG))
        .with(node("i", "").set("aria-hidden", "true"))
        .say(words);
    // A form of this method closes its dialog by itself.
    let actions = node("form", "actions")
        .set("method", "dialog")
        .with(text("button", "button", "Leave it").id("trading-cancel"))
        .with(text("button", "button primary", confirm).id("trading-confirm").on("click", Does::Trade(!is_running)));
    let dialog = node("dialog", "").id(DIALOG).set("id", DIALOG).set("aria-label", question);
    let dialog = dialog.with(text("h2", "", question)).with(text("p", "", consequence)).with(actions);
    vec![button, dialog]
}

/// The paper account in four cards.
fn account(sight: Sight<'_>) -> Vec<Section> {
    match sight.overview.map(|told| &told.account) {
        None => [("equity", "Equity"), ("today", "Today"), ("drawdown", "Drawdown"), ("positions", "Open")]
            .map(|(kind, title)| loading(kind, title))
            .into(),
        Some(account) => vec![equity(account), today(account), drawdown(account), positions(account, sight.catalogue)],
    }
}

fn figure(id: &'static str, value: Said, unit: &str) -> Figure {
    Figure { id, value, unit: unit.to_owned(), ..Figure::default() }
}

fn gain(now: i64, start: i64) -> String {
    format::signed_percent(if start == 0 { 0.0 } else { (now as f64 / start as f64 - 1.0) * 1e6 }, 2)
}

fn equity(account: &Account) -> Section {
    let mut title = "Equity".to_owned();
    let mut note = String::new();
    if let (Some(first), Some(last)) = (account.curve.first(), account.curve.last()) {
        let span_s = (last.0 - first.0).max(0).unsigned_abs() / 1_000;
        if span_s >= 60 {
            title = format!("Equity, {}", format::duration(span_s));
        }
        note = format!("dashed: buy and hold {}", gain(last.2, first.2));
    }
    let mut figure = figure("equity-value", Said::plain(&format::cash(account.equity)), "");
    figure.beside = (Said::signed(&gain(account.equity, account.start)), " since start");
    let section = Section::new("equity", &title).note(&note).with(Block::Figure(Box::new(figure)));
    match curve(account) {
        Some(picture) => section.with(Block::Picture(picture)),
        None => section.say("The curve starts with the second full minute."),
    }
}

/// The equity curve, the area below it, and buy and hold.
fn curve(account: &Account) -> Option<Picture> {
    const SIZE: (u32, u32) = (320, 72);
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    let points = &account.curve;
    let (first, last) = (points.first()?, points.last()?);
    let (low, high) = shape::extent(points.iter().flat_map(|p| [p.1 as f64, p.2 as f64]))?;
    // A change below a hundredth of a percent is drawn as flat.
    let air = ((low + high) / 2.0 * 1e-4 - (high - low)).max(0.0) / 2.0;
    let y = shape::upright((low - air, high + air), height, 3.0);
    let span = (last.0 - first.0).max(1) as f64;
    let x = |at_ms: i64| (at_ms - first.0) as f64 / span * width;
    let equity: Vec<_> = points.iter().map(|p| (x(p.0), y.at(p.1 as f64))).collect();
    let hold: Vec<_> = points.iter().map(|p| (x(p.0), y.at(p.2 as f64))).collect();
    let line = shape::line(equity.iter().copied());
    let floor = [(0.0, height), (width, height)];
    let paths = vec![
        ("fill-accent", shape::area(&equity, &floor)),
        ("control", shape::line(hold.iter().copied())),
        ("line-accent", line.clone()),
    ];
    let name = "Equity in quote currency; dashed: buy and hold".to_owned();
    (!line.is_empty()).then_some(Picture { class: "curve", name, size: SIZE, paths })
}

fn limit(name: &str, used_ppm: u32, limit_ppm: u32) -> Block {
    let (used, of) = (f64::from(used_ppm), f64::from(limit_ppm));
    let text = format!("{} of {}", format::percent(used, 1), format::percent(of, 0));
    Block::Limits(vec![Limit { name: name.to_owned(), share: used / of.max(1.0), text }])
}

fn today(account: &Account) -> Section {
    let trades = if account.trades_today == 1 { "trade" } else { "trades" };
    let count = format::count(u64::from(account.trades_today));
    Section::new("today", "Today")
        .note("since 00:00 UTC")
        .with(Block::Figure(Box::new(figure("today-value", Said::signed(&format::signed_cash(account.today)), ""))))
        .say(&format!("{count} {trades} · fees {}", format::cash(account.fees_today)))
        .with(limit("daily loss", account.daily_loss_ppm, account.daily_loss_max_ppm))
}

fn drawdown(account: &Account) -> Section {
    let fall = format::percent(f64::from(account.drawdown_ppm), 1);
    let value = figure("drawdown-value", Said::plain(&fall), "");
    let section = Section::new("drawdown", "Drawdown").with(Block::Figure(Box::new(value)));
    let section = match account.breaker_open {
        true => section.tell("breaker open: trading stopped", Tone::Warning),
        false => section.say("no breaker open"),
    };
    section.with(limit("limit", account.drawdown_ppm, account.drawdown_max_ppm))
}

/// Most positions in the card.
const POSITIONS_SHOWN: usize = 4;

fn positions(account: &Account, catalogue: &[Instrument]) -> Section {
    let all = &account.positions;
    let unit = if all.len() == 1 { " position" } else { " positions" };
    let count = Said::plain(&format::count(all.len() as u64));
    let section = Section::new("positions", "Open")
        .with(Block::Figure(Box::new(figure("positions-count", count, unit))))
        .with(Block::Lines(all.iter().take(POSITIONS_SHOWN).map(|row| position(row, catalogue)).collect()));
    match all.len() {
        0 => section.say("All in cash."),
        n if n > POSITIONS_SHOWN => section.say(&format!("and {} more", n - POSITIONS_SHOWN)),
        _ => section,
    }
}

fn position(row: &PositionRow, catalogue: &[Instrument]) -> Line {
    let Some(of) = catalogue.iter().find(|it| it.id == row.instrument) else {
        let text = format!("Instrument {}, which the box has not named", row.instrument);
        return Line { id: "position", parts: vec![Said::toned(&text, Tone::Bad)], ..Line::default() };
    };
    let sign = if row.qty < 0 { "\u{2212}" } else { "" };
    let qty = format!("{sign}{}", format::quantity(row.qty.unsigned_abs(), of.qty_decimals));
    let parts = vec![Said::plain(&of.pair), Said::quiet(&qty), Said::signed(&format::signed_cash(row.pnl))];
    Line { id: "position", parts, ..Line::default() }
}

/// Instruments with forecasts; where a pair is traded on several exchanges, with the exchange.
fn options(sight: Sight<'_>) -> Vec<Choosable> {
    let Some(told) = sight.overview else { return Vec::new() };
    let find = |of: &Forecasts| sight.catalogue.iter().find(|it| it.id == of.instrument);
    let known: Vec<&Instrument> = told.forecasts.iter().filter_map(find).collect();
    let label = |it: &Instrument| {
        let is_alone = known.iter().filter(|other| other.pair == it.pair).count() == 1;
        if is_alone { it.pair.clone() } else { format!("{} {}", it.pair, it.venue) }
    };
    known.iter().map(|it| Choosable { key: it.id.to_string(), label: label(it) }).collect()
}

fn forecasts(sight: Sight<'_>, chosen: &str) -> Vec<Section> {
    let id = chosen.parse().ok();
    let known =
        sight.overview.and_then(|told| Some((told, told.forecasts.iter().find(|it| Some(it.instrument) == id)?)));
    if let Some((told, forecasts)) = known {
        let pair = sight.catalogue.iter().find(|it| it.id == forecasts.instrument).map_or("", |it| &it.pair);
        let base = pair.split('/').next().unwrap_or(pair);
        return forecasts.horizons.iter().map(|card| forecast(forecasts, card, base, told.at_ms)).collect();
    }
    // As many cards as there will be, so that nothing moves when the forecasts come.
    let why = match sight.overview {
        None => "Loading",
        Some(told) if told.model.is_empty() => "There is no model in the box.",
        Some(_) => "No forecast yet: a full window of minutes has to come first.",
    };
    [5, 10, 30].map(|minutes| Section::new("forecast", &format!("In {minutes} min")).say(why)).into()
}

fn forecast(of: &Forecasts, card: &HorizonCard, base: &str, now_ms: i64) -> Section {
    let expected =
        card.forecast.map_or_else(|| "–".into(), |it| format::signed_float(f64::from(it.log_return) * 1e4, 1));
    let missing = || if of.missing.is_empty() { "No forecast just now.".to_owned() } else { of.missing.clone() };
    let figure = Figure {
        below: card.forecast.map_or_else(missing, |it| sentence::band(&it)),
        gauge: Some(Gauge { of: "rise", share: card.forecast.map(|it| f64::from(it.p_up)) }),
        ..figure("forecast-bps", Said::plain(&expected), " bps")
    };
    let (word, tone) = sentence::verdict(card.verdict);
    let skill = sentence::skill(card, now_ms);
    let parts = vec![Said::quiet(&skill.lead), Said::plain(&skill.claim), Said::quiet(&skill.rest)];
    let mut section = Section::new("forecast", &format!("{base} in {}{THIN_SPACE}min", card.horizon_min))
        .with(Block::Figure(Box::new(figure)))
        .with(Block::Picture(picture(of, card)))
        .with(Block::Words(Line { id: "skill", parts, ..Line::default() }));
    section.chip = Some((Said::toned(word, tone), "verdict"));
    section
}

/// Past closes, then the fan of one horizon, both on one scale of time.
fn picture(forecasts: &Forecasts, card: &HorizonCard) -> Picture {
    const SIZE: (u32, u32) = (300, 96);
    let name =
        format!("Closes of the last hour and the bands for {} minutes ahead: 50 and 90 percent", card.horizon_min);
    let empty = Picture { class: "picture", name, size: SIZE, paths: Vec::new() };
    let moments = fan::fan(std::iter::once(card));
    let closes: Vec<f64> = forecasts.closes.iter().map(|close| *close as f64).collect();
    let outer = moments.iter().flat_map(|m| {
        let (low, high) = m.band_90.unwrap_or((m.price, m.price));
        [m.price, low, high]
    });
    let Some(range) = shape::extent(closes.iter().copied().chain(outer)) else { return empty };
    let y = shape::upright(range, f64::from(SIZE.1), 4.0);
    let ahead = if moments.is_empty() { 0.0 } else { f64::from(card.horizon_min) };
    let behind = closes.len().saturating_sub(1).max(1) as f64;
    let step = f64::from(SIZE.0) / (behind + ahead);
    let now_x = behind * step;
    let start_ms = moments.first().map_or(0, |m| m.at_ms);
    let x = |at_ms: i64| now_x + (at_ms - start_ms) as f64 / 60_000.0 * step;
    let band = |pick: fn(&fan::Moment) -> Option<(f64, f64)>| {
        let edge = |side: fn((f64, f64)) -> f64| {
            moments.iter().filter_map(|m| Some((x(m.at_ms), y.at(side(pick(m)?))))).collect::<Vec<_>>()
        };
        shape::area(&edge(|band| band.1), &edge(|band| band.0))
    };
    let past: Vec<_> = closes.iter().enumerate().map(|(n, close)| (n as f64 * step, y.at(*close))).collect();
    let expected: Vec<_> = moments.iter().map(|m| (x(m.at_ms), y.at(m.price))).collect();
    let now_y = y.at(closes.last().copied().unwrap_or(range.0));
    let paths = vec![
        ("band-90", band(|m| m.band_90)),
        ("band-50", band(|m| m.band_50)),
        ("past", shape::line(past.iter().copied())),
        ("expected", shape::line(expected.iter().copied())),
        ("now", format!("M{} {}h0", format::plain(now_x, 1), format::plain(now_y, 1))),
    ];
    Picture { paths, ..empty }
}

/// The exchanges and how their books stand.
fn feeds(sight: Sight<'_>) -> Section {
    let section = Section::new("feeds", "Markets").note("proven by checksum or sequence, or compared by REST");
    let Some(told) = sight.overview else { return section.say("Loading") };
    let row = |badge: &FeedBadge| {
        let (word, tone) = sentence::feed(badge, &behind(told, sight.catalogue, &badge.venue));
        let mut venue = Cell::from(badge.venue.as_str());
        if badge.rejected > 0 {
            let count = format::count(badge.rejected);
            let rejected = Cell::from(Said::toned(&format!("{count} rejected"), Tone::Warning));
            venue = venue.above(rejected.hint(&format!("{count} messages could not be read")));
        }
        let mut books = Cell::from(format!("{} of {}", badge.books_live, badge.books));
        if let Some((share, why)) = sentence::integrity(badge, told.at_ms) {
            books = books.above(Cell::from(Said::quiet(&share)).hint(&why));
        }
        let age = badge.age_ms.map_or_else(|| "–".into(), |ms| format::age(u64::from(ms)));
        let state = Cell::from(Said::toned(&word, tone)).chip();
        Row { id: "feed", ..Row::of(vec![venue, books, format::count(badge.resyncs).into(), age.into(), state]) }
    };
    section.with(Block::Table(Table {
        name: "markets",
        heads: vec!["Venue", "Books", "Resyncs", "Age", "State"],
        rows: told.feeds.iter().map(row).collect(),
    }))
}

/// Pairs of a venue whose book does not hold.
fn behind(told: &Overview, catalogue: &[Instrument], venue: &str) -> Vec<String> {
    let is_behind = |id| {
        let quote = told.quotes.iter().find(|quote| quote.instrument == id);
        quote.is_some_and(|quote| matches!(quote.state, BookState::Resyncing | BookState::Silent))
    };
    catalogue.iter().filter(|it| it.venue == venue && is_behind(it.id)).map(|it| it.pair.clone()).collect()
}

fn events(sight: Sight<'_>) -> Section {
    let Some(told) = sight.overview else { return loading("events", "Latest") };
    let section = Section::new("events", "Latest");
    if told.events.is_empty() {
        return section.say("Nothing happened since the start.");
    }
    let line = |event: &wire::Event| Line {
        id: "event",
        tone: [Tone::Plain, Tone::Warning, Tone::Bad][usize::from(event.severity.min(2))],
        parts: vec![Said::quiet(&sight.zone.clock(event.at_ms)), Said::plain(&event.text)],
    };
    section.with(Block::Lines(told.events.iter().map(line).collect()))
}

/// What is between exchanges, or what comes nearest, and what was today.
fn between(sight: Sight<'_>) -> Section {
    let section = Section::new("between", "Between exchanges").note(between::BEFORE);
    let Some(told) = sight.overview else { return section.say("Loading") };
    let it = &told.arbitrage;
    let line = |row: between::Row| Line {
        id: "between-row",
        parts: vec![
            Said::plain(&row.route),
            Said::toned(&row.net, Tone::Good),
            Said::quiet(&row.size),
            Said::toned(&row.profit, Tone::Good),
            Said::quiet(&row.age),
        ],
        ..Line::default()
    };
    let open: Vec<Line> =
        it.open.iter().filter_map(|open| between::row(open, sight.catalogue, told.at_ms)).map(line).collect();
    let words = |id, said| Block::Words(Line { id, parts: vec![said], ..Line::default() });
    let mut section = match open.is_empty() {
        true => section.with(words("between-nothing", Said::plain(&between::nothing(it, sight.catalogue)))),
        false => section.with(Block::Lines(open)),
    };
    let more = it.open_count.saturating_sub(it.open.len() as u32);
    if more > 0 {
        section = section.say(&format!("and {more} more"));
    }
    section.with(words("between-today", Said::quiet(&between::today(&it.today))))
}

/// A box in which all is well.
#[cfg(test)]
pub(super) fn well() -> (Overview, Vec<Instrument>) {
    use wire::{Arbitrage, ArbitrageDay, BandSource, ForecastPoint, Quote, Verdict};
    const AT_MS: i64 = 1_763_678_460_000;
    let point = ForecastPoint {
        open_time_ms: AT_MS - 60_000,
        price: 9_120_410,
        log_return: 0.000_12,
        p_up: 0.53,
        band_50: Some(0.000_3),
        band_90: Some(0.000_8),
        bands_from: BandSource::Errors,
    };
    let card = |horizon_min| HorizonCard {
        horizon_min,
        forecast: Some(point),
        scored: 2_016,
        since_ms: Some(AT_MS - 7 * 86_400_000),
        skill: Some(0.003),
        interval: Some((-0.004, 0.01)),
        verdict: Verdict::NotProven,
    };
    let feed = FeedBadge {
        venue: "Kraken".into(),
        connected: true,
        books_live: 2,
        books: 2,
        state: BookState::ProvenChecksum,
        resyncs: 1,
        rejected: 0,
        age_ms: Some(84),
        proven_ppm: Some(1_000_000),
        last_break: None,
        clock_ahead_ms: None,
    };
    let instrument = |id, pair: &str| Instrument {
        id,
        venue: "Kraken".into(),
        pair: pair.into(),
        price_decimals: 2,
        qty_decimals: 4,
        tick: 1,
    };
    let overview = Overview {
        at_ms: AT_MS,
        sentence: "Kraken is live and proven. Trading on paper, no breaker open.".into(),
        lamp: Lamp::Healthy,
        conditions: Vec::new(),
        model: "starter".into(),
        quotes: vec![Quote { instrument: 0, state: BookState::ProvenChecksum, best: None, change: None }],
        feeds: vec![feed],
        account: Account {
            equity: 1_021_436_000_000,
            start: 1_000_000_000_000,
            today: 1_842_000_000,
            trades_today: 6,
            fees_today: 310_000_000,
            drawdown_ppm: 18_000,
            drawdown_max_ppm: 200_000,
            daily_loss_ppm: 0,
            daily_loss_max_ppm: 50_000,
            breaker_open: false,
            trading: true,
            positions: vec![PositionRow { instrument: 0, qty: -210, entry: 1, pnl: 610_000_000 }],
            curve: vec![(AT_MS - 7_200_000, 100, 100), (AT_MS - 60_000, 101, 99), (AT_MS, 102, 103)],
        },
        forecasts: vec![Forecasts {
            instrument: 0,
            missing: String::new(),
            horizons: vec![card(5), card(10), card(30)],
            closes: vec![9_110_000, 9_115_000, 9_120_410],
        }],
        arbitrage: Arbitrage {
            enabled: true,
            compared: 0,
            waiting: 0,
            open: Vec::new(),
            open_count: 0,
            nearest: None,
            today: ArbitrageDay { count: 0, longest_ms: 0, peak_cbps: 0 },
        },
        events: vec![wire::Event { at_ms: AT_MS, severity: 1, text: "A book was lost.".into() }],
        uptime_s: 7_200,
    };
    (overview, vec![instrument(0, "BTC/USD"), instrument(1, "ETH/USD")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::MINUS;

    /// The page as one element, of what is told.
    fn drawn(told: Option<&Overview>, catalogue: &[Instrument], freshness: Freshness) -> Node {
        let sight = Sight { overview: told, catalogue, freshness, zone: Zone::default(), may_control: true };
        node("main", "").all(page(sight, ""))
    }

    #[test]
    fn a_guest_cannot_reach_for_the_switch() {
        let (told, catalogue) = well();
        let is_disabled = |may_control| {
            let sight = Sight {
                overview: Some(&told),
                catalogue: &catalogue,
                freshness: Freshness::Live,
                zone: Zone::default(),
                may_control,
            };
            let page = node("main", "").all(page(sight, ""));
            page.find("trading").is_some_and(|it| it.attributes.iter().any(|(name, _)| *name == "disabled"))
        };
        assert_eq!([true, false].map(is_disabled), [false, true]);
    }

    fn alive(change: impl Fn(&mut Overview)) -> Node {
        let (mut told, catalogue) = well();
        change(&mut told);
        drawn(Some(&told), &catalogue, Freshness::Live)
    }

    #[track_caller]
    fn check(page: &Node, id: &str, expected: &str) {
        let found = page.find(id).unwrap_or_else(|| panic!("{id} is missing"));
        assert_eq!(found.read().replace(THIN_SPACE, "_").replace(MINUS, "-"), expected, "{id}");
    }

    #[test]
    fn home_says_what_the_box_says() {
        let page = alive(|_| {});
        check(&page, "sentence", "Kraken is live and proven. Trading on paper, no breaker open.");
        check(&page, "detail", "Nothing needs you.");
        check(&page, "lamp", "Healthy");
        check(&page, "equity", "Equity, 2_hdashed: buy and hold +3.00_%$10_214.36+2.14_% since start");
        check(&page, "today", "Todaysince 00:00 UTC+$18.426 trades · fees $3.10daily loss0.0_% of 5_%");
        check(&page, "drawdown", "Drawdown1.8_%no breaker openlimit1.8_% of 20_%");
        check(&page, "positions", "Open1 positionBTC/USD -0.0210 +$6.10");
        check(&page, "forecast-bps", "+1.2");
        check(&page, "verdict", "not proven");
        check(&page, "skill", "Last 7_days, 2_016 forecasts: 0.3_% better than no change (95_%: -0.4 to +1.0)");
        check(&page, "feed", "Kraken2 of 2100_% proven184_msproven · CRC");
        check(&page, "event", "22:41 A book was lost.");
        check(&page, "between-today", "None ended since 00:00 UTC.");
        check(&page, "Instrument", "BTC/USDBTC/USD");
        assert!(page.find("as-of").is_none());
    }

    #[test]
    fn before_the_first_word_every_card_is_there_and_waits() {
        let page = drawn(None, &[], Freshness::Loading);
        check(&page, "sentence", "Waiting for the first word from the box.");
        check(&page, "lamp", "Waiting");
        for id in ["equity", "today", "drawdown", "positions", "forecast", "feeds", "events", "between"] {
            let card = page.find(id).unwrap_or_else(|| panic!("{id} is missing"));
            assert!(card.read().ends_with("Loading"), "{id}: {}", card.read());
        }
        assert!(page.find("trading").expect("a switch").attributes.contains(&("disabled", String::new())));
    }

    #[test]
    fn what_is_not_the_present_says_of_when_it_is() {
        let (told, catalogue) = well();
        let page = drawn(Some(&told), &catalogue, Freshness::Stale);
        check(&page, "detail", "So it was at 22:41:00. What has happened since is not known here.");
        check(&page, "lamp", "Not known");
        for id in ["equity", "today", "drawdown", "positions", "forecast", "feeds", "events", "between"] {
            let card = page.find(id).unwrap_or_else(|| panic!("{id} is missing"));
            check(card, "as-of", "as of 22:41:00");
            assert!(card.get("class").ends_with(" stale"), "{id}: {}", card.get("class"));
        }
        assert!(page.find("trading").expect("a switch").attributes.contains(&("disabled", String::new())));
    }

    #[test]
    fn what_is_missing_is_said() {
        let page = alive(|told| {
            told.model.clear();
            told.forecasts.clear();
            told.events.clear();
            told.account.curve.clear();
            told.account.positions.clear();
        });
        check(&page, "forecast", "In 5 minThere is no model in the box.");
        check(&page, "events", "LatestNothing happened since the start.");
        check(&page, "equity", "Equity$10_214.36+2.14_% since startThe curve starts with the second full minute.");
        check(&page, "positions", "Open0 positionsAll in cash.");
        let page = alive(|told| {
            told.forecasts[0].missing = "A minute is missing.".into();
            told.forecasts[0].horizons[0].forecast = None;
            told.account.positions = vec![PositionRow { instrument: 9, qty: 1, entry: 1, pnl: 0 }; 6];
        });
        check(&page, "forecast-bps", "–");
        let forecast = page.find("forecast").expect("a card").read();
        assert!(forecast.contains("A minute is missing.") && forecast.contains('–'), "{forecast}");
        let positions = page.find("positions").expect("a card").read();
        assert!(positions.contains("which the box has not named") && positions.ends_with("and 2 more"), "{positions}");
    }

    #[test]
    fn the_switch_asks_for_the_opposite_of_what_is() {
        let asks = |change: fn(&mut Overview)| {
            let page = alive(change);
            let confirm = page.find("trading-confirm").expect("a button");
            let state = page.find("trading").expect("a switch");
            (state.read(), state.get("aria-checked").to_owned(), confirm.read(), confirm.does[0].1.clone())
        };
        let told = |words: &str, checked: &str, confirm: &str, on| {
            (words.to_owned(), checked.to_owned(), confirm.to_owned(), Does::Trade(on))
        };
        assert_eq!(asks(|_| {}), told("Trading on paper", "true", "Stop trading", false));
        assert_eq!(asks(|it| it.account.trading = false), told("Not trading", "false", "Allow trading", true));
        let broken = told("Breaker open: trading stopped", "false", "Allow trading", true);
        assert_eq!(asks(|it| it.account.breaker_open = true), broken);
    }

    #[test]
    fn a_venue_says_what_is_wrong_with_it() {
        let page = alive(|told| {
            told.feeds[0].state = BookState::Resyncing;
            told.feeds[0].rejected = 1_204;
            told.quotes[0].state = BookState::Resyncing;
            told.lamp = Lamp::Unproven;
            let text = "Kraken holds 1 of 2 books.".into();
            told.conditions = vec![wire::Condition { text, advice: "It tries again.".into(), ..Default::default() }];
        });
        check(&page, "conditions", "Kraken holds 1 of 2 books.It tries again.");
        assert!(page.find("detail").is_none());
        check(&page, "feed", "Kraken1_204 rejected2 of 2100_% proven184_msresyncing BTC/USD");
        check(&page, "lamp", "Unproven feed");
    }

    #[test]
    fn a_new_event_leaves_the_others_where_they_were() {
        let before = alive(|_| {});
        let after = alive(|told| {
            let event = wire::Event { at_ms: told.at_ms, severity: 0, text: "It came back.".into() };
            told.events.insert(0, event);
        });
        let lines = |page: &Node| page.find("events").expect("a card").children[1].children.clone();
        let (old, new) = (lines(&before), lines(&after));
        assert_eq!(crate::markup::steps(&old.iter().collect::<Vec<_>>(), &new), [crate::markup::Step::Make(0)]);
    }

    #[test]
    fn pictures_reach_from_the_past_to_the_horizon() {
        let (told, _) = well();
        let drawn = picture(&told.forecasts[0], &told.forecasts[0].horizons[0]);
        let data = |class: &str| drawn.paths.iter().find(|(of, _)| *of == class).expect("a path").1.clone();
        // Two minutes of past and five of future share 300 units.
        assert!(data("past").starts_with("M0.0 ") && data("past").contains("L85.7 "), "{}", data("past"));
        assert!(data("expected").starts_with("M85.7 ") && data("expected").contains("L300.0 "), "{}", data("expected"));
        assert!(data("band-90").ends_with('Z') && data("band-50").ends_with('Z'));
        let empty = Forecasts { closes: Vec::new(), ..told.forecasts[0].clone() };
        let none = HorizonCard { forecast: None, ..empty.horizons[0].clone() };
        assert_eq!(picture(&empty, &none).paths, []);
    }
}
