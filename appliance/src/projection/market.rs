//! One market in the words of the page.

use engine::book::{Book, Standing};
use engine::candle::Bucket;
use engine::view::View;
use types::market::{Aggressor, Proof, StaleReason};
use types::{Fill, Instrument, InstrumentId, Side, Timeframe, Timestamp, Trade};
use wire::{BookState, CandleKind};

use super::id;
use crate::engine_thread::WatchKey;

pub(super) fn instrument(instrument: &Instrument) -> wire::Instrument {
    wire::Instrument {
        id: id(instrument.id),
        venue: instrument.venue.name().to_owned(),
        pair: instrument.pair(),
        price_decimals: instrument.scale.price_decimals,
        qty_decimals: instrument.scale.qty_decimals,
        tick: instrument.tick,
    }
}

pub(super) fn timeframe(minutes: u16) -> Option<Timeframe> {
    Timeframe::ALL.into_iter().find(|timeframe| timeframe.minutes() == i64::from(minutes))
}

/// The whole market; `None` when there is no such instrument or time frame.
pub(super) fn snapshot(view: View<'_>, key: WatchKey, now: Timestamp) -> Option<wire::Market> {
    let market = view.market(key.instrument)?;
    let timeframe = timeframe(key.timeframe_min)?;
    let candles = market.candles(timeframe, wire::CANDLES_MAX);
    let since = candles.first().map_or(now, |bucket| bucket.candle.open_time);
    Some(wire::Market {
        instrument: id(key.instrument),
        timeframe_min: key.timeframe_min,
        at_ms: now.as_millis(),
        candles: candles.iter().map(closed).collect(),
        running: market.running(timeframe).as_ref().map(running),
        book: book(market.book()),
        trades: market.trades().take(wire::TRADES_MAX).map(trade).collect(),
        fills: fills(view, key.instrument, since),
    })
}

/// A candle that is closed.
pub(super) fn closed(bucket: &Bucket) -> wire::Candle {
    let kind = match bucket {
        Bucket { revision: 1.., .. } => CandleKind::Repaired,
        Bucket { candle, .. } if candle.trades == 0 => CandleKind::Quiet,
        _ => CandleKind::Traded,
    };
    candle(&bucket.candle, kind)
}

/// A candle that is not.
pub(super) fn running(running: &types::Candle) -> wire::Candle {
    candle(running, CandleKind::Traded)
}

/// A candle as the page has it.
pub(crate) fn candle(candle: &types::Candle, kind: CandleKind) -> wire::Candle {
    wire::Candle {
        open_time_ms: candle.open_time.as_millis(),
        open: candle.open.mantissa(),
        high: candle.high.mantissa(),
        low: candle.low.mantissa(),
        close: candle.close.mantissa(),
        volume: candle.volume.0,
        kind,
    }
}

pub(super) fn trade(trade: &Trade) -> wire::Trade {
    wire::Trade {
        at_ms: trade.venue_at.as_millis(),
        price: trade.price.mantissa(),
        qty: trade.qty.0,
        side: match trade.aggressor {
            Aggressor::Buy => 1,
            Aggressor::Sell => -1,
            Aggressor::Unknown => 0,
        },
    }
}

/// Paper fills of an instrument after `since`, oldest first.
pub(super) fn fills(view: View<'_>, instrument: InstrumentId, since: Timestamp) -> Vec<wire::FillMark> {
    let mut marks: Vec<_> =
        view.fills().filter(|fill| fill.instrument == instrument && fill.at > since).map(fill_mark).collect();
    marks.reverse();
    marks
}

fn fill_mark(fill: &Fill) -> wire::FillMark {
    wire::FillMark {
        at_ms: fill.at.as_millis(),
        price: fill.price.mantissa(),
        side: match fill.side {
            Side::Buy => 1,
            Side::Sell => -1,
        },
    }
}

pub(super) fn book(book: &Book) -> wire::Book {
    let side = |levels: &[types::Level]| levels.iter().map(|level| (level.price.mantissa(), level.qty.0)).collect();
    wire::Book { state: book_state(book), bids: side(book.bids()), asks: side(book.asks()) }
}

pub(super) const fn book_state(book: &Book) -> BookState {
    match book.standing() {
        Standing::Proven(Proof::Checksum) => BookState::ProvenChecksum,
        Standing::Proven(Proof::Sequence) => BookState::ProvenSequence,
        Standing::Proven(Proof::Compared) => BookState::Compared,
        Standing::Stale { reason: StaleReason::Silent | StaleReason::Disconnected, .. } => BookState::Silent,
        Standing::Waiting | Standing::Stale { .. } => BookState::Resyncing,
    }
}
