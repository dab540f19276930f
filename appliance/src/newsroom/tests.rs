//! A server that plays what sources do, over real HTTP on the loopback interface, while time runs fast; real recordings; and the whole box.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use store::news::Wanted;
use tokio::net::TcpListener;

use super::*;
use crate::appliance::{Appliance, Circumstances, Setup};
use crate::config::{Layers, Mode, NetworkSection};
use crate::market_server::{MarketServer, MarketSettings};
use crate::replay::EngineReplayer;
use crate::supervisor::Supervisor;

/// How much faster time runs: a minute takes a tenth of a second.
const SPEED: f64 = 600.0;
/// No test waits longer, real time.
const PATIENCE: Duration = Duration::from_secs(60);
/// After all the recordings.
const START: Timestamp = Timestamp::from_date(2026, 9, 26);

/// What the server does with one request.
#[derive(Clone, Debug)]
enum Reply {
    /// Answers with a status, headers and a body.
    Plain(u16, &'static [(&'static str, &'static str)], String),
    /// Answers with that many bytes.
    Huge(usize),
    /// Never answers.
    Never,
    /// Breaks off in the middle.
    Cut(&'static str),
}

/// A server of many sources: of each path the replies in their order, the last one again and again.
#[derive(Clone, Default)]
struct Fake {
    replies: Arc<Mutex<BTreeMap<String, VecDeque<Reply>>>>,
    /// Path and `If-None-Match` of each request.
    asked: Arc<Mutex<Vec<(String, String)>>>,
    /// Chats with the language model.
    chats: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn with(self, path: &str, replies: Vec<Reply>) -> Self {
        self.replies.lock().unwrap().insert(path.to_owned(), replies.into());
        self
    }

    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        base
    }

    fn asked(&self, path: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(of, _)| of == path).map(|(_, etag)| etag.clone()).collect()
    }
}

async fn answer(State(fake): State<Fake>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    match path.as_str() {
        "/api/version" => return axum::Json(json!({ "version": "0.9" })).into_response(),
        "/api/tags" => {
            return axum::Json(json!({ "models": [{ "name": "gemma3:1b", "model": "gemma3:1b", "digest": "abc" }] }))
                .into_response();
        }
        "/api/show" => return axum::Json(json!({ "capabilities": ["completion"] })).into_response(),
        "/api/chat" => {
            fake.chats.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
            let rating = r#"{"label":"bearish","score":-0.6,"confidence":0.8}"#;
            let message = json!({ "role": "assistant", "content": rating });
            return axum::Json(json!({ "message": message, "done": true, "done_reason": "stop" })).into_response();
        }
        _ => {}
    }
    let etag = headers.get("if-none-match").map_or("", |value| value.to_str().unwrap());
    fake.asked.lock().unwrap().push((path.clone(), etag.to_owned()));
    let reply = {
        let mut replies = fake.replies.lock().unwrap();
        let Some(replies) = replies.get_mut(&path) else { return StatusCode::NOT_FOUND.into_response() };
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() }
    };
    match reply {
        Reply::Plain(status, headers, body) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        }
        Reply::Huge(bytes) => vec![b' '; bytes].into_response(),
        Reply::Never => {
            tokio::time::sleep(PATIENCE).await;
            StatusCode::OK.into_response()
        }
        Reply::Cut(beginning) => {
            let pieces = [Ok(Bytes::from_static(beginning.as_bytes())), Err(std::io::Error::other("broken off"))];
            Body::from_stream(stream::iter(pieces)).into_response()
        }
    }
}

fn plain(status: u16) -> Reply {
    Reply::Plain(status, &[], String::new())
}

fn feed(titles: &[&str]) -> String {
    let item = |title: &&str| format!("<item><guid>{title}</guid><title>{title}</title></item>");
    let items: String = titles.iter().map(item).collect();
    format!("<rss version=\"2.0\"><channel><title>T</title>{items}</channel></rss>")
}

fn good() -> Reply {
    Reply::Plain(200, &[("etag", "\"1\"")], feed(&["Bitcoin soars to a new high", "Ethereum exchange was hacked"]))
}

