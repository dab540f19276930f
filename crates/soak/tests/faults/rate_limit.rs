//! The venue wants less to be asked.

use feed::FeedSettings;
use sim::fault::{Channel, Kind};
use soak::What;
use types::Venue;

use crate::case::{ALL, Case, FIRST, Flavour, RESYNC, s};

/// Requests made between two moments after the fault, seconds.
fn asked(case: &Case, from_s: u64, to_s: u64) -> usize {
    let (from, to) = (case.at.plus(s(from_s)), case.at.plus(s(to_s)));
    let is_asked = |entry: &&soak::Entry| matches!(entry.what, What::Requested(_)) && (from..to).contains(&entry.at);
    case.since().filter(is_asked).count()
}

/// The venue says so with the next answer, and again and again: new connections want a lot to be asked.
fn limited(flavour: Flavour, status: u16, retry_after_s: Option<u32>, lasts_s: u64) -> Case {
    let mut case = Case::live(flavour);
    case.inject(case.everything(), Kind::Limit { status, retry_after_s, lasts: s(lasts_s) });
    case.inject(case.everything(), Kind::Abort);
    case
}

/// Kraken never says how long.
fn says_how_long() -> impl Iterator<Item = Flavour> {
    ALL.into_iter().filter(|flavour| flavour.venue != Venue::Kraken)
}

#[test]
fn not_one_request_is_made_before_the_end_that_the_venue_named() {
    for flavour in says_how_long() {
        let venue = flavour.venue;
        for status in [429, 418].into_iter().filter(|status| *status == 429 || venue == Venue::BinanceUs) {
            let mut case = limited(flavour, status, Some(60), 60);
            case.run(s(62));
            // The first refusal arrives within a second or two, with two requests on their way at most.
            assert!((1..=4).contains(&asked(&case, 0, 3)), "{venue} {status}: {}", case.story());
            assert_eq!(asked(&case, 3, 60), 0, "{venue} {status}: {}", case.story());
            case.assert_right_within(FIRST, s(120));
            case.assert_ends_with_the_truth();
        }
    }
}

#[test]
fn a_limit_without_an_end_is_answered_with_growing_pauses() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = limited(flavour, 429, None, 180);
        case.run(s(180));
        assert!(asked(&case, 0, 180) <= 16, "{venue}: {} requests: {}", asked(&case, 0, 180), case.story());
        case.assert_right_within(FIRST, s(300));
        case.assert_ends_with_the_truth();
    }
}

/// A page of the network in front of the venue.
#[test]
fn a_forbidden_page_is_answered_with_growing_pauses() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = limited(flavour, 403, None, 180);
        case.run(s(180));
        assert!(asked(&case, 0, 180) <= 30, "{venue}: {} requests: {}", asked(&case, 0, 180), case.story());
        case.assert_right_within(FIRST, s(300));
        case.assert_ends_with_the_truth_after(s(15 * 60));
    }
}

/// What is saved of a ban before a restart is honoured after it.
#[test]
fn a_ban_outlives_a_restart() {
    for flavour in says_how_long() {
        let venue = flavour.venue;
        let mut case = limited(flavour, 429, Some(120), 120);
        case.run(s(10));
        let status = case.world.driver(venue).expect("taken part").status();
        let until = status.requests_blocked_until.expect("blocked");
        assert!(until.since(case.at) >= s(115), "{venue}: until {until}");
        let settings = FeedSettings { blocked_until: Some(until), ..FeedSettings::new(venue, Vec::new()) };
        let mut feed = feed::Feed::new(settings).expect("valid");
        let mut out = Vec::new();
        for second in 0..110 {
            feed.handle(case.at.plus(s(10 + second)), feed::FeedInput::Deadline, &mut out);
        }
        let requests = out.iter().filter(|output| matches!(output, feed::FeedOutput::Request(_))).count();
        assert_eq!(requests, 0, "{venue}");
    }
}

#[test]
fn a_refused_message_does_not_end_the_connection() {
    for flavour in ALL {
        let venue = flavour.venue;
        let text = match venue {
            Venue::Kraken => {
                r#"{"error":"Exceeded msg rate","method":"subscribe","success":false,"time_in":"2026-10-01T00:00:00.000000Z","time_out":"2026-10-01T00:00:00.000001Z"}"#
            }
            Venue::BinanceUs => r#"{"code":3,"msg":"Too many requests"}"#,
            Venue::Coinbase => r#"{"type":"error","message":"Rate limit exceeded"}"#,
            Venue::Kucoin => r#"{"id":"1","type":"error","code":509,"data":"exceed max message limit"}"#,
        };
        let mut case = Case::live(flavour);
        case.inject(case.everything(), Kind::Say { text: text.to_owned() });
        case.run(RESYNC);
        assert!(case.count(|what| matches!(what, What::Rejected(_))) > 0, "{venue}: {}", case.story());
        case.assert_never_marked(FIRST);
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn refused_requests_do_not_touch_live_books() {
    for flavour in ALL {
        let mut case = Case::live(flavour);
        case.inject(
            case.everything().channel(Channel::Candles),
            Kind::Limit { status: 429, retry_after_s: Some(30), lasts: s(120) },
        );
        case.run(s(150));
        case.assert_never_marked(FIRST);
        case.assert_same_connection();
        case.assert_ends_with_the_truth();
    }
}
