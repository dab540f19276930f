//! `cargo xtask hostile`: a box in a hostile network, beside the same box in a quiet one.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use tickerbox_tests::demo::Demo;
use tickerbox_tests::owner::{bearer, claim};
use tickerbox_tests::visitor::{Visitor, still_open};

/// Places for connections of a box, and those of one address.
const PLACES: usize = 256;
const PLACES_OF_ONE: usize = PLACES / 4;
/// Slow connections of each kind.
const SLOW: u8 = 48;
/// Longest life of a connection that never finishes what it says.
const SLOW_MAX: Duration = Duration::from_secs(30);
/// The log tells once a minute, and what took long is forgotten after five.
const AFTER_S: u64 = 370;

/// Attacks a box of its own, and tells how long the parts of an event's way took: in another box of the same market that nobody attacks, during the
/// attack, and once nothing of the attack is left in the figures. Raise the limit of open files first: `ulimit -n 20000`.
#[derive(Parser)]
struct Args {
    /// Connections of the flood.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// How long each part lasts, seconds: the quiet box, the flood, the rest of the attack.
    #[arg(long, value_name = "S", default_value_t = 60)]
    seconds: u64,
}

fn main() {
    let args = Args::parse();
    let part = Duration::from_secs(args.seconds);
    println!("| | {} |", STAGES.map(|stage| format!("`{stage}`, p50 and p99, µs")).join(" | "));
    println!("|---{}|", "|---".repeat(STAGES.len()));

    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let owner = claim(demo.address(), dir.path());
    std::thread::sleep(part * 2);
    report("nobody attacks", &owner);
    demo.kill();

    let dir = tempfile::tempdir().expect("a folder");
    let demo = start(dir.path());
    let owner = claim(demo.address(), dir.path());
    let reader = bearer(&owner, "reader", &["read"]);
    let trainer = bearer(&owner, "trainer", &["models"]);
    let watch = Watch::new(&owner);
    let flood = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch.ask_until(Instant::now() + part));
        let flood = flood(demo.address(), args.connections, part);
        (flood, watching.join().expect("no panic"))
    });
    let ((opened, held), flooded) = flood;
    let counts = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch.ask_until(Instant::now() + part));
        let slow = scope.spawn(|| slow(demo.address()));
        let counts = requests(&reader, &trainer, Instant::now() + part);
        let slowest = slow.join().expect("no panic");
        assert!(slowest < SLOW_MAX, "a slow connection lived for {slowest:?}");
        (counts, slowest, watching.join().expect("no panic"))
    });
    let (counts, slowest, asked) = counts;
    report("attack", &owner);
    let system = owner.get("/api/v1/system").json();
    std::thread::sleep(Duration::from_secs(AFTER_S));
    report("afterwards", &owner);

    println!(
        "\n{opened} connections opened, of which {held} were held in the end; slow ones lived for {:.1} s at most",
        slowest.as_secs_f64()
    );
    for (what, count) in &counts {
        println!("{count} times {what}");
    }
    for (when, asked) in [("flood", &flooded), ("rest", &asked)] {
        println!(
            "during the {when} `/healthz` answered {} times on a connection that was there before, at most after {:.1} ms",
            asked.0,
            asked.1.as_secs_f64() * 1e3
        );
    }
    let after = owner.get("/api/v1/system").json();
    let mb = |system: &Value, key: &str| system["process"][key].as_f64().unwrap_or_default() / 1e6;
    println!(
        "memory {:.1} MB after the attack, {:.1} MB afterwards, at most {:.1} MB",
        mb(&system, "resident_bytes"),
        mb(&after, "resident_bytes"),
        mb(&after, "resident_bytes_max")
    );
    told(&owner, &counts);
}

/// The parts of an event's way that are shown.
const STAGES: [&str; 4] = ["receive", "engine", "effects", "published"];

fn start(dir: &Path) -> Demo {
    Demo::start(dir, &["--login", "--seed", "3", "--log", "warn"])
}

