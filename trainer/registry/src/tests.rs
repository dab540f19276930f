use std::path::Path;

use bundle::{CARD_NAME, MANIFEST_NAME, MODEL_NAME, SecretKey};
use object_store::memory::InMemory;
use object_store::path::Path as Prefix;

use super::*;

/// The starter bundle's model under another name and revision, signed by a key of ours.
fn bundle(revision: u32) -> Bundle {
    let starter = Bundle::read(Path::new("../../models/starter")).expect("it is there");
    let starter = starter.verify(&TrustedKeys::builtin()).expect("a built-in key signed it");
    let mut manifest = starter.manifest().clone();
    manifest.name = "mine".to_owned();
    manifest.revision = revision;
    let file = |name: &str| (name.to_owned(), starter.file(name).expect("it has one").to_vec());
    Bundle::pack(manifest, [file(MODEL_NAME), file(CARD_NAME)].into(), &key()).expect("a sound manifest")
}

fn key() -> SecretKey {
    SecretKey::from_bytes(&[9; 32])
}

fn trusted() -> TrustedKeys {
    TrustedKeys::only(&[key().public()])
}

fn memory() -> Bucket {
    Bucket::new("memory", Box::new(InMemory::new()), Prefix::from("models")).expect("a runtime")
}

fn of(text: &str) -> Reference {
    text.parse().expect("a reference")
}

/// What every place must do.
fn check(place: &dyn Place) {
    assert_eq!(revisions(place, "mine").expect("it answers"), [0; 0]);
    assert!(
        format!("{:#}", pull(place, &of("mine"), &trusted()).expect_err("empty")).contains("has no model \"mine\"")
    );
    for revision in [2, 10, 9] {
        let (version, pushed) = push(place, &bundle(revision), &trusted()).expect("it takes it");
        assert_eq!((version.revision, pushed), (revision, Pushed::New));
    }
    assert_eq!(push(place, &bundle(9), &trusted()).expect("the same").1, Pushed::Known);
    assert_eq!(revisions(place, "mine").expect("it answers"), [2, 9, 10]);
    assert_eq!(
        pull(place, &of("mine"), &trusted()).expect("the newest"),
        (Version { name: "mine".to_owned(), revision: 10 }, bundle(10))
    );
    assert_eq!(pull(place, &of("mine/2"), &trusted()).expect("an old one").1, bundle(2));
    assert!(format!("{:#}", pull(place, &of("mine/3"), &trusted()).expect_err("no such")).contains("has no mine/3"));
    let card = place.get(&place.card_path("mine"), 1 << 20).expect("it answers").expect("a card");
    let card = String::from_utf8(card).expect("text");
    assert!(card.starts_with("---\nlibrary_name: \"tickerbox\"\n"), "{card}");
    assert!(card.contains(&format!("pull --from {} mine/10", place.name())), "the card is that of the newest: {card}");
    assert!(card.contains("## Result"), "the bundle's own card is in it");
}

#[test]
fn a_bucket_keeps_versions() {
    check(&memory());
}

#[test]
fn a_folder_keeps_versions() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("not/there/yet");
    check(open(folder.to_str().expect("text"), &Access::default()).expect("a folder").as_ref());
    assert!(folder.join("mine/10.tbx").is_file() && folder.join("mine/README.md").is_file());
}

#[test]
fn a_revision_is_never_replaced() {
    let place = memory();
    push(&place, &bundle(1), &trusted()).expect("it takes it");
    let mut other = bundle(1).verify(&trusted()).expect("own signature").manifest().clone();
    other.created = "2020-01-01".to_owned();
    let files = bundle(1)
        .into_files()
        .into_iter()
        .filter(|(name, _)| [MODEL_NAME, CARD_NAME].contains(&name.as_str()))
        .collect();
    let other = Bundle::pack(other, files, &key()).expect("a sound manifest");
    let error = push(&place, &other, &trusted()).expect_err("another bundle");
    assert!(format!("{error:#}").contains("never replaced"), "{error:#}");
    assert_eq!(pull(&place, &of("mine/1"), &trusted()).expect("the first").1, bundle(1));
}

