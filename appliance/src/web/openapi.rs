//! `GET /api/v1/openapi.json`: everything that may be asked of the box, as OpenAPI. Answers are described by their own types and doc comments,
//! requests by the table here; a test holds the table against the routes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::Json;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use notify::Channel;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::content::Content;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Deprecated, HttpMethod, InfoBuilder, KnownFormat, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder,
};
use wire::api;

use super::guard::COOKIE;
use super::routes::{Need, need};
use super::{Health, access, exposition, models, news};
use crate::backup::{BackupHealth, Proven};
use crate::chart::{LENGTHS, LIMIT};
use crate::cli::predict;
use crate::kept::{BookRow, CandleRow, EquityRow, FillRow, ForecastRow, OrderRow, TradeRow};

/// `GET /api/v1/openapi.json`.
pub(super) async fn describe() -> Response {
    static DESCRIPTION: LazyLock<OpenApi> = LazyLock::new(description);
    Json(&*DESCRIPTION).into_response()
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
struct Refused {
    /// What is wrong, and with what.
    error: String,
}

/// Answer of `POST /api/v1/models`.
#[derive(Serialize, ToSchema)]
struct Added {
    /// Digest of the model.
    model: String,
}

/// Answer of `POST /api/v1/retrain`.
#[derive(Serialize, ToSchema)]
struct Requested {
    /// Number of the request.
    request: u64,
}

/// Answer of `GET /api/v1/retrain`.
#[derive(Serialize, ToSchema)]
struct Requests {
    /// All requests.
    requests: Vec<crate::models::Request>,
}

/// Answer of `POST /api/v1/timeseries`.
#[derive(Serialize, ToSchema)]
struct Forecasts {
    /// Name and revision of the model.
    model: String,
    /// In time order.
    forecasts: Vec<predict::Forecast>,
}

/// Answer of `GET /api/v1/backups`.
#[derive(Serialize, ToSchema)]
struct Backups {
    /// The oldest first.
    names: Vec<String>,
    /// The last that was proven.
    health: BackupHealth,
}

/// An instrument of the catalogue.
#[derive(Serialize, ToSchema)]
struct InstrumentRow {
    /// `kraken:BTC/USD`.
    symbol: String,
    /// Canonical name, `BTC/USD`.
    pair: String,
    /// Step of prices.
    tick: String,
    /// Step of quantities.
    lot: String,
    /// Least quantity of an order.
    qty_min: String,
    /// Least value of an order.
    notional_min: String,
}

/// What comes together.
#[derive(Default)]
struct Book {
    schemas: BTreeMap<String, RefOr<Schema>>,
    paths: Paths,
}

/// One request that may be made.
struct Request {
    method: HttpMethod,
    path: &'static str,
    operation: OperationBuilder,
    /// Whether it has parameters or a body, which can be wrong.
    takes_something: bool,
    has_body: bool,
    /// Codes whose answers are described by themselves.
    told: BTreeSet<String>,
}

impl Request {
    fn parameter(mut self, parameter: Parameter) -> Self {
        self.operation = self.operation.parameter(parameter);
        self.takes_something = true;
        self
    }

    fn answer(mut self, code: &str, what: &str, content: Option<(&str, Content)>) -> Self {
        let mut response = ResponseBuilder::new().description(what);
        if let Some((kind, content)) = content {
            response = response.content(kind, content);
        }
        self.operation = self.operation.response(code, response.build());
        self.told.insert(code.to_owned());
        self
    }

    fn body(mut self, kind: &str, content: Content) -> Self {
        let body = RequestBodyBuilder::new().content(kind, content).required(Some(Required::True)).build();
        self.operation = self.operation.request_body(Some(body));
        (self.takes_something, self.has_body) = (true, true);
        self
    }
}

/// What is kept page by page.
const KINDS: [&str; 9] =
    ["instruments", "candles", "trades", "books", "forecasts", "scoreboard", "orders", "fills", "equity"];
const JSON: &str = "application/json";

impl Book {
    fn content<T: ToSchema>(&mut self) -> Content {
        Content::new(Some(self.schema::<T>()))
    }

    /// A reference to a type, which is described with all that it holds.
    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        self.schemas.extend(found);
        Ref::from_schema_name(T::name()).into()
    }

    /// A request that is answered with a `T`, in JSON.
    fn told<T: ToSchema>(&mut self, request: Request) -> Request {
        let content = self.content::<T>();
        request.answer("200", "As asked.", Some((JSON, content)))
    }

    /// The same of a type that the page reads too.
    fn both<T: ToSchema>(&mut self, mut request: Request) -> Request {
        let content = self.content::<T>();
        let what = "As asked; in postcard for the page of this version, which asks for it by `Accept`.";
        let binary = ObjectBuilder::new().schema_type(Type::String);
        let binary = binary.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
        let response = ResponseBuilder::new().description(what).content(JSON, content);
        let response = response.content(api::POSTCARD_TYPE, Content::new(Some(Schema::from(binary))));
        request.operation = request.operation.response("200", response.build());
        let refused = self.content::<Refused>();
        request.answer("406", "The page is of another version than the box.", Some((JSON, refused)))
    }

    /// Adds a request with the codes with which it may be refused.
    fn add(&mut self, request: Request, refusals: &[u16]) {
        let (path, method) = (request.path, request.method.clone());
        let operation = self.refused(request, refusals);
        self.paths.add_path_operation(path, vec![method], operation);
    }

    fn refused(&mut self, mut request: Request, refusals: &[u16]) -> Operation {
        let verb = match request.method {
            HttpMethod::Post => Method::POST,
            HttpMethod::Delete => Method::DELETE,
            _ => Method::GET,
        };
        let need = need(Some(request.path), &verb, request.path);
        // The door refuses before the request is looked at.
        let mut codes = BTreeSet::from_iter(refusals.iter().copied());
        if need != Need::Nothing {
            codes.extend([401, 403]);
            let schemes = [SecurityRequirement::new("token", [""; 0]), SecurityRequirement::new("session", [""; 0])];
            request.operation = request.operation.securities(Some(schemes));
            request.operation = request.operation.description(Some(format!("Needs {}.", need.name())));
        } else if verb != Method::GET {
            codes.insert(403);
        }
        codes.insert(421);
        if request.takes_something {
            codes.insert(400);
        }
        if request.has_body {
            codes.insert(413);
        }
        for code in &codes {
            let why = match code {
                400 => "Something is wrong with the parameters or the body.",
                401 => "Who asks is not known, or what was shown is wrong.",
                403 => "Who asks may not do this, or a page of another site asks.",
                429 => "Too many tries; wait as long as `Retry-After` says.",
                404 => "There is no such thing.",
                409 => "It cannot be done now.",
                413 => "The body is too large.",
                421 => "The host name asked for is not the box's.",
                503 => "The box is busy; ask again.",
                _ => "It failed; the log tells more.",
            };
            if !request.told.contains(&code.to_string()) {
                // Elsewhere that is told to people.
                let is_json = *code != 421 || request.path.starts_with("/api/");
                let content = is_json.then(|| (JSON, self.content::<Refused>()));
                request = request.answer(&code.to_string(), why, content);
            }
        }
        request.operation.build()
    }
}

