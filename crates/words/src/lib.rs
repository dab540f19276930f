//! The dashboard in other languages.
//!
//! The page and the box speak English. Where a text is about to be shown, its *template* is looked up: the text with `{}` in the place of every value, such
//! as a number, a time or the name of an exchange. `3 of 4 feeds stand` and `2 of 4 feeds stand` are one entry of the word list, `{} of {} feeds stand`, as in
//! gettext the English text itself is the key. What the list does not have is shown in English; a browser test walks every page and names what is missing.
//!
//! A word list is a text file. An entry is a line in English and, indented below it, the same in the other language; there `{}` is the next value and `{2}` the
//! second, and `~` the narrow space between a number and its unit. A line `= word` is a word that stands for a value wherever it is met, with another form below it where the language has one. `# ` begins a comment,
//! and `decimal` is the sign before fractions:
//!
//! ```text
//! decimal ,
//! = Kraken
//! = Oct
//!   Okt.
//! {} of {} feeds stand
//!   {} von {} Quellen stehen
//! ```
//!
//! Languages whose words change with more counts than one and many would need an entry for each; the seam does not know grammar.

use std::fmt;

/// What one language calls things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Before fractions.
    decimal: char,
    /// Words that are values, with their form in the language.
    values: Vec<(String, String)>,
    /// Templates in English and in the language, in order of the first.
    told: Vec<(String, String)>,
}

/// A word list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadList {
    /// Line of the file, from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: &'static str,
}

impl fmt::Display for BadList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for BadList {}

/// Longest text that is looked up, bytes; longer ones are shown as they are.
const LONGEST: usize = 2_000;
/// Where a text that has no entry is cut, so that its parts are looked up. What ends a sentence stays with it.
const CUTS: [(&str, usize); 3] = [(". ", 1), (" · ", 0), (": ", 1)];