#[test]
fn nothing_that_a_place_holds_is_believed() {
    let place = memory();
    let put =
        |revision: u32, bytes: Vec<u8>| place.put(vec![(format!("mine/{revision}.tbx"), bytes)], "").expect("room");
    let refused = |revision: u32| {
        format!("{:#}", pull(&place, &of(&format!("mine/{revision}")), &trusted()).expect_err("no trust"))
    };
    let whole = bundle(1).to_container();
    let mut changed = bundle(1).into_files();
    changed.get_mut(MODEL_NAME).expect("it has one")[100] ^= 1;
    put(1, Bundle::from_files(changed).to_container());
    assert!(refused(1).contains("model.onnx was changed"), "{}", refused(1));
    let mut changed = bundle(1).into_files();
    changed.get_mut(MANIFEST_NAME).expect("it has one")[10] ^= 1;
    put(2, Bundle::from_files(changed).to_container());
    assert!(refused(2).contains("does not match its signature"), "{}", refused(2));
    put(3, whole[..whole.len() / 2].to_vec());
    assert!(refused(3).contains("ends early"), "{}", refused(3));
    put(4, whole);
    assert!(refused(4).contains("it holds mine/1"), "{}", refused(4));
    let stranger = TrustedKeys::only(&[SecretKey::from_bytes(&[8; 32]).public()]);
    assert!(
        format!("{:#}", push(&place, &bundle(5), &stranger).expect_err("a stranger's"))
            .contains("not among the 1 trusted")
    );
    assert!(format!("{:#}", place.get("mine/4.tbx", 10).expect_err("too large")).contains("more than 10"));
}

#[test]
fn names_and_addresses_that_make_no_sense_are_refused_in_words() {
    assert_eq!(of("starter/3"), Reference { name: "starter".to_owned(), revision: Some(3) });
    for wrong in ["", "a/b", "a/1/2", "../a", "a/-1"] {
        assert!(wrong.parse::<Reference>().is_err(), "{wrong}");
    }
    let refused = |address: &str| format!("{:#}", open(address, &Access::default()).err().expect("no place"));
    assert!(refused("ftp://x").contains("ftp:// is not known"));
    assert!(refused("s3://models").contains("without credentials"));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let credentials = dir.path().join("credentials");
    std::fs::write(&credentials, "[default]\naws_access_key_id = A\n").expect("room on the disk");
    let access = Access { credentials: Some(credentials), ..Access::default() };
    assert!(
        format!("{:#}", open("s3://models", &access).err().expect("half a key"))
            .contains("has no aws_secret_access_key")
    );
}

/// A server of our own on a free port, for as long as the test runs.
fn serve(router: axum::Router) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    listener.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            axum::serve(listener, router).await.expect("it serves");
        });
    });
    format!("http://{address}")
}

mod s3 {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::{Query, State};
    use axum::http::{HeaderMap, Method, StatusCode, Uri};
    use axum::response::{IntoResponse as _, Response};

    use super::*;

    type Objects = Arc<Mutex<BTreeMap<String, Bytes>>>;

