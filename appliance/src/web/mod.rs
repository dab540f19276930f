//! The web server: the embedded dashboard, its WebSocket, `/healthz`, and what was kept.

mod accounts;
mod assets;
mod backups;
mod data;
mod exposition;
mod form;
mod guard;
mod health;
mod kept;
mod live;
mod logs;
mod metrics;
mod models;
mod openapi;
mod replays;
mod settings;
mod skill;
mod system;
mod verify;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use store::State;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};

use crate::backup::Keeper;
use crate::clock::Clock;
use crate::engine_thread::{Message, Published};
use crate::gauges::Gauges;
use crate::models::Models;
use crate::recordings::Recordings;
use crate::settings::Desk;

pub(crate) use health::{EngineHealth, FeedHealth, Health, ModelHealth, SettingsHealth, StoreHealth};

/// Most browsers at once; more are told to come back later.
const BROWSERS_MAX: usize = 64;

/// Paths of before there was `/api/v1`, and the present ones.
const OLD_PATHS: [(&str, &str); 3] =
    [("/verify", "/api/v1/verify"), ("/retrain", "/api/v1/retrain"), ("/timeseries", "/api/v1/timeseries")];

/// What every request may use.
#[derive(Clone)]
pub(crate) struct Site {
    inner: Arc<Inner>,
}

struct Inner {
    engine: mpsc::Sender<Message>,
    published: Published,
    state: Arc<State>,
    recordings: Recordings,
    replays: replays::Replays,
    verifying: Arc<tokio::sync::Semaphore>,
    backups: Arc<Keeper>,
    models: Models,
    clock: Clock,
    health: watch::Receiver<Health>,
    gauges: Gauges,
    settings: Arc<Desk>,
    restart: Arc<Notify>,
    demo: bool,
    allowed_hosts: Vec<String>,
    browsers: Arc<tokio::sync::Semaphore>,
}

impl Site {
    #[allow(clippy::too_many_arguments, reason = "all of what requests may use, once")]
    pub(crate) fn new(
        engine: mpsc::Sender<Message>,
        published: Published,
        state: Arc<State>,
        recordings: Recordings,
        backups: Arc<Keeper>,
        models: Models,
        clock: Clock,
        health: watch::Receiver<Health>,
        gauges: Gauges,
        settings: Arc<Desk>,
        restart: Arc<Notify>,
        demo: bool,
        allowed_hosts: Vec<String>,
    ) -> Self {
        let browsers = Arc::new(tokio::sync::Semaphore::new(BROWSERS_MAX));
        let replays = replays::Replays::default();
        let verifying = Arc::new(tokio::sync::Semaphore::new(1));
        let inner = Inner {
            engine,
            published,
            state,
            recordings,
            replays,
            verifying,
            backups,
            models,
            clock,
            health,
            gauges,
            settings,
            restart,
            demo,
            allowed_hosts,
            browsers,
        };
        Self { inner: Arc::new(inner) }
    }
}

/// Serves `site` on `listener` until `stop` is done.
pub(crate) async fn serve(
    listener: TcpListener,
    site: Site,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/backups", get(backups::list).post(backups::make))
        .route("/api/v1/backups/{name}", get(backups::download))
        .route("/api/v1/replays", get(replays::show).post(replays::begin))
        .route("/api/v1/verify", post(verify::verify))
        .route(
            "/api/v1/models",
            get(models::list).post(models::add).layer(DefaultBodyLimit::max(models::BUNDLE_BYTES_MAX)),
        )
        .route("/api/v1/models/rollback", post(models::roll_back))
        .route("/api/v1/models/{model}/{verb}", post(models::seat))
        .route("/api/v1/retrain", get(models::requests).post(models::retrain))
        .route("/api/v1/timeseries", post(models::forecast).layer(DefaultBodyLimit::max(models::CANDLES_BYTES_MAX)))
        .route("/api/v1/why", get(models::why))
        .route("/api/v1/skill", get(skill::skill))
        .route("/api/v1/quality", get(data::quality))
        .route("/api/v1/storage", get(data::storage))
        .route("/api/v1/accounts", get(accounts::list))
        .route("/api/v1/curve", get(accounts::curve))
        .route("/api/v1/latest", get(accounts::latest))
        .route("/api/v1/order", get(accounts::story))
        .route("/api/v1/arbitrage", get(accounts::opportunities))
        .route("/api/v1/trading", post(accounts::order))
        .route("/api/v1/settings", get(settings::show).post(settings::change))
        .route("/api/v1/restart", post(settings::restart))
        .route("/api/v1/system", get(system::system))
        .route("/api/v1/logs", get(logs::logs))
        .route("/api/v1/openapi.json", get(openapi::describe))
        .route("/api/v1/{kind}", get(kept::kept))
        .route("/verify", post(verify::verify))
        .route("/retrain", get(models::requests).post(models::retrain))
        .route("/timeseries", post(models::forecast).layer(DefaultBodyLimit::max(models::CANDLES_BYTES_MAX)))
        .route("/", get(health::front))
        .route(wire::SOCKET_PATH, get(live::upgrade))
        .fallback(get(assets::asset))
        .layer(axum::middleware::from_fn_with_state(site.clone(), guard::check_host))
        .with_state(site);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}
