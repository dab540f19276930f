//! What a recording tells about its markets: whole books where they begin, then what each message changed.

use types::market::{Proof, StaleReason};
use types::{Input, InstrumentId, Level, Price, Qty, Scale, Side, Timestamp, Trade};

use crate::book::{Book, Ladder, Verdict};

/// Digits of everything on a tape, whatever the venue: recordings do not tell all rules, and a venue may write more digits
/// later. They hold prices up to 900 million and quantities up to 180 thousand million.
pub const TAPE_SCALE: Scale = Scale { price_decimals: 10, qty_decimals: 8 };
/// Levels of each side that are told at least: all that the engine looks at.
const LEVELS_MIN: usize = 1_000;

/// One thing that a recording told.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// When it was received, as the recording says; where it does not, the venue's own time of the newest message. Never
    /// decreases.
    pub at: Timestamp,
    /// What. In digits of [`TAPE_SCALE`]; instruments are numbered in the order of their first word.
    pub told: Told,
}

/// What a recording told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A book that holds: all its known levels, best first; the best thousand where others do not fit [`TAPE_SCALE`]. What was
    /// told of it before does not count any more.
    Book(Depth),
    /// The book holds with these levels changed: the whole new quantity at each price, zero where no level is left. In the order
    /// of the message, so a price may stand there twice, with the same quantity.
    Change(Depth),
    /// [`Input::BookStale`] or [`Input::Trade`]. A stale book is told anew before it changes.
    Input(Input),
}

impl Told {
    /// Of which instrument.
    #[must_use]
    pub const fn instrument(&self) -> Option<InstrumentId> {
        match self {
            Self::Book(depth) | Self::Change(depth) => Some(depth.instrument),
            Self::Input(Input::BookStale { instrument, .. }) => Some(*instrument),
            Self::Input(Input::Trade(trade)) => Some(trade.instrument),
            Self::Input(_) => None,
        }
    }
}

/// Levels of one book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Whose.
    pub instrument: InstrumentId,
    /// Of buyers.
    pub bids: Vec<Level>,
    /// Of sellers.
    pub asks: Vec<Level>,
    /// Why the book can be believed.
    pub proof: Proof,
    /// When the venue made the change; `None` where it does not tell.
    pub venue_at: Option<Timestamp>,
}

/// What a message changed of a book: the side and price of each level; [`None`] when that is not known, or nearly everything.
pub(super) type Changed<'a> = Option<&'a mut dyn Iterator<Item = (Side, Price)>>;

/// Collects what is heard, if somebody wants to know.
#[derive(Debug, Default)]
pub(super) struct Tape {
    is_running: bool,
    /// When the present line was received; `None` where the recording does not tell.
    pub(super) line_at: Option<Timestamp>,
    at: Option<Timestamp>,
    markets: Vec<Market>,
    pub(super) heard: Vec<Heard>,
}

#[derive(Debug)]
struct Market {
    symbol: String,
    is_live: bool,
    /// What was told of the book last is not all that changed since: all of it has to be told.
    is_behind: bool,
    /// How far bids and asks were completely known when the book was told whole.
    trusted_to: [Option<i64>; 2],
}

impl Tape {
    pub(super) fn running() -> Self {
        Self { is_running: true, ..Self::default() }
    }

