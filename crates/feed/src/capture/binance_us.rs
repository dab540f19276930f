//! A recording of Binance.US messages and REST snapshots, in the order of their arrival.

use std::collections::BTreeMap;

use types::decimal::fraction_digits;
use types::market::Proof;
use types::{InstrumentId, Scale, Side, Timestamp};

use super::report::InstrumentReport;
use super::tape::{Changed, Tape};
use crate::binance_us::messages::{self, DepthData, KlineData, Message, SnapshotData, TradeData, TradeStream};
use crate::binance_us::{SyncedBook, WRITTEN};
use crate::book::Verdict;
use crate::decode::DecodeError;
use crate::level::LevelData;
use crate::session::TradeGate;
use crate::status::Counts;
use crate::synced::{Numbered, Renewal};

#[derive(Debug, Default)]
pub(super) struct BinanceUsCapture {
    symbols: BTreeMap<String, Symbol>,
    /// A snapshot line that came before anything told the file's symbol.
    unnamed_snapshot: Option<String>,
    pub(super) refused: u64,
}

#[derive(Debug)]
struct Symbol {
    name: String,
    counts: Counts,
    book: SyncedBook,
    /// Most digits seen in the venue's text.
    written: Scale,
    trade_gate: TradeGate,
    trade_stream: Option<TradeStream>,
}

impl BinanceUsCapture {
    /// The connection was made anew: books start from their next update and snapshot.
    pub(super) fn reconnected(&mut self) {
        for symbol in self.symbols.values_mut() {
            symbol.book.restart(WRITTEN);
        }
    }

    pub(super) fn frame(&mut self, text: &str, tape: &mut Tape) -> Result<(), DecodeError> {
        match messages::decode(text)? {
            Message::Depth(data) => self.symbol(data.symbol.as_str(), tape)?.depth(&data, tape),
            Message::Trade(data) => self.symbol(data.symbol.as_str(), tape)?.trade(&data, tape),
            Message::Kline(data) => self.symbol(data.symbol.as_str(), tape)?.kline(&data),
            Message::Snapshot(data) => self.unnamed(&data, text, tape),
            Message::Refused { .. } => {
                self.refused += 1;
                Ok(())
            }
            Message::Accepted { .. } | Message::ServerShutdown | Message::Ignored => Ok(()),
        }
    }

    /// A REST answer: depth snapshots of any version of the interface. False for everything else, which is left aside.
    pub(super) fn http(&mut self, url: &str, body: &str, tape: &mut Tape) -> Result<bool, DecodeError> {
        let Some((path, query)) = url.split_once('?').filter(|(path, _)| path.ends_with("/depth")) else {
            return Ok(false);
        };
        let symbol = query.split('&').find_map(|pair| pair.strip_prefix("symbol="));
        let symbol = symbol.ok_or_else(|| DecodeError::malformed(format_args!("no symbol in the query of {path}")))?;
        match messages::decode(body)? {
            Message::Snapshot(data) => self.symbol(symbol, tape)?.snapshot(&data, tape).map(|()| true),
            _ => Err(DecodeError::malformed("no order book in the answer")),
        }
    }

    /// A snapshot that does not say of which symbol it is: of the file's only one.
    fn unnamed(&mut self, data: &SnapshotData<'_>, text: &str, tape: &mut Tape) -> Result<(), DecodeError> {
        if self.symbols.len() > 1 {
            return Err(DecodeError::malformed("a snapshot without a symbol among several symbols"));
        }
        match self.symbols.values_mut().next() {
            Some(only) => only.snapshot(data, tape),
            None => {
                self.unnamed_snapshot = Some(text.to_owned());
                Ok(())
            }
        }
    }

    fn symbol(&mut self, name: &str, tape: &mut Tape) -> Result<&mut Symbol, DecodeError> {
        if !self.symbols.contains_key(name) {
            self.symbols.insert(name.to_owned(), Symbol::new(name));
            if let Some(text) = self.unnamed_snapshot.take()
                && let Message::Snapshot(data) = messages::decode(&text)?
            {
                self.unnamed(&data, &text, tape)?;
            }
        }
        Ok(self.symbols.get_mut(name).expect("it was inserted if it was absent"))
    }

    pub(super) fn finish(self) -> Vec<InstrumentReport> {
        self.symbols
            .iter()
            .map(|(name, symbol)| {
                let held = symbol.book.book().map(|book| (book, WRITTEN, symbol.written));
                InstrumentReport::new(name, &symbol.counts, held)
            })
            .collect()
    }
}

impl Symbol {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            counts: Counts::default(),
            book: SyncedBook::new(WRITTEN),
            written: Scale { price_decimals: 0, qty_decimals: 0 },
            trade_gate: TradeGate::default(),
            trade_stream: None,
        }
    }

    fn depth(&mut self, data: &DepthData<'_>, tape: &mut Tape) -> Result<(), DecodeError> {
        self.counts.deltas += 1;
        self.note_digits(data.bids.iter().chain(&data.asks));
        let verdict = self.book.update(data).inspect_err(|_| tape.malformed(&self.name))?;
        let bids = data.bids(WRITTEN).flatten().map(|change| (Side::Buy, change.level.price));
        let asks = data.asks(WRITTEN).flatten().map(|change| (Side::Sell, change.level.price));
        self.judge(verdict, Some(&mut bids.chain(asks)), Some(data.venue_at()), tape);
        Ok(())
    }

    /// Taken for the whole book: a recording has no other snapshot for when the market has moved to the edge of this one.
    fn snapshot(&mut self, data: &SnapshotData<'_>, tape: &mut Tape) -> Result<(), DecodeError> {
        self.note_digits(data.bids.iter().chain(&data.asks));
        let verdict = self.book.snapshot(data.last_id, data.book(WRITTEN, false)?);
        self.judge(verdict, None, None, tape);
        Ok(())
    }

    fn judge(&mut self, verdict: Verdict, changed: Changed<'_>, venue_at: Option<Timestamp>, tape: &mut Tape) {
        self.counts.count(verdict);
        if self.book.settle(0) != Renewal::None {
            tape.replaced(&self.name);
        }
        let held = self.book.book().map(|book| (book, WRITTEN));
        tape.book(&self.name, verdict, held, changed, Proof::Sequence, venue_at);
    }

    fn trade(&mut self, data: &TradeData<'_>, tape: &mut Tape) -> Result<(), DecodeError> {
        let trade = data.trade(InstrumentId(0), WRITTEN)?;
        // Both streams tell the same trades under different numbers: the one heard first counts.
        if *self.trade_stream.get_or_insert(data.stream) != data.stream {
            return Ok(());
        }
        let passed = self.trade_gate.pass(data.id, trade.venue_at);
        self.counts.count_trade(passed);
        if passed.is_new() {
            tape.trade(&self.name, trade, WRITTEN);
        }
        Ok(())
    }

    fn kline(&mut self, data: &KlineData<'_>) -> Result<(), DecodeError> {
        data.candle(WRITTEN)?;
        self.counts.candles += 1;
        self.counts.candles_final += u64::from(data.kline.is_final);
        Ok(())
    }

    fn note_digits<'a>(&mut self, levels: impl Iterator<Item = &'a LevelData<'a>>) {
        for level in levels {
            let Scale { price_decimals, qty_decimals } = &mut self.written;
            *price_decimals = (*price_decimals).max(fraction_digits(level.price.as_bytes()));
            *qty_decimals = (*qty_decimals).max(fraction_digits(level.qty.as_bytes()));
        }
    }
}
