//! A recording of Coinbase's messages, on `level2` or `level2_batch`.
//!
//! A recording does not tell the rules of products: their digits are the most that were written so far.

use std::collections::BTreeMap;

use types::market::Proof;
use types::{InstrumentId, Scale, Side, Timestamp};

use super::report::InstrumentReport;
use super::tape::{Changed, Tape};
use crate::book::Verdict;
use crate::coinbase::messages::{self, BookSide, MatchData, Message, SnapshotData, TickerData, UpdateData};
use crate::coinbase::{CheckedBook, Update};
use crate::decode::DecodeError;
use crate::level::LevelData;
use crate::number::{NumberError, written_scale};
use crate::session::TradeGate;
use crate::status::Counts;

#[derive(Debug, Default)]
pub(super) struct CoinbaseCapture {
    products: BTreeMap<String, Product>,
    pub(super) refused: u64,
}

#[derive(Debug)]
struct Product {
    counts: Counts,
    book: CheckedBook,
    trade_gate: TradeGate,
}

impl CoinbaseCapture {
    /// The connection was made anew: books start from their next snapshots.
    pub(super) fn reconnected(&mut self) {
        self.products.values_mut().for_each(|product| product.book.drop_book());
    }

    pub(super) fn frame(&mut self, text: &str, tape: &mut Tape) -> Result<(), DecodeError> {
        match messages::decode(text)? {
            Message::Update(data) => self.product(data.product_id.as_str()).update(&data, tape)?,
            Message::Snapshot(data) => self.product(data.product_id.as_str()).snapshot(&data, tape)?,
            Message::Match { data, is_last } => self.product(data.product_id.as_str()).trade(&data, is_last, tape)?,
            Message::Ticker(data) => self.product(data.product_id.as_str()).ticker(&data)?,
            Message::Heartbeat(data) => drop(data.venue_at()?),
            Message::Error { .. } => self.refused += 1,
            Message::Status(_) | Message::Subscriptions(_) => {}
        }
        Ok(())
    }

    fn product(&mut self, name: &str) -> &mut Product {
        if !self.products.contains_key(name) {
            self.products.insert(name.to_owned(), Product::new());
        }
        self.products.get_mut(name).expect("it was inserted if it was absent")
    }

    pub(super) fn finish(self) -> Vec<InstrumentReport> {
        let report = |(name, product): (&String, &Product)| {
            let scale = product.book.scale();
            let held = product.book.has_snapshot().then(|| (product.book.book(), scale, scale));
            InstrumentReport::new(name, &product.counts, held)
        };
        self.products.iter().map(report).collect()
    }
}

impl Product {
    fn new() -> Self {
        Self {
            counts: Counts::default(),
            book: CheckedBook::new(Scale { price_decimals: 0, qty_decimals: 0 }),
            trade_gate: TradeGate::default(),
        }
    }

    fn snapshot(&mut self, data: &SnapshotData<'_>, tape: &mut Tape) -> Result<(), NumberError> {
        self.note_digits(data.bids.iter().chain(&data.asks))?;
        let verdict = self.book.snapshot(data.venue_at().unwrap_or(Timestamp::EPOCH), data)?;
        self.counts.count(verdict);
        self.tell(data.product_id.as_str(), verdict, None, data.venue_at(), tape);
        Ok(())
    }

    fn tell(
        &self,
        product: &str,
        verdict: Verdict,
        changed: Changed<'_>,
        venue_at: Option<Timestamp>,
        tape: &mut Tape,
    ) {
        let held = self.book.has_snapshot().then(|| (self.book.book(), self.book.scale()));
        // A recording has nothing to compare with: what holds it together is that the venue's times do not step back.
        tape.book(product, verdict, held, changed, Proof::Compared, venue_at);
    }

    fn update(&mut self, data: &UpdateData<'_>, tape: &mut Tape) -> Result<(), NumberError> {
        self.counts.deltas += 1;
        self.note_digits(data.changes.iter().map(|change| &change.level))?;
        // The venue's own time stands for the time of receipt, which not all recordings tell.
        let at = data.venue_at().unwrap_or(Timestamp::EPOCH);
        let applied = self.book.update(at, data, true, |_| {});
        let applied = applied.inspect_err(|_| tape.malformed(data.product_id.as_str()))?;
        self.counts.count(applied.verdict);
        let changes = data.changes(self.book.scale()).flatten();
        let mut changed = changes.map(|(side, level)| match side {
            BookSide::Bids => (Side::Buy, level.price),
            BookSide::Asks => (Side::Sell, level.price),
        });
        self.tell(data.product_id.as_str(), applied.verdict, Some(&mut changed), data.venue_at(), tape);
        Ok(())
    }

    fn trade(&mut self, data: &MatchData<'_>, is_last: bool, tape: &mut Tape) -> Result<(), DecodeError> {
        let scale = written_scale([(data.price, data.size)].into_iter())?;
        let trade = data.trade(InstrumentId(0), scale)?;
        if !(is_last && self.trade_gate.begin(data.trade_id, trade.venue_at)) {
            let passed = self.trade_gate.pass(data.trade_id, trade.venue_at);
            self.counts.count_trade(passed);
            if passed.is_new() {
                tape.trade(data.product_id.as_str(), trade, scale);
            }
        }
        Ok(())
    }

    fn ticker(&mut self, data: &TickerData<'_>) -> Result<(), DecodeError> {
        data.ticker(InstrumentId(0), data.scale()?)?;
        Ok(())
    }

    /// Makes room for the digits of these levels.
    fn note_digits<'a>(&mut self, levels: impl Iterator<Item = &'a LevelData<'a>>) -> Result<(), NumberError> {
        let known = self.book.scale();
        let written = written_scale(levels.map(|level| (level.price, level.qty)))?;
        let scale = Scale {
            price_decimals: known.price_decimals.max(written.price_decimals),
            qty_decimals: known.qty_decimals.max(written.qty_decimals),
        };
        if scale != known {
            self.book.refine(scale);
        }
        Ok(())
    }
}
