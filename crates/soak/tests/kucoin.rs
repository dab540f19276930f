//! KuCoin with books from every source: calm hours, and what is particular to its feeds.

use std::time::Duration;

use feed::{FeedSettings, KucoinBook};
use sim::SimSettings;
use soak::{Entry, Settings, What, World};
use types::{Timestamp, Venue};

const HOUR: Duration = Duration::from_secs(3_600);

/// How a feed is set to a source of books.
type Choose = fn(&mut FeedSettings);

/// Every source of books, and how a feed is set to it.
const SOURCES: [(KucoinBook, Choose); 4] = [
    (KucoinBook::Pictures, |settings| settings.kucoin.book = KucoinBook::Pictures),
    (KucoinBook::Changes, |settings| settings.kucoin.book = KucoinBook::Changes),
    (KucoinBook::AllChanges, |settings| settings.kucoin.book = KucoinBook::AllChanges),
    (KucoinBook::Unified, |settings| settings.kucoin.book = KucoinBook::Unified),
];

fn world(seed: u64, feed: Choose, change: impl FnOnce(&mut SimSettings)) -> World {
    let mut sim = SimSettings { seed, ..SimSettings::default() };
    change(&mut sim);
    World::new(&Settings { feed, ..Settings::new(sim, vec![Venue::Kucoin]) }).expect("valid")
}

#[test]
fn an_hour_of_every_source_ends_with_the_truth() {
    for (source, feed) in SOURCES {
        let mut world = world(7, feed, |sim| sim.kucoin_binary_frames = true);
        world.run_for(HOUR);
        let report = world.report();
        assert!(report.is_good() && report.unknowable == 0, "{source:?}:\n{report}");
        assert!(report.books_checked > 1_000 && report.trades.truth > 100 && report.candles.truth > 100);
        let status = world.driver(Venue::Kucoin).expect("taken part").status();
        // The simulator gives whole books only to who has a key, as the venue does.
        let refused = u64::from(source == KucoinBook::AllChanges);
        assert_eq!(status.connections, 1, "{source:?}");
        assert_eq!(status.rejected.of(feed::RejectReason::VenueError), refused, "{source:?}");
        let marked = |entry: &&Entry| matches!(entry.what, What::Stale(_));
        let marks: Vec<&Entry> = world.diary().since(Timestamp::EPOCH).filter(marked).collect();
        assert!(marks.is_empty(), "{source:?}: {marks:?}");
        let counts = status.instruments[0].counts;
        assert_eq!(counts.renewals > 0, matches!(source, KucoinBook::Changes | KucoinBook::AllChanges), "{source:?}");
        assert_eq!(counts.compare_mismatches, 0, "{source:?}");
    }
}

#[test]
fn the_change_from_one_connection_to_the_next_misses_and_doubles_nothing() {
    let feeds: [fn(&mut FeedSettings); 2] = [
        |settings| {
            settings.kucoin.book = KucoinBook::Pictures;
            settings.connection_age_max = Some(HOUR / 2);
        },
        |settings| {
            settings.kucoin.book = KucoinBook::Unified;
            settings.connection_age_max = Some(HOUR / 2);
        },
    ];
    for feed in feeds {
        let mut world = world(8, feed, |_| {});
        world.run_for(HOUR);
        let report = world.report();
        assert!(report.is_good(), "{report}");
        assert_eq!(world.driver(Venue::Kucoin).expect("taken part").status().connections, 2);
    }
}
