//! The box does not read fast enough, or too much comes at once.

use sim::fault::Kind;
use soak::What;
use types::Venue;

use crate::case::{ALL, AT_ONCE, Case, FIRST, RESYNC, s};

#[test]
fn a_flood_after_a_stall_is_worked_off_and_no_wrong_book_shown() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Stall { lasts: s(3), queue: 50_000 });
        case.run(RESYNC);
        case.assert_same_connection();
        assert!(case.world.is_right(FIRST, AT_ONCE), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

/// KuCoin drops what its queue does not take, which shows as a gap; the others close.
#[test]
fn what_a_full_queue_at_the_venue_loses_is_made_good() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Stall { lasts: s(4), queue: 10 });
        case.run(s(60));
        if !flavour.tells_pictures() {
            case.assert_marked(FIRST, s(6));
        }
        assert_eq!(case.count(|what| *what == What::Lost) > 0, venue != Venue::Kucoin, "{venue}: {}", case.story());
        assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn a_burst_of_fifty_times_the_usual_rate_changes_nothing() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Burst { copies: 49, lasts: s(5) });
        case.run(RESYNC);
        case.assert_same_connection();
        assert!(case.world.is_right(FIRST, AT_ONCE), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}