fn get(path: &'static str, what: &str) -> Request {
    request(HttpMethod::Get, path, what)
}

fn post(path: &'static str, what: &str) -> Request {
    request(HttpMethod::Post, path, what)
}

fn delete(path: &'static str, what: &str) -> Request {
    request(HttpMethod::Delete, path, what)
}

fn request(method: HttpMethod, path: &'static str, what: &str) -> Request {
    let mut operation = OperationBuilder::new().summary(Some(what));
    for name in path.split(['{', '}']).skip(1).step_by(2) {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        let schema = match name {
            "kind" => word(&KINDS),
            "verb" => word(&["promote", "shadow", "unseat"]),
            _ => text(),
        };
        operation = operation.parameter(parameter.schema(Some(schema)).build());
    }
    let takes_something = path.contains('{');
    Request { method, path, operation, takes_something, has_body: false, told: BTreeSet::new() }
}

fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn word(words: &[&str]) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).into()
}

fn whole(min: u64, max: u64, usual: Option<u64>) -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min as f64)).maximum(Some(max as f64));
    number.default(usual.map(Into::into)).into()
}

fn query(name: &str, what: &str, schema: Schema, required: Required) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).description(Some(what));
    parameter.required(required).schema(Some(schema)).build()
}

fn may(name: &str, what: &str, schema: Schema) -> Parameter {
    query(name, what, schema, Required::False)
}

