//! What the kept forecasts were worth, model by model: read from the state file, never from memory.

use std::collections::BTreeMap;

use engine::skill::{QuantileCard, Scorecard, Sealed, Verdict, quantile_card, scorecard};
use serde::Serialize;
use store::{ScoredForecast, Span, State};
use types::Timestamp;
use types::effect::{Base, QUANTILES};
use types::time::{NS_PER_DAY, NS_PER_MIN};
use wire::api::{ErrorHour, Reliability};

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
/// there were any) to before `to`.
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
    Ok(gathered(state, known, from, to)?.into_iter().map(line).collect())
}

/// Forecasts by model and horizon. Those that count from closes (see [`Base::Close`]) are left out.
fn gathered(
    state: &State,
    known: &Known,
    from: Timestamp,
    to: Timestamp,
) -> store::Result<BTreeMap<(String, u16), Track>> {
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
    Ok(tracks)
}

/// Outcomes that a track lists.
const NEWEST: usize = 240;
/// Steps of probability in which rises are counted.
const STEPS: usize = 10;

/// What the forecasts of an instrument since a time were worth, for people: every model and horizon, those with a leading model first.
///
/// # Errors
/// When the state file cannot be read.
pub(crate) fn tracks(
    state: &State,
    known: &Known,
    from: Timestamp,
    named: &dyn Fn(&str) -> String,
    leads: &dyn Fn(&str) -> bool,
) -> store::Result<Vec<wire::api::Track>> {
    let mut tracks: Vec<wire::api::Track> = gathered(state, known, from, Timestamp::MAX)?
        .into_iter()
        .map(|((model, horizon_min), Track { sealed, open, .. })| {
            let card = scorecard(&sealed, horizon_min);
            let at_ms = |sealed: &Sealed| i64::from(sealed.minute) * 60_000;
            wire::api::Track {
                name: named(&model),
                horizon_min,
                leads: leads(&model),
                from_ms: sealed.first().map(at_ms),
                to_ms: sealed.last().map(at_ms),
                open: open as u32,
                n: card.n as u32,
                mae_bps: card.mae_bps,
                naive_mae_bps: card.naive_mae_bps,
                skill: card.skill,
                interval: card.skill_lo.zip(card.skill_hi),
                hit_rate: card.hit_rate,
                hit_interval: card.hit_lo.zip(card.hit_hi),
                brier: card.brier,
                coverage_50: card.coverage_50,
                coverage_90: card.coverage_90,
                width_90_bps: card.width_90_bps,
                verdict: word(card.verdict).to_owned(),
                reliability: reliability(&sealed),
                hours: hours(&sealed),
                newest: sealed[sealed.len().saturating_sub(NEWEST)..]
                    .iter()
                    .map(|one| wire::api::Outcome {
                        at_ms: at_ms(one),
                        forecast_bps: f64::from(one.forecast) * 1e4,
                        outcome_bps: f64::from(one.outcome) * 1e4,
                    })
                    .collect(),
                model,
            }
        })
        .collect();
    tracks.sort_by_key(|track| (!track.leads, track.horizon_min));
    Ok(tracks)
}

/// The verdict as people read it.
pub(crate) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "worse",
        Verdict::NotProven => "not proven",
        Verdict::Better => "better",
    }
}

/// What was said of rises against how often they came, in equal steps of probability. A price that did not change has not risen, nor fallen.
fn reliability(sealed: &[Sealed]) -> Vec<Reliability> {
    let mut steps = [(0.0, 0u32, 0u32); STEPS];
    for one in sealed.iter().filter(|one| one.outcome != 0.0 && one.p_up.is_finite()) {
        let said = f64::from(one.p_up).clamp(0.0, 1.0);
        let step = &mut steps[((said * STEPS as f64) as usize).min(STEPS - 1)];
        *step = (step.0 + said, step.1 + u32::from(one.outcome > 0.0), step.2 + 1);
    }
    let told = steps.iter().filter(|(_, _, n)| *n > 0);
    told.map(|(said, came, n)| Reliability {
        said: said / f64::from(*n),
        came: f64::from(*came) / f64::from(*n),
        n: *n,
    })
    .collect()
}

fn hours(sealed: &[Sealed]) -> Vec<ErrorHour> {
    let mut hours: BTreeMap<i64, (u32, f64, f64)> = BTreeMap::new();
    for one in sealed {
        let hour = hours.entry(i64::from(one.minute) / 60).or_default();
        let error = f64::from((one.forecast - one.outcome).abs());
        *hour = (hour.0 + 1, hour.1 + error, hour.2 + f64::from(one.outcome.abs()));
    }
    let told = |(hour, (n, error, naive)): (i64, (u32, f64, f64))| ErrorHour {
        at_ms: hour * 3_600_000,
        n,
        mae_bps: error / f64::from(n) * 1e4,
        naive_mae_bps: naive / f64::from(n) * 1e4,
    };
    hours.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
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
        let told = tracks(&state, &known, at(0), &|model| format!("model {model}"), &|model| model == "b").unwrap();
        let names: Vec<_> = told.iter().map(|it| (it.name.as_str(), it.leads, it.horizon_min, it.n)).collect();
        assert_eq!(names, [("model b", true, 5, 1_990), ("model a", false, 5, 1_990), ("model a", false, 10, 1_990)]);
        // All were said with 0.6; every third fell.
        let rises = told[0].reliability[0];
        assert!(
            (rises.said - 0.6).abs() < 1e-6 && (rises.came - 2.0 / 3.0).abs() < 1e-3 && rises.n == 1_990,
            "{rises:?}"
        );
        assert_eq!((told[0].hours.len(), told[0].newest.len()), (34, NEWEST));
        assert!((told[1].hours[1].mae_bps - (3.0 + 2.0) / 3.0).abs() < 0.01, "{:?}", told[1].hours[1]);
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
