//! Bodies of requests that come too slowly end with an error.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::time::{Instant, Sleep};

/// What a body has at first, and for each [`BYTES_PER_S`] that came a second more.
const PATIENCE: Duration = Duration::from_secs(15);
/// Slowest rate that is waited for, bytes per second.
const BYTES_PER_S: u64 = 16 << 10;

/// Wraps the body of a request.
pub(super) fn in_time(body: Body) -> Body {
    within(body, PATIENCE)
}

fn within(body: Body, patience: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let began = Instant::now();
    Body::new(InTime { body, patience, began, bytes: 0, end: Box::pin(tokio::time::sleep_until(began + patience)) })
}

/// How long a body may take of which so many bytes came.
fn allowed(patience: Duration, bytes: u64) -> Duration {
    patience + Duration::from_millis(bytes.saturating_mul(1_000) / BYTES_PER_S)
}

struct InTime {
    body: Body,
    patience: Duration,
    began: Instant,
    bytes: u64,
    end: Pin<Box<Sleep>>,
}

impl HttpBody for InTime {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.end.as_mut().reset(this.began + allowed(this.patience, this.bytes));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(this.end.as_mut().poll(context));
        Poll::Ready(Some(Err("the body did not come in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    fn piece() -> Result<Bytes, std::convert::Infallible> {
        Ok(Bytes::from_static(&[7; 1_000]))
    }

    #[test]
    fn what_comes_steadily_has_time_and_what_drips_has_not() {
        let seconds = |bytes| allowed(PATIENCE, bytes).as_secs();
        assert_eq!((seconds(0), seconds(1_000), seconds(80 << 20)), (15, 15, 15 + 5_120));
        assert!(seconds(u64::MAX) > 0);
    }

    #[tokio::test]
    async fn a_body_that_stops_is_an_error_and_a_whole_one_is_itself() {
        let whole = within(Body::from_stream(stream::iter([piece(), piece()])), Duration::from_secs(60));
        assert_eq!(axum::body::to_bytes(whole, usize::MAX).await.unwrap().len(), 2_000);
        let stopped = stream::iter([piece()]).chain(stream::pending());
        let error =
            axum::body::to_bytes(within(Body::from_stream(stopped), Duration::from_millis(1)), usize::MAX).await;
        assert!(format!("{:?}", error.unwrap_err()).contains("in time"));
    }
}
