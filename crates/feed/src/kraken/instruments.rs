//! Rules of Kraken's pairs (protocol section 4.5).

use types::decimal::{self, Exponent};
use types::money::CASH_DECIMALS;
use types::{Cash, Instrument, InstrumentId, Qty, Scale, Venue};

use super::messages::{PairData, Pairs};
use crate::decode::DecodeError;
use crate::listing::Listing;
use crate::number::{Raw, SCALE_DECIMALS_MAX};

/// The instrument that a pair's rules describe.
pub(crate) fn instrument(id: InstrumentId, pair: &PairData<'_>) -> Result<Instrument, DecodeError> {
    let scale = Scale { price_decimals: pair.price_precision, qty_decimals: pair.qty_precision };
    if scale.price_decimals > SCALE_DECIMALS_MAX || scale.qty_decimals > SCALE_DECIMALS_MAX {
        return Err(DecodeError::malformed(format_args!("precision above {SCALE_DECIMALS_MAX} digits")));
    }
    Ok(Instrument {
        id,
        venue: Venue::Kraken,
        symbol: pair.symbol.as_str().to_owned(),
        base: canonical(pair.base.as_str()).to_owned(),
        quote: canonical(pair.quote.as_str()).to_owned(),
        scale,
        tick: units(pair.price_increment, scale.price_decimals)?.max(1),
        lot: units(pair.qty_increment, scale.qty_decimals)?.max(1),
        qty_min: Qty(units(pair.qty_min, scale.qty_decimals)?),
        notional_min: Cash(i64::try_from(units(pair.cost_min, CASH_DECIMALS)?).unwrap_or(i64::MAX)),
    })
}

/// What can be traded, as far as it is readable.
pub(crate) fn traded(pairs: &Pairs<'_>) -> impl Iterator<Item = Listing> {
    pairs.find(|_| true).flatten().filter(PairData::is_trading).map(|pair| Listing {
        symbol: pair.symbol.as_str().to_owned(),
        base: canonical(pair.base.as_str()).to_owned(),
        quote: canonical(pair.quote.as_str()).to_owned(),
    })
}

/// A rule in units of its scale; a missing one is no rule.
fn units(rule: Option<Raw<'_>>, decimals: u8) -> Result<u64, DecodeError> {
    let Some(rule) = rule.filter(|rule| rule.0 != "null") else { return Ok(0) };
    let units = decimal::parse(rule.unquoted().as_bytes(), decimals, Exponent::Accept)
        .map_err(|error| DecodeError::malformed(format_args!("rule {}: {error}", rule.0)))?;
    u64::try_from(units).map_err(|_| DecodeError::malformed(format_args!("rule {} is negative", rule.0)))
}

/// Kraken's old names of currencies, which its REST interface and some users still write (section 8).
pub(crate) fn canonical(currency: &str) -> &str {
    match currency {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    }
}

/// The pair's name in REST requests: `BTC/USD` is `XBTUSD`.
pub(crate) fn rest_pair(symbol: &str) -> String {
    symbol
        .split('/')
        .map(|currency| match currency {
            "BTC" => "XBT",
            "DOGE" => "XDG",
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kraken::messages::{Message, decode};

    fn learn(pair: &str) -> Result<Instrument, DecodeError> {
        let text = format!(r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":[{pair}]}}}}"#);
        let Ok(Message::Instrument { pairs, .. }) = decode(&text) else { panic!("no instrument message") };
        let pair = pairs.find(|symbol| symbol == "BTC/USD").next().expect("the pair is found")?;
        instrument(InstrumentId(4), &pair)
    }

    #[test]
    fn rules_are_read_from_numbers_and_from_strings() {
        let expected = Instrument {
            id: InstrumentId(4),
            venue: Venue::Kraken,
            symbol: "BTC/USD".to_owned(),
            base: "BTC".to_owned(),
            quote: "USD".to_owned(),
            scale: Scale { price_decimals: 1, qty_decimals: 8 },
            tick: 1,
            lot: 1,
            qty_min: Qty(5_000),
            notional_min: Cash(50_000_000),
        };
        let with = |cost_min: &str| {
            format!(
                r#"{{"symbol":"BTC/USD","base":"XBT","quote":"USD","status":"online","qty_precision":8,"qty_increment":1e-8,
                "price_precision":1,"cost_precision":5,"price_increment":0.1,"qty_min":0.00005,"cost_min":{cost_min}}}"#
            )
        };
        assert_eq!(learn(&with("0.5")).as_ref(), Ok(&expected));
        assert_eq!(learn(&with("\"0.5\"")), Ok(expected));
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        let pair = |rules: &str| format!(r#"{{"symbol":"BTC/USD","base":"BTC","quote":"USD",{rules}}}"#);
        assert!(learn(&pair(r#""price_precision":13,"qty_precision":8"#)).is_err());
        assert!(learn(&pair(r#""price_precision":1"#)).is_err());
        assert!(learn(&pair(r#""price_precision":1,"qty_precision":8,"price_increment":-0.1"#)).is_err());
        let bare = learn(&pair(r#""price_precision":1,"qty_precision":8"#)).expect("precisions are enough");
        assert_eq!((bare.tick, bare.lot, bare.qty_min, bare.notional_min), (1, 1, Qty(0), Cash(0)));
    }

    #[test]
    fn rest_names_are_the_old_ones() {
        assert_eq!(rest_pair("BTC/USD"), "XBTUSD");
        assert_eq!(rest_pair("ETH/BTC"), "ETHXBT");
        assert_eq!(rest_pair("DOGE/USD"), "XDGUSD");
    }
}