/// A line of the table.
fn report(name: &str, owner: &Visitor) {
    let system = owner.get("/api/v1/system").json();
    let stages = system["stages"].as_array().expect("stages");
    let one = |name: &&str| {
        let stage = stages.iter().find(|stage| stage["name"] == *name).expect("a stage of that name");
        let us = |key: &str| stage[key].as_f64().map_or("none".to_owned(), |us| format!("{us:.0}"));
        format!("{}, {} ({})", us("p50_us"), us("p99_us"), stage["count"])
    };
    println!("| {name} | {} |", STAGES.iter().map(one).collect::<Vec<_>>().join(" | "));
}

/// Somebody who was there before the attack.
struct Watch {
    stream: Mutex<TcpStream>,
    head: String,
}

impl Watch {
    fn new(owner: &Visitor) -> Self {
        let owner = owner.at([127, 0, 0, 250]);
        let stream = owner.connect().expect("the box listens");
        Self { stream: Mutex::new(stream), head: owner.head("GET", "/healthz", "") }
    }

    /// How often it was answered until then, and the longest it took.
    fn ask_until(&self, end: Instant) -> (u32, Duration) {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut answers, mut longest) = (0, Duration::ZERO);
        while Instant::now() < end {
            let asked = Instant::now();
            stream.write_all(self.head.as_bytes()).expect("the connection stands");
            let mut answer = Vec::new();
            while !answer.ends_with(b"}") {
                let mut chunk = [0; 4096];
                let read = stream.read(&mut chunk).expect("an answer");
                assert!(read > 0, "the connection was closed");
                answer.extend_from_slice(&chunk[..read]);
            }
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
            longest = longest.max(asked.elapsed());
            answers += 1;
            std::thread::sleep(Duration::from_millis(200));
        }
        (answers, longest)
    }
}

/// Opens so many connections from many addresses and goes on until then, and holds what the box lets it hold. Gives how many were opened, and how many
/// were held in the end.
fn flood(to: SocketAddr, connections: usize, until: Duration) -> (usize, usize) {
    let end = Instant::now() + until;
    let (mut held, mut opened) = (Vec::new(), 0);
    // Who is cut off comes again.
    while opened < connections || Instant::now() < end {
        let visitor = Visitor { from: Ipv4Addr::new(127, 0, 1, (opened / 100 % 200) as u8 + 1), ..Visitor::new(to) };
        let wave = if opened < connections { 100 } else { 10 };
        held.extend((0..wave).filter_map(|_| visitor.connect().ok()));
        opened += wave;
        std::thread::sleep(Duration::from_millis(20));
        held = still_open(held);
    }
    // What the box closed has to arrive.
    std::thread::sleep(Duration::from_secs(1));
    let held = still_open(held).len();
    assert!((1..=PLACES).contains(&held), "{held} connections of {PLACES}");
    (opened, held)
}

/// Heads and bodies that never end, a byte at a time; gives the longest life of one.
fn slow(to: SocketAddr) -> Duration {
    let visitor = Visitor { from: Ipv4Addr::new(127, 0, 2, 1), ..Visitor::new(to) };
    assert!(usize::from(SLOW) <= PLACES_OF_ONE);
    let heads = [
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx",
        "POST /api/v1/login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4000\r\n\r\n",
    ];
    let mut open: Vec<TcpStream> = Vec::new();
    for n in 0..SLOW {
        let mut stream = visitor.connect().expect("the box listens");
        stream.write_all(heads[usize::from(n % 2)].as_bytes()).expect("written");
        open.push(stream);
    }
    let began = Instant::now();
    while !open.is_empty() && began.elapsed() < SLOW_MAX {
        std::thread::sleep(Duration::from_millis(500));
        open = still_open(open);
        open.retain_mut(|stream| stream.write_all(b"x").is_ok());
    }
    began.elapsed()
}

