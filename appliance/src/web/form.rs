//! In which form an answer is wanted: JSON for people and programs, postcard for the page of this version.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wire::api::POSTCARD_TYPE;

use super::kept::Refusal;

/// What `Accept` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Postcard,
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let accepted = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accepted == POSTCARD_TYPE {
            Ok(Self::Postcard)
        } else if accepted.ends_with("+postcard") {
            let error = "this page is of another version than the box: reload it\n";
            Err((StatusCode::NOT_ACCEPTABLE, error).into_response())
        } else {
            Ok(Self::Json)
        }
    }
}

impl Form {
    /// The answer.
    pub(super) fn of<T: Serialize>(self, value: &T) -> Response {
        match self {
            Self::Json => Json(value).into_response(),
            Self::Postcard => {
                let kind = (header::CONTENT_TYPE, HeaderValue::from_static(POSTCARD_TYPE));
                ([kind], wire::encode(value)).into_response()
            }
        }
    }

    /// The answer of work that waits for the card, or why there is none.
    pub(super) async fn of_work<T: Serialize + Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Response {
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(value)) => self.of(&value),
            Ok(Err(refusal)) => refusal.into_response(),
            Err(error) => Refusal::Failed(format!("the request ended early: {error}")).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn asked(accept: &str) -> Result<Form, StatusCode> {
        let request = Request::builder().header(header::ACCEPT, accept).body(()).unwrap();
        Form::from_request_parts(&mut request.into_parts().0, &()).await.map_err(|refused| refused.status())
    }

    #[tokio::test]
    async fn postcard_is_for_the_page_of_this_version_alone() {
        assert_eq!(asked(POSTCARD_TYPE).await, Ok(Form::Postcard));
        assert_eq!(asked("*/*").await, Ok(Form::Json));
        assert_eq!(asked("application/vnd.tickerbox.1+postcard").await, Err(StatusCode::NOT_ACCEPTABLE));
        assert!(POSTCARD_TYPE.contains(&format!(".{}+", wire::PROTOCOL)), "the type names the protocol");
    }
}
