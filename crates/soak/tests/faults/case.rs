//! One venue, two instruments, and what goes wrong.

use std::time::Duration;

use feed::{FeedSettings, KucoinBook};
use sim::SimSettings;
use sim::fault::{Fault, Kind, Scope, When};
use soak::{Entry, Report, Settings, What, World};
use types::market::StaleReason;
use types::{InstrumentId, Timestamp, Venue};

/// The instrument that things happen to.
pub(crate) const FIRST: InstrumentId = InstrumentId(0);
/// Its neighbour.
pub(crate) const SECOND: InstrumentId = InstrumentId(1);
/// Most time between a fault that shows at once and the mark.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);
/// Time in which a book is built anew, several requests or subscriptions included.
pub(crate) const RESYNC: Duration = Duration::from_secs(30);
/// Time from the last fault until everything has been asked for again: history comes a minute or two late.
const SETTLE: Duration = Duration::from_secs(5 * 60);

pub(crate) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A venue, and of KuCoin one of the ways to get its books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flavour {
    pub(crate) venue: Venue,
    pub(crate) book: KucoinBook,
}

/// Everything that is spoken.
pub(crate) const ALL: [Flavour; 6] = [
    flavour(Venue::Kraken, KucoinBook::Pictures),
    flavour(Venue::BinanceUs, KucoinBook::Pictures),
    flavour(Venue::Coinbase, KucoinBook::Pictures),
    flavour(Venue::Kucoin, KucoinBook::Pictures),
    flavour(Venue::Kucoin, KucoinBook::Changes),
    flavour(Venue::Kucoin, KucoinBook::Unified),
];

const fn flavour(venue: Venue, book: KucoinBook) -> Flavour {
    Flavour { venue, book }
}

impl Flavour {
    /// The only one of its venue.
    pub(crate) const fn of(venue: Venue) -> Self {
        flavour(venue, KucoinBook::Pictures)
    }

    /// Each book frame is the whole: one that is lost or odd is made good by the next.
    pub(crate) fn tells_pictures(self) -> bool {
        self.venue == Venue::Kucoin && self.book == KucoinBook::Pictures
    }

    /// Lost book frames show, by number or checksum.
    pub(crate) fn tells_gaps(self) -> bool {
        !self.tells_pictures() && self.venue != Venue::Coinbase
    }

    /// Books begin with an answer to a request.
    pub(crate) fn asks_for_books(self) -> bool {
        self.venue == Venue::BinanceUs || (self.venue == Venue::Kucoin && self.book == KucoinBook::Changes)
    }
}

/// A box that follows one venue and has its books live.
pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) venue: Venue,
    flavour: Flavour,
    /// When the fault was injected.
    pub(crate) at: Timestamp,
}

impl Case {
    /// A box that has run for a while in calm.
    pub(crate) fn live(flavour: Flavour) -> Self {
        Self::with(flavour, |_| {})
    }

    /// The same with settings of its own.
    pub(crate) fn with(flavour: Flavour, change: impl FnOnce(&mut FeedSettings)) -> Self {
        Self::start(flavour, change, 0)
    }

    /// The same with a clock that is so far ahead of the venue's from the start.
    pub(crate) fn skewed(flavour: Flavour, skew_ns: i64) -> Self {
        Self::start(flavour, |_| {}, skew_ns)
    }

    fn start(flavour: Flavour, change: impl FnOnce(&mut FeedSettings), skew_ns: i64) -> Self {
        let venue = flavour.venue;
        let mut settings = settings(flavour);
        change(&mut settings.feeds[0]);
        let mut world = World::new(&settings).expect("valid");
        world.driver_mut(venue).expect("taken part").set_skew_ns(skew_ns);
        world.run_for(s(95));
        let case = Self { at: world.now(), world, venue, flavour };
        for instrument in [FIRST, SECOND] {
            assert!(case.world.is_right(instrument, AT_ONCE), "{flavour:?} does not come up: {}", case.story());
        }
        case
    }

    /// All that is sent to this box.
    pub(crate) fn everything(&self) -> Scope {
        Scope::of(self.venue)
    }

    /// All that is sent about the first instrument.
    pub(crate) fn first(&self) -> Scope {
        Scope::of(self.venue).symbol(&self.world.followed()[FIRST.index()].symbol)
    }

