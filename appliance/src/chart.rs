//! What the chart of a market is drawn of: candles of any length as far back as anything is known, with the engine's own
//! features as indicators; and forecasts that met their outcome.
//!
//! A candle is the box's own; where it has none, the one that the exchange told later (`history.redb`); where there is
//! neither, the sum of the shorter ones.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use engine::candle::Bar;
use engine::feature::{Around, Column, FeatureState};
use engine::skill::{Sealed, widths};
use store::history::Series;
use store::{History, ScoredForecast, Span, State, StoreError};
use types::effect::Base;
use types::time::NS_PER_MIN;
use types::{Candle, Price, Qty, Scale, Timeframe, Timestamp};
use wire::CandleKind;
use wire::api::{ChartBlock, ChartLine, PastForecast, PastForecasts};

use crate::kept::Known;

/// Lengths of candles, minutes, by name.
pub(crate) const LENGTHS: [(&str, u16); 6] =
    [("1m", 1), ("5m", 5), ("15m", 15), ("1h", 60), ("4h", 240), ("1d", 1_440)];
/// Most candles, and most forecasts, of one answer.
pub(crate) const LIMIT: u16 = 2_000;
/// Most minutes that an answer spans: of long candles there are fewer, because each may have to be made of minutes.
const MINUTES_MAX: i64 = 288_000;
/// Candles before the first one told from which the recursive indicators (EMA, RSI, MACD, ATR) begin: of the first value of an EMA of
/// 200 less than a part in ten million is left then.
const WARM_UP: i64 = 2_000;
/// Forecasts before the first one told whose errors make the bands: two days of minutes.
const ERRORS_MIN: i64 = 2 * 1_440;

/// Candles that are known of one instrument.
struct Past<'a> {
    state: &'a State,
    history: Option<History>,
    known: &'a Known,
}

/// A candle and how it came to be.
type Told = (Candle, CandleKind);

