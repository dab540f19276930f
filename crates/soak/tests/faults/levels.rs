//! Levels that should not be there.

use feed::{KucoinBook, RejectReason};
use sim::fault::{Channel, Kind, OddLevel};
use soak::What;
use soak::judge::Knowable;

use crate::case::{ALL, Case, FIRST, Flavour, RESYNC, SECOND, s};

/// Injects the level and lets the box get over it.
fn with_level(flavour: Flavour, odd: OddLevel) -> Case {
    let mut case = Case::live(flavour);
    case.inject(case.first().channel(Channel::Book), Kind::Level(odd));
    case.run_until_injected(1);
    case.run(RESYNC);
    case.assert_never_marked(SECOND);
    case.assert_same_connection();
    case
}

#[test]
fn a_crossed_book_is_never_shown_and_is_built_anew() {
    for flavour in ALL {
        let venue = flavour.venue;
        let case = with_level(flavour, OddLevel::Crossed);
        if !flavour.tells_pictures() {
            case.assert_marked(FIRST, s(10));
        }
        assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn removals_of_levels_that_nobody_has_change_nothing() {
    for flavour in ALL {
        for odd in [OddLevel::AbsentRemoval, OddLevel::Many] {
            let case = with_level(flavour, odd);
            case.assert_never_marked(FIRST);
            case.assert_ends_with_the_truth();
        }
    }
}

/// The rest of the frame cannot be trusted either: it counts as malformed, and the book is built anew.
#[test]
fn impossible_levels_are_refused_and_the_book_is_built_anew() {
    for flavour in ALL {
        let venue = flavour.venue;
        for odd in [OddLevel::NegativePrice, OddLevel::NegativeQty] {
            let case = with_level(flavour, odd);
            assert_refused(&case);
            case.assert_marked(FIRST, s(2));
            assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
            case.assert_ends_with_the_truth_after(Knowable::of(venue).unseen.max(s(300)));
        }
    }
}

/// KuCoin means by it that only the sequence goes on.
#[test]
fn a_price_of_zero_is_refused_except_where_it_has_a_meaning() {
    for flavour in ALL {
        let venue = flavour.venue;
        let case = with_level(flavour, OddLevel::ZeroPrice);
        if matches!(flavour.book, KucoinBook::Changes | KucoinBook::Unified) {
            case.assert_never_marked(FIRST);
        } else {
            assert_refused(&case);
            assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        }
        case.assert_ends_with_the_truth_after(Knowable::of(venue).unseen.max(s(300)));
    }
}

/// Taking it would change it: the scale of an instrument is that of its tick.
#[test]
fn a_price_between_two_ticks_is_refused_and_the_book_is_built_anew() {
    for flavour in ALL {
        let venue = flavour.venue;
        let case = with_level(flavour, OddLevel::OffTick);
        assert!(case.count(|what| *what == What::Rejected(RejectReason::TooPrecise)) > 0, "{venue}: {}", case.story());
        case.assert_marked(FIRST, s(2));
        assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth_after(Knowable::of(venue).unseen.max(s(300)));
    }
}

#[track_caller]
fn assert_refused(case: &Case) {
    assert!(case.count(|what| matches!(what, What::Rejected(_))) > 0, "{}: {}", case.venue, case.story());
}