impl Words {
    /// Reads a word list.
    ///
    /// # Errors
    /// When a line is neither of those that belong there, a value is written out in a text, or an entry is there twice.
    pub fn read(text: &str) -> Result<Self, BadList> {
        let text = &text.replace('~', "\u{202f}");
        let mut words = Self::new();
        let mut places = Vec::new();
        let mut lines = text.lines().enumerate().map(|(place, line)| (place + 1, line)).peekable();
        while let Some((at, line)) = lines.next() {
            let bad = |why| BadList { line: at, why };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with(' ') {
                return Err(bad("a translation without the text above it"));
            }
            let below = lines.next_if(|(_, line)| line.starts_with(' ')).map(|(_, line)| line);
            if below.is_none() && !line.starts_with("= ") && !line.starts_with("decimal ") {
                return Err(bad("a text without its translation below it"));
            }
            words.take(line, below);
            places.resize(words.told.len(), at);
        }
        let is_template = |(english, _): &(String, String)| words.template(english) == *english;
        if let Some(wrong) = words.told.iter().position(|entry| !is_template(entry)) {
            return Err(BadList {
                line: places[wrong],
                why: "a value is written out, where {} stands for every value",
            });
        }
        // Whoever puts a page into the language may come by twice.
        if words.values.iter().any(|(word, other)| word != other && words.say(other) != *other) {
            return Err(BadList { line: 0, why: "a word's other form holds the word itself, and would be told again" });
        }
        words.told.sort_unstable();
        if words.told.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(BadList { line: 0, why: "an entry is there twice" });
        }
        Ok(words)
    }

    /// Reads what [`packed`](Self::packed) wrote: it is sound and in order, and a browser need not be sent what would check that.
    #[must_use]
    pub fn unpacked(text: &str) -> Self {
        let mut words = Self::new();
        let mut lines = text.split('\n');
        while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
            let below = if line.starts_with("decimal ") { None } else { lines.next() };
            words.take(line, below);
        }
        words
    }

    const fn new() -> Self {
        Self { decimal: '.', values: Vec::new(), told: Vec::new() }
    }

    /// An entry: a line, and what is indented below it.
    fn take(&mut self, line: &str, below: Option<&str>) {
        let below = below.map(|below| below.trim_start_matches(' '));
        if let Some(sign) = line.strip_prefix("decimal ") {
            self.decimal = sign.chars().next().unwrap_or('.');
        } else if let Some(word) = line.strip_prefix("= ") {
            self.values.push((word.into(), below.unwrap_or(word).into()));
        } else {
            self.told.push((line.into(), below.unwrap_or(line).into()));
        }
    }

    /// The list as a file that is as short as it can be, and in order.
    #[must_use]
    pub fn packed(&self) -> String {
        let mut text = format!("decimal {}\n", self.decimal);
        for (mark, pairs) in [("= ", &self.values), ("", &self.told)] {
            for (english, other) in pairs {
                text.push_str(&format!("{mark}{english}\n {other}\n"));
            }
        }
        text
    }

    /// A text in the language: whole, or sentence by sentence, or part by part; what is not known stays as it is, with the language's form of
    /// numbers.
    #[must_use]
    pub fn say(&self, text: &str) -> String {
        self.find(text).unwrap_or_else(|| self.parts(text))
    }

    /// Whether [`say`](Self::say) tells all of a text in the language. A text without letters is; it needs no words.
    #[must_use]
    pub fn knows(&self, text: &str) -> bool {
        if self.find(text).is_some() {
            return true;
        }
        cut(text).is_some_and(|(head, _, tail)| self.knows(head) && self.knows(tail))
    }

    /// A text with `{}` in the place of its values: what a word list has for it, or should have.
    #[must_use]
    pub fn template(&self, text: &str) -> String {
        template(&self.pieces(text.trim_matches(' ')))
    }

    fn parts(&self, text: &str) -> String {
        match cut(text) {
            Some((head, between, tail)) if text.len() <= LONGEST => {
                [&self.say(head), between, &self.say(tail)].concat()
            }
            _ => self.joined(&self.pieces(text)),
        }
    }

    /// The text of pieces, with values in the language's form.
    fn joined(&self, pieces: &[(&str, bool)]) -> String {
        pieces.iter().map(|&(it, is_value)| if is_value { self.form(it) } else { it.into() }).collect()
    }

    /// The text in the language, where its template is known.
    fn find(&self, text: &str) -> Option<String> {
        if text.len() > LONGEST {
            return None;
        }
        let inner = text.trim_matches(' ');
        let pieces = self.pieces(inner);
        let template = template(&pieces);
        let Ok(place) = self.told.binary_search_by(|(english, _)| english.as_str().cmp(&template)) else {
            return (!template.contains(|c: char| c.is_ascii_alphabetic())).then(|| self.joined(&self.pieces(text)));
        };
        let told = &self.told[place].1;
        let values: Vec<&str> = pieces.iter().filter(|(_, is_value)| *is_value).map(|(it, _)| *it).collect();
        let (before, after) = around(text, inner);
        Some([before, &self.fill(told, &values), after].concat())
    }

    /// A text as its values, which are marked, and what stands between them.
    fn pieces<'a>(&self, text: &'a str) -> Vec<(&'a str, bool)> {
        let mut pieces = Vec::new();
        let (mut begun, mut at, mut before) = (0, 0, ' ');
        while let Some(next) = text[at..].chars().next() {
            let length = if before.is_ascii_alphanumeric() { 0 } else { self.value(&text[at..]) };
            let end = at + if length == 0 { next.len_utf8() } else { length };
            if length > 0 {
                pieces.extend([(&text[begun..at], false), (&text[at..end], true)]);
                begun = end;
            }
            before = text[at..end].chars().next_back().unwrap_or(next);
            at = end;
        }
        pieces.push((&text[begun..], false));
        pieces
    }

    /// Bytes of the value that a text begins with; 0 where it does not.
    fn value(&self, text: &str) -> usize {
        let known = self.values.iter().filter(|(name, _)| is_word(text, name)).map(|(name, _)| name.len()).max();
        known.unwrap_or(0).max(number(text)).max(name(text))
    }

    /// A template with its values in the language's form.
    fn fill(&self, template: &str, values: &[&str]) -> String {
        let mut text = String::with_capacity(template.len() + 8 * values.len());
        let (mut rest, mut next) = (template, 0);
        while let Some((head, tail)) = rest.split_once('{') {
            text.push_str(head);
            let (place, tail) = tail.split_once('}').unwrap_or((tail, ""));
            let place = place.parse::<usize>().map_or(next, |place| place.wrapping_sub(1));
            next += 1;
            text.push_str(&values.get(place).map(|value| self.form(value)).unwrap_or_default());
            rest = tail;
        }
        text.push_str(rest);
        text
    }

    /// A value in the language's form: a word that has one, or a number's own sign before fractions.
    fn form(&self, value: &str) -> String {
        if let Some((_, other)) = self.values.iter().find(|(name, _)| name == value) {
            return other.clone();
        }
        // An address or a version has more points, a market or a time other signs.
        let is_number =
            value.matches('.').count() == 1 && !value.contains([':', '/', '-']) && number(value) == value.len();
        if is_number { value.replace('.', &self.decimal.to_string()) } else { value.to_owned() }
    }
}

