//! What clients send on WebSocket, and the names of streams.

use serde_json::Value;
use types::Venue;

use crate::market::Market;

/// Numbers of levels that partial depth streams offer.
pub(super) const PARTIAL_LEVELS: [u8; 3] = [5, 10, 20];

/// A control message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) id: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Method {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    ListSubscriptions,
    SetCombined(bool),
    GetCombined,
}

/// Why a control message is refused, in the venue's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u8,
    pub(super) message: String,
    /// Whether it was refused for wanting too much.
    pub(super) is_limit: bool,
}

/// A stream, by index of its listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Trade(usize),
    AggTrade(usize),
    Kline(usize),
    BookTicker(usize),
    MiniTicker(usize),
    Ticker(usize),
    Depth(usize, Speed),
    PartialDepth(usize, u8, Speed),
    AllMiniTickers,
    AllTickers,
}

/// How often a depth stream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speed {
    /// Every 100 ms.
    Fast,
    /// Every second.
    Slow,
}

impl Request {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_str(text).map_err(|error| Refusal {
            code: 3,
            message: format!("Invalid JSON: {error}"),
            is_limit: false,
        })?;
        let id = value.get("id").cloned().unwrap_or(Value::Null);
        if !(id.is_u64() || id.is_string()) {
            return Err(invalid("request ID must be an unsigned integer"));
        }
        let names = || {
            let params = value.get("params").and_then(Value::as_array)?;
            params.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        let method = match value.get("method").and_then(Value::as_str) {
            Some("SUBSCRIBE") => names().map(Method::Subscribe),
            Some("UNSUBSCRIBE") => names().map(Method::Unsubscribe),
            Some("LIST_SUBSCRIPTIONS") => Some(Method::ListSubscriptions),
            Some("SET_PROPERTY") => match value.get("params").and_then(Value::as_array).map(Vec::as_slice) {
                Some([name, Value::Bool(on)]) if name == "combined" => Some(Method::SetCombined(*on)),
                _ => None,
            },
            Some("GET_PROPERTY") => match value.get("params").and_then(Value::as_array).map(Vec::as_slice) {
                Some([name]) if name == "combined" => Some(Method::GetCombined),
                _ => None,
            },
            _ => return Err(invalid("unknown method")),
        };
        method.map(|method| Self { method, id }).ok_or_else(|| invalid("invalid params"))
    }
}

fn invalid(what: &str) -> Refusal {
    Refusal { code: 2, message: format!("Invalid request: {what}"), is_limit: false }
}

impl Stream {
    /// The stream of a name; `None` for one that does not exist, which the venue accepts and never serves.
    pub(super) fn parse(name: &str, market: &Market) -> Option<Self> {
        match name {
            "!miniTicker@arr" => return Some(Self::AllMiniTickers),
            "!ticker@arr" => return Some(Self::AllTickers),
            _ => {}
        }
        let (symbol, kind) = name.split_once('@')?;
        if symbol.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let index = market.find(Venue::BinanceUs, &symbol.to_ascii_uppercase())?;
        match kind {
            "trade" => Some(Self::Trade(index)),
            "aggTrade" => Some(Self::AggTrade(index)),
            "kline_1m" => Some(Self::Kline(index)),
            "bookTicker" => Some(Self::BookTicker(index)),
            "miniTicker" => Some(Self::MiniTicker(index)),
            "ticker" => Some(Self::Ticker(index)),
            _ => {
                let (levels, speed) = match kind.strip_prefix("depth")?.split_once('@') {
                    None => (kind.strip_prefix("depth")?, Speed::Slow),
                    Some((levels, "100ms")) => (levels, Speed::Fast),
                    Some((levels, "1000ms")) => (levels, Speed::Slow),
                    Some(_) => return None,
                };
                if levels.is_empty() {
                    return Some(Self::Depth(index, speed));
                }
                let levels = levels.parse().ok().filter(|levels| PARTIAL_LEVELS.contains(levels))?;
                Some(Self::PartialDepth(index, levels, speed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SimSettings;

    #[test]
    fn stream_names_are_read() {
        let market = Market::new(&SimSettings { history_minutes: 0, ..SimSettings::default() });
        let btc = market.find(Venue::BinanceUs, "BTCUSDT").expect("listed");
        let check = |name: &str, expected| assert_eq!(Stream::parse(name, &market), expected, "{name}");
        check("btcusdt@aggTrade", Some(Stream::AggTrade(btc)));
        check("btcusdt@depth", Some(Stream::Depth(btc, Speed::Slow)));
        check("btcusdt@depth@100ms", Some(Stream::Depth(btc, Speed::Fast)));
        check("btcusdt@depth20@100ms", Some(Stream::PartialDepth(btc, 20, Speed::Fast)));
        check("!ticker@arr", Some(Stream::AllTickers));
        for name in ["BTCUSDT@trade", "btcusdt@depth7", "btcusdt@depth@50ms", "nope@trade", "btcusdt", "@", ""] {
            check(name, None);
        }
    }

    #[test]
    fn control_messages_are_read_or_refused() {
        let request = Request::parse(r#"{"method":"SUBSCRIBE","params":["a@trade"],"id":1}"#).expect("valid");
        assert_eq!(request.method, Method::Subscribe(vec!["a@trade".to_owned()]));
        let code = |text: &str| Request::parse(text).expect_err("invalid").code;
        assert_eq!(code("{"), 3);
        assert_eq!(code(r#"{"method":"SUBSCRIBE","params":["a"]}"#), 2);
        assert_eq!(code(r#"{"method":"SUBSCRIBE","params":[1],"id":1}"#), 2);
        assert_eq!(code(r#"{"method":"NOPE","id":1}"#), 2);
        assert_eq!(code(r#"{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}"#), 2);
    }
}
