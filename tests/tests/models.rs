//! Models of a running box: taken in, refused, watched, promoted, taken back, and of longer candles.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use bundle::{Bundle, MANIFEST_NAME, MODEL_NAME, Manifest, SIGNATURE_NAME, SecretKey};
use serde_json::Value;
use tickerbox_tests::browser::Browser;
use tickerbox_tests::demo::{Demo, get, send};
use tickerbox_tests::root;

/// A minute of the market is a second: forecasts come soon.
const PATIENCE: Duration = Duration::from_secs(120);

fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32])
}

/// The starter's network, changed, and signed by [`key`].
fn changed(change: impl FnOnce(&mut Manifest, &mut Vec<u8>)) -> Bundle {
    let mut files = Bundle::read(&root().join("models/starter")).expect("committed").into_files();
    let mut manifest = Manifest::parse(&files[MANIFEST_NAME]).expect("sound");
    files.retain(|name, _| name != MANIFEST_NAME && name != SIGNATURE_NAME);
    change(&mut manifest, files.get_mut(MODEL_NAME).expect("it has a model"));
    Bundle::pack(manifest, files, &key()).expect("sound")
}

fn bundle(change: impl FnOnce(&mut Manifest)) -> Bundle {
    changed(|manifest, _| change(manifest))
}

/// The bias of its first product is no number.
fn spoil(onnx: &mut [u8]) {
    // Its name, the field of raw values (9, bytes), their length.
    let mark = [b"const_18".as_slice(), &[0x4a, 0x80, 0x01]].concat();
    let at = onnx.windows(mark.len()).position(|part| part == mark).expect("the starter has it") + mark.len();
    onnx[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
}

fn start(dir: &Path) -> Demo {
    let trusted = dir.join("trainer.pub");
    std::fs::write(&trusted, key().public().to_text("trainer")).expect("written");
    let config = dir.join("box.toml");
    let text = format!("[model]\ntrusted_keys = [{:?}]\nbudget_ms = 5000\n", trusted.display().to_string());
    std::fs::write(&config, text).expect("written");
    let config = config.to_str().expect("a plain name");
    Demo::start(&dir.join("data"), &["--speed", "60", "--log", "error", "--config", config])
}

fn post(demo: &Demo, path: &str, body: &[u8]) -> (u16, Value) {
    let (status, answer) = send(demo.address(), "POST", path, body);
    (status, serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error}: {answer}")))
}

fn fetch(demo: &Demo, path: &str) -> Value {
    let (status, answer) = get(demo.address(), path);
    if status == 200 { serde_json::from_str(&answer).expect("JSON") } else { Value::Null }
}

/// The beginnings of the digests in their places.
fn seats(demo: &Demo) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let shown = fetch(demo, "/api/v1/models");
    let seats = shown["seats"].as_array().expect("places");
    seats.iter().map(|place| (text(&place["model"])[..8].to_owned(), text(&place["role"]))).collect()
}

