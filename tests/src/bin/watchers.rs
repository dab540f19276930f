//! `cargo xtask watchers`: what many browsers cost the box, and what the market page costs a browser.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tickerbox_tests::browser::Browser;
use tickerbox_tests::demo::{Demo, get};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wire::{ClientMessage, ServerMessage};

/// How long the slow browser reads nothing. Who takes nothing for half a minute is cut off.
const ASLEEP: Duration = Duration::from_secs(20);
/// What the system keeps for the slow browser, bytes: as little as it does, so that it falls behind.
const SMALL: u32 = 4_096;
/// Clock ticks of a second in `/proc` (`getconf CLK_TCK`).
const TICKS_PER_S: f64 = 100.0;

/// Lets no browser, one, and many watch the market of one instrument in real time, one of them slow, and tells what each costs the box. With `--page`
/// Chromium has the page open instead, and it is told what that costs Chromium.
#[derive(Parser)]
struct Args {
    /// How many browsers watch at most.
    #[arg(long, default_value_t = 50)]
    browsers: usize,
    /// How long each number of them watches, seconds.
    #[arg(long, value_name = "S", default_value_t = 120)]
    seconds: u64,
    /// Open the market page in Chromium for so many minutes instead.
    #[arg(long, value_name = "MIN")]
    page: Option<u64>,
    /// How many times as fast as real time the built-in market runs.
    #[arg(long, default_value_t = 1)]
    speed: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    if args.page.is_none() && args.seconds < 2 * ASLEEP.as_secs() {
        return Err(format!("the slow one needs {} s", 2 * ASLEEP.as_secs()).into());
    }
    let dir = tempfile::tempdir()?;
    let speed = args.speed.to_string();
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", &speed, "--log", "error"]);
    demo.wait_until("all books", |health| health["status"] == "ok" && health["store"]["commits"].as_u64() > Some(2));
    match args.page {
        Some(minutes) => page(&demo, minutes).await,
        None => browsers(&demo, &args).await,
    }
}

/// What a browser was sent.
#[derive(Default)]
struct Sent {
    bytes: AtomicU64,
    messages: AtomicU64,
    ticks: AtomicU64,
    markets: AtomicU64,
}

impl Sent {
    fn note(&self, bytes: &[u8]) {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed);
        match wire::decode::<ServerMessage>(bytes) {
            Ok(ServerMessage::Tick(_)) => drop(self.ticks.fetch_add(1, Ordering::Relaxed)),
            Ok(ServerMessage::Market(_)) => drop(self.markets.fetch_add(1, Ordering::Relaxed)),
            _ => {}
        }
    }
}

async fn browsers(demo: &Demo, args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "| browsers | processor time of the box, % of one core | of its engine thread | bytes/s and messages/s to each | `published`, p99 since the start, ms |"
    );
    println!("|---|---|---|---|---|");
    let last = Duration::from_secs(args.seconds);
    for count in [0, 1, args.browsers] {
        let is_slow = count > 1;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let sent: Vec<Arc<Sent>> = (0..count).map(|_| Arc::default()).collect();
        for (n, sent) in sent.iter().enumerate() {
            let (address, sent, is_over) = (demo.address(), sent.clone(), is_over.clone());
            tasks.spawn(watch(address, sent, is_over, is_slow && n == 0));
        }
        // The first snapshots are no part of what flows.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let flowing: Vec<(u64, u64)> = sent.iter().map(|it| now(it)).collect();
        let (cpu, began) = (Cpu::of(demo.address()), Instant::now());
        tokio::time::sleep(last).await;
        let (spent, seconds) = (Cpu::of(demo.address()), began.elapsed().as_secs_f64());
        let steady: Vec<(u64, u64)> = sent
            .iter()
            .zip(&flowing)
            .skip(usize::from(is_slow))
            .map(|(it, before)| (now(it).0 - before.0, now(it).1 - before.1))
            .collect();
        let mean = |part: fn(&(u64, u64)) -> u64| {
            steady.iter().map(part).sum::<u64>() as f64 / steady.len().max(1) as f64 / seconds
        };
        let of_core = |before: f64, after: f64| 100.0 * (after - before) / seconds;
        println!(
            "| {count} | {:.2} | {:.2} | {:.0} and {:.1} | {:.1} |",
            of_core(cpu.all_s, spent.all_s),
            of_core(cpu.engine_s, spent.engine_s),
            mean(|it| it.0),
            mean(|it| it.1),
            spent.published_ms
        );
        is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = tasks.join_next().await {
            ended?.map_err(|error| format!("a browser was cut off: {error}"))?;
        }
        if is_slow {
            let (slow, others) = (&sent[0], &sent[1..]);
            let markets = |sent: &Sent| sent.markets.load(Ordering::Relaxed);
            let ticks = |sent: &Sent| sent.ticks.load(Ordering::Relaxed);
            let least = others.iter().map(|it| ticks(it)).min().unwrap_or_default();
            let most = others.iter().map(|it| ticks(it)).max().unwrap_or_default();
            println!(
                "\nthe slow one, which read nothing for {} s, was sent {} ticks and {} whole markets; the others {least} to {most} ticks and one market each",
                ASLEEP.as_secs(),
                ticks(slow),
                markets(slow)
            );
            // What the system keeps for it may be all that it did not read.
            assert!(markets(slow) > 1 || ticks(slow) >= least, "it fell behind and was not given a whole market");
            assert!(others.iter().all(|it| markets(it) == 1), "another one fell behind");
        }
    }
    Ok(())
}

