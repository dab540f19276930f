//! Candles as a file for other programs.

use std::fmt::Write as _;

use wire::{Candle, Instrument};

/// Candles as CSV with a head line: times in milliseconds UTC, prices and volume as plain decimals.
#[must_use]
pub fn csv<'a>(instrument: &Instrument, candles: impl Iterator<Item = &'a Candle>) -> String {
    let mut text = String::from("open_time_ms,open,high,low,close,volume\n");
    for candle in candles {
        let _ = write!(text, "{}", candle.open_time_ms);
        for price in [candle.open, candle.high, candle.low, candle.close] {
            let _ = write!(text, ",{}", plain(price, instrument.price_decimals));
        }
        let volume = i64::try_from(candle.volume).unwrap_or(i64::MAX);
        let _ = writeln!(text, ",{}", plain(volume, instrument.qty_decimals));
    }
    text
}

/// `mantissa` x 10^-`decimals` without any grouping and with an ASCII minus.
fn plain(mantissa: i64, decimals: u8) -> String {
    let width = usize::from(decimals) + 1;
    let digits = format!("{:0width$}", mantissa.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let sign = if mantissa < 0 { "-" } else { "" };
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_carry_the_instruments_digits() {
        let instrument = Instrument {
            id: 0,
            venue: "Kraken".into(),
            pair: "BTC/USD".into(),
            price_decimals: 1,
            qty_decimals: 8,
            tick: 1,
        };
        let candle = Candle {
            open_time_ms: 60_000,
            open: 912_116,
            high: 912_120,
            low: 5,
            close: 912_119,
            volume: 12,
            kind: wire::CandleKind::Traded,
        };
        assert_eq!(
            csv(&instrument, [candle].iter()),
            "open_time_ms,open,high,low,close,volume\n60000,91211.6,91212.0,0.5,91211.9,0.00000012\n"
        );
    }
}
