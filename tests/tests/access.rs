//! Who comes in and who does not: the real program, asked as browsers, programs and attackers would.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tickerbox_tests::demo::Demo;
use tickerbox_tests::owner::{PASSWORD, bearer, claim, code};
use tickerbox_tests::tickerbox;
use tickerbox_tests::visitor::{Answer, Visitor, still_open};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use wire::{ClientMessage, ServerMessage};

fn start(dir: &Path) -> Demo {
    Demo::start(dir, &["--login", "--log", "error"])
}

fn login(visitor: &Visitor, password: &str) -> Answer {
    visitor.post("/api/v1/login", &json!({ "password": password }))
}

fn guest(owner: &Visitor) -> Visitor {
    let path = owner.ask("POST", "/api/v1/guest", b"").json()["path"].as_str().expect("told once").to_owned();
    let nobody = Visitor::new(owner.to);
    let entered = nobody.get(&path);
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")), "{entered:?}");
    nobody.with("cookie", &entered.cookie())
}

#[test]
fn a_fresh_box_shows_nothing_until_it_is_claimed_with_its_code() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let nobody = Visitor::new(demo.address());
    let told = nobody.get("/api/v1/access").json();
    assert_eq!(told["claimed"], false, "{told}");
    assert_eq!((&told["mode"], &told["who"], &told["scopes"]), (&json!("owner"), &json!("nobody"), &json!([])));
    assert_eq!((nobody.get("/").status, nobody.get("/healthz").status), (200, 200));
    let shut = nobody.get("/api/v1/instruments");
    assert_eq!((shut.status, shut.header("www-authenticate")), (401, Some("Bearer")), "{shut:?}");
    assert_eq!(login(&nobody, PASSWORD).status, 409, "there is no password yet");

    let try_claim =
        |code: &str, password: &str| nobody.post("/api/v1/claim", &json!({ "code": code, "password": password }));
    let code = code(dir.path());
    assert_eq!(try_claim("AAAA-AAAA", PASSWORD).status, 401);
    assert_eq!(try_claim(&code, "short").status, 400);
    assert_eq!(try_claim(&code, &"x".repeat(257)).status, 400);
    assert_eq!(nobody.ask("POST", "/api/v1/claim", b"{\"code\":").status, 400);
    let claimed = try_claim(&code.replace('-', "").to_lowercase(), PASSWORD);
    assert_eq!((claimed.status, &claimed.json()["who"]), (200, &json!("owner")), "{claimed:?}");
    let cookie = claimed.header("set-cookie").expect("a session");
    for word in ["tickerbox=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "over HTTP it would never come back: {cookie}");
    assert!(!dir.path().join("claim-code.txt").exists(), "the code is void");
    assert_eq!(try_claim(&code, PASSWORD).status, 409);

    let owner = nobody.with("cookie", &claimed.cookie());
    assert_eq!(owner.get("/api/v1/instruments").status, 200);
    assert_eq!(nobody.get("/api/v1/instruments").status, 401);
    assert_eq!(owner.ask("POST", "/api/v1/logout", b"").status, 204);
    assert_eq!(owner.get("/api/v1/instruments").status, 401);
    let again = login(&nobody, PASSWORD);
    assert_eq!(again.status, 200, "{again:?}");
    let owner = nobody.with("cookie", &again.cookie());
    let changed = |old: &str, new: &str| owner.post("/api/v1/password", &json!({ "old": old, "new": new })).status;
    assert_eq!((changed("wrong", "another password"), changed(PASSWORD, "short")), (403, 400));
    assert_eq!(changed(PASSWORD, "another password"), 204);
    assert_eq!((login(&nobody, PASSWORD).status, login(&nobody, "another password").status), (401, 200));
}

