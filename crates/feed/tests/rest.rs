//! REST answers that were recorded: trades against the exchange's own candles of the same minutes.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests read recordings and say when there are none"
)]

use std::collections::BTreeMap;

use feed::rest;
use serde_json::Value;
use types::decimal::{Exponent, parse};
use types::{Aggressor, Trade, Venue};

#[test]
fn kraken_trades_of_whole_minutes_are_the_exchanges_own_candles() {
    let (Some(trades), Some(candles)) = (
        testdata::read("rest/kraken_Trades_XBTUSDT_202511.json.gz"),
        testdata::read("rest/kraken_OHLC_XBTUSDT_1m_202511.json.gz"),
    ) else {
        return;
    };
    let (scale, trades) = rest::trades(Venue::Kraken, &trades).expect("a Trades answer");
    assert_eq!(trades.len(), 1_000);
    assert_eq!((scale.price_decimals, scale.qty_decimals), (1, 8), "five decimals are sent, one is needed");
    assert!(trades.iter().all(|trade| trade.aggressor != Aggressor::Unknown));
    assert!(trades.is_sorted_by_key(|trade| (trade.venue_at, trade.id)));

    let mut minutes: BTreeMap<i64, Vec<&Trade>> = BTreeMap::new();
    for trade in &trades {
        minutes.entry(trade.venue_at.as_secs() / 60 * 60).or_default().push(trade);
    }
    // The first and the last minute may have trades outside the answer.
    minutes.pop_first();
    minutes.pop_last();
    let candles: Value = serde_json::from_slice(&candles).expect("JSON");
    let rows = candles["result"]["XBTUSDT"].as_array().expect("rows");
    let mut equal = 0;
    for row in rows {
        let Some(minute) = minutes.get(&row[0].as_i64().expect("a time")) else { continue };
        let number = |index: usize, decimals| {
            parse(row[index].as_str().expect("text").as_bytes(), decimals, Exponent::Refuse).expect("a number")
        };
        let prices = || minute.iter().map(|trade| trade.price.mantissa());
        assert_eq!(prices().next(), Some(number(1, 1)));
        assert_eq!(prices().max(), Some(number(2, 1)));
        assert_eq!(prices().min(), Some(number(3, 1)));
        assert_eq!(prices().next_back(), Some(number(4, 1)));
        assert_eq!(minute.iter().map(|trade| trade.qty.0 as i64).sum::<i64>(), number(6, 8));
        assert_eq!(minute.len() as u64, row[7].as_u64().expect("a count"));
        equal += 1;
    }
    assert_eq!(equal, minutes.len());
    println!("{equal} minutes agree");
}

#[test]
fn answers_that_are_not_trades_say_what_they_are() {
    let message = |venue, body: &[u8]| rest::trades(venue, body).expect_err("no trades").to_string();
    assert_eq!(
        message(Venue::Kraken, br#"{"error":["EQuery:Unknown asset pair"]}"#),
        "kraken answered with an error: EQuery:Unknown asset pair"
    );
    assert!(
        message(Venue::Kraken, b"<html>").starts_with("not a kraken answer of this kind: expected value at line 1")
    );
    assert!(message(Venue::BinanceUs, br#"{"code":-1121}"#).starts_with("not a binance-us answer of this kind"));
    assert_eq!(
        message(Venue::Kucoin, br#"{"code":"900001","msg":"symbol not exists"}"#),
        "kucoin answered with an error: symbol not exists (900001)"
    );
    assert!(message(Venue::Kucoin, b"").starts_with("not a kucoin answer of this kind"));
}