    /// Symbols in the order of their numbers.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.markets.iter().map(|market| market.symbol.as_str())
    }

    /// The time of the newest line or message.
    pub(super) const fn at(&self) -> Option<Timestamp> {
        self.at
    }

    /// A line begins.
    pub(super) fn begin(&mut self, at: Option<Timestamp>) {
        self.line_at = at;
        self.pass(at);
    }

    fn pass(&mut self, at: Option<Timestamp>) {
        self.at = self.at.max(at);
    }

    /// A message did this to a book.
    pub(super) fn book(
        &mut self,
        symbol: &str,
        verdict: Verdict,
        book: Option<(&Book, Scale)>,
        changed: Changed<'_>,
        proof: Proof,
        venue_at: Option<Timestamp>,
    ) {
        if !self.is_running {
            return;
        }
        let instrument = self.number(symbol);
        match (verdict, book) {
            (Verdict::Rebuilt | Verdict::Held, Some((book, scale))) => {
                let told = Rescale::from(scale).and_then(|rescale| {
                    let market = &mut self.markets[instrument.index()];
                    let depth = Depth { instrument, bids: Vec::new(), asks: Vec::new(), proof, venue_at };
                    let changed = changed.filter(|_| verdict == Verdict::Held && market.follows(book));
                    let change = changed.and_then(|changed| depth.clone().with(book, changed, &rescale));
                    change.map(Told::Change).or_else(|| {
                        let all = depth.clone().with_all(book, usize::MAX, &rescale);
                        // A level far away may have a price that does not fit. The best ones do, and are told each time.
                        (market.is_live, market.is_behind, market.trusted_to) = (true, all.is_none(), trusted_to(book));
                        all.or_else(|| depth.with_all(book, LEVELS_MIN, &rescale)).map(Told::Book)
                    })
                });
                match told {
                    Some(told) => self.tell(venue_at, told),
                    None => self.stale(instrument, StaleReason::Malformed, venue_at),
                }
            }
            (Verdict::Broken(reason), _) => self.stale(instrument, reason, venue_at),
            (Verdict::SnapshotTooOld, None) => self.stale(instrument, StaleReason::SequenceGap, venue_at),
            (Verdict::Crossed, _) => self.markets[instrument.index()].is_behind = true,
            (Verdict::Rebuilt | Verdict::Held | Verdict::SnapshotTooOld, _) | (Verdict::Waiting | Verdict::Old, _) => {}
        }
    }

    /// A book was replaced by another one of the same market without a word.
    pub(super) fn replaced(&mut self, symbol: &str) {
        if self.is_running {
            let instrument = self.number(symbol);
            self.markets[instrument.index()].is_behind = true;
        }
    }

    /// A message about a book could not be read.
    pub(super) fn malformed(&mut self, symbol: &str) {
        if self.is_running {
            let instrument = self.number(symbol);
            self.stale(instrument, StaleReason::Malformed, None);
        }
    }

    /// The connection is gone: no book holds.
    pub(super) fn disconnected(&mut self) {
        for index in 0..self.markets.len() {
            self.stale(InstrumentId(index as u16), StaleReason::Disconnected, None);
        }
    }

    /// A trade that was not heard before.
    pub(super) fn trade(&mut self, symbol: &str, trade: Trade, scale: Scale) {
        if !self.is_running {
            return;
        }
        let instrument = self.number(symbol);
        let venue_at = trade.venue_at;
        let told = Level { price: trade.price, qty: trade.qty };
        if let Some(Level { price, qty }) = Rescale::from(scale).and_then(|rescale| rescale.level(told)) {
            self.tell(Some(venue_at), Told::Input(Input::Trade(Trade { instrument, price, qty, ..trade })));
        }
    }

    fn stale(&mut self, instrument: InstrumentId, reason: StaleReason, venue_at: Option<Timestamp>) {
        if std::mem::take(&mut self.markets[instrument.index()].is_live) {
            self.tell(venue_at, Told::Input(Input::BookStale { instrument, reason }));
        }
    }

    fn tell(&mut self, venue_at: Option<Timestamp>, told: Told) {
        if self.line_at.is_none() {
            self.pass(venue_at);
        }
        self.heard.push(Heard { at: self.at.unwrap_or(Timestamp::EPOCH), told });
    }

    fn number(&mut self, symbol: &str) -> InstrumentId {
        let known = self.markets.iter().position(|market| market.symbol == symbol);
        let index = known.unwrap_or_else(|| {
            let symbol = symbol.to_owned();
            self.markets.push(Market { symbol, is_live: false, is_behind: false, trusted_to: [None; 2] });
            self.markets.len() - 1
        });
        InstrumentId(u16::try_from(index).unwrap_or(u16::MAX))
    }
}

impl Market {
    /// All that is known of the book was told, but for the changes of the present message.
    fn follows(&self, book: &Book) -> bool {
        self.is_live && !self.is_behind && self.trusted_to == trusted_to(book)
    }
}