#[test]
fn wrong_passwords_make_an_address_wait_and_nobody_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let owner = claim(demo.address(), dir.path());
    let thief = Visitor::new(demo.address()).at([127, 0, 0, 9]);
    let statuses: Vec<u16> = (0..5).map(|n| login(&thief, &format!("guess number {n}")).status).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    let held_up = login(&thief, PASSWORD);
    let wait: u64 = held_up.header("retry-after").and_then(|text| text.parse().ok()).expect("how long");
    assert!(held_up.status == 429 && (1..=3).contains(&wait), "{held_up:?}");
    assert_eq!(login(&Visitor::new(demo.address()), PASSWORD).status, 200, "the owner's address");
    assert_eq!(login(&thief, PASSWORD).status, 429, "his success opens nothing for others");
    // From many addresses: what strangers have together is used up, the owner comes in.
    let tried = (10..60).filter(|n| login(&thief.at([127, 0, 1, *n]), "another guess").status == 401).count();
    assert!(tried < 30, "{tried} tries of strangers");
    assert_eq!(login(&Visitor::new(demo.address()), PASSWORD).status, 200);
    let events = owner.get("/api/v1/audit?limit=1000").json();
    let failed: Vec<&Value> =
        events["events"].as_array().expect("events").iter().filter(|e| e["outcome"] == 401).collect();
    assert!(failed.len() >= 3 && failed.iter().any(|event| event["address"] == "127.0.0.9"), "{events}");
}

#[test]
fn each_scope_opens_its_routes_and_no_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let owner = claim(demo.address(), dir.path());
    let visitors = [
        ("nobody", Visitor::new(demo.address())),
        ("stranger", Visitor::new(demo.address()).with("authorization", "Bearer tbx_0000")),
        ("guest", guest(&owner)),
        ("read", bearer(&owner, "reader", &["read"])),
        ("control", bearer(&owner, "trader", &["control"])),
        ("models", bearer(&owner, "trainer", &["models"])),
        ("owner", owner.clone()),
    ];
    let read: &[&str] = &["guest", "read", "control", "models", "owner"];
    // Each asks what changes nothing even where it is allowed: for something that is not there, or that is wrong.
    let routes: [(&str, &str, &[&str]); 27] = [
        ("GET", "/api/v1/instruments", read),
        ("GET", "/api/v1/accounts", read),
        ("GET", "/api/v1/arbitrage", read),
        ("GET", "/api/v1/models", read),
        ("GET", "/api/v1/retrain", read),
        ("GET", "/api/v1/why", read),
        ("GET", "/api/v1/replays", read),
        ("GET", "/api/v1/backups", read),
        ("GET", "/ws", read),
        ("HEAD", "/api/v1/instruments", read),
        ("POST", "/api/v1/timeseries", read),
        ("GET", "/api/v1/no/such/thing", read),
        ("POST", "/api/v1/trading?do=nothing", &["control", "owner"]),
        ("POST", "/api/v1/replays?from=soon", &["control", "owner"]),
        ("GET", "/api/v1/backups/none", &["control", "owner"]),
        ("POST", "/api/v1/models", &["models", "owner"]),
        ("POST", "/api/v1/retrain", &["models", "owner"]),
        ("POST", "/api/v1/models/rollback", &["control", "models", "owner"]),
        ("POST", "/api/v1/models/none/promote", &["control", "models", "owner"]),
        ("GET", "/api/v1/sessions", &["owner"]),
        ("DELETE", "/api/v1/sessions/none", &["owner"]),
        ("GET", "/api/v1/tokens", &["owner"]),
        ("POST", "/api/v1/tokens", &["owner"]),
        ("DELETE", "/api/v1/tokens/none", &["owner"]),
        ("GET", "/api/v1/guest", &["owner"]),
        ("POST", "/api/v1/password", &["owner"]),
        ("GET", "/api/v1/audit", &["owner"]),
    ];
    for (method, path, allowed) in routes {
        for (name, visitor) in &visitors {
            let status = visitor.ask(method, path, b"").status;
            let expected = match *name {
                "nobody" | "stranger" => status == 401,
                name if allowed.contains(&name) => ![401, 403].contains(&status) && status < 500,
                _ => status == 403,
            };
            assert!(expected, "{method} {path} by {name}: {status}");
        }
    }
    let lacking = visitors[3].1.ask("POST", "/api/v1/trading?do=pause", b"");
    let error = lacking.json()["error"].as_str().map(str::to_owned).expect("why");
    assert!(error.contains("control") && error.contains("read"), "{error}");
    let who = |n: usize| visitors[n].1.get("/api/v1/access").json();
    assert_eq!((&who(5)["name"], &who(5)["scopes"]), (&json!("trainer"), &json!(["read", "models"])));
    assert_eq!(who(2)["who"], "guest");

    let tokens = owner.get("/api/v1/tokens").json();
    assert_eq!(tokens["tokens"].as_array().map(Vec::len), Some(3), "{tokens}");
    assert!(!tokens.to_string().contains("tbx_"), "told once");
    let refused = |body: Value, status: u16| {
        let answer = owner.post("/api/v1/tokens", &body);
        assert_eq!(answer.status, status, "{answer:?}");
    };
    refused(json!({ "name": "reader", "scopes": ["read"] }), 409);
    refused(json!({ "name": "all", "scopes": ["owner"] }), 400);
    refused(json!({ "name": "none", "scopes": [] }), 400);
    refused(json!({ "name": "a/b", "scopes": ["read"] }), 400);
    assert_eq!(owner.ask("DELETE", "/api/v1/tokens/reader", b"").status, 204);
    assert_eq!(visitors[3].1.get("/api/v1/instruments").status, 401, "revoked");
    assert_eq!(owner.ask("DELETE", "/api/v1/guest", b"").status, 204);
    assert_eq!(visitors[2].1.get("/api/v1/instruments").status, 401, "revoked");
    assert_eq!(visitors[0].1.get("/guest/0123456789abcdef0123456789abcdef").status, 404);
}