/// The same with a date, by which two that tell it are known to tell the same.
fn dated() -> Reply {
    let feed = feed(&["Bitcoin soars to a new high", "Ethereum exchange was hacked"]);
    let feed = feed.replace("</item>", "<pubDate>Fri, 25 Sep 2026 12:00:00 GMT</pubDate></item>");
    Reply::Plain(200, &[("etag", "\"1\"")], feed)
}

fn row(name: &str, kind: &str, address: String) -> SourceRow {
    SourceRow { name: name.to_owned(), kind: kind.to_owned(), address, interval_min: 1, ..SourceRow::default() }
}

/// A newsroom that runs, and what the engine hears of it.
struct Running {
    room: Newsroom,
    heard: mpsc::Receiver<Message>,
    tasks: JoinSet<()>,
}

fn start(dir: &Path, section: &NewsSection, at: Timestamp) -> Running {
    let network = Network::new(&NetworkSection::default()).unwrap();
    let (room, before) = Newsroom::open(dir, section, &network, Clock::scaled(at, SPEED)).unwrap();
    let (engine, heard) = mpsc::channel(64);
    let mut tasks = JoinSet::new();
    before.start(&mut tasks, dir, engine, watch::Sender::new(true).subscribe());
    Running { room, heard, tasks }
}

fn of(sources: Vec<SourceRow>) -> NewsSection {
    NewsSection { enabled: true, sources, ..NewsSection::default() }
}

impl Running {
    fn source(&self, name: &str) -> Shown {
        self.room.sources().into_iter().find(|source| source.name == name).unwrap()
    }

    #[track_caller]
    fn texts(&self) -> Vec<(String, usize)> {
        let store = self.room.store();
        let wanted = Wanted {
            from: Timestamp::EPOCH,
            to: Timestamp::MAX,
            kind: None,
            with_same: false,
            newest_first: false,
            limit: 10_000,
        };
        let entries = store.entries(&wanted).unwrap();
        let scores = store.scores_of(entries.iter().map(|entry| (entry.name.as_str(), entry.revision))).unwrap();
        entries.into_iter().zip(scores).map(|(entry, scores)| (entry.name, scores.len())).collect()
    }

