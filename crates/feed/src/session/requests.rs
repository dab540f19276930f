//! What a session wants to know by REST.

use types::Timestamp;

use crate::io::{FeedOutput, Method, Priority, Request, RequestId};

/// A request before it has a number: what it costs is in the venue's own unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, percent-encoded, with the leading slash.
    pub(crate) path: String,
    pub(crate) weight: u32,
}

impl Call {
    pub(crate) const fn get(path: String, weight: u32) -> Self {
        Self { method: Method::Get, path, weight }
    }
}

/// What a session wants to know, each thing once. `K` names what is asked: a thing that is wanted or asked already is
/// not wanted again, which bounds the list. How much may be asked of the venue is the business of its
/// [`Limiter`](crate::Limiter), which holds requests of all sessions back; a request that gets no answer in time is
/// told as failed.
#[derive(Clone, Debug)]
pub(crate) struct Requests<K> {
    next_id: u64,
    wanted: Vec<Wanted<K>>,
    asked: Vec<(RequestId, K)>,
    /// Of the connection before.
    late: Vec<(RequestId, K)>,
    advice: Advice,
}

#[derive(Clone, Debug)]
struct Wanted<K> {
    key: K,
    priority: Priority,
    call: Call,
    not_before: Timestamp,
}

/// What a session has learned about the venue's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    /// Weight that may be spent in the venue's window.
    pub(crate) weight: Option<u32>,
    /// The venue wants fewer requests, and says so in a way of its own.
    pub(crate) is_too_fast: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// It was answered.
    Response { status: u16, body: &'a [u8] },
    /// It was not.
    Failed,
}

impl<K: Copy + PartialEq> Requests<K> {
    pub(crate) const fn new() -> Self {
        let advice = Advice { weight: None, is_too_fast: false };
        Self { next_id: 1, wanted: Vec::new(), asked: Vec::new(), late: Vec::new(), advice }
    }

    /// Wants something at `not_before` or later. Nothing happens when it is wanted already.
    pub(crate) fn want(&mut self, key: K, priority: Priority, call: Call, not_before: Timestamp) {
        if !self.is_wanted(key) {
            self.wanted.push(Wanted { key, priority, call, not_before });
        }
    }

    pub(crate) fn is_wanted(&self, key: K) -> bool {
        self.asked.iter().any(|(_, asked)| *asked == key) || self.wanted.iter().any(|wanted| wanted.key == key)
    }

    /// Forgets everything: the connection that it was wanted for is gone, and no answer is waited for.
    pub(crate) fn forget(&mut self) {
        self.wanted.clear();
        self.late = std::mem::take(&mut self.asked);
    }

    /// What the answered request asked for, if it was asked on the connection before: nobody waits for it, but it may be
    /// of use.
    pub(crate) fn take_late(&mut self, id: RequestId) -> Option<K> {
        let index = self.late.iter().position(|(asked, _)| *asked == id)?;
        Some(self.late.swap_remove(index).1)
    }

    /// What the answered request asked for; `None` for an answer nobody waits for (any more).
    pub(crate) fn take(&mut self, id: RequestId) -> Option<K> {
        let index = self.asked.iter().position(|(asked, _)| *asked == id)?;
        Some(self.asked.swap_remove(index).1)
    }

    /// The venue's own word on how much weight may be spent in its window.
    pub(crate) fn allow(&mut self, weight: u32) {
        self.advice.weight = Some(weight);
    }

    /// An answer says, in the venue's own way, that it was one too many. HTTP's ways (429, 418, `Retry-After`) are seen
    /// without a session's help.
    pub(crate) fn too_fast(&mut self) {
        self.advice.is_too_fast = true;
    }

    /// What was learned since the last time.
    pub(crate) fn take_advice(&mut self) -> Advice {
        std::mem::take(&mut self.advice)
    }

    /// Hands on what is due.
    pub(crate) fn poll(&mut self, at: Timestamp, out: &mut Vec<FeedOutput>) {
        while let Some(index) = self.wanted.iter().position(|wanted| wanted.not_before <= at) {
            let Wanted { key, priority, call, .. } = self.wanted.remove(index);
            let id = RequestId(self.next_id);
            self.next_id += 1;
            self.asked.push((id, key));
            let Call { method, path, weight } = call;
            out.push(FeedOutput::Request(Request { id, method, path, weight, priority }));
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.wanted.iter().map(|wanted| wanted.not_before).min()
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

    #[test]
    fn each_thing_is_asked_once_when_it_is_due_and_answered_once() {
        let s = Timestamp::from_secs;
        let mut requests = Requests::new();
        let mut out = Vec::new();
        let mut want = |key, path: &str, at| {
            requests.want(key, Priority::Book, Call::get(path.to_owned(), 1), s(at));
        };
        want('a', "/a", 0);
        want('b', "/b", 110);
        want('a', "/again", 0);
        requests.poll(s(100), &mut out);
        assert_eq!(sent(&mut out), [(1, "/a".to_owned())]);
        assert_eq!(requests.deadline(), Some(s(110)));
        assert!(requests.is_wanted('a') && requests.is_wanted('b'));
        assert_eq!((requests.take(RequestId(9)), requests.take(RequestId(1))), (None, Some('a')));
        assert_eq!(requests.take(RequestId(1)), None, "an answer counts once");
        requests.poll(s(110), &mut out);
        assert_eq!(sent(&mut out), [(2, "/b".to_owned())]);
        requests.forget();
        assert_eq!((requests.take(RequestId(2)), requests.deadline()), (None, None));
        assert_eq!((requests.take_late(RequestId(2)), requests.take_late(RequestId(2))), (Some('b'), None));
    }

    #[test]
    fn what_was_learned_is_told_once() {
        let mut requests: Requests<char> = Requests::new();
        requests.allow(1_200);
        requests.too_fast();
        assert_eq!(requests.take_advice(), Advice { weight: Some(1_200), is_too_fast: true });
        assert_eq!(requests.take_advice(), Advice::default());
    }
}
