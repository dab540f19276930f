//! Delays, loss, a thin line. What happens below a connection (lost packets, one byte at a time) can be seen above it only
//! as frames that come late, in order.

use std::time::Duration;

use sim::fault::{Fault, Kind, When};
use soak::World;
use soak::network::NetworkSettings;

use crate::case::{ALL, Case, FIRST, RESYNC, SECOND, s, settings};

#[test]
fn latencies_from_fifty_milliseconds_to_two_seconds_are_only_late() {
    for flavour in ALL {
        let venue = flavour.venue;
        for way in [50, 500, 2_000].map(Duration::from_millis) {
            let mut settings = settings(flavour);
            settings.network = NetworkSettings { way, jitter: way / 2 };
            let mut world = World::new(&settings).expect("valid");
            world.run_for(s(15 * 60));
            let report = world.report();
            assert!(report.is_good(), "{venue} {way:?}:\n{report}");
            let connections = world.driver(venue).expect("taken part").status().connections;
            assert_eq!(connections, 1, "{venue} {way:?}");
        }
    }
}

/// A lost packet holds everything behind it for a quarter of a second until it is sent again.
#[test]
fn one_percent_of_loss_is_only_late() {
    for flavour in ALL {
        let mut case = Case::live(flavour);
        case.at = case.world.now();
        let kind = Kind::Hold { by: Duration::from_millis(250) };
        for symbol in [FIRST, SECOND].map(|id| case.world.followed()[id.index()].symbol.clone()) {
            let scope = case.everything().symbol(&symbol);
            case.world.sim.fault(Fault::new(When::Chance { ppm: 10_000 }, scope, kind.clone()));
        }
        case.run(s(300));
        case.assert_never_marked(FIRST);
        case.assert_same_connection();
        case.assert_ends_with_the_truth();
    }
}

/// 256 kbit/s. Ten pictures of fifty levels a second are more than that.
#[test]
fn a_thin_line_is_only_late() {
    for flavour in ALL.into_iter().filter(|flavour| !flavour.tells_pictures()) {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Slow { bytes_per_s: 32_000, lasts: s(300) });
        case.run(s(300) + RESYNC);
        case.assert_same_connection();
        assert!(case.world.is_right(FIRST, s(2)), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn a_line_that_hangs_for_two_seconds_is_only_late() {
    for flavour in ALL {
        let mut case = Case::live(flavour);
        for _ in 0..10 {
            case.inject(case.everything(), Kind::Hold { by: s(2) });
            case.run(s(10));
        }
        case.assert_never_marked(FIRST);
        case.assert_same_connection();
        case.assert_ends_with_the_truth();
    }
}

/// The line is too thin for what the venue sends: connections end, and no wrong book is shown meanwhile.
#[test]
fn a_line_that_is_too_thin_degrades_and_recovers() {
    for flavour in ALL {
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Slow { bytes_per_s: 300, lasts: s(180) });
        case.run(s(180));
        assert!(!case.world.is_right(FIRST, s(10)), "{}: {}", case.venue, case.story());
        case.run(s(120));
        assert!(case.world.is_right(FIRST, s(2)), "{}: {}", case.venue, case.story());
        case.assert_ends_with_the_truth();
    }
}
