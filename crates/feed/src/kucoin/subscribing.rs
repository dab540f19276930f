//! Subscriptions that were not accepted yet.

use std::collections::VecDeque;
use std::time::Duration;

use types::Timestamp;

use super::wire::Channel;

/// Requests for channels, sent one after the other, until each is answered. Bounded by what is wanted: each channel of
/// each symbol stands in one request at most.
#[derive(Debug)]
pub(super) struct Subscribing {
    next_id: u64,
    waiting: VecDeque<Batch>,
    asked: Vec<Asked>,
    refused: Vec<Refusal>,
}

/// Symbols, by index, to be subscribed for a channel with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) channel: Channel,
    pub(super) symbols: Vec<usize>,
}

#[derive(Debug)]
struct Asked {
    id: u64,
    since: Timestamp,
    batch: Batch,
}

#[derive(Debug)]
struct Refusal {
    again_at: Timestamp,
    batch: Batch,
}

impl Default for Subscribing {
    fn default() -> Self {
        Self { next_id: 1, waiting: VecDeque::new(), asked: Vec::new(), refused: Vec::new() }
    }
}

impl Subscribing {
    /// A number for a request, never used twice.
    pub(super) fn id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    pub(super) fn want(&mut self, batch: Batch) {
        self.waiting.push_back(batch);
    }

    /// Wants it again at `again_at`.
    pub(super) fn want_again(&mut self, batch: Batch, again_at: Timestamp) {
        self.refused.push(Refusal { again_at, batch });
    }

    /// The next one to ask for, which counts as asked from `at` on under the number told with it.
    pub(super) fn ask_next(&mut self, at: Timestamp) -> Option<(u64, Batch)> {
        if let Some(index) = self.refused.iter().position(|refusal| refusal.again_at <= at) {
            self.waiting.push_back(self.refused.swap_remove(index).batch);
        }
        let batch = self.waiting.pop_front()?;
        let id = self.id();
        self.asked.push(Asked { id, since: at, batch: batch.clone() });
        Some((id, batch))
    }

    /// What the answered request asked for.
    pub(super) fn take(&mut self, id: u64) -> Option<Batch> {
        let index = self.asked.iter().position(|asked| asked.id == id)?;
        Some(self.asked.swap_remove(index).batch)
    }

    /// A channel of a symbol needs no answer any more: it was heard, or is asked for anew.
    pub(super) fn forget(&mut self, channel: Channel, symbol: usize) {
        let without = |batch: &mut Batch| {
            if batch.channel == channel {
                batch.symbols.retain(|index| *index != symbol);
            }
            !batch.symbols.is_empty()
        };
        self.waiting.retain_mut(without);
        self.asked.retain_mut(|asked| without(&mut asked.batch));
        self.refused.retain_mut(|refusal| without(&mut refusal.batch));
    }

    /// When the venue's time to answer ends.
    pub(super) fn times_out_at(&self, timeout: Duration) -> Option<Timestamp> {
        self.asked.iter().map(|asked| asked.since.plus(timeout)).min()
    }

    /// When a refused one is to be asked for again.
    pub(super) fn again_at(&self) -> Option<Timestamp> {
        self.refused.iter().map(|refusal| refusal.again_at).min()
    }

    /// Everything was answered, if only with a refusal.
    pub(super) fn is_answered(&self) -> bool {
        self.waiting.is_empty() && self.asked.is_empty()
    }

    /// The connection is gone.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.asked.clear();
        self.refused.clear();
    }
}
