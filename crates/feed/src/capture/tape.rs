//! What a recording tells about its markets, as the engine would hear it.

use types::market::{Proof, StaleReason};
use types::{BookTop, Input, InstrumentId, Level, Price, Qty, Scale, Timestamp, Trade};

use crate::book::{Book, Ladder, Verdict};

/// Digits of everything on a tape, whatever the venue: recordings do not tell all rules, and a venue may write more digits
/// later. They hold prices up to 900 million and quantities up to 180 thousand million.
pub const TAPE_SCALE: Scale = Scale { price_decimals: 10, qty_decimals: 8 };
/// Levels of each side that are told: all that the engine takes.
const LEVELS_MAX: usize = 1_000;

/// One thing that a recording told: a proven book after each change, a book that does not hold any more, or a trade.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// When it was received, as the recording says; where it does not, the venue's own time of the newest message. Never
    /// decreases.
    pub at: Timestamp,
    /// [`Input::Book`], [`Input::BookStale`] or [`Input::Trade`], in digits of [`TAPE_SCALE`]. Instruments are numbered in the
    /// order of their first word.
    pub input: Input,
}

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
        proof: Proof,
        venue_at: Option<Timestamp>,
    ) {
        if !self.is_running {
            return;
        }
        let instrument = self.number(symbol);
        match (verdict, book) {
            (Verdict::Rebuilt | Verdict::Held, Some((book, scale))) => {
                let rescale = Rescale::from(scale);
                let told = |ladder: &Ladder| -> Option<Vec<Level>> {
                    let rescale = rescale.as_ref()?;
                    ladder.trusted().take(LEVELS_MAX).map(|level| rescale.level(level)).collect()
                };
                match (told(&book.bids), told(&book.asks)) {
                    (Some(bids), Some(asks)) => {
                        self.markets[instrument.index()].is_live = true;
                        self.tell(venue_at, Input::Book(BookTop { instrument, bids, asks, proof, venue_at }));
                    }
                    _ => self.stale(instrument, StaleReason::Malformed, venue_at),
                }
            }
            (Verdict::Broken(reason), _) => self.stale(instrument, reason, venue_at),
            (Verdict::SnapshotTooOld, None) => self.stale(instrument, StaleReason::SequenceGap, venue_at),
            (Verdict::Rebuilt | Verdict::Held | Verdict::SnapshotTooOld, _)
            | (Verdict::Crossed | Verdict::Waiting | Verdict::Old, _) => {}
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
            self.tell(Some(venue_at), Input::Trade(Trade { instrument, price, qty, ..trade }));
        }
    }

    fn stale(&mut self, instrument: InstrumentId, reason: StaleReason, venue_at: Option<Timestamp>) {
        if std::mem::take(&mut self.markets[instrument.index()].is_live) {
            self.tell(venue_at, Input::BookStale { instrument, reason });
        }
    }

    fn tell(&mut self, venue_at: Option<Timestamp>, input: Input) {
        if self.line_at.is_none() {
            self.pass(venue_at);
        }
        self.heard.push(Heard { at: self.at.unwrap_or(Timestamp::EPOCH), input });
    }

    fn number(&mut self, symbol: &str) -> InstrumentId {
        let known = self.markets.iter().position(|market| market.symbol == symbol);
        let index = known.unwrap_or_else(|| {
            self.markets.push(Market { symbol: symbol.to_owned(), is_live: false });
            self.markets.len() - 1
        });
        InstrumentId(u16::try_from(index).unwrap_or(u16::MAX))
    }
}

/// From a venue's digits to those of [`TAPE_SCALE`]. Books have a thousand levels a side, so it is two multiplications.
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