fn template(pieces: &[(&str, bool)]) -> String {
    pieces.iter().map(|(it, is_value)| if *is_value { "{}" } else { it }).collect()
}

/// The first place where a text can be cut: what is before, what stands between, what is after.
fn cut(text: &str) -> Option<(&str, &str, &str)> {
    let inner = text.trim_matches(' ');
    let begins = around(text, inner).0.len();
    CUTS.iter().find_map(|(mark, kept)| {
        let (at, _) = inner.char_indices().find(|(at, _)| inner[*at..].starts_with(mark))?;
        let (head, rest) = text.split_at(begins + at + kept);
        let (between, tail) = rest.split_at(mark.len() - kept);
        Some((head, between, tail))
    })
}

/// What is before and after a part of a text.
fn around<'a>(text: &'a str, part: &str) -> (&'a str, &'a str) {
    let begins = part.as_ptr() as usize - text.as_ptr() as usize;
    (&text[..begins], &text[begins + part.len()..])
}

/// Whether a text begins with the word, and not with a longer one.
fn is_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Bytes of the name that a text begins with: what is written in capitals (`BTC/USD`, `PNG`), has a digit (`15m`), a point, a colon or a low line in it (`engine.risk`),
/// is a path, or a digest in hexadecimal digits, or a model with its revision (`starter r3`).
fn name(text: &str) -> usize {
    if text.strip_prefix('/').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric())) {
        return text.find(' ').unwrap_or(text.len());
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"/-_.:".contains(c)).unwrap_or(text.len());
    let word = text[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let has = |of: fn(char) -> bool| word.contains(of);
    let is_capital = word.len() > 1 && has(|c| c.is_ascii_uppercase()) && !has(|c| c.is_ascii_lowercase());
    let is_mixed = has(|c| c.is_ascii_digit()) && has(|c: char| c.is_ascii_alphabetic());
    let is_digest = word.len() >= 16 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let is_key = has(|c| matches!(c, '_' | '.' | ':')) && word.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_capital || is_mixed || is_digest || is_key {
        return word.len();
    }
    let revision =
        text[word.len()..].strip_prefix(" r").map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if revision > 0 && !word.is_empty() { word.len() + 2 + revision } else { 0 }
}