const fn trusted_to(book: &Book) -> [Option<i64>; 2] {
    [book.bids.trusted_to(), book.asks.trusted_to()]
}

impl Depth {
    /// With what these levels are now. `None` where one does not fit.
    fn with(
        mut self,
        book: &Book,
        changed: &mut dyn Iterator<Item = (Side, Price)>,
        rescale: &Rescale,
    ) -> Option<Self> {
        for (side, price) in changed {
            let (ladder, levels) = match side {
                Side::Buy => (&book.bids, &mut self.bids),
                Side::Sell => (&book.asks, &mut self.asks),
            };
            if let Some(qty) = ladder.trusted_at(price) {
                levels.push(rescale.level(Level { price, qty })?);
            }
        }
        Some(self)
    }

    /// With the best levels that are completely known. `None` where one does not fit.
    fn with_all(mut self, book: &Book, levels_max: usize, rescale: &Rescale) -> Option<Self> {
        let best = |ladder: &Ladder| -> Option<Vec<Level>> {
            ladder.trusted().take(levels_max).map(|level| rescale.level(level)).collect()
        };
        (self.bids, self.asks) = (best(&book.bids)?, best(&book.asks)?);
        Some(self)
    }
}

/// From a venue's digits to those of [`TAPE_SCALE`]. Books have thousands of levels, so it is two multiplications.
struct Rescale {
    price_factor: i64,
    qty_factor: u64,
    qty_divisor: u64,
}

impl Rescale {
    /// `None` for prices with more digits than a tape has.
    fn from(scale: Scale) -> Option<Self> {
        let more = TAPE_SCALE.price_decimals.checked_sub(scale.price_decimals)?;
        let (told, kept) = (scale.qty_decimals, TAPE_SCALE.qty_decimals);
        Some(Self {
            price_factor: 10i64.pow(more.into()),
            qty_factor: 10u64.pow(kept.saturating_sub(told).into()),
            qty_divisor: 10u64.pow(told.saturating_sub(kept).into()),
        })
    }

