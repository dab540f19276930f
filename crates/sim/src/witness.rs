//! Which books were true lately: what a client publishes must have been so at some moment not long ago.

use std::collections::VecDeque;
use std::time::Duration;

use types::{Level, Price, Qty, Side, Timestamp};

use crate::market::book::{Book, Change};
use crate::market::listing::Listing;

/// Remembers the best levels of every listing for some time, as digests.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    /// Levels of each side.
    depth: usize,
    window: Duration,
    listings: Vec<Seen>,
}

/// The books of one listing, oldest first.
#[derive(Clone, Debug, Default)]
struct Seen {
    books: VecDeque<SeenBook>,
    /// The worst prices that are remembered: changes beyond them do not show.
    edges: Option<(Price, Price)>,
}

/// A book, and since when it was so. It was so until the next one.
#[derive(Clone, Debug)]
struct SeenBook {
    since: Timestamp,
    /// Of the best level, of the best two, and so on.
    bids: Vec<u64>,
    asks: Vec<u64>,
}

impl Witness {
    pub(crate) fn new(depth: usize, window: Duration, listings: &[Listing], now: Timestamp) -> Self {
        let mut witness = Self { depth, window, listings: vec![Seen::default(); listings.len()] };
        (0..listings.len()).for_each(|index| witness.look(now, index, &listings[index].book));
        witness
    }

    /// `changes` have just been made to a book.
    pub(crate) fn changed(&mut self, now: Timestamp, index: usize, book: &Book, changes: &[Change]) {
        let shows = |change: &Change| {
            self.listings[index].edges.is_none_or(|(bid, ask)| match change.side {
                Side::Buy => change.price >= bid,
                Side::Sell => change.price <= ask,
            })
        };
        if changes.iter().any(shows) {
            self.look(now, index, book);
        }
    }

    fn look(&mut self, now: Timestamp, index: usize, book: &Book) {
        let (bids, worst_bid) = prefixes(book, Side::Buy, self.depth);
        let (asks, worst_ask) = prefixes(book, Side::Sell, self.depth);
        let seen = &mut self.listings[index];
        seen.edges = worst_bid.zip(worst_ask);
        if seen.books.back().is_none_or(|last| last.bids != bids || last.asks != asks) {
            seen.books.push_back(SeenBook { since: now, bids, asks });
        }
        // The book that was so when the window began stays.
        let begin = now.minus(self.window);
        while seen.books.get(1).is_some_and(|second| second.since <= begin) {
            seen.books.pop_front();
        }
    }

    /// Whether the best levels of the listing were these at some moment from `since` on, however many are given of each
    /// side. `None` when there are none, or more than are remembered.
    pub(crate) fn was_true(&self, index: usize, bids: &[Level], asks: &[Level], since: Timestamp) -> Option<bool> {
        let last = |levels: &[Level]| levels.len().checked_sub(1).filter(|last| *last < self.depth);
        let (last_bid, last_ask) = (last(bids)?, last(asks)?);
        let digest = |levels: &[Level]| levels.iter().fold(0, |sum, level| stir(sum, *level));
        let (bids, asks) = (digest(bids), digest(asks));
        let books = &self.listings[index].books;
        let still_so = |place: usize| books.get(place + 1).is_none_or(|next| next.since >= since);
        let is_it = |book: &SeenBook| book.bids.get(last_bid) == Some(&bids) && book.asks.get(last_ask) == Some(&asks);
        Some(books.iter().enumerate().rev().any(|(place, book)| is_it(book) && still_so(place)))
    }
}

/// Digests of the best level, of the best two, and so on; and the price of the last when there are `depth` of them.
fn prefixes(book: &Book, side: Side, depth: usize) -> (Vec<u64>, Option<Price>) {
    let (mut digests, mut worst) = (Vec::with_capacity(depth), None);
    for level in book.levels(side).take(depth) {
        digests.push(stir(digests.last().copied().unwrap_or(0), level));
        worst = Some(level.price);
    }
    let is_whole = digests.len() == depth;
    (digests, worst.filter(|_| is_whole))
}

/// Adds a level to a digest of those before it.
fn stir(sum: u64, Level { price, qty: Qty(qty) }: Level) -> u64 {
    let mixed = (sum ^ price.mantissa().cast_unsigned()).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let mixed = ((mixed ^ (mixed >> 32)) ^ qty).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ (mixed >> 29)
}
