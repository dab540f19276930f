//! Candle files as text: comma-separated, with or without a header.

use types::Timestamp;
use types::time::{NS_PER_MS, NS_PER_S};

use super::rows::{Quarantined, Row};

/// Names of the columns that are looked for, in any case; the first name of each is our own.
const COLUMNS: [&[&str]; 6] = [
    &["open_time_ms", "open_time", "timestamp", "time", "date", "datetime", "ts"],
    &["open", "o"],
    &["high", "h"],
    &["low", "l"],
    &["close", "c"],
    &["volume", "vol", "v", "base_volume"],
];

/// The rows of a file.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// Lines that are no rows.
    pub(super) unreadable: Vec<Quarantined>,
}

/// Where the columns stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout([usize; COLUMNS.len()]);

/// Reads a file of candles.
///
/// # Errors
/// When the first line is neither a header with the columns nor a row.
pub(super) fn read(text: &str) -> anyhow::Result<Table<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()).peekable();
    let Some((first, number)) = lines.peek().copied() else { anyhow::bail!("the file is empty") };
    let layout = match Layout::of_header(first) {
        Some(layout) => {
            lines.next();
            layout
        }
        // Some dumps have no header: time, open, high, low, close, volume, and more.
        None if fields(first).next().and_then(time).is_some() => Layout([0, 1, 2, 3, 4, 5]),
        None => {
            let first: String = first.chars().take(120).collect();
            anyhow::bail!(
                "line {number}: {first:?} is neither a header with {} nor a row of candles",
                COLUMNS.map(|names| names[0]).join(", ")
            );
        }
    };
    let mut table = Table::default();
    for (line, number) in lines {
        match layout.row(line, number) {
            Ok(row) => table.rows.push(row),
            Err(reason) => table.unreadable.push(Quarantined { line: number, reason }),
        }
    }
    Ok(table)
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|field| field.trim().trim_matches('"'))
}

impl Layout {
    fn of_header(line: &str) -> Option<Self> {
        let names: Vec<String> = fields(line).map(str::to_ascii_lowercase).collect();
        let mut places = [0; COLUMNS.len()];
        for (place, known) in places.iter_mut().zip(COLUMNS) {
            *place = known.iter().find_map(|name| names.iter().position(|column| column == name))?;
        }
        Some(Self(places))
    }

    fn row(self, line: &str, number: u64) -> Result<Row<'_>, String> {
        let mut found: [Option<&str>; COLUMNS.len()] = [None; COLUMNS.len()];
        for (index, field) in fields(line).enumerate() {
            for (found, place) in found.iter_mut().zip(self.0) {
                if place == index {
                    *found = Some(field);
                }
            }
        }
        let column = |index: usize| found[index].ok_or_else(|| format!("no column {}", COLUMNS[index][0]));
        let text = column(0)?;
        let open_time =
            time(text).ok_or_else(|| format!("{:?} is no time", text.chars().take(40).collect::<String>()))?;
        Ok(Row { line: number, open_time, values: [column(1)?, column(2)?, column(3)?, column(4)?, column(5)?] })
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970 by their size, or a UTC time as text.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<i64>() {
        let unit = match number.unsigned_abs() {
            0..100_000_000_000 => NS_PER_S,
            100_000_000_000..100_000_000_000_000 => NS_PER_MS,
            100_000_000_000_000..100_000_000_000_000_000 => 1_000,
            _ => 1,
        };
        return number.checked_mul(unit).map(Timestamp::from_nanos);
    }
    let is_zoned = text.ends_with(['Z', 'z']) || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ if is_zoned => text.to_owned(),
        _ => format!("{text}Z"),
    };
    Timestamp::parse_rfc3339(whole.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_times_by_their_form() {
        let at = Timestamp::from_secs(1_700_000_040);
        for text in [
            "1700000040",
            "1700000040000",
            "1700000040000000",
            "1700000040000000000",
            "2023-11-14 22:14:00",
            "2023-11-14T22:14:00+00:00",
            "2023-11-14T22:14:00Z",
        ] {
            assert_eq!(time(text), Some(at), "{text}");
        }
        assert_eq!(time("2023-11-14"), Some(Timestamp::from_date(2023, 11, 14)));
        assert_eq!((time("2023-11-14T22:14:00+02:00"), time("yesterday"), time("")), (None, None, None));

        let text =
            "\u{feff}Date,Symbol,Close,Open,Low,High,Volume\r\n2023-11-14 22:14:00,X,4,1,0.5,5,9\r\n\r\nnonsense\r\n";
        let table = read(text).expect("a table");
        let [row] = &table.rows[..] else { panic!("{table:?}") };
        assert_eq!((row.line, row.open_time, row.values), (2, at, ["1", "5", "0.5", "4", "9"]));
        assert_eq!(table.unreadable.len(), 1);
        assert_eq!((table.unreadable[0].line, table.unreadable[0].reason.as_str()), (4, "\"nonsense\" is no time"));
        let bare = read("1700000040000,1,2,0.5,1.5,7,1700000099999,10\n").expect("rows without a header");
        assert_eq!(bare.rows[0].values, ["1", "2", "0.5", "1.5", "7"]);
    }

    #[test]
    fn what_is_no_table_is_told() {
        for (text, part) in [
            ("", "empty"),
            ("\n\n", "empty"),
            ("{\"a\":1}\n", "neither a header"),
            ("time,open,high\n1,2,3", "neither a header"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
