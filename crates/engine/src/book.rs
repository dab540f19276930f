//! The newest book of one instrument, proven or marked.
//!
//! ```text
//! Waiting ──book──► Proven ◄──book── Stale
//!                     └───stale, restart or bad book──►
//! ```

use serde::{Deserialize, Serialize};
use types::market::{Proof, Quote, StaleReason};
use types::{BookTop, InstrumentId, Level, Price, Side, Timestamp};

use crate::rejection::Rejection;

/// Most levels taken on one side.
pub const LEVELS_MAX: usize = 1_000;

/// Whether a book may be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// None was heard yet.
    #[default]
    Waiting,
    /// It holds.
    Proven(Proof),
    /// It does not hold.
    Stale {
        /// Why.
        reason: StaleReason,
        /// Since when.
        since: Timestamp,
    },
}

/// Best levels of one instrument and whether they hold. Levels of a stale book are the last proven ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    top: BookTop,
    standing: Standing,
    at: Option<Timestamp>,
    mid: Option<Price>,
}

impl Book {
    /// The book of an instrument before the first one was heard.
    #[must_use]
    pub const fn new(instrument: InstrumentId) -> Self {
        let top = BookTop { instrument, bids: Vec::new(), asks: Vec::new(), proof: Proof::Sequence, venue_at: None };
        Self { top, standing: Standing::Waiting, at: None, mid: None }
    }

    /// Takes a new book over, reusing the room of the old one.
    ///
    /// # Errors
    /// Why `top` is not a book. The old book then counts as stale: the venue's true book is unknown.
    pub fn replace(&mut self, top: &BookTop, at: Timestamp) -> Result<(), Rejection> {
        if let Err(rejection) = check(top) {
            let crossed = rejection == Rejection::BookCrossed;
            self.mark_stale(if crossed { StaleReason::Crossed } else { StaleReason::Malformed }, at);
            return Err(rejection);
        }
        self.top.bids.clone_from(&top.bids);
        self.top.asks.clone_from(&top.asks);
        self.top.proof = top.proof;
        self.top.venue_at = top.venue_at;
        self.standing = Standing::Proven(top.proof);
        self.at = Some(at);
        self.mid = self.mid_now().or(self.mid);
        Ok(())
    }

    /// Says that the book does not hold. The first reason stands until the next book.
    pub fn mark_stale(&mut self, reason: StaleReason, at: Timestamp) {
        if !matches!(self.standing, Standing::Stale { .. }) {
            self.standing = Standing::Stale { reason, since: at };
        }
    }

    /// True while it holds.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        matches!(self.standing, Standing::Proven(_))
    }

    /// Whether it may be believed.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// When the last proven book came.
    #[must_use]
    pub const fn at(&self) -> Option<Timestamp> {
        self.at
    }

    /// The last proven book as it came.
    #[must_use]
    pub const fn top(&self) -> &BookTop {
        &self.top
    }

    /// Bids, highest first.
    #[must_use]
    pub fn bids(&self) -> &[Level] {
        &self.top.bids
    }

    /// Asks, lowest first.
    #[must_use]
    pub fn asks(&self) -> &[Level] {
        &self.top.asks
    }

    /// The levels an order of `side` would take, best first.
    #[must_use]
    pub fn facing(&self, side: Side) -> &[Level] {
        Displayed::facing(self, side)
    }

    /// Best bid and best ask, if both exist.
    #[must_use]
    pub fn best(&self) -> Option<(Level, Level)> {
        Some((*self.top.bids.first()?, *self.top.asks.first()?))
    }

    /// Best prices, while the book is proven and has both sides.
    #[must_use]
    pub fn quote(&self) -> Option<Quote> {
        let (bid, ask) = self.best().filter(|_| self.is_proven())?;
        Some(Quote { bid: bid.price, ask: ask.price })
    }

    /// Mid price of the last proven book that had both sides, rounded down to a price unit.
    #[must_use]
    pub const fn mid(&self) -> Option<Price> {
        self.mid
    }

    /// Ask minus bid in millionths of the bid, rounded up; `None` without both sides.
    #[must_use]
    pub fn spread_ppm(&self) -> Option<u32> {
        let (bid, ask) = self.best()?;
        let (bid, ask) = (i128::from(bid.price.mantissa()), i128::from(ask.price.mantissa()));
        let ppm = ((ask - bid) * 1_000_000 + bid - 1) / bid;
        Some(ppm.clamp(0, i128::from(u32::MAX)) as u32)
    }

    fn mid_now(&self) -> Option<Price> {
        let (bid, ask) = self.best()?;
        let (bid, ask) = (bid.price.mantissa(), ask.price.mantissa());
        Price::new(bid + (ask - bid) / 2)
    }
}

/// What orders meet of a book: its best levels, and whether they hold.
pub trait Displayed: core::fmt::Debug {
    /// Bids, highest first.
    fn bids(&self) -> &[Level];

    /// Asks, lowest first.
    fn asks(&self) -> &[Level];

    /// True while it holds. Levels of a book that does not are the last ones that did.
    fn is_proven(&self) -> bool;

    /// When the venue made the last change in it; `None` where the venue does not tell.
    fn venue_at(&self) -> Option<Timestamp>;

