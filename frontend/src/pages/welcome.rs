//! The first set-up: what can be chosen, what it comes to, and which settings that are.

use std::collections::BTreeMap;

use wire::api::{Language, Profile, SettingChanges, SettingValue, Setup, SetupVenue};

use crate::markup::{Does, Node, node, text};

/// The steps, by their titles.
pub const STEPS: [&str; 3] = ["What it watches", "How it trades on paper", "Language and times"];
/// To the next step, or the end.
pub const NEXT: &str = "next";
/// To the step before.
pub const BACK: &str = "back";
/// Not now.
pub const LATER: &str = "later";

/// Coins that are offered first, as far as a venue lists them.
const OFFERED: [&str; 12] = ["BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "AVAX", "LTC", "DOT", "BCH", "SHIB"];
/// Most coins that are shown at once.
const SHOWN: usize = 24;
/// Quote currencies, the first one a venue lists is taken where it watches nothing yet.
const QUOTES: [&str; 3] = ["USD", "USDT", "USDC"];

/// What the owner has chosen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Base currencies.
    pub coins: Vec<String>,
    /// Sections of the settings of venues that are watched.
    pub venues: Vec<String>,
    /// Name of the profile; empty while the settings are those of none.
    pub profile: String,
    /// Whether times are told in UTC.
    pub is_utc: bool,
    /// Language of the dashboard.
    pub language: String,
}

/// A venue and what of it will be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its name.
    pub venue: String,
    /// By the venue's names.
    pub symbols: Vec<String>,
    /// What the owner should know of it; empty where there is nothing.
    pub note: String,
}

impl Choice {
    /// What the box does now.
    #[must_use]
    pub fn of(told: &Setup, is_utc: bool) -> Self {
        let mut coins: Vec<String> = Vec::new();
        for (venue, symbol) in told.venues.iter().flat_map(|venue| venue.symbols.iter().map(move |it| (venue, it))) {
            let base = base(venue, symbol);
            if !coins.contains(&base) {
                coins.push(base);
            }
        }
        let on = told.venues.iter().filter(|venue| venue.enabled);
        let profile = told.profiles.iter().find(|profile| profile.chosen);
        Self {
            coins,
            venues: on.map(|venue| venue.section.clone()).collect(),
            profile: profile.map(|profile| profile.name.clone()).unwrap_or_default(),
            is_utc,
            language: told.languages.iter().find(|it| it.chosen).map(|it| it.code.clone()).unwrap_or_default(),
        }
    }

    /// Takes what a button stands for, or leaves it.
    pub fn turn(&mut self, key: &str) {
        match key.split_once(' ') {
            Some(("coin", coin)) => turn(&mut self.coins, coin),
            Some(("venue", section)) => turn(&mut self.venues, section),
            Some(("profile", name)) => name.clone_into(&mut self.profile),
            Some(("language", code)) => code.clone_into(&mut self.language),
            Some(("clock", clock)) => self.is_utc = clock == "utc",
            _ => {}
        }
    }

    /// Coins to choose from: the chosen ones, then those that are asked for most or begin with `begins`.
    #[must_use]
    pub fn coins(&self, told: &Setup, begins: &str) -> Vec<String> {
        let begins = begins.trim().to_ascii_uppercase();
        let listed = || told.venues.iter().flat_map(|venue| &venue.listed).map(|pair| pair.base.as_str());
        let mut shown = self.coins.clone();
        let mut offer = |coin: &str| {
            if shown.len() < SHOWN && !shown.iter().any(|known| known == coin) {
                shown.push(coin.to_owned());
            }
        };
        if begins.is_empty() {
            OFFERED.into_iter().filter(|coin| listed().any(|it| it == *coin)).for_each(&mut offer);
        } else {
            listed().filter(|coin| coin.starts_with(&begins)).for_each(&mut offer);
        }
        shown
    }

    /// What will be watched at each chosen venue.
    #[must_use]
    pub fn watched(&self, told: &Setup) -> Vec<Watched> {
        let chosen = told.venues.iter().filter(|venue| self.venues.contains(&venue.section));
        chosen.map(|venue| self.watched_at(venue)).collect()
    }