impl<'a> Past<'a> {
    fn new(state: &'a State, dir: &Path, known: &'a Known) -> store::Result<Self> {
        let history = match History::open_read(dir) {
            Ok(history) => Some(history),
            // A backfill is at work: what it fetched is seen when it is done.
            Err(StoreError::Missing { .. } | StoreError::InUse { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { state, history, known })
    }

    fn series(&self, timeframe: Timeframe) -> Series {
        Series { source: self.known.venue.to_owned(), symbol: self.known.symbol.clone(), timeframe }
    }

    /// Those of `length` minutes that open within `span`, oldest first.
    fn candles(&self, length: u16, span: Range<Timestamp>) -> store::Result<Vec<Told>> {
        let mut found: BTreeMap<Timestamp, Told> = BTreeMap::new();
        if let Some(timeframe) = timeframe(length) {
            if let Some(history) = &self.history {
                for (scale, candle) in history.candles(&self.series(timeframe), span.clone())? {
                    if let Some(candle) = rescaled(&candle, scale, self.known.scale) {
                        found.insert(candle.open_time, (candle, kind(&candle, 0)));
                    }
                }
            }
            for own in self.state.candles(self.known.id, timeframe, Span::between(span.start, span.end, usize::MAX))? {
                found.insert(own.candle.open_time, (own.candle, kind(&own.candle, own.revision)));
            }
        }
        let is_missing = |open_time: &Timestamp| !found.contains_key(open_time);
        let (first, last) = (slots(length, &span).find(is_missing), slots(length, &span).rfind(is_missing));
        if let (Some(shorter), Some(first), Some(last)) = (shorter(length), first, last) {
            let span = first..Timestamp::from_nanos(last.as_nanos() + i64::from(length) * NS_PER_MIN).min(span.end);
            for told in sums(&self.candles(shorter, span)?, shorter, length) {
                found.entry(told.0.open_time).or_insert(told);
            }
        }
        Ok(found.into_values().collect())
    }

    /// When the first candle opens, and when the last that opens before `before` is over; of candles of this length and of those
    /// that it can be made of.
    fn reach(&self, length: u16, before: Timestamp) -> store::Result<Option<(Timestamp, Timestamp)>> {
        let length_ns = i64::from(length) * NS_PER_MIN;
        let mut reach: Option<(Timestamp, Timestamp)> = None;
        let mut add = |first: Timestamp, open: Timestamp| {
            let first = first.floor_to(length_ns);
            let end = Timestamp::from_nanos(open.floor_to(length_ns).as_nanos() + length_ns);
            let (from, to) = reach.unwrap_or((first, end));
            reach = Some((from.min(first), to.max(end)));
        };
        let lengths = std::iter::successors(Some(length), |length| shorter(*length));
        for timeframe in lengths.filter_map(timeframe) {
            let first = self.state.candles(self.known.id, timeframe, Span::between(Timestamp::EPOCH, before, 1))?;
            let last = self.state.candles(self.known.id, timeframe, Span::last(1, before))?;
            if let (Some(first), Some(last)) = (first.first(), last.last()) {
                add(first.candle.open_time, last.candle.open_time);
            }
            for covered in self.history.as_ref().map_or(Ok(Vec::new()), |it| it.covered(&self.series(timeframe)))? {
                if covered.start < before {
                    let end = covered.end.min(before).as_nanos();
                    add(covered.start, Timestamp::from_nanos(end - 1));
                }
            }
        }
        Ok(reach)
    }
}

/// Of an instrument of which nothing is known yet but its name: no time at all is told.
pub(crate) fn nothing_yet(symbol: &str, length: u16, before: Timestamp) -> ChartBlock {
    ChartBlock {
        symbol: symbol.to_owned(),
        timeframe_min: length,
        price_decimals: 0,
        qty_decimals: 0,
        from_ms: before.as_millis(),
        to_ms: before.as_millis(),
        has_older: true,
        candles: Vec::new(),
        lines: Vec::new(),
    }
}

/// The same of forecasts.
pub(crate) fn none_yet(symbol: &str, horizon_min: u16, before: Timestamp) -> PastForecasts {
    PastForecasts {
        symbol: symbol.to_owned(),
        horizon_min,
        model: String::new(),
        price_decimals: 0,
        from_ms: before.as_millis(),
        to_ms: before.as_millis(),
        has_older: true,
        forecasts: Vec::new(),
    }
}

/// The newest `limit` candles of `length` minutes that open before `before`, and the engine's features of them.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn block(
    state: &State,
    dir: &Path,
    known: &Known,
    length: u16,
    before: Timestamp,
    limit: u16,
    columns: &[Column],
) -> store::Result<ChartBlock> {
    let past = Past::new(state, dir, known)?;
    let length_ns = i64::from(length) * NS_PER_MIN;
    let mut block = ChartBlock {
        price_decimals: known.scale.price_decimals,
        qty_decimals: known.scale.qty_decimals,
        has_older: false,
        ..nothing_yet(&format!("{}:{}", known.venue, known.symbol), length, before)
    };
    let mut told = Vec::new();
    if let Some((first, end)) = past.reach(length, before)? {
        let count = i64::from(limit).min(MINUTES_MAX / i64::from(length));
        let from = Timestamp::from_nanos(end.as_nanos() - count * length_ns).max(first);
        // Nothing is known between the end of the newest and what was asked for, unless it is not over yet.
        (block.from_ms, block.to_ms, block.has_older) = (from.as_millis(), end.as_millis(), first < from);
        let warm_up = if columns.is_empty() { 0 } else { WARM_UP.min(MINUTES_MAX / i64::from(length)) };
        told = past.candles(length, Timestamp::from_nanos(from.as_nanos() - warm_up * length_ns)..end)?;
        block.lines = lines(&told, known, length, from, columns);
        told.retain(|(candle, _)| candle.open_time >= from);
    }
    block.candles = told.iter().map(|(candle, kind)| crate::projection::candle(candle, *kind)).collect();
    Ok(block)
}

/// The features of the candles from `from` on. One whose minutes are not all known is none for the engine either: the features begin
/// anew after it.
fn lines(told: &[Told], known: &Known, length: u16, from: Timestamp, columns: &[Column]) -> Vec<ChartLine> {
    let line = |column: &Column| {
        let definition = column.definition();
        ChartLine { name: definition.name.to_owned(), unit: definition.unit.to_owned(), values: Vec::new() }
    };
    let mut lines: Vec<ChartLine> = columns.iter().map(line).collect();
    if lines.is_empty() {
        return lines;
    }
    let mut features = FeatureState::new(length);
    for (candle, kind) in told {
        let row = match kind {
            CandleKind::Partial => None,
            _ => Some(features.update(&Bar::of(candle, known.scale), &Around::default())),
        };
        if candle.open_time >= from {
            for (line, column) in lines.iter_mut().zip(columns) {
                line.values.push(row.and_then(|row| row.get(*column)));
            }
        }
    }
    lines
}

/// When the candles of `length` minutes within `span` open.
fn slots(length: u16, span: &Range<Timestamp>) -> impl DoubleEndedIterator<Item = Timestamp> + use<> {
    let length_ns = i64::from(length) * NS_PER_MIN;
    let number = |at: Timestamp| at.as_nanos().div_euclid(length_ns);
    let end = Timestamp::from_nanos(span.end.as_nanos() - 1);
    (number(span.start)..=number(end)).map(move |number| Timestamp::from_nanos(number * length_ns))
}

/// Candles of `length` minutes from shorter ones.
fn sums(shorter: &[Told], shorter_min: u16, length: u16) -> impl Iterator<Item = Told> {
    let open_time = move |told: &Told| told.0.open_time.floor_to(i64::from(length) * NS_PER_MIN);
    let parts = usize::from(length / shorter_min);
    shorter.chunk_by(move |a, b| open_time(a) == open_time(b)).map(move |group| {
        let mut sum = Candle { open_time: open_time(&group[0]), ..group[0].0 };
        group[1..].iter().for_each(|(later, _)| sum.absorb(later));
        let has = |wanted| group.iter().any(|(_, kind)| *kind == wanted);
        let kind = match () {
            () if group.len() < parts || has(CandleKind::Partial) => CandleKind::Partial,
            () if has(CandleKind::Repaired) => CandleKind::Repaired,
            () => kind(&sum, 0),
        };
        (sum, kind)
    })
}

/// A candle at other digits: files have digits of their own, and exchanges change theirs. `None` where a price has no room.
fn rescaled(candle: &Candle, from: Scale, to: Scale) -> Option<Candle> {
    if from == to {
        return Some(*candle);
    }
    let fit = |value: i128, from: u8, to: u8| match to.checked_sub(from) {
        Some(more) => value * 10i128.pow(more.into()),
        None => {
            let less = 10i128.pow((from - to).into());
            (value + less / 2) / less
        }
    };
    let price = |price: Price| {
        let value = fit(price.mantissa().into(), from.price_decimals, to.price_decimals);
        i64::try_from(value).ok().and_then(Price::new)
    };
    let volume = fit(candle.volume.0.into(), from.qty_decimals, to.qty_decimals);
    Some(Candle {
        open: price(candle.open)?,
        high: price(candle.high)?,
        low: price(candle.low)?,
        close: price(candle.close)?,
        volume: Qty(u64::try_from(volume).ok()?),
        ..*candle
    })
}

/// How a candle that is told as a whole came to be.
const fn kind(candle: &Candle, revision: u16) -> CandleKind {
    match (revision, candle.trades) {
        (1.., _) => CandleKind::Repaired,
        // Of what an exchange told later, the trades are not always counted.
        (0, 0) if candle.volume.0 == 0 => CandleKind::Quiet,
        _ => CandleKind::Traded,
    }
}

/// The length that is kept under this number of minutes.
fn timeframe(length: u16) -> Option<Timeframe> {
    Timeframe::ALL.into_iter().find(|timeframe| timeframe.minutes() == i64::from(length))
}

/// Of which candles those of `length` minutes can be made.
const fn shorter(length: u16) -> Option<u16> {
    match length {
        0 | 1 => None,
        2..=60 => Some(1),
        _ => Some(60),
    }
}

/// Forecasts for times before `before` that met their outcome, of at most `limit` minutes and of one model: the one that `leads`, or
/// else the one that said the most. `named` is what people call it.
///
/// # Errors
/// When the state file cannot be read.
pub(crate) fn past(
    state: &State,
    known: &Known,
    horizon_min: u16,
    before: Timestamp,
    limit: u16,
    leads: &dyn Fn(&str) -> bool,
    named: &dyn Fn(&str) -> String,
) -> store::Result<PastForecasts> {
    let minutes = |n: i64| n * NS_PER_MIN;
    // The target is the end of the last minute that the model saw, and the horizon more.
    let ahead = minutes(1 + i64::from(horizon_min));
    let to = before.as_nanos().saturating_sub(ahead);
    // Without a time the newest are meant.
    let newest = state.forecasts(known.id, Span::last(1, Timestamp::from_nanos(to)))?.pop();
    let to = newest.map_or(to, |newest| newest.forecast.open_time.as_nanos() + minutes(1));
    let from = to - minutes(i64::from(limit));
    let began = Timestamp::from_nanos(from - minutes(ERRORS_MIN));
    let older = state.forecasts(known.id, Span::between(Timestamp::EPOCH, Timestamp::from_nanos(from), 1))?;
    let mut by_model: BTreeMap<String, Vec<(Sealed, Base)>> = BTreeMap::new();
    for made in state.forecasts(known.id, Span::between(began, Timestamp::from_nanos(to), usize::MAX))? {
        let ScoredForecast { forecast, outcome: Some(outcome) } = made else { continue };
        let minute = u32::try_from(forecast.open_time.as_nanos() / NS_PER_MIN);
        if let (true, Base::Quote(_), Ok(minute)) = (forecast.horizon_min == horizon_min, forecast.base, minute) {
            let sealed = Sealed { minute, forecast: forecast.log_return, p_up: forecast.p_up, outcome };
            by_model.entry(forecast.model).or_default().push((sealed, forecast.base));
        }
    }
    // Where nobody leads (any more), whoever said the most.
    let chosen = by_model.into_iter().max_by_key(|(model, made)| (leads(model), made.len()));
    let (model, made) = chosen.unwrap_or_default();
    let sealed: Vec<Sealed> = made.iter().map(|(sealed, _)| *sealed).collect();
    let forecasts: Vec<PastForecast> = made
        .iter()
        .zip(widths(&sealed, horizon_min))
        .filter_map(|((one, base), widths)| {
            let opened = i64::from(one.minute) * NS_PER_MIN;
            let price = |log_return: f64| (base.doubled() as f64 / 2.0 * log_return.exp()).round() as i64;
            let forecast = f64::from(one.forecast);
            (opened >= from).then(|| PastForecast {
                at_ms: Timestamp::from_nanos(opened + ahead).as_millis(),
                price: price(forecast),
                band_90: widths.map(|[_, most]| (price(forecast - f64::from(most)), price(forecast + f64::from(most)))),
                came: price(f64::from(one.outcome)),
            })
        })
        .collect();
    // Those after the last one may still meet their outcome.
    let met_ms = forecasts.last().map(|last| last.at_ms + NS_PER_MIN / types::time::NS_PER_MS);
    Ok(PastForecasts {
        symbol: format!("{}:{}", known.venue, known.symbol),
        horizon_min,
        price_decimals: known.scale.price_decimals,
        from_ms: Timestamp::from_nanos(from + ahead).as_millis(),
        to_ms: met_ms.unwrap_or(Timestamp::from_nanos(to + ahead).as_millis()),
        has_older: !older.is_empty(),
        forecasts,
        model: if model.is_empty() { model } else { named(&model) },
    })
}

#[cfg(test)]
mod tests {
    use engine::feature::columns_of;
    use store::Entry;
    use types::effect::{CandleRecord, ForecastRecord, ScoreRecord};
    use types::market::{CandleSource, Quote};
    use types::{InstrumentId, Record, Venue};

