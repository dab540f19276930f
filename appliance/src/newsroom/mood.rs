//! What was written in the last hour and day, currency by currency, for the engine.

use std::collections::BTreeMap;

use news::{Coins, Item};
use sentiment::Engine;
use sentiment::aggregate::Hour;
use store::news::Wanted;
use store::{News, StoreError};
use types::Timestamp;
use types::input::{CurrencyMood, Mood, Said};
use types::time::{NS_PER_DAY, NS_PER_MIN};

use super::intake::{Scored, has_text, number};

/// How often it is told.
pub(super) const EVERY_MIN: i64 = 5;
/// Most revisions of a day that are looked at, the newest.
const ITEMS_MAX: usize = 20_000;

/// A text of the last day.
#[derive(Clone, Debug)]
struct Told {
    usable_from: Timestamp,
    coins: Coins,
    /// What the engine that counts says; `None` where it said nothing, which is not neutral.
    score: Option<sentiment::Score>,
}

/// The mood up to `as_of`, by the scores of one engine.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn mood(store: &News, as_of: Timestamp, scorer: Engine) -> Result<Mood, StoreError> {
    let day = Timestamp::from_nanos(as_of.as_nanos() - NS_PER_DAY + 1);
    let wanted = Wanted {
        from: day,
        to: Timestamp::from_nanos(as_of.as_nanos() + 1),
        kind: None,
        with_same: false,
        newest_first: true,
        limit: ITEMS_MAX,
    };
    let entries = store.entries(&wanted)?;
    let scores = store.scores_of(entries.iter().map(|entry| (entry.name.as_str(), entry.revision)))?;
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    for (entry, scores) in entries.iter().zip(&scores) {
        let Ok(item) = Item::from_bytes(&entry.item) else { continue };
        // Newest first: of an item that was edited its last word counts, once.
        if !has_text(&item) || told.contains_key(entry.name.as_str()) {
            continue;
        }
        let score = scores.iter().find(|(engine, _)| *engine == number(scorer));
        let score = score.and_then(|(_, bytes)| Scored::from_bytes(bytes)?.opinion.score().copied());
        told.insert(&entry.name, Told { usable_from: entry.usable_from, coins: item.marks.coins, score });
    }
    Ok(of(as_of, scorer, told.values()))
}

fn of<'a>(as_of: Timestamp, scorer: Engine, told: impl Iterator<Item = &'a Told>) -> Mood {
    let hour = Timestamp::from_nanos(as_of.as_nanos() - 60 * NS_PER_MIN);
    let mut sums: BTreeMap<&str, [(u32, Hour); 2]> = Coins::known().map(|coin| (coin, Default::default())).collect();
    for text in told {
        for coin in text.coins.tickers() {
            let Some([of_hour, of_day]) = sums.get_mut(coin) else { continue };
            let in_hour = (text.usable_from > hour).then_some(of_hour);
            for (items, scores) in in_hour.into_iter().chain([of_day]) {
                *items += 1;
                if let Some(score) = &text.score {
                    scores.push(score.value, score.label);
                }
            }
        }
    }
    let said = |(items, scores): &(u32, Hour)| Said {
        items: *items,
        scored: u32::try_from(scores.count()).unwrap_or(u32::MAX),
        mean: scores.mean().map(|mean| (mean as f32).clamp(-1.0, 1.0)),
        dispersion: scores.dispersion().map(|dispersion| dispersion as f32),
    };
    let currencies = sums.iter().map(|(coin, [hour, day])| CurrencyMood {
        currency: (*coin).to_owned(),
        hour: said(hour),
        day: said(day),
    });
    Mood { as_of, scorer: scorer.name().to_owned(), currencies: currencies.collect() }
}

#[cfg(test)]
mod tests {
    use sentiment::{Label, Score};

    use super::*;

    #[test]
    fn an_hour_is_part_of_its_day_and_no_score_is_no_zero() {
        let as_of = Timestamp::from_secs(1_800_000_000);
        let coins = |text: &str| news::relevance::marks(text, &[]).coins;
        let told = |minutes: i64, text: &str, value: Option<f64>| Told {
            usable_from: Timestamp::from_nanos(as_of.as_nanos() - minutes * NS_PER_MIN),
            coins: coins(text),
            score: value.map(|value| Score {
                engine: Engine::Lexicon,
                value,
                probabilities: None,
                confidence: 1.0,
                label: Label::Neutral,
            }),
        };
        let all = [
            told(0, "bitcoin and ethereum", Some(0.5)),
            told(59, "bitcoin", None),
            told(60, "bitcoin", Some(-0.5)),
            told(1_000, "nothing", Some(1.0)),
        ];
        let mood = of(as_of, Engine::Lexicon, all.iter());
        assert_eq!((mood.scorer.as_str(), mood.currencies.len()), ("lexicon", Coins::known().count()));
        assert!(mood.currencies.len() <= engine::mood::CURRENCIES_MAX);
        let of = |coin: &str| mood.currencies.iter().find(|of| of.currency == coin).unwrap();
        let said = |said: &Said| (said.items, said.scored, said.mean);
        assert_eq!(said(&of("BTC").hour), (2, 1, Some(0.5)));
        assert_eq!(said(&of("BTC").day), (3, 2, Some(0.0)));
        assert_eq!(of("BTC").day.dispersion, Some(0.5_f32.sqrt()));
        assert_eq!(said(&of("ETH").hour), (1, 1, Some(0.5)));
        assert_eq!(said(&of("DOGE").day), (0, 0, None));
    }
}