fn must(name: &str, what: &str, schema: Schema) -> Parameter {
    query(name, what, schema, Required::True)
}

fn days(usual: u64, most: u64) -> Parameter {
    may("days", "Looks back so many days.", whole(1, most, Some(usual)))
}

fn limit(usual: u64, most: u64) -> Parameter {
    may("limit", "At most so many.", whole(1, most, Some(usual)))
}

fn account(what: &str) -> Parameter {
    may("account", what, text())
}

fn times(request: Request) -> Request {
    request.parameter(may("from", "UTC time as text, or milliseconds since 1970.", text())).parameter(may(
        "to",
        "The end, exclusive; as `from`.",
        text(),
    ))
}

/// The description.
fn description() -> OpenApi {
    let mut book = Book::default();
    the_box(&mut book);
    markets(&mut book);
    charts(&mut book);
    visitors(&mut book);
    trading(&mut book);
    forecasts(&mut book);
    keeping(&mut book);
    of_news(&mut book);
    old_paths(&mut book.paths);
    let info = InfoBuilder::new().title("Tickerbox").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Watches crypto exchanges, forecasts, and trades on paper. Amounts of money, prices and quantities are decimal texts; times are \
         milliseconds UTC.",
    ));
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE)));
    let components = ComponentsBuilder::new().schemas_from_iter(book.schemas);
    let components = components.security_scheme("token", token).security_scheme("session", session).build();
    OpenApiBuilder::new().info(info.build()).paths(book.paths).components(Some(components)).build()
}

fn the_box(book: &mut Book) {
    for path in ["/healthz", "/"] {
        let content = book.content::<Health>();
        let mut it = get(path, "The state of the box; `/` tells it who asks for JSON, and the dashboard to a browser.");
        let mut works =
            ResponseBuilder::new().description("It works, `ok` or `degraded`.").content(JSON, content.clone());
        if path == "/" {
            works = works.content("text/html; charset=utf-8", Content::new(Some(text())));
        }
        it.operation = it.operation.response("200", works.build());
        book.add(it.answer("503", "It is `failing`.", Some((JSON, content))), &[]);
    }
    let it = get("/metrics", "The same and more for Prometheus, text format 0.0.4.");
    book.add(it.answer("200", "As asked.", Some((exposition::CONTENT_TYPE, Content::new(Some(text()))))), &[500]);
    let it = get("/api/v1/openapi.json", "This description.");
    let any = Schema::from(ObjectBuilder::new().schema_type(Type::Object));
    book.add(it.answer("200", "OpenAPI 3.1.", Some((JSON, Content::new(Some(any))))), &[]);
    let it = get("/api/v1/system", "The machine, the program on it, and how long everything takes.");
    let it = book.both::<api::System>(it);
    book.add(it, &[500]);
    let it = book
        .both::<api::Panel>(post("/api/v1/lamp/acknowledge", "As a short press of the button: the buzzer is silent."));
    book.add(it, &[403]);
    let it = get("/api/v1/support", "What somebody else needs to find out what is wrong, without secrets.");
    let archive =
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    let archive = Content::new(Some(Schema::from(archive)));
    book.add(it.answer("200", "A tar archive, packed with gzip.", Some(("application/gzip", archive))), &[500]);
    let it = get("/api/v1/logs", "The newest lines of the log.")
        .parameter(may("level", "So grave or graver.", word(&["error", "warn", "info", "debug", "trace"])))
        .parameter(may("contains", "With this in the text or the module, whatever the case.", text()))
        .parameter(may(
            "after",
            "Newer than the line of this number: `next` of the answer before.",
            whole(0, 1 << 53, Some(0)),
        ))
        .parameter(limit(200, 2_000));
    let it = book.both::<api::Logs>(it);
    book.add(it, &[]);
    let it = get("/api/v1/settings", "Every key of the configuration: what it does, may be, is and will be.");
    let it = book.both::<api::Settings>(it);
    book.add(it, &[]);
    let changes = book.content::<api::SettingChanges>();
    let wrong = book.content::<api::SettingsRefused>();
    let it = post("/api/v1/settings", "Stores changes for the next start, all or none.").body(JSON, changes);
    let it =
        book.both::<api::Settings>(it).answer("400", "Something is wrong; nothing was stored.", Some((JSON, wrong)));
    book.add(it, &[403, 500]);
    let it =
        get("/api/v1/setup", "What the first set-up chooses from: what the venues list, and ways to trade on paper.");
    let it = book.both::<api::Setup>(it);
    book.add(it, &[]);
    let it = post(
        "/api/v1/notify/test",
        "Sends a test message to the owner, past every queue, and tells what the services answered.",
    )
    .parameter(may("channel", "By this channel alone.", word(&Channel::ALL.map(Channel::name))));
    let it = book.both::<api::NotifyTest>(it);
    book.add(it, &[404, 409]);
    let it = post("/api/v1/restart", "Stops in order and starts again with the stored changes.");
    book.add(it.answer("202", "It will.", None), &[403, 409]);
}

