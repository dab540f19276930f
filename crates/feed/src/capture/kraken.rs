//! A recording of Kraken's messages.
//!
//! The depth is that of the recorded answer to the subscription; without one, the smallest offered that holds the
//! snapshot. The digits are those of a recorded `instrument` message; without one, the most digits in the snapshot.

use std::collections::BTreeMap;

use types::Scale;
use types::market::Proof;

use super::report::{Checksums, InstrumentReport};
use super::tape::Tape;
use crate::book::Verdict;
use crate::decode::DecodeError;
use crate::io::RejectReason;
use crate::kraken::messages::{self, BookData, CandleData, Channel, Kind, Message, Pairs, TradeData};
use crate::kraken::{Candles, ProvenBook};
use crate::number::{NumberError, SCALE_DECIMALS_MAX, written_scale};
use crate::session::TradeGate;
use crate::settings::KRAKEN_DEPTHS;
use crate::status::Counts;

#[derive(Debug, Default)]
pub(super) struct KrakenCapture {
    symbols: BTreeMap<String, Symbol>,
    /// From recorded `instrument` messages.
    rules: BTreeMap<String, Scale>,
    pub(super) refused: u64,
}

#[derive(Debug, Default)]
struct Symbol {
    counts: Counts,
    /// From the recorded answer to the subscription.
    depth: Option<u16>,
    book: Option<ProvenBook>,
    holds: bool,
    trade_gate: TradeGate,
    candles: Candles,
}

impl KrakenCapture {
    /// The connection was made anew: books start from their next snapshots.
    pub(super) fn reconnected(&mut self) {
        for symbol in self.symbols.values_mut() {
            symbol.holds = false;
            symbol.candles.disconnected();
            if let Some(book) = &mut symbol.book {
                book.drop_book();
                book.subscribed();
            }
        }
    }

    pub(super) fn frame(&mut self, text: &str, tape: &mut Tape) -> Result<(), DecodeError> {
        match messages::decode(text)? {
            Message::Book { kind, books } => {
                for data in &books {
                    let name = data.symbol.as_str();
                    let rules = self.rules.get(name).copied();
                    self.symbol(name).book(kind, data, rules, tape)?;
                }
                Ok(())
            }
            Message::Trades { trades } => {
                trades.iter().try_for_each(|data| self.symbol(data.symbol.as_str()).trade(data, tape))
            }
            Message::Candles { rows, .. } => {
                rows.iter().try_for_each(|data| self.symbol(data.symbol.as_str()).candle(data))
            }
            Message::Instrument { pairs, .. } => {
                self.learn(&pairs);
                Ok(())
            }
            Message::Subscribed(subscribed) => {
                if let (Some(Channel::Book), Some(symbol)) = (subscribed.channel, &subscribed.symbol) {
                    let symbol = self.symbol(symbol.as_str());
                    symbol.depth = subscribed.depth;
                    if let Some(book) = &mut symbol.book {
                        book.subscribed();
                    }
                }
                Ok(())
            }
            Message::Refused(_) => {
                self.refused += 1;
                Ok(())
            }
            Message::Status { .. }
            | Message::Heartbeat
            | Message::Pong { .. }
            | Message::Error { .. }
            | Message::Ignored => Ok(()),
        }
    }

    fn symbol(&mut self, name: &str) -> &mut Symbol {
        if !self.symbols.contains_key(name) {
            self.symbols.insert(name.to_owned(), Symbol::default());
        }
        self.symbols.get_mut(name).expect("it was inserted if it was absent")
    }

    fn learn(&mut self, pairs: &Pairs<'_>) {
        for data in pairs.find(|_| true).flatten() {
            let scale = Scale { price_decimals: data.price_precision, qty_decimals: data.qty_precision };
            if scale.price_decimals <= SCALE_DECIMALS_MAX && scale.qty_decimals <= SCALE_DECIMALS_MAX {
                self.rules.insert(data.symbol.as_str().to_owned(), scale);
            }
        }
    }

