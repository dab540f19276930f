//! A recorded day of a market and an account, minute by minute: what the replay page goes through.

use std::collections::BTreeMap;
use std::time::Duration;

use store::{ScoredForecast, Span, State};
use types::time::NS_PER_MIN;
use types::{AccountId, Date, Instrument, Order, Timeframe, Timestamp};
use wire::api::{Day, DayForecast, DayMinute, OrderRow};

use crate::kept::Known;
use crate::trades;

/// How far ahead the forecasts look that are told, minutes.
const HORIZON_MIN: u16 = 5;
/// Most orders that are told of a day.
const ORDERS_MAX: usize = 500;
const MINUTE: Duration = Duration::from_secs(60);
const MINUTES: usize = 1_440;

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) day: Date,
    pub(crate) known: &'a Known,
    pub(crate) account: AccountId,
    /// Name of the account.
    pub(crate) name: &'a str,
}

/// The minutes of a day of which something is kept; forecasts are those of the model that `leads`, or else of the one that said the most.
///
/// # Errors
/// When the state file cannot be read.
pub(crate) fn course(state: &State, asked: Asked<'_>, leads: &dyn Fn(&str) -> bool) -> store::Result<Day> {
    let Asked { day, known, account, name } = asked;
    let from = day.start();
    let to = from.plus(MINUTE * MINUTES as u32);
    let between = |from: Timestamp, to: Timestamp| Span::between(from, to, usize::MAX);
    let end_ms = |place: usize| from.plus(MINUTE * (place as u32 + 1)).as_millis();
    let mut minutes: Vec<DayMinute> =
        (0..MINUTES).map(|place| DayMinute { at_ms: end_ms(place), ..DayMinute::default() }).collect();
    // Of what is kept by when its minute opened.
    let place = |open: Timestamp| usize::try_from((open.as_nanos() - from.as_nanos()) / NS_PER_MIN).ok();

    for kept in state.candles(known.id, Timeframe::M1, between(from, to))? {
        if let Some(minute) = place(kept.candle.open_time).and_then(|place| minutes.get_mut(place)) {
            minute.close = Some(kept.candle.close.mantissa());
        }
    }
    // An account is told when a minute is over.
    for kept in state.equity(account, between(from.plus(MINUTE), to.plus(MINUTE)))? {
        if let Some(minute) = place(kept.at.minus(MINUTE)).and_then(|place| minutes.get_mut(place)) {
            minute.equity = Some((kept.equity.0, kept.hold.0));
            let held = kept.positions.iter().find(|(instrument, _)| *instrument == known.id);
            minute.held = Some(held.map_or(0, |(_, position)| position.0));
        }
    }
    let mut by_model: BTreeMap<String, Vec<(Timestamp, DayForecast)>> = BTreeMap::new();
    for ScoredForecast { forecast, outcome } in state.forecasts(known.id, between(from, to))? {
        if forecast.horizon_min == HORIZON_MIN {
            let bps = |log_return: f32| f64::from(log_return) * 1e4;
            let told = DayForecast {
                expected_bps: bps(forecast.log_return),
                p_up: forecast.p_up.into(),
                came_bps: outcome.map(bps),
            };
            by_model.entry(forecast.model).or_default().push((forecast.open_time, told));
        }
    }
    let chosen = by_model.into_iter().max_by_key(|(model, made)| (leads(model), made.len()));
    for (open, told) in chosen.map(|(_, made)| made).unwrap_or_default() {
        if let Some(minute) = place(open).and_then(|place| minutes.get_mut(place)) {
            minute.forecast = Some(told);
        }
    }
    minutes.retain(|minute| minute.close.is_some() || minute.equity.is_some() || minute.forecast.is_some());

    let catalogue = state.catalogue()?;
    let instrument = |order: &Order| -> Option<Instrument> {
        catalogue.iter().find(|listing| listing.id == order.instrument)?.instrument.clone()
    };
    let orders = trades::all(state, Some(account), Span::between(from, to, ORDERS_MAX + 1), &instrument)?;
    let told = orders.iter().take(ORDERS_MAX);
    let told: Vec<OrderRow> = told.map(|(trade, instrument)| trade.row(instrument, name)).collect();
    Ok(Day {
        price_decimals: known.scale.price_decimals,
        qty_decimals: known.scale.qty_decimals,
        minutes,
        has_more_orders: orders.len() > told.len(),
        orders: told,
        ..nothing_yet(day, &format!("{}:{}", known.venue, known.symbol), name)
    })
}