    /// `None` where a level does not fit or would change.
    fn level(&self, level: Level) -> Option<Level> {
        let price = level.price.mantissa().checked_mul(self.price_factor)?;
        let qty = level.qty.0.checked_mul(self.qty_factor)?;
        let is_whole = self.qty_divisor == 1 || qty % self.qty_divisor == 0;
        is_whole.then_some(Level { price: Price::new(price)?, qty: Qty(qty / self.qty_divisor) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const SCALE: Scale = Scale { price_decimals: 9, qty_decimals: 9 };

    /// A quantity of ten has one digit less than `SCALE`, as a tape has.
    fn level(price: i64, qty: u64) -> Level {
        Level { price: Price::new(price).expect("positive"), qty: Qty(qty * 10) }
    }

    /// What happens to a book between two words of the tape.
    #[derive(Clone, Debug)]
    enum Step {
        /// Prices, whether they are bids, quantities.
        Update(Vec<(i64, bool, u64)>),
        /// Another book of this best bid, and whether there are more levels than it tells; nobody says so.
        Replaced(i64, bool),
        Broken,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let change = (1i64..40, any::<bool>(), 0u64..3);
        let step = prop_oneof![
            12 => prop::collection::vec(change, 0..8).prop_map(Step::Update),
            1 => (5i64..30, any::<bool>()).prop_map(|(best, is_partial)| Step::Replaced(best, is_partial)),
            1 => Just(Step::Broken),
        ];
        prop::collection::vec(step, 1..80)
    }

    fn replacement(best: i64, is_partial: bool) -> Book {
        let mut book = Book::new();
        book.bids.load(&[level(best, 1), level(best - 2, 2), level(best - 4, 3)], is_partial);
        book.asks.load(&[level(best + 1, 1), level(best + 4, 2)], is_partial);
        book
    }

    /// Does to the book and to the tape what a venue's machine would do.
    fn play(step: &Step, book: &mut Book, tape: &mut Tape) {
        match step {
            Step::Update(changes) => {
                for (price, is_bid, qty) in changes {
                    let ladder = if *is_bid { &mut book.bids } else { &mut book.asks };
                    ladder.set(level(*price, 0).price, level(*price, *qty).qty);
                }
                let side = |is_bid: bool| if is_bid { Side::Buy } else { Side::Sell };
                let mut changed = changes.iter().map(|(price, is_bid, _)| (side(*is_bid), level(*price, 0).price));
                let verdict = if book.is_crossed() { Verdict::Crossed } else { Verdict::Held };
                tape.book("X", verdict, Some((book, SCALE)), Some(&mut changed), Proof::Sequence, None);
            }
            Step::Replaced(best, is_partial) => {
                *book = replacement(*best, *is_partial);
                tape.replaced("X");
            }
            Step::Broken => {
                tape.book("X", Verdict::Broken(StaleReason::SequenceGap), None, None, Proof::Sequence, None);
            }
        }
    }

    #[derive(Default)]
    struct Listener {
        /// Bids and asks, while the book holds.
        sides: Option<[BTreeMap<Price, Qty>; 2]>,
        changes: usize,
    }

    impl Listener {
        fn hear(&mut self, told: Told) {
            let sides = |depth: &Depth| [depth.bids.clone(), depth.asks.clone()];
            match told {
                Told::Book(depth) => {
                    let map = |levels: Vec<Level>| levels.into_iter().map(|level| (level.price, level.qty)).collect();
                    self.sides = Some(sides(&depth).map(map));
                }
                Told::Change(depth) => {
                    self.changes += 1;
                    let known = self.sides.as_mut().expect("a book that holds");
                    for (map, levels) in known.iter_mut().zip(sides(&depth)) {
                        map.extend(levels.into_iter().map(|level| (level.price, level.qty)));
                        map.retain(|_, qty| !qty.is_zero());
                    }
                }
                Told::Input(_) => self.sides = None,
            }
        }
    }
    proptest! {
        #[test]
        fn who_follows_the_changes_knows_the_book(steps in steps()) {
            let (mut book, mut tape) = (replacement(20, false), Tape::running());
            let mut listener = Listener::default();
            for step in &steps {
                play(step, &mut book, &mut tape);
                let heard: Vec<Heard> = tape.heard.drain(..).collect();
                let is_told = !heard.is_empty() && matches!(step, Step::Update(_));
                heard.into_iter().for_each(|heard| listener.hear(heard.told));
                if is_told {
                    let rescale = Rescale::from(SCALE).expect("it fits");
                    let all = |ladder: &Ladder| -> BTreeMap<Price, Qty> {
                        let levels = ladder.trusted().map(|level| rescale.level(level).expect("it fits"));
                        levels.map(|level| (level.price, level.qty)).collect()
                    };
                    prop_assert_eq!(listener.sides.as_ref(), Some(&[all(&book.bids), all(&book.asks)]));
                }
            }
        }
    }

    #[test]
    fn a_book_is_told_once_and_then_its_changes() {
        let (mut book, mut tape) = (replacement(20, false), Tape::running());
        let mut listener = Listener::default();
        for qty in [1, 2, 0] {
            play(&Step::Update(vec![(10, true, qty)]), &mut book, &mut tape);
        }
        tape.heard.drain(..).for_each(|heard| listener.hear(heard.told));
        assert_eq!(listener.changes, 2);
    }

    #[test]
    fn a_far_level_that_does_not_fit_leaves_the_best_ones() {
        let (mut book, mut tape) = (replacement(20, false), Tape::running());
        for price in 100..1_200 {
            book.asks.set(level(price, 0).price, Qty(10));
        }
        book.asks.set(level(i64::MAX / 2, 0).price, Qty(10));
        for _ in 0..2 {
            play(&Step::Update(vec![(10, true, 1)]), &mut book, &mut tape);
            let heard: Vec<Heard> = tape.heard.drain(..).collect();
            let [Heard { told: Told::Book(depth), .. }] = &heard[..] else { panic!("{heard:?}") };
            assert_eq!((depth.bids.len(), depth.asks.len()), (4, LEVELS_MIN));
        }
    }
}
