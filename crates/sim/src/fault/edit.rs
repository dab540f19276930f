//! Changed frames: other values, odd levels, odd candles, odd answers to subscriptions. Texts are edited in place, so that
//! everything else keeps its spelling. `None` means that there is nothing of the kind in the frame.

use std::ops::Range;

use types::{Side, Venue};

use super::kind::{OddAck, OddLevel};
use crate::text::put;

/// Removals in a frame of many levels.
const MANY: u32 = 10_000;

/// The same frame with another last digit in its first quantity.
pub(super) fn other_value(venue: Venue, text: &str) -> Option<String> {
    let (_, qty) = first_level(venue, text)?;
    Some(replaced(text, qty.clone(), &other_last_digit(&text[qty])))
}

/// The same book frame with another checksum (Kraken).
pub(super) fn other_checksum(text: &str) -> Option<String> {
    let range = number_after(text, r#""checksum":"#)?;
    let checksum: u32 = text[range.clone()].parse().ok()?;
    Some(replaced(text, range, &checksum.wrapping_add(1).to_string()))
}

/// The same book frame with a level more.
pub(super) fn with_level(venue: Venue, text: &str, odd: OddLevel) -> Option<String> {
    let (price, qty) = first_level(venue, text)?;
    let (price, qty) = (&text[price], &text[qty]);
    let mut levels = Vec::new();
    match odd {
        OddLevel::Crossed => levels.push((format!("9{price}"), positive(qty))),
        // In front of its digits, any number makes a price far above all that there are.
        OddLevel::AbsentRemoval => levels.push((format!("1{price}"), "0".to_owned())),
        OddLevel::NegativePrice => levels.push((format!("-{price}"), positive(qty))),
        OddLevel::ZeroPrice => levels.push(("0".to_owned(), "0".to_owned())),
        OddLevel::NegativeQty => levels.push((price.to_owned(), "-1".to_owned())),
        OddLevel::OffTick => levels.push((off_tick(venue, price), positive(qty))),
        OddLevel::Many => levels.extend((1..=MANY).map(|n| (format!("{n}{price}"), "0".to_owned()))),
    }
    insert_levels(venue, text, Side::Buy, &levels)
}

/// The answer to a subscription with something odd about it.
pub(super) fn odd_ack(venue: Venue, text: &str, odd: OddAck) -> Option<String> {
    match (venue, odd) {
        (Venue::Kraken, _) if !text.contains(r#""method":"subscribe""#) => None,
        (Venue::BinanceUs, _) if !text.starts_with(r#"{"result":null"#) => None,
        (Venue::Coinbase, _) if !text.contains(r#""type":"subscriptions""#) => None,
        (Venue::Kucoin, _) if !(text.contains(r#""type":"ack""#) || text.contains(r#""result":true"#)) => None,
        (Venue::Coinbase, OddAck::WrongId) => None,
        (_, OddAck::WrongId) => {
            let range = id(text)?;
            let wrong = format!("9{}", &text[range.clone()]);
            Some(replaced(text, range, &wrong))
        }
        (Venue::Kraken, OddAck::Already) => kraken_refusal(text, "Already subscribed"),
        (Venue::Kraken, OddAck::Refused) => kraken_refusal(text, "EService:Busy"),
        (_, OddAck::Already) => None,
        (Venue::BinanceUs, OddAck::Refused) => Some(r#"{"code":2,"msg":"Invalid request: try again"}"#.to_owned()),
        (Venue::Coinbase, OddAck::Refused) => {
            Some(r#"{"type":"error","message":"Failed to subscribe","reason":"try again"}"#.to_owned())
        }
        (Venue::Kucoin, OddAck::Refused) => {
            let id = &text[id(text)?];
            Some(format!(r#"{{"id":"{id}","type":"error","code":404,"data":"topic is not found"}}"#))
        }
    }
}

/// The same candle frame without the mark of a closed minute (Binance.US).
pub(super) fn without_final_mark(text: &str) -> Option<String> {
    text.contains(r#""x":true"#).then(|| text.replacen(r#""x":true"#, r#""x":false"#, 1))
}

/// The same frame of a candle with another volume; of Binance.US only closed ones, for the others follow each other.
pub(super) fn other_volume(venue: Venue, text: &str) -> Option<String> {
    let range = match venue {
        Venue::Kraken => number_after(text, r#""volume":"#)?,
        Venue::BinanceUs if !text.contains(r#""x":true"#) => return None,
        Venue::BinanceUs => number_after(text, r#""v":""#)?,
        Venue::Kucoin => {
            // start, open, close, high, low, volume
            let list = text.find(r#""candles":["#)?;
            let commas = text[list..].match_indices(',').nth(4)?.0;
            number_from(text, list + commas + 2)
        }
        Venue::Coinbase => return None,
    };
    Some(replaced(text, range.clone(), &other_last_digit(&text[range])))
}

/// A number of the same length with another last digit.
pub(super) fn other_last_digit(number: &str) -> String {
    let mut digits = number.to_owned();
    if let Some(last) = digits.pop().and_then(|last| last.to_digit(10)) {
        put!(digits, "{}", (last + 1) % 10);
    }
    digits
}

/// Replaces the number stored under `key` by one that is lower by `by`.
pub(super) fn lowered(text: &str, key: &str, by: u64) -> Option<String> {
    let start = text.find(key)? + key.len();
    let start = start + usize::from(text[start..].starts_with('"'));
    let range = number_from(text, start);
    let number: u64 = text[range.clone()].parse().ok()?;
    Some(replaced(text, range, &number.saturating_sub(by).to_string()))
}

/// `text` with another content of `range`.
pub(super) fn replaced(text: &str, range: Range<usize>, with: &str) -> String {
    let mut out = String::with_capacity(text.len() + with.len());
    out.push_str(&text[..range.start]);
    out.push_str(with);
    out.push_str(&text[range.end..]);
    out
}

/// How a venue writes a level.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `{"price":1.5,"qty":2}`
    Object,
    /// `["1.5","2"]`
    Pair,
    /// `["buy","1.5","2"]`
    Change,
    /// `["1.5","2","77"]`
    Numbered,
}

/// Where the list of a side begins, and how its levels are written.
fn list(venue: Venue, text: &str, side: Side) -> Option<(usize, Style)> {
    let find = |key: &str| text.find(key).map(|at| at + key.len());
    let (long, short) = match side {
        Side::Buy => (r#""bids":["#, r#""b":["#),
        Side::Sell => (r#""asks":["#, r#""a":["#),
    };
    match venue {
        Venue::Kraken => find(long).map(|at| (at, Style::Object)),
        Venue::BinanceUs => find(short).or_else(|| find(long)).map(|at| (at, Style::Pair)),
        Venue::Coinbase => {
            let changes = find(r#""changes":["#).map(|at| (at, Style::Change));
            changes.or_else(|| find(long).map(|at| (at, Style::Pair)))
        }
        Venue::Kucoin if text.contains(r#""sequenceEnd":"#) => find(long).map(|at| (at, Style::Numbered)),
        Venue::Kucoin => find(short).or_else(|| find(long)).map(|at| (at, Style::Pair)),
    }
}

/// Where price and quantity of the first level stand.
fn first_level(venue: Venue, text: &str) -> Option<(Range<usize>, Range<usize>)> {
    [Side::Buy, Side::Sell].into_iter().find_map(|side| {
        let (start, style) = list(venue, text, side)?;
        let rest = &text[start..];
        let price_at = match style {
            Style::Object => rest.strip_prefix(r#"{"price":"#)?.len(),
            Style::Pair | Style::Numbered => rest.strip_prefix("[\"")?.len(),
            Style::Change => rest.strip_prefix("[\"")?.split_once("\",\"")?.1.len(),
        };
        let price = number_from(text, text.len() - price_at);
        let between = if style == Style::Object { r#","qty":"# } else { r#"",""# };
        let qty_at = price.end + text[price.end..].strip_prefix(between).map(|_| between.len())?;
        Some((price, number_from(text, qty_at)))
    })
}

fn insert_levels(venue: Venue, text: &str, side: Side, levels: &[(String, String)]) -> Option<String> {
    let (start, style) = list(venue, text, side)?;
    let sequence = number_after(text, r#""sequenceEnd":"#).map(|range| &text[range]).unwrap_or_default();
    let mut inserted = String::new();
    for (price, qty) in levels {
        match style {
            Style::Object => put!(inserted, r#"{{"price":{price},"qty":{qty}}},"#),
            Style::Pair => put!(inserted, r#"["{price}","{qty}"],"#),
            Style::Change => put!(inserted, r#"["buy","{price}","{qty}"],"#),
            Style::Numbered => put!(inserted, r#"["{price}","{qty}","{sequence}"],"#),
        }
    }
    if text[start..].starts_with(']') {
        inserted.pop();
    }
    Some(replaced(text, start..start, &inserted))
}

/// The number that follows `key`.
fn number_after(text: &str, key: &str) -> Option<Range<usize>> {
    text.find(key).map(|at| number_from(text, at + key.len()))
}

fn number_from(text: &str, start: usize) -> Range<usize> {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let len = text[start..].find(|c| !is_part(c)).unwrap_or(text.len() - start);
    start..start + len
}

/// Where the client's number of a request stands.
fn id(text: &str) -> Option<Range<usize>> {
    ["\"req_id\":", "\"id\":\"", "\"id\":"].into_iter().find_map(|key| number_after(text, key))
}

fn kraken_refusal(text: &str, error: &str) -> Option<String> {
    let symbol = super::topic::value(text, "symbol")?;
    let times = &text[text.find(r#""time_in""#)?..];
    Some(format!(r#"{{"error":"{error}","method":"subscribe","success":false,"symbol":"{symbol}",{times}"#))
}

/// The quantity, or one where it removes.
fn positive(qty: &str) -> String {
    if qty.bytes().all(|b| matches!(b, b'0' | b'.')) { "1".to_owned() } else { qty.to_owned() }
}

/// A price between two ticks. Binance.US always writes eight digits, the others as many as the tick has.
fn off_tick(venue: Venue, price: &str) -> String {
    match venue {
        Venue::BinanceUs => format!("{}5", &price[..price.len() - 1]),
        _ if price.contains('.') => format!("{price}5"),
        _ => format!("{price}.5"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KRAKEN: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"A/B","bids":[],"asks":[{"price":45285.2,"qty":0.00100009}],"checksum":7,"timestamp":"t"}]}"#;
    const BINANCE: &str =
        r#"{"stream":"ab@depth@100ms","data":{"U":1,"u":2,"b":[["0.00240000","10.00000000"]],"a":[]}}"#;
    const COINBASE: &str =
        r#"{"type":"l2update","product_id":"A-B","changes":[["sell","10101.80","0.16"]],"time":"t"}"#;
    const KUCOIN: &str = r#"{"topic":"/market/level2:A-B","data":{"changes":{"asks":[["18906","0.00331","14103845"]],"bids":[]},"sequenceEnd":14103845}}"#;

    #[test]
    fn values_and_checksums_change_in_place() {
        assert_eq!(other_value(Venue::Kraken, KRAKEN), Some(KRAKEN.replace("100009", "100000")));
        assert_eq!(other_value(Venue::BinanceUs, BINANCE), Some(BINANCE.replace("10.00000000", "10.00000001")));
        assert_eq!(other_value(Venue::Coinbase, COINBASE), Some(COINBASE.replace("0.16", "0.17")));
        assert_eq!(other_value(Venue::Kucoin, KUCOIN), Some(KUCOIN.replace("0.00331", "0.00332")));
        assert_eq!(other_checksum(KRAKEN), Some(KRAKEN.replace(":7,", ":8,")));
        assert_eq!(other_value(Venue::Kraken, "{}"), None);
    }

    #[test]
    fn levels_are_added_in_the_venues_own_form() {
        let check = |venue, text: &str, odd, expected: &str| {
            let out = with_level(venue, text, odd).expect("a book frame");
            assert!(out.contains(expected), "{out}");
            serde_json::from_str::<serde_json::Value>(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
        };
        check(Venue::Kraken, KRAKEN, OddLevel::Crossed, r#""bids":[{"price":945285.2,"qty":0.00100009}]"#);
        check(Venue::Kraken, KRAKEN, OddLevel::AbsentRemoval, r#""bids":[{"price":145285.2,"qty":0}]"#);
        check(Venue::BinanceUs, BINANCE, OddLevel::OffTick, r#""b":[["0.00240005","10.00000000"],["0.00240000""#);
        check(Venue::Coinbase, COINBASE, OddLevel::NegativePrice, r#"[["buy","-10101.80","0.16"],["sell""#);
        check(Venue::Kucoin, KUCOIN, OddLevel::ZeroPrice, r#""bids":[["0","0","14103845"]]"#);
        check(Venue::Kucoin, KUCOIN, OddLevel::Many, r#"["1000018906","0","14103845"]]"#);
    }

    #[test]
    fn answers_and_candles_turn_odd() {
        let ack = r#"{"method":"subscribe","result":{"channel":"ohlc","symbol":"A/B"},"success":true,"time_in":"t","time_out":"u","req_id":3}"#;
        let already = odd_ack(Venue::Kraken, ack, OddAck::Already).expect("an answer");
        let expected = r#"{"error":"Already subscribed","method":"subscribe","success":false,"symbol":"A/B","time_in":"t","time_out":"u","req_id":3}"#;
        assert_eq!(already, expected);
        let wrong = odd_ack(Venue::BinanceUs, r#"{"result":null,"id":3}"#, OddAck::WrongId);
        assert_eq!(wrong.as_deref(), Some(r#"{"result":null,"id":93}"#));
        assert_eq!(odd_ack(Venue::BinanceUs, r#"{"result":["a"],"id":3}"#, OddAck::WrongId), None);
        let candle = r#"{"data":{"symbol":"A","candles":["1","2","3","4","5","6.5","7"]}}"#;
        assert_eq!(other_volume(Venue::Kucoin, candle), Some(candle.replace("6.5", "6.6")));
        let kline = r#"{"k":{"x":true,"v":"1.9"}}"#;
        assert_eq!(other_volume(Venue::BinanceUs, kline), Some(kline.replace("1.9", "1.0")));
        assert_eq!(without_final_mark(kline), Some(kline.replace("true", "false")));
        assert_eq!(
            lowered(r#"{"sequence":"100","a":1}"#, r#""sequence":"#, 9),
            Some(r#"{"sequence":"91","a":1}"#.into())
        );
    }
}
