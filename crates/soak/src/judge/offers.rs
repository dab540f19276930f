//! Which trades a venue has offered, where it does not give all of them to who asks (KuCoin: the newest hundred).

use serde_json::Value;

/// A trade that came in a message or an answer: its instrument as spelled there, and its number.
pub(crate) type Offer = (String, u128);

/// Bytes in which a message says what it is about.
const BEGIN: usize = 200;

/// The trades in a message, in either of KuCoin's feeds.
pub(crate) fn in_message(text: &str) -> Option<Offer> {
    // Most messages are large and tell of something else.
    let begin = text.get(..BEGIN).unwrap_or(text);
    if !begin.contains("match") && !begin.contains("trade") {
        return None;
    }
    let message: Value = serde_json::from_str(text).ok()?;
    let is_classic = message["topic"].as_str().is_some_and(|topic| topic.starts_with("/market/match:"));
    let is_unified = message["T"].as_str().is_some_and(|topic| topic.starts_with("trade."));
    let (symbol, number) = match (is_classic, is_unified) {
        (true, _) => (&message["data"]["symbol"], &message["data"]["tradeId"]),
        (_, true) => (&message["d"]["s"], &message["d"]["ti"]),
        _ => return None,
    };
    Some((symbol.as_str()?.to_owned(), number.as_str()?.parse().ok()?))
}

/// The trades in the answer to a request for `path`.
pub(crate) fn in_answer(path: &str, body: &[u8]) -> Vec<Offer> {
    let Some((_, symbol)) = path.split_once("/histories?symbol=") else { return Vec::new() };
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let rows = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |row: &Value| row["sequence"].as_str()?.parse().ok();
    rows.iter().filter_map(number).map(|number| (symbol.to_owned(), number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_from_messages_and_answers() {
        let offer = Some(("A-B".to_owned(), 7));
        let classic = r#"{"topic":"/market/match:A-B","data":{"symbol":"A-B","tradeId":"7"}}"#;
        let unified = r#"{"T":"trade.SPOT","d":{"s":"A-B","ti":"7"}}"#;
        assert_eq!((in_message(classic), in_message(unified)), (offer.clone(), offer.clone()));
        assert_eq!((in_message("{"), in_message(r#"{"topic":"/market/ticker:A-B"}"#)), (None, None));
        let body = br#"{"code":"200000","data":[{"sequence":"7"},{"sequence":"x"}]}"#;
        assert_eq!(in_answer("/api/v1/market/histories?symbol=A-B", body), Vec::from_iter(offer));
        assert_eq!(in_answer("/api/v1/market/candles?symbol=A-B", body), []);
    }
}
