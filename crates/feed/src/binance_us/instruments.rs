//! Rules of Binance.US symbols (protocol section 6.3).

use serde::Deserialize;
use serde_json::value::RawValue;
use types::decimal::{self, Exponent};
use types::money::CASH_DECIMALS;
use types::{Cash, Instrument, InstrumentId, Qty, Scale, Venue};

use crate::decode::{DecodeError, from_json, text};
use crate::listing::Listing;
use crate::number::{SCALE_DECIMALS_MAX, Text, needed_digits};

/// Digits where the rules name none: what the venue writes.
pub(crate) const WRITTEN: Scale = Scale { price_decimals: 8, qty_decimals: 8 };

/// Rules of symbols, unread but for the list.
#[derive(Debug, Deserialize)]
pub(crate) struct ExchangeInfo<'a> {
    #[serde(borrow)]
    symbols: Vec<&'a RawValue>,
    #[serde(borrow, default, rename = "rateLimits")]
    rate_limits: Vec<RateLimit<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimit<'a> {
    #[serde(borrow)]
    rate_limit_type: Text<'a>,
    #[serde(borrow)]
    interval: Text<'a>,
    interval_num: u32,
    limit: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SymbolData<'a> {
    #[serde(borrow)]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow)]
    base_asset: Text<'a>,
    #[serde(borrow)]
    quote_asset: Text<'a>,
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    filters: Vec<FilterData<'a>>,
}

impl SymbolData<'_> {
    /// Whether orders are matched.
    pub(crate) fn is_trading(&self) -> bool {
        self.status.as_ref().is_none_or(|status| status.as_str() == "TRADING")
    }
}

/// One filter; of the many kinds three matter here, and unknown ones must not fail.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterData<'a> {
    #[serde(borrow)]
    filter_type: Text<'a>,
    #[serde(borrow, default)]
    tick_size: Option<Text<'a>>,
    #[serde(borrow, default)]
    step_size: Option<Text<'a>>,
    #[serde(borrow, default)]
    min_qty: Option<Text<'a>>,
    #[serde(borrow, default)]
    min_notional: Option<Text<'a>>,
}

impl<'a> ExchangeInfo<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, DecodeError> {
        from_json(text(body)?)
    }

    /// Request weight that the venue allows in a minute.
    pub(crate) fn weight_per_min(&self) -> Option<u32> {
        let is_weight = |limit: &&RateLimit<'_>| {
            limit.rate_limit_type.as_str() == "REQUEST_WEIGHT" && limit.interval.as_str() == "MINUTE"
        };
        self.rate_limits.iter().find(is_weight).map(|limit| limit.limit / limit.interval_num.max(1))
    }

    /// The rules of the symbols that `is_wanted`, each readable or not.
    pub(crate) fn find(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = Result<SymbolData<'a>, DecodeError>> {
        #[derive(Deserialize)]
        struct Name<'n> {
            #[serde(borrow)]
            symbol: Text<'n>,
        }
        self.symbols
            .iter()
            .filter(move |raw| from_json::<Name<'_>>(raw.get()).is_ok_and(|name| is_wanted(name.symbol.as_str())))
            .map(|raw| from_json(raw.get()))
    }

    /// What can be traded, as far as it is readable.
    pub(crate) fn traded(&self) -> impl Iterator<Item = Listing> {
        self.find(|_| true).flatten().filter(SymbolData::is_trading).map(|data| Listing {
            symbol: data.symbol.as_str().to_owned(),
            base: data.base_asset.as_str().to_owned(),
            quote: data.quote_asset.as_str().to_owned(),
        })
    }
}