    /// The levels an order of `side` would take, best first.
    fn facing(&self, side: Side) -> &[Level] {
        match side {
            Side::Buy => self.asks(),
            Side::Sell => self.bids(),
        }
    }

    /// The levels an order of `side` would join, best first.
    fn own(&self, side: Side) -> &[Level] {
        self.facing(side.opposite())
    }
}

impl Displayed for Book {
    fn bids(&self) -> &[Level] {
        self.bids()
    }

    fn asks(&self) -> &[Level] {
        self.asks()
    }

    fn is_proven(&self) -> bool {
        self.is_proven()
    }

    fn venue_at(&self) -> Option<Timestamp> {
        self.top.venue_at
    }
}

/// Why `top` is not a book.
pub(crate) fn check(top: &BookTop) -> Result<(), Rejection> {
    check_levels(&top.bids, &top.asks, LEVELS_MAX)
}

/// Why these levels, of which a side has at most `levels_max`, are not a book.
pub(crate) fn check_levels(bids: &[Level], asks: &[Level], levels_max: usize) -> Result<(), Rejection> {
    if bids.len() > levels_max || asks.len() > levels_max {
        return Err(Rejection::BookTooDeep);
    }
    if bids.iter().chain(asks).any(|level| level.qty.is_zero()) {
        return Err(Rejection::BookEmptyLevel);
    }
    let falling = bids.windows(2).all(|pair| pair[0].price > pair[1].price);
    let rising = asks.windows(2).all(|pair| pair[0].price < pair[1].price);
    if !(falling && rising) {
        return Err(Rejection::BookUnsorted);
    }
    check_crossing(bids, asks)
}

/// Whether bids and asks cross, best first.
pub(crate) fn check_crossing(bids: &[Level], asks: &[Level]) -> Result<(), Rejection> {
    match (bids.first(), asks.first()) {
        (Some(bid), Some(ask)) if bid.price >= ask.price => Err(Rejection::BookCrossed),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Qty;

    fn levels(prices: &[(i64, u64)]) -> Vec<Level> {
        prices.iter().map(|&(price, qty)| Level { price: Price::new(price).unwrap(), qty: Qty(qty) }).collect()
    }

    fn top(bids: &[(i64, u64)], asks: &[(i64, u64)]) -> BookTop {
        let instrument = InstrumentId(0);
        BookTop { instrument, bids: levels(bids), asks: levels(asks), proof: Proof::Sequence, venue_at: None }
    }

    #[track_caller]
    fn check(bids: &[(i64, u64)], asks: &[(i64, u64)], expected: Result<(), Rejection>) {
        let mut book = Book::new(InstrumentId(0));
        let at = Timestamp::from_secs(1);
        assert_eq!(book.replace(&top(bids, asks), at), expected);
        assert_eq!(book.is_proven(), expected.is_ok());
    }

    #[test]
    fn only_sorted_uncrossed_books_are_taken() {
        check(&[(99, 1), (98, 2)], &[(101, 1), (102, 1)], Ok(()));
        check(&[], &[(101, 1)], Ok(()));
        check(&[], &[], Ok(()));
        check(&[(101, 1)], &[(101, 1)], Err(Rejection::BookCrossed));
        check(&[(102, 1)], &[(101, 1)], Err(Rejection::BookCrossed));
        check(&[(98, 1), (99, 1)], &[(101, 1)], Err(Rejection::BookUnsorted));
        check(&[(99, 1)], &[(101, 1), (101, 1)], Err(Rejection::BookUnsorted));
        check(&[(99, 0)], &[(101, 1)], Err(Rejection::BookEmptyLevel));
        let deep: Vec<_> = (0..=LEVELS_MAX as i64).map(|n| (200 + n, 1)).collect();
        check(&[(99, 1)], &deep, Err(Rejection::BookTooDeep));
    }

    #[test]
    fn the_mid_outlives_a_stale_book_and_the_first_reason_stands() {
        let mut book = Book::new(InstrumentId(0));
        book.replace(&top(&[(99, 1)], &[(102, 1)]), Timestamp::from_secs(1)).unwrap();
        assert_eq!(book.mid(), Price::new(100));
        assert_eq!(book.spread_ppm(), Some(30_304));
        book.mark_stale(StaleReason::SequenceGap, Timestamp::from_secs(2));
        book.mark_stale(StaleReason::Silent, Timestamp::from_secs(3));
        let since = Timestamp::from_secs(2);
        assert_eq!(book.standing(), Standing::Stale { reason: StaleReason::SequenceGap, since });
        assert_eq!(book.mid(), Price::new(100));
        book.replace(&top(&[(105, 1)], &[]), Timestamp::from_secs(4)).unwrap();
        assert!(book.is_proven());
        assert_eq!(book.mid(), Price::new(100), "a one-sided book has no mid of its own");
    }

    #[test]
    fn extreme_prices_do_not_overflow() {
        let mut book = Book::new(InstrumentId(0));
        book.replace(&top(&[(1, u64::MAX)], &[(i64::MAX, u64::MAX)]), Timestamp::MAX).unwrap();
        assert_eq!(book.mid(), Price::new(1 + (i64::MAX - 1) / 2));
        assert_eq!(book.spread_ppm(), Some(u32::MAX));
    }
}
