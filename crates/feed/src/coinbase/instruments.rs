//! Rules and states of Coinbase products (protocol section 6.3).

use serde::Deserialize;
use serde_json::value::RawValue;
use types::decimal::{self, Exponent};
use types::money::CASH_DECIMALS;
use types::{Cash, Instrument, InstrumentId, Qty, Scale, Venue};

use super::messages::{StateData, wanted};
use crate::decode::{DecodeError, from_json, text};
use crate::listing::Listing;
use crate::number::{SCALE_DECIMALS_MAX, Text, needed_digits};

/// The list of all products, unread but for the list.
#[derive(Debug)]
pub(crate) struct Products<'a>(Vec<&'a RawValue>);

/// Rules of one product.
#[derive(Debug, Deserialize)]
pub(crate) struct ProductData<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow)]
    base_currency: Text<'a>,
    #[serde(borrow)]
    quote_currency: Text<'a>,
    #[serde(borrow)]
    quote_increment: Text<'a>,
    #[serde(borrow)]
    base_increment: Text<'a>,
    /// Gone since 2022.
    #[serde(borrow, default)]
    base_min_size: Option<Text<'a>>,
    #[serde(borrow, default)]
    min_market_funds: Option<Text<'a>>,
}

/// What a product allows at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    status: Status,
    is_cancel_only: bool,
    is_disabled: bool,
    is_auction: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Online,
    Delisted,
    /// Offline, internal, and what may come to be.
    Other,
}

impl<'a> Products<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self(from_json(text(body)?)?))
    }

    /// Rules and state of the products that `is_wanted`, each readable or not.
    pub(crate) fn find(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = Result<(ProductData<'a>, StateData<'a>), DecodeError>> {
        wanted(&self.0, is_wanted).map(|raw| Ok((from_json(raw.get())?, from_json(raw.get())?)))
    }

    /// What can be traded, as far as it is readable.
    pub(crate) fn traded(&self) -> impl Iterator<Item = Listing> {
        self.find(|_| true).filter_map(|product| {
            let (rules, told) = product.ok()?;
            let mut state = State::ONLINE;
            state.learn(&told);
            state.is_trading().then(|| Listing {
                symbol: rules.id.as_str().to_owned(),
                base: rules.base_currency.as_str().to_owned(),
                quote: rules.quote_currency.as_str().to_owned(),
            })
        })
    }
}

/// The instrument that a product's rules describe. Its digits are those of its two increments.
pub(crate) fn instrument(id: InstrumentId, data: &ProductData<'_>) -> Result<Instrument, DecodeError> {
    let scale = Scale { price_decimals: digits(&data.quote_increment)?, qty_decimals: digits(&data.base_increment)? };
    Ok(Instrument {
        id,
        venue: Venue::Coinbase,
        symbol: data.id.as_str().to_owned(),
        base: data.base_currency.as_str().to_owned(),
        quote: data.quote_currency.as_str().to_owned(),
        scale,
        tick: units(Some(&data.quote_increment), scale.price_decimals)?.max(1),
        lot: units(Some(&data.base_increment), scale.qty_decimals)?.max(1),
        qty_min: Qty(units(data.base_min_size.as_ref(), scale.qty_decimals)?),
        notional_min: Cash(i64::try_from(units(data.min_market_funds.as_ref(), CASH_DECIMALS)?).unwrap_or(i64::MAX)),
    })
}

/// True when the state's increments, where it tells any, are those of the instrument.
pub(crate) fn has_steps_of(state: &StateData<'_>, instrument: &Instrument) -> bool {
    let is_same = |step: Option<&Text<'_>>, decimals: u8, known: u64| {
        step.is_none_or(|step| units(Some(step), decimals).is_ok_and(|units| units.max(1) == known))
    };
    is_same(state.quote_increment.as_ref(), instrument.scale.price_decimals, instrument.tick)
        && is_same(state.base_increment.as_ref(), instrument.scale.qty_decimals, instrument.lot)
}

fn digits(step: &Text<'_>) -> Result<u8, DecodeError> {
    needed_digits(step.as_str())
        .filter(|digits| *digits <= SCALE_DECIMALS_MAX)
        .ok_or_else(|| DecodeError::malformed(format_args!("increment {:?}", step.as_str())))
}

/// A rule in units of its scale; a missing one is no rule.
fn units(rule: Option<&Text<'_>>, decimals: u8) -> Result<u64, DecodeError> {
    let Some(rule) = rule else { return Ok(0) };
    let units = decimal::parse(rule.as_str().as_bytes(), decimals, Exponent::Accept)
        .map_err(|error| DecodeError::malformed(format_args!("rule {:?}: {error}", rule.as_str())))?;
    u64::try_from(units).map_err(|_| DecodeError::malformed(format_args!("rule {:?} is negative", rule.as_str())))
}

impl State {
    /// Before anything was told.
    pub(crate) const ONLINE: Self =
        Self { status: Status::Online, is_cancel_only: false, is_disabled: false, is_auction: false };

    /// Takes over what is told; what is not told stays.
    pub(crate) fn learn(&mut self, data: &StateData<'_>) {
        if let Some(status) = &data.status {
            self.status = match status.as_str() {
                "online" => Status::Online,
                "delisted" => Status::Delisted,
                _ => Status::Other,
            };
        }
        self.is_cancel_only = data.cancel_only.unwrap_or(self.is_cancel_only);
        self.is_disabled = data.trading_disabled.unwrap_or(self.is_disabled);
        self.is_auction = data.auction_mode.unwrap_or(self.is_auction);
    }

