//! What the classic feed says most, read in one pass: changed levels, trades, pictures of a book.
//!
//! The venue writes its keys in another order now than it did in 2021, so they are taken in any; but it writes no white space, no escapes
//! and no other keys. What is not spelled so is nothing to this reader: [`classic`](super::classic) reads it with `serde_json`.

use types::Timestamp;

use super::messages::{ChangesData, LevelData, Message, PictureData, TradeData, aggressor, named};
use crate::number::Text;
use crate::scan::Scan;

/// Reads a message, if it is one of these and spelled as usual.
pub(super) fn read(text: &str) -> Option<Message<'_>> {
    let mut scan = Scan::new(text);
    let (mut kind, mut topic, mut subject, mut data) = (None, None, None, None);
    fields(&mut scan, |scan, key| match key {
        "type" => once(&mut kind, string(scan)?),
        "topic" => once(&mut topic, string(scan)?),
        "subject" => once(&mut subject, string(scan)?),
        "data" => once(&mut data, Data::read(scan)?),
        _ => None,
    })?;
    let (channel, symbol) = topic?.split_once(':')?;
    let data = data.filter(|_| kind == Some("message") && scan.is_done())?;
    match channel {
        "/market/level2" => data.changes(),
        "/market/match" => data.trade(),
        "/spotMarket/level2Depth50" | "/spotMarket/level2Depth5" => data.picture(symbol),
        _ => None,
    }
}

/// What is in a message, whichever it is.
#[derive(Default)]
struct Data<'a> {
    symbol: Option<&'a str>,
    first_id: Option<u64>,
    last_id: Option<u64>,
    changes: Option<Sides<'a>>,
    sides: Sides<'a>,
    sequence: Option<u64>,
    id: Option<&'a str>,
    side: Option<&'a str>,
    price: Option<&'a str>,
    qty: Option<&'a str>,
    /// Milliseconds or nanoseconds.
    time: Option<i64>,
    timestamp: Option<i64>,
    /// Read and not needed.
    others: [Option<&'a str>; 3],
}

#[derive(Default)]
struct Sides<'a> {
    bids: Option<Vec<LevelData<'a>>>,
    asks: Option<Vec<LevelData<'a>>>,
}

impl<'a> Sides<'a> {
    fn read(&mut self, scan: &mut Scan<'a>, key: &str) -> Option<()> {
        match key {
            "bids" => once(&mut self.bids, levels(scan)?),
            "asks" => once(&mut self.asks, levels(scan)?),
            _ => None,
        }
    }
}

impl<'a> Data<'a> {
    fn read(scan: &mut Scan<'a>) -> Option<Self> {
        let mut data = Self::default();
        fields(scan, |scan, key| match key {
            "symbol" => once(&mut data.symbol, string(scan)?),
            "sequenceStart" => once(&mut data.first_id, scan.integer()?),
            "sequenceEnd" => once(&mut data.last_id, scan.integer()?),
            "changes" => {
                let mut sides = Sides::default();
                fields(scan, |scan, key| sides.read(scan, key))?;
                once(&mut data.changes, sides)
            }
            "sequence" => once(&mut data.sequence, number(scan)?),
            "tradeId" => once(&mut data.id, string(scan)?),
            "side" => once(&mut data.side, string(scan)?),
            "price" => once(&mut data.price, string(scan)?),
            "size" => once(&mut data.qty, string(scan)?),
            "time" => once(&mut data.time, number(scan)?),
            "timestamp" => once(&mut data.timestamp, number(scan)?),
            "type" => once(&mut data.others[0], string(scan)?),
            "takerOrderId" => once(&mut data.others[1], string(scan)?),
            "makerOrderId" => once(&mut data.others[2], string(scan)?),
            key => data.sides.read(scan, key),
        })?;
        Some(data)
    }

    fn changes(self) -> Option<Message<'a>> {
        let (first_id, last_id) = (self.first_id?, self.last_id?);
        let Sides { bids, asks } = self.changes?;
        if first_id > last_id {
            return None;
        }
        let (symbol, venue_at) = (borrowed(self.symbol?), self.time.map(Timestamp::from_millis));
        Some(Message::Changes(ChangesData { symbol, first_id, last_id, bids: bids?, asks: asks?, venue_at }))
    }

    fn picture(self, symbol: &'a str) -> Option<Message<'a>> {
        let Sides { bids, asks } = self.sides;
        let (symbol, venue_at) = (borrowed(symbol), self.timestamp.map(Timestamp::from_millis));
        Some(Message::Picture(PictureData { symbol, id: None, bids: bids?, asks: asks?, venue_at }))
    }

    fn trade(self) -> Option<Message<'a>> {
        let name = self.id?;
        let number = match self.sequence {
            Some(number) => number,
            None => name.parse().ok()?,
        };
        Some(Message::Trade(TradeData {
            symbol: borrowed(self.symbol?),
            number,
            id: named(name).ok()?,
            price: self.price?,
            qty: self.qty?,
            aggressor: aggressor(self.side?),
            venue_at: Timestamp::from_nanos(self.time?),
        }))
    }
}

/// An object: each key, with the place of its value.
#[inline]
fn fields<'a>(scan: &mut Scan<'a>, mut field: impl FnMut(&mut Scan<'a>, &'a str) -> Option<()>) -> Option<()> {
    scan.literal("{")?;
    if scan.literal("}").is_some() {
        return Some(());
    }
    loop {
        let key = string(scan)?;
        scan.literal(":")?;
        field(scan, key)?;
        if scan.literal(",").is_none() {
            return scan.literal("}");
        }
    }
}

