//! Markets that browsers follow: what was sent of each, and what changed since.

use std::collections::BTreeMap;

use axum::body::Bytes;
use engine::book::Standing;
use engine::view::View;
use tokio::sync::broadcast;
use types::Timestamp;
use wire::ServerMessage;

use super::{id, market};
use crate::engine_thread::{Watch, WatchKey, Watched};

/// Ticks a browser may be behind before it gets the whole market again.
const TICKS_MAX: usize = 32;

/// All followed markets.
#[derive(Debug, Default)]
pub(super) struct Followed(BTreeMap<WatchKey, Follow>);

/// What the followers of one market know already.
#[derive(Debug)]
struct Follow {
    ticks: broadcast::Sender<Bytes>,
    closed_until: Option<Timestamp>,
    running: Option<wire::Candle>,
    book: (Option<Timestamp>, Standing),
    trade: Option<u128>,
    fills_until: Timestamp,
}

impl Followed {
    /// A browser begins to follow. What others know already stays as it is: the snapshot holds at least as much.
    pub(super) fn add(&mut self, view: View<'_>, now: Timestamp, watch: Watch) {
        let Some(snapshot) = market::snapshot(view, watch.key, now) else { return };
        let snapshot = wire::encode(&ServerMessage::Market(snapshot)).into();
        let follow = self.0.entry(watch.key).or_insert_with(|| Follow::from_now(view, watch.key, now));
        // The browser may be gone again.
        let _ = watch.reply.send(Watched { snapshot, ticks: follow.ticks.subscribe() });
    }

    /// Sends what changed, and forgets markets that nobody follows any more.
    pub(super) fn publish(&mut self, view: View<'_>, now: Timestamp) {
        self.0.retain(|key, follow| {
            if follow.ticks.receiver_count() == 0 {
                return false;
            }
            if let Some(tick) = follow.changes(view, *key, now) {
                let _ = follow.ticks.send(wire::encode(&ServerMessage::Tick(tick)).into());
            }
            true
        });
    }
}

impl Follow {
    fn from_now(view: View<'_>, key: WatchKey, now: Timestamp) -> Self {
        let mut follow = Self {
            ticks: broadcast::Sender::new(TICKS_MAX),
            closed_until: None,
            running: None,
            book: (None, Standing::Waiting),
            trade: None,
            fills_until: now,
        };
        follow.changes(view, key, now);
        follow
    }

    /// What is new since the last call; `None` for nothing.
    fn changes(&mut self, view: View<'_>, key: WatchKey, now: Timestamp) -> Option<wire::Tick> {
        let seen = view.market(key.instrument)?;
        let timeframe = market::timeframe(key.timeframe_min)?;

        let running = seen.running(timeframe).as_ref().map(market::running);
        let running_changed = running != self.running;
        self.running = running;

        let mut closed: Vec<wire::Candle> = Vec::new();
        let newest = seen.series().last().map(|entry| entry.candle.open_time);
        if newest > self.closed_until {
            let known = self.closed_until.unwrap_or(Timestamp::EPOCH);
            // A revised candle is seen again with the next snapshot; a few closed ones are sent twice rather than missed.
            let recent = seen.candles(timeframe, 3 + (60 / key.timeframe_min.max(1)) as usize);
            closed = recent
                .iter()
                .filter(|bucket| bucket.candle.open_time.as_nanos() + timeframe.nanos() > known.as_nanos())
                .map(market::closed)
                .collect();
            self.closed_until = newest;
        }

        let standing = (seen.book().at(), seen.book().standing());
        let book = (standing != self.book).then(|| market::book(seen.book()));
        self.book = standing;

        let trades: Vec<wire::Trade> = seen
            .trades()
            .take_while(|trade| Some(trade.id) != self.trade)
            .take(wire::TRADES_MAX)
            .map(market::trade)
            .collect();
        self.trade = seen.trades().next().map(|trade| trade.id);

        let fills = market::fills(view, key.instrument, self.fills_until);
        if let Some(newest) = view.fills().find(|fill| fill.instrument == key.instrument) {
            self.fills_until = self.fills_until.max(newest.at);
        }

        let is_same = closed.is_empty() && !running_changed && book.is_none() && trades.is_empty() && fills.is_empty();
        (!is_same).then(|| wire::Tick {
            instrument: id(key.instrument),
            timeframe_min: key.timeframe_min,
            at_ms: now.as_millis(),
            closed,
            running,
            book,
            trades,
            fills,
        })
    }
}
