//! The connection closes, breaks, or cannot be made.

use std::time::Duration;

use feed::{FeedSettings, ReconnectReason, SPOKEN};
use sim::SimSettings;
use sim::fault::{Channel, Fault, Kind, Scope, When};
use soak::{Settings, What, World};
use types::Venue;
use types::market::StaleReason;

use crate::case::{ALL, AT_ONCE, Case, FIRST, Flavour, RESYNC, SECOND, s};

/// Marks both books at once, connects within the first waiting time, and fills in what was missed.
#[track_caller]
fn check_lost(flavour: Flavour, kind: Kind) {
    let venue = flavour.venue;
    let mut case = Case::live(flavour);
    case.inject(case.everything(), kind);
    case.run(RESYNC);
    for instrument in [FIRST, SECOND] {
        assert_eq!(case.assert_marked(instrument, AT_ONCE), StaleReason::Disconnected);
        assert!(case.world.is_right(instrument, AT_ONCE), "{venue}: {}", case.story());
    }
    let dialled = case.since().find(|entry| entry.what == What::Dialled).expect("dials").at;
    let backoff = FeedSettings::new(venue, Vec::new()).backoff_first;
    assert!(dialled.since(case.at) <= backoff + AT_ONCE, "{venue}: {}", case.story());
    assert_eq!(case.count(|what| *what == What::Connected), 1, "{venue}: {}", case.story());
    case.assert_ends_with_the_truth();
}

#[test]
fn a_closed_connection_is_made_anew_and_leaves_no_hole() {
    for flavour in ALL {
        for code in [1_000, 1_001, 1_008, 1_011, 1_012] {
            check_lost(flavour, Kind::Close { code });
        }
    }
}

#[test]
fn a_broken_connection_is_made_anew_and_leaves_no_hole() {
    ALL.into_iter().for_each(|flavour| check_lost(flavour, Kind::Abort));
}

#[test]
fn a_connection_that_breaks_before_the_first_answer_is_made_anew() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Abort);
        // In place of the next word of the venue, twice.
        for _ in 0..2 {
            let fault = Fault::new(When::At(case.at), case.everything().channel(Channel::Control), Kind::Abort);
            case.world.sim.fault(fault);
        }
        case.run(s(60));
        assert!(case.world.sim.faults_injected() >= 3, "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn refused_handshakes_are_tried_again_within_the_bounds_of_the_backoff() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Refuse { status: 503, lasts: s(300) });
        case.inject(case.everything(), Kind::Abort);
        case.run(s(300));
        let settings = FeedSettings::new(venue, Vec::new());
        let dials: Vec<_> = case.since().filter(|e| e.what == What::Dialled).map(|e| e.at).collect();
        // Waits below 1, 2, 4, 8, 16, 32, 60, 60.. seconds: at least eight tries in five minutes, and no storm.
        assert!((5..60).contains(&dials.len()), "{venue}: {} tries: {}", dials.len(), case.story());
        let longest = dials.windows(2).map(|pair| pair[1].since(pair[0])).max().expect("tries");
        assert!(longest <= settings.backoff_max + s(2), "{venue}: {longest:?}");
        case.run(settings.backoff_max + s(5));
        assert!(case.world.is_right(FIRST, AT_ONCE), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn a_venue_that_cannot_be_reached_is_tried_until_it_can() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Unreachable { lasts: s(120) });
        case.inject(case.everything(), Kind::Abort);
        case.run(s(120));
        assert!(!case.world.is_right(FIRST, s(10)), "{venue}");
        case.run(s(90));
        assert!(case.world.is_right(FIRST, AT_ONCE), "{venue}: {}", case.story());
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn a_connection_is_replaced_before_its_age_limit_without_a_hole() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::with(flavour, |feed| feed.connection_age_max = Some(Duration::from_secs(180)));
        case.run(s(200));
        case.assert_never_marked(FIRST);
        case.assert_never_marked(SECOND);
        assert_eq!(case.count(|what| *what == What::Connected), 1, "{venue}: {}", case.story());
        assert_eq!(case.count(|what| *what == What::GaveUp(ReconnectReason::Age)), 1, "{venue}: {}", case.story());
        let report = case.world.report();
        assert!(report.is_good(), "{venue}:\n{report}");
    }
}

/// Binance.US says so some time before.
#[test]
fn an_announced_shutdown_is_not_waited_for() {
    let mut case = Case::live(Flavour::of(Venue::BinanceUs));
    let text = r#"{"e":"serverShutdown","E":1770123456789}"#.to_owned();
    case.inject(case.everything(), Kind::Say { text });
    case.run(s(60));
    case.assert_never_marked(FIRST);
    assert_eq!(case.count(|what| *what == What::GaveUp(ReconnectReason::ServerShutdown)), 1, "{}", case.story());
    assert_eq!(case.count(|what| *what == What::Connected), 1, "{}", case.story());
    case.assert_ends_with_the_truth();
}

#[test]
fn all_venues_can_be_lost_at_once() {
    let sim = SimSettings { seed: 7, history_minutes: 60, ..SimSettings::default() };
    let mut world = World::new(&Settings::new(sim, SPOKEN)).expect("valid");
    world.run_for(s(95));
    let at = world.now();
    world.sim.fault(Fault::new(When::At(at), Scope::default(), Kind::Abort));
    world.run_for(RESYNC);
    for (index, followed) in world.followed().iter().enumerate() {
        let name = format!("{} {}", followed.venue, followed.symbol);
        let is_its = |entry: &soak::Entry| entry.instrument.is_some_and(|of| of.index() == index);
        let marked = world.diary().first(at, |e| is_its(e) && e.what == What::Stale(StaleReason::Disconnected));
        assert!(marked.is_some_and(|entry| entry.at.since(at) <= AT_ONCE), "{name}");
    }
    world.run_for(s(300));
    let report = world.report();
    assert!(report.is_good() && report.faults_injected == SPOKEN.len() as u64, "{report}");
}
