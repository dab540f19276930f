//! What Binance.US says most, in the venue's own spelling, read in one pass straight to integers.
//!
//! What is not spelled exactly so is nothing to this reader: [`messages`](super::messages) reads it.

use types::{InstrumentId, Scale, Timestamp, Trade};

use super::WRITTEN;
use super::messages::{TradeStream, aggressor, fills};
use crate::level::{LevelReader, Levels};
use crate::number::NumberError;
use crate::scan::Scan;
use crate::synced::{Change, Numbered};

/// A message, bare or in the wrapper of a combined stream, as far as it can be read without knowing the instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quick<'a> {
    Depth(DepthHead<'a>),
    Trade(TradeHead<'a>),
}

/// A depth update up to its levels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DepthHead<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) venue_at: Timestamp,
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
    rest: Rest<'a>,
}

/// A trade up to its price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TradeHead<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) stream: TradeStream,
    pub(crate) id: u64,
    rest: Rest<'a>,
}

/// A depth update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth<'a> {
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
    pub(crate) levels: &'a Levels,
}

/// What follows, up to the end of the message.
#[derive(Clone, Copy, Debug)]
struct Rest<'a> {
    scan: Scan<'a>,
    is_combined: bool,
}

pub(crate) fn read(bytes: &[u8]) -> Option<Quick<'_>> {
    let mut scan = Scan::of_bytes(bytes);
    let is_combined = scan.literal(r#"{"stream":""#).is_some();
    if is_combined {
        // Streams of all symbols begin so, and are none of ours.
        if scan.literal("!").is_some() {
            return None;
        }
        scan.string_end()?;
        scan.literal(r#","data":"#)?;
    }
    scan.literal(r#"{"e":""#)?;
    if scan.literal(r#"depthUpdate","E":"#).is_some() {
        let venue_at = Timestamp::from_millis(scan.integer()?);
        scan.literal(r#","s":""#)?;
        let symbol = scan.string_end()?;
        scan.literal(r#","U":"#)?;
        let first_id = scan.integer()?;
        scan.literal(r#","u":"#)?;
        let last_id = scan.integer()?;
        return Some(Quick::Depth(DepthHead { symbol, venue_at, first_id, last_id, rest: Rest { scan, is_combined } }));
    }
    let stream = match scan.literal(r#"trade","E":"#) {
        Some(()) => TradeStream::Fills,
        None => {
            scan.literal(r#"aggTrade","E":"#)?;
            TradeStream::Aggregates
        }
    };
    scan.integer::<i64>()?;
    scan.literal(r#","s":""#)?;
    let symbol = scan.string_end()?;
    scan.literal(match stream {
        TradeStream::Fills => r#","t":"#,
        TradeStream::Aggregates => r#","a":"#,
    })?;
    let id = scan.integer()?;
    Some(Quick::Trade(TradeHead { symbol, stream, id, rest: Rest { scan, is_combined } }))
}

impl DepthHead<'_> {
    /// Reads the levels.
    pub(crate) fn read(self, scale: Scale, levels: &mut Levels) -> Option<()> {
        let reader = LevelReader::new(scale, WRITTEN);
        let mut scan = self.rest.scan;
        levels.clear();
        scan.literal(r#","b":["#)?;
        reader.pairs_end(&mut scan, &mut levels.bids)?;
        scan.literal(r#","a":["#)?;
        reader.pairs_end(&mut scan, &mut levels.asks)?;
        scan.literal("}")?;
        end(scan, self.rest.is_combined)
    }
}

impl TradeHead<'_> {
    /// Reads the rest.
    pub(crate) fn read(self, instrument: InstrumentId, scale: Scale) -> Option<Trade> {
        let reader = LevelReader::new(scale, WRITTEN);
        let mut scan = self.rest.scan;
        scan.literal(r#","p":""#)?;
        let price = reader.price(&mut scan)?;
        scan.literal(r#"","q":""#)?;
        let qty = reader.qty(&mut scan)?;
        let fills = match self.stream {
            TradeStream::Fills => {
                scan.literal(r#"","T":"#)?;
                1
            }
            TradeStream::Aggregates => {
                scan.literal(r#"","f":"#)?;
                let first = scan.integer()?;
                scan.literal(r#","l":"#)?;
                let last = scan.integer()?;
                scan.literal(r#","T":"#)?;
                fills(first, last)
            }
        };
        let venue_at = Timestamp::from_millis(scan.integer()?);
        scan.literal(r#","m":"#)?;
        let is_buyer_maker = scan.literal("true").is_some();
        if !is_buyer_maker {
            scan.literal("false")?;
        }
        // A field that means nothing.
        scan.literal(r#","M":true}"#).or_else(|| scan.literal("}"))?;
        end(scan, self.rest.is_combined)?;
        let aggressor = aggressor(is_buyer_maker);
        Some(Trade { instrument, id: u128::from(self.id), price, qty, aggressor, fills, venue_at })
    }
}

fn end(mut scan: Scan<'_>, is_combined: bool) -> Option<()> {
    if is_combined {
        scan.literal("}")?;
    }
    scan.is_done().then_some(())
}

impl Numbered for Depth<'_> {
    fn first_id(&self) -> u64 {
        self.first_id
    }

    fn last_id(&self) -> u64 {
        self.last_id
    }

    fn bids(&self, _: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
        self.levels.bids.iter().map(|level| Ok(Change::of_whole(*level)))
    }

    fn asks(&self, _: Scale) -> impl Iterator<Item = Result<Change, NumberError>> {
        self.levels.asks.iter().map(|level| Ok(Change::of_whole(*level)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::binance_us::messages::{Message, decode};
    use crate::level::read_all;

    const DEPTH: &str = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998275394,"s":"BTCUSDT","U":113129221,"u":113129222,"b":[["296.45000000","38.69742000"],["296.17000000","0.00000000"]],"a":[]}}"#;
    const AGGREGATE: &str = r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1672515782136,"s":"BTCUSDT","a":12345,"p":"0.001","q":"100","f":100,"l":105,"T":1672515782136,"m":true,"M":true}}"#;
    const FILL: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"61837.63000000","q":"0.02000000","T":1672515782136,"m":false,"M":true}}"#;

    /// What is read quickly is what general JSON says. True when it was.
    fn agrees(text: &str, scale: Scale) -> bool {
        match read(text.as_bytes()) {
            Some(Quick::Depth(head)) => {
                let mut levels = Levels::default();
                let is_read = head.read(scale, &mut levels).is_some();
                if is_read {
                    let Ok(Message::Depth(data)) = decode(text) else { panic!("no depth update: {text}") };
                    let ids = (head.first_id, head.last_id, head.venue_at);
                    assert_eq!(ids, (data.first_id, data.last_id, data.venue_at()), "{text}");
                    assert_eq!(head.symbol, data.symbol.as_str(), "{text}");
                    assert_eq!(read_all(&data.bids, scale).as_deref(), Ok(&levels.bids[..]), "{text}");
                    assert_eq!(read_all(&data.asks, scale).as_deref(), Ok(&levels.asks[..]), "{text}");
                }
                is_read
            }
            Some(Quick::Trade(head)) => {
                let trade = head.read(InstrumentId(3), scale);
                if trade.is_some() {
                    let Ok(Message::Trade(data)) = decode(text) else { panic!("no trade: {text}") };
                    assert_eq!((head.symbol, head.stream), (data.symbol.as_str(), data.stream), "{text}");
                    assert_eq!((head.id, data.trade(InstrumentId(3), scale).ok()), (data.id, trade.clone()), "{text}");
                }
                trade.is_some()
            }
            None => false,
        }
    }

    fn bare(message: &str) -> &str {
        message.split_once("\"data\":").map_or(message, |(_, data)| &data[..data.len() - 1])
    }

    #[test]
    fn the_venues_own_spelling_is_read() {
        for message in [DEPTH, AGGREGATE, FILL] {
            assert!(agrees(message, WRITTEN) && agrees(bare(message), WRITTEN), "{message}");
            assert!(!agrees(&message.replace(':', ": "), WRITTEN), "with white space it is read as any JSON");
            assert!(!agrees(&message.replace("btcusdt@", "!btcusdt@"), WRITTEN), "of all symbols at once");
        }
        assert!(agrees(DEPTH, Scale { price_decimals: 2, qty_decimals: 5 }));
        assert!(!agrees(DEPTH, Scale { price_decimals: 1, qty_decimals: 5 }), "too precise is for others to say");
    }

    proptest! {
        /// Whatever is damaged.
        #[test]
        fn quick_reading_agrees_with_general_json(
            which in 0usize..3, is_bare: bool, at: prop::sample::Index, cut in 0usize..4,
            put in "[0-9a-z!@.,:{}\\[\\]\" \\\\/-]{0,4}", price_decimals in 0u8..=12, qty_decimals in 0u8..=12,
        ) {
            let message = [DEPTH, AGGREGATE, FILL][which];
            let message = if is_bare { bare(message) } else { message };
            let start = at.index(message.len());
            let end = (start + cut).min(message.len());
            let damaged = [&message[..start], &put, &message[end..]].concat();
            agrees(&damaged, Scale { price_decimals, qty_decimals });
        }

        #[test]
        fn any_bytes_do_no_harm(which in 0usize..3, bytes: Vec<u8>, at: prop::sample::Index) {
            let message = [DEPTH, AGGREGATE, FILL][which];
            let mut text = message.as_bytes()[..at.index(message.len())].to_vec();
            text.extend(bytes);
            match read(&text) {
                Some(Quick::Depth(head)) => drop(head.read(WRITTEN, &mut Levels::default())),
                Some(Quick::Trade(head)) => drop(head.read(InstrumentId(0), WRITTEN)),
                None => {}
            }
        }
    }
}
