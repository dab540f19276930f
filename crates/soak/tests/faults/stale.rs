//! Data stops while signs of life go on.

use sim::fault::{Channel, Kind};

use crate::case::{ALL, AT_ONCE, Case, FIRST, RESYNC, SECOND, s};

/// No venue's book of a traded instrument is silent for so long.
const SILENCE_MAX: u64 = 100;

#[test]
fn a_book_that_falls_silent_alone_is_marked_and_asked_for_anew() {
    for flavour in ALL {
        let mut case = Case::live(flavour);
        case.inject(case.first().channel(Channel::Book), Kind::Silence { lasts: s(SILENCE_MAX + 60) });
        case.run(s(SILENCE_MAX + 60));
        case.assert_marked(FIRST, s(SILENCE_MAX));
        case.assert_never_marked(SECOND);
        // Waiting times between tries have grown meanwhile.
        case.assert_right_within(FIRST, s(90));
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn an_instrument_that_falls_silent_alone_leaves_its_neighbour_alone() {
    for flavour in ALL {
        let mut case = Case::live(flavour);
        case.inject(case.first(), Kind::Silence { lasts: s(SILENCE_MAX + 60) });
        case.run(s(SILENCE_MAX + 60));
        case.assert_marked(FIRST, s(SILENCE_MAX));
        case.assert_never_marked(SECOND);
        case.assert_right_within(FIRST, s(90));
        case.assert_ends_with_the_truth();
    }
}

/// The book lives: what the trades of that time were is asked for afterwards.
#[test]
fn trades_that_fall_silent_alone_are_asked_for_later() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.first().channel(Channel::Trades), Kind::Silence { lasts: s(60) });
        case.run(s(60) + RESYNC);
        assert!(case.world.is_right(FIRST, AT_ONCE), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}
