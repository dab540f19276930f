//! What calendars write as numbers: `5.50%`, `256K`, `1,234.5`, `<0.25%`, `0.10|3.5`, `−0.3%`.

use serde::{Deserialize, Serialize};

/// A number with its unit, and the text it was read from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// The number in its unit: 256 for `256K`; `None` for votes such as `9-0-0`.
    pub number: Option<f64>,
    /// The second number of a pair: bid to cover of an auction, 3.5 in `0.10|3.5`.
    pub second: Option<f64>,
    /// What the number counts.
    pub unit: Unit,
    /// The number is only a limit.
    pub bound: Option<Bound>,
    /// Preliminary or revised, where a mark says so: `P`, `R`, `*`.
    pub mark: Option<char>,
    /// As it was written.
    pub text: String,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nothing is said: points of an index, a rate of exchange.
    Plain,
    /// Hundredths.
    Percent,
    /// Thousands.
    Thousand,
    /// Millions.
    Million,
    /// Thousand millions.
    Billion,
    /// Million millions.
    Trillion,
    /// Votes for a rise, a cut and no change.
    Votes,
}

/// Which limit a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Less than that.
    Below,
    /// More than that.
    Above,
}

/// A text that is no number a calendar writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number with a unit")]
pub struct NotAValue;

impl Value {
    /// Reads a cell; `None` for one that says that there is no number (empty, `-`, `n/a`).
    ///
    /// # Errors
    /// [`NotAValue`] for anything that is neither.
    pub fn parse(cell: &str) -> Result<Option<Self>, NotAValue> {
        let text = cell.replace('\u{a0}', " ");
        let text = text.trim();
        if matches!(text.to_ascii_lowercase().as_str(), "" | "-" | "--" | "\u{2212}" | "n/a" | "na" | "null" | "nan") {
            return Ok(None);
        }
        let mut value =
            Self { number: None, second: None, unit: Unit::Plain, bound: None, mark: None, text: text.to_owned() };
        if is_votes(text) {
            value.unit = Unit::Votes;
            return Ok(Some(value));
        }
        let mut rest = text;
        if let Some(after) = rest.strip_prefix('<') {
            (value.bound, rest) = (Some(Bound::Below), after);
        } else if let Some(after) = rest.strip_prefix('>') {
            (value.bound, rest) = (Some(Bound::Above), after);
        }
        if let Some(before) = rest.strip_suffix(['*', 'P', 'p', 'R', 'r', 'F', 'f']) {
            (value.mark, rest) = (rest.chars().last(), before.trim_end());
        }
        if let Some((first, second)) = rest.split_once('|') {
            value.second = Some(number(second).ok_or(NotAValue)?);
            rest = first;
        }
        let units = [
            ('%', Unit::Percent),
            ('K', Unit::Thousand),
            ('k', Unit::Thousand),
            ('M', Unit::Million),
            ('m', Unit::Million),
            ('B', Unit::Billion),
            ('b', Unit::Billion),
            ('T', Unit::Trillion),
            ('t', Unit::Trillion),
        ];
        if let Some((sign, unit)) = units.into_iter().find(|(sign, _)| rest.ends_with(*sign)) {
            value.unit = unit;
            rest = &rest[..rest.len() - sign.len_utf8()];
        }
        value.number = Some(number(rest).ok_or(NotAValue)?);
        Ok(Some(value))
    }

    /// From a number of a structured source.
    #[must_use]
    pub fn from_number(number: f64, unit: Unit) -> Self {
        Self { number: Some(number), second: None, unit, bound: None, mark: None, text: number.to_string() }
    }

    /// The number without its unit: 256 000 for `256K`, 0.055 for `5.5%`.
    #[must_use]
    pub fn amount(&self) -> Option<f64> {
        let factor = match self.unit {
            Unit::Plain | Unit::Votes => 1.0,
            Unit::Percent => 0.01,
            Unit::Thousand => 1e3,
            Unit::Million => 1e6,
            Unit::Billion => 1e9,
            Unit::Trillion => 1e12,
        };
        self.number.map(|number| number * factor)
    }
}