    fn watched_at(&self, venue: &SetupVenue) -> Watched {
        let symbols = if venue.fixed.is_empty() { self.symbols(venue) } else { venue.symbols.clone() };
        let note = if !venue.fixed.is_empty() {
            venue.fixed.clone()
        } else if venue.listed.is_empty() && !venue.trouble.is_empty() {
            format!("It does not answer: {}", venue.trouble)
        } else if venue.listed.is_empty() {
            "It has not told yet what it lists.".into()
        } else if symbols.is_empty() {
            "It lists none of these coins, so it is not watched.".into()
        } else {
            let is_missing = |coin: &&String| !symbols.iter().any(|symbol| base(venue, symbol) == **coin);
            let missing: Vec<&str> = self.coins.iter().filter(is_missing).map(String::as_str).collect();
            if missing.is_empty() { String::new() } else { format!("It does not list {}.", missing.join(", ")) }
        };
        Watched { venue: venue.venue.clone(), symbols, note }
    }

    /// The venue's names of the chosen coins: those that it watches already, and for the others one each.
    fn symbols(&self, venue: &SetupVenue) -> Vec<String> {
        let mut symbols = Vec::new();
        let known_quote = venue.symbols.iter().find_map(|symbol| quote(venue, symbol));
        let quotes = known_quote.iter().map(String::as_str).chain(QUOTES);
        let quotes: Vec<&str> = quotes.collect();
        for coin in &self.coins {
            let before = symbols.len();
            symbols.extend(venue.symbols.iter().filter(|symbol| base(venue, symbol) == *coin).cloned());
            if symbols.len() == before {
                let listed = |quote: &&str| venue.listed.iter().find(|it| it.base == *coin && it.quote == **quote);
                symbols.extend(quotes.iter().find_map(listed).map(|pair| pair.symbol.clone()));
            }
        }
        symbols
    }

    /// Why it cannot be so; `None` where it can.
    #[must_use]
    pub fn trouble(&self, told: &Setup) -> Option<&'static str> {
        if self.coins.is_empty() {
            Some("Choose at least one coin.")
        } else if self.watched(told).iter().all(|watched| watched.symbols.is_empty()) {
            Some("Choose at least one exchange that lists one of these coins.")
        } else {
            None
        }
    }

    /// The settings that change, and whether the box must start again for them.
    #[must_use]
    pub fn changes(&self, told: &Setup, was_utc: bool) -> (SettingChanges, bool) {
        let mut changes = BTreeMap::new();
        for venue in told.venues.iter().filter(|venue| venue.fixed.is_empty()) {
            let symbols = self.symbols(venue);
            let enabled = self.venues.contains(&venue.section) && !symbols.is_empty();
            if enabled != venue.enabled {
                changes.insert(format!("{}.enabled", venue.section), Some(SettingValue::Switch(enabled)));
            }
            let same = symbols.len() == venue.symbols.len() && symbols.iter().all(|it| venue.symbols.contains(it));
            if enabled && !same {
                let symbols = symbols.into_iter().map(SettingValue::Text).collect();
                changes.insert(format!("{}.symbols", venue.section), Some(SettingValue::List(symbols)));
            }
        }
        let profile = told.profiles.iter().find(|it| it.name == self.profile && !it.chosen);
        changes.extend(profile.into_iter().flat_map(|profile| profile.changes.clone()));
        let needs_restart = !changes.is_empty();
        if self.is_utc != was_utc {
            let clock = if self.is_utc { "utc" } else { "local" };
            changes.insert("page.clock".into(), Some(SettingValue::Text(clock.into())));
        }
        if told.languages.iter().any(|it| it.code == self.language && !it.chosen) {
            changes.insert("page.language".into(), Some(SettingValue::Text(self.language.clone())));
        }
        changes.insert("page.set_up".into(), Some(SettingValue::Switch(true)));
        (SettingChanges { changes }, needs_restart)
    }
}

/// The change that puts the first set-up off.
#[must_use]
pub fn later() -> SettingChanges {
    SettingChanges { changes: BTreeMap::from([("page.set_up".into(), Some(SettingValue::Switch(true)))]) }
}

/// What is shown while there is nothing to choose.
#[must_use]
pub fn waiting(what: &str) -> Node {
    text("p", "secondary", what).set("role", "status")
}

