//! What a box tells of itself and lets be changed: machine, log, metrics, settings, the description of all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tickerbox_tests::demo::{Demo, get, send};
use tickerbox_tests::tickerbox;

const FAST: [&str; 4] = ["--speed", "30", "--log", "error"];
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn json_of(address: SocketAddr, path: &str) -> Value {
    let (status, body) = get(address, path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error} in {body}"))
}

#[track_caller]
fn post(address: SocketAddr, path: &str, body: &Value) -> (u16, Value) {
    let (status, body) = send(address, "POST", path, body.to_string().as_bytes());
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// Asks until it holds.
#[track_caller]
fn wait_for(address: SocketAddr, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let told = json_of(address, path);
        if holds(&told) {
            return told;
        }
        assert!(began.elapsed() < PATIENCE, "never: {path}: {told}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A box with some minutes of life.
fn lively(dir: &std::path::Path) -> Demo {
    let demo = Demo::start(dir, &FAST);
    demo.wait_until("it answers and writes", |health| {
        health["model"]["answers"].as_u64() > Some(0) && health["store"]["commits"].as_u64() > Some(2)
    });
    demo
}

#[test]
fn the_machine_and_every_part_of_the_way_are_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = lively(dir.path());
    json_of(demo.address(), "/api/v1/system");
    let told = wait_for(demo.address(), "/api/v1/system", |told| told["process"]["cpu"].is_f64());
    let number = |path: &str| told.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    assert!(number("/process/cpu") > 0.0 && number("/process/cpu_s") > 0.0, "{told}");
    assert!(number("/process/resident_bytes") > 1e7, "{told}");
    assert!(number("/machine/cpus") >= 1.0 && number("/machine/memory_bytes") > 1e8, "{told}");
    assert!(number("/disk/free_bytes") <= number("/disk/bytes"), "{told}");
    assert_eq!((&told["demo"], &told["clock"]["synchronised"]), (&json!(true), &json!(true)));
    assert_eq!(told["process"]["pid"], demo.id());
    assert!(told["clock"]["venues"].as_array().is_some_and(|venues| venues.len() == 4), "{told}");
    let threads: Vec<&str> =
        told["process"]["threads"].as_array().expect("a list").iter().filter_map(|it| it["name"].as_str()).collect();
    assert!(["engine", "store", "inference"].iter().all(|name| threads.contains(name)), "{threads:?}");
    let stages = told["stages"].as_array().expect("a list");
    let names: Vec<&str> = stages.iter().filter_map(|stage| stage["name"].as_str()).collect();
    assert_eq!(names, ["receive", "engine", "effects", "published", "inference", "commit"]);
    for stage in stages {
        let [p50, p99, max] = ["p50_us", "p99_us", "max_us"].map(|key| stage[key].as_f64().unwrap_or(f64::NAN));
        assert!(stage["count"].as_u64() > Some(0) && 0.0 < p50 && p50 <= p99 && p99 <= max, "{stage}");
    }
    for queue in told["queues"].as_array().expect("a list") {
        assert!(queue["waiting"].as_u64() <= queue["most"].as_u64(), "{queue}");
    }
    demo.kill();
}

#[test]
fn the_log_can_be_read_and_followed_whatever_the_terminal_shows() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(dir.path(), &FAST);
    let (address, all) = (demo.address(), "/api/v1/logs");
    let told = wait_for(address, all, |told| {
        told["lines"].as_array().is_some_and(|lines| {
            lines.iter().filter(|line| line["text"].as_str().is_some_and(|text| text.starts_with("connected"))).count()
                == 4
        })
    });
    let lines = told["lines"].as_array().expect("a list");
    let numbers: Vec<u64> = lines.iter().filter_map(|line| line["seq"].as_u64()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b) && numbers.len() == lines.len(), "{numbers:?}");
    let kraken = json_of(address, "/api/v1/logs?contains=VENUE=KRAKEN&limit=1");
    assert_eq!(kraken["lines"][0]["text"], "connected venue=kraken");
    assert_eq!(
        (&kraken["lines"][0]["level"], &kraken["lines"][0]["target"]),
        (&json!("info"), &json!("tickerbox::venue"))
    );
    let next = told["next"].as_u64().expect("a number");
    let (status, _) = send(address, "POST", "/api/v1/trading?do=pause", b"");
    assert_eq!(status, 202);
    let newer = wait_for(address, &format!("{all}?after={next}"), |told| told["lines"] != json!([]));
    assert!(newer["lines"].as_array().is_some_and(|lines| lines.iter().all(|line| line["seq"].as_u64() > Some(next))));
    assert_eq!(json_of(address, "/api/v1/logs?level=error")["lines"], json!([]));
    for wrong in ["level=loud", "limit=0", "limit=2001", "after=-1", "since=1"] {
        assert_eq!(get(address, &format!("{all}?{wrong}")).0, 400, "{wrong}");
    }
    demo.kill();
}