/// A key that comes twice is for others to judge.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

#[inline]
fn string<'a>(scan: &mut Scan<'a>) -> Option<&'a str> {
    scan.literal("\"")?;
    scan.string_end()
}

/// A whole number, or a string that holds one.
#[inline]
fn number<T: TryFrom<u64>>(scan: &mut Scan<'_>) -> Option<T> {
    if scan.literal("\"").is_none() {
        return scan.integer();
    }
    let number = scan.integer()?;
    scan.literal("\"")?;
    Some(number)
}

#[inline]
fn levels<'a>(scan: &mut Scan<'a>) -> Option<Vec<LevelData<'a>>> {
    scan.literal("[")?;
    scan.list_end(|scan| {
        scan.literal("[")?;
        let price = string(scan)?;
        scan.literal(",")?;
        let qty = string(scan)?;
        let id = match scan.literal(",") {
            Some(()) => Some(number(scan)?),
            None => None,
        };
        scan.literal("]")?;
        Some(LevelData { price, qty, id })
    })
}

const fn borrowed(text: &str) -> Text<'_> {
    Text(std::borrow::Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kucoin::classic::decode_any;

    /// As recorded in 2021, and as told today.
    const MESSAGES: [&str; 5] = [
        r#"{"data":{"sequenceStart":1613277183885,"symbol":"BCHSV-USDT","changes":{"asks":[["243.287","0.6","1613277183885"]],"bids":[]},"sequenceEnd":1613277183885},"subject":"trade.l2update","topic":"/market/level2:BCHSV-USDT","type":"message"}"#,
        r#"{"topic":"/market/level2:BTC-USDT","type":"message","subject":"trade.l2update","data":{"changes":{"asks":[["18906","0.00331","14103845"],["18907.3","0.58751503",14103844]],"bids":[["18891.9","0.15688","14103847"]]},"sequenceEnd":14103847,"sequenceStart":14103844,"symbol":"BTC-USDT","time":1663747970273}}"#,
        r#"{"data":{"symbol":"DAPPT-BTC","sequence":"1612701563869","side":"buy","size":"81.8814","price":"0.0000001117","takerOrderId":"6085","time":"1619378327739050725","type":"match","makerOrderId":"6085","tradeId":"6085c09769bc506996295e36"},"subject":"trade.l3match","topic":"/market/match:DAPPT-BTC","type":"message"}"#,
        r#"{"topic":"/market/match:BTC-USDT","type":"message","subject":"trade.l3match","data":{"makerOrderId":"67","price":"67523","side":"sell","size":"0.003","symbol":"BTC-USDT","takerOrderId":"68","time":"1729843222921000000","tradeId":"11067996711960577","type":"match"}}"#,
        r#"{"type":"message","topic":"/spotMarket/level2Depth50:BTC-USDT","subject":"level2","data":{"asks":[["9989","8"],["9990","32"]],"bids":[["9988","56"]],"timestamp":1586948108193}}"#,
    ];

    /// What is read quickly is what general JSON says. True when it was.
    fn agrees(text: &str) -> bool {
        let quick = read(text).map(|message| format!("{message:?}"));
        let Some(quick) = quick else { return false };
        let general = decode_any(text).map(|message| format!("{message:?}"));
        assert_eq!(Ok(quick), general, "{text}");
        true
    }

    #[test]
    fn the_venues_own_spelling_is_read() {
        for message in MESSAGES {
            assert!(agrees(message), "{message}");
            assert!(!agrees(&message.replace(':', ": ")), "with white space it is read as any JSON");
            assert!(!agrees(&message.replace("\"type\":\"message\"", "\"type\":\"ack\"")), "{message}");
            assert!(!agrees(&message.replace("\"data\":{", "\"data\":{\"news\":1,")), "an unknown key");
        }
        let twice = MESSAGES[4].replace("\"timestamp\":", "\"timestamp\":1,\"timestamp\":");
        assert!(read(&twice).is_none() && decode_any(&twice).is_err(), "a key that comes twice");
        let backwards = MESSAGES[1].replace("sequenceStart\":1", "sequenceStart\":9");
        assert!(read(&backwards).is_none() && decode_any(&backwards).is_err());
    }

    proptest! {
        /// Whatever is damaged.
        #[test]
        fn quick_reading_agrees_with_general_json(
            which in 0..MESSAGES.len(), at: prop::sample::Index, cut in 0usize..6,
            put in "[0-9a-z.,:{}\\[\\]\" \\\\/-]{0,6}",
        ) {
            let message = MESSAGES[which];
            let start = at.index(message.len());
            let end = (start + cut).min(message.len());
            agrees(&[&message[..start], &put, &message[end..]].concat());
        }

        /// Parts of one within another.
        #[test]
        fn mixed_messages_are_read_alike(
            which in 0..MESSAGES.len(), other in 0..MESSAGES.len(), at: prop::sample::Index, from: prop::sample::Index,
            len in 1usize..60,
        ) {
            let (message, other) = (MESSAGES[which], MESSAGES[other]);
            let (start, from) = (at.index(message.len()), from.index(other.len()));
            let part = &other[from..(from + len).min(other.len())];
            agrees(&[&message[..start], part, &message[start..]].concat());
        }
    }
}
