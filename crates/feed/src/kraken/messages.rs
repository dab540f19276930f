//! Kraken's WebSocket version 2 messages (protocol sections 3 and 4), decoded without copying.

use serde::Deserialize;
use serde_json::value::RawValue;
use types::decimal::Exponent;
use types::{Aggressor, Candle, InstrumentId, Level, Scale, Timestamp, Trade};

use crate::decode::{DecodeError, from_json};
use crate::number::{NumberError, NumberFormat, Raw, Text};

/// A message of the venue.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// The state of the whole venue.
    Status { is_online: bool },
    /// Nothing else to say.
    Heartbeat,
    /// Answer to our ping; the venue's time when it was sent.
    Pong { venue_at: Option<Timestamp> },
    /// Rules of all pairs, or of changed ones; read further with [`Pairs::find`].
    Instrument { kind: Kind, pairs: Pairs<'a> },
    /// Book snapshots or updates.
    Book { kind: Kind, books: Vec<BookData<'a>> },
    /// Trades.
    Trades { trades: Vec<TradeData<'a>> },
    /// One-minute candles, oldest first; the venue's time of the message.
    Candles { venue_at: Option<Timestamp>, rows: Vec<CandleData<'a>> },
    /// A subscription stands.
    Subscribed(Subscribed<'a>),
    /// A subscription was refused.
    Refused(Refused<'a>),
    /// An error about something else.
    Error { text: &'a str },
    /// A known message that nothing is done with (tickers, ends of subscriptions).
    Ignored,
}

/// Whether a message replaces or changes what was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Snapshot,
    Update,
}

/// Channels this feed subscribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Instrument,
    Book,
    Trade,
    Ohlc,
}

impl Channel {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Instrument => "instrument",
            Self::Book => "book",
            Self::Trade => "trade",
            Self::Ohlc => "ohlc",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Instrument, Self::Book, Self::Trade, Self::Ohlc].into_iter().find(|channel| channel.name() == name)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct BookData<'a> {
    #[serde(borrow)]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) bids: Vec<LevelData<'a>>,
    #[serde(borrow, default)]
    pub(crate) asks: Vec<LevelData<'a>>,
    pub(crate) checksum: u32,
    #[serde(borrow, default)]
    timestamp: Option<Text<'a>>,
}

impl BookData<'_> {
    pub(crate) fn venue_at(&self) -> Option<Timestamp> {
        time(self.timestamp.as_ref())
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct LevelData<'a> {
    #[serde(borrow)]
    pub(crate) price: Raw<'a>,
    #[serde(borrow)]
    pub(crate) qty: Raw<'a>,
}

impl LevelData<'_> {
    pub(crate) fn level(&self, format: NumberFormat) -> Result<Level, NumberError> {
        Ok(Level { price: format.price(self.price.0)?, qty: format.qty(self.qty.0)? })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct TradeData<'a> {
    #[serde(borrow)]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    pub(crate) price: Raw<'a>,
    #[serde(borrow)]
    pub(crate) qty: Raw<'a>,
    pub(crate) trade_id: u64,
    #[serde(borrow)]
    timestamp: Text<'a>,
}

impl TradeData<'_> {
    pub(crate) fn trade(&self, instrument: InstrumentId, scale: Scale) -> Result<Trade, DecodeError> {
        let format = number_format(scale);
        Ok(Trade {
            instrument,
            id: u128::from(self.trade_id),
            price: format.price(self.price.0)?,
            qty: format.qty(self.qty.0)?,
            aggressor: match self.side.as_str() {
                "buy" => Aggressor::Buy,
                "sell" => Aggressor::Sell,
                _ => Aggressor::Unknown,
            },
            fills: 1,
            venue_at: self.venue_at()?,
        })
    }

    pub(crate) fn venue_at(&self) -> Result<Timestamp, DecodeError> {
        time(Some(&self.timestamp)).ok_or_else(|| DecodeError::malformed("trade timestamp is no time"))
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct CandleData<'a> {
    #[serde(borrow)]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow)]
    open: Raw<'a>,
    #[serde(borrow)]
    high: Raw<'a>,
    #[serde(borrow)]
    low: Raw<'a>,
    #[serde(borrow)]
    close: Raw<'a>,
    trades: u32,
    #[serde(borrow)]
    pub(crate) volume: Raw<'a>,
    #[serde(borrow)]
    interval_begin: Text<'a>,
    pub(crate) interval: u32,
}

impl<'a> CandleData<'a> {
    pub(crate) fn prices(&self) -> impl Iterator<Item = &'a str> {
        [self.open, self.high, self.low, self.close].into_iter().map(|price| price.0)
    }

    pub(crate) fn candle(&self, scale: Scale) -> Result<Candle, DecodeError> {
        let format = number_format(scale);
        Ok(Candle {
            open_time: time(Some(&self.interval_begin))
                .ok_or_else(|| DecodeError::malformed("interval_begin is no time"))?,
            open: format.price(self.open.0)?,
            high: format.price(self.high.0)?,
            low: format.price(self.low.0)?,
            close: format.price(self.close.0)?,
            volume: format.qty(self.volume.0)?,
            trades: self.trades,
        })
    }
}

/// Rules of pairs, unread but for the list.
#[derive(Debug)]
pub(crate) struct Pairs<'a>(Vec<&'a RawValue>);

/// Rules of one pair.
#[derive(Debug, Deserialize)]
pub(crate) struct PairData<'a> {
    #[serde(borrow)]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow)]
    pub(crate) base: Text<'a>,
    #[serde(borrow)]
    pub(crate) quote: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) status: Option<Text<'a>>,
    pub(crate) price_precision: u8,
    pub(crate) qty_precision: u8,
    #[serde(borrow, default)]
    pub(crate) price_increment: Option<Raw<'a>>,
    #[serde(borrow, default)]
    pub(crate) qty_increment: Option<Raw<'a>>,
    #[serde(borrow, default)]
    pub(crate) qty_min: Option<Raw<'a>>,
    #[serde(borrow, default)]
    pub(crate) cost_min: Option<Raw<'a>>,
}