    use super::*;

    const SCALE: Scale = Scale { price_decimals: 1, qty_decimals: 8 };
    /// A midnight, minutes since 1970.
    const FIRST: i64 = 20_000 * 1_440;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_nanos((FIRST + minute) * NS_PER_MIN)
    }

    fn candle(minute: i64) -> Candle {
        let price = |mantissa| Price::new(mantissa).unwrap();
        let close = 100_000 + (minute * 7_919) % 613 - (minute * 31) % 211;
        let flat = Candle::flat(at(minute), price(close));
        Candle {
            open: price(close - 3),
            high: price(close + 9),
            low: price(close - 8),
            volume: Qty(5),
            trades: 2,
            ..flat
        }
    }

    /// A box that made the minutes `own` itself, and was told those of `told`.
    fn kept(dir: &Path, own: Range<i64>, told: Range<i64>) -> (State, Known) {
        let state = State::open(dir).unwrap();
        let id = state.resolve(Venue::Kraken, "BTC/USD").unwrap();
        let record = |candle| CandleRecord {
            instrument: id,
            timeframe: Timeframe::M1,
            candle,
            source: CandleSource::Built,
            agrees: None,
            revision: 0,
            is_clock_set: true,
            quote: None,
        };
        let entries: Vec<Entry> =
            own.map(|minute| Entry { seq: 1, rank: 0, record: Record::Candle(record(candle(minute))) }).collect();
        state.write(&entries, 1).unwrap();
        let series = Series { source: "kraken".to_owned(), symbol: "BTC/USD".to_owned(), timeframe: Timeframe::M1 };
        let candles: Vec<Candle> = told.clone().map(candle).collect();
        History::open(dir).unwrap().keep(&series, SCALE, at(told.start)..at(told.end), &candles).unwrap();
        (state, Known { id, venue: "kraken", symbol: "BTC/USD".to_owned(), scale: SCALE })
    }