    async fn mood(&mut self) -> types::input::Mood {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.heard.recv()).await.expect("no stall").expect("it lives");
            if let Message::Input(Input::Mood(mood)) = message {
                return mood;
            }
        }
    }

    async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "in vain: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_source_does_the_others_are_read_and_it_is_read_when_it_is_well_again() {
    let html = Reply::Plain(200, &[("content-type", "text/html")], "<html><body>log in</body></html>".to_owned());
    let later = Reply::Plain(429, &[("retry-after", "120")], String::new());
    let troubles = [
        ("busy", vec![later, dated()], "the server says 429"),
        ("broken", vec![plain(500), dated()], "the server says 500"),
        ("page", vec![html, dated()], "a web page, not data"),
        ("cut", vec![Reply::Cut("<rss version=\"2.0\"><channel><ti"), dated()], "broke off"),
        ("huge", vec![Reply::Huge(6 << 20), dated()], "are more than 5242880"),
        ("slow", vec![Reply::Never, dated()], "not there after 60 s"),
        ("around", vec![Reply::Plain(302, &[("location", "/around")], String::new())], "sends elsewhere"),
    ];
    let mut fake = Fake::default().with("/good", vec![dated(), plain(304)]);
    for (path, replies, _) in &troubles {
        fake = fake.with(&format!("/{path}"), replies.clone());
    }
    let fake = fake
        .with("/gone", vec![plain(410)])
        .with("/detour", vec![Reply::Plain(302, &[("location", "/good2")], String::new())])
        .with("/good2", vec![dated()])
        .with("/moved", vec![Reply::Plain(301, &[("location", "/new")], String::new())])
        .with("/new", vec![dated()]);
    let base = fake.start().await;
    let names = troubles.iter().map(|(name, ..)| *name).chain(["good", "gone", "detour", "moved"]);
    let sources = names.map(|name| row(name, "rss", format!("{base}/{name}?key=secret"))).collect();
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path(), &of(sources), START);

    until("the good one is asked again and again", || running.source("good").counts.unchanged >= 3).await;
    let etags = fake.asked("/good");
    assert_eq!((etags[0].as_str(), etags[1].as_str()), ("", "\"1\""), "what is known is not sent again");
    assert_eq!(running.source("good").address, format!("{base}/good"), "no secret is shown");
    for (name, _, error) in &troubles {
        if *name == "around" {
            until(name, || running.source(name).error.contains(error)).await;
            continue;
        }
        until(name, || running.source(name).counts.reads >= 1).await;
        let source = running.source(name);
        assert!(source.counts.failures >= 1 && source.error.is_empty(), "{source:?}");
    }
    until("a moved one is found", || running.source("moved").counts.reads >= 1).await;
    until("a detour is followed", || running.source("detour").counts.reads >= 1).await;
    until("what is gone is gone", || running.source("gone").stopped.is_some()).await;
    assert_eq!((fake.asked("/gone").len(), fake.asked("/moved").len()), (1, 1));
    // Ten sources told the same two stories.
    let texts = running.texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts.iter().all(|(_, scores)| *scores == 1), "the lexicon scores at once");
    let new: u64 = running.room.sources().iter().map(|source| source.counts.new).sum();
    assert_eq!(new, 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_stops_a_source_and_broken_items_are_told_with_their_place() {
    let refused = json!({ "status": "error", "code": "apiKeyInvalid", "message": "Your API key is invalid." });
    let articles = json!({ "status": "ok", "totalResults": 2, "articles": [
        { "source": { "id": null, "name": "N" }, "title": "Bitcoin falls", "url": "https://n.example/1", "publishedAt": "2026-09-25T10:00:00Z" },
        { "source": { "id": null, "name": "N" }, "title": "Bitcoin rises", "url": "https://n.example/2", "publishedAt": "the day before" },
    ]});
    let fake = Fake::default()
        .with("/refused", vec![Reply::Plain(401, &[], refused.to_string())])
        .with("/half", vec![Reply::Plain(200, &[], articles.to_string())]);
    let base = fake.start().await;
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key");
    std::fs::write(&key_file, "abc\n").unwrap();
    let sources = vec![
        SourceRow { key_file: Some(key_file), ..row("refused", "newsapi", format!("{base}/refused")) },
        row("half", "newsapi", format!("{base}/half")),
        SourceRow { key_file: Some("/no/such/file".into()), ..row("keyless", "newsapi", format!("{base}/half")) },
    ];
    let running = start(dir.path(), &of(sources), START);
    until("a refused key stops it", || running.source("refused").stopped.is_some()).await;
    let stopped = running.source("refused").stopped.unwrap();
    assert!(stopped.contains("Your API key is invalid"), "{stopped}");
    until("the other is read", || running.source("half").counts.reads >= 2).await;
    let aside = running.room.store().aside("half").unwrap();
    assert_eq!((aside.len(), aside[0].count), (1, 1), "counted once, however often it comes");
    assert!(aside[0].what.starts_with("item 2: publishedAt"), "{aside:?}");
    assert_eq!(running.source("half").counts.new, 1);
    until("the missing file is told", || running.source("keyless").error.contains("/no/such/file: cannot be read"))
        .await;
    assert_eq!(fake.asked("/refused").len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_scored_twice_over_restarts_and_a_missing_model_keeps_nobody() {
    let fake = Fake::default().with("/feed", vec![good()]);
    let base = fake.start().await;
    let section = NewsSection {
        ollama: OllamaSection { enabled: true, base: base.clone(), ..OllamaSection::default() },
        finbert: FinbertSection { enabled: true, dir: Some("/no/such/folder".into()) },
        ..of(vec![row("feed", "rss", format!("{base}/feed"))])
    };
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path(), &section, START);
    let are_scored = |running: &Running| {
        let texts = running.texts();
        texts.len() == 2 && texts.iter().all(|(_, scores)| *scores == 2)
    };
    until("both texts have both scores", || are_scored(&running)).await;
    let [lexicon, finbert, ollama] = running.room.engines();
    assert_eq!((lexicon.state, finbert.state, ollama.model.as_str()), ("ready", "no model", "abc"));
    assert!(finbert.error.contains("/no/such/folder"), "{}", finbert.error);
    let answer = running.room.ask_ollama("Bitcoin is a text to be tried".to_owned()).unwrap();
    let tried = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(tried.score().map(|score| score.value), Some(-0.6));
    running.stop().await;
    assert_eq!(fake.chats.lock().unwrap().len(), 3, "two texts and the one that was tried");

    // The same words again, from elsewhere and later: known by their content.
    let again = Fake::default().with("/other", vec![good()]);
    let other = again.start().await;
    let later = START.plus(Duration::from_secs(20 * 3_600));
    let section = NewsSection { sources: vec![row("other", "rss", format!("{other}/other"))], ..section };
    let running = start(dir.path(), &section, later);
    until("the new ones are filed", || {
        let texts = running.texts();
        texts.len() == 4 && texts.iter().all(|(_, scores)| *scores == 2)
    })
    .await;
    running.stop().await;
    let asked = fake.chats.lock().unwrap().len();
    assert!(asked <= 3 + 2, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recordings_are_read_kept_scored_and_told_to_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let copied = |kind: &str, files: &[&str]| {
        let to = folder.path().join(kind);
        std::fs::create_dir(&to).unwrap();
        for file in files {
            let from = testdata::path(file)?;
            std::fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
        }
        Some(to.display().to_string())
    };
    let feeds = [
        "news/coindesk_rss_20260924.xml",
        "news/cointelegraph_rss_20260828.xml",
        "macro/fed_monetary_rss_20260925.xml",
    ];
    let all = [
        copied("rss", &feeds),
        copied("posts-json", &["posts/truth_social_api_html_20251025-20251031.json.gz"]),
        copied("investing", &["macro/investing_us_2022_jan-jul.csv"]),
    ];
    let [Some(rss), Some(posts), Some(calendar)] = all else { return };
    // Beside them something that is none of it.
    std::fs::write(folder.path().join("rss/broken.xml"), "<html>").unwrap();
    let sources = vec![
        row("feeds", "rss", rss),
        row("posts", "posts-json", posts),
        SourceRow { zone: Some("-04:00".to_owned()), ..row("calendar", "investing", calendar) },
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut running = start(dir.path(), &of(sources), START);
    until("all is read", || running.room.sources().iter().all(|source| source.counts.reads >= 2)).await;
    let [feeds, posts, calendar] = ["feeds", "posts", "calendar"].map(|name| running.source(name).counts);
    assert_eq!((feeds.new, feeds.set_aside), (6, 1));
    assert_eq!((posts.new, calendar.new), (140, 2_670));
    let aside = running.room.store().aside("feeds").unwrap();
    assert!(aside[0].what.starts_with("broken.xml: "), "{aside:?}");
    let scored = running.texts().iter().filter(|(_, scores)| *scores > 0).count();
    assert!(scored > 100, "{scored}");
    let mood = running.mood().await;
    let btc = mood.currencies.iter().find(|of| of.currency == "BTC").unwrap();
    assert!(btc.day.items > 0 && btc.day.mean.is_some(), "{btc:?}");
    assert_eq!(mood.scorer, "lexicon");
    let (items, reads) = (running.texts().len(), running.source("posts").counts.reads);
    until("nothing comes twice", || running.source("posts").counts.reads > reads + 2).await;
    assert_eq!(running.texts().len(), items);
    running.stop().await;
}

/// The whole box on the built-in market, sixty times as fast.
#[tokio::test(flavor = "multi_thread")]
async fn a_box_reads_tells_and_replays_a_day_with_news() {
    let fake = Fake::default().with("/feed", vec![good()]);
    let base = fake.start().await;
    let dir = tempfile::tempdir().unwrap();
    let (layers, mut config) = Layers::load(None, toml::Table::new(), Some(dir.path())).unwrap();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.access.mode = Mode::Open;
    config.store.data_dir = dir.path().to_owned();
    config.news = of(vec![row("feed", "rss", format!("{base}/feed"))]);
    let appliance = Appliance::recover(&config).unwrap();
    // Midday, so that it stays one day.
    let clock =
        Clock::scaled(Timestamp::from_nanos(Timestamp::from_date(2026, 11, 24).as_nanos() + NS_PER_DAY / 2), 60.0);
    let market = MarketServer::start(MarketSettings::default(), clock.clone(), 0).await.unwrap();
    for (venue, endpoint) in market.endpoints() {
        config.feeds.of_mut(*venue).reach_at(endpoint);
    }
    let setup = Setup {
        clock: clock.clone(),
        demo: true,
        layers,
        can_restart: false,
        supervisor: Supervisor::new(None, None).unwrap(),
        launched: None,
        circumstances: Circumstances::default(),
    };
    let running = appliance.start(&config, setup).await.unwrap();
    let at = format!("http://{}", running.door().address);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| -> Value {
        let answer = client.get(format!("{at}/api/v1/{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let mut mood_at = None;
    for _ in 0..600 {
        mood_at = get("news/health").await["mood_at_ms"].as_i64();
        if mood_at.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mood_at = Timestamp::from_millis(mood_at.expect("the engine is told"));
    // Two minutes close after it.
    clock.sleep_until(mood_at.plus(Duration::from_secs(150))).await;
    let news = get("news?coin=BTC").await;
    assert_eq!((&news["is_read"], news["items"].as_array().unwrap().len()), (&json!(true), 1));
    assert_eq!(news["items"][0]["scores"][0]["label"], "positive", "{news}");
    assert_eq!(get("calendar").await["events"], json!([]));
    let health = get("news/health").await;
    assert_eq!((&health["sources"][0]["new"], &health["engines"][1]["state"]), (&json!(2), &json!("off")), "{health}");
    let mut codes = Vec::new();
    for _ in 0..7 {
        let body = r#"{"text":"Exchange hacked, all customer funds stolen"}"#;
        let answer = client.post(format!("{at}/api/v1/news/try")).body(body).send().await.unwrap();
        codes.push((answer.status().as_u16(), answer.headers().contains_key("retry-after")));
        if codes.len() == 1 {
            let tried: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            assert_eq!(tried["scores"][0]["label"], "negative", "{tried}");
            assert!(tried["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()), "{tried}");
        }
    }
    assert!(codes[..5].iter().all(|code| *code == (200, false)) && codes[6] == (429, true), "{codes:?}");
    let wrong = client.post(format!("{at}/api/v1/news/try")).body("{}").send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    // A backup of a box whose news file is open.
    let backup = client.post(format!("{at}/api/v1/backups")).send().await.unwrap();
    assert_eq!(backup.status(), 200, "{:?}", backup.text().await);
    running.stop().await.unwrap();
    drop(market);

    let days = store::days(dir.path()).unwrap();
    let mut moods = 0;
    for day in &days {
        let reader = store::Reader::open_day(&day.path).unwrap();
        moods +=
            reader.inputs().unwrap().filter(|input| matches!(input.as_ref().unwrap().input, Input::Mood(_))).count();
    }
    assert!(moods > 0, "the journal has it");
    let found = store::replay::replay(&days, &mut EngineReplayer::default(), |_| {}).unwrap();
    assert_eq!((found.differs, found.first_difference), (0, None));
    assert!(found.checkpoints > 0 && found.inputs > 100);
    let engine = crate::recovery::recover(dir.path()).unwrap().engine;
    let of_btc = engine.view().markets().filter(|market| market.instrument.base == "BTC");
    let counts: Vec<Option<f64>> =
        of_btc.filter_map(|market| Some(market.row()?.1.get(engine::feature::Column::NewsCount1h))).collect();
    assert!(counts.contains(&Some(1.0)), "the features have it: {counts:?}");
}