    /// As much of S3's protocol as is asked for: one page of ListObjectsV2, GET, PUT with If-None-Match.
    async fn answer(
        State(objects): State<Objects>,
        Query(query): Query<BTreeMap<String, String>>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        let is_signed = headers
            .get("authorization")
            .is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256 Credential=A/"));
        if !is_signed {
            return StatusCode::FORBIDDEN.into_response();
        }
        let mut objects = objects.lock().expect("no test failed");
        let key = uri.path().strip_prefix("/lake/").unwrap_or_default().to_owned();
        if method == Method::PUT {
            if headers.contains_key("if-none-match") && objects.contains_key(&key) {
                return StatusCode::PRECONDITION_FAILED.into_response();
            }
            objects.insert(key, body);
            return [("etag", "\"1\"")].into_response();
        }
        if let Some(prefix) = query.get("prefix") {
            let content = |(key, bytes): (&String, &Bytes)| {
                format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-01-31T00:00:00.000Z</LastModified><ETag>1</ETag><Size>{}</Size></Contents>",
                    bytes.len()
                )
            };
            let contents: String = objects.iter().filter(|(key, _)| key.starts_with(prefix)).map(content).collect();
            return format!("<ListBucketResult>{contents}</ListBucketResult>").into_response();
        }
        match objects.get(&key) {
            Some(bytes) => {
                ([("etag", "\"1\""), ("last-modified", "Sat, 31 Jan 2026 00:00:00 GMT")], bytes.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    #[test]
    fn a_server_that_speaks_s3_keeps_versions() {
        let objects = Objects::default();
        let endpoint = serve(Router::new().fallback(answer).with_state(Arc::clone(&objects)));
        let dir = tempfile::tempdir().expect("a temporary folder");
        let credentials = dir.path().join("credentials");
        std::fs::write(&credentials, "aws_access_key_id = A\naws_secret_access_key = B\n").expect("room on the disk");
        let access = Access { endpoint: Some(endpoint), credentials: Some(credentials), region: None };
        check(open("s3://lake/models", &access).expect("an address").as_ref());
        assert!(objects.lock().expect("no test failed").contains_key("models/mine/10.tbx"));
    }
}

#[cfg(feature = "hub")]
mod hub {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::http::{HeaderMap, Method, StatusCode, Uri};
    use axum::response::{IntoResponse as _, Response};
    use serde_json::{Value, json};

    use super::*;

    #[derive(Default)]
    struct Repository {
        is_made: bool,
        files: BTreeMap<String, Vec<u8>>,
        commits: Vec<String>,
    }

    const API: &str = "/api/models/me/models";

    /// As much of a Hub's protocol as is asked for. Every file is `regular`: it travels in the commit itself.
    async fn answer(
        State(repository): State<Arc<Mutex<Repository>>>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        let mut repository = repository.lock().expect("no test failed");
        if headers.get("authorization").is_none_or(|value| value != "Bearer hf_token") {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let json = || serde_json::from_slice::<Value>(&body).expect("JSON");
        let path = uri.path();
        if path == "/api/repos/create" {
            let asked = json();
            assert_eq!((asked["name"].as_str(), asked["organization"].as_str()), (Some("models"), Some("me")));
            if std::mem::replace(&mut repository.is_made, true) {
                return StatusCode::CONFLICT.into_response();
            }
            return axum::Json(json!({"url": "http://hub/me/models"})).into_response();
        }
        if !repository.is_made {
            return StatusCode::NOT_FOUND.into_response();
        }
        if path == format!("{API}/preupload/main") {
            let files = json()["files"].as_array().expect("files").clone();
            let regular = |file: &Value| json!({"path": file["path"], "uploadMode": "regular"});
            return axum::Json(json!({"files": files.iter().map(regular).collect::<Vec<_>>()})).into_response();
        }
        if path == format!("{API}/commit/main") {
            for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line: Value = serde_json::from_slice(line).expect("JSON");
                let text = |name: &str| line["value"][name].as_str().expect("text").to_owned();
                match line["key"].as_str() {
                    Some("header") => repository.commits.push(text("summary")),
                    Some("file") => {
                        repository.files.insert(text("path"), base64(&text("content")));
                    }
                    other => panic!("{other:?}"),
                }
            }
            return axum::Json(json!({})).into_response();
        }
        if path == format!("{API}/tree/main") {
            let file = |(path, bytes): (&String, &Vec<u8>)| json!({"type": "file", "oid": "0", "size": bytes.len(), "path": path});
            return axum::Json(repository.files.iter().map(file).collect::<Vec<_>>()).into_response();
        }
        let file = path.strip_prefix("/me/models/resolve/main/").and_then(|path| repository.files.get(path));
        match file {
            Some(bytes) if method == Method::HEAD => [("content-length", bytes.len().to_string())].into_response(),
            Some(bytes) => bytes.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// RFC 4648, section 4.
    fn base64(text: &str) -> Vec<u8> {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
        for digit in text.bytes().filter(|byte| *byte != b'=') {
            bits = bits << 6 | DIGITS.iter().position(|other| *other == digit).expect("a digit") as u32;
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        bytes
    }

    #[test]
    fn a_hub_keeps_versions() {
        let repository = Arc::new(Mutex::new(Repository::default()));
        let endpoint = serve(
            Router::new()
                .fallback(answer)
                .layer(axum::extract::DefaultBodyLimit::disable())
                .with_state(Arc::clone(&repository)),
        );
        let dir = tempfile::tempdir().expect("a temporary folder");
        let credentials = dir.path().join("token");
        std::fs::write(&credentials, "hf_token\n").expect("room on the disk");
        let access = Access { endpoint: Some(endpoint), credentials: Some(credentials), region: None };
        check(open("hf://me/models", &access).expect("an address").as_ref());
        let repository = repository.lock().expect("no test failed");
        assert_eq!(repository.commits, ["mine/2", "mine/10", "mine/9"]);
        assert_eq!(
            repository.files.keys().collect::<Vec<_>>(),
            ["README.md", "mine/10.tbx", "mine/2.tbx", "mine/9.tbx"]
        );
        assert!(open("hf://models", &access).is_err());
    }
}

#[test]
fn a_box_takes_bundles_tells_its_wishes_and_says_why_it_refuses() {
    use std::sync::{Arc, Mutex};

    use axum::extract::Request as Asked;
    use axum::http::StatusCode;
    use axum::routing::{get, post};

    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = heard.clone();
    let take = move |asked: Asked| async move {
        assert_eq!(asked.headers()["authorization"], "Bearer tbx_1", "it says who asks");
        let query = asked.uri().query().map(str::to_owned);
        let body = axum::body::to_bytes(asked.into_body(), 1 << 24).await.expect("all of it");
        hear.lock().expect("whole").push((query, body.to_vec()));
        (StatusCode::OK, "{\"model\": \"abc\"}")
    };
    let wishes = r#"{"requests": [{"id": 3, "at": "2026-01-31T00:00:00Z", "why": "worse", "symbols": [], "answered_by": null}]}"#;
    let app = axum::Router::new()
        .route("/api/v1/models", post(take))
        .route("/api/v1/retrain", get(move || async move { wishes }));
    let refusing = axum::Router::new()
        .route("/api/v1/models", post(|| async { (StatusCode::CONFLICT, "{\"error\": \"it is older\"}") }));
    let (address, refuses) = (serve(app), serve(refusing));
    let token = Token("tbx_1".to_owned());
    let access = Access { token: Some(token.clone()), ..Access::default() };
    assert!(!format!("{access:?}").contains("tbx_1"), "secrets are not shown");
    let open = |address: &str| open(address, &access).expect("an address");

    let home = format!("{address}?request=3&symbols=BTC/USDT");
    push(open(&home).as_ref(), &bundle(1), &trusted()).expect("it takes it");
    let heard = heard.lock().expect("whole");
    assert_eq!(heard[..], [(Some("request=3&symbols=BTC/USDT".to_owned()), bundle(1).to_container())]);
    let told = Home::open(&home, Some(&token)).and_then(|home| home.requests()).expect("it answers");
    assert_eq!((told[0].id, told[0].why.as_str()), (3, "worse"));
    let refused = push(open(&refuses).as_ref(), &bundle(1), &trusted());
    assert!(format!("{:#}", refused.expect_err("refused")).ends_with(": it is older"));
    let nobody = Home::open("http://127.0.0.1:1", None).and_then(|home| home.requests());
    assert!(format!("{:#}", nobody.expect_err("nobody is there")).starts_with("http://127.0.0.1:1: "));
}
