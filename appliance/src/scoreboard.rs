//! What the kept forecasts were worth, model by model: read from the state file, never from memory.

use std::collections::BTreeMap;

use engine::skill::{QuantileCard, Scorecard, Sealed, quantile_card, scorecard};
use serde::Serialize;
use store::{ScoredForecast, Span, State};
use types::Timestamp;
use types::effect::{Base, QUANTILES};
use types::time::{NS_PER_DAY, NS_PER_MIN};

use crate::kept::Known;

/// Days that are looked at where no others are asked for.
pub(crate) const DAYS: i64 = 7;

/// The card of a model on one instrument and horizon. The keys are a contract.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) venue: &'static str,
    pub(crate) symbol: String,
    pub(crate) model: String,
    /// Open time of the last candle that the first scored forecast saw, and the last one.
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    /// Forecasts that have not met their outcome, or never will.
    pub(crate) open: usize,
    #[serde(flatten)]
    pub(crate) card: Scorecard,
    /// Of the quantiles that the model tells itself; null where it tells none.
    pub(crate) own_quantiles: Option<QuantileCard>,
}

/// The scored forecasts of a model at one horizon.
#[derive(Default)]
struct Track {
    sealed: Vec<Sealed>,
    quantiles: Vec<([f32; QUANTILES.len()], f32)>,
    open: usize,
}

/// The cards of an instrument, by model and horizon, over forecasts from `from` (where it is not told, of the last seven days in which
/// there were any) to before `to`. Those that count from closes (see [`Base::Close`]) are left out.
///
/// # Errors
/// When the state file cannot be read.
pub(crate) fn lines(state: &State, known: &Known, from: Option<Timestamp>, to: Timestamp) -> store::Result<Vec<Line>> {
    let from = match from {
        Some(from) => from,
        None => {
            let newest = state.forecasts(known.id, Span::last(1, to))?.pop();
            let Some(newest) = newest else { return Ok(Vec::new()) };
            let after = newest.forecast.open_time.as_nanos().saturating_add(1);
            Timestamp::from_nanos(after.saturating_sub(DAYS * NS_PER_DAY))
        }
    };
    let mut tracks: BTreeMap<(String, u16), Track> = BTreeMap::new();
    for ScoredForecast { forecast, outcome } in state.forecasts(known.id, Span::between(from, to, usize::MAX))? {
        if matches!(forecast.base, Base::Close(_)) {
            continue;
        }
        let track = tracks.entry((forecast.model, forecast.horizon_min)).or_default();
        let minute = u32::try_from(forecast.open_time.as_nanos().div_euclid(NS_PER_MIN));
        match (outcome, minute) {
            (Some(outcome), Ok(minute)) => {
                track.sealed.push(Sealed { minute, forecast: forecast.log_return, p_up: forecast.p_up, outcome });
                track.quantiles.extend(forecast.quantiles.try_into().ok().map(|told| (told, outcome)));
            }
            _ => track.open += 1,
        }
    }
    let at = |sealed: &Sealed| Timestamp::from_nanos(i64::from(sealed.minute) * NS_PER_MIN).to_string();
    let line = |((model, horizon_min), Track { sealed, quantiles, open }): ((String, u16), Track)| Line {
        venue: known.venue,
        symbol: known.symbol.clone(),
        model,
        from: sealed.first().map(at),
        to: sealed.last().map(at),
        open,
        card: scorecard(&sealed, horizon_min),
        own_quantiles: quantile_card(&quantiles),
    };
    Ok(tracks.into_iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use engine::skill::Verdict;
    use store::Entry;
    use types::effect::{Base, ForecastRecord, ScoreRecord};
    use types::market::Quote;
    use types::{InstrumentId, Price, Record, Scale};

    use super::*;

    #[test]
    fn cards_are_made_of_what_was_kept_by_model_and_horizon() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let at = |minute: i64| Timestamp::from_nanos((29_000_000 + minute) * NS_PER_MIN);
        let mut records = Vec::new();
        for minute in 0..2_000 {
            for (model, horizon_min, log_return) in [("a", 5, 2e-4), ("a", 10, 1e-4), ("b", 5, -2e-4)] {
                let (instrument, open_time, model) = (InstrumentId(0), at(minute), model.to_owned());
                let price = |mantissa| Price::new(mantissa).unwrap();
                let base = Base::Quote(Quote { bid: price(99), ask: price(101) });
                let forecast = ForecastRecord {
                    instrument,
                    open_time,
                    model: model.clone(),
                    horizon_min,
                    base,
                    log_return,
                    p_up: 0.6,
                    quantiles: if model == "a" { vec![-2e-4, -1e-4, log_return, 3e-4, 4e-4] } else { Vec::new() },
                };
                records.push(Record::Forecast(forecast));
                if minute < 1_990 {
                    let outcome = if minute % 3 == 0 { -1e-4 } else { 3e-4 };
                    let score = ScoreRecord { instrument, open_time, model, horizon_min, log_return, outcome };
                    records.push(Record::Score(score));
                }
            }
        }
        let entries: Vec<Entry> = records.into_iter().map(|record| Entry { seq: 1, rank: 0, record }).collect();
        state.write(&entries, 1).unwrap();
        let known = Known {
            id: InstrumentId(0),
            venue: "kraken",
            symbol: "BTC/USD".to_owned(),
            scale: Scale { price_decimals: 1, qty_decimals: 8 },
        };
        let found = lines(&state, &known, None, Timestamp::MAX).unwrap();
        let told: Vec<_> = found.iter().map(|l| (l.model.as_str(), l.card.horizon_min, l.card.n, l.open)).collect();
        assert_eq!(told, [("a", 5, 1_990, 10), ("a", 10, 1_990, 10), ("b", 5, 1_990, 10)]);
        let verdicts: Vec<Verdict> = found.iter().map(|line| line.card.verdict).collect();
        assert_eq!(verdicts, [Verdict::Better, Verdict::Better, Verdict::Worse]);
        let own: Vec<_> = found.iter().map(|line| line.own_quantiles.map(|own| (own.n, own.coverage_50))).collect();
        assert_eq!(own, [Some((1_990, 1.0)), Some((1_990, 1.0)), None]);
        let part = lines(&state, &known, Some(at(100)), at(200)).unwrap();
        assert_eq!((part[0].card.n, part[0].from.as_deref()), (100, Some(at(100).to_string().as_str())));
        let text = serde_json::to_value(&part[0]).unwrap();
        assert_eq!(
            (text["model"].as_str(), text["n"].as_u64(), text["horizon_min"].as_u64()),
            (Some("a"), Some(100), Some(5))
        );
        assert!(lines(&state, &Known { id: InstrumentId(7), ..known }, None, Timestamp::MAX).unwrap().is_empty());
    }
}