/// The instrument that a symbol's rules describe. Its digits are those of its price tick and quantity step.
pub(crate) fn instrument(id: InstrumentId, data: &SymbolData<'_>) -> Result<Instrument, DecodeError> {
    let filter = |kinds: &[&str]| data.filters.iter().find(|filter| kinds.contains(&filter.filter_type.as_str()));
    let tick_size = filter(&["PRICE_FILTER"]).and_then(|filter| filter.tick_size.as_ref());
    let lot = filter(&["LOT_SIZE"]);
    let step_size = lot.and_then(|filter| filter.step_size.as_ref());
    let min_notional = filter(&["NOTIONAL", "MIN_NOTIONAL"]).and_then(|filter| filter.min_notional.as_ref());
    let scale = Scale {
        price_decimals: digits(tick_size, WRITTEN.price_decimals)?,
        qty_decimals: digits(step_size, WRITTEN.qty_decimals)?,
    };
    Ok(Instrument {
        id,
        venue: Venue::BinanceUs,
        symbol: data.symbol.as_str().to_owned(),
        base: data.base_asset.as_str().to_owned(),
        quote: data.quote_asset.as_str().to_owned(),
        scale,
        tick: units(tick_size, scale.price_decimals)?.max(1),
        lot: units(step_size, scale.qty_decimals)?.max(1),
        qty_min: Qty(units(lot.and_then(|filter| filter.min_qty.as_ref()), scale.qty_decimals)?),
        notional_min: Cash(i64::try_from(units(min_notional, CASH_DECIMALS)?).unwrap_or(i64::MAX)),
    })
}

/// Digits of a step; zero disables the rule.
fn digits(step: Option<&Text<'_>>, otherwise: u8) -> Result<u8, DecodeError> {
    let Some(step) = step else { return Ok(otherwise) };
    if decimal::parse(step.as_str().as_bytes(), 0, Exponent::Refuse) == Ok(0) {
        return Ok(otherwise);
    }
    needed_digits(step.as_str())
        .filter(|digits| *digits <= SCALE_DECIMALS_MAX)
        .ok_or_else(|| DecodeError::malformed(format_args!("step {:?}", step.as_str())))
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

    const INFO: &str = include_str!("../../fixtures/binance_us_exchange_info.json");

    fn learn(body: &str, symbol: &str) -> Option<Result<Instrument, DecodeError>> {
        let info = ExchangeInfo::read(body.as_bytes()).expect("readable");
        info.find(|name| name == symbol).next().map(|data| instrument(InstrumentId(2), &data?))
    }

    #[test]
    fn recorded_rules_of_2021() {
        let btc = learn(INFO, "BTCUSDT").expect("listed").expect("readable");
        assert_eq!(btc.scale, Scale { price_decimals: 2, qty_decimals: 6 });
        assert_eq!((btc.tick, btc.lot, btc.qty_min), (1, 1, Qty(1)));
        assert_eq!(btc.notional_min, Cash::from_units(10));
        assert_eq!(btc.pair(), "BTC/USDT");
        let crv = learn(INFO, "CRVUSDT").expect("listed").expect("readable");
        assert_eq!(crv.scale, Scale { price_decimals: 3, qty_decimals: 1 });
        assert!(learn(INFO, "XMRUSDT").is_none());
        assert_eq!(ExchangeInfo::read(INFO.as_bytes()).expect("readable").weight_per_min(), Some(1_200));
    }

    #[test]
    fn newer_names_missing_and_disabled_rules() {
        let with = |filters: &str| {
            format!(r#"{{"symbols":[{{"symbol":"A","baseAsset":"B","quoteAsset":"Q","filters":[{filters}]}}]}}"#)
        };
        let notional = learn(&with(r#"{"filterType":"NOTIONAL","minNotional":"1.5","maxNotional":"9"}"#), "A");
        let notional = notional.expect("listed").expect("readable");
        assert_eq!((notional.scale, notional.notional_min), (WRITTEN, Cash(150_000_000)));
        let off = learn(&with(r#"{"filterType":"PRICE_FILTER","tickSize":"0.00000000"},{"filterType":"NEW"}"#), "A");
        assert_eq!(off.expect("listed").expect("readable").scale.price_decimals, 8);
        let coarse = learn(&with(r#"{"filterType":"LOT_SIZE","stepSize":"10.00000000","minQty":"20.0"}"#), "A");
        let coarse = coarse.expect("listed").expect("readable");
        assert_eq!((coarse.scale.qty_decimals, coarse.lot, coarse.qty_min), (0, 10, Qty(20)));
        assert!(learn(&with(r#"{"filterType":"LOT_SIZE","stepSize":"x"}"#), "A").expect("listed").is_err());
    }
}
