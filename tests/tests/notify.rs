//! Messages to the owner, by a real box to a service that is played.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tickerbox_tests::demo::{Demo, send};
use tickerbox_tests::tickerbox;

/// A receiver that answers everything with one status, and what it was sent.
fn receiver(status: u16) -> (SocketAddr, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let heard = Arc::<Mutex<Vec<Value>>>::default();
    let said = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            said.lock().expect("whole").push(serde_json::from_slice(&body).expect("JSON"));
            let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).expect("written");
        }
    });
    (address, heard)
}

fn config(dir: &std::path::Path, good: SocketAddr, gone: SocketAddr) -> std::path::PathBuf {
    let path = dir.join("tickerbox.toml");
    let secret = dir.join("secret");
    std::fs::write(&secret, "a secret of many letters\n").expect("written");
    let text = format!(
        "[notify.webhook]\nurl = 'http://{good}/SECRET'\nsecret_file = '{}'\nallow_private = true\nlevel = 'info'\n\
         [notify.discord]\nwebhook = 'http://{gone}/api/webhooks/1/SECRET'\n",
        secret.display()
    );
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn a_test_tells_what_the_services_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let ((good, heard), (gone, _)) = (receiver(204), receiver(404));
    let path = config(dir.path(), good, gone);
    let path = path.to_str().expect("plain");
    let ran = tickerbox(&["notify", "test", "--config", path]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert_eq!(ran.out, "discord: did not arrive: the webhook is deleted (status 404)\nwebhook: arrived: status 204\n");
    let one = tickerbox(&["notify", "test", "--config", path, "--channel", "webhook", "--json"]);
    assert_eq!(one.json(), json!({"channels": [{"channel": "webhook", "arrived": true, "told": "status 204"}]}));
    let heard = heard.lock().expect("whole").clone();
    assert_eq!(heard.len(), 2);
    assert_eq!((&heard[0]["type"], &heard[0]["schema"]), (&json!("test"), &json!(1)));
    tickerbox(&["notify", "test", "--config", path, "--channel", "mail"]).assert_refused(&["mail", "discord, webhook"]);
    tickerbox(&["notify", "test"]).assert_refused(&["configured"]);
}

#[test]
fn a_running_box_tests_its_channels_and_shows_them_without_their_secrets() {
    let dir = tempfile::tempdir().expect("a folder");
    let ((good, heard), (gone, _)) = (receiver(204), receiver(404));
    let path = config(dir.path(), good, gone);
    let more = ["--speed", "30", "--config", path.to_str().expect("plain")];
    let demo = Demo::start(&dir.path().join("data"), &more);
    let post = |path: &str| {
        let (status, body) = send(demo.address(), "POST", path, b"");
        (status, serde_json::from_str::<Value>(&body).unwrap_or(Value::Null), body)
    };
    let (status, told, body) = post("/api/v1/notify/test");
    assert_eq!(status, 200, "{body}");
    assert_eq!((&told["channels"][0]["arrived"], &told["channels"][1]["arrived"]), (&json!(false), &json!(true)));
    assert_eq!(post("/api/v1/notify/test?channel=webhook").1["channels"].as_array().map(Vec::len), Some(1));
    assert_eq!(post("/api/v1/notify/test?channel=mail").0, 404);
    assert_eq!(post("/api/v1/notify/test?channel=pigeon").0, 400);
    assert_eq!(post("/api/v1/notify/test?way=webhook").0, 400);
    assert_eq!(heard.lock().expect("whole").len(), 2);

    let health =
        demo.wait_until("the channels are shown", |health| health["notify"]["channels"]["webhook"].is_object());
    assert_eq!(health["notify"]["channels"]["discord"]["error"], "", "a test alone stops nothing: {health}");
    let (_, settings) = tickerbox_tests::demo::get(demo.address(), "/api/v1/settings");
    assert!(
        settings.contains("notify.webhook.url") && !settings.contains("SECRET") && !settings.contains("many letters")
    );
    let (_, logs) = tickerbox_tests::demo::get(demo.address(), "/api/v1/logs");
    assert!(!logs.contains("SECRET"), "{logs}");
    demo.kill();
}
