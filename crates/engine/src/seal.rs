//! The chain of sealed forecasts: each is bound to all before it, before its outcome exists.
//!
//! A link is the SHA-256 of one line of text, so that anybody can recompute it without this program:
//!
//! ```text
//! tickerbox forecast 2|BEFORE|NUMBER|AT|VENUE:SYMBOL|OPEN_TIME|MODEL|BID:ASK|MINUTES:LOG_RETURN:P_UP:QUANTILE:...|...
//! ```
//!
//! `BEFORE` is the link before (64 zeros at first), times are nanoseconds since 1970, `BID` and `ASK` are price units of the instrument,
//! `LOG_RETURN`, `P_UP` and the quantiles, where there are any, are the bits of the 32-bit floats; links and bits in hexadecimal. In the first
//! form (`tickerbox forecast 1`) the last close stood in the place of `BID:ASK`.

use core::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use types::effect::{Base, ForecastRecord, SealRecord};
use types::market::Quote;
use types::{Instrument, Timestamp};

/// A link of the chain.
pub type Link = [u8; 32];

/// The end of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// How many forecasts are sealed.
    pub number: u64,
    /// The last link; zeros before the first.
    pub link: Link,
}

impl Chain {
    /// Goes on after a seal.
    #[must_use]
    pub const fn after(seal: &SealRecord) -> Self {
        Self { number: seal.number, link: seal.link }
    }

    /// Seals what a model said at one time for all its horizons, in their order. `None` where it said nothing.
    pub fn seal(&mut self, at: Timestamp, instrument: &Instrument, made: &[ForecastRecord]) -> Option<SealRecord> {
        let first = made.first()?;
        let number = self.number + 1;
        let link = link(&self.link, number, at, instrument, made);
        *self = Self { number, link };
        Some(SealRecord { number, at, instrument: instrument.id, open_time: first.open_time, link })
    }
}