#[test]
fn pages_of_other_sites_reach_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let owner = claim(demo.address(), dir.path());
    let pause = "/api/v1/trading?do=pause";
    for (name, value, status) in [
        ("host", "evil.example", 421),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
    ] {
        assert_eq!(owner.with(name, value).ask("POST", pause, b"").status, status, "{name}: {value}");
    }
    let form = owner.with("origin", "http://evil.example").with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.ask("POST", "/api/v1/login", b"password=correct+horse").status, 403);
    assert_eq!(form.ask("DELETE", "/api/v1/sessions", b"").status, 403);
    assert_eq!(owner.with("host", "evil.example").get("/").status, 421, "a name that was rebound");
    let socket = owner.with("upgrade", "websocket").with("connection", "upgrade").with("origin", "http://evil.example");
    assert_eq!(socket.get("/ws").status, 403);
    let own = owner.with("origin", &format!("http://{}", demo.address())).with("sec-fetch-site", "same-origin");
    assert_eq!(own.ask("POST", pause, b"").status, 202, "the box's own page");

    for path in [
        "/../../etc/passwd",
        "/assets/../../../etc/passwd",
        "/..%2f..%2faccess.json",
        "/%2e%2e/%2e%2e/access.json",
        "/assets/..%5c..%5caccess.json",
        "//access.json",
        "/api/v1/backups/..%2Faccess.json",
        "/api/v1/backups/..%2F..%2Fetc%2Fpasswd",
    ] {
        let answer = owner.get(path);
        // A path without a dot is a page of the dashboard, which routes by itself.
        let is_page = answer.status == 200 && answer.body.starts_with("<!doctype html>");
        assert!(is_page || [400, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.body.contains("root:") && !answer.body.contains("memory_kib"), "{path}");
    }
    for (path, is_api) in [("/", false), ("/api/v1/nothing", true), ("/api/v1/access", true), ("/healthz", false)] {
        let answer = Visitor::new(demo.address()).get(path);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"), "{policy}");
        for name in
            ["referrer-policy", "cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy"]
        {
            assert!(answer.header(name).is_some(), "{path}: {name}");
        }
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control") == Some("no-store"), is_api, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

/// When the box ends a connection on which nothing more is said, and what it said until then; much later when it never does.
fn ended_after(mut stream: TcpStream) -> (Duration, Vec<u8>) {
    let (began, mut answer) = (Instant::now(), Vec::new());
    let mut chunk = [0; 4096];
    while began.elapsed() < Duration::from_secs(40) {
        match stream.read(&mut chunk) {
            Ok(read @ 1..) => answer.extend_from_slice(&chunk[..read]),
            _ => break,
        }
    }
    (began.elapsed(), answer)
}

#[test]
fn heads_and_bodies_are_bounded_in_size_and_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let owner = claim(demo.address(), dir.path());
    let nobody = Visitor::new(demo.address());
    assert_eq!(nobody.ask("POST", "/api/v1/login", &[b'x'; 5 << 10]).status, 413);
    assert_eq!(owner.ask("POST", "/api/v1/retrain", &vec![b'x'; 3 << 20]).status, 413);
    assert_eq!(nobody.with("x-long", &"x".repeat(200 << 10)).get("/healthz").status, 431);

    let said = |text: &str| {
        let mut stream = nobody.connect().expect("the box listens");
        stream.write_all(text.as_bytes()).expect("written");
        std::thread::spawn(move || ended_after(stream))
    };
    let silent = said("");
    let slow_head = said("GET /healthz HTTP/1.1\r\nhost: loc");
    let idle = said("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let slow_body = said("POST /api/v1/login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{");
    // One byte now and then is no way around.
    let mut dripping = nobody.connect().expect("the box listens");
    dripping.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n").expect("written");
    let drip = std::thread::spawn(move || {
        let began = Instant::now();
        dripping.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
        while began.elapsed() < Duration::from_secs(40) {
            let is_sent = dripping.write_all(b"x").is_ok();
            match dripping.read(&mut [0; 512]) {
                Err(error) if is_sent && [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
                _ => break,
            }
        }
        began.elapsed()
    });
    for (name, ended) in [("silent", silent), ("slow head", slow_head), ("idle", idle), ("slow body", slow_body)] {
        let (after, answer) = ended.join().expect("no panic");
        assert!(after < Duration::from_secs(25), "{name}: {after:?}");
        match name {
            "idle" => assert_eq!(Answer::parse(&answer).status, 200),
            "slow body" => assert!(Answer::parse(&answer).status >= 400),
            _ => {}
        }
    }
    let dripped = drip.join().expect("no panic");
    assert!(dripped < Duration::from_secs(25), "{dripped:?}");
    assert_eq!(nobody.get("/healthz").status, 200);
}

#[test]
fn a_flood_of_connections_keeps_nobody_else_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let flood = |from: [u8; 4], count: usize| {
        let visitor = Visitor::new(demo.address()).at(from);
        let mut held: Vec<TcpStream> = Vec::new();
        for _ in 0..count / 100 {
            held.extend((0..100).filter_map(|_| visitor.connect().ok()));
            // The box closes what it has no place for at once; here that has to arrive.
            std::thread::sleep(Duration::from_millis(20));
            held = still_open(held);
        }
        held
    };
    let guest = Visitor::new(demo.address()).at([127, 0, 0, 2]);
    let mut early = guest.connect().expect("the box listens");
    let mut healthy = || {
        early.write_all(guest.head("GET", "/healthz", "").as_bytes()).expect("written");
        let mut answer = [0; 15];
        early.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        early.set_nonblocking(true).expect("a socket");
        std::thread::sleep(Duration::from_millis(50));
        while early.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
        early.set_nonblocking(false).expect("a socket");
    };
    healthy();
    let began = Instant::now();
    let held = flood([127, 0, 0, 1], 2_000);
    assert!(began.elapsed() < Duration::from_secs(9), "too slow to tell: {:?}", began.elapsed());
    assert!((1..=64).contains(&held.len()), "{} of one address", held.len());
    let asked = Instant::now();
    assert_eq!(guest.get("/healthz").status, 200, "another address");
    assert!(asked.elapsed() < Duration::from_secs(2));
    let more: Vec<Vec<TcpStream>> = (3..8).map(|n| flood([127, 0, 0, n], 200)).collect();
    let all = held.len() + more.iter().map(Vec::len).sum::<usize>();
    assert!(all <= 256, "{all} of all addresses");
    healthy();
    drop((held, more));
    // A connection that is refused is closed a moment after it was made.
    let next = Visitor::new(demo.address());
    let answers = || {
        let mut stream = next.connect().ok()?;
        stream.write_all(next.head("GET", "/healthz", "").as_bytes()).ok()?;
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).ok()?;
        (&answer == b"HTTP/1.1 200 OK").then_some(())
    };
    let free = Instant::now();
    while answers().is_none() {
        assert!(free.elapsed() < Duration::from_secs(5), "no place is free again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(visitor: &Visitor) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{}/ws", visitor.to).into_client_request()?;
    for (name, value) in &visitor.headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    Ok(tokio_tungstenite::connect_async(request).await?.0)
}

/// The first message that `wanted` makes something of; `None` when the box closes the socket.
async fn first<T>(socket: &mut Socket, wanted: impl Fn(ServerMessage) -> Option<T>) -> Option<T> {
    let search = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Binary(bytes) = message
                && let Some(found) = wire::decode(&bytes).ok().and_then(&wanted)
            {
                return Some(found);
            }
        }
        None
    };
    tokio::time::timeout(Duration::from_secs(20), search).await.expect("in time")
}

fn refusal(message: ServerMessage) -> Option<String> {
    if let ServerMessage::Refused(why) = message { Some(why) } else { None }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_cannot_trade_on_the_socket_and_who_is_logged_out_is_gone() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let (owner, watcher, nobody) = tokio::task::block_in_place(|| {
        let owner = claim(demo.address(), dir.path());
        (owner.clone(), guest(&owner), Visitor::new(demo.address()))
    });
    match socket(&nobody).await {
        Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 401),
        other => panic!("{:?}", other.map(|_| "a socket")),
    }
    let trade = |on| Message::binary(wire::encode(&ClientMessage::Trading { on }));
    let mut watching = socket(&watcher).await.expect("a guest may look");
    watching.send(trade(false)).await.expect("sent");
    let why = first(&mut watching, refusal).await.expect("an answer");
    assert!(why.contains("control"), "{why}");

    let mut owning = socket(&owner).await.expect("the owner may look");
    owning.send(trade(false)).await.expect("sent");
    let is_off = first(&mut owning, |message| match message {
        ServerMessage::Overview(overview) => (!overview.account.trading).then_some(true),
        ServerMessage::Refused(_) => Some(false),
        _ => None,
    });
    assert_eq!(is_off.await, Some(true));
    tokio::task::block_in_place(|| {
        let events = owner.get("/api/v1/audit").json();
        let trades: Vec<_> =
            events["events"].as_array().expect("events").iter().filter(|e| e["what"] == "trading off").collect();
        assert_eq!((&trades[0]["who"], &trades[0]["outcome"]), (&json!("owner"), &json!(202)), "{events}");
        assert_eq!((&trades[1]["who"], &trades[1]["outcome"]), (&json!("guest"), &json!(403)), "{events}");
        assert_eq!(owner.ask("POST", "/api/v1/logout", b"").status, 204);
    });
    let gone = Instant::now();
    assert_eq!(first(&mut owning, |_| None::<()>).await, None);
    assert!(gone.elapsed() < Duration::from_secs(5), "{:?}", gone.elapsed());
    // The guest is not touched by it.
    watching.send(trade(true)).await.expect("sent");
    assert!(first(&mut watching, refusal).await.is_some());
}