fn markets(book: &mut Book) {
    let rows = [
        book.schema::<InstrumentRow>(),
        book.schema::<CandleRow>(),
        book.schema::<TradeRow>(),
        book.schema::<BookRow>(),
        book.schema::<ForecastRow>(),
        book.schema::<OrderRow>(),
        book.schema::<FillRow>(),
        book.schema::<EquityRow>(),
        RefOr::T(ObjectBuilder::new().description(Some("A line of the scoreboard.")).into()),
    ];
    let row = rows.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item);
    let next = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let page = ObjectBuilder::new()
        .property("rows", ArrayBuilder::new().items(row).description(Some("Oldest first.")))
        .required("rows")
        .property("next", next.description(Some("The `from` of the page that follows.")))
        .required("next");
    let it = get("/api/v1/{kind}", "What was kept, page by page.")
        .parameter(may("symbol", "For candles, trades, books, forecasts and the scoreboard: `kraken:BTC/USD`.", text()))
        .parameter(may("timeframe", "Of candles: `1m`, `1h`.", text()))
        .parameter(account("Of orders, fills and equity: its name, or `all`."))
        .parameter(limit(1_000, 10_000));
    let it = times(it).answer("200", "A page.", Some((JSON, Content::new(Some(Schema::from(page))))));
    book.add(it, &[404, 500, 503]);
    let it = get("/api/v1/quality", "How well each instrument was heard, hour by hour.");
    let it = it.parameter(may("hours", "Looks back so many hours.", whole(1, 744, Some(168))));
    let it = book.both::<api::Quality>(it);
    book.add(it, &[500]);
}

fn charts(book: &mut Book) {
    let symbol = || must("symbol", "An instrument: `kraken:BTC/USD`.", text());
    let before = |what: &str| may("before", what, text());
    let it = get("/api/v1/chart", "Candles before a time, with the engine's features as indicators.")
        .parameter(symbol())
        .parameter(may("timeframe", "Length of a candle.", word(&LENGTHS.map(|(name, _)| name))))
        .parameter(before("Only those that open before: UTC time as text, or milliseconds since 1970; now without it."))
        .parameter(limit(LIMIT.into(), LIMIT.into()))
        .parameter(may("lines", "Names of features, separated by commas: `ema_20,rsi_14`.", text()));
    let it = book.both::<api::ChartBlock>(it);
    book.add(it, &[400, 404, 500]);
    let it = get("/api/v1/past", "Forecasts of the model that leads, with what came.")
        .parameter(symbol())
        .parameter(may("horizon", "Minutes ahead.", whole(1, 10_080, Some(5))))
        .parameter(before("Only those for times before; the newest without it."))
        .parameter(limit(LIMIT.into(), LIMIT.into()));
    let it = book.both::<api::PastForecasts>(it);
    book.add(it, &[400, 404, 500]);
    let it = get("/api/v1/day", "A market and an account at the ends of a day's minutes.")
        .parameter(symbol())
        .parameter(may("day", "UTC date, `2025-11-01`; today without it.", text()))
        .parameter(may("account", "Name of a paper account; `lead` without it.", text()));
    let it = book.both::<api::Day>(it);
    book.add(it, &[400, 404, 500]);
}

