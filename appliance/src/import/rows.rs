//! What a list of imported candles amounts to: each interval once, nothing implausible, holes counted.

use std::collections::BTreeMap;

use types::decimal::{self, Exponent};
use types::{Candle, Price, Qty, Scale, Timeframe, Timestamp};

/// Most digits behind the point that are kept.
pub(super) const DECIMALS_MAX: u8 = 12;
/// A close so many times above or below the middle one of its neighbours is no price.
const FACTOR_MAX: i128 = 20;
/// Neighbours on each side.
const NEIGHBOURS: usize = 5;
/// Before this there was nothing to trade.
pub(super) const EARLIEST: Timestamp = Timestamp::from_date(2009, 1, 3);

/// A row as it stands in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// Line in the file, from 1.
    pub(super) line: u64,
    pub(super) open_time: Timestamp,
    /// Open, high, low, close, volume as text.
    pub(super) values: [&'a str; 5],
}

/// A row that is left out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Quarantined {
    /// Line in the file, from 1.
    pub(crate) line: u64,
    /// Why.
    pub(crate) reason: String,
}

/// What is to be kept, and what was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) scale: Option<Scale>,
    /// By open time, each with its line.
    pub(super) candles: Vec<(u64, Candle)>,
    /// Rows that say again what another one says.
    pub(super) duplicates: u64,
    /// Rows that were replaced by a later one of the same interval, or whose interval is not over.
    pub(super) unfinished: u64,
    /// Runs of intervals without a row between the first and the last, and how many intervals they are.
    pub(super) gaps: u64,
    pub(super) missing: u64,
    pub(super) quarantined: Vec<Quarantined>,
}