#[test]
fn malformed_frames_end_their_socket_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let owner = claim(demo.address(), dir.path());
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let frames: [(&str, &[u8]); 7] = [
        ("garbage", &[0xff; 64]),
        ("unmasked", b"\x82\x01\x00"),
        ("reserved bits", b"\xf2\x81\x00\x00\x00\x00\x00"),
        ("a length beyond reason", b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"),
        ("a control frame in pieces", b"\x09\x81\x00\x00\x00\x00\x00"),
        ("another protocol", b"\x82\x83\x00\x00\x00\x00\xee\xee\xee"),
        ("more than a message may have", &[0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (name, frame) in frames {
        let mut stream = owner.connect().expect("the box listens");
        stream.write_all(owner.head("GET", "/ws", upgrade).as_bytes()).expect("written");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 101");
        stream.write_all(frame).expect("written");
        let (after, _) = ended_after(stream);
        assert!(after < Duration::from_secs(20), "{name}: {after:?}");
    }
    assert_eq!(owner.get("/healthz").status, 200);
    assert_eq!(owner.get("/api/v1/instruments").status, 200);
}

#[test]
fn a_restart_forgets_nobody_and_a_reset_everybody() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = dir.path().to_str().expect("a plain name");
    let demo = start(dir.path());
    let before = code(dir.path());
    demo.kill();
    let demo = start(dir.path());
    assert_eq!(code(dir.path()), before, "the code outlives a restart");
    let owner = claim(demo.address(), dir.path());
    let (program, tablet) = (bearer(&owner, "pc", &["models"]), guest(&owner));
    tickerbox(&["access", "reset", "--data-dir", text]).assert_refused(&["in use"]);
    // The record is written a moment after the answer.
    std::thread::sleep(Duration::from_millis(500));
    demo.kill();

    let demo = start(dir.path());
    let moved = |visitor: &Visitor| Visitor { to: demo.address(), ..visitor.clone() };
    let (owner, program, tablet) = (moved(&owner), moved(&program), moved(&tablet));
    for visitor in [&owner, &program, &tablet] {
        assert_eq!(visitor.get("/api/v1/instruments").status, 200);
    }
    let sessions = owner.get("/api/v1/sessions").json();
    assert_eq!(
        (sessions["sessions"].as_array().map(Vec::len), &sessions["sessions"][0]["is_this"]),
        (Some(1), &json!(true))
    );
    let events = owner.get("/api/v1/audit").json();
    let whats: Vec<&str> =
        events["events"].as_array().expect("events").iter().filter_map(|e| e["what"].as_str()).collect();
    assert_eq!(whats, ["GET /guest", "POST /api/v1/guest", "POST /api/v1/tokens", "POST /api/v1/claim"], "{events}");
    assert_eq!(events["events"][2]["detail"], "pc with read, models");
    let secrets = [
        PASSWORD,
        &before,
        owner.headers[0].1.trim_start_matches("tickerbox="),
        &program.headers[0].1["Bearer ".len()..],
    ];
    for name in ["access.json", "audit.jsonl"] {
        let kept = std::fs::read_to_string(dir.path().join(name)).expect("kept");
        assert!(secrets.iter().all(|secret| !kept.contains(secret)), "{name} has a secret");
    }
    demo.kill();

    let reset = tickerbox(&["access", "reset", "--data-dir", text]);
    let new = code(dir.path());
    assert!(reset.code == Some(0) && reset.out.contains(&new) && new != before, "{reset:?}");
    let demo = start(dir.path());
    for visitor in [&owner, &program, &tablet] {
        let moved = Visitor { to: demo.address(), ..visitor.clone() };
        assert_eq!(moved.get("/api/v1/instruments").status, 401);
    }
    let owner = claim(demo.address(), dir.path());
    assert_eq!(owner.ask("DELETE", "/api/v1/sessions", b"").status, 204);
    assert_eq!(owner.get("/api/v1/instruments").status, 401, "logged out everywhere");
    demo.kill();

    std::fs::write(dir.path().join("access.json"), b"{\"format\":1,").expect("written");
    let arguments = ["demo", "--login", "--listen", "127.0.0.1:0", "--data-dir", text];
    tickerbox(&arguments).assert_refused(&["access.json", "damaged", "access reset"]);
    assert!(!dir.path().join("claim-code.txt").exists(), "damage opens nothing");
}

/// Asks over TLS, believing the certificate in `dir` alone. Gives the answer and the fingerprint of what was shown.
fn ask_tls(dir: &Path, visitor: &Visitor, method: &str, path: &str, body: &[u8]) -> (Answer, String) {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("certificate.pem")).expect("a certificate")).expect("taken");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let mut tls = rustls::ClientConnection::new(Arc::new(config), name).expect("a connection");
    let mut tcp = visitor.connect().expect("the box listens");
    let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
    let more = format!("content-length: {}\r\nconnection: close\r\n", body.len());
    stream.write_all(visitor.head(method, path, &more).as_bytes()).expect("a handshake");
    stream.write_all(body).expect("written");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let shown = &tls.peer_certificates().expect("shown")[0];
    let fingerprint: Vec<String> = Sha256::digest(shown).iter().map(|byte| format!("{byte:02X}")).collect();
    (Answer::parse(&answer), fingerprint.join(":"))
}

