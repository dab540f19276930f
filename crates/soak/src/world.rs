//! Everything together, and the clock that drives it.

use std::time::Duration;

use engine::Engine;
use engine::candle::SERIES_MAX;
use feed::{FeedSettings, SettingsError, Wanted};
use sim::{ListingSettings, Sim, SimSettings};
use types::settings::EngineSettings;
use types::time::{NS_PER_MIN, NS_PER_S};
use types::{Effects, Input, InstrumentId, Stamped, Timestamp, Venue};

use crate::diary::{Diary, What};
use crate::driver::{Driver, Told};
use crate::judge::{Books, DEPTH, Followed, Knowable, REMEMBERED, Trades, candles, instrument_of};
use crate::network::{Network, NetworkSettings};
use crate::report::{Report, Score};

/// The feeds connect and fill in their past; what happened before is nobody's.
const WARM_UP: Duration = Duration::from_secs(60);
/// What happened less than this ago may still be on its way.
const ON_THE_WAY: Duration = Duration::from_secs(10);
/// Minutes that ended less than this ago may still be waited for.
const CANDLES_SETTLE: Duration = Duration::from_secs(3 * 60);
/// Examples kept of what went wrong.
const FINDINGS_MAX: usize = 40;

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The market. Its seed is the seed of everything.
    pub sim: SimSettings,
    /// One feed per venue. Instruments are numbered through all of them.
    pub feeds: Vec<FeedSettings>,
    /// A change to all of them.
    pub feed: fn(&mut FeedSettings),
    /// What the engine is told at its start.
    pub engine: EngineSettings,
    /// How long things take.
    pub network: NetworkSettings,
    /// Whether what happens is written down.
    pub keeps_diary: bool,
}

impl Settings {
    /// A run over all listings of `venues` in this market, with the feeds' own settings and a diary.
    #[must_use]
    pub fn new(sim: SimSettings, venues: impl AsRef<[Venue]>) -> Self {
        let mut count = 0;
        let mut feed = |(index, venue): (u64, &Venue)| {
            let listings = sim.listings.iter().filter(|listing| listing.venue == *venue);
            let wanted = |listing: &ListingSettings| {
                count += 1;
                Wanted { id: InstrumentId(count - 1), symbol: listing.symbol.clone() }
            };
            let wanted = listings.map(wanted).collect();
            FeedSettings { seed: sim.seed.wrapping_mul(31).wrapping_add(index), ..FeedSettings::new(*venue, wanted) }
        };
        let feeds = (0..).zip(venues.as_ref()).map(&mut feed).collect();
        Self {
            sim,
            feeds,
            feed: |_| {},
            engine: EngineSettings::default(),
            network: NetworkSettings::default(),
            keeps_diary: true,
        }
    }
}

/// A market, its venues, and a box that follows them.
#[derive(Debug)]
pub struct World {
    /// The market and its venues; faults are added here.
    pub sim: Sim,
    drivers: Vec<Driver>,
    engine: Engine,
    effects: Effects,
    seq: u64,
    tick_at: Timestamp,
    followed: Vec<Followed>,
    books: Vec<Books>,
    trades: Vec<Trades>,
    since: Timestamp,
    seen_faults: u64,
    diary: Diary,
    told: Vec<Told>,
    listener: Option<Listener>,
}

/// Hears every input with what it caused, and the engine after it.
struct Listener(Box<Heard>);

