//! Coinbase's messages (protocol sections 3 and 4), decoded without copying.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use types::decimal::Exponent;
use types::{Aggressor, InstrumentId, Level, Price, Scale, Ticker, Timestamp, Trade};

use crate::decode::{DecodeError, from_json};
use crate::level::{LevelData, scan_level};
use crate::number::{NumberFormat, Text, written_scale};
use crate::scan::Scan;

/// A message of the venue.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// All levels of a book.
    Snapshot(SnapshotData<'a>),
    /// Changed levels of a book.
    Update(UpdateData<'a>),
    /// A trade; `is_last` for the one before the subscription, told once on subscribing.
    Match { data: MatchData<'a>, is_last: bool },
    /// A summary of a market.
    Ticker(TickerData<'a>),
    /// A product's sign of life.
    Heartbeat(HeartbeatData<'a>),
    /// States of all products; read further with [`States::find`].
    Status(States<'a>),
    /// All that this connection is subscribed to.
    Subscriptions(Vec<ListedData<'a>>),
    /// A request of ours was refused; which one is not told.
    Error { text: String },
}

/// Channels this feed subscribes for products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Book,
    Matches,
    Heartbeat,
    Ticker,
}

impl Channel {
    pub(crate) const ALL: [Self; 4] = [Self::Book, Self::Matches, Self::Heartbeat, Self::Ticker];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Book => "level2_batch",
            Self::Matches => "matches",
            Self::Heartbeat => "heartbeat",
            Self::Ticker => "ticker",
        }
    }

    /// The venue may list the book's channel under either of its names (section 3).
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "level2" => Some(Self::Book),
            _ => Self::ALL.into_iter().find(|channel| channel.name() == name),
        }
    }
}

/// All levels of a book.
#[derive(Debug, Deserialize)]
pub(crate) struct SnapshotData<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) bids: Vec<LevelData<'a>>,
    #[serde(borrow)]
    pub(crate) asks: Vec<LevelData<'a>>,
    #[serde(borrow, default)]
    time: Option<Text<'a>>,
}

impl SnapshotData<'_> {
    pub(crate) fn venue_at(&self) -> Option<Timestamp> {
        time(self.time.as_ref())
    }
}

/// Changed levels of a book, to be applied in order.
#[derive(Debug, Deserialize)]
pub(crate) struct UpdateData<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) changes: Vec<ChangeData<'a>>,
    #[serde(borrow, default)]
    time: Option<Text<'a>>,
}

impl UpdateData<'_> {
    pub(crate) fn venue_at(&self) -> Option<Timestamp> {
        time(self.time.as_ref())
    }
}

/// `["buy","price","new whole size"]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangeData<'a> {
    pub(crate) side: BookSide,
    pub(crate) level: LevelData<'a>,
}

/// A side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) enum BookSide {
    #[serde(rename = "buy")]
    Bids,
    #[serde(rename = "sell")]
    Asks,
}

impl<'de: 'a, 'a> Deserialize<'de> for ChangeData<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (side, price, qty) = Deserialize::deserialize(deserializer)?;
        Ok(Self { side, level: LevelData { price, qty } })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct MatchData<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    pub(crate) trade_id: u64,
    /// Of the maker.
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    pub(crate) size: &'a str,
    #[serde(borrow)]
    pub(crate) price: &'a str,
    #[serde(borrow)]
    time: Text<'a>,
}

impl MatchData<'_> {
    pub(crate) fn trade(&self, instrument: InstrumentId, scale: Scale) -> Result<Trade, DecodeError> {
        let format = number_format(scale);
        Ok(Trade {
            instrument,
            id: u128::from(self.trade_id),
            price: format.price(self.price)?,
            qty: format.qty(self.size)?,
            aggressor: aggressor(self.side.as_str()),
            fills: 1,
            venue_at: time(Some(&self.time)).ok_or_else(|| DecodeError::malformed("match time is no time"))?,
        })
    }
}

/// Matches and trades of REST tell the side of the maker: where it sold, the taker bought (section 9.1).
pub(crate) fn aggressor(maker_side: &str) -> Aggressor {
    match maker_side {
        "sell" => Aggressor::Buy,
        "buy" => Aggressor::Sell,
        _ => Aggressor::Unknown,
    }
}

