//! What clients send on WebSocket, and the names of channels.

use serde_json::Value;

/// A message that could be read. Products are still names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) action: Action,
    pub(super) wanted: Vec<Wanted>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Subscribe,
    Unsubscribe,
}

/// A channel, and the products it is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) channel: Channel,
    pub(super) products: Vec<String>,
}

/// A public channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    Heartbeat,
    Level2Batch,
    Matches,
    Status,
    Ticker,
    TickerBatch,
}

/// Why a subscription is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// Whether it was refused for wanting too much.
    pub(super) is_limit: bool,
}

impl Refusal {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_limit: false }
    }
}

/// The reason that is told for channels which are not public since August 2023.
const NEEDS_AUTHENTICATION: &str = "level2, level3, and full channels now require authentication.";

impl Channel {
    const ALL: [Self; 6] =
        [Self::Heartbeat, Self::Level2Batch, Self::Matches, Self::Status, Self::Ticker, Self::TickerBatch];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Level2Batch => "level2_batch",
            Self::Matches => "matches",
            Self::Status => "status",
            Self::Ticker => "ticker",
            Self::TickerBatch => "ticker_batch",
        }
    }

    fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "level2" | "level3" | "full" => Err(Refusal::new(NEEDS_AUTHENTICATION)),
            "user" => Err(Refusal::new("user channel requires authentication.")),
            _ => Self::ALL
                .into_iter()
                .find(|channel| channel.name() == name)
                .ok_or_else(|| Refusal::new(format!("{name} is not a valid channel"))),
        }
    }
}

impl Request {
    /// `{"type":"subscribe","product_ids":[..],"channels":["name",{"name":..,"product_ids":[..]}]}`.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_str(text).map_err(|_| Refusal::new("Malformed JSON"))?;
        let action = match value.get("type").and_then(Value::as_str) {
            Some("subscribe") => Action::Subscribe,
            Some("unsubscribe") => Action::Unsubscribe,
            _ => return Err(Refusal::new("Type has to be either subscribe or unsubscribe")),
        };
        let common = names(value.get("product_ids"))?;
        let channels = value.get("channels").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let wanted = channels.iter().map(|channel| {
            let (name, products) = match channel {
                Value::Object(fields) => (fields.get("name"), names(fields.get("product_ids"))?),
                plain => (Some(plain), Vec::new()),
            };
            let channel = Channel::parse(name.and_then(Value::as_str).unwrap_or_default())?;
            Ok(Wanted { channel, products: if products.is_empty() { common.clone() } else { products } })
        });
        let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
        if wanted.is_empty() {
            return Err(Refusal::new("No channels provided"));
        }
        Ok(Self { action, wanted })
    }
}

fn names(list: Option<&Value>) -> Result<Vec<String>, Refusal> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let names = list.as_array().and_then(|list| list.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    names.ok_or_else(|| Refusal::new("product_ids has to be a list of names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let text = r#"{"type":"subscribe","product_ids":["BTC-USD"],
            "channels":["level2_batch",{"name":"ticker","product_ids":["BTC-USDT"]}]}"#;
        let request = Request::parse(text).expect("valid");
        let wanted = |channel, product: &str| Wanted { channel, products: vec![product.to_owned()] };
        assert_eq!(request.action, Action::Subscribe);
        assert_eq!(request.wanted, [wanted(Channel::Level2Batch, "BTC-USD"), wanted(Channel::Ticker, "BTC-USDT")]);
        let check = |text: &str, reason: &str| {
            assert_eq!(Request::parse(text).expect_err("invalid").reason, reason, "{text}");
        };
        check("{", "Malformed JSON");
        check(r#"{"type":"order"}"#, "Type has to be either subscribe or unsubscribe");
        check(r#"{"type":"subscribe"}"#, "No channels provided");
        check(r#"{"type":"subscribe","channels":["full"]}"#, NEEDS_AUTHENTICATION);
        check(r#"{"type":"subscribe","channels":["candles"]}"#, "candles is not a valid channel");
        check(
            r#"{"type":"subscribe","channels":["ticker"],"product_ids":[1]}"#,
            "product_ids has to be a list of names",
        );
    }
}
