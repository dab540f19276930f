//! REST requests: one queue, one breaker, a weight budget.

use std::collections::VecDeque;
use std::time::Duration;

use types::Timestamp;

use crate::io::{FeedOutput, Method, Request, RequestId};

/// How much may be asked of a venue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Least time between two requests.
    pub(crate) spacing: Duration,
    /// Most weight in a minute.
    pub(crate) weight_per_min: u32,
    /// A request without an answer for so long counts as failed.
    pub(crate) timeout: Duration,
}

/// Requests of one venue, one at a time, in order of their due time. `K` names what is asked; a thing that is queued
/// or under way is not queued again, which bounds the queue.
#[derive(Clone, Debug)]
pub(crate) struct Requests<K> {
    limits: Limits,
    next_id: u64,
    queue: Vec<Queued<K>>,
    under_way: Option<UnderWay<K>>,
    last_sent_at: Option<Timestamp>,
    spent: VecDeque<(Timestamp, u32)>,
    blocked_until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Queued<K> {
    key: K,
    method: Method,
    path: String,
    weight: u32,
    not_before: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay<K> {
    id: RequestId,
    key: K,
    sent_at: Timestamp,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// It was answered.
    Response { status: u16, retry_after_s: Option<u32>, body: &'a [u8] },
    /// It was not.
    Failed,
}

const MINUTE: Duration = Duration::from_secs(60);

impl<K: Copy + PartialEq> Requests<K> {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            next_id: 1,
            queue: Vec::new(),
            under_way: None,
            last_sent_at: None,
            spent: VecDeque::new(),
            blocked_until: None,
        }
    }

    /// Wants something at `not_before` or later. Nothing happens when it is wanted already.
    pub(crate) fn want(&mut self, key: K, path: String, weight: u32, not_before: Timestamp) {
        self.want_by(Method::Get, key, path, weight, not_before);
    }

    /// The same with another method than GET.
    pub(crate) fn want_by(&mut self, method: Method, key: K, path: String, weight: u32, not_before: Timestamp) {
        if !self.is_wanted(key) {
            self.queue.push(Queued { key, method, path, weight, not_before });
        }
    }

    pub(crate) fn is_wanted(&self, key: K) -> bool {
        self.under_way.is_some_and(|flying| flying.key == key) || self.queue.iter().any(|queued| queued.key == key)
    }

    /// The venue's own word on how much may be asked in a minute.
    pub(crate) fn allow(&mut self, weight_per_min: u32) {
        self.limits.weight_per_min = weight_per_min;
    }

    /// Forgets what waits. What is under way stays known: its answer will come.
    pub(crate) fn forget_waiting(&mut self) {
        self.queue.clear();
    }

    /// Nothing is asked before `until`.
    pub(crate) fn block_until(&mut self, until: Timestamp) {
        self.blocked_until = self.blocked_until.max(Some(until));
    }

    pub(crate) const fn blocked_until(&self) -> Option<Timestamp> {
        self.blocked_until
    }

    /// What the answered request asked for; `None` for an answer nobody waits for (any more).
    pub(crate) fn take(&mut self, id: RequestId) -> Option<K> {
        self.under_way.take_if(|flying| flying.id == id).map(|flying| flying.key)
    }

    /// What was asked too long ago.
    pub(crate) fn take_timed_out(&mut self, at: Timestamp) -> Option<K> {
        let timeout = self.limits.timeout;
        self.under_way.take_if(|flying| flying.sent_at.plus(timeout) <= at).map(|flying| flying.key)
    }

    /// Makes the next request when its time has come and the budget allows it.
    pub(crate) fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        while self.spent.front().is_some_and(|(spent_at, _)| spent_at.plus(MINUTE) <= at) {
            self.spent.pop_front();
        }
        if self.blocked_until.is_some_and(|until| until <= at) {
            self.blocked_until = None;
        }
        let Some((index, due)) = self.next() else { return };
        if at < due {
            return;
        }
        let queued = self.queue.remove(index);
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.under_way = Some(UnderWay { id, key: queued.key, sent_at: at });
        self.last_sent_at = Some(at);
        self.spent.push_back((at, queued.weight));
        out.push(FeedOutput::Request(Request { id, method: queued.method, path: queued.path, weight: queued.weight }));
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.under_way {
            Some(flying) => Some(flying.sent_at.plus(self.limits.timeout)),
            None => self.next().map(|(_, due)| due),
        }
    }

