//! What was written lately, as the engine was last told.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;
use types::input::{CurrencyMood, Mood, Said};

use crate::feature::Talk;
use crate::rejection::Rejection;

/// A mood counts for so long after its end; then nobody reads news any more, and the features that need it are masked. It is told every
/// five minutes.
pub const STALE_AFTER: Duration = Duration::from_secs(20 * 60);
/// Most currencies of a mood.
pub const CURRENCIES_MAX: usize = 64;
/// Longest name of a currency or of who scored, bytes.
const NAME_BYTES_MAX: usize = 32;

/// The newest mood.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moods(Option<Mood>);

impl Moods {
    /// Takes a mood that came at `at`.
    pub(crate) fn on_mood(&mut self, told: &Mood, at: Timestamp) -> Result<(), Rejection> {
        let is_newer = self.0.as_ref().is_none_or(|known| told.as_of > known.as_of);
        let names = told.currencies.windows(2).all(|pair| pair[0].currency < pair[1].currency);
        let is_sound = names
            && told.currencies.len() <= CURRENCIES_MAX
            && is_name(&told.scorer)
            && told.currencies.iter().all(|of| is_name(&of.currency) && is_sound(of));
        if !is_sound || !is_newer || !(Timestamp::EPOCH..=at).contains(&told.as_of) {
            return Err(Rejection::MoodInvalid);
        }
        self.0 = Some(told.clone());
        Ok(())
    }

    /// What was written of a currency, as it was known at `at`; `None` while nobody says.
    pub(crate) fn of(&self, currency: &str, at: Timestamp) -> Option<Talk> {
        let mood = self.0.as_ref().filter(|mood| at.since(mood.as_of) <= STALE_AFTER)?;
        let place = mood.currencies.binary_search_by(|of| of.currency.as_str().cmp(currency)).ok()?;
        let CurrencyMood { hour, day, .. } = &mood.currencies[place];
        let mean = |said: &Said| said.mean.map(f64::from);
        Some(Talk { items_1h: f64::from(hour.items), mean_1h: mean(hour), mean_24h: mean(day) })
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
}

fn is_sound(of: &CurrencyMood) -> bool {
    let one = |said: &Said| {
        let is_mean = |mean: f32| (-1.0..=1.0).contains(&mean);
        said.scored <= said.items
            && said.mean.is_some() == (said.scored > 0)
            && said.dispersion.is_some() == (said.scored > 1)
            && said.mean.is_none_or(is_mean)
            && said.dispersion.is_none_or(|dispersion| (0.0..=2.0).contains(&dispersion))
    };
    one(&of.hour) && one(&of.day) && of.hour.items <= of.day.items && of.hour.scored <= of.day.scored
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(items: u32, mean: f32) -> Said {
        Said { items, scored: items.min(1), mean: (items > 0).then_some(mean), dispersion: None }
    }

    fn mood(seconds: i64) -> Mood {
        let of = |currency: &str, items| CurrencyMood {
            currency: currency.to_owned(),
            hour: said(items, 0.5),
            day: said(items + 2, -0.25),
        };
        let currencies = vec![of("BTC", 3), of("ETH", 0)];
        Mood { as_of: Timestamp::from_secs(seconds), scorer: "lexicon".to_owned(), currencies }
    }

    #[test]
    fn a_mood_counts_until_it_is_stale() {
        let mut moods = Moods::default();
        let at = Timestamp::from_secs;
        assert_eq!(moods.of("BTC", at(1_000)), None);
        assert_eq!(moods.on_mood(&mood(1_000), at(1_001)), Ok(()));
        let btc = Talk { items_1h: 3.0, mean_1h: Some(0.5), mean_24h: Some(-0.25) };
        assert_eq!(moods.of("BTC", at(2_200)), Some(btc));
        assert_eq!(moods.of("BTC", at(2_201)), None, "stale");
        let eth = moods.of("ETH", at(1_100)).expect("looked for");
        assert_eq!((eth.items_1h, eth.mean_1h, eth.mean_24h), (0.0, None, Some(-0.25)), "no news has no mood");
        assert_eq!(moods.of("DOGE", at(1_100)), None, "nobody looked");
    }

    #[test]
    fn a_mood_that_makes_no_sense_changes_nothing() {
        let mut moods = Moods::default();
        let at = Timestamp::from_secs(2_000);
        moods.on_mood(&mood(1_000), at).expect("sound");
        let known = moods.clone();
        let odd = |change: fn(&mut Mood)| {
            let mut mood = mood(1_500);
            change(&mut mood);
            mood
        };
        for odd in [
            mood(2_001),
            mood(1_000),
            mood(-1),
            odd(|mood| mood.scorer.clear()),
            odd(|mood| mood.currencies.reverse()),
            odd(|mood| mood.currencies[0].hour.mean = Some(f32::NAN)),
            odd(|mood| mood.currencies[0].hour.mean = Some(1.5)),
            odd(|mood| mood.currencies[0].hour.mean = None),
            odd(|mood| mood.currencies[0].hour.items = 99),
            odd(|mood| mood.currencies[0].hour.dispersion = Some(0.1)),
            odd(|mood| mood.currencies[1].currency = "x".repeat(99)),
            odd(|mood| mood.currencies = vec![mood.currencies[0].clone(); CURRENCIES_MAX + 1]),
        ] {
            assert_eq!(moods.on_mood(&odd, at), Err(Rejection::MoodInvalid), "{odd:?}");
            assert_eq!(moods, known);
        }
        assert_eq!(moods.on_mood(&mood(1_500), at), Ok(()));
    }
}
