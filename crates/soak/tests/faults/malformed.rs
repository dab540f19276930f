//! Frames that are not what the protocol says.

use sim::fault::{Channel, Kind, Malformed};
use soak::What;
use soak::judge::Knowable;
use types::Venue;

use crate::case::{ALL, Case, FIRST, Flavour, RESYNC, SECOND, s};

/// What a venue may send at any time: nothing is lost by it.
const HARMLESS: [Malformed; 5] =
    [Malformed::ExtraField, Malformed::UnknownType, Malformed::Empty, Malformed::Binary, Malformed::DeepNesting];

/// What spoils the frame it happens to.
const SPOILING: [Malformed; 9] = [
    Malformed::Cut,
    Malformed::InvalidUtf8,
    Malformed::WrongType,
    Malformed::Null,
    Malformed::MissingField,
    Malformed::DuplicateKey,
    Malformed::NotANumber,
    Malformed::Exponent,
    Malformed::Overflow,
];

fn channels(venue: Venue) -> impl Iterator<Item = Channel> {
    let has_candles = venue != Venue::Coinbase;
    [Channel::Book, Channel::Trades, Channel::Candles]
        .into_iter()
        .filter(move |channel| *channel != Channel::Candles || has_candles)
}

/// Spoils one frame in each of these ways, one after the other, and looks after each of them.
fn with(flavour: Flavour, channel: Channel, ways: &[Malformed], look: impl Fn(&Case)) -> Case {
    let mut case = Case::live(flavour);
    for how in ways {
        let before = case.world.sim.faults_injected();
        case.inject(case.first().channel(channel), Kind::Malform(*how));
        case.run_until_injected(before + 1);
        case.run(RESYNC);
        look(&case);
    }
    case
}

#[test]
fn frames_with_something_new_in_them_or_before_them_are_understood() {
    for flavour in ALL {
        let venue = flavour.venue;
        for channel in channels(venue) {
            let case = with(flavour, channel, &HARMLESS, |case| {
                case.assert_never_marked(FIRST);
                case.assert_never_marked(SECOND);
                case.assert_same_connection();
            });
            case.assert_ends_with_the_truth();
        }
    }
}

/// The frame is lost, so the book is built anew or the trade asked for; the connection and its other instruments go on.
#[test]
fn frames_that_cannot_be_read_cost_no_more_than_themselves() {
    for flavour in ALL {
        let venue = flavour.venue;
        for channel in channels(venue) {
            let case = with(flavour, channel, &SPOILING, |case| {
                case.assert_never_marked(SECOND);
                case.assert_same_connection();
            });
            case.assert_ends_with_the_truth_after(Knowable::of(venue).unseen.max(s(300)));
        }
    }
}

#[test]
fn frames_that_cannot_be_read_are_counted() {
    for flavour in ALL {
        let ways =
            [Malformed::Cut, Malformed::InvalidUtf8, Malformed::NotANumber, Malformed::Overflow, Malformed::Null];
        with(flavour, Channel::Trades, &ways, |case| {
            assert!(case.count(|what| matches!(what, What::Rejected(_))) > 0, "{}: {}", case.venue, case.story());
        });
    }
}

/// The socket takes 32 MiB and no more: the connection ends and is made anew.
#[test]
fn a_frame_larger_than_the_socket_takes_costs_the_connection() {
    for flavour in ALL {
        let venue = flavour.venue;
        let case = with(flavour, Channel::Book, &[Malformed::Huge], |_| {});
        assert_eq!(case.count(|what| *what == What::Connected), 1, "{venue}: {}", case.story());
        assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

/// Nothing that can be read any more: the connection is given up, and not in a storm.
#[test]
fn a_connection_that_says_nothing_readable_is_given_up_after_a_while() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        let every = sim::fault::When::Chance { ppm: 1_000_000 };
        case.at = case.world.now();
        case.world.sim.fault(sim::fault::Fault::new(every, case.everything(), Kind::Malform(Malformed::Cut)));
        case.run(s(300));
        assert!(!case.world.is_right(FIRST, s(60)), "{venue}: {}", case.story());
        let dials = case.count(|what| *what == What::Dialled);
        assert!((1..60).contains(&dials), "{venue}: {dials} connections: {}", case.story());
        case.world.sim.stop_faults();
        case.run(s(120));
        assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}
