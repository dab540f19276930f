//! Frames are lost.

use feed::FeedSettings;
use sim::fault::{Channel, Kind};
use soak::What;
use soak::judge::Knowable;
use types::Venue;
use types::market::StaleReason;

use crate::case::{ALL, Case, FIRST, Flavour, RESYNC, SECOND, s};

/// By sequence or checksum, with the next frame that touches what is proven.
#[test]
fn lost_book_updates_are_noticed_and_only_their_book_is_built_anew() {
    for flavour in ALL.into_iter().filter(|flavour| flavour.tells_gaps()) {
        let venue = flavour.venue;
        for frames in [1, 5, 50] {
            let mut case = Case::live(flavour);
            case.inject(case.first().channel(Channel::Book), Kind::Drop { frames });
            case.run_until_injected(u64::from(frames));
            // Kraken's checksum covers the ten best levels: a change below them may not show for a while.
            let within = if venue == Venue::Kraken { s(60) } else { s(5) };
            case.run(within + RESYNC);
            if venue != Venue::Kraken || frames > 1 {
                let reason = case.assert_marked(FIRST, within);
                let expected = [StaleReason::SequenceGap, StaleReason::ChecksumMismatch];
                assert!(expected.contains(&reason), "{venue}: {reason:?}");
            }
            case.assert_never_marked(SECOND);
            case.assert_same_connection();
            case.assert_ends_with_the_truth();
        }
    }
}

/// Coinbase numbers nothing. What was lost shows when prices cross, when the ticker disagrees, or at the next comparison
/// with a fresh book, and that is the bound.
#[test]
fn lost_book_updates_of_coinbase_are_noticed_by_the_next_comparison() {
    for frames in [1, 5, 50] {
        let mut case = Case::live(Flavour::of(Venue::Coinbase));
        case.inject(case.first().channel(Channel::Book), Kind::Drop { frames });
        case.run_until_injected(u64::from(frames));
        let bound = Knowable::of(Venue::Coinbase).unseen;
        case.run(bound);
        assert!(case.world.is_right(FIRST, s(2)), "{frames} frames: {}", case.story());
        case.assert_same_connection();
        case.assert_ends_with_the_truth();
    }
}

/// KuCoin's numbers have holes of their own: what one connection loses there is found by the next.
#[test]
fn lost_trades_are_noticed_by_their_numbers_and_asked_for() {
    for flavour in ALL.into_iter().filter(|flavour| flavour.venue != Venue::Kucoin) {
        let venue = flavour.venue;
        for frames in [1, 5, 50] {
            let mut case = Case::live(flavour);
            case.inject(case.first().channel(Channel::Trades), Kind::Drop { frames });
            case.run_until_injected(u64::from(frames));
            case.run(s(120));
            assert!(case.count(|what| *what == What::Repaired) > 0, "{venue}: {}", case.story());
            case.assert_same_connection();
            case.assert_ends_with_the_truth();
        }
    }
}

#[test]
fn a_lost_minute_of_an_instrument_is_filled_in() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.first(), Kind::Silence { lasts: s(60) });
        case.run(s(60) + RESYNC);
        case.assert_ends_with_the_truth_after(Knowable::of(venue).unseen.max(s(300)));
    }
}

/// Nothing said is as good as no: after its patience the feed asks anew.
#[test]
fn a_lost_answer_to_a_subscription_does_not_keep_the_books_from_living() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Abort);
        case.inject(case.everything().channel(Channel::Control), Kind::Drop { frames: 2 });
        let patience = FeedSettings::new(venue, Vec::new()).subscribe_timeout;
        case.run(patience * 3 + RESYNC);
        assert!(case.world.sim.faults_injected() >= 2, "{venue}: {}", case.story());
        for instrument in [FIRST, SECOND] {
            assert!(case.world.is_right(instrument, s(2)), "{venue}: {}", case.story());
        }
        case.assert_ends_with_the_truth();
    }
}
