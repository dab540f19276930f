//! Frames come more than once.

use sim::fault::{Channel, Kind};
use soak::What;
use types::Venue;

use crate::case::{ALL, Case, FIRST, RESYNC, SECOND, s};

#[test]
fn doubled_book_updates_change_nothing() {
    for flavour in ALL {
        let mut case = Case::live(flavour);
        for _ in 0..5 {
            case.inject(case.first().channel(Channel::Book), Kind::Duplicate { copies: 2 });
            case.run(s(3));
        }
        case.assert_never_marked(FIRST);
        case.assert_never_marked(SECOND);
        case.assert_same_connection();
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn doubled_trades_are_told_once_and_counted() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        let before = duplicates(&case);
        case.inject(case.first().channel(Channel::Trades), Kind::Duplicate { copies: 3 });
        case.run_until_injected(1);
        case.run(s(5));
        assert!(duplicates(&case) >= before + 3, "{venue}: {}", duplicates(&case));
        case.assert_never_marked(FIRST);
        case.assert_ends_with_the_truth();
    }
}

/// The last trade before a subscription (Coinbase) and the newest trades (Kraken) come again with each connection.
#[test]
fn trades_that_come_again_with_a_new_connection_are_told_once() {
    for flavour in ALL {
        let mut case = Case::live(flavour);
        for _ in 0..3 {
            case.inject(case.everything(), Kind::Abort);
            case.run(RESYNC);
        }
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn a_replay_of_the_last_seconds_after_a_new_connection_changes_nothing() {
    for flavour in ALL {
        let venue = flavour.venue;
        for channel in [Channel::Trades, Channel::Candles] {
            if (venue, channel) == (Venue::Coinbase, Channel::Candles) {
                continue;
            }
            let mut case = Case::live(flavour);
            case.inject(case.everything().channel(channel), Kind::Replay { back: s(5) });
            // What is to be replayed must be heard first.
            case.run(s(30));
            case.inject(case.everything(), Kind::Abort);
            case.run(s(60));
            assert_eq!(case.world.sim.faults_injected(), 2, "{venue} {channel:?}: {}", case.story());
            case.assert_ends_with_the_truth();
        }
    }
}

#[test]
fn doubled_answers_to_subscriptions_change_nothing() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Abort);
        case.inject(case.everything().channel(Channel::Control), Kind::Duplicate { copies: 2 });
        case.run(RESYNC);
        assert_eq!(case.count(|what| *what == What::Connected), 1, "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

fn duplicates(case: &Case) -> u64 {
    let status = case.world.driver(case.venue).expect("taken part").status();
    status.instruments.iter().map(|instrument| instrument.counts.duplicates).sum()
}
