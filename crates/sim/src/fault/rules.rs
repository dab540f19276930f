//! Instrument rules that change: the texts in which venues tell them, edited in place.

use std::ops::Range;

use types::Venue;

use super::edit::replaced;
use super::kind::RuleChange;
use super::topic::{is_same, value};

/// `text` with other rules of the instrument named `symbol`, or of every instrument; `None` when it tells none of them.
pub(super) fn changed(venue: Venue, text: &str, symbol: Option<&str>, change: RuleChange) -> Option<String> {
    let mut out = text.to_owned();
    let mut from = 0;
    let mut is_changed = false;
    while let Some(object) = next_instrument(venue, &out, from) {
        let name = value(&out[object.clone()], name_key(venue)).unwrap_or_default();
        from = object.end;
        if symbol.is_some_and(|symbol| !is_same(symbol, name)) {
            continue;
        }
        let before = out.len();
        out = match (change, venue) {
            // Kraken keeps what it does not list any more in its list.
            (RuleChange::Delist, Venue::Kraken) => with_status(venue, &out, &object, "delisted"),
            (RuleChange::Delist, _) => without(&out, object),
            (RuleChange::Halt, _) => with_status(venue, &out, &object, halted(venue)),
            (RuleChange::Tick, _) => with_tick(venue, &out, &object),
        };
        from = (from + out.len()).saturating_sub(before);
        is_changed = true;
    }
    is_changed.then_some(out)
}

/// The update in which Kraken tells the rules of one instrument, or of all, as `snapshot` tells them.
pub(super) fn update(snapshot: &str, symbol: Option<&str>) -> Option<String> {
    let Some(symbol) = symbol else { return Some(snapshot.replacen("\"snapshot\"", "\"update\"", 1)) };
    let mut from = 0;
    while let Some(object) = next_instrument(Venue::Kraken, snapshot, from) {
        let pair = &snapshot[object.clone()];
        if value(pair, "symbol").is_some_and(|name| is_same(name, symbol)) {
            let head = r#"{"channel":"instrument","type":"update","data":{"assets":[],"pairs":["#;
            return Some(format!("{head}{pair}]}}}}"));
        }
        from = object.end;
    }
    None
}

const fn name_key(venue: Venue) -> &'static str {
    match venue {
        Venue::Kraken | Venue::BinanceUs | Venue::Kucoin => "symbol",
        Venue::Coinbase => "id",
    }
}

const fn halted(venue: Venue) -> &'static str {
    match venue {
        Venue::Kraken => "cancel_only",
        Venue::BinanceUs => "BREAK",
        Venue::Coinbase => "offline",
        Venue::Kucoin => "false",
    }
}

/// The first object at or after `from` that begins with an instrument's name: the whole of it, braces included.
fn next_instrument(venue: Venue, text: &str, from: usize) -> Option<Range<usize>> {
    let opening = format!("{{\"{}\":\"", name_key(venue));
    // Currencies come first in some lists and begin in the same way.
    let list = match venue {
        Venue::Kraken => r#""pairs":["#,
        Venue::BinanceUs => r#""symbols":["#,
        Venue::Coinbase | Venue::Kucoin => "[",
    };
    let begin = text.find(list)?.max(from);
    let start = begin + text[begin..].find(&opening)?;
    let mut depth = 0;
    for (offset, byte) in text[start..].bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(start..start + offset + 1);
        }
    }
    None
}

fn without(text: &str, object: Range<usize>) -> String {
    let is_followed = text[object.end..].starts_with(',');
    let is_preceded = text[..object.start].ends_with(',');
    let start = object.start - usize::from(!is_followed && is_preceded);
    replaced(text, start..object.end + usize::from(is_followed), "")
}

fn with_status(venue: Venue, text: &str, object: &Range<usize>, status: &str) -> String {
    let key = if venue == Venue::Kucoin { r#""enableTrading":"# } else { r#""status":""# };
    with_value(text, object, key, |_| status.to_owned())
}

fn with_tick(venue: Venue, text: &str, object: &Range<usize>) -> String {
    let key = match venue {
        Venue::Kraken => r#""tick_size":"#,
        Venue::BinanceUs => r#""tickSize":""#,
        Venue::Coinbase => r#""quote_increment":""#,
        Venue::Kucoin => r#""priceIncrement":""#,
    };
    let five_times = |tick: &str| tick.replace('1', "5");
    let text = with_value(text, object, key, five_times);
    // Kraken tells it twice.
    if venue == Venue::Kraken { with_value(&text, object, r#""price_increment":"#, five_times) } else { text }
}

/// Changes what follows `key` within the object, up to the end of the value.
fn with_value(text: &str, object: &Range<usize>, key: &str, other: impl Fn(&str) -> String) -> String {
    let Some(at) = text[object.clone()].find(key) else { return text.to_owned() };
    let start = object.start + at + key.len();
    let end = start + text[start..].find(['"', ',', '}']).unwrap_or(0);
    replaced(text, start..end, &other(&text[start..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KRAKEN: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"A"}],"pairs":[{"symbol":"A/B","status":"online","tick_size":0.1,"price_increment":0.1},{"symbol":"C/D","status":"online","tick_size":0.01,"price_increment":0.01}]}}"#;
    const BINANCE: &str = r#"{"symbols":[{"symbol":"AB","status":"TRADING","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01000000"}]},{"symbol":"CD","status":"TRADING","filters":[]}]}"#;

    #[test]
    fn one_instruments_rules_change_and_the_others_stay() {
        let check = |venue, text: &str, symbol, change, expected: String| {
            assert_eq!(changed(venue, text, symbol, change), Some(expected), "{change:?}");
        };
        let halted = KRAKEN.replacen("online", "cancel_only", 1);
        check(Venue::Kraken, KRAKEN, Some("A/B"), RuleChange::Halt, halted);
        check(Venue::Kraken, KRAKEN, None, RuleChange::Delist, KRAKEN.replace("online", "delisted"));
        let coarse = KRAKEN.replace(":0.01", ":0.05");
        check(Venue::Kraken, KRAKEN, Some("C/D"), RuleChange::Tick, coarse);
        let gone = r#"{"symbols":[{"symbol":"CD","status":"TRADING","filters":[]}]}"#.to_owned();
        check(Venue::BinanceUs, BINANCE, Some("ab"), RuleChange::Delist, gone);
        check(Venue::BinanceUs, BINANCE, Some("AB"), RuleChange::Tick, BINANCE.replace("0.01", "0.05"));
        assert_eq!(changed(Venue::BinanceUs, BINANCE, Some("EF"), RuleChange::Halt), None);
    }

    #[test]
    fn kraken_tells_one_pair_in_an_update() {
        let one = update(KRAKEN, Some("C/D")).expect("listed");
        assert!(
            one.ends_with(r#""pairs":[{"symbol":"C/D","status":"online","tick_size":0.01,"price_increment":0.01}]}}"#)
        );
        assert_eq!(update(KRAKEN, Some("E/F")), None);
        assert_eq!(update(KRAKEN, None), Some(KRAKEN.replace("snapshot", "update")));
    }

    #[test]
    fn any_text_can_be_read() {
        proptest::proptest!(|(text: String)| {
            for venue in [Venue::Kraken, Venue::BinanceUs, Venue::Coinbase, Venue::Kucoin] {
                let _ = changed(venue, &text, None, RuleChange::Delist);
            }
        });
    }
}
