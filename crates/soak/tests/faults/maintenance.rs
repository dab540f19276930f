//! The venue is in maintenance: Kraken says so, KuCoin falls silent, Binance.US and Coinbase close and answer 503.

use sim::fault::Kind;
use soak::What;
use types::Venue;

use crate::case::{ALL, Case, FIRST, Flavour, SECOND, s};

#[test]
fn maintenance_is_waited_out_without_a_storm() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Maintenance { lasts: s(600) });
        case.run(s(600));
        for instrument in [FIRST, SECOND] {
            case.assert_marked(instrument, s(100));
        }
        let dials = case.count(|what| *what == What::Dialled);
        let requests = case.count(|what| matches!(what, What::Requested(_)));
        assert!(dials <= 40, "{venue}: {dials} connections in ten minutes: {}", case.story());
        assert!(requests <= 60, "{venue}: {requests} requests in ten minutes: {}", case.story());
        case.run(s(180));
        for instrument in [FIRST, SECOND] {
            assert!(case.world.is_right(instrument, s(2)), "{venue}: {}", case.story());
        }
        case.assert_ends_with_the_truth_after(s(15 * 60));
    }
}

/// Kraken's word for it reaches the status of the feed.
#[test]
fn kraken_is_offline_while_it_says_so() {
    let mut case = Case::live(Flavour::of(Venue::Kraken));
    case.inject(case.everything(), Kind::Maintenance { lasts: s(60) });
    case.run(s(30));
    let is_online = |case: &Case| case.world.driver(case.venue).expect("taken part").status().is_venue_online;
    assert!(!is_online(&case), "{}", case.story());
    case.run(s(60));
    assert!(is_online(&case), "{}", case.story());
}
