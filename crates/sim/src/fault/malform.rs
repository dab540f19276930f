//! Frames that are not what the protocol says.

use std::ops::Range;

use super::edit::replaced;
use super::kind::Malformed;
use crate::frame::ServerFrame;

/// One byte more than the 32 MiB that a socket has to take, and some.
const HUGE_BYTES: usize = 33 << 20;
/// Lists within lists.
const NESTED: usize = 10_000;

/// What the server sends in place of `text`; `None` when there is nothing in it to be spoilt this way.
pub(super) fn malformed(text: &str, how: Malformed) -> Option<Vec<ServerFrame>> {
    let one = |text: String| vec![ServerFrame::Text(text)];
    let before = |message: String| vec![ServerFrame::Text(message), ServerFrame::Text(text.to_owned())];
    Some(match how {
        Malformed::Cut => {
            let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at))?;
            one(text[..middle].to_owned())
        }
        Malformed::InvalidUtf8 => {
            let mut bytes = text.as_bytes().to_vec();
            bytes.insert(bytes.len() / 2, 0xFF);
            vec![ServerFrame::Binary(bytes)]
        }
        Malformed::Binary => vec![ServerFrame::Binary(text.as_bytes().to_vec())],
        Malformed::WrongType => {
            let number = first_number(text)?;
            let digits = &text[number.digits.clone()];
            one(replaced(text, number.whole(), &if number.is_quoted { digits.to_owned() } else { quoted(digits) }))
        }
        Malformed::Null => one(replaced(text, first_number(text)?.whole(), "null")),
        Malformed::NotANumber => one(replaced(text, first_number(text)?.digits, "NaN")),
        Malformed::Overflow => one(replaced(text, first_number(text)?.digits, "99999999999999999999999999")),
        Malformed::Exponent => {
            let number = first_number(text)?;
            let exponent = with_exponent(&text[number.digits.clone()])?;
            one(replaced(text, number.digits, &exponent))
        }
        Malformed::MissingField => {
            let key = [r#""data":"#, r#""d":"#, r#""product_id":"#].into_iter().find(|key| text.contains(key))?;
            one(text.replacen(key, r#""elsewhere":"#, 1))
        }
        Malformed::ExtraField => one(after_first_brace(text, r#""new_field":{"a":[1,null,"x"]},"#)?),
        Malformed::DuplicateKey => {
            let field = first_field(text).unwrap_or(r#""twice":1,"twice":2"#);
            one(after_first_brace(text, &format!("{field},"))?)
        }
        Malformed::UnknownType => before(
            r#"{"channel":"unheard-of","type":"unheard-of","topic":"/unheard/of:X","e":"unheardOf","T":"unheard.OF"}"#
                .to_owned(),
        ),
        Malformed::Empty => before(String::new()),
        Malformed::Huge => before(format!(r#"{{"channel":"{}"}}"#, "x".repeat(HUGE_BYTES))),
        Malformed::DeepNesting => before("[".repeat(NESTED)),
    })
}

struct Number {
    digits: Range<usize>,
    is_quoted: bool,
}

impl Number {
    /// With its quotes.
    fn whole(&self) -> Range<usize> {
        let quote = usize::from(self.is_quoted);
        self.digits.start - quote..self.digits.end + quote
    }
}

/// The first number with a fraction, quoted or not: a price or a quantity; without any, the first whole one.
fn first_number(text: &str) -> Option<Number> {
    numbers(text).find(|number| text[number.digits.clone()].contains('.')).or_else(|| numbers(text).next())
}

fn numbers(text: &str) -> impl Iterator<Item = Number> + '_ {
    let bytes = text.as_bytes();
    let is_part = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'.');
    let is_start = move |at: usize| at > 0 && matches!(bytes[at - 1], b':' | b'[' | b',' | b'"') && is_part(at);
    (0..bytes.len()).filter(move |at| is_start(*at)).filter_map(move |start| {
        let end = (start..bytes.len()).find(|at| !is_part(*at))?;
        let (before, after) = (bytes[start - 1], bytes[end]);
        let is_quoted = before == b'"' && after == b'"';
        let is_bare = before != b'"' && matches!(after, b',' | b']' | b'}');
        let is_one = text[start..end].parse::<f64>().is_ok();
        ((is_quoted || is_bare) && is_one).then_some(Number { digits: start..end, is_quoted })
    })
}

fn quoted(digits: &str) -> String {
    format!("\"{digits}\"")
}

/// `0.0012` as `12e-4`.
fn with_exponent(number: &str) -> Option<String> {
    let (whole, fraction) = number.split_once('.')?;
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    (!digits.is_empty()).then(|| format!("{digits}e-{}", fraction.len()))
}

fn after_first_brace(text: &str, inserted: &str) -> Option<String> {
    let start = text.find('{')? + 1;
    Some(replaced(text, start..start, inserted))
}

/// The first field, where its value is a plain string.
fn first_field(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('{')?;
    let end = inside.find(',')?;
    let field = &inside[..end];
    (field.matches('"').count() == 4 && !field.contains(['{', '['])).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KRAKEN: &str = r#"{"channel":"book","data":[{"symbol":"A/B","bids":[{"price":45285.2,"qty":0.00100000}]}]}"#;
    const BINANCE: &str = r#"{"stream":"ab@depth","data":{"E":12,"b":[["0.00240000","10.00000000"]]}}"#;

    #[track_caller]
    fn check(text: &str, how: Malformed, expected: &str) {
        match malformed(text, how).as_deref() {
            Some([ServerFrame::Text(out)]) => assert_eq!(out, expected),
            other => panic!("{how:?}: {other:?}"),
        }
    }

    #[test]
    fn numbers_are_spoilt_where_they_stand() {
        check(KRAKEN, Malformed::WrongType, &KRAKEN.replace("45285.2", "\"45285.2\""));
        check(BINANCE, Malformed::WrongType, &BINANCE.replace("\"0.00240000\"", "0.00240000"));
        check(BINANCE, Malformed::Null, &BINANCE.replace("\"0.00240000\"", "null"));
        check(KRAKEN, Malformed::NotANumber, &KRAKEN.replace("45285.2", "NaN"));
        check(BINANCE, Malformed::Exponent, &BINANCE.replace("0.00240000", "240000e-8"));
        check(r#"{"id":7}"#, Malformed::Overflow, r#"{"id":99999999999999999999999999}"#);
    }

    #[test]
    fn fields_come_and_go() {
        check(KRAKEN, Malformed::MissingField, &KRAKEN.replace("\"data\"", "\"elsewhere\""));
        check(
            BINANCE,
            Malformed::DuplicateKey,
            &BINANCE.replace('{', "{\"stream\":\"ab@depth\",").replacen(
                "\"data\":{\"stream\":\"ab@depth\",",
                "\"data\":{",
                1,
            ),
        );
        check(KRAKEN, Malformed::Cut, &KRAKEN[..KRAKEN.len() / 2]);
    }

    #[test]
    fn any_text_can_be_spoilt() {
        proptest::proptest!(|(text: String)| {
            for how in Malformed::ALL.into_iter().filter(|how| *how != Malformed::Huge) {
                let _ = malformed(&text, how);
            }
        });
    }
}