/// Reads a page of metrics strictly: each family once with help and type before its samples, known types, legal names and labels, no sample
/// twice, counters that end in `_total` and are whole.
fn families(page: &str) -> BTreeMap<String, Vec<(String, f64)>> {
    let is_name = |name: &str| {
        let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(rest) && !name.ends_with('_')
    };
    let mut found: BTreeMap<String, Vec<(String, f64)>> = BTreeMap::new();
    let (mut help, mut family, mut kind) = (String::new(), String::new(), String::new());
    let mut seen = BTreeSet::new();
    assert!(page.ends_with('\n'));
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
            assert!(is_name(name) && name.starts_with("tickerbox_") && text.ends_with('.'), "{line}");
            help = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            assert!(name == help && ["gauge", "counter", "summary"].contains(&of), "{line}");
            assert_eq!(of == "counter", name.ends_with("_total"), "{line}");
            assert!(found.insert(name.to_owned(), Vec::new()).is_none(), "twice: {line}");
            (family, kind) = (name.to_owned(), of.to_owned());
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let name = sample.split('{').next().unwrap_or_default();
            let suffix = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("outside its family: {line}"));
            assert!(suffix.is_empty() || (kind == "summary" && ["_sum", "_count"].contains(&suffix)), "{line}");
            let labels = sample.strip_prefix(name).unwrap_or_default();
            if !labels.is_empty() {
                let inner =
                    labels.strip_prefix('{').and_then(|it| it.strip_suffix("\"}")).unwrap_or_else(|| panic!("{line}"));
                let names: Vec<&str> =
                    inner.split("\",").map(|it| it.split_once("=\"").unwrap_or_else(|| panic!("{line}")).0).collect();
                assert!(names.iter().all(|name| is_name(name)), "{line}");
                assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a label twice: {line}");
            }
            assert!(seen.insert(sample.to_owned()), "twice: {line}");
            let value: f64 = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(kind != "counter" || value >= 0.0, "{line}");
            found.get_mut(&family).expect("has a type").push((sample.to_owned(), value));
        }
    }
    found
}

#[test]
fn metrics_are_well_formed_and_agree_with_what_is_told_elsewhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = lively(dir.path());
    let before = demo.health();
    let (status, page) = get(demo.address(), "/metrics");
    assert_eq!(status, 200);
    let found = families(&page);
    assert!(found.values().all(|samples| !samples.is_empty()) && found.len() > 60, "{} families", found.len());
    let value = |sample: &str| {
        let all = found.values().flatten();
        all.clone().find(|(name, _)| name == sample).unwrap_or_else(|| panic!("{sample} is missing in {page}")).1
    };
    for (sample, path) in [
        ("tickerbox_feed_frames_total{venue=\"kraken\"}", "/feeds/kraken/frames"),
        ("tickerbox_engine_sequence", "/engine/seq"),
        ("tickerbox_store_commits_total", "/store/commits"),
        ("tickerbox_model_answers_total", "/model/answers"),
    ] {
        let of = |health: &Value| health.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
        assert!(of(&before) <= value(sample), "{sample}: {} after {}", value(sample), of(&before));
        // What `/healthz` says is put together five times a second.
        demo.wait_until(sample, |health| of(health) >= value(sample));
    }
    assert!((value("tickerbox_account_equity_dollars{account=\"lead\"}") - 10_000.0).abs() < 1_000.0);
    assert!((0.0..1.0).contains(&value("tickerbox_account_drawdown_ratio{account=\"lead\"}")));
    assert!(value("tickerbox_stage_duration_seconds{stage=\"engine\",quantile=\"0.99\"}") > 0.0);
    assert!(value("tickerbox_stage_duration_seconds_count{stage=\"commit\"}") > 2.0);
    assert!(value("tickerbox_health{state=\"ok\"}") + value("tickerbox_health{state=\"degraded\"}") > 0.5);
    assert!(found.contains_key("tickerbox_forecast_scored"), "{page}");
    demo.kill();
}

