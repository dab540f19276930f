//! `/api/v1/setup`: what the first set-up chooses from.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use types::Venue;
use wire::api::{Language, ListedPair, Profile, SettingValue, Settings, Setup, SetupVenue};

use super::Site;
use super::form::Form;
use crate::config::PageLanguage;
use crate::venue::VenueStatus;

/// Quote currencies in which the paper account can count, as if each were a dollar.
const DOLLARS: [&str; 3] = ["USD", "USDT", "USDC"];

/// Settings that a profile decides, in the order of the values in [`PROFILES`].
const KEYS: [&str; 9] = [
    "engine.risk.trading",
    "engine.signal.size_ppm",
    "engine.risk.position_max_ppm",
    "engine.risk.venue_max_ppm",
    "engine.risk.cash_reserve_ppm",
    "engine.risk.stop_loss_ppm",
    "engine.risk.drawdown_max_ppm",
    "engine.risk.daily_loss_max_ppm",
    "engine.risk.weekly_loss_max_ppm",
];

/// Name, meaning, whether it trades, and the other values; none for those of the configuration file or the default.
const PROFILES: [(&str, &str, bool, Option<[i64; 8]>); 4] = [
    ("Watch only", "The box forecasts and keeps its record, and opens no position, not even on paper.", false, None),
    (
        "Careful",
        "Small positions: at most 10 % of the account in one market, stop at 1 % loss, and a pause at 2 % loss in a day.",
        true,
        Some([25_000, 100_000, 400_000, 200_000, 10_000, 100_000, 20_000, 50_000]),
    ),
    (
        "Balanced",
        "The default: at most 20 % of the account in one market, stop at 2 % loss, and a pause at 5 % loss in a day.",
        true,
        None,
    ),
    (
        "Bold",
        "Large positions: at most 30 % of the account in one market, stop at 3 % loss, and a pause at 8 % loss in a day.",
        true,
        Some([100_000, 300_000, 800_000, 20_000, 30_000, 300_000, 80_000, 150_000]),
    ),
];

/// `GET /api/v1/setup`.
pub(super) async fn setup(State(site): State<Site>, form: Form) -> Response {
    let desk = &site.inner.settings;
    let statuses = site.inner.gauges.venues.iter().map(|venue| venue.borrow().clone());
    let statuses: BTreeMap<Venue, VenueStatus> = statuses.map(|status| (status.venue, status)).collect();
    let (feeds, fixed) = desk.feeds();
    let venue = |venue: Venue| {
        let (section, status) = (feeds.of(venue), statuses.get(&venue));
        let key = format!("feeds.{}", venue.slug());
        let listed = status.map_or(&[][..], |status| &status.feed.listed);
        let listed = listed.iter().filter(|listing| DOLLARS.contains(&listing.quote.as_str()));
        SetupVenue {
            venue: venue.name().to_owned(),
            enabled: section.enabled,
            symbols: section.symbols.clone(),
            fixed: ["enabled", "symbols"]
                .map(|name| fixed(&format!("{key}.{name}")))
                .into_iter()
                .find(|why| !why.is_empty())
                .unwrap_or_default(),
            section: key,
            connected: status.is_some_and(|status| status.feed.is_connected),
            trouble: status.map(|status| status.trouble.clone()).unwrap_or_default(),
            listed: listed
                .map(|it| ListedPair { symbol: it.symbol.clone(), base: it.base.clone(), quote: it.quote.clone() })
                .collect(),
        }
    };
    let venues = Venue::ALL.map(venue).into();
    let set = desk.page().language;
    let language =
        |(it, code, name)| Language { code: str::to_owned(code), name: str::to_owned(name), chosen: it == set };
    let languages = PageLanguage::ALL.map(language).into();
    form.of(&Setup { venues, profiles: profiles(&desk.shown()), languages, can_restart: desk.can_restart() })
}

fn profiles(settings: &Settings) -> Vec<Profile> {
    let all = PROFILES.iter().map(|(name, text, trades, values)| {
        // Trading is on by default.
        let trading = (!trades).then_some(SettingValue::Switch(false));
        let numbers = (0..KEYS.len() - 1).map(|place| values.map(|values| SettingValue::Number(values[place])));
        let keys = KEYS.iter().map(|key| (*key).to_owned());
        let changes: BTreeMap<_, _> = keys.zip(core::iter::once(trading).chain(numbers)).collect();
        let is_changed_so =
            |key: &String| settings.settings.iter().find(|it| it.key == *key).and_then(|it| it.changed.clone());
        let chosen = changes.iter().all(|(key, value)| is_changed_so(key) == *value);
        Profile { name: (*name).to_owned(), text: (*text).to_owned(), changes, chosen }
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;
    use crate::config::{Config, Layers};
    use crate::settings::Desk;

    #[test]
    fn every_profile_can_be_stored_over_every_other_and_is_the_chosen_one_then() {
        let dir = tempfile::tempdir().unwrap();
        let (layers, config) = Layers::load(None, Table::new(), Some(dir.path())).unwrap();
        let desk = Desk::new(&config, layers, true);
        let names = |chosen: &[Profile]| -> Vec<String> {
            chosen.iter().filter(|profile| profile.chosen).map(|profile| profile.name.clone()).collect()
        };
        assert_eq!(names(&profiles(&desk.shown())), ["Balanced"]);
        for name in ["Careful", "Watch only", "Bold", "Balanced", "Careful"] {
            let all = profiles(&desk.shown());
            let profile = all.iter().find(|profile| profile.name == name).unwrap();
            desk.change(&profile.changes).unwrap();
            assert_eq!(names(&profiles(&desk.shown())), [name]);
        }
    }

    #[test]
    fn what_a_profile_says_is_what_it_does() {
        let risk = Config::default().engine.risk;
        let percent = |ppm: i64| format!("{} %", ppm / 10_000);
        for (name, text, trades, values) in PROFILES {
            let [_, position, _, _, stop, _, daily, _] = values.unwrap_or([
                0,
                risk.position_max_ppm.into(),
                0,
                0,
                risk.stop_loss_ppm.into(),
                0,
                risk.daily_loss_max_ppm.into(),
                0,
            ]);
            for share in [position, stop, daily] {
                assert!(!trades || text.contains(&format!(" {}", percent(share))), "{name}: {}", percent(share));
            }
        }
    }
}