    #[test]
    fn blocks_lead_back_to_the_first_candle_over_what_was_told_and_what_nobody_knows() {
        let dir = tempfile::tempdir().unwrap();
        // Five days were told, two nobody heard, the last was lived.
        let (state, known) = kept(dir.path(), 7 * 1_440..8 * 1_440, 0..5 * 1_440);
        let (mut before, mut times) = (at(8 * 1_440), Vec::new());
        for _ in 0..20 {
            let block = block(&state, dir.path(), &known, 1, before, LIMIT, &[]).unwrap();
            assert!(block.candles.len() <= usize::from(LIMIT) && block.to_ms <= before.as_millis());
            times.splice(0..0, block.candles.iter().map(|candle| candle.open_time_ms));
            before = Timestamp::from_millis(block.from_ms);
            if !block.has_older {
                break;
            }
        }
        assert_eq!(before, at(0));
        let minutes: Vec<i64> = times.iter().map(|ms| ms / 60_000 - FIRST).collect();
        assert_eq!(minutes, (0..5 * 1_440).chain(7 * 1_440..8 * 1_440).collect::<Vec<_>>());
        let nothing = block(&state, dir.path(), &known, 1, at(0), 10, &[]).unwrap();
        assert!(nothing.candles.is_empty() && !nothing.has_older);
    }