/// The link of forecasts of one model, instrument and time, in the order of their horizons.
#[must_use]
pub fn link(before: &Link, number: u64, at: Timestamp, instrument: &Instrument, made: &[ForecastRecord]) -> Link {
    let form = if let Some(ForecastRecord { base: Base::Close(_), .. }) = made.first() { 1 } else { 2 };
    let mut text = format!("tickerbox forecast {form}|");
    let mut write = |part: core::fmt::Arguments<'_>| text.write_fmt(part).expect("memory does not fail");
    for byte in before {
        write(format_args!("{byte:02x}"));
    }
    let (venue, symbol) = (instrument.venue.slug(), &instrument.symbol);
    write(format_args!("|{number}|{}|{venue}:{symbol}", at.as_nanos()));
    if let Some(first) = made.first() {
        write(format_args!("|{}|{}", first.open_time.as_nanos(), first.model));
        match first.base {
            Base::Close(price) => write(format_args!("|{}", price.mantissa())),
            Base::Quote(Quote { bid, ask }) => write(format_args!("|{}:{}", bid.mantissa(), ask.mantissa())),
        }
    }
    for ForecastRecord { horizon_min, log_return, p_up, quantiles, .. } in made {
        write(format_args!("|{horizon_min}:{:08x}:{:08x}", log_return.to_bits(), p_up.to_bits()));
        for quantile in quantiles {
            write(format_args!(":{:08x}", quantile.to_bits()));
        }
    }
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Cash, InstrumentId, Price, Qty, Scale, Venue};

    fn instrument() -> Instrument {
        Instrument {
            id: InstrumentId(3),
            venue: Venue::Kraken,
            symbol: "BTC/USD".to_owned(),
            base: "BTC".to_owned(),
            quote: "USD".to_owned(),
            scale: Scale { price_decimals: 1, qty_decimals: 8 },
            tick: 1,
            lot: 1,
            qty_min: Qty(1),
            notional_min: Cash(1),
        }
    }

    fn price(mantissa: i64) -> Price {
        Price::new(mantissa).expect("positive")
    }

    fn made(log_return: f32) -> Vec<ForecastRecord> {
        let forecast = |horizon_min| ForecastRecord {
            instrument: InstrumentId(3),
            open_time: Timestamp::from_secs(1_800_000_000),
            model: "abc".to_owned(),
            horizon_min,
            base: Base::Quote(Quote { bid: price(644_999), ask: price(645_001) }),
            log_return,
            p_up: 0.5,
            quantiles: vec![-1.0, 2.0],
        };
        vec![forecast(5), forecast(30)]
    }

    #[test]
    fn a_link_is_the_digest_of_the_line_that_is_promised() {
        let mut chain = Chain::default();
        let at = Timestamp::from_nanos(1_800_000_061_000_000_007);
        let seal = chain.seal(at, &instrument(), &made(1.0)).expect("a forecast");
        let line = format!(
            "tickerbox forecast 2|{}|1|1800000061000000007|kraken:BTC/USD|1800000000000000000|abc|644999:645001|\
             5:3f800000:3f000000:bf800000:40000000|30:3f800000:3f000000:bf800000:40000000",
            "0".repeat(64)
        );
        assert_eq!(seal.link, <[u8; 32]>::from(Sha256::digest(line.as_bytes())));
        assert_eq!((seal.number, seal.at, seal.open_time), (1, at, made(1.0)[0].open_time));
        assert_eq!(Chain::after(&seal), chain);
        let next = chain.seal(at, &instrument(), &made(1.0)).expect("a forecast");
        assert_eq!((next.number, next.link == seal.link), (2, false));
        assert_eq!(chain.seal(at, &instrument(), &[]), None);
    }

    #[test]
    fn forecasts_of_the_first_form_keep_their_link() {
        let (at, before) = (Timestamp::from_nanos(1_800_000_061_000_000_007), [0; 32]);
        let first_form = |made| ForecastRecord { base: Base::Close(price(645_000)), quantiles: Vec::new(), ..made };
        let line = format!(
            "tickerbox forecast 1|{}|1|1800000061000000007|kraken:BTC/USD|1800000000000000000|abc|645000|5:3f800000:3f000000|30:3f800000:3f000000",
            "0".repeat(64)
        );
        let made: Vec<ForecastRecord> = made(1.0).into_iter().map(first_form).collect();
        assert_eq!(link(&before, 1, at, &instrument(), &made), <[u8; 32]>::from(Sha256::digest(line.as_bytes())));
    }

    #[test]
    fn whatever_is_changed_changes_the_link() {
        let at = Timestamp::from_secs(1_800_000_061);
        let of = |before: &Link, number, at, instrument: &Instrument, made: &[ForecastRecord]| {
            link(before, number, at, instrument, made)
        };
        let first = of(&[0; 32], 1, at, &instrument(), &made(1.0));
        let mut other = instrument();
        other.symbol = "ETH/USD".to_owned();
        let later = at.plus(core::time::Duration::from_nanos(1));
        let (mut bent, mut moved, mut wider) = (made(1.0), made(1.0), made(1.0));
        bent[1].p_up = 0.500_000_06;
        moved[0].base = Base::Quote(Quote { bid: price(644_998), ask: price(645_002) });
        wider[1].quantiles[1] = 3.0;
        for changed in [
            of(&[1; 32], 1, at, &instrument(), &made(1.0)),
            of(&[0; 32], 2, at, &instrument(), &made(1.0)),
            of(&[0; 32], 1, later, &instrument(), &made(1.0)),
            of(&[0; 32], 1, at, &other, &made(1.0)),
            of(&[0; 32], 1, at, &instrument(), &made(-1.0)),
            of(&[0; 32], 1, at, &instrument(), &made(1.0)[..1]),
            of(&[0; 32], 1, at, &instrument(), &bent),
            of(&[0; 32], 1, at, &instrument(), &moved),
            of(&[0; 32], 1, at, &instrument(), &wider),
        ] {
            assert_ne!(changed, first);
        }
    }
}