    pub(super) fn finish(self) -> (Checksums, Vec<InstrumentReport>) {
        let mut checksums = Checksums::default();
        let mut reports = Vec::new();
        for (name, symbol) in &self.symbols {
            let book = symbol.book.as_ref();
            let (checked, matched) = book.map_or((0, 0), ProvenBook::checksums);
            checksums.checked += checked;
            checksums.matched += matched;
            let held = book.filter(|_| symbol.holds).map(|book| (book.book(), book.scale(), book.scale()));
            reports.push(InstrumentReport::new(name, &symbol.counts, held));
        }
        (checksums, reports)
    }
}

impl Symbol {
    fn book(
        &mut self,
        kind: Kind,
        data: &BookData<'_>,
        rules: Option<Scale>,
        tape: &mut Tape,
    ) -> Result<(), DecodeError> {
        self.counts.deltas += u64::from(kind == Kind::Update);
        if kind == Kind::Snapshot {
            self.prepare(data, rules)?;
        }
        let Some(book) = &mut self.book else {
            // Updates before any snapshot: there is nothing they could change.
            return Ok(());
        };
        let applied = book.apply(kind, data);
        self.holds = match applied {
            Ok(verdict) => {
                self.counts.count(verdict);
                let held = (book.book(), book.scale());
                // Levels that fall out of the depth leave without a word, so all of it is told: there are not many.
                tape.book(data.symbol.as_str(), verdict, Some(held), None, Proof::Checksum, data.venue_at());
                matches!(verdict, Verdict::Rebuilt | Verdict::Held | Verdict::Crossed)
            }
            Err(_) => {
                tape.malformed(data.symbol.as_str());
                false
            }
        };
        applied.map(|_| ()).map_err(DecodeError::from)
    }

    /// Depth and digits for the book that begins with this snapshot.
    fn prepare(&mut self, data: &BookData<'_>, rules: Option<Scale>) -> Result<(), NumberError> {
        let levels = || data.bids.iter().chain(&data.asks);
        let most = data.bids.len().max(data.asks.len());
        let smallest = KRAKEN_DEPTHS.into_iter().find(|depth| usize::from(*depth) >= most);
        let depth = self.depth.or(smallest).unwrap_or(KRAKEN_DEPTHS[KRAKEN_DEPTHS.len() - 1]);
        let seen = written_scale(levels().map(|level| (level.price.0, level.qty.0)))?;
        let known = self.book.as_ref().map_or(seen, ProvenBook::scale);
        let scale = rules.unwrap_or(Scale {
            price_decimals: known.price_decimals.max(seen.price_decimals),
            qty_decimals: known.qty_decimals.max(seen.qty_decimals),
        });
        match &mut self.book {
            Some(book) => book.restart(depth, scale),
            None => self.book = Some(ProvenBook::new(depth, scale)),
        }
        Ok(())
    }

    fn trade(&mut self, data: &TradeData<'_>, tape: &mut Tape) -> Result<(), DecodeError> {
        let scale = written_scale([(data.price.0, data.qty.0)].into_iter())?;
        let trade = data.trade(types::InstrumentId(0), scale)?;
        let passed = self.trade_gate.pass(data.trade_id, trade.venue_at);
        self.counts.count_trade(passed);
        if passed.is_new() {
            tape.trade(data.symbol.as_str(), trade, scale);
        }
        Ok(())
    }

    fn candle(&mut self, data: &CandleData<'_>) -> Result<(), DecodeError> {
        if data.interval != 1 {
            return Err(DecodeError::new(RejectReason::UnknownMessage, "candles of another length than a minute"));
        }
        let scale = written_scale(data.prices().map(|price| (price, data.volume.0)))?;
        self.counts.candles += 1;
        if self.candles.row(data.candle(scale)?).is_some() {
            self.counts.candles_final += 1;
        }
        Ok(())
    }
}
