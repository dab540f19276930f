//! Re-scoring of what was said: every link of the chain of forecasts, and every outcome.

use std::collections::BTreeMap;

use engine::seal::{Link, link};
use engine::skill::log_return;
use store::{ScoredForecast, Span, State};
use types::effect::{Base, ForecastRecord, SealRecord};
use types::time::NS_PER_MIN;
use types::{Instrument, InstrumentId, Timeframe, Timestamp};
use wire::api::ChainFound;

/// Links that are read together.
const BATCH: usize = 10_000;
/// Findings that are told one by one.
const TOLD_MAX: usize = 20;

fn tell(found: &mut ChainFound, what: String) {
    if found.findings.len() < TOLD_MAX {
        found.findings.push(what);
    }
}

/// Goes over all forecasts that are kept. Those for `settled` and later need not have a link: the box may be writing it.
///
/// # Errors
/// When the state file cannot be read.
pub(crate) fn verify(state: &State, settled: Timestamp) -> store::Result<ChainFound> {
    let mut found = ChainFound::default();
    let listings = state.catalogue()?;
    let instruments: BTreeMap<InstrumentId, Instrument> =
        listings.into_iter().filter_map(|listing| Some((listing.id, listing.instrument?))).collect();
    let mut sealed: BTreeMap<(InstrumentId, Timestamp), u64> = BTreeMap::new();
    let mut before: Option<SealRecord> = None;
    loop {
        let from = before.map_or(0, |before| before.number + 1);
        let batch = state.seals(from, BATCH)?;
        for seal in &batch {
            *sealed.entry((seal.instrument, seal.open_time)).or_default() += 1;
            check(state, &instruments, before.as_ref(), seal, &mut found)?;
            before = Some(*seal);
        }
        if batch.len() < BATCH {
            break;
        }
    }
    found.head = before.map(|seal| (seal.number, hex(&seal.link)));
    for instrument in instruments.values() {
        rescore(state, instrument, &mut found, |open_time| {
            if open_time >= settled { u64::MAX } else { sealed.get(&(instrument.id, open_time)).copied().unwrap_or(0) }
        })?;
    }
    Ok(found)
}

fn check(
    state: &State,
    instruments: &BTreeMap<InstrumentId, Instrument>,
    before: Option<&SealRecord>,
    seal: &SealRecord,
    found: &mut ChainFound,
) -> store::Result<()> {
    let zeros: Link = [0; 32];
    let link_before = match before {
        None if seal.number == 1 => zeros,
        // What it was bound to is gone with its forecast: the chain is checked from here on.
        None => {
            found.first = Some(seal.number);
            return Ok(());
        }
        Some(before) if before.number + 1 == seal.number => before.link,
        Some(before) => {
            found.broken += seal.number - before.number - 1;
            tell(found, format!("links {} to {} are missing", before.number + 1, seal.number - 1));
            return Ok(());
        }
    };
    found.first.get_or_insert(seal.number);
    let Some(instrument) = instruments.get(&seal.instrument) else {
        found.broken += 1;
        tell(found, format!("link {}: no instrument {}", seal.number, seal.instrument.0));
        return Ok(());
    };
    let after = Timestamp::from_nanos(seal.open_time.as_nanos().saturating_add(1));
    let kept = state.forecasts(seal.instrument, Span::between(seal.open_time, after, usize::MAX))?;
    let mut models: BTreeMap<String, Vec<ForecastRecord>> = BTreeMap::new();
    for ScoredForecast { forecast, .. } in kept {
        models.entry(forecast.model.clone()).or_default().push(forecast);
    }
    let is_it = |made: &&Vec<ForecastRecord>| link(&link_before, seal.number, seal.at, instrument, made) == seal.link;
    match models.values().find(is_it) {
        Some(made) => {
            found.sealed += 1;
            // A candle of the minute at its target closes a minute after that.
            let soonest = made.iter().map(|forecast| i64::from(forecast.horizon_min)).min().unwrap_or(0);
            if seal.at.as_nanos() >= seal.open_time.as_nanos() + (soonest + 1) * NS_PER_MIN {
                found.late += 1;
                tell(found, format!("link {}: sealed at {}, when its outcome could be known", seal.number, seal.at));
            }
        }
        None if models.is_empty() && is_pruned(state, seal)? => found.pruned += 1,
        None => {
            found.broken += 1;
            tell(
                found,
                format!(
                    "link {}: the forecast for {} of {} is not the one that was sealed",
                    seal.number,
                    seal.open_time,
                    instrument.pair()
                ),
            );
        }
    }
    Ok(())
}

/// Whether all forecasts of its instrument as old as this one are gone.
fn is_pruned(state: &State, seal: &SealRecord) -> store::Result<bool> {
    let until = Timestamp::from_nanos(seal.open_time.as_nanos().saturating_add(1));
    Ok(state.forecasts(seal.instrument, Span::between(Timestamp::EPOCH, until, 1))?.is_empty())
}