type Heard = dyn FnMut(&Stamped<Input>, &Effects, &Engine);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl World {
    /// Everything at its start.
    ///
    /// # Errors
    /// [`SettingsError`] when a feed cannot work with its settings.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let mut sim = Sim::new(settings.sim.clone());
        sim.remember_books(DEPTH, REMEMBERED);
        let of_feed = |feed: &FeedSettings| {
            let venue = feed.venue;
            feed.instruments.iter().map(move |wanted| Followed { venue, symbol: wanted.symbol.clone() }).collect()
        };
        let followed: Vec<Followed> = settings.feeds.iter().flat_map(|feed| -> Vec<_> { of_feed(feed) }).collect();
        let driver = |feed: &FeedSettings| {
            let mut feed = feed.clone();
            (settings.feed)(&mut feed);
            let network = Network::new(settings.network, feed.seed);
            Driver::new(feed, network)
        };
        let drivers = settings.feeds.iter().map(driver).collect::<Result<Vec<_>, _>>()?;
        let since = sim.now().plus(WARM_UP);
        let mut world = Self {
            drivers,
            engine: Engine::new(),
            effects: Effects::default(),
            seq: 0,
            tick_at: sim.now(),
            books: vec![Books::default(); followed.len()],
            trades: (0..).zip(&followed).map(|(id, of)| Trades::new(InstrumentId(id), of.venue, since)).collect(),
            followed,
            since,
            seen_faults: 0,
            diary: if settings.keeps_diary { Diary::default() } else { Diary::off() },
            told: Vec::new(),
            listener: None,
            sim,
        };
        let settings = Box::new(settings.engine.clone());
        world.pass_on(Input::Boot { version: env!("CARGO_PKG_VERSION").to_owned(), settings });
        world.pass_on(Input::Clock { synchronised: true });
        Ok(world)
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.sim.now()
    }

    /// From now on every input is told, with what it caused.
    pub fn listen(&mut self, heard: impl FnMut(&Stamped<Input>, &Effects, &Engine) + 'static) {
        self.listener = Some(Listener(Box::new(heard)));
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now().plus(time));
    }

    /// Lets time pass until then.
    pub fn run_until(&mut self, end: Timestamp) {
        while self.now() < end {
            let drivers = self.drivers.iter().map(Driver::next_at).fold(self.tick_at, Timestamp::min);
            let next = self.sim.next_event().min(drivers).min(end);
            // A deadline in the past means now; a nanosecond on keeps time moving.
            self.sim.advance(next.max(self.now().plus(Duration::from_nanos(1))));
            for index in 0..self.drivers.len() {
                self.drivers[index].turn(&mut self.sim, &mut self.told, &mut self.diary);
                self.work_off(index);
            }
            if self.tick_at <= self.now() {
                self.tick();
            }
        }
    }

    /// One venue's feed; `None` when it takes no part.
    #[must_use]
    pub fn driver(&self, venue: Venue) -> Option<&Driver> {
        self.drivers.iter().find(|driver| driver.venue() == venue)
    }

    /// The same, to be changed.
    pub fn driver_mut(&mut self, venue: Venue) -> Option<&mut Driver> {
        self.drivers.iter_mut().find(|driver| driver.venue() == venue)
    }

    /// What happened so far.
    #[must_use]
    pub fn diary(&self) -> &Diary {
        &self.diary
    }

    /// The engine behind the feeds.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The followed instruments, by their ids.
    #[must_use]
    pub fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// Whether the instrument's book is published as live and was true within the last `within`.
    #[must_use]
    pub fn is_right(&self, instrument: InstrumentId, within: Duration) -> bool {
        let index = instrument.index();
        self.books.get(index).is_some_and(|books| books.holds(&self.sim, &self.followed[index], within))
    }

    fn work_off(&mut self, driver: usize) {
        let venue = self.drivers[driver].venue();
        for (symbol, id) in self.drivers[driver].offers.drain(..) {
            let is_its = |followed: &Followed| followed.venue == venue && followed.symbol == symbol;
            if let Some(index) = self.followed.iter().position(is_its) {
                self.trades[index].offered(&self.sim, &self.followed[index], id);
            }
        }
        let mut told = std::mem::take(&mut self.told);
        if !told.is_empty() {
            self.see_faults();
        }
        for Told { input, known_at } in told.drain(..) {
            if let Some(instrument) = instrument_of(&input) {
                self.judge(venue, instrument, &input, known_at);
            }
            self.pass_on(input);
        }
        self.told = told;
    }

    fn judge(&mut self, venue: Venue, instrument: InstrumentId, input: &Input, known_at: Timestamp) {
        let index = instrument.index();
        let (followed, books, trades) = (&self.followed[index], &mut self.books[index], &mut self.trades[index]);
        let what = match input {
            Input::Book(book) => books.published(&self.sim, followed, book.clone(), known_at),
            Input::BookStale { reason, .. } => {
                books.marked();
                Some(What::Stale(*reason))
            }
            Input::Trade(trade) => trades.told(&self.sim, followed, trade).then_some(What::Repaired),
            Input::Instrument(_) => Some(What::Rules),
            Input::Status { status, .. } => Some(What::Status(*status)),
            _ => None,
        };
        if let Some(what) = what {
            self.diary.note(self.sim.now(), venue, Some(instrument), what);
        }
    }

    /// Notes the books that were tampered with where the venue's protocol does not let that be seen.
    fn see_faults(&mut self) {
        let fresh = (self.sim.faults_injected() - self.seen_faults) as usize;
        for injected in self.sim.faults().rev().take(fresh) {
            for (followed, books) in self.followed.iter().zip(&mut self.books) {
                if injected.concerns_book(followed.venue, &followed.symbol) {
                    let knowable = Knowable::of(followed.venue);
                    let unseen = knowable.unseen_of(followed.venue, injected);
                    books.tampered(injected.at, unseen, !knowable.unseen.is_zero());
                }
            }
        }
        self.seen_faults = self.sim.faults_injected();
    }

    fn tick(&mut self) {
        self.tick_at = Timestamp::from_nanos((self.now().as_nanos() / NS_PER_S + 1) * NS_PER_S);
        self.see_faults();
        for index in 0..self.followed.len() {
            self.books[index].look(&self.sim, &self.followed[index]);
            self.trades[index].look(&self.sim, &self.followed[index]);
        }
        self.pass_on(Input::Tick);
    }

    fn pass_on(&mut self, input: Input) {
        self.seq += 1;
        let stamped = Stamped { seq: self.seq, at: self.sim.now(), input };
        self.engine.handle(&stamped, &mut self.effects);
        if let Some(Listener(heard)) = &mut self.listener {
            heard(&stamped, &self.effects, &self.engine);
        }
        self.effects.clear();
    }

    /// What it all came to.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = Report {
            venues: self.drivers.iter().map(Driver::venue).collect(),
            faults_injected: self.sim.faults_injected(),
            limits_broken: self.sim.limits_broken().len() as u64,
            ..Report::default()
        };
        for broken in self.sim.limits_broken() {
            find(&mut report, || format!("{} at {}: {}", broken.venue, broken.at, broken.what));
        }
        for driver in &self.drivers {
            report.limits_broken += driver.asked_while_banned;
            if driver.asked_while_banned > 0 {
                find(&mut report, || {
                    format!("{}: {} requests while banned", driver.venue(), driver.asked_while_banned)
                });
            }
        }
        (0..self.followed.len()).for_each(|index| self.report_of(index, &mut report));
        report
    }

    fn report_of(&self, index: usize, report: &mut Report) {
        let (followed, books) = (&self.followed[index], &self.books[index]);
        let name = format!("{} {}", followed.venue, followed.symbol);
        let is_right = books.holds(&self.sim, followed, ON_THE_WAY);
        report.books.add(Score { truth: 1, equal: u64::from(is_right) });
        report.books_checked += books.checked;
        report.unknowable += books.unknowable;
        report.wrong_live += books.wrong + books.forgotten;
        if !is_right {
            find(report, || format!("{name}: the book is not right at the end"));
        }
        if let Some(wrong) = &books.first_wrong {
            find(report, || format!("{} wrong books, the first: {wrong}", books.wrong));
        }
        if books.forgotten > 0 {
            find(report, || format!("{name}: left standing as live {} times", books.forgotten));
        }
        let mut trades = self.trades[index].clone();
        trades.look(&self.sim, followed);
        trades.settle(self.now(), ON_THE_WAY);
        report.trades.add(Score { truth: trades.truth, equal: trades.equal });
        report.wrong_trades += trades.wrong;
        report.out_of_reach += trades.out_of_reach();
        if let Some(wrong) = &trades.first_wrong {
            find(report, || format!("{} wrong trades, the first: {wrong}", trades.wrong));
        }
        let settled = self.now().minus(ON_THE_WAY);
        if let Some(missing) = trades.missing().find(|trade| trade.venue_at <= settled) {
            let count = trades.truth.saturating_sub(trades.equal);
            find(report, || format!("{name}: {count} trades are missing, the first: {missing:?}"));
        }
        // The minute in which the warm-up ended was not heard as a whole.
        let from = Timestamp::from_nanos((self.since.as_nanos() / NS_PER_MIN + 1) * NS_PER_MIN);
        let to = self.now().minus(CANDLES_SETTLE + Duration::from_secs(60));
        // The engine keeps no more.
        let kept = Duration::from_secs(60 * (SERIES_MAX as u64 - 2));
        let from = from.max(self.now().minus(kept).floor_to(NS_PER_MIN));
        let mut differences = Vec::new();
        let instrument = InstrumentId(index as u16);
        let score = candles(&self.sim, &self.engine, followed, instrument, (from, to), |truth, ours| {
            differences.push(format!("{name}: {truth:?} instead of {ours:?}"));
        });
        report.candles.add(score);
        differences.into_iter().take(2).for_each(|difference| find(report, || difference));
    }
}

fn find(report: &mut Report, finding: impl FnOnce() -> String) {
    if report.findings.len() < FINDINGS_MAX {
        report.findings.push(finding());
    }
}