/// A step: what is chosen, why it cannot be so, and the way on.
#[must_use]
pub fn draw(told: &Setup, choice: &Choice, begins: &str, step: usize, fault: &str) -> Vec<Node> {
    let mut all = vec![
        text("p", "secondary", &format!("Step {} of {}", step + 1, STEPS.len())).id("welcome-step"),
        text("h1", "page-title", STEPS[step.min(STEPS.len() - 1)]),
    ];
    match step {
        0 => all.extend(markets(told, choice, begins)),
        1 => all.extend(profiles(told, choice)),
        _ => all.extend(times(told, choice)),
    }
    let trouble = choice.trouble(told);
    let fault = if fault.is_empty() { trouble.unwrap_or_default() } else { fault };
    if !fault.is_empty() {
        all.push(text("p", "fault", fault).set("role", "alert").id("welcome-fault"));
    }
    let button = |label, class, key: &str| {
        let id = format!("welcome-{key}");
        text("button", class, label).key(key).id(&id).on("click", Does::Choose(key.to_owned()))
    };
    let mut actions = node("div", "actions").with(button("Not now", "small-button", LATER));
    if step > 0 {
        actions = actions.with(button("Back", "button", BACK));
    }
    let forth = if step + 1 == STEPS.len() { "Begin" } else { "Next" };
    all.push(actions.with(button(forth, "button primary", NEXT).flag("disabled", trouble.is_some())));
    all
}

/// Something to take or leave.
fn pick(kind: &str, what: &str, label: &str, meaning: &str, is_on: bool) -> Node {
    let mut button = node("button", "pick").key(what).set("aria-pressed", if is_on { "true" } else { "false" });
    button = button.id(&format!("pick-{kind}")).with(text("b", "", label));
    if !meaning.is_empty() {
        button = button.with(text("span", "secondary", meaning));
    }
    button.on("click", Does::Choose(format!("{kind} {what}")))
}

fn offers(class: &str, label: &str, picks: Vec<Node>) -> Node {
    node("div", class).set("role", "group").set("aria-label", label).all(picks)
}

fn markets(told: &Setup, choice: &Choice, begins: &str) -> Vec<Node> {
    let coin = |coin: String| pick("coin", &coin, &coin, "", choice.coins.contains(&coin));
    let venue = |it: &SetupVenue| pick("venue", &it.section, &it.venue, "", choice.venues.contains(&it.section));
    let watched = choice.watched(told);
    let count: usize = watched.iter().map(|venue| venue.symbols.len()).sum();
    let row = |it: Watched| {
        let symbols = text("td", "", &it.symbols.join(", ")).say(" ").with(text("span", "secondary", &it.note));
        node("tr", "").id("watched").with(text("td", "", &it.venue)).with(symbols)
    };
    let rows = node("tbody", "").all(watched.into_iter().map(row).collect());
    vec![
        text(
            "p",
            "secondary",
            "Coins and exchanges can be changed at any time in the settings. Each market costs room and work: a handful is a good beginning.",
        ),
        text("h2", "", "Coins"),
        offers("offers", "Coins", choice.coins(told, begins).into_iter().map(coin).collect()),
        text("h2", "", "Exchanges"),
        offers("offers", "Exchanges", told.venues.iter().map(venue).collect()),
        text("h2", "", &format!("{count} markets")),
        node("table", "").with(rows),
    ]
}

fn profiles(told: &Setup, choice: &Choice) -> Vec<Node> {
    let one = |it: &Profile| pick("profile", &it.name, &it.name, &it.text, choice.profile == it.name);
    vec![
        text(
            "p",
            "secondary",
            "The account is of paper: no real money is involved, and none can be. Every limit can be changed in the settings.",
        ),
        offers("offers tall", "Ways to trade", told.profiles.iter().map(one).collect()),
    ]
}

fn times(told: &Setup, choice: &Choice) -> Vec<Node> {
    let language = |it: &Language| pick("language", &it.code, &it.name, "", choice.language == it.code);
    vec![
        offers("offers", "Language", told.languages.iter().map(language).collect()),
        text("h2", "", "Times"),
        text(
            "p",
            "secondary",
            "Days of the account begin at 00:00 UTC either way. Money is counted in US dollars, in which these markets are quoted.",
        ),
        offers(
            "offers tall",
            "Times",
            vec![
                pick(
                    "clock",
                    "local",
                    "Local time",
                    "The time zone of each browser that looks at the box",
                    !choice.is_utc,
                ),
                pick("clock", "utc", "UTC", "The same everywhere, as in the records", choice.is_utc),
            ],
        ),
    ]
}

fn turn(all: &mut Vec<String>, one: &str) {
    match all.iter().position(|it| it == one) {
        Some(place) => drop(all.remove(place)),
        None => all.push(one.to_owned()),
    }
}

