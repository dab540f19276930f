//! How far a venue's books could be trusted of late.

use engine::quality::ClockStanding;
use engine::view::View;
use types::Venue;
use types::market::StaleReason;

/// The mean share of the last day in which the venue's books were proven, millionths.
pub(super) fn proven_ppm(view: View<'_>, venue: Venue) -> Option<u32> {
    let shares = view.markets().filter(|market| market.instrument.venue == venue);
    let shares = shares.filter_map(|market| market.integrity().proven_ppm());
    let (sum, count) = shares.fold((0u64, 0u64), |(sum, count), share| (sum + u64::from(share), count + 1));
    sum.checked_div(count).map(|mean| mean as u32)
}

/// The last time one of the venue's books stopped to hold.
pub(super) fn last_break(view: View<'_>, venue: Venue) -> Option<wire::BookBreak> {
    let markets = view.markets().filter(|market| market.instrument.venue == venue);
    let breaks = markets.filter_map(|market| Some((market.integrity().last_break()?, market)));
    let (last, market) = breaks.max_by_key(|(last, _)| last.at)?;
    let (pair, why) = (market.instrument.pair(), why(last.reason).to_owned());
    Some(wire::BookBreak { at_ms: last.at.as_millis(), pair, why })
}

/// How far the venue's clock is ahead of ours, milliseconds, where that is worth telling.
pub(super) fn clock_ahead_ms(view: View<'_>, venue: Venue) -> Option<i32> {
    let is_told = view.venue_clock(venue) != ClockStanding::Good;
    let ahead_ns = view.venue_ahead_ns(venue).filter(|_| is_told)?;
    Some((ahead_ns / 1_000_000).clamp(i32::MIN.into(), i32::MAX.into()) as i32)
}

/// Why a book stopped to hold, in a few words.
pub(crate) const fn why(reason: StaleReason) -> &'static str {
    match reason {
        StaleReason::Disconnected => "connection lost",
        StaleReason::SequenceGap => "an update was missing",
        StaleReason::ChecksumMismatch => "checksum did not match",
        StaleReason::Crossed => "bid above ask",
        StaleReason::Silent => "nothing was heard",
        StaleReason::CompareMismatch => "differed from a fresh snapshot",
        StaleReason::Malformed => "an update could not be read",
        StaleReason::Resync => "fetched again",
        StaleReason::Implausible => "prices far from all others",
        StaleReason::Halted => "not traded",
        StaleReason::CardFull => "not taken in: the card is full",
    }
}

#[cfg(test)]
mod tests {
    use engine::Engine;
    use types::market::Proof;
    use types::settings::EngineSettings;
    use types::{
        BookTop, Cash, Effects, Input, Instrument, InstrumentId, Level, Price, Qty, QualityMinute, Scale, Stamped,
        Timestamp,
    };

    use super::*;

    fn listed(id: u16, base: &str, venue: Venue) -> Input {
        Input::Instrument(Instrument {
            id: InstrumentId(id),
            venue,
            symbol: format!("{base}/USD"),
            base: base.to_owned(),
            quote: "USD".to_owned(),
            scale: Scale { price_decimals: 2, qty_decimals: 8 },
            tick: 1,
            lot: 1,
            qty_min: Qty(1),
            notional_min: Cash(0),
        })
    }

    #[test]
    fn a_venues_figure_is_the_mean_of_its_books_and_its_last_break_has_a_reason() {
        let (mut engine, mut effects) = (Engine::new(), Effects::new());
        let start = Timestamp::from_secs(1_800_000_000);
        let level = |price| Level { price: Price::new(price).expect("positive"), qty: Qty(1) };
        let book = |id| {
            let (bids, asks) = (vec![level(999)], vec![level(1_001)]);
            Input::Book(BookTop { instrument: InstrumentId(id), bids, asks, proof: Proof::Checksum, venue_at: None })
        };
        let minute = |id, live_ms| {
            let blank = QualityMinute::new(InstrumentId(id), start);
            Input::Quality(QualityMinute { watched_ms: 60_000, live_ms, ..blank })
        };
        let reason = StaleReason::ChecksumMismatch;
        let inputs = [
            Input::Boot { version: "test".to_owned(), settings: Box::new(EngineSettings::default()) },
            listed(0, "BTC", Venue::Kraken),
            listed(1, "ETH", Venue::Kraken),
            listed(2, "BTC", Venue::Coinbase),
            book(0),
            book(1),
            Input::BookStale { instrument: InstrumentId(1), reason },
            minute(0, 60_000),
            minute(1, 30_000),
        ];
        for (seq, input) in (1..).zip(inputs) {
            engine.handle(&Stamped { seq, at: start, input }, &mut effects);
        }
        let view = engine.view();
        assert_eq!(proven_ppm(view, Venue::Kraken), Some(750_000));
        assert_eq!(proven_ppm(view, Venue::Coinbase), None);
        let last = wire::BookBreak {
            at_ms: start.as_millis(),
            pair: "ETH/USD".to_owned(),
            why: "checksum did not match".to_owned(),
        };
        assert_eq!(last_break(view, Venue::Kraken), Some(last));
        assert_eq!((last_break(view, Venue::Coinbase), clock_ahead_ms(view, Venue::Kraken)), (None, None));
    }
}