/// Sorts rows out. Of an interval that is told twice with other values the last row counts: the one before was not
/// finished.
pub(super) fn prepare(rows: &[Row<'_>], timeframe: Timeframe, now: Timestamp) -> Prepared {
    let mut found = Prepared::default();
    let scale = scale_of(rows);
    let mut kept: BTreeMap<Timestamp, (u64, Candle)> = BTreeMap::new();
    for row in rows {
        let candle = match candle(row, timeframe, scale) {
            Ok(candle) => candle,
            Err(reason) => {
                found.quarantined.push(Quarantined { line: row.line, reason });
                continue;
            }
        };
        if row.open_time.as_nanos().saturating_add(timeframe.nanos()) > now.as_nanos() {
            found.unfinished += 1;
            continue;
        }
        match kept.insert(row.open_time, (row.line, candle)) {
            Some((_, before)) if before == candle => found.duplicates += 1,
            Some(_) => found.unfinished += 1,
            None => {}
        }
    }
    let candles: Vec<(u64, Candle)> = kept.into_values().collect();
    let closes: Vec<i64> = candles.iter().map(|(_, candle)| candle.close.mantissa()).collect();
    for (index, (line, candle)) in candles.into_iter().enumerate() {
        match implausible(&closes, index) {
            Some(reason) => found.quarantined.push(Quarantined { line, reason }),
            None => found.candles.push((line, candle)),
        }
    }
    for pair in found.candles.windows(2) {
        let missing = (pair[1].1.open_time.as_nanos() - pair[0].1.open_time.as_nanos()) / timeframe.nanos() - 1;
        found.gaps += u64::from(missing > 0);
        found.missing += missing.unsigned_abs();
    }
    found.quarantined.sort_by_key(|row| row.line);
    found.scale = Some(scale).filter(|_| !found.candles.is_empty());
    found
}

/// The digits that hold every number that can be held.
fn scale_of(rows: &[Row<'_>]) -> Scale {
    let most = |columns: std::ops::Range<usize>| {
        let digits = rows.iter().flat_map(|row| &row.values[columns.clone()]).filter_map(|text| digits_of(text));
        digits.max().unwrap_or(0)
    };
    Scale { price_decimals: most(0..4), qty_decimals: most(4..5) }
}

/// Digits behind the point, without zeros at the end; `None` for more than are kept, and for what is no number.
pub(super) fn digits_of(text: &str) -> Option<u8> {
    (0..=DECIMALS_MAX).find(|digits| decimal::parse(text.as_bytes(), *digits, Exponent::Accept).is_ok())
}

fn candle(row: &Row<'_>, timeframe: Timeframe, scale: Scale) -> Result<Candle, String> {
    if row.open_time < EARLIEST {
        return Err(format!("{} is before there was anything to trade", row.open_time));
    }
    if row.open_time.floor_to(timeframe.nanos()) != row.open_time {
        return Err(format!("{} is not the start of an interval of {}", row.open_time, timeframe.name()));
    }
    const NAMES: [&str; 5] = ["open", "high", "low", "close", "volume"];
    let number = |column: usize, decimals: u8| {
        decimal::parse(row.values[column].as_bytes(), decimals, Exponent::Accept)
            .map_err(|error| format!("{} {:?}: {error}", NAMES[column], excerpt(row.values[column])))
    };
    let price = |column: usize| {
        let mantissa = number(column, scale.price_decimals)?;
        Price::new(mantissa).ok_or_else(|| format!("{} {} is no price", NAMES[column], excerpt(row.values[column])))
    };
    let [open, high, low, close] = [price(0)?, price(1)?, price(2)?, price(3)?];
    if high < open.max(close).max(low) {
        return Err("the high is below another price of the row".to_owned());
    }
    if low > open.min(close) {
        return Err("the low is above another price of the row".to_owned());
    }
    let volume = u64::try_from(number(4, scale.qty_decimals)?).map_err(|_| "the volume is below zero".to_owned())?;
    // The number of trades is not told: some, or none.
    let trades = u32::from(volume > 0);
    Ok(Candle { open_time: row.open_time, open, high, low, close, volume: Qty(volume), trades })
}

/// Why the close at `index` is not believed.
fn implausible(closes: &[i64], index: usize) -> Option<String> {
    let first = index.saturating_sub(NEIGHBOURS);
    let last = (index + NEIGHBOURS).min(closes.len() - 1);
    let mut around: Vec<i64> = (first..=last).filter(|other| *other != index).map(|other| closes[other]).collect();
    if around.len() < NEIGHBOURS {
        return None;
    }
    around.sort_unstable();
    let (middle, close) = (i128::from(around[around.len() / 2]), i128::from(closes[index]));
    let is_absurd = close > middle * FACTOR_MAX || close * FACTOR_MAX < middle;
    is_absurd.then(|| format!("the close is more than {FACTOR_MAX} times off those around it"))
}

pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn row(line: u64, minute: i64, values: [&'static str; 5]) -> Row<'static> {
        Row { line, open_time: Timestamp::from_secs(1_700_000_040 + 60 * minute), values }
    }

    fn flat(line: u64, minute: i64) -> Row<'static> {
        row(line, minute, ["10.5", "11", "10.25", "10.50", "3.0"])
    }

    fn reasons(found: &Prepared) -> Vec<(u64, &str)> {
        found.quarantined.iter().map(|row| (row.line, row.reason.as_str())).collect()
    }

    #[test]
    fn each_interval_is_kept_once_and_holes_are_counted() {
        let corrected = row(6, 2, ["10.5", "12", "10.25", "12", "4"]);
        let rows = [flat(2, 0), flat(3, 1), flat(4, 1), flat(5, 2), corrected, flat(7, 6), flat(8, 7), flat(9, 9)];
        let found = prepare(&rows, Timeframe::M1, NOW);
        assert_eq!((found.duplicates, found.unfinished, found.gaps, found.missing), (1, 1, 2, 4));
        assert_eq!(found.scale, Some(Scale { price_decimals: 2, qty_decimals: 0 }));
        let lines: Vec<u64> = found.candles.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 6, 7, 8, 9]);
        let candle = found.candles[2].1;
        assert_eq!((candle.close.mantissa(), candle.volume.0, candle.trades), (1_200, 4, 1));
        assert_eq!(found.quarantined, []);
    }

    #[test]
    fn an_interval_that_is_not_over_is_not_finished() {
        let now = Timestamp::from_secs(1_700_000_040 + 90);
        let found = prepare(&[flat(2, 0), flat(3, 1)], Timeframe::M1, now);
        assert_eq!((found.candles.len(), found.unfinished), (1, 1));
        assert_eq!(prepare(&[], Timeframe::M1, now), Prepared::default());
    }

    #[test]
    fn what_cannot_be_is_set_aside_with_its_reason() {
        let off_grid = Row { open_time: Timestamp::from_secs(1_700_000_041), ..flat(8, 0) };
        let ancient = Row { open_time: Timestamp::from_secs(60), ..flat(9, 0) };
        let rows = [
            row(2, 1, ["0", "11", "10", "10", "3"]),
            row(3, 2, ["10", "9", "8", "8", "3"]),
            row(4, 3, ["10", "11", "10.5", "10", "3"]),
            row(5, 4, ["10", "11", "9", "x", "3"]),
            row(6, 5, ["10", "11", "9", "10", "-3"]),
            row(7, 6, ["10", "11", "9", "10.0000000000001", "3"]),
            off_grid,
            ancient,
        ];
        let found = prepare(&rows, Timeframe::M1, NOW);
        assert_eq!(found.candles, []);
        let reasons = reasons(&found);
        assert_eq!(reasons.len(), 8, "{reasons:?}");
        for (line, part) in [
            (2, "open 0 is no price"),
            (3, "the high is below"),
            (4, "the low is above"),
            (5, "close \"x\""),
            (6, "below zero"),
            (7, "close \"10.0000000000001\""),
            (8, "is not the start of an interval of 1m"),
            (9, "before there was anything"),
        ] {
            assert!(reasons.iter().any(|(l, reason)| *l == line && reason.contains(part)), "{line}: {reasons:?}");
        }
    }

    #[test]
    fn a_price_a_hundred_times_off_is_set_aside_and_a_market_that_moves_is_not() {
        let mut rows: Vec<Row<'_>> = (0i64..20).map(|n| flat(2 + n.unsigned_abs(), n)).collect();
        rows[7].values = ["1050", "1100", "1025", "1050", "3"];
        rows[19].values = ["0.105", "0.11", "0.1025", "0.105", "3"];
        let found = prepare(&rows, Timeframe::M1, NOW);
        assert_eq!(reasons(&found).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [9, 21]);
        assert_eq!((found.candles.len(), found.gaps, found.missing), (18, 1, 1));
        // Ten times in as many days.
        let texts: Vec<String> = (0..20).map(|n| format!("{}", 100 + 50 * n)).collect();
        let rows: Vec<Row<'_>> = texts
            .iter()
            .zip(0..)
            .map(|(text, n)| Row {
                line: 2,
                open_time: Timestamp::from_secs(1_700_006_400 + 86_400 * n),
                values: [text, text, text, text, "1"],
            })
            .collect();
        assert_eq!(prepare(&rows, Timeframe::D1, NOW).quarantined, []);
    }
}
