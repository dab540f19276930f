//! Words of a text.

/// A word as it is looked up, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// In small letters, without endings. Numbers are `0`, shares `0%`, sums `$0`.
    pub stem: String,
    /// In small letters.
    pub word: String,
    /// Written in capitals only, with at least four letters: shorter ones are symbols and abbreviations.
    pub is_shouted: bool,
}

/// The first words of a text, at most `limit`. Hyphens divide words, possessive endings are dropped.
pub(super) fn tokens(text: &str, limit: usize) -> Vec<Token> {
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '\u{2019}' | '$' | '%' | '.' | ',');
    text.split(|c: char| !is_inner(c)).filter_map(token).take(limit).collect()
}

fn token(piece: &str) -> Option<Token> {
    let piece = piece.trim_matches(['\'', '\u{2019}', '.', ',']);
    let bare: String = piece.chars().filter(|c| c.is_alphanumeric() || matches!(c, '\'' | '\u{2019}')).collect();
    if !bare.chars().any(char::is_alphanumeric) {
        return None;
    }
    let lower = bare.to_lowercase().replace('\u{2019}', "'");
    let word = lower.strip_suffix("'s").unwrap_or(&lower).trim_matches('\'').to_owned();
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        let kind = if piece.contains('$') {
            "$0"
        } else if piece.ends_with('%') {
            "0%"
        } else {
            "0"
        };
        return Some(Token { stem: kind.to_owned(), word, is_shouted: false });
    }
    let letters = bare.chars().filter(|c| c.is_alphabetic()).count();
    let is_shouted = letters >= 4 && !bare.chars().any(char::is_lowercase) && bare.chars().any(char::is_uppercase);
    Some(Token { stem: stem(&word), word, is_shouted })
}

/// A word without the endings of number and tense: enough to find "plunge" in "plunges", "plunged" and "plunging". Rougher than
/// Porter's stemmer and with fewer surprises; words of other alphabets stay as they are.
fn stem(word: &str) -> String {
    if !word.is_ascii() || word.len() < 4 {
        return word.to_owned();
    }
    let cut = if let Some(rest) = word.strip_suffix("ies").or_else(|| word.strip_suffix("ied")) {
        return format!("{rest}y");
    } else if let Some(rest) = word.strip_suffix("ing").filter(|rest| rest.len() >= 3) {
        rest
    } else if let Some(rest) = word.strip_suffix("ed").filter(|rest| rest.len() >= 3) {
        rest
    } else if let Some(rest) = word.strip_suffix("es").filter(|rest| rest.ends_with(['s', 'x', 'z', 'h'])) {
        rest
    } else if let Some(rest) = word.strip_suffix('s').filter(|rest| !rest.ends_with(['s', 'u', 'i'])) {
        rest
    } else {
        word
    };
    let cut = if cut.len() > 3 { cut.strip_suffix('e').unwrap_or(cut) } else { cut };
    let bytes = cut.as_bytes();
    let doubled = bytes.len() > 3 && bytes[bytes.len() - 1] == bytes[bytes.len() - 2];
    let is_ending = doubled && word.len() > cut.len() && !cut.ends_with(['l', 's', 'e', 'o']);
    cut[..cut.len() - usize::from(is_ending)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, stems: &str) {
        let found: Vec<String> = tokens(text, 100).into_iter().map(|token| token.stem).collect();
        assert_eq!(found.join(" "), stems);
    }

    #[test]
    fn forms_of_a_word_share_a_stem() {
        check("plunge plunges plunged plunging", "plung plung plung plung");
        check("ban bans banned banning", "ban ban ban ban");
        check("drop drops dropped", "drop drop drop");
        check("fall falls falling", "fall fall fall");
        check("launches launched launch", "launch launch launch");
        check("company companies worries worried", "company company worry worry");
        check("loss losses", "loss loss");
        check("raises raising raised", "rais rais rais");
    }

    #[test]
    fn numbers_sums_and_shares_are_kinds() {
        check("ETH at $1,234.5 up 3.5% in 24 hours", "eth at $0 up 0% in 0 hour");
        check("sell-off, all-time high; China's & 'quoted' U.S.", "sell off all tim high china quot us");
        check("??? -- $ % ''", "");
        check("Курс растёт 比特币", "курс растёт 比特币");
    }

    #[test]
    fn only_words_in_capitals_are_shouted() {
        let shouted: Vec<bool> = tokens("BREAKING: BTC DUMPS Hard", 9).iter().map(|token| token.is_shouted).collect();
        assert_eq!(shouted, [true, false, true, false]);
    }
}