impl PairData<'_> {
    /// Whether orders are matched. A state that is not named here is taken for one in which they are not.
    pub(crate) fn is_trading(&self) -> bool {
        let state = self.status.as_ref().map_or("online", Text::as_str);
        matches!(state, "online" | "post_only" | "limit_only" | "reduce_only")
    }
}

impl<'a> Pairs<'a> {
    /// The rules of the pairs that `is_wanted`, each readable or not. Only these are read completely: the venue lists
    /// more than a thousand.
    pub(crate) fn find(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = Result<PairData<'a>, DecodeError>> {
        #[derive(Deserialize)]
        struct Name<'n> {
            #[serde(borrow)]
            symbol: Text<'n>,
        }
        self.0
            .iter()
            .filter(move |raw| from_json::<Name<'_>>(raw.get()).is_ok_and(|name| is_wanted(name.symbol.as_str())))
            .map(|raw| from_json(raw.get()))
    }
}

/// A subscription stands, for one symbol (or for none: the instrument channel).
#[derive(Debug)]
pub(crate) struct Subscribed<'a> {
    pub(crate) channel: Option<Channel>,
    pub(crate) symbol: Option<Text<'a>>,
    pub(crate) depth: Option<u16>,
}

/// A subscription was refused. Which channel it was for is told by the number of our request only.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) symbol: Option<Text<'a>>,
    pub(crate) req_id: Option<u64>,
    pub(crate) text: String,
}

impl Refused<'_> {
    /// The venue refuses what stands already; that is success.
    pub(crate) fn stands_already(&self) -> bool {
        self.text.to_ascii_lowercase().contains("already subscribed")
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    channel: Option<Text<'a>>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(default)]
    success: Option<bool>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    symbol: Option<Text<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "Error")]
    capital_error: Option<&'a RawValue>,
    #[serde(default)]
    req_id: Option<u64>,
    #[serde(borrow, default)]
    time_out: Option<Text<'a>>,
}

