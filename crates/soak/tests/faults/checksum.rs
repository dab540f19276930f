//! Checksum and book do not go together. Only Kraken has checksums.

use sim::fault::{Channel, Kind};
use soak::What;
use types::Venue;
use types::market::StaleReason;

use crate::case::{AT_ONCE, Case, FIRST, Flavour, RESYNC, SECOND, s};

fn book(case: &Case) -> sim::fault::Scope {
    case.first().channel(Channel::Book)
}

#[test]
fn a_wrong_checksum_builds_only_that_book_anew() {
    let mut case = Case::live(Flavour::of(Venue::Kraken));
    case.inject(book(&case), Kind::WrongChecksum);
    case.run_until_injected(1);
    case.run(RESYNC);
    assert_eq!(case.assert_marked(FIRST, AT_ONCE), StaleReason::ChecksumMismatch);
    case.assert_never_marked(SECOND);
    case.assert_same_connection();
    assert!(case.world.is_right(FIRST, AT_ONCE), "{}", case.story());
    case.assert_ends_with_the_truth();
}

/// A value that was changed on the way shows in the checksum of the original, when it is among the ten best levels; below
/// them when its level comes up, and a wrong book is never shown as proven.
#[test]
fn a_changed_value_with_the_checksum_of_the_original_is_not_believed() {
    let mut case = Case::live(Flavour::of(Venue::Kraken));
    for _ in 0..20 {
        case.inject(book(&case), Kind::WrongValue);
        case.run(s(10));
    }
    assert!(
        case.count(|what| *what == What::Stale(StaleReason::ChecksumMismatch)) > 0
            || case.world.sim.faults_injected() == 20
    );
    case.assert_never_marked(SECOND);
    case.assert_same_connection();
    case.assert_ends_with_the_truth();
}

/// Three tries at once, then 5 s to 60 s apart; and the rules of the instruments are asked for again, for a change of
/// precision looks just like this.
#[test]
fn checksums_that_keep_failing_are_not_answered_with_a_storm() {
    let mut case = Case::live(Flavour::of(Venue::Kraken));
    let every = sim::fault::When::Chance { ppm: 1_000_000 };
    case.at = case.world.now();
    case.world.sim.fault(sim::fault::Fault::new(every, book(&case), Kind::WrongChecksum));
    case.run(s(300));
    let is_book =
        |what: &What| matches!(what, What::Sent(text) if text.contains(r#""subscribe""#) && text.contains(r#""book""#));
    let tries = case.count(is_book);
    assert!((5..14).contains(&tries), "{tries} tries: {}", case.story());
    let is_rules = |what: &What| matches!(what, What::Sent(text) if text.contains(r#""channel":"instrument""#));
    assert!(case.count(is_rules) > 0, "{}", case.story());
    case.assert_never_marked(SECOND);
    case.assert_same_connection();
    case.world.sim.stop_faults();
    case.run(s(65));
    assert!(case.world.is_right(FIRST, AT_ONCE), "{}", case.story());
    case.assert_ends_with_the_truth();
}