#[test]
fn https_shows_the_certificate_that_was_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("box.toml");
    std::fs::write(&config, "[server]\ntls = true\n").expect("written");
    let arguments = ["--login", "--config", config.to_str().expect("a plain name"), "--log", "error"];
    let demo = Demo::start(dir.path(), &arguments);
    let nobody = Visitor::new(demo.address());
    let (told, shown) = ask_tls(dir.path(), &nobody, "GET", "/api/v1/access", b"");
    assert_eq!(told.json()["fingerprint"], shown.as_str(), "{told:?}");
    assert_eq!(told.json()["tls"], true);
    let body = json!({ "code": code(dir.path()), "password": PASSWORD }).to_string();
    let (claimed, _) = ask_tls(dir.path(), &nobody, "POST", "/api/v1/claim", body.as_bytes());
    assert!(claimed.header("set-cookie").is_some_and(|cookie| cookie.ends_with("; Secure")), "{claimed:?}");

    let plain = nobody.get("/market?x=1");
    let place = format!("https://{}/market?x=1", demo.address());
    assert_eq!((plain.status, plain.header("location")), (307, Some(place.as_str())), "{plain:?}");
    assert_eq!(login(&nobody, PASSWORD).status, 426, "no password over HTTP");
    assert_eq!(nobody.get("/healthz").status, 200);
    assert_eq!(nobody.with("host", "evil.example").get("/").status, 421);

    let owner = nobody.with("cookie", &claimed.cookie());
    let wish = json!({ "name": "backup", "scopes": ["control"] }).to_string();
    let (made, _) = ask_tls(dir.path(), &owner, "POST", "/api/v1/tokens", wish.as_bytes());
    let token = made.json()["token"].as_str().expect("told once").to_owned();
    demo.wait_until("something to back up", |health| health["store"]["commits"].as_u64() > Some(1));
    let out = dir.path().join("box.tar.zst");
    let backup = |token: &str| {
        let url = format!("https://localhost:{}", demo.address().port());
        std::process::Command::new(tickerbox_tests::binary())
            .args(["backup", &url, "--out"])
            .arg(&out)
            .env("SSL_CERT_FILE", dir.path().join("certificate.pem"))
            .env("TICKERBOX_TOKEN", token)
            .output()
            .expect("the program can be started")
    };
    let refused = backup("tbx_0");
    assert!(!refused.status.success() && !String::from_utf8_lossy(&refused.stderr).contains("tbx_0"), "{refused:?}");
    let done = backup(&token);
    assert!(done.status.success() && out.exists(), "{done:?}");
    demo.kill();
    let demo = Demo::start(dir.path(), &arguments);
    assert_eq!(ask_tls(dir.path(), &Visitor::new(demo.address()), "GET", "/api/v1/access", b"").1, shown, "kept");
}