/// The base currency of a venue's symbol: as the venue lists it, or as its name reads before it did.
fn base(venue: &SetupVenue, symbol: &str) -> String {
    let listed = venue.listed.iter().find(|pair| pair.symbol == symbol).map(|pair| pair.base.clone());
    listed.unwrap_or_else(|| parts(symbol).0.to_owned())
}

fn quote(venue: &SetupVenue, symbol: &str) -> Option<String> {
    let listed = venue.listed.iter().find(|pair| pair.symbol == symbol).map(|pair| pair.quote.clone());
    listed.or_else(|| parts(symbol).1.map(str::to_owned))
}

fn parts(symbol: &str) -> (&str, Option<&str>) {
    if let Some((base, quote)) = symbol.split_once(['/', '-']) {
        return (base, Some(quote));
    }
    let quotes = ["USDT", "USDC", "USD"].into_iter();
    quotes.filter_map(|quote| Some((symbol.strip_suffix(quote)?, Some(quote)))).next().unwrap_or((symbol, None))
}

#[cfg(test)]
mod tests {
    use wire::api::ListedPair;

    use super::*;

    fn venue(name: &str, symbols: &[&str], listed: &[(&str, &str, &str)]) -> SetupVenue {
        let pair = |(symbol, base, quote): &(&str, &str, &str)| ListedPair {
            symbol: (*symbol).into(),
            base: (*base).into(),
            quote: (*quote).into(),
        };
        SetupVenue {
            venue: name.into(),
            section: format!("feeds.{}", name.to_lowercase()),
            enabled: true,
            symbols: symbols.iter().map(|symbol| (*symbol).into()).collect(),
            connected: true,
            listed: listed.iter().map(pair).collect(),
            ..SetupVenue::default()
        }
    }

    fn told() -> Setup {
        let profile = |name: &str, chosen: bool| Profile {
            name: name.into(),
            text: String::new(),
            changes: BTreeMap::from([("engine.risk.trading".into(), (!chosen).then_some(SettingValue::Switch(false)))]),
            chosen,
        };
        let language = |code: &str, chosen| Language { code: code.into(), name: code.into(), chosen };
        Setup {
            venues: vec![
                venue(
                    "Kraken",
                    &["BTC/USD", "ETH/USD"],
                    &[
                        ("BTC/USD", "BTC", "USD"),
                        ("ETH/USD", "ETH", "USD"),
                        ("SOL/USD", "SOL", "USD"),
                        ("SOL/USDT", "SOL", "USDT"),
                    ],
                ),
                venue(
                    "Binance",
                    &["BTCUSDT", "ETHUSDT"],
                    &[
                        ("BTCUSDT", "BTC", "USDT"),
                        ("ETHUSDT", "ETH", "USDT"),
                        ("SOLUSD", "SOL", "USD"),
                        ("SOLUSDT", "SOL", "USDT"),
                        ("SOXUSDT", "SOX", "USDT"),
                    ],
                ),
                venue("Kucoin", &["BTC-USDT"], &[]),
            ],
            profiles: vec![profile("Watch only", false), profile("Balanced", true)],
            languages: vec![language("auto", true), language("de", false)],
            can_restart: true,
        }
    }

    fn keys(changes: &SettingChanges) -> Vec<(&str, String)> {
        let text = |value: &Option<SettingValue>| value.as_ref().map_or_else(|| "null".into(), ToString::to_string);
        changes.changes.iter().map(|(key, value)| (key.as_str(), text(value))).collect()
    }

    #[test]
    fn next_next_changes_nothing_but_that_it_was_done() {
        let told = told();
        let choice = Choice::of(&told, false);
        assert_eq!(
            (choice.coins.as_slice(), choice.profile.as_str()),
            (["BTC", "ETH"].map(String::from).as_slice(), "Balanced")
        );
        assert_eq!(choice.trouble(&told), None);
        let (changes, needs_restart) = choice.changes(&told, false);
        assert_eq!((keys(&changes), needs_restart), (vec![("page.set_up", "true".into())], false));
        assert_eq!(keys(&later()), keys(&changes));
    }