/// All but the product may be missing (section 4.3).
#[derive(Debug, Deserialize)]
pub(crate) struct TickerData<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    #[serde(borrow, default)]
    price: Option<&'a str>,
    #[serde(borrow, default)]
    best_bid: Option<&'a str>,
    #[serde(borrow, default)]
    best_ask: Option<&'a str>,
    #[serde(borrow, default)]
    best_bid_size: Option<&'a str>,
    #[serde(borrow, default)]
    best_ask_size: Option<&'a str>,
    #[serde(borrow, default)]
    volume_24h: Option<&'a str>,
    #[serde(borrow, default)]
    time: Option<Text<'a>>,
}

impl TickerData<'_> {
    pub(crate) fn venue_at(&self) -> Option<Timestamp> {
        time(self.time.as_ref())
    }

    /// The scale of its prices and sizes as they are written.
    pub(crate) fn scale(&self) -> Result<Scale, DecodeError> {
        let prices = [self.price, self.best_bid, self.best_ask].into_iter().filter_map(told).map(|price| (price, "0"));
        let sizes = [self.best_bid_size, self.best_ask_size].into_iter().filter_map(told).map(|size| ("0", size));
        Ok(written_scale(prices.chain(sizes))?)
    }

    /// Best bid and best ask, where both are told.
    pub(crate) fn best(&self, scale: Scale) -> Result<Option<(Price, Price)>, DecodeError> {
        let format = number_format(scale);
        match (told(self.best_bid), told(self.best_ask)) {
            (Some(bid), Some(ask)) => Ok(Some((format.price(bid)?, format.price(ask)?))),
            _ => Ok(None),
        }
    }

    pub(crate) fn ticker(&self, instrument: InstrumentId, scale: Scale) -> Result<Ticker, DecodeError> {
        let format = number_format(scale);
        let level = |price: Option<&str>, size: Option<&str>| match (told(price), told(size)) {
            (Some(price), Some(size)) => {
                let level = Level { price: format.price(price)?, qty: format.qty(size)? };
                Ok::<_, DecodeError>(Some(level).filter(|level| !level.qty.is_zero()))
            }
            _ => Ok(None),
        };
        Ok(Ticker {
            instrument,
            last: told(self.price).map(|price| format.price(price)).transpose()?,
            bid: level(self.best_bid, self.best_bid_size)?,
            ask: level(self.best_ask, self.best_ask_size)?,
            // A sum over a day may have more digits than trades have now.
            volume_24h: told(self.volume_24h).and_then(|volume| format.qty(volume).ok()),
            venue_at: self.venue_at(),
        })
    }
}

/// Numbers of products without trades or orders come empty or as zero.
fn told(number: Option<&str>) -> Option<&str> {
    number.filter(|text| text.bytes().any(|byte| matches!(byte, b'1'..=b'9')))
}

#[derive(Debug, Deserialize)]
pub(crate) struct HeartbeatData<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    pub(crate) last_trade_id: u64,
    #[serde(borrow)]
    time: Text<'a>,
}

impl HeartbeatData<'_> {
    pub(crate) fn venue_at(&self) -> Result<Timestamp, DecodeError> {
        time(Some(&self.time)).ok_or_else(|| DecodeError::malformed("heartbeat time is no time"))
    }
}

/// States of products, unread but for the list.
#[derive(Debug)]
pub(crate) struct States<'a>(pub(crate) Vec<&'a RawValue>);

/// What a product allows at the moment; absent flags are unknown.
#[derive(Debug, Deserialize)]
pub(crate) struct StateData<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) status: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) cancel_only: Option<bool>,
    #[serde(default)]
    pub(crate) trading_disabled: Option<bool>,
    #[serde(default)]
    pub(crate) auction_mode: Option<bool>,
    #[serde(borrow, default)]
    pub(crate) base_increment: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) quote_increment: Option<Text<'a>>,
}

impl<'a> States<'a> {
    /// The states of the products that `is_wanted`, each readable or not.
    pub(crate) fn find(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = Result<StateData<'a>, DecodeError>> {
        wanted(&self.0, is_wanted).map(|raw| from_json(raw.get()))
    }
}

/// Of a list of products those that `is_wanted`. Only these are to be read completely: the venue lists hundreds.
pub(crate) fn wanted<'a>(
    products: &[&'a RawValue],
    is_wanted: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &'a RawValue> {
    #[derive(Deserialize)]
    struct Name<'n> {
        #[serde(borrow)]
        id: Text<'n>,
    }
    let is_wanted =
        move |raw: &&&RawValue| from_json::<Name<'_>>(raw.get()).is_ok_and(|name| is_wanted(name.id.as_str()));
    products.iter().filter(is_wanted).copied()
}

/// A channel of the connection and the products it is subscribed for.
#[derive(Debug, Deserialize)]
pub(crate) struct ListedData<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    product_ids: Vec<Text<'a>>,
}

