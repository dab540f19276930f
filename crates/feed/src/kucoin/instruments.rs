//! Rules of KuCoin's symbols (protocol sections 4 and 5).

use serde::Deserialize;
use serde_json::value::RawValue;
use types::decimal::{self, Exponent};
use types::money::CASH_DECIMALS;
use types::{Cash, Instrument, InstrumentId, Qty, Scale, Venue};

use super::rest::{self, AnswerError};
use crate::decode::{DecodeError, from_json};
use crate::listing::Listing;
use crate::number::{SCALE_DECIMALS_MAX, Text, needed_digits};

/// Rules of all symbols, unread but for the list.
#[derive(Debug)]
pub(crate) struct Symbols<'a>(Vec<&'a RawValue>);

/// What a symbol is called: a permanent code, by which it is asked for, and a name that changes when the currency is
/// renamed (`BCHSV-USDT` is named `BSV-USDT`).
#[derive(Debug, Deserialize)]
pub(crate) struct Names<'a> {
    #[serde(borrow)]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) name: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SymbolData<'a> {
    #[serde(borrow)]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    base_currency: Text<'a>,
    #[serde(borrow)]
    quote_currency: Text<'a>,
    #[serde(borrow)]
    price_increment: Text<'a>,
    #[serde(borrow)]
    base_increment: Text<'a>,
    #[serde(borrow, default)]
    base_min_size: Option<Text<'a>>,
    #[serde(borrow, default)]
    min_funds: Option<Text<'a>>,
    #[serde(default)]
    enable_trading: Option<bool>,
}

impl<'a> Symbols<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, AnswerError> {
        rest::data(body).map(Self)
    }

    /// What every readable symbol is called, with the way to its rules.
    pub(crate) fn names(&self) -> impl Iterator<Item = (Names<'a>, &'a RawValue)> {
        self.0.iter().filter_map(|raw| Some((from_json(raw.get()).ok()?, *raw)))
    }

    /// What can be traded, as far as it is readable.
    pub(crate) fn traded(&self) -> impl Iterator<Item = Listing> {
        self.0.iter().filter_map(|raw| SymbolData::read(raw).ok()).filter(SymbolData::is_trading).map(|data| {
            let (base, quote) = data.pair();
            Listing { symbol: data.symbol.as_str().to_owned(), base: base.to_owned(), quote: quote.to_owned() }
        })
    }
}

impl<'a> SymbolData<'a> {
    pub(crate) fn read(raw: &'a RawValue) -> Result<Self, DecodeError> {
        from_json(raw.get())
    }

    /// Orders are matched, unless the venue says otherwise.
    pub(crate) fn is_trading(&self) -> bool {
        self.enable_trading.unwrap_or(true)
    }

    /// Base and quote by today's name, where that has the two; by the permanent currencies otherwise.
    fn pair(&self) -> (&str, &str) {
        let named = self.name.as_ref().and_then(|name| name.as_str().split_once('-'));
        let is_pair = |(base, quote): &(&str, &str)| !base.is_empty() && !quote.is_empty();
        named.filter(is_pair).unwrap_or((self.base_currency.as_str(), self.quote_currency.as_str()))
    }
}

/// The instrument that a symbol's rules describe. Its digits are those of its increments.
pub(crate) fn instrument(id: InstrumentId, data: &SymbolData<'_>) -> Result<Instrument, DecodeError> {
    let scale = Scale { price_decimals: digits(&data.price_increment)?, qty_decimals: digits(&data.base_increment)? };
    let (base, quote) = data.pair();
    Ok(Instrument {
        id,
        venue: Venue::Kucoin,
        symbol: data.symbol.as_str().to_owned(),
        base: base.to_owned(),
        quote: quote.to_owned(),
        scale,
        tick: units(Some(&data.price_increment), scale.price_decimals)?.max(1),
        lot: units(Some(&data.base_increment), scale.qty_decimals)?.max(1),
        qty_min: Qty(units(data.base_min_size.as_ref(), scale.qty_decimals)?),
        notional_min: Cash(i64::try_from(units(data.min_funds.as_ref(), CASH_DECIMALS)?).unwrap_or(i64::MAX)),
    })
}

