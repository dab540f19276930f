//! Requests fail, take long, or are answered with something old. Binance.US and KuCoin need an answer for their books,
//! Coinbase for its comparison; all of them, Kraken too, for candles and missed trades.

use sim::fault::{Channel, Fault, Kind, OddAnswer, Scope, When};
use soak::What;
use types::Venue;

use crate::case::{ALL, Case, FIRST, Flavour, s};

const BAD: [OddAnswer; 7] = [
    OddAnswer::Status(500),
    OddAnswer::Html(502),
    OddAnswer::Cut,
    OddAnswer::Slow(s(10)),
    OddAnswer::None,
    OddAnswer::Empty,
    OddAnswer::Old,
];

/// From now on the next three answers of a kind are bad, and a book is needed.
fn with_bad_answers(flavour: Flavour, channel: Channel, bad: OddAnswer) -> Case {
    let mut case = Case::live(flavour);
    case.inject(case.everything(), Kind::Abort);
    for _ in 0..3 {
        let scope = case.everything().channel(channel);
        case.world.sim.fault(Fault::new(When::At(case.at), scope, Kind::Answer(bad)));
    }
    case
}

#[test]
fn bad_snapshots_are_asked_for_again_with_pauses() {
    for flavour in ALL.into_iter().filter(|flavour| flavour.asks_for_books()) {
        let venue = flavour.venue;
        for bad in BAD {
            let mut case = with_bad_answers(flavour, Channel::Book, bad);
            case.run(s(90));
            assert!(case.world.sim.faults_injected() >= 4, "{venue} {bad:?}: {}", case.story());
            assert!(case.world.is_right(FIRST, s(2)), "{venue} {bad:?}: {}", case.story());
            let asked = case.count(
                |what| matches!(what, What::Requested(path) if path.contains("depth") || path.contains("orderbook")),
            );
            assert!((3..30).contains(&asked), "{venue} {bad:?}: asked {asked} times: {}", case.story());
            case.assert_ends_with_the_truth();
        }
    }
}

#[test]
fn bad_answers_about_candles_and_trades_are_asked_for_again() {
    for flavour in ALL {
        for channel in [Channel::Candles, Channel::Trades] {
            for bad in BAD.into_iter().filter(|bad| *bad != OddAnswer::Old) {
                let case = with_bad_answers(flavour, channel, bad);
                case.assert_ends_with_the_truth_after(s(15 * 60));
            }
        }
    }
}

#[test]
fn bad_answers_about_instruments_do_not_keep_a_box_from_starting() {
    for flavour in ALL.into_iter().filter(|flavour| flavour.venue != Venue::Kraken) {
        let venue = flavour.venue;
        for bad in BAD.into_iter().filter(|bad| *bad != OddAnswer::Old) {
            let mut case = with_bad_answers(flavour, Channel::Instruments, bad);
            case.run(s(150));
            assert!(case.world.is_right(FIRST, s(2)), "{venue} {bad:?}: {}", case.story());
        }
    }
}

#[test]
fn a_failed_comparison_says_nothing_about_a_book() {
    for bad in BAD {
        let mut case = Case::live(Flavour::of(Venue::Coinbase));
        let scope = Scope::of(Venue::Coinbase).channel(Channel::Book);
        case.inject(scope, Kind::Answer(bad));
        case.run(s(30 * 60));
        case.assert_never_marked(FIRST);
        let report = case.world.report();
        assert!(report.is_good(), "{bad:?}: {report}");
    }
}