/// A port that is free now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn setting<'s>(settings: &'s Value, key: &str) -> &'s Value {
    let all = settings["settings"].as_array().expect("a list");
    all.iter().find(|setting| setting["key"] == key).unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn settings_are_changed_and_count_after_a_restart() {
    const KEY: &str = "engine.risk.daily_loss_max_ppm";
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("tickerbox.toml");
    std::fs::write(&config, "[engine.risk]\nweekly_loss_max_ppm = 90000\n[network]\nca_file = \"\"\n")
        .expect("written");
    let refused = tickerbox(&["check-config".as_ref(), config.as_os_str()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    std::fs::write(&config, "[engine.risk]\nweekly_loss_max_ppm = 90000\n").expect("written");
    let data = dir.path().join("data");
    let address = free();
    let demo = Demo::start_at(&data, address, &["--speed", "30", "--config", config.to_str().expect("plain")]);
    let before = json_of(address, "/api/v1/settings");
    assert_eq!((&before["restart_needed"], &before["can_restart"]), (&json!(false), &json!(true)));
    let limit = setting(&before, KEY);
    assert_eq!(
        (&limit["value"], &limit["source"], &limit["changed"]),
        (&json!(50_000), &json!("default"), &Value::Null)
    );
    assert_eq!(limit["kind"], json!({"number": {"min": 1, "max": 1_000_000}}));
    assert!(limit["help"].as_str().is_some_and(|help| help.starts_with("Loss since 00:00 UTC")), "{limit}");
    assert_eq!(setting(&before, "engine.risk.weekly_loss_max_ppm")["source"], "file");

    let bad = json!({"changes": {KEY: 0, "engine.signal.rule": "on", "server.listen": "0.0.0.0:80", "engine.risc": 1, "log.level": "x=y=z"}});
    let (status, told) = post(address, "/api/v1/settings", &bad);
    assert_eq!(status, 400, "{told}");
    let keys: BTreeSet<&str> =
        told["problems"].as_array().expect("a list").iter().filter_map(|it| it["key"].as_str()).collect();
    assert_eq!(
        keys,
        BTreeSet::from([KEY, "engine.signal.rule", "server.listen", "engine.risc", "log.level"]),
        "{told}"
    );
    assert!(keys.iter().all(|key| told["error"].as_str().is_some_and(|error| error.contains(key))), "{told}");
    for body in ["", "{}", "{\"changes\": {\"log.level\": 1.5}}", "[1"] {
        assert_eq!(send(address, "POST", "/api/v1/settings", body.as_bytes()).0, 400, "{body}");
    }
    assert_eq!(json_of(address, "/api/v1/settings"), before, "nothing was stored");

    let good = json!({"changes": {KEY: 40_000, "engine.signal.rule": "off", "engine.rivals": [{"name": "slow", "signal": {"horizon_min": 10}}]}});
    let (status, told) = post(address, "/api/v1/settings", &good);
    assert_eq!((status, &told["restart_needed"]), (200, &json!(true)), "{told}");
    let limit = setting(&told, KEY);
    assert_eq!(
        (&limit["value"], &limit["next"], &limit["source"]),
        (&json!(50_000), &json!(40_000), &json!("changes"))
    );

    let pid = json_of(address, "/api/v1/system")["process"]["pid"].clone();
    assert_eq!(send(address, "POST", "/api/v1/restart", b"").0, 202);
    let began = Instant::now();
    let after = loop {
        assert!(began.elapsed() < PATIENCE, "it does not come back");
        std::thread::sleep(Duration::from_millis(50));
        // It does not listen for a moment.
        let Some(told) = quietly(address, "/api/v1/settings") else { continue };
        if setting(&told, KEY)["value"] == 40_000 {
            break told;
        }
    };
    assert_eq!(
        (&after["restart_needed"], &setting(&after, "engine.signal.rule")["value"]),
        (&json!(false), &json!("off"))
    );
    assert_eq!(json_of(address, "/api/v1/system")["process"]["pid"], pid, "the same process, for who watches it");
    let accounts = wait_for(address, "/api/v1/accounts", |told| {
        told["accounts"].as_array().is_some_and(|all| all.iter().any(|it| it["name"] == "slow"))
    });
    assert!(accounts["accounts"].as_array().is_some_and(|all| all.len() >= 3), "{accounts}");
    let (status, told) = post(address, "/api/v1/settings", &json!({"changes": {KEY: null, "engine.rivals": null}}));
    assert_eq!(
        (status, &setting(&told, KEY)["next"], &setting(&told, KEY)["source"]),
        (200, &json!(50_000), &json!("default"))
    );
    let stored = std::fs::read_to_string(data.join("settings.toml")).expect("it is there");
    assert!(stored.contains("rule = \"off\"") && !stored.contains("risk") && !stored.contains("rivals"), "{stored}");
    demo.kill();
    let replay = tickerbox(&["replay".as_ref(), data.as_os_str(), "--json".as_ref()]).json();
    assert_eq!(replay["differs"], 0, "{replay}");
}

/// The JSON of an answer, if there is one.
fn quietly(address: SocketAddr, path: &str) -> Option<Value> {
    serde_json::from_str(asked(address, path, "application/json")?.split_once("\r\n\r\n")?.1).ok()
}

/// A whole answer, if there is one.
fn asked(address: SocketAddr, path: &str, accept: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: {accept}\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn damaged_changes_do_not_keep_a_box_from_starting_and_are_told_everywhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("settings.toml");
    std::fs::write(&path, "[engine.risk]\nstop_loss_ppm = 0\n").expect("written");
    let check = tickerbox(&["check-config".as_ref(), "--data-dir".as_ref(), dir.path().as_os_str()]);
    assert_eq!(check.code, Some(2), "{check:?}");
    check.assert_refused(&["settings.toml: line 2: engine.risk.stop_loss_ppm: 0 is not in 1 to 1000000"]);
    let demo = Demo::start(dir.path(), &FAST);
    let health = demo.wait_until("it says so", |health| health["status"] == "degraded");
    let error = health["settings"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("settings.toml") && error.contains("engine.risk.stop_loss_ppm"), "{health}");
    let logged = wait_for(demo.address(), "/api/v1/logs?contains=stop_loss_ppm", |told| {
        told["lines"].as_array().is_some_and(|lines| lines.len() >= 2)
    });
    assert!(
        logged.to_string().contains("The settings that were changed on the box are damaged"),
        "the notice: {logged}"
    );
    assert_eq!(logged["lines"][0]["level"], "error", "{logged}");
    let settings = json_of(demo.address(), "/api/v1/settings");
    assert_eq!(settings["error"], error);
    assert_eq!(setting(&settings, "engine.risk.stop_loss_ppm")["value"], 20_000);
    let (status, told) =
        post(demo.address(), "/api/v1/settings", &json!({"changes": {"engine.risk.stop_loss_ppm": 30_000}}));
    assert_eq!((status, &told["error"]), (200, &json!("")), "{told}");
    demo.wait_until("it is well again", |health| health["status"] == "ok" && health["settings"]["error"] == "");
    assert!(std::fs::read_to_string(path.with_extension("toml.damaged")).is_ok_and(|text| text.contains("= 0")));
    demo.kill();
    let check = tickerbox(&["check-config".as_ref(), "--data-dir".as_ref(), dir.path().as_os_str()]);
    assert_eq!(check.code, Some(0), "{check:?}");
}

/// Holds a value against a schema of the description: kinds of values, all required fields, no field that is not described.
fn hold(schemas: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap_or_default();
        return hold(schemas, &schemas[name], value, at);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let fits = choices.iter().map(|choice| hold(schemas, choice, value, at)).collect::<Vec<_>>();
            return if fits.iter().any(Result::is_ok) { Ok(()) } else { Err(format!("{at}: none of {fits:?}")) };
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().try_for_each(|part| hold(schemas, part, value, at));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !(kinds.is_empty() || kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"))) {
        return Err(format!("{at}: {kind}, not {kinds:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{at}: {value} is none of {words:?}"));
    }
    match value {
        Value::Array(items) if schema["items"].is_object() => items
            .iter()
            .enumerate()
            .try_for_each(|(n, item)| hold(schemas, &schema["items"], item, &format!("{at}[{n}]"))),
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    return Err(format!("{at}: {name} is missing"));
                }
            }
            fields.iter().try_for_each(|(name, field)| {
                let at = format!("{at}.{name}");
                match (&schema["properties"][name], &schema["additionalProperties"]) {
                    (Value::Null, Value::Null) if schema["properties"].is_object() => {
                        Err(format!("{at} is not described"))
                    }
                    (Value::Null, Value::Object(_)) => hold(schemas, &schema["additionalProperties"], field, &at),
                    (Value::Null, _) => Ok(()),
                    (known, _) => hold(schemas, known, field, &at),
                }
            })
        }
        _ => Ok(()),
    }
}

