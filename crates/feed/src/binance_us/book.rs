//! How a Binance.US book is proven (protocol section 5): the venue's procedure is that of [`SyncedBook`], and an update
//! that overlaps the snapshot is applied whole.
//!
//! Step 3 of the venue asks that the snapshot's number is not below the first update's. One less is enough: such a
//! snapshot and update join without a gap (step 5), and a quiet market may have nothing better to offer for minutes.

use types::Scale;

use super::messages::{DepthData, SnapshotData};
use crate::book::Book;
use crate::level::read_all;
use crate::number::NumberError;
use crate::synced::{Change, Numbered};
pub(crate) use crate::synced::{Renewal, SyncedBook};

impl Numbered for DepthData<'_> {
    fn first_id(&self) -> u64 {
        self.first_id
    }

    fn last_id(&self) -> u64 {
        self.last_id
    }

    fn bids(&self, scale: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
        self.bids.iter().map(move |level| level.level(scale).map(Change::of_whole))
    }

    fn asks(&self, scale: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
        self.asks.iter().map(move |level| level.level(scale).map(Change::of_whole))
    }
}

impl SnapshotData<'_> {
    /// The book it tells; `is_partial` when it was cut at its limit.
    pub(crate) fn book(&self, scale: Scale, is_partial: bool) -> Result<Book, NumberError> {
        let mut book = Book::new();
        book.bids.load(&read_all(&self.bids, scale)?, is_partial);
        book.asks.load(&read_all(&self.asks, scale)?, is_partial);
        Ok(book)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance_us::messages::{Message, decode};

    const SCALE: Scale = Scale { price_decimals: 8, qty_decimals: 8 };

    #[test]
    fn an_update_that_cannot_be_read_drops_the_book() {
        let mut book = SyncedBook::new(SCALE);
        let snapshot = r#"{"lastUpdateId":1,"bids":[["5","1"]],"asks":[]}"#;
        let Ok(Message::Snapshot(data)) = decode(snapshot) else { panic!("no snapshot") };
        book.snapshot(data.last_id, data.book(SCALE, false).expect("readable"));
        assert!(book.book().is_some());
        let text = r#"{"e":"depthUpdate","E":1,"s":"X","U":2,"u":2,"b":[["1e-3","1"]],"a":[]}"#;
        let Ok(Message::Depth(data)) = decode(text) else { panic!("no depth update") };
        assert!(book.update(&data).is_err());
        assert!(book.book().is_none());
    }
}