impl Unit {
    /// The unit of a structured source's word for it; [`Unit::Plain`] for words it does not know.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "percent" | "%" | "pct" => Self::Percent,
            "thousand" | "thousands" | "k" => Self::Thousand,
            "million" | "millions" | "m" => Self::Million,
            "billion" | "billions" | "b" => Self::Billion,
            "trillion" | "trillions" | "t" => Self::Trillion,
            _ => Self::Plain,
        }
    }
}

/// `9-0-0`: votes of a committee.
fn is_votes(text: &str) -> bool {
    let mut parts = 0;
    text.split('-').all(|part| {
        parts += 1;
        (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    }) && parts == 3
}

/// Digits with a sign, commas between thousands and a decimal point. Never infinite.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let (is_negative, digits) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let is_grouped = whole.contains(',');
    let is_whole = are_digits(first)
        && (!is_grouped || (1..=3).contains(&first.len()))
        && groups.all(|group| group.len() == 3 && are_digits(group));
    let plain: String = whole.chars().filter(|c| *c != ',').collect();
    if !is_whole
        || !are_digits(fraction)
        || plain.len() + fraction.len() == 0
        || plain.len() > 18
        || fraction.len() > 18
    {
        return None;
    }
    let number: f64 = format!("{plain}.{fraction}0").trim_start_matches('.').parse().ok()?;
    let number = if plain.is_empty() { format!("0.{fraction}").parse().ok()? } else { number };
    Some(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, number: f64, unit: Unit) {
        let value = Value::parse(cell).expect("a number").expect("some number");
        assert_eq!((value.number, value.unit), (Some(number), unit), "{cell}");
    }

    #[test]
    fn numbers_are_read_with_their_unit() {
        check("5.50%", 5.5, Unit::Percent);
        check("256K", 256.0, Unit::Thousand);
        check("1.2M", 1.2, Unit::Million);
        check("8,765.72B", 8765.72, Unit::Billion);
        check("-0.3%", -0.3, Unit::Percent);
        check("\u{2212}0.3%", -0.3, Unit::Percent);
        check("1,234.5", 1234.5, Unit::Plain);
        check(" 57.7 ", 57.7, Unit::Plain);
        check(".5%", 0.5, Unit::Percent);
        check("30.01T", 30.01, Unit::Trillion);
        check("+12", 12.0, Unit::Plain);
    }

    #[test]
    fn limits_pairs_marks_and_votes_are_kept() {
        let value = |cell: &str| Value::parse(cell).expect("a number").expect("some number");
        let below = value("<0.25%");
        assert_eq!((below.number, below.bound, below.amount()), (Some(0.25), Some(Bound::Below), Some(0.0025)));
        let pair = value("-0.10|3.5");
        assert_eq!((pair.number, pair.second), (Some(-0.1), Some(3.5)));
        assert_eq!((value("1.2%R").mark, value("1.2%R").number), (Some('R'), Some(1.2)));
        assert_eq!(value("256K*").mark, Some('*'));
        assert_eq!((value("0-0-9").unit, value("0-0-9").number), (Unit::Votes, None));
    }

    #[test]
    fn nothing_is_nothing_and_nonsense_is_refused() {
        for cell in ["", "-", " n/a ", "\u{a0}", "\u{2212}"] {
            assert_eq!(Value::parse(cell), Ok(None), "{cell:?}");
        }
        for cell in
            ["abc", "1.2.3", "1,23", "12,34.5", "%", "0.1|x", "1e9", "inf", "--5", "5.5%%", "9999999999999999999"]
        {
            assert_eq!(Value::parse(cell), Err(NotAValue), "{cell}");
        }
    }
}
