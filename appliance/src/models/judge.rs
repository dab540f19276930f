//! What the kept forecasts say of the models in their places.

use std::collections::BTreeMap;

use engine::skill::{Sealed, evidence, versus};
use store::{Span, State};
use types::effect::Base;
use types::time::{NS_PER_DAY, NS_PER_MIN};
use types::{InstrumentId, Timestamp};

/// Days that are looked at.
const DAYS: i64 = 7;

/// Forecasts of a model by minute, for one instrument and horizon.
type Track = Vec<Sealed>;

/// Evidence about models, each figure an average over instruments and horizons: an average of evidence is evidence that not all of them are
/// without effect, so looking at many costs nothing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Judgement {
    /// By model: that it is worse than "no change".
    pub(super) worse: BTreeMap<String, f64>,
    /// By model: that it is better than the model of the same horizons that leads.
    pub(super) overtakes: BTreeMap<String, f64>,
}

/// Looks at the last seven days. `lead` and `others` are models of the same time frame.
///
/// # Errors
/// When the state file cannot be read.
pub(super) fn judge(state: &State, lead: &str, others: &[String], now: Timestamp) -> store::Result<Judgement> {
    let from = Timestamp::from_nanos(now.as_nanos().saturating_sub(DAYS * NS_PER_DAY));
    let (mut worse, mut overtakes) = (BTreeMap::<String, Vec<f64>>::new(), BTreeMap::<String, Vec<f64>>::new());
    for listing in state.catalogue()? {
        let tracks = tracks(state, listing.id, from, now)?;
        for ((model, horizon), track) in &tracks {
            if model != lead && !others.contains(model) {
                continue;
            }
            worse.entry(model.clone()).or_default().push(evidence(track, *horizon).worse());
            if let Some(leading) = tracks.get(&(lead.to_owned(), *horizon)).filter(|_| model != lead) {
                overtakes.entry(model.clone()).or_default().push(versus(leading, track, *horizon).better());
            }
        }
    }
    let mean = |all: BTreeMap<String, Vec<f64>>| {
        all.into_iter().map(|(model, of)| (model, of.iter().sum::<f64>() / of.len() as f64)).collect()
    };
    Ok(Judgement { worse: mean(worse), overtakes: mean(overtakes) })
}

fn tracks(
    state: &State,
    instrument: InstrumentId,
    from: Timestamp,
    to: Timestamp,
) -> store::Result<BTreeMap<(String, u16), Track>> {
    let mut tracks: BTreeMap<(String, u16), Track> = BTreeMap::new();
    for scored in state.forecasts(instrument, Span::between(from, to, usize::MAX))? {
        let forecast = scored.forecast;
        let minute = u32::try_from(forecast.open_time.as_nanos().div_euclid(NS_PER_MIN));
        let (Some(outcome), Ok(minute), Base::Quote(_)) = (scored.outcome, minute, forecast.base) else { continue };
        let sealed = Sealed { minute, forecast: forecast.log_return, p_up: forecast.p_up, outcome };
        tracks.entry((forecast.model, forecast.horizon_min)).or_default().push(sealed);
    }
    Ok(tracks)
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::effect::{ForecastRecord, ScoreRecord};
    use types::market::Quote;
    use types::{Price, Record, Venue};

    use super::*;

    #[test]
    fn a_model_that_harms_is_found_and_one_that_sees_more_overtakes() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let instrument = state.resolve(Venue::Kraken, "BTC/USD").unwrap();
        let at = |minute: i64| Timestamp::from_nanos((29_000_000 + minute) * NS_PER_MIN);
        let price = |mantissa| Price::new(mantissa).unwrap();
        let base = Base::Quote(Quote { bid: price(99), ask: price(101) });
        let mut records = Vec::new();
        for minute in 0..3_000i64 {
            // A move whose sign looks random, 3 of 4 times told right by `sees`.
            let bit = (minute as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
            let outcome = if bit & 1 == 0 { 4e-4 } else { -4e-4 };
            let seen = if bit >> 2 == 0 { -outcome } else { outcome };
            for (model, log_return) in [("idle", 1e-6), ("sees", seen / 2.0), ("harms", -seen / 2.0), ("other", -seen)]
            {
                let model = model.to_owned();
                let (open_time, horizon_min, p_up, quantiles) = (at(minute), 1, 0.5, Vec::new());
                let made = ForecastRecord {
                    instrument,
                    open_time,
                    model: model.clone(),
                    horizon_min,
                    base,
                    log_return,
                    p_up,
                    quantiles,
                };
                records.push(Record::Forecast(made));
                records.push(Record::Score(ScoreRecord {
                    instrument,
                    open_time,
                    model,
                    horizon_min,
                    log_return,
                    outcome,
                }));
            }
        }
        let entries: Vec<Entry> = records.into_iter().map(|record| Entry { seq: 1, rank: 0, record }).collect();
        state.write(&entries, 1).unwrap();
        let others = ["sees", "harms"].map(str::to_owned);
        let found = judge(&state, "idle", &others, at(3_000)).unwrap();
        assert_eq!(found.worse.keys().collect::<Vec<_>>(), ["harms", "idle", "sees"], "only those that sit");
        assert!(found.worse["harms"] > 20.0 && found.worse["sees"] < 20.0 && found.worse["idle"] < 20.0, "{found:?}");
        assert!(found.overtakes["sees"] > 20.0 && found.overtakes["harms"] < 20.0, "{found:?}");
        let later = judge(&state, "idle", &others, at(30_000)).unwrap();
        assert_eq!(later, Judgement::default(), "nothing in the last seven days");
    }
}
