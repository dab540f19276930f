//! Odd answers to subscriptions.

use feed::FeedSettings;
use sim::fault::{Channel, Kind, OddAck, RuleChange};
use soak::What;
use types::Venue;

use crate::case::{ALL, AT_ONCE, Case, FIRST, Flavour, RESYNC, SECOND, s};

/// A new connection, and the first answer on it is odd.
fn with_odd_answer(flavour: Flavour, kind: Kind) -> Case {
    let mut case = Case::live(flavour);
    case.inject(case.everything(), Kind::Abort);
    case.inject(case.everything().channel(Channel::Control), kind);
    case
}

#[track_caller]
fn check(flavour: Flavour, kind: Kind, patience: std::time::Duration) {
    let venue = flavour.venue;
    let mut case = with_odd_answer(flavour, kind);
    case.run(patience);
    assert!(case.world.sim.faults_injected() >= 2, "{venue}: {}", case.story());
    for instrument in [FIRST, SECOND] {
        assert!(case.world.is_right(instrument, AT_ONCE * 2), "{venue} {instrument:?}: {}", case.story());
    }
    case.assert_ends_with_the_truth();
}

fn patience(venue: Venue) -> std::time::Duration {
    FeedSettings::new(venue, Vec::new()).subscribe_timeout * 3 + RESYNC
}

#[test]
fn an_answer_to_another_question_is_not_taken_for_ours() {
    for flavour in ALL.into_iter().filter(|flavour| flavour.venue != Venue::Coinbase) {
        let venue = flavour.venue;
        check(flavour, Kind::Ack(OddAck::WrongId), patience(venue));
    }
}

#[test]
fn a_subscription_that_stands_already_is_as_good_as_a_new_one() {
    check(Flavour::of(Venue::Kraken), Kind::Ack(OddAck::Already), patience(Venue::Kraken));
}

#[test]
fn a_refused_subscription_is_tried_again() {
    for flavour in ALL {
        let venue = flavour.venue;
        check(flavour, Kind::Ack(OddAck::Refused), patience(venue));
    }
}

#[test]
fn an_answer_after_the_data_is_still_one() {
    for flavour in ALL {
        let venue = flavour.venue;
        check(flavour, Kind::Late { by: s(5) }, patience(venue));
    }
}

#[test]
fn a_lost_answer_is_not_waited_for_for_ever() {
    for flavour in ALL {
        let venue = flavour.venue;
        check(flavour, Kind::Drop { frames: 1 }, patience(venue));
    }
}

/// Unknown symbols are accepted and silent (Binance.US), refused for themselves (Kraken), or refuse the whole message
/// (Coinbase): the known ones live in any case.
#[test]
fn an_instrument_that_the_venue_does_not_list_does_not_hurt_its_neighbour() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.first(), Kind::Rules { change: RuleChange::Delist, lasts: s(600) });
        case.inject(case.everything(), Kind::Abort);
        case.run(s(120));
        assert!(case.world.is_right(SECOND, s(2)), "{venue}: {}", case.story());
        assert!(!case.world.is_right(FIRST, s(60)), "{venue}: {}", case.story());
        let connected = case.count(|what| *what == What::Connected);
        assert!(connected <= 2, "{venue}: {connected} connections: {}", case.story());
    }
}
