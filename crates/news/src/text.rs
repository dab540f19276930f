//! HTML to plain text, and texts made comparable.

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use sha2::{Digest, Sha256};

/// The text of a piece of HTML: entities decoded, paragraphs and breaks as line ends, and nothing of scripts, styles,
/// comments, pictures or attributes. Reads from front to end without building a tree, so nesting costs nothing.
#[must_use]
pub fn of_html(html: &str) -> String {
    let input = BufferQueue::default();
    // Browsers replace it by U+FFFD or drop it, depending on where it stands.
    input.push_back(StrTendril::from(html.replace('\0', "")));
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    // It pauses where a browser would run a script or change the charset.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    clean(&tokenizer.sink.text.into_inner())
}

/// Plain text made tidy: no control or invisible characters, runs of blanks as one, no blank lines at the ends and at most
/// one within.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut line_ends = 0usize;
    let mut is_after_blank = false;
    for c in text.chars() {
        match c {
            '\n' => line_ends += 1,
            c if c.is_whitespace() => is_after_blank = true,
            // Zero-width marks, byte order marks and soft hyphens hide words; direction marks are not text.
            '\u{ad}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {}
            c if c.is_control() => {}
            c => {
                if !out.is_empty() {
                    match line_ends {
                        0 if is_after_blank => out.push(' '),
                        0 => {}
                        1 => out.push('\n'),
                        _ => out.push_str("\n\n"),
                    }
                }
                (line_ends, is_after_blank) = (0, false);
                out.push(c);
            }
        }
    }
    out
}

/// The words of a text in lower case with one blank between: what two copies of a text have in common.
#[must_use]
pub fn key(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in words(text) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// Runs of letters and digits.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The text without its web addresses.
#[must_use]
pub fn without_links(text: &str) -> String {
    let is_link =
        |word: &&str| !(word.starts_with("http://") || word.starts_with("https://") || word.starts_with("www."));
    text.split_whitespace().filter(is_link).collect::<Vec<_>>().join(" ")
}

/// SHA-256 of parts, each with its length before it.
#[must_use]
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

/// The first 16 bytes of [`digest`] in hexadecimal: short enough for a key.
#[must_use]
pub fn short_digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    digest(parts)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Default)]
struct Sink {
    text: RefCell<String>,
    /// Inside an element whose content is not text.
    is_hidden: Cell<bool>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(characters) if !self.is_hidden.get() => {
                // A line end in the source is a blank on the page.
                self.text.borrow_mut().extend(characters.chars().map(|c| if c == '\n' { ' ' } else { c }));
            }
            Token::TagToken(tag) => {
                let breaks = match &*tag.name {
                    "br" | "li" | "tr" | "dt" | "dd" => "\n",
                    "p" | "div" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "ul" | "ol" | "table"
                    | "pre" | "hr" | "section" | "article" | "figure" | "header" | "footer" => "\n\n",
                    "td" | "th" => " ",
                    _ => "",
                };
                self.text.borrow_mut().push_str(breaks);
                let raw = match &*tag.name {
                    "script" => Some(RawKind::ScriptData),
                    "style" | "xmp" | "iframe" | "noembed" | "noframes" | "noscript" => Some(RawKind::Rawtext),
                    "textarea" | "title" => Some(RawKind::Rcdata),
                    _ => None,
                };
                if let Some(raw) = raw {
                    let starts = tag.kind == TagKind::StartTag;
                    self.is_hidden.set(starts && raw != RawKind::Rcdata);
                    if starts {
                        return TokenSinkResult::RawData(raw);
                    }
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, expected: &str) {
        assert_eq!(of_html(html), expected);
    }

    #[test]
    fn html_becomes_the_text_one_reads() {
        check("<p>A &amp; B&#39;s</p><p>second<br/>line</p>", "A & B's\n\nsecond\nline");
        check("a<script>alert('x')</script>b<style>p{}</style>c<!-- no -->d", "abcd");
        check(r#"<a href="https://x.y/z"><span class="invisible">https://</span>x.y/z</a>"#, "https://x.y/z");
        check("5 < 6 and 7 > 3 &unknown; &lt;b&gt;", "5 < 6 and 7 > 3 &unknown; <b>");
        check("<img src=x onerror=alert(1)>text<img width=1", "text");
        check("many \n\n blanks\u{a0}here", "many blanks here");
        check("<noscript><img src=pixel></noscript>x<script>never closed", "x");
        check("", "");
    }

    #[test]
    fn nesting_costs_nothing() {
        let deep = format!("{}text{}", "<div>".repeat(200_000), "</div>".repeat(200_000));
        check(&deep, "text");
        check(&format!("{}x", "<b><i><table>".repeat(50_000)), "x");
    }

    #[test]
    fn controls_and_direction_marks_go_and_scripts_of_the_world_stay() {
        assert_eq!(clean("a\0b\u{202e}c\u{feff}"), "abc");
        assert_eq!(clean("Привет мир 🚀\r\n\r\n\r\nשלום"), "Привет мир 🚀\n\nשלום");
        assert_eq!(key("  Bitcoin—RISES, “again”! "), "bitcoin rises again");
        assert_eq!(without_links("see https://x.y now"), "see now");
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(short_digest(["x"]).len(), 32);
    }
}