impl ListedData<'_> {
    pub(crate) fn channel(&self) -> Option<Channel> {
        Channel::from_name(self.name.as_str())
    }

    pub(crate) fn has(&self, product_id: &str) -> bool {
        self.product_ids.iter().any(|listed| listed.as_str() == product_id)
    }
}

/// Reads one message.
///
/// # Errors
/// [`DecodeError`] when it is not one of the protocol. Unknown types are to be ignored (section 3).
pub(crate) fn decode(text: &str) -> Result<Message<'_>, DecodeError> {
    match scan_snapshot(text) {
        Some(message) => Ok(message),
        None => decode_any(text),
    }
}

/// A snapshot in the venue's own spelling. The two sides come in either order.
fn scan_snapshot(text: &str) -> Option<Message<'_>> {
    let mut scan = Scan::new(text);
    scan.literal(r#"{"type":"snapshot","product_id":""#)?;
    let product_id = Text(scan.string_end()?.into());
    let (bids, asks) = if scan.literal(r#","asks":["#).is_some() {
        let asks = scan.list_end(scan_level)?;
        scan.literal(r#","bids":["#)?;
        (scan.list_end(scan_level)?, asks)
    } else {
        scan.literal(r#","bids":["#)?;
        let bids = scan.list_end(scan_level)?;
        scan.literal(r#","asks":["#)?;
        (bids, scan.list_end(scan_level)?)
    };
    let time = scan_time(&mut scan)?;
    scan.is_done().then_some(Message::Snapshot(SnapshotData { product_id, bids, asks, time }))
}

/// The end of a message, with or without its time.
fn scan_time<'a>(scan: &mut Scan<'a>) -> Option<Option<Text<'a>>> {
    let time = match scan.literal(r#","time":""#) {
        Some(()) => Some(Text(scan.string_end()?.into())),
        None => None,
    };
    scan.literal("}")?;
    Some(time)
}

fn decode_any(text: &str) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    struct Envelope<'e> {
        #[serde(borrow, rename = "type")]
        kind: Text<'e>,
    }
    #[derive(Deserialize)]
    struct StatusData<'s> {
        #[serde(borrow)]
        products: Vec<&'s RawValue>,
    }
    #[derive(Deserialize)]
    struct SubscriptionsData<'s> {
        #[serde(borrow)]
        channels: Vec<ListedData<'s>>,
    }
    let envelope: Envelope<'_> = from_json(text)?;
    match envelope.kind.as_str() {
        "l2update" => Ok(Message::Update(from_json(text)?)),
        "snapshot" => Ok(Message::Snapshot(from_json(text)?)),
        "match" => Ok(Message::Match { data: from_json(text)?, is_last: false }),
        "last_match" => Ok(Message::Match { data: from_json(text)?, is_last: true }),
        "heartbeat" => Ok(Message::Heartbeat(from_json(text)?)),
        "ticker" => Ok(Message::Ticker(from_json(text)?)),
        "status" => Ok(Message::Status(States(from_json::<StatusData<'_>>(text)?.products))),
        "subscriptions" => Ok(Message::Subscriptions(from_json::<SubscriptionsData<'_>>(text)?.channels)),
        "error" => refusal(text),
        other => Err(DecodeError::unknown(format_args!("type {other:?}"))),
    }
}

fn refusal(text: &str) -> Result<Message<'_>, DecodeError> {
    #[derive(Deserialize)]
    struct ErrorData {
        message: String,
        #[serde(default)]
        reason: Option<String>,
    }
    let ErrorData { message, reason } = from_json(text)?;
    let text = reason.map_or_else(|| message.clone(), |reason| format!("{message}: {reason}"));
    Ok(Message::Error { text })
}

fn time(text: Option<&Text<'_>>) -> Option<Timestamp> {
    text.and_then(|text| Timestamp::parse_rfc3339(text.as_str().as_bytes()))
}

/// Coinbase's numbers are strings without exponents, but for the candles of REST.
pub(crate) const fn number_format(scale: Scale) -> NumberFormat {
    NumberFormat { scale, exponent: Exponent::Refuse }
}

#[cfg(test)]
mod tests {
    use types::Qty;

    use super::*;

    const SCALE: Scale = Scale { price_decimals: 8, qty_decimals: 8 };
    const ID: InstrumentId = InstrumentId(3);

    const UPDATE: &str = r#"{"type":"l2update","product_id":"SKL-USD","changes":[["buy","0.7885","0.0"],["sell","0.7912","6908.0"]],"time":"2021-04-17T16:43:37.077621Z"}"#;
    const SNAPSHOT: &str = r#"{"type":"snapshot","product_id":"BTC-USD","bids":[["10101.10","0.45054140"]],"asks":[["10102.55","0.57753524"]]}"#;
    const MATCH: &str = r#"{"type":"match","trade_id":280232,"maker_order_id":"2a0d","taker_order_id":"3c82","side":"sell","size":"985","price":"0.00001305","product_id":"SKL-BTC","sequence":177100030,"time":"2021-04-17T16:43:37.089723Z"}"#;
    const TICKER: &str = r#"{"type":"ticker","sequence":177100030,"product_id":"SKL-BTC","price":"0.00001305","open_24h":"0.00001144","volume_24h":"7367714.40000000","low_24h":"0.00001122","high_24h":"0.00001337","volume_30d":"137081296.50000000","best_bid":"0.00001303","best_ask":"0.00001305","side":"buy","time":"2021-04-17T16:43:37.089723Z","trade_id":280232,"last_size":"985"}"#;

    #[test]
    fn book_messages_of_the_protocol_are_read() {
        let Ok(Message::Snapshot(snapshot)) = decode(SNAPSHOT) else { panic!("no snapshot") };
        assert_eq!((snapshot.product_id.as_str(), snapshot.venue_at()), ("BTC-USD", None));
        assert_eq!(snapshot.bids, [LevelData { price: "10101.10", qty: "0.45054140" }]);
        assert_eq!(snapshot.asks, [LevelData { price: "10102.55", qty: "0.57753524" }]);
        let Ok(Message::Update(update)) = decode(UPDATE) else { panic!("no update") };
        let sides: Vec<_> = update.changes.iter().map(|change| (change.side, change.level.price)).collect();
        assert_eq!(sides, [(BookSide::Bids, "0.7885"), (BookSide::Asks, "0.7912")]);
        assert_eq!(update.venue_at(), Timestamp::parse_rfc3339(b"2021-04-17T16:43:37.077621Z"));
        assert!(decode(&UPDATE.replace("buy", "bid")).is_err());
        assert!(decode(&UPDATE.replace(r#""0.0""#, "0.0")).is_err(), "sizes are strings");
    }

    /// The pair of section 9.1: one and the same trade on two channels, the ticker naming the taker.
    #[test]
    fn a_match_names_the_maker_and_the_aggressor_is_the_other_one() {
        let Ok(Message::Match { data, is_last: false }) = decode(MATCH) else { panic!("no match") };
        let trade = data.trade(ID, SCALE).expect("readable");
        assert!(TICKER.contains(r#""trade_id":280232"#) && TICKER.contains(r#""side":"buy""#));
        assert_eq!(trade.aggressor, Aggressor::Buy);
        assert_eq!((trade.id, trade.price.mantissa(), trade.qty), (280_232, 1_305, Qty(98_500_000_000)));
        let bought = data.trade(ID, Scale { price_decimals: 7, qty_decimals: 8 });
        assert_eq!(bought.expect_err("eight digits").reason, crate::RejectReason::TooPrecise);
        let last = MATCH.replace(r#""match""#, r#""last_match""#);
        assert!(matches!(decode(&last), Ok(Message::Match { is_last: true, .. })));
        let sold = MATCH.replace("sell", "buy");
        let Ok(Message::Match { data, .. }) = decode(&sold) else { panic!("no match") };
        assert_eq!(data.trade(ID, SCALE).expect("readable").aggressor, Aggressor::Sell);
    }

    #[test]
    fn a_ticker_may_lack_nearly_everything() {
        let Ok(Message::Ticker(data)) = decode(TICKER) else { panic!("no ticker") };
        let ticker = data.ticker(ID, SCALE).expect("readable");
        assert_eq!((ticker.bid, ticker.ask), (None, None), "without sizes they are no levels");
        assert_eq!(ticker.volume_24h, Some(Qty(736_771_440_000_000)));
        assert_eq!(data.best(SCALE), Ok(Price::new(1_303).zip(Price::new(1_305))));
        let newer = TICKER.replace(r#""best_ask""#, r#""best_bid_size":"5.0","best_ask_size":"0","best_ask""#);
        let Ok(Message::Ticker(data)) = decode(&newer) else { panic!("no ticker") };
        let ticker = data.ticker(ID, SCALE).expect("readable");
        assert_eq!(ticker.bid.map(|level| level.qty), Some(Qty(500_000_000)));
        assert_eq!(ticker.ask, None);
        let first = r#"{"type":"ticker","sequence":1,"product_id":"SKL-BTC","price":"0","open_24h":"0","volume_24h":"0.00000000","best_bid":"","best_ask":"0"}"#;
        let Ok(Message::Ticker(data)) = decode(first) else { panic!("no ticker") };
        assert_eq!((data.best(SCALE), data.venue_at()), (Ok(None), None));
        assert_eq!(data.ticker(ID, SCALE).expect("readable").last, None);
    }

    #[test]
    fn heartbeats_states_answers_and_refusals_are_read() {
        let beat = r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#;
        let Ok(Message::Heartbeat(beat)) = decode(beat) else { panic!("no heartbeat") };
        assert_eq!((beat.last_trade_id, beat.venue_at().map(Timestamp::as_secs)), (20, Ok(1_415_348_368)));

        let status = r#"{"type":"status","products":[{"id":"ETH-USD"},{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","base_increment":"0.00000001","quote_increment":"0.01","display_name":"BTC-USD","status":"online","status_message":"","min_market_funds":"1","post_only":false,"limit_only":false,"cancel_only":false,"fx_stablecoin":false}],"currencies":[]}"#;
        let Ok(Message::Status(states)) = decode(status) else { panic!("no status") };
        let found: Vec<_> = states.find(|id| id == "BTC-USD").map(|state| state.expect("readable")).collect();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].cancel_only, found[0].auction_mode), (Some(false), None));

        let answer = r#"{"type":"subscriptions","channels":[{"name":"level2","product_ids":["BTC-USD","ETH-USD"],"account_ids":null},{"name":"level2_batch","product_ids":["SKL-USD"]},{"name":"status"}]}"#;
        let Ok(Message::Subscriptions(listed)) = decode(answer) else { panic!("no answer") };
        let channels: Vec<_> = listed.iter().map(ListedData::channel).collect();
        assert_eq!(channels, [Some(Channel::Book), Some(Channel::Book), None]);
        assert!(listed[0].has("ETH-USD") && !listed[0].has("SKL-USD"));

        let error = r#"{"type":"error","message":"Failed to subscribe","reason":"level2, level3, and full channels now require authentication."}"#;
        let Ok(Message::Error { text }) = decode(error) else { panic!("no error") };
        assert!(text.starts_with("Failed to subscribe: level2, level3"));
    }

    #[test]
    fn what_is_not_of_the_protocol_is_told_apart() {
        use crate::RejectReason::{Malformed, UnknownMessage};
        let check = |text: &str, reason| assert_eq!(decode(text).expect_err(text).reason, reason, "{text}");
        check(r#"{"type":"auction","product_id":"BTC-USD"}"#, UnknownMessage);
        check(r#"{"channel":"heartbeat"}"#, Malformed);
        check(r#"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":1,"b":[],"a":[]}"#, Malformed);
        check(r#"{"type":"match","trade_id":-1}"#, Malformed);
        check(r#"{"type":"heartbeat","last_trade_id":1,"product_id":"BTC-USD"}"#, Malformed);
        for text in ["[]", "7", "", "{}", "null"] {
            check(text, Malformed);
        }
    }

    #[test]
    fn the_venues_own_spelling_is_scanned() {
        let asks_first = r#"{"type":"snapshot","product_id":"BTC-USD","asks":[["10102.55","0.57753524"]],"bids":[],"time":"2026-01-01T00:00:00Z"}"#;
        for text in [SNAPSHOT, asks_first] {
            let scanned = scan_snapshot(text).expect("scanned");
            assert_eq!(format!("{scanned:?}"), format!("{:?}", decode_any(text).expect("JSON")));
            assert!(scan_snapshot(&text.replace("\":", "\": ")).is_none(), "with white space it is read as any JSON");
        }
    }

    proptest::proptest! {
        /// Whatever is damaged: what is scanned is what general JSON says.
        #[test]
        fn scanning_agrees_with_general_json(
            at: proptest::sample::Index, cut in 0usize..4, put in "[0-9a-z.,:{}\\[\\]\" \\\\/-]{0,4}",
        ) {
            let start = at.index(SNAPSHOT.len());
            let end = (start + cut).min(SNAPSHOT.len());
            let damaged = [&SNAPSHOT[..start], &put, &SNAPSHOT[end..]].concat();
            if let Some(scanned) = scan_snapshot(&damaged) {
                let general = decode_any(&damaged);
                proptest::prop_assert_eq!(format!("{scanned:?}"), format!("{:?}", general.expect("JSON")), "{}", damaged);
            }
        }
    }
}
