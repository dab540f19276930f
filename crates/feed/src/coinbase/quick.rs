//! What Coinbase says most, in the venue's own spelling, read in one pass straight to integers.
//!
//! What is not spelled exactly so is nothing to this reader: [`messages`](super::messages) reads it.

use types::{Level, Scale, Timestamp};

use super::book::Update;
use super::messages::BookSide;
use crate::level::LevelReader;
use crate::number::NumberError;
use crate::scan::Scan;

/// A book update up to its changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateHead<'a> {
    pub(crate) product_id: &'a str,
    rest: Scan<'a>,
}

/// Changed levels in their order, at the product's digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuickUpdate<'a> {
    pub(crate) changes: &'a [(BookSide, Level)],
    pub(crate) venue_at: Option<Timestamp>,
}

pub(crate) fn read(bytes: &[u8]) -> Option<UpdateHead<'_>> {
    let mut scan = Scan::of_bytes(bytes);
    scan.literal(r#"{"type":"l2update","product_id":""#)?;
    let product_id = scan.string_end()?;
    Some(UpdateHead { product_id, rest: scan })
}

impl<'a> UpdateHead<'a> {
    /// Reads the changes, and gives the time behind them where there is one.
    pub(crate) fn read(self, scale: Scale, changes: &mut Vec<(BookSide, Level)>) -> Option<Option<&'a str>> {
        let reader = LevelReader::new(scale, scale);
        let mut scan = self.rest;
        changes.clear();
        scan.literal(r#","changes":["#)?;
        scan.each_end(|scan| {
            let side = match scan.literal(r#"["buy",""#) {
                Some(()) => BookSide::Bids,
                None => {
                    scan.literal(r#"["sell",""#)?;
                    BookSide::Asks
                }
            };
            let price = reader.price(scan)?;
            scan.literal(r#"",""#)?;
            let qty = reader.qty(scan)?;
            scan.literal(r#""]"#)?;
            changes.push((side, Level { price, qty }));
            Some(())
        })?;
        let time = match scan.literal(r#","time":""#) {
            Some(()) => Some(scan.string_end()?),
            None => None,
        };
        scan.literal("}")?;
        scan.is_done().then_some(time)
    }
}

impl Update for QuickUpdate<'_> {
    fn venue_at(&self) -> Option<Timestamp> {
        self.venue_at
    }

    fn changes(&self, _: Scale) -> impl Iterator<Item = Result<(BookSide, Level), NumberError>> {
        self.changes.iter().copied().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::coinbase::messages::{Message, decode};
    use crate::times::Times;

    const UPDATE: &str = r#"{"type":"l2update","product_id":"SKL-USD","changes":[["buy","0.7885","0.0"],["sell","0.7912","6908.0"]],"time":"2021-04-17T16:43:37.077621Z"}"#;
    const SCALE: Scale = Scale { price_decimals: 4, qty_decimals: 1 };

    /// What is read quickly is what general JSON says. True when it was.
    fn agrees(text: &str, scale: Scale) -> bool {
        let mut changes = Vec::new();
        let Some(head) = read(text.as_bytes()) else { return false };
        let Some(time) = head.read(scale, &mut changes) else { return false };
        let Ok(Message::Update(data)) = decode(text) else { panic!("no update: {text}") };
        assert_eq!(head.product_id, data.product_id.as_str(), "{text}");
        assert_eq!(time.and_then(|text| Times::new().read(text)), data.venue_at(), "{text}");
        let general: Result<Vec<_>, _> = data.changes(scale).collect();
        assert_eq!(general.as_deref(), Ok(&changes[..]), "{text}");
        true
    }

    #[test]
    fn the_venues_own_spelling_is_read() {
        assert!(agrees(UPDATE, SCALE));
        assert!(agrees(UPDATE, Scale { price_decimals: 8, qty_decimals: 8 }));
        assert!(!agrees(UPDATE, Scale { price_decimals: 2, qty_decimals: 8 }), "too precise is for others to say");
        assert!(!agrees(&UPDATE.replace(':', ": "), SCALE), "with white space it is read as any JSON");
        assert!(agrees(&UPDATE.replace(r#","time":"2021-04-17T16:43:37.077621Z""#, ""), SCALE));
    }

    proptest! {
        /// Whatever is damaged.
        #[test]
        fn quick_reading_agrees_with_general_json(
            at in any::<prop::sample::Index>(), cut in 0usize..4, put in "[0-9a-z.,:{}\\[\\]\" \\\\/-]{0,4}",
            price_decimals in 0u8..=12, qty_decimals in 0u8..=12,
        ) {
            let start = at.index(UPDATE.len());
            let end = (start + cut).min(UPDATE.len());
            let damaged = [&UPDATE[..start], &put, &UPDATE[end..]].concat();
            agrees(&damaged, Scale { price_decimals, qty_decimals });
        }

        #[test]
        fn any_bytes_do_no_harm(bytes: Vec<u8>, at in any::<prop::sample::Index>()) {
            let mut text = UPDATE.as_bytes()[..at.index(UPDATE.len())].to_vec();
            text.extend(bytes);
            if let Some(head) = read(&text) {
                let _ = head.read(SCALE, &mut Vec::new());
            }
        }
    }
}