    #[test]
    fn long_candles_are_sums_of_what_is_known_and_say_when_that_is_not_all() {
        let dir = tempfile::tempdir().unwrap();
        let (state, known) = kept(dir.path(), 1_440..2_000, 100..1_440);
        let told = |length| block(&state, dir.path(), &known, length, at(9_999), LIMIT, &[]).unwrap().candles;
        for (length, count, partial) in [(5, 380, 0), (15, 128, 2), (60, 33, 2), (240, 9, 2), (1_440, 2, 2)] {
            let candles = told(length);
            let parts = candles.iter().filter(|candle| candle.kind == CandleKind::Partial).count();
            assert_eq!((candles.len(), parts), (count, partial), "{length} min");
            let whole: u64 = candles.iter().map(|candle| candle.volume).sum();
            assert_eq!(whole, 1_900 * 5, "{length} min");
        }
        let day = told(1_440)[0];
        let minutes: Vec<Candle> = (100..1_440).map(candle).collect();
        assert_eq!(day.high, minutes.iter().map(|it| it.high.mantissa()).max().unwrap());
        assert_eq!(day.low, minutes.iter().map(|it| it.low.mantissa()).min().unwrap());
        assert_eq!((day.open, day.close), (candle(100).open.mantissa(), candle(1_439).close.mantissa()));
        assert_eq!(day.open_time_ms, at(0).as_millis());
    }

