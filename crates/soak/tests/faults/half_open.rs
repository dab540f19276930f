//! The connection stays open and nothing comes through any more.

use std::time::Duration;

use feed::FeedSettings;
use sim::fault::{Direction, Kind};
use soak::What;
use types::Venue;
use types::market::StaleReason;

use crate::case::{ALL, Case, FIRST, SECOND, s};

#[track_caller]
fn check_silent(direction: Direction) {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::HalfOpen(direction));
        let limit = FeedSettings::new(venue, Vec::new()).silent_after;
        case.run(limit + s(30));
        for instrument in [FIRST, SECOND] {
            let reason = case.assert_marked(instrument, limit + s(2));
            assert_eq!(reason, StaleReason::Silent, "{venue}: {}", case.story());
        }
        let given_up = case.since().find(|e| matches!(e.what, What::GaveUp(_))).expect("gives up");
        assert!(given_up.at.since(case.at) <= limit + s(2), "{venue}: {}", case.story());
        assert!(case.world.is_right(FIRST, s(1)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn half_open_is_detected_by_the_watchdog_within_its_limit() {
    check_silent(Direction::Both);
}

#[test]
fn half_open_towards_the_box_is_detected_by_the_watchdog_within_its_limit() {
    check_silent(Direction::ToClient);
}

/// The venue does not hear us any more and goes on talking. Books stay right for as long as it does, and our questions that
/// stay unanswered, or the venue's patience, end the connection.
#[test]
fn half_open_towards_the_venue_is_noticed_and_no_book_goes_wrong() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::HalfOpen(Direction::ToServer));
        let within = match venue {
            // A ping of ours every 25 or 18 seconds, and some patience.
            Venue::Coinbase | Venue::Kucoin => s(60),
            // Its ping every 20 seconds must be answered within a minute; Kraken is asked every 30 seconds.
            Venue::BinanceUs | Venue::Kraken => s(100),
        };
        case.run(within + s(30));
        let lost = case.since().find(|entry| entry.what == What::Lost);
        let after = lost.map(|entry| entry.at.since(case.at));
        assert!(after.is_some_and(|after| after <= within), "{venue}: {after:?}: {}", case.story());
        assert!(case.world.is_right(FIRST, Duration::from_secs(1)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}
