//! The candle file format: text lines of `open_time_ms,open,high,low,close,volume` under that header.
//!
//! `open_time_ms` is the start of the interval in UTC milliseconds since the epoch, prices are positive, volume is base
//! currency and not negative. Lines end with LF or CRLF; empty lines are skipped.

use types::Timestamp;
use types::time::NS_PER_MS;

use super::Bar;

/// The first line of a candle file.
pub const HEADER: &str = "open_time_ms,open,high,low,close,volume";

/// Longest line worth reading; a reader need not keep more of one.
pub const LINE_MAX: usize = 1_024;

const COLUMNS: [&str; 6] = ["open_time_ms", "open", "high", "low", "close", "volume"];

/// What is wrong with a candle file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct CsvError {
    /// Line number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first line is another.
    #[error("the header is {0:?}, expected {HEADER:?}")]
    Header(String),
    /// The file has no line.
    #[error("the file is empty, expected the header {HEADER:?}")]
    Empty,
    /// More than [`LINE_MAX`] bytes.
    #[error("longer than {LINE_MAX} bytes: not a candle file")]
    TooLong,
    /// Another number of columns.
    #[error("{0} columns, expected {expected}", expected = COLUMNS.len())]
    Columns(usize),
    /// Not a number of the kind the column holds.
    #[error("column {column}: {text:?} is not {wanted}")]
    Value {
        /// Name of the column.
        column: &'static str,
        /// The field.
        text: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// The high is not the highest price of the row.
    #[error("column high: below another price of the row")]
    High,
    /// The low is not the lowest price of the row.
    #[error("column low: above another price of the row")]
    Low,
}

/// Reads a candle file line by line.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    line: u64,
}

impl Parser {
    /// Before the first line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line, with or without its line end. `None` for the header and for empty lines.
    ///
    /// # Errors
    /// [`CsvError`] names the line, the column and what is wrong.
    pub fn line(&mut self, bytes: &[u8]) -> Result<Option<Bar>, CsvError> {
        self.line += 1;
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let parsed = if bytes.len() > LINE_MAX {
            Err(Fault::TooLong)
        } else if self.line == 1 {
            check_header(bytes).map(|()| None)
        } else if bytes.is_empty() {
            Ok(None)
        } else {
            parse_row(bytes).map(Some)
        };
        parsed.map_err(|fault| CsvError { line: self.line, fault })
    }

    /// After the last line.
    ///
    /// # Errors
    /// A file without a single line.
    pub fn finish(&self) -> Result<(), CsvError> {
        if self.line == 0 { Err(CsvError { line: 1, fault: Fault::Empty }) } else { Ok(()) }
    }
}

/// Reads a whole candle file; the rows stand as in the file (see [`tidy`](super::tidy)).
///
/// # Errors
/// [`CsvError`] names the first bad line.
pub fn parse(text: &[u8]) -> Result<Vec<Bar>, CsvError> {
    let mut parser = Parser::new();
    let mut bars = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        bars.extend(parser.line(line)?);
    }
    parser.finish()?;
    Ok(bars)
}

fn check_header(bytes: &[u8]) -> Result<(), Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes == HEADER.as_bytes() { Ok(()) } else { Err(Fault::Header(excerpt(bytes))) }
}

fn parse_row(bytes: &[u8]) -> Result<Bar, Fault> {
    let mut fields: [&[u8]; COLUMNS.len()] = [&[]; COLUMNS.len()];
    let mut count = 0;
    for field in bytes.split(|byte| *byte == b',') {
        if let Some(slot) = fields.get_mut(count) {
            *slot = field;
        }
        count += 1;
    }
    if count != fields.len() {
        return Err(Fault::Columns(count));
    }
    let fault = |index: usize, wanted| Fault::Value { column: COLUMNS[index], text: excerpt(fields[index]), wanted };
    let open_time = parse_time(fields[0]).ok_or_else(|| fault(0, "a time in milliseconds since 1970"))?;
    let price = |index: usize| {
        parse_number(fields[index]).filter(|v| *v > 0.0).ok_or_else(|| fault(index, "a positive number"))
    };
    let bar = Bar {
        open_time,
        open: price(1)?,
        high: price(2)?,
        low: price(3)?,
        close: price(4)?,
        volume: parse_number(fields[5])
            .filter(|v| *v >= 0.0)
            .ok_or_else(|| fault(5, "a number that is not negative"))?,
    };
    if bar.high < bar.open.max(bar.close).max(bar.low) {
        return Err(Fault::High);
    }
    if bar.low > bar.open.min(bar.close) {
        return Err(Fault::Low);
    }
    Ok(bar)
}