fn now(sent: &Sent) -> (u64, u64) {
    (sent.bytes.load(Ordering::Relaxed), sent.messages.load(Ordering::Relaxed))
}

/// Watches the first instrument until it is over.
async fn watch(
    address: SocketAddr,
    sent: Arc<Sent>,
    is_over: Arc<AtomicBool>,
    is_slow: bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let socket = TcpSocket::new_v4()?;
    if is_slow {
        socket.set_recv_buffer_size(SMALL)?;
    }
    let stream = socket.connect(address).await?;
    let (mut socket, _) = tokio_tungstenite::client_async(format!("ws://{address}/ws"), stream).await?;
    let watch = ClientMessage::Watch { instrument: 0, timeframe_min: 1 };
    socket.send(Message::binary(wire::encode(&watch))).await?;
    let mut may_sleep = is_slow;
    while !is_over.load(Ordering::Relaxed) {
        if may_sleep && sent.markets.load(Ordering::Relaxed) > 0 {
            may_sleep = false;
            tokio::time::sleep(ASLEEP).await;
        }
        read(&mut socket, &sent).await?;
    }
    Ok(())
}

/// Takes what comes within a moment.
async fn read(
    socket: &mut WebSocketStream<tokio::net::TcpStream>,
    sent: &Sent,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match tokio::time::timeout(Duration::from_millis(500), socket.next()).await {
        Ok(Some(Ok(Message::Binary(bytes)))) => sent.note(&bytes),
        Ok(Some(Ok(_))) | Err(_) => {}
        Ok(Some(Err(error))) => return Err(error.into()),
        Ok(None) => return Err("closed".into()),
    }
    Ok(())
}

/// Processor time that the box has used.
struct Cpu {
    all_s: f64,
    engine_s: f64,
    published_ms: f64,
}

impl Cpu {
    fn of(address: SocketAddr) -> Self {
        let system: Value = serde_json::from_str(&get(address, "/api/v1/system").1).expect("JSON");
        let threads = system["process"]["threads"].as_array().expect("threads");
        let engine = threads.iter().find(|thread| thread["name"] == "engine").expect("an engine");
        let stages = system["stages"].as_array().expect("stages");
        let published = stages.iter().find(|stage| stage["name"] == "published").expect("a stage");
        Self {
            all_s: system["process"]["cpu_s"].as_f64().expect("a time"),
            engine_s: engine["cpu_s"].as_f64().expect("a time"),
            published_ms: published["p99_us"].as_f64().unwrap_or_default() / 1e3,
        }
    }
}

/// What the market page costs Chromium.
async fn page(demo: &Demo, minutes: u64) -> Result<(), Box<dyn std::error::Error>> {
    let Some(browser) = Browser::start(1440, 1000).await else { return Err("no browser".into()) };
    let url = format!("http://{}/market", demo.address());
    let mut first = Vec::new();
    for _ in 0..5 {
        browser.open(&url).await;
        let ms = browser.script("return performance.getEntriesByName('first-data')[0].startTime").await;
        first.push(ms.as_f64().ok_or("no time")?);
    }
    println!("first data drawn {first:.0?} ms after navigation; the first of these with nothing in the cache\n");
    // Messages are counted as the page takes them.
    println!(
        "| after | renderer, % of one core in the last minute | its memory, MB | JavaScript heap after a collection, MB |"
    );
    println!("|---|---|---|---|");
    let mut before = (renderers(browser.id()), Instant::now());
    for minute in 1..=minutes {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let now = (renderers(browser.id()), Instant::now());
        let spent: f64 = now.0.iter().map(|(id, (cpu_s, _))| cpu_s - before.0.get(id).map_or(0.0, |it| it.0)).sum();
        let memory: f64 = now.0.values().map(|it| it.1).sum();
        let percent = 100.0 * spent / (now.1 - before.1).as_secs_f64();
        browser.tools("HeapProfiler.collectGarbage", json!({})).await;
        let heap = browser.tools("Runtime.getHeapUsage", json!({})).await;
        let heap = heap["usedSize"].as_f64().unwrap_or_default() / 1e6;
        println!("| {minute} min | {percent:.1} | {memory:.0} | {heap:.2} |");
        before = (renderers(browser.id()), Instant::now());
    }
    browser.assert_quiet().await;
    browser.close().await;
    Ok(())
}

/// The renderers among the descendants of a process: processor time in seconds, memory in RAM in MB.
fn renderers(of: u32) -> BTreeMap<u32, (f64, f64)> {
    let mut parents = BTreeMap::new();
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").expect("Linux").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name before may have spaces.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |n: usize| fields.get(n).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        parents.insert(id, field(1) as u32);
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains("--type=renderer") {
            found.insert(id, ((field(11) + field(12)) / TICKS_PER_S, field(21) * 4_096.0 / 1e6));
        }
    }
    found.retain(|id, _| std::iter::successors(Some(*id), |id| parents.get(id).copied()).take(16).any(|id| id == of));
    found
}