    /// Lets something go wrong now.
    pub(crate) fn inject(&mut self, scope: Scope, kind: Kind) {
        self.at = self.world.now();
        self.world.sim.fault(Fault::new(When::At(self.at), scope, kind));
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.world.run_for(time);
    }

    /// Runs until the injected fault has happened so often in all.
    #[track_caller]
    pub(crate) fn run_until_injected(&mut self, count: u64) {
        for _ in 0..6_000 {
            if self.world.sim.faults_injected() >= count {
                self.at = self.world.sim.faults().next_back().map_or(self.at, |injected| injected.at);
                return;
            }
            self.run(Duration::from_millis(50));
        }
        panic!("{}: the fault found nothing to happen to: {}", self.venue, self.story());
    }

    /// What was noted since the fault.
    pub(crate) fn since(&self) -> impl Iterator<Item = &Entry> {
        self.world.diary().since(self.at)
    }

    pub(crate) fn count(&self, is_meant: impl Fn(&What) -> bool) -> usize {
        self.since().filter(|entry| is_meant(&entry.what)).count()
    }

    /// When and why the instrument's book was marked.
    pub(crate) fn marked(&self, instrument: InstrumentId) -> Option<(Duration, StaleReason)> {
        self.since().find_map(|entry| match entry.what {
            What::Stale(reason) if entry.instrument == Some(instrument) => Some((entry.at.since(self.at), reason)),
            _ => None,
        })
    }

    /// Asserts that the book was marked in time, and gives the reason.
    #[track_caller]
    pub(crate) fn assert_marked(&self, instrument: InstrumentId, within: Duration) -> StaleReason {
        match self.marked(instrument) {
            Some((after, reason)) if after <= within => reason,
            other => panic!("{}: marked {other:?}, expected within {within:?}: {}", self.venue, self.story()),
        }
    }

    #[track_caller]
    pub(crate) fn assert_never_marked(&self, instrument: InstrumentId) {
        let marked = self.marked(instrument);
        assert_eq!(marked, None, "{} {instrument:?}: {}", self.venue, self.story());
    }

    /// Asserts that the connection has not been touched since the fault.
    #[track_caller]
    pub(crate) fn assert_same_connection(&self) {
        let touched = self.count(|what| matches!(what, What::Dialled | What::Lost | What::GaveUp(_)));
        assert_eq!(touched, 0, "{}: {}", self.venue, self.story());
    }

    /// Asserts that the book has been right again at the latest after `within`: runs for so long.
    #[track_caller]
    pub(crate) fn assert_right_within(&mut self, instrument: InstrumentId, within: Duration) {
        self.run(within);
        assert!(self.world.is_right(instrument, s(2)), "{} {instrument:?}: {}", self.venue, self.story());
    }

    /// Nothing more goes wrong: asserts that books, trades and candles end as they were.
    #[track_caller]
    pub(crate) fn assert_ends_with_the_truth(self) -> Report {
        self.assert_ends_with_the_truth_after(SETTLE)
    }

    /// The same after a longer time.
    #[track_caller]
    pub(crate) fn assert_ends_with_the_truth_after(mut self, settle: Duration) -> Report {
        self.world.sim.stop_faults();
        self.run(settle);
        let report = self.world.report();
        assert!(report.faults_injected > 0, "{}: nothing went wrong", self.venue);
        assert!(report.is_good(), "{}:\n{report}{}", self.venue, self.story());
        report
    }

    /// The newest entries since shortly before the fault, for people.
    pub(crate) fn story(&self) -> String {
        let mut text = format!("{:?}, fault at {}\n", self.flavour.book, self.at);
        let since = self.at.minus(s(1));
        let is_told = |entry: &&Entry| !matches!(entry.what, What::Repaired);
        for entry in self.world.diary().since(since).filter(is_told).take(60) {
            text += &format!("  {} {:?} {:?}\n", entry.at, entry.instrument, entry.what);
        }
        text
    }
}

/// Two instruments of a venue.
pub(crate) fn settings(flavour: Flavour) -> Settings {
    let mut sim = SimSettings { seed: 7, history_minutes: 60, ..SimSettings::default() };
    let of_venue = sim.listings.into_iter().filter(|listing| listing.venue == flavour.venue);
    sim.listings = of_venue.take(2).collect();
    let mut settings = Settings::new(sim, [flavour.venue]);
    settings.feeds[0].history_minutes = 60;
    settings.feeds[0].kucoin.book = flavour.book;
    settings
}
