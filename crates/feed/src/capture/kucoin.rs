//! A recording of KuCoin's messages and REST snapshots, of either feed, in the order of their arrival.
//!
//! The first book message of a symbol tells what its book is made of: pictures, changes on a recorded snapshot, or the
//! unified stream with its own.

use std::collections::BTreeMap;

use types::market::Proof;
use types::{InstrumentId, Scale, Side, Timestamp};

use super::report::InstrumentReport;
use super::tape::{Changed, Tape};
use crate::book::Verdict;
use crate::decode::DecodeError;
use crate::kraken::Candles;
use crate::kucoin::messages::{CandleData, ChangesData, Message, PictureData, TradeData};
use crate::kucoin::{KucoinBook, SNAPSHOT_LEVELS, VenueBook, Wire, rest};
use crate::number::NumberError;
use crate::session::{Numbering, Passed, TradeGate};
use crate::status::Counts;
use crate::synced::{Numbered, Renewal};

/// Digits of all books: ten behind the point are the most in recorded prices, some of which are above a million.
const SCALE: Scale = Scale { price_decimals: 10, qty_decimals: 8 };

#[derive(Debug, Default)]
pub(super) struct KucoinCapture {
    symbols: BTreeMap<String, Symbol>,
    pub(super) refused: u64,
}

#[derive(Debug)]
struct Symbol {
    name: String,
    counts: Counts,
    source: Option<KucoinBook>,
    book: VenueBook,
    trade_gate: TradeGate,
    candles: Candles,
}

impl KucoinCapture {
    /// The connection was made anew: books start from their next beginning.
    pub(super) fn reconnected(&mut self) {
        for symbol in self.symbols.values_mut() {
            symbol.book.forget();
            symbol.candles.disconnected();
        }
    }

    pub(super) fn frame(&mut self, text: &str, tape: &mut Tape) -> Result<(), DecodeError> {
        match decode(text)? {
            Message::Changes(data) => self.symbol(data.symbol.as_str()).changes(&data, tape),
            Message::Picture(data) => self.symbol(data.symbol.as_str()).picture(&data, tape),
            Message::Trade(data) => self.symbol(data.symbol.as_str()).trade(&data, tape),
            Message::Candle(data) => self.symbol(data.symbol.as_str()).candle(&data),
            Message::Refused(_) => {
                self.refused += 1;
                Ok(())
            }
            Message::Ticker(_)
            | Message::Welcome { .. }
            | Message::Pong
            | Message::Accepted { .. }
            | Message::Ignored => Ok(()),
        }
    }

    /// A REST answer: book snapshots of any version of the interface. False for everything else, which is left aside.
    pub(super) fn http(&mut self, url: &str, body: &str, tape: &mut Tape) -> Result<bool, DecodeError> {
        let Some((path, query)) = url.split_once('?').filter(|(path, _)| path.contains("/orderbook/level2")) else {
            return Ok(false);
        };
        let symbol = query.split('&').find_map(|pair| pair.strip_prefix("symbol="));
        let symbol = symbol.ok_or_else(|| DecodeError::malformed(format_args!("no symbol in the query of {path}")))?;
        let levels_max = match path.rsplit_once("level2_") {
            Some((_, levels)) => levels.parse().unwrap_or(SNAPSHOT_LEVELS),
            None => usize::MAX,
        };
        let data = rest::book(symbol, body.as_bytes())
            .map_err(|error| DecodeError::malformed(format_args!("no order book in the answer: {error}")))?;
        self.symbol(symbol).snapshot(&data, levels_max, tape)?;
        Ok(true)
    }

    fn symbol(&mut self, name: &str) -> &mut Symbol {
        if !self.symbols.contains_key(name) {
            self.symbols.insert(name.to_owned(), Symbol::new(name));
        }
        self.symbols.get_mut(name).expect("it was inserted if it was absent")
    }

