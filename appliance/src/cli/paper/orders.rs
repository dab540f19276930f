//! Reading a file of given orders.

use std::collections::BTreeSet;

use anyhow::{Context, bail, ensure};
use feed::capture::TAPE_SCALE;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use types::decimal::{self, Exponent};
use types::order::{OrderId, OrderKind, Reason, Ticket, TimeInForce, Trigger};
use types::{AccountId, InstrumentId, Order, Price, Qty, Side, Timestamp};

/// Orders as given: the name of each and the order, whose identifier is its place.
pub(super) struct Given {
    pub(super) ids: Vec<Value>,
    pub(super) orders: Vec<Order>,
}

/// One order as it is written. Numbers may be texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderData<'a> {
    id: Value,
    #[serde(borrow)]
    at_ms: &'a RawValue,
    side: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    price: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "trigger_price", alias = "stop_price")]
    trigger: Option<&'a RawValue>,
    #[serde(borrow, default)]
    trail: Option<&'a RawValue>,
    #[serde(borrow)]
    qty: &'a RawValue,
    #[serde(default)]
    tif: Option<String>,
    #[serde(borrow, default)]
    expires_ms: Option<&'a RawValue>,
    #[serde(default)]
    post_only: Option<bool>,
    #[serde(default)]
    oco: Option<Value>,
}

/// The list under a name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped<'a> {
    #[serde(borrow)]
    orders: Vec<&'a RawValue>,
}

/// Reads orders: a list of them, or an object with the list under `orders`.
///
/// # Errors
/// Which order is wrong, and what is.
pub(super) fn read(text: &str) -> anyhow::Result<Given> {
    let list = match text.trim_start().as_bytes().first() {
        Some(b'{') => serde_json::from_str::<Wrapped<'_>>(text).context("not an object with a list of orders")?.orders,
        _ => serde_json::from_str::<Vec<&RawValue>>(text).context("not a JSON list of orders")?,
    };
    let (mut given, mut names) = (Given { ids: Vec::new(), orders: Vec::new() }, BTreeSet::new());
    let mut pairs: Vec<Value> = Vec::new();
    for (number, raw) in (1u64..).zip(list) {
        let data: OrderData<'_> = serde_json::from_str(raw.get()).with_context(|| format!("order {number}"))?;
        let (id, name) = (data.id.clone(), data.id.to_string());
        let order = order(OrderId(number), data, &mut pairs).with_context(|| format!("order {number} (id {name})"))?;
        ensure!(names.insert(name.clone()), "order {number}: id {name} stands there twice");
        given.ids.push(id);
        given.orders.push(order);
    }
    Ok(given)
}

fn order(id: OrderId, data: OrderData<'_>, pairs: &mut Vec<Value>) -> anyhow::Result<Order> {
    ensure!(data.id.is_string() || data.id.is_number(), "id must be a text or a number");
    let side = match data.side.to_ascii_lowercase().as_str() {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        other => bail!("side {other:?} is neither buy nor sell"),
    };
    let qty = number("qty", data.qty, TAPE_SCALE.qty_decimals)?;
    let qty = Qty(u64::try_from(qty).ok().filter(|qty| *qty > 0).context("qty must be above zero")?);
    let at = time("at_ms", data.at_ms)?;
    let kind = OrderKind::Ticket(ticket(&data, pairs)?);
    Ok(Order { id, account: AccountId::LEAD, instrument: InstrumentId(0), side, qty, kind, reason: Reason::User, at })
}

fn ticket(data: &OrderData<'_>, pairs: &mut Vec<Value>) -> anyhow::Result<Ticket> {
    let price = data.price.map(|raw| price("price", raw)).transpose()?;
    let trigger = data.trigger.map(|raw| self::price("trigger", raw)).transpose()?;
    let kind = data.kind.to_ascii_lowercase().replace('_', "-");
    let (limit, trigger) = match kind.as_str() {
        "market" => (None, None),
        "limit" | "post-only" => (Some(price.context("a limit order needs a price")?), None),
        "stop" | "stop-market" => (None, Some(Trigger::Stop(trigger.or(price).context("a stop needs a trigger")?))),
        "take-profit" => (None, Some(Trigger::TakeProfit(trigger.or(price).context("a take-profit needs a trigger")?))),
        "stop-limit" | "take-profit-limit" => {
            let at = trigger.with_context(|| format!("a {kind} order needs a trigger"))?;
            let limit = price.with_context(|| format!("a {kind} order needs a price"))?;
            (Some(limit), Some(if kind == "stop-limit" { Trigger::Stop(at) } else { Trigger::TakeProfit(at) }))
        }
        "trailing-stop" => {
            let trail =
                self::price("trail", data.trail.context("a trailing stop needs a trail, the distance in price")?)?;
            (None, Some(Trigger::Trailing(trail.mantissa().unsigned_abs())))
        }
        other => bail!(
            "type {other:?} is none of market, limit, post-only, stop, stop-limit, take-profit, take-profit-limit, trailing-stop"
        ),
    };
    ensure!(kind != "market" || data.price.is_none(), "a market order has no price");
    ensure!(data.trigger.is_none() || trigger.is_some(), "a {kind} order has no trigger");
    ensure!(data.trail.is_none() || kind == "trailing-stop", "a {kind} order has no trail");
    let lives = lives(data, limit.is_some())?;
    let oco = data.oco.as_ref().map(|pair| {
        let known = pairs.iter().position(|known| known == pair).unwrap_or_else(|| {
            pairs.push(pair.clone());
            pairs.len() - 1
        });
        OrderId(known as u64)
    });
    let is_post_only = data.post_only.unwrap_or(kind == "post-only");
    Ok(Ticket { price: limit, lives, is_post_only, trigger, oco })
}

