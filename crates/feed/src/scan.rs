//! A strict reader of the few hot messages, in the one spelling that venues use.
//!
//! Venues write their book updates with the same keys in the same order and without white space. Reading exactly that is
//! many times faster than general JSON. Anything else, escapes and exponents included, gives `None`, and the caller
//! reads the message with `serde_json`: this never decides that a message is wrong. What it does accept is JSON, and
//! `serde_json` reads the same from it (property tests say so).

use crate::digits;
use crate::number::Decimals;

/// A place in a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    /// Of bytes that may be no text at all.
    pub(crate) const fn of_bytes(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        Some(taken)
    }

    /// Exactly this text.
    #[inline]
    pub(crate) fn literal(&mut self, literal: &str) -> Option<()> {
        self.bytes = self.bytes.strip_prefix(literal.as_bytes())?;
        Some(())
    }

    /// A string without escapes, after its opening quote; the closing one is read too.
    #[inline]
    pub(crate) fn string_end(&mut self) -> Option<&'a str> {
        let len = self.bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        let text = self.take(len)?;
        self.literal("\"")?;
        std::str::from_utf8(text).ok()
    }

    /// A whole number.
    #[inline]
    pub(crate) fn integer<T: TryFrom<u64>>(&mut self) -> Option<T> {
        let (number, len) = digits::whole(self.bytes)?;
        let is_json = len == 1 || self.bytes[0] != b'0';
        let ends = !matches!(self.bytes.get(len), Some(b'e' | b'E' | b'.'));
        if !is_json || !ends {
            return None;
        }
        self.take(len)?;
        T::try_from(number).ok()
    }

    /// A number at an instrument's digits. Whatever is wrong with its end, the next literal does not match.
    #[inline]
    pub(crate) fn decimal(&mut self, decimals: Decimals) -> Option<i64> {
        let (number, len) = decimals.read(self.bytes)?;
        self.take(len)?;
        Some(number)
    }

    /// `[item,item,...]`, after its opening bracket; the closing one is read too.
    #[inline]
    pub(crate) fn list_end<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        self.each_end(|scan| {
            items.push(item(scan)?);
            Some(())
        })?;
        Some(items)
    }

    /// As [`Scan::list_end`], for items that have a place to go to.
    #[inline]
    pub(crate) fn each_end(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.literal("]").is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            match self.take(1)? {
                b"," => {}
                b"]" => return Some(()),
                _ => return None,
            }
        }
    }

    /// True at the end of the message.
    pub(crate) const fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_whole_numbers_are_read() {
        let check = |text: &str, expected: Option<u64>| {
            for behind in ["", ",", r#"},"checksum":"#] {
                let text = [text, behind].concat();
                assert_eq!(Scan::new(&text).integer::<u64>(), expected, "{text}");
            }
        };
        for number in [0, 7, 12_345_678, 123_456_789, 1_672_515_782_136, 18_446_744_073_709_551_615] {
            check(&number.to_string(), Some(number));
        }
        for text in ["01", "1.", "1.5", "-1", "+1", "1e5", "", "x", "18446744073709551616", "99999999999999999999999"] {
            check(text, None);
        }
        assert_eq!(Scan::new("256,").integer::<u8>(), None);
    }

    #[test]
    fn strings_with_escapes_or_control_characters_are_left_to_others() {
        assert_eq!(Scan::new("BTC/USD\",").string_end(), Some("BTC/USD"));
        assert_eq!(Scan::new("ü\"").string_end(), Some("ü"));
        for text in ["BTC\\/USD\"", "a\nb\"", "open"] {
            assert_eq!(Scan::new(text).string_end(), None, "{text}");
        }
        assert_eq!(Scan::of_bytes(b"\xff\"").string_end(), None);
    }

    #[test]
    fn lists_are_read_to_their_end() {
        let list = |text: &'static str| Scan::new(text).list_end(Scan::integer::<u64>);
        assert_eq!((list("]"), list("1]"), list("1,22,333]}")), (Some(vec![]), Some(vec![1]), Some(vec![1, 22, 333])));
        for text in ["", "1", "1,", "1,]", ",]", "1;2]"] {
            assert_eq!(list(text), None, "{text}");
        }
    }
}
