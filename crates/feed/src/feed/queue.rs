//! Requests of all sessions of a venue, in one queue before one limiter.

use std::time::Duration;

use types::Timestamp;

use crate::io::{FeedOutput, Request, RequestId};
use crate::limiter::Limiter;

/// Requests that wait at most. With one more the least important is refused.
const WAITING_MAX: usize = 1_024;

/// Names a session of a feed; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(pub(super) u32);

/// Which session asked, and under which number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) session: SessionId,
    pub(super) request: RequestId,
}

/// Lets requests out as the limiter allows, the most important first, and waits for their answers.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) limiter: Limiter,
    timeout: Duration,
    next_id: u64,
    /// In the order of their arrival.
    waiting: Vec<(Asker, Request)>,
    under_way: Vec<UnderWay>,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    id: RequestId,
    asker: Asker,
    sent_at: Timestamp,
}

impl Queue {
    pub(super) const fn new(limiter: Limiter, timeout: Duration) -> Self {
        Self { limiter, timeout, next_id: 1, waiting: Vec::new(), under_way: Vec::new() }
    }

    /// Takes a request in; gives back the one that is refused for it when too many wait.
    pub(super) fn push(&mut self, session: SessionId, request: Request) -> Option<Asker> {
        self.waiting.push((Asker { session, request: request.id }, request));
        if self.waiting.len() <= WAITING_MAX {
            return None;
        }
        let (last, _) = self.waiting.iter().enumerate().max_by_key(|(_, (_, request))| request.priority)?;
        Some(self.waiting.remove(last).0)
    }

    /// Forgets what a session wanted. What is under way stays counted until it is answered.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.waiting.retain(|(asker, _)| asker.session != session);
    }

    /// Whose request was answered; `None` for an answer nobody waits for (any more).
    pub(super) fn take(&mut self, id: RequestId) -> Option<Asker> {
        let index = self.under_way.iter().position(|flying| flying.id == id)?;
        Some(self.under_way.remove(index).asker)
    }

    /// Whose request was made too long ago.
    pub(super) fn take_timed_out(&mut self, at: Timestamp) -> Option<Asker> {
        let index = self.under_way.iter().position(|flying| flying.sent_at.plus(self.timeout) <= at)?;
        Some(self.under_way.remove(index).asker)
    }

    /// Makes what may be made now.
    pub(super) fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        while let Some((index, due)) = self.next() {
            if at < due {
                return;
            }
            let (asker, request) = self.waiting.remove(index);
            let id = RequestId(self.next_id);
            self.next_id += 1;
            self.limiter.spend(at, request.weight);
            self.under_way.push(UnderWay { id, asker, sent_at: at });
            out.push(FeedOutput::Request(Request { id, ..request }));
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let answers = self.under_way.iter().map(|flying| flying.sent_at.plus(self.timeout));
        answers.chain(self.next().map(|(_, due)| due)).min()
    }

    /// The request to make next, and when.
    fn next(&self) -> Option<(usize, Timestamp)> {
        if self.under_way.len() >= self.limiter.limits().concurrent {
            return None;
        }
        let (index, (_, request)) = self.waiting.iter().enumerate().min_by_key(|(_, (_, request))| request.priority)?;
        Some((index, self.limiter.request_at(request.weight)))
    }
}

#[cfg(test)]
mod tests {
    use types::Venue;

    use super::*;
    use crate::io::{Method, Priority};
    use crate::limiter::Limits;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn queue() -> Queue {
        let limits = Limits { spacing: Duration::from_secs(1), concurrent: 2, ..Limits::of(Venue::BinanceUs) };
        Queue::new(Limiter::new(limits, None), Duration::from_secs(15))
    }

    fn request(id: u64, priority: Priority) -> Request {
        Request { id: RequestId(id), method: Method::Get, path: format!("/{id}"), weight: 1, priority }
    }

    fn made(queue: &mut Queue, at: Timestamp) -> Vec<(u64, String)> {
        let mut out = Vec::new();
        queue.poll(at, &mut out);
        out.into_iter()
            .map(|output| match output {
                FeedOutput::Request(request) => (request.id.0, request.path),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);

    #[test]
    fn books_go_before_repair_and_repair_before_history_whoever_asks() {
        let mut queue = queue();
        queue.push(A, request(1, Priority::History));
        queue.push(B, request(1, Priority::Repair));
        queue.push(A, request(2, Priority::Book));
        queue.push(B, request(2, Priority::Book));
        assert_eq!(made(&mut queue, s(100)), [(1, "/2".to_owned())]);
        assert_eq!(queue.deadline(), Some(s(101)));
        assert_eq!(made(&mut queue, s(101)), [(2, "/2".to_owned())]);
        assert_eq!(queue.take(RequestId(2)), Some(Asker { session: B, request: RequestId(2) }));
        assert_eq!(queue.take(RequestId(2)), None, "an answer counts once");
        assert_eq!(made(&mut queue, s(102)), [(3, "/1".to_owned())]);
        assert_eq!(made(&mut queue, s(103)), [], "two are under way");
        assert_eq!(queue.deadline(), Some(s(115)));
        assert_eq!(queue.take_timed_out(s(115)), Some(Asker { session: A, request: RequestId(2) }));
        assert_eq!(made(&mut queue, s(115)), [(4, "/1".to_owned())]);
        assert_eq!(queue.take(RequestId(4)), Some(Asker { session: A, request: RequestId(1) }));
    }

    #[test]
    fn what_a_session_wanted_is_forgotten_with_it_but_what_is_under_way_stays_counted() {
        let mut queue = queue();
        for id in 1..=3 {
            queue.push(A, request(id, Priority::Book));
        }
        made(&mut queue, s(100));
        queue.forget(A);
        queue.push(B, request(1, Priority::Book));
        assert_eq!(made(&mut queue, s(101)), [(2, "/1".to_owned())]);
        assert!(queue.take(RequestId(1)).is_some());
        assert_eq!(queue.deadline(), Some(s(116)));
    }

    #[test]
    fn the_queue_is_bounded_and_the_least_important_goes() {
        let mut queue = queue();
        queue.push(A, request(0, Priority::History));
        for id in 1..WAITING_MAX as u64 {
            assert_eq!(queue.push(A, request(id, Priority::Repair)), None);
        }
        let refused = queue.push(A, request(9_999, Priority::Book));
        assert_eq!(refused, Some(Asker { session: A, request: RequestId(0) }));
        let refused = queue.push(A, request(8_888, Priority::Repair));
        assert_eq!(refused, Some(Asker { session: A, request: RequestId(8_888) }), "the last to come");
    }
}