fn rescore(
    state: &State,
    instrument: &Instrument,
    found: &mut ChainFound,
    links: impl Fn(Timestamp) -> u64,
) -> store::Result<()> {
    let always = Span::between(Timestamp::EPOCH, Timestamp::MAX, usize::MAX);
    let forecasts = state.forecasts(instrument.id, always)?;
    let candles = state.candles(instrument.id, Timeframe::M1, always)?;
    let mut models: BTreeMap<Timestamp, Vec<&str>> = BTreeMap::new();
    for ScoredForecast { forecast, outcome } in &forecasts {
        let told = models.entry(forecast.open_time).or_default();
        if !told.contains(&forecast.model.as_str()) {
            told.push(&forecast.model);
        }
        let Some(outcome) = outcome else { continue };
        let target = forecast.open_time.as_nanos() + i64::from(forecast.horizon_min) * NS_PER_MIN;
        let at = candles.binary_search_by_key(&target, |record| record.candle.open_time.as_nanos());
        let Some(record) = at.ok().map(|at| &candles[at]) else {
            found.without_candle += 1;
            continue;
        };
        let then = match forecast.base {
            Base::Close(_) => Some(Base::Close(record.candle.close)),
            Base::Quote(_) => record.quote.map(Base::Quote),
        };
        let again = then.map(|then| log_return(forecast.base, then));
        if again.map(f32::to_bits) == Some(outcome.to_bits()) {
            found.scored += 1;
        } else if record.revision > 0 && matches!(forecast.base, Base::Close(_)) {
            found.revised += 1;
        } else {
            found.differ += 1;
            let (minutes, time) = (forecast.horizon_min, forecast.open_time);
            let again = again.map_or("nothing".to_owned(), |again| again.to_string());
            tell(
                found,
                format!(
                    "{}: what came {minutes} minutes after {time} is kept as {outcome}, the candles say {again}",
                    instrument.pair()
                ),
            );
        }
    }
    for (open_time, models) in &models {
        let missing = (models.len() as u64).saturating_sub(links(*open_time));
        if missing > 0 {
            found.unsealed += missing;
            tell(found, format!("{}: {missing} forecasts at {open_time} that no link covers", instrument.pair()));
        }
    }
    Ok(())
}

