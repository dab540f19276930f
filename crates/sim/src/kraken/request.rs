//! What clients send on WebSocket v2.

use serde_json::{Number, Value};

/// Symbols in one request; a longer list is refused.
const SYMBOLS_MAX: usize = 500;

/// Depths a book can be had at.
const DEPTHS: [u64; 5] = [10, 25, 100, 500, 1_000];

/// A request that could be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) req_id: Option<Number>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Method {
    Ping,
    Subscribe(Subscription),
    Unsubscribe(Subscription),
}

/// What to subscribe, or to unsubscribe, for which symbols.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subscription {
    pub(super) channel: Channel,
    pub(super) symbols: Vec<String>,
    pub(super) snapshot: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Book { depth: usize },
    Trade,
    Ohlc,
    Ticker(Trigger),
    Instrument,
}

/// When a ticker is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    Trades,
    Bbo,
}

/// Why a request is refused, with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unreadable {
    pub(super) error: &'static str,
    pub(super) method: String,
    pub(super) req_id: Option<Number>,
}

impl Request {
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let req_id = value.get("req_id").and_then(Value::as_number).cloned();
        let name = value.get("method").and_then(Value::as_str).unwrap_or_default();
        let params = value.get("params").unwrap_or(&Value::Null);
        let method = match name {
            "ping" => Ok(Method::Ping),
            "subscribe" => subscription(params).map(Method::Subscribe),
            "unsubscribe" => subscription(params).map(Method::Unsubscribe),
            "" => Err("Malformed request"),
            _ => Err("Unsupported method"),
        };
        match method {
            Ok(method) => Ok(Self { method, req_id }),
            Err(error) => Err(Unreadable { error, method: name.to_owned(), req_id }),
        }
    }
}

fn subscription(params: &Value) -> Result<Subscription, &'static str> {
    let channel = channel(params)?;
    let is_trade = channel == Channel::Trade;
    let snapshot = match params.get("snapshot") {
        None => !is_trade,
        Some(flag) => flag.as_bool().ok_or("Malformed request")?,
    };
    let symbols = match (channel, params.get("symbol")) {
        (Channel::Instrument, _) => Vec::new(),
        (_, Some(Value::Array(list))) if (1..=SYMBOLS_MAX).contains(&list.len()) => list
            .iter()
            .map(|symbol| symbol.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or("Malformed request")?,
        _ => return Err("Symbol(s) not provided"),
    };
    Ok(Subscription { channel, symbols, snapshot })
}

fn channel(params: &Value) -> Result<Channel, &'static str> {
    let number = |name: &str, default: u64| params.get(name).map_or(Some(default), Value::as_u64);
    match params.get("channel").and_then(Value::as_str) {
        Some("book") => number("depth", 10)
            .filter(|depth| DEPTHS.contains(depth))
            .map(|depth| Channel::Book { depth: depth as usize })
            .ok_or("Depth not supported"),
        Some("trade") => Ok(Channel::Trade),
        // Longer intervals are not simulated.
        Some("ohlc") if number("interval", 1) == Some(1) => Ok(Channel::Ohlc),
        Some("ohlc") => Err("Interval not supported"),
        Some("ticker") => match params.get("event_trigger").map_or(Some("trades"), Value::as_str) {
            Some("trades") => Ok(Channel::Ticker(Trigger::Trades)),
            Some("bbo") => Ok(Channel::Ticker(Trigger::Bbo)),
            _ => Err("Event trigger not supported"),
        },
        Some("instrument") => Ok(Channel::Instrument),
        Some("executions" | "balances" | "level3") => {
            Err("Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com")
        }
        _ => Err("Channel not supported"),
    }
}

impl Channel {
    /// The inside of an acknowledgement's result object, keys in the order of recorded answers.
    pub(super) fn result(self, symbol: &str, snapshot: Option<bool>) -> String {
        let snapshot = snapshot.map(|flag| format!(r#""snapshot":{flag},"#)).unwrap_or_default();
        match self {
            Self::Book { depth } => {
                format!(r#""channel":"book","depth":{depth},{snapshot}"symbol":"{symbol}""#)
            }
            Self::Trade => format!(r#""channel":"trade",{snapshot}"symbol":"{symbol}""#),
            Self::Ohlc => format!(
                r#""channel":"ohlc","interval":1,{snapshot}"symbol":"{symbol}","warnings":["timestamp is deprecated, use interval_begin"]"#
            ),
            Self::Ticker(trigger) => {
                let trigger = if trigger == Trigger::Bbo { "bbo" } else { "trades" };
                format!(r#""channel":"ticker","event_trigger":"{trigger}",{snapshot}"symbol":"{symbol}""#)
            }
            Self::Instrument => {
                let snapshot = snapshot.trim_end_matches(',');
                let comma = if snapshot.is_empty() { "" } else { "," };
                format!(r#""channel":"instrument"{comma}{snapshot}"#)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let text = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25},"req_id":7}"#;
        let request = Request::parse(text).expect("valid");
        assert_eq!(request.req_id, Some(7.into()));
        let wanted =
            Subscription { channel: Channel::Book { depth: 25 }, symbols: vec!["BTC/USD".to_owned()], snapshot: true };
        assert_eq!(request.method, Method::Subscribe(wanted));
        let check = |params: &str, error: &str| {
            let text = format!(r#"{{"method":"subscribe","params":{params}}}"#);
            assert_eq!(Request::parse(&text).expect_err("invalid").error, error, "{params}");
        };
        check(r#"{"channel":"book","symbol":["A"],"depth":20}"#, "Depth not supported");
        check(r#"{"channel":"ohlc","symbol":["A"],"interval":5}"#, "Interval not supported");
        check(r#"{"channel":"trade"}"#, "Symbol(s) not provided");
        check(r#"{"channel":"trade","symbol":[1]}"#, "Malformed request");
        check(r#"{"channel":"trade","symbol":["A"],"snapshot":1}"#, "Malformed request");
        check(r#"{"channel":"nonsense","symbol":["A"]}"#, "Channel not supported");
        assert_eq!(Request::parse("{").expect_err("invalid").error, "Malformed request");
        assert_eq!(Request::parse(r#"{"method":"x"}"#).expect_err("invalid").error, "Unsupported method");
    }
}