    pub(super) fn finish(self) -> Vec<InstrumentReport> {
        self.symbols
            .iter()
            .map(|(name, symbol)| {
                let held = symbol.book.book().map(|book| (book, SCALE, SCALE));
                // The venue writes no zeros at the end of a number.
                InstrumentReport::new(name, &symbol.counts, held).without_zeros()
            })
            .collect()
    }
}

/// A message of either feed.
fn decode(text: &str) -> Result<Message<'_>, DecodeError> {
    let classic = Wire::of(KucoinBook::Pictures).decode(text);
    match classic {
        Ok(message) => Ok(message),
        Err(error) => Wire::of(KucoinBook::Unified).decode(text).map_err(|_| error),
    }
}

impl Symbol {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            counts: Counts::default(),
            source: None,
            book: VenueBook::new(KucoinBook::AllChanges, SCALE),
            trade_gate: TradeGate::new(Numbering::Sparse),
            candles: Candles::default(),
        }
    }

    /// What the book is made of, as its first message shows.
    fn made_of(&mut self, source: KucoinBook) {
        if self.source.is_none() {
            self.source = Some(source);
            self.book.continue_from(source);
        }
    }

    fn changes(&mut self, data: &ChangesData<'_>, tape: &mut Tape) -> Result<(), DecodeError> {
        self.made_of(KucoinBook::AllChanges);
        self.counts.deltas += 1;
        let verdict = self.book.changes(data);
        let bids = data.bids(SCALE).flatten().map(|change| (Side::Buy, change.level.price));
        let asks = data.asks(SCALE).flatten().map(|change| (Side::Sell, change.level.price));
        let mut changed = bids.chain(asks);
        // Levels that fall out of the depth of the unified feed leave without a word.
        let changed = (self.source != Some(KucoinBook::Unified)).then_some(&mut changed as _);
        self.count(verdict, changed, data.venue_at, tape)
    }

    fn picture(&mut self, data: &PictureData<'_>, tape: &mut Tape) -> Result<(), DecodeError> {
        self.made_of(if data.id.is_some() { KucoinBook::Unified } else { KucoinBook::Pictures });
        let verdict = self.book.picture(data);
        self.count(verdict, None, data.venue_at, tape)
    }

    fn snapshot(&mut self, data: &PictureData<'_>, levels_max: usize, tape: &mut Tape) -> Result<(), DecodeError> {
        let verdict = self.book.snapshot(data, levels_max);
        self.count(verdict, None, None, tape)
    }

    fn count(
        &mut self,
        verdict: Result<Verdict, NumberError>,
        changed: Changed<'_>,
        venue_at: Option<Timestamp>,
        tape: &mut Tape,
    ) -> Result<(), DecodeError> {
        let verdict = verdict.inspect_err(|_| tape.malformed(&self.name))?;
        self.counts.count(verdict);
        if self.book.settle(0) != Renewal::None {
            tape.replaced(&self.name);
        }
        let held = self.book.book().map(|book| (book, SCALE));
        tape.book(&self.name, verdict, held, changed, Proof::Sequence, venue_at);
        Ok(())
    }

    fn trade(&mut self, data: &TradeData<'_>, tape: &mut Tape) -> Result<(), DecodeError> {
        let trade = data.trade(InstrumentId(0), SCALE)?;
        match self.trade_gate.pass(data.number, trade.venue_at) {
            Passed::Doubled => self.counts.duplicates += 1,
            Passed::AfterGap | Passed::Next | Passed::Late => {
                self.counts.trades += 1;
                tape.trade(&self.name, trade, SCALE);
            }
        }
        Ok(())
    }

    fn candle(&mut self, data: &CandleData<'_>) -> Result<(), DecodeError> {
        if data.interval.as_str() != "1min" {
            return Err(DecodeError::unknown("candles of another length than a minute"));
        }
        let candle = data.row.candle(SCALE)?;
        self.counts.candles += 1;
        self.counts.candles_final += u64::from(self.candles.row(candle).is_some());
        Ok(())
    }
}