    #[test]
    fn indicators_are_the_engines_features_and_missing_until_they_are_warm() {
        let dir = tempfile::tempdir().unwrap();
        let (state, known) = kept(dir.path(), 0..600, 0..1);
        let names = ["ema_20", "sma_200", "bb_upper", "vwap", "rsi_14", "macd_hist", "atr_14"];
        let columns = columns_of(&names).unwrap();
        let told = block(&state, dir.path(), &known, 1, at(600), LIMIT, &columns).unwrap();
        let mut features = FeatureState::new(1);
        for minute in 0..600 {
            let row = features.update(&Bar::of(&candle(minute), SCALE), &Around::default());
            for (line, column) in told.lines.iter().zip(&columns) {
                assert_eq!(line.values[minute as usize], row.get(*column), "{} of minute {minute}", line.name);
            }
        }
        let warm = told.lines.iter().map(|line| line.values.iter().take_while(|value| value.is_none()).count());
        assert_eq!(warm.collect::<Vec<_>>(), [19, 199, 19, 0, 14, 33, 14]);
        assert_eq!(told.lines[0].unit, "price");
        // A later block of a few is the same: it begins far enough back.
        let few = block(&state, dir.path(), &known, 1, at(600), 3, &columns).unwrap();
        for (line, few) in told.lines.iter().zip(&few.lines) {
            assert_eq!(line.values[597..], few.values, "{}", line.name);
        }
    }

    #[test]
    fn candles_of_files_are_brought_to_the_instruments_digits() {
        let other = Scale { price_decimals: 2, qty_decimals: 3 };
        let told = Candle { volume: Qty(1_234), ..Candle::flat(at(0), Price::new(10_007).unwrap()) };
        let found = rescaled(&told, other, SCALE).unwrap();
        assert_eq!((found.close.mantissa(), found.volume.0), (1_001, 123_400_000));
        assert_eq!(rescaled(&found, SCALE, other).unwrap().close.mantissa(), 10_010);
    }

    #[test]
    fn forecasts_are_told_by_the_time_they_were_made_for_with_the_bands_of_then() {
        let dir = tempfile::tempdir().unwrap();
        let (state, known) = kept(dir.path(), 0..1, 0..1);
        let mut records = Vec::new();
        for minute in 0..400 {
            for (model, horizon_min) in [("leads", 5), ("leads", 10), ("shadow", 5), ("shadow", 1)] {
                let (instrument, open_time, model) = (InstrumentId(0), at(minute), model.to_owned());
                let price = |mantissa| Price::new(mantissa).unwrap();
                let base = Base::Quote(Quote { bid: price(99_990), ask: price(100_010) });
                let (log_return, p_up, quantiles) = (1e-3, 0.6, Vec::new());
                records.push(Record::Forecast(ForecastRecord {
                    instrument,
                    open_time,
                    model: model.clone(),
                    horizon_min,
                    base,
                    log_return,
                    p_up,
                    quantiles,
                }));
                if minute < 390 {
                    // Errors of 1 bp, and one of a hundred that is a hundred times as large.
                    let outcome = log_return + if minute == 300 { 1e-2 } else { 1e-4 };
                    let score = ScoreRecord { instrument, open_time, model, horizon_min, log_return, outcome };
                    records.push(Record::Score(score));
                }
            }
        }
        let entries: Vec<Entry> = records.into_iter().map(|record| Entry { seq: 1, rank: 0, record }).collect();
        state.write(&entries, 1).unwrap();
        let named = |model: &str| format!("model {model}");
        let told = past(&state, &known, 5, Timestamp::MAX, LIMIT, &|model| model == "leads", &named).unwrap();
        assert_eq!((told.model.as_str(), told.forecasts.len()), ("model leads", 390));
        let first = told.forecasts[0];
        assert_eq!((first.at_ms, first.price, first.came), (at(6).as_millis(), 100_100, 100_110));
        assert_eq!(first.band_90, None, "nothing was known of its errors then");
        let held = |it: &PastForecast| it.band_90.map(|(low, high)| (low..=high).contains(&it.came));
        assert_eq!((held(&told.forecasts[299]), held(&told.forecasts[300])), (Some(true), Some(false)));
        let part = past(&state, &known, 5, at(206), 100, &|_| true, &named).unwrap();
        assert_eq!((part.forecasts.len(), part.to_ms), (100, at(206).as_millis()));
        assert_eq!(part.forecasts.last().map(|it| it.at_ms), Some(at(205).as_millis()));
        assert!(past(&state, &known, 7, Timestamp::MAX, 5, &|_| true, &named).unwrap().forecasts.is_empty());
    }
}
