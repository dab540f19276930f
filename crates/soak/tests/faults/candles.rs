//! Candles that come late, twice, out of order, corrected, or not at all.

use std::time::Duration;

use sim::fault::{Channel, Kind, OddCandle};
use types::Venue;

use crate::case::{ALL, Case, FIRST, Flavour, s};

fn with_candles(flavour: Flavour, kind: &Kind, times: u32) -> Case {
    let mut case = Case::live(flavour);
    for _ in 0..times {
        case.inject(case.first().channel(Channel::Candles), kind.clone());
        case.run(s(20));
    }
    case.assert_never_marked(FIRST);
    case.assert_same_connection();
    case
}

/// Coinbase has none.
fn with_stream() -> impl Iterator<Item = Flavour> {
    ALL.into_iter().filter(|flavour| flavour.venue != Venue::Coinbase)
}

#[test]
fn candles_that_come_twice_late_out_of_order_or_not_at_all_leave_one_right_row_a_minute() {
    for flavour in with_stream() {
        for kind in [
            Kind::Duplicate { copies: 2 },
            Kind::Drop { frames: 1 },
            Kind::Late { by: Duration::from_millis(700) },
            Kind::Late { by: s(70) },
            Kind::Swap { behind: 2 },
        ] {
            with_candles(flavour, &kind, 9).assert_ends_with_the_truth();
        }
    }
}

#[test]
fn a_final_mark_that_is_missing_is_not_needed() {
    let kind = Kind::Candle(OddCandle::NoFinalMark);
    with_candles(Flavour::of(Venue::BinanceUs), &kind, 9).assert_ends_with_the_truth();
}

#[test]
fn a_correction_of_a_final_candle_is_a_revision() {
    let kind = Kind::Candle(OddCandle::Corrected { after: s(1) });
    with_candles(Flavour::of(Venue::BinanceUs), &kind, 9).assert_ends_with_the_truth();
}
