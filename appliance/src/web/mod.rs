//! The web server: the embedded dashboard, its WebSocket, `/healthz`, and what was kept.

mod access;
mod accounts;
mod assets;
mod backups;
mod body;
mod certificate;
mod chart;
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
mod news;
mod notify;
mod openapi;
mod refusals;
mod replays;
mod routes;
mod server;
mod settings;
mod setup;
mod skill;
mod support;
mod system;
mod update;
mod verify;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use store::State;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};

use crate::access::{Access, Pace};
use crate::backup::Keeper;
use crate::clock::Clock;
use crate::engine_thread::{Message, Published};
use crate::gauges::Gauges;
use crate::models::Models;
use crate::newsroom::Newsroom;
use crate::notify::Notifier;
use crate::recordings::Recordings;
use crate::settings::Desk;
use crate::update::Updates;

pub(crate) use certificate::Certificate;
pub(crate) use health::{EngineHealth, FeedHealth, Health, ModelHealth, NewsSummary, SettingsHealth, StoreHealth};

/// Most browsers at once; more are told to come back later.
const BROWSERS_MAX: usize = 64;

/// Charts whose candles are read at once; one may hold some hundred thousand of them. Others wait for their turn.
const CHARTS_MAX: usize = 2;

/// Texts that may be tried on the engines of news at once, and one more after each interval.
const TRIES_AT_ONCE: u32 = 5;
const TRY_EVERY: Duration = Duration::from_secs(3);

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
    charting: Arc<tokio::sync::Semaphore>,
    refusals: Arc<refusals::Refusals>,
    backups: Arc<Keeper>,
    models: Models,
    updates: Updates,
    access: Access,
    /// Of the certificate, where the box has one.
    fingerprint: Option<String>,
    clock: Clock,
    health: watch::Receiver<Health>,
    newsroom: Option<Newsroom>,
    /// How often texts may be tried.
    try_pace: Mutex<Pace>,
    gauges: Gauges,
    settings: Arc<Desk>,
    notifier: Notifier,
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
        updates: Updates,
        access: Access,
        fingerprint: Option<String>,
        clock: Clock,
        health: watch::Receiver<Health>,
        newsroom: Option<Newsroom>,
        gauges: Gauges,
        settings: Arc<Desk>,
        notifier: Notifier,
        restart: Arc<Notify>,
        demo: bool,
        allowed_hosts: Vec<String>,
    ) -> Self {
        let browsers = Arc::new(tokio::sync::Semaphore::new(BROWSERS_MAX));
        let replays = replays::Replays::default();
        let verifying = Arc::new(tokio::sync::Semaphore::new(1));
        let charting = Arc::new(tokio::sync::Semaphore::new(CHARTS_MAX));
        let inner = Inner {
            engine,
            published,
            state,
            recordings,
            replays,
            verifying,
            charting,
            refusals: Arc::default(),
            backups,
            models,
            updates,
            access,
            fingerprint,
            clock,
            health,
            newsroom,
            try_pace: Mutex::new(Pace::new(TRIES_AT_ONCE, TRY_EVERY)),
            gauges,
            settings,
            notifier,
            restart,
            demo,
            allowed_hosts,
            browsers,
        };
        Self { inner: Arc::new(inner) }
    }
}

/// Serves `site` on `listener` until `stop` is done, over HTTPS where there is a `certificate`.
pub(crate) async fn serve(
    listener: TcpListener,
    site: Site,
    connections_max: usize,
    certificate: Option<Certificate>,
    stop: impl Future<Output = ()>,
) {
    let tls = certificate.map(|certificate| {
        // Who only watches over the box needs no certificate.
        let plain = Router::new().route("/healthz", get(health::healthz)).fallback(server::redirect);
        let door = axum::middleware::from_fn_with_state(site.clone(), guard::pass_to_https);
        (certificate.acceptor, plain.layer(door).with_state(site.clone()))
    });
    let door = axum::middleware::from_fn_with_state(site.clone(), guard::pass);
    let refusals = site.inner.refusals.clone();
    let router = routes().layer(door).with_state(site);
    server::serve(listener, server::Served { router, tls, refusals }, connections_max, stop).await;
}

/// All routes; what each needs stands in `routes`.
fn routes() -> Router<Site> {
    let access = Router::new()
        .route("/api/v1/access", get(access::show))
        .route("/api/v1/claim", post(access::claim))
        .route("/api/v1/login", post(access::log_in))
        .route("/api/v1/logout", post(access::log_out))
        .route("/api/v1/password", post(access::change_password))
        .route("/api/v1/sessions", get(access::sessions).delete(access::end_sessions))
        .route("/api/v1/sessions/{id}", delete(access::end_session))
        .route("/api/v1/tokens", get(access::tokens).post(access::make_token))
        .route("/api/v1/tokens/{name}", delete(access::revoke_token))
        .route("/api/v1/guest", get(access::guest).post(access::make_guest).delete(access::revoke_guest))
        .route("/api/v1/audit", get(access::audit))
        .route("/guest/{key}", get(access::enter_as_guest))
        .layer(DefaultBodyLimit::max(access::BODY_BYTES_MAX));
    Router::new()
        .merge(access)
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
        .route("/api/v1/chart", get(chart::block))
        .route("/api/v1/past", get(chart::past))
        .route("/api/v1/day", get(chart::course))
        .route("/api/v1/quality", get(data::quality))
        .route("/api/v1/storage", get(data::storage))
        .route("/api/v1/news", get(news::news))
        .route("/api/v1/news/health", get(news::health))
        .route("/api/v1/news/try", post(news::try_text).layer(DefaultBodyLimit::max(news::BODY_BYTES_MAX)))
        .route("/api/v1/calendar", get(news::calendar))
        .route("/api/v1/accounts", get(accounts::list))
        .route("/api/v1/risk", get(accounts::risk))
        .route("/api/v1/curve", get(accounts::curve))
        .route("/api/v1/latest", get(accounts::latest))
        .route("/api/v1/order", get(accounts::story))
        .route("/api/v1/arbitrage", get(accounts::opportunities))
        .route("/api/v1/trading", post(accounts::order))
        .route("/api/v1/settings", get(settings::show).post(settings::change))
        .route("/api/v1/setup", get(setup::setup))
        .route("/api/v1/notify/test", post(notify::test))
        .route("/api/v1/restart", post(settings::restart))
        .route("/api/v1/update", get(update::show).post(update::install))
        .route("/api/v1/update/rollback", post(update::roll_back))
        .route("/api/v1/system", get(system::system))
        .route("/api/v1/support", get(support::bundle))
        .route("/api/v1/lamp/acknowledge", post(system::acknowledge))
        .route("/api/v1/logs", get(logs::logs))
        .route("/api/v1/openapi.json", get(openapi::describe))
        .route("/api/v1/{kind}", get(kept::kept))
        .route("/verify", post(verify::verify))
        .route("/retrain", get(models::requests).post(models::retrain))
        .route("/timeseries", post(models::forecast).layer(DefaultBodyLimit::max(models::CANDLES_BYTES_MAX)))
        .route("/", get(health::front))
        .route(wire::SOCKET_PATH, get(live::upgrade))
        .fallback(get(assets::asset))
}