    /// The request to make next, and when.
    fn next(&self) -> Option<(usize, Timestamp)> {
        if self.under_way.is_some() {
            return None;
        }
        let (index, queued) = self.queue.iter().enumerate().min_by_key(|(_, queued)| queued.not_before)?;
        let spaced = self.last_sent_at.map_or(Timestamp::EPOCH, |last| last.plus(self.limits.spacing));
        let affordable = self.affordable_at(queued.weight);
        Some((index, queued.not_before.max(spaced).max(affordable).max(self.blocked_until.unwrap_or(Timestamp::EPOCH))))
    }

    /// When the spending of the last minute leaves room for `weight`.
    fn affordable_at(&self, weight: u32) -> Timestamp {
        let mut total: u32 = self.spent.iter().map(|(_, spent)| spent).sum::<u32>() + weight;
        let mut free_at = Timestamp::EPOCH;
        for (spent_at, spent) in &self.spent {
            if total <= self.limits.weight_per_min {
                break;
            }
            total -= spent;
            free_at = spent_at.plus(MINUTE);
        }
        free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(out: &mut Vec<FeedOutput>) -> Vec<(u64, String)> {
        out.drain(..)
            .filter_map(|output| match output {
                FeedOutput::Request(request) => Some((request.id.0, request.path)),
                _ => None,
            })
            .collect()
    }

    fn requests() -> Requests<char> {
        Requests::new(Limits { spacing: Duration::from_secs(1), weight_per_min: 100, timeout: Duration::from_secs(15) })
    }

    #[test]
    fn one_at_a_time_spaced_and_not_twice() {
        let s = Timestamp::from_secs;
        let mut requests = requests();
        let mut out = Vec::new();
        requests.want('a', "/a".to_owned(), 1, s(0));
        requests.want('b', "/b".to_owned(), 1, s(0));
        requests.want('a', "/again".to_owned(), 1, s(0));
        requests.poll(s(100), &mut out);
        requests.poll(s(105), &mut out);
        assert_eq!(sent(&mut out), [(1, "/a".to_owned())]);
        assert_eq!(requests.deadline(), Some(s(115)));
        assert_eq!(requests.take(RequestId(9)), None);
        assert_eq!(requests.take(RequestId(1)), Some('a'));
        assert_eq!(requests.take(RequestId(1)), None, "an answer counts once");
        requests.poll(s(105), &mut out);
        assert_eq!(sent(&mut out), [(2, "/b".to_owned())]);
        assert_eq!(requests.take_timed_out(s(119)), None);
        assert_eq!(requests.take_timed_out(s(120)), Some('b'));
        assert_eq!(requests.deadline(), None);
    }

    #[test]
    fn the_budget_and_the_breaker_hold_everything_back() {
        let s = Timestamp::from_secs;
        let mut requests = requests();
        let mut out = Vec::new();
        for (key, at) in [('a', 100), ('b', 110)] {
            requests.want(key, format!("/{key}"), 50, s(0));
            requests.poll(s(at), &mut out);
            assert!(requests.take(RequestId(if key == 'a' { 1 } else { 2 })).is_some());
        }
        requests.want('c', "/c".to_owned(), 50, s(0));
        assert_eq!(requests.deadline(), Some(s(160)), "the first fifty are free again after a minute");
        requests.block_until(s(300));
        requests.poll(s(299), &mut out);
        assert_eq!(sent(&mut out).len(), 2);
        requests.poll(s(300), &mut out);
        assert_eq!(sent(&mut out), [(3, "/c".to_owned())]);
        assert_eq!(requests.blocked_until(), None);
    }
}