/// Reads one message.
///
/// # Errors
/// [`DecodeError`] when it is not one of version 2 of the protocol.
pub(crate) fn decode(text: &str) -> Result<Message<'_>, DecodeError> {
    let envelope: Envelope<'_> = from_json(text)?;
    if let Some(error) = envelope.capital_error {
        return Ok(Message::Error { text: error.get() });
    }
    match (&envelope.channel, &envelope.method) {
        (Some(channel), _) => decode_channel(channel.as_str(), &envelope),
        (None, Some(method)) => decode_answer(method.as_str(), &envelope),
        (None, None) => Err(DecodeError::unknown("a message with neither channel nor method")),
    }
}

fn decode_channel<'a>(channel: &str, envelope: &Envelope<'a>) -> Result<Message<'a>, DecodeError> {
    #[derive(Deserialize)]
    struct StatusData<'s> {
        #[serde(borrow)]
        system: Text<'s>,
    }
    #[derive(Deserialize)]
    struct InstrumentData<'s> {
        #[serde(borrow)]
        pairs: Vec<&'s RawValue>,
    }
    let data = || envelope.data.map(RawValue::get).ok_or_else(|| DecodeError::malformed("no data in the message"));
    match channel {
        "heartbeat" => Ok(Message::Heartbeat),
        "status" => {
            let states: Vec<StatusData<'_>> = from_json(data()?)?;
            Ok(Message::Status { is_online: states.iter().all(|state| state.system.as_str() == "online") })
        }
        "instrument" => {
            let data: InstrumentData<'_> = from_json(data()?)?;
            Ok(Message::Instrument { kind: kind(envelope)?, pairs: Pairs(data.pairs) })
        }
        "book" => Ok(Message::Book { kind: kind(envelope)?, books: from_json(data()?)? }),
        "trade" => Ok(Message::Trades { trades: from_json(data()?)? }),
        "ohlc" => Ok(Message::Candles { venue_at: time(envelope.timestamp.as_ref()), rows: from_json(data()?)? }),
        "ticker" | "level3" | "executions" | "balances" => Ok(Message::Ignored),
        other => Err(DecodeError::unknown(format_args!("channel {other:?}"))),
    }
}

fn decode_answer<'a>(method: &str, envelope: &Envelope<'a>) -> Result<Message<'a>, DecodeError> {
    #[derive(Deserialize)]
    struct ResultData<'s> {
        #[serde(borrow, default)]
        channel: Option<Text<'s>>,
        #[serde(borrow, default)]
        symbol: Option<Text<'s>>,
        #[serde(default)]
        depth: Option<u16>,
    }
    match (method, envelope.success) {
        ("pong", _) => Ok(Message::Pong { venue_at: time(envelope.time_out.as_ref()) }),
        ("subscribe", Some(true)) => {
            let result = envelope.result.map(RawValue::get).unwrap_or("{}");
            let result: ResultData<'_> = from_json(result)?;
            Ok(Message::Subscribed(Subscribed {
                channel: result.channel.and_then(|channel| Channel::from_name(channel.as_str())),
                symbol: result.symbol,
                depth: result.depth,
            }))
        }
        ("subscribe", Some(false)) => Ok(Message::Refused(Refused {
            symbol: envelope.symbol.clone(),
            req_id: envelope.req_id,
            text: envelope.error.map_or_else(String::new, |error| Raw(error.get()).unquoted().to_owned()),
        })),
        ("unsubscribe", Some(_)) => Ok(Message::Ignored),
        (_, Some(false)) | ("ping", _) => {
            Ok(Message::Error { text: envelope.error.map_or("without a text", RawValue::get) })
        }
        (other, _) => Err(DecodeError::unknown(format_args!("answer to method {other:?}"))),
    }
}

fn kind(envelope: &Envelope<'_>) -> Result<Kind, DecodeError> {
    match envelope.kind.as_ref().map(Text::as_str) {
        Some("snapshot") => Ok(Kind::Snapshot),
        Some("update") => Ok(Kind::Update),
        other => Err(DecodeError::malformed(format_args!("type {other:?} is neither snapshot nor update"))),
    }
}

fn time(text: Option<&Text<'_>>) -> Option<Timestamp> {
    text.and_then(|text| Timestamp::parse_rfc3339(text.as_str().as_bytes()))
}

/// Kraken's numbers are JSON numbers, so exponents are legal.
pub(crate) const fn number_format(scale: Scale) -> NumberFormat {
    NumberFormat { scale, exponent: Exponent::Accept }
}