fn lives(data: &OrderData<'_>, has_price: bool) -> anyhow::Result<TimeInForce> {
    let expires = data.expires_ms.map(|raw| time("expires_ms", raw)).transpose()?;
    let default = if !has_price {
        "ioc"
    } else if expires.is_some() {
        "gtd"
    } else {
        "gtc"
    };
    let name = data.tif.as_deref().unwrap_or(default).to_ascii_lowercase();
    ensure!(expires.is_none() || name == "gtd", "expires_ms is for tif gtd");
    let lives = match name.as_str() {
        "gtc" => TimeInForce::Gtc,
        "gtd" => TimeInForce::Gtd(expires.context("tif gtd needs expires_ms")?),
        "ioc" => TimeInForce::Ioc,
        "fok" => TimeInForce::Fok,
        other => bail!("tif {other:?} is none of gtc, gtd, ioc, fok"),
    };
    // Venues take a market order that is good till cancelled, and mean what they always do.
    Ok(if has_price || lives == TimeInForce::Fok { lives } else { TimeInForce::Ioc })
}

fn price(name: &str, raw: &RawValue) -> anyhow::Result<Price> {
    let mantissa = number(name, raw, TAPE_SCALE.price_decimals)?;
    Price::new(mantissa).with_context(|| format!("{name} must be above zero"))
}

fn time(name: &str, raw: &RawValue) -> anyhow::Result<Timestamp> {
    let nanos = number(name, raw, 6)?;
    ensure!(nanos >= 0, "{name} must not lie before 1970");
    Ok(Timestamp::from_nanos(nanos))
}

/// An exact decimal, written as a number or as a text.
fn number(name: &str, raw: &RawValue, decimals: u8) -> anyhow::Result<i64> {
    let text = raw.get();
    let plain = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    decimal::parse(plain.as_bytes(), decimals, Exponent::Accept).with_context(|| format!("{name} {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(order: &str, expected: &str) {
        let told = match read(&format!("[{order}]")) {
            Ok(given) => {
                let Order { side, qty, kind, at, .. } = &given.orders[0];
                let ticket = kind.ticket();
                let price = |price: Price| TAPE_SCALE.price(price).to_string();
                let limit = ticket.price.map_or_else(|| "any".to_owned(), price);
                let post = if ticket.is_post_only { " post-only" } else { "" };
                let trigger = ticket.trigger.map_or_else(String::new, |trigger| format!(" {trigger:?}"));
                format!("{side:?} {} at {limit} {:?}{post}{trigger} {}", qty.0, ticket.lives, at.as_millis())
            }
            Err(error) => format!("{error:#}"),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn orders_are_read_exactly_and_numbers_may_be_texts() {
        check(r#"{"id":1,"at_ms":1000,"side":"buy","type":"market","qty":1.2}"#, "Buy 120000000 at any Ioc 1000");
        check(
            r#"{"id":"a","at_ms":"7.5","side":"sell","type":"limit","price":"100.10","qty":"0.1","tif":"GTC"}"#,
            "Sell 10000000 at 100.1000000000 Gtc 7",
        );
        check(
            r#"{"id":"a","at_ms":7,"side":"sell","type":"limit","price":1e2,"qty":1,"post_only":true}"#,
            "Sell 100000000 at 100.0000000000 Gtc post-only 7",
        );
        check(
            r#"{"id":"a","at_ms":7,"side":"sell","type":"stop","price":5,"qty":1}"#,
            "Sell 100000000 at any Ioc Stop(Price(50000000000)) 7",
        );
        check(
            r#"{"id":"a","at_ms":7,"side":"buy","type":"stop-limit","trigger":5,"price":6,"qty":1,"expires_ms":9}"#,
            "Buy 100000000 at 6.0000000000 Gtd(Timestamp(9000000)) Stop(Price(50000000000)) 7",
        );
        check(
            r#"{"id":"a","at_ms":7,"side":"buy","type":"trailing_stop","trail":0.5,"qty":1}"#,
            "Buy 100000000 at any Ioc Trailing(5000000000) 7",
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_order() {
        let wrong = |order: &str, expected: &str| check(order, &format!("order 1 (id 1): {expected}"));
        wrong(r#"{"id":1,"at_ms":7,"side":"up","type":"market","qty":1}"#, r#"side "up" is neither buy nor sell"#);
        wrong(r#"{"id":1,"at_ms":7,"side":"buy","type":"limit","qty":1}"#, "a limit order needs a price");
        wrong(r#"{"id":1,"at_ms":7,"side":"buy","type":"market","price":1,"qty":1}"#, "a market order has no price");
        wrong(r#"{"id":1,"at_ms":7,"side":"buy","type":"market","qty":0}"#, "qty must be above zero");
        wrong(r#"{"id":1,"at_ms":7,"side":"buy","type":"limit","price":-1,"qty":1}"#, "price must be above zero");
        wrong(
            r#"{"id":1,"at_ms":7,"side":"buy","type":"limit","price":1,"qty":1,"tif":"day"}"#,
            r#"tif "day" is none of gtc, gtd, ioc, fok"#,
        );
        let told = |text: &str| format!("{:#}", read(text).err().expect("refused"));
        assert!(told("7").starts_with("not a JSON list of orders: "));
        assert!(told(r#"[{"id":1}]"#).contains("order 1: missing field `at_ms`"));
        let twice = r#"{"id":1,"at_ms":7,"side":"buy","type":"market","qty":1}"#;
        assert_eq!(told(&format!("[{twice},{twice}]")), "order 2: id 1 stands there twice");
        assert!(told(&format!("[{}]", twice.replace("qty", "size"))).contains("unknown field `size`"));
    }
}
