//! Cutting texts to the limits of others: never within a character, never above the limit.

use std::borrow::Cow;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Unicode code points (Discord).
    Chars,
    /// UTF-16 code units, at least as many as code points (Telegram).
    Utf16,
    /// Bytes of UTF-8 (ntfy).
    Bytes,
}

impl Unit {
    fn of(self, character: char) -> usize {
        match self {
            Self::Chars => 1,
            Self::Utf16 => character.len_utf16(),
            Self::Bytes => character.len_utf8(),
        }
    }

    /// The length of a text.
    #[must_use]
    pub fn length(self, text: &str) -> usize {
        match self {
            Self::Bytes => text.len(),
            unit => text.chars().map(|character| unit.of(character)).sum(),
        }
    }
}

/// What stands where something was left out.
const MARK: char = '…';

/// The beginning of a text that is no longer than `max`. What is left out is told by `…`, where there is room for it.
#[must_use]
pub fn cut(text: &str, max: usize, unit: Unit) -> Cow<'_, str> {
    // No character is longer than four of anything, and none shorter than one.
    if text.len() <= max || unit.length(text) <= max {
        return Cow::Borrowed(text);
    }
    let room = max.checked_sub(unit.of(MARK));
    let mut used = 0;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        used += unit.of(character);
        if used > room.unwrap_or(max) {
            break;
        }
        end = at + character.len_utf8();
    }
    match room {
        Some(_) => Cow::Owned(format!("{}{MARK}", text[..end].trim_end())),
        None => Cow::Borrowed(&text[..end]),
    }
}

/// Whether a character changes what is around it instead of being shown: controls, and the marks that turn the direction of writing.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text on one line, without controls.
#[must_use]
pub fn line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect();
    plain.trim().to_owned()
}

/// The text without controls but for the ends of its lines.
#[must_use]
pub fn lines(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c != '\n' && is_control(c) { ' ' } else { c }).collect();
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_count_what_they_say() {
        assert_eq!(cut("grün", 4, Unit::Chars), "grün");
        assert_eq!(cut("grün", 4, Unit::Bytes), "g…");
        assert_eq!(cut("grün", 3, Unit::Chars), "gr…");
        assert_eq!(cut("🚀🚀🚀", 3, Unit::Chars), "🚀🚀🚀");
        assert_eq!(cut("🚀🚀🚀", 5, Unit::Utf16), "🚀🚀…");
        assert_eq!(cut("🚀🚀🚀", 4, Unit::Utf16), "🚀…");
        assert_eq!(cut("🚀", 3, Unit::Bytes), "…");
        assert_eq!(cut("🚀", 2, Unit::Bytes), "");
        assert_eq!(cut("ab", 0, Unit::Chars), "");
        assert_eq!(cut("two words", 5, Unit::Chars), "two…");
    }

    #[test]
    fn headers_and_terminals_are_safe() {
        assert_eq!(line("a\r\nBcc: x@y\u{1b}[31m\u{202e}z"), "a  Bcc: x@y [31m z");
        assert_eq!(lines("a\nb\r\u{0}c\n"), "a\nb  c");
    }

    proptest! {
        #[test]
        fn a_cut_text_is_a_beginning_within_its_limit(text in any::<String>(), max in 0usize..60, unit in prop::sample::select(vec![Unit::Chars, Unit::Utf16, Unit::Bytes])) {
            let short = cut(&text, max, unit);
            prop_assert!(unit.length(&short) <= max, "{short:?} of {text:?}");
            if unit.length(&text) <= max {
                prop_assert_eq!(short.as_ref(), text.as_str());
            } else {
                let kept = short.strip_suffix(MARK).unwrap_or(&short);
                prop_assert!(text.starts_with(kept));
            }
        }
    }
}