fn visitors(book: &mut Book) {
    let it = book.both::<api::Standing>(get("/api/v1/access", "Who asks, and what that visitor may."));
    book.add(it, &[]);
    let body = book.content::<access::Claim>();
    let it = book.told::<api::Standing>(post("/api/v1/claim", "Makes who has the code the owner.").body(JSON, body));
    book.add(it, &[401, 409, 429, 500]);
    let body = book.content::<access::Login>();
    let it =
        book.told::<api::Standing>(post("/api/v1/login", "Gives a browser a session, in a cookie.").body(JSON, body));
    book.add(it, &[401, 409, 429, 500]);
    let it = post("/api/v1/logout", "Ends the session that asks.").answer("204", "It is over.", None);
    book.add(it, &[500]);
    let body = book.content::<access::NewPassword>();
    let it = post("/api/v1/password", "Changes the password.").body(JSON, body).answer("204", "It is changed.", None);
    book.add(it, &[409, 429, 500]);
    let it = book.both::<api::Sessions>(get("/api/v1/sessions", "Browsers that are logged in."));
    book.add(it, &[409]);
    let it = delete("/api/v1/sessions", "Ends all sessions.").answer("204", "They are over.", None);
    book.add(it, &[409, 500]);
    let it = delete("/api/v1/sessions/{id}", "Ends a session.").answer("204", "It is over.", None);
    book.add(it, &[404, 409, 500]);
    let it = book.both::<api::Tokens>(get("/api/v1/tokens", "Tokens of programs, without their secrets."));
    book.add(it, &[409]);
    let (body, made) = (book.content::<access::Wished>(), book.content::<api::NewToken>());
    let it = post("/api/v1/tokens", "Makes a token for a program.").body(JSON, body);
    book.add(it.answer("201", "The token, told once.", Some((JSON, made))), &[409, 500]);
    let it = delete("/api/v1/tokens/{name}", "Revokes a token.").answer("204", "It is void.", None);
    book.add(it, &[404, 409, 500]);
    let it = book.both::<api::GuestState>(get("/api/v1/guest", "Whether there is a guest link."));
    book.add(it, &[409]);
    let made = book.content::<api::NewGuest>();
    let it = post("/api/v1/guest", "Makes a guest link, by which one may look; the one before is void.");
    book.add(it.answer("201", "The link, told once.", Some((JSON, made))), &[409, 500]);
    let it = delete("/api/v1/guest", "Revokes the guest link.").answer("204", "It is void.", None);
    book.add(it, &[404, 409, 500]);
    let it = get("/api/v1/audit", "What was done or tried, newest first.")
        .parameter(limit(100, crate::access::TOLD_MAX as u64));
    let it = book.both::<api::Audit>(it);
    book.add(it, &[]);
    let it = get("/guest/{key}", "The guest link: gives a browser the right to look, and goes to the dashboard.");
    book.add(it.answer("303", "To the dashboard.", None).answer("404", "The link is void.", None), &[]);
}

fn trading(book: &mut Book) {
    let it =
        get("/api/v1/accounts", "All paper accounts with their money, positions and results.").parameter(days(30, 366));
    let it = book.both::<api::Accounts>(it);
    book.add(it, &[500, 503]);
    let it = book.both::<api::Risk>(get("/api/v1/risk", "What limits the first account, and how far it is from it."));
    book.add(it, &[500, 503]);
    let it = get("/api/v1/curve", "The equity of an account beside buying and holding.")
        .parameter(account("`lead` without it."));
    let it = book.both::<api::Curve>(it.parameter(days(30, 366)));
    book.add(it, &[500]);
    let it = get("/api/v1/latest", "The newest orders, with what each came to.")
        .parameter(account("`all` for those of all."));
    let it = book.both::<api::LatestOrders>(it.parameter(limit(50, 1_000)));
    book.add(it, &[500]);
    let it = get("/api/v1/order", "Why an order was made, what it met, and what it cost.");
    let it = book.both::<api::OrderStory>(it.parameter(must("id", "Its number.", text())));
    book.add(it, &[404, 500]);
    let it = get("/api/v1/arbitrage", "Opportunities between exchanges and what came of trying them.");
    let it = book.both::<api::Opportunities>(it.parameter(limit(20, 1_000)).parameter(days(30, 366)));
    book.add(it, &[500]);
    let what = "`pause`: no new positions; `resume`: new ones are allowed; `flatten`: close all, and pause; `reset`: close all breakers.";
    let it = post("/api/v1/trading", "Tells the paper accounts what to do.");
    let it = it.parameter(must("do", what, word(&["pause", "resume", "flatten", "reset"])));
    book.add(it.answer("202", "It will.", None), &[403, 500]);
}

