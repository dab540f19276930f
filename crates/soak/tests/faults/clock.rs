//! The box's clock and the venue's are not the same. Candles are cut by the venue's time, waiting is done by the box's.

use sim::fault::Kind;

use crate::case::{ALL, Case, FIRST, RESYNC, SECOND, s};

const MS: i64 = 1_000_000;
const S: i64 = 1_000 * MS;

/// How far the venue seems ahead of the box, by the feed's estimate.
fn ahead_ns(case: &Case) -> i64 {
    case.world.driver(case.venue).expect("taken part").status().venue_ahead_ns.expect("estimated")
}

#[test]
fn the_offset_of_the_venues_clock_is_estimated() {
    for flavour in ALL {
        let venue = flavour.venue;
        for skew_ns in [100 * MS, -100 * MS, 5 * S, -5 * S, 3_600 * S, -3_600 * S] {
            let case = Case::skewed(flavour, skew_ns);
            let error = ahead_ns(&case) + skew_ns;
            // It never says more than there is, and less by the fastest way of a message: coarse times cost up to a second.
            assert!((-1_100 * MS..=MS).contains(&error), "{venue}: skew {skew_ns}, error {error}");
        }
    }
}

/// The box boots in 1970 and its clock jumps when the network tells the time: nothing is lost by it.
#[test]
fn a_step_of_the_boxs_clock_touches_neither_books_nor_trades() {
    for flavour in ALL {
        let venue = flavour.venue;
        for skew_ns in [S, 60 * S, 3_600 * S] {
            let mut case = Case::live(flavour);
            case.world.driver_mut(venue).expect("taken part").set_skew_ns(skew_ns);
            case.inject(case.everything(), Kind::Hold { by: s(0) });
            case.run(s(120));
            assert!(case.world.is_right(FIRST, s(2)) && case.world.is_right(SECOND, s(2)), "{venue}: {}", case.story());
            case.assert_ends_with_the_truth();
        }
    }
}

#[test]
fn a_clock_that_drifts_or_is_slightly_off_changes_nothing() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Hold { by: s(0) });
        // A hundred parts in a million, ten times as fast as any crystal.
        for minute in 1..=10 {
            case.world.driver_mut(venue).expect("taken part").set_skew_ns(minute * 6 * MS);
            case.run(s(60));
        }
        case.assert_never_marked(FIRST);
        case.assert_same_connection();
        case.assert_ends_with_the_truth();
    }
}

/// Time as the feed sees it never goes back: it stands still until the clock has caught up.
#[test]
fn a_clock_that_goes_back_only_makes_the_feed_wait() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Hold { by: s(0) });
        case.world.driver_mut(venue).expect("taken part").set_skew_ns(-20 * S);
        case.run(RESYNC);
        assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        case.assert_same_connection();
        case.assert_ends_with_the_truth();
    }
}