    /// Takes over the word of the book's REST answer.
    pub(crate) fn learn_auction(&mut self, is_auction: Option<bool>) {
        self.is_auction = is_auction.unwrap_or(self.is_auction);
    }

    pub(crate) fn is_delisted(self) -> bool {
        self.status == Status::Delisted
    }

    /// Orders are matched as they come. If not, the book may be crossed for good reason (section 9.9).
    pub(crate) fn is_trading(self) -> bool {
        self.status == Status::Online && !(self.is_cancel_only || self.is_disabled || self.is_auction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTS: &str = include_str!("../../fixtures/coinbase_products.json");

    fn learn(body: &str, id: &str) -> Option<Result<(Instrument, State), DecodeError>> {
        let products = Products::read(body.as_bytes()).expect("readable");
        let mut found = products.find(|name| name == id);
        found.next().map(|product| {
            let (rules, data) = product?;
            let mut state = State::ONLINE;
            state.learn(&data);
            Ok((instrument(InstrumentId(2), &rules)?, state))
        })
    }

    #[test]
    fn recorded_rules_of_2021() {
        let (btc, state) = learn(PRODUCTS, "BTC-USD").expect("listed").expect("readable");
        assert_eq!(btc.scale, Scale { price_decimals: 2, qty_decimals: 8 });
        assert_eq!((btc.tick, btc.lot, btc.qty_min, btc.notional_min), (1, 1, Qty(10_000), Cash::from_units(5)));
        assert_eq!((btc.pair().as_str(), state.is_trading()), ("BTC/USD", true));
        let (skl, _) = learn(PRODUCTS, "SKL-BTC").expect("listed").expect("readable");
        assert_eq!(skl.scale, Scale { price_decimals: 8, qty_decimals: 1 });
        assert_eq!(skl.notional_min, Cash(10_000));
        let (aave, state) = learn(PRODUCTS, "AAVE-EUR").expect("listed").expect("readable");
        assert_eq!(aave.scale.price_decimals, 3);
        assert!(state.is_trading(), "limit orders are matched as ever");
        assert!(learn(PRODUCTS, "XMR-USD").is_none());
    }

    #[test]
    fn what_is_traded_is_listed_and_what_cannot_be_read_is_not() {
        let rules = r#""base_currency":"A","quote_currency":"B","quote_increment":"1","base_increment":"1""#;
        let body = format!(
            r#"[{{"id":"A-B",{rules},"status":"online"}},{{"id":"A-C",{rules},"status":"delisted"}},
                {{"id":"A-D",{rules},"status":"online","trading_disabled":true}},{{"id":7,"status":"online"}}]"#
        );
        let listed: Vec<Listing> = Products::read(body.as_bytes()).expect("readable").traded().collect();
        assert_eq!(listed, [Listing { symbol: "A-B".into(), base: "A".into(), quote: "B".into() }]);
        assert_eq!(Products::read(PRODUCTS.as_bytes()).expect("readable").traded().count(), 5, "all of 2021's");
    }

    fn product(rest: &str) -> String {
        let known = r#""id":"A-B","base_currency":"A","quote_currency":"B","#;
        format!(r#"[{{{known}{rest}}}]"#)
    }

    #[test]
    fn newer_rules_lack_the_least_quantity_and_may_have_coarse_steps() {
        let newer = product(
            r#""quote_increment":"0.05","base_increment":"100","min_market_funds":"1","status":"online","auction_mode":false,"fx_stablecoin":false,"max_slippage_percentage":"0.02""#,
        );
        let (instrument, _) = learn(&newer, "A-B").expect("listed").expect("readable");
        assert_eq!(instrument.scale, Scale { price_decimals: 2, qty_decimals: 0 });
        assert_eq!((instrument.tick, instrument.lot, instrument.qty_min), (5, 100, Qty(0)));
        for steps in [r#""quote_increment":"x","base_increment":"1""#, r#""quote_increment":"0.01""#] {
            assert!(learn(&product(steps), "A-B").expect("listed").is_err(), "{steps}");
        }
    }

    #[test]
    fn what_is_not_told_of_a_state_stays() {
        let mut state = State::ONLINE;
        let mut learn = |text: &str| {
            state.learn(&from_json(text).expect("a state"));
            (state.is_trading(), state.is_delisted())
        };
        assert_eq!(learn(r#"{"id":"A-B","status":"online","auction_mode":true}"#), (false, false));
        assert_eq!(learn(r#"{"id":"A-B","status":"online","cancel_only":false}"#), (false, false));
        assert_eq!(learn(r#"{"id":"A-B","auction_mode":false}"#), (true, false));
        assert_eq!(learn(r#"{"id":"A-B","cancel_only":true}"#), (false, false));
        assert_eq!(learn(r#"{"id":"A-B","cancel_only":false,"trading_disabled":true}"#), (false, false));
        assert_eq!(learn(r#"{"id":"A-B","trading_disabled":false,"status":"delisted"}"#), (false, true));
        assert_eq!(learn(r#"{"id":"A-B","status":"internal"}"#), (false, false));
    }

    #[test]
    fn steps_are_compared_by_value() {
        let (instrument, _) = learn(PRODUCTS, "BTC-USD").expect("listed").expect("readable");
        let check =
            |steps: &str| has_steps_of(&from_json(&format!(r#"{{"id":"A"{steps}}}"#)).expect("JSON"), &instrument);
        assert!(check("") && check(r#","quote_increment":"0.0100""#) && check(r#","base_increment":"0.00000001""#));
        assert!(!check(r#","quote_increment":"0.1""#) && !check(r#","base_increment":"0.000000001""#));
    }
}