fn forecasts(book: &mut Book) {
    let symbol = || must("symbol", "An instrument: `kraken:BTC/USD`.", text());
    let it = get("/api/v1/skill", "What the forecasts of an instrument were worth.").parameter(symbol());
    let it = book.both::<api::Skill>(it.parameter(days(7, 60)));
    book.add(it, &[404, 500]);
    let it = get("/api/v1/why", "What the newest forecast rests on.").parameter(symbol());
    let it = book.both::<api::Why>(it.parameter(may("model", "Digest; the one that leads without it.", text())));
    book.add(it, &[404, 500]);
    let it = post("/api/v1/verify", "Computes the chain of forecasts and every outcome again.");
    let it = book.both::<api::Verification>(it);
    book.add(it, &[403, 409, 500]);
    let it = get("/api/v1/models", "The models of the box, who sits where, and what happened.");
    let it = book.both::<api::ModelShelf>(it);
    book.add(it, &[]);
    let binary = ObjectBuilder::new().schema_type(Type::String);
    let binary = Schema::from(binary.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))));
    let it = post("/api/v1/models", "Takes a signed bundle, which then sits as a shadow.")
        .parameter(may("symbols", "Pairs that it answers for, separated by commas; all without it.", text()))
        .parameter(may("request", "Number of the request that it answers.", whole(0, 1 << 53, None)))
        .body("application/octet-stream", Content::new(Some(binary)));
    let it = book.told::<Added>(it);
    book.add(it, &[403, 409, 500]);
    let why = || may("why", "For the record.", text());
    let it = post("/api/v1/models/rollback", "Takes the last promotion back.").parameter(why());
    let it = book.told::<api::ModelShelf>(it);
    book.add(it, &[403, 409, 500]);
    let it = post(
        "/api/v1/models/{model}/{verb}",
        "`promote` lets a model lead, `shadow` lets it be asked beside, `unseat` takes its place.",
    );
    let it = it.parameter(why()).parameter(may("symbols", "For `shadow`: pairs, separated by commas.", text()));
    let it = book.told::<api::ModelShelf>(it);
    book.add(it, &[403, 404, 409, 500]);
    let it = book.told::<Requests>(get("/api/v1/retrain", "What training is asked for."));
    book.add(it, &[]);
    let wish = book.content::<models::Wish>();
    let it = book.told::<Requested>(post("/api/v1/retrain", "Asks trainers for a model.").body(JSON, wish));
    book.add(it, &[403, 409, 500]);
    let series = book.content::<models::Series>();
    let it = book.told::<Forecasts>(post("/api/v1/timeseries", "Forecasts for candles of yours.").body(JSON, series));
    book.add(it, &[403, 409, 500]);
}