    #[test]
    fn a_coin_is_taken_in_the_currency_that_the_venue_is_watched_in() {
        let told = told();
        let mut choice = Choice::of(&told, false);
        choice.turn("coin SOL");
        choice.turn("coin ETH");
        let watched: Vec<_> = choice.watched(&told).into_iter().map(|it| (it.symbols.join(" "), it.note)).collect();
        assert_eq!(watched[0], ("BTC/USD SOL/USD".into(), String::new()));
        assert_eq!(watched[1], ("BTCUSDT SOLUSDT".into(), String::new()));
        assert_eq!(watched[2], ("BTC-USDT".into(), "It has not told yet what it lists.".into()));
        let (changes, needs_restart) = choice.changes(&told, false);
        assert!(needs_restart);
        assert_eq!(
            keys(&changes),
            [
                ("feeds.binance.symbols", r#"["BTCUSDT","SOLUSDT"]"#.into()),
                ("feeds.kraken.symbols", r#"["BTC/USD","SOL/USD"]"#.to_owned()),
                ("page.set_up", "true".into()),
            ]
        );
    }

    #[test]
    fn a_venue_is_left_and_a_venue_without_any_of_the_coins_is_not_watched() {
        let told = told();
        let mut choice = Choice::of(&told, false);
        choice.turn("venue feeds.kucoin");
        choice.turn("coin SOX");
        choice.turn("coin BTC");
        choice.turn("coin ETH");
        assert!(choice.watched(&told)[0].note.contains("lists none"), "{:?}", choice.watched(&told));
        let (changes, _) = choice.changes(&told, false);
        assert_eq!(
            keys(&changes),
            [
                ("feeds.binance.symbols", r#"["SOXUSDT"]"#.into()),
                ("feeds.kraken.enabled", "false".to_owned()),
                ("feeds.kucoin.enabled", "false".into()),
                ("page.set_up", "true".into()),
            ]
        );
        choice.turn("coin SOX");
        assert_eq!(choice.trouble(&told), Some("Choose at least one coin."));
        choice.turn("coin XMR");
        assert!(choice.trouble(&told).is_some_and(|why| why.contains("exchange")));
    }

    #[test]
    fn profile_and_clock_are_settings_too() {
        let told = told();
        let mut choice = Choice::of(&told, false);
        choice.turn("profile Watch only");
        choice.turn("clock utc");
        choice.turn("language de");
        let (changes, needs_restart) = choice.changes(&told, false);
        assert!(needs_restart);
        assert_eq!(
            keys(&changes),
            [
                ("engine.risk.trading", "false".into()),
                ("page.clock", r#""utc""#.into()),
                ("page.language", r#""de""#.into()),
                ("page.set_up", "true".to_owned())
            ]
        );
    }

    #[test]
    fn what_the_start_has_decided_stays() {
        let mut told = told();
        told.venues[0].fixed = "the demo's exchange is built in".into();
        let mut choice = Choice::of(&told, false);
        choice.turn("coin BTC");
        choice.turn("venue feeds.kraken");
        let (changes, _) = choice.changes(&told, false);
        assert!(keys(&changes).iter().all(|(key, _)| !key.starts_with("feeds.kraken")), "{changes:?}");
    }

    #[test]
    fn coins_are_offered_as_far_as_somebody_lists_them_and_found_by_their_beginning() {
        let told = told();
        let choice = Choice::of(&told, false);
        assert_eq!(choice.coins(&told, ""), ["BTC", "ETH", "SOL"]);
        assert_eq!(choice.coins(&told, " so"), ["BTC", "ETH", "SOL", "SOX"]);
        assert_eq!(choice.coins(&told, "zz"), ["BTC", "ETH"]);
    }

    #[test]
    fn a_step_tells_what_it_comes_to_and_does_not_go_on_with_nothing() {
        let told = told();
        let mut choice = Choice::of(&told, false);
        let page = |choice: &Choice, step| node("main", "").all(draw(&told, choice, "", step, ""));
        let first = page(&choice, 0);
        assert!(first.read().contains("Step 1 of 3") && first.read().contains("5 markets"), "{}", first.read());
        assert!(first.find("welcome-back").is_none() && first.find("welcome-fault").is_none());
        assert!(page(&choice, 1).find("welcome-back").is_some() && page(&choice, 2).read().ends_with("Begin"));
        choice.turn("coin BTC");
        choice.turn("coin ETH");
        let none = page(&choice, 0);
        assert_eq!(none.find("welcome-fault").map(Node::read).as_deref(), Some("Choose at least one coin."));
        assert!(
            none.find("welcome-next").is_some_and(|next| next.attributes.iter().any(|(name, _)| *name == "disabled"))
        );
    }
}
