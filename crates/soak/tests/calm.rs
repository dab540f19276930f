//! An hour in which nothing goes wrong.

#![allow(clippy::print_stdout, reason = "what a run came to belongs to its test")]

use std::time::Duration;

use sim::SimSettings;
use soak::{Entry, Settings, What, World};
use types::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn an_hour_of_every_venue_ends_with_the_truth() {
    for seed in [1, 2] {
        for venue in feed::SPOKEN {
            let settings = Settings::new(SimSettings { seed, ..SimSettings::default() }, [venue]);
            let mut world = World::new(&settings).expect("valid");
            world.run_for(HOUR);
            let report = world.report();
            println!("{venue}, seed {seed}:\n{report}");
            assert!(report.is_good() && report.unknowable == 0, "{venue}, seed {seed}:\n{report}");
            assert!(report.books_checked > 1_000 && report.trades.truth > 100 && report.candles.truth > 100);
            let status = world.driver(venue).expect("taken part").status();
            assert_eq!((status.connections, status.rejected.total()), (1, 0), "{venue}");
            let marked = |entry: &&Entry| matches!(entry.what, What::Stale(_));
            let marks: Vec<&Entry> = world.diary().since(Timestamp::EPOCH).filter(marked).collect();
            assert!(marks.is_empty(), "{venue}: {marks:?}");
        }
    }
}
