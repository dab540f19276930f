//! Frames come in another order.

use std::time::Duration;

use sim::fault::{Channel, Kind, Part};
use soak::judge::Knowable;

use crate::case::{ALL, Case, FIRST, RESYNC, s};

/// Time in which a book that nobody can know to be wrong is compared.
fn settle(venue: types::Venue) -> Duration {
    Knowable::of(venue).unseen.max(s(300))
}

#[test]
fn swapped_book_updates_never_publish_a_wrong_book() {
    for flavour in ALL {
        let venue = flavour.venue;
        for behind in [1, 2, 7] {
            let mut case = Case::live(flavour);
            for _ in 0..5 {
                case.inject(case.first().channel(Channel::Book), Kind::Swap { behind });
                case.run(RESYNC);
            }
            case.assert_same_connection();
            case.assert_ends_with_the_truth_after(settle(venue));
        }
    }
}

#[test]
fn late_book_updates_never_publish_a_wrong_book() {
    for flavour in ALL {
        let venue = flavour.venue;
        for by in [Duration::from_millis(200), s(3)] {
            let mut case = Case::live(flavour);
            for _ in 0..5 {
                case.inject(case.first().channel(Channel::Book), Kind::Late { by });
                case.run(RESYNC);
            }
            case.assert_ends_with_the_truth_after(settle(venue));
        }
    }
}

#[test]
fn a_snapshot_that_comes_after_its_updates_never_publishes_a_wrong_book() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        for _ in 0..5 {
            case.inject(case.everything().channel(Channel::Book).part(Part::Snapshot), Kind::Late { by: s(2) });
            case.inject(case.everything(), Kind::Abort);
            case.run(RESYNC);
        }
        // An update that Coinbase told before its snapshot shows at the next comparison.
        case.run(Knowable::of(venue).unseen);
        assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth_after(settle(venue));
    }
}

#[test]
fn swapped_and_late_trades_are_all_told_once() {
    for flavour in ALL {
        for kind in [Kind::Swap { behind: 1 }, Kind::Swap { behind: 7 }, Kind::Late { by: s(3) }] {
            let mut case = Case::live(flavour);
            for _ in 0..5 {
                case.inject(case.first().channel(Channel::Trades), kind.clone());
                case.run(RESYNC);
            }
            case.assert_never_marked(FIRST);
            case.assert_same_connection();
            case.assert_ends_with_the_truth();
        }
    }
}
