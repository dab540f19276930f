//! A strict reader of the few hot messages, in the one spelling that venues use.
//!
//! Venues write their book updates with the same keys in the same order and without white space. Reading exactly that is
//! several times faster than general JSON. Anything else, escapes and exponents included, gives `None`, and the caller
//! reads the message with `serde_json`: this never decides that a message is wrong. What it does accept is JSON, and
//! `serde_json` reads the same from it (a property test says so).

/// A place in a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Exactly this text.
    #[inline]
    pub(crate) fn literal(&mut self, literal: &str) -> Option<()> {
        self.rest().starts_with(literal.as_bytes()).then(|| self.at += literal.len())
    }

    /// A string without escapes, after its opening quote; the closing one is read too.
    #[inline]
    pub(crate) fn string_end(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let len = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        if rest[len] != b'"' {
            return None;
        }
        let start = self.at;
        self.at += len + 1;
        // Both ends are next to ASCII bytes, so they are character boundaries.
        self.text.get(start..start + len)
    }

    /// A number without sign and exponent, as it is written.
    #[inline]
    pub(crate) fn number(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = digits(0);
        let mut len = whole;
        if rest.get(len) == Some(&b'.') {
            let fraction = digits(len + 1);
            if fraction == 0 {
                return None;
            }
            len += 1 + fraction;
        }
        let is_json = whole == 1 || (whole > 1 && rest[0] != b'0');
        let ends = !matches!(rest.get(len), Some(b'e' | b'E' | b'.'));
        if !is_json || !ends {
            return None;
        }
        let start = self.at;
        self.at += len;
        self.text.get(start..start + len)
    }

    /// A whole number.
    #[inline]
    pub(crate) fn integer<T: core::str::FromStr>(&mut self) -> Option<T> {
        self.number()?.parse().ok()
    }

    /// `[item,item,...]`, after its opening bracket; the closing one is read too.
    #[inline]
    pub(crate) fn list_end<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        if self.literal("]").is_some() {
            return Some(Vec::new());
        }
        let mut items = Vec::with_capacity(8);
        loop {
            items.push(item(self)?);
            match self.rest().first()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(items);
                }
                _ => return None,
            }
        }
    }

    /// What is left.
    pub(crate) fn remainder(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// True at the end of the message.
    pub(crate) fn is_done(&self) -> bool {
        self.at == self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_numbers_are_read() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(Scan::new(text).number(), expected, "{text}");
        check("64525.0,", Some("64525.0"));
        check("0.001}", Some("0.001"));
        check("0", Some("0"));
        for text in ["01", "1.", "1.}", ".5", "-1", "+1", "1e5", "1.5E5", "1.2.3", "", "x"] {
            check(text, None);
        }
    }

    #[test]
    fn strings_with_escapes_or_control_characters_are_left_to_others() {
        assert_eq!(Scan::new("BTC/USD\",").string_end(), Some("BTC/USD"));
        assert_eq!(Scan::new("ü\"").string_end(), Some("ü"));
        for text in ["BTC\\/USD\"", "a\nb\"", "open"] {
            assert_eq!(Scan::new(text).string_end(), None, "{text}");
        }
    }
}
