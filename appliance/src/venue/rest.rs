//! REST requests of a feed.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use feed::{Feed, FeedInput, FeedOutput, Method, Request, RequestId};
use reqwest::header::HeaderMap;
use types::Timestamp;

use super::network::Network;

/// Longest time for one request, real time.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Largest answer taken, bytes. A full `exchangeInfo` is about 3 MiB.
const BODY_BYTES_MAX: usize = 32 << 20;

/// A client for one venue's REST base.
pub(crate) struct Rest {
    client: reqwest::Client,
    base: String,
}

/// What became of a request.
pub(crate) struct Answer {
    id: RequestId,
    outcome: Option<Outcome>,
}

struct Outcome {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Rest {
    pub(crate) fn new(network: &Network, base: &str) -> anyhow::Result<Self> {
        let client = network.http()?.timeout(TIMEOUT).build().context("HTTP client")?;
        Ok(Self { client, base: base.to_owned() })
    }

    /// Starts a request. The answer carries its id whatever happens.
    pub(crate) fn ask(&self, request: Request) -> impl Future<Output = Answer> + Send + 'static {
        let url = format!("{}{}", self.base, request.path);
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let call = self.client.request(method, &url).send();
        async move {
            match read(call).await {
                Ok(outcome) => Answer { id: request.id, outcome: Some(outcome) },
                Err(error) => {
                    tracing::debug!("{url}: {error:#}");
                    Answer::failed(request.id)
                }
            }
        }
    }
}

impl Answer {
    /// No answer came.
    pub(super) fn failed(id: RequestId) -> Self {
        Self { id, outcome: None }
    }

    /// To which request.
    pub(crate) fn id(&self) -> RequestId {
        self.id
    }

    /// HTTP status, how long the venue wants nothing to be asked, and the body; `None` without an answer.
    pub(crate) fn outcome(&self) -> Option<(u16, Option<Duration>, &[u8])> {
        self.outcome.as_ref().map(|outcome| (outcome.status, outcome.retry_after, outcome.body.as_slice()))
    }

    /// Tells the feed.
    pub(super) fn hand_to(&self, feed: &mut Feed, at: Timestamp, out: &mut Vec<FeedOutput>) {
        let input = match &self.outcome {
            Some(outcome) => FeedInput::Response {
                request: self.id,
                status: outcome.status,
                retry_after: outcome.retry_after,
                body: &outcome.body,
            },
            None => FeedInput::Failed { request: self.id },
        };
        feed.handle(at, input, out);
    }
}

async fn read(call: impl Future<Output = reqwest::Result<reqwest::Response>>) -> anyhow::Result<Outcome> {
    let mut response = call.await?;
    let retry_after = retry_after(response.status().as_u16(), response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        anyhow::ensure!(body.len() + chunk.len() <= BODY_BYTES_MAX, "answer larger than {BODY_BYTES_MAX} bytes");
        body.extend_from_slice(&chunk);
    }
    Ok(Outcome { status: response.status().as_u16(), retry_after, body })
}

/// How long the venue wants nothing to be asked.
pub(super) fn retry_after(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let seconds = number("retry-after").map(Duration::from_secs);
    // KuCoin counts the milliseconds until its window begins anew, also while all is well (section 4).
    let reset = || number("gw-ratelimit-reset").filter(|_| status == 429).map(Duration::from_millis);
    seconds.or_else(reset)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(status: u16, name: &'static str, value: &'static str, expected: Option<Duration>) {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
        assert_eq!(retry_after(status, &headers), expected, "{status} {name}: {value}");
    }

    #[test]
    fn venues_tell_how_long_they_want_to_rest() {
        check(418, "retry-after", "120", Some(Duration::from_secs(120)));
        check(503, "retry-after", " 7 ", Some(Duration::from_secs(7)));
        check(429, "gw-ratelimit-reset", "1500", Some(Duration::from_millis(1_500)));
        check(200, "gw-ratelimit-reset", "1500", None);
        check(429, "retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", None);
    }
}