/// Asks for what must be refused, again and again; gives how often each was.
fn requests(reader: &Visitor, trainer: &Visitor, until: Instant) -> BTreeMap<String, u32> {
    let nobody = Visitor::new(reader.to).at([127, 0, 3, 1]);
    let reader = reader.at([127, 0, 3, 2]);
    let trainer = &trainer.at([127, 0, 3, 3]);
    let form = nobody.with("origin", "http://evil.example").with("content-type", "application/x-www-form-urlencoded");
    let stranger = nobody.with("authorization", "Bearer tbx_0000");
    let large = vec![b'x'; 3 << 20];
    type Asked<'a> = (&'a str, &'a Visitor, &'a str, &'a str, &'a [u8], u16);
    let asked: [Asked<'_>; 13] = [
        ("another host name", &nobody.with("host", "evil.example"), "GET", "/", b"", 421),
        ("a page of another site", &reader.with("origin", "http://evil.example"), "POST", "/api/v1/verify", b"", 403),
        ("a form of another site", &form, "POST", "/api/v1/login", b"password=x", 403),
        ("a token that is none", &stranger, "GET", "/api/v1/candles", b"", 401),
        ("a token without the scope, to trade", &reader, "POST", "/api/v1/trading?do=pause", b"", 403),
        ("a token without the scope, to restart", &reader, "POST", "/api/v1/restart", b"", 403),
        ("a token without the scope, to read the log", &reader, "GET", "/api/v1/logs", b"", 403),
        ("a path out of the folder of backups", &reader, "GET", "/api/v1/backups/..%2Faccess.json", b"", 403),
        ("a path out of the dashboard", &nobody, "GET", "/assets/..%2f..%2faccess.json", b"", 404),
        ("too large a body", trainer, "POST", "/api/v1/retrain", &large, 413),
        ("too large a login", &nobody, "POST", "/api/v1/login", &large, 413),
        ("malformed JSON", &reader, "POST", "/api/v1/timeseries", b"{\"candles\":[{\"open_time_ms\":", 400),
        ("too long a head", &nobody.with("x-long", &"x".repeat(200 << 10)), "GET", "/healthz", b"", 431),
    ];
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    while Instant::now() < until {
        for (what, visitor, method, path, body, status) in &asked {
            let answer = visitor.ask(method, path, body);
            assert_eq!(answer.status, *status, "{what}: {answer:?}");
            assert!(!answer.body.contains("memory_kib"), "{what} told a secret");
            *counts.entry(format!("{status} for {what}")).or_default() += 1;
        }
        for (what, frame) in FRAMES {
            assert!(is_ended_by(&reader, frame), "{what} did not end its socket");
            *counts.entry(format!("a socket ended for {what}")).or_default() += 1;
        }
    }
    counts
}

const FRAMES: [(&str, &[u8]); 4] = [
    ("a frame of garbage", &[0xff; 64]),
    ("a frame of 2^63 bytes", b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"),
    ("a message that is too large", &[0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("malformed postcard", b"\x82\x83\x00\x00\x00\x00\xee\xee\xee"),
];

/// Whether the box closes a WebSocket that says this.
fn is_ended_by(visitor: &Visitor, frame: &[u8]) -> bool {
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut stream = visitor.connect().expect("the box listens");
    stream.write_all(visitor.head("GET", "/ws", upgrade).as_bytes()).expect("written");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 101");
    stream.write_all(frame).expect("written");
    let (began, mut chunk) = (Instant::now(), [0; 16 << 10]);
    while began.elapsed() < Duration::from_secs(10) {
        match stream.read(&mut chunk) {
            Ok(1..) => {}
            _ => return true,
        }
    }
    false
}

/// What log, metrics and record tell of the attack.
fn told(owner: &Visitor, counts: &BTreeMap<String, u32>) {
    let log = owner.get("/api/v1/logs?level=warn&contains=turned%20away").json();
    let lines: Vec<&str> =
        log["lines"].as_array().expect("lines").iter().filter_map(|line| line["text"].as_str()).collect();
    assert!((1..=20).contains(&lines.len()), "{log}");
    lines.iter().for_each(|line| println!("log: {line}"));
    let metrics = owner.get("/metrics").body;
    metrics.lines().filter(|line| line.starts_with("tickerbox_web_refused_total")).for_each(|line| println!("{line}"));
    let record = owner.get("/api/v1/audit?limit=1000").json();
    let events = record["events"].as_array().expect("events");
    let refused = events.iter().filter(|event| event["outcome"] == json!(403)).count();
    assert!(refused > 0 && counts.len() > 10, "{record}");
    println!("{} events in the record, {refused} of them refusals for want of a scope", events.len());
    let health = owner.get("/healthz").json();
    assert_eq!(health["status"], "ok", "{health}");
}
