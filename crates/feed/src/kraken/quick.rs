//! What Kraken says most, in the venue's own spelling, read in one pass straight to integers.
//!
//! What is not spelled exactly so is nothing to this reader: [`messages`](super::messages) reads it.

use types::{Level, Scale, Timestamp};

use super::book::Change;
use crate::level::{LevelReader, Levels};
use crate::number::NumberError;
use crate::scan::Scan;

/// A message, as far as it can be read without knowing the instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quick<'a> {
    Heartbeat,
    Update(UpdateHead<'a>),
}

/// A book update up to its levels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateHead<'a> {
    pub(crate) symbol: &'a str,
    rest: Scan<'a>,
}

/// A book update behind its levels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateTail<'a> {
    pub(crate) checksum: u32,
    pub(crate) timestamp: Option<&'a str>,
}

/// A book update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update<'a> {
    pub(crate) levels: &'a Levels,
    pub(crate) checksum: u32,
    pub(crate) venue_at: Option<Timestamp>,
}

pub(crate) fn read(bytes: &[u8]) -> Option<Quick<'_>> {
    let mut scan = Scan::of_bytes(bytes);
    scan.literal(r#"{"channel":""#)?;
    if scan.literal(r#"book","type":"update","data":[{"symbol":""#).is_some() {
        let symbol = scan.string_end()?;
        return Some(Quick::Update(UpdateHead { symbol, rest: scan }));
    }
    scan.literal(r#"heartbeat"}"#)?;
    scan.is_done().then_some(Quick::Heartbeat)
}

impl<'a> UpdateHead<'a> {
    /// Reads the levels at the pair's digits, and what comes behind them.
    pub(crate) fn read(self, scale: Scale, levels: &mut Levels) -> Option<UpdateTail<'a>> {
        // The venue writes exactly the declared digits.
        let reader = LevelReader::new(scale, scale);
        let mut scan = self.rest;
        levels.clear();
        scan.literal(r#","bids":["#)?;
        objects_end(reader, &mut scan, &mut levels.bids)?;
        scan.literal(r#","asks":["#)?;
        objects_end(reader, &mut scan, &mut levels.asks)?;
        scan.literal(r#","checksum":"#)?;
        let checksum = scan.integer()?;
        let timestamp = match scan.literal(r#","timestamp":""#) {
            Some(()) => Some(scan.string_end()?),
            None => None,
        };
        scan.literal("}]}")?;
        scan.is_done().then_some(UpdateTail { checksum, timestamp })
    }
}

/// Levels up to the closing bracket of their list.
#[inline]
fn objects_end(reader: LevelReader, scan: &mut Scan<'_>, levels: &mut Vec<Level>) -> Option<()> {
    scan.each_end(|scan| {
        scan.literal(r#"{"price":"#)?;
        let price = reader.price(scan)?;
        scan.literal(r#","qty":"#)?;
        let qty = reader.qty(scan)?;
        scan.literal("}")?;
        levels.push(Level { price, qty });
        Some(())
    })
}

impl Change for Update<'_> {
    fn checksum(&self) -> u32 {
        self.checksum
    }

    fn venue_at(&self) -> Option<Timestamp> {
        self.venue_at
    }

    fn bids(&self, _: Scale) -> impl Iterator<Item = Result<Level, NumberError>> {
        self.levels.bids.iter().copied().map(Ok)
    }

    fn asks(&self, _: Scale) -> impl Iterator<Item = Result<Level, NumberError>> {
        self.levels.asks.iter().copied().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kraken::messages::{Kind, Message, decode};
    use crate::times::Times;

    const UPDATE: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":64525.0,"qty":0.53807066},{"price":64524.2,"qty":0.00000000}],"asks":[{"price":64526.1,"qty":0.00005100}],"checksum":2439117997,"timestamp":"2026-07-19T17:54:39.614696Z"}]}"#;
    const SCALE: Scale = Scale { price_decimals: 1, qty_decimals: 8 };

    /// What is read quickly is what general JSON says. True when it was.
    fn agrees(text: &str) -> bool {
        let mut levels = Levels::default();
        let Some(Quick::Update(head)) = read(text.as_bytes()) else { return false };
        let Some(tail) = head.read(SCALE, &mut levels) else { return false };
        let Ok(Message::Book { kind: Kind::Update, books }) = decode(text) else { panic!("no update: {text}") };
        let [data] = &books[..] else { panic!("not one book: {text}") };
        assert_eq!((head.symbol, tail.checksum), (data.symbol.as_str(), data.checksum), "{text}");
        assert_eq!(tail.timestamp.and_then(|text| Times::new().read(text)), data.venue_at(), "{text}");
        let general: Result<Vec<_>, _> = data.bids(SCALE).chain(data.asks(SCALE)).collect();
        assert_eq!(general.as_deref(), Ok(&[&levels.bids[..], &levels.asks[..]].concat()[..]), "{text}");
        true
    }

    #[test]
    fn the_venues_own_spelling_is_read() {
        assert!(agrees(UPDATE));
        assert!(!agrees(&UPDATE.replace(':', ": ")), "with white space it is read as any JSON");
        assert!(matches!(read(br#"{"channel":"heartbeat"}"#), Some(Quick::Heartbeat)));
        assert!(read(br#"{"channel":"heartbeat"} "#).is_none());
    }

    proptest! {
        /// Whatever is damaged.
        #[test]
        fn quick_reading_agrees_with_general_json(
            at in any::<prop::sample::Index>(), cut in 0usize..4, put in "[0-9a-z.,:{}\\[\\]\" \\\\/-]{0,4}",
        ) {
            let start = at.index(UPDATE.len());
            let end = (start + cut).min(UPDATE.len());
            agrees(&[&UPDATE[..start], &put, &UPDATE[end..]].concat());
        }

        #[test]
        fn any_bytes_do_no_harm(bytes: Vec<u8>, at in any::<prop::sample::Index>()) {
            let mut text = UPDATE.as_bytes()[..at.index(UPDATE.len())].to_vec();
            text.extend(bytes);
            if let Some(Quick::Update(head)) = read(&text) {
                let _ = head.read(SCALE, &mut Levels::default());
            }
        }
    }
}