#[test]
fn answers_are_as_the_description_says_and_old_paths_answer_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = lively(dir.path());
    let address = demo.address();
    let told = json_of(address, "/api/v1/openapi.json");
    assert!(told["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{}", told["openapi"]);
    let schemas = &told["components"]["schemas"];
    let symbol = "symbol=kraken:BTC/USD";
    wait_for(address, &format!("/api/v1/forecasts?{symbol}"), |told| told["rows"] != json!([]));
    let mut checked = 0;
    for (path, item) in told["paths"].as_object().expect("paths") {
        let Some(operation) = item.get("get") else { continue };
        let asked: Vec<String> = match path.as_str() {
            "/metrics" | "/api/v1/support" | "/api/v1/backups/{name}" | "/api/v1/order" | "/" | "/guest/{key}" => {
                continue;
            }
            "/api/v1/{kind}" => {
                let kinds = [
                    "instruments",
                    "candles",
                    "trades",
                    "books",
                    "forecasts",
                    "scoreboard",
                    "orders",
                    "fills",
                    "equity",
                ];
                kinds.iter().map(|kind| format!("/api/v1/{kind}?{symbol}&limit=5")).collect()
            }
            "/api/v1/skill" | "/api/v1/why" | "/api/v1/chart" | "/api/v1/past" | "/api/v1/day" => {
                vec![format!("{path}?{symbol}")]
            }
            plain => vec![plain.to_owned()],
        };
        for asked in asked {
            let (status, body) = get(address, &asked);
            // A box that is open to everybody has no sessions and tokens.
            assert!([200, 409].contains(&status), "{asked}: {body}");
            let answer: Value =
                serde_json::from_str(&body).unwrap_or_else(|error| panic!("{asked}: {error} in {body}"));
            let schema = &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
            assert!(schema.is_object(), "{asked}: {status} is not described: {operation}");
            hold(schemas, schema, &answer, &asked).unwrap_or_else(|wrong| panic!("{wrong}\n{answer:.2000}"));
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked}");

    for path in ["/verify", "/api/v1/verify"] {
        let (status, told) = post(address, path, &Value::Null);
        assert!(status == 200 && told["is_sound"] == true, "{path}: {status} {told}");
    }
    let (status, told) = post(address, "/timeseries", &json!({"candles": []}));
    assert_eq!((status, told), post(address, "/api/v1/timeseries", &json!({"candles": []})));
    let (status, told) = post(address, "/retrain", &json!({"why": "a test"}));
    assert!(status == 200 && told["request"].is_u64(), "{status} {told}");
    assert_eq!(json_of(address, "/retrain"), json_of(address, "/api/v1/retrain"));
    let front = |accept: &str| asked(address, "/", accept).expect("an answer");
    assert!(front("application/json").contains("\"status\":\""));
    assert!(front("text/html,application/json;q=0.9").contains("<html"));
    demo.kill();
}

#[test]
fn a_support_bundle_tells_much_and_no_secret() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(dir.path(), &["--speed", "30", "--log", "info"]);
    let address = demo.address();
    let secret = json!({ "changes": { "network.proxy": "http://me:pa55word@proxy.lan:3128" } });
    assert_eq!(post(address, "/api/v1/settings", &secret).0, 200);
    let mut stream = TcpStream::connect(address).expect("the program listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = format!("GET /api/v1/support HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("an HTTP answer");
    let told = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    assert!(told.starts_with("http/1.1 200") && told.contains("application/gzip"), "{told}");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&answer[end + 4..]).read_to_end(&mut unpacked).expect("gzip");
    let text = String::from_utf8_lossy(&unpacked);
    for part in ["health.json", "conditions", "system.json", "network.proxy", "***", "log.txt", "state.redb"] {
        assert!(text.contains(part), "no {part}");
    }
    assert!(!text.contains("pa55word"), "a password is in it");
    demo.kill();
}