/// The day of a market of which nothing is known yet.
pub(crate) fn nothing_yet(day: Date, symbol: &str, account: &str) -> Day {
    Day {
        day: day.to_string(),
        symbol: symbol.to_owned(),
        account: account.to_owned(),
        price_decimals: 0,
        qty_decimals: 0,
        minutes: Vec::new(),
        orders: Vec::new(),
        has_more_orders: false,
    }
}

#[cfg(test)]
mod tests {
    use store::Entry;
    use types::effect::{Base, CandleRecord, EquityRecord, ForecastRecord, ScoreRecord};
    use types::market::{CandleSource, Quote};
    use types::{Candle, Cash, InstrumentId, Position, Price, Record, Scale};

    use super::*;

    #[test]
    fn each_minute_tells_what_was_known_at_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let id = InstrumentId(0);
        let known = Known {
            id,
            venue: "kraken",
            symbol: "BTC/USD".to_owned(),
            scale: Scale { price_decimals: 1, qty_decimals: 2 },
        };
        let day = Date::new(2025, 11, 1);
        let at = |minute: u32| day.start().plus(MINUTE * minute);
        let price = |mantissa| Price::new(mantissa).unwrap();
        let candle = |open_time, close| {
            Record::Candle(CandleRecord {
                instrument: id,
                timeframe: Timeframe::M1,
                candle: Candle::flat(open_time, price(close)),
                source: CandleSource::Stream,
                agrees: None,
                revision: 0,
                is_clock_set: true,
                quote: None,
            })
        };
        let equity = |at, dollars: i64, held| {
            let cash = Cash(dollars * 100_000_000);
            let positions = vec![(id, Position(held))];
            let (account, hold, fees) = (AccountId::LEAD, Cash(0), Cash(0));
            Record::Equity(EquityRecord { account, at, cash, equity: cash, hold, fees, positions })
        };
        let forecast = |model: &str, horizon_min| {
            let base = Base::Quote(Quote { bid: price(99), ask: price(101) });
            let (open_time, model, quantiles) = (at(1), model.to_owned(), Vec::new());
            let (log_return, p_up) = (2e-4, 0.5);
            Record::Forecast(ForecastRecord {
                instrument: id,
                open_time,
                model,
                horizon_min,
                base,
                log_return,
                p_up,
                quantiles,
            })
        };
        let score = ScoreRecord {
            instrument: id,
            open_time: at(1),
            model: "leads".to_owned(),
            horizon_min: 5,
            log_return: 2e-4,
            outcome: -1e-4,
        };
        let records = vec![
            candle(day.start().minus(MINUTE), 990),
            candle(at(0), 1_000),
            candle(at(1), 1_010),
            candle(at(1_439), 1_020),
            candle(at(1_440), 1_030),
            // At midnight the account is told as it was at the end of the day before.
            equity(at(0), 90, 0),
            equity(at(1), 100, 0),
            equity(at(2), 101, 150),
            equity(at(1_440), 120, -150),
            equity(at(1_441), 130, 0),
            forecast("leads", 5),
            forecast("leads", 10),
            forecast("shadow", 5),
            Record::Score(score),
        ];
        let entries: Vec<Entry> = records.into_iter().map(|record| Entry { seq: 1, rank: 0, record }).collect();
        state.write(&entries, 1).unwrap();
        let asked = Asked { day, known: &known, account: AccountId::LEAD, name: "lead" };
        let told = course(&state, asked, &|model| model == "leads").unwrap();
        let minutes: Vec<_> =
            told.minutes.iter().map(|it| (it.at_ms, it.close, it.equity.map(|both| both.0), it.held)).collect();
        assert_eq!(
            minutes,
            [
                (at(1).as_millis(), Some(1_000), Some(10_000_000_000), Some(0)),
                (at(2).as_millis(), Some(1_010), Some(10_100_000_000), Some(150)),
                (at(1_440).as_millis(), Some(1_020), Some(12_000_000_000), Some(-150)),
            ]
        );
        assert_eq!(told.minutes[0].forecast, None);
        let made = told.minutes[1].forecast.unwrap();
        assert!((made.expected_bps - 2.0).abs() < 1e-6 && (made.came_bps.unwrap() + 1.0).abs() < 1e-6, "{made:?}");
        assert_eq!((told.symbol.as_str(), told.day.as_str(), told.orders.len()), ("kraken:BTC/USD", "2025-11-01", 0));
        let before = course(&state, Asked { day: Date::new(2025, 10, 30), ..asked }, &|_| true).unwrap();
        assert!(before.minutes.is_empty());
    }
}
