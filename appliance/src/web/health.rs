//! `/healthz`: the state of the box for machines.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use types::Timestamp;

use super::{Site, assets};
use crate::backup::BackupHealth;
use crate::card::CardHealth;
use crate::exporter::ExportHealth;
use crate::newsroom::Shown;
use crate::notify::NotifyHealth;
use crate::publisher::KafkaHealth;

/// The state of the box.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `ok`; `degraded` when one of the conditions needs somebody, or exchanges have been away for half a minute; `failing` when the
    /// engine does not answer, or nothing can be written.
    pub status: &'static str,
    /// What the lamp shows.
    pub lamp: wire::Lamp,
    /// What is not as it should be, the gravest first.
    pub conditions: Vec<wire::Condition>,
    /// Version of the program.
    pub version: &'static str,
    /// True on the built-in market.
    pub demo: bool,
    /// Seconds since start.
    pub uptime_s: u64,
    /// By venue.
    pub feeds: BTreeMap<String, FeedHealth>,
    /// The engine.
    pub engine: EngineHealth,
    /// The store.
    pub store: StoreHealth,
    /// The card.
    pub card: CardHealth,
    /// Backups.
    pub backup: BackupHealth,
    /// The model.
    pub model: ModelHealth,
    /// The settings that were changed on the box.
    pub settings: SettingsHealth,
    /// Files for other programs; nothing where none are configured.
    pub export: Option<ExportHealth>,
    /// Kafka; nothing where no broker is configured.
    pub kafka: Option<KafkaHealth>,
    /// Messages to the owner; nothing where no channel is configured.
    pub notify: Option<NotifyHealth>,
    /// News; nothing where none are read. A source that is away makes the box neither degraded nor failing.
    pub news: Option<NewsSummary>,
}

impl Health {
    /// Before anything was heard.
    pub(crate) fn starting(demo: bool) -> Self {
        Self { status: "ok", version: env!("CARGO_PKG_VERSION"), demo, ..Self::default() }
    }
}

/// A venue's connection and books.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct FeedHealth {
    /// True while the socket is up.
    pub connected: bool,
    /// Books that hold.
    pub books_live: u16,
    /// Books wanted.
    pub books: u16,
    /// Frames since start.
    pub frames: u64,
    /// Messages refused since start.
    pub rejected: u64,
    /// Books fetched again after a fault since start.
    pub resyncs: u64,
    /// Age of the newest frame, milliseconds.
    pub age_ms: Option<u64>,
    /// Why it is not connected, if it is not.
    pub trouble: String,
}

/// The engine thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct EngineHealth {
    /// Sequence number of the newest input.
    pub seq: u64,
    /// When it came, milliseconds UTC.
    pub at_ms: i64,
    /// Inputs refused since start, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Inputs waiting in the queue.
    pub queued: usize,
    /// Whether the time is known.
    pub is_clock_set: bool,
    /// Whether a breaker stopped the first account.
    pub is_breaker_open: bool,
    /// Whether new paper orders are allowed.
    pub is_trading: bool,
}

/// The store thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct StoreHealth {
    /// Sequence number of the newest input that survives a pulled plug.
    pub committed_seq: u64,
    /// Commits since start.
    pub commits: u64,
    /// Journal bytes written since start.
    pub bytes: u64,
    /// Why writing failed, if it did.
    pub error: String,
}

/// The model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelHealth {
    /// Its name; empty without one.
    pub name: String,
    /// Its digest; empty without one.
    pub id: String,
    /// Answers since start.
    pub answers: u64,
    /// Questions dropped because it was too slow, since start.
    pub dropped: u64,
    /// Median and 99th percentile of what the newest answers took, microseconds.
    pub took_us: Option<(u32, u32)>,
    /// Why there is none, if there is none.
    pub error: String,
}

/// News in short; `/api/v1/news/health` tells more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct NewsSummary {
    /// Sources that are read.
    pub sources: usize,
    /// Those that could not be read the last time, or are not asked any more.
    pub failing: usize,
    /// Items that were kept since the sources are known.
    pub items: u64,
    /// When a source was read last, milliseconds UTC.
    pub last_success_ms: Option<i64>,
    /// What is wrong with one of those that fail; empty when nothing is.
    pub error: String,
}

impl NewsSummary {
    pub(crate) fn of(sources: &[Shown]) -> Self {
        let is_failing = |source: &&Shown| !source.error.is_empty() || source.stopped.is_some();
        let wrong = sources.iter().find(is_failing);
        Self {
            sources: sources.len(),
            failing: sources.iter().filter(is_failing).count(),
            items: sources.iter().map(|source| source.counts.new + source.counts.same_as_others).sum(),
            last_success_ms: sources.iter().filter_map(|source| source.last_success).max().map(Timestamp::as_millis),
            error: wrong.map_or_else(String::new, |source| {
                format!("{}: {}", source.name, source.stopped.as_deref().unwrap_or(&source.error))
            }),
        }
    }
}

/// The settings that were changed on the box.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct SettingsHealth {
    /// Why the box runs without them, if it does.
    pub error: String,
}

/// `GET /`: the dashboard, and the state of the box for who wants JSON.
pub(super) async fn front(state: State<Site>, uri: Uri, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("application/json") && !accepted.contains("text/html") {
        return healthz(state).await.into_response();
    }
    assets::asset(state, uri, headers).await.into_response()
}

pub(super) async fn healthz(State(site): State<Site>) -> (StatusCode, Json<Health>) {
    let health = site.inner.health.borrow().clone();
    let code = if health.status == "failing" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(health))
}
