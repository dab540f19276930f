//! Which books were true lately: what a client publishes must have been so at some moment not long ago.

use std::collections::VecDeque;
use std::time::Duration;

use types::{Level, Price, Qty, Side, Timestamp};

use crate::market::book::{Book, Change};
use crate::market::listing::Listing;

/// Remembers the best levels of every listing for some time, as digests.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    /// Depths at which books are compared, ascending.
    depths: Vec<usize>,
    window: Duration,
    listings: Vec<Seen>,
}

/// The books of one listing, oldest first.
#[derive(Clone, Debug, Default)]
struct Seen {
    books: VecDeque<SeenBook>,
    /// The worst prices that belong to the greatest depth: changes beyond them do not show.
    edges: Option<(Price, Price)>,
}

/// A book, and since when it was so. It was so until the next one.
#[derive(Clone, Debug)]
struct SeenBook {
    since: Timestamp,
    digests: Vec<u64>,
}

impl Witness {
    pub(crate) fn new(mut depths: Vec<usize>, window: Duration, listings: &[Listing], now: Timestamp) -> Self {
        depths.sort_unstable();
        let mut witness = Self { depths, window, listings: vec![Seen::default(); listings.len()] };
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
        let depth = self.depths.last().copied().unwrap_or(0);
        let (mut digests, mut edges) = (vec![0; self.depths.len()], (None, None));
        for (side, edge) in [(Side::Buy, &mut edges.0), (Side::Sell, &mut edges.1)] {
            let mut sum = 0;
            for (place, level) in (1..).zip(book.levels(side).take(depth)) {
                sum = stir(sum, level);
                *edge = (place == depth).then_some(level.price);
                if let Some(at) = self.depths.iter().position(|depth| *depth == place) {
                    digests[at] = combine(digests[at], sum);
                }
            }
        }
        let seen = &mut self.listings[index];
        seen.edges = edges.0.zip(edges.1);
        if seen.books.back().is_none_or(|last| last.digests != digests) {
            seen.books.push_back(SeenBook { since: now, digests });
        }
        // The book that was so when the window began stays.
        let begin = now.minus(self.window);
        while seen.books.get(1).is_some_and(|second| second.since <= begin) {
            seen.books.pop_front();
        }
    }

    /// Whether the best levels of the listing were these at some moment from `since` on. `None` when books of this depth
    /// are not remembered.
    pub(crate) fn was_true(&self, index: usize, bids: &[Level], asks: &[Level], since: Timestamp) -> Option<bool> {
        let at = self.depths.iter().position(|depth| *depth == bids.len() && *depth == asks.len())?;
        let side = |levels: &[Level]| levels.iter().fold(0, |sum, level| stir(sum, *level));
        let digest = combine(combine(0, side(bids)), side(asks));
        let books = &self.listings[index].books;
        let still_so = |place: usize| books.get(place + 1).is_none_or(|next| next.since >= since);
        Some(books.iter().enumerate().rev().any(|(place, book)| book.digests[at] == digest && still_so(place)))
    }
}

/// Adds a level to a digest of those before it.
fn stir(sum: u64, Level { price, qty: Qty(qty) }: Level) -> u64 {
    let mixed = (sum ^ price.mantissa().cast_unsigned()).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let mixed = ((mixed ^ (mixed >> 32)) ^ qty).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ (mixed >> 29)
}

const fn combine(bids: u64, asks: u64) -> u64 {
    (bids.rotate_left(23) ^ asks).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