fn parse_time(field: &[u8]) -> Option<Timestamp> {
    let ms: i64 = core::str::from_utf8(field).ok().filter(|_| field.iter().all(u8::is_ascii_digit))?.parse().ok()?;
    ms.checked_mul(NS_PER_MS).map(Timestamp::from_nanos)
}

/// A finite number in plain or scientific notation; the names of infinities are none.
fn parse_number(field: &[u8]) -> Option<f64> {
    let plain = field.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    let value: f64 = core::str::from_utf8(field).ok().filter(|_| plain)?.parse().ok()?;
    value.is_finite().then_some(value)
}

fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    if bytes.len() > SHOWN { format!("{text}...") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Result<Vec<Bar>, String> {
        parse(format!("{HEADER}\n{text}\n").as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_read_as_written() {
        let bars = row("1748798400000,105137.2,105137.21,105120.41,105121.96,2.14669\r\n\n").expect("a good row");
        let expected = Bar {
            open_time: Timestamp::from_millis(1_748_798_400_000),
            open: 105_137.2,
            high: 105_137.21,
            low: 105_120.41,
            close: 105_121.96,
            volume: 2.146_69,
        };
        assert_eq!(bars, [expected]);
        assert_eq!(row("0,1e-5,1e-5,1e-5,1e-5,0").expect("a good row").len(), 1);
        assert_eq!(parse(format!("\u{feff}{HEADER}\r\n").as_bytes()), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let check = |text: &str, expected: &str| assert_eq!(row(text), Err(expected.to_owned()), "{text}");
        check("1,2,3,1", "line 2: 4 columns, expected 6");
        check("1,2,3,1,2,0\n1,2,3,1,2,0,9", "line 3: 7 columns, expected 6");
        check("x,2,3,1,2,0", "line 2: column open_time_ms: \"x\" is not a time in milliseconds since 1970");
        check("-1,2,3,1,2,0", "line 2: column open_time_ms: \"-1\" is not a time in milliseconds since 1970");
        check("1,NaN,3,1,2,0", "line 2: column open: \"NaN\" is not a positive number");
        check("1,2,inf,1,2,0", "line 2: column high: \"inf\" is not a positive number");
        check("1,2,3,1e999,2,0", "line 2: column low: \"1e999\" is not a positive number");
        check("1,2,3,1,,0", "line 2: column close: \"\" is not a positive number");
        check("1,2,3,1,2,-1", "line 2: column volume: \"-1\" is not a number that is not negative");
        check("1,2,1.5,1,1,0", "line 2: column high: below another price of the row");
        check("1,2,3,2.5,2,0", "line 2: column low: above another price of the row");
        let long = "9".repeat(2_000);
        check(&long, "line 2: longer than 1024 bytes: not a candle file");
        let error = |text: &[u8]| parse(text).expect_err("not a candle file").to_string();
        assert_eq!(error(b""), format!("line 1: the file is empty, expected the header {HEADER:?}"));
        assert_eq!(error(b"time,open\n"), format!("line 1: the header is \"time,open\", expected {HEADER:?}"));
    }

    #[test]
    fn any_bytes_do_not_panic() {
        proptest::proptest!(|(bytes: Vec<u8>)| {
            let _ = parse(&bytes);
            let _ = parse(&[HEADER.as_bytes(), b"\n", &bytes].concat());
        });
        proptest::proptest!(|(text in "[0-9.,eE+\n-]{0,80}")| { let _ = row(&text); });
    }
}
