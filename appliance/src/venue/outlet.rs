//! From a feed to the engine, also when the engine is slow.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use tokio::sync::mpsc;
use types::market::CandleState;
use types::{Input, InstrumentId};

use crate::engine_thread::Message;

/// Events that wait for the engine. When so many wait, the venue's sockets are not read: what it sends then waits in the
/// network, and what it drops shows as a gap and is repaired.
pub(crate) const WAITING_MAX: usize = 16_384;

/// Hands events to the engine in order. While its queue is full they wait here, and of what only the newest counts only
/// the newest waits: a book replaces the waiting book of its instrument, but no trade is ever left out.
pub(super) struct Outlet {
    engine: mpsc::Sender<Message>,
    /// A replaced event leaves an empty place.
    waiting: VecDeque<Option<(Input, Instant)>>,
    /// Number of the first place.
    first: u64,
    /// Number of the place where the newest state of its kind waits.
    newest: BTreeMap<(Kind, InstrumentId), u64>,
    /// Events that were replaced by newer ones.
    replaced: u64,
}

/// Kinds of which only the newest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Book,
    RunningCandle,
    Ticker,
}

/// The engine thread is gone: the box is stopping.
pub(super) struct Stopping;

impl Outlet {
    pub(super) fn new(engine: mpsc::Sender<Message>) -> Self {
        Self { engine, waiting: VecDeque::new(), first: 0, newest: BTreeMap::new(), replaced: 0 }
    }

    /// Takes an event in that follows from what was read at `received`.
    ///
    /// # Errors
    /// When the engine thread is gone.
    pub(super) fn push(&mut self, input: Input, received: Instant) -> Result<(), Stopping> {
        let input = if self.waiting.is_empty() {
            match self.engine.try_send(Message::Heard { input, received }) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Full(Message::Heard { input, .. })) => input,
                Err(_) => return Err(Stopping),
            }
        } else {
            input
        };
        let key = key(&input);
        let number = self.first + self.waiting.len() as u64;
        let before = key.and_then(|key| self.newest.insert(key, number));
        if let Some(place) = before.and_then(|before| before.checked_sub(self.first))
            && let Some(place) = self.waiting.get_mut(place as usize)
        {
            *place = None;
            self.replaced += 1;
        }
        self.waiting.push_back(Some((input, received)));
        Ok(())
    }

    /// Waits until the engine takes something, and hands over what it takes; for ever while nothing waits. Cancelling
    /// loses nothing.
    ///
    /// # Errors
    /// When the engine thread is gone.
    pub(super) async fn drain(&mut self) -> Result<(), Stopping> {
        if self.waiting.is_empty() {
            return std::future::pending().await;
        }
        let mut permit = Some(self.engine.reserve().await.map_err(|_| Stopping)?);
        while let Some(place) = self.waiting.pop_front() {
            self.first += 1;
            let Some((input, received)) = place else { continue };
            match permit.take() {
                Some(permit) => permit.send(Message::Heard { input, received }),
                None => match self.engine.try_send(Message::Heard { input, received }) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(Message::Heard { input, received })) => {
                        self.first -= 1;
                        self.waiting.push_front(Some((input, received)));
                        return Ok(());
                    }
                    Err(_) => return Err(Stopping),
                },
            }
        }
        self.newest.clear();
        Ok(())
    }

    /// Places of events that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// So much waits that nothing more is to be read.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// Events that were replaced by newer ones while they waited.
    pub(super) fn replaced(&self) -> u64 {
        self.replaced
    }
}

fn key(input: &Input) -> Option<(Kind, InstrumentId)> {
    match input {
        // A staleness mark is newer than the book before it, and a book newer than the mark.
        Input::Book(book) => Some((Kind::Book, book.instrument)),
        Input::BookStale { instrument, .. } => Some((Kind::Book, *instrument)),
        Input::Candle(candle) if candle.state == CandleState::Running => Some((Kind::RunningCandle, candle.instrument)),
        Input::Ticker(ticker) => Some((Kind::Ticker, ticker.instrument)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use types::market::{Aggressor, Proof, StaleReason};
    use types::{BookTop, Price, Qty, Timestamp, Trade};

    use super::*;

    fn book(instrument: u16, at_ms: i64) -> Input {
        Input::Book(BookTop {
            instrument: InstrumentId(instrument),
            bids: Vec::new(),
            asks: Vec::new(),
            proof: Proof::Sequence,
            venue_at: Some(Timestamp::from_millis(at_ms)),
        })
    }

    fn stale(instrument: u16) -> Input {
        Input::BookStale { instrument: InstrumentId(instrument), reason: StaleReason::Silent }
    }

    fn trade(id: u128) -> Input {
        Input::Trade(Trade {
            instrument: InstrumentId(0),
            id,
            price: Price::new(1).unwrap(),
            qty: Qty(1),
            aggressor: Aggressor::Buy,
            fills: 1,
            venue_at: Timestamp::EPOCH,
        })
    }

    async fn received(engine: &mut mpsc::Receiver<Message>, outlet: &mut Outlet) -> Vec<Input> {
        let mut all = Vec::new();
        loop {
            while let Ok(Message::Heard { input, .. }) = engine.try_recv() {
                all.push(input);
            }
            if outlet.waiting.is_empty() {
                return all;
            }
            assert!(outlet.drain().await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_slow_engine_gets_every_trade_and_the_newest_books_in_order() {
        let (sender, mut engine) = mpsc::channel(2);
        let mut outlet = Outlet::new(sender);
        let inputs = [
            trade(1),
            book(0, 1), // In the engine's queue already.
            book(0, 2),
            trade(2),
            book(1, 1),
            book(0, 3),
            trade(3),
            stale(1),
            book(0, 4),
        ];
        for input in inputs {
            assert!(outlet.push(input, Instant::now()).is_ok());
        }
        assert_eq!(outlet.replaced(), 3);
        let all = received(&mut engine, &mut outlet).await;
        assert_eq!(all, [trade(1), book(0, 1), trade(2), trade(3), stale(1), book(0, 4)]);
        // Nothing is left of it.
        assert!(outlet.push(book(0, 5), Instant::now()).is_ok() && outlet.push(book(0, 6), Instant::now()).is_ok());
        assert_eq!(received(&mut engine, &mut outlet).await, [book(0, 5), book(0, 6)]);
    }

    #[tokio::test]
    async fn it_is_full_when_trades_pile_up_and_says_when_the_engine_is_gone() {
        let (sender, engine) = mpsc::channel(1);
        let mut outlet = Outlet::new(sender);
        for id in 0..=WAITING_MAX as u128 {
            assert!(!outlet.is_full());
            assert!(outlet.push(trade(id), Instant::now()).is_ok());
        }
        assert!(outlet.is_full());
        drop(engine);
        assert!(outlet.drain().await.is_err());
    }
}