/// Waits for a forecast of each of these models.
fn wait_for(demo: &Demo, models: &[&str]) -> BTreeMap<String, Vec<Value>> {
    let began = Instant::now();
    loop {
        let answer = fetch(demo, "/api/v1/forecasts?symbol=kraken:BTC/USD&limit=10000");
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for row in answer["rows"].as_array().into_iter().flatten() {
            found.entry(row["model"].as_str().expect("text").to_owned()).or_default().push(row.clone());
        }
        if models.iter().all(|model| found.contains_key(*model)) {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "forecasts of {:?}", found.keys());
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[tokio::test]
async fn a_model_is_promoted_and_taken_back_by_hand() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let starter = seats(&demo)[0].0.clone();
    let sound = bundle(|manifest| (manifest.name, manifest.revision) = ("home".to_owned(), 2));
    let model = sound.digest().expect("it has a manifest").to_string();
    assert_eq!(post(&demo, "/api/v1/models", &sound.to_container()).0, 200);
    let place = |model: &str, role: &str| (model.to_owned(), role.to_owned());

    browser.open(&format!("http://{}/models", demo.address())).await;
    browser.wait_for("versions", |text| text.contains("home r2") && text.contains("shadow")).await;
    let row = format!("document.querySelector('[data-testid=versions] a[href*=\"model={model}\"]').click()");
    browser.script(&row).await;
    browser.wait_for("chosen-model", |text| text.contains("home r2")).await;
    browser.click("promote").await;
    browser.type_into("ask-text", "tried it for a week").await;
    browser.click("ask-confirm").await;
    browser.wait_for("said", |text| text.contains("It leads")).await;
    browser.wait_for("model-history", |text| text.contains("tried it for a week")).await;
    assert_eq!(seats(&demo), [place(&model[..8], "active"), place(&starter, "shadow")]);
    browser.click("rollback").await;
    browser.click("ask-confirm").await;
    browser.wait_for("chosen-model", |text| text.contains("Promote")).await;
    assert_eq!(seats(&demo), [place(&starter, "active"), place(&model[..8], "shadow")]);
    browser.assert_quiet().await;
    browser.close().await;
}

#[test]
fn a_model_that_comes_over_the_network_is_proven_watched_promoted_and_taken_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let starter = seats(&demo)[0].0.clone();

    let sound = bundle(|manifest| (manifest.name, manifest.revision) = ("home".to_owned(), 2));
    let model = sound.digest().expect("it has a manifest").to_string();
    let (status, answer) = post(&demo, "/api/v1/models", &sound.to_container());
    assert_eq!((status, answer["model"].as_str()), (200, Some(model.as_str())), "{answer}");
    let short = &model[..8];
    let place = |model: &str, role: &str| (model.to_owned(), role.to_owned());
    assert_eq!(seats(&demo), [place(&starter, "active"), place(short, "shadow")]);

    let refused = |container: &[u8], words: &str| {
        let (status, answer) = post(&demo, "/api/v1/models", container);
        let error = answer["error"].as_str().expect("why");
        assert!(status == 409 && error.contains(words), "{status} {error}");
    };
    refused(b"no bundle", "container");
    let mut tampered = sound.to_container();
    let at = tampered.len() - 9;
    tampered[at] ^= 1;
    refused(&tampered, "");
    let stranger = Bundle::pack(
        Manifest::parse(&sound.files()[MANIFEST_NAME]).expect("sound"),
        sound
            .files()
            .iter()
            .filter(|(name, _)| *name != MANIFEST_NAME && *name != SIGNATURE_NAME)
            .map(|(n, f)| (n.clone(), f.clone()))
            .collect(),
        &SecretKey::from_bytes(&[8; 32]),
    );
    refused(&stranger.expect("sound").to_container(), "which is not among the");
    let older = bundle(|manifest| (manifest.name, manifest.revision) = ("home".to_owned(), 1));
    refused(&older.to_container(), "home r1 is older than r2, which is here");
    let other = bundle(|manifest| manifest.fingerprint.replace_range(0..1, "x"));
    refused(&other.to_container(), "other feature definitions");
    let bent = bundle(|manifest| manifest.probes[0].log_return[0] += 1.0);
    refused(&bent.to_container(), "probe 0");
    let spoiled = changed(|manifest, onnx| {
        manifest.name = "spoiled".to_owned();
        spoil(onnx);
    });
    refused(&spoiled.to_container(), "not a number");
    assert_eq!(seats(&demo).len(), 2, "who was there goes on");
    let shown = fetch(&demo, "/api/v1/models");
    let refusals =
        shown["events"].as_array().expect("events").iter().filter(|event| event["what"] == "refused").count();
    assert_eq!(refusals, 7, "{shown}");

    let id = |health: &Value| health["model"]["id"].as_str().map(str::to_owned);
    wait_for(&demo, &[&model]);
    why_is_told(&demo, &model);
    let (status, answer) = post(&demo, &format!("/api/v1/models/{short}/promote?why=tried"), b"");
    assert_eq!(status, 200, "{answer}");
    demo.wait_until("the new one leads", |health| id(health).as_ref() == Some(&model));
    assert_eq!(post(&demo, &format!("/api/v1/models/{short}/promote"), b"").0, 409, "it leads already");
    assert_eq!(post(&demo, &format!("/api/v1/models/{short}/dance"), b"").0, 404);
    demo.kill();

    let demo = start(dir.path());
    assert_eq!(seats(&demo), [place(short, "active"), place(&starter, "shadow")], "kept across a pulled plug");
    let (status, answer) = post(&demo, "/api/v1/models/rollback", b"");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(seats(&demo), [place(&starter, "active"), place(short, "shadow")]);
    demo.wait_until("the starter leads", |health| id(health).is_some_and(|id| id.starts_with(&starter)));

    let wish = br#"{"why": "a new year", "symbols": ["BTC/USD"]}"#;
    let (status, answer) = post(&demo, "/api/v1/retrain", wish);
    assert_eq!((status, &answer["request"]), (200, &1.into()), "{answer}");
    assert_eq!(post(&demo, "/api/v1/retrain", br#"{"symbols": ["XYZ/USD"]}"#).0, 409);
    let newer = bundle(|manifest| (manifest.name, manifest.revision) = ("home".to_owned(), 3));
    assert_eq!(post(&demo, "/api/v1/models?request=1&symbols=BTC/USD", &newer.to_container()).0, 200);
    let asked = fetch(&demo, "/api/v1/retrain");
    assert_eq!(asked["requests"][0]["answered_by"].as_str(), newer.digest().map(|d| d.to_string()).as_deref());

    let rows: Vec<Value> = (0..200)
        .map(|minute| {
            let close = 100.0 + f64::from(minute % 7) / 10.0;
            serde_json::json!({ "open_time_ms": i64::from(minute) * 60_000, "open": close, "high": close, "low": close, "close": close, "volume": 1.0 })
        })
        .collect();
    let series =
        |rows: &[Value]| serde_json::to_vec(&serde_json::json!({ "candles": rows, "last": 2 })).expect("plain");
    let (status, answer) = post(&demo, "/api/v1/timeseries", &series(&rows));
    assert_eq!((status, answer["forecasts"].as_array().map(Vec::len)), (200, Some(2)), "{answer}");
    let mut odd = rows.clone();
    odd[3]["high"] = 1.0.into();
    let (status, answer) = post(&demo, "/api/v1/timeseries", &series(&odd));
    assert!(status == 409 && answer["error"].as_str().is_some_and(|why| why.contains("1970-01-01T00:03")), "{answer}");
    assert_eq!(post(&demo, "/api/v1/timeseries", b"{").0, 400);
}

/// The page may ask what a forecast rests on.
fn why_is_told(demo: &Demo, model: &str) {
    let why = fetch(demo, &format!("/api/v1/why?symbol=kraken:BTC/USD&model={model}"));
    assert_eq!((why["symbol"].as_str(), why["model"].as_str()), (Some("BTC/USD"), Some(model)), "{why}");
    assert_eq!(why["forecast"].as_array().map(Vec::len), Some(3), "{why}");
    let numbers =
        |value: &Value| -> Vec<f64> { value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect() };
    let looks = why["attention"].as_array().expect("the starter tells");
    let shares: f64 = looks.iter().filter_map(|look| look["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-3, "{shares}");
    assert_eq!(looks.last().expect("rows")["open_time_ms"], why["open_time_ms"]);
    let features = why["features"].as_array().expect("the starter has some");
    let most: Vec<f64> = features
        .iter()
        .map(|f| numbers(&f["effect_bps"]).iter().fold(0.0, |most, part| part.abs().max(most)))
        .collect();
    assert!(most.is_sorted_by(|a, b| a >= b) && most[0] > 0.0, "{most:?}");
    assert!(features.iter().all(|f| f["description"].is_string() && f["value"].is_f64()), "{why}");
    let status = |query: &str| get(demo.address(), &format!("/api/v1/why{query}")).0;
    assert_eq!((status("?symbol=kraken:XYZ"), status("?symbol=BTC/USD"), status("")), (404, 400, 400));
    assert_eq!(status("?symbol=kraken:BTC/USD&model=nobody"), 404);
}

#[test]
fn a_model_of_longer_candles_gets_their_past_from_the_exchange_and_forecasts() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let long = bundle(|manifest| {
        manifest.format = bundle::manifest::FORMAT;
        manifest.name = "long".to_owned();
        manifest.timeframe_min = 5;
        manifest.window_min *= 5;
        manifest.horizons_min = vec![5, 10, 35];
        manifest.metrics.clear();
    });
    let model = long.digest().expect("it has a manifest").to_string();
    let (status, answer) = post(&demo, "/api/v1/models?symbols=kraken:BTC/USD", &long.to_container());
    assert_eq!(status, 200, "{answer}");
    let made = wait_for(&demo, &[&model]);
    let times: Vec<&str> = made[&model].iter().filter_map(|row| row["open_time"].as_str()).collect();
    assert!(times.iter().all(|time| ["4:00", "9:00"].contains(&&time[15..19])), "{times:?}");
    let horizons: Vec<u64> = made[&model].iter().take(3).filter_map(|row| row["horizon_min"].as_u64()).collect();
    assert_eq!(horizons, [5, 10, 35]);
}
