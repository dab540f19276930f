//! The name that was probably meant.

/// The candidate nearest to `name`, if one is near enough to be meant.
pub(super) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let near = (name.chars().count() / 3).max(2);
    candidates.map(|c| (distance(name, c), c)).filter(|(d, _)| *d <= near).min().map(|(_, c)| c)
}

/// Number of letters to add, drop or change to make one word the other (Levenshtein). Case and the kind of dash count
/// nothing: they are what is mistaken most.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(nearest(name, ["book_depth", "symbols", "enabled", "ws_base"].into_iter()), expected, "{name}");
        };
        check("book_dept", Some("book_depth"));
        check("Book-Depth", Some("book_depth"));
        check("symbol", Some("symbols"));
        check("enable", Some("enabled"));
        check("colour", None);
        check("", None);
    }
}