fn hex(link: &Link) -> String {
    link.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use engine::seal::Chain;
    use store::Entry;
    use types::effect::{CandleRecord, RulesRecord, ScoreRecord};
    use types::market::{CandleSource, Quote};
    use types::{Candle, Cash, Price, Qty, Record, Scale, Venue};

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_nanos((29_000_000 + minute) * NS_PER_MIN)
    }

    fn write(state: &State, records: Vec<Record>) {
        let entries: Vec<Entry> = records.into_iter().map(|record| Entry { seq: 1, rank: 0, record }).collect();
        state.write(&entries, 1).unwrap();
    }

    fn forecast(id: InstrumentId, minute: i64, horizon_min: u16) -> ForecastRecord {
        let (open_time, model, quantiles) = (at(minute), "m".to_owned(), Vec::new());
        let base = base(minute, minute);
        ForecastRecord { instrument: id, open_time, model, horizon_min, base, log_return: 1e-4, p_up: 0.5, quantiles }
    }

    /// What stood at `minute`, for a forecast made at `made`: the first ones were made by an older version.
    fn base(made: i64, minute: i64) -> Base {
        let price = Price::new(1_000 + minute).unwrap();
        if made < 10 { Base::Close(price) } else { Base::Quote(quote(minute)) }
    }

    fn quote(minute: i64) -> Quote {
        Quote { bid: Price::new(990 + minute).unwrap(), ask: Price::new(1_001 + 2 * minute).unwrap() }
    }

    /// Twenty minutes of forecasts with seals and outcomes.
    fn kept(dir: &std::path::Path) -> (State, InstrumentId) {
        let state = State::open(dir).unwrap();
        let id = state.resolve(Venue::Kraken, "BTC/USD").unwrap();
        let instrument = Instrument {
            id,
            venue: Venue::Kraken,
            symbol: "BTC/USD".to_owned(),
            base: "BTC".to_owned(),
            quote: "USD".to_owned(),
            scale: Scale { price_decimals: 1, qty_decimals: 8 },
            tick: 1,
            lot: 1,
            qty_min: Qty(1),
            notional_min: Cash(1),
        };
        let mut records = vec![Record::Rules(Box::new(RulesRecord { at: at(0), instrument: instrument.clone() }))];
        let mut chain = Chain::default();
        for minute in 0..20 {
            let candle = Candle::flat(at(minute), Price::new(1_000 + minute).unwrap());
            records.push(Record::Candle(CandleRecord {
                instrument: id,
                timeframe: Timeframe::M1,
                candle,
                source: CandleSource::Built,
                agrees: None,
                revision: 0,
                is_clock_set: true,
                quote: Some(quote(minute)),
            }));
            let made = vec![forecast(id, minute, 1), forecast(id, minute, 2)];
            let now = at(minute).plus(std::time::Duration::from_secs(61));
            let seal = chain.seal(now, &instrument, &made).unwrap();
            records.extend(made.iter().cloned().map(Record::Forecast));
            records.push(Record::Seal(seal));
            for made in made.iter().filter(|made| minute + i64::from(made.horizon_min) < 20) {
                let outcome = log_return(made.base, base(minute, minute + i64::from(made.horizon_min)));
                let (open_time, model) = (made.open_time, made.model.clone());
                let horizon_min = made.horizon_min;
                let score = ScoreRecord { instrument: id, open_time, model, horizon_min, log_return: 1e-4, outcome };
                records.push(Record::Score(score));
            }
        }
        write(&state, records);
        (state, id)
    }

    #[test]
    fn what_was_not_touched_is_sound() {
        let dir = tempfile::tempdir().unwrap();
        let (state, _) = kept(dir.path());
        let found = verify(&state, Timestamp::MAX).unwrap();
        assert!(found.is_sound(), "{found:?}");
        assert_eq!((found.sealed, found.pruned), (20, 0));
        assert_eq!((found.first, found.scored, found.without_candle), (Some(1), 19 + 18, 0));
        assert_eq!(found.head.as_ref().map(|(number, link)| (*number, link.len())), Some((20, 64)));
        state.prune(at(10)).unwrap();
        let pruned = verify(&state, Timestamp::MAX).unwrap();
        assert!(pruned.is_sound(), "{pruned:?}");
        assert_eq!((pruned.sealed, pruned.first, &pruned.head), (10, Some(10), &found.head));
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(verify(&State::open(empty.path()).unwrap(), Timestamp::MAX).unwrap(), ChainFound::default());
    }

    #[test]
    fn a_forecast_that_was_changed_left_out_or_added_afterwards_is_found() {
        let tampered = |change: &dyn Fn(&State, InstrumentId)| {
            let dir = tempfile::tempdir().unwrap();
            let (state, id) = kept(dir.path());
            change(&state, id);
            verify(&state, Timestamp::MAX).unwrap()
        };
        let changed = tampered(&|state, id| {
            write(state, vec![Record::Forecast(ForecastRecord { log_return: 9e-4, ..forecast(id, 7, 2) })]);
        });
        assert_eq!((changed.broken, changed.sealed), (1, 19), "{changed:?}");
        assert!(changed.findings[0].contains("link 8: the forecast for"), "{changed:?}");
        let added = tampered(&|state, id| write(state, vec![Record::Forecast(forecast(id, 30, 1))]));
        assert_eq!((added.unsealed, added.broken), (1, 0), "{added:?}");
        // The link of a forecast that was changed, made to fit: the next one tells.
        let relinked = tampered(&|state, id| {
            let bent = ForecastRecord { log_return: 9e-4, ..forecast(id, 7, 1) };
            let instrument = state.catalogue().unwrap()[0].instrument.clone().unwrap();
            let seals = state.seals(7, 2).unwrap();
            let made = [bent.clone(), forecast(id, 7, 2)];
            let fitted = link(&seals[0].link, 8, seals[1].at, &instrument, &made);
            write(state, vec![Record::Forecast(bent), Record::Seal(SealRecord { link: fitted, ..seals[1] })]);
        });
        assert_eq!((relinked.broken, relinked.sealed), (1, 19), "{relinked:?}");
        assert!(relinked.findings[0].starts_with("link 9"), "{relinked:?}");
        let late = tampered(&|state, id| {
            let instrument = state.catalogue().unwrap()[0].instrument.clone().unwrap();
            let last = state.last_seal().unwrap().unwrap();
            let made = [forecast(id, 25, 1)];
            let seal = Chain::after(&last).seal(at(40), &instrument, &made).unwrap();
            write(state, vec![Record::Forecast(made[0].clone()), Record::Seal(seal)]);
        });
        assert_eq!((late.late, late.broken), (1, 0), "{late:?}");
    }

    #[test]
    fn an_outcome_that_is_not_what_came_is_found_and_a_corrected_candle_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (state, id) = kept(dir.path());
        let corrected = state.candles(id, Timeframe::M1, Span::between(at(9), at(10), 1)).unwrap().remove(0);
        let candle = Candle::flat(at(9), Price::new(2_000).unwrap());
        write(&state, vec![Record::Candle(CandleRecord { candle, revision: 1, ..corrected })]);
        let found = verify(&state, Timestamp::MAX).unwrap();
        assert_eq!((found.revised, found.differ, found.scored), (2, 0, 35), "{found:?}");
        let forged = state.candles(id, Timeframe::M1, Span::between(at(15), at(16), 1)).unwrap().remove(0);
        write(&state, vec![Record::Candle(CandleRecord { quote: Some(quote(40)), revision: 1, ..forged })]);
        let found = verify(&state, Timestamp::MAX).unwrap();
        assert_eq!((found.revised, found.differ, found.scored), (2, 2, 33), "{found:?}");
        let (open_time, model) = (at(3), "m".to_owned());
        let score = ScoreRecord { instrument: id, open_time, model, horizon_min: 1, log_return: 1e-4, outcome: 0.5 };
        write(&state, vec![Record::Score(score)]);
        let found = verify(&state, Timestamp::MAX).unwrap();
        assert_eq!((found.differ, found.broken, found.is_sound()), (3, 0, false), "{found:?}");
    }
}