/// Bytes of the number, date, time or version that a text begins with, with its sign: `−10 214.36`, `22:41:07`, `2026-11-20`.
fn number(text: &str) -> usize {
    let sign = text.chars().next().filter(|c| matches!(c, '+' | '-' | '\u{2212}')).map_or(0, char::len_utf8);
    let (mut length, mut is_digit) = (sign, false);
    let mut chars = text[sign..].chars().peekable();
    while let Some(c) = chars.next() {
        let joins =
            is_digit && matches!(c, '.' | ':' | '-' | '\u{202f}') && chars.peek().is_some_and(char::is_ascii_digit);
        if !c.is_ascii_digit() && !joins {
            // `1m` and `4x` are names that begin with a digit.
            return if is_digit && !c.is_ascii_alphabetic() { length } else { 0 };
        }
        is_digit = c.is_ascii_digit();
        length += c.len_utf8();
    }
    if is_digit { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "# Of tests.\ndecimal ,\n= Kraken\n= Oct\n  Okt.\n{} of {} feeds stand\n  {} von {} Quellen stehen\n{} is slow\n  {} ist langsam\n{}~% up\n  {}~% mehr\n\
                        Sold {} at {}.\n  Zu {2} verkauft: {1}.\nRisk\n  Risiko\nAs of {}\n  Stand {}\n";

    fn words() -> Words {
        Words::read(LIST).expect("a good list")
    }

    #[track_caller]
    fn says(text: &str, told: &str) {
        assert_eq!(words().say(text), told);
    }

    #[test]
    fn texts_with_other_values_are_one_entry() {
        says("3 of 4 feeds stand", "3 von 4 Quellen stehen");
        says("12 of 14 feeds stand", "12 von 14 Quellen stehen");
        says("Kraken is slow", "Kraken ist langsam");
        says("BTC/USD is slow", "BTC/USD ist langsam");
        says("ETH-USDT is slow", "ETH-USDT ist langsam");
        says("starter r3 is slow", "starter r3 ist langsam");
        says("engine.risk.age_max_min is slow", "engine.risk.age_max_min ist langsam");
        says("15m is slow", "15m ist langsam");
        says("/tmp/a.b is slow", "/tmp/a.b ist langsam");
        says("It is slow", "It is slow");
        says("Krakens is slow", "Krakens is slow");
    }

    #[test]
    fn values_take_the_form_and_the_place_of_the_language() {
        says("Sold 0.25 at \u{2212}10\u{202f}214.36.", "Zu \u{2212}10\u{202f}214,36 verkauft: 0,25.");
        says("As of 20 Oct", "As of 20 Okt.");
        let list = format!("{LIST}As of {{}} {{}}\n  Stand {{}}. {{}}\n");
        assert_eq!(Words::read(&list).expect("good").say("As of 20 Oct"), "Stand 20. Okt.");
        says("As of 22:41:07", "Stand 22:41:07");
        says("As of 192.168.1.7", "Stand 192.168.1.7");
        says("1.5", "1,5");
        says("+1.5\u{202f}% up", "+1,5\u{202f}% mehr");
        says("+0.3 %", "+0,3 %");
        says("2026-11-20 22:41", "2026-11-20 22:41");
    }

    #[test]
    fn what_has_no_entry_is_told_by_its_parts() {
        says("Risk · Kraken is slow", "Risiko · Kraken ist langsam");
        says("Sold 1 at 2.5. 1 of 2 feeds stand", "Zu 2,5 verkauft: 1. 1 von 2 Quellen stehen");
        says("Kraken: 1 of 2 feeds stand", "Kraken: 1 von 2 Quellen stehen");
        says("Odd at 2.5 · Risk", "Odd at 2,5 · Risiko");
        says("  Risk ", "  Risiko ");
        says("", "");
    }

    #[test]
    fn what_is_missing_is_known() {
        let words = words();
        for known in ["Risk", "Risk · Kraken is slow", "10.5 %", "22:41", "BTC/USD", "Kraken", ""] {
            assert!(words.knows(known), "{known}");
        }
        for unknown in ["Odd", "Risk · Odd", "Risk at 3", "A Risk", "take-profit"] {
            assert!(!words.knows(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_list_that_is_wrong_says_where() {
        let why = |text: &str| Words::read(text).expect_err("wrong").to_string();
        assert_eq!(why("Risk\n"), "line 1: a text without its translation below it");
        assert_eq!(why("# x\n  Risiko\n"), "line 2: a translation without the text above it");
        assert_eq!(
            why("Risk\n  a\nBid in USD\n  b\n"),
            "line 3: a value is written out, where {} stands for every value"
        );
        assert_eq!(
            why("= Nov\n  Nov.\n"),
            "line 0: a word's other form holds the word itself, and would be told again"
        );
        assert_eq!(why("Risk\n  a\nRisk\n  b\n"), "line 0: an entry is there twice");
    }

    #[test]
    fn a_packed_list_says_the_same() {
        assert_eq!(Words::unpacked(&words().packed()), words());
        assert_eq!(Words::read(&words().packed()), Ok(words()));
    }

    proptest! {
        #[test]
        fn any_text_can_be_said(text in "\\PC{0,60}") {
            let _ = words().say(&text);
        }

        #[test]
        fn values_are_all_told(a in 0u32..100_000, b in 0u32..100_000) {
            let said = words().say(&format!("{a} of {b} feeds stand"));
            prop_assert_eq!(said, format!("{a} von {b} Quellen stehen"));
        }

        #[test]
        fn a_text_that_is_not_known_stays(text in "[a-z ,!?{}=]{0,60}") {
            prop_assert_eq!(words().say(&text), text);
        }
    }
}