fn digits(increment: &Text<'_>) -> Result<u8, DecodeError> {
    needed_digits(increment.as_str())
        .filter(|digits| *digits <= SCALE_DECIMALS_MAX)
        .ok_or_else(|| DecodeError::malformed(format_args!("increment {:?}", increment.as_str())))
}

/// A rule in units of its scale; a missing one is no rule.
fn units(rule: Option<&Text<'_>>, decimals: u8) -> Result<u64, DecodeError> {
    let Some(rule) = rule else { return Ok(0) };
    let units = decimal::parse(rule.as_str().as_bytes(), decimals, Exponent::Refuse)
        .map_err(|error| DecodeError::malformed(format_args!("rule {:?}: {error}", rule.as_str())))?;
    u64::try_from(units).map_err(|_| DecodeError::malformed(format_args!("rule {:?} is negative", rule.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = include_str!("../../fixtures/kucoin_symbols.json");

    #[test]
    fn what_is_traded_is_listed_by_its_code_and_by_the_currency_of_today() {
        let listed: Vec<Listing> = Symbols::read(RECORDED.as_bytes()).expect("readable").traded().collect();
        assert_eq!(listed.len(), 6);
        assert!(listed.contains(&Listing { symbol: "BCHSV-USDT".into(), base: "BSV".into(), quote: "USDT".into() }));
        let halted = RECORDED.replace(r#""enableTrading": true"#, r#""enableTrading": false"#);
        let halted = halted.replace(r#""enableTrading":true"#, r#""enableTrading":false"#);
        assert_eq!(Symbols::read(halted.as_bytes()).expect("readable").traded().count(), 0);
    }

    fn learn(body: &str, symbol: &str) -> Option<Result<Instrument, DecodeError>> {
        let symbols = Symbols::read(body.as_bytes()).expect("readable");
        let (_, raw) = symbols.names().find(|(names, _)| names.symbol.as_str() == symbol)?;
        Some(SymbolData::read(raw).and_then(|data| instrument(InstrumentId(2), &data)))
    }

    #[test]
    fn recorded_rules_of_2021() {
        let btc = learn(RECORDED, "BTC-USDT").expect("listed").expect("readable");
        assert_eq!(btc.scale, Scale { price_decimals: 1, qty_decimals: 8 });
        assert_eq!((btc.tick, btc.lot, btc.qty_min, btc.notional_min), (1, 1, Qty(1_000), Cash(0)));
        assert_eq!(btc.pair(), "BTC/USDT");
        assert!(learn(RECORDED, "BTC-USD").is_none(), "no dollar books (section 5)");
    }

    #[test]
    fn a_renamed_symbol_keeps_its_code_and_tells_its_new_name() {
        let bsv = learn(RECORDED, "BCHSV-USDT").expect("listed").expect("readable");
        assert_eq!((bsv.symbol.as_str(), bsv.pair().as_str()), ("BCHSV-USDT", "BSV/USDT"));
    }

    #[test]
    fn rules_of_today_and_rules_that_make_no_sense() {
        let with = |rules: &str| {
            let rules = format!(r#"{{"symbol":"A-B","name":"A-B","baseCurrency":"A","quoteCurrency":"B",{rules}}}"#);
            learn(&format!(r#"{{"code":"200000","data":[7,{{"name":"no symbol"}},{rules}]}}"#), "A-B").expect("listed")
        };
        let increments = r#""priceIncrement":"0.01","baseIncrement":"10""#;
        let today = with(&format!(r#"{increments},"minFunds":"0.1","baseMinSize":"20","st":false"#)).expect("readable");
        assert_eq!((today.notional_min, today.lot, today.qty_min), (Cash(10_000_000), 10, Qty(20)));
        let none = with(&format!(r#"{increments},"minFunds":null"#)).expect("readable");
        assert_eq!((none.notional_min, none.qty_min), (Cash(0), Qty(0)));
        assert!(with(r#""priceIncrement":"x","baseIncrement":"1""#).is_err());
        assert!(with(r#""priceIncrement":"-1","baseIncrement":"1""#).is_err());
        assert!(with(r#""baseIncrement":"1""#).is_err());
    }
}