fn keeping(book: &mut Book) {
    let it = book.both::<api::Updates>(get("/api/v1/update", "The program of the box, and what happened to it."));
    book.add(it, &[]);
    let binary = ObjectBuilder::new().schema_type(Type::String);
    let binary = Schema::from(binary.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))));
    let switch = || Schema::from(ObjectBuilder::new().schema_type(Type::Boolean));
    let it = post("/api/v1/update", "Installs a signed update, and starts again with it.")
        .parameter(may("no_way_back", "Also where only a backup would lead back.", switch()))
        .parameter(may("again", "Also what was tried before and taken back.", switch()))
        .body("application/octet-stream", Content::new(Some(binary)));
    let installed = book.content::<api::UpdateInstalled>();
    book.add(it.answer("202", "It is on trial from the next start on.", Some((JSON, installed))), &[403, 409, 500]);
    let it = post("/api/v1/update/rollback", "Starts again with the program of before.").parameter(may(
        "why",
        "For the record.",
        text(),
    ));
    book.add(it.answer("202", "It will.", None), &[403, 409, 500]);
    let it = book.both::<api::Storage>(get("/api/v1/storage", "The card, recorded days, backups, exports."));
    book.add(it, &[500]);
    let it = book.told::<Backups>(get("/api/v1/backups", "The backups of the box."));
    book.add(it, &[500]);
    let it = book.told::<Proven>(post("/api/v1/backups", "Makes a backup, restores it beside, and tells it."));
    book.add(it, &[403, 500, 503]);
    let file = ObjectBuilder::new().schema_type(Type::String);
    let file = Schema::from(file.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))));
    let it = get("/api/v1/backups/{name}", "A backup, as one file.");
    let it = it.answer("200", "The file.", Some(("application/octet-stream", Content::new(Some(file)))));
    book.add(it, &[404, 500]);
    let it = book.both::<api::Replays>(get("/api/v1/replays", "The replay that runs, and what the last one found."));
    book.add(it, &[]);
    let replays = book.content::<api::Replays>();
    let it =
        times(post("/api/v1/replays", "Replays what was recorded and compares; of today without `from` and `to`."));
    book.add(it.answer("202", "It has begun.", Some((JSON, replays))), &[403, 409, 500, 503]);
}

fn of_news(book: &mut Book) {
    let it = get("/api/v1/news", "What was written, the newest first, with what the engines say of it.")
        .parameter(limit(50, 500))
        .parameter(may("before", "`next` of the page before; or UTC time as text, or milliseconds since 1970.", text()))
        .parameter(may("kind", "Only such items.", word(&["article", "post"])))
        .parameter(may("coin", "Only what names this coin: `BTC`.", text()));
    let it = book.both::<api::News>(it);
    book.add(it, &[500]);
    let it = times(get("/api/v1/calendar", "Releases of the economy: coming ones, and past ones with what came."))
        .parameter(may("importance", "So important or more.", word(&["low", "medium", "high"])));
    let it = book.both::<api::Calendar>(it);
    book.add(it, &[500]);
    let it = get("/api/v1/news/health", "How it goes with the sources and engines of news.");
    let it = book.both::<api::NewsHealth>(it);
    book.add(it, &[500]);
    let body = book.content::<news::Tried>();
    let it = post("/api/v1/news/try", "What each engine says of a text.").body(JSON, body);
    let it = book.both::<api::NewsTried>(it);
    book.add(it, &[404, 429]);
}

/// Paths of before there was `/api/v1`, which answer as the present ones do.
fn old_paths(paths: &mut Paths) {
    for (old, now) in super::OLD_PATHS {
        if let Some(mut item) = paths.get_path_item(now).cloned() {
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                operation.deprecated = Some(Deprecated::True);
            }
            paths.paths.insert(old.to_owned(), item);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::routes::ROUTES;
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let told = serde_json::to_value(description()).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in told["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                described.insert((method.clone(), path.clone()));
                assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 10), "{method} {path}");
                assert!(operation["responses"].as_object().is_some_and(|it| !it.is_empty()), "{method} {path}");
            }
        }
        // A test there holds this table against the router. The page's own socket speaks no HTTP.
        let routes = ROUTES.iter().filter(|(path, ..)| *path != wire::SOCKET_PATH);
        let routes: BTreeSet<_> = routes.map(|(path, method, _)| (method.to_lowercase(), (*path).to_owned())).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_field_is_explained() {
        let told = serde_json::to_value(description()).unwrap();
        let schemas = told["components"]["schemas"].as_object().unwrap();
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(fields) => {
                    for (key, value) in fields {
                        match value.as_str().filter(|_| key == "$ref") {
                            Some(path) => drop(found.insert(path.to_owned())),
                            None => references(value, found),
                        }
                    }
                }
                Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let mut found = BTreeSet::new();
        references(&told, &mut found);
        for path in &found {
            let name = path.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
        assert!(schemas.len() > 60 && found.len() >= schemas.len(), "{} of {}", found.len(), schemas.len());
        let limit = &schemas["Stage"]["properties"]["p99_us"];
        assert!(limit["description"].as_str().is_some_and(|text| text.starts_with("99 of 100")), "{limit}");
    }
}
